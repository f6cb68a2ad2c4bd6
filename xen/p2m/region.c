/* SPDX-License-Identifier: MIT */
/*
 * The search for memory that a guest has but does not need: pages full of
 * zeros are turned back into promises and go to the cache.
 *
 * A cursor goes round and round over the domain's gfns. One slice looks at
 * one region of 2M that has frames, and passes over holes and placeholders
 * entry by entry or table by table on the way there; then the lock is let go
 * and the vCPU that waits for a page goes through the scheduler. Several vCPUs
 * may search at once and share the cursor. A search is in vain when everything
 * was covered since it began and since a page was last found, taken or added
 * (`fruitless`): a whole lap, wherever the cursor was and whoever interrupted
 * it. What became zero after its beginning may have been missed, though, if
 * the guest's other CPUs are at work; guest/ decides what to make of that.
 *
 * In a region, under the p2m lock:
 *
 *   scan     read pages while they are still mapped; candidates are the
 *            domain's own, have no other user, and are all zero
 *   unmap    candidates become placeholders; if nothing but candidates and
 *            placeholders is there, by one store: one 2M placeholder
 *   flush    once; now nobody can write to them
 *   verify   look again at users and contents
 *   restore  what changed in between, as it was
 *   give     the rest to the cache: E and C rise alike, D stays
 *
 * A mapped superpage of which nothing was reclaimed in the end is put together
 * again. A region without candidates is not touched at all.
 */
#include "base/trace.h"
#include "p2m/internal.h"

#define REGION_WORDS (TABLE_ENTRIES / 64)

struct region {
    struct p2m *p2m;
    gfn_t base;
    struct slot found;     /* level 2 or, a 1G leaf, 3: before any change */
    struct slot slot;      /* level 2, as it is now */
    struct page *detached; /* the region's table, while it is not live */
    uint64_t *frames;      /* of candidates, by index: see region_init() */
    uint64_t tried[REGION_WORDS]; /* candidates of the scan */
    uint64_t good[REGION_WORDS];  /* of them, still good after the flush */
    unsigned tried_count, good_count;
};

static bool bit_is_set(const uint64_t *words, unsigned i)
{
    return words[i / 64] & BIT(i % 64);
}

static void bit_set(uint64_t *words, unsigned i)
{
    words[i / 64] |= BIT(i % 64);
}

static bool is_good(const struct region *r, unsigned i)
{
    return bit_is_set(r->good, i);
}

static bool is_bad(const struct region *r, unsigned i)
{
    return bit_is_set(r->tried, i) && !is_good(r, i);
}

/* Nothing is parked: the sweep settled first. So the records' room is free to
 * note the frames that are about to lose their translation. */
static void region_init(struct region *r, struct p2m *p2m, gfn_t base)
{
    *r = (struct region){.p2m = p2m, .base = base, .frames = p2m->parked};
    r->found = r->slot = walk_find_level(p2m, base, order_level(ORDER_2M));
    CHECK(!p2m->parked_count);
}

/* The slot of the i-th gfn in the region's table, live or detached. */
static struct slot region_child(const struct region *r, unsigned i)
{
    struct slot table = r->slot;

    if (r->detached) {
        table.f.is_table = true;
        table.f.mfn = page_to_mfn(r->detached);
    }
    return slot_child(r->p2m, &table, i);
}

static struct page *frame_page(const struct region *r, unsigned i)
{
    return page_from_mfn(MFN(r->frames[i]));
}

/* A page that only the domain itself can reach, with nothing in it. */
static bool is_reclaimable(const struct region *r, const struct page *pg)
{
    const struct page *speaker = page_speaker(pg);

    if (speaker->state != PAGE_GUEST || speaker->owner != r->p2m->account ||
        speaker->references != 1 || !(speaker->flags & PAGE_ALLOCATED)) {
        return false;
    }
    r->p2m->pod->counters.sweep_pages_read++;
    return arch_page_is_zero(page_map(pg));
}

