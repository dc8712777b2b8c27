/* Loads from a device's registers: the device sees the same accesses from generated code, which
 * makes them where the TLB missed, as from the interpreter. */
#include "cpu/run.h"
#include "dbt/dbt.h"
#include "dbt/translator.h"
#include "tests/support/engine.h"
#include "tests/support/testcpu.h"

enum { CODE = 0x1000, STACK = 0x8000, DEVICE = 0x20000, RAM = 1 << 16, TURNS = 20 };

static const uint8_t program[] = {
    0x8b, 0x03,             /* 1000  again: mov eax, [ebx] */
    0x01, 0xc6,             /* 1002  add esi, eax */
    0x0f, 0xb6, 0x43, 0x04, /* 1004  movzx eax, byte [ebx+4] */
    0x01, 0xc6,             /* 1008  add esi, eax */
    0x66, 0x8b, 0x43, 0x08, /* 100a  mov ax, [ebx+8] */
    0x01, 0xc6,             /* 100e  add esi, eax */
    0x03, 0x73, 0x0c,       /* 1010  add esi, [ebx+12] */
    0x3b, 0x73, 0x10,       /* 1013  cmp esi, [ebx+16] */
    0x83, 0xd6, 0x00,       /* 1016  adc esi, 0 */
    0xff, 0x73, 0x14,       /* 1019  push [ebx+20]: the stack may fault behind the load */
    0x5f,                   /* 101c  pop edi */
    0x01, 0xfe,             /* 101d  add esi, edi */
    0x49,                   /* 101f  dec ecx */
    0x75, 0xde,             /* 1020  jnz again */
    0xf4,                   /* 1022  hlt */
};
enum { LOADS_AT_ONCE = 5 }; /* in a turn: all but the push's */

typedef struct Device {
    MemRegion registers;
    unsigned count;
    struct {
        uint64_t offset;
        unsigned size;
    } seen[16 * TURNS];
} Device;

static uint64_t device_read(void *opaque, uint64_t offset, unsigned size)
{
    Device *d = opaque;
    g_assert_cmpuint(d->count, <, G_N_ELEMENTS(d->seen));
    d->seen[d->count].offset = offset;
    d->seen[d->count].size = size;
    return ++d->count * 0x9e3779b97f4a7c15u;
}

static const MemOps ops = {.read = device_read};

static TestCpu *machine(Device *d)
{
    TestCpu *t = test_cpu_new("max", RAM);
    mem_init_io(&d->registers, "device", 2 * PAGE_SIZE, &ops, d);
    mem_add(&t->board->memory_root, DEVICE, &d->registers, 0);
    test_cpu_flat(t, CPU_PROTECTED, 0);
    test_poke_bytes(t, CODE, program, sizeof(program));
    t->cpu->rip = CODE;
    t->cpu->gpr[RSP] = STACK;
    t->cpu->gpr[RBX] = DEVICE;
    t->cpu->gpr[RCX] = TURNS;
    return t;
}

static void machine_free(TestCpu *t, Device *d)
{
    mem_remove(&d->registers);
    mem_fini(&d->registers);
    test_cpu_free(t);
}

/* The registers begin at `at`. Returns how many loads generated code made itself. */
static uint64_t run_both(uint64_t at, bool counted)
{
    g_autoptr(GError) err = NULL;
    Device first = {0}, second = {0};
    TestCpu *interpreted = machine(&first), *translated = machine(&second);
    g_assert_true(dbt_attach(translated->cpu,
                             &(DbtOptions){.counted = counted, .optimize = OPTIMIZE_NONE}, &err));
    interpreted->cpu->gpr[RBX] = translated->cpu->gpr[RBX] = at;
    cpu_run(interpreted->cpu, 1000000);
    cpu_run(translated->cpu, 1000000);
    g_assert_cmpint(translated->cpu->activity, ==, CPU_HALTED);
    for (unsigned r = 0; r < GPR_COUNT; r++)
        g_assert_cmphex(translated->cpu->gpr[r], ==, interpreted->cpu->gpr[r]);
    g_assert_cmpuint(first.count, ==, second.count);
    for (unsigned i = 0; i < first.count; i++) {
        g_assert_cmphex(first.seen[i].offset, ==, second.seen[i].offset);
        g_assert_cmpuint(first.seen[i].size, ==, second.seen[i].size);
    }
    uint64_t loads = translator_of(translated->cpu)->stats.device_loads;
    machine_free(interpreted, &first);
    machine_free(translated, &second);
    return loads;
}

static void plain(void)
{
    uint64_t loads = run_both(DEVICE, false);
    g_assert_cmpuint(loads, <=, LOADS_AT_ONCE * TURNS);
    g_assert_cmpuint(loads, >, LOADS_AT_ONCE * (TURNS - 4));
}

/* [EBX] to [EBX+20] lie on both sides of a page's end, one of them across it. */
static void straddling(void)
{
    run_both(DEVICE + PAGE_SIZE - 14, false);
}

/* Counted time is exact in the interpreter only. */
static void counted(void)
{
    g_assert_cmpuint(run_both(DEVICE, true), ==, 0);
}

int main(int argc, char **argv)
{
    translator_test_init(&argc, &argv);
    g_test_add_func("/device_loads/plain", plain);
    g_test_add_func("/device_loads/straddling", straddling);
    g_test_add_func("/device_loads/counted", counted);
    return g_test_run();
}
