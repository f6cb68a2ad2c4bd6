/* SPDX-License-Identifier: MIT */
/* tests/unit/support without its main(): a failed expectation is a crash, as
 * everything that a fuzzer is to find. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "unit.h"

/* The hypervisor has no heap of the host's that could leak. (And the hunt for
 * leaks calls sched_yield(), which here is ours.) */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

void unit_fail(const char *file, int line, const char *fmt, ...)
{
    va_list args;

    fprintf(stderr, "%s:%d: ", file, line);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    abort();
}
