/* x87_control.c - control and status word, environment and state images, and pending exceptions.
 *
 * [SDM1] "x87 FPU Control Instructions", "Saving the x87 FPU's State"; [SDM2] FSTENV, FSAVE,
 * FXSAVE; [SDM3] "x87 FPU Exception Handling Using External Interrupts".
 */
#include "cpu/exec/x87_priv.h"

/* --- exceptions in waiting ------------------------------------------------------------------- */

/* FERR# follows ES while CR0.NE is clear; the board turns it into IRQ 13. */
static void drive_ferr(Cpu *cpu, bool pending)
{
    int level = pending && !(cpu->cr0 & CR0_NE);
    if (cpu->bus.ferr.level == level) {
        return;
    }
    lock_take(cpu->bus.lock);
    irq_set(&cpu->bus.ferr, level);
    lock_release(cpu->bus.lock);
}

void x87_update_summary(Cpu *cpu)
{
    bool pending = cpu->fpu.sw & ~cpu->fpu.cw & SW_FLAGS;
    cpu->fpu.sw = (uint16_t)((cpu->fpu.sw & ~(SW_ES | SW_B)) | (pending ? SW_ES | SW_B : 0));
    drive_ferr(cpu, pending);
}

void x87_check_pending(Cpu *cpu)
{
    if (LIKELY(!(cpu->fpu.sw & SW_ES))) {
        return;
    }
    if (cpu->cr0 & CR0_NE) {
        cpu_raise(cpu, EXC_MF, 0);
    }
    drive_ferr(cpu, true);
}

/* [SDM2] WAIT: the exception was reported before it, as before every waiting instruction. */
EXEC(FWAIT)
{
}

/* --- control and status ---------------------------------------------------------------------- */

static void set_control(Cpu *cpu, uint16_t cw)
{
    cpu->fpu.cw = (cw & CW_WRITABLE) | CW_ONE;
}

uint16_t x87_status(const Cpu *cpu)
{
    return (uint16_t)(cpu->fpu.sw | cpu->fpu.top << SW_TOP_SHIFT);
}

static void set_status(Cpu *cpu, uint16_t sw)
{
    cpu->fpu.top = sw >> SW_TOP_SHIFT & 7;
    cpu->fpu.sw = sw & ~(7 << SW_TOP_SHIFT);
}

void x87_init(Cpu *cpu)
{
    Fpu *fpu = &cpu->fpu;
    fpu->cw = CW_INIT;
    fpu->sw = 0;
    fpu->top = 0;
    fpu->valid = 0;
    fpu->fop = fpu->fcs = fpu->fds = 0;
    fpu->fip = fpu->fdp = 0;
    x87_update_summary(cpu);
}

EXEC(FNINIT)
{
    x87_init(cpu);
}

EXEC(FNCLEX)
{
    cpu->fpu.sw &= ~(SW_FLAGS | SW_SF);
    x87_update_summary(cpu);
}

EXEC(FLDCW)
{
    set_control(cpu, (uint16_t)op_read(cpu, insn, 0));
    x87_update_summary(cpu);
}

EXEC(FNSTCW)
{
    op_write(cpu, insn, 0, cpu->fpu.cw);
}

EXEC(FNSTSW)
{
    op_write(cpu, insn, 0, x87_status(cpu));
}

/* --- tags ------------------------------------------------------------------------------------ */

enum { TAG_VALID, TAG_ZERO, TAG_SPECIAL, TAG_EMPTY };

static unsigned register_tag(F80 v)
{
    unsigned exponent = v.se & 0x7fff;
    if (exponent == 0 && v.mant == 0) {
        return TAG_ZERO;
    }
    return exponent == 0 || exponent == 0x7fff || !(v.mant >> 63) ? TAG_SPECIAL : TAG_VALID;
}

/* Two bits for each physical register. */
uint16_t x87_tag_word(const Cpu *cpu)
{
    unsigned tags = 0;
    for (unsigned n = 0; n < 8; n++) {
        bool valid = cpu->fpu.valid >> n & 1;
        tags |= (valid ? register_tag(cpu->fpu.reg[n]) : TAG_EMPTY) << (2 * n);
    }
    return (uint16_t)tags;
}

void x87_set_tag_word(Cpu *cpu, uint16_t tags)
{
    cpu->fpu.valid = 0;
    for (unsigned n = 0; n < 8; n++) {
        cpu->fpu.valid |= (uint8_t)(((tags >> (2 * n) & 3) != TAG_EMPTY) << n);
    }
}

/* --- the environment: FSTENV, FLDENV, FSAVE, FRSTOR ------------------------------------------ */

