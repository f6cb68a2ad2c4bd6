/* SPDX-License-Identifier: MIT */
/* How pages are stored: forms, slots, equal pages, and who is charged. */
#include "tmem_host.h"

/* Contents of a kind. */
static uint32_t page_of(unsigned kind, uint32_t n)
{
    return n * 4 + kind;
}

static uint64_t form_puts(enum tmem_form form)
{
    return host_info().n.form_puts[form];
}

TEST(each_page_in_its_form)
{
    struct tmem_client *c = host_client(1, 0);
    int id = host_pool(c, TMEM_PERSISTENT);

    compress(c, true);
    EXPECT_EQ(put(c, id, 1, 0, page_of(WORD_PAGE, 5)), 1);
    EXPECT_EQ(put(c, id, 1, 1, page_of(TAIL_PAGE, 5)), 1);
    EXPECT_EQ(put(c, id, 1, 2, page_of(TEXT_PAGE, 6)), 1);
    EXPECT_EQ(put(c, id, 1, 3, page_of(RAW_PAGE, 5)), 1);
    for (enum tmem_form f = 0; f < TMEM_FORMS; f++) {
        EXPECT_EQ(form_puts(f), 1);
    }
    EXPECT_EQ(info_of(c).n.compressed_pages, 1);
    EXPECT_EQ(info_of(c).n.compressed_poorly, 1);
    host_check();
    EXPECT(get_is(c, id, 1, 0, page_of(WORD_PAGE, 5)));
    EXPECT(get_is(c, id, 1, 1, page_of(TAIL_PAGE, 5)));
    EXPECT(get_is(c, id, 1, 2, page_of(TEXT_PAGE, 6)));
    EXPECT(get_is(c, id, 1, 3, page_of(RAW_PAGE, 5)));
    host_end(c);
}

TEST(packing_is_the_clients_choice)
{
    struct tmem_client *c = host_client(1, 0);
    int id = host_pool(c, TMEM_PERSISTENT);

    EXPECT_EQ(put(c, id, 1, 2, page_of(TEXT_PAGE, 6)), 1);
    EXPECT_EQ(form_puts(TMEM_RAW), 1);
    compress(c, true);
    EXPECT_EQ(put(c, id, 1, 3, page_of(TEXT_PAGE, 6)), 1);
    EXPECT_EQ(form_puts(TMEM_LZ4), 1);
    EXPECT(get_is(c, id, 1, 2, page_of(TEXT_PAGE, 6)));
    EXPECT(get_is(c, id, 1, 3, page_of(TEXT_PAGE, 6)));
    host_end(c);
}

/* Tails of 8 * (n + 1) bytes. */
TEST(two_three_or_four_share_a_frame)
{
    static const struct {
        uint32_t n;
        unsigned slots;
    } sizes[] = {{2, 4}, {127, 4}, {128, 3}, {167, 3}, {168, 2}, {255, 2}};

    for (unsigned s = 0; s < ARRAY_COUNT(sizes); s++) {
        struct tmem_client *c = host_client(1, 0);
        int id = host_pool(c, TMEM_PERSISTENT);

        for (unsigned i = 1; i <= 12; i++) {
            EXPECT_EQ(put(c, id, 1, i, page_of(TAIL_PAGE, sizes[s].n)), 1);
            EXPECT_EQ(info_of(c).persistent_frames,
                      (i + sizes[s].slots - 1) / sizes[s].slots);
        }
        host_check();
        EXPECT(get_is(c, id, 1, 7, page_of(TAIL_PAGE, sizes[s].n)));
        host_end(c);
    }
}

TEST(more_than_half_a_page_is_a_frame)
{
    struct tmem_client *c = host_client(1, 0);
    int id = host_pool(c, TMEM_PERSISTENT);

    EXPECT_EQ(put(c, id, 1, 1, page_of(TAIL_PAGE, 256)), 1);
    EXPECT_EQ(form_puts(TMEM_RAW), 1);
    host_end(c);
}

