/* SPDX-License-Identifier: MIT */
/*
 * make xen VARIANT=checked: the value that lies between a function's arrays and
 * its return address, and is compared when it returns. What is called when the
 * two differ is in arch/x86/foreign.c, for Debian's decoders have the same.
 *
 * The value never changes, for a function may not return with another one than
 * it was called with: it finds our bugs, and hides nothing from an attacker. A
 * byte of it is zero, so that no string runs across it.
 */
#include "types/words.h"

extern const uint64_t __stack_chk_guard;

const uint64_t __stack_chk_guard = 0x5b00a7c396e1d84fULL;
