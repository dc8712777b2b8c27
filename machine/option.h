/* option.h - the command line: one row of options.def an option, read into a Config. */
#ifndef MYNA_MACHINE_OPTION_H
#define MYNA_MACHINE_OPTION_H

#include "machine/config.h"

typedef enum OptionResult {
    OPTION_RUN,   /* the config describes a machine to run */
    OPTION_DONE,  /* help or a version was printed on stdout: exit with status 0 */
    OPTION_ERROR, /* err says what is wrong: exit with status 1 */
} OptionResult;

/* Reads argv[1..]. -d and -D take effect at once; nothing else is opened. */
OptionResult option_parse(Config *config, int argc, char *const *argv, GError **err);

/* What -help prints. */
void option_usage(GString *out);

/* The options as rows of a manual page (roff). */
void option_manual(GString *out);

#endif
