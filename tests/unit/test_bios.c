/* test_bios.c - firmware tables: sums, sizes, and what the loader commands make of them. [ACPI],
 * [SMBIOS], [FW_CFG]. */
#include "bios/bios.h"
#include "bios/firmware.h"

#include <glib/gstdio.h>

enum { BASE = 0x7ff00000, RSDP_BASE = 0xf5000 };

static const char *const boot_paths[] = {BOOT_PATH_IDE(1, 0), BOOT_PATH_FLOPPY(0), NULL};

static MachineInfo info_of(unsigned cpus)
{
    return (MachineInfo){
        .ram_below_4g = 2 * GIB,
        .ram_above_4g = 1 * GIB,
        .cpu_count = cpus,
        .cpu_mhz = 1000,
        .isa_devices = ISA_HAS_COM1 | ISA_HAS_HPET | ISA_HAS_MOUSE,
        .gpe0_base = 0xafe0,
        .gpe0_bytes = 4,
        .smi_port = 0xb2,
        .acpi_enable = 0xf1,
        .acpi_disable = 0xf0,
        .reset_port = 0xcf9,
        .reset_value = 0x0f,
        .uuid = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88},
        .boot_paths = boot_paths,
    };
}

static uint8_t sum(const uint8_t *bytes, size_t count)
{
    uint8_t total = 0;

    for (size_t i = 0; i < count; i++)
        total += bytes[i];
    return total;
}

/* Does what firmware does with the loader file. */
static GByteArray *file_named(AcpiTables *a, const uint8_t *name)
{
    if (strcmp((const char *)name, "etc/acpi/rsdp") == 0)
        return a->rsdp;
    g_assert_cmpstr((const char *)name, ==, "etc/acpi/tables");
    return a->tables;
}

static void run_loader(AcpiTables *a)
{
    g_assert_cmpuint(a->loader->len % 128, ==, 0);
    for (const uint8_t *e = a->loader->data; e < a->loader->data + a->loader->len; e += 128) {
        GByteArray *file = file_named(a, e + 4);
        uint32_t command = load_le32(e), offset = load_le32(e + 116);
        if (command == 2) { /* add pointer */
            g_assert_cmpuint(offset + e[120], <=, file->len);
            store_le(file->data + offset, load_le(file->data + offset, e[120]) + BASE, e[120]);
        } else if (command == 3) { /* add checksum */
            uint32_t at = load_le32(e + 60), start = load_le32(e + 64), size = load_le32(e + 68);
            g_assert_cmpuint(start + size, <=, file->len);
            file->data[at] -= sum(file->data + start, size);
        } else {
            g_assert_cmpuint(command, ==, 1);
        }
    }
}

/* A table at a guest address, its sum checked. */
static const uint8_t *table_at(const AcpiTables *a, uint32_t address)
{
    g_assert_cmpuint(address, >=, BASE);
    g_assert_cmpuint(address - BASE + 36, <=, a->tables->len);
    const uint8_t *t = a->tables->data + (address - BASE);
    uint32_t length = load_le32(t + 4);
    g_assert_cmpuint(address - BASE + length, <=, a->tables->len);
    if (memcmp(t, "FACS", 4) != 0)
        g_assert_cmphex(sum(t, length), ==, 0);
    return t;
}

static const uint8_t *find_table(const AcpiTables *a, const char *signature)
{
    const uint8_t *rsdt = table_at(a, load_le32(a->rsdp->data + 16));

    g_assert_cmpmem(rsdt, 4, "RSDT", 4);
    for (unsigned at = 36; at < load_le32(rsdt + 4); at += 4) {
        const uint8_t *t = table_at(a, load_le32(rsdt + at));
        if (memcmp(t, signature, 4) == 0)
            return t;
    }
    return NULL;
}

static AcpiTables loaded(const MachineInfo *info)
{
    AcpiTables a = acpi_build(info);

    run_loader(&a);
    return a;
}

