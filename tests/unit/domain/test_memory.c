/* SPDX-License-Identifier: MIT */
#include "domain/memory.h"
#include "domains.h"
#include "machine.h"
#include "mm/zero_block.h"
#include "types/bits.h"
#include "types/error.h"

static struct domain *d;

/* A domain of max_pages with nothing in it. */
static struct domain *domain_of(domid_t id, uint64_t max_pages)
{
    struct domain *new = domain_new(id, 1);

    memory_set_max_pages(new, max_pages);
    return new;
}

/* As a builder does it: the cache first, then the promises. */
static void build_pod(domid_t id, unsigned order, uint64_t target)
{
    d = domain_of(id, target + 256);
    while (memory_set_pod_target(d, target) == -ERESTART) {
        continue;
    }
    EXPECT_EQ(memory_mark_pod(d, GFN(0), order), 0);
}

static struct memory_pod_info pod_of(struct domain *of)
{
    struct memory_pod_info info;

    memory_get_pod(of, &info);
    return info;
}

static int set_target(uint64_t pages)
{
    int rc;

    do {
        rc = memory_set_pod_target(d, pages);
    } while (rc == -ERESTART);
    return rc;
}

/* A page as the guest would touch it; NULL: out of PoD memory. */
static uint64_t *touch(uint64_t gfn)
{
    enum p2m_verdict verdict;
    struct page *pg;
    uint64_t *word;

    do {
        verdict = memory_fault(d, GFN(gfn), true, false);
    } while (verdict == P2M_RETRY);
    if (verdict == P2M_NEED_PAGE) {
        return NULL;
    }
    EXPECT_EQ(verdict, P2M_OK);
    EXPECT_EQ(memory_get_page(d, GFN(gfn), true, &pg), 0);
    word = page_map(pg);
    page_put(pg);
    return word;
}

static void dirty(uint64_t first, uint64_t count)
{
    for (uint64_t i = first; i < first + count; i++) {
        uint64_t *word = touch(i);

        EXPECT(word);
        *word = i + 1;
    }
}

static void start(void)
{
    machine_start(0x4000);
}

/* POD-4.29 and POD-4.28, row by row. */
TEST(the_target_fills_an_empty_domains_cache)
{
    start();
    build_pod(1, ORDER_1G, 1000);
    EXPECT_EQ(pod_of(d).cache_pages, 1000);
    EXPECT_EQ(pod_of(d).tot_pages, 1000);
    EXPECT_EQ(pod_of(d).entries, BIT(ORDER_1G));
    domains_check();
}

TEST(a_higher_target_grows_the_cache_by_as_much)
{
    start();
    build_pod(1, 12, 1000);
    dirty(0, 300);
    memory_set_max_pages(d, 5000);
    EXPECT_EQ(set_target(1500), 0);
    EXPECT_EQ(pod_of(d).tot_pages, 1500);
    EXPECT_EQ(set_target(1200), 0);
    EXPECT_EQ(pod_of(d).tot_pages, 1500);
    domains_check();
}

TEST(the_cache_never_exceeds_what_is_promised)
{
    start();
    build_pod(1, 10, 600);
    dirty(0, 10);
    memory_set_max_pages(d, 5000);
    EXPECT_EQ(set_target(5000), 0);
    EXPECT_EQ(pod_of(d).cache_pages, pod_of(d).entries);
    domains_check();
}

TEST(when_all_promises_are_kept_the_target_means_nothing)
{
    start();
    build_pod(1, 3, 8);
    dirty(0, 8);
    EXPECT_EQ(pod_of(d).entries, 0);
    EXPECT_EQ(set_target(200), 0);
    EXPECT_EQ(pod_of(d).tot_pages, 8);
    EXPECT_EQ(set_target(1ULL << 40), -EINVAL);
    domains_check();
}

