/* test_protection_smm.c - entering and leaving system-management mode.
 * [SDM3] "System Management Mode"; [APM2] "SMM State-Save Area". */
#include "cpu/model.h"
#include "tests/support/bare_cpu.h"

enum { SMBASE = 0x30000, REVISION = 0xfefc, SAVED_SMBASE = 0xff00, HALT_RESTART = 0xfec9 };

/* A copy of the state fields, to compare with. */
static void assert_same_state(const Cpu *before, const Cpu *after)
{
    char *difference = state_first_difference(cpu_state_fields, before, after);
    g_assert_cmpstr(difference, ==, NULL);
    g_free(difference);
}

static void fill_registers(Cpu *cpu)
{
    for (unsigned i = 0; i < GPR_COUNT; i++)
        cpu->gpr[i] = 0x0101010101010101 * (i + 1);
    cpu->dr[6] = DR6_FIXED | DR6_BS;
}

/* What a handler starts with. */
static void environment(void)
{
    BareCpu *t = bare_cpu();
    Cpu *cpu = t->cpu;
    bare_long(t, 3);
    eflags_set(cpu, FLAG_IF | FLAG_TF | FLAG_DF);
    smm_enter(cpu);
    g_assert_true(cpu->smm);
    g_assert_cmpint(cpu->mode, ==, CPU_REAL);
    g_assert_cmphex(cpu->rip, ==, 0x8000);
    g_assert_cmphex(eflags_get(cpu), ==, FLAG_FIXED);
    g_assert_cmphex(cpu->seg[SEG_CS].selector, ==, 0x3000);
    g_assert_cmphex(cpu->seg[SEG_CS].base, ==, SMBASE);
    g_assert_cmphex(cpu->seg[SEG_DS].base, ==, 0);
    g_assert_cmphex(cpu->seg[SEG_DS].limit, ==, 0xffffffff);
    g_assert_cmpint(cpu->code_size, ==, CODE_16);
    g_assert_cmphex(cpu->cr0, ==, CR0_ET | CR0_NE);
    g_assert_cmphex(cpu->cr4, ==, 0);
    g_assert_cmphex(cpu->efer, ==, 0);
    g_assert_cmphex(cpu->dr[7], ==, DR7_FIXED);
    g_assert_true(cpu->nmi_blocked);
    g_assert_cmpint(cpu->cpl, ==, 0);
    bare_cpu_free(t);
}

/* Where firmware looks for things in the 64-bit map. */
static void save_map_64(void)
{
    BareCpu *t = bare_cpu();
    Cpu *cpu = t->cpu;
    bare_long(t, 0);
    fill_registers(cpu);
    cpu->rip = 0x123456789a;
    smm_enter(cpu);
    g_assert_cmphex(bare_read(t, SMBASE + REVISION, 4), ==, 0x20064);
    g_assert_cmphex(bare_read(t, SMBASE + SAVED_SMBASE, 4), ==, SMBASE);
    g_assert_cmphex(bare_read(t, SMBASE + 0xfff8, 8), ==, 0x0101010101010101); /* RAX */
    g_assert_cmphex(bare_read(t, SMBASE + 0xff80, 8), ==, 0x1010101010101010); /* R15 */
    g_assert_cmphex(bare_read(t, SMBASE + 0xff78, 8), ==, 0x123456789a);
    g_assert_cmphex(bare_read(t, SMBASE + 0xff58, 8), ==, CR0_PG | CR0_PE | CR0_ET | CR0_NE);
    g_assert_cmphex(bare_read(t, SMBASE + 0xff50, 8), ==, AT_PAGES);
    g_assert_cmphex(bare_read(t, SMBASE + 0xff48, 8), ==, CR4_PAE);
    g_assert_cmphex(bare_read(t, SMBASE + 0xfed0, 8), ==, EFER_SCE | EFER_LME | EFER_LMA);
    g_assert_cmphex(bare_read(t, SMBASE + 0xfe10, 2), ==, SEL_CODE64);
    g_assert_cmphex(bare_read(t, SMBASE + 0xfe68, 8), ==, AT_GDT);
    g_assert_cmphex(bare_read(t, SMBASE + HALT_RESTART, 1), ==, 0);
    bare_cpu_free(t);
}

