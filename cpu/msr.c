/* msr.c - RDMSR and WRMSR: finding the register, checking and doing. [SDM4], [SDM3] "MTRRs", "PAT",
 * "Machine-Check MSRs". The rows are in msrs.def. */
#include "cpu/exec.h"

#include <inttypes.h>

#include "core/log.h"
#include "cpu/cet.h"
#include "cpu/xstate.h"

/* Both answer false for #GP(0). `index` counts from the row's first register. */
typedef bool MsrReadFn(Cpu *cpu, uint32_t msr, unsigned index, uint64_t *value);
typedef bool MsrWriteFn(Cpu *cpu, uint32_t msr, unsigned index, uint64_t value);

typedef enum MsrKind { MSR_FIELD, MSR_ADDRESS, MSR_CONSTANT, MSR_IGNORED, MSR_FUNCTION } MsrKind;

typedef struct MsrRow {
    uint32_t first;
    uint16_t count;
    uint8_t kind;
    uint8_t feature;
    uint8_t size; /* of the field in bytes */
    uint16_t offset;
    uint64_t value; /* writable mask, or constant */
    MsrReadFn *read;
    MsrWriteFn *write;
} MsrRow;

enum {
    MTRR_VARIABLE_COUNT = 8,
    MC_BANK_COUNT = 10,
    /* MTRRCAP: 7..0 variable ranges, 8 fixed ranges, 10 write combining */
    MTRRCAP_VALUE = 1 << 10 | 1 << 8 | MTRR_VARIABLE_COUNT,
    /* MCG_CAP: 7..0 banks, 8 MCG_CTL present */
    MCG_CAP_VALUE = 1 << 8 | MC_BANK_COUNT,
    /* What speculation cannot do here: RDCL_NO, SKIP_L1DFL_VMENTRY, SSB_NO, MDS_NO,
     * IF_PSCHANGE_MC_NO, TAA_NO, SBDR_SSDP_NO, FBSDP_NO, PSDP_NO, BHI_NO, PBRSB_NO, GDS_NO,
     * RFDS_NO */
    ARCH_CAPABILITIES_VALUE = 1 << 0 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 8 | 1 << 13 |
                              1 << 14 | 1 << 15 | 1 << 20 | 1 << 24 | 1 << 26 | 1 << 27,
};

/* --- time ---------------------------------------------------------------------------------- */

static bool msr_read_tsc(Cpu *cpu, uint32_t msr, unsigned index, uint64_t *value)
{
    *value = cpu_tsc(cpu);
    return true;
}

/* Writing the counter is adding to its distance from the clock. */
static bool msr_write_tsc(Cpu *cpu, uint32_t msr, unsigned index, uint64_t value)
{
    cpu->tsc_adjust += value - cpu_tsc(cpu);
    return true;
}

static bool msr_read_tsc_adjust(Cpu *cpu, uint32_t msr, unsigned index, uint64_t *value)
{
    *value = cpu->tsc_adjust;
    return true;
}

static bool msr_write_tsc_adjust(Cpu *cpu, uint32_t msr, unsigned index, uint64_t value)
{
    cpu->tsc_adjust = value;
    return true;
}

/* --- the interrupt controller's ------------------------------------------------------------ */

static bool msr_read_intc(Cpu *cpu, uint32_t msr, unsigned index, uint64_t *value)
{
    const IntcOps *ops = cpu->bus.intc_ops;
    if (!ops || !ops->read_msr)
        return false;
    lock_take(cpu->bus.lock);
    bool ok = ops->read_msr(cpu->bus.intc, msr, value);
    lock_release(cpu->bus.lock);
    return ok;
}

static bool msr_write_intc(Cpu *cpu, uint32_t msr, unsigned index, uint64_t value)
{
    const IntcOps *ops = cpu->bus.intc_ops;
    if (!ops || !ops->write_msr)
        return false;
    lock_take(cpu->bus.lock);
    bool ok = ops->write_msr(cpu->bus.intc, msr, value);
    lock_release(cpu->bus.lock);
    return ok;
}

/* --- memory types -------------------------------------------------------------------------- */

