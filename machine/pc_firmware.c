/* pc_firmware.c - what firmware learns of the machine: items of the configuration device, tables,
 * and the kernel of -kernel.
 *
 * [FW_CFG] lists the items; names of files are SeaBIOS's. */
#include "bios/bios.h"
#include "bios/kernel.h"
#include "core/error.h"
#include "core/fw_cfg_keys.h"
#include "cpu/model.h"
#include "devices/chipset/fw_cfg.h"
#include "machine/pc_priv.h"

bool pc_read_file(const char *option, const char *path, char **data, gsize *size, GError **err)
{
    g_autoptr(GError) why = NULL;
    if (g_file_get_contents(path, data, size, &why))
        return true;
    const char *reason = g_error_matches(why, G_FILE_ERROR, G_FILE_ERROR_NOENT)   ? "no such file"
                         : g_error_matches(why, G_FILE_ERROR, G_FILE_ERROR_ACCES) ? "not readable"
                         : g_error_matches(why, G_FILE_ERROR, G_FILE_ERROR_ISDIR) ? "is a folder"
                                                                                  : why->message;
    g_set_error(err, MYNA_ERROR, MYNA_ERROR_FILE, "%s: %s: %s", option, path, reason);
    return false;
}

static GBytes *read_bytes(const char *option, const char *path, GError **err)
{
    char *data;
    gsize size;
    return pc_read_file(option, path, &data, &size, err) ? g_bytes_new_take(data, size) : NULL;
}

/* --- the kernel of -kernel -------------------------------------------------------------------- */

static void add_kernel_items(Pc *pc, const KernelBoot *boot)
{
    for (unsigned i = 0; i < boot->items->len; i++) {
        const KernelItem *item = &g_array_index(boot->items, KernelItem, i);
        fw_cfg_add_gbytes(pc->fw_cfg, item->key, item->data);
    }
    fw_cfg_add_file_gbytes(pc->fw_cfg, boot->rom_file, boot->rom);
}

static void module_clear(void *item)
{
    KernelModule *module = item;
    g_free((char *)module->text);
    g_bytes_unref(module->data);
}

/* Linux has one initial RAM disk. A multiboot kernel's modules are "file text,file text". */
static bool read_modules(GArray *modules, const char *initrd, bool multiboot, GError **err)
{
    g_auto(GStrv) texts = multiboot ? g_strsplit(initrd, ",", -1) : g_strsplit(initrd, "\n", 1);
    for (char **text = texts; *text; text++) {
        g_autofree char *path = g_strndup(*text, multiboot ? strcspn(*text, " ") : strlen(*text));
        KernelModule module = {.data = read_bytes("-initrd", path, err)};
        if (!module.data)
            return false;
        module.text = g_strdup(*text);
        g_array_append_val(modules, module);
    }
    return true;
}

/* The option ROM's file name, which goes first in the boot order; NULL without -kernel. */
static bool load_kernel(Pc *pc, char **rom_path, GError **err)
{
    const Config *config = pc->config;
    if (!config->kernel)
        return true;
    g_autoptr(GBytes) kernel = read_bytes("-kernel", config->kernel, err);
    if (!kernel)
        return false;
    g_autoptr(GArray) modules = g_array_new(FALSE, FALSE, sizeof(KernelModule));
    g_array_set_clear_func(modules, module_clear);
    if (config->initrd && !read_modules(modules, config->initrd, kernel_is_multiboot(kernel), err))
        return false;
    const KernelRequest request = {
        .name = config->kernel,
        .kernel = kernel,
        .cmdline = config->append,
        .modules = (const KernelModule *)modules->data,
        .module_count = modules->len,
        .ram_below_4g = pc_ram_below_4g(pc),
    };
    KernelBoot boot = {0};
    bool ok = kernel_prepare(&boot, &request, err);
    if (ok) {
        add_kernel_items(pc, &boot);
        *rom_path = g_strconcat("/rom@", boot.rom_file, NULL);
    } else {
        g_prefix_error(err, "-kernel: ");
    }
    kernel_boot_fini(&boot);
    return ok;
}

/* --- tables and items ------------------------------------------------------------------------- */

static unsigned isa_devices(const Pc *pc)
{
    return (pc->has_serial[0] ? ISA_HAS_COM1 : 0) | (pc->has_serial[1] ? ISA_HAS_COM2 : 0) |
           (pc->has_parallel[0] ? ISA_HAS_LPT1 : 0) |
           (pc->floppy[0] || pc->floppy[1] ? ISA_HAS_FDC : 0) |
           (pc->config->hpet ? ISA_HAS_HPET : 0) | ISA_HAS_MOUSE;
}

static bool uses_terminal(const Config *config)
{
    return config->nographic ||
           (config->serials->len && strstr(config->serials->pdata[0], "stdio"));
}

