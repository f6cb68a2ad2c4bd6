/* SPDX-License-Identifier: MIT */
/*
 * Several calls in one (TS-70). Each entry's result is written into the entry;
 * the multicall itself returns 0.
 *
 * Going on: between entries, by advancing the list's address and shortening
 * its count in the caller's registers. Inside an entry, by writing the
 * entry's own arguments, as its handler changed them, back into the list, and
 * starting again at that entry.
 */
#include "guest/copy.h"
#include "guest/hypercall.h"
#include "types/error.h"

#include <xen/xen.h>

BUILD_ASSERT(sizeof(struct multicall_entry) == 64, "entries of 64 bytes");
BUILD_ASSERT(sizeof(xen_ulong_t) == sizeof(uint64_t), "64-bit arguments");

static int64_t multicall_continue(struct vcpu *v, uint64_t list, uint32_t left)
{
    hypercall_set_arg(v, 0, list);
    hypercall_set_arg(v, 1, left);
    return HYPERCALL_CONTINUE;
}

/* Call the entry at gva: 0 done, its result or its changed arguments are
 * written back. */
static int64_t multicall_one(struct vcpu *v, uint64_t gva)
{
    struct multicall_entry e;
    int64_t result = -EINVAL;                 /* no multicall in a multicall */
    int rc = copy_prepare(v, gva, sizeof(e)); /* for the result */

    if (!rc) {
        rc = copy_from_guest(v, &e, gva, sizeof(e));
    }
    if (rc) {
        return rc;
    }
    if (e.op != __HYPERVISOR_multicall) {
        result = hypercall_nested(v, e.op, e.args);
    }
    if (result == HYPERCALL_CONTINUE) {
        rc = copy_to_guest(v, gva + offsetof(struct multicall_entry, args),
                           e.args, sizeof(e.args));
        return rc ? rc : HYPERCALL_CONTINUE;
    }
    e.result = (xen_ulong_t)result;
    return copy_to_guest(v, gva + offsetof(struct multicall_entry, result),
                         &e.result, sizeof(e.result));
}

int64_t hc_multicall(struct vcpu *v, const uint64_t args[6])
{
    uint64_t list = args[0];
    uint32_t left = (uint32_t)args[1];

    while (left) {
        int64_t rc = multicall_one(v, list);

        if (rc == HYPERCALL_CONTINUE || rc == -ERESTART) {
            return multicall_continue(v, list, left);
        }
        if (rc) {
            return rc;
        }
        list += sizeof(struct multicall_entry);
        left--;
        if (left && hypercall_preempt(v)) {
            return multicall_continue(v, list, left);
        }
    }
    return 0;
}
