/* SPDX-License-Identifier: MIT */
/* Guests that scrub with something else than zeros (P15, S9). */
#include "guest.h"
#include "mm/zero_block.h"

#define PATTERN 0xaaaaaaaaaaaaaaaaULL
#define WORDS   (PAGE_SIZE / sizeof(uint64_t))

static struct guest g;

/* Without a page of it that could be shown: reads populate. */
static void start(unsigned order, uint64_t cache)
{
    guest_start_pod(&g, order, cache);
    zero_block_init();
    g.pod.pattern = PATTERN;
}

/* False: no page is to be had. */
static bool scrub(uint64_t gfn, uint64_t with)
{
    uint64_t *word = guest_access(&g, gfn, true);

    for (unsigned i = 0; word && i < WORDS; i++) {
        word[i] = with;
    }
    return word;
}

static bool is_full_of(uint64_t gfn, uint64_t what)
{
    const uint64_t *word = guest_access(&g, gfn, false);

    for (unsigned i = 0; i < WORDS; i++) {
        if (word[i] != what) {
            return false;
        }
    }
    return true;
}

/* S9: S1 with the pattern. */
TEST(a_guest_that_scrubs_with_its_pattern_lives)
{
    start(11, 600);
    for (uint64_t gfn = 0; gfn < 2048; gfn++) {
        EXPECT(scrub(gfn, PATTERN));
    }
    EXPECT_EQ(g.pod.counters.oom_events, 0);
    guest_check(&g);
    for (uint64_t gfn = 0; gfn < 2048; gfn += 7) {
        EXPECT(is_full_of(gfn, PATTERN));
    }
    for (uint64_t gfn = 600; gfn < 2048; gfn++) {
        guest_decrease(&g, gfn, ORDER_4K);
    }
    EXPECT_EQ(pod_deficit_locked(&g.pod), 0);
    for (uint64_t gfn = 0; gfn < 600; gfn++) {
        EXPECT(is_full_of(gfn, PATTERN));
        guest_write(&g, gfn, gfn);
    }
    guest_check(&g);
    guest_end(&g);
}

TEST(without_the_pattern_it_is_data)
{
    uint64_t gfn = 0;

    start(11, 600);
    g.pod.pattern = 0;
    while (gfn < 2048 && scrub(gfn, PATTERN)) {
        gfn++;
    }
    EXPECT_EQ(gfn, 600);
    guest_end(&g);
}

/* Get the search to take [0, 512) back, whatever it is made of. */
static void sweep_region(void)
{
    struct p2m_search search = {0};

    EXPECT_EQ(pod_set_cache(&g.pod, 0, ~0ULL), 0);
    EXPECT_EQ(p2m_sweep(&g.p2m, &search), P2M_SWEEP_FOUND);
    guest_check(&g);
}

TEST(a_superpage_of_it_becomes_one_placeholder_that_remembers)
{
    start(ORDER_2M, 512);
    for (uint64_t gfn = 0; gfn < 512; gfn++) {
        EXPECT(scrub(gfn, PATTERN));
    }
    sweep_region();
    EXPECT_EQ(guest_type(&g, 5), P2M_POD_PATTERN);
    EXPECT_EQ(guest_order(&g, 5), ORDER_2M);
    EXPECT_EQ(g.pod.entry_count, 512);
    EXPECT_EQ(g.pod.cache_count, 512);
    /* It comes back whole, though it was cleared in between. */
    EXPECT(is_full_of(77, PATTERN));
    EXPECT_EQ(guest_order(&g, 77), ORDER_2M);
    EXPECT(is_full_of(511, PATTERN));
    guest_check(&g);
    guest_end(&g);
}

TEST(splitting_makes_more_of_its_type)
{
    start(ORDER_2M, 512);
    for (uint64_t gfn = 0; gfn < 512; gfn++) {
        EXPECT(scrub(gfn, PATTERN));
    }
    sweep_region();
    guest_decrease(&g, 9, ORDER_4K);
    EXPECT_EQ(guest_order(&g, 8), ORDER_4K);
    EXPECT_EQ(guest_type(&g, 8), P2M_POD_PATTERN);
    EXPECT(is_full_of(8, PATTERN));
    guest_write(&g, 10, 1);
    EXPECT_EQ(guest_access(&g, 10, false)[1], PATTERN);
    EXPECT_EQ(g.pod.entry_count, 509);
    guest_check(&g);
    guest_end(&g);
}

