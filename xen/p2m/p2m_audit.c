/* SPDX-License-Identifier: MIT */
/*
 * Recount everything from the tables and compare:
 *
 *   I2   E is the number of gfns that placeholders cover
 *   I3   C <= E (only once memory was populated: a builder fills the cache
 * first) I5   own mapped pages, the cache and loose pages are no more than what
 *        is charged
 *   I7   a mapped own page says the gfn where it is mapped, so no page is
 *        mapped twice
 *   I10  max_guest <= max_gfn, the sweep's cursor too, nothing above it
 *   I13  and the rest of the counts that belong to accounts: mm_audit()
 *   and: each table's use, the number of tables, leaves of other domains'
 *   pages have a page that is referenced, leaves without an owner show the zero
 *   block, I1 and I4 by pod_audit_locked().
 */
#include "base/console.h"
#include "mm/zero_block.h"
#include "p2m/internal.h"

struct audit {
    struct p2m *p2m;
    unsigned wrong;
    uint64_t promised, mapped, tables;
};

#define REPORT(a, fmt, ...)                                                    \
    do {                                                                       \
        log_line(LOG_ERROR, "p2m audit: d%d: " fmt, (a)->p2m->account->id,     \
                 __VA_ARGS__);                                                 \
        (a)->wrong++;                                                          \
    } while (0)

#define U(x) ((unsigned long long)(x))

static void audit_own(struct audit *a, const struct page *pg, gfn_t gfn)
{
    unsigned state = page_speaker(pg)->state;

    if (!page_is_of(pg, a->p2m->account) ||
        (state != PAGE_GUEST && state != PAGE_SPECIAL)) {
        REPORT(a, "gfn %llx: mfn %llx is not its own (state %d)", U(gfn.v),
               U(page_to_mfn(pg).v), state);
        return;
    }
    if (page_gfn(pg) != gfn.v) {
        REPORT(a, "I7: gfn %llx: mfn %llx says gfn %llx", U(gfn.v),
               U(page_to_mfn(pg).v), U(page_gfn(pg)));
    }
    if (!page_references(pg)) {
        REPORT(a, "gfn %llx: mfn %llx without references", U(gfn.v),
               U(page_to_mfn(pg).v));
    }
    a->mapped += state == PAGE_GUEST;
}

static void audit_others(struct audit *a, const struct page *pg, gfn_t gfn)
{
    if ((pg->state != PAGE_GUEST && pg->state != PAGE_SPECIAL) ||
        !page_references(pg)) {
        REPORT(a, "gfn %llx: foreign mfn %llx: state %d, %u references",
               U(gfn.v), U(page_to_mfn(pg).v), pg->state, page_references(pg));
    }
}

static void audit_frames(struct audit *a, const struct slot *s, gfn_t gfn)
{
    for (uint64_t i = 0; i < BIT(slot_order(s)); i++) {
        const struct page *pg = page_from_mfn(mfn_add(s->f.mfn, i));

        if (!pg) {
            REPORT(a, "gfn %llx: mfn %llx is no RAM", U(gfn.v + i),
                   U(s->f.mfn.v + i));
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

        if (pg && arch_page_is_zero(page_map(pg)) &&
            !a->p2m->format->decode(READ_ONCE(*s->entry), s->level).dirty) {
            REPORT(a, "gfn %llx: zero, but clean", U(gfn.v + i));
        }
    }
}

static void audit_zero(struct audit *a, const struct slot *s, gfn_t gfn)
{
    if (!mfn_eq(s->f.mfn, zero_block_frame(gfn))) {
        REPORT(a, "gfn %llx: mfn %llx is not the zero block's", U(gfn.v),
               U(s->f.mfn.v));
    }
}

static void audit_leaf(struct audit *a, const struct slot *s, gfn_t gfn)
{
    const struct p2m_type_info *info = &p2m_types[s->f.tag];

    if (s->f.tag >= P2M_TYPE_COUNT || s->f.rights != info->rights) {
        REPORT(a, "gfn %llx: type %d with rights %d", U(gfn.v), s->f.tag,
               s->f.rights);
        return;
    }
    if (s->f.tag == P2M_HOLE) {
        return;
    }
    if (gfn.v + BIT(slot_order(s)) - 1 > a->p2m->max_gfn.v) {
        REPORT(a, "I10: gfn %llx lies above %llx", U(gfn.v),
               U(a->p2m->max_gfn.v));
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
        audit_zero(a, s, gfn);
    }
}

static void add_use(struct table_use *use, const struct slot *s)
{
    if (s->f.tag < P2M_TYPE_COUNT && slot_is_promise(s)) {
        use->promised++;
        use->zero += s->f.tag == P2M_ZERO;
    } else {
        use->busy += s->f.is_table || s->f.rights;
    }
}

static void audit_use(struct audit *a, const struct page *table,
                      struct table_use found, gfn_t gfn)
{
    struct table_use noted = table_use(table);

    a->tables++;
    if (noted.busy != found.busy || noted.promised != found.promised ||
        noted.zero != found.zero) {
        REPORT(a,
               "table of gfn %llx notes %u busy, %u promised, %u zero: %u, %u, "
               "%u",
               U(gfn.v), noted.busy, noted.promised, noted.zero, found.busy,
               found.promised, found.zero);
    }
    if (table->state != PAGE_TABLE) {
        REPORT(a, "table of gfn %llx: mfn %llx has state %d", U(gfn.v),
               U(page_to_mfn(table).v), table->state);
    }
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

static void audit_counts(struct audit *a)
{
    const struct p2m *p2m = a->p2m;
    const struct pod *pod = p2m->pod;
    uint64_t loose = READ_ONCE(p2m->account->loose_count);
    uint64_t charged = READ_ONCE(p2m->account->page_count);

    if (pod->entry_count != a->promised) {
        REPORT(a, "I2: E %llu, placeholders cover %llu", U(pod->entry_count),
               U(a->promised));
    }
    if (pod->cache_count > pod->entry_count &&
        pod->counters.populate_4k + pod->counters.populate_2m) {
        REPORT(a, "I3: C %llu above E %llu", U(pod->cache_count),
               U(pod->entry_count));
    }
    if (a->mapped + pod->cache_count + loose > charged) {
        REPORT(a, "I5: %llu mapped, %llu cached, %llu loose, %llu charged",
               U(a->mapped), U(pod->cache_count), U(loose), U(charged));
    }
    if (pod->max_guest.v > p2m->max_gfn.v ||
        p2m->sweep_cursor.v > p2m->max_gfn.v) {
        REPORT(a, "I10: populated to %llx, cursor %llx, end %llx",
               U(pod->max_guest.v), U(p2m->sweep_cursor.v), U(p2m->max_gfn.v));
    }
    if (READ_ONCE(p2m->account->table_count) != a->tables) {
        REPORT(a, "%llu tables charged, %llu found",
               U(READ_ONCE(p2m->account->table_count)), U(a->tables));
    }
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
    audit_counts(&a);
    a.wrong += pod_audit_locked(p2m->pod);
    unlock(&p2m->pod->lock);
    unlock(&p2m->lock);
    return a.wrong;
}
