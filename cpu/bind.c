/* bind.c - which function runs a decoded instruction on this CPU in this mode.
 *
 * Everything that the CPU's features and the mode key decide is decided here, once for each decoded
 * instruction: missing features, privilege, the #UD and #NM rules of FPU, MMX, SSE and AVX. */
#include "cpu/block.h"
#include "cpu/exec.h"
#include "cpu/exec/fast.h"

static void exec_raise_ud(Cpu *cpu, const Insn *insn)
{
    raise_UD(cpu);
}

static void exec_raise_nm(Cpu *cpu, const Insn *insn)
{
    raise_NM(cpu);
}

static void exec_raise_gp(Cpu *cpu, const Insn *insn)
{
    raise_GP(cpu, 0);
}

/* x87 and MMX instructions that report a pending exception first. */
static void exec_after_pending(Cpu *cpu, const Insn *insn)
{
    x87_check_pending(cpu);
    insn_row(insn)->exec(cpu, insn);
}

/* Encodings that mean something older where the feature is missing. [SDM2] TZCNT, LZCNT. */
typedef struct OlderMeaning {
    CpuFeature feature;
    const char *name;
    ExecFn *exec;
    CpuFeature needs; /* of the older meaning */
} OlderMeaning;

void exec_BSF(Cpu *cpu, const Insn *insn);
void exec_BSR(Cpu *cpu, const Insn *insn);
void exec_NOP(Cpu *cpu, const Insn *insn);
void exec_WBINVD(Cpu *cpu, const Insn *insn);
void exec_FWAIT(Cpu *cpu, const Insn *insn);

/* clang-format off */
static const OlderMeaning older_meanings[] = {
    /* feature            name        then it is    which needs */
    { FEATURE_BMI1,       "TZCNT",    exec_BSF,     FEATURE_NONE },
    { FEATURE_LZCNT,      "LZCNT",    exec_BSR,     FEATURE_NONE },
    { FEATURE_SSE2,       "PAUSE",    exec_NOP,     FEATURE_NONE },
    { FEATURE_WBNOINVD,   "WBNOINVD", exec_WBINVD,  FEATURE_NONE },
    { FEATURE_CLDEMOTE,   "CLDEMOTE", exec_NOP,     FEATURE_CMOV },
    { FEATURE_CET_SS,     "RDSSP",    exec_NOP,     FEATURE_CMOV },
    { FEATURE_CET_IBT,    "ENDBR64",  exec_NOP,     FEATURE_CMOV },
    { FEATURE_CET_IBT,    "ENDBR32",  exec_NOP,     FEATURE_CMOV },
};
/* clang-format on */

/* What runs a row on this CPU, privilege and units aside; NULL: nothing. */
static ExecFn *meaning(const Cpu *cpu, const InsnRow *row)
{
    if (LIKELY(cpu_has(cpu, row->feature)))
        return row->exec;
    for (unsigned i = 0; i < G_N_ELEMENTS(older_meanings); i++) {
        const OlderMeaning *older = &older_meanings[i];
        if (older->feature == row->feature && !strcmp(older->name, row->name))
            return cpu_has(cpu, older->needs) ? older->exec : NULL;
    }
    return NULL;
}

/* [SDM3] "x87 FPU, MMX, and SSE state: CR0 and CR4 configurations"; NULL: nothing is in the way. */
static ExecFn *unit_unavailable(const InsnRow *row, uint32_t key)
{
    CpuMode mode = key >> KEY_MODE_SHIFT & 7;
    if (row->attrs & ATTR_AVX) {
        if (mode <= CPU_V86 || !(key & KEY_OSXSAVE) || !(key & KEY_AVX))
            return exec_raise_ud;
        return key & KEY_TS ? exec_raise_nm : NULL;
    }
    if (row->attrs & ATTR_SSE) {
        if (key & KEY_EM || !(key & KEY_OSFXSR))
            return exec_raise_ud;
        return key & KEY_TS ? exec_raise_nm : NULL;
    }
    if (row->attrs & ATTR_MMX) {
        if (key & KEY_EM)
            return exec_raise_ud;
        return key & KEY_TS ? exec_raise_nm : NULL;
    }
    if (row->exec == exec_FWAIT)
        return (key & KEY_MP) && (key & KEY_TS) ? exec_raise_nm : NULL;
    if (row->attrs & ATTR_X87)
        return key & (KEY_EM | KEY_TS) ? exec_raise_nm : NULL;
    return NULL;
}

static ExecFn *refusal(const Cpu *cpu, const InsnRow *row)
{
    if (row->attrs & ATTR_PROT && cpu->mode <= CPU_V86)
        return exec_raise_ud;
    ExecFn *unit = unit_unavailable(row, cpu->mode_key);
    if (unit)
        return unit;
    if (row->attrs & ATTR_CPL0 && cpu->cpl != 0)
        return exec_raise_gp;
    return NULL;
}

bool exec_is_ruled(const InsnRow *row)
{
    enum { RULED = ATTR_PROT | ATTR_AVX | ATTR_SSE | ATTR_MMX | ATTR_X87 | ATTR_WAIT | ATTR_CPL0 };
    return row->feature != FEATURE_NONE || row->attrs & RULED;
}

static bool bind_ruled(Cpu *cpu, const InsnRow *row, Insn *insn)
{
    ExecFn *exec = meaning(cpu, row);
    ExecFn *refused = exec ? refusal(cpu, row) : exec_raise_ud;
    if (refused || exec != row->exec) {
        insn->exec = refused ? refused : exec;
        return false;
    }
    insn->exec = row->attrs & (ATTR_WAIT | ATTR_MMX) ? exec_after_pending : row->exec;
    return true;
}

bool exec_bind_general(Cpu *cpu, Insn *insn)
{
    const InsnRow *row = insn_row(insn);
    if (UNLIKELY(exec_is_ruled(row)))
        return bind_ruled(cpu, row, insn);
    insn->exec = row->exec;
    return true;
}

bool exec_bind(Cpu *cpu, Insn *insn)
{
    if (!exec_bind_general(cpu, insn))
        return false;
    const InsnRow *row = insn_row(insn);
    bool tracked = row->attrs & ATTR_BRANCH && cpu->mode_key & KEY_CET;
    ExecFn *fast = tracked || insn->exec != row->exec ? NULL : exec_fast(insn, cpu->mode);
    if (fast)
        insn->exec = fast;
    return true;
}
