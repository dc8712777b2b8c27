/* test_native_vec.c - every row of MMX, SSE, AVX, FMA and AES: random encodings on random
 * registers, memory, control and status words, run by the interpreter in 64-bit mode and by the
 * host CPU, and compared whole: registers, flags, MXCSR, x87 tags, memory, exceptions and what they
 * leave. Skipped where the host is not an x86-64. */
#include <inttypes.h>
#include <math.h>

#include "cpu/exec.h"
#include "cpu/x87.h"
#include "tests/float/operands.h"
#include "tests/support/insn_bench.h"
#include "tests/support/native_state.h"
#include "tests/support/row_code.h"

enum { INSTANCES_PER_ROW = 1000, SEED = 19991 };

/* Inside the memory both engines have at TEST_HIGH: a page with operands, and its end. */
enum {
    AREA_OPERAND = TEST_HIGH + 0x4000,
    AREA_STACK = TEST_HIGH + 0xa000,
    WINDOW_BEFORE = 64, /* of memory that is compared around the operand */
    WINDOW_AFTER = 128,
};

typedef struct Judge {
    InsnBench *t;
    Native *native_cpu;
    uint8_t *host, *guest; /* TEST_HIGH here and there */
    RandomCode codes;
    Random random;
    unsigned row;
    uint8_t code[MAX_INSN_LENGTH];
    Insn insn;
    uint64_t target; /* of the memory operand, or 0 */
    NativeState before, ours, native;
    uint64_t raised; /* how many instances did */
} Judge;

static unsigned below(Judge *j, unsigned n)
{
    return random_below(&j->random, n);
}

static bool named_like(const Judge *j, const char *start)
{
    return g_str_has_prefix(insn_rows[j->row].name, start);
}

/* --- which rows ---------------------------------------------------------------------------- */

/* Not comparable: the host may have more MXCSR bits than the guest. */
static bool row_is_comparable(const InsnRow *row)
{
    return row->attrs & (ATTR_SSE | ATTR_MMX | ATTR_AVX) && row->exec && native_has(row->feature) &&
           feature_is_implemented(row->feature) && !g_str_has_suffix(row->name, "LDMXCSR");
}

/* --- operands ------------------------------------------------------------------------------ */

static uint64_t integer_edge(Judge *j, unsigned bits)
{
    uint64_t limit = (uint64_t)1 << (bits - 1);
    switch (below(j, 6)) {
    case 0:
        return below(j, 3) - 1;
    case 1:
        return limit - 1 + below(j, 2);
    case 2:
        return below(j, 2 * bits);
    default:
        return random_next(&j->random);
    }
}

/* Elements of one type; strings are of few letters, with ends. */
static void random_elements(Judge *j, uint8_t *p, unsigned size)
{
    uint64_t v = random_next(&j->random);
    unsigned type = below(j, 8), width = type < 2 ? 4 : type < 4 ? 8 : 1u << (type & 3);
    bool letters = named_like(j, "PCMP") && below(j, 2);
    for (unsigned at = 0; at < size; at += width) {
        if (type < 2)
            v = random_f32(&j->random, v);
        else if (type < 4)
            v = random_f64(&j->random, v);
        else if (letters)
            v = below(j, 6) ? 'a' + below(j, 3) : 0;
        else
            v = integer_edge(j, 8 * width);
        for (unsigned i = 0; i < width && at + i < size; i++)
            p[at + i] = v >> 8 * i;
    }
}

static const Operand *memory_operand(const Insn *insn)
{
    for (unsigned i = 0; i < MAX_OPERANDS; i++) {
        if (insn->op[i].kind == OPND_MEM)
            return &insn->op[i];
    }
    return NULL;
}

/* Small indexes for the elements that the mask chooses; the others are anything. */
static void aim_gather(Judge *j)
{
    const Insn *insn = &j->insn;
    const char *sizes = strstr(insn_rows[j->row].name, "GATHER") + strlen("GATHER");
    Vec *index = &j->t->cpu->vec[insn->index];
    const Vec *mask = &j->t->cpu->vec[insn->op[2].reg];
    unsigned index_bytes = sizes[0] == 'D' ? 4 : 8, element_bytes = insn->op[1].size;
    random_elements(j, index->u8, 32);
    for (unsigned i = 0; i < 32 / MAX(index_bytes, element_bytes); i++) {
        int64_t at = (int64_t)below(j, 64) - 32;
        if (mask->u8[(i + 1) * element_bytes - 1] & 0x80)
            store_le(index->u8 + i * index_bytes, at, index_bytes);
    }
    j->t->cpu->gpr[insn->base] = j->target - (int64_t)insn->disp;
}

/* Aims the memory operand at the area, now and then across the end of a page, or misaligned where
 * that faults, and fills it. False: this encoding cannot be aimed. */
