/* The run loop and the cache of decoded blocks on a bare CPU: counting, self-modifying code,
 * instructions across pages, memory map changes, shadows. */
#include "tests/support/testcpu.h"

#include "cpu/block.h"
#include "cpu/model.h"

enum { CODE = 0x1000, DATA = 0x8000, STACK = 0x9000 };

typedef struct Bytes {
    const uint8_t *at;
    size_t size;
} Bytes;
#define BYTES(...) ((Bytes){(const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})})

static TestCpu *with_code(CpuMode mode, PhysAddr at, Bytes code)
{
    TestCpu *t = test_cpu_new("max", 4 * MIB);
    test_cpu_flat(t, mode, 0);
    address_space_write(&t->board->memory, at, code.at, code.size);
    t->cpu->rip = at;
    t->cpu->gpr[RSP] = STACK;
    return t;
}

/* A budget of n retires exactly n instructions, wherever blocks end. */
static void test_exact_count(void)
{
    /* inc eax; inc eax; jmp $-6 */
    TestCpu *t = with_code(CPU_PROTECTED, CODE, BYTES(0xff, 0xc0, 0xff, 0xc0, 0xeb, 0xfa));
    uint64_t total = 0;
    for (unsigned budget = 1; budget < 40; budget++) {
        g_assert_cmpuint(cpu_run(t->cpu, budget), ==, budget);
        total += budget;
        g_assert_cmpuint(cpu_insn_count(t->cpu), ==, total);
        g_assert_cmpuint(t->cpu->gpr[RAX], ==, total - total / 3);
    }
    test_cpu_free(t);
}

/* An instruction that rewrites the next one: the new bytes run. */
static void test_modify_next(void)
{
    /* mov byte [CODE+7], 0x42 (inc edx); inc eax -> inc edx; nop... */
    TestCpu *t = with_code(CPU_PROTECTED, CODE,
                           BYTES(0xc6, 0x05, 0x07, 0x10, 0x00, 0x00, 0x42, 0x40, 0x90, 0x90));
    cpu_run(t->cpu, 2);
    g_assert_cmpuint(t->cpu->gpr[RAX], ==, 0);
    g_assert_cmpuint(t->cpu->gpr[RDX] & 0xff, ==, (cpu_model_signature(t->cpu->model) + 1) & 0xff);
    test_cpu_free(t);
}

/* Code that ran is rewritten by a bus master. */
static void test_modify_by_dma(void)
{
    /* inc eax; jmp $-1 */
    TestCpu *t = with_code(CPU_PROTECTED, CODE, BYTES(0x40, 0xeb, 0xfd));
    cpu_run(t->cpu, 10);
    g_assert_cmpuint(t->cpu->gpr[RAX], ==, 5);
    test_poke(t, CODE, 0x41, 1); /* inc ecx */
    cpu_run(t->cpu, 10);
    g_assert_cmpuint(t->cpu->gpr[RAX], ==, 5);
    g_assert_cmpuint(t->cpu->gpr[RCX], ==, 5);
    test_cpu_free(t);
}

/* Code that stands in the page tables changes when a walk sets accessed bits in it. */
static void test_modify_by_walk(void)
{
    enum { DIRECTORY = 0x10000, TABLE = 0x11000, P = 1, W = 2, ACCESSED = 0x20 };
    TestCpu *t = with_code(CPU_PROTECTED, CODE, BYTES(0x90));
    for (unsigned i = 0; i < 1024; i++)
        test_poke(t, TABLE + 4 * i, i * PAGE_SIZE | P | W, 4);
    test_poke(t, DIRECTORY, TABLE | P | W, 4);
    /* The entry of page 90h begins 03 00 09 00: add eax, [eax]; or [eax], eax. With the bit set,
     * 23 00: and eax, [eax]. */
    PhysAddr entry = TABLE + 4 * 0x90;
    t->cpu->cr3 = DIRECTORY;
    t->cpu->cr0 |= CR0_PG;
    cpu_update_mode(t->cpu);
    t->cpu->gpr[RAX] = DATA;
    test_poke(t, DATA, 1, 4);
    t->cpu->rip = entry;
    cpu_run(t->cpu, 1);
    g_assert_cmphex(t->cpu->gpr[RAX], ==, DATA + 1);
    mem_load(t->cpu, 0x90 * PAGE_SIZE, 1);
    g_assert_cmphex(test_peek(t, entry, 1), ==, P | W | ACCESSED);
    t->cpu->gpr[RAX] = DATA;
    t->cpu->rip = entry;
    cpu_run(t->cpu, 1);
    g_assert_cmphex(t->cpu->gpr[RAX], ==, 0);
    test_cpu_free(t);
}

