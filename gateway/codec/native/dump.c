#include "dump.h"

void dumper_open(Dumper *dumper, const Table *table, uint8_t *memory, size_t size) {
    *dumper = (Dumper){.table = table};
    reader_open(&dumper->reader, (Slice){memory, 0}, memory, size / 8);
    buffer_open(&dumper->out, memory + size / 8, size - size / 8);
}

void dumper_close(Dumper *dumper) {
    buffer_close(&dumper->out);
    reader_close(&dumper->reader);
    free(dumper->found.places);
}

/* Makes room for the fields of one more message, none found yet. */
static bool open_found(Found *found, size_t count) {
    if (found->capacity - found->count < count) {
        size_t capacity = 2 * (found->count + count);
        const uint8_t **places = realloc(found->places, capacity * sizeof *places);
        if (places == NULL) {
            return false;
        }
        found->places = places;
        found->capacity = capacity;
    }
    for (size_t i = 0; i < count; i++) {
        found->places[found->count + i] = NULL;
    }
    found->count += count;
    return true;
}

/* Whether a field of this wire type holds values of `field`; otherwise it is an unknown field that has its number. */
static bool holds(const Field *field, int wire_type) {
    return wire_type == field->wire_type ||
           (wire_type == WIRE_LENGTH && field->shape == SHAPE_LIST && is_packable(field->type));
}

/* Finds the fields of a message. Refuses fields and lists that come in several pieces, and extensions. */
static bool find_fields(Dumper *dumper, const Message *message, size_t base, Wire wire) {
    const Field *last = NULL;
    size_t expected = 0;
    while (wire.at < wire.end) {
        const uint8_t *place = wire.at;
        uint64_t tag;
        if (!read_varint(&wire, &tag)) {
            return false;
        }
        int wire_type = (int)(tag & 7);
        const Field *field = find_number(message, tag >> 3, &expected);
        if (!skip_field(&wire, wire_type) || (field == NULL && message->extendable)) {
            return false;
        }
        if (field != NULL && holds(field, wire_type)) {
            const uint8_t **found = &dumper->found.places[base + (size_t)(field - message->fields)];
            if (*found == NULL) {
                *found = place;
            } else if (field->shape == SHAPE_SINGLE || field != last) {
                return false;
            }
            last = field;
        } else {
            last = NULL;
        }
    }
    return true;
}

static bool dump_content(Dumper *dumper, const Message *message, Wire wire);

static bool dump_inner_message(Dumper *dumper, const Message *message, Wire wire) {
    if (++dumper->depth > MAX_DUMP_DEPTH) {
        return false;
    }
    bool dumped = dump_content(dumper, message, wire);
    dumper->depth--;
    return dumped;
}

/* Writes one value, which starts behind its tag. Returns what is behind it, or NULL; so do all that take a field. */
static inline const uint8_t *dump_single(Dumper *dumper, const Field *field, const uint8_t *at,
                                         const uint8_t *end) {
    if (field->type != TYPE_MESSAGE) {
        return dump_scalar(dumper, field, at, end);
    }
    Wire wire = {at, end}, inside;
    return read_sized(&wire, &inside) && dump_inner_message(dumper, field->message, inside) ? wire.at : NULL;
}

/* Finds key and value of an entry; either may be missing when it has its default. */
static bool read_entry(const Message *entry, Wire wire, Wire *key, Wire *value) {
    while (wire.at < wire.end) {
        uint64_t tag;
        if (!read_varint(&wire, &tag)) {
            return false;
        }
        const Field *field = &entry->fields[tag >> 3 == 2];
        Wire *part = tag >> 3 == 2 ? value : key;
        if (tag >> 3 != field->number || (tag & 7) != field->wire_type || part->at != NULL) {
            return false;
        }
        part->at = wire.at;
        if (!skip_field(&wire, (int)(tag & 7))) {
            return false;
        }
        part->end = wire.at;
    }
    return true;
}

static bool dump_missing(Dumper *dumper, const Field *field);

static bool dump_entry(Dumper *dumper, const Message *entry, Wire wire) {
    Wire key = {NULL, NULL}, value = {NULL, NULL};
    if (!read_entry(entry, wire, &key, &value)) {
        return false;
    }
    bool key_dumped = key.at != NULL ? dump_map_key(dumper, &entry->fields[0], key.at, key.end) != NULL
                                     : dump_default_map_key(dumper, &entry->fields[0]);
    if (!key_dumped || !put_byte(&dumper->out, ':')) {
        return false;
    }
    return value.at != NULL ? dump_single(dumper, &entry->fields[1], value.at, value.end) != NULL
                            : dump_missing(dumper, &entry->fields[1]);
}

