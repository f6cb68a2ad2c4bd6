/* SPDX-License-Identifier: MIT */
/*
 * A new guest's memory.
 *
 * `memory` is claimed, so that nobody can take it from us half-way. If more is
 * promised (maxmem) than given, the PoD target is set while the domain is
 * empty, which fills its cache with `memory`; then all of its RAM is marked as
 * promised, in the largest pieces, at a cost that does not depend on its size.
 * Ring pages and ACPI tables come on top, within the slack between `memory`
 * and the hypervisor's limit.
 *
 * On Podium all of this is one call, which is let in whole or not at all: the
 * limit, which is exact; the cache; and a claim that covers ring pages, ACPI
 * tables and page tables, too. So of two creations that want the same memory
 * one fails at once, and the other does not fail half-way.
 *
 * On demand all of the RAM is promised, and the target is a claim that the
 * hypervisor keeps by itself.
 */
#include <errno.h>

#include "libxc/build.h"
#include "libxc/handle.h"
#include "libxc/memory.h"
#include "libxc/podium_calls.h"
#include "libxc/transport.h"

#define VCPU_POOL_KIB 1024 /* page tables: per vCPU, and per MiB of RAM */
#define DOMAIN_KIB    2048 /* of the hypervisor, beside page tables */
#define TOP_TABLES    3    /* of levels that every guest has once */

static uint64_t paging_pool_kib(const struct xc_guest_config *cfg)
{
    uint32_t vcpus = cfg->max_vcpus ? cfg->max_vcpus : cfg->vcpus;

    return (uint64_t)VCPU_POOL_KIB * vcpus +
           kib_from_pages((cfg->max_kib + 1023) / 1024);
}

uint64_t xc_guest_need_kib(const struct xc_guest_config *cfg)
{
    return cfg->memory_kib + MEMORY_SLACK_KIB + paging_pool_kib(cfg) +
           DOMAIN_KIB;
}

static int set_paging_pool(struct build *b)
{
    uint64_t kib = paging_pool_kib(b->cfg);
    struct xen_domctl op = {
        .cmd = XEN_DOMCTL_set_paging_mempool_size,
        .domain = (domid_t)b->domid,
        .u.paging_mempool.size = kib * 1024,
    };
    int rc;

    do {
        rc = hv_domctl(b->xc, &op);
    } while (rc == -EAGAIN || rc == -ERESTART);
    return rc < 0 ? xc_fail_errno(b->xc, rc,
                                  "cannot set aside %llu KiB for page tables",
                                  (unsigned long long)kib)
                  : 0;
}

static bool is_pod(const struct build *b)
{
    return layout_is_pod(&b->layout) || b->cfg->on_demand;
}

/* What every hypervisor does needs no call. */
static int set_policy(struct build *b)
{
    const struct xc_guest_config *cfg = b->cfg;
    uint64_t kib =
        cfg->borrow_kib ? cfg->borrow_kib : cfg->max_kib - cfg->memory_kib;
    struct podium_pod_policy policy = {
        .domid = (uint16_t)b->domid,
        .on_empty = (uint16_t)cfg->on_empty,
        .mode = cfg->on_demand ? PODIUM_POD_ON_DEMAND : PODIUM_POD_RESERVED,
        .borrow_limit =
            cfg->on_empty == XC_ON_EMPTY_BORROW ? pages_from_kib(kib) : 0,
    };
    int rc = podium_pod_policy(b->xc, &policy);

    if (rc == -ENOSYS && cfg->on_empty != XC_ON_EMPTY_BORROW &&
        !cfg->on_demand) {
        return 0;
    }
    if (rc == -ENOSYS) {
        return xc_fail(b->xc, -EOPNOTSUPP,
                       "this hypervisor neither lends memory nor allocates it "
                       "on demand");
    }
    return rc ? xc_fail_errno(b->xc, rc,
                              "cannot set what domain %u does without memory",
                              b->domid)
              : 0;
}

int build_limits(struct build *b)
{
    int rc = 0;

    b->size_at_once = podium_is_here(b->xc);
    if (!b->size_at_once) {
        rc = memory_set_limit(b->xc, b->domid,
                              b->cfg->memory_kib + MEMORY_SLACK_KIB);
    }
    if (rc) {
        return xc_fail_errno(b->xc, rc, "cannot limit domain %u's memory",
                             b->domid);
    }
    rc = set_policy(b);
    return rc ? rc : set_paging_pool(b);
}

/* Page tables for all of its RAM in small pages, as far as it may have them. */
static uint64_t table_pages(const struct build *b)
{
    uint64_t regions = b->layout.ram_pages / 512 + 1;
    uint64_t all = regions + regions / 512 + TOP_TABLES;
    uint64_t limit = pages_from_kib(paging_pool_kib(b->cfg));

    return all < limit ? all : limit;
}

