/* fw_cfg.h - what the board tells the firmware: numbered items and named files. */
#ifndef MYNA_DEVICES_CHIPSET_FW_CFG_H
#define MYNA_DEVICES_CHIPSET_FW_CFG_H

#include "core/device.h"
#include "core/fw_cfg_keys.h"

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
