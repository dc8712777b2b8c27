/* linux.c - placing a Linux kernel as its boot protocol says. [LINUX-BOOT]. */
#include "bios/kernel_priv.h"

#include "core/error.h"

/* [LINUX-BOOT] "The Real-Mode Kernel Header". */
enum {
    HDR_SETUP_SECTS = 0x1f1,
    HDR_VID_MODE = 0x1fa,
    HDR_BOOT_FLAG = 0x1fe,
    HDR_MAGIC = 0x202,
    HDR_VERSION = 0x206,
    HDR_TYPE_OF_LOADER = 0x210,
    HDR_LOADFLAGS = 0x211,
    HDR_RAMDISK_IMAGE = 0x218,
    HDR_RAMDISK_SIZE = 0x21c,
    HDR_HEAP_END_PTR = 0x224,
    HDR_CMD_LINE_PTR = 0x228,
    HDR_INITRD_ADDR_MAX = 0x22c,
    HDR_CMDLINE_SIZE = 0x238,
    HDR_END = 0x268,

    LOADED_HIGH = 0x01,
    CAN_USE_HEAP = 0x80,
    LOADER_UNDEFINED = 0xff,
    HDR_MAGIC_VALUE = 0x53726448, /* "HdrS" */
};

enum {
    SECTOR = 512,
    SETUP_ADDR = 0x10000,
    CMDLINE_ADDR = 0x20000,
    KERNEL_HIGH = 0x100000,
    SETUP_ADDR_LOW = 0x90000, /* for kernels that load to 64 KiB */
    CMDLINE_END_LOW = 0x9a000,
    KERNEL_LOW = 0x10000,
    CMDLINE_MAX_OLD = 255,
    INITRD_MAX_OLD = 0x37ffffff,
    RAM_TOP_RESERVED = 1 << 20, /* the firmware's tables are at the end of RAM */
};

typedef struct Layout {
    uint32_t setup, kernel, cmdline, initrd;
    size_t setup_size, initrd_size;
    unsigned version;
} Layout;

bool linux_recognize(GBytes *kernel)
{
    size_t size;
    const uint8_t *h = g_bytes_get_data(kernel, &size);

    return size > HDR_END && load_le16(h + HDR_BOOT_FLAG) == 0xaa55 &&
           load_le32(h + HDR_MAGIC) == HDR_MAGIC_VALUE;
}

static bool refuse(const KernelRequest *request, GError **err, const char *why)
{
    g_set_error(err, MYNA_ERROR, MYNA_ERROR_FILE, "%s: %s", request->name, why);
    return false;
}

static bool check_header(Layout *l, const uint8_t *h, size_t size, const KernelRequest *request,
                         GError **err)
{
    unsigned sectors = h[HDR_SETUP_SECTS] ? h[HDR_SETUP_SECTS] : 4;

    l->version = load_le16(h + HDR_VERSION);
    l->setup_size = (sectors + 1) * SECTOR;
    if (l->version < 0x202)
        return refuse(request, err, "its boot protocol is older than 2.02 (Linux 2.4)");
    if (size <= l->setup_size)
        return refuse(request, err, "the file ends inside the setup code");
    return true;
}

/* [LINUX-BOOT] "The Kernel Command Line": its place also bounds the setup code's heap. */
static bool place_cmdline(Layout *l, const uint8_t *h, const KernelRequest *request, GError **err)
{
    size_t length = strlen(request->cmdline);
    size_t most = l->version >= 0x206 ? load_le32(h + HDR_CMDLINE_SIZE) : CMDLINE_MAX_OLD;

    if (length > most) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE,
                    "%s: the command line has %zu letters, but this kernel takes %zu",
                    request->name, length, most);
        return false;
    }
    if (h[HDR_LOADFLAGS] & LOADED_HIGH)
        l->cmdline = CMDLINE_ADDR;
    else
        l->cmdline = CMDLINE_END_LOW - ((length + 16) & ~(size_t)15);
    return true;
}

