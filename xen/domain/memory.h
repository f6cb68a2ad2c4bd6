/* SPDX-License-Identifier: MIT */
/*
 * Memory operations on domains, and the one place that decides who gives way
 * when memory is short. Arguments were decoded by guest/; every function
 * either does all or changes nothing, except where it says -ERESTART: then it
 * did a slice, and the same call goes on where it stopped.
 *
 * A touched placeholder takes a page from the PoD cache; when that is empty,
 * the suppliers of memory.c are asked in order of cost: free pages that are
 * claimed for it; pages of the guest that are all zero (sweep, one slice at a
 * time); a loan of the host's. Then the verdict is P2M_NEED_PAGE: out of PoD
 * memory. What is the host's to give includes what ephemeral pages of
 * transcendent memory hold (room.h).
 */
#ifndef DOMAIN_MEMORY_H
#define DOMAIN_MEMORY_H

#include "domain/domain.h"

/* A guest touched gfn. P2M_OK, P2M_RETRY: run the guest again. P2M_NEED_PAGE:
 * every page of it holds data and the cache is empty. P2M_NO_MEMORY: there is
 * no table to be had. */
enum p2m_verdict memory_fault(struct domain *d, gfn_t gfn, bool write,
                              bool execute);

/*
 * The page behind gfn for the hypervisor or another domain to use, populated
 * if it was a placeholder; with a reference. write: it must be writable RAM.
 * 0, -ERESTART (slice done), -EINVAL (no RAM there), -ENOMEM (out of PoD
 * memory), -EACCES (read-only), -ESRCH (dying).
 */
int must_check memory_get_page(struct domain *d, gfn_t gfn, bool write,
                               struct page **pg);
/* The same for v, which runs here, of its own domain: out of PoD memory it
 * waits if it may (memory_wait()), and the answer is -ERESTART. */
int must_check memory_get_own_page(struct vcpu *v, gfn_t gfn, bool write,
                                   struct page **pg);

/* The same for who only reads, and takes nothing for it: *pg is NULL where a
 * promise is, which reads as zeros. */
int must_check memory_get_page_to_read(struct domain *d, gfn_t gfn,
                                       struct page **pg);
int must_check memory_get_own_page_to_read(struct vcpu *v, gfn_t gfn,
                                           struct page **pg);

/* Allocate 2^order pages and put them at gfn (POD-4.17). -ENOMEM, -EINVAL,
 * -EEXIST. */
int must_check memory_populate(struct domain *d, gfn_t gfn, unsigned order);
/* The same for single gfns, of which *done have a page if it ends early: 1 to
 * MEMORY_AT_ONCE of them, for which pages are allocated together, so that an
 * end that comes early may have used up a claim. */
#define MEMORY_AT_ONCE PAGES_AT_ONCE
int must_check memory_populate_list(struct domain *d, const uint64_t *gfns,
                                    unsigned count, unsigned *done);
int must_check memory_mark_pod(struct domain *d, gfn_t gfn, unsigned order);
int must_check memory_decrease(struct domain *d, gfn_t gfn, unsigned order);
/* The same for 1 to 512 single gfns; *done were removed if it ends early. */
int must_check memory_decrease_list(struct domain *d, const uint64_t *gfns,
                                    unsigned count, unsigned *done);
/* A slice of the same for [gfn, +count), as p2m_decrease_range(). */
int must_check memory_decrease_range(struct domain *d, gfn_t gfn,
                                     uint64_t count, bool untouched,
                                     uint64_t *done);
/* Promises that were never touched, as p2m_next_untouched(). */
int must_check memory_next_untouched(struct domain *d, gfn_t *gfn,
                                     unsigned order, uint64_t *count);
/*
 * Around many memory_decrease() or memory_remove() of one hypercall: one TLB
 * flush for all of them, and only then do the pages go to another use.
 */
void memory_batch_begin(struct domain *d);
void memory_batch_end(struct domain *d);
/* increase_reservation of a translated domain: charges 2^order pages that are
 * mapped nowhere (POD-4.37). -EINVAL order, -ENOMEM, -ESRCH dying. */
int must_check memory_increase(struct domain *d, unsigned order);

/* PoD target, POD-4.27..4.33. -ERESTART, -EINVAL, -ENOMEM. */
int must_check memory_set_pod_target(struct domain *d, uint64_t pages);

