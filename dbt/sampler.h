/* sampler.h - where a CPU's thread is, asked every millisecond of its processor time. */
#ifndef MYNA_DBT_SAMPLER_H
#define MYNA_DBT_SAMPLER_H

#include "core/types.h"

typedef struct Sampler Sampler;

/* Samples of code in [code, code+size) make *poll non-zero, so that somebody takes them. */
Sampler *sampler_new(const uint8_t *code, uint32_t size, uint32_t *poll);
void sampler_free(Sampler *s);

/* From here on this thread's samples are s's, */
void sampler_enter(Sampler *s);
/* until here. */
void sampler_leave(void);

enum { SAMPLES_KEPT = 256, SAMPLE_OUTSIDE = UINT32_MAX };

/* Moves the samples so far to `at`, which has room for SAMPLES_KEPT: offsets in the code, or
 * SAMPLE_OUTSIDE. How many; *lost: those that did not fit, since the last time. Nobody is between
 * enter and leave, or it is the caller. */
unsigned sampler_take(Sampler *s, uint32_t *at, unsigned *lost);

#endif
