/* SPDX-License-Identifier: MIT */
/*
 * The search for memory that a guest has but does not need: pages full of
 * zeros are turned back into promises and go to the cache.
 *
 * A cursor goes round and round over the domain's gfns. One slice looks at
 * one region of 2M that has frames (region.c), and on the way there passes at
 * one look over each hole, placeholder, table with nothing but these in it, and
 * leaf of 2M that is known to have no zero page (rule 7 in flush.c); then the
 * lock is let go and the vCPU that waits for a page goes through the scheduler.
 *
 * Several vCPUs may search at once and share the cursor. A search is in vain
 * when everything was covered since it began and since a page was last found,
 * taken or added (`fruitless`): a whole lap, wherever the cursor was and
 * whoever interrupted it. What became zero after its beginning may have been
 * missed, though, if the guest's other CPUs are at work; guest/ decides what to
 * make of that.
 *
 * A gentle search has a cursor of its own, since what it passes over is no
 * proof for the others: it takes no page out of a superpage.
 */
#include "p2m/internal.h"

/* One slice: from where, how far at most, and how far it came. */
struct slice {
    gfn_t cursor;
    uint64_t limit, covered;
    bool gentle;
};

static uint64_t lap(const struct p2m *p2m)
{
    return p2m->max_gfn.v + 1;
}

/* Must the slice stop and look at what is in it? */
static bool must_look(struct p2m *p2m, const struct slot *s)
{
    if (s->f.is_table) {
        return table_use(page_from_mfn(s->f.mfn)).busy;
    }
    if (s->f.tag == P2M_RAM && !s->f.dirty) {
        p2m->pod->counters.sweep_pages_known += BIT(slot_order(s));
    }
    return s->f.tag == P2M_RAM && s->f.dirty;
}

static void advance(struct p2m *p2m, struct slice *slice, unsigned order)
{
    uint64_t next = gfn_align(slice->cursor, order).v + BIT(order);

    slice->covered += MIN(next, lap(p2m)) - slice->cursor.v;
    slice->cursor = GFN(next < lap(p2m) ? next : 0);
}

/* Returns how many pages were found. */
static unsigned sweep_slice(struct p2m *p2m, struct slice *slice)
{
    struct pod_counters *c = &p2m->pod->counters;

    for (unsigned looks = 0;
         looks < TABLE_ENTRIES && slice->covered < slice->limit; looks++) {
        gfn_t base = slice->cursor;
        struct slot s = walk_find_busy(p2m, base);

        if (must_look(p2m, &s)) {
            c->max_gfns_per_lock_hold =
                MAX(c->max_gfns_per_lock_hold, TABLE_ENTRIES);
            advance(p2m, slice, ORDER_2M);
            return region_sweep(p2m, base, slice->gentle);
        }
        c->sweep_gfns_visited++;
        advance(p2m, slice, slot_order(&s));
    }
    return 0;
}

/* How far a search has to go yet until it is in vain. */
static uint64_t left_of_lap(const struct p2m *p2m,
                            const struct p2m_search *search)
{
    uint64_t own = p2m->sweep_covered - search->start;

    return lap(p2m) - MIN(MIN(own, p2m->sweep_fruitless), lap(p2m));
}

static void sweep_more(struct p2m *p2m, struct p2m_search *search)
{
    struct slice slice = {.cursor = p2m->sweep_cursor,
                          .limit = left_of_lap(p2m, search)};
    unsigned found = sweep_slice(p2m, &slice);

    p2m->sweep_cursor = slice.cursor;
    p2m->sweep_covered += slice.covered;
    p2m->sweep_fruitless += slice.covered;
    if (found) {
        p2m->sweep_fruitless = 0;
    }
    search->found += found;
}

static bool has_enough(const struct p2m *p2m, const struct p2m_search *search)
{
    uint64_t cached = READ_ONCE(p2m->pod->cache_count);

    return cached && cached >= search->enough;
}

static enum p2m_sweep_result sweep_locked(struct p2m *p2m,
                                          struct p2m_search *search)
{
    if (!search->begun || search->start > p2m->sweep_covered) {
        search->begun = true;
        search->start = p2m->sweep_covered;
        p2m->pod->counters.searches += !search->enough;
    }
    if (has_enough(p2m, search)) {
        p2m->sweep_fruitless = 0;
        return P2M_SWEEP_FOUND;
    }
    sweep_more(p2m, search);
    if (has_enough(p2m, search)) {
        return P2M_SWEEP_FOUND;
    }
    return left_of_lap(p2m, search) ? P2M_SWEEP_MORE : P2M_SWEEP_NOTHING;
}

static enum p2m_sweep_result gentle_locked(struct p2m *p2m,
                                           struct p2m_search *search)
{
    struct slice slice = {.cursor = search->cursor,
                          .limit = lap(p2m) - MIN(search->fruitless, lap(p2m)),
                          .gentle = true};
    unsigned found;

    if (has_enough(p2m, search)) {
        return P2M_SWEEP_FOUND;
    }
    if (slice.cursor.v >= lap(p2m)) {
        slice.cursor = GFN(0);
    }
    found = sweep_slice(p2m, &slice);
    search->found += found;
    search->fruitless = found ? 0 : search->fruitless + slice.covered;
    search->cursor = slice.cursor;
    if (has_enough(p2m, search)) {
        return P2M_SWEEP_FOUND;
    }
    return search->fruitless < lap(p2m) ? P2M_SWEEP_MORE : P2M_SWEEP_NOTHING;
}

enum p2m_sweep_result p2m_sweep(struct p2m *p2m, struct p2m_search *search)
{
    enum p2m_sweep_result result = P2M_SWEEP_NOTHING;

    lock(&p2m->lock);
    p2m_settle(p2m); /* what is parked may be all that is needed */
    lock(&p2m->pod->lock);
    if (!p2m->dying) {
        result = search->gentle ? gentle_locked(p2m, search)
                                : sweep_locked(p2m, search);
    }
    unlock(&p2m->pod->lock);
    unlock(&p2m->lock);
    if (result != P2M_SWEEP_MORE) {
        search->begun = false;
        search->fruitless = 0;
    }
    return result;
}
