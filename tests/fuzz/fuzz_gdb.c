/* fuzz_gdb.c - whatever comes over gdb's connection, the server answers and the machine stays
 * whole.
 *
 * The first byte says how the rest is read: as bytes off the wire, or each byte as a piece of a
 * packet that is then framed well, so that the commands are reached too. */
#include "tests/fuzz/fuzz.h"
#include "tests/support/gdb_peer.h"

/* No qRcmd of more than a few letters, which could name the host's files. */
static const char *const pieces[] = {
    "?",
    "c",
    "C",
    "s",
    "S",
    "D",
    "k",
    "g",
    "G",
    "p",
    "P",
    "m",
    "M",
    "X",
    "H",
    "T",
    "t",
    "Z0,",
    "Z1,",
    "Z2,",
    "Z3,",
    "Z4,",
    "z0,",
    "z1,",
    "z2,",
    "z3,",
    "z4,",
    "vCont",
    ";c",
    ";s",
    ";C05",
    ";S05",
    ";t",
    "vKill;",
    "qSupported:",
    "qXfer:features:read:target.xml:",
    "qfThreadInfo",
    "qThreadExtraInfo,",
    "qC",
    "qqemu.sstep",
    "Qqemu.sstep=",
    "Qqemu.PhyMemMode:",
    "QStartNoAckMode",
    ",",
    ":",
    ";",
    "=",
    "0",
    "1",
    "2",
    "4",
    "8",
    "f",
    "ff",
    "0010",
    "ffffffff",
    "fffffffffffffff0",
    "7c00",
    "-1",
    "Hg",
    "Hc",
    "qRcmd,",
    "696e666f",
    "+",
    "-",
    "}",
    "\003",
};

static void send_pieces(GdbPeer *p, const uint8_t *data, size_t size)
{
    g_autoptr(GString) payload = g_string_new(NULL);
    for (size_t i = 0; i < size; i++)
        g_string_append(payload, pieces[data[i] % G_N_ELEMENTS(pieces)]);
    g_free(gdb_peer_ask(p, payload->str));
}

static GdbPeer *peer;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!peer)
        peer = gdb_peer_new();
    if (data[0] & 1)
        g_free(gdb_peer_send(peer, data + 1, size - 1));
    else
        /* Short ones reach more. */
        send_pieces(peer, data + 1, MIN(size - 1, 2u + (data[0] >> 5)));
    vm_stop(peer->vm);
    /* It still listens: a packet cut off, and then a question. */
    g_free(gdb_peer_send(peer, "#00", 3));
    g_autofree char *answer = gdb_peer_ask(peer, "qfThreadInfo");
    g_assert_true(g_str_has_suffix(answer, "m1,2"));
    return 0;
}
