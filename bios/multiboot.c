/* multiboot.c - the memory image and information structure of a multiboot kernel. [MULTIBOOT];
 * [ELF] "Program Header". */
#include "bios/kernel_priv.h"

#include "core/error.h"

/* [MULTIBOOT] "The layout of Multiboot header". */
enum {
    SEARCHED = 8192,
    MAGIC = 0x1badb002,
    HAS_ADDRESSES = 1 << 16,
    HDR_FLAGS = 4,
    HDR_CHECKSUM = 8,
    HDR_HEADER_ADDR = 12,
    HDR_LOAD_ADDR = 16,
    HDR_LOAD_END_ADDR = 20,
    HDR_BSS_END_ADDR = 24,
    HDR_ENTRY_ADDR = 28,
    HDR_SIZE_WITH_ADDRESSES = 32,
};

/* [MULTIBOOT] "Boot information format". The ROM adds the memory map. */
enum {
    INFO_FLAGS = 0,
    INFO_MEM_LOWER = 4,
    INFO_MEM_UPPER = 8,
    INFO_CMDLINE = 16,
    INFO_MODS_COUNT = 20,
    INFO_MODS_ADDR = 24,
    INFO_LOADER_NAME = 64,
    INFO_SIZE = 88,
    INFO_HAS_MEM = 1 << 0,
    INFO_HAS_CMDLINE = 1 << 2,
    INFO_HAS_MODS = 1 << 3,
    INFO_HAS_LOADER_NAME = 1 << 9,
    MODULE_SIZE = 16, /* start, end, string, reserved */
};

/* The kernel's place in memory; bytes beyond the file's are zero. */
typedef struct Image {
    uint64_t base, end;
    uint32_t entry;
    uint8_t *bytes;
} Image;

static int find_header(GBytes *kernel)
{
    size_t size;
    const uint8_t *k = g_bytes_get_data(kernel, &size);

    for (size_t at = 0; at + 12 <= MIN(size, SEARCHED); at += 4) {
        uint32_t sum = load_le32(k + at) + load_le32(k + at + HDR_FLAGS) +
                       load_le32(k + at + HDR_CHECKSUM);
        if (load_le32(k + at) == MAGIC && sum == 0)
            return at;
    }
    return -1;
}

bool kernel_is_multiboot(GBytes *kernel)
{
    return find_header(kernel) >= 0;
}

static bool refuse(const KernelRequest *request, GError **err, const char *why)
{
    g_set_error(err, MYNA_ERROR, MYNA_ERROR_FILE, "%s: %s", request->name, why);
    return false;
}

static bool allocate(Image *i, const KernelRequest *request, GError **err)
{
    if (i->end <= i->base || i->end > request->ram_below_4g)
        return refuse(request, err, "the guest's RAM is too small for this kernel");
    i->bytes = g_malloc0(i->end - i->base);
    return true;
}

/* [MULTIBOOT] "The address fields of Multiboot header". */
static bool load_by_addresses(Image *i, const KernelRequest *request, unsigned header, GError **err)
{
    size_t size;
    const uint8_t *k = g_bytes_get_data(request->kernel, &size);

    if (header + HDR_SIZE_WITH_ADDRESSES > size)
        return refuse(request, err, "the file ends inside the multiboot header");
    const uint8_t *h = k + header;
    uint64_t offset = header -
                      (uint64_t)(load_le32(h + HDR_HEADER_ADDR) - load_le32(h + HDR_LOAD_ADDR));
    i->base = load_le32(h + HDR_LOAD_ADDR);
    i->entry = load_le32(h + HDR_ENTRY_ADDR);
    if (offset > header)
        return refuse(request, err, "its multiboot header lies outside what is to be loaded");
    uint64_t load_end = load_le32(h + HDR_LOAD_END_ADDR);
    if (!load_end)
        load_end = i->base + size - offset;
    i->end = MAX(load_end, load_le32(h + HDR_BSS_END_ADDR));
    if (load_end < i->base || load_end - i->base > size - offset)
        return refuse(request, err, "the file is shorter than its multiboot header says");
    if (!allocate(i, request, err))
        return false;
    memcpy(i->bytes, k + offset, load_end - i->base);
    return true;
}

/* A loadable segment: [ELF] "Program Header", 32-bit. */
typedef struct Segment {
    uint64_t offset, address, file_size, memory_size;
} Segment;

static bool read_segment(Segment *s, const uint8_t *p)
{
    enum { PT_LOAD = 1, P_OFFSET = 4, P_PADDR = 12, P_FILESZ = 16, P_MEMSZ = 20 };

    *s = (Segment){load_le32(p + P_OFFSET), load_le32(p + P_PADDR), load_le32(p + P_FILESZ),
                   load_le32(p + P_MEMSZ)};
    return load_le32(p) == PT_LOAD && s->memory_size;
}