static void mix(void)
{
    for (uint64_t gfn = 0; gfn < 512; gfn++) {
        EXPECT(scrub(gfn, gfn % 3 ? 0 : PATTERN));
    }
}

static void expect_mixed(void)
{
    for (uint64_t gfn = 0; gfn < 512; gfn++) {
        EXPECT(is_full_of(gfn, gfn % 3 ? 0 : PATTERN));
    }
    guest_check(&g);
}

/* Of a 2M leaf all is reclaimed, but not as one thing. */
TEST(zeros_and_pattern_in_one_superpage_stay_apart)
{
    start(ORDER_2M, 512);
    mix();
    EXPECT_EQ(guest_order(&g, 0), ORDER_2M);
    sweep_region();
    EXPECT_EQ(g.pod.cache_count, 512);
    EXPECT_EQ(guest_type(&g, 0), P2M_POD_PATTERN);
    EXPECT_EQ(guest_type(&g, 1), P2M_POD);
    expect_mixed();
    guest_end(&g);
}

TEST(zeros_and_pattern_in_single_pages_stay_apart)
{
    start(ORDER_2M, 511); /* no superpage to be had */
    mix();
    EXPECT_EQ(guest_order(&g, 0), ORDER_4K);
    sweep_region();
    expect_mixed();
    guest_end(&g);
}

/* A placeholder of zeros beside candidates of the pattern. */
TEST(what_is_promised_already_keeps_its_meaning)
{
    start(ORDER_2M, 100);
    for (uint64_t gfn = 0; gfn < 100; gfn++) {
        EXPECT(scrub(gfn, PATTERN));
    }
    sweep_region();
    EXPECT_EQ(guest_type(&g, 99), P2M_POD_PATTERN);
    EXPECT_EQ(guest_type(&g, 100), P2M_POD);
    EXPECT_EQ(guest_read(&g, 100), 0);
    EXPECT_EQ(guest_read(&g, 99), PATTERN);
    guest_check(&g);
    guest_end(&g);
}

static void scrub_late(const struct guest_tlb *tlb)
{
    struct guest_exit exit;
    uint64_t *word =
        fake_guest_access(&g.p2m.tlb, g.p2m.root, GPA(0), FAKE_WRITE, &exit);

    EXPECT(tlb == &g.p2m.tlb);
    for (unsigned i = 0; word && i < WORDS; i++) {
        word[i] = PATTERN;
    }
}

/* Between the look and the flush another CPU turns zeros into the pattern. */
TEST(what_changes_from_one_to_the_other_is_put_back)
{
    start(ORDER_2M, 512);
    for (uint64_t gfn = 0; gfn < 512; gfn++) {
        EXPECT(scrub(gfn, 0));
    }
    guest_write(&g, 0, 0); /* this CPU knows the way */
    fake_on_flush(scrub_late);
    sweep_region();
    fake_on_flush(NULL);
    EXPECT_EQ(guest_type(&g, 0), P2M_RAM);
    EXPECT(is_full_of(0, PATTERN));
    EXPECT(is_full_of(1, 0));
    guest_check(&g);
    guest_end(&g);
}

TEST(a_builders_promise_is_one_of_zeros)
{
    start(ORDER_2M, 512);
    for (uint64_t gfn = 0; gfn < 512; gfn++) {
        EXPECT(scrub(gfn, PATTERN));
    }
    sweep_region();
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(0), ORDER_2M), 0);
    EXPECT_EQ(g.pod.entry_count, 512);
    EXPECT(is_full_of(3, 0));
    guest_check(&g);
    guest_end(&g);
}

/* [0, 512) promised as the pattern, with so many pages to keep that with; and a
 * page of it to show. */
static void start_shown(uint64_t cached)
{
    start(ORDER_2M, 512);
    EXPECT_EQ(p2m_set_pattern(&g.p2m, PATTERN), 0);
    for (uint64_t gfn = 0; gfn < 512; gfn++) {
        EXPECT(scrub(gfn, PATTERN));
    }
    sweep_region();
    EXPECT_EQ(guest_type(&g, 5), P2M_POD_PATTERN);
    EXPECT_EQ(pod_set_cache(&g.pod, cached, ~0ULL), 0);
}

