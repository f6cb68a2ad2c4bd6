/* SPDX-License-Identifier: MIT */
/* vCPUs that wait for memory, loans, and promises that are met on demand. */

/* The C library has a function of this name, too. */
#define sched_yield libc_sched_yield
#include <pthread.h>
#undef sched_yield
#include <time.h>

#include "domain/memory.h"
#include "domain/memory_wait.h"
#include "domain/sched.h"
#include "domains.h"
#include "machine.h"
#include "p2m/internal.h"
#include "types/bits.h"
#include "types/error.h"

#define SECOND_NS 1000000000ULL

static struct domain *d;

static void policy(enum memory_on_empty on_empty, uint64_t limit,
                   bool on_demand)
{
    const struct memory_policy p = {on_empty, limit, on_demand};

    EXPECT_EQ(memory_set_policy(d, &p), 0);
}

static int set_target(uint64_t pages)
{
    int rc;

    do {
        rc = memory_set_pod_target(d, pages);
    } while (rc == -ERESTART);
    return rc;
}

static void promise(unsigned order, uint64_t target)
{
    memory_set_max_pages(d, target);
    EXPECT_EQ(set_target(target), 0);
    EXPECT_EQ(memory_mark_pod(d, GFN(0), order), 0);
}

/* A domain of three vCPUs with 2^order pages promised and `target` given. */
static void start(unsigned order, uint64_t target)
{
    machine_start(0x2000);
    domain_new(0, 1);
    d = domain_new(1, 3);
    promise(order, target);
}

static struct memory_pod_info pod(void)
{
    struct memory_pod_info info;

    memory_get_pod(d, &info);
    return info;
}

static enum p2m_verdict touch(uint64_t gfn)
{
    enum p2m_verdict verdict;

    do {
        verdict = memory_fault(d, GFN(gfn), true, false);
    } while (verdict == P2M_RETRY);
    return verdict;
}

/* As its processor does it: the search sees that it was written to. */
static void write(uint64_t gfn, uint64_t value)
{
    struct guest_exit exit;
    uint64_t *word = fake_guest_access(
        &d->p2m.tlb, d->p2m.root, gpa_from_gfn(GFN(gfn)), FAKE_WRITE, &exit);

    EXPECT(word);
    *word = value;
}

static void dirty(uint64_t first, uint64_t count)
{
    for (uint64_t gfn = first; gfn < first + count; gfn++) {
        EXPECT_EQ(touch(gfn), P2M_OK);
        write(gfn, gfn + 1);
    }
}

/* vCPU n touches gfn in vain, and waits. */
static void starve(unsigned n, uint64_t gfn)
{
    EXPECT_EQ(touch(gfn), P2M_NEED_PAGE);
    EXPECT(memory_wait(d->vcpus[n], GFN(gfn), P2M_NEED_PAGE));
}

static bool waits(unsigned n)
{
    struct vcpu *v = d->vcpus[n];
    bool held = v->hold & HOLD_MEMORY;

    EXPECT_EQ(held, !list_empty(&v->wait.link));
    return held;
}

static void raise_target(uint64_t target)
{
    memory_set_max_pages(d, target);
    EXPECT_EQ(set_target(target), 0);
}

TEST(who_finds_no_page_waits_for_a_larger_target)
{
    start(4, 3);
    dirty(0, 3);
    starve(0, 5);
    EXPECT(waits(0));
    EXPECT_EQ(memory_wait_info(d).count, 1);
    EXPECT_EQ(memory_wait_info(d).gfn.v, 5);
    EXPECT_EQ(pod().counters.waits, 1);
    memory_wait_look();
    EXPECT(waits(0));
    raise_target(3);
    EXPECT(waits(0));
    raise_target(4);
    EXPECT(!waits(0));
    EXPECT_EQ(memory_wait_info(d).count, 0);
    EXPECT_EQ(memory_wait_info(d).gfn.v, INVALID_GFN.v);
    EXPECT_EQ(touch(5), P2M_OK);
    domains_check();
    domain_end(d);
}

