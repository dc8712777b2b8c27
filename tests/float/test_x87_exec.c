/* test_x87_exec.c - x87 instructions as the guest sees them, against the same bytes run by the
 * host.
 *
 * Every D8 to DF encoding is decoded and executed on random register stacks, control words and
 * operands; the host runs FRSTOR, the same instruction, FNSAVE. All of the image is compared: tags,
 * registers, control word, status word. Masks and flags are random too, so that stack faults and
 * unmasked exceptions are half of the cases. The rest is checked by known states.
 */
#include <glib.h>
#include <inttypes.h>
#include <sys/mman.h>
#include "cpu/exec.h"
#include "cpu/x87.h"
#include "tests/float/operands.h"

/* --- a bare CPU: registers, flat segments, one page of memory always in the TLB -------------- */

#define DATA_PAGE 0x7000

typedef struct Bench {
    Cpu cpu;
    Lock lock;
    TlbEntry tlb[TLB_SMALLEST];
    uint8_t page[PAGE_SIZE];
    int ferr, ferr_changes;
} Bench;

static void ferr_changed(void *opaque, int n, int level)
{
    Bench *b = opaque;
    b->ferr = level;
    b->ferr_changes++;
}

static void bench_segment(Segment *seg, uint64_t base)
{
    *seg = (Segment){.selector = (uint16_t)(base >> 4),
                     .base = base,
                     .limit = 0xffffffff,
                     .access = AR_P | AR_S | AR_WRITABLE | AR_ACCESSED,
                     .read_span = (uint64_t)1 << 32,
                     .write_span = (uint64_t)1 << 32};
}

static Bench *bench_new(CpuMode mode)
{
    Bench *b = g_new0(Bench, 1);
    Cpu *cpu = &b->cpu;
    for (unsigned i = 0; i < TLB_SMALLEST; i++) {
        LinAddr never = ~((LinAddr)i << PAGE_SHIFT);
        b->tlb[i] = (TlbEntry){.read = never, .write = never, .fetch = never};
    }
    b->tlb[DATA_PAGE >> PAGE_SHIFT] = (TlbEntry){
        .read = DATA_PAGE, .write = DATA_PAGE, .fetch = DATA_PAGE, .host = b->page};
    lock_init(&b->lock);
    cpu->tlb = b->tlb;
    cpu->tlb_mask = tlb_mask_of(TLB_SMALLEST);
    cpu->mode = mode;
    cpu->cr0 = CR0_NE | CR0_ET | (mode == CPU_REAL ? 0 : CR0_PE);
    for (unsigned i = 0; i < SEG_COUNT; i++) {
        bench_segment(&cpu->seg[i], 0);
    }
    cpu->gpr[RSI] = DATA_PAGE;
    cpu->bus.lock = &b->lock;
    irq_connect(&cpu->bus.ferr, ferr_changed, b, 0);
    x87_init(cpu);
    return b;
}

static void bench_free(Bench *b)
{
    lock_fini(&b->lock);
    g_free(b);
}

/* Decodes and executes one instruction; false: there is none for these bytes. */
static bool bench_run(Bench *b, const uint8_t *bytes, size_t length, CodeSize size)
{
    Insn insn;
    decode_init();
    if (decode(bytes, length, size, 0, &insn) != DECODE_OK || !insn_row(&insn)->exec) {
        return false;
    }
    b->cpu.insn = &insn;
    b->cpu.rip += insn.length;
    insn_row(&insn)->exec(&b->cpu, &insn);
    b->cpu.insn = NULL;
    return true;
}

#define RUN(b, ...)                                            \
    g_assert_true(bench_run(b, (const uint8_t[]){__VA_ARGS__}, \
                            sizeof((const uint8_t[]){__VA_ARGS__}), CODE_32))

static void test_rows_have_functions(void)
{
    for (unsigned i = 0; i < insn_row_count; i++) {
        if (insn_rows[i].attrs & ATTR_X87 && !insn_rows[i].exec) {
            g_test_message("%s has no function", insn_rows[i].name);
            g_test_fail();
        }
    }
}

