/* fpu_exceptions.c - x87, MMX and SSE: when they fault and how, and the images they are saved in.
 * [SDM1] "Programming with the x87 FPU"; [SDM3] "System Programming for Instruction Set Extensions
 * ...". */
#include "lib/chips.h"
#include "lib/cpu.h"
#include "lib/tap.h"
#include "lib/trap.h"
#include "lib/x86.h"

enum { CW_DEFAULT = 0x37f, EX_IE = 1, EX_DE = 2, EX_ZE = 4, EX_OE = 8, EX_UE = 16, EX_PE = 32 };
enum { SW_SF = 0x40, SW_ES = 0x80, SW_C1 = 0x200, SW_B = 0x8000 };
enum { MXCSR_DEFAULT = 0x1f80, MXCSR_DAZ = 0x40, MXCSR_FTZ = 0x8000 };
#define MASK_SHIFT 7 /* from a flag of MXCSR to its mask */

static volatile u16 cw, sw;
static volatile u32 mxcsr;
static u8 image[1024] __attribute__((aligned(64)));
static volatile float floats[4] __attribute__((aligned(16)));
static volatile u32 words[4] __attribute__((aligned(16)));

static void load_cw(u16 value)
{
    cw = value;
    asm volatile("fldcw %0" : : "m"(cw));
}

static u16 status(void)
{
    asm volatile("fnstsw %0" : "=m"(sw));
    return sw;
}

static u32 get_mxcsr(void)
{
    asm volatile("stmxcsr %0" : "=m"(mxcsr));
    return mxcsr;
}

static void set_mxcsr(u32 value)
{
    mxcsr = value;
    asm volatile("ldmxcsr %0" : : "m"(mxcsr));
}

static void setup(void)
{
    asm volatile("fninit");
}

static void setup_sse(void)
{
    require(HAS_SSE);
    setup();
    write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT);
    set_mxcsr(MXCSR_DEFAULT);
}

/* 1 / 0 with the exception unmasked: pending, not reported. */
static void divide_by_zero(void)
{
    Trap t;

    setup();
    load_cw(CW_DEFAULT & ~EX_ZE);
    asm volatile("fld1\n fldz");
    t = TRY("fdivrp %st, %st(1)");
    expect_none(t);
}

CASE(mf_deferred,
     "an unmasked exception is reported by the next waiting instruction, at its address")
{
    /* [SDM1] "x87 FPU Exception Handling": on or before the next WAIT or waiting x87 instruction.
     */
    Trap t;

    divide_by_zero();
    t = TRY("fwait");
    expect_fault(t, MF, 0);
    check_eq(status() & (SW_B | SW_ES | EX_ZE), SW_B | SW_ES | EX_ZE);
    t = TRY("fld1"); /* still pending */
    expect_fault(t, MF, 0);
    asm volatile("fnclex");
    t = TRY("fld1");
    expect_none(t);
}

CASE(mf_waiting, "waiting control instructions report, each of them")
{
    Trap t;

    divide_by_zero();
    cw = CW_DEFAULT;
    t = TRY("fldcw %0", : : "m"(cw));
    expect_fault(t, MF, 0);
    t = TRY("fstsw %0", : "=m"(sw)); /* is WAIT, FNSTSW: the fault is of the WAIT */
    expect_fault(t, MF, 0);
    t = TRY("fnop");
    expect_fault(t, MF, 0);
    t = TRY("fldenv %0", : : "m"(image));
    expect_fault(t, MF, 0);
}

CASE(mf_not_waiting, "FNSTSW, FNSTCW, FNSTENV, FNCLEX, FNINIT and FNSAVE do not report")
{
    /* [SDM1] "Waiting vs. Non-waiting Instructions". */
    Trap t;

    divide_by_zero();
    expect_none((t = TRY("fnstsw %%ax", : : : "eax"), t));
    expect_none((t = TRY("fnstcw %0", : "=m"(cw)), t));
    expect_none((t = TRY("fnstenv %0", : "=m"(image)), t));
    expect_none((t = TRY("fnclex"), t));
    divide_by_zero();
    expect_none((t = TRY("fnsave %0", : "=m"(image)), t));
    divide_by_zero();
    expect_none((t = TRY("fninit"), t));
    expect_none((t = TRY("fwait"), t));
}

