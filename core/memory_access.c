/* memory_access.c - reading and writing an address space.
 *
 * An access is cut where ranges meet, then each piece goes to RAM or, cut or widened to what its
 * registers take, to a device. A device's function may change the map, so nothing found in the
 * table before it is used after it. */
#include "core/memory.h"
#include "core/ram.h"

/* --- finding ---------------------------------------------------------------------------------- */

const MemRange *address_space_find(const AddressSpace *as, uint64_t addr)
{
    const MemTable *table = __atomic_load_n(&as->table, __ATOMIC_ACQUIRE);
    size_t low = 0, high = table->count;
    size_t hint = __atomic_load_n(&as->last_hit, __ATOMIC_RELAXED);

    if (hint < high &&
        addr - table->ranges[hint].first <= table->ranges[hint].last - table->ranges[hint].first)
        return &table->ranges[hint];
    while (low < high) {
        size_t middle = (low + high) / 2;
        const MemRange *range = &table->ranges[middle];
        if (addr < range->first) {
            high = middle;
        } else if (addr > range->last) {
            low = middle + 1;
        } else {
            /* A search does not change the space; the hint is not part of its value. */
            __atomic_store_n((size_t *)&as->last_hit, middle, __ATOMIC_RELAXED);
            return range;
        }
    }
    return NULL;
}

/* Bytes from addr, at most `size`, that lie in the same range; 1 where nothing is. */
static uint64_t span(const MemRange *range, uint64_t addr, uint64_t size)
{
    if (!range)
        return 1;
    uint64_t rest = range->last - addr;
    return rest < size - 1 ? rest + 1 : size;
}

/* The largest access of 1, 2, 4 or 8 bytes not above n. */
static unsigned power_below(uint64_t n)
{
    return n >= 8 ? 8 : n >= 4 ? 4 : n >= 2 ? 2 : 1;
}

MemStretch address_space_stretch(AddressSpace *as, uint64_t addr)
{
    const MemRange *range = address_space_find(as, addr);

    if (!range || range->region->kind != MEM_RAM)
        return (MemStretch){0};
    uint64_t first = (range->first + PAGE_MASK) & ~PAGE_MASK, skipped = first - range->first;
    uint64_t offset = range->offset + skipped, bytes = range->last - range->first + 1;
    if (bytes <= skipped || offset & PAGE_MASK) /* a page would have two flag bytes */
        return (MemStretch){0};
    return (MemStretch){
        .first = first,
        .size = (bytes - skipped) & ~PAGE_MASK,
        .host = range->region->host + offset,
        .page_flags = range->region->page_flags + (offset >> PAGE_SHIFT),
        .writable = !range->readonly,
    };
}

MemPage address_space_page(AddressSpace *as, uint64_t addr)
{
    MemStretch s = address_space_stretch(as, addr);
    return addr - s.first < s.size ? mem_stretch_page(&s, addr - s.first) : (MemPage){0};
}

MemRegisters address_space_registers(AddressSpace *as, uint64_t addr)
{
    const MemTable *table = __atomic_load_n(&as->table, __ATOMIC_ACQUIRE);
    const MemRange *range = address_space_find(as, addr);
    uint64_t first = addr & ~PAGE_MASK;

    if (!range || range->region->kind != MEM_IO || range->first > first ||
        range->last < (first | PAGE_MASK))
        return (MemRegisters){0};
    return (MemRegisters){range->region, range->offset + (first - range->first), table};
}

/* --- RAM -------------------------------------------------------------------------------------- */

void address_space_ram_written(AddressSpace *as, MemRegion *ram, uint64_t offset, uint64_t size)
{
    if (!as->on_code_write)
        return;
    for (uint64_t page = offset >> PAGE_SHIFT; page <= (offset + size - 1) >> PAGE_SHIFT; page++) {
        if (!page_written_has_code(&ram->page_flags[page]))
            continue;
        uint64_t first = MAX(offset, page << PAGE_SHIFT);
        uint64_t end = MIN(offset + size, (page + 1) << PAGE_SHIFT);
        as->on_code_write(as->listener, ram->host + first, end - first);
    }
}

