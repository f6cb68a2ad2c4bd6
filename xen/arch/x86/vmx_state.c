/* SPDX-License-Identifier: MIT */
/*
 * A vCPU's state by VMX, read and written as a whole.
 *
 * Most is in the VMCS. A few MSRs are not, and nothing in the hypervisor
 * needs its own values in them: like the FPU's state they stay in the registers
 * from one run to the next, and are written back when another vCPU comes.
 *
 * VM entry checks what SVM lets pass: a segment's granularity must be that of
 * its limit, its accessed bit set, TR busy. Here that is put right, so that a
 * state means the same on both.
 */
#include "arch/x86/asm.h"
#include "arch/x86/vmx.h"

#define RIGHTS_CODE_OR_DATA BIT(4)
#define RIGHTS_PRESENT      BIT(7)
#define RIGHTS_GRANULAR     BIT(15)
#define RIGHTS_UNUSABLE     BIT(16)
/* Entry insists on a task register. */
#define RIGHTS_SOME_TSS (RIGHTS_PRESENT | 0xBU)
#define TYPE_ACCESSED   1U
#define TYPE_BUSY       2U
#define CR0_PG          BIT(31)
/* Bits that the guest sees as it wrote them, and that have no effect: VMX wants
 * NE, and caches are the host's affair. */
#define CR0_OWN         (BIT(5) | BIT(29) | BIT(30))
#define CR0_NE          BIT(5)
#define ENTRY_LONG_MODE BIT(9)

static uint64_t rights_of(const struct guest_seg *s, unsigned index)
{
    uint64_t rights = (s->attributes & 0xFFU) | (s->attributes & 0xF00ULL) << 4;

    if (!(rights & RIGHTS_PRESENT)) {
        if (index != SEG_TR) {
            return RIGHTS_UNUSABLE;
        }
        rights = RIGHTS_SOME_TSS;
    }
    if (rights & RIGHTS_CODE_OR_DATA) {
        rights |= TYPE_ACCESSED;
    }
    if (index == SEG_TR) {
        rights |= TYPE_BUSY;
    }
    if (s->limit > 0xFFFFF) {
        rights |= RIGHTS_GRANULAR;
    } else if ((s->limit & 0xFFF) != 0xFFF) {
        rights &= ~RIGHTS_GRANULAR;
    }
    return rights;
}

static void set_segment(const struct guest_seg *s, unsigned index)
{
    vmwrite(VMCS_GUEST_SELECTOR + 2 * index, s->selector);
    vmwrite(VMCS_GUEST_BASE + 2 * index, s->base);
    vmwrite(VMCS_GUEST_LIMIT + 2 * index, s->limit);
    vmwrite(VMCS_GUEST_RIGHTS + 2 * index, rights_of(s, index));
}

static struct guest_seg get_segment(unsigned index)
{
    uint64_t rights = vmread(VMCS_GUEST_RIGHTS + 2 * index);
    struct guest_seg s = {
        .selector = (uint16_t)vmread(VMCS_GUEST_SELECTOR + 2 * index),
        .base = vmread(VMCS_GUEST_BASE + 2 * index),
        .limit = (uint32_t)vmread(VMCS_GUEST_LIMIT + 2 * index),
    };

    if (!(rights & RIGHTS_UNUSABLE)) {
        s.attributes = (uint16_t)((rights & 0xFF) | (rights >> 4 & 0xF00));
    }
    return s;
}

/* WRMSR of another would be our own #GP. */
static uint64_t canonical(uint64_t address)
{
    return (uint64_t)((int64_t)(address << 16) >> 16);
}

static bool in_registers(const struct vmx_cpu *xc)
{
    struct cpu *c = this_cpu();

    return c->fpu_owner == &xc->common && xc->common.fpu_cpu == c;
}

void vmx_load_msrs(struct vmx_cpu *xc)
{
    wrmsr(MSR_STAR, xc->star);
    wrmsr(MSR_LSTAR, xc->lstar);
    wrmsr(MSR_CSTAR, xc->cstar);
    wrmsr(MSR_SFMASK, xc->sfmask);
    wrmsr(MSR_KERNEL_GS_BASE, xc->kernel_gs_base);
    write_dr6(xc->dr6);
}

void vmx_save_msrs(struct vmx_cpu *xc)
{
    xc->star = rdmsr(MSR_STAR);
    xc->lstar = rdmsr(MSR_LSTAR);
    xc->cstar = rdmsr(MSR_CSTAR);
    xc->sfmask = rdmsr(MSR_SFMASK);
    xc->kernel_gs_base = rdmsr(MSR_KERNEL_GS_BASE);
    xc->dr6 = read_dr6();
}

static void get_unswitched(struct vmx_cpu *xc, struct guest_state *s)
{
    if (in_registers(xc)) {
        vmx_save_msrs(xc);
    }
    s->cr2 = xc->cr2;
    s->dr6 = xc->dr6;
    s->star = xc->star;
    s->lstar = xc->lstar;
    s->cstar = xc->cstar;
    s->sfmask = xc->sfmask;
    s->kernel_gs_base = xc->kernel_gs_base;
}

