/* SPDX-License-Identifier: MIT */
/*
 * Which domains exist: one list by ascending id, under one lock.
 *
 * The list holds one reference to each. domain_get() adds one while it holds
 * the lock, so a domain whose only reference is the list's, seen so under the
 * lock, cannot be found again once it is off the list: that is how a dead one
 * is known to be unused.
 */
#include "domain/domain_list.h"

#include "types/error.h"

static struct lock list_lock = LOCK_INIT(RANK_DOMAIN_LIST);
static struct list domains = {&domains, &domains};
static domid_t last_id; /* given out last; ids are not reused at once */

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
    struct domain *next;

    lock(&list_lock);
    CHECK(!find_locked(d->id));
    __atomic_add_fetch(&d->references, 1, __ATOMIC_RELAXED);
    next = find_from_locked(d->id);
    list_add_tail(next ? &next->link : &domains, &d->link);
    unlock(&list_lock);
}

struct domain *domain_list_take_dead(void)
{
    struct domain *d, *dead = NULL;

    lock(&list_lock);
    list_for_each (d, &domains, link) {
        if (READ_ONCE(d->dying) == DOMAIN_DEAD &&
            READ_ONCE(d->account.page_count) == 0 &&
            __atomic_load_n(&d->references, __ATOMIC_ACQUIRE) == 1) {
            list_del(&d->link);
            dead = d;
            break;
        }
    }
    unlock(&list_lock);
    return dead;
}

struct domain *domain_get(domid_t id)
{
    struct domain *d = domain_get_next(id);

    if (d && d->id != id) {
        domain_put(d);
        return NULL;
    }
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
