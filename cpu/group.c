/* group.c - the CPUs of one machine: who hears of memory map changes, of pages that become code and
 * of writes to code; and who must stand while one of them is alone with memory.
 *
 * A page becomes code in this order: its flag is set, the fast write entries for it go on every
 * CPU, its bytes are read and decoded, the block is published. A store is made before the flag is
 * looked at (page_written_has_code). So each store is either seen by the decoder, or sees the flag
 * and has the block dropped. */
#include "cpu/group.h"

#include "cpu/block.h"
#include "cpu/exec.h"
#include "cpu/mmu.h"

/* More writes than this, and the CPU is told to drop all its blocks. */
enum { MAX_WRITES = 256 };

typedef struct CodeWrite {
    uint8_t *host; /* [host, host+size) lies in one page */
    uint64_t size;
} CodeWrite;

/* What waits for a CPU that runs on another thread. */
struct CpuGroupMember {
    Cpu *cpu;
    bool resting;        /* in cpu_run, waiting, and touching no guest memory */
    uint64_t map_seen;   /* the last change of the memory map that it has flushed for */
    GPtrArray *new_code; /* pages that somebody is about to decode */
    GArray *writes;      /* CodeWrite, in the order they were made */
    bool drop_all;
};

/* A memory map that was replaced by change number `change`. */
typedef struct OldTable {
    MemTable *table;
    uint64_t change;
} OldTable;

static CpuGroupMember *member_of(Cpu *cpu)
{
    return &cpu->group->members[cpu->index];
}

/* Everything from here to the next heading is called with the lock held. */

static bool runs_elsewhere(const Cpu *cpu)
{
    return cpu->thread && cpu->thread != g_thread_self();
}

/* --- resting ---------------------------------------------------------------------------------- */

/* Between these two the CPU waits for `news`; it goes on when nobody is alone. */
static void rest_begin(CpuGroupMember *self)
{
    self->resting = true;
    g_cond_broadcast(&self->cpu->group->news);
}

static void rest_end(CpuGroupMember *self)
{
    CpuGroup *group = self->cpu->group;
    while (group->alone && group->alone != self)
        g_cond_wait(&group->news, &group->lock);
    self->resting = false;
}

/* --- the memory map --------------------------------------------------------------------------- */

/* Does a CPU run that has not flushed for this change yet? */
static bool anyone_behind(const CpuGroup *group, uint64_t change)
{
    for (unsigned i = 0; i < group->count; i++)
        if (group->members[i].cpu->thread && group->members[i].map_seen < change)
            return true;
    return false;
}

static void free_old_tables(CpuGroup *group)
{
    unsigned n = 0;
    while (n < group->old_tables->len) {
        const OldTable *old = &g_array_index(group->old_tables, OldTable, n);
        if (anyone_behind(group, old->change))
            break;
        g_free(old->table);
        n++;
    }
    if (n)
        g_array_remove_range(group->old_tables, 0, n);
}

/* --- pages that become code ------------------------------------------------------------------- */

static void ask_new_code(CpuGroupMember *m, uint8_t *page)
{
    if (!runs_elsewhere(m->cpu)) {
        tlb_forget_writable(m->cpu, page);
        return;
    }
    g_ptr_array_add(m->new_code, page);
    cpu_kick(m->cpu, PENDING_CODE);
    g_cond_broadcast(&m->cpu->group->news); /* it may be waiting itself */
}

static void serve_new_code(CpuGroupMember *m)
{
    for (unsigned i = 0; i < m->new_code->len; i++)
        tlb_forget_writable(m->cpu, g_ptr_array_index(m->new_code, i));
    if (m->new_code->len)
        g_cond_broadcast(&m->cpu->group->news);
    g_ptr_array_set_size(m->new_code, 0);
}

/* Has another CPU yet to forget a page? */
static bool someone_behind(const CpuGroupMember *self)
{
    const CpuGroup *group = self->cpu->group;
    for (unsigned i = 0; i < group->count; i++)
        if (&group->members[i] != self && group->members[i].new_code->len)
            return true;
    return false;
}

