/* SPDX-License-Identifier: MIT */
/* Between the files of xen_rules.h. */
#ifndef XEN_INTERNAL_H
#define XEN_INTERNAL_H

#include "xen_rules.h"

#define XEN_NONE     (~0U) /* no frame */
#define XEN_GIVEN_UP 0x80  /* in references: its guest has let go of it */

void xen_push(struct xen_queue *q, uint32_t mfn);
uint32_t xen_pop(struct xen_queue *q);

/* Host frames, charged; XEN_NONE: none, or the allocation that shall fail. */
uint32_t xen_alloc(struct xen_rules *x, unsigned order);
void xen_free(struct xen_rules *x, uint32_t mfn, unsigned order);

/* Write a leaf of 2^order (0, 9, 18) at an aligned gfn, splitting what is
 * larger; false: no table for that, and nothing has changed. */
bool xen_write(struct xen_rules *x, uint64_t gfn, unsigned order,
               enum xen_type type, uint32_t mfn);

/* Into and out of the cache. Entering clears (POD-2.15). */
void xen_cache_add(struct xen_rules *x, uint32_t mfn, unsigned order);
uint32_t xen_cache_take(struct xen_rules *x, unsigned order);
/* POD-4.9 */
void xen_rebalance(struct xen_rules *x);

/* POD-2.19: at each populate while D > 0. */
void xen_reclaim_eagerly(struct xen_rules *x);
/* POD-3.16 */
void xen_sweep(struct xen_rules *x);
/* POD-3.13: the 2 MiB at gfn, if all of it is zero. */
bool xen_reclaim_super(struct xen_rules *x, uint64_t gfn);

/* Gfns are looked at under the lock that is held now. */
void xen_lock_begin(struct xen_rules *x);
void xen_looked_at(struct xen_rules *x, uint64_t gfns);

void xen_crash(struct xen_rules *x);

#endif