CASE(mf_pointers, "the environment holds the address and operand of the instruction that failed")
{
    /* [SDM1] "x87 FPU Instruction and Data (Operand) Pointers", "x87 FPU Environment". */
    static const float zero = 0;
    const u32 *environment = (const u32 *)image;
    Trap t;

    setup();
    load_cw(CW_DEFAULT & ~EX_ZE);
    asm volatile("fld1");
    t = TRY("fdivs %0", : : "m"(zero));
    expect_none(t);
    asm volatile("fnstenv %0" : "=m"(image));
    check_eq(environment[3], try_begin);
    check_eq(environment[5], (word)&zero);
}

CASE(mf_environment, "FNSTENV masks every exception after it has stored the environment")
{
    divide_by_zero();
    asm volatile("fnstenv %0" : "=m"(image));
    check_eq(*(u16 *)image, CW_DEFAULT & ~EX_ZE);
    asm volatile("fnstcw %0" : "=m"(cw));
    check_eq(cw & 0x3f, 0x3f); /* [SDM2] FSTENV */
}

CASE(mf_by_unmasking, "unmasking an exception whose flag is set makes it pending")
{
    /* [SDM1] "x87 FPU Control Word", ES; [SDM2] FLDCW: exceptions are reported by the next
     * instruction. */
    Trap t;

    setup();
    asm volatile("fld1\n fldz\n fdivrp %st, %st(1)");
    check_eq(status() & (EX_ZE | SW_ES | SW_B), EX_ZE);
    load_cw(CW_DEFAULT & ~EX_ZE);
    check_eq(status() & (EX_ZE | SW_ES | SW_B), EX_ZE | SW_ES | SW_B);
    t = TRY("fwait");
    expect_fault(t, MF, 0);
}

CASE(mf_mmx, "MMX instructions and EMMS report a pending x87 exception")
{
    /* [SDM3] "Exceptions" of the MMX chapter. */
    Trap t;

    divide_by_zero();
    t = TRY("emms");
    expect_fault(t, MF, 0);
    t = TRY("movd %eax, %mm0");
    expect_fault(t, MF, 0);
}

CASE(mf_not_sse, "SSE instructions do not report a pending x87 exception")
{
    Trap t;

    setup_sse();
    divide_by_zero();
    t = TRY("addps %xmm0, %xmm0");
    expect_none(t);
}

CASE(divide_keeps_operands, "an unmasked zero divide leaves the operands and does not pop")
{
    /* [SDM1] "Divide-By-Zero Exception (#Z)". */
    divide_by_zero();
    asm volatile("fnclex");
    check_eq(status() >> 11 & 7, 6); /* two registers in use */
    asm volatile("fstps %0" : "=m"(floats[0]));
    asm volatile("fstps %0" : "=m"(floats[1]));
    check_eq(*(volatile u32 *)&floats[0], 0);
    check_eq(*(volatile u32 *)&floats[1], 0x3f800000);
}

CASE(stack_overflow, "masked stack overflow: IE, SF, C1 and the indefinite NaN")
{
    /* [SDM1] "Stack Overflow or Underflow Exception (#IS)". */
    setup();
    asm volatile("fld1;fld1;fld1;fld1;fld1;fld1;fld1;fld1\n fldz");
    check_eq(status() & (EX_IE | SW_SF | SW_C1), EX_IE | SW_SF | SW_C1);
    asm volatile("fstps %0" : "=m"(floats[0]));
    check_eq(*(volatile u32 *)&floats[0], 0xffc00000);
}

CASE(stack_underflow, "masked stack underflow: IE, SF, C1 clear and the indefinite NaN")
{
    setup();
    asm volatile("fstps %0" : "=m"(floats[0]));
    check_eq(status() & (EX_IE | SW_SF | SW_C1), EX_IE | SW_SF);
    check_eq(*(volatile u32 *)&floats[0], 0xffc00000);
}

CASE(stack_overflow_unmasked, "unmasked stack overflow: TOP and the registers stay")
{
    Trap t;

    setup();
    asm volatile("fld1;fld1;fld1;fld1;fld1;fld1;fld1;fld1");
    load_cw(CW_DEFAULT & ~EX_IE);
    asm volatile("fldz");
    check_eq(status() >> 11 & 7, 0);
    t = TRY("fwait");
    expect_fault(t, MF, 0);
    asm volatile("fnclex\n fstps %0" : "=m"(floats[0]));
    check_eq(*(volatile u32 *)&floats[0], 0x3f800000);
}

