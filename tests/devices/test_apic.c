/* test_apic.c - local APICs, I/O APIC and MSIs: registers, priorities, routing, timer, MSRs. */
#include "devices/chipset/lapic.h"
#include "devices/devices.h"
#include "tests/support/testbus.h"

/* Page registers. [SDM3] "Local APIC Register Address Map". */
enum {
    ID = 0x20,
    VERSION = 0x30,
    TPR = 0x80,
    PPR = 0xa0,
    EOI = 0xb0,
    LDR = 0xd0,
    DFR = 0xe0,
    SVR = 0xf0,
    ISR = 0x100,
    TMR = 0x180,
    IRR = 0x200,
    ESR = 0x280,
    ICR = 0x300,
    ICR_HIGH = 0x310,
    LVT_TIMER = 0x320,
    LVT_LINT0 = 0x350,
    LVT_LINT1 = 0x360,
    LVT_ERROR = 0x370,
    INITIAL = 0x380,
    CURRENT = 0x390,
    DIVIDE = 0x3e0,
};
enum { MASKED = 1 << 16, PERIODIC = 1 << 17, DEADLINE = 1 << 18, BY_1 = 11 };

/* --- a board of several APICs ----------------------------------------------------------------- */

enum { CPUS = 4 };

typedef struct Pins {
    unsigned nmi, smi, init, sipi;
    int sipi_vector, intr;
} Pins;

typedef struct Apics {
    Board *board;
    ApicBus *bus;
    void *cpu[CPUS];
    void *io, *window;
    Pins pins[CPUS];
    unsigned current; /* the CPU whose accesses these are */
    int inta_calls;
    PhysAddr base;
    LapicHost host;
} Apics;

static void pin_driven(void *opaque, int n, int level)
{
    Pins *p = opaque;

    switch (n) {
    case CPU_LINE_INTR:
        p->intr = level;
        break;
    case CPU_LINE_NMI:
        p->nmi += level;
        break;
    case CPU_LINE_SMI:
        p->smi += level;
        break;
    case CPU_LINE_INIT:
        p->init += level;
        break;
    case CPU_LINE_SIPI:
        p->sipi++;
        p->sipi_vector = level;
        break;
    }
}

static void *current(void *opaque)
{
    Apics *a = opaque;

    return a->current < CPUS ? a->cpu[a->current] : NULL;
}

static int inta(void *opaque)
{
    ((Apics *)opaque)->inta_calls++;
    return 0x77;
}

/* A TSC of 2 GHz. */
static Ns tsc_time(void *opaque, uint64_t tsc)
{
    return (Ns)(tsc / 2);
}

static void base_changed(void *opaque, PhysAddr base)
{
    Apics *a = opaque;

    a->base = base;
    lapic_window_move(a->window, base);
}

static void add_cpu(Apics *a, unsigned n)
{
    static const char *const pins[] = {
        [CPU_LINE_INTR] = "intr", [CPU_LINE_NMI] = "nmi",   [CPU_LINE_SMI] = "smi",
        [CPU_LINE_INIT] = "init", [CPU_LINE_SIPI] = "sipi",
    };
    void *cpu = device_new(a->board, device_class_find("apic"), NULL);

    a->cpu[n] = cpu;
    device_set_uint(cpu, "id", n);
    device_set_uint(cpu, "bsp", n == 0);
    device_set_link(cpu, "bus", a->bus);
    device_set_link(cpu, "host", &a->host);
    device_realize_builtin(cpu);
    for (unsigned line = 0; line < G_N_ELEMENTS(pins); line++)
        device_connect_fn(cpu, pins[line], 0, pin_driven, &a->pins[n], line);
}

static Apics *apics_new(void)
{
    Apics *a = g_new0(Apics, 1);

    a->board = board_new(clock_new_manual());
    a->bus = apic_bus_new();
    a->host = (LapicHost){inta, tsc_time, base_changed, a};
    for (unsigned n = 0; n < CPUS; n++)
        add_cpu(a, n);
    a->io = device_new(a->board, device_class_find("ioapic"), NULL);
    device_set_link(a->io, "bus", a->bus);
    device_realize_builtin(a->io);
    a->window = device_new(a->board, device_class_find("apic-window"), NULL);
    lapic_window_wire(a->window, a->bus, current, a);
    device_realize_builtin(a->window);
    board_reset(a->board);
    return a;
}

