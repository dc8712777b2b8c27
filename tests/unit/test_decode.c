/* test_decode.c - the decoder's rules one by one, and its properties over random strings.
 *
 * test_decode_oracle.c compares it with capstone. */
#include "cpu/decode.h"
#include "cpu/isa.h"
#include "cpu/regs.h"
#include "tests/support/random_code.h"

#include <sys/mman.h>
#include <unistd.h>

/* --- single instructions ---------------------------------------------------------------------- */

enum { MAX_BYTES = 18 };
enum { REAL = DECODE_REAL_OR_V86 };

typedef struct Example {
    CodeSize mode;
    unsigned flags;
    uint8_t length; /* of the instruction; the bytes after it are zeros */
    uint8_t bytes[MAX_BYTES];
    const char *text; /* NULL: #UD */
    uint8_t opsize;
} Example;

#define CODE(...)                     \
    sizeof((uint8_t[]){__VA_ARGS__}), \
    {                                 \
        __VA_ARGS__                   \
    }

static void check_example(const Example *e)
{
    Insn insn;
    char text[128];
    DecodeStatus status = decode(e->bytes, MAX_BYTES, e->mode, e->flags, &insn);
    if (!e->text) {
        g_assert_cmpint(status, ==, DECODE_INVALID);
        return;
    }
    g_assert_cmpint(status, ==, DECODE_OK);
    insn_format(&insn, text, sizeof(text));
    g_assert_cmpstr(text, ==, e->text);
    g_assert_cmpint(insn.length, ==, e->length);
    g_assert_cmpint(insn.opsize, ==, e->opsize);
}

static void check_examples(gconstpointer data)
{
    for (const Example *e = data; e->length != 0; e++)
        check_example(e);
}

/* clang-format off */

/* [SDM1] "Operand-Size and Address-Size Attributes" */
static const Example sizes[] = {
    {CODE_16, 0, CODE(0x01, 0xd8),                         "ADD ax, bx", 2},
    {CODE_16, 0, CODE(0x66, 0x01, 0xd8),                   "ADD eax, ebx", 4},
    {CODE_32, 0, CODE(0x01, 0xd8),                         "ADD eax, ebx", 4},
    {CODE_32, 0, CODE(0x66, 0x66, 0x01, 0xd8),             "ADD ax, bx", 2},
    {CODE_64, 0, CODE(0x01, 0xd8),                         "ADD eax, ebx", 4},
    {CODE_64, 0, CODE(0x66, 0x01, 0xd8),                   "ADD ax, bx", 2},
    {CODE_64, 0, CODE(0x66, 0x48, 0x01, 0xd8),             "ADD rax, rbx", 8},
    {CODE_64, 0, CODE(0x00, 0xd8),                         "ADD al, bl", 1},
    {CODE_64, 0, CODE(0x0f, 0xb6, 0xc3),                   "MOVZX eax, bl", 4},
    {CODE_64, 0, CODE(0x63, 0xc3),                         "MOVSXD eax, ebx", 4},
    {CODE_64, 0, CODE(0x48, 0x63, 0xc3),                   "MOVSXD rax, ebx", 8},
    {CODE_32, 0, CODE(0x63, 0xc3),                         "ARPL bx, ax", 4},
    /* D64: PUSH and POP have no 32-bit form in 64-bit code, F64: near branches only a 64-bit one */
    {CODE_64, 0, CODE(0x50),                               "PUSH rax", 8},
    {CODE_64, 0, CODE(0x66, 0x50),                         "PUSH ax", 2},
    {CODE_64, 0, CODE(0x6a, 0xff),                         "PUSH 0xffffffffffffffff", 8},
    {CODE_64, 0, CODE(0x68, 0, 0, 0, 0x80),                "PUSH 0xffffffff80000000", 8},
    {CODE_64, 0, CODE(0x66, 0x68, 0x34, 0x12),             "PUSH 0x1234", 2},
    {CODE_64, 0, CODE(0x66, 0xe8, 0, 0, 0, 0x80),          "CALL -0x80000000", 8},
    {CODE_32, 0, CODE(0x66, 0xe8, 0xfe, 0xff),             "CALL -0x2", 2},
    {CODE_16, 0, CODE(0x66, 0x0f, 0x84, 1, 0, 0, 0),       "JZ +0x1", 4},
    {CODE_64, 0, CODE(0xff, 0xd0),                         "CALL rax", 8},
    {CODE_64, 0, CODE(0x66, 0xc3),                         "RET", 8},
    {CODE_64, 0, CODE(0xcb),                               "RET_FAR", 4},
    {CODE_64, 0, CODE(0x48, 0xcf),                         "IRET", 8},
    {CODE_64, 0, CODE(0x0f, 0x20, 0xc0),                   "MOV_FROM_CR rax, cr0", 8},
    {CODE_32, 0, CODE(0x66, 0x0f, 0x20, 0xc0),             "MOV_FROM_CR eax, cr0", 2},
    /* ports move 4 bytes at most */
    {CODE_64, 0, CODE(0x48, 0xed),                         "IN eax, dx", 4},
    {CODE_64, 0, CODE(0xe6, 0x80),                         "OUT 0x80, al", 1},
    {CODE_64, 0, CODE(0x66, 0xef),                         "OUT dx, ax", 2},
    {CODE_64, 0, CODE(0x48, 0x6d),                         "INSD dword es:[rdi], dx", 4},
    {CODE_64, 0, CODE(0x6e),                               "OUTSB dx, byte [rsi]", 1},
    {0},
};

