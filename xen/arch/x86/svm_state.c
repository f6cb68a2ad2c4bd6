/* SPDX-License-Identifier: MIT */
/* The parts of a vCPU's state that live in the VMCB, read and written as a
 * whole. */
#include "arch/x86/asm.h"
#include "arch/x86/svm.h"

static struct guest_seg from_vmcb(const struct vmcb_seg *s)
{
    return (struct guest_seg){s->selector, s->attributes, s->limit, s->base};
}

static struct vmcb_seg to_vmcb(const struct guest_seg *s)
{
    return (struct vmcb_seg){s->selector, s->attributes, s->limit, s->base};
}

void svm_get_state(const struct guest_cpu *gc, struct guest_state *s)
{
    const struct vmcb *m = vmcb_of(gc);

    *s = (struct guest_state){
        .cr0 = m->cr0,
        .cr2 = m->cr2,
        .cr3 = m->cr3,
        .cr4 = m->cr4,
        .efer = m->efer & ~(uint64_t)EFER_SVME,
        .dr6 = m->dr6,
        .dr7 = m->dr7,
        .seg = {from_vmcb(&m->es), from_vmcb(&m->cs), from_vmcb(&m->ss),
                from_vmcb(&m->ds), from_vmcb(&m->fs), from_vmcb(&m->gs),
                from_vmcb(&m->ldtr), from_vmcb(&m->tr)},
        .gdtr = from_vmcb(&m->gdtr),
        .idtr = from_vmcb(&m->idtr),
        .star = m->star,
        .lstar = m->lstar,
        .cstar = m->cstar,
        .sfmask = m->sfmask,
        .kernel_gs_base = m->kernel_gs_base,
        .sysenter_cs = m->sysenter_cs,
        .sysenter_esp = m->sysenter_esp,
        .sysenter_eip = m->sysenter_eip,
        .pat = m->pat,
    };
}

static void set_segments(struct vmcb *m, const struct guest_state *s)
{
    m->es = to_vmcb(&s->seg[SEG_ES]);
    m->cs = to_vmcb(&s->seg[SEG_CS]);
    m->ss = to_vmcb(&s->seg[SEG_SS]);
    m->ds = to_vmcb(&s->seg[SEG_DS]);
    m->fs = to_vmcb(&s->seg[SEG_FS]);
    m->gs = to_vmcb(&s->seg[SEG_GS]);
    m->ldtr = to_vmcb(&s->seg[SEG_LDTR]);
    m->tr = to_vmcb(&s->seg[SEG_TR]);
    m->gdtr = to_vmcb(&s->gdtr);
    m->idtr = to_vmcb(&s->idtr);
    m->cpl = m->ss.attributes >> 5 & 3;
}

void svm_set_state(struct guest_cpu *gc, const struct guest_state *s)
{
    struct vmcb *m = vmcb_of(gc);

    m->cr0 = s->cr0;
    m->cr2 = s->cr2;
    m->cr3 = s->cr3;
    /* Without MCE a machine check would shut the processor down, which ends
     * the guest. It may clear the bit, which Linux does not. */
    m->cr4 = s->cr4 | (read_cr4() & CR4_MCE);
    m->efer = s->efer | EFER_SVME;
    m->dr6 = s->dr6;
    m->dr7 = s->dr7;
    set_segments(m, s);
    m->star = s->star;
    m->lstar = s->lstar;
    m->cstar = s->cstar;
    m->sfmask = s->sfmask;
    m->kernel_gs_base = s->kernel_gs_base;
    m->sysenter_cs = s->sysenter_cs;
    m->sysenter_esp = s->sysenter_esp;
    m->sysenter_eip = s->sysenter_eip;
    m->pat = s->pat;
    m->event_inject = 0;
    m->interrupt_shadow = 0;
}