static void apics_free(Apics *a)
{
    board_free(a->board);
    apic_bus_free(a->bus);
    g_free(a);
}

static uint32_t get(Apics *a, unsigned cpu, unsigned reg)
{
    a->current = cpu;
    return address_space_load(&a->board->memory, 0xfee00000 + reg, 4);
}

static void put(Apics *a, unsigned cpu, unsigned reg, uint32_t value)
{
    a->current = cpu;
    address_space_store(&a->board->memory, 0xfee00000 + reg, value, 4);
}

/* All enabled, flat model, logical ID 1 << n. */
static Apics *apics_enabled(void)
{
    Apics *a = apics_new();

    for (unsigned n = 0; n < CPUS; n++) {
        put(a, n, SVR, 0x1ff);
        put(a, n, LDR, 1u << n << 24);
    }
    return a;
}

static int acknowledge(Apics *a, unsigned cpu)
{
    return lapic_intc_ops.acknowledge(a->cpu[cpu]);
}

static void pass_time(Apics *a, Ns by)
{
    Ns end = clock_now(a->board->clock) + by;

    while (clock_next_deadline(a->board->clock) <= end) {
        clock_set(a->board->clock,
                  MAX(clock_next_deadline(a->board->clock), clock_now(a->board->clock)));
        clock_run_due(a->board->clock);
    }
    clock_set(a->board->clock, end);
}

/* --- registers and priorities ----------------------------------------------------------------- */

/* [SDM3] "Local APIC State After Power-Up or Reset". */
static void test_reset(void)
{
    Apics *a = apics_new();

    g_assert_cmphex(get(a, 2, ID), ==, 0x02000000);
    g_assert_cmphex(get(a, 0, VERSION), ==, 0x00050014);
    g_assert_cmphex(get(a, 0, SVR), ==, 0xff);
    g_assert_cmphex(get(a, 0, DFR), ==, 0xffffffff);
    g_assert_cmphex(get(a, 0, LDR), ==, 0);
    g_assert_cmphex(get(a, 1, LVT_LINT0), ==, MASKED);
    g_assert_cmphex(get(a, 0, LVT_LINT0), ==, 0x700);
    g_assert_cmphex(get(a, 0, LVT_TIMER), ==, MASKED);
    uint64_t base;
    g_assert_true(lapic_intc_ops.read_msr(a->cpu[0], 0x1b, &base));
    g_assert_cmphex(base, ==, 0xfee00900);
    g_assert_true(lapic_intc_ops.read_msr(a->cpu[1], 0x1b, &base));
    g_assert_cmphex(base, ==, 0xfee00800);
    apics_free(a);
}

static void self_ipi(Apics *a, uint8_t vector)
{
    put(a, 0, ICR, 1 << 18 | 1 << 14 | vector);
}

static void test_priorities(void)
{
    Apics *a = apics_enabled();

    self_ipi(a, 0x41);
    self_ipi(a, 0x52);
    g_assert_cmphex(get(a, 0, IRR + 0x20), ==, 1u << 1 | 1u << 18);
    g_assert_cmpint(a->pins[0].intr, ==, 1);
    g_assert_cmphex(acknowledge(a, 0), ==, 0x52);
    g_assert_cmphex(get(a, 0, ISR + 0x20), ==, 1u << 18);
    g_assert_cmphex(get(a, 0, PPR), ==, 0x50);
    g_assert_cmpint(a->pins[0].intr, ==, 0); /* 41h is of a lower class */
    self_ipi(a, 0x58);                       /* the same class waits */
    g_assert_cmpint(a->pins[0].intr, ==, 0);
    self_ipi(a, 0x61);
    g_assert_cmphex(acknowledge(a, 0), ==, 0x61);
    put(a, 0, EOI, 0);
    put(a, 0, EOI, 0);
    g_assert_cmphex(acknowledge(a, 0), ==, 0x58);
    put(a, 0, EOI, 0);
    lapic_intc_ops.set_tpr(a->cpu[0], 0x40);
    g_assert_cmpint(a->pins[0].intr, ==, 0);
    g_assert_cmphex(get(a, 0, TPR), ==, 0x40);
    g_assert_cmpint(acknowledge(a, 0), ==, -1);
    put(a, 0, TPR, 0x3f);
    g_assert_cmphex(get(a, 0, PPR), ==, 0x3f);
    g_assert_cmphex(acknowledge(a, 0), ==, 0x41);
    apics_free(a);
}

