/* SPDX-License-Identifier: MIT */
/*
 * Why a guest came back, by VMX: the exit reason and its qualification as a
 * struct guest_exit (Intel SDM volume 3, "VM exits"). What only the
 * processor's rules need is done here: NMIs, CR0's own bits, XSETBV.
 *
 * The processor says how long the instruction is.
 */
#include "arch/x86/asm.h"
#include "arch/x86/vmx.h"

#define EXCEPTION_GP       13
#define EVENT_NMI_UNBLOCKS BIT(12)

/* An exception with error code 0 instead of the exit. Nothing else is queued:
 * an exit because of the guest's own instruction was not a delivery. */
static void inject(struct vmx_cpu *xc, struct guest_exit *e, unsigned vector)
{
    xc->event = EVENT_VALID | EVENT_TYPE_EXCEPTION << EVENT_TYPE_SHIFT |
                EVENT_ERROR_CODE | vector;
    e->reason = EXIT_NONE;
    e->length = 0;
}

static void decode_io(struct guest_exit *e)
{
    uint64_t q = vmread(VMCS_QUALIFICATION);

    e->reason = EXIT_IO;
    e->io.size = (uint8_t)((q & 7) + 1);
    e->io.in = q & BIT(3);
    e->io.string = q & BIT(4);
    e->io.rep = q & BIT(5);
    e->io.port = (uint16_t)(q >> 16);
}

/* Did the guest's IRET, which ends the blocking of NMIs, come to nothing? */
static void block_nmi_again(uint64_t unblocked)
{
    if (unblocked && !(vmread(VMCS_VECTORING) & EVENT_VALID)) {
        vmwrite(VMCS_GUEST_SHADOW, vmread(VMCS_GUEST_SHADOW) | SHADOW_NMI);
    }
}

static void decode_fault(struct guest_exit *e)
{
    uint64_t q = vmread(VMCS_QUALIFICATION);

    e->reason = EXIT_FAULT;
    e->length = 0;
    e->fault.gpa = GPA(vmread(VMCS_GUEST_PHYSICAL));
    e->fault.write = q & BIT(1);
    e->fault.execute = q & BIT(2);
    e->fault.present = q & (7 << 3);
    block_nmi_again(q & EVENT_NMI_UNBLOCKS);
}

static void decode_exception(struct vmx_cpu *xc, struct guest_exit *e)
{
    uint64_t event = vmread(VMCS_EXIT_EVENT);

    e->reason = EXIT_NONE;
    e->length = 0;
    if (EVENT_TYPE(event) == EVENT_TYPE_NMI) {
        /* Ours. NMIs are blocked until an IRET. */
        __asm__ volatile("int $2" : : : "memory");
        return;
    }
    block_nmi_again(event & EVENT_NMI_UNBLOCKS);
    /* #AC, which an endless loop of could not be left otherwise. */
    inject(xc, e, EXCEPTION_AC);
}

/* A write that changes a bit of CR0 that is not the guest's (vmx_state.c) shows
 * as written from now on, and is run again: then it exits no more, and the
 * processor does the rest of it. CR4's only such bit is VMXE. */
static void decode_cr_write(struct vmx_cpu *xc, struct guest_exit *e,
                            unsigned cr, uint64_t v)
{
    bool valid = (v & BIT(30)) || !(v & BIT(29)); /* no NW without CD */

    valid = valid && ((v & BIT(0)) || !(v & BIT(31)));
    if (cr != 0 || !valid || v >> 32) {
        inject(xc, e, EXCEPTION_GP);
        return;
    }
    vmwrite(VMCS_CR0_SHADOW, v);
    e->reason = EXIT_NONE;
    e->length = 0;
}

static void decode_cr(struct vmx_cpu *xc, const struct guest_regs *regs,
                      struct guest_exit *e)
{
    uint64_t q = vmread(VMCS_QUALIFICATION);
    unsigned cr = q & 15, reg = q >> 8 & 15;

    if (cr == 8) {
        e->reason = q & BIT(4) ? EXIT_CR8_READ : EXIT_CR8_WRITE;
        e->value = reg;
        return;
    }
    decode_cr_write(xc, e, cr, regs->gpr[reg]);
}

/* Only what this processor has and the guest is offered, and what an FPU needs.
 * Ring 3 gets its #GP before the exit. */
static void decode_xsetbv(struct vmx_cpu *xc, struct guest_regs *regs,
                          struct guest_exit *e)
{
    uint64_t v = (uint32_t)regs->rax | regs->rdx << 32;

    if ((uint32_t)regs->rcx || (v & ~fpu_guest_xcr0) || !(v & BIT(0)) ||
        (v & (BIT(1) | BIT(2))) == BIT(2)) {
        inject(xc, e, EXCEPTION_GP);
        return;
    }
    xsetbv0(v);
    e->reason = EXIT_SKIP;
}

void vmx_decode_exit(struct vmx_cpu *xc, struct guest_regs *regs,
                     struct guest_exit *e)
{
    static const struct {
        bool known;
        uint8_t reason;
    } simple[] = {
        [VMX_EXIT_INTERRUPT] = {true, EXIT_NONE},
        [VMX_EXIT_INIT] = {true, EXIT_NONE},
        [VMX_EXIT_STARTUP] = {true, EXIT_NONE},
        [VMX_EXIT_IRQ_WINDOW] = {true, EXIT_NONE},
        [VMX_EXIT_NMI_WINDOW] = {true, EXIT_NONE},
        [VMX_EXIT_PREEMPTION] = {true, EXIT_NONE},
        [VMX_EXIT_TRIPLE] = {true, EXIT_TRIPLE},
        [VMX_EXIT_CPUID] = {true, EXIT_CPUID},
        [VMX_EXIT_HLT] = {true, EXIT_HLT},
        [VMX_EXIT_INVD] = {true, EXIT_SKIP},
        [VMX_EXIT_WBINVD] = {true, EXIT_SKIP},
        [VMX_EXIT_VMCALL] = {true, EXIT_HYPERCALL},
        [VMX_EXIT_MSR_READ] = {true, EXIT_MSR_READ},
        [VMX_EXIT_MSR_WRITE] = {true, EXIT_MSR_WRITE},
        [VMX_EXIT_PAUSE] = {true, EXIT_PAUSE},
        [VMX_EXIT_EPT_MISCONFIGURED] = {true, EXIT_FAILED},
    };
    uint32_t code = (uint32_t)e->code;

    e->length = (unsigned)vmread(VMCS_INSTRUCTION_LENGTH);
    e->value = code;
    if (code & VMX_ENTRY_FAILED) {
        e->reason = EXIT_FAILED;
    } else if (code < ARRAY_COUNT(simple) && simple[code].known) {
        e->reason = simple[code].reason;
    } else if (code == VMX_EXIT_EPT_VIOLATION) {
        decode_fault(e);
    } else if (code == VMX_EXIT_IO) {
        decode_io(e);
    } else if (code == VMX_EXIT_EXCEPTION) {
        decode_exception(xc, e);
    } else if (code == VMX_EXIT_CR) {
        decode_cr(xc, regs, e);
    } else if (code == VMX_EXIT_XSETBV) {
        decode_xsetbv(xc, regs, e);
    } else {
        e->reason = EXIT_UNDEFINED;
    }
}
