/* profile.h - which blocks the time goes to, by samples. */
#ifndef MYNA_DBT_PROFILE_H
#define MYNA_DBT_PROFILE_H

#include "dbt/sampler.h"
#include "dbt/translator.h"

typedef struct Profile Profile;

Profile *profile_new(Translator *t);
void profile_free(Profile *p);

/* A sample at code offset `at`, in a block or in none (0); samples that were lost. */
void profile_count(Profile *p, uint32_t at, uint32_t block);
void profile_count_lost(Profile *p, unsigned samples);

/* No more samples; what is known stays. */
void profile_stop(Profile *p);
bool profile_is_on(const Profile *p);

/* The hottest `shown` blocks. */
void profile_print(Profile *p, unsigned shown, GString *out);

#endif
