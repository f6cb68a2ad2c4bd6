/* SPDX-License-Identifier: MIT */
/*
 * Building a guest.
 *
 * First everything that can be known without a domain: the values make sense,
 * the name is free, the kernel is whole, all of it fits. Then the domain is
 * made, and from there on every failure ends in its destruction.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <xen/event_channel.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>

#include "libxc/build.h"
#include "libxc/domain.h"
#include "libxc/foreign.h"
#include "libxc/guest_nodes.h"
#include "libxc/handle.h"
#include "libxc/podium_calls.h"
#include "libxc/store.h"
#include "libxc/transport.h"
#include "libxc/vcpu_start.h"

#define MIN_KIB     1024
#define MAX_KIB     (1ull << 32) /* 4 TiB */
#define DOM0        0
#define CMDLINE_MAX 2047 /* what Linux keeps of it */

/* ---- before there is a domain ------------------------------------------ */

static int check_memory(struct xc *xc, const struct xc_guest_config *cfg)
{
    if (cfg->memory_kib < MIN_KIB || cfg->max_kib > MAX_KIB) {
        return xc_fail(xc, -EINVAL,
                       "memory must be at least 1 MiB and maxmem at most "
                       "4 TiB");
    }
    if (cfg->memory_kib > cfg->max_kib) {
        return xc_fail(xc, -EINVAL,
                       "memory (%llu KiB) is above maxmem "
                       "(%llu KiB)",
                       (unsigned long long)cfg->memory_kib,
                       (unsigned long long)cfg->max_kib);
    }
    return 0;
}

static int check_config(struct build *b)
{
    const struct xc_guest_config *cfg = b->cfg;
    int rc = check_memory(b->xc, cfg);

    if (rc) {
        return rc;
    }
    b->vcpus_max = cfg->max_vcpus ? cfg->max_vcpus : cfg->vcpus;
    if (cfg->vcpus == 0 || cfg->vcpus > b->vcpus_max ||
        b->vcpus_max > XC_VCPUS_MAX) {
        return xc_fail(b->xc, -EINVAL,
                       "vcpus must be 1 to maxvcpus, and maxvcpus at most %u",
                       XC_VCPUS_MAX);
    }
    if (!cfg->kernel || !cfg->kernel[0]) {
        return xc_fail(b->xc, -EINVAL, "no kernel is given");
    }
    if (cfg->cmdline && strlen(cfg->cmdline) > CMDLINE_MAX) {
        return xc_fail(b->xc, -EINVAL,
                       "the kernel's command line is longer than %u bytes",
                       CMDLINE_MAX);
    }
    return domain_name_check(b->xc, cfg->name, UINT32_MAX);
}

/* A random UUID (version 4) unless one was given. */
static int choose_uuid(struct build *b)
{
    static const uint8_t none[XC_UUID_BYTES];

    memcpy(b->uuid, b->cfg->uuid, sizeof(b->uuid));
    if (memcmp(b->uuid, none, sizeof(none))) {
        return 0;
    }
    if (getrandom(b->uuid, sizeof(b->uuid), 0) != sizeof(b->uuid)) {
        return xc_fail_errno(b->xc, -errno, "cannot make a UUID");
    }
    b->uuid[6] = (uint8_t)((b->uuid[6] & 0x0f) | 0x40);
    b->uuid[8] = (uint8_t)((b->uuid[8] & 0x3f) | 0x80);
    return 0;
}

static int prepare(struct build *b)
{
    int rc = check_config(b);

    if (!rc) {
        rc = choose_uuid(b);
    }
    if (!rc) {
        rc = image_load(b->xc, b->cfg->kernel, &b->image);
    }
    if (!rc && b->cfg->ramdisk && b->cfg->ramdisk[0]) {
        rc = file_read(b->xc, "ramdisk", b->cfg->ramdisk, &b->ramdisk);
    }
    if (!rc) {
        rc = layout_plan(b->xc, b->cfg, &b->image, b->ramdisk.size, &b->layout);
    }
    return rc;
}

/* ---- wiring ------------------------------------------------------------ */

static int open_channel(struct build *b, uint32_t *port)
{
    struct evtchn_alloc_unbound a = {
        .dom = (domid_t)b->domid,
        .remote_dom = DOM0,
    };
    int rc = hv_evtchn(b->xc, EVTCHNOP_alloc_unbound, &a, sizeof(a));

    *port = a.port;
    return rc < 0 ? xc_fail_errno(b->xc, rc,
                                  "cannot make an event channel for domain %u",
                                  b->domid)
                  : 0;
}

static int set_param(struct build *b, uint32_t index, uint64_t value)
{
    struct xen_hvm_param p = {
        .domid = (domid_t)b->domid,
        .index = index,
        .value = value,
    };
    int rc = hv_hvm(b->xc, HVMOP_set_param, &p, sizeof(p));

    return rc < 0 ? xc_fail_errno(b->xc, rc,
                                  "cannot set parameter %u of domain %u", index,
                                  b->domid)
                  : 0;
}