CASE(overflow_to_memory, "an unmasked overflow of a store writes nothing and does not pop")
{
    /* [SDM1] "Numeric Overflow Exception (#O)": destination in memory. */
    static const double huge = 1e300;

    setup();
    load_cw(CW_DEFAULT & ~EX_OE);
    words[0] = 0x12345678;
    asm volatile("fldl %1\n fstps %0" : "=m"(words[0]) : "m"(huge));
    check_eq(words[0], 0x12345678);
    check_eq(status() & (EX_OE | SW_ES), EX_OE | SW_ES);
    check_eq(status() >> 11 & 7, 7);
}

static volatile u32 ferr_interrupts;
static volatile u16 ferr_status;

static void on_ferr(Frame *frame)
{
    ferr_interrupts++;
    outb(0xf0, 0); /* IGNNE#: x87 instructions run although ES is set; the line falls */
    asm volatile("fnop");
    ferr_status = status();
    asm volatile("fnclex");
    pic_eoi(IRQ_FPU);
}

CASE(ne_0_irq13, "with CR0.NE 0 the error is IRQ13, and a write to port F0h lets x87 code run")
{
    /* [SDM1] "MS-DOS* Compatibility Sub-mode": FERR# goes to the PIC, IGNNE# comes from port F0h.
     */
    Trap t;

    pic_init();
    ferr_interrupts = ferr_status = 0;
    trap_handle(IRQ(IRQ_FPU), on_ferr);
    pic_unmask(1 << IRQ_FPU);
    write_cr0(read_cr0() & ~CR0_NE);
    divide_by_zero();
    asm volatile("sti");
    t = TRY("fwait; nop; nop");
    asm volatile("cli");
    expect_none(t);
    check_eq(ferr_interrupts, 1);
    check_eq(ferr_status & (SW_ES | EX_ZE), SW_ES | EX_ZE);
    check_eq(status() & (SW_ES | EX_ZE), 0);
    /* The next error interrupts again. */
    divide_by_zero();
    asm volatile("sti; fwait; nop; cli");
    check_eq(ferr_interrupts, 2);
}

/* --- #NM ---------------------------------------------------------------------------------------- */

/* [SDM3] "Device Not Available Exception (#NM)": what WAIT and x87 do with EM, MP and TS. */
CASE(nm_table, "#NM by EM, MP and TS, for x87 and for WAIT")
{
    /* clang-format off */
    static const struct { u32 bits; bool x87, wait; } rows[] = {
        {0,                           false, false},
        {CR0_TS,                      true,  false},
        {CR0_MP,                      false, false},
        {CR0_MP | CR0_TS,             true,  true},
        {CR0_EM,                      true,  false},
        {CR0_EM | CR0_TS,             true,  false},
        {CR0_EM | CR0_MP,             true,  false},
        {CR0_EM | CR0_MP | CR0_TS,    true,  true},
    };
    /* clang-format on */
    static volatile unsigned i;
    word cr0 = read_cr0() & ~(CR0_EM | CR0_MP | CR0_TS);

    for (i = 0; i < COUNT(rows); i++) {
        Trap t;
        setup();
        write_cr0(cr0 | rows[i].bits);
        t = TRY("fld1");
        check_eq(t.vector, rows[i].x87 ? NM : TRAP_NONE);
        t = TRY("fwait");
        check_eq(t.vector, rows[i].wait ? NM : TRAP_NONE);
        t = TRY("fnstsw %%ax", : : : "eax");
        check_eq(t.vector, rows[i].x87 ? NM : TRAP_NONE);
        write_cr0(cr0);
    }
}

CASE(nm_clts, "CLTS ends it; the instruction is run again after #NM")
{
    Trap t;

    setup();
    write_cr0(read_cr0() | CR0_TS);
    t = TRY("fld1");
    expect_fault(t, NM, 0);
    asm volatile("clts");
    check_eq(read_cr0() & CR0_TS, 0);
    t = TRY("fld1");
    expect_none(t);
}

CASE(nm_before_mf, "#NM comes before a pending #MF")
{
    /* [SDM3] "Priority Among Concurrent Events". */
    Trap t;

    divide_by_zero();
    write_cr0(read_cr0() | CR0_TS);
    t = TRY("fld1");
    expect_fault(t, NM, 0);
    asm volatile("clts");
    t = TRY("fld1");
    expect_fault(t, MF, 0);
}

