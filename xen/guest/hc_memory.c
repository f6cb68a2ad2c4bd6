/* SPDX-License-Identifier: MIT */
/*
 * memory_op: the table of commands, and the small ones: sizes, the memory map
 * that the toolstack gave a domain, PoD targets, claims.
 *
 * The errors are those of pod.md 9.1. What is not in the table is -ENOSYS.
 */
#include "guest/hc_memory.h"

#include "domain/memory.h"
#include "guest/copy.h"
#include "mm/heap.h"
#include "public/podium.h"
#include "types/error.h"

#include <xen/memory.h>

/* As the BIOS call E820h reports ranges. */
struct e820_entry {
    uint64_t addr, size;
    uint32_t type;
} __attribute__((packed));

BUILD_ASSERT(sizeof(struct e820_entry) == 20, "E820h");

int64_t memory_call_continue(struct vcpu *v, const struct memory_call *call,
                             uint32_t next)
{
    hypercall_set_arg(v, 0,
                      (uint64_t)next << MEMORY_COMMAND_BITS | call->command);
    return HYPERCALL_CONTINUE;
}

/*
 * Sizes.
 */

static int64_t memory_op_maximum_ram_page(struct vcpu *v,
                                          const struct memory_call *call)
{
    (void)v;
    (void)call;
    return (int64_t)(frame_count - 1);
}

static int64_t domain_size(struct domain *d, unsigned command)
{
    switch (command) {
    case XENMEM_current_reservation:
        return (int64_t)READ_ONCE(d->account.page_count);
    case XENMEM_maximum_reservation:
        return (int64_t)READ_ONCE(d->account.max_pages);
    default: /* XENMEM_maximum_gpfn */
        return (int64_t)READ_ONCE(d->p2m.max_gfn.v);
    }
}

static int64_t memory_op_size(struct vcpu *v, const struct memory_call *call)
{
    struct xen_memory_domain arg;
    struct domain *d;
    int64_t size;
    int rc = copy_from_guest(v, &arg, call->gva, sizeof(arg));

    if (!rc) {
        rc = hypercall_domain(v, arg.domid, &d);
    }
    if (rc) {
        return rc;
    }
    size = domain_size(d, call->command);
    domain_put(d);
    return size;
}

/* Nothing is shared between domains yet. */
static int64_t memory_op_shared_pages(struct vcpu *v,
                                      const struct memory_call *call)
{
    (void)v;
    (void)call;
    return 0;
}

/*
 * The memory map.
 */

/* Entry i of d's map; false: there is none. */
static bool map_entry(struct domain *d, unsigned i, struct e820_entry *e)
{
    bool exists;

    lock(&d->lock);
    exists = i < d->e820_count;
    if (exists) {
        const struct domain_e820 *from = &d->e820[i];

        *e = (struct e820_entry){from->addr, from->size, from->type};
    }
    unlock(&d->lock);
    return exists;
}

static int64_t memory_op_map(struct vcpu *v, const struct memory_call *call)
{
    struct domain *d = vcpu_domain(v);
    struct xen_memory_map map;
    struct e820_entry e;
    unsigned i;
    int rc = copy_from_guest(v, &map, call->gva, sizeof(map));

    if (rc) {
        return rc;
    }
    if (!READ_ONCE(d->e820_count)) {
        return -ENOSYS;
    }
    for (i = 0; i < map.nr_entries && map_entry(d, i, &e); i++) {
        rc = copy_answer(v, (uint64_t)map.buffer.p + i * sizeof(e), &e,
                         sizeof(e));
        if (rc) {
            return rc;
        }
    }
    map.nr_entries = i;
    return copy_answer(v, call->gva, &map, sizeof(map));
}

static int read_map(struct vcpu *v, uint64_t gva, struct domain_e820 *to,
                    unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct e820_entry e;
        int rc = copy_from_guest(v, &e, gva + i * sizeof(e), sizeof(e));

        if (rc) {
            return rc;
        }
        to[i] = (struct domain_e820){e.addr, e.size, e.type};
    }
    return 0;
}

static void replace_map(struct domain *d, struct domain_e820 *map,
                        unsigned count)
{
    struct domain_e820 *old;

    lock(&d->lock);
    old = d->e820;
    d->e820 = map;
    d->e820_count = count;
    unlock(&d->lock);
    heap_free(old);
}

static int64_t set_map(struct vcpu *v, struct domain *d,
                       const struct xen_memory_map *map)
{
    struct domain_e820 *copy =
        heap_alloc_array(MAX(map->nr_entries, 1U), sizeof(*copy));
    int rc;

    if (!copy) {
        return -ENOMEM;
    }
    rc = read_map(v, (uint64_t)map->buffer.p, copy, map->nr_entries);
    if (rc) {
        heap_free(copy);
        return rc;
    }
    replace_map(d, copy, map->nr_entries);
    return 0;
}

static int64_t memory_op_set_map(struct vcpu *v, const struct memory_call *call)
{
    struct xen_foreign_memory_map arg;
    struct domain *d;
    int64_t result;
    int rc = copy_from_guest(v, &arg, call->gva, sizeof(arg));

    if (rc) {
        return rc;
    }
    if (arg.map.nr_entries > E820_LIMIT) {
        return -E2BIG;
    }
    rc = hypercall_any_domain(v, arg.domid, &d);
    if (rc) {
        return rc;
    }
    result = vcpu_domain(v)->privileged ? set_map(v, d, &arg.map) : -EPERM;
    domain_put(d);
    return result;
}

