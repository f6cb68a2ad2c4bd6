/* SPDX-License-Identifier: MIT */
/*
 * Idle CPUs fill caches that are low; and the scenarios of pod.md 10.1 with a
 * guest whose other CPUs are idle now and then. What these cost is left in
 * out/results/unit.txt.
 */
#include <stdio.h>

#include "arch/timer.h"
#include "domain/background.h"
#include "domain/memory.h"
#include "domains.h"
#include "machine.h"
#include "types/bits.h"
#include "types/error.h"

#define PER_2M 512ULL
#define SECOND 1000000000ULL

static struct domain *d;

static const struct pod_counters *counters(void)
{
    return &d->pod.counters;
}

static uint64_t cached(void)
{
    return d->pod.cache_count;
}

static uint64_t reclaimed(void)
{
    return counters()->reclaimed_4k + PER_2M * counters()->reclaimed_2m;
}

static uint64_t touches(void)
{
    return counters()->populate_4k + counters()->populate_2m;
}

/* 2^order pages promised from gfn 0 on, and `given` to keep that with. */
static void start(unsigned order, uint64_t given)
{
    static bool machine_is_up;

    if (!machine_is_up) {
        machine_start(0x6000);
        machine_is_up = true;
    }
    d = domain_new(1, 1);
    memory_set_max_pages(d, given + 1000);
    while (memory_set_pod_target(d, given) == -ERESTART) {
        continue;
    }
    EXPECT_EQ(memory_mark_pod(d, GFN(0), order), 0);
}

/* A store by the guest's CPU; the place is there afterwards. NULL: no page. */
static uint64_t *touch(uint64_t gfn)
{
    for (;;) {
        struct guest_exit exit;
        uint64_t *word =
            fake_guest_access(&d->p2m.tlb, d->p2m.root, gpa_from_gfn(GFN(gfn)),
                              FAKE_WRITE, &exit);
        enum p2m_verdict verdict;

        if (word) {
            return word;
        }
        verdict = memory_fault(d, GFN(gfn), true, false);
        if (verdict == P2M_NEED_PAGE) {
            return NULL;
        }
        EXPECT(verdict == P2M_OK || verdict == P2M_RETRY);
    }
}

static void write(uint64_t gfn, uint64_t value)
{
    uint64_t *word = touch(gfn);

    EXPECT(word);
    *word = value;
}

static void write_all(uint64_t gfn, uint64_t count, uint64_t value)
{
    for (uint64_t i = gfn; i < gfn + count; i++) {
        write(i, value);
    }
}

/* CPU 2 is idle for so long: it does what it has to and sleeps until it wants
 * to be called again. */
static void idle(uint64_t ns)
{
    uint64_t end = arch_time_ns() + ns;

    fake_set_cpu(2);
    while (arch_time_ns() < end) {
        uint64_t again = background_work();

        fake_set_time(MIN(MAX(again, arch_time_ns() + 1), end));
    }
    fake_set_cpu(0);
}

static void check(void)
{
    domains_check_memory();
    EXPECT_EQ(fake_stale_translations(&d->p2m.tlb, d->p2m.root), 0);
}

TEST(a_cache_that_is_not_low_is_left_alone)
{
    start(13, 4096);
    write_all(0, 3584, 0);
    EXPECT_EQ(cached(), 512);
    EXPECT(!d->background.wanted);
    idle(SECOND);
    EXPECT_EQ(counters()->background_slices, 0);
    EXPECT_EQ(background_work(), NO_DEADLINE);
    check();
    domain_end(d);
}

TEST(it_can_be_switched_off)
{
    start(13, 4096);
    background_set(false);
    write_all(0, 4096, 0);
    EXPECT(!d->background.wanted);
    background_set(true);
    write(4096, 1);
    EXPECT_EQ(counters()->searches, 1);
    domain_end(d);
}

