/* SPDX-License-Identifier: MIT */
/* Contract: time and one deadline per CPU. */
#ifndef ARCH_TIMER_H
#define ARCH_TIMER_H

#include "types/words.h"

#define NO_DEADLINE (~0ULL)

/* Nanoseconds since boot; monotonic, the same on all CPUs. */
uint64_t arch_time_ns(void);

uint64_t arch_tsc(void);
/* TSC ticks per millisecond (kHz), measured at boot. */
uint64_t arch_tsc_khz(void);
/* TSC value at arch_time_ns() == 0. */
uint64_t arch_tsc_origin(void);
/* Whether the TSC runs at one rate in all power states (CPUID 80000007 EDX[8]).
 */
bool arch_tsc_invariant(void);

/* Interrupt this CPU at time `ns` (at once if past); NO_DEADLINE: not at all.
 * Replaces the previous deadline. The interrupt only ends a guest run or an
 * idle wait: who set it looks at the clock then. */
void arch_timer_set(uint64_t ns);

/* Seconds since 1970 at arch_time_ns() == 0, from the RTC. */
uint64_t arch_wallclock_s(void);

#endif
