/* option_priv.h - the functions that options.def names. Each reads one option's argument. */
#ifndef MYNA_MACHINE_OPTION_PRIV_H
#define MYNA_MACHINE_OPTION_PRIV_H

#include "machine/option.h"

/* `option` is the name without the dash; argument is NULL for options without one. */
typedef OptionResult OptionFn(Config *config, const char *option, const char *argument,
                              GError **err);

#define SECTION(title)
#define OPTION(name, argument, fn, help) OptionFn option_##fn;
#include "machine/options.def"
#undef OPTION
#undef SECTION

/* -device, for a drive. */
OptionResult option_drive_device(Config *config, const DriveDriver *driver, const char *argument,
                                 GError **err);

#endif