CASE(mmx_em_ts, "MMX: #UD with EM, #NM with TS")
{
    /* [SDM3] "Emulation of the MMX Instruction Set". */
    Trap t;

    setup();
    write_cr0(read_cr0() | CR0_EM | CR0_TS);
    t = TRY("movd %eax, %mm0");
    expect_fault(t, UD, 0);
    write_cr0(read_cr0() & ~CR0_EM);
    t = TRY("movd %eax, %mm0");
    expect_fault(t, NM, 0);
    asm volatile("clts");
    t = TRY("movd %eax, %mm0");
    expect_none(t);
}

CASE(mmx_tags, "an MMX instruction makes every register valid and TOP 0; EMMS empties them")
{
    /* [SDM1] "MMX Instructions and the x87 FPU Tag Word". */
    setup();
    asm volatile("fld1\n movd %%eax, %%mm3\n fnstenv %0" : "=m"(image));
    check_eq(*(u16 *)(image + 4) >> 11 & 7, 0);
    check_eq(*(u16 *)(image + 8) & 3, 2); /* mm0 is 0 exponent-wise: special; not empty */
    asm volatile("emms\n fnstenv %0" : "=m"(image));
    check_eq(*(u16 *)(image + 8), 0xffff);
}

CASE(sse_gates, "SSE: #UD with EM or without OSFXSR, #NM with TS, in this order")
{
    /* [SDM3] "Providing Non-Numeric Exception Handlers for Exceptions Generated by the SSE
     * Extensions". */
    Trap t;

    setup_sse();
    write_cr0(read_cr0() | CR0_EM | CR0_TS);
    t = TRY("addps %xmm0, %xmm0");
    expect_fault(t, UD, 0);
    write_cr0(read_cr0() & ~CR0_EM);
    t = TRY("addps %xmm0, %xmm0");
    expect_fault(t, NM, 0);
    write_cr4(read_cr4() & ~CR4_OSFXSR);
    t = TRY("addps %xmm0, %xmm0");
    expect_fault(t, UD, 0);
    asm volatile("clts");
    t = TRY("ldmxcsr %0", : : "m"(mxcsr));
    expect_fault(t, UD, 0);
    t = TRY("fxsave %0", : "=m"(image)); /* needs only the FPU */
    expect_none(t);
}

CASE(sse_not_gated,
     "PREFETCH, SFENCE and the MMX forms ask for neither OSFXSR nor, the first two, TS")
{
    /* [SDM3] "Checking for CPU Support": instructions without XMM registers. */
    Trap t;

    setup_sse();
    write_cr4(read_cr4() & ~CR4_OSFXSR);
    write_cr0(read_cr0() | CR0_TS);
    t = TRY("prefetchnta %0", : : "m"(image));
    expect_none(t);
    t = TRY("sfence");
    expect_none(t);
    t = TRY("pminsw %mm0, %mm0");
    expect_fault(t, NM, 0);
    asm volatile("clts");
    t = TRY("pminsw %mm0, %mm0");
    expect_none(t);
}

/* --- #XM ---------------------------------------------------------------------------------------- */

static const u32 ones[4]
    __attribute__((aligned(16))) = {0x3f800000, 0x3f800000, 0x3f800000, 0x3f800000};
static const u32 mixed[4] __attribute__((aligned(16))) = {0x3f800000, 0, 0x3f800000, 0x40000000};

CASE(xm_unmasked, "an unmasked exception is #XM, the flag is set, the destination stays")
{
    /* [SDM1] "SSE and SSE2 SIMD Floating-Point Exception Conditions", "Unmasked Exceptions". */
    Trap t;

    setup_sse();
    asm volatile("movaps %0, %%xmm1" : : "m"(ones));
    set_mxcsr(MXCSR_DEFAULT & ~(EX_ZE << MASK_SHIFT));
    t = TRY("divps %0, %%xmm1", : : "m"(mixed));
    expect_fault(t, XM, 0);
    check_eq(get_mxcsr() & 0x3f, EX_ZE);
    asm volatile("movaps %%xmm1, %0" : "=m"(words));
    check_eq(words[0], 0x3f800000);
    check_eq(words[3], 0x3f800000);
}

