/* tsan.c - what the thread sanitizer must be told: GLib's locks, and which races are the guest's.
 *
 * GLib's mutexes and condition variables are made of pthread's here. GLib makes its own of futexes,
 * which a sanitizer that sees only instrumented code takes for nothing. Builds with that sanitizer
 * alone have this file; its functions come before the library's. */
#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <time.h>

static void *made_by_another(gpointer *place, void *mine, void (*discard)(void *))
{
    void *expected = NULL;
    if (__atomic_compare_exchange_n(place, &expected, mine, FALSE, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        return mine;
    discard(mine);
    return expected;
}

/* --- mutexes ---------------------------------------------------------------------------------- */

static void mutex_discard(void *mutex)
{
    pthread_mutex_destroy(mutex);
    g_free(mutex);
}

/* A mutex of zeros is made when it is first used. */
static pthread_mutex_t *mutex_of(GMutex *mutex)
{
    void *made = __atomic_load_n(&mutex->p, __ATOMIC_ACQUIRE);
    if (made)
        return made;
    pthread_mutex_t *fresh = g_new(pthread_mutex_t, 1);
    pthread_mutex_init(fresh, NULL);
    return made_by_another(&mutex->p, fresh, mutex_discard);
}

void g_mutex_init(GMutex *mutex)
{
    mutex->p = NULL;
}

void g_mutex_clear(GMutex *mutex)
{
    if (mutex->p)
        mutex_discard(mutex->p);
    mutex->p = NULL;
}

void g_mutex_lock(GMutex *mutex)
{
    pthread_mutex_lock(mutex_of(mutex));
}

void g_mutex_unlock(GMutex *mutex)
{
    pthread_mutex_unlock(mutex_of(mutex));
}

gboolean g_mutex_trylock(GMutex *mutex)
{
    return pthread_mutex_trylock(mutex_of(mutex)) == 0;
}

/* --- condition variables ---------------------------------------------------------------------- */

static void cond_discard(void *cond)
{
    pthread_cond_destroy(cond);
    g_free(cond);
}

static pthread_cond_t *cond_of(GCond *cond)
{
    void *made = __atomic_load_n(&cond->p, __ATOMIC_ACQUIRE);
    if (made)
        return made;
    pthread_cond_t *fresh = g_new(pthread_cond_t, 1);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(fresh, &attributes);
    pthread_condattr_destroy(&attributes);
    return made_by_another(&cond->p, fresh, cond_discard);
}

void g_cond_init(GCond *cond)
{
    cond->p = NULL;
}

void g_cond_clear(GCond *cond)
{
    if (cond->p)
        cond_discard(cond->p);
    cond->p = NULL;
}

void g_cond_signal(GCond *cond)
{
    pthread_cond_signal(cond_of(cond));
}

void g_cond_broadcast(GCond *cond)
{
    pthread_cond_broadcast(cond_of(cond));
}

void g_cond_wait(GCond *cond, GMutex *mutex)
{
    pthread_cond_wait(cond_of(cond), mutex_of(mutex));
}

gboolean g_cond_wait_until(GCond *cond, GMutex *mutex, gint64 end_us)
{
    struct timespec end = {.tv_sec = end_us / G_USEC_PER_SEC,
                           .tv_nsec = end_us % G_USEC_PER_SEC * 1000};
    return pthread_cond_timedwait(cond_of(cond), mutex_of(mutex), &end) != ETIMEDOUT;
}

/* --- suppressions ----------------------------------------------------------------------------- */

/* Races that are the guest's, not ours: in functions that touch guest RAM and nothing else that is
 * shared. CPUs and devices use it without locks, as hardware does; what a guest orders, it orders
 * by its own instructions, of which the sanitizer knows nothing.
 *
 *   ram_load, ram_store, entry_load, entry_set   one word, atomic (core/ram.h): the other side of a
 * race bulk_copy, bulk_fill   repeated string instructions: no order within one. [SDM3]
 * "Fast-String Operation and Out-of-Order Stores" build_insn, lift_block a decoder that reads while
 * another CPU writes: the write is seen to hit code, and the block is dropped (cpu/group.c)
 *   address_space_read, write_bulk   DMA: a guest waits for the end of a transfer */
const char *__tsan_default_suppressions(void);

const char *__tsan_default_suppressions(void)
{
    return "race:^ram_load$\n"
           "race:^ram_store$\n"
           "race:^entry_load$\n"
           "race:^entry_set$\n"
           "race:^bulk_copy$\n"
           "race:^bulk_fill$\n"
           "race:^build_insn$\n"
           "race:^lift_block$\n"
           "race:^address_space_read$\n"
           "race:^write_bulk$\n";
}
