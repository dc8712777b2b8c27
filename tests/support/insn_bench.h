/* insn_bench.h - a bare CPU with RAM in one of its modes, and tables of single-instruction cases.
 *
 * Memory:   00000  IVT of real mode              60000  IDT, 61000 GDT
 *           10000  code, filled with HLT         70000  page tables: 1 GiB identity, 2 MiB pages
 *           20000  data                      10000000  64 KiB more, where a host may have data too
 *           30000  stack, growing down
 *           50000  exception stubs: HLT each 16 bytes
 *
 * In 16-bit (real) mode DS and ES have base 20000, SS has base 20000 and CS 10000, so that offsets
 * are small; in the other modes all segments are flat. */
#ifndef MYNA_TESTS_SUPPORT_INSN_BENCH_H
#define MYNA_TESTS_SUPPORT_INSN_BENCH_H

#include "cpu/cpu.h"
#include "cpu/group.h"

enum {
    TEST_CODE = 0x10000,
    TEST_DATA = 0x20000,
    TEST_STACK = 0x30000,
    TEST_HIGH = 0x10000000,
    INSN_BENCH_PAGE_DIRECTORY = 0x72000, /* of the first GiB, 2 MiB an entry */
    TEST_HIGH_SIZE = 0x10000,
    INSN_BENCH_SHUTDOWN = 32, /* instead of a vector: triple fault, or no HLT reached */
};

typedef struct InsnBench {
    Cpu *cpu;
    CpuGroup group;
    Lock lock;
    Clock *clock;
    MemRegion root, ram, high, port_root, port_regs;
    AddressSpace memory, ports;
    uint32_t port_value; /* what ports read, and what was last written */
    uint16_t port_last;
    CodeSize code_size;
} InsnBench;

/* `model` as in -cpu. */
InsnBench *insn_bench_new(const char *model);
void insn_bench_free(InsnBench *t);

/* Puts the CPU into real, 32-bit protected or 64-bit mode at CPL 0, registers zero, RSP at the
 * stack. */
void insn_bench_enter(InsnBench *t, CodeSize mode);

void insn_bench_write(InsnBench *t, PhysAddr pa, const void *data, size_t size);
uint64_t insn_bench_read(InsnBench *t, PhysAddr pa, unsigned size);

/* Runs `code` from TEST_CODE until a HLT. Returns the vector of an exception, or -1. rip is left
 * after the last byte executed before the HLT, as an offset from TEST_CODE. */
int insn_bench_run(InsnBench *t, const void *code, size_t size);

/* Executes one decoded instruction bound to this CPU as the run loop would, without delivering what
 * it raises. Returns the vector of an exception, or -1. */
int insn_bench_step(InsnBench *t, const Insn *insn);

/* --- tables -------------------------------------------------------------------------------- */

enum {
    CF = FLAG_CF,
    PF = FLAG_PF,
    AF = FLAG_AF,
    ZF = FLAG_ZF,
    SF = FLAG_SF,
    OF = FLAG_OF,
    DF = FLAG_DF,
};

typedef enum ItemKind {
    ITEM_NONE,
    ITEM_REG,
    ITEM_FLAGS,
    ITEM_MEM,
    ITEM_RIP,
    ITEM_RAISES,
    ITEM_XMM,
    ITEM_YMM_HIGH,
    ITEM_MXCSR,
    ITEM_ST,
    ITEM_FPU,
} ItemKind;

typedef struct Item {
    ItemKind kind;
    uint32_t where; /* register, undefined flags, or address */
    unsigned size;  /* of memory */
    uint64_t value;
    uint64_t high; /* of vectors; sign and exponent of ST(i) */
} Item;

#define R(reg, value)           \
    {                           \
        ITEM_REG, reg, 0, value \
    }
#define FL(flags)               \
    {                           \
        ITEM_FLAGS, 0, 0, flags \
    }
#define FL_UNDEF(flags, undefined)      \
    {                                   \
        ITEM_FLAGS, undefined, 0, flags \
    }
#define M(address, size, value)        \
    {                                  \
        ITEM_MEM, address, size, value \
    }
#define IP(offset)             \
    {                          \
        ITEM_RIP, 0, 0, offset \
    }
#define RAISES(vector)            \
    {                             \
        ITEM_RAISES, 0, 0, vector \
    }
/* xmm, and the upper half of ymm */
#define X(reg, high, low)           \
    {                               \
        ITEM_XMM, reg, 0, low, high \
    }
#define YH(reg, high, low)               \
    {                                    \
        ITEM_YMM_HIGH, reg, 0, low, high \
    }
#define MXCSR(value)            \
    {                           \
        ITEM_MXCSR, 0, 0, value \
    }
/* ST(i) after all of these are there: sign and exponent, significand */
#define ST(i, se, mant)         \
    {                           \
        ITEM_ST, i, 0, mant, se \
    }
/* control word, status word with TOP, one bit for each register that is not empty */
#define FPU(cw, sw, tags)                                          \
    {                                                              \
        ITEM_FPU, 0, 0, (cw) | (sw) << 16 | (uint64_t)(tags) << 32 \
    }
#define CODE(...) .code = {__VA_ARGS__}, .length = sizeof((uint8_t[]){__VA_ARGS__})

/* One instruction: what must be before, and all that must be different after. Flags not told after
 * are as before. */
typedef struct InsnCase {
    const char *text;
    uint8_t code[16];
    uint8_t length;
    Item in[12];
    Item out[12];
} InsnCase;

void insn_bench_check(InsnBench *t, CodeSize mode, const InsnCase *cases, size_t count);

#endif
