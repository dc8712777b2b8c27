/* group.c - the CPUs of one machine: who hears of memory map changes and of writes to code. */
#include "cpu/group.h"

#include "cpu/block.h"

static void map_changed(void *opaque)
{
    CpuGroup *group = opaque;
    for (unsigned i = 0; i < group->count; i++)
        cpu_kick(group->cpus[i], PENDING_FLUSH);
}

/* One page's part. Its flag goes when no CPU has blocks there any more: then stores are fast again.
 */
static void code_written_in_page(CpuGroup *group, uint8_t *host, uint64_t size)
{
    bool left = false;
    uint8_t *flags = NULL;
    for (unsigned i = 0; i < group->count; i++)
        left |= code_cache_invalidate(group->cpus[i]->code, host, size, &flags);
    if (!left && flags)
        __atomic_fetch_and(flags, (uint8_t)~PAGE_HAS_CODE, __ATOMIC_SEQ_CST);
}

static void code_written(void *opaque, uint8_t *host, uint64_t size)
{
    while (size) {
        uint64_t n = MIN(size, PAGE_SIZE - ((uintptr_t)host & PAGE_MASK));
        code_written_in_page(opaque, host, n);
        host += n;
        size -= n;
    }
}

void cpu_group_listen(CpuGroup *group, AddressSpace *as)
{
    as->on_change = map_changed;
    as->on_code_write = code_written;
    as->listener = group;
}
