/* SPDX-License-Identifier: MIT */
/*
 * How far a promise is kept. In the hypervisor's terms, with E placeholders,
 * C cached pages and tot pages charged to the domain:
 *
 *   populated = tot - C         pages that the guest has
 *   deficit   = E - C - K       placeholders with nothing behind them; K, what
 *                               is claimed for them, is 0 but on demand
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

/* The target that the guest is told with such a PoD target. */
static uint64_t target_kib(struct xc *xc, uint32_t domid, uint64_t pod_target)
{
    return minus(kib_from_pages(pod_target),
                 memory_above_target_kib(xc, domid));
}

static void fill_from_podium(struct xc *xc, uint32_t domid, struct xc_pod *pod)
{
    struct podium_pod_state s;

    if (podium_pod_state(xc, domid, &s)) {
        return;
    }
    pod->has_policy = true;
    pod->on_empty = (enum xc_on_empty)s.on_empty;
    pod->on_demand = s.mode == PODIUM_POD_ON_DEMAND;
    pod->claimed_kib = kib_from_pages(s.claimed);
    pod->borrowed_kib = kib_from_pages(s.borrowed);
    pod->borrow_limit_kib = kib_from_pages(s.borrow_limit);
    pod->waiting_vcpus = (uint32_t)s.waiting;
    pod->waits = s.waits;
    pod->waits_at = s.waiting ? s.gfn * PAGE_BYTES : 0;
    pod->next_target_kib = target_kib(xc, domid, s.target_next);
    pod->all_target_kib = target_kib(xc, domid, s.target_all);
}

int xc_pod_set_policy(struct xc *xc, uint32_t domid, enum xc_on_empty on_empty,
                      uint64_t borrow_kib)
{
    struct podium_pod_policy policy = {
        .domid = (uint16_t)domid,
        .on_empty = (uint16_t)on_empty,
    };
    struct podium_pod_state s;
    struct xc_memory mem;
    int rc = podium_pod_state(xc, domid, &s);

    if (!rc && on_empty == XC_ON_EMPTY_BORROW && !borrow_kib) {
        rc = xc_memory_get(xc, domid, &mem);
        borrow_kib = rc ? 0 : minus(mem.static_max_kib, mem.target_kib);
    }
    if (!rc) {
        policy.mode = s.mode;
        policy.borrow_limit = pages_from_kib(borrow_kib);
        rc = podium_pod_policy(xc, &policy);
    }
    if (rc == -ENOSYS) {
        return xc_fail(xc, -EOPNOTSUPP,
                       "this hypervisor ends every guest that lacks memory");
    }
    return rc ? xc_fail_errno(xc, rc,
                              "cannot set what domain %u does without memory",
                              domid)
              : 0;
}

uint32_t xc_pod_waiting(struct xc *xc, uint32_t domid)
{
    struct podium_pod_state s;

    return podium_pod_state(xc, domid, &s) ? 0 : (uint32_t)s.waiting;
}

const char *xc_on_empty_name(enum xc_on_empty on_empty)
{
    static const char *const names[] = {
        [XC_ON_EMPTY_WAIT] = "wait",
        [XC_ON_EMPTY_BORROW] = "borrow",
        [XC_ON_EMPTY_CRASH] = "crash",
    };

    return names[on_empty];
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
    fill_from_podium(xc, domid, pod);
    pod->deficit_kib =
        minus(pod->promised_kib, pod->cached_kib + pod->claimed_kib);
    fill_from_store(xc, domid, pod);
    return 0;
}

