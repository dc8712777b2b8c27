/* The board: its memory map, what CMOS and fw_cfg say, its lines, and two of it in one process. */
#include <unistd.h>

#include "core/device.h"
#include "core/fw_cfg_keys.h"
#include "machine/option.h"
#include "machine/pc.h"

typedef struct Bench {
    Config *config;
    Pc *pc;
    Board *board;
    BoardRequest asked;
    int asked_count;
} Bench;

static void on_request(void *opaque, BoardRequest what, int value)
{
    Bench *b = opaque;
    b->asked = what;
    b->asked_count++;
}

static void bench_init(Bench *b, const char *line)
{
    *b = (Bench){.config = config_new()};
    g_autofree char *whole = g_strconcat("myna -display none ", line, NULL);
    g_auto(GStrv) argv = g_strsplit(whole, " ", -1);
    g_autoptr(GError) err = NULL;
    OptionResult parsed = option_parse(b->config, g_strv_length(argv) - !*line, argv, &err);
    g_assert_no_error(err);
    g_assert_cmpint(parsed, ==, OPTION_RUN);
    const PcHooks hooks = {.request = on_request, .opaque = b};
    b->pc = pc_new(b->config, clock_new_manual(), &hooks, &err);
    g_assert_no_error(err);
    b->board = pc_board(b->pc);
    board_lock(b->board);
    pc_reset(b->pc);
}

static void bench_fini(Bench *b)
{
    board_unlock(b->board);
    pc_free(b->pc);
    config_free(b->config);
}

static uint64_t inp(Bench *b, uint16_t port, unsigned size)
{
    return address_space_load(&b->board->ports, port, size);
}

static void outp(Bench *b, uint16_t port, uint64_t value, unsigned size)
{
    address_space_store(&b->board->ports, port, value, size);
}

static uint8_t cmos(Bench *b, uint8_t index)
{
    outp(b, 0x70, index, 1);
    return inp(b, 0x71, 1);
}

static uint32_t pci_id(Bench *b, unsigned slot, unsigned function)
{
    outp(b, 0xcf8, 0x80000000 | slot << 11 | function << 8, 4);
    return inp(b, 0xcfc, 4);
}

static uint64_t fw_cfg_item(Bench *b, uint16_t key, unsigned bytes)
{
    uint64_t value = 0;
    outp(b, 0x510, key, 2);
    for (unsigned i = 0; i < bytes; i++)
        value |= inp(b, 0x511, 1) << 8 * i;
    return value;
}

/* RAM, the BIOS at the top of 4 GiB and below 1 MiB. [440FX] "System Address Map". */
static void memory_map(void)
{
    Bench b;
    bench_init(&b, "-m 32");
    AddressSpace *m = &b.board->memory;
    address_space_store(m, 0x500, 0x12345678, 4);
    g_assert_cmphex(address_space_load(m, 0x500, 4), ==, 0x12345678);
    address_space_store(m, 32 * MIB - 4, 0x89abcdef, 4);
    g_assert_cmphex(address_space_load(m, 32 * MIB - 4, 4), ==, 0x89abcdef);
    g_assert_cmphex(address_space_load(m, 32 * MIB, 4), ==, UINT32_MAX);
    g_assert_cmphex(address_space_load(m, 0xfffffff0, 1), ==, 0xea); /* far jump */
    g_assert_cmphex(address_space_load(m, 0xffff0, 8), ==, address_space_load(m, 0xfffffff0, 8));
    address_space_store(m, 0xffff0, 0, 1);
    g_assert_cmphex(address_space_load(m, 0xffff0, 1), ==, 0xea);
    bench_fini(&b);
}

