/* SPDX-License-Identifier: MIT */
/*
 * Transcendent memory: pages that guests left with the hypervisor, and whose
 * they are. It is looked at and controlled by one sysctl with many commands
 * (public/podium.h).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libxc/handle.h"
#include "libxc/podium_calls.h"

#define LIST_BYTES     32768u /* to begin with */
#define LIST_BYTES_MAX (16u << 20)
#define KIB_PER_MIB    1024u

static int fail_tmem(struct xc *xc, int rc, const char *what)
{
    switch (rc) {
    case -ENOSYS:
        return xc_fail(xc, -EOPNOTSUPP,
                       "%s: this hypervisor has no transcendent memory", what);
    case -ENODEV:
        return xc_fail(xc, rc,
                       "%s: the hypervisor was told to have no transcendent "
                       "memory (its option tmem)",
                       what);
    case -ENOENT:
        return xc_fail(xc, rc, "%s: the domain has no transcendent memory",
                       what);
    default:
        return xc_fail_errno(xc, rc, "%s", what);
    }
}

/* A command about a client that needs no buffer. */
static int simple(struct xc *xc, enum podium_tmem_command command,
                  uint32_t domid, const char *what)
{
    const struct podium_tmem_control c = {.command = command, .client = domid};
    int rc = podium_tmem(xc, &c, NULL);

    return rc < 0 ? fail_tmem(xc, rc, what) : 0;
}

int xc_tmem_freeze(struct xc *xc, uint32_t domid, bool frozen)
{
    return frozen ? simple(xc, PODIUM_TMEM_FREEZE, domid, "cannot freeze it")
                  : simple(xc, PODIUM_TMEM_THAW, domid, "cannot thaw it");
}

int xc_tmem_list(struct xc *xc, uint32_t domid, bool all_numbers, char **text)
{
    struct podium_tmem_control c = {
        .command = PODIUM_TMEM_LIST,
        .client = domid,
        .length = LIST_BYTES,
        .arg = all_numbers,
    };
    int rc;

    do {
        *text = calloc(1, c.length);
        rc = *text ? podium_tmem(xc, &c, *text) : -ENOMEM;
        if (rc >= 0) {
            (*text)[c.length - 1] = 0;
            return 0;
        }
        free(*text);
        *text = NULL;
        c.length *= 2;
    } while (rc == -ENOBUFS && c.length <= LIST_BYTES_MAX);
    return fail_tmem(xc, rc, "cannot list it");
}

static int set_limits(struct xc *xc, uint32_t domid,
                      const struct xc_tmem_settings *s)
{
    struct podium_tmem_limits limits = {0};
    struct podium_tmem_control c = {
        .command = PODIUM_TMEM_GET_LIMITS,
        .client = domid,
        .length = sizeof(limits),
    };
    int rc;

    if (!s->cap_kib.is_set && !s->persistent_kib.is_set) {
        return 0;
    }
    rc = podium_tmem(xc, &c, &limits);
    if (rc < 0) {
        return rc;
    }
    if (s->cap_kib.is_set) {
        limits.ephemeral_kib = s->cap_kib.value;
    }
    if (s->persistent_kib.is_set) {
        limits.persistent_kib = s->persistent_kib.value;
    }
    c.command = PODIUM_TMEM_SET_LIMITS;
    return podium_tmem(xc, &c, &limits);
}

static int set_client(struct xc *xc, uint32_t domid,
                      const struct xc_tmem_settings *s)
{
    struct podium_tmem_client info = {0};
    struct podium_tmem_control c = {
        .command = PODIUM_TMEM_GET_CLIENT_INFO,
        .client = domid,
        .length = sizeof(info),
    };
    int rc;

    if (!s->weight.is_set && !s->compress.is_set) {
        return 0;
    }
    rc = podium_tmem(xc, &c, &info);
    if (rc < 0) {
        return rc;
    }
    if (s->weight.is_set) {
        info.weight = (uint32_t)s->weight.value;
    }
    if (s->compress.is_set) {
        info.flags &= ~PODIUM_TMEM_CLIENT_compress;
        info.flags |= s->compress.value ? PODIUM_TMEM_CLIENT_compress : 0;
    }
    c.command = PODIUM_TMEM_SET_CLIENT_INFO;
    return podium_tmem(xc, &c, &info);
}

/* What is set for a domain before it uses it is kept for then. */
static int make_client(struct xc *xc, uint32_t domid)
{
    const struct podium_tmem_control c = {
        .command = PODIUM_TMEM_RESTORE_BEGIN,
        .client = domid,
    };
    int rc = podium_tmem(xc, &c, NULL);

    return rc == -EEXIST ? 0 : rc;
}

int xc_tmem_set(struct xc *xc, uint32_t domid,
                const struct xc_tmem_settings *settings)
{
    int rc = domid == XC_TMEM_ALL ? -EINVAL : 0;

    if (!rc && !settings->of_users) {
        rc = make_client(xc, domid);
    }
    if (rc >= 0) {
        rc = set_client(xc, domid, settings);
    }
    if (rc >= 0) {
        rc = set_limits(xc, domid, settings);
    }
    return rc < 0 ? fail_tmem(xc, rc, "cannot set it") : 0;
}

int xc_tmem_shared_auth(struct xc *xc, uint32_t domid,
                        const uint8_t uuid[XC_UUID_BYTES], bool may)
{
    struct podium_tmem_control c = {
        .command = PODIUM_TMEM_SET_AUTH,
        .client = domid,
        .arg = may,
    };
    int rc;

    /* Guests take a UUID for two words, the bytes in memory order. */
    memcpy(c.oid, uuid, XC_UUID_BYTES);
    rc = podium_tmem(xc, &c, NULL);
    return rc < 0 ? fail_tmem(xc, rc, "cannot change who may share") : 0;
}

uint64_t xc_tmem_freeable_kib(struct xc *xc)
{
    const struct podium_tmem_control c = {
        .command = PODIUM_TMEM_QUERY_FREEABLE_MB,
        .client = PODIUM_TMEM_ALL,
    };
    int mib = podium_tmem(xc, &c, NULL);

    return mib > 0 ? (uint64_t)mib * KIB_PER_MIB : 0;
}
