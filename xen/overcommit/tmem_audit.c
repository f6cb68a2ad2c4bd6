/* SPDX-License-Identifier: MIT */
/*
 * X1 to X6 of docs/design/tmem.md, recounted. One shard or store is locked at a
 * time, so on a running machine a difference has to be seen twice.
 */
#include "base/audit.h"
#include "lib/string.h"
#include "overcommit/tmem_internal.h"

struct recount {
    unsigned wrong;
    uint64_t used, used_in_chunks; /* frames */
    uint64_t weights;
};

static void expect(struct recount *seen, const char *invariant,
                   const char *what, uint64_t found, uint64_t expected)
{
    const struct audit_difference difference = {
        invariant,      what,  AUDIT_NO_DOMAIN, AUDIT_NO_FRAME,
        AUDIT_NO_FRAME, found, expected};

    if (found != expected) {
        seen->wrong++;
        audit_differs(&difference);
    }
}

static uint64_t length_of(const struct list *l)
{
    uint64_t length = 0;

    for (const struct list *at = l->next; at != l; at = at->next) {
        length++;
    }
    return length;
}

/* --- X2: the index --- */

static bool is_in_slot(const struct tmem_page *p)
{
    const struct tmem_page *at = p->block->slots[p->slot].first;

    while (at && at != p) {
        at = at->same;
    }
    return at;
}

static uint64_t audit_anchor(struct recount *seen, struct tmem_anchor *a,
                             unsigned shard)
{
    struct tmem_page *p;
    uint64_t count = 0;

    list_for_each (p, &a->pages, in_anchor) {
        struct tmem_key k;

        count++;
        key_make_part(&k, a->pool, a->oid, a->part);
        k.index = p->index;
        expect(seen, "X2", "a listed page is found by its name",
               index_find_locked(&k) == p && k.shard == shard, true);
        expect(seen, "X2", "mark of a listed page", p->mark, PAGE_LIVE);
        expect(seen, "X2", "a page's anchor", p->anchor == a, true);
        expect(seen, "X3", "a page is one of its slot's",
               p->form == TMEM_FILLED || is_in_slot(p), true);
    }
    expect(seen, "X2", "an anchor has pages, more than are listed",
           a->page_count >= count && a->page_count, true);
    return count;
}

static void audit_pool(struct recount *seen, struct tmem_pool *pool,
                       uint64_t *pages)
{
    uint64_t count = 0, objects = 0;

    for (unsigned i = 0; i < shard_count(); i++) {
        struct tmem_anchor *a;
        uint64_t here = 0;

        lock(&shards[i].lock);
        list_for_each (a, &pool->shard[i].anchors, in_pool) {
            here++;
            count += audit_anchor(seen, a, i);
        }
        expect(seen, "X2", "anchors in a shard", pool->shard[i].count, here);
        unlock(&shards[i].lock);
        objects += here;
    }
    expect(seen, "X2", "pages of a pool", pool->counters.pages, count);
    expect(seen, "X2", "objects of a pool", pool->counters.objects, objects);
    *pages += count;
}

/* --- X3: blocks and slots --- */

static void audit_slot(struct recount *seen, const struct tmem_block *b,
                       unsigned slot)
{
    const struct tmem_slot *at = &b->slots[slot];
    const struct tmem_page *p;
    unsigned refs = 0;

    for (p = at->first; p; p = p->same) {
        refs++;
        expect(seen, "X3", "a page's block and slot",
               p->block == b && p->slot == slot && p->form == at->form, true);
    }
    expect(seen, "X3", "references of a slot", at->refs, refs);
    expect(seen, "X3", "length of a slot",
           at->length <= slot_size(b->slot_count), true);
    if (at->content) {
        expect(seen, "X3", "a slot's content",
               at->content->block == b && at->content->slot == slot, true);
        expect(seen, "X3", "hash of a content", at->content->hash,
               hash_bytes(slot_bytes(b, slot), at->length));
    }
}