CASE(xm_without_osxmmexcpt, "without OSXMMEXCPT it is #UD")
{
    /* [SDM3] "SIMD Floating-Point Exception (#XM)". */
    Trap t;

    setup_sse();
    write_cr4(read_cr4() & ~CR4_OSXMMEXCPT);
    asm volatile("movaps %0, %%xmm1" : : "m"(ones));
    set_mxcsr(MXCSR_DEFAULT & ~(EX_ZE << MASK_SHIFT));
    t = TRY("divps %0, %%xmm1", : : "m"(mixed));
    expect_fault(t, UD, 0);
}

CASE(xm_masked, "masked: the default result and sticky flags")
{
    Trap t;

    setup_sse();
    asm volatile("movaps %0, %%xmm1" : : "m"(ones));
    t = TRY("divps %0, %%xmm1", : : "m"(mixed));
    expect_none(t);
    asm volatile("movaps %%xmm1, %0" : "=m"(words));
    check_eq(words[1], 0x7f800000);
    check_eq(words[3], 0x3f000000);
    check_eq(get_mxcsr(), MXCSR_DEFAULT | EX_ZE);
    /* Unmasking a set flag raises nothing by itself. [SDM2] LDMXCSR. */
    set_mxcsr((MXCSR_DEFAULT & ~(EX_ZE << MASK_SHIFT)) | EX_ZE);
    t = TRY("addps %0, %%xmm1", : : "m"(ones));
    expect_none(t);
}

CASE(xm_post_computation, "an unmasked overflow writes nothing either")
{
    static const u32 huge[4]
        __attribute__((aligned(16))) = {0x7f000000, 0x3f800000, 0x3f800000, 0x3f800000};
    Trap t;

    setup_sse();
    asm volatile("movaps %0, %%xmm2" : : "m"(huge));
    set_mxcsr(MXCSR_DEFAULT & ~(EX_OE << MASK_SHIFT));
    t = TRY("mulps %0, %%xmm2", : : "m"(huge));
    expect_fault(t, XM, 0);
    check_eq(get_mxcsr() & EX_OE, EX_OE);
    asm volatile("movaps %%xmm2, %0" : "=m"(words));
    check_eq(words[0], 0x7f000000);
}

CASE(mxcsr_reserved, "reserved bits of MXCSR are #GP and change nothing")
{
    Trap t;

    setup_sse();
    mxcsr = 0x10000 | MXCSR_DEFAULT;
    t = TRY("ldmxcsr %0", : : "m"(mxcsr));
    expect_fault(t, GP, 0);
    check_eq(get_mxcsr(), MXCSR_DEFAULT);
}

CASE(flush_to_zero, "FTZ flushes results, DAZ operands")
{
    /* [SDM1] "Flush-To-Zero", "Denormals-Are-Zeros". */
    static const u32 small[4] __attribute__((aligned(16))) = {0x00800000, 0x00000001, 0, 0};
    static const u32 half[4] __attribute__((aligned(16))) = {0x3f000000, 0x3f800000, 0, 0};

    setup_sse();
    set_mxcsr(MXCSR_DEFAULT | MXCSR_FTZ);
    asm volatile("movaps %0, %%xmm0\n mulps %1, %%xmm0\n movaps %%xmm0, %2"
                 :
                 : "m"(small), "m"(half), "m"(words));
    check_eq(words[0], 0);
    check_eq(get_mxcsr() & (EX_UE | EX_PE | EX_DE), EX_UE | EX_PE | EX_DE);
    set_mxcsr(MXCSR_DEFAULT | MXCSR_DAZ);
    asm volatile("movaps %0, %%xmm0\n addps %0, %%xmm0\n movaps %%xmm0, %1"
                 :
                 : "m"(small), "m"(words));
    check_eq(words[0], 0x01000000);
    check_eq(words[1], 0);
    check_eq(get_mxcsr() & EX_DE, 0);
}

/* --- images ------------------------------------------------------------------------------------- */

