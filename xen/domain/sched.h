/* SPDX-License-Identifier: MIT */
/*
 * More vCPUs than CPUs: one run queue, time slices, blocking. A vCPU that
 * wakes goes to the front and takes an idle CPU, or the one whose vCPU has
 * run longest in its slice.
 */
#ifndef DOMAIN_SCHED_H
#define DOMAIN_SCHED_H

#include "domain/vcpu.h"

void sched_init(void);

/*
 * On this CPU: the vCPU to run now (never NULL: waits idle until there is one). prev, which
 * may be NULL, ran here until now and goes back to the queue if it is still
 * runnable. Updates runstates; reaps what may be reaped meanwhile.
 */
struct vcpu *sched_next(struct vcpu *prev);

/* Add or remove reasons to hold v. sched_hold_sync() returns when v is no
 * longer running anywhere (the caller is not v's own CPU context, or v is
 * the caller itself, in which case it returns at once). */
void sched_hold(struct vcpu *v, uint32_t bits);
void sched_hold_sync(struct vcpu *v, uint32_t bits);
void sched_release(struct vcpu *v, uint32_t bits);

/* Give up the rest of the slice. */
void sched_yield(struct vcpu *v);

void sched_set_affinity(struct vcpu *v, uint64_t cpus);

/* The vCPU running on this CPU; NULL when none (idle or boot). */
struct vcpu *sched_current(void);

/* Nanoseconds of CPU time that v has had. */
uint64_t sched_cpu_time(const struct vcpu *v);

#endif
