/* model.h - the CPU models of -cpu: identity and feature lists. The rows are in models.def. */
#ifndef MYNA_CPU_MODEL_H
#define MYNA_CPU_MODEL_H

#include "cpu/features.h"

typedef struct CpuModel CpuModel;

/* CPUID.1:EAX, which RDX holds after reset: family, model, stepping. */
uint32_t cpu_model_signature(const CpuModel *model);

/* Parses "model,+feat,-feat,feat=on|off". NULL or "default" names the default model. The error
 * quotes what is wrong and names the nearest right word. */
const CpuModel *cpu_model_parse(const char *text, FeatureSet *features,
                                GError **err) G_GNUC_WARN_UNUSED_RESULT;

/* `-cpu help`: models, then features, one a line. */
void cpu_model_help(GString *out);

#endif
