/* SPDX-License-Identifier: MIT */
/*
 * What the search does with a region of 2M, under the p2m's and PoD's lock:
 *
 *   scan     read pages while they are still mapped, if their leaf is dirty.
 *            The domain's own without another user are either zero (or hold
 *            its scrub pattern and nothing else, pattern.c), and candidates,
 *            or full
 *   unmap    candidates become placeholders; if nothing but candidates and
 *            placeholders is there, by one store: one 2M placeholder
 *   clean    the leaves of full pages lose their dirty bits
 *   flush    once; now nobody can write to candidates, nor unseen to the others
 *   verify   look again at users and contents of both
 *   restore  candidates that changed in between, as they were
 *   give     the rest to the cache: E (pages promised) and C (pages cached)
 *            rise alike, so what the promises lack stays the same
 *
 * A mapped superpage of which nothing was reclaimed in the end is put together
 * again. A region of which everything is clean is not read (rule 7 in flush.c).
 * A leaf of 2M is clean or not as a whole, so all its pages must be full. A
 * leaf of 1G never is: its other regions have not been looked at.
 */
#include "base/trace.h"
#include "lib/string.h"
#include "p2m/internal.h"

#define REGION_WORDS (TABLE_ENTRIES / 64)

struct region {
    struct p2m *p2m;
    gfn_t base;
    struct slot found;     /* level 2 or, a 1G leaf, 3: before any change */
    struct slot slot;      /* level 2, as it is now */
    struct page *detached; /* the region's table, while it is not live */
    uint64_t *frames;      /* of candidates, by index: see region_init() */
    uint64_t tried[REGION_WORDS];  /* candidates of the scan */
    uint64_t good[REGION_WORDS];   /* of them, still good after the flush */
    uint64_t filled[REGION_WORDS]; /* of them, full of the domain's pattern */
    uint64_t full[REGION_WORDS];   /* own pages with something in them */
    unsigned tried_count, good_count, full_count;
    bool cleaned; /* the leaves of full pages */
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

/* A page that only the domain itself can reach. */
static bool is_private(const struct region *r, const struct page *pg)
{
    const struct page *speaker = page_speaker(pg);

    return speaker->state == PAGE_GUEST &&
           page_is_of(speaker, r->p2m->account) && speaker->references == 1 &&
           (speaker->flags & PAGE_ALLOCATED);
}

/* What can stand for the page; P2M_RAM: nothing but itself. */
static enum p2m_type read_promise(struct region *r, const struct page *pg)
{
    r->p2m->pod->counters.sweep_pages_read++;
    return page_promise(r->p2m, pg);
}

/* What candidate i becomes. */
static enum p2m_type candidate_type(const struct region *r, unsigned i)
{
    return bit_is_set(r->filled, i) ? P2M_POD_PATTERN : P2M_POD;
}

static void note_candidate(struct region *r, unsigned i, mfn_t mfn,
                           enum p2m_type type)
{
    r->frames[i] = mfn.v;
    bit_set(r->tried, i);
    r->tried_count++;
    if (type == P2M_POD_PATTERN) {
        bit_set(r->filled, i);
    }
}

/* The leaf in which the i-th page is, as it is now. */
static struct slot region_leaf(const struct region *r, unsigned i)
{
    return r->slot.f.is_table ? region_child(r, i) : r->slot;
}

static void scan_page(struct region *r, unsigned i)
{
    struct slot s = region_leaf(r, i);
    enum p2m_type type;
    struct page *pg;
    mfn_t mfn;

    if (s.f.tag != P2M_RAM) {
        return;
    }
    if (!s.f.dirty) {
        r->p2m->pod->counters.sweep_pages_known++;
        return;
    }
    mfn = slot_mfn(&s, gfn_add(r->base, i));
    pg = page_from_mfn(mfn);
    if (!is_private(r, pg)) {
        return;
    }
    type = read_promise(r, pg);
    if (type != P2M_RAM) {
        note_candidate(r, i, mfn, type);
    } else {
        bit_set(r->full, i);
        r->full_count++;
    }
}

/* A superpage with zeros in it, and something else: a gentle search can neither
 * have it nor know it. */
static bool is_mixed_leaf(const struct region *r)
{
    return !r->slot.f.is_table && r->tried_count && r->full_count;
}

/* Looks while everything is still mapped: changes nothing. */
static void region_scan(struct region *r, bool gentle)
{
    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        scan_page(r, i);
        if (gentle && is_mixed_leaf(r)) {
            break;
        }
    }
    r->p2m->pod->counters.sweep_gfns_visited += TABLE_ENTRIES;
}

/* No candidates after all. */
static void drop_candidates(struct region *r)
{
    memset(r->tried, 0, sizeof(r->tried));
    memset(r->filled, 0, sizeof(r->filled));
    r->tried_count = 0;
}

static bool is_filled(const struct region *r, unsigned i)
{
    return bit_is_set(r->tried, i)
               ? bit_is_set(r->filled, i)
               : p2m_types[region_child(r, i).f.tag].is_pattern;
}

/* One placeholder means one thing. */
static bool region_is_uniform(const struct region *r)
{
    bool filled;

    if (!r->p2m->pod->pattern) {
        return true;
    }
    filled = is_filled(r, 0);
    for (unsigned i = 1; i < TABLE_ENTRIES; i++) {
        if (is_filled(r, i) != filled) {
            return false;
        }
    }
    return true;
}

