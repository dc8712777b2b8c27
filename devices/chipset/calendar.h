/* calendar.h - dates of the Gregorian calendar, without time zones. */
#ifndef MYNA_DEVICES_CALENDAR_H
#define MYNA_DEVICES_CALENDAR_H

#include <stdint.h>

typedef struct DateTime {
    int year;       /* 1970 and later */
    int month, day; /* from 1 */
    int hour, minute, second;
    int weekday; /* 0 = Sunday; calendar_seconds ignores it */
} DateTime;

/* Seconds since 1970-01-01 00:00:00. Fields out of range carry. */
int64_t calendar_seconds(const DateTime *when);
void calendar_date(int64_t seconds, DateTime *when);

#endif
