/* SPDX-License-Identifier: MIT */
/*
 * A third format of entries, unlike both real ones, so that code which knows a
 * bit position does not work here:
 *
 *   63       table
 *   62..60   R, W, X
 *   59       dirty
 *   53..58   tag
 *   50..51   order of a leaf: 0 4K, 1 2M, 2 1G
 *   2..41    frame
 *
 * All zero is a leaf with tag 0 of any order. The entries are strict: whatever
 * p2m could get wrong about them stops the machine.
 */
#include "arch/pte_format.h"
#include "arch/fake/internal.h"

#define TABLE       BIT(63)
#define RIGHTS_BIT  60
#define DIRTY       BIT(59)
#define TAG_BIT     53
#define TAG_MASK    0x3fULL
#define ORDER_BIT   50
#define ORDER_MASK  3ULL
#define FRAME_BIT   2
#define FRAME_MASK  (BIT(40) - 1)
#define LEVELS      4
#define LEVEL_ORDER 9

static uint64_t make_table(mfn_t table)
{
    CHECK(fake_is_ram(table));
    return TABLE | table.v << FRAME_BIT;
}

static uint64_t rights_bits(unsigned rights)
{
    return (uint64_t)((rights & PTE_R ? 4 : 0) | (rights & PTE_W ? 2 : 0) |
                      (rights & PTE_X ? 1 : 0))
           << RIGHTS_BIT;
}

static uint64_t make_leaf(mfn_t mfn, unsigned rights, unsigned tag,
                          unsigned order)
{
    uint64_t e = (uint64_t)tag << TAG_BIT;

    CHECK(order == ORDER_4K || order == ORDER_2M || order == ORDER_1G);
    CHECK(tag <= TAG_MASK);
    CHECK(rights == PTE_NONE || (rights & PTE_R));
    if (tag || rights) {
        e |= (uint64_t)(order / LEVEL_ORDER) << ORDER_BIT;
    }
    if (rights != PTE_NONE) {
        CHECK(fake_is_ram(mfn) && mfn.v % BIT(order) == 0);
        CHECK(fake_is_ram(mfn_add(mfn, BIT(order) - 1)));
        e |= rights_bits(rights) | mfn.v << FRAME_BIT | DIRTY;
    }
    return e;
}

static struct pte_fields decode(uint64_t e, unsigned level)
{
    struct pte_fields f = {
        .is_table = e & TABLE,
        .tag = (e >> TAG_BIT) & TAG_MASK,
        .dirty = e & DIRTY,
        .mfn = INVALID_MFN,
    };

    CHECK(level >= 1 && level <= LEVELS);
    if (f.is_table) {
        CHECK(level > 1);
        f.tag = 0;
        f.mfn = MFN((e >> FRAME_BIT) & FRAME_MASK);
        return f;
    }
    if (e) {
        CHECK(((e >> ORDER_BIT) & ORDER_MASK) == level - 1);
    }
    f.rights = (e & BIT(62) ? PTE_R : 0) | (e & BIT(61) ? PTE_W : 0) |
               (e & BIT(60) ? PTE_X : 0);
    if (f.rights) {
        f.mfn = MFN((e >> FRAME_BIT) & FRAME_MASK);
    }
    return f;
}

struct pte_fields fake_pte_decode(uint64_t e, unsigned *order)
{
    unsigned level = LEVELS;

    *order = 0;
    if (!(e & TABLE)) {
        level = ((e >> ORDER_BIT) & ORDER_MASK) + 1;
        *order = (level - 1) * LEVEL_ORDER;
    }
    return decode(e, level);
}

static const struct pte_format format = {
    .name = "fake",
    .levels = LEVELS,
    .gfn_bits = LEVELS * LEVEL_ORDER,
    .max_order = ORDER_1G,
    .dirty = DIRTY,
    .table_mask = TABLE,
    .table_bits = TABLE,
    .frame_mask = FRAME_MASK << FRAME_BIT,
    .frame_shift = FRAME_BIT,
    .make_table = make_table,
    .make_leaf = make_leaf,
    .decode = decode,
};

const struct pte_format *arch_pte_format = &format;
