/* test_memory.c - regions, priorities, aliases, flattening, and every way to access them. */
#include "core/memory.h"
#include "core/error.h"

/* --- a bench: one address space with a log of what its devices hear --------------------------- */

typedef struct Bench {
    MemRegion root, ram, io;
    AddressSpace as;
    GString *log;
    unsigned changes;
    uint8_t *code_host;
    uint64_t code_size;
    MemRegion *remove_on_write;
} Bench;

static uint64_t io_read(void *opaque, uint64_t offset, unsigned size)
{
    Bench *b = opaque;

    g_string_append_printf(b->log, "r%u@%x ", size, (unsigned)offset);
    return 0x8877665544332211 >> 8 * (offset & 7);
}

static void io_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Bench *b = opaque;

    g_string_append_printf(b->log, "w%u@%x=%llx ", size, (unsigned)offset,
                           (unsigned long long)value);
    if (b->remove_on_write)
        mem_remove(g_steal_pointer(&b->remove_on_write));
}

static const MemOps any_ops = {io_read, io_write, 0, 0};
static const MemOps byte_ops = {io_read, io_write, 1, 1};
static const MemOps dword_ops = {io_read, io_write, 4, 4};

static void count_change(void *opaque, MemTable *old)
{
    g_free(old);
    ((Bench *)opaque)->changes++;
}

static void note_code_write(void *opaque, uint8_t *host, uint64_t size)
{
    Bench *b = opaque;

    b->code_host = host;
    b->code_size += size;
}

static Bench *bench_new(const MemOps *ops)
{
    Bench *b = g_new0(Bench, 1);

    b->log = g_string_new(NULL);
    mem_init_container(&b->root, "root", (uint64_t)1 << 52);
    g_assert_true(mem_init_ram(&b->ram, "ram", 0x10000, NULL));
    mem_init_io(&b->io, "io", 0x1000, ops, b);
    address_space_init(&b->as, "test", &b->root);
    b->as.listener = b;
    b->as.on_change = count_change;
    b->as.on_code_write = note_code_write;
    return b;
}

static void bench_free(Bench *b)
{
    mem_fini(&b->io);
    mem_fini(&b->ram);
    address_space_fini(&b->as);
    mem_fini(&b->root);
    g_string_free(b->log, TRUE);
    g_free(b);
}

/* Each range as "first-last name+offset[ ro]", joined by '|'. */
static char *shape(const AddressSpace *as)
{
    GString *s = g_string_new(NULL);

    for (size_t i = 0; i < as->table->count; i++) {
        const MemRange *r = &as->table->ranges[i];
        g_string_append_printf(s, "%s%llx-%llx %s+%llx%s", i ? "|" : "",
                               (unsigned long long)r->first, (unsigned long long)r->last,
                               r->region->name, (unsigned long long)r->offset,
                               r->readonly ? " ro" : "");
    }
    return g_string_free(s, FALSE);
}

static void check_shape(const AddressSpace *as, const char *expected)
{
    g_autofree char *is = shape(as);

    g_assert_cmpstr(is, ==, expected);
}

static void check_log(Bench *b, const char *expected)
{
    g_assert_cmpstr(b->log->str, ==, expected);
    g_string_truncate(b->log, 0);
}

/* --- flattening ------------------------------------------------------------------------------- */

static void test_overlap(void)
{
    Bench *b = bench_new(&any_ops);

    mem_add(&b->root, 0, &b->ram, 0);
    mem_add(&b->root, 0x3000, &b->io, 1);
    check_shape(&b->as, "0-2fff ram+0|3000-3fff io+0|4000-ffff ram+4000");
    mem_set_enabled(&b->io, false);
    check_shape(&b->as, "0-ffff ram+0");
    mem_set_enabled(&b->io, true);
    mem_set_addr(&b->io, 0xf800);
    check_shape(&b->as, "0-f7ff ram+0|f800-107ff io+0");
    bench_free(b);
}

