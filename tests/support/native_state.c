/* native_state.c - a guest CPU's state in the form of the host's. */
#include "tests/support/native_state.h"

#include <inttypes.h>

#include "cpu/exec.h"
#include "cpu/x87.h"

static bool x87_is_initial(const Cpu *cpu)
{
    uint8_t image[FXSAVE_X87_SIZE], initial[FXSAVE_X87_SIZE] = {CW_INIT & 0xff, CW_INIT >> 8};
    memset(image, 0, sizeof(image));
    x87_save_image(cpu, image, FX_POINTERS_64);
    return !memcmp(image, initial, sizeof(image));
}

/* Components that are not in their initial configuration, so that the host has them so too. */
static unsigned components_of(const Cpu *cpu)
{
    static const Vec zero;
    unsigned components = x87_is_initial(cpu) ? 0 : XCR0_X87;
    for (unsigned i = 0; i < 16; i++) {
        components |= memcmp(&cpu->vec[i].u8[0], &zero, 16) ? XCR0_SSE : 0;
        components |= memcmp(&cpu->vec[i].u8[16], &zero, 16) ? XCR0_AVX : 0;
    }
    return components;
}

void native_state_take(NativeState *s, const Cpu *cpu)
{
    memset(s, 0, sizeof(*s));
    memcpy(s->gpr, cpu->gpr, sizeof(s->gpr));
    s->flags = eflags_get(cpu) & (FLAGS_ARITH | FLAG_DF);
    s->vector = -1;
    s->has_image = true;
    x87_save_image(cpu, s->image, FX_POINTERS_64);
    store_le32(s->image + IMAGE_MXCSR, cpu->mxcsr);
    s->image[IMAGE_XSTATE_BV] = components_of(cpu);
    for (unsigned i = 0; i < 16; i++) {
        memcpy(s->image + IMAGE_XMM + 16 * i, &cpu->vec[i].u8[0], 16);
        memcpy(s->image + IMAGE_YMM + 16 * i, &cpu->vec[i].u8[16], 16);
    }
}

void native_state_put(const NativeState *s, Cpu *cpu)
{
    memcpy(cpu->gpr, s->gpr, sizeof(s->gpr));
    eflags_set(cpu, (eflags_get(cpu) & ~(FLAGS_ARITH | FLAG_DF)) | s->flags);
    x87_load_image(cpu, s->image, FX_POINTERS_64);
    x87_update_summary(cpu);
    cpu->mxcsr = load_le32(s->image + IMAGE_MXCSR);
    for (unsigned i = 0; i < 16; i++) {
        memcpy(&cpu->vec[i].u8[0], s->image + IMAGE_XMM + 16 * i, 16);
        memcpy(&cpu->vec[i].u8[16], s->image + IMAGE_YMM + 16 * i, 16);
    }
}

/* --- comparison ---------------------------------------------------------------------------- */

void native_image_forget(uint8_t *image)
{
    memset(image + IMAGE_FOP, 0, IMAGE_MXCSR - IMAGE_FOP);
    memset(image + IMAGE_MXCSR_MASK, 0, 4);
    for (unsigned i = 0; i < 8; i++)
        memset(image + IMAGE_ST + 16 * i + 10, 0, 6);
    memset(image + IMAGE_XMM_END, 0, IMAGE_YMM - IMAGE_XMM_END);
}

static bool images_equal(const NativeState *a, const NativeState *b)
{
    uint8_t images[2][NATIVE_IMAGE_SIZE];
    memcpy(images[0], a->image, NATIVE_IMAGE_SIZE);
    memcpy(images[1], b->image, NATIVE_IMAGE_SIZE);
    native_image_forget(images[0]);
    native_image_forget(images[1]);
    return !memcmp(images[0], images[1], NATIVE_IMAGE_SIZE);
}

const char *native_state_difference(const NativeState *ours, const NativeState *host,
                                    uint32_t flags)
{
    if (ours->vector != host->vector)
        return "the exception";
    if (memcmp(ours->gpr, host->gpr, sizeof(ours->gpr)))
        return "a general register";
    if ((ours->flags ^ host->flags) & flags)
        return "a flag";
    return images_equal(ours, host) ? NULL : "vector or x87 state";
}

/* --- report -------------------------------------------------------------------------------- */

static void append_bytes(GString *out, const uint8_t *p, unsigned size)
{
    for (unsigned i = size; i-- > 0;)
        g_string_append_printf(out, "%02x%s", p[i], i % 4 ? "" : " ");
}

static void append_field(GString *out, const NativeState *const s[3], const char *name, unsigned n,
                         unsigned offset, unsigned size)
{
    bool same = !memcmp(s[1]->image + offset, s[2]->image + offset, size);
    g_string_append_printf(out, " %-5s%-2u ", name, n);
    for (unsigned i = 0; i < 3; i++)
        append_bytes(out, s[i]->image + offset, size);
    g_string_append(out, same ? "\n" : "<\n");
}

void native_state_report(GString *out, const NativeState *before, const NativeState *ours,
                         const NativeState *host)
{
    const NativeState *s[3] = {before, ours, host};
    g_string_append_printf(out, "\n         before             interpreter        host\n");
    g_string_append_printf(out, " vector %37d %18d\n", ours->vector, host->vector);
    for (unsigned r = 0; r < GPR_COUNT; r++)
        g_string_append_printf(out, " gpr %-2u  %-18" PRIx64 " %-18" PRIx64 " %-18" PRIx64 "%s\n",
                               r, before->gpr[r], ours->gpr[r], host->gpr[r],
                               ours->gpr[r] != host->gpr[r] ? "<" : "");
    g_string_append_printf(out, " flags   %-18" PRIx64 " %-18" PRIx64 " %-18" PRIx64 "\n",
                           before->flags, ours->flags, host->flags);
    append_field(out, s, "cw,sw", 0, IMAGE_CW, 4);
    append_field(out, s, "tags", 0, IMAGE_TAGS, 2);
    append_field(out, s, "mxcsr", 0, IMAGE_MXCSR, 4);
    for (unsigned i = 0; i < 8; i++)
        append_field(out, s, "st", i, IMAGE_ST + 16 * i, 10);
    for (unsigned i = 0; i < 16; i++)
        append_field(out, s, "xmm", i, IMAGE_XMM + 16 * i, 16);
    for (unsigned i = 0; i < 16; i++)
        append_field(out, s, "ymm", i, IMAGE_YMM + 16 * i, 16);
}
