/* acpi.c - the ACPI tables of the PC, and the loader commands that place them. [ACPI].
 *
 * All tables but the RSDP are one file. Pointers in it hold offsets into the file; firmware, which
 * decides where the file goes, adds the address and then corrects the checksums. */
#include "bios/aml.h"
#include "bios/bios.h"
#include "bios/bytes.h"
#include "bios/firmware.h"

#define FILE_RSDP   "etc/acpi/rsdp"
#define FILE_TABLES "etc/acpi/tables"

enum { PM_BASE = 0x600, SCI_IRQ = 9, CMOS_CENTURY = 0x32, IOAPIC_ID = 0 };
enum { IOAPIC_BASE = 0xfec00000, LAPIC_BASE = 0xfee00000, HPET_BASE = 0xfed00000 };

/* [ACPI] "System Description Table Header". */
enum { HEADER_LENGTH = 4, HEADER_CHECKSUM = 9, HEADER_SIZE = 36 };

/* [FW_CFG] loader commands, 128 bytes each. */
enum {
    LOADER_ENTRY = 128,
    LOADER_ALLOCATE = 1,
    LOADER_ADD_POINTER = 2,
    LOADER_ADD_CHECKSUM = 3,
    ZONE_HIGH = 1,
    ZONE_F_SEGMENT = 2,
};

static void put_text(GByteArray *out, const char *text, unsigned width)
{
    for (unsigned i = 0; i < width; i++)
        put_le(out, *text ? *text++ : 0, 1);
}

/* --- loader commands --- */

static void end_entry(GByteArray *loader)
{
    while (loader->len % LOADER_ENTRY)
        put_le(loader, 0, 1);
}

static void load_allocate(GByteArray *loader, const char *file, uint32_t align, uint8_t zone)
{
    put_le(loader, LOADER_ALLOCATE, 4);
    put_text(loader, file, 56);
    put_le(loader, align, 4);
    put_le(loader, zone, 1);
    end_entry(loader);
}

static void load_pointer(GByteArray *loader, const char *file, uint32_t offset)
{
    put_le(loader, LOADER_ADD_POINTER, 4);
    put_text(loader, file, 56);
    put_text(loader, FILE_TABLES, 56);
    put_le(loader, offset, 4);
    put_le(loader, 4, 1);
    end_entry(loader);
}

static void load_checksum(GByteArray *loader, const char *file, uint32_t at, uint32_t start,
                          uint32_t length)
{
    put_le(loader, LOADER_ADD_CHECKSUM, 4);
    put_text(loader, file, 56);
    put_le(loader, at, 4);
    put_le(loader, start, 4);
    put_le(loader, length, 4);
    end_entry(loader);
}

/* --- tables --- */

/* Begins a table; returns its offset in the file. */
static unsigned table_begin(GByteArray *tables, const char *signature, uint8_t revision)
{
    while (tables->len % 16)
        put_le(tables, 0, 1);
    unsigned at = tables->len;

    put_text(tables, signature, 4);
    put_le(tables, 0, 4);
    put_le(tables, revision, 1);
    put_le(tables, 0, 1);
    put_text(tables, "MYNA  ", 6);
    put_text(tables, "MYNAPC  ", 8);
    put_le(tables, 1, 4);
    put_text(tables, "MYNA", 4);
    put_le(tables, 1, 4);
    return at;
}

/* Fills in length and checksum; the checksum is right as long as firmware patches nothing. */
static void table_end(GByteArray *tables, unsigned at)
{
    uint8_t *table = tables->data + at;
    unsigned length = tables->len - at;

    store_le32(table + HEADER_LENGTH, length);
    table[HEADER_CHECKSUM] = 0;
    table[HEADER_CHECKSUM] = checksum_of(table, length);
}

static void table_end_patched(AcpiTables *a, unsigned at)
{
    table_end(a->tables, at);
    load_checksum(a->loader, FILE_TABLES, at + HEADER_CHECKSUM, at, a->tables->len - at);
}

