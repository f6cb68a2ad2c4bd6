/* SPDX-License-Identifier: MIT */
/*
 * Which locks what is done most often takes, by the statistics of
 * base/lock_stats.h. Those of a domain and of a CPU (p2m, pod, event, sched,
 * timer) may be taken as often as it needs; of those that the whole host has,
 * only the allocator's, and that once for as many pages as a CPU has in stock.
 */
#include <stdio.h>

#include "arch/timer.h"
#include "base/lock_stats.h"
#include "domain/memory.h"
#include "domain/sched.h"
#include "domain/time.h"
#include "domains.h"
#include "machine.h"
#include "types/bits.h"
#include "types/error.h"

#include <xen/xen.h>

#define PAGES 4096U

static struct domain *d;
static uint64_t gfns[512];

static void start(void)
{
    machine_start(0x8000);
    d = domain_new(1, 2);
    memory_set_max_pages(d, PAGES + 64);
}

static void start_promised(void)
{
    start();
    while (memory_set_pod_target(d, PAGES) == -ERESTART) {
        continue;
    }
    EXPECT_EQ(memory_mark_pod(d, GFN(0), 12), 0);
}

static uint64_t taken(enum lock_rank rank)
{
    return lock_stats_of(rank).taken;
}

/* What is the whole host's, but for the allocator's lock. */
static void expect_no_host_lock(void)
{
    static const enum lock_rank host[] = {
        RANK_AUDIT, RANK_DOMCTL, RANK_DOMAIN_LIST, RANK_HEAP, RANK_CONSOLE};

    for (unsigned i = 0; i < ARRAY_COUNT(host); i++) {
        EXPECT_EQ(taken(host[i]), 0);
    }
}

static void touch(uint64_t gfn)
{
    while (memory_fault(d, GFN(gfn), true, false) == P2M_RETRY) {
        continue;
    }
}

TEST(touching_what_was_promised)
{
    start_promised();
    touch(0);
    lock_stats_reset();
    touch(512); /* as a whole: 2 MiB, for which a table was set aside */
    EXPECT_EQ(taken(RANK_PAGE_ALLOC), 0);
    EXPECT(taken(RANK_P2M) > 0);
    expect_no_host_lock();
}

TEST(touching_single_pages_that_were_promised)
{
    start_promised();
    /* Pages are taken out of the middle, so the promises are split. */
    EXPECT_EQ(memory_decrease(d, GFN(100), 0), 0);
    touch(0);
    touch(1);
    lock_stats_reset();
    for (uint64_t gfn = 2; gfn < 90; gfn++) {
        touch(gfn);
    }
    EXPECT_EQ(taken(RANK_PAGE_ALLOC), 0);
    expect_no_host_lock();
}

TEST(a_balloon_that_works_with_lists)
{
    unsigned done;

    start();
    for (unsigned i = 0; i < 512; i++) {
        gfns[i] = i;
    }
    for (unsigned i = 0; i < 512; i += MEMORY_AT_ONCE) {
        EXPECT_EQ(memory_populate_list(d, gfns + i, MEMORY_AT_ONCE, &done), 0);
    }
    lock_stats_reset();
    memory_batch_begin(d);
    EXPECT_EQ(memory_decrease_list(d, gfns, 512, &done), 0);
    memory_batch_end(d);
    fprintf(stderr, "512 pages given back: the allocator's lock %lu times\n",
            taken(RANK_PAGE_ALLOC));
    EXPECT(taken(RANK_PAGE_ALLOC) <= 2);
    expect_no_host_lock();
    lock_stats_reset();
    for (unsigned i = 0; i < 512; i += MEMORY_AT_ONCE) {
        EXPECT_EQ(memory_populate_list(d, gfns + i, MEMORY_AT_ONCE, &done), 0);
    }
    fprintf(stderr, "512 pages populated: the allocator's lock %lu times\n",
            taken(RANK_PAGE_ALLOC));
    EXPECT(taken(RANK_PAGE_ALLOC) <= 2);
    expect_no_host_lock();
}

/* One page a call, given back and taken again, is the CPU's own business. */
TEST(a_balloon_that_works_with_single_pages)
{
    start();
    for (unsigned i = 0; i < 64; i++) {
        EXPECT_EQ(memory_populate(d, GFN(i), 0), 0);
    }
    lock_stats_reset();
    for (unsigned i = 0; i < 64; i++) {
        EXPECT_EQ(memory_decrease(d, GFN(i), 0), 0);
        EXPECT_EQ(memory_populate(d, GFN(i), 0), 0);
    }
    fprintf(stderr,
            "64 pages given back and populated one by one: the "
            "allocator's lock %lu times\n",
            taken(RANK_PAGE_ALLOC));
    EXPECT(taken(RANK_PAGE_ALLOC) <= 2);
    expect_no_host_lock();
}

/* Calls name domains by id; those of others do not hold them up. */
TEST(finding_a_domain_by_its_id)
{
    start();
    lock_stats_reset();
    for (unsigned i = 0; i < 10; i++) {
        struct domain *found = domain_get(d->id);

        EXPECT_EQ(found, d);
        domain_put(found);
        EXPECT(!domain_get((domid_t)(d->id + 64)));
    }
    EXPECT_EQ(taken(RANK_DOMAIN_ID), 20);
    expect_no_host_lock();
}

TEST(events_and_timers)
{
    start();
    sched_release(d->vcpus[0], HOLD_OFFLINE | HOLD_PAUSED);
    lock_stats_reset();
    for (unsigned i = 0; i < 10; i++) {
        event_raise_vcpu_virq(d->vcpus[0], VIRQ_TIMER);
        time_set_singleshot(d->vcpus[0], arch_time_ns() + 1000);
        fake_advance(2000);
        time_run_due();
        sched_hold(d->vcpus[0], HOLD_BLOCKED);
        sched_release(d->vcpus[0], HOLD_BLOCKED);
    }
    EXPECT_EQ(taken(RANK_PAGE_ALLOC), 0);
    EXPECT(taken(RANK_SCHED) > 0);
    expect_no_host_lock();
}
