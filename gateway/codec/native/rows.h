/* The rows that table.py makes, taken over into a table. */
#ifndef GATEWAY_ROWS_H
#define GATEWAY_ROWS_H

#define PY_SSIZE_T_CLEAN
/* The stable ABI of the oldest Python that is supported. */
#define Py_LIMITED_API 0x030b0000
#include <Python.h>

#include "table.h"

/* Fills `table`, which has its dialect only. Returns false with a Python exception set when a row is not as it must be;
 * the table is to be freed in either case. */
bool table_from_rows(Table *table, PyObject *messages, PyObject *enums);

#endif
