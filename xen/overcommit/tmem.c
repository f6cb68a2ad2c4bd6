/* SPDX-License-Identifier: MIT */
/*
 * GET and FLUSH: see tmem.h; PUT is tmem_put.c.
 *
 * A GET pins the page under its shard's lock and copies without one. A page
 * that is flushed or replaced meanwhile is dead, out of the index, and freed by
 * the last that pins it; so what a GET returns was there when it began, and a
 * GET that begins after a PUT of the same page has returned sees that one or
 * none (T-12, T-13).
 */
#include "overcommit/tmem_internal.h"
#include "types/error.h"

static struct tmem_store *store_of(const struct tmem_pool *pool)
{
    return pool->purse->store;
}

static int frozen_or(const struct tmem_client *c, int rc)
{
    return client_is_frozen(c) ? -TMEM_EFROZEN : rc;
}

static int failed(int rc)
{
    this_tmem_cpu()->counters.errors++;
    return rc;
}

/* --- GET --- */

static struct tmem_page *pin(const struct tmem_key *k, struct tmem_client *by)
{
    struct tmem_shard *s = &shards[k->shard];
    struct tmem_page *p;

    lock(&s->lock);
    p = index_find_locked(k);
    if (p) {
        p->pins++;
        p->anchor->last = by;
    }
    unlock(&s->lock);
    return p;
}

int tmem_get_begin(struct tmem_client *c, const struct tmem_handle *h,
                   struct tmem_hit *hit)
{
    struct tmem_pool *pool = pool_enter(c, h->pool_id);
    struct tmem_key k;
    struct tmem_page *p;
    bool empty;

    this_tmem_cpu()->counters.ops++;
    if (!pool) {
        return failed(-ENODEV);
    }
    count_add(&pool->counters.gets, 1);
    key_make(&k, pool, h);
    p = pin(&k, c);
    if (!p) {
        empty = !READ_ONCE(pool->counters.pages);
        pool_leave(c, h->pool_id);
        return empty ? -TMEM_EEMPTY : 0;
    }
    *hit = (struct tmem_hit){c, p, h->pool_id};
    return 1;
}

bool tmem_hit_is_zero(const struct tmem_hit *hit)
{
    return hit->page->form == TMEM_FILLED && !hit->page->word;
}

void tmem_hit_copy(const struct tmem_hit *hit, void *page)
{
    const struct tmem_page *p = hit->page;
    const struct tmem_block *b = p->block;

    if (p->form == TMEM_FILLED) {
        CHECK(form_unpack(TMEM_FILLED, &p->word, sizeof(p->word), page));
        return;
    }
    CHECK(form_unpack(p->form, slot_bytes(b, p->slot), b->slots[p->slot].length,
                      page));
}

static void renew(struct tmem_page *p, const struct tmem_pool *pool)
{
    if (p->form != TMEM_FILLED && pool_kind(pool) == EPHEMERAL) {
        p->block->read = true;
        block_touch_locked(p->block);
    }
}

/* The page is let go, and gone if it is exclusive and was taken. */
static void unpin(struct tmem_page *p, struct tmem_pool *pool, bool taken)
{
    struct tmem_shard *s = &shards[p->shard];
    bool exclusive = !(pool->flags & (TMEM_PERSISTENT | TMEM_SHARED));
    bool touch = taken && (pool->flags & TMEM_SHARED);

    lock(&s->lock);
    if (p->mark == PAGE_LIVE && !(exclusive && taken) && !touch) {
        p->pins--; /* persistent ones: nothing else changes */
        unlock(&s->lock);
        return;
    }
    lock(&store_of(pool)->lock);
    if (p->mark == PAGE_LIVE && exclusive && taken) {
        page_drop_both_locked(p);
    } else if (p->mark == PAGE_LIVE && touch) {
        renew(p, pool);
    }
    page_unpin_both_locked(p);
    unlock(&store_of(pool)->lock);
    unlock(&s->lock);
}

void page_unpin(struct tmem_page *p, struct tmem_pool *pool)
{
    unpin(p, pool, false);
}

static void count_hit(struct tmem_client *c, struct tmem_pool *pool)
{
    count_add(&pool->counters.gets_hit, 1);
    if (pool_kind(pool) == PERSISTENT) {
        count_add(&c->counters.persistent_gets, 1);
    } else {
        count_add(&c->counters.ephemeral_gets, 1);
    }
}

void tmem_get_end(struct tmem_hit *hit, bool taken)
{
    struct tmem_client *c = hit->client;
    struct tmem_pool *pool = c->joins[hit->pool_id].pool;

    if (taken) {
        count_hit(c, pool);
    }
    unpin(hit->page, pool, taken);
    pool_leave(c, hit->pool_id);
    hit->page = NULL;
}

int tmem_get(struct tmem_client *c, const struct tmem_handle *h, void *page)
{
    struct tmem_hit hit;
    int rc = tmem_get_begin(c, h, &hit);

    if (rc == 1) {
        tmem_hit_copy(&hit, page);
        tmem_get_end(&hit, true);
    }
    return rc;
}

/* --- FLUSH --- */

/* True if there was something. */
bool page_flush(struct tmem_pool *pool, const struct tmem_handle *h)
{
    struct tmem_key k;
    struct tmem_page *p;

    key_make(&k, pool, h);
    lock(&shards[k.shard].lock);
    p = index_find_locked(&k);
    if (p) {
        lock(&store_of(pool)->lock);
        page_drop_both_locked(p);
        unlock(&store_of(pool)->lock);
    }
    unlock(&shards[k.shard].lock);
    return p;
}

int tmem_flush_page(struct tmem_client *c, const struct tmem_handle *h)
{
    struct tmem_pool *pool = pool_enter(c, h->pool_id);

    this_tmem_cpu()->counters.ops++;
    if (!pool) {
        return failed(-ENODEV);
    }
    count_add(&pool->counters.flushes, 1);
    if (page_flush(pool, h)) {
        count_add(&pool->counters.flushes_hit, 1);
    }
    pool_leave(c, h->pool_id);
    frames_trim();
    return frozen_or(c, 1);
}

/* False: there is more. */
static bool flush_object(struct tmem_pool *pool, const struct tmem_handle *h,
                         bool *found)
{
    unsigned budget = STEP_PAGES;

    for (uint32_t part = 0; part < PARTS; part++) {
        struct tmem_anchor *a;
        struct tmem_key k;

        key_make_part(&k, pool, h->oid, part);
        lock(&shards[k.shard].lock);
        a = anchor_find_locked(&k);
        if (a) {
            unsigned before = budget;

            anchor_drop_locked(a, &budget);
            *found = *found || budget < before;
        }
        unlock(&shards[k.shard].lock);
        if (!budget) {
            return false;
        }
    }
    return true;
}

int tmem_flush_object(struct tmem_client *c, const struct tmem_handle *h)
{
    struct tmem_pool *pool = pool_enter(c, h->pool_id);
    bool found = false, done;

    this_tmem_cpu()->counters.ops++;
    if (!pool) {
        return failed(-ENODEV);
    }
    done = flush_object(pool, h, &found);
    if (done) {
        count_add(&pool->counters.object_flushes, 1);
        count_add(&pool->counters.object_flushes_hit, found);
    }
    pool_leave(c, h->pool_id);
    frames_trim();
    return done ? frozen_or(c, 1) : -ERESTART;
}