/* Seven fields of 2 or 4 bytes. [SDM1] "x87 FPU State Image Format": the last four differ between
 * protected mode (pointers with selectors) and real and V86 mode (linear addresses). */
enum { ENV_CW, ENV_SW, ENV_TAGS, ENV_IP, ENV_IP_HIGH, ENV_DP, ENV_DP_HIGH, ENV_FIELDS };

typedef struct Image {
    uint8_t bytes[108];
    unsigned field_size; /* 2 or 4 */
} Image;

static unsigned environment_size(const Image *image)
{
    return ENV_FIELDS * image->field_size;
}

static unsigned state_size(const Image *image)
{
    return environment_size(image) + 8 * 10;
}

static Image image_for(const Insn *insn)
{
    return (Image){.field_size = insn->opsize == 2 ? 2 : 4};
}

static void put_field(Image *image, unsigned field, uint64_t v)
{
    store_le(image->bytes + field * image->field_size, v, image->field_size);
}

static uint32_t get_field(const Image *image, unsigned field)
{
    return (uint32_t)load_le(image->bytes + field * image->field_size, image->field_size);
}

static void put_protected_pointers(const Cpu *cpu, Image *image)
{
    const Fpu *fpu = &cpu->fpu;
    put_field(image, ENV_IP, fpu->fip);
    put_field(image, ENV_IP_HIGH, fpu->fcs | (uint32_t)fpu->fop << 16);
    put_field(image, ENV_DP, fpu->fdp);
    put_field(image, ENV_DP_HIGH, fpu->fds | 0xffff0000u);
}

static void get_protected_pointers(Cpu *cpu, const Image *image)
{
    Fpu *fpu = &cpu->fpu;
    fpu->fip = get_field(image, ENV_IP);
    fpu->fcs = (uint16_t)get_field(image, ENV_IP_HIGH);
    fpu->fdp = get_field(image, ENV_DP);
    fpu->fds = (uint16_t)get_field(image, ENV_DP_HIGH);
    if (image->field_size == 4) {
        fpu->fop = get_field(image, ENV_IP_HIGH) >> 16 & FOP_BITS;
    }
}

/* The upper bits of a linear address stand from bit 12 of the field after it. */
static void put_real_pointers(const Cpu *cpu, Image *image)
{
    const Fpu *fpu = &cpu->fpu;
    uint32_t ip = (uint32_t)(fpu->fip + ((uint32_t)fpu->fcs << 4));
    uint32_t dp = (uint32_t)(fpu->fdp + ((uint32_t)fpu->fds << 4));
    put_field(image, ENV_IP, ip & 0xffff);
    put_field(image, ENV_IP_HIGH, (ip >> 16) << 12 | fpu->fop);
    put_field(image, ENV_DP, dp & 0xffff);
    put_field(image, ENV_DP_HIGH, (dp >> 16) << 12);
}

static void get_real_pointers(Cpu *cpu, const Image *image)
{
    Fpu *fpu = &cpu->fpu;
    uint32_t ip_high = get_field(image, ENV_IP_HIGH), dp_high = get_field(image, ENV_DP_HIGH);
    fpu->fip = (uint16_t)get_field(image, ENV_IP) | (ip_high >> 12 & 0xffff) << 16;
    fpu->fdp = (uint16_t)get_field(image, ENV_DP) | (dp_high >> 12 & 0xffff) << 16;
    fpu->fop = ip_high & FOP_BITS;
    fpu->fcs = fpu->fds = 0;
}

static void put_environment(const Cpu *cpu, Image *image)
{
    put_field(image, ENV_CW, cpu->fpu.cw | 0xffff0000u);
    put_field(image, ENV_SW, x87_status(cpu) | 0xffff0000u);
    put_field(image, ENV_TAGS, x87_tag_word(cpu) | 0xffff0000u);
    if (cpu_is_protected(cpu)) {
        put_protected_pointers(cpu, image);
    } else {
        put_real_pointers(cpu, image);
    }
}

static void get_environment(Cpu *cpu, const Image *image)
{
    set_control(cpu, (uint16_t)get_field(image, ENV_CW));
    set_status(cpu, (uint16_t)get_field(image, ENV_SW));
    x87_set_tag_word(cpu, (uint16_t)get_field(image, ENV_TAGS));
    if (cpu_is_protected(cpu)) {
        get_protected_pointers(cpu, image);
    } else {
        get_real_pointers(cpu, image);
    }
    x87_update_summary(cpu);
}

