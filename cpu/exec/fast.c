/* fast.c - the hot forms: one body an instruction (alu_priv.h), many instances of it.
 *
 * An instance is the template of its shape with operand kinds, size and addressing as constants, so
 * that the compiler leaves only the work. fast.def says which instructions get instances.
 *
 * Here are the two-operand instructions; moves and the stack are in fast_move.c, branches and
 * conditions in fast_branch.c.
 *
 * Forms:       RR  register, register          R1  register, one (shifts)
 *              RI  register, immediate         MR  memory, register
 *              RM  register, memory            MI  memory, immediate
 * One-operand instructions use the RI and MI templates; their bodies do not look at the source. */
#include "cpu/exec/fast.h"

#include "cpu/exec/alu_priv.h"
#include "cpu/exec/fast_priv.h"

typedef enum Form { FORM_RR, FORM_RI, FORM_R1, FORM_RM, FORM_MR, FORM_MI, FORM_COUNT } Form;
enum { SIZE_COUNT = 4 }; /* index is log2 of the bytes */

/* What is done with operand 0, and whether flags are set. */
enum { READS = 1, WRITES = 2, FLAGS = 4, PRODUCT_FLAGS = 8 };

typedef struct FastRow {
    ExecFn *general;
    ExecFn *form[FORM_COUNT][EA_COUNT][SIZE_COUNT]; /* register forms under EA_SEGMENTED */
} FastRow;

/* --- bodies that need no alu_priv.h -------------------------------------------------------- */

static ALWAYS_INLINE AluOut alu_MOV(const Cpu *cpu, unsigned size, uint64_t a, uint64_t b)
{
    return (AluOut){b, 0};
}

static ALWAYS_INLINE AluOut alu_NOT(const Cpu *cpu, unsigned size, uint64_t a, uint64_t b)
{
    return (AluOut){~a, 0};
}

/* --- the template of two-operand instructions ---------------------------------------------- */

static ALWAYS_INLINE void two_operands(Cpu *cpu, const Insn *insn, ExecFn *general, AluFn *body,
                                       unsigned does, Form form, Addressing ea, unsigned size)
{
    bool memory_dest = form == FORM_MR || form == FORM_MI;
    uint8_t *host = NULL;
    if (memory_dest || form == FORM_RM) {
        MemAccess access = memory_dest && (does & WRITES) ? ACCESS_WRITE : ACCESS_READ;
        host = fast_host(cpu, insn, size, access, ea);
        if (UNLIKELY(!host)) {
            general(cpu, insn);
            return;
        }
    }
    uint64_t src, dest = 0;
    switch (form) {
    case FORM_RR:
    case FORM_MR:
        src = gpr_read(cpu, insn->op[1].reg, size);
        break;
    case FORM_RM:
        src = ram_load(host, size);
        break;
    case FORM_R1:
        src = 1;
        break;
    default:
        src = truncate_to(insn->imm, size);
        break;
    }
    if (does & READS)
        dest = memory_dest ? ram_load(host, size) : gpr_read(cpu, insn->op[0].reg, size);

    AluOut out = body(cpu, size, dest, src);

    if ((does & WRITES) && memory_dest)
        ram_store(host, out.value, size);
    else if (does & WRITES)
        gpr_write(cpu, insn->op[0].reg, size, out.value);
    if (does & FLAGS)
        alu_set_flags(cpu, size, out);
    if (does & PRODUCT_FLAGS)
        alu_set_product_flags(cpu, out.carries);
}

/* Shifts of a register by a constant or by CL. */
static ALWAYS_INLINE void shift_register(Cpu *cpu, const Insn *insn, ExecFn *general, AluFn *body,
                                         unsigned does, Form form, Addressing ea, unsigned size)
{
    unsigned count = 1;
    if (form != FORM_R1)
        count = shift_count(size, form == FORM_RR ? cpu->gpr[RCX] : insn->imm);
    if (UNLIKELY(count == 0)) {
        general(cpu, insn);
        return;
    }
    AluOut out = body(cpu, size, gpr_read(cpu, insn->op[0].reg, size), count);
    gpr_write(cpu, insn->op[0].reg, size, out.value);
    alu_set_flags(cpu, size, out);
}

/* --- instances of the two templates -------------------------------------------------------- */

/* X(NAME, template, body, does, form, addressing, size) for every instance of a shape. */
/* clang-format off */
#define SIZES(X, ...) \
    X(__VA_ARGS__, 1) X(__VA_ARGS__, 2) X(__VA_ARGS__, 4) X(__VA_ARGS__, 8)
/* clang-format on */
#define IN_REGISTERS(X, N, T, B, D, form) SIZES(X, N, T, B, D, form, SEGMENTED)
#define IN_MEMORY(X, N, T, B, D, form)    \
    SIZES(X, N, T, B, D, form, SEGMENTED) \
    SIZES(X, N, T, B, D, form, SHORT)     \
    SIZES(X, N, T, B, D, form, FLAT)      \
    SIZES(X, N, T, B, D, form, BASE)

