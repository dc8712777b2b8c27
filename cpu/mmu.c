/* mmu.c - the software TLB: one table for each privilege context, filled from walks.
 *
 * TlbEntry (cpu.h) is what fast paths look at: tags that match only if nothing needs a closer look.
 * Beside each entry stands a Translation, which also remembers pages that never get a tag: device
 * memory, ROM, pages with decoded code, watched pages. Flushing walks the list of used slots. */
#include "cpu/mmu.h"

#include <inttypes.h>

#include "cpu/breakpoint.h"
#include "cpu/walk.h"

typedef struct TlbSlot {
    LinAddr la; /* of the page */
    Translation t;
    bool used;
    bool global;
} TlbSlot;

typedef struct TlbTable {
    MmuContext context; /* first: Cpu.tlb points to its entries */
    TlbSlot slot[TLB_SIZE];
    uint16_t used[TLB_SIZE]; /* slots to flush */
    unsigned used_count;
} TlbTable;

struct TlbState {
    TlbTable table[TLB_MODE_COUNT];
    /* Linear range that holds every large page filled since the last full flush; INVLPG inside it
     * cannot tell which 4 KiB slots belong to the page and drops all. */
    LinAddr large_first, large_last;
    TlbEntry empty[TLB_SIZE]; /* what Cpu.tlb is while hidden, */
    TlbEntry *hidden;         /* and what it was */
};

/* A tag no address can match: the slot index bits are wrong for this slot. All ones would match the
 * last page, where kernels put error pointers. */
static LinAddr invalid_tag(unsigned index)
{
    return ~((LinAddr)index << PAGE_SHIFT);
}

static void entry_clear(TlbTable *table, unsigned index)
{
    TlbEntry *e = &table->context.entry[index];
    e->read = e->write = e->fetch = invalid_tag(index) & ~PAGE_MASK;
    e->host = NULL;
    table->context.code_id[index] = 0;
    table->slot[index].used = false;
}

/* --- the jump cache --------------------------------------------------------------------------- */

/* A rip that does not hash to the index. */
static uint64_t no_rip(unsigned index)
{
    return index == 0;
}

static void jump_clear(MmuContext *context, unsigned index)
{
    context->jump[index] = (JumpEntry){no_rip(index), NULL};
}

void mmu_jumps_clear(MmuContext *context)
{
    for (unsigned i = 0; i < context->jump_count; i++)
        jump_clear(context, context->jump_used[i]);
    context->jump_count = 0;
}

void mmu_jump_add(MmuContext *context, uint64_t rip, const void *code)
{
    unsigned index = jump_index(rip);
    if (!context->jump[index].code)
        context->jump_used[context->jump_count++] = index;
    context->jump[index] = (JumpEntry){rip, code};
}

/* Keeps the jumps into pages that `keep` says are still mapped as they were. */
typedef bool KeepFn(const TlbTable *table, LinAddr page, LinAddr flushed);

static void jumps_purge(TlbTable *table, KeepFn *keep, LinAddr flushed)
{
    MmuContext *context = &table->context;
    unsigned kept = 0;
    for (unsigned i = 0; i < context->jump_count; i++) {
        unsigned index = context->jump_used[i];
        LinAddr page = (context->jump[index].rip + context->jump_base) & ~PAGE_MASK;
        if (context->jump_base) /* outside 64-bit mode, where addresses wrap */
            page = (uint32_t)page;
        if (keep(table, page, flushed))
            context->jump_used[kept++] = index;
        else
            jump_clear(context, index);
    }
    context->jump_count = kept;
}

static bool keep_known(const TlbTable *table, LinAddr page, LinAddr flushed)
{
    const TlbSlot *slot = &table->slot[(page >> PAGE_SHIFT) & (TLB_SIZE - 1)];
    return slot->used && slot->la == page;
}

static bool keep_others(const TlbTable *table, LinAddr page, LinAddr flushed)
{
    return page != flushed;
}

/* --- filling and flushing --------------------------------------------------------------------- */