TEST(a_target_beyond_the_hosts_memory_keeps_what_it_got)
{
    start();
    build_pod(1, ORDER_1G, 100);
    memory_set_max_pages(d, 1U << 20);
    EXPECT_EQ(set_target(1U << 20), -ENOMEM);
    EXPECT(pod_of(d).cache_pages > 10000);
    domains_check();
}

TEST(the_target_is_reached_in_slices)
{
    unsigned calls = 1;

    start();
    d = domain_of(1, 5000);
    while (memory_set_pod_target(d, 5000) == -ERESTART) {
        calls++;
    }
    EXPECT_EQ(calls, 10);
    domains_check();
}

/* Half of them one by one, half as a list. */
static void decrease_512(uint64_t gfn)
{
    uint64_t list[256];
    unsigned done;

    memory_batch_begin(d);
    for (uint64_t i = 0; i < 256; i++) {
        EXPECT_EQ(memory_decrease(d, GFN(gfn + i), 0), 0);
        list[i] = gfn + 256 + i;
    }
    EXPECT_EQ(memory_decrease_list(d, list, 256, &done), 0);
    EXPECT_EQ(done, 256);
    memory_batch_end(d);
}

TEST(a_list_ends_at_the_first_hole)
{
    uint64_t list[] = {3, 1, 9, 2}, wild[] = {~0ULL};
    unsigned done;

    start();
    build_pod(1, 3, 8);
    EXPECT_EQ(memory_decrease_list(d, list, 4, &done), -ENOENT);
    EXPECT_EQ(done, 2);
    EXPECT_EQ(pod_of(d).entries, 6);
    EXPECT_EQ(pod_of(d).cache_pages, 6);
    EXPECT_EQ(memory_decrease_list(d, wild, 1, &done), -ENOENT);
    EXPECT_EQ(done, 0);
    domains_check();
}

TEST(a_balloon_reaches_the_target_to_the_page)
{
    start();
    build_pod(1, 12, 1024);
    dirty(0, 500);
    /* The guest gives back max - target in batches, scrubbed as Linux does. */
    for (uint64_t gfn = 1024; gfn < 4096; gfn += 512) {
        for (uint64_t i = gfn; i < gfn + 512; i++) {
            uint64_t *word = touch(i);

            EXPECT(word);
            *word = 0;
        }
        decrease_512(gfn);
        domains_check();
    }
    EXPECT_EQ(pod_of(d).tot_pages, 1024);
    EXPECT_EQ(pod_of(d).cache_pages, pod_of(d).entries);
    EXPECT_EQ(pod_of(d).cache_pages, 512); /* gfns 0..511 are a superpage */
    dirty(500, 524);
    EXPECT_EQ(pod_of(d).entries, 0);
    /* Up again, and down. */
    EXPECT_EQ(memory_populate(d, GFN(1024), 0), 0);
    EXPECT_EQ(pod_of(d).tot_pages, 1025);
    EXPECT_EQ(memory_decrease(d, GFN(1024), 0), 0);
    EXPECT_EQ(memory_decrease(d, GFN(1024), 0), -ENOENT);
    EXPECT_EQ(pod_of(d).tot_pages, 1024);
    domains_check();
}

TEST(out_of_memory_is_said_once_and_not_before)
{
    start();
    build_pod(1, 12, 100);
    dirty(0, 100);
    EXPECT(!touch(200));
    EXPECT_EQ(pod_of(d).counters.oom_events, 1);
    *touch(57) = 0;
    EXPECT(touch(200));
    *touch(200) = 1;
    EXPECT(!touch(57));
    /* A larger target helps. */
    memory_set_max_pages(d, 1000);
    EXPECT_EQ(set_target(101), 0);
    EXPECT(touch(57));
    domains_check();
}

/* Not a page is free in the host: neither touching nor ballooning may fail for
 * want of a table as long as the domain has a page to pay with. */
