/* test_native_int.c - every integer row that may run in user mode: random encodings on random
 * operands, run by the interpreter in 64-bit mode and by the host CPU, and compared. [SDM2] says
 * which flags are undefined; the rows know. Skipped where the host is not an x86-64. */
#include <inttypes.h>

#include "cpu/decode.h"
#include "cpu/flags.h"
#include "tests/support/edges.h"
#include "tests/support/insn_bench.h"
#include "tests/support/native.h"
#include "tests/support/row_code.h"

enum { INSTANCES_PER_ROW = 1500, SEED = 20240229 };

/* Inside the memory both engines have at TEST_HIGH. */
enum {
    AREA_OPERAND = TEST_HIGH + 0x4000,
    AREA_SECOND = TEST_HIGH + 0x6000,
    AREA_STACK = TEST_HIGH + 0xa000,
};

typedef struct Judge {
    InsnBench *t;
    Native *native;
    uint8_t *host; /* TEST_HIGH here */
    GRand *rand;
    RandomCode codes;
    unsigned row;
    uint8_t code[MAX_INSN_LENGTH];
    Insn insn;
    NativeState state;
} Judge;

static uint32_t below(Judge *j, uint32_t n)
{
    return g_rand_int(j->rand) % n;
}

static uint64_t random64(Judge *j)
{
    return (uint64_t)g_rand_int(j->rand) << 32 | g_rand_int(j->rand);
}

/* Values where carries, signs and zeros happen are likelier than chance has them. */
static uint64_t random_operand(Judge *j)
{
    switch (below(j, 4)) {
    case 0:
        return integer_edges[below(j, INTEGER_EDGES)];
    case 1:
        return below(j, 0x200);
    default:
        return random64(j);
    }
}

/* --- which rows ---------------------------------------------------------------------------- */

/* What reads or changes things the two machines cannot share. */
static const char *const not_comparable[] = {
    "CPUID",   "RDTSC",    "RDTSCP",   "RDPID",        "RDPMC",  "RDRAND",   "RDSEED",
    "XGETBV",  "SMSW",     "SGDT",     "SIDT",         "PUSHF",  "PUSH_SEG", "FXSAVE",
    "FXRSTOR", "XSAVE",    "XSAVEOPT", "XSAVEC",       "XRSTOR", "RDFSBASE", "RDGSBASE",
    "MONITOR", "WRFSBASE", "WRGSBASE", "MOV_FROM_SEG",
};

static bool row_is_comparable(const InsnRow *row)
{
    uint32_t excluded = ATTR_I64 | ATTR_PROT | ATTR_CPL0 | ATTR_BRANCH | ATTR_SERIAL | ATTR_SSE |
                        ATTR_MMX | ATTR_X87 | ATTR_AVX | ATTR_IOPL;
    if (row->map >= MAP_VEX_0F)
        excluded &= ~ATTR_PROT; /* no more than "not in real mode" there */
    if (row->attrs & excluded || !row->exec || !native_has(row->feature))
        return false;
    if (!feature_is_implemented(row->feature))
        return false;
    for (unsigned i = 0; i < G_N_ELEMENTS(not_comparable); i++) {
        if (!strcmp(row->name, not_comparable[i]))
            return false;
    }
    return true;
}

static bool named(const Judge *j, const char *name)
{
    return !strcmp(insn_rows[j->row].name, name);
}

static bool named_like(const Judge *j, const char *start)
{
    return g_str_has_prefix(insn_rows[j->row].name, start);
}

/* --- operands ------------------------------------------------------------------------------ */

static const Operand *memory_operand(const Insn *insn)
{
    for (unsigned i = 0; i < MAX_OPERANDS; i++) {
        if (insn->op[i].kind == OPND_MEM)
            return &insn->op[i];
    }
    return NULL;
}