/* [SDM2] "Instruction Prefixes", "REX Prefixes" */
static const Example prefixes[] = {
    {CODE_64, 0, CODE(0x88, 0xe0),                         "MOV al, ah", 1},
    {CODE_64, 0, CODE(0x40, 0x88, 0xe0),                   "MOV al, spl", 1},
    {CODE_64, 0, CODE(0x45, 0x88, 0xe7),                   "MOV r15b, r12b", 1},
    {CODE_64, 0, CODE(0x48, 0x66, 0x01, 0xd8),             "ADD ax, bx", 2}, /* REX not last: lost */
    {CODE_64, 0, CODE(0x41, 0x48, 0x01, 0xd8),             "ADD rax, rbx", 8}, /* the last REX */
    {CODE_32, 0, CODE(0x48),                               "DEC eax", 4},
    {CODE_32, 0, CODE(0x26, 0x64, 0x8b, 0x03),             "MOV eax, fs:[ebx]", 4},
    {CODE_64, 0, CODE(0x64, 0x26, 0x8b, 0x03),             "MOV eax, fs:[rbx]", 4}, /* ES: nothing */
    {CODE_64, 0, CODE(0x2e, 0x8b, 0x03),                   "MOV eax, [rbx]", 4},
    {CODE_64, 0, CODE(0xf2, 0xf3, 0x0f, 0x10, 0xc1),       "MOVSS xmm0, xmm1", 4},
    {CODE_64, 0, CODE(0xf3, 0xf2, 0x0f, 0x10, 0xc1),       "MOVSD xmm0, xmm1", 4},
    {CODE_64, 0, CODE(0x66, 0xf2, 0x0f, 0x10, 0xc1),       "MOVSD xmm0, xmm1", 2},
    {CODE_64, 0, CODE(0x66, 0x0f, 0x10, 0xc1),             "MOVUPD xmm0, xmm1", 4},
    {CODE_64, 0, CODE(0x0f, 0x10, 0xc1),                   "MOVUPS xmm0, xmm1", 4},
    {CODE_64, 0, CODE(0xf3, 0x0f, 0x28, 0xc1),             NULL, 0},
    {CODE_64, 0, CODE(0xf2, 0x0f, 0x38, 0xf0, 0xc1),       "CRC32 eax, cl", 4},
    {CODE_64, 0, CODE(0x66, 0xf2, 0x0f, 0x38, 0xf1, 0xc1), "CRC32 eax, cx", 2},
    {CODE_64, 0, CODE(0x66, 0x0f, 0x38, 0xf0, 0x01),       "MOVBE ax, [rcx]", 2},
    {CODE_64, 0, CODE(0x66, 0xf3, 0x0f, 0xb8, 0xc1),       "POPCNT ax, cx", 2},
    {CODE_64, 0, CODE(0xf2, 0x0f, 0xbc, 0xc1),             "BSF eax, ecx", 4},
    {CODE_64, 0, CODE(0xf3, 0x0f, 0xbc, 0xc1),             "TZCNT eax, ecx", 4},
    {CODE_32, 0, CODE(0xf3, 0xa4),                         "REP MOVSB byte es:[edi], byte [esi]", 1},
    {CODE_32, 0, CODE(0x64, 0xf2, 0xa7),                   "REPNE CMPSD dword fs:[esi], dword es:[edi]", 4},
    {CODE_64, 0, CODE(0x67, 0x48, 0xab),                   "STOSQ es:[edi], rax", 8},
    {CODE_32, 0, CODE(0x64, 0xaa),                         "STOSB es:[edi], al", 1},
    {CODE_64, 0, CODE(0x64, 0xd7),                         "XLAT al, fs:[rbx]", 1},
    /* 90 */
    {CODE_64, 0, CODE(0x90),                               "NOP", 4},
    {CODE_64, 0, CODE(0x48, 0x90),                         "NOP", 8},
    {CODE_64, 0, CODE(0xf3, 0x90),                         "PAUSE", 4},
    {CODE_64, 0, CODE(0x41, 0x90),                         "XCHG r8d, eax", 4},
    {CODE_64, 0, CODE(0xf3, 0x0f, 0x1e, 0xfa),             "ENDBR64", 4},
    {CODE_64, 0, CODE(0x0f, 0x1e, 0xfa),                   "NOP edx", 4},
    {CODE_64, 0, CODE(0xf3, 0x0f, 0x1e, 0xc8),             "RDSSP eax", 4},
    {CODE_64, 0, CODE(0x0f, 0xc7, 0x0b),                   "CMPXCHG8B qword [rbx]", 4},
    {CODE_64, 0, CODE(0x48, 0x0f, 0xc7, 0x0b),             "CMPXCHG16B xmmword [rbx]", 8},
    {0},
};

