/* SPDX-License-Identifier: MIT */
/*
 * Contract: a second-stage page-table format as data for the one walker
 * (p2m/walk.c). NPT, EPT and the fake machine's own format implement it.
 *
 * An entry is 64 bits. It is one of: a table pointer, or a leaf. A leaf of
 * any order carries a 6-bit software tag (p2m's type) and, if it is present,
 * a frame and rights. A leaf that is not present keeps tag and order. The
 * all-zero entry is a leaf with tag 0 (p2m's hole): fresh tables are holes.
 *
 * A present leaf is made dirty. Hardware makes it so again when a CPU writes
 * by a translation that it cached, or reads anew, while the leaf is not; by one
 * that it cached while the leaf was dirty it writes without a word. So a leaf
 * tells of all writes from the first flush on after its bit was taken off.
 */
#ifndef ARCH_PTE_FORMAT_H
#define ARCH_PTE_FORMAT_H

#include "types/check.h"
#include "types/frame.h"

enum pte_rights {
    PTE_NONE = 0, /* not present */
    PTE_R = 1,
    PTE_W = 2,
    PTE_X = 4,
    PTE_RW = PTE_R | PTE_W,
    PTE_RWX = PTE_R | PTE_W | PTE_X,
};

struct pte_fields {
    bool is_table;
    uint8_t rights; /* leaf: enum pte_rights, PTE_NONE when not present */
    uint8_t tag;    /* leaf: 0..63 */
    mfn_t mfn;      /* table or present leaf; else INVALID_MFN */
    bool dirty;     /* present leaf: maybe written to since it was cleaned */
};

struct pte_format {
    const char *name;
    uint8_t levels;    /* root level; level n entry covers 2^(9(n-1)) pages */
    uint8_t gfn_bits;  /* width of a gfn: levels * 9 at most */
    uint8_t max_order; /* largest leaf: 9 or 18 */
    uint64_t dirty;    /* that bit of a leaf; 0: hardware has none, and decode()
                          calls each present leaf dirty */
    /* What decode() says of tables, for who only passes through: an entry of
     * level 2 or more with these bits so holds a table in this frame. */
    uint64_t table_mask, table_bits;
    uint64_t frame_mask;
    uint8_t frame_shift;
    uint64_t (*make_table)(mfn_t table);
    /* order: 0, 9 or 18. rights PTE_NONE: mfn is ignored, order is kept. */
    uint64_t (*make_leaf)(mfn_t mfn, unsigned rights, unsigned tag,
                          unsigned order);
    /* level: of the table that holds e (1 = 4 KiB leaves). */
    struct pte_fields (*decode)(uint64_t e, unsigned level);
};

static inline bool pte_is_table(const struct pte_format *f, uint64_t e,
                                unsigned level)
{
    return level > 1 && (e & f->table_mask) == f->table_bits;
}

static inline mfn_t pte_table(const struct pte_format *f, uint64_t e)
{
    return MFN((e & f->frame_mask) >> f->frame_shift);
}

/* The format of this machine, valid after boot. */
extern const struct pte_format *arch_pte_format;

/* Write one live entry: a single atomic 64-bit store that the hardware walker
 * (and the fake machine's history) sees. */
void arch_pte_write(uint64_t *slot, uint64_t entry);

/* Take bits off a live entry, while hardware may set its dirty bit. */
void arch_pte_clear(uint64_t *slot, uint64_t bits);

/* Write a live entry if it is still *old; else false, and *old is what it is
 * now. For who changes one without the lock that keeps others out. */
bool must_check arch_pte_replace(uint64_t *slot, uint64_t *old, uint64_t entry);

#endif
