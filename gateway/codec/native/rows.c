#include "rows.h"

#include "wire.h"

/* Numbers of fields have 29 bits: https://protobuf.dev/programming-guides/proto3/#assigning */
#define MAX_FIELD_NUMBER ((1 << 29) - 1)

static bool refuse(const char *reason) {
    PyErr_SetString(PyExc_ValueError, reason);
    return false;
}

static void *allocate(Table *table, size_t count, size_t size) {
    void *memory = table_allocate(table, count, size);
    if (memory == NULL) {
        PyErr_NoMemory();
    }
    return memory;
}

/* Copies bytes that live only as long as their row. */
static bool keep(Table *table, Slice *kept, const char *bytes, Py_ssize_t length) {
    uint8_t *copy = allocate(table, (size_t)length + KEPT_STEP, 1);
    if (copy == NULL) {
        return false;
    }
    memcpy(copy, bytes, (size_t)length);
    *kept = (Slice){copy, (size_t)length};
    return true;
}

/* Reads pairs of a word and its meaning. */
static bool words_from_rows(Table *table, Words *words, PyObject *rows) {
    Py_ssize_t count = PyTuple_Size(rows);
    if (count < 0) {
        return false;
    }
    if (!words_open(table, words, (size_t)count)) {
        PyErr_NoMemory();
        return false;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        const char *text;
        Py_ssize_t length;
        int meaning;
        Slice word;
        if (!PyArg_ParseTuple(PyTuple_GetItem(rows, i), "y#i", &text, &length, &meaning)) {
            return false;
        }
        if (length == 0) {
            return refuse("a word must not be empty");
        }
        if (!keep(table, &word, text, length)) {
            return false;
        }
        add_word(words, word, meaning);
    }
    return true;
}

static bool enum_from_row(Table *table, Enum *values, PyObject *row) {
    int numbers, any, closed, null;
    PyObject *words, *texts;
    if (!PyArg_ParseTuple(row, "ppppO!O!", &numbers, &any, &closed, &null, &PyTuple_Type, &words, &PyTuple_Type, &texts)) {
        return false;
    }
    values->takes_numbers = numbers;
    values->takes_any_number = any;
    values->closed = closed;
    values->null = null;
    values->count = (size_t)PyTuple_Size(texts);
    values->numbers = allocate(table, values->count, sizeof(int32_t));
    values->texts = allocate(table, values->count, sizeof(Slice));
    if (values->numbers == NULL || values->texts == NULL) {
        return false;
    }
    for (size_t i = 0; i < values->count; i++) {
        int number;
        const char *text;
        Py_ssize_t length;
        if (!PyArg_ParseTuple(PyTuple_GetItem(texts, (Py_ssize_t)i), "iy#", &number, &text, &length) ||
            !keep(table, &values->texts[i], text, length)) {
            return false;
        }
        if (i > 0 && number <= values->numbers[i - 1]) {
            return refuse("numbers of an enum must rise");
        }
        values->numbers[i] = number;
    }
    return words_from_rows(table, &values->words, words);
}

static uint8_t wire_type_of(int type) {
    switch (type) {
    case TYPE_DOUBLE:
    case TYPE_FIXED64:
    case TYPE_SFIXED64:
        return WIRE_64;
    case TYPE_FLOAT:
    case TYPE_FIXED32:
    case TYPE_SFIXED32:
        return WIRE_32;
    case TYPE_STRING:
    case TYPE_BYTES:
    case TYPE_MESSAGE:
    case TYPE_FOREIGN:
    case TYPE_JSON_OBJECT:
    case TYPE_JSON_ANY:
        return WIRE_LENGTH;
    default:
        return WIRE_VARINT;
    }
}

static bool field_from_row(Table *table, Field *field, const Message *message, PyObject *row) {
    int number, type, shape, presence, missing, number_integers, takes_null, oneof, inner, values;
    const char *key, *name;
    Py_ssize_t key_length, name_length;
    if (!PyArg_ParseTuple(row, "iiipippiiiy#y#", &number, &type, &shape, &presence, &missing, &number_integers,
                          &takes_null, &oneof, &inner, &values, &key, &key_length, &name, &name_length)) {
        return false;
    }
    if (!keep(table, &field->key, key, key_length) || !keep(table, &field->name, name, name_length)) {
        return false;
    }
    if (number < 1 || number > MAX_FIELD_NUMBER || type < 1 || type >= TYPES || shape < 0 || shape >= SHAPES ||
        missing < 0 || missing >= MISSINGS || oneof < -1 || oneof >= (int)message->oneof_count) {
        return refuse("a field is out of range");
    }
    if ((type == TYPE_MESSAGE) != (inner >= 0) || inner >= (int)table->message_count ||
        (type == TYPE_ENUM) != (values >= 0) || values >= (int)table->enum_count) {
        return refuse("a field has a type that is not there");
    }
    field->number = (uint32_t)number;
    field->type = (uint8_t)type;
    field->shape = (Shape)shape;
    field->presence = presence;
    field->missing = (Missing)missing;
    field->number_integers = number_integers;
    field->takes_null = takes_null;
    field->oneof = oneof;
    field->message = inner >= 0 ? &table->messages[inner] : NULL;
    field->values = values >= 0 ? &table->enums[values] : NULL;
    field->wire_type = wire_type_of(type);
    int before = field->shape == SHAPE_LIST && is_packable(type) ? WIRE_LENGTH : field->wire_type;
    field->whole_tag = (uint32_t)number << 3 | (uint32_t)before;
    field->tag_length = (uint8_t)(write_varint(field->tag, field->whole_tag) - field->tag);
    return true;
}

