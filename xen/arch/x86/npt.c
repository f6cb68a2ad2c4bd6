/* SPDX-License-Identifier: MIT */
/*
 * AMD nested page tables as data for the walker: the format of long-mode
 * tables (AMD APM volume 2, 15.25). Every guest access counts as a user
 * access, so leaves have US set. Bits 52..57 are the software tag.
 */
#include "arch/x86/virt.h"
#include "types/bits.h"

#define NPT_PRESENT BIT(0)
#define NPT_WRITE   BIT(1)
#define NPT_USER    BIT(2)
#define NPT_DIRTY   BIT(6)
#define NPT_LARGE   BIT(7)
#define NPT_NX      BIT(63)
#define NPT_FRAME   0x000FFFFFFFFFF000ULL
#define TAG_SHIFT   52
#define TAG_MASK    63ULL

static uint64_t npt_make_table(mfn_t table)
{
    return (table.v << PAGE_SHIFT) | NPT_PRESENT | NPT_WRITE | NPT_USER;
}

static uint64_t npt_make_leaf(mfn_t mfn, unsigned rights, unsigned tag,
                              unsigned order)
{
    uint64_t e = ((uint64_t)tag << TAG_SHIFT) | (order ? NPT_LARGE : 0);

    if (rights == PTE_NONE) {
        return e;
    }
    e |= (mfn.v << PAGE_SHIFT) | NPT_PRESENT | NPT_USER | NPT_DIRTY;
    if (rights & PTE_W) {
        e |= NPT_WRITE;
    }
    if (!(rights & PTE_X)) {
        e |= NPT_NX;
    }
    return e;
}

static struct pte_fields npt_decode(uint64_t e, unsigned level)
{
    struct pte_fields f = {.mfn = INVALID_MFN};

    if (e & NPT_PRESENT) {
        f.mfn = MFN((e & NPT_FRAME) >> PAGE_SHIFT);
        if (level > 1 && !(e & NPT_LARGE)) {
            f.is_table = true;
            return f;
        }
        f.rights = (uint8_t)(PTE_R | (e & NPT_WRITE ? PTE_W : 0) |
                             (e & NPT_NX ? 0 : PTE_X));
        f.dirty = e & NPT_DIRTY;
    }
    f.tag = (uint8_t)((e >> TAG_SHIFT) & TAG_MASK);
    return f;
}

const struct pte_format npt_format = {
    .name = "NPT",
    .levels = 4,
    .gfn_bits = 36,
    .max_order = ORDER_1G,
    .dirty = NPT_DIRTY,
    .table_mask = NPT_PRESENT | NPT_LARGE,
    .table_bits = NPT_PRESENT,
    .frame_mask = NPT_FRAME,
    .frame_shift = PAGE_SHIFT,
    .make_table = npt_make_table,
    .make_leaf = npt_make_leaf,
    .decode = npt_decode,
};
