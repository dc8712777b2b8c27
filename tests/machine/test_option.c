/* The command line: what options make of a Config. Messages of mistakes are tested on the program.
 */
#include <glib/gstdio.h>
#include <unistd.h>

#include "core/error.h"
#include "dbt/dbt.h"
#include "machine/keyvalue.h"
#include "machine/option.h"

/* A command line in one string, words cut at spaces. */
static Config *parse(const char *line, OptionResult expected)
{
    Config *config = config_new();
    g_autofree char *whole = g_strconcat("myna ", line, NULL);
    g_auto(GStrv) argv = g_strsplit(whole, " ", -1);
    int argc = g_strv_length(argv);
    if (!*line)
        argc = 1;
    g_autoptr(GError) err = NULL;
    g_assert_cmpint(option_parse(config, argc, argv, &err), ==, expected);
    g_assert_cmpint(err != NULL, ==, expected == OPTION_ERROR);
    return config;
}

static const DriveConfig *drive(const Config *c, unsigned n)
{
    g_assert_cmpuint(n, <, c->drives->len);
    return c->drives->pdata[n];
}

static void defaults(void)
{
    g_autoptr(Config) c = parse("", OPTION_RUN);
    g_assert_cmpuint(c->ram_bytes, ==, 128 * MIB);
    g_assert_cmpuint(c->cpus, ==, 1);
    g_assert_cmpuint(c->serials->len, ==, 1);
    g_assert_cmpstr(c->serials->pdata[0], ==, "mon:stdio");
    g_assert_cmpint(c->vga, ==, VGA_STD);
    g_assert_cmpstr(c->boot_order, ==, "cad");
}

static void nodefaults(void)
{
    g_autoptr(Config) c = parse("-nodefaults -nographic", OPTION_RUN);
    g_assert_cmpuint(c->serials->len, ==, 0);
    g_assert_cmpint(c->vga, ==, VGA_NONE);
    g_autoptr(Config) d = parse("-nodefaults -vga std", OPTION_RUN);
    g_assert_cmpint(d->vga, ==, VGA_STD);
}

static void consoles(void)
{
    static const struct {
        const char *line, *serial, *monitor;
    } cases[] = {
        {"-nographic", "mon:stdio", NULL},
        {"-nographic -monitor null", "stdio", "null"},
        {"-nographic -serial null", "null", "stdio"},
        {"-nographic -serial stdio", "stdio", NULL},
        {"-display none", "null", NULL},
        {"-display none -serial stdio", "stdio", NULL},
        {"-monitor stdio", "null", "stdio"},
        {"-debugcon stdio", "null", NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Config) c = parse(cases[i].line, OPTION_RUN);
        g_assert_cmpuint(c->serials->len, ==, 1);
        g_assert_cmpstr(c->serials->pdata[0], ==, cases[i].serial);
        g_assert_cmpstr(c->monitors->len ? c->monitors->pdata[0] : NULL, ==, cases[i].monitor);
    }
}

static void memory_and_cpus(void)
{
    g_autoptr(Config) c = parse("-m 1G -smp 4,cores=2 -cpu 486", OPTION_RUN);
    g_assert_cmpuint(c->ram_bytes, ==, GIB);
    g_assert_cmpuint(c->cpus, ==, 4);
    g_assert_cmpuint(c->sockets, ==, 2);
    g_assert_cmpuint(c->cores, ==, 2);
    g_assert_cmpuint(c->threads, ==, 1);
    g_assert_cmpstr(c->cpu, ==, "486");
    g_autoptr(Config) d = parse("--m size=1.5G -smp sockets=2,cores=2,threads=2", OPTION_RUN);
    g_assert_cmpuint(d->ram_bytes, ==, 3 * GIB / 2);
    g_assert_cmpuint(d->cpus, ==, 8);
}

