/* SPDX-License-Identifier: MIT */
/*
 * Which domains exist: one list by ascending id, under one lock; and buckets by
 * id, each with its own, so that calls which name domains do not meet in one.
 *
 *   a domain is on the list  <=>  it is in its bucket
 *
 * The list holds one reference to each. domain_get() adds one with the bucket's
 * lock, domain_get_next() with the list's. So a domain whose only reference is
 * the list's, seen so under both, cannot be found again once it is off them:
 * that is how a dead one is known to be unused.
 */
#include "domain/domain_list.h"

#include "types/error.h"

static struct lock list_lock = LOCK_INIT(RANK_DOMAIN_LIST);
static struct list domains = {&domains, &domains};
static domid_t last_id; /* given out last; ids are not reused at once */

#define BUCKETS 64U

static struct bucket {
    struct lock lock;
    struct domain *first;
} __attribute__((aligned(64))) buckets[BUCKETS] = {
    [0 ... BUCKETS - 1] = {.lock = LOCK_INIT(RANK_DOMAIN_ID)},
};

static struct bucket *bucket_of(domid_t id)
{
    return &buckets[id % BUCKETS];
}

/* The first domain with an id >= id; NULL: none. */
static struct domain *find_from_locked(domid_t id)
{
    struct domain *d;

    list_for_each (d, &domains, link) {
        if (d->id >= id) {
            return d;
        }
    }
    return NULL;
}

static struct domain *find_locked(domid_t id)
{
    struct domain *d = find_from_locked(id);

    return d && d->id == id ? d : NULL;
}

/* The first free id after the last one given, going round past 0, which is
 * domain 0's for ever. */
static int next_free_locked(domid_t *id)
{
    domid_t candidate = last_id;

    for (unsigned i = 1; i < DOMID_LIMIT; i++) {
        candidate = candidate + 1 < DOMID_LIMIT ? candidate + 1 : 1;
        if (!find_locked(candidate)) {
            *id = candidate;
            last_id = candidate;
            return 0;
        }
    }
    return -ENOSPC;
}

int domain_list_choose_id(domid_t wanted, domid_t *id)
{
    int rc = 0;

    lock(&list_lock);
    if (wanted >= DOMID_LIMIT) {
        rc = next_free_locked(id);
    } else if (find_locked(wanted)) {
        rc = -EEXIST;
    } else {
        *id = wanted;
    }
    unlock(&list_lock);
    return rc;
}

void domain_list_insert(struct domain *d)
{
    struct bucket *b = bucket_of(d->id);
    struct domain *next;

    lock(&list_lock);
    CHECK(!find_locked(d->id));
    __atomic_add_fetch(&d->references, 1, __ATOMIC_RELAXED);
    next = find_from_locked(d->id);
    list_add_tail(next ? &next->link : &domains, &d->link);
    lock(&b->lock);
    d->next_in_bucket = b->first;
    b->first = d;
    unlock(&b->lock);
    unlock(&list_lock);
}

/* Both locks held. */
static void unlink_locked(struct bucket *b, struct domain *d)
{
    struct domain **place = &b->first;

    while (*place != d) {
        place = &(*place)->next_in_bucket;
    }
    *place = d->next_in_bucket;
    list_del(&d->link);
}

/* With the list's lock: d is dead, and nobody else has it; it is off then. */
static bool take_if_dead_locked(struct domain *d)
{
    struct bucket *b = bucket_of(d->id);
    bool unused;

    if (READ_ONCE(d->dying) != DOMAIN_DEAD ||
        READ_ONCE(d->account.page_count)) {
        return false;
    }
    lock(&b->lock);
    unused = __atomic_load_n(&d->references, __ATOMIC_ACQUIRE) == 1;
    if (unused) {
        unlink_locked(b, d);
    }
    unlock(&b->lock);
    return unused;
}

struct domain *domain_list_take_dead(void)
{
    struct domain *d, *dead = NULL;

    lock(&list_lock);
    list_for_each (d, &domains, link) {
        if (take_if_dead_locked(d)) {
            dead = d;
            break;
        }
    }
    unlock(&list_lock);
    return dead;
}

struct domain *domain_get(domid_t id)
{
    struct bucket *b = bucket_of(id);
    struct domain *d;

    lock(&b->lock);
    d = b->first;
    while (d && d->id != id) {
        d = d->next_in_bucket;
    }
    if (d) {
        __atomic_add_fetch(&d->references, 1, __ATOMIC_RELAXED);
    }
    unlock(&b->lock);
    return d;
}

struct domain *domain_get_next(domid_t id)
{
    struct domain *d;

    lock(&list_lock);
    d = find_from_locked(id);
    if (d) {
        __atomic_add_fetch(&d->references, 1, __ATOMIC_RELAXED);
    }
    unlock(&list_lock);
    return d;
}

void domain_put(struct domain *d)
{
    /* Read first: once our reference is gone, d may be too. */
    bool dead = READ_ONCE(d->dying) == DOMAIN_DEAD;
    uint32_t left = __atomic_sub_fetch(&d->references, 1, __ATOMIC_ACQ_REL);

    CHECK(left + 1 != 0);
    if (dead && left <= 1) {
        domain_reap_soon();
    }
}
