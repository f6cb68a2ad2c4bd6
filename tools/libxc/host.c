/* SPDX-License-Identifier: MIT */
/*
 * The host: its processors and memory, the hypervisor's version, its console.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/memory.h>
#include <xen/version.h>

#include "libxc/handle.h"
#include "libxc/host.h"
#include "libxc/podium_calls.h"
#include "libxc/transport.h"

#define CONSOLE_STEP 16384
#define CONSOLE_MAX  (16u << 20)

/* ---- resources --------------------------------------------------------- */

static void fill_caps(struct xc_host *host, uint32_t caps)
{
    host->can_hvm = caps & XEN_SYSCTL_PHYSCAP_hvm;
    host->can_pv = caps & XEN_SYSCTL_PHYSCAP_pv;
    host->can_hap = caps & XEN_SYSCTL_PHYSCAP_hap;
    host->can_shadow = caps & XEN_SYSCTL_PHYSCAP_shadow;
    host->can_directio = caps & XEN_SYSCTL_PHYSCAP_directio;
    host->can_gnttab_v1 = caps & XEN_SYSCTL_PHYSCAP_gnttab_v1;
    host->can_gnttab_v2 = caps & XEN_SYSCTL_PHYSCAP_gnttab_v2;
}

/* Not every hypervisor shares pages. */
static uint64_t sharing_kib(struct xc *xc, unsigned int cmd)
{
    int pages = hv_memory(xc, cmd, NULL, 0);

    return pages < 0 ? 0 : kib_from_pages((uint64_t)pages);
}

int xc_host_info(struct xc *xc, struct xc_host *host)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_physinfo};
    const struct xen_sysctl_physinfo *p = &op.u.physinfo;
    int rc = hv_sysctl(xc, &op);

    if (rc < 0) {
        return xc_fail_errno(xc, rc, "cannot ask for the host's resources");
    }
    *host = (struct xc_host){
        .cpus = p->nr_cpus,
        .max_cpu_id = p->max_cpu_id,
        .nodes = p->nr_nodes,
        .threads_per_core = p->threads_per_core,
        .cores_per_socket = p->cores_per_socket,
        .cpu_khz = p->cpu_khz,
        .total_kib = kib_from_pages(p->total_pages),
        .free_kib = kib_from_pages(p->free_pages),
        .scrub_kib = kib_from_pages(p->scrub_pages),
        .outstanding_kib = kib_from_pages(p->outstanding_pages),
        .freeable_kib = xc_tmem_freeable_kib(xc),
        .sharing_freed_kib = sharing_kib(xc, XENMEM_get_sharing_freed_pages),
        .sharing_used_kib = sharing_kib(xc, XENMEM_get_sharing_shared_pages),
    };
    memcpy(host->hw_caps, p->hw_cap, sizeof(host->hw_caps));
    fill_caps(host, p->capabilities);
    return 0;
}

/* ---- version ----------------------------------------------------------- */

/* A text of at most `size` bytes, perhaps without a final 0, to text. */
static void get_text(struct xc *xc, unsigned int cmd, size_t size, char *text,
                     size_t text_size)
{
    char *raw = calloc(1, size + 1);

    text[0] = 0;
    if (raw && hv_version(xc, cmd, raw, size) >= 0) {
        size_t length = strlen(raw);

        while (length && raw[length - 1] == ' ') {
            raw[--length] = 0;
        }
        snprintf(text, text_size, "%s", raw);
    }
    free(raw);
}

static void copy_field(char *to, size_t size, const char *from,
                       size_t from_size)
{
    snprintf(to, size, "%.*s", (int)from_size, from);
}

static void get_compile_info(struct xc *xc, struct xc_version *v)
{
    struct xen_compile_info c = {0};

    if (hv_version(xc, XENVER_compile_info, &c, sizeof(c)) < 0) {
        return;
    }
    copy_field(v->compiler, sizeof(v->compiler), c.compiler,
               sizeof(c.compiler));
    copy_field(v->compile_by, sizeof(v->compile_by), c.compile_by,
               sizeof(c.compile_by));
    copy_field(v->compile_domain, sizeof(v->compile_domain), c.compile_domain,
               sizeof(c.compile_domain));
    copy_field(v->compile_date, sizeof(v->compile_date), c.compile_date,
               sizeof(c.compile_date));
}

/* Fetched last: a hypervisor without one refuses. */
static void get_build_id(struct xc *xc, struct xc_version *v)
{
    struct {
        uint32_t size;
        unsigned char bytes[32];
    } id = {.size = sizeof(id.bytes)};
    int size = hv_version(xc, XENVER_build_id, &id, sizeof(id));

    for (size_t i = 0; (int)i < size && i < sizeof(id.bytes); i++) {
        snprintf(v->build_id + 2 * i, 3, "%02x", id.bytes[i]);
    }
}

const char *host_scheduler_name(uint32_t id)
{
    static const char *const names[] = {
        [XEN_SCHEDULER_CREDIT] = "credit",
        [XEN_SCHEDULER_CREDIT2] = "credit2",
        [XEN_SCHEDULER_ARINC653] = "arinc653",
        [XEN_SCHEDULER_RTDS] = "rtds",
        [XEN_SCHEDULER_NULL] = "null",
    };
    bool known = id < sizeof(names) / sizeof(names[0]) && names[id];

    return known ? names[id] : "unknown";
}

