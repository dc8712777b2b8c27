/* judge_settle.c - what the manual leaves open, or processors do not agree on: there the host's
 * result is taken for equal to the interpreter's. Everything that is not compared is in this file.
 */
#include <math.h>

#include "cpu/x87.h"
#include "tests/support/judge.h"

/* --- the manual leaves it open --------------------------------------------------------------- */

/* With a mask of zeros a processor may look at the memory, or not. [SDM2] MASKMOVDQU. */
static bool masks_nothing(const Instance *i)
{
    enum { ROOM = 16 };
    bool masked = instance_named(i, "MASKMOVQ") || instance_named(i, "MASKMOVDQU") ||
                  instance_named(i, "VMASKMOVDQU");
    return masked && i->target &&
           (i->target < JUDGE_MEMORY || i->target + ROOM > JUDGE_MEMORY + JUDGE_MEMORY_SIZE);
}

/* Intel's processors read 16 bits for a 16-bit MOVSXD, AMD's 32. */
static bool reads_either(const Instance *i)
{
    enum { MOST = 4 };
    return instance_named(i, "MOVSXD") && i->insn.opsize == 2 && i->target &&
           (i->target < JUDGE_MEMORY || i->target + MOST > JUDGE_MEMORY + JUDGE_MEMORY_SIZE);
}

/* Intel's processors want the operands of the SHA instructions aligned, AMD's do not. */
static bool aligned_or_not(const Instance *i)
{
    bool sha = instance_named_like(i, "SHA1") || instance_named_like(i, "SHA256");
    return sha && i->target & 15;
}

/* A port instruction repeated no times may ask for the right to, or not. */
static bool repeats_nothing(const Instance *i)
{
    bool port = instance_named_like(i, "INS") || instance_named_like(i, "OUTS");
    uint64_t count = i->insn.addrsize == 8 ? i->before.gpr[RCX] : (uint32_t)i->before.gpr[RCX];
    return port && i->insn.rep != REP_NONE && !count;
}

bool judge_is_undefined(const Instance *i)
{
    enum { LINUX_SYSTEM_CALL = 0x80 };
    const Insn *insn = &i->insn;
    unsigned count = insn->op[2].kind == OPND_IMM ? insn->imm : i->before.gpr[RCX];
    if (instance_named(i, "INT") && insn->imm == LINUX_SYSTEM_CALL)
        return true;
    if (instance_named(i, "BSWAP"))
        return insn->opsize == 2;
    if (instance_named(i, "NOP")) /* 0F 0D with a register is a NOP or #UD */
        return insn->opcode == 0x0d && insn->modrm >= 0xc0;
    if (masks_nothing(i) || reads_either(i) || aligned_or_not(i) || repeats_nothing(i))
        return true;
    if (instance_named(i, "SHLD") || instance_named(i, "SHRD"))
        return insn->opsize == 2 && (count & 31) > 16;
    return false;
}

/* CF of a shift by more than the operand is wide. */
uint32_t judge_undefined_flags(const Instance *i)
{
    uint32_t undefined = insn_rows[i->row].flags_undefined;
    if (instance_named(i, "SHL") || instance_named(i, "SHR"))
        undefined |= i->insn.op[0].size < 4 ? FLAG_CF : 0;
    return undefined;
}

/* --- approximations -------------------------------------------------------------------------- */

static float f32_value(uint32_t bits)
{
    float v;
    memcpy(&v, &bits, 4);
    return v;
}

/* [SDM2] RCPPS: a relative error of at most 1.5 * 2^-12; tiny results may be zeros. */
static bool approximates(float v, double exact)
{
    if (fabs(exact) < 0x1p-126 * 1.01)
        return fabs(v) <= 0x1p-126 * 1.01 && !signbit(v) == !signbit(exact);
    return fabs(v - exact) <= fabs(exact) * 1.5 / 4096;
}