/* UC 0, WC 1, WT 4, WP 5, WB 6; the PAT has UC- 7 too. */
static bool is_memory_type(unsigned type)
{
    return type <= 1 || (type >= 4 && type <= 6);
}

static bool all_bytes(uint64_t value, bool (*ok)(unsigned type))
{
    for (unsigned i = 0; i < 8; i++) {
        if (!ok(value >> i * 8 & 0xff))
            return false;
    }
    return true;
}

static bool is_pat_type(unsigned type)
{
    return is_memory_type(type) || type == 7;
}

static bool msr_read_pat(Cpu *cpu, uint32_t msr, unsigned index, uint64_t *value)
{
    *value = cpu->pat;
    return true;
}

static bool msr_write_pat(Cpu *cpu, uint32_t msr, unsigned index, uint64_t value)
{
    if (!all_bytes(value, is_pat_type))
        return false;
    cpu->pat = value;
    return true;
}

static bool msr_read_mtrr_variable(Cpu *cpu, uint32_t msr, unsigned index, uint64_t *value)
{
    *value = index & 1 ? cpu->mtrr_mask[index / 2] : cpu->mtrr_base[index / 2];
    return true;
}

/* Base: 7..0 type. Mask: 11 valid. Both: address bits from 12 up. */
static bool msr_write_mtrr_variable(Cpu *cpu, uint32_t msr, unsigned index, uint64_t value)
{
    uint64_t low = value & 0xfff;
    bool is_mask = index & 1;
    if (value >> cpu->phys_bits || (is_mask ? low & 0x7ff : !is_memory_type(low)))
        return false;
    (is_mask ? cpu->mtrr_mask : cpu->mtrr_base)[index / 2] = value;
    return true;
}

/* 250; 258, 259; 268 to 26F are eleven registers in a row. */
static uint64_t *mtrr_fixed(Cpu *cpu, uint32_t msr)
{
    if (msr >= MSR_MTRR_FIX4K_C0000)
        return &cpu->mtrr_fixed[3 + msr - MSR_MTRR_FIX4K_C0000];
    if (msr >= MSR_MTRR_FIX16K_80000)
        return &cpu->mtrr_fixed[1 + msr - MSR_MTRR_FIX16K_80000];
    return &cpu->mtrr_fixed[0];
}

static bool msr_read_mtrr_fixed(Cpu *cpu, uint32_t msr, unsigned index, uint64_t *value)
{
    *value = *mtrr_fixed(cpu, msr);
    return true;
}

static bool msr_write_mtrr_fixed(Cpu *cpu, uint32_t msr, unsigned index, uint64_t value)
{
    if (!all_bytes(value, is_memory_type))
        return false;
    *mtrr_fixed(cpu, msr) = value;
    return true;
}

static bool msr_read_mtrr_def_type(Cpu *cpu, uint32_t msr, unsigned index, uint64_t *value)
{
    *value = cpu->mtrr_def_type;
    return true;
}

/* 7..0 type, 10 fixed ranges on, 11 MTRRs on. */
static bool msr_write_mtrr_def_type(Cpu *cpu, uint32_t msr, unsigned index, uint64_t value)
{
    if (value & ~(uint64_t)0xcff || !is_memory_type(value & 0xff))
        return false;
    cpu->mtrr_def_type = value;
    return true;
}

/* --- machine checks ------------------------------------------------------------------------ */

static bool msr_read_mcg_ctl(Cpu *cpu, uint32_t msr, unsigned index, uint64_t *value)
{
    *value = cpu->mcg_ctl;
    return true;
}

static bool msr_write_mcg_ctl(Cpu *cpu, uint32_t msr, unsigned index, uint64_t value)
{
    if (value != 0 && value != UINT64_MAX)
        return false;
    cpu->mcg_ctl = value;
    return true;
}

static bool msr_read_mc_bank(Cpu *cpu, uint32_t msr, unsigned index, uint64_t *value)
{
    *value = cpu->mc_banks[index];
    return true;
}

/* Four registers a bank: CTL, STATUS, ADDR, MISC. CTL takes all or nothing, the others only zero.
 */
