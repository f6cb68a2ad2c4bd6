/* SPDX-License-Identifier: MIT */
/* Each CPU counts for itself and for ever (base/percpu.h); a reset remembers
 * what there was. */
#include "base/lock_stats.h"

#include "arch/timer.h"
#include "base/percpu.h"
#include "types/bits.h"

static struct lock_stats at_reset[RANK_COUNT];
static uint64_t reset_ns;

static const char *const names[RANK_COUNT] = {
    [RANK_NONE] = "none",
    [RANK_AUDIT] = "audit",
    [RANK_DOMCTL] = "domctl",
    [RANK_DOMAIN_LIST] = "domain_list",
    [RANK_DOMAIN_ID] = "domain_id",
    [RANK_DOMAIN] = "domain",
    [RANK_GRANT] = "grant",
    [RANK_EVENT] = "event",
    [RANK_WAIT] = "wait",
    [RANK_P2M] = "p2m",
    [RANK_SHARE] = "share",
    [RANK_POD] = "pod",
    [RANK_TMEM] = "tmem",
    [RANK_TMEM_SHARD] = "tmem_shard",
    [RANK_TMEM_STORE] = "tmem_store",
    [RANK_TMEM_FRAMES] = "tmem_frames",
    [RANK_HEAP] = "heap",
    [RANK_PAGE_ALLOC] = "page_alloc",
    [RANK_ACCOUNT] = "account",
    [RANK_STOCK] = "stock",
    [RANK_SCHED] = "sched",
    [RANK_CAP] = "cap",
    [RANK_TIMER] = "timer",
    [RANK_TRACE] = "trace",
    [RANK_CONSOLE] = "console",
};

const char *lock_rank_name(enum lock_rank rank)
{
    return names[rank];
}

static struct lock_stats since_boot(enum lock_rank rank)
{
    struct lock_stats sum = {0, 0, 0};

    for (unsigned i = 0; i < arch_cpu_count(); i++) {
        const struct percpu *cpu = arch_percpu_of(i);

        sum.taken += READ_ONCE(cpu->locks_taken[rank]);
        sum.waited += READ_ONCE(cpu->locks_waited[rank]);
        sum.wait_ns += READ_ONCE(cpu->locks_wait_ns[rank]);
    }
    return sum;
}

struct lock_stats lock_stats_of(enum lock_rank rank)
{
    struct lock_stats now = since_boot(rank), then = at_reset[rank];

    return (struct lock_stats){
        .taken = now.taken - then.taken,
        .waited = now.waited - then.waited,
        .wait_ns = now.wait_ns - then.wait_ns,
    };
}

uint64_t lock_stats_age(void)
{
    return arch_time_ns() - reset_ns;
}

void lock_stats_reset(void)
{
    for (unsigned rank = 0; rank < RANK_COUNT; rank++) {
        at_reset[rank] = since_boot((enum lock_rank)rank);
    }
    reset_ns = arch_time_ns();
}