/* [ACPI] "Firmware ACPI Control Structure (FACS)": no checksum; 64-byte aligned. */
static unsigned build_facs(GByteArray *tables)
{
    unsigned at = tables->len;

    put_text(tables, "FACS", 4);
    put_le(tables, 64, 4);
    while (tables->len < at + 64)
        put_le(tables, 0, 1);
    return at;
}

static unsigned add_dsdt(GByteArray *tables)
{
    while (tables->len % 16)
        put_le(tables, 0, 1);
    unsigned at = tables->len;

    g_byte_array_append(tables, firmware_dsdt.data, firmware_size(&firmware_dsdt));
    return at;
}

/* [ACPI] "Generic Address Structure (GAS)", in the port space; count 0 = absent. */
static void put_port_address(GByteArray *out, uint16_t port, uint8_t bytes)
{
    put_le(out, bytes ? 1 : 0, 1);
    put_le(out, bytes * 8, 1);
    put_le(out, 0, 1);
    put_le(out, bytes == 1 ? 1 : 0, 1);
    put_le(out, bytes ? port : 0, 8);
}

/* [ACPI] "Fixed ACPI Description Table (FADT)", revision 3, first part: as far as the flags. */
static void put_fadt_ports(GByteArray *t, const MachineInfo *info, uint16_t pm)
{
    put_le(t, info->smi_port, 4);
    put_le(t, info->acpi_enable, 1);
    put_le(t, info->acpi_disable, 1);
    put_le(t, 0, 2);      /* S4BIOS_REQ, PSTATE_CNT */
    put_le(t, pm, 4);     /* PM1a_EVT_BLK */
    put_le(t, 0, 4);      /* PM1b_EVT_BLK */
    put_le(t, pm + 4, 4); /* PM1a_CNT_BLK */
    put_le(t, 0, 4);      /* PM1b_CNT_BLK */
    put_le(t, 0, 4);      /* PM2_CNT_BLK */
    put_le(t, pm + 8, 4); /* PM_TMR_BLK */
    put_le(t, info->gpe0_base, 4);
    put_le(t, 0, 4); /* GPE1_BLK */
    put_le(t, 4, 1); /* lengths: PM1_EVT */
    put_le(t, 2, 1); /* PM1_CNT */
    put_le(t, 0, 1); /* PM2_CNT */
    put_le(t, 4, 1); /* PM_TMR */
    put_le(t, info->gpe0_base ? info->gpe0_bytes : 0, 1);
    put_le(t, 0, 3);     /* GPE1_BLK_LEN, GPE1_BASE, CST_CNT */
    put_le(t, 0xfff, 2); /* P_LVL2_LAT: above 100 us, no C2 */
    put_le(t, 0xfff, 2); /* P_LVL3_LAT: nor C3 */
    put_le(t, 0, 4);     /* FLUSH_SIZE, FLUSH_STRIDE */
    put_le(t, 0, 4);     /* duty cycle, alarms */
    put_le(t, CMOS_CENTURY, 1);
}

