/* perf.h - tells Linux's perf what generated code is: /tmp/perf-PID.map and jit-PID.dump. */
#ifndef MYNA_DBT_PERF_H
#define MYNA_DBT_PERF_H

#include "core/types.h"

typedef struct PerfFiles PerfFiles;

/* Makes the files; a NULL path: that one is not wanted. All CPUs share them. */
PerfFiles *perf_files_new(const char *map_path, const char *dump_path,
                          GError **err) G_GNUC_WARN_UNUSED_RESULT;
void perf_files_free(PerfFiles *p);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PerfFiles, perf_files_free)

/* From now on [code, code+size) is this. Any thread. */
void perf_files_add(PerfFiles *p, const char *name, const void *code, size_t size);

#endif
