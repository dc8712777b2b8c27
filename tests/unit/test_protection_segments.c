/* test_protection_segments.c - loads of segment registers, LDTR and TR, and the instructions that
 * look at selectors. [SDM2] MOV, POP, LAR, LSL, VERR/VERW, ARPL, LLDT, LTR; [SDM3] "Protection". */
#include "tests/support/bare_cpu.h"

/* --- hidden parts ---------------------------------------------------------------------------- */

/* [SDM3] "Limit Checking": first and last offset that may be touched. */
static void spans(void)
{
    static const struct {
        unsigned access;
        uint32_t limit;
        uint32_t first;
        uint64_t read, write;
    } rows[] = {
        {ACC_DATA, 0xffff, 0, 0x10000, 0x10000},
        {ACC_DATA | AR_DB, 0xffffffff, 0, 0x100000000, 0x100000000},
        {ACC_DATA_RO, 0xfff, 0, 0x1000, 0},
        {ACC_CODE, 0xfff, 0, 0x1000, 0},
        {ACC_CODE_X, 0xfff, 0, 0, 0},
        {ACC_DOWN, 0xfff, 0x1000, 0xf000, 0xf000},
        {ACC_DOWN | AR_DB, 0xfff, 0x1000, 0xfffff000, 0xfffff000},
        {ACC_DOWN, 0xffff, 0x10000, 0, 0},
        {ACC_DATA & ~AR_P, 0xffff, 0, 0, 0},
        {0, 0, 0, 0, 0},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        Segment seg = {.access = rows[i].access, .limit = rows[i].limit};
        segment_update(&seg);
        g_assert_cmphex(seg.first, ==, rows[i].first);
        g_assert_cmphex(seg.read_span, ==, rows[i].read);
        g_assert_cmphex(seg.write_span, ==, rows[i].write);
    }
}

static void real_mode_keeps_limits(void)
{
    BareCpu *t = bare_cpu();
    Segment *ds = &t->cpu->seg[SEG_DS];
    ds->limit = 0xffffffff;
    segment_update(ds);
    segment_load(t->cpu, SEG_DS, 0x1234);
    g_assert_cmphex(ds->base, ==, 0x12340);
    g_assert_cmphex(ds->limit, ==, 0xffffffff);
    g_assert_cmphex(ds->selector, ==, 0x1234);
    bare_cpu_free(t);
}

static void v86_forces_attributes(void)
{
    BareCpu *t = bare_cpu();
    bare_v86(t, 3);
    Segment *ds = &t->cpu->seg[SEG_DS];
    ds->limit = 0xffffffff;
    segment_load(t->cpu, SEG_DS, 0x1234);
    g_assert_cmphex(ds->base, ==, 0x12340);
    g_assert_cmphex(ds->limit, ==, 0xffff);
    g_assert_cmphex(ds->access, ==, 0xf3);
    bare_cpu_free(t);
}

/* --- protected mode loads -------------------------------------------------------------------- */

typedef struct LoadCase {
    const char *name;
    SegReg seg;
    unsigned cpl;
    uint16_t selector;
    unsigned access; /* of the descriptor at SEL_TEST; 0: none is written */
    int vector;
    uint32_t error;
} LoadCase;

