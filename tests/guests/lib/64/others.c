/* others.c - starting application processors, and their loop. */
#include "lib/64/others.h"
#include "lib/cpu.h"
#include "lib/tap.h"
#include "lib/trap.h"

enum { FW_CFG = 0x510, FW_CFG_CPUS = 5 };

Other others[MAX_CPUS];
u8 ap_stacks[MAX_CPUS][4096] __attribute__((aligned(4096)));
volatile bool stop_beating;

/* start_ap.S */
extern const u8 ap_begin[], ap_end[], ap_cr3[];

u32 cpu_count(void)
{
    static u32 count;

    if (!count) {
        asm volatile("outw %w0, %w1" : : "a"(FW_CFG_CPUS), "d"(FW_CFG));
        count = inb(FW_CFG + 1);
    }
    return count < MAX_CPUS ? count : MAX_CPUS;
}

Other *me(void)
{
    return &others[apic_id()];
}

/* Called by start_ap.S. */
void ap_main(const ApStart *start)
{
    load_idt(idt, sizeof(idt) - 1);
    apic_init();
    Other *self = me();
    self->start = *start;
    self->job = NULL;
    asm volatile("lock incl %0" : "+m"(self->starts));
    for (;;) {
        Job *job = self->job;
        if (job) {
            job();
            asm volatile("cli" : : : "memory");
            self->job = NULL;
        }
        asm volatile("pause" : : : "memory");
    }
}

void place_start(u8 page)
{
    u8 *to = (u8 *)((word)page << 12);

    memcpy(to, ap_begin, ap_end - ap_begin);
    *(u32 *)(to + (ap_cr3 - ap_begin)) = read_cr3();
}

static bool all_started(const u32 *before)
{
    for_others(id)
    {
        if (others[id].starts == before[id]) {
            return false;
        }
    }
    return true;
}

bool start_others(void)
{
    u32 before[MAX_CPUS];

    apic_init();
    place_start(AP_PAGE);
    stop_beating = false;
    for_others(id)
    {
        before[id] = others[id].starts;
        others[id].interrupts = others[id].nmis = others[id].beats = 0;
        /* One after the other: they note their registers at the same place. */
        apic_send(id, ICR_INIT | ICR_LEVEL | ICR_ASSERT);
        delay_us(100);
        apic_send(id, ICR_STARTUP | ICR_ASSERT | AP_PAGE);
        delay_us(100);
        apic_send(id, ICR_STARTUP | ICR_ASSERT | AP_PAGE);
        if (!wait_until(others[id].starts != before[id])) {
            return false;
        }
    }
    others[0].interrupts = others[0].nmis = 0;
    return all_started(before);
}

void begin(u32 id, Job *job)
{
    others[id].job = job;
}

bool finish(u32 id)
{
    return wait_until(!others[id].job);
}

bool finish_late(u32 id)
{
    enum { SECONDS = 60 };

    for (u32 i = 0; i < SECONDS; i++) {
        if (finish(id)) {
            return true;
        }
    }
    return false;
}

bool everywhere(Job *job)
{
    bool done = true;

    for_others(id)
    {
        begin(id, job);
    }
    job();
    for_others(id)
    {
        done = finish(id) && done;
    }
    return done;
}

void heartbeat(void)
{
    Other *self = me();

    asm volatile("sti");
    while (!stop_beating) {
        self->beats++;
        asm volatile("pause" : : : "memory");
    }
}

bool beats(u32 id)
{
    u32 before = others[id].beats;

    return wait_until(others[id].beats != before);
}

bool rests(u32 id)
{
    u32 before = others[id].beats;

    delay_us(3000);
    return others[id].beats == before;
}

static void count_interrupt(Frame *frame)
{
    Other *self = me();

    if (frame->vector == NMI) {
        self->nmis++;
    } else {
        self->interrupts++;
        apic_eoi();
    }
}

void count_vector(u8 vector)
{
    trap_handle(vector, count_interrupt);
}
