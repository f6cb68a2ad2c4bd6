/* SPDX-License-Identifier: MIT */
/*
 * Recount the page allocator from scratch: once through the frame table, once
 * through the lists, then the counters. The allocator is locked meanwhile, and
 * what each CPU has in stock, so this is for debugging and for tests. BUSY
 * blocks are in some CPU's hands: if there are any, the counts that change
 * without the lock are not compared.
 */
#include "base/audit.h"
#include "lib/string.h"
#include "mm/block.h"
#include "mm/buddy.h"
#include "mm/stock.h"
#include "mm/zero_block.h"
#include "types/bits.h"

#define MAX_PRINTED 20

struct recount {
    unsigned differences;
    bool busy;
    uint64_t free, dirty, claimed;
    uint64_t blocks[2][MAX_ORDER + 1]; /* the buddies' */
    uint64_t stocked;                  /* pages in blocks of CPUs' stocks */
};

static void differs(struct recount *seen, const char *what, uint64_t where,
                    uint64_t found, uint64_t expected)
{
    if (seen->differences++ < MAX_PRINTED) {
        audit_differs(&(struct audit_difference){"F", what, AUDIT_NO_DOMAIN,
                                                 AUDIT_NO_FRAME, where, found,
                                                 expected});
    }
}

static void expect(struct recount *seen, const char *what, uint64_t where,
                   uint64_t found, uint64_t expected)
{
    if (found != expected) {
        differs(seen, what, where, found, expected);
    }
}

/* One page of a free block. */
static void audit_free_page(struct recount *seen, const struct page *head,
                            uint64_t i)
{
    const struct page *pg = &head[i];
    uint64_t mfn = page_to_mfn(pg).v;
    bool zeroed = pg->flags & PAGE_ZEROED;

    expect(seen, "state inside a free block", mfn, pg->state, PAGE_FREE);
    if (i) {
        expect(seen, "free page has an owner", mfn, pg->owner, NO_ACCOUNT);
        expect(seen, "order inside a free block", mfn, pg->order,
               ORDER_NOT_HEAD);
    }
    if (!zeroed) {
        seen->dirty++;
    }
    if (!zeroed && i < first_dirty(head)) {
        differs(seen, "dirty page before first_dirty", mfn, i,
                first_dirty(head));
    }
}

static uint64_t audit_free_block(struct recount *seen, const struct page *head)
{
    uint64_t mfn = page_to_mfn(head).v;
    uint64_t count, other;

    if (head->order > MAX_ORDER) {
        differs(seen, "free frame outside of a block", mfn, head->order, 0);
        return 1;
    }
    count = BIT(head->order);
    if (mfn % count || count > frame_count - mfn) {
        differs(seen, "misplaced free block of order", mfn, head->order, 0);
        return 1;
    }
    for (uint64_t i = 0; i < count; i++) {
        audit_free_page(seen, head, i);
    }
    seen->free += count;
    if (head->owner != NO_ACCOUNT) {
        seen->stocked += count;
        return count;
    }
    other = mfn ^ count;
    if (head->order < MAX_ORDER && other < frame_count &&
        frame_table[other].state == PAGE_FREE &&
        frame_table[other].order == head->order &&
        frame_table[other].owner == NO_ACCOUNT) {
        differs(seen, "buddies not merged, order", mfn, head->order, 0);
    }
    seen->blocks[first_dirty(head) == count][head->order]++;
    return count;
}

static void audit_charged_page(struct recount *seen, const struct page *pg)
{
    struct account *owner = account_at_locked(pg->owner);
    uint64_t mfn = page_to_mfn(pg).v;

    if (!owner) {
        differs(seen, "page without an owner, state", mfn, pg->state, 0);
        return;
    }
    owner->audit_count++;
    if (pg->state == PAGE_CACHE) {
        expect(seen, "references of a cached page", mfn, pg->references, 1);
    } else {
        expect(seen, "mapped page is said to be zero", mfn,
               pg->gfn != ~0ULL && (pg->flags & PAGE_ZEROED), 0);
    }
}

/* Tables and what is shown may have an owner; then it must be there. */
static void audit_uncharged_page(struct recount *seen, const struct page *pg)
{
    struct account *owner = account_at_locked(pg->owner);
    uint64_t mfn = page_to_mfn(pg).v;

    expect(seen, "owner that is gone, number", mfn, owner ? 0 : pg->owner, 0);
    if (owner && pg->state == PAGE_SPECIAL) {
        owner->audit_special++;
    }
}

