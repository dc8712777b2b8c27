/* gdb_packet.h - the lower layer of gdb's remote protocol: packets in a stream of bytes.
 *
 * [GDB] "Remote Protocol" Overview, "Packet Acknowledgment", "Binary Data":
 *
 *     $ payload # checksum        + ok   - again   03 Ctrl-C, outside of packets
 *
 * } before a payload byte: the byte is xored with 20h. The checksum is the sum of the bytes between
 * $ and #, as two hexadecimal digits. */
#ifndef MYNA_UI_GDB_PACKET_H
#define MYNA_UI_GDB_PACKET_H

#include "core/types.h"

enum { GDB_PACKET_MAX = 0x4000 }; /* bytes of a payload, as qSupported tells gdb */

typedef struct GdbEvents {
    /* A whole packet, unescaped, with a 0 after it. */
    void (*packet)(void *opaque, const char *payload, size_t size);
    void (*interrupt)(void *opaque); /* Ctrl-C */
    void (*send)(void *opaque, const void *bytes, size_t size);
    void *opaque;
} GdbEvents;

typedef struct GdbLink GdbLink;

GdbLink *gdb_link_new(const GdbEvents *events);
void gdb_link_free(GdbLink *link);

/* A new connection: nothing is under way, and packets are acknowledged. */
void gdb_link_reset(GdbLink *link);

/* Bytes from gdb, however cut. */
void gdb_link_receive(GdbLink *link, const uint8_t *bytes, size_t size);

/* Sends one packet; what must be escaped is. */
void gdb_link_send(GdbLink *link, const char *payload, size_t size);

/* QStartNoAckMode: neither side acknowledges from now on. */
void gdb_link_stop_acks(GdbLink *link);

#endif
