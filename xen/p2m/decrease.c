/* SPDX-License-Identifier: MIT */
/*
 * Balloon out: a guest gives memory up, one gfn, 2^order, a list or a range.
 *
 *   placeholder   becomes a hole, whatever its size in one step. E, the pages
 *                 that are promised, falls; p2m_rebalance() brings the cache
 *                 down to it after the last unlock
 *   RAM           becomes a hole, 2M at most in one step. Its page is parked,
 *                 and who gets it is decided after the flush (flush.c): the
 *                 host if something is borrowed from it, the domain's cache
 *                 while D > 0 (more is promised than is set aside), else the
 *                 host. So what a guest returns first pays its debts
 *   hole          -ENOENT, and others' pages are -EPERM: that ends the call,
 *                 and what was done before it stays done and is counted
 *
 * A leaf that is only in part within what is given up is split first, which may
 * lack a table: -ENOMEM, likewise. A table of 4K leaves that has only holes
 * left is freed, but only here.
 *
 * A lock hold does at most 512 pages of RAM, or 512 placeholders of any size,
 * and one flush, at its end or, in a batch, at that of the batch.
 */
#include "base/trace.h"
#include "p2m/internal.h"
#include "types/overflow.h"

/* The slot to drop next: the leaf at gfn if it lies within the range, else
 * the largest piece of it that does. Frames go at most 512 at a time. */
static int decrease_slot(struct p2m *p2m, gfn_t gfn, uint64_t left,
                         struct slot *s)
{
    unsigned limit, order;

    *s = walk_find(p2m, gfn);
    if (s->f.tag == P2M_HOLE) {
        return -ENOENT;
    }
    if (!p2m_types[s->f.tag].is_ram) {
        return -EPERM;
    }
    if (s->level == 1) {
        return 0;
    }
    limit = slot_is_promise(s) ? ORDER_1G : ORDER_2M;
    order = piece_order(gfn, left, MIN(limit, slot_order(s)));
    return order == slot_order(s) ? 0 : slot_split(p2m, gfn, order, s);
}

/*
 * Make the leaf at s, which covers gfn, a hole. A table of 4K leaves that has
 * nothing but holes left goes away; only here, where memory goes for good:
 * tables of gfns where others' pages come and go are worth keeping.
 */
static void decrease_drop(struct p2m *p2m, gfn_t gfn, struct slot *s,
                          uint64_t *promised)
{
    *promised += entry_drop(p2m, s);
    if (s->level == 1 && table_is_empty(page_from_mfn(s->table))) {
        struct slot parent = walk_find_level(p2m, gfn, 2);

        slot_set(p2m, &parent, P2M_HOLE, INVALID_MFN);
    }
}

/* A 4K leaf of RAM in a table that has more, with as little ado as can be: most
 * of what balloons give is that. False: it is something else. */
static bool decrease_plain_page(struct p2m *p2m, gfn_t gfn)
{
    struct slot s;

    walk_to(p2m, gfn, &s);
    if (s.level == 1 && s.f.tag == P2M_RAM &&
        table_use(slot_table(&s)).busy > 1) {
        entry_drop_page(p2m, &s);
        return true;
    }
    return false;
}

/* One lock hold: up to 512 leaves. Returns gfns done through *done. */
static int decrease_some(struct p2m *p2m, gfn_t gfn, uint64_t count,
                         uint64_t *done, uint64_t *promised)
{
    for (uint64_t i = 0; i < TABLE_ENTRIES && *done < count;) {
        struct slot s;
        uint64_t pages;
        int rc;

        if (decrease_plain_page(p2m, gfn_add(gfn, *done))) {
            ++*done;
            i++;
            continue;
        }
        rc = decrease_slot(p2m, gfn_add(gfn, *done), count - *done, &s);
        if (rc) {
            return rc;
        }
        pages = BIT(slot_order(&s));
        i += slot_is_promise(&s) ? 1 : pages;
        decrease_drop(p2m, gfn_add(gfn, *done), &s, promised);
        *done += pages;
    }
    return 0;
}

int p2m_decrease(struct p2m *p2m, gfn_t gfn, unsigned order, uint64_t *done)
{
    uint64_t count = BIT(order), promised = 0;
    int rc = 0;

    *done = 0;
    if (!range_is_valid(p2m, gfn, order)) {
        return -ENOENT;
    }
    while (*done < count && !rc) {
        lock(&p2m->lock);
        rc = gfn_is_mapped(p2m, gfn)
                 ? decrease_some(p2m, gfn, count, done, &promised)
                 : -ENOENT;
        p2m_finish(p2m);
        unlock(&p2m->lock);
    }
    trace(TRACE_DECREASE, p2m->account->id, gfn.v, order, *done);
    if (promised) {
        p2m_rebalance(p2m);
    }
    return rc;
}

int p2m_decrease_range(struct p2m *p2m, gfn_t gfn, uint64_t count,
                       bool untouched, uint64_t *done)
{
    uint64_t promised = 0, run = count;
    int rc = -ENOENT, after = -ERESTART;

    *done = 0;
    if (range_exceeds(gfn.v, count, p2m->gfn_limit)) {
        return -EINVAL;
    }
    lock(&p2m->lock);
    if (gfn_is_mapped(p2m, gfn)) {
        if (untouched) {
            run = untouched_run(p2m, gfn, count, &after);
        }
        rc = decrease_some(p2m, gfn, run, done, &promised);
    }
    p2m_finish(p2m);
    unlock(&p2m->lock);
    trace(TRACE_DECREASE, p2m->account->id, gfn.v, ORDER_4K, *done);
    if (promised) {
        p2m_rebalance(p2m);
    }
    if (rc || *done == count) {
        return rc;
    }
    return *done < run ? -ERESTART : after;
}

/* A single gfn: balloons are made of these. */
static int decrease_one(struct p2m *p2m, gfn_t gfn, uint64_t *promised)
{
    struct slot s;
    int rc;

    if (!gfn_is_mapped(p2m, gfn)) {
        return -ENOENT;
    }
    if (decrease_plain_page(p2m, gfn)) {
        return 0;
    }
    rc = decrease_slot(p2m, gfn, 1, &s);
    if (!rc) {
        decrease_drop(p2m, gfn, &s, promised);
    }
    return rc;
}

int p2m_decrease_list(struct p2m *p2m, const uint64_t *gfns, unsigned count,
                      unsigned *done)
{
    uint64_t promised = 0;
    int rc = 0;

    CHECK(count <= TABLE_ENTRIES);
    lock(&p2m->lock);
    for (*done = 0; *done < count && !rc; *done += !rc) {
        rc = decrease_one(p2m, GFN(gfns[*done]), &promised);
    }
    p2m_finish(p2m);
    unlock(&p2m->lock);
    trace(TRACE_DECREASE, p2m->account->id, gfns[0], ORDER_4K, *done);
    if (promised) {
        p2m_rebalance(p2m);
    }
    return rc;
}
