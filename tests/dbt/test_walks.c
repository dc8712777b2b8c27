/* What a walk leaves in the page tables is what the access was: a store that is refused has not
 * even looked at the page as a load. [SDM3] "Accessed and Dirty Flags". */
#include "cpu/run.h"
#include "dbt/dbt.h"
#include "tests/support/engine.h"
#include "tests/support/testcpu.h"

enum { RAM = 1 << 20, CODE = 0x1000, SOURCE = 0x3000, TARGET = 0x5000, STACK = 0x8000 };
enum { DIRECTORY = 0x9000, TABLE = 0xa000, PRESENT = 1, WRITABLE = 2, ACCESSED = 0x20 };

static uint32_t entry(TestCpu *t, LinAddr la)
{
    return test_peek(t, TABLE + la / PAGE_SIZE * 4, 4);
}

/* Runs a program whose ESI is a page that may be written, and whose EDI and ESP are one that may
 * not. */
static TestCpu *run(const uint8_t *program, size_t size, bool translated)
{
    TestCpu *t = translated ? translated_cpu_new(RAM) : test_cpu_new("max", RAM);
    Cpu *cpu = t->cpu;
    test_cpu_flat(t, CPU_PROTECTED, 0);
    test_poke(t, DIRECTORY, TABLE | PRESENT | WRITABLE, 4);
    for (unsigned at = 0; at < RAM; at += PAGE_SIZE)
        test_poke(t, TABLE + at / PAGE_SIZE * 4, at | PRESENT | (at == TARGET ? 0 : WRITABLE), 4);
    for (size_t i = 0; i < size; i++)
        test_poke(t, CODE + i, program[i], 1);
    cpu->cr3 = DIRECTORY;
    cpu->cr0 |= CR0_PG | CR0_WP;
    cpu_update_mode(cpu);
    cpu->rip = CODE;
    cpu->gpr[RSI] = SOURCE;
    cpu->gpr[RDI] = TARGET;
    cpu->gpr[RSP] = TARGET + 64;
    cpu_run(cpu, 100);
    return t;
}

static void refuse(const uint8_t *program, size_t size)
{
    for (unsigned translated = 0; translated < 2; translated++) {
        TestCpu *t = run(program, size, translated);
        g_assert_cmpuint(t->triple_faults, ==, 1); /* there is no handler */
        g_assert_cmphex(entry(t, CODE) & ACCESSED, ==, ACCESSED);
        g_assert_cmphex(entry(t, TARGET) & ACCESSED, ==, 0);
        test_cpu_free(t);
    }
}

static void stores(void)
{
    static const uint8_t movs[] = {0xa4}, stos[] = {0xaa}, push[] = {0x50};
    static const uint8_t mov[] = {0x89, 0x07}, add[] = {0x01, 0x07}, xchg[] = {0x87, 0x07};
    refuse(movs, sizeof(movs));
    refuse(stos, sizeof(stos));
    refuse(push, sizeof(push));
    refuse(mov, sizeof(mov)); /* mov [edi], eax, and so on */
    refuse(add, sizeof(add));
    refuse(xchg, sizeof(xchg));
}

int main(int argc, char **argv)
{
    translator_test_init(&argc, &argv);
    g_test_add_func("/walks/stores", stores);
    return g_test_run();
}
