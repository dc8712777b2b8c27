/* A machine's life: small firmware images run to their ends, on the host's clock and counted. */
#include <glib/gstdio.h>
#include <unistd.h>

#include "machine/option.h"
#include "machine/vm.h"

enum { BIOS_SIZE = 64 * 1024 };

/* A BIOS whose reset vector jumps to code at F000:0000. */
static char *make_bios(const uint8_t *code, size_t size)
{
    char *path = NULL;
    int fd = g_file_open_tmp("biosXXXXXX", &path, NULL);
    g_assert_cmpint(fd, >=, 0);
    g_autofree uint8_t *image = g_malloc0(BIOS_SIZE);
    static const uint8_t jump[] = {0xea, 0x00, 0x00, 0x00, 0xf0};
    memcpy(image, code, size);
    memcpy(image + BIOS_SIZE - 16, jump, sizeof(jump));
    g_assert_cmpint(write(fd, image, BIOS_SIZE), ==, BIOS_SIZE);
    close(fd);
    return path;
}

/* Runs it to the end; its exit status. */
static int run(const uint8_t *code, size_t size, const char *options)
{
    g_autofree char *path = make_bios(code, size);
    g_autofree char *line = g_strdup_printf(
        "myna -display none -m 4 -bios %s -device isa-debug-exit,iobase=0xf4%s", path, options);
    g_auto(GStrv) argv = g_strsplit(line, " ", -1);
    g_autoptr(Config) config = config_new();
    g_autoptr(GError) err = NULL;
    g_assert_cmpint(option_parse(config, g_strv_length(argv), argv, &err), ==, OPTION_RUN);
    Vm *vm = vm_new(config, &err);
    g_assert_no_error(err);
    int status = vm_run(vm);
    vm_free(vm);
    g_unlink(path);
    return status;
}

static void debug_exit(void)
{
    static const uint8_t code[] = {0xb0, 0x15, 0xe6, 0xf4,
                                   0xf4}; /* mov al, 15h; out f4h, al; hlt */
    g_assert_cmpint(run(code, sizeof(code), ""), ==, 0x2b);
    g_assert_cmpint(run(code, sizeof(code), " -icount 0"), ==, 0x2b);
}

/* Every deadline comes, however near it is when the host's timer is set: counter 0 has one each
 * microsecond, and the guest waits sixty times for counter 2's output in port 61h. */
static void near_deadlines(void)
{
    static const uint8_t code[] = {
        0xb0, 0x36, 0xe6, 0x43, /* mov al, 36h; out 43h, al: counter 0, mode 3 */
        0xb0, 0x02, 0xe6, 0x40, /* mov al, 2; out 40h, al */
        0xb0, 0x00, 0xe6, 0x40, /* mov al, 0; out 40h, al */
        0xb0, 0x01, 0xe6, 0x61, /* mov al, 1; out 61h, al: counter 2's gate */
        0xb9, 0x3c, 0x00,       /* mov cx, 60 */
        0xb0, 0xb0, 0xe6, 0x43, /* next: mov al, b0h; out 43h, al: counter 2, mode 0 */
        0xb0, 0x64, 0xe6, 0x42, /* mov al, 100; out 42h, al */
        0xb0, 0x00, 0xe6, 0x42, /* mov al, 0; out 42h, al */
        0xe4, 0x61, 0xa8, 0x20, /* wait: in al, 61h; test al, 20h */
        0x74, 0xfa, 0xe2, 0xec, /* jz wait; loop next */
        0xb0, 0x15, 0xe6, 0xf4, /* mov al, 15h; out f4h, al */
        0xf4,                   /* hlt */
    };
    g_assert_cmpint(run(code, sizeof(code), ""), ==, 0x2b);
}

/* lidt of nothing, then int3: a triple fault. */
static const uint8_t triple_fault[] = {0x2e, 0x0f, 0x01, 0x1e, 0x10, 0x00, 0xcc};

static void no_reboot(void)
{
    g_assert_cmpint(run(triple_fault, sizeof(triple_fault), " -no-reboot"), ==, 0);
    g_assert_cmpint(run(triple_fault, sizeof(triple_fault), " -action reboot=shutdown"), ==, 0);
}

/* The CMOS shutdown byte survives a reset: the second time round it says 5Ah. */
static void reset_keeps_cmos(void)
{
    static const uint8_t code[] = {
        0xb0, 0x0f, 0xe6, 0x70, 0xe4, 0x71, /* CMOS 0Fh */
        0x3c, 0x5a, 0x74, 0x0c,             /* 5Ah? to the exit */
        0xb0, 0x5a, 0xe6, 0x71,             /* no: write it */
        0xb0, 0x06, 0xba, 0xf9, 0x0c, 0xee, /* reset by port CF9h */
        0xeb, 0xfe,                         /* and wait for it */
        0xb0, 0x01, 0xe6, 0xf4,             /* exit with 3 */
        0xf4,
    };
    g_assert_cmpint(run(code, sizeof(code), ""), ==, 3);
}

/* Counter 0 of the PIT in mode 0, 100 ticks; IRQ0 wakes HLT, whose handler leaves by debug exit.
 * The vector table lies in RAM, the 8259A's vectors begin at 8. */
static void halt_wakes(void)
{
    static const uint8_t code[] = {
        0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xd0, 0xbc, 0x00, 0x08,       /* ds = ss = 0, sp = 800h */
        0xc7, 0x06, 0x20, 0x00, 0x40, 0x00,                         /* vector 8: offset 40h */
        0xc7, 0x06, 0x22, 0x00, 0x00, 0xf0,                         /* in segment F000h */
        0xb0, 0x11, 0xe6, 0x20, 0xb0, 0x08, 0xe6, 0x21, 0xb0, 0x04, /* ICW1 - ICW3 */
        0xe6, 0x21, 0xb0, 0x01, 0xe6, 0x21, 0xb0, 0xfe, 0xe6, 0x21, /* ICW4, mask */
        0xb0, 0x30, 0xe6, 0x43, 0xb0, 0x64, 0xe6, 0x40, 0xb0, 0x00, /* mode 0, 100 */
        0xe6, 0x40, 0xfb, 0xf4, 0xeb, 0xfd,                         /* sti; hlt; again */
        0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0xb0, 0x02, 0xe6,
        0xf4, 0xf4, /* 40h: exit with 5 */
    };
    G_STATIC_ASSERT(sizeof(code) == 0x40 + 5);
    g_assert_cmpint(run(code, sizeof(code), ""), ==, 5);
    g_assert_cmpint(run(code, sizeof(code), " -icount 4"), ==, 5);
    g_assert_cmpint(run(code, sizeof(code), " -icount 4,sleep=off"), ==, 5);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/vm/debug-exit", debug_exit);
    g_test_add_func("/vm/near-deadlines", near_deadlines);
    g_test_add_func("/vm/no-reboot", no_reboot);
    g_test_add_func("/vm/reset-keeps-cmos", reset_keeps_cmos);
    g_test_add_func("/vm/halt-wakes", halt_wakes);
    return g_test_run();
}