TlbState *tlb_state_new(void)
{
    TlbState *state = g_new0(TlbState, 1);
    for (unsigned mode = 0; mode < TLB_MODE_COUNT; mode++)
        for (unsigned i = 0; i < TLB_SIZE; i++)
            entry_clear(&state->table[mode], i);
    for (unsigned mode = 0; mode < TLB_MODE_COUNT; mode++)
        for (unsigned i = 0; i < JUMP_CACHE_SIZE; i++)
            jump_clear(&state->table[mode].context, i);
    for (unsigned i = 0; i < TLB_SIZE; i++)
        state->empty[i].read = state->empty[i].write = state->empty[i].fetch = invalid_tag(i) &
                                                                               ~PAGE_MASK;
    state->large_first = UINT64_MAX;
    return state;
}

void tlb_state_free(TlbState *state)
{
    g_free(state);
}

const uint32_t MMU_CONTEXT_STRIDE = sizeof(TlbTable);

MmuContext *mmu_context_of(const Cpu *cpu, TlbMode mode)
{
    return &cpu->tlb_state->table[mode].context;
}

void tlb_hide(Cpu *cpu)
{
    if (cpu->tlb != cpu->tlb_state->empty)
        cpu->tlb_state->hidden = cpu->tlb;
    cpu->tlb = cpu->tlb_state->empty;
}

TlbEntry *tlb_table(TlbState *state, TlbMode mode)
{
    return state->table[mode].context.entry;
}

void tlb_flush_all(Cpu *cpu)
{
    walk_cache_flush(cpu);
    TlbState *state = cpu->tlb_state;
    for (unsigned mode = 0; mode < TLB_MODE_COUNT; mode++) {
        TlbTable *table = &state->table[mode];
        for (unsigned i = 0; i < table->used_count; i++)
            entry_clear(table, table->used[i]);
        table->used_count = 0;
        mmu_jumps_clear(&table->context);
    }
    state->large_first = UINT64_MAX;
    state->large_last = 0;
}

void tlb_flush_non_global(Cpu *cpu)
{
    walk_cache_flush(cpu);
    for (unsigned mode = 0; mode < TLB_MODE_COUNT; mode++) {
        TlbTable *table = &cpu->tlb_state->table[mode];
        unsigned kept = 0;
        for (unsigned i = 0; i < table->used_count; i++) {
            unsigned index = table->used[i];
            if (table->slot[index].global)
                table->used[kept++] = index;
            else
                entry_clear(table, index);
        }
        table->used_count = kept;
        jumps_purge(table, keep_known, 0);
    }
}

void tlb_flush_page(Cpu *cpu, LinAddr la)
{
    walk_cache_flush(cpu);
    TlbState *state = cpu->tlb_state;
    if (la >= state->large_first && la <= state->large_last) {
        tlb_flush_all(cpu);
        return;
    }
    unsigned index = (la >> PAGE_SHIFT) & (TLB_SIZE - 1);
    for (unsigned mode = 0; mode < TLB_MODE_COUNT; mode++) {
        TlbTable *table = &state->table[mode];
        jumps_purge(table, keep_others, la & ~PAGE_MASK);
        if (table->slot[index].used && table->slot[index].la == (la & ~PAGE_MASK)) {
            /* The slot stays in the used list, cleared: it must not enter it twice. */
            entry_clear(table, index);
            table->slot[index].used = true;
            table->slot[index].la = UINT64_MAX;
        }
    }
}

static PhysAddr a20_masked(const Cpu *cpu, PhysAddr pa)
{
    return __atomic_load_n(&cpu->a20, __ATOMIC_RELAXED) ? pa : pa & ~((PhysAddr)1 << 20);
}

/* Rights of a finished walk that need no further walk: writing needs D already set. */
static void translation_from_walk(Cpu *cpu, LinAddr la, const Walk *walk, bool user, bool ac,
                                  Translation *t)
{
    t->pa = a20_masked(cpu, walk->pa & ~PAGE_MASK);
    t->page = address_space_page(cpu_memory(cpu), t->pa);
    t->read = page_rights_allow(cpu, walk, ACCESS_READ, user, ac);
    t->write = walk->dirty && page_rights_allow(cpu, walk, ACCESS_WRITE, user, ac);
    t->fetch = page_rights_allow(cpu, walk, ACCESS_FETCH, user, ac);
}

static bool translation_allows(const Translation *t, MemAccess access)
{
    return access == ACCESS_READ ? t->read : access == ACCESS_WRITE ? t->write : t->fetch;
}

