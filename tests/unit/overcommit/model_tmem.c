/* SPDX-License-Identifier: MIT */
/*
 * Operations at random against a flat dictionary, with memory that comes and
 * goes, evictions, and each allocation failing in turn. A persistent page is
 * there with what was put, until it is flushed. An ephemeral one is there with
 * what was put last, or is not there; it never comes back (T-12, T-13). After
 * each operation all books are recounted.
 *
 * Clients 1 and 2 are of one group and share a pool; 3 is by itself.
 */
#include "ops.h"
#include "overcommit/tmem_internal.h"
#include "tmem_host.h"

#define CLIENTS 3U
#define POOLS   3U /* EPHEMERAL_POOL and so on, by the id that they have */
#define OBJECTS 3U
#define INDICES 24U
#define NONE    (~0U)
#define HOGS    64U

enum {
    EPHEMERAL_POOL,
    PERSISTENT_POOL,
    SHARED_POOL, /* of clients 1 and 2; of 3 a private one */
};

static struct tmem_client *clients[CLIENTS];
static bool frozen[CLIENTS];
static uint32_t stored[CLIENTS][POOLS][OBJECTS][INDICES];
static struct page *hogs[HOGS]; /* superpages that others have */
static const struct tmem_uuid uuid = {{1, 2}};

static uint32_t *cell(unsigned c, unsigned pool, unsigned object, unsigned i)
{
    /* Both name the same page of the pool that they share. */
    return &stored[pool == SHARED_POOL && c == 1 ? 0 : c][pool][object][i];
}

/* In parts of an object that lie in different shards. */
static uint32_t index_of(unsigned i)
{
    return i % 8 + i / 8 * 256;
}

static void forget_pool(unsigned c, unsigned pool)
{
    for (unsigned o = 0; o < OBJECTS; o++) {
        for (unsigned i = 0; i < INDICES; i++) {
            *cell(c, pool, o, i) = NONE;
        }
    }
}

static int make_pool(unsigned c, unsigned pool)
{
    static const uint32_t flags[POOLS] = {0, TMEM_PERSISTENT, TMEM_SHARED};
    int rc = tmem_pool_create(clients[c], flags[pool], uuid);

    if (rc != -ENOMEM) {
        EXPECT_EQ(rc, pool);
    }
    return rc;
}

static void make_client(unsigned c)
{
    clients[c] = host_client(c + 1, c < 2 ? 7 : 0);
    EXPECT_EQ(tmem_authorize(clients[c], uuid, c < 2), 0);
    for (unsigned pool = 0; pool < POOLS; pool++) {
        EXPECT(make_pool(c, pool) >= 0);
        if (pool != SHARED_POOL || c == 2) {
            forget_pool(c, pool);
        }
    }
    frozen[c] = false;
}

static void start(void)
{
    host_start(0x1400);
    forget_pool(0, SHARED_POOL);
    memset(hogs, 0, sizeof(hogs));
    for (unsigned c = 0; c < CLIENTS; c++) {
        make_client(c);
    }
}

static void release_hogs(void)
{
    for (unsigned i = 0; i < HOGS; i++) {
        if (hogs[i]) {
            page_free(hogs[i], ORDER_2M);
            hogs[i] = NULL;
        }
    }
}

static void finish(void)
{
    release_hogs();
    for (unsigned c = 0; c < CLIENTS; c++) {
        host_end(clients[c]);
    }
}

static void drop_client(unsigned c)
{
    int rc;

    do {
        rc = tmem_client_destroy(clients[c]);
    } while (rc == -ERESTART);
    EXPECT_EQ(rc, 0);
}

/* --- Operations --- */

static unsigned client_of(const uint32_t *arg)
{
    return arg[0] % CLIENTS;
}

static unsigned pool_of(const uint32_t *arg)
{
    return arg[0] / 4 % POOLS;
}

static unsigned object_of(const uint32_t *arg)
{
    return arg[1] % OBJECTS;
}

static unsigned i_of(const uint32_t *arg)
{
    return arg[1] / 4 % INDICES;
}

/* Few contents, so that equal ones meet. */
static uint32_t contents_of(const uint32_t *arg)
{
    return arg[2] % 64;
}

