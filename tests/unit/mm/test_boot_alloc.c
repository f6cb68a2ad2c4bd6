/* SPDX-License-Identifier: MIT */
#include "machine.h"
#include "mm/boot_alloc.h"

#define FIRST 0x400ULL /* of fake_start(NULL), which has 0x4000 pages */
#define LAST  (FIRST + 0x4000)

static void add_frames(uint64_t start, uint64_t end)
{
    boot_alloc_add(PADDR(start << PAGE_SHIFT), (end - start) << PAGE_SHIFT);
}

static void reserve_frames(uint64_t start, uint64_t end)
{
    boot_alloc_reserve(PADDR(start << PAGE_SHIFT), (end - start) << PAGE_SHIFT);
}

static enum page_state state_of(uint64_t frame)
{
    return frame_table[frame].state;
}

TEST(takes_the_lowest_fit)
{
    fake_start(NULL);
    fake_dirty_ram();
    add_frames(FIRST, LAST);
    reserve_frames(FIRST + 2, FIRST + 5);
    EXPECT_EQ(boot_alloc_pages(2, 0).v, FIRST);
    EXPECT_EQ(boot_alloc_pages(1, 0).v, FIRST + 5);
    EXPECT_EQ(boot_alloc_pages(3, 3).v, FIRST + 8);
    EXPECT_EQ(boot_alloc_pages(2, 0).v, FIRST + 6);
    EXPECT_EQ(boot_alloc_pages(1, 9).v, FIRST + 512);
    EXPECT(arch_page_is_zero(arch_map(MFN(FIRST + 8))));
    EXPECT(!arch_page_is_zero(arch_map(MFN(FIRST + 11))));
}

TEST(rounds_ram_inwards_and_reservations_outwards)
{
    fake_start(NULL);
    boot_alloc_add(PADDR((FIRST << PAGE_SHIFT) + 1), 0x1000 * PAGE_SIZE);
    boot_alloc_reserve(PADDR(((FIRST + 2) << PAGE_SHIFT) - 1), 2);
    EXPECT_EQ(boot_alloc_pages(1, 0).v, FIRST + 3);
    boot_alloc_finish();
    EXPECT_EQ(frame_count, FIRST + 0x1000);
    EXPECT_EQ(state_of(FIRST), PAGE_NOT_RAM);
    EXPECT_EQ(state_of(FIRST + 1), PAGE_HEAP);
    EXPECT(!page_from_mfn(MFN(FIRST)));
    EXPECT(!page_from_mfn(MFN(frame_count)));
    EXPECT(page_from_mfn(MFN(FIRST + 1)));
    EXPECT_EQ(mm_audit(), 0);
}

/* Frame numbers have 32 bits in page lists. */
TEST(leaves_alone_what_lies_above_16_tib)
{
    fake_start(NULL);
    add_frames(FIRST, LAST);
    boot_alloc_add(PADDR(1ULL << 44), 0x1000 * PAGE_SIZE);
    boot_alloc_finish();
    EXPECT_EQ(frame_count, LAST);
    EXPECT_EQ(mm_audit(), 0);
}

TEST(hands_over_all_that_is_left)
{
    struct page_alloc_info info;
    uint64_t table_pages;

    fake_start(NULL);
    add_frames(FIRST, FIRST + 0x1000);
    add_frames(FIRST + 0x1800, LAST);
    add_frames(FIRST + 0x800, FIRST + 0xa00); /* known already */
    reserve_frames(FIRST + 0x2000, FIRST + 0x2100);
    reserve_frames(FIRST + 0x20ff, FIRST + 0x2200);
    reserve_frames(0, 0x100);
    boot_alloc_finish();
    table_pages =
        (frame_count * sizeof(struct page) + PAGE_SIZE - 1) / PAGE_SIZE;
    info = page_alloc_info();
    EXPECT_EQ(info.total, 0x4000 - 0x800 - 0x200 - table_pages);
    EXPECT_EQ(info.free, info.total);
    EXPECT_EQ(info.dirty, info.total);
    EXPECT_EQ(state_of(FIRST + 0x1000), PAGE_NOT_RAM);
    EXPECT_EQ(state_of(FIRST + 0x2000), PAGE_HEAP);
    EXPECT_EQ(state_of(FIRST + 0x2200), PAGE_FREE);
    EXPECT_EQ(mm_audit(), 0);
    boot_alloc_release(PADDR(((FIRST + 0x2000) << PAGE_SHIFT) + 5),
                       0x200 * PAGE_SIZE);
    EXPECT_EQ(page_alloc_info().total, info.total + 0x1ff);
    EXPECT_EQ(state_of(FIRST + 0x2000), PAGE_HEAP);
    EXPECT_EQ(mm_audit(), 0);
}

TEST(no_memory_is_the_end)
{
    enum fake_end how;

    fake_start(NULL);
    add_frames(FIRST, FIRST + 4);
    FAKE_RUN_TO_END(how, (void)boot_alloc_pages(5, 0));
    EXPECT(how != FAKE_RUNNING);
    EXPECT(strstr(fake_console_output(), "no 5 free pages"));
}

TEST(may_be_tried_and_given_back)
{
    mfn_t first, second, third;

    fake_start(NULL);
    fake_dirty_ram();
    add_frames(FIRST, FIRST + 10);
    EXPECT(!boot_alloc_try(11, &first));
    EXPECT(boot_alloc_try(4, &first));
    EXPECT(boot_alloc_try(4, &second));
    EXPECT_EQ(second.v, FIRST + 4);
    EXPECT(!arch_page_is_zero(arch_map(second)));
    EXPECT(!boot_alloc_try(3, &third));
    boot_alloc_free(MFN(FIRST + 1), 2); /* out of the middle */
    EXPECT(boot_alloc_try(2, &third));
    EXPECT_EQ(third.v, FIRST + 1);
    boot_alloc_free(second, 4);
    EXPECT(boot_alloc_try(6, &third));
    EXPECT_EQ(third.v, FIRST + 4);
    EXPECT(!boot_alloc_try(1, &third));
}
