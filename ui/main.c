/* main.c - the program: reads the command line, makes the machine, runs it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/error.h"
#include "machine/option.h"
#include "machine/pc.h"
#include "machine/vm.h"
#include "ui/gdb.h"
#include "ui/monitor.h"

static int fail(const GError *err)
{
    fprintf(stderr, "myna: %s\n", err->message);
    return 1;
}

static bool write_pidfile(const char *path, GError **err)
{
    g_autofree char *text = g_strdup_printf("%d\n", (int)getpid());
    if (g_file_set_contents(path, text, -1, err))
        return true;
    g_prefix_error(err, "-pidfile: ");
    return false;
}

static bool start_gdb(GdbServer *gdb, const Config *config, GError **err)
{
    if (!config->gdb || gdb_server_listen(gdb, config->gdb, err))
        return true;
    g_prefix_error(err, "-gdb: ");
    return false;
}

/* Somebody who started a machine in a terminal must learn how to leave it. */
static void tell_how_to_leave(const Config *config)
{
    const char *serial = config->serials->len ? config->serials->pdata[0] : "";
    if (g_str_equal(serial, "mon:stdio") && isatty(STDIN_FILENO) && isatty(STDERR_FILENO))
        fputs("myna: this terminal is the serial port; Ctrl-a x leaves, Ctrl-a c is the monitor\n",
              stderr);
}

static int run(const Config *config, GError **err)
{
    Vm *vm = vm_new(config, err);
    if (!vm)
        return 1;
    int status = 1;
    GdbServer *gdb = gdb_server_new(vm);
    if (start_gdb(gdb, config, err) && (!config->pidfile || write_pidfile(config->pidfile, err))) {
        GPtrArray *monitors = monitor_attach_all(vm, gdb);
        tell_how_to_leave(config);
        status = vm_run(vm);
        g_ptr_array_unref(monitors);
    }
    gdb_server_free(gdb, status);
    vm_free(vm);
    if (config->pidfile)
        unlink(config->pidfile);
    return status;
}

int main(int argc, char **argv)
{
    g_autoptr(GError) err = NULL;
    g_autoptr(Config) config = config_new();
    switch (option_parse(config, argc, argv, &err)) {
    case OPTION_DONE:
        return 0;
    case OPTION_ERROR:
        return fail(err);
    case OPTION_RUN:
        break;
    }
    int status = run(config, &err);
    return err ? fail(err) : status;
}
