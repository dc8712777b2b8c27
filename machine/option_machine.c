/* option_machine.c - the options that say what the machine is made of. */
#include <stdio.h>

#include "core/error.h"
#include "cpu/model.h"
#include "dbt/dbt.h"
#include "machine/keyvalue.h"
#include "machine/option_priv.h"

static const char *const board_names[] = {"pc", "i440fx", NULL};
static const char *const accel_names[] = {"jit", "interp", "tcg", NULL};

static OptionResult print(GString *text)
{
    fputs(text->str, stdout);
    return OPTION_DONE;
}

/* "no accelerator "kvm"; there are: interp" */
static bool check_name(const char *kind, const char *name, const char *const *names, GError **err)
{
    if (g_strv_contains(names, name))
        return true;
    g_autofree char *all = g_strjoinv(", ", (char **)names);
    g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE, "there is no %s \"%s\", only: %s", kind, name,
                all);
    return false;
}

OptionResult option_accel(Config *c, const char *option, const char *argument, GError **err)
{
    if (g_str_equal(argument, "help")) {
        puts("jit     translate guest code to host code (also called tcg)\n"
             "interp  decode and interpret every instruction\n"
             "with: thread=best|single|multi, tb-size=MiB of code, optimize=hot|none|all blocks");
        return OPTION_DONE;
    }
    enum { MAX_CACHE_MIB = 1024 };
    static const char *const threads[] = {
        [THREAD_BEST] = "best", [THREAD_SINGLE] = "single", [THREAD_MULTI] = "multi", NULL};
    static const char *const optimize[] = {
        [OPTIMIZE_HOT] = "hot", [OPTIMIZE_NONE] = "none", [OPTIMIZE_ALL] = "all", NULL};
    typedef struct AccelKeys {
        char *name;
        unsigned thread, cache_mib, optimize;
    } AccelKeys;
    AccelKeys a = {NULL, c->thread, c->code_cache_mib, c->optimize};
    static const KeyRow keys[] = {
        {"accel", KEY_STRING, offsetof(AccelKeys, name)},
        {"thread", KEY_CHOICE, offsetof(AccelKeys, thread), .choices = threads},
        {"optimize", KEY_CHOICE, offsetof(AccelKeys, optimize), .choices = optimize},
        {"tb-size", KEY_UINT, offsetof(AccelKeys, cache_mib), 1, MAX_CACHE_MIB},
        {NULL},
    };
    bool ok = keyvalue_parse("-accel", argument, "accel", keys, &a, err) &&
              (!a.name || check_name("accelerator", a.name, accel_names, err));
    if (ok && a.name)
        c->accel = g_str_equal(a.name, "interp") ? ACCEL_INTERP : ACCEL_JIT;
    c->code_cache_mib = a.cache_mib;
    c->thread = a.thread;
    c->optimize = a.optimize;
    g_free(a.name);
    return ok ? OPTION_RUN : OPTION_ERROR;
}

OptionResult option_check(Config *c, const char *option, const char *argument, GError **err)
{
    static const char lockstep[] = "lockstep";
    guint64 one_in = 1;
    const char *rest = argument + strlen(lockstep);
    bool ok = g_str_has_prefix(argument, lockstep);
    if (ok && *rest)
        ok = *rest == '=' && g_ascii_string_to_unsigned(rest + 1, 10, 1, G_MAXINT, &one_in, NULL);
    if (!ok) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE,
                    "-check: \"%s\" should be lockstep or lockstep=N, N at least 1", argument);
        return OPTION_ERROR;
    }
    c->lockstep = one_in;
    return OPTION_RUN;
}