/* A page that stops holding code becomes fast to write again, and data beside code stays right. */
static void test_code_page_becomes_data(void)
{
    TestCpu *t = with_code(CPU_PROTECTED, CODE, BYTES(0x40, 0xeb, 0xfd));
    cpu_run(t->cpu, 10);
    mem_store(t->cpu, CODE + 0x800, 0x1234, 2); /* beside the code */
    cpu_run(t->cpu, 10);
    g_assert_cmpuint(t->cpu->gpr[RAX], ==, 10);
    g_assert_cmphex(test_peek(t, CODE + 0x800, 2), ==, 0x1234);
    g_assert_true(*address_space_page(&t->board->memory, CODE).page_flags & PAGE_HAS_CODE);
    mem_store(t->cpu, CODE, 0x9090, 2);
    g_assert_false(*address_space_page(&t->board->memory, CODE).page_flags & PAGE_HAS_CODE);
    test_cpu_free(t);
}

/* An instruction whose last byte lies in the next page, and a change of that byte. */
static void test_crossing_instruction(void)
{
    PhysAddr at = 0x2000 - 3;
    /* mov eax, 0x11223344: opcode and two bytes here, two there; then jmp back */
    TestCpu *t = with_code(CPU_PROTECTED, at, BYTES(0xb8, 0x44, 0x33, 0x22, 0x11, 0xeb, 0xf9));
    cpu_run(t->cpu, 4);
    g_assert_cmphex(t->cpu->gpr[RAX], ==, 0x11223344);
    mem_store(t->cpu, 0x2001, 0x99, 1);
    cpu_run(t->cpu, 2);
    g_assert_cmphex(t->cpu->gpr[RAX], ==, 0x99223344);
    test_cpu_free(t);
}

/* ROM over RAM at the code's address: the other bytes run at once. */
static void test_map_change(void)
{
    TestCpu *t = with_code(CPU_PROTECTED, CODE, BYTES(0x40, 0xeb, 0xfd));
    cpu_run(t->cpu, 10);
    static const uint8_t other[] = {0x41, 0xeb, 0xfd};
    MemRegion rom;
    GError *err = NULL;
    g_assert_true(mem_init_rom(&rom, "rom", other, sizeof(other), &err));
    mem_add(&t->board->memory_root, CODE, &rom, 1);
    cpu_run(t->cpu, 10);
    g_assert_cmpuint(t->cpu->gpr[RAX], ==, 5);
    g_assert_cmpuint(t->cpu->gpr[RCX], ==, 5);
    mem_fini(&rom);
    test_cpu_free(t);
}

/* Code whose translation is evicted by its own data again and again is decoded once. */
static void test_evicted_code(void)
{
    enum { SAME_SLOT = CODE + TLB_SMALLEST * PAGE_SIZE };
    /* mov [SAME_SLOT], eax; jmp $-5 */
    TestCpu *t = test_cpu_new("max", 8 * MIB);
    test_cpu_flat(t, CPU_PROTECTED, 0);
    test_poke(t, CODE, 0xa3 | (uint64_t)SAME_SLOT << 8, 5);
    test_poke(t, CODE + 5, 0xf9eb, 2);
    t->cpu->rip = CODE;
    cpu_run(t->cpu, 10);
    uint64_t bytes = code_cache_bytes(t->cpu->code);
    cpu_run(t->cpu, 1000);
    g_assert_cmpuint(code_cache_bytes(t->cpu->code), ==, bytes);
    test_cpu_free(t);
}