static void get_scheduler(struct xc *xc, struct xc_version *v)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_sched_id};
    uint32_t id = hv_sysctl(xc, &op) < 0 ? 0 : op.u.sched_id.sched_id;

    snprintf(v->scheduler, sizeof(v->scheduler), "%s", host_scheduler_name(id));
}

int xc_version(struct xc *xc, struct xc_version *v)
{
    xen_platform_parameters_t platform = {0};
    int rc = hv_version(xc, XENVER_version, NULL, 0);

    memset(v, 0, sizeof(*v));
    if (rc < 0) {
        return xc_fail_errno(xc, rc, "cannot ask for the version");
    }
    v->major = (uint32_t)rc >> 16;
    v->minor = (uint32_t)rc & 0xffff;
    get_text(xc, XENVER_extraversion, sizeof(xen_extraversion_t), v->extra,
             sizeof(v->extra));
    get_text(xc, XENVER_capabilities, sizeof(xen_capabilities_info_t),
             v->capabilities, sizeof(v->capabilities));
    get_text(xc, XENVER_changeset, sizeof(xen_changeset_info_t), v->changeset,
             sizeof(v->changeset));
    get_text(xc, XENVER_commandline, sizeof(xen_commandline_t), v->commandline,
             sizeof(v->commandline));
    get_compile_info(xc, v);
    get_build_id(xc, v);
    get_scheduler(xc, v);
    rc = hv_version(xc, XENVER_pagesize, NULL, 0);
    v->page_size = rc > 0 ? (uint32_t)rc : PAGE_BYTES;
    if (hv_version(xc, XENVER_platform_parameters, &platform,
                   sizeof(platform)) >= 0) {
        v->virt_start = platform.virt_start;
    }
    v->is_podium = podium_is_here(xc);
    return 0;
}

/* ---- console ----------------------------------------------------------- */

/* The next piece of the ring from *index on; how much, or -errno. */
static int read_piece(struct xc *xc, char *buffer, uint32_t *index)
{
    struct xen_sysctl op = {
        .cmd = XEN_SYSCTL_readconsole,
        .u.readconsole.incremental = 1,
        .u.readconsole.index = *index,
        .u.readconsole.count = CONSOLE_STEP,
    };
    int rc;

    set_xen_guest_handle(op.u.readconsole.buffer, buffer);
    rc = hv_sysctl(xc, &op);
    if (rc < 0) {
        return rc;
    }
    *index = op.u.readconsole.index;
    return (int)op.u.readconsole.count;
}

/* Reads to the end; gives up on a ring that grows as fast as it is read. */
static int read_ring(struct xc *xc, char *buffer, char **text, size_t *size)
{
    uint32_t index = 0;
    int got;

    do {
        char *bigger;

        got = read_piece(xc, buffer, &index);
        if (got < 0) {
            return got;
        }
        bigger = realloc(*text, *size + (size_t)got + 1);
        if (!bigger) {
            return -ENOMEM;
        }
        memcpy(bigger + *size, buffer, (size_t)got);
        *size += (size_t)got;
        bigger[*size] = 0;
        *text = bigger;
    } while (got == CONSOLE_STEP && *size < CONSOLE_MAX);
    return 0;
}

static int clear_ring(struct xc *xc, char *buffer)
{
    struct xen_sysctl op = {
        .cmd = XEN_SYSCTL_readconsole,
        .u.readconsole.clear = 1,
        .u.readconsole.count = CONSOLE_STEP,
    };

    set_xen_guest_handle(op.u.readconsole.buffer, buffer);
    return hv_sysctl(xc, &op);
}

int xc_console_ring(struct xc *xc, bool clear, char **text, size_t *size)
{
    char *buffer = hv_alloc(xc, CONSOLE_STEP);
    int rc = -ENOTCONN;

    *text = NULL;
    *size = 0;
    if (buffer) {
        rc = read_ring(xc, buffer, text, size);
        if (!rc && clear) {
            rc = clear_ring(xc, buffer);
        }
        hv_free(xc, buffer);
    }
    if (rc < 0) {
        free(*text);
        *text = NULL;
        return xc_fail_errno(xc, rc, "cannot read the hypervisor's console");
    }
    return 0;
}

int xc_debug_keys(struct xc *xc, const char *keys)
{
    size_t count = strlen(keys);
    struct xen_sysctl op = {
        .cmd = XEN_SYSCTL_debug_keys,
        .u.debug_keys.nr_keys = (uint32_t)count,
    };
    char *buffer = hv_alloc(xc, count + 1);
    int rc = -ENOTCONN;

    if (buffer) {
        /* Not a string: it has a length. One byte more is there since there
         * may be no key at all. NOLINTNEXTLINE(*-not-null-terminated-result) */
        memcpy(buffer, keys, count);
        set_xen_guest_handle(op.u.debug_keys.keys, buffer);
        rc = hv_sysctl(xc, &op);
        hv_free(xc, buffer);
    }
    return rc < 0 ? xc_fail_errno(xc, rc, "cannot send debug keys") : 0;
}
