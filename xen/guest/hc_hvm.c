/* SPDX-License-Identifier: MIT */
/*
 * Hypercall 34, hvm_op: parameters of a domain, and how events reach its vCPUs.
 *
 * Parameters are 39 numbers that tool and guest leave for each other; only a
 * few mean something to us. A guest may set few of its own and read those that
 * lead it to its store and console (TS-67); the control domain all of
 * anybody's.
 */
#include "arch/timer.h"
#include "guest/copy.h"
#include "guest/hypercall.h"
#include "types/error.h"

#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/xen.h>

BUILD_ASSERT(HVM_PARAM_COUNT == HVM_NR_PARAMS, "number of parameters");
BUILD_ASSERT(sizeof(struct xen_hvm_param) == 16, "hvm_op ABI");

enum {
    VECTOR_MIN = 16, /* lower ones are exceptions */
    CALLBACK_TYPE_SHIFT = 56,
};

enum param_rights {
    GUEST_READS = 1,
    GUEST_WRITES = 2,
    GUEST_BOTH = GUEST_READS | GUEST_WRITES,
};

static const uint8_t param_rights[HVM_PARAM_COUNT] = {
    [HVM_PARAM_CALLBACK_IRQ] = GUEST_BOTH,
    [HVM_PARAM_STORE_PFN] = GUEST_READS,
    [HVM_PARAM_STORE_EVTCHN] = GUEST_BOTH,
    [HVM_PARAM_CONSOLE_PFN] = GUEST_READS,
    [HVM_PARAM_CONSOLE_EVTCHN] = GUEST_BOTH,
    [HVM_PARAM_VM86_TSS] = GUEST_BOTH,
    [HVM_PARAM_VM86_TSS_SIZED] = GUEST_BOTH,
    [HVM_PARAM_VM_GENERATION_ID_ADDR] = GUEST_BOTH,
    [HVM_PARAM_X87_FIP_WIDTH] = GUEST_BOTH,
};

static bool callback_is_valid(uint64_t value)
{
    uint64_t type = value >> CALLBACK_TYPE_SHIFT;

    return type != HVM_PARAM_CALLBACK_TYPE_VECTOR ||
           (value & 0xff) >= VECTOR_MIN;
}

/* Values that would ask for what we cannot do. */
static bool value_is_valid(uint32_t index, uint64_t value)
{
    switch (index) {
    case HVM_PARAM_CALLBACK_IRQ:
        return callback_is_valid(value);
    case HVM_PARAM_TIMER_MODE:
        return value <= HVMPTM_one_missed_tick_pending;
    case HVM_PARAM_X87_FIP_WIDTH:
        return value == 0 || value == 4 || value == 8;
    case HVM_PARAM_VIRIDIAN:
    case HVM_PARAM_NESTEDHVM:
    case HVM_PARAM_ALTP2M:
    case HVM_PARAM_MCA_CAP:
        return value == 0;
    default:
        return true;
    }
}

/* An event may have come before the guest said how it wants to hear of it. */
static void announce_events(struct domain *d)
{
    for (unsigned i = 0; i < d->max_vcpus; i++) {
        if (event_pending(d->vcpus[i])) {
            vcpu_wake_for_event(d->vcpus[i]);
        }
    }
}

/* Decode: the parameter, its domain with a reference, and the right to it. */
static int decode_param(struct vcpu *v, uint64_t gva, uint8_t right,
                        struct xen_hvm_param *p, struct domain **d)
{
    int rc = copy_from_guest(v, p, gva, sizeof(*p));

    if (rc) {
        return rc;
    }
    if (p->index >= HVM_PARAM_COUNT) {
        return -EINVAL;
    }
    rc = hypercall_domain(v, p->domid, d);
    if (!rc && !v->domain->privileged && !(param_rights[p->index] & right)) {
        domain_put(*d);
        rc = -EPERM;
    }
    return rc;
}

static int64_t set_param(struct vcpu *v, uint64_t gva)
{
    struct xen_hvm_param p;
    struct domain *d;
    int rc = decode_param(v, gva, GUEST_WRITES, &p, &d);

    if (rc) {
        return rc;
    }
    if (value_is_valid(p.index, p.value)) {
        WRITE_ONCE(d->hvm_params[p.index], p.value);
        if (p.index == HVM_PARAM_CALLBACK_IRQ) {
            announce_events(d);
        }
    } else {
        rc = -EINVAL;
    }
    domain_put(d);
    return rc;
}

static int64_t get_param(struct vcpu *v, uint64_t gva)
{
    struct xen_hvm_param p;
    struct domain *d;
    int rc = decode_param(v, gva, GUEST_READS, &p, &d);

    if (rc) {
        return rc;
    }
    p.value = READ_ONCE(d->hvm_params[p.index]);
    domain_put(d);
    return copy_answer(v, gva, &p, sizeof(p));
}

/* HC-39: from now on an edge into the vCPU's local APIC; one at once if events
 * are pending, as there will be none for those. */
static int64_t set_upcall_vector(struct vcpu *v, uint64_t gva)
{
    struct xen_hvm_evtchn_upcall_vector u;
    struct vcpu *target;
    int rc = copy_from_guest(v, &u, gva, sizeof(u));

    if (rc) {
        return rc;
    }
    if (u.vector < VECTOR_MIN) {
        return -EINVAL;
    }
    if (u.vcpu >= v->domain->max_vcpus) {
        return -ENOENT;
    }
    target = v->domain->vcpus[u.vcpu];
    WRITE_ONCE(target->upcall_vector, u.vector);
    mem_barrier();
    if (event_pending(target)) {
        vlapic_raise(target, u.vector);
    }
    return 0;
}

static int64_t get_mem_type(struct vcpu *v, uint64_t gva)
{
    struct xen_hvm_get_mem_type t;
    struct p2m_entry entry;
    struct domain *d;
    int rc = copy_from_guest(v, &t, gva, sizeof(t));

    if (!rc) {
        rc = hypercall_domain(v, t.domid, &d);
    }
    if (rc) {
        return rc;
    }
    entry = p2m_get(&d->p2m, GFN(t.pfn));
    domain_put(d);
    if (!p2m_types[entry.type].is_ram) {
        t.mem_type = HVMMEM_mmio_dm;
    } else if (entry.type == P2M_RAM_RO) {
        t.mem_type = HVMMEM_ram_ro;
    } else {
        t.mem_type = HVMMEM_ram_rw;
    }
    return copy_answer(v, gva, &t, sizeof(t));
}

static int64_t get_time(struct vcpu *v, uint64_t gva)
{
    struct xen_hvm_get_time t = {.now = arch_time_ns()};

    return copy_answer(v, gva, &t, sizeof(t));
}

/* What is not here needs a device model or shadow page tables. */
int64_t hc_hvm_op(struct vcpu *v, const uint64_t args[6])
{
    switch (args[0]) {
    case HVMOP_set_param:
        return set_param(v, args[1]);
    case HVMOP_get_param:
        return get_param(v, args[1]);
    case HVMOP_set_evtchn_upcall_vector:
        return set_upcall_vector(v, args[1]);
    case HVMOP_get_mem_type:
        return get_mem_type(v, args[1]);
    case HVMOP_get_time:
        return get_time(v, args[1]);
    default:
        return -ENOSYS;
    }
}
