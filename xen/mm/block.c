/* SPDX-License-Identifier: MIT */
/* Blocks made and split: see block.h. */
#include "mm/block.h"
#include "mm/buddy.h"

void block_make_tails(struct page *head, uint16_t owner)
{
    for (uint64_t i = 1; i < BLOCK_PAGES; i++) {
        struct page *pg = &head[i];
        union page_word new = {.owner = owner, .state = PAGE_TAIL};

        __atomic_store_n(&pg->w.bits, new.bits, __ATOMIC_RELEASE);
    }
}

/* Those of a cached block are on no list; whose cache it is links them. */
void block_split_locked(struct page *head)
{
    union page_word new = {.bits = head->w.bits};
    uint64_t gfn = head->gfn;

    new.order = 0;
    for (uint64_t i = 1; i < BLOCK_PAGES; i++) {
        struct page *pg = &head[i];

        CHECK(pg->state == PAGE_TAIL);
        if (new.state == PAGE_GUEST) {
            pg->gfn = gfn == ~0ULL ? gfn : gfn + i;
        }
        __atomic_store_n(&pg->w.bits, new.bits, __ATOMIC_RELEASE);
    }
    __atomic_store_n(&head->w.bits, new.bits, __ATOMIC_RELEASE);
}

void block_split(struct page *head)
{
    lock(&buddy.lock);
    if (page_is_block(head)) {
        block_split_locked(head);
    }
    unlock(&buddy.lock);
}
