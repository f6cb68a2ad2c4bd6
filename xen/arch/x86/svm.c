/* SPDX-License-Identifier: MIT */
/*
 * Running a guest with AMD SVM and nested paging.
 *
 * Interrupts are offered by V_IRQ: the processor delivers the vector as soon
 * as the guest can take it, and clears V_IRQ. One that the guest can take at
 * once is injected by EVENTINJ instead, which spares the processor the window;
 * but not where the processor has no nRIP, which is how we know QEMU: it
 * now and then delivers an injected interrupt twice (test-platforms.md 5.1).
 * Bochs on the other hand does not notice V_IRQ of a guest that has interrupts
 * on already (section 2 there).
 */
#include "arch/x86/svm.h"
#include "arch/hostmap.h"
#include "arch/x86/asm.h"
#include "arch/x86/mce.h"
#include "base/console.h"
#include "lib/string.h"

#define SVM_PAGES       3 /* VMCB, FPU area, struct guest_cpu */
#define TLB_FLUSH_ALL   1
#define VMEXIT_INVALID  0xFFFFFFFFU
#define FIRST_INTERRUPT 32
#define MAX_INSTRUCTION 15 /* bytes */
#define HOST_INTERCEPTS                                                        \
    (BIT(SVM_INTR) | BIT(SVM_NMI) | BIT(SVM_INIT) | BIT(SVM_RDPMC) |           \
     BIT(SVM_CPUID) | BIT(SVM_INVD) | BIT(SVM_HLT) | BIT(SVM_INVLPGA) |        \
     BIT(SVM_IO) | BIT(SVM_MSR) | BIT(SVM_SHUTDOWN) | BIT(SVM_FERR) |          \
     BIT(SVM_VMRUN) | BIT(SVM_VMMCALL) | BIT(SVM_VMLOAD) | BIT(SVM_VMSAVE) |   \
     BIT(SVM_STGI) | BIT(SVM_CLGI) | BIT(SVM_SKINIT) | BIT(SVM_WBINVD) |       \
     BIT(SVM_MONITOR) | BIT(SVM_MWAIT) | BIT(SVM_MWAIT_ARMED) |                \
     BIT(SVM_XSETBV))

static uint8_t io_bitmap[3 * PAGE_SIZE] __attribute__((aligned(4096)));
static uint8_t msr_bitmap[2 * PAGE_SIZE] __attribute__((aligned(4096)));
static uint8_t host_save[MAX_CPUS][PAGE_SIZE] __attribute__((aligned(4096)));
static uint8_t host_vmcbs[MAX_CPUS][PAGE_SIZE] __attribute__((aligned(4096)));

static bool has_next_rip;

/* MSRs that VMRUN or VMLOAD switch, or fpu.c: the guest has them directly. */
static const uint32_t direct_msrs[] = {
    MSR_SYSENTER_CS, MSR_SYSENTER_ESP,   MSR_SYSENTER_EIP, MSR_STAR,
    MSR_LSTAR,       MSR_CSTAR,          MSR_SFMASK,       MSR_FS_BASE,
    MSR_GS_BASE,     MSR_KERNEL_GS_BASE, MSR_TSC_AUX,
};

/* Two bits per MSR (read, write), three ranges of 8192 MSRs of 2 KiB each. */
static void allow_msr(uint32_t msr)
{
    unsigned bit = (msr & 0x1FFF) * 2;
    unsigned base =
        msr >= 0xC0010000 ? 0x1000 : (msr >= 0xC0000000 ? 0x800 : 0);

    msr_bitmap[base + bit / 8] &= (uint8_t) ~(3U << (bit % 8));
}

bool svm_present(void)
{
    uint32_t a, b, c, d;

    cpuid_count(0x80000000, 0, &a, &b, &c, &d);
    if (a < 0x8000000A) {
        return false;
    }
    cpuid_count(0x80000001, 0, &a, &b, &c, &d);
    return c & BIT(2);
}

const char *svm_init_boot(void)
{
    uint32_t a, b, c, d;

    if (rdmsr(MSR_VM_CR) & BIT(4)) {
        return "SVM is switched off by the firmware";
    }
    cpuid_count(0x8000000A, 0, &a, &b, &c, &d);
    if (!(d & BIT(0))) {
        return "this processor has no nested paging";
    }
    svm_ops.asid_count = b;
    has_next_rip = d & BIT(3);
    memset(io_bitmap, 0xFF, sizeof(io_bitmap));
    memset(msr_bitmap, 0xFF, sizeof(msr_bitmap));
    for (unsigned i = 0; i < ARRAY_COUNT(direct_msrs); i++) {
        allow_msr(direct_msrs[i]);
    }
    return NULL;
}

