/* test_decode_oracle.c - the decoder against capstone, over random byte strings of each mode.
 *
 * Capstone reads only orderly prefixes, and SSE not at all in 16-bit code, so it is given the
 * string in a canonical form of the same meaning (canonical below); validity, length, name and
 * operands must then agree. Where capstone 4 or 5 is wrong, a row of the table `known` says so,
 * with the manual's section. */
#include "cpu/decode.h"
#include "cpu/features.h"
#include "cpu/isa.h"
#include "cpu/regs.h"
#include "tests/support/random_code.h"

#ifdef HAVE_CAPSTONE
#include <capstone/capstone.h>

enum { STRINGS_PER_MODE = 400000, STRING_SIZE = 16, CANONICAL_SIZE = 32 };

/* One string, what we make of it, and what capstone does. */
typedef struct Case {
    CodeSize mode;
    uint8_t bytes[STRING_SIZE];
    DecodeStatus status;
    Insn insn;
    uint8_t canonical[CANONICAL_SIZE];
    CodeSize canonical_mode;
    int removed;       /* bytes that the canonical form is shorter by */
    const cs_insn *cs; /* NULL: invalid */
    const char *cs_name;
    csh handle;
} Case;

static const InsnRow *row_of(const Case *c)
{
    return c->status == DECODE_OK ? insn_row(&c->insn) : NULL;
}

static bool name_is(const Case *c, const char *name)
{
    return c->status == DECODE_OK && strcmp(insn_row(&c->insn)->name, name) == 0;
}

/* --- the canonical form ----------------------------------------------------------------------- */

typedef struct Prefixes {
    size_t length; /* up to and without REX or the opcode */
    bool opsize, addrsize, lock;
    uint8_t rep, seg; /* the byte, or 0 */
    uint8_t rex;      /* the one that counts, or 0 */
} Prefixes;

static Prefixes read_prefixes(const uint8_t *bytes, CodeSize mode)
{
    Prefixes p = {0};
    for (; p.length < MAX_INSN_LENGTH; p.length++) {
        uint8_t b = bytes[p.length];
        if (mode == CODE_64 && (b & 0xf0) == 0x40) {
            p.rex = b;
            continue;
        }
        if (b == 0x66)
            p.opsize = true;
        else if (b == 0x67)
            p.addrsize = true;
        else if (b == 0xf0)
            p.lock = true;
        else if (b == 0xf2 || b == 0xf3)
            p.rep = b;
        else if (b == 0x64 || b == 0x65)
            p.seg = b;
        else if (b == 0x26 || b == 0x2e || b == 0x36 || b == 0x3e)
            p.seg = mode == CODE_64 ? p.seg : b;
        else
            break;
        p.rex = 0;
    }
    return p;
}

static bool row_has_size(const InsnRow *row, OperandSize size)
{
    for (unsigned i = 0; i < MAX_OPERANDS; i++) {
        const OperandInfo *info = &operand_infos[row->operands[i]];
        if (info->size == size || info->memory_size == size)
            return true;
    }
    return false;
}

/* Does the address size mean anything to the instruction? */
static bool uses_address_size(const Case *c)
{
    static const char *const names[] = {"JCXZ", "LOOP", "LOOPE", "LOOPNE", "MONITOR"};
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
        if (name_is(c, names[i]))
            return true;
    for (unsigned i = 0; i < MAX_OPERANDS; i++)
        if (c->insn.op[i].kind == OPND_MEM)
            return true;
    return false;
}

/* Takes out the prefixes that do not mean anything to the row, and makes an SSE instruction of
 * 16-bit code one of 32-bit code with the other address size. */
static void simplify_prefixes(Case *c, const InsnRow *row, Prefixes *p)
{
    bool sized = row_has_size(row, SIZE_V);
    if (c->mode == CODE_16 && row->prefix != PREFIX_ANY) {
        c->canonical_mode = CODE_32;
        p->addrsize = !p->addrsize;
        p->opsize ^= sized;
    }
    if (!uses_address_size(c))
        p->addrsize = false;
    if (row->prefix == PREFIX_ANY)
        p->rep = 0;
    else if (p->rep != 0 && !sized)
        p->opsize = false;
    if (c->mode == CODE_64 && (row->attrs & ATTR_F64))
        p->opsize = false;
    if (row->prefix != PREFIX_ANY && !sized && !row_has_size(row, SIZE_Y))
        p->rex &= ~8;
}

