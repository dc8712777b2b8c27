/* monitor.h - the human monitor: commands typed on a character device. */
#ifndef MYNA_UI_MONITOR_H
#define MYNA_UI_MONITOR_H

#include "core/chardev.h"
#include "machine/vm.h"
#include "ui/gdb.h"

typedef struct Monitor Monitor;

/* A monitor on chr, which stays its owner's; NULL: only monitor_run. gdb is what `gdbserver` is
 * for. */
Monitor *monitor_new(Vm *vm, Chardev *chr, GdbServer *gdb);
void monitor_free(Monitor *monitor);

/* One for each character device of the config that wants one; unref the array before the machine.
 */
GPtrArray *monitor_attach_all(Vm *vm, GdbServer *gdb);

/* Runs one command line and appends what it says. Machine lock held once, I/O thread. */
void monitor_run(Monitor *monitor, const char *line, GString *out);

#endif
