/* insn_bench.c - a bare CPU for tests. */
#include "tests/support/insn_bench.h"

#include <inttypes.h>

#include "cpu/block.h"
#include "cpu/exec.h"
#include "cpu/model.h"
#include "cpu/x87.h"

enum {
    LOW_SIZE = 0x100000,
    STUBS = 0x50000,
    STUB_SIZE = 16,
    IDT = 0x60000,
    GDT = 0x61000,
    PML4 = 0x70000,
    PDPT = 0x71000,
    PD = INSN_BENCH_PAGE_DIRECTORY,
    SELECTOR_CODE = 8,
    SELECTOR_DATA = 16,
    HLT = 0xf4,
    EXCEPTIONS = 32,
};

static uint64_t port_read(void *opaque, uint64_t offset, unsigned size)
{
    InsnBench *t = opaque;
    t->port_last = offset;
    return truncate_to(t->port_value, size);
}

static void port_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    InsnBench *t = opaque;
    t->port_last = offset;
    t->port_value = value;
}

static const MemOps port_ops = {port_read, port_write, 1, 4};

InsnBench *insn_bench_new(const char *model)
{
    InsnBench *t = g_new0(InsnBench, 1);
    lock_init(&t->lock);
    t->clock = clock_new_manual();
    mem_init_container(&t->root, "memory", (uint64_t)1 << 40);
    g_assert_true(mem_init_ram(&t->ram, "low", LOW_SIZE, NULL));
    g_assert_true(mem_init_ram(&t->high, "high", TEST_HIGH_SIZE, NULL));
    mem_add(&t->root, 0, &t->ram, 0);
    mem_add(&t->root, TEST_HIGH, &t->high, 0);
    address_space_init(&t->memory, "memory", &t->root);
    mem_init_container(&t->port_root, "ports", 0x10000);
    mem_init_io(&t->port_regs, "port", 0x10000, &port_ops, t);
    mem_add(&t->port_root, 0, &t->port_regs, 0);
    address_space_init(&t->ports, "ports", &t->port_root);

    CpuBus bus = {
        .memory = &t->memory,
        .ports = &t->ports,
        .clock = t->clock,
        .lock = &t->lock,
    };
    FeatureSet features;
    GError *err = NULL;
    const CpuModel *found = cpu_model_parse(model, &features, &err);
    g_assert_no_error(err);
    t->cpu = cpu_new(found, &features, 0, 1, &bus);
    cpu_group_init(&t->group, &t->cpu, 1);
    cpu_group_listen(&t->group, &t->memory);
    return t;
}

void insn_bench_free(InsnBench *t)
{
    cpu_group_fini(&t->group);
    cpu_free(t->cpu);
    address_space_fini(&t->memory);
    address_space_fini(&t->ports);
    mem_fini(&t->ram);
    mem_fini(&t->high);
    mem_fini(&t->root);
    mem_fini(&t->port_regs);
    mem_fini(&t->port_root);
    clock_free(t->clock);
    lock_fini(&t->lock);
    g_free(t);
}

void insn_bench_write(InsnBench *t, PhysAddr pa, const void *data, size_t size)
{
    address_space_write(&t->memory, pa, data, size);
}

uint64_t insn_bench_read(InsnBench *t, PhysAddr pa, unsigned size)
{
    return address_space_load(&t->memory, pa, size);
}

static void store(InsnBench *t, PhysAddr pa, uint64_t value, unsigned size)
{
    uint8_t bytes[8];
    store_le(bytes, value, 8);
    insn_bench_write(t, pa, bytes, size);
}

/* --- modes --------------------------------------------------------------------------------- */

static void write_stubs(InsnBench *t)
{
    for (unsigned v = 0; v < EXCEPTIONS; v++) {
        uint32_t stub = STUBS + v * STUB_SIZE;
        store(t, stub, HLT, 1);
        store(t, v * 4, (STUBS >> 4 << 16) | v * STUB_SIZE, 4);
        bool is_long = t->code_size == CODE_64;
        PhysAddr gate = IDT + v * (is_long ? 16 : 8);
        unsigned access = AR_P | DESC_INT_GATE;
        uint64_t low = (stub & 0xffff) | SELECTOR_CODE << 16 | (uint64_t)access << 40 |
                       (uint64_t)(stub >> 16) << 48;
        store(t, gate, low, 8);
        if (is_long)
            store(t, gate + 8, 0, 8);
    }
}

static void write_gdt(InsnBench *t)
{
    uint64_t code = t->code_size == CODE_64 ? 0x00af9b000000ffff : 0x00cf9b000000ffff;
    store(t, GDT, 0, 8);
    store(t, GDT + SELECTOR_CODE, code, 8);
    store(t, GDT + SELECTOR_DATA, 0x00cf93000000ffff, 8);
}

static void write_page_tables(InsnBench *t)
{
    enum { PRESENT_WRITABLE = 3, LARGE = 0x80 };
    store(t, PML4, PDPT | PRESENT_WRITABLE, 8);
    store(t, PDPT, PD | PRESENT_WRITABLE, 8);
    for (unsigned i = 0; i < 512; i++)
        store(t, PD + i * 8, i * 2 * MIB | LARGE | PRESENT_WRITABLE, 8);
}

