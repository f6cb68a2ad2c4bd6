/* SPDX-License-Identifier: MIT */
/*
 * What the files of p2m/ share: slots, and the verbs on them. All of it needs
 * p2m->lock.
 *
 * A slot is one entry of one table: at level n it covers 2^(9(n-1)) gfns. It
 * holds a table, or a leaf of just that order.
 */
#ifndef P2M_INTERNAL_H
#define P2M_INTERNAL_H

#include "p2m/m2p.h"
#include "p2m/p2m.h"
#include "types/bits.h"
#include "types/error.h"

#define TABLE_ENTRIES 512U
#define LEVEL_LIMIT   5 /* table levels that any format has, at most */

struct slot {
    uint64_t *entry;
    gfn_t gfn;           /* the first that it covers */
    mfn_t table;         /* that `entry` is in */
    unsigned level;      /* of that table */
    struct pte_fields f; /* what it says */
};

static inline unsigned level_order(unsigned level)
{
    if (!level) {
        __builtin_unreachable(); /* for analysers: tables begin at level 1 */
    }
    return 9 * (level - 1);
}

static inline unsigned order_level(unsigned order)
{
    return order / 9 + 1;
}

static inline bool slot_is_promise(const struct slot *s)
{
    return p2m_types[s->f.tag].is_promise;
}

static inline unsigned slot_order(const struct slot *s)
{
    return level_order(s->level);
}

static inline enum p2m_type slot_type(const struct slot *s)
{
    return (enum p2m_type)s->f.tag;
}

/* The frame of gfn, which this present leaf covers. */
static inline mfn_t slot_mfn(const struct slot *s, gfn_t gfn)
{
    return mfn_add(s->f.mfn, gfn.v - gfn_align(gfn, slot_order(s)).v);
}

static inline bool gfn_in_reach(const struct p2m *p2m, gfn_t gfn)
{
    return gfn.v < p2m->gfn_limit;
}

/* Are there tables to look gfn up in? */
static inline bool gfn_is_mapped(const struct p2m *p2m, gfn_t gfn)
{
    return gfn_in_reach(p2m, gfn) && mfn_valid(p2m->root);
}

/* The largest leaf that may start at gfn with `left` gfns to go. */
static inline unsigned piece_order(gfn_t gfn, uint64_t left, unsigned max_order)
{
    for (unsigned order = max_order; order; order -= 9) {
        if (left >= BIT(order) && !(gfn.v & (BIT(order) - 1))) {
            return order;
        }
    }
    return ORDER_4K;
}

/*
 * walk.c: how many entries of a table are in use is kept in struct page.use of
 * the table's page: so a whole table can be judged at one look.
 */
struct table_use {
    unsigned busy;     /* tables, and leaves with a frame */
    unsigned promised; /* placeholders */
    unsigned zero;     /* of them, those that show what they mean */
};
#define USE_BITS 10 /* of each count */
static inline struct table_use table_use(const struct page *table)
{
    return (struct table_use){
        .busy = table->use % BIT(USE_BITS),
        .promised = table->use >> USE_BITS & (BIT(USE_BITS) - 1),
        .zero = table->use >> 2 * USE_BITS & (BIT(USE_BITS) - 1)};
}

/* The page of the table that s is in, which needs no look whether there is one.
 */
static inline struct page *slot_table(const struct slot *s)
{
    return &frame_table[s->table.v];
}

static inline bool table_is_empty(const struct page *table)
{
    return !table->use;
}

/* The leaf that covers gfn; with a level: or what is there if the leaf is below
 * that. */
struct slot walk_find_level(const struct p2m *p2m, gfn_t gfn, unsigned level);
/* Down to the table or leaf of 2M around gfn, but no further than to a table or
 * leaf in which there are only holes and placeholders. */
struct slot walk_find_busy(const struct p2m *p2m, gfn_t gfn);
/* The same for who holds no lock and has read the root (entry.c). */
struct slot walk_find_from(const struct p2m *p2m, mfn_t root, gfn_t gfn,
                           unsigned level);
struct slot walk_find_afresh(struct p2m *p2m, gfn_t gfn);

/* The former; most walks end in the same table of 4K leaves as the last. The
 * slot is filled in where it is, which costs less than handing it back. */
static inline void walk_to(struct p2m *p2m, gfn_t gfn, struct slot *s)
{
    if (gfn.v >> ORDER_2M != p2m->hint_region) {
        *s = walk_find_afresh(p2m, gfn);
        return;
    }
    s->entry = p2m->hint_entries + gfn.v % TABLE_ENTRIES;
    s->gfn = gfn;
    s->table = p2m->hint_table;
    s->level = 1;
    s->f = p2m->format->decode(READ_ONCE(*s->entry), 1);
}

static inline struct slot walk_find(struct p2m *p2m, gfn_t gfn)
{
    struct slot s;

    walk_to(p2m, gfn, &s);
    return s;
}

/* A table went away, which may be the one that the next walk would try first.
 */
void walk_forget_hint(struct p2m *p2m);

/*
 * The slot of order `order` that covers gfn; larger leaves above it are split,
 * which changes what no gfn means. -ENOMEM: nothing changed.
 */
