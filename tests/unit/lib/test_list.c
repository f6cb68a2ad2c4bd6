/* SPDX-License-Identifier: MIT */
#include "lib/list.h"
#include "unit.h"

struct item {
    int value;
    struct list link;
};

static int sum_in_order(struct list *head)
{
    struct item *item;
    int sum = 0;

    list_for_each (item, head, link) {
        sum = sum * 10 + item->value;
    }
    return sum;
}

TEST(keeps_the_order)
{
    struct item a = {.value = 1}, b = {.value = 2}, c = {.value = 3};
    struct list head;

    list_init(&head);
    EXPECT(list_empty(&head));
    list_add_tail(&head, &b.link);
    list_add_tail(&head, &c.link);
    list_add(&head, &a.link);
    EXPECT_EQ(sum_in_order(&head), 123);
    EXPECT_EQ(list_first(&head, struct item, link)->value, 1);
    list_del(&b.link);
    EXPECT(list_empty(&b.link));
    EXPECT_EQ(sum_in_order(&head), 13);
}
