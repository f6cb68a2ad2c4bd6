/* SPDX-License-Identifier: MIT */
/*
 * Handing out pages and taking them back.
 *
 * An allocation has three steps: take a block and charge it (lock held; all
 * that may fail is here), clear what is dirty (no lock; the block is BUSY and
 * ours alone), and give its pages their new state, the head last: until then
 * an audit takes the head's word for all of them.
 *
 * Most blocks come out of a CPU's own stock and go back there (stock.h).
 *
 *   total = free + all pages in other states     that page_alloc_add() brought
 *   claimed <= free                              (claim.c)
 */
#include "mm/page_alloc.h"
#include "arch/cpu.h"
#include "mm/block.h"
#include "mm/buddy.h"
#include "mm/charge.h"
#include "mm/stock.h"
#include "types/bits.h"
#include "types/error.h"

#define RELEASE_BATCH 64 /* pages freed in one lock hold by teardown */
#define NEW_FLAGS     (PAGE_ALLOCATED | PAGE_ZEROED)

static uint64_t fail_countdown;

uint64_t page_alloc_fail_nth(uint64_t n)
{
    uint64_t left = fail_countdown;

    fail_countdown = n;
    return left;
}

/* Is this the allocation that a test wants to fail? */
static bool told_to_fail(void)
{
#ifdef PODIUM_DEBUG
    return unlikely(fail_countdown) && --fail_countdown == 0;
#else
    return false;
#endif
}

void page_alloc_add(mfn_t start, uint64_t count)
{
    CHECK(start.v && start.v + count <= frame_count);
    for (uint64_t i = 0; i < count; i++) {
        struct page *pg = &frame_table[start.v + i];

        CHECK(pg->state == PAGE_NOT_RAM || pg->state == PAGE_HEAP);
        page_retire(pg, false);
    }
    lock(&buddy.lock);
    buddy.total += count;
    buddy.free += count;
    stock_note_dirty(count);
    buddy_put_run_locked(&frame_table[start.v], count);
    unlock(&buddy.lock);
}

/* For the hypervisor itself, shown to `owner`, or a table in its budget.
 * owner may be NULL. */
static struct page *alloc_uncharged(enum page_state state, unsigned order,
                                    struct account *owner, bool clear)
{
    struct page *head =
        told_to_fail() ? NULL : take_uncharged(state, order, owner);

    if (!head) {
        return NULL;
    }
    if (clear) {
        buddy_clear(head);
    } else {
        buddy_leave_dirty(head);
    }
    for (uint64_t i = BIT(order); i-- > 0;) {
        page_start(&head[i], state, owner, 0, 0);
    }
    return head;
}

static void uncharge(struct account *a, enum page_state state, uint64_t count)
{
    if (state == PAGE_TABLE) {
        CHECK(a->table_count);
        a->table_count--;
    } else {
        account_uncharge_held(a, count);
    }
}

/* The account of somebody who has pages, so it does not go away. */
static struct account *account_of(uint16_t owner)
{
    return owner == NO_ACCOUNT ? NULL : account_at(owner);
}

/* A BUSY block that is free now, into this CPU's stock. False: it is too large,
 * or there is no room. */
static bool put_into_stock(struct page *head, unsigned order, uint64_t first,
                           struct account *a, enum page_state state)
{
    struct stock *s = stock_here();
    bool room;

    if (order > STOCK_ORDER) {
        return false;
    }
    if (a) {
        lock(&a->lock);
    }
    lock(&s->lock);
    room = stock_has_room_locked(s, BIT(order));
    if (room) {
        page_retire(head, head->flags & PAGE_ZEROED);
        set_first_dirty(head, first);
        stock_put_locked(s, head, order);
        if (a) {
            uncharge(a, state, BIT(order));
        }
    }
    unlock(&s->lock);
    if (a) {
        unlock(&a->lock);
    }
    return room;
}

static void put_into_buddy(struct page *head, unsigned order, uint64_t first,
                           struct account *a, enum page_state state)
{
    lock(&buddy.lock);
    if (order <= STOCK_ORDER) {
        stock_return_locked(STOCK_PAGES);
    }
    page_retire(head, head->flags & PAGE_ZEROED);
    set_first_dirty(head, first);
    buddy_put_locked(head, order);
    buddy.free += BIT(order);
    if (a) {
        lock(&a->lock);
        uncharge(a, state, BIT(order));
        unlock(&a->lock);
    }
    unlock(&buddy.lock);
}

