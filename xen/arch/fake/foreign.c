/* SPDX-License-Identifier: MIT */
/* We are an ordinary program. */
#include "arch/foreign.h"

void arch_call_foreign(void (*fn)(void *context), void *context, void *stack,
                       size_t size)
{
    fn(context);
}

void arch_call_foreign_here(void (*fn)(void *context), void *context)
{
    fn(context);
}