static bool dump_packed(Dumper *dumper, const Field *field, Wire wire) {
    while (wire.at < wire.end) {
        wire.at = dump_scalar(dumper, field, wire.at, wire.end);
        if (wire.at == NULL || !put_byte(&dumper->out, ',')) {
            return false;
        }
    }
    return true;
}

/* Writes what stands behind one tag of a list or a map, and a comma behind each element. */
static const uint8_t *dump_elements_behind_tag(Dumper *dumper, const Field *field, int wire_type, const uint8_t *at,
                                               const uint8_t *end) {
    Wire wire = {at, end}, inside;
    if (wire_type != field->wire_type) {
        return read_sized(&wire, &inside) && dump_packed(dumper, field, inside) ? wire.at : NULL;
    }
    if (field->shape != SHAPE_MAP) {
        wire.at = dump_single(dumper, field, at, end);
    } else if (!read_sized(&wire, &inside) || !dump_entry(dumper, field->message, inside)) {
        return NULL;
    }
    return wire.at != NULL && put_byte(&dumper->out, ',') ? wire.at : NULL;
}

/* Writes a list or a map, the first element of which starts behind `tag`. */
static const uint8_t *dump_elements(Dumper *dumper, const Field *field, uint64_t tag, const uint8_t *at,
                                    const uint8_t *end) {
    bool list = field->shape == SHAPE_LIST;
    Buffer *out = &dumper->out;
    if (!put_byte(out, list ? '[' : '{')) {
        return NULL;
    }
    size_t start = out->length;
    Wire ahead = {at, end};
    do {
        at = dump_elements_behind_tag(dumper, field, (int)(tag & 7), ahead.at, end);
        if (at == NULL) {
            return NULL;
        }
        ahead.at = at;
    } while (read_varint(&ahead, &tag) && tag >> 3 == field->number && holds(field, (int)(tag & 7)));
    if (out->length > start) {
        /* Behind the last element there is no comma. */
        out->length--;
    }
    return put_byte(out, list ? ']' : '}') ? at : NULL;
}

/* Writes the value of a field, which starts behind `tag`; of a list or a map, all elements that follow one another. */
static inline const uint8_t *dump_behind(Dumper *dumper, const Field *field, uint64_t tag, const uint8_t *at,
                                         const uint8_t *end) {
    return field->shape == SHAPE_SINGLE ? dump_single(dumper, field, at, end)
                                        : dump_elements(dumper, field, tag, at, end);
}

/* Writes the value of a field that was found at the start of `wire`, tag included. */
static bool dump_found(Dumper *dumper, const Field *field, Wire wire) {
    uint64_t tag;
    return read_varint(&wire, &tag) && dump_behind(dumper, field, tag, wire.at, wire.end) != NULL;
}

/* Writes the default of a field. */
static bool dump_missing(Dumper *dumper, const Field *field) {
    static const uint8_t nothing[1];
    if (field->shape != SHAPE_SINGLE) {
        return field->shape == SHAPE_LIST ? put_literal(&dumper->out, "[]") : put_literal(&dumper->out, "{}");
    }
    if (field->type == TYPE_MESSAGE) {
        return dump_inner_message(dumper, field->message, (Wire){nothing, nothing});
    }
    return dump_default(dumper, field);
}

/* Writes a field that the message does not have, with its key. */
static bool dump_missing_member(Dumper *dumper, const Field *field) {
    if (field->missing == MISSING_LEFT_OUT) {
        return true;
    }
    return put_kept(&dumper->out, field->key) &&
           (field->missing == MISSING_NULL ? put_literal(&dumper->out, "null") : dump_missing(dumper, field));
}

/* Writes what the message does not have: the fields from `field` up to `end`. */
static bool dump_missing_members(Dumper *dumper, const Field *field, const Field *end) {
    for (; field < end; field++) {
        if (!dump_missing_member(dumper, field)) {
            return false;
        }
    }
    return true;
}

