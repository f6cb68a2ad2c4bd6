/* SPDX-License-Identifier: MIT */
/*
 * Running a guest with Intel VMX, EPT and unrestricted guest mode.
 *
 * A VMCS is held by the CPU where its vCPU runs, as the current one, from the
 * first run there until arch_guest_unload(): then it is cleared, all of it is
 * in memory, and any CPU may take it up (vmcs_begin()).
 *
 * Interrupts are injected when the guest can take them; when it cannot, the
 * processor exits as soon as it can, and the offer is made again. NMIs from
 * the host (kicks) always end a run; as an exit leaves NMIs blocked, an IRET
 * follows. A guest that spins with interrupts off is ended by the preemption
 * timer, too: Bochs holds physical interrupts back then.
 *
 * Lines of the SDM that shape this: VM entry loads neither CR2, DR6 nor the
 * SYSCALL MSRs; XSETBV always exits; CR0.NE cannot be 0.
 */
#include "arch/x86/vmx.h"
#include "arch/hostmap.h"
#include "arch/timer.h"
#include "arch/x86/asm.h"
#include "arch/x86/layout.h"
#include "base/panic.h"
#include "lib/string.h"

#define VMX_PAGES 3 /* VMCS, FPU area, struct vmx_cpu */

#define MSR_FEATURE_CONTROL 0x3A
#define FEATURE_LOCKED      BIT(0)
#define FEATURE_VMX         BIT(2)
#define MSR_VMX_BASIC       0x480
#define BASIC_TRUE_CONTROLS BIT(55)
#define MSR_VMX_PIN         0x481
#define MSR_VMX_CPU         0x482
#define MSR_VMX_EXIT        0x483
#define MSR_VMX_ENTRY       0x484
#define MSR_VMX_MISC        0x485
#define MSR_VMX_CPU_2       0x48B
#define MSR_VMX_EPT_VPID    0x48C
#define TRUE_CONTROLS       (0x48D - MSR_VMX_PIN) /* added to the four */

/* Pin-based controls. */
#define PIN_INTERRUPT   BIT(0)
#define PIN_NMI         BIT(3)
#define PIN_VIRTUAL_NMI BIT(5)
#define PIN_PREEMPTION  BIT(6)
/* Processor-based controls. */
#define CPU_IRQ_WINDOW    BIT(2)
#define CPU_TSC_OFFSET    BIT(3)
#define CPU_HLT           BIT(7)
#define CPU_MWAIT         BIT(10)
#define CPU_RDPMC         BIT(11)
#define CPU_CR8_LOAD      BIT(19)
#define CPU_CR8_STORE     BIT(20)
#define CPU_NMI_WINDOW    BIT(22)
#define CPU_IO            BIT(24)
#define CPU_MSR_BITMAP    BIT(28)
#define CPU_MONITOR       BIT(29)
#define CPU_SECONDARY     BIT(31)
#define CPU2_EPT          BIT(1)
#define CPU2_RDTSCP       BIT(3)
#define CPU2_VPID         BIT(5)
#define CPU2_WBINVD       BIT(6)
#define CPU2_UNRESTRICTED BIT(7)
#define CPU2_INVPCID      BIT(12)
/* Exit and entry controls. */
#define EXIT_SAVE_DEBUG  BIT(2)
#define EXIT_HOST_64     BIT(9)
#define EXIT_SAVE_PAT    BIT(18)
#define EXIT_LOAD_PAT    BIT(19)
#define EXIT_SAVE_EFER   BIT(20)
#define EXIT_LOAD_EFER   BIT(21)
#define ENTRY_LOAD_DEBUG BIT(2)
#define ENTRY_LOAD_PAT   BIT(14)
#define ENTRY_LOAD_EFER  BIT(15)

