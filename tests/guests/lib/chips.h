/* chips.h - the interrupt controllers, the timer and the clock of the board. [8259A], [8254],
 * [MC146818A]. */
#pragma once
#include "types.h"

enum { PIC1 = 0x20, PIC2 = 0xa0, PIC_DATA = 1 };
enum { PIC_EOI = 0x20, PIC_READ_IRR = 0x0a, PIC_READ_ISR = 0x0b };
enum { IRQ_BASE = 0x20 }; /* the vector of IRQ0 */
#define IRQ(line) (IRQ_BASE + (line))

enum { IRQ_TIMER = 0, IRQ_CASCADE = 2, IRQ_CLOCK = 8, IRQ_FPU = 13 };

enum { PIT_HZ = 1193182 };
enum { PIT_MODE0 = 0, PIT_MODE2 = 4, PIT_MODE3 = 6 };

enum { RTC_A = 0x0a, RTC_B = 0x0b, RTC_C = 0x0c, RTC_D = 0x0d };
enum { RTC_PIE = 0x40, RTC_24H = 0x02, RTC_PF = 0x40, RTC_IRQF = 0x80 };

/* Both controllers from the start: vectors IRQ_BASE on, normal EOI, every line masked. */
void pic_init(void);
/* Only the lines of this set are let through. The cascade is, if one of the second controller's is.
 */
void pic_unmask(u16 lines);
/* A non-specific EOI for the line. */
void pic_eoi(u8 line);
/* IRR or ISR of both. */
u16 pic_read(u8 command);

/* Channel 0, 16-bit binary counts. */
void pit_start(u8 mode, u16 count);
/* Channel 0 rests with its output as mode 0 or 2 leaves it. */
void pit_stop(void);
u16 pit_count(void);

u8 rtc_read(u8 index);
void rtc_write(u8 index, u8 value);

/* Time without interrupts, from the time-stamp counter, measured once with the PIT. */
u64 tsc_per_ms(void);
void delay_us(u32 us);

/* Waits until the condition holds, interrupts as they are. False if that takes over a second. */
#define wait_until(condition)                         \
    ({                                                \
        u64 wait_end = rdtsc() + 1000 * tsc_per_ms(); \
        while (!(condition) && rdtsc() < wait_end) {  \
            asm volatile("pause" : : : "memory");     \
        }                                             \
        (condition);                                  \
    })
