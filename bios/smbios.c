/* smbios.c - what the machine is, for inventories. [SMBIOS] 2.8. */
#include <stdio.h>

#include "bios/bios.h"
#include "bios/bytes.h"

enum {
    MAX_DIMM_BYTES_SHIFT = 34, /* 16 GiB each */
    HANDLE_BIOS = 0x0000,
    HANDLE_SYSTEM = 0x0100,
    HANDLE_BOARD = 0x0200,
    HANDLE_CHASSIS = 0x0300,
    HANDLE_CPU = 0x0400,
    HANDLE_OEM = 0x0e00,
    HANDLE_MEMORY_ARRAY = 0x1000,
    HANDLE_DIMM = 0x1100,
    HANDLE_MAPPED = 0x1300,
    HANDLE_BOOT = 0x2000,
    HANDLE_END = 0x7f00,
    NO_HANDLE = 0xffff,
    NOT_PROVIDED = 0xfffe,
};

typedef struct Smbios {
    const SmbiosText *text;
    GByteArray *out;
    unsigned start; /* of the structure being written */
    unsigned count;
    unsigned largest;
    GPtrArray *strings; /* of that structure */
} Smbios;

static void begin(Smbios *s, uint8_t type, uint16_t handle)
{
    s->start = s->out->len;
    g_ptr_array_set_size(s->strings, 0);
    put_le(s->out, type, 1);
    put_le(s->out, 0, 1); /* the length, in `end` */
    put_le(s->out, handle, 2);
}

static void put(Smbios *s, uint64_t value, unsigned bytes)
{
    put_le(s->out, value, bytes);
}

/* A string goes after the structure; in it stands its number. */
static void put_string(Smbios *s, const char *text)
{
    if (!text || !*text) {
        put(s, 0, 1);
        return;
    }
    g_ptr_array_add(s->strings, g_strdup(text));
    put(s, s->strings->len, 1);
}

static void put_text_or(Smbios *s, const char *text, const char *otherwise)
{
    put_string(s, text ? text : otherwise);
}

/* [SMBIOS] "Text strings": each ends with 0, the list with another, and an empty list has two. */
static void end(Smbios *s)
{
    s->out->data[s->start + 1] = s->out->len - s->start;
    for (guint i = 0; i < s->strings->len; i++) {
        const char *text = s->strings->pdata[i];
        g_byte_array_append(s->out, (const uint8_t *)text, strlen(text) + 1);
    }
    put(s, 0, s->strings->len ? 1 : 2);
    s->count++;
    s->largest = MAX(s->largest, s->out->len - s->start);
}

static void put_bios(Smbios *s) /* type 0 */
{
    enum { NO_CHARACTERISTICS = 0x08, UEFI = 0x08, VIRTUAL_MACHINE = 0x10 };
    unsigned major = 0, minor = 0;

    if (s->text->bios_release)
        sscanf(s->text->bios_release, "%u.%u", &major, &minor);
    begin(s, 0, HANDLE_BIOS);
    put_text_or(s, s->text->bios_vendor, "myna");
    put_text_or(s, s->text->bios_version, MYNA_VERSION);
    put(s, 0xe800, 2); /* start segment */
    put_text_or(s, s->text->bios_date, "01/01/2026");
    put(s, 0, 1); /* 64 KiB of ROM */
    put(s, NO_CHARACTERISTICS, 8);
    put(s, 0, 1);
    put(s, VIRTUAL_MACHINE | (s->text->bios_uefi ? UEFI : 0), 1);
    put(s, major, 1); /* BIOS release */
    put(s, minor, 1);
    put(s, 0xffff, 2);
    end(s);
}

static const char *machine_name(const MachineInfo *info)
{
    return info->name ? info->name : "PC";
}

/* [SMBIOS] "System - UUID": the first three fields are little-endian, unlike the text. */
static void put_uuid(Smbios *s, const uint8_t uuid[16])
{
    static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

    for (unsigned i = 0; i < 16; i++)
        put(s, uuid[order[i]], 1);
}

static void put_system(Smbios *s, const MachineInfo *info) /* type 1 */
{
    enum { WAKE_POWER_SWITCH = 6 };

    begin(s, 1, HANDLE_SYSTEM);
    put_text_or(s, s->text->system_manufacturer, "myna");
    put_text_or(s, s->text->system_product, machine_name(info));
    put_text_or(s, s->text->system_version, MYNA_VERSION);
    put_string(s, s->text->system_serial);
    put_uuid(s, info->uuid);
    put(s, WAKE_POWER_SWITCH, 1);
    put_string(s, s->text->system_sku);
    put_string(s, s->text->system_family);
    end(s);
}

