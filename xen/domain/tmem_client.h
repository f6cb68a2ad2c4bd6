/* SPDX-License-Identifier: MIT */
/*
 * A domain as a client of transcendent memory (overcommit/tmem.h).
 *
 * It becomes one when it makes its first pool, or when the control domain sets
 * something for it, and ends with the domain. Its own vCPUs may use the client
 * as they are, for they have stopped before it ends; anybody else enters and
 * leaves, and the end waits for him.
 */
#ifndef DOMAIN_TMEM_CLIENT_H
#define DOMAIN_TMEM_CLIENT_H

#include "domain/domain.h"
#include "overcommit/tmem.h"

/* At boot, if there is to be transcendent memory at all. compress: what a new
 * client begins with. False: there is no memory for it. */
bool must_check tmem_start(bool compress);
bool tmem_is_on(void);

/* The client of a domain whose vCPU runs here; NULL: it is none yet. */
static inline struct tmem_client *tmem_client_of(const struct domain *d)
{
    return __atomic_load_n(&d->tmem, __ATOMIC_ACQUIRE);
}

/* The same, made if need be: -ENODEV, dying or there is no transcendent memory;
 * -ENOMEM. */
int must_check tmem_client_make(struct domain *d, struct tmem_client **c);

/* For others: 0, and tmem_client_leave() follows. make: it becomes one. -ENOENT
 * it is none, -ENODEV, -ENOMEM as above. */
int must_check tmem_client_enter(struct domain *d, bool make,
                                 struct tmem_client **c);
void tmem_client_leave(struct domain *d);

/* A step of the domain's end, when nobody can enter any more. -ERESTART, 0. */
int must_check tmem_client_end(struct domain *d);

#endif