/* What EPT and VPID can do. */
#define EPT_CAN_WALK_4       BIT(6)
#define EPT_CAN_WRITE_BACK   BIT(14)
#define EPT_CAN_2M           BIT(16)
#define EPT_CAN_1G           BIT(17)
#define EPT_CAN_INVEPT       BIT(20)
#define EPT_CAN_DIRTY        BIT(21)
#define EPT_CAN_INVEPT_ONE   BIT(25)
#define VPID_CAN_INVVPID     BIT(32)
#define VPID_CAN_INVVPID_ALL BIT(42)
#define EPT_WANTED                                                             \
    (EPT_CAN_WALK_4 | EPT_CAN_WRITE_BACK | EPT_CAN_2M | EPT_CAN_INVEPT |       \
     EPT_CAN_INVEPT_ONE | VPID_CAN_INVVPID | VPID_CAN_INVVPID_ALL)
#define EPTP_WRITE_BACK 6ULL
#define EPTP_WALK_4     (3ULL << 3)
#define EPTP_DIRTY      BIT(6)

#define INVEPT_ONE    1ULL
#define INVVPID_ALL   2ULL
#define VPID_COUNT    0x10000
#define PREEMPTION_MS 4

static struct {
    uint32_t revision;
    uint32_t pin, cpu, cpu2, exit, entry;
    uint64_t eptp_flags;
    unsigned preemption_shift; /* its tick, in bits of the TSC */
} vmx;

static uint8_t msr_bitmap[PAGE_SIZE] __attribute__((aligned(4096)));
static uint8_t on_regions[MAX_CPUS][PAGE_SIZE] __attribute__((aligned(4096)));

/* MSRs that entry and exit switch, or vmx_state.c: the guest has them. */
static const uint32_t direct_msrs[] = {
    MSR_SYSENTER_CS, MSR_SYSENTER_ESP,   MSR_SYSENTER_EIP, MSR_STAR,
    MSR_LSTAR,       MSR_CSTAR,          MSR_SFMASK,       MSR_FS_BASE,
    MSR_GS_BASE,     MSR_KERNEL_GS_BASE, MSR_TSC_AUX,
};

/* Four maps of 1 KiB: reads of low and of high MSRs, writes of both. */
static void allow_msr(uint32_t msr)
{
    unsigned bit = msr & 0x1FFF;
    unsigned base = msr >= 0xC0000000 ? 1024 : 0;
    uint8_t mask = (uint8_t) ~(1U << (bit % 8));

    msr_bitmap[base + bit / 8] &= mask;
    msr_bitmap[base + 2048 + bit / 8] &= mask;
}

bool vmx_present(void)
{
    uint32_t a, b, c, d;

    cpuid_count(1, 0, &a, &b, &c, &d);
    return c & BIT(5);
}

/* Controls: what must be on is on, and what is not allowed is off. False:
 * something that is wanted is not allowed. */
static bool choose(uint32_t msr, uint32_t wanted, uint32_t optional,
                   uint32_t *controls)
{
    uint64_t can;

    if (msr != MSR_VMX_CPU_2 && (rdmsr(MSR_VMX_BASIC) & BASIC_TRUE_CONTROLS)) {
        msr += TRUE_CONTROLS;
    }
    can = rdmsr(msr);
    *controls = (wanted | optional | (uint32_t)can) & (uint32_t)(can >> 32);
    return (*controls & wanted) == wanted;
}

static const char *choose_controls(void)
{
    if (!choose(MSR_VMX_CPU,
                (uint32_t)(CPU_TSC_OFFSET | CPU_HLT | CPU_MWAIT | CPU_RDPMC |
                           CPU_CR8_LOAD | CPU_CR8_STORE | CPU_IO |
                           CPU_MSR_BITMAP | CPU_MONITOR | CPU_SECONDARY),
                0, &vmx.cpu) ||
        !choose(MSR_VMX_CPU_2, CPU2_EPT, 0, &vmx.cpu2)) {
        return "this processor's VMX has no extended page tables (EPT)";
    }
    if (!choose(MSR_VMX_CPU_2, CPU2_EPT | CPU2_UNRESTRICTED,
                CPU2_RDTSCP | CPU2_VPID | CPU2_WBINVD | CPU2_INVPCID,
                &vmx.cpu2)) {
        return "this processor's VMX has no unrestricted guest mode";
    }
    if (!(vmx.cpu2 & CPU2_VPID) || !(vmx.cpu2 & CPU2_WBINVD)) {
        return "this processor's VMX has no VPID or no WBINVD exits";
    }
    if (!choose(MSR_VMX_PIN, PIN_INTERRUPT | PIN_NMI | PIN_VIRTUAL_NMI,
                PIN_PREEMPTION, &vmx.pin) ||
        !choose(MSR_VMX_EXIT,
                EXIT_SAVE_DEBUG | EXIT_HOST_64 | EXIT_SAVE_PAT | EXIT_LOAD_PAT |
                    EXIT_SAVE_EFER | EXIT_LOAD_EFER,
                0, &vmx.exit) ||
        !choose(MSR_VMX_ENTRY,
                ENTRY_LOAD_DEBUG | ENTRY_LOAD_PAT | ENTRY_LOAD_EFER, 0,
                &vmx.entry)) {
        return "this processor's VMX does not switch EFER, PAT or NMIs";
    }
    return NULL;
}