static bool msr_write_mc_bank(Cpu *cpu, uint32_t msr, unsigned index, uint64_t value)
{
    bool is_ctl = index % 4 == 0;
    if (value != 0 && !(is_ctl && value == UINT64_MAX))
        return false;
    cpu->mc_banks[index] = value;
    return true;
}

/* --- the rest ------------------------------------------------------------------------------ */

static bool msr_read_misc_enable(Cpu *cpu, uint32_t msr, unsigned index, uint64_t *value)
{
    *value = cpu->misc_enable;
    return true;
}

/* Of the many bits only fast strings (0), the thermal ones (1, 3), SpeedStep (16) and xTPR (23) are
 * kept; none does anything. The others stay as they are: this processor cannot do what they switch.
 */
static bool msr_write_misc_enable(Cpu *cpu, uint32_t msr, unsigned index, uint64_t value)
{
    const uint64_t kept = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 16 | 1 << 23;
    cpu->misc_enable = (cpu->misc_enable & ~kept) | (value & kept);
    return true;
}

static bool msr_read_smbase(Cpu *cpu, uint32_t msr, unsigned index, uint64_t *value)
{
    *value = cpu->smbase;
    return cpu->smm;
}

static bool msr_write_smbase(Cpu *cpu, uint32_t msr, unsigned index, uint64_t value)
{
    return false;
}

static bool msr_read_efer(Cpu *cpu, uint32_t msr, unsigned index, uint64_t *value)
{
    *value = cpu->efer;
    return cpu_has(cpu, FEATURE_NX) || cpu_has(cpu, FEATURE_SYSCALL) || cpu_has(cpu, FEATURE_LM);
}

static bool msr_write_efer(Cpu *cpu, uint32_t msr, unsigned index, uint64_t value)
{
    efer_write(cpu, value);
    return true;
}

/* --- control-flow enforcement -------------------------------------------------------------- */

static uint64_t *cet_register(Cpu *cpu, uint32_t msr)
{
    return msr == MSR_U_CET ? &cpu->u_cet : &cpu->s_cet;
}

/* There with either of the two features. */
static bool msr_read_cet(Cpu *cpu, uint32_t msr, unsigned index, uint64_t *value)
{
    *value = *cet_register(cpu, msr);
    return cpu_has(cpu, FEATURE_CET_SS) || cpu_has(cpu, FEATURE_CET_IBT);
}

static bool msr_write_cet(Cpu *cpu, uint32_t msr, unsigned index, uint64_t value)
{
    uint64_t present;
    if (!msr_read_cet(cpu, msr, index, &present) || !cet_control_valid(cpu, value))
        return false;
    *cet_register(cpu, msr) = value;
    cpu_update_mode(cpu);
    return true;
}

static bool msr_read_cet_ssp(Cpu *cpu, uint32_t msr, unsigned index, uint64_t *value)
{
    *value = cpu->pl_ssp[index];
    return true;
}

static bool msr_write_cet_ssp(Cpu *cpu, uint32_t msr, unsigned index, uint64_t value)
{
    if (!cet_ssp_valid(cpu, value))
        return false;
    cpu->pl_ssp[index] = value;
    return true;
}

static bool msr_read_xss(Cpu *cpu, uint32_t msr, unsigned index, uint64_t *value)
{
    *value = cpu->xss;
    return true;
}

static bool msr_write_xss(Cpu *cpu, uint32_t msr, unsigned index, uint64_t value)
{
    if (value & ~xss_supported(cpu))
        return false;
    cpu->xss = value;
    return true;
}

/* --- fields -------------------------------------------------------------------------------- */

static bool field_read(Cpu *cpu, const MsrRow *row, uint64_t *value)
{
    *value = load_le((uint8_t *)cpu + row->offset, row->size);
    return true;
}

static bool field_write(Cpu *cpu, const MsrRow *row, uint64_t value)
{
    if (value & ~row->value)
        return false;
    store_le((uint8_t *)cpu + row->offset, value, row->size);
    return true;
}

static bool address_write(Cpu *cpu, const MsrRow *row, uint64_t value)
{
    if (!cpu_has(cpu, FEATURE_LM))
        value = (uint32_t)value;
    else if (!cpu_is_canonical_base(cpu, value))
        return false;
    store_le((uint8_t *)cpu + row->offset, value, row->size);
    return true;
}

