/* SPDX-License-Identifier: MIT */
/* See sched.h. One lock for everything here: at most MAX_CPUS contend, and it
 * is held for some tens of instructions. */
#include "domain/sched.h"

#include "arch/timer.h"
#include "base/console.h"
#include "base/lock.h"
#include "base/trace.h"
#include "domain/domain.h"
#include "types/bits.h"

#define SLICE_NS 10000000ULL

static struct lock sched_lock = LOCK_INIT(RANK_SCHED);
static struct list queue; /* runnable and not running, next one first */
static struct vcpu *current[MAX_CPUS];
static uint64_t idle_cpus; /* bit per CPU that waits for work */

enum runstate {
    RUNNING,
    RUNNABLE,
    BLOCKED,
    OFFLINE
};

void sched_init(void)
{
    list_init(&queue);
}

struct vcpu *sched_current(void)
{
    return current[arch_cpu()];
}

static enum runstate waiting_state(const struct vcpu *v)
{
    if (!v->hold) {
        return RUNNABLE;
    }
    return v->hold == HOLD_BLOCKED ? BLOCKED : OFFLINE;
}

static bool may_run_on(const struct vcpu *v, unsigned cpu)
{
    return v->affinity & BIT(cpu);
}

/* Which running vCPU should make room for v: none of its betters. */
static struct vcpu *victim_for(const struct vcpu *v)
{
    struct vcpu *victim = NULL;

    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        struct vcpu *c = current[cpu];

        if (!c || !may_run_on(v, cpu)) {
            continue;
        }
        if (!victim || c->running_since < victim->running_since) {
            victim = c;
        }
    }
    return victim;
}

static void wake_idle_locked(unsigned cpu)
{
    idle_cpus &= ~BIT(cpu);
    arch_cpu_kick(cpu);
}

/* Find v a CPU: an idle one, or ask a running vCPU to look around. */
static void place_locked(struct vcpu *v, bool urgent)
{
    uint64_t idle = idle_cpus & v->affinity;
    struct vcpu *victim;

    if (idle) {
        unsigned cpu = idle & BIT(v->last_cpu % MAX_CPUS)
                           ? v->last_cpu
                           : (unsigned)__builtin_ctzll(idle);

        wake_idle_locked(cpu);
        return;
    }
    victim = victim_for(v);
    if (victim) {
        vcpu_kick(victim, urgent ? VCPU_WORK_RESCHED : VCPU_WORK_EVENT);
    }
}

static void enqueue_locked(struct vcpu *v)
{
    bool urgent = v->slice_left > 0;

    if (urgent) {
        list_add(&queue, &v->run_link);
    } else {
        v->slice_left = SLICE_NS;
        list_add_tail(&queue, &v->run_link);
    }
    place_locked(v, urgent);
}

/* v's hold bits changed: queue it, or take it off the queue. */
static void reconsider_locked(struct vcpu *v)
{
    if (v->running_on != NOT_RUNNING) {
        return; /* its CPU looks at `hold` before the next entry */
    }
    time_set_runstate(v, waiting_state(v));
    if (v->hold) {
        list_del(&v->run_link);
    } else if (list_empty(&v->run_link)) {
        enqueue_locked(v);
    }
}

void sched_hold(struct vcpu *v, uint32_t bits)
{
    lock(&sched_lock);
    v->hold |= bits;
    reconsider_locked(v);
    if (v->running_on != NOT_RUNNING) {
        vcpu_kick(v, VCPU_WORK_STATE);
    }
    unlock(&sched_lock);
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
    /* Unlocked look first: waking the awake is the common case. */
    if (!(__atomic_load_n(&v->hold, __ATOMIC_SEQ_CST) & bits)) {
        return;
    }
    lock(&sched_lock);
    if (v->hold & bits) {
        v->hold &= ~bits;
        reconsider_locked(v);
    }
    unlock(&sched_lock);
}

void sched_yield(struct vcpu *v)
{
    v->yielded = true;
    __atomic_fetch_or(&v->work, VCPU_WORK_RESCHED, __ATOMIC_SEQ_CST);
}

void sched_set_affinity(struct vcpu *v, uint64_t cpus)
{
    lock(&sched_lock);
    v->affinity = cpus;
    if (v->running_on != NOT_RUNNING && !may_run_on(v, v->running_on)) {
        vcpu_kick(v, VCPU_WORK_RESCHED);
    } else if (!list_empty(&v->run_link)) {
        place_locked(v, false);
    }
    unlock(&sched_lock);
}

