/* SPDX-License-Identifier: MIT */
/*
 * The p2m: what stands behind each guest frame of one domain.
 *
 * One walker (walk.c) for every table format. Reading never changes anything:
 * p2m_get() reads; p2m_fault(), p2m_populate() change. Every change first
 * prepares (may allocate tables, may fail), then commits (cannot fail).
 *
 * Lock: p2m->lock, inside the domain's locks, outside PoD's and the page
 * allocator's. Functions take it themselves unless named _locked.
 */
#ifndef P2M_P2M_H
#define P2M_P2M_H

#include "arch/pte_format.h"
#include "arch/tlb.h"
#include "base/lock.h"
#include "mm/page_ref.h"
#include "overcommit/pod.h"

enum p2m_type {
    P2M_HOLE,    /* nothing; must be 0 */
    P2M_RAM,     /* the domain's own page, or a SPECIAL page shown to it */
    P2M_RAM_RO,  /* the same, writes are dropped */
    P2M_POD,     /* placeholder: RAM promised, no page yet; any order */
    P2M_FOREIGN, /* another domain's page, holds a reference */
    P2M_FOREIGN_RO,
    P2M_GRANT, /* another domain's granted page; the grant table holds the
                  reference */
    P2M_GRANT_RO,
    P2M_ZERO,         /* a placeholder that was read: shows the zero block */
    P2M_FOREIGN_ZERO, /* the same of another domain's, for who only reads */
    P2M_POD_PATTERN,  /* placeholder that means the domain's scrub pattern */
    P2M_PATTERN,      /* the same that was read: shows a page of the pattern */
    P2M_MOVING, /* RAM that is being copied: only while the lock is held */
    P2M_TYPE_COUNT,
};

/* Type x property: the only place where types have properties. */
struct p2m_type_info {
    const char *name;
    uint8_t rights;  /* enum pte_rights of a leaf of this type */
    bool is_ram;     /* the guest may use it as memory */
    bool is_promise; /* counted in E: no page of its own yet */
    bool is_zero;    /* and it promises zeros */
    bool is_pattern; /* or the domain's scrub pattern */
    bool has_frame;  /* a page that is somebody's; the zero block is nobody's */
    bool is_own;     /* frame belongs to the domain */
    bool holds_reference; /* removing the entry drops a page reference */
};
extern const struct p2m_type_info p2m_types[P2M_TYPE_COUNT];

struct p2m {
    struct lock lock;
    const struct pte_format *format;
    mfn_t root;
    struct account *account; /* owner of table pages and of P2M_RAM pages */
    struct pod *pod;
    struct guest_tlb tlb;
    uint64_t gfn_limit;   /* gfns from here on do not exist */
    gfn_t max_gfn;        /* highest gfn ever given a type but hole */
    bool dying;           /* no new entries */
    unsigned visitors;    /* between p2m_enter() and p2m_leave() */
    uint64_t hint_region; /* gfn / 512 of the last walk's table of 4K leaves */
    mfn_t hint_table;     /* that table; region ~0: none */
    uint64_t *hint_entries;
    uint64_t fit_region; /* gfn / 512 for which a frame was last looked for */
    mfn_t fit_first;     /* the first of those that fit; INVALID_MFN: none do */

    /* what waits for a TLB flush: see flush.c */
    bool flush_needed;    /* a translation went away since the last flush */
    unsigned batch_count; /* callers between p2m_batch_begin() and _end() */
    uint64_t *parked;     /* blocks whose last translation may be in use */
    unsigned parked_count;
    uint64_t parked_pages; /* in them: 512 at most */
    struct page_list stale_tables;
    struct page_list reserve; /* tables for the next splits: reserve.c */
    uint64_t
        ram_owed; /* tables that large leaves of RAM may need to be split */
    /* A dropped reference was the last page of another, dying domain. Set
     * under the lock, atomically taken by the layer above. */
    bool owner_drained;