static const char *check_ept(void)
{
    uint64_t can = rdmsr(MSR_VMX_EPT_VPID);

    if ((can & EPT_WANTED) != EPT_WANTED) {
        return "this processor's EPT is too old (no 2 MiB pages, or no "
               "INVEPT and INVVPID of the kinds that are needed)";
    }
    vmx.eptp_flags = EPTP_WRITE_BACK | EPTP_WALK_4;
    if (can & EPT_CAN_DIRTY) {
        vmx.eptp_flags |= EPTP_DIRTY;
    } else {
        ept_format.dirty = 0;
    }
    if (!(can & EPT_CAN_1G)) {
        ept_format.max_order = ORDER_2M;
    }
    return NULL;
}

const char *vmx_init_boot(void)
{
    uint64_t feature = rdmsr(MSR_FEATURE_CONTROL);
    const char *wrong;

    if ((feature & FEATURE_LOCKED) && !(feature & FEATURE_VMX)) {
        return "VMX is locked off by the firmware";
    }
    wrong = choose_controls();
    if (!wrong) {
        wrong = check_ept();
    }
    vmx.revision = (uint32_t)rdmsr(MSR_VMX_BASIC) & 0x7FFFFFFF;
    vmx.preemption_shift = rdmsr(MSR_VMX_MISC) & 31;
    memset(msr_bitmap, 0xFF, sizeof(msr_bitmap));
    for (unsigned i = 0; i < ARRAY_COUNT(direct_msrs); i++) {
        allow_msr(direct_msrs[i]);
    }
    return wrong;
}

static void vmx_init_this_cpu(void)
{
    uint8_t *region = on_regions[this_cpu()->index];
    uint64_t address = (uint64_t)region, feature = rdmsr(MSR_FEATURE_CONTROL);
    bool failed;

    if (!(feature & FEATURE_LOCKED)) {
        wrmsr(MSR_FEATURE_CONTROL, feature | FEATURE_VMX | FEATURE_LOCKED);
    }
    memcpy(region, &vmx.revision, sizeof(vmx.revision));
    write_cr4(read_cr4() | CR4_VMXE);
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
    __asm__ volatile("vmxon %1" : "=@ccbe"(failed) : "m"(address) : "memory");
    if (failed) {
        panic("CPU %u: VMXON failed", this_cpu()->index);
    }
}

static void vmptrld(uint64_t vmcs)
{
    bool failed;

    __asm__ volatile("vmptrld %1" : "=@ccbe"(failed) : "m"(vmcs) : "memory");
    CHECK(!failed);
}

static void vmclear(uint64_t vmcs)
{
    bool failed;

    __asm__ volatile("vmclear %1" : "=@ccbe"(failed) : "m"(vmcs) : "memory");
    CHECK(!failed);
}

void vmcs_begin(const struct guest_cpu *gc)
{
    if (this_cpu()->vmcs_owner != gc) {
        vmptrld(vmx_of(gc)->vmcs);
    }
}

void vmcs_end(const struct guest_cpu *gc)
{
    struct guest_cpu *owner = this_cpu()->vmcs_owner;

    if (owner == gc) {
        return;
    }
    vmclear(vmx_of(gc)->vmcs);
    if (owner) {
        vmptrld(vmx_of(owner)->vmcs);
    }
}

/* A field that was never written has no value that one may count on. These
 * stay 0: what we do not use, and what a guest begins with. */