/* Software disabled: fixed interrupts are not accepted, NMI is; LVT masks are stuck. */
static void test_software_disable(void)
{
    Apics *a = apics_enabled();

    put(a, 0, LVT_ERROR, 0x33);
    put(a, 1, SVR, 0xff);
    put(a, 0, SVR, 0xff);
    g_assert_cmphex(get(a, 0, LVT_ERROR), ==, MASKED | 0x33);
    put(a, 0, LVT_ERROR, 0x33);
    g_assert_cmphex(get(a, 0, LVT_ERROR), ==, MASKED | 0x33);
    put(a, 0, ICR_HIGH, 1 << 24);
    put(a, 0, ICR, 0x4050);
    g_assert_cmphex(get(a, 1, IRR + 0x20), ==, 0);
    put(a, 0, ICR, 0x4400);
    g_assert_cmpuint(a->pins[1].nmi, ==, 1);
    apics_free(a);
}

static void test_errors(void)
{
    Apics *a = apics_enabled();

    put(a, 0, LVT_ERROR, 0x99);
    self_ipi(a, 0x0f); /* send illegal vector */
    g_assert_cmphex(get(a, 0, ESR), ==, 0);
    g_assert_cmphex(acknowledge(a, 0), ==, 0x99);
    put(a, 0, ESR, 0);
    g_assert_cmphex(get(a, 0, ESR), ==, 0x20);
    get(a, 0, 0x3d0); /* no such register */
    put(a, 0, ESR, 0);
    g_assert_cmphex(get(a, 0, ESR), ==, 0x80);
    apic_bus_msi(a->bus, 0xfee00000, 0x05); /* receive illegal vector */
    put(a, 0, ESR, 0);
    g_assert_cmphex(get(a, 0, ESR), ==, 0x40);
    put(a, 0, ESR, 0);
    g_assert_cmphex(get(a, 0, ESR), ==, 0);
    apics_free(a);
}

/* --- interprocessor interrupts ---------------------------------------------------------------- */

/* Which CPUs got vector 50h, as a bit set; then it is cleared. */
static unsigned got_50(Apics *a)
{
    unsigned set = 0;

    for (unsigned n = 0; n < CPUS; n++) {
        if (get(a, n, IRR + 0x20) & 1u << 16) {
            set |= 1u << n;
            acknowledge(a, n);
            put(a, n, EOI, 0);
        }
    }
    return set;
}

static unsigned send_50(Apics *a, uint32_t dest, uint32_t icr)
{
    put(a, 0, ICR_HIGH, dest << 24);
    put(a, 0, ICR, icr | 0x4050);
    return got_50(a);
}

static void test_destinations(void)
{
    Apics *a = apics_enabled();
    enum { LOGICAL = 1 << 11, SELF = 1 << 18, ALL = 2 << 18, OTHERS = 3 << 18 };

    g_assert_cmphex(send_50(a, 2, 0), ==, 0x4);
    g_assert_cmphex(send_50(a, 0xff, 0), ==, 0xf);
    g_assert_cmphex(send_50(a, 7, 0), ==, 0);
    g_assert_cmphex(send_50(a, 0x0a, LOGICAL), ==, 0xa);
    g_assert_cmphex(send_50(a, 0x10, LOGICAL), ==, 0);
    g_assert_cmphex(send_50(a, 0, SELF), ==, 0x1);
    g_assert_cmphex(send_50(a, 0, ALL), ==, 0xf);
    g_assert_cmphex(send_50(a, 0, OTHERS), ==, 0xe);
    /* Cluster model: two clusters of two. */
    for (unsigned n = 0; n < CPUS; n++) {
        put(a, n, DFR, 0x0fffffff);
        put(a, n, LDR, (n / 2 << 4 | 1u << n % 2) << 24);
    }
    g_assert_cmphex(send_50(a, 0x13, LOGICAL), ==, 0xc);
    g_assert_cmphex(send_50(a, 0x02, LOGICAL), ==, 0x2);
    g_assert_cmphex(send_50(a, 0x23, LOGICAL), ==, 0);
    apics_free(a);
}