static void drives(void)
{
    g_autoptr(Config) c = parse("-hda a -cdrom b -fda c -drive file=d,if=ide,readonly=on "
                                "-drive file=e,index=3,snapshot=on -drive if=none,id=z,file=f",
                                OPTION_RUN);
    g_assert_cmpuint(drive(c, 0)->index, ==, 0);
    g_assert_cmpuint(drive(c, 1)->index, ==, 2);
    g_assert_cmpint(drive(c, 1)->media, ==, MEDIA_CDROM);
    g_assert_cmpint(drive(c, 2)->interface, ==, DRIVE_FLOPPY);
    g_assert_cmpuint(drive(c, 3)->index, ==, 1); /* the first free place */
    g_assert_true(drive(c, 3)->readonly);
    g_assert_true(drive(c, 4)->snapshot);
    g_assert_cmpint(drive(c, 5)->interface, ==, DRIVE_NONE);
    g_autoptr(Config)
        d = parse("-drive file=a,media=cdrom -drive file=b,bus=1,unit=1 -snapshot", OPTION_RUN);
    g_assert_cmpuint(drive(d, 0)->index, ==, 2);
    g_assert_cmpuint(drive(d, 1)->index, ==, 3);
    g_assert_true(drive(d, 1)->snapshot);
}

static void drive_conflicts(void)
{
    static const char *const lines[] = {
        "-hda a -drive file=b,index=0",
        "-hdc a -cdrom b",
        "-fda a -drive file=b,if=floppy,index=2",
        "-hda a -hdb b -hdc c -hdd d -drive file=e",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++)
        config_free(parse(lines[i], OPTION_ERROR));
}

/* An image named alone is a CD when sector 16 begins a volume descriptor. */
static void bare_images(void)
{
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("imageXXXXXX", &path, NULL);
    g_assert_cmpint(fd, >=, 0);
    close(fd);
    g_autofree char *bytes = g_malloc0(17 * 2048);
    g_assert_true(g_file_set_contents(path, bytes, 17 * 2048, NULL));
    Config *c = parse(path, OPTION_RUN);
    g_assert_cmpint(drive(c, 0)->media, ==, MEDIA_DISK);
    g_assert_cmpuint(drive(c, 0)->index, ==, 0);
    config_free(c);
    memcpy(bytes + 16 * 2048, "\1CD001", 6);
    g_assert_true(g_file_set_contents(path, bytes, 17 * 2048, NULL));
    c = parse(path, OPTION_RUN);
    g_assert_cmpint(drive(c, 0)->media, ==, MEDIA_CDROM);
    g_assert_cmpstr(c->boot_order, ==, "d");
    config_free(c);
    g_unlink(path);
}

static void running(void)
{
    g_autoptr(Config) c = parse("-no-reboot -no-shutdown -S -name guest=n -boot dc,menu=on "
                                "-accel jit,tb-size=2,optimize=all -check lockstep=50 -rtc "
                                "base=2026-01-31T12:00:00,clock=vm -icount shift=4,sleep=off "
                                "-action reboot=reset",
                                OPTION_RUN);
    g_assert_cmpint(c->on_reboot, ==, REBOOT_RESET); /* the last word counts */
    g_assert_cmpint(c->on_shutdown, ==, SHUTDOWN_PAUSE);
    g_assert_true(c->start_paused);
    g_assert_cmpstr(c->name, ==, "n");
    g_assert_cmpstr(c->boot_order, ==, "dc");
    g_assert_true(c->boot_menu);
    g_assert_cmpint(c->rtc_date, ==, 1769860800);
    g_assert_cmpint(c->rtc_clock, ==, RTC_CLOCK_VM);
    g_assert_true(c->counted);
    g_assert_cmpuint(c->icount_shift, ==, 4);
    g_assert_cmpint(c->accel, ==, ACCEL_JIT);
    g_assert_cmpuint(c->code_cache_mib, ==, 2);
    g_assert_cmpuint(c->optimize, ==, OPTIMIZE_ALL);
    g_assert_cmpuint(c->lockstep, ==, 50);
    g_assert_false(c->icount_sleep);
}

/* CPUs have threads of their own unless instructions are counted or compared, or one thread is
 * asked for. */
static void threads(void)
{
    static const struct {
        const char *line;
        Accel accel;
        bool turns;
    } rows[] = {
        {"-smp 2", ACCEL_BEST, false},
        {"-smp 2 -accel jit,thread=multi", ACCEL_JIT, false},
        {"-smp 2 -accel interp,thread=single", ACCEL_INTERP, true},
        {"-smp 2 -icount 3", ACCEL_BEST, true},
        {"-smp 2 -check lockstep", ACCEL_BEST, true},
        {"-smp 1 -accel tcg,thread=single", ACCEL_JIT, false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Config) c = parse(rows[i].line, OPTION_RUN);
        g_assert_cmpint(c->accel, ==, rows[i].accel);
        g_assert_cmpint(c->turns, ==, rows[i].turns);
    }
    g_autoptr(Config) wrong = parse("-icount 3 -accel jit,thread=multi", OPTION_ERROR);
    g_autoptr(Config) twice = parse("-check lockstep -accel jit,thread=multi", OPTION_ERROR);
    g_autoptr(Config) unknown = parse("-accel jit,thread=some", OPTION_ERROR);
    g_autoptr(Config) amount = parse("-accel jit,optimize=much", OPTION_ERROR);
}

