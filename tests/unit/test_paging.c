/* Page walks and the TLB on a bare CPU. [SDM3] "Paging": every case names the rule it shows. */
#include "tests/support/testcpu.h"

enum {
    P = 1,
    W = 2,
    U = 4,
    A = 0x20,
    D = 0x40,
    PS = 0x80,
    G = 0x100,
    ROOT = 0x1000, /* tables: one a page from here, root first */
    DATA = 0x100000,
};
#define XD ((uint64_t)1 << 63)

typedef enum Format { F32, FPSE, FPAE, F4, F5, FORMATS } Format;

typedef struct Access {
    LinAddr la;
    MemAccess kind;
    unsigned size;
} Access;

static void do_access(Cpu *cpu, void *opaque)
{
    Access *a = opaque;
    if (a->kind == ACCESS_READ)
        mem_load(cpu, a->la, a->size);
    else if (a->kind == ACCESS_WRITE)
        mem_store(cpu, a->la, 0x5a, a->size);
    else
        mem_probe(cpu, a->la, a->size, ACCESS_FETCH);
}

static Raised try_access(TestCpu *t, LinAddr la, MemAccess kind, unsigned size)
{
    Access a = {la, kind, size};
    return test_cpu_try(t, do_access, &a);
}

/* Maps linear 0x400000 to DATA with `flags` in every entry but the leaf's, which has `leaf`. */
static TestCpu *mapped(Format format, uint64_t flags, uint64_t leaf, unsigned cpl)
{
    TestCpu *t = test_cpu_new("max", 16 * MIB);
    Cpu *cpu = t->cpu;
    cpu->efer |= EFER_NXE;
    cpu->cr0 |= CR0_PG | CR0_WP;
    cpu->cr3 = ROOT;
    switch (format) {
    case F32:
        test_poke(t, ROOT + 1 * 4, 0x2000 | flags, 4);
        test_poke(t, 0x2000, DATA | leaf, 4);
        break;
    case FPSE:
        cpu->cr4 |= CR4_PSE;
        test_poke(t, ROOT + 1 * 4, 0x400000 | leaf | PS, 4);
        break;
    case FPAE:
        cpu->cr4 |= CR4_PAE;
        test_poke(t, ROOT, 0x2000 | P, 8);
        test_poke(t, 0x2000 + 2 * 8, 0x3000 | flags, 8);
        test_poke(t, 0x3000, DATA | leaf, 8);
        break;
    case F5:
        cpu->cr4 |= CR4_LA57;
        cpu->cr3 = 0x5000;
        test_poke(t, 0x5000, ROOT | flags, 8); /* FALLTHROUGH */
    default:
        cpu->cr4 |= CR4_PAE;
        test_poke(t, ROOT, 0x2000 | flags, 8);
        test_poke(t, 0x2000, 0x3000 | flags, 8);
        test_poke(t, 0x3000 + 2 * 8, 0x4000 | flags, 8);
        test_poke(t, 0x4000, DATA | leaf, 8);
        break;
    }
    test_cpu_flat(t, format >= F4 ? CPU_LONG : CPU_PROTECTED, cpl);
    if (format == FPAE)
        g_assert_true(mmu_load_pdptes(cpu, ROOT));
    tlb_flush_all(cpu);
    return t;
}

static uint64_t leaf_entry(TestCpu *t, Format format)
{
    static const PhysAddr at[] = {0x2000, ROOT + 4, 0x3000, 0x4000, 0x4000};
    return test_peek(t, at[format], format <= FPSE ? 4 : 8);
}

/* --- rights ------------------------------------------------------------------------------------- */

enum { NO_WP = 1, SMEP = 2, SMAP = 4, AC = 8 };
enum { OK = -1 };

typedef struct RightsCase {
    const char *name;
    uint64_t upper, leaf;
    unsigned cpl;
    unsigned options;
    MemAccess kind;
    int error; /* page-fault error code, or OK */
} RightsCase;

