/* host.h - what the host processor can do. */
#ifndef MYNA_DBT_HOST_H
#define MYNA_DBT_HOST_H

#include "cpu/features.h"

/* Is there a back end for this host? */
bool host_can_translate(void);

/* Where GS points, for the calling thread: slow. */
void host_set_gs(const void *base);

/* Does the host execute the instructions of this guest feature natively? */
bool host_has_feature(CpuFeature feature);

#endif
