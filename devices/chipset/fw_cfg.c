/* fw_cfg.c - the firmware configuration device, by port and by DMA. [FW_CFG].
 *
 * A 16-bit selector picks an item; each read of the data port gives its next byte; past the end
 * come zeros. DMA does the same to a buffer in guest memory, and may write items that allow it.
 * Left out: writing through the data port, which no longer exists. */
#include "devices/chipset/fw_cfg.h"

#include "core/log.h"

enum { PORT_BASE = 0x510, DMA_BASE = 0x514, ZEROS_MAX = 1 << 20 };

enum { ID_PORTS = 1, ID_DMA = 2 };

/* The DMA control word. [FW_CFG] "Guest-side DMA Interface". */
enum {
    DMA_ERROR = 1 << 0,
    DMA_READ = 1 << 1,
    DMA_SKIP = 1 << 2,
    DMA_SELECT = 1 << 3,
    DMA_WRITE = 1 << 4,
};

/* What a read of the DMA address register shows. */
static const char dma_signature[8] = "QEMU CFG";

typedef struct Item {
    GBytes *bytes;   /* NULL for a writable file */
    uint8_t *buffer; /* of a writable file */
    size_t size_bytes;
    FwCfgWritten *written;
    void *opaque;
} Item;

typedef struct File {
    char name[FW_CFG_FILE_NAME_MAX];
    Item *item;
} File;

struct FwCfg {
    Device dev;

    uint16_t key;
    uint32_t offset;      /* of the next byte in the item */
    uint64_t dma_address; /* what was written of it so far */

    GHashTable *items; /* key -> Item; the files' keys are their places in `files` */
    GPtrArray *files;  /* of File, sorted by name */
};

static void item_free(void *opaque)
{
    Item *item = opaque;

    if (item->bytes)
        g_bytes_unref(item->bytes);
    g_free(item);
}

static void file_free(void *opaque)
{
    File *file = opaque;

    item_free(file->item);
    g_free(file);
}

static const Item *selected_item(FwCfg *fw)
{
    if (fw->key >= FW_CFG_FILE_FIRST && fw->key - FW_CFG_FILE_FIRST < (int)fw->files->len)
        return ((File *)fw->files->pdata[fw->key - FW_CFG_FILE_FIRST])->item;
    return g_hash_table_lookup(fw->items, GUINT_TO_POINTER(fw->key));
}

static const uint8_t *item_data(const Item *item)
{
    return item->bytes ? g_bytes_get_data(item->bytes, NULL) : item->buffer;
}

/* Bytes between the cursor and the end of the selected item. */
static size_t bytes_left(FwCfg *fw)
{
    const Item *item = selected_item(fw);

    return item && fw->offset < item->size_bytes ? item->size_bytes - fw->offset : 0;
}

static void select_item(FwCfg *fw, uint16_t key)
{
    fw->key = key;
    fw->offset = 0;
    if (!selected_item(fw))
        guest_error("fw_cfg: there is no item %04x\n", key);
}

/* Both ports give the next byte; only a word written to the first selects. */
static uint64_t ports_read(void *dev, uint64_t offset, unsigned size)
{
    FwCfg *fw = dev;

    if (!bytes_left(fw))
        return 0;
    return item_data(selected_item(fw))[fw->offset++];
}

static void ports_write(void *dev, uint64_t offset, uint64_t value, unsigned size)
{
    FwCfg *fw = dev;

    if (offset == 0 && size == 2)
        select_item(fw, value);
    else
        guest_error("fw_cfg: write of %02x to the data port\n", (unsigned)value);
}

/* The item's bytes, then zeros; of these no more than a bound, for the guest may ask for 4 GiB. */
static void dma_read_item(FwCfg *fw, PhysAddr address, uint64_t length)
{
    static const uint8_t zeros[4096];
    uint64_t copied = MIN(length, bytes_left(fw));
    AddressSpace *memory = &fw->dev.board->memory;

    if (length - copied > ZEROS_MAX) {
        guest_error("fw_cfg: read far past the end of item %04x\n", fw->key);
        length = copied + ZEROS_MAX;
    }
    if (copied)
        address_space_write(memory, address, item_data(selected_item(fw)) + fw->offset, copied);
    fw->offset += copied;
    for (uint64_t at = copied; at < length; at += sizeof(zeros))
        address_space_write(memory, address + at, zeros, MIN(sizeof(zeros), length - at));
}

