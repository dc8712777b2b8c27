/* world.c - the guest memory and the CPU states that hostile programs start from.
 *
 * Descriptors and gates are mostly well formed, because the interesting faults lie behind the first
 * checks. */
#include "tests/fuzz/world.h"

#include "cpu/descriptor.h"
#include "cpu/exec.h"
#include "cpu/x87.h"
#include "tests/fuzz/board.h"
#include "tests/fuzz/code.h"
#include "tests/support/bare_cpu.h"

enum {
    CHUNK = 0x40,
    PAGES_32 = WORLD_PAGES,
    PAGES_PAE = WORLD_PAGES + 0x2000,
    PAGES_LONG = WORLD_PAGES + 0x6000,
    PAGES_END = WORLD_PAGES + 0x10000
};

/* The sound part of the GDT; random descriptors follow. */
enum {
    CODE32 = 0x08,
    DATA32 = 0x10,
    CODE32_3 = 0x18,
    DATA32_3 = 0x20,
    CODE16 = 0x28,
    DATA16 = 0x30,
    CODE64 = 0x38,
    CODE64_3 = 0x40,
    TASK = 0x48,
    TABLE = 0x58,
    TASK2 = 0x68,
    FIRST_RANDOM = 0x70,
};

uint32_t world_entry(Input *in)
{
    return WORLD_CODE + input_below(in, WORLD_CODE_SIZE / CHUNK) * CHUNK;
}

static void poke(AddressSpace *m, PhysAddr at, uint64_t v, unsigned size)
{
    address_space_store(m, at, v, size);
}

/* --- tables ----------------------------------------------------------------------------------- */

static uint64_t any_descriptor(Input *in)
{
    unsigned access = (input_bits(in, 2) & 0xf07f) | (input_one_in(in, 8) ? 0 : AR_P);
    if (input_one_in(in, 16))
        return input_bits(in, 8);
    if (input_one_in(in, 2))
        return descriptor_make(input_code_address(in),
                               input_one_in(in, 2) ? 0xfffff : input_bits(in, 3), access | AR_S);
    if (input_one_in(in, 3))
        return descriptor_make(input_one_in(in, 2) ? WORLD_TSS2 : input_code_address(in), 0x67,
                               access);
    return gate_make(input_below(in, WORLD_SELECTORS), world_entry(in), access & 0xff,
                     input_below(in, 32));
}

static void write_gdt(Input *in, AddressSpace *m)
{
    static const struct {
        uint16_t selector;
        uint32_t base, limit;
        unsigned access;
    } rows[] = {
        {CODE32, 0, 0xfffff, ACC_CODE | ACC_32},
        {DATA32, 0, 0xfffff, ACC_DATA | ACC_32},
        {CODE32_3, 0, 0xfffff, ACC_CODE | ACC_32 | DPL(3)},
        {DATA32_3, 0, 0xfffff, ACC_DATA | ACC_32 | DPL(3)},
        {CODE16, WORLD_CODE, 0xffff, ACC_CODE},
        {DATA16, 0, 0xffff, ACC_DATA},
        {CODE64, 0, 0xfffff, ACC_CODE | ACC_64},
        {CODE64_3, 0, 0xfffff, ACC_CODE | ACC_64 | DPL(3)},
        {TASK, WORLD_TSS, 0x2fff, AR_P | DESC_TSS_BUSY},
        {TABLE, WORLD_GDT, WORLD_SELECTORS - 1, AR_P | DESC_LDT},
        {TASK2, WORLD_TSS2, 0x67, AR_P | DESC_TSS_AVAILABLE},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++)
        poke(m, WORLD_GDT + rows[i].selector,
             descriptor_make(rows[i].base, rows[i].limit, rows[i].access), 8);
    for (unsigned at = FIRST_RANDOM; at < WORLD_SELECTORS; at += 8)
        poke(m, WORLD_GDT + at, any_descriptor(in), 8);
}