static void set_zeros(void)
{
    static const uint16_t zeros[] = {
        VMCS_PAGE_FAULT_MASK,   VMCS_PAGE_FAULT_MATCH, VMCS_CR3_TARGETS,
        VMCS_EXIT_MSR_STORES,   VMCS_EXIT_MSR_LOADS,   VMCS_ENTRY_MSR_LOADS,
        VMCS_ENTRY_EVENT,       VMCS_TSC_OFFSET,       VMCS_GUEST_DEBUGCTL,
        VMCS_GUEST_ACTIVITY,    VMCS_HOST_ES,          VMCS_HOST_SS,
        VMCS_HOST_DS,           VMCS_HOST_FS,          VMCS_HOST_GS,
        VMCS_HOST_FS_BASE,      VMCS_HOST_SYSENTER_CS, VMCS_HOST_SYSENTER_ESP,
        VMCS_HOST_SYSENTER_EIP,
    };

    for (unsigned i = 0; i < ARRAY_COUNT(zeros); i++) {
        vmwrite(zeros[i], 0);
    }
}

static void set_controls(const struct vmx_cpu *xc)
{
    vmwrite(VMCS_PIN_CONTROLS, vmx.pin);
    vmwrite(VMCS_CPU_CONTROLS, vmx.cpu);
    vmwrite(VMCS_CPU_CONTROLS_2, vmx.cpu2);
    vmwrite(VMCS_EXIT_CONTROLS, vmx.exit);
    vmwrite(VMCS_ENTRY_CONTROLS, vmx.entry);
    vmwrite(VMCS_EXCEPTIONS, EXCEPTIONS_ENDLESS | BIT(EXCEPTION_MC));
    vmwrite(VMCS_MSR_BITMAP, (uint64_t)msr_bitmap);
    vmwrite(VMCS_EPT_POINTER, xc->ept_pointer);
    vmwrite(VMCS_LINK_POINTER, ~0ULL);
    vmwrite(VMCS_PREEMPTION_TIMER,
            (arch_tsc_khz() * PREEMPTION_MS) >> vmx.preemption_shift);
}

static struct guest_cpu *vmx_create(void *const *pages, mfn_t root)
{
    struct vmx_cpu *xc = pages[2];
    struct guest_state reset = {
        .cr0 = 0x60000010,
        .dr6 = 0xFFFF0FF0,
        .dr7 = 0x400,
        .pat = 0x0007040600070406ULL,
    };

    xc->vmcs = arch_unmap(pages[0]).v << PAGE_SHIFT;
    xc->common.xsave = pages[1];
    xc->ept_pointer = root.v << PAGE_SHIFT | vmx.eptp_flags;
    memcpy(pages[0], &vmx.revision, sizeof(vmx.revision));
    vmclear(xc->vmcs);
    vmcs_begin(&xc->common);
    set_zeros();
    set_controls(xc);
    vmcs_end(&xc->common);
    vmx_set_state(&xc->common, &reset);
    return &xc->common;
}

static uint64_t read_field(const struct guest_cpu *gc, enum vmcs_field field)
{
    uint64_t v;

    vmcs_begin(gc);
    v = vmread(field);
    vmcs_end(gc);
    return v;
}

static void write_field(const struct guest_cpu *gc, enum vmcs_field field,
                        uint64_t v)
{
    vmcs_begin(gc);
    vmwrite(field, v);
    vmcs_end(gc);
}

static unsigned vmx_cpl(const struct guest_cpu *gc)
{
    return read_field(gc, VMCS_GUEST_RIGHTS + 2 * SEG_SS) >> 5 & 3;
}

static bool vmx_long_mode(const struct guest_cpu *gc)
{
    return (read_field(gc, VMCS_GUEST_EFER) & EFER_LMA) &&
           (read_field(gc, VMCS_GUEST_RIGHTS + 2 * SEG_CS) & BIT(13));
}

static uint64_t vmx_cr0(const struct guest_cpu *gc)
{
    return read_field(gc, VMCS_GUEST_CR0);
}

static uint64_t vmx_cr3(const struct guest_cpu *gc)
{
    return read_field(gc, VMCS_GUEST_CR3);
}

