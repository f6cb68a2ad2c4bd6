/* SPDX-License-Identifier: MIT */
/* tests/unit/support/ops.c: does it find the operations that matter? */
#include "machine.h"
#include "ops.h"
#include "types/error.h"

enum {
    OP_NOTHING,
    OP_ARM,
    OP_FIRE,
    OP_ALLOCATE,
};

static unsigned armed, shortages;

static int op_nothing(const uint32_t *arg)
{
    return 0;
}

static int op_arm(const uint32_t *arg)
{
    armed += arg[1] % 4 == 3;
    return 0;
}

/* The bug: three that are armed one after the other. */
static int op_fire(const uint32_t *arg)
{
    EXPECT(armed < 3);
    armed = 0;
    return 0;
}

static int op_allocate(const uint32_t *arg)
{
    struct page *a = page_alloc(PAGE_HEAP, 0), *b = page_alloc(PAGE_HEAP, 0);

    if (a) {
        page_free(a, 0);
    }
    if (b) {
        page_free(b, 0);
    }
    shortages += !(a && b);
    return a && b ? 0 : -ENOMEM;
}

static void start(void)
{
    armed = 0;
}

static void start_machine(void)
{
    machine_start(0x1000);
}

static const struct op_kind kinds[] = {
    [OP_NOTHING] = {"OP_NOTHING", 5, op_nothing},
    [OP_ARM] = {"OP_ARM", 3, op_arm},
    [OP_FIRE] = {"OP_FIRE", 0, op_fire},
    [OP_ALLOCATE] = {"OP_ALLOCATE", 1, op_allocate},
};

static const struct model with_bug = {
    .name = "with_bug",
    .kinds = kinds,
    .kind_count = ARRAY_COUNT(kinds),
    .start = start,
    .check = start,
};

static void check_nothing(void)
{
}

static const struct model short_of_memory = {
    .name = "short_of_memory",
    .kinds = kinds,
    .kind_count = ARRAY_COUNT(kinds),
    .may_be_short = true,
    .start = start_machine,
    .check = machine_check,
};

TEST(a_sequence_is_shrunk_to_what_matters)
{
    struct model m = with_bug;
    struct op ops[200] = {{0}};

    m.check = check_nothing;
    for (unsigned i = 0; i < ARRAY_COUNT(ops); i++) {
        ops[i].arg[0] = i + 1;
        ops[i].arg[1] = i;
        ops[i].kind = i % 7 ? OP_NOTHING : OP_ARM;
    }
    ops[190].kind = OP_FIRE;
    EXPECT_EQ(ops_shrink(&m, ops, ARRAY_COUNT(ops)), 4);
    for (unsigned i = 0; i < 3; i++) {
        EXPECT_EQ(ops[i].kind, OP_ARM);
        EXPECT_EQ(ops[i].arg[0], 0);
        EXPECT_EQ(ops[i].arg[1] % 4, 3);
    }
    EXPECT_EQ(ops[3].kind, OP_FIRE);
    EXPECT_EQ(ops[3].arg[1], 0);
}

TEST(what_does_not_fail_is_left_alone)
{
    struct op ops[3] = {{.kind = OP_ARM}, {.kind = OP_NOTHING}};

    EXPECT_EQ(ops_shrink(&with_bug, ops, ARRAY_COUNT(ops)), 0);
    EXPECT_EQ(ops[0].kind, OP_ARM);
}

/* Both allocations fail once, and then none. */
TEST(every_allocation_fails_in_turn)
{
    static const struct op ops[] = {{OP_ALLOCATE, true, {0}}};

    ops_replay(&short_of_memory, ops, ARRAY_COUNT(ops));
    EXPECT_EQ(shortages, 2);
}

TEST(operations_at_random)
{
    ops_random(&short_of_memory, 3, 50);
}
