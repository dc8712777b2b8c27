/* Two CPUs of one machine and code that one of them, or a device, changes under the other:
 * cpu/group.c. [SDM3] "Handling Self- and Cross-Modifying Code". */
#include "tests/support/testcpu.h"

#include "cpu/block.h"
#include "cpu/model.h"

enum { CODE = 0x3003, READER = 0x1000, WRITER = 0x2000, FLAG = 0x8000, STACK = 0x9000 };

typedef struct Pair {
    TestCpu *t;
    Cpu *cpu[2];
} Pair;

static Pair pair_new(uint64_t ram_bytes)
{
    TestCpu *t = test_cpu_new("max", ram_bytes);
    Cpu *second = cpu_new(t->cpu->model, &t->cpu->features, 1, 2, &t->cpu->bus);
    Pair p = {t, {t->cpu, second}};
    cpu_group_fini(&t->group);
    cpu_group_init(&t->group, p.cpu, 2);
    cpu_group_listen(&t->group, &t->board->memory);
    for (unsigned i = 0; i < 2; i++) {
        t->cpu = p.cpu[i];
        test_cpu_flat(t, CPU_PROTECTED, 0);
        t->cpu->activity = CPU_RUNNING;
        t->cpu->gpr[RSP] = STACK - 0x100 * i;
    }
    t->cpu = p.cpu[0];
    return p;
}

static void pair_free(Pair *p)
{
    cpu_group_fini(&p->t->group);
    cpu_free(p->cpu[1]);
    test_cpu_free(p->t);
}

static void poke_code(Pair *p, PhysAddr at, const uint8_t *code, size_t size)
{
    address_space_write(&p->t->board->memory, at, code, size);
}
#define POKE_CODE(p, at, ...) \
    poke_code(p, at, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))
#define LE32(v) (v) & 0xff, (v) >> 8 & 0xff, (v) >> 16 & 0xff, (v) >> 24 & 0xff

/* inc eax; jmp $-1 at CODE; a CPU that wrote the page before it became code writes it again. */
static void test_fast_store_of_other_cpu(void)
{
    Pair p = pair_new(MIB);
    POKE_CODE(&p, CODE, 0x40, 0xeb, 0xfd);
    mem_store(p.cpu[1], CODE + 0x100, 1, 1);
    p.cpu[0]->rip = CODE;
    cpu_run(p.cpu[0], 10);
    g_assert_cmpuint(p.cpu[0]->gpr[RAX], ==, 5);
    mem_store(p.cpu[1], CODE, 0x41, 1); /* inc ecx */
    cpu_run(p.cpu[0], 10);
    g_assert_cmpuint(p.cpu[0]->gpr[RAX], ==, 5);
    g_assert_cmpuint(p.cpu[0]->gpr[RCX], ==, 5);
    pair_free(&p);
}

/* The second page of an instruction that crosses becomes code too. */
static void test_fast_store_to_second_page(void)
{
    enum { AT = 0x4000 - 3 };
    Pair p = pair_new(MIB);
    POKE_CODE(&p, AT, 0xb8, LE32(0x11223344), 0xeb, 0xf9); /* mov eax, 11223344h; jmp $-5 */
    mem_store(p.cpu[1], 0x4100, 1, 1);
    p.cpu[0]->rip = AT;
    cpu_run(p.cpu[0], 2);
    mem_store(p.cpu[1], 0x4001, 0x99, 1);
    cpu_run(p.cpu[0], 2);
    g_assert_cmphex(p.cpu[0]->gpr[RAX], ==, 0x99223344);
    pair_free(&p);
}

/* The flag stays while one of the CPUs has code in the page. */
static void test_flag_belongs_to_all(void)
{
    Pair p = pair_new(MIB);
    uint8_t *flags = address_space_page(&p.t->board->memory, CODE & ~PAGE_MASK).page_flags;
    POKE_CODE(&p, CODE, 0xeb, 0xfe);
    POKE_CODE(&p, CODE + 0x100, 0xeb, 0xfe);
    p.cpu[0]->rip = CODE;
    p.cpu[1]->rip = CODE + 0x100;
    cpu_run(p.cpu[0], 4);
    cpu_run(p.cpu[1], 4);
    mem_store(p.cpu[0], CODE, 0x9090, 2);
    g_assert_true(*flags & PAGE_HAS_CODE);
    mem_store(p.cpu[0], CODE + 0x100, 0x9090, 2);
    g_assert_false(*flags & PAGE_HAS_CODE);
    pair_free(&p);
}

/* --- on two threads --------------------------------------------------------------------------- */

static gpointer run_second(gpointer opaque)
{
    Pair *p = opaque;
    cpu_run(p->cpu[1], UINT64_MAX / 2); /* until PENDING_EXIT or HLT */
    return NULL;
}

/* Device memory whose reading takes until a page is flagged, and then a while. */
typedef struct SlowDevice {
    const uint8_t *page_flags;
    int reading; /* atomic */
} SlowDevice;

static uint64_t read_slowly(void *opaque, uint64_t offset, unsigned size)
{
    SlowDevice *d = opaque;
    g_atomic_int_set(&d->reading, 1);
    while (!(__atomic_load_n(d->page_flags, __ATOMIC_SEQ_CST) & PAGE_HAS_CODE))
        g_thread_yield();
    g_usleep(20000);
    return 0;
}