/* --- known states ---------------------------------------------------------------------------- */

static void test_stack_faults(void)
{
    Bench *b = bench_new(CPU_PROTECTED);
    RUN(b, 0xd8, 0xc1); /* FADD ST, ST(1): both empty */
    g_assert_cmphex(x87_status(&b->cpu), ==, FP_IE | SW_SF);
    g_assert_cmphex(b->cpu.fpu.reg[0].mant, ==, 0xc000000000000000);
    x87_init(&b->cpu);
    for (int i = 0; i < 9; i++) {
        RUN(b, 0xd9, 0xe8); /* FLD1, the ninth into a full stack */
    }
    g_assert_cmphex(x87_status(&b->cpu), ==, FP_IE | SW_SF | SW_C1 | 7 << SW_TOP_SHIFT);
    g_assert_cmphex(b->cpu.fpu.reg[7].se, ==, 0xffff);
    bench_free(b);
}

/* Does the instruction raise this vector? Apart, so that no variable lives across the jump. */
static NOINLINE bool bench_raises(Bench *b, const uint8_t *bytes, size_t length,
                                  ExceptionVector vector)
{
    sigjmp_buf unwind;
    b->cpu.unwind = &unwind;
    if (sigsetjmp(unwind, 0)) {
        return b->cpu.raised.vector == vector;
    }
    bench_run(b, bytes, length, CODE_32);
    return false;
}

/* The check that comes before a waiting instruction. */
static NOINLINE bool bench_pending_raises(Bench *b)
{
    sigjmp_buf unwind;
    b->cpu.unwind = &unwind;
    if (sigsetjmp(unwind, 0)) {
        return b->cpu.raised.vector == EXC_MF;
    }
    x87_check_pending(&b->cpu);
    return false;
}

/* An unmasked exception waits for the next waiting instruction; without NE it drives FERR#. */
static void test_pending(void)
{
    Bench *b = bench_new(CPU_PROTECTED);
    store_le16(b->page, CW_INIT & ~FP_ZE);
    RUN(b, 0xd9, 0x2e); /* FLDCW [esi] */
    RUN(b, 0xd9, 0xe8); /* FLD1 */
    RUN(b, 0xd9, 0xee); /* FLDZ */
    RUN(b, 0xd8, 0xf9); /* FDIVR ST, ST(1): 1 / 0 */
    g_assert_cmphex(x87_status(&b->cpu), ==, FP_ZE | SW_ES | SW_B | 6 << SW_TOP_SHIFT);
    g_assert_cmphex(b->cpu.fpu.reg[6].mant, ==, 0); /* the operand is still there */
    g_assert_true(bench_pending_raises(b));
    g_assert_cmpint(b->ferr_changes, ==, 0);

    b->cpu.cr0 &= ~(uint64_t)CR0_NE;
    x87_check_pending(&b->cpu);
    g_assert_cmpint(b->ferr, ==, 1);
    RUN(b, 0xdb, 0xe2); /* FNCLEX */
    g_assert_cmpint(b->ferr, ==, 0);
    g_assert_cmphex(x87_status(&b->cpu), ==, 6 << SW_TOP_SHIFT);
    bench_free(b);
}

/* A store that faults has changed nothing: no pop, no flags, no masks. */
static void test_faulting_stores(void)
{
    static const uint8_t stores[][2] = {
        {0xd9, 0x1e}, {0xdd, 0x1e}, {0xdb, 0x3e}, /* FSTP m32, m64, m80 */
        {0xdb, 0x1e}, {0xdf, 0x3e}, {0xdf, 0x36}, /* FISTP m32, m64, FBSTP */
        {0xd9, 0x36}, {0xdd, 0x36},               /* FNSTENV, FNSAVE */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(stores); i++) {
        Bench *b = bench_new(CPU_PROTECTED);
        RUN(b, 0xd9, 0xeb); /* FLDPI */
        b->cpu.fpu.cw = CW_INIT & ~FP_PE;
        b->cpu.seg[SEG_DS].write_span = 0;
        Fpu before = b->cpu.fpu;
        g_assert_true(bench_raises(b, stores[i], 2, EXC_GP));
        g_assert_cmpmem(&b->cpu.fpu, sizeof(Fpu), &before, sizeof(Fpu));
        bench_free(b);
    }
}

