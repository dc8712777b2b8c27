/* exec.h - what exec functions are written with.
 *
 * EXEC(ADD) { ... } defines exec_ADD(cpu, insn). When it runs:
 *   - cpu->rip already points past the instruction; cpu->insn is the instruction;
 *   - CPUID gating, ATTR_CPL0, ATTR_PROT, LOCK legality, and the CR0/CR4/XCR0 rules named by
 * ATTR_SSE, ATTR_MMX, ATTR_X87, ATTR_AVX were already applied (cpu/bind.c); ATTR_WAIT too;
 *   - a raise abandons the instruction: rip is put back by the run loop, so nothing else may have
 * been changed before the last thing that can fault. Operands come by number, as in the row. A
 * memory operand is addressed, segment-checked, loaded and stored by op_read and op_write;
 * read-modify-write goes through Rmw, which checks for writing before it reads, and does LOCK.
 *
 *     EXEC(ADD)
 *     {
 *         uint64_t src = op_read(cpu, insn, 1), dest, result;
 *         Rmw m;
 *         do {
 *             dest = rmw_begin(cpu, insn, &m);
 *             result = dest + src;
 *         } while (!rmw_commit(cpu, insn, &m, result));
 *         flags_add(cpu, insn->op[0].size, dest, src, result);
 *     }
 */
#ifndef MYNA_CPU_EXEC_H
#define MYNA_CPU_EXEC_H

#include "cpu/flags.h"
#include "cpu/mem.h"

#define EXEC(NAME)                                \
    void exec_##NAME(Cpu *cpu, const Insn *insn); \
    void exec_##NAME(Cpu *cpu, const Insn *insn)

/* --- registers -------------------------------------------------------------------------------- */

static ALWAYS_INLINE uint64_t gpr_read(const Cpu *cpu, unsigned reg, unsigned size)
{
    switch (size) {
    case 1:
        return (uint8_t)cpu->gpr[reg];
    case 2:
        return (uint16_t)cpu->gpr[reg];
    case 4:
        return (uint32_t)cpu->gpr[reg];
    default:
        return cpu->gpr[reg];
    }
}

/* 32-bit writes clear the upper half; 8- and 16-bit writes keep the rest. */
static ALWAYS_INLINE void gpr_write(Cpu *cpu, unsigned reg, unsigned size, uint64_t v)
{
    switch (size) {
    case 1:
        cpu->gpr[reg] = (cpu->gpr[reg] & ~(uint64_t)0xff) | (uint8_t)v;
        break;
    case 2:
        cpu->gpr[reg] = (cpu->gpr[reg] & ~(uint64_t)0xffff) | (uint16_t)v;
        break;
    case 4:
        cpu->gpr[reg] = (uint32_t)v;
        break;
    default:
        cpu->gpr[reg] = v;
        break;
    }
}

/* AH, CH, DH, BH */
static ALWAYS_INLINE uint64_t gpr8h_read(const Cpu *cpu, unsigned reg)
{
    return (uint8_t)(cpu->gpr[reg] >> 8);
}

static ALWAYS_INLINE void gpr8h_write(Cpu *cpu, unsigned reg, uint64_t v)
{
    cpu->gpr[reg] = (cpu->gpr[reg] & ~(uint64_t)0xff00) | (uint64_t)(uint8_t)v << 8;
}

/* v cut to size bytes */
static ALWAYS_INLINE uint64_t truncate_to(uint64_t v, unsigned size)
{
    return size == 8 ? v : v & (((uint64_t)1 << size * 8) - 1);
}

/* --- the memory operand ----------------------------------------------------------------------- */

/* Its offset in its segment, cut to the address size. [SDM1] "Memory Operand Addressing". */
static ALWAYS_INLINE uint64_t insn_offset(const Cpu *cpu, const Insn *insn)
{
    uint64_t off = (int64_t)insn->disp;
    if (UNLIKELY(insn->has_moffs))
        off = insn->imm;
    if (insn->base < GPR_COUNT)
        off += cpu->gpr[insn->base];
    else if (insn->base == REG_IP)
        off += cpu->rip;
    if (insn->index < GPR_COUNT)
        off += cpu->gpr[insn->index] << insn->scale;
    return truncate_to(off, insn->addrsize);
}

/* Its linear address after the checks of an access of size bytes. */
static ALWAYS_INLINE LinAddr insn_linear(Cpu *cpu, const Insn *insn, unsigned size,
                                         MemAccess access)
{
    return seg_linear(cpu, insn->seg, insn_offset(cpu, insn), size, access);
}