static bool aim_memory(Judge *j)
{
    const Insn *insn = &j->insn;
    const Operand *mem = memory_operand(insn);
    uint64_t *gpr = j->t->cpu->gpr;
    j->target = 0;
    if (!mem)
        return true;
    bool gather = strstr(insn_rows[j->row].name, "GATHER");
    if (insn->base >= GPR_COUNT || (insn->base == insn->index && !gather))
        return false;
    unsigned offset = below(j, 8) ? below(j, 64) : 0x1000 - below(j, 40);
    /* Intel's processors want the operands of the SHA instructions aligned, AMD's do not. */
    bool aligned = insn_row(insn)->attrs & ATTR_ALIGNED;
    bool sha = insn_row(insn)->feature == FEATURE_SHA;
    if (aligned && (sha || below(j, 16)))
        offset &= ~31u;
    j->target = AREA_OPERAND + offset;
    if (gather) {
        aim_gather(j);
        return true;
    }
    if (insn->index < GPR_COUNT && insn->addrsize == 8)
        gpr[insn->index] = below(j, 0x10000);
    uint64_t index = insn->index < GPR_COUNT ? gpr[insn->index] << insn->scale : 0;
    uint64_t base = j->target - (int64_t)insn->disp - index;
    if (insn->addrsize == 4)
        base = (uint32_t)base | random_next(&j->random) << 32;
    gpr[insn->base] = base;
    size_t at = j->target - TEST_HIGH;
    random_elements(j, j->host + at, mem->size);
    memcpy(j->guest + at, j->host + at, mem->size);
    return true;
}

/* Registers that the instruction names; the others are what the last one left. */
static void random_registers(Judge *j)
{
    Cpu *cpu = j->t->cpu;
    for (unsigned i = 0; i < MAX_OPERANDS; i++) {
        const Operand *op = &j->insn.op[i];
        uint8_t bytes[32];
        random_elements(j, bytes, sizeof(bytes));
        if (op->kind == OPND_VEC)
            memcpy(&cpu->vec[op->reg], bytes, 32);
        else if (op->kind == OPND_MMX)
            cpu->fpu.reg[op->reg] = (F80){load_le64(bytes), random_next(&j->random)};
        else if (op->kind == OPND_GPR)
            cpu->gpr[op->reg] = load_le64(bytes);
    }
    if (named_like(j, "PCMPESTR")) {
        cpu->gpr[RAX] = below(j, 4) ? below(j, 40) - 20ull : random_next(&j->random);
        cpu->gpr[RDX] = below(j, 4) ? below(j, 40) - 20ull : random_next(&j->random);
    }
    cpu->gpr[RSP] = AREA_STACK;
    eflags_set(cpu, FLAG_FIXED | (random_next(&j->random) & (FLAGS_ARITH | FLAG_DF)));
}

/* AMD's processors leave the x87 alone here; by [SDM2] it makes no exception to the rules of MMX.
 */
static bool is_cvtpi2ps_from_memory(const Judge *j)
{
    return named_like(j, "CVTPI2PS") && j->target;
}

/* Masked mostly; the x87 with an exception pending now and then. */
static void random_control(Judge *j)
{
    Cpu *cpu = j->t->cpu;
    uint64_t v = random_next(&j->random);
    cpu->mxcsr = v & 0xffff;
    if (below(j, 8))
        cpu->mxcsr |= FP_ALL << 7;
    if (below(j, 2))
        cpu->mxcsr &= ~(FP_ALL | 0x8040u);
    cpu->fpu.top = v >> 20 & 7;
    cpu->fpu.valid = v >> 24;
    cpu->fpu.sw = v >> 32 & (SW_FLAGS | SW_SF | SW_CONDITIONS);
    cpu->fpu.cw = CW_INIT;
    if (!below(j, 32) && !is_cvtpi2ps_from_memory(j))
        cpu->fpu.cw &= ~(v >> 48 & CW_MASKS);
    x87_update_summary(cpu);
}

static void make_instance(Judge *j)
{
    do {
        g_assert_true(row_code(&j->codes, j->row, CODE_64, j->code, &j->insn));
        random_registers(j);
    } while (!aim_memory(j));
    random_control(j);
}

/* --- what processors do not agree on ------------------------------------------------------- */

/* AMD's have gone to MMX state when a conversion to MMX raises #XM. There the x87 is not compared.
 */
static void settle_x87(Judge *j)
{
    bool raised = j->native.vector == EXC_XM && insn_rows[j->row].attrs & ATTR_MMX;
    if (!raised && !is_cvtpi2ps_from_memory(j))
        return;
    uint32_t mxcsr = load_le32(j->native.image + IMAGE_MXCSR);
    memcpy(j->native.image, j->ours.image, IMAGE_XMM);
    store_le32(j->native.image + IMAGE_MXCSR, mxcsr);
}

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

/* Byte `at` of a vector register in an image. */
static uint8_t *image_vector(NativeState *s, unsigned reg, unsigned at)
{
    return s->image + (at < 16 ? IMAGE_XMM : IMAGE_YMM - 16) + 16 * reg + at;
}