static void make_canonical(Case *c)
{
    Prefixes p = read_prefixes(c->bytes, c->mode);
    const InsnRow *row = row_of(c);
    c->canonical_mode = c->mode;
    if (row && row->map < MAP_VEX_0F)
        simplify_prefixes(c, row, &p);
    uint8_t *out = c->canonical;
    if (p.seg != 0)
        *out++ = p.seg;
    if (p.addrsize)
        *out++ = 0x67;
    if (p.opsize)
        *out++ = 0x66;
    if (p.lock)
        *out++ = 0xf0;
    if (p.rep != 0)
        *out++ = p.rep;
    if (p.rex != 0)
        *out++ = p.rex;
    c->removed = (int)p.length - (int)(out - c->canonical);
    memset(out, 0, c->canonical + CANONICAL_SIZE - out);
    memcpy(out, c->bytes + p.length, STRING_SIZE - p.length);
}

/* --- names ------------------------------------------------------------------------------------ */

typedef struct NameRule {
    const char *ours;
    const char *theirs[8];
} NameRule;

/* Where capstone's name is not ours in small letters. A last '*' matches any rest. */
static const NameRule name_rules[] = {
#if CS_API_MAJOR >= 5
    {"CALL_FAR", {"lcall", "call"}},
    {"JMP_FAR", {"ljmp", "jmp"}},
    {"FADDP", {"faddp", "fadd"}},
    {"FCOMIP", {"fcompi"}},
    {"FUCOMIP", {"fucompi"}},
    {"SYSRET", {"sysret", "sysretq"}},
    {"SYSEXIT", {"sysexit", "sysexitq"}},
#else
    {"CALL_FAR", {"lcall"}},
    {"JMP_FAR", {"ljmp"}},
#endif
    {"RET_FAR", {"retf", "retfq"}},
    {"CBW", {"cbw", "cwde", "cdqe"}},
    {"CWD", {"cwd", "cdq", "cqo"}},
    {"JCC", {"j*"}},
    {"SETCC", {"set*"}},
    {"CMOVCC", {"cmov*"}},
    {"MOVS", {"movs*"}},
    {"CMPS", {"cmps*"}},
    {"STOS", {"stos*"}},
    {"LODS", {"lods*"}},
    {"SCAS", {"scas*"}},
    {"INS", {"ins*"}},
    {"OUTS", {"outs*"}},
    {"IMUL2", {"imul"}},
    {"IMUL3", {"imul"}},
    {"IRET", {"iret", "iretd", "iretq"}},
    {"JCXZ", {"jcxz", "jecxz", "jrcxz"}},
    {"FNOP", {"fnop", "fdisi8087_nop", "feni8087_nop", "fsetpm"}},
    {"FSTPNCE", {"fstpnce"}},
    {"FWAIT", {"wait"}},
    {"MOV", {"mov", "movabs"}},
    {"MOV_FROM_CR", {"mov"}},
    {"MOV_FROM_DR", {"mov"}},
    {"MOV_TO_CR", {"mov"}},
    {"MOV_TO_DR", {"mov"}},
    {"MOV_FROM_SEG", {"mov"}},
    {"MOV_TO_SEG", {"mov"}},
    {"MOVD", {"movd", "movq"}},
    {"VMOVD", {"vmovd", "vmovq"}},
    {"PEXTRD", {"pextrd", "pextrq"}},
    {"PINSRD", {"pinsrd", "pinsrq"}},
    {"VPEXTRD", {"vpextrd", "vpextrq"}},
    {"VPINSRD", {"vpinsrd", "vpinsrq"}},
    {"NOP", {"nop", "prefetch*"}},
    {"PUSHA", {"pusha*"}},
    {"POPA", {"popa*"}},
    {"PUSHF", {"pushf*"}},
    {"POPF", {"popf*"}},
    {"PUSH_SEG", {"push"}},
    {"POP_SEG", {"pop"}},
    {"SHL", {"shl", "sal"}},
    {"UD1", {"ud2b", "ud1"}},
    {"XCHG", {"xchg", "nop"}}, /* 66 41 90 */
    {"XLAT", {"xlatb"}},
    {"FXSAVE", {"fxsave", "fxsave64"}},
    {"FXRSTOR", {"fxrstor", "fxrstor64"}},
    {"XSAVE", {"xsave", "xsave64"}},
    {"XSAVEC", {"xsavec", "xsavec64"}},
    {"XSAVES", {"xsaves", "xsaves64"}},
    {"XSAVEOPT", {"xsaveopt", "xsaveopt64"}},
    {"XRSTOR", {"xrstor", "xrstor64"}},
    {"XRSTORS", {"xrstors", "xrstors64"}},
    {"VCVTPD2DQ", {"vcvtpd2dq", "vcvtpd2dqx"}},
    {"VCVTPD2PS", {"vcvtpd2ps", "vcvtpd2psx"}},
    {"VCVTTPD2DQ", {"vcvttpd2dq", "vcvttpd2dqx"}},
};

