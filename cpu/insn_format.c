/* insn_format.c - one line of text for a decoded instruction, from the row: "ADD eax,
 * [rbx+rsi*4+0x10]".
 *
 * For dumps and tests. A memory operand's size is written where no register says it. */
#include "cpu/decode.h"
#include "cpu/regs.h"

#include <inttypes.h>

static const char *const gpr_names[4][GPR_COUNT] = {
    {"al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil", "r8b", "r9b", "r10b", "r11b", "r12b",
     "r13b", "r14b", "r15b"},
    {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di", "r8w", "r9w", "r10w", "r11w", "r12w", "r13w",
     "r14w", "r15w"},
    {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "r8d", "r9d", "r10d", "r11d", "r12d",
     "r13d", "r14d", "r15d"},
    {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13",
     "r14", "r15"},
};
static const char *const gpr8h_names[4] = {"ah", "ch", "dh", "bh"};
static const char *const seg_names[SEG_COUNT] = {"es", "cs", "ss", "ds", "fs", "gs"};
static const char *const condition_names[16] = {"O", "NO", "B", "NB", "Z", "NZ", "BE", "NBE",
                                                "S", "NS", "P", "NP", "L", "NL", "LE", "NLE"};

static const char *gpr_name(unsigned reg, unsigned size)
{
    unsigned log = size == 0 ? 0 : __builtin_ctz(size);
    return log < 4 && reg < GPR_COUNT ? gpr_names[log][reg] : "?";
}

/* --- mnemonic --------------------------------------------------------------------------------- */

static void append_name(GString *s, const Insn *insn)
{
    const InsnRow *row = insn_row(insn);
    if (insn->lock)
        g_string_append(s, "LOCK ");
    if ((row->attrs & ATTR_STRING) && insn->rep != REP_NONE)
        g_string_append(s, insn->rep == REP_REPE ? "REP " : "REPNE ");
    if (g_str_has_suffix(row->name, "CC")) { /* a condition family */
        g_string_append_len(s, row->name, strlen(row->name) - 2);
        g_string_append(s, condition_names[insn->opcode & 15]);
        return;
    }
    g_string_append(s, row->name);
    if (row->attrs & ATTR_STRING)
        g_string_append_c(s, insn->opsize == 1   ? 'B'
                             : insn->opsize == 2 ? 'W'
                             : insn->opsize == 4 ? 'D'
                                                 : 'Q');
}

/* --- memory ----------------------------------------------------------------------------------- */

static const char *size_word(unsigned size)
{
    switch (size) {
    case 1:
        return "byte ";
    case 2:
        return "word ";
    case 4:
        return "dword ";
    case 6:
        return "fword ";
    case 8:
        return "qword ";
    case 10:
        return "tbyte ";
    case 16:
        return "xmmword ";
    case 32:
        return "ymmword ";
    default:
        return "";
    }
}

/* True if another operand is a register of the same size, so that the memory operand's is plain. */
static bool register_tells_size(const Insn *insn, unsigned size)
{
    for (unsigned i = 0; i < MAX_OPERANDS; i++) {
        const Operand *op = &insn->op[i];
        bool is_register = op->kind == OPND_GPR || op->kind == OPND_GPR8H || op->kind == OPND_VEC ||
                           op->kind == OPND_MMX;
        if (is_register && op->size == size)
            return true;
    }
    return false;
}

static bool has_vector_index(const Insn *insn)
{
    return strstr(insn_row(insn)->name, "GATHER") != NULL;
}

static void append_displacement(GString *s, int64_t disp, bool first)
{
    if (first)
        g_string_append_printf(s, "0x%" PRIx32, (uint32_t)disp);
    else if (disp < 0)
        g_string_append_printf(s, "-0x%" PRIx64, (uint64_t)-disp);
    else if (disp > 0)
        g_string_append_printf(s, "+0x%" PRIx64, (uint64_t)disp);
}

static void append_index(GString *s, const Insn *insn)
{
    if (has_vector_index(insn))
        g_string_append_printf(s, "%cmm%u", insn->vex_l ? 'y' : 'x', insn->index);
    else
        g_string_append(s, gpr_name(insn->index, insn->addrsize));
    if (insn->scale != 0)
        g_string_append_printf(s, "*%u", 1u << insn->scale);
}

