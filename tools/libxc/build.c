/* SPDX-License-Identifier: MIT */
/*
 * Building a guest.
 *
 * First everything that can be known without a domain: the values make sense,
 * the name is free, the kernel is whole, all of it fits. Then the domain is
 * made, and from there on every failure ends in its destruction.
 *
 * Memory: `memory` is claimed, so that nobody can take it from us half-way.
 * If more is promised (maxmem) than given, the PoD target is set while the
 * domain is empty, which fills its cache with `memory`; then all of its RAM is
 * marked as promised, in the largest pieces, at a cost that does not depend on
 * its size. The kernel, written through foreign mappings, takes its pages out
 * of the cache. Ring pages and ACPI tables come on top, within the slack
 * between `memory` and the hypervisor's limit.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <xen/event_channel.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/memory.h>

#include "libxc/acpi.h"
#include "libxc/domain.h"
#include "libxc/file.h"
#include "libxc/foreign.h"
#include "libxc/guest_nodes.h"
#include "libxc/handle.h"
#include "libxc/image.h"
#include "libxc/layout.h"
#include "libxc/memory.h"
#include "libxc/store.h"
#include "libxc/transport.h"
#include "libxc/vcpu_start.h"

#define LOAD_STEP     (4u << 20)
#define MIN_KIB       1024
#define MAX_KIB       (1ull << 32) /* 4 TiB */
#define DOM0          0
#define VCPU_POOL_KIB 1024 /* page tables: per vCPU, and per MiB of RAM */
#define CMDLINE_MAX   2047 /* what Linux keeps of it */

/* A guest being built. */
struct build {
    struct xc *xc;
    const struct xc_guest_config *cfg;
    uint8_t uuid[XC_UUID_BYTES];
    uint32_t vcpus_max;
    struct image image;
    struct file ramdisk;
    struct layout layout;
    uint32_t domid;
    uint32_t store_port, console_port;
};

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

/* ---- limits, channels, memory ------------------------------------------ */

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

static int set_paging_pool(struct build *b)
{
    uint64_t kib = (uint64_t)VCPU_POOL_KIB * b->vcpus_max +
                   kib_from_pages((b->cfg->max_kib + 1023) / 1024);
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

static int set_limits(struct build *b)
{
    int rc = memory_set_limit(b->xc, b->domid,
                              b->cfg->memory_kib + MEMORY_SLACK_KIB);

    if (rc) {
        return xc_fail_errno(b->xc, rc, "cannot limit domain %u's memory",
                             b->domid);
    }
    rc = set_param(b, HVM_PARAM_TIMER_MODE, HVMPTM_no_delay_for_missed_ticks);
    return rc ? rc : set_paging_pool(b);
}

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
        (unsigned long long)b->cfg->memory_kib,
        (unsigned long long)(host.free_kib > host.outstanding_kib
                                 ? host.free_kib - host.outstanding_kib
                                 : 0));
}