static int op_put(const uint32_t *arg)
{
    unsigned c = client_of(arg), pool = pool_of(arg), o = object_of(arg);
    uint32_t *there = cell(c, pool, o, i_of(arg));
    int rc =
        put(clients[c], (int)pool, o, index_of(i_of(arg)), contents_of(arg));

    if (rc == 1) {
        EXPECT(!frozen[c]);
        *there = contents_of(arg);
    } else if (rc == -ENOSPC) {
        EXPECT(*there != NONE);
        *there = NONE;
    } else if (rc == -ENOMEM) {
        /* A shared or ephemeral one may have been evicted for it. */
        EXPECT(pool != PERSISTENT_POOL || *there == NONE);
        *there = NONE;
    } else {
        EXPECT_EQ(rc, -TMEM_EFROZEN);
        EXPECT(frozen[c] && (pool != PERSISTENT_POOL || *there == NONE));
        *there = NONE;
    }
    return rc == -ENOMEM ? rc : 0;
}

static int op_get(const uint32_t *arg)
{
    unsigned c = client_of(arg), pool = pool_of(arg), o = object_of(arg);
    uint32_t *there = cell(c, pool, o, i_of(arg));
    int rc = get(clients[c], (int)pool, o, index_of(i_of(arg)));

    if (rc == 1) {
        EXPECT(*there != NONE);
        EXPECT_EQ(got(), *there);
        if (pool == EPHEMERAL_POOL || (pool == SHARED_POOL && c == 2)) {
            *there = NONE;
        }
    } else {
        EXPECT(rc == 0 || rc == -TMEM_EEMPTY);
        EXPECT(pool != PERSISTENT_POOL || *there == NONE);
        *there = NONE;
    }
    return 0;
}

/* A GET whose page is flushed or replaced before it has copied it. */
static int op_get_slowly(const uint32_t *arg)
{
    unsigned c = client_of(arg), pool = pool_of(arg), o = object_of(arg);
    uint32_t *there = cell(c, pool, o, i_of(arg)), was = *there;
    struct tmem_handle h = handle((int)pool, o, index_of(i_of(arg)));
    static _Alignas(4096) unsigned char page[PAGE_SIZE], wanted[PAGE_SIZE];
    struct tmem_hit hit;

    if (tmem_get_begin(clients[c], &h, &hit) != 1) {
        EXPECT(pool != PERSISTENT_POOL || *there == NONE);
        *there = NONE;
        return 0;
    }
    if (arg[3] & 1) {
        (void)tmem_evict(16);
        EXPECT(tmem_flush_page(clients[c], &h) != -ENODEV);
        *there = NONE;
    }
    if (arg[3] & 2) {
        op_put(arg);
    }
    EXPECT(was != NONE);
    tmem_hit_copy(&hit, page);
    make_page(was, wanted);
    EXPECT(memcmp(page, wanted, PAGE_SIZE) == 0);
    EXPECT_EQ(tmem_hit_is_zero(&hit), was == 0);
    tmem_get_end(&hit, arg[3] & 4);
    if ((arg[3] & 7) == 4 &&
        (pool == EPHEMERAL_POOL || (pool == SHARED_POOL && c == 2))) {
        *there = NONE;
    }
    return 0;
}

static int op_flush(const uint32_t *arg)
{
    unsigned c = client_of(arg), pool = pool_of(arg), o = object_of(arg);

    EXPECT_EQ(flush(clients[c], (int)pool, o, index_of(i_of(arg))),
              frozen[c] ? -TMEM_EFROZEN : 1);
    *cell(c, pool, o, i_of(arg)) = NONE;
    return 0;
}

static int op_flush_object(const uint32_t *arg)
{
    unsigned c = client_of(arg), pool = pool_of(arg), o = object_of(arg);

    EXPECT_EQ(flush_object(clients[c], (int)pool, o),
              frozen[c] ? -TMEM_EFROZEN : 1);
    for (unsigned i = 0; i < INDICES; i++) {
        *cell(c, pool, o, i) = NONE;
    }
    return 0;
}

