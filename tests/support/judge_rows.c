/* judge_rows.c - which rows of the instruction table the host can judge, and why not the others. */
#include "cpu/features.h"
#include "tests/support/judge.h"

/* --- reasons ------------------------------------------------------------------------------- */

static const char far_transfer[] = "loads CS: far transfer";
static const char loads_segment[] = "loads a segment register";
static const char enters_kernel[] = "enters the host's kernel";
static const char reads_tables[] = "reads descriptor tables";
static const char reads_system[] = "reads a system register";
static const char identifies[] = "tells which processor this is";
static const char tells_time[] = "reads a counter";
static const char randomness[] = "is random by purpose";
static const char bases[] = "FS and GS bases are the host's own";
static const char saves_state[] = "saves the processor's state: tests/insn/test_xsave.c";
static const char writes_anywhere[] = "its destination is a register's business";
static const char shadow_stack[] = "needs a shadow stack";
static const char protection_keys[] = "needs protection keys";

static const struct {
    const char *name;
    const char *why;
} not_judged[] = {
    /* name         why */
    {"CALL_FAR", far_transfer},
    {"JMP_FAR", far_transfer},
    {"RET_FAR", far_transfer},
    {"IRET", far_transfer},
    {"MOV_TO_SEG", loads_segment},
    {"POP_SEG", loads_segment},
    {"LDS", loads_segment},
    {"LES", loads_segment},
    {"LSS", loads_segment},
    {"LFS", loads_segment},
    {"LGS", loads_segment},
    {"SYSCALL", enters_kernel},
    {"SYSENTER", enters_kernel},
    {"LAR", reads_tables},
    {"LSL", reads_tables},
    {"VERR", reads_tables},
    {"VERW", reads_tables},
    {"SGDT", reads_system},
    {"SIDT", reads_system},
    {"SLDT", reads_system},
    {"STR", reads_system},
    {"SMSW", reads_system},
    {"XGETBV", reads_system},
    {"RDPID", reads_system},
    {"CPUID", identifies},
    {"RDTSC", tells_time},
    {"RDTSCP", tells_time},
    {"RDPMC", tells_time},
    {"RDRAND", randomness},
    {"RDSEED", randomness},
    {"RDFSBASE", bases},
    {"RDGSBASE", bases},
    {"WRFSBASE", bases},
    {"WRGSBASE", bases},
    {"FXSAVE", saves_state},
    {"FXRSTOR", saves_state},
    {"XSAVE", saves_state},
    {"XSAVEOPT", saves_state},
    {"XSAVEC", saves_state},
    {"XSAVES", saves_state},
    {"XRSTOR", saves_state},
    {"XRSTORS", saves_state},
    {"RDPKRU", protection_keys},
    {"WRPKRU", protection_keys},
    {"MONITOR", tells_time},
    {"MWAIT", tells_time},
    {"MOVDIR64B", writes_anywhere},
};

static const char *reason_of(const InsnRow *row)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(not_judged); i++) {
        if (!strcmp(row->name, not_judged[i].name))
            return not_judged[i].why;
    }
    return row->feature == FEATURE_CET_SS ? shadow_stack : NULL;
}

/* User mode may run these outside virtual-8086 mode, whatever its IOPL. */
static bool minds_iopl(const InsnRow *row)
{
    static const char *const never[] = {"PUSHF", "POPF", "INT"};
    for (unsigned i = 0; i < G_N_ELEMENTS(never); i++) {
        if (!strcmp(row->name, never[i]))
            return false;
    }
    return row->attrs & ATTR_IOPL;
}

/* --- public -------------------------------------------------------------------------------- */

RowClass judge_row_class(const InsnRow *row, const char **why)
{
    *why = reason_of(row);
    if (*why)
        return ROW_NOT;
    if (row->attrs & ATTR_CPL0 || minds_iopl(row)) {
        *why = row->attrs & ATTR_CPL0 ? "privileged" : "needs I/O privilege";
        return ROW_REFUSED;
    }
    return ROW_JUDGED;
}

bool judge_row_is_offered(const InsnRow *row)
{
    bool avx = !(row->attrs & ATTR_AVX) || feature_is_implemented(FEATURE_AVX);
    return row->exec && feature_is_implemented(row->feature) && avx;
}

const char *judge_host_lacks(const Judge *j, const InsnRow *row)
{
    if (!native_has(row->feature))
        return feature_infos[row->feature].name;
    if (row->attrs & ATTR_AVX && !native_has(FEATURE_AVX))
        return "avx";
    if (judge_row_mode(row) == CODE_32 && !native_has_32(j->native))
        return "a 32-bit user segment";
    return NULL;
}

const char *judge_row_group(const InsnRow *row)
{
    if (row->attrs & ATTR_X87)
        return "x87";
    return row->attrs & (ATTR_SSE | ATTR_MMX | ATTR_FPEXC) || (row->attrs & ATTR_AVX) ? "vec"
                                                                                      : "int";
}

CodeSize judge_row_mode(const InsnRow *row)
{
    return row->attrs & ATTR_I64 ? CODE_32 : CODE_64;
}
