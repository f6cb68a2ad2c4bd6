/* SPDX-License-Identifier: MIT */
/* Contract: a byte pipe to the operator. */
#ifndef ARCH_HW_CONSOLE_H
#define ARCH_HW_CONSOLE_H

#include "types/words.h"

/* Send one byte, waiting for room. Works before anything else does. */
void arch_console_putc(char c);

/* A byte that arrived, or -1. */
int arch_console_getc(void);

/* Whether bytes came since the last call. Cheap. */
bool arch_console_input_arrived(void);

#endif
