/* machine.c - the platform of a bare machine: debug console and debug exit. */
#include "guest.h"

enum { CONSOLE = 0xe9, DEBUG_EXIT = 0xf4, BOCHS_SHUTDOWN = 0x8900 };

/* The last bytes of the ROM's copy, where the bench writes it. */
extern const u32 work_size;

static void out8(u16 port, u8 value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

void platform_write(const char *text, u32 count)
{
    for (u32 i = 0; i < count; i++)
        out8(CONSOLE, text[i]);
}

/* The time stamp counter. */
u64 platform_ticks(void)
{
    u32 low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (u64)high << 32 | low;
}

void platform_end(void)
{
    for (const char *text = "Shutdown"; *text; text++)
        out8(BOCHS_SHUTDOWN, *text);
    out8(DEBUG_EXIT, 0);
    for (;;)
        __asm__ volatile("hlt");
}

void main(void)
{
    run(work_size);
    platform_end();
}