/* Free pages that the guest needs beside a cache for its promises. */
static uint64_t pages_to_claim(const struct build *b)
{
    uint64_t pages = LAYOUT_EXTRA_PAGES + table_pages(b);

    /* On demand the claim is the target's. */
    if (b->cfg->no_claim || b->cfg->on_demand) {
        return 0;
    }
    return layout_is_pod(&b->layout) ? pages : pages + b->layout.target_pages;
}

static uint64_t needed_kib(const struct build *b)
{
    uint64_t pages = pages_to_claim(b);

    if (!b->size_at_once || !pages) {
        return b->cfg->memory_kib;
    }
    return kib_from_pages(
        layout_is_pod(&b->layout) ? pages + b->layout.target_pages : pages);
}

static int host_is_full(struct build *b)
{
    struct xc_host host;

    if (xc_host_info(b->xc, &host)) {
        return -ENOMEM;
    }
    return xc_fail(
        b->xc, -ENOMEM,
        "the host has not enough free memory: %llu KiB needed, "
        "%llu KiB free",
        (unsigned long long)needed_kib(b),
        (unsigned long long)(host.free_kib > host.outstanding_kib
                                 ? host.free_kib - host.outstanding_kib
                                 : 0));
}

static int set_pod_target(struct build *b)
{
    int rc;

    if (!is_pod(b)) {
        return 0;
    }
    xc_report(b->xc, "filling the cache", 0, b->cfg->memory_kib);
    rc = memory_set_pod_target(b->xc, b->domid, b->layout.target_pages);
    if (rc == -ENOMEM) {
        return host_is_full(b);
    }
    if (rc) {
        return xc_fail_errno(b->xc, rc, "cannot set aside %llu KiB",
                             (unsigned long long)b->cfg->memory_kib);
    }
    xc_report(b->xc, "filling the cache", b->cfg->memory_kib,
              b->cfg->memory_kib);
    return 0;
}

static int populate_ram(struct build *b)
{
    const struct layout *l = &b->layout;
    bool pod = is_pod(b);
    int rc;

    rc = memory_populate(b->xc, b->domid, 0, l->low_end / PAGE_BYTES, pod);
    if (!rc && l->high_end) {
        rc = memory_populate(b->xc, b->domid, LAYOUT_HIGH / PAGE_BYTES,
                             l->high_end / PAGE_BYTES, pod);
    }
    return rc;
}

static int claim(struct build *b)
{
    int rc = b->cfg->no_claim
                 ? 0
                 : memory_claim(b->xc, b->domid, b->layout.target_pages);

    if (rc == -ENOMEM) {
        return host_is_full(b);
    }
    /* A hypervisor without claims: then there is only the try. */
    if (rc && rc != -ENOSYS) {
        return xc_fail_errno(b->xc, rc, "cannot claim %llu KiB",
                             (unsigned long long)b->cfg->memory_kib);
    }
    return 0;
}

static int claim_and_set_target(struct build *b)
{
    int rc = claim(b);

    return rc ? rc : set_pod_target(b);
}

static int set_size(struct build *b)
{
    const struct layout *l = &b->layout;
    uint64_t kib = b->cfg->memory_kib;
    bool pod = is_pod(b);
    int rc;

    if (pod) {
        xc_report(b->xc, "filling the cache", 0, kib);
    }
    rc = podium_set_size(b->xc, b->domid, l->target_pages + LAYOUT_EXTRA_PAGES,
                         pod ? l->target_pages : 0, pages_to_claim(b));
    if (rc == -ENOMEM) {
        return host_is_full(b);
    }
    if (rc) {
        return xc_fail_errno(b->xc, rc, "cannot set aside %llu KiB",
                             (unsigned long long)kib);
    }
    if (pod) {
        xc_report(b->xc, "filling the cache", kib, kib);
    }
    return 0;
}

int build_memory(struct build *b)
{
    int rc = b->size_at_once ? set_size(b) : claim_and_set_target(b);

    if (!rc) {
        rc = populate_ram(b);
    }
    if (!rc) {
        rc = memory_populate(b->xc, b->domid, LAYOUT_ACPI_GFN,
                             LAYOUT_ACPI_GFN + 1, false);
    }
    if (!rc) {
        rc = memory_populate(b->xc, b->domid, LAYOUT_SPECIAL_GFN,
                             LAYOUT_SPECIAL_GFN + LAYOUT_SPECIAL_COUNT, false);
    }
    if (!b->cfg->no_claim && !b->cfg->on_demand) {
        memory_claim(b->xc, b->domid, 0);
    }
    return rc;
}
