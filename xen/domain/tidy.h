/* SPDX-License-Identifier: MIT */
/*
 * Idle CPUs put together what was scattered: regions of 2 MiB of a domain whose
 * pages are all there, but are anywhere in the host, move to free blocks
 * (p2m/gather.c).
 */
#ifndef DOMAIN_TIDY_H
#define DOMAIN_TIDY_H

#include <stdbool.h>
#include <stdint.h>

/* So many free pages that nobody has claimed are left to others. */
#define TIDY_SPARE 4096U

/* On unless it is switched off at boot. */
void tidy_set(bool on);

/*
 * This CPU is idle: a slice of the work, if it is time for one. Returns when it
 * should be called again, if the CPU is still idle then.
 */
uint64_t tidy_work(void);

#endif
