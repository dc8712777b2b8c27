/* row_state.c - the registers that a row of test may name. */
#include "tests/support/row_state.h"

#include <inttypes.h>
#include <math.h>

#include "cpu/exec.h"
#include "cpu/x87.h"

typedef enum RowFieldKind {
    ROW_FIELD_PLAIN,
    ROW_FIELD_GPR32, /* a second name: sets all 64 bits */
    ROW_FIELD_VEC,   /* xmm: the low half; ymm: all */
    ROW_FIELD_ST,    /* relative to TOP, and then not empty */
    ROW_FIELD_MM,    /* and the x87 is in MMX state */
    ROW_FIELD_FSW,   /* with TOP */
} RowFieldKind;

struct RowField {
    const char *name;
    RowFieldKind kind;
    uint16_t offset;
    uint8_t size;
    bool listed_only; /* compared if a row lists it */
    bool by_delivery; /* changed by the delivery of an exception */
};

#define PLAIN(name, member)                                                      \
    {                                                                            \
        name, ROW_FIELD_PLAIN, offsetof(Cpu, member), sizeof(((Cpu *)0)->member) \
    }
#define LISTED(name, member)                                                      \
    {                                                                             \
        name, ROW_FIELD_PLAIN, offsetof(Cpu, member), sizeof(((Cpu *)0)->member), \
            .listed_only = true                                                   \
    }
#define DELIVERED(name, member)                                                   \
    {                                                                             \
        name, ROW_FIELD_PLAIN, offsetof(Cpu, member), sizeof(((Cpu *)0)->member), \
            .by_delivery = true                                                   \
    }
#define GPR(name, name32, reg)                                                        \
    {name, ROW_FIELD_PLAIN, offsetof(Cpu, gpr[reg]), 8, .by_delivery = (reg) == RSP}, \
    {                                                                                 \
        name32, ROW_FIELD_GPR32, offsetof(Cpu, gpr[reg]), 8, .listed_only = true      \
    }
#define SEGMENT(name, reg)                                                                       \
    {name, ROW_FIELD_PLAIN, offsetof(Cpu, seg[reg].selector), 2, .by_delivery = true},           \
        {name ".base", ROW_FIELD_PLAIN, offsetof(Cpu, seg[reg].base), 8, .by_delivery = true},   \
        {name ".limit", ROW_FIELD_PLAIN, offsetof(Cpu, seg[reg].limit), 4, .by_delivery = true}, \
    {                                                                                            \
        name ".access", ROW_FIELD_PLAIN, offsetof(Cpu, seg[reg].access), 2, .by_delivery = true  \
    }
