/* interrupts.c - maskable interrupts, NMI, their shadows, HLT, and the chips that send them.
 * [SDM3] "Interrupt and Exception Handling"; [8259A]; [8254]; [MC146818A]. */
#include "lib/apic.h"
#include "lib/chips.h"
#include "lib/cpu.h"
#include "lib/snippet.h"
#include "lib/tap.h"
#include "lib/trap.h"
#include "lib/x86.h"

static volatile u32 interrupts; /* how many the handlers below saw */
static volatile word interrupt_ip, interrupt_flags;
static volatile u32 nmis, nested_nmis;
static volatile bool in_nmi;

static void on_timer(Frame *frame)
{
    interrupts++;
    interrupt_ip = frame->ip;
    interrupt_flags = read_flags();
    pic_eoi(IRQ_TIMER);
}

static void on_nmi(Frame *frame)
{
    if (in_nmi) {
        nested_nmis++;
    }
    nmis++;
    interrupt_ip = frame->ip;
    interrupt_flags = read_flags();
}

/* Pic and APICs as at the start, nothing pending, handlers for IRQ0 and NMI. */
static void setup(void)
{
    interrupts = nmis = nested_nmis = 0;
    in_nmi = false;
    interrupt_ip = 0;
    pit_stop();
    pic_init();
    if (cpu_has(HAS_APIC)) {
        apic_init();
        ioapic_init();
    }
    trap_handle(IRQ(IRQ_TIMER), on_timer);
    trap_handle(NMI, on_nmi);
}

/* IRQ0 is requested and waits; IF is 0. */
static void setup_pending(void)
{
    setup();
    pic_unmask(1 << IRQ_TIMER);
    pit_start(PIT_MODE0, 1);
    check(wait_until(pic_read(PIC_READ_IRR) & 1));
    check_eq(interrupts, 0);
}

SNIPPET(sti_shadow, "sti\n nop\n sti_after_nop: nop\n cli");
LABEL(sti_after_nop);
CASE(sti_delays_one_instruction, "STI lets one more instruction through before an interrupt")
{
    /* [SDM2] STI: "the processor begins responding ... after the next instruction is executed". */
    setup_pending();
    sti_shadow();
    check_eq(interrupts, 1);
    check_eq(interrupt_ip, (word)sti_after_nop);
}

SNIPPET(sti_cli, "sti\n cli\n nop");
CASE(sti_cli_no_window, "STI followed by CLI opens no window")
{
    /* [SDM2] STI: "an STI instruction followed by a CLI ... interrupts are not recognized". */
    setup_pending();
    for (int i = 0; i < 100; i++) {
        sti_cli();
    }
    check_eq(interrupts, 0);
}

SNIPPET(sti_twice, "sti\n sti\n sti_twice_end: nop\n cli");
LABEL(sti_twice_end);
CASE(sti_twice_shadows_once, "a second STI casts no new shadow while IF is already 1")
{
    /* [SDM2] STI: the delay is after an STI that changes IF from 0 to 1. */
    setup_pending();
    sti_twice();
    check_eq(interrupts, 1);
    check_eq(interrupt_ip, (word)sti_twice_end);
}

SNIPPET(popf_window, "pushf\n orl $0x200, (%esp)\n popf\n popf_end: nop\n cli");
LABEL(popf_end);
CASE(popf_opens_at_once, "POPF that sets IF casts no shadow")
{
    /* [SDM3] "Masking Maskable Hardware Interrupts": only STI, MOV SS and POP SS inhibit. */
    setup_pending();
    popf_window();
    check_eq(interrupts, 1);
    check_eq(interrupt_ip, (word)popf_end);
}

SNIPPET(iret_window, "pushf\n orl $0x200, (%esp)\n push %cs\n push $iret_end\n iret\n"
                     "iret_end: nop\n cli");
LABEL(iret_end);
CASE(iret_opens_at_once, "IRET that sets IF casts no shadow")
{
    setup_pending();
    iret_window();
    check_eq(interrupts, 1);
    check_eq(interrupt_ip, (word)iret_end);
}

/* The first interrupt is masked by the shadow of MOV SS, which begins with IF already 1: IF comes
 * with a POPF while IRQ0 is masked in the PIC, then OUT unmasks it. */
SNIPPET(mov_ss_shadow, "mov %ss, %ecx\n sti\n nop\n mov $0xfe, %al\n"
                       "mov %ecx, %ss\n out %al, $0x21\n mov_ss_end: nop\n nop\n cli");
