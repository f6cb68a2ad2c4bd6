/* SPDX-License-Identifier: MIT */
/*
 * Intel VMX: the fields of the VM control structure and a vCPU's machine state.
 * Encodings and bits: Intel SDM volume 3, appendix B and the chapters on
 * VMX non-root operation, VM entries and VM exits.
 */
#ifndef ARCH_X86_VMX_H
#define ARCH_X86_VMX_H

#include "arch/x86/virt.h"

enum vmcs_field {
    VMCS_VPID = 0x0000,
    VMCS_GUEST_SELECTOR = 0x0800, /* + 2 * guest_seg_index */
    VMCS_HOST_ES = 0x0C00,
    VMCS_HOST_CS = 0x0C02,
    VMCS_HOST_SS = 0x0C04,
    VMCS_HOST_DS = 0x0C06,
    VMCS_HOST_FS = 0x0C08,
    VMCS_HOST_GS = 0x0C0A,
    VMCS_HOST_TR = 0x0C0C,

    VMCS_IO_BITMAP_A = 0x2000,
    VMCS_IO_BITMAP_B = 0x2002,
    VMCS_MSR_BITMAP = 0x2004,
    VMCS_TSC_OFFSET = 0x2010,
    VMCS_EPT_POINTER = 0x201A,
    VMCS_GUEST_PHYSICAL = 0x2400,
    VMCS_LINK_POINTER = 0x2800,
    VMCS_GUEST_DEBUGCTL = 0x2802,
    VMCS_GUEST_PAT = 0x2804,
    VMCS_GUEST_EFER = 0x2806,
    VMCS_HOST_PAT = 0x2C00,
    VMCS_HOST_EFER = 0x2C02,

    VMCS_PIN_CONTROLS = 0x4000,
    VMCS_CPU_CONTROLS = 0x4002,
    VMCS_EXCEPTIONS = 0x4004,
    VMCS_PAGE_FAULT_MASK = 0x4006,
    VMCS_PAGE_FAULT_MATCH = 0x4008,
    VMCS_CR3_TARGETS = 0x400A,
    VMCS_EXIT_CONTROLS = 0x400C,
    VMCS_EXIT_MSR_STORES = 0x400E,
    VMCS_EXIT_MSR_LOADS = 0x4010,
    VMCS_ENTRY_CONTROLS = 0x4012,
    VMCS_ENTRY_MSR_LOADS = 0x4014,
    VMCS_ENTRY_EVENT = 0x4016,
    VMCS_ENTRY_ERROR_CODE = 0x4018,
    VMCS_CPU_CONTROLS_2 = 0x401E,
    VMCS_INSTRUCTION_ERROR = 0x4400,
    VMCS_EXIT_REASON = 0x4402,
    VMCS_EXIT_EVENT = 0x4404,
    VMCS_VECTORING = 0x4408,
    VMCS_VECTORING_ERROR_CODE = 0x440A,
    VMCS_INSTRUCTION_LENGTH = 0x440C,
    VMCS_GUEST_LIMIT = 0x4800, /* + 2 * guest_seg_index */
    VMCS_GUEST_GDTR_LIMIT = 0x4810,
    VMCS_GUEST_IDTR_LIMIT = 0x4812,
    VMCS_GUEST_RIGHTS = 0x4814, /* + 2 * guest_seg_index */
    VMCS_GUEST_SHADOW = 0x4824, /* interruptibility */
    VMCS_GUEST_ACTIVITY = 0x4826,
    VMCS_GUEST_SYSENTER_CS = 0x482A,
    VMCS_PREEMPTION_TIMER = 0x482E,
    VMCS_HOST_SYSENTER_CS = 0x4C00,

    VMCS_CR0_MASK = 0x6000,
    VMCS_CR4_MASK = 0x6002,
    VMCS_CR0_SHADOW = 0x6004,
    VMCS_CR4_SHADOW = 0x6006,
    VMCS_QUALIFICATION = 0x6400,
    VMCS_GUEST_CR0 = 0x6800,
    VMCS_GUEST_CR3 = 0x6802,
    VMCS_GUEST_CR4 = 0x6804,
    VMCS_GUEST_BASE = 0x6806, /* + 2 * guest_seg_index */
    VMCS_GUEST_GDTR_BASE = 0x6816,
    VMCS_GUEST_IDTR_BASE = 0x6818,
    VMCS_GUEST_DR7 = 0x681A,
    VMCS_GUEST_RSP = 0x681C,
    VMCS_GUEST_RIP = 0x681E,
    VMCS_GUEST_RFLAGS = 0x6820,
    VMCS_GUEST_PENDING_DEBUG = 0x6822,
    VMCS_GUEST_SYSENTER_ESP = 0x6824,
    VMCS_GUEST_SYSENTER_EIP = 0x6826,
    VMCS_HOST_CR0 = 0x6C00,
    VMCS_HOST_CR3 = 0x6C02,
    VMCS_HOST_CR4 = 0x6C04,
    VMCS_HOST_FS_BASE = 0x6C06,
    VMCS_HOST_GS_BASE = 0x6C08,
    VMCS_HOST_TR_BASE = 0x6C0A,
    VMCS_HOST_GDTR_BASE = 0x6C0C,
    VMCS_HOST_IDTR_BASE = 0x6C0E,
    VMCS_HOST_SYSENTER_ESP = 0x6C10,
    VMCS_HOST_SYSENTER_EIP = 0x6C12,
    VMCS_HOST_RIP = 0x6C16,
};

