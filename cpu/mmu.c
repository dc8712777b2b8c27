/* mmu.c - translation of linear addresses: what a walk found goes into the TLB.
 *
 * TlbEntry (cpu.h) is what fast paths look at: tags that match only if nothing needs a closer look.
 * Device memory, ROM, pages with decoded code, watched pages never get a tag for what needs one; of
 * these mmu_translate keeps the last few. The tables are tlb.c's. */
#include "cpu/mmu.h"

#include <inttypes.h>

#include "cpu/breakpoint.h"
#include "cpu/tlb_priv.h"
#include "cpu/walk.h"

static PhysAddr a20_masked(const Cpu *cpu, PhysAddr pa)
{
    return __atomic_load_n(&cpu->a20, __ATOMIC_RELAXED) ? pa : pa & ~((PhysAddr)1 << 20);
}

/* Rights of a finished walk that need no further walk: writing needs D already set. */
static void translation_from_walk(Cpu *cpu, const Walk *walk, Translation *t)
{
    t->pa = a20_masked(cpu, walk->pa & ~PAGE_MASK);
    walk_ram(cpu, t->pa, &t->page);
    if (UNLIKELY(!t->page.host))
        t->registers = address_space_registers(cpu_memory(cpu), t->pa);
    t->read = walk->rights >> ACCESS_READ & 1;
    t->write = walk->dirty && walk->rights >> ACCESS_WRITE & 1;
    t->fetch = walk->rights >> ACCESS_FETCH & 1;
}

static bool translation_allows(const Translation *t, MemAccess access)
{
    return access == ACCESS_READ ? t->read : access == ACCESS_WRITE ? t->write : t->fetch;
}

/* Tags for what fast paths may do with the page. */
static void entry_fill(Cpu *cpu, TlbTable *table, LinAddr page, const Translation *t, bool global)
{
    if (!t->page.host || table == &cpu->tlb_state->table[TLB_NEVER])
        return;
    TlbEntry *e = tlb_take(cpu, table, page, global);
    LinAddr none = tlb_no_tag(e - table->context.entry);
    bool watched = debug_page_watched(cpu, page) || watchpoint_in_page(cpu, page);
    bool plain = t->page.writable &&
                 !(__atomic_load_n(t->page.page_flags, __ATOMIC_SEQ_CST) & PAGE_HAS_CODE);
    e->read = t->read && !watched ? page : none;
    e->write = t->write && !watched && plain ? page : none;
    e->fetch = t->fetch && !breakpoint_in_page(cpu, page) ? page : none;
    e->host = t->page.host;
}

/* The table for an access that the CPU itself makes as supervisor (descriptor tables, TSS). */
static TlbTable *table_for(const Cpu *cpu, MemRole role)
{
    TlbState *state = cpu->tlb_state;
    if (role == ROLE_SYSTEM)
        return &state->table[TLB_SUPERVISOR];
    return (TlbTable *)(cpu->tlb == state->empty ? state->hidden : cpu->tlb);
}

/* Walks, and fills the table. False and *error where that is a page fault. */
static bool fill(Cpu *cpu, TlbTable *table, LinAddr la, MemAccess access, MemRole role,
                 Translation *t, bool *global, uint32_t *error)
{
    bool user = role == ROLE_CURRENT && cpu->cpl == 3;
    bool ac = role == ROLE_CURRENT && cpu->eflags & FLAG_AC;
    Walk walk;
    if (!page_walk(cpu, la, access, user, ac, WALK_SET_ACCESSED, &walk, error))
        return false;
    translation_from_walk(cpu, &walk, t);
    *global = walk.global;
    if (walk.size > PAGE_SIZE)
        tlb_note_large_page(cpu, la, walk.size);
    entry_fill(cpu, table, la & ~PAGE_MASK, t, walk.global);
    return true;
}

static KnownPage *known_page(TlbTable *table, LinAddr la)
{
    return &table->known[(la >> PAGE_SHIFT) % KNOWN_PAGES];
}

static bool is_known(const Cpu *cpu, const KnownPage *known, LinAddr la)
{
    return known->generation == cpu->tlb_state->generation && known->la == (la & ~PAGE_MASK);
}

