#include "parse.h"

#include "parse_scalar.h"
#include "wire.h"

/* One bit for each field and each oneof of a message. */
typedef struct {
    uint64_t bits[2 * MAX_FIELDS / 64];
} Marks;

/* Sets a mark; false when it is set already. */
static bool mark(Marks *marks, size_t place) {
    uint64_t bit = UINT64_C(1) << place % 64;
    if (marks->bits[place / 64] & bit) {
        return false;
    }
    marks->bits[place / 64] |= bit;
    return true;
}

void parser_open(Parser *parser, const Table *table, Slice text, uint8_t *memory, size_t size) {
    reader_open(&parser->reader, text, memory, size / 2);
    buffer_open(&parser->out, memory + size / 2, size / 2);
    parser->table = table;
    parser->wire_depth = 0;
}

void parser_close(Parser *parser) {
    reader_close(&parser->reader);
    buffer_close(&parser->out);
}

size_t open_message(Parser *parser) {
    return ++parser->wire_depth <= MAX_WIRE_DEPTH ? open_sized(&parser->out) : 0;
}

bool close_message(Parser *parser, size_t start) {
    parser->wire_depth--;
    return close_sized(&parser->out, start);
}

/* Writes one value without its tag. */
static Outcome parse_single(Parser *parser, const Field *field) {
    if (field->type != TYPE_MESSAGE) {
        return parse_scalar(parser, field);
    }
    size_t start = open_message(parser);
    return start > 0 && parse_content(parser, field->message) && close_message(parser, start) ? WRITTEN : REFUSED;
}

static Outcome parse_tagged(Parser *parser, const Field *field) {
    size_t start = parser->out.length;
    if (!put_bytes(&parser->out, field->tag, field->tag_length)) {
        return REFUSED;
    }
    Outcome outcome = parse_single(parser, field);
    if (outcome == LEFT_OUT) {
        parser->out.length = start;
    }
    return outcome;
}

static bool parse_packed_elements(Parser *parser, const Field *field) {
    size_t start = parser->out.length;
    if (!put_bytes(&parser->out, field->tag, field->tag_length)) {
        return false;
    }
    size_t first = open_sized(&parser->out);
    if (first == 0) {
        return false;
    }
    do {
        if (parse_single(parser, field) == REFUSED) {
            return false;
        }
    } while (accept(&parser->reader, ','));
    if (parser->out.length == first) {
        /* All were left out. */
        parser->out.length = start;
        return true;
    }
    return close_sized(&parser->out, first);
}

static bool parse_elements(Parser *parser, const Field *field) {
    do {
        if (parse_tagged(parser, field) == REFUSED) {
            return false;
        }
    } while (accept(&parser->reader, ','));
    return true;
}

static bool parse_list(Parser *parser, const Field *field) {
    if (!enter(&parser->reader, '[')) {
        return false;
    }
    if (peek(&parser->reader) == ']') {
        return leave(&parser->reader, ']');
    }
    bool read = is_packable(field->type) ? parse_packed_elements(parser, field) : parse_elements(parser, field);
    return read && leave(&parser->reader, ']');
}

/* A map in binary is a list of messages with a key and a value. A key that was written in two ways is there twice, and
 * the last one counts. */
static bool parse_member(Parser *parser, const Field *field) {
    const Field *key = &field->message->fields[0], *value = &field->message->fields[1];
    size_t before = parser->out.length;
    Slice text;
    if (!read_compared_key(&parser->reader, &text) ||
        !put_bytes(&parser->out, field->tag, field->tag_length)) {
        return false;
    }
    size_t start = open_message(parser);
    if (start == 0 || !put_bytes(&parser->out, key->tag, key->tag_length) || !parse_map_key(parser, key, text)) {
        return false;
    }
    Outcome outcome = parse_tagged(parser, value);
    if (outcome == REFUSED || !close_message(parser, start)) {
        return false;
    }
    if (outcome == LEFT_OUT) {
        parser->out.length = before;
    }
    return true;
}