CASE(fxsave_image, "FXSAVE: the words of the header, ST from byte 32, XMM from byte 160")
{
    /* [SDM2] FXSAVE, "Non-64-bit-Mode Layout". */
    setup_sse();
    memset(image, 0xcc, 512);
    asm volatile("fld1\n fldz\n movaps %0, %%xmm5" : : "m"(mixed));
    asm volatile("fxsave %0" : "=m"(image));
    check_eq(*(u16 *)image, CW_DEFAULT);
    check_eq(*(u16 *)(image + 2) >> 11 & 7, 6);
    check_eq(image[4], 0xc0); /* abridged tags: registers 6 and 7 */
    check_eq(*(u32 *)(image + 24), MXCSR_DEFAULT);
    check_eq(*(u32 *)(image + 28) & 0xffbf, 0xffbf); /* MXCSR_MASK */
    check_eq(*(u16 *)(image + 32 + 8), 0);           /* ST0: 0 */
    check_eq(*(u16 *)(image + 48 + 8), 0x3fff);      /* ST1: 1 */
    check_eq(*(u32 *)(image + 52), 0x80000000);
    check_eq(*(u32 *)(image + 160 + 5 * 16), mixed[0]);
    check_eq(*(u32 *)(image + 160 + 5 * 16 + 12), mixed[3]);
    check_eq(image[464], 0xcc); /* left for software */
}

CASE(fxrstor_restores, "FXRSTOR brings it all back")
{
    setup_sse();
    load_cw(0x27f);
    asm volatile("fld1\n movaps %0, %%xmm7" : : "m"(mixed));
    set_mxcsr(MXCSR_DEFAULT | MXCSR_FTZ);
    asm volatile("fxsave %0" : "=m"(image));
    asm volatile("fninit\n xorps %xmm7, %xmm7");
    set_mxcsr(MXCSR_DEFAULT);
    asm volatile("fxrstor %0" : : "m"(image));
    asm volatile("fnstcw %0\n movaps %%xmm7, %1\n fstps %2"
                 : "=m"(cw), "=m"(words), "=m"(floats[0]));
    check_eq(cw, 0x27f);
    check_eq(words[3], mixed[3]);
    check_eq(*(volatile u32 *)&floats[0], 0x3f800000);
    check_eq(get_mxcsr(), MXCSR_DEFAULT | MXCSR_FTZ);
}

CASE(fxsave_faults,
     "FXSAVE wants 16-byte alignment, FXRSTOR no reserved bit of MXCSR, both no TS or EM")
{
    Trap t;

    setup_sse();
    t = TRY("fxsave %0", : "=m"(image[8]));
    expect_fault(t, GP, 0);
    asm volatile("fxsave %0" : "=m"(image));
    *(u32 *)(image + 24) = 0x10000;
    t = TRY("fxrstor %0", : : "m"(image));
    expect_fault(t, GP, 0);
    write_cr0(read_cr0() | CR0_TS);
    t = TRY("fxsave %0", : "=m"(image));
    expect_fault(t, NM, 0);
    write_cr0((read_cr0() & ~CR0_TS) | CR0_EM);
    t = TRY("fxsave %0", : "=m"(image));
    expect_fault(t, NM, 0);
}

CASE(fxrstor_pending, "FXRSTOR of a pending exception makes it pending; it does not report itself")
{
    Trap t;

    setup_sse();
    divide_by_zero();
    t = TRY("fxsave %0", : "=m"(image));
    expect_none(t);
    asm volatile("fninit");
    t = TRY("fxrstor %0", : : "m"(image));
    expect_none(t);
    t = TRY("fwait");
    expect_fault(t, MF, 0);
}

CASE(fnsave_image, "FNSAVE stores 108 bytes, tags in full, and initialises; FRSTOR brings it back")
{
    setup();
    load_cw(0x27f);
    asm volatile("fldpi\n fldz\n fnsave %0" : "=m"(image));
    check_eq(*(u16 *)image, 0x27f);
    check_eq(*(u16 *)(image + 8), 0x1fff); /* 7 valid, 6 zero, the others empty */
    check_eq(*(u16 *)(image + 28 + 10 + 8), 0x4000);
    asm volatile("fnstcw %0" : "=m"(cw));
    check_eq(cw, CW_DEFAULT);
    check_eq(status(), 0);
    asm volatile("frstor %1\n fnstcw %0" : "=m"(cw) : "m"(image));
    check_eq(cw, 0x27f);
    check_eq(status() >> 11 & 7, 6);
}

static u64 xgetbv(u32 index)
{
    u32 low, high;

    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(index));
    return (u64)high << 32 | low;
}

