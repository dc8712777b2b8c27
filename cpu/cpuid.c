/* cpuid.c - what CPUID says. [SDM2] CPUID.
 *
 * Feature bits come from features.def; what is more than a bit (topology, caches, frequencies, the
 * saved-state area) has a function for its leaf. */
#include "cpu/exec.h"
#include "cpu/model_priv.h"
#include "cpu/xstate.h"

enum { EAX, EBX, ECX, EDX };

typedef struct Leaf {
    uint32_t number;
    void (*fill)(Cpu *cpu, uint32_t subleaf, uint32_t out[4]);
} Leaf;

/* The core crystal: LAPIC timers count it, and the TSC is a multiple. */
enum { CRYSTAL_HZ = 1000000000 };
enum { CACHE_LINE = 64 };

enum { EXTENDED = 0x80000000, HYPERVISOR_LEAF = 0x40000000 };

/* --- helpers ------------------------------------------------------------------------------- */

/* Bits needed to number n things. */
static unsigned id_bits(unsigned n)
{
    unsigned bits = 0;
    while ((1u << bits) < n)
        bits++;
    return bits;
}

static void put_text(uint32_t *out, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i += 4)
        *out++ = load_le32(text + i);
}

static bool uses_apic(Cpu *cpu)
{
    uint64_t base = 0;
    const IntcOps *ops = cpu->bus.intc_ops;
    if (!ops || !ops->read_msr)
        return false;
    lock_take(cpu->bus.lock);
    bool known = ops->read_msr(cpu->bus.intc, MSR_APIC_BASE, &base);
    lock_release(cpu->bus.lock);
    return known && bit_get(base, 11);
}

/* The highest basic leaf: the model's, or the highest that a feature of this CPU lives in. */
static uint32_t highest_basic(const Cpu *cpu)
{
    uint32_t highest = cpu->model->basic_leaf;
    for (unsigned f = FEATURE_NONE + 1; f < FEATURE_COUNT; f++) {
        uint32_t leaf = feature_infos[f].leaf;
        if (cpu_has(cpu, f) && leaf < EXTENDED && leaf > highest)
            highest = leaf;
    }
    return highest;
}

static uint32_t highest_extended(const Cpu *cpu)
{
    uint32_t highest = cpu->model->extended_leaf;
    for (unsigned f = FEATURE_NONE + 1; f < FEATURE_COUNT; f++) {
        if (cpu_has(cpu, f) && feature_infos[f].leaf > highest && feature_infos[f].leaf > EXTENDED)
            highest = MAX(feature_infos[f].leaf, EXTENDED + 8);
    }
    return highest;
}

/* --- basic leaves -------------------------------------------------------------------------- */

static void leaf_vendor(Cpu *cpu, uint32_t subleaf, uint32_t out[4])
{
    out[EAX] = highest_basic(cpu);
    out[EBX] = load_le32(&MODEL_VENDOR[0]);
    out[EDX] = load_le32(&MODEL_VENDOR[4]);
    out[ECX] = load_le32(&MODEL_VENDOR[8]);
}

/* EBX: 31..24 APIC id, 23..16 ids in the package, 15..8 CLFLUSH line in quadwords. */
static void leaf_version(Cpu *cpu, uint32_t subleaf, uint32_t out[4])
{
    out[EAX] = cpu_model_signature(cpu->model);
    out[EBX] = cpu->apic_id << 24;
    if (cpu_has(cpu, FEATURE_CLFLUSH))
        out[EBX] |= CACHE_LINE / 8 << 8;
    out[EDX] &= ~(1u << 28);
    if (cpu->cpu_count > 1) {
        out[EBX] |= 1u << id_bits(cpu->cpu_count) << 16;
        out[EDX] |= 1u << 28; /* HTT: the field above counts */
    }
    if (cpu->cr4 & CR4_OSXSAVE)
        out[ECX] |= 1u << 27;
    if (cpu_has(cpu, FEATURE_APIC) && !uses_apic(cpu))
        out[EDX] &= ~(1u << 9);
}

/* Cache descriptors: those of the Pentium II and III, or "see leaf 4". */
static void leaf_cache_descriptors(Cpu *cpu, uint32_t subleaf, uint32_t out[4])
{
    bool see_leaf_4 = highest_basic(cpu) >= 4;
    out[EAX] = see_leaf_4 ? 0x0000ff01 : 0x03020101;
    out[EDX] = see_leaf_4 ? 0 : 0x0c040843;
}