/* [SDM2] LOCK */
static const Example locks[] = {
    {CODE_32, 0, CODE(0xf0, 0x01, 0x03),                   "LOCK ADD [ebx], eax", 4},
    {CODE_32, 0, CODE(0xf0, 0x0f, 0xab, 0x03),             "LOCK BTS [ebx], eax", 4},
    {CODE_32, 0, CODE(0xf0, 0x87, 0x03),                   "LOCK XCHG [ebx], eax", 4},
    {CODE_32, 0, CODE(0xf0, 0xf3, 0x0f, 0xc7, 0x0b),       "LOCK CMPXCHG8B qword [ebx]", 4},
    {CODE_32, 0, CODE(0xf0, 0xf7, 0x1b),                   "LOCK NEG dword [ebx]", 4},
    {CODE_32, 0, CODE(0xf0, 0x01, 0xc3),                   NULL, 0}, /* register */
    {CODE_32, 0, CODE(0xf0, 0x03, 0x03),                   NULL, 0}, /* memory is the source */
    {CODE_32, 0, CODE(0xf0, 0x39, 0x03),                   NULL, 0}, /* CMP */
    {CODE_32, 0, CODE(0xf0, 0x0f, 0xa3, 0x03),             NULL, 0}, /* BT */
    {CODE_32, 0, CODE(0xf0, 0x89, 0x03),                   NULL, 0}, /* MOV */
    {CODE_32, 0, CODE(0xf0, 0x90),                         NULL, 0},
    {CODE_32, 0, CODE(0xf0, 0xd1, 0x23),                   NULL, 0}, /* SHL */
    {0},
};

/* [SDM2] "ModR/M and SIB Bytes", "RIP-Relative Addressing" */
static const Example addresses[] = {
    {CODE_16, 0, CODE(0x8b, 0x00),                         "MOV ax, [bx+si]", 2},
    {CODE_16, 0, CODE(0x8b, 0x43, 0xff),                   "MOV ax, [bp+di-0x1]", 2},
    {CODE_16, 0, CODE(0x8b, 0x06, 0x34, 0xf2),             "MOV ax, [0xf234]", 2},
    {CODE_16, 0, CODE(0x8b, 0x46, 0x00),                   "MOV ax, [bp]", 2},
    {CODE_16, 0, CODE(0x8b, 0x87, 0x00, 0x10),             "MOV ax, [bx+0x1000]", 2},
    {CODE_16, 0, CODE(0x67, 0x8b, 0x04, 0x8b),             "MOV ax, [ebx+ecx*4]", 2},
    {CODE_32, 0, CODE(0x67, 0x8b, 0x04),                   "MOV eax, [si]", 4},
    {CODE_32, 0, CODE(0x8b, 0x05, 1, 0, 0, 0),             "MOV eax, [0x1]", 4},
    {CODE_32, 0, CODE(0x8b, 0x04, 0x25, 1, 0, 0, 0),       "MOV eax, [0x1]", 4},
    {CODE_32, 0, CODE(0x8b, 0x04, 0x65, 1, 0, 0, 0),       "MOV eax, [0x1]", 4}, /* scale of nothing */
    {CODE_32, 0, CODE(0x03, 0x44, 0xb3, 0x10),             "ADD eax, [ebx+esi*4+0x10]", 4},
    {CODE_32, 0, CODE(0x8b, 0x44, 0x25, 0x00),             "MOV eax, [ebp]", 4},
    {CODE_64, 0, CODE(0x8b, 0x05, 0xfc, 0xff, 0xff, 0xff), "MOV eax, [rip-0x4]", 4},
    {CODE_64, 0, CODE(0x67, 0x8b, 0x05, 4, 0, 0, 0),       "MOV eax, [eip+0x4]", 4},
    {CODE_64, 0, CODE(0x41, 0x8b, 0x05, 4, 0, 0, 0),       "MOV eax, [rip+0x4]", 4}, /* not r13 */
    {CODE_64, 0, CODE(0x41, 0x8b, 0x04, 0x24),             "MOV eax, [r12]", 4},
    {CODE_64, 0, CODE(0x42, 0x8b, 0x04, 0x24),             "MOV eax, [rsp+r12]", 4},
    {CODE_64, 0, CODE(0x41, 0x8b, 0x45, 0x00),             "MOV eax, [r13]", 4},
    {CODE_64, 0, CODE(0x67, 0x8b, 0x00),                   "MOV eax, [eax]", 4},
    {CODE_64, 0, CODE(0x48, 0xa1, 1, 2, 3, 4, 5, 6, 7, 8), "MOV rax, [0x807060504030201]", 8},
    {CODE_64, 0, CODE(0x67, 0xa0, 1, 2, 3, 4),             "MOV al, [0x4030201]", 1},
    {CODE_16, 0, CODE(0x66, 0xa3, 1, 2),                   "MOV [0x201], eax", 4},
    {0},
};