static bool name_matches(const char *pattern, const char *name)
{
    size_t n = strlen(pattern);
    if (pattern[n - 1] == '*')
        return strncmp(pattern, name, n - 1) == 0;
    return strcmp(pattern, name) == 0;
}

/* CMPPS with its predicate in the name: cmpltps, vcmpeq_uqps. */
static bool is_compare(const char *name)
{
    static const char *const names[] = {"CMPPS",  "CMPPD",  "CMPSS",  "CMPSD",
                                        "VCMPPS", "VCMPPD", "VCMPSS", "VCMPSD"};
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static bool names_agree(const char *ours, const char *theirs)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(name_rules); i++) {
        const NameRule *rule = &name_rules[i];
        if (strcmp(rule->ours, ours) != 0)
            continue;
        for (unsigned k = 0; k < G_N_ELEMENTS(rule->theirs) && rule->theirs[k]; k++)
            if (name_matches(rule->theirs[k], theirs))
                return true;
        return false;
    }
    g_autofree char *lower = g_ascii_strdown(ours, -1);
    if (is_compare(ours)) {
        size_t stem = strlen(lower) - 2;
        return strncmp(lower, theirs, stem) == 0 && g_str_has_suffix(theirs, lower + stem);
    }
    return strcmp(lower, theirs) == 0;
}

/* --- operands --------------------------------------------------------------------------------- */

static const x86_reg gpr8[GPR_COUNT] = {X86_REG_AL,   X86_REG_CL,   X86_REG_DL,   X86_REG_BL,
                                        X86_REG_SPL,  X86_REG_BPL,  X86_REG_SIL,  X86_REG_DIL,
                                        X86_REG_R8B,  X86_REG_R9B,  X86_REG_R10B, X86_REG_R11B,
                                        X86_REG_R12B, X86_REG_R13B, X86_REG_R14B, X86_REG_R15B};
static const x86_reg gpr16[GPR_COUNT] = {X86_REG_AX,   X86_REG_CX,   X86_REG_DX,   X86_REG_BX,
                                         X86_REG_SP,   X86_REG_BP,   X86_REG_SI,   X86_REG_DI,
                                         X86_REG_R8W,  X86_REG_R9W,  X86_REG_R10W, X86_REG_R11W,
                                         X86_REG_R12W, X86_REG_R13W, X86_REG_R14W, X86_REG_R15W};
static const x86_reg gpr32[GPR_COUNT] = {X86_REG_EAX,  X86_REG_ECX,  X86_REG_EDX,  X86_REG_EBX,
                                         X86_REG_ESP,  X86_REG_EBP,  X86_REG_ESI,  X86_REG_EDI,
                                         X86_REG_R8D,  X86_REG_R9D,  X86_REG_R10D, X86_REG_R11D,
                                         X86_REG_R12D, X86_REG_R13D, X86_REG_R14D, X86_REG_R15D};
static const x86_reg gpr64[GPR_COUNT] = {X86_REG_RAX, X86_REG_RCX, X86_REG_RDX, X86_REG_RBX,
                                         X86_REG_RSP, X86_REG_RBP, X86_REG_RSI, X86_REG_RDI,
                                         X86_REG_R8,  X86_REG_R9,  X86_REG_R10, X86_REG_R11,
                                         X86_REG_R12, X86_REG_R13, X86_REG_R14, X86_REG_R15};
static const x86_reg gpr8h[4] = {X86_REG_AH, X86_REG_CH, X86_REG_DH, X86_REG_BH};
static const x86_reg segs[SEG_COUNT] = {X86_REG_ES, X86_REG_CS, X86_REG_SS,
                                        X86_REG_DS, X86_REG_FS, X86_REG_GS};

static unsigned gpr_id(unsigned reg, unsigned size)
{
    switch (size) {
    case 1:
        return gpr8[reg];
    case 2:
        return gpr16[reg];
    case 4:
        return gpr32[reg];
    default:
        return gpr64[reg];
    }
}

/* Capstone's number for a register operand of ours; 0 if it is none. */
static unsigned register_id(const Operand *op)
{
    switch ((OperandKind)op->kind) {
    case OPND_GPR:
        return gpr_id(op->reg, op->size);
    case OPND_GPR8H:
        return gpr8h[op->reg];
    case OPND_SEG:
        return segs[op->reg];
    case OPND_CR:
        return X86_REG_CR0 + op->reg;
    case OPND_DR:
        return X86_REG_DR0 + op->reg;
    case OPND_ST:
        return X86_REG_ST0 + op->reg;
    case OPND_MMX:
        return X86_REG_MM0 + op->reg;
    case OPND_VEC:
        return (op->size == 32 ? X86_REG_YMM0 : X86_REG_XMM0) + op->reg;
    default:
        return X86_REG_INVALID;
    }
}

