/* test_protection_keys.c - protection keys in page walks, and RDPKRU and WRPKRU.
 * [SDM3] "Protection Keys", [SDM2] RDPKRU, WRPKRU. */
#include "tests/support/bare_cpu.h"

enum {
    PAGE_TABLE = 0x103000, /* beside the tables of bare_long */
    MAPPED = 0x400000,
    KEYED = 0x30000, /* the page behind it */
    PRESENT_WRITE_USER = 7,
    PRESENT_WRITE = 3,
    PRESENT_USER = 5,
    KEY = 5,
    ACCESS_DISABLE = 1 << 2 * KEY,
    WRITE_DISABLE = 2 << 2 * KEY,
};

/* Linear MAPPED is KEYED, with a key. */
static BareCpu *keyed(uint64_t rights, unsigned cpl)
{
    BareCpu *t = bare_cpu();
    bare_long(t, cpl);
    bare_write(t, AT_PAGES + 2 * PAGE_SIZE + 2 * 8, PAGE_TABLE | PRESENT_WRITE_USER, 8);
    bare_write(t, PAGE_TABLE, KEYED | rights | (uint64_t)KEY << 59, 8);
    t->cpu->cr0 |= CR0_WP;
    t->cpu->cr4 |= CR4_PKE;
    return t;
}

typedef enum Way { READ, WRITE, FETCH } Way;

static NOINLINE Raised touch(BareCpu *t, Way way)
{
    static const MemAccess accesses[] = {ACCESS_READ, ACCESS_WRITE, ACCESS_FETCH};
    return RAISED_BY(t, mem_probe(t->cpu, MAPPED, 1, accesses[way]));
}

typedef struct KeyCase {
    const char *name;
    uint64_t rights;
    unsigned cpl;
    uint32_t pkru;
    bool no_wp;
    Way way;
    int error; /* -1: no fault */
} KeyCase;

/* clang-format off */
static const KeyCase cases[] = {
    { "another key",                 PRESENT_WRITE_USER, 3, ~(3u << 2 * KEY), false, WRITE, -1 },
    { "AD, user read",               PRESENT_WRITE_USER, 3, ACCESS_DISABLE, false, READ,
      PF_PRESENT | PF_USER | PF_PKEY },
    { "AD, user write",              PRESENT_WRITE_USER, 3, ACCESS_DISABLE, false, WRITE,
      PF_PRESENT | PF_USER | PF_WRITE | PF_PKEY },
    { "AD, supervisor read",         PRESENT_WRITE_USER, 0, ACCESS_DISABLE, false, READ,
      PF_PRESENT | PF_PKEY },
    { "AD, fetch",                   PRESENT_WRITE_USER, 3, ACCESS_DISABLE, false, FETCH, -1 },
    { "AD, supervisor page",         PRESENT_WRITE,      0, ACCESS_DISABLE, false, WRITE, -1 },
    { "WD, user read",               PRESENT_WRITE_USER, 3, WRITE_DISABLE,  false, READ,  -1 },
    { "WD, user write",              PRESENT_WRITE_USER, 3, WRITE_DISABLE,  false, WRITE,
      PF_PRESENT | PF_USER | PF_WRITE | PF_PKEY },
    { "WD, user write, WP = 0",      PRESENT_WRITE_USER, 3, WRITE_DISABLE,  true,  WRITE,
      PF_PRESENT | PF_USER | PF_WRITE | PF_PKEY },
    { "WD, supervisor write",        PRESENT_WRITE_USER, 0, WRITE_DISABLE,  false, WRITE,
      PF_PRESENT | PF_WRITE | PF_PKEY },
    { "WD, supervisor write, WP = 0", PRESENT_WRITE_USER, 0, WRITE_DISABLE, true,  WRITE, -1 },
    { "read-only page, no key",      PRESENT_USER,       3, 0,              false, WRITE,
      PF_PRESENT | PF_USER | PF_WRITE },
    { "read-only page, AD too",      PRESENT_USER,       3, ACCESS_DISABLE, false, WRITE,
      PF_PRESENT | PF_USER | PF_WRITE | PF_PKEY },
    { "not present",                 0,                  3, ACCESS_DISABLE, false, READ, PF_USER },
};
/* clang-format on */

