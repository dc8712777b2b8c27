/* ide.c - an ATA channel: task file, device selection, reset, and the data port.
 *
 * [ATA6] "Register descriptions", "Host/Device protocols". Both drives of a channel hear every
 * register write; the selected one answers reads. A channel without the selected drive reads as
 * zeros, which is "not ready" to software that probes. */
#include "devices/block/ide_priv.h"
#include "core/error.h"
#include "core/log.h"

static IdeDrive *selected_drive(IdeChannel *ch)
{
    return &ch->drives[ch->selected];
}

/* --- interrupt and the end of commands --- */

bool ide_channel_irq(const IdeChannel *ch)
{
    return ch->drives[ch->selected].irq && !(ch->control & CONTROL_NIEN);
}

void ide_raise_irq(IdeDrive *d)
{
    d->irq = true;
    if (d == selected_drive(d->channel) && ide_channel_irq(d->channel))
        d->channel->bm_status |= BM_STS_INTERRUPT;
}

void ide_stop_transfer(IdeDrive *d)
{
    d->transfer = TRANSFER_NONE;
    d->pos = d->end = 0;
    d->request = 0;
}

void ide_done(IdeDrive *d)
{
    ide_stop_transfer(d);
    d->status = STATUS_READY;
    d->error = 0;
    ide_raise_irq(d);
}

void ide_fail(IdeDrive *d, uint8_t error)
{
    ide_stop_transfer(d);
    d->status = STATUS_READY | STATUS_ERR;
    d->error = error;
    ide_raise_irq(d);
}

/* --- block requests --- */

typedef struct IdeRequest {
    IdeDrive *drive;
    uint64_t number;
    IdeRequestDone *done;
} IdeRequest;

static void request_done(void *opaque, int error)
{
    IdeRequest *r = opaque;
    IdeDrive *d = r->drive;

    if (d->request == r->number) {
        d->request = 0;
        r->done(d, error);
        device_update(d->channel->pci);
    }
    g_free(r);
}

static IdeRequest *request_new(IdeDrive *d, IdeRequestDone *done)
{
    IdeRequest *r = g_new(IdeRequest, 1);

    d->request = ++d->channel->last_request;
    *r = (IdeRequest){d, d->request, done};
    return r;
}

void ide_request_read(IdeDrive *d, uint64_t offset, uint32_t at, uint32_t size,
                      IdeRequestDone *done)
{
    g_assert(at + size <= IDE_BUFFER);
    d->pending = size;
    block_read(d->block, offset, d->buffer + at, size, request_done, request_new(d, done));
}

void ide_request_write(IdeDrive *d, uint64_t offset, uint32_t size, IdeRequestDone *done)
{
    g_assert(size <= IDE_BUFFER);
    d->pending = size;
    block_write(d->block, offset, d->buffer, size, request_done, request_new(d, done));
}

void ide_request_flush(IdeDrive *d, IdeRequestDone *done)
{
    block_flush(d->block, request_done, request_new(d, done));
}

/* --- the data port --- */

void ide_pio_start(IdeDrive *d, IdeTransfer transfer, uint32_t size)
{
    g_assert(size <= IDE_BUFFER);
    d->transfer = transfer;
    d->pos = 0;
    d->end = size;
    d->status = STATUS_READY | STATUS_DRQ;
}

/* IDENTIFY and its like: nothing follows the one block, and nothing is signalled. */
static void pio_data_end(IdeDrive *d)
{
    ide_stop_transfer(d);
    d->status = STATUS_READY;
}

/* What the data port does in each transfer, and who continues when the buffer is used up. */
static const struct {
    bool to_host, from_host;
    void (*next)(IdeDrive *d);
} pio_rules[TRANSFER_COUNT] = {
    [TRANSFER_PIO_DATA] = {true, false, pio_data_end},
    [TRANSFER_PIO_READ] = {true, false, ide_pio_read_next},
    [TRANSFER_PIO_WRITE] = {false, true, ide_pio_write_next},
    [TRANSFER_PACKET] = {false, true, atapi_packet_received},
    [TRANSFER_PACKET_IN] = {true, false, atapi_pio_in_next},
    [TRANSFER_PACKET_OUT] = {false, true, atapi_pio_out_done},
};

