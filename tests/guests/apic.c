/* apic.c - the local APIC and the I/O APIC on one CPU. [SDM3] "Advanced Programmable Interrupt
 * Controller (APIC)"; [82093AA]. */
#include "lib/apic.h"
#include "lib/chips.h"
#include "lib/cpu.h"
#include "lib/tap.h"
#include "lib/trap.h"
#include "lib/x86.h"

enum { VECTOR_A = 0x41, VECTOR_B = 0x52, VECTOR_C = 0x63, VECTOR_TIMER = 0x80 };

static volatile u32 count[256];
static volatile u32 order; /* two digits each interrupt */
static volatile u32 ppr_seen;
static volatile u32 eois_due;

static void on_any(Frame *frame)
{
    count[frame->vector]++;
    order = order << 8 | frame->vector;
    apic_eoi();
}

static void on_spurious(Frame *frame)
{
    count[frame->vector]++; /* no EOI */
}

static void window(void)
{
    asm volatile("sti; nop; nop; nop; nop; cli" : : : "memory");
}

static void setup(void)
{
    require(HAS_APIC);
    for (int v = 0; v < 256; v++) {
        count[v] = 0;
    }
    order = 0;
    pit_stop();
    pic_init();
    apic_init();
    ioapic_init();
    for (int v = 0x40; v < 0xf0; v++) {
        trap_handle(v, on_any);
    }
    trap_handle(VECTOR_SPURIOUS, on_spurious);
}

static void self(u8 vector)
{
    apic_send(0, ICR_SELF | ICR_FIXED | vector);
}

CASE(identification, "version register: integrated APIC, at least 5 LVT entries; ID as CPUID says")
{
    u32 out[4], version;

    setup();
    version = apic_read(APIC_VERSION);
    check((version & 0xff) >= 0x10 &&
          (version & 0xff) <= 0x15); /* [SDM3] "Local APIC Version Register" */
    check((version >> 16 & 0xff) >= 4);
    cpuid(1, 0, out);
    check_eq(apic_id(), out[1] >> 24);
    check(rdmsr(MSR_APIC_BASE) & APIC_BASE_BSP);
    check_eq(rdmsr(MSR_APIC_BASE) & ~0xfffull, APIC_BASE);
}

CASE(software_disable,
     "clearing the enable bit of SVR sets every mask of the LVT, which then stay set")
{
    /* [SDM3] "Local APIC State After It Has Been Software Disabled". */
    setup();
    apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
    apic_write(APIC_SVR, VECTOR_SPURIOUS);
    for (u32 lvt = APIC_LVT_LINT0; lvt <= APIC_LVT_ERROR; lvt += 0x10) {
        check_eq(apic_read(lvt) & LVT_MASKED, LVT_MASKED);
    }
    check_eq(apic_read(APIC_LVT_TIMER) & LVT_MASKED, LVT_MASKED);
    apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
    check_eq(apic_read(APIC_LVT_TIMER), LVT_MASKED | VECTOR_TIMER);
    apic_write(APIC_SVR, APIC_SVR_ENABLE | VECTOR_SPURIOUS);
    check_eq(apic_read(APIC_LVT_TIMER), LVT_MASKED | VECTOR_TIMER);
}

CASE(self_ipi, "an IPI to self is taken once, and waits in IRR while IF is 0")
{
    /* [SDM3] "Interrupt Acceptance for Fixed Interrupts". */
    setup();
    self(VECTOR_A);
    self(VECTOR_A); /* IRR holds one */
    check(apic_bit(APIC_IRR, VECTOR_A));
    check(!apic_bit(APIC_ISR, VECTOR_A));
    window();
    check_eq(count[VECTOR_A], 1);
    check(!apic_bit(APIC_IRR, VECTOR_A));
    check(!apic_bit(APIC_ISR, VECTOR_A));
}

static volatile bool isr_inside, irr_inside;

static void on_looks(Frame *frame)
{
    count[frame->vector]++;
    isr_inside = apic_bit(APIC_ISR, frame->vector);
    irr_inside = apic_bit(APIC_IRR, frame->vector);
    ppr_seen = apic_read(APIC_PPR);
    apic_eoi();
    eois_due = apic_bit(APIC_ISR, frame->vector);
}

