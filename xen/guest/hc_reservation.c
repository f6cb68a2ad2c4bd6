/* SPDX-License-Identifier: MIT */
/*
 * Populate, increase and decrease reservation: what balloon drivers and domain
 * builders call. They return how many extents are done, counted from the
 * front, and never an error: whatever is wrong with the call or with an extent
 * ends it there (POD-4.2, POD-9.1). Linux dies when a decrease comes back
 * short, so -ERESTART from below is never passed on as one: the call goes on
 * at that extent. PODIUM_MEMORY_reservation does the same and says what was
 * wrong (P17).
 */
#include "domain/memory.h"
#include "guest/copy.h"
#include "guest/hc_memory.h"
#include "public/podium.h"
#include "types/error.h"
#include "types/overflow.h"

#include <xen/memory.h>

#define GUEST_MAX_ORDER   9  /* POD-4.4 */
#define CONTROL_MAX_ORDER 18 /* and of placeholders, for everybody */
#define FLAGS_KNOWN       0x7ffffU
#define ADDRESS_BITS_MIN  13 /* POD-4.5 */

/* Gfns that are read from the guest at once; then it looks at v->work. */
#define WINDOW MEMORY_AT_ONCE

struct reservation {
    struct vcpu *v;
    struct domain *d;
    struct xen_memory_reservation arg;
    unsigned command;
    bool asks_why;       /* PODIUM_MEMORY_reservation */
    uint64_t done_pages; /* of the extent at which it stopped */
    uint32_t window_start, window_count;
    xen_pfn_t window[WINDOW];
};

static bool is_pod(const struct reservation *r)
{
    return r->command == XENMEM_populate_physmap &&
           (r->arg.mem_flags & XENMEMF_populate_on_demand);
}

static bool order_is_allowed(const struct reservation *r)
{
    bool large = is_pod(r) || vcpu_domain(r->v)->privileged;

    return r->arg.extent_order <= (large ? CONTROL_MAX_ORDER : GUEST_MAX_ORDER);
}

/* There is one node, and no virtual ones; memory has no address that is out of
 * anybody's reach. */
static bool flags_are_allowed(const struct reservation *r)
{
    uint32_t flags = r->arg.mem_flags;
    unsigned bits = XENMEMF_get_address_bits(flags);
    unsigned node = flags >> 8 & 0xff; /* plus one; 0: any */

    if ((flags & ~FLAGS_KNOWN) || (flags & XENMEMF_vnode)) {
        return false;
    }
    if ((flags & XENMEMF_exact_node_request) && node > 1) {
        return false;
    }
    return bits == 0 || bits >= ADDRESS_BITS_MIN;
}

/* All but the domain. */
static bool reservation_is_valid(const struct reservation *r, uint32_t start)
{
    return r->arg.nr_extents <= MEMORY_INDEX_LIMIT &&
           start < r->arg.nr_extents && order_is_allowed(r) &&
           flags_are_allowed(r);
}

static int read_window(struct reservation *r, uint32_t index, uint32_t count)
{
    uint64_t list = (uint64_t)r->arg.extent_start.p;
    int rc = copy_from_guest(r->v, r->window, list + index * sizeof(xen_pfn_t),
                             count * sizeof(xen_pfn_t));

    r->window_start = index;
    r->window_count = rc ? 0 : count;
    return rc;
}

/* The base of extent `index`. A list that ends in the middle of a window is
 * still good for what comes before. */
static int extent_base(struct reservation *r, uint32_t index, gfn_t *gfn)
{
    uint32_t left = (uint32_t)r->arg.nr_extents - index;
    int rc = 0;

    if (index - r->window_start >= r->window_count) {
        /* Windows end at multiples, where should_leave() looks. */
        rc = read_window(r, index, MIN(left, WINDOW - index % WINDOW));
        if (rc == -EFAULT) {
            rc = read_window(r, index, 1);
        }
    }
    if (!rc) {
        *gfn = GFN(r->window[index - r->window_start]);
    }
    return rc;
}

/* There are such frames, and above 2 MiB they are aligned. */
static bool frames_can_be(const struct reservation *r, uint64_t gfn)
{
    uint64_t size = BIT(r->arg.extent_order);

    return !range_exceeds(gfn, size, r->d->p2m.gfn_limit) &&
           (size <= BIT(ORDER_2M) || !(gfn % size));
}

