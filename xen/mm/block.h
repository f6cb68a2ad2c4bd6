/* SPDX-License-Identifier: MIT */
/*
 * Blocks: 512 aligned frames of one owner that stand for each other, so that
 * what is done with 2 MiB costs as much as with a page.
 *
 * The head says everything: state GUEST or CACHE, order 9, PAGE_ZEROED if all
 * of it is zero, gfn of the first page (the others follow it). It is on the
 * cache's list for all 512; the others are PAGE_TAIL. A block
 * has one reference, its owner's: nobody else has any of its pages. Whoever
 * wants a page by itself, to refer to it or to move it, splits the block
 * first (page_get() does), and single pages remain.
 *
 * A block is made and split with the allocator's lock held; a cached one, which
 * is nobody's to split but its owner's, is shown without. What a TAIL's head
 * says is safe to read without it only for those who keep others from getting
 * at its pages: p2m/ does, by its lock and its flushes.
 */
#ifndef MM_BLOCK_H
#define MM_BLOCK_H

#include "mm/frame_table.h"
#include "types/bits.h"

#define BLOCK_ORDER ORDER_2M
#define BLOCK_PAGES BIT(BLOCK_ORDER)

/* Is that the word of a page in a block of somebody's? */
static inline bool word_is_block_head(union page_word w)
{
    return w.order == BLOCK_ORDER &&
           (w.state == PAGE_GUEST || w.state == PAGE_CACHE);
}

static inline bool page_is_block(const struct page *head)
{
    return word_is_block_head(
        (union page_word){.bits = READ_ONCE(head->w.bits)});
}

static inline struct page *page_block_head(struct page *pg)
{
    return &frame_table[page_to_mfn(pg).v & ~(BLOCK_PAGES - 1)];
}

/* The page whose fields are true of pg: itself, or its block's head. */
static inline const struct page *page_speaker(const struct page *pg)
{
    if (READ_ONCE(pg->state) != PAGE_TAIL) {
        return pg;
    }
    return &frame_table[page_to_mfn(pg).v & ~(BLOCK_PAGES - 1)];
}

/* Where pg, which is a GUEST or SPECIAL page, is mapped; ~0: nowhere. */
static inline uint64_t page_gfn(const struct page *pg)
{
    const struct page *head = page_speaker(pg);

    return head->gfn == ~0ULL ? ~0ULL : head->gfn + (uint64_t)(pg - head);
}

/* If pg, which is the caller's own, is in a block, that is single pages from
 * now on. */
void block_split(struct page *head);

static inline void page_split_block(struct page *pg)
{
    union page_word word = {.bits = READ_ONCE(pg->w.bits)};

    if (unlikely(word.state == PAGE_TAIL || word_is_block_head(word))) {
        block_split(page_block_head(pg));
    }
}

/* Inside mm. The head's word is the caller's to write, tails come first: with
 * the lock, or while the head is BUSY. */
void block_make_tails(struct page *head, uint16_t owner);
void block_split_locked(struct page *head);

#endif