#define VECTOR(n)                                                               \
    {"ymm" #n, ROW_FIELD_VEC, offsetof(Cpu, vec[n]), 32},                       \
    {                                                                           \
        "xmm" #n, ROW_FIELD_VEC, offsetof(Cpu, vec[n]), 16, .listed_only = true \
    }
#define ST_MM(n)                                         \
    {"st" #n, ROW_FIELD_ST, n, 10, .listed_only = true}, \
    {                                                    \
        "mm" #n, ROW_FIELD_MM, n, 8, .listed_only = true \
    }

/* clang-format off */
static const RowField fields[] = {
    GPR("rax", "eax", RAX), GPR("rcx", "ecx", RCX), GPR("rdx", "edx", RDX), GPR("rbx", "ebx", RBX),
    GPR("rsp", "esp", RSP), GPR("rbp", "ebp", RBP), GPR("rsi", "esi", RSI), GPR("rdi", "edi", RDI),
    GPR("r8", "r8d", R8), GPR("r9", "r9d", R9), GPR("r10", "r10d", R10), GPR("r11", "r11d", R11),
    GPR("r12", "r12d", R12), GPR("r13", "r13d", R13), GPR("r14", "r14d", R14), GPR("r15", "r15d", R15),
    DELIVERED("rip", rip), DELIVERED("cpl", cpl),
    VECTOR(0), VECTOR(1), VECTOR(2), VECTOR(3), VECTOR(4), VECTOR(5), VECTOR(6), VECTOR(7),
    VECTOR(8), VECTOR(9), VECTOR(10), VECTOR(11), VECTOR(12), VECTOR(13), VECTOR(14), VECTOR(15),
    PLAIN("mxcsr", mxcsr),
    ST_MM(0), ST_MM(1), ST_MM(2), ST_MM(3), ST_MM(4), ST_MM(5), ST_MM(6), ST_MM(7),
    PLAIN("fcw", fpu.cw), {"fsw", ROW_FIELD_FSW, 0, 2}, PLAIN("fvalid", fpu.valid),
    LISTED("fop", fpu.fop), LISTED("fip", fpu.fip), LISTED("fdp", fpu.fdp),
    LISTED("fcs", fpu.fcs), LISTED("fds", fpu.fds),
    SEGMENT("es", SEG_ES), SEGMENT("cs", SEG_CS), SEGMENT("ss", SEG_SS),
    SEGMENT("ds", SEG_DS), SEGMENT("fs", SEG_FS), SEGMENT("gs", SEG_GS),
    PLAIN("ldtr", ldtr.selector), PLAIN("ldtr.base", ldtr.base), PLAIN("ldtr.limit", ldtr.limit),
    PLAIN("tr", tr.selector), PLAIN("tr.base", tr.base), PLAIN("tr.limit", tr.limit),
    PLAIN("tr.access", tr.access),
    PLAIN("gdtr.base", gdtr.base), PLAIN("gdtr.limit", gdtr.limit),
    PLAIN("idtr.base", idtr.base), PLAIN("idtr.limit", idtr.limit),
    PLAIN("cr0", cr0), LISTED("cr2", cr2), PLAIN("cr3", cr3), PLAIN("cr4", cr4), PLAIN("xcr0", xcr0),
    PLAIN("dr0", dr[0]), PLAIN("dr1", dr[1]), PLAIN("dr2", dr[2]), PLAIN("dr3", dr[3]),
    PLAIN("dr6", dr[6]), PLAIN("dr7", dr[7]),
    PLAIN("efer", efer), PLAIN("star", star), PLAIN("lstar", lstar), PLAIN("cstar", cstar),
    PLAIN("fmask", fmask), PLAIN("kernel_gs_base", kernel_gs_base),
    PLAIN("sysenter_cs", sysenter_cs), PLAIN("sysenter_esp", sysenter_esp),
    PLAIN("sysenter_eip", sysenter_eip), PLAIN("tsc_aux", tsc_aux), PLAIN("tsc_adjust", tsc_adjust),
    PLAIN("pat", pat), PLAIN("pkru", pkru), PLAIN("xss", xss), PLAIN("smbase", smbase),
    PLAIN("activity", activity), LISTED("shadow", shadow), PLAIN("smm", smm),
    LISTED("nmi_blocked", nmi_blocked),
};

static const struct { const char *name; uint32_t bits; } flags[] = {
    {"CF", FLAG_CF}, {"PF", FLAG_PF}, {"AF", FLAG_AF}, {"ZF", FLAG_ZF}, {"SF", FLAG_SF},
    {"TF", FLAG_TF}, {"IF", FLAG_IF}, {"DF", FLAG_DF}, {"OF", FLAG_OF}, {"IOPL", FLAG_IOPL},
    {"NT", FLAG_NT}, {"RF", FLAG_RF}, {"VM", FLAG_VM}, {"AC", FLAG_AC}, {"VIF", FLAG_VIF},
    {"VIP", FLAG_VIP}, {"ID", FLAG_ID},
};
/* clang-format on */

const RowField *row_field_find(const char *name)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(fields); i++) {
        if (!strcmp(fields[i].name, name))
            return &fields[i];
    }
    return NULL;
}

const char *row_field_name(const RowField *field)
{
    return field->name;
}

unsigned row_field_size(const RowField *field)
{
    return field->size;
}

uint32_t row_flag_find(const char *name)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(flags); i++) {
        if (!strcmp(flags[i].name, name))
            return flags[i].bits;
    }
    return 0;
}

