/* others.h - the other processors of the machine: how to start them and have them work. [SDM3]
 * "Multiple-Processor (MP) Initialization". */
#pragma once
#include "lib/apic.h"
#include "lib/selectors.h"

enum { MAX_CPUS = 8, AP_PAGE = LOW_APS >> 12 };

/* What an application processor found at its first instruction. */
typedef struct {
    u32 eax, ebx, ecx, edx, esi, edi, ebp, esp, flags, cr0;
    u16 cs, ds, es, ss;
} __attribute__((packed)) ApStart;

typedef void Job(void);

/* One of the other processors, by the number of its APIC. */
typedef struct {
    Job *volatile job;   /* NULL: waits for one, interrupts off */
    volatile u32 starts; /* how often it was started */
    volatile u32 interrupts, nmis;
    volatile u32 beats; /* of heartbeat */
    volatile u64 value; /* for jobs */
    ApStart start;
} Other;
extern Other others[MAX_CPUS];

/* How many processors the firmware's configuration interface tells of. */
u32 cpu_count(void);
/* The processor this runs on. */
Other *me(void);
#define for_others(id) for (u32 id = 1; id < cpu_count(); id++)

/* Puts the way to long mode at a page below 1 MiB, where a start-up IPI may lead. */
void place_start(u8 page);
/* All others wait for jobs afterwards: INIT, start-up, start-up. False: some did not come. */
bool start_others(void);
/* Gives a processor something to do; waits until it has done it. */
void begin(u32 id, Job *job);
bool finish(u32 id);
/* The same for long jobs, and on a busy host: a second may not do. */
bool finish_late(u32 id);
/* A job for all, this processor included. */
bool everywhere(Job *job);

/* Jobs: beats until `stop_beating`, with interrupts on. */
void heartbeat(void);
extern volatile bool stop_beating;
/* Does it beat before long; does it rest for a while? */
bool beats(u32 id);
bool rests(u32 id);

/* Counts interrupts of these vectors for the processor that takes them. */
void count_vector(u8 vector);
