/* SPDX-License-Identifier: MIT */
/*
 * Recount the cache: I1 (C and the superpages are what the lists hold) and I4
 * (each cached frame is the domain's, in state CACHE, referenced once, and
 * zero if its flag says so; blocks are aligned, and two that are
 * halves of one are merged).
 */
#include "base/audit.h"
#include "mm/page_ref.h"
#include "overcommit/cache.h"
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

static unsigned audit_block(const struct pod *pod, const struct page *head,
                            unsigned order)
{
    uint64_t mfn = page_to_mfn(head).v;
    unsigned wrong = 0;

    if (head->order != order || mfn % BIT(order)) {
        wrong += differs(pod, "I4", "order of a cached block", head,
                         head->order, order);
    }
    if (order < ORDER_2M && cache_is_block(pod, mfn ^ BIT(order), order)) {
        wrong += differs(pod, "I4", "order of halves that are not merged", head,
                         order, order + 1);
    }
    for (unsigned i = 0; i < BIT(order); i++) {
        if (i && order < ORDER_2M && head[i].order != ORDER_NOT_HEAD) {
            wrong += differs(pod, "I4", "order inside a cached block", head + i,
                             head[i].order, ORDER_NOT_HEAD);
        }
        wrong += audit_page(pod, head + i);
    }
    return wrong;
}

/* They are a part of one block, and say that they are in none. */
static unsigned audit_run(const struct pod *pod)
{
    unsigned wrong = 0;

    for (uint64_t i = 0; i < pod->run_count; i++) {
        const struct page *pg = pod->run + i;

        if (pg->order != ORDER_NOT_HEAD || (pg->flags & PAGE_POOLED)) {
            wrong += differs(pod, "I4", "order in the run", pg, pg->order,
                             ORDER_NOT_HEAD);
        }
        wrong += audit_page(pod, pg);
    }
    return wrong;
}

static unsigned audit_count(const struct pod *pod, const char *what,
                            uint64_t noted, uint64_t found)
{
    return noted == found ? 0 : differs(pod, "I1", what, NULL, noted, found);
}

unsigned pod_audit_locked(struct pod *pod)
{
    uint64_t pages = pod->run_count, superpages = 0;
    unsigned wrong = audit_run(pod);

    for (unsigned order = 0; order <= ORDER_2M; order++) {
        const struct page *head;

        page_list_for_each (head, &pod->blocks[order]) {
            wrong += audit_block(pod, head, order);
            pages += BIT(order);
            superpages += order == ORDER_2M;
        }
    }
    wrong +=
        audit_count(pod, "C and what its lists hold", pod->cache_count, pages);
    wrong += audit_count(pod, "cached superpages",
                         pod->counters.superpages_cached, superpages);
    return wrong;
}
