/* cpu.h - one guest CPU: its architectural state, how to make, reset, run and signal it.
 *
 * Architectural state first, hot fields first of all; everything the translator touches lies within
 * one signed byte or so of the base. Derived fields are recomputed by cpu_update_mode. */
#ifndef MYNA_CPU_CPU_H
#define MYNA_CPU_CPU_H

#include <setjmp.h>

#include "core/clock.h"
#include "core/intc.h"
#include "core/lock.h"
#include "core/memory.h"
#include "core/state.h"
#include "cpu/decode.h"
#include "cpu/features.h"
#include "cpu/regs.h"
#include "cpu/softfloat.h"

/* A segment register with its hidden part. */
typedef struct Segment {
    uint64_t base;
    uint32_t limit; /* in bytes, granularity applied: last valid offset of an expand-up segment */
    uint16_t selector;
    uint16_t access; /* AR_*; 0 = null / unusable */
    /* Derived by segment_update: offsets [first, first + span) may be touched; span 0 = none. */
    uint32_t first;
    uint32_t shape; /* SHAPE_* */
    uint64_t read_span, write_span;
} Segment;

/* What translated code wants to know of a segment. */
enum {
    SHAPE_FLAT_READ = 1 << 0,  /* all of the address space may be read, */
    SHAPE_FLAT_WRITE = 1 << 1, /* and written */
    SHAPE_RAISED = 1 << 2,     /* offsets do not begin at 0 */
};

/* What a descriptor loads into a segment register. */
typedef struct KnownSegment {
    uint64_t low; /* the descriptor */
    Segment segment;
} KnownSegment;

typedef struct DescriptorTable {
    uint64_t base;
    uint16_t limit;
} DescriptorTable;

typedef struct Fpu {
    F80 reg[8];    /* physical registers R0-R7; ST(i) = reg[(top + i) & 7]; MMi = reg[i].mant */
    uint16_t cw;   /* control word */
    uint16_t sw;   /* status word without TOP */
    uint8_t top;   /* 0-7 */
    uint8_t valid; /* bit n: Rn is not empty (the abridged tag word of FXSAVE) */
    uint16_t fop;  /* last opcode, 11 bits */
    uint16_t fcs, fds;
    uint64_t fip, fdp;
} Fpu;

/* One vector register: xmm in the low half, ymm whole. */
typedef union Vec {
    uint8_t u8[32];
    uint16_t u16[16];
    uint32_t u32[8];
    uint64_t u64[4];
    int8_t s8[32];
    int16_t s16[16];
    int32_t s32[8];
    int64_t s64[4];
    float f32[8];
    double f64[4];
} Vec;

typedef enum CpuMode {
    CPU_REAL,
    CPU_V86,
    CPU_PROTECTED, /* 16- or 32-bit, EFER.LMA = 0 */
    CPU_COMPAT,    /* EFER.LMA = 1, CS.L = 0 */
    CPU_LONG,      /* EFER.LMA = 1, CS.L = 1: 64-bit mode */
} CpuMode;

typedef enum CpuActivity {
    CPU_RUNNING,   /* zero: the run loop tests it together with pending */
    CPU_HALTED,    /* HLT or MWAIT */
    CPU_WAIT_SIPI, /* an application processor after INIT */
    CPU_SHUTDOWN,  /* triple fault: only reset, INIT, NMI or SMI ends it */
} CpuActivity;

/* Events that end a run of blocks; bits of Cpu.pending. Set from any thread with cpu_kick. */
enum {
    PENDING_INTR = 1 << 0, /* CPU_LINE_INTR is high */
    PENDING_NMI = 1 << 1,
    PENDING_SMI = 1 << 2,
    PENDING_INIT = 1 << 3,
    PENDING_SIPI = 1 << 4,
    PENDING_EXIT = 1 << 5,     /* return from cpu_run */
    PENDING_DEBUG = 1 << 6,    /* TF, data or I/O breakpoint: look after the present instruction */
    PENDING_FLUSH = 1 << 7,    /* the memory map changed */
    PENDING_SHADOW = 1 << 8,   /* the next instruction runs alone: STI or MOV SS shadow */
    PENDING_CODE = 1 << 9,     /* another thread makes or changes code: cpu_group_serve */
    PENDING_TRACKER = 1 << 10, /* the next instruction must be an ENDBR */
};