/* What comes after the verdict and before it waits is not missed. */
TEST(a_page_that_came_first_is_found)
{
    start(4, 2);
    dirty(0, 2);
    EXPECT_EQ(touch(2), P2M_NEED_PAGE);
    raise_target(3);
    EXPECT(memory_wait(d->vcpus[1], GFN(2), P2M_NEED_PAGE));
    EXPECT(!waits(1));
    dirty(2, 1);
    EXPECT_EQ(touch(3), P2M_NEED_PAGE);
    EXPECT_EQ(memory_decrease(d, GFN(0), 0), 0);
    EXPECT(memory_wait(d->vcpus[2], GFN(3), P2M_NEED_PAGE));
    EXPECT(!waits(2));
    domains_check();
}

TEST(as_many_go_on_as_there_are_pages_and_the_first_first)
{
    start(4, 4);
    dirty(0, 4);
    starve(2, 9);
    starve(0, 10);
    starve(1, 11);
    EXPECT_EQ(memory_wait_info(d).gfn.v, 9);
    EXPECT_EQ(memory_decrease(d, GFN(1), 0), 0);
    EXPECT(!waits(2));
    EXPECT(waits(0));
    EXPECT(waits(1));
    EXPECT_EQ(touch(9), P2M_OK);
    write(9, 1);
    memory_batch_begin(d);
    EXPECT_EQ(memory_decrease(d, GFN(2), 0), 0);
    EXPECT_EQ(memory_decrease(d, GFN(3), 0), 0);
    EXPECT(waits(0)); /* they are nobody's before the flush */
    memory_batch_end(d);
    EXPECT(!waits(0));
    EXPECT(!waits(1));
    domains_check();
}

/* Another vCPU's search has more than it needs itself. */
TEST(what_another_finds_is_for_all)
{
    start(4, 4);
    dirty(0, 4);
    starve(0, 9);
    starve(1, 10);
    write(2, 0);
    write(3, 0);
    EXPECT_EQ(touch(11), P2M_OK);
    memory_wait_look();
    EXPECT(!waits(0));
    EXPECT_EQ(touch(9), P2M_OK);
    domains_check();
}

/* The placeholder goes, or gets a page from elsewhere. */
TEST(who_waits_for_what_is_no_promise_any_more_goes_on)
{
    start(4, 2);
    dirty(0, 2);
    starve(0, 9);
    starve(1, 10);
    EXPECT_EQ(memory_decrease(d, GFN(9), 0), 0);
    EXPECT(!waits(0));
    EXPECT_EQ(touch(9), P2M_HOLE_ACCESS);
    memory_set_max_pages(d, 3);
    EXPECT_EQ(memory_populate(d, GFN(10), 0), 0);
    memory_wait_look();
    EXPECT(!waits(1));
    EXPECT_EQ(touch(10), P2M_OK);
    domains_check();
}

TEST(it_searches_again_after_a_while)
{
    start(4, 2);
    dirty(0, 2);
    starve(0, 9);
    write(1, 0);
    memory_wait_look();
    fake_advance(SECOND_NS - 1);
    memory_wait_look();
    EXPECT(waits(0));
    fake_advance(1);
    memory_wait_look();
    EXPECT(!waits(0));
    EXPECT_EQ(touch(9), P2M_OK);
    /* A search that took long is not repeated soon. */
    write(9, 1);
    d->vcpus[0]->search.took = SECOND_NS / 2;
    starve(0, 10);
    fake_advance(31 * SECOND_NS);
    memory_wait_look();
    EXPECT(waits(0));
    fake_advance(SECOND_NS);
    memory_wait_look();
    EXPECT(!waits(0));
    domains_check();
}

