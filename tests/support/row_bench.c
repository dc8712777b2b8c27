/* row_bench.c - runs cases of single instructions on a guest CPU. */
#include "tests/support/row_bench.h"

#include <inttypes.h>

#include "cpu/exec.h"
#include "cpu/mmu.h"
#include "cpu/model.h"
#include "cpu/x87.h"
#include "tests/support/row_state.h"

enum {
    PML4 = 0x70000,
    PDPT = 0x71000,
    DIRECTORY = 0x72000,
    TABLE = 0x74000,
    PRESENT = 1,
    WRITABLE = 2,
    USER = 4,
    LARGE = 0x80,
};

/* Selectors; those of ring 3 have its RPL. The rest of the GDT is for rows that load segments. */
enum {
    CODE_0 = 0x08,
    DATA_0 = 0x10,
    CODE_3 = 0x1b,
    DATA_3 = 0x23,
    TSS = 0x60,
    GDT_SIZE = 0xc0,
};

/* --- tables ------------------------------------------------------------------------------------ */

static void put(RowBench *t, PhysAddr pa, uint64_t value)
{
    uint8_t bytes[8];
    store_le64(bytes, value);
    insn_bench_write(t->bench, pa, bytes, 8);
}

static void put_descriptor(RowBench *t, unsigned selector, uint32_t base, uint32_t limit,
                           unsigned access)
{
    put(t, ROW_GDT + selector,
        (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)(access & 0xff) << 40 |
            (uint64_t)(limit >> 16 & 0xf) << 48 | (uint64_t)(access >> 12) << 52 |
            (uint64_t)(base >> 24) << 56);
}

/* The descriptors that rows may name: docs/testing.md lists them too. */
static void write_gdt(RowBench *t, RowMode mode)
{
    enum { ALL = 0xfffff, RING_3 = 3 << AR_DPL_SHIFT, BIG = AR_P | AR_S | AR_G };
    unsigned code = BIG | AR_CODE | AR_READABLE | (mode == ROW_64 ? AR_L : AR_DB);
    unsigned data = BIG | AR_WRITABLE | AR_DB;
    unsigned tss = AR_P | DESC_TSS_AVAILABLE;
    put_descriptor(t, CODE_0, 0, ALL, code);
    put_descriptor(t, DATA_0, 0, ALL, data);
    put_descriptor(t, CODE_3 & ~3, 0, ALL, code | RING_3);
    put_descriptor(t, DATA_3 & ~3, 0, ALL, data | RING_3);
    put_descriptor(t, 0x28, 0x10000, 0xffff, AR_P | AR_S | AR_CODE | AR_READABLE);
    put_descriptor(t, 0x30, 0x10000000, 0xffff, AR_P | AR_S | AR_WRITABLE);
    put_descriptor(t, 0x38, 0, ALL, code | AR_CONFORMING);
    put_descriptor(t, 0x40, 0, ALL, (code & ~AR_READABLE) | RING_3);
    put_descriptor(t, 0x48, 0, ALL, (data & ~AR_WRITABLE) | RING_3);
    put_descriptor(t, 0x50, 0, ALL, (data & ~AR_P) | RING_3);
    put_descriptor(t, TSS, ROW_TSS, 0xff, tss);
    put(t, ROW_GDT + 0x68, 0);
    put_descriptor(t, 0x70, ROW_TSS, 0xff, AR_P | DESC_TSS_BUSY);
    put(t, ROW_GDT + 0x78, 0);
    put(t, ROW_GDT + 0x80,
        0x0000ec0000080000 | ROW_HANDLERS % 0x10000 |
            (uint64_t)(ROW_HANDLERS >> 16) << 48); /* call gate, ring 3 */
    put(t, ROW_GDT + 0x88, 0);
    put_descriptor(t, 0x90, 0, ALL, BIG | AR_CODE | AR_READABLE | AR_DB); /* 32-bit code */
    put_descriptor(t, 0x98, 0, 0xfffff, data | AR_EXPAND_DOWN);
    put_descriptor(t, 0xa0, 0, ALL, BIG | AR_CODE | AR_READABLE | AR_L | RING_3);
    put_descriptor(t, 0xa8, 0, ALL, code & ~AR_P);
    put_descriptor(t, 0xb0, ROW_LDT, 0xff, AR_P | DESC_LDT);
    put(t, ROW_GDT + 0xb8, 0);
}