static void acpi_free(AcpiTables *a)
{
    g_byte_array_unref(a->rsdp);
    g_byte_array_unref(a->tables);
    g_byte_array_unref(a->loader);
}

static void test_acpi_tables(void)
{
    MachineInfo info = info_of(4);
    AcpiTables a = loaded(&info);

    g_assert_cmpmem(a.rsdp->data, 8, "RSD PTR ", 8);
    g_assert_cmpuint(a.rsdp->len, ==, 20);
    g_assert_cmphex(sum(a.rsdp->data, 20), ==, 0);

    const uint8_t *fadt = find_table(&a, "FACP");
    g_assert_cmpuint(load_le32(fadt + 4), ==, 244);
    const uint8_t *facs = table_at(&a, load_le32(fadt + 36));
    g_assert_cmpmem(facs, 4, "FACS", 4);
    g_assert_cmpuint((facs - a.tables->data) % 64, ==, 0);
    g_assert_cmpmem(table_at(&a, load_le32(fadt + 40)), 4, "DSDT", 4);
    g_assert_cmpuint(load_le16(fadt + 46), ==, 9);
    g_assert_cmphex(load_le32(fadt + 48), ==, 0xb2);
    g_assert_cmphex(fadt[52], ==, 0xf1);
    g_assert_cmphex(load_le32(fadt + 56), ==, 0x600);
    g_assert_cmphex(load_le32(fadt + 64), ==, 0x604);
    g_assert_cmphex(load_le32(fadt + 76), ==, 0x608);
    g_assert_cmphex(load_le32(fadt + 80), ==, 0xafe0);
    g_assert_cmphex(fadt[92], ==, 4);
    g_assert_cmphex(fadt[108], ==, 0x32);
    g_assert_cmphex(load_le64(fadt + 120), ==, 0xcf9);
    g_assert_cmphex(fadt[128], ==, 0x0f);
    g_assert_cmphex(load_le64(fadt + 148 + 4), ==, 0x600);
    g_assert_cmphex(load_le64(fadt + 208 + 4), ==, 0x608);
    g_assert_nonnull(find_table(&a, "SSDT"));
    g_assert_nonnull(find_table(&a, "WAET"));
    g_assert_cmphex(load_le64(find_table(&a, "HPET") + 44), ==, 0xfed00000);
    acpi_free(&a);
}

/* [ACPI] "Multiple APIC Description Table (MADT)": every structure, in order. */
static void test_madt(void)
{
    static const uint8_t ids[] = {0, 2, 4};
    MachineInfo info = info_of(3);
    unsigned at = 44;

    info.apic_ids = ids;
    info.isa_devices = 0;
    AcpiTables a = loaded(&info);
    g_assert_null(find_table(&a, "HPET"));
    const uint8_t *madt = find_table(&a, "APIC");
    g_assert_cmphex(load_le32(madt + 36), ==, 0xfee00000);
    for (unsigned cpu = 0; cpu < 3; cpu++, at += 8) {
        const uint8_t expected[] = {0, 8, cpu, ids[cpu], 1, 0, 0, 0};
        g_assert_cmpmem(madt + at, 8, expected, 8);
    }
    static const uint8_t rest[] = {
        1, 12, 0,  0, 0x00, 0x00, 0xc0, 0xfe, 0,  0,  0, 0, /* I/O APIC */
        2, 10, 0,  0, 2,    0,    0,    0,    0,  0,        /* timer to input 2 */
        2, 10, 0,  5, 5,    0,    0,    0,    13, 0,        /* level, active high */
        2, 10, 0,  9, 9,    0,    0,    0,    13, 0,  2, 10, 0, 10,   10, 0, 0, 0, 13,
        0, 2,  10, 0, 11,   11,   0,    0,    0,  13, 0, 4,  6, 0xff, 0,  0, 1, /* NMI on LINT1 */
    };
    g_assert_cmpmem(madt + at, load_le32(madt + 4) - at, rest, sizeof(rest));
    acpi_free(&a);
}

