/* SPDX-License-Identifier: MIT */
/*
 * Requests to a guest's kernel. It watches nodes in its home in xenstore, and
 * says beforehand (control/feature-*) to which of them it will listen.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "libxc/handle.h"
#include "libxc/store.h"

static int guest_exists(struct xc *xc, uint32_t domid)
{
    struct xc_domain info;
    int rc = xc_domain_info(xc, domid, &info);

    if (!rc && (info.dying || info.shutdown)) {
        rc = xc_fail(xc, -ESRCH, "domain %u is not running any more", domid);
    }
    return rc;
}

/* The feature that a guest announces for a request; NULL if there is none. */
static int find_feature(const char *how, const char **feature)
{
    static const struct {
        const char *how, *feature;
    } requests[] = {
        {"poweroff", "poweroff"}, {"halt", "poweroff"}, {"reboot", "reboot"},
        {"suspend", "suspend"},   {"crash", NULL},
    };

    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        if (!strcmp(how, requests[i].how)) {
            *feature = requests[i].feature;
            return 0;
        }
    }
    return -EINVAL;
}

static int check_feature(struct xc *xc, uint32_t domid, const char *feature)
{
    char value[8] = "";
    int rc = store_read_string(xc, value, sizeof(value),
                               "/local/domain/%u/control/feature-%s", domid,
                               feature);

    if (rc && rc != -ENOENT) {
        return rc;
    }
    if (strcmp(value, "1")) {
        return xc_fail(xc, -ENOTSUP,
                       "domain %u does not listen to requests for %s (not "
                       "booted yet, or no driver for it)",
                       domid, feature);
    }
    return 0;
}

static int write_control(struct xc *xc, uint32_t domid, const char *node,
                         const char *value)
{
    char path[STORE_PATH_MAX];

    snprintf(path, sizeof(path), "/local/domain/%u/control/%s", domid, node);
    return xc_store_write(xc, path, value);
}

int xc_domain_shutdown(struct xc *xc, uint32_t domid, const char *how)
{
    const char *feature;
    int rc;

    if (find_feature(how, &feature)) {
        return xc_fail(xc, -EINVAL, "a domain cannot be asked to '%s'", how);
    }
    rc = guest_exists(xc, domid);
    if (!rc && feature) {
        rc = check_feature(xc, domid, feature);
    }
    return rc ? rc : write_control(xc, domid, "shutdown", how);
}

int xc_domain_sysrq(struct xc *xc, uint32_t domid, char key)
{
    char value[2] = {key, 0};
    int rc = guest_exists(xc, domid);

    return rc ? rc : write_control(xc, domid, "sysrq", value);
}

struct vcpu_set {
    uint32_t online, max;
};

static void put_vcpus(struct store_writer *w, const void *arg)
{
    const struct vcpu_set *set = arg;

    for (uint32_t i = 0; i < set->max; i++) {
        store_put(w, STORE_INHERIT, i < set->online ? "online" : "offline",
                  "/local/domain/%u/cpu/%u/availability", w->domid, i);
    }
}

int xc_vcpu_set(struct xc *xc, uint32_t domid, uint32_t count)
{
    struct vcpu_set set = {.online = count};
    struct xc_domain info;
    int rc = xc_domain_info(xc, domid, &info);

    if (rc) {
        return rc;
    }
    set.max = info.max_vcpus;
    if (count == 0 || count > set.max) {
        return xc_fail(xc, -EINVAL, "domain %u can have 1 to %u vCPUs, not %u",
                       domid, set.max, count);
    }
    return store_transaction(xc, domid, put_vcpus, &set);
}
