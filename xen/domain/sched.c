/* SPDX-License-Identifier: MIT */
/*
 * See sched.h, and run_queue.h for virtual time. There is no lock for all CPUs:
 * a vCPU's fields are covered by the lock of its home's queue, and a CPU takes
 * a second one only to fetch a vCPU from there, or to send one away that may
 * not run here any more.
 *
 *   S1  v waits or is parked at home  <=>  hold = 0 and running_on =
 * NOT_RUNNING S2  running_on = n                 =>  home = n S3  v does not
 * run                 =>  its home is a CPU that it may run on
 *
 * Who wakes waits at home. Then an idle CPU is made to look, if there is one:
 * an idle CPU runs whatever it may run. Otherwise one that runs somebody who is
 * later in virtual time. All this is a matter of speed: whoever waits is
 * served at home at the latest, when it is first there.
 */
#include "domain/sched.h"

#include "arch/timer.h"
#include "base/console.h"
#include "domain/run_queue.h"
#include "types/bits.h"

/* A busy CPU fetches only who is that much earlier than its own: otherwise
 * equals would change places for ever. */
#define FETCH_MARGIN_NS SLICE_NS
/* One of several vCPUs under a cap gets that much, if it is left. */
#define CAPPED_RUN_NS 1000000ULL

static uint64_t idle_cpus; /* bit per CPU that waits for work, atomic */
static uint32_t ratelimit_us;

enum runstate {
    RUNNING,
    RUNNABLE,
    BLOCKED,
    OFFLINE
};

void sched_init(void)
{
    for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++) {
        run_queue_init(&run_queues[cpu]);
    }
}

/* The CPU of those with the least to do. */
static unsigned least_loaded(uint64_t cpus)
{
    unsigned least = 0;
    uint32_t load = ~0U;

    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        if ((cpus & BIT(cpu)) && READ_ONCE(run_queues[cpu].load) < load) {
            load = READ_ONCE(run_queues[cpu].load);
            least = cpu;
        }
    }
    return least;
}

void sched_init_vcpu(struct vcpu *v)
{
    v->hold = HOLD_OFFLINE;
    v->running_on = NOT_RUNNING;
    v->affinity = v->soft_affinity = ~0ULL;
    v->home = v->id % arch_cpu_count();
    list_init(&v->run_link);
}

struct vcpu *sched_current(void)
{
    return run_queues[arch_cpu()].current;
}

static enum runstate waiting_state(const struct vcpu *v)
{
    if (!v->hold) {
        return RUNNABLE;
    }
    return v->hold == HOLD_BLOCKED ? BLOCKED : OFFLINE;
}

static bool is_runnable_locked(const struct vcpu *v)
{
    return !v->hold && v->running_on == NOT_RUNNING;
}

/* Lock the queue where v is at home, and that of `other`, too. */
static struct run_queue *lock_home_and(const struct vcpu *v, unsigned other)
{
    struct run_queue *and = &run_queues[other];

    for (;;) {
        struct run_queue *q = run_queue_of(v);

        lock_two(&q->lock, &and->lock);
        if (q == run_queue_of(v)) {
            return q;
        }
        unlock_two(&q->lock, &and->lock);
    }
}

static struct run_queue *lock_home(const struct vcpu *v)
{
    for (;;) {
        struct run_queue *q = run_queue_of(v);

        lock(&q->lock);
        if (q == run_queue_of(v)) {
            return q;
        }
        unlock(&q->lock);
    }
}

/* --- Finding a CPU for one who waits --- */

/* Take `cpu` from the idle ones: it is the caller's to kick. */
static bool claim_idle(unsigned cpu)
{
    return __atomic_fetch_and(&idle_cpus, ~BIT(cpu), __ATOMIC_SEQ_CST) &
           BIT(cpu);
}

/* Kick the best CPU of those that are idle: v's own, one that it prefers, or
 * any that it may have. False: there is none. */
