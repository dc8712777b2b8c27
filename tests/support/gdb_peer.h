/* gdb_peer.h - a gdb made of a byte array, at a machine that has no threads. */
#ifndef MYNA_TESTS_SUPPORT_GDB_PEER_H
#define MYNA_TESTS_SUPPORT_GDB_PEER_H

#include "machine/vm.h"
#include "ui/gdb_priv.h"

typedef struct GdbPeer {
    Config *config;
    Vm *vm;
    Chardev *chr;
    GdbServer *server;
} GdbPeer;

/* Two CPUs, 4 MiB, stopped at the reset vector. Holds the machine lock. */
GdbPeer *gdb_peer_new(void);
void gdb_peer_free(GdbPeer *p);

/* Sends bytes as they are, or one packet framed; what came back since, unframed: packets separated
 * by spaces, without acknowledgments. */
char *gdb_peer_send(GdbPeer *p, const void *bytes, size_t size);
char *gdb_peer_ask(GdbPeer *p, const char *payload);

#endif
