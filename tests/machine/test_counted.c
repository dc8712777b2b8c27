/* Counted runs are cut by the guest alone: what the I/O thread asks for waits for the end of a
 * slice, so that a machine that is looked at goes on as one that is left alone. */
#include <glib/gstdio.h>
#include <unistd.h>

#include "cpu/run.h"
#include "machine/option.h"
#include "machine/vm.h"

enum { BIOS_SIZE = 64 * 1024 };

/* A program at the reset vector's F000:0000, which ends through isa-debug-exit: 300,000 turns of a
 * loop, with a tick of the PIT's counter 0 now and then. */
static char *make_bios(void)
{
    static const uint8_t code[] = {
        0xb0, 0x34, 0xe6, 0x43,             /* mov al, 34h; out 43h, al: counter 0, mode 2 */
        0xb0, 0x77, 0xe6, 0x40, 0xe6, 0x40, /* mov al, 77h; out 40h, al; out 40h, al */
        0x66, 0xb9, 0xe0, 0x93, 0x04, 0x00, /* mov ecx, 300000 */
        0x66, 0x0f, 0xaf, 0xc1,             /* turn: imul eax, ecx */
        0xf3, 0x90,                         /* pause */
        0x66, 0x49, 0x75, 0xf6,             /* dec ecx; jnz turn */
        0xb0, 0x15, 0xe6, 0xf4, 0xf4,       /* mov al, 15h; out f4h, al; hlt */
    };
    static const uint8_t jump[] = {0xea, 0x00, 0x00, 0x00, 0xf0};
    char *path = NULL;
    int fd = g_file_open_tmp("biosXXXXXX", &path, NULL);
    g_assert_cmpint(fd, >=, 0);
    g_autofree uint8_t *image = g_malloc0(BIOS_SIZE);
    memcpy(image, code, sizeof(code));
    memcpy(image + BIOS_SIZE - 16, jump, sizeof(jump));
    g_assert_cmpint(write(fd, image, BIOS_SIZE), ==, BIOS_SIZE);
    close(fd);
    return path;
}

typedef struct Run {
    Vm *vm;
    GArray *cuts; /* of uint64_t: where each cpu_run begins and may go to */
    unsigned looks;
} Run;

static void noting_run(Cpu *cpu, uint64_t limit)
{
    Run *run = cpu->engine_data;
    g_array_append_val(run->cuts, cpu->insn_count);
    g_array_append_val(run->cuts, limit);
    interpreter_engine.run(cpu, limit);
}

static const CpuEngine noting_engine = {.name = "noting", .run = noting_run};

static gboolean look(gpointer opaque)
{
    Run *run = opaque;
    vm_park(run->vm);
    run->looks++;
    vm_unpark(run->vm);
    return G_SOURCE_CONTINUE;
}

/* Runs the program to its end; a look each time the I/O thread has nothing else to do. */
static Run run_program(const char *path, unsigned cpus, bool looked_at)
{
    g_autofree char *line = g_strdup_printf(
        "myna -display none -m 4 -bios %s -device isa-debug-exit,iobase=0xf4 -smp %u "
        "-icount 0,sleep=off",
        path, cpus);
    g_auto(GStrv) argv = g_strsplit(line, " ", -1);
    g_autoptr(Config) config = config_new();
    g_autoptr(GError) err = NULL;
    g_assert_cmpint(option_parse(config, g_strv_length(argv), argv, &err), ==, OPTION_RUN);
    Run run = {.vm = vm_new(config, &err), .cuts = g_array_new(FALSE, FALSE, sizeof(uint64_t))};
    g_assert_no_error(err);
    for (unsigned i = 0; i < cpus; i++)
        cpu_set_engine(vm_cpu(run.vm, i), &noting_engine, &run);
    guint source = looked_at ? g_idle_add(look, &run) : 0;
    g_assert_cmpint(vm_run(run.vm), ==, 0x2b);
    if (source)
        g_source_remove(source);
    vm_free(run.vm);
    return run;
}

static void looks_cut_nothing(gconstpointer opaque)
{
    enum { SOME = 20 };
    unsigned cpus = GPOINTER_TO_UINT(opaque);
    g_autofree char *path = make_bios();
    Run alone = run_program(path, cpus, false), looked_at = run_program(path, cpus, true);
    g_unlink(path);
    g_assert_cmpuint(looked_at.looks, >, SOME);
    g_assert_cmpuint(alone.cuts->len, >, SOME);
    g_assert_cmpmem(alone.cuts->data, alone.cuts->len * sizeof(uint64_t), looked_at.cuts->data,
                    looked_at.cuts->len * sizeof(uint64_t));
    g_array_unref(alone.cuts);
    g_array_unref(looked_at.cuts);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/counted/looks", GUINT_TO_POINTER(1), looks_cut_nothing);
    g_test_add_data_func("/counted/looks-smp", GUINT_TO_POINTER(2), looks_cut_nothing);
    return g_test_run();
}
