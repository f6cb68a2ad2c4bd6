/* SPDX-License-Identifier: MIT */
/* Clearing and reading whole pages, in several ways: page.c. */
#ifndef ARCH_X86_PAGE_H
#define ARCH_X86_PAGE_H

#include "types/check.h"

enum page_scan {
    SCAN_WORDS, /* eight bytes at a time */
    SCAN_SSE2,
    SCAN_AVX2,
    SCAN_COUNT,
};

enum page_clear {
    CLEAR_STOSQ,
    CLEAR_STOSB,  /* where the processor says that this is quick (ERMS) */
    CLEAR_MOVNTI, /* past the caches */
    CLEAR_COUNT,
};

struct page_code {
    enum page_scan scan;
    enum page_clear clear;
};

/* What there is to choose by. */
struct page_facts {
    bool emulated; /* by QEMU's TCG */
    bool has_erms, has_avx2;
    bool has_avx512; /* in guests' registers */
};

/* page_choice.c: what is best, or, if a name is given, what that says and the
 * processor can. NULL: no wish; a name that is unknown is none. */
struct page_code page_choose(const struct page_facts *f, const char *scan,
                             const char *clear);
const char *page_scan_name(enum page_scan scan);
const char *page_clear_name(enum page_clear clear);

/* page_simd.S: is the page full of zeros? All registers stay as they were.
 * AVX2: XCR0 has AVX. */
bool page_scan_sse2(const void *page);
bool page_scan_avx2(const void *page);
void page_clear_movnti(void *page);

#endif
