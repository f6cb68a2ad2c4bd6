/* SPDX-License-Identifier: MIT */
/*
 * PUT: what may fail comes first, without a lock that others wait for.
 *
 *   charge the client (persistent)
 *   copy the page, choose its form, find it a slot, in a frame that has one
 * free or a new one, evicting if need be shard and store locked: whatever was
 * there goes, the record is linked
 *
 * Records come from slabs that have some; where one has none, both locks are
 * let go, a frame becomes a slab, and it is tried again: nothing is allocated
 * under a shard's lock (T-48).
 *
 * A PUT that fails leaves nothing under its name (put-put-get, T-12): what was
 * there is dropped, and since that may be just the memory that was missing, it
 * is tried once more. 16 attempts to evict are all that one PUT makes (T-27).
 */
#include "overcommit/tmem_internal.h"
#include "types/error.h"

#define TRIES 8 /* to get a record before others have it */

struct put {
    struct tmem_client *c;
    struct tmem_pool *pool;
    enum kind kind;
    struct tmem_key key;
    const void *page;
    struct tmem_data data;
    bool charged, whatever; /* whatever: for restore, frozen or not */
    unsigned attempts;      /* to evict */
};

/* --- Frames --- */

static bool evict_for(struct put *put, const struct tmem_client *own)
{
    uint64_t evicted = 0;

    if (put->attempts == PUT_EVICTIONS) {
        return false;
    }
    put->attempts++;
    return evict_once(own, &evicted);
}

static struct page *find_frame(struct put *put)
{
    struct page *frame = frame_take(put->kind);

    while (!frame && evict_for(put, NULL)) {
        frame = frame_take(put->kind);
    }
    return frame;
}

/* Room below the client's caps (T-31). */
static bool make_room(struct put *put)
{
    struct tmem_client *c = put->c;
    uint64_t cap = READ_ONCE(c->settings.ephemeral_cap);

    if (put->kind == PERSISTENT) {
        cap = READ_ONCE(c->settings.persistent_cap);
        return !cap || READ_ONCE(c->counters.persistent_pages) < cap;
    }
    while (cap && READ_ONCE(c->counters.ephemeral_frames) >= cap) {
        if (!evict_for(put, c)) {
            return false;
        }
    }
    return true;
}

static bool grow(struct put *put, struct tmem_slabs *slabs,
                 enum slab_class class)
{
    struct page *frame = find_frame(put);

    if (!frame) {
        return false;
    }
    if (!slabs_add(slabs, class, frame)) {
        frame_put(frame, put->kind);
        return false;
    }
    return true;
}

/* --- Steps --- */

static bool charge(struct put *put)
{
    if (put->kind == PERSISTENT && !put->charged) {
        put->charged = page_charge_kept(put->c->payer, 1);
        return put->charged;
    }
    return true;
}

static bool take_frame(struct put *put)
{
    put->data.frame = find_frame(put);
    return put->data.frame;
}

/* What data_place() did not find. */
static bool get_missing(struct put *put, enum slab_class class)
{
    if (class == NO_SLAB) {
        return take_frame(put);
    }
    return grow(put, &put->pool->purse->store->slabs[put->kind], class);
}

/* Find it a slot, and copy it there: whole pages at once, others by way of a
 * copy if they have to be looked at twice. */
static bool store_data(struct put *put)
{
    struct tmem_data *d = &put->data;
    bool pack = READ_ONCE(put->c->settings.compress);
    enum slab_class class = NO_SLAB;

    d->bytes = put->page;
    if (pack || put->pool->purse->store->contents) {
        if (!take_frame(put)) {
            return false;
        }
        arch_page_copy(page_map(d->frame), put->page);
        d->bytes = page_map(d->frame);
    }
    data_choose_form(d, put->c, pack);
    if (d->form == TMEM_RAW && !d->frame && !take_frame(put)) {
        return false;
    }
    for (unsigned i = 0; i < TRIES; i++) {
        if (data_place(put->pool->purse, put->kind, d, &class)) {
            return true;
        }
        if (!get_missing(put, class)) {
            break;
        }
    }
    this_tmem_cpu()->counters.records_failed += class != NO_SLAB;
    return false;
}

static bool prepare(struct put *put)
{
    struct tmem_data *d = &put->data;

    if (!make_room(put) || !charge(put)) {
        return false;
    }
    if (!put->page || page_is_filled(put->page, &d->word)) {
        d->form = TMEM_FILLED;
        return true;
    }
    return store_data(put);
}

static void undo(struct put *put)
{
    struct tmem_data *d = &put->data;

    if (d->block) {
        data_unplace(put->pool->purse->store, d);
    }
    if (d->frame) {
        frame_put(d->frame, put->kind);
    }
    if (put->charged) {
        page_uncharge_kept(put->c->payer, 1);
    }
    slabs_shrink(&put->pool->purse->slabs[put->kind]);
    slabs_shrink(&put->pool->purse->store->slabs[put->kind]);
    put->charged = false;
    *d = (struct tmem_data){0};
}

enum commit {
    DONE,
    NO_PAGE, /* no record for it */
    NO_ANCHOR,
    FROZEN,
};

