/* SPDX-License-Identifier: MIT */
/*
 * Where virtual CPUs may run (hard affinity) and would rather run (soft).
 *
 * The hypervisor reads and writes maps of as many bits as it is told of, so
 * that both sides may know of different numbers of CPUs: what lies beyond is
 * absent. The two maps of a call lie in one buffer, one after the other.
 */
#include <errno.h>
#include <string.h>

#include "libxc/handle.h"
#include "libxc/transport.h"

static void set_map(struct xenctl_bitmap *map, uint8_t *at)
{
    set_xen_guest_handle(map->bitmap, at);
    map->nr_bits = XC_CPUS_MAX;
}

static int affinity_call(struct xc *xc, uint32_t domid, uint32_t cmd,
                         struct xen_domctl_vcpuaffinity *a, struct xc_cpus *map)
{
    struct xen_domctl op = {.cmd = cmd, .domain = (domid_t)domid};
    struct xc_cpus *buffer = hv_alloc(xc, 2 * sizeof(*buffer));
    int rc;

    if (!buffer) {
        return -ENOMEM;
    }
    memcpy(buffer, map, 2 * sizeof(*buffer));
    op.u.vcpuaffinity = *a;
    set_map(&op.u.vcpuaffinity.cpumap_hard, buffer[0].bits);
    set_map(&op.u.vcpuaffinity.cpumap_soft, buffer[1].bits);
    rc = hv_domctl(xc, &op);
    memcpy(map, buffer, 2 * sizeof(*buffer));
    hv_free(xc, buffer);
    return rc < 0 ? rc : 0;
}

int xc_vcpu_affinity(struct xc *xc, uint32_t domid, uint32_t vcpu,
                     struct xc_cpus *hard, struct xc_cpus *soft)
{
    struct xen_domctl_vcpuaffinity a = {
        .vcpu = vcpu,
        .flags = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT,
    };
    struct xc_cpus maps[2] = {0};
    int rc = affinity_call(xc, domid, XEN_DOMCTL_getvcpuaffinity, &a, maps);

    if (rc) {
        return xc_fail_errno(xc, rc, "affinity of vCPU %u of domain %u", vcpu,
                             domid);
    }
    *hard = maps[0];
    *soft = maps[1];
    return 0;
}

int xc_vcpu_pin(struct xc *xc, uint32_t domid, uint32_t vcpu,
                const struct xc_cpus *hard, const struct xc_cpus *soft,
                bool force)
{
    struct xen_domctl_vcpuaffinity a = {
        .vcpu = vcpu,
        .flags = (hard ? XEN_VCPUAFFINITY_HARD : 0) |
                 (soft ? XEN_VCPUAFFINITY_SOFT : 0) |
                 (force ? XEN_VCPUAFFINITY_FORCE : 0),
    };
    struct xc_cpus maps[2] = {0};
    int rc;

    if (hard) {
        maps[0] = *hard;
    }
    if (soft) {
        maps[1] = *soft;
    }
    rc = affinity_call(xc, domid, XEN_DOMCTL_setvcpuaffinity, &a, maps);
    return rc ? xc_fail_errno(xc, rc, "cannot pin vCPU %u of domain %u", vcpu,
                              domid)
              : 0;
}