static uint64_t low_bytes(uint64_t v, unsigned bytes)
{
    return bytes >= 8 ? v : v & (((uint64_t)1 << bytes * 8) - 1);
}

static unsigned base_id(const Insn *insn)
{
    if (insn->base == REG_NONE)
        return X86_REG_INVALID;
    if (insn->base == REG_IP)
        return insn->addrsize == 8 ? X86_REG_RIP : X86_REG_EIP;
    return gpr_id(insn->base, insn->addrsize);
}

static bool indexes_agree(const Insn *insn, const x86_op_mem *mem)
{
    unsigned theirs = mem->index;
    if (insn->index == REG_NONE)
        return mem->index == X86_REG_INVALID || mem->index == X86_REG_EIZ ||
               mem->index == X86_REG_RIZ;
    if (mem->scale != 1 << insn->scale)
        return false;
    for (unsigned i = 0; i < MAX_OPERANDS; i++) {
        unsigned where = operand_infos[insn_row(insn)->operands[i]].where;
        if (where == WHERE_VSIB_X || where == WHERE_VSIB_H) /* capstone's length is often wrong */
            return theirs == (unsigned)X86_REG_XMM0 + insn->index ||
                   theirs == (unsigned)X86_REG_YMM0 + insn->index;
    }
    return theirs == gpr_id(insn->index, insn->addrsize);
}

static const char *compare_memory(const Insn *insn, const Operand *op, const cs_x86_op *theirs)
{
    const x86_op_mem *mem = &theirs->mem;
    unsigned segment = insn->seg_override ? segs[insn->seg] : X86_REG_INVALID;
    uint64_t disp = insn->has_moffs ? insn->imm : (uint64_t)(int64_t)insn->disp;
    if (mem->segment != segment)
        return "segment";
    if (mem->base != base_id(insn))
        return "base";
    if (!indexes_agree(insn, mem))
        return "index";
    if (low_bytes(mem->disp, insn->addrsize) != low_bytes(disp, insn->addrsize))
        return "displacement";
    return op->size != 0 && theirs->size != op->size ? "memory size" : NULL;
}

/* Branch targets: capstone's is absolute. */
static bool targets_agree(const Case *c, const Operand *op, uint64_t theirs)
{
    uint64_t ours = c->insn.imm + c->cs->address + c->cs->size;
    return low_bytes(ours, op->size) == low_bytes(theirs, op->size);
}

static bool operand_agrees(const Case *c, const Operand *op, const cs_x86_op *theirs,
                           const char **why)
{
    if (theirs->type == X86_OP_MEM) {
        *why = op->kind == OPND_MEM ? compare_memory(&c->insn, op, theirs) : "operand kind";
        return *why == NULL;
    }
    if (theirs->type == X86_OP_REG) {
        *why = "register";
        return register_id(op) == (unsigned)theirs->reg;
    }
    *why = "immediate";
    switch ((OperandKind)op->kind) {
    case OPND_IMM:
        return low_bytes(c->insn.imm, op->size) == low_bytes(theirs->imm, op->size);
    case OPND_IMM2:
        return c->insn.imm2 == (uint8_t)theirs->imm;
    case OPND_REL:
        return targets_agree(c, op, theirs->imm);
    case OPND_FAR: /* capstone lists the selector before it */
        return low_bytes(c->insn.imm, op->size - 2) == low_bytes(theirs->imm, op->size - 2);
    default:
        return false;
    }
}

/* True for operands that the name or the opcode implies, which capstone lists or not. */
static bool is_implied(const Operand *op, unsigned where)
{
    return where == WHERE_GPR || where == WHERE_ONE || where == WHERE_SEG || where == WHERE_VEC ||
           where == WHERE_FIXED_MEM || where == WHERE_Y || (op->kind == OPND_ST && op->reg == 0);
}

/* Every operand of ours that is not implied must stand in capstone's list, in our order. */
static const char *compare_operands(const Case *c)
{
    const cs_x86 *x86 = &c->cs->detail->x86;
    const InsnRow *row = insn_row(&c->insn);
    unsigned next = 0;
    for (unsigned i = 0; i < MAX_OPERANDS && c->insn.op[i].kind != OPND_NONE; i++) {
        const Operand *op = &c->insn.op[i];
        unsigned where = operand_infos[row->operands[i]].where;
        const char *why = "operand count";
        if (is_implied(op, where))
            continue;
        while (next < x86->op_count && !operand_agrees(c, op, &x86->operands[next], &why))
            next++;
        if (next++ < x86->op_count)
            continue;
        if (op->kind == OPND_IMM && is_compare(row->name) && c->cs_name[strlen(row->name) - 2] &&
            strlen(c->cs_name) > strlen(row->name))
            continue; /* the predicate is in the name */
        return why;
    }
    return NULL;
}

