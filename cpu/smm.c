/* smm.c - entering and leaving system-management mode.
 *
 * [SDM3] "System Management Mode" for what happens and for the 32-bit save map, [APM2] "SMM
 * State-Save Area" for the 64-bit one, which processors with long mode use here as firmware
 * expects. A map is a list of fields, so that saving and restoring cannot disagree. */
#include "cpu/descriptor.h"
#include "cpu/exec.h"
#include "cpu/interrupt.h"
#include "cpu/mmu.h"

enum {
    SMM_ENTRY = 0x8000,
    SAVE_AREA = 0xfc00, /* offset of the image below from SMBASE */
    SAVE_SIZE = 0x400,
    /* Revision: bit 17 SMBASE can be moved; 64h: the 64-bit map. */
    REVISION_32 = 0x20000,
    REVISION_64 = 0x20064,
    HALT_RESTART = 1,
};

/* The registers of a save map, flat: what is not a plain number in Cpu is converted here. */
typedef struct SavedSegment {
    uint64_t base;
    uint32_t limit;
    uint16_t selector, access;
} SavedSegment;

typedef struct SmmState {
    uint64_t gpr[GPR_COUNT];
    uint64_t rip, cr0, cr3, cr4, efer, dr6, dr7, ssp;
    uint32_t eflags, smbase, revision;
    uint16_t halt_restart, io_restart;
    uint8_t nmi_blocked, shadow;
    SavedSegment seg[SEG_COUNT], ldtr, tr, gdtr, idtr;
} SmmState;

typedef struct SaveField {
    uint16_t at;     /* offset from SMBASE + 8000h */
    uint8_t size;    /* in memory */
    uint8_t length;  /* in SmmState */
    uint16_t offset; /* in SmmState */
} SaveField;

#define FIELD(at, size, member)                                               \
    {                                                                         \
        at, size, sizeof(((SmmState *)0)->member), offsetof(SmmState, member) \
    }
#define SEGMENT64(at, member)                                         \
    FIELD(at, 2, member.selector), FIELD((at) + 2, 2, member.access), \
        FIELD((at) + 4, 4, member.limit), FIELD((at) + 8, 8, member.base)
#define SEGMENT32(selector_at, at, member)                               \
    FIELD(selector_at, 2, member.selector), FIELD(at, 4, member.access), \
        FIELD((at) + 4, 4, member.limit), FIELD((at) + 8, 4, member.base)

/* Hidden parts of segments, CR4, EFER, and what held off NMI and interrupts have no architectural
 * place in the 32-bit map; the places below are among the reserved ones. */
/* clang-format off */
static const SaveField map64[] = {
    SEGMENT64(0x7e00, seg[SEG_ES]), SEGMENT64(0x7e10, seg[SEG_CS]), SEGMENT64(0x7e20, seg[SEG_SS]),
    SEGMENT64(0x7e30, seg[SEG_DS]), SEGMENT64(0x7e40, seg[SEG_FS]), SEGMENT64(0x7e50, seg[SEG_GS]),
    SEGMENT64(0x7e60, gdtr),        SEGMENT64(0x7e70, ldtr),
    SEGMENT64(0x7e80, idtr),        SEGMENT64(0x7e90, tr),
    FIELD(0x7ec8, 1, io_restart),   FIELD(0x7ec9, 1, halt_restart), FIELD(0x7ed0, 8, efer),
    FIELD(0x7eca, 1, nmi_blocked),  FIELD(0x7ecb, 1, shadow),
    FIELD(0x7efc, 4, revision),     FIELD(0x7f00, 4, smbase),       FIELD(0x7f18, 8, ssp),
    FIELD(0x7f48, 8, cr4),          FIELD(0x7f50, 8, cr3),          FIELD(0x7f58, 8, cr0),
    FIELD(0x7f60, 8, dr7),          FIELD(0x7f68, 8, dr6),
    FIELD(0x7f70, 8, eflags),       FIELD(0x7f78, 8, rip),
    FIELD(0x7f80, 8, gpr[R15]),     FIELD(0x7f88, 8, gpr[R14]),     FIELD(0x7f90, 8, gpr[R13]),
    FIELD(0x7f98, 8, gpr[R12]),     FIELD(0x7fa0, 8, gpr[R11]),     FIELD(0x7fa8, 8, gpr[R10]),
    FIELD(0x7fb0, 8, gpr[R9]),      FIELD(0x7fb8, 8, gpr[R8]),      FIELD(0x7fc0, 8, gpr[RDI]),
    FIELD(0x7fc8, 8, gpr[RSI]),     FIELD(0x7fd0, 8, gpr[RBP]),     FIELD(0x7fd8, 8, gpr[RSP]),
    FIELD(0x7fe0, 8, gpr[RBX]),     FIELD(0x7fe8, 8, gpr[RDX]),     FIELD(0x7ff0, 8, gpr[RCX]),
    FIELD(0x7ff8, 8, gpr[RAX]),
};

