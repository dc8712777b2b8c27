/* regs.h - names of registers and of the bits in them. [SDM3] "System Architecture Overview". */
#ifndef MYNA_CPU_REGS_H
#define MYNA_CPU_REGS_H

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15, GPR_COUNT };

typedef enum SegReg { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_COUNT } SegReg;

enum {
    FLAG_CF = 1 << 0,
    FLAG_FIXED = 1 << 1, /* always one */
    FLAG_PF = 1 << 2,
    FLAG_AF = 1 << 4,
    FLAG_ZF = 1 << 6,
    FLAG_SF = 1 << 7,
    FLAG_TF = 1 << 8,
    FLAG_IF = 1 << 9,
    FLAG_DF = 1 << 10,
    FLAG_OF = 1 << 11,
    FLAG_IOPL = 3 << 12,
    FLAG_NT = 1 << 14,
    FLAG_RF = 1 << 16,
    FLAG_VM = 1 << 17,
    FLAG_AC = 1 << 18,
    FLAG_VIF = 1 << 19,
    FLAG_VIP = 1 << 20,
    FLAG_ID = 1 << 21,
    FLAGS_ARITH = FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF,
    FLAGS_DEFINED = FLAGS_ARITH | FLAG_FIXED | FLAG_TF | FLAG_IF | FLAG_DF | FLAG_IOPL | FLAG_NT |
                    FLAG_RF | FLAG_VM | FLAG_AC | FLAG_VIF | FLAG_VIP | FLAG_ID,
    FLAG_IOPL_SHIFT = 12,
};

#define CR0_PE (1u << 0)
#define CR0_MP (1u << 1)
#define CR0_EM (1u << 2)
#define CR0_TS (1u << 3)
#define CR0_ET (1u << 4)
#define CR0_NE (1u << 5)
#define CR0_WP (1u << 16)
#define CR0_AM (1u << 18)
#define CR0_NW (1u << 29)
#define CR0_CD (1u << 30)
#define CR0_PG (1u << 31)
#define CR0_DEFINED                                                                            \
    (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | \
     CR0_PG)

#define CR4_VME        (1u << 0)
#define CR4_PVI        (1u << 1)
#define CR4_TSD        (1u << 2)
#define CR4_DE         (1u << 3)
#define CR4_PSE        (1u << 4)
#define CR4_PAE        (1u << 5)
#define CR4_MCE        (1u << 6)
#define CR4_PGE        (1u << 7)
#define CR4_PCE        (1u << 8)
#define CR4_OSFXSR     (1u << 9)
#define CR4_OSXMMEXCPT (1u << 10)
#define CR4_UMIP       (1u << 11)
#define CR4_LA57       (1u << 12)
#define CR4_FSGSBASE   (1u << 16)
#define CR4_PCIDE      (1u << 17)
#define CR4_OSXSAVE    (1u << 18)
#define CR4_SMEP       (1u << 20)
#define CR4_SMAP       (1u << 21)
#define CR4_PKE        (1u << 22)
#define CR4_CET        (1u << 23)

#define EFER_SCE (1u << 0)
#define EFER_LME (1u << 8)
#define EFER_LMA (1u << 10)
#define EFER_NXE (1u << 11)

#define XCR0_X87  (1u << 0)
#define XCR0_SSE  (1u << 1)
#define XCR0_AVX  (1u << 2)
#define XCR0_PKRU (1u << 9)

/* Exception vectors. [SDM3] "Interrupt and Exception Handling". */
typedef enum ExceptionVector {
    EXC_DE = 0,
    EXC_DB = 1,
    EXC_NMI = 2,
    EXC_BP = 3,
    EXC_OF = 4,
    EXC_BR = 5,
    EXC_UD = 6,
    EXC_NM = 7,
    EXC_DF = 8,
    EXC_TS = 10,
    EXC_NP = 11,
    EXC_SS = 12,
    EXC_GP = 13,
    EXC_PF = 14,
    EXC_MF = 16,
    EXC_AC = 17,
    EXC_MC = 18,
    EXC_XM = 19,
    EXC_CP = 21,
} ExceptionVector;

/* Page-fault error code. */
enum {
    PF_PRESENT = 1 << 0,
    PF_WRITE = 1 << 1,
    PF_USER = 1 << 2,
    PF_RESERVED = 1 << 3,
    PF_FETCH = 1 << 4,
    PF_PKEY = 1 << 5,
    PF_SHADOW = 1 << 6, /* a shadow-stack access */
};