/* Pages to which only the caller refers, 2^order, back to the free ones. */
static void free_block(struct page *head, unsigned order)
{
    uint64_t dirty = 0, first = BIT(order);
    struct account *a = account_of(head->owner);
    enum page_state state = head->state;
    bool block = page_is_block(head);

    if (state == PAGE_TABLE) {
        head->owner = NO_ACCOUNT; /* BUSY pages with an owner are charged */
    }
    head->order = (uint8_t)order;
    head->state = PAGE_BUSY;
    for (uint64_t i = BIT(order); i-- > 0;) {
        bool zeroed = head[block ? 0 : i].flags & PAGE_ZEROED;

        CHECK(head[i].references == !(block && i));
        if (!zeroed) {
            page_junk(&head[i]);
            dirty++;
            first = i;
        }
        if (i) {
            page_retire(&head[i], zeroed);
        }
    }
    stock_note_dirty(dirty);
    if (!put_into_stock(head, order, first, a, state)) {
        put_into_buddy(head, order, first, a, state);
    }
}

struct page *page_alloc(enum page_state state, unsigned order)
{
    CHECK(state == PAGE_HEAP || state == PAGE_TABLE);
    CHECK(order <= MAX_ORDER);
    return alloc_uncharged(state, order, NULL, true);
}

struct page *page_alloc_dirty(unsigned order)
{
    CHECK(order <= MAX_ORDER);
    return alloc_uncharged(PAGE_HEAP, order, NULL, false);
}

void page_free(struct page *head, unsigned order)
{
    CHECK(head->state == PAGE_HEAP || head->state == PAGE_TABLE);
    head->flags = 0;
    free_block(head, order);
}

struct page *page_alloc_special(struct account *a)
{
    return alloc_uncharged(PAGE_SPECIAL, 0, a, true);
}

struct page *page_alloc_table(struct account *a)
{
    return alloc_uncharged(PAGE_TABLE, 0, a, true);
}

void page_free_table(struct account *a, struct page *pg)
{
    CHECK(pg->state == PAGE_TABLE && page_is_of(pg, a));
    page_free(pg, 0);
}

/* Pages that `a` has just got, single or in blocks. */
static void start_guest_pages(struct account *a, struct page *head,
                              unsigned order)
{
    unsigned each = order < BLOCK_ORDER ? 0 : BLOCK_ORDER;

    for (uint64_t i = BIT(order); i > 0;) {
        i -= BIT(each);
        if (each) {
            block_make_tails(&head[i], a->number);
        }
        page_start(&head[i], PAGE_GUEST, a, each, NEW_FLAGS);
    }
}

static struct page *alloc_charged(const struct charge *c, unsigned order)
{
    struct account *a = c->a;
    struct page *head;

    CHECK(order <= MAX_ORDER);
    if (told_to_fail()) {
        return NULL;
    }
    head = take_charged(c, order);
    if (!head) {
        return NULL;
    }
    buddy_clear(head);
    start_guest_pages(a, head, order);
    return head;
}

struct page *page_alloc_guest(struct account *a, unsigned order)
{
    return alloc_charged(&(struct charge){a, BY_RIGHT, 0}, order);
}

struct page *page_alloc_claimed(struct account *a, unsigned order)
{
    return alloc_charged(&(struct charge){a, CLAIMED, 0}, order);
}

struct page *page_borrow(struct account *a, unsigned order, uint64_t limit)
{
    return alloc_charged(&(struct charge){a, BORROWED, limit}, order);
}

struct page *page_begin_move(struct account *a, unsigned order)
{
    return alloc_charged(&(struct charge){a, MOVING, 0}, order);
}

void page_end_move(struct account *a)
{
    account_lock(a);
    a->page_count += a->moving;
    a->borrowed += a->moving;
    a->moving = 0;
    account_unlock(a);
}

void page_loan_cover(struct account *a, uint64_t right)
{
    account_lock(a);
    a->borrowed = MIN(a->borrowed, a->page_count - MIN(a->page_count, right));
    account_unlock(a);
}

static void start_taken(struct account *a, struct page *head)
{
    unsigned order = head->order;

    buddy_clear(head);
    start_guest_pages(a, head, order);
}

/* The pages of these blocks fill the places that are left; returns how many
 * there are in all, without a gap. */
static unsigned fill_places(struct account *a, struct page **pages,
                            struct page_list *heads, unsigned count)
{
    struct page *head;
    unsigned place = 0, n = 0;

    while ((head = page_list_take(heads))) {
        unsigned order = head->order;

        start_taken(a, head);
        for (uint64_t i = 0; i < BIT(order); i++) {
            while (pages[place]) {
                place++;
            }
            pages[place++] = &head[i];
        }
    }
    for (unsigned i = 0; i < count; i++) {
        if (pages[i]) {
            pages[n++] = pages[i];
        }
    }
    return n;
}