/* immediates and fixed operands */
static const Example operands[] = {
    {CODE_32, 0, CODE(0x83, 0xc0, 0xff),                   "ADD eax, 0xffffffff", 4},
    {CODE_64, 0, CODE(0x48, 0x81, 0xc0, 0, 0, 0, 0x80),    "ADD rax, 0xffffffff80000000", 8},
    {CODE_64, 0, CODE(0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8), "MOV rax, 0x807060504030201", 8},
    {CODE_32, 0, CODE(0xc8, 0x00, 0x10, 0x02),             "ENTER 0x1000, 0x2", 4},
    {CODE_16, 0, CODE(0xea, 0x5b, 0xe0, 0x00, 0xf0),       "JMP_FAR 0xf000:0xe05b", 2},
    {CODE_32, 0, CODE(0x9a, 1, 0, 0, 0x80, 0x08, 0x00),    "CALL_FAR 0x8:0x80000001", 4},
    {CODE_32, 0, CODE(0xd1, 0xe0),                         "SHL eax, 1", 4},
    {CODE_32, 0, CODE(0xd3, 0xf0),                         "SHL eax, cl", 4}, /* /6 */
    {CODE_32, 0, CODE(0xf7, 0xc8, 1, 0, 0, 0),             "TEST eax, 0x1", 4}, /* /1 */
    {CODE_32, 0, CODE(0x82, 0xc0, 0x80),                   "ADD al, 0x80", 1},
    {CODE_32, 0, CODE(0x69, 0xc3, 0xff, 0xff, 0xff, 0xff), "IMUL3 eax, ebx, 0xffffffff", 4},
    {CODE_32, 0, CODE(0x0f, 0xa5, 0xd8),                   "SHLD eax, ebx, cl", 4},
    {CODE_32, 0, CODE(0xcd, 0x80),                         "INT 0x80", 4},
    {CODE_32, 0, CODE(0x8c, 0xd8),                         "MOV_FROM_SEG eax, ds", 4},
    {CODE_32, 0, CODE(0x8c, 0x18),                         "MOV_FROM_SEG word [eax], ds", 4},
    {CODE_32, 0, CODE(0x8e, 0xd0),                         "MOV_TO_SEG ss, ax", 4},
    {CODE_32, 0, CODE(0x0f, 0x22, 0x18),                   "MOV_TO_CR cr3, eax", 4}, /* mod ignored */
    {CODE_64, 0, CODE(0x44, 0x0f, 0x22, 0xc0),             "MOV_TO_CR cr8, rax", 8},
    {CODE_64, 0, CODE(0x0f, 0x23, 0xf8),                   "MOV_TO_DR dr7, rax", 8},
    {CODE_64, 0, CODE(0x0f, 0x01, 0x10),                   "LGDT tbyte [rax]", 8},
    {CODE_16, 0, CODE(0x0f, 0x01, 0x17),                   "LGDT fword [bx]", 2},
    {CODE_16, 0, CODE(0xc4, 0x07),                         "LES ax, dword [bx]", 2},
    {CODE_64, 0, CODE(0x48, 0x0f, 0xb2, 0x00),             "LSS rax, tbyte [rax]", 8},
    {CODE_64, 0, CODE(0x66, 0x48, 0x0f, 0x6e, 0xc1),       "MOVD xmm0, rcx", 8},
    {CODE_64, 0, CODE(0x66, 0x48, 0x0f, 0x7e, 0xc1),       "MOVD rcx, xmm0", 8},
    {CODE_64, 0, CODE(0x45, 0x0f, 0x6f, 0xff),             "MOVQ mm7, mm7", 4}, /* REX ignored */
    {CODE_64, 0, CODE(0x66, 0x0f, 0x38, 0x10, 0xca),       "PBLENDVB xmm1, xmm2, xmm0", 4},
    {CODE_64, 0, CODE(0x66, 0x0f, 0xf7, 0xca),             "MASKMOVDQU [rdi], xmm1, xmm2", 4},
    {0},
};

/* [SDM2] "x87 Instructions", and the aliases in x87.def */
static const Example x87[] = {
    {CODE_32, 0, CODE(0xd8, 0x03),                         "FADD dword [ebx]", 4},
    {CODE_32, 0, CODE(0xdc, 0xe1),                         "FSUBR st1, st0", 4},
    {CODE_32, 0, CODE(0xde, 0xe9),                         "FSUBP st1, st0", 4},
    {CODE_32, 0, CODE(0xdb, 0x2b),                         "FLD tbyte [ebx]", 4},
    {CODE_32, 0, CODE(0xdf, 0x2b),                         "FILD qword [ebx]", 4},
    {CODE_32, 0, CODE(0xd9, 0xe8),                         "FLD1", 4},
    {CODE_32, 0, CODE(0xdb, 0xe0),                         "FNOP", 4},
    {CODE_32, 0, CODE(0xdb, 0xe3),                         "FNINIT", 4},
    {CODE_32, 0, CODE(0xdc, 0xd1),                         "FCOM st0, st1", 4},
    {CODE_32, 0, CODE(0xd9, 0xd9),                         "FSTPNCE st1", 4},
    {CODE_32, 0, CODE(0xdf, 0xc1),                         "FFREEP st1", 4},
    {CODE_32, 0, CODE(0xdf, 0xe0),                         "FNSTSW ax", 4},
    {CODE_32, 0, CODE(0xda, 0xe9),                         "FUCOMPP", 4},
    {CODE_32, 0, CODE(0xd9, 0xd1),                         NULL, 0},
    {CODE_32, 0, CODE(0xd9, 0x0b),                         NULL, 0},
    {CODE_32, 0, CODE(0xda, 0xe8),                         NULL, 0},
    {CODE_32, 0, CODE(0xdf, 0xe1),                         NULL, 0},
    {0},
};

