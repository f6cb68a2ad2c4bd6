/* SPDX-License-Identifier: MIT */
/* Reservations, targets, mappings: POD-4. See xen_rules.h. */
#include "types/bits.h"
#include "types/error.h"
#include "xen_internal.h"

/* The largest aligned piece of what is left (POD-4.6). */
static unsigned piece(uint64_t gfn, uint64_t left, unsigned limit)
{
    unsigned order = limit;

    while (order && (gfn % BIT(order) || left < BIT(order))) {
        order--;
    }
    return order;
}

/* An order for which there are leaves. */
static unsigned leaf_order(unsigned order)
{
    return order >= ORDER_1G ? ORDER_1G
                             : (order >= ORDER_2M ? ORDER_2M : ORDER_4K);
}

/* POD-4.16: page by page; the frame goes with its last user. */
static bool remove_page(struct xen_rules *x, uint64_t gfn)
{
    uint32_t mfn;

    if (xen_lookup(x, gfn, &mfn, NULL) != XEN_RAM ||
        !xen_write(x, gfn, ORDER_4K, XEN_HOLE, 0)) {
        return false;
    }
    if (x->references[mfn]) {
        x->references[mfn] |= XEN_GIVEN_UP;
        x->orphans++;
    } else {
        xen_free(x, mfn, ORDER_4K);
    }
    return true;
}

/* A leaf of RAM that is wanted whole goes back to the host whole, too, in
 * effect: its pages come together again there. */
static bool remove_whole(struct xen_rules *x, uint64_t gfn, unsigned order)
{
    unsigned leaf;
    uint32_t mfn;

    if (order != ORDER_2M || xen_lookup(x, gfn, &mfn, &leaf) != XEN_RAM ||
        leaf != ORDER_2M) {
        return false;
    }
    for (unsigned i = 0; i < XEN_PAGES; i++) {
        if (x->references[mfn + i]) {
            return false;
        }
    }
    xen_write(x, gfn, ORDER_2M, XEN_HOLE, 0);
    xen_free(x, mfn, ORDER_2M);
    return true;
}

struct mix {
    uint64_t promised, ram, all;
};

static struct mix look(const struct xen_rules *x, uint64_t gfn, unsigned order)
{
    struct mix m = {.all = BIT(order)};

    for (uint64_t i = 0; i < BIT(order); i++) {
        enum xen_type type = xen_lookup(x, gfn + i, NULL, NULL);

        m.promised += type == XEN_POD;
        m.ram += type == XEN_RAM;
    }
    return m;
}

/* A hole instead of 2^order promises or pages. Failing at more than a page
 * ends the guest (POD-4.10). */
static bool make_hole(struct xen_rules *x, uint64_t gfn, unsigned order)
{
    for (uint64_t i = 0; i < BIT(order); i += BIT(leaf_order(order))) {
        if (!xen_write(x, gfn + i, leaf_order(order), XEN_HOLE, 0)) {
            if (order) {
                xen_crash(x);
            }
            return false;
        }
    }
    return true;
}

/* Case e: the pages of a piece of RAM pay the guest's debts. */
static bool steal(struct xen_rules *x, uint64_t gfn, unsigned order)
{
    uint32_t mfns[XEN_PAGES];
    bool whole;

    for (uint64_t i = 0; i < BIT(order); i++) {
        xen_lookup(x, gfn + i, &mfns[i], NULL);
    }
    whole = order == ORDER_2M && mfns[0] % XEN_PAGES == 0 &&
            mfns[XEN_PAGES - 1] == mfns[0] + XEN_PAGES - 1;
    if (!make_hole(x, gfn, order)) {
        return false;
    }
    x->counters.steals += BIT(order);
    for (uint64_t i = 0; i < BIT(order) && !whole; i++) {
        xen_cache_add(x, mfns[i], ORDER_4K);
    }
    if (whole) {
        xen_cache_add(x, mfns[0], ORDER_2M);
    }
    return true;
}

/* The largest leaf at gfn that lies in what is left. */
static unsigned leaf_piece(const struct xen_rules *x, uint64_t gfn,
                           uint64_t left)
{
    unsigned order;

    xen_lookup(x, gfn, NULL, &order);
    return piece(gfn, left, order);
}

