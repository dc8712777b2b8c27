/* gdb.h - the machine as a remote target of gdb. [GDB] "Remote Protocol". */
#ifndef MYNA_UI_GDB_H
#define MYNA_UI_GDB_H

#include "machine/vm.h"

typedef struct GdbServer GdbServer;

/* Waits nowhere yet. */
GdbServer *gdb_server_new(Vm *vm);

/* Waits for gdb at "tcp:[HOST]:PORT", "unix:PATH" or any other character device in place of where
 * it waited before; "none": nowhere. Without a host only this one's programs can connect. I/O
 * thread. */
bool gdb_server_listen(GdbServer *server, const char *device,
                       GError **err) G_GNUC_WARN_UNUSED_RESULT;

/* Tells gdb, if it waits, that the program ends with this status. */
void gdb_server_free(GdbServer *server, int status);

#endif