void row_field_set(Cpu *cpu, const RowField *field, const RowItem *item)
{
    Fpu *fpu = &cpu->fpu;
    switch (field->kind) {
    case ROW_FIELD_ST: {
        unsigned n = (fpu->top + field->offset) & 7;
        fpu->reg[n] = (F80){.mant = load_le64(item->value), .se = load_le16(item->value + 8)};
        fpu->valid |= 1 << n;
        break;
    }
    case ROW_FIELD_MM:
        mmx_enter(cpu);
        mmx_write(cpu, field->offset, load_le64(item->value));
        break;
    case ROW_FIELD_FSW:
        fpu->sw = load_le16(item->value) & ~(7u << SW_TOP_SHIFT);
        fpu->top = item->value[1] >> 3 & 7;
        break;
    default:
        memcpy((uint8_t *)cpu + field->offset, item->value, field->size);
        break;
    }
}

/* A relative error of at most 1.5 * 2^-12 on both sides. */
static bool approximates(uint32_t a, uint32_t b)
{
    float x, y;
    memcpy(&x, &a, 4);
    memcpy(&y, &b, 4);
    return fabs((double)x - y) <= fabs((double)x) * 3 / 4096;
}

void row_state_settle(const Cpu *cpu, Cpu *expected, const GArray *items)
{
    for (unsigned i = 0; i < items->len; i++) {
        const RowItem *item = &g_array_index(items, RowItem, i);
        if (!item->any && !item->approximate)
            continue;
        const uint8_t *is = (const uint8_t *)cpu + item->field->offset;
        uint8_t *want = (uint8_t *)expected + item->field->offset;
        for (unsigned at = 0; at < item->field->size; at += 4) {
            unsigned size = MIN(4u, item->field->size - at);
            if (item->any || approximates(load_le32(is + at), load_le32(want + at)))
                memcpy(want + at, is + at, size);
        }
    }
}

/* --- comparison ---------------------------------------------------------------------------- */

void row_bytes_print(GString *out, const uint8_t *p, unsigned size)
{
    for (unsigned i = size; i-- > 0;)
        g_string_append_printf(out, "%02x%s", p[i], i % 4 || !i ? "" : "_");
}

static char *differs(const char *name, const void *is, const void *expected, unsigned size)
{
    g_autoptr(GString) s = g_string_new(name);
    g_string_append(s, " is ");
    row_bytes_print(s, is, size);
    g_string_append(s, ", expected ");
    row_bytes_print(s, expected, size);
    return g_strdup(s->str);
}

static bool is_listed(const RowField *field, const GArray *items)
{
    for (unsigned i = 0; items && i < items->len; i++) {
        if (g_array_index(items, RowItem, i).field == field)
            return true;
    }
    return false;
}

static char *fpu_difference(const Cpu *cpu, const Cpu *expected)
{
    uint16_t is = x87_status(cpu), want = x87_status(expected);
    if (is != want)
        return differs("fsw", &is, &want, 2);
    for (unsigned n = 0; n < 8; n++) {
        const F80 *a = &cpu->fpu.reg[n], *b = &expected->fpu.reg[n];
        if (a->mant != b->mant || a->se != b->se)
            return g_strdup_printf("R%u (st%u) is %04x_%016" PRIx64 ", expected %04x_%016" PRIx64,
                                   n, (n - cpu->fpu.top) & 7, a->se, a->mant, b->se, b->mant);
    }
    return NULL;
}

char *row_state_difference(const Cpu *cpu, const Cpu *expected, const RowCompare *how)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(fields); i++) {
        const RowField *f = &fields[i];
        bool skipped = (f->listed_only && !is_listed(f, how->listed)) ||
                       (f->by_delivery && how->raised);
        if (skipped || f->kind == ROW_FIELD_ST || f->kind == ROW_FIELD_MM ||
            f->kind == ROW_FIELD_FSW)
            continue;
        const uint8_t *a = (const uint8_t *)cpu + f->offset;
        const uint8_t *b = (const uint8_t *)expected + f->offset;
        if (memcmp(a, b, f->size))
            return differs(f->name, a, b, f->size);
    }
    uint32_t wrong = (eflags_get(cpu) ^ eflags_get(expected)) & how->flags;
    if (wrong) {
        g_autoptr(GString) s = g_string_new("flags are");
        row_flags_print(s, eflags_get(cpu) & how->flags, 0);
        g_string_append(s, ", expected");
        row_flags_print(s, eflags_get(expected) & how->flags, 0);
        return g_strdup(s->str);
    }
    return fpu_difference(cpu, expected);
}