/* Aims the memory operand at the area. False: this encoding cannot be aimed. */
static bool aim_memory(Judge *j)
{
    const Insn *insn = &j->insn;
    const Operand *mem = memory_operand(insn);
    if (insn->base == REG_IP)
        return false;
    if (!mem || insn_row(insn)->attrs & ATTR_STRING || named(j, "LEA"))
        return true;
    if (insn->has_moffs && insn->seg < SEG_FS) {
        store_le(j->code + insn->length - insn->addrsize, AREA_OPERAND + below(j, 64),
                 insn->addrsize);
        return true;
    }
    if (insn->base >= GPR_COUNT || insn->base == insn->index || insn->seg >= SEG_FS)
        return false;
    if (insn->base == RSP && insn_row(insn)->attrs & ATTR_D64)
        return false; /* PUSH, POP: the stack is where it is */
    uint64_t target = AREA_OPERAND + (below(j, 8) ? below(j, 64) : 0x1000 - below(j, 16));
    if (mem->size == 16)
        target &= ~15;
    uint64_t index = insn->index < GPR_COUNT ? j->state.gpr[insn->index] << insn->scale : 0;
    uint64_t base = target - (int64_t)insn->disp - index;
    if (insn->addrsize == 4)
        base = (uint32_t)base | random64(j) << 32;
    j->state.gpr[insn->base] = base;
    return true;
}

static void random_registers(Judge *j)
{
    for (unsigned r = 0; r < GPR_COUNT; r++)
        j->state.gpr[r] = random_operand(j);
    j->state.gpr[RSP] = AREA_STACK;
    j->state.flags = FLAG_FIXED | (g_rand_int(j->rand) & (FLAGS_ARITH | FLAG_DF));
    const Insn *insn = &j->insn;
    if (insn->index < GPR_COUNT && insn->addrsize == 8)
        j->state.gpr[insn->index] = below(j, 0x10000);
}

/* What an instruction needs to run at all, or to do something interesting. False: choose again. */
static bool suit_instruction(Judge *j)
{
    const Insn *insn = &j->insn;
    uint64_t *gpr = j->state.gpr;
    if (insn_row(insn)->attrs & ATTR_STRING) {
        gpr[RSI] = AREA_OPERAND + below(j, 0x1000);
        gpr[RDI] = (below(j, 2) ? AREA_SECOND : AREA_OPERAND) + below(j, 0x1000);
        gpr[RCX] = below(j, 200);
    }
    if (named_like(j, "DIV") || named_like(j, "IDIV"))
        gpr[RDX] = below(j, 2) ? (uint64_t)((int64_t)gpr[RAX] >> 63) : below(j, 3);
    if (named(j, "LEAVE") || named(j, "ENTER"))
        gpr[RBP] = AREA_STACK + 0x800;
    if (named(j, "ENTER"))
        j->code[insn->length - 2] &= 0x1f; /* room for locals */
    if (named_like(j, "BT") && insn->op[0].kind == OPND_MEM && insn->op[1].kind == OPND_GPR) {
        if (insn->op[1].reg == insn->base || insn->op[1].reg == insn->index)
            return false;
        gpr[insn->op[1].reg] = (int64_t)below(j, 2000) - 1000;
    }
    if (named_like(j, "CMPXCHG") && below(j, 2) && insn->op[0].kind == OPND_GPR)
        gpr[RAX] = gpr[insn->op[0].reg];
    return true;
}

/* Results the manual leaves undefined, which processors do not agree on. 0F 0D with a register is
 * not in the manual; it is a NOP or #UD. */
static bool result_is_undefined(const Judge *j)
{
    const Insn *insn = &j->insn;
    unsigned count = insn->op[2].kind == OPND_IMM ? insn->imm : j->state.gpr[RCX];
    if (named(j, "BSWAP"))
        return insn->opsize == 2;
    if (named(j, "NOP"))
        return insn->opcode == 0x0d && insn->modrm >= 0xc0;
    if (named(j, "SHLD") || named(j, "SHRD"))
        return insn->opsize == 2 && (count & 31) > 16;
    return false;
}

/* CF of a shift by more than the operand is wide. */
static uint32_t undefined_flags(const Judge *j)
{
    uint32_t undefined = insn_rows[j->row].flags_undefined;
    if (named(j, "SHL") || named(j, "SHR"))
        undefined |= j->insn.op[0].size < 4 ? FLAG_CF : 0;
    return undefined;
}

