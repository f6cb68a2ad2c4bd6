/* SPDX-License-Identifier: MIT */
/*
 * The same places as Xen's own tools use, so that a guest sees what it would
 * see there. The kernel cannot be moved; everything else follows it, in pages
 * of its own. Linux reads the memory map and the module list through a mapping
 * of the first GiB only, which holds for every kernel loaded at its usual
 * 16 MiB.
 */
#include "libxc/layout.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xen/arch-x86/hvm/start_info.h>

#include "libxc/handle.h"

/* The block at layout->start_info; the command line follows. */
struct start_block {
    struct hvm_start_info info;
    uint32_t align; /* module and map entries are read as 64-bit words */
    uint32_t align2;
    struct hvm_modlist_entry ramdisk;
    struct hvm_memmap_table_entry map[LAYOUT_MAP_MAX];
    char cmdline[];
};
_Static_assert(offsetof(struct start_block, ramdisk) % 8 == 0, "alignment");

static uint64_t page_up(uint64_t address)
{
    return (address + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
}

static void add_range(struct layout *layout, uint64_t address, uint64_t size,
                      uint32_t type)
{
    layout->map[layout->map_count++] = (struct layout_range){
        .address = address,
        .size = size,
        .type = type,
    };
}

static void plan_map(struct layout *layout)
{
    uint64_t bytes = layout->ram_pages * PAGE_BYTES;

    layout->low_end = bytes < LAYOUT_LOW_MAX ? bytes : LAYOUT_LOW_MAX;
    layout->high_end =
        bytes > LAYOUT_LOW_MAX ? LAYOUT_HIGH + bytes - LAYOUT_LOW_MAX : 0;
    layout->map_count = 0;
    add_range(layout, 0, layout->low_end, XEN_HVM_MEMMAP_TYPE_RAM);
    add_range(layout, LAYOUT_ACPI_GFN * PAGE_BYTES, PAGE_BYTES,
              XEN_HVM_MEMMAP_TYPE_ACPI);
    add_range(layout, LAYOUT_SPECIAL_GFN * PAGE_BYTES,
              LAYOUT_SPECIAL_COUNT * PAGE_BYTES, XEN_HVM_MEMMAP_TYPE_RESERVED);
    if (layout->high_end) {
        add_range(layout, LAYOUT_HIGH, layout->high_end - LAYOUT_HIGH,
                  XEN_HVM_MEMMAP_TYPE_RAM);
    }
}

/* Pages that the segments touch; two may share one. */
static uint64_t image_pages(const struct image *image)
{
    uint64_t pages = 0, next = 0;

    for (unsigned int i = 0; i < image->segment_count; i++) {
        const struct image_segment *s = &image->segments[i];
        uint64_t first = s->paddr / PAGE_BYTES;
        uint64_t end = pages_from_bytes(s->paddr + s->mem_size);

        first = first > next ? first : next;
        pages += end > first ? end - first : 0;
        next = end > next ? end : next;
    }
    return pages;
}

static int check_fit(struct xc *xc, const struct layout *layout,
                     const struct image *image)
{
    uint64_t end = layout->ramdisk + page_up(layout->ramdisk_size);
    uint64_t need = image_pages(image) +
                    pages_from_bytes(layout->start_info_size) +
                    pages_from_bytes(layout->ramdisk_size);

    if (end > layout->low_end) {
        return xc_fail(xc, -E2BIG,
                       "kernel and ramdisk are too large: they would end at "
                       "%llu KiB, but maxmem puts the end of low memory at "
                       "%llu KiB",
                       (unsigned long long)end / 1024,
                       (unsigned long long)layout->low_end / 1024);
    }
    if (need > layout->target_pages) {
        return xc_fail(
            xc, -E2BIG,
            "kernel and ramdisk are too large: they need %llu KiB, "
            "and memory is %llu KiB",
            (unsigned long long)kib_from_pages(need),
            (unsigned long long)kib_from_pages(layout->target_pages));
    }
    return 0;
}

int layout_plan(struct xc *xc, const struct xc_guest_config *cfg,
                const struct image *image, uint64_t ramdisk_size,
                struct layout *layout)
{
    size_t cmdline = cfg->cmdline ? strlen(cfg->cmdline) : 0;

    memset(layout, 0, sizeof(*layout));
    layout->ram_pages = pages_from_kib(cfg->max_kib);
    layout->target_pages = pages_from_kib(cfg->memory_kib);
    plan_map(layout);
    layout->start_info = page_up(image->end);
    layout->start_info_size = sizeof(struct start_block) + cmdline + 1;
    layout->ramdisk = page_up(layout->start_info + layout->start_info_size);
    layout->ramdisk_size = ramdisk_size;
    return check_fit(xc, layout, image);
}

static void fill_map(struct start_block *b, const struct layout *layout)
{
    for (unsigned int i = 0; i < layout->map_count; i++) {
        b->map[i].addr = layout->map[i].address;
        b->map[i].size = layout->map[i].size;
        b->map[i].type = layout->map[i].type;
    }
    b->info.memmap_paddr =
        layout->start_info + offsetof(struct start_block, map);
    b->info.memmap_entries = layout->map_count;
}

static void fill_ramdisk(struct start_block *b, const struct layout *layout)
{
    if (layout->ramdisk_size) {
        b->ramdisk.paddr = layout->ramdisk;
        b->ramdisk.size = layout->ramdisk_size;
        b->info.nr_modules = 1;
        b->info.modlist_paddr =
            layout->start_info + offsetof(struct start_block, ramdisk);
    }
}

int layout_start_info(struct xc *xc, const struct layout *layout,
                      const char *cmdline, uint8_t **bytes)
{
    struct start_block *b = calloc(1, layout->start_info_size);

    if (!b) {
        return xc_fail_errno(xc, -ENOMEM, "cannot build the start info");
    }
    b->info.magic = XEN_HVM_START_MAGIC_VALUE;
    b->info.version = 1;
    b->info.rsdp_paddr = LAYOUT_ACPI_GFN * PAGE_BYTES;
    b->info.cmdline_paddr =
        layout->start_info + offsetof(struct start_block, cmdline);
    fill_map(b, layout);
    fill_ramdisk(b, layout);
    if (cmdline) {
        /* As long as layout_plan() saw it. */
        memcpy(b->cmdline, cmdline, strlen(cmdline) + 1);
    }
    *bytes = (uint8_t *)b;
    return 0;
}