/* Looks while everything is still mapped: changes nothing. */
static void region_scan(struct region *r)
{
    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        struct slot s = r->slot.f.is_table ? region_child(r, i) : r->slot;
        mfn_t mfn;

        if (s.f.tag != P2M_RAM) {
            continue;
        }
        mfn = slot_mfn(&s, gfn_add(r->base, i));
        if (is_reclaimable(r, page_from_mfn(mfn))) {
            r->frames[i] = mfn.v;
            bit_set(r->tried, i);
            r->tried_count++;
        }
    }
    r->p2m->pod->counters.sweep_gfns_visited += TABLE_ENTRIES;
}

/* Is everything that is here a candidate or a placeholder? */
static bool region_is_whole(const struct region *r)
{
    unsigned promised = 0;

    if (r->slot.f.is_table) {
        promised = table_use(page_from_mfn(r->slot.f.mfn)).promised;
    }
    return r->tried_count + promised == TABLE_ENTRIES;
}

static void unmap_whole(struct region *r)
{
    if (r->slot.f.is_table) {
        r->detached = slot_detach_table(r->p2m, &r->slot, P2M_POD);
    } else {
        slot_set(r->p2m, &r->slot, P2M_POD, INVALID_MFN);
    }
}

/* Get the region a table of its own. */
static int region_split(struct region *r)
{
    struct slot child;
    int rc = walk_split(r->p2m, r->base, ORDER_4K, &child);

    r->slot = walk_find_level(r->p2m, r->base, order_level(ORDER_2M));
    return rc;
}

static int unmap_pieces(struct region *r)
{
    int rc = region_split(r);

    for (unsigned i = 0; i < TABLE_ENTRIES && !rc; i++) {
        if (bit_is_set(r->tried, i)) {
            struct slot s = region_child(r, i);

            slot_set(r->p2m, &s, P2M_POD, INVALID_MFN);
        }
    }
    return rc;
}

/* -ENOMEM: no table to split a leaf with; nothing changed. */
static int region_unmap(struct region *r)
{
    int rc;

    if (!region_is_whole(r)) {
        return unmap_pieces(r);
    }
    rc = walk_split(r->p2m, r->base, ORDER_2M, &r->slot);
    if (!rc) {
        unmap_whole(r);
    }
    return rc;
}

/* After the flush contents and users can change no more. */
static void region_verify(struct region *r)
{
    struct pod_counters *c = &r->p2m->pod->counters;

    p2m_settle(r->p2m);
    c->tlb_flushes_reclaim++;
    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        if (!bit_is_set(r->tried, i)) {
            continue;
        }
        c->unmaps++;
        if (is_reclaimable(r, frame_page(r, i))) {
            bit_set(r->good, i);
            r->good_count++;
        } else {
            c->unmaps_restored++;
        }
    }
}

/* Nothing came of it: a leaf that was there before comes back as it was. */
static void restore_found_leaf(struct region *r)
{
    struct slot s = walk_find_level(r->p2m, r->base, r->found.level);

    slot_set(r->p2m, &s, P2M_RAM, r->found.f.mfn);
    r->good_count = 0;
}

/* A table that waits aside learns which of its pages stay away, then it goes
 * back to where it was. */
static void restore_table(struct region *r)
{
    struct page *table = r->detached;

    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        if (is_good(r, i)) {
            struct slot s = region_child(r, i);

            slot_set(r->p2m, &s, P2M_POD, INVALID_MFN);
        }
    }
    r->detached = NULL;
    slot_reattach(r->p2m, &r->slot, table);
}

static void restore_pieces(struct region *r)
{
    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        if (is_bad(r, i)) {
            struct slot s = region_child(r, i);

            slot_set(r->p2m, &s, P2M_RAM, MFN(r->frames[i]));
        }
    }
}

static void region_restore(struct region *r)
{
    if (r->good_count == r->tried_count) {
        return;
    }
    if (r->detached) {
        restore_table(r);
    } else if (!r->found.f.is_table && (!r->good_count || region_split(r))) {
        restore_found_leaf(r);
    } else {
        restore_pieces(r);
    }
}

/* A good page leaves the guest for the cache. */
static void give(struct region *r, struct page *head, unsigned order)
{
    struct pod *pod = r->p2m->pod;

    if (order < BLOCK_ORDER) {
        page_split_block(head);
    }
    m2p_clear(head, order);
    for (uint64_t i = 0; i < (page_is_block(head) ? 1 : BIT(order)); i++) {
        head[i].flags |= PAGE_ZEROED;
    }
    pod_give_locked(pod, head, order);
    pod_entries_locked(pod, (int64_t)BIT(order));
    pod->counters.reclaimed_2m += order == ORDER_2M;
    pod->counters.reclaimed_4k += order == ORDER_4K;
    trace(TRACE_RECLAIM, r->p2m->account->id, r->base.v, page_to_mfn(head).v,
          order);
}

