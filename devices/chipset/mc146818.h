/* mc146818.h - what the board asks of the real-time clock beyond the device framework. */
#ifndef MYNA_DEVICES_MC146818_H
#define MYNA_DEVICES_MC146818_H

#include "core/types.h"

enum { CMOS_SIZE = 128 };

/* CMOS bytes outside the clock (index 0Eh and up): memory size, boot order and the like, set by the
 * board before the machine runs. */
void mc146818_set_cmos(void *rtc, unsigned index, uint8_t value);

#endif
