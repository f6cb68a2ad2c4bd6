/* SPDX-License-Identifier: MIT */
/* Idle CPUs put together what was scattered. */
#include "domain/tidy.h"

#include "arch/timer.h"
#include "domain/memory.h"
#include "domains.h"
#include "machine.h"
#include "types/bits.h"
#include "types/error.h"

#define PAGES  2048U /* of the guest: four superpages */
#define WHOLE  (PAGES / 512)
#define SECOND 1000000000ULL

static struct domain *d;

static uint64_t mapped(void)
{
    return d->pod.counters.superpages_mapped;
}

static uint64_t gathered(void)
{
    return d->pod.counters.superpages_gathered;
}

/* All of the guest's RAM, page by page in an order in which no two neighbours
 * get frames that are neighbours; each says its gfn. */
static void scatter(domid_t id)
{
    d = domain_new(id, 1);
    memory_set_max_pages(d, PAGES);
    for (uint64_t i = 0; i < PAGES; i++) {
        uint64_t gfn = i * 513 * 5 % PAGES;
        struct page *pg = page_alloc_guest(&d->account, 0);

        EXPECT(pg);
        EXPECT_EQ(p2m_add_ram(&d->p2m, GFN(gfn), pg, 0), 0);
        *(uint64_t *)domain_page(d, gfn) = gfn;
    }
    EXPECT_EQ(mapped(), 0);
}

static void start(void)
{
    machine_start(0x6000);
    scatter(1);
}

static void expect_contents(void)
{
    for (uint64_t gfn = 0; gfn < PAGES; gfn++) {
        EXPECT_EQ(*(uint64_t *)domain_page(d, gfn), gfn);
    }
}

/* CPU 2 is idle for so long. Returns how often it did something. */
static unsigned idle(uint64_t ns)
{
    uint64_t end = arch_time_ns() + ns;
    unsigned times = 0;

    fake_set_cpu(2);
    while (arch_time_ns() < end) {
        uint64_t again = tidy_work();

        times++;
        fake_set_time(MIN(MAX(again, arch_time_ns() + 1), end));
    }
    fake_set_cpu(0);
    return times;
}

static void end(void)
{
    domains_check_memory();
    EXPECT_EQ(fake_stale_translations(&d->p2m.tlb, d->p2m.root), 0);
    domain_end(d);
}

/* At its limit, too: it has no more pages than before. */
TEST(what_was_scattered_becomes_superpages)
{
    uint64_t free;

    start();
    free = page_alloc_info().free;
    idle(SECOND / 10);
    EXPECT_EQ(mapped(), WHOLE);
    EXPECT_EQ(gathered(), WHOLE);
    EXPECT_EQ(d->account.page_count, PAGES);
    EXPECT_EQ(d->account.borrowed, 0);
    EXPECT_EQ(page_alloc_info().free, free + WHOLE); /* their tables */
    expect_contents();
    end();
}

TEST(the_control_domain_is_left_as_it_is)
{
    uint64_t free;

    start();
    d->privileged = true;
    free = page_alloc_info().free;
    idle(SECOND / 10);
    EXPECT_EQ(gathered(), 0);
    EXPECT_EQ(page_alloc_info().free, free);
    d->privileged = false;
    end();
}

TEST(it_can_be_switched_off)
{
    start();
    tidy_set(false);
    EXPECT_EQ(tidy_work(), NO_DEADLINE);
    idle(SECOND);
    tidy_set(true);
    EXPECT_EQ(gathered(), 0);
    end();
}

/* One region at a call, and not before its time. */
TEST(it_pauses_between_regions)
{
    start();
    for (unsigned i = 1; i <= WHOLE; i++) {
        uint64_t now = arch_time_ns(), again = tidy_work();

        EXPECT_EQ(gathered(), i);
        EXPECT(again >= now + 100000);
        EXPECT_EQ(tidy_work(), again);
        /* Another CPU has nothing to wait for. */
        fake_set_cpu(3);
        EXPECT_EQ(tidy_work(), NO_DEADLINE);
        fake_set_cpu(0);
        EXPECT_EQ(gathered(), i);
        fake_set_time(again);
    }
    end();
}

TEST(it_rests_longer_and_longer_when_there_is_nothing)
{
    start();
    idle(SECOND / 10);
    EXPECT_EQ(gathered(), WHOLE);
    idle(200 * SECOND);
    EXPECT(idle(64 * SECOND) <= 4);
    end();
}

/* Others may need what is free: only what is beyond the spare pages is used. */
TEST(it_leaves_the_host_something)
{
    struct domain *other;
    uint64_t claim;

    start();
    other = domain_new(2, 1);
    claim = page_unclaimed() - TIDY_SPARE - 511;
    memory_set_max_pages(other, claim);
    EXPECT_EQ(memory_claim(other, claim), 0);
    idle(10 * SECOND);
    EXPECT_EQ(gathered(), 0);
    EXPECT_EQ(memory_claim(other, 0), 0);
    idle(10 * SECOND);
    EXPECT_EQ(gathered(), WHOLE);
    domain_end(other);
    end();
}

TEST(all_domains_have_a_turn)
{
    struct domain *first;

    start();
    first = d;
    scatter(2);
    idle(SECOND / 10);
    EXPECT_EQ(mapped(), WHOLE);
    expect_contents();
    domain_end(d);
    d = first;
    EXPECT_EQ(mapped(), WHOLE);
    expect_contents();
    end();
}

TEST(a_dying_domain_is_left_alone_and_not_kept)
{
    domid_t id;

    start();
    tidy_work();
    id = d->id;
    EXPECT_EQ(domain_kill(d), -ERESTART);
    idle(SECOND);
    EXPECT_EQ(gathered(), 1);
    domain_end(d);
    EXPECT(!domain_get(id));
    idle(SECOND);
}

/* The reference is that of a mapping by another domain, say. */
TEST(a_region_that_others_use_comes_later)
{
    struct page *pg;

    start();
    EXPECT_EQ(memory_get_page(d, GFN(700), true, &pg), 0);
    idle(SECOND / 10);
    EXPECT_EQ(mapped(), WHOLE - 1);
    page_put(pg);
    idle(200 * SECOND);
    EXPECT_EQ(mapped(), WHOLE);
    expect_contents();
    end();
}