static const SaveField map32[] = {
    FIELD(0x7ef8, 4, smbase),       FIELD(0x7efc, 4, revision),
    FIELD(0x7f00, 2, io_restart),   FIELD(0x7f02, 2, halt_restart),
    FIELD(0x7f10, 4, efer),         FIELD(0x7f14, 4, cr4),
    FIELD(0x7f18, 1, nmi_blocked),  FIELD(0x7f19, 1, shadow),
    FIELD(0x7f54, 4, idtr.limit),   FIELD(0x7f58, 4, idtr.base),
    FIELD(0x7f70, 4, gdtr.limit),   FIELD(0x7f74, 4, gdtr.base),
    SEGMENT32(0x7fc4, 0x7f5c, tr),  SEGMENT32(0x7fc0, 0x7f78, ldtr),
    SEGMENT32(0x7fa8, 0x7f84, seg[SEG_ES]), SEGMENT32(0x7fac, 0x7f90, seg[SEG_CS]),
    SEGMENT32(0x7fb0, 0x7f9c, seg[SEG_SS]), SEGMENT32(0x7fb4, 0x7f2c, seg[SEG_DS]),
    SEGMENT32(0x7fb8, 0x7f38, seg[SEG_FS]), SEGMENT32(0x7fbc, 0x7f44, seg[SEG_GS]),
    FIELD(0x7fc8, 4, dr7),          FIELD(0x7fcc, 4, dr6),
    FIELD(0x7fd0, 4, gpr[RAX]),     FIELD(0x7fd4, 4, gpr[RCX]),     FIELD(0x7fd8, 4, gpr[RDX]),
    FIELD(0x7fdc, 4, gpr[RBX]),     FIELD(0x7fe0, 4, gpr[RSP]),     FIELD(0x7fe4, 4, gpr[RBP]),
    FIELD(0x7fe8, 4, gpr[RSI]),     FIELD(0x7fec, 4, gpr[RDI]),
    FIELD(0x7ff0, 4, rip),          FIELD(0x7ff4, 4, eflags),
    FIELD(0x7ff8, 4, cr3),          FIELD(0x7ffc, 4, cr0),
};
/* clang-format on */

typedef struct SaveMap {
    const SaveField *fields;
    unsigned count;
} SaveMap;

static SaveMap save_map(const Cpu *cpu)
{
    if (cpu_has(cpu, FEATURE_LM))
        return (SaveMap){map64, G_N_ELEMENTS(map64)};
    return (SaveMap){map32, G_N_ELEMENTS(map32)};
}

/* --- between Cpu and SmmState ---------------------------------------------------------------- */

static SavedSegment saved(const Segment *seg)
{
    return (SavedSegment){seg->base, seg->limit, seg->selector, seg->access};
}

static Segment restored(const SavedSegment *s)
{
    Segment seg = {
        .base = s->base, .limit = s->limit, .selector = s->selector, .access = s->access & 0xf0ff};
    segment_update(&seg);
    return seg;
}