static uint64_t any_gate(Input *in)
{
    static const uint16_t selectors[] = {CODE32, CODE64, CODE16, CODE32, TASK2};
    static const uint8_t types[] = {DESC_INT_GATE, DESC_TRAP_GATE, DESC_INT_GATE16,
                                    DESC_TRAP_GATE16, DESC_TASK_GATE};
    if (input_one_in(in, 32))
        return any_descriptor(in);
    unsigned sound = input_below(in, 4);
    uint8_t type = sound ? DESC_INT_GATE : INPUT_CHOOSE(in, types);
    uint16_t selector = INPUT_CHOOSE(in, selectors);
    unsigned dpl = input_one_in(in, 2) ? DPL(3) : 0;
    return gate_make(selector, world_entry(in), AR_P | type | dpl, 0);
}

/* Eight-byte gates or, every second one empty, sixteen-byte ones: the mode decides which it sees.
 */
static void write_idt(Input *in, AddressSpace *m)
{
    bool wide = input_one_in(in, 2);
    for (unsigned vector = 0; vector < 256; vector++) {
        poke(m, WORLD_IDT + vector * (wide ? 16 : 8), any_gate(in), 8);
        if (wide)
            poke(m, WORLD_IDT + vector * 16 + 8, 0, 8);
        poke(m, vector * 4, (WORLD_CODE >> 4) << 16 | (world_entry(in) - WORLD_CODE), 4);
    }
}

static void write_task_states(Input *in, AddressSpace *m)
{
    for (unsigned i = 0; i < 0x68; i += 4) {
        poke(m, WORLD_TSS + i, WORLD_STACKS - (input_byte(in) & ~7u), 4);
        poke(m, WORLD_TSS2 + i,
             input_one_in(in, 2) ? input_below(in, WORLD_SELECTORS) : world_entry(in), 4);
    }
    poke(m, WORLD_TSS + 8, DATA32, 4); /* ESP0 stands below, SS0 here; in long mode RSP0's half */
    poke(m, WORLD_TSS + 0x66, input_below(in, 0x100), 2);
    poke(m, WORLD_TSS2 + 0x1c, input_one_in(in, 2) ? PAGES_32 : PAGES_PAE, 4);
    poke(m, WORLD_TSS2 + 0x20, world_entry(in), 4);
}

enum { PTE_P = 1, PTE_W = 2, PTE_U = 4, PTE_LARGE = 0x80 };

/* Mostly present, writable and the user's. */
static uint64_t any_rights(Input *in)
{
    return input_one_in(in, 8) ? input_bits(in, 1) | PTE_P : PTE_P | PTE_W | PTE_U;
}

/* The first 2 MiB by pages, the rest of the first and the last GiB by large pages. */
static void write_pages(Input *in, AddressSpace *m)
{
    PhysAddr table32 = PAGES_32 + 0x1000, table = PAGES_LONG + 0x4000;
    for (unsigned i = 0; i < 512; i++) {
        uint64_t entry = i * PAGE_SIZE | any_rights(in);
        if (input_one_in(in, 64))
            entry = input_number(in);
        poke(m, table32 + 4 * i, entry, 4);
        poke(m, table32 + 4 * (i + 512), (i + 512) * PAGE_SIZE | any_rights(in), 4);
        poke(m, table + 8 * i, entry, 8);
    }
    for (unsigned i = 0; i < 1024; i++)
        poke(m, PAGES_32 + 4 * i, i << 22 | PTE_LARGE | PTE_P | PTE_W | PTE_U, 4);
    poke(m, PAGES_32, table32 | PTE_P | PTE_W | PTE_U, 4);
    PhysAddr low = PAGES_LONG + 0x2000, high = PAGES_LONG + 0x3000;
    for (uint64_t i = 0; i < 512; i++) {
        poke(m, low + 8 * i, i << 21 | PTE_LARGE | any_rights(in), 8);
        poke(m, high + 8 * i, 3 * GIB + (i << 21) + (PTE_LARGE | any_rights(in)), 8);
    }
    poke(m, low, table | PTE_P | PTE_W | PTE_U, 8);
    PhysAddr pointers = PAGES_LONG + 0x1000;
    poke(m, PAGES_LONG, pointers | PTE_P | PTE_W | PTE_U, 8);
    poke(m, PAGES_LONG + 8 * 511, pointers | PTE_P | PTE_W | PTE_U, 8);
    for (unsigned i = 0; i < 512; i++)
        poke(m, pointers + 8 * i, (i % 4 == 3 ? high : low) | PTE_P | PTE_W | PTE_U, 8);
    for (unsigned i = 0; i < 4; i++)
        poke(m, PAGES_PAE + 8 * i, (i == 3 ? high : low) | PTE_P, 8);
}