TEST(a_full_host_has_no_say_in_what_was_promised)
{
    uint64_t list[] = {77, 512};
    unsigned done;

    start();
    build_pod(1, 12, 520);
    dirty(0, 1); /* a superpage */
    while (page_alloc(PAGE_HEAP, 0)) {
        continue;
    }
    dirty(512, 1);
    EXPECT_EQ(pod_of(d).cache_pages, 6);
    EXPECT_EQ(memory_decrease_list(d, list, 2, &done), 0);
    EXPECT_EQ(done, 2);
    EXPECT_EQ(pod_of(d).cache_pages, 7);
    domains_check();
    /* A budget is another thing. */
    d->account.table_limit = d->account.table_count;
    EXPECT_EQ(pod_of(d).counters.tables_reserved, 2);
    EXPECT(touch(1024) && touch(1536));
    EXPECT_EQ(memory_fault(d, GFN(2048), true, false), P2M_NO_MEMORY);
    EXPECT_EQ(pod_of(d).cache_pages, 5);
    domains_check();
}

TEST(pages_for_the_hypervisor_are_populated)
{
    struct page *pg, *again;

    start();
    build_pod(1, 3, 1);
    EXPECT_EQ(memory_get_page(d, GFN(3), true, &pg), 0);
    EXPECT_EQ(memory_get_page(d, GFN(3), false, &again), 0);
    EXPECT_EQ(pg, again);
    EXPECT_EQ(page_references(pg), 3);
    page_put(pg);
    page_put(pg);
    EXPECT_EQ(memory_get_page(d, GFN(9), false, &pg), -EINVAL);
    EXPECT(!pg);
    *(uint64_t *)page_map(again) = 1;
    while (memory_get_page(d, GFN(4), false, &pg) == -ERESTART) {
        continue;
    }
    EXPECT_EQ(memory_get_page(d, GFN(4), false, &pg), -ENOMEM);
    domains_check();
}

TEST(populating_does_all_or_nothing)
{
    uint64_t charged;

    start();
    d = domain_of(1, 100);
    EXPECT_EQ(memory_populate(d, GFN(5), 3), 0);
    charged = pod_of(d).tot_pages;
    EXPECT_EQ(memory_populate(d, GFN(0), 3), -EEXIST);
    EXPECT_EQ(memory_populate(d, GFN(100), 9), -ENOMEM);
    EXPECT_EQ(memory_populate(d, GFN(1ULL << 36), 0), -EINVAL);
    EXPECT_EQ(memory_populate(d, GFN(~0ULL), 0), -EINVAL);
    EXPECT_EQ(memory_populate(d, GFN(0), 63), -EINVAL);
    EXPECT_EQ(pod_of(d).tot_pages, charged);
    for (uint64_t n = 1; n < 4; n++) {
        page_alloc_fail_nth(n);
        EXPECT_EQ(memory_populate(d, GFN(n << 27), 0), -ENOMEM);
        page_alloc_fail_nth(0);
        EXPECT_EQ(pod_of(d).tot_pages, charged);
        domains_check();
    }
    EXPECT_EQ(memory_increase(d, 3), 0);
    EXPECT_EQ(pod_of(d).tot_pages, charged + 8);
    domains_check();
}

/* Teardown frees what the account's list names, once. */
TEST(a_dying_domain_is_given_nothing)
{
    uint64_t charged;

    start();
    d = domain_of(1, 100);
    EXPECT_EQ(memory_populate(d, GFN(5), 3), 0);
    charged = pod_of(d).tot_pages;
    p2m_set_dying(&d->p2m);
    EXPECT_EQ(memory_increase(d, 0), -ESRCH);
    EXPECT_EQ(memory_populate(d, GFN(1), 0), -ESRCH);
    EXPECT_EQ(pod_of(d).tot_pages, charged);
    domains_check();
}

