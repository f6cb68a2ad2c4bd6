/* SPDX-License-Identifier: MIT */
#include "libxc/podium_calls.h"

#include <errno.h>
#include <string.h>

#include <xen/version.h>

#include "libxc/handle.h"
#include "libxc/transport.h"

bool podium_is_here(struct xc *xc)
{
    xen_extraversion_t extra = {0};
    int rc = hv_version(xc, XENVER_extraversion, extra, sizeof(extra));

    return rc >= 0 &&
           !strncmp(extra, PODIUM_EXTRAVERSION, strlen(PODIUM_EXTRAVERSION));
}

int podium_pod_counters(struct xc *xc, uint32_t domid,
                        uint64_t words[PODIUM_WORDS])
{
    struct podium_pod_counters arg = {
        .domid = (uint16_t)domid,
        .count = PODIUM_WORDS,
    };
    struct xen_sysctl op = {.cmd = PODIUM_SYSCTL_pod_counters};
    uint64_t *buffer;
    int rc;

    _Static_assert(sizeof(arg) <= sizeof(op.u), "fits in a sysctl");
    if (!podium_is_here(xc)) {
        return -ENOSYS;
    }
    buffer = hv_alloc(xc, PODIUM_WORDS * sizeof(*buffer));
    if (!buffer) {
        return -ENOMEM;
    }
    arg.buffer = (uintptr_t)buffer;
    memcpy(&op.u, &arg, sizeof(arg));
    rc = hv_sysctl(xc, &op);
    memcpy(words, buffer, PODIUM_WORDS * sizeof(*buffer));
    hv_free(xc, buffer);
    return rc < 0 ? rc : 0;
}

int podium_get_size(struct xc *xc, uint32_t domid, struct podium_size *size)
{
    int rc = -ENOSYS;

    *size = (struct podium_size){.domid = (uint16_t)domid};
    if (podium_is_here(xc)) {
        rc = hv_memory(xc, PODIUM_MEMORY_get_size, size, sizeof(*size));
    }
    return rc < 0 ? rc : 0;
}

int podium_set_size(struct xc *xc, uint32_t domid, uint64_t max_pages,
                    uint64_t target, uint64_t claim)
{
    struct podium_new_size size = {
        .domid = (uint16_t)domid,
        .max_pages = max_pages,
        .target = target,
        .claim = claim,
    };
    int rc = -ENOSYS;

    if (podium_is_here(xc)) {
        rc = hv_memory(xc, PODIUM_MEMORY_set_size, &size, sizeof(size));
    }
    return rc < 0 ? rc : 0;
}

/* arg is what the rest of the call's union holds, in and out. Returns what the
 * call returned. */
static int call_result(struct xc *xc, uint32_t cmd, void *arg, size_t size)
{
    struct xen_sysctl op = {.cmd = cmd};
    int rc;

    if (!podium_is_here(xc)) {
        return -ENOSYS;
    }
    memcpy(&op.u, arg, size);
    rc = hv_sysctl(xc, &op);
    memcpy(arg, &op.u, size);
    return rc;
}

static int call(struct xc *xc, uint32_t cmd, void *arg, size_t size)
{
    int rc = call_result(xc, cmd, arg, size);

    return rc < 0 ? rc : 0;
}

int podium_audit(struct xc *xc, uint32_t domid, struct podium_audit *audit)
{
    _Static_assert(sizeof(*audit) <= sizeof(((struct xen_sysctl *)0)->u),
                   "fits in a sysctl");
    *audit = (struct podium_audit){.domid = (uint16_t)domid};
    return call(xc, PODIUM_SYSCTL_audit, audit, sizeof(*audit));
}

int podium_trace(struct xc *xc, struct podium_trace *t,
                 struct podium_trace_record records[PODIUM_TRACE_RECORDS])
{
    size_t size = PODIUM_TRACE_RECORDS * sizeof(*records);
    void *buffer = hv_alloc(xc, size);
    int rc;

    _Static_assert(sizeof(*t) <= sizeof(((struct xen_sysctl *)0)->u),
                   "fits in a sysctl");
    if (!buffer) {
        return -ENOMEM;
    }
    t->buffer = (uintptr_t)buffer;
    t->count = PODIUM_TRACE_RECORDS;
    rc = call(xc, PODIUM_SYSCTL_trace, t, sizeof(*t));
    memcpy(records, buffer, size);
    hv_free(xc, buffer);
    return rc;
}

int podium_set_scrub_pattern(struct xc *xc, uint32_t domid, uint64_t pattern)
{
    struct podium_scrub_pattern arg = {.pattern = pattern};
    struct xen_domctl op = {
        .cmd = PODIUM_DOMCTL_set_scrub_pattern,
        .domain = (domid_t)domid,
    };
    int rc;

    if (!podium_is_here(xc)) {
        return -ENOSYS;
    }
    memcpy(&op.u, &arg, sizeof(arg));
    rc = hv_domctl(xc, &op);
    return rc < 0 ? rc : 0;
}

int podium_pod_policy(struct xc *xc, const struct podium_pod_policy *policy)
{
    struct podium_pod_policy arg = *policy;

    _Static_assert(sizeof(arg) <= sizeof(((struct xen_sysctl *)0)->u),
                   "fits in a sysctl");
    return call(xc, PODIUM_SYSCTL_pod_policy, &arg, sizeof(arg));
}

int podium_pod_state(struct xc *xc, uint32_t domid,
                     struct podium_pod_state *state)
{
    _Static_assert(sizeof(*state) <= sizeof(((struct xen_sysctl *)0)->u),
                   "fits in a sysctl");
    *state = (struct podium_pod_state){.domid = (uint16_t)domid};
    return call(xc, PODIUM_SYSCTL_pod_state, state, sizeof(*state));
}

static int tmem_by(struct xc *xc, struct podium_tmem_control c, void *bounce)
{
    _Static_assert(sizeof(c) <= sizeof(((struct xen_sysctl *)0)->u),
                   "fits in a sysctl");
    c.buffer = (uintptr_t)bounce;
    return call_result(xc, PODIUM_SYSCTL_tmem, &c, sizeof(c));
}

int podium_tmem(struct xc *xc, const struct podium_tmem_control *c,
                void *buffer)
{
    void *bounce;
    int rc;

    if (!buffer) {
        return tmem_by(xc, *c, NULL);
    }
    bounce = hv_alloc(xc, c->length);
    if (!bounce) {
        return -ENOMEM;
    }
    memcpy(bounce, buffer, c->length);
    rc = tmem_by(xc, *c, bounce);
    memcpy(buffer, bounce, c->length);
    hv_free(xc, bounce);
    return rc;
}