/* 1/32 of 4096 pages is low, 1/8 is enough: here one superpage. */
TEST(a_low_cache_is_filled_before_it_is_empty)
{
    start(13, 4096);
    write_all(0, 4096 - 200, 0);
    EXPECT_EQ(cached(), 0); /* they come as superpages */
    EXPECT(d->background.wanted);
    idle(SECOND);
    EXPECT_EQ(cached(), 512);
    EXPECT_EQ(counters()->background_reclaimed, 512);
    EXPECT_EQ(counters()->background_slices, 1);
    EXPECT(!d->background.wanted);
    write_all(4096, 500, 1);
    EXPECT_EQ(counters()->searches, 0);
    check();
    domain_end(d);
}

/* One slice at a call, and not before its time. */
TEST(it_pauses_between_slices)
{
    start(13, 4096);
    write_all(0, 4096, 1);
    EXPECT(d->background.wanted);
    for (unsigned i = 1; i <= 5; i++) {
        uint64_t now = arch_time_ns(), again = background_work();

        EXPECT_EQ(counters()->background_slices, i);
        EXPECT(again >= now + 100000);
        EXPECT_EQ(background_work(), again);
        /* Another CPU has nothing to wait for. */
        fake_set_cpu(3);
        EXPECT_EQ(background_work(), NO_DEADLINE);
        fake_set_cpu(0);
        EXPECT_EQ(counters()->background_slices, i);
        fake_set_time(again);
    }
    check();
    domain_end(d);
}

TEST(superpages_come_first_and_stay_whole)
{
    start(13, 4096);
    write_all(0, 4096, 1);
    write_all(0, 300, 0);        /* most of one: not in the background */
    write_all(5 * 512, 1024, 0); /* two whole ones */
    idle(SECOND);
    EXPECT_EQ(counters()->reclaimed_2m, 1);
    EXPECT_EQ(counters()->reclaimed_4k, 0);
    EXPECT_EQ(counters()->unmaps_restored, 0);
    write_all(4096, 500, 1);
    idle(SECOND);
    EXPECT_EQ(counters()->reclaimed_2m, 2);
    write_all(4096 + 512, 512, 1);
    EXPECT(cached() < 128);
    EXPECT_EQ(p2m_get(&d->p2m, GFN(7)).order, ORDER_2M);
    /* Nothing whole is left. */
    idle(SECOND);
    EXPECT(cached() >= 128);
    EXPECT_EQ(p2m_get(&d->p2m, GFN(7)).order, ORDER_4K);
    EXPECT_EQ(counters()->searches, 0);
    check();
    domain_end(d);
}

/* Nothing to be found: a lap of each kind, a rest, longer and longer; and each
 * lap after the first reads nothing. */
TEST(it_rests_when_there_is_nothing)
{
    uint64_t read, slices;

    start(13, 4096);
    write_all(0, 4096, 1);
    idle(SECOND / 50);
    read = counters()->sweep_pages_read;
    EXPECT_EQ(read, 4096);
    slices = counters()->background_slices;
    idle(100 * SECOND);
    EXPECT_EQ(counters()->sweep_pages_read, read);
    EXPECT(counters()->background_slices - slices >= 40);
    EXPECT(counters()->background_slices - slices <= 200);
    EXPECT(d->background.wanted);
    EXPECT_EQ(counters()->background_reclaimed, 0);
    /* The guest clears something: it is found. */
    write_all(512, 512, 0);
    idle(3 * SECOND);
    EXPECT_EQ(cached(), 512);
    EXPECT(!d->background.wanted);
    check();
    domain_end(d);
}

/* Long at rest. A touch is given one of the pages that are left, so what the
 * guest does next may be found soon; a touch that finds none changes nothing.
 */
TEST(a_touch_ends_the_rest)
{
    uint64_t before;

    start(13, 4096);
    write_all(0, 4096 - 8, 1);
    write(4096, 1);
    idle(20 * SECOND);
    EXPECT(cached() > 0);
    write(4097, 1);
    write(17, 0);
    before = counters()->background_reclaimed;
    idle(SECOND / 50);
    EXPECT_EQ(counters()->background_reclaimed, before + 1);
    while (cached()) {
        write(4098 + cached(), 1);
    }
    idle(20 * SECOND);
    write(18, 1);
    EXPECT(!touch(8191));
    before = counters()->background_slices;
    idle(SECOND / 50);
    EXPECT_EQ(counters()->background_slices, before);
    check();
    domain_end(d);
}

