/* tlb.c - the tables of each privilege context: TLB entries, code page numbers, jumps; what drops
 * them, and how many entries a TLB has.
 *
 * What is in use is known by bits, so that a flush costs what was filled. A TLB grows when pages
 * drive each other out, and shrinks when it has long been nearly empty. */
#include "cpu/tlb_priv.h"

#include "cpu/exec.h"
#include "cpu/walk.h"

/* --- dropping ------------------------------------------------------------------------------------ */

typedef void DropFn(TlbTable *table, unsigned index);

static void entry_drop(TlbTable *table, unsigned index)
{
    TlbEntry *e = &table->context.entry[index];
    e->read = e->write = e->fetch = tlb_no_tag(index);
}

static void code_drop(TlbTable *table, unsigned index)
{
    table->context.code_id[index] = 0;
}

static void jump_drop(TlbTable *table, unsigned index)
{
    /* A rip that is not looked for at this place. */
    table->context.jump[index] = (JumpEntry){index == 0, NULL};
}

static ALWAYS_INLINE void drop_marked(TlbTable *table, TlbUse *use, unsigned n, uint64_t bits,
                                      DropFn *drop)
{
    use->marks[n].used &= ~bits;
    for (; bits; bits &= bits - 1) {
        drop(table, n * 64 + __builtin_ctzll(bits));
        use->used--;
    }
}

static ALWAYS_INLINE void sweep_all(TlbTable *table, TlbUse *use, DropFn *drop)
{
    for (unsigned n = 0; use->used && n < use->places / 64; n++)
        drop_marked(table, use, n, use->marks[n].used, drop);
    memset(use->local, 0, sizeof(use->local));
}

static ALWAYS_INLINE void sweep_local(TlbTable *table, TlbUse *use, DropFn *drop)
{
    for (unsigned i = 0; i < (use->places + 4095) / 4096; i++) {
        for (uint64_t words = use->local[i]; words; words &= words - 1) {
            unsigned n = i * 64 + __builtin_ctzll(words);
            drop_marked(table, use, n, use->marks[n].used & ~use->marks[n].global, drop);
        }
        use->local[i] = 0;
    }
}

/* --- size ---------------------------------------------------------------------------------------- */

static void set_size(Cpu *cpu, TlbTable *table, unsigned entries)
{
    table->context.tlb_mask = tlb_mask_of(entries);
    table->entries.places = entries;
    table->evicted = table->sparse = 0;
    if (cpu->tlb == table->context.entry)
        cpu->tlb_mask = table->context.tlb_mask;
}

void tlb_resize(Cpu *cpu, TlbTable *table, unsigned entries)
{
    sweep_all(table, &table->entries, entry_drop);
    set_size(cpu, table, entries);
}

/* Before a flush. */
static void follow_use(Cpu *cpu, TlbTable *table)
{
    enum { PATIENCE = 16 };
    unsigned entries = table->entries.places, used = table->entries.used;
    if (used > entries / 2 && entries < TLB_LARGEST) {
        tlb_resize(cpu, table, 2 * entries);
        return;
    }
    if (used >= entries / 16 || entries == TLB_SMALLEST)
        table->sparse = 0;
    else if (++table->sparse == PATIENCE)
        tlb_resize(cpu, table, entries / 2);
}

/* --- life ---------------------------------------------------------------------------------------- */

static void table_init(TlbTable *table)
{
    table->entries = (TlbUse){.marks = table->entry_marks, .places = TLB_SMALLEST};
    table->codes = (TlbUse){.marks = table->code_marks, .places = CODE_IDS};
    table->jumps = (TlbUse){.marks = table->jump_marks, .places = JUMP_CACHE_SIZE};
    entry_drop(table, 0);
    jump_drop(table, 0);
    table->context.tlb_mask = tlb_mask_of(TLB_SMALLEST);
}

