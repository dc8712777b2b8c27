/* bare_cpu.c - a CPU with RAM and hand-made descriptor tables, for tests of protection. */
#include "tests/support/bare_cpu.h"

#include "cpu/block.h"
#include "cpu/model.h"

enum { RAM_SIZE = 2 * 1024 * 1024 };

static void triple_fault(void *opaque, Cpu *cpu)
{
    BareCpu *t = opaque;
    t->shutdowns++;
}

/* --- memory and descriptors ------------------------------------------------------------------ */

uint64_t bare_read(BareCpu *t, PhysAddr pa, unsigned size)
{
    return load_le(t->ram.host + pa, size);
}

void bare_write(BareCpu *t, PhysAddr pa, uint64_t v, unsigned size)
{
    store_le(t->ram.host + pa, v, size);
}

uint64_t descriptor_make(uint32_t base, uint32_t limit, unsigned access)
{
    uint64_t d = limit & 0xffff;
    d |= (uint64_t)(base & 0xffffff) << 16;
    d |= (uint64_t)(access & 0xf0ff) << 40;
    d |= (uint64_t)(limit >> 16 & 0xf) << 48;
    d |= (uint64_t)(base >> 24) << 56;
    return d;
}

uint64_t gate_make(uint16_t selector, uint32_t offset, unsigned access, unsigned count)
{
    uint64_t d = offset & 0xffff;
    d |= (uint64_t)selector << 16;
    d |= (uint64_t)count << 32;
    d |= (uint64_t)access << 40;
    d |= (uint64_t)(offset >> 16) << 48;
    return d;
}

void bare_gdt(BareCpu *t, uint16_t selector, uint64_t low)
{
    bare_write(t, AT_GDT + (selector & ~7u), low, 8);
}

void bare_gdt_high(BareCpu *t, uint16_t selector, uint64_t high)
{
    bare_write(t, AT_GDT + (selector & ~7u) + 8, high, 8);
}

void bare_idt(BareCpu *t, unsigned vector, uint64_t gate)
{
    bare_write(t, AT_IDT + 8 * vector, gate, 8);
}

void bare_idt_long(BareCpu *t, unsigned vector, uint64_t low, uint64_t high)
{
    bare_write(t, AT_IDT + 16 * vector, low, 8);
    bare_write(t, AT_IDT + 16 * vector + 8, high, 8);
}

unsigned bare_access(BareCpu *t, uint16_t selector)
{
    return bare_read(t, AT_GDT + (selector & ~7u) + 5, 1);
}

static void write_gdt(BareCpu *t)
{
    static const struct {
        uint16_t selector;
        uint32_t base, limit;
        unsigned access;
    } rows[] = {
        {SEL_CODE0, 0, 0xfffff, ACC_CODE | ACC_32},
        {SEL_DATA0, 0, 0xfffff, ACC_DATA | ACC_32},
        {SEL_CODE3, 0, 0xfffff, ACC_CODE | ACC_32 | DPL(3)},
        {SEL_DATA3, 0, 0xfffff, ACC_DATA | ACC_32 | DPL(3)},
        {SEL_TSS, AT_TSS, 0x2fff, AR_P | DESC_TSS_BUSY},
        {SEL_LDT, AT_LDT, 0xf, AR_P | DESC_LDT},
        {SEL_CONFORMING0, 0, 0xfffff, ACC_CONFORMING | ACC_32},
        {SEL_CODE16, 0, 0xffff, ACC_CODE},
        {SEL_DATA16, 0, 0xffff, ACC_DATA},
        {SEL_CODE64, 0, 0xfffff, ACC_CODE | ACC_64},
        {SEL_CODE64_3, 0, 0xfffff, ACC_CODE | ACC_64 | DPL(3)},
        {SEL_DATA1, 0, 0xfffff, ACC_DATA | ACC_32 | DPL(1)},
        {SEL_CODE1, 0, 0xfffff, ACC_CODE | ACC_32 | DPL(1)},
        {SEL_TSS2, AT_TSS2, 0x67, AR_P | DESC_TSS_AVAILABLE},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++)
        bare_gdt(t, rows[i].selector, descriptor_make(rows[i].base, rows[i].limit, rows[i].access));
    bare_write(t, AT_LDT + 8, descriptor_make(0, 0xfffff, ACC_DATA | ACC_32), 8);
}

/* Inner stacks for 32-bit tasks; bare_long writes its own. */
static void write_tss32(BareCpu *t)
{
    bare_write(t, AT_TSS + 4, AT_STACK0, 4);
    bare_write(t, AT_TSS + 8, SEL_DATA0, 2);
    bare_write(t, AT_TSS + 0xc, AT_STACK1, 4);
    bare_write(t, AT_TSS + 0x10, SEL_DATA1, 2);
    bare_write(t, AT_TSS + 0x66, 0x88, 2); /* I/O map; the redirection map lies at 68h */
}

