/* trap.c - what is done when the processor raises something. */
#include "trap.h"
#include "tap.h"
#include "x86.h"

JumpBuffer trap_buffer;
volatile word try_begin, try_end;

static bool armed;
static Trap caught;
static Handler *handlers[256];

void trap_arm(void)
{
    caught = (Trap){.vector = TRAP_NONE};
    armed = true;
}

Trap trap_disarm(void)
{
    armed = false;
    return caught;
}

void trap_forget(void)
{
    armed = false;
    memset(handlers, 0, sizeof(handlers));
}

void trap_handle(u8 vector, Handler *handler)
{
    handlers[vector] = handler;
}

/* Only exceptions that the processor raised itself have an error code. */
static bool has_error(u32 vector)
{
    return vector < 32 && (0x00227d00u >> vector & 1);
}

/* Called by trap.S. */
void trap_common(Frame *frame)
{
    u32 vector = frame->vector;

    if (handlers[vector]) {
        handlers[vector](frame);
        return;
    }
    if (armed) {
        caught.frame = *frame;
        caught.vector = vector;
        caught.error = has_error(vector) ? frame->error : 0;
        caught.ip = frame->ip;
        caught.cr2 = read_cr2();
        caught.dr6 = read_dr6();
        caught.sp = (word)&frame->sp;
        armed = false;
        jump(&trap_buffer);
    }
    print("# unexpected vector %d error %x at %x:%lx flags %x cr2 %lx\n", vector, (u32)frame->error,
          (u32)frame->cs, (u64)frame->ip, (u32)frame->flags, (u64)read_cr2());
    tap_abort();
}

bool trap_expect(Trap trap, u32 vector, u32 error, word ip, int line)
{
    bool held = tap_check_eq(trap.vector, vector, line, "vector");

    held = tap_check_eq(trap.error, error, line, "error code") && held;
    if (ip) {
        held = tap_check_eq(trap.ip, ip, line, "saved instruction pointer") && held;
    }
    return held;
}

void *memcpy(void *to, const void *from, size_t size)
{
    void *result = to;

    asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
    return result;
}

void *memset(void *to, int byte, size_t size)
{
    void *result = to;

    asm volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(byte) : "memory");
    return result;
}

int memcmp(const void *a, const void *b, size_t size)
{
    const u8 *x = a, *y = b;

    for (; size && *x == *y; size--, x++, y++) {}
    return size ? *x - *y : 0;
}