static void test_lowest_priority(void)
{
    Apics *a = apics_enabled();
    enum { LOWEST_LOGICAL = 1 << 11 | 1 << 8 };

    put(a, 0, TPR, 0x30);
    put(a, 1, TPR, 0x20);
    put(a, 2, TPR, 0x10);
    put(a, 3, TPR, 0x20);
    g_assert_cmphex(send_50(a, 0xff, LOWEST_LOGICAL), ==, 0x4);
    g_assert_cmphex(send_50(a, 0x0b, LOWEST_LOGICAL), ==, 0x2);
    /* The focus processor: 50h is already in service on CPU 0. */
    self_ipi(a, 0x50);
    acknowledge(a, 0);
    put(a, 0, ICR_HIGH, 0xffu << 24);
    put(a, 0, ICR, LOWEST_LOGICAL | 0x4050);
    g_assert_cmphex(get(a, 0, IRR + 0x20), ==, 1u << 16);
    put(a, 0, SVR, 0x3ff); /* focus checking off */
    put(a, 0, ICR, LOWEST_LOGICAL | 0x4050);
    g_assert_cmphex(get(a, 2, IRR + 0x20), ==, 1u << 16);
    put(a, 2, SVR, 0xff); /* one that is disabled cannot win */
    put(a, 0, ICR_HIGH, 0x04u << 24);
    put(a, 0, ICR, LOWEST_LOGICAL | 0x4051);
    g_assert_cmphex(get(a, 2, IRR + 0x20), ==, 1u << 16);
    apics_free(a);
}

/* The start of the application processors, as firmware does it. */
static void test_init_sipi(void)
{
    Apics *a = apics_enabled();

    put(a, 0, ICR, 0xc4500); /* INIT, all but self */
    for (unsigned n = 0; n < CPUS; n++)
        g_assert_cmpuint(a->pins[n].init, ==, n != 0);
    put(a, 0, ICR, 0x88500); /* INIT level de-assert: nothing */
    g_assert_cmpuint(a->pins[1].init, ==, 1);
    put(a, 0, ICR, 0xc4610); /* start-up at 10000h */
    g_assert_cmpuint(a->pins[0].sipi, ==, 0);
    g_assert_cmphex(a->pins[3].sipi_vector, ==, 0x10);
    put(a, 0, ICR, 0xc4610); /* the same again is heard again */
    g_assert_cmpuint(a->pins[3].sipi, ==, 2);
    put(a, 0, ICR, 0xc4200);
    g_assert_cmpuint(a->pins[2].smi, ==, 1);
    lapic_intc_ops.reset(a->cpu[1]);
    g_assert_cmphex(get(a, 1, SVR), ==, 0xff);
    g_assert_cmphex(get(a, 1, ID), ==, 0x01000000);
    apics_free(a);
}

/* --- pins ------------------------------------------------------------------------------------- */

static void drive(void *dev, const char *pin, unsigned n, int level)
{
    IrqLine line = device_input(dev, pin, n);

    line.fn(line.opaque, line.n, level);
}

static void test_extint(void)
{
    Apics *a = apics_new();

    drive(a->cpu[0], "lint", 0, 1); /* virtual wire, from reset */
    g_assert_cmpint(a->pins[0].intr, ==, 1);
    g_assert_cmphex(acknowledge(a, 0), ==, 0x77);
    g_assert_cmpint(a->inta_calls, ==, 1);
    put(a, 0, SVR, 0x1ff);
    put(a, 0, LVT_LINT0, MASKED | 0x700);
    g_assert_cmpint(a->pins[0].intr, ==, 0);
    g_assert_cmpint(acknowledge(a, 0), ==, -1);
    g_assert_true(lapic_intc_ops.write_msr(a->cpu[0], 0x1b, 0xfee00100)); /* off: LINT0 is INTR */
    g_assert_cmpint(a->pins[0].intr, ==, 1);
    g_assert_cmphex(acknowledge(a, 0), ==, 0x77);
    drive(a->cpu[0], "lint", 1, 1); /* and LINT1 is NMI */
    g_assert_cmpuint(a->pins[0].nmi, ==, 1);
    apics_free(a);
}

