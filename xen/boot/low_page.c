/* SPDX-License-Identifier: MIT */
/*
 * A page for the first steps of processors, which cannot reach beyond 1 MiB.
 * The highest one: firmware that writes to memory that it has called free does
 * so near the beginning. Maps may overlap, and then the other type counts.
 */
#include "boot/boot_info.h"
#include "types/bits.h"

#define LOW_END 0xA0000ULL /* video memory and firmware from there on */

static bool meets(uint64_t page, uint64_t start, uint64_t size)
{
    return size && start < page + PAGE_SIZE && start + size > page;
}

static bool covers(const struct boot_range *r, uint64_t page)
{
    return r->start.v <= page && r->start.v + r->size >= page + PAGE_SIZE;
}

static bool is_ram(const struct boot_info *info, uint64_t page)
{
    bool covered = false;

    for (unsigned i = 0; i < info->range_count; i++) {
        const struct boot_range *r = &info->ranges[i];

        if (r->type == BOOT_RAM) {
            covered |= covers(r, page);
        } else if (meets(page, r->start.v, r->size)) {
            return false;
        }
    }
    return covered;
}

static bool in_module(const struct boot_info *info, uint64_t page)
{
    for (unsigned i = 0; i < info->module_count; i++) {
        if (meets(page, info->modules[i].start.v, info->modules[i].size)) {
            return true;
        }
    }
    return false;
}

paddr_t boot_low_page(const struct boot_info *info)
{
    uint64_t page = LOW_END - PAGE_SIZE;

    while (page && (!is_ram(info, page) || in_module(info, page))) {
        page -= PAGE_SIZE;
    }
    return PADDR(page);
}