static int op_evict(const uint32_t *arg)
{
    uint64_t freeable = tmem_freeable();
    uint64_t given = tmem_evict(arg[1] % 700);

    EXPECT(given <= freeable && given <= TMEM_EVICT_MAX);
    return 0;
}

static int op_evict_superpage(const uint32_t *arg)
{
    uint64_t before = page_alloc_info().free;
    uint64_t given = tmem_evict_superpage();

    EXPECT(given == 0 || given == 512);
    EXPECT(page_alloc_info().free >= before + given);
    return 0;
}

/* Others take memory, or give it back. */
static int op_hog(const uint32_t *arg)
{
    unsigned i = arg[1] % HOGS;

    if (arg[2] % 8 == 0) {
        release_hogs();
    } else if (!hogs[i]) {
        hogs[i] = page_alloc(PAGE_HEAP, ORDER_2M);
    }
    return 0;
}

static int op_freeze(const uint32_t *arg)
{
    unsigned c = client_of(arg);

    frozen[c] = arg[1] % 4 == 0;
    tmem_freeze(clients[c], frozen[c]);
    return 0;
}

static int op_set(const uint32_t *arg)
{
    struct tmem_settings s = {
        .weight = arg[1] % 3,
        .ephemeral_cap = arg[1] & 64 ? arg[1] / 128 % 32 + 1 : 0,
        .persistent_cap = arg[2] & 64 ? arg[2] / 128 % 32 + 1 : 0,
        .compress = arg[3] & 1,
    };

    tmem_client_set(clients[client_of(arg)], &s);
    tmem_set_policy(arg[3] / 2 % TMEM_POLICIES);
    return 0;
}

static int op_destroy_pool(const uint32_t *arg)
{
    unsigned c = client_of(arg), pool = pool_of(arg);
    uint32_t others[OBJECTS][INDICES];

    memcpy(others, stored[0][SHARED_POOL], sizeof(others));
    EXPECT_EQ(destroy(clients[c], (int)pool), 1);
    EXPECT_EQ(destroy(clients[c], (int)pool), 0);
    EXPECT_EQ(put(clients[c], (int)pool, 1, 1, 1), -ENODEV);
    forget_pool(c, pool);
    if (pool == SHARED_POOL && c < 2) {
        /* What the other one touched last is there still. */
        memcpy(stored[0][SHARED_POOL], others, sizeof(others));
    }
    /* Its id is the lowest that is free. */
    while (make_pool(c, pool) < 0) {
    }
    return 0;
}

static int op_end_client(const uint32_t *arg)
{
    unsigned c = client_of(arg);

    if (arg[3] % 4) {
        return 0;
    }
    page_alloc_fail_nth(0);
    release_hogs();
    (void)tmem_evict(8); /* so that there is something for the next one */
    drop_client(c);
    host_forget();
    make_client(c);
    return 0;
}

/* Each page of the persistent pool once, with what is in it; and some of them
 * flushed in between. */
