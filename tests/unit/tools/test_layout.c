/* SPDX-License-Identifier: MIT */
#include "libxc/layout.h"

#include <errno.h>
#include <stdlib.h>

#include <xen/arch-x86/hvm/start_info.h>

#include "check.h"
#include "libxc/handle.h"

#define MIB_KIB 1024ull
#define GIB     (1ull << 30)

static struct xc xc;

/* 48 MiB at 16 MiB, in two segments that share a page. */
static const struct image image = {
    .segments = {{.paddr = 16 << 20, .mem_size = 0x1000800},
                 {.paddr = 0x2000800, .mem_size = 0x1fff800}},
    .segment_count = 2,
    .start = 16 << 20,
    .end = 64 << 20,
    .entry = 16 << 20,
};

static int plan(struct layout *l, uint64_t memory_mib, uint64_t max_mib,
                uint64_t ramdisk)
{
    struct xc_guest_config cfg = {
        .cmdline = "console=hvc0",
        .memory_kib = memory_mib * MIB_KIB,
        .max_kib = max_mib * MIB_KIB,
    };

    return layout_plan(&xc, &cfg, &image, ramdisk, l);
}

static void test_small(void)
{
    struct layout l;

    EXPECT(plan(&l, 128, 1024, 5000) == 0);
    EXPECT(l.low_end == GIB && l.high_end == 0);
    EXPECT(l.ram_pages == 262144 && l.target_pages == 32768);
    EXPECT(layout_is_pod(&l));
    EXPECT(l.start_info == image.end);
    EXPECT(l.ramdisk == image.end + 4096);
    EXPECT(l.map_count == 3);
    EXPECT(l.map[0].address == 0 && l.map[0].size == GIB);
}

/* RAM that does not fit below the hole goes on at 4 GiB; none is lost. */
static void test_above_4g(void)
{
    struct layout l;

    EXPECT(plan(&l, 4096, 4096, 0) == 0);
    EXPECT(!layout_is_pod(&l));
    EXPECT(l.low_end == 0xfc000000);
    EXPECT(l.high_end == 4 * GIB + (64ull << 20));
    EXPECT(l.map_count == 4);
    EXPECT(l.map[0].size + l.map[3].size == 4 * GIB);
    for (unsigned int i = 1; i < l.map_count; i++) {
        EXPECT(l.map[i - 1].address + l.map[i - 1].size <= l.map[i].address);
    }
}

static void test_exactly_to_the_hole(void)
{
    struct layout l;

    EXPECT(plan(&l, 4032, 4032, 0) == 0);
    EXPECT(l.low_end == 0xfc000000 && l.high_end == 0);
}

/* 48 MiB of kernel, a page of start info, a ramdisk: to the page. */
static void test_fit(void)
{
    struct layout l;
    uint64_t room = (64 - 48) * 1024 * 1024 - 4096;

    EXPECT(plan(&l, 64, 1024, room) == 0);
    EXPECT(plan(&l, 64, 1024, room + 1) == -E2BIG);
    EXPECT(xc.error[0]);
    EXPECT(plan(&l, 48, 1024, 0) == -E2BIG);
    EXPECT(plan(&l, 49, 1024, 0) == 0);
    /* Below the end of RAM, though there would be memory enough. */
    EXPECT(plan(&l, 64, 64, 0) == -E2BIG);
    EXPECT(plan(&l, 65, 65, 0) == 0);
}

static void test_start_info(void)
{
    struct hvm_start_info info;
    struct hvm_modlist_entry module;
    struct hvm_memmap_table_entry map;
    struct layout l;
    uint8_t *bytes = NULL;

    EXPECT(plan(&l, 128, 1024, 5000) == 0);
    EXPECT(layout_start_info(&xc, &l, "console=hvc0", &bytes) == 0);
    memcpy(&info, bytes, sizeof(info));
    EXPECT(info.magic == XEN_HVM_START_MAGIC_VALUE && info.version == 1);
    EXPECT(info.flags == 0);
    EXPECT(info.rsdp_paddr == 0xfc000000);
    EXPECT(info.nr_modules == 1);
    memcpy(&module, bytes + info.modlist_paddr - l.start_info, sizeof(module));
    EXPECT(module.paddr == l.ramdisk && module.size == 5000);
    EXPECT(info.memmap_entries == l.map_count);
    memcpy(&map, bytes + info.memmap_paddr - l.start_info, sizeof(map));
    EXPECT(map.addr == 0 && map.size == GIB && map.type == 1);
    EXPECT(!strcmp((char *)bytes + info.cmdline_paddr - l.start_info,
                   "console=hvc0"));
    EXPECT(info.cmdline_paddr + 13 - l.start_info == l.start_info_size);
    free(bytes);
}

static const struct check checks[] = {
    {"layout: below 4 GiB", test_small},
    {"layout: above 4 GiB", test_above_4g},
    {"layout: exactly to the hole", test_exactly_to_the_hole},
    {"layout: what fits, to the page", test_fit},
    {"layout: start info", test_start_info},
};

CHECK_MAIN(checks)