/* [SDM2] "VEX" */
static const Example vex[] = {
    {CODE_64, 0, CODE(0xc5, 0xf4, 0x58, 0xc2),             "VADDPS ymm0, ymm1, ymm2", 4},
    {CODE_64, 0, CODE(0xc5, 0xf0, 0x58, 0xc2),             "VADDPS xmm0, xmm1, xmm2", 4},
    {CODE_64, 0, CODE(0xc4, 0x41, 0x00, 0x58, 0xff),       "VADDPS xmm15, xmm15, xmm15", 4},
    {CODE_32, 0, CODE(0xc5, 0xf4, 0x58, 0xc2),             "VADDPS ymm0, ymm1, ymm2", 4},
    {CODE_16, 0, CODE(0xc5, 0xf4, 0x58, 0xc2),             "VADDPS ymm0, ymm1, ymm2", 4},
    {CODE_32, 0, CODE(0xc4, 0xc1, 0x30, 0x58, 0xc2),       "VADDPS xmm0, xmm1, xmm2", 4}, /* B, vvvv[3] */
    {CODE_32, 0, CODE(0xc5, 0x03),                         "LDS eax, fword [ebx]", 4},
    {CODE_16, REAL, CODE(0xc5, 0x07),                      "LDS ax, dword [bx]", 2},
    {CODE_16, REAL, CODE(0xc5, 0xf4, 0x58, 0xc2),          NULL, 0},
    {CODE_64, 0, CODE(0x66, 0xc5, 0xf4, 0x58, 0xc2),       NULL, 0},
    {CODE_64, 0, CODE(0xf2, 0xc5, 0xf4, 0x58, 0xc2),       NULL, 0},
    {CODE_64, 0, CODE(0xf0, 0xc5, 0xf4, 0x58, 0xc2),       NULL, 0},
    {CODE_64, 0, CODE(0x48, 0xc5, 0xf4, 0x58, 0xc2),       NULL, 0},
    {CODE_64, 0, CODE(0x64, 0xc5, 0xf4, 0x58, 0x00),       "VADDPS ymm0, ymm1, fs:[rax]", 4},
    {CODE_64, 0, CODE(0xc4, 0xe0, 0x74, 0x58, 0xc2),       NULL, 0}, /* map 0 */
    {CODE_64, 0, CODE(0xc4, 0xe4, 0x74, 0x58, 0xc2),       NULL, 0}, /* map 4 */
    {CODE_64, 0, CODE(0xc5, 0xf0, 0x28, 0xc2),             NULL, 0}, /* VMOVAPS has no vvvv */
    {CODE_64, 0, CODE(0xc5, 0xf8, 0x28, 0xc2),             "VMOVAPS xmm0, xmm2", 4},
    {CODE_64, 0, CODE(0xc4, 0xe2, 0xf9, 0x0c, 0xc2),       NULL, 0}, /* VPERMILPS is W0 */
    {CODE_64, 0, CODE(0xc4, 0xe2, 0x71, 0x0c, 0xc2),       "VPERMILPS xmm0, xmm1, xmm2", 4},
    {CODE_64, 0, CODE(0xc4, 0xe2, 0x71, 0x36, 0xc2),       NULL, 0}, /* VPERMD is L1 */
    {CODE_64, 0, CODE(0xc4, 0xe2, 0xf1, 0x98, 0xc2),       "VFMADD132PD xmm0, xmm1, xmm2", 8},
    {CODE_64, 0, CODE(0xc4, 0xe2, 0x71, 0x98, 0xc2),       "VFMADD132PS xmm0, xmm1, xmm2", 4},
    {CODE_64, 0, CODE(0xc4, 0xe3, 0x71, 0x4a, 0xc2, 0xf0), "VBLENDVPS xmm0, xmm1, xmm2, xmm15", 4},
    {CODE_32, 0, CODE(0xc4, 0xe3, 0x71, 0x4a, 0xc2, 0xf0), "VBLENDVPS xmm0, xmm1, xmm2, xmm7", 4},
    {CODE_64, 0, CODE(0xc4, 0xe2, 0xf8, 0xf2, 0xc1),       "ANDN rax, rax, rcx", 8},
    {CODE_32, 0, CODE(0xc4, 0xe2, 0xf8, 0xf2, 0xc1),       "ANDN eax, eax, ecx", 4},
    {CODE_64, 0, CODE(0xc4, 0xe2, 0x78, 0xf3, 0xc9),       "BLSR eax, ecx", 4},
    {CODE_64, 0, CODE(0xc5, 0xf8, 0x77),                   "VZEROUPPER", 4},
    {CODE_64, 0, CODE(0xc5, 0xfc, 0x77),                   "VZEROALL", 4},
    {CODE_64, 0, CODE(0xc5, 0xfa, 0x10, 0xc1),             "VMOVSS xmm0, xmm0, xmm1", 4},
    {CODE_64, 0, CODE(0xc5, 0xfa, 0x10, 0x01),             "VMOVSS xmm0, dword [rcx]", 4},
    /* VSIB: the index may be 4; three different registers; no 16-bit address; a SIB byte */
    {CODE_64, 0, CODE(0xc4, 0xe2, 0x69, 0x90, 0x04, 0xa0), "VPGATHERDD xmm0, dword [rax+xmm4*4], xmm2", 4},
    {CODE_64, 0, CODE(0xc4, 0xe2, 0x69, 0x90, 0x04, 0x80), NULL, 0},
    {CODE_64, 0, CODE(0xc4, 0xe2, 0x69, 0x90, 0x04, 0x90), NULL, 0},
    {CODE_64, 0, CODE(0xc4, 0xe2, 0x79, 0x90, 0x04, 0xa0), NULL, 0},
    {CODE_64, 0, CODE(0xc4, 0xe2, 0x69, 0x90, 0x01),       NULL, 0},
    {CODE_16, 0, CODE(0xc4, 0xe2, 0x69, 0x90, 0x04),       NULL, 0},
    {0},
};