/* clang-format off */
static const LoadCase load_cases[] = {
    /* what                        segment cpl  selector          descriptor             vector  error */
    { "null DS",                   SEG_DS, 0,   0x0003,           0,                     -1,     0 },
    { "null SS",                   SEG_SS, 0,   0x0000,           0,                     EXC_GP, 0 },
    { "beyond GDT",                SEG_DS, 0,   SEL_BEYOND,       0,                     EXC_GP, SEL_BEYOND },
    { "beyond GDT, SS",            SEG_SS, 0,   SEL_BEYOND,       0,                     EXC_GP, SEL_BEYOND },
    { "beyond LDT",                SEG_DS, 0,   SEL_LOCAL_BEYOND, 0,                     EXC_GP, SEL_LOCAL_BEYOND },
    { "LDT",                       SEG_DS, 0,   SEL_LOCAL,        0,                     -1,     0 },
    { "data",                      SEG_DS, 0,   SEL_TEST,         ACC_DATA,              -1,     0 },
    { "read-only data",            SEG_DS, 0,   SEL_TEST,         ACC_DATA_RO,           -1,     0 },
    { "readable code",             SEG_ES, 0,   SEL_TEST,         ACC_CODE,              -1,     0 },
    { "execute-only code",         SEG_ES, 0,   SEL_TEST,         ACC_CODE_X,            EXC_GP, SEL_TEST },
    { "system segment",            SEG_FS, 0,   SEL_TEST,         AR_P | DESC_LDT,       EXC_GP, SEL_TEST },
    { "CPL above DPL",             SEG_GS, 3,   SEL_TEST,         ACC_DATA,              EXC_GP, SEL_TEST },
    { "RPL above DPL",             SEG_GS, 0,   SEL_TEST | 3,     ACC_DATA,              EXC_GP, SEL_TEST },
    { "RPL 3, DPL 3",              SEG_GS, 0,   SEL_TEST | 3,     ACC_DATA | DPL(3),     -1,     0 },
    { "inner conforming code",     SEG_DS, 3,   SEL_TEST | 3,     ACC_CONFORMING,        -1,     0 },
    { "inner nonconforming code",  SEG_DS, 3,   SEL_TEST | 3,     ACC_CODE,              EXC_GP, SEL_TEST },
    { "absent data",               SEG_DS, 0,   SEL_TEST,         ACC_DATA & ~AR_P,      EXC_NP, SEL_TEST },
    { "absent and too inner",      SEG_DS, 3,   SEL_TEST,         ACC_DATA & ~AR_P,      EXC_GP, SEL_TEST },
    { "SS, data",                  SEG_SS, 0,   SEL_TEST,         ACC_DATA,              -1,     0 },
    { "SS, ring 3",                SEG_SS, 3,   SEL_TEST | 3,     ACC_DATA | DPL(3),     -1,     0 },
    { "SS, RPL is not CPL",        SEG_SS, 0,   SEL_TEST | 3,     ACC_DATA,              EXC_GP, SEL_TEST },
    { "SS, DPL is not CPL",        SEG_SS, 0,   SEL_TEST,         ACC_DATA | DPL(3),     EXC_GP, SEL_TEST },
    { "SS, read-only",             SEG_SS, 0,   SEL_TEST,         ACC_DATA_RO,           EXC_GP, SEL_TEST },
    { "SS, code",                  SEG_SS, 0,   SEL_TEST,         ACC_CODE,              EXC_GP, SEL_TEST },
    { "SS, absent",                SEG_SS, 0,   SEL_TEST,         ACC_DATA & ~AR_P,      EXC_SS, SEL_TEST },
};
/* clang-format on */

static void loads(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(load_cases); i++) {
        const LoadCase *c = &load_cases[i];
        g_test_message("%s", c->name);
        BareCpu *t = bare_cpu();
        bare_protected(t, c->cpl);
        if (c->access)
            bare_gdt(t, SEL_TEST, descriptor_make(0x4000, 0xfff, c->access));
        Segment before = t->cpu->seg[c->seg];
        Raised raised = RAISED_BY(t, segment_load(t->cpu, c->seg, c->selector));
        assert_raised(raised, c->vector, c->error);
        const Segment *seg = &t->cpu->seg[c->seg];
        if (c->vector >= 0) {
            g_assert_cmpmem(seg, sizeof(*seg), &before, sizeof(before));
            if (c->access)
                g_assert_cmphex(bare_access(t, SEL_TEST), ==, c->access & 0xff);
        } else {
            g_assert_cmphex(seg->selector, ==, c->selector);
        }
        if (c->vector < 0 && c->access) {
            g_assert_cmphex(bare_access(t, SEL_TEST), ==, (c->access & 0xff) | AR_ACCESSED);
            g_assert_cmphex(seg->base, ==, 0x4000);
            g_assert_cmphex(seg->limit, ==, 0xfff);
        }
        bare_cpu_free(t);
    }
}