const Translation *mmu_translate(Cpu *cpu, LinAddr la, MemAccess access, MemRole role)
{
    TlbTable *table = table_for(cpu, role);
    KnownPage *known = known_page(table, la);
    if (is_known(cpu, known, la) && translation_allows(&known->t, access)) {
        /* Code or watch flags may have gone. */
        entry_fill(cpu, table, known->la, &known->t, known->global);
        return &known->t;
    }
    uint32_t error;
    if (!fill(cpu, table, la, access, role, &known->t, &known->global, &error)) {
        /* A stale translation must not survive the fault that replaces it. */
        tlb_forget_page(cpu, la);
        cpu_raise_pf(cpu, la, error);
    }
    known->la = la & ~PAGE_MASK;
    known->generation = cpu->tlb_state->generation;
    return &known->t;
}

static bool entry_matches(const Cpu *cpu, LinAddr la, MemAccess access)
{
    const TlbEntry *e = tlb_entry(cpu, la);
    return (la ^ (access == ACCESS_WRITE ? e->write : e->read)) <= PAGE_MASK;
}

/* Is it known of a page that no entry may serve the access: it is a device's, or a store would be
 * beside code or into ROM? */
static bool is_unserved(const Translation *t, MemAccess access)
{
    if (!t->page.host)
        return true;
    bool plain = t->page.writable &&
                 !(__atomic_load_n(t->page.page_flags, __ATOMIC_SEQ_CST) & PAGE_HAS_CODE);
    return access == ACCESS_WRITE && t->write && !plain;
}

bool mmu_refill(Cpu *cpu, LinAddr la, MemAccess access)
{
    TlbTable *table = table_for(cpu, ROLE_CURRENT);
    const KnownPage *known = known_page(table, la);
    if (is_known(cpu, known, la) && is_unserved(&known->t, access))
        return false;
    if (entry_matches(cpu, la, access) || (cpu->mode == CPU_LONG && !cpu_is_canonical(cpu, la)))
        return false;
    Translation t;
    bool global;
    uint32_t error;
    return fill(cpu, table, la, access, ROLE_CURRENT, &t, &global, &error) &&
           entry_matches(cpu, la, access);
}

/* What is known of the page of la; NULL if that is nothing, or if each access wants a look. */
static const Translation *known_unwatched(Cpu *cpu, LinAddr la)
{
    TlbTable *table = table_for(cpu, ROLE_CURRENT);
    const KnownPage *known = known_page(table, la);
    LinAddr page = la & ~PAGE_MASK;
    bool checked = table == &cpu->tlb_state->table[TLB_NEVER];
    if (!is_known(cpu, known, la) || checked || debug_page_watched(cpu, page) ||
        watchpoint_in_page(cpu, page))
        return NULL;
    return &known->t;
}

const Translation *mmu_device(Cpu *cpu, LinAddr la)
{
    const Translation *t = known_unwatched(cpu, la);
    return t && t->read && !t->page.host ? t : NULL;
}

const MemPage *mmu_writable_page(Cpu *cpu, LinAddr la)
{
    const Translation *t = known_unwatched(cpu, la);
    return t && t->write && t->page.host && t->page.writable && !cpu->journal ? &t->page : NULL;
}

Translation mmu_translate_shadow(Cpu *cpu, LinAddr la, MemAccess access, bool user)
{
    Walk walk;
    uint32_t error;
    if (!shadow_walk(cpu, la, access, user, &walk, &error))
        cpu_raise_pf(cpu, la, error);
    Translation t = {.pa = a20_masked(cpu, walk.pa & ~PAGE_MASK), .read = true, .write = true};
    t.page = address_space_page(cpu_memory(cpu), t.pa);
    return t;
}

bool mmu_translate_debug(Cpu *cpu, LinAddr la, PhysAddr *pa)
{
    Walk walk;
    uint32_t error;
    if (!page_walk(cpu, la, ACCESS_READ, false, true, WALK_NO_EFFECT, &walk, &error))
        return false;
    *pa = a20_masked(cpu, walk.pa);
    return true;
}

/* Calls fn for each entry in use. */
typedef void EntryFn(Cpu *cpu, TlbTable *table, unsigned index, void *opaque);

static void entries_visit(Cpu *cpu, EntryFn *fn, void *opaque)
{
    for (unsigned mode = 0; mode < TLB_MODE_COUNT; mode++) {
        TlbTable *table = &cpu->tlb_state->table[mode];
        for (unsigned i = 0; i < table->entries.places / 64; i++)
            for (uint64_t bits = table->entry_marks[i].used; bits; bits &= bits - 1)
                fn(cpu, table, i * 64 + __builtin_ctzll(bits), opaque);
    }
}

