/* SPDX-License-Identifier: MIT */
/*
 * Speculation: what keeps guests from learning of others by what the processor
 * does ahead of time (guest-abi 5.4). spec.c says when which is used.
 */
#ifndef ARCH_X86_SPEC_H
#define ARCH_X86_SPEC_H

#include "arch/guest_run.h"
#include "arch/x86/virt.h"

/* Find out what this processor has; vmx: it runs guests by VMX. One line for
 * the log. */
void spec_init_boot(bool vmx);
void spec_init_this_cpu(void);

/* Something has to be done at every entry and exit: spec_enter(), and after the
 * exit spec_leave(). If not, they are not called. */
extern bool spec_at_entry;
void spec_enter(struct guest_cpu *gc);
void spec_leave(struct guest_cpu *gc);
/* svm_run.S, vmx_run.S: after an exit, before the first RET. */
extern uint8_t spec_stuff_returns;

/* gc comes to this CPU or leaves it. */
void spec_load(const struct guest_cpu *gc);
void spec_unload(void);

/* The guest's MSRs: 0, -EINVAL (#GP), or -ENOENT: not one of these. */
int spec_msr_read(const struct guest_cpu *gc, uint32_t msr, uint64_t *value);
int spec_msr_write(struct guest_cpu *gc, uint32_t msr, uint64_t value);

/* Feature bits that guests get of leaf 7:EDX and 0x80000008:EBX. */
uint32_t spec_guest_leaf7_edx(void);
uint32_t spec_guest_ext8_ebx(void);

/* spec_decide.c: from what a processor has to what is done. */
enum spec_measure {
    SPEC_IBPB = BIT(0),          /* between domains: PRED_CMD */
    SPEC_SWITCH_CTRL = BIT(1),   /* SPEC_CTRL differs between host and guest */
    SPEC_HOST_IBRS = BIT(2),     /* and the host's is IBRS */
    SPEC_STUFF_RETURNS = BIT(3), /* after exits */
    SPEC_CLEAR_BUFFERS = BIT(4), /* before entries: VERW */
    SPEC_FLUSH_L1D = BIT(5),     /* before entries: FLUSH_CMD */
    SPEC_VIRT_CTRL = BIT(6),     /* VIRT_SPEC_CTRL is each vCPU's own */
};

/* Registers as the processor gives them; 0 where it has no such leaf or MSR. */
struct spec_facts {
    bool intel, vmx;
    uint32_t leaf7_edx;    /* CPUID 7:EDX */
    uint32_t ext8_ebx;     /* CPUID 0x80000008:EBX */
    uint64_t capabilities; /* ARCH_CAPABILITIES */
};
uint32_t spec_decide(const struct spec_facts *f);

/* CPUID 7:EDX, 0x80000008:EBX. */
#define SPEC7_MD_CLEAR     BIT(10)
#define SPEC7_IBRS         BIT(26) /* and IBPB */
#define SPEC7_STIBP        BIT(27)
#define SPEC7_L1D_FLUSH    BIT(28)
#define SPEC7_CAPABILITIES BIT(29)
#define SPEC7_SSBD         BIT(31)
#define SPEC8_IBPB         BIT(12)
#define SPEC8_IBRS         BIT(14)
#define SPEC8_STIBP        BIT(15)
#define SPEC8_SSBD         BIT(24)
#define SPEC8_VIRT_SSBD    BIT(25)
#define SPEC8_SSB_NO       BIT(26)

/* What a CPU ran last, and how often that made way for another domain. */
struct spec_switches {
    uint64_t domain; /* by number; 0: none yet */
    uint64_t changes, barriers;
};
/* It runs `domain` from now on. True: a barrier comes first, and is counted. */
bool spec_note_domain(struct spec_switches *s, uint64_t domain,
                      uint32_t measures);

/* ARCH_CAPABILITIES. */
#define CAP_RDCL_NO  BIT(0)
#define CAP_IBRS_ALL BIT(1)
#define CAP_RSBA     BIT(2)
#define CAP_L1D_NO   BIT(3) /* no flush is needed before an entry */
#define CAP_MDS_NO   BIT(5)
#define CAP_TAA_NO   BIT(8)
#define CAP_FB_CLEAR BIT(17)
#define CAP_PBRSB_NO BIT(24)

#endif
