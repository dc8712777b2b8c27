/* memory.c - the tree of memory regions, and its flattening into a sorted table.
 *
 * A region's address is relative to its parent, and priorities are compared among the children of
 * one parent only. Flattening visits the tree in order of visibility, highest first, so that each
 * leaf needs to fill only the gaps that those before it have left. */
#include "core/memory.h"
#include "core/error.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/mman.h>

/* --- making regions --------------------------------------------------------------------------- */

static void region_init(MemRegion *r, const char *name, MemKind kind, uint64_t size)
{
    *r = (MemRegion){.name = name, .kind = kind, .enabled = true, .size = size};
}

void mem_init_container(MemRegion *r, const char *name, uint64_t size)
{
    region_init(r, name, MEM_CONTAINER, size);
    r->children = g_ptr_array_new();
}

void mem_init_io(MemRegion *r, const char *name, uint64_t size, const MemOps *ops, void *opaque)
{
    region_init(r, name, MEM_IO, size);
    r->ops = ops;
    r->opaque = opaque;
}

void mem_init_alias(MemRegion *r, const char *name, MemRegion *target, uint64_t offset,
                    uint64_t size)
{
    region_init(r, name, MEM_ALIAS, size);
    r->alias = target;
    r->alias_offset = offset;
    if (!target->aliases)
        target->aliases = g_ptr_array_new();
    g_ptr_array_add(target->aliases, r);
}

/* Before and after RAM lie addresses that nobody may touch: a mistake in a bound stops the program
 * instead of changing what lies beside guest memory. As large as the largest page of a host. */
#define GUARD (64 * KIB)

/* Large RAM is in large pages of the host: fewer faults when it is first touched, fewer misses of
 * the host's TLB. They want an aligned beginning. */
#define LARGE_PAGE (2 * MIB)

static size_t guard_before(uint64_t size)
{
    return size >= LARGE_PAGE ? LARGE_PAGE : GUARD;
}