static uint64_t vmx_get_efer(const struct guest_cpu *gc)
{
    return read_field(gc, VMCS_GUEST_EFER);
}

static void vmx_set_efer(struct guest_cpu *gc, uint64_t efer)
{
    write_field(gc, VMCS_GUEST_EFER, efer);
}

static uint64_t vmx_get_pat(const struct guest_cpu *gc)
{
    return read_field(gc, VMCS_GUEST_PAT);
}

static void vmx_set_pat(struct guest_cpu *gc, uint64_t pat)
{
    write_field(gc, VMCS_GUEST_PAT, pat);
}

static void vmx_set_tsc_offset(struct guest_cpu *gc, uint64_t offset)
{
    write_field(gc, VMCS_TSC_OFFSET, offset);
}

static void vmx_clear_shadow(struct guest_cpu *gc)
{
    vmcs_begin(gc);
    vmwrite(VMCS_GUEST_SHADOW,
            vmread(VMCS_GUEST_SHADOW) & ~(SHADOW_STI | SHADOW_MOV_SS));
    vmcs_end(gc);
}

/* The processor delivers it with the next entry, and sets DR6. */
static void vmx_single_step(struct guest_cpu *gc)
{
    vmcs_begin(gc);
    vmwrite(VMCS_GUEST_PENDING_DEBUG,
            vmread(VMCS_GUEST_PENDING_DEBUG) | DR6_BS);
    vmcs_end(gc);
}

static bool vmx_inject(struct guest_cpu *gc, uint64_t event, uint64_t cr2)
{
    struct vmx_cpu *xc = vmx_of(gc);

    if (xc->event) {
        return false;
    }
    xc->event = event;
    if (EVENT_IS_PAGE_FAULT(event)) {
        xc->cr2 = cr2;
    }
    return true;
}

/* The host's own state, which an exit loads: that of this CPU. */
static void set_host_state(const struct cpu *c)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) gdt, idt;

    __asm__ volatile("sgdt %0\n\tsidt %1" : "=m"(gdt), "=m"(idt));
    vmwrite(VMCS_HOST_CR0, read_cr0());
    vmwrite(VMCS_HOST_CR3, read_cr3());
    vmwrite(VMCS_HOST_CR4, read_cr4());
    vmwrite(VMCS_HOST_EFER, rdmsr(MSR_EFER));
    vmwrite(VMCS_HOST_PAT, rdmsr(MSR_PAT));
    vmwrite(VMCS_HOST_CS, SEL_CODE64);
    vmwrite(VMCS_HOST_TR, SEL_TSS);
    vmwrite(VMCS_HOST_GS_BASE, (uint64_t)c);
    vmwrite(VMCS_HOST_TR_BASE, c->tss);
    vmwrite(VMCS_HOST_GDTR_BASE, gdt.base);
    vmwrite(VMCS_HOST_IDTR_BASE, idt.base);
    vmwrite(VMCS_HOST_RIP, (uint64_t)vmx_exit_point);
}

/* Make it this CPU's current one until vmx_unload(). */
static void take_up(struct cpu *c, struct vmx_cpu *xc)
{
    CHECK(!c->vmcs_owner); /* sched unloads one before it runs another */
    vmptrld(xc->vmcs);
    c->vmcs_owner = &xc->common;
    xc->launched = false;
    if (xc->host_cpu != c) {
        set_host_state(c);
        xc->host_cpu = c;
    }
}

static void invept(uint64_t ept_pointer)
{
    struct {
        uint64_t pointer, zero;
    } what = {ept_pointer, 0};
    bool failed;

    __asm__ volatile("invept %1, %2"
                     : "=@ccbe"(failed)
                     : "m"(what), "r"(INVEPT_ONE)
                     : "memory");
    CHECK(!failed);
}

static void invvpid_all(void)
{
    struct {
        uint64_t vpid, address;
    } what = {0, 0};
    bool failed;

    __asm__ volatile("invvpid %1, %2"
                     : "=@ccbe"(failed)
                     : "m"(what), "r"(INVVPID_ALL)
                     : "memory");
    CHECK(!failed);
}