TEST(the_policy_says_who_is_crashed)
{
    start(4, 2);
    dirty(0, 2);
    starve(0, 9);
    policy(MEMORY_CRASH, 0, false);
    EXPECT(!waits(0)); /* it shall look again */
    EXPECT_EQ(touch(9), P2M_NEED_PAGE);
    EXPECT(!memory_wait(d->vcpus[0], GFN(9), P2M_NEED_PAGE));
    EXPECT(!waits(0));
    EXPECT_EQ(memory_wait_info(d).count, 0);
    domains_check();
}

TEST(pause_and_death_do_not_mind_who_waits)
{
    start(4, 2);
    dirty(0, 2);
    sched_release(d->vcpus[0], HOLD_OFFLINE);
    starve(0, 9);
    starve(1, 10);
    domain_pause_sync(d);
    raise_target(3);
    EXPECT_EQ(d->vcpus[0]->hold, HOLD_PAUSED);
    EXPECT_EQ(domain_unpause(d), 0);
    EXPECT_EQ(domain_unpause(d), 0);
    EXPECT_EQ(d->vcpus[0]->hold, 0);
    EXPECT_EQ(touch(9), P2M_OK);
    EXPECT(waits(1));
    domain_shutdown(d, 0);
    EXPECT(waits(1));
    domain_end(d);
    machine_check();
}

TEST(who_waits_is_reset_by_init)
{
    start(4, 2);
    dirty(0, 2);
    sched_release(d->vcpus[1], HOLD_OFFLINE);
    starve(1, 9);
    memory_wait_forget(d->vcpus[1]);
    EXPECT(!waits(1));
    memory_wait_forget(d->vcpus[1]);
    EXPECT_EQ(memory_wait_info(d).count, 0);
    domains_check();
}

/* For whoever looks from outside there is an error, and no waiting. */
TEST(nobody_else_waits)
{
    struct domain *zero;
    struct page *pg;
    int rc;

    start(4, 2);
    zero = domain_get(0);
    dirty(0, 2);
    starve(0, 9);
    do {
        rc = memory_map_foreign(zero, GFN(0x700), d, GFN(9));
    } while (rc == -ERESTART);
    EXPECT_EQ(rc, -ENOMEM);
    do {
        rc = memory_get_page(d, GFN(10), false, &pg);
    } while (rc == -ERESTART);
    EXPECT_EQ(rc, -ENOMEM);
    EXPECT_EQ(memory_wait_info(d).count, 1);
    EXPECT_EQ(zero->vcpus[0]->hold & HOLD_MEMORY, 0);
    EXPECT_EQ(memory_map_foreign(zero, GFN(0x700), d, GFN(1)), 0);
    domain_put(zero);
    domains_check();
}

TEST(its_own_hypercalls_wait)
{
    struct vcpu *v;
    struct page *pg;
    int rc;

    start(4, 2);
    v = d->vcpus[0];
    dirty(0, 2);
    while (memory_get_own_page(v, GFN(9), true, &pg) == -ERESTART &&
           !waits(0)) {
        continue;
    }
    EXPECT(waits(0));
    EXPECT_EQ(memory_wait_info(d).gfn.v, 9);
    raise_target(3);
    EXPECT(!waits(0));
    EXPECT_EQ(memory_get_own_page(v, GFN(9), true, &pg), 0);
    page_put(pg);
    policy(MEMORY_CRASH, 0, false);
    write(9, 1);
    do {
        rc = memory_get_own_page(v, GFN(10), true, &pg);
    } while (rc == -ERESTART);
    EXPECT_EQ(rc, -ENOMEM);
    EXPECT(!waits(0));
    domains_check();
}

