/* parallel64.c - several processors at work at the same time: that each does its own work right,
 * how long it takes beside one alone (tests/bench/parallel reads the marks), and that no wake-up is
 * lost.
 * run with: -smp 2
 * run with: -smp 2 -accel interp,thread=multi
 * run with: -smp 4 -accel jit,thread=multi
 * run with: -smp 4 -accel jit,thread=single
 */
#include "lib/64/others.h"
#include "lib/cpu.h"
#include "lib/tap.h"
#include "lib/trap.h"

enum { VECTOR = 0x41, WORK_ROUNDS = 1000, WORDS = 4096, WAKE_UPS = 2000 };

static u64 words[MAX_CPUS][WORDS];

/* Loads, stores, branches, multiplications and now and then a LOCKed addition, all on its own. */
static void work(void)
{
    u64 *w = words[apic_id()], x = 88172645463325252u, sum = 0;

    for (u32 i = 0; i < WORDS; i++) {
        w[i] = i;
    }
    for (u32 round = 0; round < WORK_ROUNDS; round++) {
        for (u32 i = 0; i < WORDS; i++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            u64 *p = &w[x % WORDS];
            if (*p & 1) {
                *p = *p * 3 + x;
            } else {
                *p ^= x >> 5;
            }
            sum += *p;
        }
        asm volatile("lock addq %1, %0" : "+m"(w[round % WORDS]) : "r"(sum) : "memory");
    }
    me()->value = sum;
}

static u64 microseconds(u64 tsc)
{
    return tsc / 1000; /* the counter's unit is a nanosecond */
}

CASE(parallel_work, "what all do at once comes out as what one does alone")
{
    check(start_others());
    print("# mark: begin\n");
    u64 start = rdtsc();
    work();
    u64 one = microseconds(rdtsc() - start), expected = others[0].value;
    print("# mark: one %d us\n", (u32)one);
    start = rdtsc();
    for_others(id)
    {
        begin(id, work);
    }
    work();
    print("# mark: own\n");
    for_others(id)
    {
        check(finish_late(id));
    }
    print("# mark: all %d us\n", (u32)microseconds(rdtsc() - start));
    for (u32 id = 0; id < cpu_count(); id++) {
        check_eq(others[id].value, expected);
    }
}

/* Sleeps until the interrupt of each round has come. */
static void sleep_and_wake(void)
{
    for (u32 round = 1; round <= WAKE_UPS; round++) {
        while (others[1].interrupts < round) {
            asm volatile("sti; hlt; cli" ::: "memory");
        }
        me()->value = round;
    }
}

CASE(wake_ups, "an interrupt wakes a processor however close to its HLT it comes")
{
    check(start_others());
    count_vector(VECTOR);
    others[1].value = 0;
    begin(1, sleep_and_wake);
    for (u32 round = 1; round <= WAKE_UPS; round++) {
        for (volatile u32 delay = 0; delay < round % 257; delay++) {}
        apic_send(1, VECTOR | ICR_ASSERT);
        if (!check(wait_until(others[1].value == round))) {
            tap_abort();
        }
    }
    check(finish(1));
}
