/* smp64.c - several processors: starting them, interrupts between them, LOCK, code that one changes
 * and another runs, the order of memory accesses. [SDM3] "Multiple-Processor Management", "Issuing
 * Interprocessor Interrupts".
 * run with: -smp 2
 * run with: -smp 4
 * run with: -smp 2 -accel interp,thread=multi
 * run with: -smp 4 -accel interp,thread=multi
 * run with: -smp 4 -accel interp,thread=single
 * run with: -smp 2 -accel jit,thread=multi
 * run with: -smp 4 -accel jit,thread=multi
 * run with: -smp 4 -accel jit,thread=single
 */
#include "lib/64/others.h"
#include "lib/cpu.h"
#include "lib/paging.h"
#include "lib/tap.h"
#include "lib/trap.h"

enum { VECTOR = 0x41, HIGH_VECTOR = 0x61, ROUNDS = 2000 };

static void setup(void)
{
    if (!check(start_others())) {
        tap_abort();
    }
    count_vector(VECTOR);
    count_vector(HIGH_VECTOR);
    count_vector(NMI);
}

/* All others beat, with interrupts on. */
static void setup_beating(void)
{
    setup();
    for_others(id)
    {
        begin(id, heartbeat);
    }
    for_others(id)
    {
        check(beats(id));
    }
}

static void stop_all(void)
{
    stop_beating = true;
    for_others(id)
    {
        check(finish(id));
    }
}

/* Interrupts that were taken, by each: waits until they are as many, and a little longer. */
static void took(u32 id, u32 count)
{
    check(wait_until(others[id].interrupts >= count));
    delay_us(20);
    check_eq(others[id].interrupts, count);
}

/* --- Starting. [SDM3] "MP Initialization Protocol Algorithm". */

CASE(start_up, "INIT, SIPI, SIPI: every processor comes, once")
{
    u32 before = others[1].starts;
    setup();
    for_others(id)
    {
        check_eq(others[id].starts, before + 1);
    }
    check(rdmsr(MSR_APIC_BASE) & APIC_BASE_BSP);
}

CASE(start_state, "registers as INIT leaves them: CS from the vector, IP 0, EFLAGS 2, CR0 ET")
{
    u32 signature[4];
    setup();
    cpuid(1, 0, signature);
    for_others(id)
    {
        const ApStart *s = &others[id].start;
        check_eq(s->cs, AP_PAGE << 8);
        check_eq(s->ds | s->es | s->ss, 0);
        check_eq(s->flags, FLAG_FIXED);
        check_eq(s->cr0 & ~(CR0_CD | CR0_NW), CR0_ET);
        check_eq(s->edx, signature[0]);
        check_eq(s->eax | s->ebx | s->ecx | s->esi | s->edi | s->ebp | s->esp, 0);
    }
}

CASE(start_vector, "the vector of the start-up IPI is the page")
{
    setup();
    place_start(5);
    u32 before = others[1].starts;
    apic_send(1, ICR_INIT | ICR_LEVEL | ICR_ASSERT);
    apic_send(1, ICR_STARTUP | ICR_ASSERT | 5);
    check(wait_until(others[1].starts != before));
    check_eq(others[1].start.cs, 0x500);
}

CASE(start_up_of_running, "a start-up IPI to a running processor is lost")
{
    setup_beating();
    u32 before = others[1].starts;
    apic_send(1, ICR_STARTUP | ICR_ASSERT | AP_PAGE);
    delay_us(100);
    check(beats(1));
    check_eq(others[1].starts, before);
    stop_all();
}

CASE(init_stops, "INIT stops a processor until a start-up IPI; interrupts do not wake it")
{
    setup_beating();
    apic_send(1, ICR_INIT | ICR_LEVEL | ICR_ASSERT);
    delay_us(100);
    check(rests(1));
    apic_send(1, VECTOR | ICR_ASSERT);
    check(rests(1));
    check_eq(others[1].interrupts, 0);
    u32 before = others[1].starts;
    apic_send(1, ICR_STARTUP | ICR_ASSERT | AP_PAGE);
    check(wait_until(others[1].starts == before + 1));
    stop_beating = true;
}

