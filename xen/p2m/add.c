/* SPDX-License-Identifier: MIT */
/*
 * Putting pages where nothing is, by three rules of what may be there before:
 *
 *   p2m_add_ram, p2m_add_list    own memory: over holes and promises only. A
 *                                promise is kept by that, so E, the pages that
 *                                are promised, falls
 *   p2m_add_foreign, p2m_add_zero (zero.c)
 *                                others' pages: over holes only
 *   p2m_put_special, p2m_put_foreign
 *                                whatever is there goes first, in the same lock
 *                                hold, as by p2m_remove()
 *
 * First is done what can fail: is the place free, does the domain's budget have
 * room for the tables that this memory may need one day (reserve.c), are there
 * tables to split down to it. Then promises that show what they mean are
 * withdrawn (zero.c), the flush is paid that is owed (rule 3 of flush.c), and
 * entry, M2P and E change together. On an error nothing has changed but that a
 * larger leaf may be split, which means the same.
 *
 * After the last unlock p2m_rebalance() gives back what is cached for promises
 * that are no more. Own memory that completes a region may become a superpage
 * (merge.c), and a search for zero pages that saw none begins anew.
 */
#include "p2m/internal.h"

/* The largest leaf for this range: frames must be aligned as the gfns are. */
static unsigned leaf_limit(const struct p2m *p2m, gfn_t gfn, mfn_t mfn)
{
    for (unsigned order = p2m->format->max_order; order; order -= 9) {
        if ((gfn.v ^ mfn.v) % BIT(order) == 0) {
            return order;
        }
    }
    return ORDER_4K;
}

/* Returns how many placeholders gave way. */
static uint64_t add_commit(struct p2m *p2m, gfn_t gfn, mfn_t mfn,
                           uint64_t count, unsigned max_order)
{
    uint64_t replaced = 0;

    for (uint64_t done = 0, step; done < count; done += step) {
        gfn_t at = gfn_add(gfn, done);
        unsigned order = piece_order(at, count - done, max_order);
        struct slot s = walk_find_level(p2m, at, order_level(order));

        replaced += slot_promised(p2m, &s, order);
        slot_set(p2m, &s, P2M_RAM, mfn_add(mfn, done));
        step = BIT(order);
    }
    return replaced;
}

/* Pieces of 4K may have made a region complete at either end. */
static void merge_ends(struct p2m *p2m, gfn_t gfn, uint64_t count)
{
    gfn_t last = gfn_add(gfn, count - 1);
    struct slot s = walk_find(p2m, gfn);

    merge_ram(p2m, &s, gfn);
    s = walk_find(p2m, last);
    merge_ram(p2m, &s, last);
}

/* Is there room for the tables that large leaves in the place of holes may
 * need one day? */
static bool budget_allows_leaves(const struct p2m *p2m, gfn_t gfn,
                                 uint64_t count, unsigned max_order)
{
    uint64_t more = 0, step;

    for (uint64_t done = 0; done < count; done += step) {
        gfn_t at = gfn_add(gfn, done);
        unsigned order = piece_order(at, count - done, max_order);

        if (order >= ORDER_2M &&
            walk_find_level(p2m, at, order_level(order)).f.tag == P2M_HOLE) {
            more += tables_in(order);
        }
        step = BIT(order);
    }
    return !more || reserve_budget_allows(p2m, more);
}

static int add_ram_locked(struct p2m *p2m, gfn_t gfn, struct page *pg,
                          uint64_t count, uint64_t *replaced)
{
    mfn_t mfn = page_to_mfn(pg);
    unsigned max_order = leaf_limit(p2m, gfn, mfn);
    int rc;

    if (p2m->dying) {
        return -ESRCH;
    }
    if (!range_is_free(p2m, gfn, count)) {
        return -EEXIST;
    }
    if (!budget_allows_leaves(p2m, gfn, count, max_order)) {
        return -ENOMEM;
    }
    rc = range_prepare(p2m, gfn, count, max_order);
    if (rc) {
        return rc;
    }
    zero_withdraw_range(p2m, gfn, count);
    p2m_settle(p2m);
    lock(&p2m->pod->lock);
    *replaced = add_commit(p2m, gfn, mfn, count, max_order);
    pod_entries_locked(p2m->pod, -(int64_t)*replaced);
    unlock(&p2m->pod->lock);
    p2m_note_gfn(p2m, gfn_add(gfn, count - 1));
    p2m->sweep_fruitless = 0;
    merge_ends(p2m, gfn, count);
    p2m_finish(p2m);
    return 0;
}

/* A single page, with as little ado as can be: balloons come back page by page.
 */
static int add_page_locked(struct p2m *p2m, gfn_t gfn, struct page *pg,
                           uint64_t *replaced)
{
    struct slot s;
    int rc;

    if (p2m->dying) {
        return -ESRCH;
    }
    if (!gfn_in_reach(p2m, gfn)) {
        return -EINVAL;
    }
    walk_to(p2m, gfn, &s);
    if (!slot_is_free(p2m, &s)) {
        return -EEXIST;
    }
    rc = s.level == 1 ? 0 : slot_split(p2m, gfn, ORDER_4K, &s);
    if (rc) {
        return rc;
    }
    if (slot_is_shown(&s)) {
        zero_withdraw(p2m, gfn, &s);
    }
    p2m_settle(p2m);
    if (slot_is_promise(&s)) {
        lock(&p2m->pod->lock);
        pod_entries_locked(p2m->pod, -1);
        unlock(&p2m->pod->lock);
        ++*replaced;
    }
    m2p_set_page(pg, gfn);
    slot_fill(p2m, &s, page_to_mfn(pg));
    p2m_note_gfn(p2m, gfn);
    p2m->sweep_fruitless = 0;
    merge_ram(p2m, &s, gfn);
    return 0;
}

