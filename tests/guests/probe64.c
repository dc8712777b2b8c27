/* probe64.c - probe.c in 64-bit mode. */
#include "probe.c"