static void *map_guarded(uint64_t size)
{
    size_t before = guard_before(size), slack = before == LARGE_PAGE ? LARGE_PAGE : 0;
    uint8_t *all = mmap(NULL, before + size + GUARD + slack, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED)
        return MAP_FAILED;
    size_t skip = slack ? -(uintptr_t)all & (LARGE_PAGE - 1) : 0;
    if (skip)
        munmap(all, skip);
    if (slack - skip)
        munmap(all + skip + before + size + GUARD, slack - skip);
    all += skip;
    void *host = mmap(all + before, size, PROT_READ | PROT_WRITE,
                      MAP_FIXED | MAP_NORESERVE | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (host == MAP_FAILED)
        munmap(all, before + size + GUARD);
#ifdef MADV_HUGEPAGE
    else if (slack)
        madvise(host, size, MADV_HUGEPAGE); /* a wish */
#endif
    return host;
}

bool mem_init_ram(MemRegion *r, const char *name, uint64_t size, GError **err)
{
    uint64_t rounded = (size + PAGE_MASK) & ~PAGE_MASK;
    void *host = MAP_FAILED;

    region_init(r, name, MEM_RAM, rounded);
    errno = ENOMEM;
    if (rounded >= size && rounded && rounded <= PTRDIFF_MAX - 3 * LARGE_PAGE)
        host = map_guarded(rounded);
    if (host != MAP_FAILED) {
        r->host = host;
        r->page_flags = g_try_malloc0(rounded >> PAGE_SHIFT);
        if (r->page_flags)
            return true;
        errno = ENOMEM;
    }
    g_set_error(err, MYNA_ERROR, MYNA_ERROR_HOST,
                "%s: the host refuses %" PRIu64 " MiB of memory: %s", name, size / MIB,
                g_strerror(errno));
    mem_fini(r);
    return false;
}

bool mem_init_rom(MemRegion *r, const char *name, const void *data, uint64_t size, GError **err)
{
    if (!mem_init_ram(r, name, size, err))
        return false;
    r->readonly = true;
    memcpy(r->host, data, size);
    return true;
}

/* --- flattening ------------------------------------------------------------------------------- */

/* Wide enough for an alias to begin before the target does. */
typedef __int128 Wide;

/* The window through which a part of the tree is seen: both ends inclusive. */
typedef struct Window {
    Wide first, last;
    bool readonly;
} Window;

static bool range_continues(const MemRange *a, const MemRange *b)
{
    return a->region == b->region && a->readonly == b->readonly && a->last + 1 == b->first &&
           a->offset + (b->first - a->first) == b->offset;
}

/* Adds [first, last] of a leaf whose byte 0 lies at base to the sorted table, where nothing is yet.
 */
static void table_fill(GArray *table, MemRegion *leaf, Wide base, Window w)
{
    Wide at = w.first;
    unsigned i = 0;

    while (i < table->len && g_array_index(table, MemRange, i).last < at)
        i++;
    while (at <= w.last) {
        Wide gap_last = w.last;
        if (i < table->len && (Wide)g_array_index(table, MemRange, i).first <= gap_last)
            gap_last = (Wide)g_array_index(table, MemRange, i).first - 1;
        if (at <= gap_last) {
            MemRange range = {(uint64_t)at, (uint64_t)gap_last, leaf, (uint64_t)(at - base),
                              w.readonly};
            g_array_insert_val(table, i, range);
            i++;
        }
        if (i >= table->len || gap_last == w.last)
            break;
        at = (Wide)g_array_index(table, MemRange, i).last + 1;
        i++;
    }
}

/* Higher priority first, then the later added. */
static void sort_by_visibility(GPtrArray *children, MemRegion **out)
{
    unsigned n = 0;

    for (unsigned i = children->len; i-- > 0;) {
        MemRegion *child = g_ptr_array_index(children, i);
        unsigned at = n++;
        for (; at > 0 && out[at - 1]->priority < child->priority; at--)
            out[at] = out[at - 1];
        out[at] = child;
    }
}

/* Adds what is seen of r, whose byte 0 lies at base, through the window. */
static void flatten(GArray *table, MemRegion *r, Wide base, Window w, unsigned depth)
{
    g_assert(depth < 32); /* else an alias shows itself */
    if (!r->enabled)
        return;
    w.first = MAX(w.first, base);
    w.last = MIN(w.last, base + r->size - 1);
    w.readonly |= r->readonly;
    if (w.first > w.last)
        return;

    if (r->kind == MEM_ALIAS) {
        if (r->alias)
            flatten(table, r->alias, base - r->alias_offset, w, depth + 1);
    } else if (r->kind == MEM_CONTAINER) {
        g_autofree MemRegion **children = g_new(MemRegion *, r->children->len);
        sort_by_visibility(r->children, children);
        for (unsigned i = 0; i < r->children->len; i++)
            flatten(table, children[i], base + children[i]->addr, w, depth + 1);
    } else {
        table_fill(table, r, base, w);
    }
}

static MemTable *table_new(const GArray *ranges)
{
    MemTable *table = g_malloc0(sizeof(*table) + ranges->len * sizeof(MemRange));

    for (unsigned i = 0; i < ranges->len; i++) {
        const MemRange *range = &g_array_index(ranges, MemRange, i);
        if (table->count && range_continues(&table->ranges[table->count - 1], range))
            table->ranges[table->count - 1].last = range->last;
        else
            table->ranges[table->count++] = *range;
    }
    return table;
}

static bool tables_equal(const MemTable *a, const MemTable *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const MemRange *x = &a->ranges[i], *y = &b->ranges[i];
        if (x->first != y->first || x->last != y->last || x->region != y->region ||
            x->offset != y->offset || x->readonly != y->readonly)
            return false;
    }
    return true;
}

static MemTable *address_space_flatten(const AddressSpace *as)
{
    g_autoptr(GArray) ranges = g_array_new(FALSE, FALSE, sizeof(MemRange));

    flatten(ranges, as->root, 0, (Window){0, UINT64_MAX, false}, 0);
    return table_new(ranges);
}

static void address_space_update(AddressSpace *as)
{
    MemTable *fresh = address_space_flatten(as);
    MemTable *old = as->table;

    as->changed = false;
    if (tables_equal(fresh, old)) {
        g_free(fresh);
        return;
    }
    __atomic_store_n(&as->table, fresh, __ATOMIC_RELEASE);
    if (as->on_change)
        as->on_change(as->listener, old);
    else
        g_free(old);
}

