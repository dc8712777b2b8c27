/* test_protection_interrupts.c - events through the IDT, IRET, double and triple faults, V86 and
 * its extensions. [SDM2] INT n, IRET; [SDM3] "Interrupt and Exception Handling", "8086 Emulation".
 */
#include "cpu/far.h"
#include "cpu/interrupt.h"
#include "tests/support/bare_cpu.h"

enum { INT_GATE = AR_P | DESC_INT_GATE, TRAP_GATE = AR_P | DESC_TRAP_GATE, VECTOR = 0x30 };

static NOINLINE Raised deliver(BareCpu *t, unsigned vector, EventKind kind, bool has_error,
                               uint32_t error)
{
    return RAISED_BY(t, interrupt_deliver(t->cpu, vector, kind, has_error, error));
}

static void assert_at(BareCpu *t, uint16_t cs, uint64_t rip, unsigned cpl)
{
    g_assert_cmphex(t->cpu->seg[SEG_CS].selector, ==, cs);
    g_assert_cmphex(t->cpu->rip, ==, rip);
    g_assert_cmpint(t->cpu->cpl, ==, cpl);
}

static void assert_frame(BareCpu *t, unsigned size, const uint64_t *frame, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        g_assert_cmphex(bare_stack(t, i, size), ==, frame[i]);
}
#define FRAME(t, size, ...)                                \
    assert_frame(t, size, (const uint64_t[]){__VA_ARGS__}, \
                 sizeof((const uint64_t[]){__VA_ARGS__}) / 8)

/* --- real mode ------------------------------------------------------------------------------- */

static void real_mode(void)
{
    BareCpu *t = bare_cpu();
    bare_write(t, 4 * 0x21, 0x1234, 2);
    bare_write(t, 4 * 0x21 + 2, 0x1100, 2);
    eflags_set(t->cpu, FLAG_IF | FLAG_CF | FLAG_AC);
    assert_quiet(EXECUTE(t, 0xcd, 0x21));
    assert_at(t, 0x1100, 0x1234, 0);
    FRAME(t, 2, 2, AT_CODE >> 4, FLAG_IF | FLAG_CF | FLAG_FIXED);
    g_assert_cmphex(eflags_get(t->cpu), ==, FLAG_CF | FLAG_FIXED);
    assert_quiet(EXECUTE(t, 0xcf));
    assert_at(t, AT_CODE >> 4, 2, 0);
    g_assert_cmphex(t->cpu->gpr[RSP], ==, AT_STACK3);
    g_assert_cmphex(eflags_get(t->cpu), ==, FLAG_IF | FLAG_CF | FLAG_FIXED);
    bare_cpu_free(t);
}

static void real_mode_limits(void)
{
    BareCpu *t = bare_cpu();
    t->cpu->idtr.limit = 4 * 0x21 + 2;
    assert_raised(EXECUTE(t, 0xcd, 0x21), EXC_GP, 0x21 * 8 + 2);
    t->cpu->idtr.limit++;
    assert_quiet(EXECUTE(t, 0xcd, 0x21));
    bare_real(t);
    t->cpu->gpr[RSP] = 5;
    assert_raised(EXECUTE(t, 0xcd, 0x21), EXC_SS, 0);
    g_assert_cmphex(t->cpu->gpr[RSP], ==, 5);
    /* The table need not be at 0. */
    bare_real(t);
    t->cpu->idtr.base = AT_IDT;
    bare_write(t, AT_IDT + 4 * 0x21, 0x56781234, 4);
    assert_quiet(EXECUTE(t, 0xcd, 0x21));
    assert_at(t, 0x5678, 0x1234, 0);
    bare_cpu_free(t);
}

/* IRETD in real mode: everything but VM, VIF and VIP. */
static void real_mode_iretd(void)
{
    BareCpu *t = bare_cpu();
    bare_push(t, 0xffffffff, 4);
    bare_push(t, 0x2000, 4);
    bare_push(t, 0x1234, 4);
    assert_quiet(EXECUTE(t, 0x66, 0xcf));
    assert_at(t, 0x2000, 0x1234, 0);
    g_assert_cmphex(eflags_get(t->cpu), ==, 0x257fd7);
    bare_real(t);
    bare_push(t, 0, 4);
    bare_push(t, 0x2000, 4);
    bare_push(t, 0x10000, 4);
    assert_raised(EXECUTE(t, 0x66, 0xcf), EXC_GP, 0);
    bare_cpu_free(t);
}

/* --- protected mode gates -------------------------------------------------------------------- */

typedef struct GateCase {
    const char *name;
    unsigned cpl;
    EventKind kind;
    unsigned gate; /* access byte */
    uint16_t target;
    unsigned code; /* at SEL_TEST, limit FFFFh; 0: nothing written */
    uint32_t offset;
    int vector;
    uint32_t error;
} GateCase;

#define HW   EVENT_HARDWARE
#define SW   EVENT_SOFTWARE
#define INT3 EVENT_INT3_INTO
#define ICE  EVENT_ICEBP
enum { IDT = VECTOR * 8 + 2 };

