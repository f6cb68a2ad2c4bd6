/* SPDX-License-Identifier: MIT */
/*
 * Small leaves become a large one again (P7).
 *
 *   placeholders  512 of one table are one of the next size, up to 1G; the
 *                 table's count of promises tells at one look
 *   RAM           512 leaves of a table whose frames follow one another, from
 *                 an aligned one on, are a leaf of 2M; looked at when the last
 *                 of the 512 has come
 *
 * Nothing is copied, and no gfn means anything else afterwards, so a
 * translation that a CPU has cached stays right. But the table must not be used
 * for something else before a flush (rule 6 of flush.c), so it is a stale one,
 * and the operation that merged ends with p2m_finish().
 *
 * That RAM's frames follow one another again after pages went and came is no
 * accident: whoever looks for a page for a gfn first asks for the one that
 * fits its neighbours, from the cache and from the host.
 */
#include "p2m/internal.h"

/* Of a table that has only promises, none of them shown as zeros: the one kind
 * that all are of; P2M_HOLE: there are two kinds, or zeros are shown. */
static enum p2m_type only_kind(const struct p2m *p2m, const struct slot *s)
{
    struct slot first = slot_child(p2m, s, 0);

    if (table_use(page_from_mfn(s->f.mfn)).zero) {
        return P2M_HOLE;
    }
    for (unsigned i = 1; i < TABLE_ENTRIES; i++) {
        struct slot child = slot_child(p2m, s, i);

        if (child.f.tag != first.f.tag) {
            return P2M_HOLE;
        }
    }
    return slot_type(&first);
}

void merge_promises(struct p2m *p2m, gfn_t gfn)
{
    for (unsigned level = 2; level <= order_level(ORDER_1G); level++) {
        struct slot s = walk_find_level(p2m, gfn, level);
        enum p2m_type kind;

        if (s.level != level) {
            return;
        }
        if (!s.f.is_table) {
            if (!slot_is_promise(&s)) {
                return;
            }
            continue;
        }
        if (table_use(page_from_mfn(s.f.mfn)).promised != TABLE_ENTRIES) {
            return;
        }
        kind = only_kind(p2m, &s);
        if (kind == P2M_HOLE) {
            return;
        }
        slot_set(p2m, &s, kind, INVALID_MFN);
        p2m->pod->counters.superpages_reformed++;
    }
}

/* The frame that a leaf of 2M around this 4K leaf of RAM would begin with. */
static mfn_t first_frame(const struct pte_fields *f, uint64_t index)
{
    if (f->tag != P2M_RAM || f->mfn.v % TABLE_ENTRIES != index) {
        return INVALID_MFN;
    }
    return MFN(f->mfn.v - index);
}

static bool is_own_run(const struct p2m *p2m, const struct slot *s, mfn_t first)
{
    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        struct slot child = slot_child(p2m, s, i);
        const struct page *pg;

        if (!mfn_eq(first_frame(&child.f, i), first)) {
            return false;
        }
        pg = page_speaker(page_from_mfn(child.f.mfn));
        if (pg->state != PAGE_GUEST || !page_is_of(pg, p2m->account)) {
            return false;
        }
    }
    return true;
}

void merge_ram_slowly(struct p2m *p2m, gfn_t gfn)
{
    struct slot s = walk_find_level(p2m, gfn, 2), child;
    mfn_t first;

    if (s.level != 2 || !s.f.is_table || p2m->format->max_order < ORDER_2M) {
        return;
    }
    child = slot_child(p2m, &s, 0);
    first = first_frame(&child.f, 0);
    if (mfn_valid(first) && is_own_run(p2m, &s, first)) {
        slot_set(p2m, &s, P2M_RAM, first);
        p2m->pod->counters.superpages_reformed++;
    }
}

/* Of the neighbours at a distance of 1, 2, 4 ... 256 the first that is RAM says
 * which; mostly that is the first of all. */
static mfn_t ask_neighbours(const struct p2m *p2m, const struct slot *s,
                            uint64_t index)
{
    const uint64_t *entries = s->entry - index;

    for (unsigned bit = 1; bit < TABLE_ENTRIES; bit <<= 1) {
        uint64_t raw = READ_ONCE(entries[index ^ bit]);
        struct pte_fields f;

        if (!raw) {
            continue; /* a hole */
        }
        f = p2m->format->decode(raw, 1);
        if (f.tag == P2M_RAM) {
            return first_frame(&f, index ^ bit);
        }
    }
    return INVALID_MFN;
}

/* The frame that gfn's region should begin with. What one gfn was told is true
 * of the next ones, too, until a page leaves: one that does not fit spoils the
 * region for all. */
static mfn_t fitting_first_afresh(struct p2m *p2m, const struct slot *s,
                                  gfn_t gfn)
{
    if (s->level != 1 || !table_use(page_from_mfn(s->table)).busy) {
        return INVALID_MFN;
    }
    p2m->fit_region = gfn.v >> ORDER_2M;
    p2m->fit_first = ask_neighbours(p2m, s, gfn.v % TABLE_ENTRIES);
    return p2m->fit_first;
}

static inline mfn_t fitting_first(struct p2m *p2m, const struct slot *s,
                                  gfn_t gfn)
{
    return gfn.v >> ORDER_2M == p2m->fit_region
               ? p2m->fit_first
               : fitting_first_afresh(p2m, s, gfn);
}

/* Who takes the frame looks again. */
static inline mfn_t frame_if(mfn_t first, gfn_t gfn, enum page_state state)
{
    mfn_t mfn = mfn_add(first, gfn.v % TABLE_ENTRIES);
    const struct page *pg;

    if (!mfn_valid(first)) {
        return INVALID_MFN;
    }
    pg = page_from_mfn(mfn);
    return pg && READ_ONCE(pg->state) == state ? mfn : INVALID_MFN;
}

mfn_t fitting_frame(struct p2m *p2m, const struct slot *s, gfn_t gfn,
                    enum page_state state)
{
    return frame_if(fitting_first(p2m, s, gfn), gfn, state);
}

bool p2m_fitting_frames(struct p2m *p2m, const uint64_t *gfns, unsigned count,
                        mfn_t *frames)
{
    uint64_t region = ~0ULL;
    mfn_t first = INVALID_MFN;
    bool any = false;

    lock(&p2m->lock);
    for (unsigned i = 0; i < count; i++) {
        gfn_t gfn = GFN(gfns[i]);

        if (gfn.v >> ORDER_2M != region) {
            region = gfn.v >> ORDER_2M;
            first = INVALID_MFN;
            if (gfn_is_mapped(p2m, gfn)) {
                struct slot s = walk_find(p2m, gfn);

                first = fitting_first(p2m, &s, gfn);
            }
        }
        frames[i] = frame_if(first, gfn, PAGE_FREE);
        any = any || mfn_valid(frames[i]);
    }
    unlock(&p2m->lock);
    return any;
}
