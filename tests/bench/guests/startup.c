/* startup.c - nothing: what remains is the emulator's own start and end. */
#include "guest.h"

const u32 work_result = 0;

u32 work(void)
{
    return 0;
}
