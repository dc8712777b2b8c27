/* test_model.c - CPU models, the text of -cpu, and what CPUID makes of them. */
#include "core/error.h"
#include "cpu/exec.h"
#include "cpu/model.h"
#include "tests/support/testcpu.h"

enum { EAX, EBX, ECX, EDX };

static const char *const all_models[] = {
    "486", "pentium", "pentium2", "pentium3", "qemu32", "qemu64", "kvm32", "kvm64", "myna64", "max",
};

static FeatureSet parse(const char *text)
{
    FeatureSet set;
    GError *err = NULL;
    const CpuModel *m = cpu_model_parse(text, &set, &err);
    g_assert_no_error(err);
    g_assert_nonnull(m);
    return set;
}

static char *parse_error(const char *text)
{
    FeatureSet set;
    GError *err = NULL;
    g_assert_null(cpu_model_parse(text, &set, &err));
    g_assert_error(err, MYNA_ERROR, MYNA_ERROR_USAGE);
    char *message = g_strdup(err->message);
    g_error_free(err);
    return message;
}

static void test_switches(void)
{
    FeatureSet s = parse("pentium");
    g_assert_true(feature_in(&s, FEATURE_MMX));
    g_assert_true(feature_in(&s, FEATURE_VME)); /* from the 486 */
    g_assert_false(feature_in(&s, FEATURE_CMOV));

    s = parse("pentium,+cmov,-mmx");
    g_assert_true(feature_in(&s, FEATURE_CMOV));
    g_assert_false(feature_in(&s, FEATURE_MMX));

    s = parse("486,sse4.2=on"); /* needs SSE4.1, SSSE3, ... FXSR */
    g_assert_true(feature_in(&s, FEATURE_SSSE3) && feature_in(&s, FEATURE_FXSR));
    s = parse("max,sse2=off"); /* and all that needs it */
    g_assert_false(feature_in(&s, FEATURE_SSE4_2) || feature_in(&s, FEATURE_AES));
    g_assert_true(feature_in(&s, FEATURE_SSE));

    s = parse("qemu64,+sse4_1,+SSE3,+abm"); /* other spellings */
    g_assert_true(feature_in(&s, FEATURE_SSE4_1) && feature_in(&s, FEATURE_LZCNT));
}

static void test_default(void)
{
    FeatureSet a = parse(NULL), b = parse("default"), c = parse("myna64");
    g_assert_cmpmem(&a, sizeof(a), &b, sizeof(b));
    g_assert_cmpmem(&a, sizeof(a), &c, sizeof(c));
    g_assert_true(feature_in(&a, FEATURE_LM) && feature_in(&a, FEATURE_ERMS));
    static const CpuFeature only_cost[] = {FEATURE_SMAP, FEATURE_PKU, FEATURE_LA57, FEATURE_CET_SS,
                                           FEATURE_CET_IBT};
    for (unsigned i = 0; i < G_N_ELEMENTS(only_cost); i++)
        g_assert_false(feature_in(&a, only_cost[i]));
    /* The x86-64 psABI's level 3. */
    static const CpuFeature v3[] = {
        FEATURE_CMOV,   FEATURE_CX8,    FEATURE_FXSR,    FEATURE_MMX,    FEATURE_SYSCALL,
        FEATURE_SSE2,   FEATURE_CX16,   FEATURE_LAHF_LM, FEATURE_POPCNT, FEATURE_SSE3,
        FEATURE_SSE4_1, FEATURE_SSE4_2, FEATURE_SSSE3,   FEATURE_AVX,    FEATURE_AVX2,
        FEATURE_BMI1,   FEATURE_BMI2,   FEATURE_F16C,    FEATURE_FMA,    FEATURE_LZCNT,
        FEATURE_MOVBE,  FEATURE_XSAVE,
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(v3); i++)
        g_assert_true(feature_in(&a, v3[i]));
}