/* Error codes of #CP. */
enum { CP_NEAR_RET = 1, CP_FAR_RET_IRET = 2, CP_ENDBRANCH = 3, CP_RSTORSSP = 4, CP_SETSSBSY = 5 };

/* Access rights of a segment, as in the second doubleword of its descriptor shifted right by 8:
 *
 *   15  14  13  12  11..8   7   6..5   4   3..0
 *    G  D/B  L  AVL   0     P   DPL    S   type
 */
enum {
    AR_TYPE = 0xf,
    AR_ACCESSED = 1 << 0,    /* code and data */
    AR_WRITABLE = 1 << 1,    /* data */
    AR_READABLE = 1 << 1,    /* code */
    AR_EXPAND_DOWN = 1 << 2, /* data */
    AR_CONFORMING = 1 << 2,  /* code */
    AR_CODE = 1 << 3,
    AR_S = 1 << 4, /* code or data, not a system segment */
    AR_DPL_SHIFT = 5,
    AR_DPL = 3 << 5,
    AR_P = 1 << 7,
    AR_AVL = 1 << 12,
    AR_L = 1 << 13,
    AR_DB = 1 << 14,
    AR_G = 1 << 15,
};

/* System descriptor types. */
enum {
    DESC_TSS16_AVAILABLE = 1,
    DESC_LDT = 2,
    DESC_TSS16_BUSY = 3,
    DESC_CALL_GATE16 = 4,
    DESC_TASK_GATE = 5,
    DESC_INT_GATE16 = 6,
    DESC_TRAP_GATE16 = 7,
    DESC_TSS_AVAILABLE = 9,
    DESC_TSS_BUSY = 11,
    DESC_CALL_GATE = 12,
    DESC_INT_GATE = 14,
    DESC_TRAP_GATE = 15,
};

/* Model-specific registers. [SDM4]. */
enum {
    MSR_P5_MC_ADDR = 0x0,
    MSR_TSC = 0x10,
    MSR_PLATFORM_ID = 0x17,
    MSR_APIC_BASE = 0x1b,
    MSR_FEATURE_CONTROL = 0x3a,
    MSR_TSC_ADJUST = 0x3b,
    MSR_BIOS_SIGN_ID = 0x8b,
    MSR_SMBASE = 0x9e,
    MSR_MTRRCAP = 0xfe,
    MSR_ARCH_CAPABILITIES = 0x10a,
    MSR_SYSENTER_CS = 0x174,
    MSR_SYSENTER_ESP = 0x175,
    MSR_SYSENTER_EIP = 0x176,
    MSR_MCG_CAP = 0x179,
    MSR_MCG_STATUS = 0x17a,
    MSR_MCG_CTL = 0x17b,
    MSR_MISC_ENABLE = 0x1a0,
    MSR_DEBUGCTL = 0x1d9,
    MSR_MTRR_PHYSBASE0 = 0x200, /* base, mask pairs for 8 ranges */
    MSR_MTRR_FIX64K_00000 = 0x250,
    MSR_MTRR_FIX16K_80000 = 0x258,
    MSR_MTRR_FIX16K_A0000 = 0x259,
    MSR_MTRR_FIX4K_C0000 = 0x268, /* .. 0x26f */
    MSR_PAT = 0x277,
    MSR_MTRR_DEF_TYPE = 0x2ff,
    MSR_MC0_CTL = 0x400,
    MSR_U_CET = 0x6a0,
    MSR_S_CET = 0x6a2,
    MSR_PL0_SSP = 0x6a4, /* .. PL3_SSP */
    MSR_INTERRUPT_SSP_TABLE = 0x6a8,
    MSR_TSC_DEADLINE = 0x6e0,
    MSR_X2APIC_FIRST = 0x800,
    MSR_X2APIC_LAST = 0x8ff,
    MSR_XSS = 0xda0,
};
#define MSR_EFER           0xc0000080u
#define MSR_STAR           0xc0000081u
#define MSR_LSTAR          0xc0000082u
#define MSR_CSTAR          0xc0000083u
#define MSR_FMASK          0xc0000084u
#define MSR_FS_BASE        0xc0000100u
#define MSR_GS_BASE        0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define MSR_TSC_AUX        0xc0000103u

#define DR6_FIXED   0xffff0ff0u
#define DR6_BD      (1u << 13)
#define DR6_BS      (1u << 14)
#define DR6_BT      (1u << 15)
#define DR7_FIXED   0x400u
#define DR7_ENABLES 0xffu /* G3 L3 .. G0 L0 */
#define DR7_GD      (1u << 13)

#endif
