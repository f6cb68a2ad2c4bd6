/* SPDX-License-Identifier: MIT */
/* A clock that only tests move. One TSC tick is half a nanosecond. */
#include "arch/timer.h"
#include "arch/fake/internal.h"

#define TSC_KHZ    2000000ULL
#define TSC_ORIGIN 1000000ULL
#define WALLCLOCK  1700000000ULL

static uint64_t now_ns;
static uint64_t deadlines[MAX_CPUS];

void fake_timer_start(void)
{
    now_ns = 0;
    for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++) {
        deadlines[cpu] = NO_DEADLINE;
    }
}

void fake_set_time(uint64_t ns)
{
    WRITE_ONCE(now_ns, ns);
}

void fake_advance(uint64_t ns)
{
    fake_set_time(arch_time_ns() + ns);
}

uint64_t fake_deadline(unsigned cpu)
{
    return deadlines[cpu];
}

uint64_t arch_time_ns(void)
{
    return READ_ONCE(now_ns);
}

uint64_t arch_tsc(void)
{
    return TSC_ORIGIN + arch_time_ns() * (TSC_KHZ / 1000000);
}

uint64_t arch_tsc_khz(void)
{
    return TSC_KHZ;
}

uint64_t arch_tsc_origin(void)
{
    return TSC_ORIGIN;
}

bool arch_tsc_invariant(void)
{
    return true;
}

void arch_timer_set(uint64_t ns)
{
    deadlines[arch_cpu()] = ns;
}

uint64_t arch_wallclock_s(void)
{
    return WALLCLOCK;
}