/* --- device registers ------------------------------------------------------------------------- */

static unsigned io_min(const MemRegion *r)
{
    return r->ops->min_size ? r->ops->min_size : 1;
}

static unsigned io_max(const MemRegion *r)
{
    return r->ops->max_size ? r->ops->max_size : 8;
}

/* The registers take such an access as it is. */
static bool io_takes(const MemRegion *r, unsigned size)
{
    return size >= io_min(r) && size <= io_max(r);
}

static uint64_t size_mask(unsigned size)
{
    return size == 8 ? UINT64_MAX : ((uint64_t)1 << 8 * size) - 1;
}

/* Reads up to min_size bytes at offset, out of the aligned register that holds them. */
static uint64_t io_load_narrow(MemRegion *r, uint64_t offset, unsigned size)
{
    unsigned min = io_min(r), within = offset & (min - 1);

    return (r->ops->read(r->opaque, offset - within, min) >> 8 * within) & size_mask(size);
}

static void io_store_narrow(MemRegion *r, uint64_t offset, uint64_t value, unsigned size)
{
    unsigned min = io_min(r), within = offset & (min - 1);

    r->ops->write(r->opaque, offset - within, (value & size_mask(size)) << 8 * within, min);
}

/* The next piece of an access of `size` bytes that the registers take whole. */
static unsigned io_piece(const MemRegion *r, uint64_t offset, unsigned size)
{
    unsigned min = io_min(r);

    if (size >= min)
        return MIN(size, io_max(r));
    return power_below(MIN(size, min - (offset & (min - 1))));
}

static uint64_t io_load(AddressSpace *as, MemRegion *r, uint64_t offset, unsigned size)
{
    uint64_t value = 0;

    if (!r->ops->read)
        return as->unmapped & size_mask(size);
    if (LIKELY(io_takes(r, size)))
        return r->ops->read(r->opaque, offset, size) & size_mask(size);
    for (unsigned done = 0, piece; done < size; done += piece) {
        piece = io_piece(r, offset + done, size - done);
        uint64_t part = piece >= io_min(r) ? r->ops->read(r->opaque, offset + done, piece)
                                           : io_load_narrow(r, offset + done, piece);
        value |= (part & size_mask(piece)) << 8 * done;
    }
    return value;
}

static void io_store(MemRegion *r, uint64_t offset, uint64_t value, unsigned size)
{
    if (!r->ops->write)
        return;
    if (LIKELY(io_takes(r, size))) {
        r->ops->write(r->opaque, offset, value & size_mask(size), size);
        return;
    }
    for (unsigned done = 0, piece; done < size; done += piece) {
        piece = io_piece(r, offset + done, size - done);
        uint64_t part = (value >> 8 * done) & size_mask(piece);
        if (piece >= io_min(r))
            r->ops->write(r->opaque, offset + done, part, piece);
        else
            io_store_narrow(r, offset + done, part, piece);
    }
}

/* --- single accesses -------------------------------------------------------------------------- */

/* An access that lies in one range, or in nothing. */
static uint64_t load_piece(AddressSpace *as, const MemRange *range, uint64_t addr, unsigned size)
{
    if (!range)
        return as->unmapped & size_mask(size);
    uint64_t offset = range->offset + (addr - range->first);
    if (range->region->kind == MEM_RAM)
        return ram_load(range->region->host + offset, size);
    return io_load(as, range->region, offset, size);
}

static void store_piece(AddressSpace *as, const MemRange *range, uint64_t addr, uint64_t value,
                        unsigned size)
{
    if (!range)
        return;
    MemRegion *r = range->region;
    uint64_t offset = range->offset + (addr - range->first);
    if (r->kind == MEM_IO) {
        io_store(r, offset, value, size);
    } else if (!range->readonly) {
        ram_store(r->host + offset, value, size);
        address_space_ram_written(as, r, offset, size);
    }
}