/* What becomes of a guest that finds no page (memory_wait.h), and whether its
 * promises are met by pages set aside or by pages taken when touched. */
struct memory_policy {
    enum memory_on_empty on_empty;
    uint64_t borrow_limit; /* pages, for MEMORY_BORROW */
    bool on_demand;
};
/* 0; -EBUSY: another on_demand, and the domain has memory or promises already;
 * nothing has changed then. Who waits looks at the new policy. */
int must_check memory_set_policy(struct domain *d,
                                 const struct memory_policy *policy);

/* Pages that d may owe the host under its policy. */
uint64_t memory_borrow_limit(const struct domain *d);
/* Pages that touches of d would find at once: cached, claimed, or lent. */
uint64_t memory_available(const struct domain *d);

struct memory_pod_info {
    uint64_t tot_pages, cache_pages, entries;
    uint64_t claimed;  /* for promises, in the mode on_demand */
    uint64_t borrowed; /* of tot_pages */
    struct pod_counters counters;
};
/* One consistent snapshot. */
void memory_get_pod(struct domain *d, struct memory_pod_info *info);

/* All that a domain has of the host's memory, at one moment. */
struct memory_size_info {
    struct account_info account;
    uint64_t cached, promised;
    int64_t deficit;  /* of what is promised */
    uint64_t special; /* the hypervisor's pages that it is shown */
};
void memory_get_size(struct domain *d, struct memory_size_info *info);

/*
 * Limit, PoD target and claim together. The first step checks everything and
 * claims what the cache will grow by: -EINVAL target above the limit, or on
 * demand, where the claim is the target's, another claim; -ENOMEM
 * the host has not as much, -ESRCH dying: nothing changed. -ERESTART: room was
 * made, and nothing else changed: again. Then the other one
 * until it is no longer -ERESTART, which leaves `claim` pages claimed at most.
 * -ENOMEM there: the guest gave memory back meanwhile, so the cache had to grow
 * by more than was claimed, and the host had no more; what was added stays.
 */
struct memory_size {
    uint64_t max_pages, target, claim;
};
int must_check memory_begin_size(struct domain *d,
                                 const struct memory_size *size);
int must_check memory_finish_size(struct domain *d,
                                  const struct memory_size *size);

/* max_mem: pages; may lie below what is charged (then nothing more is). */
void memory_set_max_pages(struct domain *d, uint64_t pages);
/* How many tables its p2m may have, as p2m_set_table_limit(). */
void memory_set_table_limit(struct domain *d, uint64_t tables);
/* What the guest's scrubber fills memory with, besides zero; 0: nothing else.
 * -EBUSY once it has run, -ENOMEM. */
int must_check memory_set_pattern(struct domain *d, uint64_t pattern);
/* As page_claim(), of what may be made free, too (T-24). -ERESTART: some was,
 * and there is no claim yet. */
int must_check memory_claim(struct domain *d, uint64_t pages);

/* add_to_physmap: put a SPECIAL page (reference passes on success), or move
 * own page from old to gfn (space gmfn), for which `waiter`, a vCPU of d that
 * runs here, waits as memory_get_own_page() does (NULL: nobody); what was at
 * gfn goes first, as memory_remove() does. */
int must_check memory_map_special(struct domain *d, gfn_t gfn, struct page *pg);
int must_check memory_move(struct domain *d, gfn_t from, gfn_t to,
                           struct vcpu *waiter);
/* Map gfn `foreign_gfn` of `target` at gfn of d (PC-3): populates. */
int must_check memory_map_foreign(struct domain *d, gfn_t gfn,
                                  struct domain *target, gfn_t foreign_gfn);
/*
 * The same for who only reads: read-only, promises stay promises. What is shown
 * in their place, and where `target` has no memory of its own, is zeros, and
 * stays zeros: who wants to see later writes maps again. -EINVAL, -EEXIST: gfn
 * of d, which must be a hole; -ERESTART, -ENOMEM, -ESRCH.
 */
int must_check memory_map_to_read(struct domain *d, gfn_t gfn,
                                  struct domain *target, gfn_t foreign_gfn);
/* remove_from_physmap (PC-4). */
int must_check memory_remove(struct domain *d, gfn_t gfn);

/* A step of teardown: p2m, cache, then the account's pages. -ERESTART or 0. */
int must_check memory_teardown(struct domain *d);

#endif
