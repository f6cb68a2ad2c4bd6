/* SPDX-License-Identifier: MIT */
/*
 * Small objects: a slab is one HEAP page cut into objects of one size, a power
 * of two. Each free object holds the index of the next free one; the rest of a
 * slab's state stands in its struct page:
 *
 *   flags       PAGE_SLAB, so that heap_free() tells slabs from large blocks
 *   order       the slab's class (slab) or the block's order (large)
 *   first_free  index of the first free object; 0 when the slab goes
 *   references  one, as other pages have, and one for each object in use
 *   link        on its class's list while it has free objects
 *
 * An empty slab goes back to the page allocator at once, so that the host's
 * free memory after a domain is gone equals that of before it came.
 */
#include "mm/heap.h"
#include "base/lock.h"
#include "lib/string.h"
#include "mm/page_alloc.h"
#include "mm/page_list.h"
#include "types/bits.h"
#include "types/overflow.h"

#define MIN_SHIFT   4
#define CLASS_COUNT 8 /* 16 .. 2048 bytes */
#define NO_OBJECT   0xffff

enum {
    PAGE_LARGE = 16, /* flag of a HEAP page, besides those of frame_table.h */
};

static struct lock heap_lock = LOCK_INIT(RANK_HEAP);
static struct page_list partial[CLASS_COUNT]; /* slabs with free objects */
static uint64_t used_bytes;

static unsigned class_of(size_t size)
{
    unsigned class = 0;

    while (size > (size_t)BIT(class + MIN_SHIFT)) {
        class ++;
    }
    return class;
}

static size_t class_size(unsigned class)
{
    return BIT(class + MIN_SHIFT);
}

static uint16_t *object_at(const struct page *slab, unsigned index)
{
    char *base = page_map(slab);

    return (uint16_t *)(void *)(base + index * class_size(slab->order));
}

/* A new slab, on no list yet. No lock is held. */
static struct page *slab_create(unsigned class)
{
    struct page *pg = page_alloc(PAGE_HEAP, 0);
    unsigned count = (unsigned)(PAGE_SIZE / class_size(class));

    if (!pg) {
        return NULL;
    }
    pg->order = (uint8_t) class;
    pg->flags = PAGE_SLAB;
    for (unsigned i = 0; i < count; i++) {
        *object_at(pg, i) = (uint16_t)(i + 1 < count ? i + 1 : NO_OBJECT);
    }
    return pg;
}

static void *slab_take_locked(struct page *pg)
{
    uint16_t *object = object_at(pg, pg->first_free);

    pg->first_free = *object;
    pg->references++;
    if (pg->first_free == NO_OBJECT) {
        page_list_del(&partial[pg->order], pg);
    }
    __atomic_fetch_add(&used_bytes, class_size(pg->order), __ATOMIC_RELAXED);
    return object;
}

static void *alloc_small(unsigned class)
{
    void *object;

    lock(&heap_lock);
    if (page_list_empty(&partial[class])) {
        struct page *pg;

        unlock(&heap_lock);
        pg = slab_create(class);
        if (!pg) {
            return NULL;
        }
        lock(&heap_lock);
        page_list_add(&partial[class], pg);
    }
    object = slab_take_locked(page_list_first(&partial[class]));
    unlock(&heap_lock);
    memset(object, 0, class_size(class));
    return object;
}

static void *alloc_large(size_t size)
{
    unsigned order = 0;
    struct page *pg;

    while (order <= MAX_ORDER && (PAGE_SIZE << order) < size) {
        order++;
    }
    pg = order <= MAX_ORDER ? page_alloc(PAGE_HEAP, order) : NULL;
    if (!pg) {
        return NULL;
    }
    pg->order = (uint8_t)order;
    pg->flags = PAGE_LARGE;
    __atomic_fetch_add(&used_bytes, PAGE_SIZE << order, __ATOMIC_RELAXED);
    return page_map(pg);
}

void *heap_alloc(size_t size)
{
    unsigned class;

    if (size > class_size(CLASS_COUNT - 1)) {
        return alloc_large(size);
    }
    class = class_of(size);
    return alloc_small(class);
}

void *heap_alloc_array(size_t count, size_t size)
{
    uint64_t bytes;

    return mul_overflows(count, size, &bytes) ? NULL : heap_alloc(bytes);
}

static void free_small(struct page *pg, void *p)
{
    size_t size = class_size(pg->order);
    size_t offset = (uintptr_t)p % PAGE_SIZE;
    bool empty;

    CHECK(offset % size == 0);
    lock(&heap_lock);
    CHECK(pg->references > 1);
    if (pg->first_free == NO_OBJECT) {
        page_list_add(&partial[pg->order], pg);
    }
    *(uint16_t *)p = pg->first_free;
    pg->first_free = (uint16_t)(offset / size);
    empty = --pg->references == 1;
    __atomic_fetch_sub(&used_bytes, size, __ATOMIC_RELAXED);
    if (empty) {
        page_list_del(&partial[pg->order], pg);
        pg->first_free = 0;
    }
    unlock(&heap_lock);
    if (empty) {
        page_free(pg, 0);
    }
}

void heap_free(void *p)
{
    struct page *pg;

    if (!p) {
        return;
    }
    pg = page_from_mfn(arch_unmap(p));
    CHECK(pg && pg->state == PAGE_HEAP);
    if (pg->flags & PAGE_SLAB) {
        free_small(pg, p);
        return;
    }
    CHECK(pg->flags & PAGE_LARGE);
    __atomic_fetch_sub(&used_bytes, PAGE_SIZE << pg->order, __ATOMIC_RELAXED);
    page_free(pg, pg->order);
}

uint64_t heap_used(void)
{
    return READ_ONCE(used_bytes);
}
