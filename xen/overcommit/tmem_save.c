/* SPDX-License-Identifier: MIT */
/*
 * Saving a client's persistent pages, each once, while it may still flush some.
 *
 * The client is frozen, so none comes. What was given out has the number of
 * this save and is moved to the end of its anchor's list; an anchor of which
 * all was given out goes to the end of its pool's. So the next page is the
 * first of the first anchor, or the shard is done, and there is no cursor that
 * a flush could take away (X-6, T-43).
 *
 * Live, a page that is flushed after it was given out has to be told: its
 * record stays, FLUSHED, on c->flushed, until somebody asks or the save ends.
 * What is flushed before is never given out.
 */
#include "lib/string.h"
#include "overcommit/tmem_internal.h"
#include "types/error.h"

int tmem_save_begin(struct tmem_client *c, bool live)
{
    int rc = 0;

    lock(&tmem_control);
    if (c->saving != NOT_SAVING || c->save_ending) {
        rc = -EBUSY;
    } else if (!READ_ONCE(c->counters.persistent_pages)) {
        rc = -ENOENT;
    } else {
        c->save_number++;
        c->save_pool = TMEM_NO_POOL;
        __atomic_store_n(&c->saving, live ? SAVING_LIVE : SAVING,
                         __ATOMIC_SEQ_CST);
    }
    unlock(&tmem_control);
    return rc;
}

/* Free what was flushed and is not told: `budget` records. True: all. */
static bool forget(struct tmem_client *c, unsigned budget)
{
    struct tmem_handle h;

    while (budget && flushed_take(c, &h)) {
        budget--;
    }
    return budget;
}

bool flushed_forget(struct tmem_client *c)
{
    return READ_ONCE(c->saving) == SAVING_LIVE || forget(c, STEP_PAGES);
}

int tmem_save_end(struct tmem_client *c)
{
    int rc;

    lock(&tmem_control);
    if (c->saving == NOT_SAVING && !c->save_ending) {
        unlock(&tmem_control);
        return -ENOENT;
    }
    c->save_ending = true;
    __atomic_store_n(&c->saving, NOT_SAVING, __ATOMIC_SEQ_CST);
    unlock(&tmem_control);
    if (!forget(c, STEP_PAGES)) {
        return -ERESTART;
    }
    rc = client_finish_closed(c);
    if (!rc) {
        WRITE_ONCE(c->save_ending, false);
    }
    return rc;
}

/* --- Pages --- */

static bool is_saved(const struct tmem_page *p, const struct tmem_client *c)
{
    return p->save_number == c->save_number;
}

/* The next page of that shard, pinned and noted as given out. */
static struct tmem_page *take_next_locked(struct tmem_client *c,
                                          struct list *anchors)
{
    struct tmem_anchor *a;
    struct tmem_page *p, *next;

    /* Anchors of which all was flushed have no page. */
    list_for_each (a, anchors, in_pool) {
        if (!list_empty(&a->pages)) {
            break;
        }
    }
    if (&a->in_pool == anchors) {
        return NULL;
    }
    p = list_first(&a->pages, struct tmem_page, in_anchor);
    if (is_saved(p, c)) {
        return NULL;
    }
    p->pins++;
    p->save_number = c->save_number;
    list_del(&p->in_anchor);
    list_add_tail(&a->pages, &p->in_anchor);
    next = list_first(&a->pages, struct tmem_page, in_anchor);
    if (is_saved(next, c)) {
        list_del(&a->in_pool);
        list_add_tail(anchors, &a->in_pool);
    }
    return p;
}

static struct tmem_page *take_next(struct tmem_client *c,
                                   struct tmem_pool *pool,
                                   struct tmem_record *record)
{
    struct tmem_page *p = NULL;

    while (!p && c->save_shard < shard_count()) {
        struct tmem_shard *s = &shards[c->save_shard];

        lock(&s->lock);
        p = take_next_locked(c, &pool->shard[c->save_shard].anchors);
        if (p) {
            memcpy(record->handle.oid, p->anchor->oid, sizeof(p->anchor->oid));
        } else {
            c->save_shard++;
        }
        unlock(&s->lock);
    }
    return p;
}

static void copy_out(const struct tmem_page *p, struct tmem_record *record,
                     void *data)
{
    const struct tmem_slot *slot;

    record->handle.index = p->index;
    record->form = p->form;
    if (p->form == TMEM_FILLED) {
        record->length = sizeof(p->word);
        memcpy(data, &p->word, sizeof(p->word));
        return;
    }
    slot = &p->block->slots[p->slot];
    record->length = slot->length;
    memcpy(data, slot_bytes(p->block, p->slot), slot->length);
}

int tmem_save_next(struct tmem_client *c, uint32_t pool_id,
                   struct tmem_record *record, void *data)
{
    struct tmem_pool *pool = pool_enter(c, pool_id);
    struct tmem_page *p = NULL;

    if (!pool) {
        return -ENODEV;
    }
    if (READ_ONCE(c->saving) == NOT_SAVING) {
        pool_leave(c, pool_id);
        return -ENODEV;
    }
    if (c->save_pool != pool_id) {
        c->save_pool = pool_id;
        c->save_shard = 0;
    }
    if (pool_kind(pool) == PERSISTENT) {
        p = take_next(c, pool, record);
    }
    if (p) {
        record->handle.pool_id = pool_id;
        copy_out(p, record, data);
        page_unpin(p, pool);
    }
    pool_leave(c, pool_id);
    return p != NULL;
}

/* --- What was flushed --- */

static uint32_t id_of(const struct tmem_client *c, const struct tmem_pool *pool)
{
    uint32_t id = 0;

    while (c->joins[id].pool != pool) {
        id++;
    }
    return id;
}

/* The first, whose shard is known only with the store's lock. */
static struct tmem_page *first_flushed(struct tmem_client *c, unsigned *shard)
{
    struct tmem_store *s = c->purse->store;
    struct tmem_page *p = NULL;

    lock(&s->lock);
    if (!list_empty(&c->flushed)) {
        p = list_first(&c->flushed, struct tmem_page, in_anchor);
        *shard = p->shard;
    }
    unlock(&s->lock);
    return p;
}

bool flushed_take(struct tmem_client *c, struct tmem_handle *h)
{
    struct tmem_store *s = c->purse->store;
    struct tmem_page *p;
    unsigned shard;
    bool taken = false;

    while (!taken && (p = first_flushed(c, &shard))) {
        lock(&shards[shard].lock);
        lock(&s->lock);
        taken = !list_empty(&c->flushed) && c->flushed.next == &p->in_anchor &&
                p->shard == shard;
        if (taken) {
            h->pool_id = id_of(c, p->anchor->pool);
            h->index = p->index;
            memcpy(h->oid, p->anchor->oid, sizeof(h->oid));
            flushed_free_both_locked(p);
        }
        unlock(&s->lock);
        unlock(&shards[shard].lock);
    }
    return taken;
}

int tmem_save_next_flushed(struct tmem_client *c, struct tmem_handle *h)
{
    if (READ_ONCE(c->saving) == NOT_SAVING) {
        return -ENODEV;
    }
    return flushed_take(c, h);
}