static void test_priority(void)
{
    Bench *b = bench_new(&any_ops);

    /* The same priority: the later added is seen. A lower priority: it is not. */
    mem_add(&b->root, 0x1000, &b->io, 0);
    mem_add(&b->root, 0, &b->ram, 0);
    check_shape(&b->as, "0-ffff ram+0");
    mem_remove(&b->ram);
    mem_add(&b->root, 0, &b->ram, -1);
    check_shape(&b->as, "0-fff ram+0|1000-1fff io+0|2000-ffff ram+2000");
    bench_free(b);
}

static void test_priority_is_local(void)
{
    Bench *b = bench_new(&any_ops);
    MemRegion box;

    /* Priority 5 inside a box of priority 0 does not lift it over the RAM of priority 1. */
    mem_init_container(&box, "box", 0x8000);
    mem_add(&box, 0x0, &b->io, 5);
    mem_add(&b->root, 0xf800, &box, 0);
    mem_add(&b->root, 0, &b->ram, 1);
    check_shape(&b->as, "0-ffff ram+0|10000-107ff io+800");
    mem_fini(&box);
    bench_free(b);
}

static void test_container_clips(void)
{
    Bench *b = bench_new(&any_ops);
    MemRegion box;

    mem_init_container(&box, "box", 0x800);
    mem_add(&box, 0x400, &b->io, 0);
    mem_add(&b->root, 0x1000, &box, 0);
    check_shape(&b->as, "1400-17ff io+0");
    mem_fini(&box);
    bench_free(b);
}

static void test_alias(void)
{
    Bench *b = bench_new(&any_ops);
    MemRegion low, high;

    /* A board's split of RAM round a hole. */
    mem_init_alias(&low, "low", &b->ram, 0, 0x8000);
    mem_init_alias(&high, "high", &b->ram, 0x8000, 0x8000);
    mem_add(&b->root, 0, &low, 0);
    mem_add(&b->root, (uint64_t)1 << 32, &high, 0);
    check_shape(&b->as, "0-7fff ram+0|100000000-100007fff ram+8000");
    address_space_store(&b->as, ((uint64_t)1 << 32) + 4, 0x11223344, 4);
    g_assert_cmphex(load_le32(b->ram.host + 0x8004), ==, 0x11223344);
    /* Adjacent again: one range. */
    mem_set_addr(&high, 0x8000);
    check_shape(&b->as, "0-ffff ram+0");
    mem_set_alias_offset(&high, 0x4000);
    check_shape(&b->as, "0-7fff ram+0|8000-ffff ram+4000");
    mem_fini(&low);
    mem_fini(&high);
    bench_free(b);
}

static void test_alias_of_container(void)
{
    Bench *b = bench_new(&any_ops);
    MemRegion pci, hole;

    /* A PCI hole: the space of PCI, seen through a window; BARs come and go behind it. */
    mem_init_container(&pci, "pci", (uint64_t)1 << 32);
    mem_init_alias(&hole, "hole", &pci, 0xe0000000, 0x10000000);
    mem_add(&b->root, 0xe0000000, &hole, 0);
    check_shape(&b->as, "");
    mem_add(&pci, 0xe1000000, &b->io, 1);
    check_shape(&b->as, "e1000000-e1000fff io+0");
    mem_set_addr(&b->io, 0xdffff800);
    check_shape(&b->as, "e0000000-e00007ff io+800");
    mem_set_addr(&b->io, 0xd0000000);
    check_shape(&b->as, "");
    mem_remove(&b->io);
    mem_fini(&hole);
    mem_fini(&pci);
    bench_free(b);
}

