/* SPDX-License-Identifier: MIT */
/* tests/unit/support without its main(): a failed expectation is a crash, as
 * everything that a fuzzer is to find. And choices out of bytes. */
#include "fuzz.h"

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

static const uint8_t *next, *end;

void fuzz_choices(const uint8_t *data, size_t size)
{
    next = data;
    end = data + size;
}

bool fuzz_more(void)
{
    return next < end;
}

uint64_t fuzz_choose(uint64_t limit)
{
    unsigned wanted = !limit             ? 8
                      : limit <= 0x100   ? 1
                      : limit <= 0x10000 ? 2
                                         : 4;
    uint64_t word = 0;

    for (; wanted && next < end; wanted--) {
        word = word << 8 | *next++;
    }
    return limit ? word % limit : word;
}