/* Takes the host's bits for ours where both are good approximations. */
static void settle_approximations(Judge *j)
{
    const Insn *insn = &j->insn;
    bool root = strstr(insn_rows[j->row].name, "RSQRT");
    const Operand *source = &insn->op[insn->op[2].kind == OPND_NONE ? 1 : 2];
    for (unsigned i = 0; i < source->size; i += 4) {
        const uint8_t *p = source->kind == OPND_MEM ? j->host + (j->target - TEST_HIGH) + i
                                                    : image_vector(&j->before, source->reg, i);
        double x = f32_value(load_le32(p)), exact = root ? 1 / sqrt(x) : 1 / x;
        uint8_t *host = image_vector(&j->native, insn->op[0].reg, i);
        uint8_t *ours = image_vector(&j->ours, insn->op[0].reg, i);
        if (isfinite(exact) && approximates(f32_value(load_le32(host)), exact) &&
            approximates(f32_value(load_le32(ours)), exact)) {
            memcpy(ours, host, 4);
            memcpy(&j->t->cpu->vec[insn->op[0].reg].u8[i], host, 4);
        }
    }
}

/* --- the comparison ------------------------------------------------------------------------ */

/* Fails the test; always false. */
static bool report(const Judge *j, const char *what)
{
    char text[128];
    g_autoptr(GString) out = g_string_new(NULL);
    insn_format(&j->insn, text, sizeof(text));
    g_string_append_printf(out, "%s: %s differs; bytes", text, what);
    for (unsigned i = 0; i < j->insn.length; i++)
        g_string_append_printf(out, " %02x", j->code[i]);
    native_state_report(out, &j->before, &j->ours, &j->native);
    g_printerr("%s\n", out->str);
    g_test_fail();
    return false;
}

/* False: the engines differ. */
static bool judge_instance(Judge *j)
{
    Cpu *cpu = j->t->cpu;
    native_state_take(&j->before, cpu);
    memset(j->before.image + IMAGE_FOP, 0, IMAGE_MXCSR - IMAGE_FOP);
    j->native = j->before;
    int vector = insn_bench_step(j->t, &j->insn);
    native_run(j->native_cpu, j->code, j->insn.length, &j->native);
    native_state_take(&j->ours, cpu);
    j->ours.vector = vector;
    j->raised += vector >= 0;
    settle_x87(j);
    if (strstr(insn_rows[j->row].name, "RCP") || strstr(insn_rows[j->row].name, "RSQRT"))
        settle_approximations(j);
    uint32_t flags = (FLAGS_ARITH | FLAG_DF) & ~insn_rows[j->row].flags_undefined;
    const char *difference = native_state_difference(&j->ours, &j->native, flags);
    if (difference)
        return report(j, difference);
    size_t window = j->target - TEST_HIGH - WINDOW_BEFORE;
    if (j->target && memcmp(j->host + window, j->guest + window, WINDOW_BEFORE + WINDOW_AFTER))
        return report(j, "memory");
    return true;
}

static void enter_long_mode(Judge *j)
{
    Cpu *cpu = j->t->cpu;
    insn_bench_enter(j->t, CODE_64);
    cpu->cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;
    cpu->xcr0 = XCR0_X87 | XCR0_SSE | XCR0_AVX;
    cpu_update_mode(cpu);
}

static void test_rows(void)
{
    Judge *j = g_new0(Judge, 1);
    j->native_cpu = native_new();
    j->host = j->native_cpu ? native_map(j->native_cpu, TEST_HIGH, TEST_HIGH_SIZE) : NULL;
    if (!j->host) {
        g_test_skip("the host cannot run x86-64 instructions for us");
        native_free(j->native_cpu);
        g_free(j);
        return;
    }
    j->t = insn_bench_new("max");
    j->random.state = SEED;
    random_code_init(&j->codes, SEED);
    j->guest = j->t->high.host;
    enter_long_mode(j);
    for (unsigned i = 0; i < TEST_HIGH_SIZE; i++)
        j->host[i] = j->guest[i] = random_next(&j->random) >> 32;
    unsigned rows = 0;
    for (j->row = 0; j->row < insn_row_count; j->row++) {
        if (!row_is_comparable(&insn_rows[j->row]))
            continue;
        rows++;
        bool same = true; /* one report a row is enough */
        for (unsigned i = 0; i < INSTANCES_PER_ROW && same; i++) {
            make_instance(j);
            same = judge_instance(j);
        }
        if (!same)
            memcpy(j->host, j->guest, TEST_HIGH_SIZE);
    }
    g_test_message("%u rows, %u instances, %" PRIu64 " raised", rows, rows * INSTANCES_PER_ROW,
                   j->raised);
    g_assert_cmpmem(j->host, TEST_HIGH_SIZE, j->guest, TEST_HIGH_SIZE);
    g_assert_cmpuint(rows, >, 250); /* the host may lack a few features */
    insn_bench_free(j->t);
    native_free(j->native_cpu);
    g_free(j);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/native/vector", test_rows);
    return g_test_run();
}
