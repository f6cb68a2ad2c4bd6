/* SPDX-License-Identifier: MIT */
/* From the machine's memory map to a page allocator. */
#ifndef BOOT_MEMORY_H
#define BOOT_MEMORY_H

#include "boot/boot_info.h"

/* The boot allocator with all RAM but ourselves, the modules and the first
 * MiB; then our own page tables. */
void memory_init(const struct boot_info *info);

#endif
