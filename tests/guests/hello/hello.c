/* SPDX-License-Identifier: MIT */
//! cpus: 1 2
/*
 * The smallest guest: PVH entry (PB-3, PB-4), CPUID detection (CP-1), one
 * hypercall, a memory map that holds it.
 *
 * A loader that gets the entry state wrong is noticed before the first C: in
 * 32-bit mode with flat segments start.S runs, otherwise nothing is printed.
 */
#include "console.h"
#include "hypercall.h"
#include "lib/string.h"
#include "main.h"
#include "memory.h"
#include "test.h"

#include <xen/version.h>

static void check_map(void)
{
    const struct hvm_memmap_table_entry *map =
        (const void *)start_info->memmap_paddr;
    uint64_t here = (uint64_t)&check_map;
    unsigned holding = 0;

    REQUIRE(start_info->memmap_entries > 0);
    EXPECT(start_info->memmap_entries <= 126);
    for (unsigned i = 0; i < start_info->memmap_entries; i++) {
        uint64_t end = map[i].addr + map[i].size;

        print("%lx..%lx type %u\n", map[i].addr, end, map[i].type);
        EXPECT(end > map[i].addr);
        EXPECT_EQ(map[i].reserved, 0);
        for (unsigned j = 0; j < i; j++) {
            EXPECT(end <= map[j].addr ||
                   map[i].addr >= map[j].addr + map[j].size);
        }
        holding += map[i].type == XEN_HVM_MEMMAP_TYPE_RAM &&
                   map[i].addr <= here && here < end;
    }
    EXPECT_EQ(holding, 1);
}

/* PB-7: what nobody wrote is zero. */
static void check_zero(void)
{
    const uint64_t *last = (void *)(memory_ram_pages() << PAGE_SHIFT);

    for (unsigned i = 1; i <= 512 * 16; i++) {
        if (last[-(int)i]) {
            EXPECT(last[-(int)i] == 0);
            return;
        }
    }
}

void test_main(void)
{
    char extra[16];

    hypervisor_extra_version(extra);
    print("hello from domain %u on version 4.%ld%s, %lu MiB\n", own_domid(),
          version_op(XENVER_version, NULL) & 0xffff, extra,
          memory_ram_pages() >> 8);
    REQUIRE(hypervisor_leaf_base() != 0);
    EXPECT_EQ(version_op(XENVER_version, NULL) >> 16, 4);
    EXPECT_EQ(version_op(XENVER_pagesize, NULL), 4096);
    EXPECT_EQ(start_info->reserved, 0);
    check_map();
    check_zero();
}