static void set_segment(Cpu *cpu, SegReg n, uint16_t selector, uint32_t base, uint32_t limit,
                        unsigned access)
{
    cpu->seg[n] = (Segment){
        .selector = selector,
        .base = base,
        .limit = limit,
        .access = AR_P | AR_S | AR_ACCESSED | access,
    };
    segment_update(&cpu->seg[n]);
}

static void set_segments(InsnBench *t)
{
    Cpu *cpu = t->cpu;
    unsigned code = AR_CODE | AR_READABLE;
    if (t->code_size == CODE_16) {
        for (unsigned n = 0; n < SEG_COUNT; n++)
            set_segment(cpu, n, TEST_DATA >> 4, TEST_DATA, 0xffff, AR_WRITABLE);
        set_segment(cpu, SEG_CS, TEST_CODE >> 4, TEST_CODE, 0xffff, AR_WRITABLE);
        return;
    }
    for (unsigned n = 0; n < SEG_COUNT; n++)
        set_segment(cpu, n, SELECTOR_DATA, 0, UINT32_MAX, AR_WRITABLE | AR_DB | AR_G);
    unsigned size = t->code_size == CODE_64 ? AR_L : AR_DB;
    set_segment(cpu, SEG_CS, SELECTOR_CODE, 0, UINT32_MAX, code | size | AR_G);
}

void insn_bench_enter(InsnBench *t, CodeSize mode)
{
    Cpu *cpu = t->cpu;
    t->code_size = mode;
    cpu_reset(cpu, CPU_POWER_ON);
    x87_init(cpu);
    memset(cpu->vec, 0, sizeof(cpu->vec));
    cpu->cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT;
    write_stubs(t);
    write_gdt(t);
    write_page_tables(t);
    set_segments(t);
    memset(cpu->gpr, 0, sizeof(cpu->gpr));
    cpu->gpr[RSP] = mode == CODE_16 ? TEST_STACK - TEST_DATA - 0x1000 : TEST_STACK;
    if (mode != CODE_16) {
        cpu->idtr = (DescriptorTable){IDT, EXCEPTIONS * 16 - 1};
        cpu->gdtr = (DescriptorTable){GDT, 3 * 8 - 1};
        cpu->cr0 = CR0_PE | CR0_ET | CR0_NE;
    }
    if (mode == CODE_64) {
        cpu->cr3 = PML4;
        cpu->cr4 |= CR4_PAE;
        cpu->efer = EFER_LME | EFER_LMA;
        cpu->cr0 |= CR0_PG;
    }
    tlb_flush_all(cpu);
    cpu_update_mode(cpu);
}

/* --- running ------------------------------------------------------------------------------- */

static uint64_t code_base(const InsnBench *t)
{
    return t->code_size == CODE_16 ? 0 : TEST_CODE;
}

int insn_bench_run(InsnBench *t, const void *code, size_t size)
{
    Cpu *cpu = t->cpu;
    uint8_t page[0x200];
    memset(page, HLT, sizeof(page));
    memcpy(page + 0x80, code, size);
    insn_bench_write(t, TEST_CODE - 0x80, page, sizeof(page));
    cpu->rip = code_base(t);
    cpu->activity = CPU_RUNNING;
    cpu_run(cpu, 100000);
    if (cpu->activity != CPU_HALTED)
        return INSN_BENCH_SHUTDOWN;
    uint64_t stop = cpu->seg[SEG_CS].base * (t->code_size == CODE_16) + cpu->rip - 1;
    if (stop >= STUBS && stop < STUBS + EXCEPTIONS * STUB_SIZE)
        return (stop - STUBS) / STUB_SIZE;
    cpu->rip = stop - TEST_CODE;
    return -1;
}

int insn_bench_step(InsnBench *t, const Insn *insn)
{
    Cpu *cpu = t->cpu;
    Insn bound = *insn;
    sigjmp_buf unwind;
    cpu->unwind = &unwind;
    cpu->rip_start = cpu->rip;
    exec_bind(cpu, &bound);
    if (sigsetjmp(unwind, 0)) {
        cpu->insn = NULL;
        cpu->rip = cpu->rip_start;
        return cpu->raised.vector;
    }
    cpu->insn = cpu->block_first = &bound;
    cpu->rip += bound.length;
    bound.exec(cpu, &bound);
    cpu->insn = NULL;
    return -1;
}

/* --- tables -------------------------------------------------------------------------------- */

typedef struct Expected {
    uint64_t gpr[GPR_COUNT];
    uint32_t flags, undefined;
    uint64_t rip;
    int vector;
} Expected;

