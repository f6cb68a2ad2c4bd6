/* SPDX-License-Identifier: MIT */
/*
 * Domains as the hypervisor lists them, with names from xenstore.
 *
 * A destroyed domain may linger as a shell for as long as another domain has
 * some of its pages mapped: xenstored and xenconsoled let go of them when they
 * hear that it is dying. Destroying waits a moment for that, so that who looks
 * at the host's free memory afterwards sees all of it.
 */
#include "libxc/domain.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "libxc/guest_nodes.h"
#include "libxc/handle.h"
#include "libxc/store.h"
#include "libxc/transport.h"

#define LIST_STEP    256
#define DOMID_LIMIT  0x7ff0 /* the first number that is not a domain's */
#define LINGER_STEPS 500    /* of 10 ms */
/* Without an event, look again: the event may have gone before the watch. */
#define RECHECK_MS 2000
#define NO_DOMID   UINT32_MAX

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

/* Without an error text. */
static int get_info(struct xc *xc, uint32_t domid, struct xc_domain *info)
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
    int rc = get_info(xc, domid, info);

    return rc ? xc_fail_errno(xc, rc, "domain %u", domid) : 0;
}

/* ---- names ------------------------------------------------------------- */

static bool is_number(const char *text)
{
    return *text && strspn(text, "0123456789") == strlen(text);
}

int xc_domain_name(struct xc *xc, uint32_t domid, char *name, size_t size)
{
    int rc = store_read_string(xc, name, size, "/local/domain/%u/name", domid);

    if (rc == -ENOENT || (rc && domid == 0)) {
        strncpy(name, domid == 0 ? "Domain-0" : "", size - 1);
        name[size - 1] = 0;
        rc = 0;
    }
    return rc;
}

/* *domid is NO_DOMID if nobody has the name. */
static int find_name(struct xc *xc, const char *name, uint32_t *domid)
{
    char candidate[XC_NAME_MAX];
    struct xc_domain *list;
    size_t count;
    int rc;

    *domid = NO_DOMID;
    rc = xc_domain_list(xc, &list, &count);
    if (rc) {
        return rc;
    }
    for (size_t i = 0; !rc && i < count && *domid == NO_DOMID; i++) {
        rc = xc_domain_name(xc, list[i].domid, candidate, sizeof(candidate));
        if (!rc && !strcmp(candidate, name)) {
            *domid = list[i].domid;
        }
    }
    free(list);
    return rc;
}

static int find_number(struct xc *xc, const char *what, uint32_t *domid)
{
    struct xc_domain info;

    if (strlen(what) > 5) {
        return xc_fail(xc, -ESRCH, "no domain has the number %s", what);
    }
    *domid = (uint32_t)strtoul(what, NULL, 10);
    return xc_domain_info(xc, *domid, &info);
}

int xc_domain_find(struct xc *xc, const char *what, uint32_t *domid)
{
    int rc;

    if (is_number(what)) {
        return find_number(xc, what, domid);
    }
    rc = find_name(xc, what, domid);
    if (!rc && *domid == NO_DOMID) {
        rc = xc_fail(xc, -ESRCH, "there is no domain '%s'", what);
    }
    return rc;
}

static bool can_be_name(const char *name)
{
    size_t size = strlen(name);

    for (size_t i = 0; i < size; i++) {
        if (!isalnum((unsigned char)name[i]) && !strchr("-_.+:", name[i])) {
            return false;
        }
    }
    return size > 0 && size < XC_NAME_MAX && !is_number(name);
}

int domain_name_check(struct xc *xc, const char *name, uint32_t except)
{
    uint32_t domid;
    int rc;

    if (!name || !can_be_name(name)) {
        return xc_fail(xc, -EINVAL,
                       "'%s' cannot be a domain's name: use letters, digits "
                       "and - _ . + : (not only digits)",
                       name ? name : "");
    }
    rc = find_name(xc, name, &domid);
    if (!rc && domid != NO_DOMID && domid != except) {
        rc = xc_fail(xc, -EEXIST, "the name '%s' is in use by domain %u", name,
                     domid);
    }
    return rc;
}

struct new_name {
    const char *name;
    char uuid[UUID_TEXT_SIZE];
};

static void put_name(struct store_writer *w, const void *arg)
{
    const struct new_name *n = arg;

    store_put(w, STORE_INHERIT, n->name, "/local/domain/%u/name", w->domid);
    if (w->domid) {
        store_put(w, STORE_INHERIT, n->name, "/vm/%s/name", n->uuid);
    }
}