static void write_pages(RowBench *t, RowMode mode)
{
    static const uint8_t none[0x1000];
    unsigned rights = mode == ROW_64 ? PRESENT | WRITABLE | USER : PRESENT;
    insn_bench_write(t->bench, DIRECTORY, none, sizeof(none));
    put(t, PML4, PDPT | PRESENT | WRITABLE | USER);
    put(t, PDPT, DIRECTORY | rights);
    put(t, DIRECTORY, LARGE | PRESENT | WRITABLE | USER);
    put(t, DIRECTORY + ROW_MEMORY / (2 * MIB) * 8, TABLE | PRESENT | WRITABLE | USER);
    insn_bench_write(t->bench, TABLE, none, sizeof(none));
    for (unsigned page = 0; page < ROW_MEMORY_SIZE / PAGE_SIZE; page++)
        put(t, TABLE + page * 8, (ROW_MEMORY + page * PAGE_SIZE) | PRESENT | WRITABLE | USER);
    put(t, TABLE + (ROW_READ_ONLY - ROW_MEMORY) / PAGE_SIZE * 8, ROW_READ_ONLY | PRESENT | USER);
    put(t, TABLE + (ROW_SUPERVISOR - ROW_MEMORY) / PAGE_SIZE * 8,
        ROW_SUPERVISOR | PRESENT | WRITABLE);
}

/* Stacks for exceptions from ring 3, and in 64-bit mode from everywhere (IST1). No I/O map. */
static void write_tss(RowBench *t, RowMode mode)
{
    enum { IST1 = 1, GATES = 32, MAP_BASE = 0x66, LIMIT = 0xff };
    static const uint8_t none[LIMIT + 1];
    insn_bench_write(t->bench, ROW_TSS, none, sizeof(none));
    put(t, ROW_TSS + 4, ROW_KERNEL_STACK | (mode == ROW_64 ? 0 : (uint64_t)DATA_0 << 32));
    if (mode == ROW_64)
        put(t, ROW_TSS + 0x24, ROW_KERNEL_STACK);
    put(t, ROW_TSS + MAP_BASE, LIMIT + 1);
    for (unsigned gate = 0; mode == ROW_64 && gate < GATES; gate++)
        insn_bench_write(t->bench, ROW_IDT + gate * 16 + 4, &(uint8_t){IST1}, 1);
    t->bench->cpu->tr = (Segment){
        .selector = TSS, .base = ROW_TSS, .limit = LIMIT, .access = AR_P | DESC_TSS_BUSY};
    segment_update(&t->bench->cpu->tr);
}

/* --- registers --------------------------------------------------------------------------------- */

static void set_segment(Cpu *cpu, SegReg n, uint16_t selector, uint64_t base, uint32_t limit,
                        unsigned access)
{
    cpu->seg[n] = (Segment){.selector = selector, .base = base, .limit = limit, .access = access};
    segment_update(&cpu->seg[n]);
}

/* Segments of 8086 programs: offsets are those in ROW_MEMORY. */
static void set_segments_16(Cpu *cpu, RowMode mode)
{
    unsigned access = AR_P | AR_S | AR_WRITABLE | AR_ACCESSED | (mode == ROW_V86 ? AR_DPL : 0);
    for (unsigned n = 0; n < SEG_COUNT; n++)
        set_segment(cpu, n, 0x2000 + n * 0x100, ROW_MEMORY, 0xffff, access);
    set_segment(cpu, SEG_CS, ROW_CODE >> 4, ROW_CODE, 0xffff, access);
}

