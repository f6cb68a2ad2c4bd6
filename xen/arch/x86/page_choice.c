/* SPDX-License-Identifier: MIT */
/*
 * Which code clears and reads pages. An emulator takes longer for a vector
 * instruction than for the four or eight simple ones that do the same, and
 * counts each byte of REP STOSB; a processor is quicker with both.
 *
 * A write to half of a register by AVX2 clears what AVX-512 has above it, and
 * the registers are a guest's: with AVX-512 in guests SSE2 must do, which
 * leaves the rest of its registers alone.
 */
#include "arch/x86/page.h"
#include "lib/string.h"

static const char *const scan_names[SCAN_COUNT] = {
    [SCAN_WORDS] = "words",
    [SCAN_SSE2] = "sse2",
    [SCAN_AVX2] = "avx2",
};

static const char *const clear_names[CLEAR_COUNT] = {
    [CLEAR_STOSQ] = "stosq",
    [CLEAR_STOSB] = "stosb",
    [CLEAR_MOVNTI] = "movnti",
};

const char *page_scan_name(enum page_scan scan)
{
    return scan_names[scan];
}

const char *page_clear_name(enum page_clear clear)
{
    return clear_names[clear];
}

/* The index of `wish`, or `otherwise`. */
static unsigned find(const char *const *names, unsigned count, const char *wish,
                     unsigned otherwise)
{
    for (unsigned i = 0; wish && i < count; i++) {
        if (strcmp(names[i], wish) == 0) {
            return i;
        }
    }
    return otherwise;
}

struct page_code page_choose(const struct page_facts *f, const char *scan,
                             const char *clear)
{
    bool avx2 = f->has_avx2 && !f->has_avx512;
    enum page_scan best_scan = avx2 ? SCAN_AVX2 : SCAN_SSE2;
    enum page_clear best_clear = f->has_erms ? CLEAR_STOSB : CLEAR_STOSQ;
    struct page_code code;

    if (f->emulated) {
        best_scan = SCAN_WORDS;
        best_clear = CLEAR_STOSQ;
    }
    code.scan = (enum page_scan)find(scan_names, SCAN_COUNT, scan, best_scan);
    code.clear =
        (enum page_clear)find(clear_names, CLEAR_COUNT, clear, best_clear);
    if (code.scan == SCAN_AVX2 && !avx2) {
        code.scan = SCAN_SSE2;
    }
    return code;
}