static char *decompile(const AcpiTables *a, const uint8_t *table, const char *name)
{
    g_autofree char *dir = g_dir_make_tmp("myna-acpi-XXXXXX", NULL);
    g_autofree char *aml = g_build_filename(dir, name, NULL);
    g_autofree char *dsl = g_strndup(aml, strlen(aml) - 4), *out = NULL;
    g_autofree char *dsl_name = g_strconcat(dsl, ".dsl", NULL);
    char *argv[] = {(char *)"iasl", (char *)"-vs", (char *)"-d", aml, NULL}, *text = NULL;
    int status = 0;

    g_assert_true(g_file_set_contents(aml, (const char *)table, load_le32(table + 4), NULL));
    if (!g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, NULL,
                      NULL, &out, NULL, &status, NULL)) {
        g_test_skip("iasl is not installed");
    } else {
        g_assert_cmpint(status, ==, 0);
        g_assert_true(g_file_get_contents(dsl_name, &text, NULL, NULL));
    }
    g_unlink(aml);
    g_unlink(dsl_name);
    g_rmdir(dir);
    return text;
}

static void expect_in(const char *text, const char *part)
{
    if (!strstr(text, part))
        g_error("no \"%s\" in:\n%s", part, text);
}

/* The SSDT we assemble by hand, read by ACPICA's own disassembler. */
static void test_ssdt_decodes(void)
{
    MachineInfo info = info_of(255);

    info.pci64_base = 0x8000000000;
    info.pci64_size = 0x8000000000;
    AcpiTables a = loaded(&info);
    g_autofree char *text = decompile(&a, find_table(&a, "SSDT"), "ssdt.aml");
    if (text) {
        expect_in(text, "Name (DEVS, 0x00000031)");
        expect_in(text, "Processor (C000, 0x00, 0x00000000, 0x00)");
        expect_in(text, "Processor (C0FE, 0xFE, 0x00000000, 0x00)");
        expect_in(text, "Scope (\\_SB.PCI0)");
        expect_in(text, "Name (_CRS, ResourceTemplate ()");
        expect_in(text, "WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode");
        expect_in(text, "0x0D00,             // Range Minimum");
        expect_in(text, "0x80000000,         // Range Minimum");
        expect_in(text, "0xFEBFFFFF,         // Range Maximum");
        expect_in(text, "0x0000008000000000, // Length");
    }
    acpi_free(&a);
}

static void test_dsdt_decodes(void)
{
    MachineInfo info = info_of(1);
    AcpiTables a = loaded(&info);
    g_autofree char *text = decompile(&a, table_at(&a, load_le32(find_table(&a, "FACP") + 40)),
                                      "dsdt.aml");

    if (text) {
        expect_in(text, "EisaId (\"PNP0A03\")");
        expect_in(text, "EisaId (\"PNP0C0F\")");
        expect_in(text, "Name (_S5");
    }
    acpi_free(&a);
}

/* --- SMBIOS --- */

/* The nth structure of a type; NULL if there are fewer. */
static const uint8_t *find_structure(const GByteArray *s, uint8_t type, unsigned n)
{
    const uint8_t *at = s->data;

    while (at < s->data + s->len) {
        if (at[0] == type && n-- == 0)
            return at;
        at += at[1];
        while (at[0] || at[1])
            at++;
        at += 2;
    }
    return NULL;
}

static const char *string_of(const uint8_t *structure, unsigned field)
{
    const char *text = (const char *)structure + structure[1];

    for (unsigned n = structure[field]; n > 1; n--)
        text += strlen(text) + 1;
    return text;
}

