/* SPDX-License-Identifier: MIT */
/* What each CPU has at hand: see stock.h. */
#include "mm/stock.h"
#include "mm/block.h"
#include "types/bits.h"

#define STOCK_PART                                                             \
    8                  /* of what is free and unclaimed, a stock takes no more \
                        */
#define STOCK_QUIET 8  /* looks of an idle CPU at a stock that is not used */
#define STOCK_LEAST 16 /* pages; less is not worth the while */

struct stock stocks[MAX_CPUS] = {
    [0 ... MAX_CPUS - 1] = {.lock = LOCK_INIT(RANK_STOCK)},
};

/* No account's number. */
static uint16_t mark_here(void)
{
    return (uint16_t)(0xff00 + arch_cpu());
}

void account_lock(struct account *a)
{
    lock(&a->lock);
    lock(&stock_here()->lock);
}

void account_unlock(struct account *a)
{
    unlock(&stock_here()->lock);
    unlock(&a->lock);
}

static bool has_order(const struct free_lists *l, unsigned order)
{
    return (l->nonempty[0] | l->nonempty[1]) & (~0U << order);
}

/* Small blocks first, as they are what large ones are not cut up for. */
static uint64_t fetch_locked(struct stock *s, uint64_t wanted)
{
    uint64_t got = 0;

    while (got < wanted) {
        uint32_t any = buddy.lists.nonempty[0] | buddy.lists.nonempty[1];
        unsigned fits = order_within(wanted - got);
        unsigned order = MIN(fits, smallest_order(&buddy.lists));
        struct page *head;

        if (!any || (got >= wanted / 2 && !(any & (BIT(fits + 1) - 1)))) {
            break; /* do not cut a large one for the rest */
        }
        head = buddy_take_locked(order);
        blocks_insert(&s->lists, head, order);
        got += BIT(order);
    }
    return got;
}

/* How many pages a stock may take: few when few are left. */
static uint64_t allowance_locked(void)
{
    uint64_t part = (buddy.free - buddy.claimed) / STOCK_PART;

    return part < STOCK_LEAST ? 0 : MIN(part, STOCK_PAGES);
}

static void set_count(struct stock *s, uint64_t count)
{
    WRITE_ONCE(s->count, count);
    s->quiet = 0;
}

bool stock_fill(unsigned order)
{
    struct stock *s = stock_here();
    uint64_t wanted, got = 0;

    if (order > STOCK_ORDER) {
        return false;
    }
    lock(&buddy.lock);
    wanted = allowance_locked();
    lock(&s->lock);
    s->lists.mark = mark_here();
    if (!has_order(&s->lists, order) && wanted >= s->count + BIT(order)) {
        got = fetch_locked(s, wanted - s->count);
        buddy.free -= got;
        set_count(s, s->count + got);
    }
    unlock(&s->lock);
    unlock(&buddy.lock);
    return got;
}

struct page *stock_take_locked(struct stock *s, unsigned order)
{
    struct page *head = blocks_take(&s->lists, order);

    if (head) {
        set_count(s, s->count - BIT(order));
    }
    return head;
}

/* The head of the block in this stock that a frame is in; NULL: in none. */
static struct page *find_block(const struct stock *s, mfn_t mfn)
{
    for (unsigned order = 0; order <= BLOCK_ORDER; order++) {
        struct page *head = &frame_table[mfn.v & ~(BIT(order) - 1)];
        union page_word w = {.bits = READ_ONCE(head->w.bits)};

        if (w.state == PAGE_FREE && w.order == order &&
            w.owner == s->lists.mark) {
            return head;
        }
    }
    return NULL;
}

struct page *stock_take_at_locked(struct stock *s, mfn_t mfn, unsigned order)
{
    struct page *head = NULL;

    if (s->count && mfn.v < frame_count) {
        head = find_block(s, mfn);
    }
    if (!head) {
        return NULL;
    }
    order = MIN(order, (unsigned)__builtin_ctzll(mfn.v | BIT(MAX_ORDER)));
    blocks_take_this(&s->lists, head);
    while (head->order > order || page_to_mfn(head).v != mfn.v) {
        if (mfn.v & BIT(head->order - 1)) {
            head = blocks_keep_upper(&s->lists, head);
        } else {
            blocks_halve(&s->lists, head);
        }
    }
    set_count(s, s->count - BIT(head->order));
    return head;
}

bool stock_has_room_locked(const struct stock *s, uint64_t count)
{
    return s->count + count <= 2UL * STOCK_PAGES;
}

void stock_put_locked(struct stock *s, struct page *head, unsigned order)
{
    s->lists.mark = mark_here();
    blocks_put(&s->lists, head, order, BLOCK_ORDER);
    set_count(s, s->count + BIT(order));
}

void stock_put_run_locked(struct stock *s, struct page *first, uint64_t count)
{
    while (count) {
        uint64_t mfn = page_to_mfn(first).v;
        unsigned order = MIN((unsigned)__builtin_ctzll(mfn | BIT(BLOCK_ORDER)),
                             order_within(count));

        stock_put_locked(s, first, order);
        first += BIT(order);
        count -= BIT(order);
    }
}

static unsigned largest_order(const struct free_lists *l)
{
    return 31U - (unsigned)__builtin_clz(l->nonempty[0] | l->nonempty[1]);
}

/* Large blocks first: that is least work. Returns how many pages went. */
static uint64_t empty_locked(struct stock *s, uint64_t keep)
{
    uint64_t count = 0;

    while (s->count > keep + count) {
        unsigned order = largest_order(&s->lists);
        bool zeroed = !(s->lists.nonempty[0] & BIT(order));
        struct page *head = page_list_first(&s->lists.blocks[zeroed][order]);

        blocks_remove(&s->lists, head);
        buddy_put_locked(head, order);
        count += BIT(order);
    }
    buddy.free += count;
    set_count(s, s->count - count);
    return count;
}

void stock_return_locked(uint64_t keep)
{
    struct stock *s = stock_here();

    lock(&s->lock);
    (void)empty_locked(s, keep);
    unlock(&s->lock);
}

bool stocks_drain_locked(void)
{
    uint64_t count = 0;

    stocks_lock();
    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        count += empty_locked(&stocks[cpu], 0);
    }
    stocks_unlock();
    return count;
}

void page_stock_return(void)
{
    if (READ_ONCE(stock_here()->count)) {
        lock(&buddy.lock);
        stock_return_locked(0);
        unlock(&buddy.lock);
    }
}

void page_stock_idle(void)
{
    struct stock *s = stock_here();

    if (READ_ONCE(s->count) && ++s->quiet > STOCK_QUIET) {
        page_stock_return();
    }
}

/* All of one rank: always in this order. */
void stocks_lock(void)
{
    lock(&stocks[0].lock);
    for (unsigned cpu = 1; cpu < arch_cpu_count(); cpu++) {
        lock_take(&stocks[cpu].lock);
    }
}

void stocks_unlock(void)
{
    for (unsigned cpu = arch_cpu_count() - 1; cpu > 0; cpu--) {
        lock_release(&stocks[cpu].lock);
    }
    unlock(&stocks[0].lock);
}

uint64_t stocks_count(void)
{
    uint64_t sum = 0;

    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        sum += READ_ONCE(stocks[cpu].count);
    }
    return sum;
}

uint64_t stocks_dirty(void)
{
    uint64_t sum = 0;

    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        sum += READ_ONCE(stocks[cpu].dirty);
    }
    return sum;
}
