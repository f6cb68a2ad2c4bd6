/* SPDX-License-Identifier: MIT */
/* What a guest may rely on (T-12 .. T-16), and what each defect of the original
 * that spec X-n tells of must not do here. are the hypercall's. */
#include "mm/heap.h"
#include "tmem_host.h"

static const struct tmem_uuid uuid = {{5, 6}};

static int shared_pool(struct tmem_client *c)
{
    EXPECT_EQ(tmem_authorize(c, uuid, true), 0);
    return tmem_pool_create(c, TMEM_SHARED, uuid);
}

TEST(what_is_put_comes_back_once_from_an_ephemeral_pool)
{
    struct tmem_client *c = host_client(1, 0);
    int id = host_pool(c, 0);

    EXPECT_EQ(put(c, id, 1, 0, 7), 1);
    EXPECT_EQ(put(c, id, 1, 1, 8), 1);
    host_check();
    EXPECT(get_is(c, id, 1, 0, 7));
    EXPECT_EQ(get(c, id, 1, 0), 0);
    EXPECT(get_is(c, id, 1, 1, 8));
    EXPECT_EQ(get(c, id, 1, 1), -TMEM_EEMPTY);
    host_check();
    host_end(c);
}

TEST(a_persistent_page_stays_until_it_is_flushed)
{
    struct tmem_client *c = host_client(1, 0);
    int id = host_pool(c, TMEM_PERSISTENT);

    EXPECT_EQ(put(c, id, 1, 5, 7), 1);
    EXPECT(get_is(c, id, 1, 5, 7));
    (void)tmem_evict(TMEM_EVICT_MAX);
    EXPECT(get_is(c, id, 1, 5, 7));
    host_check();
    EXPECT_EQ(flush(c, id, 1, 5), 1);
    EXPECT_EQ(flush(c, id, 1, 5), 1);
    EXPECT_EQ(get(c, id, 1, 5), -TMEM_EEMPTY);
    host_check();
    host_end(c);
}

TEST(a_second_put_replaces)
{
    struct tmem_client *c = host_client(1, 0);
    int id = host_pool(c, TMEM_PERSISTENT);

    EXPECT_EQ(put(c, id, 1, 5, 7), 1);
    EXPECT_EQ(put(c, id, 1, 5, 11), 1);
    EXPECT(get_is(c, id, 1, 5, 11));
    EXPECT_EQ(info_of(c).n.persistent_pages, 1);
    EXPECT_EQ(pool_info(c, id).n.dup_replaced, 1);
    host_check();
    host_end(c);
}

TEST(a_second_put_that_fails_drops_the_first)
{
    struct tmem_client *c = host_client(1, 0);
    int id = host_pool(c, TMEM_PERSISTENT);

    EXPECT_EQ(put(c, id, 1, 5, 7), 1);
    tmem_freeze(c, true);
    EXPECT_EQ(put(c, id, 1, 5, 11), -ENOSPC);
    EXPECT_EQ(put(c, id, 1, 5, 11), -TMEM_EFROZEN);
    tmem_freeze(c, false);
    EXPECT_EQ(get(c, id, 1, 5), -TMEM_EEMPTY);
    EXPECT_EQ(pool_info(c, id).n.dup_dropped, 1);
    host_check();
    host_end(c);
}

/* There is room for it once the first is gone. */
TEST(a_second_put_at_the_limit_replaces)
{
    struct tmem_client *c = host_client(1, 0);
    int id = host_pool(c, TMEM_PERSISTENT);

    EXPECT_EQ(put(c, id, 1, 5, 7), 1);
    account_set_limit(host_account(1), host_account(1)->page_count);
    EXPECT_EQ(put(c, id, 1, 5, 11), 1);
    EXPECT(get_is(c, id, 1, 5, 11));
    EXPECT_EQ(put(c, id, 1, 6, 11), -ENOMEM);
    host_check();
    host_end(c);
}

