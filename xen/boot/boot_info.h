/* SPDX-License-Identifier: MIT */
/* What the boot loader told us, whichever protocol it spoke. */
#ifndef BOOT_BOOT_INFO_H
#define BOOT_BOOT_INFO_H

#include "types/frame.h"

#include <stdbool.h>

#define BOOT_MODULE_LIMIT 8
#define BOOT_RANGE_LIMIT  128
#define BOOT_RSDP_LIMIT   40

struct boot_module {
    paddr_t start;
    uint64_t size;           /* bytes */
    char command_line[1024]; /* without the file's name */
};

struct boot_range {
    paddr_t start;
    uint64_t size; /* bytes */
    uint32_t type; /* 1: RAM, as in the E820 map */
};

struct boot_info {
    char command_line[1024]; /* without our own name */
    struct boot_module modules[BOOT_MODULE_LIMIT];
    unsigned module_count;
    struct boot_range ranges[BOOT_RANGE_LIMIT];
    unsigned range_count;
    char rsdp[BOOT_RSDP_LIMIT]; /* a copy; ACPI's root pointer */
    bool has_rsdp;
};

/* magic and address as they were in eax and ebx. False: not a loader that we
 * know, or it gave no memory map. The loader's structures are not needed
 * afterwards. */
bool multiboot_parse(uint32_t magic, paddr_t information,
                     struct boot_info *info);

#endif
