/* atapi_commands.c - the packet commands of a DVD-ROM drive with one data track.
 *
 * [MMC] and [SPC] by command name; [SFF8020] for what is older. Audio, sub-channels, changers and
 * writing are left out. */
#include "core/log.h"
#include "devices/block/ide_priv.h"

/* Sense keys and additional sense codes. [SPC] "Sense key and sense code definitions". */
enum {
    NOT_READY = 2,
    ILLEGAL_REQUEST = 5,
    UNIT_ATTENTION = 6,

    ASC_INVALID_COMMAND = 0x20,
    ASC_LBA_OUT_OF_RANGE = 0x21,
    ASC_INVALID_FIELD = 0x24,
    ASC_MEDIUM_MAY_HAVE_CHANGED = 0x28,
    ASC_SAVING_NOT_SUPPORTED = 0x39,
    ASC_MEDIUM_NOT_PRESENT = 0x3a,
    ASC_REMOVAL_PREVENTED = 0x53,
};

enum {
    PROFILE_CD_ROM = 0x08,
    PROFILE_DVD_ROM = 0x10,
    CD_MAX_SECTORS = 80 * 60 * 75, /* more is a DVD */
    LEAD_OUT = 0xaa,
    TRACK_DATA = 0x14, /* ADR 1: position; control 4: data track */
};

static unsigned be16(const uint8_t *p)
{
    return p[0] << 8 | p[1];
}

static uint32_t be24(const uint8_t *p)
{
    return be16(p) << 8 | p[2];
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)be16(p) << 16 | be16(p + 2);
}

static void put_be16(uint8_t *p, unsigned v)
{
    p[0] = v >> 8;
    p[1] = v;
}

static void put_be32(uint8_t *p, uint32_t v)
{
    put_be16(p, v >> 16);
    put_be16(p + 2, v);
}

/* An address as the host wants it: a block number, or minute, second, frame. */
static void put_address(uint8_t *p, uint32_t lba, bool msf)
{
    uint32_t frame = lba + 150;

    put_be32(p, msf ? (frame / 75 / 60) << 16 | (frame / 75 % 60) << 8 | frame % 75 : lba);
}

