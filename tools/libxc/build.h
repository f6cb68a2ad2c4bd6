/* SPDX-License-Identifier: MIT */
#ifndef LIBXC_BUILD_H
#define LIBXC_BUILD_H
/*
 * Inside the builder: build.c says what happens in which order,
 * build_memory.c gives the guest its memory, build_load.c fills it.
 */
#include <stdbool.h>
#include <stdint.h>

#include "libxc/file.h"
#include "libxc/image.h"
#include "libxc/layout.h"
#include "libxc/xc.h"

/* A guest being built. */
struct build {
    struct xc *xc;
    const struct xc_guest_config *cfg;
    uint8_t uuid[XC_UUID_BYTES];
    uint32_t vcpus_max;
    struct image image;
    struct file ramdisk;
    struct layout layout;
    uint32_t domid;
    bool size_at_once; /* the hypervisor is ours */
    uint32_t store_port, console_port;
};

/* All set the error text. They leave it to build.c to clean up. */

/* The hypervisor's limits on the domain, and room for its page tables. */
int build_limits(struct build *b);
/* Claims, promises or gives, and releases the claim in any case. */
int build_memory(struct build *b);
/* Kernel, start info, ramdisk, tables. */
int build_load(struct build *b);

#endif