static int set_pod_target(struct build *b)
{
    int rc;

    if (!layout_is_pod(&b->layout)) {
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
    bool pod = layout_is_pod(l);
    int rc;

    rc = memory_populate(b->xc, b->domid, 0, l->low_end / PAGE_BYTES, pod);
    if (!rc && l->high_end) {
        rc = memory_populate(b->xc, b->domid, LAYOUT_HIGH / PAGE_BYTES,
                             l->high_end / PAGE_BYTES, pod);
    }
    return rc;
}

static int give_memory(struct build *b)
{
    int rc = memory_claim(b->xc, b->domid, b->layout.target_pages);

    if (rc == -ENOMEM) {
        return host_is_full(b);
    }
    /* A hypervisor without claims: then there is only the try. */
    if (rc && rc != -ENOSYS) {
        return xc_fail_errno(b->xc, rc, "cannot claim %llu KiB",
                             (unsigned long long)b->cfg->memory_kib);
    }
    rc = set_pod_target(b);
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
    memory_claim(b->xc, b->domid, 0);
    return rc;
}

/* ---- contents ---------------------------------------------------------- */

/* What "loading ..." has come to; what == NULL: not worth reporting. */
struct loading {
    const char *what;
    uint64_t done, total;
};

/* Bytes to a guest address, in steps, with progress. */
static int load(struct build *b, struct loading *progress, uint64_t gpa,
                const uint8_t *data, uint64_t size)
{
    while (size) {
        uint64_t step = LOAD_STEP - gpa % LOAD_STEP;
        int rc;

        step = step < size ? step : size;
        rc = foreign_load(b->xc, b->domid, gpa, data, step);
        if (rc) {
            return rc;
        }
        gpa += step;
        data += step;
        size -= step;
        progress->done += step;
        if (progress->what) {
            xc_report(b->xc, progress->what, progress->done, progress->total);
        }
    }
    return 0;
}

static int load_quietly(struct build *b, uint64_t gpa, const void *data,
                        uint64_t size)
{
    struct loading progress = {0};

    return load(b, &progress, gpa, data, size);
}

static int load_kernel(struct build *b)
{
    struct loading progress = {.what = "loading kernel"};

    for (unsigned int i = 0; i < b->image.segment_count; i++) {
        progress.total += b->image.segments[i].file_size;
    }
    for (unsigned int i = 0; i < b->image.segment_count; i++) {
        const struct image_segment *s = &b->image.segments[i];
        int rc = load(b, &progress, s->paddr, s->data, s->file_size);

        if (rc) {
            return rc;
        }
    }
    return 0;
}

static int load_ramdisk(struct build *b)
{
    struct loading progress = {.what = "loading ramdisk",
                               .total = b->ramdisk.size};

    return load(b, &progress, b->layout.ramdisk, b->ramdisk.data,
                b->ramdisk.size);
}

static int load_start_info(struct build *b)
{
    uint8_t *bytes = NULL;
    int rc = layout_start_info(b->xc, &b->layout, b->cfg->cmdline, &bytes);

    if (!rc) {
        rc = load_quietly(b, b->layout.start_info, bytes,
                          b->layout.start_info_size);
    }
    free(bytes);
    return rc;
}

static int load_acpi(struct build *b)
{
    struct acpi_config config = {
        .address = LAYOUT_ACPI_GFN * PAGE_BYTES,
        .vcpus = b->cfg->vcpus,
        .vcpus_max = b->vcpus_max,
    };
    uint8_t page[ACPI_BYTES_MAX];
    size_t size = acpi_build(&config, page);

    return load_quietly(b, config.address, page, size);
}

/*
 * A processor that cannot run a guest with paging off runs it on this table
 * instead: 4 GiB mapped to itself in 4 MiB pages.
 */
static int load_identity_map(struct build *b)
{
    uint32_t entries[PAGE_BYTES / sizeof(uint32_t)];

    for (uint32_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        entries[i] = i << 22 | 0xe7; /* 4 MiB, used, user, writable */
    }
    return load_quietly(b, layout_special_gfn(SPECIAL_IDENT_PT) * PAGE_BYTES,
                        entries, sizeof(entries));
}

/* What XENMEM_memory_map tells the guest, the same as its start info. */
static int set_memory_map(struct build *b)
{
    struct __attribute__((packed)) {
        uint64_t address, size;
        uint32_t type;
    } * map;
    struct xen_foreign_memory_map arg = {.domid = (domid_t)b->domid};
    int rc;

    map = hv_alloc(b->xc, b->layout.map_count * sizeof(*map));
    if (!map) {
        return xc_fail_errno(b->xc, -ENOMEM, "cannot set the memory map");
    }
    for (unsigned int i = 0; i < b->layout.map_count; i++) {
        map[i].address = b->layout.map[i].address;
        map[i].size = b->layout.map[i].size;
        map[i].type = b->layout.map[i].type;
    }
    arg.map.nr_entries = b->layout.map_count;
    set_xen_guest_handle(arg.map.buffer, map);
    rc = hv_memory(b->xc, XENMEM_set_memory_map, &arg, sizeof(arg));
    hv_free(b->xc, map);
    return rc < 0 ? xc_fail_errno(b->xc, rc, "cannot set the memory map") : 0;
}

static int load_all(struct build *b)
{
    int rc = load_kernel(b);

    if (!rc) {
        rc = load_start_info(b);
    }
    if (!rc) {
        rc = load_ramdisk(b);
    }
    if (!rc) {
        rc = load_acpi(b);
    }
    if (!rc) {
        rc = load_identity_map(b);
    }
    if (!rc) {
        rc = set_memory_map(b);
    }
    return rc;
}

/* ---- wiring ------------------------------------------------------------ */

/* The guest finds its rings and channels by asking for these parameters. */
static int set_params(struct build *b)
{
    const struct {
        uint32_t index;
        uint64_t value;
    } params[] = {
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

/* ---- all of it --------------------------------------------------------- */

static int build_domain(struct build *b)
{
    int rc = set_limits(b);

    if (!rc) {
        rc = open_channel(b, &b->store_port);
    }
    if (!rc) {
        rc = open_channel(b, &b->console_port);
    }
    if (!rc) {
        rc = give_memory(b);
    }
    if (!rc) {
        rc = load_all(b);
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
