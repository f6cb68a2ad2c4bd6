/* SPDX-License-Identifier: MIT */
/* tools/xl/size.c: amounts of memory as a user types them. */
#include "xl/size.h"

#include <errno.h>

#include "check.h"

static bool reads(const char *text, uint64_t expected)
{
    uint64_t kib = 12345;

    return !size_parse_kib(text, &kib) && kib == expected;
}

static int error_of(const char *text)
{
    uint64_t kib = 12345;
    int rc = size_parse_kib(text, &kib);

    EXPECT(kib == 12345);
    return rc;
}

static void bare_number_is_mib(void)
{
    EXPECT(reads("256", 256 * 1024));
    EXPECT(reads("0", 0));
    EXPECT(reads("007", 7 * 1024));
}

static void suffixes(void)
{
    EXPECT(reads("1t", UINT64_C(1) << 30));
    EXPECT(reads("2g", 2 << 20));
    EXPECT(reads("256m", 256 << 10));
    EXPECT(reads("640k", 640));
    EXPECT(reads("8192b", 8));
    EXPECT(reads("1G", 1 << 20));
    EXPECT(reads("3K", 3));
}

static void bytes_round_down(void)
{
    EXPECT(reads("1023b", 0));
    EXPECT(reads("4097b", 4));
}

static void nonsense(void)
{
    static const char *const texts[] = {
        "", "m", "-1", "+1", " 1", "1 ", "1mb", "1x", "1.5g", "0x10", "k1",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        EXPECT(error_of(texts[i]) == -EINVAL);
    }
}

static void too_large(void)
{
    EXPECT(error_of("99999999999999999999") == -ERANGE);
    EXPECT(error_of("18014398509481984") == -ERANGE);
    EXPECT(error_of("17179869184t") == -ERANGE);
    EXPECT(reads("17179869183t", UINT64_C(17179869183) << 30));
    EXPECT(reads("18446744073709551615b", UINT64_MAX >> 10));
}

static const struct check checks[] = {
    {"size/bare_number_is_mib", bare_number_is_mib},
    {"size/suffixes", suffixes},
    {"size/bytes_round_down", bytes_round_down},
    {"size/nonsense", nonsense},
    {"size/too_large", too_large},
};

CHECK_MAIN(checks)
