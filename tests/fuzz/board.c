/* board.c - a whole PC for hostile guests. */
#include "tests/fuzz/board.h"

#include <sys/mman.h>
#include <unistd.h>

#include "cpu/block.h"
#include "cpu/mmu.h"
#include "dbt/host.h"
#include "machine/option.h"

enum { COUNT_SHIFT = 3 /* as -icount below */, TURN = 500, TIMER_EVENTS = 64 };

/* --- who runs the machine --------------------------------------------------------------------- */

static void on_request(void *opaque, BoardRequest what, int value)
{
    FuzzBoard *b = opaque;
    b->reset_wanted |= what == BOARD_RESET;
}

static Cpu *current(void *opaque)
{
    return ((FuzzBoard *)opaque)->running;
}

static uint64_t count(void *opaque)
{
    FuzzBoard *b = opaque;
    uint64_t sum = 0;
    for (unsigned i = 0; i < b->config->cpus; i++)
        sum += cpu_insn_count(pc_cpus(b->pc)[i]);
    return sum;
}

static Ns wall_clock(void *opaque)
{
    FuzzBoard *b = opaque;
    return 946684800 * NS_PER_SEC + clock_now(b->clock); /* 2000-01-01 */
}

/* --- making ----------------------------------------------------------------------------------- */

/* A file without a name, of zeros; drives write to a snapshot of it. */
static const char *empty_image(void)
{
    static char *path;
    if (path)
        return path;
    int fd = memfd_create("image", 0);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, 1440 * KIB), ==, 0);
    path = g_strdup_printf("/proc/self/fd/%d", fd);
    return path;
}

/* What chooses the engine, if FUZZ_ACCEL in the environment does: interp, or lockstep for both. */
static const char *accel_option(void)
{
    const char *told = g_getenv("FUZZ_ACCEL");
    if (!told || !host_can_translate())
        return "";
    g_assert_true(g_str_equal(told, "interp") || g_str_equal(told, "lockstep"));
    return g_str_equal(told, "interp") ? " -accel interp" : " -accel jit -check lockstep";
}

static Config *parse(const char *options)
{
    const char *image = empty_image();
    g_autofree char *line = g_strdup_printf(
        "myna -display none -monitor none -snapshot -m %u -serial null -serial null -parallel null "
        "-debugcon null -device isa-debug-exit -icount 3 -drive if=ide,index=0,format=raw,file=%s "
        "-drive "
        "if=ide,index=1,media=cdrom,format=raw,file=%s -drive if=floppy,format=raw,file=%s %s%s",
        FUZZ_RAM_MIB, image, image, image, options, accel_option());
    g_auto(GStrv) argv = g_strsplit(g_strstrip(line), " ", -1);
    Config *config = config_new();
    g_autoptr(GError) err = NULL;
    OptionResult parsed = option_parse(config, g_strv_length(argv), argv, &err);
    g_assert_no_error(err);
    g_assert_cmpint(parsed, ==, OPTION_RUN);
    return config;
}

FuzzBoard *fuzz_board_new(const char *options)
{
    FuzzBoard *b = g_new0(FuzzBoard, 1);
    b->config = parse(options);
    const PcHooks hooks = {
        .request = on_request, .wall_clock = wall_clock, .current = current, .opaque = b};
    g_autoptr(GError) err = NULL;
    b->clock = clock_new_manual();
    b->pc = pc_new(b->config, b->clock, &hooks, &err);
    g_assert_no_error(err);
    b->board = pc_board(b->pc);
    clock_set_counter(b->clock, count, b, COUNT_SHIFT);
    fuzz_board_reset(b);
    return b;
}

void fuzz_board_free(FuzzBoard *b)
{
    clock_set_counter(b->clock, NULL, NULL, 0); /* the CPUs go first */
    pc_free(b->pc);
    config_free(b->config);
    g_free(b);
}

void fuzz_board_reset(FuzzBoard *b)
{
    board_lock(b->board);
    b->reset_wanted = false;
    pc_reset(b->pc);
    for (unsigned i = 0; i < b->config->cpus; i++)
        cpu_reset(pc_cpus(b->pc)[i], CPU_POWER_ON);
    board_unlock(b->board);
}

