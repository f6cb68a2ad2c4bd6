/* SPDX-License-Identifier: MIT */
/*
 * Intel extended page tables as data for the walker (Intel SDM volume 3,
 * chapter "VMX support for address translation"). All RAM is write-back. Bits
 * 52..57 are the software tag: the processor ignores them as long as none of
 * the controls that give a meaning to bit 57 and above is on.
 *
 * A leaf that is not present has no rights, but keeps tag and size.
 */
#include "arch/x86/vmx.h"

#define EPT_READ       BIT(0)
#define EPT_WRITE      BIT(1)
#define EPT_EXECUTE    BIT(2)
#define EPT_WRITE_BACK (6ULL << 3)
#define EPT_LARGE      BIT(7)
#define EPT_DIRTY      BIT(9)
#define EPT_RIGHTS     (EPT_READ | EPT_WRITE | EPT_EXECUTE)
#define EPT_FRAME      0x000FFFFFFFFFF000ULL
#define TAG_SHIFT      52
#define TAG_MASK       63ULL

static uint64_t ept_make_table(mfn_t table)
{
    return (table.v << PAGE_SHIFT) | EPT_RIGHTS;
}

static uint64_t ept_make_leaf(mfn_t mfn, unsigned rights, unsigned tag,
                              unsigned order)
{
    uint64_t e = ((uint64_t)tag << TAG_SHIFT) | (order ? EPT_LARGE : 0);

    if (rights == PTE_NONE) {
        return e;
    }
    e |= (mfn.v << PAGE_SHIFT) | EPT_READ | EPT_WRITE_BACK | EPT_DIRTY;
    if (rights & PTE_W) {
        e |= EPT_WRITE;
    }
    if (rights & PTE_X) {
        e |= EPT_EXECUTE;
    }
    return e;
}

static struct pte_fields ept_decode(uint64_t e, unsigned level)
{
    struct pte_fields f = {.mfn = INVALID_MFN};

    if (e & EPT_RIGHTS) {
        f.mfn = MFN((e & EPT_FRAME) >> PAGE_SHIFT);
        if (level > 1 && !(e & EPT_LARGE)) {
            f.is_table = true;
            return f;
        }
        f.rights = (uint8_t)(PTE_R | (e & EPT_WRITE ? PTE_W : 0) |
                             (e & EPT_EXECUTE ? PTE_X : 0));
        f.dirty = !ept_format.dirty || (e & EPT_DIRTY);
    }
    f.tag = (uint8_t)((e >> TAG_SHIFT) & TAG_MASK);
    return f;
}

/* At boot max_order is lowered where there are no leaves of 1 GiB, and dirty is
 * 0 where the processor sets no such bit. */
struct pte_format ept_format = {
    .name = "EPT",
    .levels = 4,
    .gfn_bits = 36,
    .max_order = ORDER_1G,
    .dirty = EPT_DIRTY,
    .table_mask = EPT_READ | EPT_LARGE, /* what has rights has this one */
    .table_bits = EPT_READ,
    .frame_mask = EPT_FRAME,
    .frame_shift = PAGE_SHIFT,
    .make_table = ept_make_table,
    .make_leaf = ept_make_leaf,
    .decode = ept_decode,
};
