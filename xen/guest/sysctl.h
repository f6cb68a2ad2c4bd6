/* SPDX-License-Identifier: MIT */
/* Inside of the sysctl hypercall: one row per command, one table per family
 * (sysctl_*.c), one dispatcher (hc_sysctl.c). */
#ifndef GUEST_SYSCTL_H
#define GUEST_SYSCTL_H

#include "domain/domain.h"

#include <xen/sysctl.h>

struct sysctl {
    struct vcpu *caller;
    struct xen_sysctl op; /* copied in, and back when all went well */
};

typedef int (*sysctl_handler)(struct sysctl *c);

struct sysctl_row {
    uint32_t cmd;
    sysctl_handler handler;
};

struct sysctl_family {
    const struct sysctl_row *rows;
    unsigned count;
};

extern const struct sysctl_family sysctl_host, sysctl_info, sysctl_podium,
    sysctl_tmem;

#endif
