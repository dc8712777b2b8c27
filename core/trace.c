/* trace.c - which trace events are on. */
#include "core/trace.h"

uint8_t trace_on[TRACE_EVENT_COUNT + 1];

static const char *const names[] = {
#define TRACE(name, parameters, ...) #name,
#include "trace_events.def"
#undef TRACE
    NULL,
};

bool trace_enable(const char *pattern)
{
    bool found = false;

    for (unsigned i = 0; i < TRACE_EVENT_COUNT; i++) {
        if (g_pattern_match_simple(pattern, names[i])) {
            trace_on[i] = 1;
            found = true;
        }
    }
    return found;
}

void trace_list(GString *out)
{
    for (unsigned i = 0; i < TRACE_EVENT_COUNT; i++)
        g_string_append_printf(out, "%s\n", names[i]);
}
