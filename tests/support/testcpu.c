/* testcpu.c - one CPU on a bare board. */
#include "tests/support/testcpu.h"

#include "cpu/model.h"

static void count_triple_fault(void *opaque, Cpu *cpu)
{
    TestCpu *t = opaque;
    t->triple_faults++;
}

TestCpu *test_cpu_new(const char *model, uint64_t ram_bytes)
{
    TestCpu *t = g_new0(TestCpu, 1);
    GError *err = NULL;
    t->board = board_new(clock_new_manual());
    bool ok = mem_init_ram(&t->ram, "ram", ram_bytes, &err);
    g_assert_no_error(err);
    g_assert_true(ok);
    mem_add(&t->board->memory_root, 0, &t->ram, 0);

    FeatureSet features;
    const CpuModel *m = cpu_model_parse(model, &features, &err);
    g_assert_no_error(err);
    CpuBus bus = {
        .memory = &t->board->memory,
        .ports = &t->board->ports,
        .clock = t->board->clock,
        .lock = &t->board->lock,
        .triple_fault = count_triple_fault,
        .opaque = t,
    };
    t->cpu = cpu_new(m, &features, 0, 1, &bus);
    cpu_group_init(&t->group, &t->cpu, 1);
    cpu_group_listen(&t->group, &t->board->memory);
    return t;
}

void test_cpu_free(TestCpu *t)
{
    cpu_group_fini(&t->group); /* nobody hears of the RAM going */
    cpu_free(t->cpu);
    mem_fini(&t->ram);
    board_free(t->board);
    g_free(t);
}

Raised test_cpu_try(TestCpu *t, void (*fn)(Cpu *cpu, void *opaque), void *opaque)
{
    sigjmp_buf guard;
    t->cpu->unwind = &guard;
    if (sigsetjmp(guard, 0))
        return (Raised){t->cpu->raised.vector, t->cpu->raised.error, t->cpu->cr2};
    fn(t->cpu, opaque);
    return (Raised){.vector = -1};
}

static void flat_segment(Segment *seg, uint16_t selector, uint16_t access, unsigned cpl)
{
    *seg = (Segment){.selector = selector | cpl,
                     .limit = 0xffffffff,
                     .access = access | cpl << AR_DPL_SHIFT | AR_P | AR_S | AR_G | AR_ACCESSED};
    segment_update(seg);
}

void test_cpu_flat(TestCpu *t, CpuMode mode, unsigned cpl)
{
    Cpu *cpu = t->cpu;
    cpu->cr0 |= CR0_PE;
    cpu->cpl = cpl;
    uint16_t code_size = mode == CPU_LONG ? AR_L : AR_DB;
    if (mode == CPU_LONG)
        cpu->efer |= EFER_LME | EFER_LMA;
    for (unsigned i = 0; i < SEG_COUNT; i++)
        flat_segment(&cpu->seg[i], 0x10, AR_WRITABLE | AR_DB, cpl);
    flat_segment(&cpu->seg[SEG_CS], 0x8, AR_CODE | AR_READABLE | code_size, cpl);
    cpu_update_mode(cpu);
}

void test_poke(TestCpu *t, PhysAddr pa, uint64_t value, unsigned size)
{
    address_space_store(&t->board->memory, pa, value, size);
}

void test_poke_bytes(TestCpu *t, PhysAddr pa, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        test_poke(t, pa + i, bytes[i], 1);
}

uint64_t test_peek(TestCpu *t, PhysAddr pa, unsigned size)
{
    return address_space_load(&t->board->memory, pa, size);
}