/* So does who moves a page of its own that is promised only. */
TEST(to_move_a_promise_waits)
{
    struct vcpu *v;
    int rc;

    start(4, 2);
    v = d->vcpus[0];
    dirty(0, 2);
    do {
        rc = memory_move(d, GFN(9), GFN(0x700), v);
    } while (rc == -ERESTART && !waits(0));
    EXPECT_EQ(rc, -ERESTART);
    EXPECT_EQ(memory_wait_info(d).gfn.v, 9);
    do {
        rc = memory_move(d, GFN(10), GFN(0x701), NULL);
    } while (rc == -ERESTART);
    EXPECT_EQ(rc, -ENOMEM);
    raise_target(3);
    EXPECT(!waits(0));
    EXPECT_EQ(memory_move(d, GFN(9), GFN(0x700), v), 0);
    EXPECT_EQ(p2m_get(&d->p2m, GFN(0x700)).type, P2M_RAM);
    domains_check();
}

/* There are pages, and no table: only a budget that is smaller than what the
 * domain was promised can do that, so a test has to force it. */
static void lose_tables(void)
{
    start(12, 8);
    d->account.table_limit = d->account.table_count;
    EXPECT_EQ(touch(0), P2M_OK);
    EXPECT_EQ(touch(512), P2M_OK);
    EXPECT_EQ(pod().counters.tables_reserved, 0);
    EXPECT_EQ(touch(1024), P2M_NO_MEMORY);
    EXPECT(pod().cache_pages > 1);
}

static void starve_of_tables(unsigned n, uint64_t gfn)
{
    EXPECT_EQ(touch(gfn), P2M_NO_MEMORY);
    EXPECT(memory_wait(d->vcpus[n], GFN(gfn), P2M_NO_MEMORY));
}

TEST(who_finds_no_table_waits_for_a_larger_budget)
{
    lose_tables();
    starve_of_tables(0, 1024);
    EXPECT(waits(0)); /* though there are pages */
    EXPECT(strstr(fake_console_output(),
                  "vCPU 0 waits for a page table at gpa 400000"));
    memory_wait_look();
    memory_wait_wake(d);
    EXPECT(waits(0));
    EXPECT_EQ(touch(1), P2M_OK); /* others go on */
    memory_set_table_limit(d, d->account.table_count + 4);
    EXPECT(!waits(0));
    EXPECT_EQ(touch(1024), P2M_OK);
    domains_check();
}

TEST(who_finds_no_table_waits_for_one_that_is_let_go)
{
    lose_tables();
    starve_of_tables(0, 1024);
    starve_of_tables(1, 1536);
    for (uint64_t gfn = 0; gfn < 1024; gfn++) {
        EXPECT_EQ(memory_decrease(d, GFN(gfn), 0), 0);
    }
    EXPECT(!waits(0));
    EXPECT(!waits(1));
    EXPECT_EQ(touch(1024), P2M_OK);
    EXPECT_EQ(touch(1536), P2M_OK);
    domains_check();
}

/* Its own calls likewise; others' do not; and the policy may be not to. */
TEST(who_may_wait_for_a_table)
{
    struct page *pg;

    lose_tables();
    EXPECT_EQ(memory_get_page(d, GFN(1024), true, &pg), -ENOMEM);
    EXPECT_EQ(memory_get_own_page(d->vcpus[2], GFN(1024), true, &pg),
              -ERESTART);
    EXPECT(waits(2));
    fake_advance(SECOND_NS);
    memory_wait_look();
    EXPECT(!waits(2)); /* it looks again */
    policy(MEMORY_CRASH, 0, false);
    EXPECT_EQ(memory_get_own_page(d->vcpus[2], GFN(1024), true, &pg), -ENOMEM);
    EXPECT(!memory_wait(d->vcpus[2], GFN(1024), P2M_NO_MEMORY));
    EXPECT(!waits(2));
    domains_check();
}

/* Loans. */

