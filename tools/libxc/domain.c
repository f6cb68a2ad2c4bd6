/* SPDX-License-Identifier: MIT */
/*
 * Domains as the hypervisor knows them: listed, made, changed, destroyed.
 *
 * A destroyed domain may linger as a shell for as long as another domain has
 * some of its pages mapped: xenstored and xenconsoled let go of them when they
 * hear that it is dying. Destroying waits a moment for that, so that who looks
 * at the host's free memory afterwards sees all of it.
 */
#include "libxc/domain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libxc/guest_nodes.h"
#include "libxc/handle.h"
#include "libxc/store.h"
#include "libxc/transport.h"

#define LIST_STEP    256
#define DOMID_LIMIT  0x7ff0 /* the first number that is not a domain's */
#define LINGER_STEPS 500    /* of 10 ms */

/* ---- listing ----------------------------------------------------------- */

static void fill_domain(struct xc_domain *d,
                        const struct xen_domctl_getdomaininfo *i)
{
    *d = (struct xc_domain){
        .domid = i->domain,
        .current_kib = kib_from_pages(i->tot_pages),
        .max_kib = kib_from_pages(i->max_pages),
        .outstanding_kib = kib_from_pages(i->outstanding_pages),
        .shared_kib = kib_from_pages(i->shr_pages),
        .cpu_time_ns = i->cpu_time,
        .online_vcpus = i->nr_online_vcpus,
        .max_vcpus = i->max_vcpu_id + 1, /* "none" is ~0 */
        .shutdown_code =
            (i->flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask,
        .cpupool = i->cpupool,
        .running = i->flags & XEN_DOMINF_running,
        .blocked = i->flags & XEN_DOMINF_blocked,
        .paused = i->flags & XEN_DOMINF_paused,
        .shutdown = i->flags & XEN_DOMINF_shutdown,
        .dying = i->flags & XEN_DOMINF_dying,
        .hvm = i->flags & XEN_DOMINF_hvm_guest,
    };
    memcpy(d->uuid, i->handle, sizeof(d->uuid));
}

/* Up to `max` domains with ids from `first` on; how many, or -errno. */
static int list_from(struct xc *xc, uint32_t first,
                     struct xen_domctl_getdomaininfo *infos, uint32_t max)
{
    struct xen_sysctl op = {
        .cmd = XEN_SYSCTL_getdomaininfolist,
        .u.getdomaininfolist.first_domain = (domid_t)first,
        .u.getdomaininfolist.max_domains = max,
    };
    int rc;

    set_xen_guest_handle(op.u.getdomaininfolist.buffer, infos);
    rc = hv_sysctl(xc, &op);
    return rc < 0 ? rc : (int)op.u.getdomaininfolist.num_domains;
}

static int append(struct xc_domain **list, size_t *count,
                  const struct xen_domctl_getdomaininfo *infos, size_t more)
{
    struct xc_domain *bigger;

    /* One more than needed: an empty list is a pointer too. */
    bigger = realloc(*list, (*count + more + 1) * sizeof(*bigger));
    if (!bigger) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < more; i++) {
        fill_domain(&bigger[*count + i], &infos[i]);
    }
    *list = bigger;
    *count += more;
    return 0;
}

static int list_all(struct xc *xc, struct xen_domctl_getdomaininfo *infos,
                    struct xc_domain **list, size_t *count)
{
    uint32_t first = 0;
    int got;

    do {
        int rc;

        got = list_from(xc, first, infos, LIST_STEP);
        if (got < 0) {
            return got;
        }
        rc = append(list, count, infos, (size_t)got);
        if (rc) {
            return rc;
        }
        first = got ? infos[got - 1].domain + 1u : first;
    } while (got == LIST_STEP);
    return 0;
}

