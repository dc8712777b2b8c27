/* optimizer.h - the second tier: blocks that are hot are written once more, with more care, by
 * another thread, while the CPU goes on with what it has. */
#ifndef MYNA_DBT_OPTIMIZER_H
#define MYNA_DBT_OPTIMIZER_H

#include "dbt/lift.h"
#include "dbt/translator.h"

typedef struct Optimizer Optimizer;

/* For t's CPU; never NULL. */
Optimizer *optimizer_new(Translator *t);
/* Waits for what is being written. */
void optimizer_free(Optimizer *o);

/* On the CPU's thread, in no generated code: block was seen to run. */
void optimizer_note(Optimizer *o, uint32_t block);
/* Likewise: puts into the cache what is finished. */
void optimizer_attend(Optimizer *o);
/* Until what is being written is finished. */
void optimizer_wait(Optimizer *o);
/* Is this block, which comes next, to be written again, and should the CPU show first which way it
 * goes? */
bool optimizer_awaits(const Optimizer *o, uint32_t block);
/* Has it do so, and begins to write. May raise. */
void optimizer_follow(Optimizer *o);
/* Waits for what is being written and forgets it: the cache will be emptied. */
void optimizer_abandon(Optimizer *o);

typedef struct OptimizerStats {
    uint64_t blocks;  /* put into the cache */
    uint64_t stale;   /* written in vain: their bytes or the cache had changed */
    uint64_t remade;  /* to look into the TLB where a slot did not pay */
    uint64_t emptied; /* times the hot blocks' space was full */
} OptimizerStats;
const OptimizerStats *optimizer_stats(const Optimizer *o);

/* Of a hot block that was lifted once more, to show it: makes ir what its code was written from,
 * and forgets what is being written, so that its space is free. False: it is none. */
bool optimizer_repeat(Optimizer *o, uint32_t block, IrBlock *ir);

/* The path that a hot block follows, NULL: of others. */
const LiftPath *optimizer_path(const Optimizer *o, uint32_t block);

/* Gives the checks of a block slots of their own, but for the ops in `without`, a bit each; NULL:
 * none. */
void optimizer_give_slots(IrBlock *ir, const uint64_t *without);

#endif
