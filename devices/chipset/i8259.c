/* i8259.c - programmable interrupt controller. [8259A].
 *
 * One chip; a PC has two, the slave's INT on the master's IR2. The cascade bus is the master's
 * `slave` link. Besides the 8259A's registers there is the edge/level control register of EISA and
 * the PIIX3
 * ([PIIX3] "Edge/level control registers"). 8080 mode (call instructions) is left out. */
#include "devices/chipset/i8259.h"
#include "core/device.h"
#include "core/log.h"
#include "core/trace.h"

enum { CASCADE = 2 }; /* the master's input that the slave drives */

enum { ICW1_IC4 = 1 << 0, ICW1_SNGL = 1 << 1, ICW1_LTIM = 1 << 3, ICW1 = 1 << 4 };
enum { ICW4_UPM = 1 << 0, ICW4_AEOI = 1 << 1, ICW4_SFNM = 1 << 4 };
enum {
    OCW3 = 1 << 3,
    OCW3_RIS = 1 << 0,
    OCW3_RR = 1 << 1,
    OCW3_P = 1 << 2,
    OCW3_SMM = 1 << 5,
    OCW3_ESMM = 1 << 6
};
enum { POLL_INTERRUPT = 1 << 7 };

/* Which command word the next write to the odd port is. */
typedef enum InitStep { STEP_DONE, STEP_ICW2, STEP_ICW3, STEP_ICW4 } InitStep;

typedef struct I8259 {
    Device dev;
    /* properties */
    uint32_t iobase;
    uint32_t elcr_port;
    uint8_t elcr_mask; /* inputs that may be level triggered */
    struct I8259 *slave;
    /* state */
    uint8_t lines; /* levels of IR7..IR0 */
    uint8_t edges; /* rising edges not acknowledged yet */
    uint8_t imr, isr;
    uint8_t elcr;
    uint8_t icw1, icw2, icw3, icw4;
    uint8_t step;   /* InitStep */
    uint8_t lowest; /* the input of lowest priority */
    bool rotate_on_aeoi;
    bool special_mask;
    bool poll;
    bool read_isr;
    /* derived */
    IrqLine out[1];
} I8259;

static uint8_t level_inputs(const I8259 *p)
{
    return p->icw1 & ICW1_LTIM ? 0xff : p->elcr;
}

/* [8259A] "Edge and level triggered modes": an edge is forgotten if the line falls before INTA. */
static uint8_t irr(const I8259 *p)
{
    uint8_t level = level_inputs(p);

    return p->lines & (level | p->edges);
}

/* 0 is the highest priority. */
static unsigned priority_of(const I8259 *p, unsigned input)
{
    return (input - p->lowest - 1) & 7;
}

/* The input of highest priority in the set, or -1. */
static int highest(const I8259 *p, uint8_t set)
{
    for (unsigned n = 0; n < 8; n++) {
        unsigned input = (p->lowest + 1 + n) & 7;
        if (set & 1 << input)
            return (int)input;
    }
    return -1;
}

/* Inputs in service that hold others back: in special mask mode a masked one does not. */
static uint8_t holding(const I8259 *p)
{
    return p->special_mask ? p->isr & ~p->imr : p->isr;
}

/* The request that INT stands for, or -1. [8259A] "Fully nested mode", "Special fully nested mode".
 */
static int request(const I8259 *p)
{
    int input = highest(p, irr(p) & ~p->imr);
    int in_service = highest(p, holding(p));

    if (input < 0 || in_service < 0)
        return input;
    unsigned a = priority_of(p, (unsigned)input), b = priority_of(p, (unsigned)in_service);
    if (a < b)
        return input;
    bool again = a == b && input == CASCADE && p->slave && (p->icw4 & ICW4_SFNM);
    return again ? input : -1;
}

static void i8259_update(void *dev)
{
    I8259 *p = dev;

    irq_set(&p->out[0], request(p) >= 0);
}

