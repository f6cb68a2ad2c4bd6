/* SPDX-License-Identifier: MIT */
/* Giving up what was never touched, and any range, at the cost of a look. */
#include "guest.h"

static struct guest g;

static int decrease(uint64_t gfn, uint64_t count, bool untouched,
                    uint64_t *done)
{
    int rc;

    *done = 0;
    do {
        uint64_t some;

        rc = p2m_decrease_range(&g.p2m, GFN(gfn + *done), count - *done,
                                untouched, &some);
        *done += some;
    } while (rc == -ERESTART);
    return rc;
}

static int next(uint64_t from, unsigned order, uint64_t *gfn, uint64_t *count)
{
    gfn_t at = GFN(from);
    int rc;

    do {
        rc = p2m_next_untouched(&g.p2m, &at, order, count);
    } while (rc == -ERESTART);
    *gfn = at.v;
    return rc;
}

/* P14: no page is populated or cleared, no superpage broken, nothing flushed.
 */
TEST(untouched_memory_goes_for_nothing)
{
    uint64_t done, flushes, tables, free;
    struct pod_counters before;

    guest_start_pod(&g, ORDER_1G, 1024);
    guest_write(&g, 0, 1);
    before = g.pod.counters;
    flushes = fake_flush_count();
    tables = g.account.table_count;
    free = page_alloc_info().free;
    EXPECT_EQ(decrease(512, BIT(ORDER_1G) - 1024, true, &done), 0);
    EXPECT_EQ(done, BIT(ORDER_1G) - 1024);
    EXPECT_EQ(g.pod.entry_count, 512);
    EXPECT_EQ(g.pod.cache_count, 512);
    EXPECT_EQ(g.pod.counters.populate_4k, before.populate_4k);
    EXPECT_EQ(g.pod.counters.populate_2m, before.populate_2m);
    EXPECT_EQ(g.pod.counters.pages_cleared, 0);
    EXPECT_EQ(g.pod.counters.splinter_2m, before.splinter_2m);
    EXPECT_EQ(g.pod.counters.splinter_1g, before.splinter_1g);
    EXPECT_EQ(fake_flush_count(), flushes);
    /* One promise of 2M is left, so one table is enough in reserve. */
    EXPECT_EQ(g.account.table_count, tables - 1);
    EXPECT_EQ(page_alloc_info().free, free + 1);
    guest_check(&g);
    guest_end(&g);
}

TEST(a_gigabyte_goes_as_one_piece)
{
    uint64_t done;

    guest_start_pod(&g, ORDER_1G, 0);
    EXPECT_EQ(p2m_decrease_range(&g.p2m, GFN(0), BIT(ORDER_1G), true, &done),
              0);
    EXPECT_EQ(done, BIT(ORDER_1G));
    EXPECT_EQ(g.pod.counters.splinter_1g, 0);
    EXPECT_EQ(g.pod.entry_count, 0);
    guest_check(&g);
    guest_end(&g);
}

TEST(it_stops_before_whatever_else_is_there)
{
    struct guest other;
    struct page *pg;
    uint64_t done;

    guest_start_pod(&g, 12, 8);
    guest_write(&g, 600, 7);
    EXPECT_EQ(decrease(0, 4096, true, &done), -EEXIST);
    EXPECT_EQ(done, 600);
    EXPECT_EQ(guest_read(&g, 600), 7);
    EXPECT_EQ(guest_type(&g, 599), P2M_HOLE);
    EXPECT_EQ(decrease(599, 2, true, &done), -ENOENT);
    EXPECT_EQ(done, 0);
    EXPECT_EQ(decrease(600, 1, true, &done), -EEXIST);
    EXPECT_EQ(done, 0);
    /* Any memory, not only what is untouched. */
    EXPECT_EQ(decrease(600, 4096 - 600, false, &done), 0);
    EXPECT_EQ(done, 4096 - 600);
    EXPECT_EQ(g.pod.entry_count, 0);
    guest_check(&g);
    guest_start(&other, 2);
    pg = guest_add(&other, 3, 0);
    EXPECT(page_get(pg, &other.account));
    EXPECT_EQ(p2m_add_foreign(&g.p2m, GFN(9), pg, P2M_FOREIGN), 0);
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(8), 0), 0);
    EXPECT_EQ(decrease(8, 2, true, &done), -EPERM);
    EXPECT_EQ(done, 1);
    EXPECT_EQ(decrease(9, 2, false, &done), -EPERM);
    EXPECT_EQ(done, 0);
    guest_check(&g);
    guest_end(&g);
    guest_end(&other);
}

TEST(frames_that_cannot_be)
{
    uint64_t done = 1, gfn, count;

    guest_start_pod(&g, ORDER_2M, 8);
    EXPECT_EQ(decrease(~0ULL, 2, false, &done), -EINVAL);
    EXPECT_EQ(decrease(0, ~0ULL, false, &done), -EINVAL);
    EXPECT_EQ(decrease(g.p2m.gfn_limit - 1, 2, true, &done), -EINVAL);
    EXPECT_EQ(done, 0);
    EXPECT_EQ(g.pod.entry_count, 512);
    EXPECT_EQ(next(~0ULL, 0, &gfn, &count), -ENOENT);
    EXPECT_EQ(next(~0ULL, ORDER_2M, &gfn, &count), -ENOENT);
    EXPECT_EQ(next(512, 0, &gfn, &count), -ENOENT);
    EXPECT_EQ(count, 0);
    guest_end(&g);
}

