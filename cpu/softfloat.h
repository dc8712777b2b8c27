/* softfloat.h - IEEE 754 floating point with the exact results and flags of x86.
 *
 * [SDM1] "Working with SIMD and x87 Floating-Point Data", "Floating-Point Exceptions".
 *
 * Values travel as their encodings: binary16 in a uint16_t, binary32 in a uint32_t, binary64 in a
 * uint64_t, the 80-bit extended format in an F80. Every function takes the environment (rounding,
 * masks, sticky flags) explicitly and adds to env->flags; none clears a flag.
 *
 * An operation whose operands raise an unmasked IE, DE or ZE returns a value that the instruction
 * must not store; flags then hold nothing of a later stage. With OE or UE unmasked, an F80 result
 * is the bias-adjusted one the x87 delivers; SSE instructions store nothing in that case.
 */
#ifndef MYNA_CPU_SOFTFLOAT_H
#define MYNA_CPU_SOFTFLOAT_H

#include <stdbool.h>
#include <stdint.h>

/* The encoding of RC in the x87 control word and in MXCSR. */
typedef enum FpRound {
    FP_ROUND_NEAREST = 0,
    FP_ROUND_DOWN = 1,
    FP_ROUND_UP = 2,
    FP_ROUND_ZERO = 3,
} FpRound;

/* The encoding of PC in the x87 control word; 1 is reserved and acts as 64 bits. */
typedef enum FpPrecision {
    FP_PRECISION_24 = 0,
    FP_PRECISION_RESERVED = 1,
    FP_PRECISION_53 = 2,
    FP_PRECISION_64 = 3,
} FpPrecision;

/* Exception bits, as in the x87 status word, the x87 control word and MXCSR. */
enum {
    FP_IE = 1 << 0, /* invalid operation */
    FP_DE = 1 << 1, /* denormal operand */
    FP_ZE = 1 << 2, /* division by zero */
    FP_OE = 1 << 3, /* overflow */
    FP_UE = 1 << 4, /* underflow */
    FP_PE = 1 << 5, /* precision (inexact) */
    FP_ALL = 0x3f,
};

typedef struct FpEnv {
    uint8_t round;     /* FpRound */
    uint8_t precision; /* FpPrecision: of F80 add, subtract, multiply, divide and square root */
    uint8_t masked;    /* exceptions whose mask bit is 1 */
    uint8_t flags;     /* sticky exception flags */
    bool daz;          /* SSE: denormal operands are zeros */
    bool ftz;          /* SSE: tiny results are zeros, when underflow is masked */
    bool c1;           /* x87: the last rounding was away from zero; set or cleared by each */
} FpEnv;

/* The unmasked ones among the exceptions raised so far. */
static inline uint8_t fp_unmasked(const FpEnv *env)
{
    return env->flags & ~env->masked & FP_ALL;
}

/* Flags of exceptions that are found before the operation computes anything. */
enum { FP_PRE_COMPUTATION = FP_IE | FP_DE | FP_ZE };

typedef enum FpOrder {
    FP_LESS = -1,
    FP_EQUAL = 0,
    FP_GREATER = 1,
    FP_UNORDERED = 2,
} FpOrder;

/* A quiet comparison raises IE for signaling NaNs only, a signaling one for every NaN. */
typedef enum FpNanSignal { FP_QUIET, FP_SIGNALING } FpNanSignal;

/* Whether rounding to an integer reports PE. [SDM2] ROUNDSD: imm8[3]. */
typedef enum FpInexact { FP_INEXACT_REPORT, FP_INEXACT_SUPPRESS } FpInexact;

/* 80-bit extended: sign and 15-bit exponent in se, explicit integer bit in mant[63]. */
typedef struct F80 {
    uint64_t mant;
    uint16_t se;
} F80;

static inline bool f80_is_nan(F80 v)
{
    return (v.se & 0x7fff) == 0x7fff && v.mant << 1;
}

/* "Integer indefinite", the masked response to an invalid conversion. */
#define FP_INDEFINITE_16 INT16_MIN
#define FP_INDEFINITE_32 INT32_MIN
#define FP_INDEFINITE_64 INT64_MIN

/* --- binary32 and binary64: SSE semantics (the first NaN operand is the result) ------------ */

