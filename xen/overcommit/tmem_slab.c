/* SPDX-License-Identifier: MIT */
/*
 * Small objects of one purse or store: frames of objects of one size.
 *
 * Those of different clients, and of different kinds, are never in one frame.
 * So the end of a client gives whole frames back, what one of them does to its
 * frames is its own trouble (T-22), and a frame of ephemeral records can be
 * emptied. Persistent records are charged: a page of the payer's for each frame
 * of them (T-19).
 *
 * A slab without objects in use goes at once, unless it is the only one that
 * has room: two CPUs that store one page each, again and again, would take each
 * other's away. That one goes when somebody asks (slabs_shrink()): a PUT that
 * failed, an eviction that finds nothing else, the end of a pool or purse.
 *
 * An object that is free is zero but for its first two bytes, which say what
 * is the next one; those that were never used, at the end of a slab, are not
 * even that. So a new slab costs nothing.
 */
#include "base/lock.h"
#include "lib/string.h"
#include "overcommit/tmem_internal.h"

#define NO_OBJECT 0xffff

BUILD_ASSERT(sizeof(struct tmem_slab) <= SLAB_HEADER,
             "the objects begin there");

static size_t object_size(enum slab_class class)
{
    static const uint16_t sizes[SLAB_CLASSES] = {
        [SLAB_PAGE] = sizeof(struct tmem_page),
        [SLAB_ANCHOR] = sizeof(struct tmem_anchor),
        [SLAB_BLOCK_1] = sizeof(struct tmem_block) + sizeof(struct tmem_slot),
        [SLAB_BLOCK_2] =
            sizeof(struct tmem_block) + 2 * sizeof(struct tmem_slot),
        [SLAB_BLOCK_3] =
            sizeof(struct tmem_block) + 3 * sizeof(struct tmem_slot),
        [SLAB_BLOCK_4] =
            sizeof(struct tmem_block) + 4 * sizeof(struct tmem_slot),
        [SLAB_CONTENT] = sizeof(struct tmem_content),
    };

    return sizes[class];
}

struct tmem_slab *slab_of(const void *object)
{
    return (struct tmem_slab *)((uintptr_t)object & PAGE_MASK);
}

void *slab_object(struct tmem_slab *slab, unsigned index)
{
    return (char *)slab + SLAB_HEADER + index * object_size(slab->class);
}

void slabs_init(struct tmem_slabs *slabs, struct tmem_store *store,
                struct tmem_purse *purse, enum kind kind)
{
    slabs->store = store;
    slabs->purse = purse;
    slabs->kind = kind;
    for (unsigned i = 0; i < SLAB_CLASSES; i++) {
        list_init(&slabs->partial[i]);
        list_init(&slabs->full[i]);
    }
}

void *slab_take_locked(struct tmem_slabs *slabs, enum slab_class class)
{
    struct tmem_slab *slab;
    uint16_t *object;

    if (list_empty(&slabs->partial[class])) {
        return NULL;
    }
    slab = list_first(&slabs->partial[class], struct tmem_slab, list);
    if (slab->first_free != NO_OBJECT) {
        object = slab_object(slab, slab->first_free);
        slab->first_free = *object;
        *object = 0;
    } else {
        object = slab_object(slab, slab->fresh++);
        memset(object, 0, object_size(class));
    }
    if (++slab->used == slab->count) {
        list_del(&slab->list);
        list_add_tail(&slabs->full[class], &slab->list);
    }
    return object;
}

/* Records that a client is charged for. */
static struct account *payer(const struct tmem_slabs *slabs)
{
    return slabs->purse && slabs->kind == PERSISTENT
               ? slabs->purse->owner->payer
               : NULL;
}

static void count_frame(struct tmem_slabs *slabs, int64_t change)
{
    slabs->frames += (uint64_t)change;
    if (slabs->purse && slabs->kind == EPHEMERAL) {
        count_add(&slabs->purse->owner->counters.ephemeral_frames, change);
    }
}

/* Nothing of it is in use, and nobody looks at it. */
static void slab_free_locked(struct tmem_slab *slab)
{
    struct tmem_slabs *slabs = slab->slabs;

    list_del(&slab->list);
    count_frame(slabs, -1);
    if (payer(slabs)) {
        page_uncharge_kept(payer(slabs), 1);
    }
    frame_put(page_from_mfn(arch_unmap(slab)), slabs->kind);
}

void slab_unpin_locked(struct tmem_slab *slab)
{
    slab->pins--;
    if (!slab->pins && !slab->used) {
        slab_free_locked(slab);
    }
}

void slab_give_locked(void *object)
{
    struct tmem_slab *slab = slab_of(object);
    struct tmem_slabs *slabs = slab->slabs;
    size_t size = object_size(slab->class);
    size_t offset = (uintptr_t)object % PAGE_SIZE - SLAB_HEADER;

    CHECK(offset % size == 0 && slab->used);
    memset(object, 0, size);
    *(uint16_t *)object = slab->first_free;
    if (slab->used == slab->count) {
        list_del(&slab->list);
        list_add_tail(&slabs->partial[slab->class], &slab->list);
    }
    slab->first_free = (uint16_t)(offset / size);
    slab->used--;
    if (!slab->used && !slab->pins &&
        slabs->partial[slab->class].next != slabs->partial[slab->class].prev) {
        slab_free_locked(slab);
    }
}

void slabs_shrink(struct tmem_slabs *slabs)
{
    lock(&slabs->store->lock);
    for (unsigned i = 0; i < SLAB_CLASSES; i++) {
        struct list *l = &slabs->partial[i];

        while (!list_empty(l) && !list_first(l, struct tmem_slab, list)->used &&
               !list_first(l, struct tmem_slab, list)->pins) {
            slab_free_locked(list_first(l, struct tmem_slab, list));
        }
    }
    unlock(&slabs->store->lock);
}

bool slabs_add(struct tmem_slabs *slabs, enum slab_class class,
               struct page *frame)
{
    struct tmem_slab *slab = page_map(frame);

    if (payer(slabs) && !page_charge_kept(payer(slabs), 1)) {
        return false;
    }
    memset(slab, 0, sizeof(*slab));
    slab->slabs = slabs;
    slab->class = (uint8_t) class;
    slab->count = (uint16_t)((PAGE_SIZE - SLAB_HEADER) / object_size(class));
    slab->first_free = NO_OBJECT;
    lock(&slabs->store->lock);
    frame_set_user(frame, slabs->store, slab);
    list_add(&slabs->partial[class], &slab->list);
    count_frame(slabs, 1);
    unlock(&slabs->store->lock);
    return true;
}