/* At most 512 leaves of RAM, or looks, under one lock hold. */
TEST(it_goes_in_slices)
{
    uint64_t done, slices = 0, left = 2048, gfn = 0;
    int rc;

    guest_start_pod(&g, 11, 2048);
    for (unsigned i = 0; i < 2048; i++) {
        guest_write(&g, i, 1);
    }
    do {
        rc = p2m_decrease_range(&g.p2m, GFN(gfn), left, false, &done);
        EXPECT(done <= 512);
        gfn += done;
        left -= done;
        slices++;
    } while (rc == -ERESTART);
    EXPECT_EQ(rc, 0);
    EXPECT_EQ(slices, 4);
    guest_check(&g);
    guest_end(&g);
}

/* 600 regions with a page each, and then one without. */
TEST(the_next_untouched_region)
{
    uint64_t gfn, count;
    gfn_t at = GFN(1);
    struct page_list all;

    machine_start(0x4000);
    guest_start(&g, 1);
    host_fill(&all);
    host_free_singles(&all, 1200); /* these are to be populated */
    EXPECT_EQ(pod_set_cache(&g.pod, 1200, ~0ULL), 0);
    host_free(&all);
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(0), ORDER_1G), 0);
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(BIT(ORDER_1G)), ORDER_1G), 0);
    for (uint64_t i = 0; i < 600; i++) {
        guest_write(&g, i * 512 + i % 512, 1);
    }
    EXPECT_EQ(p2m_next_untouched(&g.p2m, &at, ORDER_2M, &count), -ERESTART);
    EXPECT_EQ(at.v, 513 * 512);
    EXPECT_EQ(next(0, ORDER_2M, &gfn, &count), 0);
    EXPECT_EQ(gfn, 600 * 512);
    EXPECT_EQ(count, 2 * BIT(ORDER_1G) - 600 * 512);
    /* From the middle of a unit on it is the next one. */
    EXPECT_EQ(next(700 * 512 + 1, ORDER_2M, &gfn, &count), 0);
    EXPECT_EQ(gfn, 701 * 512);
    EXPECT_EQ(next(0, 0, &gfn, &count), 0);
    EXPECT_EQ(gfn, 1);
    EXPECT_EQ(count, 511);
    EXPECT_EQ(next(2 * BIT(ORDER_1G) - 1, 0, &gfn, &count), 0);
    EXPECT_EQ(count, 1);
    EXPECT_EQ(next(2 * BIT(ORDER_1G) - 1, ORDER_2M, &gfn, &count), -ENOENT);
    guest_check(&g);
    guest_end(&g);
}

/*
 * Against a flat picture of 8 regions.
 */

#define GFNS 4096U

static uint64_t seed;
static char picture[GFNS]; /* 'p'romised, 'm'emory, '-' hole */

static void draw(void)
{
    for (unsigned i = 0; i < GFNS; i++) {
        switch (guest_type(&g, i)) {
        case P2M_POD:
            picture[i] = 'p';
            break;
        case P2M_RAM:
            picture[i] = 'm';
            break;
        default:
            picture[i] = '-';
        }
    }
}

static bool unit_is_promised(uint64_t gfn, uint64_t size)
{
    for (uint64_t i = 0; i < size; i++) {
        if (picture[gfn + i] != 'p') {
            return false;
        }
    }
    return true;
}

static void compare_next(uint64_t from, unsigned order)
{
    uint64_t size = BIT(order), at = (from + size - 1) / size * size, gfn,
             count;
    int rc = next(from, order, &gfn, &count);

    while (at < GFNS && !unit_is_promised(at, size)) {
        at += size;
    }
    if (at >= GFNS) {
        EXPECT_EQ(rc, -ENOENT);
        return;
    }
    EXPECT_EQ(rc, 0);
    EXPECT_EQ(gfn, at);
    EXPECT(count && count % size == 0);
    EXPECT(unit_is_promised(gfn, count));
}

static void compare_decrease(uint64_t gfn, uint64_t count, bool untouched)
{
    uint64_t done, expected = 0;
    int rc = 0;

    while (!rc && expected < count) {
        char is = picture[gfn + expected];

        rc = is == '-' ? -ENOENT : is == 'm' && untouched ? -EEXIST : 0;
        expected += !rc;
    }
    EXPECT_EQ(decrease(gfn, count, untouched, &done), rc);
    EXPECT_EQ(done, expected);
    for (uint64_t i = 0; i < GFNS; i++) {
        bool gone = i >= gfn && i < gfn + done;

        EXPECT_EQ(guest_type(&g, i) == P2M_HOLE, gone || picture[i] == '-');
    }
}

static void change_something(void)
{
    uint64_t gfn = unit_random_below(&seed, GFNS);
    struct page *pg;
    unsigned order = unit_random_below(&seed, 10);

    switch (unit_random_below(&seed, 4)) {
    case 0:
        pg = page_alloc_guest(&g.account, 0);
        if (pg && p2m_add_ram(&g.p2m, GFN(gfn), pg, 0)) {
            page_release(pg, 1);
        }
        break;
    case 1:
        (void)!p2m_mark_pod(&g.p2m, gfn_align(GFN(gfn), order), order);
        break;
    default:
        (void)!p2m_populate(&g.p2m, GFN(gfn));
    }
}

TEST(any_picture)
{
    seed = unit_seed(5);
    guest_start_pod(&g, 12, 600);
    for (unsigned round = 0; round < 300 * unit_long(); round++) {
        uint64_t gfn = unit_random_below(&seed, GFNS);

        change_something();
        draw();
        compare_next(gfn, 0);
        compare_next(gfn, ORDER_2M);
        compare_decrease(gfn,
                         1 + unit_random_below(&seed, MIN(GFNS - gfn, 700)),
                         unit_random_below(&seed, 2));
        guest_check(&g);
        (void)!p2m_mark_pod(&g.p2m, gfn_align(GFN(gfn), ORDER_2M), ORDER_2M);
    }
    guest_end(&g);
}
