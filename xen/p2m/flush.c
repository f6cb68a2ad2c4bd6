/* SPDX-License-Identifier: MIT */
/*
 * When a CPU may still use what the tables no longer say.
 *
 * arch_guest_tlb_flush() drops everything that was cached for the guest, so
 * there is no list of addresses: there is only whether a flush is owed.
 *
 *   1. Whoever replaces a present leaf or a table by something else owes a
 *      flush (write_leaf() in walk.c notes it).
 *   2. Frames and tables that such a change set free are parked here. Nobody
 *      gets them before the flush: not the cache, not the host, not another
 *      domain, and the reference on a foreign page is not dropped either.
 *   3. Nothing becomes present while a flush is owed: an older translation of
 *      the same gfn could win. Hence p2m_settle() before each install, and
 *      before a promise is made too: it means zeros.
 *   4. Splitting a leaf owes nothing. The large translation that a CPU may
 *      have cached agrees with the small ones; it can become wrong only when
 *      one of them changes, and that change owes a flush by rule 1, which
 *      drops the large one too. So by rule 3 no stale large translation
 *      outlives the moment when one of its gfns gets something new.
 *   5. From not present to present nothing is owed: neither SVM nor VMX caches
 *      that there is no translation. Populating never flushes.
 *   6. Putting a leaf in a table's place owes a flush even if no entry of the
 *      table was present, or all said what the leaf says (merge.c): walks may
 *      go on through a cached pointer to it.
 *
 * Dirty bits (arch/pte_format.h) owe a flush as well:
 *
 *   7. A leaf that is not dirty is a statement: when each of its pages was last
 *      looked at it was not zero, and nobody wrote to it since. To make it, the
 *      search takes the bit off, flushes, and looks only then; a page that is
 *      zero by now, or that somebody else refers to, makes the leaf dirty
 *      again. Whoever takes a reference on a page by its entry makes the leaf
 *      dirty while it reads without the lock, so the flush waits for it; what
 *      it writes, it writes before it lets go. Every new entry is dirty, those
 *      of a split too: a CPU may have noted a write in the leaf at that moment.
 */
#include "base/trace.h"
#include "p2m/internal.h"

static void release_tables(struct p2m *p2m)
{
    struct page *pg;

    while ((pg = page_list_take(&p2m->stale_tables))) {
        reserve_put(p2m, pg);
    }
}

/* Nobody but the domain itself has them: only then may the cache, whose pages
 * nobody can write to, have them. */
static bool is_unshared(const struct page *head, unsigned order)
{
    uint64_t count = page_is_block(head) ? 1 : BIT(order);

    for (uint64_t i = 0; i < count; i++) {
        if (page_references(&head[i]) != 1 ||
            !(head[i].flags & PAGE_ALLOCATED)) {
            return false;
        }
    }
    return true;
}

/* Does the domain lack pages, for its promises or the tables they need? */
static bool is_wanting(const struct p2m *p2m)
{
    int64_t deficit = pod_deficit_locked(p2m->pod);

    return !p2m->dying && (deficit > 0 || (!deficit && reserve_lacks(p2m)));
}

/* A superpage goes to the cache whole even if less is lacking: then smaller
 * ones of the cache are too many, and these go on. */
static void steal(struct p2m *p2m, struct page *head, unsigned order)
{
    struct pod *pod = p2m->pod;
    uint64_t before = pod->cache_count;
    int rc;

    pod_give_locked(pod, head, order);
    reserve_from_excess_locked(p2m);
    rc = pod_shrink_to_entries_locked(pod, TABLE_ENTRIES);
    CHECK(!rc);
    pod->counters.steals += pod->cache_count - before;
}

/* The host is paid back first; then what is wanted is stolen, and the host gets
 * the rest. */
/* NOLINTNEXTLINE(misc-no-recursion): once, for single pages */
static void release_own(struct p2m *p2m, struct page *head, unsigned order)
{
    uint64_t owed = READ_ONCE(p2m->account->borrowed);
    bool wanting = is_wanting(p2m);

    if (!owed && wanting && is_unshared(head, order)) {
        steal(p2m, head, order);
    } else if (order && wanting && owed < BIT(order)) {
        page_split_block(head);
        for (uint64_t i = 0; i < BIT(order); i++) {
            release_own(p2m, head + i, ORDER_4K);
        }
    } else {
        page_release(head, BIT(order));
    }
}

static void release_record(struct p2m *p2m, uint64_t record)
{
    struct page *head = page_from_mfn(MFN(record >> PARK_MFN_BIT));

    if ((record >> PARK_KIND_BIT & 1) == PARK_OWN) {
        release_own(p2m, head, record % BIT(PARK_KIND_BIT));
    } else if (page_put(head)) {
        __atomic_store_n(&p2m->owner_drained, true, __ATOMIC_RELEASE);
    }
}

/* Is record i the single page of the domain's that is `step` behind the one of
 * the record before? */
static bool follows(const struct p2m *p2m, unsigned i, uint64_t step)
{
    return i < p2m->parked_count &&
           p2m->parked[i] == p2m->parked[i - 1] + (step << PARK_MFN_BIT);
}

/* Records from i on of own pages that are neighbours, upwards or downwards as
 * balloon drivers list them: how many, and the first of the pages. */
static unsigned run_of_own(const struct p2m *p2m, unsigned i,
                           struct page **first)
{
    uint64_t record = p2m->parked[i], step = 1;
    unsigned end = i + 1;

    *first = page_from_mfn(MFN(record >> PARK_MFN_BIT));
    if (record % BIT(PARK_MFN_BIT) != PARK_OWN << PARK_KIND_BIT) {
        return 1;
    }
    if (!follows(p2m, end, step)) {
        step = ~0ULL;
    }
    while (follows(p2m, end, step)) {
        end++;
    }
    if (step != 1) {
        *first -= end - i - 1;
    }
    return end - i;
}

void p2m_release_parked(struct p2m *p2m)
{
    unsigned run;

    lock(&p2m->pod->lock);
    for (unsigned i = 0; i < p2m->parked_count; i += run) {
        struct page *first;

        run = is_wanting(p2m) ? 1 : run_of_own(p2m, i, &first);
        if (run > 1) {
            page_release(first, run); /* all for the host, and at once */
        } else {
            release_record(p2m, p2m->parked[i]);
        }
    }
    reserve_refill_locked(p2m);
    unlock(&p2m->pod->lock);
    p2m->parked_count = 0;
    p2m->parked_pages = 0;
}

void p2m_settle(struct p2m *p2m)
{
    if (p2m->flush_needed) {
        trace(TRACE_FLUSH, p2m->account->id, p2m->parked_count, 0, 0);
        arch_guest_tlb_flush(&p2m->tlb);
        p2m->flush_needed = false;
        release_tables(p2m);
        if (p2m->parked_count) {
            p2m_release_parked(p2m);
        }
    }
}

void p2m_finish(struct p2m *p2m)
{
    if (!p2m->batch_count) {
        p2m_settle(p2m);
    }
}

void p2m_batch_begin(struct p2m *p2m)
{
    lock(&p2m->lock);
    p2m->batch_count++;
    unlock(&p2m->lock);
}

/* A batch that another CPU still has open does not delay ours: whoever ends
 * one was promised that its own removals are through. */
void p2m_batch_end(struct p2m *p2m)
{
    lock(&p2m->lock);
    CHECK(p2m->batch_count);
    p2m->batch_count--;
    p2m_settle(p2m);
    unlock(&p2m->lock);
}
