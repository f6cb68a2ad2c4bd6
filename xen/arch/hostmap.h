/* SPDX-License-Identifier: MIT */
/*
 * Contract: reaching machine memory. All RAM is in one direct map, read-write
 * and never executable, so mapping costs nothing and cannot fail.
 */
#ifndef ARCH_HOSTMAP_H
#define ARCH_HOSTMAP_H

#include "types/frame.h"

/* The address of machine frame m; m must be RAM (see mm/frame_table.h). */
void *arch_map(mfn_t m);

/* The frame that holds p, which must come from arch_map(). */
mfn_t arch_unmap(const void *p);

/* Whole 4 KiB pages, 4 KiB aligned. */
void arch_page_clear(void *page);
void arch_page_copy(void *to, const void *from);
bool arch_page_is_zero(const void *page);

#endif
