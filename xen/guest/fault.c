/* SPDX-License-Identifier: MIT */
/*
 * A guest touched a guest-physical address that its tables do not allow:
 * memory decides what becomes of it, and we act on the verdict.
 */
#include "base/console.h"
#include "domain/memory.h"
#include "domain/sched.h"
#include "guest/instruction.h"
#include "guest/run.h"

/*
 * Nothing is there. Reads of Xen PVH guests give ones and writes are dropped
 * (AP-23); we do the same for plain moves. What cannot be decoded would spin
 * for ever, so it ends the guest.
 */
static void access_hole(struct vcpu *v, const struct guest_exit *e)
{
    struct domain *d = v->domain;

    if (e->fault.execute || !instruction_emulate_hole(v)) {
        domain_crash(d, "vCPU %u: %s of nothing at gpa %lx, rip %lx", v->id,
                     e->fault.execute ? "execution"
                                      : (e->fault.write ? "write" : "read"),
                     e->fault.gpa.v, v->regs.rip);
        return;
    }
    log_guest(d->id, LOG_DEBUG,
              "vCPU %u: access to nothing at gpa %lx, rip %lx", v->id,
              e->fault.gpa.v, v->regs.rip);
}

static void out_of_memory(struct vcpu *v, const struct guest_exit *e,
                          enum p2m_verdict verdict)
{
    struct domain *d = v->domain;
    struct memory_pod_info pod;

    if (verdict == P2M_NO_MEMORY) {
        domain_crash(d, "no memory for page tables at gpa %lx", e->fault.gpa.v);
        return;
    }
    memory_get_pod(d, &pod);
    domain_crash(d,
                 "out of PoD memory at gpa %lx: %lu pages populated, none "
                 "cached, %lu promised, none of them zero",
                 e->fault.gpa.v, pod.tot_pages - pod.cache_pages, pod.entries);
}

void fault_handle(struct vcpu *v, const struct guest_exit *e)
{
    enum p2m_verdict verdict =
        memory_fault(v->domain, gfn_from_gpa(e->fault.gpa), e->fault.write,
                     e->fault.execute);

    if (likely(verdict == P2M_OK)) {
        return;
    }
    switch (verdict) {
    case P2M_OK:
    case P2M_DYING:
        break;
    case P2M_RETRY:
        sched_yield(v); /* a slice of the search: others may run first */
        break;
    case P2M_NEED_PAGE:
    case P2M_NO_MEMORY:
        if (!memory_wait(v, gfn_from_gpa(e->fault.gpa), verdict)) {
            out_of_memory(v, e, verdict);
        }
        break;
    case P2M_HOLE_ACCESS:
    case P2M_BAD_ACCESS:
        access_hole(v, e);
        break;
    }
}
