/* SPDX-License-Identifier: MIT */
/*
 * What is stored, by name: one flat hash table, cut into shards with a lock
 * each (T-48).
 *
 * An object is 16 parts: of each 256 pages in a row those of one sixteenth. A
 * part lies in one shard as a whole, with an anchor there that lists its pages;
 * so a small object is in one shard, one of more than 4096 pages in 16 of them
 * (T-50), and flushing an object asks 16 times for its anchors. Nothing moves
 * when an object grows, and there is no tree.
 *
 *   a page is in the chain of its hash, and on its anchor's list: LIVE
 *   anchor.page_count = pages on the list, and FLUSHED ones with that anchor
 *   an anchor is there as long as its page_count is above 0
 *   pool.counters.pages = LIVE pages, .objects = anchors
 *
 * All hashes begin with a key that no guest knows.
 */
#include "lib/string.h"
#include "mm/heap.h"
#include "overcommit/tmem_internal.h"
#include "types/error.h"

#define MULTIPLIER               0x9e3779b97f4a7c15ULL /* 2^64 / the golden ratio */
#define FRAMES_PER_PAGE_BUCKET   4
#define FRAMES_PER_ANCHOR_BUCKET 16

struct tmem_shard shards[SHARDS_MAX];
static unsigned wanted_shards = SHARDS_MAX;
static unsigned shard_mask;
static uint64_t page_mask, anchor_mask; /* buckets of a shard, less 1 */
static uint64_t hash_key;

void tmem_set_shards(unsigned count)
{
    wanted_shards = count;
}

unsigned shard_count(void)
{
    return shard_mask + 1;
}

/* Not more, since the host has this memory less, used or not. */
static uint64_t power_of_two(uint64_t at_most)
{
    uint64_t n = 1;

    while (2 * n <= at_most) {
        n *= 2;
    }
    return n;
}

int index_start(uint64_t key)
{
    uint64_t frames = frame_count / wanted_shards;

    shard_mask = wanted_shards - 1;
    hash_key = key;
    page_mask = power_of_two(frames / FRAMES_PER_PAGE_BUCKET) - 1;
    anchor_mask = power_of_two(frames / FRAMES_PER_ANCHOR_BUCKET) - 1;
    for (unsigned i = 0; i <= shard_mask; i++) {
        struct tmem_shard *s = &shards[i];

        lock_init(&s->lock, RANK_TMEM_SHARD);
        s->pages = heap_alloc_array(page_mask + 1, sizeof(void *));
        s->anchors = heap_alloc_array(anchor_mask + 1, sizeof(void *));
        if (!s->pages || !s->anchors) {
            return -ENOMEM;
        }
    }
    return 0;
}

/* --- Hashes --- */

static uint64_t mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_two(uint64_t h, uint64_t a, uint64_t b)
{
    return mix(a ^ h, b ^ hash_key ^ MULTIPLIER) ^ h;
}

/* Four lanes, so that the multiplications overlap. */
uint64_t hash_bytes(const void *bytes, size_t size)
{
    uint64_t lane[4] = {hash_key, hash_key + 1, hash_key + 2, hash_key + 3};
    const char *at = bytes;
    uint64_t w[8] = {0};

    for (; size >= sizeof(w); size -= sizeof(w), at += sizeof(w)) {
        memcpy(w, at, sizeof(w));
        for (unsigned i = 0; i < 4; i++) {
            lane[i] =
                hash_two(lane[i], w[2UL * i], w[2UL * i + 1]) + MULTIPLIER;
        }
    }
    memset(w, 0, sizeof(w));
    memcpy(w, at, size);
    for (unsigned i = 0; i < 4; i++) {
        lane[i] = hash_two(lane[i], w[2UL * i] + size, w[2UL * i + 1]);
    }
    return mix(lane[0] ^ lane[1], lane[2] ^ MULTIPLIER) ^
           mix(lane[2] ^ lane[3], lane[1] ^ hash_key);
}

