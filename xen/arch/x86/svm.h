/* SPDX-License-Identifier: MIT */
/*
 * AMD SVM: the VM control block and a vCPU's machine state.
 * Offsets and bits: AMD APM volume 2, appendix B and chapter 15.
 */
#ifndef ARCH_X86_SVM_H
#define ARCH_X86_SVM_H

#include "arch/x86/virt.h"
#include "types/bits.h"
#include "types/check.h"

enum vmcb_intercept {
    /* third word */
    SVM_INTR = 0,
    SVM_NMI = 1,
    SVM_INIT = 3,
    SVM_RDPMC = 15,
    SVM_CPUID = 18,
    SVM_INVD = 22,
    SVM_PAUSE = 23,
    SVM_HLT = 24,
    SVM_INVLPGA = 26,
    SVM_IO = 27,
    SVM_MSR = 28,
    SVM_TASK = 29,
    SVM_FERR = 30,
    SVM_SHUTDOWN = 31,
    /* fourth word */
    SVM_VMRUN = 32,
    SVM_VMMCALL = 33,
    SVM_VMLOAD = 34,
    SVM_VMSAVE = 35,
    SVM_STGI = 36,
    SVM_CLGI = 37,
    SVM_SKINIT = 38,
    SVM_ICEBP = 40,
    SVM_WBINVD = 41,
    SVM_MONITOR = 42,
    SVM_MWAIT = 43,
    SVM_MWAIT_ARMED = 44,
    SVM_XSETBV = 45,
};

enum svm_exit {
    SVM_EXIT_CR8_WRITE = 0x18,
    SVM_EXIT_EXCEPTION = 0x40,
    SVM_EXIT_INTR = 0x60,
    SVM_EXIT_NMI = 0x61,
    SVM_EXIT_INIT = 0x63,
    SVM_EXIT_VINTR = 0x64,
    SVM_EXIT_RDPMC = 0x6F,
    SVM_EXIT_CPUID = 0x72,
    SVM_EXIT_INVD = 0x76,
    SVM_EXIT_PAUSE = 0x77,
    SVM_EXIT_HLT = 0x78,
    SVM_EXIT_INVLPGA = 0x7A,
    SVM_EXIT_IO = 0x7B,
    SVM_EXIT_MSR = 0x7C,
    SVM_EXIT_SHUTDOWN = 0x7F,
    SVM_EXIT_VMRUN = 0x80,
    SVM_EXIT_VMMCALL = 0x81,
    SVM_EXIT_VMLOAD = 0x82,
    SVM_EXIT_SKINIT = 0x86,
    SVM_EXIT_WBINVD = 0x89,
    SVM_EXIT_MONITOR = 0x8A,
    SVM_EXIT_MWAIT = 0x8B,
    SVM_EXIT_MWAIT_ARMED = 0x8C,
    SVM_EXIT_XSETBV = 0x8D,
    SVM_EXIT_NPF = 0x400,
};

#define V_IRQ          BIT(8)
#define V_IGN_TPR      BIT(20)
#define V_INTR_MASKING BIT(24)
#define V_VECTOR_SHIFT 32
#define V_TPR_MASK     0xFFULL

struct vmcb_seg {
    uint16_t selector, attributes;
    uint32_t limit;
    uint64_t base;
};

struct vmcb {
    uint16_t cr_read, cr_write, dr_read, dr_write;
    uint32_t exceptions;
    uint32_t intercepts[2];
    uint8_t reserved1[0x40 - 0x14];
    uint64_t iopm, msrpm, tsc_offset;
    uint32_t asid;
    uint8_t tlb_control, reserved2[3];
    uint64_t int_control;
    uint64_t interrupt_shadow;
    uint64_t exit_code, exit_info1, exit_info2, exit_int_info;
    uint64_t nested_control;
    uint8_t reserved3[0xA8 - 0x98];
    uint64_t event_inject;
    uint64_t nested_cr3;
    uint64_t lbr_control, clean_bits, next_rip;
    uint8_t reserved4[0x400 - 0xD0];
    /* state save area */
    struct vmcb_seg es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
    uint8_t reserved5[0x4CB - 0x4A0];
    uint8_t cpl;
    uint32_t reserved6;
    uint64_t efer;
    uint8_t reserved7[0x548 - 0x4D8];
    uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
    uint8_t reserved8[0x5D8 - 0x580];
    uint64_t rsp;
    uint8_t reserved9[0x5F8 - 0x5E0];
    uint64_t rax, star, lstar, cstar, sfmask, kernel_gs_base;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip, cr2;
    uint8_t reserved10[0x668 - 0x648];
    uint64_t pat;
    uint8_t reserved11[0x1000 - 0x670];
};
BUILD_ASSERT(offsetof(struct vmcb, tlb_control) == 0x5C, "VMCB layout");
BUILD_ASSERT(offsetof(struct vmcb, exit_code) == 0x70, "VMCB layout");
BUILD_ASSERT(offsetof(struct vmcb, event_inject) == 0xA8, "VMCB layout");
BUILD_ASSERT(offsetof(struct vmcb, es) == 0x400, "VMCB layout");
BUILD_ASSERT(offsetof(struct vmcb, efer) == 0x4D0, "VMCB layout");
BUILD_ASSERT(offsetof(struct vmcb, cr4) == 0x548, "VMCB layout");
BUILD_ASSERT(offsetof(struct vmcb, rsp) == 0x5D8, "VMCB layout");
BUILD_ASSERT(offsetof(struct vmcb, rax) == 0x5F8, "VMCB layout");
BUILD_ASSERT(offsetof(struct vmcb, pat) == 0x668, "VMCB layout");
BUILD_ASSERT(sizeof(struct vmcb) == PAGE_SIZE, "VMCB layout");

struct svm_cpu {
    struct guest_cpu common; /* first */
    struct vmcb *vmcb;
    uint64_t vmcb_address; /* physical */
};

static inline struct svm_cpu *svm_of(struct guest_cpu *gc)
{
    return (struct svm_cpu *)gc;
}

static inline struct vmcb *vmcb_of(const struct guest_cpu *gc)
{
    return ((const struct svm_cpu *)gc)->vmcb;
}

/* svm_run.S: GIF is clear. Enter the guest, return when it exits. */
void svm_enter(uint64_t vmcb, struct guest_regs *regs, uint64_t host_vmcb);
void svm_enter_guarded(uint64_t vmcb, struct guest_regs *regs,
                       uint64_t host_vmcb);

/* svm_state.c: parts of svm_ops. */
void svm_get_state(const struct guest_cpu *gc, struct guest_state *s);
void svm_set_state(struct guest_cpu *gc, const struct guest_state *s);

#endif