static void set_segments_flat(Cpu *cpu, RowMode mode, unsigned ring)
{
    unsigned access = AR_P | AR_S | AR_ACCESSED | AR_G | ring << AR_DPL_SHIFT;
    unsigned size = mode == ROW_64 ? AR_L : AR_DB;
    for (unsigned n = 0; n < SEG_COUNT; n++)
        set_segment(cpu, n, ring ? DATA_3 : DATA_0, 0, UINT32_MAX, access | AR_WRITABLE | AR_DB);
    set_segment(cpu, SEG_CS, ring ? CODE_3 : CODE_0, 0, UINT32_MAX,
                access | AR_CODE | AR_READABLE | size);
}

static void set_registers(Cpu *cpu, RowMode mode)
{
    for (unsigned r = 0; r < GPR_COUNT; r++) {
        uint64_t v = 0x1010101010101010 + r * 0x0101010101010101;
        cpu->gpr[r] = mode == ROW_64 ? v : r < 8 ? (uint32_t)v : 0;
    }
    cpu->gpr[RSP] = mode == ROW_REAL || mode == ROW_V86 ? ROW_STACK - ROW_MEMORY : ROW_STACK;
    for (unsigned r = 0; r < 16; r++) {
        memset(cpu->vec[r].u8, 0x20 + r, 16);
        memset(cpu->vec[r].u8 + 16, 0x30 + r, 16);
    }
}

static void enter(RowBench *t, const RowSetup *s)
{
    Cpu *cpu = t->bench->cpu;
    cpu->features = t->features;
    /* Afresh, because a translator gives up code that is rewritten again and again. */
    g_assert_true(t->engine->attach(cpu, NULL));
    insn_bench_enter(t->bench, s->mode == ROW_V86 ? CODE_32 : row_mode_code_size(s->mode));
    memset(t->bench->high.host, 0, ROW_MEMORY_SIZE);
    if (s->mode != ROW_REAL) {
        write_gdt(t, s->mode);
        write_pages(t, s->mode);
        cpu->cr3 = s->mode == ROW_64 ? PML4 : PDPT;
        cpu->cr4 |= CR4_PAE;
        cpu->cr0 |= CR0_PG;
        g_assert_true(s->mode == ROW_64 || mmu_load_pdptes(cpu, cpu->cr3));
        cpu->gdtr.limit = GDT_SIZE - 1;
        write_tss(t, s->mode);
        eflags_set(cpu, FLAG_FIXED | (s->mode == ROW_V86 ? FLAG_VM : 0));
    }
    cpu->cr4 |= CR4_OSXSAVE;
    cpu->xcr0 = XCR0_X87 | XCR0_SSE | XCR0_AVX;
    cpu->cpl = s->ring;
    if (s->mode == ROW_REAL || s->mode == ROW_V86)
        set_segments_16(cpu, s->mode);
    else
        set_segments_flat(cpu, s->mode, s->ring);
    set_registers(cpu, s->mode);
    cpu->rip = cpu_is_protected(cpu) && s->mode != ROW_V86 ? ROW_CODE : 0;
}

/* --- items ------------------------------------------------------------------------------------- */

/* TOP before what is relative to it, and what is empty after what fills. */
static void apply_registers(Cpu *cpu, const GArray *items)
{
    const RowField *first = row_field_find("fsw"), *last = row_field_find("fvalid");
    for (unsigned pass = 0; pass < 3; pass++) {
        for (unsigned i = 0; i < items->len; i++) {
            const RowItem *item = &g_array_index(items, RowItem, i);
            unsigned turn = item->field == first ? 0 : item->field == last ? 2 : 1;
            if (item->field && turn == pass)
                row_field_set(cpu, item->field, item);
        }
    }
}

static bool in_memory(uint64_t address, unsigned size)
{
    return address >= ROW_MEMORY && address + size <= ROW_MEMORY + ROW_MEMORY_SIZE;
}

static void write_memory(RowBench *t, const GArray *items, uint64_t shift)
{
    for (unsigned i = 0; i < items->len; i++) {
        const RowItem *item = &g_array_index(items, RowItem, i);
        if (!item->field && item->address == ROW_PORT)
            t->bench->port_value = load_le32(item->value);
        else if (!item->field)
            insn_bench_write(t->bench, item->address + (in_memory(item->address, 1) ? shift : 0),
                             item->value, item->size);
    }
}

