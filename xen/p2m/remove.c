/* SPDX-License-Identifier: MIT */
/*
 * Taking single entries away, and moving a page from one gfn to another. By the
 * properties of its type (types.c) an entry that goes gives back
 *
 *   own page            to whom flush.c decides, once no CPU can use the
 *                       translation; until then it is parked
 *   SPECIAL, foreign    the entry's reference, at the same time
 *   grant               nothing: the grant table has the reference
 *   promise             nothing: it leaves E, the pages that are promised
 *
 * After E fell, C, the cached pages, may be above it. p2m_rebalance() is the
 * one place that puts this right, for all who lower E or raise C: C goes to the
 * reserve of tables where that lacks some, else to the host, 512 pages per lock
 * hold. Callers do it after their last unlock, since it takes the locks anew.
 *
 * A leaf larger than 4K is split first; -ENOMEM then, and nothing has changed.
 */
#include "p2m/internal.h"

#define REFILLS 16

void p2m_rebalance(struct p2m *p2m)
{
    unsigned refills = 0;
    int rc;

    /* One slice per lock hold: a 1G placeholder may free 512 superpages. And
     * what the reserve lacks after 512 tables others will bring. */
    do {
        lock(&p2m->lock);
        lock(&p2m->pod->lock);
        reserve_from_excess_locked(p2m);
        rc = pod_shrink_to_entries_locked(p2m->pod, TABLE_ENTRIES);
        if (!rc && refills++ < REFILLS) {
            rc = reserve_refill_locked(p2m);
        }
        unlock(&p2m->pod->lock);
        unlock(&p2m->lock);
    } while (rc);
}

static void drop_promise(struct p2m *p2m, struct slot *s)
{
    lock(&p2m->pod->lock);
    pod_entries_locked(p2m->pod, -(int64_t)BIT(slot_order(s)));
    slot_clear(p2m, s);
    unlock(&p2m->pod->lock);
}

void entry_drop_page(struct p2m *p2m, const struct slot *s)
{
    struct page *pg = page_from_mfn(s->f.mfn);

    page_split_block(pg);
    pg->gfn = INVALID_GFN.v;
    p2m_park(p2m, s->f.mfn, ORDER_4K,
             pg->state == PAGE_GUEST ? PARK_OWN : PARK_REFERENCE);
    slot_clear_page(p2m, s);
}

static void drop_leaf(struct p2m *p2m, struct slot *s)
{
    const struct p2m_type_info *info = &p2m_types[s->f.tag];
    struct page *head = page_from_mfn(s->f.mfn);

    if (info->is_own && slot_order(s) < BLOCK_ORDER) {
        page_split_block(head);
    }
    if (info->is_own) {
        m2p_clear(head, slot_order(s));
    }
    if (info->is_own && head->state == PAGE_GUEST) {
        p2m_park(p2m, s->f.mfn, slot_order(s), PARK_OWN);
    } else if (info->is_own || info->holds_reference) {
        p2m_park(p2m, s->f.mfn, slot_order(s), PARK_REFERENCE);
    }
    slot_clear(p2m, s);
}

uint64_t entry_drop(struct p2m *p2m, struct slot *s)
{
    if (slot_is_promise(s)) {
        drop_promise(p2m, s);
        return BIT(slot_order(s));
    }
    if (s->f.tag == P2M_RAM && s->level == 1) {
        entry_drop_page(p2m, s);
        s->f = (struct pte_fields){.mfn = INVALID_MFN};
    } else {
        drop_leaf(p2m, s);
    }
    return 0;
}

static int remove_locked(struct p2m *p2m, gfn_t gfn, mfn_t expected,
                         uint64_t *promised)
{
    struct slot s = walk_find(p2m, gfn);
    int rc;

    if (s.f.tag == P2M_HOLE) {
        return -ENOENT;
    }
    if (mfn_valid(expected) && (!p2m_types[s.f.tag].has_frame ||
                                !mfn_eq(slot_mfn(&s, gfn), expected))) {
        return -EINVAL;
    }
    rc = slot_split(p2m, gfn, ORDER_4K, &s);
    if (rc) {
        return rc;
    }
    *promised = entry_drop(p2m, &s);
    p2m_finish(p2m);
    return 0;
}

int p2m_remove(struct p2m *p2m, gfn_t gfn, mfn_t expected)
{
    uint64_t promised = 0;
    int rc = -ENOENT;

    lock(&p2m->lock);
    if (gfn_is_mapped(p2m, gfn)) {
        rc = remove_locked(p2m, gfn, expected, &promised);
    }
    unlock(&p2m->lock);
    if (promised) {
        p2m_rebalance(p2m);
    }
    return rc;
}

static bool is_own_page(const struct slot *s, gfn_t gfn)
{
    return s->f.tag == P2M_RAM &&
           page_speaker(page_from_mfn(slot_mfn(s, gfn)))->state == PAGE_GUEST;
}

static void move_commit(struct p2m *p2m, struct slot *from, struct slot *to,
                        gfn_t gfn)
{
    mfn_t mfn = from->f.mfn;
    struct page *pg = page_from_mfn(mfn);

    slot_set(p2m, from, P2M_HOLE, INVALID_MFN);
    slot_set(p2m, to, P2M_RAM, mfn);
    page_split_block(pg);
    m2p_set(pg, gfn, ORDER_4K);
    p2m_note_gfn(p2m, gfn);
    merge_ram(p2m, to, gfn);
}

static int move_locked(struct p2m *p2m, gfn_t from, gfn_t to,
                       uint64_t *promised)
{
    struct slot s, t;
    int rc;

    if (p2m->dying) {
        return -ESRCH;
    }
    s = walk_find(p2m, from);
    if (!is_own_page(&s, from)) {
        return -EINVAL;
    }
    /* The destination first: it is a hole mostly, which costs nothing to
     * split in case that the other fails. */
    rc = walk_split(p2m, to, ORDER_4K, &t);
    if (!rc) {
        rc = walk_split(p2m, from, ORDER_4K, &s);
    }
    if (rc) {
        return rc;
    }
    t = walk_find(p2m, to);
    if (t.f.tag != P2M_HOLE) {
        *promised = entry_drop(p2m, &t);
    }
    p2m_settle(p2m);
    move_commit(p2m, &s, &t, to);
    p2m_finish(p2m);
    return 0;
}

int p2m_move(struct p2m *p2m, gfn_t from, gfn_t to)
{
    uint64_t promised = 0;
    int rc;

    if (!gfn_in_reach(p2m, from) || !gfn_in_reach(p2m, to) ||
        gfn_eq(from, to)) {
        return -EINVAL;
    }
    lock(&p2m->lock);
    rc = move_locked(p2m, from, to, &promised);
    unlock(&p2m->lock);
    if (promised) {
        p2m_rebalance(p2m);
    }
    return rc;
}