static void test_lint(void)
{
    Apics *a = apics_enabled();

    put(a, 0, LVT_LINT1, 0x400);
    drive(a->cpu[0], "lint", 1, 1);
    drive(a->cpu[0], "lint", 1, 0);
    g_assert_cmpuint(a->pins[0].nmi, ==, 1);
    put(a, 0, LVT_LINT1, 0x8000 | 0x60); /* level, fixed */
    drive(a->cpu[0], "lint", 1, 1);
    g_assert_cmphex(get(a, 0, LVT_LINT1), ==, 0xc060); /* remote IRR */
    g_assert_cmphex(acknowledge(a, 0), ==, 0x60);
    put(a, 0, EOI, 0);
    g_assert_cmphex(acknowledge(a, 0), ==, 0x60); /* still up */
    drive(a->cpu[0], "lint", 1, 0);
    put(a, 0, EOI, 0);
    g_assert_cmpint(acknowledge(a, 0), ==, -1);
    g_assert_cmphex(get(a, 0, LVT_LINT1), ==, 0x8060);
    apics_free(a);
}

/* --- timer ------------------------------------------------------------------------------------ */

static void test_timer_one_shot(void)
{
    Apics *a = apics_enabled();

    put(a, 0, DIVIDE, BY_1);
    put(a, 0, LVT_TIMER, 0x40);
    put(a, 0, INITIAL, 1000);
    pass_time(a, 400);
    g_assert_cmpuint(get(a, 0, CURRENT), ==, 600);
    pass_time(a, 599);
    g_assert_cmpint(a->pins[0].intr, ==, 0);
    pass_time(a, 1);
    g_assert_cmphex(acknowledge(a, 0), ==, 0x40);
    g_assert_cmpuint(get(a, 0, CURRENT), ==, 0);
    put(a, 0, EOI, 0);
    pass_time(a, 10000);
    g_assert_cmpint(acknowledge(a, 0), ==, -1);
    apics_free(a);
}

/* [SDM3] "Local Vector Table": a masked event is lost; it does not come when the mask goes. */
static void test_timer_masked(void)
{
    Apics *a = apics_enabled();

    put(a, 0, DIVIDE, BY_1);
    put(a, 0, LVT_TIMER, 0x40 | 1 << 16);
    put(a, 0, INITIAL, 1000);
    pass_time(a, 2000);
    put(a, 0, LVT_TIMER, 0x40);
    pass_time(a, 1000);
    g_assert_cmpint(acknowledge(a, 0), ==, -1);
    apics_free(a);
}

/* [SDM3] "Divide Configuration Register". */
static void test_timer_divide(void)
{
    static const struct {
        uint32_t code;
        unsigned by;
    } cases[] = {{0, 2}, {1, 4}, {2, 8}, {3, 16}, {8, 32}, {9, 64}, {10, 128}, {11, 1}};
    Apics *a = apics_enabled();

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        put(a, 0, DIVIDE, cases[i].code);
        put(a, 0, INITIAL, 1000);
        pass_time(a, 100 * cases[i].by);
        g_assert_cmpuint(get(a, 0, CURRENT), ==, 900);
    }
    put(a, 0, DIVIDE, 0); /* a running count goes on from where it is */
    g_assert_cmpuint(get(a, 0, CURRENT), ==, 900);
    pass_time(a, 200);
    g_assert_cmpuint(get(a, 0, CURRENT), ==, 800);
    apics_free(a);
}

static void test_timer_periodic(void)
{
    Apics *a = apics_enabled();
    unsigned count = 0;

    put(a, 0, DIVIDE, BY_1);
    put(a, 0, LVT_TIMER, PERIODIC | 0x40);
    put(a, 0, INITIAL, 1000000);
    for (unsigned i = 0; i < 1000; i++) {
        pass_time(a, 100 * NS_PER_US);
        if (acknowledge(a, 0) == 0x40) {
            put(a, 0, EOI, 0);
            count++;
        }
    }
    g_assert_cmpuint(count, ==, 100);
    put(a, 0, INITIAL, 0);
    pass_time(a, 10 * NS_PER_MS);
    g_assert_cmpint(acknowledge(a, 0), ==, -1);
    put(a, 0, LVT_TIMER, PERIODIC | MASKED | 0x40);
    put(a, 0, INITIAL, 1000);
    pass_time(a, NS_PER_MS);
    g_assert_cmphex(get(a, 0, IRR + 0x20), ==, 0);
    put(a, 0, LVT_TIMER, PERIODIC | 0x40); /* a period of a nanosecond does not stop the world */
    put(a, 0, INITIAL, 1);
    pass_time(a, NS_PER_MS);
    g_assert_cmphex(acknowledge(a, 0), ==, 0x40);
    apics_free(a);
}