static bool load_elf(Image *i, const KernelRequest *request, GError **err)
{
    enum {
        EI_CLASS = 4,
        CLASS_32 = 1,
        E_ENTRY = 24,
        E_PHOFF = 28,
        E_PHNUM = 44,
        EHDR = 52,
        PHDR = 32
    };
    size_t size;
    const uint8_t *k = g_bytes_get_data(request->kernel, &size);
    Segment s;

    if (size < EHDR || memcmp(k, "\177ELF", 4) != 0)
        return refuse(request, err, "its multiboot header has no addresses, and it is no ELF file");
    if (k[EI_CLASS] != CLASS_32)
        return refuse(request, err, "a multiboot kernel must be a 32-bit ELF file");
    uint64_t headers = load_le32(k + E_PHOFF);
    unsigned count = load_le16(k + E_PHNUM);
    if (headers + (uint64_t)count * PHDR > size)
        return refuse(request, err, "the file ends inside the program headers");

    i->entry = load_le32(k + E_ENTRY);
    i->base = UINT64_MAX;
    for (unsigned n = 0; n < count; n++) {
        if (!read_segment(&s, k + headers + n * PHDR))
            continue;
        if (s.offset + s.file_size > size || s.file_size > s.memory_size)
            return refuse(request, err, "a segment lies outside the file");
        i->base = MIN(i->base, s.address);
        i->end = MAX(i->end, s.address + s.memory_size);
    }
    if (!allocate(i, request, err))
        return false;
    for (unsigned n = 0; n < count; n++)
        if (read_segment(&s, k + headers + n * PHDR))
            memcpy(i->bytes + (s.address - i->base), k + s.offset, s.file_size);
    return true;
}

static void align_page(GByteArray *out)
{
    static const uint8_t zeros[PAGE_SIZE];

    g_byte_array_append(out, zeros, -out->len & PAGE_MASK);
}

static uint32_t put_string(GByteArray *out, uint32_t base, const char *text)
{
    uint32_t at = base + out->len;

    g_byte_array_append(out, (const uint8_t *)text, strlen(text) + 1);
    return at;
}

/* Information, module list, strings, and then the modules on page boundaries; all at `base`. */
static GBytes *build_info(const KernelRequest *request, uint32_t base)
{
    GByteArray *out = g_byte_array_new();
    unsigned count = request->module_count, list = INFO_SIZE;
    unsigned flags = INFO_HAS_MEM | INFO_HAS_CMDLINE | INFO_HAS_MODS | INFO_HAS_LOADER_NAME;

    g_byte_array_set_size(out, list + count * MODULE_SIZE);
    memset(out->data, 0, out->len);
    uint32_t name = put_string(out, base, "myna");
    g_autofree char *line = g_strdup_printf("%s %s", request->name,
                                            request->cmdline ? request->cmdline : "");
    uint32_t cmdline = put_string(out, base, g_strchomp(line));
    for (unsigned n = 0; n < count; n++) {
        uint32_t text = put_string(out, base, request->modules[n].text);
        store_le32(out->data + list + n * MODULE_SIZE + 8, text);
    }
    for (unsigned n = 0; n < count; n++) {
        size_t size;
        const uint8_t *data = g_bytes_get_data(request->modules[n].data, &size);
        align_page(out);
        store_le32(out->data + list + n * MODULE_SIZE, base + out->len);
        store_le32(out->data + list + n * MODULE_SIZE + 4, base + out->len + size);
        g_byte_array_append(out, data, size);
    }

    uint8_t *info = out->data;
    store_le32(info + INFO_FLAGS, flags);
    store_le32(info + INFO_MEM_LOWER, 639);
    store_le32(info + INFO_MEM_UPPER, (request->ram_below_4g - MIB) / KIB);
    store_le32(info + INFO_CMDLINE, cmdline);
    store_le32(info + INFO_MODS_COUNT, count);
    store_le32(info + INFO_MODS_ADDR, base + list);
    store_le32(info + INFO_LOADER_NAME, name);
    return g_byte_array_free_to_bytes(out);
}

bool multiboot_prepare(KernelBoot *boot, const KernelRequest *request, GError **err)
{
    unsigned header = find_header(request->kernel);
    const uint8_t *k = g_bytes_get_data(request->kernel, NULL);
    bool addresses = load_le32(k + header + HDR_FLAGS) & HAS_ADDRESSES;
    Image i = {0};

    uint64_t modules = 0;
    for (unsigned n = 0; n < request->module_count; n++)
        modules += g_bytes_get_size(request->modules[n].data);
    if (request->ram_below_4g < MIB * 2 || modules > request->ram_below_4g)
        return refuse(request, err, "the guest's RAM is too small for this kernel");
    if (!(addresses ? load_by_addresses(&i, request, header, err) : load_elf(&i, request, err)))
        return false;

    uint64_t base = (MAX(i.end, MIB) + PAGE_MASK) & ~PAGE_MASK;
    GBytes *info = build_info(request, base);
    kernel_add_number(boot, FW_CFG_KERNEL_ENTRY, i.entry);
    kernel_add_blob(boot, FW_CFG_KERNEL_ADDR, FW_CFG_KERNEL_SIZE, FW_CFG_KERNEL_DATA, i.base,
                    g_bytes_new_take(i.bytes, i.end - i.base));
    kernel_add_blob(boot, FW_CFG_INITRD_ADDR, FW_CFG_INITRD_SIZE, FW_CFG_INITRD_DATA, base, info);
    if (base + g_bytes_get_size(info) > request->ram_below_4g)
        return refuse(request, err, "the guest's RAM is too small for kernel and modules");
    return true;
}