/* Is everything that is here a candidate or a placeholder, of one kind? */
static bool region_is_whole(const struct region *r)
{
    unsigned promised = 0;

    if (r->slot.f.is_table) {
        promised = table_use(page_from_mfn(r->slot.f.mfn)).promised;
    }
    return r->tried_count + promised == TABLE_ENTRIES && region_is_uniform(r);
}

static void unmap_whole(struct region *r)
{
    enum p2m_type type = is_filled(r, 0) ? P2M_POD_PATTERN : P2M_POD;

    if (r->slot.f.is_table) {
        r->detached = slot_detach_table(r->p2m, &r->slot, type);
    } else {
        slot_set(r->p2m, &r->slot, type, INVALID_MFN);
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

            slot_set(r->p2m, &s, candidate_type(r, i), INVALID_MFN);
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

/* What was not unmapped and has something in it need not be read again before
 * somebody writes to it. */
static void region_clean(struct region *r)
{
    if (!r->p2m->format->dirty) {
        return;
    }
    if (!r->slot.f.is_table) {
        r->cleaned = r->full_count == TABLE_ENTRIES && r->slot.level == 2;
        if (r->cleaned) {
            slot_clean(r->p2m, &r->slot);
        }
        return;
    }
    r->cleaned = r->full_count;
    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        if (bit_is_set(r->full, i)) {
            struct slot s = region_child(r, i);

            slot_clean(r->p2m, &s);
        }
    }
}

static void verify_candidate(struct region *r, unsigned i)
{
    struct pod_counters *c = &r->p2m->pod->counters;
    struct page *pg = frame_page(r, i);

    c->unmaps++;
    if (is_private(r, pg) && read_promise(r, pg) == candidate_type(r, i)) {
        bit_set(r->good, i);
        r->good_count++;
    } else {
        c->unmaps_restored++;
    }
}

static void verify_full(struct region *r, unsigned i)
{
    struct slot s = region_leaf(r, i);
    struct page *pg = page_from_mfn(slot_mfn(&s, gfn_add(r->base, i)));

    if (!is_private(r, pg) || page_promise(r->p2m, pg) != P2M_RAM) {
        slot_make_dirty(r->p2m, &s);
    }
}

/* After the flush contents and users of candidates can change no more, and of
 * full pages not without making their leaf dirty. */
static void region_verify(struct region *r)
{
    p2m_settle(r->p2m);
    r->p2m->pod->counters.tlb_flushes_reclaim++;
    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        if (bit_is_set(r->tried, i)) {
            verify_candidate(r, i);
        } else if (r->cleaned && bit_is_set(r->full, i)) {
            verify_full(r, i);
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

            slot_set(r->p2m, &s, candidate_type(r, i), INVALID_MFN);
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

/* A block is known to be zero as a whole or not at all. */
static bool has_filled(const struct region *r, unsigned first, unsigned order)
{
    for (unsigned i = first; i < first + BIT(order); i++) {
        if (bit_is_set(r->filled, i)) {
            return true;
        }
    }
    return false;
}

/* A good page, or all of them, leaves the guest for the cache. */
static void give(struct region *r, unsigned first, unsigned order)
{
    struct pod *pod = r->p2m->pod;
    struct page *head = frame_page(r, first);
    uint8_t zeroed = has_filled(r, first, order) ? 0 : PAGE_ZEROED;

    if (order < BLOCK_ORDER) {
        page_split_block(head);
    }
    m2p_clear(head, order);
    for (uint64_t i = 0; i < (page_is_block(head) ? 1 : BIT(order)); i++) {
        head[i].flags |= zeroed;
    }
    pod_give_locked(pod, head, order);
    pod_entries_locked(pod, (int64_t)BIT(order));
    pod->counters.reclaimed_2m += order == ORDER_2M;
    pod->counters.reclaimed_4k += order == ORDER_4K;
    trace(TRACE_RECLAIM, r->p2m->account->id, r->base.v + first,
          page_to_mfn(head).v, order);
}

static void region_give(struct region *r)
{
    r->p2m->fit_region = ~0ULL;
    if (r->detached) {
        /* It was replaced before the flush. */
        reserve_put(r->p2m, r->detached);
        r->p2m->pod->counters.superpages_reformed++;
    }
    if (!r->found.f.is_table && r->good_count == TABLE_ENTRIES) {
        give(r, 0, ORDER_2M);
        return;
    }
    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        if (is_good(r, i)) {
            give(r, i, ORDER_4K);
        }
    }
}

/* Would the candidates cost a superpage that has more than them in it? */
static bool splits_leaf(const struct region *r)
{
    return !r->found.f.is_table && r->tried_count < TABLE_ENTRIES;
}

unsigned region_sweep(struct p2m *p2m, gfn_t base, bool gentle)
{
    struct region r;

    region_init(&r, p2m, base);
    region_scan(&r, gentle);
    if (r.tried_count && ((gentle && splits_leaf(&r)) || region_unmap(&r))) {
        drop_candidates(&r);
    }
    region_clean(&r);
    if (!r.tried_count && !r.cleaned) {
        return 0;
    }
    region_verify(&r);
    region_restore(&r);
    if (r.good_count) {
        region_give(&r);
        merge_promises(p2m, base);
        reserve_refill_locked(p2m);
    }
    /* Restoring may have left a table behind. */
    p2m_settle(p2m);
    return r.good_count;
}
