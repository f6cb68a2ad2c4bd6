/* SPDX-License-Identifier: MIT */
/*
 * More vCPUs than CPUs: who runs where, and for how long.
 *
 * Each CPU has a queue of its own (run_queue.h). A vCPU is charged the CPU time
 * that it has, divided by its domain's weight, and who was charged least runs
 * next, for 10 ms unless somebody wakes who was charged less. Who sleeps saves
 * 10 ms at most, so it is served at once when it wakes, but cannot keep others
 * out for longer by having slept. A CPU fetches vCPUs from another when it has
 * none, or when those wait there that were charged less by more than a slice:
 * so shares are fair over all CPUs, as far as hard affinity allows. A domain's
 * cap is told of in cpu_share.h.
 */
#ifndef DOMAIN_SCHED_H
#define DOMAIN_SCHED_H

#include "domain/vcpu.h"

void sched_init(void);

/*
 * On this CPU: the vCPU to run now; waits idle until there is one. prev, which
 * may be NULL, ran here until now and goes back to the queue if it is still
 * runnable. `idle_work` is called before each wait and says when to come back
 * at the latest; and after it (`woken`), in haste, since there may be a vCPU to
 * run.
 */
struct vcpu *sched_next(struct vcpu *prev, uint64_t (*idle_work)(bool woken));

/* Have a CPU that waits, if there is one, call its idle_work. */
void sched_wake_idle(void);

/* The two halves of sched_next(), which never waits in them: NULL if there is
 * nothing to run here; and whether there is something after all, or this CPU
 * waits from now on and has to be kicked. */
struct vcpu *sched_pick(struct vcpu *prev);
bool sched_work_here(void);

/* When the vCPU that runs here has to make room, or somebody else may run
 * again: sched_next() decides. Cheap. */
uint64_t sched_slice_deadline(void);
static inline bool sched_slice_over(uint64_t now)
{
    return now >= sched_slice_deadline();
}

/* Add or remove reasons to hold v (enum vcpu_hold). The sync form returns
 * when v runs nowhere any more; at once if v runs on this very CPU. */
void sched_hold(struct vcpu *v, uint32_t bits);
void sched_hold_sync(struct vcpu *v, uint32_t bits);
void sched_release(struct vcpu *v, uint32_t bits);

/* Make room for anybody who waits, at the next sched_next(), once. */
void sched_yield(struct vcpu *v);

/* Hard affinity: a bit per CPU, one that is there at least. What v prefers of
 * these (v->soft_affinity) is only looked at when several are idle. */
void sched_set_affinity(struct vcpu *v, uint64_t cpus);

/* The weight of each of d's vCPUs, 1 .. 65535, and its cap in percent of one
 * CPU, 0: none. Both are read from d->cpu_share. */
void sched_set_share(struct domain *d, uint16_t weight, uint16_t cap);

/* How long who runs goes on though one wakes that should run, microseconds. */
uint32_t sched_ratelimit_us(void);
void sched_set_ratelimit_us(uint32_t us);

/* For vcpu_create(). */
void sched_init_vcpu(struct vcpu *v);

/* The vCPU running on this CPU; NULL when none (idle or boot). */
struct vcpu *sched_current(void);

/* Nanoseconds of CPU time that v has had. */
uint64_t sched_cpu_time(const struct vcpu *v);

/* The debug key 'r': who runs and who waits. */
void sched_dump(void);

#endif
