/* x86.h - what the manual names: bits, MSRs, vectors, and instructions that C cannot say. */
#pragma once
#include "types.h"

/* [SDM1] "EFLAGS Register". */
enum {
    FLAG_CF = 1 << 0,
    FLAG_FIXED = 1 << 1,
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
};
#define IOPL(n) ((n) << 12)

/* [SDM3] "Control Registers". */
enum {
    CR0_PE = 1 << 0,
    CR0_MP = 1 << 1,
    CR0_EM = 1 << 2,
    CR0_TS = 1 << 3,
    CR0_ET = 1 << 4,
    CR0_NE = 1 << 5,
    CR0_WP = 1 << 16,
    CR0_AM = 1 << 18,
    CR0_NW = 1 << 29,
    CR0_CD = 1 << 30,
    CR4_VME = 1 << 0,
    CR4_PVI = 1 << 1,
    CR4_TSD = 1 << 2,
    CR4_DE = 1 << 3,
    CR4_PSE = 1 << 4,
    CR4_PAE = 1 << 5,
    CR4_PGE = 1 << 7,
    CR4_PCE = 1 << 8,
    CR4_OSFXSR = 1 << 9,
    CR4_OSXMMEXCPT = 1 << 10,
    CR4_UMIP = 1 << 11,
    CR4_FSGSBASE = 1 << 16,
    CR4_PCIDE = 1 << 17,
    CR4_OSXSAVE = 1 << 18,
    CR4_SMEP = 1 << 20,
    CR4_SMAP = 1 << 21,
};
#define CR0_PG 0x80000000u

/* [SDM4] "Architectural MSRs". */
enum {
    MSR_TSC = 0x10,
    MSR_APIC_BASE = 0x1b,
    MSR_SYSENTER_CS = 0x174,
    MSR_SYSENTER_ESP = 0x175,
    MSR_SYSENTER_EIP = 0x176,
    MSR_TSC_DEADLINE = 0x6e0,
    MSR_X2APIC = 0x800,
};
#define MSR_EFER      0xc0000080u
#define MSR_STAR      0xc0000081u
#define MSR_LSTAR     0xc0000082u
#define MSR_CSTAR     0xc0000083u
#define MSR_SFMASK    0xc0000084u
#define MSR_FS_BASE   0xc0000100u
#define MSR_GS_BASE   0xc0000101u
#define MSR_KERNEL_GS 0xc0000102u
enum { EFER_SCE = 1 << 0, EFER_LME = 1 << 8, EFER_LMA = 1 << 10, EFER_NXE = 1 << 11 };

/* [SDM3] "Exception and Interrupt Vectors". */
enum {
    DE = 0,
    DB = 1,
    NMI = 2,
    BP = 3,
    OF = 4,
    BR = 5,
    UD = 6,
    NM = 7,
    DF = 8,
    TS = 10,
    NP = 11,
    SS = 12,
    GP = 13,
    PF = 14,
    MF = 16,
    AC = 17,
    XM = 19,
};

/* [SDM3] "Page-Fault Exceptions": the error code. */
enum { PF_P = 1, PF_W = 2, PF_U = 4, PF_RSVD = 8, PF_I = 16 };

