/* SPDX-License-Identifier: MIT */
/*
 * Taking a p2m apart, upwards from gfn 0 and in slices: a slice empties one
 * table of 4K entries, or passes up to 512 larger leaves. A table goes when
 * the cursor has passed its end, the root last.
 *
 * Own pages stay on their account's list, from where they are freed; what
 * their `gfn` says means nothing any more. References on others' pages and on
 * SPECIAL pages are dropped. The guest no longer runs, yet translations are
 * flushed before anything is dropped: the hardware may keep them as long as it
 * likes.
 */
#include "mm/heap.h"
#include "p2m/internal.h"

static void drop_reference(struct p2m *p2m, const struct slot *s)
{
    const struct p2m_type_info *info = &p2m_types[s->f.tag];
    struct page *pg;

    if (!info->has_frame) {
        return;
    }
    pg = page_from_mfn(s->f.mfn);
    if (info->holds_reference || (info->is_own && pg->state == PAGE_SPECIAL)) {
        p2m_park(p2m, s->f.mfn, ORDER_4K, PARK_REFERENCE);
    }
}

static void drop_leaf(struct p2m *p2m, struct slot *s)
{
    if (s->f.tag == P2M_HOLE) {
        return;
    }
    if (s->f.tag == P2M_POD) {
        lock(&p2m->pod->lock);
        pod_entries_locked(p2m->pod, -(int64_t)BIT(slot_order(s)));
        unlock(&p2m->pod->lock);
    }
    drop_reference(p2m, s);
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

/* One leaf or table of the level above 4K; true if it was a table. */
static bool teardown_step(struct p2m *p2m)
{
    gfn_t at = p2m->teardown_cursor;
    struct slot s = walk_find_level(p2m, at, 2);
    uint64_t next = gfn_align(at, slot_order(&s)).v + BIT(slot_order(&s));
    bool is_table = s.f.is_table;

    if (is_table) {
        drop_table(p2m, &s);
    } else {
        drop_leaf(p2m, &s);
    }
    drop_passed_tables(p2m, at, next);
    p2m->teardown_cursor = GFN(next);
    return is_table;
}

static void drop_root(struct p2m *p2m)
{
    table_make_stale(p2m, page_from_mfn(p2m->root));
    WRITE_ONCE(p2m->root.v, INVALID_MFN.v);
    walk_forget_hint(p2m);
    p2m_settle(p2m);
    heap_free(p2m->parked);
    p2m->parked = NULL;
}

static int teardown_slice(struct p2m *p2m)
{
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
