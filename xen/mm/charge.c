/* SPDX-License-Identifier: MIT */
/* Blocks for accounts: see charge.h. */
#include "mm/charge.h"
#include "mm/stock.h"
#include "types/bits.h"

/* A block of `order` that claims let `claimant` (NULL: nobody) have; BUSY and
 * no longer counted as free. The claim is not used up yet. */
static struct page *try_locked(const struct account *claimant, unsigned order)
{
    struct page *head = NULL;

    if (claim_allows_locked(claimant, BIT(order))) {
        head = buddy_take_locked(order);
    }
    if (head) {
        buddy.free -= BIT(order);
    }
    return head;
}

/* May what try_locked() did not find be there now? It may have been in a CPU's
 * stock, or in the block that is being scrubbed. */
static bool try_again_locked(const struct account *claimant, unsigned order)
{
    if (stocks_drain_locked()) {
        return true;
    }
    if (!buddy.scrubbing || !claim_allows_locked(claimant, BIT(order))) {
        return false;
    }
    unlock(&buddy.lock);
    arch_cpu_relax();
    lock(&buddy.lock);
    return true;
}

bool may_have_table(const struct account *a)
{
    return !a->table_limit || a->table_count < a->table_limit;
}

static bool may_have(enum page_state state, const struct account *owner)
{
    return state != PAGE_TABLE || !owner || may_have_table(owner);
}

static void count_uncharged(enum page_state state, struct account *owner)
{
    if (owner) {
        ++*(state == PAGE_TABLE ? &owner->table_count : &owner->special_count);
    }
}

static struct page *uncharged_of_stock(enum page_state state, unsigned order,
                                       struct account *owner)
{
    struct stock *s = stock_here();
    struct page *head = NULL;

    if (owner) {
        lock(&owner->lock);
    }
    lock(&s->lock);
    if (may_have(state, owner)) {
        head = stock_take_locked(s, order);
    }
    if (head) {
        count_uncharged(state, owner);
    }
    unlock(&s->lock);
    if (owner) {
        unlock(&owner->lock);
    }
    return head;
}

static struct page *uncharged_once_locked(enum page_state state, unsigned order,
                                          struct account *owner, bool *may)
{
    struct page *head = NULL;

    if (owner) {
        lock(&owner->lock);
    }
    *may = may_have(state, owner);
    if (*may) {
        head = try_locked(owner, order);
    }
    if (head) {
        count_uncharged(state, owner);
    }
    if (head && owner) {
        claim_use_if_short_locked(owner);
    }
    if (owner) {
        unlock(&owner->lock);
    }
    return head;
}

struct page *take_uncharged(enum page_state state, unsigned order,
                            struct account *owner)
{
    struct page *head = NULL;
    bool may;

    if (order <= STOCK_ORDER) {
        head = uncharged_of_stock(state, order, owner);
        if (!head && stock_fill(order)) {
            head = uncharged_of_stock(state, order, owner);
        }
    }
    if (head) {
        return head;
    }
    lock(&buddy.lock);
    do {
        head = uncharged_once_locked(state, order, owner, &may);
    } while (!head && may && try_again_locked(owner, order));
    unlock(&buddy.lock);
    return head;
}

