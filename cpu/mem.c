/* mem.c - guest memory accesses that the TLB's fast path does not serve: misses, page crossings,
 * device memory, code pages, watched pages, alignment checks, and read-modify-write. */
#include "cpu/breakpoint.h"
#include "cpu/cet.h"
#include "cpu/exec.h"
#include "cpu/group.h"
#include "cpu/mmu.h"

void seg_raise(Cpu *cpu, unsigned seg)
{
    cpu_raise(cpu, seg == SEG_SS ? EXC_SS : EXC_GP, 0);
}

/* True if the instruction in flight addressed the stack segment, which makes a non-canonical
 * address #SS instead of #GP: a memory operand through SS, or no memory operand at all (PUSH,
 * CALL). */
static bool insn_addresses_stack(const Cpu *cpu)
{
    const Insn *insn = cpu->insn;
    if (!insn)
        return false;
    for (unsigned i = 0; i < MAX_OPERANDS; i++)
        if (insn->op[i].kind == OPND_MEM)
            return insn->seg == SEG_SS;
    return true;
}

static void check_canonical(Cpu *cpu, LinAddr la, unsigned size)
{
    if (cpu->mode != CPU_LONG)
        return;
    if (!cpu_is_canonical(cpu, la) || !cpu_is_canonical(cpu, la + size - 1))
        cpu_raise(cpu, insn_addresses_stack(cpu) ? EXC_SS : EXC_GP, 0);
}

/* [SDM3] "Alignment Check Exception": CPL 3, CR0.AM, EFLAGS.AC. */
static void check_alignment(Cpu *cpu, LinAddr la, unsigned size)
{
    if (UNLIKELY(mmu_context(cpu) == mmu_context_of(cpu, TLB_NEVER)) && la & (size - 1))
        cpu_raise(cpu, EXC_AC, 0);
}

/* First byte of the page after la's; linear addresses wrap at 4 GiB outside IA-32e mode. In
 * compatibility mode the processor's own tables may lie above. */
static LinAddr next_page(const Cpu *cpu, LinAddr la)
{
    LinAddr next = (la | PAGE_MASK) + 1;
    return cpu_is_lma(cpu) ? next : (uint32_t)next;
}

static bool crosses_page(LinAddr la, unsigned size)
{
    return (la & PAGE_MASK) + size > PAGE_SIZE;
}

/* --- one page --------------------------------------------------------------------------------- */

static uint64_t physical_load(Cpu *cpu, const Translation *t, unsigned offset, unsigned size)
{
    if (t->page.host)
        return ram_load(t->page.host + offset, size);
    if (cpu->journal)
        cpu->journal->device(cpu->journal);
    lock_take(cpu->bus.lock);
    uint64_t v = address_space_load_known(cpu_memory(cpu), &t->registers, t->pa + offset, size);
    lock_release(cpu->bus.lock);
    return v;
}

static void physical_store(Cpu *cpu, const Translation *t, unsigned offset, uint64_t v,
                           unsigned size)
{
    if (t->page.host) {
        if (!t->page.writable)
            return; /* ROM */
        if (UNLIKELY(cpu->journal != NULL))
            cpu->journal->store(cpu->journal, t->page.host + offset, size,
                                *t->page.page_flags & PAGE_HAS_CODE);
        ram_store(t->page.host + offset, v, size);
        cpu_ram_written(cpu, &t->page, offset, size);
        return;
    }
    if (cpu->journal)
        cpu->journal->device(cpu->journal);
    lock_take(cpu->bus.lock);
    address_space_store_known(cpu_memory(cpu), &t->registers, t->pa + offset, v, size);
    lock_release(cpu->bus.lock);
}

/* --- loads and stores by role ----------------------------------------------------------------- */

static uint64_t load_as(Cpu *cpu, LinAddr la, unsigned size, MemRole role)
{
    if (LIKELY(!crosses_page(la, size)))
        return physical_load(cpu, mmu_translate(cpu, la, ACCESS_READ, role), la & PAGE_MASK, size);
    /* Both pages are translated before either is read; the second look-up may evict the first. */
    unsigned first = PAGE_SIZE - (la & PAGE_MASK);
    Translation low = *mmu_translate(cpu, la, ACCESS_READ, role);
    Translation high = *mmu_translate(cpu, next_page(cpu, la), ACCESS_READ, role);
    uint64_t v = 0;
    for (unsigned i = 0; i < size; i++) {
        uint64_t byte = i < first ? physical_load(cpu, &low, (la & PAGE_MASK) + i, 1)
                                  : physical_load(cpu, &high, i - first, 1);
        v |= byte << (8 * i);
    }
    return v;
}

static void store_as(Cpu *cpu, LinAddr la, uint64_t v, unsigned size, MemRole role)
{
    if (LIKELY(!crosses_page(la, size))) {
        physical_store(cpu, mmu_translate(cpu, la, ACCESS_WRITE, role), la & PAGE_MASK, v, size);
        return;
    }
    unsigned first = PAGE_SIZE - (la & PAGE_MASK);
    Translation low = *mmu_translate(cpu, la, ACCESS_WRITE, role);
    Translation high = *mmu_translate(cpu, next_page(cpu, la), ACCESS_WRITE, role);
    for (unsigned i = 0; i < size; i++) {
        if (i < first)
            physical_store(cpu, &low, (la & PAGE_MASK) + i, v >> (8 * i) & 0xff, 1);
        else
            physical_store(cpu, &high, i - first, v >> (8 * i) & 0xff, 1);
    }
}