CASE(init_deassert, "INIT level de-assert does nothing")
{
    setup_beating();
    apic_send(1, ICR_INIT | ICR_LEVEL | ICR_ALL);
    delay_us(100);
    for_others(id)
    {
        check(beats(id));
    }
    stop_all();
}

CASE(init_others, "INIT to all but self stops all others")
{
    setup_beating();
    apic_send(0, ICR_INIT | ICR_LEVEL | ICR_ASSERT | ICR_OTHERS);
    delay_us(100);
    for_others(id)
    {
        check(rests(id));
    }
    setup_beating();
    stop_all();
}

static void note_identity(void)
{
    u32 out[4];

    cpuid(1, 0, out);
    me()->value = out[1] >> 24 | (rdmsr(MSR_APIC_BASE) & APIC_BASE_BSP);
}

CASE(identity, "CPUID gives each the number of its APIC; one is the boot processor")
{
    setup();
    check(everywhere(note_identity));
    check_eq(others[0].value, APIC_BASE_BSP);
    for_others(id)
    {
        check_eq(others[id].value, id);
    }
}

/* --- Interprocessor interrupts. */

CASE(ipi_physical, "fixed, physical: the processor of that number alone")
{
    setup_beating();
    for_others(id)
    {
        apic_send(id, VECTOR | ICR_ASSERT);
        took(id, 1);
    }
    for_others(id)
    {
        took(id, 1);
    }
    check_eq(others[0].interrupts, 0);
    stop_all();
}

static void set_logical(void)
{
    apic_write(APIC_LDR, 1u << (24 + apic_id()));
    heartbeat();
}

CASE(ipi_logical, "fixed, logical: every processor whose bit is set")
{
    setup();
    apic_write(APIC_LDR, 1u << 24);
    for_others(id)
    {
        begin(id, set_logical);
    }
    for_others(id)
    {
        check(beats(id));
    }
    u32 all_others = (1u << cpu_count()) - 2;
    apic_send(all_others, VECTOR | ICR_LOGICAL | ICR_ASSERT);
    for_others(id)
    {
        took(id, 1);
    }
    apic_send(2, VECTOR | ICR_LOGICAL | ICR_ASSERT);
    took(1, 2);
    for (u32 id = 2; id < cpu_count(); id++) {
        took(id, 1);
    }
    stop_all();
}

static u32 interrupts_of_others(void)
{
    u32 sum = 0;

    for_others(id)
    {
        sum += others[id].interrupts;
    }
    return sum;
}

CASE(ipi_lowest, "lowest priority: one of the processors addressed")
{
    setup();
    for_others(id)
    {
        begin(id, set_logical);
    }
    for_others(id)
    {
        check(beats(id));
    }
    u32 all_others = (1u << cpu_count()) - 2;
    apic_send(all_others, VECTOR | ICR_LOGICAL | ICR_LOWEST | ICR_ASSERT);
    check(wait_until(interrupts_of_others()));
    delay_us(2000);
    check_eq(interrupts_of_others(), 1);
    stop_all();
}

CASE(ipi_shorthands, "self, all, and all but self")
{
    setup_beating();
    asm volatile("sti");
    apic_send(0, VECTOR | ICR_ASSERT | ICR_SELF);
    took(0, 1);
    apic_send(0, VECTOR | ICR_ASSERT | ICR_ALL);
    took(0, 2);
    for_others(id)
    {
        took(id, 1);
    }
    apic_send(0, VECTOR | ICR_ASSERT | ICR_OTHERS);
    for_others(id)
    {
        took(id, 2);
    }
    took(0, 2);
    asm volatile("cli");
    stop_all();
}

CASE(ipi_broadcast, "physical destination FFh is everybody")
{
    setup_beating();
    asm volatile("sti");
    apic_send(0xff, VECTOR | ICR_ASSERT);
    took(0, 1);
    for_others(id)
    {
        took(id, 1);
    }
    asm volatile("cli");
    stop_all();
}

CASE(ipi_nobody, "a destination that nobody has is lost")
{
    setup_beating();
    apic_send(0x7f, VECTOR | ICR_ASSERT);
    delay_us(500);
    for_others(id)
    {
        check_eq(others[id].interrupts, 0);
    }
    stop_all();
}