static void write_tss64(BareCpu *t)
{
    memset(t->ram.host + AT_TSS, 0, 0x68);
    bare_write(t, AT_TSS + 4, AT_STACK0, 8);
    bare_write(t, AT_TSS + 12, AT_STACK1, 8);
    bare_write(t, AT_TSS + 0x24, AT_IST1, 8);
}

/* --- life ------------------------------------------------------------------------------------ */

BareCpu *bare_cpu(void)
{
    BareCpu *t = g_new0(BareCpu, 1);
    lock_init(&t->lock);
    t->clock = clock_new_manual();
    mem_init_container(&t->memory_root, "memory", UINT64_C(1) << 52);
    g_assert_true(mem_init_ram(&t->ram, "ram", RAM_SIZE, NULL));
    mem_add(&t->memory_root, 0, &t->ram, 0);
    mem_init_container(&t->port_root, "ports", 65536);
    address_space_init(&t->memory, "memory", &t->memory_root);
    address_space_init(&t->ports, "ports", &t->port_root);
    CpuBus bus = {
        .memory = &t->memory,
        .ports = &t->ports,
        .clock = t->clock,
        .lock = &t->lock,
        .triple_fault = triple_fault,
        .opaque = t,
    };
    FeatureSet features;
    GError *err = NULL;
    const CpuModel *model = cpu_model_parse("max", &features, &err);
    g_assert_no_error(err);
    t->cpu = cpu_new(model, &features, 0, 1, &bus);
    cpu_group_init(&t->group, &t->cpu, 1);
    cpu_group_listen(&t->group, &t->memory);
    write_gdt(t);
    write_tss32(t);
    bare_real(t);
    return t;
}

void bare_cpu_free(BareCpu *t)
{
    cpu_group_fini(&t->group);
    cpu_free(t->cpu);
    address_space_fini(&t->memory);
    address_space_fini(&t->ports);
    mem_fini(&t->ram);
    mem_fini(&t->memory_root);
    mem_fini(&t->port_root);
    clock_free(t->clock);
    lock_fini(&t->lock);
    g_free(t);
}

/* --- modes ----------------------------------------------------------------------------------- */

static Segment segment_from_gdt(BareCpu *t, uint16_t selector)
{
    Descriptor d = {.low = bare_read(t, AT_GDT + (selector & ~7u), 8)};
    d.low |= descriptor_is_system(&d) ? 0 : (uint64_t)AR_ACCESSED << 40;
    return descriptor_segment(&d, selector);
}

static void load_tables(BareCpu *t)
{
    Cpu *cpu = t->cpu;
    cpu->gdtr = (DescriptorTable){.base = AT_GDT, .limit = SEL_LAST + 7};
    cpu->idtr = (DescriptorTable){.base = AT_IDT, .limit = 0xfff};
    cpu->tr = segment_from_gdt(t, SEL_TSS);
    cpu->ldtr = segment_from_gdt(t, SEL_LDT);
}

static void flat_segments(BareCpu *t, uint16_t cs, unsigned cpl)
{
    static const uint16_t stack_selectors[] = {SEL_DATA0, SEL_DATA1, 0, SEL_DATA3};
    static const uint32_t stacks[] = {AT_STACK0, AT_STACK1, 0, AT_STACK3};
    Cpu *cpu = t->cpu;
    cpu->cpl = cpl;
    cpu->seg[SEG_CS] = segment_from_gdt(t, cs);
    cpu->seg[SEG_SS] = segment_from_gdt(t, stack_selectors[cpl]);
    static const uint8_t data[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};
    for (unsigned i = 0; i < G_N_ELEMENTS(data); i++)
        cpu->seg[data[i]] = segment_from_gdt(t, SEL_DATA3);
    cpu->gpr[RSP] = stacks[cpl];
    cpu->rip = cpu->rip_start = AT_CODE;
    cpu_update_mode(cpu);
}

static void reset_to(BareCpu *t, uint64_t cr0, uint32_t eflags)
{
    Cpu *cpu = t->cpu;
    cpu->efer = 0;
    cpu->cr4 = 0;
    cpu->cr0 = CR0_ET | CR0_NE | cr0;
    cpu->activity = CPU_RUNNING;
    cpu->pending = 0;
    cpu->pending_db = 0;
    cpu->shadow = 0;
    eflags_set(cpu, eflags);
    tlb_flush_all(cpu);
    load_tables(t);
}

void bare_protected(BareCpu *t, unsigned cpl)
{
    static const uint16_t code[] = {SEL_CODE0, SEL_CODE1, 0, SEL_CODE3};
    reset_to(t, CR0_PE, FLAG_FIXED);
    flat_segments(t, code[cpl], cpl);
}

