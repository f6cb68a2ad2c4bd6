/* SPDX-License-Identifier: MIT */
/*
 * Contract: running a guest CPU until something needs us.
 *
 * The machine returns, it does not call: arch_guest_run() comes back with a
 * struct guest_exit that says why, and guest/ decides what happens. The fake
 * machine plays back a script of exits.
 */
#ifndef ARCH_GUEST_RUN_H
#define ARCH_GUEST_RUN_H

#include "arch/tlb.h"
#include "types/bits.h"
#include "types/check.h"
#include "types/frame.h"

/* Order of the hardware's register numbers, so that decoders can index it. */
struct guest_regs {
    union {
        struct {
            uint64_t rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi;
            uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
        };
        uint64_t gpr[16];
    };
    uint64_t rip;
    uint64_t rflags;
};

#define RFLAGS_TF BIT(8)
#define RFLAGS_IF BIT(9)
#define RFLAGS_RF BIT(16)

struct guest_seg {
    uint16_t selector;
    uint16_t attributes; /* bits 0-7 type,S,DPL,P; 8 AVL, 9 L, 10 DB, 11 G */
    uint32_t limit;
    uint64_t base;
};

enum guest_seg_index {
    SEG_ES,
    SEG_CS,
    SEG_SS,
    SEG_DS,
    SEG_FS,
    SEG_GS,
    SEG_LDTR,
    SEG_TR,
    SEG_COUNT,
};

/* Everything but the general registers. */
struct guest_state {
    uint64_t cr0, cr2, cr3, cr4, efer, dr6, dr7;
    struct guest_seg seg[SEG_COUNT];
    struct guest_seg gdtr, idtr;
    uint64_t star, lstar, cstar, sfmask, kernel_gs_base;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip, pat;
};

enum guest_exit_reason {
    EXIT_NONE,      /* left for a kick or a host interrupt: nothing to do */
    EXIT_HYPERCALL, /* VMMCALL/VMCALL; length skips it */
    EXIT_CPUID,
    EXIT_HLT,
    EXIT_MSR_READ, /* index in RCX */
    EXIT_MSR_WRITE,
    EXIT_IO,        /* io.* */
    EXIT_FAULT,     /* second-stage fault: fault.* */
    EXIT_PAUSE,     /* spinning; skip it and yield */
    EXIT_SKIP,      /* nothing but skipping the instruction (WBINVD, INVD) */
    EXIT_CR8_WRITE, /* value: the register's number, if length is not 0;   */
    EXIT_CR8_READ,  /* else the instruction has to be read                 */
    EXIT_UNDEFINED, /* an instruction we do not offer: inject #UD */
    EXIT_TRIPLE,    /* triple fault (shutdown state) */
    EXIT_FAILED, /* cannot go on, as arch_guest_failure() says: value = code */
    EXIT_REASON_COUNT,
};

struct guest_exit {
    enum guest_exit_reason reason;
    unsigned length; /* bytes of the instruction to skip once handled */
    uint64_t code;   /* the hardware's own reason, for traces */
    union {
        struct {
            uint16_t port;
            uint8_t size; /* bytes: 1, 2, 4 */
            bool in;      /* IN or INS */
            bool string;  /* INS/OUTS */
            bool rep;
        } io;
        struct {
            gpa_t gpa;
            bool write;
            bool execute;
            bool present; /* a translation was there, but not the right */
        } fault;
        uint64_t value;
    };
};

/* What to feed to a guest at its next entry. */
enum guest_event {
    GUEST_EVENT_NONE,
    GUEST_EVENT_EXCEPTION,
    GUEST_EVENT_NMI,
};

/* Machine-private state of a vCPU (VMCB or VMCS, and extended FPU state). */
struct guest_cpu;

/* Pages (4 KiB, contiguous not needed beyond each) that arch_guest_create()
 * wants, 1 .. 8. */
unsigned arch_guest_page_count(void);

