/* SPDX-License-Identifier: MIT */
/* What the boot loader told us, whichever protocol it spoke. */
#ifndef BOOT_BOOT_INFO_H
#define BOOT_BOOT_INFO_H

#include "arch/x86/screen.h"
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

/* As in the E820 map; other values are in use, and are no RAM. */
enum {
    BOOT_RAM = 1,
    BOOT_RESERVED = 2,
    BOOT_ACPI = 3,
    BOOT_NVS = 4,
};

struct boot_range {
    paddr_t start;
    uint64_t size; /* bytes */
    uint32_t type;
};

struct boot_info {
    char command_line[1024]; /* without our own name */
    struct boot_module modules[BOOT_MODULE_LIMIT];
    unsigned module_count;
    struct boot_range ranges[BOOT_RANGE_LIMIT];
    unsigned range_count;
    char rsdp[BOOT_RSDP_LIMIT]; /* a copy; ACPI's root pointer */
    bool has_rsdp;
    struct screen_mode screen; /* all 0: none */
    bool from_efi; /* the firmware is UEFI: nothing of a PC's BIOS is there */
};

/* magic and address as they were in eax and ebx. False: not a loader that we
 * know, or it gave no memory map. The loader's structures are not needed
 * afterwards. */
bool multiboot_parse(uint32_t magic, paddr_t information,
                     struct boot_info *info);

/* The highest page below 640 KiB that is RAM and holds nothing of the
 * loader's, for processors that start in real mode. Address 0: there is none.
 */
paddr_t boot_low_page(const struct boot_info *info);

#endif
