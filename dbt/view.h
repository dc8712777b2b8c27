/* view.h - translated blocks for people: the log's and the monitor's. */
#ifndef MYNA_DBT_VIEW_H
#define MYNA_DBT_VIEW_H

#include "core/symbols.h"
#include "cpu/disassemble.h"
#include "dbt/translator.h"

/* A block with all there is to say about it. */
typedef struct View {
    const Translator *t;
    const IrBlock *ir;
    const Block *block;
    const GArray *marks;  /* of Mark; NULL: code in one piece */
    uint32_t marks_entry; /* the block's entry where the marks were made */
    Disassembler *guest, *host;
} View;

/* Texts, each ending in a newline. */
void view_guest(const View *v, GString *out); /* in_asm */
void view_ir(const View *v, GString *out);    /* ir */
void view_host(const View *v, GString *out);  /* out_asm */
void view_meta(const View *v, GString *out);  /* meta */
void view_beside(const View *v,
                 GString *out); /* each guest instruction, its IR beside its host code */

/* Logs what -d asks for: before the block's code is written, and after. */
void view_before(IrBlock *ir);
void view_after(Translator *t, IrBlock *ir, uint32_t block);
/* Instead of view_after, if it is not to be used. */
void view_forget(IrBlock *ir);

/* --- view_host.c ----------------------------------------------------------------------------------- */

/* Appends the host instruction at code offset `at`, with names for where it jumps and what it
 * reaches; its length. */
unsigned view_host_line(const View *v, uint32_t at, GString *out);

/* The next mark at or behind code offset `at`; its offset, or the block's end. */
uint32_t view_next_mark(const View *v, uint32_t at, const Mark **mark);

/* "exit 12", "miss 3": the mark's name. */
void view_mark_name(const Mark *mark, GString *out);

/* --- blocks by place -------------------------------------------------------------------------------- */

/* The block whose code holds code offset `at`; 0: none does. */
uint32_t view_block_of_code(const Translator *t, uint32_t at);

/* The first site of a block, which may have none. */
uint32_t view_first_site(const Translator *t, uint32_t block);

/* Host instructions in [from, to). */
unsigned view_count_host(const Translator *t, Disassembler *d, uint32_t from, uint32_t to);

#endif
