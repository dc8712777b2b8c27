/* disassemble.c - guest code for people, by capstone. */
#include <inttypes.h>

#include "ui/monitor_priv.h"

#ifdef HAVE_CAPSTONE
#include <capstone/capstone.h>

static cs_mode code_mode(const Cpu *cpu)
{
    switch (cpu->code_size) {
    case CODE_64:
        return CS_MODE_64;
    case CODE_32:
        return CS_MODE_32;
    default:
        return CS_MODE_16;
    }
}

unsigned disassemble(const Cpu *cpu, LinAddr la, const uint8_t *code, size_t size, GString *out)
{
    csh handle;
    cs_insn *insn = NULL;
    unsigned length = 1;
    if (cs_open(CS_ARCH_X86, code_mode(cpu), &handle) != CS_ERR_OK) {
        g_string_append(out, "(no disassembler)");
        return length;
    }
    if (cs_disasm(handle, code, size, la, 1, &insn) == 1) {
        g_string_append_printf(out, "%s %s", insn->mnemonic, insn->op_str);
        length = insn->size;
        cs_free(insn, 1);
    } else {
        g_string_append(out, "(bad)");
    }
    cs_close(&handle);
    return length;
}
#else
unsigned disassemble(const Cpu *cpu, LinAddr la, const uint8_t *code, size_t size, GString *out)
{
    g_string_append_printf(out, ".byte 0x%02x  (built without capstone)", code[0]);
    return 1;
}
#endif
