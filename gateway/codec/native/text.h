/* Text in JSON and in protobuf: UTF-8, escapes, base64. */
#ifndef GATEWAY_TEXT_H
#define GATEWAY_TEXT_H

#include "buffer.h"

/* Whether a byte stands for itself within a JSON string (RFC 8259, section 7) and is ASCII. */
extern const bool PLAIN[256];

/* Whether all of eight bytes are plain. */
static inline bool eight_plain(uint64_t eight) {
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
    uint64_t quote = eight ^ (ones * '"'), backslash = eight ^ (ones * '\\');
    /* A high bit comes out for a byte that is above 0x7f, below 0x20, a quote or a backslash. */
    return ((eight | (eight - ones * 0x20) | (quote - ones) | (backslash - ones)) & highs) == 0;
}

static inline uint64_t eight_at(const uint8_t *at) {
    uint64_t eight;
    memcpy(&eight, at, sizeof eight);
    return eight;
}

/* The first byte from `at` on that is not plain, or `end`. */
static inline const uint8_t *plain_until(const uint8_t *at, const uint8_t *end) {
    while (end - at >= 8 && eight_plain(eight_at(at))) {
        at += 8;
    }
    while (at < end && PLAIN[*at]) {
        at++;
    }
    return at;
}

/* Length of the UTF-8 sequence at `at`, which starts with a byte above 0x7f; 0 when it is not valid (RFC 3629). */
size_t utf8_length(const uint8_t *at, const uint8_t *end);

/* Writes a code point up to 0x10ffff, which is no surrogate. */
bool put_utf8(Buffer *buffer, uint32_t code_point);

/* Vectors as GCC and clang have them for every machine:
 * https://gcc.gnu.org/onlinedocs/gcc/Vector-Extensions.html */
typedef int8_t Sixteen __attribute__((vector_size(16)));
typedef uint64_t Eights __attribute__((vector_size(16)));

/* Copies sixteen bytes that start with the eight at `first` and end with the eight at `last`. Returns whether all of
 * them are plain. */
static inline bool copy_plain_eights(uint8_t *out_first, uint8_t *out_last, const uint8_t *first, const uint8_t *last) {
    Eights eights = {eight_at(first), eight_at(last)};
    uint64_t parts[2] = {eights[0], eights[1]};
    memcpy(out_first, &parts[0], 8);
    memcpy(out_last, &parts[1], 8);
    Sixteen sixteen = (Sixteen)eights;
    /* Bytes above 0x7f are negative. */
    Eights special = (Eights)((sixteen < ' ') | (sixteen == '"') | (sixteen == '\\'));
    return (special[0] | special[1]) == 0;
}

/* Copies a text to where there is room for it. Returns whether all of it is plain. Its end is copied in one step with
 * bytes before it, instead of byte by byte. */
static inline bool copy_plain(uint8_t *out, Slice text) {
    const uint8_t *at = text.at, *end = text.at + text.length;
    if (text.length >= 8) {
        uint8_t *out_end = out + text.length;
        for (; end - at > 16; at += 16, out += 16) {
            if (!copy_plain_eights(out, out + 8, at, at + 8)) {
                return false;
            }
        }
        return end - at >= 8 ? copy_plain_eights(out, out_end - 8, at, end - 8)
                             : copy_plain_eights(out_end - 8, out_end - 8, end - 8, end - 8);
    }
    if (text.length >= 4) {
        uint32_t first, last;
        memcpy(&first, at, 4);
        memcpy(&last, end - 4, 4);
        memcpy(out, &first, 4);
        memcpy(out + text.length - 4, &last, 4);
        return eight_plain((uint64_t)first << 32 | last);
    }
    bool plain = true;
    for (; at < end; at++) {
        *out++ = *at;
        plain = plain && PLAIN[*at];
    }
    return plain;
}

/* Writes any text as a JSON string. Refuses what is not valid UTF-8. */
SELDOM bool put_quoted_with_care(Buffer *buffer, Slice text);

/* The same; most texts are plain, and there is room. */
static inline bool put_quoted(Buffer *buffer, Slice text) {
    if (buffer->capacity - buffer->length >= text.length + 2) {
        uint8_t *out = buffer->bytes + buffer->length;
        if (copy_plain(out + 1, text)) {
            out[0] = out[text.length + 1] = '"';
            buffer->length += text.length + 2;
            return true;
        }
    }
    return put_quoted_with_care(buffer, text);
}

/* Writes `bytes` as a JSON string: standard alphabet, padded (RFC 4648, section 4). */
bool put_base64(Buffer *buffer, Slice bytes);

/* Writes the bytes that `text` spells: standard or URL-safe alphabet, padded or not. Refuses anything else. */
bool put_base64_decoded(Buffer *buffer, Slice text);

#endif
