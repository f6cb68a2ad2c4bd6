/* SPDX-License-Identifier: MIT */
#ifndef LIBXC_TRANSPORT_H
#define LIBXC_TRANSPORT_H
/*
 * Hypercalls. Each call copies its argument structure into memory that the
 * hypervisor can read at any time, calls, and copies the structure back.
 * Arrays that a structure points to must lie in hv_alloc() memory.
 *
 * All return what the hypervisor returned (>= 0) or -errno, and leave the
 * error text to the caller, who knows what was wanted. -ENOTCONN: no Xen.
 */
#include <stddef.h>
#include <stdint.h>

#include <xen/domctl.h>
#include <xen/sysctl.h>
#include <xen/xen.h>

struct xc;

int hv_domctl(struct xc *xc, struct xen_domctl *op);
int hv_sysctl(struct xc *xc, struct xen_sysctl *op);
int hv_memory(struct xc *xc, unsigned int cmd, void *arg, size_t size);
int hv_version(struct xc *xc, unsigned int cmd, void *arg, size_t size);
int hv_evtchn(struct xc *xc, unsigned int cmd, void *arg, size_t size);
int hv_hvm(struct xc *xc, unsigned int cmd, void *arg, size_t size);

/* Zeroed. NULL: no memory, or no hypervisor. */
void *hv_alloc(struct xc *xc, size_t size);
/* NULL is allowed. */
void hv_free(struct xc *xc, void *buffer);

void hv_close(struct xc *xc);

#endif
