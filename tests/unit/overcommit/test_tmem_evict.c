/* SPDX-License-Identifier: MIT */
/* Who gives way, and to whom: T-23 .. T-31, T-44. */
#include "overcommit/tmem_internal.h"
#include "tmem_host.h"

static uint32_t raw(uint32_t n)
{
    return n * 4 + RAW_PAGE;
}

static void put_raw(struct tmem_client *c, int id, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        EXPECT_EQ(put(c, id, i, 0, raw(i)), 1);
    }
}

static unsigned count_hits(struct tmem_client *c, int id, uint32_t from,
                           uint32_t to)
{
    unsigned hits = 0;

    for (uint32_t i = from; i < to; i++) {
        struct tmem_handle h = handle(id, i, 0);
        struct tmem_hit hit;

        if (tmem_get_begin(c, &h, &hit) == 1) {
            hits++;
            tmem_get_end(&hit, false);
        }
    }
    return hits;
}

static void set(struct tmem_client *c, uint32_t weight, uint64_t ephemeral_cap)
{
    tmem_client_set(c, &(struct tmem_settings){.weight = weight,
                                               .ephemeral_cap = ephemeral_cap});
}

/* Nothing more is to be had from the host, or kept. */
static void no_more_frames(void)
{
    tmem_set_reserve(~0ULL >> 1);
    frames_give(~0ULL);
}

TEST(the_oldest_goes_first)
{
    struct tmem_client *c = host_client(1, 0);
    int id = host_pool(c, 0);

    put_raw(c, id, 0, 100);
    no_more_frames();
    EXPECT_EQ(tmem_evict(10), 10);
    EXPECT_EQ(count_hits(c, id, 0, 10), 0);
    EXPECT_EQ(count_hits(c, id, 10, 100), 90);
    EXPECT_EQ(info_of(c).n.evicted, 10);
    host_check();
    host_end(c);
}

TEST(the_oldest_of_the_host_goes_first)
{
    struct tmem_client *a = host_client(1, 0), *b = host_client(2, 0);
    int ida = host_pool(a, 0), idb = host_pool(b, 0);

    put_raw(a, ida, 0, 20);
    put_raw(b, idb, 0, 20);
    put_raw(a, ida, 20, 40);
    no_more_frames();
    EXPECT_EQ(tmem_evict(30), 30);
    EXPECT_EQ(count_hits(a, ida, 0, 20), 0);
    EXPECT_EQ(count_hits(b, idb, 0, 20), 10);
    EXPECT_EQ(count_hits(a, ida, 20, 40), 20);
    host_end(a);
    host_end(b);
}

/* All there is, and then there is nothing left. */
TEST(everything_ephemeral_can_go_and_nothing_else)
{
    struct tmem_client *c = host_client(1, 0);
    int id = host_pool(c, 0), kept = host_pool(c, TMEM_PERSISTENT);
    uint64_t free = page_alloc_info().free, freeable, given = 0, n;

    put_raw(c, id, 0, 1000);
    for (uint32_t i = 0; i < 1000; i++) { /* records without data */
        EXPECT_EQ(put(c, id, 5000, i, 4 * i), 1);
    }
    EXPECT_EQ(put(c, kept, 1, 1, raw(1)), 1);
    free -= info_of(c).persistent_frames + info_of(c).record_frames + 1;
    freeable = tmem_freeable();
    while ((n = tmem_evict(100))) {
        given += n;
        host_check();
    }
    EXPECT_EQ(given, freeable);
    EXPECT_EQ(page_alloc_info().free, free);
    EXPECT_EQ(tmem_freeable(), 0);
    EXPECT_EQ(info_of(c).n.ephemeral_pages, 0);
    EXPECT_EQ(info_of(c).n.ephemeral_frames, 0);
    EXPECT(get_is(c, kept, 1, 1, raw(1)));
    host_end(c);
}

