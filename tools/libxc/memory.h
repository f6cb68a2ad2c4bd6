/* SPDX-License-Identifier: MIT */
#ifndef LIBXC_MEMORY_H
#define LIBXC_MEMORY_H
/*
 * A domain's memory as the hypervisor counts it: pages, limits, targets.
 * The functions named memory_* set no error text.
 */
#include <stdbool.h>
#include <stdint.h>

#include "libxc/xc.h"

/* With Xen's hypervisor the limit is this much above what a guest is given, as
 * nobody knows what is charged to it besides. */
#define MEMORY_SLACK_KIB 1024

struct memory_pod {
    uint64_t total;   /* pages charged to the domain, cache included */
    uint64_t cached;  /* C */
    uint64_t entries; /* E */
};

int memory_set_limit(struct xc *xc, uint32_t domid, uint64_t kib);
/* How far limit and PoD target are above what the guest is told. */
uint64_t memory_above_target_kib(struct xc *xc, uint32_t domid);
/* 0 releases a claim and cannot fail. */
int memory_claim(struct xc *xc, uint32_t domid, uint64_t pages);
int memory_set_pod_target(struct xc *xc, uint32_t domid, uint64_t pages);
int memory_get_pod(struct xc *xc, uint32_t domid, struct memory_pod *pod);

/*
 * Gives, or only promises (pod), the frames [first, end). Largest extents
 * first. Sets the error text.
 */
int memory_populate(struct xc *xc, uint32_t domid, uint64_t first, uint64_t end,
                    bool pod);

#endif
