/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's own page tables. See layout.h for the map. Nothing is both
 * writable and executable; page 0 and the boot identity map are gone.
 */
#include "arch/hostmap.h"
#include "arch/x86/asm.h"
#include "arch/x86/layout.h"
#include "arch/x86/machine.h"
#include "lib/string.h"
#include "mm/boot_alloc.h"
#include "types/bits.h"
#include "types/check.h"

#define PT_PRESENT  BIT(0)
#define PT_WRITE    BIT(1)
#define PT_UNCACHED (BIT(3) | BIT(4))
#define PT_LARGE    BIT(7)
#define PT_NX       BIT(63)
#define PT_FRAME    0x000FFFFFFFFFF000ULL

static uint64_t host_root;
static unsigned device_pages;

void *arch_map(mfn_t m)
{
    return (void *)(DIRECTMAP_BASE + (m.v << PAGE_SHIFT));
}

mfn_t arch_unmap(const void *p)
{
    return MFN(((uint64_t)p - DIRECTMAP_BASE) >> PAGE_SHIFT);
}

static uint64_t new_table(void)
{
    return boot_alloc_pages(1, 0).v << PAGE_SHIFT;
}

/* The slot that maps `va` at `level` (1: 4 KiB); makes the tables above. */
static uint64_t *slot_of(uint64_t va, unsigned level)
{
    uint64_t table = host_root;

    for (unsigned l = 4;; l--) {
        uint64_t *t = arch_map(MFN(table >> PAGE_SHIFT));
        uint64_t *slot = &t[(va >> (PAGE_SHIFT + 9 * (l - 1))) & 511];

        if (l == level) {
            return slot;
        }
        if (!(*slot & PT_PRESENT)) {
            *slot = new_table() | PT_PRESENT | PT_WRITE;
        }
        table = *slot & PT_FRAME;
    }
}

static void map_image(const char *from, const char *to, uint64_t rights)
{
    for (uint64_t a = (uint64_t)from; a < (uint64_t)to; a += PAGE_SIZE) {
        *slot_of(a, 1) = a | PT_PRESENT | rights;
    }
}

#define LARGE_PAGE 0x200000ULL

static bool in_image(uint64_t a, uint64_t size)
{
    return a < (uint64_t)__image_end && a + size > (uint64_t)__image_start;
}

/* A large page that our image shares with others (the loader puts modules
 * right behind us): map what is not ours in small ones. */
static void map_around_image(uint64_t start)
{
    for (uint64_t a = start; a < start + LARGE_PAGE; a += PAGE_SIZE) {
        if (!in_image(a, PAGE_SIZE)) {
            *slot_of(DIRECTMAP_BASE + a, 1) = a | PT_PRESENT | PT_WRITE | PT_NX;
        }
    }
}

/* The direct map, in 2 MiB pages, with a hole where the image is. */
static void map_ram(uint64_t end)
{
    for (uint64_t a = 0; a < end; a += LARGE_PAGE) {
        if (in_image(a, LARGE_PAGE)) {
            map_around_image(a);
        } else {
            *slot_of(DIRECTMAP_BASE + a, 2) =
                a | PT_PRESENT | PT_WRITE | PT_LARGE | PT_NX;
        }
    }
}

void hostmap_init(paddr_t ram_end)
{
    host_root = new_table();
    map_image(__image_start, __text_end, 0);
    map_image(__text_end, __rodata_end, PT_NX);
    map_image(__rodata_end, __bss_end, PT_WRITE | PT_NX);
    map_ram(ram_end.v);
    hostmap_load();
}

void hostmap_load(void)
{
    write_cr3(host_root);
    /* Supervisor writes respect read-only pages: W^X for us too. */
    write_cr0(read_cr0() | BIT(16));
}

void *hostmap_device(paddr_t where)
{
    uint64_t va = MMIO_BASE + PAGE_SIZE * device_pages++;

    *slot_of(va, 1) =
        (where.v & PT_FRAME) | PT_PRESENT | PT_WRITE | PT_UNCACHED | PT_NX;
    return (void *)(va + (where.v & (PAGE_SIZE - 1)));
}