/* The whole extent, or how much of it. */
static int decrease_and_count(struct reservation *r, gfn_t gfn, unsigned order)
{
    int rc;

    r->done_pages = 0;
    do {
        uint64_t done;

        rc = memory_decrease_range(r->d, gfn_add(gfn, r->done_pages),
                                   BIT(order) - r->done_pages, false, &done);
        r->done_pages += done;
    } while (rc == -ERESTART);
    if (!rc) {
        r->done_pages = 0;
    }
    return rc;
}

static int extent_do(struct reservation *r, uint32_t index)
{
    unsigned order = r->arg.extent_order;
    gfn_t gfn;
    int rc;

    if (r->command == XENMEM_increase_reservation) {
        return memory_increase(r->d, order);
    }
    rc = extent_base(r, index, &gfn);
    if (rc) {
        return rc;
    }
    if (r->asks_why && !frames_can_be(r, gfn.v)) {
        return -EINVAL;
    }
    if (r->command == XENMEM_decrease_reservation) {
        return r->asks_why ? decrease_and_count(r, gfn, order)
                           : memory_decrease(r->d, gfn, order);
    }
    return is_pod(r) ? memory_mark_pod(r->d, gfn, order)
                     : memory_populate(r->d, gfn, order);
}

/* What of the window is left, in one go: balloons are made of single pages. */
static int window_do(struct reservation *r, uint32_t *index)
{
    unsigned done = 0, offset;
    gfn_t first;
    int rc = extent_base(r, *index, &first);

    if (!rc) {
        offset = *index - r->window_start;
        rc = r->command == XENMEM_decrease_reservation
                 ? memory_decrease_list(r->d, &r->window[offset],
                                        r->window_count - offset, &done)
                 : memory_populate_list(r->d, &r->window[offset],
                                        r->window_count - offset, &done);
        *index += done;
    }
    return rc;
}

static bool is_of_single_pages(const struct reservation *r)
{
    return r->command != XENMEM_increase_reservation && !is_pod(r) &&
           !r->arg.extent_order;
}

static bool should_leave(const struct reservation *r, uint32_t index,
                         uint32_t start)
{
    return index != start &&
           (r->arg.extent_order >= ORDER_2M || index % WINDOW == 0) &&
           hypercall_preempt(r->v);
}

/* *index: the first extent that is not done. 0, -ERESTART: leave and go on,
 * or why this extent cannot be done. */
static int extents_do(struct reservation *r, uint32_t *index)
{
    uint32_t start = *index;
    int rc = 0;

    /* One flush for all that goes away, not one for each. */
    memory_batch_begin(r->d);
    while (!rc && *index < r->arg.nr_extents) {
        if (should_leave(r, *index, start)) {
            rc = -ERESTART;
        } else if (is_of_single_pages(r)) {
            rc = window_do(r, index);
        } else {
            rc = extent_do(r, *index);
            *index += !rc;
        }
    }
    memory_batch_end(r->d);
    return rc;
}

static int64_t reservation_run(struct reservation *r,
                               const struct memory_call *call)
{
    uint32_t index = call->start;
    int rc;

    /* Nobody may promise to itself (XSA-30). */
    if (is_pod(r) && r->d == vcpu_domain(r->v)) {
        return index;
    }
    rc = extents_do(r, &index);
    return rc == -ERESTART ? memory_call_continue(r->v, call, index)
                           : (int64_t)index;
}

int64_t memory_op_reservation(struct vcpu *v, const struct memory_call *call)
{
    struct reservation r = {.v = v, .command = call->command};
    int64_t result;
    int rc = copy_from_guest(v, &r.arg, call->gva, sizeof(r.arg));

    if (rc == -ERESTART) {
        return rc;
    }
    if (rc || !reservation_is_valid(&r, call->start) ||
        hypercall_domain(v, r.arg.domid, &r.d)) {
        return call->start;
    }
    result = reservation_run(&r, call);
    domain_put(r.d);
    return result;
}

/*
 * The same, and why it stops.
 */

static int reason_of_wrong_call(const struct reservation *r, uint32_t start)
{
    if (r->arg.nr_extents > MEMORY_INDEX_LIMIT || start > r->arg.nr_extents ||
        !flags_are_allowed(r)) {
        return -EINVAL;
    }
    return order_is_allowed(r) ? 0 : -EPERM;
}