void key_make_part(struct tmem_key *k, struct tmem_pool *pool,
                   const uint64_t *oid, uint32_t part)
{
    uint64_t h = hash_two(hash_key, pool->number, part);

    h = hash_two(h, oid[0], oid[1]);
    h = hash_two(h, oid[2], pool->number);
    *k = (struct tmem_key){.pool = pool, .oid = oid, .part = part, .hash = h};
    k->shard = (unsigned)(h >> 32) & shard_mask;
}

void key_make(struct tmem_key *k, struct tmem_pool *pool,
              const struct tmem_handle *h)
{
    key_make_part(k, pool, h->oid, h->index / PART_PAGES % PARTS);
    k->index = h->index;
}

static struct tmem_page **page_bucket(unsigned shard, uint64_t part_hash,
                                      uint32_t index)
{
    uint64_t h = (part_hash ^ index) * MULTIPLIER;

    return &shards[shard].pages[(h >> 32) & page_mask];
}

static struct tmem_anchor **anchor_bucket(unsigned shard, uint64_t part_hash)
{
    return &shards[shard].anchors[part_hash & anchor_mask];
}

/* Fetch what a look for it will want first. */
void index_prefetch(const struct tmem_key *k)
{
    __builtin_prefetch(page_bucket(k->shard, k->hash, k->index));
    __builtin_prefetch(anchor_bucket(k->shard, k->hash));
    __builtin_prefetch(&shards[k->shard].lock, 1);
}

/* --- Look --- */

static bool is_of(const struct tmem_anchor *a, const struct tmem_key *k)
{
    return a->hash == k->hash && a->pool == k->pool && a->part == k->part &&
           a->oid[0] == k->oid[0] && a->oid[1] == k->oid[1] &&
           a->oid[2] == k->oid[2];
}

struct tmem_page *index_find_locked(const struct tmem_key *k)
{
    struct tmem_page *p = *page_bucket(k->shard, k->hash, k->index);

    while (p && !(p->index == k->index && is_of(p->anchor, k))) {
        p = p->hash_next;
    }
    return p;
}

struct tmem_anchor *anchor_find_locked(const struct tmem_key *k)
{
    struct tmem_anchor *a = *anchor_bucket(k->shard, k->hash);

    while (a && !is_of(a, k)) {
        a = a->hash_next;
    }
    return a;
}

/* --- Change --- */

static struct tmem_slabs *slabs_of(const struct tmem_pool *pool)
{
    return &pool->purse->slabs[pool_kind(pool)];
}

static struct tmem_anchor *anchor_create(const struct tmem_key *k)
{
    struct tmem_pool *pool = k->pool;
    struct tmem_anchor *a = slab_take_locked(slabs_of(pool), SLAB_ANCHOR);
    struct tmem_anchor **bucket = anchor_bucket(k->shard, k->hash);

    if (!a) {
        return NULL;
    }
    a->pool = pool;
    memcpy(a->oid, k->oid, sizeof(a->oid));
    a->part = k->part;
    a->hash = k->hash;
    list_init(&a->pages);
    a->hash_next = *bucket;
    *bucket = a;
    list_add(&pool->shard[k->shard].anchors, &a->in_pool);
    pool->shard[k->shard].count++;
    count_add(&pool->counters.objects, 1);
    count_max(&pool->counters.objects_max, READ_ONCE(pool->counters.objects));
    return a;
}

/* A page fewer belongs to it. */
static void anchor_leave(struct tmem_anchor *a, unsigned shard)
{
    struct tmem_anchor **at = anchor_bucket(shard, a->hash);

    if (--a->page_count) {
        return;
    }
    while (*at != a) {
        at = &(*at)->hash_next;
    }
    *at = a->hash_next;
    list_del(&a->in_pool);
    a->pool->shard[shard].count--;
    count_add(&a->pool->counters.objects, -1);
    slab_give_locked(a);
}

