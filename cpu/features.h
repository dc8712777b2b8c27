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

/* Where a feature is told, and the one other feature it cannot be without. */
typedef struct FeatureInfo {
    const char *name;
    uint32_t leaf;
    uint8_t subleaf;
    uint8_t reg; /* index into EAX EBX ECX EDX */
    uint8_t bit;
    uint8_t needs; /* CpuFeature */
} FeatureInfo;

extern const FeatureInfo feature_infos[FEATURE_COUNT];

/* By name, taking '-', '_' and '.' for the same, and the common second names (sse3, xd, abm).
 * FEATURE_NONE: unknown. */
CpuFeature feature_find(const char *name);

/* False: nothing executes it yet, so no CPU may offer it. */
bool feature_is_implemented(CpuFeature f);

/* Adds f and what it needs; removes f and what needs it. */
void feature_set_on(FeatureSet *set, CpuFeature f);
void feature_set_off(FeatureSet *set, CpuFeature f);

#endif