TEST(a_loan_ends_at_its_limit)
{
    uint64_t free;

    start(11, 100);
    dirty(0, 100);
    policy(MEMORY_BORROW, 50, false);
    free = page_alloc_info().free;
    dirty(100, 50);
    EXPECT_EQ(pod().tot_pages, 150);
    EXPECT_EQ(pod().borrowed, 50);
    EXPECT_EQ(pod().counters.borrowed, 50);
    EXPECT(page_alloc_info().free <= free - 50);
    domains_check();
    starve(0, 200);
    EXPECT(waits(0));
    policy(MEMORY_BORROW, 51, false);
    EXPECT(!waits(0));
    dirty(200, 1);
    starve(0, 201);
    EXPECT_EQ(pod().borrowed, 51);
    domains_check();
    domain_end(d);
}

TEST(a_loan_is_no_more_than_was_promised)
{
    start(11, 1000);
    policy(MEMORY_BORROW, 5000, false);
    dirty(0, 2048);
    EXPECT_EQ(pod().tot_pages, 2048);
    EXPECT_EQ(pod().cache_pages, 0);
    EXPECT_EQ(pod().borrowed, 1048);
    EXPECT_EQ(pod().entries, 0);
    domains_check();
    domain_end(d);
}

/* P9: before they serve anything else, pages that come back go to the host. */
TEST(a_loan_is_paid_back_first)
{
    uint64_t list[16];
    unsigned done;

    start(11, 100);
    dirty(0, 100);
    policy(MEMORY_BORROW, 20, false);
    dirty(100, 20);
    EXPECT_EQ(memory_decrease(d, GFN(5), 0), 0);
    EXPECT_EQ(pod().borrowed, 19);
    EXPECT_EQ(pod().tot_pages, 119);
    EXPECT_EQ(pod().cache_pages, 0);
    for (unsigned i = 0; i < 16; i++) {
        list[i] = 10 + i;
    }
    EXPECT_EQ(memory_decrease_list(d, list, 16, &done), 0);
    EXPECT_EQ(pod().borrowed, 3);
    for (unsigned i = 0; i < 16; i++) {
        list[i] = 30 + i;
    }
    EXPECT_EQ(memory_decrease_list(d, list, 16, &done), 0);
    EXPECT_EQ(pod().borrowed, 0);
    EXPECT_EQ(pod().tot_pages, 100);
    EXPECT_EQ(pod().cache_pages, 13);
    domains_check();
}

TEST(a_superpage_pays_a_small_loan_and_serves_the_cache)
{
    start(12, 512);
    dirty(0, 1);
    for (unsigned i = 0; i < 512; i++) {
        write(i, 1);
    }
    policy(MEMORY_BORROW, 5, false);
    dirty(1024, 5);
    EXPECT_EQ(pod().borrowed, 5);
    EXPECT_EQ(memory_decrease(d, GFN(0), ORDER_2M), 0);
    EXPECT_EQ(pod().borrowed, 0);
    EXPECT_EQ(pod().cache_pages, 507);
    EXPECT_EQ(pod().tot_pages, 512);
    domains_check();
}

TEST(a_larger_target_takes_a_loan_over)
{
    start(11, 100);
    dirty(0, 100);
    policy(MEMORY_BORROW, 20, false);
    dirty(100, 20);
    raise_target(108);
    EXPECT_EQ(pod().borrowed, 12);
    EXPECT_EQ(pod().tot_pages, 120);
    dirty(120, 8); /* so it may borrow again */
    EXPECT_EQ(pod().borrowed, 20);
    raise_target(150);
    EXPECT_EQ(pod().borrowed, 0);
    EXPECT_EQ(pod().tot_pages, 150);
    EXPECT_EQ(pod().cache_pages, 22);
    domains_check();
}

/* What is claimed by others is not lent, and who waits hears of what is free
 * again. */
