/* x87.c - between struct Fpu and the host's x87. [SDM1] "XSAVE Area", "x87 FPU Instruction and Data
 * (Operand) Pointers".
 *
 * XRSTOR and XSAVE move the x87 part alone; the vector registers may be the guest's. This file is
 * compiled for general registers only for that reason. */
#include "dbt/x87.h"

#include "cpu/x87.h"

#ifdef __x86_64__

/* Offsets in the area. */
enum { AREA_CW = 0, AREA_SW = 2, AREA_TAGS = 4, AREA_ST = 32, AREA_PRESENT = 512 };
enum { ST_BYTES = 16, X87_ONLY = 1 };

static void restore(const uint8_t *area)
{
    __asm__ volatile("xrstor64 %0"
                     :
                     : "m"(*(const uint8_t(*)[XSAVE_AREA_SIZE])area), "a"(X87_ONLY), "d"(0));
}

/* And leaves 037Fh in the control word and nothing on the stack. */
static void save(uint8_t *area)
{
    __asm__ volatile("xsave64 %0\n\tfninit"
                     : "+m"(*(uint8_t(*)[XSAVE_AREA_SIZE])area)
                     : "a"(X87_ONLY), "d"(0));
}

/* The area has the registers in stack order. */
static uint8_t *register_in(uint8_t *area, unsigned top, unsigned physical)
{
    return area + AREA_ST + ST_BYTES * ((physical - top) & 7);
}

void x87_load(Cpu *cpu)
{
    const Fpu *fpu = &cpu->fpu;
    uint8_t *area = translator_of(cpu)->xsave_area;
    store_le16(area + AREA_CW, fpu->cw);
    store_le16(area + AREA_SW, (fpu->sw & ~(SW_ES | SW_B)) | fpu->top << SW_TOP_SHIFT);
    store_le16(area + AREA_TAGS, fpu->valid);
    for (unsigned n = 0; n < 8; n++) {
        uint8_t *p = register_in(area, fpu->top, n);
        store_le64(p, fpu->reg[n].mant);
        store_le16(p + 8, fpu->reg[n].se);
    }
    store_le64(area + AREA_PRESENT, X87_ONLY);
    restore(area);
    cpu->jit.x87_loaded = true;
}

void x87_spill(Cpu *cpu)
{
    if (!cpu->jit.x87_loaded)
        return;
    Fpu *fpu = &cpu->fpu;
    uint8_t *area = translator_of(cpu)->xsave_area;
    save(area);
    cpu->jit.x87_loaded = false;
    uint16_t sw = load_le16(area + AREA_SW);
    fpu->cw = (load_le16(area + AREA_CW) & CW_WRITABLE) | CW_ONE;
    fpu->top = sw >> SW_TOP_SHIFT & 7;
    fpu->sw = sw & (SW_FLAGS | SW_SF | SW_CONDITIONS);
    fpu->valid = area[AREA_TAGS];
    for (unsigned n = 0; n < 8; n++) {
        const uint8_t *p = register_in(area, fpu->top, n);
        fpu->reg[n] = (F80){.mant = load_le64(p), .se = load_le16(p + 8)};
    }
    x87_settle_pointers(cpu);
}

#else

void x87_load(Cpu *cpu)
{
}

void x87_spill(Cpu *cpu)
{
}

#endif

void x87_set_pointers(Cpu *cpu)
{
    Fpu *fpu = &cpu->fpu;
    if (cpu->jit.x87_site) {
        const Translator *t = translator_of(cpu);
        const Site *site = &t->sites[cpu->jit.x87_site];
        const Insn *insn = &t->insns[site->insn - 1];
        fpu->fip = t->blocks[site->block].rip + site->delta;
        fpu->fcs = cpu->seg[SEG_CS].selector;
        fpu->fop = (insn->opcode << 8 | insn->modrm) & FOP_BITS;
        cpu->jit.x87_site = 0;
    }
    if (cpu->jit.x87_seg) {
        fpu->fds = cpu->seg[cpu->jit.x87_seg - 1].selector;
        cpu->jit.x87_seg = 0;
    }
}