/* The address is checked even where an unmasked exception (here: the stack is empty) forbids the
 * store; only a good address lets the exception be noted. */
static void test_forbidden_stores(void)
{
    static const uint8_t stores[][2] = {
        {0xd9, 0x16}, {0xd9, 0x1e}, {0xdd, 0x1e}, {0xdb, 0x3e}, /* FST m32, FSTP m32, m64, m80 */
        {0xdf, 0x16}, {0xdb, 0x1e}, {0xdf, 0x3e},               /* FIST m16, FISTP m32, m64 */
        {0xdd, 0x0e}, {0xdf, 0x36},                             /* FISTTP m64, FBSTP */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(stores); i++) {
        Bench *b = bench_new(CPU_PROTECTED);
        b->cpu.fpu.cw = CW_INIT & ~FP_IE;
        uint64_t span = b->cpu.seg[SEG_DS].write_span;
        b->cpu.seg[SEG_DS].write_span = 0;
        g_assert_true(bench_raises(b, stores[i], 2, EXC_GP));
        g_assert_cmphex(x87_status(&b->cpu), ==, 0);
        b->cpu.seg[SEG_DS].write_span = span;
        g_assert_true(bench_run(b, stores[i], 2, CODE_32));
        g_assert_cmphex(x87_status(&b->cpu), ==, FP_IE | SW_SF | SW_ES | SW_B);
        bench_free(b);
    }
}

/* What FNSTENV stores after FADD m32 at CS:IP = 1234:5678 with its operand in DS. */
typedef struct EnvironmentCase {
    CpuMode mode;
    CodeSize size;
    uint8_t bytes[28];
} EnvironmentCase;

static void test_environment(void)
{
    /* [SDM1] "x87 FPU State Image Format"; FOP 026h = D8 /0 with modrm 26h or 04h */
    static const EnvironmentCase cases[] = {
        {CPU_PROTECTED, CODE_32, {0x7f, 0x03, 0xff, 0xff, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff,
                                  0xff, 0xff, 0x78, 0x56, 0x00, 0x00, 0x34, 0x12, 0x06, 0x00,
                                  0x00, 0x70, 0x00, 0x00, 0x45, 0x23, 0xff, 0xff}},
        {CPU_REAL, CODE_32, {0x7f, 0x03, 0xff, 0xff, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff,
                             0xff, 0xff, 0xb8, 0x79, 0x00, 0x00, 0x06, 0x10, 0x00, 0x00,
                             0x50, 0xa4, 0x00, 0x00, 0x00, 0x20, 0x00, 0x00}},
        {CPU_PROTECTED,
         CODE_16,
         {0x7f, 0x03, 0x00, 0x00, 0xff, 0xff, 0x78, 0x56, 0x34, 0x12, 0x00, 0x70, 0x45, 0x23}},
        {CPU_V86,
         CODE_16,
         {0x7f, 0x03, 0x00, 0x00, 0xff, 0xff, 0xb8, 0x79, 0x04, 0x10, 0x50, 0xa4, 0x00, 0x20}},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const EnvironmentCase *c = &cases[i];
        Bench *b = bench_new(c->mode);
        size_t size = c->size == CODE_16 ? 14 : 28;
        b->cpu.seg[SEG_CS].selector = 0x1234;
        b->cpu.seg[SEG_DS].selector = 0x2345;
        b->cpu.rip = 0x5678;
        const uint8_t fld[2] = {0xd8, c->size == CODE_16 ? 0x04 : 0x06}; /* FADD m32 [(e)si] */
        const uint8_t env[2] = {0xd9, c->size == CODE_16 ? 0x34 : 0x36}; /* FNSTENV [(e)si] */
        g_assert_true(bench_run(b, fld, 2, c->size));
        x87_init(&b->cpu);
        b->cpu.rip = 0x5678;
        b->cpu.fpu.valid = 0xff; /* no stack fault, and then all empty again */
        g_assert_true(bench_run(b, fld, 2, c->size));
        b->cpu.fpu.valid = 0;
        g_assert_true(bench_run(b, env, 2, c->size));
        g_assert_cmpmem(b->page, size, c->bytes, size);
        bench_free(b);
    }
}

