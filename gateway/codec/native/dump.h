/* The binary form of a message to JSON text. */
#ifndef GATEWAY_DUMP_H
#define GATEWAY_DUMP_H

#include "json_reader.h"
#include "table.h"
#include "wire.h"

/* Deeper messages are left to Python. */
#define MAX_DUMP_DEPTH 200

/* Where the fields of the open messages are found in binary: the tag of the first value, or NULL. */
typedef struct {
    const uint8_t **places;
    size_t count;
    size_t capacity;
} Found;

typedef struct {
    Buffer out;
    /* Of strings that hold JSON text. */
    Reader reader;
    const Table *table;
    Found found;
    int depth;
} Dumper;

void dumper_open(Dumper *dumper, const Table *table, uint8_t *memory, size_t size);
void dumper_close(Dumper *dumper);

/* Writes a message as JSON. Whatever has no JSON form or is rare is refused: then Python has to write it.
 *
 * `wire` is what a protobuf runtime serialized, so that fields come once, in the order of their numbers, and lists
 * together; in any other order the message is refused, too. */
bool dump_message(Dumper *dumper, const Message *message, Wire wire);

/* The same for the value of one field of the message: an object, a list or a scalar. */
bool dump_field(Dumper *dumper, const Message *message, const Field *field, Wire wire);

/* dump_scalar.c: one value of a field that is no message, which starts at `at`. Returns what is behind it, or NULL.
 *
 * No Wire here: compilers put one into memory where it is passed, and every field waits for that of the last. */
const uint8_t *dump_scalar(Dumper *dumper, const Field *field, const uint8_t *at, const uint8_t *end);
bool dump_default(Dumper *dumper, const Field *field);
const uint8_t *dump_map_key(Dumper *dumper, const Field *field, const uint8_t *at, const uint8_t *end);
bool dump_default_map_key(Dumper *dumper, const Field *field);

/* dump_well_known.c: the well-known types that are no objects with their fields as keys. */
bool dump_timestamp(Dumper *dumper, Wire wire, bool offset);
bool dump_duration(Dumper *dumper, Wire wire);
bool dump_field_mask(Dumper *dumper, Wire wire);
bool dump_struct(Dumper *dumper, Wire wire);
bool dump_value(Dumper *dumper, Wire wire);
bool dump_list_value(Dumper *dumper, Wire wire);

#endif