static void forget_writable(Cpu *cpu, TlbTable *table, unsigned index, void *host_page)
{
    TlbEntry *e = &table->context.entry[index];
    if (e->host == host_page)
        e->write = tlb_no_tag(index);
}

void tlb_forget_writable(Cpu *cpu, const uint8_t *host_page)
{
    tlb_entries_change(cpu);
    entries_visit(cpu, forget_writable, (void *)host_page);
}

/* --- for tests and people -------------------------------------------------------------------------- */

/* Where the memory map has the page at this host address. False: nowhere. */
static bool find_host(Cpu *cpu, const uint8_t *host, PhysAddr *pa, MemPage *page)
{
    const MemTable *map = cpu_memory(cpu)->table;
    for (size_t i = 0; i < map->count; i++) {
        const MemRange *r = &map->ranges[i];
        if (r->region->kind != MEM_RAM)
            continue;
        uint64_t offset = host - (r->region->host + r->offset);
        if (offset > r->last - r->first)
            continue;
        *pa = r->first + offset;
        *page = address_space_page(cpu_memory(cpu), *pa);
        if (page->host == host)
            return true;
    }
    return false;
}

/* What is wrong with an entry, or NULL. */
static const char *entry_problem(Cpu *cpu, const TlbTable *table, unsigned index)
{
    const TlbEntry *e = &table->context.entry[index];
    LinAddr none = tlb_no_tag(index), la = none;
    const LinAddr tags[] = {e->read, e->write, e->fetch};
    for (unsigned i = 0; i < G_N_ELEMENTS(tags); i++) {
        if (tags[i] == none)
            continue;
        if (la != none && la != tags[i])
            return "two tags are of different pages";
        la = tags[i];
    }
    if (la == none)
        return NULL;
    if (!use_has(&table->entries, index))
        return "a tag stands in an unused entry";
    if (tlb_entry_in(table->context.entry, table->context.tlb_mask, la) != e || la & PAGE_MASK)
        return "the page belongs into another entry";
    PhysAddr pa;
    MemPage page;
    if (!find_host(cpu, e->host, &pa, &page))
        return "the memory map has no RAM there";
    if (e->write != none && (!page.writable || *page.page_flags & PAGE_HAS_CODE))
        return "ROM or a page with code is written without a look";
    if ((e->read != none || e->write != none) && debug_page_watched(cpu, la))
        return "a page with a breakpoint has a tag";
    return NULL;
}

char *tlb_problem(Cpu *cpu)
{
    if (cpu->pending & PENDING_FLUSH)
        return NULL; /* nothing is looked up before the flush */
    for (unsigned mode = 0; mode < TLB_MODE_COUNT; mode++) {
        const TlbTable *table = &cpu->tlb_state->table[mode];
        for (unsigned i = 0; i < table->entries.places; i++) {
            const char *problem = entry_problem(cpu, table, i);
            if (problem)
                return g_strdup_printf("TLB %u, entry %u of %u: %s", mode, i, table->entries.places,
                                       problem);
        }
    }
    return NULL;
}

static void print_entry(Cpu *cpu, TlbTable *table, unsigned index, void *out)
{
    static const char *names[TLB_MODE_COUNT] = {"supervisor", "user", "supervisor+ac", "checked"};
    const TlbEntry *e = &table->context.entry[index];
    LinAddr none = tlb_no_tag(index);
    LinAddr la = e->read != none ? e->read : e->write != none ? e->write : e->fetch;
    PhysAddr pa;
    MemPage page;
    if (la == none || !find_host(cpu, e->host, &pa, &page))
        return;
    bool global = table->entry_marks[index / 64].global >> index % 64 & 1;
    g_string_append_printf(out, "%-13s %016" PRIx64 " -> %012" PRIx64 " %c%c%c%c\n",
                           names[table - cpu->tlb_state->table], la, pa,
                           e->read != none ? 'r' : '-', e->write != none ? 'w' : '-',
                           e->fetch != none ? 'x' : '-', global ? 'g' : '-');
}

void mmu_print(Cpu *cpu, GString *out)
{
    entries_visit(cpu, print_entry, out);
}
