/* SPDX-License-Identifier: MIT */
/*
 * Work for idle CPUs: a chunk of a free block that may be dirty is taken out,
 * cleared without the lock, and put back, where it merges with its zeroed
 * neighbour again. Its pages stay free in all counts meanwhile; an allocation
 * that finds no block waits while a chunk is out (page_alloc.c).
 *
 * Also the opposite, for tests: filling freed pages with junk.
 */
#include "lib/string.h"
#include "mm/buddy.h"
#include "types/bits.h"

#define CHUNK_ORDER 4
#define JUNK        0xc7

static bool junk_wanted;

void page_alloc_set_junk(bool junk)
{
    junk_wanted = junk;
}

void page_junk(const struct page *pg)
{
    if (unlikely(junk_wanted)) {
        memset(page_map(pg), JUNK, PAGE_SIZE);
    }
}

/* Cut a block down to a chunk in which its first dirty page lies. The clean
 * lower halves and all upper halves return to the lists. */
static struct page *cut_chunk_locked(struct page *head)
{
    while (head->order > CHUNK_ORDER) {
        if (first_dirty(head) < BIT(head->order - 1)) {
            blocks_halve(&buddy.lists, head);
        } else {
            head = buddy_keep_upper_locked(head);
        }
    }
    return head;
}

/* Returns how many pages were looked at; 0: nothing is left to do. */
static uint64_t scrub_chunk(uint64_t *cleared)
{
    struct page *head;
    uint64_t count;
    unsigned order;

    lock(&buddy.lock);
    head = buddy_take_dirty_locked();
    if (head) {
        head = cut_chunk_locked(head);
        buddy.scrubbing++;
    }
    unlock(&buddy.lock);
    if (!head) {
        return 0;
    }
    order = head->order;
    count = BIT(order);
    *cleared += buddy_clear(head);
    lock(&buddy.lock);
    head->state = PAGE_FREE;
    head->order = ORDER_NOT_HEAD;
    buddy_put_locked(head, order);
    buddy.scrubbing--;
    unlock(&buddy.lock);
    return count;
}

uint64_t page_scrub_some(uint64_t pages)
{
    uint64_t cleared = 0, seen = 0, step;

    if (!READ_ONCE(buddy.lists.nonempty[0])) {
        return 0;
    }
    while (seen < pages && (step = scrub_chunk(&cleared)) != 0) {
        seen += step;
    }
    return cleared;
}