uint32_t f32_add(uint32_t a, uint32_t b, FpEnv *env);
uint32_t f32_sub(uint32_t a, uint32_t b, FpEnv *env);
uint32_t f32_mul(uint32_t a, uint32_t b, FpEnv *env);
uint32_t f32_div(uint32_t a, uint32_t b, FpEnv *env);
uint32_t f32_sqrt(uint32_t a, FpEnv *env);
uint64_t f64_add(uint64_t a, uint64_t b, FpEnv *env);
uint64_t f64_sub(uint64_t a, uint64_t b, FpEnv *env);
uint64_t f64_mul(uint64_t a, uint64_t b, FpEnv *env);
uint64_t f64_div(uint64_t a, uint64_t b, FpEnv *env);
uint64_t f64_sqrt(uint64_t a, FpEnv *env);

/* a * b + c rounded once. NaN priority a, b, c: pass operands in the order of the manual's table
 * ([SDM1] "Rules for handling NaNs in FMA") and negate product or addend with FpFmaSign. */
typedef enum FpFmaSign {
    FP_FMA_PLAIN = 0,
    FP_FMA_NEGATE_C = 1,       /* VFMSUB */
    FP_FMA_NEGATE_PRODUCT = 2, /* VFNMADD; with NEGATE_C VFNMSUB */
} FpFmaSign;
uint32_t f32_fma(uint32_t a, uint32_t b, uint32_t c, FpFmaSign sign, FpEnv *env);
uint64_t f64_fma(uint64_t a, uint64_t b, uint64_t c, FpFmaSign sign, FpEnv *env);

/* [SDM2] MINSD, MAXSD: the second operand when either is a NaN or both are zeros. */
uint32_t f32_min(uint32_t a, uint32_t b, FpEnv *env);
uint32_t f32_max(uint32_t a, uint32_t b, FpEnv *env);
uint64_t f64_min(uint64_t a, uint64_t b, FpEnv *env);
uint64_t f64_max(uint64_t a, uint64_t b, FpEnv *env);

FpOrder f32_compare(uint32_t a, uint32_t b, FpNanSignal signal, FpEnv *env);
FpOrder f64_compare(uint64_t a, uint64_t b, FpNanSignal signal, FpEnv *env);

/* [SDM2] ROUNDSD. Raises no DE. */
uint32_t f32_round_int(uint32_t a, FpRound round, FpInexact inexact, FpEnv *env);
uint64_t f64_round_int(uint64_t a, FpRound round, FpInexact inexact, FpEnv *env);

/* --- conversions ----------------------------------------------------------------------------- */

uint64_t f32_to_f64(uint32_t a, FpEnv *env);
uint32_t f64_to_f32(uint64_t a, FpEnv *env);
/* [SDM2] VCVTPH2PS: no DE, DAZ ignored. VCVTPS2PH: FTZ ignored. */
uint32_t f16_to_f32(uint16_t a, FpEnv *env);
uint16_t f32_to_f16(uint32_t a, FpEnv *env);

/* To integer with the given rounding (FP_ROUND_ZERO truncates; env->round for the current mode).
 * Out of range or NaN: IE and the indefinite integer, which is all ones for the unsigned. No DE. */
int32_t f32_to_i32(uint32_t a, FpRound round, FpEnv *env);
int64_t f32_to_i64(uint32_t a, FpRound round, FpEnv *env);
uint32_t f32_to_u32(uint32_t a, FpRound round, FpEnv *env);
uint64_t f32_to_u64(uint32_t a, FpRound round, FpEnv *env);
int32_t f64_to_i32(uint64_t a, FpRound round, FpEnv *env);
int64_t f64_to_i64(uint64_t a, FpRound round, FpEnv *env);
uint32_t f64_to_u32(uint64_t a, FpRound round, FpEnv *env);
uint64_t f64_to_u64(uint64_t a, FpRound round, FpEnv *env);

uint32_t i32_to_f32(int32_t a, FpEnv *env);
uint32_t i64_to_f32(int64_t a, FpEnv *env);
uint32_t u32_to_f32(uint32_t a, FpEnv *env);
uint32_t u64_to_f32(uint64_t a, FpEnv *env);
uint64_t i32_to_f64(int32_t a, FpEnv *env);
uint64_t i64_to_f64(int64_t a, FpEnv *env);
uint64_t u32_to_f64(uint32_t a, FpEnv *env);
uint64_t u64_to_f64(uint64_t a, FpEnv *env);

/* --- 80-bit extended: x87 semantics ---------------------------------------------------------- */

