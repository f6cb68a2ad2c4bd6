/* SPDX-License-Identifier: MIT */
/*
 * Recount everything from the tables and compare:
 *
 *   I2   E is the number of gfns that placeholders cover
 *   I3   C <= E (only once memory was populated: a builder fills the cache
 *        first)
 *   I5   own mapped pages, the cache and loose pages are no more than what is
 *        charged
 *   I7   a mapped own page says the gfn where it is mapped, so no page is
 *        mapped twice
 *   I10  max_guest <= max_gfn, the sweep's cursor too, nothing above it
 *   I13  (what is charged is within the limit) is not looked at, as a limit may
 *        be lowered below what is there: each charge is refused that would go
 *        above it. The rest of the counts of accounts: mm_audit()
 *   and: each table's use, the number of tables, leaves of other domains'
 *   pages have a page that is referenced, leaves without an owner show the zero
 *   block, I1 and I4 by pod_audit_locked().
 */
#include "base/audit.h"
#include "mm/zero_block.h"
#include "p2m/internal.h"

struct audit {
    struct p2m *p2m;
    unsigned wrong;
    uint64_t promised, mapped, tables;
    uint64_t superpages, owed, ram_owed;
};

static void differs(struct audit *a, const char *invariant, const char *what,
                    gfn_t gfn, mfn_t mfn, uint64_t found, uint64_t expected)
{
    a->wrong++;
    audit_differs(&(struct audit_difference){
        invariant, what, a->p2m->account->id, gfn.v, mfn.v, found, expected});
}

/* A number that belongs to no frame. */
static void expect_count(struct audit *a, const char *invariant,
                         const char *what, uint64_t found, uint64_t expected)
{
    if (found != expected) {
        differs(a, invariant, what, INVALID_GFN, INVALID_MFN, found, expected);
    }
}

static void expect_limit(struct audit *a, const char *invariant,
                         const char *what, uint64_t found, uint64_t limit)
{
    if (found > limit) {
        differs(a, invariant, what, INVALID_GFN, INVALID_MFN, found, limit);
    }
}

static void audit_own(struct audit *a, const struct page *pg, gfn_t gfn)
{
    unsigned state = page_speaker(pg)->state;

    if (!page_is_of(pg, a->p2m->account) ||
        (state != PAGE_GUEST && state != PAGE_SPECIAL)) {
        differs(a, "P5", "mapped page is not its own, state", gfn,
                page_to_mfn(pg), state, PAGE_GUEST);
        return;
    }
    if (page_gfn(pg) != gfn.v) {
        differs(a, "I7", "mapped page says another gfn", gfn, page_to_mfn(pg),
                page_gfn(pg), gfn.v);
    }
    if (!page_references(pg)) {
        differs(a, "F8", "references of a mapped page", gfn, page_to_mfn(pg), 0,
                1);
    }
    a->mapped += state == PAGE_GUEST;
}

static void audit_others(struct audit *a, const struct page *pg, gfn_t gfn)
{
    if ((pg->state != PAGE_GUEST && pg->state != PAGE_SPECIAL) ||
        !page_references(pg)) {
        differs(a, "P5", "another's page that is not in use, state", gfn,
                page_to_mfn(pg), pg->state, PAGE_GUEST);
    }
}

static void audit_frames(struct audit *a, const struct slot *s, gfn_t gfn)
{
    for (uint64_t i = 0; i < BIT(slot_order(s)); i++) {
        const struct page *pg = page_from_mfn(mfn_add(s->f.mfn, i));

        if (!pg) {
            differs(a, "P5", "mapped frame that is no RAM", gfn_add(gfn, i),
                    mfn_add(s->f.mfn, i), PAGE_NOT_RAM, PAGE_GUEST);
        } else if (p2m_types[s->f.tag].is_own) {
            audit_own(a, pg, gfn_add(gfn, i));
        } else {
            audit_others(a, pg, gfn_add(gfn, i));
        }
    }
}

/* Rule 7 of flush.c. A guest that writes zeros meanwhile sets the bit first. */
static void audit_clean(struct audit *a, const struct slot *s, gfn_t gfn)
{
    for (uint64_t i = 0; i < BIT(slot_order(s)); i++) {
        const struct page *pg = page_from_mfn(mfn_add(s->f.mfn, i));

        if (pg && page_promise(a->p2m, pg) != P2M_RAM &&
            !a->p2m->format->decode(READ_ONCE(*s->entry), s->level).dirty) {
            differs(a, "rule 7", "clean page is zero", gfn_add(gfn, i),
                    mfn_add(s->f.mfn, i), 1, 0);
        }
    }
}

/* What stands in for a promise, here or of another domain's. */
static void audit_shown(struct audit *a, const struct slot *s, gfn_t gfn)
{
    const struct page *pattern = a->p2m->pod->pattern_page;
    mfn_t expected = zero_block_frame(gfn);

    if (p2m_types[s->f.tag].is_pattern) {
        expected = pattern ? page_to_mfn(pattern) : INVALID_MFN;
    }
    if (!mfn_eq(s->f.mfn, expected)) {
        differs(a, "P5", "frame of the zero block or the pattern", gfn,
                s->f.mfn, s->f.mfn.v, expected.v);
    }
}

