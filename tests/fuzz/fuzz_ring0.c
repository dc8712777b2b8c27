/* fuzz_ring0.c - whatever an operating system does to its CPUs, its memory and its chipset, the
 * program lives, answers in time, and its caches stay true. */
#include "tests/fuzz/board.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/world.h"

enum { LIVES = 6, INSNS = 400 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Input in;
    input_init(&in, data, size);
    static const char *const models[] = {"-cpu max", "-cpu max -smp 2", "-cpu qemu64",
                                         "-cpu pentium3", "-cpu 486"};
    FuzzBoard *b = fuzz_board_new(INPUT_CHOOSE(&in, models));
    fuzz_board_enable_pci(b);
    /* A program soon ends in a halt or a triple fault: the board and its memory get more of them.
     */
    for (unsigned life = 0; life < LIVES; life++) {
        if (life % 3 == 0)
            world_write(&in, &b->board->memory);
        for (unsigned i = 0; i < b->config->cpus; i++)
            world_enter(&in, pc_cpus(b->pc)[i], &b->board->memory);
        fuzz_board_run(b, INSNS);
        fuzz_board_check(b);
    }
    fuzz_board_free(b);
    return 0;
}
