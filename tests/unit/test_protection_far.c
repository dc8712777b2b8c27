/* test_protection_far.c - far JMP, CALL, RET, call gates, SYSENTER and SYSCALL.
 * [SDM2] JMP, CALL, RET, SYSENTER, SYSEXIT, SYSCALL, SYSRET. */
#include "cpu/far.h"
#include "tests/support/bare_cpu.h"

typedef enum Kind { JUMP, CALL } Kind;

/* Not inlined: a caller's variables must survive the longjmp. */
static NOINLINE Raised jump(BareCpu *t, uint16_t selector, uint64_t offset, unsigned opsize)
{
    return RAISED_BY(t, far_jump(t->cpu, selector, offset, opsize));
}

static NOINLINE Raised call(BareCpu *t, uint16_t selector, uint64_t offset, unsigned opsize)
{
    return RAISED_BY(t, far_call(t->cpu, selector, offset, opsize));
}

static Raised transfer(BareCpu *t, Kind kind, uint16_t selector, uint64_t offset, unsigned opsize)
{
    return kind == JUMP ? jump(t, selector, offset, opsize) : call(t, selector, offset, opsize);
}

static void assert_at(BareCpu *t, uint16_t cs, uint64_t rip, unsigned cpl)
{
    g_assert_cmphex(t->cpu->seg[SEG_CS].selector, ==, cs);
    g_assert_cmphex(t->cpu->rip, ==, rip);
    g_assert_cmpint(t->cpu->cpl, ==, cpl);
}

/* --- real and V86 mode ----------------------------------------------------------------------- */

static void real_mode(void)
{
    BareCpu *t = bare_cpu();
    assert_quiet(EXECUTE(t, 0xea, 0x34, 0x12, 0x00, 0x20)); /* jmp 2000:1234 */
    assert_at(t, 0x2000, 0x1234, 0);
    g_assert_cmphex(t->cpu->seg[SEG_CS].base, ==, 0x20000);
    bare_real(t);
    assert_quiet(EXECUTE(t, 0x9a, 0x34, 0x12, 0x00, 0x20)); /* call 2000:1234 */
    assert_at(t, 0x2000, 0x1234, 0);
    g_assert_cmphex(bare_stack(t, 0, 2), ==, 5);
    g_assert_cmphex(bare_stack(t, 1, 2), ==, AT_CODE >> 4);
    assert_quiet(EXECUTE(t, 0xca, 0x06, 0x00)); /* retf 6 */
    assert_at(t, AT_CODE >> 4, 5, 0);
    g_assert_cmphex(t->cpu->gpr[RSP], ==, AT_STACK3 + 6);
    /* jmp dword 2000:00012345 is beyond the 64 KiB limit, but not if CS has a larger one */
    assert_raised(EXECUTE(t, 0x66, 0xea, 0x45, 0x23, 0x01, 0x00, 0x00, 0x20), EXC_GP, 0);
    t->cpu->seg[SEG_CS].limit = 0xfffff;
    assert_quiet(EXECUTE(t, 0x66, 0xea, 0x45, 0x23, 0x01, 0x00, 0x00, 0x20));
    assert_at(t, 0x2000, 0x12345, 0);
    bare_cpu_free(t);
}

/* SP = 1: the word at offset FFFFh crosses the limit. */
static void real_mode_stack_limit(void)
{
    BareCpu *t = bare_cpu();
    t->cpu->gpr[RSP] = 3;
    assert_raised(EXECUTE(t, 0x9a, 0x34, 0x12, 0x00, 0x20), EXC_SS, 0);
    assert_at(t, AT_CODE >> 4, 0, 0);
    g_assert_cmphex(t->cpu->gpr[RSP], ==, 3);
    t->cpu->gpr[RSP] = 0; /* wraps */
    assert_quiet(EXECUTE(t, 0x9a, 0x34, 0x12, 0x00, 0x20));
    g_assert_cmphex(t->cpu->gpr[RSP], ==, 0xfffc);
    bare_cpu_free(t);
}

/* After protected mode: code and null segments become what real mode needs. */
static void real_mode_code_is_writable(void)
{
    BareCpu *t = bare_cpu();
    Segment *cs = &t->cpu->seg[SEG_CS], *ds = &t->cpu->seg[SEG_DS];
    cs->access = ACC_CODE | AR_ACCESSED;
    segment_update(cs);
    *ds = segment_null(0);
    assert_quiet(EXECUTE(t, 0xea, 0x34, 0x12, 0x00, 0x20));
    g_assert_cmphex(cs->write_span, ==, 0x10000);
    segment_load(t->cpu, SEG_DS, 0x3000);
    g_assert_cmphex(ds->write_span, ==, 0x10000);
    bare_cpu_free(t);
}

static void v86(void)
{
    BareCpu *t = bare_cpu();
    bare_v86(t, 0);
    assert_quiet(EXECUTE(t, 0x9a, 0x34, 0x12, 0x00, 0x20));
    assert_at(t, 0x2000, 0x1234, 3);
    assert_quiet(EXECUTE(t, 0xcb));
    assert_at(t, AT_CODE >> 4, 5, 3);
    assert_raised(EXECUTE(t, 0x66, 0xea, 0x00, 0x00, 0x01, 0x00, 0x00, 0x20), EXC_GP, 0);
    bare_cpu_free(t);
}

/* --- direct transfers in protected mode ------------------------------------------------------ */

