/* perf.c - tells Linux's perf what generated code is.
 *
 * The map is lines "START SIZE NAME", in hexadecimal; what was written last about an address holds.
 * The dump is [PERF] "JIT dump": records with time stamps, so that code that has been overwritten
 * keeps its name, and with the code's bytes. perf finds the dump by the executable mapping of its
 * first page. */
#include "dbt/perf.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "core/error.h"

struct PerfFiles {
    FILE *map, *dump; /* NULL: not wanted */
    void *marker;     /* the dump's first page */
    uint64_t code_index;
    GMutex lock;
};

/* [PERF] "Jitdump file header format" and "Jitdump record header". */
typedef struct DumpHeader {
    uint32_t magic, version, total_size, elf_mach, pad, pid;
    uint64_t timestamp, flags;
} DumpHeader;

enum { DUMP_MAGIC = 0x4a695444, DUMP_VERSION = 1, CODE_LOAD = 0, CODE_CLOSE = 3 };

typedef struct DumpRecord {
    uint32_t id, total_size;
    uint64_t timestamp;
} DumpRecord;

typedef struct DumpLoad {
    DumpRecord record;
    uint32_t pid, tid;
    uint64_t vma, code_addr, code_size, code_index;
    /* name with its zero, code */
} DumpLoad;

static_assert(sizeof(DumpHeader) == 40 && sizeof(DumpLoad) == 56, "as perf reads them");

/* The clock of `perf record -k mono`. */
static uint64_t timestamp(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_SEC + now.tv_nsec;
}

static FILE *create(const char *path, GError **err)
{
    FILE *file = fopen(path, "w+");
    if (!file)
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_FILE, "%s: %s", path, g_strerror(errno));
    return file;
}

static bool begin_dump(PerfFiles *p, const char *path, GError **err)
{
    p->dump = create(path, err);
    if (!p->dump)
        return false;
    const DumpHeader header = {.magic = DUMP_MAGIC,
                               .version = DUMP_VERSION,
                               .total_size = sizeof(header),
                               .elf_mach = EM_X86_64,
                               .pid = getpid(),
                               .timestamp = timestamp()};
    fwrite(&header, sizeof(header), 1, p->dump);
    fflush(p->dump);
    void *marker = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fileno(p->dump), 0);
    if (marker != MAP_FAILED) {
        p->marker = marker;
        return true;
    }
    g_set_error(err, MYNA_ERROR, MYNA_ERROR_HOST, "%s: cannot be mapped executable: %s", path,
                g_strerror(errno));
    return false;
}

PerfFiles *perf_files_new(const char *map_path, const char *dump_path, GError **err)
{
    PerfFiles *p = g_new0(PerfFiles, 1);
    g_mutex_init(&p->lock);
    if ((map_path && !(p->map = create(map_path, err))) ||
        (dump_path && !begin_dump(p, dump_path, err)))
        g_clear_pointer(&p, perf_files_free);
    return p;
}

void perf_files_free(PerfFiles *p)
{
    if (!p)
        return;
    if (p->map)
        fclose(p->map);
    if (p->dump) {
        const DumpRecord close_record = {CODE_CLOSE, sizeof(close_record), timestamp()};
        fwrite(&close_record, sizeof(close_record), 1, p->dump);
        fclose(p->dump);
    }
    if (p->marker)
        munmap(p->marker, PAGE_SIZE);
    g_mutex_clear(&p->lock);
    g_free(p);
}

static void add_to_dump(PerfFiles *p, const char *name, const void *code, size_t size)
{
    size_t name_size = strlen(name) + 1;
    const DumpLoad load = {
        .record = {CODE_LOAD, sizeof(load) + name_size + size, timestamp()},
        .pid = getpid(),
        .tid = gettid(),
        .vma = (uintptr_t)code,
        .code_addr = (uintptr_t)code,
        .code_size = size,
        .code_index = p->code_index++,
    };
    fwrite(&load, sizeof(load), 1, p->dump);
    fwrite(name, name_size, 1, p->dump);
    fwrite(code, size, 1, p->dump);
}

void perf_files_add(PerfFiles *p, const char *name, const void *code, size_t size)
{
    g_mutex_lock(&p->lock);
    if (p->map)
        fprintf(p->map, "%" PRIxPTR " %zx %s\n", (uintptr_t)code, size, name);
    if (p->dump)
        add_to_dump(p, name, code, size);
    g_mutex_unlock(&p->lock);
}