static bool kick_idle(const struct vcpu *v)
{
    uint64_t idle;

    mem_barrier(); /* v waits visibly; who goes idle looks for it after that */
    while ((idle = READ_ONCE(idle_cpus) & READ_ONCE(v->affinity))) {
        uint64_t soft = idle & READ_ONCE(v->soft_affinity);
        uint64_t home = (soft ? soft : idle) & BIT(READ_ONCE(v->home));
        uint64_t best = home ? home : soft ? soft : idle;
        unsigned cpu = (unsigned)__builtin_ctzll(best);

        if (claim_idle(cpu)) {
            arch_cpu_kick(cpu);
            return true;
        }
    }
    return false;
}

/* Virtual time of the one that runs, up to now. */
static uint64_t current_vtime(const struct run_queue *q, uint64_t now)
{
    const struct vcpu *c = q->current;
    uint64_t ran = now - MIN(now, c->running_since);

    return vtime_of(q, c) + cpu_share_scale(&c->domain->cpu_share, ran);
}

/* Have the one that runs make room for one with this virtual time, if that is
 * earlier, and nobody waits who is earlier still; not before it ran for as long
 * as the rate limit says. */
static bool preempt_locked(struct run_queue *q, uint64_t vtime, uint64_t now)
{
    struct vcpu *c = q->current;
    uint64_t until;

    if (!c || is_before(q->first, vtime) ||
        !is_before(vtime, current_vtime(q, now))) {
        return false;
    }
    until = c->running_since + READ_ONCE(ratelimit_us) * 1000ULL;
    if (now < until) {
        WRITE_ONCE(q->slice_end, MIN(q->slice_end, until));
        vcpu_kick(c, VCPU_WORK_EVENT); /* it sets its timer anew */
    } else {
        vcpu_kick(c, VCPU_WORK_RESCHED);
    }
    return true;
}

/* The CPU whose clock is the latest, of those that v may run on. */
static unsigned latest_clock(const struct vcpu *v)
{
    unsigned latest = READ_ONCE(v->home);

    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        if (may_run_on(v, cpu) && is_before(READ_ONCE(run_queues[latest].clock),
                                            READ_ONCE(run_queues[cpu].clock))) {
            latest = cpu;
        }
    }
    return latest;
}

/* v waits at home, where q is locked; unlocks it. v may be gone afterwards. */
static void place_and_unlock(struct run_queue *q, const struct vcpu *v)
{
    uint64_t now = arch_time_ns(), vtime = vtime_of(q, v);
    unsigned elsewhere = v->home;

    if (!kick_idle(v) && !preempt_locked(q, vtime, now)) {
        elsewhere = latest_clock(v);
    }
    unlock(&q->lock);
    if (q != &run_queues[elsewhere]) {
        q = &run_queues[elsewhere];
        lock(&q->lock);
        preempt_locked(q, vtime + FETCH_MARGIN_NS, now);
        unlock(&q->lock);
    }
}

/* --- Holding and releasing --- */

void sched_hold(struct vcpu *v, uint32_t bits)
{
    struct run_queue *q = lock_home(v);

    v->hold |= bits;
    if (v->running_on == NOT_RUNNING) {
        run_queue_take_locked(q, v);
        time_set_runstate(v, waiting_state(v));
    } else {
        vcpu_kick(v, VCPU_WORK_STATE); /* it looks at `hold` before it enters */
    }
    unlock(&q->lock);
    /* A caller that blocks v looks next at what is pending: not before `hold`
     * can be seen by who makes it pending and then looks at `hold`. */
    mem_barrier();
}

static bool runs_elsewhere(const struct vcpu *v)
{
    uint32_t cpu = __atomic_load_n(&v->running_on, __ATOMIC_ACQUIRE);

    return cpu != NOT_RUNNING && cpu != arch_cpu();
}

void sched_hold_sync(struct vcpu *v, uint32_t bits)
{
    sched_hold(v, bits);
    while (runs_elsewhere(v)) {
        arch_cpu_relax();
    }
}

void sched_release(struct vcpu *v, uint32_t bits)
{
    struct run_queue *q;
    bool held;

    /* Unlocked look first: waking the awake is the common case. */
    if (!(__atomic_load_n(&v->hold, __ATOMIC_SEQ_CST) & bits)) {
        return;
    }
    q = lock_home(v);
    held = v->hold & bits;
    v->hold &= ~bits;
    if (held && v->running_on == NOT_RUNNING) {
        time_set_runstate(v, waiting_state(v));
    }
    if (held && is_runnable_locked(v)) {
        run_queue_put_locked(q, v, true);
        place_and_unlock(q, v);
    } else {
        unlock(&q->lock);
    }
}