/* clang-format off */
static const GateCase gate_cases[] = {
    /* what                        cpl kind  gate                     target      code                offset   vector  error */
    { "hardware",                  0,  HW,   INT_GATE,                SEL_TEST,   ACC_CODE,           0x1234,  -1,     0 },
    { "hardware, ring 3",          3,  HW,   INT_GATE,                SEL_TEST,   ACC_CODE,           0x1234,  -1,     0 },
    { "software",                  3,  SW,   INT_GATE | DPL(3),       SEL_TEST,   ACC_CODE,           0x1234,  -1,     0 },
    { "software, gate DPL",        3,  SW,   INT_GATE,                SEL_TEST,   ACC_CODE,           0x1234,  EXC_GP, IDT },
    { "INT3, gate DPL",            3,  INT3, INT_GATE,                SEL_TEST,   ACC_CODE,           0x1234,  EXC_GP, IDT },
    { "INT1 needs no DPL",         3,  ICE,  INT_GATE,                SEL_TEST,   ACC_CODE,           0x1234,  -1,     0 },
    { "not a gate: data",          0,  HW,   ACC_DATA,                SEL_TEST,   ACC_CODE,           0x1234,  EXC_GP, IDT + 1 },
    { "not a gate: call gate",     0,  HW,   AR_P | DESC_CALL_GATE,   SEL_TEST,   ACC_CODE,           0x1234,  EXC_GP, IDT + 1 },
    { "not a gate: TSS",           0,  SW,   AR_P | DESC_TSS_AVAILABLE, SEL_TEST, ACC_CODE,           0x1234,  EXC_GP, IDT },
    { "DPL before present",        3,  SW,   INT_GATE & ~AR_P,        SEL_TEST,   ACC_CODE,           0x1234,  EXC_GP, IDT },
    { "absent gate",               0,  SW,   INT_GATE & ~AR_P,        SEL_TEST,   ACC_CODE,           0x1234,  EXC_NP, IDT },
    { "absent gate, hardware",     0,  HW,   INT_GATE & ~AR_P,        SEL_TEST,   ACC_CODE,           0x1234,  EXC_NP, IDT + 1 },
    { "null target",               0,  HW,   INT_GATE,                0,          0,                  0x1234,  EXC_GP, 1 },
    { "null target, software",     0,  SW,   INT_GATE,                0,          0,                  0x1234,  EXC_GP, 0 },
    { "target beyond GDT",         0,  HW,   INT_GATE,                SEL_BEYOND, 0,                  0x1234,  EXC_GP, SEL_BEYOND + 1 },
    { "target is data",            0,  SW,   INT_GATE,                SEL_TEST,   ACC_DATA,           0x1234,  EXC_GP, SEL_TEST },
    { "target is outer",           0,  HW,   INT_GATE,                SEL_TEST,   ACC_CODE | DPL(3),  0x1234,  EXC_GP, SEL_TEST + 1 },
    { "absent target",             0,  HW,   INT_GATE,                SEL_TEST,   ACC_CODE & ~AR_P,   0x1234,  EXC_NP, SEL_TEST + 1 },
    { "conforming from ring 3",    3,  HW,   INT_GATE,                SEL_TEST,   ACC_CONFORMING,     0x1234,  -1,     0 },
    { "ring 3 to ring 1",          3,  HW,   INT_GATE,                SEL_TEST,   ACC_CODE | DPL(1),  0x1234,  -1,     0 },
    { "beyond code limit",         0,  HW,   INT_GATE,                SEL_TEST,   ACC_CODE,           0x10000, EXC_GP, 1 },
    { "beyond code limit, inner",  3,  SW,   INT_GATE | DPL(3),       SEL_TEST,   ACC_CODE,           0x10000, EXC_GP, 0 },
};
/* clang-format on */

static void gates(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(gate_cases); i++) {
        const GateCase *c = &gate_cases[i];
        g_test_message("%s", c->name);
        BareCpu *t = bare_cpu();
        bare_protected(t, c->cpl);
        uint16_t cs = t->cpu->seg[SEG_CS].selector;
        uint64_t rsp = t->cpu->gpr[RSP];
        bare_idt(t, VECTOR, gate_make(c->target, c->offset, c->gate, 0));
        if (c->code)
            bare_gdt(t, SEL_TEST, descriptor_make(0, 0xffff, c->code));
        assert_raised(deliver(t, VECTOR, c->kind, false, 0), c->vector, c->error);
        if (c->vector < 0) {
            unsigned dpl = (c->code & AR_DPL) >> AR_DPL_SHIFT;
            unsigned cpl = c->code & AR_CONFORMING ? c->cpl : dpl;
            assert_at(t, SEL_TEST | cpl, c->offset, cpl);
            FRAME(t, 4, AT_CODE, cs, FLAG_FIXED);
        } else {
            assert_at(t, cs, AT_CODE, c->cpl);
            g_assert_cmphex(t->cpu->gpr[RSP], ==, rsp);
        }
        bare_cpu_free(t);
    }
}

static void idt_limit(void)
{
    BareCpu *t = bare_cpu();
    bare_protected(t, 0);
    bare_idt(t, VECTOR, gate_make(SEL_CODE0, AT_HANDLER, INT_GATE, 0));
    t->cpu->idtr.limit = VECTOR * 8 + 6;
    assert_raised(deliver(t, VECTOR, HW, false, 0), EXC_GP, IDT + 1);
    assert_raised(deliver(t, VECTOR, SW, false, 0), EXC_GP, IDT);
    t->cpu->idtr.limit++;
    assert_quiet(deliver(t, VECTOR, HW, false, 0));
    bare_cpu_free(t);
}

/* Interrupt gates clear IF, trap gates do not; both clear TF, NT, RF. The image keeps them. */
static void handler_flags(void)
{
    BareCpu *t = bare_cpu();
    uint32_t set = FLAG_IF | FLAG_TF | FLAG_NT | FLAG_RF | FLAG_DF | FLAG_AC | FLAG_FIXED;
    for (unsigned trap = 0; trap < 2; trap++) {
        bare_protected(t, 0);
        bare_idt(t, VECTOR, gate_make(SEL_CODE0, AT_HANDLER, trap ? TRAP_GATE : INT_GATE, 0));
        eflags_set(t->cpu, set);
        assert_quiet(deliver(t, VECTOR, HW, false, 0));
        FRAME(t, 4, AT_CODE, SEL_CODE0, set);
        g_assert_cmphex(eflags_get(t->cpu), ==,
                        FLAG_DF | FLAG_AC | FLAG_FIXED | (trap ? FLAG_IF : 0));
    }
    bare_cpu_free(t);
}