void vmx_get_state(const struct guest_cpu *gc, struct guest_state *s)
{
    uint64_t shadow;

    vmcs_begin(gc);
    shadow = vmread(VMCS_CR0_SHADOW);
    *s = (struct guest_state){
        .cr0 = (vmread(VMCS_GUEST_CR0) & ~CR0_OWN) | (shadow & CR0_OWN),
        .cr3 = vmread(VMCS_GUEST_CR3),
        .cr4 = (vmread(VMCS_GUEST_CR4) & CR4_GUEST) |
               (vmread(VMCS_CR4_SHADOW) & CR4_MCE),
        .efer = vmread(VMCS_GUEST_EFER),
        .dr7 = vmread(VMCS_GUEST_DR7),
        .gdtr.base = vmread(VMCS_GUEST_GDTR_BASE),
        .gdtr.limit = (uint32_t)vmread(VMCS_GUEST_GDTR_LIMIT),
        .idtr.base = vmread(VMCS_GUEST_IDTR_BASE),
        .idtr.limit = (uint32_t)vmread(VMCS_GUEST_IDTR_LIMIT),
        .sysenter_cs = vmread(VMCS_GUEST_SYSENTER_CS),
        .sysenter_esp = vmread(VMCS_GUEST_SYSENTER_ESP),
        .sysenter_eip = vmread(VMCS_GUEST_SYSENTER_EIP),
        .pat = vmread(VMCS_GUEST_PAT),
    };
    for (unsigned i = 0; i < SEG_COUNT; i++) {
        s->seg[i] = get_segment(i);
    }
    vmcs_end(gc);
    get_unswitched(vmx_of(gc), s);
}

static void set_control_registers(const struct guest_state *s)
{
    uint64_t entry = vmread(VMCS_ENTRY_CONTROLS) & ~ENTRY_LONG_MODE;
    uint64_t efer = s->efer & ~(uint64_t)EFER_LMA;

    if ((efer & EFER_LME) && (s->cr0 & CR0_PG)) {
        efer |= EFER_LMA;
        entry |= ENTRY_LONG_MODE;
    }
    vmwrite(VMCS_ENTRY_CONTROLS, entry);
    vmwrite(VMCS_GUEST_EFER, efer);
    vmwrite(VMCS_CR0_MASK, CR0_OWN);
    vmwrite(VMCS_CR0_SHADOW, s->cr0);
    vmwrite(VMCS_GUEST_CR0, (s->cr0 & ~CR0_OWN) | CR0_NE);
    vmwrite(VMCS_GUEST_CR3, s->cr3);
    /* Without MCE a machine check would shut the processor down. */
    vmwrite(VMCS_CR4_MASK, ~CR4_GUEST);
    vmwrite(VMCS_CR4_SHADOW, s->cr4 & (CR4_GUEST | CR4_MCE));
    vmwrite(VMCS_GUEST_CR4,
            (s->cr4 & CR4_GUEST) | CR4_VMXE | (read_cr4() & CR4_MCE));
    vmwrite(VMCS_GUEST_DR7, (uint32_t)s->dr7 | 0x400);
}

static void set_unswitched(struct vmx_cpu *xc, const struct guest_state *s)
{
    xc->cr2 = s->cr2;
    xc->dr6 = (uint32_t)s->dr6;
    xc->star = s->star;
    xc->lstar = canonical(s->lstar);
    xc->cstar = canonical(s->cstar);
    xc->sfmask = (uint32_t)s->sfmask;
    xc->kernel_gs_base = canonical(s->kernel_gs_base);
    if (in_registers(xc)) {
        vmx_load_msrs(xc);
    } else {
        xc->common.fpu_cpu = NULL; /* what another CPU's have is old */
    }
}

void vmx_set_state(struct guest_cpu *gc, const struct guest_state *s)
{
    struct vmx_cpu *xc = vmx_of(gc);

    vmcs_begin(gc);
    set_control_registers(s);
    for (unsigned i = 0; i < SEG_COUNT; i++) {
        set_segment(&s->seg[i], i);
    }
    vmwrite(VMCS_GUEST_GDTR_BASE, s->gdtr.base);
    vmwrite(VMCS_GUEST_GDTR_LIMIT, s->gdtr.limit & 0xFFFF);
    vmwrite(VMCS_GUEST_IDTR_BASE, s->idtr.base);
    vmwrite(VMCS_GUEST_IDTR_LIMIT, s->idtr.limit & 0xFFFF);
    vmwrite(VMCS_GUEST_SYSENTER_CS, s->sysenter_cs);
    vmwrite(VMCS_GUEST_SYSENTER_ESP, s->sysenter_esp);
    vmwrite(VMCS_GUEST_SYSENTER_EIP, s->sysenter_eip);
    vmwrite(VMCS_GUEST_PAT, s->pat);
    vmwrite(VMCS_GUEST_SHADOW, 0);
    vmwrite(VMCS_GUEST_PENDING_DEBUG, 0);
    vmcs_end(gc);
    xc->event = 0;
    set_unswitched(xc, s);
}
