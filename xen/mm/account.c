/* SPDX-License-Identifier: MIT */
#include "mm/account.h"
#include "lib/string.h"
#include "mm/buddy.h"

void account_init(struct account *a, domid_t id)
{
    memset(a, 0, sizeof(*a));
    a->id = id;
    list_init(&a->link);
}

void account_look(const struct account *a, struct account_info *info)
{
    lock(&buddy.lock);
    *info = (struct account_info){
        .page_count = a->page_count,
        .max_pages = a->max_pages,
        .claimed = a->claimed,
        .table_count = a->table_count,
        .table_limit = a->table_limit,
    };
    unlock(&buddy.lock);
}

/* Under the lock, as a charge looks at the limit more than once. */
void account_set_limit(struct account *a, uint64_t max_pages)
{
    lock(&buddy.lock);
    WRITE_ONCE(a->max_pages, max_pages);
    unlock(&buddy.lock);
}

void account_set_dying(struct account *a)
{
    lock(&buddy.lock);
    a->dying = true;
    claim_drop_locked(a);
    unlock(&buddy.lock);
}

void account_note_used_locked(struct account *a)
{
    if (list_empty(&a->link)) {
        list_add_tail(&buddy.accounts, &a->link);
    }
}

void account_note_unused_locked(struct account *a)
{
    if (!a->page_count && !a->table_count && !a->claimed) {
        list_del(&a->link);
    }
}

void account_charge_locked(struct account *a, uint64_t count)
{
    a->page_count += count;
    account_note_used_locked(a);
}

bool account_uncharge_locked(struct account *a, uint64_t count)
{
    CHECK(a->page_count >= count);
    a->page_count -= count;
    account_note_unused_locked(a);
    return a->dying && !a->page_count;
}