static void audit_block(struct recount *seen, const struct tmem_block *b)
{
    unsigned used = 0;
    uint16_t id;

    for (unsigned i = 0; i < b->slot_count; i++) {
        used += b->slots[i].refs != 0;
        audit_slot(seen, b, i);
    }
    expect(seen, "X3", "used slots of a block", b->used, used);
    expect(seen, "X3", "a block has data", used != 0, true);
    expect(seen, "X3", "a block with free slots is listed",
           !list_empty(&b->partial), b->slot_count > 1 && used < b->slot_count);
    expect(seen, "X3", "a frame says its block", frame_user(b->frame, &id) == b,
           true);
    expect(seen, "X3", "a frame says its store", id, b->purse->store->id);
}

/* --- X4: purses, and X5: small objects --- */

static void audit_slabs(struct recount *seen, const struct tmem_slabs *slabs)
{
    uint64_t frames = 0;

    for (unsigned i = 0; i < SLAB_CLASSES; i++) {
        frames += length_of(&slabs->partial[i]) + length_of(&slabs->full[i]);
    }
    expect(seen, "X5", "frames of slabs", slabs->frames, frames);
    seen->used += frames;
    seen->used_in_chunks += slabs->kind == EPHEMERAL ? frames : 0;
}

static void audit_purse(struct recount *seen, struct tmem_purse *p)
{
    lock(&p->store->lock);
    for (unsigned k = 0; k < KINDS; k++) {
        const struct tmem_block *b;

        list_for_each (b, &p->blocks[k], in_purse) {
            expect(seen, "X4", "a block's purse", b->purse == p, true);
            audit_block(seen, b);
        }
        expect(seen, "X4", "blocks of a purse", p->frames[k],
               length_of(&p->blocks[k]));
        seen->used += p->frames[k];
        audit_slabs(seen, &p->slabs[k]);
    }
    seen->used_in_chunks += p->frames[EPHEMERAL];
    if (!p->store->noted) {
        p->store->noted = true;
        audit_slabs(seen, &p->store->slabs[EPHEMERAL]);
        audit_slabs(seen, &p->store->slabs[PERSISTENT]);
    }
    unlock(&p->store->lock);
}

static void audit_purses_locked(struct recount *seen)
{
    struct tmem_purse *p;

    list_for_each (p, &tmem_purses, in_purses) {
        audit_purse(seen, p);
    }
    list_for_each (p, &tmem_purses, in_purses) {
        p->store->noted = false;
    }
}

/* --- X6: clients --- */

static uint64_t ephemeral_frames_locked(const struct tmem_client *c)
{
    struct tmem_purse *p;
    uint64_t frames = 0;

    list_for_each (p, &tmem_purses, in_purses) {
        if (p->owner == c) {
            frames += p->frames[EPHEMERAL] + p->slabs[EPHEMERAL].frames;
        }
    }
    return frames;
}

static void audit_client(struct recount *seen, struct tmem_client *c)
{
    uint64_t pages[KINDS] = {0};

    for (unsigned i = 0; i < TMEM_POOLS; i++) {
        struct tmem_pool *pool = c->joins[i].pool;
        bool first = true;

        for (unsigned j = 0; j < i; j++) {
            first = first && c->joins[j].pool != pool;
        }
        if (pool && pool->owner == c && first) {
            audit_pool(seen, pool, &pages[pool_kind(pool)]);
        }
    }
    for (unsigned k = 0; k < KINDS; k++) {
        expect(seen, "X6", "pages of a client", *pages_of(c, k), pages[k]);
    }
    expect(seen, "X6", "ephemeral frames of a client",
           c->counters.ephemeral_frames, ephemeral_frames_locked(c));
    expect(seen, "X6", "charged and stored pages", c->payer->kept_count,
           pages[PERSISTENT] + c->purse->slabs[PERSISTENT].frames);
    seen->weights += c->settings.weight;
}

unsigned tmem_audit(void)
{
    struct recount seen = {0};
    struct tmem_client *c;

    if (!tmem_is_up()) {
        return 0;
    }
    lock(&tmem_control);
    list_for_each (c, &tmem_clients, in_clients) {
        audit_client(&seen, c);
    }
    audit_purses_locked(&seen);
    expect(&seen, "X6", "sum of weights", tmem_weight_sum, seen.weights);
    unlock(&tmem_control);
    return seen.wrong + frames_audit(seen.used, seen.used_in_chunks);
}
