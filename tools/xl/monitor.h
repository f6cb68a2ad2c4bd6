/* SPDX-License-Identifier: MIT */
/* Watches one guest and does what its configuration says when it stops. */
#ifndef XL_MONITOR_H
#define XL_MONITOR_H

#include "guestcfg.h"

/*
 * Watch until the guest is gone or is to be preserved. 0, or a negative errno
 * value after a message.
 */
int monitor_run(struct xc *xc, const struct guest *guest, uint32_t domid);

/*
 * The same in a process of its own, which outlives this one and writes to
 * /var/log/xen/xl-NAME.log. 0 once it has been started.
 */
int monitor_start(const struct guest *guest, uint32_t domid);

#endif
