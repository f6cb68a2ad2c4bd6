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

TEST(splices)
{
    struct item a = {.value = 1}, b = {.value = 2}, c = {.value = 3};
    struct list one, two;

    list_init(&one);
    list_init(&two);
    list_add_tail(&one, &a.link);
    list_splice_tail(&one, &two);
    EXPECT_EQ(sum_in_order(&one), 1);
    list_add_tail(&two, &b.link);
    list_add_tail(&two, &c.link);
    list_splice_tail(&one, &two);
    EXPECT_EQ(sum_in_order(&one), 123);
    EXPECT(list_empty(&two));
}

TEST(may_be_emptied_while_walked)
{
    struct item items[5];
    struct item *item, *next;
    struct list head;
    int seen = 0;

    list_init(&head);
    for (int i = 0; i < 5; i++) {
        list_add_tail(&head, &items[i].link);
    }
    list_for_each_safe (item, next, &head, link) {
        list_del(&item->link);
        seen++;
    }
    EXPECT_EQ(seen, 5);
    EXPECT(list_empty(&head));
}
