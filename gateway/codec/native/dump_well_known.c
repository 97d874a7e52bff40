/* Source of these forms: https://protobuf.dev/programming-guides/json/
 *
 * Unknown fields, which no runtime puts into these types, are left to Python.
 */
#include <math.h>

#include "dump.h"
#include "number.h"
#include "text.h"
#include "times.h"

/* Timestamp and Duration have the same fields. */
static bool read_time(Wire wire, Time *time) {
    *time = (Time){0, 0};
    while (wire.at < wire.end) {
        uint64_t tag, value;
        if (!read_varint(&wire, &tag) || (tag != (1 << 3 | WIRE_VARINT) && tag != (2 << 3 | WIRE_VARINT)) ||
            !read_varint(&wire, &value)) {
            return false;
        }
        if (tag >> 3 == 1) {
            time->seconds = (int64_t)value;
        } else {
            time->nanos = (int32_t)(uint32_t)value;
        }
    }
    return true;
}

bool dump_timestamp(Dumper *dumper, Wire wire, bool offset) {
    Time time;
    return read_time(wire, &time) && put_timestamp(&dumper->out, time, offset);
}

bool dump_duration(Dumper *dumper, Wire wire) {
    Time time;
    return read_time(wire, &time) && put_duration(&dumper->out, time);
}

/* Writes a path in lowerCamelCase. Refuses one that would not come back. */
static bool put_camel_case(Buffer *out, Wire path) {
    while (path.at < path.end) {
        uint8_t letter = *path.at++;
        if (letter == '_') {
            if (path.at == path.end || *path.at < 'a' || *path.at > 'z') {
                return false;
            }
            letter = (uint8_t)(*path.at++ - 'a' + 'A');
        } else if (!(letter >= 'a' && letter <= 'z') && !(letter >= '0' && letter <= '9') && letter != '.') {
            return false;
        }
        if (!put_byte(out, letter)) {
            return false;
        }
    }
    return true;
}

bool dump_field_mask(Dumper *dumper, Wire wire) {
    bool first = true;
    if (!put_byte(&dumper->out, '"')) {
        return false;
    }
    while (wire.at < wire.end) {
        uint64_t tag;
        Wire path;
        if (!read_varint(&wire, &tag) || tag != (1 << 3 | WIRE_LENGTH) || !read_sized(&wire, &path) ||
            (!first && !put_byte(&dumper->out, ',')) || !put_camel_case(&dumper->out, path)) {
            return false;
        }
        first = false;
    }
    return put_byte(&dumper->out, '"');
}

/* Reads the tag and the length of field 1 or 2 of a message in google/protobuf/struct.proto. */
static bool read_part(Wire *wire, uint64_t number, Wire *part) {
    uint64_t tag;
    return read_varint(wire, &tag) && tag == (number << 3 | WIRE_LENGTH) && read_sized(wire, part);
}

static bool dump_inner_value(Dumper *dumper, Wire wire) {
    if (++dumper->depth > MAX_DUMP_DEPTH) {
        return false;
    }
    bool dumped = dump_value(dumper, wire);
    dumper->depth--;
    return dumped;
}

static bool dump_struct_member(Dumper *dumper, Wire entry) {
    Wire key, value;
    return read_part(&entry, 1, &key) && read_part(&entry, 2, &value) && entry.at == entry.end &&
           put_quoted(&dumper->out, (Slice){key.at, (size_t)(key.end - key.at)}) && put_byte(&dumper->out, ':') &&
           dump_inner_value(dumper, value);
}

bool dump_struct(Dumper *dumper, Wire wire) {
    bool first = true;
    if (!put_byte(&dumper->out, '{')) {
        return false;
    }
    while (wire.at < wire.end) {
        Wire entry;
        if (!read_part(&wire, 1, &entry) || (!first && !put_byte(&dumper->out, ',')) ||
            !dump_struct_member(dumper, entry)) {
            return false;
        }
        first = false;
    }
    return put_byte(&dumper->out, '}');
}

bool dump_list_value(Dumper *dumper, Wire wire) {
    bool first = true;
    if (!put_byte(&dumper->out, '[')) {
        return false;
    }
    while (wire.at < wire.end) {
        Wire value;
        if (!read_part(&wire, 1, &value) || (!first && !put_byte(&dumper->out, ',')) ||
            !dump_inner_value(dumper, value)) {
            return false;
        }
        first = false;
    }
    return put_byte(&dumper->out, ']');
}

/* Whole numbers are written without a point, as far as doubles hold every whole number. Minus zero is no integer. */
static bool dump_number_value(Dumper *dumper, Wire *wire) {
    uint64_t bits;
    double value;
    if (!read_fixed(wire, &bits, 8)) {
        return false;
    }
    memcpy(&value, &bits, sizeof value);
    if (!isfinite(value)) {
        return false;
    }
    bool whole = fabs(value) < 9007199254740992.0 && value == floor(value) && !(value == 0 && signbit(value));
    return whole ? put_signed(&dumper->out, (int64_t)value) : put_double(&dumper->out, value);
}

static bool dump_kind(Dumper *dumper, uint64_t tag, Wire *wire) {
    uint64_t value;
    Wire inside;
    switch (tag) {
    case 1 << 3 | WIRE_VARINT:
        return read_varint(wire, &value) && put_literal(&dumper->out, "null");
    case 2 << 3 | WIRE_64:
        return dump_number_value(dumper, wire);
    case 3 << 3 | WIRE_LENGTH:
        return read_sized(wire, &inside) &&
               put_quoted(&dumper->out, (Slice){inside.at, (size_t)(inside.end - inside.at)});
    case 4 << 3 | WIRE_VARINT:
        return read_varint(wire, &value) &&
               (value ? put_literal(&dumper->out, "true") : put_literal(&dumper->out, "false"));
    case 5 << 3 | WIRE_LENGTH:
        return read_sized(wire, &inside) && dump_struct(dumper, inside);
    case 6 << 3 | WIRE_LENGTH:
        return read_sized(wire, &inside) && dump_list_value(dumper, inside);
    default:
        return false;
    }
}

bool dump_value(Dumper *dumper, Wire wire) {
    uint64_t tag;
    return read_varint(&wire, &tag) && dump_kind(dumper, tag, &wire) && wire.at == wire.end;
}
