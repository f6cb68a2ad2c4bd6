/* SPDX-License-Identifier: MIT */
/*
 * Lists of pages, linked by frame number through struct page.link, which takes
 * half of what pointers would. Not circular: whoever unlinks a page says from
 * which list. Frame 0 is never given out and stands for none, so a list of
 * zeros is an empty list. What a page on no list says in `link` means nothing.
 */
#ifndef MM_PAGE_LIST_H
#define MM_PAGE_LIST_H

#include "mm/frame_table.h"

static inline bool page_list_empty(const struct page_list *l)
{
    return !l->first;
}

static inline uint32_t page_list_number(const struct page *pg)
{
    return (uint32_t)page_to_mfn(pg).v;
}

/* The page with that number; NULL: none. */
static inline struct page *page_list_page(uint32_t number)
{
    return number ? &frame_table[number] : NULL;
}

static inline struct page *page_list_first(const struct page_list *l)
{
    return page_list_page(l->first);
}

static inline struct page *page_list_next(const struct page *pg)
{
    return page_list_page(pg->link.next);
}

static inline void page_list_add(struct page_list *l, struct page *pg)
{
    uint32_t number = page_list_number(pg), next = l->first;

    pg->link = (struct page_link){.next = next};
    l->first = number;
    if (next) {
        frame_table[next].link.prev = number;
    } else {
        l->last = number;
    }
}

static inline void page_list_add_tail(struct page_list *l, struct page *pg)
{
    uint32_t number = page_list_number(pg), prev = l->last;

    pg->link = (struct page_link){.prev = prev};
    l->last = number;
    if (prev) {
        frame_table[prev].link.next = number;
    } else {
        l->first = number;
    }
}

static inline void page_list_del(struct page_list *l, struct page *pg)
{
    struct page_link link = pg->link;

    if (link.next) {
        frame_table[link.next].link.prev = link.prev;
    } else {
        l->last = link.prev;
    }
    if (link.prev) {
        frame_table[link.prev].link.next = link.next;
    } else {
        l->first = link.next;
    }
}

/* Unlink the first; NULL: the list is empty. */
static inline struct page *page_list_take(struct page_list *l)
{
    struct page *pg = page_list_first(l);

    if (pg) {
        page_list_del(l, pg);
    }
    return pg;
}

/* pg must stay on the list. */
#define page_list_for_each(pg, l)                                              \
    for ((pg) = page_list_first(l); (pg); (pg) = page_list_next(pg))

#endif
