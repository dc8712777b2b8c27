/* uart16550.c - serial port: the 16550A UART as an ISA device. [PC16550D].
 *
 * A transmitted byte reaches the back end at once, so the transmitter is empty whenever it can be
 * looked at; received bytes wait in the back end until the FIFO has room, so that nothing is lost.
 * The divisor only sets the length of the character timeout. As on QEMU's pc, OUT2 does not gate
 * the interrupt. Left out: parity and framing errors (the back end has none). */
#include "core/chardev.h"
#include "core/device.h"
#include "core/log.h"

/* Registers, [PC16550D] "Table I. Register addresses"; DLAB turns the first two into the divisor.
 */
enum { REG_DATA, REG_IER, REG_IIR_FCR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCR };

enum {
    IER_RECEIVED = 1,
    IER_EMPTY = 2,
    IER_LINE = 4,
    IER_MODEM = 8,
    IER_BITS = 0x0f,

    IIR_NONE = 0x01,
    IIR_MODEM = 0x00,
    IIR_EMPTY = 0x02,
    IIR_RECEIVED = 0x04,
    IIR_TIMEOUT = 0x0c,
    IIR_LINE = 0x06,
    IIR_FIFOS = 0xc0,

    FCR_ENABLE = 0x01,
    FCR_CLEAR_RECEIVER = 0x02,
    FCR_CLEAR_TRANSMITTER = 0x04,
    FCR_STORED = 0xc9, /* enable, DMA mode, trigger level */

    LCR_WORD = 0x03,
    LCR_STOP = 0x04,
    LCR_PARITY = 0x08,
    LCR_BREAK = 0x40,
    LCR_DLAB = 0x80,

    MCR_DTR = 0x01,
    MCR_RTS = 0x02,
    MCR_OUT1 = 0x04,
    MCR_OUT2 = 0x08,
    MCR_LOOP = 0x10,
    MCR_BITS = 0x1f,

    LSR_READY = 0x01,
    LSR_OVERRUN = 0x02,
    LSR_PARITY = 0x04,
    LSR_FRAMING = 0x08,
    LSR_BREAK = 0x10,
    LSR_EMPTY = 0x60, /* THRE and TEMT: always both */
    LSR_FIFO_ERROR = 0x80,
    LSR_ERRORS = LSR_OVERRUN | LSR_PARITY | LSR_FRAMING | LSR_BREAK,

    MSR_DELTAS = 0x0f, /* bit n: line n of the high half changed */
    MSR_TERI = 0x04,   /* but the ring indicator counts trailing edges only */
    MSR_CTS = 0x10,
    MSR_DSR = 0x20,
    MSR_RI = 0x40,
    MSR_DCD = 0x80,
};

enum { FIFO_SIZE = 16, CLOCK_HZ = 1843200, TIMEOUT_CHARACTERS = 4 };

typedef struct Uart {
    Device dev;

    uint32_t iobase;
    uint32_t irq;
    Chardev *chardev;

    uint8_t ier, fcr, lcr, mcr, scr;
    uint8_t errors; /* LSR_ERRORS bits seen since LSR was read */
    uint8_t modem;  /* the high half of MSR as last seen */
    uint8_t deltas; /* the low half */
    uint16_t divisor;
    bool empty_pending; /* the transmitter-empty interrupt, until IIR shows it */
    uint8_t fifo[FIFO_SIZE];
    uint16_t breaks; /* bit n: fifo[n] is a break */
    uint8_t first, count;
    bool timed_out;
    Ns quiet_since; /* when the FIFO was last filled or read */

    IrqLine out[1];
} Uart;

static bool fifos_enabled(const Uart *u)
{
    return u->fcr & FCR_ENABLE;
}

static unsigned trigger_level(const Uart *u)
{
    static const uint8_t levels[4] = {1, 4, 8, 14};
    return fifos_enabled(u) ? levels[u->fcr >> 6] : 1;
}

