/* SPDX-License-Identifier: MIT */
/*
 * The only file that knows how a hypercall travels: through libxencall, whose
 * buffers are kernel pages mapped here, because the hypervisor takes user
 * addresses and must never meet a page that is not there.
 *
 * The kernel hands a result through an ioctl, so it is an int here. Calls
 * with larger results (counts of pages of a very large host) would need a
 * multicall; those that we use count far fewer.
 */
#include "libxc/transport.h"

#include <errno.h>
#include <string.h>

#include <xencall.h>

#include "libxc/handle.h"

static xencall_handle *connection(struct xc *xc)
{
    if (!xc->call) {
        xc->call = xencall_open(xc_quiet_logger(), 0);
    }
    return xc->call;
}

void hv_close(struct xc *xc)
{
    if (xc->call) {
        xencall_close(xc->call);
        xc->call = NULL;
    }
}

void *hv_alloc(struct xc *xc, size_t size)
{
    void *buffer = NULL;

    if (connection(xc)) {
        buffer = xencall_alloc_buffer(xc->call, size);
    }
    if (buffer) {
        memset(buffer, 0, size);
    }
    return buffer;
}

void hv_free(struct xc *xc, void *buffer)
{
    if (buffer) {
        xencall_free_buffer(xc->call, buffer);
    }
}

static int call1(struct xc *xc, unsigned int hypercall, void *arg, size_t size)
{
    void *buffer;
    int rc;

    if (!connection(xc)) {
        return -ENOTCONN;
    }
    buffer = hv_alloc(xc, size);
    if (!buffer) {
        return -ENOMEM;
    }
    memcpy(buffer, arg, size);
    rc = xencall1(xc->call, hypercall, (uintptr_t)buffer);
    rc = rc < 0 ? -errno : rc;
    memcpy(arg, buffer, size);
    hv_free(xc, buffer);
    return rc;
}

static int call2(struct xc *xc, unsigned int hypercall, unsigned int cmd,
                 void *arg, size_t size)
{
    void *buffer = NULL;
    int rc;

    if (!connection(xc)) {
        return -ENOTCONN;
    }
    if (size) {
        buffer = hv_alloc(xc, size);
        if (!buffer) {
            return -ENOMEM;
        }
        memcpy(buffer, arg, size);
    }
    rc = xencall2(xc->call, hypercall, cmd, (uintptr_t)buffer);
    rc = rc < 0 ? -errno : rc;
    if (size) {
        memcpy(arg, buffer, size);
        hv_free(xc, buffer);
    }
    return rc;
}

int hv_domctl(struct xc *xc, struct xen_domctl *op)
{
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    return call1(xc, __HYPERVISOR_domctl, op, sizeof(*op));
}

int hv_sysctl(struct xc *xc, struct xen_sysctl *op)
{
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return call1(xc, __HYPERVISOR_sysctl, op, sizeof(*op));
}

int hv_memory(struct xc *xc, unsigned int cmd, void *arg, size_t size)
{
    return call2(xc, __HYPERVISOR_memory_op, cmd, arg, size);
}

int hv_version(struct xc *xc, unsigned int cmd, void *arg, size_t size)
{
    return call2(xc, __HYPERVISOR_xen_version, cmd, arg, size);
}

int hv_evtchn(struct xc *xc, unsigned int cmd, void *arg, size_t size)
{
    return call2(xc, __HYPERVISOR_event_channel_op, cmd, arg, size);
}

int hv_hvm(struct xc *xc, unsigned int cmd, void *arg, size_t size)
{
    return call2(xc, __HYPERVISOR_hvm_op, cmd, arg, size);
}
