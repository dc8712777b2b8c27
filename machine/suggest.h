/* suggest.h - the nearest right spelling of a misspelt word, for error messages. */
#ifndef MYNA_MACHINE_SUGGEST_H
#define MYNA_MACHINE_SUGGEST_H

#include "core/types.h"

/* Edits (insert, delete, replace, swap of neighbours) that turn a into b, without regard to case.
 */
unsigned suggest_distance(const char *a, const char *b);

/* The word nearest to `word` in a NULL-terminated list; NULL if none is near enough to be meant. */
const char *suggest_nearest(const char *word, const char *const *words);

#endif