static void svm_init_this_cpu(void)
{
    struct cpu *c = this_cpu();

    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME | EFER_SCE);
    wrmsr(MSR_VM_HSAVE_PA, (uint64_t)host_save[c->index]);
    c->host_vmcb = (uint64_t)host_vmcbs[c->index];
    __asm__ volatile("vmsave %0" : : "a"(c->host_vmcb) : "memory");
}

static void set_reset_state(struct vmcb *m)
{
    m->cr0 = 0x60000010;
    m->dr6 = 0xFFFF0FF0;
    m->dr7 = 0x400;
    m->rflags = 2;
    m->efer = EFER_SVME;
    m->pat = 0x0007040600070406ULL;
}

static struct guest_cpu *svm_create(void *const *pages, mfn_t root)
{
    struct vmcb *m = pages[0];
    struct svm_cpu *sc = pages[2];

    sc->vmcb = m;
    sc->vmcb_address = arch_unmap(m).v << PAGE_SHIFT;
    sc->common.xsave = pages[1];
    m->cr_write = BIT(8);
    /* Machine checks are the host's. */
    m->exceptions = EXCEPTIONS_ENDLESS | BIT(EXCEPTION_MC);
    m->intercepts[0] = (uint32_t)HOST_INTERCEPTS;
    m->intercepts[1] = (uint32_t)(HOST_INTERCEPTS >> 32);
    m->iopm = (uint64_t)io_bitmap;
    m->msrpm = (uint64_t)msr_bitmap;
    m->nested_control = 1;
    m->nested_cr3 = root.v << PAGE_SHIFT;
    m->int_control = V_INTR_MASKING;
    set_reset_state(m);
    return &sc->common;
}

unsigned svm_cpl(const struct guest_cpu *gc)
{
    return vmcb_of(gc)->cpl;
}

bool svm_long_mode(const struct guest_cpu *gc)
{
    const struct vmcb *m = vmcb_of(gc);

    return (m->efer & EFER_LMA) && (m->cs.attributes & BIT(9));
}

static uint64_t svm_cr0(const struct guest_cpu *gc)
{
    return vmcb_of(gc)->cr0;
}

uint64_t svm_cr3(const struct guest_cpu *gc)
{
    return vmcb_of(gc)->cr3;
}

static uint64_t svm_get_efer(const struct guest_cpu *gc)
{
    return vmcb_of(gc)->efer & ~(uint64_t)EFER_SVME;
}

static void svm_set_efer(struct guest_cpu *gc, uint64_t efer)
{
    vmcb_of(gc)->efer = efer | EFER_SVME;
}

static uint64_t svm_get_pat(const struct guest_cpu *gc)
{
    return vmcb_of(gc)->pat;
}

static void svm_set_pat(struct guest_cpu *gc, uint64_t pat)
{
    vmcb_of(gc)->pat = pat;
}

static void svm_set_tsc_offset(struct guest_cpu *gc, uint64_t offset)
{
    vmcb_of(gc)->tsc_offset = offset;
}

static bool svm_inject(struct guest_cpu *gc, uint64_t event, uint64_t cr2)
{
    struct vmcb *m = vmcb_of(gc);

    if (m->event_inject & EVENT_VALID) {
        return false;
    }
    m->event_inject = event;
    if (EVENT_IS_PAGE_FAULT(event)) {
        m->cr2 = cr2;
    }
    return true;
}

void svm_clear_shadow(struct guest_cpu *gc)
{
    vmcb_of(gc)->interrupt_shadow = 0;
}

static bool can_inject_irq(const struct vmcb *m)
{
    return has_next_rip && (m->rflags & RFLAGS_IF) &&
           !(m->interrupt_shadow & 1) && !(m->event_inject & EVENT_VALID);
}

static void svm_single_step(struct guest_cpu *gc)
{
    if (svm_inject(gc, virt_exception(gc, EXCEPTION_DB, -1), 0)) {
        vmcb_of(gc)->dr6 |= DR6_BS;
    }
}

static const char *svm_failure(uint64_t code)
{
    return code == VMEXIT_INVALID ? "the processor refuses its state"
                                  : "an exit that is not known";
}

static void offer_irq(struct vmcb *m, int vector)
{
    uint64_t control = m->int_control & V_TPR_MASK;

    control |= V_INTR_MASKING;
    if (vector >= 0 && can_inject_irq(m)) {
        m->event_inject = EVENT_VALID | (unsigned)vector;
    } else if (vector >= 0) {
        control |= V_IRQ | V_IGN_TPR | (uint64_t)vector << V_VECTOR_SHIFT;
    }
    m->int_control = control;
}

/* The entry did not come about. Who offered an interrupt does so again. */
static void withdraw_irq(struct vmcb *m)
{
    uint64_t event = m->event_inject;

    if ((event & EVENT_VALID) && EVENT_TYPE(event) == EVENT_TYPE_INTERRUPT) {
        m->event_inject = 0;
    }
}