static unsigned xmm_offset(unsigned reg, unsigned byte)
{
    return (byte < 16 ? IMAGE_XMM : IMAGE_YMM) + 16 * reg + byte % 16;
}

static void settle_approximations(Judge *j, const Instance *i)
{
    const Insn *insn = &i->insn;
    if (j->ours.vector >= 0)
        return; /* nothing was approximated, and the operand may lie outside memory */
    const Operand *dest = &insn->op[0];
    const Operand *source = insn->op[2].kind == OPND_NONE ? &insn->op[1] : &insn->op[2];
    bool root = strstr(insn_rows[i->row].name, "RSQRT");
    for (unsigned n = 0; n < source->size; n += 4) {
        const uint8_t *p = source->kind == OPND_MEM ? i->memory + (i->target - JUDGE_MEMORY) + n
                                                    : i->before.image + xmm_offset(source->reg, n);
        double x = f32_value(load_le32(p)), exact = root ? 1 / sqrt(x) : 1 / x;
        unsigned at = xmm_offset(dest->reg, n);
        uint32_t host = load_le32(j->host_state.image + at), ours = load_le32(j->ours.image + at);
        if (isfinite(exact) && approximates(f32_value(host), exact) &&
            approximates(f32_value(ours), exact))
            store_le32(j->host_state.image + at, ours);
    }
}

static F80 image_register(const uint8_t *image, unsigned n)
{
    const uint8_t *p = image + IMAGE_ST + 16 * n;
    return (F80){.mant = load_le64(p), .se = load_le16(p + 8)};
}

/* Neighbours in the order of magnitudes: the next significand, or the first of the next exponent.
 */
static bool neighbours(F80 a, F80 b)
{
    uint64_t d = (a.mant & INT64_MAX) - (b.mant & INT64_MAX);
    int step = a.se - b.se;
    return (step == 0 && (d == 1 || d == UINT64_MAX)) || (step == 1 && d << 1 == 2) ||
           (step == -1 && d << 1 == (uint64_t)-2);
}

/* The last place and C1 are the processor's own. [SDM1] "Transcendental Instruction Accuracy". */
static void settle_transcendental(Judge *j)
{
    uint8_t *host = j->host_state.image;
    const uint8_t *ours = j->ours.image;
    for (unsigned n = 0; n < 8; n++) {
        if (neighbours(image_register(host, n), image_register(ours, n)))
            memcpy(host + IMAGE_ST + 16 * n, ours + IMAGE_ST + 16 * n, 10);
    }
    uint16_t status = load_le16(host + IMAGE_SW);
    store_le16(host + IMAGE_SW, (status & ~SW_C1) | (load_le16(ours + IMAGE_SW) & SW_C1));
}

/* --- the x87 --------------------------------------------------------------------------------- */

static void take_our_x87(Judge *j)
{
    uint32_t mxcsr = load_le32(j->host_state.image + IMAGE_MXCSR);
    memcpy(j->host_state.image, j->ours.image, IMAGE_XMM);
    store_le32(j->host_state.image + IMAGE_MXCSR, mxcsr);
}

/* How far a partial remainder goes is left open. */
static void settle_remainder(Judge *j)
{
    if (load_le16(j->host_state.image + IMAGE_SW) & SW_C2)
        take_our_x87(j);
}

static void settle_c1(Judge *j)
{
    uint16_t host = load_le16(j->host_state.image + IMAGE_SW);
    uint16_t ours = load_le16(j->ours.image + IMAGE_SW);
    store_le16(j->host_state.image + IMAGE_SW, (host & ~SW_C1) | (ours & SW_C1));
}