/* The same code under a smaller CS limit: what lies within still runs, the rest is #GP(0). */
static void test_shrinking_limit(void)
{
    /* inc eax; inc ecx; inc edx; jmp $-3 */
    TestCpu *t = with_code(CPU_PROTECTED, CODE, BYTES(0x40, 0x41, 0x42, 0xeb, 0xfb));
    uint32_t edx = t->cpu->gpr[RDX];
    cpu_run(t->cpu, 4);
    Segment *cs = &t->cpu->seg[SEG_CS];
    cs->limit = CODE + 1;
    segment_update(cs);
    t->cpu->idtr.limit = 0; /* nothing can be delivered: a triple fault */
    cpu_run(t->cpu, 4);
    g_assert_cmpuint(t->cpu->gpr[RAX], ==, 2);
    g_assert_cmpuint(t->cpu->gpr[RCX], ==, 2);
    g_assert_cmpuint(t->cpu->gpr[RDX], ==, edx + 1);
    g_assert_cmpuint(t->triple_faults, ==, 1);
    test_cpu_free(t);
}

/* 32-bit code at the end of its 4 GiB goes on at EIP 0, within an instruction too. [SDM3] "Limit
 * Checking" leaves open what a limit of FFFFFFFFh does; there is nothing beyond EIP's 32 bits. */
static void test_eip_wrap(void)
{
    static const uint32_t bases[] = {0x2000, 0x2100}; /* the wrap at a page's end, and within one */
    for (unsigned i = 0; i < G_N_ELEMENTS(bases); i++) {
        /* inc ecx | inc eax */
        TestCpu *t = with_code(CPU_PROTECTED, bases[i] - 1, BYTES(0x41, 0x40));
        t->cpu->seg[SEG_CS].base = bases[i];
        for (unsigned n = 1; n <= 2; n++) {
            t->cpu->rip = UINT32_MAX;
            cpu_run(t->cpu, 2);
            g_assert_cmpuint(t->cpu->gpr[RCX], ==, n);
            g_assert_cmpuint(t->cpu->gpr[RAX], ==, n);
        }
        /* mov eax, 0x12345678 | inc ecx; call $+0 */
        Bytes mov = BYTES(0xb8, 0x78, 0x56, 0x34, 0x12, 0x41, 0xe8, 0, 0, 0, 0);
        address_space_write(&t->board->memory, bases[i] - 1, mov.at, mov.size);
        t->cpu->rip = UINT32_MAX;
        cpu_run(t->cpu, 3);
        g_assert_cmphex(t->cpu->gpr[RAX], ==, 0x12345678);
        g_assert_cmphex(mem_load(t->cpu, t->cpu->gpr[RSP], 4), ==, 10); /* pushed EIP */
        g_assert_cmphex(t->cpu->rip, ==, 10);
        g_assert_cmpuint(t->triple_faults, ==, 0);
        test_cpu_free(t);
    }
}

/* 16-bit code does not wrap: the limit of 64 KiB ends it. [SDM3] "8086 Emulation". */
static void test_ip_end(void)
{
    TestCpu *t = test_cpu_new("max", 4 * MIB);
    Cpu *cpu = t->cpu;
    test_poke(t, 0x1ffff, 0x90, 1);
    cpu->seg[SEG_CS] = cpu->seg[SEG_DS];
    cpu->seg[SEG_CS].base = 0x10000;
    cpu->seg[SEG_CS].selector = 0x1000;
    cpu_update_mode(cpu);
    cpu->rip = 0xffff;
    cpu->gpr[RSP] = STACK;
    test_poke(t, EXC_GP * 4, 0x02000300, 4); /* its handler: 200h:300h */
    test_poke(t, 0x2300, 0x90, 1);
    cpu_run(cpu, 3); /* nop, the fault, the handler's nop */
    g_assert_cmphex(cpu->seg[SEG_CS].selector, ==, 0x200);
    g_assert_cmphex(cpu->rip, ==, 0x301);
    g_assert_cmphex(test_peek(t, STACK - 6, 4), ==, 0x10000000); /* 1000h:0 */
    test_cpu_free(t);
}