/* The first INTA pulse: the request goes from IRR to ISR. */
static void accept(I8259 *p, unsigned input)
{
    p->edges &= ~(1 << input);
    if (!(p->icw4 & ICW4_AEOI))
        p->isr |= 1 << input;
    else if (p->rotate_on_aeoi)
        p->lowest = input;
}

int i8259_acknowledge(void *master)
{
    I8259 *p = master;
    int input = request(p);
    int vector = p->icw2 | 7;

    if (input >= 0) {
        accept(p, (unsigned)input);
        vector = input == CASCADE && p->slave ? i8259_acknowledge(p->slave) : p->icw2 | input;
    }
    trace_i8259_acknowledge(p->dev.id, input, (unsigned)vector);
    i8259_update(p);
    return vector;
}

static void i8259_line(void *dev, int n, int level)
{
    I8259 *p = dev;
    uint8_t bit = 1 << n;

    if (level && !(p->lines & bit))
        p->edges |= bit;
    if (!level)
        p->edges &= ~bit;
    p->lines = level ? p->lines | bit : p->lines & ~bit;
}

/* --- command words ---------------------------------------------------------------------------- */

/* [8259A] "Initialization command words 1 and 2": the edge sense is reset, IMR cleared, IR7 lowest.
 */
static void write_icw1(I8259 *p, uint8_t value)
{
    p->icw1 = value;
    p->icw3 = 0;
    p->icw4 = 0;
    p->edges = 0;
    p->imr = 0;
    p->isr = 0;
    p->lowest = 7;
    p->rotate_on_aeoi = false;
    p->special_mask = false;
    p->poll = false;
    p->read_isr = false;
    p->step = STEP_ICW2;
    if (value & ICW1_SNGL && p->slave)
        guest_error("%s: single mode with a slave on IR2", p->dev.id);
}

/* ICW2 to ICW4, then OCW1. */
static void write_odd(I8259 *p, uint8_t value)
{
    bool more = p->icw1 & ICW1_IC4;

    switch (p->step) {
    case STEP_ICW2:
        p->icw2 = value & 0xf8;
        p->step = !(p->icw1 & ICW1_SNGL) ? STEP_ICW3 : more ? STEP_ICW4 : STEP_DONE;
        break;
    case STEP_ICW3:
        p->icw3 = value;
        p->step = more ? STEP_ICW4 : STEP_DONE;
        break;
    case STEP_ICW4:
        p->icw4 = value;
        p->step = STEP_DONE;
        if (!(value & ICW4_UPM))
            unimp("%s: 8080 mode", p->dev.id);
        break;
    default:
        p->imr = value;
    }
}

static void end_of_interrupt(I8259 *p, int input, bool rotate)
{
    if (input < 0)
        return;
    p->isr &= ~(1 << input);
    if (rotate)
        p->lowest = (uint8_t)input;
}

/* [8259A] "Operation command word 2": R, SL and EOI. */
static void write_ocw2(I8259 *p, uint8_t value)
{
    int input = value & 7;

    switch (value >> 5) {
    case 0: /* rotate in automatic EOI mode: clear */
        p->rotate_on_aeoi = false;
        break;
    case 1: /* non-specific EOI */
        end_of_interrupt(p, highest(p, holding(p)), false);
        break;
    case 2: /* no operation */
        break;
    case 3: /* specific EOI */
        end_of_interrupt(p, input, false);
        break;
    case 4: /* rotate in automatic EOI mode: set */
        p->rotate_on_aeoi = true;
        break;
    case 5: /* rotate on non-specific EOI */
        end_of_interrupt(p, highest(p, holding(p)), true);
        break;
    case 6: /* set priority */
        p->lowest = (uint8_t)input;
        break;
    case 7: /* rotate on specific EOI */
        end_of_interrupt(p, input, true);
        break;
    }
}

static void write_ocw3(I8259 *p, uint8_t value)
{
    if (value & OCW3_ESMM)
        p->special_mask = value & OCW3_SMM;
    if (value & OCW3_RR)
        p->read_isr = value & OCW3_RIS;
    p->poll = value & OCW3_P;
}

