/* native.h - the host CPU as an oracle: runs one user-mode instruction on given registers, flags
 * memory, and optionally vector registers, in 64-bit mode or in a compatibility-mode segment. Only
 * on x86-64 hosts with XSAVE; elsewhere native_new returns NULL and tests that need it skip. */
#ifndef MYNA_TESTS_SUPPORT_NATIVE_H
#define MYNA_TESTS_SUPPORT_NATIVE_H

#include "cpu/features.h"
#include "cpu/regs.h"

/* The x87, SSE and AVX state as XSAVE's standard image has it: [SDM1] "Standard Format of XSAVE
 * Area". After a run, components that the header calls initial are so in the image too. */
enum { NATIVE_IMAGE_SIZE = 832, NATIVE_IMAGE_ALIGN = 64 };

/* Offsets in it. */
enum {
    IMAGE_CW = 0,
    IMAGE_SW = 2,
    IMAGE_TAGS = 4,
    IMAGE_FOP = 6,
    IMAGE_MXCSR = 24,
    IMAGE_MXCSR_MASK = 28,
    IMAGE_ST = 32, /* 16 bytes each */
    IMAGE_XMM = 160,
    IMAGE_XMM_END = 416,
    IMAGE_XSTATE_BV = 512,
    IMAGE_XCOMP_BV = 520,
    IMAGE_YMM = 576,
};

typedef struct NativeState {
    uint64_t gpr[GPR_COUNT];
    uint64_t flags; /* arithmetic flags and DF */
    int vector;     /* after a run: the exception it raised, or -1 */
    uint64_t rip;   /* after native_run_branch: where it went; 0 after the others */
    uint64_t cr2;   /* after a page fault: its address; else 0 */
    uint32_t error; /* after an exception: its error code */
    bool has_image; /* false: initial, and not wanted */
    _Alignas(NATIVE_IMAGE_ALIGN) uint8_t image[NATIVE_IMAGE_SIZE];
} NativeState;

typedef struct Native Native;

Native *native_new(void);
void native_free(Native *n);

/* True if the host's CPUID has the feature. */
bool native_has(CpuFeature f);

/* Readable and writable memory at exactly this address, or NULL. Freed with the Native. */
uint8_t *native_map(Native *n, uint64_t address, size_t size);

/* Runs the instruction; all registers, RSP too, are the state's before and after. False: it
 * trapped, and the state is as the trap found it. */
bool native_run(Native *n, const uint8_t *code, size_t length, NativeState *state);

/* The same for a branch, which must lead to an address in
 * [native_branch_address - NATIVE_BRANCH_REACH, native_branch_address + NATIVE_BRANCH_REACH). */
enum { NATIVE_BRANCH_REACH = 0x800 };
bool native_run_branch(Native *n, const uint8_t *code, size_t length, NativeState *state);

/* The same as 32-bit code, with eight general registers of 32 bits. Only if native_has_32. */
bool native_has_32(const Native *n);
bool native_run_32(Native *n, const uint8_t *code, size_t length, NativeState *state);

/* What the segment registers hold while they run. */
uint16_t native_selector(SegReg seg, bool is_32);

/* Where these put the instruction. */
uint64_t native_address(const Native *n);
uint64_t native_branch_address(const Native *n);
uint64_t native_address_32(const Native *n);

#endif
