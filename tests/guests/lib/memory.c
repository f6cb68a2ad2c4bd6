/* SPDX-License-Identifier: MIT */
#include "memory.h"

#include "cpu.h"
#include "lib/string.h"
#include "test.h"

#include <xen/arch-x86/hvm/start_info.h>

/* Holes begin where no test gives a guest RAM. */
#define HOLES_START (0xc0000000ULL >> PAGE_SHIFT)
#define HOLES_END   (0xfc000000ULL >> PAGE_SHIFT)
#define HOLES_KEPT  64

#define PTE_ADDRESS 0x000ffffffffff000ULL

extern char image_end[];
extern uint64_t boot_l4[];

static uint64_t ram_pages;
static uint64_t heap_next, heap_end; /* frame numbers */
static uint64_t next_hole = HOLES_START;
static uint64_t free_holes[HOLES_KEPT];
static unsigned free_hole_count;
static bool is_locked; /* heap and holes */

/* The end of start_info and of what it points at, as far as guests read it. */
static uint64_t end_of_info(const struct hvm_start_info *info)
{
    const struct hvm_modlist_entry *modules = (void *)info->modlist_paddr;
    uint64_t end = (uint64_t)(info + 1);

    end = MAX(end,
              info->memmap_paddr +
                  info->memmap_entries * sizeof(struct hvm_memmap_table_entry));
    if (info->cmdline_paddr) {
        end = MAX(end, info->cmdline_paddr +
                           strlen((const char *)info->cmdline_paddr) + 1);
    }
    for (unsigned i = 0; i < info->nr_modules; i++) {
        end = MAX(end, (uint64_t)(modules + i + 1));
    }
    return end;
}

void memory_init(const struct hvm_start_info *info)
{
    const struct hvm_memmap_table_entry *map = (void *)info->memmap_paddr;
    uint64_t start = MAX((uint64_t)image_end, end_of_info(info));

    start = ROUND_UP(start, PAGE_SIZE);
    for (unsigned i = 0; i < info->memmap_entries; i++) {
        uint64_t end = MIN(map[i].addr + map[i].size, BIT(32));

        if (map[i].type != XEN_HVM_MEMMAP_TYPE_RAM || map[i].addr >= end) {
            continue;
        }
        ram_pages += (end - map[i].addr) >> PAGE_SHIFT;
        if (map[i].addr <= start && start < end) {
            heap_next = start >> PAGE_SHIFT;
            heap_end = end >> PAGE_SHIFT;
        }
    }
    heap_end = MIN(heap_end, HOLES_START);
}

uint64_t memory_ram_pages(void)
{
    return ram_pages;
}

void *pages_alloc(uint64_t count, uint64_t align)
{
    uint64_t gfn;

    spin_lock(&is_locked);
    gfn = ROUND_UP(heap_next, align);
    if (gfn + count > heap_end) {
        test_error("no memory for %lu pages", count);
    }
    heap_next = gfn + count;
    spin_unlock(&is_locked);
    return memset(gfn_address(gfn), 0, count << PAGE_SHIFT);
}

void *page_alloc(void)
{
    return pages_alloc(1, 1);
}

uint64_t pages_left(void)
{
    return heap_end - heap_next;
}

static uint64_t hole_alloc_locked(uint64_t count)
{
    uint64_t gfn = next_hole;

    if (count == 1 && free_hole_count) {
        return free_holes[--free_hole_count];
    }
    if (gfn + count > HOLES_END) {
        test_error("no frame numbers left");
    }
    next_hole += count;
    return gfn;
}

uint64_t hole_alloc(uint64_t count)
{
    uint64_t gfn;

    spin_lock(&is_locked);
    gfn = hole_alloc_locked(count);
    spin_unlock(&is_locked);
    return gfn;
}

void hole_free(uint64_t gfn)
{
    spin_lock(&is_locked);
    if (free_hole_count < HOLES_KEPT) {
        free_holes[free_hole_count++] = gfn;
    }
    spin_unlock(&is_locked);
}

/* The table that an entry points at, made if it is not there. */
static uint64_t *table_below(uint64_t *entry)
{
    if (!(*entry & PTE_PRESENT)) {
        *entry = (uint64_t)page_alloc() | PTE_TABLE;
    }
    return (uint64_t *)(*entry & PTE_ADDRESS);
}

void map_page(uint64_t address, uint64_t physical, uint64_t flags)
{
    uint64_t *table = boot_l4;

    for (unsigned shift = 39; shift > PAGE_SHIFT; shift -= 9) {
        table = table_below(&table[address >> shift & 511]);
    }
    table[address >> PAGE_SHIFT & 511] = flags ? physical | flags : 0;
    invlpg((void *)address);
}