void fuzz_board_enable_pci(FuzzBoard *b)
{
    uint32_t memory = FUZZ_BARS_MEMORY, ports = FUZZ_BARS_PORTS;
    board_lock(b->board);
    for (int devfn = 0; devfn < PCI_FUNCTIONS; devfn++) {
        PciFunction *f = pci_function(pc_pci(b->pc), devfn);
        for (unsigned n = 0; f && n < PCI_BAR_COUNT; n++) {
            if (!f->bars[n].region)
                continue;
            bool io = f->bars[n].io;
            pci_config_write(f->bus, devfn, PCI_BAR0 + 4 * n, io ? ports : memory, 4);
            ports += io ? 0x100 : 0;
            memory += io ? 0 : 0x2000000;
        }
        if (f)
            pci_config_write(f->bus, devfn, PCI_COMMAND,
                             PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
    }
    board_unlock(b->board);
}

/* --- running ---------------------------------------------------------------------------------- */

static bool any_work(FuzzBoard *b)
{
    for (unsigned i = 0; i < b->config->cpus; i++)
        if (cpu_has_work(pc_cpus(b->pc)[i]))
            return true;
    return false;
}

static Ns next_deadline_in(FuzzBoard *b)
{
    Ns deadline = clock_next_deadline(b->clock), now = clock_now(b->clock);
    return deadline == NS_NEVER ? NS_NEVER : MAX(deadline - now, 0);
}

static void run_timers(FuzzBoard *b)
{
    board_lock(b->board);
    clock_run_due(b->clock);
    board_unlock(b->board);
    if (b->reset_wanted)
        fuzz_board_reset(b);
}

/* Nobody executes: time goes to the next deadline, and to the one after that. */
static bool idle(FuzzBoard *b)
{
    for (unsigned i = 0; i < TIMER_EVENTS && !any_work(b); i++) {
        Ns left = next_deadline_in(b);
        if (left == NS_NEVER)
            return false;
        clock_advance(b->clock, left);
        run_timers(b);
    }
    return any_work(b);
}

static void turn(FuzzBoard *b, Cpu *cpu, uint64_t insns)
{
    Ns left = next_deadline_in(b);
    if (left != NS_NEVER)
        insns = MIN(insns, (uint64_t)(left >> COUNT_SHIFT) + 1);
    b->running = cpu;
    cpu_run(cpu, insns);
    b->running = NULL;
    run_timers(b);
}

bool fuzz_board_run(FuzzBoard *b, unsigned insns)
{
    uint64_t end = count(b) + insns;
    /* A turn may retire nothing: an event that delivers and faults, again and again. */
    for (unsigned turns = 0; turns < insns && count(b) < end; turns++) {
        if (!idle(b))
            return false;
        for (unsigned i = 0; i < b->config->cpus; i++)
            if (cpu_has_work(pc_cpus(b->pc)[i]))
                turn(b, pc_cpus(b->pc)[i], MIN(insns, TURN));
    }
    return true;
}

void fuzz_board_wait(FuzzBoard *b, Ns by)
{
    Ns end = clock_now(b->clock) + by;
    for (unsigned i = 0; i < TIMER_EVENTS; i++) {
        Ns left = next_deadline_in(b), now = clock_now(b->clock);
        if (left == NS_NEVER || left > end - now)
            break;
        clock_advance(b->clock, left);
        run_timers(b);
    }
    clock_advance(b->clock, MAX(end - clock_now(b->clock), 0));
    run_timers(b);
}

void fuzz_board_check(FuzzBoard *b)
{
    for (unsigned i = 0; i < b->config->cpus; i++) {
        Cpu *cpu = pc_cpus(b->pc)[i];
        g_autofree char *code = code_cache_problem(cpu->code);
        g_assert_cmpstr(code, ==, NULL);
        g_autofree char *tlb = tlb_problem(cpu);
        g_assert_cmpstr(tlb, ==, NULL);
    }
}
