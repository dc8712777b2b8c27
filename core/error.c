/* error.c - the error domain. */
#include "core/error.h"

G_DEFINE_QUARK(myna - error - quark, myna_error)
