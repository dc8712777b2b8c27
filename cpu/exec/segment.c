/* exec/segment.c - instructions on segment registers, selectors, LDTR and TR.
 *
 * [SDM2] MOV, PUSH, POP, LDS/LES/LFS/LGS/LSS, LAR, LSL, VERR/VERW, ARPL, SLDT, LLDT, STR, LTR. */
#include "cpu/descriptor.h"
#include "cpu/exec.h"

/* --- segment registers ----------------------------------------------------------------------- */

/* Loading SS holds off interrupts and debug traps until the next instruction is done, so that it
 * can load the stack pointer. [SDM3] "Masking Exceptions and Interrupts When Switching Stacks". */
static void stack_shadow(Cpu *cpu)
{
    cpu->shadow = SHADOW_MOV_SS;
    __atomic_fetch_or(&cpu->pending, PENDING_SHADOW, __ATOMIC_RELAXED);
}

EXEC(MOV_TO_SEG)
{
    SegReg seg = insn->op[0].reg;
    if (seg == SEG_CS || seg >= SEG_COUNT)
        raise_UD(cpu);
    segment_load(cpu, seg, op_read(cpu, insn, 1));
    if (seg == SEG_SS)
        stack_shadow(cpu);
}

EXEC(MOV_FROM_SEG)
{
    SegReg seg = insn->op[1].reg;
    if (seg >= SEG_COUNT)
        raise_UD(cpu);
    op_write(cpu, insn, 0, cpu->seg[seg].selector);
}

EXEC(PUSH_SEG)
{
    stack_push(cpu, cpu->seg[insn->op[0].reg].selector, insn->opsize);
}

/* The pointer moves by the size of the old stack, after the load can no longer fault. */
EXEC(POP_SEG)
{
    SegReg seg = insn->op[0].reg;
    unsigned stack_size = cpu->stack_size;
    uint64_t sp = stack_pointer(cpu);
    uint16_t selector = seg_load(cpu, SEG_SS, sp, insn->opsize);
    segment_load(cpu, seg, selector);
    gpr_write(cpu, RSP, stack_size, sp + insn->opsize);
    if (seg == SEG_SS)
        stack_shadow(cpu);
}

/* A far pointer in memory: offset of opsize bytes, then the selector. */
static void load_far_pointer(Cpu *cpu, const Insn *insn, SegReg seg)
{
    LinAddr la = insn_linear(cpu, insn, insn->opsize + 2, ACCESS_READ);
    LinAddr selector_la = la + insn->opsize;
    if (!cpu_is_long(cpu))
        selector_la = (uint32_t)selector_la;
    uint64_t offset = mem_load(cpu, la, insn->opsize);
    segment_load(cpu, seg, mem_load(cpu, selector_la, 2));
    gpr_write(cpu, insn->op[0].reg, insn->opsize, offset);
}

EXEC(LDS)
{
    load_far_pointer(cpu, insn, SEG_DS);
}

EXEC(LES)
{
    load_far_pointer(cpu, insn, SEG_ES);
}

EXEC(LFS)
{
    load_far_pointer(cpu, insn, SEG_FS);
}

EXEC(LGS)
{
    load_far_pointer(cpu, insn, SEG_GS);
}

/* No interrupt shadow: LSS loads the pointer itself. */
EXEC(LSS)
{
    load_far_pointer(cpu, insn, SEG_SS);
}

/* --- looking at selectors -------------------------------------------------------------------- */

static void set_zf(Cpu *cpu, bool zf)
{
    flags_replace(cpu, zf ? FLAG_ZF : 0, FLAG_ZF);
}

/* Types of system descriptors LAR and LSL accept, as bit sets. [SDM2] LAR, LSL: tables of types. */
enum {
    LAR_TYPES = 1 << DESC_TSS16_AVAILABLE | 1 << DESC_LDT | 1 << DESC_TSS16_BUSY |
                1 << DESC_CALL_GATE16 | 1 << DESC_TASK_GATE | 1 << DESC_TSS_AVAILABLE |
                1 << DESC_TSS_BUSY | 1 << DESC_CALL_GATE,
    LSL_TYPES = 1 << DESC_TSS16_AVAILABLE | 1 << DESC_LDT | 1 << DESC_TSS16_BUSY |
                1 << DESC_TSS_AVAILABLE | 1 << DESC_TSS_BUSY,
    LAR_TYPES_LMA = 1 << DESC_LDT | 1 << DESC_TSS_AVAILABLE | 1 << DESC_TSS_BUSY |
                    1 << DESC_CALL_GATE,
    LSL_TYPES_LMA = 1 << DESC_LDT | 1 << DESC_TSS_AVAILABLE | 1 << DESC_TSS_BUSY,
};

/* Fetches the descriptor if the selector is inside its table and visible at CPL and RPL. */
static bool visible_descriptor(Cpu *cpu, uint16_t selector, Descriptor *d)
{
    if (selector_is_null(selector) || !descriptor_fetch(cpu, selector, d))
        return false;
    unsigned dpl = descriptor_dpl(d);
    return descriptor_is_conforming(d) || (cpu->cpl <= dpl && selector_rpl(selector) <= dpl);
}