TEST(only_what_nobody_needs_is_lent)
{
    struct domain *other;
    struct page *pg;
    uint64_t left;

    start(11, 100);
    other = domain_new(2, 1);
    dirty(0, 100);
    policy(MEMORY_BORROW, 2000, false);
    while ((left = page_unclaimed()) > 1004) {
        EXPECT(page_alloc(PAGE_HEAP, 0));
    }
    pg = page_alloc(PAGE_HEAP, 0);
    EXPECT_EQ(memory_claim(other, page_unclaimed() - 3), 0);
    dirty(100, 1);
    EXPECT_EQ(pod().borrowed + page_unclaimed(), 3);
    dirty(101, 2 - (3 - pod().borrowed));
    starve(0, 300);
    EXPECT(waits(0));
    memory_wait_look();
    EXPECT(waits(0));
    page_free(pg, 0);
    memory_wait_look();
    EXPECT(!waits(0));
    EXPECT_EQ(touch(300), P2M_OK);
    domains_check();
}

TEST(a_loan_may_fail_anywhere)
{
    start(11, 100);
    dirty(0, 100);
    policy(MEMORY_BORROW, 600, false);
    for (uint64_t n = 1; n < 6; n++) {
        page_alloc_fail_nth(n);
        touch(200 + n);
        page_alloc_fail_nth(0);
        domains_check();
    }
    domain_end(d);
    machine_check();
}

/* Promises that are met on demand. */

static void start_on_demand(unsigned order, uint64_t target)
{
    machine_start(0x4000);
    domain_new(0, 1);
    d = domain_new(1, 1);
    policy(MEMORY_WAIT, 0, true);
    promise(order, target);
}

TEST(on_demand_the_host_keeps_the_pages)
{
    uint64_t free, table;

    start_on_demand(11, 1000);
    free = page_alloc_info().free;
    table = d->account.table_count;
    EXPECT_EQ(pod().claimed, 1000);
    EXPECT_EQ(page_alloc_info().claimed, 1000);
    EXPECT_EQ(pod().tot_pages, 0);
    EXPECT_EQ(pod().cache_pages, 0);
    dirty(0, 1); /* a superpage */
    EXPECT_EQ(pod().tot_pages, 512);
    EXPECT_EQ(pod().claimed, 488);
    dirty(512, 10);
    EXPECT_EQ(pod().tot_pages, 522);
    EXPECT_EQ(pod().claimed, 478);
    EXPECT_EQ(pod().cache_pages, 0);
    table = d->account.table_count - table;
    EXPECT_EQ(page_alloc_info().free, free - 522 - table);
    domains_check();
    domain_end(d);
    EXPECT_EQ(page_alloc_info().claimed, 0);
    machine_check();
}

TEST(on_demand_ends_at_the_target)
{
    start_on_demand(11, 100);
    dirty(0, 100);
    EXPECT_EQ(pod().claimed, 0);
    EXPECT_EQ(pod().tot_pages, 100);
    starve(0, 500);
    EXPECT(waits(0));
    raise_target(103);
    EXPECT_EQ(pod().claimed, 3);
    EXPECT(!waits(0));
    dirty(500, 3);
    starve(0, 503);
    EXPECT_EQ(pod().tot_pages, 103);
    /* What comes back serves the next. */
    EXPECT_EQ(memory_decrease(d, GFN(7), 0), 0);
    EXPECT(!waits(0));
    EXPECT_EQ(pod().cache_pages, 1);
    dirty(503, 1);
    EXPECT_EQ(pod().tot_pages, 103);
    domains_check();
}

TEST(on_demand_a_lower_target_takes_no_page_away)
{
    start_on_demand(11, 100);
    dirty(0, 60);
    EXPECT_EQ(set_target(80), 0);
    EXPECT_EQ(pod().claimed, 20);
    EXPECT_EQ(set_target(50), 0); /* POD-4.28: below tot */
    EXPECT_EQ(pod().claimed, 20);
    domains_check();
}

/* As cached pages would be, what is claimed is the guest's under a limit that
 * was lowered later, and nothing else is. */
