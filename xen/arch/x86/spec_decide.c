/* SPDX-License-Identifier: MIT */
/*
 * Which measures a processor needs, by the bits with which it says so:
 *
 *   IBPB            where there is one
 *   SPEC_CTRL       where there is one: the guest's value is its own. The
 *                   host runs with IBRS, so that what a guest has taught the
 *                   predictors does not lead the hypervisor
 *   return stack    a guest's entries must not be used by the hypervisor. With
 *                   IBRS for all and no PBRSB the processor sees to that
 *   buffers         where VERW clears them, unless the processor says that
 *                   none of them leaks
 *   L1D             Intel's VMX, where it can be flushed, unless it need not be
 *
 * A processor without any of the bits gets no measure: there is nothing by
 * which it could be done.
 */
#include "arch/x86/spec.h"

static bool returns_are_kept(const struct spec_facts *f)
{
    return f->intel && (f->capabilities & CAP_IBRS_ALL) &&
           (f->capabilities & CAP_PBRSB_NO);
}

static bool buffers_leak(const struct spec_facts *f)
{
    bool none = (f->capabilities & CAP_MDS_NO) &&
                (f->capabilities & CAP_TAA_NO) &&
                !(f->capabilities & CAP_FB_CLEAR);

    return f->intel && (f->leaf7_edx & SPEC7_MD_CLEAR) && !none;
}

static bool l1d_leaks(const struct spec_facts *f)
{
    return f->intel && f->vmx && (f->leaf7_edx & SPEC7_L1D_FLUSH) &&
           !(f->capabilities & (CAP_RDCL_NO | CAP_L1D_NO));
}

uint32_t spec_decide(const struct spec_facts *f)
{
    bool ibrs = (f->leaf7_edx & SPEC7_IBRS) || (f->ext8_ebx & SPEC8_IBRS);
    bool ctrl = ibrs || (f->leaf7_edx & (SPEC7_STIBP | SPEC7_SSBD)) ||
                (f->ext8_ebx & (SPEC8_STIBP | SPEC8_SSBD));
    bool ibpb = (f->leaf7_edx & SPEC7_IBRS) || (f->ext8_ebx & SPEC8_IBPB);
    uint32_t measures = 0;

    measures |= ibpb ? (uint32_t)SPEC_IBPB : 0;
    measures |= ctrl ? (uint32_t)SPEC_SWITCH_CTRL : 0;
    measures |= ibrs ? (uint32_t)SPEC_HOST_IBRS : 0;
    measures |= ctrl && !returns_are_kept(f) ? (uint32_t)SPEC_STUFF_RETURNS : 0;
    measures |= buffers_leak(f) ? (uint32_t)SPEC_CLEAR_BUFFERS : 0;
    measures |= l1d_leaks(f) ? (uint32_t)SPEC_FLUSH_L1D : 0;
    measures |= f->ext8_ebx & SPEC8_VIRT_SSBD ? (uint32_t)SPEC_VIRT_CTRL : 0;
    return measures;
}

bool spec_note_domain(struct spec_switches *s, uint64_t domain,
                      uint32_t measures)
{
    bool first = !s->domain, barrier;

    if (s->domain == domain) {
        return false;
    }
    s->domain = domain;
    barrier = !first && (measures & SPEC_IBPB);
    s->changes += !first;
    s->barriers += barrier;
    return barrier;
}
