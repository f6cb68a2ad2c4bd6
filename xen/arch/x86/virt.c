/* SPDX-License-Identifier: MIT */
/*
 * Running guests, as far as it does not matter by what: see virt.h.
 *
 * Tags (ASID, VPID): each CPU hands them out in sequence to the vCPUs that it
 * runs and starts again with a flush when it runs out. A vCPU whose guest was
 * flushed, or that comes from another CPU, gets a new one.
 */
#include "arch/x86/virt.h"
#include "arch/x86/asm.h"
#include "arch/x86/spec.h"
#include "lib/string.h"
#include "types/error.h"

#define FIRST_ASID 1
#define CR0_PE     BIT(0)

const struct pte_format *arch_pte_format;
static const struct virt_ops *virt;
static uint64_t efer_guest; /* bits of EFER that guests may set */

/* What each exit needs: a comparison costs less than a call by a pointer, and
 * lets the compiler put SVM's few instructions here. */
#define VIRT_HOT(op, ...)                                                      \
    (virt == &svm_ops ? svm_##op(__VA_ARGS__) : virt->op(__VA_ARGS__))

/* What this processor has of EFER: a reserved bit is #GP to who writes it, and
 * would keep the guest from being entered. */
static uint64_t efer_offered(void)
{
    uint64_t efer = EFER_SCE | EFER_LME | EFER_LMA;
    uint32_t a, b, c, d;

    cpuid_count(0x80000001, 0, &a, &b, &c, &d);
    efer |= d & BIT(20) ? EFER_NXE : 0;
    efer |= d & BIT(25) ? EFER_FFXSR : 0;
    return efer;
}
/* SVM, and nothing is to be done at entries besides (spec.c). */
static bool plain_svm;

const char *virt_init_boot(void)
{
    const char *wrong;

    if (svm_present()) {
        virt = &svm_ops;
        wrong = svm_init_boot();
    } else if (vmx_present()) {
        virt = &vmx_ops;
        wrong = vmx_init_boot();
    } else {
        return "this processor has neither AMD's SVM (under QEMU: -cpu EPYC) "
               "nor Intel's VMX";
    }
    arch_pte_format = virt->format;
    efer_guest = efer_offered();
    fpu_init_boot();
    spec_init_boot(virt == &vmx_ops);
    plain_svm = virt == &svm_ops && !spec_at_entry;
    return wrong;
}

void virt_init_this_cpu(void)
{
    virt->init_this_cpu();
    spec_init_this_cpu();
    this_cpu()->next_asid = virt->asid_count; /* the first use flushes */
}

void arch_pte_write(uint64_t *slot, uint64_t entry)
{
    __atomic_store_n(slot, entry, __ATOMIC_RELEASE);
}

void arch_pte_clear(uint64_t *slot, uint64_t bits)
{
    __atomic_fetch_and(slot, ~bits, __ATOMIC_SEQ_CST);
}

bool arch_pte_replace(uint64_t *slot, uint64_t *old, uint64_t entry)
{
    return __atomic_compare_exchange_n(slot, old, entry, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

const uint8_t *arch_hypercall_opcode(void)
{
    return virt->hypercall_opcode;
}

unsigned arch_guest_page_count(void)
{
    return virt->page_count;
}

struct guest_cpu *arch_guest_create(void *const *pages, mfn_t root,
                                    struct guest_tlb *tlb)
{
    struct guest_cpu *gc = virt->create(pages, root);

    gc->tlb = tlb;
    gc->irq = -1;
    fpu_reset(gc);
    return gc;
}

void arch_guest_get_state(const struct guest_cpu *gc, struct guest_state *s)
{
    virt->get_state(gc, s);
}

void arch_guest_set_state(struct guest_cpu *gc, const struct guest_state *s)
{
    struct guest_state allowed = *s;

    allowed.efer &= efer_guest;
    virt->set_state(gc, &allowed);
}

unsigned arch_guest_cpl(const struct guest_cpu *gc)
{
    return VIRT_HOT(cpl, gc);
}

bool arch_guest_long_mode(const struct guest_cpu *gc)
{
    return VIRT_HOT(long_mode, gc);
}

uint64_t arch_guest_cr3(const struct guest_cpu *gc)
{
    return VIRT_HOT(cr3, gc);
}

void arch_guest_set_tsc_offset(struct guest_cpu *gc, uint64_t offset)
{
    virt->set_tsc_offset(gc, offset);
}

void arch_guest_offer_irq(struct guest_cpu *gc, int vector)
{
    gc->irq = vector;
}

bool arch_guest_irq_taken(const struct guest_cpu *gc)
{
    return gc->irq_taken;
}

/* Real mode knows no error codes, and VMX refuses to deliver one there. */
uint64_t virt_exception(const struct guest_cpu *gc, unsigned vector,
                        int64_t error)
{
    uint64_t event =
        EVENT_VALID | EVENT_TYPE_EXCEPTION << EVENT_TYPE_SHIFT | vector;

    if (error >= 0 && (virt->cr0(gc) & CR0_PE)) {
        event |= EVENT_ERROR_CODE | (uint64_t)error << 32;
    }
    return event;
}

bool arch_guest_inject_exception(struct guest_cpu *gc, unsigned vector,
                                 int64_t error, uint64_t cr2)
{
    return virt->inject(gc, virt_exception(gc, vector, error), cr2);
}

bool arch_guest_inject_nmi(struct guest_cpu *gc)
{
    return virt->inject(
        gc, EVENT_VALID | EVENT_TYPE_NMI << EVENT_TYPE_SHIFT | 2, 0);
}

void arch_guest_skip(struct guest_cpu *gc, struct guest_regs *regs,
                     unsigned length)
{
    regs->rip += length;
    regs->rflags &= ~RFLAGS_RF;
    VIRT_HOT(clear_shadow, gc);
    if (unlikely(regs->rflags & RFLAGS_TF)) {
        virt->single_step(gc);
    }
}

const char *arch_guest_failure(uint64_t code)
{
    return virt->failure(code);
}

/* Each vCPU notes the generation that its tag is good for; the guest's note
 * per CPU is only for the flusher, who need not wait for a run that began
 * after its flush. */
enum tlb_need virt_enter(struct cpu *c, struct guest_cpu *gc)
{
    struct guest_tlb *t = gc->tlb;
    enum tlb_need need = TLB_FRESH;
    uint64_t generation;

    __atomic_fetch_or(&t->running, BIT(c->index), __ATOMIC_SEQ_CST);
    generation = __atomic_load_n(&t->generation, __ATOMIC_SEQ_CST);
    if (gc->tlb_generation == generation && gc->asid_cpu == c &&
        gc->asid_generation == c->asid_generation) {
        return TLB_GOOD;
    }
    if (c->next_asid >= virt->asid_count) {
        c->next_asid = FIRST_ASID;
        c->asid_generation++;
        need = TLB_ALL;
    }
    gc->asid = c->next_asid++;
    gc->asid_cpu = c;
    gc->asid_generation = c->asid_generation;
    gc->tlb_generation = generation;
    __atomic_store_n(&t->seen[c->index], generation, __ATOMIC_SEQ_CST);
    return need;
}

void virt_leave(struct cpu *c, struct guest_cpu *gc)
{
    __atomic_fetch_and(&gc->tlb->running, ~BIT(c->index), __ATOMIC_SEQ_CST);
}

static bool run_guarded(struct guest_cpu *gc, struct guest_regs *regs,
                        const uint32_t *stop, struct guest_exit *exit)
{
    bool ran;

    if (!spec_at_entry) {
        return virt->run(gc, regs, stop, exit);
    }
    spec_enter(gc);
    ran = virt->run(gc, regs, stop, exit);
    spec_leave(gc);
    return ran;
}

/* Only what the guest is offered, and what an FPU needs; by its kernel. */
void virt_xsetbv(struct guest_cpu *gc, const struct guest_regs *regs,
                 struct guest_exit *e)
{
    uint64_t v = (uint32_t)regs->rax | regs->rdx << 32;

    if ((uint32_t)regs->rcx || !fpu_xcr0_is_valid(v) || virt->cpl(gc)) {
        arch_guest_inject_exception(gc, EXCEPTION_GP, 0, 0);
        e->reason = EXIT_NONE;
        e->length = 0;
        return;
    }
    xsetbv0(v);
    e->reason = EXIT_SKIP;
}

/* All in one piece: each function on this way costs a dozen instructions, which
 * each exit pays. */
__attribute__((flatten)) void arch_guest_run(struct guest_cpu *gc,
                                             struct guest_regs *regs,
                                             const uint32_t *stop,
                                             struct guest_exit *exit)
{
    struct cpu *c = this_cpu();

    if (c->fpu_owner != gc || gc->fpu_cpu != c) {
        fpu_load(gc);
        virt->load(gc);
        spec_load(gc);
        c->fpu_owner = gc;
        gc->fpu_cpu = c;
    }
    gc->irq_taken = false;
    if (!(plain_svm ? svm_run(gc, regs, stop, exit)
                    : run_guarded(gc, regs, stop, exit))) {
        exit->reason = EXIT_NONE;
        exit->length = 0;
        exit->code = 0;
    }
}

void arch_guest_unload(struct guest_cpu *gc)
{
    struct cpu *c = this_cpu();
    bool loaded = c->fpu_owner == gc && gc->fpu_cpu == c;

    if (loaded) {
        fpu_save(gc);
        spec_unload();
    }
    virt->unload(gc, loaded);
}

int arch_guest_msr_read(struct guest_cpu *gc, uint32_t msr, uint64_t *value)
{
    switch (msr) {
    case MSR_EFER:
        *value = virt->get_efer(gc);
        return 0;
    case MSR_PAT:
        *value = virt->get_pat(gc);
        return 0;
    default:
        return spec_msr_read(gc, msr, value);
    }
}

static bool pat_valid(uint64_t pat)
{
    for (unsigned i = 0; i < 8; i++) {
        uint8_t type = (uint8_t)(pat >> (8 * i));

        if (type > 7 || type == 2 || type == 3) {
            return false;
        }
    }
    return true;
}

/* LME cannot change while paging is on; LMA is the processor's. */
static int write_efer(struct guest_cpu *gc, uint64_t v)
{
    uint64_t now = virt->get_efer(gc);

    if (v & ~efer_guest) {
        return -EINVAL;
    }
    if ((virt->cr0(gc) & BIT(31)) && ((v ^ now) & EFER_LME)) {
        return -EINVAL;
    }
    virt->set_efer(gc, (v & ~(uint64_t)EFER_LMA) | (now & EFER_LMA));
    return 0;
}

int arch_guest_msr_write(struct guest_cpu *gc, uint32_t msr, uint64_t value)
{
    switch (msr) {
    case MSR_EFER:
        return write_efer(gc, value);
    case MSR_PAT:
        if (!pat_valid(value)) {
            return -EINVAL;
        }
        virt->set_pat(gc, value);
        return 0;
    default:
        return spec_msr_write(gc, msr, value);
    }
}
