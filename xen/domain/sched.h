/* SPDX-License-Identifier: MIT */
/*
 * More vCPUs than CPUs: one run queue, time slices, blocking.
 *
 * A vCPU has a slice of CPU time. While some of it is left, it goes to the
 * front of the queue when it wakes and takes an idle CPU or that of a vCPU
 * which is not held to be more urgent; when it is used up, the vCPU goes to
 * the end with a new one. So those that sleep most are served first, and
 * nobody can keep the others out by waking often.
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

/* Whether the vCPU that runs here should make room (its slice is over and
 * others wait). Cheap. */
bool sched_slice_over(const struct vcpu *v, uint64_t now);

/* When to look at the clock next for the sake of v's slice. */
uint64_t sched_slice_deadline(const struct vcpu *v);

/* Add or remove reasons to hold v (enum vcpu_hold). The sync form returns
 * when v runs nowhere any more; at once if v runs on this very CPU. */
void sched_hold(struct vcpu *v, uint32_t bits);
void sched_hold_sync(struct vcpu *v, uint32_t bits);
void sched_release(struct vcpu *v, uint32_t bits);

/* Give up the rest of the slice: the queue's end at the next sched_next(). */
void sched_yield(struct vcpu *v);

void sched_set_affinity(struct vcpu *v, uint64_t cpus);

/* The vCPU running on this CPU; NULL when none (idle or boot). */
struct vcpu *sched_current(void);

/* Nanoseconds of CPU time that v has had. */
uint64_t sched_cpu_time(const struct vcpu *v);

/* The debug key 'r': who runs and who waits. */
void sched_dump(void);

#endif