/* A null LDTR makes every local selector lie outside. */
static void null_ldt(void)
{
    BareCpu *t = bare_cpu();
    bare_protected(t, 0);
    assert_quiet(EXECUTE(t, 0x0f, 0x00, 0xd0)); /* lldt ax = 0 */
    assert_raised(RAISED_BY(t, segment_load(t->cpu, SEG_DS, SEL_LOCAL)), EXC_GP, SEL_LOCAL);
    bare_cpu_free(t);
}

/* [SDM2] MOV: in 64-bit mode a null SS is good below CPL 3 if RPL = CPL. */
static void null_stack_in_64bit_mode(void)
{
    BareCpu *t = bare_cpu();
    bare_long(t, 0);
    assert_quiet(RAISED_BY(t, segment_load(t->cpu, SEG_SS, 0)));
    assert_raised(RAISED_BY(t, segment_load(t->cpu, SEG_SS, 1)), EXC_GP, 0);
    bare_long(t, 3);
    assert_raised(RAISED_BY(t, segment_load(t->cpu, SEG_SS, 3)), EXC_GP, 0);
    bare_compat(t, 0);
    assert_raised(RAISED_BY(t, segment_load(t->cpu, SEG_SS, 0)), EXC_GP, 0);
    bare_cpu_free(t);
}

/* --- instructions on segment registers ------------------------------------------------------- */

static void mov_ss_shadow(void)
{
    BareCpu *t = bare_cpu();
    bare_protected(t, 0);
    t->cpu->gpr[RAX] = SEL_DATA0;
    assert_quiet(EXECUTE(t, 0x8e, 0xd0)); /* mov ss, ax */
    g_assert_cmpint(t->cpu->shadow, ==, SHADOW_MOV_SS);
    g_assert_true(t->cpu->pending & PENDING_SHADOW);
    t->cpu->shadow = 0;
    assert_quiet(EXECUTE(t, 0x8e, 0xd8)); /* mov ds, ax */
    g_assert_cmpint(t->cpu->shadow, ==, 0);
    assert_raised(EXECUTE(t, 0x8e, 0xc8), EXC_UD, 0); /* mov cs, ax */
    bare_cpu_free(t);
}

static void push_and_pop(void)
{
    BareCpu *t = bare_cpu();
    bare_protected(t, 0);
    uint64_t sp = t->cpu->gpr[RSP];
    assert_quiet(EXECUTE(t, 0x0e)); /* push cs */
    g_assert_cmphex(t->cpu->gpr[RSP], ==, sp - 4);
    g_assert_cmphex(bare_stack(t, 0, 4), ==, SEL_CODE0);
    assert_raised(EXECUTE(t, 0x17), EXC_GP, SEL_CODE0); /* pop ss */
    g_assert_cmphex(t->cpu->gpr[RSP], ==, sp - 4);
    assert_quiet(EXECUTE(t, 0x1f)); /* pop ds: readable code */
    g_assert_cmphex(t->cpu->gpr[RSP], ==, sp);
    g_assert_cmphex(t->cpu->seg[SEG_DS].selector, ==, SEL_CODE0);
    assert_quiet(EXECUTE(t, 0x66, 0x16)); /* push ss, 16 bits */
    g_assert_cmphex(t->cpu->gpr[RSP], ==, sp - 2);
    assert_quiet(EXECUTE(t, 0x66, 0x17));
    g_assert_cmpint(t->cpu->shadow, ==, SHADOW_MOV_SS);
    bare_long(t, 0);
    sp = t->cpu->gpr[RSP];
    assert_quiet(EXECUTE(t, 0x0f, 0xa0)); /* push fs */
    g_assert_cmphex(t->cpu->gpr[RSP], ==, sp - 8);
    bare_cpu_free(t);
}