/* Who decodes waits for a CPU in the middle of a block, which may still store to the page. */
static void test_decoder_waits(void)
{
    enum { DEVICE = 0x10000000 };
    Pair p = pair_new(MIB);
    SlowDevice slow = {
        .page_flags = address_space_page(&p.t->board->memory, CODE & ~PAGE_MASK).page_flags,
    };
    static const MemOps ops = {.read = read_slowly};
    MemRegion device;
    mem_init_io(&device, "slow", PAGE_SIZE, &ops, &slow);
    mem_add(&p.t->board->memory_root, DEVICE, &device, 0);
    POKE_CODE(&p, CODE, 0xb8, LE32(1), 0xf4);             /* mov eax, 1; hlt */
    POKE_CODE(&p, WRITER, 0xa1, LE32(DEVICE),             /* mov eax, [DEVICE] */
              0xc7, 0x05, LE32(CODE + 1), LE32(2), 0xf4); /* mov dword [CODE + 1], 2; hlt */
    POKE_CODE(&p, WRITER - 1, 0x90);
    p.cpu[1]->rip = WRITER - 1;
    cpu_run(p.cpu[1], 1); /* it knows of the device from now on */
    mem_store(p.cpu[1], CODE + 0x100, 1, 1);
    p.cpu[0]->rip = CODE;
    GThread *thread = g_thread_new("writer", run_second, &p);
    while (!g_atomic_int_get(&slow.reading))
        g_thread_yield();
    cpu_run(p.cpu[0], 2);
    g_assert_cmpuint(p.cpu[0]->gpr[RAX], ==, 2);
    g_thread_join(thread);
    mem_fini(&device);
    pair_free(&p);
}

/* A function returns a number that the other CPU raises in its code, then in FLAG. Who read FLAG
 * and calls the function afterwards must never get less. */
static void test_cross_modifying_threads(void)
{
    Pair p = pair_new(MIB);
    POKE_CODE(&p, CODE, 0xb8, LE32(0), 0xc3);     /* mov eax, 0; ret: the number is aligned */
    POKE_CODE(&p, READER, 0x8b, 0x15, LE32(FLAG), /* mov edx, [FLAG] */
              0xe8, LE32(CODE - (READER + 11)),   /* call CODE */
              0x39, 0xd0,                         /* cmp eax, edx */
              0x73, 0xf1,                         /* jae READER */
              0xf4);                              /* hlt */
    POKE_CODE(&p, WRITER, 0x41,                   /* inc ecx */
              0x89, 0x0d, LE32(CODE + 1),         /* mov [CODE + 1], ecx */
              0x89, 0x0d, LE32(FLAG),             /* mov [FLAG], ecx */
              0xeb, 0xf1);                        /* jmp WRITER */
    p.cpu[0]->rip = READER;
    p.cpu[0]->gpr[RDX] = 0;
    p.cpu[1]->rip = WRITER;
    GThread *thread = g_thread_new("writer", run_second, &p);
    while (p.cpu[0]->gpr[RDX] < 10000) {
        cpu_run(p.cpu[0], 2000);
        g_assert_cmpint(p.cpu[0]->activity, ==, CPU_RUNNING);
    }
    cpu_kick(p.cpu[1], PENDING_EXIT);
    g_thread_join(thread);
    pair_free(&p);
}

/* The same where a device writes: the I/O thread, which is in no CPU. */
static void test_dma_to_running_code(void)
{
    Pair p = pair_new(MIB);
    POKE_CODE(&p, WRITER, 0x90, 0xeb, 0xfd); /* nop; jmp $-1 */
    p.cpu[1]->rip = WRITER;
    GThread *thread = g_thread_new("cpu", run_second, &p);
    const uint8_t *flags = address_space_page(&p.t->board->memory, WRITER).page_flags;
    while (!(__atomic_load_n(flags, __ATOMIC_SEQ_CST) & PAGE_HAS_CODE))
        g_thread_yield();
    test_poke(p.t, WRITER, 0xf4, 1); /* hlt */
    g_thread_join(thread);
    g_assert_cmpint(p.cpu[1]->activity, ==, CPU_HALTED);
    pair_free(&p);
}

/* Both decode new pages all the time, in opposite order: neither waits for ever. */
static void test_two_decoders(void)
{
    enum { FIRST = 0x10000, PAGES = 1500 };
    Pair p = pair_new(8 * MIB);
    for (unsigned n = 0; n < PAGES; n++) {
        PhysAddr at = FIRST + n * PAGE_SIZE;
        uint32_t to_next = n == PAGES - 1 ? -6u : PAGE_SIZE - 6;
        uint32_t to_last = n == 0 ? -6u : -(uint32_t)PAGE_SIZE - 6;
        POKE_CODE(&p, at, 0x40, 0xe9, LE32(to_next));        /* inc eax; jmp to the next page */
        POKE_CODE(&p, at + 0x80, 0x40, 0xe9, LE32(to_last)); /* the other way */
    }
    p.cpu[0]->rip = FIRST;
    p.cpu[1]->rip = FIRST + (PAGES - 1) * PAGE_SIZE + 0x80;
    GThread *thread = g_thread_new("cpu", run_second, &p);
    cpu_run(p.cpu[0], 2 * PAGES);
    cpu_kick(p.cpu[1], PENDING_EXIT);
    g_thread_join(thread);
    g_assert_cmpuint(p.cpu[0]->gpr[RAX], ==, PAGES);
    pair_free(&p);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/group/fast-store-of-other-cpu", test_fast_store_of_other_cpu);
    g_test_add_func("/group/fast-store-to-second-page", test_fast_store_to_second_page);
    g_test_add_func("/group/flag-belongs-to-all", test_flag_belongs_to_all);
    g_test_add_func("/group/decoder-waits", test_decoder_waits);
    g_test_add_func("/group/cross-modifying-threads", test_cross_modifying_threads);
    g_test_add_func("/group/dma-to-running-code", test_dma_to_running_code);
    g_test_add_func("/group/two-decoders", test_two_decoders);
    return g_test_run();
}
