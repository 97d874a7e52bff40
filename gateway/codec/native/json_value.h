/* JSON values that are taken over as they are written. */
#ifndef GATEWAY_JSON_VALUE_H
#define GATEWAY_JSON_VALUE_H

#include "json_reader.h"

/* Copies the value that comes next, without white space between its tokens. Refuses what is not strict JSON, or a
 * number too large for a double, as it would in any other place of a text. */
bool copy_value(Reader *reader, Buffer *out);

/* Copies a text that is one value: an object, if it has to be. White space around it is dropped, too. */
bool copy_text(Reader *reader, Slice text, bool object, Buffer *out);

#endif
