/* SPDX-License-Identifier: MIT */
/* PV time (AP-11): nanoseconds since the hypervisor's boot. events_init()
 * first, which maps the page that it stands in. */
#ifndef GUEST_TIME_H
#define GUEST_TIME_H

#include "types/check.h"

#define MICROSECONDS(n) ((n)*1000ULL)
#define MILLISECONDS(n) ((n)*1000000ULL)
#define SECONDS(n)      ((n)*1000000000ULL)

uint64_t time_now(void);

/* Busy. */
void time_delay(uint64_t nanoseconds);

/* Singleshot timer of this vCPU: set for `deadline`, stop. 0 or -Exxx. */
int timer_set(uint64_t deadline, uint32_t flags);
int timer_stop(void);

#endif