typedef struct Cache {
    uint8_t type; /* 1 data, 2 instruction, 3 unified */
    uint8_t level;
    uint16_t ways;
    uint32_t sets;
} Cache;

static const Cache caches[] = {
    /* type level ways sets */
    {1, 1, 8, 64},    /* 32 KiB */
    {2, 1, 8, 64},    /* 32 KiB */
    {3, 2, 16, 1024}, /* 1 MiB */
};

static void leaf_caches(Cpu *cpu, uint32_t subleaf, uint32_t out[4])
{
    if (subleaf >= G_N_ELEMENTS(caches))
        return;
    const Cache *cache = &caches[subleaf];
    uint32_t cores = (1u << id_bits(cpu->cpu_count)) - 1;
    out[EAX] = cores << 26 | 1 << 8 /* self initializing */ | cache->level << 5 | cache->type;
    out[EBX] = (cache->ways - 1u) << 22 | (CACHE_LINE - 1);
    out[ECX] = cache->sets - 1;
}

static void leaf_monitor(Cpu *cpu, uint32_t subleaf, uint32_t out[4])
{
    if (!cpu_has(cpu, FEATURE_MONITOR))
        return;
    out[EAX] = out[EBX] = CACHE_LINE;
    out[ECX] = 3; /* extensions are told here; interrupts break MWAIT even if masked */
}

/* One package of single-threaded cores. ECX: 15..8 kind of level, 7..0 its number. */
static void leaf_topology(Cpu *cpu, uint32_t subleaf, uint32_t out[4])
{
    enum { LEVEL_THREAD = 1, LEVEL_CORE = 2 };
    out[ECX] = subleaf & 0xff;
    out[EDX] = cpu->apic_id;
    if (subleaf == 0) {
        out[EBX] = 1;
        out[ECX] |= LEVEL_THREAD << 8;
    } else if (subleaf == 1) {
        out[EAX] = id_bits(cpu->cpu_count);
        out[EBX] = cpu->cpu_count;
        out[ECX] |= LEVEL_CORE << 8;
    }
}

/* ECX: 4 CR4.PKE is set. */
static void leaf_features(Cpu *cpu, uint32_t subleaf, uint32_t out[4])
{
    if (subleaf == 0 && cpu->cr4 & CR4_PKE)
        out[ECX] |= 1u << 4;
}

static void leaf_xsave_component(Cpu *cpu, uint32_t number, uint32_t out[4])
{
    for (const XState *x = xstates; x < xstates + XSTATE_COUNT; x++) {
        bool reachable = (xcr0_supported(cpu) | xss_supported(cpu)) & xstate_bit(x);
        if (x->number != number || !reachable)
            continue;
        out[EAX] = x->size;
        out[EBX] = x->offset;
        out[ECX] = x->kind == XSTATE_SUPERVISOR;
    }
}

static void leaf_xsave(Cpu *cpu, uint32_t subleaf, uint32_t out[4])
{
    if (!cpu_has(cpu, FEATURE_XSAVE))
        return;
    uint64_t supported = xcr0_supported(cpu), enabled = cpu->xcr0 | cpu->xss;
    if (subleaf == 0) {
        out[EAX] = supported;
        out[EBX] = xstate_area_size(cpu->xcr0, 0);
        out[ECX] = xstate_area_size(supported, 0);
        out[EDX] = supported >> 32;
    } else if (subleaf == 1) {
        if (cpu_has(cpu, FEATURE_XSAVEC))
            out[EBX] = xstate_area_size(enabled, enabled | XCOMP_COMPACT);
        out[ECX] = xss_supported(cpu);
    } else {
        leaf_xsave_component(cpu, subleaf, out);
    }
}

