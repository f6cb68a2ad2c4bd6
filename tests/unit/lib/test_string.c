/* SPDX-License-Identifier: MIT */
/*
 * The freestanding functions are tested under other names, beside the C
 * library's, which say what the result should be.
 */
#include <string.h>

#include "unit.h"

#define memcpy  own_memcpy
#define memmove own_memmove
#define memset  own_memset
#define memcmp  own_memcmp
#define strlen  own_strlen
#define strcmp  own_strcmp
#define strncmp own_strncmp
#define strchr  own_strchr
#include "../../../xen/lib/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen
#undef strcmp
#undef strncmp
#undef strchr

#define SIZE 64

static int sign(int x)
{
    return (x > 0) - (x < 0);
}

static void fill(unsigned char *p, unsigned seed)
{
    for (unsigned i = 0; i < SIZE; i++) {
        p[i] = (unsigned char)(seed + i * 7);
    }
}

TEST(copies_every_length_and_overlap)
{
    unsigned char a[SIZE], b[SIZE];

    for (unsigned from = 0; from < 20; from++) {
        for (unsigned to = 0; to < 20; to++) {
            for (unsigned n = 0; n < SIZE - 20; n++) {
                fill(a, n);
                fill(b, n);
                EXPECT(own_memmove(a + to, a + from, n) == a + to);
                memmove(b + to, b + from, n);
                EXPECT(memcmp(a, b, SIZE) == 0);
            }
        }
    }
    fill(a, 1);
    memset(b, 0, SIZE);
    EXPECT(own_memcpy(b + 3, a + 1, 30) == b + 3);
    EXPECT(memcmp(b + 3, a + 1, 30) == 0);
    EXPECT_EQ(b[2] | b[33], 0);
}

TEST(sets_every_length)
{
    unsigned char a[SIZE], b[SIZE];

    for (unsigned n = 0; n < SIZE - 8; n++) {
        fill(a, n);
        fill(b, n);
        EXPECT(own_memset(a + n % 8, 0x1fe, n) == a + n % 8);
        memset(b + n % 8, 0x1fe, n);
        EXPECT(memcmp(a, b, SIZE) == 0);
    }
}

TEST(compares_like_the_c_library)
{
    static const char *const words[] = {"",    "a",    "ab",
                                        "abc", "\xff", "abc\x80"};

    for (unsigned i = 0; i < ARRAY_COUNT(words); i++) {
        EXPECT_EQ(own_strlen(words[i]), strlen(words[i]));
        for (unsigned j = 0; j < ARRAY_COUNT(words); j++) {
            EXPECT_EQ(sign(own_strcmp(words[i], words[j])),
                      sign(strcmp(words[i], words[j])));
            EXPECT_EQ(sign(own_strncmp(words[i], words[j], 2)),
                      sign(strncmp(words[i], words[j], 2)));
        }
    }
    EXPECT_EQ(sign(own_memcmp("ab\x80", "ab\x01", 3)), 1);
    EXPECT_EQ(own_memcmp("abc", "abd", 2), 0);
    EXPECT(own_strchr(words[3], 'c') == words[3] + 2);
    EXPECT(own_strchr(words[3], '\0') == words[3] + 3);
    EXPECT(!own_strchr(words[3], 'x'));
}
