/* SPDX-License-Identifier: MIT */
/* What tools see of a domain, for domctl and sysctl alike (TS-1, TS-2). */
#ifndef GUEST_DOMAIN_INFO_H
#define GUEST_DOMAIN_INFO_H

#include "domain/domain.h"

#include <xen/domctl.h>

/* A snapshot, each part by itself consistent. */
void domain_info_fill(struct domain *d, struct xen_domctl_getdomaininfo *info);

#endif
