/* SPDX-License-Identifier: MIT */
/*
 * Tables set aside, so that no touch of a promise ends for want of one (P10).
 *
 *   R  tables_reserved  tables in the reserve: charged, empty, all zero
 *   T  tables_owed      what the placeholders there are may need at most: one
 *                       for each of 2M, 1 + 512 for each of 1G
 *   D  the deficit E - C - K
 *
 * How many there should be:
 *
 *   D > 0   2: a touch splits 1G to 2M and 2M to 4K, the search one leaf
 *   D = 0   T: from now on every promise is kept, whatever the host has left
 *   D < 0   T, but 2 at most: memory is being built, and C comes first
 *
 * so while D > 0 the reserve costs the same however much was promised, and in
 * the end a 512th of what is still promised. Marking fails if it cannot be
 * had. Later it is refilled after each operation that may have used it: from
 * the host's free pages; else, while D > 0, from the cache, which is a page
 * that the guest has to return sooner or later; and when D is 0, by what it
 * returns, before the host gets any of that. A page that pays goes straight
 * from the cache to the reserve: nobody else can take it in between.
 *
 * Who may use it when the host has no page: whoever splits a promise, since T
 * falls with it; whoever splits RAM, which is to give pages back; for others
 * what is above that and T. Who only reads a promise splits it as well, but
 * while D > 0 that would leave nothing for the search and the touches to come:
 * the read is a touch then (zero.c).
 *
 * A budget, account.table_limit, ends all of that. So that a guest cannot use
 * up what its own memory will need, room is kept there:
 *
 *   N  T and the same for large leaves of RAM: tables that all of the memory
 *      and the promises may need that there are
 *
 *   table_count + (N - R) <= table_limit
 *
 * Promises and RAM enter only if it holds with them. From then on it costs
 * nothing: a split takes a table and lowers N by one, a touch, the search and
 * merging change what a leaf is and not how many tables it may need. All
 * others (holes where another's page shall go, say) get what is beside that. So
 * a touch lacks a table only when it lacks a page, too.
 *
 * Needs p2m->lock, and pod->lock where it says _locked.
 */
#include "p2m/internal.h"

#define REFILL_AT_ONCE 32

/* C may change while only the p2m's lock is held: then it is a moment old. */
static uint64_t wanted(const struct p2m *p2m)
{
    uint64_t owed = p2m->pod->counters.tables_owed;
    uint64_t entries = p2m->pod->entry_count;

    if (p2m->dying) {
        return 0;
    }
    return reserve_for(entries, pod_set_aside(p2m->pod), owed);
}

uint64_t reserve_for(uint64_t entries, uint64_t set_aside, uint64_t owed)
{
    if (entries == set_aside) {
        return owed;
    }
    return entries > set_aside ? TABLES_PER_TOUCH : MIN(owed, TABLES_PER_TOUCH);
}

uint64_t reserve_lacks(const struct p2m *p2m)
{
    const struct pod_counters *c = &p2m->pod->counters;

    if (p2m->dying || c->tables_reserved >= c->tables_owed) {
        return 0;
    }
    return c->tables_owed - c->tables_reserved;
}

static void push(struct p2m *p2m, struct page *table)
{
    page_list_add(&p2m->reserve, table);
    p2m->pod->counters.tables_reserved++;
}

static struct page *pop(struct p2m *p2m)
{
    struct page *table = page_list_take(&p2m->reserve);

    p2m->pod->counters.tables_reserved--;
    return table;
}

/* What promises and the search may need; whatever is above that, nobody. */
static uint64_t needed(const struct p2m *p2m)
{
    return MAX(wanted(p2m), p2m->pod->counters.tables_owed);
}

uint64_t reserve_floor(const struct p2m *p2m, enum table_purpose why)
{
    const struct pod *pod = p2m->pod;

    switch (why) {
    case FOR_READERS:
        return pod->entry_count > pod_set_aside(pod) ? TABLES_PER_TOUCH : 0;
    case FOR_OTHERS:
        return needed(p2m);
    default:
        return 0;
    }
}

/* N - R: of the budget, what is kept for memory. */
static uint64_t kept_of_budget(const struct p2m *p2m)
{
    uint64_t need = p2m->pod->counters.tables_owed + p2m->ram_owed;

    return need - MIN(need, p2m->pod->counters.tables_reserved);
}

