/* SPDX-License-Identifier: MIT */
/* Frames, tables, the cache, and a touch: POD-1, POD-2. See xen_rules.h. */
#include "xen_rules.h"

#include <stdlib.h>
#include <string.h>

#include "types/bits.h"
#include "unit.h"
#include "xen_internal.h"

static void *get_zeroed(uint64_t count, size_t size)
{
    void *p = calloc(count, size);

    EXPECT(p);
    return p;
}

void xen_start(struct xen_rules *x, uint64_t gfns, uint64_t frames)
{
    *x = (struct xen_rules){
        .gfn_count = ROUND_UP(gfns, XEN_PAGES),
        .frame_count = ROUND_UP(frames, XEN_PAGES),
        .max_pages = ~0ULL,
    };
    x->regions = get_zeroed(x->gfn_count / XEN_PAGES, sizeof(*x->regions));
    x->contents = get_zeroed(x->frame_count, sizeof(*x->contents));
    x->references = get_zeroed(x->frame_count, sizeof(*x->references));
    for (uint64_t i = 0; i < x->gfn_count / XEN_PAGES; i++) {
        x->regions[i].order = ORDER_2M;
    }
}

void xen_end(struct xen_rules *x)
{
    for (uint64_t i = 0; i < x->gfn_count / XEN_PAGES; i++) {
        free(x->regions[i].entries);
    }
    free(x->regions);
    free(x->contents);
    free(x->references);
    free(x->free_super.mfns);
    free(x->free_single.mfns);
    free(x->super.mfns);
    free(x->single.mfns);
}

/* --- Queues --- */

static void make_room(struct xen_queue *q)
{
    uint32_t *mfns = get_zeroed(q->room ? q->room * 2 : 1024, sizeof(*mfns));

    for (uint64_t i = 0; i < q->count; i++) {
        mfns[i] = q->mfns[(q->first + i) % q->room];
    }
    free(q->mfns);
    q->mfns = mfns;
    q->first = 0;
    q->room = q->room ? q->room * 2 : 1024;
}

void xen_push(struct xen_queue *q, uint32_t mfn)
{
    if (q->count == q->room) {
        make_room(q);
    }
    q->mfns[(q->first + q->count++) % q->room] = mfn;
}

uint32_t xen_pop(struct xen_queue *q)
{
    uint32_t mfn = q->mfns[q->first];

    q->first = (q->first + 1) % q->room;
    q->count--;
    return mfn;
}

/* --- Host frames --- */

static bool fails_now(struct xen_rules *x)
{
    return x->fail_nth && --x->fail_nth == 0;
}

static uint32_t get_super(struct xen_rules *x)
{
    uint64_t mfn = x->fresh_frame;

    if (x->free_super.count) {
        return xen_pop(&x->free_super);
    }
    if (mfn == x->frame_count) {
        return XEN_NONE;
    }
    x->fresh_frame += XEN_PAGES;
    return (uint32_t)mfn;
}

static uint32_t get_single(struct xen_rules *x)
{
    if (!x->free_single.count) {
        uint32_t mfn = get_super(x);

        for (unsigned i = 0; i < XEN_PAGES && mfn != XEN_NONE; i++) {
            xen_push(&x->free_single, mfn + i);
        }
        if (mfn == XEN_NONE) {
            return XEN_NONE;
        }
    }
    return xen_pop(&x->free_single);
}

uint32_t xen_alloc(struct xen_rules *x, unsigned order)
{
    uint32_t mfn;

    if (fails_now(x) || x->dying || x->charged + BIT(order) > x->max_pages) {
        return XEN_NONE;
    }
    mfn = order ? get_super(x) : get_single(x);
    if (mfn != XEN_NONE) {
        memset(x->contents + mfn, 0, BIT(order) * sizeof(*x->contents));
        x->charged += BIT(order);
    }
    return mfn;
}

void xen_free(struct xen_rules *x, uint32_t mfn, unsigned order)
{
    x->charged -= BIT(order);
    xen_push(order ? &x->free_super : &x->free_single, mfn);
}

/* --- Tables --- */

static struct xen_region *region_of(const struct xen_rules *x, uint64_t gfn)
{
    return &x->regions[gfn / XEN_PAGES];
}

