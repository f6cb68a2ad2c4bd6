/* SPDX-License-Identifier: MIT */
/*
 * A few broken frames: a list that is short, and mostly empty.
 *
 * A free frame is cut out of its block. One that is somebody's gets a reference
 * of ours, so that it is a single page and not free when its owner has given it
 * up; then ours goes, the last one goes by page_free_last_locked(), and there
 * it stays out (page_broken_keep_locked()). Anything else (a page in a cache,
 * on its way) is looked at again.
 *
 *   a frame is NOT_RAM and not in buddy.total  <=>  it is out
 *
 * The list is under the allocator's lock.
 */
#include "mm/broken.h"
#include "base/console.h"
#include "mm/buddy.h"
#include "mm/page_ref.h"
#include "mm/stock.h"
#include "types/bits.h"

#define BROKEN_LIMIT 64

static struct broken {
    struct page *page;
    bool held; /* the reference is ours */
    bool out;
} list[BROKEN_LIMIT];
static unsigned count, waiting;

static struct broken *find_locked(const struct page *pg)
{
    for (unsigned i = 0; i < count; i++) {
        if (list[i].page == pg) {
            return &list[i];
        }
    }
    return NULL;
}

static void leave_out_locked(struct broken *b)
{
    b->page->w = (union page_word){.state = PAGE_NOT_RAM};
    b->out = true;
    b->held = false;
    WRITE_ONCE(waiting, waiting - 1);
    buddy.total--;
}

bool page_broken_keep_locked(struct page *pg)
{
    struct broken *b = READ_ONCE(waiting) ? find_locked(pg) : NULL;

    if (!b || b->out) {
        return false;
    }
    leave_out_locked(b);
    return true;
}

/* Nothing, if it is promised to somebody or not where it can be found now. */
static void take_free_locked(struct broken *b)
{
    struct page *head = NULL;

    (void)stocks_drain_locked();
    if (claim_allows_locked(NULL, 1)) {
        head = buddy_take_at_locked(page_to_mfn(b->page), 0);
    }
    if (!head) {
        return;
    }
    buddy.free--;
    if (!(head->flags & PAGE_ZEROED)) {
        stock_note_dirty(-1ULL);
    }
    leave_out_locked(b);
}

/* One step for one of the list; the lock is not held. */
static bool look_at(struct broken *b)
{
    if (!b->held) {
        b->held = page_get_any(b->page);
    }
    if (b->held) {
        if (READ_ONCE(b->page->flags) & PAGE_ALLOCATED) {
            return false;
        }
        b->held = false;
        return page_put(b->page);
    }
    lock(&buddy.lock);
    if (!b->out && b->page->state == PAGE_FREE) {
        take_free_locked(b);
    }
    unlock(&buddy.lock);
    return false;
}

bool page_broken_look(void)
{
    static uint32_t busy;
    bool emptied = false;

    if (likely(!READ_ONCE(waiting)) ||
        __atomic_exchange_n(&busy, 1, __ATOMIC_ACQUIRE)) {
        return false;
    }
    for (unsigned i = 0; i < READ_ONCE(count); i++) {
        if (!READ_ONCE(list[i].out)) {
            emptied |= look_at(&list[i]);
        }
    }
    __atomic_store_n(&busy, 0, __ATOMIC_RELEASE);
    return emptied;
}

static void add(struct page *pg)
{
    lock(&buddy.lock);
    if (!find_locked(pg) && count < BROKEN_LIMIT) {
        list[count] = (struct broken){.page = pg};
        WRITE_ONCE(waiting, waiting + 1);
        WRITE_ONCE(count, count + 1);
    }
    unlock(&buddy.lock);
}

static enum broken_use use_locked(const struct page *pg, domid_t *owner)
{
    const struct page *speaker = page_speaker(pg);
    const struct account *a;

    switch (speaker->state) {
    case PAGE_GUEST:
    case PAGE_CACHE:
        a = account_at_locked(speaker->owner);
        if (!a) {
            return BROKEN_HOST;
        }
        *owner = a->id;
        return BROKEN_OWNED;
    case PAGE_FREE:
    case PAGE_BUSY:
        return BROKEN_FREE;
    default:
        return BROKEN_HOST;
    }
}

enum broken_use page_broken(mfn_t m, domid_t *owner)
{
    struct page *pg = page_from_mfn(m);
    enum broken_use use;

    if (!pg) {
        return BROKEN_NOT_RAM;
    }
    lock(&buddy.lock);
    use = use_locked(pg, owner);
    unlock(&buddy.lock);
    if (use != BROKEN_HOST) {
        add(pg);
        page_broken_look();
    }
    return use;
}

struct broken_count page_broken_count(void)
{
    struct broken_count c;

    lock(&buddy.lock);
    c.waiting = waiting;
    c.out = count - waiting;
    unlock(&buddy.lock);
    return c;
}