static unsigned build_fadt(AcpiTables *a, const MachineInfo *info, unsigned facs, unsigned dsdt)
{
    enum {
        WBINVD = 1 << 0,
        PROC_C1 = 1 << 2,
        SLP_BUTTON = 1 << 5,
        RTC_S4 = 1 << 7,
        RESET_REG_SUP = 1 << 10
    };
    enum { LEGACY_DEVICES = 1, HAS_8042 = 2 };
    GByteArray *t = a->tables;
    uint16_t pm = info->pm_base ? info->pm_base : PM_BASE;
    unsigned at = table_begin(t, "FACP", 3);

    put_le(t, facs, 4);
    put_le(t, dsdt, 4);
    load_pointer(a->loader, FILE_TABLES, at + HEADER_SIZE);
    load_pointer(a->loader, FILE_TABLES, at + HEADER_SIZE + 4);
    put_le(t, 1, 1); /* INT_MODEL of ACPI 1.0: both PICs */
    put_le(t, 0, 1); /* profile: unspecified */
    put_le(t, SCI_IRQ, 2);
    put_fadt_ports(t, info, pm);
    put_le(t, LEGACY_DEVICES | HAS_8042, 2);
    put_le(t, 0, 1);
    put_le(t, WBINVD | PROC_C1 | SLP_BUTTON | RTC_S4 | (info->reset_port ? RESET_REG_SUP : 0), 4);
    put_port_address(t, info->reset_port, info->reset_port ? 1 : 0);
    put_le(t, info->reset_value, 1);
    put_le(t, 0, 3);
    put_le(t, 0, 8); /* X_FIRMWARE_CTRL and X_DSDT: the 32-bit ones hold */
    put_le(t, 0, 8);
    put_port_address(t, pm, 4);
    put_port_address(t, 0, 0);
    put_port_address(t, pm + 4, 2);
    put_port_address(t, 0, 0);
    put_port_address(t, 0, 0);
    put_port_address(t, pm + 8, 4);
    put_port_address(t, info->gpe0_base, info->gpe0_base ? info->gpe0_bytes : 0);
    put_port_address(t, 0, 0);
    table_end_patched(a, at);
    return at;
}

static uint8_t apic_id(const MachineInfo *info, unsigned cpu)
{
    return info->apic_ids ? info->apic_ids[cpu] : cpu;
}

/* The root bridge forwards everything that is not RAM, the APICs or configuration space. */
static GByteArray *root_windows(const MachineInfo *info)
{
    GByteArray *w = g_byte_array_new();
    uint32_t hole = MIN(info->ram_below_4g, 0xe0000000);

    aml_window_bus(w, 0x00, 0xff);
    aml_ports(w, 0xcf8, 8);
    aml_window_ports(w, 0x0000, 0x0cf7);
    aml_window_ports(w, 0x0d00, 0xffff);
    aml_window_memory32(w, 0x000a0000, 0x000bffff);
    aml_window_memory32(w, hole, IOAPIC_BASE - 1);
    if (info->pci64_size)
        aml_window_memory64(w, info->pci64_base, info->pci64_base + info->pci64_size - 1);
    aml_end_tag(w);
    return w;
}

static unsigned build_ssdt(GByteArray *tables, const MachineInfo *info)
{
    unsigned at = table_begin(tables, "SSDT", 1);
    GByteArray *system = g_byte_array_new(), *root = g_byte_array_new();

    aml_name_integer(system, "DEVS", info->isa_devices);
    for (unsigned cpu = 0; cpu < info->cpu_count; cpu++) {
        char name[5];
        g_snprintf(name, sizeof(name), "C%03X", cpu & 0xfff);
        aml_processor(system, name, cpu);
    }
    aml_scope(tables, "\\_SB", system);
    aml_name_buffer(root, "_CRS", root_windows(info));
    aml_scope(tables, "\\_SB.PCI0", root);
    table_end(tables, at);
    return at;
}

/* ISA interrupt n is I/O APIC input `gsi`. [ACPI] "Interrupt Source Override Structure". */
static void put_override(GByteArray *t, uint8_t irq, uint32_t gsi, uint16_t flags)
{
    put_le(t, 2, 1);
    put_le(t, 10, 1);
    put_le(t, 0, 1); /* ISA */
    put_le(t, irq, 1);
    put_le(t, gsi, 4);
    put_le(t, flags, 2);
}