OptionResult option_machine(Config *c, const char *option, const char *argument, GError **err)
{
    typedef struct MachineKeys {
        char *type, *accel;
        bool hpet, smm;
    } MachineKeys;
    MachineKeys m = {NULL, NULL, c->hpet, c->smm};
    static const KeyRow keys[] = {
        {"type", KEY_STRING, offsetof(MachineKeys, type)},
        {"accel", KEY_STRING, offsetof(MachineKeys, accel)},
        {"hpet", KEY_BOOL, offsetof(MachineKeys, hpet)},
        {"smm", KEY_BOOL, offsetof(MachineKeys, smm)},
        {"usb", KEY_IGNORED},
        {"vmport", KEY_IGNORED},
        {"graphics", KEY_IGNORED},
        {"dump-guest-core", KEY_IGNORED},
        {"mem-merge", KEY_IGNORED},
        {NULL},
    };
    if (g_str_equal(argument, "help")) {
        puts("pc  Standard PC (i440FX + PIIX3) (default)");
        return OPTION_DONE;
    }
    bool ok = keyvalue_parse("-machine", argument, "type", keys, &m, err) &&
              (!m.type || check_name("machine", m.type, board_names, err)) &&
              (!m.accel || option_accel(c, "accel", m.accel, err) == OPTION_RUN);
    c->hpet = m.hpet;
    c->smm = m.smm;
    g_free(m.type);
    g_free(m.accel);
    return ok ? OPTION_RUN : OPTION_ERROR;
}

OptionResult option_cpu(Config *c, const char *option, const char *argument, GError **err)
{
    if (g_str_equal(argument, "help") || g_str_equal(argument, "?")) {
        g_autoptr(GString) out = g_string_new(NULL);
        cpu_model_help(out);
        return print(out);
    }
    FeatureSet features;
    if (!cpu_model_parse(argument, &features, err))
        return OPTION_ERROR;
    g_free(c->cpu);
    c->cpu = g_strdup(argument);
    return OPTION_RUN;
}

OptionResult option_smp(Config *c, const char *option, const char *argument, GError **err)
{
    static const KeyRow keys[] = {
        {"cpus", KEY_UINT, offsetof(Config, cpus), 1, MAX_CPUS},
        {"maxcpus", KEY_UINT, offsetof(Config, max_cpus), 1, MAX_CPUS},
        {"sockets", KEY_UINT, offsetof(Config, sockets), 1, MAX_CPUS},
        {"cores", KEY_UINT, offsetof(Config, cores), 1, MAX_CPUS},
        {"threads", KEY_UINT, offsetof(Config, threads), 1, MAX_CPUS},
        {NULL},
    };
    return keyvalue_parse("-smp", argument, "cpus", keys, c, err) ? OPTION_RUN : OPTION_ERROR;
}

OptionResult option_memory(Config *c, const char *option, const char *argument, GError **err)
{
    static const KeyRow keys[] = {
        {"size", KEY_SIZE, offsetof(Config, ram_bytes), MIB},
        {NULL},
    };
    if (!keyvalue_parse("-m", argument, "size", keys, c, err))
        return OPTION_ERROR;
    if (c->ram_bytes >= MIB && c->ram_bytes % PAGE_SIZE == 0)
        return OPTION_RUN;
    g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE,
                "-m: \"%s\" should be at least 1 MiB, in whole pages", argument);
    return OPTION_ERROR;
}

OptionResult option_vga(Config *c, const char *option, const char *argument, GError **err)
{
    static const char *const kinds[] = {[VGA_STD] = "std", [VGA_NONE] = "none", NULL};
    if (!check_name("display adapter", argument, kinds, err))
        return OPTION_ERROR;
    c->vga = g_str_equal(argument, "std") ? VGA_STD : VGA_NONE;
    return OPTION_RUN;
}

/* "2026-01-31" or "2026-01-31T12:30:00", in UTC. */
static bool parse_date(const char *text, int64_t *seconds)
{
    g_autofree char *full = strchr(text, 'T') ? g_strdup(text)
                                              : g_strdup_printf("%sT00:00:00", text);
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    g_autoptr(GDateTime) date = g_date_time_new_from_iso8601(full, utc);
    if (date)
        *seconds = g_date_time_to_unix(date);
    return date != NULL;
}