static void send_home(void)
{
    apic_send(0, VECTOR | ICR_ASSERT);
}

CASE(ipi_between_others, "processors interrupt the first one too")
{
    setup();
    for_others(id)
    {
        begin(id, send_home);
        check(finish(id));
    }
    asm volatile("sti\n nop\n cli" : : : "memory");
    /* They are one request: the first waits in IRR. */
    check_eq(others[0].interrupts, 1);
}

/* Interrupts off until told; then a moment on. */
static volatile bool go;
static void wait_masked(void)
{
    me()->beats++;
    while (!go) {
        asm volatile("pause" : : : "memory");
    }
    asm volatile("sti\n nop\n nop\n cli" : : : "memory");
}

CASE(ipi_masked, "IF = 0 keeps them waiting, one for each vector")
{
    setup();
    go = false;
    begin(1, wait_masked);
    check(wait_until(others[1].beats));
    apic_send(1, VECTOR | ICR_ASSERT);
    apic_send(1, VECTOR | ICR_ASSERT);
    apic_send(1, HIGH_VECTOR | ICR_ASSERT);
    delay_us(200);
    check_eq(others[1].interrupts, 0);
    go = true;
    check(finish(1));
    check_eq(others[1].interrupts, 2);
}

static void wait_with_tpr(void)
{
    apic_write(APIC_TPR, 0x50);
    heartbeat();
    apic_write(APIC_TPR, 0);
    asm volatile("sti\n nop\n nop\n cli" : : : "memory");
}

CASE(ipi_priority, "the receiver's TPR holds off lower classes")
{
    setup();
    begin(1, wait_with_tpr);
    check(beats(1));
    apic_send(1, VECTOR | ICR_ASSERT);
    delay_us(200);
    check_eq(others[1].interrupts, 0);
    apic_send(1, HIGH_VECTOR | ICR_ASSERT);
    took(1, 1);
    stop_beating = true;
    check(finish(1));
    check_eq(others[1].interrupts, 2);
}

static void beat_masked(void)
{
    Other *self = me();
    while (!stop_beating) {
        self->beats++;
        asm volatile("pause" : : : "memory");
    }
}

CASE(ipi_nmi, "an NMI is taken with IF = 0; its vector does not count")
{
    setup();
    begin(1, beat_masked);
    check(beats(1));
    apic_send(1, ICR_NMI | ICR_ASSERT | VECTOR);
    check(wait_until(others[1].nmis == 1));
    check_eq(others[1].interrupts, 0);
    stop_all();
}

CASE(ipi_nmi_others, "NMI to all but self")
{
    setup();
    for_others(id)
    {
        begin(id, beat_masked);
    }
    apic_send(0, ICR_NMI | ICR_ASSERT | ICR_OTHERS);
    for_others(id)
    {
        check(wait_until(others[id].nmis == 1));
    }
    check_eq(others[0].nmis, 0);
    stop_all();
}

/* --- HLT. [SDM2] HLT. */

static void halt_enabled(void)
{
    me()->beats++;
    asm volatile("sti\n hlt\n cli" : : : "memory");
}

static void halt_disabled(void)
{
    me()->beats++;
    asm volatile("hlt" : : : "memory");
}

CASE(halt_ipi, "HLT with IF = 1 ends with an interrupt")
{
    setup();
    begin(1, halt_enabled);
    check(wait_until(others[1].beats));
    delay_us(200);
    check(others[1].job);
    apic_send(1, VECTOR | ICR_ASSERT);
    check(finish(1));
    check_eq(others[1].interrupts, 1);
}

CASE(halt_nmi, "HLT with IF = 0 ends with an NMI only")
{
    setup();
    begin(1, halt_disabled);
    check(wait_until(others[1].beats));
    delay_us(200);
    apic_send(1, VECTOR | ICR_ASSERT);
    delay_us(500);
    check(others[1].job);
    check_eq(others[1].interrupts, 0);
    apic_send(1, ICR_NMI | ICR_ASSERT);
    check(finish(1));
    check_eq(others[1].nmis, 1);
}

