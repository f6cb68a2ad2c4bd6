/* SPDX-License-Identifier: MIT */
/*
 * Where data is: blocks, which are frames of 1 to 4 slots of one size, and the
 * purses that have them.
 *
 *   a slot's refs = pages that are linked to it (chained by `same`), and one
 *                   for each PUT between data_place() and slot_link_locked()
 *   a block's used = slots whose refs are not 0; none: the frame goes
 *   purse.frames[kind] = its blocks of that kind
 *   a block of more than one slot is on `partial` while it has free ones
 *
 * Clients of one group have one store. What one of them stores and another has
 * stored already is not stored again: contents are found by a keyed hash of the
 * bytes as they are stored, and compared (T-33). The block stays in the purse
 * of who came first; at the end of that one it goes to one that shares it. A
 * slot is shared by SHARERS_MAX pages at most, so giving up a frame is bounded;
 * beyond that there is a second slot with the same contents.
 *
 * Blocks of ephemeral data are in the order of their stamps, more or less: a
 * slot that is filled anew moves its block's stamp, the mean of all its slots,
 * and its place (T-35).
 */
#include "lib/string.h"
#include "mm/heap.h"
#include "overcommit/tmem_internal.h"

#define FRAMES_PER_CONTENT_BUCKET 32

uint64_t tmem_stamp;

struct tmem_store *store_create(uint32_t group)
{
    struct tmem_store *s = heap_alloc(sizeof(*s));
    uint64_t buckets = 512;

    if (!s) {
        return NULL;
    }
    while (buckets < frame_count / FRAMES_PER_CONTENT_BUCKET) {
        buckets *= 2;
    }
    if (group) {
        s->contents = heap_alloc_array(buckets, sizeof(struct tmem_content *));
        s->content_mask = buckets - 1;
        if (!s->contents) {
            heap_free(s);
            return NULL;
        }
    }
    lock_init(&s->lock, RANK_TMEM_STORE);
    s->group = group;
    for (unsigned k = 0; k < KINDS; k++) {
        slabs_init(&s->slabs[k], s, NULL, k);
    }
    return s;
}

void store_destroy(struct tmem_store *s)
{
    slabs_shrink(&s->slabs[EPHEMERAL]);
    slabs_shrink(&s->slabs[PERSISTENT]);
    CHECK(!s->slabs[EPHEMERAL].frames && !s->slabs[PERSISTENT].frames);
    CHECK(!s->content_count);
    heap_free(s->contents);
    heap_free(s);
}

void purse_init(struct tmem_purse *p, struct tmem_store *s)
{
    p->store = s;
    p->refs = 1;
    p->oldest = ~0ULL;
    for (unsigned k = 0; k < KINDS; k++) {
        list_init(&p->blocks[k]);
        slabs_init(&p->slabs[k], s, p, k);
        for (unsigned i = 0; i < FRAGMENT_SIZES; i++) {
            list_init(&p->partial[k][i]);
        }
    }
}

/* --- Blocks --- */

const void *slot_bytes(const struct tmem_block *b, unsigned slot)
{
    return (const char *)page_map(b->frame) + slot_offset(slot, b->slot_count);
}

void purse_note_oldest_locked(struct tmem_purse *p)
{
    uint64_t oldest = ~0ULL;

    if (!list_empty(&p->blocks[EPHEMERAL])) {
        oldest = list_first(&p->blocks[EPHEMERAL], struct tmem_block, in_purse)
                     ->stamp;
    }
    WRITE_ONCE(p->oldest, oldest);
}

void purse_count_locked(struct tmem_purse *p, enum kind kind, int64_t frames)
{
    p->frames[kind] += (uint64_t)frames;
    if (kind == EPHEMERAL) {
        count_add(&p->owner->counters.ephemeral_frames, frames);
    }
}

static struct list *partial_list(const struct tmem_block *b)
{
    return &b->purse->partial[b->kind][b->slot_count - 2];
}

/* As young as one that is stored now. */
void block_touch_locked(struct tmem_block *b)
{
    b->stamp = READ_ONCE(tmem_stamp);
    list_del(&b->in_purse);
    list_add_tail(&b->purse->blocks[b->kind], &b->in_purse);
    purse_note_oldest_locked(b->purse);
}