/* Fields are few, and mostly in this order already. */
static void sort_by_number(Message *message) {
    const Field *fields = message->fields;
    message->rising = true;
    for (size_t i = 0; i < message->field_count; i++) {
        size_t place = i;
        for (; place > 0 && fields[message->by_number[place - 1]].number > fields[i].number; place--) {
            message->by_number[place] = message->by_number[place - 1];
            message->rising = false;
        }
        message->by_number[place] = (uint16_t)i;
    }
}

static bool message_from_row(Table *table, Message *message, PyObject *row) {
    int kind, extendable, oneof_count;
    PyObject *words, *fields;
    if (!PyArg_ParseTuple(row, "ipiO!O!", &kind, &extendable, &oneof_count, &PyTuple_Type, &words, &PyTuple_Type,
                          &fields)) {
        return false;
    }
    Py_ssize_t field_count = PyTuple_Size(fields);
    if (kind < 0 || kind >= KINDS || oneof_count < 0 || oneof_count > MAX_FIELDS || field_count > MAX_FIELDS) {
        return refuse("a message is out of range");
    }
    message->kind = (Kind)kind;
    message->extendable = extendable;
    message->oneof_count = (size_t)oneof_count;
    message->field_count = (size_t)field_count;
    message->fields = allocate(table, message->field_count, sizeof(Field));
    message->by_number = allocate(table, message->field_count, sizeof(uint16_t));
    if (message->fields == NULL || message->by_number == NULL) {
        return false;
    }
    for (Py_ssize_t i = 0; i < field_count; i++) {
        if (!field_from_row(table, &message->fields[i], message, PyTuple_GetItem(fields, i))) {
            return false;
        }
    }
    sort_by_number(message);
    if (!words_from_rows(table, &message->words, words)) {
        return false;
    }
    for (uint32_t i = 0; i <= message->words.mask; i++) {
        const Word *place = &message->words.places[i];
        if (place->word.length > 0 && (place->meaning < 0 || place->meaning >= field_count)) {
            return refuse("a word stands for a field that is not there");
        }
    }
    return true;
}

/* What the code that reads and writes relies on, and can only be seen when all rows are there. */
static bool fits_together(const Message *message) {
    if (message->kind == KIND_WRAPPER && message->field_count != 1) {
        return refuse("a wrapper must have one field");
    }
    for (size_t i = 0; i < message->field_count; i++) {
        const Field *field = &message->fields[i];
        if (field->shape != SHAPE_MAP) {
            continue;
        }
        const Message *entry = field->message;
        if (entry == NULL || entry->field_count != 2 || entry->fields[0].number != 1 || entry->fields[1].number != 2 ||
            entry->fields[0].shape != SHAPE_SINGLE || entry->fields[1].shape != SHAPE_SINGLE) {
            return refuse("a map must have a key and a value");
        }
    }
    return true;
}

bool table_from_rows(Table *table, PyObject *messages, PyObject *enums) {
    table->message_count = (size_t)PyTuple_Size(messages);
    table->enum_count = (size_t)PyTuple_Size(enums);
    if (table->message_count == 0) {
        return refuse("there must be a message");
    }
    table->messages = allocate(table, table->message_count, sizeof(Message));
    table->enums = allocate(table, table->enum_count, sizeof(Enum));
    if (table->messages == NULL || table->enums == NULL) {
        return false;
    }
    for (size_t i = 0; i < table->enum_count; i++) {
        if (!enum_from_row(table, &table->enums[i], PyTuple_GetItem(enums, (Py_ssize_t)i))) {
            return false;
        }
    }
    for (size_t i = 0; i < table->message_count; i++) {
        if (!message_from_row(table, &table->messages[i], PyTuple_GetItem(messages, (Py_ssize_t)i))) {
            return false;
        }
    }
    for (size_t i = 0; i < table->message_count; i++) {
        if (!fits_together(&table->messages[i])) {
            return false;
        }
    }
    return true;
}
