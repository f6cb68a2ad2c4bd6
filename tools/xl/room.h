/* SPDX-License-Identifier: MIT */
/* Memory for a new guest, out of domain 0's. */
#ifndef XL_ROOM_H
#define XL_ROOM_H

#include <stdint.h>

#include "libxc/xc.h"

#include "hostcfg.h"

/* What domain 0 gave. */
struct room {
    uint64_t dom0_before_kib; /* its target; 0: nothing was asked of it */
};

/* How long domain 0 may give nothing before it is given up; tests are less
 * patient. */
extern unsigned int room_patience_ms;

/*
 * See to it that the host has `need_kib` of free memory, if `mode` allows
 * that domain 0 gives it. 0 also if it does not: then the hypervisor will
 * refuse the guest. -ENOMEM, after a message, if domain 0 has too little or
 * does not give it, -EINTR if a signal waits to end us; it then has its target
 * back.
 */
int room_make(struct room *room, struct xc *xc, enum autoballoon mode,
              uint64_t need_kib);

/* The guest did not come into being: domain 0 may have its memory back. */
void room_give_back(struct room *room, struct xc *xc);

#endif