/* A second space that is the first with more on top, as SMRAM needs. */
static void test_alias_of_root(void)
{
    Bench *b = bench_new(&any_ops);
    MemRegion root, all, smram;
    AddressSpace smm;

    mem_init_container(&root, "smm-root", (uint64_t)1 << 52);
    mem_init_alias(&all, "all", &b->root, 0, b->root.size);
    mem_init_alias(&smram, "smram", &b->ram, 0xa000, 0x2000);
    mem_add(&root, 0, &all, 0);
    mem_add(&root, 0xa000, &smram, 1);
    address_space_init(&smm, "smm", &root);
    mem_add(&b->root, 0, &b->ram, 0);
    mem_add(&b->root, 0xa000, &b->io, 1);
    check_shape(&b->as, "0-9fff ram+0|a000-afff io+0|b000-ffff ram+b000");
    check_shape(&smm, "0-ffff ram+0");
    mem_set_enabled(&smram, false);
    check_shape(&smm, "0-9fff ram+0|a000-afff io+0|b000-ffff ram+b000");
    address_space_fini(&smm);
    mem_fini(&all);
    mem_fini(&smram);
    mem_fini(&root);
    bench_free(b);
}

/* The four states of a PAM segment over ROM. [440FX] "PAM". */
static void test_shadow(void)
{
    Bench *b = bench_new(&any_ops);
    MemRegion rom, shadow;
    uint8_t bytes[0x1000] = {0x55};

    g_assert_true(mem_init_rom(&rom, "rom", bytes, sizeof(bytes), NULL));
    mem_init_alias(&shadow, "shadow", &b->ram, 0x1000, 0x1000);
    mem_add(&b->root, 0, &b->ram, 0);
    mem_add(&b->root, 0x1000, &rom, 1);
    mem_add(&b->root, 0x1000, &shadow, 2);
    mem_set_enabled(&shadow, false);
    check_shape(&b->as, "0-fff ram+0|1000-1fff rom+0 ro|2000-ffff ram+2000");
    address_space_store(&b->as, 0x1000, 0xaa, 1);
    g_assert_cmphex(address_space_load(&b->as, 0x1000, 1), ==, 0x55);
    mem_set_enabled(&shadow, true);
    mem_set_readonly(&shadow, true);
    check_shape(&b->as, "0-fff ram+0|1000-1fff ram+1000 ro|2000-ffff ram+2000");
    g_assert_false(address_space_page(&b->as, 0x1000).writable);
    address_space_store(&b->as, 0x1000, 0xaa, 1);
    g_assert_cmphex(address_space_load(&b->as, 0x1000, 1), ==, 0);
    mem_set_readonly(&shadow, false);
    check_shape(&b->as, "0-ffff ram+0");
    mem_fini(&shadow);
    mem_fini(&rom);
    bench_free(b);
}

static void test_hold(void)
{
    Bench *b = bench_new(&any_ops);

    address_space_hold(&b->as);
    mem_add(&b->root, 0, &b->ram, 0);
    address_space_hold(&b->as);
    mem_add(&b->root, 0x3000, &b->io, 1);
    address_space_release(&b->as);
    g_assert_cmpuint(b->changes, ==, 0);
    check_shape(&b->as, "");
    address_space_release(&b->as);
    g_assert_cmpuint(b->changes, ==, 1);
    /* A change that cannot be seen is not told. */
    mem_set_readonly(&b->io, true);
    mem_set_readonly(&b->io, false);
    b->changes = 0;
    mem_set_enabled(&b->io, true);
    g_assert_cmpuint(b->changes, ==, 0);
    bench_free(b);
}

/* --- accesses --------------------------------------------------------------------------------- */

