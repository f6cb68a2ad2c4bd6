/* SPDX-License-Identifier: MIT */
/*
 * Recount the cache: I1 (C is what the lists hold) and I4 (each cached frame
 * is the domain's, in state CACHE, referenced once, and zero if its flag says
 * so).
 */
#include "base/console.h"
#include "mm/page_ref.h"
#include "overcommit/pod.h"
#include "types/bits.h"

static unsigned audit_page(const struct pod *pod, const struct page *pg)
{
    unsigned wrong = 0;
    uint64_t mfn = page_to_mfn(pg).v;

    if (page_speaker(pg)->state != PAGE_CACHE ||
        !page_is_of(pg, pod->account) || page_references(pg) != 1) {
        log_line(LOG_ERROR, "I4: d%d: mfn %llx: state %d, %u references",
                 pod->account->id, (unsigned long long)mfn, pg->state,
                 page_references(pg));
        wrong++;
    }
    if ((page_speaker(pg)->flags & PAGE_ZEROED) &&
        !arch_page_is_zero(page_map(pg))) {
        log_line(LOG_ERROR, "I4: d%d: cached mfn %llx is not zero",
                 pod->account->id, (unsigned long long)mfn);
        wrong++;
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
            log_line(LOG_ERROR, "I4: d%d: mfn %llx: order %d, not %u",
                     pod->account->id, (unsigned long long)page_to_mfn(head).v,
                     head->order, order);
            wrong++;
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
        log_line(LOG_ERROR, "I1: d%d: C %llu, lists hold %llu",
                 pod->account->id, (unsigned long long)pod->cache_count,
                 (unsigned long long)pages);
        wrong++;
    }
    return wrong;
}