typedef struct DirectCase {
    const char *name;
    unsigned cpl;
    uint16_t selector;
    unsigned access; /* at SEL_TEST, limit FFFFh; 0: nothing written */
    uint32_t offset;
    int vector;
    uint32_t error;
} DirectCase;

/* clang-format off */
static const DirectCase direct_cases[] = {
    /* what                      cpl selector      descriptor              offset   vector  error */
    { "null",                    0,  0x0002,       0,                      0,       EXC_GP, 0 },
    { "beyond GDT",              0,  SEL_BEYOND,   0,                      0,       EXC_GP, SEL_BEYOND },
    { "data",                    0,  SEL_TEST,     ACC_DATA,               0,       EXC_GP, SEL_TEST },
    { "same level",              0,  SEL_TEST,     ACC_CODE,               0x1234,  -1,     0 },
    { "execute-only",            0,  SEL_TEST,     ACC_CODE_X,             0x1234,  -1,     0 },
    { "ring 3",                  3,  SEL_TEST | 3, ACC_CODE | DPL(3),      0x1234,  -1,     0 },
    { "RPL 0 from ring 3",       3,  SEL_TEST,     ACC_CODE | DPL(3),      0x1234,  -1,     0 },
    { "RPL above CPL",           0,  SEL_TEST | 3, ACC_CODE,               0,       EXC_GP, SEL_TEST },
    { "inner",                   3,  SEL_TEST | 3, ACC_CODE,               0,       EXC_GP, SEL_TEST },
    { "outer",                   0,  SEL_TEST | 3, ACC_CODE | DPL(3),      0,       EXC_GP, SEL_TEST },
    { "inner conforming",        3,  SEL_TEST | 3, ACC_CONFORMING,         0x1234,  -1,     0 },
    { "conforming, any RPL",     0,  SEL_TEST | 3, ACC_CONFORMING,         0x1234,  -1,     0 },
    { "outer conforming",        0,  SEL_TEST,     ACC_CONFORMING | DPL(3), 0,      EXC_GP, SEL_TEST },
    { "absent",                  0,  SEL_TEST,     ACC_CODE & ~AR_P,       0,       EXC_NP, SEL_TEST },
    { "absent and inner",        3,  SEL_TEST,     ACC_CODE & ~AR_P,       0,       EXC_GP, SEL_TEST },
    { "beyond code limit",       0,  SEL_TEST,     ACC_CODE,               0x10000, EXC_GP, 0 },
    { "L ignored without LMA",   0,  SEL_TEST,     ACC_CODE | AR_L,        0x1234,  -1,     0 },
    { "LDT descriptor",          0,  SEL_TEST,     AR_P | DESC_LDT,        0,       EXC_GP, SEL_TEST },
    { "interrupt gate",          0,  SEL_TEST,     AR_P | DESC_INT_GATE,   0,       EXC_GP, SEL_TEST },
};
/* clang-format on */

static void direct(void)
{
    for (unsigned i = 0; i < 2 * G_N_ELEMENTS(direct_cases); i++) {
        const DirectCase *c = &direct_cases[i / 2];
        Kind kind = i % 2;
        g_test_message("%s: %s", kind == JUMP ? "jmp" : "call", c->name);
        BareCpu *t = bare_cpu();
        bare_protected(t, c->cpl);
        uint64_t rsp = t->cpu->gpr[RSP];
        uint16_t cs = t->cpu->seg[SEG_CS].selector;
        if (c->access)
            bare_gdt(t, SEL_TEST, descriptor_make(0x4000, 0xffff, c->access));
        assert_raised(transfer(t, kind, c->selector, c->offset, 4), c->vector, c->error);
        if (c->vector < 0) {
            assert_at(t, (c->selector & ~3) | c->cpl, c->offset, c->cpl);
            g_assert_cmphex(t->cpu->seg[SEG_CS].base, ==, 0x4000);
            g_assert_true(bare_access(t, SEL_TEST) & AR_ACCESSED);
        } else {
            assert_at(t, cs, AT_CODE, c->cpl);
        }
        bool pushed = kind == CALL && c->vector < 0;
        g_assert_cmphex(t->cpu->gpr[RSP], ==, rsp - (pushed ? 8 : 0));
        if (pushed) {
            g_assert_cmphex(bare_stack(t, 0, 4), ==, AT_CODE);
            g_assert_cmphex(bare_stack(t, 1, 4), ==, cs);
        }
        bare_cpu_free(t);
    }
}

/* #SS(0) for the stack comes before #GP(0) for the target. */
static void call_stack_limit(void)
{
    BareCpu *t = bare_cpu();
    bare_protected(t, 0);
    t->cpu->seg[SEG_SS].limit = 0xfff;
    segment_update(&t->cpu->seg[SEG_SS]);
    bare_gdt(t, SEL_TEST, descriptor_make(0, 0xffff, ACC_CODE));
    assert_raised(transfer(t, CALL, SEL_TEST, 0x10000, 4), EXC_SS, 0);
    assert_raised(transfer(t, JUMP, SEL_TEST, 0x10000, 4), EXC_GP, 0);
    bare_cpu_free(t);
}

/* A 16-bit operand size cuts the offset and pushes words. */
static void operand_size_16(void)
{
    BareCpu *t = bare_cpu();
    bare_protected(t, 0);
    uint64_t rsp = t->cpu->gpr[RSP];
    assert_quiet(transfer(t, CALL, SEL_CODE0, 0x51234, 2));
    assert_at(t, SEL_CODE0, 0x1234, 0);
    g_assert_cmphex(t->cpu->gpr[RSP], ==, rsp - 4);
    g_assert_cmphex(bare_stack(t, 0, 2), ==, AT_CODE & 0xffff);
    g_assert_cmphex(bare_stack(t, 1, 2), ==, SEL_CODE0);
    bare_cpu_free(t);
}

