/* pc.h - the board `pc`: what a machine with an i440FX and a PIIX3 is made of. */
#ifndef MYNA_MACHINE_PC_H
#define MYNA_MACHINE_PC_H

#include "core/block.h"
#include "core/board.h"
#include "core/chardev.h"
#include "core/pci.h"
#include "cpu/cpu.h"
#include "machine/config.h"

typedef struct Pc Pc;

/* Who runs the machine, and how it hears of things. All with the machine lock held, but for the
 * CPUs' two. */
typedef struct PcHooks {
    void (*request)(void *opaque, BoardRequest what, int value);
    Ns (*wall_clock)(void *opaque);
    void (*triple_fault)(void *opaque, Cpu *cpu);
    void (*woken)(void *opaque, Cpu *cpu);
    Cpu *(*current)(void *opaque); /* that this thread runs; NULL: it runs none */
    void (*quit)(void *opaque);    /* a key of the terminal */
    void *opaque;
} PcHooks;

/* Opens every image, character device and firmware file of the config and wires the board. Takes
 * the clock, also when it fails. */
Pc *pc_new(const Config *config, Clock *clock, const PcHooks *hooks,
           GError **err) G_GNUC_WARN_UNUSED_RESULT;
void pc_free(Pc *pc);

/* Power-on state everywhere but in the CPUs. */
void pc_reset(Pc *pc);

void pc_press_power_button(Pc *pc);

Board *pc_board(Pc *pc);
Cpu **pc_cpus(Pc *pc); /* config->cpus of them */
/* The CPUs go on with this engine. They are parked, or the machine does not run yet. */
bool pc_set_engine(Pc *pc, Accel accel, GError **err) G_GNUC_WARN_UNUSED_RESULT;

const MemRegion *pc_ram(Pc *pc);
PciBus *pc_pci(Pc *pc);
GPtrArray *pc_drives(Pc *pc);   /* of Block */
GPtrArray *pc_chardevs(Pc *pc); /* of Chardev */
GPtrArray *pc_monitors(Pc *pc); /* of Chardev: where monitors are wanted */

#endif
