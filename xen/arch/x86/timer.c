/* SPDX-License-Identifier: MIT */
/* Time from the TSC, deadlines by the local APIC's timer, which goes by the
 * TSC where it can and counts by itself elsewhere. */
#include "arch/timer.h"
#include "arch/x86/asm.h"
#include "arch/x86/machine.h"
#include "base/panic.h"
#include "types/bits.h"

#define REPEAT_MIN_NS 50000ULL

static uint64_t tsc_khz, tsc_origin;
static uint64_t apic_khz;
static uint64_t ns_per_tsc_32; /* ns per tick, 32.32 fixed point */
static bool tsc_invariant;
static bool repeats;
static uint64_t wallclock_s;

static uint8_t cmos(uint8_t reg)
{
    outb(0x70, reg);
    return inb(0x71);
}

static unsigned from_bcd(uint8_t v, bool bcd)
{
    return bcd ? (v >> 4) * 10U + (v & 15U) : v;
}

/* Seconds since 1970 of a date in the proleptic Gregorian calendar. */
static uint64_t seconds_of(unsigned y, unsigned m, unsigned d, unsigned h,
                           unsigned min, unsigned s)
{
    /* Count years from March, so that the leap day is the last one. */
    uint64_t year = m > 2 ? y : y - 1;
    uint64_t month = (m + 9) % 12;
    uint64_t days = year * 365 + year / 4 - year / 100 + year / 400 +
                    (month * 306 + 5) / 10 + d - 1;

    return (days - 719468) * 86400 + h * 3600ULL + min * 60ULL + s;
}

static uint64_t read_rtc(void)
{
    bool bcd;

    for (unsigned i = 0; i < 100000 && (cmos(10) & 0x80); i++) {
        arch_cpu_relax();
    }
    bcd = !(cmos(11) & 4);
    return seconds_of(2000 + from_bcd(cmos(9), bcd), from_bcd(cmos(8), bcd),
                      from_bcd(cmos(7), bcd), from_bcd(cmos(4) & 0x7F, bcd),
                      from_bcd(cmos(2), bcd), from_bcd(cmos(0), bcd));
}

/* In so many ticks; 0: never. */
static void arm(uint64_t ticks)
{
    if (apic_has_deadline()) {
        apic_deadline_arm(ticks ? rdtsc() + ticks : 0);
    } else {
        apic_timer_arm((uint32_t)ticks);
    }
}

static bool has_invariant_tsc(void)
{
    uint32_t a, b, c, d;

    cpuid_count(0x80000000, 0, &a, &b, &c, &d);
    if (a < 0x80000007) {
        return false;
    }
    cpuid_count(0x80000007, 0, &a, &b, &c, &d);
    return d & BIT(8);
}

void timer_calibrate(void)
{
    struct rates rates;

    if (!rates_measure(&rates)) {
        panic("there is no clock to measure the TSC by: no ACPI timer, and the "
              "PIT stands still");
    }
    tsc_khz = rates.tsc_khz;
    apic_khz = rates.apic_khz;
    ns_per_tsc_32 = (1000000ULL << 32) / tsc_khz;
    tsc_invariant = has_invariant_tsc();
    wallclock_s = read_rtc();
    tsc_origin = rdtsc();
}

uint64_t arch_time_ns(void)
{
    uint64_t ticks = rdtsc() - tsc_origin;

    /* Before calibration the scale is 0, and so is the time. */
    return (uint64_t)(((unsigned __int128)ticks * ns_per_tsc_32) >> 32);
}

uint64_t arch_tsc(void)
{
    return rdtsc();
}

uint64_t arch_tsc_khz(void)
{
    return tsc_khz;
}

uint64_t arch_tsc_origin(void)
{
    return tsc_origin;
}

bool arch_tsc_invariant(void)
{
    return tsc_invariant;
}

void timer_distrust_tsc(void)
{
    tsc_invariant = false;
}

uint64_t arch_wallclock_s(void)
{
    return wallclock_s;
}

void timer_repeat(bool on)
{
    repeats = on;
}

bool timer_repeats(void)
{
    return repeats;
}

void arch_timer_set(uint64_t ns)
{
    uint64_t khz = apic_has_deadline() ? tsc_khz : apic_khz;
    uint64_t now, ticks;

    if (ns == NO_DEADLINE) {
        arm(0);
        return;
    }
    now = arch_time_ns();
    /* At most one second ahead, so that the product fits; whoever wakes then
     * looks at the clock and sets it again. */
    ticks = ns > now ? MIN(ns - now, 1000000000ULL) * khz / 1000000 : 0;
    if (repeats) {
        ticks = MAX(ticks, REPEAT_MIN_NS * khz / 1000000);
    }
    arm(MIN(ticks + 1, 0xFFFFFFFFULL));
}

void timer_delay_us(uint64_t us)
{
    uint64_t end = rdtsc() + us * tsc_khz / 1000;

    while (rdtsc() < end) {
        arch_cpu_relax();
    }
}
