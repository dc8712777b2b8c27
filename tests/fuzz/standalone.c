/* standalone.c - runs a fuzz target without libFuzzer, the same inputs every time: the files and
 * folders of files named (a corpus, or an input that crashed), and then random ones.
 *
 *      test_fuzz_NAME [--rounds N] [--seconds N] [--seed N] [FILE|FOLDER]...
 *
 * Random inputs stop at --rounds, or at --seconds if that comes first. A random input that fails is
 * left as the file fuzz-failure.bin in the present folder, if that can be written, for a run of it
 * alone: --rounds 0 fuzz-failure.bin. */
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"
#include "tests/support/random_code.h"

enum { INPUT_SIZE = 64, HANG_SECONDS = 30 };

static int rounds = 1000000, seconds = 2, seed = 4711;

/* Kept for whoever hears of the crash. */
static uint8_t running[INPUT_SIZE];
static volatile size_t running_size;

static void keep_input(void)
{
    int fd = open("fuzz-failure.bin", O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0 || write(fd, running, running_size) < 0 || close(fd) < 0)
        (void)!write(STDERR_FILENO, "fuzz-failure.bin: not written\n", 30);
}

static void on_signal(int number)
{
    keep_input();
    signal(number, SIG_DFL);
    raise(number);
}

/* Of the sanitizers, which end the process without a signal. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

/* An input that takes HANG_SECONDS is as bad as one that crashes. */
static void watch_crashes(void)
{
    static const int signals[] = {SIGABRT, SIGALRM, SIGFPE, SIGTRAP};
    for (size_t i = 0; i < G_N_ELEMENTS(signals); i++)
        signal(signals[i], on_signal);
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(keep_input);
    else
        signal(SIGSEGV, on_signal);
}

static void run_file(const char *path)
{
    g_autofree char *data = NULL;
    gsize size;
    g_autoptr(GError) err = NULL;
    if (!g_file_get_contents(path, &data, &size, &err))
        g_error("%s", err->message);
    /* in a block of its own size, so that a read past it is seen */
    g_autofree uint8_t *exact = g_memdup2(data, size);
    LLVMFuzzerTestOneInput(exact, size);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void run_folder(const char *path, GDir *dir)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (const char *name; (name = g_dir_read_name(dir));)
        g_ptr_array_add(names, g_build_filename(path, name, NULL));
    g_ptr_array_sort(names, by_name);
    for (unsigned i = 0; i < names->len; i++)
        run_file(names->pdata[i]);
}

static void run_path(const char *path)
{
    GDir *dir = g_dir_open(path, 0, NULL);
    if (!dir) {
        run_file(path);
        return;
    }
    run_folder(path, dir);
    g_dir_close(dir);
}

static int run_random(void)
{
    RandomCode random;
    random_code_init(&random, seed);
    watch_crashes();
    gint64 end = g_get_monotonic_time() + seconds * G_USEC_PER_SEC;
    int done = 0;
    for (; done < rounds && g_get_monotonic_time() < end; done++) {
        size_t size = 1 + random_code_below(&random, INPUT_SIZE);
        random_code_fill(&random, random_code_below(&random, 3), running, size);
        running_size = size;
        g_autofree uint8_t *exact = g_memdup2(running, size);
        alarm(HANG_SECONDS);
        LLVMFuzzerTestOneInput(exact, size);
    }
    alarm(0);
    return done;
}

int main(int argc, char **argv)
{
    const GOptionEntry options[] = {
        {"rounds", 0, 0, G_OPTION_ARG_INT, &rounds, "random inputs, at most", "N"},
        {"seconds", 0, 0, G_OPTION_ARG_INT, &seconds, "time for them", "N"},
        {"seed", 0, 0, G_OPTION_ARG_INT, &seed, "of the random inputs", "N"},
        {NULL},
    };
    g_autoptr(GOptionContext) context = g_option_context_new("[FILE|FOLDER]...");
    g_option_context_add_main_entries(context, options, NULL);
    g_autoptr(GError) err = NULL;
    if (!g_option_context_parse(context, &argc, &argv, &err))
        g_error("%s", err->message);
    for (int i = 1; i < argc; i++)
        run_path(argv[i]);
    g_print("%d files, %d random inputs\n", argc - 1, run_random());
    return 0;
}
