/* real.c - the way to 16-bit code and back. [SDM3] "Mode Switching", "8086 Emulation". */
#include "lib/32/real.h"
#include "lib/trap.h"
#include "lib/x86.h"

enum { STUB_SIZE = 8, PUSH_WORD = 0x68, JMP_NEAR = 0xe9 };

/* real.S */
extern const u8 real_begin[], real_trap[], real_end[];
void real_switch(void);
void v86_switch(const Regs16 *r);

static Regs16 *const shared = (Regs16 *)(LOW_SWITCH + 0x800); /* what real.S loads and stores */

void low_reset(void)
{
    u32 trap = LOW_SWITCH + (real_trap - real_begin);

    memcpy((void *)low8(LOW_SWITCH), real_begin, real_end - real_begin);
    for (u32 vector = 0; vector < 256; vector++) {
        u32 stub = LOW_STUBS + vector * STUB_SIZE;

        *low8(stub) = PUSH_WORD;
        low16(stub + 1) = vector;
        *low8(stub + 3) = JMP_NEAR;
        low16(stub + 4) = trap - (stub + 6);
        low32(vector * 4) = stub; /* segment 0 */
    }
}

static void copy_code(const Regs16 *r, const u8 *begin, const u8 *end)
{
    memcpy((void *)low8(r->cs * 16 + r->eip), begin, end - begin);
}

void enter_real(Regs16 *r)
{
    struct {
        u16 limit;
        u32 base;
    } __attribute__((packed)) idtr;
    word cr0 = read_cr0();

    asm volatile("sidt %0" : "=m"(idtr));
    asm volatile("" : "+r"(r));
    memcpy((void *)low8((word)shared), r, sizeof(*r));
    low16((word)&shared->far_ip) = r->eip;
    low16((word)&shared->far_cs) = r->cs;
    real_switch();
    memcpy(r, (void *)low8((word)shared), sizeof(*r));
    asm volatile("lidt %0" : : "m"(idtr));
    write_cr0(cr0);
}

void run_real(Regs16 *r, const u8 *begin, const u8 *end)
{
    copy_code(r, begin, end);
    enter_real(r);
}

void enter_v86(Regs16 *r)
{
    Trap t = CATCH(v86_switch(r));
    const Frame *f = &t.frame;

    *r = (Regs16){.eax = f->ax,
                  .ebx = f->bx,
                  .ecx = f->cx,
                  .edx = f->dx,
                  .esi = f->si,
                  .edi = f->di,
                  .ebp = f->bp,
                  .esp = f->sp,
                  .eip = f->ip,
                  .eflags = f->flags,
                  .cs = f->cs,
                  .ds = f->v86_ds,
                  .es = f->v86_es,
                  .fs = f->v86_fs,
                  .gs = f->v86_gs,
                  .ss = f->ss,
                  .vector = t.vector,
                  .error = t.error};
}

void run_v86(Regs16 *r, const u8 *begin, const u8 *end)
{
    copy_code(r, begin, end);
    enter_v86(r);
}