int p2m_add_list(struct p2m *p2m, const uint64_t *gfns,
                 struct page *const *pages, unsigned count, unsigned *done)
{
    uint64_t replaced = 0;
    int rc = 0;

    CHECK(count <= TABLE_ENTRIES);
    lock(&p2m->lock);
    for (*done = 0; *done < count && !rc; *done += !rc) {
        rc = add_page_locked(p2m, GFN(gfns[*done]), pages[*done], &replaced);
    }
    p2m_finish(p2m);
    unlock(&p2m->lock);
    if (replaced) {
        p2m_rebalance(p2m);
    }
    return rc;
}

int p2m_add_ram(struct p2m *p2m, gfn_t gfn, struct page *pg, unsigned order)
{
    uint64_t replaced = 0;
    int rc;

    if (!order) {
        unsigned done;

        return p2m_add_list(p2m, &gfn.v, &pg, 1, &done);
    }
    if (!range_is_valid(p2m, gfn, order)) {
        return -EINVAL;
    }
    /* Nobody else knows the pages yet, so this needs no lock. */
    m2p_set(pg, gfn, order);
    lock(&p2m->lock);
    rc = add_ram_locked(p2m, gfn, pg, BIT(order), &replaced);
    unlock(&p2m->lock);
    if (rc) {
        m2p_clear(pg, order);
    }
    if (replaced) {
        p2m_rebalance(p2m);
    }
    return rc;
}

/* The 4K slot at gfn, of which *promised becomes E's fall if it has to be made
 * a hole first. What it costs to split is paid before anything goes. */
static int room_locked(struct p2m *p2m, gfn_t gfn, bool replace, struct slot *s,
                       uint64_t *promised)
{
    int rc;

    if (p2m->dying) {
        return -ESRCH;
    }
    *s = walk_find(p2m, gfn);
    if (s->f.tag != P2M_HOLE && !replace) {
        return -EEXIST;
    }
    rc = slot_split(p2m, gfn, ORDER_4K, s);
    if (!rc && s->f.tag != P2M_HOLE) {
        *promised = entry_drop(p2m, s);
    }
    return rc;
}

static int add_foreign_locked(struct p2m *p2m, gfn_t gfn, struct page *pg,
                              enum p2m_type type, bool replace,
                              uint64_t *promised)
{
    struct slot s;
    int rc = room_locked(p2m, gfn, replace, &s, promised);

    if (rc) {
        return rc;
    }
    p2m_settle(p2m);
    slot_set(p2m, &s, type, page_to_mfn(pg));
    p2m_note_gfn(p2m, gfn);
    return 0;
}

static int add_foreign(struct p2m *p2m, gfn_t gfn, struct page *pg,
                       enum p2m_type type, bool replace)
{
    uint64_t promised = 0;
    int rc;

    CHECK(p2m_types[type].has_frame && !p2m_types[type].is_own);
    if (!gfn_in_reach(p2m, gfn)) {
        return -EINVAL;
    }
    lock(&p2m->lock);
    rc = add_foreign_locked(p2m, gfn, pg, type, replace, &promised);
    unlock(&p2m->lock);
    if (promised) {
        p2m_rebalance(p2m);
    }
    return rc;
}

int p2m_add_foreign(struct p2m *p2m, gfn_t gfn, struct page *pg,
                    enum p2m_type type)
{
    return add_foreign(p2m, gfn, pg, type, false);
}

int p2m_put_foreign(struct p2m *p2m, gfn_t gfn, struct page *pg,
                    enum p2m_type type)
{
    return add_foreign(p2m, gfn, pg, type, true);
}

/* Under the lock, so that of two calls for one page the later one moves it. */
static void hide_special(struct p2m *p2m, struct page *pg)
{
    struct slot s = walk_find(p2m, GFN(pg->gfn));

    CHECK(s.f.tag == P2M_RAM && mfn_eq(s.f.mfn, page_to_mfn(pg)));
    entry_drop(p2m, &s);
}

static int put_special_locked(struct p2m *p2m, gfn_t gfn, struct page *pg,
                              uint64_t *promised)
{
    struct slot s = walk_find(p2m, gfn);
    int rc;

    if (mfn_eq(s.f.mfn, page_to_mfn(pg))) {
        page_put(pg); /* there already, with a reference of its own */
        return 0;
    }
    rc = room_locked(p2m, gfn, true, &s, promised);
    if (rc) {
        return rc;
    }
    if (pg->gfn != INVALID_GFN.v) {
        hide_special(p2m, pg);
    }
    p2m_settle(p2m);
    m2p_set(pg, gfn, ORDER_4K);
    slot_set(p2m, &s, P2M_RAM, page_to_mfn(pg));
    p2m_note_gfn(p2m, gfn);
    return 0;
}

int p2m_put_special(struct p2m *p2m, gfn_t gfn, struct page *pg)
{
    uint64_t promised = 0;
    int rc;

    CHECK(pg->state == PAGE_SPECIAL && page_is_of(pg, p2m->account));
    if (!gfn_in_reach(p2m, gfn)) {
        return -EINVAL;
    }
    lock(&p2m->lock);
    rc = put_special_locked(p2m, gfn, pg, &promised);
    unlock(&p2m->lock);
    if (promised) {
        p2m_rebalance(p2m);
    }
    return rc;
}