unsigned page_alloc_guest_some(struct account *a, struct page **pages,
                               const mfn_t *wanted, unsigned count)
{
    struct page_list fitting = {0, 0}, others = {0, 0};
    struct page *head;
    unsigned n = 0;

    CHECK(count <= PAGES_AT_ONCE);
    if (told_to_fail()) {
        return 0;
    }
    for (unsigned i = 0; i < count; i++) {
        pages[i] = NULL;
    }
    if (wanted) {
        n = take_wanted(a, pages, wanted, count, &fitting);
    }
    n += take_pages(a, count - n, &others);
    while ((head = page_list_take(&fitting))) {
        start_taken(a, head);
    }
    CHECK(fill_places(a, pages, &others, count) == n);
    return n;
}

/* One compare-and-exchange, because a page_get() may be under way: from then
 * on it fails, and if it came first, we stop. */
static void change_state(struct page *pg, enum page_state from,
                         enum page_state to, unsigned flags_added)
{
    union page_word old = {.bits =
                               __atomic_load_n(&pg->w.bits, __ATOMIC_ACQUIRE)};
    union page_word new = old;

    new.state = (uint8_t)to;
    new.order = 0;
    new.flags = (uint8_t)((old.flags & PAGE_ZEROED) | flags_added);
    CHECK(old.state == from && old.references == 1);
    CHECK(__atomic_compare_exchange_n(&pg->w.bits, &old.bits, new.bits, false,
                                      __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
}

static void form_cached_block_locked(struct page *head)
{
    bool zeroed = true;

    for (uint64_t i = 0; i < BLOCK_PAGES; i++) {
        CHECK(head[i].state == PAGE_CACHE);
        zeroed = zeroed && (head[i].flags & PAGE_ZEROED);
    }
    block_make_tails(head, head->owner);
    head->flags = zeroed ? PAGE_ZEROED : 0;
    head->order = BLOCK_ORDER;
}

void page_form_cached_block(struct page *head)
{
    lock(&buddy.lock);
    form_cached_block_locked(head);
    unlock(&buddy.lock);
}

/* Pages that were a block once, or could have been, are one from now on. */
static void singles_to_block_locked(struct page *head)
{
    for (uint64_t i = 0; i < BLOCK_PAGES; i++) {
        change_state(&head[i], PAGE_GUEST, PAGE_CACHE, 0);
    }
    form_cached_block_locked(head);
}

/* The whole word at once: page_get() may look at it. To CACHE with the lock,
 * as page_get() splits a block that is shown; to GUEST without, since it leaves
 * a cached one alone. */
static void turn_block(struct page *head, enum page_state from,
                       enum page_state to, unsigned flags_added)
{
    union page_word word = head->w;

    CHECK(word.state == from && word.references == 1);
    word.state = (uint8_t)to;
    word.flags = (uint8_t)((word.flags & PAGE_ZEROED) | flags_added);
    if (to == PAGE_GUEST) {
        head->gfn = ~0ULL; /* it was a link so far */
    }
    __atomic_store_n(&head->w.bits, word.bits, __ATOMIC_RELEASE);
}

static void block_to_cache(struct page *head)
{
    lock(&buddy.lock);
    if (page_is_block(head)) {
        CHECK(head->flags & PAGE_ALLOCATED);
        turn_block(head, PAGE_GUEST, PAGE_CACHE, 0);
    } else {
        singles_to_block_locked(head);
    }
    unlock(&buddy.lock);
}

void page_guest_to_cache(struct page *head, unsigned order)
{
    CHECK(order <= BLOCK_ORDER);
    if (order == BLOCK_ORDER) {
        block_to_cache(head);
        return;
    }
    for (uint64_t i = 0; i < BIT(order); i++) {
        CHECK(head[i].flags & PAGE_ALLOCATED);
        change_state(&head[i], PAGE_GUEST, PAGE_CACHE, 0);
    }
}

/* page_get() leaves the word of a cached page alone, so it is the caller's, and
 * one store will do. */
static void show_cached(struct page *pg)
{
    union page_word word = pg->w;

    CHECK(word.state == PAGE_CACHE && word.references == 1 && !word.order);
    word.state = PAGE_GUEST;
    word.flags = (uint8_t)((word.flags & PAGE_ZEROED) | PAGE_ALLOCATED);
    pg->gfn = ~0ULL; /* it was a link so far */
    __atomic_store_n(&pg->w.bits, word.bits, __ATOMIC_RELEASE);
}

void page_cache_to_guest(struct page *head, unsigned order)
{
    if (!order) {
        show_cached(head); /* which is the most frequent */
        return;
    }
    if (page_is_block(head)) {
        CHECK(order == BLOCK_ORDER);
        turn_block(head, PAGE_CACHE, PAGE_GUEST, PAGE_ALLOCATED);
        return;
    }
    for (uint64_t i = 0; i < BIT(order); i++) {
        show_cached(&head[i]);
    }
}

void page_free_cache(struct page *head, unsigned order)
{
    CHECK(head->state == PAGE_CACHE);
    free_block(head, order);
}

bool page_cache_to_table(struct page *pg)
{
    union page_word word = pg->w;
    struct account *a;
    bool allowed;

    CHECK(word.state == PAGE_CACHE && word.references == 1 && !word.order);
    CHECK(word.flags & PAGE_ZEROED);
    word.state = PAGE_TABLE;
    word.flags = 0;
    a = account_at(word.owner);
    account_lock(a);
    allowed = may_have_table(a);
    if (allowed) {
        __atomic_store_n(&pg->w.bits, word.bits, __ATOMIC_RELEASE);
        a->table_count++;
        account_uncharge_held(a, 1);
    }
    account_unlock(a);
    return allowed;
}

/* The owner's reference goes; true if it was the last. Then the page is BUSY,
 * ours alone, and still charged. */
static bool give_up_page(struct page *pg)
{
    union page_word seen = {.bits =
                                __atomic_load_n(&pg->w.bits, __ATOMIC_ACQUIRE)};
    union page_word new;

    do {
        if (!(seen.flags & PAGE_ALLOCATED)) {
            return false;
        }
        new = seen;
        new.references--;
        new.flags = 0;
        if (!new.references) {
            new.state = PAGE_BUSY;
            new.order = 0;
        }
    } while (!__atomic_compare_exchange_n(&pg->w.bits, &seen.bits, new.bits,
                                          false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_ACQUIRE));
    if (new.references) {
        return false;
    }
    page_junk(pg);
    return true;
}

static void free_run_locked(struct account *a, struct page *first,
                            uint64_t count)
{
    buddy_put_run_locked(first, count);
    buddy.free += count;
    stock_note_dirty(count);
    account_uncharge_locked(a, count);
}

static void release_block_locked(struct page *head)
{
    struct account *a = account_at_locked(head->owner);

    for (uint64_t i = 0; i < BLOCK_PAGES; i++) {
        page_junk(&head[i]);
        page_retire(&head[i], false);
    }
    free_run_locked(a, head, BLOCK_PAGES);
}

/* `count` BUSY pages of a's into this CPU's stock. False: there is no room. */
static bool put_run_into_stock(struct account *a, struct page *first,
                               uint64_t count)
{
    struct stock *s = stock_here();
    bool room;

    account_lock(a);
    room = stock_has_room_locked(s, count);
    if (room) {
        for (uint64_t i = 0; i < count; i++) {
            page_retire(&first[i], false);
        }
        stock_put_run_locked(s, first, count);
        stock_note_dirty(count);
        account_uncharge_held(a, count);
    }
    account_unlock(a);
    return room;
}

static void put_run_into_buddy(struct account *a, struct page *first,
                               uint64_t count)
{
    lock(&buddy.lock);
    stock_return_locked(STOCK_PAGES);
    for (uint64_t i = 0; i < count; i++) {
        page_retire(&first[i], false);
    }
    free_run_locked(a, first, count);
    unlock(&buddy.lock);
}

/* The owner gives up pages that follow one another in memory, `max` at most,
 * as long as they are free then: so they go back as blocks instead of being
 * merged one by one. Without the lock but at the end. Returns how many; the
 * next one has other users. */
static uint64_t release_run(struct page *first, uint64_t max)
{
    struct account *a = account_at(first->owner);
    uint64_t count = 0;

    while (count < max && give_up_page(&first[count])) {
        count++;
    }
    if (!count) {
        return 0;
    }
    if (!put_run_into_stock(a, first, count)) {
        put_run_into_buddy(a, first, count);
    }
    return count;
}

/* False: it is no block, or page_get() has split it. */
static bool release_block(struct page *first)
{
    bool block;

    if (!page_is_block(first)) {
        return false;
    }
    lock(&buddy.lock);
    block = page_is_block(first);
    if (block) {
        release_block_locked(first);
    }
    unlock(&buddy.lock);
    return block;
}

void page_release(struct page *first, uint64_t count)
{
    while (count) {
        uint64_t done = BLOCK_PAGES;

        if (release_block(first)) {
            CHECK(count >= BLOCK_PAGES);
        } else {
            done = release_run(first, MIN(count, RELEASE_BATCH));
            done += done < MIN(count, RELEASE_BATCH);
        }
        first += done;
        count -= done;
    }
}

struct page_alloc_info page_alloc_info(void)
{
    struct page_alloc_info info;

    lock(&buddy.lock);
    stocks_lock();
    info.total = buddy.total;
    info.free = buddy.free + stocks_count();
    info.claimed = buddy.claimed;
    /* Pages that are being cleared for an owner are in `dirty` still. */
    info.dirty = MIN(stocks_dirty(), info.free);
    stocks_unlock();
    unlock(&buddy.lock);
    return info;
}