uint64_t mem_load_slow(Cpu *cpu, LinAddr la, unsigned size)
{
    check_canonical(cpu, la, size);
    check_alignment(cpu, la, size);
    uint64_t v = load_as(cpu, la, size, ROLE_CURRENT);
    debug_data_access(cpu, la, size, ACCESS_READ);
    return v;
}

void mem_store_slow(Cpu *cpu, LinAddr la, uint64_t v, unsigned size)
{
    check_canonical(cpu, la, size);
    check_alignment(cpu, la, size);
    store_as(cpu, la, v, size, ROLE_CURRENT);
    debug_data_access(cpu, la, size, ACCESS_WRITE);
}

bool mem_load_device(Cpu *cpu, LinAddr la, unsigned size, uint64_t *value)
{
    if (crosses_page(la, size) || cpu->journal)
        return false;
    const Translation *t = mmu_device(cpu, la);
    if (t)
        *value = physical_load(cpu, t, la & PAGE_MASK, size);
    return t;
}

/* The supervisor's entry for la, which is good for the CPU's own accesses at any privilege. */
static const TlbEntry *system_entry(const Cpu *cpu, LinAddr la)
{
    const MmuContext *context = mmu_context_of(cpu, TLB_SUPERVISOR);
    return tlb_entry_in(context->entry, context->tlb_mask, la);
}

uint64_t mem_load_system(Cpu *cpu, LinAddr la, unsigned size)
{
    const TlbEntry *e = system_entry(cpu, la);
    uint64_t offset = la ^ e->read;
    if (LIKELY(offset <= PAGE_SIZE - size))
        return ram_load(e->host + offset, size);
    uint64_t v = load_as(cpu, la, size, ROLE_SYSTEM);
    watchpoint_access(cpu, la, size, ACCESS_READ);
    return v;
}

void mem_store_system(Cpu *cpu, LinAddr la, uint64_t v, unsigned size)
{
    const TlbEntry *e = system_entry(cpu, la);
    uint64_t offset = la ^ e->write;
    if (LIKELY(offset <= PAGE_SIZE - size) && !cpu->journal) {
        ram_store(e->host + offset, v, size);
        return;
    }
    store_as(cpu, la, v, size, ROLE_SYSTEM);
    watchpoint_access(cpu, la, size, ACCESS_WRITE);
}

void mem_probe(Cpu *cpu, LinAddr la, unsigned size, MemAccess access)
{
    check_canonical(cpu, la, size);
    mmu_translate(cpu, la, access, ROLE_CURRENT);
    if (crosses_page(la, size))
        mmu_translate(cpu, next_page(cpu, la), access, ROLE_CURRENT);
}

uint8_t *mem_host(Cpu *cpu, LinAddr la, unsigned size, MemAccess access)
{
    for (unsigned attempt = 0; attempt < 2; attempt++) {
        const TlbEntry *e = tlb_entry(cpu, la); /* the table may have grown */
        LinAddr tag = access == ACCESS_WRITE  ? e->write
                      : access == ACCESS_READ ? e->read
                                              : e->fetch;
        uint64_t offset = la ^ tag;
        if (LIKELY(offset <= PAGE_SIZE - size))
            return e->host + offset;
        if (attempt == 0)
            mem_probe(cpu, la, size, access);
    }
    return NULL;
}

/* --- read-modify-write ------------------------------------------------------------------------ */

/* Can the host compare and exchange there? x86 can within a cache line at any address. */
static bool host_can_cas(const uint8_t *host, unsigned size)
{
#ifdef __x86_64__
    enum { CACHE_LINE = 64 };
    return ((uintptr_t)host & (CACHE_LINE - 1)) + size <= CACHE_LINE;
#else
    return !((uintptr_t)host & (size - 1));
#endif
}

uint64_t rmw_begin_memory(Cpu *cpu, const Insn *insn, Rmw *m)
{
    unsigned size = insn->op[0].size;
    m->la = insn_linear(cpu, insn, size, ACCESS_WRITE);
    m->host = mem_host(cpu, m->la, size, ACCESS_WRITE);
    if (insn->lock && !(m->host && host_can_cas(m->host, size))) {
        m->host = NULL; /* what it was before the wait */
        cpu_group_alone(cpu);
    }
    if (m->host) {
        m->old = ram_load(m->host, size);
    } else {
        check_alignment(cpu, m->la, size);
        m->old = load_as(cpu, m->la, size, ROLE_CURRENT);
        debug_data_access(cpu, m->la, size, ACCESS_READ);
    }
    return m->old;
}

