/* SPDX-License-Identifier: MIT */
/*
 * How far a promise is kept. In the hypervisor's terms, with E placeholders,
 * C cached pages and tot pages charged to the domain:
 *
 *   populated = tot - C         pages that the guest has
 *   deficit   = E - C           placeholders with nothing behind them
 *   ballooned = R - E - populated RAM
 *
 * where R is the RAM that the builder promised. Builder's pages on top of the
 * RAM (rings, ACPI) are in tot; it noted how many.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libxc/handle.h"
#include "libxc/memory.h"
#include "libxc/podium_calls.h"
#include "libxc/store.h"

static uint64_t minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* What xenstore knows; a domain without nodes just has zeros there. */
static void fill_from_store(struct xc *xc, uint32_t domid, struct xc_pod *pod)
{
    uint64_t ram_kib, extra_kib;
    struct xc_memory mem;

    if (!xc_memory_get(xc, domid, &mem)) {
        pod->static_max_kib = mem.static_max_kib;
        pod->target_kib = mem.target_kib;
    }
    if (store_read_number(xc, &ram_kib, "/libxl/%u/ram-kib", domid) ||
        store_read_number(xc, &extra_kib, "/libxl/%u/extra-kib", domid)) {
        ram_kib = pod->static_max_kib;
        extra_kib = 0;
    }
    pod->ballooned_kib = minus(
        ram_kib, pod->promised_kib + minus(pod->populated_kib, extra_kib));
    xc->error[0] = 0;
}

/* Our own hypervisor tells all at one moment. */
static void get_counts(struct xc *xc, const struct xc_domain *info,
                       struct memory_pod *m)
{
    struct podium_size size;

    if (!podium_get_size(xc, info->domid, &size)) {
        m->total = size.charged;
        m->cached = size.cached;
        m->entries = size.promised;
    } else if (!info->hvm || memory_get_pod(xc, info->domid, m)) {
        /* Of dom0 and PV guests the question may be refused: nothing there. */
        m->total = pages_from_kib(info->current_kib);
    }
}

int xc_pod_info(struct xc *xc, uint32_t domid, struct xc_pod *pod)
{
    struct memory_pod m = {0};
    struct xc_domain info;
    int rc;

    memset(pod, 0, sizeof(*pod));
    rc = xc_domain_info(xc, domid, &info);
    if (rc) {
        return rc;
    }
    get_counts(xc, &info, &m);
    pod->promised_kib = kib_from_pages(m.entries);
    pod->cached_kib = kib_from_pages(m.cached);
    pod->populated_kib = kib_from_pages(minus(m.total, m.cached));
    pod->deficit_kib = minus(pod->promised_kib, pod->cached_kib);
    fill_from_store(xc, domid, pod);
    return 0;
}

int xc_pod_counters(struct xc *xc, uint32_t domid, struct xc_pod_counters *c)
{
    uint64_t words[PODIUM_WORDS];
    int rc = podium_pod_counters(xc, domid, words);

    if (rc) {
        return xc_fail_errno(xc, rc, "cannot read the counters of domain %u",
                             domid);
    }
    c->populate_4k = words[PODIUM_POPULATE_4K];
    c->populate_2m = words[PODIUM_POPULATE_2M];
    c->splinter_2m = words[PODIUM_SPLINTER_2M];
    c->splinter_1g = words[PODIUM_SPLINTER_1G];
    c->sweep_gfns_visited = words[PODIUM_SWEEP_GFNS_VISITED];
    c->sweep_pages_read = words[PODIUM_SWEEP_PAGES_READ];
    c->reclaimed_4k = words[PODIUM_RECLAIMED_4K];
    c->reclaimed_2m = words[PODIUM_RECLAIMED_2M];
    c->pages_cleared = words[PODIUM_PAGES_CLEARED];
    c->oom_events = words[PODIUM_OOM_EVENTS];
    return 0;
}
