/* trap.c - sends exceptions and interrupts to their handlers. */
#include "trap.h"

TrapHandler *trap_handlers[256];
Frame caught;
JumpBuffer trap_jump;
static bool catching;

void trap_catch(bool on)
{
    if (on) {
        caught = (Frame){.vector = NO_TRAP};
    }
    catching = on;
    asm volatile("" : : : "memory");
}

/* Called by trap.S. */
void trap_dispatch(Frame *frame)
{
    TrapHandler *handler = trap_handlers[frame->vector];

    if (handler) {
        handler(frame);
        return;
    }
    if (catching) {
        catching = false;
        caught = *frame;
        jump(&trap_jump);
    }
    print("# unexpected vector %d, error %x, at %lx\n", (u32)frame->vector, (u32)frame->error,
          (u64)frame->ip);
    tap_abort();
}
