/* lockstep.h - the interpreter beside the translator, block by block: -check lockstep. */
#ifndef MYNA_DBT_LOCKSTEP_H
#define MYNA_DBT_LOCKSTEP_H

#include "dbt/translator.h"

typedef struct LockstepStats {
    uint64_t compared, insns; /* blocks, and their instructions */
    uint64_t skipped, cut;    /* blocks that could not be compared */
} LockstepStats;

/* Compares one in so many blocks. */
Lockstep *lockstep_new(Translator *t, unsigned one_in);
void lockstep_free(Lockstep *l); /* prints how much was compared */

/* How many instructions may run before the next look. */
uint64_t lockstep_stretch(Translator *t);
/* Before the block is entered; true: it must run alone. */
bool lockstep_begin(Translator *t, Cpu *cpu, uint32_t block);
/* Generated code hands over the site's instruction: rip_start is its, flags are in cpu. */
void lockstep_door(Translator *t, const Cpu *cpu, const Site *site);
/* Generated code has been left, */
void lockstep_end(Translator *t, const Cpu *cpu);
/* or by a raise. */
void lockstep_raised(Translator *t, const Cpu *cpu);

#endif