/* --- operands of 1, 2, 4 or 8 bytes ----------------------------------------------------------- */

/* Zero extended to 64 bits (immediates: sign extended as decoded, then cut to size). */
static ALWAYS_INLINE uint64_t op_read(Cpu *cpu, const Insn *insn, unsigned n)
{
    const Operand *op = &insn->op[n];
    switch (op->kind) {
    case OPND_GPR:
        return gpr_read(cpu, op->reg, op->size);
    case OPND_GPR8H:
        return gpr8h_read(cpu, op->reg);
    case OPND_MEM:
        return mem_load(cpu, insn_linear(cpu, insn, op->size, ACCESS_READ), op->size);
    case OPND_IMM:
        return op->size ? truncate_to(insn->imm, op->size) : insn->imm;
    case OPND_IMM2:
        return insn->imm2;
    case OPND_ONE:
        return 1;
    default:
        g_assert_not_reached();
    }
}

static ALWAYS_INLINE void op_write(Cpu *cpu, const Insn *insn, unsigned n, uint64_t v)
{
    const Operand *op = &insn->op[n];
    switch (op->kind) {
    case OPND_GPR:
        gpr_write(cpu, op->reg, op->size, v);
        return;
    case OPND_GPR8H:
        gpr8h_write(cpu, op->reg, v);
        return;
    case OPND_MEM:
        mem_store(cpu, insn_linear(cpu, insn, op->size, ACCESS_WRITE), v, op->size);
        return;
    default:
        g_assert_not_reached();
    }
}

/* --- read-modify-write of operand 0 ----------------------------------------------------------- */

typedef struct Rmw {
    LinAddr la;
    uint8_t *host; /* plain RAM, or NULL */
    uint64_t old;
} Rmw;

/* Memory forms of the below (mem.c). Locked commits fail if memory changed meanwhile. */
uint64_t rmw_begin_memory(Cpu *cpu, const Insn *insn, Rmw *m);
bool rmw_commit_memory(Cpu *cpu, const Insn *insn, Rmw *m, uint64_t value);

/* Old value of operand 0, which was checked for writing. */
static ALWAYS_INLINE uint64_t rmw_begin(Cpu *cpu, const Insn *insn, Rmw *m)
{
    const Operand *op = &insn->op[0];
    if (op->kind == OPND_GPR)
        return gpr_read(cpu, op->reg, op->size);
    if (op->kind == OPND_GPR8H)
        return gpr8h_read(cpu, op->reg);
    return rmw_begin_memory(cpu, insn, m);
}

/* Writes operand 0; false: another CPU was faster under LOCK, begin again. */
static ALWAYS_INLINE bool rmw_commit(Cpu *cpu, const Insn *insn, Rmw *m, uint64_t value)
{
    const Operand *op = &insn->op[0];
    if (op->kind == OPND_GPR)
        gpr_write(cpu, op->reg, op->size, value);
    else if (op->kind == OPND_GPR8H)
        gpr8h_write(cpu, op->reg, value);
    else
        return rmw_commit_memory(cpu, insn, m, value);
    return true;
}

/* --- the stack -------------------------------------------------------------------------------- */

/* rSP cut to the stack size. */
static ALWAYS_INLINE uint64_t stack_pointer(const Cpu *cpu)
{
    return truncate_to(cpu->gpr[RSP], cpu->stack_size);
}

/* Writes as many bytes of RSP as the stack size says (32-bit stacks in long mode clear the top). */
static ALWAYS_INLINE void stack_set_pointer(Cpu *cpu, uint64_t sp)
{
    gpr_write(cpu, RSP, cpu->stack_size, sp);
}

/* Stores below rSP, then moves it: a fault leaves rSP. size 2, 4, 8. */
static ALWAYS_INLINE void stack_push(Cpu *cpu, uint64_t v, unsigned size)
{
    uint64_t sp = truncate_to(cpu->gpr[RSP] - size, cpu->stack_size);
    seg_store(cpu, SEG_SS, sp, v, size);
    stack_set_pointer(cpu, sp);
}

static ALWAYS_INLINE uint64_t stack_pop(Cpu *cpu, unsigned size)
{
    uint64_t sp = stack_pointer(cpu);
    uint64_t v = seg_load(cpu, SEG_SS, sp, size);
    stack_set_pointer(cpu, truncate_to(sp + size, cpu->stack_size));
    return v;
}

