/* SPDX-License-Identifier: MIT */
/* CPUs that run vCPUs in simulated time, one step after the other: what the
 * scheduler makes of them. */
#ifndef CPUS_H
#define CPUS_H

#include "domain/domain.h"
#include "domain/sched.h"

#define MS      1000000ULL
#define STEP_NS (MS / 4)

/* A machine with so many CPUs, and no domain. */
void cpus_start(unsigned count);

/* A new domain of that many vCPUs, all of which may run. */
struct domain *cpus_domain(unsigned vcpus);

/* What runs on `cpu`; NULL: nothing. */
struct vcpu *cpus_running(unsigned cpu);

/* Let so much time pass. Before each step `each` is called, if it is not NULL:
 * it may hold and release vCPUs, and more. */
void cpus_run(uint64_t ns, void (*each)(uint64_t now));

/* Look whether each vCPU is where its state says, and no CPU idle that could
 * run one that waits. */
void cpus_check(void);

/* For how long v has been runnable without running, ns. */
uint64_t cpus_waited(const struct vcpu *v);

/* The CPU time of d's vCPU 0 so far, in ms. */
double cpus_time_ms(const struct domain *d);

#endif