static void append_memory(GString *s, const Insn *insn, const Operand *op)
{
    if (!register_tells_size(insn, op->size))
        g_string_append(s, size_word(op->size));
    bool other_string = op->reg != REG_NONE && op->reg != insn->base; /* ES:rDI beside rSI */
    unsigned seg = other_string ? SEG_ES : insn->seg, base = other_string ? op->reg : insn->base;
    if (insn->seg_override || seg == SEG_ES)
        g_string_append_printf(s, "%s:", seg_names[seg]);
    g_string_append_c(s, '[');
    if (insn->has_moffs) {
        g_string_append_printf(s, "0x%" PRIx64, insn->imm);
    } else {
        if (base == REG_IP)
            g_string_append(s, insn->addrsize == 8 ? "rip" : "eip");
        else if (base != REG_NONE)
            g_string_append(s, gpr_name(base, insn->addrsize));
        if (insn->index != REG_NONE && !other_string) {
            if (base != REG_NONE)
                g_string_append_c(s, '+');
            append_index(s, insn);
        }
        bool alone = base == REG_NONE && insn->index == REG_NONE;
        append_displacement(s, alone && insn->addrsize == 2 ? (uint16_t)insn->disp : insn->disp,
                            alone);
    }
    g_string_append_c(s, ']');
}

/* --- operands --------------------------------------------------------------------------------- */

static void append_immediate(GString *s, uint64_t value, unsigned size)
{
    if (size < 8)
        value &= ((uint64_t)1 << size * 8) - 1;
    g_string_append_printf(s, "0x%" PRIx64, value);
}

/* Branch targets are relative to the next instruction: "+0x10". */
static void append_relative(GString *s, int64_t displacement)
{
    g_string_append_printf(s, "%c0x%" PRIx64, displacement < 0 ? '-' : '+',
                           displacement < 0 ? -(uint64_t)displacement : (uint64_t)displacement);
}

static void append_operand(GString *s, const Insn *insn, const Operand *op)
{
    switch ((OperandKind)op->kind) {
    case OPND_GPR:
        g_string_append(s, gpr_name(op->reg, op->size));
        break;
    case OPND_GPR8H:
        g_string_append(s, gpr8h_names[op->reg & 3]);
        break;
    case OPND_MEM:
        append_memory(s, insn, op);
        break;
    case OPND_IMM:
        append_immediate(s, insn->imm, op->size);
        break;
    case OPND_IMM2:
        append_immediate(s, insn->imm2, 1);
        break;
    case OPND_ONE:
        g_string_append(s, "1");
        break;
    case OPND_REL:
        append_relative(s, insn->imm);
        break;
    case OPND_FAR:
        g_string_append_printf(s, "0x%x:0x%x", (unsigned)(insn->imm >> 32 & 0xffff),
                               (unsigned)insn->imm);
        break;
    case OPND_SEG:
        g_string_append(s, seg_names[op->reg]);
        break;
    case OPND_CR:
        g_string_append_printf(s, "cr%u", op->reg);
        break;
    case OPND_DR:
        g_string_append_printf(s, "dr%u", op->reg);
        break;
    case OPND_ST:
        g_string_append_printf(s, "st%u", op->reg);
        break;
    case OPND_MMX:
        g_string_append_printf(s, "mm%u", op->reg);
        break;
    case OPND_VEC:
        g_string_append_printf(s, "%cmm%u", op->size == 32 ? 'y' : 'x', op->reg);
        break;
    case OPND_NONE:
        break;
    }
}

void insn_format(const Insn *insn, char *buffer, size_t size)
{
    g_autoptr(GString) s = g_string_new(NULL);
    append_name(s, insn);
    for (unsigned i = 0; i < MAX_OPERANDS && insn->op[i].kind != OPND_NONE; i++) {
        g_string_append(s, i == 0 ? " " : ", ");
        append_operand(s, insn, &insn->op[i]);
    }
    g_strlcpy(buffer, s->str, size);
}