TEST(a_slot_that_is_free_is_used_again)
{
    struct tmem_client *c = host_client(1, 0);
    int id = host_pool(c, TMEM_PERSISTENT);

    for (unsigned i = 0; i < 8; i++) {
        EXPECT_EQ(put(c, id, 1, i, page_of(TAIL_PAGE, 2 + i)), 1);
    }
    EXPECT_EQ(flush(c, id, 1, 2), 1);
    EXPECT_EQ(flush(c, id, 1, 5), 1);
    host_check();
    EXPECT_EQ(put(c, id, 1, 20, page_of(TAIL_PAGE, 20)), 1);
    EXPECT_EQ(put(c, id, 1, 21, page_of(TAIL_PAGE, 21)), 1);
    EXPECT_EQ(info_of(c).persistent_frames, 2);
    for (unsigned i = 0; i < 8; i++) {
        EXPECT(i == 2 || i == 5 ||
               get_is(c, id, 1, i, page_of(TAIL_PAGE, 2 + i)));
    }
    EXPECT(get_is(c, id, 1, 20, page_of(TAIL_PAGE, 20)));
    EXPECT(get_is(c, id, 1, 21, page_of(TAIL_PAGE, 21)));
    host_check();
    host_end(c);
}

/* T-25: what was in the slot before does not follow the tail. */
TEST(behind_a_tail_there_are_zeros)
{
    struct tmem_client *c = host_client(1, 0);
    int id = host_pool(c, 0);

    EXPECT_EQ(put(c, id, 1, 1, page_of(TAIL_PAGE, 120)), 1);
    EXPECT(get_is(c, id, 1, 1, page_of(TAIL_PAGE, 120)));
    EXPECT_EQ(put(c, id, 1, 1, page_of(TAIL_PAGE, 3)), 1);
    EXPECT(get_is(c, id, 1, 1, page_of(TAIL_PAGE, 3)));
    host_end(c);
}

/* T-25: machine_check() of the allocator's books looks at zeroed pages. */
TEST(what_goes_back_to_the_host_is_handed_out_as_zeros)
{
    struct tmem_client *c = host_client(1, 0);
    int id = host_pool(c, TMEM_PERSISTENT);
    uint64_t free;

    for (unsigned i = 0; i < 200; i++) {
        EXPECT_EQ(put(c, id, 1, i, page_of(RAW_PAGE, i)), 1);
    }
    host_end(c);
    free = page_alloc_info().free;
    for (uint64_t i = 0; i < free; i++) {
        struct page *pg = page_alloc(PAGE_HEAP, 0);

        EXPECT(pg && machine_is_zero(pg, 0));
    }
}

/* --- Equal pages --- */

TEST(equal_pages_of_a_group_are_stored_once)
{
    struct tmem_client *a = host_client(1, 9), *b = host_client(2, 9);
    int ida = host_pool(a, TMEM_PERSISTENT);
    int idb = host_pool(b, TMEM_PERSISTENT);

    compress(a, true);
    compress(b, true);
    for (unsigned kind = TAIL_PAGE; kind <= RAW_PAGE; kind++) {
        EXPECT_EQ(put(a, ida, 1, kind, page_of(kind, 5)), 1);
        EXPECT_EQ(put(b, idb, 1, kind, page_of(kind, 5)), 1);
        EXPECT_EQ(put(b, idb, 2, kind, page_of(kind, 5)), 1);
    }
    for (enum tmem_form f = TMEM_TAIL; f < TMEM_FORMS; f++) {
        EXPECT_EQ(form_puts(f), 3);
    }
    EXPECT_EQ(host_info().n.deduped_puts, 6);
    EXPECT_EQ(host_info().contents, 3);
    /* The tail and what is packed have slots of one frame. */
    EXPECT_EQ(info_of(a).persistent_frames, 2);
    EXPECT_EQ(info_of(b).persistent_frames, 0);
    EXPECT_EQ(host_info().dedup_surplus, 7);
    host_check();
    for (unsigned kind = TAIL_PAGE; kind <= RAW_PAGE; kind++) {
        EXPECT(get_is(b, idb, 1, kind, page_of(kind, 5)));
    }
    host_end(a);
    host_end(b);
}