/* [SDM3] "SMRAM State Save Map", for processors without long mode. */
static void save_map_32(void)
{
    BareCpu *t = bare_cpu();
    Cpu *cpu = t->cpu;
    feature_remove(&cpu->features, FEATURE_LM);
    bare_protected(t, 0);
    for (unsigned i = 0; i < 8; i++)
        cpu->gpr[i] = 0x01010101 * (i + 1);
    Cpu before = *cpu;
    smm_enter(cpu);
    static const struct {
        unsigned at;
        uint32_t value;
    } places[] = {
        {0xfffc, CR0_PE | CR0_ET | CR0_NE},
        {0xfff4, FLAG_FIXED},
        {0xfff0, AT_CODE},
        {0xffec, 0x08080808},
        {0xffe0, 0x05050505},
        {0xffd0, 0x01010101},
        {0xffcc, DR6_FIXED},
        {0xffc8, DR7_FIXED},
        {0xffc4, SEL_TSS},
        {0xffac, SEL_CODE0},
        {0xffa8, SEL_DATA3},
        {0xfefc, 0x20000},
        {0xfef8, SMBASE},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(places); i++)
        g_assert_cmphex(bare_read(t, SMBASE + places[i].at, 4), ==, places[i].value);
    assert_quiet(EXECUTE(t, 0x0f, 0xaa));
    assert_same_state(&before, cpu);
    bare_cpu_free(t);
}

/* Everything comes back, from every mode. */
static void round_trip(void)
{
    for (unsigned mode = 0; mode < 6; mode++) {
        BareCpu *t = bare_cpu();
        Cpu *cpu = t->cpu;
        switch (mode) {
        case 0:
            bare_real(t);
            break;
        case 1:
            bare_protected(t, 0);
            break;
        case 2:
            bare_protected(t, 3);
            break;
        case 3:
            bare_v86(t, 3);
            break;
        case 4:
            bare_long(t, 3);
            break;
        case 5:
            bare_compat(t, 3);
            break;
        }
        fill_registers(cpu);
        Cpu before = *cpu;
        smm_enter(cpu);
        memset(cpu->gpr, 0, sizeof(cpu->gpr));
        assert_quiet(EXECUTE(t, 0x0f, 0xaa));
        assert_same_state(&before, cpu);
        g_assert_cmpint(cpu->mode, ==, before.mode);
        bare_cpu_free(t);
    }
}

static void null_stack_keeps_privilege(void)
{
    BareCpu *t = bare_cpu();
    bare_long(t, 0);
    t->cpu->seg[SEG_SS] = segment_null(0);
    smm_enter(t->cpu);
    assert_quiet(EXECUTE(t, 0x0f, 0xaa));
    g_assert_cmpint(t->cpu->cpl, ==, 0);
    bare_cpu_free(t);
}

/* The next SMI uses the SMBASE that RSM loaded. */
static void relocation(void)
{
    BareCpu *t = bare_cpu();
    smm_enter(t->cpu);
    bare_write(t, SMBASE + SAVED_SMBASE, 0x40000, 4);
    assert_quiet(EXECUTE(t, 0x0f, 0xaa));
    g_assert_cmphex(t->cpu->smbase, ==, 0x40000);
    smm_enter(t->cpu);
    g_assert_cmphex(t->cpu->seg[SEG_CS].base, ==, 0x40000);
    g_assert_cmphex(t->cpu->seg[SEG_CS].selector, ==, 0x4000);
    g_assert_cmphex(bare_read(t, 0x40000 + REVISION, 4), ==, 0x20064);
    bare_cpu_free(t);
}

