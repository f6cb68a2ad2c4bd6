/* SPDX-License-Identifier: MIT */
/*
 * Handing out pages and taking them back.
 *
 * An allocation has three steps: take a block and charge it (lock held; all
 * that may fail is here), clear what is dirty (no lock; the block is BUSY and
 * ours alone), and give its pages their new state, the head last: until then
 * an audit takes the head's word for all of them.
 *
 *   total = free + all pages in other states     that page_alloc_add() brought
 *   claimed <= free                              (claim.c)
 */
#include "mm/page_alloc.h"
#include "arch/cpu.h"
#include "mm/block.h"
#include "mm/buddy.h"
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
    buddy.dirty += count;
    buddy_put_run_locked(&frame_table[start.v], count);
    unlock(&buddy.lock);
}

/* A block of `order` that claims let `claimant` (NULL: nobody) have; BUSY and
 * no longer counted as free. The claim is not used up yet. */
static struct page *take_locked(const struct account *claimant, unsigned order)
{
    struct page *head = NULL;

    while (claim_allows_locked(claimant, BIT(order))) {
        head = buddy_take_locked(order);
        if (head || !buddy.scrubbing) {
            break;
        }
        /* The block that is missing may be the one that is being scrubbed. */
        unlock(&buddy.lock);
        arch_cpu_relax();
        lock(&buddy.lock);
    }
    if (head) {
        buddy.free -= BIT(order);
    }
    return head;
}

static bool may_have_table_locked(const struct account *a)
{
    return !a->table_limit || a->table_count < a->table_limit;
}

/* Not among the charged pages: where they are counted. NULL: nowhere. */
static uint64_t *uncharged_count(struct account *owner, enum page_state state)
{
    if (!owner) {
        return NULL;
    }
    return state == PAGE_TABLE ? &owner->table_count : &owner->special_count;
}

/* For the hypervisor itself, shown to `owner`, or a table in its budget.
 * owner may be NULL. */
static struct page *alloc_uncharged(enum page_state state, unsigned order,
                                    struct account *owner, bool clear)
{
    uint64_t *count = uncharged_count(owner, state);
    struct page *head = NULL;