/* [SDM2] "Opcode Map": what is not there, in which mode */
static const Example invalid[] = {
    {CODE_64, 0, CODE(0x06),                               NULL, 0},
    {CODE_64, 0, CODE(0x27),                               NULL, 0},
    {CODE_64, 0, CODE(0x60),                               NULL, 0},
    {CODE_64, 0, CODE(0x62, 0x00),                         NULL, 0},
    {CODE_64, 0, CODE(0x82, 0xc0, 0x80),                   NULL, 0},
    {CODE_64, 0, CODE(0x9a),                               NULL, 0},
    {CODE_64, 0, CODE(0xce),                               NULL, 0},
    {CODE_64, 0, CODE(0xd5, 0x0a),                         NULL, 0},
    {CODE_64, 0, CODE(0xd6),                               NULL, 0},
    {CODE_64, 0, CODE(0xea),                               NULL, 0},
    {CODE_32, 0, CODE(0xd6),                               "SALC", 4},
    {CODE_32, 0, CODE(0xf1),                               "INT1", 4},
    {CODE_32, 0, CODE(0x0f, 0x24, 0xc0),                   NULL, 0},
    {CODE_32, 0, CODE(0x0f, 0x26, 0xc0),                   NULL, 0},
    {CODE_32, 0, CODE(0x0f, 0x04),                         NULL, 0},
    {CODE_32, 0, CODE(0x0f, 0x0b),                         "UD2", 4},
    {CODE_32, 0, CODE(0x0f, 0xb9, 0x03),                   "UD1 eax, [ebx]", 4},
    {CODE_32, 0, CODE(0x0f, 0xff, 0x03),                   "UD0 eax, [ebx]", 4},
    {CODE_32, 0, CODE(0x8d, 0xc0),                         NULL, 0}, /* LEA of a register */
    {CODE_32, 0, CODE(0x62, 0xc0),                         NULL, 0},
    {CODE_32, 0, CODE(0xc4, 0x03),                         "LES eax, fword [ebx]", 4},
    {CODE_32, 0, CODE(0x8f, 0xc8),                         NULL, 0},
    {CODE_32, 0, CODE(0xc6, 0xc8),                         NULL, 0},
    {CODE_32, 0, CODE(0xfe, 0xd0),                         NULL, 0},
    {CODE_32, 0, CODE(0xff, 0xd8),                         NULL, 0}, /* CALL far of a register */
    {CODE_32, 0, CODE(0xff, 0xf8),                         NULL, 0},
    {CODE_32, 0, CODE(0x8e, 0xc8),                         NULL, 0}, /* MOV CS */
    {CODE_32, 0, CODE(0x8e, 0xf0),                         NULL, 0},
    {CODE_32, 0, CODE(0x8c, 0xf0),                         NULL, 0},
    {CODE_32, 0, CODE(0x0f, 0x20, 0xc8),                   NULL, 0}, /* CR1 */
    {CODE_64, 0, CODE(0x44, 0x0f, 0x20, 0xc8),             NULL, 0}, /* CR9 */
    {CODE_64, 0, CODE(0x44, 0x0f, 0x21, 0xc0),             NULL, 0}, /* DR8 */
    {CODE_32, 0, CODE(0x0f, 0x01, 0xc1),                   NULL, 0}, /* VMCALL */
    {CODE_32, 0, CODE(0x0f, 0x01, 0xf8),                   NULL, 0}, /* SWAPGS */
    {CODE_64, 0, CODE(0x0f, 0x01, 0xf8),                   "SWAPGS", 4},
    {CODE_32, 0, CODE(0xf3, 0x0f, 0xae, 0xc0),             NULL, 0}, /* RDFSBASE */
    {CODE_64, 0, CODE(0xf3, 0x0f, 0xae, 0xc0),             "RDFSBASE eax", 4},
    {CODE_16, REAL, CODE(0x0f, 0x00, 0xc0),                NULL, 0}, /* SLDT */
    {CODE_16, REAL, CODE(0x0f, 0x02, 0xc0),                NULL, 0}, /* LAR */
    {CODE_16, REAL, CODE(0x63, 0xc0),                      NULL, 0}, /* ARPL */
    {CODE_16, REAL, CODE(0x0f, 0x01, 0xe0),                "SMSW ax", 2},
    {CODE_16, 0, CODE(0x0f, 0x00, 0xc0),                   "SLDT ax", 2},
    {0},
};
/* clang-format on */

/* --- fields ----------------------------------------------------------------------------------- */

static Insn decode_one(CodeSize mode, const uint8_t *bytes, size_t size)
{
    Insn insn;
    g_assert_cmpint(decode(bytes, size, mode, 0, &insn), ==, DECODE_OK);
    g_assert_cmpint(insn.length, ==, size);
    return insn;
}