static void test_unmapped(void)
{
    Bench *b = bench_new(&any_ops);
    uint8_t bytes[3];

    mem_add(&b->root, 0, &b->ram, 0);
    g_assert_cmphex(address_space_load(&b->as, 0x20000, 8), ==, UINT64_MAX);
    g_assert_cmphex(address_space_load(&b->as, 0x20000, 2), ==, 0xffff);
    address_space_store(&b->as, 0x20000, 1, 8);
    /* Half in RAM. */
    address_space_store(&b->as, 0xfffe, 0x11223344, 4);
    g_assert_cmphex(address_space_load(&b->as, 0xfffe, 4), ==, 0xffff3344);
    address_space_read(&b->as, 0xffff, bytes, 3);
    g_assert_cmphex(bytes[0], ==, 0x33);
    g_assert_cmphex(bytes[1], ==, 0xff);
    /* The last byte there is. */
    g_assert_cmphex(address_space_load(&b->as, UINT64_MAX, 1), ==, 0xff);
    bench_free(b);
}

static void test_split(void)
{
    Bench *b = bench_new(&byte_ops);

    mem_add(&b->root, 0x3000, &b->io, 0);
    g_assert_cmphex(address_space_load(&b->as, 0x3000, 4), ==, 0x44332211);
    check_log(b, "r1@0 r1@1 r1@2 r1@3 ");
    address_space_store(&b->as, 0x3002, 0xabcd, 2);
    check_log(b, "w1@2=cd w1@3=ab ");
    bench_free(b);
}

static void test_widen(void)
{
    Bench *b = bench_new(&dword_ops);

    mem_add(&b->root, 0x3000, &b->io, 0);
    g_assert_cmphex(address_space_load(&b->as, 0x3001, 1), ==, 0x22);
    check_log(b, "r4@0 ");
    g_assert_cmphex(address_space_load(&b->as, 0x3002, 2), ==, 0x4433);
    check_log(b, "r4@0 ");
    address_space_store(&b->as, 0x3005, 0xee, 1);
    check_log(b, "w4@4=ee00 ");
    /* Across two registers. */
    g_assert_cmphex(address_space_load(&b->as, 0x3003, 2), ==, 0x5544);
    check_log(b, "r4@0 r4@4 ");
    address_space_store(&b->as, 0x3000, 0x1122334455667788, 8);
    check_log(b, "w4@0=55667788 w4@4=11223344 ");
    bench_free(b);
}

static void test_straddle(void)
{
    Bench *b = bench_new(&any_ops);

    mem_add(&b->root, 0, &b->ram, 0);
    mem_add(&b->root, 0x3000, &b->io, 1);
    b->ram.host[0x2fff] = 0x99;
    g_assert_cmphex(address_space_load(&b->as, 0x2fff, 4), ==, 0x33221199);
    check_log(b, "r2@0 r1@2 ");
    bench_free(b);
}

/* A device whose write takes it off the map, in the middle of an access to it. */
static void test_change_during_access(void)
{
    Bench *b = bench_new(&byte_ops);

    mem_add(&b->root, 0, &b->ram, 0);
    mem_add(&b->root, 0x3000, &b->io, 1);
    b->remove_on_write = &b->io;
    address_space_write(&b->as, 0x3000, "\1\2\3\4", 4);
    check_log(b, "w1@0=1 ");
    g_assert_cmphex(load_le32(b->ram.host + 0x3000), ==, 0x04030200);
    bench_free(b);
}

static void test_bulk(void)
{
    Bench *b = bench_new(&dword_ops);
    uint8_t bytes[16] = {0};

    mem_add(&b->root, 0, &b->ram, 0);
    mem_add(&b->root, 0x3000, &b->io, 1);
    b->ram.host[0x2ffe] = 0xaa;
    b->ram.host[0x2fff] = 0xbb;
    address_space_read(&b->as, 0x2ffe, bytes, 10);
    check_log(b, "r4@0 r4@4 ");
    g_assert_cmphex(load_le(bytes, 8), ==, 0x665544332211bbaa);
    g_assert_cmphex(load_le16(bytes + 8), ==, 0x8877);
    address_space_write(&b->as, 0x2ffe, bytes, 6);
    check_log(b, "w4@0=44332211 ");
    bench_free(b);
}