/* Cases e and f. */
static uint64_t piecewise(struct xen_rules *x, uint64_t gfn, unsigned order)
{
    uint64_t done = 0, step;

    for (uint64_t i = 0; i < BIT(order) && !x->dead; i += step) {
        unsigned size = leaf_piece(x, gfn + i, BIT(order) - i);
        enum xen_type type = xen_lookup(x, gfn + i, NULL, NULL);
        bool ok = false;

        step = BIT(size);
        if (type == XEN_POD) {
            ok = make_hole(x, gfn + i, size);
            x->entries -= ok ? (int64_t)step : 0;
        } else if (type == XEN_RAM && xen_deficit(x) > 0) {
            ok = steal(x, gfn + i, size);
        }
        done += ok ? step : 0;
    }
    return done;
}

/* Case d. */
static bool reclaim_around(struct xen_rules *x, uint64_t gfn, unsigned order)
{
    if (order >= ORDER_2M ||
        !xen_reclaim_super(x, gfn & ~(uint64_t)(XEN_PAGES - 1)) ||
        !make_hole(x, gfn, order)) {
        return false;
    }
    x->entries -= (int64_t)BIT(order);
    return true;
}

/* POD-4.8; how many gfns became holes. */
static uint64_t offer(struct xen_rules *x, uint64_t gfn, unsigned order)
{
    struct mix m = look(x, gfn, order);
    uint64_t done;

    if (!x->entries || x->dying || (!m.promised && xen_deficit(x) <= 0)) {
        return 0; /* a, c */
    }
    if (m.promised == m.all) { /* b */
        if (!make_hole(x, gfn, order)) {
            return 0;
        }
        x->entries -= (int64_t)m.all;
        xen_rebalance(x);
        return m.all;
    }
    if (m.ram == m.all && reclaim_around(x, gfn, order)) {
        xen_rebalance(x);
        return m.all;
    }
    done = piecewise(x, gfn, order);
    xen_rebalance(x);
    return done;
}

/* One chunk: PoD first, then page by page what it left (POD-4.7). */
static uint64_t decrease_chunk(struct xen_rules *x, uint64_t gfn,
                               unsigned order)
{
    uint64_t empty, done = 0;

    xen_lock_begin(x);
    xen_looked_at(x, BIT(order));
    empty = offer(x, gfn, order);
    if (!empty && remove_whole(x, gfn, order)) {
        return BIT(order);
    }
    for (; done < BIT(order) && !x->dead; done++) {
        if (xen_lookup(x, gfn + done, NULL, NULL) == XEN_HOLE && empty) {
            empty--;
        } else if (!remove_page(x, gfn + done)) {
            break;
        }
    }
    return done;
}

uint64_t xen_decrease(struct xen_rules *x, uint64_t gfn, unsigned order)
{
    uint64_t done = 0;

    while (done < BIT(order) && !x->dead && gfn + done < x->gfn_count) {
        unsigned size = piece(gfn + done, BIT(order) - done, ORDER_1G);
        uint64_t some = decrease_chunk(x, gfn + done, size);

        done += some;
        if (some < BIT(size)) {
            break;
        }
    }
    return done;
}

/* What is at gfn makes room for another page (POD-4.17, 4.18, 9.17). */
static void replaced(struct xen_rules *x, uint64_t gfn)
{
    switch (xen_lookup(x, gfn, NULL, NULL)) {
    case XEN_POD:
        x->entries--;
        break;
    case XEN_RAM:
        x->orphans++;
        break;
    case XEN_OTHER:
        xen_crash(x); /* POD-4.21 */
        break;
    case XEN_HOLE:
        break;
    }
}

/* Counts that were changed for a write which then fails are put back. */
static bool add_pages(struct xen_rules *x, uint64_t gfn, unsigned order,
                      uint32_t mfn)
{
    int64_t entries = x->entries;
    uint64_t orphans = x->orphans;

    for (uint64_t i = 0; i < BIT(order); i++) {
        replaced(x, gfn + i);
    }
    if (!x->dead && xen_write(x, gfn, order, XEN_RAM, mfn)) {
        return true;
    }
    x->entries = entries;
    x->orphans = orphans + BIT(order); /* POD-4.19 */
    return false;
}

