#include "times.h"

#include "number.h"

/* 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z, in seconds since the epoch. */
#define MIN_SECONDS INT64_C(-62135596800)
#define MAX_SECONDS INT64_C(253402300799)
/* About 10,000 years, in seconds, either way. */
#define MAX_DURATION_SECONDS INT64_C(315576000000)
#define MAX_NANOS 999999999
#define DAY_SECONDS 86400
/* Days from 0000-03-01 to the epoch, and in 400 years. */
#define EPOCH_DAYS 719468
#define ERA_DAYS 146097

/* What is left of a text. */
typedef struct {
    const uint8_t *at;
    const uint8_t *end;
} Rest;

/* Reads exactly `count` digits. */
static bool read_digits(Rest *rest, int count, int *value) {
    if (rest->end - rest->at < count) {
        return false;
    }
    *value = 0;
    for (int i = 0; i < count; i++) {
        int digit = *rest->at++ - '0';
        if (digit < 0 || digit > 9) {
            return false;
        }
        *value = *value * 10 + digit;
    }
    return true;
}

static bool read_character(Rest *rest, char wanted) {
    if (rest->at < rest->end && *rest->at == (uint8_t)wanted) {
        rest->at++;
        return true;
    }
    return false;
}

/* Reads a point and one to nine digits, if there is a point. */
static bool read_nanos(Rest *rest, int32_t *nanos) {
    *nanos = 0;
    if (!read_character(rest, '.')) {
        return true;
    }
    int count = 0;
    for (; rest->at < rest->end && *rest->at >= '0' && *rest->at <= '9'; rest->at++) {
        if (++count > 9) {
            return false;
        }
        *nanos = *nanos * 10 + (*rest->at - '0');
    }
    for (int i = count; i < 9; i++) {
        *nanos *= 10;
    }
    return count > 0;
}

static int month_days(int year, int month) {
    static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : DAYS[month - 1];
}

/* Days since the epoch, for the years 1 to 9999. Years start in March here, so that the leap day is their last.
 * Source: "days_from_civil" and "civil_from_days" in https://howardhinnant.github.io/date_algorithms.html */
static int64_t days_of_date(int year, int month, int day) {
    year -= month <= 2;
    int era = year / 400, year_of_era = year % 400;
    int day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return (int64_t)era * ERA_DAYS + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - EPOCH_DAYS;
}

static void date_of_days(int64_t days, int *year, int *month, int *day) {
    int64_t shifted = days + EPOCH_DAYS;
    int era = (int)(shifted / ERA_DAYS), day_of_era = (int)(shifted % ERA_DAYS);
    int year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int shifted_month = (5 * day_of_year + 2) / 153;
    *day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    *month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    *year = year_of_era + era * 400 + (*month <= 2);
}

static bool read_date(Rest *rest, int64_t *days) {
    int year, month, day;
    if (!read_digits(rest, 4, &year) || !read_character(rest, '-') || !read_digits(rest, 2, &month) ||
        !read_character(rest, '-') || !read_digits(rest, 2, &day)) {
        return false;
    }
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > month_days(year, month)) {
        return false;
    }
    *days = days_of_date(year, month, day);
    return true;
}

static bool read_clock(Rest *rest, int *seconds) {
    int hour, minute, second;
    if (!read_digits(rest, 2, &hour) || !read_character(rest, ':') || !read_digits(rest, 2, &minute) ||
        !read_character(rest, ':') || !read_digits(rest, 2, &second)) {
        return false;
    }
    *seconds = hour * 3600 + minute * 60 + second;
    return hour <= 23 && minute <= 59 && second <= 59;
}

/* Reads Z, or hours and minutes east of Greenwich. */
static bool read_offset(Rest *rest, int *seconds) {
    *seconds = 0;
    if (read_character(rest, 'Z')) {
        return true;
    }
    bool west = read_character(rest, '-');
    int hours, minutes;
    if ((!west && !read_character(rest, '+')) || !read_digits(rest, 2, &hours) || !read_character(rest, ':') ||
        !read_digits(rest, 2, &minutes)) {
        return false;
    }
    *seconds = (west ? -1 : 1) * (hours * 3600 + minutes * 60);
    return hours <= 23 && minutes <= 59;
}