/* Stored pointers to the last instruction and operand: processors keep them in different cases. */
static void settle_pointers(Judge *j, const Instance *i)
{
    bool wide = i->insn.opsize != 2;
    unsigned start = wide ? 12 : 6, end = wide ? 28 : 14;
    if (j->host_state.vector == EXC_PF && j->ours.vector == EXC_PF)
        j->host_state.cr2 = j->ours.cr2; /* the order of accesses is the processor's own */
    if (j->host_state.vector >= 0 || !i->target || instance_named_like(i, "FLDENV") ||
        instance_named_like(i, "FRSTOR"))
        return;
    const uint8_t *ours = j->t[i->mode - 1]->high.host;
    for (unsigned n = start; n < end; n++) {
        uint64_t at = i->target - JUDGE_MEMORY + n;
        if (at < JUDGE_MEMORY_SIZE)
            j->host[at] = ours[at];
    }
}

/* --- which ----------------------------------------------------------------------------------- */

typedef enum Settle {
    SETTLE_TRANSCENDENTAL,
    SETTLE_REMAINDER,
    SETTLE_C1, /* [SDM2] has FCOMI clear C1; some processors leave it */
    SETTLE_POINTERS,
    SETTLE_APPROXIMATION,
} Settle;

static const struct {
    const char *name;
    Settle how;
} settlements[] = {
    {"F2XM1", SETTLE_TRANSCENDENTAL},
    {"FYL2XP1", SETTLE_TRANSCENDENTAL},
    {"FYL2X", SETTLE_TRANSCENDENTAL},
    {"FPATAN", SETTLE_TRANSCENDENTAL},
    {"FPTAN", SETTLE_TRANSCENDENTAL},
    {"FSIN", SETTLE_TRANSCENDENTAL},
    {"FCOS", SETTLE_TRANSCENDENTAL},
    {"FSINCOS", SETTLE_TRANSCENDENTAL},
    {"FPREM", SETTLE_REMAINDER},
    {"FPREM1", SETTLE_REMAINDER},
    {"FCOMI", SETTLE_C1},
    {"FCOMIP", SETTLE_C1},
    {"FUCOMI", SETTLE_C1},
    {"FUCOMIP", SETTLE_C1},
    {"FLDENV", SETTLE_POINTERS},
    {"FRSTOR", SETTLE_POINTERS},
    {"FNSTENV", SETTLE_POINTERS},
    {"FNSAVE", SETTLE_POINTERS},
    {"RCPPS", SETTLE_APPROXIMATION},
    {"RCPSS", SETTLE_APPROXIMATION},
    {"RSQRTPS", SETTLE_APPROXIMATION},
    {"RSQRTSS", SETTLE_APPROXIMATION},
    {"VRCPPS", SETTLE_APPROXIMATION},
    {"VRCPSS", SETTLE_APPROXIMATION},
    {"VRSQRTPS", SETTLE_APPROXIMATION},
    {"VRSQRTSS", SETTLE_APPROXIMATION},
};

static void settle_as(Judge *j, const Instance *i, Settle how)
{
    switch (how) {
    case SETTLE_TRANSCENDENTAL:
        settle_transcendental(j);
        break;
    case SETTLE_REMAINDER:
        settle_remainder(j);
        break;
    case SETTLE_C1:
        settle_c1(j);
        break;
    case SETTLE_POINTERS:
        settle_pointers(j, i);
        break;
    case SETTLE_APPROXIMATION:
        settle_approximations(j, i);
        break;
    }
}

void judge_settle(Judge *j, const Instance *i)
{
    const InsnRow *row = &insn_rows[i->row];
    for (unsigned n = 0; n < G_N_ELEMENTS(settlements); n++) {
        if (!strcmp(row->name, settlements[n].name))
            settle_as(j, i, settlements[n].how);
    }
    /* AMD's processors have gone to MMX state when a conversion to MMX raises #XM, and leave the
     * x87 alone in CVTPI2PS from memory, which by [SDM2] makes no exception to the rules of MMX. */
    if (row->attrs & ATTR_MMX && j->host_state.vector == EXC_XM)
        take_our_x87(j);
    if (instance_named(i, "CVTPI2PS") && i->target)
        take_our_x87(j);
}