static void memory_operands(void)
{
    BareCpu *t = bare_cpu();
    bare_protected(t, 0);
    t->cpu->gpr[RBX] = AT_DATA;
    bare_write(t, AT_DATA, 0x1234, 4);
    bare_write(t, AT_DATA + 4, SEL_CODE16, 2);
    assert_quiet(EXECUTE(t, 0xff, 0x2b)); /* jmp far [ebx] */
    assert_at(t, SEL_CODE16, 0x1234, 0);
    g_assert_cmpint(t->cpu->code_size, ==, CODE_16);
    bare_protected(t, 0);
    assert_quiet(EXECUTE(t, 0xff, 0x1b)); /* call far [ebx] */
    assert_at(t, SEL_CODE16, 0x1234, 0);
    g_assert_cmphex(bare_stack(t, 0, 4), ==, AT_CODE + 2);
    bare_cpu_free(t);
}

/* --- call gates ------------------------------------------------------------------------------ */

typedef struct GateCase {
    const char *name;
    unsigned cpl;
    uint16_t selector; /* of the gate at SEL_TEST2 */
    unsigned gate;
    uint16_t target;
    unsigned code; /* descriptor at SEL_TEST; 0: nothing written */
    int call_vector;
    uint32_t call_error;
    int jump_vector;
    uint32_t jump_error;
} GateCase;

enum { GATE = AR_P | DESC_CALL_GATE, GATE16 = AR_P | DESC_CALL_GATE16 };

/* clang-format off */
static const GateCase gate_cases[] = {
    /* what                  cpl selector       gate                target      code                CALL             JMP */
    { "same level",          0,  SEL_TEST2,     GATE,               SEL_TEST,   ACC_CODE,           -1, 0,           -1, 0 },
    { "16-bit gate",         0,  SEL_TEST2,     GATE16,             SEL_TEST,   ACC_CODE,           -1, 0,           -1, 0 },
    { "gate DPL below CPL",  3,  SEL_TEST2 | 3, GATE,               SEL_TEST,   ACC_CODE,           EXC_GP, SEL_TEST2, EXC_GP, SEL_TEST2 },
    { "gate DPL below RPL",  0,  SEL_TEST2 | 3, GATE,               SEL_TEST,   ACC_CODE,           EXC_GP, SEL_TEST2, EXC_GP, SEL_TEST2 },
    { "absent gate",         0,  SEL_TEST2,     GATE & ~AR_P,       SEL_TEST,   ACC_CODE,           EXC_NP, SEL_TEST2, EXC_NP, SEL_TEST2 },
    { "null target",         0,  SEL_TEST2,     GATE,               3,          0,                  EXC_GP, 0,       EXC_GP, 0 },
    { "target beyond GDT",   0,  SEL_TEST2,     GATE,               SEL_BEYOND, 0,                  EXC_GP, SEL_BEYOND, EXC_GP, SEL_BEYOND },
    { "target is data",      0,  SEL_TEST2,     GATE,               SEL_TEST,   ACC_DATA,           EXC_GP, SEL_TEST, EXC_GP, SEL_TEST },
    { "target is outer",     0,  SEL_TEST2,     GATE,               SEL_TEST,   ACC_CODE | DPL(3),  EXC_GP, SEL_TEST, EXC_GP, SEL_TEST },
    { "absent target",       0,  SEL_TEST2,     GATE,               SEL_TEST,   ACC_CODE & ~AR_P,   EXC_NP, SEL_TEST, EXC_NP, SEL_TEST },
    { "inner",               3,  SEL_TEST2 | 3, GATE | DPL(3),      SEL_TEST,   ACC_CODE,           -1, 0,           EXC_GP, SEL_TEST },
    { "inner conforming",    3,  SEL_TEST2 | 3, GATE | DPL(3),      SEL_TEST,   ACC_CONFORMING,     -1, 0,           -1, 0 },
    { "ring 3 to ring 1",    3,  SEL_TEST2,     GATE | DPL(3),      SEL_TEST,   ACC_CODE | DPL(1),  -1, 0,           EXC_GP, SEL_TEST },
    { "target's RPL is ignored", 0, SEL_TEST2,  GATE,               SEL_TEST | 3, ACC_CODE,         -1, 0,           -1, 0 },
};
/* clang-format on */

static void gate_case(const GateCase *c, Kind kind)
{
    BareCpu *t = bare_cpu();
    bare_protected(t, c->cpl);
    uint16_t cs = t->cpu->seg[SEG_CS].selector;
    bare_gdt(t, SEL_TEST2, gate_make(c->target, 0x1234, c->gate, 0));
    if (c->code)
        bare_gdt(t, SEL_TEST, descriptor_make(0, 0xffff, c->code));
    int vector = kind == CALL ? c->call_vector : c->jump_vector;
    uint32_t error = kind == CALL ? c->call_error : c->jump_error;
    assert_raised(transfer(t, kind, c->selector, 0xdeadbeef, 4), vector, error);
    if (vector < 0) {
        unsigned dpl = (c->code & AR_DPL) >> AR_DPL_SHIFT;
        unsigned cpl = c->code & AR_CONFORMING ? c->cpl : dpl;
        assert_at(t, SEL_TEST | cpl, 0x1234, cpl);
    } else {
        assert_at(t, cs, AT_CODE, c->cpl);
    }
    bare_cpu_free(t);
}