    if (told_to_fail()) {
        return NULL;
    }
    lock(&buddy.lock);
    if (state != PAGE_TABLE || !owner || may_have_table_locked(owner)) {
        head = take_locked(owner, order);
    }
    if (head && count) {
        ++*count;
    }
    if (head && owner) {
        claim_use_if_short_locked(owner);
    }
    unlock(&buddy.lock);
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

static void uncharge_locked(struct account *a, enum page_state state,
                            uint64_t count)
{
    if (state == PAGE_TABLE) {
        CHECK(a->table_count);
        a->table_count--;
    } else {
        account_uncharge_locked(a, count);
    }
}

/* Pages to which only the caller refers, 2^order, back to the free ones. */
static void free_block(struct page *head, unsigned order)
{
    uint64_t dirty = 0, first = BIT(order);
    uint16_t owner = head->owner;
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
    lock(&buddy.lock);
    page_retire(head, head->flags & PAGE_ZEROED);
    set_first_dirty(head, first);
    buddy_put_locked(head, order);
    buddy.free += BIT(order);
    __atomic_fetch_add(&buddy.dirty, dirty, __ATOMIC_RELAXED);
    if (owner) {
        uncharge_locked(account_at_locked(owner), state, BIT(order));
    }
    unlock(&buddy.lock);
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

/* On whose account, and on what grounds. */
struct charge {
    struct account *a;
    enum {
        BY_RIGHT,
        CLAIMED,
        BORROWED
    } how;
    uint64_t limit; /* of what is BORROWED */
};

static bool may_charge_locked(const struct charge *c, uint64_t count)
{
    const struct account *a = c->a;
    uint64_t own = a->page_count - a->borrowed;

    if (a->dying) {
        return false;
    }
    switch (c->how) {
    case BORROWED:
        return a->borrowed < c->limit && count <= c->limit - a->borrowed;
    case CLAIMED:
        return count <= a->claimed; /* the limit has agreed to it already */
    default:
        own += a->claim_is_kept ? a->claimed : 0;
        return own <= a->max_pages && count <= a->max_pages - own;
    }
}

static bool uses_claim(const struct charge *c)
{
    return c->how == CLAIMED || (c->how == BY_RIGHT && !c->a->claim_is_kept);
}

/* The owner stands in the BUSY head, so that an audit finds whom these pages
 * are counted for. */
static void charge_block_locked(const struct charge *c, struct page *head)
{
    struct account *a = c->a;
    uint64_t count = BIT(head->order);

    if (uses_claim(c)) {
        claim_use_locked(a, count);
    }
    a->page_count += count;
    a->borrowed += c->how == BORROWED ? count : 0;
    head->owner = a->number;
}

/* A block charged to an account. */
static struct page *take_charged_locked(const struct charge *c, unsigned order)
{
    struct page *head = NULL;

    if (may_charge_locked(c, BIT(order))) {
        head = take_locked(uses_claim(c) ? c->a : NULL, order);
    }
    /* The lock may have been let go in between: look again. */
    if (head && !may_charge_locked(c, BIT(order))) {
        buddy.free += BIT(order);
        head->state = PAGE_FREE;
        head->order = ORDER_NOT_HEAD;
        buddy_put_locked(head, order);
        head = NULL;
    }
    if (head) {
        charge_block_locked(c, head);
    }
    return head;
}

/* May that many be charged? */
static bool allows_locked(const struct charge *c, uint64_t count)
{
    return may_charge_locked(c, count) &&
           claim_allows_locked(uses_claim(c) ? c->a : NULL, count);
}

/* The same from just that frame on, of that order at most. */
static struct page *take_frames_locked(const struct charge *c, mfn_t mfn,
                                       unsigned order)
{
    struct page *head = NULL;

    while (order && !allows_locked(c, BIT(order))) {
        order--;
    }
    if (allows_locked(c, BIT(order))) {
        head = buddy_take_at_locked(mfn, order);
    }
    if (head) {
        buddy.free -= BIT(head->order);
        charge_block_locked(c, head);
    }
    return head;
}

static struct page *take_charged(const struct charge *c, unsigned order)
{
    struct page *head;

    lock(&buddy.lock);
    head = take_charged_locked(c, order);
    unlock(&buddy.lock);
    return head;
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

void page_loan_cover(struct account *a, uint64_t right)
{
    lock(&buddy.lock);
    a->borrowed = MIN(a->borrowed, a->page_count - MIN(a->page_count, right));
    unlock(&buddy.lock);
}

/* Blocks of `count` pages together, on `heads`: those that single pages would
 * be cut from one after the other, so small ones first. Returns how many. */
static unsigned take_pages(struct account *a, unsigned count,
                           struct page_list *heads)
{
    const struct charge charge = {a, BY_RIGHT, 0};
    unsigned taken = 0;

    lock(&buddy.lock);
    while (taken < count) {
        uint32_t any = buddy.nonempty[0] | buddy.nonempty[1] | BIT(MAX_ORDER);
        unsigned fits = 31U - (unsigned)__builtin_clz(count - taken);
        unsigned order = MIN(fits, (unsigned)__builtin_ctz(any));
        struct page *head;

        while (!(head = take_charged_locked(&charge, order)) && order) {
            order--;
        }
        if (!head) {
            break;
        }
        page_list_add_tail(heads, head);
        taken += 1U << order;
    }
    unlock(&buddy.lock);
    return taken;
}

/* How many frames follow one another. */
static unsigned run_of(const mfn_t *frames, unsigned count)
{
    unsigned run = 1;

    while (run < count && mfn_eq(frames[run], mfn_add(frames[0], run))) {
        run++;
    }
    return run;
}

/* Of the wanted frames those that are free, at their places in pages[], which
 * are NULL otherwise; their blocks are on `heads`. Returns how many. */
static unsigned take_wanted(struct account *a, struct page **pages,
                            const mfn_t *wanted, unsigned count,
                            struct page_list *heads)
{
    const struct charge charge = {a, BY_RIGHT, 0};
    unsigned taken = 0, step;

    lock(&buddy.lock);
    for (unsigned i = 0; i < count; i += step) {
        struct page *head = NULL;

        step = 1;
        if (mfn_valid(wanted[i])) {
            unsigned run = run_of(&wanted[i], count - i);

            head = take_frames_locked(&charge, wanted[i],
                                      31U - (unsigned)__builtin_clz(run));
        }
        if (!head) {
            continue;
        }
        step = 1U << head->order;
        for (unsigned j = 0; j < step; j++) {
            pages[i + j] = &head[j];
        }
        page_list_add_tail(heads, head);
        taken += step;
    }
    unlock(&buddy.lock);
    return taken;
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
    lock(&buddy.lock);
    a = account_at_locked(word.owner);
    allowed = may_have_table_locked(a);
    if (allowed) {
        __atomic_store_n(&pg->w.bits, word.bits, __ATOMIC_RELEASE);
        a->table_count++;
        account_uncharge_locked(a, 1);
    }
    unlock(&buddy.lock);
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
    __atomic_fetch_add(&buddy.dirty, count, __ATOMIC_RELAXED);
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

/* The owner gives up pages that follow one another in memory, `max` at most,
 * as long as they are free then: so they go back as blocks instead of being
 * merged one by one. Without the lock but at the end. Returns how many; the
 * next one has other users. */
static uint64_t release_run(struct page *first, uint64_t max)
{
    uint16_t owner = first->owner;
    uint64_t count = 0;

    while (count < max && give_up_page(&first[count])) {
        count++;
    }
    if (!count) {
        return 0;
    }
    lock(&buddy.lock);
    for (uint64_t i = 0; i < count; i++) {
        page_retire(&first[i], false);
    }
    free_run_locked(account_at_locked(owner), first, count);
    unlock(&buddy.lock);
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
    info.total = buddy.total;
    info.free = buddy.free;
    info.claimed = buddy.claimed;
    /* Pages that are being cleared for an owner are in `dirty` still. */
    info.dirty = MIN(READ_ONCE(buddy.dirty), buddy.free);
    unlock(&buddy.lock);
    return info;
}
