/* disassemble.c - x86 code for people, by capstone. */
#include "cpu/disassemble.h"

#ifdef HAVE_CAPSTONE
#include <capstone/capstone.h>

struct Disassembler {
    csh handle;
    cs_insn *insn; /* NULL: capstone was built without x86 */
};

Disassembler *disassembler_new(CodeSize size)
{
    static const cs_mode modes[] = {
        [CODE_16] = CS_MODE_16, [CODE_32] = CS_MODE_32, [CODE_64] = CS_MODE_64};
    Disassembler *d = g_new0(Disassembler, 1);
    if (cs_open(CS_ARCH_X86, modes[size], &d->handle) == CS_ERR_OK)
        d->insn = cs_malloc(d->handle);
    return d;
}

void disassembler_free(Disassembler *d)
{
    if (d->insn) {
        cs_free(d->insn, 1);
        cs_close(&d->handle);
    }
    g_free(d);
}

unsigned disassemble(Disassembler *d, LinAddr la, const uint8_t *code, size_t size, GString *out)
{
    if (!d->insn || !cs_disasm_iter(d->handle, &code, &size, &la, d->insn)) {
        g_string_append(out, d->insn ? "(bad)" : "(no disassembler)");
        return 1;
    }
    g_string_append(out, d->insn->mnemonic);
    if (*d->insn->op_str)
        g_string_append_printf(out, " %s", d->insn->op_str);
    return d->insn->size;
}
#else
Disassembler *disassembler_new(CodeSize size)
{
    return NULL;
}

void disassembler_free(Disassembler *d)
{
}

unsigned disassemble(Disassembler *d, LinAddr la, const uint8_t *code, size_t size, GString *out)
{
    g_string_append_printf(out, ".byte 0x%02x  (built without capstone)", code[0]);
    return 1;
}
#endif