/* What it may still have. */
static uint64_t budget_left(const struct p2m *p2m)
{
    uint64_t limit = READ_ONCE(p2m->account->table_limit);
    uint64_t count = READ_ONCE(p2m->account->table_count);

    return limit ? limit - MIN(limit, count) : ~0ULL;
}

bool reserve_budget_allows(const struct p2m *p2m, uint64_t more)
{
    uint64_t kept = kept_of_budget(p2m), left = budget_left(p2m);

    return left >= kept && left - kept >= more;
}

struct page *reserve_take(struct p2m *p2m, enum table_purpose why)
{
    struct page *table = NULL;

    if (why != FOR_OTHERS || reserve_budget_allows(p2m, 1)) {
        table = page_alloc_table(p2m->account);
    }
    if (!table &&
        p2m->pod->counters.tables_reserved > reserve_floor(p2m, why)) {
        table = pop(p2m);
    }
    return table;
}

bool p2m_has_tables(const struct p2m *p2m)
{
    uint64_t pages = page_unclaimed() + READ_ONCE(p2m->account->claimed) +
                     READ_ONCE(p2m->pod->cache_count);
    uint64_t more = MIN(budget_left(p2m), pages);

    return READ_ONCE(p2m->pod->counters.tables_reserved) + more >=
           TABLES_PER_TOUCH;
}

void p2m_set_table_limit(struct p2m *p2m, uint64_t tables)
{
    uint64_t least;

    lock(&p2m->lock);
    least = READ_ONCE(p2m->account->table_count) + kept_of_budget(p2m);
    WRITE_ONCE(p2m->account->table_limit, tables ? MAX(tables, least) : tables);
    unlock(&p2m->lock);
}

void reserve_put(struct p2m *p2m, struct page *table)
{
    if (p2m->pod->counters.tables_reserved >= wanted(p2m)) {
        page_free_table(p2m->account, table);
        return;
    }
    arch_page_clear(page_map(table));
    push(p2m, table);
}

int reserve_grow(struct p2m *p2m, uint64_t count)
{
    while (p2m->pod->counters.tables_reserved < count) {
        struct page *table = page_alloc_table(p2m->account);

        if (!table) {
            return -ENOMEM;
        }
        push(p2m, table);
    }
    return 0;
}

bool reserve_pay_locked(struct p2m *p2m)
{
    struct page *table = p2m->dying ? NULL : pod_take_table_locked(p2m->pod);

    if (table) {
        push(p2m, table);
    }
    return table;
}

void reserve_from_excess_locked(struct p2m *p2m)
{
    while (pod_deficit_locked(p2m->pod) < 0 && reserve_lacks(p2m) &&
           reserve_pay_locked(p2m)) {
        continue;
    }
}

void reserve_trim(struct p2m *p2m, uint64_t keep, uint64_t max)
{
    const struct pod_counters *c = &p2m->pod->counters;

    for (; max && c->tables_reserved > keep; max--) {
        page_free_table(p2m->account, pop(p2m));
    }
}

void reserve_shed(struct p2m *p2m)
{
    reserve_trim(p2m, needed(p2m), TABLE_ENTRIES);
}

int reserve_refill_slowly_locked(struct p2m *p2m)
{
    const struct pod_counters *c = &p2m->pod->counters;
    int rc = -ERESTART;

    for (unsigned i = 0; i < REFILL_AT_ONCE; i++) {
        uint64_t count = c->tables_reserved;

        if (count >= wanted(p2m)) {
            rc = 0;
            break;
        }
        if (reserve_grow(p2m, count + 1) &&
            (pod_deficit_locked(p2m->pod) <= 0 || !reserve_pay_locked(p2m))) {
            rc = 0;
            break;
        }
    }
    reserve_shed(p2m);
    return rc;
}

bool p2m_pay_for_table(struct p2m *p2m)
{
    bool paid;

    lock(&p2m->lock);
    lock(&p2m->pod->lock);
    paid = reserve_pay_locked(p2m);
    unlock(&p2m->pod->lock);
    unlock(&p2m->lock);
    return paid;
}