int xc_domain_rename(struct xc *xc, uint32_t domid, const char *name)
{
    struct new_name n = {.name = name};
    struct xc_domain info;
    int rc;

    rc = xc_domain_info(xc, domid, &info);
    if (!rc) {
        rc = domain_name_check(xc, name, domid);
    }
    if (rc) {
        return rc;
    }
    uuid_text(info.uuid, n.uuid);
    return store_transaction(xc, domid, put_name, &n);
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

static void sleep_ms(long ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    nanosleep(&t, NULL);
}

static void wait_until_gone(struct xc *xc, uint32_t domid)
{
    struct xc_domain info;

    for (int i = 0; i < LINGER_STEPS; i++) {
        if (get_info(xc, domid, &info)) {
            return;
        }
        sleep_ms(10);
    }
}

int domain_kill(struct xc *xc, uint32_t domid)
{
    int rc;

    do {
        struct xen_domctl op = {
            .cmd = XEN_DOMCTL_destroydomain,
            .domain = (domid_t)domid,
        };

        rc = hv_domctl(xc, &op);
    } while (rc == -EAGAIN || rc == -ERESTART || rc == -EINTR);
    return rc < 0 ? rc : 0;
}

int xc_domain_destroy(struct xc *xc, uint32_t domid)
{
    struct xc_domain info;
    int rc;

    if (domid == 0) {
        return xc_fail(xc, -EPERM, "domain 0 cannot be destroyed");
    }
    rc = xc_domain_info(xc, domid, &info);
    if (rc) {
        return rc;
    }
    rc = domain_kill(xc, domid);
    /* -ESRCH: somebody else was faster; its nodes may still be there. */
    if (rc && rc != -ESRCH) {
        return xc_fail_errno(xc, rc, "cannot destroy domain %u", domid);
    }
    store_release(xc, domid);
    guest_nodes_remove(xc, domid, info.uuid);
    wait_until_gone(xc, domid);
    return 0;
}

/* ---- waiting ----------------------------------------------------------- */

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* True if there is nothing to wait for any more, or rc < 0 in *rc. */
static bool has_ended(struct xc *xc, uint32_t domid, struct xc_domain *info,
                      int *rc)
{
    *rc = get_info(xc, domid, info);
    if (*rc == -ESRCH) {
        *info = (struct xc_domain){.domid = domid, .dying = true};
        *rc = 0;
        return true;
    }
    return *rc || info->shutdown || info->dying;
}

static int wait_for_end(struct xc *xc, uint32_t domid, int64_t until,
                        struct xc_domain *info)
{
    int rc;

    while (!has_ended(xc, domid, info, &rc)) {
        int64_t left = until < 0 ? RECHECK_MS : until - now_ms();

        if (left <= 0) {
            return xc_fail(xc, -ETIMEDOUT, "domain %u is still running", domid);
        }
        left = left < RECHECK_MS ? left : RECHECK_MS;
        rc = store_wait(xc, (int)left);
        if (rc && rc != -ETIMEDOUT) {
            break;
        }
    }
    return rc ? xc_fail_errno(xc, rc, "waiting for domain %u", domid) : 0;
}

int xc_domain_wait(struct xc *xc, uint32_t domid, int timeout_ms,
                   struct xc_domain *info)
{
    int64_t until = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
    int rc = store_watch(xc, "@releaseDomain");

    if (rc) {
        return rc;
    }
    rc = wait_for_end(xc, domid, until, info);
    store_unwatch(xc, "@releaseDomain");
    return rc;
}

int xc_domain_console(struct xc *xc, uint32_t domid, int timeout_ms, char *path,
                      size_t size)
{
    int64_t until = now_ms() + timeout_ms;
    struct xc_domain info;
    int rc;

    for (;;) {
        rc = xc_domain_info(xc, domid, &info);
        if (!rc) {
            rc = store_read_string(xc, path, size,
                                   "/local/domain/%u/console/tty", domid);
        }
        if (rc && rc != -ENOENT) {
            return rc;
        }
        if (!rc && path[0]) {
            return 0;
        }
        if (now_ms() >= until) {
            return xc_fail(xc, -ETIMEDOUT,
                           "domain %u has no console yet: is xenconsoled "
                           "running?",
                           domid);
        }
        sleep_ms(20);
    }
}
