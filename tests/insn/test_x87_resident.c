/* test_x87_resident.c - the x87 and MMX registers in translated code: what they hold must survive
 * the way between translated code, the interpreter and exceptions. The interpreter is the oracle,
 * which judge proves against the host CPU. */
#include "cpu/x87.h"
#include "dbt/dbt.h"
#include "tests/support/insn_bench.h"

typedef struct Program {
    const char *name;
    int vector; /* of the exception that ends it, or -1 */
    unsigned size;
    uint8_t code[96];
} Program;

#define PROGRAM(...)                        \
    sizeof((const uint8_t[]){__VA_ARGS__}), \
    {                                       \
        __VA_ARGS__                         \
    }

/* RSI: memory; RDI: control words (round up; division by zero unmasked) and a double; RBX: no
 * address. */
static const Program programs[] = {
    /* Three times: FLDPI, FLD1, FADD, FLDCW, FDIVP, FSTP m80, FLD m80, FNSTCW, FXSAVE64, FSQRT, FST
     * m64, FNSTENV, FLDL2E, FCOMI, FCMOVB, CPUID, FXCH, FNSTSW AX, FXRSTOR64, FISTP m64 */
    {"switches", -1,
     PROGRAM(0xb9, 0x03, 0x00, 0x00, 0x00, 0xd9, 0xeb, 0xd9, 0xe8, 0xd8, 0xc1, 0xd9, 0x2f, 0xde,
             0xf1, 0xdb, 0xbe, 0x00, 0x03, 0x00, 0x00, 0xdb, 0xae, 0x00, 0x03, 0x00, 0x00, 0xd9,
             0xbe, 0x10, 0x03, 0x00, 0x00, 0x48, 0x0f, 0xae, 0x06, 0xd9, 0xfa, 0xdd, 0x96, 0x20,
             0x03, 0x00, 0x00, 0xd9, 0xb6, 0x40, 0x03, 0x00, 0x00, 0xd9, 0xea, 0xdb, 0xf1, 0xda,
             0xc1, 0x51, 0x31, 0xc0, 0x0f, 0xa2, 0x59, 0xd9, 0xc9, 0xdf, 0xe0, 0x48, 0x0f, 0xae,
             0x0e, 0xdf, 0xbe, 0x60, 0x03, 0x00, 0x00, 0xff, 0xc9, 0x75, 0xb4)},
    /* FLD1, FLDPI, FMULP, FLD m64, UD2 */
    {"raise", EXC_UD, PROGRAM(0xd9, 0xe8, 0xd9, 0xeb, 0xde, 0xc9, 0xdd, 0x47, 0x08, 0x0f, 0x0b)},
    /* FLD1, FLD m64, FMUL, FLD m80 of no address: the data pointer stays that of the FLD m64 */
    {"fault", EXC_GP, PROGRAM(0xd9, 0xe8, 0xdd, 0x47, 0x08, 0xd8, 0xc9, 0xdb, 0x2b)},
    /* FLD1, FLDZ, FLDCW, FDIVRP, FWAIT */
    {"unmasked", EXC_MF, PROGRAM(0xd9, 0xe8, 0xd9, 0xee, 0xd9, 0x6f, 0x02, 0xde, 0xf9, 0x9b)},
    /* Twice: MOVQ, PADDW, MOVQ, PSRLQ, MOVQ2DQ, MOVDQ2Q, FXSAVE64, PMOVMSKB R9D, MOVNTQ, EMMS,
     * FLD1, FLD ST(0), FADDP, FLD1 */
    {"mmx", -1,
     PROGRAM(0xb9, 0x02, 0x00, 0x00, 0x00, 0x0f, 0x6f, 0x4f, 0x08, 0x0f, 0xfd, 0xc9, 0x0f, 0x6f,
             0xe9, 0x0f, 0x73, 0xd5, 0x07, 0xf3, 0x0f, 0xd6, 0xdd, 0xf2, 0x0f, 0xd6, 0xd3, 0x48,
             0x0f, 0xae, 0x06, 0x44, 0x0f, 0xd7, 0xcd, 0x0f, 0xe7, 0x96, 0x00, 0x03, 0x00, 0x00,
             0x0f, 0x77, 0xd9, 0xe8, 0xd9, 0xc0, 0xde, 0xc1, 0xd9, 0xe8, 0xff, 0xc9, 0x75, 0xcd)},
    /* FLD m64 nine times, one too many; FFREE ST(3), FINCSTP, FNCLEX, FSTP m32 */
    {"overflow", -1,
     PROGRAM(0xb9, 0x09, 0x00, 0x00, 0x00, 0xdd, 0x47, 0x08, 0xe2, 0xfb, 0xdd, 0xc3, 0xd9, 0xf7,
             0xdb, 0xe2, 0xd9, 0x9e, 0x00, 0x03, 0x00, 0x00)},
};

