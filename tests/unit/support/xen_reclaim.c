/* SPDX-License-Identifier: MIT */
/* Zero pages become promises again: POD-2.19..2.22, POD-3. See xen_rules.h. */
#include "types/bits.h"
#include "xen_internal.h"

#define QUICK_BYTES 128
#define BATCH       16
#define SWEEP_LEAST 1024 /* gfns, before it may stop early */

/* POD-3.7; the offset of the first byte that is not zero decides. */
static bool looks_zero(struct xen_rules *x, uint32_t mfn)
{
    x->quick_looks++;
    return x->contents[mfn] == 0 || x->contents[mfn] > QUICK_BYTES;
}

static bool is_zero(struct xen_rules *x, uint32_t mfn)
{
    x->counters.sweep_pages_read++;
    return x->contents[mfn] == 0;
}

struct candidate {
    uint64_t gfn;
    uint32_t mfn;
    bool unmapped, from_super;
};

/* POD-3.8, 3.9: unmapped, unless there is no table or it has a second user. */
static void unmap(struct xen_rules *x, struct candidate *c)
{
    unsigned order;

    xen_lookup(x, c->gfn, NULL, &order);
    if (!xen_write(x, c->gfn, ORDER_4K, XEN_POD, 0)) {
        return;
    }
    c->from_super = order == ORDER_2M;
    x->counters.unmaps++;
    x->counters.tlb_flushes_reclaim += !x->ept;
    if (!x->references[c->mfn]) {
        c->unmapped = true;
        return;
    }
    xen_write(x, c->gfn, ORDER_4K, XEN_RAM, c->mfn);
    x->counters.unmaps_restored++;
    x->split_in_vain += c->from_super;
}

/* POD-3.11; returns whether it went to the cache. */
static bool finish(struct xen_rules *x, const struct candidate *c)
{
    if (!c->unmapped) {
        return false;
    }
    if (is_zero(x, c->mfn)) {
        xen_cache_add(x, c->mfn, ORDER_4K);
        x->entries++;
        x->counters.reclaimed_4k++;
        return true;
    }
    xen_write(x, c->gfn, ORDER_4K, XEN_RAM, c->mfn);
    x->counters.unmaps_restored++;
    x->split_in_vain += c->from_super;
    return false;
}

/* POD-3.3: up to 16 gfns; returns how many pages came of it. */
static unsigned check_batch(struct xen_rules *x, const uint64_t *gfns,
                            unsigned count)
{
    struct candidate c[BATCH];
    unsigned candidates = 0, got = 0, unmapped = 0;

    for (unsigned i = 0; i < count; i++) {
        struct candidate *next = &c[candidates];

        *next = (struct candidate){.gfn = gfns[i]};
        if (xen_lookup(x, gfns[i], &next->mfn, NULL) == XEN_RAM &&
            !x->references[next->mfn] && looks_zero(x, next->mfn)) {
            unmap(x, next);
            unmapped += next->unmapped;
            candidates++;
        }
    }
    x->counters.tlb_flushes_reclaim += x->ept && unmapped;
    for (unsigned i = 0; i < candidates; i++) {
        got += finish(x, &c[i]);
    }
    return got;
}

/* POD-3.3: RAM throughout, its frames aligned and in a row, nobody else's. */
static bool is_one_piece(const struct xen_rules *x, uint64_t gfn,
                         uint32_t *first)
{
    if (xen_lookup(x, gfn, first, NULL) != XEN_RAM || *first % XEN_PAGES) {
        return false;
    }
    for (uint32_t i = 0; i < XEN_PAGES; i++) {
        uint32_t mfn;

        if (xen_lookup(x, gfn + i, &mfn, NULL) != XEN_RAM ||
            mfn != *first + i || x->references[mfn]) {
            return false;
        }
    }
    return true;
}

static bool all_look_zero(struct xen_rules *x, uint32_t mfn)
{
    for (uint32_t i = 0; i < XEN_PAGES; i++) {
        if (!looks_zero(x, mfn + i)) {
            return false;
        }
    }
    return true;
}

static bool all_are_zero(struct xen_rules *x, uint32_t mfn)
{
    for (uint32_t i = 0; i < XEN_PAGES; i++) {
        if (!is_zero(x, mfn + i)) {
            return false;
        }
    }
    return true;
}

bool xen_reclaim_super(struct xen_rules *x, uint64_t gfn)
{
    uint32_t mfn;

    xen_looked_at(x, XEN_PAGES);
    if (!is_one_piece(x, gfn, &mfn) || !all_look_zero(x, mfn) ||
        !xen_write(x, gfn, ORDER_2M, XEN_POD, 0)) {
        return false;
    }
    x->counters.unmaps += XEN_PAGES;
    x->counters.tlb_flushes_reclaim++;
    if (!all_are_zero(x, mfn)) {
        xen_write(x, gfn, ORDER_2M, XEN_RAM, mfn);
        x->counters.unmaps_restored += XEN_PAGES;
        return false;
    }
    xen_cache_add(x, mfn, ORDER_2M);
    x->entries += XEN_PAGES;
    x->counters.reclaimed_2m++;
    return true;
}

/* POD-2.20 */
static void check_slot(struct xen_rules *x, uint64_t gfn, unsigned order)
{
    x->counters.eager_checked += BIT(order);
    if (order == ORDER_2M && xen_reclaim_super(x, gfn)) {
        return;
    }
    for (uint64_t i = 0; i < BIT(order); i++) {
        uint64_t one = gfn + i;

        check_batch(x, &one, 1);
    }
    xen_looked_at(x, order ? 0 : 1); /* the first try has counted them */
}

void xen_reclaim_eagerly(struct xen_rules *x)
{
    for (unsigned i = 0; i < ARRAY_COUNT(x->ring); i++) {
        unsigned slot = (x->ring_next + i) % ARRAY_COUNT(x->ring);

        if (x->ring[slot].used) {
            x->ring[slot].used = false;
            check_slot(x, x->ring[slot].gfn, x->ring[slot].order);
        }
        if (x->cached) {
            return;
        }
    }
}

void xen_sweep(struct xen_rules *x)
{
    uint64_t start = x->sweep_start ? x->sweep_start : x->max_guest;
    uint64_t batch[BATCH] = {0}, gfn;
    unsigned count = 0;

    for (gfn = start; gfn > 0; gfn--) {
        x->counters.sweep_gfns_visited++;
        xen_looked_at(x, 1);
        if (xen_lookup(x, gfn, NULL, NULL) == XEN_RAM) {
            batch[count++] = gfn;
        }
        if (count == BATCH) {
            check_batch(x, batch, count);
            count = 0;
        }
        if (start - gfn > SWEEP_LEAST && (x->cached || x->interrupt_pending)) {
            break;
        }
    }
    check_batch(x, batch, count);
    x->sweep_start = gfn ? gfn - 1 : 0;
}