/* --- printing -------------------------------------------------------------------------------- */

void row_address_print(GString *out, uint64_t address)
{
    static const struct {
        const char *name;
        uint64_t at;
    } symbols[] = {{"data", ROW_DATA}, {"stack", ROW_STACK}, {"absent", ROW_ABSENT}};
    enum { NEAR = 0x200 };
    for (unsigned i = 0; i < G_N_ELEMENTS(symbols); i++) {
        int64_t distance = address - symbols[i].at;
        if (distance <= -NEAR || distance >= NEAR)
            continue;
        g_string_append(out, symbols[i].name);
        if (distance)
            g_string_append_printf(out, "%c%" PRIx64, distance < 0 ? '-' : '+',
                                   distance < 0 ? -distance : distance);
        return;
    }
    g_string_append_printf(out, "%" PRIx64, address);
}

void row_flags_print(GString *out, uint32_t set, uint32_t undefined)
{
    if (!(set & ~undefined & ~(uint32_t)FLAG_FIXED))
        g_string_append(out, " none");
    for (unsigned i = 0; i < G_N_ELEMENTS(flags); i++) {
        if (set & ~undefined & flags[i].bits)
            g_string_append_printf(out, " %s", flags[i].name);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(flags); i++) {
        if (undefined & flags[i].bits)
            g_string_append_printf(out, " ?%s", flags[i].name);
    }
}

static void print_vector(GString *out, const RowField *f, const uint8_t *a, const uint8_t *b)
{
    bool upper = memcmp(a + 16, b + 16, 16);
    g_string_append_printf(out, " %cmm%s=", upper ? 'y' : 'x', f->name + 3);
    row_bytes_print(out, b, upper ? 32 : 16);
}

static void print_fpu(GString *out, const Cpu *from, const Cpu *to)
{
    uint16_t sw = x87_status(to);
    bool mmx = to->fpu.top == 0 && to->fpu.valid == 0xff;
    if (x87_status(from) != sw && !mmx)
        g_string_append_printf(out, " fsw=%04x", sw);
    for (unsigned i = 0; i < 8; i++) {
        unsigned n = (to->fpu.top + i) & 7;
        const F80 *a = &from->fpu.reg[n], *b = &to->fpu.reg[n];
        if (a->mant == b->mant && a->se == b->se)
            continue;
        if (mmx && b->se == 0xffff)
            g_string_append_printf(out, " mm%u=%016" PRIx64, n, b->mant);
        else
            g_string_append_printf(out, " st%u=%04x_%016" PRIx64, i, b->se, b->mant);
    }
}

void row_state_print(GString *out, const Cpu *from, const Cpu *to, RowMode mode)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(fields); i++) {
        const RowField *f = &fields[i];
        const uint8_t *a = (const uint8_t *)from + f->offset;
        const uint8_t *b = (const uint8_t *)to + f->offset;
        bool is_gpr = f->offset < sizeof(to->gpr) && f->size == 8 && f->kind <= ROW_FIELD_GPR32;
        bool wanted = is_gpr ? (f->kind == ROW_FIELD_GPR32) == (mode != ROW_64) : !f->listed_only;
        if (!wanted || f->kind == ROW_FIELD_FSW || f->offset == offsetof(Cpu, rip) ||
            !memcmp(a, b, f->size))
            continue;
        if (f->kind == ROW_FIELD_VEC) {
            print_vector(out, f, a, b);
            continue;
        }
        g_string_append_printf(out, " %s=", f->name);
        row_address_print(out, load_le(b, f->size));
    }
    print_fpu(out, from, to);
}