/* --- comparison ------------------------------------------------------------------------------- */

static const char *compare(const Case *c)
{
    bool ours = c->status == DECODE_OK;
    if (ours != (c->cs != NULL))
        return ours ? "only we take it" : "only capstone takes it";
    if (!ours)
        return NULL;
    if (c->insn.length != c->cs->size + c->removed)
        return "length";
    if (!names_agree(insn_row(&c->insn)->name, c->cs_name))
        return "name";
    return compare_operands(c);
}

/* --- what capstone gets wrong ----------------------------------------------------------------- */

typedef struct Known {
    bool (*applies)(const Case *c, const char *why);
    const char *manual; /* section that says so */
} Known;

static bool is_one_of(const char *name, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(*list, name) == 0)
            return true;
    return false;
}

/* Instructions younger than capstone 4. */
static bool newer_than_capstone(const Case *c, const char *why)
{
    static const char *const names[] = {
        "RDPID",       "WRSS",      "WRUSS",    "RDSSP",   "INCSSP",    "RSTORSSP", "SETSSBSY",
        "SAVEPREVSSP", "CLRSSBSY",  "ENDBR32",  "ENDBR64", "RDPKRU",    "WRPKRU",   "CLWB",
        "WBNOINVD",    "SERIALIZE", "CLDEMOTE", "MOVDIRI", "MOVDIR64B", NULL};
    const InsnRow *row = row_of(c);
    return row && (is_one_of(row->name, names) || row->feature == FEATURE_GFNI ||
                   row->feature == FEATURE_VAES || row->feature == FEATURE_VPCLMULQDQ);
}

/* Capstone does not find them at all in some modes; objdump does. */
static bool capstone_gap(const Case *c, const char *why)
{
    return c->cs == NULL && (name_is(c, "INVPCID") || name_is(c, "VBROADCASTI128"));
}

/* The hint space 0F 0D, 0F 18 to 0F 1F takes every modrm byte. */
static bool hint(const Case *c, const char *why)
{
    return name_is(c, "NOP") && c->insn.opcode != 0x90;
}

static bool undefined_opcode(const Case *c, const char *why)
{
    return name_is(c, "UD0") || name_is(c, "UD1");
}

/* The r/m field of the fences is ignored. */
static bool fence(const Case *c, const char *why)
{
    return (name_is(c, "LFENCE") || name_is(c, "MFENCE") || name_is(c, "SFENCE")) &&
           (c->insn.modrm & 7) != 0;
}

/* The low half of a 32-bit register is read. */
static bool word_source(const Case *c, const char *why)
{
    static const char *const names[] = {"LAR", "LSL", "MOV_TO_SEG", NULL};
    return strcmp(why, "register") == 0 && is_one_of(insn_row(&c->insn)->name, names);
}

/* REX.R is ignored: there are eight segment registers. */
static bool segment_with_rex_r(const Case *c, const char *why)
{
    return (name_is(c, "MOV_FROM_SEG") || name_is(c, "MOV_TO_SEG")) && c->insn.rex;
}

/* Bit 7 of the immediate is ignored outside 64-bit mode. */
static bool is4_outside_64(const Case *c, const char *why)
{
    return c->mode != CODE_64 && c->status == DECODE_OK &&
           insn_row(&c->insn)->operands[3] == SPEC_Lx && (c->insn.imm2 & 0x80);
}

/* Base ten is left out. */
static bool base_ten(const Case *c, const char *why)
{
    return (name_is(c, "AAM") || name_is(c, "AAD")) && c->insn.imm == 10;
}

/* Without REX.W, 63 moves 32 bits, with 66 16. */
static bool movsxd_without_w(const Case *c, const char *why)
{
    return name_is(c, "MOVSXD") && !c->insn.rex_w;
}

/* VEX.W chooses between doublewords and quadwords in 64-bit mode only. */
static bool vex_w_outside_64(const Case *c, const char *why)
{
    const InsnRow *row = row_of(c);
    return c->mode != CODE_64 && row && row->map >= MAP_VEX_0F && c->insn.rex_w &&
           row_has_size(row, SIZE_Y);
}

/* 67 and REX.W together are taken for 66. */
static bool addrsize_with_rex_w(const Case *c, const char *why)
{
    Prefixes p = read_prefixes(c->bytes, c->mode);
    return p.addrsize && (p.rex & 8);
}

/* A 32-bit branch of 16-bit code is cut to 16 bits. */
static bool wide_branch_in_16(const Case *c, const char *why)
{
    return c->mode == CODE_16 && strcmp(why, "immediate") == 0 && c->insn.opsize == 4 &&
           c->insn.op[0].kind == OPND_REL &&
           low_bytes(c->insn.imm + c->cs->address + c->cs->size, 2) ==
               low_bytes(c->cs->detail->x86.operands[0].imm, 2);
}

