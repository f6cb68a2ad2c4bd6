/* SPDX-License-Identifier: MIT */
/* Save and restore: T-41 .. T-43. */
#include <stdlib.h>

#include "tmem_host.h"

#define STREAM_SIZE (1U << 20)

static unsigned char stream[STREAM_SIZE];
static size_t stream_size;
static const struct tmem_uuid uuid = {{3, 4}};

/* Two pools with pages of all forms, and an ephemeral one. */
static struct tmem_client *client_with_pages(void)
{
    struct tmem_client *c = host_client(1, 0);

    compress(c, true);
    EXPECT_EQ(host_pool(c, 0), 0);
    EXPECT_EQ(host_pool(c, TMEM_PERSISTENT), 1);
    EXPECT_EQ(tmem_pool_create(c, TMEM_PERSISTENT, uuid), 2);
    for (uint32_t i = 0; i < 60; i++) {
        EXPECT_EQ(put(c, 0, i, i, i), 1);
        EXPECT_EQ(put(c, 1, i % 7, i * 50, i), 1);
        EXPECT_EQ(put(c, 2, i, 0, i + 100), 1);
    }
    return c;
}

static void save(struct tmem_client *c, size_t chunk)
{
    struct tmem_stream s = {0};
    size_t used;
    int rc;

    stream_size = 0;
    do {
        rc = tmem_stream_write(c, &s, stream + stream_size, chunk, &used);
        EXPECT(rc >= 0 && used <= chunk);
        stream_size += used;
        EXPECT(stream_size + chunk <= STREAM_SIZE);
    } while (rc);
}

/* As a caller that gets some bytes at a time. */
static int restore(struct tmem_client *c, size_t chunk)
{
    struct tmem_stream s = {0};
    size_t from = 0, have = 0, used;
    int rc = 1;

    while (rc == 1 && from + have < stream_size) {
        have = stream_size - from < have + chunk ? stream_size - from
                                                 : have + chunk;
        rc = tmem_stream_read(c, &s, stream + from, have, &used);
        from += used;
        have -= used;
    }
    return rc;
}

TEST(x6_each_page_comes_once_the_first_too)
{
    struct tmem_client *c = client_with_pages();
    static unsigned char data[PAGE_SIZE];
    struct tmem_record r;
    bool seen[60] = {false};
    unsigned count = 0;

    EXPECT_EQ(tmem_save_next(c, 2, &r, data), -ENODEV);
    EXPECT_EQ(tmem_save_begin(c, false), 0);
    EXPECT_EQ(tmem_save_begin(c, false), -EBUSY);
    while (tmem_save_next(c, 2, &r, data) == 1) {
        EXPECT(r.handle.oid[0] < 60 && !seen[r.handle.oid[0]]);
        seen[r.handle.oid[0]] = true;
        count++;
    }
    EXPECT_EQ(count, 60);
    EXPECT_EQ(tmem_save_next(c, 2, &r, data), 0);
    EXPECT_EQ(tmem_save_next(c, 0, &r, data), 0); /* ephemeral */
    EXPECT_EQ(tmem_save_next(c, 9, &r, data), -ENODEV);
    EXPECT_EQ(tmem_save_end(c), 0);
    EXPECT_EQ(tmem_save_end(c), -ENOENT);
    /* And all of them again. */
    EXPECT_EQ(tmem_save_begin(c, false), 0);
    for (count = 0; tmem_save_next(c, 1, &r, data) == 1; count++) {
    }
    EXPECT_EQ(count, 60);
    host_check();
    host_end(c);
}

TEST(without_persistent_pages_there_is_nothing_to_save)
{
    struct tmem_client *c = host_client(1, 0);

    EXPECT_EQ(put(c, host_pool(c, 0), 1, 1, 7), 1);
    EXPECT_EQ(tmem_save_begin(c, true), -ENOENT);
    EXPECT_EQ(put(c, 0, 1, 1, 7), 1);
    host_end(c);
}

TEST(who_is_being_saved_neither_puts_nor_makes_pools)
{
    struct tmem_client *c = client_with_pages();
    struct tmem_record r = {
        .handle = {.pool_id = 1}, .form = TMEM_FILLED, .length = 8};
    uint64_t word = 0;

    EXPECT_EQ(tmem_save_begin(c, true), 0);
    EXPECT_EQ(put(c, 1, 77, 1, 7), -TMEM_EFROZEN);
    EXPECT_EQ(put(c, 2, 5, 0, 7), -ENOSPC); /* pages only disappear */
    EXPECT_EQ(tmem_pool_create(c, 0, uuid), -TMEM_EFROZEN);
    EXPECT_EQ(tmem_restore(c, &r, &word), -TMEM_EFROZEN);
    EXPECT(info_of(c).saving && !tmem_frozen(c));
    EXPECT_EQ(tmem_save_end(c), 0);
    EXPECT_EQ(put(c, 1, 77, 1, 7), 1);
    host_check();
    host_end(c);
}