void sched_yield(struct vcpu *v)
{
    v->yielded = true;
    __atomic_fetch_or(&v->work, VCPU_WORK_RESCHED, __ATOMIC_SEQ_CST);
}

/* --- Settings --- */

void sched_set_affinity(struct vcpu *v, uint64_t cpus)
{
    unsigned home = READ_ONCE(v->home);
    unsigned to = cpus & BIT(home) ? home : least_loaded(cpus);
    struct run_queue *target = &run_queues[to], *q = lock_home_and(v, to);

    WRITE_ONCE(v->affinity, cpus);
    if (v->running_on != NOT_RUNNING) {
        if (!may_run_on(v, v->running_on)) {
            vcpu_kick(v, VCPU_WORK_RESCHED); /* sched_pick() sends it away */
        }
    } else if (!may_run_on(v, v->home)) {
        run_queue_take_locked(q, v);
        run_queue_move_locked(q, target, v);
    }
    if (is_runnable_locked(v)) {
        run_queue_take_locked(run_queue_of(v), v);
        run_queue_put_locked(run_queue_of(v), v, false);
    }
    unlock_two(&q->lock, &target->lock);
    q = lock_home(v);
    if (is_runnable_locked(v)) {
        place_and_unlock(q, v);
    } else {
        unlock(&q->lock);
    }
}

/* v's domain got another share: v counts from where its CPU is. */
static void begin_anew(struct vcpu *v)
{
    struct run_queue *q = lock_home(v);

    v->vtime = q->clock - q->shift;
    if (is_runnable_locked(v)) {
        run_queue_take_locked(q, v);
        run_queue_put_locked(q, v, false);
        place_and_unlock(q, v);
        return;
    }
    if (v->running_on != NOT_RUNNING) {
        vcpu_kick(v, VCPU_WORK_RESCHED);
    }
    unlock(&q->lock);
}

void sched_set_share(struct domain *d, uint16_t weight, uint16_t cap)
{
    cpu_share_set(&d->cpu_share, weight, cap, arch_time_ns());
    for (unsigned i = 0; i < d->max_vcpus; i++) {
        begin_anew(d->vcpus[i]);
    }
}

uint32_t sched_ratelimit_us(void)
{
    return READ_ONCE(ratelimit_us);
}

void sched_set_ratelimit_us(uint32_t us)
{
    WRITE_ONCE(ratelimit_us, us);
}

/* --- Choosing --- */

/* prev ran here until now: what it had is counted. */
static void account_locked(struct vcpu *prev, uint64_t now)
{
    struct cpu_share *share = &prev->domain->cpu_share;
    uint64_t ran = now - MIN(now, prev->running_since);

    prev->vtime += cpu_share_scale(share, ran);
    prev->running_since = now;
    cpu_share_use(share, ran, now);
}

/* How long v may run from now on; 0: not before *again. */
static uint64_t slice_of(const struct vcpu *v, uint64_t now, uint64_t *again)
{
    uint64_t left = cpu_share_left(&v->domain->cpu_share, now, again);
    uint64_t each = left / v->domain->max_vcpus;

    return MIN(SLICE_NS, MAX(each, MIN(left, CAPPED_RUN_NS)));
}

/*
 * prev is off this CPU: off it goes to wait, here or in `to`. Who waits in
 * sched_hold_sync() may free it as soon as running_on says so, without our
 * lock: that comes last, unless nobody holds it, and nobody can then.
 */
static void leave_locked(struct run_queue *q, struct run_queue *to,
                         struct vcpu *prev, uint64_t now)
{
    bool held = prev->hold;
    uint64_t again = now;