static const RightsCase rights[] = {
    /* clang-format off */
    { "supervisor read",                 P | W | U, P | W | U, 0, 0,         ACCESS_READ,  OK },
    { "supervisor write",                P | W | U, P | W | U, 0, 0,         ACCESS_WRITE, OK },
    { "leaf not present, read",          P | W | U, 0,         0, 0,         ACCESS_READ,  0 },
    { "leaf not present, user write",    P | W | U, 0,         3, 0,         ACCESS_WRITE, PF_WRITE | PF_USER },
    { "leaf not present, fetch",         P | W | U, 0,         0, SMEP,      ACCESS_FETCH, PF_FETCH },
    { "user reads user page",            P | W | U, P | U,     3, 0,         ACCESS_READ,  OK },
    { "user reads supervisor page",      P | W | U, P | W,     3, 0,         ACCESS_READ,  PF_PRESENT | PF_USER },
    { "user write, leaf read-only",      P | W | U, P | U,     3, 0,         ACCESS_WRITE, PF_PRESENT | PF_USER | PF_WRITE },
    { "supervisor write, WP = 1",        P | W | U, P | U,     0, 0,         ACCESS_WRITE, PF_PRESENT | PF_WRITE },
    { "supervisor write, WP = 0",        P | W | U, P | U,     0, NO_WP,     ACCESS_WRITE, OK },
    { "user write, WP = 0",              P | W | U, P | U,     3, NO_WP,     ACCESS_WRITE, PF_PRESENT | PF_USER | PF_WRITE },
    { "SMEP: fetch from user page",      P | W | U, P | U,     0, SMEP,      ACCESS_FETCH, PF_PRESENT | PF_FETCH },
    { "SMEP: fetch, supervisor page",    P | W | U, P | W,     0, SMEP,      ACCESS_FETCH, OK },
    { "SMAP: read of user page",         P | W | U, P | U,     0, SMAP,      ACCESS_READ,  PF_PRESENT },
    { "SMAP: AC lets pass",              P | W | U, P | U,     0, SMAP | AC, ACCESS_READ,  OK },
    { "SMAP: write, AC, read-only",      P | W | U, P | U,     0, SMAP | AC, ACCESS_WRITE, PF_PRESENT | PF_WRITE },
    { "SMAP: supervisor page",           P | W | U, P | W,     0, SMAP,      ACCESS_WRITE, OK },
    /* clang-format on */
};

static void apply_options(TestCpu *t, unsigned options)
{
    Cpu *cpu = t->cpu;
    if (options & NO_WP)
        cpu->cr0 &= ~(uint64_t)CR0_WP;
    if (options & SMEP)
        cpu->cr4 |= CR4_SMEP;
    if (options & SMAP)
        cpu->cr4 |= CR4_SMAP;
    if (options & AC)
        cpu->eflags |= FLAG_AC;
    cpu_update_mode(cpu);
}

static void test_rights(void)
{
    for (Format f = 0; f < FORMATS; f++)
        for (unsigned i = 0; i < G_N_ELEMENTS(rights); i++) {
            const RightsCase *c = &rights[i];
            TestCpu *t = mapped(f, c->upper, c->leaf, c->cpl);
            apply_options(t, c->options);
            Raised r = try_access(t, 0x400000, c->kind, 4);
            g_test_message("format %d: %s", f, c->name);
            if (c->error == OK) {
                g_assert_cmpint(r.vector, ==, -1);
            } else {
                /* PAE and 4-level with NXE report fetches always. */
                g_assert_cmpint(r.vector, ==, EXC_PF);
                g_assert_cmphex(r.error, ==, c->error);
                g_assert_cmphex(r.cr2, ==, 0x400000);
            }
            test_cpu_free(t);
        }
}

/* Rights are the AND of all levels. */
static void test_upper_level_rights(void)
{
    TestCpu *t = mapped(F4, P | W, P | W | U, 3); /* no U above */
    Raised r = try_access(t, 0x400000, ACCESS_READ, 1);
    g_assert_cmphex(r.error, ==, PF_PRESENT | PF_USER);
    test_cpu_free(t);

    t = mapped(F4, P | U, P | W | U, 3); /* no W above */
    r = try_access(t, 0x400000, ACCESS_WRITE, 1);
    g_assert_cmphex(r.error, ==, PF_PRESENT | PF_USER | PF_WRITE);
    test_cpu_free(t);
}

static void test_execute_disable(void)
{
    TestCpu *t = mapped(F4, P | W | U, P | W | U | XD, 0);
    Raised r = try_access(t, 0x400000, ACCESS_FETCH, 1);
    g_assert_cmpint(r.vector, ==, EXC_PF);
    g_assert_cmphex(r.error, ==, PF_PRESENT | PF_FETCH);
    g_assert_cmpint(try_access(t, 0x400000, ACCESS_READ, 1).vector, ==, -1);
    test_cpu_free(t);

    /* Without NXE the bit is reserved. */
    t = mapped(F4, P | W | U, P | W | U | XD, 0);
    t->cpu->efer &= ~(uint64_t)EFER_NXE;
    r = try_access(t, 0x400000, ACCESS_READ, 1);
    g_assert_cmphex(r.error, ==, PF_PRESENT | PF_RESERVED);
    test_cpu_free(t);
}

