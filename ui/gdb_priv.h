/* gdb_priv.h - what the parts of the gdb server share. The I/O thread runs all of it. */
#ifndef MYNA_UI_GDB_PRIV_H
#define MYNA_UI_GDB_PRIV_H

#include "cpu/breakpoint.h"
#include "ui/gdb.h"
#include "ui/gdb_packet.h"
#include "ui/gdb_registers.h"
#include "ui/monitor.h"

/* Qqemu.sstep, by QEMU's names. */
enum { STEP_ENABLE = 1, STEP_NOIRQ = 2 };

struct GdbServer {
    Vm *vm;
    Chardev *chr; /* NULL: waits nowhere */
    GdbLink *link;
    Monitor *monitor; /* for qRcmd */
    guint source;     /* GLib source that looks at a new status; 0 = none. Machine lock */
    bool busy;        /* with a packet */

    /* Of the connection. */
    GdbArch arch;  /* of the description gdb has */
    unsigned told; /* bit n: its user was told of GdbArch n */
    char *description;
    Cpu *cpu;              /* registers and memory are its; chosen by Hg */
    Cpu *stepped;          /* by c and s; chosen by Hc */
    bool waiting;          /* gdb waits for a stop reply */
    bool swbreak, hwbreak; /* gdb knows these reasons */
    bool physical;         /* memory has physical addresses */
    unsigned step_flags;   /* STEP_* */
};

/* A packet's text, and how to get at its parts; at stands behind what was taken. */
typedef struct GdbText {
    const char *at;
    const char *end; /* there is a 0 */
} GdbText;

bool gdb_take(GdbText *text, char c);                  /* this letter */
bool gdb_take_word(GdbText *text, const char *word);   /* these letters */
bool gdb_take_hex(GdbText *text, uint64_t *value);     /* at least one digit, at most 16 */
bool gdb_take_bytes(GdbText *text, GByteArray *bytes); /* pairs of digits up to the end */
/* "p" thread ids are not: there is one process. *cpu is NULL for all and any (-1, 0). */
bool gdb_take_thread(GdbServer *s, GdbText *text, Cpu **cpu);

/* Errors have no meaning to gdb but for people who read the packets: Linux's numbers. */
typedef enum GdbError { GDB_BAD_ADDRESS = 0x0e, GDB_INVALID = 0x16, GDB_FULL = 0x1c } GdbError;

void gdb_reply(GdbServer *s, const char *format, ...) G_GNUC_PRINTF(2, 3);
void gdb_reply_error(GdbServer *s, GdbError error);
void gdb_append_hex(GString *out, const void *bytes, size_t size);
/* Text for gdb's user; only while gdb waits for a stop reply or qRcmd's. */
void gdb_print(GdbServer *s, const char *text, size_t size);

/* gdb.c: gdb is at the other end of chr, which the server frees. It is attached to none now. */
void gdb_server_attach(GdbServer *s, Chardev *chr);

/* gdb_commands.c: one packet. The CPUs stand. */
void gdb_command(GdbServer *s, const char *payload, size_t size);

/* gdb_query.c: q and Q packets. */
void gdb_query(GdbServer *s, GdbText args);
void gdb_set(GdbServer *s, GdbText args);

/* gdb_run.c: resuming, stopping, and what stops. */
void gdb_run_vcont(GdbServer *s, GdbText args);
void gdb_run_vcont_query(GdbServer *s, GdbText args);
void gdb_run_continue(GdbServer *s, GdbText args);
void gdb_run_continue_signal(GdbServer *s, GdbText args);
void gdb_run_step(GdbServer *s, GdbText args);
void gdb_run_step_signal(GdbServer *s, GdbText args);
void gdb_run_tell_why(GdbServer *s, GdbText args);
void gdb_run_insert(GdbServer *s, GdbText args);
void gdb_run_remove(GdbServer *s, GdbText args);
void gdb_run_detach(GdbServer *s, GdbText args);
void gdb_run_kill(GdbServer *s, GdbText args);
void gdb_run_vkill(GdbServer *s, GdbText args);
/* Tells gdb that and why the machine stands. */
void gdb_run_stopped(GdbServer *s);
/* Nothing of gdb's stays in the CPUs. */
void gdb_run_forget(GdbServer *s);

#endif