static bool parse_map(Parser *parser, const Field *field) {
    size_t first_key = parser->reader.key_count;
    if (!enter(&parser->reader, '{')) {
        return false;
    }
    if (peek(&parser->reader) != '}') {
        do {
            if (!parse_member(parser, field)) {
                return false;
            }
        } while (accept(&parser->reader, ','));
    }
    return leave(&parser->reader, '}') && keys_differ(&parser->reader, first_key);
}

static Outcome parse_field_value(Parser *parser, const Field *field) {
    if (field->shape == SHAPE_SINGLE) {
        return parse_tagged(parser, field);
    }
    bool read = field->shape == SHAPE_LIST ? parse_list(parser, field) : parse_map(parser, field);
    return read ? WRITTEN : REFUSED;
}

/* Reads a key and its colon. The field of an unknown key, which may be passed over, is NULL. */
static bool read_key(Parser *parser, const Message *message, size_t *expected, const Field **field) {
    Reader *reader = &parser->reader;
    bool may_be_unknown = parser->table->ignore_unknown_fields;
    Slice text;
    if (!(may_be_unknown ? read_compared_key(reader, &text) : read_string(reader, &text) && accept(reader, ':'))) {
        return false;
    }
    /* Keys mostly come in the order of the fields. */
    if (*expected < message->field_count && slices_equal(message->fields[*expected].name, text)) {
        *field = &message->fields[*expected];
    } else {
        const Word *found = find_word(&message->words, text);
        *field = found != NULL ? &message->fields[found->meaning] : NULL;
    }
    if (*field == NULL) {
        bool is_extension = message->extendable && text.length > 0 && text.at[0] == '[';
        return may_be_unknown && !is_extension;
    }
    *expected = (size_t)(*field - message->fields) + 1;
    if (may_be_unknown) {
        /* Marks tell keys of known fields apart. */
        reader->key_count--;
    }
    return true;
}

static bool parse_field_member(Parser *parser, const Message *message, size_t *expected, Marks *marks) {
    const Field *field;
    if (!read_key(parser, message, expected, &field)) {
        return false;
    }
    if (field == NULL) {
        return parse_nothing(parser);
    }
    if (!mark(marks, (size_t)(field - message->fields))) {
        return false;
    }
    if (!field->takes_null && peek(&parser->reader) == 'n') {
        return accept_literal(&parser->reader, "null");
    }
    Outcome outcome = parse_field_value(parser, field);
    if (outcome == WRITTEN && field->oneof >= 0) {
        return mark(marks, MAX_FIELDS + (size_t)field->oneof);
    }
    return outcome != REFUSED;
}

static bool parse_fields(Parser *parser, const Message *message) {
    size_t expected = 0, first_key = parser->reader.key_count;
    Marks marks = {{0}};
    if (!enter(&parser->reader, '{')) {
        return false;
    }
    if (peek(&parser->reader) != '}') {
        do {
            if (!parse_field_member(parser, message, &expected, &marks)) {
                return false;
            }
        } while (accept(&parser->reader, ','));
    }
    return leave(&parser->reader, '}') && keys_differ(&parser->reader, first_key);
}

bool parse_content(Parser *parser, const Message *message) {
    switch (message->kind) {
    case KIND_FIELDS:
        return parse_fields(parser, message);
    case KIND_TIMESTAMP:
    case KIND_OFFSET_TIMESTAMP:
        return parse_timestamp(parser);
    case KIND_DURATION:
        return parse_duration(parser);
    case KIND_FIELD_MASK:
        return parse_field_mask(parser);
    case KIND_STRUCT:
        return parse_struct(parser);
    case KIND_VALUE:
        return parse_value(parser);
    case KIND_LIST:
        return parse_list_value(parser);
    case KIND_WRAPPER:
        return parse_tagged(parser, &message->fields[0]) == WRITTEN;
    default:
        return false;
    }
}

static bool at_end(Parser *parser) {
    return peek(&parser->reader) == 0 && parser->reader.at == parser->reader.end;
}

bool parse_message(Parser *parser, const Message *message) {
    return parse_content(parser, message) && at_end(parser);
}

bool parse_field(Parser *parser, const Field *field) {
    /* A value that is left out is no value: what Python makes of it. */
    return parse_field_value(parser, field) == WRITTEN && at_end(parser);
}
