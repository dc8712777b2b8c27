/* row_condition.c - conditions under which a case may be run.
 *
 * What each needs and leads to is [SDM2] "Exceptions" of the instructions: the tables "Other
 * Exceptions" of x87, MMX and SSE, "AVX and SSE Instruction Exception Classification". */
#include "tests/support/row_condition.h"

#include "cpu/isa.h"

#define FAULT(vector)    \
    {                    \
        vector, false, 0 \
    }
#define FAULT_ERROR(vector, code) \
    {                             \
        vector, true, code        \
    }
#define OUTCOME      \
    {                \
        -1, false, 0 \
    } /* from the host, or as the case says */

static uint32_t attrs(const Insn *insn)
{
    return insn_row(insn)->attrs;
}

static bool is_named(const Insn *insn, const char *name)
{
    return !strcmp(insn_row(insn)->name, name);
}

const Operand *row_memory_operand(const Insn *insn)
{
    for (unsigned i = 0; i < MAX_OPERANDS; i++) {
        if (insn->op[i].kind == OPND_MEM)
            return &insn->op[i];
    }
    return NULL;
}

/* --- prefixes and modes ---------------------------------------------------------------------- */

static void put_lock(RowSetup *s, const RowCase *c, const Insn *insn)
{
    memmove(s->code + 1, s->code, s->length);
    s->code[0] = 0xf0;
    s->length++;
}

static bool always(const Insn *insn, RowMode mode)
{
    return insn->length < MAX_INSN_LENGTH && !insn->lock;
}

static void in_real_mode(RowSetup *s, const RowCase *c, const Insn *insn)
{
    s->mode = ROW_REAL;
    s->ring = 0;
}

static void in_v86_mode(RowSetup *s, const RowCase *c, const Insn *insn)
{
    s->mode = ROW_V86;
    s->ring = 3;
}

static void in_32_bit_mode(RowSetup *s, const RowCase *c, const Insn *insn)
{
    s->mode = ROW_32;
}

static void in_64_bit_mode(RowSetup *s, const RowCase *c, const Insn *insn)
{
    s->mode = ROW_64;
}

static void in_ring_3(RowSetup *s, const RowCase *c, const Insn *insn)
{
    s->ring = 3;
}

static void in_ring_0(RowSetup *s, const RowCase *c, const Insn *insn)
{
    s->ring = 0;
}

/* The same bytes are an instruction of protected mode in code of 16 bits too, not LES or LDS. */
static bool not_in_real_mode(const Insn *insn, RowMode mode)
{
    bool high = insn->rex || (insn->base < GPR_COUNT && insn->base > 7);
    for (unsigned i = 0; i < MAX_OPERANDS; i++)
        high |= insn->op[i].kind == OPND_VEC && insn->op[i].reg > 7;
    return attrs(insn) & (ATTR_PROT | ATTR_AVX) && !high;
}

static bool only_32(const Insn *insn, RowMode mode)
{
    static const char *const others[] = {"INC", "DEC", "ARPL", "LES", "LDS", "SAHF", "LAHF"};
    for (unsigned i = 0; i < G_N_ELEMENTS(others); i++) {
        if (is_named(insn, others[i]))
            return false; /* the bytes are another instruction */
    }
    return attrs(insn) & ATTR_I64;
}

static bool privileged(const Insn *insn, RowMode mode)
{
    return attrs(insn) & ATTR_CPL0;
}

/* --- control registers ----------------------------------------------------------------------- */

static void set_TS(RowSetup *s, const RowCase *c, const Insn *insn)
{
    s->cr0_set |= CR0_TS;
}

static void set_EM(RowSetup *s, const RowCase *c, const Insn *insn)
{
    s->cr0_set |= CR0_EM;
}

static void set_MP_TS(RowSetup *s, const RowCase *c, const Insn *insn)
{
    s->cr0_set |= CR0_MP | CR0_TS;
}

static void clear_OSFXSR(RowSetup *s, const RowCase *c, const Insn *insn)
{
    s->cr4_clear |= CR4_OSFXSR;
}

