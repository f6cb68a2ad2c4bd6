/* SPDX-License-Identifier: MIT */
/*
 * The numbers of accounts: a table from number to account, in chunks of a page
 * of which the first is always there. More chunks come with more domains and
 * stay. There are numbers for all domains that can be.
 */
#include "mm/account.h"
#include "lib/string.h"
#include "mm/buddy.h"
#include "mm/stock.h"
#include "types/bits.h"
#include "types/error.h"

#define CHUNK   (PAGE_SIZE / sizeof(struct account *))
#define CHUNKS  64U
#define NUMBERS (CHUNK * CHUNKS)
BUILD_ASSERT(NUMBERS <= 1ULL << 16, "a page's word has 16 bits");

static struct account *first_chunk[CHUNK];
static struct account **chunks[CHUNKS] = {first_chunk};
static unsigned chunk_count = 1;

static struct account **place_of(unsigned number)
{
    return &chunks[number / CHUNK][number % CHUNK];
}

/* Its pages name it, so it is there for as long as one is the caller's. */
struct account *account_at(unsigned number)
{
    return READ_ONCE(*place_of(number));
}

struct account *account_at_locked(unsigned number)
{
    return number < account_limit_locked() ? *place_of(number) : NULL;
}

unsigned account_limit_locked(void)
{
    return (unsigned)(chunk_count * CHUNK);
}

static bool take_number(struct account *a)
{
    bool found = false;

    lock(&buddy.lock);
    for (unsigned n = NO_ACCOUNT + 1; n < account_limit_locked(); n++) {
        if (!account_at_locked(n)) {
            *place_of(n) = a;
            a->number = (uint16_t)n;
            found = true;
            break;
        }
    }
    unlock(&buddy.lock);
    return found;
}

static int add_chunk(void)
{
    struct page *pg = page_alloc(PAGE_HEAP, 0);
    int rc = -ENOMEM;

    if (!pg) {
        return rc;
    }
    lock(&buddy.lock);
    if (chunk_count < CHUNKS) {
        chunks[chunk_count++] = page_map(pg);
        rc = 0;
    }
    unlock(&buddy.lock);
    if (rc) {
        page_free(pg, 0);
    }
    return rc;
}

int account_init(struct account *a, domid_t id)
{
    memset(a, 0, sizeof(*a));
    lock_init(&a->lock, RANK_ACCOUNT);
    a->id = id;
    while (!take_number(a)) {
        int rc = add_chunk();

        if (rc) {
            return rc;
        }
    }
    return 0;
}

void account_done(struct account *a)
{
    lock(&buddy.lock);
    lock(&a->lock); /* whoever uncharged the last page has let go of it then */
    CHECK(account_at_locked(a->number) == a);
    CHECK(!a->page_count && !a->table_count && !a->special_count);
    CHECK(!a->claimed && !a->moving);
    *place_of(a->number) = NULL;
    a->number = NO_ACCOUNT;
    unlock(&a->lock);
    unlock(&buddy.lock);
}

void account_look(struct account *a, struct account_info *info)
{
    lock(&a->lock);
    *info = (struct account_info){
        .page_count = a->page_count,
        .max_pages = a->max_pages,
        .claimed = a->claimed,
        .table_count = a->table_count,
        .table_limit = a->table_limit,
    };
    unlock(&a->lock);
}

/* Under the lock, as a charge looks at the limit more than once. */
void account_set_limit(struct account *a, uint64_t max_pages)
{
    account_lock(a);
    WRITE_ONCE(a->max_pages, max_pages);
    account_unlock(a);
}

void account_set_dying(struct account *a)
{
    lock(&buddy.lock);
    lock(&a->lock);
    a->dying = true;
    claim_drop_locked(a);
    unlock(&a->lock);
    unlock(&buddy.lock);
}

bool account_uncharge_held(struct account *a, uint64_t count)
{
    CHECK(a->page_count >= count);
    a->page_count -= count;
    a->borrowed -= MIN(a->borrowed, count);
    return a->dying && !a->page_count;
}

bool account_uncharge_locked(struct account *a, uint64_t count)
{
    bool emptied;

    lock(&a->lock);
    emptied = account_uncharge_held(a, count);
    unlock(&a->lock);
    return emptied;
}

bool page_charge_kept(struct account *a, uint64_t count)
{
    uint64_t own;
    bool may;

    account_lock(a);
    own = a->page_count - a->borrowed + (a->claim_is_kept ? a->claimed : 0);
    may = !a->dying && own <= a->max_pages && count <= a->max_pages - own;
    if (may) {
        a->page_count += count;
        a->kept_count += count;
    }
    account_unlock(a);
    return may;
}

void page_uncharge_kept(struct account *a, uint64_t count)
{
    account_lock(a);
    CHECK(a->kept_count >= count);
    a->kept_count -= count;
    (void)account_uncharge_held(a, count);
    account_unlock(a);
}
