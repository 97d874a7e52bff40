/* JSON text to the binary form of a message. */
#ifndef GATEWAY_PARSE_H
#define GATEWAY_PARSE_H

#include "json_reader.h"
#include "table.h"

/* As deep as upb nests messages when it reads them. */
#define MAX_WIRE_DEPTH 100

typedef struct {
    Reader reader;
    Buffer out;
    const Table *table;
    int wire_depth;
} Parser;

void parser_open(Parser *parser, const Table *table, Slice text, uint8_t *memory, size_t size);
void parser_close(Parser *parser);

/* Writes the binary form of a message to `out`; the text must end behind it. Whatever is wrong or rare is refused: then
 * Python has to read the text. */
bool parse_message(Parser *parser, const Message *message);

/* The same for a text that is the value of one field of a message. */
bool parse_field(Parser *parser, const Field *field);

/* Writes the content of a message. Its length, if it needs one, is the caller's. */
bool parse_content(Parser *parser, const Message *message);

/* Starts the content of a message within a message, and ends it. Returns 0 when it cannot be. */
size_t open_message(Parser *parser);
bool close_message(Parser *parser, size_t start);

/* parse_well_known.c: contents of the well-known types that are no objects with their fields as keys. */
bool parse_timestamp(Parser *parser);
bool parse_duration(Parser *parser);
bool parse_field_mask(Parser *parser);
bool parse_struct(Parser *parser);
bool parse_value(Parser *parser);
bool parse_list_value(Parser *parser);

/* Passes over any JSON value. */
bool parse_nothing(Parser *parser);

#endif