/* Writes the fields of a message in the order of their numbers, as they come. Refuses any other order. */
static bool dump_rising_members(Dumper *dumper, const Message *message, Wire wire) {
    const Field *next = message->fields, *end = next + message->field_count;
    while (wire.at < wire.end) {
        uint64_t tag;
        if (!read_varint(&wire, &tag)) {
            return false;
        }
        const Field *field = next;
        if (field == end || field->whole_tag != tag) {
            size_t expected = (size_t)(next - message->fields);
            field = find_number(message, tag >> 3, &expected);
            if (field == NULL || !holds(field, (int)(tag & 7))) {
                if ((field == NULL && message->extendable) || !skip_field(&wire, (int)(tag & 7))) {
                    return false;
                }
                continue;
            }
            if (field < next || !dump_missing_members(dumper, next, field)) {
                return false;
            }
        }
        if (!put_kept(&dumper->out, field->key)) {
            return false;
        }
        wire.at = dump_behind(dumper, field, tag, wire.at, wire.end);
        if (wire.at == NULL) {
            return false;
        }
        next = field + 1;
    }
    return dump_missing_members(dumper, next, end);
}

/* Writes the fields of a message in the order of their declaration, whatever the order of their numbers is. */
static bool dump_declared_members(Dumper *dumper, const Message *message, Wire wire) {
    size_t base = dumper->found.count;
    if (!open_found(&dumper->found, message->field_count) || !find_fields(dumper, message, base, wire)) {
        return false;
    }
    for (size_t i = 0; i < message->field_count; i++) {
        const Field *field = &message->fields[i];
        const uint8_t *place = dumper->found.places[base + i];
        bool dumped = place == NULL ? dump_missing_member(dumper, field)
                                    : put_kept(&dumper->out, field->key) &&
                                          dump_found(dumper, field, (Wire){place, wire.end});
        if (!dumped) {
            return false;
        }
    }
    dumper->found.count = base;
    return true;
}

static bool dump_fields(Dumper *dumper, const Message *message, Wire wire) {
    Buffer *out = &dumper->out;
    size_t start = out->length;
    if (!(message->rising ? dump_rising_members : dump_declared_members)(dumper, message, wire)) {
        return false;
    }
    if (out->length == start) {
        return put_literal(out, "{}");
    }
    /* Every member has a comma before it; that of the first gives its place. */
    out->bytes[start] = '{';
    return put_byte(out, '}');
}

static bool dump_wrapper(Dumper *dumper, const Message *message, Wire wire) {
    const Field *field = &message->fields[0];
    uint64_t tag;
    if (wire.at == wire.end) {
        return dump_default(dumper, field);
    }
    /* Unknown fields are left to Python. */
    return read_varint(&wire, &tag) && tag == ((uint64_t)field->number << 3 | field->wire_type) &&
           dump_scalar(dumper, field, wire.at, wire.end) == wire.end;
}

static bool dump_content(Dumper *dumper, const Message *message, Wire wire) {
    switch (message->kind) {
    case KIND_FIELDS:
        return dump_fields(dumper, message, wire);
    case KIND_TIMESTAMP:
        return dump_timestamp(dumper, wire, false);
    case KIND_OFFSET_TIMESTAMP:
        return dump_timestamp(dumper, wire, true);
    case KIND_DURATION:
        return dump_duration(dumper, wire);
    case KIND_FIELD_MASK:
        return dump_field_mask(dumper, wire);
    case KIND_STRUCT:
        return dump_struct(dumper, wire);
    case KIND_VALUE:
        return dump_value(dumper, wire);
    case KIND_LIST:
        return dump_list_value(dumper, wire);
    case KIND_WRAPPER:
        return dump_wrapper(dumper, message, wire);
    default:
        return false;
    }
}

bool dump_message(Dumper *dumper, const Message *message, Wire wire) {
    return dump_content(dumper, message, wire);
}

/* Whether a message of this kind is an object or a list in JSON, so that an empty one says no more than it holds. */
static bool is_object_or_list(Kind kind) {
    return kind == KIND_FIELDS || kind == KIND_STRUCT || kind == KIND_LIST || kind == KIND_FOREIGN;
}

/* Whether an unset field is null by itself: an unset object or list is written as an empty one, but where the dialect
 * has nulls. */
static bool is_null(const Field *field) {
    return field->presence && (field->type != TYPE_MESSAGE || field->missing == MISSING_NULL ||
                               !is_object_or_list(field->message->kind));
}

bool dump_field(Dumper *dumper, const Message *message, const Field *field, Wire wire) {
    if (!open_found(&dumper->found, message->field_count) || !find_fields(dumper, message, 0, wire)) {
        return false;
    }
    const uint8_t *place = dumper->found.places[field - message->fields];
    if (place != NULL) {
        return dump_found(dumper, field, (Wire){place, wire.end});
    }
    if (field->type == TYPE_FOREIGN) {
        return false;
    }
    return is_null(field) ? put_literal(&dumper->out, "null") : dump_missing(dumper, field);
}
