/* The binary form of protobuf: https://protobuf.dev/programming-guides/encoding/ */
#ifndef GATEWAY_WIRE_H
#define GATEWAY_WIRE_H

#include "buffer.h"

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_LENGTH = 2, WIRE_32 = 5 };

/* A varint is at most this long: 64 bits, 7 in a byte. */
#define MAX_VARINT 10

/* What is left to read of a message. */
typedef struct {
    const uint8_t *at;
    const uint8_t *end;
} Wire;

/* Writes without a look at the capacity: at most MAX_VARINT bytes. Returns the end of what was written. */
static inline uint8_t *write_varint(uint8_t *at, uint64_t value) {
    while (value >= 0x80) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *at++ = (uint8_t)value;
    return at;
}

static inline bool put_varint(Buffer *buffer, uint64_t value) {
    if (!buffer_reserve(buffer, MAX_VARINT)) {
        return false;
    }
    buffer->length = (size_t)(write_varint(buffer->bytes + buffer->length, value) - buffer->bytes);
    return true;
}

/* Little endian on the wire, whatever the machine is. */
static inline bool put_fixed(Buffer *buffer, uint64_t value, int size) {
    if (!buffer_reserve(buffer, 8)) {
        return false;
    }
    for (int i = 0; i < size; i++) {
        buffer->bytes[buffer->length++] = (uint8_t)(value >> (8 * i));
    }
    return true;
}

static inline bool put_sized(Buffer *buffer, Slice text) {
    return put_varint(buffer, text.length) && put_bytes(buffer, text.at, text.length);
}

/* Starts a part whose length stands before it. Returns where it starts, or 0 when there is no room: no part starts at
 * 0, its length is there. */
static inline size_t open_sized(Buffer *buffer) {
    return put_byte(buffer, 0) ? buffer->length : 0;
}

/* Writes the length of the part that `open_sized` started. Lengths of up to 127 fit into the byte kept for them. */
static inline bool close_sized(Buffer *buffer, size_t start) {
    size_t length = buffer->length - start;
    if (length < 0x80) {
        buffer->bytes[start - 1] = (uint8_t)length;
        return true;
    }
    uint8_t prefix[MAX_VARINT];
    size_t prefix_length = (size_t)(write_varint(prefix, length) - prefix);
    if (!buffer_reserve(buffer, prefix_length - 1)) {
        return false;
    }
    memmove(buffer->bytes + start - 1 + prefix_length, buffer->bytes + start, length);
    memcpy(buffer->bytes + start - 1, prefix, prefix_length);
    buffer->length += prefix_length - 1;
    return true;
}

/* A varint and what is behind it; NULL when there is none. */
typedef struct {
    const uint8_t *behind;
    uint64_t value;
} Varint;

/* Takes and returns values, so that its callers can keep theirs in registers. */
Varint read_long_varint(const uint8_t *at, const uint8_t *end);

static inline bool read_varint(Wire *wire, uint64_t *value) {
    if (wire->at < wire->end && *wire->at < 0x80) {
        *value = *wire->at++;
        return true;
    }
    Varint found = read_long_varint(wire->at, wire->end);
    if (found.behind == NULL) {
        return false;
    }
    wire->at = found.behind;
    *value = found.value;
    return true;
}

/* Compilers make one load of this. */
static inline uint64_t fixed_32_at(const uint8_t *at) {
    return (uint64_t)at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 | (uint64_t)at[3] << 24;
}

/* `size` is 4 or 8. */
static inline bool read_fixed(Wire *wire, uint64_t *value, int size) {
    if (wire->end - wire->at < size) {
        return false;
    }
    *value = fixed_32_at(wire->at) | (size == 8 ? fixed_32_at(wire->at + 4) << 32 : 0);
    wire->at += size;
    return true;
}

static inline bool read_sized(Wire *wire, Wire *inside) {
    uint64_t length;
    if (!read_varint(wire, &length) || length > (uint64_t)(wire->end - wire->at)) {
        return false;
    }
    inside->at = wire->at;
    inside->end = wire->at + length;
    wire->at = inside->end;
    return true;
}

/* Passes over the value of a field. Groups are not read here. */
static inline bool skip_field(Wire *wire, int wire_type) {
    uint64_t ignored;
    Wire inside;
    switch (wire_type) {
    case WIRE_VARINT:
        return read_varint(wire, &ignored);
    case WIRE_64:
        return read_fixed(wire, &ignored, 8);
    case WIRE_LENGTH:
        return read_sized(wire, &inside);
    case WIRE_32:
        return read_fixed(wire, &ignored, 4);
    default:
        return false;
    }
}

#endif