static int give_vector(void *opaque)
{
    (*(unsigned *)opaque)++;
    return 0x40;
}

/* STI holds interrupts off for one instruction more. [SDM2] STI. */
static void test_sti_shadow(void)
{
    /* sti; inc eax; inc eax */
    TestCpu *t = with_code(CPU_PROTECTED, CODE, BYTES(0xfb, 0x40, 0x40, 0x40));
    Cpu *cpu = t->cpu;
    unsigned taken = 0;
    static const IntcOps ops = {.acknowledge = give_vector};
    cpu->bus.intc_ops = &ops;
    cpu->bus.intc = &taken;
    /* IDT entry 40h: 32-bit interrupt gate to 8:3000 */
    cpu->idtr = (DescriptorTable){.base = 0x6000, .limit = 0x7ff};
    cpu->gdtr = (DescriptorTable){.base = 0x7000, .limit = 0xff};
    test_poke(t, 0x6000 + 0x40 * 8, 0x00008e0000083000, 8);
    test_poke(t, 0x7008, 0x00cf9b000000ffff, 8);
    cpu_set_line(cpu, CPU_LINE_INTR, 1);
    cpu_run(cpu, 2);
    g_assert_cmpuint(taken, ==, 0);
    g_assert_cmpuint(cpu->gpr[RAX], ==, 1);
    test_poke(t, 0x3000, 0x9090, 2);
    cpu_run(cpu, 1);
    g_assert_cmpuint(taken, ==, 1);
    g_assert_cmpuint(cpu->gpr[RAX], ==, 1);
    g_assert_cmphex(mem_load(cpu, cpu->gpr[RSP], 4), ==, CODE + 2); /* pushed EIP */
    test_cpu_free(t);
}

/* At reset CS is read and write data: code stores through it. [SDM3] "Processor State After Reset".
 */
static void test_code_segment_of_reset(void)
{
    TestCpu *t = test_cpu_new("max", MIB);
    t->cpu->seg[SEG_CS].base = CODE; /* as a start-up IPI leads there */
    t->cpu->rip = 0;
    test_poke(t, CODE, 0x0010a22e, 4); /* mov cs:[10h], al */
    t->cpu->gpr[RAX] = 0x5a;
    cpu_run(t->cpu, 1);
    g_assert_cmphex(test_peek(t, CODE + 0x10, 1), ==, 0x5a);
    test_cpu_free(t);
}

/* The 15-byte limit: #GP, and the CS limit: #GP at the instruction. */
static void test_fetch_faults(void)
{
    static const uint8_t prefixes[16] = {0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
                                         0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90};
    TestCpu *t = with_code(CPU_PROTECTED, CODE, (Bytes){prefixes, sizeof(prefixes)});
    cpu_run(t->cpu, 1); /* no IDT: ends in shutdown */
    g_assert_cmpint(t->cpu->raised.vector, !=, -1);
    g_assert_cmpuint(t->triple_faults, ==, 1);
    g_assert_cmpint(t->cpu->activity, ==, CPU_SHUTDOWN);
    test_cpu_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/run/exact-count", test_exact_count);
    g_test_add_func("/run/modify-next", test_modify_next);
    g_test_add_func("/run/modify-by-dma", test_modify_by_dma);
    g_test_add_func("/run/modify-by-walk", test_modify_by_walk);
    g_test_add_func("/run/code-page-becomes-data", test_code_page_becomes_data);
    g_test_add_func("/run/crossing-instruction", test_crossing_instruction);
    g_test_add_func("/run/map-change", test_map_change);
    g_test_add_func("/run/evicted-code", test_evicted_code);
    g_test_add_func("/run/shrinking-limit", test_shrinking_limit);
    g_test_add_func("/run/eip-wrap", test_eip_wrap);
    g_test_add_func("/run/ip-end", test_ip_end);
    g_test_add_func("/run/sti-shadow", test_sti_shadow);
    g_test_add_func("/run/code-segment-of-reset", test_code_segment_of_reset);
    g_test_add_func("/run/fetch-faults", test_fetch_faults);
    return g_test_run();
}
