/* SPDX-License-Identifier: MIT */
/*
 * Hypercall 48, mca: the control domain makes a machine check, to see that it
 * is handled (Xen's xen-mceinj does so). What the machine reports by itself
 * is in the log; there is nothing to fetch here.
 *
 * Registers are always pretended: real ones refuse writes. An address may be
 * one of a guest (MC_MSRINJ_F_GPADDR). It happens on the CPU where the call is
 * made, whichever is named.
 */
#include "arch/trouble.h"
#include "domain/domain.h"
#include "domain/memory.h"
#include "guest/copy.h"
#include "guest/hypercall.h"
#include "mm/page_ref.h"
#include "types/error.h"

/* The first has types that the second uses. */
/* clang-format off */
#include <xen/xen.h>
#include <xen/arch-x86/xen-mca.h>
/* clang-format on */

/* The machine address of a guest's; its page is there. */
static int to_machine(struct domain *d, uint64_t *address)
{
    gpa_t gpa = GPA(*address);
    struct page *pg;
    int rc = memory_get_page(d, gfn_from_gpa(gpa), false, &pg);

    if (rc) {
        return rc;
    }
    *address = page_to_mfn(pg).v << PAGE_SHIFT | (gpa.v & (PAGE_SIZE - 1));
    page_put(pg);
    return 0;
}

static int set_register(struct vcpu *v, const struct xen_mc_msrinject *in,
                        const struct mcinfo_msr *msr)
{
    uint64_t value = msr->value;
    struct domain *d;
    int rc;

    if ((in->mcinj_flags & MC_MSRINJ_F_GPADDR) &&
        arch_trouble_is_address(msr->reg)) {
        rc = hypercall_domain(v, in->mcinj_domid, &d);
        if (rc) {
            return rc;
        }
        rc = to_machine(d, &value);
        domain_put(d);
        if (rc) {
            return rc;
        }
    }
    return arch_trouble_set_register(msr->reg, value);
}

static int set_registers(struct vcpu *v, const struct xen_mc_msrinject *in)
{
    int rc = 0;

    if (in->mcinj_cpunr >= arch_cpu_count() ||
        in->mcinj_count > MC_MSRINJ_MAXMSRS) {
        return -EINVAL;
    }
    for (unsigned i = 0; i < in->mcinj_count && !rc; i++) {
        rc = set_register(v, in, &in->mcinj_msr[i]);
    }
    return rc;
}

int64_t hc_mca(struct vcpu *v, const uint64_t args[6])
{
    struct xen_mc op;
    int rc;

    rc = hypercall_control_op(v, &op, args[0], sizeof(op),
                              XEN_MCA_INTERFACE_VERSION);
    if (rc) {
        return rc;
    }
    switch (op.cmd) {
    case XEN_MC_msrinject:
        return set_registers(v, &op.u.mc_msrinject);
    case XEN_MC_mceinject:
        if (op.u.mc_mceinject.mceinj_cpunr >= arch_cpu_count()) {
            return -EINVAL;
        }
        return arch_trouble_machine_check();
    default:
        return -ENOSYS;
    }
}
