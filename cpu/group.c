/* group.c - the CPUs of one machine: who hears of memory map changes, of pages that become code and
 * of writes to code.
 *
 * A page becomes code in this order: its flag is set, the fast write entries for it go on every
 * CPU, its bytes are read and decoded, the block is published. A store is made before the flag is
 * looked at (page_written_has_code). So each store is either seen by the decoder, or sees the flag
 * and has the block dropped. */
#include "cpu/group.h"

#include "cpu/block.h"
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
    GPtrArray *new_code; /* pages that somebody is about to decode */
    GArray *writes;      /* CodeWrite, in the order they were made */
    bool drop_all;
};

void cpu_group_init(CpuGroup *group, Cpu **cpus, unsigned count)
{
    *group = (CpuGroup){.members = g_new0(CpuGroupMember, count), .count = count};
    g_mutex_init(&group->lock);
    g_cond_init(&group->served);
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
        g_mutex_clear(&group->lock);
        g_cond_clear(&group->served);
    }
    g_free(group->members);
    *group = (CpuGroup){0};
}

static CpuGroupMember *member_of(Cpu *cpu)
{
    return &cpu->group->members[cpu->index];
}

/* Everything from here to the next heading is called with the lock held. */

static bool runs_elsewhere(const Cpu *cpu)
{
    return cpu->thread && cpu->thread != g_thread_self();
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
    g_cond_broadcast(&m->cpu->group->served); /* it may be waiting itself */
}

static void serve_new_code(CpuGroupMember *m)
{
    for (unsigned i = 0; i < m->new_code->len; i++)
        tlb_forget_writable(m->cpu, g_ptr_array_index(m->new_code, i));
    if (m->new_code->len)
        g_cond_broadcast(&m->cpu->group->served);
    g_ptr_array_set_size(m->new_code, 0);
}

/* Until no other CPU has yet to forget a page, whoever asked for it: a page whose flag is set may
 * still be on its way. Two CPUs that wait for each other serve each other. */
static void wait_until_forgotten(CpuGroupMember *self)
{
    CpuGroup *group = self->cpu->group;
    unsigned i = 0;
    while (i < group->count) {
        CpuGroupMember *m = &group->members[i++];
        if (m == self || !m->new_code->len)
            continue;
        serve_new_code(self);
        g_cond_wait(&group->served, &group->lock);
        i = 0;
    }
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
    g_mutex_lock(&cpu->group->lock);
    __atomic_store_n(&cpu->thread, g_thread_self(), __ATOMIC_RELAXED);
    g_mutex_unlock(&cpu->group->lock);
}

void cpu_group_leave(Cpu *cpu)
{
    g_mutex_lock(&cpu->group->lock);
    serve_new_code(member_of(cpu));
    serve_writes(member_of(cpu));
    __atomic_store_n(&cpu->thread, NULL, __ATOMIC_RELAXED);
    g_mutex_unlock(&cpu->group->lock);
}

void cpu_group_serve(Cpu *cpu)
{
    g_mutex_lock(&cpu->group->lock);
    serve_new_code(member_of(cpu));
    serve_writes(member_of(cpu));
    g_mutex_unlock(&cpu->group->lock);
}

static void map_changed(void *opaque)
{
    CpuGroup *group = opaque;
    for (unsigned i = 0; i < group->count; i++)
        cpu_kick(group->members[i].cpu, PENDING_FLUSH);
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