static void test_reserved_bits(void)
{
    TestCpu *t = mapped(F4, P | W | U, P | W | U | (uint64_t)1 << 51, 0);
    g_assert_cmphex(try_access(t, 0x400000, ACCESS_WRITE, 1).error, ==,
                    PF_PRESENT | PF_RESERVED | PF_WRITE);
    test_cpu_free(t);

    t = mapped(FPSE, P | W | U, P | W | U | 1 << 21, 0); /* bit 21 of a 4 MiB page */
    g_assert_cmphex(try_access(t, 0x400000, ACCESS_READ, 1).error, ==, PF_PRESENT | PF_RESERVED);
    test_cpu_free(t);

    t = mapped(F4, P | W | U, P | W | U, 0); /* a 2 MiB page with bit 13 set */
    test_poke(t, 0x3000 + 2 * 8, 0x400000 | P | W | PS | 1 << 13, 8);
    g_assert_cmphex(try_access(t, 0x400000, ACCESS_READ, 1).error, ==, PF_PRESENT | PF_RESERVED);
    test_cpu_free(t);

    /* PAE: a reserved bit in a PDPTE refuses the CR3 load. */
    t = mapped(FPAE, P | W | U, P | W | U, 0);
    test_poke(t, ROOT, 0x2000 | P | W, 8);
    g_assert_false(mmu_load_pdptes(t->cpu, ROOT));
    test_cpu_free(t);
}

/* --- A and D --------------------------------------------------------------------------------------- */

static void test_accessed_and_dirty(void)
{
    for (Format f = 0; f < FORMATS; f++) {
        TestCpu *t = mapped(f, P | W | U, P | W | U, 3);
        g_assert_cmphex(leaf_entry(t, f) & (A | D), ==, 0);
        try_access(t, 0x400000, ACCESS_READ, 1);
        g_assert_cmphex(leaf_entry(t, f) & (A | D), ==, A);
        try_access(t, 0x400000, ACCESS_WRITE, 1); /* the read's TLB entry must not hide it */
        g_assert_cmphex(leaf_entry(t, f) & (A | D), ==, A | D);
        test_cpu_free(t);
    }
    /* A refused access sets neither. */
    TestCpu *t = mapped(F4, P | W | U, P | U, 3);
    try_access(t, 0x400000, ACCESS_WRITE, 1);
    g_assert_cmphex(leaf_entry(t, F4) & (A | D), ==, 0);
    test_cpu_free(t);
}

/* --- sizes --------------------------------------------------------------------------------------------- */

static void test_large_pages(void)
{
    TestCpu *t = mapped(F4, P | W | U, P | W | U, 0);
    test_poke(t, 0x3000 + 2 * 8, 0x600000 | P | W | PS, 8); /* 2 MiB at 0x400000 */
    test_poke(t, 0x2000 + 8, 0 | P | W | PS, 8);            /* 1 GiB at 0x40000000 */
    test_poke(t, 0x612345, 0x77, 1);
    tlb_flush_all(t->cpu);
    PhysAddr pa;
    g_assert_true(mem_translate_debug(t->cpu, 0x412345, &pa));
    g_assert_cmphex(pa, ==, 0x612345);
    g_assert_cmphex(mem_load(t->cpu, 0x412345, 1), ==, 0x77);
    g_assert_cmphex(mem_load(t->cpu, 0x40612345, 1), ==, 0x77);
    test_cpu_free(t);

    t = mapped(FPSE, 0, P | W | U, 0);
    test_poke(t, 0x412345, 0x66, 1);
    g_assert_cmphex(mem_load(t->cpu, 0x412345, 1), ==, 0x66);
    /* PSE-36: entry bits 20:13 are address bits 39:32. */
    test_poke(t, ROOT + 4, 0x400000 | P | W | PS | 3 << 13, 4);
    g_assert_true(mem_translate_debug(t->cpu, 0x412345, &pa));
    g_assert_cmphex(pa, ==, 0x300412345);
    test_cpu_free(t);
}

/* --- page crossings -------------------------------------------------------------------------------------- */