/* What was being delivered when the exit came must be delivered again. */
static void requeue_event(struct guest_cpu *gc)
{
    struct vmcb *m = vmcb_of(gc);
    uint64_t event = m->exit_int_info;

    m->event_inject = 0;
    if (!(event & EVENT_VALID)) {
        return;
    }
    switch (EVENT_TYPE(event)) {
    case EVENT_TYPE_INTERRUPT:
        gc->irq_taken = false; /* who offered it does so again */
        break;
    case EVENT_TYPE_NMI:
        m->event_inject = event;
        break;
    case EVENT_TYPE_EXCEPTION:
        if ((event & 0xFF) >= FIRST_INTERRUPT) {
            gc->irq_taken = false; /* QEMU's word for an interrupt by V_IRQ */
        } else if ((event & 0xFF) != 3 && (event & 0xFF) != 4) {
            m->event_inject = event;
        } /* else INT3 or INTO, run again: RIP still points at them */
        break;
    default: /* a software interrupt: run again */
        break;
    }
}

static void decode_io(const struct vmcb *m, struct guest_exit *e)
{
    uint64_t info = m->exit_info1;

    e->reason = EXIT_IO;
    e->io.port = (uint16_t)(info >> 16);
    e->io.in = info & BIT(0);
    e->io.string = info & BIT(2);
    e->io.rep = info & BIT(3);
    e->io.size = (uint8_t)(info >> 4 & 7);
    e->length = (unsigned)(m->exit_info2 - m->rip);
}

static void decode_fault(const struct vmcb *m, struct guest_exit *e)
{
    e->reason = EXIT_FAULT;
    e->fault.gpa = GPA(m->exit_info2);
    e->fault.present = m->exit_info1 & BIT(0);
    e->fault.write = m->exit_info1 & BIT(1);
    e->fault.execute = m->exit_info1 & BIT(4);
}

/* Those that exit only so that they come to an end. DR6 and DR7 are already as
 * the guest is to see them. */
static void give_back_exception(struct guest_cpu *gc, struct guest_exit *e,
                                unsigned vector)
{
    arch_guest_inject_exception(gc, vector, vector == EXCEPTION_AC ? 0 : -1, 0);
    e->reason = EXIT_NONE;
}

/* Of the instruction that exited: by nRIP, or what it is without prefixes,
 * which is how everybody writes it. 0 stays 0: it was no instruction. */
static unsigned instruction_length(const struct vmcb *m, unsigned plain)
{
    uint64_t told = m->next_rip - m->rip;

    return plain && has_next_rip && told - 1 < MAX_INSTRUCTION ? (unsigned)told
                                                               : plain;
}

/* Exit code to reason and instruction length. */
static void decode_exit(struct guest_cpu *gc, const struct guest_regs *regs,
                        struct guest_exit *e)
{
    static const struct {
        bool known;
        uint8_t reason, length;
    } simple[] = {
        [SVM_EXIT_INTR] = {true, EXIT_NONE, 0},
        [SVM_EXIT_NMI] = {true, EXIT_NONE, 0},
        [SVM_EXIT_VINTR] = {true, EXIT_NONE, 0},
        [SVM_EXIT_INIT] = {true, EXIT_NONE, 0},
        [SVM_EXIT_VMMCALL] = {true, EXIT_HYPERCALL, 3},
        [SVM_EXIT_CPUID] = {true, EXIT_CPUID, 2},
        [SVM_EXIT_HLT] = {true, EXIT_HLT, 1},
        [SVM_EXIT_PAUSE] = {true, EXIT_PAUSE, 2},
        [SVM_EXIT_WBINVD] = {true, EXIT_SKIP, 2},
        [SVM_EXIT_INVD] = {true, EXIT_SKIP, 2},
        [SVM_EXIT_CR8_WRITE] = {true, EXIT_CR8_WRITE, 0},
        [SVM_EXIT_SHUTDOWN] = {true, EXIT_TRIPLE, 0},
    };
    const struct vmcb *m = vmcb_of(gc);
    uint32_t code = (uint32_t)m->exit_code; /* QEMU 7.2: 32 bits are real */