/*
 * Build a vCPU in `pages` (zeroed pages, arch_guest_page_count() of them, owned
 * by the caller who frees them after the vCPU ran last). `root` is the p2m's
 * root table. State afterwards: architectural reset with interrupts off.
 */
struct guest_cpu *arch_guest_create(void *const *pages, mfn_t root,
                                    struct guest_tlb *tlb);

void arch_guest_get_state(const struct guest_cpu *gc, struct guest_state *s);
void arch_guest_set_state(struct guest_cpu *gc, const struct guest_state *s);

/* Privilege level (0..3) and whether CS is a 64-bit segment. Cheap. */
unsigned arch_guest_cpl(const struct guest_cpu *gc);
bool arch_guest_long_mode(const struct guest_cpu *gc);
uint64_t arch_guest_cr3(const struct guest_cpu *gc);

/* Added to the host's TSC by the guest's RDTSC. */
void arch_guest_set_tsc_offset(struct guest_cpu *gc, uint64_t offset);

/*
 * Offer interrupt `vector` at the next entry (-1: none): the guest takes it as
 * soon as its IF and shadow allow, without another exit. After the run,
 * arch_guest_irq_taken() tells whether the offer was taken; an offer not
 * taken is withdrawn.
 */
void arch_guest_offer_irq(struct guest_cpu *gc, int vector);
bool arch_guest_irq_taken(const struct guest_cpu *gc);

/* Queue an exception (vector, error code or -1, cr2 for #PF) or an NMI for the
 * next entry. One at a time: returns false if one is queued already. */
bool arch_guest_inject_exception(struct guest_cpu *gc, unsigned vector,
                                 int64_t error, uint64_t cr2);
bool arch_guest_inject_nmi(struct guest_cpu *gc);

/* An instruction was completed by us: skip it, with all that its end means (no
 * more interrupt shadow; a debug exception if the guest steps by single
 * instructions). */
void arch_guest_skip(struct guest_cpu *gc, struct guest_regs *regs,
                     unsigned length);

/*
 * Run until an exit. Interrupts off before and after. Loads this vCPU's FPU
 * state if another one's is in the registers. `stop` is looked at with host
 * events held back, so that a kick after it was read still ends the run:
 * when *stop is non-zero the guest is not entered (EXIT_NONE).
 */
void arch_guest_run(struct guest_cpu *gc, struct guest_regs *regs,
                    const uint32_t *stop, struct guest_exit *exit);

/* Why a run ended with EXIT_FAILED and this code, in a few words. */
const char *arch_guest_failure(uint64_t code);

/* The vCPU will run elsewhere or never again: write back what this CPU still
 * holds of it (FPU). Call on the CPU where it ran last. */
void arch_guest_unload(struct guest_cpu *gc);

/* MSRs that live in the machine's own per-guest state (SYSENTER, STAR, FS/GS
 * base, PAT, EFER). 0, or -ENOENT: not one of these; -EINVAL: bad value. */
int arch_guest_msr_read(struct guest_cpu *gc, uint32_t msr, uint64_t *value);
int arch_guest_msr_write(struct guest_cpu *gc, uint32_t msr, uint64_t value);

/* How often CPU `cpu` went from one domain to another, and how often it had the
 * processor forget what the first one had taught its predictors. */
struct guest_changes {
    uint64_t domains, barriers;
};
struct guest_changes arch_guest_changes(unsigned cpu);

/* Host CPUID with the leaves' features masked to what a guest may use on this
 * machine (no SVM/VMX, no MONITOR, XSAVE as far as switched ...). */
struct cpuid_regs {
    uint32_t eax, ebx, ecx, edx;
};
struct cpuid_regs arch_guest_cpuid(uint32_t leaf, uint32_t subleaf);

/* The three bytes of this machine's hypercall instruction. */
const uint8_t *arch_hypercall_opcode(void);

#endif
