/* Numbers as JSON writes them (RFC 8259, section 6), exact both ways. */
#ifndef GATEWAY_NUMBER_H
#define GATEWAY_NUMBER_H

#include "buffer.h"

typedef struct {
    bool negative;
    /* Without fraction and exponent. */
    bool whole;
    /* Whether `digits` holds every digit. */
    bool exact;
    /* All digits as one number, without the decimal point. */
    uint64_t digits;
    /* The number is digits * 10^exponent. */
    int32_t exponent;
    Slice text;
} Number;

/* Reads a number at `*at` and moves behind it. What follows is not looked at. */
bool read_number(const uint8_t **at, const uint8_t *end, Number *number);

/* The whole number that `number` is, as sign and magnitude: 1.0 and 1e3 are whole numbers too. Refuses fractions and
 * what might be rounded on the way. */
bool number_as_integer(const Number *number, uint64_t *magnitude);

/* The nearest double. Refuses what is too large for one. A whole -0 has no sign: it is an integer. */
bool number_as_double(const Number *number, double *value);

/* Write a number with as few digits as read back the same value. Not for NaN and infinity. */
bool put_double(Buffer *buffer, double value);
bool put_float(Buffer *buffer, float value);

bool put_signed(Buffer *buffer, int64_t value);

/* Digits and sign of any integer. */
#define MAX_INTEGER_TEXT 20

/* These write without a look at the capacity: an integer takes at most MAX_INTEGER_TEXT bytes. They return the end of
 * what was written. */
uint8_t *write_unsigned(uint8_t *at, uint64_t value);
uint8_t *write_signed(uint8_t *at, int64_t value);

/* Writes `value`, which has at most `width` digits, with zeros in front. */
uint8_t *write_padded(uint8_t *at, uint64_t value, size_t width);

/* Two digits each, from 00 to 99. */
extern const char PAIRS[];

#endif