/* Faults come before any change; where there is no plain RAM, in pieces of 2 bytes. */
static void image_write(Cpu *cpu, const Insn *insn, const Image *image, unsigned size)
{
    LinAddr la = insn_linear(cpu, insn, size, ACCESS_WRITE);
    uint8_t *host = mem_host(cpu, la, size, ACCESS_WRITE);
    if (host) {
        memcpy(host, image->bytes, size);
        return;
    }
    for (unsigned i = 0; i < size; i += 2) {
        mem_store(cpu, linear_plus(cpu, la, i), load_le16(image->bytes + i), 2);
    }
}

static void image_read(Cpu *cpu, const Insn *insn, Image *image, unsigned size)
{
    LinAddr la = insn_linear(cpu, insn, size, ACCESS_READ);
    for (unsigned i = 0; i < size; i += 2) {
        store_le16(image->bytes + i, (uint16_t)mem_load(cpu, linear_plus(cpu, la, i), 2));
    }
}

EXEC(FNSTENV)
{
    Image image = image_for(insn);
    put_environment(cpu, &image);
    image_write(cpu, insn, &image, environment_size(&image));
    cpu->fpu.cw |= CW_MASKS;
    x87_update_summary(cpu);
}

EXEC(FLDENV)
{
    Image image = image_for(insn);
    image_read(cpu, insn, &image, environment_size(&image));
    get_environment(cpu, &image);
}

EXEC(FNSAVE)
{
    Image image = image_for(insn);
    put_environment(cpu, &image);
    for (unsigned i = 0; i < 8; i++) {
        F80 v = st_get(cpu, i);
        uint8_t *p = image.bytes + environment_size(&image) + 10 * i;
        store_le64(p, v.mant);
        store_le16(p + 8, v.se);
    }
    image_write(cpu, insn, &image, state_size(&image));
    x87_init(cpu);
}

EXEC(FRSTOR)
{
    Image image = image_for(insn);
    image_read(cpu, insn, &image, state_size(&image));
    get_environment(cpu, &image);
    for (unsigned i = 0; i < 8; i++) {
        const uint8_t *p = image.bytes + environment_size(&image) + 10 * i;
        cpu->fpu.reg[st_physical(cpu, i)] = (F80){.mant = load_le64(p), .se = load_le16(p + 8)};
    }
}

/* --- FXSAVE ---------------------------------------------------------------------------------- */

/* Offsets in the area. [SDM1] "FXSAVE Area". */
enum {
    FX_CW = 0,
    FX_SW = 2,
    FX_TAGS = 4,
    FX_OP = 6,
    FX_IP = 8,
    FX_CS = 12,
    FX_DP = 16,
    FX_DS = 20,
    FX_ST = 32
};

void x87_save_image(const Cpu *cpu, uint8_t image[FXSAVE_X87_SIZE], FxPointers pointers)
{
    const Fpu *fpu = &cpu->fpu;
    store_le16(image + FX_CW, fpu->cw);
    store_le16(image + FX_SW, x87_status(cpu));
    store_le16(image + FX_TAGS, fpu->valid);
    store_le16(image + FX_OP, fpu->fop);
    if (pointers == FX_POINTERS_64) {
        store_le64(image + FX_IP, fpu->fip);
        store_le64(image + FX_DP, fpu->fdp);
    } else {
        store_le32(image + FX_IP, (uint32_t)fpu->fip);
        store_le32(image + FX_CS, fpu->fcs);
        store_le32(image + FX_DP, (uint32_t)fpu->fdp);
        store_le32(image + FX_DS, fpu->fds);
    }
    for (unsigned i = 0; i < 8; i++) {
        F80 v = st_get(cpu, i);
        store_le64(image + FX_ST + 16 * i, v.mant);
        store_le64(image + FX_ST + 16 * i + 8, v.se);
    }
}

void x87_load_image(Cpu *cpu, const uint8_t image[FXSAVE_X87_SIZE], FxPointers pointers)
{
    Fpu *fpu = &cpu->fpu;
    set_control(cpu, load_le16(image + FX_CW));
    set_status(cpu, load_le16(image + FX_SW));
    fpu->valid = image[FX_TAGS];
    fpu->fop = load_le16(image + FX_OP) & FOP_BITS;
    bool wide = pointers == FX_POINTERS_64;
    fpu->fip = load_le(image + FX_IP, wide ? 8 : 4);
    fpu->fdp = load_le(image + FX_DP, wide ? 8 : 4);
    fpu->fcs = wide ? 0 : load_le16(image + FX_CS);
    fpu->fds = wide ? 0 : load_le16(image + FX_DS);
    for (unsigned i = 0; i < 8; i++) {
        const uint8_t *p = image + FX_ST + 16 * i;
        fpu->reg[st_physical(cpu, i)] = (F80){.mant = load_le64(p), .se = load_le16(p + 8)};
    }
    x87_update_summary(cpu);
}
