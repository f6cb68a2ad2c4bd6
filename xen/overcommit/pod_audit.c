/* SPDX-License-Identifier: MIT */
/*
 * Recount the cache: I1 (C is what the lists hold) and I4 (each cached frame
 * is the domain's, in state CACHE, referenced once, and zero if its flag says
 * so).
 */
#include "base/audit.h"
#include "mm/page_ref.h"
#include "overcommit/pod.h"
#include "types/bits.h"

/* Always 1. pg: which page; NULL: the count. */
static unsigned differs(const struct pod *pod, const char *invariant,
                        const char *what, const struct page *pg, uint64_t found,
                        uint64_t expected)
{
    audit_differs(&(struct audit_difference){
        invariant, what, pod->account->id, AUDIT_NO_FRAME,
        pg ? page_to_mfn(pg).v : AUDIT_NO_FRAME, found, expected});
    return 1;
}

static unsigned audit_page(const struct pod *pod, const struct page *pg)
{
    unsigned wrong = 0;

    if (page_speaker(pg)->state != PAGE_CACHE ||
        !page_is_of(pg, pod->account) || page_references(pg) != 1) {
        wrong += differs(pod, "I4", "cached page of a wrong state or owner", pg,
                         page_speaker(pg)->state, PAGE_CACHE);
    }
    if ((page_speaker(pg)->flags & PAGE_ZEROED) &&
        !arch_page_is_zero(page_map(pg))) {
        wrong += differs(pod, "I4", "cached page is zero", pg, 0, 1);
    }
    return wrong;
}

static unsigned audit_list(const struct pod *pod,
                           const struct page_list *blocks, unsigned order,
                           uint64_t *pages)
{
    const struct page *head;
    unsigned wrong = 0;

    page_list_for_each (head, blocks) {
        if (head->order != order || page_to_mfn(head).v % BIT(order)) {
            wrong += differs(pod, "I4", "order of a cached block", head,
                             head->order, order);
        }
        for (unsigned i = 0; i < BIT(order); i++) {
            wrong += audit_page(pod, head + i);
        }
        *pages += BIT(order);
    }
    return wrong;
}

unsigned pod_audit_locked(struct pod *pod)
{
    uint64_t pages = 0;
    unsigned wrong = audit_list(pod, &pod->super, ORDER_2M, &pages);

    wrong += audit_list(pod, &pod->single, ORDER_4K, &pages);
    if (pages != pod->cache_count) {
        wrong += differs(pod, "I1", "C and what its lists hold", NULL,
                         pod->cache_count, pages);
    }
    return wrong;
}
