/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "lib/printf.h"
#include "lib/string.h"
#include "unit.h"

/* The C library says what is right. */
#define SAME(...)                                                              \
    do {                                                                       \
        char ours[128], theirs[128];                                           \
        size_t length = format_text(ours, sizeof(ours), __VA_ARGS__);          \
        int expected = snprintf(theirs, sizeof(theirs), __VA_ARGS__);          \
        EXPECT_TEXT(ours, theirs);                                             \
        EXPECT_EQ(length, expected);                                           \
    } while (0)

TEST(numbers)
{
    SAME("%d %d %d", 0, -1, 2147483647);
    SAME("%d", (int)0x80000000);
    SAME("%u %x %X", 4294967295u, 0xdeadbeefu, 0xdeadbeefu);
    SAME("%ld %lu %lx", -5L, ~0UL, ~0UL);
    SAME("%lld %llu %llx", -5LL, ~0ULL, ~0ULL);
    SAME("%ld", (long)0x8000000000000000UL);
    SAME("%zu %hu", (size_t)12, (unsigned short)7);
    SAME("%i %+d %+d", 3, 3, -3);
}

TEST(padding)
{
    SAME("[%5d] [%-5d] [%05d] [%05d]", 42, 42, 42, -42);
    SAME("[%8lx] [%-8lx] [%08lx] [%3lx]", 0xabcUL, 0xabcUL, 0xabcUL, 0xabcdUL);
    SAME("[%*d]", 6, 1);
    SAME("[%6s] [%-6s] [%s]", "abc", "abc", "");
    SAME("[%.2s] [%.*s] [%5.1s]", "abc", 1, "abc", "abc");
    SAME("%c%c[%3c] 100%%", 'a', 'b', 'c');
}

TEST(pointers_and_oddities)
{
    const char *volatile nothing = NULL;
    char buf[16];

    SAME("%p", (void *)0x1234);
    format_text(buf, sizeof(buf), "%s", nothing);
    EXPECT_TEXT(buf, "(null)");
    /* A precision bounds what is read: no terminator needed. */
    SAME("%.3s", (const char[]){'x', 'y', 'z'});
}

TEST(never_writes_beyond_the_end)
{
    char buf[8];

    memset(buf, '#', sizeof(buf));
    EXPECT_EQ(format_text(buf, 4, "%s-%d", "abcdef", 12345), 12);
    EXPECT_TEXT(buf, "abc");
    EXPECT_EQ(buf[4], '#');
    EXPECT_EQ(format_text(buf, 1, "abc"), 3);
    EXPECT_TEXT(buf, "");
    EXPECT_EQ(format_text(NULL, 0, "abc"), 3);
}
