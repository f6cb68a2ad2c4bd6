/* SPDX-License-Identifier: MIT */
/*
 * Pages that a domain has and cannot reach: XENMEM_increase_reservation gives
 * a domain memory without saying where. All other pages are found by the p2m
 * or in the PoD cache; for these there is a list. They are in state CACHE, so
 * nobody can get a reference, and wait for the end of the domain.
 */
#include "mm/block.h"
#include "mm/buddy.h"
#include "types/error.h"

static void add(struct account *a, struct page *head, unsigned order)
{
    page_guest_to_cache(head, order);
    lock(&buddy.lock);
    page_list_add_tail(&a->loose, head);
    a->loose_count += BIT(order);
    unlock(&buddy.lock);
}

bool page_alloc_loose(struct account *a, unsigned order)
{
    unsigned each = order < BLOCK_ORDER ? 0 : BLOCK_ORDER;
    struct page *head = page_alloc_guest(a, order);

    for (uint64_t i = 0; head && i < BIT(order); i += BIT(each)) {
        add(a, &head[i], each);
    }
    return head;
}

static struct page *take_first(struct account *a)
{
    struct page *head;

    lock(&buddy.lock);
    head = page_list_take(&a->loose);
    if (head) {
        a->loose_count -= BIT(head->order);
    }
    unlock(&buddy.lock);
    return head;
}

int page_free_loose(struct account *a, uint64_t max)
{
    uint64_t freed = 0;
    struct page *head;

    while (freed < max && (head = take_first(a))) {
        freed += BIT(head->order);
        page_free_cache(head, head->order);
    }
    return READ_ONCE(a->loose_count) ? -ERESTART : 0;
}
