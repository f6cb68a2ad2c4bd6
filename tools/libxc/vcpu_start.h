/* SPDX-License-Identifier: MIT */
#ifndef LIBXC_VCPU_START_H
#define LIBXC_VCPU_START_H

#include <stdint.h>

struct xc;

/*
 * Brings vCPU 0 up in the state in which a PVH kernel is entered: 32-bit,
 * paging off, at `entry`, with the start info's address in ebx. All other
 * vCPUs stay down until the kernel starts them. Sets the error text.
 */
int vcpu_start(struct xc *xc, uint32_t domid, uint32_t vcpus, uint32_t entry,
               uint32_t start_info);

#endif
