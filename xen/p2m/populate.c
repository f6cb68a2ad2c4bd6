/* SPDX-License-Identifier: MIT */
/*
 * A promise becomes a page: E (pages promised) and C (pages cached for that)
 * fall alike, so what is lacking, E - C, stays as it is. Prepare: find out
 * which order the cache can give and split the placeholder down to it; this is
 * all that can fail. Commit: take the page, set M2P, write the leaf, lower E.
 * From not present to present, so nothing is flushed; a promise that shows
 * zeros because it was read becomes not present first (zero.c), and that owes a
 * flush.
 */
#include "base/trace.h"
#include "p2m/internal.h"

/* 2M when the placeholder is large enough and a superpage is cached. */
static unsigned order_to_give(const struct p2m *p2m, const struct slot *s)
{
    bool large = slot_order(s) >= ORDER_2M && pod_has_superpage(p2m->pod);

    return large && p2m->format->max_order >= ORDER_2M ? ORDER_2M : ORDER_4K;
}

/* One that fits its neighbours, if it is in the cache. */
static struct page *take_page(struct p2m *p2m, const struct slot *s, gfn_t gfn)
{
    struct page *pg = NULL;
    mfn_t fits = fitting_frame(p2m, s, gfn, PAGE_CACHE);

    if (mfn_valid(fits)) {
        pg = pod_take_at_locked(p2m->pod, fits);
    }
    return pg ? pg : pod_take_locked(p2m->pod, slot_order(s));
}

/* Of a slot of that order, which is a constant where it matters. */
static inline __attribute__((always_inline)) void populate_commit(
    struct p2m *p2m, struct slot *s, gfn_t gfn, unsigned order)
{
    struct pod *pod = p2m->pod;
    struct page *head = take_page(p2m, s, gfn);

    CHECK(head);
    if (slot_type(s) == P2M_POD_PATTERN) {
        promise_fill(p2m, head, order);
    }
    if (order == ORDER_4K) {
        m2p_set_page(head, gfn);
    } else {
        m2p_set(head, gfn_align(gfn, order), order);
    }
    slot_fill(p2m, s, page_to_mfn(head));
    pod_entries_locked(pod, -(int64_t)BIT(order));
    pod->counters.populate_2m += order == ORDER_2M;
    pod->counters.populate_4k += order == ORDER_4K;
    pod->max_guest = GFN(MAX(pod->max_guest.v, gfn.v));
    /* Who finds no page next time begins a search of its own. */
    p2m->sweep_fruitless = 0;
    trace(TRACE_POPULATE, p2m->account->id, gfn.v, page_to_mfn(head).v, order);
}

static enum p2m_verdict populate_promise(struct p2m *p2m, struct slot *s,
                                         gfn_t gfn)
{
    /* Under the pod lock: once dying, the cache is emptied for good. */
    if (p2m->dying) {
        return P2M_DYING;
    }
    if (s->level > 1) {
        reserve_refill_locked(p2m); /* before it is needed: this may pay */
    }
    if (!p2m->pod->cache_count) {
        return P2M_NEED_PAGE;
    }
    if (s->level > 1 && slot_split(p2m, gfn, order_to_give(p2m, s), s)) {
        return P2M_NO_MEMORY;
    }
    if (likely(s->level == 1)) {
        populate_commit(p2m, s, gfn, ORDER_4K);
    } else {
        populate_commit(p2m, s, gfn, slot_order(s));
    }
    return P2M_OK;
}

enum p2m_verdict populate_locked(struct p2m *p2m, gfn_t gfn, struct slot *s)
{
    bool was_read = slot_is_shown(s), is_plain = s->level == 1;
    enum p2m_verdict verdict;

    if (was_read) {
        zero_withdraw(p2m, gfn, s);
    }
    /* Pages on their way into the cache count as there. */
    p2m_settle(p2m);
    lock(&p2m->pod->lock);
    p2m->pod->counters.zero_upgrades += was_read;
    verdict = populate_promise(p2m, s, gfn);
    if (verdict != P2M_OK || !is_plain) {
        reserve_refill_locked(p2m); /* a plain one needs no table */
    }
    unlock(&p2m->pod->lock);
    if (verdict == P2M_OK) {
        merge_ram(p2m, s, gfn);
        p2m_finish(p2m);
    }
    return verdict;
}

enum p2m_verdict p2m_populate(struct p2m *p2m, gfn_t gfn)
{
    enum p2m_verdict verdict = P2M_HOLE_ACCESS;

    lock(&p2m->lock);
    if (gfn_is_mapped(p2m, gfn)) {
        struct slot s = walk_find(p2m, gfn);

        if (slot_is_promise(&s)) {
            verdict = populate_locked(p2m, gfn, &s);
        } else if (p2m_types[s.f.tag].is_ram) {
            verdict = P2M_OK;
        }
    }
    unlock(&p2m->lock);
    return verdict;
}