/* Until no other CPU has yet to forget a page, whoever asked for it: a page whose flag is set may
 * still be on its way. Two CPUs that wait for each other serve each other. */
static void wait_until_forgotten(CpuGroupMember *self)
{
    if (!someone_behind(self))
        return;
    rest_begin(self);
    while (someone_behind(self)) {
        serve_new_code(self);
        g_cond_wait(&self->cpu->group->news, &self->cpu->group->lock);
    }
    rest_end(self);
}

/* --- writes to code --------------------------------------------------------------------------- */

static bool anyone_has_code(const CpuGroup *group, const uint8_t *host)
{
    for (unsigned i = 0; i < group->count; i++)
        if (code_cache_has_page(group->members[i].cpu->code, host))
            return true;
    return false;
}

/* The page's flag goes when no CPU has code there any more: then stores are fast again. */
static void drop_written(Cpu *cpu, const CodeWrite *w)
{
    uint8_t *flags = code_cache_invalidate(cpu->code, w->host, w->size);
    if (flags && !anyone_has_code(cpu->group, w->host))
        __atomic_fetch_and(flags, (uint8_t)~PAGE_HAS_CODE, __ATOMIC_SEQ_CST);
}

static void tell_written(CpuGroupMember *m, const CodeWrite *w)
{
    if (!code_cache_has_page(m->cpu->code, w->host))
        return;
    if (!runs_elsewhere(m->cpu)) {
        drop_written(m->cpu, w);
        return;
    }
    if (m->writes->len < MAX_WRITES)
        g_array_append_val(m->writes, *w);
    else
        m->drop_all = true;
    cpu_kick(m->cpu, PENDING_CODE);
}

static void serve_writes(CpuGroupMember *m)
{
    if (m->drop_all)
        code_cache_flush(m->cpu->code);
    m->drop_all = false;
    for (unsigned i = 0; i < m->writes->len; i++)
        drop_written(m->cpu, &g_array_index(m->writes, CodeWrite, i));
    g_array_set_size(m->writes, 0);
}

/* --- a group's life ---------------------------------------------------------------------------- */

void cpu_group_init(CpuGroup *group, Cpu **cpus, unsigned count)
{
    *group = (CpuGroup){
        .members = g_new0(CpuGroupMember, count),
        .count = count,
        .old_tables = g_array_new(FALSE, FALSE, sizeof(OldTable)),
    };
    g_mutex_init(&group->lock);
    g_cond_init(&group->news);
    for (unsigned i = 0; i < count; i++) {
        g_assert(cpus[i]->index == i);
        group->members[i] = (CpuGroupMember){
            .cpu = cpus[i],
            .new_code = g_ptr_array_new(),
            .writes = g_array_new(FALSE, FALSE, sizeof(CodeWrite)),
        };
        cpus[i]->group = group;
    }
}

void cpu_group_fini(CpuGroup *group)
{
    for (unsigned i = 0; i < group->count; i++) {
        g_ptr_array_free(group->members[i].new_code, TRUE);
        g_array_free(group->members[i].writes, TRUE);
    }
    if (group->members) {
        free_old_tables(group);
        g_array_free(group->old_tables, TRUE);
        g_mutex_clear(&group->lock);
        g_cond_clear(&group->news);
    }
    g_free(group->members);
    *group = (CpuGroup){0};
}

/* --- from the CPUs and the memory map --------------------------------------------------------- */

void cpu_group_code_page(Cpu *cpu, const MemPage *page)
{
    CpuGroup *group = cpu->group;
    g_mutex_lock(&group->lock);
    code_cache_add_page(cpu->code, page);
    uint8_t old = __atomic_fetch_or(page->page_flags, PAGE_HAS_CODE, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < group->count && !(old & PAGE_HAS_CODE); i++)
        ask_new_code(&group->members[i], page->host);
    wait_until_forgotten(member_of(cpu));
    g_mutex_unlock(&group->lock);
}

void cpu_group_enter(Cpu *cpu)
{
    CpuGroup *group = cpu->group;
    g_mutex_lock(&group->lock);
    while (group->alone)
        g_cond_wait(&group->news, &group->lock);
    member_of(cpu)->map_seen = group->map_changes;
    __atomic_store_n(&cpu->thread, g_thread_self(), __ATOMIC_RELAXED);
    g_mutex_unlock(&group->lock);
}