TEST(foreign_pages_are_mapped_and_let_go)
{
    struct domain *zero;
    struct page *pg;

    start();
    zero = domain_of(0, 100);
    build_pod(1, 3, 8);
    EXPECT_EQ(memory_map_foreign(zero, GFN(0x700), d, GFN(3)), 0);
    EXPECT_EQ(pod_of(d).entries, 7);
    pg = page_from_mfn(p2m_get(&zero->p2m, GFN(0x700)).mfn);
    EXPECT(page_is_of(pg, &d->account));
    EXPECT_EQ(page_references(pg), 2);
    /* Onto itself, and onto another. */
    EXPECT_EQ(memory_map_foreign(zero, GFN(0x700), d, GFN(3)), 0);
    EXPECT_EQ(page_references(pg), 2);
    EXPECT_EQ(memory_map_foreign(zero, GFN(0x700), d, GFN(4)), 0);
    EXPECT_EQ(page_references(pg), 1);
    EXPECT_EQ(memory_map_foreign(zero, GFN(0x701), d, GFN(9)), -EINVAL);
    EXPECT_EQ(memory_map_foreign(zero, GFN(0x701), zero, GFN(9)), -EINVAL);
    EXPECT_EQ(memory_map_foreign(zero, GFN(~0ULL), d, GFN(3)), -EINVAL);
    EXPECT_EQ(page_references(pg), 1);
    EXPECT_EQ(memory_remove(zero, GFN(0x700)), 0);
    EXPECT_EQ(memory_remove(zero, GFN(0x700)), -ENOENT);
    domains_check();
}

/* shared_info is not charged, so nothing keeps its domain: then it is nobody's,
 * and not that of the next domain with the same number. */
TEST(a_foreign_special_page_outlives_its_domain)
{
    struct domain *zero, *next;
    struct page *pg;
    uint16_t number;

    start();
    zero = domain_of(0, 100);
    d = domain_of(1, 100);
    pg = d->shared_info;
    number = d->account.number;
    EXPECT(page_get(pg, &d->account));
    EXPECT_EQ(memory_map_special(d, GFN(0x50), pg), 0);
    EXPECT_EQ(memory_map_foreign(zero, GFN(0x700), d, GFN(0x50)), 0);
    domain_end(d);
    domains_check();
    next = domain_of(2, 100);
    EXPECT_EQ(next->account.number, number);
    EXPECT(!page_get(pg, &next->account));
    EXPECT_EQ(pg->state, PAGE_SPECIAL);
    EXPECT_EQ(page_references(pg), 1);
    EXPECT_EQ(memory_remove(zero, GFN(0x700)), 0);
    EXPECT_EQ(pg->state, PAGE_FREE);
    domains_check();
}

/* Who reads the memory of a guest that promises a pattern sees that, takes no
 * page, and keeps what he sees when the guest is gone. */
TEST(a_reader_of_promised_patterns_takes_no_page)
{
    const uint64_t pattern = 0x5555;
    struct domain *zero;
    struct page *pg;

    start();
    zero_block_init();
    zero = domain_of(0, 100);
    build_pod(1, ORDER_2M, 8);
    EXPECT_EQ(memory_set_pattern(d, pattern), 0);
    for (unsigned i = 0; i < PAGE_SIZE / sizeof(pattern); i++) {
        ((uint64_t *)touch(3))[i] = pattern;
    }
    for (uint64_t gfn = 100; p2m_get(&d->p2m, GFN(3)).type == P2M_RAM; gfn++) {
        EXPECT(touch(gfn));
    }
    EXPECT_EQ(p2m_get(&d->p2m, GFN(3)).type, P2M_POD_PATTERN);
    pg = d->pod.pattern_page;
    EXPECT_EQ(memory_map_to_read(zero, GFN(0x700), d, GFN(3)), 0);
    EXPECT_EQ(p2m_get(&zero->p2m, GFN(0x700)).mfn.v, page_to_mfn(pg).v);
    EXPECT_EQ(p2m_get(&d->p2m, GFN(3)).type, P2M_POD_PATTERN);
    domains_check();
    domain_end(d);
    domains_check();
    EXPECT_EQ(*(uint64_t *)domain_page(zero, 0x700), pattern);
    EXPECT_EQ(memory_remove(zero, GFN(0x700)), 0);
    EXPECT_EQ(pg->state, PAGE_FREE);
    domains_check();
}

