/* model.c - CPU models and the text of -cpu. */
#include "cpu/model_priv.h"

#include "core/error.h"

enum { ALL_IMPLEMENTED = FEATURE_COUNT }; /* in a model's list of own features */

static const CpuModel models[] = {
#define MODEL(name_, desc_, family_, model_, stepping_, basic_, extended_, as_, ...) \
    {                                                                                \
        .name = name_,                                                               \
        .desc = desc_,                                                               \
        .family = family_,                                                           \
        .model = model_,                                                             \
        .stepping = stepping_,                                                       \
        .basic_leaf = basic_,                                                        \
        .extended_leaf = extended_,                                                  \
        .as = as_,                                                                   \
        .own = {__VA_ARGS__},                                                        \
    },
#include "cpu/models.def"
#undef MODEL
};
static_assert(FEATURE_COUNT < 256, "a feature fits in a byte of CpuModel.own");

static const char default_model[] = "myna64";

static const CpuModel *model_find(const char *name)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(models); i++) {
        if (!g_ascii_strcasecmp(models[i].name, name))
            return &models[i];
    }
    return NULL;
}

static void model_features(const CpuModel *model, FeatureSet *set)
{
    if (model->as)
        model_features(model_find(model->as), set);
    for (const uint8_t *own = model->own; *own != FEATURE_NONE; own++) {
        if (*own != ALL_IMPLEMENTED) {
            feature_set_on(set, *own);
            continue;
        }
        for (unsigned f = FEATURE_NONE + 1; f < FEATURE_COUNT; f++) {
            if (feature_is_implemented(f))
                feature_add(set, f);
        }
    }
}

/* EAX of leaf 1. [SDM2] CPUID, "Version Information Returned by CPUID in EAX":
 *
 *   27..20 extended family    19..16 extended model    11..8 family    7..4 model    3..0 stepping
 */
uint32_t cpu_model_signature(const CpuModel *model)
{
    unsigned family = MIN(model->family, 15);
    return (uint32_t)(model->family - family) << 20 | (model->model >> 4) << 16 | family << 8 |
           (model->model & 15) << 4 | model->stepping;
}

/* --- nearest words ------------------------------------------------------------------------- */

/* How many letters must be put in, taken out or replaced to make b of a. */
static unsigned edit_distance(const char *a, const char *b)
{
    enum { LONGEST = 63 };
    unsigned row[LONGEST + 1], columns = MIN(strlen(b), LONGEST);
    for (unsigned j = 0; j <= columns; j++)
        row[j] = j;
    for (unsigned i = 1; a[i - 1]; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= columns; j++) {
            unsigned replace = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = MIN(replace, MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[columns];
}

static const char *nearest_model(const char *word)
{
    const char *best = default_model;
    for (unsigned i = 0; i < G_N_ELEMENTS(models); i++) {
        if (edit_distance(word, models[i].name) < edit_distance(word, best))
            best = models[i].name;
    }
    return best;
}

static const char *nearest_feature(const char *word)
{
    const char *best = feature_infos[FEATURE_NONE + 1].name;
    for (unsigned f = FEATURE_NONE + 1; f < FEATURE_COUNT; f++) {
        if (edit_distance(word, feature_infos[f].name) < edit_distance(word, best))
            best = feature_infos[f].name;
    }
    return best;
}

/* --- the text ------------------------------------------------------------------------------ */

static bool feature_switch(FeatureSet *set, const char *name, bool on, GError **err)
{
    CpuFeature f = feature_find(name);
    if (f == FEATURE_NONE) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE,
                    "-cpu: unknown feature '%s'; the nearest is '%s'", name, nearest_feature(name));
        return false;
    }
    if (on && !feature_is_implemented(f)) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE, "-cpu: feature '%s' is not implemented",
                    name);
        return false;
    }
    (on ? feature_set_on : feature_set_off)(set, f);
    return true;
}

/* "+name", "-name", "name=on", "name=off" or "name" (on). */
static bool parse_item(FeatureSet *set, const char *item, GError **err)
{
    if (*item == '+' || *item == '-')
        return feature_switch(set, item + 1, *item == '+', err);
    const char *equals = strchr(item, '=');
    if (!equals)
        return feature_switch(set, item, true, err);
    bool on = !strcmp(equals, "=on");
    if (!on && strcmp(equals, "=off")) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE, "-cpu: '%s' must end in =on or =off", item);
        return false;
    }
    g_autofree char *name = g_strndup(item, equals - item);
    return feature_switch(set, name, on, err);
}

const CpuModel *cpu_model_parse(const char *text, FeatureSet *features, GError **err)
{
    g_auto(GStrv) items = g_strsplit(text ? text : default_model, ",", -1);
    const char *name = items[0] ? items[0] : "";
    const CpuModel *model = model_find(strcmp(name, "default") ? name : default_model);
    if (!model) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE,
                    "-cpu: unknown model '%s'; the nearest is '%s'", name, nearest_model(name));
        return NULL;
    }
    memset(features, 0, sizeof(*features));
    model_features(model, features);
    for (unsigned i = 1; items[0] && items[i]; i++) {
        if (!parse_item(features, items[i], err))
            return NULL;
    }
    return model;
}

void cpu_model_help(GString *out)
{
    g_string_append(out, "CPU models:\n");
    for (unsigned i = 0; i < G_N_ELEMENTS(models); i++)
        g_string_append_printf(out, "  %-10s %s\n", models[i].name, models[i].desc);
    g_string_append(out, "\nfeatures (+name, -name, name=on, name=off):\n");
    for (unsigned f = FEATURE_NONE + 1; f < FEATURE_COUNT; f++) {
        if (feature_is_implemented(f))
            g_string_append_printf(out, "  %s\n", feature_infos[f].name);
    }
}