TEST(who_reads_all_of_it_takes_no_page)
{
    uint64_t tables, flushes;

    start_shown(1);
    tables = g.account.table_count;
    flushes = fake_flush_count();
    for (uint64_t gfn = 0; gfn < 512; gfn++) {
        EXPECT(is_full_of(gfn, PATTERN));
        EXPECT_EQ(guest_type(&g, gfn), P2M_PATTERN);
    }
    EXPECT_EQ(g.pod.cache_count, 1);
    EXPECT_EQ(g.pod.entry_count, 512);
    EXPECT_EQ(g.account.page_count, 1);
    EXPECT_EQ(g.pod.counters.zero_maps_4k, 512);
    EXPECT(g.account.table_count <= tables + 1);
    EXPECT_EQ(fake_flush_count(), flushes);
    guest_check(&g);
    guest_end(&g);
}

/* The first write withdraws what its neighbours show, too, and flushes once. */
TEST(a_write_to_it_takes_a_page_full_of_it)
{
    uint64_t flushes, *word;

    start_shown(2);
    EXPECT(is_full_of(8, PATTERN));
    EXPECT(is_full_of(9, PATTERN));
    flushes = fake_flush_count();
    word = guest_access(&g, 8, true);
    EXPECT(word);
    word[1] = 1;
    EXPECT_EQ(fake_flush_count(), flushes + 1);
    EXPECT_EQ(g.pod.counters.zero_upgrades, 1);
    EXPECT_EQ(guest_type(&g, 9), P2M_POD_PATTERN);
    EXPECT_EQ(g.pod.entry_count, 511);
    EXPECT_EQ(g.pod.cache_count, 1);
    word = guest_access(&g, 8, false);
    EXPECT(word[0] == PATTERN && word[1] == 1 && word[511] == PATTERN);
    EXPECT(is_full_of(9, PATTERN)); /* what is shown did not change */
    guest_check(&g);
    guest_end(&g);
}

TEST(what_was_read_goes_like_any_promise)
{
    start_shown(4);
    for (uint64_t gfn = 0; gfn < 16; gfn++) {
        EXPECT(is_full_of(gfn, PATTERN));
    }
    guest_decrease(&g, 3, ORDER_4K);
    EXPECT_EQ(guest_type(&g, 3), P2M_HOLE);
    guest_decrease(&g, 8, 2);
    EXPECT_EQ(g.pod.entry_count, 512 - 5);
    guest_add(&g, 3, ORDER_4K);
    EXPECT_EQ(guest_read(&g, 3), 0);
    guest_add(&g, 4, ORDER_4K); /* over it */
    EXPECT_EQ(guest_read(&g, 4), 0);
    EXPECT_EQ(g.pod.entry_count, 512 - 6);
    guest_check(&g);
    guest_decrease(&g, 8 + 4, 2);
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(5), ORDER_4K), 0);
    EXPECT(is_full_of(5, 0));
    EXPECT(is_full_of(6, PATTERN));
    guest_check(&g);
    guest_end(&g);
}

/* The search goes over a region of which some was read. */
TEST(what_was_read_and_what_is_found_become_one_again)
{
    struct p2m_search search = {0};

    start_shown(300);
    for (uint64_t gfn = 0; gfn < 300; gfn++) {
        EXPECT(scrub(gfn, PATTERN));
    }
    for (uint64_t gfn = 300; gfn < 400; gfn++) {
        EXPECT(is_full_of(gfn, PATTERN));
    }
    while (p2m_sweep(&g.p2m, &search) == P2M_SWEEP_MORE) {
        continue;
    }
    EXPECT_EQ(g.pod.cache_count, 300);
    EXPECT_EQ(guest_type(&g, 299), P2M_POD_PATTERN);
    EXPECT(is_full_of(350, PATTERN));
    guest_check(&g);
    guest_end(&g);
}

TEST(the_page_of_it_is_made_anew_for_another_pattern)
{
    start(ORDER_2M, 512);
    EXPECT_EQ(p2m_set_pattern(&g.p2m, 1), 0);
    EXPECT_EQ(p2m_set_pattern(&g.p2m, PATTERN), 0);
    EXPECT_EQ(g.account.special_count, 1);
    EXPECT_EQ(*(uint64_t *)page_map(g.pod.pattern_page), PATTERN);
    page_alloc_fail_nth(1);
    EXPECT_EQ(p2m_set_pattern(&g.p2m, 2), -ENOMEM);
    EXPECT_EQ(g.pod.pattern, PATTERN);
    p2m_set_dying(&g.p2m);
    EXPECT_EQ(p2m_set_pattern(&g.p2m, 2), -ESRCH);
    EXPECT_EQ(g.account.special_count, 1);
    guest_end(&g);
}