/* One 2 MiB page, writable, for all rings. */
static void identity_paging(BareCpu *t)
{
    enum { PRESENT_WRITE_USER = 7, LARGE = 0x80 };
    memset(t->ram.host + AT_PAGES, 0, 3 * PAGE_SIZE);
    bare_write(t, AT_PAGES, (AT_PAGES + PAGE_SIZE) | PRESENT_WRITE_USER, 8);
    bare_write(t, AT_PAGES + PAGE_SIZE, (AT_PAGES + 2 * PAGE_SIZE) | PRESENT_WRITE_USER, 8);
    bare_write(t, AT_PAGES + 2 * PAGE_SIZE, LARGE | PRESENT_WRITE_USER, 8);
    t->cpu->cr3 = AT_PAGES;
}

static void long_mode(BareCpu *t, uint16_t cs, unsigned cpl)
{
    Cpu *cpu = t->cpu;
    reset_to(t, CR0_PE | CR0_PG, FLAG_FIXED);
    cpu->cr4 = CR4_PAE;
    cpu->efer = EFER_SCE | EFER_LME | EFER_LMA;
    identity_paging(t);
    write_tss64(t);
    flat_segments(t, cs, cpl);
}

void bare_compat(BareCpu *t, unsigned cpl)
{
    long_mode(t, cpl ? SEL_CODE3 : SEL_CODE0, cpl);
}

void bare_long(BareCpu *t, unsigned cpl)
{
    long_mode(t, cpl ? SEL_CODE64_3 : SEL_CODE64, cpl);
}

static void segments_8086(BareCpu *t)
{
    Cpu *cpu = t->cpu;
    cpu_update_mode(cpu);
    for (unsigned n = 0; n < SEG_COUNT; n++) {
        cpu->seg[n].limit = 0xffff;
        cpu->seg[n].access = AR_P | AR_S | AR_WRITABLE | AR_ACCESSED;
        segment_load_real(cpu, n, n == SEG_CS ? AT_CODE >> 4 : n == SEG_SS ? 0 : AT_DATA >> 4);
    }
    cpu->gpr[RSP] = AT_STACK3;
    cpu->rip = cpu->rip_start = 0;
    cpu_update_mode(cpu);
}

void bare_v86(BareCpu *t, unsigned iopl)
{
    reset_to(t, CR0_PE, FLAG_FIXED | FLAG_VM | iopl << FLAG_IOPL_SHIFT);
    t->cpu->cpl = 3;
    segments_8086(t);
}

void bare_real(BareCpu *t)
{
    reset_to(t, 0, FLAG_FIXED);
    t->cpu->cpl = 0;
    t->cpu->idtr = (DescriptorTable){.base = 0, .limit = 0x3ff};
    segments_8086(t);
}

/* --- the stack and code ---------------------------------------------------------------------- */

uint64_t bare_stack(BareCpu *t, unsigned n, unsigned size)
{
    Cpu *cpu = t->cpu;
    uint64_t base = cpu_is_long(cpu) ? 0 : cpu->seg[SEG_SS].base;
    return bare_read(t, base + stack_pointer(cpu) + n * size, size);
}

void bare_push(BareCpu *t, uint64_t v, unsigned size)
{
    Cpu *cpu = t->cpu;
    stack_set_pointer(cpu, stack_pointer(cpu) - size);
    uint64_t base = cpu_is_long(cpu) ? 0 : cpu->seg[SEG_SS].base;
    bare_write(t, base + stack_pointer(cpu), v, size);
}

static void place_code(BareCpu *t, const void *bytes, size_t size)
{
    Cpu *cpu = t->cpu;
    uint64_t base = cpu_is_long(cpu) ? 0 : cpu->seg[SEG_CS].base;
    address_space_write(&t->memory, base + cpu->rip, bytes, size);
}

Raised bare_execute(BareCpu *t, const void *bytes, size_t size)
{
    Cpu *cpu = t->cpu;
    unsigned flags = cpu_is_protected(cpu) ? 0 : DECODE_REAL_OR_V86;
    Insn insn;
    if (decode(bytes, size, cpu->code_size, flags, &insn) != DECODE_OK)
        return (Raised){EXC_UD, 0};
    g_assert_cmpuint(insn.length, ==, size);
    exec_bind(cpu, &insn);
    cpu->rip_start = cpu->rip;
    cpu->rip += insn.length;
    cpu->insn = cpu->block_first = &insn;
    Raised raised = RAISED_BY(t, insn.exec(cpu, &insn));
    cpu->insn = NULL;
    if (raised.vector >= 0)
        cpu->rip = cpu->rip_start;
    return raised;
}

void bare_run(BareCpu *t, unsigned count, const void *bytes, size_t size)
{
    place_code(t, bytes, size);
    cpu_run(t->cpu, count);
}
