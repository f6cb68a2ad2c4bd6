/* SPDX-License-Identifier: MIT */
/*
 * References are taken and dropped with one compare-and-exchange of
 * struct page.w. The last one goes under the allocator's lock, so that
 * nobody who holds that lock ever sees a page with an owner and no reference.
 */
#include "mm/page_ref.h"
#include "mm/block.h"
#include "mm/buddy.h"

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

static bool is_shown_to(const struct page *pg, union page_word seen,
                        const struct account *owner)
{
    return is_shown(seen) && seen.references &&
           __atomic_load_n(&pg->owner, __ATOMIC_ACQUIRE) == owner;
}

bool page_get(struct page *pg, const struct account *owner)
{
    for (;;) {
        union page_word seen = load_word(pg), new = seen;

        if (unlikely(is_in_block(seen))) {
            if (!split_shown_block(pg)) {
                return false;
            }
            continue;
        }
        if (!is_shown_to(pg, seen, owner)) {
            return false;
        }
        CHECK(seen.references != UINT32_MAX);
        new.references++;
        if (likely(swap_word(pg, &seen, new))) {
            return true;
        }
    }
}

bool page_free_last_locked(struct page *pg)
{
    struct account *owner = pg->owner;
    bool charged = load_word(pg).state == PAGE_GUEST;

    page_junk(pg);
    page_retire(pg, false);
    buddy_put_locked(pg, 0);
    buddy.free++;
    __atomic_fetch_add(&buddy.dirty, 1, __ATOMIC_RELAXED);
    return charged && account_uncharge_locked(owner, 1);
}

/* Only one reference seems to be left, which is ours. */
static bool put_last(struct page *pg)
{
    bool emptied = false;

    lock(&buddy.lock);
    if (__atomic_sub_fetch(&pg->references, 1, __ATOMIC_ACQ_REL) == 0) {
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