bool timestamp_of_text(Slice text, Time *time) {
    Rest rest = {text.at, text.at + text.length};
    int64_t days;
    int seconds, offset;
    if (!read_date(&rest, &days) || !read_character(&rest, 'T') || !read_clock(&rest, &seconds) ||
        !read_nanos(&rest, &time->nanos) || !read_offset(&rest, &offset)) {
        return false;
    }
    time->seconds = days * DAY_SECONDS + seconds - offset;
    return rest.at == rest.end && time->seconds >= MIN_SECONDS && time->seconds <= MAX_SECONDS;
}

bool duration_of_text(Slice text, Time *time) {
    Rest rest = {text.at, text.at + text.length};
    bool negative = read_character(&rest, '-');
    const uint8_t *first = rest.at;
    time->seconds = 0;
    for (; rest.at < rest.end && *rest.at >= '0' && *rest.at <= '9' && rest.at - first < 12; rest.at++) {
        time->seconds = time->seconds * 10 + (*rest.at - '0');
    }
    if (rest.at == first || time->seconds > MAX_DURATION_SECONDS || !read_nanos(&rest, &time->nanos)) {
        return false;
    }
    if (negative) {
        time->seconds = -time->seconds;
        time->nanos = -time->nanos;
    }
    return read_character(&rest, 's') && rest.at == rest.end;
}

/* Writes a point and 3, 6 or 9 digits, or nothing for zero. */
static bool put_fraction(Buffer *buffer, uint32_t nanos) {
    if (nanos == 0) {
        return true;
    }
    if (!put_byte(buffer, '.')) {
        return false;
    }
    if (nanos % 1000000 == 0) {
        return put_padded(buffer, nanos / 1000000, 3);
    }
    return nanos % 1000 == 0 ? put_padded(buffer, nanos / 1000, 6) : put_padded(buffer, nanos, 9);
}

static void write_pair(uint8_t *at, int value) {
    at[0] = (uint8_t)('0' + value / 10);
    at[1] = (uint8_t)('0' + value % 10);
}

bool put_timestamp(Buffer *buffer, Time time, bool offset) {
    if (time.seconds < MIN_SECONDS || time.seconds > MAX_SECONDS || time.nanos < 0 || time.nanos > MAX_NANOS) {
        return false;
    }
    int64_t days = time.seconds / DAY_SECONDS;
    int clock = (int)(time.seconds % DAY_SECONDS);
    if (clock < 0) {
        days--;
        clock += DAY_SECONDS;
    }
    int year, month, day;
    date_of_days(days, &year, &month, &day);
    uint8_t text[] = "\"0000-00-00T00:00:00";
    write_pair(text + 1, year / 100);
    write_pair(text + 3, year % 100);
    write_pair(text + 6, month);
    write_pair(text + 9, day);
    write_pair(text + 12, clock / 3600);
    write_pair(text + 15, clock / 60 % 60);
    write_pair(text + 18, clock % 60);
    /* With an offset the fraction has microseconds: six digits or none. */
    uint32_t micros = (uint32_t)time.nanos / 1000;
    if (!put_bytes(buffer, text, sizeof text - 1)) {
        return false;
    }
    if (offset) {
        return (micros == 0 || (put_byte(buffer, '.') && put_padded(buffer, micros, 6))) &&
               put_literal(buffer, "+00:00\"");
    }
    return put_fraction(buffer, (uint32_t)time.nanos) && put_literal(buffer, "Z\"");
}

bool put_duration(Buffer *buffer, Time time) {
    bool negative = time.seconds < 0 || time.nanos < 0, positive = time.seconds > 0 || time.nanos > 0;
    if ((negative && positive) || time.seconds > MAX_DURATION_SECONDS || time.seconds < -MAX_DURATION_SECONDS ||
        time.nanos > MAX_NANOS || time.nanos < -MAX_NANOS) {
        return false;
    }
    return put_byte(buffer, '"') && (!negative || put_byte(buffer, '-')) &&
           put_unsigned(buffer, (uint64_t)(negative ? -time.seconds : time.seconds)) &&
           put_fraction(buffer, (uint32_t)(negative ? -time.nanos : time.nanos)) && put_literal(buffer, "s\"");
}