static void test_timer_deadline(void)
{
    Apics *a = apics_enabled();
    uint64_t value;

    g_assert_true(lapic_intc_ops.write_msr(a->cpu[0], 0x6e0, 2000)); /* not in the mode: ignored */
    put(a, 0, LVT_TIMER, DEADLINE | 0x40);
    g_assert_true(lapic_intc_ops.read_msr(a->cpu[0], 0x6e0, &value));
    g_assert_cmpuint(value, ==, 0);
    g_assert_true(lapic_intc_ops.write_msr(a->cpu[0], 0x6e0, 2000)); /* 1000 ns */
    put(a, 0, INITIAL, 5);                                           /* ignored */
    pass_time(a, 999);
    g_assert_cmpint(a->pins[0].intr, ==, 0);
    pass_time(a, 1);
    g_assert_cmpint(a->pins[0].intr, ==, 1);
    g_assert_true(lapic_intc_ops.read_msr(a->cpu[0], 0x6e0, &value));
    g_assert_cmpuint(value, ==, 0);
    acknowledge(a, 0);
    put(a, 0, EOI, 0);
    g_assert_true(lapic_intc_ops.write_msr(a->cpu[0], 0x6e0, 1)); /* in the past: at once */
    g_assert_cmpint(a->pins[0].intr, ==, 1);
    acknowledge(a, 0);
    put(a, 0, EOI, 0);
    g_assert_true(lapic_intc_ops.write_msr(a->cpu[0], 0x6e0, 8000));
    put(a, 0, LVT_TIMER, 0x40); /* another mode disarms */
    pass_time(a, 10000);
    g_assert_cmpint(a->pins[0].intr, ==, 0);
    apics_free(a);
}

/* --- MSRs ------------------------------------------------------------------------------------- */

static bool wrmsr(Apics *a, unsigned cpu, uint32_t msr, uint64_t value)
{
    return lapic_intc_ops.write_msr(a->cpu[cpu], msr, value);
}

static uint64_t rdmsr(Apics *a, unsigned cpu, uint32_t msr)
{
    uint64_t value = 0;

    g_assert_true(lapic_intc_ops.read_msr(a->cpu[cpu], msr, &value));
    return value;
}

/* [SDM3] "x2APIC State Transitions". */
static void test_base(void)
{
    Apics *a = apics_enabled();
    uint64_t value;

    g_assert_false(wrmsr(a, 1, 0x1b, 0xfee00801));       /* reserved bit */
    g_assert_false(wrmsr(a, 1, 0x1b, 0x10000000000800)); /* beyond the address width */
    g_assert_false(wrmsr(a, 1, 0x1b, 0xfee00400));       /* x2APIC without enable */
    g_assert_false(lapic_intc_ops.read_msr(a->cpu[1], 0x802, &value)); /* not in x2APIC mode */
    g_assert_true(wrmsr(a, 1, 0x1b, 0xfee00c00));
    g_assert_false(wrmsr(a, 1, 0x1b, 0xfee00800));  /* back only through disabled */
    g_assert_cmphex(get(a, 1, ID), ==, 0xffffffff); /* the page is gone */
    g_assert_true(wrmsr(a, 1, 0x1b, 0xfee00000));
    g_assert_false(wrmsr(a, 1, 0x1b, 0xfee00c00)); /* disabled to x2APIC */
    g_assert_true(wrmsr(a, 1, 0x1b, 0xfee00800));
    g_assert_cmphex(get(a, 1, SVR), ==, 0xff);
    g_assert_true(wrmsr(a, 0, 0x1b, 0xfed40900)); /* moved */
    g_assert_cmphex(a->base, ==, 0xfed40000);
    a->current = 0;
    g_assert_cmphex(address_space_load(&a->board->memory, 0xfed40030, 4), ==, 0x00050014);
    board_reset(a->board);
    g_assert_cmphex(get(a, 0, VERSION), ==, 0x00050014);
    device_set_uint(a->cpu[0], "x2apic", 0);
    g_assert_false(wrmsr(a, 0, 0x1b, 0xfee00d00));
    apics_free(a);
}