enum vmx_exit {
    VMX_EXIT_EXCEPTION = 0,
    VMX_EXIT_INTERRUPT = 1,
    VMX_EXIT_TRIPLE = 2,
    VMX_EXIT_INIT = 3,
    VMX_EXIT_STARTUP = 4,
    VMX_EXIT_IRQ_WINDOW = 7,
    VMX_EXIT_NMI_WINDOW = 8,
    VMX_EXIT_TASK_SWITCH = 9,
    VMX_EXIT_CPUID = 10,
    VMX_EXIT_HLT = 12,
    VMX_EXIT_INVD = 13,
    VMX_EXIT_VMCALL = 18,
    VMX_EXIT_CR = 28,
    VMX_EXIT_IO = 30,
    VMX_EXIT_MSR_READ = 31,
    VMX_EXIT_MSR_WRITE = 32,
    VMX_EXIT_BAD_STATE = 33,
    VMX_EXIT_BAD_MSRS = 34,
    VMX_EXIT_PAUSE = 40,
    VMX_EXIT_MACHINE_CHECK = 41,
    VMX_EXIT_EPT_VIOLATION = 48,
    VMX_EXIT_EPT_MISCONFIGURED = 49,
    VMX_EXIT_PREEMPTION = 52,
    VMX_EXIT_WBINVD = 54,
    VMX_EXIT_XSETBV = 55,
};
#define VMX_ENTRY_FAILED BIT(31) /* in the exit reason */
/* Ours: the rest of the code is an error of VMLAUNCH or VMRESUME. */
#define VMX_NOT_ENTERED BIT(30)

/* Interruptibility of the guest. */
#define SHADOW_STI    BIT(0)
#define SHADOW_MOV_SS BIT(1)
#define SHADOW_NMI    BIT(3)

/* What is a guest's own in CR4: VME PVI TSD DE PSE PAE PGE PCE OSFXSR OSXMM
 * UMIP FSGSBASE PCIDE OSXSAVE SMEP SMAP. The rest is not offered. */
#define CR4_GUEST 0x370FBFULL

struct vmx_cpu {
    struct guest_cpu common; /* first */
    uint64_t vmcs;           /* physical */
    struct cpu *host_cpu;    /* whose host state its VMCS has */
    bool launched;           /* since it was made current here */
    uint64_t ept_pointer;
    uint64_t event; /* to be injected at the next entry, EVENT_VALID or 0 */
    /* What the processor does not switch. The MSRs are in the registers while
     * the FPU state is (vmx_state.c). */
    uint64_t cr2, dr6;
    uint64_t star, lstar, cstar, sfmask, kernel_gs_base;
};

static inline struct vmx_cpu *vmx_of(const struct guest_cpu *gc)
{
    return (struct vmx_cpu *)(uintptr_t)gc;
}

extern struct pte_format ept_format;

static inline uint64_t vmread(uint64_t field)
{
    uint64_t v;

    __asm__ volatile("vmread %1, %0" : "=rm"(v) : "r"(field) : "cc");
    return v;
}

static inline void vmwrite(uint64_t field, uint64_t v)
{
    __asm__ volatile("vmwrite %1, %0" : : "r"(field), "rm"(v) : "cc");
}

/* vmx.c: make gc's VMCS the current one of this CPU, for vmread() and
 * vmwrite(). vmcs_end() puts back what was current before. Interrupts are off,
 * and gc runs on no other CPU. */
void vmcs_begin(const struct guest_cpu *gc);
void vmcs_end(const struct guest_cpu *gc);

/* vmx_run.S. 0: the guest ran and exited; 1: *stop was set, or an NMI came
 * while it was looked at; 2: the processor refused. */
unsigned vmx_enter(struct guest_regs *regs, const uint32_t *stop,
                   uint64_t launched);
extern const char vmx_exit_point[];

/* vmx_exit.c: after an exit, with the VMCS current; exit->code is its reason.
 */
void vmx_decode_exit(struct vmx_cpu *xc, struct guest_regs *regs,
                     struct guest_exit *e);
const char *vmx_failure(uint64_t code);

/* vmx_state.c: parts of vmx_ops, and what the FPU's switch takes along. */
void vmx_get_state(const struct guest_cpu *gc, struct guest_state *s);
void vmx_set_state(struct guest_cpu *gc, const struct guest_state *s);
void vmx_load_msrs(struct vmx_cpu *xc);
void vmx_save_msrs(struct vmx_cpu *xc);

#endif
