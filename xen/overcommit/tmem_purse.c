/* SPDX-License-Identifier: MIT */
/*
 * Which purses and stores there are. A purse that has ended is off the list,
 * and whoever has a reference on it finds nothing in it; the last one frees
 * it, and with the last purse the store goes.
 */
#include "mm/heap.h"
#include "overcommit/tmem_internal.h"

struct list tmem_purses = {&tmem_purses, &tmem_purses};
static uint16_t last_store_id;

static struct tmem_store *find_group_locked(uint32_t group)
{
    struct tmem_purse *p;

    list_for_each (p, &tmem_purses, in_purses) {
        if (group && p->store->group == group) {
            return p->store;
        }
    }
    return NULL;
}

static bool store_id_is_used_locked(uint16_t id)
{
    struct tmem_purse *p;

    list_for_each (p, &tmem_purses, in_purses) {
        if (p->store->id == id) {
            return true;
        }
    }
    return false;
}

uint64_t stores_sum_locked(uint64_t (*of)(const struct tmem_store *s))
{
    struct tmem_purse *p;
    uint64_t sum = 0;

    list_for_each (p, &tmem_purses, in_purses) {
        sum += p->store->noted ? 0 : of(p->store);
        p->store->noted = true;
    }
    list_for_each (p, &tmem_purses, in_purses) {
        p->store->noted = false;
    }
    return sum;
}

/* With the store `own`, or that of its group if there is one: then `own` is
 * not needed, and stays the caller's. */
bool purse_enter_locked(struct tmem_purse *p, struct tmem_store *own)
{
    struct tmem_store *s = find_group_locked(own->group);

    if (!s) {
        s = own;
        do {
            s->id = ++last_store_id;
        } while (store_id_is_used_locked(s->id));
    }
    purse_init(p, s);
    s->purses++;
    list_add_tail(&tmem_purses, &p->in_purses);
    return s == own;
}

void purse_put(struct tmem_purse *p)
{
    struct tmem_store *s = p->store;

    if (__atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL)) {
        return;
    }
    lock(&tmem_control);
    s = --s->purses ? NULL : s;
    unlock(&tmem_control);
    heap_free(p);
    if (s) {
        store_destroy(s);
    }
}

/* Nothing is in it any more; false: something of it is being evicted. Whoever
 * has a reference finds nothing in it afterwards. */
bool purse_end(struct tmem_purse *p)
{
    bool empty;

    slabs_shrink(&p->slabs[EPHEMERAL]);
    slabs_shrink(&p->slabs[PERSISTENT]);
    lock(&p->store->lock);
    empty = purse_hand_over_locked(p) && !p->slabs[EPHEMERAL].frames &&
            !p->slabs[PERSISTENT].frames;
    unlock(&p->store->lock);
    if (!empty) {
        return false;
    }
    lock(&tmem_control);
    list_del(&p->in_purses);
    unlock(&tmem_control);
    purse_put(p);
    return true;
}