static void audit_leaf(struct audit *a, const struct slot *s, gfn_t gfn)
{
    const struct p2m_type_info *info = &p2m_types[s->f.tag];

    if (s->f.tag >= P2M_TYPE_COUNT || s->f.rights != info->rights) {
        differs(a, "P6", "rights of an entry, type in the frame's place", gfn,
                MFN(s->f.tag), s->f.rights,
                s->f.tag < P2M_TYPE_COUNT ? info->rights : PTE_NONE);
        return;
    }
    if (s->f.tag == P2M_HOLE) {
        return;
    }
    if (gfn.v + BIT(slot_order(s)) - 1 > a->p2m->max_gfn.v) {
        differs(a, "I10", "entry above max_gfn", gfn, INVALID_MFN, gfn.v,
                a->p2m->max_gfn.v);
    }
    if (s->level > 1 && slot_is_promise(s)) {
        a->owed += tables_in(slot_order(s));
    } else if (s->level > 1) {
        a->superpages += BIT(slot_order(s) - ORDER_2M);
        a->ram_owed += tables_in(slot_order(s));
    }
    if (slot_is_promise(s)) {
        a->promised += BIT(slot_order(s));
    }
    if (info->has_frame) {
        audit_frames(a, s, gfn);
        if (!s->f.dirty) {
            audit_clean(a, s, gfn);
        }
    } else if (info->rights) {
        audit_shown(a, s, gfn);
    }
}

static void add_use(struct table_use *use, const struct slot *s)
{
    if (s->f.tag < P2M_TYPE_COUNT && slot_is_promise(s)) {
        use->promised++;
        use->zero += s->f.rights != PTE_NONE;
    } else {
        use->busy += s->f.is_table || s->f.rights;
    }
}

static void expect_use(struct audit *a, const char *what,
                       const struct page *table, gfn_t gfn, uint64_t found,
                       uint64_t expected)
{
    if (found != expected) {
        differs(a, "P7", what, gfn, page_to_mfn(table), found, expected);
    }
}

static void audit_use(struct audit *a, const struct page *table,
                      struct table_use found, gfn_t gfn)
{
    struct table_use noted = table_use(table);

    a->tables++;
    expect_use(a, "busy entries of a table", table, gfn, noted.busy,
               found.busy);
    expect_use(a, "promises of a table", table, gfn, noted.promised,
               found.promised);
    expect_use(a, "zeros shown by a table", table, gfn, noted.zero, found.zero);
    expect_use(a, "state of a table", table, gfn, table->state, PAGE_TABLE);
}

/* NOLINTNEXTLINE(misc-no-recursion): at most five levels deep */
static void audit_table(struct audit *a, const struct slot *parent, gfn_t gfn)
{
    struct table_use use = {0, 0, 0};

    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        struct slot s = slot_child(a->p2m, parent, i);
        gfn_t at = gfn_add(gfn, (uint64_t)i << slot_order(&s));

        if (s.f.is_table) {
            audit_table(a, &s, at);
        } else {
            audit_leaf(a, &s, at);
        }
        add_use(&use, &s);
    }
    audit_use(a, page_from_mfn(parent->f.mfn), use, gfn);
}

/* The reserve, and what is counted of large leaves. */
static void audit_reserve(struct audit *a)
{
    const struct pod_counters *c = &a->p2m->pod->counters;
    const struct page *table;
    uint64_t reserved = 0;

    page_list_for_each (table, &a->p2m->reserve) {
        reserved++;
        if (table->state != PAGE_TABLE || !page_is_of(table, a->p2m->account) ||
            !arch_page_is_zero(page_map(table))) {
            differs(a, "P8", "state of a reserved table, or not empty",
                    INVALID_GFN, page_to_mfn(table), table->state, PAGE_TABLE);
        }
    }
    a->tables += reserved;
    expect_count(a, "P8", "R and the reserve", c->tables_reserved, reserved);
    expect_count(a, "P8", "T and what placeholders may need", c->tables_owed,
                 a->owed);
    expect_count(a, "P8", "superpages noted and mapped", c->superpages_mapped,
                 a->superpages);
    expect_count(a, "P8", "what RAM may need in tables", a->p2m->ram_owed,
                 a->ram_owed);
}

static void audit_counts(struct audit *a)
{
    const struct p2m *p2m = a->p2m;
    const struct pod *pod = p2m->pod;
    uint64_t loose = READ_ONCE(p2m->account->loose_count);
    uint64_t kept = READ_ONCE(p2m->account->kept_count);
    uint64_t charged = READ_ONCE(p2m->account->page_count);

    expect_count(a, "I2", "E and what placeholders cover", pod->entry_count,
                 a->promised);
    if (pod->counters.populate_4k + pod->counters.populate_2m) {
        expect_limit(a, "I3", "C + K above E", pod_set_aside(pod),
                     pod->entry_count);
    }
    expect_limit(a, "I5", "mapped, cached, loose and kept above charged pages",
                 a->mapped + pod->cache_count + loose + kept, charged);
    expect_limit(a, "I10", "max_guest above max_gfn", pod->max_guest.v,
                 p2m->max_gfn.v);
    expect_limit(a, "I10", "sweep's cursor above max_gfn", p2m->sweep_cursor.v,
                 p2m->max_gfn.v);
    expect_count(a, "F7", "charged tables and found ones",
                 READ_ONCE(p2m->account->table_count), a->tables);
}

unsigned p2m_audit(struct p2m *p2m)
{
    struct audit a = {.p2m = p2m};

    lock(&p2m->lock);
    p2m_settle(p2m);
    lock(&p2m->pod->lock);
    if (mfn_valid(p2m->root)) {
        struct slot root = {.level = p2m->format->levels + 1U,
                            .f = {.is_table = true, .mfn = p2m->root}};

        audit_table(&a, &root, GFN(0));
    }
    audit_reserve(&a);
    audit_counts(&a);
    a.wrong += pod_audit_locked(p2m->pod);
    unlock(&p2m->pod->lock);
    unlock(&p2m->lock);
    return a.wrong;
}