static void setup_xsave(void)
{
    setup_sse();
    require(HAS_XSAVE);
    write_cr4(read_cr4() | CR4_OSXSAVE);
    asm volatile("xsetbv" : : "a"(3), "d"(0), "c"(0));
    memset(image, 0, sizeof(image));
}

CASE(xsave_gates, "without OSXSAVE XSAVE and XGETBV are #UD, and CPUID shows it")
{
    Trap t;
    u32 out[4];

    setup_sse();
    require(HAS_XSAVE);
    cpuid(1, 0, out);
    check_eq(out[2] >> 27 & 1, 0);
    t = TRY("xsave %0", : "=m"(image) : "a"(3), "d"(0));
    expect_fault(t, UD, 0);
    t = TRY("xgetbv", : : "c"(0) : "eax", "edx");
    expect_fault(t, UD, 0);
    write_cr4(read_cr4() | CR4_OSXSAVE);
    cpuid(1, 0, out);
    check_eq(out[2] >> 27 & 1, 1);
    check_eq(xgetbv(0) & 1, 1);
}

CASE(xsetbv_faults, "XCR0: x87 always, no unknown bit, no other register")
{
    Trap t;

    setup_xsave();
    t = TRY("xsetbv", : : "a"(2), "d"(0), "c"(0));
    expect_fault(t, GP, 0);
    t = TRY("xsetbv", : : "a"(3), "d"(0x40000000), "c"(0));
    expect_fault(t, GP, 0);
    t = TRY("xsetbv", : : "a"(5), "d"(0), "c"(0)); /* AVX without SSE */
    expect_fault(t, GP, 0);
    t = TRY("xsetbv", : : "a"(3), "d"(0), "c"(1));
    expect_fault(t, GP, 0);
    check_eq(xgetbv(0), 3);
}

CASE(xsave_header, "XSAVE writes what is asked for, and says so in the header")
{
    /* [SDM1] "Operation of XSAVE". */
    setup_xsave();
    memset(image, 0xcc, 512);
    asm volatile("fld1\n movaps %0, %%xmm1" : : "m"(mixed));
    asm volatile("xsave %0" : "+m"(image) : "a"(1), "d"(0)); /* x87 only */
    check_eq(*(u64 *)(image + 512) & 3, 1);
    check_eq(*(u16 *)(image + 40), 0x3fff);
    check_eq(*(u32 *)(image + 160 + 16), 0xcccccccc);
    asm volatile("xsave %0" : "+m"(image) : "a"(3), "d"(0));
    check_eq(*(u64 *)(image + 512) & 3, 3);
    check_eq(*(u32 *)(image + 160 + 16), mixed[0]);
}

CASE(xrstor_init, "XRSTOR initialises what the header says is not in the image")
{
    /* [SDM1] "Operation of XRSTOR". */
    setup_xsave();
    load_cw(0x27f);
    asm volatile("fld1\n movaps %0, %%xmm1" : : "m"(mixed));
    *(u32 *)(image + 24) = MXCSR_DEFAULT;
    asm volatile("xrstor %0" : : "m"(image), "a"(3), "d"(0));
    asm volatile("fnstcw %0\n movaps %%xmm1, %1" : "=m"(cw), "=m"(words));
    check_eq(cw, CW_DEFAULT);
    check_eq(words[0] | words[1] | words[2] | words[3], 0);
}

CASE(xsave_faults, "64-byte alignment; XRSTOR refuses unknown components and reserved header bytes")
{
    Trap t;

    setup_xsave();
    t = TRY("xsave %0", : "=m"(image[16]) : "a"(3), "d"(0));
    expect_fault(t, GP, 0);
    t = TRY("xrstor %0", : : "m"(image[32]), "a"(3), "d"(0));
    expect_fault(t, GP, 0);
    *(u64 *)(image + 512) = 0x7; /* AVX is not in XCR0 */
    t = TRY("xrstor %0", : : "m"(image), "a"(3), "d"(0));
    expect_fault(t, GP, 0);
    *(u64 *)(image + 512) = 3;
    *(u64 *)(image + 528) = 1;
    *(u32 *)(image + 24) = MXCSR_DEFAULT;
    t = TRY("xrstor %0", : : "m"(image), "a"(3), "d"(0));
    expect_fault(t, GP, 0);
    write_cr0(read_cr0() | CR0_TS);
    t = TRY("xsave %0", : "=m"(image) : "a"(3), "d"(0));
    expect_fault(t, NM, 0);
}
