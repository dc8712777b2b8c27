/* What people see of the translator: blocks as text, samples, and engines changed between runs. */
#include <glib/gstdio.h>
#include <unistd.h>

#include "core/log.h"
#include "cpu/run.h"
#include "dbt/dbt.h"
#include "tests/support/testcpu.h"

enum { CODE = 0x1000, DATA = 0x2000, RAM = 1 << 16 };

/* Sums ECX, ECX - 1 ... 1 up in memory. */
static const uint8_t program[] = {
    0x01, 0x0b, /* 1000  again: add [ebx], ecx */
    0x49,       /* 1002  dec ecx */
    0x75, 0xfb, /* 1003  jnz again: ends the block */
    0xf4,       /* 1005  hlt */
    0xeb, 0xfe, /* 1006 */
};

static TestCpu *machine(void)
{
    TestCpu *t = test_cpu_new("max", RAM);
    test_cpu_flat(t, CPU_PROTECTED, 0);
    return t;
}

static void load_program(TestCpu *t)
{
    test_poke_bytes(t, CODE, program, sizeof(program));
    t->cpu->rip = CODE;
    t->cpu->gpr[RBX] = DATA;
}

static bool translate(TestCpu *t, const DbtOptions *options)
{
    if (!host_can_translate()) {
        g_test_skip("this host has no back end");
        return false;
    }
    g_autoptr(GError) err = NULL;
    bool attached = dbt_attach(t->cpu, options, &err);
    g_assert_no_error(err);
    return attached;
}

/* --- text ----------------------------------------------------------------------------------------- */

/* The intermediate form of the loop, whole. Behind an op stand the flags that may be looked at
 * there: none behind the check, because ADD writes them all, and of ADD's only CF, which DEC keeps.
 */
static const char golden[] = "IR: sum_up\n"
                             "            1000  ADD [ebx], ecx\n"
                             "    ------  check write.32 [ebx]\n"
                             "    -----c  ADD [ebx], ecx\n"
                             "            1002  DEC ecx\n"
                             "    oszapc  DEC ecx\n"
                             "            1003  JNZ -0x5\n"
                             "    oszapc  if ne -> 0x1000\n"
                             "    oszapc  -> 0x1005\n";

static char *logged(const char *items)
{
    g_autofree char *path = NULL;
    char *text;
    close(g_file_open_tmp("log-XXXXXX", &path, NULL));
    g_assert_true(log_set_file(path, NULL));
    g_assert_true(log_set_items(items, NULL));
    TestCpu *t = machine();
    load_program(t);
    t->cpu->gpr[RCX] = 3;
    g_autoptr(Symbols) symbols = symbols_from_text("1000 T sum_up\n");
    if (translate(t, &(DbtOptions){.symbols = symbols}))
        cpu_run(t->cpu, 1000);
    test_cpu_free(t);
    log_mask = 0;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_unlink(path);
    return text;
}

static void golden_ir(void)
{
    g_autofree char *text = logged("ir");
    if (!host_can_translate())
        return;
    g_assert_true(g_str_has_prefix(text, "IR: sum_up\n"));
    char *second = strstr(text + 1, "IR: ");
    if (second)
        *second = '\0';
    g_assert_cmpstr(text, ==, golden);
}

static void all_items(void)
{
    g_autofree char *text = logged("in_asm,op,out_asm,meta");
    static const char *const expected[] = {
        "IN: sum_up\n",
        "0x00001000:  01 0b ",
        "OUT: ",
        "> to sum_up:\n",
        "META: ",
        ", goes on at +",
        " near   to sum_up",
#ifdef HAVE_CAPSTONE
        "add dword ptr [ebx], ecx",
        "; TLB write tag",
        "<to the dispatcher>",
        "call <fill the TLB>",
#endif
    };
    for (size_t i = 0; i < G_N_ELEMENTS(expected) && host_can_translate(); i++)
        if (!strstr(text, expected[i]))
            g_error("\"%s\" is not in\n%s", expected[i], text);
}

/* Before, after, and in the middle of a block; looking changes nothing. */
static void one_block(void)
{
    TestCpu *t = machine();
    load_program(t);
    t->cpu->gpr[RCX] = 3;
    g_autoptr(GString) out = g_string_new(NULL);
    dbt_print_block(t->cpu, CODE, out);
    g_assert_nonnull(strstr(out->str, "the interpreter runs"));
    if (translate(t, &(DbtOptions){.optimize = OPTIMIZE_NONE})) {
        static const LinAddr places[] = {CODE, CODE + 2};
        g_string_truncate(out, 0);
        dbt_print_block(t->cpu, CODE, out);
        g_assert_true(g_str_has_prefix(out->str, "not translated yet"));
        cpu_run(t->cpu, 1000);
        for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
            g_string_truncate(out, 0);
            dbt_print_block(t->cpu, places[i], out);
            g_assert_true(g_str_has_prefix(out->str, "block: 3 instructions"));
            g_assert_nonnull(strstr(out->str, "ADD [ebx], ecx"));
            g_assert_nonnull(strstr(out->str, "META: 3 instructions"));
        }
        g_string_truncate(out, 0);
        dbt_print_block(t->cpu, RAM + CODE, out);
        g_assert_true(g_str_has_prefix(out->str, "no RAM or ROM"));
        g_assert_cmpuint(test_peek(t, DATA, 4), ==, 1 + 2 + 3);
        load_program(t);
        t->cpu->gpr[RCX] = 4;
        t->cpu->activity = CPU_RUNNING;
        cpu_run(t->cpu, 1000);
        g_assert_cmpuint(test_peek(t, DATA, 4), ==, 6 + 1 + 2 + 3 + 4);
    }
    test_cpu_free(t);
}