void row_expect(const RowCase *c, Cpu *expected)
{
    apply_registers(expected, c->out);
    if (c->has_flags)
        eflags_set(expected, c->flags_out | FLAG_FIXED | (c->mode == ROW_V86 ? FLAG_VM : 0));
}

/* --- before ------------------------------------------------------------------------------------ */

bool row_decode(const RowCase *c, Insn *insn)
{
    bool real = c->mode == ROW_REAL || c->mode == ROW_V86;
    return decode(c->code, c->length, row_mode_code_size(c->mode), real ? DECODE_REAL_OR_V86 : 0,
                  insn) == DECODE_OK;
}

RowSetup row_setup(const RowCase *c, const RowCondition *condition)
{
    RowSetup s = {.mode = c->mode, .ring = c->ring, .length = c->length};
    Insn insn;
    bool decoded = row_decode(c, &insn);
    memcpy(s.code, c->code, sizeof(s.code));
    for (unsigned i = 0; i < c->conditions->len; i++)
        g_array_index(c->conditions, const RowCondition *, i)->apply(&s, c, &insn);
    if (condition && decoded)
        condition->apply(&s, c, &insn);
    return s;
}

/* Changes the register or displacement that the memory operand's address comes from. */
static void move_operand(RowBench *t, RowSetup *s, const Insn *insn)
{
    Cpu *cpu = t->bench->cpu;
    const Operand *mem = row_memory_operand(insn);
    unsigned base = mem->reg < GPR_COUNT ? mem->reg : insn->base;
    if (insn->has_moffs) {
        uint8_t *offset = s->code + s->length - insn->addrsize;
        store_le(offset, load_le(offset, insn->addrsize) + s->move_operand, insn->addrsize);
    } else if (base < GPR_COUNT) {
        cpu->gpr[base] += s->move_operand;
    }
}

static void set_pending(Cpu *cpu)
{
    enum { ZE = 1 << 2 };
    cpu->fpu.cw &= ~ZE;
    cpu->fpu.sw |= ZE;
}

/* A jump to itself. */
static void write_stop(RowBench *t, PhysAddr pa)
{
    static const uint8_t stop[] = {0xeb, 0xfe};
    enum { LOW_END = 0xffff0 };
    if (pa < LOW_END)
        insn_bench_write(t->bench, pa, stop, sizeof(stop));
}

static uint64_t told(const RowCase *c, const char *name, uint64_t otherwise)
{
    for (unsigned i = 0; i < c->out->len; i++) {
        const RowItem *item = &g_array_index(c->out, RowItem, i);
        if (item->field == row_field_find(name) && !item->any)
            return load_le64(item->value);
    }
    return otherwise;
}

/* What is executed must end a translated block without a trace, wherever the instruction leads. */
static void write_stops(RowBench *t, const RowCase *c, const RowSetup *s)
{
    enum { STUBS = 32, STUB_SIZE = 16 };
    Cpu *cpu = t->bench->cpu;
    uint64_t base = s->mode == ROW_64 ? 0 : cpu->seg[SEG_CS].base, end = cpu->rip + s->length;
    write_stop(t, base + end);
    write_stop(t, told(c, "cs.base", base) + told(c, "rip", end));
    for (unsigned n = 0; n < STUBS; n++)
        write_stop(t, ROW_HANDLERS + n * STUB_SIZE);
}