static void audit_used_page(struct recount *seen, const struct page *pg)
{
    uint64_t mfn = page_to_mfn(pg).v;

    if (!pg->references) {
        differs(seen, "page in use without references, state", mfn, pg->state,
                0);
    }
    switch (pg->state) {
    case PAGE_HEAP:
        if (!(pg->flags & PAGE_SLAB)) {
            expect(seen, "HEAP page has an owner", mfn, pg->owner, NO_ACCOUNT);
        }
        break;
    case PAGE_TABLE:
    case PAGE_SPECIAL:
        audit_uncharged_page(seen, pg);
        break;
    case PAGE_GUEST:
    case PAGE_CACHE:
        audit_charged_page(seen, pg);
        break;
    default:
        differs(seen, "unknown page state", mfn, pg->state, 0);
    }
}

/* An account got that many pages more by what was seen. */
static void note_charged(uint16_t number, uint64_t count)
{
    struct account *owner = account_at_locked(number);

    if (owner) {
        owner->audit_count += count;
    }
}

/* A page that is in no block of 512; cached ones are in smaller blocks, which
 * their pod recounts. */
static void audit_single(struct recount *seen, const struct page *pg)
{
    uint64_t mfn = page_to_mfn(pg).v;

    if (pg->state == PAGE_GUEST) {
        expect(seen, "order of a single page", mfn, pg->order, 0);
    } else if (pg->state == PAGE_CACHE && pg->order != ORDER_NOT_HEAD &&
               (pg->order > BLOCK_ORDER || mfn % BIT(pg->order))) {
        differs(seen, "misplaced cached block of order", mfn, pg->order, 0);
    }
}

/* Whoever stands for 512 pages must have them; returns how many pages pg
 * stands for. */
static uint64_t audit_block(struct recount *seen, const struct page *head)
{
    uint64_t mfn = page_to_mfn(head).v;

    if (!page_is_block(head)) {
        audit_single(seen, head);
        return 1;
    }
    if (mfn % BLOCK_PAGES || BLOCK_PAGES > frame_count - mfn) {
        differs(seen, "misplaced block", mfn, 0, 0);
        return 1;
    }
    expect(seen, "references of a block", mfn, head->references, 1);
    for (uint64_t i = 1; i < BLOCK_PAGES; i++) {
        expect(seen, "state inside a block", mfn + i, head[i].state, PAGE_TAIL);
        expect(seen, "owner inside a block", mfn + i,
               head[i].owner != head->owner, 0);
        expect(seen, "references inside a block", mfn + i, head[i].references,
               0);
    }
    note_charged(head->owner, BLOCK_PAGES - 1);
    return BLOCK_PAGES;
}

static void audit_frames(struct recount *seen)
{
    uint64_t mfn = 0;

    while (mfn < frame_count) {
        struct page *pg = &frame_table[mfn];

        switch (pg->state) {
        case PAGE_NOT_RAM:
            mfn++;
            break;
        case PAGE_FREE:
            mfn += audit_free_block(seen, pg);
            break;
        case PAGE_BUSY:
            seen->busy = true;
            note_charged(pg->owner, BIT(pg->order));
            mfn += BIT(pg->order);
            break;
        default:
            audit_used_page(seen, pg);
            mfn += audit_block(seen, pg);
        }
    }
}

/* Are both directions of a list the same? Returns its length. */
static uint64_t audit_links(struct recount *seen, const struct page_list *l)
{
    uint32_t prev = 0;
    uint64_t length = 0;
    struct page *pg;

    page_list_for_each (pg, l) {
        if (pg->link.prev != prev || length == frame_count) {
            differs(seen, "link back on a list", page_to_mfn(pg).v,
                    pg->link.prev, prev);
            return length;
        }
        prev = page_list_number(pg);
        length++;
    }
    expect(seen, "end of a list", prev, l->last, prev);
    return length;
}

static void audit_free_list(struct recount *seen, unsigned zeroed,
                            unsigned order)
{
    const struct page_list *l = &buddy.lists.blocks[zeroed][order];
    uint64_t length = audit_links(seen, l);
    struct page *pg = page_list_first(l);

    for (uint64_t i = 0; i < length; i++, pg = page_list_next(pg)) {
        expect(seen, "order on a free list", page_to_mfn(pg).v, pg->order,
               order);
    }
    expect(seen, "length of a free list, order", order, length,
           seen->blocks[zeroed][order]);
    expect(seen, "bit of a free list, order", order,
           (buddy.lists.nonempty[zeroed] >> order) & 1, length != 0);
}

