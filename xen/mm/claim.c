/* SPDX-License-Identifier: MIT */
/*
 * Claims: free pages promised to an account before it is charged for them, so
 * that a domain build that was let in does not run dry halfway.
 *
 *   free          pages in the allocator
 *   claimed       sum of account.claimed over all accounts; claimed <= free
 *   unclaimed     free - claimed
 *
 * An account may take `unclaimed` pages and its own claim; everybody else
 * only `unclaimed`. What is charged uses up the claim in the same critical
 * section in which the free count falls, so `unclaimed` is never seen to dip;
 * pages that come back do not restore it. Tables and special pages are not
 * charged: they use the claim only when there is nothing else left. So a claim
 * of all that a build needs, tables too, is enough for each part of it.
 */
#include "mm/buddy.h"
#include "mm/page_alloc.h"
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

void claim_use_locked(struct account *a, uint64_t count)
{
    uint64_t used = MIN(a->claimed, count);

    a->claimed -= used;
    buddy.claimed -= used;
}

/* After uncharged pages were taken for a. */
void claim_use_if_short_locked(struct account *a)
{
    if (buddy.claimed > buddy.free) {
        claim_use_locked(a, buddy.claimed - buddy.free);
    }
}

static int claim_locked(struct account *a, uint64_t pages)
{
    uint64_t more;

    if (a->dying || a->claimed || pages <= a->page_count ||
        pages > a->max_pages) {
        return -EINVAL;
    }
    more = pages - a->page_count;
    if (more > buddy.free - buddy.claimed) {
        return -ENOMEM;
    }
    a->claimed = more;
    buddy.claimed += more;
    return 0;
}

int page_claim(struct account *a, uint64_t pages)
{
    int rc = 0;

    lock(&buddy.lock);
    if (pages) {
        rc = claim_locked(a, pages);
    } else {
        claim_drop_locked(a);
    }
    unlock(&buddy.lock);
    return rc;
}

static void set_claim_locked(struct account *a, uint64_t claim)
{
    buddy.claimed = buddy.claimed - a->claimed + claim;
    a->claimed = claim;
}

int page_set_size(struct account *a, uint64_t max_pages, uint64_t claim)
{
    int rc = 0;

    lock(&buddy.lock);
    if (a->dying) {
        rc = -ESRCH;
    } else if (claim > buddy.free - buddy.claimed + a->claimed) {
        rc = -ENOMEM;
    } else {
        WRITE_ONCE(a->max_pages, max_pages);
        set_claim_locked(a, claim);
    }
    unlock(&buddy.lock);
    return rc;
}

void page_trim_claim(struct account *a, uint64_t claim)
{
    lock(&buddy.lock);
    if (a->claimed > claim) {
        set_claim_locked(a, claim);
    }
    unlock(&buddy.lock);
}