/* [RBIL] "CMOS Memory Map". */
static void cmos_memory(void)
{
    Bench b;
    bench_init(&b, "-m 32 -smp 2 -boot order=dc,once=a");
    g_assert_cmpuint(cmos(&b, 0x15) | cmos(&b, 0x16) << 8, ==, 640);
    g_assert_cmpuint(cmos(&b, 0x17) | cmos(&b, 0x18) << 8, ==, 31 * 1024);
    g_assert_cmpuint(cmos(&b, 0x30) | cmos(&b, 0x31) << 8, ==, 31 * 1024);
    g_assert_cmpuint(cmos(&b, 0x34) | cmos(&b, 0x35) << 8, ==, 16 * 16);
    g_assert_cmpuint(cmos(&b, 0x5b) | cmos(&b, 0x5c) << 8, ==, 0);
    g_assert_cmpuint(cmos(&b, 0x5f), ==, 1);
    g_assert_cmphex(cmos(&b, 0x10), ==, 0x50); /* drive A without a disk: 2.88 MB */
    g_assert_cmphex(cmos(&b, 0x14), ==, 0x07);
    g_assert_cmphex(cmos(&b, 0x3d), ==, 0x01); /* once=a */
    pc_reset(b.pc);
    g_assert_cmphex(cmos(&b, 0x3d), ==, 0x23); /* then d, c */
    bench_fini(&b);
}

/* The functions of QEMU's pc: slot, function, device and vendor. */
static void pci_slots(void)
{
    Bench b;
    bench_init(&b, "-m 16");
    g_assert_cmphex(pci_id(&b, 0, 0), ==, 0x12378086);
    g_assert_cmphex(pci_id(&b, 1, 0), ==, 0x70008086);
    g_assert_cmphex(pci_id(&b, 1, 1), ==, 0x70108086);
    g_assert_cmphex(pci_id(&b, 1, 3), ==, 0x71138086);
    g_assert_cmphex(pci_id(&b, 2, 0), ==, 0x11111234);
    g_assert_cmphex(pci_id(&b, 3, 0), ==, 0xffffffff);
    bench_fini(&b);
    bench_init(&b, "-m 16 -vga none");
    g_assert_cmphex(pci_id(&b, 2, 0), ==, 0xffffffff);
    bench_fini(&b);
}

static void firmware_items(void)
{
    Bench b;
    bench_init(&b, "-m 48 -smp 2,maxcpus=4 -boot menu=on");
    g_assert_cmphex(fw_cfg_item(&b, FW_CFG_SIGNATURE, 4), ==, 0x554d4551);
    g_assert_cmpuint(fw_cfg_item(&b, FW_CFG_RAM_SIZE, 8), ==, 48 * MIB);
    g_assert_cmpuint(fw_cfg_item(&b, FW_CFG_NB_CPUS, 2), ==, 2);
    g_assert_cmpuint(fw_cfg_item(&b, FW_CFG_MAX_CPUS, 2), ==, 4);
    g_assert_cmpuint(fw_cfg_item(&b, FW_CFG_BOOT_MENU, 2), ==, 1);
    bench_fini(&b);
}

/* A file of the configuration device, by [FW_CFG] "File Directory". */
static GByteArray *fw_cfg_file(Bench *b, const char *name)
{
    unsigned count = GUINT32_FROM_BE(fw_cfg_item(b, FW_CFG_FILE_DIR, 4));
    for (unsigned i = 0; i < count; i++) {
        uint8_t entry[64];
        for (unsigned n = 0; n < sizeof(entry); n++)
            entry[n] = inp(b, 0x511, 1);
        if (strcmp((char *)entry + 8, name))
            continue;
        unsigned size = GUINT32_FROM_BE(load_le32(entry));
        outp(b, 0x510, GUINT16_FROM_BE(load_le16(entry + 4)), 2);
        GByteArray *file = g_byte_array_sized_new(size);
        for (unsigned n = 0; n < size; n++) {
            uint8_t byte = inp(b, 0x511, 1);
            g_byte_array_append(file, &byte, 1);
        }
        return file;
    }
    g_error("there is no file %s", name);
}

