/* profile.h - which blocks the time goes to, by samples. Costs nothing while it is off. */
#ifndef MYNA_DBT_PROFILE_H
#define MYNA_DBT_PROFILE_H

#include "dbt/translator.h"

typedef struct Profile Profile;

Profile *profile_new(Translator *t);
void profile_free(Profile *p);

/* Samples are taken from here, on the CPU's thread, */
void profile_enter(Profile *p);
/* to here. */
void profile_leave(Profile *p);

/* Names the blocks of the samples so far: before the cache is emptied, and before printing. Nobody
 * is between enter and leave, or it is the caller. */
void profile_resolve(Profile *p);

/* No more samples; what is known stays. The CPU is parked. */
void profile_stop(Profile *p);
bool profile_is_on(const Profile *p);

/* The hottest `shown` blocks. */
void profile_print(Profile *p, unsigned shown, GString *out);

#endif