TEST(equal_pages_of_others_are_not_looked_for)
{
    struct tmem_client *a = host_client(1, 9), *b = host_client(2, 8);
    int ida = host_pool(a, TMEM_PERSISTENT);
    int idb = host_pool(b, TMEM_PERSISTENT);

    EXPECT_EQ(put(a, ida, 1, 1, page_of(RAW_PAGE, 5)), 1);
    EXPECT_EQ(put(b, idb, 1, 1, page_of(RAW_PAGE, 5)), 1);
    EXPECT_EQ(put(b, host_pool(b, 0), 1, 1, page_of(RAW_PAGE, 5)), 1);
    EXPECT_EQ(host_info().n.deduped_puts, 0);
    host_end(a);
    host_end(b);
}

/* T-21, the exercise: each is charged as if there were no other. */
TEST(each_pays_in_full_and_the_end_of_one_changes_nothing_for_the_other)
{
    struct tmem_client *a = host_client(1, 9), *b = host_client(2, 9);
    int ida = host_pool(a, TMEM_PERSISTENT);
    int idb = host_pool(b, TMEM_PERSISTENT);
    uint64_t charged;

    for (unsigned i = 0; i < 100; i++) {
        EXPECT_EQ(put(a, ida, 1, i, page_of(RAW_PAGE, i)), 1);
        EXPECT_EQ(put(b, idb, 1, i, page_of(RAW_PAGE, i)), 1);
    }
    EXPECT_EQ(host_account(1)->page_count, host_account(2)->page_count);
    charged = host_account(2)->page_count;
    EXPECT(charged > 100);
    account_set_limit(host_account(2), charged);
    host_end(a);
    EXPECT_EQ(host_account(1)->page_count, 0);
    EXPECT_EQ(host_account(2)->page_count, charged);
    EXPECT_EQ(info_of(b).persistent_frames, 100);
    EXPECT_EQ(host_info().dedup_surplus, 0);
    for (unsigned i = 0; i < 100; i++) {
        EXPECT(get_is(b, idb, 1, i, page_of(RAW_PAGE, i)));
    }
    host_end(b);
}

TEST(a_page_that_too_many_share_is_stored_again)
{
    struct tmem_client *c = host_client(1, 9);
    int id = host_pool(c, TMEM_PERSISTENT);

    for (unsigned i = 0; i < 65; i++) {
        EXPECT_EQ(put(c, id, 1, i, page_of(RAW_PAGE, 5)), 1);
    }
    EXPECT_EQ(info_of(c).persistent_frames, 2);
    host_check();
    host_end(c);
}

/* T-22: the end of one client gives whole frames back. */
TEST(records_of_clients_are_in_frames_of_their_own)
{
    struct tmem_client *a = host_client(1, 0), *b = host_client(2, 0);
    int ida = host_pool(a, TMEM_PERSISTENT);
    int idb = host_pool(b, TMEM_PERSISTENT);

    for (unsigned i = 0; i < 100; i++) {
        EXPECT_EQ(put(a, ida, i, 1, page_of(WORD_PAGE, i)), 1);
        EXPECT_EQ(put(b, idb, i, 1, page_of(WORD_PAGE, i)), 1);
    }
    EXPECT_EQ(info_of(a).record_frames, info_of(b).record_frames);
    EXPECT_EQ(host_account(1)->kept_count, 100 + info_of(a).record_frames);
    host_end(a);
    EXPECT_EQ(host_info().frames, info_of(b).record_frames);
    host_end(b);
}
