/* host.c - what the host processor can do. */
#include "dbt/host.h"

#ifdef __x86_64__
#include <asm/prctl.h>
#include <cpuid.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Kernels since Linux 5.9 let user code write the GS base. */
void host_set_gs(const void *base)
{
    enum { AT_HWCAP2_FSGSBASE = 1 << 1 };
    if (getauxval(AT_HWCAP2) & AT_HWCAP2_FSGSBASE)
        __asm__ volatile("wrgsbase %0" : : "r"(base));
    else
        syscall(SYS_arch_prctl, ARCH_SET_GS, base);
}

/* CPUID is slow where a hypervisor answers it: each leaf is asked once. */
static bool ask(const FeatureInfo *info)
{
    static uint32_t leaf = UINT32_MAX, subleaf, r[4];
    if (leaf != info->leaf || subleaf != info->subleaf) {
        leaf = info->leaf;
        subleaf = info->subleaf;
        if (!__get_cpuid_count(leaf, subleaf, &r[0], &r[1], &r[2], &r[3]))
            memset(r, 0, sizeof(r));
    }
    return bit_get(r[info->reg], info->bit);
}

static const FeatureSet *host_features(void)
{
    static FeatureSet set;
    static gsize made;
    if (g_once_init_enter(&made)) {
        for (unsigned f = FEATURE_NONE + 1; f < FEATURE_COUNT; f++)
            if (ask(&feature_infos[f]))
                feature_add(&set, f);
        g_once_init_leave(&made, 1);
    }
    return &set;
}

bool host_has_feature(CpuFeature feature)
{
    for (; feature != FEATURE_NONE; feature = feature_infos[feature].needs)
        if (!feature_in(host_features(), feature))
            return false;
    return true;
}

bool host_can_translate(void)
{
    return host_has_feature(FEATURE_BMI2) && host_has_feature(FEATURE_AVX);
}

#else

void host_set_gs(const void *base)
{
}

bool host_has_feature(CpuFeature feature)
{
    return false;
}

bool host_can_translate(void)
{
    return false;
}

#endif