static void audit_free_lists(struct recount *seen)
{
    for (unsigned order = 0; order <= MAX_ORDER; order++) {
        audit_free_list(seen, 0, order);
        audit_free_list(seen, 1, order);
    }
}

/* One list of what a CPU has in stock; returns how many pages are on it. */
static uint64_t audit_stock_list(struct recount *seen, const struct stock *s,
                                 unsigned zeroed, unsigned order)
{
    const struct page_list *l = &s->lists.blocks[zeroed][order];
    uint64_t length = audit_links(seen, l);
    struct page *pg = page_list_first(l);

    for (uint64_t i = 0; i < length; i++, pg = page_list_next(pg)) {
        uint64_t mfn = page_to_mfn(pg).v;

        expect(seen, "order on a stock's list", mfn, pg->order, order);
        expect(seen, "state on a stock's list", mfn, pg->state, PAGE_FREE);
        expect(seen, "whose stock a block is in", mfn, pg->owner,
               s->lists.mark);
    }
    expect(seen, "bit of a stock's list, order", order,
           (s->lists.nonempty[zeroed] >> order) & 1, length != 0);
    return length << order;
}

static void audit_stocks(struct recount *seen)
{
    uint64_t all = 0;

    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        const struct stock *s = &stocks[cpu];
        uint64_t count = 0;

        for (unsigned order = 0; order <= MAX_ORDER; order++) {
            count += audit_stock_list(seen, s, 0, order);
            count += audit_stock_list(seen, s, 1, order);
        }
        expect(seen, "stock of CPU", cpu, s->count, count);
        all += count;
    }
    expect(seen, "blocks in no CPU's stock, pages", 0, seen->stocked, all);
}

static void audit_loose(struct recount *seen, const struct account *a)
{
    uint64_t length = audit_links(seen, &a->loose), count = 0;
    struct page *pg = page_list_first(&a->loose);

    for (uint64_t i = 0; i < length; i++, pg = page_list_next(pg)) {
        expect(seen, "state of a loose page", page_to_mfn(pg).v, pg->state,
               PAGE_CACHE);
        expect(seen, "another account's loose page", page_to_mfn(pg).v,
               pg->owner, a->number);
        count += BIT(pg->order);
    }
    expect(seen, "loose pages of domain", a->id, a->loose_count, count);
}

static void audit_account(struct recount *seen, const struct account *a)
{
    expect(seen, "page_count of domain", a->id, a->page_count + a->moving,
           a->audit_count + a->kept_count);
    expect(seen, "SPECIAL pages of domain", a->id, a->special_count,
           a->audit_special);
    audit_loose(seen, a);
    if (a->borrowed > a->page_count) {
        differs(seen, "pages borrowed by domain", a->id, a->borrowed,
                a->page_count);
    }
    if (a->dying) {
        expect(seen, "claim of a dying domain", a->id, a->claimed, 0);
    }
    seen->claimed += a->claimed;
}

static void audit_accounts(struct recount *seen)
{
    for (unsigned n = 0; n < account_limit_locked(); n++) {
        const struct account *a = account_at_locked(n);

        if (a) {
            expect(seen, "number of domain", a->id, a->number, n);
            audit_account(seen, a);
        }
    }
}

static void clear_scratch(void)
{
    for (unsigned n = 0; n < account_limit_locked(); n++) {
        struct account *a = account_at_locked(n);

        if (a) {
            a->audit_count = 0;
            a->audit_special = 0;
        }
    }
}

unsigned mm_audit(void)
{
    struct recount seen;

    memset(&seen, 0, sizeof(seen));
    lock(&buddy.lock);
    stocks_lock();
    clear_scratch();
    audit_frames(&seen);
    audit_free_lists(&seen);
    audit_stocks(&seen);
    audit_accounts(&seen);
    expect(&seen, "claimed pages", 0, buddy.claimed, seen.claimed);
    if (seen.claimed > buddy.free) {
        differs(&seen, "more is claimed than free", 0, seen.claimed,
                buddy.free);
    }
    if (!seen.busy) {
        expect(&seen, "dirty pages", 0, stocks_dirty(), seen.dirty);
    }
    if (!buddy.scrubbing) {
        expect(&seen, "free pages", 0, buddy.free + stocks_count(), seen.free);
    }
    stocks_unlock();
    unlock(&buddy.lock);
    expect(&seen, "the zero block is zero", zero_block.v, zero_block_audit(),
           true);
    return seen.differences;
}
