#include "json_reader.h"

#include "text.h"

#define FIRST_KEYS 64
/* Up to here every key is compared with every other one. */
#define FEW_KEYS 12

void reader_open(Reader *reader, Slice text, uint8_t *first, size_t capacity) {
    *reader = (Reader){.at = text.at, .start = text.at, .end = text.at + text.length};
    buffer_open(&reader->unescaped, first, capacity);
}

void reader_restart(Reader *reader, Slice text) {
    reader->at = reader->start = text.at;
    reader->end = text.at + text.length;
    reader->depth = 0;
    reader->unescaped.length = 0;
    reader->key_count = 0;
}

void reader_close(Reader *reader) {
    buffer_close(&reader->unescaped);
    free(reader->keys);
}

bool accept_word(Reader *reader, const char *word, size_t length) {
    if (peek(reader) != (uint8_t)word[0] || (size_t)(reader->end - reader->at) < length ||
        memcmp(reader->at, word, length) != 0) {
        return false;
    }
    reader->at += length;
    return true;
}

/* Reads four hexadecimal digits. */
static bool read_code_unit(Reader *reader, uint32_t *unit) {
    if (reader->end - reader->at < 4) {
        return false;
    }
    *unit = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t digit = *reader->at++;
        uint8_t letter = digit | 0x20;
        if (digit >= '0' && digit <= '9') {
            *unit = *unit << 4 | (uint32_t)(digit - '0');
        } else if (letter >= 'a' && letter <= 'f') {
            *unit = *unit << 4 | (uint32_t)(letter - 'a' + 10);
        } else {
            return false;
        }
    }
    return true;
}