/* Why a debugger outside gets the CPU (cpu/breakpoint.h). */
typedef enum CpuStopKind {
    STOP_NONE,
    STOP_STEP, /* cpu_step's instruction is done */
    STOP_BREAKPOINT,
    STOP_HARDWARE_BREAKPOINT,
    STOP_WATCH_WRITE,
    STOP_WATCH_READ,
    STOP_WATCH_ACCESS,
} CpuStopKind;

/* Whoever ran the CPU looks at kind, and sets it to STOP_NONE when it has told the debugger. */
typedef struct CpuStop {
    CpuStopKind kind;
    LinAddr la; /* of the breakpoint, or where the watchpoint begins */
} CpuStop;

enum { SHADOW_STI = 1, SHADOW_MOV_SS = 2 };

/* TLB privilege contexts. */
typedef enum TlbMode {
    TLB_SUPERVISOR,
    TLB_USER,
    TLB_SUPERVISOR_AC, /* EFLAGS.AC lets SMAP pass */
    TLB_NEVER,         /* stays empty: every access takes the slow path (alignment checks are on) */
    TLB_MODE_COUNT,
} TlbMode;

/* Entries of a TLB, which follow use (cpu/tlb.c), and places of the other tables of a context. */
enum { TLB_SMALLEST = 256, TLB_LARGEST = 65536, CODE_IDS = 4096, JUMP_CACHE_SIZE = 16384 };

/* An access at la of size bytes hits when (la ^ tag) <= PAGE_SIZE - size: right page, no straddle.
 * The xor is then the offset in the page. A tag that cannot match is tlb_no_tag(index). */
typedef struct TlbEntry {
    LinAddr read, write, fetch;
    uint8_t *host; /* host address of the page's first byte */
} TlbEntry;

/* Where an entry is: the page number's low bits, times the entry's size. */
enum { TLB_ENTRY_SHIFT = 5 };
static_assert(sizeof(TlbEntry) == 1 << TLB_ENTRY_SHIFT, "TLB entries are found by shifting");

static inline uint32_t tlb_mask_of(unsigned entries)
{
    return (entries - 1) << TLB_ENTRY_SHIFT;
}

/* A TLB entry of one place in translated code that reads or writes. An access at la hits when
 * (la ^ tag) < span. */
typedef struct TlbSlot {
    LinAddr tag; /* as TlbEntry.read or write */
    uint8_t *host;
    uint64_t span; /* PAGE_SIZE - size + 1; 0: the slot is empty */
} TlbSlot;
enum { SLOT_COUNT = 1024, SLOT_GROUP = 64 };

/* Where a translated indirect branch to rip continues. */
typedef struct JumpEntry {
    uint64_t rip;
    const void *code;
} JumpEntry;

/* What one privilege context knows of linear addresses; translated code reaches it through one
 * base register. An engine that keeps no translated code leaves all but the entries empty. */
typedef struct MmuContext {
    TlbEntry entry[TLB_LARGEST]; /* of which tlb_mask says how many are in use */
    uint32_t code_id[CODE_IDS];  /* which code page is mapped there, 0 = unknown (dbt/link.c) */
    JumpEntry jump[JUMP_CACHE_SIZE];
    uint64_t jump_base; /* base of CS that the jumps were learnt with, */
    uint32_t jump_key;  /* and the mode */
    uint32_t tlb_mask;  /* tlb_mask_of the entries */
} MmuContext;

/* What SYSCALL (in) or SYSRET (out) makes of the CPU as long as the rest is as it was
 * (dbt/crossing.h). */
typedef enum CrossingKind { CROSSING_IN, CROSSING_OUT } CrossingKind;
typedef struct Crossing {
    uint32_t from;                 /* key of the code that does it; 0: nothing is known */
    uint32_t to;                   /* and of what follows */
    uint32_t flags_from, flags_to; /* EFLAGS without the arithmetic flags */
    uint16_t kept;                 /* of TranslatorState.flags */
    uint32_t level;                /* Cpu.cpl, mode, code_size, stack_size */
    uint32_t mode_key;
    TlbEntry *tlb;
    uint64_t cs, ss; /* limit, selector, access */
} Crossing;

