/* SPDX-License-Identifier: MIT */
/*
 * Ephemeral pages are the first to give way (T-24, T-26): to a domain's own
 * pages, its cache, a claim, a loan, and to what the hypervisor itself needs;
 * never more than was asked for, and never in vain. The host of these tests is
 * full of such pages of domain 9's.
 */
#include "domain/memory_wait.h"
#include "domain/room.h"
#include "domain/tmem_client.h"
#include "domains.h"
#include "machine.h"
#include "types/bits.h"
#include "types/error.h"

#define MACHINE_PAGES 0x2000
#define RESERVE       (page_alloc_info().total / 128)
#define ROUNDS        100

static struct domain *d, *parker;
static struct tmem_client *c;
static uint32_t parked;

/* One page more of domain 9's. */
static int park(uint32_t pool)
{
    struct tmem_handle h = {.pool_id = pool, .index = parked, .oid = {1, 2, 3}};
    static uint64_t page[512] __attribute__((aligned(PAGE_SIZE)));

    for (unsigned i = 0; i < 512; i++) {
        page[i] = (parked + 1) * 0x9e3779b97f4a7c15ULL + (uint64_t)i * i * i;
    }
    parked++;
    return tmem_put(c, &h, page);
}

static void start_empty(void)
{
    machine_start(MACHINE_PAGES);
    EXPECT(tmem_start(false));
    domain_new(0, 1);
    d = domain_new(1, 3);
    parker = domain_new(9, 1);
    memory_set_max_pages(parker, MACHINE_PAGES);
    EXPECT_EQ(tmem_client_make(parker, &c), 0);
    EXPECT_EQ(tmem_pool_create(c, 0, (struct tmem_uuid){{0, 0}}), 0);
    EXPECT_EQ(tmem_pool_create(c, TMEM_PERSISTENT, (struct tmem_uuid){{0, 0}}),
              1);
}

static void fill_host(uint32_t pool)
{
    while (page_unclaimed() > RESERVE) {
        EXPECT_EQ(park(pool), 1);
    }
}

static void start(void)
{
    start_empty();
    fill_host(0);
    EXPECT(tmem_freeable() > 4096);
    memory_set_max_pages(d, MACHINE_PAGES);
}

static void check(void)
{
    domains_check();
    EXPECT_EQ(tmem_audit(), 0);
    EXPECT_EQ(d->room_held, 0);
}

static int claim(uint64_t pages)
{
    unsigned rounds = 0;
    int rc;

    do {
        EXPECT(++rounds < ROUNDS);
        rc = memory_claim(d, pages);
    } while (rc == -ERESTART);
    return rc;
}

/*
 * Claims.
 */

TEST(a_claim_includes_what_gives_way)
{
    uint64_t freeable;

    start();
    freeable = tmem_freeable();
    EXPECT_EQ(claim(3000), 0);
    EXPECT_EQ(d->account.claimed, 3000);
    EXPECT(tmem_freeable() < freeable - 2000);
    EXPECT(tmem_freeable() > freeable - 3600); /* not much more than asked */
    check();
    EXPECT_EQ(memory_claim(d, 0), 0);
}

TEST(a_claim_that_cannot_be_evicts_nothing)
{
    uint64_t freeable;

    start();
    freeable = tmem_freeable();
    EXPECT_EQ(memory_claim(d, room_available() + 100), -ENOMEM);
    EXPECT_EQ(memory_claim(d, MACHINE_PAGES + 1), -EINVAL);
    EXPECT_EQ(tmem_freeable(), freeable);
    EXPECT_EQ(d->account.claimed, 0);
    check();
}

/* A guest that puts as fast as it can gets none of what was made room for. */
TEST(puts_do_not_take_what_a_claim_gathers)
{
    unsigned rounds = 0;
    int rc;

    start();
    while ((rc = memory_claim(d, 3000)) == -ERESTART) {
        EXPECT(++rounds < 12);
        for (unsigned i = 0; i < 600; i++) {
            rc = park(0); /* in place of others of its own, or not at all */
            EXPECT(rc == 1 || rc == -ENOMEM);
        }
    }
    EXPECT_EQ(rc, 0);
    EXPECT(rounds > 1);
    EXPECT_EQ(d->account.claimed, 3000);
    check();
}

