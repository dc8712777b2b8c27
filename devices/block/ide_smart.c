/* ide_smart.c - SMART: a drive in perfect health. [ATA5] SMART.
 *
 * A few attributes with fixed values, empty logs, self-tests that pass at once. */
#include "devices/block/ide_priv.h"

enum { SMART_KEY_MID = 0x4f, SMART_KEY_HIGH = 0xc2, ATTRIBUTE_SIZE = 12 };

/* [ATA5] "Attribute value": id, flags (1 pre-failure, 2 on-line), value and worst, threshold, raw.
 */
static const struct {
    uint8_t id, flags, value, threshold, raw;
} attributes[] = {
    {1, 0x03, 100, 6, 0},    /* raw read error rate */
    {3, 0x03, 100, 0, 16},   /* spin-up time */
    {4, 0x02, 100, 20, 100}, /* start/stop count */
    {5, 0x03, 100, 36, 0},   /* remapped sectors */
    {9, 0x03, 100, 0, 1},    /* power-on hours */
    {12, 0x03, 100, 0, 0},   /* power cycle count */
    {190, 0x03, 69, 50, 31}, /* airflow temperature */
};

/* The last byte makes the sum of the structure zero. */
static void smart_checksum(uint8_t *data)
{
    uint8_t sum = 0;

    for (unsigned i = 0; i < IDE_SECTOR - 1; i++)
        sum += data[i];
    data[IDE_SECTOR - 1] = -sum;
}

static void smart_reply(IdeDrive *d)
{
    smart_checksum(d->buffer);
    ide_pio_start(d, TRANSFER_PIO_DATA, IDE_SECTOR);
    ide_raise_irq(d);
}

static void smart_READ_DATA(IdeDrive *d)
{
    uint8_t *data = memset(d->buffer, 0, IDE_SECTOR);

    data[0] = 1; /* structure revision */
    for (unsigned i = 0; i < G_N_ELEMENTS(attributes); i++) {
        uint8_t *a = data + 2 + i * ATTRIBUTE_SIZE;

        a[0] = attributes[i].id;
        a[1] = attributes[i].flags;
        a[3] = a[4] = attributes[i].value;
        a[5] = attributes[i].raw;
    }
    data[362] = 0x02 | (d->smart_autosave ? 0x80 : 0); /* off-line collection completed */
    store_le16(data + 364, 288);                       /* seconds it takes */
    data[367] = 0x19; /* off-line immediate, self-test, surface scan */
    store_le16(data + 368, 3);
    data[370] = 1; /* error logging */
    data[372] = 2; /* minutes of a short self-test, of an extended one */
    data[373] = 54;
    smart_reply(d);
}

static void smart_READ_THRESHOLDS(IdeDrive *d)
{
    uint8_t *data = memset(d->buffer, 0, IDE_SECTOR);

    data[0] = 1;
    for (unsigned i = 0; i < G_N_ELEMENTS(attributes); i++) {
        data[2 + i * ATTRIBUTE_SIZE] = attributes[i].id;
        data[3 + i * ATTRIBUTE_SIZE] = attributes[i].threshold;
    }
    smart_reply(d);
}

static void smart_AUTOSAVE(IdeDrive *d)
{
    if (d->count != 0x00 && d->count != 0xf1) {
        ide_fail(d, ERROR_ABRT);
        return;
    }
    d->smart_autosave = d->count == 0xf1;
    ide_done(d);
}

static void smart_OFFLINE_IMMEDIATE(IdeDrive *d)
{
    ide_done(d);
}

/* The log directory, the summary error log, the self-test log: all without entries. */
static void smart_READ_LOG(IdeDrive *d)
{
    static const uint8_t first_byte[] = {[0] = 1, [1] = 1, [6] = 1};

    if (d->count == 0 || d->lba_low >= sizeof(first_byte) || !first_byte[d->lba_low]) {
        ide_fail(d, ERROR_ABRT);
        return;
    }
    memset(d->buffer, 0, IDE_SECTOR);
    d->buffer[0] = first_byte[d->lba_low];
    if (d->lba_low == 0)
        d->buffer[2] = d->buffer[12] = 1; /* sectors of log 1 and of log 6 */
    smart_reply(d);
}

static void smart_ENABLE(IdeDrive *d)
{
    d->smart_enabled = true;
    ide_done(d);
}

static void smart_DISABLE(IdeDrive *d)
{
    d->smart_enabled = false;
    ide_done(d);
}

/* The keys come back as they were: no threshold is exceeded. */
static void smart_RETURN_STATUS(IdeDrive *d)
{
    ide_done(d);
}

static void (*const subcommands[])(IdeDrive *d) = {
    [0x00] = smart_READ_DATA, /* feature register - D0 */
    [0x01] = smart_READ_THRESHOLDS, [0x02] = smart_AUTOSAVE, [0x04] = smart_OFFLINE_IMMEDIATE,
    [0x05] = smart_READ_LOG,        [0x08] = smart_ENABLE,   [0x09] = smart_DISABLE,
    [0x0a] = smart_RETURN_STATUS,
};

void ide_cmd_SMART(IdeDrive *d)
{
    unsigned n = (uint8_t)(d->feature - 0xd0);
    bool keyed = d->lba_mid == SMART_KEY_MID && d->lba_high == SMART_KEY_HIGH;

    if (!keyed || n >= G_N_ELEMENTS(subcommands) || !subcommands[n] ||
        (!d->smart_enabled && subcommands[n] != smart_ENABLE))
        ide_fail(d, ERROR_ABRT);
    else
        subcommands[n](d);
}