/* [SDM3] "Auto HALT Restart": the handler may send the CPU on past HLT. */
static void halt(void)
{
    BareCpu *t = bare_cpu();
    t->cpu->activity = CPU_HALTED;
    smm_enter(t->cpu);
    g_assert_cmpint(t->cpu->activity, ==, CPU_RUNNING);
    g_assert_cmphex(bare_read(t, SMBASE + HALT_RESTART, 1), ==, 1);
    assert_quiet(EXECUTE(t, 0x0f, 0xaa));
    g_assert_cmpint(t->cpu->activity, ==, CPU_HALTED);
    smm_enter(t->cpu);
    bare_write(t, SMBASE + HALT_RESTART, 0, 1);
    assert_quiet(EXECUTE(t, 0x0f, 0xaa));
    g_assert_cmpint(t->cpu->activity, ==, CPU_RUNNING);
    bare_cpu_free(t);
}

/* What blocked NMI before blocks it after; IRET in the handler lets it through meanwhile. */
static void nmi(void)
{
    for (unsigned blocked = 0; blocked < 2; blocked++) {
        BareCpu *t = bare_cpu();
        t->cpu->nmi_blocked = blocked;
        smm_enter(t->cpu);
        g_assert_true(t->cpu->nmi_blocked);
        assert_quiet(EXECUTE(t, 0x0f, 0xaa));
        g_assert_cmpint(t->cpu->nmi_blocked, ==, blocked);
        bare_cpu_free(t);
    }
}

/* RSM outside SMM is #UD; an impossible image shuts the CPU down. */
static void refused(void)
{
    BareCpu *t = bare_cpu();
    assert_raised(EXECUTE(t, 0x0f, 0xaa), EXC_UD, 0);
    smm_enter(t->cpu);
    bare_write(t, SMBASE + 0xff58, CR0_PG | CR0_ET, 8); /* paging without protection */
    assert_quiet(EXECUTE(t, 0x0f, 0xaa));
    g_assert_cmpint(t->cpu->activity, ==, CPU_SHUTDOWN);
    g_assert_cmpint(t->shutdowns, ==, 1);
    bare_cpu_free(t);
}

/* In SMM the CPU sees the other address space; its save area lies there too. */
static void own_address_space(void)
{
    BareCpu *t = bare_cpu();
    MemRegion root, ram;
    AddressSpace smram;
    mem_init_container(&root, "smm", UINT64_C(1) << 32);
    g_assert_true(mem_init_ram(&ram, "smram", 0x10000, NULL));
    mem_add(&root, SMBASE, &ram, 0);
    address_space_init(&smram, "smm", &root);
    t->cpu->bus.smm_memory = &smram;
    smm_enter(t->cpu);
    g_assert_cmphex(load_le32(ram.host + REVISION), ==, 0x20064);
    g_assert_cmphex(bare_read(t, SMBASE + REVISION, 4), ==, 0);
    store_le32(ram.host + 0x8000, 0x1234);
    g_assert_cmphex(mem_load(t->cpu, SMBASE + 0x8000, 4), ==, 0x1234);
    assert_quiet(EXECUTE(t, 0x0f, 0xaa));
    g_assert_cmphex(mem_load(t->cpu, SMBASE + 0x8000, 4), ==, 0);
    address_space_fini(&smram);
    mem_fini(&ram);
    mem_fini(&root);
    bare_cpu_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/smm/environment", environment);
    g_test_add_func("/smm/save-map-64", save_map_64);
    g_test_add_func("/smm/save-map-32", save_map_32);
    g_test_add_func("/smm/round-trip", round_trip);
    g_test_add_func("/smm/null-stack-keeps-privilege", null_stack_keeps_privilege);
    g_test_add_func("/smm/relocation", relocation);
    g_test_add_func("/smm/halt", halt);
    g_test_add_func("/smm/nmi", nmi);
    g_test_add_func("/smm/refused", refused);
    g_test_add_func("/smm/own-address-space", own_address_space);
    return g_test_run();
}