/* POP SS moves the pointer by the size of the stack it popped from. */
static void pop_ss_to_16bit_stack(void)
{
    BareCpu *t = bare_cpu();
    bare_protected(t, 0);
    t->cpu->gpr[RSP] = 0x1fffc;
    bare_write(t, 0x1fffc, SEL_DATA16, 4);
    assert_quiet(EXECUTE(t, 0x17));
    g_assert_cmphex(t->cpu->gpr[RSP], ==, 0x20000);
    g_assert_cmpint(t->cpu->stack_size, ==, 2);
    bare_cpu_free(t);
}

static void far_pointers(void)
{
    BareCpu *t = bare_cpu();
    bare_protected(t, 0);
    bare_write(t, AT_DATA, 0x12345678, 4);
    bare_write(t, AT_DATA + 4, SEL_DATA0, 2);
    t->cpu->gpr[RBX] = AT_DATA;
    assert_quiet(EXECUTE(t, 0x0f, 0xb4, 0x03)); /* lfs eax, [ebx] */
    g_assert_cmphex(t->cpu->gpr[RAX], ==, 0x12345678);
    g_assert_cmphex(t->cpu->seg[SEG_FS].selector, ==, SEL_DATA0);
    bare_write(t, AT_DATA + 4, SEL_BEYOND, 2);
    assert_raised(EXECUTE(t, 0x0f, 0xb5, 0x0b), EXC_GP, SEL_BEYOND); /* lgs ecx, [ebx] */
    g_assert_cmphex(t->cpu->gpr[RCX], ==, 0);
    bare_write(t, AT_DATA + 4, SEL_DATA0, 2);
    assert_quiet(EXECUTE(t, 0x0f, 0xb2, 0x23)); /* lss esp, [ebx] */
    g_assert_cmphex(t->cpu->gpr[RSP], ==, 0x12345678);
    g_assert_cmpint(t->cpu->shadow, ==, 0);
    bare_cpu_free(t);
}

/* --- LAR, LSL, VERR, VERW -------------------------------------------------------------------- */

typedef struct LookCase {
    unsigned cpl;
    uint16_t selector;
    unsigned access;
    bool lar, lsl, verr, verw; /* ZF */
} LookCase;

/* clang-format off */
static const LookCase look_cases[] = {
    /* cpl selector      descriptor                             LAR LSL VERR VERW */
    { 0, 0,              0,                                     0,  0,  0,   0 },
    { 0, SEL_BEYOND,     0,                                     0,  0,  0,   0 },
    { 0, SEL_TEST,       ACC_DATA,                              1,  1,  1,   1 },
    { 0, SEL_TEST,       ACC_DATA & ~AR_P,                      1,  1,  1,   1 },
    { 0, SEL_TEST,       ACC_DATA_RO,                           1,  1,  1,   0 },
    { 0, SEL_TEST,       ACC_CODE,                              1,  1,  1,   0 },
    { 0, SEL_TEST,       ACC_CODE_X,                            1,  1,  0,   0 },
    { 3, SEL_TEST,       ACC_DATA,                              0,  0,  0,   0 },
    { 0, SEL_TEST | 3,   ACC_DATA,                              0,  0,  0,   0 },
    { 3, SEL_TEST | 3,   ACC_DATA | DPL(3),                     1,  1,  1,   1 },
    { 3, SEL_TEST | 3,   ACC_CONFORMING,                        1,  1,  1,   0 },
    { 0, SEL_TEST,       AR_P | DESC_TSS16_AVAILABLE,           1,  1,  0,   0 },
    { 0, SEL_TEST,       AR_P | DESC_LDT,                       1,  1,  0,   0 },
    { 0, SEL_TEST,       AR_P | DESC_TSS16_BUSY,                1,  1,  0,   0 },
    { 0, SEL_TEST,       AR_P | DESC_CALL_GATE16,               1,  0,  0,   0 },
    { 0, SEL_TEST,       AR_P | DESC_TASK_GATE,                 1,  0,  0,   0 },
    { 0, SEL_TEST,       AR_P | DESC_INT_GATE16,                0,  0,  0,   0 },
    { 0, SEL_TEST,       AR_P | DESC_TSS_AVAILABLE,             1,  1,  0,   0 },
    { 0, SEL_TEST,       AR_P | DESC_TSS_BUSY,                  1,  1,  0,   0 },
    { 0, SEL_TEST,       AR_P | DESC_CALL_GATE,                 1,  0,  0,   0 },
    { 0, SEL_TEST,       AR_P | DESC_INT_GATE,                  0,  0,  0,   0 },
    { 0, SEL_TEST,       AR_P | DESC_TRAP_GATE,                 0,  0,  0,   0 },
    { 0, SEL_TEST,       AR_P,                                  0,  0,  0,   0 },
    { 3, SEL_TEST,       AR_P | DESC_TSS_BUSY,                  0,  0,  0,   0 },
};
/* clang-format on */