static void i8259_write(void *dev, uint64_t offset, uint64_t value, unsigned size)
{
    I8259 *p = dev;

    trace_i8259_write(p->dev.id, (unsigned)offset, (unsigned)value);
    if (offset)
        write_odd(p, value);
    else if (value & ICW1)
        write_icw1(p, value);
    else if (value & OCW3)
        write_ocw3(p, value);
    else
        write_ocw2(p, value);
}

/* [8259A] "Poll command": the read is the INTA. */
static uint8_t read_poll(I8259 *p)
{
    int input = request(p);

    p->poll = false;
    if (input < 0)
        return 0;
    accept(p, (unsigned)input);
    i8259_update(p);
    return POLL_INTERRUPT | input;
}

static uint64_t i8259_read(void *dev, uint64_t offset, unsigned size)
{
    I8259 *p = dev;

    if (p->poll)
        return read_poll(p);
    if (offset)
        return p->imr;
    return p->read_isr ? p->isr : irr(p);
}

static uint64_t elcr_read(void *dev, uint64_t offset, unsigned size)
{
    return ((I8259 *)dev)->elcr;
}

static void elcr_write(void *dev, uint64_t offset, uint64_t value, unsigned size)
{
    I8259 *p = dev;

    p->elcr = value & p->elcr_mask;
}

/* --- the class -------------------------------------------------------------------------------- */

/* A chip without power has no ICWs; as if it had got an ICW1 of zero with nothing to follow. The
 * levels of the inputs are not the chip's to reset. */
static void i8259_reset(void *dev)
{
    I8259 *p = dev;

    write_icw1(p, 0);
    p->icw2 = 0;
    p->elcr = 0;
    p->step = STEP_DONE;
}

static bool i8259_loaded(void *dev, GError **err)
{
    I8259 *p = dev;

    p->lowest &= 7;
    p->icw2 &= 0xf8;
    p->elcr &= p->elcr_mask;
    return true;
}

static const Property props[] = {
    PROP_U(I8259, iobase, 0x20, "first of its two ports"),
    PROP_U(I8259, elcr_port, 0x4d0, "port of the edge/level control register"),
    PROP_U(I8259, elcr_mask, 0xf8, "inputs that may be level triggered"),
    PROP_L(I8259, slave, "the chip on IR2"),
    PROPS_END,
};

static const IoRange io[] = {
    {"pic", IO_PORTS, 0x20, 2, 1, 1, i8259_read, i8259_write, BASE_FROM(I8259, iobase)},
    {"elcr", IO_PORTS, 0x4d0, 1, 1, 1, elcr_read, elcr_write, BASE_FROM(I8259, elcr_port)},
    {0},
};

static const LineDef lines[] = {LINE_IN("ir", 8, i8259_line), LINE_OUT("int", I8259, out), {0}};

static const StateField state[] = {
    STATE(I8259, lines),        STATE(I8259, edges),
    STATE(I8259, imr),          STATE(I8259, isr),
    STATE(I8259, elcr),         STATE(I8259, icw1),
    STATE(I8259, icw2),         STATE(I8259, icw3),
    STATE(I8259, icw4),         STATE(I8259, step),
    STATE(I8259, lowest),       STATE(I8259, rotate_on_aeoi),
    STATE(I8259, special_mask), STATE(I8259, poll),
    STATE(I8259, read_isr),     STATE_END,
};

static void i8259_print(void *dev, GString *out)
{
    I8259 *p = dev;

    g_string_append_printf(out, "  irr=0x%02x int=%d\n", irr(p), p->out[0].level);
}

const DeviceClass i8259_class = {
    .name = "i8259",
    .desc = "programmable interrupt controller",
    .size = sizeof(I8259),
    .props = props,
    .io = io,
    .lines = lines,
    .state = state,
    .reset = i8259_reset,
    .update = i8259_update,
    .loaded = i8259_loaded,
    .print = i8259_print,
};