static void views(void)
{
    g_autoptr(Config) none = parse("", OPTION_RUN);
    g_assert_null(none->symbols);
    g_assert_false(none->perfmap || none->jitdump);
    g_autoptr(Config) c = parse(
        "-symbols a -symbols System.map -perfmap -jitdump -dfilter 0x1000+0x10", OPTION_RUN);
    g_assert_cmpstr(c->symbols, ==, "System.map");
    g_assert_true(c->perfmap && c->jitdump);
    config_free(parse("-dfilter 0x1000", OPTION_ERROR));
    config_free(parse("-symbols", OPTION_ERROR));
}

static void devices(void)
{
    g_autoptr(Config) c = parse("-device isa-debug-exit,iobase=0xf4,id=out", OPTION_RUN);
    const DeviceConfig *dev = c->devices->pdata[0];
    g_assert_cmpstr(dev->class_name, ==, "isa-debug-exit");
    g_assert_cmpstr(dev->id, ==, "out");
    g_assert_cmpuint(dev->properties->len, ==, 1);
    g_assert_cmpstr(g_array_index(dev->properties, KeyValue, 0).key, ==, "iobase");
}

static void smbios(void)
{
    g_autoptr(Config) c = parse("-smbios type=0,vendor=V,release=3.11,uefi=on "
                                "-smbios type=1,product=P,serial=S -smbios type=1,serial=T "
                                "-smbios type=11,value=one,value=a=b -smbios type=11,value=three",
                                OPTION_RUN);
    g_assert_cmpstr(c->smbios.bios_vendor, ==, "V");
    g_assert_cmpstr(c->smbios.bios_release, ==, "3.11");
    g_assert_true(c->smbios.bios_uefi);
    g_assert_cmpstr(c->smbios.system_product, ==, "P");
    g_assert_cmpstr(c->smbios.system_serial, ==, "T");
    g_assert_false(c->smbios.board);
    g_autofree char *strings = g_strjoinv("|", c->smbios.oem_strings);
    g_assert_cmpstr(strings, ==, "one|a=b|three");
    g_autoptr(Config) d = parse("-smbios type=2,asset=A", OPTION_RUN);
    g_assert_true(d->smbios.board);
}

/* Every row is in -help and in the manual. */
static void help(void)
{
    g_autoptr(GString) usage = g_string_new(NULL), manual = g_string_new(NULL);
    option_usage(usage);
    option_manual(manual);
    static const char *const names[] = {
#define SECTION(title)
#define OPTION(name, argument, fn, help) name,
#include "machine/options.def"
#undef OPTION
#undef SECTION
    };
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *in_usage = g_strdup_printf("\n  -%s ", names[i]);
        g_auto(GStrv) parts = g_strsplit(names[i], "-", -1);
        g_autofree char *escaped = g_strjoinv("\\-", parts);
        g_autofree char *in_manual = g_strdup_printf(".B \\-%s", escaped);
        g_assert_nonnull(strstr(usage->str, in_usage));
        g_assert_nonnull(strstr(manual->str, in_manual));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/option/defaults", defaults);
    g_test_add_func("/option/nodefaults", nodefaults);
    g_test_add_func("/option/consoles", consoles);
    g_test_add_func("/option/memory-and-cpus", memory_and_cpus);
    g_test_add_func("/option/drives", drives);
    g_test_add_func("/option/drive-conflicts", drive_conflicts);
    g_test_add_func("/option/bare-images", bare_images);
    g_test_add_func("/option/running", running);
    g_test_add_func("/option/views", views);
    g_test_add_func("/option/devices", devices);
    g_test_add_func("/option/threads", threads);
    g_test_add_func("/option/smbios", smbios);
    g_test_add_func("/option/help", help);
    return g_test_run();
}
