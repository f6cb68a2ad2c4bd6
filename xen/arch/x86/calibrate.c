/* SPDX-License-Identifier: MIT */
/*
 * How fast the TSC and the local APIC's timer run, by a clock of known rate.
 *
 * ACPI's timer is best: it counts on by itself, so that it can be read together
 * with the others twice, and nothing is lost when we do not run in between (an
 * emulator's host under load). What counts is only how closely together they
 * were read, and of several readings the closest is taken.
 *
 * Without it, the PIT has to count an interval down. There the shortest of
 * several measurements is taken: as the TSC is read before the PIT starts and
 * after it ends, whatever interferes only makes it longer. A PIT may be
 * switched off, too; then it never ends.
 */
#include "arch/x86/asm.h"
#include "arch/x86/machine.h"
#include "types/bits.h"

#define ACPI_HZ       3579545ULL
#define ACPI_MASK     0xFFFFFFU      /* 24 bits: 4.7 s */
#define ACPI_TICKS    (ACPI_HZ / 20) /* 50 ms */
#define ACPI_PATIENCE 1000000U       /* readings without a tick */
#define READINGS      16
#define PIT_HZ        1193182ULL
#define PIT_TICKS     11932ULL /* 10 ms */
#define PIT_PATIENCE  BIT(32)  /* of the TSC */
#define MEASUREMENTS  5
#define APIC_FULL     0xFFFFFFFFU

struct reading {
    uint64_t tsc;
    uint32_t apic, clock;
};

static struct reading read_all(uint16_t port)
{
    struct reading best = {0, 0, 0};
    uint64_t narrowest = ~0ULL;

    for (unsigned n = 0; n < READINGS; n++) {
        uint64_t begin = rdtsc(), width;
        uint32_t clock = inl(port);
        uint32_t apic = apic_timer_count();

        width = rdtsc() - begin;
        if (width < narrowest) {
            narrowest = width;
            best = (struct reading){begin + width / 2, apic, clock};
        }
    }
    return best;
}

static uint32_t ticks_between(uint32_t from, uint32_t to)
{
    return (to - from) & ACPI_MASK;
}

static bool by_acpi(struct rates *r)
{
    uint16_t port = acpi_timer_port();
    struct reading first, last;
    uint64_t ticks;

    if (!port) {
        return false;
    }
    apic_timer_arm(APIC_FULL);
    first = read_all(port);
    for (unsigned n = 0; ticks_between(first.clock, inl(port)) < ACPI_TICKS;
         n++) {
        if (n > ACPI_PATIENCE && inl(port) == first.clock) {
            return false;
        }
    }
    last = read_all(port);
    apic_timer_arm(0);
    ticks = ticks_between(first.clock, last.clock);
    r->tsc_khz = (last.tsc - first.tsc) * ACPI_HZ / ticks / 1000;
    r->apic_khz = (first.apic - last.apic) * ACPI_HZ / ticks / 1000;
    return true;
}

/* Let PIT channel 2 count PIT_TICKS down. False: it does not come to its end.
 */
static bool pit_interval(uint64_t *tsc, uint64_t *apic)
{
    uint64_t begin;

    outb(0x61, (uint8_t)((inb(0x61) & ~2) | 1));
    outb(0x43, 0xB0); /* channel 2, both bytes, mode 0 */
    outb(0x42, PIT_TICKS & 0xFF);
    apic_timer_arm(APIC_FULL);
    begin = rdtsc();
    outb(0x42, PIT_TICKS >> 8);
    do {
        *tsc = rdtsc() - begin;
        if (inb(0x61) & 0x20) {
            *tsc = rdtsc() - begin;
            *apic = APIC_FULL - apic_timer_count();
            apic_timer_arm(0);
            return true;
        }
    } while (*tsc < PIT_PATIENCE);
    return false;
}

static bool by_pit(struct rates *r)
{
    uint64_t best_tsc = ~0ULL, best_apic = ~0ULL;

    for (unsigned n = 0; n < MEASUREMENTS; n++) {
        uint64_t tsc, apic;

        if (!pit_interval(&tsc, &apic)) {
            return false;
        }
        best_tsc = MIN(best_tsc, tsc);
        best_apic = MIN(best_apic, apic);
    }
    r->tsc_khz = best_tsc * PIT_HZ / PIT_TICKS / 1000;
    r->apic_khz = best_apic * PIT_HZ / PIT_TICKS / 1000;
    return true;
}

bool rates_measure(struct rates *r)
{
    return by_acpi(r) || by_pit(r);
}