static void put_board(Smbios *s) /* type 2 */
{
    enum { HOSTING_BOARD = 1, MOTHERBOARD = 10 };

    begin(s, 2, HANDLE_BOARD);
    put_text_or(s, s->text->board_manufacturer, "myna");
    put_string(s, s->text->board_product);
    put_string(s, s->text->board_version);
    put_string(s, s->text->board_serial);
    put_string(s, s->text->board_asset);
    put(s, HOSTING_BOARD, 1);
    put_string(s, s->text->board_location);
    put(s, HANDLE_CHASSIS, 2);
    put(s, MOTHERBOARD, 1);
    put(s, 0, 1); /* contained objects */
    end(s);
}

static void put_chassis(Smbios *s) /* type 3 */
{
    enum { TYPE_OTHER = 1, STATE_SAFE = 3, SECURITY_UNKNOWN = 2 };

    begin(s, 3, HANDLE_CHASSIS);
    put_text_or(s, s->text->chassis_manufacturer, "myna");
    put(s, TYPE_OTHER, 1);
    put_text_or(s, s->text->chassis_version, MYNA_VERSION);
    put_string(s, s->text->chassis_serial);
    put_string(s, s->text->chassis_asset);
    put(s, STATE_SAFE, 1);
    put(s, STATE_SAFE, 1);
    put(s, STATE_SAFE, 1);
    put(s, SECURITY_UNKNOWN, 1);
    put(s, 0, 4); /* OEM */
    put(s, 0, 4); /* height, power cords, contained elements and their size */
    put_string(s, s->text->chassis_sku);
    end(s);
}

static void put_oem_strings(Smbios *s) /* type 11 */
{
    begin(s, 11, HANDLE_OEM);
    put(s, g_strv_length(s->text->oem_strings), 1);
    for (char **text = s->text->oem_strings; *text; text++)
        g_ptr_array_add(s->strings, g_strdup(*text));
    end(s);
}

static void put_cpu(Smbios *s, const MachineInfo *info, unsigned socket,
                    unsigned threads) /* type 4 */
{
    enum { CENTRAL = 3, OTHER = 1, ENABLED_IN_SOCKET = 0x41, UNKNOWN_ABILITIES = 2 };
    g_autofree char *name = g_strdup_printf("CPU %u", socket);

    begin(s, 4, HANDLE_CPU + socket);
    put_string(s, name);
    put(s, CENTRAL, 1);
    put(s, OTHER, 1);
    put_string(s, "myna");
    put(s, 0, 8); /* CPUID: firmware does not know */
    put_string(s, info->cpu_name ? info->cpu_name : machine_name(info));
    put(s, 0, 1); /* voltage */
    put(s, 0, 2); /* external clock */
    put(s, info->cpu_mhz, 2);
    put(s, info->cpu_mhz, 2);
    put(s, ENABLED_IN_SOCKET, 1);
    put(s, OTHER, 1); /* upgrade */
    put(s, NO_HANDLE, 2);
    put(s, NO_HANDLE, 2);
    put(s, NO_HANDLE, 2);
    put_string(s, NULL);
    put_string(s, NULL);
    put_string(s, NULL);
    put(s, threads, 1); /* cores, enabled cores, threads */
    put(s, threads, 1);
    put(s, threads, 1);
    put(s, UNKNOWN_ABILITIES, 2);
    put(s, OTHER, 2);
    end(s);
}

static void put_memory_array(Smbios *s, uint64_t bytes, unsigned dimms) /* type 16 */
{
    enum { SYSTEM_BOARD = 3, SYSTEM_MEMORY = 3, ECC_NONE = 3 };
    bool small = bytes / KIB < 0x80000000;

    begin(s, 16, HANDLE_MEMORY_ARRAY);
    put(s, SYSTEM_BOARD, 1);
    put(s, SYSTEM_MEMORY, 1);
    put(s, ECC_NONE, 1);
    put(s, small ? bytes / KIB : 0x80000000, 4);
    put(s, NOT_PROVIDED, 2);
    put(s, dimms, 2);
    put(s, small ? 0 : bytes, 8);
    end(s);
}

static void put_dimm(Smbios *s, unsigned n, uint64_t bytes) /* type 17 */
{
    enum { DIMM = 9, TYPE_RAM = 7, DETAIL_OTHER = 2, UNKNOWN_WIDTH = 0xffff };
    g_autofree char *name = g_strdup_printf("DIMM %u", n);

    begin(s, 17, HANDLE_DIMM + n);
    put(s, HANDLE_MEMORY_ARRAY, 2);
    put(s, NOT_PROVIDED, 2);
    put(s, UNKNOWN_WIDTH, 2);
    put(s, UNKNOWN_WIDTH, 2);
    put(s, bytes / MIB, 2); /* below 32 GiB by construction */
    put(s, DIMM, 1);
    put(s, 0, 1); /* no set */
    put_string(s, name);
    put_string(s, NULL);
    put(s, TYPE_RAM, 1);
    put(s, DETAIL_OTHER, 2);
    put(s, 0, 2); /* speed */
    put_string(s, "myna");
    put_string(s, NULL);
    put_string(s, NULL);
    put_string(s, NULL);
    put(s, 0, 1); /* rank */
    put(s, 0, 4); /* extended size */
    put(s, 0, 2); /* configured speed */
    put(s, 0, 6); /* voltages */
    end(s);
}

