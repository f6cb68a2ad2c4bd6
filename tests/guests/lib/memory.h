/* SPDX-License-Identifier: MIT */
/*
 * A guest's memory. Addresses below 4 GiB are physical addresses, mapped by
 * start.S. RAM behind the image is handed out page by page and not taken back;
 * frame numbers where there never was RAM ("holes") are for what is mapped
 * from elsewhere. Other virtual addresses are mapped one by one.
 */
#ifndef GUEST_MEMORY_H
#define GUEST_MEMORY_H

#include "layout.h"
#include "types/check.h"

struct hvm_start_info;

/* Addresses of slot 1 of the top table: nothing is mapped there but by
 * map_page(). */
#define MAP_BASE 0x8000000000ULL
/* Neither half: bits 63..47 are not all alike. */
#define NON_CANONICAL 0x8000000000000000ULL

void memory_init(const struct hvm_start_info *info);

/* RAM pages of the memory map, below 4 GiB. */
uint64_t memory_ram_pages(void);

/* `count` zeroed pages in a row, at a multiple of `align` pages; the test ends
 * when there is no memory left. */
void *pages_alloc(uint64_t count, uint64_t align);
void *page_alloc(void);

/* RAM left to give out. */
uint64_t pages_left(void);

/* Frame numbers without memory, `count` in a row. Freed ones are used again by
 * single requests. */
uint64_t hole_alloc(uint64_t count);
void hole_free(uint64_t gfn);

static inline uint64_t gfn_of(const volatile void *p)
{
    return (uint64_t)p >> PAGE_SHIFT;
}

static inline void *gfn_address(uint64_t gfn)
{
    return (void *)(gfn << PAGE_SHIFT);
}

/* A 4 KiB mapping of address (>= MAP_BASE); flags are PTE_*, 0 unmaps. */
void map_page(uint64_t address, uint64_t physical, uint64_t flags);

#endif