static void gates(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(gate_cases); i++) {
        g_test_message("%s", gate_cases[i].name);
        gate_case(&gate_cases[i], CALL);
        gate_case(&gate_cases[i], JUMP);
    }
}

/* Two parameters travel to the inner stack; RET 8 releases them from both. */
static void gate_parameters(void)
{
    BareCpu *t = bare_cpu();
    bare_protected(t, 3);
    bare_gdt(t, SEL_TEST2, gate_make(SEL_CODE0, 0x12345, GATE | DPL(3), 2));
    bare_push(t, 0x11111111, 4);
    bare_push(t, 0x22222222, 4);
    uint64_t rsp = t->cpu->gpr[RSP];
    assert_quiet(transfer(t, CALL, SEL_TEST2, 0, 4));
    assert_at(t, SEL_CODE0, 0x12345, 0);
    g_assert_cmphex(t->cpu->gpr[RSP], ==, AT_STACK0 - 24);
    g_assert_cmphex(t->cpu->seg[SEG_SS].selector, ==, SEL_DATA0);
    const uint32_t frame[] = {AT_CODE, SEL_CODE3, 0x22222222, 0x11111111, rsp, SEL_DATA3};
    for (unsigned i = 0; i < G_N_ELEMENTS(frame); i++)
        g_assert_cmphex(bare_stack(t, i, 4), ==, frame[i]);
    /* An inner data segment must not be seen outside. */
    segment_load(t->cpu, SEG_ES, SEL_DATA0);
    segment_load(t->cpu, SEG_FS, SEL_CONFORMING0);
    assert_quiet(RAISED_BY(t, far_return(t->cpu, 4, 8)));
    assert_at(t, SEL_CODE3, AT_CODE, 3);
    g_assert_cmphex(t->cpu->gpr[RSP], ==, rsp + 8);
    g_assert_cmphex(t->cpu->seg[SEG_SS].selector, ==, SEL_DATA3);
    g_assert_cmphex(t->cpu->seg[SEG_ES].selector, ==, 0);
    g_assert_cmphex(t->cpu->seg[SEG_ES].access, ==, 0);
    g_assert_cmphex(t->cpu->seg[SEG_FS].selector, ==, SEL_CONFORMING0);
    g_assert_cmphex(t->cpu->seg[SEG_DS].selector, ==, SEL_DATA3);
    bare_cpu_free(t);
}

/* The inner stack a call needs. [SDM2] CALL: MORE-PRIVILEGE. */
typedef struct StackCase {
    const char *name;
    uint16_t selector;
    unsigned access; /* at SEL_TEST */
    uint32_t esp;
    int vector;
    uint32_t error;
} StackCase;

/* clang-format off */
static const StackCase stack_cases[] = {
    { "null",               0,            0,                 0x8000, EXC_TS, 0 },
    { "beyond GDT",         SEL_BEYOND,   0,                 0x8000, EXC_TS, SEL_BEYOND },
    { "RPL is not DPL",     SEL_TEST | 3, ACC_DATA,          0x8000, EXC_TS, SEL_TEST },
    { "DPL is not code's",  SEL_TEST,     ACC_DATA | DPL(3), 0x8000, EXC_TS, SEL_TEST },
    { "read-only",          SEL_TEST,     ACC_DATA_RO,       0x8000, EXC_TS, SEL_TEST },
    { "code",               SEL_TEST,     ACC_CODE,          0x8000, EXC_TS, SEL_TEST },
    { "absent",             SEL_TEST,     ACC_DATA & ~AR_P,  0x8000, EXC_SS, SEL_TEST },
    { "too small",          SEL_TEST,     ACC_DOWN,          0x100e, EXC_SS, SEL_TEST },
    { "large enough",       SEL_TEST,     ACC_DOWN,          0x1010, -1,     0 },
};
/* clang-format on */

static void inner_stacks(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(stack_cases); i++) {
        const StackCase *c = &stack_cases[i];
        g_test_message("%s", c->name);
        BareCpu *t = bare_cpu();
        bare_protected(t, 3);
        bare_gdt(t, SEL_TEST2, gate_make(SEL_CODE0, 0x1234, GATE | DPL(3), 0));
        if (c->access)
            bare_gdt(t, SEL_TEST, descriptor_make(0, 0xfff, c->access));
        bare_write(t, AT_TSS + 4, c->esp, 4);
        bare_write(t, AT_TSS + 8, c->selector, 2);
        assert_raised(transfer(t, CALL, SEL_TEST2, 0, 4), c->vector, c->error);
        if (c->vector >= 0) {
            assert_at(t, SEL_CODE3, AT_CODE, 3);
            g_assert_cmphex(t->cpu->gpr[RSP], ==, AT_STACK3);
            g_assert_cmphex(t->cpu->seg[SEG_SS].selector, ==, SEL_DATA3);
        }
        bare_cpu_free(t);
    }
}

static void inner_stack_tss_limit(void)
{
    BareCpu *t = bare_cpu();
    bare_protected(t, 3);
    bare_gdt(t, SEL_TEST2, gate_make(SEL_CODE0, 0x1234, GATE | DPL(3), 0));
    t->cpu->tr.limit = 8;
    assert_raised(transfer(t, CALL, SEL_TEST2, 0, 4), EXC_TS, SEL_TSS);
    t->cpu->tr.limit = 9;
    assert_quiet(transfer(t, CALL, SEL_TEST2, 0, 4));
    bare_cpu_free(t);
}

