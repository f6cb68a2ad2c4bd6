/* SPDX-License-Identifier: MIT */
/* Secondary vCPUs and the local APIC, which is used as x2APIC (AP-4, AP-7). */
#ifndef GUEST_SMP_H
#define GUEST_SMP_H

#include "cpu.h"

enum {
    X2APIC_ID = 0x802,
    X2APIC_VERSION = 0x803,
    X2APIC_TPR = 0x808,
    X2APIC_EOI = 0x80b,
    X2APIC_LDR = 0x80d,
    X2APIC_SVR = 0x80f,
    X2APIC_ISR = 0x810,
    X2APIC_IRR = 0x820,
    X2APIC_ESR = 0x828,
    X2APIC_ICR = 0x830,
    X2APIC_LVT_TIMER = 0x832,
    X2APIC_SELF_IPI = 0x83f,
    ICR_INIT_ASSERT = 0xc500,
    ICR_INIT_DEASSERT = 0x8500,
    ICR_STARTUP = 0x600,
    ICR_NMI = 0x4400,
    ICR_FIXED = 0x4000,
    ICR_ALL_BUT_SELF = 0xc0000,
};

/* This vCPU's APIC: x2APIC mode, software-enabled. */
void smp_init(void);

/* vCPUs that the domain has, started or not; at most MAX_CPUS. */
unsigned smp_vcpu_count(void);

static inline uint32_t smp_apic_id(unsigned vcpu)
{
    return 2 * vcpu;
}

static inline void smp_send_icr(unsigned vcpu, uint32_t command)
{
    wrmsr(X2APIC_ICR, (uint64_t)smp_apic_id(vcpu) << 32 | command);
}

/* Start vCPU `id` at function(argument); true once it has come up. When the
 * function returns, the vCPU halts for good. */
bool smp_start(unsigned id, void (*function)(void *), void *argument);

/* INIT and two STARTUPs, with whatever stands at vector << 12. */
void smp_init_startup(unsigned id, uint8_t vector);

#endif
