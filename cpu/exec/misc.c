/* misc.c - instructions that do little or nothing here, undefined ones, BOUND, random numbers.
 * [SDM2].
 *
 * Caches are not modelled, and guest memory is always coherent: cache-line operations do nothing
 * but fault as a read of their byte would. */
#include "cpu/exec.h"

#include <sys/random.h>

/* clang-format off */
EXEC(NOP)    { }
EXEC(LFENCE) { }
EXEC(SFENCE) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
EXEC(MFENCE) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
EXEC(SERIALIZE) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
EXEC(CLDEMOTE) { }
EXEC(UD0)    { raise_UD(cpu); }
EXEC(UD1)    { raise_UD(cpu); }
EXEC(UD2)    { raise_UD(cpu); }
/* clang-format on */

/* A CPU that spins waits for another one, whose host thread may be waiting for this one's core:
 * hypervisors look for loops of PAUSE for the same reason. [SDM3] "PAUSE-Loop Exiting". */
EXEC(PAUSE)
{
    cpu_spins(cpu);
}

static void touch_line(Cpu *cpu, const Insn *insn)
{
    mem_probe(cpu, insn_linear(cpu, insn, 1, ACCESS_READ), 1, ACCESS_READ);
}

/* clang-format off */
EXEC(CLFLUSH)    { touch_line(cpu, insn); }
EXEC(CLFLUSHOPT) { touch_line(cpu, insn); }
EXEC(CLWB)       { touch_line(cpu, insn); }
/* clang-format on */

/* --- direct stores: plain ones, for nothing is written later than it seems ------------------ */

EXEC(MOVDIRI)
{
    op_write(cpu, insn, 0, op_read(cpu, insn, 1));
}

/* 64 bytes to ES:reg, which has the address size and must be aligned. */
EXEC(MOVDIR64B)
{
    enum { SIZE = 64 };
    uint64_t off = gpr_read(cpu, insn->op[0].reg, insn->addrsize), line[SIZE / 8];
    LinAddr from = insn_linear(cpu, insn, SIZE, ACCESS_READ);
    LinAddr to = seg_linear(cpu, SEG_ES, off, SIZE, ACCESS_WRITE);
    if (to & (SIZE - 1))
        raise_GP(cpu, 0);
    for (unsigned i = 0; i < SIZE / 8; i++)
        line[i] = mem_load(cpu, linear_plus(cpu, from, 8 * i), 8);
    mem_probe(cpu, to, SIZE, ACCESS_WRITE);
    for (unsigned i = 0; i < SIZE / 8; i++)
        mem_store(cpu, linear_plus(cpu, to, 8 * i), line[i], 8);
}

/* --- bounds -------------------------------------------------------------------------------- */

/* #BR unless lower <= index <= upper, signed; the bounds are a pair in memory. */
EXEC(BOUND)
{
    unsigned size = insn->opsize, bits = size * 8;
    uint64_t off = insn_offset(cpu, insn);
    int64_t index = sign_extend(gpr_read(cpu, insn->op[0].reg, size), bits);
    int64_t lower = sign_extend(seg_load(cpu, insn->seg, off, size), bits);
    uint64_t next = truncate_to(off + size, insn->addrsize);
    int64_t upper = sign_extend(seg_load(cpu, insn->seg, next, size), bits);
    if (index < lower || index > upper)
        cpu_raise(cpu, EXC_BR, 0);
}

/* --- random numbers ------------------------------------------------------------------------ */

/* Scrambles a counter into 64 well mixed bits (the finalizer of splitmix64). */
static uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint64_t cpu_random(Cpu *cpu)
{
    uint64_t value;
    bool repeatable = clock_is_counted(cpu->bus.clock);
    if (!repeatable && getrandom(&value, sizeof(value), GRND_NONBLOCK) == sizeof(value))
        return value;
    /* A counted run must repeat itself: what it has done so far is the seed. */
    uint64_t where = cpu_insn_count(cpu) * 0x9e3779b97f4a7c15u;
    return mix(where ^ (uint64_t)cpu->index << 56 ^ (uint64_t)clock_now(cpu->bus.clock));
}

/* CF = 1: a number was there; the other five are cleared. */
static void random_write(Cpu *cpu, const Insn *insn)
{
    op_write(cpu, insn, 0, truncate_to(cpu_random(cpu), insn->op[0].size));
    flags_set_arith(cpu, FLAG_CF);
}

EXEC(RDRAND)
{
    random_write(cpu, insn);
}

EXEC(RDSEED)
{
    random_write(cpu, insn);
}
