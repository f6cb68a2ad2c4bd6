/* SPDX-License-Identifier: MIT */
/*
 * CPUID as a guest sees it: Xen's own leaves at 0x40000000 (CP-1, CP-2), and
 * for the rest the policy that the toolstack set, or the host's, cut down to
 * what this machine can give (arch_guest_cpuid) in either case. Ids and what
 * depends on the vCPU's state are filled in here (AP-9).
 */
#include "arch/timer.h"
#include "domain/domain.h"
#include "guest/run.h"
#include "types/bits.h"

#include <xen/arch-x86/cpuid.h>
#include <xen/version.h>

#define XEN_LEAF        0x40000000U
#define XEN_LEAF_COUNT  5
#define XEN_VERSION     ((4U << 16) | 17)
#define CR4_OSXSAVE     BIT(18)
#define FEATURE_OSXSAVE BIT(27)
#define HOST_TSC_SAFE   BIT(1)

static struct cpuid_regs time_leaf(const struct domain *d, uint32_t subleaf)
{
    switch (subleaf) {
    case 0:
        return (struct cpuid_regs){
            .eax = arch_tsc_invariant() ? HOST_TSC_SAFE : 0,
            .ebx = d->tsc_mode,
            .ecx = (uint32_t)arch_tsc_khz(),
        };
    case 2:
        return (struct cpuid_regs){.eax = (uint32_t)arch_tsc_khz()};
    default:
        return (struct cpuid_regs){0};
    }
}

static struct cpuid_regs xen_leaf(const struct vcpu *v, uint32_t leaf,
                                  uint32_t subleaf)
{
    switch (leaf - XEN_LEAF) {
    case 0:
        return (struct cpuid_regs){
            XEN_LEAF + XEN_LEAF_COUNT - 1, XEN_CPUID_SIGNATURE_EBX,
            XEN_CPUID_SIGNATURE_ECX, XEN_CPUID_SIGNATURE_EDX};
    case 1:
        return (struct cpuid_regs){.eax = XEN_VERSION};
    case 2:
        return (struct cpuid_regs){.eax = 1, .ebx = XEN_LEAF};
    case 3:
        return time_leaf(v->domain, subleaf);
    case 4:
        return (struct cpuid_regs){
            .eax = XEN_HVM_CPUID_IOMMU_MAPPINGS |
                   XEN_HVM_CPUID_VCPU_ID_PRESENT | XEN_HVM_CPUID_DOMID_PRESENT,
            .ebx = v->id,
            .ecx = v->domain->id,
        };
    default:
        return (struct cpuid_regs){0};
    }
}

static bool subleaf_matters(uint32_t leaf)
{
    return leaf == 4 || leaf == 7 || leaf == 0xB || leaf == 0xD;
}

static const struct cpuid_leaf *policy_leaf(const struct domain *d,
                                            uint32_t leaf, uint32_t subleaf)
{
    for (unsigned i = 0; i < d->cpuid_count; i++) {
        const struct cpuid_leaf *l = &d->cpuid[i];

        if (l->leaf == leaf &&
            (!subleaf_matters(leaf) || l->subleaf == subleaf)) {
            return l;
        }
    }
    return NULL;
}

/* The toolstack may take features away; it cannot give what is not there. */
static void apply_policy(const struct domain *d, uint32_t leaf,
                         uint32_t subleaf, struct cpuid_regs *r)
{
    const struct cpuid_leaf *l = policy_leaf(d, leaf, subleaf);

    if (!l || (leaf != 1 && leaf != 7 && leaf != 0x80000001)) {
        return;
    }
    if (leaf != 1) {
        r->ebx &= l->b;
    }
    r->ecx &= l->c | (leaf == 1 ? BIT(31) : 0);
    r->edx &= l->d;
}

static void fill_in(const struct vcpu *v, uint32_t leaf, uint32_t subleaf,
                    struct cpuid_regs *r)
{
    struct guest_state s;

    switch (leaf) {
    case 1:
        arch_guest_get_state(v->gc, &s);
        r->ebx = (r->ebx & 0xFFFFFF) | (v->id * 2 & 0xFF) << 24;
        r->ecx &= ~(uint32_t)FEATURE_OSXSAVE;
        if (s.cr4 & CR4_OSXSAVE) {
            r->ecx |= FEATURE_OSXSAVE;
        }
        break;
    case 0xB:
        *r = (struct cpuid_regs){.ecx = subleaf & 0xFF, .edx = v->id * 2};
        break;
    default:
        break;
    }
}

static struct cpuid_regs guest_leaf(const struct vcpu *v, uint32_t leaf,
                                    uint32_t subleaf)
{
    struct cpuid_regs r;

    if (leaf >= XEN_LEAF && leaf < XEN_LEAF + 0x10000) {
        return leaf < XEN_LEAF + 0x100 ? xen_leaf(v, leaf, subleaf)
                                       : (struct cpuid_regs){0};
    }
    r = arch_guest_cpuid(leaf, subleaf);
    apply_policy(v->domain, leaf, subleaf, &r);
    fill_in(v, leaf, subleaf, &r);
    return r;
}

void cpuid_handle(struct vcpu *v, const struct guest_exit *e)
{
    struct cpuid_regs r =
        guest_leaf(v, (uint32_t)v->regs.rax, (uint32_t)v->regs.rcx);

    v->regs.rax = r.eax;
    v->regs.rbx = r.ebx;
    v->regs.rcx = r.ecx;
    v->regs.rdx = r.edx;
    arch_guest_skip(v->gc, &v->regs, e->length);
}
