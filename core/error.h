/* error.h - the error domain for faults of the host or the user. */
#ifndef MYNA_CORE_ERROR_H
#define MYNA_CORE_ERROR_H

#include <glib.h>

#define MYNA_ERROR (myna_error_quark())
GQuark myna_error_quark(void);

/* Codes, for tests that care which; messages are what people see. */
typedef enum MynaError {
    MYNA_ERROR_USAGE, /* the user asked for something malformed or unknown */
    MYNA_ERROR_FILE,  /* a file is missing, unreadable, or its content is wrong */
    MYNA_ERROR_HOST,  /* the host refused: memory, sockets, threads */
    MYNA_ERROR_STATE, /* saved state does not fit */
} MynaError;

#endif
