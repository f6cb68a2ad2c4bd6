/* SPDX-License-Identifier: MIT */
#ifndef LIBXC_LAYOUT_H
#define LIBXC_LAYOUT_H
/*
 * Where everything goes in a guest's physical memory. Only arithmetic: a
 * layout is computed, and found to fit, before the domain exists.
 *
 *   0 ........ low_end         RAM: the kernel where it wants to be, then
 *                              the start info, then the ramdisk
 *   0xfc000000 1 page          ACPI tables
 *   0xfeff8000 8 pages         rings that the guest shares with dom0
 *   4 GiB .... high_end        the rest of RAM, if maxmem > 0xfc000000
 */
#include <stddef.h>
#include <stdint.h>

#include "libxc/image.h"
#include "libxc/xc.h"

#define LAYOUT_LOW_MAX       0xfc000000ull /* RAM below 4 GiB ends here */
#define LAYOUT_HIGH          (1ull << 32)
#define LAYOUT_ACPI_GFN      0xfc000ull
#define LAYOUT_SPECIAL_GFN   0xfeff8ull
#define LAYOUT_SPECIAL_COUNT 8UL
#define LAYOUT_SCRATCH_GFN   (LAYOUT_SPECIAL_GFN - 1) /* never anything */
/* Pages that a guest has on top of its memory. */
#define LAYOUT_EXTRA_PAGES (LAYOUT_SPECIAL_COUNT + 1)

/* What the special pages are, in order. */
enum layout_special {
    SPECIAL_PAGING = 0,
    SPECIAL_ACCESS,
    SPECIAL_SHARING,
    SPECIAL_BUFIOREQ,
    SPECIAL_XENSTORE,
    SPECIAL_IOREQ,
    SPECIAL_IDENT_PT,
    SPECIAL_CONSOLE,
};

static inline uint64_t layout_special_gfn(enum layout_special which)
{
    return LAYOUT_SPECIAL_GFN + which;
}

#define LAYOUT_MAP_MAX 4

/* One entry of the memory map; type as in E820. */
struct layout_range {
    uint64_t address, size;
    uint32_t type;
};

struct layout {
    uint64_t ram_pages;         /* promised */
    uint64_t target_pages;      /* given */
    uint64_t low_end, high_end; /* bytes; high_end is 0 if there is none */
    uint64_t start_info, start_info_size;
    uint64_t ramdisk, ramdisk_size; /* size 0: none */
    struct layout_range map[LAYOUT_MAP_MAX];
    unsigned int map_count;
};

static inline int layout_is_pod(const struct layout *layout)
{
    return layout->target_pages < layout->ram_pages;
}

/*
 * -E2BIG if kernel, start info and ramdisk need more than the memory that the
 * guest is given, or do not fit below the end of its RAM.
 */
int layout_plan(struct xc *xc, const struct xc_guest_config *cfg,
                const struct image *image, uint64_t ramdisk_size,
                struct layout *layout);

/*
 * The start info and all that it points to except the ramdisk, to be loaded
 * at layout->start_info. *bytes: free(); layout->start_info_size of them.
 */
int layout_start_info(struct xc *xc, const struct layout *layout,
                      const char *cmdline, uint8_t **bytes);

#endif
