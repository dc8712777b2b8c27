/* lock.h - the machine lock: devices, the memory map and time change under it alone.
 *
 * The thread that has it may take it again. It is taken for each access to a device, nearly always
 * while it is free: that is two atomic operations here, and no call
 * (docs/decisions/machine-lock.md). */
#ifndef MYNA_CORE_LOCK_H
#define MYNA_CORE_LOCK_H

#include "core/types.h"

typedef enum LockState {
    LOCK_FREE,
    LOCK_TAKEN,
    LOCK_AWAITED, /* taken, and others may be waiting */
} LockState;

typedef struct Lock {
    int state;         /* LockState; atomic */
    unsigned depth;    /* times its thread has it; that thread's */
    const void *owner; /* lock_thread of its thread; NULL: nobody's; atomic */
    GMutex waiting;    /* held by who is about to wait or to wake */
    GCond freed;
} Lock;

void lock_init(Lock *lock);
/* Nobody has it, and nobody will take it. */
void lock_fini(Lock *lock);

/* For the two below. Somebody has it: waits, and has it then. Somebody waits: wakes one. */
void lock_wait(Lock *lock);
void lock_wake(Lock *lock);

/* Its address is the calling thread's name. */
extern __thread char lock_thread;

/* Waits while another thread has it. Each take wants a release by the same thread. */
static inline void lock_take(Lock *lock)
{
    const void *self = &lock_thread;
    int expected = LOCK_FREE;
    if (__atomic_load_n(&lock->owner, __ATOMIC_RELAXED) == self) {
        lock->depth++;
        return;
    }
    if (UNLIKELY(!__atomic_compare_exchange_n(&lock->state, &expected, LOCK_TAKEN, false,
                                              __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)))
        lock_wait(lock);
    __atomic_store_n(&lock->owner, self, __ATOMIC_RELAXED);
    lock->depth = 1;
}

/* The last one lets others have it. The calling thread has it. */
static inline void lock_release(Lock *lock)
{
    if (--lock->depth)
        return;
    __atomic_store_n(&lock->owner, NULL, __ATOMIC_RELAXED);
    if (UNLIKELY(__atomic_exchange_n(&lock->state, LOCK_FREE, __ATOMIC_RELEASE) == LOCK_AWAITED))
        lock_wake(lock);
}

#endif