static void test_crossing(void)
{
    TestCpu *t = mapped(F4, P | W | U, P | W | U, 0);
    test_poke(t, 0x4008, (DATA + 0x5000) | P | W, 8); /* 0x401000 is elsewhere */
    test_poke(t, DATA + 0xffe, 0x2211, 2);
    test_poke(t, DATA + 0x5000, 0x4433, 2);
    tlb_flush_all(t->cpu);
    g_assert_cmphex(mem_load(t->cpu, 0x400ffe, 4), ==, 0x44332211);
    mem_store(t->cpu, 0x400ffd, 0x8877665544332211, 8);
    g_assert_cmphex(test_peek(t, DATA + 0xffd, 1), ==, 0x11);
    g_assert_cmphex(test_peek(t, DATA + 0x5000, 4), ==, 0x77665544);
    test_cpu_free(t);

    /* A store that faults on its second page writes nothing and reports that page's address. */
    t = mapped(F4, P | W | U, P | W | U, 0);
    Raised r = try_access(t, 0x400ffe, ACCESS_WRITE, 4);
    g_assert_cmphex(r.cr2, ==, 0x401000);
    g_assert_cmphex(r.error, ==, PF_WRITE);
    g_assert_cmphex(test_peek(t, DATA + 0xffe, 2), ==, 0);
    test_cpu_free(t);
}

static void test_canonical(void)
{
    TestCpu *t = mapped(F4, P | W | U, P | W | U, 0);
    g_assert_cmpint(try_access(t, 0x0000800000000000, ACCESS_READ, 1).vector, ==, EXC_GP);
    g_assert_cmpint(try_access(t, 0x00007fffffffffff, ACCESS_READ, 2).vector, ==, EXC_GP);
    g_assert_cmpint(try_access(t, 0xffff800000000000, ACCESS_READ, 1).vector, ==, EXC_PF);
    g_assert_cmpint(try_access(t, 0xfffffffffffff000, ACCESS_READ, 1).vector, ==, EXC_PF);
    test_cpu_free(t);
}

/* Five levels: bits 56 to 48 choose in the root, and addresses have 57 bits. */
static void test_five_levels(void)
{
    enum { HIGH_TABLE = 0x6000 };
    TestCpu *t = mapped(F5, P | W | U, P | W | U, 0);
    test_poke(t, 0x5000 + 0xab * 8, ROOT | P | W, 8);
    test_poke(t, 0x5000 + 0x1ff * 8, HIGH_TABLE | P | W | PS, 8); /* PS is reserved here */
    test_poke(t, DATA + 0x123, 0x77, 1);
    g_assert_cmphex(mem_load(t->cpu, 0x00ab000000400123, 1), ==, 0x77);
    g_assert_cmpint(try_access(t, 0x0000800000000000, ACCESS_READ, 1).vector, ==, EXC_PF);
    g_assert_cmpint(try_access(t, 0x0100000000000000, ACCESS_READ, 1).vector, ==, EXC_GP);
    g_assert_cmpint(try_access(t, 0x00ffffffffffffff, ACCESS_READ, 2).vector, ==, EXC_GP);
    g_assert_cmphex(try_access(t, 0xff00000000000000, ACCESS_READ, 1).error, ==, 0);
    g_assert_cmphex(try_access(t, 0xffff800000000000, ACCESS_READ, 1).error, ==,
                    PF_PRESENT | PF_RESERVED);
    test_cpu_free(t);
}

static void do_write_lstar(Cpu *cpu, void *value)
{
    msr_write(cpu, MSR_LSTAR, *(uint64_t *)value);
}

/* What registers may hold depends on the processor, not on CR4.LA57. */
static void test_canonical_registers(void)
{
    uint64_t wide = 0x00ff800000000000;
    TestCpu *t = mapped(F4, P | W | U, P | W | U, 0);
    g_assert_cmpint(test_cpu_try(t, do_write_lstar, &wide).vector, ==, -1);
    wide = 0x0100000000000000;
    g_assert_cmpint(test_cpu_try(t, do_write_lstar, &wide).vector, ==, EXC_GP);
    wide = 0x00ff800000000000;
    feature_set_off(&t->cpu->features, FEATURE_LA57);
    g_assert_cmpint(test_cpu_try(t, do_write_lstar, &wide).vector, ==, EXC_GP);
    test_cpu_free(t);
}

/* --- the TLB ------------------------------------------------------------------------------------------------ */

