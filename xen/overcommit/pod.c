/* SPDX-License-Identifier: MIT */
/*
 * The cache of pages that honour a domain's promises, and the counts.
 *
 *   C = 512 * |super| + |single|
 *
 * super   blocks (mm/block.h), linked by their head
 * single  pages (order 0)
 *
 * Every cached page is in state CACHE with one reference and is reachable
 * from no p2m. Contents: zero if PAGE_ZEROED says so; such blocks wait at the
 * front of their list. The others are what the guest gave back; they are
 * cleared when they are taken, not before: most of what a balloon returns at
 * boot goes on to the host, which scrubs between owners anyway.
 *
 * The deficit D = E - C decides who gets a page that comes free: the cache
 * while D > 0, the host otherwise. A populate lowers E and C alike.
 */
#include "overcommit/pod.h"
#include "mm/page_ref.h"
#include "types/bits.h"
#include "types/error.h"

#define SUPER_PAGES (1U << ORDER_2M)

void pod_init(struct pod *pod, struct account *account)
{
    *pod = (struct pod){.account = account};
    lock_init(&pod->lock, RANK_POD);
}

int64_t pod_deficit_locked(const struct pod *pod)
{
    return (int64_t)(pod->entry_count - pod->cache_count);
}

void pod_entries_locked(struct pod *pod, int64_t change)
{
    CHECK(change >= 0 || pod->entry_count >= (uint64_t)-change);
    pod->entry_count += (uint64_t)change;
}

/* Link a block that is in state CACHE already; C is the caller's. */
static void cache_link(struct pod *pod, struct page *head, unsigned order)
{
    struct page_list *l = order ? &pod->super : &pod->single;

    if (head->flags & PAGE_ZEROED) {
        page_list_add(l, head);
    } else {
        page_list_add_tail(l, head);
    }
}

/* One cached superpage becomes 512 singles; C stays. */
static void cache_break_super(struct pod *pod)
{
    struct page *head = page_list_take(&pod->super);

    page_split_block(head);
    for (unsigned i = 0; i < SUPER_PAGES; i++) {
        cache_link(pod, head + i, ORDER_4K);
    }
}

/* Unlink the block to use next; NULL when there is none of that size. */
static struct page *cache_unlink(struct pod *pod, unsigned order)
{
    struct page_list *l = order ? &pod->super : &pod->single;
    struct page *head;

    if (!order && page_list_empty(l) && !page_list_empty(&pod->super)) {
        cache_break_super(pod);
    }
    head = page_list_take(l);
    if (head) {
        CHECK(pod->cache_count >= BIT(order));
        pod->cache_count -= BIT(order);
    }
    return head;
}

static void clear_unzeroed(struct pod *pod, struct page *head, unsigned order)
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
    struct page *head = cache_unlink(pod, order);

    if (head) {
        clear_unzeroed(pod, head, order);
        page_cache_to_guest(head, order);
    }
    return head;
}

void pod_give_locked(struct pod *pod, struct page *head, unsigned order)
{
    bool whole = order == ORDER_2M || order == ORDER_4K;

    page_guest_to_cache(head, order);
    pod->cache_count += BIT(order);
    if (whole) {
        cache_link(pod, head, order);
        return;
    }
    for (unsigned i = 0; i < BIT(order); i++) {
        cache_link(pod, head + i, ORDER_4K);
    }
}

/* Give one block back to the host; returns its pages. */
static uint64_t cache_free(struct pod *pod, unsigned order)
{
    struct page *head = cache_unlink(pod, order);

    CHECK(head);
    page_free_cache(head, order);
    pod->counters.cache_freed += BIT(order);
    return BIT(order);
}

/* Superpages go whole while a whole one is in excess; what is less is paid in
 * singles, and only then is a superpage broken. */
static uint64_t cache_free_some(struct pod *pod, uint64_t excess)
{
    bool whole = excess >= SUPER_PAGES && !page_list_empty(&pod->super);

    return cache_free(pod, whole ? ORDER_2M : ORDER_4K);
}

int pod_shrink_to_entries_locked(struct pod *pod, uint64_t max)
{
    for (uint64_t freed = 0; pod->cache_count > pod->entry_count;) {
        if (freed >= max) {
            return -ERESTART;
        }
        freed += cache_free_some(pod, pod->cache_count - pod->entry_count);
    }
    return 0;
}

bool pod_lend_locked(struct pod *pod)
{
    if (!pod->cache_count) {
        return false;
    }
    cache_free(pod, ORDER_4K);
    return true;
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