static struct tmem_block *block_create(struct tmem_purse *p, enum kind kind,
                                       unsigned slot_count, struct page *frame)
{
    enum slab_class class = (enum slab_class)(SLAB_BLOCK_1 + slot_count - 1);
    struct tmem_block *b = slab_take_locked(&p->store->slabs[kind], class);

    if (!b) {
        return NULL;
    }
    b->purse = p;
    b->kind = (uint8_t)kind;
    b->slot_count = (uint8_t)slot_count;
    b->frame = frame;
    frame_set_user(frame, p->store, b);
    list_add_tail(&p->blocks[kind], &b->in_purse);
    list_init(&b->partial);
    if (slot_count > 1) {
        list_add(partial_list(b), &b->partial);
    }
    purse_count_locked(p, kind, 1);
    return b;
}

/* Nobody uses it, or looks at it: the frame is free. */
void block_settle_locked(struct tmem_block *b)
{
    struct tmem_purse *p = b->purse;

    if (b->used || b->pins) {
        return;
    }
    list_del(&b->in_purse);
    list_del(&b->partial);
    purse_count_locked(p, b->kind, -1);
    purse_note_oldest_locked(p);
    frame_put(b->frame, b->kind);
    slab_give_locked(b);
}

/* --- Contents that may be shared --- */

static struct tmem_content **content_bucket(struct tmem_store *s, uint64_t hash)
{
    return &s->contents[hash & s->content_mask];
}

static bool is_same(const struct tmem_content *c, enum kind kind,
                    const struct tmem_data *d, uint64_t hash)
{
    const struct tmem_slot *slot = &c->block->slots[c->slot];

    return c->hash == hash && c->block->kind == kind && slot->form == d->form &&
           slot->length == d->length && slot->refs < SHARERS_MAX &&
           memcmp(slot_bytes(c->block, c->slot), d->bytes, d->length) == 0;
}

static bool find_content(struct tmem_store *s, enum kind kind,
                         struct tmem_data *d, uint64_t hash)
{
    struct tmem_content *c = *content_bucket(s, hash);

    while (c && !is_same(c, kind, d, hash)) {
        c = c->next;
    }
    if (!c) {
        return false;
    }
    d->block = c->block;
    d->slot = c->slot;
    c->block->slots[c->slot].refs++;
    return true;
}

/* There is a record for it: data_place() has looked. */
static void add_content(struct tmem_store *s, const struct tmem_data *d,
                        uint64_t hash)
{
    struct tmem_content *c =
        slab_take_locked(&s->slabs[d->block->kind], SLAB_CONTENT);
    struct tmem_content **bucket = content_bucket(s, hash);

    *c = (struct tmem_content){*bucket, hash, d->block, d->slot};
    *bucket = c;
    d->block->slots[d->slot].content = c;
    s->content_count++;
}

static void drop_content(struct tmem_store *s, struct tmem_content *c)
{
    struct tmem_content **at = content_bucket(s, c->hash);

    while (*at != c) {
        at = &(*at)->next;
    }
    *at = c->next;
    s->content_count--;
    slab_give_locked(c);
}

/* --- Slots --- */

static unsigned slots_for(const struct tmem_data *d)
{
    unsigned n = SLOTS_MAX;

    while (d->length > slot_size(n)) {
        n--;
    }
    return d->form == TMEM_RAW ? 1 : n;
}

static unsigned free_slot(const struct tmem_block *b)
{
    unsigned slot = 0;

    while (b->slots[slot].refs) {
        slot++;
    }
    return slot;
}

static void fill_slot(struct tmem_block *b, struct tmem_data *d)
{
    struct tmem_slot *slot = &b->slots[d->slot];
    uint64_t now = __atomic_add_fetch(&tmem_stamp, 1, __ATOMIC_RELAXED);

    d->block = b;
    *slot = (struct tmem_slot){
        .length = (uint16_t)d->length, .refs = 1, .form = (uint8_t)d->form};
    b->used++;
    b->stamp += (now - b->stamp) / b->used;
    b->attempted = false;
    if (b->used == b->slot_count) {
        list_del(&b->partial);
    }
    purse_note_oldest_locked(b->purse);
}

/* Copy it where it belongs: what is in our frame at its beginning is there. */
static void write_slot(const struct tmem_data *d)
{
    void *to = (char *)page_map(d->block->frame) +
               slot_offset(d->slot, d->block->slot_count);

    if (to == d->bytes) {
        return;
    }
    if (d->form == TMEM_RAW) {
        arch_page_copy(to, d->bytes);
    } else {
        memcpy(to, d->bytes, d->length);
    }
}

/* A new slot; the store's lock is held. NULL: *class is missing. */
static struct tmem_block *take_slot(struct tmem_purse *p, enum kind kind,
                                    struct tmem_data *d, enum slab_class *class)
{
    struct tmem_store *s = p->store;
    unsigned n = slots_for(d);
    struct list *partial = n > 1 ? &p->partial[kind][n - 2] : NULL;
    struct tmem_block *b;