OptionResult option_rtc(Config *c, const char *option, const char *argument, GError **err)
{
    static const char *const clocks[] = {
        [RTC_CLOCK_HOST] = "host", [RTC_CLOCK_VM] = "vm", "rt", NULL};
    typedef struct RtcKeys {
        char *base;
        unsigned clock;
    } RtcKeys;
    RtcKeys rtc = {NULL, c->rtc_clock};
    static const KeyRow keys[] = {
        {"base", KEY_STRING, offsetof(RtcKeys, base)},
        {"clock", KEY_CHOICE, offsetof(RtcKeys, clock), .choices = clocks},
        {"driftfix", KEY_IGNORED},
        {NULL},
    };
    bool ok = keyvalue_parse("-rtc", argument, NULL, keys, &rtc, err);
    g_autofree char *base = rtc.base;
    c->rtc_clock = rtc.clock == RTC_CLOCK_VM ? RTC_CLOCK_VM : RTC_CLOCK_HOST;
    if (!ok)
        return OPTION_ERROR;
    if (!base)
        return OPTION_RUN;
    if (g_str_equal(base, "utc")) {
        c->rtc_base = RTC_UTC;
    } else if (g_str_equal(base, "localtime")) {
        c->rtc_base = RTC_LOCALTIME;
    } else if (parse_date(base, &c->rtc_date)) {
        c->rtc_base = RTC_DATE;
    } else {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE,
                    "-rtc: \"base=%s\" should be utc, localtime, or a date such as "
                    "2026-01-31T12:30:00",
                    base);
        return OPTION_ERROR;
    }
    return OPTION_RUN;
}

/* A positive decimal number of milliseconds. */
static bool parse_ms(const char *text, Ns *time)
{
    static const double longest = 1e12;
    char *end;
    double ms = g_ascii_strtod(text, &end);
    if (!g_ascii_isdigit(*text) || *end || !(ms > 0 && ms <= longest))
        return false;
    *time = (Ns)(ms * NS_PER_MS + 0.5);
    return true;
}

OptionResult option_icount(Config *c, const char *option, const char *argument, GError **err)
{
    enum { SHIFT_AUTO = 3, SHIFT_MAX = 10 }; /* 8 ns an instruction: about what the host does */
    typedef struct CountKeys {
        char *shift;
        bool sleep;
        char *stop;
    } CountKeys;
    CountKeys count = {NULL, c->icount_sleep, NULL};
    static const KeyRow keys[] = {
        {"shift", KEY_STRING, offsetof(CountKeys, shift)},
        {"sleep", KEY_BOOL, offsetof(CountKeys, sleep)},
        {"stop", KEY_STRING, offsetof(CountKeys, stop)},
        {"align", KEY_IGNORED},
        {NULL},
    };
    bool ok = keyvalue_parse("-icount", argument, "shift", keys, &count, err);
    g_autofree char *shift = count.shift, *stop = count.stop;
    if (!ok)
        return OPTION_ERROR;
    if (stop && !parse_ms(stop, &c->icount_stop)) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE,
                    "-icount: \"stop=%s\" should be milliseconds, such as 1500 or 0.25", stop);
        return OPTION_ERROR;
    }
    uint64_t n = SHIFT_AUTO;
    bool right = !shift || g_str_equal(shift, "auto") ||
                 (keyvalue_uint(shift, &n) && n <= SHIFT_MAX);
    if (!right) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE,
                    "-icount: \"shift=%s\" should be auto or a number from 0 to %d", shift,
                    SHIFT_MAX);
        return OPTION_ERROR;
    }
    c->counted = true;
    c->icount_shift = n;
    c->icount_sleep = count.sleep;
    return OPTION_RUN;
}

OptionResult option_name(Config *c, const char *option, const char *argument, GError **err)
{
    static const KeyRow keys[] = {
        {"guest", KEY_STRING, offsetof(Config, name)},
        {"process", KEY_IGNORED},
        {"debug-threads", KEY_IGNORED},
        {NULL},
    };
    return keyvalue_parse("-name", argument, "guest", keys, c, err) ? OPTION_RUN : OPTION_ERROR;
}

OptionResult option_uuid(Config *c, const char *option, const char *argument, GError **err)
{
    if (!g_uuid_string_is_valid(argument)) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE,
                    "-uuid: \"%s\" should look like 12345678-9abc-def0-1234-56789abcdef0",
                    argument);
        return OPTION_ERROR;
    }
    g_free(c->uuid);
    c->uuid = g_strdup(argument);
    return OPTION_RUN;
}

OptionResult option_nodefaults(Config *c, const char *option, const char *argument, GError **err)
{
    c->defaults = false;
    return OPTION_RUN;
}

OptionResult option_ignore(Config *c, const char *option, const char *argument, GError **err)
{
    return OPTION_RUN;
}

OptionResult option_no_network(Config *c, const char *option, const char *argument, GError **err)
{
    static const char *const kinds[] = {"none", NULL};
    return check_name("network back end", argument, kinds, err) ? OPTION_RUN : OPTION_ERROR;
}