TEST(frozen_clients_get_and_flush_but_do_not_put)
{
    struct tmem_client *c = host_client(1, 0);
    int id = host_pool(c, 0);

    EXPECT_EQ(put(c, id, 1, 1, 7), 1);
    EXPECT_EQ(put(c, id, 1, 2, 7), 1);
    tmem_freeze(c, true);
    EXPECT(tmem_frozen(c));
    EXPECT_EQ(put(c, id, 1, 3, 7), -TMEM_EFROZEN);
    EXPECT(get_is(c, id, 1, 1, 7));
    EXPECT_EQ(flush(c, id, 1, 2), -TMEM_EFROZEN);
    EXPECT_EQ(flush_object(c, id, 1), -TMEM_EFROZEN);
    EXPECT_EQ(get(c, id, 1, 2), -TMEM_EEMPTY);
    host_check();
    host_end(c);
}

TEST(a_flushed_object_is_gone_and_others_are_not)
{
    struct tmem_client *c = host_client(1, 0);
    struct tmem_handle h;
    int id = host_pool(c, TMEM_PERSISTENT);
    unsigned calls = 1;

    for (uint32_t i = 0; i < 600; i++) {
        EXPECT_EQ(put(c, id, 1, i * 17, i % 16 * 4), 1);
    }
    EXPECT_EQ(put(c, id, 2, 17, 4), 1);
    h = handle(id, 1, 99);
    while (tmem_flush_object(c, &h) == -ERESTART) {
        calls++;
        host_check();
    }
    EXPECT(calls > 4); /* it does not take long at once */
    EXPECT_EQ(pool_info(c, id).n.pages, 1);
    EXPECT_EQ(pool_info(c, id).n.objects, 1);
    EXPECT(get_is(c, id, 2, 17, 4));
    host_end(c);
}

TEST(all_of_the_name_counts)
{
    struct tmem_client *c = host_client(1, 0);
    int id = host_pool(c, TMEM_PERSISTENT), other = host_pool(c, 1);
    static _Alignas(4096) char page[PAGE_SIZE];
    struct tmem_handle h = {(uint32_t)id, 0, {1, 2, 3}}, near;

    EXPECT_EQ(tmem_put(c, &h, page), 1);
    for (unsigned i = 0; i < 3; i++) {
        near = h;
        near.oid[i] ^= 1ULL << 63;
        EXPECT_EQ(tmem_get(c, &near, page), 0);
    }
    near = h;
    near.index = 1U << 31;
    EXPECT_EQ(tmem_get(c, &near, page), 0);
    near = h;
    near.pool_id = (uint32_t)other;
    EXPECT_EQ(tmem_get(c, &near, page), -TMEM_EEMPTY);
    EXPECT_EQ(tmem_get(c, &h, page), 1);
    host_end(c);
}

TEST(zeros_take_no_frame_and_are_known_before_they_are_copied)
{
    struct tmem_client *c = host_client(1, 0);
    int id = host_pool(c, TMEM_PERSISTENT);
    struct tmem_handle h = handle(id, 1, 1);
    struct tmem_hit hit;

    EXPECT_EQ(tmem_put(c, &h, NULL), 1);
    EXPECT_EQ(put(c, id, 1, 2, 4), 1); /* a word, but not 0 */
    EXPECT_EQ(info_of(c).persistent_frames, 0);
    EXPECT_EQ(info_of(c).n.persistent_pages, 2);
    EXPECT_EQ(tmem_get_begin(c, &h, &hit), 1);
    EXPECT(tmem_hit_is_zero(&hit));
    tmem_get_end(&hit, true);
    EXPECT(get_is(c, id, 1, 1, 0));
    h.index = 2;
    EXPECT_EQ(tmem_get_begin(c, &h, &hit), 1);
    EXPECT(!tmem_hit_is_zero(&hit));
    tmem_get_end(&hit, true);
    host_end(c);
}

TEST(sixteen_pools_and_no_more)
{
    struct tmem_client *c = host_client(1, 0);

    for (int i = 0; i < TMEM_POOLS; i++) {
        EXPECT_EQ(host_pool(c, (uint32_t)i & 1), i);
    }
    EXPECT_EQ(tmem_pool_create(c, 0, uuid), -EPERM);
    EXPECT_EQ(destroy(c, 7), 1);
    EXPECT_EQ(tmem_pool_create_at(c, 6, 0, uuid), -EEXIST);
    EXPECT_EQ(tmem_pool_create_at(c, 16, 0, uuid), -EPERM);
    EXPECT_EQ(tmem_pool_create_at(c, 7, 0, uuid), 7);
    host_end(c);
}