/* T-35. */
TEST(one_eviction_is_one_frame_with_all_its_slots)
{
    struct tmem_client *c = host_client(1, 0);
    int id = host_pool(c, 0);

    for (uint32_t i = 0; i < 400; i++) {
        EXPECT_EQ(put(c, id, i, 0, 4 * (i % 100) + TAIL_PAGE), 1);
    }
    EXPECT_EQ(info_of(c).n.ephemeral_pages, 400);
    no_more_frames();
    EXPECT_EQ(tmem_evict(1), 1);
    EXPECT_EQ(info_of(c).n.ephemeral_pages, 396);
    EXPECT_EQ(host_info().n.evict_attempts, 1);
    EXPECT_EQ(host_info().n.evicted_frames, 1);
    EXPECT_EQ(host_info().n.evicted_pages, 4);
    host_check();
    host_end(c);
}

/* T-35: the mean of its slots decides, not the newest of them. */
TEST(a_slot_that_is_filled_anew_makes_its_block_a_little_younger)
{
    struct tmem_client *c = host_client(1, 0);
    int id = host_pool(c, 0);

    for (uint32_t i = 0; i < 12; i++) {
        EXPECT_EQ(put(c, id, i, 0, 4 * (i + 2) + TAIL_PAGE), 1);
    }
    /* Of the first block three pages are new. */
    for (uint32_t i = 0; i < 3; i++) {
        EXPECT_EQ(get(c, id, i, 0), 1);
        EXPECT_EQ(put(c, id, i, 0, 4 * (i + 2) + TAIL_PAGE), 1);
    }
    no_more_frames();
    EXPECT_EQ(tmem_evict(1), 1);
    EXPECT_EQ(count_hits(c, id, 0, 4), 4);
    EXPECT_EQ(count_hits(c, id, 4, 8), 0);
    host_end(c);
}

TEST(what_is_read_in_a_shared_pool_is_young_again)
{
    struct tmem_client *c = host_client(1, 0);
    struct tmem_uuid uuid = {{1, 1}};
    int id;

    EXPECT_EQ(tmem_authorize(c, uuid, true), 0);
    id = tmem_pool_create(c, TMEM_SHARED, uuid);
    put_raw(c, id, 0, 10);
    EXPECT_EQ(get(c, id, 0, 0), 1);
    no_more_frames();
    EXPECT_EQ(tmem_evict(9), 9);
    EXPECT_EQ(count_hits(c, id, 0, 10), 1);
    EXPECT_EQ(get(c, id, 0, 0), 1);
    host_end(c);
}

TEST(what_several_pages_share_has_a_second_chance)
{
    struct tmem_client *c = host_client(1, 3);
    int id = host_pool(c, 0);

    EXPECT_EQ(put(c, id, 100, 0, raw(1)), 1);
    EXPECT_EQ(put(c, id, 101, 0, raw(1)), 1);
    put_raw(c, id, 2, 10);
    no_more_frames();
    EXPECT_EQ(tmem_evict(4), 4);
    EXPECT_EQ(count_hits(c, id, 100, 102), 2);
    EXPECT_EQ(host_info().n.evict_attempts, 5);
    EXPECT_EQ(tmem_evict(100), 9); /* five, and four of records */
    EXPECT_EQ(count_hits(c, id, 100, 102), 0);
    host_end(c);
}

TEST(a_page_that_is_being_read_stays)
{
    struct tmem_client *c = host_client(1, 0);
    int id = host_pool(c, 0);
    struct tmem_handle h = handle(id, 0, 0);
    static _Alignas(4096) char page[PAGE_SIZE];
    struct tmem_hit hit;

    put_raw(c, id, 0, 2);
    no_more_frames();
    EXPECT_EQ(tmem_get_begin(c, &h, &hit), 1);
    EXPECT_EQ(tmem_evict(2), 1);
    host_check();
    tmem_hit_copy(&hit, page);
    tmem_get_end(&hit, true);
    EXPECT_EQ(get(c, id, 0, 0), -TMEM_EEMPTY);
    host_end(c);
}

/* --- PUT when there is no memory --- */