/* [ACPI] "Fixed ACPI Description Table (FADT)": writing RESET_VALUE to RESET_REG resets. */
static void acpi_reset(void)
{
    enum { FLAGS = 112, RESET_REG_SUP = 1 << 10, RESET_REG = 116, RESET_VALUE = 128 };
    Bench b;
    bench_init(&b, "-m 16");
    g_autoptr(GByteArray) tables = fw_cfg_file(&b, "etc/acpi/tables");
    const uint8_t *fadt = memmem(tables->data, tables->len, "FACP", 4);
    g_assert_nonnull(fadt);
    g_assert_true(load_le32(fadt + FLAGS) & RESET_REG_SUP);
    g_assert_cmphex(load_le32(fadt + RESET_REG), ==, 0x01000801); /* port space, 8 bits, bytes */
    outp(&b, load_le64(fadt + RESET_REG + 4), fadt[RESET_VALUE], 1);
    g_assert_cmpint(b.asked_count, ==, 1);
    g_assert_cmpint(b.asked, ==, BOARD_RESET);
    bench_fini(&b);
}

/* --- drives of -device, -global --------------------------------------------------------------- */

/* The serial number of an IDE disk, by [ATA] "IDENTIFY DEVICE", words 10 to 19. */
static char *ide_serial(Bench *b, unsigned channel, unsigned unit)
{
    enum { DATA = 0, SELECT = 6, COMMAND = 7, DRQ = 8, IDENTIFY = 0xec };
    uint16_t base = channel ? 0x170 : 0x1f0;
    char text[21] = "";
    outp(b, base + SELECT, 0xa0 | unit << 4, 1);
    outp(b, base + COMMAND, IDENTIFY, 1);
    g_assert_true(inp(b, base + COMMAND, 1) & DRQ);
    for (unsigned word = 0; word < 256; word++) {
        uint16_t v = inp(b, base + DATA, 2);
        if (word >= 10 && word < 20) {
            text[(word - 10) * 2] = v >> 8;
            text[(word - 10) * 2 + 1] = v;
        }
    }
    return g_strdup(g_strstrip(text));
}

/* Images of if=none go where -device says, and bootindex orders them. */
static void drive_devices(void)
{
    char *path[3];
    for (unsigned i = 0; i < 3; i++) {
        int fd = g_file_open_tmp("myna-disk-XXXXXX", &path[i], NULL);
        g_assert_cmpint(ftruncate(fd, 1440 * 1024), ==, 0);
        close(fd);
    }
    g_autofree char *line = g_strdup_printf(
        "-m 16 -device ide-hd,drive=d,bus=ide.1,unit=1,serial=N123,bootindex=7 "
        "-drive if=none,id=d,file=%s -drive if=none,id=e,file=%s "
        "-device ide-cd,drive=e,bootindex=2,bus=ide.1 -device ide-hd,drive=f "
        "-drive if=none,id=f,file=%s -device floppy,unit=1,bootindex=9 "
        "-global piix3-ide.serial0=of-all",
        path[0], path[1], path[2]);
    Bench b;
    bench_init(&b, line);
    g_autofree char *first = ide_serial(&b, 0, 0), *last = ide_serial(&b, 1, 1);
    g_assert_cmpstr(first, ==, "of-all");
    g_assert_cmpstr(last, ==, "N123");
    g_assert_cmphex(cmos(&b, 0x10), ==, 0x05); /* drive B alone: 2.88 MB */
    g_autoptr(GByteArray) order = fw_cfg_file(&b, "bootorder");
    static const char expected[] = "/pci@i0cf8/ide@1,1/drive@1/disk@0\n"
                                   "/pci@i0cf8/ide@1,1/drive@1/disk@1\n"
                                   "/pci@i0cf8/isa@1/fdc@03f0/floppy@1\n";
    g_assert_cmpmem(order->data, order->len, expected, sizeof(expected));
    g_assert_cmpuint(pc_drives(b.pc)->len, ==, 4); /* no empty CD drive, no drive A */
    bench_fini(&b);
    for (unsigned i = 0; i < 3; i++) {
        unlink(path[i]);
        g_free(path[i]);
    }
}

static void globals(void)
{
    Bench b;
    bench_init(&b, "-m 16 -global isa-debug-exit.iobase=0x510 -device isa-debug-exit "
                   "-global driver=isa-debug-exit,property=iosize,value=1");
    const Device *exit_port = board_find_device(b.board, "isa-debug-exit");
    g_assert_cmphex(exit_port->regions[0].addr, ==, 0x510);
    bench_fini(&b);
}

