/* SPDX-License-Identifier: MIT */
/*
 * Nothing here stops the domain: its counts are read while they change, which
 * is all that a listing can promise.
 */
#include "guest/domain_info.h"

#include "domain/sched.h"
#include "lib/string.h"

enum {
    GPADDR_BITS = 48,
};
BUILD_ASSERT(BIT(GPADDR_BITS - PAGE_SHIFT) == P2M_GFN_LIMIT, "gfn width");

static void fill_vcpus(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    bool all_blocked = true;

    for (unsigned i = 0; i < d->max_vcpus; i++) {
        const struct vcpu *v = d->vcpus[i];
        uint32_t hold = READ_ONCE(v->hold);

        info->cpu_time += sched_cpu_time(v);
        if (hold & HOLD_OFFLINE) {
            continue;
        }
        info->nr_online_vcpus++;
        all_blocked &= (hold & (HOLD_BLOCKED | HOLD_MEMORY)) != 0;
        if (READ_ONCE(v->running_on) != NOT_RUNNING) {
            info->flags |= XEN_DOMINF_running;
        }
    }
    if (info->nr_online_vcpus && all_blocked) {
        info->flags |= XEN_DOMINF_blocked;
    }
}

static uint32_t life_flags(struct domain *d)
{
    uint32_t flags = XEN_DOMINF_hvm_guest | XEN_DOMINF_hap;

    lock(&d->lock);
    if (d->dying == DOMAIN_DEAD) {
        flags |= XEN_DOMINF_dying;
    }
    if (d->pause_count) {
        flags |= XEN_DOMINF_paused;
    }
    if (d->shutdown) {
        flags |= XEN_DOMINF_shutdown;
        flags |= (uint32_t)d->shutdown_code << XEN_DOMINF_shutdownshift;
    }
    if (d->creation_flags & XEN_DOMCTL_CDF_xs_domain) {
        flags |= XEN_DOMINF_xs_domain;
    }
    unlock(&d->lock);
    return flags;
}

void domain_info_fill(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    *info = (struct xen_domctl_getdomaininfo){
        .domain = d->id,
        .flags = life_flags(d),
        .tot_pages = READ_ONCE(d->account.page_count),
        .max_pages = READ_ONCE(d->account.max_pages),
        .outstanding_pages = READ_ONCE(d->account.claimed),
        .shared_info_frame = ~0ULL,
        .max_vcpu_id = d->max_vcpus - 1,
        .ssidref = d->ssidref,
        .gpaddr_bits = GPADDR_BITS,
        .arch_config.emulation_flags = XEN_X86_EMU_LAPIC,
    };
    memcpy(info->handle, d->handle, sizeof(info->handle));
    fill_vcpus(d, info);
}
