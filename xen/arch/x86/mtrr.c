/* SPDX-License-Identifier: MIT */
/*
 * Memory types. The firmware's MTRRs are left as they are, but must be the same
 * on all CPUs: if they are not, memory is cached on one and not on another, and
 * the log says so. PAT is ours: the hypervisor's tables use entries 0 and 3 of
 * it, write-back and uncached; a guest has a PAT of its own.
 */
#include "arch/x86/asm.h"
#include "arch/x86/machine.h"
#include "base/console.h"
#include "types/bits.h"
#include "types/check.h"

#define PAT_AT_RESET     0x0007040600070406ULL
#define MSR_MTRR_CAP     0xFE
#define MSR_MTRR_PHYS    0x200 /* two for each variable range */
#define MSR_MTRR_DEFAULT 0x2FF
#define CAP_RANGES       0xFFU
#define CAP_FIXED        BIT(8)
#define RANGE_LIMIT      16U
#define FEATURE_MTRR     12
#define FEATURE_PAT      16
#define FIXED_COUNT      11
#define MTRR_COUNT       (1 + FIXED_COUNT + 2 * RANGE_LIMIT)

static const uint32_t fixed[FIXED_COUNT] = {
    0x250, 0x258, 0x259, 0x268, 0x269, 0x26A, 0x26B, 0x26C, 0x26D, 0x26E, 0x26F,
};
static uint64_t of_cpu_0[MTRR_COUNT];

static void read_all(uint64_t values[MTRR_COUNT])
{
    uint64_t cap = rdmsr(MSR_MTRR_CAP);
    unsigned ranges = MIN((unsigned)(cap & CAP_RANGES), RANGE_LIMIT);

    values[0] = rdmsr(MSR_MTRR_DEFAULT);
    for (unsigned i = 0; i < FIXED_COUNT; i++) {
        values[1 + i] = cap & CAP_FIXED ? rdmsr(fixed[i]) : 0;
    }
    for (unsigned i = 0; i < 2 * RANGE_LIMIT; i++) {
        values[1 + FIXED_COUNT + i] =
            i < 2 * ranges ? rdmsr(MSR_MTRR_PHYS + i) : 0;
    }
}

static void compare(const uint64_t values[MTRR_COUNT])
{
    for (unsigned i = 0; i < MTRR_COUNT; i++) {
        if (values[i] != of_cpu_0[i]) {
            log_line(LOG_WARNING,
                     "CPU %u: the firmware's memory types (MTRRs) are not "
                     "those of CPU 0: number %u is %lx, there %lx",
                     this_cpu()->index, i, values[i], of_cpu_0[i]);
            return;
        }
    }
}

void memory_types_init_this_cpu(void)
{
    uint64_t values[MTRR_COUNT];
    uint32_t a, b, c, d;

    cpuid_count(1, 0, &a, &b, &c, &d);
    if (d & BIT(FEATURE_PAT)) {
        wrmsr(MSR_PAT, PAT_AT_RESET);
    }
    if (!(d & BIT(FEATURE_MTRR))) {
        return;
    }
    if (this_cpu()->index == 0) {
        read_all(of_cpu_0);
    } else {
        read_all(values);
        compare(values);
    }
}