/* All or nothing: a write that does not fit is an error. */
static bool dma_write_item(FwCfg *fw, PhysAddr address, uint64_t length)
{
    const Item *item = selected_item(fw);

    if (!item || !item->buffer || length > bytes_left(fw)) {
        guest_error("fw_cfg: write of %u bytes to item %04x\n", (unsigned)length, fw->key);
        return false;
    }
    address_space_read(&fw->dev.board->memory, address, item->buffer + fw->offset, length);
    fw->offset += length;
    if (item->written)
        item->written(item->opaque, fw->offset - length, length);
    return true;
}

/* The descriptor is big-endian: control (32 bits), length (32), address (64). */
static void dma_run(FwCfg *fw)
{
    AddressSpace *memory = &fw->dev.board->memory;
    uint8_t descriptor[16], result[4] = {0};
    bool ok = true;

    address_space_read(memory, fw->dma_address, descriptor, sizeof(descriptor));
    uint32_t control = GUINT32_SWAP_LE_BE(load_le32(descriptor));
    uint32_t length = GUINT32_SWAP_LE_BE(load_le32(descriptor + 4));
    PhysAddr address = GUINT64_SWAP_LE_BE(load_le64(descriptor + 8));

    if (control & DMA_SELECT)
        select_item(fw, control >> 16);
    if (control & DMA_READ)
        dma_read_item(fw, address, length);
    else if (control & DMA_WRITE)
        ok = dma_write_item(fw, address, length);
    else if (control & DMA_SKIP)
        fw->offset += MIN(length, bytes_left(fw));

    result[3] = ok ? 0 : DMA_ERROR;
    address_space_write(memory, fw->dma_address, result, sizeof(result));
    fw->dma_address = 0;
}

static uint64_t dma_read(void *dev, uint64_t offset, unsigned size)
{
    return load_le(dma_signature + offset, size);
}

/* The register is big-endian too; its low half starts the transfer. */
static void dma_write(void *dev, uint64_t offset, uint64_t value, unsigned size)
{
    FwCfg *fw = dev;

    if (size != 4) {
        guest_error("fw_cfg: %u-byte write to the DMA address\n", size);
        return;
    }
    uint32_t half = GUINT32_SWAP_LE_BE((uint32_t)value);
    if (offset == 0) {
        fw->dma_address = (uint64_t)half << 32;
    } else if (offset == 4) {
        fw->dma_address |= half;
        dma_run(fw);
    }
}

static Item *item_new(GBytes *bytes)
{
    Item *item = g_new0(Item, 1);

    item->bytes = g_bytes_ref(bytes);
    item->size_bytes = g_bytes_get_size(bytes);
    return item;
}

void fw_cfg_add_gbytes(FwCfg *fw, uint16_t key, GBytes *bytes)
{
    g_hash_table_replace(fw->items, GUINT_TO_POINTER(key), item_new(bytes));
}

void fw_cfg_add_bytes(FwCfg *fw, uint16_t key, const void *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);

    fw_cfg_add_gbytes(fw, key, bytes);
}

void fw_cfg_add_string(FwCfg *fw, uint16_t key, const char *text)
{
    fw_cfg_add_bytes(fw, key, text, strlen(text) + 1);
}

static void add_int(FwCfg *fw, uint16_t key, uint64_t value, unsigned size)
{
    uint8_t bytes[8];

    store_le(bytes, value, size);
    fw_cfg_add_bytes(fw, key, bytes, size);
}

void fw_cfg_add_int16(FwCfg *fw, uint16_t key, uint16_t value)
{
    add_int(fw, key, value, 2);
}

void fw_cfg_add_int32(FwCfg *fw, uint16_t key, uint32_t value)
{
    add_int(fw, key, value, 4);
}

void fw_cfg_add_int64(FwCfg *fw, uint16_t key, uint64_t value)
{
    add_int(fw, key, value, 8);
}