static void state_from_cpu(const Cpu *cpu, SmmState *s)
{
    *s = (SmmState){
        .rip = cpu->rip,
        .eflags = eflags_get(cpu),
        .cr0 = cpu->cr0,
        .cr3 = cpu->cr3,
        .cr4 = cpu->cr4,
        .efer = cpu->efer,
        .dr6 = cpu->dr[6],
        .dr7 = cpu->dr[7],
        .ssp = cpu->ssp,
        .smbase = cpu->smbase,
        .revision = cpu_has(cpu, FEATURE_LM) ? REVISION_64 : REVISION_32,
        .halt_restart = cpu->activity == CPU_HALTED ? HALT_RESTART : 0,
        .nmi_blocked = cpu->nmi_blocked,
        .shadow = cpu->shadow,
        .ldtr = saved(&cpu->ldtr),
        .tr = saved(&cpu->tr),
        .gdtr = {.base = cpu->gdtr.base, .limit = cpu->gdtr.limit},
        .idtr = {.base = cpu->idtr.base, .limit = cpu->idtr.limit},
    };
    memcpy(s->gpr, cpu->gpr, sizeof(s->gpr));
    for (unsigned n = 0; n < SEG_COUNT; n++)
        s->seg[n] = saved(&cpu->seg[n]);
}

static void state_to_cpu(const SmmState *s, Cpu *cpu)
{
    memcpy(cpu->gpr, s->gpr, sizeof(s->gpr));
    cpu->rip = s->rip;
    cpu->cr0 = s->cr0;
    cpu->cr3 = s->cr3;
    cpu->cr4 = s->cr4;
    cpu->efer = s->efer;
    cpu->dr[6] = s->dr6;
    cpu->dr[7] = s->dr7;
    if (cpu_has(cpu, FEATURE_LM)) /* the other map has no place for it */
        cpu->ssp = s->ssp;
    for (unsigned n = 0; n < SEG_COUNT; n++)
        cpu->seg[n] = restored(&s->seg[n]);
    cpu->ldtr = restored(&s->ldtr);
    cpu->tr = restored(&s->tr);
    cpu->gdtr = (DescriptorTable){.base = s->gdtr.base, .limit = s->gdtr.limit};
    cpu->idtr = (DescriptorTable){.base = s->idtr.base, .limit = s->idtr.limit};
    cpu->smbase = s->smbase;
    eflags_set(cpu, s->eflags & (FLAGS_ARITH | FLAG_TF | FLAG_IF | FLAG_DF | FLAG_IOPL | FLAG_NT |
                                 FLAG_RF | FLAG_VM | FLAG_AC | FLAG_VIF | FLAG_VIP | FLAG_ID));
    /* The map has no CPL: in protected mode it is SS.DPL. */
    cpu->cpl = cpu->eflags & FLAG_VM                          ? 3
               : cpu->cr0 & CR0_PE && cpu->seg[SEG_SS].access ? segment_dpl(&cpu->seg[SEG_SS])
               : cpu->cr0 & CR0_PE ? selector_rpl(cpu->seg[SEG_CS].selector)
                                   : 0;
}

/* --- between SmmState and memory ------------------------------------------------------------- */

static void image_write(Cpu *cpu, const SmmState *s)
{
    uint8_t image[SAVE_SIZE] = {0};
    SaveMap map = save_map(cpu);
    for (unsigned i = 0; i < map.count; i++) {
        const SaveField *f = &map.fields[i];
        uint8_t bytes[8] = {0};
        memcpy(bytes, (const uint8_t *)s + f->offset, f->length);
        memcpy(image + f->at + SMM_ENTRY - SAVE_AREA, bytes, f->size);
    }
    address_space_write(cpu_memory(cpu), cpu->smbase + SAVE_AREA, image, SAVE_SIZE);
}

