/* profile.c - how many samples each block has had, for people. */
#include "dbt/profile.h"

#include <inttypes.h>

struct Profile {
    Translator *t;
    bool on;
    uint64_t lost, outside, fixed, total;
    GHashTable *blocks; /* guest rip -> number of samples */
};

Profile *profile_new(Translator *t)
{
    Profile *p = g_new0(Profile, 1);
    p->t = t;
    p->on = true;
    p->blocks = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    return p;
}

void profile_stop(Profile *p)
{
    p->on = false;
}

void profile_free(Profile *p)
{
    if (!p)
        return;
    g_hash_table_destroy(p->blocks);
    g_free(p);
}

bool profile_is_on(const Profile *p)
{
    return p && p->on;
}

/* --- what they say -------------------------------------------------------------------------------- */

static void count_block(Profile *p, uint64_t rip)
{
    uint64_t *samples = g_hash_table_lookup(p->blocks, &rip);
    if (!samples) {
        samples = g_new0(uint64_t, 1);
        g_hash_table_insert(p->blocks, g_memdup2(&rip, sizeof(rip)), samples);
    }
    ++*samples;
}

void profile_count(Profile *p, uint32_t at, uint32_t block)
{
    if (block)
        count_block(p, p->t->blocks[block].rip);
    else if (at == SAMPLE_OUTSIDE)
        p->outside++;
    else
        p->fixed++;
    p->total++;
}

void profile_count_lost(Profile *p, unsigned samples)
{
    p->lost += samples;
}

typedef struct HotBlock {
    uint64_t rip, samples;
} HotBlock;

static gint by_heat(gconstpointer a, gconstpointer b)
{
    const HotBlock *x = a, *y = b;
    if (x->samples != y->samples)
        return x->samples > y->samples ? -1 : 1;
    return x->rip < y->rip ? -1 : x->rip > y->rip;
}

static void print_share(const Profile *p, uint64_t samples, GString *out)
{
    g_string_append_printf(out, "%6.2f %% %8" PRIu64 "  ", 100.0 * samples / MAX(p->total, 1),
                           samples);
}

void profile_print(Profile *p, unsigned shown, GString *out)
{
    g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(HotBlock));
    GHashTableIter iter;
    gpointer rip, samples;
    g_hash_table_iter_init(&iter, p->blocks);
    while (g_hash_table_iter_next(&iter, &rip, &samples)) {
        HotBlock hot = {*(uint64_t *)rip, *(uint64_t *)samples};
        g_array_append_val(list, hot);
    }
    g_array_sort(list, by_heat);
    g_string_append_printf(out, "%" PRIu64 " samples in %u blocks%s\n", p->total, list->len,
                           p->on ? "" : "; sampling is off");
    print_share(p, p->outside, out);
    g_string_append(out, "(translator, interpreter, devices)\n");
    print_share(p, p->fixed, out);
    g_string_append(out, "(trampolines)\n");
    for (unsigned i = 0; i < MIN(shown, list->len); i++) {
        const HotBlock *hot = &g_array_index(list, HotBlock, i);
        print_share(p, hot->samples, out);
        g_string_append_printf(out, "0x%" PRIx64 "  ", hot->rip);
        if (p->t->symbols)
            symbols_print(p->t->symbols, hot->rip, out);
        g_string_append_c(out, '\n');
    }
    if (p->lost)
        g_string_append_printf(out, "%" PRIu64 " samples were lost\n", p->lost);
}
