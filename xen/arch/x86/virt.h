/* SPDX-License-Identifier: MIT */
/*
 * What SVM and VMX have in common, and the table by which the one that this
 * processor has is called. virt.c implements arch/guest_run.h with it, so
 * nobody above arch/ knows which of the two runs.
 */
#ifndef ARCH_X86_VIRT_H
#define ARCH_X86_VIRT_H

#include "arch/guest_run.h"
#include "arch/pte_format.h"
#include "arch/x86/machine.h"

/* A vCPU: the first member of struct svm_cpu and of struct vmx_cpu. */
struct guest_cpu {
    struct guest_tlb *tlb;
    void *xsave;         /* one page: FPU state while not in registers */
    struct cpu *fpu_cpu; /* where its state was loaded last */
    uint64_t xcr0, dr[4], tsc_aux;
    uint64_t spec_ctrl, virt_spec_ctrl; /* spec.c */
    /* Its translations' tag (SVM: ASID, VMX: VPID), and where that is good. */
    struct cpu *asid_cpu;
    uint64_t asid_generation; /* of asid_cpu */
    uint64_t tlb_generation;  /* of tlb */
    uint32_t asid;
    int irq; /* vector on offer, -1: none */
    bool irq_taken;
};

/* What a processor is asked for before it enters a guest. */
enum tlb_need {
    TLB_GOOD,  /* what is cached with gc->asid is good */
    TLB_FRESH, /* gc->asid is new here: nothing is cached with it */
    TLB_ALL,   /* the same, after all tags of this CPU were used up */
};

struct virt_ops {
    const char *name;
    const struct pte_format *format;
    uint8_t hypercall_opcode[3];
    unsigned page_count;
    uint32_t asid_count; /* tags 1 .. asid_count - 1; set by init_boot() */

    void (*init_this_cpu)(void);
    struct guest_cpu *(*create)(void *const *pages, mfn_t root);
    void (*get_state)(const struct guest_cpu *gc, struct guest_state *s);
    void (*set_state)(struct guest_cpu *gc, const struct guest_state *s);
    unsigned (*cpl)(const struct guest_cpu *gc);
    bool (*long_mode)(const struct guest_cpu *gc);
    uint64_t (*cr0)(const struct guest_cpu *gc);
    uint64_t (*cr3)(const struct guest_cpu *gc);
    uint64_t (*get_efer)(const struct guest_cpu *gc);
    void (*set_efer)(struct guest_cpu *gc, uint64_t efer);
    uint64_t (*get_pat)(const struct guest_cpu *gc);
    void (*set_pat)(struct guest_cpu *gc, uint64_t pat);
    void (*set_tsc_offset)(struct guest_cpu *gc, uint64_t offset);
    /* False: one is queued already. */
    bool (*inject)(struct guest_cpu *gc, uint64_t event, uint64_t cr2);
    void (*clear_shadow)(struct guest_cpu *gc);
    /* An instruction was skipped with RFLAGS.TF set: #DB is due. */
    void (*single_step)(struct guest_cpu *gc);
    const char *(*failure)(uint64_t code);

    /* arch_guest_run() with the FPU state loaded. Between virt_enter() and
     * virt_leave() it marks this_cpu()->mode. False: *stop was set. */
    bool (*run)(struct guest_cpu *gc, struct guest_regs *regs,
                const uint32_t *stop, struct guest_exit *exit);
    /* With the FPU's state: put what entries do not switch into this CPU;
     * and let go of all that this CPU holds of it (loaded: its FPU state
     * was here). */
    void (*load)(struct guest_cpu *gc);
    void (*unload)(struct guest_cpu *gc, bool loaded);
};

/* virt.c: from virt_enter() until virt_leave(), a flush of gc's guest waits
 * for this CPU, or is seen by it. */
enum tlb_need virt_enter(struct cpu *c, struct guest_cpu *gc);
void virt_leave(struct cpu *c, struct guest_cpu *gc);

/* virt.c: an exception as an event; error -1: it has no error code. */
uint64_t virt_exception(const struct guest_cpu *gc, unsigned vector,
                        int64_t error);
/* A guest's XSETBV exited: it is done, and skipped, or becomes #GP. */
void virt_xsetbv(struct guest_cpu *gc, const struct guest_regs *regs,
                 struct guest_exit *e);

extern const struct pte_format npt_format;

/* present: has this processor got it? init_boot: NULL, or why it cannot be
 * used. */
extern struct virt_ops svm_ops;
unsigned svm_cpl(const struct guest_cpu *gc);
bool svm_long_mode(const struct guest_cpu *gc);
uint64_t svm_cr3(const struct guest_cpu *gc);
void svm_clear_shadow(struct guest_cpu *gc);
bool svm_run(struct guest_cpu *gc, struct guest_regs *regs,
             const uint32_t *stop, struct guest_exit *exit);
bool svm_present(void);
const char *svm_init_boot(void);
extern struct virt_ops vmx_ops;
bool vmx_present(void);
const char *vmx_init_boot(void);

/*
 * Events on their way into a guest. SVM's EVENTINJ and VMX's interruption
 * information are alike: vector, type, valid; the error code in the upper
 * half is SVM's.
 */
#define EVENT_VALID      BIT(31)
#define EVENT_ERROR_CODE BIT(11)
#define EVENT_TYPE_SHIFT 8
#define EVENT_TYPE(e)    ((e) >> EVENT_TYPE_SHIFT & 7)
#define EVENT_IS_PAGE_FAULT(e)                                                 \
    (((e)&0x7FF) == (EVENT_TYPE_EXCEPTION << EVENT_TYPE_SHIFT | 14))
enum event_type {
    EVENT_TYPE_INTERRUPT = 0,
    EVENT_TYPE_NMI = 2,
    EVENT_TYPE_EXCEPTION = 3,
    EVENT_TYPE_SOFTWARE = 4,
};

#define EXCEPTION_DB 1
#define EXCEPTION_GP 13
#define EXCEPTION_AC 17
#define EXCEPTION_MC 18
/* Exceptions whose delivery can raise them again, without end and so without an
 * exit: by a breakpoint on the stack or a misaligned one. They exit first. */
#define EXCEPTIONS_ENDLESS (BIT(EXCEPTION_DB) | BIT(EXCEPTION_AC))

#define DR6_BS BIT(14) /* a single step; also in VMX's pending exceptions */

/* fpu.c: put gc's FPU and debug registers into this CPU; write them back. */
void fpu_load(struct guest_cpu *gc);
void fpu_save(struct guest_cpu *gc);
void fpu_reset(struct guest_cpu *gc);

#endif
