/* SPDX-License-Identifier: MIT */
/* The local APIC of a vCPU, as x2APIC MSRs only (AP-1..9). */
#ifndef DOMAIN_VLAPIC_H
#define DOMAIN_VLAPIC_H

#include "types/bits.h"
#include "types/words.h"

struct vcpu;

struct vlapic {
    uint64_t base_msr; /* IA32_APIC_BASE */
    uint32_t tpr, svr, esr, tmict, tdcr;
    uint32_t lvt[6]; /* 832 timer, thermal, pmc, lint0, lint1, error */
    uint64_t icr;
    uint64_t irr[4], isr[4];
    bool nmi_pending;
    bool waits_for_startup; /* since reset or INIT: domain lock */
    /* An INIT for a vCPU that runs, and the SIPI that may follow it before its
     * own CPU has seen to it: domain lock. */
    bool init_pending;
    uint16_t startup_pending; /* page | STARTUP_PENDING, 0: none */
};

void vlapic_reset(struct vcpu *v);
/* 0, or -EINVAL: #GP. msr 0x800..0x8ff and 0x1b. */
int vlapic_msr_read(struct vcpu *v, uint32_t msr, uint64_t *value);
int vlapic_msr_write(struct vcpu *v, uint32_t msr, uint64_t value);
/* Edge interrupt `vector` (16..255) into v's IRR, and wake it. */
void vlapic_raise(struct vcpu *v, unsigned vector);
/* The vector to deliver now, or -1; priority over TPR and ISR honoured. */
int vlapic_pending(const struct vcpu *v);
/* On v's own CPU, before it enters the guest: an INIT that came meanwhile. */
void vlapic_take_init(struct vcpu *v);
/*
 * The same, and it leaves IRR: the guest is about to be offered it, so whoever
 * raises it from now on raises it anew. Afterwards: did the guest take it? Then
 * it is in service, else it waits again.
 */
int vlapic_offer(struct vcpu *v);
void vlapic_offered(struct vcpu *v, unsigned vector, bool taken);

#endif