/* --- the table ----------------------------------------------------------------------------- */

#define FIELD_ROW(number, kind_, feature_, field, mask) \
    {                                                   \
        .first = number,                                \
        .count = 1,                                     \
        .kind = kind_,                                  \
        .feature = FEATURE_##feature_,                  \
        .size = sizeof(((Cpu *)0)->field),              \
        .offset = offsetof(Cpu, field),                 \
        .value = mask,                                  \
    },
#define VALUE_ROW(number, kind_, feature_, constant) \
    {                                                \
        .first = number,                             \
        .count = 1,                                  \
        .kind = kind_,                               \
        .feature = FEATURE_##feature_,               \
        .value = constant,                           \
    },
#define FIELD(number, name, feature, field, mask) FIELD_ROW(number, MSR_FIELD, feature, field, mask)
#define ADDRESS(number, name, feature, field) \
    FIELD_ROW(number, MSR_ADDRESS, feature, field, UINT64_MAX)
#define CONSTANT(number, name, feature, constant) VALUE_ROW(number, MSR_CONSTANT, feature, constant)
#define IGNORED(number, name, feature, constant)  VALUE_ROW(number, MSR_IGNORED, feature, constant)
#define FUNCTION(number, name, feature_, count_, function) \
    {                                                      \
        .first = number,                                   \
        .count = count_,                                   \
        .kind = MSR_FUNCTION,                              \
        .feature = FEATURE_##feature_,                     \
        .read = msr_read_##function,                       \
        .write = msr_write_##function,                     \
    },
static const MsrRow msr_rows[] = {
#include "cpu/msrs.def"
};

/* The rows are in ascending order: the one looked for is the last that begins at or below msr. */
static const MsrRow *msr_find(const Cpu *cpu, uint32_t msr)
{
    unsigned low = 0, high = G_N_ELEMENTS(msr_rows);
    while (high - low > 1) {
        unsigned middle = (low + high) / 2;
        if (msr_rows[middle].first <= msr)
            low = middle;
        else
            high = middle;
    }
    const MsrRow *row = &msr_rows[low];
    return msr - row->first < row->count && cpu_has(cpu, row->feature) ? row : NULL;
}

static bool row_read(Cpu *cpu, const MsrRow *row, uint32_t msr, uint64_t *value)
{
    switch ((MsrKind)row->kind) {
    case MSR_FIELD:
    case MSR_ADDRESS:
        return field_read(cpu, row, value);
    case MSR_FUNCTION:
        return row->read(cpu, msr, msr - row->first, value);
    case MSR_CONSTANT:
    case MSR_IGNORED:
        break;
    }
    *value = row->value;
    return true;
}

static bool row_write(Cpu *cpu, const MsrRow *row, uint32_t msr, uint64_t value)
{
    switch ((MsrKind)row->kind) {
    case MSR_FIELD:
        return field_write(cpu, row, value);
    case MSR_ADDRESS:
        return address_write(cpu, row, value);
    case MSR_FUNCTION:
        return row->write(cpu, msr, msr - row->first, value);
    case MSR_CONSTANT:
        return false;
    case MSR_IGNORED:
        break;
    }
    return true;
}

uint64_t msr_read(Cpu *cpu, uint32_t msr)
{
    uint64_t value = 0;
    const MsrRow *row = msr_find(cpu, msr);
    if (!row || !row_read(cpu, row, msr, &value)) {
        guest_error("cpu%u: RDMSR of %#" PRIx32 ": no such register\n", cpu->index, msr);
        raise_GP(cpu, 0);
    }
    return value;
}

void msr_write(Cpu *cpu, uint32_t msr, uint64_t value)
{
    const MsrRow *row = msr_find(cpu, msr);
    if (!row || !row_write(cpu, row, msr, value)) {
        guest_error("cpu%u: WRMSR of %#" PRIx32 " with %#" PRIx64 " refused\n", cpu->index, msr,
                    value);
        raise_GP(cpu, 0);
    }
    cpu_forget_crossings(cpu);
}
