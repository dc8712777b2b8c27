/* ahead.c - has the host give memory, on a thread of its own. */
#include "dbt/ahead.h"

#include <sys/mman.h>

/* What the thread has to do. */
typedef struct Order {
    uint8_t *start, *alias;
    size_t size;
} Order;

static GMutex lock;
static GCond nothing_left;
static unsigned orders; /* under way */

/* Of the pool's own locks the thread sanitizer knows nothing, of this one it does. */
static Order take(gpointer data)
{
    g_mutex_lock(&lock);
    Order order = *(Order *)data;
    g_mutex_unlock(&lock);
    g_free(data);
    return order;
}

/* A wish: where the host does not know it, pages come when they are touched. */
static void fill(gpointer data, gpointer unused)
{
    Order order = take(data);
#ifdef MADV_POPULATE_WRITE
    madvise(order.start, order.size, MADV_POPULATE_WRITE);
    if (order.alias)
        madvise(order.alias, order.size, MADV_POPULATE_READ);
#endif
    g_mutex_lock(&lock);
    if (--orders == 0)
        g_cond_broadcast(&nothing_left);
    g_mutex_unlock(&lock);
}

/* One thread for everybody. */
static GThreadPool *worker(void)
{
    static GThreadPool *pool;
    if (g_once_init_enter(&pool))
        g_once_init_leave(&pool, g_thread_pool_new(fill, NULL, 1, FALSE, NULL));
    return pool;
}

void ahead_ask(Ahead *a)
{
    Order order = {.start = a->start + a->asked,
                   .alias = a->alias ? a->alias + a->asked : NULL,
                   .size = MIN(a->piece, a->size - a->asked)};
    a->asked += order.size;
    g_mutex_lock(&lock);
    orders++;
    Order *given = g_memdup2(&order, sizeof(order));
    g_mutex_unlock(&lock);
    g_thread_pool_push(worker(), given, NULL);
}

void ahead_finish(void)
{
    g_mutex_lock(&lock);
    while (orders)
        g_cond_wait(&nothing_left, &lock);
    g_mutex_unlock(&lock);
}