/* [FW_CFG] "File Directory": a big-endian count, then size, key, 16 reserved bits and the name. */
static void rebuild_directory(FwCfg *fw)
{
    g_autoptr(GByteArray) dir = g_byte_array_new();
    uint32_t count = GUINT32_TO_BE(fw->files->len);

    g_byte_array_append(dir, (const uint8_t *)&count, sizeof(count));
    for (guint i = 0; i < fw->files->len; i++) {
        const File *file = fw->files->pdata[i];
        uint32_t size = GUINT32_TO_BE(file->item->size_bytes);
        uint16_t key[2] = {GUINT16_TO_BE(FW_CFG_FILE_FIRST + i), 0};

        g_byte_array_append(dir, (const uint8_t *)&size, sizeof(size));
        g_byte_array_append(dir, (const uint8_t *)key, sizeof(key));
        g_byte_array_append(dir, (const uint8_t *)file->name, sizeof(file->name));
    }
    fw_cfg_add_bytes(fw, FW_CFG_FILE_DIR, dir->data, dir->len);
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(File *const *)a)->name, (*(File *const *)b)->name);
}

static void add_file(FwCfg *fw, const char *name, Item *item)
{
    g_assert(strlen(name) < FW_CFG_FILE_NAME_MAX);
    for (guint i = 0; i < fw->files->len; i++) {
        if (strcmp(((File *)fw->files->pdata[i])->name, name) == 0) {
            g_ptr_array_remove_index(fw->files, i);
            break;
        }
    }

    File *file = g_new0(File, 1);
    g_strlcpy(file->name, name, sizeof(file->name));
    file->item = item;
    g_ptr_array_add(fw->files, file);
    g_ptr_array_sort(fw->files, by_name);
    rebuild_directory(fw);
}

void fw_cfg_add_file_gbytes(FwCfg *fw, const char *name, GBytes *bytes)
{
    add_file(fw, name, item_new(bytes));
}

void fw_cfg_add_file(FwCfg *fw, const char *name, const void *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);

    fw_cfg_add_file_gbytes(fw, name, bytes);
}

void fw_cfg_add_file_writable(FwCfg *fw, const char *name, void *data, size_t size,
                              FwCfgWritten *written, void *opaque)
{
    Item *item = g_new0(Item, 1);

    item->buffer = data;
    item->size_bytes = size;
    item->written = written;
    item->opaque = opaque;
    add_file(fw, name, item);
}

static bool fw_cfg_realize(void *dev, GError **err)
{
    FwCfg *fw = dev;

    fw->items = g_hash_table_new_full(NULL, NULL, NULL, item_free);
    fw->files = g_ptr_array_new_with_free_func(file_free);
    fw_cfg_add_bytes(fw, FW_CFG_SIGNATURE, "QEMU", 4);
    fw_cfg_add_int32(fw, FW_CFG_ID, ID_PORTS | ID_DMA);
    rebuild_directory(fw);
    return true;
}

static void fw_cfg_unrealize(void *dev)
{
    FwCfg *fw = dev;

    g_hash_table_unref(fw->items);
    g_ptr_array_unref(fw->files);
}

static void fw_cfg_reset(void *dev)
{
    FwCfg *fw = dev;

    fw->key = FW_CFG_SIGNATURE;
    fw->offset = 0;
    fw->dma_address = 0;
}

static const IoRange io[] = {
    {.name = "fw_cfg",
     .space = IO_PORTS,
     .base = PORT_BASE,
     .size = 2,
     .max_access = 2,
     .read = ports_read,
     .write = ports_write},
    {.name = "fw_cfg-dma",
     .space = IO_PORTS,
     .base = DMA_BASE,
     .size = 8,
     .max_access = 4,
     .read = dma_read,
     .write = dma_write},
    {0},
};

static const StateField state[] = {
    STATE(FwCfg, key),
    STATE(FwCfg, offset),
    STATE(FwCfg, dma_address),
    STATE_END,
};

const DeviceClass fw_cfg_class = {
    .name = "fw_cfg",
    .desc = "firmware configuration",
    .size = sizeof(FwCfg),
    .io = io,
    .state = state,
    .realize = fw_cfg_realize,
    .unrealize = fw_cfg_unrealize,
    .reset = fw_cfg_reset,
};