/*
 * PoD targets and claims.
 */

static void fill_pod(struct domain *d, struct xen_pod_target *arg)
{
    struct memory_pod_info info;

    memory_get_pod(d, &info);
    arg->tot_pages = info.tot_pages;
    arg->pod_cache_pages = info.cache_pages;
    arg->pod_entries = info.entries;
}

static int64_t pod_target(struct vcpu *v, const struct memory_call *call,
                          struct domain *d, struct xen_pod_target *arg)
{
    int rc = 0;

    if (!vcpu_domain(v)->privileged) {
        return -EPERM;
    }
    if (call->command == XENMEM_set_pod_target) {
        do {
            rc = memory_set_pod_target(d, arg->target_pages);
        } while (rc == -ERESTART && !hypercall_preempt(v));
    }
    if (rc) {
        return rc;
    }
    fill_pod(d, arg);
    return copy_to_guest(v, call->gva, arg, sizeof(*arg));
}

static int64_t memory_op_pod_target(struct vcpu *v,
                                    const struct memory_call *call)
{
    struct xen_pod_target arg;
    struct domain *d;
    int64_t result;
    int rc = copy_from_guest(v, &arg, call->gva, sizeof(arg));

    if (!rc) {
        rc = hypercall_any_domain(v, arg.domid, &d);
    }
    if (rc) {
        return rc;
    }
    result = pod_target(v, call, d, &arg);
    domain_put(d);
    return result;
}

static int64_t memory_op_claim(struct vcpu *v, const struct memory_call *call)
{
    struct xen_memory_reservation arg;
    struct domain *d;
    int rc = copy_from_guest(v, &arg, call->gva, sizeof(arg));

    if (rc) {
        return rc;
    }
    if (!vcpu_domain(v)->privileged) {
        return -EPERM;
    }
    if (arg.extent_start.p || arg.extent_order || arg.mem_flags) {
        return -EINVAL;
    }
    d = domain_get(arg.domid);
    if (!d) {
        return -EINVAL;
    }
    rc = memory_claim(d, arg.nr_extents);
    domain_put(d);
    return rc;
}

struct memory_command {
    memory_command_fn *fn;
    int index_error; /* what an index in the command word gets; 0: it may */
};

static const struct memory_command commands[] = {
    [XENMEM_increase_reservation] = {memory_op_reservation, 0},
    [XENMEM_decrease_reservation] = {memory_op_reservation, 0},
    [XENMEM_populate_physmap] = {memory_op_reservation, 0},
    [XENMEM_exchange] = {memory_op_exchange, -ENOSYS},
    [XENMEM_maximum_ram_page] = {memory_op_maximum_ram_page, -ENOSYS},
    [XENMEM_current_reservation] = {memory_op_size, -ENOSYS},
    [XENMEM_maximum_reservation] = {memory_op_size, -ENOSYS},
    [XENMEM_maximum_gpfn] = {memory_op_size, -ENOSYS},
    [XENMEM_add_to_physmap] = {memory_op_add_to_physmap, 0},
    [XENMEM_add_to_physmap_batch] = {memory_op_add_to_physmap_batch, 0},
    [XENMEM_remove_from_physmap] = {memory_op_remove_from_physmap, -EINVAL},
    [XENMEM_acquire_resource] = {memory_op_acquire_resource, 0},
    [XENMEM_memory_map] = {memory_op_map, -ENOSYS},
    [XENMEM_set_memory_map] = {memory_op_set_map, -ENOSYS},
    [XENMEM_set_pod_target] = {memory_op_pod_target, -ENOSYS},
    [XENMEM_get_pod_target] = {memory_op_pod_target, -ENOSYS},
    [XENMEM_claim_pages] = {memory_op_claim, -EINVAL},
    [XENMEM_get_sharing_freed_pages] = {memory_op_shared_pages, -ENOSYS},
    [XENMEM_get_sharing_shared_pages] = {memory_op_shared_pages, -ENOSYS},
    [PODIUM_MEMORY_features] = {memory_op_features, -ENOSYS},
    [PODIUM_MEMORY_reservation] = {memory_op_reasons, 0},
    [PODIUM_MEMORY_decrease_range] = {memory_op_decrease_range, -ENOSYS},
    [PODIUM_MEMORY_next_untouched] = {memory_op_next_untouched, -ENOSYS},
    [PODIUM_MEMORY_get_size] = {memory_op_get_size, -ENOSYS},
    [PODIUM_MEMORY_set_size] = {memory_op_set_size, 0},
};

int64_t hc_memory_op(struct vcpu *v, const uint64_t args[6])
{
    uint32_t word = (uint32_t)args[0];
    struct memory_call call = {
        .command = word & ((1U << MEMORY_COMMAND_BITS) - 1),
        .start = word >> MEMORY_COMMAND_BITS,
        .gva = args[1],
    };
    const struct memory_command *c;
    int64_t result;

    if (call.command >= ARRAY_COUNT(commands) || !commands[call.command].fn) {
        return -ENOSYS;
    }
    c = &commands[call.command];
    if (call.start && c->index_error) {
        return c->index_error;
    }
    result = c->fn(v, &call);
    if (call.start && result != HYPERCALL_CONTINUE && result != -ERESTART) {
        /* The caller finds its register as it left it (CP-5). */
        hypercall_set_arg(v, 0, call.command);
    }
    return result;
}
