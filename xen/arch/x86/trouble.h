/* SPDX-License-Identifier: MIT */
#ifndef ARCH_X86_TROUBLE_H
#define ARCH_X86_TROUBLE_H

#include "arch/trouble.h"
#include "arch/x86/machine.h"

/* Write down what a handler on this CPU saw. */
void trouble_note(const struct trouble *t);

/* trap.c: an interrupt that nothing here asked for. in_service: the APIC waits
 * for its end. */
void trouble_interrupt(uint8_t vector);

#endif