TEST(mapping_a_foreign_page_may_fail_anywhere)
{
    struct domain *zero;
    unsigned n;

    start();
    zero = domain_of(0, 100);
    build_pod(1, ORDER_1G, 8);
    EXPECT(touch(3)); /* which would not fail */
    for (n = 1;; n++) {
        int rc;

        page_alloc_fail_nth(n);
        rc = memory_map_foreign(zero, GFN(0x123456789), d, GFN(3));
        page_alloc_fail_nth(0);
        domains_check();
        if (!rc) {
            break;
        }
        EXPECT_EQ(rc, -ENOMEM);
    }
    EXPECT(n > 2);
}

TEST(special_pages_move_and_replace)
{
    struct page *pg;

    start();
    d = domain_of(1, 100);
    pg = d->shared_info;
    EXPECT_EQ(memory_populate(d, GFN(0), 3), 0);
    EXPECT(page_get(pg, &d->account));
    EXPECT_EQ(memory_map_special(d, GFN(3), pg), 0);
    EXPECT_EQ(pod_of(d).tot_pages, 7);
    EXPECT(page_get(pg, &d->account));
    EXPECT_EQ(memory_map_special(d, GFN(3), pg), 0);
    EXPECT_EQ(page_references(pg), 2);
    EXPECT(page_get(pg, &d->account));
    EXPECT_EQ(memory_map_special(d, GFN(0x900), pg), 0);
    EXPECT_EQ(page_references(pg), 2);
    EXPECT_EQ(p2m_get(&d->p2m, GFN(3)).type, P2M_HOLE);
    EXPECT_EQ(memory_remove(d, GFN(0x900)), 0);
    EXPECT_EQ(page_references(pg), 1);
    domains_check();
}

TEST(moving_populates_its_source)
{
    start();
    build_pod(1, 3, 8);
    EXPECT_EQ(memory_move(d, GFN(2), GFN(0x50), NULL), 0);
    EXPECT_EQ(p2m_get(&d->p2m, GFN(2)).type, P2M_HOLE);
    EXPECT_EQ(p2m_get(&d->p2m, GFN(0x50)).type, P2M_RAM);
    EXPECT_EQ(memory_move(d, GFN(2), GFN(0x51), NULL), -EINVAL);
    EXPECT_EQ(memory_move(d, GFN(3), GFN(3), NULL), 0);
    domains_check();
}

TEST(teardown_takes_slices_and_leaves_nothing)
{
    uint64_t free_before;
    unsigned slices = 0;

    start();
    d = domain_of(5, 1);
    free_before = page_alloc_info().free + d->account.table_count;
    memory_set_max_pages(d, 5000);
    while (memory_set_pod_target(d, 3000) == -ERESTART) {
        continue;
    }
    EXPECT_EQ(memory_mark_pod(d, GFN(0), ORDER_1G), 0);
    dirty(0, 2600);
    EXPECT_EQ(memory_populate(d, GFN(BIT(20)), 9), 0);
    account_set_dying(&d->account);
    while (memory_teardown(d) == -ERESTART) {
        slices++;
        machine_check();
    }
    EXPECT(slices > 5);
    EXPECT_EQ(d->account.page_count, 0);
    EXPECT_EQ(d->account.table_count, 0);
    EXPECT(page_alloc_info().free + 1 >= free_before);
    EXPECT_EQ(memory_fault(d, GFN(3), true, false), P2M_HOLE_ACCESS);
    EXPECT_EQ(memory_populate(d, GFN(3), 0), -ESRCH);
    EXPECT_EQ(memory_mark_pod(d, GFN(3), 0), -ESRCH);
    EXPECT_EQ(memory_set_pod_target(d, 10), 0);
}
