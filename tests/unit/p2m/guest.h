/* SPDX-License-Identifier: MIT */
/* A guest for tests of p2m: its account, PoD, p2m, and what it does to memory.
 */
#ifndef TEST_P2M_GUEST_H
#define TEST_P2M_GUEST_H

#include "machine.h"
#include "p2m/internal.h"

struct guest {
    struct account account;
    struct pod pod;
    struct p2m p2m;
};

static inline void guest_start(struct guest *g, domid_t id)
{
    machine_account(&g->account, id, 1U << 20);
    pod_init(&g->pod, &g->account);
    EXPECT_EQ(p2m_init(&g->p2m, &g->account, &g->pod), 0);
}

/* A machine and a guest that is promised 2^order pages from gfn 0 on and has
 * `cache` pages to honour it. */
static inline void guest_start_pod(struct guest *g, unsigned order,
                                   uint64_t cache)
{
    machine_start(0x4000);
    guest_start(g, 1);
    EXPECT_EQ(pod_set_cache(&g->pod, cache, ~0ULL), 0);
    EXPECT_EQ(p2m_mark_pod(&g->p2m, GFN(0), order), 0);
}

/* Everything that can be checked at any time. */
static inline void guest_check(struct guest *g)
{
    fake_console_clear();
    if (p2m_audit(&g->p2m)) {
        FAIL("%s", fake_console_output());
    }
    EXPECT_EQ(fake_stale_translations(&g->p2m.tlb, g->p2m.root), 0);
    machine_check();
}

/* As after a time in which neither host nor cache had a page for tables. */
static inline void guest_lose_reserve(struct guest *g)
{
    reserve_trim(&g->p2m, 0, ~0ULL);
}

/* Nobody gets a page of the host from now on, until the pages on `all` are
 * freed; these are singles. */
static inline void host_fill(struct page_list *all)
{
    struct page *pg;

    *all = (struct page_list){0, 0};
    while ((pg = page_alloc(PAGE_HEAP, 0))) {
        page_list_add_tail(all, pg);
    }
}

/* `count` pages of those, no two of them neighbours, are free again. */
static inline void host_free_singles(struct page_list *all, unsigned count)
{
    struct page_list kept = {0, 0};
    struct page *pg;

    while ((pg = page_list_take(all))) {
        if (count && page_to_mfn(pg).v % 2) {
            page_free(pg, 0);
            count--;
        } else {
            page_list_add_tail(&kept, pg);
        }
    }
    *all = kept;
    EXPECT_EQ(count, 0);
}

static inline void host_free(struct page_list *all)
{
    struct page *pg;

    while ((pg = page_list_take(all))) {
        page_free(pg, 0);
    }
}

static inline enum fake_access access_of(bool write)
{
    return write ? FAKE_WRITE : FAKE_READ;
}

/* One access and what it faults for, with nobody who looks for pages. */
static inline enum p2m_verdict guest_try(struct guest *g, uint64_t gfn,
                                         bool write, uint64_t **word)
{
    struct guest_exit exit;

    *word = fake_guest_access(&g->p2m.tlb, g->p2m.root, gpa_from_gfn(GFN(gfn)),
                              access_of(write), &exit);
    if (*word) {
        return P2M_OK;
    }
    EXPECT_EQ(gfn_from_gpa(exit.fault.gpa).v, gfn);
    return p2m_fault(&g->p2m, GFN(gfn), exit.fault.write, false);
}

/* The word at the start of a page that must be there in the end: faults are
 * answered, and zero pages searched for, as long as that helps. NULL: none. */
static inline uint64_t *guest_access(struct guest *g, uint64_t gfn, bool write)
{
    struct p2m_search search = {0};

    for (unsigned i = 0; i < 100000; i++) {
        uint64_t *word;
        enum p2m_verdict verdict = guest_try(g, gfn, write, &word);

        if (word) {
            return word;
        }
        if (verdict == P2M_NEED_PAGE) {
            if (p2m_sweep(&g->p2m, &search) == P2M_SWEEP_NOTHING) {
                return NULL;
            }
        } else {
            EXPECT_EQ(verdict, P2M_OK);
        }
    }
    FAIL("gfn %lx faults for ever", gfn);
}

static inline void guest_write(struct guest *g, uint64_t gfn, uint64_t value)
{
    uint64_t *word = guest_access(g, gfn, true);

    EXPECT(word);
    *word = value;
}

static inline uint64_t guest_read(struct guest *g, uint64_t gfn)
{
    uint64_t *word = guest_access(g, gfn, false);

    EXPECT(word);
    return *word;
}

static inline void guest_write_all(struct guest *g, uint64_t first,
                                   uint64_t count, uint64_t value)
{
    for (uint64_t i = 0; i < count; i++) {
        guest_write(g, first + i, value);
    }
}

static inline enum p2m_type guest_type(struct guest *g, uint64_t gfn)
{
    return p2m_get(&g->p2m, GFN(gfn)).type;
}

static inline unsigned guest_order(struct guest *g, uint64_t gfn)
{
    return p2m_get(&g->p2m, GFN(gfn)).order;
}

/* Give the guest RAM of its own at gfn. */
static inline struct page *guest_add(struct guest *g, uint64_t gfn,
                                     unsigned order)
{
    struct page *pg = page_alloc_guest(&g->account, order);

    EXPECT(pg);
    EXPECT_EQ(p2m_add_ram(&g->p2m, GFN(gfn), pg, order), 0);
    return pg;
}

static inline void guest_decrease(struct guest *g, uint64_t gfn, unsigned order)
{
    uint64_t done;

    EXPECT_EQ(p2m_decrease(&g->p2m, GFN(gfn), order, &done), 0);
    EXPECT_EQ(done, BIT(order));
}

/* Take it apart; everything must be back with the host. */
static inline void guest_end(struct guest *g)
{
    unsigned slices = 0;

    account_set_dying(&g->account);
    p2m_set_dying(&g->p2m);
    while (p2m_teardown(&g->p2m) == -ERESTART) {
        EXPECT(slices++ < 100000);
    }
    EXPECT_EQ(g->pod.entry_count, 0);
    while (pod_empty(&g->pod, 512) == -ERESTART) {
        EXPECT(slices++ < 100000);
    }
    EXPECT_EQ(g->account.table_count, 0);
    if (!g->account.page_count && !g->account.special_count) {
        account_done(&g->account);
    }
    machine_check();
}

#endif
