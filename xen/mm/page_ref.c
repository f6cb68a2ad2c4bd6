/* SPDX-License-Identifier: MIT */
/*
 * References are taken and dropped with one compare-and-exchange of
 * struct page.w. The last one goes under the allocator's lock, so that
 * nobody who holds that lock ever sees a page with an owner and no reference,
 * unless it is BUSY.
 */
#include "mm/page_ref.h"
#include "mm/block.h"
#include "mm/broken.h"
#include "mm/buddy.h"
#include "mm/stock.h"

static union page_word load_word(const struct page *pg)
{
    union page_word seen = {.bits =
                                __atomic_load_n(&pg->w.bits, __ATOMIC_ACQUIRE)};

    return seen;
}

static bool swap_word(struct page *pg, union page_word *seen,
                      union page_word new)
{
    return __atomic_compare_exchange_n(&pg->w.bits, &seen->bits, new.bits,
                                       false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_ACQUIRE);
}

static bool is_shown(union page_word seen)
{
    return seen.state == PAGE_GUEST || seen.state == PAGE_SPECIAL;
}

/* Pages that are referred to are single ones. False: the block that pg is in
 * is nobody's to see. */
static bool split_shown_block(struct page *pg)
{
    struct page *head = page_block_head(pg);
    bool shown = true;

    lock(&buddy.lock);
    if (page_is_block(head) && head->state == PAGE_GUEST) {
        block_split_locked(head);
    } else {
        shown = pg->state != PAGE_TAIL;
    }
    unlock(&buddy.lock);
    return shown;
}

static bool is_in_block(union page_word seen)
{
    return seen.state == PAGE_TAIL ||
           (seen.state == PAGE_GUEST && seen.order == BLOCK_ORDER);
}

/* `owner`: NO_ACCOUNT if it does not matter who it is. As many references as
 * can be counted are enough. */
static inline bool can_be_had(union page_word seen, unsigned owner)
{
    return is_shown(seen) && seen.references &&
           seen.references < REFERENCES_MAX &&
           (owner == NO_ACCOUNT || owner == seen.owner);
}

static inline bool get_from(struct page *pg, unsigned owner)
{
    for (;;) {
        union page_word seen = load_word(pg), new = seen;

        if (unlikely(is_in_block(seen))) {
            if (!split_shown_block(pg)) {
                return false;
            }
            continue;
        }
        if (!can_be_had(seen, owner)) {
            return false;
        }
        new.bits++;
        if (likely(swap_word(pg, &seen, new))) {
            return true;
        }
    }
}

bool page_get(struct page *pg, const struct account *owner)
{
    CHECK(owner->number != NO_ACCOUNT);
    return get_from(pg, owner->number);
}

bool page_get_any(struct page *pg)
{
    return get_from(pg, NO_ACCOUNT);
}

static void forget_special_locked(struct account *owner)
{
    CHECK(owner);
    lock(&owner->lock);
    CHECK(owner->special_count);
    owner->special_count--;
    unlock(&owner->lock);
}

bool page_free_last_locked(struct page *pg)
{
    struct account *owner = account_at_locked(pg->owner);
    bool charged = load_word(pg).state == PAGE_GUEST;

    if (!charged && owner) {
        forget_special_locked(owner);
    }
    page_junk(pg);
    page_retire(pg, false);
    if (likely(!page_broken_keep_locked(pg))) {
        buddy_put_locked(pg, 0);
        buddy.free++;
        stock_note_dirty(1);
    }
    return charged && account_uncharge_locked(owner, 1);
}

/* Only one reference seems to be left, which is ours. */
static bool put_last(struct page *pg)
{
    union page_word left;
    bool emptied = false;

    lock(&buddy.lock);
    left.bits = __atomic_sub_fetch(&pg->w.bits, 1, __ATOMIC_ACQ_REL);
    if (!left.references) {
        emptied = page_free_last_locked(pg);
    }
    unlock(&buddy.lock);
    return emptied;
}

bool page_put(struct page *pg)
{
    union page_word seen = load_word(pg), new;

    do {
        CHECK(is_shown(seen) && seen.references);
        if (seen.references == 1) {
            return put_last(pg);
        }
        new = seen;
        new.references--;
    } while (!swap_word(pg, &seen, new));
    return false;
}

bool page_put_allocated(struct page *pg)
{
    union page_word seen, new;

    page_split_block(pg);
    seen = load_word(pg);
    do {
        if (!(seen.flags & PAGE_ALLOCATED)) {
            return false;
        }
        new = seen;
        new.flags &= (uint8_t)~PAGE_ALLOCATED;
    } while (!swap_word(pg, &seen, new));
    page_put(pg);
    return true;
}

void page_put_special(struct page *pg)
{
    union page_word seen = load_word(pg), new;

    do {
        CHECK(seen.state == PAGE_SPECIAL);
        new = seen;
        new.owner = NO_ACCOUNT;
    } while (!swap_word(pg, &seen, new));
    lock(&buddy.lock);
    forget_special_locked(account_at_locked(seen.owner));
    unlock(&buddy.lock);
    page_put(pg);
}
