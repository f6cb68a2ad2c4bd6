/* SPDX-License-Identifier: MIT */
/* See memory.h. */
#include "boot/memory.h"

#include "arch/x86/layout.h"
#include "arch/x86/machine.h"
#include "base/console.h"
#include "mm/boot_alloc.h"
#include "types/bits.h"

#define FIRST_MIB 0x100000ULL
#define LOW_END   0x100000000ULL /* what the boot tables map */

static uint64_t range_end(const struct boot_range *r)
{
    return r->start.v + r->size;
}

/* Add the parts of RAM that lie in [from, to). */
static void add_ram(const struct boot_info *info, uint64_t from, uint64_t to)
{
    for (unsigned i = 0; i < info->range_count; i++) {
        const struct boot_range *r = &info->ranges[i];
        uint64_t start = MAX(r->start.v, from), end = MIN(range_end(r), to);

        if (r->type == BOOT_RAM && start < end) {
            boot_alloc_add(PADDR(start), end - start);
        }
    }
}

static uint64_t ram_end(const struct boot_info *info)
{
    uint64_t end = 0;

    for (unsigned i = 0; i < info->range_count; i++) {
        if (info->ranges[i].type == BOOT_RAM) {
            end = MAX(end, range_end(&info->ranges[i]));
        }
    }
    return end;
}

/* Tables and modules may lie above RAM (ACPI) or anywhere below 4 GiB, so the
 * direct map always covers that much. */
void memory_init(const struct boot_info *info)
{
    boot_alloc_reserve(PADDR(0), FIRST_MIB);
    boot_alloc_reserve(PADDR((uint64_t)__image_start),
                       (uint64_t)(__image_end - __image_start));
    for (unsigned i = 0; i < info->module_count; i++) {
        boot_alloc_reserve(info->modules[i].start, info->modules[i].size);
    }
    /* The new tables are built through the boot tables: RAM they reach first.
     */
    add_ram(info, FIRST_MIB, LOW_END);
    hostmap_init(PADDR(MAX(ram_end(info), LOW_END)));
    add_ram(info, LOW_END, ~0ULL);
}
