/* Source of these forms: https://protobuf.dev/programming-guides/json/ */
#include "number.h"
#include "parse.h"
#include "times.h"
#include "wire.h"

/* Tags of the messages in google/protobuf/struct.proto. */
enum {
    STRUCT_FIELDS = 1 << 3 | WIRE_LENGTH,
    ENTRY_KEY = 1 << 3 | WIRE_LENGTH,
    ENTRY_VALUE = 2 << 3 | WIRE_LENGTH,
    VALUE_NULL = 1 << 3 | WIRE_VARINT,
    VALUE_NUMBER = 2 << 3 | WIRE_64,
    VALUE_STRING = 3 << 3 | WIRE_LENGTH,
    VALUE_BOOL = 4 << 3 | WIRE_VARINT,
    VALUE_STRUCT = 5 << 3 | WIRE_LENGTH,
    VALUE_LIST = 6 << 3 | WIRE_LENGTH,
    LIST_VALUES = 1 << 3 | WIRE_LENGTH,
};

/* Timestamp and Duration have the same fields. */
static bool put_time(Buffer *out, Time time) {
    return put_byte(out, 1 << 3 | WIRE_VARINT) && put_varint(out, (uint64_t)time.seconds) &&
           put_byte(out, 2 << 3 | WIRE_VARINT) && put_varint(out, (uint64_t)(int64_t)time.nanos);
}

bool parse_timestamp(Parser *parser) {
    Slice text;
    Time time;
    return read_string(&parser->reader, &text) && timestamp_of_text(text, &time) && put_time(&parser->out, time);
}

bool parse_duration(Parser *parser) {
    Slice text;
    Time time;
    return read_string(&parser->reader, &text) && duration_of_text(text, &time) && put_time(&parser->out, time);
}

static bool put_snake_case(Buffer *out, uint8_t letter) {
    bool upper = letter >= 'A' && letter <= 'Z', lower = letter >= 'a' && letter <= 'z';
    if (upper) {
        return put_byte(out, '_') && put_byte(out, letter | 0x20);
    }
    return (lower || (letter >= '0' && letter <= '9') || letter == '.') && put_byte(out, letter);
}

bool parse_field_mask(Parser *parser) {
    Slice text;
    if (!read_string(&parser->reader, &text)) {
        return false;
    }
    for (size_t i = 0; i <= text.length && text.length > 0; i++) {
        if (!put_byte(&parser->out, 1 << 3 | WIRE_LENGTH)) {
            return false;
        }
        size_t start = open_sized(&parser->out);
        for (; start > 0 && i < text.length && text.at[i] != ','; i++) {
            if (!put_snake_case(&parser->out, text.at[i])) {
                return false;
            }
        }
        if (start == 0 || !close_sized(&parser->out, start)) {
            return false;
        }
    }
    return true;
}

static bool parse_struct_member(Parser *parser) {
    Slice key;
    if (!read_compared_key(&parser->reader, &key) || !put_byte(&parser->out, STRUCT_FIELDS)) {
        return false;
    }
    size_t entry = open_message(parser);
    if (entry == 0 || !put_byte(&parser->out, ENTRY_KEY) || !put_sized(&parser->out, key) ||
        !put_byte(&parser->out, ENTRY_VALUE)) {
        return false;
    }
    size_t value = open_message(parser);
    return value > 0 && parse_value(parser) && close_message(parser, value) && close_message(parser, entry);
}

bool parse_struct(Parser *parser) {
    size_t first_key = parser->reader.key_count;
    if (!enter(&parser->reader, '{')) {
        return false;
    }
    if (peek(&parser->reader) != '}') {
        do {
            if (!parse_struct_member(parser)) {
                return false;
            }
        } while (accept(&parser->reader, ','));
    }
    return leave(&parser->reader, '}') && keys_differ(&parser->reader, first_key);
}

bool parse_list_value(Parser *parser) {
    if (!enter(&parser->reader, '[')) {
        return false;
    }
    if (peek(&parser->reader) == ']') {
        return leave(&parser->reader, ']');
    }
    do {
        size_t start = put_byte(&parser->out, LIST_VALUES) ? open_message(parser) : 0;
        if (start == 0 || !parse_value(parser) || !close_message(parser, start)) {
            return false;
        }
    } while (accept(&parser->reader, ','));
    return leave(&parser->reader, ']');
}

static bool parse_number_value(Parser *parser) {
    Number number;
    double value;
    uint64_t bits;
    if (!read_number(&parser->reader.at, parser->reader.end, &number) || !number_as_double(&number, &value)) {
        return false;
    }
    memcpy(&bits, &value, sizeof bits);
    return put_byte(&parser->out, VALUE_NUMBER) && put_fixed(&parser->out, bits, 8);
}

bool parse_value(Parser *parser) {
    Reader *reader = &parser->reader;
    Buffer *out = &parser->out;
    Slice text;
    size_t start;
    switch (peek(reader)) {
    case '"':
        return read_string(reader, &text) && put_byte(out, VALUE_STRING) && put_sized(out, text);
    case '{':
        start = put_byte(out, VALUE_STRUCT) ? open_message(parser) : 0;
        return start > 0 && parse_struct(parser) && close_message(parser, start);
    case '[':
        start = put_byte(out, VALUE_LIST) ? open_message(parser) : 0;
        return start > 0 && parse_list_value(parser) && close_message(parser, start);
    case 'n':
        return accept_literal(reader, "null") && put_byte(out, VALUE_NULL) && put_byte(out, 0);
    case 't':
        return accept_literal(reader, "true") && put_byte(out, VALUE_BOOL) && put_byte(out, 1);
    case 'f':
        return accept_literal(reader, "false") && put_byte(out, VALUE_BOOL) && put_byte(out, 0);
    default:
        return parse_number_value(parser);
    }
}

bool parse_nothing(Parser *parser) {
    /* As a google.protobuf.Value, which is then dropped: what is skipped must be valid too. */
    size_t start = parser->out.length;
    bool read = parse_value(parser);
    parser->out.length = start;
    return read;
}