enum xen_type xen_lookup(const struct xen_rules *x, uint64_t gfn, uint32_t *mfn,
                         unsigned *order)
{
    const struct xen_region *r = region_of(x, gfn);
    uint32_t entry;

    if (gfn >= x->gfn_count) {
        return XEN_HOLE;
    }
    entry = r->order ? (r->mfn + (uint32_t)(gfn % XEN_PAGES)) << 2 | r->type
                     : r->entries[gfn % XEN_PAGES];
    if (mfn) {
        *mfn = entry >> 2;
    }
    if (order) {
        *order = r->order;
    }
    return entry & 3;
}

/* One write of order 9 splits the whole leaf of 1 GiB (POD-2.6). */
static bool split_1g(struct xen_rules *x, uint64_t gfn)
{
    struct xen_region *r = region_of(x, gfn & ~(BIT(ORDER_1G) - 1));

    if (fails_now(x)) {
        return false;
    }
    for (unsigned i = 0; i < XEN_PAGES; i++) {
        r[i].order = ORDER_2M;
    }
    return true;
}

static bool split_2m(struct xen_rules *x, uint64_t gfn)
{
    struct xen_region *r = region_of(x, gfn);

    if (fails_now(x)) {
        return false;
    }
    r->entries = get_zeroed(XEN_PAGES, sizeof(*r->entries));
    for (uint32_t i = 0; i < XEN_PAGES; i++) {
        r->entries[i] = (r->mfn + i) << 2 | r->type;
    }
    r->order = 0;
    return true;
}

static bool split_to(struct xen_rules *x, uint64_t gfn, unsigned order)
{
    const struct xen_region *r = region_of(x, gfn);

    if (r->order > ORDER_2M && order < ORDER_1G && !split_1g(x, gfn)) {
        return false;
    }
    return !r->order || order || split_2m(x, gfn);
}

static void set_leaf(struct xen_region *r, unsigned order, enum xen_type type,
                     uint32_t mfn)
{
    free(r->entries);
    *r = (struct xen_region){.order = (uint8_t)order,
                             .type = (uint8_t)type,
                             .mfn = type == XEN_RAM ? mfn : 0};
}

bool xen_write(struct xen_rules *x, uint64_t gfn, unsigned order,
               enum xen_type type, uint32_t mfn)
{
    struct xen_region *r = region_of(x, gfn);

    if (!split_to(x, gfn, order)) {
        return false;
    }
    if (!order) {
        r->entries[gfn % XEN_PAGES] =
            (type == XEN_RAM ? mfn << 2 : 0) | (uint32_t)type;
        return true;
    }
    for (uint64_t i = 0; i < BIT(order) / XEN_PAGES; i++) {
        set_leaf(r + i, order, type, mfn);
    }
    return true;
}

uint64_t xen_mapped_superpages(const struct xen_rules *x)
{
    uint64_t count = 0;

    for (uint64_t i = 0; i < x->gfn_count / XEN_PAGES; i++) {
        count += x->regions[i].order && x->regions[i].type == XEN_RAM;
    }
    return count;
}

/* --- The cache --- */

void xen_cache_add(struct xen_rules *x, uint32_t mfn, unsigned order)
{
    memset(x->contents + mfn, 0, BIT(order) * sizeof(*x->contents));
    x->counters.pages_cleared += BIT(order);
    x->entered_cache += BIT(order);
    x->cached += (int64_t)BIT(order);
    if (order == ORDER_2M) {
        xen_push(&x->super, mfn);
        return;
    }
    for (uint32_t i = 0; i < BIT(order); i++) {
        xen_push(&x->single, mfn + i);
    }
}

uint32_t xen_cache_take(struct xen_rules *x, unsigned order)
{
    struct xen_queue *q = order ? &x->super : &x->single;

    if (!order && !q->count && x->super.count) {
        uint32_t mfn = xen_pop(&x->super);

        for (unsigned i = 0; i < XEN_PAGES; i++) {
            xen_push(&x->single, mfn + i);
        }
    }
    if (!q->count) {
        return XEN_NONE;
    }
    x->cached -= (int64_t)BIT(order);
    return xen_pop(q);
}