static void map_of_blocks(void)
{
    g_autofree char *path = NULL, *text = NULL;
    close(g_file_open_tmp("map-XXXXXX", &path, NULL));
    PerfFiles *perf = perf_files_new(path, NULL, NULL);
    g_autoptr(Symbols) symbols = symbols_from_text("1000 T sum_up\n");
    TestCpu *t = machine();
    load_program(t);
    t->cpu->gpr[RCX] = 3;
    if (translate(t, &(DbtOptions){.symbols = symbols, .perf = perf})) {
        cpu_run(t->cpu, 1000);
        perf_files_free(g_steal_pointer(&perf));
        g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
        g_assert_true(g_regex_match_simple("^[0-9a-f]+ [0-9a-f]+ sum_up\n", text, 0, 0));
    }
    test_cpu_free(t);
    perf_files_free(perf);
    g_unlink(path);
}

/* --- engines -------------------------------------------------------------------------------------- */

/* A run cut in pieces, each on another engine, is the run in one piece. */
static void changing_engines(void)
{
    enum { COUNT = 5000, PIECES = 40 };
    TestCpu *t = machine();
    load_program(t);
    t->cpu->gpr[RCX] = COUNT;
    if (!host_can_translate()) {
        g_test_skip("this host has no back end");
        test_cpu_free(t);
        return;
    }
    unsigned translated = 0;
    for (unsigned i = 0; t->cpu->activity == CPU_RUNNING; i++) {
        g_assert_cmpuint(i, <, PIECES);
        if (i % 2)
            cpu_set_engine(t->cpu, &interpreter_engine, NULL);
        else
            g_assert_true(translate(t, &(DbtOptions){.counted = true}));
        g_assert_cmpint(dbt_is_attached(t->cpu), ==, i % 2 == 0);
        uint64_t ran = cpu_run(t->cpu, 1009);
        translated += i % 2 ? 0 : ran;
    }
    g_assert_cmpuint(translated, >, COUNT);
    g_assert_cmpuint(t->cpu->gpr[RCX], ==, 0);
    g_assert_cmpuint(t->cpu->rip, ==, CODE + 6); /* behind HLT */
    g_assert_cmpuint(cpu_insn_count(t->cpu), ==, COUNT * 3 + 1);
    g_assert_cmpuint(test_peek(t, DATA, 4), ==, (uint64_t)COUNT * (COUNT + 1) / 2);
    test_cpu_free(t);
}

/* Code written while the interpreter runs is not found again in its old form. */
static void written_between_engines(void)
{
    TestCpu *t = machine();
    load_program(t);
    t->cpu->gpr[RCX] = 3;
    if (translate(t, &(DbtOptions){.optimize = OPTIMIZE_NONE})) {
        cpu_run(t->cpu, 1000);
        cpu_set_engine(t->cpu, &interpreter_engine, NULL);
        test_poke(t, CODE, 0x29, 1); /* sub [ebx], ecx */
        g_assert_true(translate(t, &(DbtOptions){.optimize = OPTIMIZE_NONE}));
        t->cpu->rip = CODE;
        t->cpu->gpr[RCX] = 3;
        t->cpu->activity = CPU_RUNNING;
        cpu_run(t->cpu, 1000);
        g_assert_cmpuint(test_peek(t, DATA, 4), ==, 0);
    }
    test_cpu_free(t);
}

/* --- samples -------------------------------------------------------------------------------------- */

/* The loop is where the time goes: at the timer's pace of a few milliseconds, it comes first. */
static void hot_blocks(void)
{
    TestCpu *t = machine();
    load_program(t);
    g_autoptr(GString) out = g_string_new(NULL);
    if (translate(t, &(DbtOptions){.counted = true})) {
        dbt_print_hot(t->cpu, 1, out);
        g_assert_nonnull(strstr(out->str, "nothing was sampled"));
        dbt_profile_start(t->cpu);
        t->cpu->gpr[RCX] = 400000000;
        for (unsigned i = 0; i < 500 && !strstr(out->str, "0x1000"); i++) {
            cpu_run(t->cpu, 2000000);
            g_string_truncate(out, 0);
            dbt_print_hot(t->cpu, 1, out);
        }
        g_assert_nonnull(strstr(out->str, "0x1000"));
        dbt_profile_stop(t->cpu);
        g_string_truncate(out, 0);
        dbt_print_hot(t->cpu, 1, out);
        g_assert_nonnull(strstr(out->str, "sampling is off"));
        g_string_truncate(out, 0);
        dbt_print(t->cpu, out);
        g_assert_nonnull(strstr(out->str, "blocks translated"));
    }
    test_cpu_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/views/golden-ir", golden_ir);
    g_test_add_func("/views/items", all_items);
    g_test_add_func("/views/block", one_block);
    g_test_add_func("/views/map", map_of_blocks);
    g_test_add_func("/views/engines", changing_engines);
    g_test_add_func("/views/written", written_between_engines);
    g_test_add_func("/views/hot", hot_blocks);
    return g_test_run();
}