/* What translated code keeps beside the registers (dbt/). */
typedef struct TranslatorState {
    uint16_t flags; /* arithmetic flags: OF in bit 0; SF ZF AF PF CF where LAHF has them, << 8 */
    uint8_t vectors_loaded; /* the vector registers and MXCSR are in the host's */
    uint8_t x87_loaded;     /* the x87 state is in the host's */
    uint8_t
        x87_seg; /* 1 + segment of the last x87 memory operand, fds is its selector; 0: it is set */
    uint32_t
        x87_site;   /* of the last x87 instruction, for its pointers; 0: they are set (dbt/x87.c) */
    uint32_t poll;  /* look at `pending`; set by any thread */
    int64_t budget; /* instructions left, in counted runs */
    uint64_t next;  /* where a trampoline goes on */
    uint64_t span[8]; /* host addresses of memory that a check has opened (dbt/spans.c) */
    uint64_t temp[4];
    uint64_t loaded;      /* what a device's register held */
    Crossing crossing[2]; /* by CrossingKind */
    /* Host stack on which calls leave where they expect to return to (dbt/x64/indirect.c): */
    uint64_t returns;       /* where it begins, in the present run, */
    uint64_t returns_top;   /* where it is when generated code goes on, */
    uint64_t returns_limit; /* and where it is full */
} TranslatorState;

/* Code is no longer where calls expect it, or is of another mode. */
static inline void returns_forget(TranslatorState *jit)
{
    jit->returns_top = jit->returns;
}

/* What runs instructions: the interpreter, or a translator in front of it. */
typedef struct CpuEngine {
    const char *name;
    /* Runs until insn_count reaches limit or the CPU stops; raises come back to cpu_run. */
    void (*run)(Cpu *cpu, uint64_t limit);
    /* A raise left `run`: bring what the engine keeps elsewhere home to struct Cpu. */
    void (*unwound)(Cpu *cpu);
    /* [host, host+size), in one page, was written: drop its code. True: some is left in the page.
     */
    bool (*code_written)(Cpu *cpu, const uint8_t *host, uint64_t size);
    /* Forget all code. */
    void (*flush)(Cpu *cpu);
    void (*free)(Cpu *cpu);
} CpuEngine;

typedef struct CpuBus {
    AddressSpace *memory;
    AddressSpace *smm_memory; /* what the CPU sees in SMM; NULL: the same */
    AddressSpace *ports;
    Clock *clock;
    Lock *lock; /* the machine lock */
    bool turns; /* other CPUs run on this one's host thread: who waits for them lets go of it */
    const IntcOps *intc_ops;
    void *intc;                                   /* this CPU's controller */
    IrqLine ferr;                                 /* FERR#: IRQ13 */
    void (*triple_fault)(void *opaque, Cpu *cpu); /* after the CPU went to CPU_SHUTDOWN */
    void (*woken)(void *opaque, Cpu *cpu); /* pending became non-zero: wake the CPU's thread */
    void *opaque;
} CpuBus;

typedef struct CpuModel CpuModel;
typedef struct CpuGroup CpuGroup;
typedef struct CodeCache CodeCache;
typedef struct TlbState TlbState;
typedef struct WalkCache WalkCache;
typedef struct BreakpointList BreakpointList;

/* What comes back through Cpu.unwind. */
enum { UNWIND_RAISE = 1, UNWIND_STOP };

struct Cpu {
    /* --- registers ------------------------------------------------------------------------- */
    uint64_t gpr[GPR_COUNT];
    uint64_t rip; /* inside exec functions: of the next instruction */
    /* Arithmetic flags, located: see cpu/flags.h. */
    int64_t flag_result;
    uint64_t flag_carries;
    uint32_t eflags; /* everything but the arithmetic flags; bit 1 is one */
    uint8_t cpl;
    uint8_t mode;       /* CpuMode, derived */
    uint8_t code_size;  /* CodeSize, derived */
    uint8_t stack_size; /* bytes of a stack pointer: 2, 4, 8; derived */
    const Insn *insn;   /* being executed; NULL between instructions */
    TlbEntry *tlb;      /* of the present TlbMode; derived */
    uint32_t pending;   /* PENDING_*; atomic */
    uint32_t tlb_epoch; /* changes when TLB entries are dropped */
    uint32_t mode_key;  /* what decoded blocks depend on; derived */
    uint32_t tlb_mask;  /* tlb_mask_of the entries of tlb; derived */
    TranslatorState jit;
    Segment seg[SEG_COUNT];

    Segment ldtr, tr;
    DescriptorTable gdtr, idtr;
    uint64_t cr0, cr2, cr3, cr4, xcr0;
    uint64_t dr[8];    /* 0-3, 6, 7 */
    uint64_t pdpte[4]; /* PAE page-directory-pointer registers */
    uint8_t shadow;    /* SHADOW_*: interrupts held off for one instruction */
    bool nmi_blocked;
    bool smm;
    bool a20;         /* address bit 20 passes */
    uint8_t activity; /* CpuActivity */
    uint8_t sipi_vector;
    uint32_t smbase;