TEST(on_demand_a_lower_limit_takes_no_claim_away)
{
    start_on_demand(11, 100);
    dirty(0, 60);
    memory_set_max_pages(d, 50);
    EXPECT_EQ(set_target(50), 0);
    EXPECT_EQ(pod().claimed, 40);
    dirty(60, 40);
    starve(0, 100);
    EXPECT(waits(0));
    memory_wait_look();
    EXPECT(waits(0));
    memory_set_max_pages(d, 105);
    EXPECT_EQ(set_target(105), 0);
    EXPECT_EQ(pod().claimed, 5);
    EXPECT_EQ(memory_populate(d, GFN(BIT(20)), 0), -ENOMEM);
    domains_check();
}

/* D = 0 is kept: no claim for promises that are gone, no page in the cache
 * for those that a claim is for. */
TEST(on_demand_the_claim_is_no_more_than_what_is_promised)
{
    start_on_demand(7, 120);
    dirty(0, 60);
    EXPECT_EQ(pod().claimed, 60);
    /* D is 8. */
    for (uint64_t gfn = 0; gfn < 8; gfn++) {
        EXPECT_EQ(memory_decrease(d, GFN(gfn), 0), 0);
    }
    EXPECT_EQ(pod().cache_pages, 8);
    EXPECT_EQ(pod().tot_pages, 60);
    /* Now it is 0, and pages go to the host. */
    EXPECT_EQ(memory_decrease(d, GFN(8), 0), 0);
    EXPECT_EQ(pod().cache_pages, 8);
    EXPECT_EQ(pod().tot_pages, 59);
    /* Promises go: first their claim, then cached pages. */
    for (uint64_t gfn = 60; gfn < 120; gfn++) {
        EXPECT_EQ(memory_decrease(d, GFN(gfn), 0), 0);
    }
    EXPECT_EQ(pod().claimed, 0);
    EXPECT_EQ(pod().cache_pages, 8);
    EXPECT_EQ(memory_decrease(d, GFN(127), 0), 0);
    EXPECT_EQ(pod().cache_pages, 7);
    EXPECT_EQ(pod().entries, 7);
    domains_check();
}

/* A claim keeps promises as cached pages do, and those have their tables. */
TEST(on_demand_kept_promises_have_their_tables)
{
    struct memory_size_info size;

    start_on_demand(11, 2047);
    memory_get_size(d, &size);
    EXPECT_EQ(size.deficit, 1);
    EXPECT_EQ(pod().counters.tables_owed, 4);
    EXPECT_EQ(pod().counters.tables_reserved, 2);
    EXPECT_EQ(reserve_floor(&d->p2m, FOR_READERS), 2);
    raise_target(2048);
    memory_get_size(d, &size);
    EXPECT_EQ(size.deficit, 0);
    EXPECT_EQ(size.cached, 0);
    EXPECT_EQ(pod().counters.tables_reserved, 4);
    /* So who only reads one may split it, too. */
    EXPECT_EQ(reserve_floor(&d->p2m, FOR_READERS), 0);
    domains_check();
}

/* Neither by the domain's other charges, nor by the toolstack's claims. */
TEST(on_demand_nothing_else_takes_the_claim)
{
    start_on_demand(11, 100);
    memory_set_max_pages(d, 300);
    EXPECT_EQ(memory_populate(d, GFN(BIT(20)), 0), 0);
    EXPECT_EQ(pod().claimed, 100);
    EXPECT_EQ(memory_claim(d, 0), -EINVAL);
    EXPECT_EQ(memory_claim(d, 200), -EINVAL);
    EXPECT_EQ(pod().claimed, 100);
    while (page_alloc(PAGE_HEAP, 0)) {
        continue;
    }
    EXPECT_EQ(page_unclaimed(), 0);
    EXPECT_EQ(memory_populate(d, GFN(BIT(20) + 1), 0), -ENOMEM);
    EXPECT_EQ(touch(3), P2M_OK); /* a table is paid for by the claim */
    EXPECT(pod().claimed < 99);
    domains_check();
}

