/* data.c - moves, exchanges, conversions, and single flags. [SDM2]. */
#include "cpu/exec/alu_priv.h"
#include "cpu/exec/atomic16_priv.h"
#include "cpu/group.h"

/* clang-format off */
EXEC(MOV)    { op_write(cpu, insn, 0, source_read(cpu, insn, 1, insn->op[0].size)); }
EXEC(MOVNTI) { op_write(cpu, insn, 0, op_read(cpu, insn, 1)); }
EXEC(MOVZX)  { op_write(cpu, insn, 0, op_read(cpu, insn, 1)); }
EXEC(MOVSX)  { op_write(cpu, insn, 0, sign_extend(op_read(cpu, insn, 1), insn->op[1].size * 8)); }
EXEC(MOVSXD) { op_write(cpu, insn, 0, sign_extend(op_read(cpu, insn, 1), insn->op[1].size * 8)); }
EXEC(LEA)    { op_write(cpu, insn, 0, insn_offset(cpu, insn)); }
/* clang-format on */

/* AL := byte at rBX + AL. */
EXEC(XLAT)
{
    uint64_t off = truncate_to(cpu->gpr[RBX] + gpr_read(cpu, RAX, 1), insn->addrsize);
    gpr_write(cpu, RAX, 1, seg_load(cpu, insn->seg, off, 1));
}

/* AX from AL, EAX from AX, RAX from EAX. */
EXEC(CBW)
{
    unsigned size = insn->opsize;
    gpr_write(cpu, RAX, size, sign_extend(cpu->gpr[RAX], size * 4));
}

/* DX, EDX or RDX := the sign of the accumulator. */
EXEC(CWD)
{
    unsigned size = insn->opsize;
    gpr_write(cpu, RDX, size, sign_extend(cpu->gpr[RAX], size * 8) >> 63);
}

/* The source is read in any case, and a 32-bit destination always zero extended. */
EXEC(CMOVCC)
{
    uint64_t src = op_read(cpu, insn, 1);
    op_write(cpu, insn, 0, flags_condition(cpu, insn->opcode & 15) ? src : op_read(cpu, insn, 0));
}

EXEC(SETCC)
{
    op_write(cpu, insn, 0, flags_condition(cpu, insn->opcode & 15));
}

/* --- exchanges ----------------------------------------------------------------------------- */

/* An exchange with memory is locked whether it says so or not. [SDM3] "Automatic Locking". */
EXEC(XCHG)
{
    Insn locked = *insn;
    locked.lock = locked.op[0].kind == OPND_MEM;
    uint64_t src = op_read(cpu, insn, 1), dest;
    Rmw m;
    do {
        dest = rmw_begin(cpu, &locked, &m);
    } while (!rmw_commit(cpu, &locked, &m, src));
    op_write(cpu, insn, 1, dest);
}

/* With the same register twice the sum stays: the destination is written last. */
EXEC(XADD)
{
    unsigned size = insn->op[0].size;
    uint64_t src = op_read(cpu, insn, 1), dest;
    bool to_memory = insn->op[0].kind == OPND_MEM;
    AluOut out;
    Rmw m;
    do {
        dest = rmw_begin(cpu, insn, &m);
        out = alu_ADD(cpu, size, dest, src);
        if (!to_memory)
            op_write(cpu, insn, 1, dest);
    } while (!rmw_commit(cpu, insn, &m, truncate_to(out.value, size)));
    if (to_memory)
        op_write(cpu, insn, 1, dest);
    alu_set_flags(cpu, size, out);
}

/* On a mismatch memory gets its old value back (a write cycle in any case); a register is left
 * alone, its upper half too. */
EXEC(CMPXCHG)
{
    unsigned size = insn->op[0].size;
    uint64_t src = op_read(cpu, insn, 1), accumulator = gpr_read(cpu, RAX, size), dest;
    bool equal;
    Rmw m;
    do {
        dest = rmw_begin(cpu, insn, &m);
        equal = dest == accumulator;
        if (!equal && insn->op[0].kind != OPND_MEM)
            break;
    } while (!rmw_commit(cpu, insn, &m, equal ? src : dest));
    if (!equal)
        gpr_write(cpu, RAX, size, dest);
    alu_set_flags(cpu, size, alu_SUB(cpu, size, accumulator, dest));
}

static void set_zf(Cpu *cpu, bool zf)
{
    flags_replace(cpu, zf ? FLAG_ZF : 0, FLAG_ZF);
}

EXEC(CMPXCHG8B)
{
    uint64_t expected = gpr_read(cpu, RDX, 4) << 32 | gpr_read(cpu, RAX, 4);
    uint64_t desired = gpr_read(cpu, RCX, 4) << 32 | gpr_read(cpu, RBX, 4), old;
    Rmw m;
    do {
        old = rmw_begin(cpu, insn, &m);
    } while (!rmw_commit(cpu, insn, &m, old == expected ? desired : old));
    if (old != expected) {
        gpr_write(cpu, RAX, 4, old);
        gpr_write(cpu, RDX, 4, old >> 32);
    }
    set_zf(cpu, old == expected);
}

/* Sixteen bytes that are not plain RAM: device registers, code or watched pages. */
static Pair compare_exchange_slowly(Cpu *cpu, LinAddr la, Pair expected, Pair desired)
{
    cpu_group_alone(cpu);
    Pair old = {mem_load(cpu, la, 8), mem_load(cpu, la + 8, 8)};
    Pair value = pair_equal(old, expected) ? desired : old;
    mem_store(cpu, la, value.low, 8);
    mem_store(cpu, la + 8, value.high, 8);
    cpu_group_share(cpu);
    return old;
}

EXEC(CMPXCHG16B)
{
    Pair expected = {cpu->gpr[RAX], cpu->gpr[RDX]}, desired = {cpu->gpr[RBX], cpu->gpr[RCX]};
    LinAddr la = insn_linear(cpu, insn, 16, ACCESS_WRITE);
    if (la & 15)
        raise_GP(cpu, 0);
    mem_probe(cpu, la, 16, ACCESS_WRITE);
    uint8_t *host = mem_host(cpu, la, 16, ACCESS_WRITE);
    Pair old = host ? pair_compare_exchange(host, expected, desired)
                    : compare_exchange_slowly(cpu, la, expected, desired);
    bool equal = pair_equal(old, expected);
    if (!equal) {
        cpu->gpr[RAX] = old.low;
        cpu->gpr[RDX] = old.high;
    }
    set_zf(cpu, equal);
}

/* --- flags one by one ---------------------------------------------------------------------- */

/* clang-format off */
EXEC(CLC) { flag_set_cf(cpu, false); }
EXEC(STC) { flag_set_cf(cpu, true); }
EXEC(CMC) { flag_set_cf(cpu, !flag_cf(cpu)); }
EXEC(CLD) { cpu->eflags &= ~FLAG_DF; }
EXEC(STD) { cpu->eflags |= FLAG_DF; }
/* clang-format on */

/* AH := SF:ZF:0:AF:0:PF:1:CF */
EXEC(LAHF)
{
    gpr8h_write(cpu, RAX, eflags_get(cpu));
}

EXEC(SAHF)
{
    flags_replace(cpu, gpr8h_read(cpu, RAX), FLAGS_ARITH & 0xff);
}