void xen_rebalance(struct xen_rules *x)
{
    while (x->cached > x->entries) {
        bool whole = x->cached - x->entries > XEN_PAGES && x->super.count;
        unsigned order = whole ? ORDER_2M : ORDER_4K;

        x->counters.cache_freed += BIT(order);
        xen_free(x, xen_cache_take(x, order), order);
    }
}

/* --- A touch --- */

void xen_crash(struct xen_rules *x)
{
    x->dead = true;
}

void xen_lock_begin(struct xen_rules *x)
{
    x->hold = 0;
}

void xen_looked_at(struct xen_rules *x, uint64_t gfns)
{
    x->hold += gfns;
    x->counters.max_gfns_per_lock_hold =
        MAX(x->counters.max_gfns_per_lock_hold, x->hold);
}

static void ring_record(struct xen_rules *x, uint64_t gfn, unsigned order)
{
    x->ring[x->ring_next].gfn = gfn & ~(BIT(order) - 1);
    x->ring[x->ring_next].order = (uint8_t)order;
    x->ring[x->ring_next].used = true;
    x->ring_next = (x->ring_next + 1) % ARRAY_COUNT(x->ring);
}

/* POD-2.10..2.13 */
static bool install(struct xen_rules *x, uint64_t gfn, unsigned order)
{
    uint32_t mfn = xen_cache_take(x, order);

    if (!xen_write(x, gfn & ~(BIT(order) - 1), order, XEN_RAM, mfn)) {
        xen_cache_add(x, mfn, order);
        return false;
    }
    x->entries -= (int64_t)BIT(order);
    x->counters.populate_2m += order == ORDER_2M;
    x->counters.populate_4k += order == ORDER_4K;
    ring_record(x, gfn, order);
    return true;
}

/* 2 MiB of the promise; true: look again at what is smaller now. */
static bool splinter(struct xen_rules *x, uint64_t gfn)
{
    x->counters.splinter_2m++;
    return split_2m(x, gfn);
}

enum outcome {
    DONE,
    AGAIN,
    FAILED,
};

/* POD-2.5..2.10 in their order. */
static enum outcome populate(struct xen_rules *x, uint64_t gfn, unsigned order)
{
    if (x->dying) {
        return FAILED;
    }
    if (order == ORDER_1G) {
        x->counters.splinter_1g++;
        return split_1g(x, gfn) ? AGAIN : FAILED;
    }
    if (xen_deficit(x) > 0) {
        xen_reclaim_eagerly(x);
    }
    if (!x->cached) {
        xen_sweep(x);
    }
    if (!x->cached) {
        x->counters.oom_events++;
        xen_crash(x);
        return FAILED;
    }
    x->max_guest = MAX(x->max_guest, gfn);
    if (order == ORDER_2M && !x->super.count) {
        return splinter(x, gfn) ? AGAIN : FAILED;
    }
    return install(x, gfn, order) ? DONE : FAILED;
}

bool xen_touch(struct xen_rules *x, uint64_t gfn, uint32_t *mfn)
{
    enum outcome outcome = AGAIN;
    unsigned order;

    xen_lock_begin(x);
    while (outcome == AGAIN && !x->dead &&
           xen_lookup(x, gfn, mfn, &order) == XEN_POD) {
        outcome = populate(x, gfn, order);
    }
    if (!x->dead && outcome == FAILED) {
        x->accesses_emulated++; /* POD-2.17 */
    }
    return !x->dead && xen_lookup(x, gfn, mfn, NULL) == XEN_RAM;
}

/* --- Audit --- */

static void count_region(const struct xen_region *r, uint64_t counts[4])
{
    for (unsigned i = 0; i < XEN_PAGES; i++) {
        counts[r->order ? r->type : r->entries[i] & 3]++;
    }
}

const char *xen_audit(const struct xen_rules *x)
{
    uint64_t counts[4] = {0};

    for (uint64_t i = 0; i < x->gfn_count / XEN_PAGES; i++) {
        count_region(&x->regions[i], counts);
    }
    if ((uint64_t)x->entries != counts[XEN_POD]) {
        return "entries";
    }
    if ((uint64_t)x->cached != x->super.count * XEN_PAGES + x->single.count) {
        return "cache";
    }
    if (x->charged != counts[XEN_RAM] + (uint64_t)x->cached + x->orphans) {
        return "charged pages";
    }
    return NULL;
}