static void test_errors(void)
{
    static const char *const cases[][3] = {
        /* text           quotes       names */
        {"qemu65", "'qemu65'", "'qemu64'"},
        {"max,+pclmuldq", "'pclmuldq'", "'pclmulqdq'"},
        {"max,sse2=yes", "'sse2=yes'", "=on or =off"},
        {"max,+cr8legacy", "'cr8legacy'", "not implemented"},
        {"", "''", "nearest"},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *message = parse_error(cases[i][0]);
        g_assert_nonnull(strstr(message, cases[i][1]));
        g_assert_nonnull(strstr(message, cases[i][2]));
        g_assert_null(strchr(message, '\n'));
    }
}

/* A feature needs what its row says, in every model. */
static void test_dependencies(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(all_models); i++) {
        FeatureSet s = parse(all_models[i]);
        for (unsigned f = FEATURE_NONE + 1; f < FEATURE_COUNT; f++) {
            if (!feature_in(&s, f))
                continue;
            g_assert_true(feature_is_implemented(f));
            g_assert_true(feature_in(&s, feature_infos[f].needs));
        }
    }
}

/* What is offered can be executed: every row of an offered feature has a function. */
static void test_offered_rows(void)
{
    FeatureSet s = parse("max");
    for (unsigned i = 0; i < insn_row_count; i++) {
        const InsnRow *row = &insn_rows[i];
        if (feature_in(&s, row->feature) && !row->exec)
            g_error("%s (%02x) has no exec function, but -cpu max offers %s", row->name,
                    row->opcode, feature_infos[row->feature].name);
    }
}

static void test_help(void)
{
    g_autoptr(GString) out = g_string_new(NULL);
    cpu_model_help(out);
    for (unsigned i = 0; i < G_N_ELEMENTS(all_models); i++)
        g_assert_nonnull(strstr(out->str, all_models[i]));
    g_assert_nonnull(strstr(out->str, "  sse4.2\n"));
    g_assert_nonnull(strstr(out->str, "  avx2\n"));
    g_assert_nonnull(strstr(out->str, "  gfni\n"));
}

/* --- CPUID --------------------------------------------------------------------------------- */

static void test_cpuid_identity(void)
{
    uint32_t r[4];
    TestCpu *t = test_cpu_new("pentium3", MIB);
    cpuid(t->cpu, 0, 0, r);
    g_assert_cmpuint(r[EAX], ==, 2);
    g_assert_cmpmem(&r[EBX], 4, "Genu", 4);
    g_assert_cmpmem(&r[EDX], 4, "ineI", 4);
    g_assert_cmpmem(&r[ECX], 4, "ntel", 4);
    cpuid(t->cpu, 1, 99, r);
    g_assert_cmphex(r[EAX], ==, 0x673);
    g_assert_true(bit_get(r[EDX], 25) && !bit_get(r[EDX], 26)); /* SSE, no SSE2 */
    /* Above the highest leaf: the highest. */
    uint32_t highest[4];
    cpuid(t->cpu, 2, 0, highest);
    cpuid(t->cpu, 0x80000000, 0, r);
    g_assert_cmpmem(r, sizeof(r), highest, sizeof(highest));
    test_cpu_free(t);

    t = test_cpu_new("kvm64", MIB); /* family above 15 and model above 15 are split */
    cpuid(t->cpu, 1, 0, r);
    g_assert_cmphex(r[EAX], ==, 0xf61);
    test_cpu_free(t);
    t = test_cpu_new("myna64", MIB);
    cpuid(t->cpu, 1, 0, r);
    g_assert_cmphex(r[EAX], ==, 0x106ca);
    g_assert_cmphex(r[EAX], ==, t->cpu->gpr[RDX]); /* as after reset */
    test_cpu_free(t);
}

