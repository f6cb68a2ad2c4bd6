/* SPDX-License-Identifier: MIT */
/*
 * Contract: what the machine noticed that nobody asked for: machine checks,
 * NMIs from outside, interrupts that have no meaning.
 *
 * A handler may interrupt anything, so it only writes down what it saw, in a
 * queue of its CPU; guest/trouble.c reads it with interrupts off and decides.
 * What leaves the CPU's own state unknown is no trouble but the end: the
 * machine panics in words.
 */
#ifndef ARCH_TROUBLE_H
#define ARCH_TROUBLE_H

#include "types/check.h"
#include "types/frame.h"

enum trouble_kind {
    TROUBLE_NMI,       /* one that no CPU sent as a kick */
    TROUBLE_INTERRUPT, /* `vector` has no meaning, or was spurious */
    TROUBLE_CORRECTED, /* hardware mended it itself */
    TROUBLE_MEMORY,    /* the page at `address` has lost its contents */
};

struct trouble {
    enum trouble_kind kind;
    uint8_t vector;
    /* Of a machine check, as in the processor's registers. */
    uint8_t bank;
    bool guest_lost; /* and the guest that ran on this CPU cannot go on */
    bool has_address;
    uint64_t status;
    paddr_t address;
};

/* The oldest of this CPU's troubles; false: none. Cheap then. */
bool arch_trouble_take(struct trouble *t);

/* Troubles of all CPUs since the start that found the queue full. */
uint64_t arch_trouble_lost(void);

/* Look for corrected errors on this CPU: nothing says when there are some. */
void arch_trouble_poll(void);

/* What a machine check's status word means, in words: "memory controller, read,
 * channel 0 (corrected)". */
void arch_trouble_text(uint64_t status, char *text, size_t size);

/*
 * For tests, on this CPU: from now on it reads `value` in a machine check
 * register instead of what is there, until the handler clears it. -EINVAL: not
 * such a register. Then raise a machine check: -ENODATA if no such value is
 * there, for example because a vCPU has come to another CPU meanwhile.
 */
int must_check arch_trouble_set_register(uint64_t msr, uint64_t value);
/* Is that the number of a register that has an address in it? */
bool arch_trouble_is_address(uint64_t msr);
int must_check arch_trouble_machine_check(void);
/* The same for an NMI, and for an interrupt without a meaning. */
void arch_trouble_nmi(void);
void arch_trouble_interrupt(void);

#endif