    /* the sweep's state: see sweep.c */
    gfn_t sweep_cursor;
    uint64_t sweep_covered;   /* gfns that it has passed, ever */
    uint64_t sweep_fruitless; /* of them, since a page was last to be had */

    gfn_t teardown_cursor;  /* everything below is gone */
    mfn_t leaving;          /* of the last leaf that went, what has not been */
    uint64_t leaving_count; /* given up yet */
};

/* Gfns that p2m functions accept lie below this and below what the table
 * format can hold (p2m->gfn_limit); larger ones get -EINVAL or are holes. */
#define P2M_GFN_LIMIT (1ULL << 36)

/* One entry as read. */
struct p2m_entry {
    enum p2m_type type;
    unsigned order; /* of the leaf that covers the gfn: 0, 9, 18 */
    mfn_t mfn;      /* of this very gfn; INVALID_MFN without a frame */
};

int must_check p2m_init(struct p2m *p2m, struct account *account,
                        struct pod *pod);

/* What the guest's scrubber fills memory with; 0: zeros alone. Before anything
 * is promised that means it. -ENOMEM, -ESRCH. */
int must_check p2m_set_pattern(struct p2m *p2m, uint64_t pattern);

/* From now on there are no new entries, and nothing goes into or comes out of
 * the PoD cache by way of this p2m (-ESRCH, P2M_DYING). */
void p2m_set_dying(struct p2m *p2m);

/*
 * Around an operation that has pages in its hands which are charged to the
 * account but neither mapped nor otherwise referred to: teardown, which would
 * not find them, waits for it. False: dying.
 */
bool must_check p2m_enter(struct p2m *p2m);
void p2m_leave(struct p2m *p2m);

/*
 * Between these, removals do not flush one by one: what they took away is
 * parked, and the end flushes once and hands it on. May nest and overlap
 * between CPUs. Does not span a continuation.
 */
void p2m_batch_begin(struct p2m *p2m);
void p2m_batch_end(struct p2m *p2m);

/* What is at gfn. Gfns beyond the limit read as holes. Never changes anything.
 */
struct p2m_entry p2m_get(struct p2m *p2m, gfn_t gfn);

/*
 * The same and a reference on the page (page_put() it later), when the entry
 * has a frame that can be had: NULL otherwise. Never populates.
 */
struct page *p2m_get_page(struct p2m *p2m, gfn_t gfn, struct p2m_entry *entry);

/* What a change or fault came to. */
enum p2m_verdict {
    P2M_OK,          /* it is there now: run the access again */
    P2M_RETRY,       /* something was done, look again (restartable) */
    P2M_NEED_PAGE,   /* the cache is empty: the layer above finds pages */
    P2M_NO_MEMORY,   /* no table to be had: reserve.c says when */
    P2M_HOLE_ACCESS, /* nothing there */
    P2M_BAD_ACCESS,  /* there, but not this way (write to read-only) */
    P2M_DYING,
};

/* Decide a second-stage fault: the decision table type x access. A placeholder
 * that is read shows zeros (zero.c); else it is populated when the cache has a
 * page. */
enum p2m_verdict p2m_fault(struct p2m *p2m, gfn_t gfn, bool write,
                           bool execute);

/*
 * Make a placeholder at gfn a page from the PoD cache: prepare (split the
 * placeholder: 1G to 2M always, 2M to 4K when no superpage is cached), take,
 * commit. P2M_OK also when there is RAM already.
 */
enum p2m_verdict p2m_populate(struct p2m *p2m, gfn_t gfn);

/* The one rebalance point (P12): whoever lowers E or raises C calls it after
 * the last unlock. It restores C <= E, and the reserve of tables, in slices. */
void p2m_rebalance(struct p2m *p2m);

/* The table that a split lacks: a page of the cache goes to the reserve, and
 * the caller tries again. False: there is none, or the domain has all the
 * tables that it may have. */
bool p2m_pay_for_table(struct p2m *p2m);

/* Would a touch find the tables that it may need? Read without the lock, so a
 * moment old. */