/* By the order of the words. */
static const char *const counter_names[] = {
    [PODIUM_POPULATE_4K] = "populate_4k",
    [PODIUM_POPULATE_2M] = "populate_2m",
    [PODIUM_SPLINTER_2M] = "splinter_2m",
    [PODIUM_SPLINTER_1G] = "splinter_1g",
    [PODIUM_EAGER_CHECKED] = "eager_checked",
    [PODIUM_SWEEP_GFNS_VISITED] = "sweep_gfns_visited",
    [PODIUM_SWEEP_PAGES_READ] = "sweep_pages_read",
    [PODIUM_UNMAPS] = "unmaps",
    [PODIUM_UNMAPS_RESTORED] = "unmaps_restored",
    [PODIUM_RECLAIMED_4K] = "reclaimed_4k",
    [PODIUM_RECLAIMED_2M] = "reclaimed_2m",
    [PODIUM_TLB_FLUSHES_RECLAIM] = "tlb_flushes_reclaim",
    [PODIUM_STEALS] = "steals",
    [PODIUM_CACHE_FREED] = "cache_freed",
    [PODIUM_PAGES_CLEARED] = "pages_cleared",
    [PODIUM_OOM_EVENTS] = "oom_events",
    [PODIUM_MAX_GFNS_PER_LOCK_HOLD] = "max_gfns_per_lock_hold",
    [PODIUM_SUPERPAGES_REFORMED] = "superpages_reformed",
    [PODIUM_SWEEP_PAGES_KNOWN] = "sweep_pages_known",
    [PODIUM_SEARCHES] = "searches",
    [PODIUM_BACKGROUND_SLICES] = "background_slices",
    [PODIUM_BACKGROUND_RECLAIMED] = "background_reclaimed",
    [PODIUM_ZERO_MAPS_4K] = "zero_maps_4k",
    [PODIUM_ZERO_MAPS_2M] = "zero_maps_2m",
    [PODIUM_ZERO_UPGRADES] = "zero_upgrades",
    [PODIUM_SUPERPAGES_MAPPED] = "superpages_mapped",
    [PODIUM_SUPERPAGES_CACHED] = "superpages_cached",
    [PODIUM_SUPERPAGES_BROKEN] = "superpages_broken",
    [PODIUM_CACHE_ENTERED] = "cache_entered",
    [PODIUM_TABLES_PAID] = "tables_paid",
    [PODIUM_TABLES_RESERVED] = "tables_reserved",
    [PODIUM_TABLES_OWED] = "tables_owed",
    [PODIUM_WAITS] = "waits",
    [PODIUM_BORROWED] = "borrowed",
    [PODIUM_SUPERPAGES_GATHERED] = "superpages_gathered",
};
_Static_assert(sizeof(counter_names) / sizeof(counter_names[0]) == PODIUM_WORDS,
               "each counter has a name");
_Static_assert(PODIUM_WORDS <= XC_POD_COUNTERS, "room for all counters");

int xc_pod_counters(struct xc *xc, uint32_t domid,
                    struct xc_counter counters[XC_POD_COUNTERS])
{
    uint64_t words[PODIUM_WORDS] = {0};
    int rc = podium_pod_counters(xc, domid, words);

    if (rc) {
        return xc_fail_errno(xc, rc, "cannot read the counters of domain %u",
                             domid);
    }
    for (int i = 0; i < PODIUM_WORDS; i++) {
        counters[i] = (struct xc_counter){counter_names[i], words[i]};
    }
    return PODIUM_WORDS;
}

uint64_t xc_counter_value(const struct xc_counter *counters, int count,
                          const char *name)
{
    for (int i = 0; i < count; i++) {
        if (!strcmp(counters[i].name, name)) {
            return counters[i].value;
        }
    }
    return 0;
}

int xc_audit(struct xc *xc, uint32_t domid, struct xc_audit *audit)
{
    struct podium_audit a;
    int rc = podium_audit(xc, domid, &a);

    if (rc) {
        return xc_fail_errno(xc, rc, "cannot have domain %u audited", domid);
    }
    *audit = (struct xc_audit){
        .differences = a.differences,
        .at_domain = a.at_domid != UINT16_MAX,
        .domid = a.at_domid,
        .gfn = a.gfn,
        .mfn = a.mfn,
        .found = a.found,
        .expected = a.expected,
    };
    memcpy(audit->invariant, a.invariant, sizeof(a.invariant));
    memcpy(audit->what, a.what, sizeof(a.what));
    return 0;
}