static void clear_OSXSAVE(RowSetup *s, const RowCase *c, const Insn *insn)
{
    s->cr4_clear |= CR4_OSXSAVE;
}

static void clear_AVX(RowSetup *s, const RowCase *c, const Insn *insn)
{
    s->xcr0_clear |= XCR0_AVX;
}

static void set_UMIP(RowSetup *s, const RowCase *c, const Insn *insn)
{
    s->cr4_set |= CR4_UMIP;
}

static void without_feature(RowSetup *s, const RowCase *c, const Insn *insn)
{
    s->without_feature = true;
}

static bool uses_fpu(const Insn *insn, RowMode mode)
{
    return attrs(insn) & (ATTR_SSE | ATTR_MMX | ATTR_X87 | ATTR_AVX) && !is_named(insn, "FWAIT");
}

static bool minds_EM(const Insn *insn, RowMode mode)
{
    return uses_fpu(insn, mode) && !(attrs(insn) & ATTR_AVX);
}

static bool uses_sse(const Insn *insn, RowMode mode)
{
    return attrs(insn) & ATTR_SSE;
}

static bool uses_avx(const Insn *insn, RowMode mode)
{
    return attrs(insn) & ATTR_AVX;
}

static bool is_fwait(const Insn *insn, RowMode mode)
{
    return is_named(insn, "FWAIT");
}

/* An older meaning of the same bytes remains. [SDM2] TZCNT, LZCNT, PAUSE. */
static bool has_feature(const Insn *insn, RowMode mode)
{
    const InsnRow *row = insn_row(insn);
    bool older = is_named(insn, "TZCNT") || is_named(insn, "LZCNT") || is_named(insn, "PAUSE") ||
                 is_named(insn, "RDSSP") || g_str_has_prefix(row->name, "ENDBR");
    bool with_cpu = row->feature == FEATURE_FPU || row->feature == FEATURE_LM;
    return row->feature != FEATURE_NONE && !older && !with_cpu;
}

/* --- exceptions of arithmetic ---------------------------------------------------------------- */

static void x87_pending(RowSetup *s, const RowCase *c, const Insn *insn)
{
    s->x87_pending = true;
}

static bool waits(const Insn *insn, RowMode mode)
{
    return attrs(insn) & (ATTR_WAIT | ATTR_MMX);
}

static void unmask(RowSetup *s, const RowCase *c, const Insn *insn)
{
    s->unmask = true;
    s->ignore_mxcsr = true;
}

static void unmask_unsupported(RowSetup *s, const RowCase *c, const Insn *insn)
{
    unmask(s, c, insn);
    s->cr4_clear |= CR4_OSXMMEXCPT;
}

/* An integer of 32 bits is always a double. */
static bool may_except(const Insn *insn, RowMode mode)
{
    const Operand *source = &insn->op[insn->op[2].kind ? 2 : 1];
    bool exact = strstr(insn_row(insn)->name, "SI2SD") && source->size == 4;
    return attrs(insn) & ATTR_FPEXC && !exact;
}

/* --- memory ---------------------------------------------------------------------------------- */

static void move_by_one(RowSetup *s, const RowCase *c, const Insn *insn)
{
    s->move_operand = 1;
}

static void move_to_absent(RowSetup *s, const RowCase *c, const Insn *insn)
{
    s->move_operand = ROW_ABSENT - ROW_DATA;
    s->expected_cr2 = ROW_ABSENT;
}

static void move_to_read_only(RowSetup *s, const RowCase *c, const Insn *insn)
{
    s->move_operand = ROW_READ_ONLY - ROW_DATA;
    s->expected_cr2 = ROW_READ_ONLY;
}

static void move_to_supervisor(RowSetup *s, const RowCase *c, const Insn *insn)
{
    s->move_operand = ROW_SUPERVISOR - ROW_DATA;
    s->expected_cr2 = ROW_SUPERVISOR;
}

