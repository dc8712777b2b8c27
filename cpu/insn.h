/* insn.h - one decoded instruction, and one row of the instruction table.
 *
 * The rows are in cpu/isa/ *.def. The decoder, the interpreter, the disassembler, the test
 * generator and the manual's ISA table all read them; a fact about an instruction stands in its row
 * only.
 *
 * Row names are the manual's mnemonics, with these exceptions, made so that each name has one
 * exec_NAME function:
 *   string forms          MOVS CMPS STOS LODS SCAS INS OUTS     (element size = opsize)
 *   condition families    JCC SETCC CMOVCC                      (condition = opcode & 15)
 *   moves                 MOV_TO_CR MOV_FROM_CR MOV_TO_DR MOV_FROM_DR MOV_TO_SEG MOV_FROM_SEG
 *   stack                 PUSH_SEG POP_SEG PUSHA POPA PUSHF POPF
 *   far forms             CALL_FAR JMP_FAR RET_FAR
 *   IMUL                  IMUL (one operand), IMUL2 (r, r/m), IMUL3 (r, r/m, imm)
 *   sign extension        CBW (98: CBW/CWDE/CDQE)   CWD (99: CWD/CDQ/CQO)
 *   JCXZ (by address size), XLAT, LOOP/LOOPE/LOOPNE, NOP (90, 0F 18-1F hints and prefetches)
 *   VEX forms             the manual's V mnemonic: VADDPS, ANDN, MULX, ...
 */
#ifndef MYNA_CPU_INSN_H
#define MYNA_CPU_INSN_H

#include "core/types.h"

typedef struct Cpu Cpu;
typedef struct Insn Insn;

/* Executes one decoded instruction; rip already points past it. See cpu/exec.h. */
typedef void ExecFn(Cpu *cpu, const Insn *insn);

enum { MAX_INSN_LENGTH = 15, MAX_OPERANDS = 4 };

typedef enum OpcodeMap {
    MAP_BASE, /* one-byte */
    MAP_0F,
    MAP_0F38,
    MAP_0F3A,
    MAP_VEX_0F, /* VEX.mmmmm = 1 */
    MAP_VEX_0F38,
    MAP_VEX_0F3A,
    MAP_COUNT,
} OpcodeMap;

typedef enum OperandKind {
    OPND_NONE,
    OPND_GPR,   /* reg 0-15, size 1, 2, 4, 8 */
    OPND_GPR8H, /* AH, CH, DH, BH: reg 0-3, size 1 */
    OPND_MEM,   /* address in the Insn's seg, base, index, scale, disp */
    OPND_IMM,   /* value in Insn.imm: Iz, sIb sign extended to 64 bits; Ib, Iw zero extended */
    OPND_IMM2,  /* second immediate byte in Insn.imm2 (ENTER, is4 register selectors) */
    OPND_ONE,   /* the constant 1 of D0/D1 shifts */
    OPND_REL,   /* branch displacement in Insn.imm, sign extended */
    OPND_FAR,   /* ptr16:16/32: offset in imm[31:0], selector in imm[47:32] */
    OPND_SEG,   /* segment register, reg = SegReg */
    OPND_CR,
    OPND_DR,
    OPND_ST,  /* x87 ST(reg) */
    OPND_MMX, /* mm0-7 */
    OPND_VEC, /* xmm/ymm; size 16 or 32 = width of the register view, 4/8 for scalar forms */
} OperandKind;

typedef struct Operand {
    uint8_t kind; /* OperandKind */
    uint8_t reg;
    uint8_t size;   /* bytes read or written; 0 where it is only an address (LEA, INVLPG) */
    uint8_t access; /* OPND_READ | OPND_WRITE */
} Operand;
enum { OPND_READ = 1, OPND_WRITE = 2 };

enum { REG_NONE = 0xff, REG_IP = 0xfe }; /* for Insn.base and Insn.index */

typedef enum RepPrefix { REP_NONE, REP_REPNE /* F2 */, REP_REPE /* F3 */ } RepPrefix;

