/* SPDX-License-Identifier: MIT */
/* The words that everything else is written in. Headers of types/ depend on the
 * compiler only. */
#ifndef TYPES_WORDS_H
#define TYPES_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1ULL << PAGE_SHIFT)
#define PAGE_MASK  (~(PAGE_SIZE - 1))

/* Orders that the second-stage tables know: log2 of the number of 4 KiB pages.
 */
#define ORDER_4K 0
#define ORDER_2M 9
#define ORDER_1G 18

/* Domain ids, as in the public ABI (xen.h); repeated here because the layers
 * below guest/ do not see it. guest/ asserts that they agree. */
typedef uint16_t domid_t;

#endif
