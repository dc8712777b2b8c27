/* host.c - what the host processor can do. */
#include "dbt/host.h"

#ifdef __x86_64__
#include <cpuid.h>
#include <sys/auxv.h>

/* The kernel lets user code write the GS base. */
static bool host_has_wrgsbase(void)
{
    enum { AT_HWCAP2_FSGSBASE = 1 << 1 };
    return getauxval(AT_HWCAP2) & AT_HWCAP2_FSGSBASE;
}

bool host_has_feature(CpuFeature feature)
{
    if (feature == FEATURE_NONE)
        return true;
    const FeatureInfo *info = &feature_infos[feature];
    unsigned r[4];
    if (!__get_cpuid_count(info->leaf, info->subleaf, &r[0], &r[1], &r[2], &r[3]))
        return false;
    return bit_get(r[info->reg], info->bit) && host_has_feature(info->needs);
}

bool host_can_translate(void)
{
    return host_has_wrgsbase() && host_has_feature(FEATURE_BMI2) && host_has_feature(FEATURE_AVX);
}

#else

bool host_has_feature(CpuFeature feature)
{
    return false;
}

bool host_can_translate(void)
{
    return false;
}

#endif
