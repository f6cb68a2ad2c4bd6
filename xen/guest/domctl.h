/* SPDX-License-Identifier: MIT */
/*
 * Inside of the domctl hypercall: one row per command, one table per family
 * (domctl_*.c), one dispatcher (hc_domctl.c).
 */
#ifndef GUEST_DOMCTL_H
#define GUEST_DOMCTL_H

#include "domain/domain.h"

#include <xen/domctl.h>

struct domctl {
    struct vcpu *caller;
    struct domain *d;     /* the domain of op.domain; NULL with DOMCTL_FINDS */
    struct xen_domctl op; /* copied in, and back after DOMCTL_REPLIES */
};

enum domctl_flags {
    DOMCTL_FINDS = 1,   /* op.domain need not exist: the handler looks */
    DOMCTL_REPLIES = 2, /* op goes back to the caller when all went well */
    DOMCTL_REPLIES_ALWAYS = 4, /* also after an error */
    DOMCTL_OTHERS = 8,         /* -EINVAL for the caller's own domain */
};

/*
 * 0, -errno, or -ERESTART: the same call goes on where it stopped. Handlers run
 * one at a time, under a lock that only the dispatcher knows.
 */
typedef int (*domctl_handler)(struct domctl *c);

struct domctl_row {
    uint32_t cmd;
    uint32_t flags;
    domctl_handler handler;
};

struct domctl_family {
    const struct domctl_row *rows;
    unsigned count;
};

extern const struct domctl_family domctl_life, domctl_vcpu, domctl_memory,
    domctl_context, domctl_policy;

#endif
