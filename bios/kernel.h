/* kernel.h - starting a kernel without a boot loader: what -kernel, -initrd and -append become. */
#ifndef MYNA_BIOS_KERNEL_H
#define MYNA_BIOS_KERNEL_H

#include "bios/firmware.h"

/* A multiboot module, or Linux's initial RAM disk. */
typedef struct KernelModule {
    const char *text; /* multiboot: the module's command line */
    GBytes *data;
} KernelModule;

typedef struct KernelRequest {
    const char *name; /* of the kernel's file, for messages */
    GBytes *kernel;
    const char *cmdline; /* NULL: "" */
    const KernelModule *modules;
    unsigned module_count; /* Linux: 0 or 1 */
    uint64_t ram_below_4g; /* bytes */
} KernelRequest;

/* A numbered item, as fw_cfg_add_gbytes takes it. */
typedef struct KernelItem {
    uint16_t key;
    GBytes *data;
} KernelItem;

/* What the board gives to the firmware: items, and the option ROM that knows what to do with them:
 * a file "genroms/...", first in the boot order. */
typedef struct KernelBoot {
    GArray *items; /* of KernelItem, whose data it owns */
    const char *rom_file;
    GBytes *rom;
} KernelBoot;

/* Is it a multiboot kernel (whose modules are a list) rather than Linux? */
bool kernel_is_multiboot(GBytes *kernel);

/* Fails, naming the kernel, when it is neither, is too old, or does not fit. */
bool kernel_prepare(KernelBoot *boot, const KernelRequest *request,
                    GError **err) G_GNUC_WARN_UNUSED_RESULT;
void kernel_boot_fini(KernelBoot *boot);

#endif