    arch_guest_unload(prev->gc);
    time_set_runstate(prev, waiting_state(prev));
    WRITE_ONCE(q->load, q->load - 1);
    if (!may_run_on(prev, (unsigned)(q - run_queues))) {
        run_queue_move_locked(q, to, prev);
        q = to;
    }
    if (!held) {
        if (slice_of(prev, now, &again)) {
            run_queue_put_locked(q, prev, false);
        } else {
            run_queue_park_locked(q, prev, again);
        }
    }
    __atomic_store_n(&prev->running_on, NOT_RUNNING, __ATOMIC_RELEASE);
    if (!held) {
        kick_idle(prev);
    }
}

/* Those who wait get their slice from q, which is this CPU's. Who has used up
 * its cap meanwhile is parked, and the next one looked at. */
static struct vcpu *take_first_locked(struct run_queue *q, unsigned cpu,
                                      uint64_t now, uint64_t *slice)
{
    struct vcpu *v;

    while ((v = run_queue_first_locked(q, cpu))) {
        uint64_t again = now;

        run_queue_take_locked(q, v);
        *slice = slice_of(v, now, &again);
        if (*slice) {
            break;
        }
        run_queue_park_locked(q, v, again);
    }
    return v;
}

static void run_locked(struct run_queue *q, struct vcpu *next, uint64_t now,
                       uint64_t slice)
{
    unsigned cpu = (unsigned)(q - run_queues);

    next->running_on = cpu;
    next->last_cpu = cpu;
    next->running_since = now;
    WRITE_ONCE(q->slice_end, now + slice);
    run_queue_advance_locked(q, next);
    time_set_runstate(next, RUNNING);
}

/* May prev go on, as far as it depends on itself? */
static bool may_go_on(const struct vcpu *prev, unsigned cpu, uint64_t now,
                      uint64_t *slice)
{
    uint64_t again = now;

    if (prev->hold || !may_run_on(prev, cpu)) {
        return false;
    }
    *slice = slice_of(prev, now, &again);
    return *slice;
}

/* Is there, in either queue, who should run here before one of that virtual
 * time? Then it is in q afterwards. */
static bool fetch_locked(struct run_queue *q, struct run_queue *other,
                         uint64_t limit)
{
    unsigned cpu = (unsigned)(q - run_queues);
    struct vcpu *first = run_queue_first_locked(q, cpu);
    struct vcpu *v = q == other ? NULL : run_queue_first_locked(other, cpu);
    uint64_t best = first && is_before(vtime_of(q, first), limit)
                        ? vtime_of(q, first)
                        : limit;

    if (v && (best == NO_VTIME ||
              is_before(vtime_of(other, v) + FETCH_MARGIN_NS, best))) {
        run_queue_take_locked(other, v);
        run_queue_move_locked(other, q, v);
        run_queue_put_locked(q, v, false);
        return true;
    }
    return best != limit;
}

/* Who runs here now: prev, one who waits here, or one who waits in `other`. */
static struct vcpu *switch_locked(struct run_queue *q, struct run_queue *other,
                                  struct vcpu *prev)
{
    unsigned cpu = (unsigned)(q - run_queues);
    uint64_t now = arch_time_ns(), limit = NO_VTIME;
    uint64_t slice = 0, rest = 0; /* of who waits, of prev */
    struct vcpu *next = NULL;
    bool goes_on = false;

    if (prev) {
        account_locked(prev, now);
        goes_on = may_go_on(prev, cpu, now, &rest);
        limit = goes_on && !prev->yielded ? vtime_of(q, prev) : NO_VTIME;
        prev->yielded = false;
    }
    run_queue_unpark_locked(q, now);
    if (fetch_locked(q, other, limit)) {
        next = take_first_locked(q, cpu, now, &slice);
    }
    if (!next && goes_on) {
        next = prev;
        slice = rest;
    }
    WRITE_ONCE(q->current, next);
    if (prev && prev != next) {
        leave_locked(q, other, prev, now);
    }
    if (next) {
        WRITE_ONCE(q->load, q->load + (next != prev));
        run_locked(q, next, now, slice);
    }
    return next;
}

/* Which other queue this CPU should have locked, too: where prev has to go, or
 * where somebody should be fetched. Its own: none. */
