/* gdb_packet.c - gdb's packets in a stream of bytes. Nothing gdb sends is trusted. */
#include "ui/gdb_packet.h"

#include <stdio.h>

enum { RESENDS_MAX = 3, CTRL_C = 3 };

typedef enum LinkState {
    LINK_IDLE,
    LINK_PAYLOAD,
    LINK_CHECK_HIGH, /* after #: two digits */
    LINK_CHECK_LOW,
} LinkState;

struct GdbLink {
    GdbEvents events;
    LinkState state;
    GString *in; /* as it came, still escaped */
    bool too_long;
    uint8_t sum;      /* of what came */
    int claimed_sum;  /* of its digits so far; -1: one is no digit */
    GString *out;     /* the last packet as it was sent */
    unsigned resends; /* of it that are left; 0: gdb has it */
    bool acks;
};

GdbLink *gdb_link_new(const GdbEvents *events)
{
    GdbLink *link = g_new0(GdbLink, 1);
    link->events = *events;
    link->in = g_string_new(NULL);
    link->out = g_string_new(NULL);
    gdb_link_reset(link);
    return link;
}

void gdb_link_free(GdbLink *link)
{
    g_string_free(link->in, TRUE);
    g_string_free(link->out, TRUE);
    g_free(link);
}

void gdb_link_reset(GdbLink *link)
{
    link->state = LINK_IDLE;
    link->resends = 0;
    link->acks = true;
}

void gdb_link_stop_acks(GdbLink *link)
{
    link->acks = false;
    link->resends = 0;
}

/* --- out -------------------------------------------------------------------------------------- */

static void send_bytes(GdbLink *link, const char *bytes, size_t size)
{
    link->events.send(link->events.opaque, bytes, size);
}

/* $ and # frame packets, } escapes, and * would repeat what is before it. */
static bool must_be_escaped(char c)
{
    return c == '$' || c == '#' || c == '}' || c == '*';
}

void gdb_link_send(GdbLink *link, const char *payload, size_t size)
{
    GString *out = link->out;
    g_string_assign(out, "$");
    for (size_t i = 0; i < size; i++) {
        if (must_be_escaped(payload[i]))
            g_string_append_c(out, '}');
        g_string_append_c(out, must_be_escaped(payload[i]) ? payload[i] ^ 0x20 : payload[i]);
    }
    uint8_t sum = 0;
    for (size_t i = 1; i < out->len; i++)
        sum += (uint8_t)out->str[i];
    g_string_append_printf(out, "#%02x", sum);
    link->resends = link->acks ? RESENDS_MAX : 0;
    send_bytes(link, out->str, out->len);
}

static void resend(GdbLink *link)
{
    if (link->resends == 0)
        return;
    link->resends--;
    send_bytes(link, link->out->str, link->out->len);
}

/* --- in --------------------------------------------------------------------------------------- */

static void unescape(GString *text)
{
    size_t to = 0;
    for (size_t from = 0; from < text->len; from++) {
        char c = text->str[from];
        if (c == '}' && from + 1 < text->len)
            c = text->str[++from] ^ 0x20;
        text->str[to++] = c;
    }
    g_string_truncate(text, to);
}

static void finish_packet(GdbLink *link)
{
    link->state = LINK_IDLE;
    if (link->acks && link->claimed_sum != link->sum) {
        send_bytes(link, "-", 1);
        return;
    }
    if (link->acks)
        send_bytes(link, "+", 1);
    unescape(link->in);
    if (link->too_long || link->in->len > GDB_PACKET_MAX)
        gdb_link_send(link, "E16", 3); /* EINVAL */
    else
        link->events.packet(link->events.opaque, link->in->str, link->in->len);
}

static void begin_packet(GdbLink *link)
{
    link->state = LINK_PAYLOAD;
    g_string_truncate(link->in, 0);
    link->too_long = false;
    link->sum = 0;
}

static void idle_byte(GdbLink *link, uint8_t byte)
{
    if (byte == '$')
        begin_packet(link);
    else if (byte == CTRL_C)
        link->events.interrupt(link->events.opaque);
    else if (byte == '+')
        link->resends = 0;
    else if (byte == '-')
        resend(link);
}

/* A $ here is the beginning of a packet after one that was cut off. */
static void payload_byte(GdbLink *link, uint8_t byte)
{
    if (byte == '$') {
        begin_packet(link);
        return;
    }
    if (byte == '#') {
        link->state = LINK_CHECK_HIGH;
        return;
    }
    link->sum += byte;
    if (link->in->len < 2 * GDB_PACKET_MAX) /* every byte may be escaped */
        g_string_append_c(link->in, byte);
    else
        link->too_long = true;
}

void gdb_link_receive(GdbLink *link, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        int digit = g_ascii_xdigit_value(bytes[i]);
        switch (link->state) {
        case LINK_IDLE:
            idle_byte(link, bytes[i]);
            break;
        case LINK_PAYLOAD:
            payload_byte(link, bytes[i]);
            break;
        case LINK_CHECK_HIGH:
            link->claimed_sum = digit < 0 ? -1 : digit << 4;
            link->state = LINK_CHECK_LOW;
            break;
        case LINK_CHECK_LOW:
            link->claimed_sum = digit < 0 || link->claimed_sum < 0 ? -1 : link->claimed_sum | digit;
            finish_packet(link);
            break;
        }
    }
}
