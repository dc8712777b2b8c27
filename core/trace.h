/* trace.h - trace events: what a device or engine did, shown with `-d trace:PATTERN`.
 *
 * An event is one row in a *.trace.def file, anywhere in the tree:
 *
 *     TRACE( name, (parameters), "format", arguments )
 *
 * which makes a function `trace_name(parameters)`. The build collects the files; there is nothing
 * else to register. Parameters are plain C types, as the rows of all folders meet here. An event
 * that is off costs one predicted branch. PATTERN is a glob over event names ("i8254_*"). */
#ifndef MYNA_CORE_TRACE_H
#define MYNA_CORE_TRACE_H

#include "core/log.h"

typedef enum TraceEvent {
#define TRACE(name, parameters, ...) TRACE_##name,
#include "trace_events.def"
#undef TRACE
    TRACE_EVENT_COUNT,
} TraceEvent;

extern uint8_t trace_on[]; /* indexed by TraceEvent */

#define TRACE(name, parameters, format, ...)              \
    static inline void trace_##name parameters            \
    {                                                     \
        if (UNLIKELY(trace_on[TRACE_##name]))             \
            log_printf(#name ": " format, ##__VA_ARGS__); \
    }
#include "trace_events.def"
#undef TRACE

/* Turns on the events whose name matches; false if none does. */
bool trace_enable(const char *pattern) G_GNUC_WARN_UNUSED_RESULT;

/* Prints the names of all events, one a line. */
void trace_list(GString *out);

#endif
