/* The packet layer of gdb's remote protocol, with a gdb that does everything wrong. [GDB] "Remote
 * Protocol". */
#include "ui/gdb_packet.h"

typedef struct Peer {
    GdbLink *link;
    GString *packets; /* those that arrived, each in brackets */
    GString *sent;    /* what was sent back */
} Peer;

static void packet(void *opaque, const char *payload, size_t size)
{
    Peer *p = opaque;
    g_assert_cmpuint(size, <=, GDB_PACKET_MAX);
    g_assert_cmpint(payload[size], ==, 0);
    g_string_append_c(p->packets, '[');
    g_string_append_len(p->packets, payload, size);
    g_string_append_c(p->packets, ']');
}

static void interrupt(void *opaque)
{
    g_string_append(((Peer *)opaque)->packets, "^C");
}

static void send(void *opaque, const void *bytes, size_t size)
{
    g_string_append_len(((Peer *)opaque)->sent, bytes, size);
}

static Peer *peer_new(void)
{
    Peer *p = g_new0(Peer, 1);
    p->packets = g_string_new(NULL);
    p->sent = g_string_new(NULL);
    const GdbEvents events = {packet, interrupt, send, p};
    p->link = gdb_link_new(&events);
    return p;
}

static void peer_free(Peer *p)
{
    gdb_link_free(p->link);
    g_string_free(p->packets, TRUE);
    g_string_free(p->sent, TRUE);
    g_free(p);
}

/* Feeds it, in pieces of every size up to the whole; the same arrives and is answered. */
static void assert_exchange(const char *bytes, size_t size, const char *packets, const char *sent)
{
    for (size_t piece = 1; piece <= size; piece++) {
        Peer *p = peer_new();
        for (size_t at = 0; at < size; at += piece)
            gdb_link_receive(p->link, (const uint8_t *)bytes + at, MIN(piece, size - at));
        g_assert_cmpstr(p->packets->str, ==, packets);
        g_assert_cmpstr(p->sent->str, ==, sent);
        peer_free(p);
    }
}

static void arrives(void)
{
    static const struct {
        const char *bytes, *packets, *sent;
    } cases[] = {
        {"$g#67", "[g]", "+"},
        {"$#00", "[]", "+"},
        {"+$?#3f+$g#67", "[?][g]", "++"},
        {"\003", "^C", ""},
        {"$a\003b#c6", "[a\003b]", "+"},    /* inside a packet it is a byte */
        {"$}\003}\004}]#db", "[#$}]", "+"}, /* escaped: # $ } */
        {"$g#68", "", "-"},                 /* wrong sum */
        {"$g#6x$g#67", "[g]", "-+"},        /* no sum */
        {"$g##6$g#67", "[g]", "-+"},
        {"$m1000,$g#67", "[g]", "+"},        /* cut off by the next */
        {"noise\n\r\377$g#67#", "[g]", "+"}, /* garbage around it */
        {"$abc}#a3", "[abc}]", "+"},         /* nothing follows the escape but the end */
        {"$g", "", ""},                      /* truncated */
        {"---", "", ""},                     /* nothing was sent */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_exchange(cases[i].bytes, strlen(cases[i].bytes), cases[i].packets, cases[i].sent);
}

/* Everything that means something is escaped, and comes back as it was. */
static void sends(void)
{
    Peer *p = peer_new();
    static const char payload[] = "a$b#c}d*e\0f";
    gdb_link_send(p->link, payload, sizeof(payload) - 1);
    g_autofree char *sent = g_memdup2(p->sent->str, p->sent->len);
    size_t size = p->sent->len;
    static const char expected[] = "$a}\004b}\003c}]d}\ne\0f#b7";
    g_assert_cmpmem(sent, size, expected, sizeof(expected) - 1);
    gdb_link_receive(p->link, (const uint8_t *)sent, size);
    g_assert_cmpmem(p->packets->str + 1, p->packets->len - 2, payload, sizeof(payload) - 1);
    peer_free(p);
}

/* A packet that gdb refuses is sent again, but not for ever. */
static void sends_again(void)
{
    Peer *p = peer_new();
    gdb_link_send(p->link, "OK", 2);
    gdb_link_receive(p->link, (const uint8_t *)"--+-", 4);
    g_assert_cmpstr(p->sent->str, ==, "$OK#9a$OK#9a$OK#9a");
    g_string_truncate(p->sent, 0);
    gdb_link_send(p->link, "", 0);
    gdb_link_receive(p->link, (const uint8_t *)"----------", 10);
    g_assert_cmpstr(p->sent->str, ==, "$#00$#00$#00$#00");
    peer_free(p);
}

static void stops_acks(void)
{
    Peer *p = peer_new();
    gdb_link_stop_acks(p->link);
    gdb_link_receive(p->link, (const uint8_t *)"$g#00-", 6);
    gdb_link_send(p->link, "OK", 2);
    gdb_link_receive(p->link, (const uint8_t *)"-", 1);
    g_assert_cmpstr(p->packets->str, ==, "[g]");
    g_assert_cmpstr(p->sent->str, ==, "$OK#9a");
    /* Another gdb begins with them. */
    gdb_link_reset(p->link);
    gdb_link_receive(p->link, (const uint8_t *)"$g#67", 5);
    g_assert_cmpstr(p->sent->str, ==, "$OK#9a+");
    peer_free(p);
}

static void feed_long(Peer *p, size_t size, const char *piece)
{
    GString *bytes = g_string_new("$");
    uint8_t sum = 0;
    while (bytes->len < size + 1)
        g_string_append(bytes, piece);
    for (size_t i = 1; i < bytes->len; i++)
        sum += (uint8_t)bytes->str[i];
    g_string_append_printf(bytes, "#%02x", sum);
    gdb_link_receive(p->link, (const uint8_t *)bytes->str, bytes->len);
    g_string_free(bytes, TRUE);
}

/* As long as was promised, escaped or not; longer ones are an error, and the next is fine. */
static void bounds_packets(void)
{
    Peer *p = peer_new();
    feed_long(p, GDB_PACKET_MAX, "x");
    g_assert_cmpuint(p->packets->len, ==, GDB_PACKET_MAX + 2);
    feed_long(p, 2 * GDB_PACKET_MAX, "}\003");
    g_assert_cmpuint(p->packets->len, ==, 2 * (GDB_PACKET_MAX + 2));
    g_assert_cmpstr(p->sent->str, ==, "++");
    g_string_truncate(p->sent, 0);
    g_string_truncate(p->packets, 0);
    feed_long(p, GDB_PACKET_MAX + 1, "x");
    feed_long(p, 100 * GDB_PACKET_MAX, "x");
    g_assert_cmpstr(p->sent->str, ==, "+$E16#ac+$E16#ac");
    gdb_link_receive(p->link, (const uint8_t *)"$g#67", 5);
    g_assert_cmpstr(p->packets->str, ==, "[g]");
    peer_free(p);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/gdb-packet/arrives", arrives);
    g_test_add_func("/gdb-packet/sends", sends);
    g_test_add_func("/gdb-packet/sends-again", sends_again);
    g_test_add_func("/gdb-packet/stops-acks", stops_acks);
    g_test_add_func("/gdb-packet/bounds", bounds_packets);
    return g_test_run();
}