static void put_mapped(Smbios *s, unsigned n, uint64_t first, uint64_t bytes) /* type 19 */
{
    uint64_t last = first + bytes - 1;
    bool small = last / KIB < UINT32_MAX;

    begin(s, 19, HANDLE_MAPPED + n);
    put(s, small ? first / KIB : UINT32_MAX, 4);
    put(s, small ? last / KIB : UINT32_MAX, 4);
    put(s, HANDLE_MEMORY_ARRAY, 2);
    put(s, 1, 1); /* partition width */
    put(s, small ? 0 : first, 8);
    put(s, small ? 0 : last, 8);
    end(s);
}

static void put_memory(Smbios *s, const MachineInfo *info)
{
    uint64_t bytes = info->ram_below_4g + info->ram_above_4g;
    uint64_t most = (uint64_t)1 << MAX_DIMM_BYTES_SHIFT;
    unsigned dimms = (bytes + most - 1) / most;

    put_memory_array(s, bytes, dimms);
    for (unsigned n = 0; n < dimms; n++)
        put_dimm(s, n, MIN(most, bytes - n * most));
    put_mapped(s, 0, 0, info->ram_below_4g);
    if (info->ram_above_4g)
        put_mapped(s, 1, 4 * GIB, info->ram_above_4g);
}

static void put_boot_and_end(Smbios *s) /* types 32 and 127 */
{
    begin(s, 32, HANDLE_BOOT);
    put(s, 0, 6);
    put(s, 0, 1); /* no errors */
    end(s);
    begin(s, 127, HANDLE_END);
    end(s);
}

/* [SMBIOS] "SMBIOS 2.1 (32-bit) Entry Point". The table's address is 0 until firmware places it. */
static GByteArray *build_anchor(const Smbios *s)
{
    GByteArray *a = g_byte_array_new();

    g_byte_array_append(a, (const uint8_t *)"_SM_", 4);
    put_le(a, 0, 1); /* checksum */
    put_le(a, 31, 1);
    put_le(a, 2, 1); /* version 2.8 */
    put_le(a, 8, 1);
    put_le(a, s->largest, 2);
    put_le(a, 0, 6); /* revision, formatted area */
    g_byte_array_append(a, (const uint8_t *)"_DMI_", 5);
    put_le(a, 0, 1); /* checksum from here on */
    put_le(a, s->out->len, 2);
    put_le(a, 0, 4);
    put_le(a, s->count, 2);
    put_le(a, 0x28, 1);
    a->data[0x15] = checksum_of(a->data + 0x10, 15);
    a->data[0x04] = checksum_of(a->data, 31);
    return a;
}

SmbiosTables smbios_build(const MachineInfo *info)
{
    static const SmbiosText nothing;
    Smbios s = {.text = info->smbios ? info->smbios : &nothing,
                .out = g_byte_array_new(),
                .strings = g_ptr_array_new_with_free_func(g_free)};
    unsigned threads = info->threads_per_socket ? info->threads_per_socket : 1;

    put_bios(&s);
    put_system(&s, info);
    if (s.text->board)
        put_board(&s);
    put_chassis(&s);
    for (unsigned cpu = 0, socket = 0; cpu < info->cpu_count; cpu += threads, socket++)
        put_cpu(&s, info, socket, MIN(threads, info->cpu_count - cpu));
    if (s.text->oem_strings)
        put_oem_strings(&s);
    put_memory(&s, info);
    put_boot_and_end(&s);
    g_ptr_array_unref(s.strings);
    return (SmbiosTables){build_anchor(&s), s.out};
}

void smbios_text_clear(SmbiosText *t)
{
    char *texts[] = {
        t->bios_vendor,         t->bios_version,         t->bios_date,       t->bios_release,
        t->system_manufacturer, t->system_product,       t->system_version,  t->system_serial,
        t->system_uuid,         t->system_sku,           t->system_family,   t->board_manufacturer,
        t->board_product,       t->board_version,        t->board_serial,    t->board_asset,
        t->board_location,      t->chassis_manufacturer, t->chassis_version, t->chassis_serial,
        t->chassis_asset,       t->chassis_sku};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    g_strfreev(t->oem_strings);
    *t = (SmbiosText){0};
}
