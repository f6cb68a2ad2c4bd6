/* SPDX-License-Identifier: MIT */
/*
 * Some guests scrub their memory with a value that is not zero. A domain may
 * have such a 64-bit pattern besides zero, set before it first runs
 * (POD-10.15): the search takes pages that are full of it back, too. What they
 * become is a placeholder of a type of its own, which remembers that: splitting
 * it makes more of that type, and when it is populated the page is filled with
 * the pattern. Placeholders of both kinds count in E alike. In the cache a page
 * is just a page.
 *
 * Reading such a placeholder takes nothing either (zero.c): the domain has one
 * page of the pattern, which is shown at each gfn that is read. A builder's
 * promise over it promises zeros again (mark.c).
 */
#include "p2m/internal.h"

#define WORDS (PAGE_SIZE / sizeof(uint64_t))

static bool is_full_of(const uint64_t *words, uint64_t pattern)
{
    for (unsigned i = 0; i < WORDS; i++) {
        if (words[i] != pattern) {
            return false;
        }
    }
    return true;
}

enum p2m_type page_promise(const struct p2m *p2m, const struct page *pg)
{
    uint64_t pattern = p2m->pod->pattern;

    if (arch_page_is_zero(page_map(pg))) {
        return P2M_POD;
    }
    return pattern && is_full_of(page_map(pg), pattern) ? P2M_POD_PATTERN
                                                        : P2M_RAM;
}

static void fill(uint64_t *words, uint64_t pattern)
{
    for (unsigned i = 0; i < WORDS; i++) {
        words[i] = pattern;
    }
}

int p2m_set_pattern(struct p2m *p2m, uint64_t pattern)
{
    struct page *pg = page_alloc_special(p2m->account);
    int rc = 0;

    if (!pg) {
        return -ENOMEM;
    }
    fill(page_map(pg), pattern);
    lock(&p2m->lock);
    if (p2m->dying) {
        rc = -ESRCH;
    } else {
        struct page *old = p2m->pod->pattern_page;

        p2m->pod->pattern = pattern;
        WRITE_ONCE(p2m->pod->pattern_page, pg);
        pg = old;
    }
    unlock(&p2m->lock);
    if (pg) {
        page_put_special(pg);
    }
    return rc;
}

void pattern_end(struct p2m *p2m)
{
    struct page *pg = p2m->pod->pattern_page;

    WRITE_ONCE(p2m->pod->pattern_page, NULL);
    if (pg) {
        page_put_special(pg);
    }
}

void promise_fill(const struct p2m *p2m, struct page *head, unsigned order)
{
    for (uint64_t i = 0; i < BIT(order); i++) {
        fill(page_map(head + i), p2m->pod->pattern);
    }
}
