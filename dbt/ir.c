/* ir.c - the intermediate form: its ops, printing, checking. */
#include "dbt/ir.h"

#include <inttypes.h>

/* The columns of ir.def. */
enum { STAYS, SHOWS, LEAVES };
enum {
    GPRS_NONE = 0,
    GPRS_DST = 0, /* seen when the op is added, */
    GPRS_ROW = 0, /* likewise */
    GPRS_SP = 1 << RSP,
    GPRS_STRING = 1 << RCX | 1 << RSI | 1 << RDI,
    GPRS_ALL = UINT16_MAX,
};

const IrInfo ir_info[IR_OPCODE_COUNT] = {
#define IROP(name, text, leaves, flags, gprs)                                                \
    [IR_##name] = {                                                                          \
        #name,                                                                               \
        text,                                                                                \
        leaves == LEAVES,                                                                    \
        {leaves != STAYS ? FLAGS_ARITH : 0, FLAGS_##flags == FLAGS_WRITES ? FLAGS_ARITH : 0, \
         GPRS_##gprs, false},                                                                \
    },
#include "dbt/ir.def"
#undef IROP
};

const uint8_t ir_flags[IR_OPCODE_COUNT] = {
#define IROP(name, text, leaves, flags, gprs) [IR_##name] = FLAGS_##flags,
#include "dbt/ir.def"
#undef IROP
};

static bool is_check(const IrOp *op)
{
    return op->op <= IR_CHECKDI;
}

/* --- printing ------------------------------------------------------------------------------------ */

static const char *condition_names[16] = {"o", "no", "b", "ae", "e", "ne", "be", "a",
                                          "s", "ns", "p", "np", "l", "ge", "le", "g"};

static void print_ref(GString *out, const IrOp *op, unsigned ref)
{
    static const char *names[16] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                    "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    if (ref < 16)
        g_string_append_printf(out, "%s.%u", names[ref], op->size * 8);
    else if (ref == REF_IMM)
        g_string_append_printf(out, "%#" PRIx64, (uint64_t)op->imm);
    else
        g_string_append(out, ref == REF_T ? "T" : ref == REF_TEMP ? "temp" : "?");
}

static void print_row(GString *out, const Insn *insn)
{
    char text[128];
    insn_format(insn, text, sizeof(text));
    g_string_append(out, text);
}

/* The memory operand alone: "cs:[rbx+8]". */
static void print_memory(GString *out, const Insn *insn)
{
    char text[128];
    insn_format(insn, text, sizeof(text));
    char *end = strchr(text, ']'), *start = strchr(text, '[');
    if (!start || !end) {
        g_string_append(out, text);
        return;
    }
    while (start > text && start[-1] != ' ' && start[-1] != ',')
        start--;
    g_string_append_len(out, start, end + 1 - start);
}

static void print_flags(GString *out, unsigned flags)
{
    static const struct {
        uint16_t bit;
        char name;
    } names[] = {{FLAG_OF, 'o'}, {FLAG_SF, 's'}, {FLAG_ZF, 'z'},
                 {FLAG_AF, 'a'}, {FLAG_PF, 'p'}, {FLAG_CF, 'c'}};
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
        g_string_append_c(out, flags & names[i].bit ? names[i].name : '-');
}

static void print_text(const IrBlock *ir, const IrOp *op, GString *out)
{
    const Insn *insn = &ir->insn[op->insn];
    static const char *access[] = {"read", "write", "fetch"};
    for (const char *p = ir_info[op->op].text; *p; p++) {
        if (*p != '%') {
            g_string_append_c(out, *p);
            continue;
        }
        switch (*++p) {
        case 'a':
            g_string_append_printf(out, "%s.%u", access[op->access], op->size * 8);
            break;
        case 'c':
            g_string_append(out, condition_names[op->access & 15]);
            break;
        case 'd':
            print_ref(out, op, op->dst);
            break;
        case 's':
            print_ref(out, op, op->src);
            break;
        case 'i':
            g_string_append_printf(out, "%+" PRId64, op->imm);
            break;
        case 't':
            g_string_append_printf(out, "%#" PRIx64, (uint64_t)op->imm);
            break;
        case 'f':
            print_flags(out, op->imm);
            break;
        case 'm':
            print_memory(out, insn);
            break;
        case 'n':
            g_string_append_printf(out, "%u", op->span);
            break;
        default:
            print_row(out, insn);
            break;
        }
    }
}

void ir_print_op(const IrBlock *ir, unsigned n, GString *out)
{
    const IrOp *op = &ir->ops[n];
    print_flags(out, ir->live[n]);
    g_string_append(out, "  ");
    print_text(ir, op, out);
    if (is_check(op) && op->span)
        g_string_append_printf(out, ", opens span %u of %u bytes at %+d", op->span,
                               ir->spans[op->span - 1].bytes, -ir->spans[op->span - 1].offset);
}

void ir_print(const IrBlock *ir, GString *out)
{
    unsigned last = IR_MAX_INSNS;
    for (unsigned i = 0; i < ir->op_count; i++) {
        const IrOp *op = &ir->ops[i];
        if (op->insn != last) {
            g_string_append_printf(out, "%16" PRIx64 "  ", ir->insn_rip[op->insn]);
            print_row(out, &ir->insn[op->insn]);
            g_string_append_c(out, '\n');
            last = op->insn;
        }
        g_string_append(out, "    ");
        ir_print_op(ir, i, out);
        g_string_append_c(out, '\n');
    }
}

/* --- checking ------------------------------------------------------------------------------------ */

static bool row_uses_memory(const Insn *insn)
{
    for (unsigned i = 0; i < MAX_OPERANDS; i++)
        if (insn->op[i].kind == OPND_MEM && insn->op[i].size)
            return true;
    return false;
}

const char *ir_problem(const IrBlock *ir)
{
    bool memory = false, committed = false;
    unsigned insn = IR_MAX_INSNS;
    for (unsigned i = 0; i < ir->op_count; i++) {
        const IrOp *op = &ir->ops[i];
        if (op->insn >= ir->insn_count || (insn != IR_MAX_INSNS && op->insn < insn))
            return "an op out of order";
        if (op->insn != insn)
            memory = committed = false;
        insn = op->insn;
        if (ir_info[op->op].leaves && committed)
            return "an op leaves after its instruction has committed something";
        if ((op->op == IR_LOAD || op->op == IR_STORE) && !memory)
            return "memory is used without a check";
        if ((op->op == IR_ROW || op->op == IR_X87 || op->op == IR_FLDCW || op->op == IR_DIVIDE) &&
            row_uses_memory(&ir->insn[insn]) && !memory)
            return "a row's memory is used without a check";
        if (op->dst < GPR_COUNT && op->op != IR_COMPARE && !(ir->use[i].gprs >> op->dst & 1))
            return "an op's use does not know what it writes";
        memory |= is_check(op) || op->op == IR_REACH;
        bool volatile_only = op->op == IR_LOAD && (op->dst == REF_T || op->dst == REF_TEMP);
        volatile_only |= op->op == IR_MOVE && (op->dst == REF_T || op->dst == REF_TEMP);
        volatile_only |= op->op == IR_SKIPCX || op->op == IR_REACH;
        committed |= !ir_info[op->op].leaves && !volatile_only;
    }
    if (ir->op_count == 0)
        return "nothing in the block";
    unsigned end = ir->ops[ir->op_count - 1].op;
    if (end != IR_JMP && end != IR_JUMP && end != IR_RET && end != IR_LEAVE && end != IR_CROSS)
        return "the block does not end";
    return NULL;
}
