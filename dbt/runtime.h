/* runtime.h - between the files that run translated code: the dispatcher (runtime.c), what it finds
 * or makes (translate.c), and the interpreter's door (door.c). */
#ifndef MYNA_DBT_RUNTIME_H
#define MYNA_DBT_RUNTIME_H

#include "cpu/mmu.h"
#include "dbt/translator.h"

/* Arithmetic flags, between the interpreter's form and the image that generated code has. */
void flags_from_image(Cpu *cpu);
void flags_to_image(Cpu *cpu);

/* What is added to rip for a linear address. */
static inline LinAddr code_base(const Cpu *cpu)
{
    return cpu->mode == CPU_LONG ? 0 : cpu->seg[SEG_CS].base;
}

static inline LinAddr next_page(LinAddr la)
{
    return (la & ~PAGE_MASK) + PAGE_SIZE;
}

/* In counted runs insn_count and budget move together; their sum is the end of the run. */
static inline void settle_count(const Translator *t, Cpu *cpu)
{
    if (t->counted)
        cpu->insn_count = t->run_limit - cpu->jit.budget;
}

/* Jump cache entries and page numbers are of one mode. */
void prepare_context(Cpu *cpu, uint32_t key);

/* Tells the context what page is mapped at la, for exits to it. */
void note_page(Translator *t, Cpu *cpu, LinAddr la, const uint8_t *page);

/* As the block at CS:rip was lifted; false: its bytes are not there. */
bool lift_again(const Translator *t, Cpu *cpu, uint32_t block, IrBlock *ir);

/* The block at CS:rip, which may be `likely`; 0: the interpreter must do this one. May raise. */
uint32_t find_block(Translator *t, Cpu *cpu, uint32_t key, uint32_t likely);

#endif