/* REX.W wins over 66. */
static bool push_with_rex_w(const Case *c, const char *why)
{
    return name_is(c, "PUSH") && c->insn.rex_w && c->insn.opsize_prefix;
}

/* Longer than 15 bytes before it was made canonical. */
static bool too_long(const Case *c, const char *why)
{
    return c->status == DECODE_TOO_LONG;
}

/* Memory operands whose size capstone does not know or takes for another. */
static bool odd_memory_size(const Case *c, const char *why)
{
    static const char *const names[] = {
        /* clang-format off */
        /* far pointers; table registers; x87 state; halves; scalars */
        "BOUND", "CALL_FAR", "JMP_FAR", "LDS", "LES", "LFS", "LGS", "LSS",
        "LGDT", "LIDT", "SGDT", "SIDT", "INVPCID", "LSL", "LAR",
        "FLDENV", "FNSTENV", "FNSAVE", "FRSTOR", "FNSTSW", "FNSTCW",
        "PUNPCKLBW", "PUNPCKLDQ", "PUNPCKLWD",
        "COMISS", "COMISD", "UCOMISS", "UCOMISD", "VCOMISS", "VCOMISD", "VUCOMISS", "VUCOMISD",
        NULL,
        /* clang-format on */
    };
    return strcmp(why, "memory size") == 0 && is_one_of(insn_row(&c->insn)->name, names);
}

#if CS_API_MAJOR >= 5
/* Capstone 5 looks at VEX.W where the manual ignores it, and at the first bit of VEX.vvvv, which is
 * ignored outside 64-bit mode. */
static bool ignored_vex_bit(const Case *c, const char *why)
{
    const InsnRow *row = row_of(c);
    const uint8_t *vex = c->bytes + read_prefixes(c->bytes, c->mode).length;
    return c->cs == NULL && row && row->map >= MAP_VEX_0F &&
           (c->insn.rex_w || (c->mode != CODE_64 && vex[0] == 0xc4 && !(vex[2] & 0x40)));
}

/* REX.W wins over 66. */
static bool word_with_rex_w(const Case *c, const char *why)
{
    return c->status == DECODE_OK && c->insn.rex_w && c->insn.opsize_prefix &&
           (strcmp(why, "memory size") == 0 || name_is(c, "MOVBE"));
}

/* The mask register's length is the index register's. */
static bool gather_mask(const Case *c, const char *why)
{
    return strcmp(why, "register") == 0 && strstr(c->cs_name, "gather") != NULL;
}

/* The second encodings of FCOM, FCOMP, FXCH and FSTP, which it does not know. */
static bool x87_alias(const Case *c, const char *why)
{
    static const char *const names[] = {"FCOM", "FCOMP", "FXCH", "FSTP", NULL};
    return c->cs == NULL && c->status == DECODE_OK && is_one_of(insn_row(&c->insn)->name, names) &&
           c->insn.opcode >= 0xdc;
}

/* FMA4, XOP's VPERMIL2PS, and AVX-512 with its mask registers, to which it gives no group. */
static bool without_group(const char *name, const uint8_t *opcode)
{
    bool fma = g_str_has_prefix(name, "vfm") || g_str_has_prefix(name, "vfnm");
    return name[0] == 'k' || opcode[0] == 0x62 || (fma && strpbrk(name, "123") == NULL) ||
           (g_str_has_prefix(name, "vpermilp") && (opcode[3] & 0xfe) == 0x48);
}
#endif

/* --- strings that only capstone takes --------------------------------------------------------- */

/* Does the string, changed in some way, decode, and to the instruction that capstone saw? Then
 * capstone did not look at what was changed. */
static bool same_without(const Case *c, const uint8_t *changed, size_t size)
{
    Insn insn;
    return decode(changed, size, c->mode, 0, &insn) == DECODE_OK &&
           names_agree(insn_row(&insn)->name, c->cs_name);
}

/* LOCK where it is not allowed, prefixes before VEX, and 66, F2 or F3 where they mean another
 * instruction that does not exist; and VEX.W where the manual has W0 or W1. */
static bool forbidden_prefix(const Case *c, const char *why)
{
    Prefixes p = read_prefixes(c->bytes, c->mode);
    uint8_t changed[STRING_SIZE + 8], *out = changed;
    for (unsigned keep = 0; keep < 8; keep++) {
        out = changed;
        if (p.addrsize)
            *out++ = 0x67;
        if ((keep & 1) && p.opsize)
            *out++ = 0x66;
        if ((keep & 2) && p.rep != 0)
            *out++ = p.rep;
        bool vex = c->bytes[p.length] == 0xc4 || c->bytes[p.length] == 0xc5;
        if (p.rex != 0 && !vex)
            *out++ = p.rex;
        memcpy(out, c->bytes + p.length, STRING_SIZE - p.length);
        if ((keep & 4) && out[0] == 0xc4)
            out[2] ^= 0x80;
        out += STRING_SIZE - p.length;
        if (same_without(c, changed, out - changed))
            return true;
    }
    return false;
}