#define TWO_FORMS(X, N, B, D)                  \
    IN_REGISTERS(X, N, two_operands, B, D, RR) \
    IN_REGISTERS(X, N, two_operands, B, D, RI) \
    IN_MEMORY(X, N, two_operands, B, D, RM)    \
    IN_MEMORY(X, N, two_operands, B, D, MR)    \
    IN_MEMORY(X, N, two_operands, B, D, MI)
#define LOAD_FORMS(X, N, B, D)                 \
    IN_REGISTERS(X, N, two_operands, B, D, RR) \
    IN_MEMORY(X, N, two_operands, B, D, RM)
#define ONE_FORMS(X, N, B, D)                  \
    IN_REGISTERS(X, N, two_operands, B, D, RI) \
    IN_MEMORY(X, N, two_operands, B, D, MI)
#define SHIFT_FORMS(X, N, B, D)                  \
    IN_REGISTERS(X, N, shift_register, B, D, RR) \
    IN_REGISTERS(X, N, shift_register, B, D, RI) \
    IN_REGISTERS(X, N, shift_register, B, D, R1)

#define DEFINE(N, template, body, does, form, ea, size)                        \
    static void fast_##N##_##form##_##ea##_##size(Cpu *cpu, const Insn *insn)  \
    {                                                                          \
        template(cpu, insn, exec_##N, body, does, FORM_##form, EA_##ea, size); \
    }
#define DECLARE_AND_DEFINE(forms, N, B, D) \
    ExecFn exec_##N;                       \
    forms(DEFINE, N, B, D)
#define FAST_TWO(N, B, D)   DECLARE_AND_DEFINE(TWO_FORMS, N, B, D)
#define FAST_LOAD(N, B, D)  DECLARE_AND_DEFINE(LOAD_FORMS, N, B, D)
#define FAST_ONE(N, B, D)   DECLARE_AND_DEFINE(ONE_FORMS, N, B, D)
#define FAST_SHIFT(N, B, D) DECLARE_AND_DEFINE(SHIFT_FORMS, N, B, D)
#include "cpu/exec/fast.def"
#undef FAST_TWO
#undef FAST_LOAD
#undef FAST_ONE
#undef FAST_SHIFT

#define LOG2_1 0
#define LOG2_2 1
#define LOG2_4 2
#define LOG2_8 3
#define ENTRY(N, template, body, does, form, ea, size) \
    [FORM_##form][EA_##ea][LOG2_##size] = fast_##N##_##form##_##ea##_##size,
#define ROW(forms, N, B, D) {exec_##N, {forms(ENTRY, N, B, D)}},
static const FastRow fast_rows[] = {
#define FAST_TWO(N, B, D)   ROW(TWO_FORMS, N, B, D)
#define FAST_LOAD(N, B, D)  ROW(LOAD_FORMS, N, B, D)
#define FAST_ONE(N, B, D)   ROW(ONE_FORMS, N, B, D)
#define FAST_SHIFT(N, B, D) ROW(SHIFT_FORMS, N, B, D)
#include "cpu/exec/fast.def"
};

/* --- choosing ------------------------------------------------------------------------------ */

/* FORM_COUNT: none of ours. */
static Form form_of(const Insn *insn)
{
    unsigned src = insn->op[1].kind;
    bool constant = src == OPND_IMM || src == OPND_NONE;
    if (insn->op[0].kind == OPND_GPR) {
        if (src == OPND_GPR)
            return FORM_RR;
        if (src == OPND_MEM)
            return FORM_RM;
        if (src == OPND_ONE)
            return FORM_R1;
        return constant ? FORM_RI : FORM_COUNT;
    }
    if (insn->op[0].kind == OPND_MEM) {
        if (src == OPND_GPR)
            return FORM_MR;
        return constant ? FORM_MI : FORM_COUNT;
    }
    return FORM_COUNT;
}

static ExecFn *choose_two_operands(const FastRow *row, const Insn *insn, CpuMode mode)
{
    Form form = form_of(insn);
    if (form == FORM_COUNT)
        return NULL;
    bool memory = form == FORM_RM || form == FORM_MR || form == FORM_MI;
    Addressing ea = memory ? fast_addressing(insn, mode) : EA_SEGMENTED;
    return row->form[form][ea][__builtin_ctz(insn->op[0].size)];
}

ExecFn *exec_fast(const Insn *insn, CpuMode mode)
{
    ExecFn *general = insn_row(insn)->exec;
    if (insn->lock || !general)
        return NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(fast_rows); i++) {
        if (fast_rows[i].general == general)
            return choose_two_operands(&fast_rows[i], insn, mode);
    }
    ExecFn *fn = fast_move(general, insn, mode);
    return fn ? fn : fast_branch(general, insn, mode);
}
