/* SPDX-License-Identifier: MIT */
/* See run_queue.h. */
#include "domain/run_queue.h"

#include "types/bits.h"

/* Of a queue so many are looked at for one that may run elsewhere. Whoever is
 * behind them has its home for it. */
#define LOOK_MAX 64

struct run_queue run_queues[MAX_CPUS];

void run_queue_init(struct run_queue *q)
{
    lock_init(&q->lock, RANK_SCHED);
    list_init(&q->waiting);
    list_init(&q->parked);
    q->current = NULL;
    q->shift = q->clock = VTIME_0;
    q->first = NO_VTIME;
    q->load = 0;
    q->slice_end = q->unpark_at = NO_DEADLINE;
}

static void publish_locked(struct run_queue *q)
{
    uint64_t first = NO_VTIME;

    if (!list_empty(&q->waiting)) {
        first = vtime_of(q, list_first(&q->waiting, struct vcpu, run_link));
    }
    WRITE_ONCE(q->first, first);
}

void run_queue_put_locked(struct run_queue *q, struct vcpu *v, bool slept)
{
    uint64_t least = q->clock - CREDIT_NS - q->shift;
    struct vcpu *other;

    if (slept && is_before(v->vtime, least)) {
        v->vtime = least;
    }
    list_for_each (other, &q->waiting, run_link) {
        if (is_before(v->vtime, other->vtime)) {
            break;
        }
    }
    list_add_tail(&other->run_link, &v->run_link);
    WRITE_ONCE(q->load, q->load + 1);
    publish_locked(q);
}

void run_queue_take_locked(struct run_queue *q, struct vcpu *v)
{
    if (!list_empty(&v->run_link)) {
        list_del(&v->run_link);
        WRITE_ONCE(q->load, q->load - 1);
        publish_locked(q);
    }
}

void run_queue_move_locked(struct run_queue *from, struct run_queue *to,
                           struct vcpu *v)
{
    CHECK(run_queue_of(v) == from && list_empty(&v->run_link));
    v->vtime += from->shift - to->shift;
    __atomic_store_n(&v->home, (uint32_t)(to - run_queues), __ATOMIC_RELEASE);
}

void run_queue_park_locked(struct run_queue *q, struct vcpu *v, uint64_t again)
{
    list_add_tail(&q->parked, &v->run_link);
    WRITE_ONCE(q->load, q->load + 1);
    WRITE_ONCE(q->unpark_at, MIN(q->unpark_at, again));
}

bool run_queue_unpark_locked(struct run_queue *q, uint64_t now)
{
    uint64_t next = NO_DEADLINE;
    bool some = false;
    struct vcpu *v, *tmp;

    if (now < q->unpark_at) {
        return false;
    }
    list_for_each_safe(v, tmp, &q->parked, run_link)
    {
        uint64_t again = now;

        if (cpu_share_left(&v->domain->cpu_share, now, &again)) {
            run_queue_take_locked(q, v);
            run_queue_put_locked(q, v, true);
            some = true;
        } else {
            next = MIN(next, again);
        }
    }
    WRITE_ONCE(q->unpark_at, next);
    return some;
}

struct vcpu *run_queue_first_locked(const struct run_queue *q, unsigned cpu)
{
    unsigned looked = 0;
    struct vcpu *v;

    list_for_each (v, &q->waiting, run_link) {
        if (may_run_on(v, cpu)) {
            return v;
        }
        if (++looked == LOOK_MAX) {
            break;
        }
    }
    return NULL;
}

/* By how much the clocks of other busy CPUs are ahead of q's, which is about to
 * be `clock`, on an average. */
static int64_t lead_of_others(const struct run_queue *q, uint64_t clock)
{
    int64_t sum = 0, count = 0;

    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        const struct run_queue *other = &run_queues[cpu];

        if (other != q && READ_ONCE(other->current)) {
            sum += (int64_t)(READ_ONCE(other->clock) - clock);
            count++;
        }
    }
    return count ? sum / count : 0;
}

void run_queue_advance_locked(struct run_queue *q, const struct vcpu *v)
{
    uint64_t clock =
        is_before(q->clock, vtime_of(q, v)) ? vtime_of(q, v) : q->clock;
    int64_t lead = lead_of_others(q, clock);
    uint64_t by = 0;

    if (lead > LAG_MAX_NS) {
        by = (uint64_t)(lead - LAG_MAX_NS);
    } else if (lead < -LAG_MAX_NS) {
        by = (uint64_t)(lead + LAG_MAX_NS);
    }
    WRITE_ONCE(q->clock, clock + by);
    if (by) {
        q->shift += by;
        publish_locked(q);
    }
}

unsigned run_queue_find(unsigned cpu, uint64_t limit)
{
    unsigned found = cpu;

    for (unsigned other = 0; other < arch_cpu_count(); other++) {
        struct run_queue *q = &run_queues[other];
        struct vcpu *v;

        if (other == cpu || !is_before(READ_ONCE(q->first), limit)) {
            continue;
        }
        lock(&q->lock);
        v = run_queue_first_locked(q, cpu);
        if (v && is_before(vtime_of(q, v), limit)) {
            limit = vtime_of(q, v);
            found = other;
        }
        unlock(&q->lock);
    }
    return found;
}