static bool visible_of_types(Cpu *cpu, uint16_t selector, unsigned system_types, Descriptor *d)
{
    return visible_descriptor(cpu, selector, d) &&
           (!descriptor_is_system(d) || bit_get(system_types, descriptor_type(d)));
}

/* [SDM2] LAR: the second doubleword of the descriptor, with base and limit masked out. */
EXEC(LAR)
{
    Descriptor d;
    uint16_t selector = op_read(cpu, insn, 1);
    bool valid = visible_of_types(cpu, selector, cpu_is_lma(cpu) ? LAR_TYPES_LMA : LAR_TYPES, &d);
    if (valid)
        op_write(cpu, insn, 0, d.low >> 32 & 0xf0ff00);
    set_zf(cpu, valid);
}

EXEC(LSL)
{
    Descriptor d;
    uint16_t selector = op_read(cpu, insn, 1);
    bool valid = visible_of_types(cpu, selector, cpu_is_lma(cpu) ? LSL_TYPES_LMA : LSL_TYPES, &d);
    if (valid)
        op_write(cpu, insn, 0, descriptor_limit(&d));
    set_zf(cpu, valid);
}

EXEC(VERR)
{
    Descriptor d;
    uint16_t selector = op_read(cpu, insn, 0);
    set_zf(cpu, visible_descriptor(cpu, selector, &d) && descriptor_is_readable(&d));
}

EXEC(VERW)
{
    Descriptor d;
    uint16_t selector = op_read(cpu, insn, 0);
    set_zf(cpu, visible_descriptor(cpu, selector, &d) && descriptor_is_writable_data(&d));
}

/* The segment must be writable; a page that needs no adjustment is only read. */
EXEC(ARPL)
{
    if (insn->op[0].kind == OPND_MEM)
        insn_linear(cpu, insn, 2, ACCESS_WRITE);
    uint16_t rpl = selector_rpl(op_read(cpu, insn, 1)), dest = op_read(cpu, insn, 0);
    Rmw m;
    bool adjust = selector_rpl(dest) < rpl;
    if (!adjust) {
        set_zf(cpu, false);
        return;
    }
    do {
        dest = rmw_begin(cpu, insn, &m);
        adjust = selector_rpl(dest) < rpl;
    } while (adjust && !rmw_commit(cpu, insn, &m, selector_with_rpl(dest, rpl)));
    set_zf(cpu, adjust);
}

/* --- LDTR and TR ----------------------------------------------------------------------------- */

/* [SDM3] "User-Mode Instruction Prevention". */
static void check_umip(Cpu *cpu)
{
    if (cpu->cr4 & CR4_UMIP && cpu->cpl > 0)
        raise_GP(cpu, 0);
}

EXEC(SLDT)
{
    check_umip(cpu);
    op_write(cpu, insn, 0, cpu->ldtr.selector);
}

EXEC(STR)
{
    check_umip(cpu);
    op_write(cpu, insn, 0, cpu->tr.selector);
}

/* The GDT's system descriptor for LLDT and LTR; what follows its type is checked by the caller. */
static Descriptor system_descriptor(Cpu *cpu, uint16_t selector)
{
    Descriptor d;
    if (selector & SELECTOR_TI)
        raise_GP(cpu, selector_error(selector, 0));
    descriptor_require_system(cpu, selector, EXC_GP, 0, &d);
    if (!descriptor_is_system(&d) || !descriptor_high_is_valid(&d))
        raise_GP(cpu, selector_error(selector, 0));
    return d;
}

static void check_present(Cpu *cpu, const Descriptor *d, uint16_t selector)
{
    if (!descriptor_present(d))
        raise_NP(cpu, selector_error(selector, 0));
    if (cpu_is_lma(cpu) && !cpu_is_canonical_base(cpu, descriptor_base(d)))
        raise_GP(cpu, selector_error(selector, 0));
}

EXEC(LLDT)
{
    uint16_t selector = op_read(cpu, insn, 0);
    if (selector_is_null(selector)) {
        cpu->ldtr = segment_null(selector);
        return;
    }
    Descriptor d = system_descriptor(cpu, selector);
    if (descriptor_type(&d) != DESC_LDT)
        raise_GP(cpu, selector_error(selector, 0));
    check_present(cpu, &d, selector);
    cpu->ldtr = descriptor_segment(&d, selector);
}

EXEC(LTR)
{
    uint16_t selector = op_read(cpu, insn, 0);
    if (selector_is_null(selector))
        raise_GP(cpu, 0);
    Descriptor d = system_descriptor(cpu, selector);
    unsigned type = descriptor_type(&d);
    if (type != DESC_TSS_AVAILABLE && (type != DESC_TSS16_AVAILABLE || cpu_is_lma(cpu)))
        raise_GP(cpu, selector_error(selector, 0));
    check_present(cpu, &d, selector);
    descriptor_set_busy(cpu, &d, true);
    cpu->tr = descriptor_segment(&d, selector);
}