/* FNSTENV masks all exceptions; FLDENV brings the old masks and the pending exception back. */
static void test_environment_masks(void)
{
    Bench *b = bench_new(CPU_PROTECTED);
    b->cpu.fpu.cw = 0x0340;
    b->cpu.fpu.sw = FP_PE | SW_ES | SW_B;
    RUN(b, 0xd9, 0x36); /* FNSTENV [esi] */
    g_assert_cmphex(b->cpu.fpu.cw, ==, 0x037f);
    g_assert_cmphex(b->cpu.fpu.sw, ==, FP_PE);
    RUN(b, 0xd9, 0x26); /* FLDENV [esi] */
    g_assert_cmphex(b->cpu.fpu.cw, ==, 0x0340);
    g_assert_cmphex(b->cpu.fpu.sw, ==, FP_PE | SW_ES | SW_B);
    bench_free(b);
}

static void test_fxsave_image(void)
{
    Bench *b = bench_new(CPU_PROTECTED), *other = bench_new(CPU_PROTECTED);
    uint8_t image[FXSAVE_X87_SIZE] = {0};
    RUN(b, 0xd9, 0xe8); /* FLD1 */
    RUN(b, 0xd9, 0xeb); /* FLDPI */
    b->cpu.fpu.fip = 0x123456789abc;
    x87_save_image(&b->cpu, image, FX_POINTERS_64);
    g_assert_cmphex(load_le16(image), ==, CW_INIT);
    g_assert_cmphex(load_le16(image + 2), ==, 6 << SW_TOP_SHIFT);
    g_assert_cmphex(image[4], ==, 0xc0);
    g_assert_cmphex(load_le64(image + 8), ==, 0x123456789abc);
    g_assert_cmphex(load_le64(image + 32), ==, 0xc90fdaa22168c235);
    g_assert_cmphex(load_le16(image + 40), ==, 0x4000);
    g_assert_cmphex(load_le64(image + 48), ==, (uint64_t)1 << 63);
    x87_load_image(&other->cpu, image, FX_POINTERS_64);
    g_assert_cmpmem(&other->cpu.fpu.reg[6], 10, &b->cpu.fpu.reg[6], 10);
    g_assert_cmpint(other->cpu.fpu.top, ==, 6);
    g_assert_cmphex(other->cpu.fpu.valid, ==, 0xc0);
    g_assert_cmphex(other->cpu.fpu.fip, ==, 0x123456789abc);
    bench_free(b);
    bench_free(other);
}

/* [SDM1] "Effect of MMX Instructions on x87 FPU Tag Word". */
static void test_mmx_alias(void)
{
    Bench *b = bench_new(CPU_PROTECTED);
    b->cpu.fpu.top = 5;
    mmx_enter(&b->cpu);
    mmx_write(&b->cpu, 3, 0x1122334455667788);
    g_assert_cmphex(mmx_read(&b->cpu, 3), ==, 0x1122334455667788);
    g_assert_cmphex(b->cpu.fpu.reg[3].se, ==, 0xffff);
    g_assert_cmphex(b->cpu.fpu.valid, ==, 0xff);
    g_assert_cmpint(b->cpu.fpu.top, ==, 0);
    mmx_leave(&b->cpu);
    g_assert_cmphex(b->cpu.fpu.valid, ==, 0);
    bench_free(b);
}

/* --- against the host ------------------------------------------------------------------------ */

#if defined(__x86_64__)

enum { IMAGE_SIZE = 108, OPERAND_SIZE = 128, FLAGS_OFFSET = OPERAND_SIZE };