CASE(halt_init, "INIT ends it too")
{
    setup();
    begin(1, halt_disabled);
    check(wait_until(others[1].beats));
    delay_us(200);
    setup_beating();
    stop_all();
}

/* --- LOCK. [SDM3] "Locked Atomic Operations". */

static u64 cells[8192 / 8] __attribute__((aligned(4096)));

#define LOCKED(name, insn)                                                                  \
    static void name(void)                                                                  \
    {                                                                                       \
        for (u32 i = 0; i < ROUNDS; i++) {                                                  \
            asm volatile(insn : : "r"(cells) : "rax", "rbx", "rcx", "rdx", "memory", "cc"); \
        }                                                                                   \
    }
LOCKED(lock_inc, "lock incl (%0)")
LOCKED(lock_add_split, "lock addq $3, 61(%0)")  /* across a cache line */
LOCKED(lock_add_page, "lock addq $3, 4093(%0)") /* across a page */
LOCKED(lock_xadd, "mov $2, %%eax\n lock xadd %%rax, (%0)")
LOCKED(lock_sub, "lock subw $1, 2(%0)")
LOCKED(lock_cmpxchg, "mov (%0), %%eax\n 1: lea 1(%%rax), %%edx\n lock cmpxchg %%edx, (%0)\n jnz 1b")
LOCKED(lock_cmpxchg8b, "mov (%0), %%eax\n mov 4(%0), %%edx\n"
                       "1: mov %%eax, %%ebx\n mov %%edx, %%ecx\n add $1, %%ebx\n adc $1, %%ecx\n"
                       "lock cmpxchg8b (%0)\n jnz 1b")
LOCKED(lock_cmpxchg16b, "mov (%0), %%rax\n mov 8(%0), %%rdx\n"
                        "1: lea 1(%%rax), %%rbx\n lea 2(%%rdx), %%rcx\n"
                        "lock cmpxchg16b (%0)\n jnz 1b")

static void locked(Job *job)
{
    setup();
    memset(cells, 0, sizeof(cells));
    check(everywhere(job));
}

CASE(locked_increment, "LOCK INC loses nothing")
{
    locked(lock_inc);
    check_eq(cells[0], ROUNDS * cpu_count());
}

CASE(locked_split, "nor does a LOCKed ADD across a cache line, or a page")
{
    u64 sum;
    locked(lock_add_split);
    memcpy(&sum, (u8 *)cells + 61, 8);
    check_eq(sum, 3 * ROUNDS * cpu_count());
    locked(lock_add_page);
    memcpy(&sum, (u8 *)cells + 4093, 8);
    check_eq(sum, 3 * ROUNDS * cpu_count());
}

CASE(locked_xadd, "LOCK XADD, and a word beside")
{
    locked(lock_xadd);
    check_eq(cells[0], 2 * ROUNDS * cpu_count());
    locked(lock_sub);
    check_eq(cells[0], (u64)(u16) - (ROUNDS * cpu_count()) << 16);
}

CASE(locked_cmpxchg, "LOCK CMPXCHG")
{
    locked(lock_cmpxchg);
    check_eq(cells[0], ROUNDS * cpu_count());
}

CASE(locked_cmpxchg8b, "LOCK CMPXCHG8B: both halves")
{
    locked(lock_cmpxchg8b);
    check_eq(cells[0], (u64)(ROUNDS * cpu_count()) << 32 | ROUNDS * cpu_count());
}

CASE(locked_cmpxchg16b, "LOCK CMPXCHG16B: both halves")
{
    require(HAS_CX16);
    locked(lock_cmpxchg16b);
    check_eq(cells[0], ROUNDS * cpu_count());
    check_eq(cells[1], 2 * ROUNDS * cpu_count());
}

static volatile u32 spin_lock, guarded;

static void with_spin_lock(void)
{
    for (u32 i = 0; i < ROUNDS; i++) {
        u32 taken;
        do {
            taken = 1;
            asm volatile("xchg %0, %1" : "+r"(taken), "+m"(spin_lock) : : "memory");
        } while (taken);
        guarded++;
        asm volatile("" : : : "memory");
        spin_lock = 0;
    }
}

