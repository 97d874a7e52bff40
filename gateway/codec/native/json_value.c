#include "json_value.h"

#include "number.h"

/* Twenty digits, which are all that an exact number has, and so many zeros are still far from the largest double. */
#define SAFE_EXPONENT 280

typedef struct {
    Reader *reader;
    Buffer *out;
    /* What was read from here on is not copied yet: a text without white space is copied in one step. */
    const uint8_t *from;
    /* There was no room. */
    bool full;
} Copy;

/* Copies what was read up to here. */
static bool flush(Copy *copy, const uint8_t *end) {
    return put_bytes(copy->out, copy->from, (size_t)(end - copy->from));
}

/* Moves behind white space, which is not copied. Returns what comes next, or 0 at the end. */
static uint8_t next_token(Copy *copy) {
    const uint8_t *before = copy->reader->at;
    uint8_t next = peek(copy->reader);
    if (copy->reader->at > before) {
        copy->full = !flush(copy, before) || copy->full;
        copy->from = copy->reader->at;
    }
    return next;
}

static bool pass_token(Copy *copy, uint8_t wanted) {
    return next_token(copy) == wanted && accept(copy->reader, wanted);
}

static bool pass_value(Copy *copy);

static bool pass_member(Copy *copy) {
    return next_token(copy) == '"' && keep_compared_key(copy->reader) && pass_token(copy, ':') && pass_value(copy);
}

static bool pass_object(Copy *copy) {
    size_t first_key = copy->reader->key_count;
    if (!enter(copy->reader, '{')) {
        return false;
    }
    if (next_token(copy) != '}') {
        do {
            if (!pass_member(copy)) {
                return false;
            }
        } while (pass_token(copy, ','));
    }
    return next_token(copy) == '}' && leave(copy->reader, '}') && keys_differ(copy->reader, first_key);
}

static bool pass_list(Copy *copy) {
    if (!enter(copy->reader, '[')) {
        return false;
    }
    if (next_token(copy) != ']') {
        do {
            if (!pass_value(copy)) {
                return false;
            }
        } while (pass_token(copy, ','));
    }
    return next_token(copy) == ']' && leave(copy->reader, ']');
}

static bool pass_number(Reader *reader) {
    Number number;
    double value;
    return read_number(&reader->at, reader->end, &number) &&
           ((number.exact && number.exponent <= SAFE_EXPONENT) || number_as_double(&number, &value));
}

static bool pass_value(Copy *copy) {
    Reader *reader = copy->reader;
    Slice text;
    switch (next_token(copy)) {
    case '"':
        return read_string(reader, &text);
    case '{':
        return pass_object(copy);
    case '[':
        return pass_list(copy);
    case 'n':
        return accept_literal(reader, "null");
    case 't':
        return accept_literal(reader, "true");
    case 'f':
        return accept_literal(reader, "false");
    default:
        return pass_number(reader);
    }
}

bool copy_value(Reader *reader, Buffer *out) {
    Copy copy = {reader, out, reader->at, false};
    return pass_value(&copy) && !copy.full && flush(&copy, reader->at);
}

bool copy_text(Reader *reader, Slice text, bool object, Buffer *out) {
    reader_restart(reader, text);
    return (!object || peek(reader) == '{') && copy_value(reader, out) && peek(reader) == 0 && reader->at == reader->end;
}