static int op_save(const uint32_t *arg)
{
    static _Alignas(4096) unsigned char data[PAGE_SIZE], page[PAGE_SIZE],
        wanted[PAGE_SIZE];
    unsigned c = client_of(arg), count = 0, there = 0, told = 0, flushed = 0;
    bool seen[OBJECTS][INDICES] = {{false}};
    struct tmem_record r;
    struct tmem_handle h;

    for (unsigned o = 0; o < OBJECTS; o++) {
        for (unsigned i = 0; i < INDICES; i++) {
            there += *cell(c, PERSISTENT_POOL, o, i) != NONE;
        }
    }
    if (!there) {
        EXPECT_EQ(tmem_save_begin(clients[c], true), -ENOENT);
        return 0;
    }
    EXPECT_EQ(tmem_save_begin(clients[c], true), 0);
    EXPECT_EQ(put(clients[c], PERSISTENT_POOL, 77, 1, 1), -TMEM_EFROZEN);
    while (tmem_save_next(clients[c], PERSISTENT_POOL, &r, data) == 1) {
        unsigned o = (unsigned)r.handle.oid[0];
        unsigned i = r.handle.index % 256 + r.handle.index / 256 * 8;
        uint32_t *is = cell(c, PERSISTENT_POOL, o, i);

        EXPECT(*is != NONE && !seen[o][i]);
        seen[o][i] = true;
        count++;
        EXPECT(form_unpack(r.form, data, r.length, page));
        make_page(*is, wanted);
        EXPECT(memcmp(page, wanted, PAGE_SIZE) == 0);
        for (unsigned k = 0; k < 2 && (arg[1] >> count % 8 & 1); k++) {
            unsigned at = (arg[2] + count * 7 + k * 3) % (OBJECTS * INDICES);
            uint32_t *p = cell(c, PERSISTENT_POOL, at / INDICES, at % INDICES);

            h = handle(PERSISTENT_POOL, at / INDICES, index_of(at % INDICES));
            EXPECT_EQ(tmem_flush_page(clients[c], &h), -TMEM_EFROZEN);
            flushed += *p != NONE && seen[at / INDICES][at % INDICES];
            there -= *p != NONE && !seen[at / INDICES][at % INDICES];
            *p = NONE;
        }
        host_check();
    }
    EXPECT_EQ(count, there);
    while (arg[3] & 1 && tmem_save_next_flushed(clients[c], &h) == 1) {
        EXPECT_EQ(*cell(c, PERSISTENT_POOL, (unsigned)h.oid[0],
                        h.index % 256 + h.index / 256 * 8),
                  NONE);
        told++;
        host_check();
    }
    EXPECT(!(arg[3] & 1) || told == flushed);
    while (tmem_save_end(clients[c]) == -ERESTART) {
    }
    EXPECT_EQ(tmem_save_end(clients[c]), -ENOENT);
    return 0;
}

enum {
    OP_PUT,
    OP_GET,
    OP_GET_SLOWLY,
    OP_FLUSH,
    OP_FLUSH_OBJECT,
    OP_EVICT,
    OP_EVICT_SUPERPAGE,
    OP_HOG,
    OP_FREEZE,
    OP_SET,
    OP_DESTROY_POOL,
    OP_END_CLIENT,
    OP_SAVE,
};

static const struct op_kind kinds[] = {
    [OP_PUT] = {"OP_PUT", 60, op_put},
    [OP_GET] = {"OP_GET", 20, op_get},
    [OP_GET_SLOWLY] = {"OP_GET_SLOWLY", 10, op_get_slowly},
    [OP_FLUSH] = {"OP_FLUSH", 8, op_flush},
    [OP_FLUSH_OBJECT] = {"OP_FLUSH_OBJECT", 2, op_flush_object},
    [OP_EVICT] = {"OP_EVICT", 3, op_evict},
    [OP_EVICT_SUPERPAGE] = {"OP_EVICT_SUPERPAGE", 1, op_evict_superpage},
    [OP_HOG] = {"OP_HOG", 4, op_hog},
    [OP_FREEZE] = {"OP_FREEZE", 2, op_freeze},
    [OP_SET] = {"OP_SET", 3, op_set},
    [OP_DESTROY_POOL] = {"OP_DESTROY_POOL", 1, op_destroy_pool},
    [OP_END_CLIENT] = {"OP_END_CLIENT", 2, op_end_client},
    [OP_SAVE] = {"OP_SAVE", 1, op_save},
};

static const struct model tmem = {
    .name = "tmem",
    .kinds = kinds,
    .kind_count = ARRAY_COUNT(kinds),
    .may_be_short = true,
    .start = start,
    .check = host_check,
    .finish = finish,
};

TEST(tmem_agrees_with_a_dictionary)
{
    ops_random(&tmem, 1, 3000);
}

/* All pages under one lock: checklist row 22. */
static void start_with_one_shard(void)
{
    tmem_set_shards(1);
    start();
}

static const struct model tmem_of_one_shard = {
    .name = "tmem_of_one_shard",
    .kinds = kinds,
    .kind_count = ARRAY_COUNT(kinds),
    .may_be_short = true,
    .start = start_with_one_shard,
    .check = host_check,
    .finish = finish,
};

TEST(tmem_agrees_with_a_dictionary_with_one_shard)
{
    ops_random(&tmem_of_one_shard, 2, 1500);
}