TEST(flags_that_do_not_go_together_are_refused)
{
    struct tmem_client *c = host_client(1, 0);

    EXPECT_EQ(tmem_pool_create(c, TMEM_PERSISTENT | TMEM_SHARED, uuid), -EPERM);
    EXPECT_EQ(tmem_pool_create(c, 4, uuid), -EPERM);
    EXPECT_EQ(info_of(c).pool_count, 0);
    host_end(c);
}

TEST(a_client_at_its_maximum_can_have_pools)
{
    struct tmem_client *c = host_client(1, 0);
    int ephemeral = host_pool(c, 0), persistent;

    account_set_limit(host_account(1), 0);
    persistent = host_pool(c, TMEM_PERSISTENT);
    EXPECT_EQ(put(c, ephemeral, 1, 1, 7), 1);
    EXPECT_EQ(put(c, persistent, 1, 1, 7), -ENOMEM);
    EXPECT_EQ(put(c, persistent, 1, 1, 0), -ENOMEM); /* zeros neither */
    EXPECT_EQ(host_account(1)->page_count, 0);
    host_check();
    host_end(c);
}

TEST(without_its_tables_there_is_no_tmem)
{
    struct tmem_client *c;

    EXPECT_EQ(tmem_evict(1), 0);
    EXPECT_EQ(tmem_evict_superpage(), 0);
    EXPECT_EQ(tmem_freeable(), 0);
    EXPECT_EQ(tmem_audit(), 0);
    EXPECT_EQ(host_info().n.ops, 0);
    machine_start(HOST_PAGES);
    for (unsigned n = 1;; n++) {
        page_alloc_fail_nth(n);
        if (tmem_init(1) == 0) {
            EXPECT(n > 5); /* and after the last one all is well */
            break;
        }
        EXPECT_EQ(tmem_client_create(host_account(1), 1, 0, &c), -ENODEV);
    }
}

/* Found by the fuzzer: frames of records that were not needed then. */
TEST(a_put_that_fails_half_way_leaves_nothing)
{
    for (uint32_t flags = 0; flags < 2; flags++) {
        struct tmem_client *c = host_client(1, 3);
        int id = host_pool(c, flags);
        uint64_t free = page_alloc_info().free;
        unsigned failed = 0;

        do {
            (void)tmem_evict(TMEM_EVICT_MAX);
            EXPECT_EQ(page_alloc_info().free, free);
            EXPECT_EQ(host_account(1)->page_count, 0);
            host_check();
            page_alloc_fail_nth(++failed);
            tmem_set_reserve(page_unclaimed() - 100); /* no superpages */
        } while (put(c, id, 1, 1, 7) == -ENOMEM);
        EXPECT(failed > 2); /* a frame, and some records */
        page_alloc_fail_nth(0);
        host_end(c);
    }
}

TEST(a_client_needs_memory_that_may_be_missing)
{
    struct tmem_client *c;
    unsigned n = 0;
    uint64_t used;
    int rc;

    host_end(host_client(1, 3));
    used = heap_used();
    do {
        page_alloc_fail_nth(++n);
        rc = tmem_client_create(host_account(1), 1, 3, &c);
        EXPECT(rc == 0 || rc == -ENOMEM);
        EXPECT(rc == 0 || heap_used() == used);
    } while (rc);
    EXPECT(n > 1);
}

TEST(a_client_that_ends_answers_nothing_more)
{
    struct tmem_client *c = host_client(1, 0);
    int id = host_pool(c, TMEM_PERSISTENT);
    struct tmem_handle h = handle(id, 1, 1);
    struct tmem_hit hit;

    EXPECT_EQ(put(c, id, 1, 1, 7), 1);
    EXPECT_EQ(tmem_get_begin(c, &h, &hit), 1);
    EXPECT_EQ(tmem_client_destroy(c), -ERESTART); /* somebody is reading */
    EXPECT_EQ(put(c, id, 1, 2, 7), -ENODEV);
    EXPECT_EQ(get(c, id, 1, 1), -ENODEV);
    EXPECT_EQ(flush(c, id, 1, 1), -ENODEV);
    EXPECT_EQ(flush_object(c, id, 1), -ENODEV);
    EXPECT_EQ(tmem_pool_create(c, 0, uuid), -ENODEV);
    tmem_get_end(&hit, false);
    host_end(c);
}