int must_check walk_split(struct p2m *p2m, gfn_t gfn, unsigned order,
                          struct slot *s);
/* The same from a leaf that was found already, which covers gfn. */
int must_check slot_split(struct p2m *p2m, gfn_t gfn, unsigned order,
                          struct slot *s);
/* The same, said what for: the type of the leaf says it otherwise. */
enum table_purpose {
    FOR_PROMISES,
    FOR_RAM,
    FOR_READERS, /* of promises */
    FOR_OTHERS,
};
int must_check slot_split_for(struct p2m *p2m, gfn_t gfn, unsigned order,
                              struct slot *s, enum table_purpose why);

/* The i-th entry of the table that s holds. */
struct slot slot_child(const struct p2m *p2m, const struct slot *s, unsigned i);

/* Write a leaf of the slot's order: one atomic store. A table that was there
 * goes to the stale ones. mfn is ignored for types without a frame. */
void slot_set(struct p2m *p2m, struct slot *s, enum p2m_type type, mfn_t mfn);

/* A hole or a placeholder becomes RAM, so nothing is flushed. What s says is
 * out of date then. */
void slot_fill(struct p2m *p2m, const struct slot *s, mfn_t mfn);

/* A leaf becomes a hole. */
void slot_clear(struct p2m *p2m, struct slot *s);
/* The same of a 4K leaf with a frame. What s says is out of date then. */
void slot_clear_page(struct p2m *p2m, const struct slot *s);

/*
 * Take the dirty bit off a present leaf, and put it on again; flush.c has what
 * it means. What a leaf maps may be written to unseen until the flush that
 * slot_clean() owes. slot_make_dirty() needs no lock, as long as this CPU is
 * reading (arch/tlb.h) or has it: what is there by now is made dirty, if it is
 * a leaf.
 */
void slot_clean(struct p2m *p2m, struct slot *s);
void slot_make_dirty(const struct p2m *p2m, const struct slot *s);

/* The same as slot_set(), but a table that was there stays the caller's, who
 * puts it back by slot_reattach() or gives it to table_make_stale(). */
struct page *slot_detach_table(struct p2m *p2m, struct slot *s,
                               enum p2m_type type);
void slot_reattach(struct p2m *p2m, struct slot *s, struct page *table);
void table_make_stale(struct p2m *p2m, struct page *table);

/* Whether the 2^order gfns of a slot (or of a part of a larger leaf) hold only
 * holes and placeholders; how many placeholders. */
bool slot_is_free(const struct p2m *p2m, const struct slot *s);
uint64_t slot_promised(const struct p2m *p2m, const struct slot *s,
                       unsigned order);

/* range.c: any aligned or unaligned range in pieces of orders 0, 9, 18. */
bool range_is_free(const struct p2m *p2m, gfn_t gfn, uint64_t count);
int must_check range_prepare(struct p2m *p2m, gfn_t gfn, uint64_t count,
                             unsigned max_order);
bool range_is_valid(const struct p2m *p2m, gfn_t gfn, unsigned order);

/*
 * untouched.c: how many gfns from gfn on, `count` at most, are promised and
 * were never touched, as far as one lock hold may look. Where something else
 * ends them *end says what: -EEXIST memory, -ENOENT a hole, -EPERM others'
 * pages.
 */
uint64_t untouched_run(struct p2m *p2m, gfn_t gfn, uint64_t count, int *end);

/* populate.c: of the placeholder at s, which covers gfn. */
enum p2m_verdict populate_locked(struct p2m *p2m, gfn_t gfn, struct slot *s);

/* reserve.c */
#define TABLES_PER_TOUCH 2
/* What a leaf of that order may need to be split to 4K leaves. */
static inline uint64_t tables_in(unsigned order)
{
    return (BIT(order) >> ORDER_2M) + (BIT(order) >> ORDER_1G);
}
uint64_t reserve_for(uint64_t entries, uint64_t set_aside, uint64_t owed);
/* Tables that promises may need and that are not set aside. */
uint64_t reserve_lacks(const struct p2m *p2m);
/* A table: of the host, else of the reserve. NULL: none for that purpose. */
struct page *reserve_take(struct p2m *p2m, enum table_purpose why);
/* Does the budget have room for `more` tables that memory may need, beside what
 * is kept in it for that already? */
bool reserve_budget_allows(const struct p2m *p2m, uint64_t more);
/* How much must stay in the reserve. */
uint64_t reserve_floor(const struct p2m *p2m, enum table_purpose why);
/* A table that nobody can reach any more: to the reserve or the host. */
void reserve_put(struct p2m *p2m, struct page *table);
/* Up to `count`, from the host only. -ENOMEM: what was added stays. */
int must_check reserve_grow(struct p2m *p2m, uint64_t count);
/* What is more than `keep` goes to the host, `max` at most; or what nobody can
 * need. */
void reserve_trim(struct p2m *p2m, uint64_t keep, uint64_t max);
void reserve_shed(struct p2m *p2m);
/* One page of the cache, or as many as are too many there. */
bool reserve_pay_locked(struct p2m *p2m);
void reserve_from_excess_locked(struct p2m *p2m);
/* The end of each operation that may have used tables or changed D. Returns
 * -ERESTART if a good deal was done and there is more to do, else 0. */
