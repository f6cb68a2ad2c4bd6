/* SPDX-License-Identifier: MIT */
/*
 * Promises that nobody has asked for yet. A balloon that gives these up first
 * costs nothing: no page is populated, cleared, split off or flushed for it
 * (P14). Looking goes by whole tables where a table's counts allow it, and at
 * 512 slots per lock hold.
 */
#include "p2m/internal.h"

/* Gfns from gfn to the end of the slot, `left` at most. */
static uint64_t rest_of_slot(const struct slot *s, gfn_t gfn, uint64_t left)
{
    uint64_t size = BIT(slot_order(s));

    return MIN(size - gfn.v % size, left);
}

/* The table of 4K leaves at a slot is all promises, or has none. */
static bool is_all_promised(const struct slot *s)
{
    return s->f.is_table &&
           table_use(page_from_mfn(s->f.mfn)).promised == TABLE_ENTRIES;
}

static bool is_none_promised(const struct slot *s)
{
    return s->f.is_table && !table_use(page_from_mfn(s->f.mfn)).promised;
}

/* The largest slot that one look can judge: a leaf, or a table of 4K leaves
 * that are all alike in this. *untouched: all of it is promised. */
static struct slot slot_to_judge(struct p2m *p2m, gfn_t gfn, bool *untouched)
{
    struct slot s = walk_find_level(p2m, gfn, 2);

    *untouched = is_all_promised(&s);
    if (s.f.is_table && !*untouched && !is_none_promised(&s)) {
        s = walk_find(p2m, gfn);
    }
    if (!s.f.is_table) {
        *untouched = slot_is_promise(&s);
    }
    return s;
}

static int why_not(struct p2m *p2m, gfn_t gfn)
{
    struct slot s = walk_find(p2m, gfn);

    if (s.f.tag == P2M_HOLE) {
        return -ENOENT;
    }
    return p2m_types[s.f.tag].is_ram ? -EEXIST : -EPERM;
}

uint64_t untouched_run(struct p2m *p2m, gfn_t gfn, uint64_t count, int *end)
{
    uint64_t run = 0;

    for (unsigned i = 0; i < TABLE_ENTRIES && run < count; i++) {
        gfn_t at = gfn_add(gfn, run);
        bool untouched;
        struct slot s = slot_to_judge(p2m, at, &untouched);

        if (!untouched) {
            *end = why_not(p2m, at);
            break;
        }
        run += rest_of_slot(&s, at, count - run);
    }
    return run;
}

/* Whether the unit of 2^order gfns at gfn was never touched; or as much of what
 * covers it as can be said at once. */
static uint64_t judge_unit(struct p2m *p2m, gfn_t gfn, unsigned order,
                           bool *untouched)
{
    struct slot s = slot_to_judge(p2m, gfn, untouched);

    if (slot_order(&s) < order) {
        /* A mixed table, of which not all is promised. */
        *untouched = false;
        return BIT(order);
    }
    return rest_of_slot(&s, gfn, ~0ULL);
}

static int next_locked(struct p2m *p2m, gfn_t *gfn, unsigned order,
                       uint64_t *count)
{
    gfn_t at = *gfn;

    for (unsigned i = 0; i < TABLE_ENTRIES && at.v <= p2m->max_gfn.v; i++) {
        bool untouched;
        uint64_t size = judge_unit(p2m, at, order, &untouched);

        if (untouched) {
            *count += size;
        } else if (*count) {
            return 0;
        } else {
            *gfn = gfn_add(at, size);
        }
        at = gfn_add(at, size);
    }
    if (*count) {
        return 0;
    }
    return at.v <= p2m->max_gfn.v ? -ERESTART : -ENOENT;
}

int p2m_next_untouched(struct p2m *p2m, gfn_t *gfn, unsigned order,
                       uint64_t *count)
{
    int rc = -ENOENT;

    *count = 0;
    if (!gfn_in_reach(p2m, *gfn)) {
        return rc;
    }
    *gfn = gfn_align(gfn_add(*gfn, BIT(order) - 1), order);
    lock(&p2m->lock);
    if (gfn_is_mapped(p2m, *gfn)) {
        rc = next_locked(p2m, gfn, order, count);
    }
    unlock(&p2m->lock);
    return rc;
}