static void test_write_rom(void)
{
    Bench *b = bench_new(&any_ops);

    mem_add(&b->root, 0, &b->ram, 0);
    mem_set_readonly(&b->ram, true);
    address_space_write(&b->as, 0x10, "ab", 2);
    g_assert_cmphex(load_le16(b->ram.host + 0x10), ==, 0);
    address_space_write_rom(&b->as, 0x10, "ab", 2);
    g_assert_cmphex(load_le16(b->ram.host + 0x10), ==, 0x6261);
    bench_free(b);
}

static void test_page(void)
{
    Bench *b = bench_new(&any_ops);
    MemRegion odd;

    mem_add(&b->root, 0, &b->ram, 0);
    mem_add(&b->root, 0x3000, &b->io, 1);
    MemPage page = address_space_page(&b->as, 0x2000);
    g_assert_true(page.host == b->ram.host + 0x2000 && page.writable);
    g_assert_true(page.page_flags == b->ram.page_flags + 2);
    g_assert_null(address_space_page(&b->as, 0x3000).host);
    g_assert_null(address_space_page(&b->as, 0x20000).host);
    /* A page that two regions share, or that straddles two pages of RAM, takes the slow way. */
    mem_set_addr(&b->io, 0x3800);
    g_assert_null(address_space_page(&b->as, 0x3000).host);
    mem_init_alias(&odd, "odd", &b->ram, 0x10, 0x4000);
    mem_add(&b->root, 0x100000, &odd, 0);
    g_assert_null(address_space_page(&b->as, 0x100000).host);
    mem_fini(&odd);
    bench_free(b);
}

static void test_code_write(void)
{
    Bench *b = bench_new(&any_ops);
    uint8_t bytes[0x2000] = {0};

    mem_add(&b->root, 0, &b->ram, 0);
    address_space_store(&b->as, 0x2004, 1, 4);
    g_assert_null(b->code_host);
    b->ram.page_flags[2] = PAGE_HAS_CODE;
    address_space_store(&b->as, 0x2004, 1, 4);
    g_assert_true(b->code_host == b->ram.host + 0x2004 && b->code_size == 4);
    /* Only the part of a copy that lies in the page; loaders count too. */
    b->code_size = 0;
    address_space_write(&b->as, 0x1800, bytes, sizeof(bytes));
    g_assert_true(b->code_host == b->ram.host + 0x2000 && b->code_size == 0x1000);
    b->code_size = 0;
    address_space_write_rom(&b->as, 0x1fff, bytes, 2);
    g_assert_true(b->code_host == b->ram.host + 0x2000 && b->code_size == 1);
    bench_free(b);
}

/* What a look-up finds after any order of look-ups is what the shape says. */
static void test_find(void)
{
    Bench *b = bench_new(&any_ops);

    mem_add(&b->root, 0x1000, &b->ram, 0);
    mem_add(&b->root, 0x3000, &b->io, 1);
    for (unsigned i = 0; i < 10000; i++) {
        uint64_t addr = g_test_rand_int_range(0, 0x13000);
        const MemRange *r = address_space_find(&b->as, addr);
        const char *name = r ? r->region->name : "nothing";
        const char *want = addr < 0x1000 || addr > 0x10fff    ? "nothing"
                           : addr >= 0x3000 && addr <= 0x3fff ? "io"
                                                              : "ram";
        g_assert_cmpstr(name, ==, want);
    }
    bench_free(b);
}

static void test_host_refuses(void)
{
    g_autoptr(GError) err = NULL;
    MemRegion r;

    g_assert_false(mem_init_ram(&r, "pc.ram", (uint64_t)1 << 62, &err));
    g_assert_error(err, MYNA_ERROR, MYNA_ERROR_HOST);
    g_assert_nonnull(strstr(err->message, "pc.ram"));
    g_clear_error(&err);
    g_assert_false(mem_init_ram(&r, "pc.ram", UINT64_MAX, &err));
    g_assert_error(err, MYNA_ERROR, MYNA_ERROR_HOST);
}