CASE(xchg_spin_lock, "XCHG locks by itself: a spin lock of it keeps a counter whole")
{
    setup();
    spin_lock = guarded = 0;
    check(everywhere(with_spin_lock));
    check_eq(guarded, ROUNDS * cpu_count());
}

static volatile u32 next_ticket, serving;

static void with_tickets(void)
{
    for (u32 i = 0; i < 200; i++) {
        u32 ticket = 1;
        asm volatile("lock xadd %0, %1" : "+r"(ticket), "+m"(next_ticket) : : "memory");
        while (serving != ticket) {
            asm volatile("pause" : : : "memory");
        }
        guarded++;
        asm volatile("" : : : "memory");
        serving = ticket + 1;
    }
}

CASE(ticket_lock, "a ticket lock serves everybody in turn")
{
    setup();
    next_ticket = serving = guarded = 0;
    check(everywhere(with_tickets));
    check_eq(guarded, 200 * cpu_count());
}

/* --- Code that others run. [SDM3] "Handling Self- and Cross-Modifying Code". */

static u8 code[2][4096] __attribute__((aligned(4096)));
static volatile u32 version, stale;

static u32 call_code(void)
{
    u32 result;
    asm volatile("call *%1" : "=a"(result) : "r"((word)&code[0][3]) : "memory");
    return result;
}

static void write_code(u32 value)
{
    *(volatile u32 *)&code[0][4] = value; /* the immediate of MOV EAX, aligned */
}

static void place_code(void)
{
    code[0][3] = 0xb8;
    write_code(0);
    code[0][8] = 0xc3;
    version = stale = 0;
}

static void run_changing_code(void)
{
    while (version < ROUNDS) {
        u32 before = version, out[4];
        cpuid(0, 0, out); /* serializes */
        stale += call_code() < before;
        me()->beats++;
    }
}

CASE(cross_modifying, "code that one processor changes and the others run: never older than told")
{
    setup();
    place_code();
    for_others(id)
    {
        begin(id, run_changing_code);
    }
    for_others(id)
    {
        check(wait_until(others[id].beats));
    }
    for (u32 i = 1; i <= ROUNDS; i++) {
        write_code(i);
        version = i;
    }
    for_others(id)
    {
        check(finish(id));
    }
    check_eq(stale, 0);
}

static void run_code_once(void)
{
    me()->value = call_code();
}

CASE(code_after_data,
     "a page that one processor wrote becomes code of another, and is written again")
{
    setup();
    for (u32 i = 1; i < 50; i++) {
        place_code(); /* leaves a fast way to write, if there is such a thing */
        write_code(i);
        begin(1, run_code_once);
        check(finish(1));
        check_eq(others[1].value, i);
        write_code(i + 1000);
        begin(1, run_code_once);
        check(finish(1));
        check_eq(others[1].value, i + 1000);
    }
}

static void write_beside_code(void)
{
    for (u32 i = 0; i < ROUNDS; i++) {
        asm volatile("lock incl %0" : "+m"(*(u32 *)&code[0][1024]));
    }
}

CASE(data_beside_code, "data beside code that another runs keeps every store")
{
    setup();
    place_code();
    *(u32 *)&code[0][1024] = 0;
    for_others(id)
    {
        begin(id, write_beside_code);
    }
    for (u32 i = 0; i < ROUNDS; i++) {
        write_code(i);
        check_eq(call_code(), i);
    }
    for_others(id)
    {
        check(finish(id));
    }
    check_eq(*(u32 *)&code[0][1024], ROUNDS * (cpu_count() - 1));
}

/* --- TLBs. [SDM3] "Propagation of Paging-Structure Changes to Multiple Processors". */

static void forget_window(Frame *frame)
{
    invlpg(WINDOW);
    me()->interrupts++;
    apic_eoi();
}

static void watch_window(void)
{
    Other *self = me();

    write_cr3(others[0].value);
    asm volatile("sti");
    while (!stop_beating) {
        self->value = *WINDOW;
        self->beats++;
    }
}

