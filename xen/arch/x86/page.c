/* SPDX-License-Identifier: MIT */
/* Whole pages: cleared, copied and read by the code that page_choice.c chose.
 */
#include "arch/x86/page.h"
#include "arch/hostmap.h"
#include "arch/x86/asm.h"
#include "arch/x86/machine.h"
#include "base/console.h"
#include "types/bits.h"

#define XCR0_AVX512 (BIT(5) | BIT(6) | BIT(7))
#define XCR0_AVX    (BIT(1) | BIT(2))

static struct page_code code; /* words and STOSQ until something is chosen */

static bool is_emulated(void)
{
    uint32_t a, b, c, d;

    cpuid_count(1, 0, &a, &b, &c, &d);
    if (!(c & BIT(31))) {
        return false;
    }
    cpuid_count(0x40000000, 0, &a, &b, &c, &d);
    return b == 0x54474354 && c == 0x43544743; /* "TCGT" "CGTC" */
}

void page_init_boot(const char *scan, const char *clear)
{
    struct page_facts facts = {.emulated = is_emulated()};
    uint32_t a, b = 0, c, d, max;

    cpuid_count(0, 0, &max, &b, &c, &d);
    if (max >= 7) {
        cpuid_count(7, 0, &a, &b, &c, &d);
        facts.has_erms = b & BIT(9);
        facts.has_avx2 = (b & BIT(5)) && (fpu_guest_xcr0 & BIT(2));
    }
    facts.has_avx512 = fpu_guest_xcr0 & XCR0_AVX512;
    code = page_choose(&facts, scan, clear);
    log_line(LOG_INFO, "pages: cleared by %s, searched for zeros by %s%s",
             page_clear_name(code.clear), page_scan_name(code.scan),
             facts.emulated ? " (an emulator)" : "");
}

static void clear_by(enum page_clear how, void *page)
{
    uint64_t bytes = PAGE_SIZE;

    if (how == CLEAR_MOVNTI) {
        page_clear_movnti(page);
        return;
    }
    __asm__ volatile("rep stosb" : "+D"(page), "+c"(bytes) : "a"(0) : "memory");
}

void arch_page_clear(void *page)
{
    uint64_t words = PAGE_SIZE / 8;

    if (unlikely(code.clear != CLEAR_STOSQ)) {
        clear_by(code.clear, page);
        return;
    }
    __asm__ volatile("rep stosq"
                     : "+D"(page), "+c"(words)
                     : "a"(0UL)
                     : "memory");
}

void arch_page_copy(void *to, const void *from)
{
    uint64_t words = PAGE_SIZE / 8;

    __asm__ volatile("rep movsq"
                     : "+D"(to), "+S"(from), "+c"(words)
                     :
                     : "memory");
}

static bool scan_words(const uint64_t *w)
{
    for (unsigned i = 0; i < PAGE_SIZE / 8; i += 8) {
        if (w[i] | w[i + 1] | w[i + 2] | w[i + 3] | w[i + 4] | w[i + 5] |
            w[i + 6] | w[i + 7]) {
            return false;
        }
    }
    return true;
}

/* XCR0 is a guest's, who may have no AVX in it. */
static bool scan_by(enum page_scan how, const void *page)
{
    if (how == SCAN_AVX2 && (xgetbv0() & XCR0_AVX) == XCR0_AVX) {
        return page_scan_avx2(page);
    }
    return page_scan_sse2(page);
}

bool arch_page_is_zero(const void *page)
{
    if (unlikely(code.scan != SCAN_WORDS)) {
        return scan_by(code.scan, page);
    }
    return scan_words(page);
}
