/* SPDX-License-Identifier: MIT */
/* What the word of a machine check bank asks for, and how it reads. */
#include "arch/x86/mce.h"

#include "arch/trouble.h"
#include "unit.h"

#define UC   (MC_VALID | MC_UNCORRECTED)
#define PAGE (UC | MC_HAS_ADDRESS)

TEST(judges_as_the_manuals_say)
{
    static const struct {
        uint64_t status;
        bool can_go_on, from_guest;
        enum mce_verdict verdict;
    } cases[] = {
        {0, true, false, MCE_NOTHING},
        {MC_UNCORRECTED | MC_STATE_CORRUPT, false, false, MCE_NOTHING},
        {MC_VALID, true, false, MCE_CORRECTED},
        {MC_VALID | MC_HAS_ADDRESS, false, true, MCE_CORRECTED},
        {PAGE, true, false, MCE_PAGE},
        {PAGE, true, true, MCE_PAGE},
        {UC, true, false, MCE_FATAL}, /* where? */
        {UC, true, true, MCE_FATAL},
        {PAGE | MC_STATE_CORRUPT, true, true, MCE_FATAL},
        {PAGE, false, false, MCE_FATAL}, /* we cannot go on */
        {PAGE, false, true, MCE_PAGE},   /* a guest cannot */
        {PAGE | MC_TASK_CORRUPT, true, false, MCE_FATAL},
        {PAGE | MC_TASK_CORRUPT, true, true, MCE_PAGE},
    };

    for (unsigned i = 0; i < ARRAY_COUNT(cases); i++) {
        enum mce_verdict verdict =
            mce_judge(cases[i].status, cases[i].can_go_on, cases[i].from_guest);

        if (verdict != cases[i].verdict) {
            FAIL("case %u: verdict %d", i, verdict);
        }
    }
}

static void expect_text(uint64_t status, const char *text)
{
    char got[120];

    arch_trouble_text(status, got, sizeof(got));
    EXPECT_TEXT(got, text);
}

TEST(says_it_in_words)
{
    expect_text(0x0001, "unclassified (corrected)");
    expect_text(0x0005, "internal parity (corrected)");
    expect_text(0x0400, "internal timer (corrected)");
    expect_text(0x0401, "internal (corrected)");
    expect_text(0x0012, "TLB, third level (corrected)");
    expect_text(0x0134, "cache, data read, first level (corrected)");
    expect_text(0x1179, "cache, eviction, second level (corrected)");
    expect_text(0x01F3, "cache, unknown request, some level (corrected)");
    expect_text(0x009F, "memory controller, read, channel 15 (corrected)");
    expect_text(0x00F0 | UC,
                "memory controller, unknown request, channel 0 (uncorrected)");
    expect_text(0x0E0B | UC | MC_STATE_CORRUPT | MC_OVERFLOW,
                "bus, error, some level (uncorrected, processor state lost, "
                "and others before it)");
}