static bool data_ready(const IdeDrive *d)
{
    return (d->status & STATUS_DRQ) && d->pos < d->end;
}

static uint64_t data_read(IdeDrive *d, unsigned size)
{
    uint64_t value = 0;

    if (!data_ready(d) || !pio_rules[d->transfer].to_host)
        return 0;
    size = MIN(size, d->end - d->pos);
    memcpy(&value, d->buffer + d->pos, size);
    d->pos += size;
    if (d->pos == d->end)
        pio_rules[d->transfer].next(d);
    return GUINT64_FROM_LE(value);
}

static void data_write(IdeDrive *d, uint64_t value, unsigned size)
{
    if (!data_ready(d) || !pio_rules[d->transfer].from_host)
        return;
    size = MIN(size, d->end - d->pos);
    value = GUINT64_TO_LE(value);
    memcpy(d->buffer + d->pos, &value, size);
    d->pos += size;
    if (d->pos == d->end)
        pio_rules[d->transfer].next(d);
}

/* --- reset and diagnostics --- */

/* [ATA6] "Device signature": how software tells disks from packet devices. */
void ide_signature(IdeDrive *d)
{
    d->count = d->lba_low = 1;
    d->lba_mid = d->kind == IDE_CDROM ? 0x14 : 0;
    d->lba_high = d->kind == IDE_CDROM ? 0xeb : 0;
    d->device &= DEVICE_SLAVE | DEVICE_FIXED;
}

/* What hardware and software reset have in common. */
static void drive_reset(IdeDrive *d)
{
    ide_stop_transfer(d);
    d->irq = false;
    d->command = 0;
    d->standby = false;
    d->error = 1; /* [ATA6] "EXECUTE DEVICE DIAGNOSTIC": no error detected */
    ide_signature(d);
    /* A packet device stays "not ready" until its first command. */
    d->status = d->kind == IDE_DISK ? STATUS_READY : 0;
    if (d->kind == IDE_CDROM)
        atapi_reset(d);
}

static void power_on(IdeDrive *d)
{
    d->feature = d->hob_feature = d->hob_count = 0;
    d->hob_lba_low = d->hob_lba_mid = d->hob_lba_high = 0;
    d->device = DEVICE_FIXED;
    d->multiple = IDE_MULTIPLE_MAX;
    d->transfer_mode = 0x45; /* ultra DMA 5 */
    d->write_cache = true;
    d->smart_enabled = d->smart_autosave = true;
    d->geometry = d->native;
    drive_reset(d);
}

void ide_channel_reset(IdeChannel *ch)
{
    ch->selected = 0;
    ch->control = 0;
    ch->bm_command = ch->bm_status = 0;
    ch->bm_table = ch->prd_next = ch->prd_addr = ch->prd_left = 0;
    ch->prd_end = false;
    for (unsigned i = 0; i < 2; i++)
        power_on(&ch->drives[i]);
}

static void channel_soft_reset(IdeChannel *ch)
{
    for (unsigned i = 0; i < 2; i++) {
        ch->drives[i].device &= DEVICE_FIXED;
        drive_reset(&ch->drives[i]);
    }
    ch->selected = 0;
    ch->bm_status &= ~BM_STS_ACTIVE;
    ch->bm_command &= ~BM_CMD_START;
}

/* Both drives run it, whichever is selected; device 0 reports and interrupts. */
static void execute_diagnostic(IdeChannel *ch)
{
    channel_soft_reset(ch);
    ide_raise_irq(&ch->drives[0]);
}

void ide_device_control(IdeChannel *ch, uint8_t value)
{
    bool was_reset = ch->control & CONTROL_SRST;

    ch->control = value;
    if (value & CONTROL_SRST) {
        for (unsigned i = 0; i < 2; i++) {
            ide_stop_transfer(&ch->drives[i]);
            ch->drives[i].irq = false;
            ch->drives[i].status = STATUS_BSY;
        }
    } else if (was_reset) {
        channel_soft_reset(ch);
    }
}

/* --- commands --- */

static bool command_accepted(const IdeDrive *d, uint8_t command)
{
    enum { DEVICE_RESET = 0x08 };

    if (command == DEVICE_RESET && d->kind == IDE_CDROM)
        return true;
    if (!(d->status & (STATUS_BSY | STATUS_DRQ)))
        return true;
    guest_error("ide: command %02x while the drive is busy\n", command);
    return false;
}