void row_bench_prepare(RowBench *t, const RowCase *c, const RowSetup *setup)
{
    Cpu *cpu = t->bench->cpu;
    RowSetup s = *setup;
    Insn insn;
    bool decoded = row_decode(c, &insn);
    enter(t, &s);
    apply_registers(cpu, c->in);
    for (unsigned n = 0; n < SEG_COUNT; n++)
        segment_update(&cpu->seg[n]);
    eflags_set(cpu, c->flags_in | FLAG_FIXED | (s.mode == ROW_V86 ? FLAG_VM : 0));
    t->bench->port_value = 0x876543a5;
    write_memory(t, c->in, s.expected_cr2 == ROW_READ_ONLY ? s.move_operand : 0);
    cpu->cr0 |= s.cr0_set;
    cpu->cr4 = (cpu->cr4 & ~s.cr4_clear) | s.cr4_set;
    cpu->xcr0 &= ~s.xcr0_clear;
    if (s.unmask)
        cpu->mxcsr &= ~0x1fbfu;
    if (s.x87_pending)
        set_pending(cpu);
    x87_update_summary(cpu);
    if (s.without_feature && decoded)
        feature_set_off(&cpu->features, insn_row(&insn)->feature);
    if (s.move_operand && decoded && row_memory_operand(&insn))
        move_operand(t, &s, &insn);
    insn_bench_write(t->bench, ROW_CODE, s.code, s.length);
    write_stops(t, c, &s);
    tlb_flush_all(cpu);
    cpu_update_mode(cpu);
}

/* --- undefined flags ---------------------------------------------------------------------------- */

static bool is_shift(const char *name)
{
    static const char *const names[] = {"ROL", "ROR", "RCL",  "RCR", "SHL",
                                        "SHR", "SAR", "SHLD", "SHRD"};
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if (!strcmp(name, names[i]))
            return true;
    }
    return false;
}

static unsigned shift_count(const Insn *insn, const Cpu *cpu)
{
    const Operand *op = &insn->op[insn->op[2].kind ? 2 : 1];
    unsigned count = op->kind == OPND_ONE ? 1 : op->kind == OPND_IMM ? insn->imm : cpu->gpr[RCX];
    return count & (insn->op[0].size == 8 ? 63 : 31);
}

/* [SDM2] SAL/SAR/SHL/SHR, SHLD: a count of zero changes no flag, one defines OF; CF is undefined
 * beyond the operand's width. */
uint32_t row_undefined_flags(const Insn *insn, const Cpu *before)
{
    const InsnRow *row = insn_row(insn);
    uint32_t undefined = row->flags_undefined;
    if (!is_shift(row->name))
        return undefined;
    unsigned count = shift_count(insn, before), width = insn->op[0].size * 8;
    bool logical = !strcmp(row->name, "SHL") || !strcmp(row->name, "SHR");
    if (count == 0)
        return 0;
    if (count == 1)
        undefined &= ~(uint32_t)FLAG_OF;
    return undefined | (logical && count >= width ? FLAG_CF : 0);
}

/* --- running ------------------------------------------------------------------------------------ */

typedef struct Outcome {
    RowRaise raise;
    uint64_t pushed_rip;
} Outcome;

static bool has_error_code(unsigned vector)
{
    const uint32_t with = 1 << EXC_DF | 1 << EXC_TS | 1 << EXC_NP | 1 << EXC_SS | 1 << EXC_GP |
                          1 << EXC_PF | 1 << EXC_AC | 1 << EXC_CP;
    return with >> vector & 1;
}

/* The instruction pointer that the exception's handler finds on its stack. */
static uint64_t pushed_rip(RowBench *t, RowMode mode, unsigned vector)
{
    Cpu *cpu = t->bench->cpu;
    unsigned size = mode == ROW_64 ? 8 : mode == ROW_REAL ? 2 : 4;
    uint64_t at = stack_pointer(cpu) + (mode == ROW_64 ? 0 : cpu->seg[SEG_SS].base);
    return insn_bench_read(t->bench, at + (mode != ROW_REAL && has_error_code(vector) ? size : 0),
                           size);
}

/* The instruction and the stop behind it: a budget that a translated block of both fits in. A
 * repeated instruction may stop in between. */