static unsigned partner(const struct run_queue *q, const struct vcpu *prev)
{
    unsigned cpu = arch_cpu();
    uint64_t limit = READ_ONCE(q->first);

    if (prev && !may_run_on(prev, cpu)) {
        return least_loaded(READ_ONCE(prev->affinity));
    }
    if (prev && !READ_ONCE(prev->hold) && !prev->yielded) {
        uint64_t vtime = current_vtime(q, arch_time_ns());

        limit = is_before(vtime, limit) ? vtime : limit;
    }
    return run_queue_find(cpu,
                          limit == NO_VTIME ? limit : limit - FETCH_MARGIN_NS);
}

struct vcpu *sched_pick(struct vcpu *prev)
{
    struct run_queue *q = &run_queues[arch_cpu()], *other;
    struct vcpu *next;

    __atomic_fetch_and(&idle_cpus, ~BIT(arch_cpu()), __ATOMIC_SEQ_CST);
    for (;;) {
        other = &run_queues[partner(q, prev)];
        lock_two(&q->lock, &other->lock);
        if (!prev || may_run_on(prev, arch_cpu()) ||
            may_run_on(prev, (unsigned)(other - run_queues))) {
            break;
        }
        unlock_two(&q->lock, &other->lock); /* its affinity changed just now */
    }
    next = switch_locked(q, other, prev);
    unlock_two(&q->lock, &other->lock);
    return next;
}

bool sched_work_here(void)
{
    unsigned cpu = arch_cpu();
    const struct run_queue *q = &run_queues[cpu];

    __atomic_fetch_or(&idle_cpus, BIT(cpu), __ATOMIC_SEQ_CST);
    if (READ_ONCE(q->first) == NO_VTIME &&
        run_queue_find(cpu, NO_VTIME) == cpu) {
        return false;
    }
    claim_idle(cpu);
    return true;
}

void sched_wake_idle(void)
{
    uint64_t idle;

    while ((idle = READ_ONCE(idle_cpus))) {
        unsigned cpu = (unsigned)__builtin_ctzll(idle);

        if (claim_idle(cpu)) {
            arch_cpu_kick(cpu);
            return;
        }
    }
}

struct vcpu *sched_next(struct vcpu *prev, uint64_t (*idle_work)(bool woken))
{
    const struct run_queue *q = &run_queues[arch_cpu()];

    for (;;) {
        struct vcpu *next = sched_pick(prev);
        uint64_t again, timer;

        if (next) {
            return next;
        }
        prev = NULL;
        again = idle_work(false);
        timer = time_next_deadline();
        again = MIN(again, timer);
        arch_timer_set(MIN(again, q->unpark_at));
        arch_cpu_idle(sched_work_here);
        idle_work(true);
    }
}

/* --- What is told --- */

uint64_t sched_slice_deadline(void)
{
    const struct run_queue *q = &run_queues[arch_cpu()];
    uint64_t end = READ_ONCE(q->slice_end), unpark = READ_ONCE(q->unpark_at);

    return MIN(end, unpark);
}

uint64_t sched_cpu_time(const struct vcpu *v)
{
    uint64_t ns = v->time.spent[RUNNING];

    if (READ_ONCE(v->running_on) != NOT_RUNNING) {
        ns += arch_time_ns() - v->time.state_entry;
    }
    return ns;
}

static void dump_list(const struct run_queue *q, const struct list *list,
                      const char *how)
{
    const struct vcpu *v;

    list_for_each (v, list, run_link) {
        log_line(LOG_INFO, "  %s: d%uv%u, %ld us from the clock", how,
                 v->domain->id, v->id,
                 (int64_t)(vtime_of(q, v) - q->clock) / 1000);
    }
}

void sched_dump(void)
{
    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        struct run_queue *q = &run_queues[cpu];

        lock(&q->lock);
        if (q->current) {
            log_line(LOG_INFO, "CPU %u runs d%uv%u", cpu,
                     q->current->domain->id, q->current->id);
        } else {
            log_line(LOG_INFO, "CPU %u is idle", cpu);
        }
        dump_list(q, &q->waiting, "waits");
        dump_list(q, &q->parked, "has used up its cap");
        unlock(&q->lock);
    }
}
