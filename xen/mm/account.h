/* SPDX-License-Identifier: MIT */
/*
 * Whom pages are charged to: every domain embeds one account.
 *
 * Always: page_count = pages in the owner's p2m + its PoD cache + loose_count +
 * pages that it gave up and others still refer to + kept_count. There is no
 * list of them: the p2m names the first, and the last go by themselves.
 *
 * `moving` are pages that will take the place of as many of page_count, to
 * which they do not belong before that.
 *
 * Of page_count, `borrowed` are a loan of the host's, beside what the account
 * may have by right:
 *
 *   borrowed <= page_count
 *   page_count - borrowed <= max_pages   right after a charge (it may be
 *                                        exceeded only when max_pages is
 *                                        lowered later); a claim that is kept
 *                                        counts as charged there
 *
 * Whatever is uncharged pays the loan back first.
 * claimed: pages that are promised to this account and not charged yet.
 * Fields change with the account's lock and, besides, the page allocator's or
 * one CPU's stock's (mm/stock.h); `claimed` always with the allocator's.
 * READ_ONCE elsewhere.
 *
 * Pages name their account by its number. account_done() makes sure that no
 * page does any more before the number can be another account's: those that
 * were charged are counted, SPECIAL ones too, and what of these outlives the
 * account is disowned (page_put_special()).
 */
#ifndef MM_ACCOUNT_H
#define MM_ACCOUNT_H

#include "base/lock.h"
#include "types/check.h"
#include "types/words.h"

/* Pages linked by frame number: see mm/page_list.h. All zero: empty. */
struct page_list {
    uint32_t first, last;
};

#define NO_ACCOUNT 0

struct account {
    struct lock lock;
    domid_t id;
    uint16_t number;        /* what its pages say; NO_ACCOUNT: it has none */
    bool dying;             /* refuses new charges */
    uint64_t page_count;    /* pages charged, 4 KiB each (Xen's tot_pages) */
    uint64_t max_pages;     /* limit of page_count */
    uint64_t borrowed;      /* of page_count: to be paid back */
    uint64_t moving;        /* beside page_count: not in use yet */
    uint64_t claimed;       /* pages claimed and not charged yet */
    bool claim_is_kept;     /* for page_alloc_claimed() alone */
    uint64_t table_count;   /* table pages of its p2m, not in page_count */
    uint64_t table_limit;   /* budget of table_count, pages; 0: no limit */
    uint64_t special_count; /* SPECIAL pages shown to it, not in page_count */
    struct page_list
        loose;            /* charged pages that are mapped nowhere (loose.c) */
    uint64_t loose_count; /* pages on it */
    uint64_t kept_count;  /* charged for what is kept for it elsewhere, whatever
                             that takes (overcommit/tmem.h) */
    uint64_t audit_count; /* scratch of mm_audit() */
    uint64_t audit_special;
};

/* What is in an account at one moment. */
struct account_info {
    uint64_t page_count, max_pages, claimed, table_count, table_limit;
};
void account_look(struct account *a, struct account_info *info);

/* Empty, max_pages 0: nothing can be charged until it is raised. -ENOMEM: no
 * number is to be had. */
int must_check account_init(struct account *a, domid_t id);

/* It has no pages, no claim and nothing else; its number is free again. */
void account_done(struct account *a);

/* The limit of page_count. May lie below it: then nothing more is charged. */
void account_set_limit(struct account *a, uint64_t max_pages);

/*
 * Charge `count` pages without giving any, and take that back: whoever keeps
 * something for `a` has frames of its own for it. False: `a` is dying, or it
 * would exceed max_pages (a claim that is kept counts as charged).
 */
bool must_check page_charge_kept(struct account *a, uint64_t count);
void page_uncharge_kept(struct account *a, uint64_t count);

/* From now on nothing can be charged; an open claim is dropped. */
void account_set_dying(struct account *a);

#endif