    uint64_t efer, star, lstar, cstar, fmask, kernel_gs_base;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
    uint64_t pat, misc_enable, debugctl, feature_control;
    uint64_t tsc_zero;   /* clock ticks at power-on: TSC = ticks - tsc_zero + tsc_adjust */
    uint64_t tsc_adjust; /* IA32_TSC_ADJUST; writes to the TSC land here too */
    uint32_t tsc_aux;
    uint32_t pkru; /* written by pkru_write */
    uint64_t xss;
    uint64_t ssp; /* shadow-stack pointer */
    uint64_t u_cet, s_cet, pl_ssp[4], interrupt_ssp_table;
    uint64_t mtrr_def_type, mtrr_fixed[11], mtrr_base[8], mtrr_mask[8];
    uint64_t mcg_status, mcg_ctl, mc_banks[10 * 4];

    Fpu fpu;
    uint32_t mxcsr;
    Vec vec[16];

    /* --- identity --------------------------------------------------------------------------- */
    unsigned index; /* 0 = the boot processor */
    uint32_t apic_id;
    unsigned cpu_count; /* in the machine, for CPUID topology */
    const CpuModel *model;
    FeatureSet features;
    unsigned phys_bits; /* physical address width */
    uint64_t tsc_hz;
    CpuBus bus;

    /* --- derived and private to cpu/ ---------------------------------------------------------- */
    uint64_t rip_start;      /* of the instruction in flight; valid in exec functions' raises */
    uint64_t insn_count;     /* instructions retired before the present block */
    const Insn *block_first; /* first instruction of the running block, for exact counts */
    const Insn *block_end;   /* the run loop stops here; moved down to stop after the present one */
    CpuGroup *group;         /* the CPUs of its machine (cpu/group.c) */
    GThread *thread;         /* that is in cpu_run, or NULL; atomic */
    bool alone;              /* between cpu_group_alone and cpu_group_share */
    sigjmp_buf *unwind;      /* where cpu_raise goes */
    struct {
        uint8_t vector;
        uint32_t error;
    } raised; /* what cpu_raise carries to the run loop */
    struct {
        bool active; /* an exception or interrupt is being delivered */
        uint8_t vector;
    } delivering;                  /* for double faults */
    KnownSegment known_segment[8]; /* (cpu/descriptor.c) */
    unsigned spins;                /* times cpu_spins was called */
    uint64_t pending_db;           /* DR6 bits of a debug trap to report after this instruction */
    CodeCache *code;               /* decoded blocks (cpu/block.c) */
    TlbState *tlb_state;           /* the TLB's tables (cpu/mmu.c) */
    WalkCache *walk_cache;         /* (cpu/walk.c) */
    const CpuEngine *engine;       /* what cpu_run runs with */
    void *engine_data;             /* its own */
    struct StoreJournal *journal;  /* told of stores (cpu/mem.h); NULL: nobody */

    /* --- a debugger outside (cpu/breakpoint.c) ------------------------------------------------ */
    BreakpointList *breakpoints; /* NULL: none */
    bool stepping;               /* in cpu_step */
    bool hold_interrupts;        /* while running, take none */
    CpuStop stop;
    struct {
        LinAddr la;
        uint64_t insn_count;
    } passed; /* a breakpoint at la is none while insn_count is this */
};

/* Makes a CPU of a model with features already resolved (cpu/model.h). Starts reset. */
Cpu *cpu_new(const CpuModel *model, const FeatureSet *features, unsigned index, unsigned cpu_count,
             const CpuBus *bus);
void cpu_free(Cpu *cpu);

/* [SDM3] "Processor Management and Initialization", table of register values. */
typedef enum CpuResetKind { CPU_POWER_ON, CPU_INIT } CpuResetKind;
void cpu_reset(Cpu *cpu, CpuResetKind kind);

/* Runs until `budget` instructions have retired, the CPU stops running (halt, shutdown), stop.kind
 * says that a debugger wants it, or PENDING_EXIT is set. Returns the number retired. The caller
 * must NOT hold the machine lock. */
uint64_t cpu_run(Cpu *cpu, uint64_t budget);

/* From now on cpu_run runs with this engine; frees what the one before kept. Between runs only. */
void cpu_set_engine(Cpu *cpu, const CpuEngine *engine, void *data);