static void image_read(Cpu *cpu, SmmState *s)
{
    uint8_t image[SAVE_SIZE];
    SaveMap map = save_map(cpu);
    address_space_read(cpu_memory(cpu), cpu->smbase + SAVE_AREA, image, SAVE_SIZE);
    memset(s, 0, sizeof(*s));
    for (unsigned i = 0; i < map.count; i++) {
        const SaveField *f = &map.fields[i];
        memcpy((uint8_t *)s + f->offset, image + f->at + SMM_ENTRY - SAVE_AREA,
               MIN(f->size, f->length));
    }
}

/* --- entering -------------------------------------------------------------------------------- */

/* [SDM3] "SMM Handler Execution Environment". */
static void handler_environment(Cpu *cpu)
{
    cpu->cr0 &= ~(uint64_t)(CR0_PE | CR0_EM | CR0_TS | CR0_PG);
    cpu->cr4 = 0;
    cpu->efer = 0;
    cpu->dr[7] = DR7_FIXED;
    eflags_set(cpu, FLAG_FIXED);
    cpu->rip = SMM_ENTRY;
    cpu->cpl = 0;
    for (unsigned n = 0; n < SEG_COUNT; n++) {
        cpu->seg[n] = (Segment){.limit = UINT32_MAX,
                                .access = AR_P | AR_S | AR_WRITABLE | AR_ACCESSED | AR_G};
        segment_update(&cpu->seg[n]);
    }
    cpu->seg[SEG_CS].selector = cpu->smbase >> 4;
    cpu->seg[SEG_CS].base = cpu->smbase;
}

void smm_enter(Cpu *cpu)
{
    SmmState state;
    state_from_cpu(cpu, &state);
    cpu->smm = true;
    lock_take(cpu->bus.lock);
    image_write(cpu, &state);
    lock_release(cpu->bus.lock);
    cpu->nmi_blocked = true;
    cpu->shadow = 0;
    cpu->activity = CPU_RUNNING;
    handler_environment(cpu);
    debug_registers_changed(cpu);
    tlb_flush_all(cpu);
    cpu_update_mode(cpu);
}

/* --- leaving --------------------------------------------------------------------------------- */

/* Control register images that put the processor into shutdown. [SDM3] "Exiting From SMM". */
static bool state_valid(const Cpu *cpu, const SmmState *s)
{
    if (s->cr0 & CR0_PG && !(s->cr0 & CR0_PE))
        return false;
    if (s->cr0 & CR0_NW && !(s->cr0 & CR0_CD))
        return false;
    bool long_mode = s->efer & EFER_LME && s->cr0 & CR0_PG;
    if (long_mode && !(s->cr4 & CR4_PAE))
        return false;
    return (bool)(s->efer & EFER_LMA) == long_mode || !cpu_has(cpu, FEATURE_LM);
}

/* HLT is executed again if the handler left the request in place. */
static void restart_halt(Cpu *cpu, const SmmState *s)
{
    if (s->halt_restart & HALT_RESTART)
        cpu->activity = CPU_HALTED;
}

EXEC(RSM)
{
    if (!cpu->smm)
        raise_UD(cpu);
    SmmState state;
    lock_take(cpu->bus.lock);
    image_read(cpu, &state);
    lock_release(cpu->bus.lock);
    if (!state_valid(cpu, &state)) {
        cpu_shut_down(cpu);
        return;
    }
    state_to_cpu(&state, cpu);
    cpu->smm = false;
    cpu->nmi_blocked = state.nmi_blocked & 1;
    cpu->shadow = state.shadow & (SHADOW_STI | SHADOW_MOV_SS);
    if (cpu->shadow)
        __atomic_fetch_or(&cpu->pending, PENDING_SHADOW, __ATOMIC_RELAXED);
    if (cpu->cr0 & CR0_PG && cpu->cr4 & CR4_PAE && !(cpu->efer & EFER_LMA))
        mmu_load_pdptes(cpu, cpu->cr3);
    debug_registers_changed(cpu);
    tlb_flush_all(cpu);
    cpu_update_mode(cpu);
    restart_halt(cpu, &state);
}
