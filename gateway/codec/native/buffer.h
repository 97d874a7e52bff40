/* Bytes that grow at their end. Memory is taken from the stack of the caller first, from the heap when that is full.
 *
 * Every function that may have to grow says whether it could; after a refusal the buffer is still valid.
 */
#ifndef GATEWAY_BUFFER_H
#define GATEWAY_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Protobuf messages are smaller than 2 GiB (https://protobuf.dev/programming-guides/proto-limits/); half of that keeps
 * every sum of two lengths far from overflow. */
#define BUFFER_LIMIT ((size_t)1 << 30)

/* Kept apart from code that runs often, so that it takes no registers there. */
#define SELDOM __attribute__((noinline))

typedef struct {
    uint8_t *bytes;
    size_t length;
    size_t capacity;
    bool on_heap;
} Buffer;

/* A run of bytes that belongs to someone else. */
typedef struct {
    const uint8_t *at;
    size_t length;
} Slice;

/* Texts that a table keeps are followed by at least this much memory of the table. So they are copied in steps of
 * this size, which cost less than a copy of any length. */
#define KEPT_STEP 32

static inline bool slices_equal(Slice one, Slice other) {
    return one.length == other.length && memcmp(one.at, other.at, one.length) == 0;
}

#define slice_is(slice, text) \
    ((slice).length == sizeof(text) - 1 && memcmp((slice).at, (text), sizeof(text) - 1) == 0)

static inline void buffer_open(Buffer *buffer, uint8_t *first, size_t capacity) {
    *buffer = (Buffer){.bytes = first, .length = 0, .capacity = capacity, .on_heap = false};
}

static inline void buffer_close(Buffer *buffer) {
    if (buffer->on_heap) {
        free(buffer->bytes);
    }
}

SELDOM bool buffer_grow(Buffer *buffer, size_t more);

/* Makes room for `more` bytes beyond the length. */
static inline bool buffer_reserve(Buffer *buffer, size_t more) {
    return buffer->capacity - buffer->length >= more || buffer_grow(buffer, more);
}

static inline bool put_byte(Buffer *buffer, uint8_t byte) {
    if (!buffer_reserve(buffer, 1)) {
        return false;
    }
    buffer->bytes[buffer->length++] = byte;
    return true;
}

static inline bool put_bytes(Buffer *buffer, const void *bytes, size_t length) {
    if (!buffer_reserve(buffer, length)) {
        return false;
    }
    memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
    return true;
}

/* Writes a text that a table keeps. */
static inline bool put_kept(Buffer *buffer, Slice text) {
    if (!buffer_reserve(buffer, text.length + KEPT_STEP)) {
        return false;
    }
    uint8_t *out = buffer->bytes + buffer->length;
    for (size_t done = 0; done < text.length; done += KEPT_STEP) {
        memcpy(out + done, text.at + done, KEPT_STEP);
    }
    buffer->length += text.length;
    return true;
}

#define put_literal(buffer, text) put_bytes((buffer), (text), sizeof(text) - 1)

#endif