uint64_t address_space_load(AddressSpace *as, uint64_t addr, unsigned size)
{
    const MemRange *all = address_space_find(as, addr);
    uint64_t value = 0;

    if (LIKELY(span(all, addr, size) == size))
        return load_piece(as, all, addr, size);
    for (unsigned done = 0, piece; done < size; done += piece) {
        const MemRange *range = address_space_find(as, addr + done);
        piece = power_below(span(range, addr + done, size - done));
        value |= load_piece(as, range, addr + done, piece) << 8 * done;
    }
    return value;
}

void address_space_store(AddressSpace *as, uint64_t addr, uint64_t value, unsigned size)
{
    const MemRange *all = address_space_find(as, addr);

    if (LIKELY(span(all, addr, size) == size)) {
        store_piece(as, all, addr, value, size);
        return;
    }
    for (unsigned done = 0, piece; done < size; done += piece) {
        const MemRange *range = address_space_find(as, addr + done);
        piece = power_below(span(range, addr + done, size - done));
        store_piece(as, range, addr + done, value >> 8 * done, piece);
    }
}

static bool is_known(const AddressSpace *as, const MemRegisters *known)
{
    return known->region && known->table == as->table;
}

uint64_t address_space_load_known(AddressSpace *as, const MemRegisters *known, uint64_t addr,
                                  unsigned size)
{
    if (UNLIKELY(!is_known(as, known)))
        return address_space_load(as, addr, size);
    return io_load(as, known->region, known->offset + (addr & PAGE_MASK), size);
}

void address_space_store_known(AddressSpace *as, const MemRegisters *known, uint64_t addr,
                               uint64_t value, unsigned size)
{
    if (UNLIKELY(!is_known(as, known)))
        address_space_store(as, addr, value, size);
    else
        io_store(known->region, known->offset + (addr & PAGE_MASK), value, size);
}

/* --- bulk copies ------------------------------------------------------------------------------ */

/* The widest access at addr that is aligned and that the device takes. */
static unsigned bulk_piece(const MemRange *range, uint64_t addr, uint64_t size)
{
    unsigned piece = power_below(size);

    if (range)
        piece = MIN(piece, io_max(range->region));
    while (addr & (piece - 1))
        piece /= 2;
    return piece;
}

void address_space_read(AddressSpace *as, uint64_t addr, void *buffer, uint64_t size)
{
    uint8_t *bytes = buffer;

    while (size) {
        const MemRange *range = address_space_find(as, addr);
        uint64_t part = span(range, addr, size);
        if (range && range->region->kind == MEM_RAM) {
            memcpy(bytes, range->region->host + range->offset + (addr - range->first), part);
        } else {
            part = bulk_piece(range, addr, part);
            store_le(bytes, load_piece(as, range, addr, part), part);
        }
        addr += part;
        bytes += part;
        size -= part;
    }
}

typedef enum RomAccess { ROM_DROPS, ROM_TAKES } RomAccess;

static void write_bulk(AddressSpace *as, uint64_t addr, const uint8_t *bytes, uint64_t size,
                       RomAccess rom)
{
    while (size) {
        const MemRange *range = address_space_find(as, addr);
        uint64_t part = span(range, addr, size);
        if (range && range->region->kind == MEM_RAM) {
            MemRegion *ram = range->region;
            uint64_t offset = range->offset + (addr - range->first);
            if (!range->readonly || rom == ROM_TAKES) {
                memcpy(ram->host + offset, bytes, part);
                address_space_ram_written(as, ram, offset, part);
            }
        } else {
            part = bulk_piece(range, addr, part);
            store_piece(as, range, addr, load_le(bytes, part), part);
        }
        addr += part;
        bytes += part;
        size -= part;
    }
}

void address_space_write(AddressSpace *as, uint64_t addr, const void *buffer, uint64_t size)
{
    write_bulk(as, addr, buffer, size, ROM_DROPS);
}

void address_space_write_rom(AddressSpace *as, uint64_t addr, const void *buffer, uint64_t size)
{
    write_bulk(as, addr, buffer, size, ROM_TAKES);
}
