/* calendar.c - dates of the Gregorian calendar.
 *
 * Years are counted from March, so that the leap day is the last of a year and the lengths of the
 * months before it follow a line: 153 days in five months. */
#include "devices/chipset/calendar.h"

enum {
    DAY_SECONDS = 86400,
    ERA_DAYS = 146097 /* 400 years */,
    EPOCH_DAY = 719468 /* 1970 from 0000-03-01 */
};

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t calendar_seconds(const DateTime *when)
{
    int64_t months = (int64_t)when->year * 12 + when->month - 3; /* from March of year 0 */
    int64_t year = floor_div(months, 12);
    int64_t month = months - year * 12;
    int64_t day = year * 365 + floor_div(year, 4) - floor_div(year, 100) + floor_div(year, 400) +
                  (153 * month + 2) / 5 + when->day - 1 - EPOCH_DAY;

    return ((day * 24 + when->hour) * 60 + when->minute) * 60 + when->second;
}

void calendar_date(int64_t seconds, DateTime *when)
{
    int64_t day = floor_div(seconds, DAY_SECONDS);
    int64_t of_day = seconds - day * DAY_SECONDS;

    when->weekday = (int)((day + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
    when->hour = (int)(of_day / 3600);
    when->minute = (int)(of_day / 60 % 60);
    when->second = (int)(of_day % 60);

    day += EPOCH_DAY;
    int64_t era = floor_div(day, ERA_DAYS);
    int64_t in_era = day - era * ERA_DAYS;
    /* Leap days come before the 1,461st, 36,525th and 146,097th day of their cycles. */
    int64_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / (ERA_DAYS - 1)) / 365;
    int64_t in_year = in_era - (year * 365 + year / 4 - year / 100);
    int64_t month = (5 * in_year + 2) / 153; /* from March */
    when->day = (int)(in_year - (153 * month + 2) / 5 + 1);
    when->month = (int)(month < 10 ? month + 3 : month - 9);
    when->year = (int)(era * 400 + year + (month >= 10));
}
