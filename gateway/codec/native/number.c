#define Py_LIMITED_API 0x030b0000
#include <Python.h>

#include "number.h"

#include <float.h>
#include <math.h>

/* 10^22 is the largest power of ten that is a double without rounding. */
static const double POWERS[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
#define MAX_POWER 22
/* Up to here every whole number is a double. */
#define MAX_WHOLE (UINT64_C(1) << 53)
/* Longer numbers are rare and left to Python. */
#define MAX_NUMBER_TEXT 400
/* Far beyond the range of doubles. */
#define MAX_EXPONENT 100000

static bool is_digit(const uint8_t *at, const uint8_t *end) {
    return at < end && *at >= '0' && *at <= '9';
}

static void add_digit(Number *number, uint8_t character) {
    uint64_t digit = (uint64_t)(character - '0');
    if (number->digits > (UINT64_MAX - digit) / 10) {
        number->exact = false;
    }
    if (number->exact) {
        number->digits = number->digits * 10 + digit;
    }
}

static bool read_fraction(const uint8_t **at, const uint8_t *end, Number *number) {
    const uint8_t *first = ++*at;
    while (is_digit(*at, end)) {
        add_digit(number, *(*at)++);
    }
    if (*at - first > MAX_NUMBER_TEXT) {
        number->exact = false;
    } else {
        number->exponent = -(int32_t)(*at - first);
    }
    return *at > first;
}

static bool read_exponent(const uint8_t **at, const uint8_t *end, Number *number) {
    bool negative = false;
    if (++*at < end && (**at == '+' || **at == '-')) {
        negative = *(*at)++ == '-';
    }
    if (!is_digit(*at, end)) {
        return false;
    }
    int32_t exponent = 0;
    for (; is_digit(*at, end); ++*at) {
        if (exponent < MAX_EXPONENT) {
            exponent = exponent * 10 + (**at - '0');
        } else {
            number->exact = false;
        }
    }
    number->exponent += negative ? -exponent : exponent;
    return true;
}

bool read_number(const uint8_t **at, const uint8_t *end, Number *number) {
    *number = (Number){.whole = true, .exact = true, .text.at = *at};
    if (*at < end && **at == '-') {
        number->negative = true;
        ++*at;
    }
    if (!is_digit(*at, end)) {
        return false;
    }
    if (**at == '0') {
        ++*at;
    } else {
        while (is_digit(*at, end)) {
            add_digit(number, *(*at)++);
        }
    }
    if (*at < end && **at == '.') {
        number->whole = false;
        if (!read_fraction(at, end, number)) {
            return false;
        }
    }
    if (*at < end && (**at == 'e' || **at == 'E')) {
        number->whole = false;
        if (!read_exponent(at, end, number)) {
            return false;
        }
    }
    number->text.length = (size_t)(*at - number->text.at);
    return !is_digit(*at, end);
}

static bool long_number_as_double(const Number *number, double *value) {
    char text[MAX_NUMBER_TEXT + 1];
    if (number->text.length > MAX_NUMBER_TEXT) {
        return false;
    }
    memcpy(text, number->text.at, number->text.length);
    text[number->text.length] = '\0';
    *value = PyOS_string_to_double(text, NULL, NULL);
    if (*value == -1.0 && PyErr_Occurred()) {
        PyErr_Clear();
        return false;
    }
    return isfinite(*value);
}

bool number_as_double(const Number *number, double *value) {
    /* Two exact doubles make one rounding, as long as doubles are not kept in longer registers. */
    bool exact = FLT_EVAL_METHOD == 0 && number->exact && number->digits <= MAX_WHOLE;
    if (!exact || number->exponent < -MAX_POWER || number->exponent > MAX_POWER) {
        return long_number_as_double(number, value);
    }
    double digits = (double)number->digits;
    digits = number->exponent < 0 ? digits / POWERS[-number->exponent] : digits * POWERS[number->exponent];
    *value = number->negative && !(number->whole && digits == 0) ? -digits : digits;
    return true;
}

bool number_as_integer(const Number *number, uint64_t *magnitude) {
    if (number->whole) {
        *magnitude = number->digits;
        return number->exact;
    }
    double value;
    if (!number_as_double(number, &value) || fabs(value) > (double)MAX_WHOLE || value != floor(value)) {
        return false;
    }
    *magnitude = (uint64_t)fabs(value);
    return true;
}

/* The smallest numbers written without an exponent start at the fifth place; with 15 digits they end at the 19th. */
#define MAX_PLACES 19

const char PAIRS[] =
    "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
    "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

static const uint64_t WHOLE_POWERS[] = {
    UINT64_C(1),
    UINT64_C(10),
    UINT64_C(100),
    UINT64_C(1000),
    UINT64_C(10000),
    UINT64_C(100000),
    UINT64_C(1000000),
    UINT64_C(10000000),
    UINT64_C(100000000),
    UINT64_C(1000000000),
    UINT64_C(10000000000),
    UINT64_C(100000000000),
    UINT64_C(1000000000000),
    UINT64_C(10000000000000),
    UINT64_C(100000000000000),
    UINT64_C(1000000000000000),
    UINT64_C(10000000000000000),
    UINT64_C(100000000000000000),
    UINT64_C(1000000000000000000),
    UINT64_C(10000000000000000000),
};

static size_t count_digits(uint64_t value) {
    /* log10(2) is a little less than 1233 / 4096; one more digit or not is looked up. Zero has one, as 1 has. */
    value |= 1;
    size_t count = (size_t)(64 - __builtin_clzll(value)) * 1233 >> 12;
    return count + (value >= WHOLE_POWERS[count]);
}

/* For up to eight digits, as small numbers divide faster. */
static void write_few_padded(uint8_t *end, uint32_t value, size_t width) {
    for (; width >= 2; width -= 2) {
        end -= 2;
        memcpy(end, PAIRS + value % 100 * 2, 2);
        value /= 100;
    }
    if (width > 0) {
        end[-1] = (uint8_t)('0' + value % 10);
    }
}

uint8_t *write_padded(uint8_t *at, uint64_t value, size_t width) {
    uint8_t *end = at + width;
    for (at = end; width > 8; width -= 8, at -= 8) {
        write_few_padded(at, (uint32_t)(value % WHOLE_POWERS[8]), 8);
        value /= WHOLE_POWERS[8];
    }
    write_few_padded(at, (uint32_t)value, width);
    return end;
}

uint8_t *write_unsigned(uint8_t *at, uint64_t value) {
    return write_padded(at, value, count_digits(value));
}

uint8_t *write_signed(uint8_t *at, int64_t value) {
    if (value >= 0) {
        return write_unsigned(at, (uint64_t)value);
    }
    *at++ = '-';
    return write_unsigned(at, 0 - (uint64_t)value);
}

bool put_signed(Buffer *buffer, int64_t value) {
    if (!buffer_reserve(buffer, MAX_INTEGER_TEXT)) {
        return false;
    }
    buffer->length = (size_t)(write_signed(buffer->bytes + buffer->length, value) - buffer->bytes);
    return true;
}

/* Writes digits / 10^places, with at least one digit on both sides of the point. */
static bool put_decimal(Buffer *buffer, bool negative, uint64_t digits, int places) {
    /* The sign, a zero and the point beside the digits. */
    if (!buffer_reserve(buffer, MAX_INTEGER_TEXT + 3)) {
        return false;
    }
    uint8_t *at = buffer->bytes + buffer->length;
    uint64_t whole = digits / WHOLE_POWERS[places];
    *at = '-';
    at = write_unsigned(at + negative, whole);
    *at++ = '.';
    at = write_padded(at, digits - whole * WHOLE_POWERS[places], places > 0 ? (size_t)places : 1);
    buffer->length = (size_t)(at - buffer->bytes);
    return true;
}

SELDOM static bool put_long_double(Buffer *buffer, double value) {
    char *text = PyOS_double_to_string(value, 'r', 0, Py_DTSF_ADD_DOT_0, NULL);
    if (text == NULL) {
        PyErr_Clear();
        return false;
    }
    bool written = put_bytes(buffer, text, strlen(text));
    PyMem_Free(text);
    return written;
}

bool put_double(Buffer *buffer, double value) {
    double magnitude = fabs(value);
    /* A decimal of up to 15 digits is the only one of that length near its double (DBL_DIG); so the first one that
     * reads back as the value is the shortest. */
    bool short_enough = FLT_EVAL_METHOD == 0 && (magnitude == 0 || magnitude >= 1e-5);
    for (int places = 0; short_enough && places <= MAX_PLACES; places++) {
        double scaled = magnitude * POWERS[places];
        if (scaled >= 1e15) {
            break;
        }
        /* Signed, as machines convert that faster. */
        int64_t digits = (int64_t)(scaled + 0.5);
        /* The product is the whole number but for its rounding, and the quotient's, if that number is the one. To look
         * costs less than to divide. */
        bool near = fabs(scaled - (double)digits) <= scaled * (2 * DBL_EPSILON);
        if (near && (double)digits / POWERS[places] == magnitude) {
            return put_decimal(buffer, signbit(value), (uint64_t)digits, places);
        }
    }
    return put_long_double(buffer, value);
}

/* FLT_DIG: no two floats share a decimal of 6 digits. With 9 every float has one of its own. */
#define MIN_FLOAT_DIGITS 6
#define MAX_FLOAT_DIGITS 9

static bool put_long_float(Buffer *buffer, float value) {
    for (int digits = MIN_FLOAT_DIGITS; digits <= MAX_FLOAT_DIGITS; digits++) {
        char *text = PyOS_double_to_string((double)value, 'g', digits, 0, NULL);
        if (text == NULL) {
            PyErr_Clear();
            return false;
        }
        double shorter = PyOS_string_to_double(text, NULL, NULL);
        PyMem_Free(text);
        if (shorter == -1.0 && PyErr_Occurred()) {
            PyErr_Clear();
            return false;
        }
        if ((float)shorter == value || digits == MAX_FLOAT_DIGITS) {
            return put_double(buffer, shorter);
        }
    }
    return false;
}

bool put_float(Buffer *buffer, float value) {
    double magnitude = fabs((double)value);
    if (magnitude == 0) {
        return put_double(buffer, (double)value);
    }
    if (FLT_EVAL_METHOD != 0 || magnitude < 1e-5 || magnitude >= 1e6) {
        return put_long_float(buffer, value);
    }
    /* Digits before the point; 0 or less where the first digit stands behind it. */
    int before = 1;
    while (before < 6 && magnitude >= POWERS[before]) {
        before++;
    }
    while (before <= 1 && magnitude * POWERS[1 - before] < 1) {
        before--;
    }
    for (int digits = MIN_FLOAT_DIGITS; digits <= MAX_FLOAT_DIGITS; digits++) {
        int places = digits - before;
        double scaled = magnitude * POWERS[places], below = floor(scaled);
        /* The product is rounded; near the middle it cannot tell which way to round. */
        if (fabs(scaled - below - 0.5) < 1e-4) {
            return put_long_float(buffer, value);
        }
        double rounded = scaled - below > 0.5 ? below + 1 : below;
        if ((float)(rounded / POWERS[places]) == (float)magnitude || digits == MAX_FLOAT_DIGITS) {
            return put_double(buffer, value < 0 ? -(rounded / POWERS[places]) : rounded / POWERS[places]);
        }
    }
    return false;
}
