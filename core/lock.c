/* lock.c - the machine lock, when two threads want it. */
#include "core/lock.h"

__thread char lock_thread;

void lock_init(Lock *lock)
{
    *lock = (Lock){.state = LOCK_FREE};
    g_mutex_init(&lock->waiting);
    g_cond_init(&lock->freed);
}

void lock_fini(Lock *lock)
{
    g_assert(lock->state == LOCK_FREE);
    g_cond_clear(&lock->freed);
    g_mutex_clear(&lock->waiting);
}

/* Who comes out of here leaves the lock as awaited: others may still be waiting. Between the look
 * and the wait nobody can wake, because that takes the mutex. */
void lock_wait(Lock *lock)
{
    g_mutex_lock(&lock->waiting);
    while (__atomic_exchange_n(&lock->state, LOCK_AWAITED, __ATOMIC_ACQUIRE) != LOCK_FREE)
        g_cond_wait(&lock->freed, &lock->waiting);
    g_mutex_unlock(&lock->waiting);
}

void lock_wake(Lock *lock)
{
    g_mutex_lock(&lock->waiting);
    g_cond_signal(&lock->freed);
    g_mutex_unlock(&lock->waiting);
}