static void region_give(struct region *r)
{
    if (r->detached) {
        /* It was replaced before the flush. */
        page_free_table(r->p2m->account, r->detached);
        r->p2m->pod->counters.superpages_reformed++;
    }
    if (!r->found.f.is_table && r->good_count == TABLE_ENTRIES) {
        give(r, frame_page(r, 0), ORDER_2M);
        return;
    }
    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        if (is_good(r, i)) {
            give(r, frame_page(r, i), ORDER_4K);
        }
    }
}

/* Returns whether a page was found. */
static bool region_sweep(struct p2m *p2m, gfn_t base)
{
    struct region r;

    region_init(&r, p2m, base);
    region_scan(&r);
    if (!r.tried_count || region_unmap(&r)) {
        return false;
    }
    region_verify(&r);
    region_restore(&r);
    if (r.good_count) {
        region_give(&r);
    }
    /* Restoring may have left a table behind. */
    p2m_settle(p2m);
    return r.good_count;
}

/* Whether the walk must stop here; a leaf or table of something else is
 * passed over at one look. */
static bool may_have_frames(const struct slot *s)
{
    if (s->f.is_table) {
        return table_use(page_from_mfn(s->f.mfn)).busy;
    }
    return s->f.tag == P2M_RAM;
}

static void advance(struct p2m *p2m, unsigned order)
{
    uint64_t lap = p2m->max_gfn.v + 1;
    uint64_t next = gfn_align(p2m->sweep_cursor, order).v + BIT(order);
    uint64_t covered = MIN(next, lap) - p2m->sweep_cursor.v;

    p2m->sweep_covered += covered;
    p2m->sweep_fruitless += covered;
    p2m->sweep_cursor = GFN(next < lap ? next : 0);
}

static bool is_in_vain(const struct p2m *p2m, const struct p2m_search *search)
{
    return p2m->sweep_fruitless > p2m->max_gfn.v &&
           p2m->sweep_covered - search->start > p2m->max_gfn.v;
}

static bool sweep_slice(struct p2m *p2m, const struct p2m_search *search)
{
    struct pod_counters *c = &p2m->pod->counters;

    for (unsigned looks = 0; looks < TABLE_ENTRIES; looks++) {
        gfn_t base = p2m->sweep_cursor;
        struct slot s = walk_find_level(p2m, base, order_level(ORDER_2M));

        if (may_have_frames(&s)) {
            c->max_gfns_per_lock_hold =
                MAX(c->max_gfns_per_lock_hold, TABLE_ENTRIES);
            advance(p2m, ORDER_2M);
            return region_sweep(p2m, base);
        }
        advance(p2m, slot_order(&s));
        if (is_in_vain(p2m, search)) {
            break;
        }
    }
    return false;
}

static enum p2m_sweep_result sweep_locked(struct p2m *p2m,
                                          struct p2m_search *search)
{
    if (!search->begun || search->start > p2m->sweep_covered) {
        search->begun = true;
        search->start = p2m->sweep_covered;
    }
    if (READ_ONCE(p2m->pod->cache_count) || sweep_slice(p2m, search)) {
        p2m->sweep_fruitless = 0;
        return P2M_SWEEP_FOUND;
    }
    return is_in_vain(p2m, search) ? P2M_SWEEP_NOTHING : P2M_SWEEP_MORE;
}

enum p2m_sweep_result p2m_sweep(struct p2m *p2m, struct p2m_search *search)
{
    enum p2m_sweep_result result = P2M_SWEEP_NOTHING;

    lock(&p2m->lock);
    p2m_settle(p2m); /* what is parked may be all that is needed */
    lock(&p2m->pod->lock);
    if (!p2m->dying) {
        result = sweep_locked(p2m, search);
    }
    unlock(&p2m->pod->lock);
    unlock(&p2m->lock);
    if (result != P2M_SWEEP_MORE) {
        search->begun = false;
    }
    return result;
}
