#include <math.h>

#include "dump.h"
#include "number.h"
#include "text.h"

static int64_t unzigzag(uint64_t value) {
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

/* Integers of 64 bits are quoted, as doubles cannot hold all of them; keys of maps always are. */
static bool put_integer(Buffer *out, bool is_signed, uint64_t value, bool quoted) {
    return (!quoted || put_byte(out, '"')) &&
           (is_signed ? put_signed(out, (int64_t)value) : put_unsigned(out, value)) &&
           (!quoted || put_byte(out, '"'));
}

static bool read_integer(const Field *field, Wire *wire, uint64_t *value, bool *is_signed, bool *is_long) {
    bool read = field->wire_type == WIRE_64   ? read_fixed(wire, value, 8)
                : field->wire_type == WIRE_32 ? read_fixed(wire, value, 4)
                                              : read_varint(wire, value);
    *is_signed = true;
    *is_long = false;
    switch (field->type) {
    case TYPE_INT32:
    case TYPE_SFIXED32:
        *value = (uint64_t)(int64_t)(int32_t)(uint32_t)*value;
        return read;
    case TYPE_SINT32:
        *value = (uint64_t)(int64_t)(int32_t)(uint32_t)unzigzag((uint32_t)*value);
        return read;
    case TYPE_UINT32:
    case TYPE_FIXED32:
        *value = (uint32_t)*value;
        *is_signed = false;
        return read;
    case TYPE_INT64:
    case TYPE_SFIXED64:
        *is_long = true;
        return read;
    case TYPE_SINT64:
        *value = (uint64_t)unzigzag(*value);
        *is_long = true;
        return read;
    case TYPE_UINT64:
    case TYPE_FIXED64:
        *is_signed = false;
        *is_long = true;
        return read;
    default:
        return false;
    }
}

static bool put_special(Buffer *out, double value) {
    if (isnan(value)) {
        return put_literal(out, "\"NaN\"");
    }
    return value > 0 ? put_literal(out, "\"Infinity\"") : put_literal(out, "\"-Infinity\"");
}

static bool dump_double(Buffer *out, Wire *wire) {
    uint64_t bits;
    double value;
    if (!read_fixed(wire, &bits, 8)) {
        return false;
    }
    memcpy(&value, &bits, sizeof value);
    return isfinite(value) ? put_double(out, value) : put_special(out, value);
}

static bool dump_float(Buffer *out, Wire *wire) {
    uint64_t bits;
    float value;
    if (!read_fixed(wire, &bits, 4)) {
        return false;
    }
    uint32_t low = (uint32_t)bits;
    memcpy(&value, &low, sizeof value);
    return isfinite(value) ? put_float(out, value) : put_special(out, (double)value);
}

static bool put_enum(Buffer *out, const Enum *values, int32_t number) {
    if (values->null) {
        return put_literal(out, "null");
    }
    const Slice *text = find_text(values, number);
    if (text != NULL) {
        return put_bytes(out, text->at, text->length);
    }
    /* A closed enum has no such value: the runtime keeps the number as an unknown field. */
    return !values->closed && put_signed(out, number);
}

static bool dump_enum(Buffer *out, const Enum *values, Wire *wire) {
    uint64_t number;
    return read_varint(wire, &number) && put_enum(out, values, (int32_t)(uint32_t)number);
}

bool dump_scalar(Dumper *dumper, const Field *field, Wire *wire) {
    Wire inside;
    uint64_t value;
    bool is_signed, is_long;
    switch (field->type) {
    case TYPE_STRING:
        return read_sized(wire, &inside) &&
               put_quoted(&dumper->out, (Slice){inside.at, (size_t)(inside.end - inside.at)});
    case TYPE_BYTES:
        return read_sized(wire, &inside) &&
               put_base64(&dumper->out, (Slice){inside.at, (size_t)(inside.end - inside.at)});
    case TYPE_BOOL:
        return read_varint(wire, &value) &&
               (value ? put_literal(&dumper->out, "true") : put_literal(&dumper->out, "false"));
    case TYPE_ENUM:
        return dump_enum(&dumper->out, field->values, wire);
    case TYPE_DOUBLE:
        return dump_double(&dumper->out, wire);
    case TYPE_FLOAT:
        return dump_float(&dumper->out, wire);
    default:
        return read_integer(field, wire, &value, &is_signed, &is_long) &&
               put_integer(&dumper->out, is_signed, value, is_long && !field->number_integers);
    }
}

bool dump_default(Dumper *dumper, const Field *field) {
    /* Zero in every wire type, and nothing where there is a length. */
    static const uint8_t zeros[8];
    Wire wire = {zeros, zeros + sizeof zeros};
    return dump_scalar(dumper, field, &wire);
}

bool dump_map_key(Dumper *dumper, const Field *field, Wire *wire) {
    uint64_t value;
    bool is_signed, is_long;
    switch (field->type) {
    case TYPE_STRING:
        return dump_scalar(dumper, field, wire);
    case TYPE_BOOL:
        return read_varint(wire, &value) &&
               (value ? put_literal(&dumper->out, "\"true\"") : put_literal(&dumper->out, "\"false\""));
    default:
        return read_integer(field, wire, &value, &is_signed, &is_long) &&
               put_integer(&dumper->out, is_signed, value, true);
    }
}

bool dump_default_map_key(Dumper *dumper, const Field *field) {
    static const uint8_t zeros[8];
    Wire wire = {zeros, zeros + sizeof zeros};
    return dump_map_key(dumper, field, &wire);
}
