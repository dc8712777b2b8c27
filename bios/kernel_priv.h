/* kernel_priv.h - what the kernel formats share. */
#ifndef MYNA_BIOS_KERNEL_PRIV_H
#define MYNA_BIOS_KERNEL_PRIV_H

#include "bios/kernel.h"
#include "core/fw_cfg_keys.h"

/* The data is not copied; these take the reference. */
void kernel_add_item(KernelBoot *boot, uint16_t key, GBytes *data);
void kernel_add_number(KernelBoot *boot, uint16_t key, uint32_t value);
/* The three items that the ROMs load as one. */
void kernel_add_blob(KernelBoot *boot, uint16_t addr_key, uint16_t size_key, uint16_t data_key,
                     uint32_t address, GBytes *data);

bool linux_prepare(KernelBoot *boot, const KernelRequest *request, GError **err);
bool multiboot_prepare(KernelBoot *boot, const KernelRequest *request, GError **err);
bool linux_recognize(GBytes *kernel);

#endif