static void command_write(IdeChannel *ch, uint8_t command)
{
    enum { EXECUTE_DEVICE_DIAGNOSTIC = 0x90 };
    IdeDrive *d = selected_drive(ch);

    if (ch->control & CONTROL_SRST)
        return;
    if (command == EXECUTE_DEVICE_DIAGNOSTIC) {
        execute_diagnostic(ch);
        return;
    }
    if (d->kind == IDE_ABSENT || !command_accepted(d, command))
        return;
    d->irq = false;
    d->command = command;
    d->error = 0;
    ide_stop_transfer(d);
    if (ide_commands[command].kinds & (1 << d->kind))
        ide_commands[command].run(d);
    else
        ide_fail(d, ERROR_ABRT);
}

/* --- the command block --- */

/* Registers that keep the value before the last one for 48-bit commands. */
#define PUSH(d, reg, value) ((d)->hob_##reg = (d)->reg, (d)->reg = (value))

static void drive_register_write(IdeDrive *d, unsigned reg, uint8_t value)
{
    switch (reg) {
    case REG_FEATURE:
        PUSH(d, feature, value);
        break;
    case REG_COUNT:
        PUSH(d, count, value);
        break;
    case REG_LBA_LOW:
        PUSH(d, lba_low, value);
        break;
    case REG_LBA_MID:
        PUSH(d, lba_mid, value);
        break;
    case REG_LBA_HIGH:
        PUSH(d, lba_high, value);
        break;
    case REG_DEVICE:
        d->device = value | DEVICE_FIXED;
        break;
    }
}

static uint8_t register_read(const IdeDrive *d, unsigned reg, bool hob)
{
    switch (reg) {
    case REG_FEATURE:
        return hob ? d->hob_feature : d->error;
    case REG_COUNT:
        return hob ? d->hob_count : d->count;
    case REG_LBA_LOW:
        return hob ? d->hob_lba_low : d->lba_low;
    case REG_LBA_MID:
        return hob ? d->hob_lba_mid : d->lba_mid;
    case REG_LBA_HIGH:
        return hob ? d->hob_lba_high : d->lba_high;
    default:
        return d->device;
    }
}

static uint8_t register_read_any(IdeChannel *ch, unsigned reg)
{
    IdeDrive *d = selected_drive(ch);

    if (d->kind == IDE_ABSENT)
        return 0;
    if (reg != REG_COMMAND)
        return register_read(d, reg, ch->control & CONTROL_HOB);
    d->irq = false; /* [ATA6] "Status register": reading clears a pending interrupt */
    return d->status;
}

static void register_write_any(IdeChannel *ch, unsigned reg, uint8_t value)
{
    ch->control &= ~CONTROL_HOB;
    if (reg == REG_COMMAND) {
        command_write(ch, value);
        return;
    }
    /* A drive in a command does not listen: its registers are its own. */
    for (unsigned i = 0; i < 2; i++)
        if (!(ch->drives[i].status & STATUS_BSY))
            drive_register_write(&ch->drives[i], reg, value);
    if (reg == REG_DEVICE)
        ch->selected = value & DEVICE_SLAVE ? 1 : 0;
}

uint64_t ide_command_block_read(IdeChannel *ch, unsigned offset, unsigned size)
{
    uint64_t value = 0;

    if (offset == REG_DATA)
        return data_read(selected_drive(ch), size);
    for (unsigned i = 0; i < size && offset + i < REG_COUNT_OF; i++)
        value |= (uint64_t)register_read_any(ch, offset + i) << 8 * i;
    return value;
}

void ide_command_block_write(IdeChannel *ch, unsigned offset, uint64_t value, unsigned size)
{
    if (offset == REG_DATA)
        data_write(selected_drive(ch), value, size);
    else
        for (unsigned i = 0; i < size && offset + i < REG_COUNT_OF; i++)
            register_write_any(ch, offset + i, value >> 8 * i);
}

uint8_t ide_alternate_status(IdeChannel *ch)
{
    IdeDrive *d = selected_drive(ch);

    return d->kind == IDE_ABSENT ? 0 : d->status;
}

