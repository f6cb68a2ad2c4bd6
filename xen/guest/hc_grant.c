/* SPDX-License-Identifier: MIT */
/*
 * grant_table_op (HC-28): an array of structs, each with a status of its own.
 * The hypercall itself fails only when the array cannot be read or written,
 * or the command is unknown: an error of the call is a BUG() in Linux's
 * backends. Long arrays go on by advancing the array's address and count.
 *
 * A copy has two sides. Each is a page for a moment: by reference (grant.c
 * checks it and pins it) or a frame of the caller's own.
 */
#include "domain/memory.h"
#include "guest/copy.h"
#include "guest/hypercall.h"
#include "lib/string.h"
#include "types/error.h"
#include "types/overflow.h"

#include <xen/grant_table.h>

#define BATCH_LOOKS  16 /* structs between looks at what else is to do */
#define SWEEP_SLICES 16

union grant_args {
    struct gnttab_map_grant_ref map;
    struct gnttab_unmap_grant_ref unmap;
    struct gnttab_copy copy;
    struct gnttab_setup_table setup;
    struct gnttab_query_size query;
    struct gnttab_set_version set_version;
    struct gnttab_get_version get_version;
};

/* One hypercall, or the part of it until it is left. */
struct grant_call {
    struct vcpu *v;
    struct grant_unmap_batch unmaps;
};

/* The commands: these return 0, or -errno for the whole call. */

static int op_map(struct grant_call *call, union grant_args *a)
{
    struct gnttab_map_grant_ref *op = &a->map;
    domid_t granter =
        op->dom == DOMID_SELF ? vcpu_domain(call->v)->id : op->dom;

    op->handle = ~0U;
    op->status = (int16_t)grant_map(vcpu_domain(call->v), granter, op->ref,
                                    op->flags, op->host_addr, &op->handle);
    op->dev_bus_addr = op->status ? 0 : op->host_addr;
    return 0;
}

static int op_unmap(struct grant_call *call, union grant_args *a)
{
    struct gnttab_unmap_grant_ref *op = &a->unmap;

    op->status = (int16_t)grant_unmap_add(vcpu_domain(call->v), &call->unmaps,
                                          op->handle, op->host_addr);
    return 0;
}

/*
 * Copy.
 */

struct copy_side {
    struct gnttab_copy_ptr ptr;
    bool by_ref, write;
    domid_t granter;
    struct page *pg; /* NULL: a promise of our own, read as zeros */
};

/* -ERESTART: v waits for memory, and the struct is to be done again. */
static int own_page(struct vcpu *v, uint64_t gfn, bool write, struct page **pg)
{
    int rc = -ERESTART;

    for (unsigned i = 0; i < SWEEP_SLICES && rc == -ERESTART; i++) {
        rc = write ? memory_get_own_page(v, GFN(gfn), true, pg)
                   : memory_get_own_page_to_read(v, GFN(gfn), pg);
        if (READ_ONCE(v->hold) & HOLD_MEMORY) {
            return rc;
        }
    }
    if (rc) {
        return rc == -ERESTART ? GNTST_eagain : GNTST_bad_page;
    }
    return GNTST_okay;
}

static int side_acquire(struct vcpu *v, struct copy_side *s)
{
    struct domain *d = vcpu_domain(v);

    s->granter = s->ptr.domid == DOMID_SELF ? d->id : s->ptr.domid;
    if (s->by_ref) {
        return grant_acquire_page(d, s->granter, s->ptr.u.ref, s->write,
                                  &s->pg);
    }
    if (s->granter != d->id) {
        return GNTST_permission_denied;
    }
    return own_page(v, s->ptr.u.gmfn, s->write, &s->pg);
}

static void side_release(const struct copy_side *s)
{
    if (s->by_ref) {
        grant_release_page(s->granter, s->ptr.u.ref, s->write, s->pg);
    } else if (s->pg) {
        page_put(s->pg);
    }
}

static void *side_map(const struct copy_side *s)
{
    return (char *)page_map(s->pg) + s->ptr.offset;
}

static int copy_sides(struct vcpu *v, struct copy_side *from,
                      struct copy_side *to, size_t size)
{
    int status = side_acquire(v, from);

    if (status) {
        return status;
    }
    status = side_acquire(v, to);
    if (!status) {
        if (from->pg) {
            memmove(side_map(to), side_map(from), size);
        } else {
            memset(side_map(to), 0, size);
        }
        side_release(to);
    }
    side_release(from);
    return status;
}

static int op_copy(struct grant_call *call, union grant_args *a)
{
    struct gnttab_copy *op = &a->copy;
    struct copy_side from = {.ptr = op->source,
                             .by_ref = op->flags & GNTCOPY_source_gref};
    struct copy_side to = {.ptr = op->dest,
                           .by_ref = op->flags & GNTCOPY_dest_gref,
                           .write = true};

    if (range_exceeds(op->source.offset, op->len, PAGE_SIZE) ||
        range_exceeds(op->dest.offset, op->len, PAGE_SIZE)) {
        op->status = GNTST_bad_copy_arg;
    } else {
        int status = copy_sides(call->v, &from, &to, op->len);

        if (status == -ERESTART) {
            return status;
        }
        op->status = (int16_t)status;
    }
    return 0;
}

/*
 * The table.
 */

static int16_t domain_status(int rc)
{
    return rc == -EPERM ? GNTST_permission_denied : GNTST_bad_domain;
}