/* Vector and x87 state as items have it. */
static void item_apply_wide(Cpu *cpu, const Item *i)
{
    Fpu *fpu = &cpu->fpu;
    if (i->kind == ITEM_XMM || i->kind == ITEM_YMM_HIGH) {
        uint64_t *half = &cpu->vec[i->where].u64[i->kind == ITEM_XMM ? 0 : 2];
        half[0] = i->value;
        half[1] = i->high;
    } else if (i->kind == ITEM_MXCSR) {
        cpu->mxcsr = i->value;
    } else if (i->kind == ITEM_ST) {
        fpu->reg[(fpu->top + i->where) & 7] = (F80){.mant = i->value, .se = i->high};
    } else if (i->kind == ITEM_FPU) {
        fpu->cw = i->value;
        fpu->sw = i->value >> 16 & ~(7u << SW_TOP_SHIFT);
        fpu->top = i->value >> (16 + SW_TOP_SHIFT) & 7;
        fpu->valid = i->value >> 32;
        x87_update_summary(cpu);
    }
}

static void items_apply(InsnBench *t, const Item *items)
{
    for (; items->kind != ITEM_NONE; items++) {
        if (items->kind == ITEM_REG)
            t->cpu->gpr[items->where] = items->value;
        else if (items->kind == ITEM_FLAGS)
            eflags_set(t->cpu, items->value);
        else if (items->kind == ITEM_MEM)
            store(t, items->where, items->value, items->size);
        else
            item_apply_wide(t->cpu, items);
    }
}

/* True if the state is what the item says. */
static bool item_holds(const Cpu *cpu, const Item *i)
{
    const Fpu *fpu = &cpu->fpu;
    const F80 *st = &fpu->reg[(fpu->top + i->where) & 7];
    const uint64_t *half = &cpu->vec[i->where & 15].u64[i->kind == ITEM_XMM ? 0 : 2];
    switch (i->kind) {
    case ITEM_XMM:
    case ITEM_YMM_HIGH:
        return half[0] == i->value && half[1] == i->high;
    case ITEM_MXCSR:
        return cpu->mxcsr == i->value;
    case ITEM_ST:
        return st->mant == i->value && st->se == i->high;
    case ITEM_FPU:
        return i->value == (fpu->cw | (uint64_t)x87_status(cpu) << 16 | (uint64_t)fpu->valid << 32);
    default:
        return true;
    }
}

static Expected expect(const InsnBench *t, const InsnCase *c)
{
    Expected e = {.flags = eflags_get(t->cpu), .rip = c->length, .vector = -1};
    memcpy(e.gpr, t->cpu->gpr, sizeof(e.gpr));
    for (const Item *i = c->out; i->kind != ITEM_NONE; i++) {
        switch (i->kind) {
        case ITEM_REG:
            e.gpr[i->where] = i->value;
            break;
        case ITEM_FLAGS:
            e.flags = i->value | FLAG_FIXED;
            e.undefined = i->where;
            break;
        case ITEM_RIP:
            e.rip = i->value;
            break;
        case ITEM_RAISES:
            e.vector = i->value;
            break;
        default:
            break;
        }
    }
    return e;
}

static void compare(InsnBench *t, const InsnCase *c, const Expected *e, int vector)
{
    static const char *const modes[] = {"16", "32", "64"};
    const char *mode = modes[t->code_size];
    if (vector != e->vector)
        g_error("%s-bit %s: vector %d, expected %d", mode, c->text, vector, e->vector);
    for (unsigned r = 0; r < GPR_COUNT; r++) {
        bool pushed = vector >= 0 && r == RSP; /* by the exception */
        if (t->cpu->gpr[r] != e->gpr[r] && !pushed)
            g_error("%s-bit %s: register %u is %#" PRIx64 ", expected %#" PRIx64, mode, c->text, r,
                    t->cpu->gpr[r], e->gpr[r]);
    }
    for (const Item *i = c->out; i->kind != ITEM_NONE; i++) {
        if (!item_holds(t->cpu, i))
            g_error("%s-bit %s: item %td of the vector or x87 state is not as expected", mode,
                    c->text, i - c->out);
        uint64_t v = i->kind == ITEM_MEM ? insn_bench_read(t, i->where, i->size) : 0;
        if (i->kind == ITEM_MEM && v != i->value)
            g_error("%s-bit %s: memory %#x is %#" PRIx64 ", expected %#" PRIx64, mode, c->text,
                    i->where, v, i->value);
    }
    if (vector >= 0)
        return;
    uint32_t differ = (eflags_get(t->cpu) ^ e->flags) & ~e->undefined;
    if (differ)
        g_error("%s-bit %s: flags are %#x, expected %#x, undefined %#x", mode, c->text,
                eflags_get(t->cpu), e->flags, e->undefined);
    if (t->cpu->rip != e->rip)
        g_error("%s-bit %s: stopped at %#" PRIx64 ", expected %#" PRIx64, mode, c->text,
                t->cpu->rip, e->rip);
}

void insn_bench_check(InsnBench *t, CodeSize mode, const InsnCase *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        insn_bench_enter(t, mode);
        items_apply(t, cases[i].in);
        Expected e = expect(t, &cases[i]);
        compare(t, &cases[i], &e, insn_bench_run(t, cases[i].code, cases[i].length));
    }
}