TEST(a_put_evicts_what_is_oldest_and_no_more)
{
    struct tmem_client *c = host_client(1, 0);
    int id = host_pool(c, 0), kept = host_pool(c, TMEM_PERSISTENT);

    put_raw(c, id, 0, 100);
    no_more_frames();
    put_raw(c, id, 100, 150);
    EXPECT_EQ(count_hits(c, id, 50, 150),
              100 - host_info().n.evicted_frames + 50);
    EXPECT(host_info().n.put_attempts_max <= 2); /* a frame, and for records */
    EXPECT(host_info().n.low_memory > 0);
    EXPECT_EQ(put(c, kept, 1, 1, raw(1)), 1); /* persistent ones, too */
    host_check();
    host_end(c);
}

/* T-27: second chances are attempts, too. */
TEST(a_put_gives_up_after_16_attempts)
{
    struct tmem_client *c = host_client(1, 3);
    int id = host_pool(c, 0);

    for (uint32_t i = 0; i < 30; i++) {
        EXPECT_EQ(put(c, id, i, 0, raw(i)), 1);
        EXPECT_EQ(put(c, id, i, 1, raw(i)), 1);
    }
    no_more_frames();
    EXPECT_EQ(put(c, id, 100, 0, raw(100)), -ENOMEM);
    EXPECT_EQ(host_info().n.evict_attempts, PUT_EVICTIONS);
    EXPECT_EQ(host_info().n.put_attempts_max, PUT_EVICTIONS);
    EXPECT_EQ(info_of(c).n.no_memory, 1);
    host_check();
    EXPECT_EQ(put(c, id, 100, 0, raw(100)), 1); /* the others had theirs */
    host_end(c);
}

TEST(nothing_to_evict_and_no_memory_is_a_refusal)
{
    struct tmem_client *c = host_client(1, 0);
    int id = host_pool(c, TMEM_PERSISTENT);

    no_more_frames();
    EXPECT_EQ(put(c, id, 1, 1, raw(1)), -ENOMEM);
    EXPECT_EQ(put(c, id, 1, 1, 0), -ENOMEM);
    EXPECT_EQ(host_account(1)->page_count, 0);
    EXPECT(host_info().n.frames_failed >= 2);
    host_check();
    host_end(c);
}

TEST(the_reserve_and_what_is_claimed_are_left_alone)
{
    struct tmem_client *c = host_client(1, 0);
    int id = host_pool(c, 0);
    struct page_alloc_info before = page_alloc_info();

    machine_account(host_account(2), 2, 4000);
    EXPECT_EQ(page_claim(host_account(2), 4000), 0);
    for (uint32_t i = 0; i < before.total; i++) {
        EXPECT_EQ(put(c, id, i, 0, raw(i)), 1);
    }
    EXPECT_EQ(page_unclaimed(), before.total / 128);
    EXPECT(info_of(c).n.evicted > 0);
    EXPECT_EQ(page_claim(host_account(2), 0), 0);
    host_end(c);
}

/* T-24: who gathers memory gets what he evicts. */
TEST(what_is_held_back_no_put_takes)
{
    struct tmem_client *c = host_client(1, 0);
    int id = host_pool(c, 0);
    uint64_t i, unclaimed;

    for (i = 0; i < HOST_PAGES; i++) {
        EXPECT_EQ(put(c, id, i, 0, raw((uint32_t)i)), 1);
    }
    unclaimed = page_unclaimed();
    tmem_hold_back(300);
    EXPECT_EQ(tmem_evict(300), 300);
    for (; i < HOST_PAGES + 100; i++) {
        EXPECT_EQ(put(c, id, i, 0, raw((uint32_t)i)), 1);
        EXPECT(page_unclaimed() >= unclaimed + 300);
    }
    tmem_hold_back(-300);
    for (; i < HOST_PAGES + 500; i++) {
        EXPECT_EQ(put(c, id, i, 0, raw((uint32_t)i)), 1);
    }
    EXPECT(page_unclaimed() < unclaimed + 300);
    host_end(c);
}

/* --- Weights and caps --- */

