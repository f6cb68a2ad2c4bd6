/* SPDX-License-Identifier: MIT */
/* Sets of CPUs as tools pass them: a guest address and a number of bits. */
#ifndef GUEST_BITMAP_H
#define GUEST_BITMAP_H

#include "domain/vcpu.h"

#include <xen/xen.h>

/* Bits beyond the map are 0; bits beyond 64 are left out. Errors of copy.h,
 * also -ERESTART. */
int must_check bitmap_from_guest(struct vcpu *v,
                                 const struct xenctl_bitmap *map,
                                 uint64_t *bits);

/* As many bits as the map holds; those beyond 64 become 0. Errors of
 * copy.h. */
int must_check bitmap_to_guest(struct vcpu *v, const struct xenctl_bitmap *map,
                               uint64_t bits);

/* All CPUs that there are. */
uint64_t bitmap_all_cpus(void);

#endif