CASE(in_service, "in the handler the vector is in ISR, and PPR is its class, until EOI")
{
    /* [SDM3] "Processor Priority": PPR[7:4] is the larger of TPR's and ISRV's class. */
    setup();
    trap_handle(VECTOR_B, on_looks);
    self(VECTOR_B);
    window();
    check(isr_inside);
    check(!irr_inside);
    check_eq(ppr_seen, VECTOR_B & 0xf0);
    check_eq(eois_due, 0);
    check_eq(apic_read(APIC_PPR), 0);
}

CASE(two_deep, "one more of a vector in service is kept in IRR, and comes after EOI")
{
    /* [SDM3] "Interrupt Acceptance for Fixed Interrupts": ISR and IRR hold one each. */
    setup();
    trap_handle(VECTOR_B, on_spurious); /* counts, without EOI */
    self(VECTOR_B);
    window();
    self(VECTOR_B);
    self(VECTOR_B);
    window();
    check_eq(count[VECTOR_B], 1);
    check(apic_bit(APIC_IRR, VECTOR_B));
    apic_eoi();
    window();
    check_eq(count[VECTOR_B], 2);
    apic_eoi();
    window();
    check_eq(count[VECTOR_B], 2);
}

CASE(priority_order, "of the vectors that wait the highest comes first")
{
    setup();
    self(VECTOR_A);
    self(VECTOR_C);
    self(VECTOR_B);
    window();
    check_eq(order, VECTOR_C << 16 | VECTOR_B << 8 | VECTOR_A);
}

static void on_opens(Frame *frame)
{
    count[frame->vector]++;
    self(VECTOR_A);
    self(0x5f); /* the same class as VECTOR_B */
    self(VECTOR_C);
    window();
    order = order << 8 | frame->vector;
    apic_eoi();
}

CASE(nesting, "only a higher class interrupts a handler")
{
    /* [SDM3] "Interrupt, Task, and Processor Priority": classes of 16 vectors. */
    setup();
    trap_handle(VECTOR_B, on_opens);
    self(VECTOR_B);
    window();
    check_eq(order, (u32)VECTOR_C << 24 | VECTOR_B << 16 | 0x5f << 8 | VECTOR_A);
}

CASE(task_priority, "TPR holds its class and those below; the others pass")
{
    /* [SDM3] "Task Priority". */
    setup();
    apic_write(APIC_TPR, 0x50);
    check_eq(apic_read(APIC_PPR), 0x50);
    self(VECTOR_A);
    self(VECTOR_B);
    self(VECTOR_C);
    window();
    check_eq(order, VECTOR_C);
    apic_write(APIC_TPR, 0x40);
    window();
    check_eq(order, VECTOR_C << 8 | VECTOR_B);
    apic_write(APIC_TPR, 0x3f);
    window();
    check_eq(order, VECTOR_C << 16 | VECTOR_B << 8 | VECTOR_A);
}

CASE(task_priority_subclass, "PPR is TPR, subclass too, where its class is not below ISRV's")
{
    /* [SDM3] "Processor Priority": PPR[3:0]. */
    setup();
    apic_write(APIC_TPR, 0x57);
    check_eq(apic_read(APIC_PPR), 0x57);
    apic_write(APIC_TPR, 0);
    check_eq(apic_read(APIC_PPR), 0);
}

CASE(ipi_illegal_vector, "an IPI of a vector below 16 is not sent and is an error")
{
    /* [SDM3] "Error Handling": send illegal vector, bit 5; here the own APIC may see bit 6 too. */
    setup();
    self(0x05);
    apic_write(APIC_ESR, 0);
    check(apic_read(APIC_ESR) & (ESR_SEND_ILLEGAL | ESR_RECEIVE_ILLEGAL));
    apic_write(APIC_ESR, 0);
    check_eq(apic_read(APIC_ESR), 0);
}

CASE(error_interrupt, "an error raises the interrupt of the error entry")
{
    setup();
    apic_write(APIC_LVT_ERROR, VECTOR_A);
    self(0x05);
    window();
    check_eq(count[VECTOR_A], 1);
}

/* --- the timer ------------------------------------------------------------------------------- */