static void test_x2apic(void)
{
    Apics *a = apics_new();
    uint64_t value;

    for (unsigned n = 0; n < CPUS; n++) {
        g_assert_true(wrmsr(a, n, 0x1b, n ? 0xfee00c00 : 0xfee00d00));
        g_assert_true(wrmsr(a, n, 0x80f, 0x1ff));
    }
    g_assert_cmphex(rdmsr(a, 3, 0x802), ==, 3);
    g_assert_cmphex(rdmsr(a, 3, 0x803), ==, 0x00050014);
    g_assert_cmphex(rdmsr(a, 3, 0x80d), ==, 0x00000008);
    g_assert_false(wrmsr(a, 3, 0x802, 1));
    g_assert_false(wrmsr(a, 3, 0x80d, 1));
    g_assert_false(wrmsr(a, 3, 0x80b, 1)); /* EOI takes only 0 */
    g_assert_false(wrmsr(a, 3, 0x808, 0x100));
    g_assert_false(wrmsr(a, 3, 0x831, 0)); /* no ICR high */
    g_assert_false(wrmsr(a, 3, 0x80e, 0)); /* no DFR */
    g_assert_false(wrmsr(a, 3, 0x8ff, 0));
    g_assert_false(lapic_intc_ops.read_msr(a->cpu[3], 0x83f, &value)); /* self IPI is write only */
    g_assert_true(wrmsr(a, 3, 0x83f, 0x50));
    g_assert_cmphex(acknowledge(a, 3), ==, 0x50);
    g_assert_true(wrmsr(a, 3, 0x80b, 0));
    g_assert_true(wrmsr(a, 0, 0x830, (uint64_t)2 << 32 | 0x4051)); /* physical, one write */
    g_assert_cmphex(acknowledge(a, 2), ==, 0x51);
    g_assert_cmphex(rdmsr(a, 0, 0x830), ==, (uint64_t)2 << 32 | 0x4051);
    g_assert_true(wrmsr(a, 0, 0x830, (uint64_t)0x0a << 32 | 0x4852)); /* logical, cluster 0 */
    g_assert_cmphex(acknowledge(a, 1), ==, 0x52);
    g_assert_cmphex(acknowledge(a, 3), ==, 0x52);
    g_assert_true(wrmsr(a, 0, 0x830, (uint64_t)UINT32_MAX << 32 | 0x4063));
    for (unsigned n = 0; n < CPUS; n++)
        g_assert_cmphex(acknowledge(a, n), ==, 0x63);
    apics_free(a);
}

/* --- I/O APIC, MSI ---------------------------------------------------------------------------- */

static uint32_t io_get(Apics *a, unsigned index)
{
    address_space_store(&a->board->memory, 0xfec00000, index, 4);
    return address_space_load(&a->board->memory, 0xfec00010, 4);
}

static void io_put(Apics *a, unsigned index, uint32_t value)
{
    address_space_store(&a->board->memory, 0xfec00000, index, 4);
    address_space_store(&a->board->memory, 0xfec00010, value, 4);
}

static void test_ioapic_registers(void)
{
    Apics *a = apics_new();

    g_assert_cmphex(io_get(a, 1), ==, 0x00170020);
    io_put(a, 0, 0xff000000);
    g_assert_cmphex(io_get(a, 0), ==, 0x0f000000);
    g_assert_cmphex(io_get(a, 0x10), ==, MASKED);
    io_put(a, 0x3e, 0xffffffff); /* pin 23: read-only bits stay */
    io_put(a, 0x3f, 0xffffffff);
    g_assert_cmphex(io_get(a, 0x3e), ==, 0x0001afff);
    g_assert_cmphex(io_get(a, 0x3f), ==, 0xff000000);
    g_assert_cmphex(io_get(a, 0x40), ==, 0xffffffff);
    apics_free(a);
}

static void test_ioapic_edge(void)
{
    Apics *a = apics_enabled();

    io_put(a, 0x13, 2 << 24);
    drive(a->io, "irq", 1, 1); /* masked: lost */
    io_put(a, 0x12, 0x31);
    g_assert_cmpint(acknowledge(a, 2), ==, -1);
    drive(a->io, "irq", 1, 0);
    drive(a->io, "irq", 1, 1);
    g_assert_cmphex(acknowledge(a, 2), ==, 0x31);
    put(a, 2, EOI, 0);
    g_assert_cmpint(acknowledge(a, 2), ==, -1);
    apics_free(a);
}

