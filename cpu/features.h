/* features.h - the CPU features as an enumeration and a set. The rows are in features.def. */
#ifndef MYNA_CPU_FEATURES_H
#define MYNA_CPU_FEATURES_H

#include "core/types.h"

typedef enum CpuFeature {
    FEATURE_NONE,
#define FEATURE(id, name, leaf, sub, reg, bit, needs) FEATURE_##id,
#include "cpu/features.def"
#undef FEATURE
    FEATURE_COUNT,
} CpuFeature;

typedef struct FeatureSet {
    uint64_t word[(FEATURE_COUNT + 63) / 64];
} FeatureSet;

static inline bool feature_in(const FeatureSet *set, CpuFeature f)
{
    return f == FEATURE_NONE || bit_get(set->word[f / 64], f % 64);
}

static inline void feature_add(FeatureSet *set, CpuFeature f)
{
    set->word[f / 64] |= (uint64_t)1 << (f % 64);
}

static inline void feature_remove(FeatureSet *set, CpuFeature f)
{
    set->word[f / 64] &= ~((uint64_t)1 << (f % 64));
}

#endif