/* Both locks are held. *old: there was a page, which is gone. */
static enum commit commit_locked(struct put *put, bool *old)
{
    struct tmem_page *was = index_find_locked(&put->key), *p;
    struct tmem_slabs *slabs = &put->pool->purse->slabs[put->kind];

    if (was) {
        page_drop_both_locked(was);
        *old = true;
    }
    if (put->whatever ? put->c->saving : client_is_frozen(put->c)) {
        return FROZEN;
    }
    p = slab_take_locked(slabs, SLAB_PAGE);
    if (!p) {
        return NO_PAGE;
    }
    if (!index_insert_both_locked(&put->key, p, put->c)) {
        slab_give_locked(p);
        return NO_ANCHOR;
    }
    slot_link_locked(p, &put->data);
    return DONE;
}

static enum commit commit(struct put *put, bool *old)
{
    struct tmem_shard *s = &shards[put->key.shard];
    struct tmem_store *store = put->pool->purse->store;
    enum commit result;

    lock(&s->lock);
    lock(&store->lock);
    result = commit_locked(put, old);
    unlock(&store->lock);
    unlock(&s->lock);
    return result;
}

/* 1, or why not; *old as above. */
static int try_put(struct put *put, bool *old)
{
    struct tmem_slabs *slabs = &put->pool->purse->slabs[put->kind];
    enum commit result = NO_PAGE;

    if (!prepare(put)) {
        undo(put);
        return -ENOMEM;
    }
    for (unsigned i = 0; i < TRIES; i++) {
        result = commit(put, old);
        if (result == DONE || result == FROZEN ||
            !grow(put, slabs, result == NO_PAGE ? SLAB_PAGE : SLAB_ANCHOR)) {
            break;
        }
    }
    if (result == DONE) {
        if (put->data.frame) {
            frame_put(put->data.frame, put->kind);
        }
        return 1;
    }
    undo(put);
    if (result != FROZEN) {
        this_tmem_cpu()->counters.records_failed++;
    }
    return result == FROZEN ? -TMEM_EFROZEN : -ENOMEM;
}

static int put_page(struct put *put, const struct tmem_handle *h)
{
    bool old = false;
    int rc = -TMEM_EFROZEN;

    if (put->whatever || !client_is_frozen(put->c)) {
        rc = try_put(put, &old);
    }
    if (rc != 1) {
        old = page_flush(put->pool, h) || old;
    }
    if (rc == -ENOMEM && old) {
        rc = try_put(put, &old);
    }
    if (old) {
        count_add(rc == 1 ? &put->pool->counters.dup_replaced
                          : &put->pool->counters.dup_dropped,
                  1);
    }
    return rc != 1 && old ? -ENOSPC : rc;
}

static void count_put(const struct put *put, int rc)
{
    struct tmem_cpu *cpu = this_tmem_cpu();
    struct tmem_client_counters *c = &put->c->counters;

    cpu->counters.put_attempts_max =
        MAX(cpu->counters.put_attempts_max, put->attempts);
    if (rc == 1) {
        count_add(&put->pool->counters.puts_good, 1);
        if (put->kind == PERSISTENT) {
            count_add(&c->persistent_puts, 1);
        } else {
            cpu->counters.ephemeral_puts++;
        }
        cpu->counters.form_puts[put->data.form]++;
        cpu->counters.form_bytes[put->data.form] += put->data.length;
        return;
    }
    cpu->counters.errors++;
    if (rc == -ENOMEM || rc == -ENOSPC) {
        count_add(&put->pool->counters.puts_no_memory, 1);
        count_add(&c->no_memory, 1);
    }
}

static int do_put(struct tmem_client *c, const struct tmem_handle *h,
                  const void *page, bool whatever)
{
    struct tmem_pool *pool = pool_enter(c, h->pool_id);
    struct put put = {.c = c, .pool = pool, .page = page, .whatever = whatever};
    int rc;

    this_tmem_cpu()->counters.ops++;
    if (!pool) {
        this_tmem_cpu()->counters.errors++;
        return -ENODEV;
    }
    put.kind = pool_kind(pool);
    if (whatever && (put.kind != PERSISTENT || READ_ONCE(c->saving))) {
        pool_leave(c, h->pool_id);
        return put.kind != PERSISTENT ? -EINVAL : -TMEM_EFROZEN;
    }
    key_make(&put.key, pool, h);
    index_prefetch(&put.key);
    count_add(&pool->counters.puts, 1);
    rc = put_page(&put, h);
    count_put(&put, rc);
    pool_leave(c, h->pool_id);
    return rc;
}

int tmem_put(struct tmem_client *c, const struct tmem_handle *h,
             const void *page)
{
    if (page) { /* what is looked at first comes while other things are done */
        __builtin_prefetch(page);
        __builtin_prefetch((const char *)page + FRAGMENT_MAX);
    }
    return do_put(c, h, page, false);
}

int tmem_restore(struct tmem_client *c, const struct tmem_record *record,
                 const void *data)
{
    struct tmem_cpu *cpu = this_tmem_cpu();

    if (!form_unpack(record->form, data, record->length, cpu->unpacked)) {
        return -EINVAL;
    }
    return do_put(c, &record->handle, cpu->unpacked, true);
}
