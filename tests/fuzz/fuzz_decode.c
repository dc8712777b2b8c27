/* fuzz_decode.c - whatever the bytes, what the decoder answers makes sense, and does not depend on
 * bytes it did not count. */
#include "cpu/decode.h"
#include "cpu/isa.h"
#include "cpu/regs.h"
#include "tests/fuzz/fuzz.h"

static void check_operand(const Insn *insn, const Operand *op)
{
    static const uint8_t registers[] = {
        [OPND_GPR] = GPR_COUNT, [OPND_GPR8H] = 4, [OPND_SEG] = SEG_COUNT, [OPND_CR] = 9,
        [OPND_DR] = 8,          [OPND_ST] = 8,    [OPND_MMX] = 8,         [OPND_VEC] = 16,
    };
    g_assert_cmpint(op->kind, <=, OPND_VEC);
    if (registers[op->kind] != 0)
        g_assert_cmpint(op->reg, <, registers[op->kind]);
    if (op->kind == OPND_NONE)
        g_assert_cmpint(op->access, ==, 0);
    if (op->kind == OPND_MEM && insn->has_moffs)
        g_assert_cmpint(insn->base, ==, REG_NONE);
}

/* Registers, sizes and segment are in range. */
static void check_insn(const Insn *insn)
{
    g_assert_cmpint(insn->row, <, insn_row_count);
    g_assert_cmpint(insn->length, >=, 1);
    g_assert_cmpint(insn->length, <=, MAX_INSN_LENGTH);
    g_assert_true(insn->opsize == 1 || insn->opsize == 2 || insn->opsize == 4 || insn->opsize == 8);
    g_assert_true(insn->addrsize == 2 || insn->addrsize == 4 || insn->addrsize == 8);
    g_assert_cmpint(insn->seg, <, SEG_COUNT);
    g_assert_cmpint(insn->scale, <=, 3);
    g_assert_true(insn->base < GPR_COUNT || insn->base == REG_NONE || insn->base == REG_IP);
    g_assert_true(insn->index < GPR_COUNT || insn->index == REG_NONE);
    for (unsigned i = 0; i < MAX_OPERANDS; i++)
        check_operand(insn, &insn->op[i]);
    char text[64];
    insn_format(insn, text, sizeof(text));
    g_assert_cmpint(text[0], !=, 0);
}

/* The bytes an answer counted are enough for it, and one fewer is not. */
static void check_length(const uint8_t *data, CodeSize mode, unsigned flags, DecodeStatus status,
                         const Insn *insn)
{
    Insn again;
    if (status == DECODE_MORE || status == DECODE_TOO_LONG)
        return;
    g_assert_cmpint(decode(data, insn->length, mode, flags, &again), ==, status);
    g_assert_true(memcmp(insn, &again, sizeof(again)) == 0);
    g_assert_cmpint(decode(data, insn->length - 1u, mode, flags, &again), ==, DECODE_MORE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    decode_init();
    for (unsigned mode = CODE_16; mode <= CODE_64; mode++)
        for (unsigned flags = 0; flags <= DECODE_REAL_OR_V86; flags++) {
            Insn insn;
            DecodeStatus status = decode(data, size, mode, flags, &insn);
            g_assert_true(status != DECODE_MORE || size < MAX_INSN_LENGTH);
            if (status == DECODE_OK)
                check_insn(&insn);
            check_length(data, mode, flags, status, &insn);
        }
    return 0;
}
