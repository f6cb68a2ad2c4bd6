/* SPDX-License-Identifier: MIT */
/*
 * d->tmem is set once, under the domain's lock, while it is not dying, and
 * taken off by its end. Who reads it is one of the domain's vCPUs, or is
 * counted as a visitor of its p2m: the first have stopped before the end, and
 * its step before this one, which takes the p2m apart, waits for the others.
 */
#include "domain/tmem_client.h"

#include "arch/cpu.h"
#include "domain/room.h"
#include "types/error.h"

/* Of memory: what is never used for transcendent memory. */
#define RESERVE_PART 128

#define OWN_GROUP 0 /* no page of it is ever the same as another domain's */

static bool is_on, compresses;

bool tmem_start(bool compress)
{
    is_on = !tmem_init(arch_random());
    compresses = compress;
    room_set_reserve(page_alloc_info().total / RESERVE_PART);
    return is_on;
}

bool tmem_is_on(void)
{
    return is_on;
}

static int make_locked(struct domain *d)
{
    const struct tmem_settings settings = {.compress = compresses};
    struct tmem_client *c;
    int rc;

    if (d->tmem) {
        return 0;
    }
    if (!is_on || d->dying) {
        return -ENODEV;
    }
    rc = tmem_client_create(&d->account, d->id, OWN_GROUP, &c);
    if (!rc) {
        tmem_client_set(c, &settings);
        __atomic_store_n(&d->tmem, c, __ATOMIC_RELEASE);
    }
    return rc;
}

int tmem_client_make(struct domain *d, struct tmem_client **c)
{
    int rc;

    lock(&d->lock);
    rc = make_locked(d);
    *c = d->tmem;
    unlock(&d->lock);
    return rc;
}

int tmem_client_enter(struct domain *d, bool make, struct tmem_client **c)
{
    int rc = 0;

    if (!p2m_enter(&d->p2m)) {
        return -ENODEV;
    }
    *c = tmem_client_of(d);
    if (!*c) {
        rc = make ? tmem_client_make(d, c) : -ENOENT;
    }
    if (rc) {
        p2m_leave(&d->p2m);
    }
    return rc;
}

void tmem_client_leave(struct domain *d)
{
    p2m_leave(&d->p2m);
}

int tmem_client_end(struct domain *d)
{
    int rc = d->tmem ? tmem_client_destroy(d->tmem) : 0;

    if (!rc) {
        d->tmem = NULL;
    }
    return rc;
}