/* Who is killed in the middle of it holds nothing back any more. */
TEST(a_claim_that_is_given_up)
{
    struct tmem_info before, after;

    start();
    EXPECT_EQ(memory_claim(d, 3000), -ERESTART);
    EXPECT(d->room_held);
    domain_end(d);
    d = parker;
    tmem_look(&before);
    for (unsigned i = 0; i < 100 && page_unclaimed() > RESERVE; i++) {
        EXPECT_EQ(park(0), 1);
    }
    tmem_look(&after);
    EXPECT(after.ephemeral_pages > before.ephemeral_pages);
    check();
}

TEST(all_sizes_at_once)
{
    const struct memory_size size = {.max_pages = 5000, .claim = 2500};
    unsigned rounds = 0;
    int rc;

    start();
    do {
        EXPECT(++rounds < ROUNDS);
        rc = memory_begin_size(d, &size);
    } while (rc == -ERESTART);
    EXPECT_EQ(rc, 0);
    EXPECT_EQ(memory_finish_size(d, &size), 0);
    EXPECT_EQ(d->account.claimed, 2500);
    check();
}

static enum p2m_verdict touch(uint64_t gfn)
{
    enum p2m_verdict verdict;
    unsigned rounds = 0;

    do {
        EXPECT(++rounds < ROUNDS);
        verdict = memory_fault(d, GFN(gfn), true, false);
    } while (verdict == P2M_RETRY);
    return verdict;
}

/*
 * Caches and pages.
 */

static int set_target(uint64_t pages)
{
    unsigned rounds = 0;
    int rc;

    do {
        EXPECT(++rounds < ROUNDS);
        rc = memory_set_pod_target(d, pages);
    } while (rc == -ERESTART);
    return rc;
}

TEST(a_cache_grows_by_what_gives_way)
{
    uint64_t freeable;

    start();
    EXPECT_EQ(set_target(2000), 0);
    EXPECT_EQ(d->pod.cache_count, 2000);
    check();
    memory_set_max_pages(d, MACHINE_PAGES * 2);
    freeable = tmem_freeable();
    EXPECT_EQ(set_target(MACHINE_PAGES + 100), -ENOMEM);
    EXPECT_EQ(tmem_freeable(), freeable); /* that would have been in vain */
    check();
}

TEST(so_does_a_claim_in_its_place)
{
    const struct memory_policy on_demand = {MEMORY_WAIT, 0, true};

    start();
    EXPECT_EQ(memory_set_policy(d, &on_demand), 0);
    EXPECT_EQ(set_target(2000), 0);
    EXPECT_EQ(d->account.claimed, 2000);
    for (uint64_t gfn = 0x1000; gfn < 0x1800; gfn += 512) {
        EXPECT_EQ(memory_mark_pod(d, GFN(gfn), ORDER_2M), 0);
    }
    EXPECT_EQ(touch(0x1000), P2M_OK);
    check();
}

TEST(pages_of_its_own)
{
    uint64_t gfns[MEMORY_AT_ONCE];
    unsigned done;

    start();
    for (uint64_t gfn = 0; gfn < 200; gfn++) {
        EXPECT_EQ(memory_populate(d, GFN(gfn), 0), 0);
    }
    EXPECT_EQ(memory_populate(d, GFN(0x400), ORDER_2M), 0);
    for (uint64_t base = 0x800; base < 0xa00; base += MEMORY_AT_ONCE) {
        for (unsigned i = 0; i < MEMORY_AT_ONCE; i++) {
            gfns[i] = base + i;
        }
        EXPECT_EQ(memory_populate_list(d, gfns, MEMORY_AT_ONCE, &done), 0);
        EXPECT_EQ(done, MEMORY_AT_ONCE);
    }
    EXPECT_EQ(memory_increase(d, 0), 0);
    check();
}

/* At its own limit a domain makes nobody give way. */
TEST(a_limit_is_no_reason)
{
    uint64_t freeable, gfns[4] = {1, 2, 3, 4};
    unsigned done;

    start();
    domain_fill(d, 0x100, 10);
    while (page_unclaimed()) {
        EXPECT(page_alloc(PAGE_HEAP, 0));
    }
    memory_set_max_pages(d, 10);
    freeable = tmem_freeable();
    EXPECT_EQ(memory_populate(d, GFN(0), 0), -ENOMEM);
    EXPECT_EQ(memory_populate(d, GFN(0), ORDER_2M), -ENOMEM);
    EXPECT_EQ(memory_populate_list(d, gfns, 4, &done), -ENOMEM);
    EXPECT_EQ(memory_increase(d, 0), -ENOMEM);
    EXPECT_EQ(set_target(20), -EINVAL);
    EXPECT_EQ(tmem_freeable(), freeable);
    EXPECT_EQ(d->room_held, 0);
}