int reserve_refill_slowly_locked(struct p2m *p2m);
static inline int reserve_refill_locked(struct p2m *p2m)
{
    const struct pod *pod = p2m->pod;
    uint64_t kept = pod_set_aside(pod);
    uint64_t owed = pod->counters.tables_owed;
    uint64_t there = pod->counters.tables_reserved;

    /* Mostly nothing is missing, and nothing too much. */
    if (pod->entry_count > kept && there >= TABLES_PER_TOUCH &&
        there <= MAX(owed, TABLES_PER_TOUCH)) {
        return 0;
    }
    if (pod->entry_count == kept && there == owed) {
        return 0;
    }
    return reserve_refill_slowly_locked(p2m);
}

/* merge.c: gfn's placeholder, if all its neighbours are placeholders. */
void merge_promises(struct p2m *p2m, gfn_t gfn);
void merge_ram_slowly(struct p2m *p2m, gfn_t gfn);
/* A 4K leaf was written at s: is there RAM for one of 2M now? The caller does
 * p2m_finish(). */
static inline void merge_ram(struct p2m *p2m, const struct slot *s, gfn_t gfn)
{
    if (s->level == 1 && table_use(slot_table(s)).busy == TABLE_ENTRIES) {
        merge_ram_slowly(p2m, gfn);
    }
}
/* The frame that would fit at s, a hole or placeholder, for that, if it seems
 * to be FREE, or cached. */
mfn_t fitting_frame(struct p2m *p2m, const struct slot *s, gfn_t gfn,
                    enum page_state state);

/* entry.c: highest gfn that is no hole. */
void p2m_note_gfn(struct p2m *p2m, gfn_t last);

/*
 * remove.c: make the leaf at s a hole; its page is parked. Returns by how much
 * E fell: the caller rebalances after the last unlock.
 */
uint64_t entry_drop(struct p2m *p2m, struct slot *s);
/* The same where it is known to be a 4K leaf of RAM; what s says is out of date
 * then. */
void entry_drop_page(struct p2m *p2m, const struct slot *s);

/*
 * region.c: turn the zero pages of the 2M at base into promises. gentle: only
 * if no leaf is split for it. Returns how many. Nothing is parked, and
 * pod->lock is held, too.
 */
unsigned region_sweep(struct p2m *p2m, gfn_t base, bool gentle);

/* pattern.c: which placeholder may stand for the page: P2M_POD,
 * P2M_POD_PATTERN, or P2M_RAM if it has something in it that neither means. */
enum p2m_type page_promise(const struct p2m *p2m, const struct page *pg);
/* What the new pages of a P2M_POD_PATTERN are to have in them. */
void promise_fill(const struct p2m *p2m, struct page *head, unsigned order);

/* All entries are gone: so is the page that they showed. */
void pattern_end(struct p2m *p2m);

/* A promise that was read, and shows what it means. */
static inline bool slot_is_shown(const struct slot *s)
{
    return s->f.rights && slot_is_promise(s);
}

/* zero.c */
enum p2m_verdict zero_show_locked(struct p2m *p2m, gfn_t gfn, struct slot *s);
/* Is there anything that may be shown in the place of this promise? */
bool zero_can_show(const struct p2m *p2m, const struct slot *s);
/* The promise at gfn that shows zeros, and its neighbours with it, show nothing
 * again. A flush is owed afterwards. */
void zero_withdraw(struct p2m *p2m, gfn_t gfn, struct slot *s);
void zero_withdraw_range(struct p2m *p2m, gfn_t gfn, uint64_t count);

/* flush.c */
enum park_kind {
    PARK_OWN,       /* own pages, order 0 or 9: to the PoD cache or freed */
    PARK_REFERENCE, /* one page, order 0: drop the entry's reference */
};
#define P2M_PARKED_LIMIT (PAGE_SIZE / sizeof(uint64_t))

/* A record of what is parked: mfn, kind, order. */
#define PARK_MFN_BIT  8
#define PARK_KIND_BIT 5

/* Flush if a flush is owed, and hand on what waited for it. Before anything
 * becomes present, and before the caller says that memory is short. */
void p2m_settle(struct p2m *p2m);

/* Hand on what is parked; only after a flush. */
void p2m_release_parked(struct p2m *p2m);

/* Do it before the entry is written: making room may flush, and what is being
 * parked would be handed on by a flush that came too early. */
static inline void p2m_park(struct p2m *p2m, mfn_t mfn, unsigned order,
                            enum park_kind kind)
{
    if (p2m->parked_pages + BIT(order) > P2M_PARKED_LIMIT) {
        p2m_settle(p2m);
    }
    p2m->parked_pages += BIT(order);
    p2m->parked[p2m->parked_count++] =
        mfn.v << PARK_MFN_BIT | (uint64_t)kind << PARK_KIND_BIT | order;
}

/* The end of an operation that removed: settle unless a batch is open. */
void p2m_finish(struct p2m *p2m);

#endif
