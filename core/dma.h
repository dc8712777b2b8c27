/* dma.h - the ISA bus's third-party DMA, as a device with a DREQ pin sees it.
 *
 * The device holds DREQ while it has or wants bytes. Whenever DREQ is up and the channel may run
 * (programmed, unmasked), the controller calls `ready`; in it, the device moves bytes by
 * isa_dma_to_memory or isa_dma_from_memory. Terminal count (TC) is told by those. A device of a
 * board without a controller has a NULL IsaDma: nothing moves. Machine lock held throughout. */
#ifndef MYNA_CORE_DMA_H
#define MYNA_CORE_DMA_H

#include "core/types.h"

typedef struct IsaDma IsaDma;
typedef void IsaDmaReady(void *opaque);

typedef enum IsaDmaDirection { ISA_DMA_TO_MEMORY, ISA_DMA_FROM_MEMORY } IsaDmaDirection;

/* What a controller implements. */
typedef struct IsaDmaOps {
    void (*attach)(IsaDma *dma, unsigned channel, IsaDmaReady *ready, void *opaque);
    void (*request)(IsaDma *dma, unsigned channel, int level);
    size_t (*transfer)(IsaDma *dma, unsigned channel, IsaDmaDirection direction, uint8_t *bytes,
                       size_t size, bool *terminal_count);
} IsaDmaOps;

struct IsaDma {
    const IsaDmaOps *ops;
};

/* In realize: the device behind a channel. channel is 0-7 except 4, the cascade. */
static inline void isa_dma_attach(IsaDma *dma, unsigned channel, IsaDmaReady *ready, void *opaque)
{
    if (dma)
        dma->ops->attach(dma, channel, ready, opaque);
}

/* DREQ. Raising it may call `ready` before this returns. */
static inline void isa_dma_request(IsaDma *dma, unsigned channel, int level)
{
    if (dma)
        dma->ops->request(dma, channel, level);
}

/* Moves up to size bytes (even on channels 5-7) and returns how many; fewer only at terminal count
 * or if the channel cannot run. What the guest programmed decides what happens to memory: a channel
 * in verify mode or of the other direction counts, moves nothing, and gives ones. */
static inline size_t isa_dma_to_memory(IsaDma *dma, unsigned channel, const void *bytes,
                                       size_t size, bool *terminal_count)
{
    *terminal_count = false;
    if (!dma)
        return 0;
    return dma->ops->transfer(dma, channel, ISA_DMA_TO_MEMORY, (uint8_t *)bytes, size,
                              terminal_count);
}

static inline size_t isa_dma_from_memory(IsaDma *dma, unsigned channel, void *bytes, size_t size,
                                         bool *terminal_count)
{
    *terminal_count = false;
    if (!dma)
        return 0;
    return dma->ops->transfer(dma, channel, ISA_DMA_FROM_MEMORY, bytes, size, terminal_count);
}

#endif