/* A wrong bound stops the program at the first byte beyond RAM. */
static void test_guard(void)
{
    if (g_test_subprocess()) {
        MemRegion ram;
        g_assert_true(mem_init_ram(&ram, "ram", PAGE_SIZE, NULL));
        bool below = g_str_has_suffix(g_test_get_path(), "below");
        *(volatile uint8_t *)(below ? ram.host - 1 : ram.host + PAGE_SIZE) = 1;
        exit(0);
    }
    g_test_trap_subprocess("/memory/guard/subprocess/below", 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_subprocess("/memory/guard/subprocess/above", 0, 0);
    g_test_trap_assert_failed();
}

/* --- what somebody keeps ----------------------------------------------------------------------- */

/* Only a page that one device has alone is known; an access by what was known before the map
 * changed goes where it goes now. */
static void test_registers(void)
{
    Bench *b = bench_new(&dword_ops);
    MemRegion half;

    mem_init_io(&half, "half", 0x800, &any_ops, b);
    mem_add(&b->root, 0, &b->ram, 0);
    mem_add(&b->root, 0x13000, &b->io, 0);
    mem_add(&b->root, 0x15800, &half, 0);
    g_assert_null(address_space_registers(&b->as, 0x3000).region);
    g_assert_null(address_space_registers(&b->as, 0x12000).region);
    g_assert_null(address_space_registers(&b->as, 0x15900).region);
    MemRegisters known = address_space_registers(&b->as, 0x13000);
    g_assert_true(known.region == &b->io);
    g_assert_cmphex(address_space_load_known(&b->as, &known, 0x13004, 4), ==, 0x88776655);
    g_assert_cmphex(address_space_load_known(&b->as, &known, 0x13002, 2), ==, 0x4433);
    g_assert_cmphex(address_space_load_known(&b->as, &known, 0x13000, 8), ==, 0x8877665544332211);
    address_space_store_known(&b->as, &known, 0x13008, 0x1234567890, 4);
    check_log(b, "r4@4 r4@0 r4@0 r4@4 w4@8=34567890 ");
    mem_set_addr(&b->io, 0x12000);
    g_assert_cmphex(address_space_load_known(&b->as, &known, 0x13004, 4), ==, UINT32_MAX);
    address_space_store_known(&b->as, &known, 0x13004, 1, 4);
    check_log(b, "");
    mem_fini(&half);
    bench_free(b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/memory/overlap", test_overlap);
    g_test_add_func("/memory/priority", test_priority);
    g_test_add_func("/memory/priority-is-local", test_priority_is_local);
    g_test_add_func("/memory/container-clips", test_container_clips);
    g_test_add_func("/memory/alias", test_alias);
    g_test_add_func("/memory/alias-of-container", test_alias_of_container);
    g_test_add_func("/memory/alias-of-root", test_alias_of_root);
    g_test_add_func("/memory/shadow", test_shadow);
    g_test_add_func("/memory/hold", test_hold);
    g_test_add_func("/memory/unmapped", test_unmapped);
    g_test_add_func("/memory/split", test_split);
    g_test_add_func("/memory/widen", test_widen);
    g_test_add_func("/memory/straddle", test_straddle);
    g_test_add_func("/memory/change-during-access", test_change_during_access);
    g_test_add_func("/memory/bulk", test_bulk);
    g_test_add_func("/memory/write-rom", test_write_rom);
    g_test_add_func("/memory/page", test_page);
    g_test_add_func("/memory/code-write", test_code_write);
    g_test_add_func("/memory/find", test_find);
    g_test_add_func("/memory/host-refuses", test_host_refuses);
    g_test_add_func("/memory/guard", test_guard);
    g_test_add_func("/memory/guard/subprocess/below", test_guard);
    g_test_add_func("/memory/guard/subprocess/above", test_guard);
    g_test_add_func("/memory/registers", test_registers);
    return g_test_run();
}