bool p2m_has_tables(const struct p2m *p2m);

/* How many tables it may have; 0: any number. What it has, and what is kept of
 * its budget for memory that it has (reserve.c), is the least. */
void p2m_set_table_limit(struct p2m *p2m, uint64_t tables);

/* For each gfn the frame that its neighbours' frames would fit to, so that all
 * of them may be a leaf of 2M one day; INVALID_MFN: any will do. Returns
 * whether there is one that is not. */
bool p2m_fitting_frames(struct p2m *p2m, const uint64_t *gfns, unsigned count,
                        mfn_t *frames);

/*
 * Put 2^order own pages (from page_alloc_guest(), contiguous, head at `pg`)
 * at gfn, which must be covered by holes or placeholders only: -EEXIST
 * if anything else is there. Placeholders replaced leave the PoD count, and
 * the cache is rebalanced. -EINVAL gfn (above order 9 it must be aligned),
 * -ENOMEM tables, -ESRCH dying. Nothing changed on error.
 */
int must_check p2m_add_ram(struct p2m *p2m, gfn_t gfn, struct page *pg,
                           unsigned order);

/* The same for 1 to 512 single pages, each at its gfn; *done were put there if
 * it ends early. */
int must_check p2m_add_list(struct p2m *p2m, const uint64_t *gfns,
                            struct page *const *pages, unsigned count,
                            unsigned *done);

/*
 * Show a SPECIAL page (its reference passes to the entry on success) at gfn.
 * What was there goes as by p2m_remove(), in the same lock hold, so nothing
 * can come between. A page is shown at one gfn at a time: it leaves where it
 * was before. -EINVAL gfn, -ENOMEM, -ESRCH: nothing changed.
 */
int must_check p2m_put_special(struct p2m *p2m, gfn_t gfn, struct page *pg);

/* Show zeros at gfn, which must be a hole, in the place of another domain's
 * promise. Needs the zero block. -EINVAL gfn, -EEXIST, -ENOMEM, -ESRCH. */
int must_check p2m_add_zero(struct p2m *p2m, gfn_t gfn);

/* Map another domain's page (the reference on pg passes to the entry on
 * success). type: P2M_FOREIGN(_RO) or P2M_GRANT(_RO). gfn must be hole;
 * -EEXIST otherwise (the caller removes what is there first). */
int must_check p2m_add_foreign(struct p2m *p2m, gfn_t gfn, struct page *pg,
                               enum p2m_type type);
/* The same, and what was at gfn goes as for p2m_put_special(). */
int must_check p2m_put_foreign(struct p2m *p2m, gfn_t gfn, struct page *pg,
                               enum p2m_type type);

/*
 * Mark [gfn, +2^order) as placeholders (POD-4.23, 4.25): only holes and
 * placeholders may be there (-EBUSY), any alignment up to order 9 (cut into
 * aligned leaves; -EINVAL above). Idempotent. Counted in E in the same critical
 * section. Nothing changed on error.
 */
int must_check p2m_mark_pod(struct p2m *p2m, gfn_t gfn, unsigned order);

/*
 * Balloon out [gfn, +2^order) (POD-4.7..4.16): placeholders become holes; RAM
 * with references == 1 is stolen for the cache while D > 0, otherwise
 * unmapped and freed. Returns 0, or the error of the first gfn that could not
 * be removed (-ENOENT hole, -EPERM foreign or grant) with *done gfns removed
 * before it. The TLB is flushed before any page goes to another use.
 */
int must_check p2m_decrease(struct p2m *p2m, gfn_t gfn, unsigned order,
                            uint64_t *done);

/*
 * A slice of the same for [gfn, +count), any number of gfns: -ERESTART when the
 * call has to go on behind those that are *done. -EINVAL: there are no such
 * gfns. untouched: only placeholders go; -EEXIST at the first gfn with RAM.
 */
int must_check p2m_decrease_range(struct p2m *p2m, gfn_t gfn, uint64_t count,
                                  bool untouched, uint64_t *done);

