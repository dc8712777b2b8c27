/* isa.c - the table of instructions, made from the rows in cpu/isa/ *.def. */
#include "cpu/insn.h"

#include "cpu/features.h"
#include "cpu/isa.h"
#include "cpu/regs.h"

#define WEAK __attribute__((weak))

/* A row's function is exec_NAME. A name without one yet is NULL: the reference is weak. */
#define OP(map, opcode, prefix, form, name, ...)        extern WEAK ExecFn exec_##name;
#define OPX(map, opcode, prefix, form, wl, name, ...)   OP(map, opcode, prefix, form, name)
#define VOP(map, opcode, prefix, form, w, l, name, ...) OP(map, opcode, prefix, form, name)
#include "cpu/isa/rows.def"
#undef OP
#undef OPX
#undef VOP

/* The modrm column. */
enum {
#define FORM_WITH_DIGIT(kind)                                                               \
    FORM_##kind##0 = FORM_KIND_##kind << 8, FORM_##kind##1, FORM_##kind##2, FORM_##kind##3, \
    FORM_##kind##4, FORM_##kind##5, FORM_##kind##6, FORM_##kind##7
    FORM_WITH_DIGIT(D),
    FORM_WITH_DIGIT(M),
    FORM_WITH_DIGIT(R),
    FORM___ = FORM_KIND_NONE << 8,
    FORM_PLUSR = FORM_KIND_PLUSR << 8,
    FORM_PLUSC = FORM_KIND_PLUSC << 8,
    FORM_PLUSCRM = FORM_KIND_PLUSCRM << 8,
    FORM_RM = FORM_KIND_RM << 8,
    FORM_REGX = FORM_KIND_REGX << 8,
    FORM_MEM = FORM_KIND_MEM << 8,
    FORM_REG = FORM_KIND_REG << 8,
};
#define FORM_BYTE(value) (FORM_KIND_BYTE << 8 | (value))

/* The access column: a letter for each operand, of read, write, modify and address only. */
enum { a = 0, r = OPND_READ, w = OPND_WRITE, m = OPND_READ | OPND_WRITE };
enum {
    ACCESS___ = 0,
    ACCESS_a = a,
    ACCESS_r = r,
    ACCESS_w = w,
    ACCESS_m = m,
    ACCESS_rr = r | r << 2,
    ACCESS_wa = w | a << 2,
    ACCESS_wr = w | r << 2,
    ACCESS_mr = m | r << 2,
    ACCESS_mm = m | m << 2,
    ACCESS_rrr = r | r << 2 | r << 4,
    ACCESS_wrr = w | r << 2 | r << 4,
    ACCESS_wwr = w | w << 2 | r << 4,
    ACCESS_mrr = m | r << 2 | r << 4,
    ACCESS_mrm = m | r << 2 | m << 4,
    ACCESS_wrrr = w | r << 2 | r << 4 | r << 6,
};

/* The flag columns. [SDM1] "EFLAGS Register". */
enum {
    C = FLAG_CF,
    P = FLAG_PF,
    A = FLAG_AF,
    Z = FLAG_ZF,
    S = FLAG_SF,
    I = FLAG_IF,
    D = FLAG_DF,
    O = FLAG_OF,
};
enum {
    FLAGS___ = 0,
    FLAGS_A = A,
    FLAGS_AC = A | C,
    FLAGS_AP = A | P,
    FLAGS_C = C,
    FLAGS_D = D,
    FLAGS_I = I,
    FLAGS_O = O,
    FLAGS_OA = O | A,
    FLAGS_OAC = O | A | C,
    FLAGS_OC = O | C,
    FLAGS_OSAP = O | S | A | P,
    FLAGS_OSAPC = O | S | A | P | C,
    FLAGS_OSZAP = O | S | Z | A | P,
    FLAGS_OSZAPC = O | S | Z | A | P | C,
    FLAGS_OSZP = O | S | Z | P,
    FLAGS_OSZPC = O | S | Z | P | C,
    FLAGS_P = P,
    FLAGS_SAP = S | A | P,
    FLAGS_SZAP = S | Z | A | P,
    FLAGS_SZAPC = S | Z | A | P | C,
    FLAGS_Z = Z,
    FLAGS_ZC = Z | C,
    FLAGS_ALL = FLAGS_ARITH | FLAG_TF | FLAG_IF | FLAG_DF | FLAG_IOPL | FLAG_NT,
};

/* The attribute column, without its prefix. */
enum {
    LOCK = ATTR_LOCK,
    I64 = ATTR_I64,
    O64 = ATTR_O64,
    D64 = ATTR_D64,
    F64 = ATTR_F64,
    PROT = ATTR_PROT,
    CPL0 = ATTR_CPL0,
    ALIGNED = ATTR_ALIGNED,
    STRING = ATTR_STRING,
    BRANCH = ATTR_BRANCH,
    SERIAL = ATTR_SERIAL,
    SSE = ATTR_SSE,
    MMX = ATTR_MMX,
    X87 = ATTR_X87,
    AVX = ATTR_AVX,
    WAIT = ATTR_WAIT,
    IOPL = ATTR_IOPL,
    FPEXC = ATTR_FPEXC,
};

#define ROW(map_, opcode_, prefix_, form_, wl_, name_, op1, op2, op3, op4, access_, feature_, \
            read, written, undefined, attrs_)                                                 \
    {                                                                                         \
        .name = #name_,                                                                       \
        .exec = exec_##name_,                                                                 \
        .map = MAP_##map_,                                                                    \
        .opcode = opcode_,                                                                    \
        .prefix = PREFIX_##prefix_,                                                           \
        .wl = wl_,                                                                            \
        .form = FORM_##form_,                                                                 \
        .access = ACCESS_##access_,                                                           \
        .operands = {SPEC_##op1, SPEC_##op2, SPEC_##op3, SPEC_##op4},                         \
        .feature = FEATURE_##feature_,                                                        \
        .flags_read = FLAGS_##read,                                                           \
        .flags_written = FLAGS_##written,                                                     \
        .flags_undefined = FLAGS_##undefined,                                                 \
        .attrs = attrs_,                                                                      \
    },
#define OP(map, opcode, prefix, form, ...)      ROW(map, opcode, prefix, form, WL_ANY, __VA_ARGS__)
#define OPX(map, opcode, prefix, form, wl, ...) ROW(map, opcode, prefix, form, WL_##wl, __VA_ARGS__)
#define VOP(map, opcode, prefix, form, w, l, ...) \
    ROW(map, opcode, prefix, form, WL_##w &WL_##l, __VA_ARGS__)

const InsnRow insn_rows[] = {
#include "cpu/isa/rows.def"
};
const unsigned insn_row_count = G_N_ELEMENTS(insn_rows);

const OperandInfo operand_infos[SPEC_COUNT] = {
#define OPERAND(name_, where_, reg_, size_, memory_size_) \
    {#name_, WHERE_##where_, reg_, SIZE_##size_, SIZE_##memory_size_},
#include "cpu/isa/operands.def"
#undef OPERAND
};