static void error_code_and_inner_frame(void)
{
    BareCpu *t = bare_cpu();
    bare_protected(t, 3);
    bare_idt(t, EXC_GP, gate_make(SEL_CODE0, AT_HANDLER, INT_GATE, 0));
    assert_quiet(deliver(t, EXC_GP, EVENT_EXCEPTION, true, 0x1230));
    assert_at(t, SEL_CODE0, AT_HANDLER, 0);
    g_assert_cmphex(t->cpu->gpr[RSP], ==, AT_STACK0 - 24);
    g_assert_cmphex(t->cpu->seg[SEG_SS].selector, ==, SEL_DATA0);
    FRAME(t, 4, 0x1230, AT_CODE, SEL_CODE3, FLAG_FIXED, AT_STACK3, SEL_DATA3);
    /* And back. */
    stack_pop(t->cpu, 4);
    assert_quiet(EXECUTE(t, 0xcf));
    assert_at(t, SEL_CODE3, AT_CODE, 3);
    g_assert_cmphex(t->cpu->gpr[RSP], ==, AT_STACK3);
    g_assert_cmphex(t->cpu->seg[SEG_SS].selector, ==, SEL_DATA3);
    bare_cpu_free(t);
}

static void gate_of_16_bits(void)
{
    BareCpu *t = bare_cpu();
    bare_protected(t, 3);
    bare_idt(t, VECTOR, gate_make(SEL_CODE0, 0xffff1234, AR_P | DESC_INT_GATE16, 0));
    assert_quiet(deliver(t, VECTOR, HW, true, 0x5678));
    assert_at(t, SEL_CODE0, 0x1234, 0);
    g_assert_cmphex(t->cpu->gpr[RSP], ==, AT_STACK0 - 12);
    FRAME(t, 2, 0x5678, AT_CODE & 0xffff, SEL_CODE3, FLAG_FIXED, AT_STACK3, SEL_DATA3);
    bare_cpu_free(t);
}

/* The stack an inner handler needs: [SDM2] INT n: INTER-PRIVILEGE-LEVEL-INTERRUPT. */
static void inner_stacks(void)
{
    static const struct {
        uint16_t selector;
        unsigned access;
        uint32_t esp;
        int vector;
        uint32_t error;
    } cases[] = {
        {0, 0, 0x8000, EXC_TS, 1},
        {SEL_BEYOND, 0, 0x8000, EXC_TS, SEL_BEYOND + 1},
        {SEL_TEST | 3, ACC_DATA, 0x8000, EXC_TS, SEL_TEST + 1},
        {SEL_TEST, ACC_DATA | DPL(3), 0x8000, EXC_TS, SEL_TEST + 1},
        {SEL_TEST, ACC_DATA_RO, 0x8000, EXC_TS, SEL_TEST + 1},
        {SEL_TEST, ACC_DATA & ~AR_P, 0x8000, EXC_SS, SEL_TEST + 1},
        {SEL_TEST, ACC_DOWN, 0x1016, EXC_SS, SEL_TEST + 1},
        {SEL_TEST, ACC_DOWN, 0x1018, -1, 0},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        BareCpu *t = bare_cpu();
        bare_protected(t, 3);
        bare_idt(t, EXC_GP, gate_make(SEL_CODE0, AT_HANDLER, INT_GATE, 0));
        if (cases[i].access)
            bare_gdt(t, SEL_TEST, descriptor_make(0, 0xfff, cases[i].access));
        bare_write(t, AT_TSS + 4, cases[i].esp, 4);
        bare_write(t, AT_TSS + 8, cases[i].selector, 2);
        assert_raised(deliver(t, EXC_GP, EVENT_EXCEPTION, true, 0), cases[i].vector,
                      cases[i].error);
        bare_cpu_free(t);
    }
}

/* A software interrupt's own faults have EXT clear. */
static void inner_stack_of_software_interrupt(void)
{
    BareCpu *t = bare_cpu();
    bare_protected(t, 3);
    bare_idt(t, VECTOR, gate_make(SEL_CODE0, AT_HANDLER, INT_GATE | DPL(3), 0));
    t->cpu->tr.limit = 8;
    assert_raised(deliver(t, VECTOR, SW, false, 0), EXC_TS, SEL_TSS);
    assert_raised(deliver(t, VECTOR, HW, false, 0), EXC_TS, SEL_TSS + 1);
    bare_cpu_free(t);
}

/* The present stack: #SS(EXT). */
static void same_level_stack(void)
{
    BareCpu *t = bare_cpu();
    bare_protected(t, 0);
    bare_idt(t, VECTOR, gate_make(SEL_CODE0, AT_HANDLER, INT_GATE, 0));
    Segment *ss = &t->cpu->seg[SEG_SS];
    ss->access |= AR_EXPAND_DOWN;
    ss->limit = AT_STACK0 - 13;
    segment_update(ss);
    assert_quiet(deliver(t, VECTOR, HW, false, 0));
    t->cpu->gpr[RSP] = AT_STACK0;
    ss->limit++;
    segment_update(ss);
    assert_raised(deliver(t, VECTOR, HW, false, 0), EXC_SS, 1);
    assert_raised(deliver(t, VECTOR, SW, false, 0), EXC_SS, 0);
    g_assert_cmphex(t->cpu->gpr[RSP], ==, AT_STACK0);
    bare_cpu_free(t);
}

