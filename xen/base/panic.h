/* SPDX-License-Identifier: MIT */
/* The end: print "Panic on CPU n: reason", a backtrace, and stop or reboot. */
#ifndef BASE_PANIC_H
#define BASE_PANIC_H

#include "types/check.h"

printf_like(1, 2) noreturn_fn void panic(const char *fmt, ...);

/* noreboot: stay halted instead of rebooting after a panic. */
void panic_set_noreboot(bool noreboot);

#endif
