/* tap.c - runs every case and prints the results in the Test Anything Protocol. */
#include "tap.h"
#include <stdarg.h>
#include "cpu.h"
#include "trap.h"
#include "x86.h"

enum { DEBUG_CONSOLE = 0xe9, COM1 = 0x3f8, COM1_LINE = 0x3fb, COM1_STATUS = 0x3fd };
enum { LINE_8N1 = 3, LINE_DLAB = 0x80, STATUS_EMPTY = 0x60 };
enum { DEBUG_EXIT = 0xf4, BOCHS_SHUTDOWN = 0x8900 };

extern const Case __start_cases[], __stop_cases[];

static bool failed;
static const char *skipped;
static JumpBuffer leave_case;

/* 115200 bits a second, no interrupts. [16550] "Programmable Baud Generator". */
static void console_init(void)
{
    outb(COM1_LINE, LINE_DLAB | LINE_8N1);
    outb(COM1, 1);
    outb(COM1 + 1, 0);
    outb(COM1_LINE, LINE_8N1);
    outb(COM1 + 1, 0);
}

static void put(char c)
{
    outb(DEBUG_CONSOLE, c);
    outb(COM1, c);
    for (int i = 0; i < 100000 && (inb(COM1_STATUS) & STATUS_EMPTY) != STATUS_EMPTY; i++) {}
}

static void put_number(u64 value, u32 base)
{
    char digits[24];
    int n = 0;

    /* No 64-bit division without a library: bases are 16, or the number is small. */
    do {
        u32 digit = base == 16 ? (u32)(value & 15) : (u32)value % base;
        digits[n++] = "0123456789abcdef"[digit];
        value = base == 16 ? value >> 4 : (u32)value / base;
    } while (value);
    while (n) {
        put(digits[--n]);
    }
}

void print(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    for (; *format; format++) {
        if (*format != '%') {
            put(*format);
            continue;
        }
        switch (*++format) {
        case 's':
            for (const char *s = va_arg(args, const char *); *s; s++) {
                put(*s);
            }
            break;
        case 'd':
            put_number(va_arg(args, u32), 10);
            break;
        case 'x':
            put_number(va_arg(args, u32), 16);
            break;
        case 'l':
            format++;
            put_number(va_arg(args, u64), 16);
            break;
        }
    }
    va_end(args);
}

bool tap_check(bool held, int line, const char *what)
{
    if (!held) {
        print("# line %d: %s\n", line, what);
        failed = true;
    }
    return held;
}

bool tap_check_eq(u64 got, u64 want, int line, const char *what)
{
    if (got != want) {
        print("# line %d: %s is %lx, expected %lx\n", line, what, got, want);
        failed = true;
    }
    return got == want;
}

void tap_abort(void)
{
    failed = true;
    jump(&leave_case);
}

void tap_skip(const char *why)
{
    skipped = why;
    jump(&leave_case);
}

void require_feature(u64 feature, const char *name)
{
    if (!cpu_has(feature)) {
        tap_skip(name);
    }
}

void quit(u32 status)
{
    outl(DEBUG_EXIT, status);
    for (const char *s = "Shutdown"; *s; s++) {
        outb(BOCHS_SHUTDOWN, *s);
    }
    for (;;) {
        asm volatile("cli; hlt");
    }
}

static void run_case(const Case *c)
{
    failed = false;
    skipped = NULL;
    if (jump_here(&leave_case) == 0) {
        if (c->name[0] == '!') { /* `run` marks it so */
            tap_skip("stops this emulator");
        }
        cpu_reset_state();
        c->run();
    }
    cpu_reset_state();
}

/* Entered from start.S, with a flat 32-bit or 64-bit machine. */
void guest_main(void)
{
    int failures = 0;

    console_init();
    cpu_init();
    print("TAP version 13\n1..%d\n", (u32)(__stop_cases - __start_cases));
    for (const Case *c = __start_cases; c < __stop_cases; c++) {
        run_case(c);
        print("%sok %d - %s: %s", failed ? "not " : "", (u32)(c - __start_cases) + 1, c->name,
              c->title);
        if (skipped && !failed) {
            print(" # SKIP %s", skipped);
        }
        print("\n");
        failures += failed;
    }
    quit(failures != 0);
}