/* The same for a list of 1 to 512 single gfns. */
int must_check p2m_decrease_list(struct p2m *p2m, const uint64_t *gfns,
                                 unsigned count, unsigned *done);

/*
 * The next gfns from *gfn on that are promised and were never touched, in
 * aligned units of 2^order (0 or 9): *gfn and *count. There may be more right
 * behind them. -ERESTART: none so far, go on at *gfn; -ENOENT: none at all.
 */
int must_check p2m_next_untouched(struct p2m *p2m, gfn_t *gfn, unsigned order,
                                  uint64_t *count);

/*
 * Make one gfn a hole (remove_from_physmap, add_to_physmap's first half):
 * own RAM is freed when its last reference goes (returned to nobody),
 * placeholders leave E with rebalance, foreign entries drop their reference.
 * -ENOENT: hole. expected: INVALID_MFN or the frame that must be there
 * (-EINVAL).
 */
int must_check p2m_remove(struct p2m *p2m, gfn_t gfn, mfn_t expected);

/*
 * Move the domain's own page from one gfn to another; what was there goes as
 * by p2m_remove(), and `from` becomes a hole. -EINVAL: no own RAM at `from`,
 * or both are the same; -ENOMEM, -ESRCH.
 */
int must_check p2m_move(struct p2m *p2m, gfn_t from, gfn_t to);

/*
 * One slice of the search for zero pages (sweep.c): at most 512 gfns are
 * looked at under one lock hold; reclaimed pages go to the PoD cache. Searches
 * share one cursor, but each ends only when all RAM was covered since it began
 * itself: whatever was zero then was found.
 *
 * A gentle search takes no page out of a superpage that has something in it,
 * and has a cursor of its own.
 */
struct p2m_search {  /* all zero: not begun */
    uint64_t enough; /* pages in the cache that end it; 0: one */
    bool gentle;
    bool begun;
    uint64_t start;     /* p2m->sweep_covered when it began */
    gfn_t cursor;       /* gentle: where to go on */
    uint64_t fruitless; /* gentle: gfns passed since something was found */
    uint64_t found;     /* pages, ever */
};
enum p2m_sweep_result {
    P2M_SWEEP_FOUND,   /* the cache has enough */
    P2M_SWEEP_MORE,    /* not yet: call again */
    P2M_SWEEP_NOTHING, /* all RAM was covered since this search began, and
                          since a page was last found by anybody */
};
enum p2m_sweep_result p2m_sweep(struct p2m *p2m, struct p2m_search *search);

/*
 * Superpages out of scattered pages (gather.c). p2m_gather_find() looks from
 * *gfn on, a slice of 512 entries, for a region of 2M of which all is RAM, but
 * single pages: FOUND: *gfn is in it; MORE: go on at *gfn; END: there is
 * nothing behind. p2m_gather() copies its pages, in one lock hold, to a block
 * of the domain's, which is what is mapped then, and gives them up. False: it
 * is no such region any more, and the block is still the caller's.
 */
enum p2m_gather_result {
    P2M_GATHER_FOUND,
    P2M_GATHER_MORE,
    P2M_GATHER_END,
};
enum p2m_gather_result p2m_gather_find(struct p2m *p2m, gfn_t *gfn);
bool must_check p2m_gather(struct p2m *p2m, gfn_t gfn, struct page *block);

/*
 * Free everything the tables hold, in slices of at most 512 entries: -ERESTART
 * while there is more or somebody is inside, then 0. Own RAM is given up,
 * foreign references are dropped. p2m->dying must be set and no vCPU running.
 * The root goes last; p2m_get() finds holes then.
 */
int must_check p2m_teardown(struct p2m *p2m);

/* Invariants I1..I10 as far as p2m, PoD and frames see them: prints each
 * difference with gfn and mfn, returns how many. Long: for debugging. */
unsigned p2m_audit(struct p2m *p2m);

#endif