static void into(void)
{
    BareCpu *t = bare_cpu();
    bare_protected(t, 0);
    bare_idt(t, EXC_OF, gate_make(SEL_CODE0, AT_HANDLER, INT_GATE, 0));
    bare_idt(t, EXC_BP, gate_make(SEL_CODE0, AT_HANDLER, INT_GATE, 0));
    assert_quiet(EXECUTE(t, 0xce));
    g_assert_cmphex(t->cpu->rip, ==, AT_CODE + 1);
    eflags_set(t->cpu, FLAG_OF);
    assert_quiet(EXECUTE(t, 0xce));
    g_assert_cmphex(t->cpu->rip, ==, AT_HANDLER);
    FRAME(t, 4, AT_CODE + 2, SEL_CODE0, FLAG_OF | FLAG_FIXED);
    bare_protected(t, 0);
    assert_quiet(EXECUTE(t, 0xcc));
    FRAME(t, 4, AT_CODE + 1, SEL_CODE0, FLAG_FIXED);
    bare_cpu_free(t);
}

/* --- IRET in protected mode ------------------------------------------------------------------ */

/* Which flags IRETD takes, by CPL and IOPL. */
static void iret_flags(void)
{
    static const struct {
        unsigned cpl, iopl;
        uint32_t expected;
    } cases[] = {
        {0, 0, 0x3d7fd7},
        {3, 3, 0x257fd7},
        {3, 0, 0x254dd7},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        BareCpu *t = bare_cpu();
        bare_protected(t, cases[i].cpl);
        eflags_set(t->cpu, cases[i].iopl << FLAG_IOPL_SHIFT);
        bare_push(t, 0xffffffff & ~FLAG_VM, 4);
        bare_push(t, t->cpu->seg[SEG_CS].selector, 4);
        bare_push(t, 0x1234, 4);
        assert_quiet(EXECUTE(t, 0xcf));
        g_assert_cmphex(eflags_get(t->cpu), ==, cases[i].expected);
        g_assert_true(t->cpu->pending & PENDING_DEBUG);
        bare_cpu_free(t);
    }
}

/* The 16-bit form leaves the upper half. */
static void iret_16(void)
{
    BareCpu *t = bare_cpu();
    bare_protected(t, 0);
    eflags_set(t->cpu, FLAG_AC | FLAG_ID);
    bare_push(t, 0xffff, 2);
    bare_push(t, SEL_CODE0, 2);
    bare_push(t, 0x1234, 2);
    assert_quiet(EXECUTE(t, 0x66, 0xcf));
    g_assert_cmphex(eflags_get(t->cpu), ==, 0x7fd7 | FLAG_AC | FLAG_ID);
    bare_cpu_free(t);
}

static void iret_unblocks_nmi(void)
{
    BareCpu *t = bare_cpu();
    bare_protected(t, 0);
    bare_idt(t, EXC_NMI, gate_make(SEL_CODE0, AT_HANDLER, INT_GATE, 0));
    assert_quiet(RAISED_BY(t, interrupt_nmi(t->cpu)));
    g_assert_true(t->cpu->nmi_blocked);
    assert_quiet(EXECUTE(t, 0xcf));
    g_assert_false(t->cpu->nmi_blocked);
    bare_cpu_free(t);
}

/* --- V86 ------------------------------------------------------------------------------------- */

static void v86_frame_and_return(void)
{
    BareCpu *t = bare_cpu();
    Cpu *cpu = t->cpu;
    bare_v86(t, 3);
    cpu->seg[SEG_FS].selector = 0x1111;
    cpu->seg[SEG_GS].selector = 0x2222;
    bare_idt(t, EXC_GP, gate_make(SEL_CODE0, AT_HANDLER, INT_GATE, 0));
    assert_quiet(deliver(t, EXC_GP, EVENT_EXCEPTION, true, 0));
    assert_at(t, SEL_CODE0, AT_HANDLER, 0);
    g_assert_cmpint(cpu->mode, ==, CPU_PROTECTED);
    uint32_t flags = FLAG_VM | FLAG_IOPL | FLAG_FIXED;
    FRAME(t, 4, 0, 0, AT_CODE >> 4, flags, AT_STACK3, 0, AT_DATA >> 4, AT_DATA >> 4, 0x1111,
          0x2222);
    for (unsigned n = SEG_DS; n <= SEG_GS; n++) {
        g_assert_cmphex(cpu->seg[n].selector, ==, 0);
        g_assert_cmphex(cpu->seg[n].access, ==, 0);
    }
    stack_pop(cpu, 4);
    assert_quiet(EXECUTE(t, 0xcf));
    g_assert_cmpint(cpu->mode, ==, CPU_V86);
    assert_at(t, AT_CODE >> 4, 0, 3);
    g_assert_cmphex(cpu->seg[SEG_GS].selector, ==, 0x2222);
    g_assert_cmphex(cpu->seg[SEG_FS].base, ==, 0x11110);
    g_assert_cmphex(cpu->seg[SEG_DS].access, ==, 0xf3);
    g_assert_cmphex(cpu->gpr[RSP], ==, AT_STACK3);
    g_assert_cmphex(eflags_get(cpu), ==, flags);
    bare_cpu_free(t);
}

/* From V86 mode only nonconforming level 0 code will do. */
static void v86_handler_level(void)
{
    static const struct {
        unsigned code;
        int vector;
    } cases[] = {
        {ACC_CODE, -1},
        {ACC_CODE | DPL(1), EXC_GP},
        {ACC_CODE | DPL(3), EXC_GP},
        {ACC_CONFORMING, EXC_GP},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        BareCpu *t = bare_cpu();
        bare_v86(t, 3);
        bare_idt(t, VECTOR, gate_make(SEL_TEST, 0x1234, INT_GATE, 0));
        bare_gdt(t, SEL_TEST, descriptor_make(0, 0xffff, cases[i].code));
        assert_raised(deliver(t, VECTOR, HW, false, 0), cases[i].vector,
                      cases[i].vector < 0 ? 0 : SEL_TEST + 1);
        bare_cpu_free(t);
    }
}

