/* features.c - the CPU features as a table, and sets of them that keep their dependencies. */
#include "cpu/features.h"

enum { EAX, EBX, ECX, EDX };

const FeatureInfo feature_infos[FEATURE_COUNT] = {
    [FEATURE_NONE] = {"none", 0, 0, 0, 0, FEATURE_NONE},
#define FEATURE(id, name, leaf, sub, reg, bit, needs) \
    [FEATURE_##id] = {name, leaf, sub, reg, bit, FEATURE_##needs},
#include "cpu/features.def"
#undef FEATURE
};

/* Named in features.def, decoded, and not executed. */
static const CpuFeature not_implemented[] = {FEATURE_CR8LEGACY};

static const struct {
    const char *name;
    CpuFeature feature;
} second_names[] = {
    {"sse3", FEATURE_SSE3},        {"xd", FEATURE_NX},           {"abm", FEATURE_LZCNT},
    {"pclmul", FEATURE_PCLMULQDQ}, {"i64", FEATURE_LM},          {"sha", FEATURE_SHA},
    {"cmpxchg8b", FEATURE_CX8},    {"cmpxchg16b", FEATURE_CX16},
};

static bool is_separator(char c)
{
    return c == '-' || c == '_' || c == '.';
}

/* Separators are equal to each other and to nothing: sse4.1, sse4_1, sse41. */
static bool names_match(const char *a, const char *b)
{
    for (;; a++, b++) {
        while (is_separator(*a))
            a++;
        while (is_separator(*b))
            b++;
        if (g_ascii_tolower(*a) != g_ascii_tolower(*b))
            return false;
        if (!*a)
            return true;
    }
}

CpuFeature feature_find(const char *name)
{
    for (unsigned f = FEATURE_NONE + 1; f < FEATURE_COUNT; f++) {
        if (names_match(name, feature_infos[f].name))
            return f;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(second_names); i++) {
        if (names_match(name, second_names[i].name))
            return second_names[i].feature;
    }
    return FEATURE_NONE;
}

bool feature_is_implemented(CpuFeature f)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(not_implemented); i++) {
        if (not_implemented[i] == f)
            return false;
    }
    return true;
}

void feature_set_on(FeatureSet *set, CpuFeature f)
{
    for (; f != FEATURE_NONE; f = feature_infos[f].needs)
        feature_add(set, f);
}

void feature_set_off(FeatureSet *set, CpuFeature f)
{
    feature_remove(set, f);
    for (unsigned other = FEATURE_NONE + 1; other < FEATURE_COUNT; other++) {
        if (feature_infos[other].needs == f && feature_in(set, other))
            feature_set_off(set, other);
    }
}