LABEL(mov_ss_end);
CASE(mov_ss_shadow_covers_next,
     "the instruction after MOV SS is not interrupted, the next one may be")
{
    /* [SDM2] MOV: "loading the SS register ... inhibits all interrupts until after the next
     * instruction". */
    setup_pending();
    pic_unmask(0);
    mov_ss_shadow();
    check_eq(interrupts, 1);
    check_eq(interrupt_ip, (word)mov_ss_end);
}

SNIPPET(sti_mov_ss,
        "mov %ss, %ecx\n sti\n mov %ecx, %ss\n sti_mov_ss_1: nop\n sti_mov_ss_2: nop\n cli");
LABEL(sti_mov_ss_1);
;
LABEL(sti_mov_ss_2);
CASE(sti_then_mov_ss, "MOV SS in the shadow of STI: its own shadow is optional")
{
    /* [SDM2] MOV: "only the first instruction in the sequence is guaranteed to delay the
     * interrupt". */
    setup_pending();
    sti_mov_ss();
    check_eq(interrupts, 1);
    check(interrupt_ip == (word)sti_mov_ss_1 || interrupt_ip == (word)sti_mov_ss_2);
}

SNIPPET(pop_ss_shadow, "push %ss\n sti\n nop\n mov $0xfe, %al\n"
                       "pop %ss\n out %al, $0x21\n pop_ss_end: nop\n nop\n cli");
LABEL(pop_ss_end);
CASE(pop_ss_shadow_covers_next, "POP SS shadows as MOV SS does")
{
    /* [SDM2] POP: "inhibits ... all interrupts, including NMI, until after the next instruction".
     */
    setup_pending();
    pic_unmask(0);
    pop_ss_shadow();
    check_eq(interrupts, 1);
    check_eq(interrupt_ip, (word)pop_ss_end);
}

CASE(interrupt_gate_clears_if, "an interrupt gate clears IF, a trap gate keeps it")
{
    /* [SDM3] "Flag Usage By Exception- or Interrupt-Handler Procedure". */
    setup_pending();
    sti_shadow();
    check_eq(interrupt_flags & FLAG_IF, 0);

    setup_pending();
    idt_access(IRQ(IRQ_TIMER), SEG_P | SYS_TRAP);
    sti_shadow();
    check_eq(interrupts, 1);
    check_eq(interrupt_flags & FLAG_IF, FLAG_IF);
}

SNIPPET(sti_hlt, "sti\n hlt\n hlt_end: cli");
LABEL(hlt_end);
CASE(hlt_wakes_by_interrupt, "STI, HLT sleeps until an interrupt and goes on after HLT")
{
    /* [SDM2] HLT: "the saved instruction pointer points to the instruction following the HLT". */
    setup();
    pic_unmask(1 << IRQ_TIMER);
    pit_start(PIT_MODE0, 3000);
    sti_hlt();
    check_eq(interrupts, 1);
    check_eq(interrupt_ip, (word)hlt_end);
}

CASE(hlt_pending_interrupt, "an interrupt that already waits wakes HLT at once")
{
    setup_pending();
    sti_hlt();
    check_eq(interrupts, 1);
    check_eq(interrupt_ip, (word)hlt_end);
}

SNIPPET(hlt_cli, "hlt\n hlt_cli_end: nop");
LABEL(hlt_cli_end);
CASE(hlt_wakes_by_nmi, "with IF 0 an NMI ends HLT")
{
    u32 start;

    require(HAS_APIC);
    setup();
    /* The timer's LVT cannot send an NMI, but LINT0 can: the PIC's output as an NMI. */
    apic_write(APIC_LVT_LINT0, LVT_NMI);
    pic_unmask(1 << IRQ_TIMER);
    start = nmis;
    pit_start(PIT_MODE0, 3000);
    hlt_cli();
    check_eq(nmis - start, 1);
    check_eq(interrupt_ip, (word)hlt_cli_end);
    pic_unmask(0);
    apic_init();
}

static void send_nmi_to_self(void)
{
    apic_send(apic_id(), ICR_NMI);
}

CASE(nmi_ignores_if, "NMI is taken with IF 0")
{
    /* [SDM3] "Nonmaskable Interrupt (NMI)". */
    require(HAS_APIC);
    setup();
    send_nmi_to_self();
    check(wait_until(nmis == 1));
    check_eq(interrupt_flags & FLAG_IF, 0);
}

static void on_nmi_sends_nmi(Frame *frame)
{
    on_nmi(frame);
    if (nmis > 2) {
        return;
    }
    in_nmi = true;
    send_nmi_to_self();
    send_nmi_to_self(); /* no third one is kept */
    delay_us(100);
    in_nmi = false;
}

