/* The texts of Timestamp and Duration; source: comments in google/protobuf/timestamp.proto and duration.proto. */
#ifndef GATEWAY_TIMES_H
#define GATEWAY_TIMES_H

#include "buffer.h"

typedef struct {
    int64_t seconds;
    int32_t nanos;
} Time;

bool timestamp_of_text(Slice text, Time *time);
bool duration_of_text(Slice text, Time *time);

/* Write a JSON string. With `offset` a time ends with +00:00 and has no or six digits of fraction. Refuse what is out
 * of range. */
bool put_timestamp(Buffer *buffer, Time time, bool offset);
bool put_duration(Buffer *buffer, Time time);

#endif
