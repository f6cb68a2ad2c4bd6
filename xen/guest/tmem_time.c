/* SPDX-License-Identifier: MIT */
/*
 * Each CPU counts for itself, so nobody waits for another; who reads adds up.
 * A sum is raised before its count (T-38), so what is read in between has a
 * mean that is a little too large, and never a count without a sum.
 */
#include "guest/tmem_time.h"

#include "arch/cpu.h"
#include "types/bits.h"

struct counts {
    struct tmem_time kinds[TMEM_TIMED];
    uint64_t failed_copies;
} __attribute__((aligned(64)));

static struct counts counts[MAX_CPUS];

static void raise(uint64_t *word, uint64_t by)
{
    __atomic_store_n(word, *word + by, __ATOMIC_RELEASE);
}

void tmem_time_note(enum tmem_timed kind, uint64_t ticks)
{
    struct tmem_time *t = &counts[arch_cpu()].kinds[kind];

    raise(&t->sum, ticks);
    if (ticks > t->most) {
        WRITE_ONCE(t->most, ticks);
    }
    if (ticks < t->least || !t->count) {
        WRITE_ONCE(t->least, ticks);
    }
    raise(&t->count, 1);
}

void tmem_time_note_failed_copy(void)
{
    raise(&counts[arch_cpu()].failed_copies, 1);
}

struct tmem_time tmem_time_sum(enum tmem_timed kind)
{
    struct tmem_time sum = {0};

    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        const struct tmem_time *t = &counts[cpu].kinds[kind];
        uint64_t count = __atomic_load_n(&t->count, __ATOMIC_ACQUIRE);
        uint64_t least = READ_ONCE(t->least);

        if (!count) {
            continue;
        }
        sum.least = sum.count ? MIN(sum.least, least) : least;
        sum.most = MAX(sum.most, READ_ONCE(t->most));
        sum.sum += READ_ONCE(t->sum);
        sum.count += count;
    }
    return sum;
}

uint64_t tmem_time_failed_copies(void)
{
    uint64_t sum = 0;

    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        sum += READ_ONCE(counts[cpu].failed_copies);
    }
    return sum;
}