static Outcome run(RowBench *t, const RowSetup *s, bool repeats)
{
    enum { NOTHING = 0xff, MOST_STEPS = 1000, BUDGET = 2 };
    Cpu *cpu = t->bench->cpu;
    uint64_t start = cpu->rip;
    cpu->raised.vector = NOTHING;
    cpu->activity = CPU_RUNNING;
    unsigned steps = 0;
    do
        cpu_run(cpu, BUDGET);
    while (repeats && cpu->raised.vector == NOTHING && cpu->rip == start && ++steps < MOST_STEPS);
    Outcome o = {.raise = {.vector = -1}};
    if (cpu->raised.vector == NOTHING)
        return o;
    o.raise.vector = cpu->raised.vector;
    o.raise.has_error = has_error_code(o.raise.vector);
    o.raise.error = cpu->raised.error;
    o.pushed_rip = pushed_rip(t, s->mode, o.raise.vector);
    return o;
}

/* --- comparing ---------------------------------------------------------------------------------- */

static char *raise_difference(const RowRaise *is, const RowRaise *expected)
{
    if (is->vector != expected->vector)
        return g_strdup_printf("vector %d, expected %d", is->vector, expected->vector);
    if (expected->has_error && is->error != expected->error)
        return g_strdup_printf("error code %x, expected %x", is->error, expected->error);
    return NULL;
}

/* ROW_MEMORY against what it should be. `pushed`: the frame of an exception is on its stack. */
static char *memory_difference(RowBench *t, const uint8_t *expected, bool pushed)
{
    const uint8_t *is = t->bench->high.host;
    for (unsigned i = 0; i < ROW_MEMORY_SIZE; i++) {
        uint64_t at = ROW_MEMORY + i;
        bool frame = pushed && at >= ROW_STACK - 16 && at < ROW_STACK;
        if (is[i] == expected[i] || frame)
            continue;
        g_autoptr(GString) s = g_string_new("memory at ");
        row_address_print(s, at);
        g_string_append_printf(s, " is %02x, expected %02x", is[i], expected[i]);
        return g_strdup(s->str);
    }
    return NULL;
}

/* Listed memory that is elsewhere: tables. */
static char *tables_difference(RowBench *t, const GArray *items)
{
    for (unsigned i = 0; i < items->len; i++) {
        const RowItem *item = &g_array_index(items, RowItem, i);
        uint8_t is[ROW_VALUE_SIZE];
        if (item->field || in_memory(item->address, item->size))
            continue;
        for (unsigned n = 0; n < item->size; n++)
            is[n] = item->address == ROW_PORT ? t->bench->port_value >> 8 * n
                                              : insn_bench_read(t->bench, item->address + n, 1);
        if (memcmp(is, item->value, item->size))
            return g_strdup_printf("memory at %" PRIx64 " is %" PRIx64 ", expected %" PRIx64,
                                   item->address, load_le64(is), load_le64(item->value));
    }
    return NULL;
}

/* What differs after an instruction that ended, or NULL. */
static char *end_difference(RowBench *t, const RowCase *c, const RowSetup *s, const Insn *insn,
                            Cpu *expected, const uint8_t *memory_before)
{
    Cpu *cpu = t->bench->cpu;
    g_autofree uint8_t *memory = g_memdup2(memory_before, ROW_MEMORY_SIZE);
    uint32_t undefined = insn ? row_undefined_flags(insn, expected) : 0;
    if (insn && c->undefined != undefined)
        return g_strdup_printf("the flags marked ? are %x, undefined are %x", c->undefined,
                               undefined);
    uint32_t flags_before = eflags_get(expected);
    expected->rip += s->length;
    row_expect(c, expected);
    uint32_t written = insn ? insn_row(insn)->flags_written : 0;
    uint32_t changed = (flags_before ^ eflags_get(expected)) & ~c->undefined & FLAGS_ARITH;
    if (changed & ~written)
        return g_strdup_printf("flags %x change, which the row does not write", changed & ~written);
    for (unsigned i = 0; i < c->out->len; i++) {
        const RowItem *item = &g_array_index(c->out, RowItem, i);
        if (!item->field && in_memory(item->address, item->size))
            memcpy(memory + (item->address - ROW_MEMORY), item->value, item->size);
    }
    row_state_settle(cpu, expected, c->out);
    RowCompare how = {.flags = ~c->undefined, .listed = c->out};
    char *difference = row_state_difference(cpu, expected, &how);
    if (!difference)
        difference = memory_difference(t, memory, false);
    return difference ? difference : tables_difference(t, c->out);
}

