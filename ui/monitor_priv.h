/* monitor_priv.h - what commands are written with. */
#ifndef MYNA_UI_MONITOR_PRIV_H
#define MYNA_UI_MONITOR_PRIV_H

#include "ui/monitor.h"

enum { MONITOR_WORDS = 8 };

/* A command's arguments, as its row says: words in order, numbers evaluated. */
typedef struct MonitorArgs {
    char *word[MONITOR_WORDS]; /* NULL: left out */
    uint64_t number[MONITOR_WORDS];
    const char *format; /* what follows the slash; "" if nothing */
} MonitorArgs;

typedef void MonitorFn(Monitor *m, const MonitorArgs *args, GString *out);

#define COMMAND(name, other, args, fn, help) MonitorFn monitor_##fn;
#include "ui/commands.def"
#undef COMMAND
#define SUBJECT(name, args, fn, help) MonitorFn monitor_info_##fn;
#include "ui/subjects.def"
#undef SUBJECT

Vm *monitor_vm(Monitor *m);
GdbServer *monitor_gdb(Monitor *m);
Cpu *monitor_cpu_chosen(Monitor *m);
bool monitor_choose_cpu(Monitor *m, unsigned index); /* false: no such CPU */

/* expression.c: numbers, $registers, + - * / & | and parentheses. The message is one line. */
bool expression_value(const char *text, const Cpu *cpu, uint64_t *value,
                      GError **err) G_GNUC_WARN_UNUSED_RESULT;

/* monitor_registers.c */
void registers_print(Cpu *cpu, GString *out);
/* The register of this name ("rax", "eip", "cr3"); false if there is none. */
bool register_value(const Cpu *cpu, const char *name, uint64_t *value) G_GNUC_WARN_UNUSED_RESULT;

/* screendump.c: PNG, or PPM when the name says so. */
bool screendump_write(Board *board, const char *path, GError **err) G_GNUC_WARN_UNUSED_RESULT;

#endif