/* CR1, CR5 to CR7, CR9 to CR15, DR8 to DR15; CS as a destination. */
static bool no_such_register(const Case *c, const char *why)
{
    Prefixes p = read_prefixes(c->bytes, c->mode);
    const uint8_t *opcode = c->bytes + p.length;
    return strcmp(c->cs_name, "mov") == 0 &&
           (opcode[0] == 0x8e || (opcode[0] == 0x0f && (opcode[1] & 0xfc) == 0x20));
}

/* Gathers with two equal registers or a 16-bit address. */
static bool forbidden_gather(const Case *c, const char *why)
{
    return strstr(c->cs_name, "gather") != NULL;
}

static bool swapgs_outside_64(const Case *c, const char *why)
{
    return c->mode != CODE_64 && strcmp(c->cs_name, "swapgs") == 0;
}

/* What this emulator does not have: other vendors' and newer sets. */
static bool not_offered(const Case *c, const char *why)
{
    static const char *const names[] = {
        /* clang-format off */
        /* VMX, SVM, SMX, SGX, RTM; PadLock; 3DNow!, SSE4a */
        "vmcall", "vmlaunch", "vmresume", "vmxoff", "vmptrld", "vmptrst", "vmclear", "vmxon",
        "vmread", "vmwrite", "vmfunc", "invept", "invvpid", "vmrun", "vmmcall", "vmload", "vmsave",
        "stgi", "clgi", "skinit", "invlpga", "getsec", "encls", "enclu", "xabort", "xbegin", "xend",
        "xtest",
        "montmul", "xcryptcbc", "xcryptcfb", "xcryptctr", "xcryptecb", "xcryptofb", "xsha1",
        "xsha256", "xstore",
        "femms", "extrq", "insertq", "movntsd", "movntss",
        /* capstone 5's: MOVDIR, MPX, AMD's, and more */
        "movdiri", "movdir64b", "pconfig", "mwaitx", "monitorx", "wbnoinvd", "enclv", "clzero",
        "cldemote", "bndcu", "bndcl", "bndcn", "bndmk", "bndmov", "bndldx", "bndstx", "ptwrite",
        "umonitor", "umwait", "tpause", "wrssd", "wrssq", "wrussd", "wrussq", "vpermil2ps",
        "vpermil2pd", NULL,
        /* clang-format on */
    };
    Prefixes p = read_prefixes(c->bytes, c->mode);
    const uint8_t *opcode = c->bytes + p.length;
    if (is_one_of(c->cs_name, names) || (opcode[0] == 0x0f && opcode[1] == 0x0f)) /* 3DNow! */
        return true;
#if CS_API_MAJOR >= 5
    if (without_group(c->cs_name, opcode))
        return true;
#endif
    for (unsigned i = 0; i < c->cs->detail->groups_count; i++) {
        unsigned group = c->cs->detail->groups[i];
        if (group == X86_GRP_FMA4 || group == X86_GRP_XOP || group == X86_GRP_TBM ||
            group == X86_GRP_AVX512 || group == X86_GRP_DQI || group == X86_GRP_BWI)
            return true;
    }
    return false;
}

static bool only_capstone(const Case *c, const char *why)
{
    return c->status == DECODE_INVALID &&
           (not_offered(c, why) || forbidden_prefix(c, why) || no_such_register(c, why) ||
            swapgs_outside_64(c, why) || forbidden_gather(c, why));
}

static const Known known[] = {
    {newer_than_capstone, "[SDM2]"},
    {capstone_gap, "[SDM2] INVPCID, VBROADCAST"},
    {hint, "[SDM2] \"Opcode Map\""},
    {undefined_opcode, "[SDM2] UD"},
    {fence, "[SDM2] LFENCE"},
    {word_source, "[SDM2] LAR"},
    {segment_with_rex_r, "[SDM2] \"REX Prefixes\""},
    {is4_outside_64, "[SDM2] VBLENDVPS"},
    {base_ten, "[SDM2] AAM"},
    {movsxd_without_w, "[SDM2] MOVSX/MOVSXD"},
    {vex_w_outside_64, "[SDM2] \"VEX.W\""},
    {addrsize_with_rex_w, "[SDM2] \"Instruction Prefixes\""},
    {odd_memory_size, "[SDM2]"},
    {wide_branch_in_16, "[SDM2] Jcc"},
    {push_with_rex_w, "[SDM2] \"REX Prefixes\""},
    {too_long, "[SDM2] \"Instruction Format\""},
#if CS_API_MAJOR >= 5
    {ignored_vex_bit, "[SDM2] \"VEX.W\""},
    {word_with_rex_w, "[SDM2] \"REX Prefixes\""},
    {gather_mask, "[SDM2] VGATHERDPD"},
    {x87_alias, "[SDM2] \"Escape Opcode Instructions\""},
#endif
    {only_capstone, "[SDM2] \"Instruction Prefixes\", \"VEX\", LOCK, MOV"},
};

