/* SPDX-License-Identifier: MIT */
/*
 * Claims: free pages promised to an account before it is charged for them, so
 * that a domain build that was let in does not run dry halfway.
 *
 *   free          pages in the allocator, without the stocks of CPUs (stock.h):
 *                 those are brought back before anything is refused
 *   claimed       sum of account.claimed over all accounts; claimed <= free
 *   unclaimed     free - claimed
 *
 * An account may take `unclaimed` pages and its own claim; everybody else
 * only `unclaimed`. What is charged uses up the claim in the same critical
 * section in which the free count falls, so `unclaimed` is never seen to dip;
 * pages that come back do not restore it. Tables and special pages are not
 * charged: they use the claim only when there is nothing else left. So a claim
 * of all that a build needs, tables too, is enough for each part of it.
 *
 * An account may keep its claim for one purpose (claim_is_kept: placeholders
 * that are filled from the host's memory). Then its other charges are served
 * like anybody's. page_claim() and page_set_size() are not for it.
 */
#include "mm/buddy.h"
#include "mm/page_alloc.h"
#include "mm/stock.h"
#include "types/bits.h"
#include "types/error.h"

void claim_drop_locked(struct account *a)
{
    buddy.claimed -= a->claimed;
    a->claimed = 0;
}

bool claim_allows_locked(const struct account *a, uint64_t count)
{
    return count <= buddy.free - buddy.claimed + (a ? a->claimed : 0);
}

static void claim_set_locked(struct account *a, uint64_t pages)
{
    buddy.claimed += pages - a->claimed;
    a->claimed = pages;
}

void claim_use_locked(struct account *a, uint64_t count)
{
    uint64_t used = MIN(a->claimed, count);

    a->claimed -= used;
    buddy.claimed -= used;
}

/* After uncharged pages were taken for a. */
void claim_use_if_short_locked(struct account *a)
{
    if (unlikely(buddy.claimed > buddy.free)) {
        (void)stocks_drain_locked();
    }
    if (buddy.claimed > buddy.free) {
        claim_use_locked(a, buddy.claimed - buddy.free);
    }
}

/* Are there so many pages that nobody has claimed? */
static bool has_unclaimed_locked(uint64_t pages)
{
    if (pages > buddy.free - buddy.claimed) {
        (void)stocks_drain_locked();
    }
    return pages <= buddy.free - buddy.claimed;
}

static int claim_locked(struct account *a, uint64_t pages)
{
    uint64_t more;

    if (a->dying || a->claimed || pages <= a->page_count ||
        pages > a->max_pages) {
        return -EINVAL;
    }
    more = pages - a->page_count;
    if (!has_unclaimed_locked(more)) {
        return -ENOMEM;
    }
    claim_set_locked(a, more);
    return 0;
}

int page_claim(struct account *a, uint64_t pages)
{
    int rc = 0;

    lock(&buddy.lock);
    lock(&a->lock);
    if (a->claim_is_kept) {
        rc = -EINVAL;
    } else if (pages) {
        rc = claim_locked(a, pages);
    } else {
        claim_drop_locked(a);
    }
    unlock(&a->lock);
    unlock(&buddy.lock);
    return rc;
}

int page_set_size(struct account *a, uint64_t max_pages, uint64_t claim)
{
    int rc = 0;

    lock(&buddy.lock);
    lock(&a->lock);
    if (a->dying) {
        rc = -ESRCH;
    } else if (!has_unclaimed_locked(claim - MIN(claim, a->claimed))) {
        rc = -ENOMEM;
    } else {
        WRITE_ONCE(a->max_pages, max_pages);
        claim_set_locked(a, claim);
    }
    unlock(&a->lock);
    unlock(&buddy.lock);
    return rc;
}

void page_trim_claim(struct account *a, uint64_t claim)
{
    lock(&buddy.lock);
    lock(&a->lock);
    if (a->claimed > claim) {
        claim_set_locked(a, claim);
    }
    unlock(&a->lock);
    unlock(&buddy.lock);
}

static bool claim_fits_locked(const struct account *a, uint64_t pages)
{
    uint64_t own = a->page_count - a->borrowed;

    return own <= a->max_pages && pages <= a->max_pages - own;
}

int page_claim_keep(struct account *a, uint64_t pages)
{
    uint64_t more;
    int rc = 0;

    lock(&buddy.lock);
    lock(&a->lock);
    more = pages - MIN(pages, a->claimed);
    if (a->dying || (more && !claim_fits_locked(a, pages))) {
        rc = -EINVAL;
    } else if (!has_unclaimed_locked(more)) {
        rc = -ENOMEM;
    } else {
        a->claim_is_kept = true;
        claim_set_locked(a, pages);
    }
    unlock(&a->lock);
    unlock(&buddy.lock);
    return rc;
}

uint64_t page_unclaimed(void)
{
    uint64_t claimed = READ_ONCE(buddy.claimed), free = READ_ONCE(buddy.free);

    return free - MIN(claimed, free) + stocks_count();
}