/* Runs image, instruction, image; also EFLAGS before and after, and AX. */
typedef struct HostState {
    uint8_t image[112];
    uint8_t operand[OPERAND_SIZE];
    uint64_t flags, rax;
} HostState;

typedef struct HostCode {
    uint8_t *bytes;
} HostCode;

/* rdi: HostState. The instruction addresses its operand through rsi. */
static void host_run(HostCode *code, HostState *s, const uint8_t *bytes, size_t length)
{
    static const uint8_t before[] = {
        0x48, 0x8d, 0x77, 0x70,                   /* lea rsi, [rdi+112] */
        0xff, 0xb7, 0xf0, 0x00, 0x00, 0x00, 0x9d, /* push [rdi+240]; popf */
        0x48, 0x8b, 0x87, 0xf8, 0x00, 0x00, 0x00, /* mov rax, [rdi+248] */
        0xdd, 0x27,                               /* frstor [rdi] */
    };
    static const uint8_t after[] = {
        0x9c, 0x8f, 0x87, 0xf0, 0x00, 0x00, 0x00,       /* pushf; pop [rdi+240] */
        0xdd, 0x37,                                     /* fnsave [rdi] */
        0x48, 0x89, 0x87, 0xf8, 0x00, 0x00, 0x00, 0xc3, /* mov [rdi+248], rax; ret */
    };
    uint8_t *p = code->bytes;
    memcpy(p, before, sizeof(before));
    memcpy(p + sizeof(before), bytes, length);
    memcpy(p + sizeof(before) + length, after, sizeof(after));
    __asm__ volatile("call *%1"
                     :
                     : "D"(s), "r"(p)
                     : "rax", "rsi", "memory", "cc", "st", "st(1)", "st(2)", "st(3)", "st(4)",
                       "st(5)", "st(6)", "st(7)");
}

static_assert(offsetof(HostState, operand) == 112, "before: rsi");
static_assert(offsetof(HostState, flags) == 240, "before: flags");
static_assert(offsetof(HostState, rax) == 248, "before: rax");

static void random_image(Random *r, uint8_t image[IMAGE_SIZE])
{
    unsigned masked = random_below(r, 2) ? CW_MASKS : random_below(r, 64);
    unsigned flags = random_below(r, 64) & masked;
    unsigned tags = 0;
    static const uint8_t precisions[4] = {0, 2, 3, 3};
    memset(image, 0, IMAGE_SIZE);
    store_le16(image, (uint16_t)(masked | CW_ONE | precisions[random_below(r, 4)] << CW_PC_SHIFT |
                                 random_below(r, 4) << CW_RC_SHIFT));
    store_le16(image + 4,
               (uint16_t)(flags | (random_next(r) & (SW_CONDITIONS | 7 << SW_TOP_SHIFT))));
    unsigned density = random_below(r, 4);
    F80 last = {0};
    for (unsigned i = 0; i < 8; i++) {
        bool empty = random_below(r, 4) < density;
        tags |= (empty ? 3u : 0u) << (2 * i);
        last = random_f80(r, last);
        store_le64(image + 28 + 10 * i, last.mant);
        store_le16(image + 28 + 10 * i + 8, last.se);
    }
    store_le16(image + 8, (uint16_t)tags);
}

static void random_operand(Random *r, uint8_t *operand)
{
    F80 wide = random_f80(r, (F80){0});
    switch (random_below(r, 4)) {
    case 0:
        store_le32(operand, random_f32(r, 0));
        break;
    case 1:
        store_le64(operand, random_f64(r, 0));
        break;
    case 2: /* decimal digits */
        for (int i = 0; i < 10; i++) {
            operand[i] = (uint8_t)(random_below(r, 10) << 4 | random_below(r, 10));
        }
        break;
    default:
        store_le64(operand, wide.mant);
        store_le16(operand + 8, wide.se);
        break;
    }
}