static void invalid_field(IdeDrive *d)
{
    atapi_sense(d, ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
}

static uint8_t *clear_reply(IdeDrive *d)
{
    return memset(d->buffer, 0, IDE_SECTOR);
}

/* --- state of drive and medium --- */

static void cmd_TEST_UNIT_READY(IdeDrive *d, const uint8_t *packet)
{
    atapi_ok(d);
}

static void cmd_REQUEST_SENSE(IdeDrive *d, const uint8_t *packet)
{
    AtapiState *a = &d->atapi;
    uint8_t *data = clear_reply(d);

    if (a->sense_key == 0 && a->media_changed) {
        a->sense_key = UNIT_ATTENTION;
        a->asc = ASC_MEDIUM_MAY_HAVE_CHANGED;
        a->media_changed = false;
    }
    data[0] = 0x80 | 0x70; /* valid, current error */
    data[2] = a->sense_key;
    data[7] = 10; /* bytes that follow */
    data[12] = a->asc;
    data[13] = a->ascq;
    a->sense_key = a->asc = a->ascq = 0;
    atapi_reply(d, 18, packet[4]);
}

static void cmd_INQUIRY(IdeDrive *d, const uint8_t *packet)
{
    enum { EVPD = 1 };
    uint8_t *data = clear_reply(d);

    if (packet[1] & EVPD) {
        invalid_field(d);
        return;
    }
    data[0] = 0x05; /* CD-ROM */
    data[1] = 0x80; /* removable */
    data[3] = 0x21; /* ATAPI version 2, response format 1 */
    data[4] = 31;   /* bytes that follow */
    memset(data + 8, ' ', 28);
    memcpy(data + 8, "MYNA", 4);
    memcpy(data + 16, "MYNA DVD-ROM", 12);
    memcpy(data + 32, MYNA_VERSION, MIN(strlen(MYNA_VERSION), 4));
    atapi_reply(d, 36, be16(packet + 3));
}

static void eject(IdeDrive *d)
{
    if (d->atapi.locked) {
        atapi_sense(d, ILLEGAL_REQUEST, ASC_REMOVAL_PREVENTED, 2);
        return;
    }
    d->atapi.tray_open = true;
    atapi_ok(d);
}

static void load_tray(IdeDrive *d)
{
    AtapiState *a = &d->atapi;

    if (a->tray_open && d->block->present)
        a->media_changed = a->event_new_media = true;
    a->tray_open = false;
    atapi_ok(d);
}

static void cmd_START_STOP_UNIT(IdeDrive *d, const uint8_t *packet)
{
    enum { START = 1, LOAD_EJECT = 2 };
    bool power_condition = packet[4] >> 4;

    if (power_condition || !(packet[4] & LOAD_EJECT))
        atapi_ok(d);
    else if (packet[4] & START)
        load_tray(d);
    else
        eject(d);
}

static void cmd_PREVENT_ALLOW_MEDIUM_REMOVAL(IdeDrive *d, const uint8_t *packet)
{
    d->atapi.locked = packet[4] & 1;
    atapi_ok(d);
}

/* [MMC] GET EVENT STATUS NOTIFICATION: only media events (class 4), only when polled. */
static void cmd_GET_EVENT_STATUS_NOTIFICATION(IdeDrive *d, const uint8_t *packet)
{
    enum { POLLED = 1, MEDIA = 4, NO_EVENT_AVAILABLE = 0x80 };
    enum { EVENT_NONE = 0, EVENT_NEW_MEDIA = 2, EVENT_REMOVAL = 3 };
    AtapiState *a = &d->atapi;
    uint8_t *data = clear_reply(d);

    if (!(packet[1] & POLLED)) {
        invalid_field(d);
        return;
    }
    data[3] = 1 << MEDIA; /* supported classes */
    if (!(packet[4] & 1 << MEDIA)) {
        data[1] = 2;
        data[2] = NO_EVENT_AVAILABLE;
        atapi_reply(d, 4, be16(packet + 7));
        return;
    }
    data[1] = 6; /* bytes after the length field */
    data[2] = MEDIA;
    data[4] = a->event_new_media ? EVENT_NEW_MEDIA : a->event_eject ? EVENT_REMOVAL : EVENT_NONE;
    data[5] = (a->tray_open ? 1 : 0) | (atapi_has_medium(d) ? 2 : 0);
    a->event_new_media = a->event_eject = false;
    atapi_reply(d, 8, be16(packet + 7));
}

static void cmd_MECHANISM_STATUS(IdeDrive *d, const uint8_t *packet)
{
    uint8_t *data = clear_reply(d);

    data[1] = d->atapi.tray_open ? 0x10 : 0;
    data[5] = 1; /* slot tables: none follow */
    atapi_reply(d, 8, be16(packet + 8));
}

/* --- reading --- */

static bool range_ok(IdeDrive *d, uint32_t lba, uint32_t count)
{
    uint32_t sectors = atapi_sectors(d);

    if (lba <= sectors && count <= sectors - lba)
        return true;
    atapi_sense(d, ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE, 0);
    return false;
}

static void cmd_READ_10(IdeDrive *d, const uint8_t *packet)
{
    if (range_ok(d, be32(packet + 2), be16(packet + 7)))
        atapi_read_sectors(d, be32(packet + 2), be16(packet + 7), CD_SECTOR);
}

static void cmd_READ_12(IdeDrive *d, const uint8_t *packet)
{
    if (range_ok(d, be32(packet + 2), be32(packet + 6)))
        atapi_read_sectors(d, be32(packet + 2), be32(packet + 6), CD_SECTOR);
}

/* [MMC] READ CD: byte 9 chooses the parts of a sector; user data, or everything. */
static void cmd_READ_CD(IdeDrive *d, const uint8_t *packet)
{
    enum { PARTS = 0xf8, USER_DATA = 0x10, SUBCHANNELS = 0x07 };
    uint32_t lba = be32(packet + 2), count = be24(packet + 6);
    unsigned parts = packet[9] & PARTS;

    if ((parts && parts != USER_DATA && parts != PARTS) || (packet[10] & SUBCHANNELS)) {
        invalid_field(d);
        return;
    }
    if (!range_ok(d, lba, count))
        return;
    if (parts == 0)
        atapi_ok(d);
    else
        atapi_read_sectors(d, lba, count, parts == USER_DATA ? CD_SECTOR : CD_RAW_SECTOR);
}

static void cmd_SEEK_10(IdeDrive *d, const uint8_t *packet)
{
    if (range_ok(d, be32(packet + 2), 1))
        atapi_ok(d);
}

static void cmd_READ_CAPACITY(IdeDrive *d, const uint8_t *packet)
{
    uint32_t sectors = atapi_sectors(d);

    put_be32(d->buffer, sectors ? sectors - 1 : 0);
    put_be32(d->buffer + 4, CD_SECTOR);
    atapi_reply(d, 8, 8);
}

static void cmd_succeed(IdeDrive *d, const uint8_t *packet)
{
    atapi_ok(d);
}

/* --- table of contents --- */

static uint8_t *toc_track(uint8_t *p, uint8_t track, uint32_t lba, bool msf)
{
    p[1] = TRACK_DATA;
    p[2] = track;
    put_address(p + 4, lba, msf);
    return p + 8;
}

/* Format 0: the tracks from `start` on, and the lead-out. */
static unsigned toc_tracks(IdeDrive *d, uint8_t *data, uint8_t start, bool msf)
{
    uint8_t *p = data + 4;

    data[2] = data[3] = 1; /* first and last track */
    if (start <= 1)
        p = toc_track(p, 1, 0, msf);
    p = toc_track(p, LEAD_OUT, atapi_sectors(d), msf);
    return p - data;
}

/* Format 1: where the last session's first track begins. */
static unsigned toc_sessions(IdeDrive *d, uint8_t *data, uint8_t start, bool msf)
{
    data[2] = data[3] = 1;
    return toc_track(data + 4, 1, 0, msf) - data;
}

/* Format 2: what the lead-in says: first track, last track, lead-out, track 1. */
static unsigned toc_raw(IdeDrive *d, uint8_t *data, uint8_t start, bool msf)
{
    static const uint8_t points[] = {0xa0, 0xa1, 0xa2, 1};
    uint8_t *p = data + 4;

    data[2] = data[3] = 1;
    for (unsigned i = 0; i < G_N_ELEMENTS(points); i++, p += 11) {
        uint8_t address[4] = {0};

        p[0] = 1; /* session */
        p[1] = TRACK_DATA;
        p[3] = points[i];
        if (points[i] == 0xa0 || points[i] == 0xa1) /* a track number in place of minutes */
            address[1] = 1;
        else
            put_address(address, points[i] == 0xa2 ? atapi_sectors(d) : 0, true);
        memcpy(p + 8, address + 1, 3);
    }
    return p - data;
}

static void cmd_READ_TOC(IdeDrive *d, const uint8_t *packet)
{
    static unsigned (*const formats[])(IdeDrive * d, uint8_t * data, uint8_t start, bool msf) = {
        toc_tracks,
        toc_sessions,
        toc_raw,
    };
    unsigned format = packet[2] & 0xf ? packet[2] & 0xf : packet[9] >> 6;
    uint8_t start = packet[6];
    uint8_t *data = clear_reply(d);
    unsigned size;

    if (format >= G_N_ELEMENTS(formats) || (format == 0 && start > 1 && start != LEAD_OUT)) {
        invalid_field(d);
        return;
    }
    size = formats[format](d, data, start, packet[1] & 2);
    put_be16(data, size - 2);
    atapi_reply(d, size, be16(packet + 7));
}

/* --- disc and track information --- */

static void cmd_READ_DISC_INFORMATION(IdeDrive *d, const uint8_t *packet)
{
    uint8_t *data = clear_reply(d);

    if (packet[1] & 7) { /* only the standard information */
        invalid_field(d);
        return;
    }
    put_be16(data, 32);
    data[2] = 0x0e; /* finalized disc, last session complete */
    data[3] = 1;    /* first track */
    data[4] = 1;    /* sessions */
    data[5] = 1;    /* first and last track in the last session */
    data[6] = 1;
    data[7] = 0x20; /* unrestricted use */
    atapi_reply(d, 34, be16(packet + 7));
}

static void cmd_READ_TRACK_INFORMATION(IdeDrive *d, const uint8_t *packet)
{
    enum { BY_LBA = 0, BY_TRACK = 1 };
    uint32_t address = be32(packet + 2);
    uint8_t *data = clear_reply(d);
    bool found = (packet[1] & 3) == BY_LBA     ? address < atapi_sectors(d)
                 : (packet[1] & 3) == BY_TRACK ? address == 1
                                               : false;

    if (!found) {
        invalid_field(d);
        return;
    }
    put_be16(data, 34);
    data[2] = 1;    /* track */
    data[3] = 1;    /* session */
    data[5] = 0x04; /* data track, recorded uninterrupted */
    data[6] = 0x01; /* mode 1 */
    put_be32(data + 24, atapi_sectors(d));
    atapi_reply(d, 36, be16(packet + 7));
}

/* --- features: [MMC] GET CONFIGURATION --- */

static unsigned current_profile(const IdeDrive *d)
{
    if (!atapi_has_medium(d))
        return 0;
    return atapi_sectors(d) > CD_MAX_SECTORS ? PROFILE_DVD_ROM : PROFILE_CD_ROM;
}

/* Feature code, version and persistence, whether current only with one profile, additional data. */
static const struct {
    uint16_t code;
    uint8_t flags;   /* version << 2 | persistent << 1 */
    uint8_t profile; /* current with this profile; 0 = always */
    uint8_t size;
    uint8_t data[8];
} features[] = {
    {0x0000, 0x03, 0, 8, {0, PROFILE_DVD_ROM, 0, 0, 0, PROFILE_CD_ROM, 0, 0}}, /* profile list */
    {0x0001, 0x0b, 0, 8, {0, 0, 0, 2, 1, 0, 0, 0}}, /* core: ATAPI, device busy event */
    {0x0003, 0x0b, 0, 4, {0x29, 0, 0, 0}},          /* removable: tray, eject, lock */
    {0x0010, 0x00, 0, 8, {0, 0, CD_SECTOR >> 8, 0, 0, 1, 0, 0}}, /* random readable */
    {0x001e, 0x08, PROFILE_CD_ROM, 4, {0}},                      /* CD read */
    {0x001f, 0x04, PROFILE_DVD_ROM, 4, {0}},                     /* DVD read */
};

enum { FEATURE_CURRENT = 1, FEATURE_PERSISTENT = 2 };

static bool feature_is_current(const IdeDrive *d, unsigned n)
{
    if (features[n].flags & FEATURE_PERSISTENT)
        return true;
    return features[n].profile ? features[n].profile == current_profile(d) : atapi_has_medium(d);
}

static uint8_t *put_feature(const IdeDrive *d, unsigned n, uint8_t *p)
{
    put_be16(p, features[n].code);
    p[2] = (features[n].flags & ~FEATURE_CURRENT) | feature_is_current(d, n);
    p[3] = features[n].size;
    memcpy(p + 4, features[n].data, features[n].size);
    if (features[n].code == 0) { /* each profile has a current bit of its own */
        p[6] = current_profile(d) == PROFILE_DVD_ROM;
        p[10] = current_profile(d) == PROFILE_CD_ROM;
    }
    return p + 4 + features[n].size;
}

static void cmd_GET_CONFIGURATION(IdeDrive *d, const uint8_t *packet)
{
    enum { ALL = 0, CURRENT = 1, ONE = 2 };
    unsigned which = packet[1] & 3, start = be16(packet + 2);
    uint8_t *data = clear_reply(d), *p = data + 8;

    if (which > ONE) {
        invalid_field(d);
        return;
    }
    for (unsigned n = 0; n < G_N_ELEMENTS(features); n++) {
        if (which == ONE ? features[n].code != start : features[n].code < start)
            continue;
        if (which == CURRENT && !feature_is_current(d, n))
            continue;
        p = put_feature(d, n, p);
    }
    put_be32(data, p - data - 4);
    put_be16(data + 6, current_profile(d));
    atapi_reply(d, p - data, be16(packet + 7));
}

/* --- mode pages --- */

/* The pages as they are; nothing in them can be changed. */
static const struct {
    uint8_t code, size; /* size: bytes after these two */
    uint8_t data[20];
} mode_pages[] = {
    {0x01, 6, {0, 5, 0, 0, 0, 0}}, /* error recovery: 5 retries */
    {0x2a, 20, {0x0b, 0x00,        /* reads CD-R, CD-RW, DVD-ROM; writes nothing */
                0x70, 0x00,        /* mode 2 form 1 and 2, multi-session; no audio */
                0x29, 0x00,        /* tray, eject, lock */
                0x1b, 0x90,        /* 40 x 176.4 kB/s */
                0x00, 0x02,        /* volume levels */
                0x02, 0x00,        /* 512 KiB buffer */
                0x1b, 0x90, 0, 0, 0, 0, 0, 0}},
};

enum { PAGE_CAPABILITIES = 0x2a, PAGE_ALL = 0x3f, CAPABILITIES_LOCKED = 2 };

static uint8_t *put_mode_page(const IdeDrive *d, unsigned n, bool changeable, uint8_t *p)
{
    p[0] = mode_pages[n].code;
    p[1] = mode_pages[n].size;
    if (!changeable)
        memcpy(p + 2, mode_pages[n].data, mode_pages[n].size);
    if (!changeable && mode_pages[n].code == PAGE_CAPABILITIES && d->atapi.locked)
        p[6] |= CAPABILITIES_LOCKED;
    return p + 2 + mode_pages[n].size;
}

static void cmd_MODE_SENSE_10(IdeDrive *d, const uint8_t *packet)
{
    enum { CHANGEABLE = 1, SAVED = 3, TYPE_DATA_CD = 0x01, TYPE_NO_DISC = 0x70, TYPE_OPEN = 0x71 };
    unsigned control = packet[2] >> 6, page = packet[2] & 0x3f;
    uint8_t *data = clear_reply(d), *p = data + 8;

    if (control == SAVED) {
        atapi_sense(d, ILLEGAL_REQUEST, ASC_SAVING_NOT_SUPPORTED, 0);
        return;
    }
    for (unsigned n = 0; n < G_N_ELEMENTS(mode_pages); n++)
        if (page == PAGE_ALL || page == mode_pages[n].code)
            p = put_mode_page(d, n, control == CHANGEABLE, p);
    if (p == data + 8) {
        invalid_field(d);
        return;
    }
    put_be16(data, p - data - 2);
    data[2] = d->atapi.tray_open ? TYPE_OPEN : d->block->present ? TYPE_DATA_CD : TYPE_NO_DISC;
    atapi_reply(d, p - data, be16(packet + 7));
}

static void cmd_MODE_SELECT_10(IdeDrive *d, const uint8_t *packet)
{
    if (d->atapi.dma)
        invalid_field(d);
    else
        atapi_receive(d, be16(packet + 7));
}

/* --- dispatch --- */

enum {
    MEDIUM = 1, /* fails without a medium */
    ALWAYS = 2, /* runs, and does not report, while a unit attention is due */
};

/* clang-format off */
static const struct {
    void (*run)(IdeDrive *d, const uint8_t *packet);
    uint8_t flags;
} commands[256] = {
    /* opcode   function                              flags */
    [0x00] = { cmd_TEST_UNIT_READY,                   MEDIUM },
    [0x03] = { cmd_REQUEST_SENSE,                     ALWAYS },
    [0x12] = { cmd_INQUIRY,                           ALWAYS },
    [0x1b] = { cmd_START_STOP_UNIT,                   0 },
    [0x1e] = { cmd_PREVENT_ALLOW_MEDIUM_REMOVAL,      0 },
    [0x25] = { cmd_READ_CAPACITY,                     MEDIUM },
    [0x28] = { cmd_READ_10,                           MEDIUM },
    [0x2b] = { cmd_SEEK_10,                           MEDIUM },
    [0x35] = { cmd_succeed,                           0 },      /* SYNCHRONIZE CACHE */
    [0x43] = { cmd_READ_TOC,                          MEDIUM },
    [0x46] = { cmd_GET_CONFIGURATION,                 ALWAYS },
    [0x4a] = { cmd_GET_EVENT_STATUS_NOTIFICATION,     ALWAYS },
    [0x51] = { cmd_READ_DISC_INFORMATION,             MEDIUM },
    [0x52] = { cmd_READ_TRACK_INFORMATION,            MEDIUM },
    [0x55] = { cmd_MODE_SELECT_10,                    0 },
    [0x5a] = { cmd_MODE_SENSE_10,                     0 },
    [0xa8] = { cmd_READ_12,                           MEDIUM },
    [0xbb] = { cmd_succeed,                           0 },      /* SET CD SPEED */
    [0xbd] = { cmd_MECHANISM_STATUS,                  0 },
    [0xbe] = { cmd_READ_CD,                           MEDIUM },
};
/* clang-format on */

void atapi_execute(IdeDrive *d, const uint8_t *packet)
{
    AtapiState *a = &d->atapi;
    unsigned flags = commands[packet[0]].flags;

    if (!commands[packet[0]].run) {
        atapi_sense(d, ILLEGAL_REQUEST, ASC_INVALID_COMMAND, 0);
    } else if (a->media_changed && !(flags & ALWAYS)) {
        a->media_changed = false;
        atapi_sense(d, UNIT_ATTENTION, ASC_MEDIUM_MAY_HAVE_CHANGED, 0);
    } else if ((flags & MEDIUM) && !atapi_has_medium(d)) {
        atapi_sense(d, NOT_READY, ASC_MEDIUM_NOT_PRESENT, a->tray_open ? 2 : 1);
    } else {
        commands[packet[0]].run(d, packet);
    }
}
