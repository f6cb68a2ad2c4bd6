/* SPDX-License-Identifier: MIT */
/* Amounts of memory as a user types them: 256, 256m, 1g, 524288k. */
#ifndef XL_SIZE_H
#define XL_SIZE_H

#include <stdint.h>

#define KIB_PER_MIB UINT64_C(1024)

/*
 * Read `text` as an amount of memory. A bare number counts MiB, as everywhere
 * in xl; a suffix t, g, m, k or b (either case) gives another unit.
 * Returns 0 and the amount in KiB (bytes round down), or -EINVAL when the text
 * is not such an amount, or -ERANGE when it does not fit.
 */
int size_parse_kib(const char *text, uint64_t *kib);

#endif