/* Chunks for each code size; control falls from one into the next. */
static void write_code(Input *in, AddressSpace *m)
{
    uint8_t chunk[CHUNK];
    for (unsigned at = 0; at < WORLD_CODE_SIZE; at += CHUNK) {
        code_fill(in, input_below(in, 3), chunk, CHUNK);
        address_space_write(m, WORLD_CODE + at, chunk, CHUNK);
        if (at < 0x200)
            address_space_write(m, 0x38000 + at, chunk, CHUNK);
    }
}

void world_write(Input *in, AddressSpace *m)
{
    write_code(in, m);
    write_gdt(in, m);
    write_idt(in, m);
    write_task_states(in, m);
    write_pages(in, m);
}

/* --- states ----------------------------------------------------------------------------------- */

static Segment segment_from_gdt(AddressSpace *m, uint16_t selector)
{
    Descriptor d = {.low = address_space_load(m, WORLD_GDT + (selector & ~7u), 8)};
    d.low |= descriptor_is_system(&d) ? 0 : (uint64_t)AR_ACCESSED << 40;
    return descriptor_segment(&d, selector);
}

static void any_registers(Input *in, Cpu *cpu)
{
    for (unsigned i = 0; i < GPR_COUNT; i++)
        cpu->gpr[i] = input_one_in(in, 3) ? input_number(in) : input_code_address(in);
    cpu->gpr[RSP] = WORLD_STACKS - (input_below(in, 512) << 3);
    for (unsigned i = 0; i < 8; i++)
        cpu->fpu.reg[i] = (F80){.mant = input_number(in), .se = input_bits(in, 2)};
    cpu->fpu.valid = input_byte(in);
    cpu->fpu.cw = CW_ONE | (input_bits(in, 2) & CW_WRITABLE);
    cpu->fpu.top = input_below(in, 8);
    cpu->mxcsr = input_one_in(in, 2) ? 0x1f80 : input_bits(in, 2) & 0xffbf;
    for (unsigned i = 0; i < G_N_ELEMENTS(cpu->vec); i++)
        for (unsigned n = 0; n < 4; n++)
            cpu->vec[i].u64[n] = input_number(in);
    cpu->lstar = cpu->cstar = world_entry(in);
    cpu->star = (uint64_t)CODE32 << 32 | (uint64_t)CODE16 << 48;
    cpu->sysenter_cs = CODE32;
    cpu->sysenter_eip = world_entry(in);
    cpu->sysenter_esp = WORLD_STACKS;
}

static void load_tables(Cpu *cpu, AddressSpace *m)
{
    cpu->gdtr = (DescriptorTable){.base = WORLD_GDT, .limit = WORLD_SELECTORS - 1};
    cpu->idtr = (DescriptorTable){.base = WORLD_IDT, .limit = 0xfff};
    cpu->tr = segment_from_gdt(m, TASK);
    cpu->ldtr = segment_from_gdt(m, TABLE);
}

static void set_segments(Cpu *cpu, AddressSpace *m, uint16_t code, uint16_t data, unsigned cpl)
{
    for (unsigned i = 0; i < SEG_COUNT; i++)
        cpu->seg[i] = segment_from_gdt(m, data | cpl);
    cpu->seg[SEG_CS] = segment_from_gdt(m, code | cpl);
    cpu->cpl = cpl;
}

static void set_real_segments(Cpu *cpu, bool v86)
{
    for (unsigned i = 0; i < SEG_COUNT; i++) {
        cpu->seg[i] = (Segment){.limit = 0xffff,
                                .access = AR_P | AR_S | AR_WRITABLE | AR_ACCESSED |
                                          (v86 ? AR_DPL : 0)};
        segment_update(&cpu->seg[i]);
    }
    cpu->seg[SEG_CS].selector = WORLD_CODE >> 4;
    cpu->seg[SEG_CS].base = WORLD_CODE;
    cpu->cpl = v86 ? 3 : 0;
}

typedef enum Start { START_REAL, START_V86, START_16, START_32, START_COMPAT, START_LONG } Start;

