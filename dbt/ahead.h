/* ahead.h - memory that grows, got from the host before it is wanted.
 *
 * A page that the host gives for the first time costs it a microsecond or more, as much as
 * translating ten instructions: another thread has it given. To wake that thread costs as much as
 * ten pages, so that it is given large pieces. */
#ifndef MYNA_DBT_AHEAD_H
#define MYNA_DBT_AHEAD_H

#include "core/types.h"

/* Memory that is used from its start on. */
typedef struct Ahead {
    uint8_t *start;
    uint8_t *alias; /* where it is mapped once more, to be read; NULL: nowhere */
    size_t size;    /* bytes */
    size_t piece;   /* bytes that are asked for at once: whole pages */
    size_t asked;   /* so many from the start the host has been asked for */
} Ahead;

/* Asks for the next ones. */
void ahead_ask(Ahead *a);

/* So many bytes are in use: there shall be half a piece more. */
static inline void ahead_used(Ahead *a, size_t bytes)
{
    if (UNLIKELY(bytes + a->piece / 2 > a->asked && a->asked < a->size))
        ahead_ask(a);
}

/* Waits until nothing that was asked for is under way: before it is unmapped. */
void ahead_finish(void);

#endif
