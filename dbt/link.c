/* link.c - which exit leads to which block.
 *
 * Exits within a page are linked for good: the page is mapped as it was when its block was entered.
 * An exit to another page checks that page's number in the MMU context (MmuContext.code_id), which
 * stands for one pair of a linear and a host page and goes with the TLB entry. */
#include "dbt/translator.h"
#include "dbt/x64/emit.h"

typedef struct PageId {
    LinAddr page;
    const uint8_t *host;
    uint32_t id;
} PageId;

static guint page_id_hash(gconstpointer key)
{
    const PageId *id = key;
    return (guint)(id->page >> PAGE_SHIFT) * 0x9e3779b1u ^
           (guint)((uintptr_t)id->host >> PAGE_SHIFT);
}

static gboolean page_id_equal(gconstpointer a, gconstpointer b)
{
    const PageId *x = a, *y = b;
    return x->page == y->page && x->host == y->host;
}

GHashTable *link_page_ids_new(void)
{
    return g_hash_table_new_full(page_id_hash, page_id_equal, g_free, NULL);
}

uint32_t link_page_id(Translator *t, LinAddr page, const uint8_t *host)
{
    PageId wanted = {.page = page, .host = host};
    PageId *found = g_hash_table_lookup(t->page_ids, &wanted);
    if (!found) {
        found = g_memdup2(&wanted, sizeof(wanted));
        found->id = ++t->next_page_id;
        g_hash_table_add(t->page_ids, found);
    }
    return found->id;
}

void link_exit(Translator *t, uint32_t exit_index, uint32_t target)
{
    Exit *exit = &t->exits[exit_index];
    if (exit->target)
        unlink_exit(t, exit_index);
    exit->target = target;
    exit->next_in = t->blocks[target].in;
    t->blocks[target].in = exit_index;
    x64_link(t, exit, &t->blocks[target]);
    t->stats.links++;
}

void unlink_exit(Translator *t, uint32_t exit_index)
{
    Exit *exit = &t->exits[exit_index];
    if (!exit->target)
        return;
    uint32_t *in = &t->blocks[exit->target].in;
    while (*in != exit_index)
        in = &t->exits[*in].next_in;
    *in = exit->next_in;
    exit->target = 0;
    x64_unlink(t, exit);
}