/* Bits that the model lacks are not set: what follows from them cannot happen. */
static void set_paging(Input *in, Cpu *cpu, Start start)
{
    if (start >= START_COMPAT) {
        cpu->cr4 |= CR4_PAE;
        cpu->efer = EFER_SCE | EFER_LME | EFER_LMA | (input_one_in(in, 2) ? EFER_NXE : 0);
        cpu->cr3 = PAGES_LONG;
        cpu->cr0 |= CR0_PG;
    } else if (start != START_REAL && input_one_in(in, 2)) {
        /* the tables of an earlier life may be anything by now */
        bool pae = cpu_has(cpu, FEATURE_PAE) && input_one_in(in, 2) &&
                   mmu_load_pdptes(cpu, PAGES_PAE);
        cpu->cr4 |= pae ? CR4_PAE : CR4_PSE;
        cpu->cr3 = pae ? PAGES_PAE : PAGES_32;
        cpu->cr0 |= CR0_PG;
    }
}

static void enter(Input *in, Cpu *cpu, AddressSpace *m, Start start, unsigned cpl)
{
    static const uint16_t codes[] = {
        [START_16] = CODE16, [START_32] = CODE32, [START_COMPAT] = CODE32, [START_LONG] = CODE64};
    cpu_reset(cpu, CPU_POWER_ON);
    any_registers(in, cpu);
    load_tables(cpu, m);
    cpu->activity = CPU_RUNNING;
    cpu->cr0 = CR0_ET | (start == START_REAL ? 0 : CR0_PE) | (input_bits(in, 1) & 0x2e) |
               (input_one_in(in, 2) ? CR0_WP | CR0_AM : 0);
    if (!input_one_in(in, 4))
        cpu->cr0 &= ~(uint64_t)(CR0_TS | CR0_EM);
    cpu->cr4 = CR4_OSFXSR | CR4_OSXSAVE | CR4_PGE | (input_byte(in) & 0x4f) |
               (input_one_in(in, 4) ? CR4_SMEP | CR4_SMAP : 0);
    cpu->cr4 &= ~(uint64_t)(CR4_PAE | CR4_PSE);
    cpu->xcr0 = input_one_in(in, 3) ? XCR0_X87 : xcr0_supported(cpu);
    set_paging(in, cpu, start);
    cpu->cr4 &= cr4_supported(cpu);
    cpu->efer &= efer_supported(cpu);
    uint32_t flags = input_bits(in, 4) &
                     (FLAGS_ARITH | FLAG_DF | FLAG_IF | FLAG_AC | FLAG_ID |
                      (input_one_in(in, 8) ? FLAG_TF | FLAG_IOPL | FLAG_NT : 0));
    eflags_set(cpu, FLAG_FIXED | flags | (start == START_V86 ? FLAG_VM : 0));
    if (start <= START_V86)
        set_real_segments(cpu, start == START_V86);
    else
        set_segments(cpu, m,
                     codes[start] +
                         (cpl && start != START_16
                              ? (start == START_LONG ? CODE64_3 - CODE64 : CODE32_3 - CODE32)
                              : 0),
                     cpl                 ? DATA32_3
                     : start == START_16 ? DATA16
                                         : DATA32,
                     cpl);
    cpu->rip = world_entry(in) - (cpu->mode == CPU_LONG ? 0 : cpu->seg[SEG_CS].base);
    tlb_flush_all(cpu);
    debug_registers_changed(cpu);
    cpu_update_mode(cpu);
}

void world_enter(Input *in, Cpu *cpu, AddressSpace *m)
{
    Start last = cpu_has(cpu, FEATURE_LM) ? START_LONG : START_32;
    Start start = input_below(in, last + 1);
    bool user = start == START_V86 ||
                (start != START_REAL && start != START_16 && input_one_in(in, 4));
    enter(in, cpu, m, start, user ? 3 : 0);
    if (input_one_in(in, 8))
        cpu_kick(cpu, PENDING_SMI);
}

void world_enter_user(Input *in, Cpu *cpu, AddressSpace *m)
{
    static const Start starts[] = {START_V86, START_32, START_COMPAT, START_LONG};
    enter(in, cpu, m, INPUT_CHOOSE(in, starts), 3);
}
