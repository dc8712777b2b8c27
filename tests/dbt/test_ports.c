/* IN and OUT: the device sees the same accesses from generated code, which makes them itself where
 * the guest may, as from the interpreter; and what it brings about is there for the next
 * instruction. */
#include "cpu/flags.h"
#include "cpu/run.h"
#include "dbt/dbt.h"
#include "dbt/translator.h"
#include "tests/support/engine.h"
#include "tests/support/testcpu.h"

enum { CODE = 0x1000, STACK = 0x8000, PORT = 0x40, RAM = 1 << 16, TURNS = 20, BUDGET = 1000000 };
enum { WINDOW = 0x4000, IDT = 0x6000, GDT = 0x7000, HANDLER = 0x3000, VECTOR = 0x40 };

typedef enum Effect { EFFECT_NONE, EFFECT_CODE, EFFECT_INTERRUPT, EFFECT_MAP } Effect;

typedef struct Device {
    MemRegion ports, cover;
    TestCpu *test;
    Effect effect; /* of the last turn's write */
    uint64_t at;   /* where EFFECT_CODE writes */
    unsigned count, writes;
    struct {
        uint64_t offset, value;
        unsigned size;
        bool write;
    } seen[16 * TURNS];
} Device;

static void note(Device *d, uint64_t offset, uint64_t value, unsigned size, bool write)
{
    g_assert_cmpuint(d->count, <, G_N_ELEMENTS(d->seen));
    d->seen[d->count].offset = offset;
    d->seen[d->count].value = value;
    d->seen[d->count].size = size;
    d->seen[d->count].write = write;
    d->count++;
}

static uint64_t device_read(void *opaque, uint64_t offset, unsigned size)
{
    Device *d = opaque;
    note(d, offset, 0, size, false);
    return d->count * 0x9e3779b97f4a7c15u >> 64 % (8 * size + 1);
}

static void device_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    static const uint8_t two = 2;
    Device *d = opaque;
    note(d, offset, value, size, true);
    if (++d->writes != TURNS)
        return;
    if (d->effect == EFFECT_CODE)
        address_space_write(&d->test->board->memory, d->at, &two, 1);
    if (d->effect == EFFECT_INTERRUPT)
        cpu_set_line(d->test->cpu, CPU_LINE_INTR, 1);
    if (d->effect == EFFECT_MAP)
        mem_set_enabled(&d->cover, true);
}

static uint64_t cover_read(void *opaque, uint64_t offset, unsigned size)
{
    return 0x1234;
}

static int give_vector(void *opaque)
{
    return VECTOR;
}

typedef struct Setting {
    const uint8_t *program;
    size_t size;
    CpuMode mode;
    unsigned cpl, iopl;
    bool counted;
    Effect effect;
    uint64_t at;
} Setting;

static void machine_init(Device *d, const Setting *s)
{
    static const MemOps ops = {.read = device_read, .write = device_write, .max_size = 4};
    static const MemOps cover = {.read = cover_read};
    static const IntcOps intc = {.acknowledge = give_vector};
    TestCpu *t = test_cpu_new("max", RAM);
    *d = (Device){.test = t, .effect = s->effect, .at = s->at};
    mem_init_io(&d->ports, "device", 16, &ops, d);
    mem_add(&t->board->port_root, PORT, &d->ports, 0);
    mem_init_io(&d->cover, "cover", PAGE_SIZE, &cover, d);
    mem_set_enabled(&d->cover, false);
    mem_add(&t->board->memory_root, WINDOW, &d->cover, 1);
    test_cpu_flat(t, s->mode, s->cpl);
    test_poke_bytes(t, CODE, s->program, s->size);
    test_poke(t, HANDLER, 0xf4, 1); /* hlt */
    test_poke(t, IDT + VECTOR * 8, 0x00008e0000080000 | HANDLER, 8);
    test_poke(t, GDT + 8, 0x00cf9b000000ffff, 8);
    Cpu *cpu = t->cpu;
    cpu->idtr = (DescriptorTable){.base = IDT, .limit = 0x7ff};
    cpu->gdtr = (DescriptorTable){.base = GDT, .limit = 0xff};
    cpu->bus.intc_ops = &intc;
    cpu->eflags |= s->iopl << 12 | (s->effect == EFFECT_INTERRUPT ? FLAG_IF : 0);
    cpu->rip = CODE;
    cpu->gpr[RSP] = STACK;
    cpu->gpr[RAX] = 0x1122334455667788;
    cpu->gpr[RBX] = WINDOW;
    cpu->gpr[RDX] = 0xfff00000 | (PORT + 8);
    cpu->gpr[RCX] = TURNS;
}

static void machine_fini(Device *d)
{
    mem_fini(&d->cover);
    mem_fini(&d->ports);
    test_cpu_free(d->test);
}

/* With the interpreter and translated. Returns how many accesses generated code made itself;
 * *result: EBX at the end. */