/* Where the guest sees each frame; all ones: nowhere yet. */
static int put_frame_list(struct vcpu *v, struct domain *d,
                          const struct gnttab_setup_table *op)
{
    uint64_t list = (uint64_t)op->frame_list.p;

    for (unsigned i = 0; i < op->nr_frames; i++) {
        struct page *pg;
        xen_pfn_t gfn;
        int rc = grant_get_frame(d, i, &pg);

        if (rc) {
            return rc;
        }
        gfn = pg->gfn;
        page_put(pg);
        rc = copy_answer(v, list + i * sizeof(gfn), &gfn, sizeof(gfn));
        if (rc) {
            return rc;
        }
    }
    return 0;
}

static int op_setup(struct grant_call *call, union grant_args *a)
{
    struct gnttab_setup_table *op = &a->setup;
    struct domain *d;
    int rc = hypercall_domain(call->v, op->dom, &d);

    if (rc) {
        op->status = domain_status(rc);
        return 0;
    }
    if (grant_grow(d, op->nr_frames)) {
        op->status = GNTST_general_error;
    } else {
        op->status = GNTST_okay;
        rc = put_frame_list(call->v, d, op);
    }
    domain_put(d);
    return rc == -EFAULT || rc == -ERESTART ? rc : 0;
}

static int op_query(struct grant_call *call, union grant_args *a)
{
    struct gnttab_query_size *op = &a->query;
    struct domain *d;
    int rc = hypercall_domain(call->v, op->dom, &d);

    if (rc) {
        op->status = domain_status(rc);
        return 0;
    }
    op->nr_frames = READ_ONCE(d->grants.frame_count);
    op->max_nr_frames = d->grants.max_frames;
    op->status = GNTST_okay;
    domain_put(d);
    return 0;
}

/* Version 1 is what everybody has; asking for another changes nothing. */
static int op_set_version(struct grant_call *call, union grant_args *a)
{
    uint32_t wanted = a->set_version.version;

    (void)call;
    if (wanted != 1 && wanted != 2) {
        return -EINVAL;
    }
    return wanted == 1 ? 0 : -ENOSYS;
}

static int op_get_version(struct grant_call *call, union grant_args *a)
{
    struct domain *d;
    int rc = hypercall_domain(call->v, a->get_version.dom, &d);

    if (!rc) {
        a->get_version.version = 1;
        domain_put(d);
    }
    return rc;
}

struct grant_command {
    int (*op)(struct grant_call *call, union grant_args *a);
    uint8_t size;
    bool single; /* exactly one struct */
};

static const struct grant_command commands[] = {
    [GNTTABOP_map_grant_ref] = {op_map, sizeof(struct gnttab_map_grant_ref),
                                false},
    [GNTTABOP_unmap_grant_ref] = {op_unmap,
                                  sizeof(struct gnttab_unmap_grant_ref), false},
    [GNTTABOP_setup_table] = {op_setup, sizeof(struct gnttab_setup_table),
                              true},
    [GNTTABOP_copy] = {op_copy, sizeof(struct gnttab_copy), false},
    [GNTTABOP_query_size] = {op_query, sizeof(struct gnttab_query_size), true},
    [GNTTABOP_set_version] = {op_set_version, sizeof(struct gnttab_set_version),
                              true},
    [GNTTABOP_get_version] = {op_get_version, sizeof(struct gnttab_get_version),
                              true},
};

static int run_one(struct grant_call *call, const struct grant_command *c,
                   uint64_t gva)
{
    union grant_args a;
    int rc = copy_prepare(call->v, gva, c->size); /* for the status */

    if (!rc) {
        rc = copy_from_guest(call->v, &a, gva, c->size);
    }
    if (!rc) {
        rc = c->op(call, &a);
    }
    if (!rc) {
        rc = copy_to_guest(call->v, gva, &a, c->size);
    }
    return rc;
}

/* *done of `count` structs are done. 0, -ERESTART: leave, or -errno. */
static int run_all(struct grant_call *call, const struct grant_command *c,
                   uint64_t gva, uint32_t count, uint32_t *done)
{
    while (*done < count) {
        int rc;

        if (*done && *done % BATCH_LOOKS == 0 && hypercall_preempt(call->v)) {
            return -ERESTART;
        }
        rc = run_one(call, c, gva + (uint64_t)*done * c->size);
        if (rc) {
            return rc;
        }
        ++*done;
    }
    return 0;
}

int64_t hc_grant_table_op(struct vcpu *v, const uint64_t args[6])
{
    uint32_t command = (uint32_t)args[0], count = (uint32_t)args[2], done = 0;
    struct grant_call call = {.v = v};
    const struct grant_command *c;
    int rc;

    if (command >= ARRAY_COUNT(commands) || !commands[command].op) {
        return -ENOSYS;
    }
    c = &commands[command];
    if (count > INT32_MAX || (c->single && count != 1)) {
        return -EINVAL;
    }
    rc = run_all(&call, c, args[1], count, &done);
    grant_unmap_finish(vcpu_domain(v), &call.unmaps);
    if (rc == -ERESTART) {
        hypercall_set_arg(v, 1, args[1] + (uint64_t)done * c->size);
        hypercall_set_arg(v, 2, count - done);
        return HYPERCALL_CONTINUE;
    }
    return rc;
}