static struct vcpu *pick_locked(unsigned cpu)
{
    struct vcpu *v;

    list_for_each (v, &queue, run_link) {
        if (may_run_on(v, cpu)) {
            return v;
        }
    }
    return NULL;
}

/* prev leaves this CPU; it may be picked again at once. */
static void put_locked(struct vcpu *prev, uint64_t now)
{
    uint64_t ran = now - prev->running_since;

    prev->slice_left -= MIN(ran, prev->slice_left);
    if (prev->yielded) {
        prev->slice_left = 0;
        prev->yielded = false;
    }
    if (prev->hold) {
        return;
    }
    if (prev->slice_left) {
        list_add(&queue, &prev->run_link);
    } else {
        prev->slice_left = SLICE_NS;
        list_add_tail(&queue, &prev->run_link);
    }
}

static void run_locked(struct vcpu *next, unsigned cpu, uint64_t now)
{
    list_del(&next->run_link);
    next->running_on = cpu;
    next->last_cpu = cpu;
    next->running_since = now;
    time_set_runstate(next, RUNNING);
}

/*
 * prev is off this CPU. Who waits in sched_hold_sync() may free it as soon as
 * running_on says so, without our lock: that comes last.
 */
static void leave_locked(struct vcpu *prev)
{
    bool held = prev->hold;

    arch_guest_unload(prev->gc);
    time_set_runstate(prev, waiting_state(prev));
    __atomic_store_n(&prev->running_on, NOT_RUNNING, __ATOMIC_RELEASE);
    if (!held) {
        place_locked(prev, false);
    }
}

/*
 * Whoever stands first is chosen before prev goes back to the queue, so that
 * one who woke urgently goes before it; prev goes on if nobody waits.
 */
static struct vcpu *switch_locked(struct vcpu *prev, unsigned cpu, uint64_t now)
{
    struct vcpu *next = pick_locked(cpu);

    if (prev) {
        put_locked(prev, now);
        next = next ? next : pick_locked(cpu);
    }
    current[cpu] = next;
    if (prev && prev != next) {
        leave_locked(prev);
    }
    if (next) {
        run_locked(next, cpu, now);
    }
    return next;
}

static bool work_here(void)
{
    bool work;

    lock(&sched_lock);
    work = pick_locked(arch_cpu()) != NULL;
    if (!work) {
        idle_cpus |= BIT(arch_cpu());
    }
    unlock(&sched_lock);
    return work;
}

void sched_wake_idle(void)
{
    lock(&sched_lock);
    if (idle_cpus) {
        wake_idle_locked((unsigned)__builtin_ctzll(idle_cpus));
    }
    unlock(&sched_lock);
}

struct vcpu *sched_next(struct vcpu *prev, uint64_t (*idle_work)(bool woken))
{
    unsigned cpu = arch_cpu();

    for (;;) {
        struct vcpu *next;
        uint64_t again;

        lock(&sched_lock);
        idle_cpus &= ~BIT(cpu);
        next = switch_locked(prev, cpu, arch_time_ns());
        unlock(&sched_lock);
        if (next) {
            return next;
        }
        prev = NULL;
        again = idle_work(false);
        arch_timer_set(MIN(time_next_deadline(), again));
        arch_cpu_idle(work_here);
        idle_work(true);
    }
}

static bool others_wait(void)
{
    return READ_ONCE(queue.next) != &queue;
}

bool sched_slice_over(const struct vcpu *v, uint64_t now)
{
    return others_wait() && now - v->running_since >= v->slice_left;
}

uint64_t sched_slice_deadline(const struct vcpu *v)
{
    return others_wait() ? v->running_since + v->slice_left : NO_DEADLINE;
}

uint64_t sched_cpu_time(const struct vcpu *v)
{
    uint64_t ns = v->time.spent[RUNNING];

    if (READ_ONCE(v->running_on) != NOT_RUNNING) {
        ns += arch_time_ns() - v->time.state_entry;
    }
    return ns;
}

void sched_dump(void)
{
    struct vcpu *v;

    lock(&sched_lock);
    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        v = current[cpu];
        if (v) {
            log_line(LOG_INFO, "CPU %u runs d%uv%u", cpu, v->domain->id, v->id);
        } else {
            log_line(LOG_INFO, "CPU %u is idle", cpu);
        }
    }
    list_for_each (v, &queue, run_link) {
        log_line(LOG_INFO, "waits: d%uv%u, %lu us left of its slice",
                 v->domain->id, v->id, v->slice_left / 1000);
    }
    unlock(&sched_lock);
}
