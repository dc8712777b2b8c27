/* test_cpu_loaded.c - a CPU's saved state: what was saved runs on, what no CPU can be in is
 * refused. */
#include "core/error.h"
#include "tests/support/bare_cpu.h"

static bool reload(BareCpu *t, GError **err)
{
    g_autoptr(GByteArray) state = g_byte_array_new();
    state_save(cpu_state_fields, t->cpu, state);
    cpu_reset(t->cpu, CPU_POWER_ON);
    StateReader in = {state->data, state->data + state->len};
    return state_load(cpu_state_fields, 0, "cpu", t->cpu, &in, err) && cpu_loaded(t->cpu, err);
}

/* In each mode: the same registers, and the next instruction is executed in that mode. */
static void goes_on(void)
{
    BareCpu *t = bare_cpu();
    for (unsigned mode = 0; mode < 5; mode++) {
        g_autoptr(GError) err = NULL;
        cpu_reset(t->cpu, CPU_POWER_ON);
        if (mode == 0)
            bare_real(t);
        else if (mode == 1)
            bare_v86(t, 3);
        else if (mode == 2)
            bare_protected(t, 3);
        else if (mode == 3)
            bare_compat(t, 0);
        else
            bare_long(t, 3);
        t->cpu->gpr[RAX] = 0x11112222;
        Cpu before = *t->cpu;
        g_assert_true(reload(t, &err));
        g_assert_no_error(err);
        g_autofree char *difference = state_first_difference(cpu_state_fields, &before, t->cpu);
        g_assert_cmpstr(difference, ==, NULL);
        g_assert_cmpint(t->cpu->mode, ==, before.mode);
        g_assert_cmpint(t->cpu->code_size, ==, before.code_size);
        g_assert_cmphex(t->cpu->mode_key, ==, before.mode_key);
        RUN(t, 1, 0xff, 0xc0); /* inc ax or eax */
        g_assert_cmphex(t->cpu->gpr[RAX], ==, 0x11112223);
    }
    bare_cpu_free(t);
}

/* The shadow of STI and a single step outlive saving. */
static void what_waits(void)
{
    BareCpu *t = bare_cpu();
    bare_protected(t, 0);
    t->cpu->shadow = SHADOW_STI;
    t->cpu->eflags |= FLAG_TF;
    g_assert_true(reload(t, NULL));
    g_assert_cmphex(t->cpu->pending & (PENDING_SHADOW | PENDING_DEBUG), ==,
                    PENDING_SHADOW | PENDING_DEBUG);
    bare_cpu_free(t);
}

static void refused(void)
{
    BareCpu *t = bare_cpu();
    Cpu *cpu = t->cpu;
    bare_long(t, 0);
    const struct {
        const char *field;
        void *at;
        uint64_t v;
        unsigned size;
    } cases[] = {
        {"cr0", &cpu->cr0, CR0_ET | CR0_PG, 8},
        {"cr0", &cpu->cr0, cpu->cr0 | UINT64_C(1) << 40, 8},
        {"efer", &cpu->efer, EFER_LME, 8},
        {"efer", &cpu->efer, cpu->efer | 2, 8},
        {"cr4", &cpu->cr4, 0, 8},
        {"cr4", &cpu->cr4, cpu->cr4 | UINT64_C(1) << 31, 8},
        {"cr3", &cpu->cr3, UINT64_C(1) << 52, 8},
        {"xcr0", &cpu->xcr0, XCR0_X87 | XCR0_AVX, 8},
        {"pdpte", &cpu->pdpte[3], UINT64_MAX, 8},
        {"eflags", &cpu->eflags, 0, 4},
        {"eflags", &cpu->eflags, FLAG_FIXED | FLAG_VM, 4},
        {"cpl", &cpu->cpl, 4, 1},
        {"seg", &cpu->seg[SEG_DS].access, 0x100, 2},
        {"tr", &cpu->tr.access, AR_P | DESC_LDT, 2},
        {"fpu", &cpu->fpu.top, 8, 1},
        {"mxcsr", &cpu->mxcsr, 0x10000, 4},
        {"activity", &cpu->activity, CPU_SHUTDOWN + 1, 1},
        {"shadow", &cpu->shadow, 4, 1},
        {"dr", &cpu->dr[7], UINT64_C(1) << 32, 8},
        {"insn_count", &cpu->insn_count, UINT64_MAX, 8},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) err = NULL;
        uint64_t good = load_le(cases[i].at, cases[i].size);
        store_le(cases[i].at, cases[i].v, cases[i].size);
        g_assert_false(cpu_loaded(cpu, &err));
        g_assert_error(err, MYNA_ERROR, MYNA_ERROR_STATE);
        g_autofree char *quoted = g_strdup_printf("'%s'", cases[i].field);
        g_assert_nonnull(strstr(err->message, quoted));
        store_le(cases[i].at, good, cases[i].size);
        g_assert_true(cpu_loaded(cpu, NULL));
    }
    bare_cpu_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/loaded/goes-on", goes_on);
    g_test_add_func("/loaded/what-waits", what_waits);
    g_test_add_func("/loaded/refused", refused);
    return g_test_run();
}