/* Compare and exchange where host_can_cas. */
static bool host_cas(uint8_t *host, uint64_t old, uint64_t v, unsigned size)
{
    switch (size) {
    case 1: {
        uint8_t expected = old;
        return __atomic_compare_exchange_n(host, &expected, v, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_RELAXED);
    }
    case 2: {
        uint16_t expected = GUINT16_TO_LE((uint16_t)old);
        return __atomic_compare_exchange_n((uint16_t *)host, &expected, GUINT16_TO_LE((uint16_t)v),
                                           false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
    }
    case 4: {
        uint32_t expected = GUINT32_TO_LE((uint32_t)old);
        return __atomic_compare_exchange_n((uint32_t *)host, &expected, GUINT32_TO_LE((uint32_t)v),
                                           false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
    }
    default: {
        uint64_t expected = GUINT64_TO_LE(old);
        return __atomic_compare_exchange_n((uint64_t *)host, &expected, GUINT64_TO_LE(v), false,
                                           __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
    }
    }
}

bool rmw_commit_memory(Cpu *cpu, const Insn *insn, Rmw *m, uint64_t v)
{
    unsigned size = insn->op[0].size;
    if (!m->host) {
        store_as(cpu, m->la, v, size, ROLE_CURRENT);
        debug_data_access(cpu, m->la, size, ACCESS_WRITE);
        if (insn->lock)
            cpu_group_share(cpu);
        return true;
    }
    if (insn->lock)
        return host_cas(m->host, m->old, v, size);
    ram_store(m->host, v, size);
    return true;
}

/* --- shadow stacks ---------------------------------------------------------------------------- */

static void check_shadow_canonical(Cpu *cpu, LinAddr la, unsigned size)
{
    if (!cpu_is_canonical(cpu, la) || !cpu_is_canonical(cpu, la + size - 1))
        raise_GP(cpu, 0);
}

/* SSP is aligned to four bytes, so that no half of an access crosses a page. */
static uint64_t shadow_load_half(Cpu *cpu, LinAddr la, ShadowOwner owner)
{
    Translation t = mmu_translate_shadow(cpu, la, ACCESS_READ, owner == SHADOW_USER);
    return physical_load(cpu, &t, la & PAGE_MASK, 4);
}

uint64_t shadow_load(Cpu *cpu, LinAddr la, unsigned size, ShadowOwner owner)
{
    check_shadow_canonical(cpu, la, size);
    uint64_t v = shadow_load_half(cpu, la, owner);
    if (size == 8)
        v |= shadow_load_half(cpu, la + 4, owner) << 32;
    return v;
}

void shadow_store(Cpu *cpu, LinAddr la, uint64_t v, unsigned size, ShadowOwner owner)
{
    bool user = owner == SHADOW_USER;
    check_shadow_canonical(cpu, la, size);
    Translation low = mmu_translate_shadow(cpu, la, ACCESS_WRITE, user);
    Translation high = mmu_translate_shadow(cpu, la + size - 4, ACCESS_WRITE, user);
    physical_store(cpu, &low, la & PAGE_MASK, (uint32_t)v, 4);
    if (size == 8)
        physical_store(cpu, &high, (la + 4) & PAGE_MASK, v >> 32, 4);
}

uint64_t shadow_exchange(Cpu *cpu, LinAddr la, uint64_t expected, uint64_t v, ShadowOwner owner)
{
    check_shadow_canonical(cpu, la, 8);
    Translation t = mmu_translate_shadow(cpu, la, ACCESS_WRITE, owner == SHADOW_USER);
    if (t.page.host && t.page.writable) {
        uint64_t found = GUINT64_TO_LE(expected);
        __atomic_compare_exchange_n((uint64_t *)(t.page.host + (la & PAGE_MASK)), &found,
                                    GUINT64_TO_LE(v), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        return GUINT64_FROM_LE(found);
    }
    uint64_t found = physical_load(cpu, &t, la & PAGE_MASK, 8);
    if (found == expected)
        physical_store(cpu, &t, la & PAGE_MASK, v, 8);
    return found;
}

/* --- for the monitor and gdb ------------------------------------------------------------------ */

bool mem_translate_debug(Cpu *cpu, LinAddr la, PhysAddr *pa)
{
    return mmu_translate_debug(cpu, la, pa);
}

size_t mem_read_debug(Cpu *cpu, LinAddr la, void *buffer, size_t size)
{
    size_t done = 0;
    while (done < size) {
        PhysAddr pa;
        size_t n = MIN(size - done, PAGE_SIZE - ((la + done) & PAGE_MASK));
        if (!mmu_translate_debug(cpu, la + done, &pa))
            break;
        address_space_read(cpu_memory(cpu), pa, (uint8_t *)buffer + done, n);
        done += n;
    }
    return done;
}

size_t mem_write_debug(Cpu *cpu, LinAddr la, const void *buffer, size_t size)
{
    size_t done = 0;
    while (done < size) {
        PhysAddr pa;
        size_t n = MIN(size - done, PAGE_SIZE - ((la + done) & PAGE_MASK));
        if (!mmu_translate_debug(cpu, la + done, &pa))
            break;
        address_space_write_rom(cpu_memory(cpu), pa, (const uint8_t *)buffer + done, n);
        done += n;
    }
    return done;
}