int xc_domain_list(struct xc *xc, struct xc_domain **list, size_t *count)
{
    struct xen_domctl_getdomaininfo *infos;
    int rc = -ENOTCONN;

    *list = NULL;
    *count = 0;
    infos = hv_alloc(xc, LIST_STEP * sizeof(*infos));
    if (infos) {
        rc = list_all(xc, infos, list, count);
        hv_free(xc, infos);
    }
    if (rc) {
        free(*list);
        *list = NULL;
        return xc_fail_errno(xc, rc, "cannot list the domains");
    }
    return 0;
}

int domain_query(struct xc *xc, uint32_t domid, struct xc_domain *info)
{
    struct xen_domctl op = {
        .cmd = XEN_DOMCTL_getdomaininfo,
        .domain = (domid_t)domid,
    };
    int rc;

    if (domid >= DOMID_LIMIT) {
        return -ESRCH;
    }
    rc = hv_domctl(xc, &op);
    if (rc < 0) {
        return rc;
    }
    /* The hypervisor answers with the next one if there is no such domain. */
    if (op.domain != domid) {
        return -ESRCH;
    }
    fill_domain(info, &op.u.getdomaininfo);
    return 0;
}

int xc_domain_info(struct xc *xc, uint32_t domid, struct xc_domain *info)
{
    int rc = domain_query(xc, domid, info);

    return rc ? xc_fail_errno(xc, rc, "domain %u", domid) : 0;
}

const char *xc_shutdown_name(unsigned int code)
{
    static const char *const names[] = {
        [XC_SHUTDOWN_POWEROFF] = "poweroff",
        [XC_SHUTDOWN_REBOOT] = "reboot",
        [XC_SHUTDOWN_SUSPEND] = "suspend",
        [XC_SHUTDOWN_CRASH] = "crash",
        [XC_SHUTDOWN_WATCHDOG] = "watchdog",
        [XC_SHUTDOWN_SOFT_RESET] = "soft-reset",
    };

    return code < sizeof(names) / sizeof(names[0]) ? names[code] : "unknown";
}

int xc_vcpu_info(struct xc *xc, uint32_t domid, uint32_t vcpu,
                 struct xc_vcpu *info)
{
    struct xen_domctl op = {
        .cmd = XEN_DOMCTL_getvcpuinfo,
        .domain = (domid_t)domid,
        .u.getvcpuinfo.vcpu = vcpu,
    };
    int rc = hv_domctl(xc, &op);

    if (rc < 0) {
        return xc_fail_errno(xc, rc, "vCPU %u of domain %u", vcpu, domid);
    }
    *info = (struct xc_vcpu){
        .vcpu = vcpu,
        .pcpu = op.u.getvcpuinfo.cpu,
        .online = op.u.getvcpuinfo.online,
        .blocked = op.u.getvcpuinfo.blocked,
        .running = op.u.getvcpuinfo.running,
        .cpu_time_ns = op.u.getvcpuinfo.cpu_time,
    };
    return 0;
}

/* ---- changing ---------------------------------------------------------- */

static int simple(struct xc *xc, uint32_t domid, uint32_t cmd, const char *verb)
{
    struct xen_domctl op = {.cmd = cmd, .domain = (domid_t)domid};
    int rc = hv_domctl(xc, &op);

    return rc < 0 ? xc_fail_errno(xc, rc, "cannot %s domain %u", verb, domid)
                  : 0;
}

int xc_domain_pause(struct xc *xc, uint32_t domid)
{
    return simple(xc, domid, XEN_DOMCTL_pausedomain, "pause");
}

int xc_domain_unpause(struct xc *xc, uint32_t domid)
{
    return simple(xc, domid, XEN_DOMCTL_unpausedomain, "unpause");
}

int xc_domain_trigger(struct xc *xc, uint32_t domid, enum xc_trigger what,
                      uint32_t vcpu)
{
    struct xen_domctl op = {
        .cmd = XEN_DOMCTL_sendtrigger,
        .domain = (domid_t)domid,
        .u.sendtrigger.trigger = what,
        .u.sendtrigger.vcpu = vcpu,
    };
    int rc = hv_domctl(xc, &op);

    if (rc == -ESRCH) {
        return xc_fail(xc, rc, "domain %u or its vCPU %u does not exist", domid,
                       vcpu);
    }
    return rc < 0 ? xc_fail_errno(xc, rc, "cannot trigger domain %u", domid)
                  : 0;
}

