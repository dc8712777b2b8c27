/* files.c - the memory map, the boot order, and the list of all files for the firmware. */
#include "bios/bios.h"
#include "bios/bytes.h"

/* [ACPI] "INT 15H, E820H - Query System Address Map". */
GByteArray *e820_build(const MachineInfo *info)
{
    enum { TYPE_RAM = 1 };
    GByteArray *map = g_byte_array_new();

    put_le(map, 0, 8);
    put_le(map, info->ram_below_4g, 8);
    put_le(map, TYPE_RAM, 4);
    if (info->ram_above_4g) {
        put_le(map, 4 * GIB, 8);
        put_le(map, info->ram_above_4g, 8);
        put_le(map, TYPE_RAM, 4);
    }
    return map;
}

static void file_free(void *opaque)
{
    BiosFile *file = opaque;

    g_free(file->name);
    g_bytes_unref(file->data);
    g_free(file);
}

static void add_file(GPtrArray *files, const char *name, GByteArray *data)
{
    BiosFile *file = g_new0(BiosFile, 1);

    file->name = g_strdup(name);
    file->data = g_byte_array_free_to_bytes(data);
    g_ptr_array_add(files, file);
}

static void add_number(GPtrArray *files, const char *name, uint64_t value, unsigned bytes)
{
    GByteArray *data = g_byte_array_new();

    put_le(data, value, bytes);
    add_file(files, name, data);
}

/* One path a line, ended with 0. */
static void add_boot_order(GPtrArray *files, const char *const *paths)
{
    g_autofree char *text = g_strjoinv("\n", (char **)paths);
    GByteArray *data = g_byte_array_new();

    g_byte_array_append(data, (const uint8_t *)text, strlen(text));
    put_le(data, '\n', 2);
    add_file(files, "bootorder", data);
}

GPtrArray *bios_files(const MachineInfo *info)
{
    GPtrArray *files = g_ptr_array_new_with_free_func(file_free);
    AcpiTables acpi = acpi_build(info);
    SmbiosTables smbios = smbios_build(info);

    add_file(files, "etc/acpi/rsdp", acpi.rsdp);
    add_file(files, "etc/acpi/tables", acpi.tables);
    add_file(files, "etc/table-loader", acpi.loader);
    add_file(files, "etc/smbios/smbios-anchor", smbios.anchor);
    add_file(files, "etc/smbios/smbios-tables", smbios.structures);
    add_file(files, "etc/e820", e820_build(info));
    if (info->boot_paths)
        add_boot_order(files, info->boot_paths);
    if (info->boot_fail_wait_ms)
        add_number(files, "etc/boot-fail-wait", info->boot_fail_wait_ms, 4);
    add_number(files, "etc/show-boot-menu", info->boot_menu, 1);
    if (info->serial_console)
        add_number(files, "etc/sercon-port", 0x3f8, 2);
    return files;
}