/* How an instruction is compared. */
typedef enum Compare {
    COMPARE_EXACT,
    COMPARE_CLOSE,       /* transcendental: the last place and C1 are the processor's own */
    COMPARE_CLOSE_UNIT,  /* and defined for small operands only */
    COMPARE_IF_COMPLETE, /* how far a partial remainder goes is left open */
    COMPARE_NOT,         /* images with addresses */
} Compare;

static const struct {
    const char *name;
    Compare how;
} compare_rules[] = {
    {"F2XM1", COMPARE_CLOSE_UNIT},  {"FYL2XP1", COMPARE_CLOSE_UNIT},
    {"FYL2X", COMPARE_CLOSE},       {"FPATAN", COMPARE_CLOSE},
    {"FPTAN", COMPARE_CLOSE},       {"FSIN", COMPARE_CLOSE},
    {"FCOS", COMPARE_CLOSE},        {"FSINCOS", COMPARE_CLOSE},
    {"FPREM", COMPARE_IF_COMPLETE}, {"FPREM1", COMPARE_IF_COMPLETE},
    {"FNSTENV", COMPARE_NOT},       {"FNSAVE", COMPARE_NOT},
    {"FLDENV", COMPARE_NOT},        {"FRSTOR", COMPARE_NOT},
};

static Compare compare_rule(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(compare_rules); i++) {
        if (!strcmp(compare_rules[i].name, name)) {
            return compare_rules[i].how;
        }
    }
    return COMPARE_EXACT;
}

