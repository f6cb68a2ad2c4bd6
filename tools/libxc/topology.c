/* SPDX-License-Identifier: MIT */
/*
 * The host's CPUs, memory nodes and CPU pools. The lists are asked for twice:
 * how long, and then what; what was added in between is left out.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libxc/handle.h"
#include "libxc/host.h"
#include "libxc/store.h"
#include "libxc/transport.h"

/* ---- CPUs -------------------------------------------------------------- */

static int read_cpus(struct xc *xc, xen_sysctl_cputopo_t *buffer,
                     uint32_t *count)
{
    struct xen_sysctl op = {
        .cmd = XEN_SYSCTL_cputopoinfo,
        .u.cputopoinfo.num_cpus = *count,
    };
    int rc;

    if (buffer) {
        set_xen_guest_handle(op.u.cputopoinfo.cputopo, buffer);
    }
    rc = hv_sysctl(xc, &op);
    if (rc >= 0 && (!buffer || op.u.cputopoinfo.num_cpus < *count)) {
        *count = op.u.cputopoinfo.num_cpus;
    }
    return rc < 0 ? rc : 0;
}

/* -ENOMEM for lack of anything. */
static int list_cpus(struct xc *xc, struct xc_cpu **list, uint32_t count)
{
    xen_sysctl_cputopo_t *buffer = hv_alloc(xc, count * sizeof(*buffer));
    int rc = buffer ? read_cpus(xc, buffer, &count) : -ENOMEM;

    *list = rc ? NULL : calloc(count + 1, sizeof(**list));
    for (uint32_t i = 0; *list && i < count; i++) {
        (*list)[i] = (struct xc_cpu){
            .exists = buffer[i].core != XEN_INVALID_CORE_ID,
            .core = buffer[i].core,
            .socket = buffer[i].socket,
            .node = buffer[i].node,
        };
    }
    hv_free(xc, buffer);
    return rc ? rc : *list ? 0 : -ENOMEM;
}

int xc_host_cpus(struct xc *xc, struct xc_cpu **list, uint32_t *count)
{
    int rc;

    *list = NULL;
    *count = 0;
    rc = read_cpus(xc, NULL, count);
    if (!rc) {
        rc = list_cpus(xc, list, *count);
    }
    return rc ? xc_fail_errno(xc, rc, "cannot ask for the host's CPUs") : 0;
}

/* ---- memory nodes ------------------------------------------------------ */

struct node_buffers {
    xen_sysctl_meminfo_t *memory;
    uint32_t *distance; /* [from * count + to] */
};

static int read_nodes(struct xc *xc, const struct node_buffers *b,
                      uint32_t *count)
{
    struct xen_sysctl op = {
        .cmd = XEN_SYSCTL_numainfo,
        .u.numainfo.num_nodes = *count,
    };
    int rc;

    if (b) {
        set_xen_guest_handle(op.u.numainfo.meminfo, b->memory);
        set_xen_guest_handle(op.u.numainfo.distance, b->distance);
    }
    rc = hv_sysctl(xc, &op);
    if (rc >= 0 && (!b || op.u.numainfo.num_nodes < *count)) {
        *count = op.u.numainfo.num_nodes;
    }
    return rc < 0 ? rc : 0;
}

static void fill_node(struct xc_node *node, const struct node_buffers *b,
                      uint32_t id, uint32_t count)
{
    node->size_kib = b->memory[id].memsize / 1024;
    node->free_kib = b->memory[id].memfree / 1024;
    for (uint32_t to = 0; to < count && to < XC_NODES_MAX; to++) {
        node->distance[to] = b->distance[id * count + to];
    }
}

static int list_nodes(struct xc *xc, struct xc_node **list, uint32_t count)
{
    struct node_buffers b = {
        .memory = hv_alloc(xc, count * sizeof(*b.memory)),
        .distance = hv_alloc(xc, (size_t)count * count * sizeof(*b.distance)),
    };
    int rc = b.memory && b.distance ? read_nodes(xc, &b, &count) : -ENOMEM;

    *list = rc ? NULL : calloc(count + 1, sizeof(**list));
    for (uint32_t i = 0; *list && i < count; i++) {
        fill_node(&(*list)[i], &b, i, count);
    }
    hv_free(xc, b.memory);
    hv_free(xc, b.distance);
    return rc ? rc : *list ? 0 : -ENOMEM;
}

int xc_host_nodes(struct xc *xc, struct xc_node **list, uint32_t *count)
{
    int rc;

    *list = NULL;
    *count = 0;
    rc = read_nodes(xc, NULL, count);
    if (*count > XC_NODES_MAX) {
        *count = XC_NODES_MAX;
    }
    if (!rc) {
        rc = list_nodes(xc, list, *count);
    }
    return rc ? xc_fail_errno(xc, rc, "cannot ask for the host's memory nodes")
              : 0;
}

/* ---- CPU pools --------------------------------------------------------- */

static void fill_pool(struct xc *xc, struct xc_cpupool *pool,
                      const struct xen_sysctl_cpupool_op *p,
                      const uint8_t *cpus)
{
    *pool = (struct xc_cpupool){
        .id = p->cpupool_id,
        .scheduler = host_scheduler_name(p->sched_id),
        .domain_count = p->n_dom,
    };
    memcpy(pool->cpus.bits, cpus, sizeof(pool->cpus.bits));
    if (store_read_string(xc, pool->name, sizeof(pool->name),
                          "/local/pool/%u/name", pool->id)) {
        snprintf(pool->name, sizeof(pool->name), "Pool-%u", pool->id);
        xc->error[0] = '\0';
    }
}

int xc_cpupool_next(struct xc *xc, uint32_t from, struct xc_cpupool *pool)
{
    struct xen_sysctl op = {
        .cmd = XEN_SYSCTL_cpupool_op,
        .u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_INFO,
        .u.cpupool_op.cpupool_id = from,
        .u.cpupool_op.cpumap.nr_bits = XC_CPUS_MAX,
    };
    uint8_t *cpus = hv_alloc(xc, sizeof(pool->cpus.bits));
    int rc = -ENOMEM;

    if (cpus) {
        set_xen_guest_handle(op.u.cpupool_op.cpumap.bitmap, cpus);
        rc = hv_sysctl(xc, &op);
    }
    if (rc >= 0) {
        fill_pool(xc, pool, &op.u.cpupool_op, cpus);
    }
    hv_free(xc, cpus);
    return rc < 0 ? xc_fail_errno(xc, rc, "CPU pool %u", from) : 0;
}
