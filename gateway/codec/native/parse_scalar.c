#include "parse_scalar.h"

#include <float.h>
#include <math.h>

#include "json_value.h"
#include "number.h"
#include "text.h"
#include "wire.h"

/* Halfway between the largest 32-bit float and the next power of two; from here on rounding gives infinity. */
#define FLOAT_LIMIT 3.4028235677973366e38

static bool put_integer(Buffer *out, int type, const Number *number) {
    uint64_t magnitude;
    if (!number_as_integer(number, &magnitude)) {
        return false;
    }
    bool negative = number->negative && magnitude != 0;
    /* Two's complement. */
    uint64_t value = negative ? 0 - magnitude : magnitude;
    uint64_t limit_32 = (uint64_t)INT32_MAX + negative, limit_64 = (uint64_t)INT64_MAX + negative;
    switch (type) {
    case TYPE_INT32:
        return magnitude <= limit_32 && put_varint(out, value);
    case TYPE_SINT32:
    case TYPE_SINT64:
        /* Zigzag. */
        return magnitude <= (type == TYPE_SINT32 ? limit_32 : limit_64) &&
               put_varint(out, negative ? 2 * (magnitude - 1) + 1 : 2 * magnitude);
    case TYPE_SFIXED32:
        return magnitude <= limit_32 && put_fixed(out, value, 4);
    case TYPE_INT64:
        return magnitude <= limit_64 && put_varint(out, value);
    case TYPE_SFIXED64:
        return magnitude <= limit_64 && put_fixed(out, value, 8);
    case TYPE_UINT32:
        return !negative && magnitude <= UINT32_MAX && put_varint(out, value);
    case TYPE_FIXED32:
        return !negative && magnitude <= UINT32_MAX && put_fixed(out, value, 4);
    case TYPE_UINT64:
        return !negative && put_varint(out, value);
    case TYPE_FIXED64:
        return !negative && put_fixed(out, value, 8);
    default:
        return false;
    }
}

/* Reads a number that fills `text`. */
static bool number_of_text(Slice text, Number *number) {
    const uint8_t *at = text.at, *end = text.at + text.length;
    return read_number(&at, end, number) && at == end;
}

static bool parse_integer(Parser *parser, const Field *field) {
    Number number;
    if (peek(&parser->reader) == '"') {
        Slice text;
        return !field->number_integers && read_string(&parser->reader, &text) && number_of_text(text, &number) &&
               put_integer(&parser->out, field->type, &number);
    }
    return read_number(&parser->reader.at, parser->reader.end, &number) &&
           put_integer(&parser->out, field->type, &number);
}

/* Numbers in strings, which may be the words for what is no number. */
static bool double_of_text(Slice text, double *value) {
    if (slice_is(text, "NaN")) {
        *value = NAN;
        return true;
    }
    if (slice_is(text, "Infinity") || slice_is(text, "-Infinity")) {
        *value = text.at[0] == '-' ? -INFINITY : INFINITY;
        return true;
    }
    Number number;
    /* "-0" keeps its sign, unlike -0; rare enough to leave it. */
    return number_of_text(text, &number) && !(number.whole && number.negative && number.digits == 0) &&
           number_as_double(&number, value);
}

static bool parse_floating(Parser *parser, double *value) {
    if (peek(&parser->reader) == '"') {
        Slice text;
        return read_string(&parser->reader, &text) && double_of_text(text, value);
    }
    Number number;
    return read_number(&parser->reader.at, parser->reader.end, &number) && number_as_double(&number, value);
}

static bool put_double_bits(Buffer *out, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return put_fixed(out, bits, 8);
}

static bool put_float_bits(Buffer *out, double value) {
    if (fabs(value) >= FLOAT_LIMIT && !isinf(value)) {
        return false;
    }
    float rounded = (float)value;
    uint32_t bits;
    memcpy(&bits, &rounded, sizeof bits);
    return put_fixed(out, bits, 4);
}

static Outcome parse_enum_number(Parser *parser, const Enum *values) {
    Number number;
    uint64_t magnitude;
    if (!read_number(&parser->reader.at, parser->reader.end, &number) || !number_as_integer(&number, &magnitude) ||
        magnitude > (uint64_t)INT32_MAX + number.negative) {
        return REFUSED;
    }
    int64_t value = number.negative ? -(int64_t)magnitude : (int64_t)magnitude;
    if (find_text(values, (int32_t)value) == NULL && !values->takes_any_number) {
        return parser->table->ignore_unknown_enums ? LEFT_OUT : REFUSED;
    }
    return put_varint(&parser->out, (uint64_t)value) ? WRITTEN : REFUSED;
}

static Outcome parse_enum(Parser *parser, const Enum *values) {
    uint8_t next = peek(&parser->reader);
    if (next == 'n') {
        return values->null && accept_literal(&parser->reader, "null") && put_byte(&parser->out, 0) ? WRITTEN : REFUSED;
    }
    if (next != '"') {
        return values->takes_numbers ? parse_enum_number(parser, values) : REFUSED;
    }
    Slice text;
    if (!read_string(&parser->reader, &text)) {
        return REFUSED;
    }
    const Word *found = find_word(&values->words, text);
    if (found == NULL) {
        return parser->table->ignore_unknown_enums ? LEFT_OUT : REFUSED;
    }
    return put_varint(&parser->out, (uint64_t)(int64_t)found->meaning) ? WRITTEN : REFUSED;
}

static bool parse_bytes(Parser *parser) {
    Slice text;
    if (!read_string(&parser->reader, &text)) {
        return false;
    }
    size_t start = open_sized(&parser->out);
    return start > 0 && put_base64_decoded(&parser->out, text) && close_sized(&parser->out, start);
}

static bool parse_json_text(Parser *parser, bool object) {
    if (object && peek(&parser->reader) != '{') {
        return false;
    }
    size_t start = open_sized(&parser->out);
    return start > 0 && copy_value(&parser->reader, &parser->out) && close_sized(&parser->out, start);
}

Outcome parse_scalar(Parser *parser, const Field *field) {
    Reader *reader = &parser->reader;
    Slice text;
    double value;
    bool written;
    switch (field->type) {
    case TYPE_STRING:
        written = read_string(reader, &text) && put_sized(&parser->out, text);
        break;
    case TYPE_BYTES:
        written = parse_bytes(parser);
        break;
    case TYPE_JSON_OBJECT:
        written = parse_json_text(parser, true);
        break;
    case TYPE_JSON_ANY:
        written = parse_json_text(parser, false);
        break;
    case TYPE_BOOL:
        written = accept_literal(reader, "true") ? put_byte(&parser->out, 1)
                                                 : accept_literal(reader, "false") && put_byte(&parser->out, 0);
        break;
    case TYPE_ENUM:
        return parse_enum(parser, field->values);
    case TYPE_DOUBLE:
        written = parse_floating(parser, &value) && put_double_bits(&parser->out, value);
        break;
    case TYPE_FLOAT:
        written = parse_floating(parser, &value) && put_float_bits(&parser->out, value);
        break;
    default:
        written = parse_integer(parser, field);
    }
    return written ? WRITTEN : REFUSED;
}

bool parse_map_key(Parser *parser, const Field *field, Slice text) {
    Number number;
    switch (field->type) {
    case TYPE_STRING:
        return put_sized(&parser->out, text);
    case TYPE_BOOL:
        return (slice_is(text, "true") || slice_is(text, "false")) && put_byte(&parser->out, text.at[0] == 't');
    default:
        return number_of_text(text, &number) && put_integer(&parser->out, field->type, &number);
    }
}
