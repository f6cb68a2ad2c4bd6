/* SPDX-License-Identifier: MIT */
/*
 * An eviction is bounded, and may find all that could go in use just then, so
 * it is never relied on: who needs frames asks for them again afterwards, and
 * takes no for an answer. Between the two others may be quicker, but no PUT:
 * what was made room for is held back (tmem_hold_back()), so that a guest that
 * puts as fast as it can does not keep a domain from being built.
 *
 *   sum of d->room_held over all domains = what is held back
 */
#include "domain/room.h"

#include "overcommit/tmem.h"
#include "types/bits.h"
#include "types/error.h"

#define SOME_FRAMES 64

static uint64_t reserve;

/* As many for d in all, whatever it was. */
static void hold(struct domain *d, uint64_t pages)
{
    uint64_t was = __atomic_exchange_n(&d->room_held, pages, __ATOMIC_ACQ_REL);

    if (was != pages) {
        tmem_hold_back((int64_t)(pages - was));
    }
}

int room_make(struct domain *d, uint64_t pages)
{
    uint64_t free = page_unclaimed();
    uint64_t missing = pages - MIN(pages, free);

    if (!missing || missing > tmem_freeable()) {
        return -ENOMEM;
    }
    hold(d, pages);
    return tmem_evict(MIN(missing, (uint64_t)TMEM_EVICT_MAX)) ? -ERESTART
                                                              : -ENOMEM;
}

void room_end(struct domain *d)
{
    if (READ_ONCE(d->room_held)) {
        hold(d, 0);
    }
}

bool room_make_block(struct domain *d, unsigned order)
{
    if (!order) {
        return room_make(d, 1) == -ERESTART;
    }
    return order <= ORDER_2M && tmem_evict_superpage();
}

bool room_make_some(void)
{
    return page_unclaimed() < SOME_FRAMES && tmem_evict(SOME_FRAMES);
}

bool room_is_due(const struct domain *d, uint64_t pages)
{
    const struct account *a = &d->account;
    uint64_t own = READ_ONCE(a->page_count) - READ_ONCE(a->borrowed);
    uint64_t max = READ_ONCE(a->max_pages);

    own += READ_ONCE(a->claim_is_kept) ? READ_ONCE(a->claimed) : 0;
    return !READ_ONCE(a->dying) && own <= max && pages <= max - own;
}

bool room_for_table(void)
{
    return !page_unclaimed() && room_make_some();
}

uint64_t room_available(void)
{
    return page_unclaimed() + tmem_freeable();
}

void room_set_reserve(uint64_t pages)
{
    reserve = pages;
    tmem_set_reserve(pages);
}

void room_keep(void)
{
    if (page_unclaimed() < reserve / 2 && tmem_freeable()) {
        (void)tmem_evict(SOME_FRAMES);
    }
}