/* SS is the default with BP and SP as a base, and only as a base. [SDM1] "Specifying a Segment
 * Selector". */
static void test_default_segments(void)
{
    static const struct {
        CodeSize mode;
        uint8_t size, bytes[5];
        SegReg seg;
    } cases[] = {
        {CODE_16, CODE(0x8b, 0x02), SEG_SS},             /* bp+si */
        {CODE_16, CODE(0x8b, 0x46, 0x00), SEG_SS},       /* bp+0 */
        {CODE_16, CODE(0x8b, 0x06, 0x00, 0x00), SEG_DS}, /* disp16 */
        {CODE_32, CODE(0x8b, 0x04, 0x24), SEG_SS},       /* esp */
        {CODE_32, CODE(0x8b, 0x45, 0x00), SEG_SS},       /* ebp+0 */
        {CODE_32, CODE(0x8b, 0x44, 0x28, 0x00), SEG_DS}, /* eax+ebp */
        {CODE_32, CODE(0x3e, 0x8b, 0x45, 0x00), SEG_DS}, /* ds:ebp+0 */
        {CODE_64, CODE(0x41, 0x8b, 0x45, 0x00), SEG_DS}, /* r13+0 */
        {CODE_64, CODE(0x41, 0x8b, 0x04, 0x24), SEG_DS}, /* r12 */
        {CODE_64, CODE(0x3e, 0x8b, 0x45, 0x00), SEG_SS}, /* override without effect */
        {CODE_64, CODE(0x65, 0x8b, 0x45, 0x00), SEG_GS},
        {CODE_32, CODE(0xaa), SEG_ES},       /* STOS */
        {CODE_32, CODE(0x2e, 0xaa), SEG_ES}, /* no override */
        {CODE_32, CODE(0x2e, 0xa4), SEG_CS}, /* MOVS: its source */
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        Insn insn = decode_one(cases[i].mode, cases[i].bytes, cases[i].size);
        g_assert_cmpint(insn.seg, ==, cases[i].seg);
    }
}

static void test_memory_fields(void)
{
    const uint8_t sib[] = {0x43, 0x8b, 0x84, 0xac, 0xf0, 0xff, 0xff, 0xff};
    Insn insn = decode_one(CODE_64, sib, sizeof(sib));
    g_assert_cmpint(insn.base, ==, R12);
    g_assert_cmpint(insn.index, ==, R13);
    g_assert_cmpint(insn.scale, ==, 2);
    g_assert_cmpint(insn.disp, ==, -16);
    g_assert_cmpint(insn.addrsize, ==, 8);
    g_assert_cmpint(insn.op[1].kind, ==, OPND_MEM);
    g_assert_cmpint(insn.op[1].size, ==, 4);
    g_assert_cmpint(insn.op[1].access, ==, OPND_READ);
    g_assert_cmpint(insn.op[0].access, ==, OPND_WRITE);

    const uint8_t lea[] = {0x8d, 0x01};
    insn = decode_one(CODE_64, lea, sizeof(lea));
    g_assert_cmpint(insn.op[1].size, ==, 0);
    g_assert_cmpint(insn.op[1].access, ==, 0);

    const uint8_t movs[] = {0xf3, 0xa5};
    insn = decode_one(CODE_32, movs, sizeof(movs));
    g_assert_cmpint(insn.base, ==, RSI);
    g_assert_cmpint(insn.op[0].reg, ==, RDI);
    g_assert_cmpint(insn.rep, ==, REP_REPE);
    g_assert_cmpint(insn.index, ==, REG_NONE);

    const uint8_t moffs[] = {0xa1, 1, 2, 3, 4, 5, 6, 7, 8};
    insn = decode_one(CODE_64, moffs, sizeof(moffs));
    g_assert_true(insn.has_moffs);
    g_assert_cmphex(insn.imm, ==, 0x0807060504030201);
}

/* Immediates: Iz and sIb are sign extended, Ib and Iw are not. */
static void test_immediates(void)
{
    const uint8_t sign[] = {0x83, 0xc0, 0x80}, zero[] = {0xc1, 0xe0, 0x80};
    const uint8_t ret[] = {0xc2, 0x00, 0x80}, far[] = {0xea, 1, 2, 3, 0x84, 5, 0x86};
    const uint8_t enter[] = {0xc8, 0x00, 0x80, 0x1f};
    g_assert_cmphex(decode_one(CODE_32, sign, sizeof(sign)).imm, ==, 0xffffffffffffff80);
    g_assert_cmphex(decode_one(CODE_32, zero, sizeof(zero)).imm, ==, 0x80);
    g_assert_cmphex(decode_one(CODE_32, ret, sizeof(ret)).imm, ==, 0x8000);
    g_assert_cmphex(decode_one(CODE_32, far, sizeof(far)).imm, ==, 0x860584030201);
    Insn insn = decode_one(CODE_32, enter, sizeof(enter));
    g_assert_cmphex(insn.imm, ==, 0x8000);
    g_assert_cmphex(insn.imm2, ==, 0x1f);
}

/* --- length ----------------------------------------------------------------------------------- */