/* Whole 2 MiB that are aligned, else page by page; true when all is done. */
uint64_t xen_populate(struct xen_rules *x, uint64_t gfn, unsigned order)
{
    uint64_t done = 0;

    while (done < BIT(order) && !x->dead && gfn + done < x->gfn_count) {
        unsigned size =
            leaf_order(piece(gfn + done, BIT(order) - done, ORDER_2M));
        uint32_t mfn = xen_alloc(x, size);

        if (mfn == XEN_NONE || !add_pages(x, gfn + done, size, mfn)) {
            break;
        }
        done += BIT(size);
    }
    return done;
}

static bool mark_chunk(struct xen_rules *x, uint64_t gfn, unsigned order)
{
    struct mix m = look(x, gfn, order);

    for (uint64_t i = 0; i < BIT(order); i++) {
        if (xen_lookup(x, gfn + i, NULL, NULL) > XEN_POD) {
            return false;
        }
    }
    for (uint64_t i = 0; i < BIT(order); i += BIT(leaf_order(order))) {
        if (!xen_write(x, gfn + i, leaf_order(order), XEN_POD, 0)) {
            if (order) {
                xen_crash(x);
            }
            return false;
        }
    }
    x->entries += (int64_t)(m.all - m.promised);
    return true;
}

uint64_t xen_mark(struct xen_rules *x, uint64_t gfn, unsigned order)
{
    uint64_t done = 0;

    while (done < BIT(order) && !x->dead) {
        unsigned size = piece(gfn + done, BIT(order) - done, ORDER_1G);

        if (gfn + done + BIT(size) > x->gfn_count) {
            /* POD-9.9: beyond what tables hold */
            if (size) {
                xen_crash(x);
            }
            break;
        }
        if (!mark_chunk(x, gfn + done, size)) {
            break;
        }
        done += BIT(size);
    }
    return done;
}

static int grow(struct xen_rules *x, int64_t wanted)
{
    while (x->cached < wanted) {
        unsigned order = wanted - x->cached >= XEN_PAGES ? ORDER_2M : ORDER_4K;
        uint32_t mfn = xen_alloc(x, order);

        if (mfn == XEN_NONE && order) {
            order = ORDER_4K;
            mfn = xen_alloc(x, order);
        }
        if (mfn == XEN_NONE) {
            return -ENOMEM;
        }
        xen_cache_add(x, mfn, order);
    }
    return 0;
}

int xen_set_target(struct xen_rules *x, uint64_t pages)
{
    uint64_t populated = x->charged - (uint64_t)x->cached;
    int64_t wanted;

    if (pages > x->max_pages) {
        return -EINVAL;
    }
    if ((populated && !x->entries) || x->dying || pages < x->charged) {
        return 0;
    }
    wanted = (int64_t)(pages - populated);
    if (populated) {
        wanted = MIN(wanted, x->entries);
    }
    return grow(x, wanted);
}

/* POD-4.35: populated first; then its page is charged and nowhere. */
bool xen_remove(struct xen_rules *x, uint64_t gfn)
{
    uint32_t mfn;

    if (!xen_touch(x, gfn, &mfn) || !xen_write(x, gfn, ORDER_4K, XEN_HOLE, 0)) {
        return false;
    }
    x->orphans++;
    return true;
}

bool xen_map(struct xen_rules *x, uint64_t gfn, uint32_t *mfn)
{
    if (!xen_touch(x, gfn, mfn)) {
        return false;
    }
    x->references[*mfn]++;
    return true;
}

void xen_unmap(struct xen_rules *x, uint32_t mfn)
{
    if (--x->references[mfn] == XEN_GIVEN_UP) {
        x->references[mfn] = 0;
        x->orphans--;
        xen_free(x, mfn, ORDER_4K);
    }
}

bool xen_add_other(struct xen_rules *x, uint64_t gfn)
{
    if (xen_lookup(x, gfn, NULL, NULL) == XEN_RAM ||
        xen_lookup(x, gfn, NULL, NULL) == XEN_OTHER) {
        return false;
    }
    replaced(x, gfn);
    return xen_write(x, gfn, ORDER_4K, XEN_OTHER, 0);
}