static void test_flushes(void)
{
    TestCpu *t = mapped(F4, P | W | U, P | W | U | G, 0);
    Cpu *cpu = t->cpu;
    cpu->cr4 |= CR4_PGE;
    test_poke(t, 0x4008, (DATA + 0x1000) | P | W, 8);
    test_poke(t, DATA, 0xaa, 1);
    test_poke(t, DATA + 0x1000, 0xbb, 1);
    test_poke(t, DATA + 0x2000, 0xcc, 1);
    tlb_flush_all(cpu);
    g_assert_cmphex(mem_load(cpu, 0x400000, 1), ==, 0xaa);
    g_assert_cmphex(mem_load(cpu, 0x401000, 1), ==, 0xbb);
    test_poke(t, 0x4000, (DATA + 0x2000) | P | W | G, 8);
    test_poke(t, 0x4008, (DATA + 0x2000) | P | W, 8);
    /* A CR3 load keeps the global page. */
    tlb_flush_non_global(cpu);
    g_assert_cmphex(mem_load(cpu, 0x400000, 1), ==, 0xaa);
    g_assert_cmphex(mem_load(cpu, 0x401000, 1), ==, 0xcc);
    /* INVLPG drops it. */
    tlb_flush_page(cpu, 0x400123);
    g_assert_cmphex(mem_load(cpu, 0x400000, 1), ==, 0xcc);
    test_cpu_free(t);
}

/* Every 4 KiB piece of a large page goes with INVLPG of any of its addresses. */
static void test_invlpg_large(void)
{
    TestCpu *t = mapped(F4, P | W | U, P | W | U, 0);
    test_poke(t, 0x3000 + 2 * 8, 0x600000 | P | W | PS, 8);
    test_poke(t, 0x601000, 0x11, 1);
    test_poke(t, 0x801000, 0x22, 1);
    tlb_flush_all(t->cpu);
    g_assert_cmphex(mem_load(t->cpu, 0x401000, 1), ==, 0x11);
    test_poke(t, 0x3000 + 2 * 8, 0x800000 | P | W | PS, 8);
    tlb_flush_page(t->cpu, 0x5ff000);
    g_assert_cmphex(mem_load(t->cpu, 0x401000, 1), ==, 0x22);
    test_cpu_free(t);
}

static void test_a20(void)
{
    TestCpu *t = test_cpu_new("max", 4 * MIB);
    test_cpu_flat(t, CPU_PROTECTED, 0);
    test_poke(t, 0x500, 0x33, 1);
    cpu_set_line(t->cpu, CPU_LINE_A20, 0);
    tlb_flush_all(t->cpu);
    g_assert_cmphex(mem_load(t->cpu, 0x100500, 1), ==, 0x33);
    cpu_set_line(t->cpu, CPU_LINE_A20, 1);
    tlb_flush_all(t->cpu);
    g_assert_cmphex(mem_load(t->cpu, 0x100500, 1), ==, 0);
    test_cpu_free(t);
}

/* [SDM3] "Alignment Check Exception": CPL 3 with CR0.AM and EFLAGS.AC. */
static void test_alignment(void)
{
    TestCpu *t = mapped(F4, P | W | U, P | W | U, 3);
    t->cpu->cr0 |= CR0_AM;
    t->cpu->eflags |= FLAG_AC;
    cpu_update_mode(t->cpu);
    g_assert_cmpint(try_access(t, 0x400001, ACCESS_READ, 4).vector, ==, EXC_AC);
    g_assert_cmpint(try_access(t, 0x400002, ACCESS_WRITE, 2).vector, ==, -1);
    g_assert_cmpint(try_access(t, 0x400003, ACCESS_READ, 1).vector, ==, -1);
    test_cpu_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/paging/rights", test_rights);
    g_test_add_func("/paging/upper-level-rights", test_upper_level_rights);
    g_test_add_func("/paging/execute-disable", test_execute_disable);
    g_test_add_func("/paging/reserved-bits", test_reserved_bits);
    g_test_add_func("/paging/accessed-and-dirty", test_accessed_and_dirty);
    g_test_add_func("/paging/large-pages", test_large_pages);
    g_test_add_func("/paging/crossing", test_crossing);
    g_test_add_func("/paging/canonical", test_canonical);
    g_test_add_func("/paging/five-levels", test_five_levels);
    g_test_add_func("/paging/canonical-registers", test_canonical_registers);
    g_test_add_func("/paging/flushes", test_flushes);
    g_test_add_func("/paging/invlpg-large", test_invlpg_large);
    g_test_add_func("/paging/a20", test_a20);
    g_test_add_func("/paging/alignment", test_alignment);
    return g_test_run();
}