/* Tells every address space in which r can be seen, directly or through aliases of it or of a
 * region around it. */
static void region_changed(MemRegion *r)
{
    for (; r; r = r->parent) {
        for (unsigned i = 0; r->aliases && i < r->aliases->len; i++)
            region_changed(g_ptr_array_index(r->aliases, i));
        if (r->space) {
            r->space->changed = true;
            if (!r->space->hold)
                address_space_update(r->space);
        }
    }
}

/* --- changing the tree ------------------------------------------------------------------------ */

void mem_add(MemRegion *parent, uint64_t addr, MemRegion *child, int priority)
{
    g_assert(parent->kind == MEM_CONTAINER && !child->parent);
    child->parent = parent;
    child->addr = addr;
    child->priority = priority;
    g_ptr_array_add(parent->children, child);
    region_changed(parent);
}

void mem_remove(MemRegion *child)
{
    MemRegion *parent = child->parent;

    g_assert(parent);
    g_ptr_array_remove(parent->children, child);
    child->parent = NULL;
    region_changed(parent);
}

void mem_set_enabled(MemRegion *r, bool enabled)
{
    if (r->enabled == enabled)
        return;
    r->enabled = enabled;
    region_changed(r);
}

void mem_set_readonly(MemRegion *r, bool readonly)
{
    if (r->readonly == readonly)
        return;
    r->readonly = readonly;
    region_changed(r);
}

void mem_set_addr(MemRegion *r, uint64_t addr)
{
    if (r->addr == addr)
        return;
    r->addr = addr;
    region_changed(r);
}

void mem_set_alias_offset(MemRegion *r, uint64_t offset)
{
    g_assert(r->kind == MEM_ALIAS);
    if (r->alias_offset == offset)
        return;
    r->alias_offset = offset;
    region_changed(r);
}

void mem_fini(MemRegion *r)
{
    if (r->parent)
        mem_remove(r);
    if (r->alias)
        g_ptr_array_remove(r->alias->aliases, r);
    for (unsigned i = 0; r->aliases && i < r->aliases->len; i++) {
        MemRegion *alias = g_ptr_array_index(r->aliases, i);
        alias->alias = NULL;
        region_changed(alias);
    }
    g_clear_pointer(&r->aliases, g_ptr_array_unref);
    for (unsigned i = 0; r->children && i < r->children->len; i++)
        ((MemRegion *)g_ptr_array_index(r->children, i))->parent = NULL;
    g_clear_pointer(&r->children, g_ptr_array_unref);
    if (r->host)
        munmap(r->host - guard_before(r->size), guard_before(r->size) + r->size + GUARD);
    r->host = NULL;
    g_clear_pointer(&r->page_flags, g_free);
}

/* --- address spaces --------------------------------------------------------------------------- */

void address_space_init(AddressSpace *as, const char *name, MemRegion *root)
{
    g_assert(!root->space && !root->parent);
    *as = (AddressSpace){.name = name, .root = root, .unmapped = UINT64_MAX};
    as->table = address_space_flatten(as);
    root->space = as;
}

void address_space_fini(AddressSpace *as)
{
    if (as->root)
        as->root->space = NULL;
    g_clear_pointer(&as->table, g_free);
}

void address_space_hold(AddressSpace *as)
{
    as->hold++;
}

void address_space_release(AddressSpace *as)
{
    g_assert(as->hold);
    if (--as->hold == 0 && as->changed)
        address_space_update(as);
}

void address_space_print(const AddressSpace *as, GString *out)
{
    g_string_append_printf(out, "address space %s\n", as->name);
    for (size_t i = 0; i < as->table->count; i++) {
        const MemRange *range = &as->table->ranges[i];
        const char *kind = range->region->kind == MEM_IO ? "i/o" : range->readonly ? "rom" : "ram";
        g_string_append_printf(out, "  %016" PRIx64 "-%016" PRIx64 " %s %s", range->first,
                               range->last, kind, range->region->name);
        if (range->offset)
            g_string_append_printf(out, " +0x%" PRIx64, range->offset);
        g_string_append_c(out, '\n');
    }
}
