/* terminal.c - the user's terminal in raw mode, and back. [POSIX] "General Terminal Interface".
 *
 * The terminal is the process's, not a machine's, and a signal handler has to find it: this is one
 * of the few places with file-scope state. */
#include "devices/char/host/host_priv.h"

#include "core/error.h"

#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

static struct {
    bool taken;
    bool raw; /* standard input is a terminal and `cooked` is what it was */
    struct termios cooked, wanted;
} terminal;

/* Signals that end the process and would leave the terminal raw. */
static const int fatal_signals[] = {SIGHUP,  SIGINT, SIGQUIT, SIGTERM, SIGABRT,
                                    SIGSEGV, SIGBUS, SIGFPE,  SIGILL};

/* Only calls what a signal handler may. */
static void restore(void)
{
    if (terminal.raw)
        tcsetattr(STDIN_FILENO, TCSANOW, &terminal.cooked);
}

static void on_fatal_signal(int number)
{
    restore();
    signal(number, SIG_DFL);
    raise(number);
}

static void on_continue(int number)
{
    if (terminal.raw && tcgetpgrp(STDIN_FILENO) == getpgrp())
        tcsetattr(STDIN_FILENO, TCSANOW, &terminal.wanted);
}

/* Leaves alone what someone else already handles. */
static void handle_if_default(int number, void (*handler)(int))
{
    struct sigaction now, ours = {.sa_handler = handler, .sa_flags = SA_RESTART};

    if (sigaction(number, NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) &&
        now.sa_handler == SIG_DFL)
        sigaction(number, &ours, NULL);
}

static void restore_handlers(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(fatal_signals); i++) {
        struct sigaction now;
        if (sigaction(fatal_signals[i], NULL, &now) == 0 && now.sa_handler == on_fatal_signal)
            signal(fatal_signals[i], SIG_DFL);
    }
    signal(SIGCONT, SIG_DFL);
}

/* Output processing stays on: guests and the monitor both count on newlines that return. */
static void make_raw(struct termios *t, bool keep_signals)
{
    t->c_iflag &= ~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    t->c_lflag &= ~(ECHO | ECHONL | ICANON | IEXTEN);
    if (!keep_signals)
        t->c_lflag &= ~ISIG;
    t->c_cflag = (t->c_cflag & ~(CSIZE | PARENB)) | CS8;
    t->c_cc[VMIN] = 1;
    t->c_cc[VTIME] = 0;
}

bool terminal_take(bool keep_signals, GError **err)
{
    if (terminal.taken) {
        g_set_error(
            err, MYNA_ERROR, MYNA_ERROR_USAGE,
            "\"stdio\" is used twice: only one device or monitor can have it (\"mon:stdio\" "
            "shares it)");
        return false;
    }
    terminal.taken = true;
    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &terminal.cooked) != 0)
        return true;

    terminal.wanted = terminal.cooked;
    make_raw(&terminal.wanted, keep_signals);
    terminal.raw = true;
    for (unsigned i = 0; i < G_N_ELEMENTS(fatal_signals); i++)
        handle_if_default(fatal_signals[i], on_fatal_signal);
    handle_if_default(SIGCONT, on_continue);
    atexit(restore);
    on_continue(SIGCONT); /* in the background, wait until we are brought to the front */
    return true;
}

void terminal_release(void)
{
    if (terminal.raw) {
        restore();
        restore_handlers();
    }
    terminal.raw = false;
    terminal.taken = false;
}
