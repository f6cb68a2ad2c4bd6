/* SPDX-License-Identifier: MIT */
/*
 * Ranges of gfns for operations on many: a range is cut into the largest
 * aligned pieces that a leaf can have. First everything is checked, then
 * every piece gets its slot, which may need tables; what follows cannot fail.
 * An aligned range is one piece; one that is not is at most order 9, so there
 * are 512 pieces at most.
 */
#include "p2m/internal.h"
#include "types/overflow.h"

bool range_is_valid(const struct p2m *p2m, gfn_t gfn, unsigned order)
{
    if (order > ORDER_1G || range_exceeds(gfn.v, BIT(order), p2m->gfn_limit)) {
        return false;
    }
    return order <= ORDER_2M || gfn_eq(gfn, gfn_align(gfn, order));
}

bool range_is_free(const struct p2m *p2m, gfn_t gfn, uint64_t count)
{
    for (uint64_t done = 0, step; done < count; done += step) {
        gfn_t at = gfn_add(gfn, done);
        unsigned order = piece_order(at, count - done, ORDER_1G);
        struct slot s = walk_find_level(p2m, at, order_level(order));

        if (!slot_is_free(p2m, &s)) {
            return false;
        }
        step = BIT(order);
    }
    return true;
}

int range_prepare(struct p2m *p2m, gfn_t gfn, uint64_t count,
                  unsigned max_order)
{
    for (uint64_t done = 0, step; done < count; done += step) {
        gfn_t at = gfn_add(gfn, done);
        unsigned order = piece_order(at, count - done, max_order);
        struct slot s;
        int rc = walk_split(p2m, at, order, &s);

        if (rc) {
            return rc;
        }
        step = BIT(order);
    }
    return 0;
}