static bool is_known(const Case *c, const char *why)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(known); i++)
        if (known[i].applies(c, why))
            return true;
    return false;
}

/* --- the test --------------------------------------------------------------------------------- */

static const cs_mode cs_modes[] = {
    [CODE_16] = CS_MODE_16, [CODE_32] = CS_MODE_32, [CODE_64] = CS_MODE_64};

static void run_capstone(Case *c, const csh *handles, cs_insn *insn)
{
    const uint8_t *code = c->canonical;
    size_t size = MAX_INSN_LENGTH;
    uint64_t address = 0x1000;
    c->handle = handles[c->canonical_mode];
    bool ok = cs_disasm_iter(c->handle, &code, &size, &address, insn);
    c->cs = ok ? insn : NULL;
    c->cs_name = ok ? cs_insn_name(c->handle, insn->id) : "";
#if CS_API_MAJOR >= 5
    /* The numbers of the compares name other instructions there. */
    if (ok && (g_str_has_prefix(insn->mnemonic, "cmp") || g_str_has_prefix(insn->mnemonic, "vcmp")))
        c->cs_name = insn->mnemonic;
#endif
}

/* One line for each kind of difference, with the first example. */
static void report(GHashTable *seen, const Case *c, const char *why)
{
    const InsnRow *row = row_of(c);
    g_autofree char *key = g_strdup_printf("%s: %s / %s", why, row ? row->name : "-", c->cs_name);
    if (!g_hash_table_add(seen, g_strdup(key)))
        return;
    g_autoptr(GString) hex = g_string_new(NULL);
    for (unsigned i = 0; i < STRING_SIZE; i++)
        g_string_append_printf(hex, "%02x", c->bytes[i]);
    char text[128] = "invalid";
    if (row)
        insn_format(&c->insn, text, sizeof(text));
    g_test_message("%s, %d-bit code, %s: ours %d \"%s\", capstone %d \"%s %s\"", key, 16 << c->mode,
                   hex->str, c->insn.length, text, c->cs ? c->cs->size + c->removed : 0, c->cs_name,
                   c->cs ? c->cs->op_str : "");
}

static void test_random(gconstpointer data)
{
    CodeSize mode = GPOINTER_TO_INT(data);
    csh handles[3];
    for (unsigned i = 0; i < 3; i++) {
        g_assert_cmpint(cs_open(CS_ARCH_X86, cs_modes[i], &handles[i]), ==, CS_ERR_OK);
        cs_option(handles[i], CS_OPT_DETAIL, CS_OPT_ON);
    }
    cs_insn *insn = cs_malloc(handles[mode]);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    unsigned differences = 0, agreed = 0;
    RandomCode random;
    random_code_init(&random, 1 + mode);
    for (unsigned i = 0; i < STRINGS_PER_MODE; i++) {
        Case c = {.mode = mode};
        random_code_fill(&random, mode, c.bytes, sizeof(c.bytes));
        c.status = decode(c.bytes, sizeof(c.bytes), mode, 0, &c.insn);
        make_canonical(&c);
        run_capstone(&c, handles, insn);
        const char *why = compare(&c);
        agreed += why == NULL && c.status == DECODE_OK;
        if (why == NULL || is_known(&c, why))
            continue;
        differences++;
        report(seen, &c, why);
    }
    cs_free(insn, 1);
    for (unsigned i = 0; i < 3; i++)
        cs_close(&handles[i]);
    g_test_message("%u instructions agree", agreed);
    g_assert_cmpuint(differences, ==, 0);
    g_assert_cmpuint(agreed, >, STRINGS_PER_MODE / 3);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    decode_init();
    g_test_add_data_func("/decode/oracle/16", GINT_TO_POINTER(CODE_16), test_random);
    g_test_add_data_func("/decode/oracle/32", GINT_TO_POINTER(CODE_32), test_random);
    g_test_add_data_func("/decode/oracle/64", GINT_TO_POINTER(CODE_64), test_random);
    return g_test_run();
}

#else

static void test_skipped(void)
{
    g_test_skip("built without capstone");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/decode/oracle", test_skipped);
    return g_test_run();
}
#endif