void cpu_group_leave(Cpu *cpu)
{
    g_mutex_lock(&cpu->group->lock);
    serve_new_code(member_of(cpu));
    serve_writes(member_of(cpu));
    __atomic_store_n(&cpu->thread, NULL, __ATOMIC_RELAXED);
    free_old_tables(cpu->group);
    g_cond_broadcast(&cpu->group->news);
    g_mutex_unlock(&cpu->group->lock);
}

void cpu_group_serve(Cpu *cpu)
{
    CpuGroupMember *self = member_of(cpu);
    g_mutex_lock(&cpu->group->lock);
    serve_new_code(self);
    serve_writes(self);
    if (cpu->group->alone) {
        rest_begin(self);
        rest_end(self);
    }
    g_mutex_unlock(&cpu->group->lock);
}

static bool must_stop(const CpuGroupMember *m)
{
    return runs_elsewhere(m->cpu) && !m->resting;
}

static bool all_others_rest(const CpuGroup *group)
{
    for (unsigned i = 0; i < group->count; i++)
        if (must_stop(&group->members[i]))
            return false;
    return true;
}

/* Who waits for its turn rests itself: two that want to be alone do not wait for each other. */
void cpu_group_alone(Cpu *cpu)
{
    CpuGroup *group = cpu->group;
    CpuGroupMember *self = member_of(cpu);
    g_assert(!cpu->alone);
    cpu->alone = true;
    g_mutex_lock(&group->lock);
    rest_begin(self);
    rest_end(self);
    group->alone = self;
    for (unsigned i = 0; i < group->count; i++)
        if (must_stop(&group->members[i]))
            cpu_kick(group->members[i].cpu, PENDING_CODE);
    while (!all_others_rest(group))
        g_cond_wait(&group->news, &group->lock);
    g_mutex_unlock(&group->lock);
}

void cpu_group_share(Cpu *cpu)
{
    cpu->alone = false;
    g_mutex_lock(&cpu->group->lock);
    cpu->group->alone = NULL;
    g_cond_broadcast(&cpu->group->news);
    g_mutex_unlock(&cpu->group->lock);
}

/* Machine lock held, perhaps in the middle of an instruction: the wait is in cpu_group_flush. */
static void map_changed(void *opaque, MemTable *table)
{
    CpuGroup *group = opaque;
    if (!group->count) {
        g_free(table);
        return;
    }
    g_mutex_lock(&group->lock);
    OldTable old = {table, ++group->map_changes};
    g_array_append_val(group->old_tables, old);
    for (unsigned i = 0; i < group->count; i++)
        cpu_kick(group->members[i].cpu, PENDING_FLUSH);
    free_old_tables(group);
    g_mutex_unlock(&group->lock);
}

void cpu_group_flush(Cpu *cpu)
{
    CpuGroup *group = cpu->group;
    CpuGroupMember *self = member_of(cpu);
    g_mutex_lock(&group->lock);
    tlb_flush_all(cpu);
    uint64_t change = self->map_seen = group->map_changes;
    free_old_tables(group);
    rest_begin(self);
    while (anyone_behind(group, change)) {
        serve_new_code(self);
        g_cond_wait(&group->news, &group->lock);
    }
    rest_end(self);
    g_mutex_unlock(&group->lock);
}

static void code_written(void *opaque, uint8_t *host, uint64_t size)
{
    CpuGroup *group = opaque;
    g_mutex_lock(&group->lock);
    while (size) {
        CodeWrite w = {host, MIN(size, PAGE_SIZE - ((uintptr_t)host & PAGE_MASK))};
        for (unsigned i = 0; i < group->count; i++)
            tell_written(&group->members[i], &w);
        host += w.size;
        size -= w.size;
    }
    g_mutex_unlock(&group->lock);
}

void cpu_group_listen(CpuGroup *group, AddressSpace *as)
{
    as->on_change = map_changed;
    as->on_code_write = code_written;
    as->listener = group;
}
