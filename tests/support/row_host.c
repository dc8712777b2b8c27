/* row_host.c - the host CPU runs cases of user mode. */
#include "tests/support/row_host.h"

#include "cpu/exec.h"
#include "tests/support/judge.h"
#include "tests/support/native_state.h"
#include "tests/support/row_state.h"

RowHost *row_host_new(void)
{
    Native *native = native_new();
    uint8_t *memory = native ? native_map(native, ROW_MEMORY, ROW_MEMORY_SIZE) : NULL;
    if (!memory) {
        native_free(native);
        return NULL;
    }
    RowHost *h = g_new0(RowHost, 1);
    h->native = native;
    h->memory = memory;
    h->bench = row_bench_new(&engines[0]);
    return h;
}

void row_host_free(RowHost *h)
{
    row_bench_free(h->bench);
    native_free(h->native);
    g_free(h);
}

/* Images with system flags, pointers or selectors that are the host's own. CVTPI2PS from memory
 * makes no exception to the rules of MMX state, but AMD's processors do. */
static bool is_own(const InsnRow *row)
{
    static const char *const names[] = {"PUSHF",  "POPF",     "FNSTENV",      "FLDENV",  "FNSAVE",
                                        "FRSTOR", "PUSH_SEG", "MOV_FROM_SEG", "CVTPI2PS"};
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if (!strcmp(row->name, names[i]))
            return true;
    }
    return false;
}

bool row_host_can(const RowHost *h, const RowCase *c)
{
    Insn insn;
    const char *why = NULL;
    bool user = (c->mode == ROW_64 || (c->mode == ROW_32 && native_has_32(h->native))) &&
                c->ring == 3 && !c->conditions->len;
    if (!user || !row_decode(c, &insn))
        return false;
    const InsnRow *row = insn_row(&insn);
    if (!strcmp(row->name, "NOP") && insn.opcode == 0x0d && insn.modrm >= 0xc0)
        return false; /* or #UD */
    if (!judge_row_is_offered(row))
        return false;
    return judge_row_class(row, &why) == ROW_JUDGED && !(row->attrs & ATTR_BRANCH) &&
           !is_own(row) && insn.base != REG_IP && native_has(row->feature) &&
           (!(row->attrs & ATTR_AVX) || native_has(FEATURE_AVX));
}

void row_host_run(RowHost *h, const RowCase *c, const RowCondition *condition)
{
    RowSetup s = row_setup(c, condition);
    NativeState state;
    row_bench_prepare(h->bench, c, &s);
    h->before = h->after = *h->bench->bench->cpu;
    native_state_take(&state, &h->before);
    memcpy(h->memory_before, h->bench->bench->high.host, ROW_MEMORY_SIZE);
    memcpy(h->memory, h->memory_before, ROW_MEMORY_SIZE);
    uint8_t code[MAX_INSN_LENGTH + 1];
    for (unsigned i = 0; i < s.length; i++) /* a condition may have changed the displacement */
        code[i] = insn_bench_read(h->bench->bench, ROW_CODE + i, 1);
    bool ran = c->mode == ROW_32 ? native_run_32(h->native, code, s.length, &state)
                                 : native_run(h->native, code, s.length, &state);
    h->raise = (RowRaise){.vector = ran ? -1 : state.vector, .error = state.error};
    const uint32_t with = 1 << EXC_SS | 1 << EXC_GP | 1 << EXC_PF | 1 << EXC_AC;
    h->raise.has_error = !ran && with >> state.vector & 1;
    if (c->mode == ROW_32) {
        uint8_t xmm8[128], ymm8[128];
        NativeState before;
        native_state_take(&before, &h->before);
        memcpy(xmm8, before.image + IMAGE_XMM + 128, 128);
        memcpy(ymm8, before.image + IMAGE_YMM + 128, 128);
        memcpy(state.image + IMAGE_XMM + 128, xmm8, 128);
        memcpy(state.image + IMAGE_YMM + 128, ymm8, 128);
    }
    Fpu fpu = h->after.fpu;
    native_state_put(&state, &h->after);
    h->after.fpu.fop = fpu.fop;
    h->after.fpu.fip = fpu.fip;
    h->after.fpu.fdp = fpu.fdp;
}

/* --- printing ----------------------------------------------------------------------------------- */

/* Changed memory, in words of the operand's size. */
static void print_memory(RowHost *h, unsigned size, GString *out)
{
    unsigned step = size == 16 || size == 32 ? size : 8, first = ROW_DATA - ROW_MEMORY;
    if (size && size <= 32 && memcmp(h->memory + first, h->memory_before + first, size)) {
        g_string_append(out, " [data]=");
        row_bytes_print(out, h->memory + first, size);
        memcpy(h->memory_before + first, h->memory + first, size);
    }
    for (unsigned at = 0; at < ROW_MEMORY_SIZE; at += step) {
        if (!memcmp(h->memory + at, h->memory_before + at, step))
            continue;
        g_string_append(out, " [");
        row_address_print(out, ROW_MEMORY + at);
        g_string_append(out, "]=");
        row_bytes_print(out, h->memory + at, step);
    }
}

void row_host_print(RowHost *h, const RowCase *c, GString *out)
{
    Insn insn;
    g_assert_true(row_decode(c, &insn));
    const InsnRow *row = insn_row(&insn);
    const Operand *mem = row_memory_operand(&insn);
    if (h->raise.vector >= 0) {
        g_string_append_printf(out, " #%d", h->raise.vector);
        return;
    }
    row_state_print(out, &h->before, &h->after, c->mode);
    print_memory(h, mem ? mem->size : 0, out);
    uint32_t undefined = row_undefined_flags(&insn, &h->before);
    uint32_t flags = eflags_get(&h->after);
    if (undefined || flags != eflags_get(&h->before) || row->flags_written & FLAGS_ARITH)
        row_flags_print(out, flags, undefined);
}
