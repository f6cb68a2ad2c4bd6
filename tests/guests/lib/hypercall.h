/* SPDX-License-Identifier: MIT */
/*
 * Calling the hypervisor (CP-5): number in RAX, arguments in RDI, RSI, RDX,
 * R10, R8, result in RAX, all else kept; VMMCALL on AMD's processors and
 * VMCALL on the others (CP-3).
 */
#ifndef GUEST_HYPERCALL_H
#define GUEST_HYPERCALL_H

#include "types/check.h"

#include <xen/xen.h>

extern bool hypercall_by_vmcall;

/* Chooses the instruction; before the first call. */
void hypercall_init(void);

/* Base of the hypervisor's CPUID leaves, 0: none is found. */
uint32_t hypervisor_leaf_base(void);

/* "" where it cannot be had. */
void hypervisor_extra_version(char text[16]);
bool hypervisor_is_podium(void);

static inline int64_t hypercall5(uint64_t number, uint64_t a1, uint64_t a2,
                                 uint64_t a3, uint64_t a4, uint64_t a5)
{
    register uint64_t r10 __asm__("r10") = a4;
    register uint64_t r8 __asm__("r8") = a5;
    int64_t result;

    if (hypercall_by_vmcall) {
        __asm__ volatile("vmcall"
                         : "=a"(result)
                         : "a"(number), "D"(a1), "S"(a2), "d"(a3), "r"(r10),
                           "r"(r8)
                         : "memory");
    } else {
        __asm__ volatile("vmmcall"
                         : "=a"(result)
                         : "a"(number), "D"(a1), "S"(a2), "d"(a3), "r"(r10),
                           "r"(r8)
                         : "memory");
    }
    return result;
}

static inline int64_t hypercall3(uint64_t number, uint64_t a1, uint64_t a2,
                                 uint64_t a3)
{
    return hypercall5(number, a1, a2, a3, 0, 0);
}

static inline int64_t hypercall2(uint64_t number, uint64_t a1, uint64_t a2)
{
    return hypercall5(number, a1, a2, 0, 0, 0);
}

static inline int64_t hypercall1(uint64_t number, uint64_t a1)
{
    return hypercall5(number, a1, 0, 0, 0, 0);
}

/* By family. */
static inline int64_t memory_op(unsigned command, const void *argument)
{
    return hypercall2(__HYPERVISOR_memory_op, command, (uint64_t)argument);
}

static inline int64_t event_op(unsigned command, const void *argument)
{
    return hypercall2(__HYPERVISOR_event_channel_op, command,
                      (uint64_t)argument);
}

static inline int64_t sched_op(unsigned command, const void *argument)
{
    return hypercall2(__HYPERVISOR_sched_op, command, (uint64_t)argument);
}

/*
 * Let others run, in every loop that waits. Under -icount QEMU gives a
 * processor all the time up to the next timer unless it pauses or halts, so
 * that without the PAUSE what is waited for might never get a turn.
 */
static inline void give_way(void)
{
    __asm__ volatile("pause" ::: "memory");
    hypercall2(__HYPERVISOR_sched_op, 0 /* SCHEDOP_yield */, 0);
}

static inline int64_t vcpu_op(unsigned command, unsigned vcpu,
                              const void *argument)
{
    return hypercall3(__HYPERVISOR_vcpu_op, command, vcpu, (uint64_t)argument);
}

static inline int64_t hvm_op(unsigned command, const void *argument)
{
    return hypercall2(__HYPERVISOR_hvm_op, command, (uint64_t)argument);
}

static inline int64_t grant_op(unsigned command, const void *argument,
                               unsigned count)
{
    return hypercall3(__HYPERVISOR_grant_table_op, command, (uint64_t)argument,
                      count);
}

static inline int64_t version_op(unsigned command, const void *argument)
{
    return hypercall2(__HYPERVISOR_xen_version, command, (uint64_t)argument);
}

#endif