    *class = SLAB_CONTENT;
    if (s->contents && list_empty(&s->slabs[kind].partial[SLAB_CONTENT])) {
        return NULL;
    }
    *class = (enum slab_class)(SLAB_BLOCK_1 + n - 1);
    if (partial && !list_empty(partial)) {
        b = list_first(partial, struct tmem_block, partial);
    } else if (!d->frame) {
        *class = NO_SLAB;
        return NULL;
    } else {
        b = block_create(p, kind, n, d->frame);
        d->frame = b ? NULL : d->frame;
    }
    if (b) {
        d->slot = free_slot(b);
        fill_slot(b, d);
    }
    return b;
}

bool data_place(struct tmem_purse *p, enum kind kind, struct tmem_data *d,
                enum slab_class *class)
{
    struct tmem_store *s = p->store;
    uint64_t hash = s->contents ? hash_bytes(d->bytes, d->length) : 0;
    struct tmem_block *b;

    lock(&s->lock);
    if (s->contents && find_content(s, kind, d, hash)) {
        unlock(&s->lock);
        this_tmem_cpu()->counters.deduped_puts++;
        return true;
    }
    b = take_slot(p, kind, d, class);
    if (b && s->contents) {
        write_slot(d); /* before others can find it */
        add_content(s, d, hash);
    }
    unlock(&s->lock);
    if (b && !s->contents) {
        write_slot(d);
    }
    return b;
}

static void slot_leave(struct tmem_block *b, unsigned slot)
{
    struct tmem_slot *at = &b->slots[slot];

    CHECK(at->refs);
    if (--at->refs) {
        return;
    }
    if (at->content) {
        drop_content(b->purse->store, at->content);
    }
    *at = (struct tmem_slot){0};
    if (b->used-- == b->slot_count && b->slot_count > 1) {
        list_add(partial_list(b), &b->partial);
    }
    block_settle_locked(b);
}

void data_unplace(struct tmem_store *s, struct tmem_data *d)
{
    lock(&s->lock);
    slot_leave(d->block, d->slot);
    unlock(&s->lock);
    d->block = NULL;
}

void slot_link_locked(struct tmem_page *p, const struct tmem_data *d)
{
    struct tmem_slot *slot;

    p->form = (uint8_t)d->form;
    if (d->form == TMEM_FILLED) {
        p->word = d->word;
        return;
    }
    slot = &d->block->slots[d->slot];
    p->block = d->block;
    p->slot = (uint8_t)d->slot;
    p->same = slot->first;
    slot->first = p;
}

void slot_unlink_locked(struct tmem_page *p)
{
    struct tmem_block *b = p->block;
    struct tmem_page **at;

    if (p->form == TMEM_FILLED) {
        return;
    }
    at = &b->slots[p->slot].first;
    while (*at != p) {
        at = &(*at)->same;
    }
    *at = p->same;
    p->form = TMEM_FILLED;
    p->word = 0;
    slot_leave(b, p->slot);
}

/* --- The end of a purse --- */

/* A purse of the same store that has a page in it; NULL: in a moment. */
static struct tmem_purse *sharer_of(const struct tmem_block *b)
{
    for (unsigned i = 0; i < b->slot_count; i++) {
        const struct tmem_page *p = b->slots[i].first;

        if (p && p->anchor) {
            return p->anchor->pool->purse;
        }
    }
    return NULL;
}

static void hand_over(struct tmem_block *b, struct tmem_purse *to)
{
    purse_count_locked(b->purse, b->kind, -1);
    purse_count_locked(to, b->kind, 1);
    list_del(&b->in_purse);
    b->purse = to;
    list_add(&to->blocks[b->kind], &b->in_purse);
    if (!list_empty(&b->partial)) {
        list_del(&b->partial);
        list_add(partial_list(b), &b->partial);
    }
    purse_note_oldest_locked(to);
}

bool purse_hand_over_locked(struct tmem_purse *p)
{
    for (unsigned k = 0; k < KINDS; k++) {
        unsigned budget = STEP_PAGES;

        while (!list_empty(&p->blocks[k]) && budget--) {
            struct tmem_block *b =
                list_first(&p->blocks[k], struct tmem_block, in_purse);
            struct tmem_purse *to = sharer_of(b);

            if (!to || to == p || b->pins) {
                return false;
            }
            hand_over(b, to);
        }
    }
    purse_note_oldest_locked(p);
    return list_empty(&p->blocks[EPHEMERAL]) &&
           list_empty(&p->blocks[PERSISTENT]);
}
