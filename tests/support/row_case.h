/* row_case.h - cases of single instructions, as tests/insn/rows/ *.rows has them.
 *
 *     mode 64 ring 3
 *     let $memory = absent=#PF(4) noncanonical=#GP(0)
 *
 *     ADD rcx, [rbx] : 48 03 0b
 *         in     rbx=data rcx=7fffffffffffffff [data]=0000000000000001 CF
 *         out    rcx=8000000000000000 PF AF SF OF
 *         faults $memory lock=#UD
 *
 * A case is a text, a colon and the bytes; what must be before (`in`), all that is different after
 * (`out`), and what the same case raises under a condition (`faults`). Numbers are hexadecimal, `_`
 * in them is for the eye, and as many digits as a memory item or a vector has are its size.
 * docs/testing.md has the registers, conditions and symbols. */
#ifndef MYNA_TESTS_SUPPORT_ROW_CASE_H
#define MYNA_TESTS_SUPPORT_ROW_CASE_H

#include "cpu/cpu.h"

typedef enum RowMode { ROW_REAL, ROW_V86, ROW_32, ROW_64, ROW_MODES } RowMode;

/* Where things are in the guest; the names of rows. The host has `data` and `stack` too. */
enum {
    ROW_CODE = 0x10000,
    ROW_HANDLERS = 0x50000, /* of exceptions, 16 bytes each */
    ROW_IDT = 0x60000,
    ROW_GDT = 0x61000,
    ROW_TSS = 0x62000,
    ROW_LDT = 0x63000,
    ROW_KERNEL_STACK = 0x40000,
    ROW_MEMORY = 0x10000000, /* compared as a whole */
    ROW_MEMORY_SIZE = 0x3000,
    ROW_DATA = ROW_MEMORY + 0x800,
    ROW_STACK = ROW_MEMORY + 0x2a00,
    ROW_ABSENT = ROW_MEMORY + 0x3000, /* a page that is not there */
    ROW_READ_ONLY = ROW_MEMORY + 0x4000,
    ROW_SUPERVISOR = ROW_MEMORY + 0x5000,
    ROW_PORT = 0x70000000, /* what every port reads, and what was last written to one */
};

typedef struct RowField RowField;
typedef struct RowCondition RowCondition;

enum { ROW_VALUE_SIZE = 32 };

/* A register or memory with a value. */
typedef struct RowItem {
    const RowField *field; /* NULL: memory */
    uint64_t address;
    unsigned size;    /* bytes */
    bool approximate; /* ~: single-precision numbers, about right */
    bool any;         /* ?: whatever it becomes */
    uint8_t value[ROW_VALUE_SIZE];
} RowItem;

typedef struct RowRaise {
    int vector; /* -1: none */
    bool has_error;
    uint32_t error;
} RowRaise;

typedef struct RowFault {
    const RowCondition *condition;
    RowRaise raise; /* vector -1: the outcome is the case's own */
} RowFault;

typedef struct RowCase {
    const char *file; /* name only */
    unsigned line;
    char *text;
    uint8_t code[MAX_INSN_LENGTH + 1];
    uint8_t length;
    RowMode mode;
    unsigned ring;
    GArray *in, *out;        /* RowItem */
    GArray *conditions;      /* const RowCondition *, of the case itself */
    GArray *faults;          /* RowFault */
    uint32_t flags_in;       /* EFLAGS */
    uint32_t flags_out;      /* if told */
    uint32_t undefined;      /* the flags marked ? */
    bool has_flags, has_out; /* flags are told after; there is an `out` at all */
    RowRaise raise;
} RowCase;

/* All cases of a text; `name` is for messages. */
GPtrArray *row_text_read(const char *name, const char *text);

/* All cases of a file. Stops the test with file and line if it cannot be read. */
GPtrArray *row_file_read(const char *path);

/* All files of tests/insn/rows. */
GPtrArray *row_files_read(const char *source_dir);

void row_case_free(RowCase *c);

CodeSize row_mode_code_size(RowMode mode);

#endif