/* Tags for what fast paths may do with the page. */
static void entry_fill(Cpu *cpu, TlbTable *table, unsigned index, LinAddr page)
{
    const Translation *t = &table->slot[index].t;
    TlbEntry *e = &table->context.entry[index];
    LinAddr none = invalid_tag(index) & ~PAGE_MASK;
    e->read = e->write = e->fetch = none;
    e->host = t->page.host;
    table->context.code_id[index] = 0;
    if (!t->page.host || table == &cpu->tlb_state->table[TLB_NEVER])
        return;
    if (t->fetch && !breakpoint_in_page(cpu, page))
        e->fetch = page;
    if (debug_page_watched(cpu, page) || watchpoint_in_page(cpu, page))
        return;
    if (t->read)
        e->read = page;
    if (t->write && t->page.writable &&
        !(__atomic_load_n(t->page.page_flags, __ATOMIC_SEQ_CST) & PAGE_HAS_CODE))
        e->write = page;
}

static void note_large_page(TlbState *state, LinAddr la, uint64_t size)
{
    LinAddr first = la & ~(size - 1);
    state->large_first = MIN(state->large_first, first);
    state->large_last = MAX(state->large_last, first + size - 1);
}

/* The table for an access that the CPU itself makes as supervisor (descriptor tables, TSS). */
static TlbTable *table_for(Cpu *cpu, MemRole role)
{
    TlbState *state = cpu->tlb_state;
    if (role == ROLE_SYSTEM)
        return &state->table[TLB_SUPERVISOR];
    const TlbEntry *tlb = cpu->tlb == state->empty ? state->hidden : cpu->tlb;
    for (unsigned mode = 0; mode < TLB_MODE_COUNT; mode++)
        if (tlb == state->table[mode].context.entry)
            return &state->table[mode];
    g_assert_not_reached();
}

/* As mmu_translate; NULL and *error where that raises. */
static const Translation *translate(Cpu *cpu, LinAddr la, MemAccess access, MemRole role,
                                    uint32_t *error)
{
    TlbTable *table = table_for(cpu, role);
    unsigned index = (la >> PAGE_SHIFT) & (TLB_SIZE - 1);
    LinAddr page = la & ~PAGE_MASK;
    TlbSlot *slot = &table->slot[index];
    if (slot->used && slot->la == page && translation_allows(&slot->t, access)) {
        entry_fill(cpu, table, index, page); /* code or watch flags may have gone */
        return &slot->t;
    }

    bool user = role == ROLE_CURRENT && cpu->cpl == 3;
    bool ac = role == ROLE_CURRENT && cpu->eflags & FLAG_AC;
    Walk walk;
    if (!page_walk(cpu, la, access, user, ac, WALK_SET_ACCESSED, &walk, error))
        return NULL;
    if (!slot->used)
        table->used[table->used_count++] = index;
    slot->used = true;
    slot->la = page;
    slot->global = walk.global;
    translation_from_walk(cpu, la, &walk, user, ac, &slot->t);
    if (walk.size > PAGE_SIZE)
        note_large_page(cpu->tlb_state, la, walk.size);
    entry_fill(cpu, table, index, page);
    return &slot->t;
}

const Translation *mmu_translate(Cpu *cpu, LinAddr la, MemAccess access, MemRole role)
{
    uint32_t error;
    const Translation *t = translate(cpu, la, access, role, &error);
    if (!t) {
        /* A stale translation must not survive the fault that replaces it. */
        tlb_flush_page(cpu, la);
        cpu_raise_pf(cpu, la, error);
    }
    return t;
}

static bool entry_matches(const Cpu *cpu, LinAddr la, MemAccess access)
{
    const TlbEntry *e = tlb_entry(cpu, la);
    return (la ^ (access == ACCESS_WRITE ? e->write : e->read)) <= PAGE_MASK;
}

bool mmu_refill(Cpu *cpu, LinAddr la, MemAccess access)
{
    uint32_t error;
    const TlbSlot *slot = &table_for(cpu, ROLE_CURRENT)->slot[(la >> PAGE_SHIFT) & (TLB_SIZE - 1)];
    if (slot->used && slot->la == (la & ~PAGE_MASK) && !slot->t.page.host)
        return false;
    if (entry_matches(cpu, la, access) || (cpu->mode == CPU_LONG && !cpu_is_canonical(cpu, la)))
        return false;
    return translate(cpu, la, access, ROLE_CURRENT, &error) && entry_matches(cpu, la, access);
}