enum { CONTROL = 0x800, COMPARED = 0x1000 };

static void run(InsnBench *t, const Program *program)
{
    static const uint8_t control[16] = {0x7f, 0x0b, 0x7b, 0x03, 0,    0,    0,    0,
                                        0x18, 0x2d, 0x44, 0x54, 0xfb, 0x21, 0x09, 0x40};
    Cpu *cpu = t->cpu;
    memset(t->high.host, 0, COMPARED);
    memcpy(t->high.host + CONTROL, control, sizeof(control));
    x87_init(cpu);
    cpu->gpr[RSI] = TEST_HIGH;
    cpu->gpr[RDI] = TEST_HIGH + CONTROL;
    cpu->gpr[RBX] = (uint64_t)1 << 63;
    cpu->gpr[RSP] = TEST_STACK;
    g_assert_cmpint(insn_bench_run(t, program->code, program->size), ==, program->vector);
}

static InsnBench *new_bench(void)
{
    InsnBench *t = insn_bench_new("max");
    insn_bench_enter(t, CODE_64);
    return t;
}

static void compare(const Cpu *got, const Cpu *want)
{
    g_assert_cmphex(got->fpu.cw, ==, want->fpu.cw);
    g_assert_cmphex(got->fpu.sw, ==, want->fpu.sw);
    g_assert_cmphex(got->fpu.top, ==, want->fpu.top);
    g_assert_cmphex(got->fpu.valid, ==, want->fpu.valid);
    g_assert_cmphex(got->fpu.fop, ==, want->fpu.fop);
    g_assert_cmphex(got->fpu.fip, ==, want->fpu.fip);
    g_assert_cmphex(got->fpu.fdp, ==, want->fpu.fdp);
    g_assert_cmphex(got->fpu.fcs, ==, want->fpu.fcs);
    g_assert_cmphex(got->fpu.fds, ==, want->fpu.fds);
    for (unsigned i = 0; i < 8; i++) {
        g_assert_cmphex(got->fpu.reg[i].mant, ==, want->fpu.reg[i].mant);
        g_assert_cmphex(got->fpu.reg[i].se, ==, want->fpu.reg[i].se);
    }
    for (unsigned i = 0; i < GPR_COUNT; i++)
        g_assert_cmphex(got->gpr[i], ==, want->gpr[i]);
}

/* Twice: with the translation made on the way, and with it at hand. */
static void test_program(gconstpointer data)
{
    const Program *program = data;
    GError *err = NULL;
    InsnBench *t = new_bench(), *oracle = new_bench();
    if (!host_can_translate()) {
        g_test_skip("no translator for this host");
    } else {
        g_assert_true(dbt_attach(t->cpu, &(DbtOptions){.counted = true}, &err));
        for (unsigned i = 0; i < 2; i++) {
            run(oracle, program);
            run(t, program);
            compare(t->cpu, oracle->cpu);
            g_assert_cmpmem(t->high.host, COMPARED, oracle->high.host, COMPARED);
            g_assert_false(t->cpu->jit.x87_loaded);
        }
    }
    insn_bench_free(t);
    insn_bench_free(oracle);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(programs); i++) {
        char *path = g_strdup_printf("/x87-resident/%s", programs[i].name);
        g_test_add_data_func(path, &programs[i], test_program);
        g_free(path);
    }
    return g_test_run();
}
