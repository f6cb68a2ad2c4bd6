/* SPDX-License-Identifier: MIT */
/* Where a guest's text goes: see console.c. */
#ifndef GUEST_CONSOLE_H
#define GUEST_CONSOLE_H

#include "types/check.h"

/* The privileged domain has the operator's console. */
void console_init(bool is_privileged);

/* Formats of lib/printf.h. One call is one piece, also with several vCPUs. */
void print(const char *format, ...) printf_like(1, 2);

/* Wait until it has been read; not for ever. */
void console_flush(void);

#endif