/* T-28, and X-11: the comparison was the wrong way round. */
TEST(x11_who_is_above_his_share_gives_way)
{
    struct tmem_client *a = host_client(1, 0), *b = host_client(2, 0);
    int ida = host_pool(a, 0), idb = host_pool(b, 0);

    put_raw(a, ida, 0, 100); /* the oldest */
    put_raw(b, idb, 0, 100);
    set(a, 3, 0);
    set(b, 1, 0);
    no_more_frames();
    EXPECT_EQ(tmem_evict(40), 40);
    EXPECT_EQ(count_hits(a, ida, 0, 100), 100);
    EXPECT(count_hits(b, idb, 0, 100) <= 60);
    /* Down to shares of 3 : 1. */
    EXPECT_EQ(tmem_evict(60), 60);
    EXPECT(info_of(a).n.ephemeral_frames >=
           3 * info_of(b).n.ephemeral_frames - 4);
    EXPECT(info_of(a).n.ephemeral_frames <=
           3 * info_of(b).n.ephemeral_frames + 4);
    host_end(a);
    host_end(b);
}

/* T-30: not the requester, but whoever has most too much. */
TEST(a_put_of_one_takes_from_another)
{
    struct tmem_client *a = host_client(1, 0), *b = host_client(2, 0);
    int ida = host_pool(a, 0), idb = host_pool(b, 0);

    put_raw(a, ida, 0, 10);
    put_raw(b, idb, 0, 200);
    set(a, 1, 0);
    set(b, 1, 0);
    no_more_frames();
    put_raw(a, ida, 10, 50);
    EXPECT_EQ(count_hits(a, ida, 0, 50), 50);
    EXPECT(count_hits(b, idb, 0, 200) < 165);
    host_end(a);
    host_end(b);
}

TEST(without_a_weight_there_is_no_share)
{
    struct tmem_client *a = host_client(1, 0), *b = host_client(2, 0);
    int ida = host_pool(a, 0), idb = host_pool(b, 0);

    put_raw(a, ida, 0, 50);
    put_raw(b, idb, 0, 50);
    set(a, 1, 0);
    no_more_frames();
    EXPECT_EQ(tmem_evict(50), 50);
    EXPECT_EQ(count_hits(a, ida, 0, 50), 50);
    host_end(a);
    host_end(b);
}

/* T-31, which was a no-op. */
TEST(a_cap_is_kept_at_the_clients_own_cost)
{
    struct tmem_client *a = host_client(1, 0), *b = host_client(2, 0);
    int ida = host_pool(a, 0), idb = host_pool(b, 0);

    put_raw(b, idb, 0, 50);
    set(a, 0, 20);
    for (uint32_t i = 0; i < 100; i++) {
        EXPECT_EQ(put(a, ida, i, 0, raw(i)), 1);
        EXPECT(info_of(a).n.ephemeral_frames <= 22); /* and its records' */
    }
    EXPECT_EQ(count_hits(a, ida, 0, 80), 0);
    EXPECT(count_hits(a, ida, 80, 100) >= 15);
    EXPECT_EQ(count_hits(b, idb, 0, 50), 50);
    host_check();
    host_end(a);
    host_end(b);
}

TEST(the_cap_of_persistent_pages_is_another)
{
    struct tmem_client *c = host_client(1, 0);
    int id = host_pool(c, TMEM_PERSISTENT);

    tmem_client_set(c, &(struct tmem_settings){.persistent_cap = 3});
    EXPECT_EQ(put(c, id, 1, 0, raw(1)), 1);
    EXPECT_EQ(put(c, id, 2, 0, 0), 1);
    EXPECT_EQ(put(c, id, 3, 0, raw(2)), 1);
    EXPECT_EQ(put(c, id, 4, 0, raw(3)), -ENOMEM);
    EXPECT_EQ(put(c, id, 3, 0, raw(4)), 1); /* instead of what was there */
    EXPECT_EQ(flush(c, id, 1, 0), 1);
    EXPECT_EQ(put(c, id, 4, 0, raw(3)), 1);
    host_end(c);
}

/* --- Policies --- */

