/* SPDX-License-Identifier: MIT */
/*
 * Promising memory: holes become placeholders, and E, the pages that are
 * promised, rises by as many as were none before, in the same critical section.
 * So marking twice is marking once. Only holes and placeholders may be there,
 * else -EBUSY and nothing has changed.
 *
 * The leaves are the largest that fit, 1G at most. A table whose entries are
 * all holes and placeholders gives way to one large placeholder, and neighbours
 * that make up a larger one become that (merge.c).
 *
 * What is promised will need tables when it is touched. These are set aside
 * first, as many as reserve.c says and the domain's budget allows, or it is
 * -ENOMEM: a promise that is made can be kept. Whatever was promised there
 * before, zeros are promised now, so what shows something else is withdrawn.
 */
#include "p2m/internal.h"

/* What the promise may need in tables is set aside with it (reserve.c), or it
 * is not made. */
static int mark_reserve(struct p2m *p2m, gfn_t gfn, uint64_t count)
{
    const struct pod *pod = p2m->pod;
    uint64_t owed = pod->counters.tables_owed, promised = 0, need, step;

    for (uint64_t done = 0; done < count; done += step) {
        gfn_t at = gfn_add(gfn, done);
        unsigned order = piece_order(at, count - done, ORDER_1G);
        struct slot s = walk_find_level(p2m, at, order_level(order));

        step = BIT(order);
        promised += slot_promised(p2m, &s, order);
        if (s.f.is_table || s.f.tag != P2M_POD) {
            owed += tables_in(order);
        }
        if (s.f.is_table && s.level == order_level(ORDER_1G)) {
            owed -= table_use(page_from_mfn(s.f.mfn)).promised;
        }
    }
    if (owed > pod->counters.tables_owed &&
        !reserve_budget_allows(p2m, owed - pod->counters.tables_owed)) {
        return -ENOMEM;
    }
    need = reserve_for(pod->entry_count + count - promised, pod_set_aside(pod),
                       owed);
    return reserve_grow(p2m, need);
}

/* Returns how many gfns were no placeholders before. */
static uint64_t mark_commit(struct p2m *p2m, gfn_t gfn, uint64_t count)
{
    uint64_t added = 0;

    for (uint64_t done = 0, step; done < count; done += step) {
        gfn_t at = gfn_add(gfn, done);
        unsigned order = piece_order(at, count - done, ORDER_1G);
        struct slot s = walk_find_level(p2m, at, order_level(order));

        step = BIT(order);
        added += step - slot_promised(p2m, &s, order);
        if (s.f.is_table) {
            p2m->pod->counters.superpages_reformed++;
        }
        if (s.f.is_table || !p2m_types[s.f.tag].is_zero) {
            slot_set(p2m, &s, P2M_POD, INVALID_MFN);
        }
    }
    return added;
}

static int mark_locked(struct p2m *p2m, gfn_t gfn, uint64_t count)
{
    int rc;

    if (p2m->dying) {
        return -ESRCH;
    }
    if (!range_is_free(p2m, gfn, count)) {
        return -EBUSY;
    }
    rc = range_prepare(p2m, gfn, count, ORDER_1G);
    if (rc) {
        return rc;
    }
    if (p2m->pod->pattern) {
        zero_withdraw_range(p2m, gfn, count); /* it will mean something else */
    }
    p2m_settle(p2m);
    lock(&p2m->pod->lock);
    rc = mark_reserve(p2m, gfn, count);
    if (!rc) {
        pod_entries_locked(p2m->pod, (int64_t)mark_commit(p2m, gfn, count));
        p2m_note_gfn(p2m, gfn_add(gfn, count - 1));
        merge_promises(p2m, gfn);
        merge_promises(p2m, gfn_add(gfn, count - 1));
    }
    reserve_shed(p2m);
    unlock(&p2m->pod->lock);
    p2m_finish(p2m);
    return rc;
}

int p2m_mark_pod(struct p2m *p2m, gfn_t gfn, unsigned order)
{
    int rc;

    if (!range_is_valid(p2m, gfn, order)) {
        return -EINVAL;
    }
    lock(&p2m->lock);
    rc = mark_locked(p2m, gfn, BIT(order));
    unlock(&p2m->lock);
    return rc;
}
