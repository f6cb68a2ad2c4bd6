/* SPDX-License-Identifier: MIT */
/*
 * memory_op's commands that Xen does not have (public/podium.h): balloons by
 * range, what was never touched, and all sizes of a domain at once.
 *
 * A struct is written back before anything is changed, so that who cannot be
 * told the result is refused; and after each slice, since it says where to go
 * on. If the page that it lies in goes away by the call itself, the call ends
 * there with -EFAULT.
 */
#include "domain/memory.h"
#include "guest/copy.h"
#include "guest/hc_memory.h"
#include "public/podium.h"
#include "types/bits.h"
#include "types/error.h"
#include "types/overflow.h"

int64_t memory_op_features(struct vcpu *v, const struct memory_call *call)
{
    (void)v;
    (void)call;
    return PODIUM_FEATURE_reservation | PODIUM_FEATURE_ranges |
           PODIUM_FEATURE_sizes;
}

/*
 * Balloons by range.
 */

static bool range_is_sound(const struct podium_range *r, const struct domain *d)
{
    return !r->pad && !(r->flags & ~PODIUM_RANGE_untouched) &&
           r->done <= r->count &&
           !range_exceeds(r->gfn, r->count, d->p2m.gfn_limit);
}

/* Slices until it is done, wrong, or time to leave (-ERESTART). */
static int decrease_slices(struct vcpu *v, struct domain *d,
                           struct podium_range *r)
{
    bool untouched = r->flags & PODIUM_RANGE_untouched;
    int rc = r->done < r->count ? -ERESTART : 0;

    memory_batch_begin(d);
    while (rc == -ERESTART) {
        uint64_t done;

        rc = memory_decrease_range(d, GFN(r->gfn + r->done), r->count - r->done,
                                   untouched, &done);
        r->done += done;
        if (hypercall_preempt(v)) {
            break;
        }
    }
    memory_batch_end(d);
    return rc;
}

static int64_t decrease_range(struct vcpu *v, const struct memory_call *call,
                              struct domain *d, struct podium_range *r)
{
    int rc, told;

    if (!range_is_sound(r, d)) {
        return -EINVAL;
    }
    rc = copy_answer(v, call->gva, r, sizeof(*r));
    if (rc) {
        return rc;
    }
    rc = decrease_slices(v, d, r);
    told = copy_to_guest(v, call->gva, r, sizeof(*r));
    if (told) {
        return told;
    }
    return rc == -ERESTART ? HYPERCALL_CONTINUE : rc;
}

int64_t memory_op_decrease_range(struct vcpu *v, const struct memory_call *call)
{
    struct podium_range r;
    struct domain *d;
    int64_t result;
    int rc = copy_from_guest(v, &r, call->gva, sizeof(r));

    if (!rc) {
        rc = hypercall_domain(v, r.domid, &d);
    }
    if (rc) {
        return rc;
    }
    result = decrease_range(v, call, d, &r);
    domain_put(d);
    return result;
}

static int64_t next_untouched(struct vcpu *v, const struct memory_call *call,
                              struct domain *d, struct podium_untouched *u)
{
    gfn_t gfn = GFN(u->gfn);
    int rc, told;

    if (u->pad || (u->order != ORDER_4K && u->order != ORDER_2M)) {
        return -EINVAL;
    }
    do {
        rc = memory_next_untouched(d, &gfn, u->order, &u->count);
    } while (rc == -ERESTART && !hypercall_preempt(v));
    u->gfn = gfn.v;
    told = copy_answer(v, call->gva, u, sizeof(*u));
    if (told) {
        return told;
    }
    return rc == -ERESTART ? HYPERCALL_CONTINUE : rc;
}

int64_t memory_op_next_untouched(struct vcpu *v, const struct memory_call *call)
{
    struct podium_untouched u;
    struct domain *d;
    int64_t result;
    int rc = copy_from_guest(v, &u, call->gva, sizeof(u));

    if (!rc) {
        rc = hypercall_domain(v, u.domid, &d);
    }
    if (rc) {
        return rc;
    }
    result = next_untouched(v, call, d, &u);
    domain_put(d);
    return result;
}

/*
 * Sizes.
 */

static bool is_padded(const uint16_t pad[3])
{
    return !pad[0] && !pad[1] && !pad[2];
}

static void fill_size(struct domain *d, struct podium_size *s)
{
    struct memory_size_info info;

    memory_get_size(d, &info);
    *s = (struct podium_size){
        .domid = d->id,
        .charged = info.account.page_count,
        .cached = info.cached,
        .promised = info.promised,
        .deficit = info.deficit,
        .special = info.special,
        .tables = info.account.table_count,
        .table_limit = info.account.table_limit,
        .max_pages = info.account.max_pages,
        .claimed = info.account.claimed,
    };
}

int64_t memory_op_get_size(struct vcpu *v, const struct memory_call *call)
{
    struct podium_size s;
    struct domain *d;
    int rc = copy_from_guest(v, &s, call->gva, sizeof(s));

    if (!rc) {
        rc = is_padded(s.pad) ? hypercall_domain(v, s.domid, &d) : -EINVAL;
    }
    if (rc) {
        return rc;
    }
    fill_size(d, &s);
    domain_put(d);
    return copy_answer(v, call->gva, &s, sizeof(s));
}

/* The index says which step is next: a call that goes on has its claim. */
static int64_t set_size(struct vcpu *v, const struct memory_call *call,
                        struct domain *d, const struct memory_size *size)
{
    int rc = call->start ? 0 : memory_begin_size(d, size);

    if (rc) {
        return rc;
    }
    do {
        rc = memory_finish_size(d, size);
    } while (rc == -ERESTART && !hypercall_preempt(v));
    return rc == -ERESTART ? memory_call_continue(v, call, 1) : rc;
}

int64_t memory_op_set_size(struct vcpu *v, const struct memory_call *call)
{
    struct podium_new_size s;
    struct domain *d;
    int64_t result;
    int rc = copy_from_guest(v, &s, call->gva, sizeof(s));

    if (rc) {
        return rc;
    }
    if (!vcpu_domain(v)->privileged) {
        return -EPERM;
    }
    rc = is_padded(s.pad) ? hypercall_domain(v, s.domid, &d) : -EINVAL;
    if (rc) {
        return rc;
    }
    result = set_size(v, call, d,
                      &(struct memory_size){s.max_pages, s.target, s.claim});
    domain_put(d);
    return result;
}