static void inner_stack_16bit_tss(void)
{
    BareCpu *t = bare_cpu();
    bare_protected(t, 3);
    bare_gdt(t, SEL_TEST2, gate_make(SEL_CODE0, 0x1234, GATE16 | DPL(3), 1));
    t->cpu->tr.access = AR_P | DESC_TSS16_BUSY;
    bare_write(t, AT_TSS + 2, 0x7000, 2);
    bare_write(t, AT_TSS + 4, SEL_DATA16, 2);
    bare_push(t, 0xabcd, 2);
    uint64_t rsp = t->cpu->gpr[RSP];
    assert_quiet(transfer(t, CALL, SEL_TEST2, 0, 4));
    assert_at(t, SEL_CODE0, 0x1234, 0);
    g_assert_cmphex(stack_pointer(t->cpu), ==, 0x7000 - 10);
    const uint16_t frame[] = {AT_CODE & 0xffff, SEL_CODE3, 0xabcd, rsp, SEL_DATA3};
    for (unsigned i = 0; i < G_N_ELEMENTS(frame); i++)
        g_assert_cmphex(bare_stack(t, i, 2), ==, frame[i]);
    bare_cpu_free(t);
}

/* --- returns --------------------------------------------------------------------------------- */

typedef struct ReturnCase {
    const char *name;
    unsigned cpl;
    uint16_t cs;
    unsigned code; /* at SEL_TEST */
    uint32_t eip;
    uint16_t ss;
    unsigned stack; /* at SEL_TEST2 */
    int vector;
    uint32_t error;
} ReturnCase;

/* clang-format off */
static const ReturnCase return_cases[] = {
    /* what                 cpl CS            code                     EIP      SS             stack               vector  error */
    { "same level",         0,  SEL_TEST,     ACC_CODE,                0x1234,  0,             0,                  -1,     0 },
    { "null CS",            0,  1,            0,                       0x1234,  0,             0,                  EXC_GP, 0 },
    { "CS beyond GDT",      0,  SEL_BEYOND,   0,                       0x1234,  0,             0,                  EXC_GP, SEL_BEYOND },
    { "data",               0,  SEL_TEST,     ACC_DATA,                0x1234,  0,             0,                  EXC_GP, SEL_TEST },
    { "inner RPL",          3,  SEL_TEST,     ACC_CODE,                0x1234,  0,             0,                  EXC_GP, SEL_TEST },
    { "DPL is not RPL",     0,  SEL_TEST,     ACC_CODE | DPL(3),       0x1234,  0,             0,                  EXC_GP, SEL_TEST },
    { "conforming, DPL above RPL", 0, SEL_TEST, ACC_CONFORMING | DPL(1), 0x1234, 0,            0,                  EXC_GP, SEL_TEST },
    { "absent",             0,  SEL_TEST,     ACC_CODE & ~AR_P,        0x1234,  0,             0,                  EXC_NP, SEL_TEST },
    { "beyond limit",       0,  SEL_TEST,     ACC_CODE,                0x10000, 0,             0,                  EXC_GP, 0 },
    { "outer",              0,  SEL_TEST | 3, ACC_CODE | DPL(3),       0x1234,  SEL_TEST2 | 3, ACC_DATA | DPL(3),  -1,     0 },
    { "outer conforming",   0,  SEL_TEST | 3, ACC_CONFORMING,          0x1234,  SEL_TEST2 | 3, ACC_DATA | DPL(3),  -1,     0 },
    { "outer, beyond limit", 0, SEL_TEST | 3, ACC_CODE | DPL(3),       0x10000, SEL_TEST2 | 3, ACC_DATA | DPL(3),  EXC_GP, 0 },
    { "null SS",            0,  SEL_TEST | 3, ACC_CODE | DPL(3),       0x1234,  3,             0,                  EXC_GP, 0 },
    { "SS beyond GDT",      0,  SEL_TEST | 3, ACC_CODE | DPL(3),       0x1234,  SEL_BEYOND | 3, 0,                 EXC_GP, SEL_BEYOND },
    { "SS RPL",             0,  SEL_TEST | 3, ACC_CODE | DPL(3),       0x1234,  SEL_TEST2,     ACC_DATA | DPL(3),  EXC_GP, SEL_TEST2 },
    { "SS DPL",             0,  SEL_TEST | 3, ACC_CODE | DPL(3),       0x1234,  SEL_TEST2 | 3, ACC_DATA,           EXC_GP, SEL_TEST2 },
    { "SS read-only",       0,  SEL_TEST | 3, ACC_CODE | DPL(3),       0x1234,  SEL_TEST2 | 3, ACC_DATA_RO | DPL(3), EXC_GP, SEL_TEST2 },
    { "SS absent",          0,  SEL_TEST | 3, ACC_CODE | DPL(3),       0x1234,  SEL_TEST2 | 3, (ACC_DATA & ~AR_P) | DPL(3), EXC_SS, SEL_TEST2 },
};
/* clang-format on */

