/* SPDX-License-Identifier: MIT */
/* Memory maps as BIOS and UEFI have them below 1 MiB. */
#include "boot/boot_info.h"
#include "types/bits.h"
#include "unit.h"

static uint64_t low_page(const struct boot_range *ranges, unsigned count)
{
    static struct boot_info info;

    memset(&info, 0, sizeof(info));
    memcpy(info.ranges, ranges, count * sizeof(*ranges));
    info.range_count = count;
    info.modules[0] = (struct boot_module){PADDR(0x80000), 0x8001, ""};
    info.module_count = 1;
    return boot_low_page(&info).v;
}

#define PAGE_OF(...)                                                           \
    ({                                                                         \
        static const struct boot_range ranges[] = {__VA_ARGS__};               \
        low_page(ranges, ARRAY_COUNT(ranges));                                 \
    })

TEST(below_the_bioss_own_data)
{
    EXPECT_EQ(PAGE_OF({{0}, 0x9fc00, 1}, {{0x9fc00}, 0x400, 2},
                      {{0x100000}, 0x1000000, 1}),
              0x9e000);
}

TEST(the_highest_under_uefi)
{
    EXPECT_EQ(PAGE_OF({{0}, 0xa0000, 1}, {{0x100000}, 0x1000000, 1}), 0x9f000);
}

TEST(not_what_the_firmware_keeps)
{
    EXPECT_EQ(PAGE_OF({{0}, 0x58000, 1}, {{0x58000}, 0x1000, 4},
                      {{0x59000}, 0x45000, 2}),
              0x57000);
}

TEST(where_maps_overlap_the_other_type_counts)
{
    EXPECT_EQ(PAGE_OF({{0}, 0xa0000, 1}, {{0x9e800}, 0x1800, 2}), 0x9d000);
}

TEST(not_where_a_module_is)
{
    EXPECT_EQ(PAGE_OF({{0x7f000}, 0x9000, 1}), 0x7f000);
    EXPECT_EQ(PAGE_OF({{0x80000}, 0x9000, 1}), 0);
}

TEST(never_page_0_nor_beyond_640_kib)
{
    EXPECT_EQ(PAGE_OF({{0}, 0x1fff, 1}, {{0xa0000}, 0x60000, 1}), 0);
    EXPECT_EQ(PAGE_OF({{0}, 0x2000, 1}), 0x1000);
}

TEST(no_memory_no_page)
{
    EXPECT_EQ(PAGE_OF({{0}, 0, 1}), 0);
}