/* Paid by the balloon meanwhile: there is no deficit any more. */
TEST(it_ends_with_the_deficit)
{
    start(13, 4096);
    write_all(0, 4096, 1);
    EXPECT(d->background.wanted);
    for (uint64_t gfn = 4096; gfn < 8192; gfn += PER_2M) {
        EXPECT_EQ(memory_decrease(d, GFN(gfn), ORDER_2M), 0);
    }
    EXPECT_EQ(d->pod.entry_count, 0);
    idle(SECOND);
    EXPECT(!d->background.wanted);
    EXPECT(counters()->background_slices <= 1);
    check();
    domain_end(d);
}

TEST(a_dying_domain_wants_nothing_and_is_not_kept)
{
    domid_t id;

    start(13, 4096);
    write_all(0, 4096, 0);
    EXPECT(d->background.wanted);
    id = d->id;
    EXPECT_EQ(domain_kill(d), -ERESTART);
    idle(SECOND);
    EXPECT(!d->background.wanted);
    EXPECT_EQ(cached(), 0);
    domain_end(d);
    EXPECT(!domain_get(id));
    EXPECT_EQ(background_work(), NO_DEADLINE);
}

TEST(a_domain_that_has_shut_down_is_left_alone)
{
    start(13, 4096);
    write_all(0, 4096, 1);
    domain_shutdown(d, 0);
    idle(SECOND);
    EXPECT(!d->background.wanted);
    EXPECT(counters()->background_slices <= 1);
    domain_end(d);
}

/* The one who waits longest is served, whoever comes first on the list. */
TEST(all_domains_have_a_turn)
{
    struct domain *all[2];

    start(12, 2048);
    all[0] = d;
    d = domain_new(2, 1);
    while (memory_set_pod_target(d, 2048) == -ERESTART) {
        continue;
    }
    EXPECT_EQ(memory_mark_pod(d, GFN(0), 12), 0);
    all[1] = d;
    for (unsigned i = 0; i < 2; i++) {
        d = all[i];
        write_all(0, 2048, 1);
    }
    idle(SECOND / 500);
    for (unsigned i = 0; i < 2; i++) {
        EXPECT(all[i]->pod.counters.background_slices >= 3);
        domain_end(all[i]);
    }
}

/*
 * Scenarios of pod.md 10.1.
 */

static void report(const char *name, const char *variant)
{
    const struct pod_counters *c = counters();

    printf("     %s, %s: %lu touches populated, %lu of them searched, %lu "
           "pages reclaimed (%lu superpages), %lu pages read, %lu known, %lu "
           "flushes, %lu put back, %lu background slices\n",
           name, variant, touches(), c->searches, reclaimed(), c->reclaimed_2m,
           c->sweep_pages_read, c->sweep_pages_known, c->tlb_flushes_reclaim,
           c->unmaps_restored, c->background_slices);
}

/* The balloon: single pages from random places until D is 0. */
static void balloon_down(void)
{
    uint64_t seed = unit_seed(3);

    while (d->pod.entry_count > d->pod.cache_count) {
        uint64_t gfn = unit_random_below(&seed, BIT(14));
        int rc = memory_decrease(d, GFN(gfn), 0);

        EXPECT(rc == 0 || rc == -ENOENT);
    }
}

/* S1: all RAM is zeroed upwards by so many CPUs at once, then the balloon
 * comes. Some memory is in use from the start. */
