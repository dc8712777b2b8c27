/* chips.c - PIC, PIT and clock. */
#include "chips.h"
#include "x86.h"

enum { PIT_CHANNEL0 = 0x40, PIT_CHANNEL2 = 0x42, PIT_CONTROL = 0x43, PORT_B = 0x61 };
enum { PORT_B_GATE2 = 1, PORT_B_SPEAKER = 2, PORT_B_OUT2 = 0x20 };
enum { RTC_INDEX = 0x70, RTC_DATA = 0x71, RTC_NMI_OFF = 0x80 };

void pic_init(void)
{
    /* [8259A] "Initialization Command Words": edge, cascade, ICW4; vectors; wiring; 8086 mode. */
    outb(PIC1, 0x11);
    outb(PIC1 + PIC_DATA, IRQ_BASE);
    outb(PIC1 + PIC_DATA, 1 << IRQ_CASCADE);
    outb(PIC1 + PIC_DATA, 0x01);
    outb(PIC2, 0x11);
    outb(PIC2 + PIC_DATA, IRQ_BASE + 8);
    outb(PIC2 + PIC_DATA, IRQ_CASCADE);
    outb(PIC2 + PIC_DATA, 0x01);
    pic_unmask(0);
}

void pic_unmask(u16 lines)
{
    if (lines & 0xff00) {
        lines |= 1 << IRQ_CASCADE;
    }
    outb(PIC1 + PIC_DATA, ~lines);
    outb(PIC2 + PIC_DATA, ~lines >> 8);
}

void pic_eoi(u8 line)
{
    if (line >= 8) {
        outb(PIC2, PIC_EOI);
    }
    outb(PIC1, PIC_EOI);
}

u16 pic_read(u8 command)
{
    outb(PIC1, command);
    outb(PIC2, command);
    return inb(PIC1) | inb(PIC2) << 8;
}

void pit_start(u8 mode, u16 count)
{
    outb(PIT_CONTROL, 0x30 | mode);
    outb(PIT_CHANNEL0, count);
    outb(PIT_CHANNEL0, count >> 8);
}

void pit_stop(void)
{
    outb(PIT_CONTROL, 0x30 | PIT_MODE2); /* no count: it does not start */
}

u16 pit_count(void)
{
    u8 low;

    outb(PIT_CONTROL, 0); /* latch channel 0 */
    low = inb(PIT_CHANNEL0);
    return low | inb(PIT_CHANNEL0) << 8;
}

u8 rtc_read(u8 index)
{
    outb(RTC_INDEX, index);
    return inb(RTC_DATA);
}

void rtc_write(u8 index, u8 value)
{
    outb(RTC_INDEX, index);
    outb(RTC_DATA, value);
}

/* Half a millisecond of channel 2, in mode 0: its output rises at the end. [8254] "Mode 0". */
static u32 measure_tsc(void)
{
    u16 count = PIT_HZ / 2000;
    u64 start;

    outb(PORT_B, (inb(PORT_B) & ~PORT_B_SPEAKER) | PORT_B_GATE2);
    outb(PIT_CONTROL, 0xb0);
    outb(PIT_CHANNEL2, count);
    start = rdtsc();
    outb(PIT_CHANNEL2, count >> 8);
    while (!(inb(PORT_B) & PORT_B_OUT2)) {}
    return rdtsc() - start;
}

u64 tsc_per_ms(void)
{
    static u32 per_ms;

    if (!per_ms) {
        /* A busy host makes some too long; none is too short. */
        u32 shortest = UINT32_MAX;
        for (int i = 0; i < 20; i++) {
            u32 ticks = measure_tsc();
            shortest = ticks < shortest ? ticks : shortest;
        }
        per_ms = shortest * 2;
    }
    return per_ms;
}

void delay_us(u32 us)
{
    u64 end = rdtsc() + (u32)tsc_per_ms() / 1000 * (u64)us;

    while (rdtsc() < end) {
        asm volatile("pause");
    }
}
