/* SPDX-License-Identifier: MIT */
/* Lists of pages by frame number, beside an array that says the same. */
#include "machine.h"

#include "lib/string.h"
#include "mm/page_list.h"

#define PAGES 40
#define STEPS 20000

static struct page_list list; /* of zeros: empty */
static struct page *pages;
static struct page *order[PAGES]; /* what the list should be */
static unsigned length;

/* The same in both directions. */
static void compare(void)
{
    struct page *pg;
    unsigned i = 0;

    page_list_for_each (pg, &list) {
        EXPECT(i < length && pg == order[i]);
        i++;
    }
    EXPECT_EQ(i, length);
    EXPECT_EQ(page_list_empty(&list), !length);
    EXPECT(page_list_first(&list) == (length ? order[0] : NULL));
    pg = page_list_page(list.last);
    for (; i > 0; i--, pg = page_list_page(pg->link.prev)) {
        EXPECT(pg == order[i - 1]);
    }
    EXPECT(!pg);
}

static void insert(unsigned at, struct page *pg)
{
    memmove(&order[at + 1], &order[at], (length - at) * sizeof(order[0]));
    order[at] = pg;
    length++;
}

static void delete (unsigned at)
{
    length--;
    memmove(&order[at], &order[at + 1], (length - at) * sizeof(order[0]));
}

static unsigned position(const struct page *pg)
{
    unsigned i = 0;

    while (i < length && order[i] != pg) {
        i++;
    }
    return i;
}

static void step(uint64_t *rnd)
{
    struct page *pg = &pages[unit_random_below(rnd, PAGES)];
    unsigned at = position(pg);

    if (at < length && unit_random_below(rnd, 2)) {
        page_list_del(&list, pg);
        delete (at);
    } else if (at < length) {
        EXPECT(page_list_take(&list) == order[0]);
        delete (0);
    } else if (unit_random_below(rnd, 2)) {
        page_list_add(&list, pg);
        insert(0, pg);
    } else {
        page_list_add_tail(&list, pg);
        insert(length, pg);
    }
}

TEST(random_operations_agree_with_an_array)
{
    uint64_t rnd = 20261127;

    machine_start(0x100);
    pages = page_alloc(PAGE_HEAP, 6);
    EXPECT(pages);
    EXPECT(page_list_empty(&list) && !page_list_take(&list));
    for (unsigned i = 0; i < STEPS; i++) {
        step(&rnd);
        compare();
    }
}
