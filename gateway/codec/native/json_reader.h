/* JSON text in pieces (RFC 8259), strict: no invalid UTF-8, no half of a surrogate pair, no repeated key, no nesting
 * beyond the limit.
 *
 * Every function answers false when the text is not what it reads; what is wrong is found out by Python.
 */
#ifndef GATEWAY_JSON_READER_H
#define GATEWAY_JSON_READER_H

#include "buffer.h"

/* As in gateway/codec/json_text.py, in nested objects and lists. */
#define MAX_JSON_DEPTH 100

/* A key met in an object that is still being read. Offsets, as memory may move: into the text, or into the unescaped
 * strings. */
typedef struct {
    uint32_t offset;
    uint32_t length : 31;
    uint32_t unescaped : 1;
} Key;

typedef struct {
    const uint8_t *at;
    const uint8_t *start;
    const uint8_t *end;
    int depth;
    /* Strings that had escapes, without them. */
    Buffer unescaped;
    /* Keys of all open objects whose keys nobody else compares, innermost last. */
    Key *keys;
    size_t key_count;
    size_t key_capacity;
} Reader;

void reader_open(Reader *reader, Slice text, uint8_t *first, size_t capacity);

/* Begins another text; the memory stays. */
void reader_restart(Reader *reader, Slice text);
void reader_close(Reader *reader);

/* Moves behind `wanted`, white space before it included, if it comes next. */
static inline bool accept(Reader *reader, uint8_t wanted) {
    while (reader->at < reader->end) {
        uint8_t next = *reader->at;
        if (next == wanted) {
            reader->at++;
            return true;
        }
        if (next != ' ' && next != '\n' && next != '\r' && next != '\t') {
            return false;
        }
        reader->at++;
    }
    return false;
}

/* What comes next after white space; 0 at the end. */
static inline uint8_t peek(Reader *reader) {
    for (; reader->at < reader->end; reader->at++) {
        uint8_t next = *reader->at;
        if (next != ' ' && next != '\n' && next != '\r' && next != '\t') {
            return next;
        }
    }
    return 0;
}

/* Enters an object or a list. */
static inline bool enter(Reader *reader, uint8_t bracket) {
    return accept(reader, bracket) && ++reader->depth <= MAX_JSON_DEPTH;
}

static inline bool leave(Reader *reader, uint8_t bracket) {
    reader->depth--;
    return accept(reader, bracket);
}

/* Moves behind null, true or false. */
bool accept_word(Reader *reader, const char *word, size_t length);
#define accept_literal(reader, word) accept_word((reader), (word), sizeof(word) - 1)

/* Reads a string. The slice is valid until the next string is read. */
bool read_string(Reader *reader, Slice *text);

/* Reads a string and keeps it to be compared with the other keys of its object. */
bool keep_compared_key(Reader *reader);

/* The same with the colon behind it. */
bool read_compared_key(Reader *reader, Slice *text);

/* Closes an object whose first key was kept as number `first`: whether no two keys since then are the same. */
bool keys_differ(Reader *reader, size_t first);

#endif
