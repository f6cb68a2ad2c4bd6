/* SPDX-License-Identifier: MIT */
/*
 * Memory that a domain is given by who asks for it, and what it is promised.
 * When the host has no page, or no table, ephemeral pages make way (room.c),
 * if a page might be charged at all.
 */
#include "domain/memory.h"
#include "domain/room.h"
#include "types/bits.h"
#include "types/error.h"

/* Pages of the domain's own; ephemeral ones make way for them. */
static struct page *alloc_pages(struct domain *d, unsigned order)
{
    struct page *head = page_alloc_guest(&d->account, order);

    if (unlikely(!head) && room_is_due(d, BIT(order)) &&
        room_make_block(d, order)) {
        head = page_alloc_guest(&d->account, order);
        room_end(d);
    }
    return head;
}

static int populate(struct domain *d, gfn_t gfn, unsigned order)
{
    struct page *head = alloc_pages(d, order);
    int rc;

    if (!head) {
        return -ENOMEM;
    }
    do {
        rc = p2m_add_ram(&d->p2m, gfn, head, order);
    } while (rc == -ENOMEM && room_for_table());
    if (rc) {
        page_release(head, BIT(order));
    }
    return rc;
}

int memory_populate(struct domain *d, gfn_t gfn, unsigned order)
{
    int rc;

    if (order > MAX_ORDER) {
        return -EINVAL;
    }
    if (!p2m_enter(&d->p2m)) {
        return -ESRCH;
    }
    rc = populate(d, gfn, order);
    p2m_leave(&d->p2m);
    return rc;
}

/* As many single pages as there are; those of `wanted` only if there are enough
 * without anything making way. */
static unsigned alloc_some(struct domain *d, struct page **pages,
                           const mfn_t *wanted, unsigned count)
{
    unsigned got = page_alloc_guest_some(&d->account, pages, wanted, count);

    if (unlikely(got < count) && room_is_due(d, 1) &&
        room_make(d, count - got) == -ERESTART) {
        got +=
            page_alloc_guest_some(&d->account, pages + got, NULL, count - got);
        room_end(d);
    }
    return got;
}

static int populate_list(struct domain *d, const uint64_t *gfns, unsigned count,
                         unsigned *done)
{
    struct page *pages[MEMORY_AT_ONCE];
    mfn_t wanted[MEMORY_AT_ONCE];
    unsigned got;
    int rc = 0;
    bool fits;

    fits = p2m_fitting_frames(&d->p2m, gfns, count, wanted);
    got = alloc_some(d, pages, fits ? wanted : NULL, count);
    while (*done < got && !rc) {
        unsigned some = 0;

        rc = p2m_add_list(&d->p2m, gfns + *done, pages + *done, got - *done,
                          &some);
        *done += some;
        if (rc == -ENOMEM && room_for_table()) {
            rc = 0;
        }
    }
    for (unsigned i = *done; i < got; i++) {
        page_release(pages[i], 1);
    }
    return rc || got == count ? rc : -ENOMEM;
}

int memory_populate_list(struct domain *d, const uint64_t *gfns, unsigned count,
                         unsigned *done)
{
    int rc;

    *done = 0;
    if (!p2m_enter(&d->p2m)) {
        return -ESRCH;
    }
    rc = populate_list(d, gfns, count, done);
    p2m_leave(&d->p2m);
    return rc;
}

int memory_mark_pod(struct domain *d, gfn_t gfn, unsigned order)
{
    int rc;

    do {
        rc = p2m_mark_pod(&d->p2m, gfn, order);
    } while (rc == -ENOMEM && room_for_table());
    return rc;
}

int memory_increase(struct domain *d, unsigned order)
{
    bool done;

    if (order > MAX_ORDER) {
        return -EINVAL;
    }
    if (!p2m_enter(&d->p2m)) {
        return -ESRCH;
    }
    done = page_alloc_loose(&d->account, order) ||
           (room_is_due(d, BIT(order)) && room_make_block(d, order) &&
            page_alloc_loose(&d->account, order));
    room_end(d);
    p2m_leave(&d->p2m);
    return done ? 0 : -ENOMEM;
}