TEST(by_the_policy_lru_weights_do_not_matter)
{
    struct tmem_client *a = host_client(1, 0), *b = host_client(2, 0);
    int ida = host_pool(a, 0), idb = host_pool(b, 0);

    put_raw(a, ida, 0, 50);
    put_raw(b, idb, 0, 50);
    set(a, 1, 0);
    tmem_set_policy(TMEM_LRU);
    EXPECT_TEXT(tmem_policy_name(host_info().policy), "lru");
    no_more_frames();
    EXPECT_EQ(tmem_evict(50), 50);
    EXPECT_EQ(count_hits(b, idb, 0, 50), 50);
    host_end(a);
    host_end(b);
}

TEST(by_the_policy_clock_what_was_read_goes_round_once_more)
{
    struct tmem_client *c = host_client(1, 0);
    struct tmem_uuid uuid = {{1, 1}};
    int id;

    EXPECT_EQ(tmem_authorize(c, uuid, true), 0);
    id = tmem_pool_create(c, TMEM_SHARED, uuid);
    tmem_set_policy(TMEM_CLOCK);
    put_raw(c, id, 0, 4);
    for (uint32_t i = 0; i < 3; i++) { /* in the same order again */
        EXPECT_EQ(get(c, id, i, 0), 1);
    }
    EXPECT_EQ(put(c, id, 4, 0, raw(4)), 1);
    no_more_frames();
    EXPECT_EQ(tmem_evict(2), 2); /* 3 and 4, which nobody has read */
    EXPECT_EQ(count_hits(c, id, 0, 3), 3);
    host_end(c);
}

/* --- Superpages --- */

TEST(frames_come_and_go_as_superpages)
{
    struct tmem_client *c = host_client(1, 0);
    int id = host_pool(c, 0);
    uint64_t free = page_alloc_info().free;

    put_raw(c, id, 0, 1);
    EXPECT_EQ(host_info().frames + host_info().free_frames, 512);
    put_raw(c, id, 1, 1000);
    EXPECT_EQ(host_info().frames + host_info().free_frames, 1536);
    while (tmem_pool_destroy(c, (uint32_t)id) == -ERESTART) {
    }
    EXPECT_EQ(host_info().frames, 0);
    EXPECT(host_info().free_frames <= 1024);
    EXPECT_EQ(tmem_evict(1024), 512);
    EXPECT(page_alloc_info().free >= free - 512);
    host_check();
    host_end(c);
}

/* T-44 (c): whatever is in it goes. */
TEST(a_superpage_can_be_emptied)
{
    struct tmem_client *c = host_client(1, 3);
    int id = host_pool(c, 0);
    struct page *hog[64], *got;
    unsigned hogs = 0;

    put_raw(c, id, 0, 900);
    for (uint32_t i = 0; i < 300; i++) {
        EXPECT_EQ(put(c, id, 5000 + i, 0, 4 * i), 1);
    }
    while (hogs < 64 && (hog[hogs] = page_alloc(PAGE_HEAP, ORDER_2M))) {
        hogs++;
    }
    EXPECT_EQ(tmem_evict_superpage(), 512);
    host_check();
    got = page_alloc(PAGE_HEAP, ORDER_2M);
    EXPECT(got);
    page_free(got, ORDER_2M);
    while (hogs) {
        page_free(hog[--hogs], ORDER_2M);
    }
    host_end(c);
}

TEST(a_superpage_with_a_page_that_is_read_stays)
{
    struct tmem_client *c = host_client(1, 0);
    int id = host_pool(c, 0);
    struct tmem_handle h = handle(id, 0, 0);
    struct tmem_hit hit;

    put_raw(c, id, 0, 100);
    EXPECT_EQ(tmem_get_begin(c, &h, &hit), 1);
    EXPECT_EQ(tmem_evict_superpage(), 0);
    host_check();
    tmem_get_end(&hit, false);
    EXPECT(get_is(c, id, 0, 0, raw(0)));
    EXPECT_EQ(tmem_evict_superpage(), 512);
    EXPECT_EQ(tmem_evict_superpage(), 0);
    host_check();
    host_end(c);
}
