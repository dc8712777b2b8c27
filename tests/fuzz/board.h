/* board.h - a whole PC for hostile guests: every device, a disk, a CD and a floppy, serial and
 * parallel ports, one or two CPUs, a clock that counts their instructions, and nobody outside. */
#ifndef MYNA_TESTS_FUZZ_BOARD_H
#define MYNA_TESTS_FUZZ_BOARD_H

#include "core/device.h"
#include "machine/pc.h"
#include "tests/fuzz/input.h"

enum { FUZZ_RAM_MIB = 4 };
#define FUZZ_RAM (FUZZ_RAM_MIB * MIB)

typedef struct FuzzBoard {
    Config *config;
    Pc *pc;
    Board *board;
    Clock *clock; /* the board's */
    Cpu *running; /* the CPU that this thread runs now */
    bool reset_wanted;
} FuzzBoard;

/* `options` as on the command line, beside what every such board has. */
FuzzBoard *fuzz_board_new(const char *options);
void fuzz_board_free(FuzzBoard *b);

/* As a machine resets itself: devices, then CPUs. */
void fuzz_board_reset(FuzzBoard *b);

/* Runs the CPUs in turns until each that can has retired `insns` instructions, timers on time.
 * False: none of them has anything to do, now or later. */
bool fuzz_board_run(FuzzBoard *b, unsigned insns);

/* Lets time pass without the CPUs. */
void fuzz_board_wait(FuzzBoard *b, Ns by);

/* Aborts if a CPU's caches contradict memory. */
void fuzz_board_check(FuzzBoard *b);

/* BARs at FUZZ_BAR(n), decoding, bus mastering: what firmware would have done. */
void fuzz_board_enable_pci(FuzzBoard *b);
#define FUZZ_BARS_MEMORY 0xe0000000u
#define FUZZ_BARS_PORTS  0xc000u

#endif
