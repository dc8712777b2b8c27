/* alu.c - two-operand arithmetic and logic, and their one-operand relatives. [SDM2].
 *
 * The operations themselves are in alu_priv.h; here they meet operands of any kind. */
#include "cpu/exec/alu_priv.h"

/* Operand 0 := fn(operand 0, operand 1), flags from the result. */
static ALWAYS_INLINE void alu_two(Cpu *cpu, const Insn *insn, AluFn *fn)
{
    unsigned size = insn->op[0].size;
    uint64_t src = source_read(cpu, insn, 1, size);
    AluOut out;
    Rmw m;
    do {
        uint64_t dest = rmw_begin(cpu, insn, &m);
        out = fn(cpu, size, dest, src);
    } while (!rmw_commit(cpu, insn, &m, truncate_to(out.value, size)));
    alu_set_flags(cpu, size, out);
}

/* Operand 0 := fn(operand 0). */
static ALWAYS_INLINE void alu_one(Cpu *cpu, const Insn *insn, AluFn *fn)
{
    unsigned size = insn->op[0].size;
    AluOut out;
    Rmw m;
    do {
        out = fn(cpu, size, rmw_begin(cpu, insn, &m), 0);
    } while (!rmw_commit(cpu, insn, &m, truncate_to(out.value, size)));
    alu_set_flags(cpu, size, out);
}

/* Flags of fn(operand 0, operand 1), which stay as they are. */
static ALWAYS_INLINE void alu_compare(Cpu *cpu, const Insn *insn, AluFn *fn)
{
    unsigned size = insn->op[0].size;
    uint64_t src = source_read(cpu, insn, 1, size);
    alu_set_flags(cpu, size, fn(cpu, size, op_read(cpu, insn, 0), src));
}

/* clang-format off */
EXEC(ADD)  { alu_two(cpu, insn, alu_ADD); }
EXEC(ADC)  { alu_two(cpu, insn, alu_ADC); }
EXEC(SUB)  { alu_two(cpu, insn, alu_SUB); }
EXEC(SBB)  { alu_two(cpu, insn, alu_SBB); }
EXEC(AND)  { alu_two(cpu, insn, alu_AND); }
EXEC(OR)   { alu_two(cpu, insn, alu_OR); }
EXEC(XOR)  { alu_two(cpu, insn, alu_XOR); }
EXEC(CMP)  { alu_compare(cpu, insn, alu_SUB); }
EXEC(TEST) { alu_compare(cpu, insn, alu_AND); }
EXEC(NEG)  { alu_one(cpu, insn, alu_NEG); }
EXEC(INC)  { alu_one(cpu, insn, alu_INC); }
EXEC(DEC)  { alu_one(cpu, insn, alu_DEC); }
/* clang-format on */

/* NOT touches no flag. */
EXEC(NOT)
{
    Rmw m;
    uint64_t value;
    do {
        value = truncate_to(~rmw_begin(cpu, insn, &m), insn->op[0].size);
    } while (!rmw_commit(cpu, insn, &m, value));
}

/* --- two carry chains. [SDM2] ADCX, ADOX: one reads and writes CF only, the other OF only -- */

static ALWAYS_INLINE void add_with_one_flag(Cpu *cpu, const Insn *insn, uint32_t flag)
{
    unsigned size = insn->op[0].size;
    uint64_t a = op_read(cpu, insn, 0), b = op_read(cpu, insn, 1);
    uint64_t r = a + b + ((flags_arith(cpu) & flag) != 0);
    bool carry = bit_get((a & b) | ((a | b) & ~r), size * 8 - 1);
    op_write(cpu, insn, 0, r);
    flags_replace(cpu, carry ? flag : 0, flag);
}

EXEC(ADCX)
{
    add_with_one_flag(cpu, insn, FLAG_CF);
}

EXEC(ADOX)
{
    add_with_one_flag(cpu, insn, FLAG_OF);
}