/* [PC16550D] "FIFO interrupt mode operation": a start bit, the word, parity, the stop bits. */
static Ns character_time(const Uart *u)
{
    unsigned bits = 1 + 5 + (u->lcr & LCR_WORD) + !!(u->lcr & LCR_PARITY) + 1 +
                    !!(u->lcr & LCR_STOP);
    unsigned divisor = u->divisor ? u->divisor : 1;

    return NS_PER_SEC * bits * 16 * divisor / CLOCK_HZ;
}

static Ns timeout_deadline(const Uart *u)
{
    bool waits = fifos_enabled(u) && u->count && u->count < trigger_level(u) && !u->timed_out;
    return waits ? u->quiet_since + TIMEOUT_CHARACTERS * character_time(u) : NS_NEVER;
}

/* The pending interrupt of highest priority. [PC16550D] "Table III. Interrupt control functions".
 */
static uint8_t interrupt_id(const Uart *u)
{
    if ((u->ier & IER_LINE) && u->errors)
        return IIR_LINE;
    if ((u->ier & IER_RECEIVED) && u->count >= trigger_level(u))
        return IIR_RECEIVED;
    if ((u->ier & IER_RECEIVED) && u->timed_out)
        return IIR_TIMEOUT;
    if ((u->ier & IER_EMPTY) && u->empty_pending)
        return IIR_EMPTY;
    if ((u->ier & IER_MODEM) && u->deltas)
        return IIR_MODEM;
    return IIR_NONE;
}

static size_t uart_can_receive(void *opaque)
{
    Uart *u = opaque;
    unsigned room = fifos_enabled(u) ? FIFO_SIZE : 1;

    if (u->mcr & MCR_LOOP)
        return 0; /* the receiver's pin is cut off; the byte waits for the end of the test */
    return u->count < room ? room - u->count : 0;
}

static void uart_update(void *dev)
{
    Uart *u = dev;

    if (u->chardev && uart_can_receive(u))
        chardev_accept_input(u->chardev); /* it may come back here through uart_receive */
    timer_set(&u->dev.timer, timeout_deadline(u));
    irq_set(&u->out[0], interrupt_id(u) != IIR_NONE);
}

static void uart_expire(void *dev)
{
    Uart *u = dev;

    if (timeout_deadline(u) <= clock_now(u->dev.board->clock))
        u->timed_out = true;
}

/* The break at the head of the FIFO shows in LSR. */
static void reveal_break(Uart *u)
{
    if (u->count && (u->breaks & (1 << u->first)))
        u->errors |= LSR_BREAK;
}

static void receive_byte(Uart *u, uint8_t byte, bool is_break)
{
    unsigned room = fifos_enabled(u) ? FIFO_SIZE : 1;

    if (u->count >= room) {
        u->errors |= LSR_OVERRUN;
        if (fifos_enabled(u))
            return; /* the shift register's byte is lost; without FIFOs it replaces the old one */
        u->count = 0;
    }

    unsigned at = (u->first + u->count) % FIFO_SIZE;
    u->fifo[at] = byte;
    u->breaks = (u->breaks & ~(1 << at)) | is_break << at;
    u->count++;
    u->quiet_since = clock_now(u->dev.board->clock);
    u->timed_out = false;
    if (u->count == 1)
        reveal_break(u);
}

static void clear_receiver(Uart *u)
{
    u->first = u->count = 0;
    u->breaks = 0;
    u->timed_out = false;
}

/* MSR's high half: the far end is always ready; in loopback, our own outputs. */
static uint8_t modem_lines(const Uart *u)
{
    if (!(u->mcr & MCR_LOOP))
        return MSR_CTS | MSR_DSR | MSR_DCD;
    return (u->mcr & MCR_RTS ? MSR_CTS : 0) | (u->mcr & MCR_DTR ? MSR_DSR : 0) |
           (u->mcr & MCR_OUT1 ? MSR_RI : 0) | (u->mcr & MCR_OUT2 ? MSR_DCD : 0);
}

