/* standalone.c - runs a fuzz target without libFuzzer: on the files named, or on random inputs that
 * are the same every time. */
#include <glib.h>

#include "tests/fuzz/fuzz.h"
#include "tests/support/random_code.h"

enum { RANDOM_INPUTS = 100000, INPUT_SIZE = 64 };

static void run_file(const char *path)
{
    g_autofree char *data = NULL;
    gsize size;
    g_autoptr(GError) err = NULL;
    if (!g_file_get_contents(path, &data, &size, &err))
        g_error("%s", err->message);
    LLVMFuzzerTestOneInput((const uint8_t *)data, size);
}

static void run_random(void)
{
    RandomCode random;
    random_code_init(&random, 4711);
    for (unsigned i = 0; i < RANDOM_INPUTS; i++) {
        uint8_t data[INPUT_SIZE];
        size_t size = 1 + random_code_below(&random, INPUT_SIZE);
        random_code_fill(&random, random_code_below(&random, 3), data, size);
        /* in a block of its own size, so that a read past it is seen */
        g_autofree uint8_t *exact = g_memdup2(data, size);
        LLVMFuzzerTestOneInput(exact, size);
    }
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        run_file(argv[i]);
    if (argc == 1)
        run_random();
    return 0;
}
