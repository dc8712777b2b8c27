/* model_priv.h - what a CPU model is, for CPUID and the MSRs. */
#ifndef MYNA_CPU_MODEL_PRIV_H
#define MYNA_CPU_MODEL_PRIV_H

#include "cpu/model.h"

enum { MODEL_MAX_OWN_FEATURES = 64 };

struct CpuModel {
    const char *name;
    const char *desc;
    uint16_t family;
    uint8_t model;
    uint8_t stepping;
    uint32_t basic_leaf;                 /* highest of CPUID 0.. */
    uint32_t extended_leaf;              /* highest of CPUID 80000000.., 0: none */
    const char *as;                      /* the model whose features it has too, or NULL */
    uint8_t own[MODEL_MAX_OWN_FEATURES]; /* CpuFeature, up to FEATURE_NONE */
};

#define MODEL_VENDOR "GenuineIntel"
#define MODEL_BRAND  "Myna Virtual CPU"

#endif