static bool may_charge(const struct charge *c, uint64_t count)
{
    const struct account *a = c->a;
    uint64_t own = a->page_count - a->borrowed;

    if (a->dying) {
        return false;
    }
    switch (c->how) {
    case BORROWED:
        return a->borrowed < c->limit && count <= c->limit - a->borrowed;
    case MOVING:
        return !a->moving;
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

/* What is in stock is nobody's claim. */
static bool may_be_of_stock(const struct charge *c)
{
    return !uses_claim(c) || !c->a->claimed;
}

/* The owner stands in the BUSY head, so that an audit finds whom these pages
 * are counted for. */
static void charge_block(const struct charge *c, struct page *head)
{
    struct account *a = c->a;
    uint64_t count = BIT(head->order);

    head->owner = a->number;
    if (c->how == MOVING) {
        a->moving += count;
        return;
    }
    a->page_count += count;
    a->borrowed += c->how == BORROWED ? count : 0;
}

/* It comes from the allocator, whose lock is held: a claim can be used. */
static void charge_locked(const struct charge *c, struct page *head)
{
    if (uses_claim(c)) {
        claim_use_locked(c->a, BIT(head->order));
    }
    charge_block(c, head);
}

static struct page *charged_of_stock(const struct charge *c, unsigned order)
{
    struct page *head = NULL;

    account_lock(c->a);
    if (may_be_of_stock(c) && may_charge(c, BIT(order))) {
        head = stock_take_locked(stock_here(), order);
    }
    if (head) {
        charge_block(c, head);
    }
    account_unlock(c->a);
    return head;
}

static struct page *charged_locked(const struct charge *c, unsigned order)
{
    struct account *claimant;
    struct page *head;
    bool may;

    do {
        lock(&c->a->lock);
        claimant = uses_claim(c) ? c->a : NULL;
        may = may_charge(c, BIT(order));
        head = may ? try_locked(claimant, order) : NULL;
        if (head) {
            charge_locked(c, head);
        }
        unlock(&c->a->lock);
    } while (!head && may && try_again_locked(claimant, order));
    return head;
}

struct page *take_charged(const struct charge *c, unsigned order)
{
    struct page *head = NULL;

    if (order <= STOCK_ORDER && c->how != CLAIMED) {
        head = charged_of_stock(c, order);
        if (!head && stock_fill(order)) {
            head = charged_of_stock(c, order);
        }
    }
    if (!head) {
        lock(&buddy.lock);
        head = charged_locked(c, order);
        unlock(&buddy.lock);
    }
    return head;
}

static unsigned pages_of_stock(const struct charge *c, unsigned count,
                               struct page_list *heads)
{
    struct stock *s = stock_here();
    unsigned taken = 0;

    account_lock(c->a);
    while (taken < count && may_be_of_stock(c)) {
        unsigned order =
            MIN(order_within(count - taken), smallest_order(&s->lists));
        struct page *head = NULL;

        if (may_charge(c, BIT(order))) {
            head = stock_take_locked(s, order);
        } else if (order) {
            head = may_charge(c, 1) ? stock_take_locked(s, 0) : NULL;
        }
        if (!head) {
            break;
        }
        charge_block(c, head);
        page_list_add_tail(heads, head);
        taken += 1U << head->order;
    }
    account_unlock(c->a);
    return taken;
}

static unsigned pages_locked(const struct charge *c, unsigned count,
                             struct page_list *heads)
{
    unsigned taken = 0;

    while (taken < count) {
        unsigned order =
            MIN(order_within(count - taken), smallest_order(&buddy.lists));
        struct page *head;

        while (!(head = charged_locked(c, order)) && order) {
            order--;
        }
        if (!head) {
            break;
        }
        page_list_add_tail(heads, head);
        taken += 1U << order;
    }
    return taken;
}

unsigned take_pages(struct account *a, unsigned count, struct page_list *heads)
{
    const struct charge charge = {a, BY_RIGHT, 0};
    unsigned taken;

    if (!count) {
        return 0;
    }
    taken = pages_of_stock(&charge, count, heads);
    if (taken < count && stock_fill(0)) {
        taken += pages_of_stock(&charge, count - taken, heads);
    }
    if (taken < count) {
        lock(&buddy.lock);
        taken += pages_locked(&charge, count - taken, heads);
        unlock(&buddy.lock);
    }
    return taken;
}

/* How many frames follow one another, of which none is there yet. */
static unsigned run_of(const mfn_t *frames, struct page *const *pages,
                       unsigned count)
{
    unsigned run = 1;

    while (run < count && !pages[run] &&
           mfn_eq(frames[run], mfn_add(frames[0], run))) {
        run++;
    }
    return run;
}

/* From just that frame on, of that order at most, out of this CPU's stock;
 * its lock is held, as account_lock() takes it. */
static struct page *frames_of_stock(const struct charge *c, mfn_t mfn,
                                    unsigned order)
{
    struct page *head = NULL;

    while (order && !may_charge(c, BIT(order))) {
        order--;
    }
    if (may_be_of_stock(c) && may_charge(c, BIT(order))) {
        head = stock_take_at_locked(stock_here(), mfn, order);
    }
    if (head) {
        charge_block(c, head);
    }
    return head;
}

/* May that many be charged? */
static bool allows_locked(const struct charge *c, uint64_t count)
{
    return may_charge(c, count) &&
           claim_allows_locked(uses_claim(c) ? c->a : NULL, count);
}

/* The same of the allocator's; its lock is held, and the account's. */
static struct page *frames_locked(const struct charge *c, mfn_t mfn,
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
        charge_locked(c, head);
    }
    return head;
}

typedef struct page *take_frames_fn(const struct charge *c, mfn_t mfn,
                                    unsigned order);

/* Those places that are empty still. */
static inline unsigned fill_wanted(const struct charge *c, struct page **pages,
                                   const mfn_t *wanted, unsigned count,
                                   struct page_list *heads,
                                   take_frames_fn *take)
{
    unsigned taken = 0, step;

    for (unsigned i = 0; i < count; i += step) {
        struct page *head = NULL;

        step = 1;
        if (mfn_valid(wanted[i]) && !pages[i]) {
            unsigned run = run_of(&wanted[i], &pages[i], count - i);

            head = take(c, wanted[i], order_within(run));
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
    return taken;
}

/* Is any that is missing free in the allocator, it seems? */
static bool worth_locking(struct page *const *pages, const mfn_t *wanted,
                          unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (mfn_valid(wanted[i]) && !pages[i] && wanted[i].v < frame_count &&
            READ_ONCE(frame_table[wanted[i].v].state) == PAGE_FREE) {
            return true;
        }
    }
    return false;
}

unsigned take_wanted(struct account *a, struct page **pages,
                     const mfn_t *wanted, unsigned count,
                     struct page_list *heads)
{
    const struct charge charge = {a, BY_RIGHT, 0};
    unsigned taken;

    account_lock(a);
    taken = fill_wanted(&charge, pages, wanted, count, heads, frames_of_stock);
    account_unlock(a);
    if (taken < count && worth_locking(pages, wanted, count)) {
        lock(&buddy.lock);
        lock(&a->lock);
        taken +=
            fill_wanted(&charge, pages, wanted, count, heads, frames_locked);
        unlock(&a->lock);
        unlock(&buddy.lock);
    }
    return taken;
}