static void return_case(const ReturnCase *c, bool iret)
{
    BareCpu *t = bare_cpu();
    bare_protected(t, c->cpl);
    if (c->code)
        bare_gdt(t, SEL_TEST, descriptor_make(0, 0xffff, c->code));
    if (c->stack)
        bare_gdt(t, SEL_TEST2, descriptor_make(0, 0xffff, c->stack));
    uint16_t old_cs = t->cpu->seg[SEG_CS].selector;
    uint64_t old_rsp = t->cpu->gpr[RSP];
    bare_push(t, c->ss, 4);
    bare_push(t, 0x12348888, 4);
    if (iret)
        bare_push(t, FLAG_FIXED, 4);
    bare_push(t, c->cs, 4);
    bare_push(t, c->eip, 4);
    uint64_t rsp = t->cpu->gpr[RSP];
    Raised raised = iret ? EXECUTE(t, 0xcf) : EXECUTE(t, 0xcb);
    assert_raised(raised, c->vector, c->error);
    if (c->vector >= 0) {
        assert_at(t, old_cs, AT_CODE, c->cpl);
        g_assert_cmphex(t->cpu->gpr[RSP], ==, rsp);
    } else if (c->ss) {
        assert_at(t, c->cs, c->eip, 3);
        g_assert_cmphex(t->cpu->seg[SEG_SS].selector, ==, c->ss);
        /* The new stack is 16-bit: only SP is loaded. */
        g_assert_cmphex(t->cpu->gpr[RSP], ==, (old_rsp & 0xffff0000) | 0x8888);
    } else {
        assert_at(t, c->cs, c->eip, c->cpl);
        g_assert_cmphex(t->cpu->gpr[RSP], ==, old_rsp - 8);
    }
    bare_cpu_free(t);
}

static void returns(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(return_cases); i++) {
        g_test_message("%s", return_cases[i].name);
        return_case(&return_cases[i], false);
        return_case(&return_cases[i], true);
    }
}

/* --- long mode ------------------------------------------------------------------------------- */

static void long_mode_code(void)
{
    BareCpu *t = bare_cpu();
    bare_compat(t, 0);
    g_assert_cmpint(t->cpu->mode, ==, CPU_COMPAT);
    assert_quiet(transfer(t, JUMP, SEL_CODE64, 0x12345, 4));
    g_assert_cmpint(t->cpu->mode, ==, CPU_LONG);
    g_assert_cmpint(t->cpu->code_size, ==, CODE_64);
    /* L and D together */
    bare_gdt(t, SEL_TEST, descriptor_make(0, 0xffff, ACC_CODE | AR_L | AR_DB));
    assert_raised(transfer(t, JUMP, SEL_TEST, 0, 4), EXC_GP, SEL_TEST);
    /* The limit of a 64-bit segment is not looked at, but addresses must be canonical. */
    bare_gdt(t, SEL_TEST, descriptor_make(0, 0, ACC_CODE | AR_L));
    assert_quiet(transfer(t, JUMP, SEL_TEST, 0x7fffffffffff, 8));
    assert_raised(transfer(t, JUMP, SEL_TEST, 0x800000000000, 8), EXC_GP, 0);
    assert_quiet(transfer(t, JUMP, SEL_CODE0, 0x12345, 8));
    g_assert_cmpint(t->cpu->mode, ==, CPU_COMPAT);
    g_assert_cmphex(t->cpu->rip, ==, 0x12345);
    bare_cpu_free(t);
}

/* In 64-bit mode the default operand size of far calls is 32 bits. */
static void long_mode_call(void)
{
    BareCpu *t = bare_cpu();
    bare_long(t, 0);
    t->cpu->gpr[RBX] = AT_DATA;
    bare_write(t, AT_DATA, 0x12345, 4);
    bare_write(t, AT_DATA + 4, SEL_CODE64, 2);
    uint64_t rsp = t->cpu->gpr[RSP];
    assert_quiet(EXECUTE(t, 0xff, 0x1b)); /* call far [rbx] */
    g_assert_cmphex(t->cpu->gpr[RSP], ==, rsp - 8);
    assert_quiet(EXECUTE(t, 0xcb)); /* retf */
    assert_at(t, SEL_CODE64, AT_CODE + 2, 0);
    bare_write(t, AT_DATA, 0x12345, 8);
    bare_write(t, AT_DATA + 8, SEL_CODE64, 2);
    assert_quiet(EXECUTE(t, 0x48, 0xff, 0x1b)); /* rex.w call far [rbx] */
    g_assert_cmphex(t->cpu->gpr[RSP], ==, rsp - 16);
    assert_quiet(EXECUTE(t, 0x48, 0xcb));
    g_assert_cmphex(t->cpu->gpr[RSP], ==, rsp);
    bare_cpu_free(t);
}

static void gate64(BareCpu *t, uint16_t target, uint64_t offset, unsigned access,
                   unsigned type_high)
{
    bare_gdt(t, SEL_TEST2, gate_make(target, offset, access, 0));
    bare_gdt_high(t, SEL_TEST2, offset >> 32 | (uint64_t)type_high << 40);
}

