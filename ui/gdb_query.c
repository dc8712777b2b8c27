/* gdb_query.c - general queries and settings of gdb's protocol. [GDB] "General Query Packets". */
#include <inttypes.h>

#include "ui/gdb_priv.h"

/* --- about the protocol ----------------------------------------------------------------------- */

static void supported(GdbServer *s, GdbText args)
{
    g_auto(GStrv) features = g_strsplit_set(args.at, ":;", -1);
    s->swbreak = g_strv_contains((const char *const *)features, "swbreak+");
    s->hwbreak = g_strv_contains((const char *const *)features, "hwbreak+");
    gdb_reply(s,
              "PacketSize=%x;vContSupported+;qXfer:features:read+;QStartNoAckMode+;swbreak+;"
              "hwbreak+",
              GDB_PACKET_MAX);
}

static void stop_acks(GdbServer *s, GdbText args)
{
    gdb_reply(s, "OK");
    gdb_link_stop_acks(s->link);
}

static void attached(GdbServer *s, GdbText args)
{
    gdb_reply(s, "1"); /* to what ran before: gdb detaches when it ends */
}

/* "target.xml:OFFSET,LENGTH". Asking for its beginning makes a description of the CPU as it is. */
static void read_features(GdbServer *s, GdbText args)
{
    uint64_t offset, length;
    if (!gdb_take_word(&args, "target.xml:") || !gdb_take_hex(&args, &offset) ||
        !gdb_take(&args, ',') || !gdb_take_hex(&args, &length)) {
        gdb_reply_error(s, GDB_INVALID);
        return;
    }
    if (offset == 0 || !s->description) {
        s->arch = gdb_arch_of(s->cpu);
        s->told = 0;
        g_free(s->description);
        s->description = gdb_description(s->arch);
    }
    size_t size = strlen(s->description);
    offset = MIN(offset, size);
    length = MIN(length, GDB_PACKET_MAX / 2);
    bool last = length >= size - offset;
    gdb_reply(s, "%c%.*s", last ? 'l' : 'm', (int)MIN(length, size - offset),
              s->description + offset);
}

/* --- threads ---------------------------------------------------------------------------------- */

static void all_threads(GdbServer *s, GdbText args)
{
    g_autoptr(GString) out = g_string_new(NULL);
    for (unsigned i = 0; i < vm_cpu_count(s->vm); i++)
        g_string_append_printf(out, "%c%x", i ? ',' : 'm', i + 1);
    gdb_reply(s, "%s", out->str);
}

static void no_more_threads(GdbServer *s, GdbText args)
{
    gdb_reply(s, "l");
}

static void current_thread(GdbServer *s, GdbText args)
{
    gdb_reply(s, "QC%x", s->cpu->index + 1);
}

static void thread_info(GdbServer *s, GdbText args)
{
    static const char *const activities[] = {[CPU_RUNNING] = "running",
                                             [CPU_HALTED] = "halted",
                                             [CPU_WAIT_SIPI] = "waiting for SIPI",
                                             [CPU_SHUTDOWN] = "shut down"};
    Cpu *cpu;
    if (!gdb_take_thread(s, &args, &cpu) || !cpu) {
        gdb_reply_error(s, GDB_INVALID);
        return;
    }
    g_autofree char *text = g_strdup_printf("CPU#%u [%s]", cpu->index, activities[cpu->activity]);
    g_autoptr(GString) out = g_string_new(NULL);
    gdb_append_hex(out, text, strlen(text));
    gdb_reply(s, "%s", out->str);
}

/* --- the monitor ------------------------------------------------------------------------------ */

static void run_monitor(GdbServer *s, GdbText args)
{
    g_autoptr(GByteArray) line = g_byte_array_new();
    if (!gdb_take_bytes(&args, line)) {
        gdb_reply_error(s, GDB_INVALID);
        return;
    }
    g_byte_array_append(line, (const uint8_t *)"", 1);
    g_autoptr(GString) out = g_string_new(NULL);
    monitor_run(s->monitor, (const char *)line->data, out);
    gdb_print(s, out->str, out->len);
    gdb_reply(s, "OK");
}

/* --- QEMU's own ------------------------------------------------------------------------------- */

static void qemu_supported(GdbServer *s, GdbText args)
{
    gdb_reply(s, "sstepbits;sstep;PhyMemMode");
}

static void step_bits(GdbServer *s, GdbText args)
{
    gdb_reply(s, "ENABLE=%x,NOIRQ=%x", STEP_ENABLE, STEP_NOIRQ);
}

static void get_step(GdbServer *s, GdbText args)
{
    gdb_reply(s, "0x%x", s->step_flags);
}

static void set_step(GdbServer *s, GdbText args)
{
    uint64_t flags;
    gdb_take_word(&args, "0x");
    if (gdb_take_hex(&args, &flags) && !(flags & ~(uint64_t)(STEP_ENABLE | STEP_NOIRQ))) {
        s->step_flags = flags;
        gdb_reply(s, "OK");
    } else {
        gdb_reply_error(s, GDB_INVALID);
    }
}

static void get_physical(GdbServer *s, GdbText args)
{
    gdb_reply(s, "%d", s->physical);
}

static void set_physical(GdbServer *s, GdbText args)
{
    uint64_t on;
    if (gdb_take_hex(&args, &on)) {
        s->physical = on != 0;
        gdb_reply(s, "OK");
    } else {
        gdb_reply_error(s, GDB_INVALID);
    }
}

/* --- the tables ------------------------------------------------------------------------------- */

typedef struct Query {
    const char *name; /* begins the packet after its q or Q; the first that fits counts */
    void (*fn)(GdbServer *s, GdbText args);
} Query;

static void obey(GdbServer *s, const Query *queries, size_t count, GdbText args)
{
    for (size_t i = 0; i < count; i++) {
        if (gdb_take_word(&args, queries[i].name)) {
            queries[i].fn(s, args);
            return;
        }
    }
    gdb_reply(s, "%s", "");
}

void gdb_query(GdbServer *s, GdbText args)
{
    static const Query queries[] = {
        {"Supported", supported},
        {"Attached", attached},
        {"Xfer:features:read:", read_features},
        {"fThreadInfo", all_threads},
        {"sThreadInfo", no_more_threads},
        {"ThreadExtraInfo,", thread_info},
        {"C", current_thread},
        {"Rcmd,", run_monitor},
        {"qemu.Supported", qemu_supported},
        {"qemu.sstepbits", step_bits},
        {"qemu.sstep", get_step},
        {"qemu.PhyMemMode", get_physical},
    };
    obey(s, queries, G_N_ELEMENTS(queries), args);
}

void gdb_set(GdbServer *s, GdbText args)
{
    static const Query settings[] = {
        {"StartNoAckMode", stop_acks},
        {"qemu.sstep=", set_step},
        {"qemu.PhyMemMode:", set_physical},
    };
    obey(s, settings, G_N_ELEMENTS(settings), args);
}