/* Numbered as the reg field of the D8 and DC opcodes; R forms swap the operands. */
typedef enum F80Arith {
    F80_ADD = 0,
    F80_MUL = 1,
    F80_SUB = 4,
    F80_SUBR = 5,
    F80_DIV = 6,
    F80_DIVR = 7,
} F80Arith;

/* Result of the partial remainders: quotient holds the low three bits when complete. */
typedef struct F80Rem {
    F80 value;
    uint8_t quotient;
    bool partial; /* C2: the reduction is incomplete */
} F80Rem;

/* Result of the two-valued functions. FXTRACT: first the exponent, second (the new top) the
 * significand. FSINCOS: first the sine, second the cosine. FPTAN: first the tangent, second 1. */
typedef struct F80Pair {
    F80 first, second;
    bool out_of_range; /* C2: |x| >= 2^63, operand returned in first */
} F80Pair;

typedef enum F80RemKind { F80_REM_TRUNCATE, F80_REM_NEAREST } F80RemKind; /* FPREM, FPREM1 */

/* One implementation of the x87 operations. */
typedef struct F80Ops {
    const char *name;
    F80 (*arith)(F80Arith op, F80 a, F80 b, FpEnv *env);
    F80 (*arith_f32)(F80Arith op, F80 a, uint32_t b, FpEnv *env); /* memory operand forms: */
    F80 (*arith_f64)(F80Arith op, F80 a, uint64_t b, FpEnv *env); /* b's own NaNs, denormals */
    FpOrder (*compare)(F80 a, F80 b, FpNanSignal signal, FpEnv *env);
    FpOrder (*compare_f32)(F80 a, uint32_t b, FpEnv *env); /* FCOM m32: signaling */
    FpOrder (*compare_f64)(F80 a, uint64_t b, FpEnv *env);
    F80 (*sqrt)(F80 a, FpEnv *env);
    F80 (*round_int)(F80 a, FpEnv *env);    /* FRNDINT */
    F80 (*scale)(F80 a, F80 b, FpEnv *env); /* FSCALE: a * 2^trunc(b) */
    F80Pair (*extract)(F80 a, FpEnv *env);  /* FXTRACT */
    F80Rem (*rem)(F80 a, F80 b, F80RemKind kind, FpEnv *env);
    F80 (*from_f32)(uint32_t a, FpEnv *env); /* FLD m32, m64 */
    F80 (*from_f64)(uint64_t a, FpEnv *env);
    uint32_t (*to_f32)(F80 a, FpEnv *env); /* FST m32, m64: no value with OE or UE unmasked */
    uint64_t (*to_f64)(F80 a, FpEnv *env);
    int16_t (*to_i16)(F80 a, FpRound round, FpEnv *env);
    int32_t (*to_i32)(F80 a, FpRound round, FpEnv *env);
    int64_t (*to_i64)(F80 a, FpRound round, FpEnv *env);
    F80 (*to_bcd)(F80 a, FpEnv *env); /* FBSTP: ten bytes, mant the low eight, se the high two */
    F80 (*f2xm1)(F80 x, FpEnv *env);
    F80 (*fyl2x)(F80 x, F80 y, FpEnv *env);   /* y * log2(x) */
    F80 (*fyl2xp1)(F80 x, F80 y, FpEnv *env); /* y * log2(x + 1) */
    F80 (*fpatan)(F80 x, F80 y, FpEnv *env);  /* arctan(y / x), x is ST(0), y is ST(1) */
    F80Pair (*fptan)(F80 x, FpEnv *env);
    F80Pair (*fsin)(F80 x, FpEnv *env); /* first only */
    F80Pair (*fcos)(F80 x, FpEnv *env); /* first only */
    F80Pair (*fsincos)(F80 x, FpEnv *env);
} F80Ops;

extern const F80Ops f80_soft;
#if defined(__x86_64__)
extern const F80Ops f80_host; /* the host's x87 */
#endif

/* Exact conversions that raise nothing. */
F80 i64_to_f80(int64_t a);
F80 bcd_to_f80(F80 packed); /* FBLD; digits above 9 count as their value */

/* The x87's default NaN ("real indefinite") and the masked response of FBSTP. */
#define F80_INDEFINITE     ((F80){0xc000000000000000, 0xffff})
#define F80_BCD_INDEFINITE ((F80){0xc000000000000000, 0xffff})

#endif