/* Why extent `index` could not be done, for which something below said rc. */
static int reason_of_extent(struct reservation *r, uint32_t index, int rc)
{
    struct account_info a;
    gfn_t gfn;

    /* Single pages go by lists, which are not looked through first. */
    if (rc == -ENOENT && !extent_base(r, index, &gfn) &&
        !frames_can_be(r, gfn.v)) {
        return -EINVAL;
    }
    account_look(&r->d->account, &a);
    if (rc == -ENOMEM && r->command != XENMEM_decrease_reservation &&
        !is_pod(r) && a.page_count + BIT(r->arg.extent_order) > a.max_pages) {
        return -E2BIG;
    }
    return rc;
}

static int64_t reasons_run(struct reservation *r,
                           const struct memory_call *call,
                           struct podium_reservation *p)
{
    uint32_t index = call->start;
    int rc, told;

    if (is_pod(r) && r->d == vcpu_domain(r->v)) {
        return -EPERM;
    }
    rc = extents_do(r, &index);
    if (rc == -ERESTART) {
        return memory_call_continue(r->v, call, index);
    }
    if (rc) {
        rc = reason_of_extent(r, index, rc);
    }
    p->done = index;
    p->done_pages = r->done_pages;
    told = copy_to_guest(r->v, call->gva, p, sizeof(*p));
    return told ? told : rc;
}

static bool takes_reservation(uint32_t command)
{
    return command == XENMEM_increase_reservation ||
           command == XENMEM_decrease_reservation ||
           command == XENMEM_populate_physmap;
}

static int reasons_decode(struct reservation *r, const struct memory_call *call,
                          struct podium_reservation *p)
{
    int rc = copy_from_guest(r->v, p, call->gva, sizeof(*p));

    if (rc) {
        return rc;
    }
    p->done = call->start;
    p->done_pages = 0;
    /* Who cannot be told the result is refused. */
    rc = copy_answer(r->v, call->gva, p, sizeof(*p));
    if (rc) {
        return rc;
    }
    if (p->pad || !takes_reservation(p->command)) {
        return -EINVAL;
    }
    r->command = p->command;
    r->arg.extent_start.p = (xen_pfn_t *)p->list;
    r->arg.nr_extents = p->count;
    r->arg.extent_order = p->order;
    r->arg.mem_flags = p->flags;
    return reason_of_wrong_call(r, call->start);
}

int64_t memory_op_reasons(struct vcpu *v, const struct memory_call *call)
{
    struct reservation r = {.v = v, .asks_why = true};
    struct podium_reservation p;
    int64_t result;
    int rc = reasons_decode(&r, call, &p);

    if (!rc) {
        rc = hypercall_domain(v, p.domid, &r.d);
    }
    if (rc) {
        return rc;
    }
    result = reasons_run(&r, call, &p);
    domain_put(r.d);
    return result;
}

static bool exchange_is_valid(const struct xen_memory_exchange *x)
{
    uint64_t in, out;

    return x->nr_exchanged <= x->in.nr_extents && x->in.domid == x->out.domid &&
           x->in.nr_extents <= MEMORY_INDEX_LIMIT &&
           x->out.nr_extents <= MEMORY_INDEX_LIMIT &&
           !mul_overflows(x->in.nr_extents, BIT(x->in.extent_order), &in) &&
           !mul_overflows(x->out.nr_extents, BIT(x->out.extent_order), &out) &&
           in == out;
}

/* Exchanging machine frames is for guests that see them; no guest of ours
 * does (POD-4.34, XSA-217). */
int64_t memory_op_exchange(struct vcpu *v, const struct memory_call *call)
{
    struct xen_memory_exchange x;
    struct domain *d;
    unsigned limit =
        vcpu_domain(v)->privileged ? CONTROL_MAX_ORDER : GUEST_MAX_ORDER;
    int rc = copy_from_guest(v, &x, call->gva, sizeof(x));

    if (rc) {
        return rc;
    }
    if (x.in.extent_order > limit || x.out.extent_order > limit) {
        return -EPERM;
    }
    if (!exchange_is_valid(&x)) {
        return -EINVAL;
    }
    rc = hypercall_domain(v, x.in.domid, &d);
    if (rc) {
        return rc;
    }
    domain_put(d);
    return -EOPNOTSUPP;
}
