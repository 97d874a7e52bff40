/* JSON values to the binary form of scalars, without their tags. */
#ifndef GATEWAY_PARSE_SCALAR_H
#define GATEWAY_PARSE_SCALAR_H

#include "parse.h"

typedef enum {
    /* Wrong, or left to Python. */
    REFUSED = 0,
    WRITTEN = 1,
    /* An enum word that is unknown, where the dialect ignores these: nothing was written. */
    LEFT_OUT = 2,
} Outcome;

Outcome parse_scalar(Parser *parser, const Field *field);

/* Writes the key of a map. Integers and booleans stand in a string there. */
bool parse_map_key(Parser *parser, const Field *field, Slice text);

#endif