static void move_beyond(RowSetup *s, const RowCase *c, const Insn *insn)
{
    s->move_operand = (uint64_t)1 << 63;
}

static bool aligned(const Insn *insn, RowMode mode)
{
    return attrs(insn) & ATTR_ALIGNED && row_memory_operand(insn);
}

static bool touches_memory(const Insn *insn, RowMode mode)
{
    const Operand *mem = row_memory_operand(insn);
    return mem && mem->size;
}

static bool touches_memory_64(const Insn *insn, RowMode mode)
{
    return touches_memory(insn, mode) && mode == ROW_64 && !insn->has_moffs;
}

static bool writes_memory(const Insn *insn, RowMode mode)
{
    const Operand *mem = row_memory_operand(insn);
    return mem && mem->size && mem->access & OPND_WRITE;
}

/* --- the table ------------------------------------------------------------------------------- */

/* clang-format off */
const RowCondition row_conditions[] = {
    /* name           before                leads to                where                by host */
    {"lock",          put_lock,             OUTCOME,                always,              true},
    {"real",          in_real_mode,         FAULT(EXC_UD),          not_in_real_mode,    false},
    {"v86",           in_v86_mode,          FAULT(EXC_UD),          not_in_real_mode,    false},
    {"in32",          in_32_bit_mode,       FAULT(EXC_UD),          NULL,                false},
    {"in64",          in_64_bit_mode,       FAULT(EXC_UD),          only_32,             false},
    {"ring3",         in_ring_3,            FAULT_ERROR(EXC_GP, 0), privileged,          false},
    {"ring0",         in_ring_0,            OUTCOME,                NULL,                false},
    {"TS",            set_TS,               FAULT(EXC_NM),          uses_fpu,            false},
    {"EM",            set_EM,               FAULT(EXC_UD),          minds_EM,            false},
    {"MP+TS",         set_MP_TS,            FAULT(EXC_NM),          is_fwait,            false},
    {"UMIP",          set_UMIP,             FAULT_ERROR(EXC_GP, 0), NULL,                false},
    {"noOSFXSR",      clear_OSFXSR,         FAULT(EXC_UD),          uses_sse,            false},
    {"noOSXSAVE",     clear_OSXSAVE,        FAULT(EXC_UD),          uses_avx,            false},
    {"noAVX",         clear_AVX,            FAULT(EXC_UD),          uses_avx,            false},
    {"without",       without_feature,      FAULT(EXC_UD),          has_feature,         false},
    {"pending",       x87_pending,          FAULT(EXC_MF),          waits,               false},
    {"unmasked",      unmask,               FAULT(EXC_XM),          may_except,          true},
    {"unsupported",   unmask_unsupported,   FAULT(EXC_UD),          may_except,          false},
    {"misaligned",    move_by_one,          FAULT_ERROR(EXC_GP, 0), aligned,             true},
    {"absent",        move_to_absent,       OUTCOME,                touches_memory,      true},
    {"noncanonical",  move_beyond,          OUTCOME,                touches_memory_64,   true},
    {"readonly",      move_to_read_only,    FAULT_ERROR(EXC_PF, 7), writes_memory,       false},
    {"supervisor",    move_to_supervisor,   FAULT_ERROR(EXC_PF, 5), NULL,                false},
};
/* clang-format on */
const unsigned row_condition_count = G_N_ELEMENTS(row_conditions);

RowRaise row_condition_raise(const RowCondition *condition, const Insn *insn)
{
    RowRaise raise = condition->raise;
    bool lockable = attrs(insn) & ATTR_LOCK && insn->op[0].kind == OPND_MEM;
    if (condition->apply == put_lock && !lockable)
        raise.vector = EXC_UD;
    if (condition->apply == set_EM && attrs(insn) & ATTR_X87)
        raise.vector = EXC_NM;
    return raise;
}

const RowCondition *row_condition_find(const char *name)
{
    for (unsigned i = 0; i < row_condition_count; i++) {
        if (!strcmp(row_conditions[i].name, name))
            return &row_conditions[i];
    }
    return NULL;
}