struct Insn {
    ExecFn *exec;   /* set by whoever executes, never by the decoder */
    uint64_t imm;   /* immediate, displacement of a branch, far pointer, or 64-bit moffs address */
    int32_t disp;   /* displacement of the memory operand */
    uint16_t row;   /* index into insn_rows */
    uint8_t opcode; /* last opcode byte */
    uint8_t modrm;  /* 0 if the row has none */
    uint8_t length; /* bytes, 1-15 */
    uint8_t opsize; /* effective operand size in bytes: 1 (byte forms), 2, 4, 8 */
    uint8_t addrsize; /* effective address size in bytes: 2, 4, 8 */
    uint8_t seg;      /* SegReg of the memory operand, override and BP/SP default applied */
    uint8_t base;     /* GPR number, REG_IP or REG_NONE */
    uint8_t index;    /* GPR number or REG_NONE */
    uint8_t scale;    /* shift count 0-3 */
    uint8_t rep;      /* RepPrefix, also set where it is a mandatory prefix */
    uint8_t imm2;
    bool rex;   /* any REX prefix present */
    bool rex_w; /* of REX or VEX */
    uint8_t lock : 1;
    uint8_t vex_l : 1;
    uint8_t has_moffs : 1;     /* memory operand's offset is imm, not base+index+disp */
    uint8_t opsize_prefix : 1; /* 66 seen */
    uint8_t seg_override : 1;
    uint8_t notrack : 1; /* the last segment prefix is 3E */
    Operand op[MAX_OPERANDS];
    uint8_t
        handler_data[8]; /* free for whoever set exec: precomputed facts of a specialised form */
};
static_assert(sizeof(Insn) <= 72, "one decoded instruction is about one cache line");

/* What a row says beside its encoding and operands. */
typedef enum InsnAttr {
    ATTR_LOCK = 1 << 0, /* LOCK is legal with a memory destination */
    ATTR_I64 = 1 << 1,  /* #UD in 64-bit mode */
    ATTR_O64 = 1 << 2,  /* only in 64-bit mode */
    ATTR_D64 = 1 << 3,  /* operand size defaults to 64 in 64-bit mode (PUSH, POP, ...) */
    ATTR_F64 = 1 << 4,  /* operand size is 64 in 64-bit mode, 66 ignored (near branches) */
    ATTR_PROT = 1 << 5, /* #UD in real and V86 mode (LAR, SLDT, ...) */
    ATTR_CPL0 = 1 << 6, /* #GP(0) unless CPL = 0 (real mode counts as 0); checked by common code */
    ATTR_ALIGNED = 1 << 7, /* vector memory operand must be naturally aligned, else #GP(0) */
    ATTR_STRING = 1 << 8,  /* takes REP prefixes */
    ATTR_BRANCH = 1 << 9,  /* may change rip other than to the next instruction */
    ATTR_SERIAL = 1 << 10, /* ends a block: changes mode, mapping, interrupt state, or may wait */
    ATTR_SSE = 1 << 11,    /* CR0.EM / CR4.OSFXSR / CR0.TS rules of SSE; checked by common code */
    ATTR_MMX = 1 << 12,    /* CR0.EM / CR0.TS rules of MMX, pending #MF; checked by common code */
    ATTR_X87 = 1 << 13,    /* CR0.EM / CR0.TS -> #NM; checked by common code */
    ATTR_AVX = 1 << 14,    /* VEX rules: CR4.OSXSAVE, XCR0, #UD in real and V86 mode */
    ATTR_WAIT = 1 << 15,   /* x87: reports a pending #MF first */
    ATTR_IOPL = 1 << 16,   /* CPL <= IOPL rules; checked by the exec function */
    ATTR_FPEXC = 1 << 17,  /* may raise #XM */
} InsnAttr;

typedef struct InsnRow {
    const char *name;
    ExecFn *exec; /* NULL: no function yet; such a row's feature must not be offered */
    uint8_t map;  /* OpcodeMap */
    uint8_t opcode;
    uint8_t prefix; /* mandatory prefix rule: a set of bits, cpu/isa.h */
    uint8_t wl;     /* rule for REX.W or VEX.W, VEX.L and REX.B: likewise */
    uint16_t form;  /* which modrm bytes: likewise */
    uint8_t access; /* two bits (OPND_READ, OPND_WRITE) an operand, the first lowest */
    uint8_t operands[MAX_OPERANDS]; /* operand specifiers, private to the decoder and generator */
    uint8_t feature;                /* CpuFeature, FEATURE_NONE for the 8086-386 base */
    uint16_t flags_read;            /* EFLAGS bits */
    uint16_t flags_written;         /* includes the undefined ones */
    uint16_t flags_undefined;
    uint32_t attrs; /* InsnAttr */
} InsnRow;

extern const InsnRow insn_rows[];
extern const unsigned insn_row_count;

static inline const InsnRow *insn_row(const Insn *insn)
{
    return &insn_rows[insn->row];
}

#endif