TEST(emptying_a_client_keeps_it)
{
    struct tmem_client *c = host_client(1, 0);
    int rc;

    for (uint32_t i = 0; i < 300; i++) {
        EXPECT_EQ(put(c, i ? 0 : host_pool(c, TMEM_PERSISTENT), 1, i, 4 * i),
                  1);
    }
    do {
        rc = tmem_client_empty(c);
    } while (rc == -ERESTART);
    EXPECT_EQ(rc, 0);
    EXPECT_EQ(host_account(1)->page_count, 0);
    EXPECT_EQ(host_pool(c, 0), 0);
    host_end(c);
}

/* --- Shared pools --- */

TEST(a_shared_page_is_seen_by_all_and_stays)
{
    struct tmem_client *a = host_client(1, 0), *b = host_client(2, 0);
    int ida = shared_pool(a), idb;

    (void)host_pool(b, 0);
    idb = shared_pool(b);
    EXPECT_EQ(idb, 1);
    EXPECT_EQ(pool_info(a, ida).sharers, 2);
    EXPECT_EQ(put(a, ida, 1, 1, 7), 1);
    EXPECT(get_is(b, idb, 1, 1, 7));
    EXPECT(get_is(a, ida, 1, 1, 7));
    EXPECT_EQ(flush(b, idb, 1, 1), 1);
    EXPECT_EQ(get(a, ida, 1, 1), -TMEM_EEMPTY);
    host_check();
    host_end(a);
    host_end(b);
}

TEST(the_owner_leaves_and_the_next_one_has_it)
{
    struct tmem_client *a = host_client(1, 0), *b = host_client(2, 0);
    int ida = shared_pool(a), idb = shared_pool(b);

    EXPECT_EQ(put(a, ida, 1, 1, 7), 1);
    EXPECT_EQ(put(a, ida, 2, 1, 11), 1);
    EXPECT_EQ(put(b, idb, 3, 1, 15), 1);
    EXPECT(get_is(b, idb, 2, 1, 11)); /* the last to touch it */
    EXPECT(info_of(a).n.ephemeral_frames && !info_of(b).n.ephemeral_frames);
    EXPECT_EQ(destroy(a, ida), 1);
    host_check();
    EXPECT(!info_of(a).n.ephemeral_frames && info_of(b).n.ephemeral_frames);
    EXPECT_EQ(get(b, idb, 1, 1), 0); /* nobody else has touched it */
    EXPECT(get_is(b, idb, 2, 1, 11));
    EXPECT(get_is(b, idb, 3, 1, 15));
    host_end(a);
    host_end(b);
}

/* More objects than one step looks at. */
TEST(who_leaves_takes_only_what_is_his)
{
    struct tmem_client *a = host_client(1, 0), *b = host_client(2, 0);
    int ida = shared_pool(a), idb = shared_pool(b);

    for (uint32_t i = 0; i < 500; i++) {
        EXPECT_EQ(put(i % 3 ? a : b, i % 3 ? ida : idb, i, 1, 4 * i), 1);
    }
    EXPECT_EQ(destroy(b, idb), 1);
    for (uint32_t i = 0; i < 500; i++) {
        EXPECT_EQ(get(a, ida, i, 1), i % 3 != 0);
    }
    host_check();
    host_end(a);
    host_end(b);
}