static void parse_uuid(const char *text, uint8_t uuid[16])
{
    for (unsigned i = 0; text && *text && i < 16; text++) {
        if (*text == '-')
            continue;
        uuid[i++] = g_ascii_xdigit_value(text[0]) << 4 | g_ascii_xdigit_value(text[1]);
        text++;
    }
}

static MachineInfo machine_info(const Pc *pc, const char *const *boot_paths)
{
    const Config *config = pc->config;
    MachineInfo info = {
        .ram_below_4g = pc_ram_below_4g(pc),
        .ram_above_4g = pc_ram_above_4g(pc),
        .cpu_count = config->cpus,
        .threads_per_socket = config->cores * config->threads,
        .cpu_mhz = pc->cpus[0]->tsc_hz / 1000000,
        .isa_devices = isa_devices(pc),
        .gpe0_base = 0xafe0,
        .gpe0_bytes = 4,
        .smi_port = 0xb2,
        .acpi_enable = 0xf1,
        .acpi_disable = 0xf0,
        .reset_port = 0xcf9, /* [PIIX3] "RC-Reset Control Register": a hard reset */
        .reset_value = 0x0f,
        .boot_paths = boot_paths,
        .boot_menu = config->boot_menu,
        .smbios = &config->smbios,
        .serial_console = uses_terminal(config) && pc->has_serial[0],
    };
    const char *uuid = config->smbios.system_uuid ? config->smbios.system_uuid : config->uuid;
    parse_uuid(uuid, info.uuid);
    return info;
}

static void add_files(Pc *pc, const MachineInfo *info)
{
    g_autoptr(GPtrArray) files = bios_files(info);
    for (unsigned i = 0; i < files->len; i++) {
        const BiosFile *file = files->pdata[i];
        fw_cfg_add_file_gbytes(pc->fw_cfg, file->name, file->data);
    }
}

static void add_items(Pc *pc, const MachineInfo *info)
{
    void *fw = pc->fw_cfg;
    const Config *config = pc->config;
    fw_cfg_add_bytes(fw, FW_CFG_UUID, info->uuid, sizeof(info->uuid));
    fw_cfg_add_int64(fw, FW_CFG_RAM_SIZE, config->ram_bytes);
    fw_cfg_add_int16(fw, FW_CFG_NOGRAPHIC, config->nographic);
    fw_cfg_add_int16(fw, FW_CFG_NB_CPUS, config->cpus);
    fw_cfg_add_int16(fw, FW_CFG_MAX_CPUS, config->max_cpus);
    fw_cfg_add_int16(fw, FW_CFG_BOOT_MENU, config->boot_menu);
    fw_cfg_add_int32(fw, FW_CFG_IRQ0_OVERRIDE, 1);
}

/* --- boot order ------------------------------------------------------------------------------- */

static int by_boot_index(const void *a, const void *b)
{
    unsigned x = (*(DriveConfig *const *)a)->boot_index, y = (*(DriveConfig *const *)b)->boot_index;
    return (x > y) - (x < y);
}

static char *boot_path(const DriveConfig *drive)
{
    if (drive->interface == DRIVE_FLOPPY)
        return g_strdup_printf("/pci@i0cf8/isa@1/fdc@03f0/floppy@%u", drive->index);
    return g_strdup_printf("/pci@i0cf8/ide@1,1/drive@%u/disk@%u", drive->index / 2,
                           drive->index % 2);
}

/* The kernel's ROM, then the drives with a bootindex. A NULL-ended array of char *; empty: the
 * letters of -boot decide alone. */
static GPtrArray *boot_paths(const Pc *pc, char *rom_path)
{
    g_autoptr(GPtrArray) drives = g_ptr_array_new();
    for (unsigned i = 0; i < pc->config->drives->len; i++) {
        DriveConfig *drive = pc->config->drives->pdata[i];
        if (drive->boot_index != BOOT_INDEX_NONE)
            g_ptr_array_add(drives, drive);
    }
    g_ptr_array_sort(drives, by_boot_index);
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
    if (rom_path)
        g_ptr_array_add(paths, rom_path);
    for (unsigned i = 0; i < drives->len; i++)
        g_ptr_array_add(paths, boot_path(drives->pdata[i]));
    g_ptr_array_add(paths, NULL);
    return paths;
}

bool pc_firmware_init(Pc *pc, GError **err)
{
    char *rom_path = NULL;
    if (!load_kernel(pc, &rom_path, err))
        return false;
    g_autoptr(GPtrArray) paths = boot_paths(pc, rom_path);
    MachineInfo info = machine_info(pc, paths->len > 1 ? (const char *const *)paths->pdata : NULL);
    add_items(pc, &info);
    add_files(pc, &info);
    return true;
}