CASE(tlb_shootdown, "a page that moved: each forgets it when told, and sees the other page")
{
    setup();
    trap_handle(VECTOR, forget_window);
    paging_start(PAGING_4LEVEL);
    others[0].value = read_cr3();
    frames[0][0] = 0xa0;
    frames[1][0] = 0xb1;
    page_map(WINDOW, FRAME(0) | PAGE_ALL);
    for_others(id)
    {
        begin(id, watch_window);
    }
    for_others(id)
    {
        check(beats(id) && others[id].value == 0xa0);
    }
    for (u32 round = 1; round < 10; round++) {
        page_map(WINDOW, FRAME(round & 1) | PAGE_ALL);
        apic_send(0, VECTOR | ICR_ASSERT | ICR_OTHERS);
        for_others(id)
        {
            took(id, round);
            check(beats(id) && beats(id));
            check_eq(others[id].value, round & 1 ? 0xb1 : 0xa0);
        }
    }
    stop_all();
    check(start_others()); /* back to the first page tables */
}

/* --- Order. [SDM3] "Memory Ordering". */

static volatile u32 x __attribute__((aligned(64))), y __attribute__((aligned(64)));
static volatile u32 seen_x __attribute__((aligned(64))), round_now;
static volatile u32 arrived __attribute__((aligned(64)));

/* Both get here before either goes on. */
static void meet(u32 round)
{
    asm volatile("lock incl %0" : "+m"(arrived));
    while (arrived < 2 * round) {
        asm volatile("pause" : : : "memory");
    }
}

enum { MEETINGS = 300 };
#define STORE_BUFFERING(name, store_y)                    \
    static void name(void)                                \
    {                                                     \
        u32 value;                                        \
        for (u32 round = 1; round <= MEETINGS; round++) { \
            meet(3 * round - 2);                          \
            asm volatile(store_y "\n mov %1, %0"          \
                         : "=r"(value)                    \
                         : "m"(x), "m"(y), "a"(1)         \
                         : "memory");                     \
            seen_x = value;                               \
            meet(3 * round - 1);                          \
            meet(3 * round);                              \
        }                                                 \
    }
STORE_BUFFERING(buffer_mfence, "movl $1, %2\n mfence")
STORE_BUFFERING(buffer_xchg, "xchg %%eax, %2")

static void store_buffering(Job *other, bool fence)
{
    u32 both_old = 0;

    setup();
    arrived = 0;
    begin(1, other);
    for (u32 round = 1; round <= MEETINGS; round++) {
        x = y = 0;
        u32 seen_y, one = 1;
        meet(3 * round - 2);
        if (fence) {
            asm volatile("movl $1, %1\n mfence\n mov %2, %0"
                         : "=r"(seen_y), "=m"(x)
                         : "m"(y)
                         : "memory");
        } else {
            asm volatile("xchg %1, %2\n mov %3, %0"
                         : "=r"(seen_y), "+r"(one), "+m"(x)
                         : "m"(y)
                         : "memory");
        }
        meet(3 * round - 1);
        both_old += !seen_y && !seen_x;
        meet(3 * round);
    }
    check(finish(1));
    check_eq(both_old, 0);
}

CASE(store_buffering_mfence, "with MFENCE between store and load, not both see the old value")
{
    store_buffering(buffer_mfence, true);
}

CASE(store_buffering_xchg, "nor with XCHG as the store")
{
    store_buffering(buffer_xchg, false);
}

static void read_messages(void)
{
    while (y < ROUNDS) {
        u32 flag = y, data = x;
        stale += data < flag;
    }
}

CASE(message_passing, "stores are seen in their order: who sees the flag sees the data")
{
    setup();
    x = y = stale = 0;
    for_others(id)
    {
        begin(id, read_messages);
    }
    for (u32 i = 1; i <= ROUNDS; i++) {
        x = i;
        y = i;
    }
    for_others(id)
    {
        check(finish(id));
    }
    check_eq(stale, 0);
}

static void note_time(void)
{
    me()->value = rdtsc();
}

CASE(time_goes_on, "the time-stamp counters of all agree")
{
    setup();
    for_others(id)
    {
        u64 before = rdtsc();
        begin(id, note_time);
        check(finish(id));
        u64 after = rdtsc();
        check(before <= others[id].value && others[id].value <= after);
    }
}