static void test_cpuid_dynamic(void)
{
    uint32_t r[4];
    TestCpu *t = test_cpu_new("max", MIB);
    cpuid(t->cpu, 1, 0, r);
    g_assert_false(bit_get(r[ECX], 27)); /* OSXSAVE follows CR4 */
    g_assert_false(bit_get(r[EDX], 28)); /* one CPU: no HTT */
    t->cpu->cr4 |= CR4_OSXSAVE;
    t->cpu->cpu_count = 3;
    t->cpu->apic_id = 2;
    cpuid(t->cpu, 1, 0, r);
    g_assert_true(bit_get(r[ECX], 27));
    g_assert_true(bit_get(r[EDX], 28));
    g_assert_cmphex(r[EBX], ==, 2u << 24 | 4 << 16 | 8 << 8);
    cpuid(t->cpu, 0xb, 1, r);
    g_assert_cmphex(r[EAX], ==, 2); /* shift */
    g_assert_cmphex(r[EBX], ==, 3);
    g_assert_cmphex(r[ECX], ==, 0x201);
    g_assert_cmphex(r[EDX], ==, 2);
    cpuid(t->cpu, 4, 2, r);
    g_assert_cmphex(r[EAX], ==, 3u << 26 | 1 << 8 | 2 << 5 | 3);
    cpuid(t->cpu, 4, 3, r);
    g_assert_cmphex(r[EAX], ==, 0);
    test_cpu_free(t);
}

static void test_cpuid_leaves(void)
{
    uint32_t r[4];
    TestCpu *t = test_cpu_new("max,-invtsc", MIB);
    cpuid(t->cpu, 7, 0, r);
    g_assert_true(bit_get(r[EBX], 9) && bit_get(r[EDX], 4)); /* ERMS, FSRM */
    cpuid(t->cpu, 7, 1, r);
    g_assert_cmphex(r[EBX] | r[ECX] | r[EDX], ==, 0);
    cpuid(t->cpu, 0xd, 0, r);
    g_assert_cmphex(r[EAX], ==, XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_PKRU);
    g_assert_cmpuint(r[EBX], ==, 576); /* as XCR0 is after reset */
    g_assert_cmpuint(r[ECX], ==, 840); /* with all of them */
    cpuid(t->cpu, 0xd, 2, r);
    g_assert_cmpuint(r[EAX], ==, 256);
    g_assert_cmpuint(r[EBX], ==, 576);
    cpuid(t->cpu, 0xd, 1, r);
    g_assert_cmphex(r[EAX], ==, 15); /* XSAVEOPT, XSAVEC, XGETBV 1, XSAVES */
    cpuid(t->cpu, 0xd, 9, r);
    g_assert_cmpuint(r[EAX], ==, 8);
    g_assert_cmpuint(r[EBX], ==, 832);
    g_assert_cmphex(r[ECX], ==, 0); /* in XCR0 */
    cpuid(t->cpu, 0x15, 0, r);
    g_assert_cmpuint((uint64_t)r[ECX] * r[EBX] / r[EAX], ==, t->cpu->tsc_hz);
    cpuid(t->cpu, 0x80000000, 0, r);
    g_assert_cmphex(r[EAX], ==, 0x80000008);
    cpuid(t->cpu, 0x80000002, 0, r);
    g_assert_cmpmem(r, 16, "Myna Virtual CPU", 16);
    cpuid(t->cpu, 0x80000007, 0, r);
    g_assert_cmphex(r[EDX], ==, 0);
    cpuid(t->cpu, 0x80000008, 0, r);
    g_assert_cmphex(r[EAX], ==, 57 << 8 | 40);
    g_assert_cmphex(r[EBX], ==, 1 << 9); /* WBNOINVD */
    cpuid(t->cpu, 0x40000000, 0, r);
    g_assert_cmpmem(&r[EBX], 12, "MynaMynaMyna", 12);
    test_cpu_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/model/switches", test_switches);
    g_test_add_func("/model/default", test_default);
    g_test_add_func("/model/errors", test_errors);
    g_test_add_func("/model/dependencies", test_dependencies);
    g_test_add_func("/model/offered-rows", test_offered_rows);
    g_test_add_func("/model/help", test_help);
    g_test_add_func("/cpuid/identity", test_cpuid_identity);
    g_test_add_func("/cpuid/dynamic", test_cpuid_dynamic);
    g_test_add_func("/cpuid/leaves", test_cpuid_leaves);
    return g_test_run();
}
