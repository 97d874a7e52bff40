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
/* Days from 0000-03-01 to 0001-01-01. */
#define FIRST_DAY 306
/* Quotes, sign, twelve digits of seconds or a date with a clock, nine of a fraction with its point, the offset. */
#define MAX_TIME_TEXT 48

typedef struct {
    uint32_t year;
    uint32_t month;
    uint32_t day;
} Date;

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

/* `days` since 0000-03-01. Unsigned, as that divides faster. */
static Date date_of_days(uint32_t days) {
    uint32_t era = days / ERA_DAYS, day_of_era = days % ERA_DAYS;
    uint32_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint32_t shifted_month = (5 * day_of_year + 2) / 153;
    uint32_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    return (Date){
        .year = year_of_era + era * 400 + (month <= 2),
        .month = month,
        .day = day_of_year - (153 * shifted_month + 2) / 5 + 1,
    };
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
static uint8_t *write_fraction(uint8_t *at, uint32_t nanos) {
    if (nanos == 0) {
        return at;
    }
    *at++ = '.';
    if (nanos % 1000000 == 0) {
        return write_padded(at, nanos / 1000000, 3);
    }
    return nanos % 1000 == 0 ? write_padded(at, nanos / 1000, 6) : write_padded(at, nanos, 9);
}

static void write_pair(uint8_t *at, uint32_t value) {
    memcpy(at, PAIRS + 2 * value, 2);
}

/* Writes date and time of day, for the years 1 to 9999. */
static uint8_t *write_second(uint8_t *at, int64_t seconds) {
    uint64_t since_first = (uint64_t)(seconds - MIN_SECONDS);
    uint32_t clock = (uint32_t)(since_first % DAY_SECONDS);
    Date date = date_of_days((uint32_t)(since_first / DAY_SECONDS) + FIRST_DAY);
    memcpy(at, "0000-00-00T00:00:00", 19);
    write_pair(at, date.year / 100);
    write_pair(at + 2, date.year % 100);
    write_pair(at + 5, date.month);
    write_pair(at + 8, date.day);
    write_pair(at + 11, clock / 3600);
    write_pair(at + 14, clock / 60 % 60);
    write_pair(at + 17, clock % 60);
    return at + 19;
}

bool put_timestamp(Buffer *buffer, Time time, bool offset) {
    if (time.seconds < MIN_SECONDS || time.seconds > MAX_SECONDS || time.nanos < 0 || time.nanos > MAX_NANOS ||
        !buffer_reserve(buffer, MAX_TIME_TEXT)) {
        return false;
    }
    uint32_t nanos = (uint32_t)time.nanos;
    uint8_t *at = buffer->bytes + buffer->length;
    *at++ = '"';
    at = write_second(at, time.seconds);
    if (!offset) {
        at = write_fraction(at, nanos);
        *at++ = 'Z';
    } else {
        /* With an offset the fraction has microseconds: six digits or none. */
        if (nanos >= 1000) {
            *at++ = '.';
            at = write_padded(at, nanos / 1000, 6);
        }
        memcpy(at, "+00:00", 6);
        at += 6;
    }
    *at++ = '"';
    buffer->length = (size_t)(at - buffer->bytes);
    return true;
}

bool put_duration(Buffer *buffer, Time time) {
    bool negative = time.seconds < 0 || time.nanos < 0, positive = time.seconds > 0 || time.nanos > 0;
    if ((negative && positive) || time.seconds > MAX_DURATION_SECONDS || time.seconds < -MAX_DURATION_SECONDS ||
        time.nanos > MAX_NANOS || time.nanos < -MAX_NANOS || !buffer_reserve(buffer, MAX_TIME_TEXT)) {
        return false;
    }
    uint8_t *at = buffer->bytes + buffer->length;
    *at++ = '"';
    if (negative) {
        *at++ = '-';
    }
    at = write_unsigned(at, (uint64_t)(negative ? -time.seconds : time.seconds));
    at = write_fraction(at, (uint32_t)(negative ? -time.nanos : time.nanos));
    *at++ = 's';
    *at++ = '"';
    buffer->length = (size_t)(at - buffer->bytes);
    return true;
}
