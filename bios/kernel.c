/* kernel.c - which kind of kernel it is, and the items common to all kinds. */
#include "bios/kernel_priv.h"

#include "core/error.h"

void kernel_add_item(KernelBoot *boot, uint16_t key, GBytes *data)
{
    KernelItem item = {key, data};

    g_array_append_val(boot->items, item);
}

void kernel_add_number(KernelBoot *boot, uint16_t key, uint32_t value)
{
    uint8_t bytes[4];

    store_le32(bytes, value);
    kernel_add_item(boot, key, g_bytes_new(bytes, sizeof(bytes)));
}

void kernel_add_blob(KernelBoot *boot, uint16_t addr_key, uint16_t size_key, uint16_t data_key,
                     uint32_t address, GBytes *data)
{
    kernel_add_number(boot, addr_key, address);
    kernel_add_number(boot, size_key, g_bytes_get_size(data));
    kernel_add_item(boot, data_key, data);
}

static void item_clear(void *opaque)
{
    g_bytes_unref(((KernelItem *)opaque)->data);
}

bool kernel_prepare(KernelBoot *boot, const KernelRequest *request, GError **err)
{
    *boot = (KernelBoot){.items = g_array_new(FALSE, FALSE, sizeof(KernelItem))};
    g_array_set_clear_func(boot->items, item_clear);

    bool multiboot = kernel_is_multiboot(request->kernel);
    if (!multiboot && !linux_recognize(request->kernel)) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_FILE,
                    "%s: neither a Linux bzImage nor a multiboot kernel", request->name);
        kernel_boot_fini(boot);
        return false;
    }
    if (!(multiboot ? multiboot_prepare : linux_prepare)(boot, request, err)) {
        kernel_boot_fini(boot);
        return false;
    }
    boot->rom_file = multiboot ? "genroms/multiboot.bin" : "genroms/linuxboot.bin";
    boot->rom = g_byte_array_free_to_bytes(
        option_rom_seal(multiboot ? &firmware_multiboot : &firmware_linuxboot));
    return true;
}

void kernel_boot_fini(KernelBoot *boot)
{
    g_clear_pointer(&boot->items, g_array_unref);
    g_clear_pointer(&boot->rom, g_bytes_unref);
}