TEST(on_demand_a_target_that_the_host_cannot_back_changes_nothing)
{
    start_on_demand(ORDER_1G, 100);
    memory_set_max_pages(d, 1U << 20);
    EXPECT_EQ(set_target(1U << 20), -ENOMEM);
    EXPECT_EQ(pod().claimed, 100);
    domains_check();
}

/* Limit, target and claim in one call: here the claim is the target's. */
TEST(on_demand_a_size_moves_the_claim)
{
    struct memory_size size = {.max_pages = 210, .target = 200};

    start_on_demand(11, 100);
    dirty(0, 100);
    starve(0, 500);
    EXPECT_EQ(memory_begin_size(d, &size), 0);
    EXPECT_EQ(memory_finish_size(d, &size), 0);
    EXPECT_EQ(pod().claimed, 100);
    EXPECT_EQ(d->account.max_pages, 210);
    EXPECT(!waits(0));
    /* Below what it has nothing moves but the limit. */
    size = (struct memory_size){.max_pages = 60, .target = 50};
    EXPECT_EQ(memory_begin_size(d, &size), 0);
    EXPECT_EQ(memory_finish_size(d, &size), 0);
    EXPECT_EQ(pod().claimed, 100);
    size = (struct memory_size){.max_pages = 1U << 20, .target = 1U << 20};
    EXPECT_EQ(memory_mark_pod(d, GFN(BIT(20)), ORDER_1G), 0);
    EXPECT_EQ(memory_begin_size(d, &size), -ENOMEM);
    size = (struct memory_size){.max_pages = 60, .target = 50, .claim = 1};
    EXPECT_EQ(memory_begin_size(d, &size), -EINVAL);
    EXPECT_EQ(pod().claimed, 100);
    EXPECT_EQ(d->account.max_pages, 60);
    domains_check();
}

TEST(the_mode_is_chosen_before_there_is_memory)
{
    struct memory_policy p = {MEMORY_CRASH, 0, true};

    start(4, 2);
    EXPECT_EQ(memory_set_policy(d, &p), -EBUSY);
    EXPECT_EQ(d->wait.policy, MEMORY_WAIT);
    p.on_demand = false;
    EXPECT_EQ(memory_set_policy(d, &p), 0);
    EXPECT_EQ(d->wait.policy, MEMORY_CRASH);
}

/* One thread touches page after page and waits, the other gives page after
 * page, as soon as it may: a wake-up that is lost is waited for in vain. */

#define RACES 3000

static uint64_t had; /* pages that the guest has touched; atomic */

static bool is_awake(struct vcpu *v)
{
    time_t end = time(NULL) + 60;

    while (__atomic_load_n(&v->hold, __ATOMIC_SEQ_CST) & HOLD_MEMORY) {
        if (time(NULL) > end) {
            return false;
        }
    }
    return true;
}

static void *the_guest(void *unused)
{
    struct vcpu *v = d->vcpus[0];

    fake_set_cpu(1);
    for (uint64_t gfn = 0; gfn < RACES; gfn++) {
        while (touch(gfn) != P2M_OK) {
            EXPECT(memory_wait(v, GFN(gfn), P2M_NEED_PAGE));
            EXPECT(is_awake(v));
        }
        *(volatile uint64_t *)domain_page(d, gfn) = 1;
        __atomic_store_n(&had, gfn + 1, __ATOMIC_RELEASE);
    }
    return unused;
}

TEST(no_wake_up_is_lost)
{
    pthread_t guest;

    start(12, 1);
    memory_set_max_pages(d, 4096);
    EXPECT_EQ(pthread_create(&guest, NULL, the_guest, NULL), 0);
    for (uint64_t given = 1; given < RACES; given++) {
        while (__atomic_load_n(&had, __ATOMIC_ACQUIRE) < given) {
            continue;
        }
        EXPECT_EQ(set_target(given + 1), 0);
    }
    pthread_join(guest, NULL);
    EXPECT_EQ(pod().tot_pages, RACES);
    domains_check();
}