static void count_pages(struct tmem_pool *pool, int64_t change)
{
    struct tmem_client *owner = pool->purse->owner;
    struct tmem_client_counters *c = &owner->counters;

    if (change < 0) { /* whoever looks knows of higher ones */
        count_max(&pool->counters.pages_max, READ_ONCE(pool->counters.pages));
        count_max(&c->ephemeral_max, READ_ONCE(c->ephemeral_pages));
    }
    count_add(&pool->counters.pages, change);
    count_add(pages_of(owner, pool_kind(pool)), change);
    if (pool_kind(pool) == PERSISTENT && change < 0) {
        page_uncharge_kept(owner->payer, 1);
    }
}

bool index_insert_both_locked(const struct tmem_key *k, struct tmem_page *p,
                              struct tmem_client *by)
{
    struct tmem_anchor *a = anchor_find_locked(k);
    struct tmem_page **bucket = page_bucket(k->shard, k->hash, k->index);

    if (!a) {
        a = anchor_create(k);
    }
    if (!a) {
        return false;
    }
    a->last = by;
    a->page_count++;
    list_add(&a->pages, &p->in_anchor);
    p->anchor = a;
    p->index = k->index;
    p->shard = (uint8_t)k->shard;
    p->mark = PAGE_LIVE;
    p->hash_next = *bucket;
    *bucket = p;
    count_pages(k->pool, 1);
    return true;
}

static void unhash(struct tmem_page *p)
{
    struct tmem_page **at = page_bucket(p->shard, p->anchor->hash, p->index);

    while (*at != p) {
        at = &(*at)->hash_next;
    }
    *at = p->hash_next;
}

void page_free_both_locked(struct tmem_page *p)
{
    slot_unlink_locked(p);
    slab_give_locked(p);
}

/* What a save has given out already is to be told as flushed (T-43); the
 * record itself remembers it, so that a flush needs no memory. */
static bool must_be_told(const struct tmem_page *p)
{
    const struct tmem_client *c = p->anchor->pool->owner;

    return c->saving == SAVING_LIVE && p->save_number == c->save_number;
}

void page_drop_both_locked(struct tmem_page *p)
{
    struct tmem_anchor *a = p->anchor;

    CHECK(p->mark == PAGE_LIVE);
    unhash(p);
    list_del(&p->in_anchor);
    count_pages(a->pool, -1);
    if (must_be_told(p)) {
        if (!p->pins) {
            slot_unlink_locked(p);
        }
        p->mark = PAGE_FLUSHED;
        list_add_tail(&a->pool->owner->flushed, &p->in_anchor);
        return;
    }
    p->anchor = NULL;
    p->mark = PAGE_DEAD;
    anchor_leave(a, p->shard);
    if (!p->pins) {
        page_free_both_locked(p);
    }
}

void flushed_free_both_locked(struct tmem_page *p)
{
    list_del(&p->in_anchor);
    anchor_leave(p->anchor, p->shard);
    p->anchor = NULL;
    p->mark = PAGE_DEAD;
    if (!p->pins) {
        page_free_both_locked(p);
    }
}

void page_unpin_both_locked(struct tmem_page *p)
{
    if (--p->pins) {
        return;
    }
    if (p->mark == PAGE_DEAD) {
        page_free_both_locked(p);
    } else if (p->mark == PAGE_FLUSHED) {
        slot_unlink_locked(p);
    }
}

void anchor_drop_locked(struct tmem_anchor *a, unsigned *budget)
{
    struct tmem_store *store = a->pool->purse->store;
    bool more = true;

    lock(&store->lock);
    while (more && *budget) {
        struct tmem_page *p =
            list_entry(a->pages.next, struct tmem_page, in_anchor);

        if (&p->in_anchor == &a->pages) {
            break; /* those that are left are FLUSHED */
        }
        more = p->in_anchor.next != &a->pages;
        page_drop_both_locked(p);
        --*budget;
    }
    unlock(&store->lock);
}