static void watch_modem_lines(Uart *u)
{
    uint8_t now = modem_lines(u);
    uint8_t changed = (now ^ u->modem) >> 4;

    if (now & MSR_RI)
        changed &= ~MSR_TERI;
    u->deltas |= changed;
    u->modem = now;
}

/* The byte is gone at once. In between the transmitter is busy for no time, but long enough for the
 * interrupt line to fall and rise: the edge that an edge-triggered interrupt controller needs. */
static void transmit(Uart *u, uint8_t byte)
{
    u->empty_pending = false;
    uart_update(u);
    if (u->mcr & MCR_LOOP)
        receive_byte(u, byte, false);
    else
        chardev_write(u->chardev, &byte, 1);
    u->empty_pending = true;
}

static uint8_t read_data(Uart *u)
{
    if (!u->count)
        return 0;

    uint8_t byte = u->fifo[u->first];
    u->first = (u->first + 1) % FIFO_SIZE;
    u->count--;
    u->timed_out = false;
    u->quiet_since = clock_now(u->dev.board->clock);
    reveal_break(u);
    return byte;
}

static uint8_t read_iir(Uart *u)
{
    uint8_t id = interrupt_id(u);

    if (id == IIR_EMPTY)
        u->empty_pending = false;
    return id | (fifos_enabled(u) ? IIR_FIFOS : 0);
}

static uint8_t read_lsr(Uart *u)
{
    uint8_t lsr = LSR_EMPTY | u->errors | (u->count ? LSR_READY : 0);

    for (unsigned i = 0; fifos_enabled(u) && i < u->count; i++)
        if (u->breaks & (1 << (u->first + i) % FIFO_SIZE))
            lsr |= LSR_FIFO_ERROR;
    u->errors = 0;
    return lsr;
}

static uint8_t read_msr(Uart *u)
{
    uint8_t msr = u->modem | u->deltas;

    u->deltas = 0;
    return msr;
}

static uint64_t uart_read(void *dev, uint64_t offset, unsigned size)
{
    Uart *u = dev;
    bool dlab = u->lcr & LCR_DLAB;
    uint8_t value = 0;

    switch (offset) {
    case REG_DATA:
        value = dlab ? u->divisor & 0xff : read_data(u);
        break;
    case REG_IER:
        value = dlab ? u->divisor >> 8 : u->ier;
        break;
    case REG_IIR_FCR:
        value = read_iir(u);
        break;
    case REG_LCR:
        value = u->lcr;
        break;
    case REG_MCR:
        value = u->mcr;
        break;
    case REG_LSR:
        value = read_lsr(u);
        break;
    case REG_MSR:
        value = read_msr(u);
        break;
    case REG_SCR:
        value = u->scr;
        break;
    }
    uart_update(u);
    return value;
}

static void write_ier(Uart *u, uint8_t value)
{
    uint8_t enabled = value & ~u->ier;

    u->ier = value & IER_BITS;
    if (enabled & IER_EMPTY)
        u->empty_pending = true; /* it is empty, and that was never told */
}

/* [PC16550D] "FIFO control register": turning the FIFOs on or off empties them. */
static void write_fcr(Uart *u, uint8_t value)
{
    if ((value ^ u->fcr) & FCR_ENABLE)
        value |= FCR_CLEAR_RECEIVER | FCR_CLEAR_TRANSMITTER;
    if (value & FCR_CLEAR_RECEIVER)
        clear_receiver(u);
    if (value & FCR_CLEAR_TRANSMITTER)
        u->empty_pending = true;
    u->fcr = value & FCR_ENABLE ? value & FCR_STORED : 0;
}

static void write_mcr(Uart *u, uint8_t value)
{
    u->mcr = value & MCR_BITS;
    watch_modem_lines(u);
}

static void write_lcr(Uart *u, uint8_t value)
{
    if ((value & ~u->lcr & LCR_BREAK) && (u->mcr & MCR_LOOP))
        receive_byte(u, 0, true);
    u->lcr = value;
}