/* The table at the head of vme.c. */
static void v86_int_methods(void)
{
    static const struct {
        unsigned method;
        bool vme;
        unsigned iopl;
        bool map_bit;
    } rows[] = {
        {1, false, 3, false}, {2, false, 0, false}, {3, true, 0, true},
        {4, true, 3, true},   {5, true, 3, false},  {6, true, 0, false},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_test_message("method %u", rows[i].method);
        BareCpu *t = bare_cpu();
        Cpu *cpu = t->cpu;
        bare_v86(t, rows[i].iopl);
        cpu->cr4 |= rows[i].vme ? CR4_VME : 0;
        bare_write(t, AT_TSS + 0x68 + 0x21 / 8, rows[i].map_bit ? 1 << 0x21 % 8 : 0, 1);
        bare_write(t, 4 * 0x21, 0x11001234, 4);
        bare_idt(t, 0x21, gate_make(SEL_CODE0, AT_HANDLER, TRAP_GATE | DPL(3), 0));
        cpu->eflags |= FLAG_IF | FLAG_VIF | FLAG_TF;
        Raised raised = EXECUTE(t, 0xcd, 0x21);
        switch (rows[i].method) {
        case 1:
        case 4:
            assert_quiet(raised);
            assert_at(t, SEL_CODE0, AT_HANDLER, 0);
            break;
        case 2:
        case 3:
            assert_raised(raised, EXC_GP, 0);
            break;
        case 5:
            assert_quiet(raised);
            assert_at(t, 0x1100, 0x1234, 3);
            FRAME(t, 2, 2, AT_CODE >> 4, FLAG_IF | FLAG_TF | FLAG_IOPL | FLAG_FIXED);
            g_assert_cmphex(cpu->eflags, ==, FLAG_VM | FLAG_VIF | FLAG_IOPL | FLAG_FIXED);
            break;
        case 6:
            assert_quiet(raised);
            assert_at(t, 0x1100, 0x1234, 3);
            FRAME(t, 2, 2, AT_CODE >> 4, FLAG_IF | FLAG_TF | FLAG_IOPL | FLAG_FIXED);
            g_assert_cmphex(cpu->eflags, ==, FLAG_VM | FLAG_IF | FLAG_FIXED);
            break;
        }
        bare_cpu_free(t);
    }
}

/* INT3 is neither sensitive to IOPL nor redirected. */
static void v86_int3(void)
{
    BareCpu *t = bare_cpu();
    bare_v86(t, 0);
    t->cpu->cr4 |= CR4_VME;
    bare_idt(t, EXC_BP, gate_make(SEL_CODE0, AT_HANDLER, INT_GATE | DPL(3), 0));
    assert_quiet(EXECUTE(t, 0xcc));
    assert_at(t, SEL_CODE0, AT_HANDLER, 0);
    bare_cpu_free(t);
}

static void push_iret16(BareCpu *t, uint16_t flags)
{
    bare_push(t, flags, 2);
    bare_push(t, 0x2000, 2);
    bare_push(t, 0x1234, 2);
}

static void v86_iret(void)
{
    BareCpu *t = bare_cpu();
    Cpu *cpu = t->cpu;
    /* IOPL 3: IF changes, IOPL and VM do not. */
    bare_v86(t, 3);
    push_iret16(t, FLAG_IF | FLAG_CF);
    assert_quiet(EXECUTE(t, 0xcf));
    assert_at(t, 0x2000, 0x1234, 3);
    g_assert_cmphex(eflags_get(cpu), ==, FLAG_VM | FLAG_IOPL | FLAG_IF | FLAG_CF | FLAG_FIXED);
    /* IOPL 0: #GP(0), or VIF with the extensions. */
    bare_v86(t, 0);
    push_iret16(t, FLAG_IF | FLAG_IOPL);
    assert_raised(EXECUTE(t, 0xcf), EXC_GP, 0);
    cpu->cr4 |= CR4_VME;
    assert_raised(EXECUTE(t, 0x66, 0xcf), EXC_GP, 0);
    assert_quiet(EXECUTE(t, 0xcf));
    g_assert_cmphex(eflags_get(cpu), ==, FLAG_VM | FLAG_VIF | FLAG_FIXED);
    /* A virtual interrupt waits, or TF would be set. */
    bare_v86(t, 0);
    cpu->cr4 |= CR4_VME;
    cpu->eflags |= FLAG_VIP;
    push_iret16(t, FLAG_IF);
    assert_raised(EXECUTE(t, 0xcf), EXC_GP, 0);
    cpu->eflags &= ~FLAG_VIP;
    push_iret16(t, FLAG_TF);
    assert_raised(EXECUTE(t, 0xcf), EXC_GP, 0);
    bare_cpu_free(t);
}

/* --- long mode ------------------------------------------------------------------------------- */

static void long_gate(BareCpu *t, unsigned vector, uint64_t offset, unsigned access, unsigned ist)
{
    bare_idt_long(t, vector, gate_make(SEL_CODE64, offset, access, ist), offset >> 32);
}

