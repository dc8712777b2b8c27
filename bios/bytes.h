/* bytes.h - putting tables together byte by byte. */
#ifndef MYNA_BIOS_BYTES_H
#define MYNA_BIOS_BYTES_H

#include "core/types.h"

/* Appends `count` bytes of value, little-endian. */
static inline void put_le(GByteArray *out, uint64_t value, unsigned count)
{
    uint8_t bytes[8];

    store_le(bytes, value, count);
    g_byte_array_append(out, bytes, count);
}

/* What must be added to make the bytes' sum 0, as all firmware tables want it. */
static inline uint8_t checksum_of(const uint8_t *bytes, size_t count)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += bytes[i];
    return -sum;
}

#endif