CASE(timer_one_shot, "one-shot: one interrupt, and the count stays 0")
{
    /* [SDM3] "APIC Timer". */
    setup();
    apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
    apic_write(APIC_TIMER_INITIAL, 100000);
    asm volatile("sti");
    check(wait_until(count[VECTOR_TIMER] == 1));
    delay_us(2000);
    asm volatile("cli");
    check_eq(count[VECTOR_TIMER], 1);
    check_eq(apic_read(APIC_TIMER_CURRENT), 0);
}

CASE(timer_counts_down, "the current count falls from the initial count")
{
    u32 first, second;

    setup();
    apic_write(APIC_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
    apic_write(APIC_TIMER_INITIAL, 0xffffffff);
    first = apic_read(APIC_TIMER_CURRENT);
    delay_us(100);
    second = apic_read(APIC_TIMER_CURRENT);
    check(first > 0xf0000000);
    check(second < first);
    apic_write(APIC_TIMER_INITIAL, 0); /* stops it */
    check_eq(apic_read(APIC_TIMER_CURRENT), 0);
}

CASE(timer_divides, "the divide configuration slows the count")
{
    u32 fast, slow;

    setup();
    apic_write(APIC_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
    apic_write(APIC_TIMER_INITIAL, 0xffffffff);
    delay_us(2000);
    fast = 0xffffffff - apic_read(APIC_TIMER_CURRENT);
    apic_write(APIC_TIMER_DIVIDE, TIMER_DIVIDE_16);
    apic_write(APIC_TIMER_INITIAL, 0xffffffff);
    delay_us(2000);
    slow = 0xffffffff - apic_read(APIC_TIMER_CURRENT);
    check(slow < fast / 2); /* 16 times, on a host that is not busy */
    check_eq(apic_read(APIC_TIMER_DIVIDE), TIMER_DIVIDE_16);
}

CASE(timer_periodic, "periodic: interrupts until it is stopped")
{
    u32 seen;

    setup();
    apic_write(APIC_LVT_TIMER, LVT_PERIODIC | VECTOR_TIMER);
    apic_write(APIC_TIMER_INITIAL, 200000);
    asm volatile("sti");
    check(wait_until(count[VECTOR_TIMER] >= 5));
    check(apic_read(APIC_TIMER_CURRENT) <= 200000);
    apic_write(APIC_TIMER_INITIAL, 0);
    window();
    seen = count[VECTOR_TIMER];
    delay_us(2000);
    window();
    check_eq(count[VECTOR_TIMER], seen);
}

CASE(timer_masked, "a masked timer counts but does not interrupt, nor later when it is unmasked")
{
    setup();
    apic_write(APIC_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
    apic_write(APIC_TIMER_INITIAL, 1000);
    check(wait_until(apic_read(APIC_TIMER_CURRENT) == 0));
    apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
    delay_us(100);
    window();
    check_eq(count[VECTOR_TIMER], 0);
}

CASE(timer_tsc_deadline, "TSC-deadline: an interrupt at the time, after which the MSR is 0")
{
    /* [SDM3] "TSC-Deadline Mode". */
    u64 deadline;

    setup();
    require(HAS_TSC_DEADLINE);
    apic_write(APIC_LVT_TIMER, LVT_TSC_DEADLINE | VECTOR_TIMER);
    apic_write(APIC_TIMER_INITIAL, 1000); /* ignored in this mode */
    check_eq(apic_read(APIC_TIMER_CURRENT), 0);
    deadline = rdtsc() + 2 * tsc_per_ms();
    wrmsr(MSR_TSC_DEADLINE, deadline);
    asm volatile("sti");
    check(wait_until(count[VECTOR_TIMER] == 1));
    asm volatile("cli");
    check(rdtsc() >= deadline);
    check_eq(rdmsr(MSR_TSC_DEADLINE), 0);
}

CASE(timer_deadline_disarm, "a deadline of 0 disarms, one in the past fires at once")
{
    setup();
    require(HAS_TSC_DEADLINE);
    apic_write(APIC_LVT_TIMER, LVT_TSC_DEADLINE | VECTOR_TIMER);
    wrmsr(MSR_TSC_DEADLINE, rdtsc() + tsc_per_ms());
    wrmsr(MSR_TSC_DEADLINE, 0);
    asm volatile("sti");
    delay_us(3000);
    check_eq(count[VECTOR_TIMER], 0);
    wrmsr(MSR_TSC_DEADLINE, 1);
    check(wait_until(count[VECTOR_TIMER] == 1));
    asm volatile("cli");
    /* In the other modes the MSR reads 0 and writes are ignored. */
    apic_write(APIC_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
    wrmsr(MSR_TSC_DEADLINE, rdtsc() + 1000 * tsc_per_ms());
    check_eq(rdmsr(MSR_TSC_DEADLINE), 0);
}

CASE(hlt_timer, "HLT sleeps until the timer's interrupt")
{
    setup();
    apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
    apic_write(APIC_TIMER_INITIAL, 1000000);
    asm volatile("sti; hlt; cli");
    check_eq(count[VECTOR_TIMER], 1);
}

/* --- the local vector table -------------------------------------------------------------------- */

CASE(lint0_masked, "a masked LINT0 keeps the PIC's interrupts out")
{
    setup();
    trap_handle(IRQ(IRQ_TIMER), on_spurious);
    apic_write(APIC_LVT_LINT0, LVT_MASKED | LVT_EXTINT);
    pic_unmask(1 << IRQ_TIMER);
    pit_start(PIT_MODE0, 1);
    check(wait_until(pic_read(PIC_READ_IRR) & 1));
    window();
    check_eq(count[IRQ(IRQ_TIMER)], 0);
    apic_write(APIC_LVT_LINT0, LVT_EXTINT);
    window();
    check_eq(count[IRQ(IRQ_TIMER)], 1);
    /* An interrupt of the PIC is not in the APIC's ISR: no EOI is due there. [SDM3] "Local Vector
     * Table". */
    check(!apic_bit(APIC_ISR, IRQ(IRQ_TIMER)));
    pic_eoi(IRQ_TIMER);
}

CASE(lint0_ignores_priority, "an ExtINT passes whatever TPR says")
{
    setup();
    trap_handle(IRQ(IRQ_TIMER), on_spurious);
    apic_write(APIC_TPR, 0xff);
    pic_unmask(1 << IRQ_TIMER);
    pit_start(PIT_MODE0, 1);
    check(wait_until(pic_read(PIC_READ_IRR) & 1));
    window();
    check_eq(count[IRQ(IRQ_TIMER)], 1);
    pic_eoi(IRQ_TIMER);
}

/* --- the I/O APIC ------------------------------------------------------------------------------ */

CASE(ioapic_registers, "version, number of entries, and what an entry keeps")
{
    /* [82093AA] "IOAPICVER", "IOREDTBL": delivery status and remote IRR are read-only. */
    setup();
    check_eq(ioapic_read(IOAPIC_VERSION) >> 16 & 0xff, 23);
    check((ioapic_read(IOAPIC_VERSION) & 0xff) == 0x11 ||
          (ioapic_read(IOAPIC_VERSION) & 0xff) == 0x20);
    ioapic_write(IOAPIC_ENTRY, RTE_MASKED | RTE_REMOTE_IRR | RTE_PENDING | RTE_LEVEL | 0x45);
    check_eq(ioapic_get(0), RTE_MASKED | RTE_LEVEL | 0x45);
    ioapic_write(IOAPIC_ENTRY, RTE_MASKED);
}

CASE(ioapic_edge, "an edge of the PIT comes through pin 2, once")
{
    setup();
    ioapic_set(IOAPIC_TIMER_PIN, VECTOR_A, apic_id());
    pit_start(PIT_MODE0, 100);
    asm volatile("sti");
    check(wait_until(count[VECTOR_A] == 1));
    delay_us(1000);
    asm volatile("cli");
    check_eq(count[VECTOR_A], 1);
}

CASE(ioapic_edge_periodic, "each period is an interrupt")
{
    setup();
    ioapic_set(IOAPIC_TIMER_PIN, VECTOR_A, apic_id());
    pit_start(PIT_MODE2, 1200);
    asm volatile("sti");
    check(wait_until(count[VECTOR_A] >= 5));
    asm volatile("cli");
    pit_stop();
}

CASE(ioapic_edge_masked, "an edge while the pin is masked is lost")
{
    /* [82093AA] "Interrupt Mask": edges on a masked pin are ignored. */
    setup();
    ioapic_set(IOAPIC_TIMER_PIN, RTE_MASKED | VECTOR_A, apic_id());
    pit_start(PIT_MODE0, 1);
    delay_us(200);
    ioapic_set(IOAPIC_TIMER_PIN, VECTOR_A, apic_id());
    delay_us(200);
    window();
    check_eq(count[VECTOR_A], 0);
}

CASE(ioapic_level, "a level is sent again after EOI while the line is high; remote IRR between")
{
    /* [82093AA] "Remote IRR"; [SDM3] "Trigger Mode Register". OUT0 stays high at the end of mode 0.
     */
    setup();
    trap_handle(VECTOR_A, on_spurious); /* without EOI */
    ioapic_set(IOAPIC_TIMER_PIN, RTE_MASKED | RTE_LEVEL | VECTOR_A, apic_id());
    pit_start(PIT_MODE0, 1);
    delay_us(200);
    ioapic_set(IOAPIC_TIMER_PIN, RTE_LEVEL | VECTOR_A, apic_id());
    window();
    check_eq(count[VECTOR_A], 1);
    check_eq(ioapic_get(IOAPIC_TIMER_PIN) & RTE_REMOTE_IRR, RTE_REMOTE_IRR);
    check(apic_bit(APIC_TMR, VECTOR_A));
    apic_eoi();
    window();
    check_eq(count[VECTOR_A], 2);
    pit_start(PIT_MODE0, 60000); /* the line falls */
    apic_eoi();
    window();
    check_eq(count[VECTOR_A], 2);
    check_eq(ioapic_get(IOAPIC_TIMER_PIN) & RTE_REMOTE_IRR, 0);
}

CASE(ioapic_polarity, "an active-low pin takes a low line for a request")
{
    setup();
    trap_handle(VECTOR_A, on_spurious);
    pit_start(PIT_MODE0, 60000); /* OUT0 is low */
    ioapic_set(IOAPIC_TIMER_PIN, RTE_LEVEL | RTE_LOW | VECTOR_A, apic_id());
    window();
    check_eq(count[VECTOR_A], 1);
    ioapic_set(IOAPIC_TIMER_PIN, RTE_MASKED, 0);
    apic_eoi();
}

CASE(ioapic_logical, "a logical destination is matched with LDR")
{
    /* [SDM3] "Logical Destination Mode": flat. */
    setup();
    apic_write(APIC_LDR, 0x02u << 24);
    ioapic_set(IOAPIC_TIMER_PIN, RTE_LOGICAL | VECTOR_A, 0x01); /* nobody */
    pit_start(PIT_MODE0, 1);
    delay_us(200);
    window();
    check_eq(count[VECTOR_A], 0);
    ioapic_set(IOAPIC_TIMER_PIN, RTE_LOGICAL | VECTOR_B, 0x03);
    pit_start(PIT_MODE0, 1);
    delay_us(200);
    window();
    check_eq(count[VECTOR_B], 1);
    apic_write(APIC_LDR, 0);
}

CASE(ioapic_clock, "the clock's periodic interrupt comes through pin 8")
{
    setup();
    ioapic_set(IOAPIC_CLOCK_PIN, VECTOR_C, apic_id());
    rtc_write(RTC_A, 0x26);
    rtc_write(RTC_B, RTC_24H | RTC_PIE);
    rtc_read(RTC_C);
    asm volatile("sti");
    check(wait_until(count[VECTOR_C] == 1));
    asm volatile("cli");
    rtc_write(RTC_B, RTC_24H);
    rtc_read(RTC_C);
}

/* --- x2APIC mode ------------------------------------------------------------------------------- */

static void setup_x2(void)
{
    setup();
    require(HAS_X2APIC);
    wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_X2);
}

CASE(x2apic_self, "the SELF IPI register sends a vector to its own CPU")
{
    /* [SDM3] "SELF IPI Register". */
    setup_x2();
    apic_write(APIC_SELF_IPI, VECTOR_B);
    check(apic_bit(APIC_IRR, VECTOR_B));
    window();
    check_eq(count[VECTOR_B], 1);
}

CASE(x2apic_registers, "32-bit ID, LDR from it, one 64-bit ICR")
{
    u32 id;

    /* [SDM3] "Determining IPI Destination in x2APIC Mode": LDR = (ID[31:4] << 16) | (1 << ID[3:0]).
     */
    setup_x2();
    id = apic_id();
    check_eq(apic_read(APIC_LDR), (id >> 4) << 16 | 1u << (id & 15));
    wrmsr(MSR_X2APIC + APIC_ICR / 16, (u64)id << 32 | VECTOR_C);
    check_eq(rdmsr(MSR_X2APIC + APIC_ICR / 16), (u64)id << 32 | VECTOR_C);
    window();
    check_eq(count[VECTOR_C], 1);
}

#define expect_gp(...)               \
    do {                             \
        Trap t = CATCH(__VA_ARGS__); \
        check_eq(t.vector, GP);      \
    } while (0)

CASE(x2apic_faults, "reserved registers and bits, and writes of read-only ones, are #GP")
{
    /* [SDM3] "x2APIC Register Address Space", "Reserved Bit Checking". */
    setup_x2();
    expect_gp(rdmsr(0x801));
    expect_gp(rdmsr(MSR_X2APIC + APIC_DFR / 16));
    expect_gp(rdmsr(MSR_X2APIC + APIC_ICR2 / 16));
    expect_gp(rdmsr(MSR_X2APIC + APIC_EOI / 16)); /* write only */
    expect_gp(rdmsr(MSR_X2APIC + APIC_SELF_IPI / 16));
    expect_gp(wrmsr(MSR_X2APIC + APIC_ID / 16, 0));
    expect_gp(wrmsr(MSR_X2APIC + APIC_VERSION / 16, 0));
    expect_gp(wrmsr(MSR_X2APIC + APIC_PPR / 16, 0));
    expect_gp(wrmsr(MSR_X2APIC + APIC_EOI / 16, 1));
    expect_gp(wrmsr(MSR_X2APIC + APIC_ESR / 16, 1));
    expect_gp(wrmsr(MSR_X2APIC + APIC_TPR / 16, 0x100));
    expect_gp(wrmsr(MSR_X2APIC + APIC_SELF_IPI / 16, 0x100));
    expect_gp(wrmsr(MSR_X2APIC + APIC_LVT_TIMER / 16, 1 << 20));
}

CASE(x2apic_transitions, "from x2APIC mode the way to xAPIC mode leads through disabled")
{
    u64 base;

    /* [SDM3] "x2APIC State Transitions". */
    setup_x2();
    base = rdmsr(MSR_APIC_BASE);
    expect_gp(wrmsr(MSR_APIC_BASE, base & ~(u64)APIC_BASE_X2));
    check_eq(rdmsr(MSR_APIC_BASE), base);
    expect_gp(wrmsr(MSR_APIC_BASE, base & ~(u64)APIC_BASE_ENABLE)); /* EXTD without EN */
    wrmsr(MSR_APIC_BASE, base & ~(u64)(APIC_BASE_X2 | APIC_BASE_ENABLE));
    expect_gp(wrmsr(MSR_APIC_BASE, base)); /* disabled to x2APIC */
    wrmsr(MSR_APIC_BASE, base & ~(u64)APIC_BASE_X2);
    expect_gp(rdmsr(MSR_X2APIC + APIC_ID / 16));
    apic_init();
    self(VECTOR_A);
    window();
    check_eq(count[VECTOR_A], 1);
}

CASE(x2apic_timer, "the timer works by MSR")
{
    setup_x2();
    apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
    apic_write(APIC_TIMER_INITIAL, 100000);
    asm volatile("sti");
    check(wait_until(count[VECTOR_TIMER] == 1));
    asm volatile("cli");
}

CASE(hardware_disable, "with the APIC disabled by its MSR, CPUID hides it")
{
    u64 base;

    /* [SDM3] "Enabling or Disabling the Local APIC". */
    setup();
    base = rdmsr(MSR_APIC_BASE);
    wrmsr(MSR_APIC_BASE, base & ~(u64)APIC_BASE_ENABLE);
    check(!cpu_has(HAS_APIC));
    wrmsr(MSR_APIC_BASE, base);
    check(cpu_has(HAS_APIC));
    apic_init();
}
