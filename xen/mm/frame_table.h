/* SPDX-License-Identifier: MIT */
/*
 * One struct page for each frame of machine RAM.
 *
 * state FREE: in the buddy allocator. For all others but TAIL references >= 1.
 *   HEAP    hypervisor's own memory, no account
 *   TABLE   second-stage page table
 *   GUEST   charged to owner, on no list; references: one "allocated"
 *           reference while flag PAGE_ALLOCATED is set, and one for each
 *           foreign or grant mapping and each hypervisor pointer. The frame
 *           is freed when the last goes.
 *   CACHE   charged to owner, in a block of its PoD cache (overcommit/cache.h)
 *           whose head is on a list, or of its loose pages; references == 1
 *   TAIL    in a block (mm/block.h) of GUEST or CACHE pages, but not its head,
 *           which speaks for it: only the owner here is its own. No references
 *   SPECIAL belongs to the hypervisor and is shown to owner (shared_info,
 *           grant frames): not charged, never ballooned into the cache.
 *   BUSY    head of a block (with its order) that is on its way between free
 *           and something else, in one CPU's hands; never seen by callers
 *
 * References, state, order, flags and owner share one word, so that page_get()
 * needs one compare-and-exchange and no lock. The owner is a number there
 * (mm/account.h); a number is given to another account only when no word has
 * it any more.
 */
#ifndef MM_FRAME_TABLE_H
#define MM_FRAME_TABLE_H

#include "arch/hostmap.h"
#include "mm/account.h"
#include "types/frame.h"

enum page_state {
    PAGE_NOT_RAM,
    PAGE_FREE,
    PAGE_HEAP,
    PAGE_TABLE,
    PAGE_GUEST,
    PAGE_CACHE,
    PAGE_SPECIAL,
    PAGE_BUSY,
    PAGE_TAIL,
};

enum {
    PAGE_ZEROED = 1,    /* contents known to be zero: free and cached pages, and
                           pages just handed out; who lets anybody write to
                           the page (p2m, on mapping it) clears the flag */
    PAGE_ALLOCATED = 2, /* GUEST: the owner's own reference is still there */
    PAGE_POOLED = 4,    /* CACHE: head of a block of a PoD cache; not loose */
    PAGE_SLAB = 8,      /* HEAP: small objects */
    PAGE_TMEM = 32,     /* HEAP: `use` says what is in it (overcommit/tmem) */
};

/* The order of a page inside of a free or a cached block, but not its head. */
#define ORDER_NOT_HEAD 0xff

/* The fields that change together, atomically. */
#define PAGE_WORD                                                              \
    {                                                                          \
        uint32_t references : 24; /* head of a FREE block: see mm/buddy.h */   \
        uint8_t flags;                                                         \
        union {                                                                \
            uint16_t owner;      /* account.number, or NO_ACCOUNT */           \
            uint16_t first_free; /* HEAP with PAGE_SLAB: see mm/heap.c */      \
        };                                                                     \
        uint8_t state; /* enum page_state */                                   \
        uint8_t order; /* of the block of which this is the head */            \
    }

#define REFERENCES_MAX 0xffffffU

union page_word {
    struct PAGE_WORD;
    uint64_t bits;
};

/* By frame number: see mm/page_list.h. 0: none. */
struct page_link {
    uint32_t next, prev;
};

struct page {
    union {
        struct PAGE_WORD;
        union page_word w;
    };
    union {
        uint64_t gfn;          /* GUEST, SPECIAL: where its owner has it mapped;
                                  ~0: nowhere (M2P) */
        uint64_t use;          /* TABLE: see p2m/internal.h; HEAP: its holder's
                                */
        struct page_link link; /* FREE, CACHE, HEAP: lists of blocks and slabs;
                                  TABLE that is stale */
    };
};
BUILD_ASSERT(sizeof(struct page) == 16, "the frame table costs 0.4 %");
BUILD_ASSERT(sizeof(union page_word) == 8, "one compare-and-exchange");

/* Frame numbers have 32 bits: 16 TiB. */
#define FRAME_LIMIT (1ULL << 32)

/* The table: frame_count entries; entries of frames that are not RAM exist and
 * say PAGE_NOT_RAM. */
extern struct page *frame_table;
extern uint64_t frame_count;

/* NULL if m is beyond the table or not RAM. */
static inline struct page *page_from_mfn(mfn_t m)
{
    if (m.v >= frame_count || frame_table[m.v].state == PAGE_NOT_RAM) {
        return NULL;
    }
    return &frame_table[m.v];
}

static inline mfn_t page_to_mfn(const struct page *pg)
{
    return MFN((uint64_t)(pg - frame_table));
}

/* Of GUEST, CACHE, TAIL, SPECIAL and charged TABLE pages. */
static inline bool page_is_of(const struct page *pg, const struct account *a)
{
    return pg->owner == a->number;
}

static inline void *page_map(const struct page *pg)
{
    return arch_map(page_to_mfn(pg));
}

#endif
