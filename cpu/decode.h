/* decode.h - bytes to Insn. The only decoder: interpreter, translator, disassembler and tests use
 * it.
 *
 * [SDM2] "Instruction Format", "Opcode Map". */
#ifndef MYNA_CPU_DECODE_H
#define MYNA_CPU_DECODE_H

#include "cpu/insn.h"

typedef enum CodeSize { CODE_16, CODE_32, CODE_64 } CodeSize;

typedef enum DecodeStatus {
    DECODE_OK,
    DECODE_MORE,     /* valid so far, needs more bytes than given */
    DECODE_INVALID,  /* #UD; insn->length = the bytes looked at */
    DECODE_TOO_LONG, /* longer than 15 bytes: #GP(0) */
} DecodeStatus;

typedef enum DecodeFlags {
    DECODE_REAL_OR_V86 =
        1 << 0, /* real or V86 mode: PROT rows and VEX are #UD, C4/C5 are LES/LDS */
} DecodeFlags;

/* Decodes the instruction at bytes[0..available). Never reads past `available`. Everything that
 * depends only on bytes and mode is decided here (#UD for LOCK misuse, I64 rows, reserved groups);
 * CPUID gating, privilege and CR0/CR4 rules are the executor's. On DECODE_OK every field but exec
 * and handler_data is set. For 64-bit code, far and near branch displacements are sign extended,
 * and opsize reflects D64/F64. */
DecodeStatus decode(const uint8_t *bytes, size_t available, CodeSize mode, unsigned flags,
                    Insn *insn);

/* Builds the lookup tables from the rows; called once before decode (idempotent, thread safe). */
void decode_init(void);

/* One line of Intel-syntax text from our own tables, without addresses resolved (for dumps in
 * tests; people see capstone's). The buffer gets at most size bytes. */
void insn_format(const Insn *insn, char *buffer, size_t size);

#endif