/* CPUID features: leaf, register (0 EAX to 3 EDX), bit. [SDM2] CPUID. */
#define CPUID_BIT(leaf, reg, bit) ((u64)(leaf) << 32 | (reg) << 8 | (bit))
#define HAS_VME                   CPUID_BIT(1, 3, 1)
#define HAS_DE                    CPUID_BIT(1, 3, 2)
#define HAS_PSE                   CPUID_BIT(1, 3, 3)
#define HAS_TSC                   CPUID_BIT(1, 3, 4)
#define HAS_PAE                   CPUID_BIT(1, 3, 6)
#define HAS_APIC                  CPUID_BIT(1, 3, 9)
#define HAS_SEP                   CPUID_BIT(1, 3, 11)
#define HAS_PGE                   CPUID_BIT(1, 3, 13)
#define HAS_PSE36                 CPUID_BIT(1, 3, 17)
#define HAS_FXSR                  CPUID_BIT(1, 3, 24)
#define HAS_SSE                   CPUID_BIT(1, 3, 25)
#define HAS_SSE2                  CPUID_BIT(1, 3, 26)
#define HAS_CX16                  CPUID_BIT(1, 2, 13)
#define HAS_PCID                  CPUID_BIT(1, 2, 17)
#define HAS_X2APIC                CPUID_BIT(1, 2, 21)
#define HAS_TSC_DEADLINE          CPUID_BIT(1, 2, 24)
#define HAS_XSAVE                 CPUID_BIT(1, 2, 26)
#define HAS_FSGSBASE              CPUID_BIT(7, 1, 0)
#define HAS_SMEP                  CPUID_BIT(7, 1, 7)
#define HAS_INVPCID               CPUID_BIT(7, 1, 10)
#define HAS_SMAP                  CPUID_BIT(7, 1, 20)
#define HAS_UMIP                  CPUID_BIT(7, 2, 2)
#define HAS_NX                    CPUID_BIT(0x80000001, 3, 20)
#define HAS_SYSCALL               CPUID_BIT(0x80000001, 3, 11)
#define HAS_PDPE1GB               CPUID_BIT(0x80000001, 3, 26)
#define HAS_RDTSCP                CPUID_BIT(0x80000001, 3, 27)
#define HAS_LM                    CPUID_BIT(0x80000001, 3, 29)

static inline void cpuid(u32 leaf, u32 subleaf, u32 out[4])
{
    asm volatile("cpuid"
                 : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
                 : "a"(leaf), "c"(subleaf));
}

static inline bool cpu_has(u64 feature)
{
    u32 leaf = feature >> 32, out[4];

    cpuid(leaf & 0x80000000u, 0, out);
    if (out[0] < leaf) {
        return false;
    }
    cpuid(leaf, 0, out);
    return out[feature >> 8 & 3] >> (feature & 31) & 1;
}

/* Is it made by Intel? A few rules differ between the makers. */
static inline bool cpu_is_intel(void)
{
    u32 out[4];

    cpuid(0, 0, out);
    return out[1] == 0x756e6547;
}

static inline void outb(u16 port, u8 value)
{
    asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline u8 inb(u16 port)
{
    u8 value;

    asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void outl(u16 port, u32 value)
{
    asm volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

#define CONTROL_REGISTER(name, reg)                                   \
    static inline word read_##name(void)                              \
    {                                                                 \
        word value;                                                   \
        asm volatile("mov %%" reg ", %0" : "=r"(value) : : "memory"); \
        return value;                                                 \
    }                                                                 \
    static inline void write_##name(word value)                       \
    {                                                                 \
        asm volatile("mov %0, %%" reg : : "r"(value) : "memory");     \
    }
CONTROL_REGISTER(cr0, "cr0")
CONTROL_REGISTER(cr2, "cr2")
CONTROL_REGISTER(cr3, "cr3")
CONTROL_REGISTER(cr4, "cr4")
CONTROL_REGISTER(dr0, "dr0")
CONTROL_REGISTER(dr1, "dr1")
CONTROL_REGISTER(dr2, "dr2")
CONTROL_REGISTER(dr3, "dr3")
CONTROL_REGISTER(dr6, "dr6")
CONTROL_REGISTER(dr7, "dr7")

static inline u64 rdmsr(u32 msr)
{
    u32 low, high;

    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
    return (u64)high << 32 | low;
}

static inline void wrmsr(u32 msr, u64 value)
{
    asm volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

static inline u64 rdtsc(void)
{
    u32 low, high;

    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return (u64)high << 32 | low;
}

static inline word read_flags(void)
{
    word value;

    asm volatile("pushf\n pop %0" : "=r"(value) : : "memory");
    return value;
}

static inline void write_flags(word value)
{
    asm volatile("push %0\n popf" : : "r"(value) : "memory", "cc");
}

static inline void invlpg(const volatile void *address)
{
    asm volatile("invlpg (%0)" : : "r"(address) : "memory");
}

void *memcpy(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);
