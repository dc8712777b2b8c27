/* manual.c - prints the manual page: text of its own, and the rows of options and commands. */
#include <stdio.h>

#include "machine/option.h"

static const char head[] =
    ".TH MYNA 1 \"\" \"myna " MYNA_VERSION "\" \"User Commands\"\n"
    ".SH NAME\nmyna \\- run a PC in a program\n"
    ".SH SYNOPSIS\n.B myna\n[\\fIoptions\\fR] [\\fIimage\\fR]\n"
    ".SH DESCRIPTION\n"
    "Emulates an x86 PC, register by register, and runs unmodified operating systems on it. An "
    "image\n"
    "named without an option is booted as a CD if it is one, else as the first hard disk.\n"
    ".PP\n"
    "Options are spelt as QEMU's, with one dash or two. Arguments of the form key=value,key=value\n"
    "take a comma inside a value doubled.\n"
    ".SH OPTIONS\n";

static const char keys[] = ".SH KEYS\n"
                           "On a terminal that is serial port and monitor:\n"
                           ".TP\n.B Ctrl\\-a x\nends the program\n"
                           ".TP\n.B Ctrl\\-a c\nswitches between the serial port and the monitor\n"
                           ".TP\n.B Ctrl\\-a b\nsends a break\n"
                           ".TP\n.B Ctrl\\-a h\nlists the other keys\n"
                           ".SH MONITOR\n";

static const char debugging[] =
    ".SH DEBUGGING\n"
    ".B \\-s\nand\n.B \\-gdb\nwait for\n.BR gdb (1)'s\n.IR \"target remote\" .\n"
    "CPUs are threads. Addresses and $pc are linear, CS base included. gdb learns the size of the\n"
    "code (16, 32 or 64 bits) when it connects; when that changes a line says so, and\n"
    ".I disconnect\nand\n.I target remote\n"
    "make gdb follow while the machine stands. After\n.I set architecture i386\n"
    "a gdb that began with 16-bit code shows 32-bit code.\n"
    ".I monitor COMMAND\nruns a command of the list above.\n"
    ".PP\nTo stop at a boot sector:\n.PP\n.nf\nmyna \\-s \\-S disk.img &\n"
    "gdb \\-ex 'target remote :1234' \\-ex 'break *0x7c00' \\-ex continue\n.fi\n";

static const char tail[] =
    ".SH EXIT STATUS\n"
    "0 when the guest powers off or the user ends it; 1 after an error, which is one line on "
    "stderr;\n"
    "what a guest writes to isa\\-debug\\-exit, times 2 plus 1.\n"
    ".SH EXAMPLES\n.nf\n"
    "myna disk.img\n"
    "myna \\-m 1G \\-smp 2 \\-cdrom installer.iso \\-hda disk.img \\-boot d\n"
    "myna \\-nographic \\-kernel vmlinuz \\-initrd initrd.gz \\-append console=ttyS0\n"
    ".fi\n";

/* roff takes a hyphen for a dash unless told. */
static void print_escaped(const char *text)
{
    for (; *text; text++)
        printf(*text == '-' || *text == '\\' ? "\\%c" : "%c", *text);
}

static void print_command(const char *name, const char *arguments, const char *help)
{
    printf(".TP\n.B ");
    print_escaped(name);
    printf("\\fR ");
    for (; *arguments; arguments++) {
        if (*arguments != '#')
            printf("%c", *arguments);
    }
    printf("\n");
    print_escaped(help);
    printf("\n");
}

int main(void)
{
    g_autoptr(GString) options = g_string_new(NULL);
    option_manual(options);
    fputs(head, stdout);
    fputs(options->str, stdout);
    fputs(keys, stdout);
#define COMMAND(name, other, args, fn, help) print_command(name, args, help);
#include "ui/commands.def"
#undef COMMAND
    fputs(debugging, stdout);
    fputs(tail, stdout);
    return 0;
}
