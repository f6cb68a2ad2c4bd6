/* SPDX-License-Identifier: MIT */
#ifndef LIBXC_DOMAIN_H
#define LIBXC_DOMAIN_H

#include <stdint.h>

#include "libxc/xc.h"

/* Checks that it can be a name and that no other domain has it. */
int domain_name_check(struct xc *xc, const char *name, uint32_t except);

/* An empty domain, paused. vcpus_max vCPUs, all down. Sets the error text. */
int domain_make(struct xc *xc, const uint8_t uuid[XC_UUID_BYTES],
                uint32_t vcpus_max, uint32_t *domid);
/* xc_domain_info() without an error text. */
int domain_query(struct xc *xc, uint32_t domid, struct xc_domain *info);
void domain_sleep_ms(long ms);
/* Removes it from the hypervisor only; sets no error text. */
int domain_kill(struct xc *xc, uint32_t domid);

#endif
