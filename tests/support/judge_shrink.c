/* judge_shrink.c - the plainest instance that still shows a difference: every word of the state is
 * replaced by simpler values while the difference stays, until nothing changes any more. */
#include "tests/support/judge.h"

typedef struct Shrink {
    Judge *j;
    Instance *i;
    const char *difference;
    bool progress;
} Shrink;

static bool still_differs(const Shrink *s)
{
    if (judge_is_undefined(s->i))
        return false;
    const char *difference = judge_instance(s->j, s->i);
    return difference && !strcmp(difference, s->difference);
}

/* Tries simpler values of size bytes at p, simplest first. */
static void shrink_word(Shrink *s, uint8_t *p, unsigned size)
{
    uint64_t v = load_le(p, size);
    const uint64_t simpler[] = {
        0, 1, v & 0xff, v & 0xffff, v & 0xffffffff, v & -v, v & (v - 1), v & v >> 1,
    };
    for (unsigned n = 0; n < G_N_ELEMENTS(simpler); n++) {
        if (simpler[n] >= v)
            continue;
        store_le(p, simpler[n], size);
        if (still_differs(s)) {
            s->progress = true;
            return;
        }
    }
    store_le(p, v, size);
}

/* All of it becomes `plain`, if the difference stays. */
static void shrink_whole(Shrink *s, uint8_t *p, const uint8_t *plain, size_t size)
{
    g_autofree uint8_t *saved = g_memdup2(p, size);
    if (!memcmp(p, plain, size))
        return;
    memcpy(p, plain, size);
    if (still_differs(s))
        s->progress = true;
    else
        memcpy(p, saved, size);
}

/* Halves of halves, so that large plain stretches cost little. */
static void shrink_area(Shrink *s, uint8_t *p, size_t size)
{
    enum { WORD = 8 };
    static const uint8_t zero[JUDGE_MEMORY_SIZE];
    shrink_whole(s, p, zero, size);
    if (!memcmp(p, zero, size))
        return;
    if (size <= WORD) {
        shrink_word(s, p, size);
        return;
    }
    size_t half = size / 2 / WORD * WORD;
    shrink_area(s, p, half);
    shrink_area(s, p + half, size - half);
}

static void shrink_registers(Shrink *s)
{
    NativeState *state = &s->i->before;
    for (unsigned r = 0; r < GPR_COUNT; r++)
        shrink_word(s, (uint8_t *)&state->gpr[r], 8);
    shrink_word(s, (uint8_t *)&state->flags, 8);
}

static void shrink_image(Shrink *s)
{
    static const uint8_t mxcsr[] = {0x80, 0x1f, 0, 0}, control[] = {0x7f, 0x03};
    uint8_t *image = s->i->before.image;
    shrink_whole(s, image + IMAGE_MXCSR, mxcsr, sizeof(mxcsr));
    shrink_whole(s, image + IMAGE_CW, control, sizeof(control));
    shrink_word(s, image + IMAGE_SW, 2);
    shrink_word(s, image + IMAGE_TAGS, 1);
    for (unsigned r = 0; r < 8; r++) {
        shrink_word(s, image + IMAGE_ST + 16 * r, 8);
        shrink_word(s, image + IMAGE_ST + 16 * r + 8, 2);
    }
    shrink_area(s, image + IMAGE_XMM, 256);
    shrink_area(s, image + IMAGE_YMM, 256);
}

/* Leaves out prefixes. */
static void shrink_code(Shrink *s)
{
    Instance *i = s->i;
    for (unsigned at = 0; at < i->insn.length; at++) {
        Instance saved = *i;
        memmove(i->code + at, i->code + at + 1, MAX_INSN_LENGTH - at - 1);
        if (decode(i->code, MAX_INSN_LENGTH, i->mode, 0, &i->insn) == DECODE_OK &&
            i->insn.row == saved.row && i->insn.length == saved.insn.length - 1 && still_differs(s))
            s->progress = true;
        else
            *i = saved;
    }
}

void judge_shrink(Judge *j, Instance *i, const char *difference)
{
    enum { ROUNDS = 20 };
    Shrink s = {j, i, difference, true};
    for (unsigned round = 0; s.progress && round < ROUNDS; round++) {
        s.progress = false;
        shrink_code(&s);
        shrink_area(&s, i->memory, JUDGE_MEMORY_SIZE);
        shrink_registers(&s);
        shrink_image(&s);
    }
    judge_instance(j, i);
}