/* Elements that a gather has loaded before a fault stay. [SDM2] VPGATHERDD. */
static bool is_partial(const RowCase *c)
{
    Insn insn;
    return row_decode(c, &insn) && strstr(insn_row(&insn)->name, "GATHER");
}

/* What differs after an exception, which must have changed nothing. */
static char *raise_state_difference(RowBench *t, const RowCase *c, const RowSetup *s,
                                    const Outcome *o, Cpu *before, const uint8_t *memory)
{
    Cpu *cpu = t->bench->cpu;
    uint64_t size_mask = s->mode == ROW_64 ? UINT64_MAX : s->mode == ROW_REAL ? 0xffff : UINT32_MAX;
    if (o->raise.vector == EXC_DB || o->raise.vector == EXC_DF) /* traps and aborts */
        return NULL;
    if (o->pushed_rip != (before->rip & size_mask))
        return g_strdup_printf("the exception's rip is %" PRIx64, o->pushed_rip);
    if (s->expected_cr2 && o->raise.vector == EXC_PF &&
        cpu->cr2 >> PAGE_SHIFT != s->expected_cr2 >> PAGE_SHIFT)
        return g_strdup_printf("cr2 is %" PRIx64, cpu->cr2);
    if (s->ignore_mxcsr || o->raise.vector == EXC_XM)
        before->mxcsr = cpu->mxcsr;
    if (o->raise.vector == EXC_XM)
        before->fpu = cpu->fpu; /* MMX state may have been entered */
    if (is_partial(c))
        return NULL;
    RowCompare how = {.flags = FLAGS_ARITH | FLAG_DF, .raised = true};
    char *difference = row_state_difference(cpu, before, &how);
    bool same_stack = s->mode == ROW_REAL || (s->mode == ROW_32 && s->ring == 0);
    return difference ? difference : memory_difference(t, memory, same_stack);
}

static char *check(RowBench *t, const RowCase *c, const RowSetup *s, const RowRaise *raise)
{
    Insn insn;
    bool decoded = row_decode(c, &insn);
    row_bench_prepare(t, c, s);
    g_autofree Cpu *before = g_memdup2(t->bench->cpu, sizeof(Cpu));
    g_autofree uint8_t *memory = g_memdup2(t->bench->high.host, ROW_MEMORY_SIZE);
    bool repeats = decoded && insn_row(&insn)->attrs & ATTR_STRING;
    Outcome o = run(t, s, repeats);
    char *difference = raise_difference(&o.raise, raise);
    if (difference)
        return difference;
    if (raise->vector < 0)
        return end_difference(t, c, s, decoded ? &insn : NULL, before, memory);
    return raise_state_difference(t, c, s, &o, before, memory);
}

char *row_bench_check(RowBench *t, const RowCase *c)
{
    RowSetup plain = row_setup(c, NULL);
    char *difference = check(t, c, &plain, &c->raise);
    for (unsigned i = 0; !difference && i < c->faults->len; i++) {
        const RowFault *fault = &g_array_index(c->faults, RowFault, i);
        RowSetup s = row_setup(c, fault->condition);
        g_autofree char *found = check(t, c, &s, &fault->raise);
        if (found)
            difference = g_strdup_printf("%s: %s", fault->condition->name, found);
    }
    return difference;
}

void row_bench_free(RowBench *t)
{
    insn_bench_free(t->bench);
    g_free(t);
}

RowBench *row_bench_new(const Engine *engine)
{
    RowBench *t = g_new0(RowBench, 1);
    t->bench = insn_bench_new("max");
    t->features = t->bench->cpu->features;
    t->engine = engine;
    if (engine->attach(t->bench->cpu, NULL))
        return t;
    row_bench_free(t);
    return NULL;
}