static bool zf(BareCpu *t)
{
    return flag_zf(t->cpu);
}

static void looks(void)
{
    BareCpu *t = bare_cpu();
    for (unsigned i = 0; i < G_N_ELEMENTS(look_cases); i++) {
        const LookCase *c = &look_cases[i];
        g_test_message("row %u, access %#x", i, c->access);
        bare_protected(t, c->cpl);
        bare_gdt(t, SEL_TEST, descriptor_make(0x12345678, 0xabcde, c->access | AR_G));
        t->cpu->gpr[RAX] = c->selector;
        t->cpu->gpr[RCX] = t->cpu->gpr[RDX] = 0x55555555;
        assert_quiet(EXECUTE(t, 0x0f, 0x02, 0xc8)); /* lar ecx, ax */
        g_assert_cmpint(zf(t), ==, c->lar);
        g_assert_cmphex(t->cpu->gpr[RCX], ==,
                        c->lar ? (c->access & 0xff) << 8 | 0x800000 : 0x55555555);
        assert_quiet(EXECUTE(t, 0x0f, 0x03, 0xd0)); /* lsl edx, ax */
        g_assert_cmpint(zf(t), ==, c->lsl);
        g_assert_cmphex(t->cpu->gpr[RDX], ==, c->lsl ? 0xabcdefff : 0x55555555);
        assert_quiet(EXECUTE(t, 0x0f, 0x00, 0xe0)); /* verr ax */
        g_assert_cmpint(zf(t), ==, c->verr);
        assert_quiet(EXECUTE(t, 0x0f, 0x00, 0xe8)); /* verw ax */
        g_assert_cmpint(zf(t), ==, c->verw);
    }
    bare_cpu_free(t);
}

/* The other flags stay. */
static void looks_keep_flags(void)
{
    BareCpu *t = bare_cpu();
    bare_protected(t, 0);
    uint32_t others = FLAGS_ARITH & ~FLAG_ZF;
    eflags_set(t->cpu, others);
    t->cpu->gpr[RAX] = SEL_DATA0;
    assert_quiet(EXECUTE(t, 0x0f, 0x00, 0xe0));
    g_assert_cmphex(flags_arith(t->cpu), ==, FLAGS_ARITH);
    t->cpu->gpr[RAX] = 0;
    assert_quiet(EXECUTE(t, 0x0f, 0x00, 0xe0));
    g_assert_cmphex(flags_arith(t->cpu), ==, others);
    bare_cpu_free(t);
}

static void long_mode_types(void)
{
    BareCpu *t = bare_cpu();
    bare_long(t, 0);
    t->cpu->gpr[RAX] = SEL_TEST;
    bare_gdt(t, SEL_TEST, descriptor_make(0, 0xfff, AR_P | DESC_TSS16_AVAILABLE));
    assert_quiet(EXECUTE(t, 0x0f, 0x02, 0xc8));
    g_assert_false(zf(t));
    bare_gdt(t, SEL_TEST, descriptor_make(0, 0xfff, AR_P | DESC_CALL_GATE));
    assert_quiet(EXECUTE(t, 0x0f, 0x02, 0xc8));
    g_assert_true(zf(t));
    bare_cpu_free(t);
}

