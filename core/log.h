/* log.h - what the user asked to see with -d, and the words for guest misbehaviour.
 *
 * The log is the process's, as stderr is: the one thing two machines in one process share. */
#ifndef MYNA_CORE_LOG_H
#define MYNA_CORE_LOG_H

#include "core/types.h"

/* -d items: constant, name, help. */
#define LOG_ITEMS(X)                                                                         \
    X(GUEST_ERRORS, "guest_errors", "guest programs things hardware would ignore or refuse") \
    X(UNIMP, "unimp", "guest uses something that is not implemented")                        \
    X(INT, "int", "interrupts and exceptions, with the state at delivery")                   \
    X(IN_ASM, "in_asm", "guest code of each block when it is decoded")                       \
    X(EXEC, "exec", "each block when it is entered")                                         \
    X(CPU, "cpu", "registers before each block")                                             \
    X(MMU, "mmu", "page walks and faults")                                                   \
    X(PCALL, "pcall", "protected mode far calls, returns and task switches")                 \
    X(RESET, "cpu_reset", "registers at each CPU reset")                                     \
    X(IR, "ir", "the translator's intermediate code")                                        \
    X(OUT_ASM, "out_asm", "host code of each block")                                         \
    X(META, "meta", "where each block can be left: handovers and exits")

typedef enum LogItem {
#define X(id, name, help) LOG_##id,
    LOG_ITEMS(X)
#undef X
        LOG_ITEM_COUNT,
} LogItem;

extern unsigned log_mask; /* bit n = LogItem n is on */

static inline bool log_on(LogItem item)
{
    return UNLIKELY(log_mask & (1u << item));
}

/* Turns on the comma separated items ("int,guest_errors"); "help" in the list prints the items on
 * stdout and fails with err unset. */
bool log_set_items(const char *list, GError **err) G_GNUC_WARN_UNUSED_RESULT;

/* Items about guest code speak of these addresses only: "START+SIZE,START-SIZE,START..END". */
bool log_set_filter(const char *ranges, GError **err) G_GNUC_WARN_UNUSED_RESULT;
bool log_in_filter(uint64_t address);

/* Sends the log to a file instead of stderr. */
bool log_set_file(const char *path, GError **err) G_GNUC_WARN_UNUSED_RESULT;

/* Prints unconditionally to the log; callers test log_on first. */
void log_printf(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* Runs `log_printf` when the item is on. */
#define LOG(item, ...)               \
    do {                             \
        if (log_on(item))            \
            log_printf(__VA_ARGS__); \
    } while (0)

/* The guest did what hardware would ignore or refuse. One line, with the device's name first. */
#define guest_error(...) LOG(LOG_GUEST_ERRORS, __VA_ARGS__)

/* The guest uses something we know of and do not do; it is listed in docs/known-gaps.md. */
#define unimp(...) LOG(LOG_UNIMP, __VA_ARGS__)

#endif
