/* SPDX-License-Identifier: MIT */
#include "lib/string.h"
#include "unit.h"

TEST(copies_within_bounds)
{
    char buf[4] = "zzz";

    EXPECT_EQ(string_copy(buf, "ab", sizeof(buf)), 2);
    EXPECT_TEXT(buf, "ab");
    EXPECT_EQ(string_copy(buf, "abcdef", sizeof(buf)), 6);
    EXPECT_TEXT(buf, "abc");
    EXPECT_EQ(string_copy(buf, "xyz", 0), 3);
    EXPECT_TEXT(buf, "abc");
}

TEST(reads_numbers)
{
    const char *s = "123,0x1F,x";
    uint64_t n;

    EXPECT(string_number(&s, &n));
    EXPECT_EQ(n, 123);
    EXPECT_EQ(*s++, ',');
    EXPECT(string_number(&s, &n));
    EXPECT_EQ(n, 0x1f);
    EXPECT_EQ(*s++, ',');
    EXPECT(!string_number(&s, &n));
    EXPECT_EQ(*s, 'x');
    s = "18446744073709551615";
    EXPECT(string_number(&s, &n));
    EXPECT_EQ(n, ~0ULL);
    s = "18446744073709551616";
    EXPECT(!string_number(&s, &n));
    s = "0x";
    EXPECT(!string_number(&s, &n));
    s = "";
    EXPECT(!string_number(&s, &n));
}

static uint64_t size_of(const char *s, unsigned shift)
{
    uint64_t bytes;

    return string_size(s, shift, &bytes) ? bytes : ~0ULL;
}

TEST(reads_sizes)
{
    EXPECT_EQ(size_of("512", 20), 512ULL << 20);
    EXPECT_EQ(size_of("512", 10), 512ULL << 10);
    EXPECT_EQ(size_of("512M", 10), 512ULL << 20);
    EXPECT_EQ(size_of("4g", 20), 4ULL << 30);
    EXPECT_EQ(size_of("1T", 20), 1ULL << 40);
    EXPECT_EQ(size_of("7b", 20), 7);
    EXPECT_EQ(size_of("0x10k", 20), 16 << 10);
    EXPECT_EQ(size_of("12Mx", 20), ~0ULL);
    EXPECT_EQ(size_of("12q", 20), ~0ULL);
    EXPECT_EQ(size_of("M", 20), ~0ULL);
    EXPECT_EQ(size_of("-1", 20), ~0ULL);
    EXPECT_EQ(size_of("99999999999T", 20), ~0ULL);
}