static void test_ioapic_level(void)
{
    Apics *a = apics_enabled();

    io_put(a, 0x25, 0x0f << 24);
    io_put(a, 0x24, 0xa945); /* level, logical, lowest priority, vector 45h */
    drive(a->io, "irq", 10, 1);
    g_assert_cmphex(io_get(a, 0x24), ==, 0xe945); /* remote IRR */
    g_assert_cmphex(get(a, 0, TMR + 0x20), ==, 1u << 5);
    g_assert_cmphex(acknowledge(a, 0), ==, 0x45);
    put(a, 0, EOI, 0);
    g_assert_cmphex(acknowledge(a, 0), ==, 0x45); /* the line is still up */
    drive(a->io, "irq", 10, 0);
    put(a, 0, EOI, 0);
    g_assert_cmphex(io_get(a, 0x24), ==, 0xa945);
    g_assert_cmpint(acknowledge(a, 0), ==, -1);
    io_put(a, 0x24, 0x1a945);
    drive(a->io, "irq", 10, 1);
    g_assert_cmpint(acknowledge(a, 0), ==, -1);
    io_put(a, 0x24, 0xa945); /* unmasked while up */
    g_assert_cmphex(acknowledge(a, 0), ==, 0x45);
    io_put(a, 0x24, 0x12945); /* software clears remote IRR by way of edge */
    g_assert_cmphex(io_get(a, 0x24), ==, 0x12945);
    apics_free(a);
}

/* The EOI register, and the other delivery modes. */
static void test_ioapic_eoi_register(void)
{
    Apics *a = apics_enabled();

    io_put(a, 0x24, 0x8045);
    drive(a->io, "irq", 10, 1);
    g_assert_cmphex(acknowledge(a, 0), ==, 0x45);
    address_space_store(&a->board->memory, 0xfec00040, 0x45, 4);
    g_assert_cmphex(get(a, 0, IRR + 0x20), ==, 1u << 5);
    io_put(a, 0x16, 0x0400);
    drive(a->io, "irq", 3, 1);
    g_assert_cmpuint(a->pins[0].nmi, ==, 1);
    io_put(a, 0x10, 0x0700);
    drive(a->io, "irq", 0, 1);
    put(a, 0, LVT_LINT0, MASKED);
    acknowledge(a, 0);
    g_assert_cmpint(a->inta_calls, ==, 1);
    apics_free(a);
}

static void test_msi(void)
{
    Apics *a = apics_enabled();

    a->current = CPUS; /* a device writes */
    address_space_store(&a->board->memory, 0xfee03000, 0x4055, 4);
    g_assert_cmphex(acknowledge(a, 3), ==, 0x55);
    a->current = CPUS;
    address_space_store(&a->board->memory, 0xfee06004, 0x0056, 4); /* logical, CPUs 1 and 2 */
    g_assert_cmphex(acknowledge(a, 1), ==, 0x56);
    g_assert_cmphex(acknowledge(a, 2), ==, 0x56);
    apics_free(a);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/lapic/reset", test_reset);
    g_test_add_func("/lapic/priorities", test_priorities);
    g_test_add_func("/lapic/software-disable", test_software_disable);
    g_test_add_func("/lapic/errors", test_errors);
    g_test_add_func("/lapic/destinations", test_destinations);
    g_test_add_func("/lapic/lowest-priority", test_lowest_priority);
    g_test_add_func("/lapic/init-sipi", test_init_sipi);
    g_test_add_func("/lapic/extint", test_extint);
    g_test_add_func("/lapic/lint", test_lint);
    g_test_add_func("/lapic/timer-one-shot", test_timer_one_shot);
    g_test_add_func("/lapic/timer-masked", test_timer_masked);
    g_test_add_func("/lapic/timer-divide", test_timer_divide);
    g_test_add_func("/lapic/timer-periodic", test_timer_periodic);
    g_test_add_func("/lapic/timer-deadline", test_timer_deadline);
    g_test_add_func("/lapic/base", test_base);
    g_test_add_func("/lapic/x2apic", test_x2apic);
    g_test_add_func("/ioapic/registers", test_ioapic_registers);
    g_test_add_func("/ioapic/edge", test_ioapic_edge);
    g_test_add_func("/ioapic/level", test_ioapic_level);
    g_test_add_func("/ioapic/eoi-register", test_ioapic_eoi_register);
    g_test_add_func("/ioapic/msi", test_msi);
    return g_test_run();
}
