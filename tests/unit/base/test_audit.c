/* SPDX-License-Identifier: MIT */
#include "arch/fake/fake.h"
#include "base/audit.h"
#include "types/bits.h"
#include "unit.h"

static unsigned runs;

static void differs(const char *what, uint64_t mfn, uint64_t found)
{
    audit_differs(
        &(struct audit_difference){"T1", what, 7, 0x11, mfn, found, found + 1});
}

static const char lasting[] = "what lasts", passing[] = "what passes";

static unsigned finds_nothing(void *what)
{
    (void)what;
    runs++;
    return 0;
}

static unsigned finds_two(void *what)
{
    (void)what;
    differs(passing, runs, 1); /* each time elsewhere */
    runs++;
    differs(lasting, 0x22, runs);
    return 2;
}

static unsigned finds_what_passes(void *what)
{
    (void)what;
    differs(passing, runs++, 1);
    return 1;
}

static unsigned finds_late(void *what)
{
    (void)what;
    differs(runs ? lasting : passing, 0x33, 1);
    runs++;
    return 1;
}

static unsigned finds_many(void *what)
{
    (void)what;
    for (uint64_t i = 0; i < 1000; i++) {
        differs(lasting, i, 0);
    }
    runs++;
    return 1000;
}

static struct audit_difference first;

static unsigned confirm(unsigned (*run)(void *))
{
    fake_start(NULL);
    runs = 0;
    return audit_confirm(run, NULL, &first);
}

TEST(nothing_found_is_nothing_to_confirm)
{
    EXPECT_EQ(confirm(finds_nothing), 0);
    EXPECT_EQ(runs, 1);
}

TEST(what_is_found_twice_in_one_place_is_reported)
{
    EXPECT_EQ(confirm(finds_two), 1);
    EXPECT_EQ(runs, 2);
    EXPECT(first.what == lasting);
    EXPECT_EQ(first.domid, 7);
    EXPECT_EQ(first.gfn, 0x11);
    EXPECT_EQ(first.mfn, 0x22);
    EXPECT_EQ(first.found, 2);
    EXPECT_EQ(first.expected, 3);
    EXPECT(strstr(fake_console_output(), "audit: d7: T1: what lasts: gfn 11, "
                                         "mfn 22: 2 (0x2), expected 3 (0x3)"));
    EXPECT(!strstr(fake_console_output(), "what passes"));
}

TEST(what_passes_is_not_reported)
{
    EXPECT_EQ(confirm(finds_what_passes), 0);
    EXPECT_EQ(runs, AUDIT_RUNS);
    EXPECT(!strstr(fake_console_output(), "audit:"));
}

TEST(what_begins_later_is_confirmed_later)
{
    EXPECT_EQ(confirm(finds_late), 1);
    EXPECT_EQ(runs, 3);
}

TEST(more_than_can_be_noted_is_not_lost)
{
    EXPECT(confirm(finds_many) >= 16);
    EXPECT_EQ(runs, 2);
}

TEST(an_audit_by_itself_logs_at_once)
{
    fake_start(NULL);
    finds_two(NULL);
    EXPECT(strstr(fake_console_output(), "what passes"));
    EXPECT(strstr(fake_console_output(), "what lasts"));
}
