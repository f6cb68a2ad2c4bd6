/* SPDX-License-Identifier: MIT */
/*
 * Reading takes nothing: a promise that is read shows zeros of the host's one
 * zero block (mm/zero_block.h), read-only and not executable, and stays a
 * promise, counted in E. A placeholder of 2M or more shows all of 2M at once,
 * so that who reads everything faults once for each 2M.
 *
 * When memory shall take its place (a write, an instruction fetch, a page that
 * somebody puts there), the zeros are first withdrawn: the entry is a plain
 * placeholder again and a flush is owed. Rule 3 of flush.c does the rest: the
 * flush comes before the page. The other way round would be wrong although the
 * new page is full of zeros, too:
 *
 *   CPU A                  CPU B                   CPU C
 *                          reads 0, remembers it
 *   puts the page there
 *                                                  writes 1 to it, tells B
 *                          still reads 0
 *   flushes
 *
 * Withdrawn first, C faults and waits for our lock until B has forgotten. The
 * hypervisor's own readers are flushed alike (entry.c).
 *
 * A promise of the domain's scrub pattern (pattern.c) shows a page of that, 4K
 * at a time, and all that is said here of zeros is true of it as well.
 *
 * When there is no table to show zeros by, a read is a touch like a write.
 *
 * A write withdraws the zeros of its whole 2M, since who writes to one page
 * mostly writes to its neighbours next: one flush instead of 512. A page walk
 * of the guest's counts as a write, for its accessed bits.
 */
#include "mm/zero_block.h"
#include "p2m/internal.h"

bool zero_can_show(const struct p2m *p2m, const struct slot *s)
{
    const struct p2m_type_info *info = &p2m_types[s->f.tag];

    return info->is_zero ? zero_block_exists()
                         : info->is_pattern && p2m->pod->pattern_page;
}

/* Of the pattern there is a single page. */
static unsigned order_to_show(const struct p2m *p2m, const struct slot *s)
{
    if (p2m_types[s->f.tag].is_pattern) {
        return ORDER_4K;
    }
    return MIN(MIN(slot_order(s), (unsigned)p2m->format->max_order), ORDER_2M);
}

static void show(struct p2m *p2m, struct slot *s)
{
    if (p2m_types[s->f.tag].is_pattern) {
        slot_set(p2m, s, P2M_PATTERN, page_to_mfn(p2m->pod->pattern_page));
    } else {
        slot_set(p2m, s, P2M_ZERO, zero_block_frame(s->gfn));
    }
}

enum p2m_verdict zero_show_locked(struct p2m *p2m, gfn_t gfn, struct slot *s)
{
    unsigned order = order_to_show(p2m, s);
    struct pod_counters *counters = &p2m->pod->counters;

    if (slot_is_shown(s)) {
        return P2M_OK; /* another CPU was faster */
    }
    if (p2m->dying) {
        return P2M_DYING;
    }
    if (slot_split_for(p2m, gfn, order, s, FOR_READERS)) {
        return populate_locked(p2m, gfn, s); /* for which there are tables */
    }
    p2m_settle(p2m);
    show(p2m, s);
    lock(&p2m->pod->lock);
    counters->zero_maps_2m += order == ORDER_2M;
    counters->zero_maps_4k += order == ORDER_4K;
    unlock(&p2m->pod->lock);
    return P2M_OK;
}

/* NOLINTNEXTLINE(misc-no-recursion): a level down each time */
static void withdraw_below(struct p2m *p2m, struct slot *s)
{
    if (!s->f.is_table) {
        if (slot_is_shown(s)) {
            bool is_pattern = p2m_types[s->f.tag].is_pattern;

            slot_set(p2m, s, is_pattern ? P2M_POD_PATTERN : P2M_POD,
                     INVALID_MFN);
        }
        return;
    }
    if (s->level == 2 && !table_use(page_from_mfn(s->f.mfn)).zero) {
        return;
    }
    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        struct slot child = slot_child(p2m, s, i);

        withdraw_below(p2m, &child);
    }
}

void zero_withdraw(struct p2m *p2m, gfn_t gfn, struct slot *s)
{
    struct slot region = walk_find_level(p2m, gfn, 2);

    withdraw_below(p2m, &region);
    *s = walk_find(p2m, gfn);
}

void zero_withdraw_range(struct p2m *p2m, gfn_t gfn, uint64_t count)
{
    for (uint64_t done = 0, step; done < count; done += step) {
        gfn_t at = gfn_add(gfn, done);
        unsigned order = piece_order(at, count - done, ORDER_1G);
        struct slot s = walk_find_level(p2m, at, order_level(order));

        withdraw_below(p2m, &s);
        step = BIT(order);
    }
}

static int add_zero_locked(struct p2m *p2m, gfn_t gfn)
{
    struct slot s;
    int rc;

    if (p2m->dying) {
        return -ESRCH;
    }
    s = walk_find(p2m, gfn);
    if (s.f.tag != P2M_HOLE) {
        return -EEXIST;
    }
    rc = slot_split(p2m, gfn, ORDER_4K, &s);
    if (rc) {
        return rc;
    }
    p2m_settle(p2m);
    slot_set(p2m, &s, P2M_FOREIGN_ZERO, zero_block_frame(gfn));
    p2m_note_gfn(p2m, gfn);
    return 0;
}

int p2m_add_zero(struct p2m *p2m, gfn_t gfn)
{
    int rc;

    CHECK(zero_block_exists());
    if (!gfn_in_reach(p2m, gfn)) {
        return -EINVAL;
    }
    lock(&p2m->lock);
    rc = add_zero_locked(p2m, gfn);
    unlock(&p2m->lock);
    return rc;
}
