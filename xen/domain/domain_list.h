/* SPDX-License-Identifier: MIT */
/* What the files about a domain's life share; nobody else includes it. */
#ifndef DOMAIN_DOMAIN_LIST_H
#define DOMAIN_DOMAIN_LIST_H

#include "domain/domain.h"

/*
 * The id that a new domain gets: `wanted` if it is an id and free, the next
 * free one when it is DOMID_LIMIT or more. -EEXIST: in use; -ENOSPC: all are.
 * Holds until domain_list_insert() because creations come one at a time.
 */
int must_check domain_list_choose_id(domid_t wanted, domid_t *id);

/* Make d visible under d->id; the list takes a reference. */
void domain_list_insert(struct domain *d);

/*
 * Take one domain off the list that is dead, owns no page and has no reference
 * but the list's, which passes to the caller. NULL: there is none.
 */
struct domain *domain_list_take_dead(void);

/* Free what domain_create() made, all or part of it; d is off the list. */
void domain_free(struct domain *d);

/* Hold or release its vCPUs as pause_count, shutdown and dying say (pause.c).
 */
void domain_update_holds_locked(struct domain *d);

#endif
