/* SPDX-License-Identifier: MIT */
/*
 * The cache of pages that honour a domain's promises, and the counts.
 *
 * Which pages there are, and in what blocks, is the business of cache.c. Every
 * cached page is in state CACHE with one reference and is reachable from no
 * p2m. Contents: zero if PAGE_ZEROED says so. The others are what the guest
 * gave back; they are cleared when they are taken, not before: most of what a
 * balloon returns at boot goes on to the host, which scrubs between owners
 * anyway.
 *
 * With E pages promised, C cached and K claimed of the host's free ones (0, but
 * in the mode on_demand), D = E - C - K are lacking. D decides who gets a page
 * that comes free: the cache while D > 0, the host otherwise; but first what is
 * borrowed is paid back. A populate lowers E and C alike. C + K <= E once the
 * guest runs: pod_shrink_to_entries_locked() restores that, and p2m_rebalance()
 * calls it for everybody.
 */
#include "overcommit/pod.h"
#include "mm/page_ref.h"
#include "overcommit/cache.h"
#include "types/bits.h"
#include "types/error.h"

#define SUPER_PAGES (1U << ORDER_2M)

void pod_init(struct pod *pod, struct account *account)
{
    *pod = (struct pod){.account = account};
    lock_init(&pod->lock, RANK_POD);
}

/* K. The page allocator lowers it for a table when nothing else is free, and
 * drops it when the domain dies; nobody else raises it. */
static uint64_t claimed(const struct pod *pod)
{
    return pod->on_demand ? READ_ONCE(pod->account->claimed) : 0;
}

uint64_t pod_set_aside(const struct pod *pod)
{
    return READ_ONCE(pod->cache_count) + claimed(pod);
}

int64_t pod_deficit_locked(const struct pod *pod)
{
    return (int64_t)(pod->entry_count - pod_set_aside(pod));
}

void pod_entries_locked(struct pod *pod, int64_t change)
{
    CHECK(change >= 0 || pod->entry_count >= (uint64_t)-change);
    pod->entry_count += (uint64_t)change;
}

static inline void clear_unzeroed(struct pod *pod, struct page *head,
                                  unsigned order)
{
    if (head->flags & PAGE_ZEROED) {
        return;
    }
    for (uint64_t i = 0; i < BIT(order); i++) {
        arch_page_clear(page_map(head + i));
    }
    head->flags |= PAGE_ZEROED;
    pod->counters.pages_cleared += BIT(order);
}

struct page *pod_take_locked(struct pod *pod, unsigned order)
{
    struct page *head = cache_take(pod, order);

    if (head) {
        clear_unzeroed(pod, head, order);
        page_cache_to_guest(head, order);
    }
    return head;
}

struct page *pod_take_at_locked(struct pod *pod, mfn_t mfn)
{
    struct page *pg = cache_take_at(pod, mfn);

    if (pg) {
        clear_unzeroed(pod, pg, ORDER_4K);
        page_cache_to_guest(pg, ORDER_4K);
    }
    return pg;
}

struct page *pod_take_table_locked(struct pod *pod)
{
    struct page *pg = cache_take(pod, ORDER_4K);

    if (!pg) {
        return NULL;
    }
    clear_unzeroed(pod, pg, ORDER_4K);
    if (!page_cache_to_table(pg)) {
        cache_put(pod, pg, ORDER_4K);
        return NULL;
    }
    pod->counters.tables_paid++;
    return pg;
}

void pod_give_locked(struct pod *pod, struct page *head, unsigned order)
{
    page_guest_to_cache(head, order);
    pod->counters.cache_entered += BIT(order);
    if (order == ORDER_2M) {
        cache_put(pod, head, order);
        return;
    }
    for (uint64_t i = 0; i < BIT(order); i++) {
        head[i].order = ORDER_NOT_HEAD; /* no neighbour takes it for one */
    }
    for (uint64_t i = 0; i < BIT(order); i++) {
        cache_put(pod, head + i, ORDER_4K);
    }
}

/* Give one block back to the host; returns its pages. */
static uint64_t cache_free(struct pod *pod, unsigned order)
{
    struct page *head = cache_take(pod, order);

    CHECK(head);
    page_free_cache(head, order);
    pod->counters.cache_freed += BIT(order);
    return BIT(order);
}

/* Superpages go whole while a whole one is in excess; the rest is paid with the
 * smallest blocks, and a larger one is cut only when there is no other. */
static uint64_t cache_free_some(struct pod *pod, uint64_t excess)
{
    unsigned order = cache_smallest(pod);

    if (excess >= SUPER_PAGES && pod_has_superpage(pod)) {
        order = ORDER_2M;
    }
    while (BIT(order) > excess) {
        order--;
    }
    return cache_free(pod, order);
}

/* Give up to `pages` of the claim back. */
static void unclaim_locked(struct pod *pod, uint64_t pages)
{
    uint64_t before = claimed(pod);

    if (before) {
        page_trim_claim(pod->account, before - MIN(before, pages));
    }
}