    e->code = code;
    e->length = 0;
    e->value = code;
    if (code < ARRAY_COUNT(simple) && simple[code].known) {
        e->reason = simple[code].reason;
        e->length = instruction_length(m, simple[code].length);
        return;
    }
    if (code == SVM_EXIT_NPF) {
        decode_fault(m, e);
    } else if (code == SVM_EXIT_MSR) {
        e->reason = m->exit_info1 & 1 ? EXIT_MSR_WRITE : EXIT_MSR_READ;
        e->length = instruction_length(m, 2);
    } else if (code == SVM_EXIT_IO) {
        decode_io(m, e);
    } else if (code == SVM_EXIT_EXCEPTION + EXCEPTION_AC ||
               code == SVM_EXIT_EXCEPTION + EXCEPTION_DB) {
        give_back_exception(gc, e, code - SVM_EXIT_EXCEPTION);
    } else if (code == SVM_EXIT_EXCEPTION + EXCEPTION_MC) {
        mce_handle(true);
        e->reason = EXIT_NONE;
    } else if (code == SVM_EXIT_XSETBV) {
        e->length =
            instruction_length(m, 3); /* never seen under QEMU 7.2: see fpu.c */
        virt_xsetbv(gc, regs, e);
    } else if (code == VMEXIT_INVALID) {
        e->reason = EXIT_FAILED;
    } else {
        e->reason = EXIT_UNDEFINED;
    }
}

/* Guest entry proper, with host events held back. False: *stop was set. */
static inline bool enter(struct cpu *c, struct svm_cpu *sc,
                         struct guest_regs *regs, const uint32_t *stop,
                         bool guarded)
{
    bool run;

    clgi();
    WRITE_ONCE(c->mode, CPU_IN_GUEST);
    mem_barrier();
    run = !READ_ONCE(*stop);
    if (run && guarded) {
        svm_enter_guarded(sc->vmcb_address, regs, c->host_vmcb);
    } else if (run) {
        svm_enter(sc->vmcb_address, regs, c->host_vmcb);
    }
    WRITE_ONCE(c->mode, CPU_IN_HOST);
    virt_leave(c, &sc->common);
    stgi();
    return run;
}

static void prepare(struct cpu *c, struct guest_cpu *gc,
                    const struct guest_regs *regs)
{
    struct vmcb *m = vmcb_of(gc);

    m->rax = regs->rax;
    m->rsp = regs->rsp;
    m->rip = regs->rip;
    m->rflags = regs->rflags;
    offer_irq(m, gc->irq);
    m->tlb_control = virt_enter(c, gc) == TLB_ALL ? TLB_FLUSH_ALL : 0;
    m->asid = gc->asid;
    write_cr2(m->cr2); /* VMRUN does it, but Bochs's */
}

static inline bool run(struct guest_cpu *gc, struct guest_regs *regs,
                       const uint32_t *stop, struct guest_exit *exit,
                       bool guarded)
{
    struct cpu *c = this_cpu();
    struct vmcb *m = vmcb_of(gc);

    prepare(c, gc, regs);
    if (!enter(c, svm_of(gc), regs, stop, guarded)) {
        withdraw_irq(m);
        return false;
    }
    regs->rax = m->rax;
    regs->rsp = m->rsp;
    regs->rip = m->rip;
    regs->rflags = m->rflags;
    gc->irq_taken = gc->irq >= 0 && !(m->int_control & V_IRQ);
    requeue_event(gc);
    decode_exit(gc, regs, exit);
    if (exit->code == SVM_EXIT_INTR) {
        arch_take_interrupts();
    }
    return true;
}

bool svm_run(struct guest_cpu *gc, struct guest_regs *regs,
             const uint32_t *stop, struct guest_exit *exit)
{
    return run(gc, regs, stop, exit, false);
}

static bool svm_run_guarded(struct guest_cpu *gc, struct guest_regs *regs,
                            const uint32_t *stop, struct guest_exit *exit)
{
    return run(gc, regs, stop, exit, true);
}

/* VMLOAD and VMSAVE switch all that VMRUN does not, but the FPU. */
static void svm_load(struct guest_cpu *gc)
{
    (void)gc;
}

static void svm_unload(struct guest_cpu *gc, bool loaded)
{
    (void)gc;
    (void)loaded;
}

struct virt_ops svm_ops = {
    .name = "SVM",
    .format = &npt_format,
    .hypercall_opcode = {0x0F, 0x01, 0xD9}, /* VMMCALL */
    .page_count = SVM_PAGES,
    .init_this_cpu = svm_init_this_cpu,
    .create = svm_create,
    .get_state = svm_get_state,
    .set_state = svm_set_state,
    .cpl = svm_cpl,
    .long_mode = svm_long_mode,
    .cr0 = svm_cr0,
    .cr3 = svm_cr3,
    .get_efer = svm_get_efer,
    .set_efer = svm_set_efer,
    .get_pat = svm_get_pat,
    .set_pat = svm_set_pat,
    .set_tsc_offset = svm_set_tsc_offset,
    .inject = svm_inject,
    .clear_shadow = svm_clear_shadow,
    .single_step = svm_single_step,
    .failure = svm_failure,
    .load = svm_load,
    .run = svm_run_guarded, /* svm_run() is called by its name */
    .unload = svm_unload,
};
