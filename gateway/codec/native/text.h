/* Text in JSON and in protobuf: UTF-8, escapes, base64. */
#ifndef GATEWAY_TEXT_H
#define GATEWAY_TEXT_H

#include "buffer.h"

/* Whether a byte stands for itself within a JSON string (RFC 8259, section 7) and is ASCII. */
extern const bool PLAIN[256];

/* The first byte from `at` on that is not plain, or `end`. */
static inline const uint8_t *plain_until(const uint8_t *at, const uint8_t *end) {
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
    while (end - at >= 8) {
        uint64_t eight;
        memcpy(&eight, at, 8);
        uint64_t quote = eight ^ (ones * '"'), backslash = eight ^ (ones * '\\');
        /* A high bit comes out for a byte that is above 0x7f, below 0x20, a quote or a backslash. */
        uint64_t special =
            (eight | (eight - ones * 0x20) | ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash)) & highs;
        if (special != 0) {
            break;
        }
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

/* Writes `text` as a JSON string. Refuses what is not valid UTF-8. */
bool put_quoted(Buffer *buffer, Slice text);

/* Writes `bytes` as a JSON string: standard alphabet, padded (RFC 4648, section 4). */
bool put_base64(Buffer *buffer, Slice bytes);

/* Writes the bytes that `text` spells: standard or URL-safe alphabet, padded or not. Refuses anything else. */
bool put_base64_decoded(Buffer *buffer, Slice text);

#endif
