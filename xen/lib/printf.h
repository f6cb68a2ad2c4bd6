/* SPDX-License-Identifier: MIT */
/* Formatting into a buffer: %d %u %x %ld %lu %lx %llu %llx %zu %p %s %c %%,
 * with width, '-', '0' and precision for %s. */
#ifndef LIB_PRINTF_H
#define LIB_PRINTF_H

#include <stdarg.h>

#include "types/check.h"

/* Both return the length that the whole text would have; always terminated. */
printf_like(3, 4) size_t
    format_text(char *buf, size_t size, const char *fmt, ...);
size_t format_text_v(char *buf, size_t size, const char *fmt, va_list args);

#endif