static uint64_t greatest_common_divisor(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* TSC frequency = crystal * EBX / EAX. */
static void leaf_tsc(Cpu *cpu, uint32_t subleaf, uint32_t out[4])
{
    uint64_t common = greatest_common_divisor(cpu->tsc_hz, CRYSTAL_HZ);
    out[EAX] = CRYSTAL_HZ / common;
    out[EBX] = cpu->tsc_hz / common;
    out[ECX] = CRYSTAL_HZ;
}

/* Base, maximum and bus frequency in MHz. */
static void leaf_frequency(Cpu *cpu, uint32_t subleaf, uint32_t out[4])
{
    out[EAX] = out[EBX] = cpu->tsc_hz / 1000000;
    out[ECX] = 100;
}

/* --- the hypervisor's leaf ----------------------------------------------------------------- */

static void leaf_hypervisor(Cpu *cpu, uint32_t subleaf, uint32_t out[4])
{
    out[EAX] = HYPERVISOR_LEAF;
    put_text(&out[EBX], "MynaMynaMyna", 12);
}

/* --- extended leaves ----------------------------------------------------------------------- */

static void leaf_extended(Cpu *cpu, uint32_t subleaf, uint32_t out[4])
{
    out[EAX] = highest_extended(cpu);
}

static void put_brand(uint32_t out[4], unsigned part)
{
    char brand[48] = MODEL_BRAND;
    put_text(out, brand + part * 16, 16);
}

static void leaf_brand_1(Cpu *cpu, uint32_t subleaf, uint32_t out[4])
{
    put_brand(out, 0);
}

static void leaf_brand_2(Cpu *cpu, uint32_t subleaf, uint32_t out[4])
{
    put_brand(out, 1);
}

static void leaf_brand_3(Cpu *cpu, uint32_t subleaf, uint32_t out[4])
{
    put_brand(out, 2);
}

/* ECX of the level 2 cache: 31..16 KiB, 15..12 associativity code, 7..0 line. */
static void leaf_l2(Cpu *cpu, uint32_t subleaf, uint32_t out[4])
{
    enum { SIXTEEN_WAYS = 8 };
    out[ECX] = 1024u << 16 | SIXTEEN_WAYS << 12 | CACHE_LINE;
}

static void leaf_address_sizes(Cpu *cpu, uint32_t subleaf, uint32_t out[4])
{
    unsigned linear = !cpu_has(cpu, FEATURE_LM) ? 32 : cpu_has(cpu, FEATURE_LA57) ? 57 : 48;
    out[EAX] = linear << 8 | cpu->phys_bits;
}

/* --- all of them --------------------------------------------------------------------------- */

static const Leaf leaves[] = {
    {0x00000000, leaf_vendor},
    {0x00000001, leaf_version},
    {0x00000002, leaf_cache_descriptors},
    {0x00000004, leaf_caches},
    {0x00000005, leaf_monitor},
    {0x00000007, leaf_features},
    {0x0000000b, leaf_topology},
    {0x0000000d, leaf_xsave},
    {0x00000015, leaf_tsc},
    {0x00000016, leaf_frequency},
    {0x40000000, leaf_hypervisor},
    {0x80000000, leaf_extended},
    {0x80000002, leaf_brand_1},
    {0x80000003, leaf_brand_2},
    {0x80000004, leaf_brand_3},
    {0x80000006, leaf_l2},
    {0x80000008, leaf_address_sizes},
};

/* A leaf above the highest is taken as the highest basic one. */
static uint32_t effective_leaf(const Cpu *cpu, uint32_t leaf)
{
    uint32_t basic = highest_basic(cpu);
    if (leaf <= basic || (leaf >= EXTENDED && leaf <= highest_extended(cpu)))
        return leaf;
    if (leaf == HYPERVISOR_LEAF && cpu_has(cpu, FEATURE_HYPERVISOR))
        return leaf;
    return basic;
}

void cpuid(Cpu *cpu, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    leaf = effective_leaf(cpu, leaf);
    bool has_subleaves = leaf == 7 || leaf == 0xd; /* elsewhere ECX means nothing to features */
    memset(out, 0, 4 * sizeof(out[0]));
    for (unsigned f = FEATURE_NONE + 1; f < FEATURE_COUNT; f++) {
        const FeatureInfo *info = &feature_infos[f];
        bool here = info->leaf == leaf && (!has_subleaves || info->subleaf == subleaf);
        if (here && cpu_has(cpu, f))
            out[info->reg] |= 1u << info->bit;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(leaves); i++) {
        if (leaves[i].number == leaf)
            leaves[i].fill(cpu, subleaf, out);
    }
}
