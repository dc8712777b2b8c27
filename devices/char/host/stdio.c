/* stdio.c - the program's standard input and output as a character back end. */
#include "devices/char/host/host_priv.h"

#include <unistd.h>

static void stdio_free(Chardev *chr)
{
    fd_chardev_fini((FdChardev *)chr);
    terminal_release();
    g_free(chr);
}

static const ChardevOps stdio_ops = {
    .name = "stdio",
    .write = fd_chardev_write,
    .accept_input = fd_chardev_accept_input,
    .free = stdio_free,
};

Chardev *stdio_open(const HostSpec *spec, bool keep_signals, GError **err)
{
    static const char *const known[] = {"signal", NULL};

    if (!host_check_options(spec, known, err))
        return NULL;
    if (!terminal_take(host_option_bool(spec, "signal", keep_signals), err))
        return NULL;

    FdChardev *f = g_new0(FdChardev, 1);
    fd_chardev_init(f, &stdio_ops, "stdio");
    fd_chardev_open(f, STDIN_FILENO, STDOUT_FILENO);
    return &f->chr;
}