static F80 image_register(const uint8_t *image, unsigned i)
{
    return (F80){.mant = load_le64(image + 28 + 10 * i), .se = load_le16(image + 36 + 10 * i)};
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

static bool same_registers(const uint8_t *guest, const uint8_t *host, bool close)
{
    for (unsigned i = 0; i < 8; i++) {
        F80 a = image_register(guest, i), b = image_register(host, i);
        if ((a.se != b.se || a.mant != b.mant) && !(close && neighbours(a, b))) {
            return false;
        }
    }
    return true;
}

/* In close comparison a neighbour may have another class: only "empty" counts. */
static bool same_tags(uint16_t a, uint16_t b, bool close)
{
    return close ? (a & a >> 1 & 0x5555) == (b & b >> 1 & 0x5555) : a == b;
}

static bool same_image(const uint8_t *guest, const uint8_t *host, Compare how,
                       uint16_t ignored_status)
{
    if (how == COMPARE_IF_COMPLETE && load_le16(host + 4) & SW_C2) {
        return true;
    }
    bool close = how == COMPARE_CLOSE || how == COMPARE_CLOSE_UNIT;
    ignored_status |= close ? SW_C1 : 0;
    bool status = !((load_le16(guest + 4) ^ load_le16(host + 4)) & ~ignored_status);
    return load_le16(guest) == load_le16(host) && status &&
           same_tags(load_le16(guest + 8), load_le16(host + 8), close) &&
           same_registers(guest, host, close);
}

static void show_image(const char *label, const uint8_t *image)
{
    g_printerr("  %s cw %04x sw %04x tags %04x", label, load_le16(image), load_le16(image + 4),
               load_le16(image + 8));
    for (int i = 0; i < 8; i++) {
        g_printerr(" %04x:%016" PRIx64, load_le16(image + 28 + 10 * i + 8),
                   load_le64(image + 28 + 10 * i));
    }
    g_printerr("\n");
}

/* [SDM2] has FCOMI clear C1; some processors leave it. */
static uint16_t ignored_status(const char *name)
{
    return strstr(name, "COMI") ? SW_C1 : 0;
}

static bool compare_case(Bench *b, HostCode *code, Random *r, const uint8_t *bytes, size_t length,
                         const char *name)
{
    HostState s = {0};
    uint8_t before[IMAGE_SIZE];
    random_image(r, s.image);
    random_operand(r, s.operand);
    Compare how = compare_rule(name);
    if (how == COMPARE_CLOSE_UNIT && (image_register(s.image, 0).se & 0x7fff) >= 0x3ffd) {
        store_le16(s.image + 36, 0x3ffc);
    }
    memcpy(before, s.image, IMAGE_SIZE);
    s.flags = FLAG_FIXED | (random_next(r) & FLAGS_ARITH);
    s.rax = 0x1234567890abcdef;
    memcpy(b->page + 256, s.image, IMAGE_SIZE);
    memcpy(b->page, s.operand, OPERAND_SIZE);
    flags_set_arith(&b->cpu, (uint32_t)s.flags);
    b->cpu.gpr[RAX] = s.rax;
    RUN(b, 0xdd, 0xa6, 0x00, 0x01, 0x00, 0x00); /* FRSTOR [esi+256] */
    g_assert_true(bench_run(b, bytes, length, CODE_32));
    RUN(b, 0xdd, 0xb6, 0x00, 0x01, 0x00, 0x00); /* FNSAVE [esi+256] */
    host_run(code, &s, bytes, length);
    if (same_image(b->page + 256, s.image, how, ignored_status(name)) &&
        !memcmp(b->page, s.operand, OPERAND_SIZE) && b->cpu.gpr[RAX] == s.rax &&
        flags_arith(&b->cpu) == (s.flags & FLAGS_ARITH)) {
        return true;
    }
    g_printerr("%s %02x %02x\n", name, bytes[0], bytes[1]);
    show_image("before", before);
    show_image("guest ", b->page + 256);
    show_image("host  ", s.image);
    g_printerr("  guest operand %016" PRIx64 " flags %03x ax %04x host %016" PRIx64
               " flags %03x ax %04x\n",
               load_le64(b->page), flags_arith(&b->cpu), (uint16_t)b->cpu.gpr[RAX],
               load_le64(s.operand), (unsigned)(s.flags & FLAGS_ARITH), (uint16_t)s.rax);
    return false;
}

static void run_opcode(gconstpointer data)
{
    uint8_t opcode = (uint8_t)GPOINTER_TO_UINT(data);
    Bench *b = bench_new(CPU_PROTECTED);
    Random r = {0x2545f4914f6cdd1d + opcode};
    HostCode code = {mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)};
    g_assert_true(code.bytes != MAP_FAILED);
    int bad = 0;
    decode_init();
    for (unsigned modrm = 0x06; modrm < 0x100; modrm += modrm < 0xc0 ? 8 : 1) {
        if (modrm >= 0x40 && modrm < 0xc0) {
            modrm = 0xc0;
        }
        const uint8_t bytes[2] = {opcode, (uint8_t)modrm};
        Insn insn;
        if (decode(bytes, 2, CODE_32, 0, &insn) != DECODE_OK ||
            compare_rule(insn_row(&insn)->name) == COMPARE_NOT) {
            continue;
        }
        int wrong = 0;
        for (int i = 0; i < 2000 && wrong < 2; i++) {
            wrong += !compare_case(b, &code, &r, bytes, 2, insn_row(&insn)->name);
        }
        bad += wrong;
    }
    munmap(code.bytes, PAGE_SIZE);
    bench_free(b);
    if (bad) {
        g_test_fail();
    }
}

#endif

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/x87/rows", test_rows_have_functions);
    g_test_add_func("/x87/stack-faults", test_stack_faults);
    g_test_add_func("/x87/pending", test_pending);
    g_test_add_func("/x87/faulting-stores", test_faulting_stores);
    g_test_add_func("/x87/forbidden-stores", test_forbidden_stores);
    g_test_add_func("/x87/environment", test_environment);
    g_test_add_func("/x87/environment/masks", test_environment_masks);
    g_test_add_func("/x87/fxsave-image", test_fxsave_image);
    g_test_add_func("/x87/mmx-alias", test_mmx_alias);
#if defined(__x86_64__)
    for (unsigned opcode = 0xd8; opcode <= 0xdf; opcode++) {
        g_autofree char *path = g_strdup_printf("/x87/host/%02x", opcode);
        g_test_add_data_func(path, GUINT_TO_POINTER(opcode), run_opcode);
    }
#endif
    return g_test_run();
}