static void long_mode_gate(void)
{
    BareCpu *t = bare_cpu();
    bare_long(t, 3);
    gate64(t, SEL_CODE64, 0x7fff12345678, GATE | DPL(3), 0);
    assert_quiet(transfer(t, CALL, SEL_TEST2, 0, 4));
    assert_at(t, SEL_CODE64, 0x7fff12345678, 0);
    g_assert_cmphex(t->cpu->gpr[RSP], ==, AT_STACK0 - 32);
    g_assert_cmphex(t->cpu->seg[SEG_SS].selector, ==, 0);
    g_assert_cmphex(t->cpu->seg[SEG_SS].access, ==, 0);
    const uint64_t frame[] = {AT_CODE, SEL_CODE64_3, AT_STACK3, SEL_DATA3};
    for (unsigned i = 0; i < G_N_ELEMENTS(frame); i++)
        g_assert_cmphex(bare_stack(t, i, 8), ==, frame[i]);
    assert_quiet(RAISED_BY(t, far_return(t->cpu, 8, 0)));
    assert_at(t, SEL_CODE64_3, AT_CODE, 3);
    g_assert_cmphex(t->cpu->gpr[RSP], ==, AT_STACK3);

    static const struct {
        uint16_t target;
        uint64_t offset;
        unsigned access, type_high;
        uint32_t error;
    } bad[] = {
        {SEL_CODE0, 0x1234, GATE | DPL(3), 0, SEL_CODE0},            /* not 64-bit code */
        {SEL_CODE64, 0x800000000000, GATE | DPL(3), 0, 0},           /* not canonical */
        {SEL_CODE64, 0x1234, GATE | DPL(3), 1, SEL_TEST2},           /* reserved type */
        {SEL_CODE64, 0x1234, GATE16 | DPL(3), 0, SEL_TEST2},         /* 16-bit gate */
        {SEL_TSS2, 0, AR_P | DESC_TASK_GATE | DPL(3), 0, SEL_TEST2}, /* task gate */
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        gate64(t, bad[i].target, bad[i].offset, bad[i].access, bad[i].type_high);
        assert_raised(transfer(t, CALL, SEL_TEST2, 0, 4), EXC_GP, bad[i].error);
    }
    bare_long(t, 0);
    assert_raised(transfer(t, JUMP, SEL_TSS2, 0, 4), EXC_GP, SEL_TSS2);
    gate64(t, SEL_CODE64, 0x1234, GATE, 0);
    bare_long(t, 3);
    gate64(t, SEL_CODE64, 0x1234, GATE | DPL(3), 0);
    bare_write(t, AT_TSS + 4, 0x800000000008, 8);
    assert_raised(transfer(t, CALL, SEL_TEST2, 0, 4), EXC_SS, 0);
    bare_cpu_free(t);
}

/* A null FS keeps the base an MSR gave it across a return to an outer level, but not its RPL. */
static void outer_return_keeps_null_base(void)
{
    BareCpu *t = bare_cpu();
    bare_long(t, 0);
    t->cpu->seg[SEG_FS] = (Segment){.base = 0x7f0000001000, .selector = 3};
    segment_load(t->cpu, SEG_GS, SEL_DATA0);
    bare_push(t, SEL_DATA3, 8);
    bare_push(t, AT_STACK3, 8);
    bare_push(t, SEL_CODE64_3, 8);
    bare_push(t, 0x12345, 8);
    assert_quiet(RAISED_BY(t, far_return(t->cpu, 8, 0)));
    g_assert_cmphex(t->cpu->seg[SEG_FS].base, ==, 0x7f0000001000);
    g_assert_cmphex(t->cpu->seg[SEG_FS].selector, ==, 0);
    g_assert_cmphex(t->cpu->seg[SEG_GS].selector, ==, 0);
    bare_cpu_free(t);
}

/* --- fast system calls ----------------------------------------------------------------------- */

static void assert_flat(BareCpu *t, uint16_t cs, unsigned mode_bit, unsigned cpl)
{
    const Segment *code = &t->cpu->seg[SEG_CS], *stack = &t->cpu->seg[SEG_SS];
    unsigned dpl = cpl << AR_DPL_SHIFT;
    g_assert_cmphex(code->selector, ==, cs);
    g_assert_cmphex(code->access, ==, 0x809b | mode_bit | dpl);
    g_assert_cmphex(code->base, ==, 0);
    g_assert_cmphex(code->limit, ==, 0xffffffff);
    g_assert_cmphex(stack->access, ==, 0xc093 | dpl);
    g_assert_cmpint(t->cpu->cpl, ==, cpl);
}

static void syscall_sysret(void)
{
    BareCpu *t = bare_cpu();
    Cpu *cpu = t->cpu;
    bare_long(t, 3);
    cpu->star = UINT64_C(0x0023001000000000);
    cpu->lstar = 0xffffffff81000000;
    cpu->fmask = FLAG_IF | FLAG_CF;
    eflags_set(cpu, FLAG_IF | FLAG_CF | FLAG_ZF);
    assert_quiet(EXECUTE(t, 0x0f, 0x05));
    assert_flat(t, 0x10, AR_L, 0);
    g_assert_cmphex(cpu->seg[SEG_SS].selector, ==, 0x18);
    g_assert_cmphex(cpu->rip, ==, 0xffffffff81000000);
    g_assert_cmphex(cpu->gpr[RCX], ==, AT_CODE + 2);
    g_assert_cmphex(cpu->gpr[R11], ==, FLAG_IF | FLAG_CF | FLAG_ZF | FLAG_FIXED);
    g_assert_cmphex(eflags_get(cpu), ==, FLAG_ZF | FLAG_FIXED);
    g_assert_cmphex(cpu->gpr[RSP], ==, AT_STACK3);

    cpu->gpr[R11] = 0xffffffff;
    assert_quiet(EXECUTE(t, 0x48, 0x0f, 0x07)); /* sysretq */
    assert_flat(t, 0x33, AR_L, 3);
    g_assert_cmphex(cpu->seg[SEG_SS].selector, ==, 0x2b);
    g_assert_cmphex(cpu->rip, ==, AT_CODE + 2);
    g_assert_cmphex(eflags_get(cpu), ==, 0x3c7fd7);

    bare_long(t, 0);
    cpu->gpr[R11] = 0;
    cpu->gpr[RCX] = 0x1234567812345678;
    assert_raised(EXECUTE(t, 0x48, 0x0f, 0x07), EXC_GP, 0); /* not canonical */
    assert_quiet(EXECUTE(t, 0x0f, 0x07));                   /* to 32-bit code */
    assert_flat(t, 0x23, AR_DB, 3);
    g_assert_cmphex(cpu->rip, ==, 0x12345678);
    bare_cpu_free(t);
}