/* Only LAPICs: a PVH guest has no other emulated device. */
int domain_make(struct xc *xc, const uint8_t uuid[XC_UUID_BYTES],
                uint32_t vcpus_max, uint32_t *domid)
{
    struct xen_domctl op = {
        .cmd = XEN_DOMCTL_createdomain,
        .domain = 0, /* choose one */
        .u.createdomain.flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
        .u.createdomain.max_vcpus = vcpus_max,
        .u.createdomain.max_evtchn_port = 1023,
        .u.createdomain.max_grant_frames = -1,
        .u.createdomain.max_maptrack_frames = -1,
        .u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(1),
        .u.createdomain.arch.emulation_flags = XEN_X86_EMU_LAPIC,
    };
    int rc;

    memcpy(op.u.createdomain.handle, uuid, XC_UUID_BYTES);
    rc = hv_domctl(xc, &op);
    if (rc < 0) {
        return xc_fail_errno(xc, rc, "cannot create a domain");
    }
    *domid = op.domain;
    op = (struct xen_domctl){
        .cmd = XEN_DOMCTL_max_vcpus,
        .domain = (domid_t)*domid,
        .u.max_vcpus.max = vcpus_max,
    };
    rc = hv_domctl(xc, &op);
    if (rc < 0) {
        domain_kill(xc, *domid);
        return xc_fail_errno(xc, rc, "cannot create %u vCPUs", vcpus_max);
    }
    return 0;
}

/* ---- ending ------------------------------------------------------------ */

static void wait_until_gone(struct xc *xc, uint32_t domid)
{
    struct xc_domain info;

    for (int i = 0; i < LINGER_STEPS; i++) {
        if (domain_query(xc, domid, &info)) {
            return;
        }
        domain_sleep_ms(10);
    }
}

/* How much of what it had is free again. */
static void report_freed(struct xc *xc, uint32_t domid, uint64_t had_kib)
{
    struct xc_domain info;

    if (!domain_query(xc, domid, &info) && info.current_kib < had_kib) {
        xc_report(xc, "freeing memory", had_kib - info.current_kib, had_kib);
    }
}

/* The call may come back when a part is done, to be made again. */
static int kill_in_steps(struct xc *xc, uint32_t domid, uint64_t had_kib)
{
    int rc;

    xc_report(xc, "freeing memory", 0, 0);
    do {
        struct xen_domctl op = {
            .cmd = XEN_DOMCTL_destroydomain,
            .domain = (domid_t)domid,
        };

        rc = hv_domctl(xc, &op);
        if (rc < 0) {
            report_freed(xc, domid, had_kib);
        }
    } while (rc == -EAGAIN || rc == -ERESTART || rc == -EINTR);
    return rc < 0 ? rc : 0;
}

int domain_kill(struct xc *xc, uint32_t domid)
{
    return kill_in_steps(xc, domid, 0);
}

int xc_domain_destroy(struct xc *xc, uint32_t domid)
{
    struct xc_domain info = {0};
    int rc;

    if (domid == 0) {
        return xc_fail(xc, -EPERM, "domain 0 cannot be destroyed");
    }
    rc = xc_domain_info(xc, domid, &info);
    if (rc) {
        return rc;
    }
    rc = kill_in_steps(xc, domid, info.current_kib);
    /* -ESRCH: somebody else was faster; its nodes may still be there. */
    if (rc && rc != -ESRCH) {
        return xc_fail_errno(xc, rc, "cannot destroy domain %u", domid);
    }
    store_release(xc, domid);
    guest_nodes_remove(xc, domid, info.uuid);
    wait_until_gone(xc, domid);
    return 0;
}