/* Guest-physical translations have no VPID: they are flushed by the tables
 * that they come from. */
static void flush_if_needed(const struct vmx_cpu *xc, enum tlb_need need)
{
    if (need == TLB_GOOD) {
        return;
    }
    if (need == TLB_ALL) {
        invvpid_all();
    }
    invept(xc->ept_pointer);
    vmwrite(VMCS_VPID, xc->common.asid);
}

static bool can_take_irq(const struct guest_regs *regs)
{
    return (regs->rflags & RFLAGS_IF) &&
           !(vmread(VMCS_GUEST_SHADOW) & (SHADOW_STI | SHADOW_MOV_SS));
}

static bool can_take_nmi(void)
{
    return !(vmread(VMCS_GUEST_SHADOW) &
             (SHADOW_STI | SHADOW_MOV_SS | SHADOW_NMI));
}

/* What goes in with the entry: what is queued, or else the interrupt on offer,
 * if it can; or an exit when it can. */
static void set_entry_event(struct vmx_cpu *xc, const struct guest_regs *regs)
{
    struct guest_cpu *gc = &xc->common;
    uint64_t event = xc->event;
    uint32_t windows = 0;

    if (event && EVENT_TYPE(event) == EVENT_TYPE_NMI && !can_take_nmi()) {
        windows |= (uint32_t)CPU_NMI_WINDOW;
        event = 0;
    }
    if (gc->irq >= 0) {
        if (!event && can_take_irq(regs)) {
            event = EVENT_VALID | (unsigned)gc->irq;
            gc->irq_taken = true;
        } else {
            windows |= (uint32_t)CPU_IRQ_WINDOW;
        }
    }
    if (event == xc->event) {
        xc->event = 0;
    }
    if (event & EVENT_ERROR_CODE) {
        vmwrite(VMCS_ENTRY_ERROR_CODE, event >> 32);
    }
    vmwrite(VMCS_ENTRY_EVENT, (uint32_t)event);
    vmwrite(VMCS_CPU_CONTROLS, vmx.cpu | windows);
}

/* Nothing was delivered, the entry did not come about. */
static void take_back_event(struct vmx_cpu *xc)
{
    uint32_t event = (uint32_t)vmread(VMCS_ENTRY_EVENT);

    if (!(event & EVENT_VALID)) {
        return;
    }
    if (EVENT_TYPE(event) == EVENT_TYPE_INTERRUPT) {
        xc->common.irq_taken = false;
        return;
    }
    xc->event = event;
    if (event & EVENT_ERROR_CODE) {
        xc->event |= vmread(VMCS_ENTRY_ERROR_CODE) << 32;
    }
}

/* What was being delivered when the exit came must be delivered again. */
static void requeue_event(struct vmx_cpu *xc)
{
    uint64_t event = vmread(VMCS_VECTORING);

    if (!(event & EVENT_VALID)) {
        return;
    }
    switch (EVENT_TYPE(event)) {
    case EVENT_TYPE_INTERRUPT:
        xc->common.irq_taken = false; /* who offered it does so again */
        break;
    case EVENT_TYPE_NMI:
        xc->event = EVENT_VALID | EVENT_TYPE_NMI << EVENT_TYPE_SHIFT | 2;
        vmwrite(VMCS_GUEST_SHADOW, vmread(VMCS_GUEST_SHADOW) & ~SHADOW_NMI);
        break;
    case EVENT_TYPE_EXCEPTION:
        xc->event = event & (EVENT_VALID | EVENT_ERROR_CODE | 0x7FF);
        if (event & EVENT_ERROR_CODE) {
            xc->event |= vmread(VMCS_VECTORING_ERROR_CODE) << 32;
        }
        break;
    default: /* INT n and the like: run again, RIP points at them */
        break;
    }
}

/* Entry checks that a guest which steps, in an interrupt shadow, has its #DB
 * pending; what exited by #DB has lost it. */
static void keep_single_step(const struct guest_regs *regs)
{
    if (unlikely(regs->rflags & RFLAGS_TF) &&
        (vmread(VMCS_GUEST_SHADOW) & (SHADOW_STI | SHADOW_MOV_SS))) {
        vmwrite(VMCS_GUEST_PENDING_DEBUG,
                vmread(VMCS_GUEST_PENDING_DEBUG) | DR6_BS);
    }
}