/* The guest finds its rings and channels by asking for these parameters. */
static int set_params(struct build *b)
{
    const struct {
        uint32_t index;
        uint64_t value;
    } params[] = {
        {HVM_PARAM_TIMER_MODE, HVMPTM_no_delay_for_missed_ticks},
        {HVM_PARAM_STORE_PFN, layout_special_gfn(SPECIAL_XENSTORE)},
        {HVM_PARAM_BUFIOREQ_PFN, layout_special_gfn(SPECIAL_BUFIOREQ)},
        {HVM_PARAM_IOREQ_PFN, layout_special_gfn(SPECIAL_IOREQ)},
        {HVM_PARAM_CONSOLE_PFN, layout_special_gfn(SPECIAL_CONSOLE)},
        {HVM_PARAM_PAGING_RING_PFN, layout_special_gfn(SPECIAL_PAGING)},
        {HVM_PARAM_MONITOR_RING_PFN, layout_special_gfn(SPECIAL_ACCESS)},
        {HVM_PARAM_SHARING_RING_PFN, layout_special_gfn(SPECIAL_SHARING)},
        {HVM_PARAM_IDENT_PT, layout_special_gfn(SPECIAL_IDENT_PT) * PAGE_BYTES},
        {HVM_PARAM_CONSOLE_EVTCHN, b->console_port},
        {HVM_PARAM_STORE_EVTCHN, b->store_port},
    };

    for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
        int rc = set_param(b, params[i].index, params[i].value);

        if (rc) {
            return rc;
        }
    }
    return 0;
}

/* dom0's daemons map the rings by the grant numbers reserved for them. */
static int grant_rings(struct build *b)
{
    const uint64_t gfns[] = {
        layout_special_gfn(SPECIAL_CONSOLE),  /* 0 */
        layout_special_gfn(SPECIAL_XENSTORE), /* 1 */
    };

    return foreign_grant(b->xc, b->domid, DOM0, gfns, 2);
}

static int introduce(struct build *b)
{
    struct guest_nodes nodes = {
        .domid = b->domid,
        .name = b->cfg->name,
        .kernel = b->cfg->kernel,
        .ramdisk = b->cfg->ramdisk,
        .cmdline = b->cfg->cmdline,
        .max_kib = b->cfg->max_kib,
        .target_kib = b->cfg->memory_kib,
        .extra_kib = kib_from_pages(LAYOUT_EXTRA_PAGES),
        .vcpus = b->cfg->vcpus,
        .vcpus_max = b->vcpus_max,
        .store_port = b->store_port,
        .console_port = b->console_port,
        .store_gfn = layout_special_gfn(SPECIAL_XENSTORE),
        .console_gfn = layout_special_gfn(SPECIAL_CONSOLE),
    };
    int rc;

    memcpy(nodes.uuid, b->uuid, sizeof(nodes.uuid));
    rc = guest_nodes_create(b->xc, &nodes);
    return rc ? rc
              : store_introduce(b->xc, b->domid, nodes.store_gfn,
                                b->store_port);
}

/* Nothing has to be done for the default. */
static int set_tsc_mode(struct build *b)
{
    struct xen_domctl op = {
        .cmd = XEN_DOMCTL_settscinfo,
        .domain = (domid_t)b->domid,
        .u.tsc_info.tsc_mode = b->cfg->tsc_mode,
    };
    int rc = b->cfg->tsc_mode == XC_TSC_DEFAULT ? 0 : hv_domctl(b->xc, &op);

    if (rc == -EOPNOTSUPP) {
        return xc_fail(b->xc, rc,
                       "the hypervisor does not have this tsc_mode, only "
                       "default and native");
    }
    return rc < 0 ? xc_fail_errno(b->xc, rc, "cannot set the tsc_mode") : 0;
}

static int set_scrub_pattern(struct build *b)
{
    uint64_t pattern = b->cfg->scrub_pattern;
    int rc = pattern ? podium_set_scrub_pattern(b->xc, b->domid, pattern) : 0;

    if (rc == -ENOSYS) {
        return xc_fail(b->xc, -EOPNOTSUPP,
                       "the hypervisor does not know scrub_pattern");
    }
    return rc ? xc_fail_errno(b->xc, rc, "cannot set the scrub_pattern") : 0;
}

/* ---- all of it --------------------------------------------------------- */

static int build_domain(struct build *b)
{
    int rc = build_limits(b);

    if (!rc) {
        rc = set_tsc_mode(b);
    }
    if (!rc) {
        rc = set_scrub_pattern(b);
    }
    if (!rc) {
        rc = open_channel(b, &b->store_port);
    }
    if (!rc) {
        rc = open_channel(b, &b->console_port);
    }
    if (!rc) {
        rc = build_memory(b);
    }
    if (!rc) {
        rc = build_load(b);
    }
    if (!rc) {
        rc = set_params(b);
    }
    if (!rc) {
        rc = vcpu_start(b->xc, b->domid, b->vcpus_max, b->image.entry,
                        (uint32_t)b->layout.start_info);
    }
    if (!rc) {
        rc = grant_rings(b);
    }
    if (!rc) {
        rc = introduce(b);
    }
    return rc;
}

/* The first failure is what the user hears of, not what came of cleaning. */
static void undo(struct build *b)
{
    char error[sizeof(b->xc->error)];

    memcpy(error, b->xc->error, sizeof(error));
    xc_domain_destroy(b->xc, b->domid);
    memcpy(b->xc->error, error, sizeof(error));
}

int xc_domain_create(struct xc *xc, const struct xc_guest_config *cfg,
                     uint32_t *domid)
{
    struct build b = {.xc = xc, .cfg = cfg};
    int rc = prepare(&b);

    if (!rc) {
        rc = domain_make(xc, b.uuid, b.vcpus_max, &b.domid);
    }
    if (!rc) {
        rc = build_domain(&b);
        if (rc) {
            undo(&b);
        }
    }
    *domid = b.domid;
    image_free(&b.image);
    file_free(&b.ramdisk);
    return rc;
}
