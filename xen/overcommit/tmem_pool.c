/* SPDX-License-Identifier: MIT */
/*
 * Pools, and which of them a client may name.
 *
 * A client's id of a pool is a place in its joins; the pool behind it is its
 * own, or shared with others that each have a place of their own for it.
 * A call enters a join and leaves it again: `users`. A join that is closing
 * lets nobody in, and goes only when nobody is left in it; so a pool is never
 * taken away under a call.
 *
 *   pool.joins = joins with that pool
 *
 * A shared pool has a purse of its own, and an owner to whom that is counted.
 * When the owner leaves, the next one who is in becomes it: a pointer and a
 * count (T-15, T-20). Shared pools are ephemeral, so nobody is ever charged.
 */
#include "mm/heap.h"
#include "overcommit/tmem_internal.h"
#include "types/error.h"

#define NOT_COUNTED (~0U) /* how many anchors a shard has */

static uint64_t last_pool_number;

static unsigned shared_count_locked(void)
{
    struct tmem_purse *p;
    unsigned count = 0;

    list_for_each (p, &tmem_purses, in_purses) {
        count += p != p->owner->purse;
    }
    return count;
}

static bool uuid_is_private(struct tmem_uuid u)
{
    return (u.word[0] & u.word[1]) == ~0ULL;
}

static struct tmem_pool *find_shared_locked(struct tmem_uuid uuid)
{
    struct tmem_client *c;

    list_for_each (c, &tmem_clients, in_clients) {
        for (unsigned i = 0; i < TMEM_POOLS; i++) {
            struct tmem_pool *p = c->joins[i].pool;

            if (c->joins[i].state == JOIN_OPEN && (p->flags & TMEM_SHARED) &&
                uuid_is(p->uuid, uuid)) {
                return p;
            }
        }
    }
    return NULL;
}

/* What a new pool takes, made before the lock. */
struct new_pool {
    struct tmem_pool *pool;
    struct tmem_purse *purse; /* shared ones */
    struct tmem_store *store;
};

static bool new_pool_alloc(struct new_pool *n, bool shared)
{
    *n = (struct new_pool){0};
    n->pool = heap_alloc(sizeof(*n->pool));
    if (shared) {
        n->purse = heap_alloc(sizeof(*n->purse));
        n->store = store_create(0);
    }
    return n->pool && (!shared || (n->purse && n->store));
}

static void new_pool_free(struct new_pool *n)
{
    heap_free(n->pool);
    heap_free(n->purse);
    if (n->store) {
        store_destroy(n->store);
    }
}

static int choose_id_locked(const struct tmem_client *c, uint32_t id)
{
    if (id != TMEM_NO_POOL) {
        return c->joins[id].state == JOIN_FREE ? (int)id : -EEXIST;
    }
    for (unsigned i = 0; i < TMEM_POOLS; i++) {
        if (c->joins[i].state == JOIN_FREE) {
            return (int)i;
        }
    }
    return -EPERM;
}

/* A pool out of what was made; n keeps nothing of it. */
static struct tmem_pool *start_pool_locked(struct tmem_client *c,
                                           struct new_pool *n, uint32_t flags,
                                           struct tmem_uuid uuid)
{
    struct tmem_pool *p = n->pool;

    p->number = ++last_pool_number;
    p->flags = flags;
    p->uuid = uuid;
    p->owner = c;
    p->purse = c->purse;
    for (unsigned i = 0; i < SHARDS_MAX; i++) {
        list_init(&p->shard[i].anchors);
    }
    if (flags & TMEM_SHARED) {
        p->purse = n->purse;
        (void)purse_enter_locked(p->purse, n->store);
        p->purse->owner = c;
    }
    *n = (struct new_pool){0};
    return p;
}

static int create_locked(struct tmem_client *c, uint32_t id, uint32_t flags,
                         struct tmem_uuid uuid, struct new_pool *n)
{
    int at = choose_id_locked(c, id);
    struct tmem_pool *p = NULL;

    if (at < 0) {
        return at;
    }
    if (flags & TMEM_SHARED) {
        p = find_shared_locked(uuid);
        if (!p && shared_count_locked() == TMEM_SHARED_POOLS) {
            return -EPERM;
        }
    }
    if (!p) {
        p = start_pool_locked(c, n, flags, uuid);
    }
    p->joins++;
    c->joins[at].pool = p;
    __atomic_store_n(&c->joins[at].state, JOIN_OPEN, __ATOMIC_SEQ_CST);
    return at;
}