static void arpl(void)
{
    BareCpu *t = bare_cpu();
    bare_protected(t, 3);
    t->cpu->gpr[RAX] = 0x10;
    t->cpu->gpr[RCX] = 0x03;
    assert_quiet(EXECUTE(t, 0x63, 0xc8)); /* arpl ax, cx */
    g_assert_cmphex(t->cpu->gpr[RAX], ==, 0x13);
    g_assert_true(zf(t));
    assert_quiet(EXECUTE(t, 0x63, 0xc8));
    g_assert_false(zf(t));
    t->cpu->gpr[RBX] = AT_DATA;
    t->cpu->gpr[RCX] = 0;
    t->cpu->seg[SEG_DS].access &= ~(unsigned)AR_WRITABLE;
    segment_update(&t->cpu->seg[SEG_DS]);
    assert_raised(EXECUTE(t, 0x63, 0x0b), EXC_GP, 0); /* arpl [ebx], cx: nothing to write, but */
    bare_real(t);
    assert_raised(EXECUTE(t, 0x63, 0xc8), EXC_UD, 0);
    bare_cpu_free(t);
}

/* --- LDTR and TR ----------------------------------------------------------------------------- */

typedef struct SystemCase {
    const char *name;
    uint16_t selector;
    unsigned access;
    int vector;
    uint32_t error;
} SystemCase;

/* clang-format off */
static const SystemCase lldt_cases[] = {
    { "null",           3,                0,                            -1,     0 },
    { "local",          SEL_LOCAL,        0,                            EXC_GP, SEL_LOCAL },
    { "beyond",         SEL_BEYOND,       0,                            EXC_GP, SEL_BEYOND },
    { "LDT",            SEL_TEST,         AR_P | DESC_LDT,              -1,     0 },
    { "data",           SEL_TEST,         ACC_DATA,                     EXC_GP, SEL_TEST },
    { "TSS",            SEL_TEST | 1,     AR_P | DESC_TSS_AVAILABLE,    EXC_GP, SEL_TEST },
    { "absent",         SEL_TEST | 1,     DESC_LDT,                     EXC_NP, SEL_TEST },
};
static const SystemCase ltr_cases[] = {
    { "null",           3,                0,                            EXC_GP, 0 },
    { "local",          SEL_LOCAL,        0,                            EXC_GP, SEL_LOCAL },
    { "beyond",         SEL_BEYOND,       0,                            EXC_GP, SEL_BEYOND },
    { "TSS",            SEL_TEST,         AR_P | DESC_TSS_AVAILABLE,    -1,     0 },
    { "16-bit TSS",     SEL_TEST,         AR_P | DESC_TSS16_AVAILABLE,  -1,     0 },
    { "busy",           SEL_TEST,         AR_P | DESC_TSS_BUSY,         EXC_GP, SEL_TEST },
    { "LDT",            SEL_TEST,         AR_P | DESC_LDT,              EXC_GP, SEL_TEST },
    { "absent",         SEL_TEST,         DESC_TSS_AVAILABLE,           EXC_NP, SEL_TEST },
};
/* clang-format on */

static void system_loads(const SystemCase *cases, unsigned count, uint8_t modrm, bool ltr)
{
    for (unsigned i = 0; i < count; i++) {
        const SystemCase *c = &cases[i];
        g_test_message("%s", c->name);
        BareCpu *t = bare_cpu();
        bare_protected(t, 0);
        if (c->access)
            bare_gdt(t, SEL_TEST, descriptor_make(0x345678, 0x123, c->access));
        t->cpu->gpr[RAX] = c->selector;
        assert_raised(EXECUTE(t, 0x0f, 0x00, modrm), c->vector, c->error);
        const Segment *seg = ltr ? &t->cpu->tr : &t->cpu->ldtr;
        if (c->vector < 0 && c->access) {
            g_assert_cmphex(seg->selector, ==, c->selector);
            g_assert_cmphex(seg->base, ==, 0x345678);
            g_assert_cmphex(seg->limit, ==, 0x123);
            g_assert_cmphex(bare_access(t, SEL_TEST), ==, c->access | (ltr ? 2 : 0));
        }
        bare_cpu_free(t);
    }
}