/*
 * Touches.
 */

/* Host memory is used up but for what would give way. */
static void use_up(void)
{
    while (page_unclaimed()) {
        EXPECT(page_alloc(PAGE_HEAP, 0));
    }
}

TEST(a_loan_of_what_gives_way)
{
    const struct memory_policy borrow = {MEMORY_BORROW, 300, false};

    start();
    EXPECT_EQ(memory_set_policy(d, &borrow), 0);
    EXPECT_EQ(memory_mark_pod(d, GFN(0), ORDER_2M), 0);
    use_up();
    EXPECT_EQ(memory_available(d), 300);
    for (uint64_t gfn = 0; gfn < 300; gfn++) {
        uint64_t *page;

        EXPECT_EQ(touch(gfn), P2M_OK);
        page = domain_page(d, gfn);
        *page = gfn + 1;
    }
    EXPECT_EQ(d->account.borrowed, 300);
    EXPECT_EQ(touch(300), P2M_NEED_PAGE);
    EXPECT_EQ(d->room_held, 0);
}

/* Who may not borrow gets nothing of it; and a table is taken from it before a
 * page of the cache is. */
TEST(who_waits_waits)
{
    uint64_t freeable;

    start();
    EXPECT_EQ(set_target(2), 0);
    EXPECT_EQ(memory_mark_pod(d, GFN(0), 4), 0);
    use_up();
    freeable = tmem_freeable();
    EXPECT_EQ(touch(0), P2M_OK);
    EXPECT_EQ(touch(1), P2M_OK);
    *(uint64_t *)domain_page(d, 0) = 1;
    *(uint64_t *)domain_page(d, 1) = 1;
    EXPECT_EQ(memory_available(d), 0);
    EXPECT_EQ(touch(2), P2M_NEED_PAGE);
    EXPECT_EQ(tmem_freeable(), freeable);
}

/* A full host of persistent pages: who waits goes on when they are flushed. */
TEST(who_waits_wakes_when_pages_are_given_up)
{
    const struct memory_policy borrow = {MEMORY_BORROW, 10, false};
    struct vcpu *v;

    start_empty();
    v = d->vcpus[0];
    EXPECT_EQ(memory_set_policy(d, &borrow), 0);
    EXPECT_EQ(memory_mark_pod(d, GFN(0), ORDER_2M), 0);
    fill_host(1);
    use_up();
    EXPECT_EQ(tmem_freeable(), 0);
    EXPECT_EQ(touch(0), P2M_NEED_PAGE);
    EXPECT(memory_wait(v, GFN(0), P2M_NEED_PAGE));
    memory_wait_look();
    EXPECT(v->hold & HOLD_MEMORY);
    while (tmem_client_empty(c) == -ERESTART) {
        continue;
    }
    memory_wait_look();
    EXPECT(!(v->hold & HOLD_MEMORY));
    EXPECT_EQ(touch(0), P2M_OK);
    EXPECT_EQ(tmem_audit(), 0);
}

/*
 * The hypervisor itself.
 */

TEST(a_domain_is_made_in_a_full_host)
{
    struct domain_config config = {.id = 5,
                                   .max_vcpus = 4,
                                   .max_evtchn_port = 1023,
                                   .max_grant_frames = 4,
                                   .max_maptrack_frames = 4};
    struct domain *made;
    int rc;

    start();
    use_up();
    rc = domain_create(&config, &made);
    EXPECT_EQ(rc, 0);
    domain_end(made);
}

TEST(some_give_way_before_they_have_to)
{
    uint64_t low;

    start();
    for (unsigned i = 0; i < ROUNDS; i++) {
        room_keep();
    }
    EXPECT(page_unclaimed() <= RESERVE); /* there is enough */
    use_up();
    room_keep();
    low = page_unclaimed();
    EXPECT(low > 0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        room_keep();
    }
    EXPECT(page_unclaimed() >= RESERVE / 2);
    EXPECT(page_unclaimed() <= RESERVE + 64);
    EXPECT_EQ(tmem_audit(), 0);
}