/* --- the channel's life --- */

void ide_channel_init(IdeChannel *ch, PciFunction *pci)
{
    ch->pci = pci;
    for (unsigned i = 0; i < 2; i++)
        ch->drives[i].channel = ch;
}

void ide_drive_init(IdeChannel *ch, unsigned unit, IdeKind kind, Block *block, const char *serial)
{
    IdeDrive *d = &ch->drives[unit];

    d->kind = kind;
    d->block = block;
    g_strlcpy(d->serial, serial, sizeof(d->serial));
    if (kind == IDE_DISK) {
        d->total_sectors = block->size_bytes / IDE_SECTOR;
        d->native = ide_default_geometry(d->total_sectors);
    } else if (kind == IDE_CDROM) {
        block->media_changed = atapi_media_changed;
        block->media_opaque = d;
    }
}

static bool drive_loaded(IdeDrive *d)
{
    d->request = 0;
    if (d->transfer >= TRANSFER_COUNT || d->pos > d->end || d->end > IDE_BUFFER)
        return false;
    if (d->multiple > IDE_MULTIPLE_MAX || (d->multiple & (d->multiple - 1)))
        return false;
    if (d->kind == IDE_ABSENT)
        return d->transfer == TRANSFER_NONE;
    if (d->kind == IDE_CDROM)
        return (d->transfer == TRANSFER_NONE || d->transfer == TRANSFER_PIO_DATA ||
                d->transfer >= TRANSFER_PACKET) &&
               atapi_loaded(d);
    if (d->geometry.heads == 0 || d->geometry.heads > 16 || d->geometry.sectors == 0 ||
        d->geometry.sectors > 255)
        return false;
    return d->transfer < TRANSFER_PACKET && d->lba <= d->total_sectors &&
           d->sectors <= d->total_sectors - d->lba;
}

bool ide_channel_loaded(IdeChannel *ch, GError **err)
{
    for (unsigned i = 0; i < 2; i++) {
        if (drive_loaded(&ch->drives[i]))
            continue;
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_STATE, "ide: the state of drive %u is not possible",
                    i);
        return false;
    }
    ch->selected &= 1;
    return true;
}

static const StateField geometry_state[] = {
    STATE(IdeGeometry, cylinders),
    STATE(IdeGeometry, heads),
    STATE(IdeGeometry, sectors),
    STATE_END,
};

static const StateField drive_state[] = {
    STATE(IdeDrive, feature),       STATE(IdeDrive, count),
    STATE(IdeDrive, lba_low),       STATE(IdeDrive, lba_mid),
    STATE(IdeDrive, lba_high),      STATE(IdeDrive, hob_feature),
    STATE(IdeDrive, hob_count),     STATE(IdeDrive, hob_lba_low),
    STATE(IdeDrive, hob_lba_mid),   STATE(IdeDrive, hob_lba_high),
    STATE(IdeDrive, device),        STATE(IdeDrive, status),
    STATE(IdeDrive, error),         STATE(IdeDrive, command),
    STATE(IdeDrive, irq),           STATE(IdeDrive, multiple),
    STATE(IdeDrive, transfer_mode), STATE(IdeDrive, write_cache),
    STATE(IdeDrive, smart_enabled), STATE(IdeDrive, smart_autosave),
    STATE(IdeDrive, standby),       STATE_STRUCT(IdeDrive, geometry, geometry_state),
    STATE(IdeDrive, transfer),      STATE(IdeDrive, pos),
    STATE(IdeDrive, end),           STATE(IdeDrive, lba),
    STATE(IdeDrive, sectors),       STATE_STRUCT(IdeDrive, atapi, atapi_state),
    STATE_BYTES(IdeDrive, buffer),  STATE_END,
};

const StateField ide_channel_state[] = {
    STATE_STRUCTS(IdeChannel, drives, drive_state),
    STATE(IdeChannel, selected),
    STATE(IdeChannel, control),
    STATE(IdeChannel, bm_command),
    STATE(IdeChannel, bm_status),
    STATE(IdeChannel, bm_table),
    STATE(IdeChannel, prd_next),
    STATE(IdeChannel, prd_addr),
    STATE(IdeChannel, prd_left),
    STATE(IdeChannel, prd_end),
    STATE_END,
};
