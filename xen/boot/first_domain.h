/* SPDX-License-Identifier: MIT */
/* Build domain 0 from the boot modules: any PVH kernel (PB-1..6, DM-1). */
#ifndef BOOT_FIRST_DOMAIN_H
#define BOOT_FIRST_DOMAIN_H

#include "domain/domain.h"

struct first_domain_config {
    const void *kernel; /* ELF image, mapped */
    size_t kernel_size;
    const char *command_line;
    const void *initrd; /* NULL: none */
    size_t initrd_size;
    uint64_t pages; /* RAM of the domain, 4 KiB each */
    unsigned max_vcpus;
};

/*
 * Paused once, with a reference for the caller, vCPU 0 at the kernel's entry:
 * domain_unpause() starts it. NULL after saying why in the log; the domain is
 * gone again then.
 */
struct domain *must_check
first_domain_build(const struct first_domain_config *config);

#endif
