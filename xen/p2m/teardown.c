/* SPDX-License-Identifier: MIT */
/*
 * Taking a p2m apart, upwards from gfn 0 and in slices of at most 512 pages: a
 * slice empties one table of 4K entries, or takes out one larger leaf, or
 * passes up to 512 larger entries that have no pages. A table goes when the
 * cursor has passed its end, the root last.
 *
 * Own pages go to the host here, for nothing else names them. Those that
 * others refer to stay charged until these let go. References on others' pages
 * and on SPECIAL pages are dropped. The guest no longer runs, yet translations
 * are flushed before anything is given up: the hardware may keep them as long
 * as it likes, and readers of the p2m may be at it.
 *
 * A leaf of 1G has more pages than a slice may free. It is taken out at once,
 * and `leaving` says what is left of it for the slices to come.
 */
#include "mm/heap.h"
#include "p2m/internal.h"

/* The page of a 4K leaf, or the pages of a larger one, which is own. */
static void drop_pages(struct p2m *p2m, const struct slot *s)
{
    const struct p2m_type_info *info = &p2m_types[s->f.tag];
    struct page *pg = page_from_mfn(s->f.mfn);

    if (slot_order(s)) {
        p2m->leaving = s->f.mfn;
        p2m->leaving_count = BIT(slot_order(s));
    } else if (info->is_own && pg->state != PAGE_SPECIAL) {
        page_split_block(pg);
        p2m_park(p2m, s->f.mfn, ORDER_4K, PARK_OWN);
    } else if (info->is_own || info->holds_reference) {
        p2m_park(p2m, s->f.mfn, ORDER_4K, PARK_REFERENCE);
    }
}

static void drop_leaf(struct p2m *p2m, struct slot *s)
{
    if (s->f.tag == P2M_HOLE) {
        return;
    }
    if (slot_is_promise(s)) {
        lock(&p2m->pod->lock);
        pod_entries_locked(p2m->pod, -(int64_t)BIT(slot_order(s)));
        unlock(&p2m->pod->lock);
    }
    if (p2m_types[s->f.tag].has_frame) {
        drop_pages(p2m, s);
    }
    slot_set(p2m, s, P2M_HOLE, INVALID_MFN);
}

static void drop_table(struct p2m *p2m, struct slot *s)
{
    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        struct slot child = slot_child(p2m, s, i);

        drop_leaf(p2m, &child);
    }
    slot_set(p2m, s, P2M_HOLE, INVALID_MFN);
}

/* Tables whose last gfn is the one before `next`, which are empty by now. */
static void drop_passed_tables(struct p2m *p2m, gfn_t at, uint64_t next)
{
    for (unsigned level = 3; level <= p2m->format->levels; level++) {
        struct slot s;

        if (next % BIT(level_order(level)) && next < p2m->gfn_limit) {
            return;
        }
        s = walk_find_level(p2m, at, level);
        if (s.level == level && s.f.is_table) {
            slot_set(p2m, &s, P2M_HOLE, INVALID_MFN);
        }
    }
}

/* One leaf or table of the level above 4K; true if it had pages. */
static bool teardown_step(struct p2m *p2m)
{
    gfn_t at = p2m->teardown_cursor;
    struct slot s = walk_find_level(p2m, at, 2);
    uint64_t next = gfn_align(at, slot_order(&s)).v + BIT(slot_order(&s));
    bool had_pages = s.f.is_table || s.f.rights;

    if (s.f.is_table) {
        drop_table(p2m, &s);
    } else {
        drop_leaf(p2m, &s);
    }
    drop_passed_tables(p2m, at, next);
    p2m->teardown_cursor = GFN(next);
    return had_pages;
}

static void drop_root(struct p2m *p2m)
{
    table_make_stale(p2m, page_from_mfn(p2m->root));
    WRITE_ONCE(p2m->root.v, INVALID_MFN.v);
    walk_forget_hint(p2m);
    p2m_settle(p2m);
    pattern_end(p2m);
    heap_free(p2m->parked);
    p2m->parked = NULL;
}

static void release_leaving(struct p2m *p2m)
{
    uint64_t count = MIN(p2m->leaving_count, TABLE_ENTRIES);

    page_release(page_from_mfn(p2m->leaving), count);
    p2m->leaving = mfn_add(p2m->leaving, count);
    p2m->leaving_count -= count;
}

static int teardown_slice(struct p2m *p2m)
{
    if (p2m->leaving_count) {
        release_leaving(p2m);
        return -ERESTART;
    }
    if (!page_list_empty(&p2m->reserve)) {
        reserve_trim(p2m, 0, TABLE_ENTRIES);
        return -ERESTART;
    }
    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        if (p2m->teardown_cursor.v >= p2m->gfn_limit) {
            drop_root(p2m);
            return 0;
        }
        if (teardown_step(p2m)) {
            break;
        }
    }
    p2m_settle(p2m);
    return -ERESTART;
}

int p2m_teardown(struct p2m *p2m)
{
    int rc = 0;

    lock(&p2m->lock);
    CHECK(p2m->dying);
    if (p2m->visitors) {
        rc = -ERESTART;
    } else if (mfn_valid(p2m->root)) {
        rc = teardown_slice(p2m);
    }
    unlock(&p2m->lock);
    return rc;
}