static void long_frame(void)
{
    BareCpu *t = bare_cpu();
    bare_long(t, 0);
    t->cpu->gpr[RSP] = 0x8fff;
    long_gate(t, EXC_PF, 0x7fff12345678, INT_GATE, 0);
    assert_quiet(deliver(t, EXC_PF, EVENT_EXCEPTION, true, 7));
    assert_at(t, SEL_CODE64, 0x7fff12345678, 0);
    g_assert_cmphex(t->cpu->gpr[RSP], ==, 0x8ff0 - 48);
    FRAME(t, 8, 7, AT_CODE, SEL_CODE64, FLAG_FIXED, 0x8fff, SEL_DATA0);
    g_assert_cmphex(t->cpu->seg[SEG_SS].selector, ==, SEL_DATA0);
    stack_pop(t->cpu, 8);
    assert_quiet(EXECUTE(t, 0x48, 0xcf)); /* iretq */
    assert_at(t, SEL_CODE64, AT_CODE, 0);
    g_assert_cmphex(t->cpu->gpr[RSP], ==, 0x8fff);
    bare_cpu_free(t);
}

static void long_inner_and_ist(void)
{
    BareCpu *t = bare_cpu();
    bare_long(t, 3);
    long_gate(t, VECTOR, AT_HANDLER, INT_GATE, 0);
    assert_quiet(deliver(t, VECTOR, HW, false, 0));
    assert_at(t, SEL_CODE64, AT_HANDLER, 0);
    g_assert_cmphex(t->cpu->gpr[RSP], ==, AT_STACK0 - 40);
    g_assert_cmphex(t->cpu->seg[SEG_SS].selector, ==, 0);
    FRAME(t, 8, AT_CODE, SEL_CODE64_3, FLAG_FIXED, AT_STACK3, SEL_DATA3);
    /* An interrupt stack also without a change of level. */
    long_gate(t, VECTOR, AT_HANDLER, INT_GATE, 1);
    uint64_t rsp = t->cpu->gpr[RSP];
    assert_quiet(deliver(t, VECTOR, HW, false, 0));
    g_assert_cmphex(t->cpu->gpr[RSP], ==, AT_IST1 - 40);
    FRAME(t, 8, AT_HANDLER, SEL_CODE64, FLAG_FIXED, rsp, 0);
    /* Back to the null SS of level 0, then to ring 3. */
    assert_quiet(EXECUTE(t, 0x48, 0xcf));
    g_assert_cmphex(t->cpu->gpr[RSP], ==, rsp);
    assert_quiet(EXECUTE(t, 0x48, 0xcf));
    assert_at(t, SEL_CODE64_3, AT_CODE, 3);
    g_assert_cmphex(t->cpu->seg[SEG_SS].selector, ==, SEL_DATA3);
    bare_cpu_free(t);
}

static void long_from_compat(void)
{
    BareCpu *t = bare_cpu();
    bare_compat(t, 3);
    t->cpu->rip = 0x1234;
    long_gate(t, VECTOR, AT_HANDLER, INT_GATE, 0);
    assert_quiet(deliver(t, VECTOR, HW, false, 0));
    g_assert_cmpint(t->cpu->mode, ==, CPU_LONG);
    FRAME(t, 8, 0x1234, SEL_CODE3, FLAG_FIXED, AT_STACK3, SEL_DATA3);
    assert_quiet(EXECUTE(t, 0x48, 0xcf));
    g_assert_cmpint(t->cpu->mode, ==, CPU_COMPAT);
    assert_at(t, SEL_CODE3, 0x1234, 3);
    bare_cpu_free(t);
}

/* The tables of a 64-bit kernel lie above 4 GiB, and a gate may cross a page. */
static void long_from_compat_high_tables(void)
{
    const uint64_t high = UINT64_C(4) << 30;
    BareCpu *t = bare_cpu();
    Cpu *cpu = t->cpu;
    bare_compat(t, 3);
    /* The fifth GiB becomes what the first was. */
    uint64_t directory = bare_read(t, AT_PAGES + PAGE_SIZE, 8);
    bare_write(t, AT_PAGES + PAGE_SIZE, 0, 8);
    bare_write(t, AT_PAGES + PAGE_SIZE + 4 * 8, directory, 8);
    bare_write(t, 0x2ffc, gate_make(SEL_CODE64, AT_HANDLER, INT_GATE, 0), 8);
    bare_write(t, 0x3004, 0, 8);
    bare_write(t, AT_TSS2 + 4, high + AT_STACK0, 8);
    cpu->gdtr.base += high;
    cpu->idtr.base = high + 0x2ffc - 16 * VECTOR;
    cpu->tr.base = high + AT_TSS2;
    assert_quiet(deliver(t, VECTOR, HW, false, 0));
    assert_at(t, SEL_CODE64, AT_HANDLER, 0);
    g_assert_cmphex(cpu->gpr[RSP], ==, high + AT_STACK0 - 40);
    bare_cpu_free(t);
}

