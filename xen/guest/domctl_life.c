/* SPDX-License-Identifier: MIT */
/* Domctls about a domain's life and what it is called: TS-1, 12, 15, 21, 33,
 * 43, 44. */
#include "guest/domctl.h"

#include "arch/timer.h"
#include "domain/time.h"
#include "guest/domain_info.h"
#include "lib/string.h"
#include "types/error.h"

enum {
    FLAGS_REQUIRED = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
    FLAGS_ACCEPTED =
        FLAGS_REQUIRED | XEN_DOMCTL_CDF_oos_off | XEN_DOMCTL_CDF_xs_domain,
    GRANT_VERSION = 1,
    TSC_MODE_DEFAULT = 0,
    TSC_MODE_NATIVE = 2,
};

/* A limit that the tool gave, or the default when it left the choice to us.
 * False: more than we allow. */
static bool choose_limit(int32_t wanted, unsigned most, uint32_t *limit)
{
    *limit = wanted < 0 ? most : (uint32_t)wanted;
    return *limit <= most;
}

static int decode_create(const struct xen_domctl_createdomain *in,
                         domid_t wanted, struct domain_config *out)
{
    if ((in->flags & FLAGS_REQUIRED) != FLAGS_REQUIRED ||
        (in->flags & ~(uint32_t)FLAGS_ACCEPTED) || in->iommu_opts ||
        in->vmtrace_size) {
        return -EINVAL;
    }
    if (in->arch.emulation_flags != XEN_X86_EMU_LAPIC ||
        (in->arch.misc_flags & ~XEN_X86_MSR_RELAXED) ||
        in->grant_opts != XEN_DOMCTL_GRANT_version(GRANT_VERSION) ||
        in->max_vcpus < 1 || in->max_vcpus > MAX_VCPUS) {
        return -EINVAL;
    }
    if (in->cpupool_id != 0) {
        return -ENOENT;
    }
    if (!choose_limit(in->max_grant_frames, GRANT_FRAMES_DEFAULT,
                      &out->max_grant_frames) ||
        !choose_limit(in->max_maptrack_frames, MAPTRACK_FRAMES_DEFAULT,
                      &out->max_maptrack_frames) ||
        out->max_grant_frames == 0) {
        return -EINVAL;
    }
    /* 0 is domain 0's, so it cannot be asked for: it means any, as do all
     * reserved ids (libxl sends 0xffff). */
    out->id = wanted == 0 ? DOMID_LIMIT : wanted;
    out->max_vcpus = in->max_vcpus;
    out->max_evtchn_port = MIN(in->max_evtchn_port, EVENT_PORT_LIMIT - 1u);
    out->creation_flags = in->flags;
    memcpy(out->handle, in->handle, sizeof(out->handle));
    return 0;
}

static int create(struct domctl *c)
{
    const struct xen_domctl_createdomain *in = &c->op.u.createdomain;
    struct domain_config config = {0};
    int rc = decode_create(in, c->op.domain, &config);

    if (!rc) {
        rc = domain_create(&config, &c->d);
    }
    if (!rc) {
        c->d->ssidref = in->ssidref;
        c->op.domain = c->d->id;
    }
    return rc;
}

static int destroy(struct domctl *c)
{
    return domain_kill(c->d);
}

static int pause(struct domctl *c)
{
    domain_pause_sync(c->d);
    return 0;
}

static int unpause(struct domctl *c)
{
    return domain_unpause(c->d);
}

/* The first domain with an id that is not smaller: tools go through all. */
static int get_info(struct domctl *c)
{
    c->d = domain_get_next(c->op.domain);
    if (!c->d) {
        return -ESRCH;
    }
    domain_info_fill(c->d, &c->op.u.getdomaininfo);
    c->op.domain = c->d->id;
    return 0;
}

static int set_handle(struct domctl *c)
{
    memcpy(c->d->handle, c->op.u.setdomainhandle.handle, sizeof(c->d->handle));
    return 0;
}

static int set_debugging(struct domctl *c)
{
    return c->op.u.setdebugging.enable ? -EOPNOTSUPP : 0;
}

static int set_time_offset(struct domctl *c)
{
    c->d->wallclock_offset_s =
        (uint64_t)c->op.u.settimeoffset.time_offset_seconds;
    time_update_wallclock(c->d);
    return 0;
}

/* The guest reads the processor's own TSC, always: a mode that would have it
 * emulated cannot be had. */
static int set_tsc(struct domctl *c)
{
    uint32_t mode = c->op.u.tsc_info.tsc_mode;

    if (mode != TSC_MODE_DEFAULT && mode != TSC_MODE_NATIVE) {
        return -EOPNOTSUPP;
    }
    if (c->d->started) {
        return -EEXIST;
    }
    c->d->tsc_mode = mode;
    return 0;
}

static int get_tsc(struct domctl *c)
{
    c->op.u.tsc_info = (struct xen_domctl_tsc_info){
        .tsc_mode = c->d->tsc_mode,
        .gtsc_khz = (uint32_t)arch_tsc_khz(),
        .elapsed_nsec = arch_time_ns(),
    };
    return 0;
}

static const struct domctl_row rows[] = {
    {XEN_DOMCTL_createdomain, DOMCTL_FINDS | DOMCTL_REPLIES, create},
    {XEN_DOMCTL_destroydomain, DOMCTL_OTHERS, destroy},
    {XEN_DOMCTL_pausedomain, DOMCTL_OTHERS, pause},
    {XEN_DOMCTL_unpausedomain, DOMCTL_OTHERS, unpause},
    {XEN_DOMCTL_getdomaininfo, DOMCTL_FINDS | DOMCTL_REPLIES, get_info},
    {XEN_DOMCTL_setdomainhandle, 0, set_handle},
    {XEN_DOMCTL_setdebugging, DOMCTL_OTHERS, set_debugging},
    {XEN_DOMCTL_settimeoffset, 0, set_time_offset},
    {XEN_DOMCTL_settscinfo, DOMCTL_OTHERS, set_tsc},
    {XEN_DOMCTL_gettscinfo, DOMCTL_REPLIES, get_tsc},
};

const struct domctl_family domctl_life = {rows, ARRAY_COUNT(rows)};
