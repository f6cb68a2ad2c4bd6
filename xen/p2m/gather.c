/* SPDX-License-Identifier: MIT */
/*
 * A region of 2M whose 512 pages are scattered over the host moves to a free
 * block, so that one leaf can map it (P7). Where frames happen to follow one
 * another nothing has to be copied: that is merge.c.
 *
 *   find     a table of 512 leaves of RAM, all of them own pages that nobody
 *            else refers to. Changes nothing, and takes no memory
 *   detach   in the table's place comes P2M_MOVING, a promise for all who come
 *            by: guests and the hypervisor wait for our lock, and find RAM
 *   flush    once; now nobody can write to the pages
 *   verify   nobody has got a reference meanwhile; else the table comes back
 *   copy     512 pages
 *   install  one leaf. The table is spare, and the old pages go where those
 *            of a balloon go
 *
 * So the domain has 512 pages more for the time of one lock hold, and none more
 * afterwards. The caller brings the block (page_begin_move()), and it is
 * charged at the last moment, when nobody can give up other pages than the old
 * ones: before, it would stand in the way of what the domain may have.
 */
#include "arch/hostmap.h"
#include "p2m/internal.h"

/* As the search has it (region.c): nobody else can reach it. */
static bool is_private(const struct p2m *p2m, const struct page *pg)
{
    const struct page *speaker = page_speaker(pg);

    return speaker->state == PAGE_GUEST && page_is_of(speaker, p2m->account) &&
           page_references(pg) == 1 && (speaker->flags & PAGE_ALLOCATED);
}

/* Of a slot that holds a table, live or not. */
static bool is_all_private(const struct p2m *p2m, const struct slot *s)
{
    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        struct slot child = slot_child(p2m, s, i);

        if (child.f.tag != P2M_RAM ||
            !is_private(p2m, page_from_mfn(child.f.mfn))) {
            return false;
        }
    }
    return true;
}

static bool is_full_table(const struct slot *s)
{
    return s->level == order_level(ORDER_2M) && s->f.is_table &&
           table_use(page_from_mfn(s->f.mfn)).busy == TABLE_ENTRIES;
}

/* Where it can be had without a copy, it is done at once. */
static bool is_scattered(struct p2m *p2m, gfn_t gfn)
{
    struct slot s;

    merge_ram_slowly(p2m, gfn);
    p2m_finish(p2m);
    s = walk_find_level(p2m, gfn, order_level(ORDER_2M));
    return is_full_table(&s) && is_all_private(p2m, &s);
}

static enum p2m_gather_result find_locked(struct p2m *p2m, gfn_t *gfn)
{
    for (unsigned looks = 0; looks < TABLE_ENTRIES; looks++) {
        struct slot s;

        if (gfn->v > p2m->max_gfn.v || p2m->dying ||
            p2m->format->max_order < ORDER_2M) {
            return P2M_GATHER_END;
        }
        s = walk_find_busy(p2m, *gfn);
        if (is_full_table(&s)) {
            if (is_scattered(p2m, *gfn)) {
                return P2M_GATHER_FOUND;
            }
            looks = TABLE_ENTRIES; /* enough for one lock hold */
        }
        *gfn = gfn_add(gfn_align(*gfn, slot_order(&s)), BIT(slot_order(&s)));
    }
    return P2M_GATHER_MORE;
}

enum p2m_gather_result p2m_gather_find(struct p2m *p2m, gfn_t *gfn)
{
    enum p2m_gather_result result;

    lock(&p2m->lock);
    p2m_settle(p2m);
    result = find_locked(p2m, gfn);
    unlock(&p2m->lock);
    return result;
}

/* The pages of a table that nobody can reach are copied and parked. */
static void copy_out(struct p2m *p2m, const struct slot *s, struct page *block)
{
    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        struct slot child = slot_child(p2m, s, i);
        struct page *pg = page_from_mfn(child.f.mfn);

        arch_page_copy(arch_map(mfn_add(page_to_mfn(block), i)), page_map(pg));
        page_split_block(pg);
        m2p_clear(pg, ORDER_4K);
        p2m_park(p2m, child.f.mfn, ORDER_4K, PARK_OWN);
    }
}

static void install(struct p2m *p2m, struct slot *s, struct page *block)
{
    m2p_set(block, s->gfn, ORDER_2M);
    slot_set(p2m, s, P2M_RAM, page_to_mfn(block));
    p2m->fit_region = ~0ULL;
    lock(&p2m->pod->lock);
    p2m->pod->counters.superpages_gathered++;
    unlock(&p2m->pod->lock);
}

static bool gather_locked(struct p2m *p2m, gfn_t gfn, struct page *block)
{
    struct slot s = walk_find_level(p2m, gfn, order_level(ORDER_2M)), old = s;
    struct page *table;

    if (p2m->dying || !is_full_table(&s) || !is_all_private(p2m, &s)) {
        return false;
    }
    table = slot_detach_table(p2m, &s, P2M_MOVING);
    p2m_settle(p2m);
    if (!is_all_private(p2m, &old)) {
        slot_reattach(p2m, &s, table);
        return false;
    }
    copy_out(p2m, &old, block);
    install(p2m, &s, block);
    reserve_put(p2m, table);
    page_end_move(p2m->account);
    p2m_release_parked(p2m); /* the flush was before the copying */
    return true;
}

bool p2m_gather(struct p2m *p2m, gfn_t gfn, struct page *block)
{
    bool done;

    lock(&p2m->lock);
    p2m_settle(p2m);
    done = gather_locked(p2m, gfn, block);
    unlock(&p2m->lock);
    return done;
}