static uint64_t run_both(const Setting *s, uint64_t *result)
{
    g_autoptr(GError) err = NULL;
    Device first, second;
    machine_init(&first, s);
    machine_init(&second, s);
    Cpu *interpreted = first.test->cpu, *translated = second.test->cpu;
    DbtOptions options = {.counted = s->counted, .optimize = OPTIMIZE_NONE};
    g_assert_true(dbt_attach(translated, &options, &err));
    cpu_run(interpreted, BUDGET);
    cpu_run(translated, BUDGET);
    for (unsigned r = 0; r < GPR_COUNT; r++)
        g_assert_cmphex(translated->gpr[r], ==, interpreted->gpr[r]);
    g_assert_cmphex(translated->rip, ==, interpreted->rip);
    g_assert_cmphex(eflags_get(translated), ==, eflags_get(interpreted));
    g_assert_cmpint(translated->activity, ==, interpreted->activity);
    for (unsigned at = STACK - 16; at < STACK; at += 4)
        g_assert_cmphex(test_peek(second.test, at, 4), ==, test_peek(first.test, at, 4));
    g_assert_cmpuint(first.count, ==, second.count);
    for (unsigned i = 0; i < first.count; i++) {
        g_assert_cmphex(first.seen[i].offset, ==, second.seen[i].offset);
        g_assert_cmphex(first.seen[i].value, ==, second.seen[i].value);
        g_assert_cmpuint(first.seen[i].size, ==, second.seen[i].size);
        g_assert_cmpuint(first.seen[i].write, ==, second.seen[i].write);
    }
    uint64_t ports = translator_of(translated)->stats.ports;
    *result = translated->gpr[RBX];
    machine_fini(&first);
    machine_fini(&second);
    return ports;
}

/* --- sizes --------------------------------------------------------------------------------------- */

static const uint8_t sizes[] = {
    0xe4, 0x40,       /* 1000  again: in al, 40h */
    0x01, 0xc6,       /* 1002  add esi, eax: its carry is looked at below */
    0x66, 0xe5, 0x42, /* 1004  in ax, 42h */
    0x83, 0xd6, 0x00, /* 1007  adc esi, 0 */
    0xe6, 0x41,       /* 100a  out 41h, al */
    0x66, 0xe7, 0x42, /* 100c  out 42h, ax */
    0x01, 0xc6,       /* 100f  add esi, eax */
    0xe5, 0x44,       /* 1011  in eax, 44h */
    0x11, 0xc6,       /* 1013  adc esi, eax */
    0xe7, 0x44,       /* 1015  out 44h, eax */
    0xec,             /* 1017  in al, dx */
    0x01, 0xc6,       /* 1018  add esi, eax */
    0xee,             /* 101a  out dx, al */
    0x66, 0xed,       /* 101b  in ax, dx */
    0x66, 0xef,       /* 101d  out dx, ax */
    0x01, 0xc6,       /* 101f  add esi, eax */
    0xed,             /* 1021  in eax, dx */
    0xef,             /* 1022  out dx, eax */
    0x01, 0xc6,       /* 1023  add esi, eax */
    0xff, 0xc9,       /* 1025  dec ecx */
    0x75, 0xd7,       /* 1027  jnz again */
    0xf4,             /* 1029  hlt */
};
enum { ACCESSES = 12 };

static uint64_t run_sizes(Setting s)
{
    uint64_t result;
    s.program = sizes;
    s.size = sizeof(sizes);
    return run_both(&s, &result);
}

static void at_once(void)
{
    g_assert_cmpuint(run_sizes((Setting){.mode = CPU_PROTECTED}), ==, ACCESSES * TURNS);
}

static void long_mode(void)
{
    g_assert_cmpuint(run_sizes((Setting){.mode = CPU_LONG}), ==, ACCESSES * TURNS);
}

/* Counted time is exact in the interpreter only. */
static void counted(void)
{
    g_assert_cmpuint(run_sizes((Setting){.mode = CPU_PROTECTED, .counted = true}), ==, 0);
}

/* Who may or may not by IOPL is the interpreter's to know. */
static void user(void)
{
    g_assert_cmpuint(run_sizes((Setting){.mode = CPU_PROTECTED, .cpl = 3, .iopl = 3}), ==, 0);
    g_assert_cmpuint(run_sizes((Setting){.mode = CPU_PROTECTED, .cpl = 3}), ==, 0);
}

/* --- effects ------------------------------------------------------------------------------------- */

static const uint8_t effect[] = {
    0x8b, 0x33,             /* 1000  again: mov esi, [ebx] */
    0xee,                   /* 1002  out dx, al */
    0xbf, 1,    0,    0, 0, /* 1003  mov edi, 1 */
    0x03, 0x73, 0x04,       /* 1008  add esi, [ebx+4] */
    0xff, 0xc9,             /* 100b  dec ecx */
    0x75, 0xf1,             /* 100d  jnz again */
    0x89, 0xfb,             /* 100f  mov ebx, edi */
    0x01, 0xf3,             /* 1011  add ebx, esi */
    0xf4,                   /* 1013  hlt */
};
enum { EDI_IMM = CODE + 4 };

static uint64_t run_effect(Effect what)
{
    uint64_t result;
    Setting s = {effect, sizeof(effect), CPU_PROTECTED, .effect = what, .at = EDI_IMM};
    g_assert_cmpuint(run_both(&s, &result), ==, TURNS);
    return result;
}

/* The device writes what the next instruction is. */
static void code(void)
{
    g_assert_cmphex(run_effect(EFFECT_CODE), ==, 2);
}

/* It interrupts: the handler is reached from the next instruction, as the stack shows. */
static void interrupt(void)
{
    g_assert_cmphex(run_effect(EFFECT_INTERRUPT), ==, WINDOW); /* EBX as it was: not to the end */
}

/* It covers RAM that the block has looked up before. */
static void map(void)
{
    g_assert_cmphex(run_effect(EFFECT_MAP), ==, 1 + 0x1234);
}

int main(int argc, char **argv)
{
    translator_test_init(&argc, &argv);
    g_test_add_func("/ports/at_once", at_once);
    g_test_add_func("/ports/long", long_mode);
    g_test_add_func("/ports/counted", counted);
    g_test_add_func("/ports/user", user);
    g_test_add_func("/ports/code", code);
    g_test_add_func("/ports/interrupt", interrupt);
    g_test_add_func("/ports/map", map);
    return g_test_run();
}