static void test_smbios(void)
{
    MachineInfo info = info_of(4);

    info.threads_per_socket = 2;
    SmbiosTables s = smbios_build(&info);
    const uint8_t *a = s.anchor->data;
    g_assert_cmpuint(s.anchor->len, ==, 31);
    g_assert_cmpmem(a, 4, "_SM_", 4);
    g_assert_cmphex(sum(a, 31), ==, 0);
    g_assert_cmphex(sum(a + 16, 15), ==, 0);
    g_assert_cmpuint(load_le16(a + 0x16), ==, s.structures->len);

    static const struct {
        uint8_t type;
        unsigned count, size; /* [SMBIOS] 2.8 */
    } expected[] = {{0, 1, 24},  {1, 1, 27},  {3, 1, 22},  {4, 2, 42}, {16, 1, 23},
                    {17, 1, 40}, {19, 2, 31}, {32, 1, 11}, {127, 1, 4}};
    unsigned total = 0;
    for (unsigned i = 0; i < G_N_ELEMENTS(expected); i++) {
        for (unsigned n = 0; n < expected[i].count; n++)
            g_assert_cmpuint(find_structure(s.structures, expected[i].type, n)[1], ==,
                             expected[i].size);
        g_assert_null(find_structure(s.structures, expected[i].type, expected[i].count));
        total += expected[i].count;
    }
    g_assert_cmpuint(load_le16(a + 0x1c), ==, total);

    const uint8_t *system = find_structure(s.structures, 1, 0);
    g_assert_cmpstr(string_of(system, 4), ==, "myna");
    g_assert_cmpstr(string_of(system, 5), ==, "PC");
    static const uint8_t uuid[] = {0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88};
    g_assert_cmpmem(system + 8, sizeof(uuid), uuid, sizeof(uuid));
    g_assert_cmpstr(string_of(find_structure(s.structures, 4, 1), 4), ==, "CPU 1");
    g_assert_cmpuint(load_le16(find_structure(s.structures, 17, 0) + 12), ==, 3072);
    g_assert_cmphex(load_le32(find_structure(s.structures, 19, 1) + 4), ==, 0x400000);
    g_assert_cmphex(load_le32(find_structure(s.structures, 19, 1) + 8), ==, 0x4fffff);
    g_byte_array_unref(s.anchor);
    g_byte_array_unref(s.structures);
}

/* [SMBIOS] "BIOS Information", "System Information", "Baseboard", "OEM Strings". */
static void test_smbios_texts(void)
{
    MachineInfo info = info_of(1);
    char *oem[] = {(char *)"one", (char *)"two", NULL};
    const SmbiosText text = {.bios_vendor = (char *)"V",
                             .bios_release = (char *)"3.11",
                             .bios_uefi = true,
                             .system_serial = (char *)"S",
                             .system_family = (char *)"F",
                             .board = true,
                             .board_location = (char *)"L",
                             .chassis_sku = (char *)"K",
                             .oem_strings = oem};

    info.smbios = &text;
    SmbiosTables s = smbios_build(&info);
    const uint8_t *bios = find_structure(s.structures, 0, 0);
    g_assert_cmpstr(string_of(bios, 4), ==, "V");
    g_assert_cmpstr(string_of(bios, 5), ==, MYNA_VERSION);
    g_assert_cmphex(bios[0x13], ==, 0x18); /* a virtual machine with UEFI */
    g_assert_cmpuint(bios[0x14], ==, 3);
    g_assert_cmpuint(bios[0x15], ==, 11);
    const uint8_t *system = find_structure(s.structures, 1, 0);
    g_assert_cmpstr(string_of(system, 4), ==, "myna");
    g_assert_cmpstr(string_of(system, 7), ==, "S");
    g_assert_cmpstr(string_of(system, 0x1a), ==, "F");
    const uint8_t *board = find_structure(s.structures, 2, 0);
    g_assert_cmpuint(board[1], ==, 15);
    g_assert_cmpstr(string_of(board, 0x0a), ==, "L");
    g_assert_cmphex(load_le16(board + 0x0b), ==,
                    load_le16(find_structure(s.structures, 3, 0) + 2)); /* the chassis' handle */
    g_assert_cmpstr(string_of(find_structure(s.structures, 3, 0), 0x15), ==, "K");
    const uint8_t *strings = find_structure(s.structures, 11, 0);
    g_assert_cmpuint(strings[4], ==, 2);
    g_assert_cmpmem(strings + 5, 9, "one\0two\0", 9);
    g_byte_array_unref(s.anchor);
    g_byte_array_unref(s.structures);
}

