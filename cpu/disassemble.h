/* disassemble.h - x86 code for people. Built without capstone it shows bytes. */
#ifndef MYNA_CPU_DISASSEMBLE_H
#define MYNA_CPU_DISASSEMBLE_H

#include "cpu/decode.h"

typedef struct Disassembler Disassembler;

Disassembler *disassembler_new(CodeSize size);
void disassembler_free(Disassembler *d);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Disassembler, disassembler_free)

/* Appends the instruction at code as text; its length, or 1 and "(bad)" if it is none. */
unsigned disassemble(Disassembler *d, LinAddr la, const uint8_t *code, size_t size, GString *out);

#endif
