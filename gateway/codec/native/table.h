/* What is known of a message before the first one comes: its fields, their names, their types.
 *
 * Made once per descriptor and dialect from the rows of table.py, and never changed after that.
 */
#ifndef GATEWAY_TABLE_H
#define GATEWAY_TABLE_H

#include "buffer.h"

/* FieldDescriptor.Type, as in google/protobuf/descriptor.proto. Groups are FOREIGN fields here, and strings that hold
 * JSON text have types of their own; the numbers of these are those of table.py. */
enum {
    TYPE_DOUBLE = 1,
    TYPE_FLOAT = 2,
    TYPE_INT64 = 3,
    TYPE_UINT64 = 4,
    TYPE_INT32 = 5,
    TYPE_FIXED64 = 6,
    TYPE_FIXED32 = 7,
    TYPE_BOOL = 8,
    TYPE_STRING = 9,
    TYPE_FOREIGN = 10,
    TYPE_MESSAGE = 11,
    TYPE_BYTES = 12,
    TYPE_UINT32 = 13,
    TYPE_ENUM = 14,
    TYPE_SFIXED32 = 15,
    TYPE_SFIXED64 = 16,
    TYPE_SINT32 = 17,
    TYPE_SINT64 = 18,
    TYPE_JSON_OBJECT = 19,
    TYPE_JSON_ANY = 20,
    TYPES = 21
};

/* Kinds of messages, by their JSON form; the numbers are those of table.py. */
typedef enum {
    KIND_FIELDS = 0,
    KIND_TIMESTAMP = 1,
    KIND_DURATION = 2,
    KIND_FIELD_MASK = 3,
    KIND_STRUCT = 4,
    KIND_VALUE = 5,
    KIND_LIST = 6,
    KIND_WRAPPER = 7,
    /* Left to Python. */
    KIND_FOREIGN = 8,
    /* A timestamp that ends with +00:00 and has no or six digits of fraction. */
    KIND_OFFSET_TIMESTAMP = 9,
    KINDS = 10
} Kind;

typedef enum { SHAPE_SINGLE = 0, SHAPE_LIST = 1, SHAPE_MAP = 2, SHAPES = 3 } Shape;

/* What is written of a field that a message does not have. */
typedef enum { MISSING_LEFT_OUT = 0, MISSING_NULL = 1, MISSING_DEFAULT = 2, MISSINGS = 3 } Missing;

/* A word and what it stands for: the index of a field, the number of an enum value. */
typedef struct {
    Slice word;
    int32_t meaning;
} Word;

/* Words found by their hash; places without a word have a length of 0. The words come from a contract, so that nobody
 * who sends a request chooses them. */
typedef struct {
    Word *places;
    uint32_t mask;
} Words;

typedef struct {
    /* The number of every value, in rising order, and the JSON text of each. */
    int32_t *numbers;
    Slice *texts;
    size_t count;
    Words words;
    /* Numbers without a value are kept in JSON: the enum is open and has no words of its own. */
    bool takes_any_number;
    /* Numbers are read from JSON beside words. */
    bool takes_numbers;
    /* Numbers without a value are no values of the field in binary. */
    bool closed;
    /* google.protobuf.NullValue: null in JSON. */
    bool null;
} Enum;

struct Message;

typedef struct {
    uint32_t number;
    uint8_t type;
    uint8_t wire_type;
    Shape shape;
    bool presence;
    Missing missing;
    /* Integers are written and read as numbers only. Otherwise those of 64 bits are written in quotes, and any may be
     * read in quotes. */
    bool number_integers;
    /* Whether null is a value, not the lack of one. */
    bool takes_null;
    /* Index of the oneof among those of the message; -1 for none. */
    int32_t oneof;
    /* Of the field, or of the elements of a list. The message of a map has the fields key and value. */
    const struct Message *message;
    const Enum *values;
    /* As it is written behind another field: with the comma, in quotes, with the colon. */
    Slice key;
    /* As it is read: without quotes. */
    Slice name;
    /* Before a value in binary, or before all elements of a list that are packed together. */
    uint8_t tag[5];
    uint8_t tag_length;
    /* The same as a number. */
    uint32_t whole_tag;
} Field;

/* More than enough, and few enough for marks on the stack. Messages with more fields are left to Python. */
#define MAX_FIELDS 512

typedef struct Message {
    Kind kind;
    /* Has keys in brackets, which are left to Python. */
    bool extendable;
    Field *fields;
    size_t field_count;
    size_t oneof_count;
    /* Names of fields to their index. */
    Words words;
    /* Indexes of fields in the order of their numbers. */
    uint16_t *by_number;
    /* Whether the fields are in the order of their numbers, which is the order of binary. */
    bool rising;
} Message;

typedef struct Block Block;

typedef struct {
    Message *messages;
    size_t message_count;
    Enum *enums;
    size_t enum_count;
    /* What the dialect says of all messages; see gateway/codec/dialect.py. */
    bool ignore_unknown_fields;
    bool ignore_unknown_enums;
    Block *blocks;
} Table;

/* Whether the elements of a list are packed together. */
static inline bool is_packable(int type) {
    return type != TYPE_STRING && type != TYPE_BYTES && type != TYPE_MESSAGE && type != TYPE_FOREIGN &&
           type != TYPE_JSON_OBJECT && type != TYPE_JSON_ANY;
}

/* The entry of `word`, or NULL. */
const Word *find_word(const Words *words, Slice word);

/* The field with this number, or NULL. `expected` is the place in the order of numbers to look at first. */
const Field *find_number(const Message *message, uint64_t number, size_t *expected);

/* The JSON text of an enum value, or NULL when the number has no value. */
const Slice *find_text(const Enum *values, int32_t number);

/* Zeroed memory that lives as long as the table; NULL when there is none. */
void *table_allocate(Table *table, size_t count, size_t size);

/* Makes room for `count` words, to be filled by `add_word`. */
bool words_open(Table *table, Words *words, size_t count);
void add_word(Words *words, Slice word, int32_t meaning);

void table_free(Table *table);

#endif