static int create(struct tmem_client *c, uint32_t id, uint32_t flags,
                  struct tmem_uuid uuid)
{
    struct new_pool n;
    int rc;

    if ((flags & ~(uint32_t)(TMEM_PERSISTENT | TMEM_SHARED)) ||
        flags == (TMEM_PERSISTENT | TMEM_SHARED)) {
        return -EPERM;
    }
    if (READ_ONCE(c->dying)) {
        return -ENODEV;
    }
    if ((flags & TMEM_SHARED) &&
        (uuid_is_private(uuid) || !tmem_authorized(c, uuid))) {
        flags &= ~(uint32_t)TMEM_SHARED;
    }
    rc = -ENOMEM;
    if (new_pool_alloc(&n, flags & TMEM_SHARED)) {
        lock(&tmem_control);
        rc = create_locked(c, id, flags, uuid, &n);
        unlock(&tmem_control);
    }
    new_pool_free(&n);
    return rc;
}

int tmem_pool_create(struct tmem_client *c, uint32_t flags,
                     struct tmem_uuid uuid)
{
    if (READ_ONCE(c->saving)) {
        return -TMEM_EFROZEN;
    }
    return create(c, TMEM_NO_POOL, flags, uuid);
}

int tmem_pool_create_at(struct tmem_client *c, uint32_t id, uint32_t flags,
                        struct tmem_uuid uuid)
{
    return id < TMEM_POOLS ? create(c, id, flags, uuid) : -EPERM;
}

/* --- Calls that use one --- */

struct tmem_pool *pool_enter(struct tmem_client *c, uint32_t id)
{
    struct tmem_join *j;

    if (id >= TMEM_POOLS || READ_ONCE(c->dying)) {
        return NULL;
    }
    j = &c->joins[id];
    __atomic_fetch_add(&j->users, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&j->state, __ATOMIC_SEQ_CST) != JOIN_OPEN) {
        pool_leave(c, id);
        return NULL;
    }
    return j->pool;
}

void pool_leave(struct tmem_client *c, uint32_t id)
{
    __atomic_fetch_sub(&c->joins[id].users, 1, __ATOMIC_SEQ_CST);
}

/* --- The end of a pool --- */

/* Has c that pool, not counting one of its joins? */
static bool has_joined_locked(const struct tmem_client *c,
                              const struct tmem_pool *pool,
                              const struct tmem_join *but)
{
    for (unsigned i = 0; i < TMEM_POOLS; i++) {
        if (&c->joins[i] != but && c->joins[i].pool == pool) {
            return true;
        }
    }
    return false;
}

/*
 * Drop what c has in the pool behind j: all of it, or of a pool that others
 * share what c touched last. Each anchor is looked at once and goes to the end
 * of its list. False: there is more.
 */
static bool drain(const struct tmem_client *c, struct tmem_join *j, bool all)
{
    struct tmem_pool *pool = j->pool;
    unsigned budget = STEP_PAGES;

    while (j->shard < shard_count()) {
        struct tmem_shard *s = &shards[j->shard];
        struct list *anchors = &pool->shard[j->shard].anchors;

        lock(&s->lock);
        if (j->left == NOT_COUNTED) {
            j->left = pool->shard[j->shard].count;
        }
        while (j->left && !list_empty(anchors) && budget) {
            struct tmem_anchor *a =
                list_first(anchors, struct tmem_anchor, in_pool);
            unsigned before = pool->shard[j->shard].count;

            budget--;
            if (all || a->last == c) {
                anchor_drop_locked(a, &budget);
            }
            if (pool->shard[j->shard].count < before) {
                j->left--; /* it is gone */
            } else if (budget) {
                list_del(&a->in_pool);
                list_add_tail(anchors, &a->in_pool);
                j->left--;
            }
        }
        if (!j->left || list_empty(anchors)) {
            j->shard++;
            j->left = NOT_COUNTED;
        }
        unlock(&s->lock);
        if (!budget) {
            return j->shard >= shard_count();
        }
    }
    return true;
}

