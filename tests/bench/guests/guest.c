/* guest.c - runs the workload between two marks on the debug console, and ends the machine.
 *
 * The host takes the time from mark to mark. Where the clock counts instructions, the time stamp
 * counter tells how many the workload took; a loop of known length says what one tick is. */
#include "guest.h"

enum { CONSOLE = 0xe9, DEBUG_EXIT = 0xf4, BOCHS_SHUTDOWN = 0x8900, KNOWN_LOOP = 500000 };

static void out8(u16 port, u8 value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static u64 time_stamp(void)
{
    u32 low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (u64)high << 32 | low;
}

static void print(const char *text)
{
    for (; *text; text++)
        out8(CONSOLE, *text);
}

static void print_hex(u64 value)
{
    for (int shift = 60; shift >= 0; shift -= 4)
        out8(CONSOLE, "0123456789abcdef"[value >> shift & 15]);
}

/* Ticks of twice KNOWN_LOOP instructions. */
static u64 known_loop(void)
{
    u64 start = time_stamp();
    u32 count = KNOWN_LOOP;
    __asm__ volatile("1: dec %0; jnz 1b" : "+r"(count));
    return time_stamp() - start;
}

void main(void)
{
    u64 known = known_loop();
    print("<begin>");
    u64 start = time_stamp();
    u32 result = work();
    u64 ticks = time_stamp() - start;
    print(result == work_result ? "<end right " : "<end wrong ");
    print_hex(result);
    print(" ");
    print_hex(ticks);
    print(" ");
    print_hex(known);
    print(">");
    for (const char *text = "Shutdown"; *text; text++)
        out8(BOCHS_SHUTDOWN, *text);
    out8(DEBUG_EXIT, 0);
    for (;;)
        __asm__ volatile("hlt");
}
