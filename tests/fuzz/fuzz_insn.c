/* fuzz_insn.c - user programs of any bytes, with any registers: the program lives, and only the
 * gates of the IDT lead out of ring 3.
 *
 * Supervisor memory is a page of the guest that no user mapping reaches. */
#include "cpu/block.h"
#include "cpu/exec.h"
#include "cpu/mmu.h"
#include "cpu/x87.h"
#include "tests/fuzz/code.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/bare_cpu.h"

enum {
    RUNS = 24,
    STEPS = 24,
    CODE_BYTES = 0x80,
    HANDLERS = 0x9000, /* one HLT for each vector: in ring 0 nothing else is executed */
    SECRET = 0xc000,   /* a page that only ring 0 may touch */
    TABLE = AT_PAGES + 3 * PAGE_SIZE,
};

/* Ring 3 may reach its code, data and stack; tables, handlers and the secret are the supervisor's.
 */
static void write_pages(BareCpu *t)
{
    enum { PRESENT = 1, WRITABLE = 2, USER = 4 };
    for (unsigned i = 0; i < 512; i++) {
        PhysAddr at = i * PAGE_SIZE;
        bool user = at >= AT_CODE && at < AT_DATA + 0x4000;
        bare_write(t, TABLE + 8 * i, at | PRESENT | WRITABLE | (user ? USER : 0), 8);
    }
    bare_write(t, AT_PAGES + 2 * PAGE_SIZE, TABLE | PRESENT | WRITABLE | USER, 8);
}

static void write_handlers(BareCpu *t, bool is_long)
{
    for (unsigned vector = 0; vector < 256; vector++) {
        unsigned access = AR_P | DESC_INT_GATE | (vector == 0x80 ? DPL(3) : 0);
        bare_write(t, HANDLERS + vector, 0xf4, 1);
        if (is_long)
            bare_idt_long(t, vector, gate_make(SEL_CODE64, HANDLERS + vector, access, 0), 0);
        else
            bare_idt(t, vector, gate_make(SEL_CODE0, HANDLERS + vector, access, 0));
    }
}

static void any_state(Input *in, BareCpu *t)
{
    Cpu *cpu = t->cpu;
    for (unsigned i = 0; i < GPR_COUNT; i++)
        cpu->gpr[i] = input_one_in(in, 2) ? input_number(in) : AT_DATA + input_below(in, 0x4000);
    cpu->gpr[RSP] = AT_DATA + 0x3000;
    cpu->lstar = cpu->cstar = HANDLERS;
    cpu->star = (uint64_t)SEL_CODE64 << 32;
    for (unsigned i = 0; i < 8; i++)
        cpu->fpu.reg[i] = (F80){.mant = input_number(in), .se = input_bits(in, 2)};
    cpu->fpu.valid = input_byte(in);
    cpu->fpu.cw = CW_ONE | (input_bits(in, 2) & CW_WRITABLE);
    cpu->fpu.top = input_below(in, 8);
    cpu->mxcsr = input_bits(in, 2) & 0xffbf;
    for (unsigned i = 0; i < G_N_ELEMENTS(cpu->vec); i++)
        input_fill(in, cpu->vec[i].u8, sizeof(cpu->vec[i].u8));
    cpu->cr0 |= (input_bits(in, 1) & (CR0_MP | CR0_NE)) | (input_one_in(in, 2) ? CR0_AM : 0);
    cpu->cr4 |= CR4_OSFXSR | CR4_OSXSAVE | (input_one_in(in, 2) ? CR4_OSXMMEXCPT : 0) |
                (input_one_in(in, 4) ? CR4_UMIP | CR4_TSD | CR4_FSGSBASE : 0);
    cpu->xcr0 = xcr0_supported(cpu);
    uint32_t flags = input_bits(in, 4) & (FLAGS_ARITH | FLAG_DF | FLAG_AC | FLAG_ID | FLAG_NT);
    eflags_set(cpu, FLAG_FIXED | flags | (input_one_in(in, 8) ? FLAG_TF : 0));
    debug_registers_changed(cpu);
    cpu_update_mode(cpu);
}

/* In ring 0 only at the start of a handler, and never with a way to its memory. */
static void check(BareCpu *t, uint64_t secret)
{
    Cpu *cpu = t->cpu;
    g_assert_cmphex(bare_read(t, SECRET, 8), ==, secret);
    g_assert_cmpuint(cpu->cpl, <=, 3);
    g_assert_cmphex(cpu->cr3, ==, AT_PAGES);
    g_assert_cmphex(cpu->gdtr.base, ==, AT_GDT);
    if (cpu->cpl != 3 && cpu->activity != CPU_SHUTDOWN)
        g_assert_true(cpu->rip >= HANDLERS && cpu->rip <= HANDLERS + 256);
    g_autofree char *code = code_cache_problem(cpu->code);
    g_assert_cmpstr(code, ==, NULL);
    g_autofree char *tlb = tlb_problem(cpu);
    g_assert_cmpstr(tlb, ==, NULL);
}

static void one_run(Input *in, BareCpu *t)
{
    bool is_long = input_one_in(in, 2);
    cpu_reset(t->cpu, CPU_POWER_ON);
    if (is_long)
        bare_long(t, 3);
    else
        bare_compat(t, 3);
    write_pages(t);
    write_handlers(t, true);
    any_state(in, t);
    uint8_t code[CODE_BYTES];
    code_fill(in, is_long ? CODE_64 : CODE_32, code, sizeof(code));
    address_space_write(&t->memory, AT_CODE, code, sizeof(code));
    uint64_t secret = input_bits(in, 8);
    bare_write(t, SECRET, secret, 8);
    cpu_run(t->cpu, STEPS);
    check(t, secret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Input in;
    input_init(&in, data, size);
    BareCpu *t = bare_cpu();
    for (unsigned i = 0; i < RUNS; i++)
        one_run(&in, t);
    bare_cpu_free(t);
    return 0;
}
