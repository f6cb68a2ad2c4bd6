/* SPDX-License-Identifier: MIT */
/*
 * Why a guest came back, by VMX: the exit reason and its qualification as a
 * struct guest_exit (Intel SDM volume 3, "VM exits"). What only the
 * processor's rules need is done here: NMIs, CR0's own bits, XSETBV.
 *
 * The processor says how long the instruction is.
 */
#include "arch/x86/asm.h"
#include "arch/x86/mce.h"
#include "arch/x86/vmx.h"

#define EVENT_NMI_UNBLOCKS BIT(12)
#define EVENT_TYPE_INT1    5U
#define DR6_HITS           (BIT(13) | BIT(14) | 15U) /* BD, BS, B3..B0 */
#define DR7_GD             BIT(13)
#define RIGHTS_LONG        BIT(13)

/* An exception instead of the exit. Nothing else is queued: an exit because of
 * the guest's own instruction was not a delivery. */
static void inject(struct vmx_cpu *xc, struct guest_exit *e, unsigned vector,
                   int64_t error)
{
    xc->event = virt_exception(&xc->common, vector, error);
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

/* What the exit came before: DR6 says why, and DR7.GD is off. INT1 counts as
 * executed; only its own type of event would need its length. */
static void give_back_debug(struct vmx_cpu *xc, struct guest_regs *regs,
                            struct guest_exit *e, uint64_t event)
{
    uint64_t hits = vmread(VMCS_QUALIFICATION) & DR6_HITS;

    write_dr6((read_dr6() & ~15ULL) | hits);
    vmwrite(VMCS_GUEST_DR7, vmread(VMCS_GUEST_DR7) & ~DR7_GD);
    if (EVENT_TYPE(event) == EVENT_TYPE_INT1) {
        regs->rip += e->length;
    }
    inject(xc, e, EXCEPTION_DB, -1);
}

static void decode_exception(struct vmx_cpu *xc, struct guest_regs *regs,
                             struct guest_exit *e)
{
    uint64_t event = vmread(VMCS_EXIT_EVENT);

    if (EVENT_TYPE(event) == EVENT_TYPE_NMI) {
        e->reason = EXIT_NONE;
        e->length = 0;
        /* Ours. NMIs are blocked until an IRET. */
        __asm__ volatile("int $2" : : : "memory");
        return;
    }
    block_nmi_again(event & EVENT_NMI_UNBLOCKS);
    if ((event & 0xFF) == EXCEPTION_MC) {
        mce_handle(true);
    } else if ((event & 0xFF) == EXCEPTION_DB) {
        give_back_debug(xc, regs, e, event);
    } else {
        inject(xc, e, EXCEPTION_AC, 0);
    }
}

/* A write that changes a bit of CR0 that is not the guest's (vmx_state.c) shows
 * as written from now on, and is run again: then it exits no more, and the
 * processor does the rest of it. Of CR4's such bits only MCE is there to be
 * written, and has no effect: machine checks are the host's. */
static bool valid_cr0(uint64_t v)
{
    bool caches = (v & BIT(30)) || !(v & BIT(29)); /* no NW without CD */
    bool paging = (v & BIT(0)) || !(v & BIT(31));

    return caches && paging && !(v >> 32);
}

static void decode_cr_write(struct vmx_cpu *xc, struct guest_exit *e,
                            unsigned cr, uint64_t v)
{
    if (cr == 0 && valid_cr0(v)) {
        vmwrite(VMCS_CR0_SHADOW, v);
    } else if (cr == 4 && !(v & ~(CR4_GUEST | CR4_MCE))) {
        vmwrite(VMCS_CR4_SHADOW, v);
    } else {
        inject(xc, e, EXCEPTION_GP, 0);
        return;
    }
    e->reason = EXIT_NONE;
    e->length = 0;
}

static void decode_cr(struct vmx_cpu *xc, const struct guest_regs *regs,
                      struct guest_exit *e)
{
    uint64_t q = vmread(VMCS_QUALIFICATION);
    unsigned cr = q & 15, reg = q >> 8 & 15;
    bool is_long = vmread(VMCS_GUEST_RIGHTS + 2 * SEG_CS) & RIGHTS_LONG;

    if (cr == 8) {
        e->reason = q & BIT(4) ? EXIT_CR8_READ : EXIT_CR8_WRITE;
        e->value = reg;
        return;
    }
    /* What is above 32 bits is left from 64-bit code. */
    decode_cr_write(xc, e, cr,
                    is_long ? regs->gpr[reg] : (uint32_t)regs->gpr[reg]);
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
        [VMX_EXIT_TASK_SWITCH] = {true, EXIT_FAILED},
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
    if (code == (VMX_ENTRY_FAILED | VMX_EXIT_MACHINE_CHECK)) {
        mce_handle(true);
        e->reason = EXIT_NONE;
        e->length = 0;
    } else if (code & VMX_ENTRY_FAILED) {
        e->reason = EXIT_FAILED;
    } else if (code < ARRAY_COUNT(simple) && simple[code].known) {
        e->reason = simple[code].reason;
    } else if (code == VMX_EXIT_EPT_VIOLATION) {
        decode_fault(e);
    } else if (code == VMX_EXIT_IO) {
        decode_io(e);
    } else if (code == VMX_EXIT_EXCEPTION) {
        decode_exception(xc, regs, e);
    } else if (code == VMX_EXIT_CR) {
        decode_cr(xc, regs, e);
    } else if (code == VMX_EXIT_XSETBV) {
        virt_xsetbv(&xc->common, regs, e);
    } else {
        e->reason = EXIT_UNDEFINED;
    }
}

/* SDM volume 3, "VM instruction error numbers"; those that VMLAUNCH and
 * VMRESUME may give. */
static const char *not_entered(uint64_t error)
{
    switch (error) {
    case 0:
        return "VM entry without a current VMCS: a bug";
    case 4:
    case 5:
    case 6:
        return "the VMCS is not in the state that VM entry wants: a bug";
    case 7:
        return "VM entry refuses the control fields: a bug";
    case 8:
        return "VM entry refuses the host's state: a bug";
    case 26:
        return "VM entry came in the shadow of MOV SS: a bug";
    default:
        return "VM entry failed";
    }
}

const char *vmx_failure(uint64_t code)
{
    if (code & VMX_NOT_ENTERED) {
        return not_entered(code & ~VMX_NOT_ENTERED);
    }
    switch (code & ~VMX_ENTRY_FAILED) {
    case VMX_EXIT_TASK_SWITCH:
        return "it switches tasks by hardware, which VMX leaves to us, and we "
               "do not do";
    case VMX_EXIT_BAD_STATE:
        return "the processor refuses its state";
    case VMX_EXIT_BAD_MSRS:
        return "the processor refuses the MSRs to load: a bug";
    case VMX_EXIT_MACHINE_CHECK:
        return "a machine check while it was entered";
    case VMX_EXIT_EPT_MISCONFIGURED:
        return "a wrong entry in its extended page tables: a bug";
    default:
        return "an exit that is not known";
    }
}