/* T-15, X-15: and the guest cannot tell. */
TEST(x15_who_is_not_authorized_gets_a_pool_of_his_own)
{
    struct tmem_client *a = host_client(1, 0), *b = host_client(2, 0);
    struct tmem_uuid ones = {{~0ULL, ~0ULL}};
    int ida = shared_pool(a), idb = tmem_pool_create(b, TMEM_SHARED, uuid);

    EXPECT(!tmem_authorized(b, uuid));
    EXPECT_EQ(pool_info(b, idb).flags, 0);
    EXPECT_EQ(put(a, ida, 1, 1, 7), 1);
    EXPECT_EQ(get(b, idb, 1, 1), -TMEM_EEMPTY);
    EXPECT_EQ(tmem_authorize(a, ones, true), 0);
    EXPECT_EQ(pool_info(a, tmem_pool_create(a, TMEM_SHARED, ones)).flags, 0);
    EXPECT_EQ(tmem_authorize(a, uuid, false), 0);
    EXPECT(!tmem_authorized(a, uuid));
    EXPECT_EQ(pool_info(a, tmem_pool_create(a, TMEM_SHARED, uuid)).flags, 0);
    host_end(a);
    host_end(b);
}

TEST(authorizations_and_shared_pools_have_a_limit)
{
    struct tmem_client *a = host_client(1, 0), *b = host_client(2, 0);
    struct tmem_uuid u = {{0, 0}};

    for (; u.word[0] < TMEM_SHARED_POOLS; u.word[0]++) {
        EXPECT_EQ(tmem_authorize(a, u, true), 0);
        EXPECT_EQ(tmem_pool_create(a, TMEM_SHARED, u), u.word[0]);
    }
    EXPECT_EQ(tmem_authorize(a, u, true), -ENOMEM);
    EXPECT_EQ(tmem_authorize(a, (struct tmem_uuid){{3, 0}}, true), 0);
    EXPECT_EQ(tmem_authorize(b, u, true), 0);
    EXPECT_EQ(tmem_pool_create(b, TMEM_SHARED, u), -EPERM);
    EXPECT_EQ(destroy(a, 3), 1);
    EXPECT_EQ(tmem_pool_create(b, TMEM_SHARED, u), 0);
    host_end(a);
    host_end(b);
}

/* --- Defects of the original --- */

TEST(x2_x3_any_number_is_a_pool_id)
{
    static const uint32_t ids[] = {1, 15, 16, 17, 0x7fffffff, 0x80000000, ~0U};
    struct tmem_client *c = host_client(1, 0);

    (void)host_pool(c, 0);
    for (unsigned i = 0; i < ARRAY_COUNT(ids); i++) {
        int id = (int)ids[i];
        struct tmem_pool_info info;

        EXPECT_EQ(put(c, id, 1, 1, 7), -ENODEV);
        EXPECT_EQ(get(c, id, 1, 1), -ENODEV);
        EXPECT_EQ(flush(c, id, 1, 1), -ENODEV);
        EXPECT_EQ(flush_object(c, id, 1), -ENODEV);
        EXPECT_EQ(destroy(c, id), 0);
        EXPECT_EQ(tmem_pool_look(c, ids[i], &info), -ENODEV);
    }
    host_check();
    host_end(c);
}

/* X-4 has no test: there are no offsets and lengths to get wrong. */

TEST(x5_a_get_that_fails_leaves_the_page_where_it_was)
{
    struct tmem_client *c = host_client(1, 0);
    int id = host_pool(c, 0);
    struct tmem_handle h = handle(id, 1, 1);
    struct tmem_hit hit;

    EXPECT_EQ(put(c, id, 1, 1, 7), 1);
    EXPECT_EQ(tmem_get_begin(c, &h, &hit), 1);
    tmem_get_end(&hit, false);
    host_check();
    EXPECT(get_is(c, id, 1, 1, 7));
    host_check();
    host_end(c);
}

TEST(x7_a_restored_page_is_charged_to_its_client)
{
    struct tmem_client *c = host_client(1, 0);
    struct tmem_record r = {.form = TMEM_FILLED, .length = 8};
    uint64_t word = 5;

    r.handle = handle(host_pool(c, TMEM_PERSISTENT), 1, 1);
    EXPECT_EQ(tmem_restore(c, &r, &word), 1);
    /* The page, and two frames of records: of pages, and of objects. */
    EXPECT_EQ(host_account(1)->kept_count, 3);
    EXPECT_EQ(host_account(1)->page_count, 3);
    host_end(c);
}