CASE(nmi_blocks_nmi, "a second NMI waits for the IRET of the first; only one is kept")
{
    /* [SDM3] "Handling Multiple NMIs". */
    require(HAS_APIC);
    setup();
    trap_handle(NMI, on_nmi_sends_nmi);
    send_nmi_to_self();
    check(wait_until(nmis >= 2));
    delay_us(100);
    check_eq(nested_nmis, 0);
    /* The second sends two more again while it runs, of which the third of all is the last. */
    check_eq(nmis, 3);
}

static void on_breakpoint(Frame *frame)
{
}

static void on_nmi_irets_early(Frame *frame)
{
    on_nmi(frame);
    if (nmis > 1) {
        return;
    }
    in_nmi = true;
    send_nmi_to_self();
    delay_us(100);
    check_eq(nested_nmis, 0);
    asm volatile("int3"); /* its handler's IRET ends the blocking */
    check(wait_until(nested_nmis == 1));
    in_nmi = false;
}

CASE(nmi_unblocked_by_any_iret,
     "the IRET of an exception inside the NMI handler lets the next NMI in")
{
    /* [SDM3] "Handling Multiple NMIs": until the next IRET, whichever it is. */
    require(HAS_APIC);
    setup();
    trap_handle(NMI, on_nmi_irets_early);
    trap_handle(BP, on_breakpoint);
    send_nmi_to_self();
    check(wait_until(nmis == 2));
}

CASE(nmi_before_interrupt, "NMI comes before a maskable interrupt")
{
    /* [SDM3] "Priority Among Concurrent Events". */
    setup_pending();
    require(HAS_APIC);
    send_nmi_to_self();
    sti_shadow();
    check_eq(nmis, 1);
    check_eq(interrupts, 1);
    check(interrupt_ip == (word)sti_after_nop);
}

CASE(int_2_blocks_no_nmi, "INT n through vector 2 does not block NMI")
{
    /* [SDM3] "Nonmaskable Interrupt (NMI)": INT 2 calls the handler but not NMI hardware. */
    require(HAS_APIC);
    setup();
    trap_handle(NMI, on_nmi_sends_nmi);
    asm volatile("int $2");
    /* The handler is left by the first NMI it sends itself: nested. */
    check(nested_nmis >= 1);
}

CASE(pic_mask, "a masked line stays in IRR and comes when it is unmasked")
{
    /* [8259A] "Interrupt Mask Register": masking does not affect IRR. */
    setup_pending();
    pic_unmask(0);
    asm volatile("sti; nop; nop; cli");
    check_eq(interrupts, 0);
    check_eq(pic_read(PIC_READ_IRR) & 1, 1);
    pic_unmask(1 << IRQ_TIMER);
    asm volatile("sti; nop; nop; cli");
    check_eq(interrupts, 1);
}

static u16 isr_seen;

static void on_timer_no_eoi(Frame *frame)
{
    interrupts++;
    isr_seen = pic_read(PIC_READ_ISR);
}

CASE(pic_in_service, "the line is in service until EOI, and blocks itself")
{
    /* [8259A] "In-Service Register", "End of Interrupt". */
    setup_pending();
    trap_handle(IRQ(IRQ_TIMER), on_timer_no_eoi);
    pit_start(PIT_MODE2, 1200);
    asm volatile("sti");
    delay_us(5000);
    asm volatile("cli");
    check_eq(interrupts, 1);
    check_eq(isr_seen, 1);
    pic_eoi(IRQ_TIMER);
    check_eq(pic_read(PIC_READ_ISR), 0);
    asm volatile("sti; nop; nop; cli");
    check_eq(interrupts, 2);
}

CASE(pic_vector_base, "ICW2 sets the vectors")
{
    setup();
    trap_handle(0x70, on_timer);
    outb(PIC1, 0x11);
    outb(PIC1 + PIC_DATA, 0x77); /* the low three bits are not used */
    outb(PIC1 + PIC_DATA, 1 << IRQ_CASCADE);
    outb(PIC1 + PIC_DATA, 0x01);
    pic_unmask(1 << IRQ_TIMER);
    pit_start(PIT_MODE0, 100);
    asm volatile("sti");
    check(wait_until(interrupts == 1));
    asm volatile("cli");
}

static volatile u32 spurious;

static void on_irq7(Frame *frame)
{
    spurious++;
    isr_seen = pic_read(PIC_READ_ISR);
}

