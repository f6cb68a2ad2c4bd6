/* SPDX-License-Identifier: MIT */
/* Which code pages are cleared and read by; and that the code is right, leaving
 * registers as they were, on the processor of this machine. */
#include <immintrin.h>

#include "arch/x86/page.h"

#include "types/words.h"
#include "unit.h"

static uint8_t page[3][PAGE_SIZE] __attribute__((aligned(4096)));

static void expect_choice(const struct page_facts *f, const char *scan,
                          const char *clear, enum page_scan wanted_scan,
                          enum page_clear wanted_clear)
{
    struct page_code code = page_choose(f, scan, clear);

    EXPECT_EQ(code.scan, wanted_scan);
    EXPECT_EQ(code.clear, wanted_clear);
}

TEST(an_emulator_gets_simple_code)
{
    struct page_facts f = {
        .emulated = true, .has_erms = true, .has_avx2 = true};

    expect_choice(&f, NULL, NULL, SCAN_WORDS, CLEAR_STOSQ);
    expect_choice(&f, "avx2", "movnti", SCAN_AVX2, CLEAR_MOVNTI);
    expect_choice(&f, "sse2", "stosb", SCAN_SSE2, CLEAR_STOSB);
    expect_choice(&f, "nothing", "known", SCAN_WORDS, CLEAR_STOSQ);
}

TEST(a_processor_gets_what_it_is_good_at)
{
    struct page_facts f = {0};

    expect_choice(&f, NULL, NULL, SCAN_SSE2, CLEAR_STOSQ);
    expect_choice(&f, "avx2", NULL, SCAN_SSE2, CLEAR_STOSQ);
    f.has_erms = f.has_avx2 = true;
    expect_choice(&f, NULL, NULL, SCAN_AVX2, CLEAR_STOSB);
    expect_choice(&f, "words", "stosq", SCAN_WORDS, CLEAR_STOSQ);
    f.has_avx512 = true;
    expect_choice(&f, NULL, NULL, SCAN_SSE2, CLEAR_STOSB);
    expect_choice(&f, "avx2", NULL, SCAN_SSE2, CLEAR_STOSB);
}

static void expect_finds_each_byte(bool (*is_zero)(const void *))
{
    memset(page, 0, sizeof(page));
    page[0][PAGE_SIZE - 1] = 1; /* neighbours do not matter */
    page[2][0] = 1;
    EXPECT(is_zero(page[1]));
    for (unsigned i = 0; i < PAGE_SIZE; i++) {
        page[1][i] = (uint8_t)(1U << i % 8);
        if (is_zero(page[1])) {
            FAIL("byte %u is overlooked", i);
        }
        page[1][i] = 0;
    }
    EXPECT(is_zero(page[1]));
}

TEST(sse2_finds_each_byte)
{
    expect_finds_each_byte(page_scan_sse2);
}

TEST(avx2_finds_each_byte)
{
    if (__builtin_cpu_supports("avx2")) {
        expect_finds_each_byte(page_scan_avx2);
    }
}

__attribute__((target("avx"))) static void expect_keeps_registers(
    bool (*is_zero)(const void *))
{
    uint64_t before[8] = {1, 2, 3, 4, 5, 6, 7, 8}, after[8];

    memset(page, 0, sizeof(page));
    __asm__ volatile("vmovdqu (%[b]), %%ymm0\n\t"
                     "vmovdqu 32(%[b]), %%ymm1\n\t"
                     "call *%[f]\n\t"
                     "vmovdqu %%ymm0, (%[a])\n\t"
                     "vmovdqu %%ymm1, 32(%[a])"
                     :
                     : [b] "r"(before), [a] "r"(after), [f] "r"(is_zero),
                       "D"(page)
                     : "rax", "rcx", "rsi", "memory", "xmm0", "xmm1", "cc");
    EXPECT_EQ(memcmp(before, after, sizeof(before)), 0);
}

TEST(registers_are_put_back)
{
    if (__builtin_cpu_supports("avx")) {
        expect_keeps_registers(page_scan_sse2);
    }
    if (__builtin_cpu_supports("avx2")) {
        expect_keeps_registers(page_scan_avx2);
    }
}

TEST(movnti_clears_a_page_and_no_more)
{
    memset(page, 0xa5, sizeof(page));
    page_clear_movnti(page[1]);
    EXPECT(page_scan_sse2(page[1]));
    EXPECT_EQ(page[0][PAGE_SIZE - 1], 0xa5);
    EXPECT_EQ(page[2][0], 0xa5);
}
