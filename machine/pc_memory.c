/* pc_memory.c - the board's memory map: RAM around the PCI hole, and the BIOS.
 *
 *      0 ........ 9FFFF    RAM
 *      A0000 .... BFFFF    video memory (PCI)
 *      C0000 .... FFFFF    RAM or PCI by the host bridge's PAM; the BIOS's end lies in PCI
 *      100000 ... low      RAM
 *      low ...... 4 GiB    PCI; I/O APIC, HPET and local APICs; the BIOS at the end
 *      4 GiB ...           the rest of RAM
 */
#include "bios/firmware.h"
#include "core/error.h"
#include "machine/pc_priv.h"

enum { BIOS_ISA_SIZE = 128 * 1024, BIOS_MAX_SIZE = 16 * 1024 * 1024 };

/* RAM that fits below 3.5 GiB stays whole; more is cut at 3 GiB, which leaves large pages whole. */
static uint64_t ram_low_size(uint64_t ram)
{
    return ram >= 0xe0000000 ? 0xc0000000 : ram;
}

uint64_t pc_ram_below_4g(const Pc *pc)
{
    return ram_low_size(pc->ram.size);
}

uint64_t pc_ram_above_4g(const Pc *pc)
{
    return pc->ram.size - ram_low_size(pc->ram.size);
}

bool pc_memory_init(Pc *pc, GError **err)
{
    MemRegion *root = &pc->board->memory_root;
    if (!mem_init_ram(&pc->ram, "ram", pc->config->ram_bytes, err)) {
        g_prefix_error(err, "-m: ");
        return false;
    }
    uint64_t low = pc_ram_below_4g(pc), high = pc_ram_above_4g(pc);
    mem_init_alias(&pc->ram_low, "ram-below-4g", &pc->ram, 0, low);
    mem_add(root, 0, &pc->ram_low, 0);
    if (high) {
        mem_init_alias(&pc->ram_high, "ram-above-4g", &pc->ram, low, high);
        mem_add(root, 4 * GIB, &pc->ram_high, 0);
    }
    mem_init_container(&pc->pci_memory, "pci", root->size);
    return true;
}

static bool bios_place(Pc *pc, const void *data, size_t size, GError **err)
{
    if (!mem_init_rom(&pc->bios, "bios", data, size, err))
        return false;
    mem_add(&pc->pci_memory, 4 * GIB - size, &pc->bios, 0);
    uint64_t isa_size = MIN(size, BIOS_ISA_SIZE);
    mem_init_alias(&pc->bios_isa, "bios-below-1m", &pc->bios, size - isa_size, isa_size);
    mem_add(&pc->pci_memory, MIB - isa_size, &pc->bios_isa, 1);
    return true;
}

bool pc_memory_load_bios(Pc *pc, GError **err)
{
    if (!pc->config->bios)
        return bios_place(pc, firmware_seabios.data, firmware_size(&firmware_seabios), err);
    const char *path = pc->config->bios;
    g_autofree char *data = NULL;
    gsize size;
    if (!pc_read_file("-bios", path, &data, &size, err))
        return false;
    if (size == 0 || size % (64 * KIB) || size > BIOS_MAX_SIZE) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_FILE,
                    "-bios: %s: %zu bytes should be a multiple of 64 KiB, at most 16 MiB", path,
                    size);
        return false;
    }
    return bios_place(pc, data, size, err);
}

void pc_memory_fini(Pc *pc)
{
    MemRegion *regions[] = {&pc->bios_isa, &pc->bios,    &pc->pci_memory,
                            &pc->ram_high, &pc->ram_low, &pc->ram};
    for (size_t i = 0; i < G_N_ELEMENTS(regions); i++) {
        if (regions[i]->name)
            mem_fini(regions[i]);
    }
}