const Translation *mmu_device(Cpu *cpu, LinAddr la)
{
    const TlbTable *table = table_for(cpu, ROLE_CURRENT);
    const TlbSlot *slot = &table->slot[(la >> PAGE_SHIFT) & (TLB_SIZE - 1)];
    LinAddr page = la & ~PAGE_MASK;
    bool plain = slot->used && slot->la == page && slot->t.read && !slot->t.page.host;
    bool checked = table == &cpu->tlb_state->table[TLB_NEVER];
    if (!plain || checked || debug_page_watched(cpu, page) || watchpoint_in_page(cpu, page))
        return NULL;
    return &slot->t;
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

void tlb_forget_writable(Cpu *cpu, const uint8_t *host_page)
{
    for (unsigned mode = 0; mode < TLB_MODE_COUNT; mode++) {
        TlbTable *table = &cpu->tlb_state->table[mode];
        for (unsigned i = 0; i < table->used_count; i++) {
            unsigned index = table->used[i];
            if (table->context.entry[index].host == host_page)
                table->context.entry[index].write = invalid_tag(index) & ~PAGE_MASK;
        }
    }
}

/* What is wrong with one slot and its entry, or NULL. */
static const char *slot_problem(Cpu *cpu, const TlbTable *table, unsigned index)
{
    const TlbEntry *e = &table->context.entry[index];
    const TlbSlot *s = &table->slot[index];
    LinAddr none = invalid_tag(index) & ~PAGE_MASK;
    if (e->read == none && e->write == none && e->fetch == none && !s->used)
        return NULL;
    if ((e->read != none && e->read != s->la) || (e->write != none && e->write != s->la) ||
        (e->fetch != none && e->fetch != s->la))
        return "a tag is not that of the slot's page";
    if (!s->used)
        return "a tag stands in an unused slot";
    if (s->la == UINT64_MAX)
        return NULL; /* dropped by tlb_flush_page */
    MemPage page = address_space_page(cpu_memory(cpu), s->t.pa);
    if (s->t.page.host != page.host || s->t.page.page_flags != page.page_flags)
        return "the memory map has other RAM there";
    if (e->host != page.host && (e->read != none || e->write != none || e->fetch != none))
        return "the host address is not that of the page";
    if (e->write != none && (!page.writable || *page.page_flags & PAGE_HAS_CODE))
        return "ROM or a page with code is written without a look";
    if ((e->read != none || e->write != none) && debug_page_watched(cpu, s->la))
        return "a page with a breakpoint has a tag";
    return NULL;
}

char *tlb_problem(Cpu *cpu)
{
    if (cpu->pending & PENDING_FLUSH)
        return NULL; /* nothing is looked up before the flush */
    for (unsigned mode = 0; mode < TLB_MODE_COUNT; mode++) {
        const TlbTable *table = &cpu->tlb_state->table[mode];
        unsigned used = 0;
        for (unsigned i = 0; i < TLB_SIZE; i++) {
            const char *problem = slot_problem(cpu, table, i);
            if (problem)
                return g_strdup_printf("TLB %u, slot %u (%#" PRIx64 "): %s", mode, i,
                                       table->slot[i].la, problem);
            used += table->slot[i].used;
        }
        if (used != table->used_count)
            return g_strdup_printf("TLB %u: %u slots are used, %u listed", mode, used,
                                   table->used_count);
    }
    return NULL;
}

void mmu_print(Cpu *cpu, GString *out)
{
    static const char *names[TLB_MODE_COUNT] = {"supervisor", "user", "supervisor+ac", "checked"};
    for (unsigned mode = 0; mode < TLB_MODE_COUNT; mode++) {
        const TlbTable *table = &cpu->tlb_state->table[mode];
        for (unsigned i = 0; i < table->used_count; i++) {
            const TlbSlot *s = &table->slot[table->used[i]];
            if (!s->used || s->la == UINT64_MAX)
                continue;
            g_string_append_printf(out, "%-13s %016" PRIx64 " -> %012" PRIx64 " %c%c%c%c%s\n",
                                   names[mode], s->la, s->t.pa, s->t.read ? 'r' : '-',
                                   s->t.write ? 'w' : '-', s->t.fetch ? 'x' : '-',
                                   s->global ? 'g' : '-', s->t.page.host ? "" : " device");
        }
    }
}