static void syscall_undefined(void)
{
    BareCpu *t = bare_cpu();
    bare_compat(t, 3);
    assert_raised(EXECUTE(t, 0x0f, 0x05), EXC_UD, 0);
    bare_protected(t, 3); /* #UD comes before #GP for the privilege */
    assert_raised(EXECUTE(t, 0x0f, 0x05), EXC_UD, 0);
    assert_raised(EXECUTE(t, 0x0f, 0x07), EXC_UD, 0);
    bare_long(t, 3);
    assert_raised(EXECUTE(t, 0x0f, 0x07), EXC_GP, 0);
    t->cpu->efer &= ~(uint64_t)EFER_SCE;
    assert_raised(EXECUTE(t, 0x0f, 0x05), EXC_UD, 0);
    bare_cpu_free(t);
}

static void sysenter_sysexit(void)
{
    BareCpu *t = bare_cpu();
    Cpu *cpu = t->cpu;
    bare_protected(t, 3);
    assert_raised(EXECUTE(t, 0x0f, 0x34), EXC_GP, 0); /* SYSENTER_CS = 0 */
    cpu->sysenter_cs = 0x60;
    cpu->sysenter_esp = 0xffffffffc0008000;
    cpu->sysenter_eip = 0xffffffffc0001000;
    eflags_set(cpu, FLAG_IF);
    assert_quiet(EXECUTE(t, 0x0f, 0x34));
    assert_flat(t, 0x60, AR_DB, 0);
    g_assert_cmphex(cpu->seg[SEG_SS].selector, ==, 0x68);
    g_assert_cmphex(cpu->gpr[RSP], ==, 0xc0008000);
    g_assert_cmphex(cpu->rip, ==, 0xc0001000);
    g_assert_false(cpu->eflags & FLAG_IF);
    cpu->gpr[RCX] = 0x8000;
    cpu->gpr[RDX] = 0x1234;
    assert_quiet(EXECUTE(t, 0x0f, 0x35));
    assert_flat(t, 0x73, AR_DB, 3);
    g_assert_cmphex(cpu->seg[SEG_SS].selector, ==, 0x7b);
    g_assert_cmphex(cpu->gpr[RSP], ==, 0x8000);
    g_assert_cmphex(cpu->rip, ==, 0x1234);
    assert_raised(EXECUTE(t, 0x0f, 0x35), EXC_GP, 0); /* CPL 3 */
    bare_real(t);
    assert_raised(EXECUTE(t, 0x0f, 0x34), EXC_GP, 0);

    bare_long(t, 3);
    assert_quiet(EXECUTE(t, 0x0f, 0x34));
    assert_flat(t, 0x60, AR_L, 0);
    g_assert_cmphex(cpu->gpr[RSP], ==, 0xffffffffc0008000);
    cpu->gpr[RDX] = 0x7fff00001234;
    assert_quiet(EXECUTE(t, 0x48, 0x0f, 0x35)); /* to 64-bit code */
    assert_flat(t, 0x83, AR_L, 3);
    g_assert_cmphex(cpu->rip, ==, 0x7fff00001234);
    bare_long(t, 0);
    cpu->gpr[RDX] = 0x800000000000;
    assert_raised(EXECUTE(t, 0x48, 0x0f, 0x35), EXC_GP, 0);
    bare_cpu_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/far/real-mode", real_mode);
    g_test_add_func("/far/real-mode-stack-limit", real_mode_stack_limit);
    g_test_add_func("/far/real-mode-code-is-writable", real_mode_code_is_writable);
    g_test_add_func("/far/v86", v86);
    g_test_add_func("/far/direct", direct);
    g_test_add_func("/far/call-stack-limit", call_stack_limit);
    g_test_add_func("/far/operand-size-16", operand_size_16);
    g_test_add_func("/far/memory-operands", memory_operands);
    g_test_add_func("/far/gates", gates);
    g_test_add_func("/far/gate-parameters", gate_parameters);
    g_test_add_func("/far/inner-stacks", inner_stacks);
    g_test_add_func("/far/inner-stack-tss-limit", inner_stack_tss_limit);
    g_test_add_func("/far/inner-stack-16bit-tss", inner_stack_16bit_tss);
    g_test_add_func("/far/returns", returns);
    g_test_add_func("/far/long-mode-code", long_mode_code);
    g_test_add_func("/far/long-mode-call", long_mode_call);
    g_test_add_func("/far/long-mode-gate", long_mode_gate);
    g_test_add_func("/far/outer-return-keeps-null-base", outer_return_keeps_null_base);
    g_test_add_func("/far/syscall-sysret", syscall_sysret);
    g_test_add_func("/far/syscall-undefined", syscall_undefined);
    g_test_add_func("/far/sysenter-sysexit", sysenter_sysexit);
    return g_test_run();
}
