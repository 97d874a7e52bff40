#include "rows.h"

#include "dump.h"
#include "parse.h"

/* The digest of the C files this was built from; build.py gives it. */
#ifndef SOURCES
#define SOURCES ""
#endif

/* Of the stack, for texts and messages that are not large. */
#define STACK_MEMORY 8192
/* JSON is about this many times as long as the binary form. Room for it is taken at once: growing a large text step by
 * step would leave holes behind as large as itself. */
#define TEXT_PER_WIRE 3

typedef struct {
    PyObject_HEAD
    Table table;
} Transcoder;

static PyObject *transcoder_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords) {
    static char *names[] = {
        "messages", "enums", "ignore_unknown_fields", "ignore_unknown_enums", NULL,
    };
    PyObject *messages, *enums;
    int ignore_fields, ignore_enums;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "O!O!$pp", names, &PyTuple_Type, &messages, &PyTuple_Type,
                                     &enums, &ignore_fields, &ignore_enums)) {
        return NULL;
    }
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Transcoder *transcoder = (Transcoder *)allocate(type, 0);
    if (transcoder == NULL) {
        return NULL;
    }
    transcoder->table = (Table){
        .ignore_unknown_fields = ignore_fields,
        .ignore_unknown_enums = ignore_enums,
    };
    if (!table_from_rows(&transcoder->table, messages, enums)) {
        Py_DECREF(transcoder);
        return NULL;
    }
    return (PyObject *)transcoder;
}

static void transcoder_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    table_free(&((Transcoder *)self)->table);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    /* Objects of a type from the heap hold it. */
    Py_DECREF(type);
}

/* Bytes of at most BUFFER_LIMIT; anything else is left to Python. */
static bool is_readable(PyObject *object, Slice *bytes) {
    if (!PyBytes_Check(object) || (size_t)PyBytes_Size(object) > BUFFER_LIMIT) {
        return false;
    }
    *bytes = (Slice){(const uint8_t *)PyBytes_AsString(object), (size_t)PyBytes_Size(object)};
    return true;
}

static PyObject *result(bool done, const Buffer *buffer) {
    if (!done) {
        Py_RETURN_NONE;
    }
    return PyBytes_FromStringAndSize((const char *)buffer->bytes, (Py_ssize_t)buffer->length);
}

/* Reads a message, or one field of it unless `field` is NULL, from JSON. */
static PyObject *parse(const Table *table, PyObject *data, const Field *field) {
    uint8_t memory[STACK_MEMORY];
    Slice text;
    if (!is_readable(data, &text)) {
        Py_RETURN_NONE;
    }
    Parser parser;
    parser_open(&parser, table, text, memory, sizeof memory);
    bool done = field == NULL ? parse_message(&parser, &table->messages[0]) : parse_field(&parser, field);
    PyObject *wire = result(done, &parser.out);
    parser_close(&parser);
    return wire;
}

/* Writes a message, or one field of it unless `field` is NULL, as JSON.
 *
 * The message comes as the function that serializes it, so that its binary form can go before the text is copied into
 * the bytes that Python gets: with large messages each of them counts. */
static PyObject *dump(const Table *table, PyObject *serialize, const Field *field) {
    uint8_t memory[STACK_MEMORY];
    Slice bytes;
    PyObject *serialized = PyObject_CallNoArgs(serialize);
    if (serialized == NULL) {
        return NULL;
    }
    Dumper dumper;
    dumper_open(&dumper, table, memory, sizeof memory);
    bool done = is_readable(serialized, &bytes) && buffer_reserve(&dumper.out, TEXT_PER_WIRE * bytes.length);
    if (done) {
        Wire wire = {bytes.at, bytes.at + bytes.length};
        done = field == NULL ? dump_message(&dumper, &table->messages[0], wire)
                             : dump_field(&dumper, &table->messages[0], field, wire);
    }
    Py_DECREF(serialized);
    PyObject *text = result(done, &dumper.out);
    dumper_close(&dumper);
    return text;
}

/* Reads the second of two arguments, the index of a field of the root. The field is NULL where Python has to do the
 * work: messages with a JSON form of their own have no fields here. Returns false with an exception set. */
static bool read_index(const Table *table, PyObject *const *arguments, Py_ssize_t count, const Field **field) {
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "the second of two arguments must be the index of a field");
        return false;
    }
    size_t index = PyLong_AsSize_t(arguments[1]);
    if (index == (size_t)-1 && PyErr_Occurred()) {
        return false;
    }
    *field = index < table->messages[0].field_count ? &table->messages[0].fields[index] : NULL;
    return true;
}

static PyObject *parse_root(PyObject *self, PyObject *data) {
    return parse(&((Transcoder *)self)->table, data, NULL);
}

static PyObject *dump_root(PyObject *self, PyObject *serialize) {
    return dump(&((Transcoder *)self)->table, serialize, NULL);
}

static PyObject *parse_one_field(PyObject *self, PyObject *const *arguments, Py_ssize_t count) {
    const Table *table = &((Transcoder *)self)->table;
    const Field *field;
    if (!read_index(table, arguments, count, &field)) {
        return NULL;
    }
    if (field == NULL) {
        Py_RETURN_NONE;
    }
    return parse(table, arguments[0], field);
}

static PyObject *dump_one_field(PyObject *self, PyObject *const *arguments, Py_ssize_t count) {
    const Table *table = &((Transcoder *)self)->table;
    const Field *field;
    if (!read_index(table, arguments, count, &field)) {
        return NULL;
    }
    if (field == NULL) {
        Py_RETURN_NONE;
    }
    return dump(table, arguments[0], field);
}

static PyMethodDef transcoder_methods[] = {
    {"parse", parse_root, METH_O, "The binary form of what a JSON text spells; None when Python has to read it."},
    {"dump", dump_root, METH_O,
     "The JSON text of the message a function serializes; None when Python has to write it."},
    {"parse_field", (PyCFunction)(void (*)(void))parse_one_field, METH_FASTCALL,
     "The binary form of the message with one field, whose value the text spells; None when Python has to read it."},
    {"dump_field", (PyCFunction)(void (*)(void))dump_one_field, METH_FASTCALL,
     "The JSON text of one field of the message a function serializes; None when Python has to write it."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot transcoder_slots[] = {
    {Py_tp_new, transcoder_new},
    {Py_tp_dealloc, transcoder_dealloc},
    {Py_tp_methods, transcoder_methods},
    {Py_tp_doc, "Between JSON text and the binary form of one message, in one dialect."},
    {0, NULL},
};

static PyType_Spec transcoder_spec = {
    .name = "gateway.codec.native._transcoder.Transcoder",
    .basicsize = sizeof(Transcoder),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = transcoder_slots,
};

static int execute_module(PyObject *module) {
    PyObject *type = PyType_FromSpec(&transcoder_spec);
    if (type == NULL) {
        return -1;
    }
    int added = PyModule_AddObjectRef(module, "Transcoder", type);
    Py_DECREF(type);
    return added < 0 ? -1 : PyModule_AddStringConstant(module, "SOURCES", SOURCES);
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, execute_module},
    {0, NULL},
};

static PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_transcoder",
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__transcoder(void) {
    return PyModuleDef_Init(&module_definition);
}
