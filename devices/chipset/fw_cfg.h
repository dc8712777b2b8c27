/* fw_cfg.h - what the board tells the firmware: numbered items and named files. */
#ifndef MYNA_DEVICES_CHIPSET_FW_CFG_H
#define MYNA_DEVICES_CHIPSET_FW_CFG_H

#include "core/device.h"

/* Item keys. [FW_CFG] "Selector (Control) Register"; those from 7 on carry -kernel. */
typedef enum FwCfgKey {
    FW_CFG_SIGNATURE = 0x00,
    FW_CFG_ID = 0x01,
    FW_CFG_UUID = 0x02,
    FW_CFG_RAM_SIZE = 0x03,
    FW_CFG_NOGRAPHIC = 0x04,
    FW_CFG_NB_CPUS = 0x05,
    FW_CFG_MACHINE_ID = 0x06,
    FW_CFG_KERNEL_ADDR = 0x07,
    FW_CFG_KERNEL_SIZE = 0x08,
    FW_CFG_INITRD_ADDR = 0x0a,
    FW_CFG_INITRD_SIZE = 0x0b,
    FW_CFG_BOOT_DEVICE = 0x0c,
    FW_CFG_NUMA = 0x0d,
    FW_CFG_BOOT_MENU = 0x0e,
    FW_CFG_MAX_CPUS = 0x0f,
    FW_CFG_KERNEL_ENTRY = 0x10,
    FW_CFG_KERNEL_DATA = 0x11,
    FW_CFG_INITRD_DATA = 0x12,
    FW_CFG_CMDLINE_ADDR = 0x13,
    FW_CFG_CMDLINE_SIZE = 0x14,
    FW_CFG_CMDLINE_DATA = 0x15,
    FW_CFG_SETUP_ADDR = 0x16,
    FW_CFG_SETUP_SIZE = 0x17,
    FW_CFG_SETUP_DATA = 0x18,
    FW_CFG_FILE_DIR = 0x19,
    FW_CFG_FILE_FIRST = 0x20,
    FW_CFG_IRQ0_OVERRIDE = 0x8002, /* PC only */
    FW_CFG_HPET = 0x8004,
} FwCfgKey;

enum { FW_CFG_FILE_NAME_MAX = 56 /* with the final 0 */ };

typedef struct FwCfg FwCfg;

/* After the guest wrote `count` bytes at `offset` of a file through DMA. */
typedef void FwCfgWritten(void *opaque, size_t offset, size_t count);

/* Adding what exists already replaces it. Data is copied, except from GBytes, which are shared. The
 * device comes with signature, id and directory; all else is the board's, before the guest runs. */
void fw_cfg_add_gbytes(FwCfg *fw, uint16_t key, GBytes *bytes);
void fw_cfg_add_bytes(FwCfg *fw, uint16_t key, const void *data, size_t size);
void fw_cfg_add_string(FwCfg *fw, uint16_t key, const char *text); /* with its final 0 */
void fw_cfg_add_int16(FwCfg *fw, uint16_t key, uint16_t value);
void fw_cfg_add_int32(FwCfg *fw, uint16_t key, uint32_t value);
void fw_cfg_add_int64(FwCfg *fw, uint16_t key, uint64_t value);

void fw_cfg_add_file(FwCfg *fw, const char *name, const void *data, size_t size);
void fw_cfg_add_file_gbytes(FwCfg *fw, const char *name, GBytes *bytes);
/* A file the guest may write: `data` stays the caller's, who also saves it. */
void fw_cfg_add_file_writable(FwCfg *fw, const char *name, void *data, size_t size,
                              FwCfgWritten *written, void *opaque);

#endif