/* As high as kernel and RAM allow. [LINUX-BOOT] "initrd_addr_max". */
static bool place_initrd(Layout *l, const uint8_t *h, size_t kernel_size,
                         const KernelRequest *request, GError **err)
{
    if (request->module_count == 0)
        return true;

    uint64_t last = l->version >= 0x203 ? load_le32(h + HDR_INITRD_ADDR_MAX) : INITRD_MAX_OLD;
    uint64_t top = MIN(last + 1, request->ram_below_4g - RAM_TOP_RESERVED);
    l->initrd_size = g_bytes_get_size(request->modules[0].data);
    if (request->ram_below_4g < RAM_TOP_RESERVED || l->initrd_size > top ||
        ((top - l->initrd_size) & ~PAGE_MASK) < MAX(l->kernel, KERNEL_HIGH) + kernel_size)
        return refuse(request, err, "the guest's RAM is too small for kernel and initrd");
    l->initrd = (top - l->initrd_size) & ~PAGE_MASK;
    return true;
}

/* "vga=" is the loader's to read. [LINUX-BOOT] "Special Command Line Options". */
static uint16_t video_mode(const char *cmdline)
{
    static const struct {
        const char *name;
        uint16_t mode;
    } names[] = {{"normal", 0xffff}, {"ext", 0xfffe}, {"ask", 0xfffd}};
    const char *vga = strstr(cmdline, "vga=");

    if (!vga || (vga != cmdline && vga[-1] != ' '))
        return 0xffff;
    vga += strlen("vga=");
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
        if (g_str_has_prefix(vga, names[i].name))
            return names[i].mode;
    return g_ascii_strtoull(vga, NULL, 0);
}

/* The setup code with what the loader has to fill in. */
static GBytes *finish_setup(const Layout *l, const uint8_t *image, const KernelRequest *request)
{
    uint8_t *h = g_memdup2(image, l->setup_size);

    store_le16(h + HDR_VID_MODE, video_mode(request->cmdline));
    h[HDR_TYPE_OF_LOADER] = LOADER_UNDEFINED;
    h[HDR_LOADFLAGS] |= CAN_USE_HEAP;
    store_le16(h + HDR_HEAP_END_PTR, l->cmdline - l->setup - 0x200);
    store_le32(h + HDR_CMD_LINE_PTR, l->cmdline);
    store_le32(h + HDR_RAMDISK_IMAGE, l->initrd);
    store_le32(h + HDR_RAMDISK_SIZE, l->initrd_size);
    return g_bytes_new_take(h, l->setup_size);
}

bool linux_prepare(KernelBoot *boot, const KernelRequest *given, GError **err)
{
    KernelRequest request = *given;
    size_t size;
    const uint8_t *image = g_bytes_get_data(request.kernel, &size);
    bool high = image[HDR_LOADFLAGS] & LOADED_HIGH;
    Layout l = {.setup = high ? SETUP_ADDR : SETUP_ADDR_LOW,
                .kernel = high ? KERNEL_HIGH : KERNEL_LOW};

    if (!request.cmdline)
        request.cmdline = "";
    if (!check_header(&l, image, size, &request, err) || !place_cmdline(&l, image, &request, err) ||
        !place_initrd(&l, image, size - l.setup_size, &request, err))
        return false;

    kernel_add_blob(boot, FW_CFG_SETUP_ADDR, FW_CFG_SETUP_SIZE, FW_CFG_SETUP_DATA, l.setup,
                    finish_setup(&l, image, &request));
    kernel_add_blob(boot, FW_CFG_KERNEL_ADDR, FW_CFG_KERNEL_SIZE, FW_CFG_KERNEL_DATA, l.kernel,
                    g_bytes_new_from_bytes(request.kernel, l.setup_size, size - l.setup_size));
    kernel_add_blob(boot, FW_CFG_CMDLINE_ADDR, FW_CFG_CMDLINE_SIZE, FW_CFG_CMDLINE_DATA, l.cmdline,
                    g_bytes_new(request.cmdline, strlen(request.cmdline) + 1));
    if (l.initrd_size)
        kernel_add_blob(boot, FW_CFG_INITRD_ADDR, FW_CFG_INITRD_SIZE, FW_CFG_INITRD_DATA, l.initrd,
                        g_bytes_ref(request.modules[0].data));
    return true;
}
