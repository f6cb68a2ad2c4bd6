/* SPDX-License-Identifier: MIT */
/*
 * Contract: calling code that was compiled for ordinary programs.
 *
 * Such code uses vector registers, stack below its stack pointer (the red
 * zone), and a value of its thread that guards its stack. All of that is given
 * to it here, for one call on the boot CPU, before any guest runs.
 */
#ifndef ARCH_FOREIGN_H
#define ARCH_FOREIGN_H

#include "types/words.h"

/* fn(context), on any CPU and at any time: the vector registers, which are the
 * guest's, are kept meanwhile. On the caller's stack, of which fn may use
 * 1 KiB. x87, MMX and what AVX adds are not to be touched. */
void arch_call_foreign_here(void (*fn)(void *context), void *context);

/* fn(context) on the stack [stack, stack + size), aligned to 16. It must
 * return, and may call panic(). */
void arch_call_foreign(void (*fn)(void *context), void *context, void *stack,
                       size_t size);

#endif