static void test_rights(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        const KeyCase *c = &cases[i];
        BareCpu *t = keyed(c->rights, c->cpl);
        t->cpu->pkru = c->pkru;
        if (c->no_wp)
            t->cpu->cr0 &= ~(uint64_t)CR0_WP;
        g_test_message("%s", c->name);
        Raised r = touch(t, c->way);
        g_assert_cmpint(r.vector, ==, c->error == -1 ? -1 : EXC_PF);
        if (c->error != -1)
            g_assert_cmphex(r.error, ==, c->error);
        t->cpu->cr4 &= ~(uint64_t)CR4_PKE;
        tlb_flush_all(t->cpu);
        r = touch(t, c->way);
        g_assert_cmphex(r.vector == -1 ? 0 : r.error & PF_PKEY, ==, 0);
        bare_cpu_free(t);
    }
}

/* WRPKRU is seen by the next access, in spite of the TLB. */
static void test_instructions(void)
{
    BareCpu *t = keyed(PRESENT_WRITE_USER, 3);
    Cpu *cpu = t->cpu;
    cpu->gpr[RBX] = MAPPED;
    cpu->gpr[RCX] = cpu->gpr[RDX] = 0;
    assert_quiet(EXECUTE(t, 0x88, 0x03)); /* mov [rbx], al */
    cpu->gpr[RAX] = WRITE_DISABLE;
    assert_quiet(EXECUTE(t, 0x0f, 0x01, 0xef)); /* wrpkru */
    assert_raised(EXECUTE(t, 0x88, 0x03), EXC_PF, PF_PRESENT | PF_USER | PF_WRITE | PF_PKEY);
    g_assert_cmphex(cpu->cr2, ==, MAPPED);
    assert_quiet(EXECUTE(t, 0x8a, 0x03)); /* mov al, [rbx] */
    cpu->gpr[RAX] = cpu->gpr[RDX] = UINT64_MAX;
    assert_quiet(EXECUTE(t, 0x0f, 0x01, 0xee)); /* rdpkru */
    g_assert_cmphex(cpu->gpr[RAX], ==, WRITE_DISABLE);
    g_assert_cmphex(cpu->gpr[RDX], ==, 0);
    cpu->gpr[RDX] = 1;
    assert_raised(EXECUTE(t, 0x0f, 0x01, 0xef), EXC_GP, 0);
    cpu->gpr[RDX] = 0;
    cpu->gpr[RCX] = 1;
    assert_raised(EXECUTE(t, 0x0f, 0x01, 0xef), EXC_GP, 0);
    assert_raised(EXECUTE(t, 0x0f, 0x01, 0xee), EXC_GP, 0);
    cpu->cr4 &= ~(uint64_t)CR4_PKE;
    assert_raised(EXECUTE(t, 0x0f, 0x01, 0xee), EXC_UD, 0);
    assert_raised(EXECUTE(t, 0x0f, 0x01, 0xef), EXC_UD, 0);
    bare_cpu_free(t);
}

static void test_cpuid(void)
{
    enum { ECX = 2, PKU = 1 << 3, OSPKE = 1 << 4 };
    BareCpu *t = keyed(PRESENT_WRITE_USER, 0);
    uint32_t r[4];
    cpuid(t->cpu, 7, 0, r);
    g_assert_cmphex(r[ECX] & (PKU | OSPKE), ==, PKU | OSPKE);
    t->cpu->cr4 &= ~(uint64_t)CR4_PKE;
    cpuid(t->cpu, 7, 0, r);
    g_assert_cmphex(r[ECX] & (PKU | OSPKE), ==, PKU);
    bare_cpu_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/protection-keys/rights", test_rights);
    g_test_add_func("/protection-keys/instructions", test_instructions);
    g_test_add_func("/protection-keys/cpuid", test_cpuid);
    return g_test_run();
}