TlbState *tlb_state_new(void)
{
    TlbState *state = g_new0(TlbState, 1);
    for (unsigned mode = 0; mode < TLB_MODE_COUNT; mode++)
        table_init(&state->table[mode]);
    for (unsigned i = 0; i < G_N_ELEMENTS(state->empty); i++)
        state->empty[i] = (TlbEntry){tlb_no_tag(i), tlb_no_tag(i), tlb_no_tag(i), NULL};
    state->generation = 1;
    state->huge_first = UINT64_MAX;
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

TlbMode mmu_tlb_mode(const Cpu *cpu)
{
    return ((uintptr_t)cpu->tlb - (uintptr_t)cpu->tlb_state->table) / sizeof(TlbTable);
}

void tlb_select(Cpu *cpu, TlbMode mode)
{
    MmuContext *context = mmu_context_of(cpu, mode);
    cpu->tlb = context->entry;
    cpu->tlb_mask = context->tlb_mask;
}

void tlb_hide(Cpu *cpu)
{
    TlbState *state = cpu->tlb_state;
    if (cpu->tlb != state->empty)
        state->hidden = cpu->tlb;
    cpu->tlb = state->empty;
    cpu->tlb_mask = tlb_mask_of(G_N_ELEMENTS(state->empty));
}

/* --- jumps and code pages -------------------------------------------------------------------------- */

/* Does a mapping of the page stay when the address space changes? */
static bool page_is_global(const TlbTable *table, LinAddr page)
{
    const MmuContext *context = &table->context;
    const TlbEntry *e = tlb_entry_in(context->entry, context->tlb_mask, page);
    unsigned index = e - context->entry;
    return e->fetch == page && table->entry_marks[index / 64].global >> index % 64 & 1;
}

static LinAddr jump_page(const MmuContext *context, uint64_t rip)
{
    LinAddr la = rip + context->jump_base;
    if (context->jump_base) /* outside 64-bit mode, where addresses wrap */
        la = (uint32_t)la;
    return la & ~PAGE_MASK;
}

static unsigned jump_page_bit(LinAddr page)
{
    return (page >> PAGE_SHIFT) % JUMP_PAGES;
}

void mmu_jump_add(MmuContext *context, uint64_t rip, const void *code)
{
    TlbTable *table = (TlbTable *)context;
    LinAddr page = jump_page(context, rip);
    unsigned index = jump_index(rip), bit = jump_page_bit(page);
    use_set(&table->jumps, index, page_is_global(table, page));
    table->jump_pages[bit / 64] |= (uint64_t)1 << bit % 64;
    context->jump[index] = (JumpEntry){rip, code};
}

void mmu_jump_drop(MmuContext *context, uint64_t rip, const void *code)
{
    TlbTable *table = (TlbTable *)context;
    unsigned index = jump_index(rip);
    if (context->jump[index].rip != rip || context->jump[index].code != code)
        return;
    jump_drop(table, index);
    use_unset(&table->jumps, index);
}

void mmu_jumps_clear(MmuContext *context)
{
    TlbTable *table = (TlbTable *)context;
    sweep_all(table, &table->jumps, jump_drop);
    memset(table->jump_pages, 0, sizeof(table->jump_pages));
}

/* Those into the page, and into others with the same low bits. */
static void jumps_drop_page(TlbTable *table, LinAddr page)
{
    unsigned bit = jump_page_bit(page);
    if (LIKELY(!(table->jump_pages[bit / 64] >> bit % 64 & 1)))
        return;
    table->jump_pages[bit / 64] &= ~((uint64_t)1 << bit % 64);
    for (unsigned i = 0; i < JUMP_CACHE_SIZE / 64; i++) {
        for (uint64_t bits = table->jump_marks[i].used; bits; bits &= bits - 1) {
            unsigned index = i * 64 + __builtin_ctzll(bits);
            uint64_t rip = table->context.jump[index].rip;
            if (jump_page_bit(jump_page(&table->context, rip)) == bit) {
                jump_drop(table, index);
                use_unset(&table->jumps, index);
            }
        }
    }
}

void mmu_code_id_set(MmuContext *context, LinAddr page, uint32_t id)
{
    TlbTable *table = (TlbTable *)context;
    unsigned index = (page >> PAGE_SHIFT) % CODE_IDS;
    use_set(&table->codes, index, page_is_global(table, page));
    context->code_id[index] = id;
}

void mmu_code_ids_clear(MmuContext *context)
{
    TlbTable *table = (TlbTable *)context;
    sweep_all(table, &table->codes, code_drop);
}

/* --- slots --------------------------------------------------------------------------------------- */

const uint32_t MMU_SLOTS_AT = offsetof(TlbState, slot);
const uint32_t MMU_SLOTS_FILLED_AT = offsetof(TlbState, slots_filled);
const uint32_t MMU_SLOT_MISSES_AT = offsetof(TlbState, slot_misses);

uint32_t mmu_slot_misses(const Cpu *cpu, unsigned slot)
{
    return cpu->tlb_state->slot_misses[slot];
}

void mmu_slots_empty(Cpu *cpu)
{
    TlbState *state = cpu->tlb_state;
    for (unsigned group = 0; group < G_N_ELEMENTS(state->slots_filled); group++) {
        if (!state->slots_filled[group])
            continue;
        state->slots_filled[group] = 0;
        for (unsigned i = 0; i < SLOT_GROUP; i++)
            state->slot[group * SLOT_GROUP + i].span = 0;
    }
}

/* What a slot knows is no more than an entry knew: whoever drops entries comes here. */
void tlb_entries_change(Cpu *cpu)
{
    cpu->tlb_epoch++;
    mmu_slots_empty(cpu);
}

/* --- flushing ------------------------------------------------------------------------------------ */

/* Code may be elsewhere afterwards. */
static void note_flush(Cpu *cpu)
{
    tlb_entries_change(cpu);
    returns_forget(&cpu->jit);
}

void tlb_flush_all(Cpu *cpu)
{
    note_flush(cpu);
    TlbState *state = cpu->tlb_state;
    walk_cache_reset(cpu);
    state->generation++;
    for (unsigned mode = 0; mode < TLB_MODE_COUNT; mode++) {
        TlbTable *table = &state->table[mode];
        follow_use(cpu, table);
        sweep_all(table, &table->entries, entry_drop);
        sweep_all(table, &table->codes, code_drop);
        mmu_jumps_clear(&table->context);
    }
    memset(state->large, 0, sizeof(state->large));
    state->huge_first = UINT64_MAX;
    state->huge_last = 0;
}

void tlb_flush_non_global(Cpu *cpu)
{
    note_flush(cpu);
    walk_cache_flush(cpu);
    cpu->tlb_state->generation++;
    for (unsigned mode = 0; mode < TLB_MODE_COUNT; mode++) {
        TlbTable *table = &cpu->tlb_state->table[mode];
        follow_use(cpu, table);
        sweep_local(table, &table->entries, entry_drop);
        sweep_local(table, &table->codes, code_drop);
        sweep_local(table, &table->jumps, jump_drop);
    }
}

static void drop_page(TlbTable *table, LinAddr page)
{
    MmuContext *context = &table->context;
    TlbEntry *e = tlb_entry_in(context->entry, context->tlb_mask, page);
    if (entry_has(e, page))
        entry_drop(table, e - context->entry);
    KnownPage *known = &table->known[(page >> PAGE_SHIFT) % KNOWN_PAGES];
    if (known->la == page)
        known->generation = 0;
    context->code_id[(page >> PAGE_SHIFT) % CODE_IDS] = 0;
    jumps_drop_page(table, page);
}

enum { REGION_SHIFT = 21 };

/* As it stands in TlbState.large. */
static LinAddr region_of(LinAddr la)
{
    return la >> REGION_SHIFT << REGION_SHIFT | LARGE_ONE;
}

static LinAddr *large_place(TlbState *state, LinAddr la)
{
    return &state->large[(la >> REGION_SHIFT) % LARGE_REGIONS];
}

static bool in_large_page(TlbState *state, LinAddr la)
{
    LinAddr large = *large_place(state, la);
    return large == region_of(la) || large == LARGE_MANY ||
           (la >= state->huge_first && la <= state->huge_last);
}

void tlb_forget_page(Cpu *cpu, LinAddr la)
{
    note_flush(cpu);
    if (in_large_page(cpu->tlb_state, la)) {
        tlb_flush_all(cpu);
        return;
    }
    for (unsigned mode = 0; mode < TLB_MODE_COUNT; mode++)
        drop_page(&cpu->tlb_state->table[mode], la & ~PAGE_MASK);
}

void tlb_flush_page(Cpu *cpu, LinAddr la)
{
    walk_cache_flush(cpu);
    tlb_forget_page(cpu, la);
}

void tlb_note_large_page(Cpu *cpu, LinAddr la, uint64_t size)
{
    enum { REGION = 1 << REGION_SHIFT };
    TlbState *state = cpu->tlb_state;
    LinAddr first = la & ~(size - 1), last = first + size - 1;
    if (size > 2 * REGION) {
        state->huge_first = MIN(state->huge_first, first);
        state->huge_last = MAX(state->huge_last, last);
        return;
    }
    for (LinAddr at = first; at - first < size; at += REGION) {
        LinAddr *large = large_place(state, at);
        bool shared = *large != LARGE_NONE && *large != region_of(at);
        *large = shared ? LARGE_MANY : region_of(at);
    }
}
