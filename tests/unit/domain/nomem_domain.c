/* SPDX-License-Identifier: MIT */
/* Making a domain and what it grows by, with the n-th allocation failing for
 * every n: -ENOMEM, and nothing is left behind. */
#include "domains.h"
#include "machine.h"
#include "mm/heap.h"
#include "types/bits.h"
#include "types/error.h"

#define MANY 100 /* allocations that no operation needs */

static void check_nothing_left(uint64_t heap, domid_t id)
{
    EXPECT_EQ(heap_used(), heap);
    EXPECT(!domain_get(id));
    machine_check();
}

TEST(a_domain_is_made_or_not)
{
    struct domain_config config = {
        .id = 5,
        .max_vcpus = 3,
        .max_evtchn_port = 1023,
        .max_grant_frames = 4,
        .max_maptrack_frames = 4,
    };
    struct domain *d = NULL;
    uint64_t heap;
    unsigned n;
    int rc;

    machine_start(0x2000);
    domain_new(0, 1);
    heap = heap_used();
    for (n = 1; n < MANY; n++) {
        page_alloc_fail_nth(n);
        rc = domain_create(&config, &d);
        page_alloc_fail_nth(0);
        if (!rc) {
            break;
        }
        EXPECT_EQ((int64_t)rc, (int64_t)-ENOMEM);
        check_nothing_left(heap, 5);
    }
    EXPECT(n > 5 && n < MANY);
    EXPECT_EQ(d->account.page_count, 0);
    domains_check();
    domain_end(d);
    check_nothing_left(heap, 5);
}

static struct domain *d;

static void start(void)
{
    machine_start(0x4000);
    d = domain_new(1, 1);
}

struct snapshot {
    uint64_t pages, entries, cache;
};

static struct snapshot look(void)
{
    struct memory_pod_info info;

    memory_get_pod(d, &info);
    return (struct snapshot){info.tot_pages, info.entries, info.cache_pages};
}

/* op() until it succeeds, with one more allocation allowed each time; what it
 * changed before that was nothing. Returns how many it needs. */
static unsigned with_each_failure(int (*op)(void))
{
    struct snapshot before = look();

    for (unsigned n = 1; n < MANY; n++) {
        struct snapshot after;
        int rc;

        page_alloc_fail_nth(n);
        rc = op();
        page_alloc_fail_nth(0);
        domains_check();
        if (!rc) {
            return n - 1;
        }
        EXPECT_EQ((int64_t)rc, (int64_t)-ENOMEM);
        after = look();
        EXPECT_EQ(memcmp(&before, &after, sizeof(before)), 0);
    }
    FAIL("fails for ever");
}

static int populate(void)
{
    return memory_populate(d, GFN(5ULL << 20), 3);
}

TEST(memory_is_populated_or_not)
{
    start();
    EXPECT(with_each_failure(populate) >= 2);
    EXPECT_EQ(look().pages, 8);
}

static void set_target(uint64_t pages)
{
    int rc;

    do {
        rc = memory_set_pod_target(d, pages);
    } while (rc == -ERESTART);
    EXPECT_EQ((int64_t)rc, 0);
}

static int promise(void)
{
    return memory_mark_pod(d, GFN(7ULL << ORDER_1G | 1024), 10);
}

TEST(memory_is_promised_or_not)
{
    start();
    set_target(1024);
    with_each_failure(promise);
    EXPECT_EQ(look().entries, 1024);
}

static int split(void)
{
    return memory_decrease(d, GFN(100), 0);
}

/* One page of a superpage goes: it becomes a table first. */
TEST(a_superpage_is_split_or_not)
{
    start();
    EXPECT_EQ(memory_populate(d, GFN(0), ORDER_2M), 0);
    EXPECT(with_each_failure(split) >= 1);
    EXPECT_EQ(look().pages, 511);
    EXPECT_EQ(p2m_get(&d->p2m, GFN(99)).order, ORDER_4K);
}

/*
 * S7 of the specification: a guest is promised 2048 pages and given 1024, it
 * scrubs all of them, and balloons half out, page by page from anywhere; with
 * the n-th allocation failing, for every n. Building may fail, and says so.
 * After that nothing may: no touch, and no balloon operation (P10).
 */
#define SCRUBBED 2048U
#define GIVEN    1024U

static int build_guest(void)
{
    int rc;

    do {
        rc = memory_set_pod_target(d, GIVEN);
    } while (rc == -ERESTART);
    return rc ? rc : memory_mark_pod(d, GFN(0), 11);
}

static void scrub(uint64_t gfn)
{
    enum p2m_verdict verdict;

    do {
        verdict = memory_fault(d, GFN(gfn), true, false);
    } while (verdict == P2M_RETRY);
    EXPECT_EQ(verdict, P2M_OK);
    *(uint64_t *)domain_page(d, gfn) = 0;
}

static void balloon(uint64_t first)
{
    uint64_t gfns[MEMORY_AT_ONCE];
    unsigned done;

    for (unsigned i = 0; i < MEMORY_AT_ONCE; i++) {
        gfns[i] = (first + i) * 1021 % SCRUBBED;
    }
    memory_batch_begin(d);
    EXPECT_EQ(memory_decrease_list(d, gfns, MEMORY_AT_ONCE, &done), 0);
    memory_batch_end(d);
    EXPECT_EQ(done, MEMORY_AT_ONCE);
}

static void live(void)
{
    for (uint64_t i = 0; i < SCRUBBED; i++) {
        scrub(i);
        if (i % 64 == 0) {
            domains_check_memory();
        }
    }
    for (uint64_t i = 0; i < SCRUBBED - GIVEN; i += MEMORY_AT_ONCE) {
        balloon(i);
        domains_check_memory();
    }
    EXPECT_EQ(look().cache, look().entries);
    EXPECT_EQ(d->account.page_count, GIVEN);
    EXPECT_EQ(d->pod.counters.oom_events, 0);
}

/* Returns whether there were as many allocations. */
static bool live_with_failure(uint64_t n)
{
    d = domain_new(1, 1);
    page_alloc_fail_nth(n);
    if (build_guest() == 0) {
        live();
    } else {
        EXPECT_EQ(build_guest(), 0); /* it can be tried again */
    }
    n = page_alloc_fail_nth(0);
    domain_end(d);
    return !n;
}

TEST(whichever_allocation_fails_a_guest_scrubs_and_balloons)
{
    uint64_t n = 1;

    machine_start(0x2000);
    while (live_with_failure(n)) {
        n++;
    }
    EXPECT(n > 8 && n < MANY);
}

static int grow_grants(void)
{
    return grant_grow(d, 3);
}

/* Frames that are there already stay; there is no harm in them. */
TEST(a_grant_table_grows_or_not)
{
    start();
    EXPECT(with_each_failure(grow_grants) >= 2);
    EXPECT_EQ(d->grants.frame_count, 3);
}