static void long_gate_errors(void)
{
    BareCpu *t = bare_cpu();
    bare_long(t, 0);
    unsigned idt = VECTOR * 8 + 2;
    /* gates of other types */
    long_gate(t, VECTOR, AT_HANDLER, AR_P | DESC_TASK_GATE, 0);
    assert_raised(deliver(t, VECTOR, HW, false, 0), EXC_GP, idt + 1);
    long_gate(t, VECTOR, AT_HANDLER, AR_P | DESC_INT_GATE16, 0);
    assert_raised(deliver(t, VECTOR, SW, false, 0), EXC_GP, idt);
    /* 32-bit code */
    bare_idt_long(t, VECTOR, gate_make(SEL_CODE0, AT_HANDLER, INT_GATE, 0), 0);
    assert_raised(deliver(t, VECTOR, HW, false, 0), EXC_GP, SEL_CODE0 + 1);
    /* offset or stack not canonical */
    long_gate(t, VECTOR, 0x800000000000, INT_GATE, 0);
    assert_raised(deliver(t, VECTOR, HW, false, 0), EXC_GP, 1);
    long_gate(t, VECTOR, AT_HANDLER, INT_GATE, 0);
    t->cpu->gpr[RSP] = 0x800000001000;
    assert_raised(deliver(t, VECTOR, HW, false, 0), EXC_SS, 1);
    t->cpu->gpr[RSP] = AT_STACK0;
    /* 16 bytes an entry */
    t->cpu->idtr.limit = VECTOR * 16 + 14;
    assert_raised(deliver(t, VECTOR, HW, false, 0), EXC_GP, idt + 1);
    t->cpu->idtr.limit++;
    assert_quiet(deliver(t, VECTOR, HW, false, 0));
    /* interrupt stack beyond the TSS */
    long_gate(t, VECTOR, AT_HANDLER, INT_GATE, 7);
    t->cpu->tr.limit = 7 * 8 + 28 + 6;
    assert_raised(deliver(t, VECTOR, HW, false, 0), EXC_TS, SEL_TSS + 1);
    bare_cpu_free(t);
}

static void long_iret_rules(void)
{
    BareCpu *t = bare_cpu();
    bare_long(t, 0);
    eflags_set(t->cpu, FLAG_NT);
    assert_raised(EXECUTE(t, 0x48, 0xcf), EXC_GP, 0);
    static const struct {
        uint16_t cs, ss;
        uint64_t rip;
        int vector;
        uint32_t error;
    } cases[] = {
        {SEL_CODE64, 0, 0x7fff00001234, -1, 0},
        {SEL_CODE64, SEL_DATA0, 0x1234, -1, 0},
        {SEL_CODE64, 3, 0x1234, EXC_GP, 0},                   /* null SS, RPL is not CPL */
        {SEL_CODE64_3, 3, 0x1234, EXC_GP, 0},                 /* null SS in ring 3 */
        {SEL_CODE0, 0, 0x1234, EXC_GP, 0},                    /* null SS in compatibility mode */
        {SEL_CODE64_3, SEL_DATA0, 0x1234, EXC_GP, SEL_DATA0}, /* RPL */
        {SEL_CODE64, 0, 0x800000000000, EXC_GP, 0},
        {SEL_CODE3, SEL_DATA3, 0x1234, -1, 0},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        bare_long(t, 0);
        bare_push(t, cases[i].ss, 8);
        bare_push(t, 0x7fff00008000, 8);
        bare_push(t, FLAG_FIXED | FLAG_VM, 8);
        bare_push(t, cases[i].cs, 8);
        bare_push(t, cases[i].rip, 8);
        assert_raised(EXECUTE(t, 0x48, 0xcf), cases[i].vector, cases[i].error);
        if (cases[i].vector >= 0)
            continue;
        assert_at(t, cases[i].cs, cases[i].rip, cases[i].cs & 3);
        g_assert_cmphex(t->cpu->seg[SEG_SS].selector, ==, cases[i].ss);
        g_assert_cmphex(t->cpu->gpr[RSP], ==, cases[i].cs == SEL_CODE3 ? 0x8000 : 0x7fff00008000);
        g_assert_false(t->cpu->eflags & FLAG_VM);
    }
    bare_cpu_free(t);
}

/* IRETD in 64-bit mode pops SS:ESP too. */
static void long_iretd(void)
{
    BareCpu *t = bare_cpu();
    bare_long(t, 0);
    bare_push(t, SEL_DATA0, 4);
    bare_push(t, 0x8000, 4);
    bare_push(t, FLAG_FIXED, 4);
    bare_push(t, SEL_CODE64, 4);
    bare_push(t, 0x1234, 4);
    assert_quiet(EXECUTE(t, 0xcf));
    assert_at(t, SEL_CODE64, 0x1234, 0);
    g_assert_cmphex(t->cpu->gpr[RSP], ==, 0x8000);
    bare_cpu_free(t);
}

/* --- exceptions ------------------------------------------------------------------------------ */

static void all_handlers(BareCpu *t)
{
    for (unsigned v = 0; v < 32; v++)
        bare_idt(t, v, gate_make(SEL_CODE0, AT_HANDLER + 16 * v, INT_GATE, 0));
}

static void assert_handler(BareCpu *t, ExceptionVector vector)
{
    g_assert_cmphex(t->cpu->rip, ==, AT_HANDLER + 16 * vector);
}

/* RF in the pushed image: set for faults, as it was for traps and aborts. Error codes by vector. */
static void pushed_flags_and_errors(void)
{
    static const struct {
        ExceptionVector vector;
        bool error, rf;
    } rows[] = {
        {EXC_DE, false, true},  {EXC_BR, false, true}, {EXC_UD, false, true}, {EXC_NM, false, true},
        {EXC_DF, true, false},  {EXC_TS, true, true},  {EXC_NP, true, true},  {EXC_SS, true, true},
        {EXC_GP, true, true},   {EXC_PF, true, true},  {EXC_MF, false, true}, {EXC_AC, true, true},
        {EXC_MC, false, false}, {EXC_XM, false, true}, {EXC_DB, false, true},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        BareCpu *t = bare_cpu();
        bare_protected(t, 0);
        all_handlers(t);
        exception_deliver(t->cpu, rows[i].vector, 0x18);
        assert_handler(t, rows[i].vector);
        uint32_t flags = FLAG_FIXED | (rows[i].rf ? FLAG_RF : 0);
        if (rows[i].error)
            FRAME(t, 4, 0x18, AT_CODE, SEL_CODE0, flags);
        else
            FRAME(t, 4, AT_CODE, SEL_CODE0, flags);
        g_assert_false(t->cpu->eflags & FLAG_RF);
        bare_cpu_free(t);
    }
}

