/* SPDX-License-Identifier: MIT */
/* Arithmetic on numbers that a guest supplied: true means that it overflowed.
 */
#ifndef TYPES_OVERFLOW_H
#define TYPES_OVERFLOW_H

#include "types/check.h"
#include "types/words.h"

static inline bool must_check add_overflows(uint64_t a, uint64_t b,
                                            uint64_t *sum)
{
    return __builtin_add_overflow(a, b, sum);
}

static inline bool must_check mul_overflows(uint64_t a, uint64_t b,
                                            uint64_t *product)
{
    return __builtin_mul_overflow(a, b, product);
}

/* True unless [start, start + count) lies within [0, limit). */
static inline bool must_check range_exceeds(uint64_t start, uint64_t count,
                                            uint64_t limit)
{
    return count > limit || start > limit - count;
}

#endif