/* [ACPI] "Multiple APIC Description Table (MADT)". */
static unsigned build_madt(GByteArray *tables, const MachineInfo *info)
{
    enum { PCAT_COMPAT = 1, ENABLED = 1, ACTIVE_HIGH_LEVEL = 0x0d };
    static const uint8_t level_irqs[] = {5, SCI_IRQ, 10, 11}; /* what the PIIX routes PCI to */
    unsigned at = table_begin(tables, "APIC", 1);

    put_le(tables, LAPIC_BASE, 4);
    put_le(tables, PCAT_COMPAT, 4);
    for (unsigned cpu = 0; cpu < info->cpu_count; cpu++) {
        put_le(tables, 0, 1); /* processor local APIC */
        put_le(tables, 8, 1);
        put_le(tables, cpu, 1);
        put_le(tables, apic_id(info, cpu), 1);
        put_le(tables, ENABLED, 4);
    }
    put_le(tables, 1, 1); /* I/O APIC */
    put_le(tables, 12, 1);
    put_le(tables, IOAPIC_ID, 2);
    put_le(tables, IOAPIC_BASE, 4);
    put_le(tables, 0, 4);
    put_override(tables, 0, 2, 0); /* the timer */
    for (unsigned i = 0; i < G_N_ELEMENTS(level_irqs); i++)
        put_override(tables, level_irqs[i], level_irqs[i], ACTIVE_HIGH_LEVEL);
    put_le(tables, 4, 1); /* local APIC NMI: LINT1 of every CPU */
    put_le(tables, 6, 1);
    put_le(tables, 0xff, 1);
    put_le(tables, 0, 2);
    put_le(tables, 1, 1);
    table_end(tables, at);
    return at;
}

/* [HPET] "The ACPI 2.0 HPET Description Table (HPET)". */
static unsigned build_hpet(GByteArray *tables)
{
    unsigned at = table_begin(tables, "HPET", 1);

    put_le(tables, 0x8086a201,
           4);            /* Intel, legacy replacement, 64-bit, 3 comparators, revision 1 */
    put_le(tables, 0, 4); /* memory space */
    put_le(tables, HPET_BASE, 8);
    put_le(tables, 0, 1);
    put_le(tables, 0, 2); /* least tick in periodic mode: any */
    put_le(tables, 0, 1);
    table_end(tables, at);
    return at;
}

/* Windows ACPI emulated devices: the PM timer needs to be read only once. */
static unsigned build_waet(GByteArray *tables)
{
    unsigned at = table_begin(tables, "WAET", 1);

    put_le(tables, 2, 4);
    table_end(tables, at);
    return at;
}

static unsigned build_rsdt(AcpiTables *a, const unsigned *entries, unsigned count)
{
    unsigned at = table_begin(a->tables, "RSDT", 1);

    for (unsigned i = 0; i < count; i++) {
        load_pointer(a->loader, FILE_TABLES, a->tables->len);
        put_le(a->tables, entries[i], 4);
    }
    table_end_patched(a, at);
    return at;
}

/* [ACPI] "Root System Description Pointer (RSDP)", revision 0: no XSDT. */
static void build_rsdp(AcpiTables *a, unsigned rsdt)
{
    put_text(a->rsdp, "RSD PTR ", 8);
    put_le(a->rsdp, 0, 1);
    put_text(a->rsdp, "MYNA  ", 6);
    put_le(a->rsdp, 0, 1);
    put_le(a->rsdp, rsdt, 4);
    load_pointer(a->loader, FILE_RSDP, 16);
    load_checksum(a->loader, FILE_RSDP, 8, 0, 20);
}

AcpiTables acpi_build(const MachineInfo *info)
{
    AcpiTables a = {g_byte_array_new(), g_byte_array_new(), g_byte_array_new()};
    unsigned entries[8], count = 0;

    load_allocate(a.loader, FILE_TABLES, 64, ZONE_HIGH);
    load_allocate(a.loader, FILE_RSDP, 16, ZONE_F_SEGMENT);
    unsigned facs = build_facs(a.tables);
    unsigned dsdt = add_dsdt(a.tables);
    entries[count++] = build_fadt(&a, info, facs, dsdt);
    entries[count++] = build_ssdt(a.tables, info);
    entries[count++] = build_madt(a.tables, info);
    if (info->isa_devices & ISA_HAS_HPET)
        entries[count++] = build_hpet(a.tables);
    entries[count++] = build_waet(a.tables);
    build_rsdp(&a, build_rsdt(&a, entries, count));
    return a;
}