int pod_shrink_to_entries_locked(struct pod *pod, uint64_t max)
{
    int64_t deficit = pod_deficit_locked(pod);

    if (deficit < 0) {
        unclaim_locked(pod, (uint64_t)-deficit);
    }
    for (uint64_t freed = 0; pod->cache_count > pod->entry_count;) {
        if (freed >= max) {
            return -ERESTART;
        }
        freed += cache_free_some(pod, pod->cache_count - pod->entry_count);
    }
    return 0;
}

/* Pages for promises; if others were quicker to meet those, they go back. */
static bool add_for_promises(struct pod *pod, struct page *head, unsigned order)
{
    bool wanted;

    lock(&pod->lock);
    wanted = pod_deficit_locked(pod) >= (int64_t)BIT(order);
    if (wanted) {
        pod_give_locked(pod, head, order);
    }
    unlock(&pod->lock);
    if (!wanted) {
        page_release(head, BIT(order));
    }
    return wanted;
}

bool pod_fill(struct pod *pod, unsigned order)
{
    struct page *head;

    if (!pod->on_demand) {
        return false;
    }
    head = page_alloc_claimed(pod->account, order);
    if (!head && order) {
        order = ORDER_4K;
        head = page_alloc_claimed(pod->account, order);
    }
    return head && add_for_promises(pod, head, order);
}

/* One block of the loan; returns its pages, 0: there is none to be had. */
static uint64_t borrow_block(struct pod *pod, unsigned order, uint64_t limit)
{
    struct page *head = page_borrow(pod->account, order, limit);

    if (!head || !add_for_promises(pod, head, order)) {
        return 0;
    }
    lock(&pod->lock);
    pod->counters.borrowed += BIT(order);
    unlock(&pod->lock);
    return BIT(order);
}

/* Many at once: each loan comes after a search through all of the guest. */
bool pod_borrow(struct pod *pod, uint64_t limit)
{
    uint64_t missing = READ_ONCE(pod->entry_count) - pod->cache_count;
    uint64_t got = 0, more;

    if (missing >= SUPER_PAGES) {
        got = borrow_block(pod, ORDER_2M, limit);
    }
    while (got < SUPER_PAGES) {
        more = borrow_block(pod, ORDER_4K, limit);
        if (!more) {
            break;
        }
        got += more;
    }
    return got;
}

int pod_set_claim(struct pod *pod, uint64_t target)
{
    int rc;

    lock(&pod->lock);
    rc = page_claim_keep(pod->account, target - MIN(target, pod->cache_count));
    unlock(&pod->lock);
    return rc;
}

/* A block for the growing cache: as large as is missing and allowed. */
static struct page *grow_alloc(struct pod *pod, uint64_t missing,
                               unsigned *order)
{
    struct page *pg = NULL;

    *order = missing >= SUPER_PAGES ? ORDER_2M : ORDER_4K;
    if (*order) {
        pg = page_alloc_guest(pod->account, *order);
    }
    if (!pg) {
        *order = ORDER_4K;
        pg = page_alloc_guest(pod->account, *order);
    }
    return pg;
}

/* Allocation clears pages, so it comes before the lock; what is found to be
 * too much then, because somebody else raised C, was never shown to anybody. */
static void grow_add(struct pod *pod, struct page *head, unsigned order,
                     uint64_t target)
{
    lock(&pod->lock);
    if (pod->cache_count + BIT(order) <= target) {
        pod_give_locked(pod, head, order);
        unlock(&pod->lock);
        return;
    }
    unlock(&pod->lock);
    page_release(head, BIT(order));
}

/* What the guest takes out meanwhile is not made up for: it is charged as well,
 * and the domain would end above its target. */
static int cache_grow(struct pod *pod, uint64_t target, uint64_t max)
{
    uint64_t count = READ_ONCE(pod->cache_count), added = 0;
    uint64_t missing = target - MIN(count, target);

    while (added < missing) {
        unsigned order;
        struct page *pg;

        if (added >= max) {
            return -ERESTART;
        }
        pg = grow_alloc(pod, missing - added, &order);
        if (!pg) {
            return -ENOMEM;
        }
        grow_add(pod, pg, order, target);
        added += BIT(order);
    }
    return 0;
}

static int cache_shrink(struct pod *pod, uint64_t target, uint64_t max)
{
    uint64_t freed = 0;
    int rc = 0;

    lock(&pod->lock);
    while (pod->cache_count > target) {
        if (freed >= max) {
            rc = -ERESTART;
            break;
        }
        freed += cache_free_some(pod, pod->cache_count - target);
    }
    unlock(&pod->lock);
    return rc;
}

int pod_set_cache(struct pod *pod, uint64_t target, uint64_t max)
{
    if (READ_ONCE(pod->cache_count) > target) {
        return cache_shrink(pod, target, max);
    }
    return cache_grow(pod, target, max);
}

int pod_empty(struct pod *pod, uint64_t max)
{
    return cache_shrink(pod, 0, max);
}
