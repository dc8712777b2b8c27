/* i8237.h - what the board asks of the DMA controllers beyond the device framework. */
#ifndef MYNA_DEVICES_I8237_H
#define MYNA_DEVICES_I8237_H

#include "core/dma.h"

/* The link for ISA devices with a DREQ pin. */
IsaDma *i8237_isa_dma(void *i8237);

#endif