static void prepare(struct cpu *c, struct vmx_cpu *xc,
                    const struct guest_regs *regs)
{
    if (c->vmcs_owner != &xc->common) {
        take_up(c, xc);
    }
    vmwrite(VMCS_GUEST_RSP, regs->rsp);
    vmwrite(VMCS_GUEST_RIP, regs->rip);
    vmwrite(VMCS_GUEST_RFLAGS, regs->rflags | 2);
    keep_single_step(regs);
    set_entry_event(xc, regs);
    flush_if_needed(xc, virt_enter(c, &xc->common));
    write_cr2(xc->cr2);
}

static unsigned enter(struct cpu *c, struct vmx_cpu *xc,
                      struct guest_regs *regs, const uint32_t *stop)
{
    unsigned result;

    WRITE_ONCE(c->mode, CPU_IN_GUEST);
    mem_barrier();
    result = vmx_enter(regs, stop, xc->launched);
    WRITE_ONCE(c->mode, CPU_IN_HOST);
    virt_leave(c, &xc->common);
    return result;
}

static void finish(struct vmx_cpu *xc, struct guest_regs *regs,
                   struct guest_exit *exit)
{
    xc->cr2 = read_cr2();
    regs->rsp = vmread(VMCS_GUEST_RSP);
    regs->rip = vmread(VMCS_GUEST_RIP);
    regs->rflags = vmread(VMCS_GUEST_RFLAGS);
    exit->code = vmread(VMCS_EXIT_REASON);
    xc->launched = !(exit->code & VMX_ENTRY_FAILED);
    requeue_event(xc);
    vmx_decode_exit(xc, regs, exit);
    if (exit->code == VMX_EXIT_INTERRUPT) {
        arch_take_interrupts();
    }
}

static bool vmx_run(struct guest_cpu *gc, struct guest_regs *regs,
                    const uint32_t *stop, struct guest_exit *exit)
{
    struct cpu *c = this_cpu();
    struct vmx_cpu *xc = vmx_of(gc);

    prepare(c, xc, regs);
    switch (enter(c, xc, regs, stop)) {
    case 0:
        finish(xc, regs, exit);
        return true;
    case 1:
        take_back_event(xc);
        return false;
    default:
        take_back_event(xc);
        exit->reason = EXIT_FAILED;
        exit->length = 0;
        exit->code = exit->value =
            vmread(VMCS_INSTRUCTION_ERROR) | VMX_NOT_ENTERED;
        return true;
    }
}

static void vmx_load(struct guest_cpu *gc)
{
    vmx_load_msrs(vmx_of(gc));
}

static void vmx_unload(struct guest_cpu *gc, bool loaded)
{
    struct cpu *c = this_cpu();

    if (loaded) {
        vmx_save_msrs(vmx_of(gc));
    }
    if (c->vmcs_owner == gc) {
        vmclear(vmx_of(gc)->vmcs);
        c->vmcs_owner = NULL;
    }
}

struct virt_ops vmx_ops = {
    .name = "VMX",
    .format = &ept_format,
    .hypercall_opcode = {0x0F, 0x01, 0xC1}, /* VMCALL */
    .page_count = VMX_PAGES,
    .asid_count = VPID_COUNT,
    .init_this_cpu = vmx_init_this_cpu,
    .create = vmx_create,
    .get_state = vmx_get_state,
    .set_state = vmx_set_state,
    .cpl = vmx_cpl,
    .long_mode = vmx_long_mode,
    .cr0 = vmx_cr0,
    .cr3 = vmx_cr3,
    .get_efer = vmx_get_efer,
    .set_efer = vmx_set_efer,
    .get_pat = vmx_get_pat,
    .set_pat = vmx_set_pat,
    .set_tsc_offset = vmx_set_tsc_offset,
    .inject = vmx_inject,
    .clear_shadow = vmx_clear_shadow,
    .single_step = vmx_single_step,
    .failure = vmx_failure,
    .load = vmx_load,
    .run = vmx_run,
    .unload = vmx_unload,
};
