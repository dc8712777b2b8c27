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
} OlderMeaning;

void exec_BSF(Cpu *cpu, const Insn *insn);
void exec_BSR(Cpu *cpu, const Insn *insn);
void exec_NOP(Cpu *cpu, const Insn *insn);
void exec_FWAIT(Cpu *cpu, const Insn *insn);

static const OlderMeaning older_meanings[] = {
    /* feature          name       then it is */
    {FEATURE_BMI1, "TZCNT", exec_BSF},      {FEATURE_LZCNT, "LZCNT", exec_BSR},
    {FEATURE_SSE2, "PAUSE", exec_NOP},      {FEATURE_CET_SS, "RDSSPD", exec_NOP},
    {FEATURE_CET_SS, "RDSSPQ", exec_NOP},   {FEATURE_CET_SS, "RDSSP", exec_NOP},
    {FEATURE_CET_IBT, "ENDBR64", exec_NOP}, {FEATURE_CET_IBT, "ENDBR32", exec_NOP},
};

static ExecFn *missing_feature(const InsnRow *row)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(older_meanings); i++)
        if (older_meanings[i].feature == row->feature && !strcmp(older_meanings[i].name, row->name))
            return older_meanings[i].exec;
    return exec_raise_ud;
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
    if (!cpu_has(cpu, row->feature))
        return missing_feature(row);
    if (!row->exec)
        return exec_raise_ud;
    if (row->attrs & ATTR_PROT && cpu->mode <= CPU_V86)
        return exec_raise_ud;
    ExecFn *unit = unit_unavailable(row, cpu->mode_key);
    if (unit)
        return unit;
    if (row->attrs & ATTR_CPL0 && cpu->cpl != 0)
        return exec_raise_gp;
    return NULL;
}

bool exec_bind(Cpu *cpu, Insn *insn)
{
    const InsnRow *row = insn_row(insn);
    ExecFn *refused = refusal(cpu, row);
    if (refused) {
        insn->exec = refused;
        return false;
    }
    if (row->attrs & (ATTR_WAIT | ATTR_MMX)) {
        insn->exec = exec_after_pending;
        return true;
    }
    ExecFn *fast = exec_fast(insn, cpu->mode);
    insn->exec = fast ? fast : row->exec;
    return true;
}