static void test_too_long(void)
{
    uint8_t bytes[20];
    Insn insn;
    memset(bytes, 0x66, sizeof(bytes));
    g_assert_cmpint(decode(bytes, 20, CODE_64, 0, &insn), ==, DECODE_TOO_LONG);
    g_assert_cmpint(decode(bytes, 15, CODE_64, 0, &insn), ==, DECODE_TOO_LONG);
    g_assert_cmpint(decode(bytes, 14, CODE_64, 0, &insn), ==, DECODE_MORE);
    bytes[14] = 0x90; /* the fifteenth byte */
    g_assert_cmpint(decode(bytes, 20, CODE_64, 0, &insn), ==, DECODE_OK);
    g_assert_cmpint(insn.length, ==, 15);
    bytes[13] = 0x89; /* MOV rm, r: modrm 90 wants a displacement */
    bytes[14] = 0x90;
    g_assert_cmpint(decode(bytes, 20, CODE_64, 0, &insn), ==, DECODE_TOO_LONG);
    g_assert_cmpint(decode(bytes, 0, CODE_64, 0, &insn), ==, DECODE_MORE);
}

/* Every shorter prefix of what was looked at wants more, and more bytes change nothing (but what is
 * told of an instruction that is too long). The bytes end at an unmapped page, so that a read past
 * them is fatal. Many begin with as many prefixes as there may be, and more. */
static void test_truncation(gconstpointer data)
{
    CodeSize mode = GPOINTER_TO_INT(data);
    size_t page = sysconf(_SC_PAGESIZE);
    uint8_t *area = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                         0);
    g_assert_true(area != MAP_FAILED);
    g_assert_cmpint(mprotect(area + page, page, PROT_NONE), ==, 0);
    RandomCode random;
    random_code_init(&random, 77 + mode);
    for (unsigned i = 0; i < 50000; i++) {
        uint8_t bytes[64];
        Insn whole, part;
        random_code_fill(&random, mode, bytes, sizeof(bytes));
        memset(bytes, 0x66, i % 4 ? 0 : i / 4 % 18);
        unsigned flags = random_code_below(&random, 2) ? DECODE_REAL_OR_V86 : 0;
        DecodeStatus status = decode(bytes, sizeof(bytes), mode, flags, &whole);
        g_assert_cmpint(status, !=, DECODE_MORE);
        g_assert_cmpint(whole.length, <=, MAX_INSN_LENGTH);
        for (size_t n = 0; n <= sizeof(bytes); n++) {
            uint8_t *end = memcpy(area + page - n, bytes, n);
            DecodeStatus s = decode(end, n, mode, flags, &part);
            bool enough = status == DECODE_TOO_LONG ? n >= MAX_INSN_LENGTH : n >= whole.length;
            g_assert_cmpint(s, ==, enough ? status : DECODE_MORE);
            if (enough && status != DECODE_TOO_LONG)
                g_assert_cmpmem(&part, sizeof(part), &whole, sizeof(whole));
        }
    }
    munmap(area, 2 * page);
}

/* --- rows ------------------------------------------------------------------------------------- */

/* Undefined flags are written ones; a row with LOCK writes its first operand; what is read or
 * written is an operand. */
static void test_rows(void)
{
    g_assert_cmpuint(insn_row_count, >, 1400);
    for (unsigned i = 0; i < insn_row_count; i++) {
        const InsnRow *row = &insn_rows[i];
        g_assert_cmphex(row->flags_undefined & ~row->flags_written, ==, 0);
        if (row->attrs & ATTR_LOCK)
            g_assert_true(row->access & OPND_WRITE);
        for (unsigned k = 0; k < MAX_OPERANDS; k++)
            if (row->operands[k] == SPEC___)
                g_assert_cmpint(row->access >> 2 * k, ==, 0);
        g_assert_true(row->map < MAP_VEX_0F || (row->attrs & (ATTR_AVX | ATTR_PROT)));
        g_assert_true(!(row->attrs & ATTR_I64) || !(row->attrs & ATTR_O64));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    decode_init();
    decode_init(); /* once more is harmless */
    g_test_add_data_func("/decode/sizes", sizes, check_examples);
    g_test_add_data_func("/decode/prefixes", prefixes, check_examples);
    g_test_add_data_func("/decode/lock", locks, check_examples);
    g_test_add_data_func("/decode/addresses", addresses, check_examples);
    g_test_add_data_func("/decode/operands", operands, check_examples);
    g_test_add_data_func("/decode/x87", x87, check_examples);
    g_test_add_data_func("/decode/vex", vex, check_examples);
    g_test_add_data_func("/decode/invalid", invalid, check_examples);
    g_test_add_func("/decode/default-segments", test_default_segments);
    g_test_add_func("/decode/memory-fields", test_memory_fields);
    g_test_add_func("/decode/immediates", test_immediates);
    g_test_add_func("/decode/too-long", test_too_long);
    g_test_add_data_func("/decode/truncation/16", GINT_TO_POINTER(CODE_16), test_truncation);
    g_test_add_data_func("/decode/truncation/32", GINT_TO_POINTER(CODE_32), test_truncation);
    g_test_add_data_func("/decode/truncation/64", GINT_TO_POINTER(CODE_64), test_truncation);
    g_test_add_func("/decode/rows", test_rows);
    return g_test_run();
}