static void make_instance(Judge *j)
{
    do {
        g_assert_true(row_code(&j->codes, j->row, CODE_64, j->code, &j->insn));
        random_registers(j);
    } while (!suit_instruction(j) || !aim_memory(j) || result_is_undefined(j));
    if (named_like(j, "CMPS") || named_like(j, "SCAS")) {
        memset(j->host + 0x4000, below(j, 2), 0x1000 + below(j, 0x1000));
        memcpy(j->t->high.host, j->host, TEST_HIGH_SIZE);
    }
}

/* --- the comparison ------------------------------------------------------------------------ */

static G_NORETURN void report(const Judge *j, const NativeState *before, const NativeState *native,
                              const char *what)
{
    const Cpu *cpu = j->t->cpu;
    char text[128];
    g_autoptr(GString) out = g_string_new(NULL);
    insn_format(&j->insn, text, sizeof(text));
    g_string_append_printf(out, "%s: %s differs; bytes", text, what);
    for (unsigned i = 0; i < j->insn.length; i++)
        g_string_append_printf(out, " %02x", j->code[i]);
    g_string_append_printf(out, "\n      %-18s %-18s %-18s\n", "before", "interpreter", "host");
    for (unsigned r = 0; r < GPR_COUNT; r++)
        g_string_append_printf(out, " %2u   %-18" PRIx64 " %-18" PRIx64 " %-18" PRIx64 " %s\n", r,
                               before->gpr[r], cpu->gpr[r], native->gpr[r],
                               cpu->gpr[r] != native->gpr[r] ? "<" : "");
    g_string_append_printf(out, " fl   %-18x %-18x %-18x undefined %x", (unsigned)before->flags,
                           eflags_get(cpu), (unsigned)native->flags, undefined_flags(j));
    g_error("%s", out->str);
}

static void judge_instance(Judge *j)
{
    Cpu *cpu = j->t->cpu;
    NativeState native = j->state;
    memcpy(cpu->gpr, j->state.gpr, sizeof(cpu->gpr));
    eflags_set(cpu, j->state.flags);
    int vector = insn_bench_run(j->t, j->code, j->insn.length);
    bool trapped = !native_run(j->native, j->code, j->insn.length, &native);
    if (trapped != (vector >= 0))
        report(j, &j->state, &native, "trapping");
    if (!trapped) {
        uint32_t compared = (FLAGS_ARITH | FLAG_DF) & ~undefined_flags(j);
        if (memcmp(native.gpr, cpu->gpr, sizeof(native.gpr)))
            report(j, &j->state, &native, "a register");
        if ((eflags_get(cpu) ^ native.flags) & compared)
            report(j, &j->state, &native, "a flag");
    }
    if (trapped) /* the guest's exception frame went to its stack */
        memcpy(j->t->high.host, j->host, TEST_HIGH_SIZE);
    else if (memcmp(j->host, j->t->high.host, TEST_HIGH_SIZE))
        report(j, &j->state, &native, "memory");
}

static void test_rows(void)
{
    Judge j = {.native = native_new()};
    j.host = j.native ? native_map(j.native, TEST_HIGH, TEST_HIGH_SIZE) : NULL;
    if (!j.host) {
        g_test_skip("the host cannot run x86-64 instructions for us");
        native_free(j.native);
        return;
    }
    j.t = insn_bench_new("max");
    j.rand = g_rand_new_with_seed(SEED);
    random_code_init(&j.codes, SEED);
    insn_bench_enter(j.t, CODE_64);
    for (unsigned i = 0; i < TEST_HIGH_SIZE; i++)
        j.host[i] = j.t->high.host[i] = random64(&j);
    unsigned rows = 0;
    for (j.row = 0; j.row < insn_row_count; j.row++) {
        if (!row_is_comparable(&insn_rows[j.row]))
            continue;
        rows++;
        for (unsigned i = 0; i < INSTANCES_PER_ROW; i++) {
            make_instance(&j);
            judge_instance(&j);
        }
    }
    g_test_message("%u rows, %u instances", rows, rows * INSTANCES_PER_ROW);
    g_assert_cmpuint(rows, >, 200); /* the host may lack a few features */
    g_rand_free(j.rand);
    insn_bench_free(j.t);
    native_free(j.native);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/native/integer", test_rows);
    return g_test_run();
}
