/* test_lockstep.c - -check lockstep lets right code pass and stops at wrong code. */
#include "dbt/dbt.h"
#include "dbt/translator.h"
#include "tests/support/bare_cpu.h"

enum { BUDGET = 100 };

/* mov eax, 1; push eax; cmp eax, 2; jb over; nop; over: add [20000h], eax; hlt */
static const uint8_t code[] = {0xb8, 1,    0,    0,    0, 0x50, 0x83, 0xf8, 2,   0x72,
                               1,    0x90, 0x01, 0x05, 0, 0,    2,    0,    0xf4};

/* A CPU with the program, or NULL. */
static BareCpu *machine(void)
{
    BareCpu *t = bare_cpu();
    g_autoptr(GError) err = NULL;
    if (dbt_attach(t->cpu, &(DbtOptions){.lockstep = 1}, &err))
        return t;
    g_test_skip(err->message);
    bare_cpu_free(t);
    return NULL;
}

static void run(BareCpu *t)
{
    bare_protected(t, 0);
    bare_write(t, AT_DATA, 7, 4);
    bare_run(t, BUDGET, code, sizeof(code));
}

static void right(void)
{
    BareCpu *t = machine();
    if (!t)
        return;
    run(t);
    run(t);
    g_assert_cmpint(t->cpu->activity, ==, CPU_HALTED);
    g_assert_cmpuint(bare_read(t, AT_DATA, 4), ==, 8);
    g_assert_cmpuint(translator_of(t->cpu)->stats.entries, >, 0);
    bare_cpu_free(t);
}

/* A block that takes the accessed bit from the entry that maps it all. The interpreter's run walks
 * and sets it again; the translator's does not, from the second turn on. Both are right. */
static void table_entry(void)
{
    enum { ENTRY = AT_PAGES + 2 * PAGE_SIZE, PRESENT_WRITE_USER_LARGE = 0x87, TURNS = 5 };
    static const uint8_t loop[] = {
        0x89, 0x1d, 0x00, 0x20, 0x10, 0x00, /* again: mov [ENTRY], ebx */
        0x01, 0x05, 0x00, 0x00, 0x02, 0x00, /* add [AT_DATA], eax */
        0xff, 0xc9, 0x75, 0xf0, 0xf4,       /* dec ecx; jnz again; hlt */
    };
    BareCpu *t = machine();
    if (!t)
        return;
    bare_compat(t, 0);
    bare_write(t, AT_DATA, 7, 4);
    t->cpu->gpr[RAX] = 1;
    t->cpu->gpr[RBX] = PRESENT_WRITE_USER_LARGE;
    t->cpu->gpr[RCX] = TURNS;
    bare_run(t, BUDGET, loop, sizeof(loop));
    g_assert_cmpint(t->cpu->activity, ==, CPU_HALTED);
    g_assert_cmpuint(bare_read(t, AT_DATA, 4), ==, 7 + TURNS);
    g_assert_cmphex(bare_read(t, ENTRY, 4) & PRESENT_WRITE_USER_LARGE, ==,
                    PRESENT_WRITE_USER_LARGE);
    bare_cpu_free(t);
}

/* The first place in the cache with these bytes. */
static uint8_t *find(Translator *t, const uint8_t *bytes, size_t size)
{
    const CodeSpace *space = &t->space[SPACE_PLAIN];
    for (uint8_t *p = t->rw + space->first.code; p + size <= t->rw + space->next.code; p++)
        if (!memcmp(p, bytes, size))
            return p;
    g_assert_not_reached();
}

/* Generated code that does something else. */
static void run_wrong(const uint8_t *bytes, size_t size, unsigned at)
{
    BareCpu *t = machine();
    bare_protected(t, 0);
    run(t);
    Translator *translator = translator_of(t->cpu);
    find(translator, bytes, size)[at] ^= 2;
    bare_protected(t, 0);
    bare_write(t, AT_DATA, 7, 4);
    cpu_run(t->cpu, BUDGET); /* the same code, not placed again */
}

static void wrong_register(void)
{
    static const uint8_t mov_eax_1[] = {0xb8, 1, 0, 0, 0};
    if (g_test_subprocess())
        run_wrong(mov_eax_1, sizeof(mov_eax_1), 1);
    BareCpu *t = machine();
    if (!t)
        return;
    bare_cpu_free(t);
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*lockstep:*differs*MOV eax, 0x1*guest code*host code*");
}

static void wrong_flags(void)
{
    static const uint8_t cmp_eax_2[] = {0x83, 0xf8, 2};
    if (g_test_subprocess())
        run_wrong(cmp_eax_2, sizeof(cmp_eax_2), 2);
    BareCpu *t = machine();
    if (!t)
        return;
    bare_cpu_free(t);
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*lockstep:*differs*");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/lockstep/right", right);
    g_test_add_func("/lockstep/table-entry", table_entry);
    g_test_add_func("/lockstep/wrong-register", wrong_register);
    g_test_add_func("/lockstep/wrong-flags", wrong_flags);
    return g_test_run();
}
