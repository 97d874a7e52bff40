#include <math.h>

#include "dump.h"
#include "json_value.h"
#include "number.h"
#include "text.h"

static int64_t unzigzag(uint64_t value) {
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

/* Integers of 64 bits are quoted, as doubles cannot hold all of them; keys of maps always are. */
static bool put_integer_text(Buffer *out, bool is_signed, uint64_t value, bool quoted) {
    if (!buffer_reserve(out, MAX_INTEGER_TEXT + 2)) {
        return false;
    }
    uint8_t *at = out->bytes + out->length;
    *at = '"';
    at += quoted;
    at = is_signed ? write_signed(at, (int64_t)value) : write_unsigned(at, value);
    *at = '"';
    at += quoted;
    out->length = (size_t)(at - out->bytes);
    return true;
}

/* Sign or zeros to 64 bits, as the type wants it. */
static uint64_t widen(int type, uint64_t value) {
    switch (type) {
    case TYPE_INT32:
    case TYPE_SFIXED32:
        return (uint64_t)(int64_t)(int32_t)(uint32_t)value;
    case TYPE_SINT32:
        return (uint64_t)(int64_t)(int32_t)(uint32_t)unzigzag((uint32_t)value);
    case TYPE_UINT32:
    case TYPE_FIXED32:
        return (uint32_t)value;
    case TYPE_SINT64:
        return (uint64_t)unzigzag(value);
    default:
        return value;
    }
}

static const uint8_t *dump_integer(Buffer *out, const Field *field, const uint8_t *at, const uint8_t *end,
                                   bool quoted) {
    Wire wire = {at, end};
    uint64_t value;
    bool read = field->wire_type == WIRE_VARINT ? read_varint(&wire, &value)
                : field->wire_type == WIRE_64   ? read_fixed(&wire, &value, 8)
                                                : read_fixed(&wire, &value, 4);
    if (!read) {
        return NULL;
    }
    bool is_unsigned = field->type == TYPE_UINT32 || field->type == TYPE_FIXED32 || field->type == TYPE_UINT64 ||
                       field->type == TYPE_FIXED64;
    return put_integer_text(out, !is_unsigned, widen(field->type, value), quoted) ? wire.at : NULL;
}

static bool put_special(Buffer *out, double value) {
    if (isnan(value)) {
        return put_literal(out, "\"NaN\"");
    }
    return value > 0 ? put_literal(out, "\"Infinity\"") : put_literal(out, "\"-Infinity\"");
}

static bool put_any_double(Buffer *out, uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return isfinite(value) ? put_double(out, value) : put_special(out, value);
}

static bool put_any_float(Buffer *out, uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return isfinite(value) ? put_float(out, value) : put_special(out, (double)value);
}

static bool put_enum(Buffer *out, const Enum *values, int32_t number) {
    if (values->null) {
        return put_literal(out, "null");
    }
    const Slice *text = find_text(values, number);
    if (text != NULL) {
        return put_kept(out, *text);
    }
    /* A closed enum has no such value: the runtime keeps the number as an unknown field. */
    return !values->closed && put_signed(out, number);
}

static bool put_bool(Buffer *out, bool value) {
    return value ? put_literal(out, "true") : put_literal(out, "false");
}

static Slice slice_of(Wire inside) {
    return (Slice){inside.at, (size_t)(inside.end - inside.at)};
}

/* Refuses an empty text, which is no value or wrong. */
static bool put_json_text(Dumper *dumper, Slice text, bool object) {
    return copy_text(&dumper->reader, text, object, &dumper->out);
}

const uint8_t *dump_scalar(Dumper *dumper, const Field *field, const uint8_t *at, const uint8_t *end) {
    Buffer *out = &dumper->out;
    Wire wire = {at, end}, inside;
    uint64_t value;
    switch (field->type) {
    case TYPE_STRING:
        return read_sized(&wire, &inside) && put_quoted(out, slice_of(inside)) ? wire.at : NULL;
    case TYPE_BYTES:
        return read_sized(&wire, &inside) && put_base64(out, slice_of(inside)) ? wire.at : NULL;
    case TYPE_JSON_OBJECT:
        return read_sized(&wire, &inside) && put_json_text(dumper, slice_of(inside), true) ? wire.at : NULL;
    case TYPE_JSON_ANY:
        return read_sized(&wire, &inside) && put_json_text(dumper, slice_of(inside), false) ? wire.at : NULL;
    case TYPE_BOOL:
        return read_varint(&wire, &value) && put_bool(out, value != 0) ? wire.at : NULL;
    case TYPE_ENUM:
        return read_varint(&wire, &value) && put_enum(out, field->values, (int32_t)(uint32_t)value) ? wire.at : NULL;
    case TYPE_DOUBLE:
        return read_fixed(&wire, &value, 8) && put_any_double(out, value) ? wire.at : NULL;
    case TYPE_FLOAT:
        return read_fixed(&wire, &value, 4) && put_any_float(out, (uint32_t)value) ? wire.at : NULL;
    case TYPE_INT64:
    case TYPE_UINT64:
    case TYPE_SINT64:
    case TYPE_FIXED64:
    case TYPE_SFIXED64:
        return dump_integer(out, field, at, end, !field->number_integers);
    case TYPE_INT32:
    case TYPE_UINT32:
    case TYPE_SINT32:
    case TYPE_FIXED32:
    case TYPE_SFIXED32:
        return dump_integer(out, field, at, end, false);
    default:
        return NULL;
    }
}

/* Zero in every wire type, and nothing where there is a length. */
static const uint8_t ZEROS[8];

bool dump_default(Dumper *dumper, const Field *field) {
    return dump_scalar(dumper, field, ZEROS, ZEROS + sizeof ZEROS) != NULL;
}

const uint8_t *dump_map_key(Dumper *dumper, const Field *field, const uint8_t *at, const uint8_t *end) {
    Wire wire = {at, end};
    uint64_t value;
    switch (field->type) {
    case TYPE_STRING:
        return dump_scalar(dumper, field, at, end);
    case TYPE_BOOL:
        return put_byte(&dumper->out, '"') && read_varint(&wire, &value) && put_bool(&dumper->out, value != 0) &&
                       put_byte(&dumper->out, '"')
                   ? wire.at
                   : NULL;
    default:
        return dump_integer(&dumper->out, field, at, end, true);
    }
}

bool dump_default_map_key(Dumper *dumper, const Field *field) {
    return dump_map_key(dumper, field, ZEROS, ZEROS + sizeof ZEROS) != NULL;
}
