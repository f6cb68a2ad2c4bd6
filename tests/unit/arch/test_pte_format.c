/* SPDX-License-Identifier: MIT */
/* What a format says as data is what decode() says. */
#include "arch/fake/fake.h"
#include "arch/pte_format.h"
#include "unit.h"

static void same(uint64_t e, unsigned level)
{
    struct pte_fields f = arch_pte_format->decode(e, level);

    EXPECT_EQ(pte_is_table(arch_pte_format, e, level), f.is_table);
    if (f.is_table) {
        EXPECT_EQ(pte_table(arch_pte_format, e).v, f.mfn.v);
    }
}

TEST(tables_are_told_from_leaves)
{
    fake_start(NULL);
    for (unsigned level = 2; level <= arch_pte_format->levels; level++) {
        same(0, level);
        same(arch_pte_format->make_table(MFN(0x400)), level);
        same(arch_pte_format->make_table(MFN(0x4321)), level);
    }
    for (unsigned order = 0; order <= ORDER_1G; order += 9) {
        for (unsigned tag = 0; tag < 64; tag++) {
            same(arch_pte_format->make_leaf(INVALID_MFN, PTE_NONE, tag, order),
                 order / 9 + 1);
        }
    }
    for (unsigned order = 0; order < ORDER_1G; order += 9) {
        same(arch_pte_format->make_leaf(MFN(0x600), PTE_R, 1, order),
             order / 9 + 1);
        same(arch_pte_format->make_leaf(MFN(0x600), PTE_RWX, 63, order),
             order / 9 + 1);
    }
}