static void scrub_then_balloon(unsigned cpus, uint64_t idle_ns)
{
    const uint64_t part = BIT(14) / cpus;

    start(14, 8192);
    write_all(0, 2000, 0xda7a);
    for (uint64_t i = 0; i < part; i++) {
        for (uint64_t cpu = 0; cpu < cpus; cpu++) {
            uint64_t gfn = cpu * part + i;

            write(gfn, gfn < 2000 ? 0xda7a : 0);
        }
        if (idle_ns && i % 16 == 0) {
            idle(idle_ns);
        }
    }
    EXPECT_EQ(counters()->oom_events, 0);
    EXPECT_EQ(counters()->unmaps_restored, 0);
    EXPECT(counters()->tlb_flushes_reclaim * 64 <= reclaimed());
    balloon_down();
    check();
    for (uint64_t gfn = 0; gfn < 2000; gfn++) {
        const uint64_t *word = domain_page(d, gfn);

        EXPECT(!word || *word == 0xda7a);
    }
}

TEST(s1_scrub_then_balloon_alone)
{
    for (unsigned cpus = 1; cpus <= 16; cpus *= 4) {
        scrub_then_balloon(cpus, 0);
        report("S1 scrub", "no CPU is ever idle");
        domain_end(d);
    }
}

/* P8: fewer than one of a hundred touches that need a page search. */
TEST(s1_scrub_then_balloon_with_idle_cpus)
{
    for (unsigned cpus = 1; cpus <= 16; cpus *= 4) {
        scrub_then_balloon(cpus, 300000);
        report("S1 scrub", "a CPU is idle now and then");
        EXPECT(counters()->searches * 100 <= touches());
        EXPECT(counters()->background_reclaimed);
        domain_end(d);
    }
}

/* S3: hardly anything is zero. 1000 times the guest frees and clears a page
 * somewhere, and touches another promise. */
/* Returns how many of these had to search. */
static uint64_t sparse_zeros(uint64_t idle_ns)
{
    uint64_t seed = unit_seed(5), next = 8192, first, read, searches;

    start(14, 8192);
    write_all(0, 8192, 1);
    /* All of small pages, as after a long life. */
    for (uint64_t gfn = 0; gfn < 8192; gfn += PER_2M) {
        write(gfn, 0);
        write(next++, 1);
    }
    first = counters()->sweep_pages_read;
    searches = counters()->searches;
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t gfn = unit_random_below(&seed, 8192);

        while (p2m_get(&d->p2m, GFN(gfn)).type != P2M_RAM) {
            gfn = unit_random_below(&seed, 8192);
        }
        write(gfn, 0);
        if (idle_ns) {
            idle(idle_ns);
        }
        write(next++, 1);
    }
    read = counters()->sweep_pages_read - first;
    EXPECT_EQ(counters()->oom_events, 0);
    /* Each page that was cleared is read to find it and to make sure, and so
     * are those which share its superpage, once. */
    EXPECT(read <= 1000 * 3 + 8192 * 2);
    check();
    return counters()->searches - searches;
}

/* P8 here, too, when there is time for a lap between two touches. */
TEST(s3_sparse_zeros)
{
    sparse_zeros(0);
    report("S3 sparse zeros", "no CPU is ever idle");
    domain_end(d);
    EXPECT(sparse_zeros(20 * 1000000) * 100 <= 1000);
    report("S3 sparse zeros", "a CPU is idle now and then");
    domain_end(d);
}

/* S4: each page has 128 to 4088 bytes of zeros in front of its data. */
TEST(s4_prefix_trap)
{
    uint64_t seed = unit_seed(4);

    start(14, 8192);
    for (uint64_t gfn = 0; gfn < 8192; gfn++) {
        uint64_t *word = touch(gfn);

        EXPECT(word);
        word[16 + unit_random_below(&seed, 496)] = gfn + 1;
        if (gfn % 64 == 0) {
            idle(300000);
        }
    }
    EXPECT(!touch(8192));
    idle(SECOND);
    EXPECT(!touch(8193));
    report("S4 prefix trap", "a CPU is idle now and then");
    EXPECT_EQ(counters()->oom_events, 2);
    EXPECT_EQ(counters()->unmaps, 0);
    EXPECT_EQ(counters()->splinter_2m, 0);
    EXPECT_EQ(p2m_get(&d->p2m, GFN(0)).order, ORDER_2M);
    EXPECT(counters()->sweep_pages_read <= 2 * 8192);
    check();
    domain_end(d);
}