TEST(x9_one_client_may_have_a_shared_pool_twice)
{
    struct tmem_client *a = host_client(1, 0), *b = host_client(2, 0);
    int first = shared_pool(a), second = shared_pool(a), id = shared_pool(b);

    EXPECT(first != second);
    EXPECT_EQ(put(a, first, 1, 1, 7), 1);
    EXPECT(get_is(a, second, 1, 1, 7));
    EXPECT_EQ(destroy(a, first), 1);
    host_check();
    EXPECT_EQ(get(a, first, 1, 1), -ENODEV);
    EXPECT(get_is(a, second, 1, 1, 7));
    EXPECT(get_is(b, id, 1, 1, 7));
    EXPECT_EQ(destroy(b, id), 1);
    EXPECT_EQ(get(a, second, 1, 1), -TMEM_EEMPTY);
    EXPECT_EQ(destroy(a, second), 1);
    host_check();
    host_end(a);
    host_end(b);
}

TEST(x11_a_client_that_is_destroyed_is_gone_and_its_weight_too)
{
    struct tmem_client *a = host_client(1, 0), *b = host_client(2, 0);

    tmem_client_set(a, &(struct tmem_settings){.weight = 30});
    tmem_client_set(b, &(struct tmem_settings){.weight = 12});
    EXPECT_EQ(host_info().weight_sum, 42);
    host_end(a);
    EXPECT_EQ(host_info().weight_sum, 12);
    EXPECT_EQ(host_info().clients, 1);
    host_end(b);
}

TEST(x12_no_group_no_contents)
{
    struct tmem_client *c = host_client(1, 0);
    int id = host_pool(c, TMEM_PERSISTENT);

    EXPECT_EQ(put(c, id, 1, 1, 7), 1);
    EXPECT_EQ(put(c, id, 1, 2, 7), 1);
    EXPECT_EQ(host_info().contents, 0);
    EXPECT_EQ(host_info().n.deduped_puts, 0);
    EXPECT_EQ(info_of(c).persistent_frames, 2);
    host_end(c);
}

TEST(x13_whatever_a_guest_does_nothing_is_logged)
{
    struct tmem_client *c = host_client(1, 0);
    int id = host_pool(c, TMEM_PERSISTENT);

    account_set_limit(host_account(1), 3);
    fake_console_clear();
    for (uint32_t i = 0; i < 50; i++) {
        (void)put(c, id, 1, i, 7);
        (void)put(c, id + 1, 1, i, 7);
        (void)get(c, -1, 1, i);
    }
    EXPECT_TEXT(fake_console_output(), "");
    EXPECT_EQ(info_of(c).n.no_memory, 49);
    host_end(c);
}

/* --- Statistics --- */

TEST(counters_say_what_happened)
{
    struct tmem_client *c = host_client(1, 0);
    int id = host_pool(c, 0);
    struct tmem_pool_info p;

    EXPECT_EQ(put(c, id, 1, 1, 7), 1);
    EXPECT_EQ(put(c, id, 2, 1, 9), 1);
    EXPECT(get_is(c, id, 1, 1, 7));
    EXPECT_EQ(get(c, id, 1, 1), 0);
    EXPECT_EQ(flush(c, id, 2, 1), 1);
    EXPECT_EQ(flush(c, id, 2, 1), 1);
    EXPECT_EQ(flush_object(c, id, 2), 1);
    p = pool_info(c, id);
    EXPECT(p.n.puts == 2 && p.n.puts_good == 2);
    EXPECT(p.n.gets == 2 && p.n.gets_hit == 1);
    EXPECT(p.n.flushes == 2 && p.n.flushes_hit == 1);
    EXPECT(p.n.object_flushes == 1 && p.n.object_flushes_hit == 0);
    EXPECT(p.n.pages == 0 && p.n.pages_max == 2);
    EXPECT(p.n.objects == 0 && p.n.objects_max == 2);
    EXPECT_EQ(host_info().n.ops, 7);
    EXPECT_EQ(host_info().n.ephemeral_puts, 2);
    EXPECT_EQ(info_of(c).n.ephemeral_gets, 1);
    host_end(c);
}