/* Reads what follows \u. Characters beyond 0xffff are pairs of surrogates. */
static bool unescape_code_point(Reader *reader) {
    uint32_t unit, low;
    if (!read_code_unit(reader, &unit)) {
        return false;
    }
    if (unit < 0xd800 || unit > 0xdfff) {
        return put_utf8(&reader->unescaped, unit);
    }
    if (unit > 0xdbff || reader->end - reader->at < 2 || reader->at[0] != '\\' || reader->at[1] != 'u') {
        return false;
    }
    reader->at += 2;
    return read_code_unit(reader, &low) && low >= 0xdc00 && low <= 0xdfff &&
           put_utf8(&reader->unescaped, 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
}

/* Reads what follows a backslash. */
static bool unescape(Reader *reader) {
    if (reader->at == reader->end) {
        return false;
    }
    switch (*reader->at++) {
    case '"':
        return put_byte(&reader->unescaped, '"');
    case '\\':
        return put_byte(&reader->unescaped, '\\');
    case '/':
        return put_byte(&reader->unescaped, '/');
    case 'b':
        return put_byte(&reader->unescaped, '\b');
    case 'f':
        return put_byte(&reader->unescaped, '\f');
    case 'n':
        return put_byte(&reader->unescaped, '\n');
    case 'r':
        return put_byte(&reader->unescaped, '\r');
    case 't':
        return put_byte(&reader->unescaped, '\t');
    case 'u':
        return unescape_code_point(reader);
    default:
        return false;
    }
}

/* Moves to the next quote or backslash. */
static bool pass_unescaped(Reader *reader) {
    for (;;) {
        reader->at = plain_until(reader->at, reader->end);
        if (reader->at == reader->end) {
            return false;
        }
        if (*reader->at == '"' || *reader->at == '\\') {
            return true;
        }
        size_t length = *reader->at >= 0x80 ? utf8_length(reader->at, reader->end) : 0;
        if (length == 0) {
            return false;
        }
        reader->at += length;
    }
}

/* Reads the rest of a string from its first backslash on. */
static bool read_escaped(Reader *reader, const uint8_t *first, Slice *text) {
    Buffer *unescaped = &reader->unescaped;
    size_t start = unescaped->length;
    for (;;) {
        if (!put_bytes(unescaped, first, (size_t)(reader->at - first))) {
            return false;
        }
        if (*reader->at++ == '"') {
            *text = (Slice){unescaped->bytes + start, unescaped->length - start};
            return true;
        }
        if (!unescape(reader)) {
            return false;
        }
        first = reader->at;
        if (!pass_unescaped(reader)) {
            return false;
        }
    }
}

/* Reads a string whose unescaped form, if it has one, stays. */
static bool read_lasting(Reader *reader, Slice *text) {
    if (!accept(reader, '"')) {
        return false;
    }
    const uint8_t *first = reader->at;
    if (!pass_unescaped(reader)) {
        return false;
    }
    if (*reader->at == '\\') {
        return read_escaped(reader, first, text);
    }
    *text = (Slice){first, (size_t)(reader->at++ - first)};
    return true;
}

bool read_string(Reader *reader, Slice *text) {
    size_t start = reader->unescaped.length;
    bool found = read_lasting(reader, text);
    /* The bytes stay until the next string is put over them. */
    reader->unescaped.length = start;
    return found;
}

static bool keep_key(Reader *reader, Key key) {
    if (reader->key_count == reader->key_capacity) {
        size_t capacity = reader->key_capacity > 0 ? 2 * reader->key_capacity : FIRST_KEYS;
        Key *keys = realloc(reader->keys, capacity * sizeof(Key));
        if (keys == NULL) {
            return false;
        }
        reader->keys = keys;
        reader->key_capacity = capacity;
    }
    reader->keys[reader->key_count++] = key;
    return true;
}

/* Reads a string that is kept as a key. */
static bool read_kept_key(Reader *reader, Slice *text) {
    size_t start = reader->unescaped.length;
    if (!read_lasting(reader, text)) {
        return false;
    }
    bool unescaped = reader->unescaped.length > start;
    Key key = {
        .offset = (uint32_t)(unescaped ? start : (size_t)(text->at - reader->start)),
        .length = (uint32_t)text->length,
        .unescaped = unescaped,
    };
    /* An empty text may point behind the unescaped strings. */
    if (text->length == 0) {
        key.offset = 0;
    }
    return keep_key(reader, key);
}

bool keep_compared_key(Reader *reader) {
    Slice text;
    return read_kept_key(reader, &text);
}

bool read_compared_key(Reader *reader, Slice *text) {
    return read_kept_key(reader, text) && accept(reader, ':');
}

/* Shorter keys first, then by their bytes. */
static int compare(const Reader *reader, Key one, Key other) {
    if (one.length != other.length) {
        return one.length < other.length ? -1 : 1;
    }
    const uint8_t *one_at = (one.unescaped ? reader->unescaped.bytes : reader->start) + one.offset;
    const uint8_t *other_at = (other.unescaped ? reader->unescaped.bytes : reader->start) + other.offset;
    return memcmp(one_at, other_at, one.length);
}

static void sift_down(const Reader *reader, Key *keys, size_t parent, size_t count) {
    for (size_t child; (child = 2 * parent + 1) < count; parent = child) {
        if (child + 1 < count && compare(reader, keys[child], keys[child + 1]) < 0) {
            child++;
        }
        if (compare(reader, keys[parent], keys[child]) >= 0) {
            return;
        }
        Key swapped = keys[parent];
        keys[parent] = keys[child];
        keys[child] = swapped;
    }
}

/* Heapsort: whoever chooses the keys cannot make it slow. */
static void sort(const Reader *reader, Key *keys, size_t count) {
    for (size_t parent = count / 2; parent-- > 0;) {
        sift_down(reader, keys, parent, count);
    }
    for (size_t last = count; last-- > 1;) {
        Key largest = keys[0];
        keys[0] = keys[last];
        keys[last] = largest;
        sift_down(reader, keys, 0, last);
    }
}

bool keys_differ(Reader *reader, size_t first) {
    size_t count = reader->key_count - first;
    if (count == 0) {
        return true;
    }
    Key *keys = reader->keys + first;
    reader->key_count = first;
    if (count > FEW_KEYS) {
        sort(reader, keys, count);
    }
    for (size_t i = 1; i < count; i++) {
        size_t earliest = count > FEW_KEYS ? i - 1 : 0;
        for (size_t other = earliest; other < i; other++) {
            if (compare(reader, keys[i], keys[other]) == 0) {
                return false;
            }
        }
    }
    return true;
}