static void uart_write(void *dev, uint64_t offset, uint64_t value, unsigned size)
{
    Uart *u = dev;
    bool dlab = u->lcr & LCR_DLAB;

    switch (offset) {
    case REG_DATA:
        if (dlab)
            u->divisor = (u->divisor & 0xff00) | value;
        else
            transmit(u, value);
        break;
    case REG_IER:
        if (dlab)
            u->divisor = (u->divisor & 0x00ff) | value << 8;
        else
            write_ier(u, value);
        break;
    case REG_IIR_FCR:
        write_fcr(u, value);
        break;
    case REG_LCR:
        write_lcr(u, value);
        break;
    case REG_MCR:
        write_mcr(u, value);
        break;
    case REG_LSR:
    case REG_MSR:
        guest_error("isa-serial: write of %02x to a status register\n", (unsigned)value);
        break;
    case REG_SCR:
        u->scr = value;
        break;
    }
}

static void uart_receive(void *opaque, const uint8_t *bytes, size_t count)
{
    Uart *u = opaque;

    for (size_t i = 0; i < count; i++)
        receive_byte(u, bytes[i], false);
    uart_update(u);
}

static void uart_event(void *opaque, ChardevEvent event)
{
    Uart *u = opaque;

    if (event == CHARDEV_BREAK && !(u->mcr & MCR_LOOP)) {
        receive_byte(u, 0, true);
        uart_update(u);
    }
}

static bool uart_realize(void *dev, GError **err)
{
    Uart *u = dev;
    ChardevFrontend front = {uart_can_receive, uart_receive, uart_event, u};

    if (u->chardev)
        chardev_attach(u->chardev, &front);
    return true;
}

static void uart_reset(void *dev)
{
    Uart *u = dev;

    u->ier = u->fcr = u->lcr = u->scr = u->errors = u->deltas = 0;
    u->mcr = MCR_OUT2;
    u->divisor = 12; /* 9600 baud; the chip's is undefined */
    u->empty_pending = false;
    u->quiet_since = 0;
    u->modem = modem_lines(u);
    memset(u->fifo, 0, sizeof(u->fifo));
    clear_receiver(u);
}

static bool uart_loaded(void *dev, GError **err)
{
    Uart *u = dev;

    u->first %= FIFO_SIZE;
    u->count = MIN(u->count, FIFO_SIZE);
    return true;
}

static const Property props[] = {
    PROP_U(Uart, iobase, 0x3f8, "first port"),
    PROP_U(Uart, irq, 4, "ISA interrupt"),
    PROP_L(Uart, chardev, "where the bytes go"),
    PROPS_END,
};

static const IoRange io[] = {
    {.name = "serial",
     .space = IO_PORTS,
     .base = 0x3f8,
     .size = 8,
     .max_access = 1,
     .read = uart_read,
     .write = uart_write,
     BASE_FROM(Uart, iobase)},
    {0},
};

static const LineDef lines[] = {
    LINE_OUT("irq", Uart, out),
    {0},
};

static const StateField state[] = {
    STATE(Uart, ier),
    STATE(Uart, fcr),
    STATE(Uart, lcr),
    STATE(Uart, mcr),
    STATE(Uart, scr),
    STATE(Uart, errors),
    STATE(Uart, modem),
    STATE(Uart, deltas),
    STATE(Uart, divisor),
    STATE(Uart, empty_pending),
    STATE_BYTES(Uart, fifo),
    STATE(Uart, breaks),
    STATE(Uart, first),
    STATE(Uart, count),
    STATE(Uart, timed_out),
    STATE(Uart, quiet_since),
    STATE_END,
};

const DeviceClass isa_serial_class = {
    .name = "isa-serial",
    .desc = "16550A serial port",
    .size = sizeof(Uart),
    .props = props,
    .io = io,
    .lines = lines,
    .state = state,
    .user_creatable = true,
    .realize = uart_realize,
    .reset = uart_reset,
    .update = uart_update,
    .expire = uart_expire,
    .loaded = uart_loaded,
};
