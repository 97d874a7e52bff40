#include "text.h"

const bool PLAIN[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
};

static bool continues(uint8_t byte) {
    return (byte & 0xc0) == 0x80;
}

size_t utf8_length(const uint8_t *at, const uint8_t *end) {
    size_t left = (size_t)(end - at);
    if (left >= 2 && at[0] >= 0xc2 && at[0] <= 0xdf) {
        return continues(at[1]) ? 2 : 0;
    }
    if (left >= 3 && (at[0] & 0xf0) == 0xe0) {
        bool overlong = at[0] == 0xe0 && at[1] < 0xa0, surrogate = at[0] == 0xed && at[1] > 0x9f;
        return continues(at[1]) && continues(at[2]) && !overlong && !surrogate ? 3 : 0;
    }
    if (left >= 4 && at[0] >= 0xf0 && at[0] <= 0xf4) {
        bool overlong = at[0] == 0xf0 && at[1] < 0x90, beyond = at[0] == 0xf4 && at[1] > 0x8f;
        return continues(at[1]) && continues(at[2]) && continues(at[3]) && !overlong && !beyond ? 4 : 0;
    }
    return 0;
}

bool put_utf8(Buffer *buffer, uint32_t code_point) {
    uint8_t bytes[4];
    size_t length = 0;
    if (code_point < 0x80) {
        bytes[length++] = (uint8_t)code_point;
    } else if (code_point < 0x800) {
        bytes[length++] = (uint8_t)(0xc0 | code_point >> 6);
        bytes[length++] = (uint8_t)(0x80 | (code_point & 0x3f));
    } else if (code_point < 0x10000) {
        bytes[length++] = (uint8_t)(0xe0 | code_point >> 12);
        bytes[length++] = (uint8_t)(0x80 | (code_point >> 6 & 0x3f));
        bytes[length++] = (uint8_t)(0x80 | (code_point & 0x3f));
    } else {
        bytes[length++] = (uint8_t)(0xf0 | code_point >> 18);
        bytes[length++] = (uint8_t)(0x80 | (code_point >> 12 & 0x3f));
        bytes[length++] = (uint8_t)(0x80 | (code_point >> 6 & 0x3f));
        bytes[length++] = (uint8_t)(0x80 | (code_point & 0x3f));
    }
    return put_bytes(buffer, bytes, length);
}

static bool put_escaped(Buffer *buffer, uint8_t byte) {
    switch (byte) {
    case '"':
        return put_literal(buffer, "\\\"");
    case '\\':
        return put_literal(buffer, "\\\\");
    case '\b':
        return put_literal(buffer, "\\b");
    case '\f':
        return put_literal(buffer, "\\f");
    case '\n':
        return put_literal(buffer, "\\n");
    case '\r':
        return put_literal(buffer, "\\r");
    case '\t':
        return put_literal(buffer, "\\t");
    default: {
        /* Control characters, all below 0x20. */
        const char *digits = "0123456789abcdef";
        char text[6] = {'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]};
        return put_bytes(buffer, text, sizeof text);
    }
    }
}

bool put_quoted_with_care(Buffer *buffer, Slice text) {
    const uint8_t *at = text.at, *end = text.at + text.length, *written = at;
    if (!buffer_reserve(buffer, text.length + 2)) {
        return false;
    }
    buffer->bytes[buffer->length++] = '"';
    while ((at = plain_until(at, end)) < end) {
        if (*at >= 0x80) {
            size_t length = utf8_length(at, end);
            if (length == 0) {
                return false;
            }
            at += length;
            continue;
        }
        if (!put_bytes(buffer, written, (size_t)(at - written)) || !put_escaped(buffer, *at)) {
            return false;
        }
        written = ++at;
    }
    return put_bytes(buffer, written, (size_t)(end - written)) && put_byte(buffer, '"');
}

bool put_base64(Buffer *buffer, Slice bytes) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (bytes.length > BUFFER_LIMIT || !buffer_reserve(buffer, (bytes.length + 2) / 3 * 4 + 2)) {
        return false;
    }
    uint8_t *out = buffer->bytes + buffer->length;
    const uint8_t *at = bytes.at;
    size_t left = bytes.length;
    *out++ = '"';
    for (; left >= 3; left -= 3, at += 3) {
        uint32_t three = (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
        *out++ = (uint8_t)alphabet[three >> 18];
        *out++ = (uint8_t)alphabet[three >> 12 & 63];
        *out++ = (uint8_t)alphabet[three >> 6 & 63];
        *out++ = (uint8_t)alphabet[three & 63];
    }
    if (left > 0) {
        uint32_t rest = (uint32_t)at[0] << 16 | (left == 2 ? (uint32_t)at[1] << 8 : 0);
        *out++ = (uint8_t)alphabet[rest >> 18];
        *out++ = (uint8_t)alphabet[rest >> 12 & 63];
        *out++ = left == 2 ? (uint8_t)alphabet[rest >> 6 & 63] : '=';
        *out++ = '=';
    }
    *out++ = '"';
    buffer->length = (size_t)(out - buffer->bytes);
    return true;
}

/* Value of a character of either alphabet, 0 to 63; -1 for any other. */
static int base64_value(uint8_t character) {
    if (character >= 'A' && character <= 'Z') {
        return character - 'A';
    }
    if (character >= 'a' && character <= 'z') {
        return character - 'a' + 26;
    }
    if (character >= '0' && character <= '9') {
        return character - '0' + 52;
    }
    if (character == '+' || character == '-') {
        return 62;
    }
    return character == '/' || character == '_' ? 63 : -1;
}

bool put_base64_decoded(Buffer *buffer, Slice text) {
    while (text.length > 0 && text.at[text.length - 1] == '=') {
        text.length--;
    }
    if (text.length % 4 == 1 || !buffer_reserve(buffer, text.length / 4 * 3 + 3)) {
        return false;
    }
    uint8_t *out = buffer->bytes + buffer->length;
    uint32_t bits = 0;
    for (size_t i = 0; i < text.length; i++) {
        int value = base64_value(text.at[i]);
        if (value < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 == 3) {
            *out++ = (uint8_t)(bits >> 16);
            *out++ = (uint8_t)(bits >> 8);
            *out++ = (uint8_t)bits;
            bits = 0;
        }
    }
    if (text.length % 4 == 2) {
        *out++ = (uint8_t)(bits >> 4);
    } else if (text.length % 4 == 3) {
        *out++ = (uint8_t)(bits >> 10);
        *out++ = (uint8_t)(bits >> 2);
    }
    buffer->length = (size_t)(out - buffer->bytes);
    return true;
}
