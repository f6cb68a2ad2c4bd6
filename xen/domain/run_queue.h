/* SPDX-License-Identifier: MIT */
/*
 * Inside the scheduler: the vCPUs of one CPU, and virtual time.
 *
 * Each vCPU has a home, the CPU whose queue it waits in, where it runs, and
 * where it ran last; that queue's lock covers its fields about scheduling. It
 * changes its home with both locks held.
 *
 * Virtual time of a vCPU is the CPU time that it had, in ns, divided by its
 * weight in 256ths. Who has least is served first. All queues count on one
 * scale, so that vCPUs of different CPUs can be compared; but CPUs whose vCPUs
 * may not leave them drift apart. So a vCPU's own number is relative to
 * `shift` of its home, and a queue that is LAG_MAX away from the mean of those
 * that are busy is shifted as a whole, which changes nothing among its vCPUs:
 *
 *   virtual time of v = v->vtime + shift of its home
 */
#ifndef DOMAIN_RUN_QUEUE_H
#define DOMAIN_RUN_QUEUE_H

#include "arch/timer.h"
#include "base/lock.h"
#include "domain/domain.h"

#define SLICE_NS   10000000ULL  /* CPU time before others have a turn */
#define CREDIT_NS  SLICE_NS     /* what sleeping can save, of virtual time */
#define LAG_MAX_NS 100000000LL  /* of virtual time */
#define NO_VTIME   (~0ULL >> 1) /* later than any */
#define VTIME_0    (1ULL << 40) /* so that none is ever before 0 */

struct run_queue {
    struct lock lock;
    struct list waiting; /* vcpu.run_link: runnable and not running, the first
                            in virtual time first */
    struct list parked;  /* the same, but their domain's cap is used up */
    uint64_t shift;
    /* Written with the lock, read by any CPU: */
    struct vcpu *current; /* NULL: none runs */
    uint64_t first;     /* virtual time of the first that waits, or NO_VTIME */
    uint64_t clock;     /* virtual time of the one that was chosen last; but for
                           shifts it never falls */
    uint32_t load;      /* how many wait or run */
    uint64_t slice_end; /* when the one that runs should make room, ns */
    uint64_t unpark_at; /* when to look at `parked`, ns, or NO_DEADLINE */
} __attribute__((aligned(64)));

extern struct run_queue run_queues[MAX_CPUS];

void run_queue_init(struct run_queue *q);

static inline struct run_queue *run_queue_of(const struct vcpu *v)
{
    return &run_queues[READ_ONCE(v->home)];
}

static inline bool may_run_on(const struct vcpu *v, unsigned cpu)
{
    return READ_ONCE(v->affinity) >> cpu & 1;
}

/* In virtual time; a vtime may be below 0. */
static inline bool is_before(uint64_t a, uint64_t b)
{
    return (int64_t)(a - b) < 0;
}

static inline uint64_t vtime_of(const struct run_queue *q, const struct vcpu *v)
{
    return v->vtime + q->shift;
}

/* v is runnable and on no list: it waits, and where it was is its place.
 * `slept`: it has not saved more than CREDIT_NS meanwhile. */
void run_queue_put_locked(struct run_queue *q, struct vcpu *v, bool slept);

/* v leaves the list that it is on, if any. */
void run_queue_take_locked(struct run_queue *q, struct vcpu *v);

/* v, which waits nowhere, has its home in `to` from now on; both are locked. */
void run_queue_move_locked(struct run_queue *from, struct run_queue *to,
                           struct vcpu *v);

/* It waits until its domain may run again, at `again`. */
void run_queue_park_locked(struct run_queue *q, struct vcpu *v, uint64_t again);
/* Those whose domain may run again wait like others from now on. True: there
 * were some. */
bool run_queue_unpark_locked(struct run_queue *q, uint64_t now);

/* The first that waits and may run on `cpu`, of as many as are looked at. */
struct vcpu *run_queue_first_locked(const struct run_queue *q, unsigned cpu);

/* v was chosen to run. */
void run_queue_advance_locked(struct run_queue *q, const struct vcpu *v);

/* The other CPU where the first vCPU waits that `cpu` may run, if that is
 * before `limit` in virtual time; `cpu` itself: there is none. Takes locks of
 * queues, one at a time. */
unsigned run_queue_find(unsigned cpu, uint64_t limit);

#endif