TEST(what_is_flushed_after_it_was_given_out_is_told)
{
    struct tmem_client *c = client_with_pages();
    static unsigned char data[PAGE_SIZE];
    struct tmem_record first, r;
    struct tmem_handle h;
    uint64_t charged = host_account(1)->page_count;

    EXPECT_EQ(tmem_save_begin(c, true), 0);
    EXPECT_EQ(tmem_save_next(c, 2, &first, data), 1);
    EXPECT_EQ(tmem_flush_page(c, &first.handle), -TMEM_EFROZEN);
    EXPECT_EQ(host_account(1)->page_count, charged - 1);
    EXPECT_EQ(get(c, 2, first.handle.oid[0], 0), 0);
    /* Another that was not given out yet. */
    EXPECT_EQ(flush(c, 2, (first.handle.oid[0] + 1) % 60, 0), -TMEM_EFROZEN);
    host_check();
    EXPECT_EQ(tmem_save_next_flushed(c, &h), 1);
    EXPECT(h.pool_id == 2 && h.oid[0] == first.handle.oid[0]);
    EXPECT_EQ(tmem_save_next_flushed(c, &h), 0);
    for (unsigned i = 0; i < 58; i++) {
        EXPECT_EQ(tmem_save_next(c, 2, &r, data), 1);
    }
    EXPECT_EQ(tmem_save_next(c, 2, &r, data), 0);
    host_check();
    host_end(c); /* which ends the save */
}

TEST(a_pool_that_is_destroyed_meanwhile_is_told_and_goes_at_the_end)
{
    struct tmem_client *c = client_with_pages();
    static unsigned char data[PAGE_SIZE];
    struct tmem_record r;
    struct tmem_handle h;
    unsigned told = 0;

    EXPECT_EQ(tmem_save_begin(c, true), 0);
    while (tmem_save_next(c, 1, &r, data) == 1) {
    }
    EXPECT_EQ(destroy(c, 1), 1);
    EXPECT_EQ(get(c, 1, 1, 1), -ENODEV);
    EXPECT_EQ(destroy(c, 1), 0);
    host_check();
    while (tmem_save_next_flushed(c, &h) == 1) {
        EXPECT_EQ(h.pool_id, 1);
        told++;
    }
    EXPECT_EQ(told, 60);
    EXPECT_EQ(tmem_pool_create_at(c, 1, 0, uuid), -EEXIST);
    while (tmem_save_end(c) == -ERESTART) {
    }
    EXPECT_EQ(tmem_pool_create_at(c, 1, 0, uuid), 1);
    host_check();
    host_end(c);
}

/* A GET that is under way when the page is flushed. */
TEST(a_page_may_be_read_while_it_is_told)
{
    struct tmem_client *c = client_with_pages();
    static _Alignas(4096) unsigned char data[PAGE_SIZE], wanted[PAGE_SIZE];
    struct tmem_record r;
    struct tmem_handle h;
    struct tmem_hit hit;

    EXPECT_EQ(tmem_save_begin(c, true), 0);
    EXPECT_EQ(tmem_save_next(c, 2, &r, data), 1);
    EXPECT_EQ(tmem_get_begin(c, &r.handle, &hit), 1);
    EXPECT_EQ(tmem_flush_page(c, &r.handle), -TMEM_EFROZEN);
    EXPECT_EQ(tmem_save_next_flushed(c, &h), 1);
    tmem_hit_copy(&hit, data);
    make_page((uint32_t)r.handle.oid[0] + 100, wanted);
    EXPECT(memcmp(data, wanted, PAGE_SIZE) == 0);
    tmem_get_end(&hit, true);
    host_check();
    EXPECT_EQ(tmem_save_next(c, 2, &r, data), 1);
    EXPECT_EQ(tmem_get_begin(c, &r.handle, &hit), 1);
    EXPECT_EQ(tmem_flush_page(c, &r.handle), -TMEM_EFROZEN);
    tmem_get_end(&hit, true);
    host_check();
    EXPECT_EQ(tmem_save_next_flushed(c, &h), 1);
    host_end(c);
}

/* --- The stream --- */

static void expect_all(struct tmem_client *c)
{
    EXPECT_EQ(info_of(c).n.persistent_pages, 120);
    EXPECT_EQ(info_of(c).pool_count, 3);
    EXPECT_EQ(pool_info(c, 2).uuid.word[1], 4);
    for (uint32_t i = 0; i < 60; i++) {
        EXPECT(get_is(c, 1, i % 7, i * 50, i));
        EXPECT(get_is(c, 2, i, 0, i + 100));
    }
}