/* [SDM3] "Double Fault Exception": the table of conditions. The second fault comes from the gate of
 * the first: absent (#NP), or with an IDT page that is not there (#PF). */
static void double_fault_table(void)
{
    static const struct {
        ExceptionVector first;
        ExceptionVector handler; /* with a not-present gate for `first` */
        uint32_t error;
    } rows[] = {
        {EXC_UD, EXC_NP, EXC_UD * 8 + 3},
        {EXC_NM, EXC_NP, EXC_NM * 8 + 3},
        {EXC_AC, EXC_NP, EXC_AC * 8 + 3},
        {EXC_DE, EXC_DF, 0},
        {EXC_TS, EXC_DF, 0},
        {EXC_SS, EXC_DF, 0},
        {EXC_GP, EXC_DF, 0},
        {EXC_PF, EXC_DF, 0},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        BareCpu *t = bare_cpu();
        bare_protected(t, 0);
        all_handlers(t);
        bare_idt(t, rows[i].first, gate_make(SEL_CODE0, AT_HANDLER, INT_GATE & ~AR_P, 0));
        exception_deliver(t->cpu, rows[i].first, 0);
        assert_handler(t, rows[i].handler);
        g_assert_cmphex(bare_stack(t, 0, 4), ==, rows[i].error);
        g_assert_cmphex(bare_stack(t, 1, 4), ==, AT_CODE);
        g_assert_cmpint(t->shutdowns, ==, 0);
        bare_cpu_free(t);
    }
}

/* A page fault while a benign or contributory exception is delivered is handled for itself; while a
 * page fault is, it is a double fault. */
static void page_fault_in_delivery(void)
{
    static const struct {
        ExceptionVector first, handler;
    } rows[] = {{EXC_UD, EXC_PF}, {EXC_GP, EXC_PF}, {EXC_PF, EXC_DF}};
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        BareCpu *t = bare_cpu();
        bare_long(t, 3);
        for (unsigned v = 0; v < 32; v++)
            long_gate(t, v, AT_HANDLER + 16 * v, INT_GATE, 1);
        long_gate(t, rows[i].first, AT_HANDLER, INT_GATE, 0);
        if (rows[i].first == EXC_PF)
            long_gate(t, EXC_DF, AT_HANDLER + 16 * EXC_DF, INT_GATE, 1);
        bare_write(t, AT_TSS + 4, 0x40000000, 8); /* not mapped */
        exception_deliver(t->cpu, rows[i].first, 0);
        assert_handler(t, rows[i].handler);
        g_assert_cmphex(t->cpu->cr2, ==, 0x40000000 - 8);
        g_assert_cmphex(bare_stack(t, 0, 8), ==, rows[i].handler == EXC_PF ? PF_WRITE : 0);
        g_assert_cmphex(bare_stack(t, 4, 8), ==, AT_STACK3);
        bare_cpu_free(t);
    }
}

static void triple_fault(void)
{
    BareCpu *t = bare_cpu();
    bare_protected(t, 0);
    t->cpu->idtr.limit = 0;
    exception_deliver(t->cpu, EXC_UD, 0);
    g_assert_cmpint(t->cpu->activity, ==, CPU_SHUTDOWN);
    g_assert_cmpint(t->shutdowns, ==, 1);
    assert_at(t, SEL_CODE0, AT_CODE, 0);
    bare_cpu_free(t);
}

/* Real mode: no room for any frame. */
static void triple_fault_in_real_mode(void)
{
    BareCpu *t = bare_cpu();
    t->cpu->gpr[RSP] = 1;
    exception_deliver(t->cpu, EXC_UD, 0);
    g_assert_cmpint(t->cpu->activity, ==, CPU_SHUTDOWN);
    bare_cpu_free(t);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*fn)(void);
    } tests[] = {
        {"real-mode", real_mode},
        {"real-mode-limits", real_mode_limits},
        {"real-mode-iretd", real_mode_iretd},
        {"gates", gates},
        {"idt-limit", idt_limit},
        {"handler-flags", handler_flags},
        {"error-code-and-inner-frame", error_code_and_inner_frame},
        {"gate-of-16-bits", gate_of_16_bits},
        {"inner-stacks", inner_stacks},
        {"inner-stack-of-software-interrupt", inner_stack_of_software_interrupt},
        {"same-level-stack", same_level_stack},
        {"into", into},
        {"iret-flags", iret_flags},
        {"iret-16", iret_16},
        {"iret-unblocks-nmi", iret_unblocks_nmi},
        {"v86-frame-and-return", v86_frame_and_return},
        {"v86-handler-level", v86_handler_level},
        {"v86-int-methods", v86_int_methods},
        {"v86-int3", v86_int3},
        {"v86-iret", v86_iret},
        {"long-frame", long_frame},
        {"long-inner-and-ist", long_inner_and_ist},
        {"long-from-compat-high-tables", long_from_compat_high_tables},
        {"long-from-compat", long_from_compat},
        {"long-gate-errors", long_gate_errors},
        {"long-iret-rules", long_iret_rules},
        {"long-iretd", long_iretd},
        {"pushed-flags-and-errors", pushed_flags_and_errors},
        {"double-fault-table", double_fault_table},
        {"page-fault-in-delivery", page_fault_in_delivery},
        {"triple-fault", triple_fault},
        {"triple-fault-in-real-mode", triple_fault_in_real_mode},
    };
    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++) {
        char *path = g_strconcat("/interrupts/", tests[i].name, NULL);
        g_test_add_func(path, tests[i].fn);
        g_free(path);
    }
    return g_test_run();
}
