/* SPDX-License-Identifier: MIT */
/* Bring a configured guest to life; used by create and by a restart. */
#ifndef XL_LAUNCH_H
#define XL_LAUNCH_H

#include "guestcfg.h"

/*
 * Build the guest, which is left paused. 0, or a negative errno value after
 * a message; then nothing is left of it. A user's interrupt waits until the
 * domain is complete, removes it, and gives -EINTR.
 */
int launch_build(struct xc *xc, const struct guest *guest, uint32_t *domid);

#endif