CASE(pic_spurious_irq7,
     "a request whose line falls is withdrawn, or comes as IRQ7 without an ISR bit")
{
    /* [8259A] "Edge and Level Triggered Modes": the line must stay high until the first INTA, else
     * "a DEFAULT IR7 will occur". The peer keeps an edge's request. */
    setup_pending();
    spurious = 0;
    isr_seen = 0;
    trap_handle(IRQ(7), on_irq7);
    pit_start(PIT_MODE0, 60000); /* OUT falls */
    check_eq(pic_read(PIC_READ_IRR) & 1, 0);
    asm volatile("sti; nop; nop; cli");
    check_eq(interrupts, 0);
    check_eq(isr_seen, 0);
}

static volatile u32 order; /* a digit each interrupt */

static void note_clock(Frame *frame)
{
    order = order << 4 | 8;
    rtc_read(RTC_C);
    pic_eoi(IRQ_CLOCK);
}

static void note_timer(Frame *frame)
{
    order = order << 4 | 1;
    pic_eoi(IRQ_TIMER);
}

CASE(pic_priority, "of two requests the lower line number comes first")
{
    /* [8259A] "Fully Nested Mode". IRQ8 is behind IRQ2: before IRQ3 to IRQ7, but after IRQ0. */
    setup();
    order = 0;
    trap_handle(IRQ(IRQ_CLOCK), note_clock);
    trap_handle(IRQ(IRQ_TIMER), note_timer);
    rtc_read(RTC_C);
    rtc_write(RTC_A, 0x26); /* 1024 Hz */
    rtc_write(RTC_B, RTC_24H | RTC_PIE);
    pic_unmask(1 << IRQ_TIMER | 1 << IRQ_CLOCK);
    check(wait_until(pic_read(PIC_READ_IRR) & 0x100));
    pit_start(PIT_MODE0, 1);
    check(wait_until(pic_read(PIC_READ_IRR) & 1));
    asm volatile("sti; nop; nop; nop; cli");
    rtc_write(RTC_B, RTC_24H);
    check_eq(order, 0x18);
}

CASE(pit_periodic, "mode 2 interrupts once a period")
{
    /* [8254] "Mode 2: Rate Generator". 2 ms periods for about 50 ms; a busy host may delay but not
     * add. */
    u64 start, ms = tsc_per_ms();
    u32 elapsed;

    setup();
    pic_unmask(1 << IRQ_TIMER);
    start = rdtsc();
    pit_start(PIT_MODE2, PIT_HZ / 500);
    asm volatile("sti");
    while (rdtsc() < start + 50 * ms) {}
    asm volatile("cli");
    elapsed = (u32)((rdtsc() - start) >> 10) / ((u32)ms >> 10);
    check(interrupts >= 10);
    check(interrupts <= elapsed / 2 + 2);
}

CASE(pit_one_shot, "mode 0 interrupts once at the end of the count")
{
    /* [8254] "Mode 0: Interrupt on Terminal Count". */
    setup();
    pic_unmask(1 << IRQ_TIMER);
    pit_start(PIT_MODE0, 2000);
    asm volatile("sti");
    check(wait_until(interrupts == 1));
    delay_us(10000);
    asm volatile("cli");
    check_eq(interrupts, 1);
}

static volatile u32 clock_flags;

static void on_clock(Frame *frame)
{
    interrupts++;
    clock_flags = rtc_read(RTC_C);
    pic_eoi(IRQ_CLOCK);
}

CASE(rtc_periodic, "the clock interrupts on IRQ8 at its periodic rate; reading C rearms it")
{
    /* [MC146818A] "Periodic Interrupt Selection", "Register C". */
    setup();
    trap_handle(IRQ(IRQ_CLOCK), on_clock);
    rtc_read(RTC_C);
    rtc_write(RTC_A, 0x26);
    rtc_write(RTC_B, RTC_24H | RTC_PIE);
    pic_unmask(1 << IRQ_CLOCK);
    asm volatile("sti");
    check(wait_until(interrupts >= 5));
    asm volatile("cli");
    check_eq(clock_flags & (RTC_IRQF | RTC_PF), RTC_IRQF | RTC_PF);
    rtc_write(RTC_B, RTC_24H);
}

CASE(int_n_ignores_if, "INT n does not need IF and is no interrupt of the PIC")
{
    setup();
    asm volatile("int %0" : : "i"(IRQ(IRQ_TIMER)));
    check_eq(interrupts, 1);
    check_eq(pic_read(PIC_READ_ISR), 0);
}
