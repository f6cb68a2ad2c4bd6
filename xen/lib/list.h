/* SPDX-License-Identifier: MIT */
/* Circular doubly linked list, embedded in its members. An unlinked node
 * points at itself. */
#ifndef LIB_LIST_H
#define LIB_LIST_H

#include "types/check.h"

struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}

/* Insert n before `at`: at the end, when `at` is the head. */
static inline void list_add_tail(struct list *at, struct list *n)
{
    n->next = at;
    n->prev = at->prev;
    at->prev->next = n;
    at->prev = n;
}

static inline void list_add(struct list *at, struct list *n)
{
    list_add_tail(at->next, n);
}

static inline void list_del(struct list *n)
{
    n->next->prev = n->prev;
    n->prev->next = n->next;
    list_init(n);
}

#define list_entry(node, type, member) container_of(node, type, member)
#define list_first(head, type, member) list_entry((head)->next, type, member)

#define list_for_each(pos, head, member)                                       \
    for ((pos) = list_entry((head)->next, __typeof__(*(pos)), member);         \
         &(pos)->member != (head);                                             \
         (pos) = list_entry((pos)->member.next, __typeof__(*(pos)), member))

/* The same when `pos` may leave the list meanwhile. */
#define list_for_each_safe(pos, tmp, head, member)                             \
    for ((pos) = list_entry((head)->next, __typeof__(*(pos)), member),         \
        (tmp) = list_entry((pos)->member.next, __typeof__(*(pos)), member);    \
         &(pos)->member != (head); (pos) = (tmp),                              \
        (tmp) = list_entry((pos)->member.next, __typeof__(*(pos)), member))

#endif