/* --- the other files --- */

static const BiosFile *find_file(GPtrArray *files, const char *name)
{
    for (guint i = 0; i < files->len; i++) {
        const BiosFile *file = files->pdata[i];
        if (strcmp(file->name, name) == 0)
            return file;
    }
    return NULL;
}

static void expect_file(GPtrArray *files, const char *name, const void *bytes, size_t count)
{
    size_t size;
    const void *data = g_bytes_get_data(find_file(files, name)->data, &size);

    g_assert_cmpmem(data, size, bytes, count);
}

static void test_files(void)
{
    MachineInfo info = info_of(1);
    static const uint8_t map[40] = {
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 1, 0, 0, 0,
        0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 1, 0, 0, 0,
    };
    static const char order[] = "/pci@i0cf8/ide@1,1/drive@1/disk@0\n"
                                "/pci@i0cf8/isa@1/fdc@03f0/floppy@0\n";

    info.boot_fail_wait_ms = 0x1234;
    GPtrArray *files = bios_files(&info);
    expect_file(files, "etc/e820", map, sizeof(map));
    expect_file(files, "bootorder", order, sizeof(order));
    expect_file(files, "etc/boot-fail-wait", "\x34\x12\0\0", 4);
    expect_file(files, "etc/show-boot-menu", "\0", 1);
    g_assert_null(find_file(files, "etc/sercon-port"));
    g_assert_nonnull(find_file(files, "etc/acpi/rsdp"));
    g_assert_nonnull(find_file(files, "etc/table-loader"));
    g_assert_nonnull(find_file(files, "etc/smbios/smbios-anchor"));
    g_ptr_array_unref(files);
}

static void test_firmware(void)
{
    g_assert_cmpuint(firmware_size(&firmware_seabios), ==, 256 * KIB);
    g_assert_cmphex(firmware_seabios.end[-16], ==, 0xea); /* the reset vector: a far jump */
    g_assert_cmphex(load_le16(firmware_vgabios_std.data), ==, 0xaa55);
    g_assert_cmpmem(firmware_dsdt.data, 4, "DSDT", 4);
    g_assert_cmphex(sum(firmware_dsdt.data, firmware_size(&firmware_dsdt)), ==, 0);
}

/* [PNPBIOS] "Option ROM Header", "Expansion Header for Plug and Play". */
static void test_option_roms(void)
{
    const Firmware *images[] = {&firmware_linuxboot, &firmware_multiboot};

    for (unsigned i = 0; i < G_N_ELEMENTS(images); i++) {
        g_autoptr(GByteArray) rom = option_rom_seal(images[i]);
        g_assert_cmphex(load_le16(rom->data), ==, 0xaa55);
        g_assert_cmpuint(rom->len, ==, rom->data[2] * 512);
        g_assert_cmphex(sum(rom->data, rom->len), ==, 0);
        const uint8_t *pnp = rom->data + load_le16(rom->data + 0x1a);
        g_assert_cmpmem(pnp, 4, "$PnP", 4);
        g_assert_cmphex(sum(pnp, pnp[5] * 16), ==, 0);
        g_assert_cmpuint(load_le16(pnp + 0x1a), !=, 0); /* boots */
        g_assert_cmpstr((char *)rom->data + load_le16(pnp + 0x0e), ==, "myna");
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/bios/acpi-tables", test_acpi_tables);
    g_test_add_func("/bios/madt", test_madt);
    g_test_add_func("/bios/ssdt-decodes", test_ssdt_decodes);
    g_test_add_func("/bios/dsdt-decodes", test_dsdt_decodes);
    g_test_add_func("/bios/smbios", test_smbios);
    g_test_add_func("/bios/smbios-texts", test_smbios_texts);
    g_test_add_func("/bios/files", test_files);
    g_test_add_func("/bios/firmware", test_firmware);
    g_test_add_func("/bios/option-roms", test_option_roms);
    return g_test_run();
}
