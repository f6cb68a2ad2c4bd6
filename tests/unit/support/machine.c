/* SPDX-License-Identifier: MIT */
#include "machine.h"
#include "lib/string.h"
#include "mm/boot_alloc.h"
#include "types/bits.h"

static void check_frame(mfn_t mfn, unsigned order, bool is_table)
{
    for (uint64_t i = 0; i < BIT(order); i++) {
        const struct page *pg = page_from_mfn(mfn_add(mfn, i));

        if (pg && pg->state == PAGE_FREE) {
            FAIL("frame %lx, a %s before the last write, is free without a "
                 "flush",
                 mfn.v + i, is_table ? "table" : "leaf");
        }
    }
}

static void before_flush(const struct guest_tlb *tlb)
{
    fake_visit_unflushed(check_frame);
}

static void start(uint64_t pages, unsigned cpus, bool dirty)
{
    struct fake_config config = {
        .first_mfn = 0x400,
        .page_count = pages,
        .cpu_count = cpus,
    };

    /* A gigabyte needs an aligned one. */
    if (pages > BIT(ORDER_1G)) {
        config.first_mfn = BIT(ORDER_1G);
    }
    fake_start(&config);
    if (dirty) {
        fake_dirty_ram();
    }
    boot_alloc_add(paddr_from_mfn(MFN(config.first_mfn)), pages * PAGE_SIZE);
    boot_alloc_finish();
    fake_on_flush(before_flush);
}

void machine_start(uint64_t pages)
{
    start(pages, 4, true);
}

void machine_start_clean(uint64_t pages)
{
    start(pages, 4, false);
}

void machine_start_cpus(uint64_t pages, unsigned cpus)
{
    start(pages, cpus, true);
}

void machine_check(void)
{
    fake_console_clear();
    if (mm_audit()) {
        FAIL("%s", fake_console_output());
    }
    fake_visit_unflushed(check_frame);
}

void machine_account(struct account *a, domid_t id, uint64_t max_pages)
{
    EXPECT_EQ(account_init(a, id), 0);
    a->max_pages = max_pages;
}

void machine_give_up(struct account *a)
{
    for (uint64_t i = 0; i < frame_count; i++) {
        struct page *pg = &frame_table[i];

        if (pg->state == PAGE_GUEST && page_is_of(pg, a) &&
            (pg->flags & PAGE_ALLOCATED)) {
            page_release(pg, BIT(pg->order));
        }
    }
}

bool machine_is_zero(const struct page *head, unsigned order)
{
    for (uint64_t i = 0; i < BIT(order); i++) {
        if (!arch_page_is_zero(page_map(&head[i]))) {
            return false;
        }
    }
    return true;
}

void machine_scribble(struct page *head, unsigned order)
{
    memset(page_map(head), 0xd1, PAGE_SIZE << order);
    for (uint64_t i = 0; i < BIT(order); i++) {
        head[i].flags &= (uint8_t)~PAGE_ZEROED;
    }
}