static void lldt(void)
{
    system_loads(lldt_cases, G_N_ELEMENTS(lldt_cases), 0xd0, false);
}

static void ltr(void)
{
    system_loads(ltr_cases, G_N_ELEMENTS(ltr_cases), 0xd8, true);
}

/* 16-byte descriptors: base bits 63:32, the reserved type field, and a limit that cuts them. */
static void long_mode_system_descriptors(void)
{
    BareCpu *t = bare_cpu();
    bare_long(t, 0);
    bare_gdt(t, SEL_TEST, descriptor_make(0x345678, 0x123, AR_P | DESC_TSS_AVAILABLE));
    bare_gdt_high(t, SEL_TEST, 0xffff8000);
    t->cpu->gpr[RAX] = SEL_TEST;
    assert_quiet(EXECUTE(t, 0x0f, 0x00, 0xd8));
    g_assert_cmphex(t->cpu->tr.base, ==, 0xffff800000345678);
    bare_gdt(t, SEL_TEST, descriptor_make(0x345678, 0x123, AR_P | DESC_TSS_AVAILABLE));
    bare_gdt_high(t, SEL_TEST, 0xffff8000 | UINT64_C(0x100) << 32);
    assert_raised(EXECUTE(t, 0x0f, 0x00, 0xd8), EXC_GP, SEL_TEST);
    bare_gdt_high(t, SEL_TEST, 0x1000000); /* not canonical */
    assert_raised(EXECUTE(t, 0x0f, 0x00, 0xd8), EXC_GP, SEL_TEST);
    t->cpu->gdtr.limit = SEL_TEST + 7;
    assert_raised(EXECUTE(t, 0x0f, 0x00, 0xd8), EXC_GP, SEL_TEST);
    bare_cpu_free(t);
}

static void umip(void)
{
    BareCpu *t = bare_cpu();
    bare_protected(t, 3);
    assert_quiet(EXECUTE(t, 0x0f, 0x00, 0xc8)); /* str eax */
    g_assert_cmphex(t->cpu->gpr[RAX], ==, SEL_TSS);
    assert_quiet(EXECUTE(t, 0x0f, 0x00, 0xc0)); /* sldt eax */
    g_assert_cmphex(t->cpu->gpr[RAX], ==, SEL_LDT);
    t->cpu->cr4 |= CR4_UMIP;
    assert_raised(EXECUTE(t, 0x0f, 0x00, 0xc8), EXC_GP, 0);
    assert_raised(EXECUTE(t, 0x0f, 0x00, 0xc0), EXC_GP, 0);
    t->cpu->gpr[RAX] = SEL_LDT;
    assert_raised(EXECUTE(t, 0x0f, 0x00, 0xd0), EXC_GP, 0); /* lldt: CPL */
    bare_cpu_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/segments/spans", spans);
    g_test_add_func("/segments/real-mode-keeps-limits", real_mode_keeps_limits);
    g_test_add_func("/segments/v86-forces-attributes", v86_forces_attributes);
    g_test_add_func("/segments/loads", loads);
    g_test_add_func("/segments/null-ldt", null_ldt);
    g_test_add_func("/segments/null-stack-in-64bit-mode", null_stack_in_64bit_mode);
    g_test_add_func("/segments/mov-ss-shadow", mov_ss_shadow);
    g_test_add_func("/segments/push-and-pop", push_and_pop);
    g_test_add_func("/segments/pop-ss-to-16bit-stack", pop_ss_to_16bit_stack);
    g_test_add_func("/segments/far-pointers", far_pointers);
    g_test_add_func("/segments/looks", looks);
    g_test_add_func("/segments/looks-keep-flags", looks_keep_flags);
    g_test_add_func("/segments/long-mode-types", long_mode_types);
    g_test_add_func("/segments/arpl", arpl);
    g_test_add_func("/segments/lldt", lldt);
    g_test_add_func("/segments/ltr", ltr);
    g_test_add_func("/segments/long-mode-system-descriptors", long_mode_system_descriptors);
    g_test_add_func("/segments/umip", umip);
    return g_test_run();
}
