/* settle.c - clears flags in the image that the host's processor left as it likes
 * (dbt/lift_counted.c). */
#include "dbt/x64/emit.h"

#define FLAG_IMAGE    x64_cpu(offsetof(Cpu, jit.flags))
#define FLAG_IMAGE_AH x64_cpu(offsetof(Cpu, jit.flags) + 1)

/* A shift by nothing has left the flags as they were. */
static uint32_t skip_if_no_count(Asm *a, unsigned size)
{
    asm_modrm(a, OP1(0xf6), (HostWidth){0}, 0, rm_reg(HOST_RCX)); /* test cl, imm8 */
    asm_byte(a, size == 8 ? 63 : 31);
    return asm_jcc(a, COND_E, 0);
}

void emit_settle(Emit *e, const IrOp *op)
{
    Asm *a = &e->a;
    unsigned flags = op->imm & e->ir->live[e->at_op];
    emit_row_flags(e);
    if (!flags)
        return;
    emit_flags_to_image(e);
    uint32_t skip = op->src == RCX ? skip_if_no_count(a, op->size) : 0;
    if (flags & ~FLAG_OF) {
        asm_modrm(a, OP1(0x80), (HostWidth){0}, 4, FLAG_IMAGE_AH); /* and byte [image+1], imm8 */
        asm_byte(a, ~flags);
    }
    if (flags & FLAG_OF)
        asm_store_imm(a, 1, FLAG_IMAGE, 0);
    if (skip)
        asm_patch(a, skip, a->at);
    e->flags = FLAGS_IN_IMAGE;
}