/* --- control flow ----------------------------------------------------------------------------- */

/* Near transfer to a new instruction pointer, already cut to the operand size: #GP(0) outside the
 * CS limit or if not canonical, with nothing changed. */
static ALWAYS_INLINE void branch_to(Cpu *cpu, uint64_t target)
{
    if (cpu->mode == CPU_LONG ? !cpu_is_canonical(cpu, target) : target > cpu->seg[SEG_CS].limit)
        raise_GP(cpu, 0);
    cpu->rip = target;
}

/* --- system parts other files give ------------------------------------------------------------ */

/* segment.c: loads a data, stack or code-independent segment register with every check of [SDM2]
 * MOV (to SS, DS, ...) and POP; real, V86 and protected rules. */
void segment_load(Cpu *cpu, SegReg seg, uint16_t selector);
/* Real-mode style load: base = selector << 4, the rest kept (real) or forced (V86). */
void segment_load_real(Cpu *cpu, SegReg seg, uint16_t selector);

/* interrupt.c */
typedef enum EventKind {
    EVENT_HARDWARE,  /* external interrupt, NMI: no error code, EXT in nested errors */
    EVENT_EXCEPTION, /* fault or trap of the CPU */
    EVENT_SOFTWARE,  /* INT n: DPL checked, V86 IOPL and VME rules */
    EVENT_ICEBP,     /* INT1: as hardware for DPL checks */
    EVENT_INT3_INTO, /* INT3, INTO: DPL checked, no V86 redirection by VME */
} EventKind;
/* Pushes and transfers. rip must be what is to be pushed. Faults inside raise again (the run loop
 * turns them into double and triple faults). */
void interrupt_deliver(Cpu *cpu, unsigned vector, EventKind kind, bool has_error, uint32_t error);

/* control registers, with every check and side effect (system.c, msr.c) */
void cr0_write(Cpu *cpu, uint64_t value);
void cr3_write(Cpu *cpu, uint64_t value);
void cr4_write(Cpu *cpu, uint64_t value);
void efer_write(Cpu *cpu, uint64_t value); /* raises #GP(0) */
void pkru_write(Cpu *cpu, uint32_t value);
/* the bits that may be set */
uint64_t cr4_supported(const Cpu *cpu);
uint64_t efer_supported(const Cpu *cpu);
uint64_t xcr0_supported(const Cpu *cpu); /* xstate.c */
uint64_t xss_supported(const Cpu *cpu);
uint32_t mxcsr_supported(const Cpu *cpu);
uint64_t msr_read(Cpu *cpu, uint32_t msr); /* raises #GP(0) */
void msr_write(Cpu *cpu, uint32_t msr, uint64_t value);
void cpuid(Cpu *cpu, uint32_t leaf, uint32_t subleaf, uint32_t out[4]); /* EAX EBX ECX EDX */

/* mmu.c */
void tlb_flush_all(Cpu *cpu);              /* global entries too */
void tlb_flush_non_global(Cpu *cpu);       /* CR3 load */
void tlb_flush_page(Cpu *cpu, LinAddr la); /* INVLPG */
/* PAE: loads PDPTE0-3 from CR3; false if a reserved bit is set (#GP(0) for MOV CR). */
bool mmu_load_pdptes(Cpu *cpu, uint64_t cr3);

/* Port I/O with permission checks done by io_check. size 1, 2, 4. Takes the machine lock. */
uint32_t port_load(Cpu *cpu, uint16_t port, unsigned size);
void port_store(Cpu *cpu, uint16_t port, uint32_t value, unsigned size);
/* #GP(0) unless IOPL or the TSS's I/O map allows. [SDM1] "I/O Port Addressing". */
void io_check(Cpu *cpu, uint16_t port, unsigned size);

/* x87: raise #MF or drive FERR# if an unmasked exception is pending (before waiting instructions).
 */
void x87_check_pending(Cpu *cpu);

/* debug.c: arms and checks breakpoints, reports TF traps. */
void debug_registers_changed(Cpu *cpu); /* after a write of DR0-3 or DR7 */
void debug_io_access(Cpu *cpu, uint16_t port, unsigned size);
/* From mem.c's slow path: data breakpoints on [la, la+size). */
void debug_data_access(Cpu *cpu, LinAddr la, unsigned size, MemAccess access);

/* smm.c */
void smm_enter(Cpu *cpu);

/* Host entropy for RDRAND; deterministic runs seed it. */
uint64_t cpu_random(Cpu *cpu);

#endif