/* The pool gets another owner, if it was c's, who has left it. */
static void change_owner_locked(struct tmem_client *c, struct tmem_pool *pool)
{
    struct tmem_purse *purse = pool->purse;
    struct tmem_client *next;
    int64_t frames, pages;

    if (pool->owner != c || has_joined_locked(c, pool, NULL)) {
        return;
    }
    list_for_each (next, &tmem_clients, in_clients) {
        if (has_joined_locked(next, pool, NULL)) {
            break;
        }
    }
    CHECK(&next->in_clients != &tmem_clients);
    lock(&purse->store->lock);
    frames =
        (int64_t)(purse->frames[EPHEMERAL] + purse->slabs[EPHEMERAL].frames);
    pages = (int64_t)READ_ONCE(pool->counters.pages);
    count_add(&c->counters.ephemeral_frames, -frames);
    count_add(&next->counters.ephemeral_frames, frames);
    count_max(&c->counters.ephemeral_max,
              READ_ONCE(c->counters.ephemeral_pages));
    count_add(&c->counters.ephemeral_pages, -pages);
    count_add(&next->counters.ephemeral_pages, pages);
    pool->owner = purse->owner = next;
    unlock(&purse->store->lock);
}

/* False: a block of it is being looked at. */
static bool pool_end(struct tmem_pool *pool)
{
    if ((pool->flags & TMEM_SHARED) && !purse_end(pool->purse)) {
        return false;
    }
    heap_free(pool);
    return true;
}

/* What c had is gone, and nobody is in it. False: go on later. */
static bool join_end(struct tmem_client *c, struct tmem_join *j)
{
    struct tmem_pool *pool = j->pool;
    bool last;

    slabs_shrink(&pool->purse->slabs[pool_kind(pool)]);
    slabs_shrink(&pool->purse->store->slabs[pool_kind(pool)]);
    lock(&tmem_control);
    last = pool->joins == 1;
    if (!last) {
        pool->joins--;
        j->pool = NULL;
        change_owner_locked(c, pool);
    }
    unlock(&tmem_control);
    if (last && !pool_end(pool)) {
        return false;
    }
    lock(&tmem_control);
    j->pool = NULL;
    WRITE_ONCE(j->state, JOIN_FREE);
    unlock(&tmem_control);
    return true;
}

/* 0: there is no such pool; 1: it is closing, and the caller's alone, until
 * j->busy is cleared; -ERESTART: somebody else's, or in use. */
static int close_join(struct tmem_join *j)
{
    int rc = 1;

    lock(&tmem_control);
    if (j->state == JOIN_OPEN) {
        j->shard = 0;
        j->left = NOT_COUNTED;
        __atomic_store_n(&j->state, JOIN_CLOSING, __ATOMIC_SEQ_CST);
    }
    if (j->state != JOIN_CLOSING) {
        rc = 0;
    } else if (j->busy || __atomic_load_n(&j->users, __ATOMIC_SEQ_CST)) {
        rc = -ERESTART;
    } else {
        j->busy = true;
    }
    unlock(&tmem_control);
    return rc;
}

static int go_on_closing(struct tmem_client *c, struct tmem_join *j)
{
    bool last, keeps;

    lock(&tmem_control);
    last = j->pool->joins == 1;
    keeps = has_joined_locked(c, j->pool, j);
    unlock(&tmem_control);
    if (!keeps && !drain(c, j, last)) {
        return -ERESTART;
    }
    if (READ_ONCE(c->saving) == SAVING_LIVE &&
        pool_kind(j->pool) == PERSISTENT) {
        WRITE_ONCE(j->state, JOIN_CLOSED); /* what was flushed names it */
        return 1;
    }
    return flushed_forget(c) && join_end(c, j) ? 1 : -ERESTART;
}

int tmem_pool_destroy(struct tmem_client *c, uint32_t id)
{
    struct tmem_join *j = id < TMEM_POOLS ? &c->joins[id] : NULL;
    int rc = j ? close_join(j) : 0;

    if (rc != 1) {
        return rc;
    }
    rc = go_on_closing(c, j);
    WRITE_ONCE(j->busy, false);
    if (rc == 1) {
        this_tmem_cpu()->counters.pool_flushes++;
        frames_trim();
    }
    return rc;
}

int client_finish_closed(struct tmem_client *c)
{
    for (unsigned id = 0; id < TMEM_POOLS; id++) {
        struct tmem_join *j = &c->joins[id];

        if (READ_ONCE(j->state) == JOIN_CLOSED && !join_end(c, j)) {
            return -ERESTART;
        }
    }
    return 0;
}