TEST(a_stream_makes_the_same_client_again)
{
    static const size_t chunks[] = {TMEM_STREAM_MIN, 10000, 300000};

    for (unsigned i = 0; i < ARRAY_COUNT(chunks); i++) {
        struct tmem_client *c = client_with_pages(), *again;

        EXPECT_EQ(tmem_save_begin(c, false), 0);
        save(c, chunks[i]);
        host_end(c);
        again = host_client(1, 0);
        EXPECT_EQ(restore(again, chunks[i] / 3), 0);
        host_check();
        expect_all(again);
        EXPECT_EQ(info_of(again).n.ephemeral_pages, 0);
        host_end(again);
    }
}

/* T-42: packed pages travel packed. */
TEST(a_stream_is_no_longer_than_what_is_stored)
{
    struct tmem_client *c = client_with_pages();

    EXPECT_EQ(tmem_save_begin(c, false), 0);
    save(c, TMEM_STREAM_MIN);
    /* 120 pages, of which one in four is raw. */
    EXPECT(stream_size < 120 * (40 + 8) + 30 * PAGE_SIZE + 60 * 2048 + 500);
    host_end(c);
}

TEST(what_was_flushed_meanwhile_is_not_there_afterwards)
{
    struct tmem_client *c = client_with_pages(), *again;
    struct tmem_stream s = {0};
    size_t used;
    int rc;

    EXPECT_EQ(tmem_save_begin(c, true), 0);
    stream_size = 0;
    do {
        rc = tmem_stream_write(c, &s, stream + stream_size, TMEM_STREAM_MIN,
                               &used);
        EXPECT(rc >= 0);
        stream_size += used;
        if (stream_size < 50000) {
            (void)flush(c, 1, 0, 0);
            (void)flush(c, 2, 3, 0);
        }
        if (stream_size > 100000) {
            (void)flush_object(c, 1, 2);
        }
    } while (rc);
    host_end(c);
    again = host_client(1, 0);
    EXPECT_EQ(restore(again, STREAM_SIZE), 0);
    EXPECT_EQ(get(again, 1, 0, 0), 0);
    EXPECT_EQ(get(again, 2, 3, 0), 0);
    EXPECT_EQ(get(again, 1, 2, 100), 0);
    EXPECT(get_is(again, 1, 1, 50, 1));
    host_end(again);
}

/* Bit by bit: nothing that was damaged is taken for whole, and nothing breaks.
 */
TEST(a_damaged_stream_is_refused)
{
    struct tmem_client *c = client_with_pages();
    uint64_t random = unit_seed(1);

    EXPECT_EQ(tmem_save_begin(c, false), 0);
    save(c, TMEM_STREAM_MIN);
    host_end(c);
    for (unsigned i = 0; i < 300; i++) {
        size_t at = i < 100 ? i : unit_random_below(&random, stream_size);
        unsigned bit = (unsigned)unit_random_below(&random, 8);

        c = host_client(1, 0);
        stream[at] ^= (unsigned char)(1U << bit);
        EXPECT(restore(c, 20000) != 0);
        stream[at] ^= (unsigned char)(1U << bit);
        host_end(c);
    }
}

TEST(a_stream_that_ends_early_is_not_whole)
{
    struct tmem_client *c = client_with_pages();
    size_t whole;

    EXPECT_EQ(tmem_save_begin(c, false), 0);
    save(c, TMEM_STREAM_MIN);
    host_end(c);
    whole = stream_size;
    for (stream_size = 0; stream_size < whole; stream_size += whole / 50) {
        c = host_client(1, 0);
        EXPECT_EQ(restore(c, 20000), 1);
        host_end(c);
    }
}

TEST(records_that_are_no_pages_are_refused)
{
    struct tmem_client *c = host_client(1, 0);
    static unsigned char data[PAGE_SIZE];
    struct tmem_record r = {.form = TMEM_RAW, .length = PAGE_SIZE - 1};

    EXPECT_EQ(host_pool(c, TMEM_PERSISTENT), 0);
    EXPECT_EQ(host_pool(c, 0), 1);
    memset(data, 0xff, sizeof(data));
    EXPECT_EQ(tmem_restore(c, &r, data), -EINVAL);
    r = (struct tmem_record){.form = TMEM_FILLED, .length = 7};
    EXPECT_EQ(tmem_restore(c, &r, data), -EINVAL);
    r = (struct tmem_record){.form = TMEM_TAIL, .length = PAGE_SIZE + 1};
    EXPECT_EQ(tmem_restore(c, &r, data), -EINVAL);
    r = (struct tmem_record){.form = TMEM_LZ4, .length = 100};
    EXPECT_EQ(tmem_restore(c, &r, data), -EINVAL);
    r.form = TMEM_FORMS;
    EXPECT_EQ(tmem_restore(c, &r, data), -EINVAL);
    r = (struct tmem_record){.handle = {.pool_id = 1}, .length = 8};
    EXPECT_EQ(tmem_restore(c, &r, data), -EINVAL);
    r.handle.pool_id = 2;
    EXPECT_EQ(tmem_restore(c, &r, data), -ENODEV);
    host_check();
    host_end(c);
}
