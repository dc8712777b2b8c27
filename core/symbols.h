/* symbols.h - names for guest addresses, from a kernel's symbol table. */
#ifndef MYNA_CORE_SYMBOLS_H
#define MYNA_CORE_SYMBOLS_H

#include "core/types.h"

typedef struct Symbols Symbols;

/* Reads an ELF file's symbol table, or text of lines "ADDRESS TYPE NAME": System.map,
 * /proc/kallsyms, nm. */
Symbols *symbols_load(const char *path, GError **err) G_GNUC_WARN_UNUSED_RESULT;
Symbols *symbols_from_text(const char *text);
/* NULL: the bytes are no ELF file, or it has no symbol table. */
Symbols *symbols_from_elf(const uint8_t *data, size_t size);
void symbols_free(Symbols *symbols);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Symbols, symbols_free)

size_t symbols_count(const Symbols *symbols);

/* The name of what holds address, and how far into it; NULL if nothing near does. */
const char *symbols_find(const Symbols *symbols, uint64_t address, uint64_t *offset);

/* Appends "name", "name+0x12" or, if symbols is NULL or knows none, "0x...". */
void symbols_print(const Symbols *symbols, uint64_t address, GString *out);

#endif