static bool intr(Bench *b)
{
    return pc_cpus(b->pc)[0]->pending & PENDING_INTR;
}

/* IRQ 4 of the first serial port arrives at the CPU through the 8259A, whose ICWs a BIOS gave. */
static void serial_interrupt(void)
{
    Bench b;
    bench_init(&b, "-m 16 -cpu 486 -serial null");
    static const struct {
        uint16_t port;
        uint8_t value;
    } setup[] = {{0x20, 0x11}, {0x21, 0x08}, {0x21, 0x04},
                 {0x21, 0x01}, {0x21, 0xef}, {0x3fc, 0x08} /* OUT2 */,
                 {0x3f9, 0x02} /* THR empty */};
    for (size_t i = 0; i < G_N_ELEMENTS(setup); i++)
        outp(&b, setup[i].port, setup[i].value, 1);
    g_assert_true(intr(&b));
    const CpuBus *bus = &pc_cpus(b.pc)[0]->bus;
    g_assert_cmpint(bus->intc_ops->acknowledge(bus->intc), ==, 0x0c);
    inp(&b, 0x3fa, 1); /* IIR ends it */
    g_assert_false(intr(&b));
    bench_fini(&b);
}

static void power_button_and_reset(void)
{
    Bench b;
    bench_init(&b, "-m 16");
    outp(&b, 0xcf9, 0x06, 1);
    g_assert_cmpint(b.asked, ==, BOARD_RESET);
    outp(&b, 0x64, 0xfe, 1);
    g_assert_cmpint(b.asked_count, ==, 2);
    outp(&b, 0x92, 0x01, 1);
    g_assert_cmpint(b.asked_count, ==, 3);
    bench_fini(&b);
}

/* A20 is open while either of its gates is. */
static void a20(void)
{
    Bench b;
    bench_init(&b, "-m 16");
    Cpu *cpu = pc_cpus(b.pc)[0];
    outp(&b, 0x92, 0x00, 1);
    outp(&b, 0x64, 0xd1, 1); /* keyboard controller: write output port */
    outp(&b, 0x60, 0xdd, 1);
    g_assert_false(cpu->a20);
    outp(&b, 0x92, 0x02, 1);
    g_assert_true(cpu->a20);
    outp(&b, 0x92, 0x00, 1);
    g_assert_false(cpu->a20);
    outp(&b, 0x64, 0xd1, 1);
    outp(&b, 0x60, 0xdf, 1);
    g_assert_true(cpu->a20);
    bench_fini(&b);
}

static void two_machines(void)
{
    Bench a, b;
    bench_init(&a, "-m 16 -smp 2");
    bench_init(&b, "-m 32");
    address_space_store(&a.board->memory, 0x1000, 1, 4);
    address_space_store(&b.board->memory, 0x1000, 2, 4);
    g_assert_cmpuint(address_space_load(&a.board->memory, 0x1000, 4), ==, 1);
    g_assert_cmpuint(fw_cfg_item(&a, FW_CFG_NB_CPUS, 2), ==, 2);
    g_assert_cmpuint(fw_cfg_item(&b, FW_CFG_NB_CPUS, 2), ==, 1);
    bench_fini(&a);
    g_assert_cmpuint(address_space_load(&b.board->memory, 0x1000, 4), ==, 2);
    bench_fini(&b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pc/memory-map", memory_map);
    g_test_add_func("/pc/cmos", cmos_memory);
    g_test_add_func("/pc/pci-slots", pci_slots);
    g_test_add_func("/pc/firmware-items", firmware_items);
    g_test_add_func("/pc/acpi-reset", acpi_reset);
    g_test_add_func("/pc/drive-devices", drive_devices);
    g_test_add_func("/pc/globals", globals);
    g_test_add_func("/pc/serial-interrupt", serial_interrupt);
    g_test_add_func("/pc/resets", power_button_and_reset);
    g_test_add_func("/pc/a20", a20);
    g_test_add_func("/pc/two-machines", two_machines);
    return g_test_run();
}
