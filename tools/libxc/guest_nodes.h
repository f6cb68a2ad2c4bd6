/* SPDX-License-Identifier: MIT */
#ifndef LIBXC_GUEST_NODES_H
#define LIBXC_GUEST_NODES_H

#include <stddef.h>
#include <stdint.h>

#include "libxc/xc.h"

#define UUID_TEXT_SIZE 37

/* What xenstore is told about a new guest. */
struct guest_nodes {
    uint32_t domid;
    const char *name;
    const char *kernel, *ramdisk, *cmdline; /* the latter may be NULL */
    uint8_t uuid[XC_UUID_BYTES];
    uint64_t max_kib, target_kib;
    uint64_t extra_kib; /* pages that it has on top of its memory */
    uint32_t vcpus, vcpus_max;
    uint32_t store_port, console_port;
    uint64_t store_gfn, console_gfn;
};

/* All of its nodes, in one transaction. */
int guest_nodes_create(struct xc *xc, const struct guest_nodes *nodes);
/* Everything about it, as far as it is there. Never fails. */
void guest_nodes_remove(struct xc *xc, uint32_t domid,
                        const uint8_t uuid[XC_UUID_BYTES]);

void uuid_text(const uint8_t uuid[XC_UUID_BYTES], char text[UUID_TEXT_SIZE]);

#endif
