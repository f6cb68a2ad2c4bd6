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
 * pages that come back do not restore it.
 */
#include "mm/buddy.h"
#include "mm/page_alloc.h"
#include "types/bits.h"
#include "types/error.h"

void claim_drop_locked(struct account *a)
{
    buddy.claimed -= a->claimed;
    a->claimed = 0;
    account_note_unused_locked(a);
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
    account_note_used_locked(a);
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