/* Input pins (IrqFn; opaque = Cpu). Machine lock held. */
void cpu_set_line(void *cpu, int line, int level);

/* Sets pending bits from any thread and wakes the CPU. */
void cpu_kick(Cpu *cpu, uint32_t pending);

/* True if a halted CPU has something to do. */
bool cpu_has_work(const Cpu *cpu);

/* The fields of struct Cpu that are saved, printed and compared. */
extern const StateField cpu_state_fields[];

/* After the fields were loaded: refuses a state that no program could have brought this CPU into
 * and that other code relies on not to be (MYNA_ERROR_STATE, naming the register), and computes
 * what is derived from the fields. A CPU whose state was refused must be reset before it runs. */
bool cpu_loaded(Cpu *cpu, GError **err) G_GNUC_WARN_UNUSED_RESULT;

/* Instructions retired, exact even inside an exec function. */
uint64_t cpu_insn_count(const Cpu *cpu);

uint64_t cpu_tsc(Cpu *cpu); /* what RDTSC reads */

/* Makes the running block end after the present instruction, so that pending events are looked at.
 * From the CPU's own thread. */
void cpu_end_block(Cpu *cpu);

/* The guest waits for another CPU in a loop: let others have the host's core now and then. */
void cpu_spins(Cpu *cpu);

/* Recomputes mode, code_size, stack_size, tlb and mode_key. After any change of CS, SS, CR0, CR4,
 * EFER, EFLAGS.VM, EFLAGS.AC, CPL, XCR0. Cheap. */
void cpu_update_mode(Cpu *cpu);
/* The same after a change of no more than CS, SS, CPL, EFLAGS.VM and EFLAGS.AC. */
void cpu_update_level(Cpu *cpu);
/* What SYSCALL and SYSRET do may be something else from now on. */
void cpu_forget_crossings(Cpu *cpu);

/* Recomputes first and spans of a segment register after its base, limit or access changed. */
void segment_update(Segment *seg);

/* --- raising --------------------------------------------------------------------------------- */

/* Abandons the present instruction and delivers an exception; the error code is used by the vectors
 * that have one. Does not return. State must be as before the instruction. */
G_NORETURN void cpu_raise(Cpu *cpu, ExceptionVector vector, uint32_t error);
G_NORETURN void cpu_raise_pf(Cpu *cpu, LinAddr la, uint32_t error);

#define raise_UD(cpu)      cpu_raise(cpu, EXC_UD, 0)
#define raise_NM(cpu)      cpu_raise(cpu, EXC_NM, 0)
#define raise_GP(cpu, err) cpu_raise(cpu, EXC_GP, err)
#define raise_SS(cpu, err) cpu_raise(cpu, EXC_SS, err)
#define raise_TS(cpu, err) cpu_raise(cpu, EXC_TS, err)
#define raise_NP(cpu, err) cpu_raise(cpu, EXC_NP, err)

static inline bool cpu_has(const Cpu *cpu, CpuFeature f)
{
    return feature_in(&cpu->features, f);
}

static inline bool cpu_is_long(const Cpu *cpu)
{
    return cpu->mode == CPU_LONG;
}

static inline bool cpu_is_lma(const Cpu *cpu)
{
    return cpu->efer & EFER_LMA;
}

/* Protected mode in the sense of descriptors: not real, not V86. */
static inline bool cpu_is_protected(const Cpu *cpu)
{
    return cpu->mode >= CPU_PROTECTED;
}

static inline unsigned cpu_iopl(const Cpu *cpu)
{
    return (cpu->eflags & FLAG_IOPL) >> FLAG_IOPL_SHIFT;
}

static inline unsigned segment_dpl(const Segment *seg)
{
    return (seg->access & AR_DPL) >> AR_DPL_SHIFT;
}

/* Sign extension of the implemented linear address bits: 48, or 57 with CR4.LA57. */
static inline bool cpu_is_canonical(const Cpu *cpu, LinAddr la)
{
    unsigned bits = cpu->cr4 & CR4_LA57 ? 57 : 48;
    return (LinAddr)sign_extend(la, bits) == la;
}

/* The same for bases and MSRs, which have the width of the processor, whatever CR4.LA57 says.
 * [SDM1] "Canonicality Checking". */
static inline bool cpu_is_canonical_base(const Cpu *cpu, LinAddr la)
{
    unsigned bits = cpu_has(cpu, FEATURE_LA57) ? 57 : 48;
    return (LinAddr)sign_extend(la, bits) == la;
}

#endif
