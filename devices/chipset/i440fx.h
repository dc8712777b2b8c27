/* i440fx.h - what the board asks of the host bridge beyond the device framework. */
#ifndef MYNA_DEVICES_I440FX_H
#define MYNA_DEVICES_I440FX_H

#include "core/memory.h"

/* Memory as a CPU in system management mode sees it: SMRAM in place of the video window. */
AddressSpace *i440fx_smm_memory(void *i440fx);

#endif
