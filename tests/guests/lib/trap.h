/* SPDX-License-Identifier: MIT */
/* Exceptions: expected ones are caught, all others end the test. */
#ifndef GUEST_TRAP_H
#define GUEST_TRAP_H

#include "cpu.h"

enum {
    TRAP_DE = 0,
    TRAP_DB = 1,
    TRAP_BP = 3,
    TRAP_UD = 6,
    TRAP_NM = 7,
    TRAP_GP = 13,
    TRAP_PF = 14,
    TRAP_AC = 17,
    TRAP_NONE = 256, /* the function returned */
};

/* Descriptor tables of this vCPU; the first thing it does in C. */
void trap_init(struct cpu *cpu);

/* The vector of the exception that ended function(argument), whose frame is
 * then in this_cpu()->trap; TRAP_NONE. What the function changed stays. */
unsigned trap_catch(void (*function)(void *), void *argument);

/* Vectors from outside: called with interrupts off. */
void trap_set_handler(unsigned vector, void (*handler)(struct trap_frame *));

/* The vector with which function(argument), run in ring 3, ended: TRAP_BP when
 * it said user_return(x), and then *result is x. */
unsigned trap_catch_user(void (*function)(uint64_t), uint64_t argument,
                         uint64_t *result);

static inline void user_return(uint64_t value)
{
    __asm__ volatile("int3" ::"a"(value));
}

/* Common uses. False or TRAP_NONE: no exception. */
bool rdmsr_faults(uint32_t msr, uint64_t *value);
bool wrmsr_faults(uint32_t msr, uint64_t value);
unsigned read_faults(const volatile void *address);
unsigned write_faults(volatile void *address);

#endif
