/* SPDX-License-Identifier: MIT */
/*
 * The walker: down from the root to a slot, for every table format.
 *
 * A table's page keeps in its `use` field how many of its 512 entries are busy
 * (hold a table or a frame), how many are placeholders, and how many of these
 * show zeros. slot_set() and split_leaf() are the only writers of live entries,
 * so they keep it true.
 *
 * Splitting: a leaf of order n becomes a table of 512 leaves of order n - 9
 * that say the same. The table is built completely before one store puts it in
 * the leaf's place, so a hardware walk sees either. All tables that a way down
 * lacks are allocated before the first is used. Nothing is flushed: a cached
 * translation of the large leaf agrees with the small ones until one of these
 * changes, and that change asks for a flush of everything (flush.c).
 */
#include "base/trace.h"
#include "p2m/internal.h"

#define USE_BUSY     1ULL
#define USE_PROMISED BIT(USE_BITS)
#define USE_ZERO     BIT(2 * USE_BITS)

/* What an entry adds to its table's count. */
static uint64_t use_of(const struct pte_fields *f)
{
    if (p2m_types[f->tag].is_promise) {
        return f->rights ? USE_PROMISED + USE_ZERO : USE_PROMISED;
    }
    return f->is_table || f->rights ? USE_BUSY : 0;
}

static void note_leaf(struct p2m *p2m, const struct pte_fields *f,
                      unsigned level, int64_t times)
{
    struct pod_counters *c = &p2m->pod->counters;
    uint64_t tables = (uint64_t)times * tables_in(level_order(level));

    if (p2m_types[f->tag].is_promise) {
        c->tables_owed += tables;
    } else if (f->rights) {
        c->superpages_mapped +=
            (uint64_t)times * BIT(level_order(level) - ORDER_2M);
        p2m->ram_owed += tables;
    }
}

/* Leaves of more than 4K are counted: what placeholders may need in tables
 * (reserve.c), and how much RAM is mapped in them. */
static inline void note_large(struct p2m *p2m, const struct pte_fields *f,
                              unsigned level, int64_t times)
{
    if (level > 1 && !f->is_table) {
        note_leaf(p2m, f, level, times);
    }
}

struct slot slot_child(const struct p2m *p2m, const struct slot *s, unsigned i)
{
    struct slot child = {.entry = (uint64_t *)arch_map(s->f.mfn) + i,
                         .table = s->f.mfn,
                         .level = s->level - 1};

    child.gfn = gfn_add(s->gfn, (uint64_t)i << slot_order(&child));
    child.f = p2m->format->decode(READ_ONCE(*child.entry), child.level);
    return child;
}

static unsigned index_at(gfn_t gfn, unsigned level)
{
    return (gfn.v >> level_order(level)) % TABLE_ENTRIES;
}

/* Down from s, which holds a table, to a leaf or to `level`. */
static void walk_down(const struct p2m *p2m, gfn_t gfn, unsigned level,
                      struct slot *s)
{
    const struct pte_format *format = p2m->format;
    mfn_t next = s->f.mfn;
    uint64_t raw;

    do {
        s->table = next;
        s->level--;
        s->entry = (uint64_t *)arch_map(s->table) + index_at(gfn, s->level);
        raw = READ_ONCE(*s->entry);
        next = pte_table(format, raw);
    } while (s->level > level && pte_is_table(format, raw, s->level));
    s->f = format->decode(raw, s->level);
    s->gfn = gfn_align(gfn, slot_order(s));
}

struct slot walk_find_from(const struct p2m *p2m, mfn_t root, gfn_t gfn,
                           unsigned level)
{
    struct slot s = {.level = p2m->format->levels + 1U,
                     .f = {.is_table = true, .mfn = root}};

    walk_down(p2m, gfn, level, &s);
    return s;
}

struct slot walk_find_level(const struct p2m *p2m, gfn_t gfn, unsigned level)
{
    return walk_find_from(p2m, p2m->root, gfn, level);
}

struct slot walk_find_busy(const struct p2m *p2m, gfn_t gfn)
{
    struct slot s = {.level = p2m->format->levels + 1U,
                     .f = {.is_table = true, .mfn = p2m->root}};

    do {
        s = slot_child(p2m, &s, index_at(gfn, s.level - 1));
    } while (s.f.is_table && s.level > order_level(ORDER_2M) &&
             table_use(page_from_mfn(s.f.mfn)).busy);
    return s;
}

static void note_hint(struct p2m *p2m, gfn_t gfn, const struct slot *s)
{
    p2m->hint_region = gfn.v >> ORDER_2M;
    p2m->hint_table = s->table;
    p2m->hint_entries = s->entry - gfn.v % TABLE_ENTRIES;
}

void walk_forget_hint(struct p2m *p2m)
{
    p2m->hint_region = ~0ULL;
    p2m->fit_region = ~0ULL;
}

struct slot walk_find_afresh(struct p2m *p2m, gfn_t gfn)
{
    struct slot s = walk_find_level(p2m, gfn, 1);

    if (s.level == 1) {
        note_hint(p2m, gfn, &s);
    }
    return s;
}

/*
 * Fill a table that is not live yet with what leaf s says. Every format keeps
 * the frame in one field, so from leaf to leaf the entries differ by the same
 * number; the last one is checked.
 */
static void fill_from_leaf(struct p2m *p2m, const struct slot *s,
                           struct page *table)
{
    const struct pte_format *format = p2m->format;
    unsigned order = level_order(s->level - 1), last = TABLE_ENTRIES - 1;
    uint64_t *entries = page_map(table), raw, step = 0;
    mfn_t mfn = s->f.mfn;

    table->use = TABLE_ENTRIES * use_of(&s->f);
    note_large(p2m, &s->f, s->level - 1, TABLE_ENTRIES);
    if (s->f.tag == P2M_HOLE) {
        return; /* zero is a hole of any order */
    }
    raw = format->make_leaf(mfn, s->f.rights, s->f.tag, order);
    if (s->f.rights) {
        step = format->make_leaf(mfn_add(mfn, BIT(order)), s->f.rights,
                                 s->f.tag, order) -
               raw;
        mfn = mfn_add(mfn, (uint64_t)last << order);
    }
    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        entries[i] = raw;
        raw += step;
    }
    CHECK(entries[last] ==
          format->make_leaf(mfn, s->f.rights, s->f.tag, order));
}

static inline void trace_write(const struct p2m *p2m, const struct slot *s,
                               const struct pte_fields *f)
{
    if (unlikely(trace_wants(TRACE_P2M_WRITE))) {
        trace_record(TRACE_P2M_WRITE, p2m->account->id, s->gfn.v, f->mfn.v,
                     slot_order(s) | (uint64_t)f->tag << 8 |
                         (uint64_t)f->is_table << 16);
    }
}

/* Write an entry and keep its table's count. */
static inline void write_entry(struct p2m *p2m, struct slot *s, uint64_t raw,
                               const struct pte_fields *f)
{
    struct page *table = slot_table(s);

    trace_write(p2m, s, f);
    note_large(p2m, &s->f, s->level, -1);
    note_large(p2m, f, s->level, 1);
    table->use += use_of(f) - use_of(&s->f);
    arch_pte_write(s->entry, raw);
    s->f = *f;
}

static void point_to_table(struct p2m *p2m, struct slot *s,
                           const struct page *table)
{
    mfn_t mfn = page_to_mfn(table);
    struct pte_fields f = {.is_table = true, .mfn = mfn};

    write_entry(p2m, s, p2m->format->make_table(mfn), &f);
}

static void split_leaf(struct p2m *p2m, struct slot *s, struct page *table,
                       gfn_t gfn)
{
    unsigned order = slot_order(s);

    if (s->f.tag != P2M_HOLE) {
        trace(TRACE_SPLINTER, p2m->account->id, gfn.v, order, s->f.tag);
    }
    if (slot_is_promise(s)) {
        p2m->pod->counters.splinter_2m += order == ORDER_2M;
        p2m->pod->counters.splinter_1g += order == ORDER_1G;
    }
    fill_from_leaf(p2m, s, table);
    point_to_table(p2m, s, table);
}

static void free_tables(struct p2m *p2m, struct page **tables, unsigned count)
{
    while (count) {
        reserve_put(p2m, tables[--count]);
    }
}

static int alloc_tables(struct p2m *p2m, enum table_purpose why,
                        struct page **tables, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        tables[i] = reserve_take(p2m, why);
        if (!tables[i]) {
            free_tables(p2m, tables, i);
            return -ENOMEM;
        }
    }
    return 0;
}

int slot_split_for(struct p2m *p2m, gfn_t gfn, unsigned order, struct slot *s,
                   enum table_purpose why)
{
    struct page *tables[LEVEL_LIMIT];
    unsigned level = order_level(order), missing = s->level - level;
    int rc;

    if (!missing) {
        return 0;
    }
    rc = alloc_tables(p2m, why, tables, missing);
    if (rc) {
        return rc;
    }
    while (missing) {
        split_leaf(p2m, s, tables[--missing], gfn);
        walk_down(p2m, gfn, s->level - 1, s);
    }
    if (s->level == 1) {
        note_hint(p2m, gfn, s);
    }
    return 0;
}

int slot_split(struct p2m *p2m, gfn_t gfn, unsigned order, struct slot *s)
{
    enum table_purpose why = FOR_OTHERS;

    if (slot_is_promise(s)) {
        why = FOR_PROMISES;
    } else if (s->f.tag == P2M_RAM) {
        why = FOR_RAM;
    }
    return slot_split_for(p2m, gfn, order, s, why);
}

int walk_split(struct p2m *p2m, gfn_t gfn, unsigned order, struct slot *s)
{
    *s = walk_find_level(p2m, gfn, order_level(order));
    return slot_split(p2m, gfn, order, s);
}

static void write_leaf(struct p2m *p2m, struct slot *s, enum p2m_type type,
                       mfn_t mfn)
{
    struct pte_fields f = {.rights = p2m_types[type].rights,
                           .tag = (uint8_t)type,
                           .mfn = INVALID_MFN};
    uint64_t raw = 0;

    if (f.rights) {
        f.mfn = mfn;
        f.dirty = true;
    }
    if (type != P2M_HOLE) {
        raw = p2m->format->make_leaf(f.mfn, f.rights, type, slot_order(s));
    }
    if (s->f.is_table) {
        walk_forget_hint(p2m);
    }
    /* Break before make: there is a flush between two that are present. */
    CHECK(!s->f.rights || !f.rights);
    if (s->f.is_table || s->f.rights) {
        p2m->flush_needed = true;
    }
    write_entry(p2m, s, raw, &f);
}

void slot_clean(struct p2m *p2m, struct slot *s)
{
    if (p2m->format->dirty) {
        arch_pte_clear(s->entry, p2m->format->dirty);
        s->f.dirty = false;
        p2m->flush_needed = true;
    }
}

void slot_make_dirty(const struct p2m *p2m, const struct slot *s)
{
    uint64_t raw = READ_ONCE(*s->entry);
    struct pte_fields f = p2m->format->decode(raw, s->level);

    while (f.rights && !f.dirty &&
           !arch_pte_replace(s->entry, &raw, raw | p2m->format->dirty)) {
        f = p2m->format->decode(raw, s->level);
    }
}

void table_make_stale(struct p2m *p2m, struct page *table)
{
    page_list_add_tail(&p2m->stale_tables, table);
    p2m->flush_needed = true;
}

/* What is below a table of 2M entries or larger that is on its way out: tables,
 * and placeholders, which are no longer counted. */
static void make_children_stale(struct p2m *p2m, const struct slot *s)
{
    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        struct slot child = slot_child(p2m, s, i);

        if (child.f.is_table) {
            table_make_stale(p2m, page_from_mfn(child.f.mfn));
        }
        note_large(p2m, &child.f, child.level, -1);
    }
}

void slot_fill(struct p2m *p2m, const struct slot *s, mfn_t mfn)
{
    ASSERT(!s->f.is_table && !s->f.rights);
    trace_write(p2m, s, &(struct pte_fields){.tag = P2M_RAM, .mfn = mfn});
    if (s->level > 1) {
        static const struct pte_fields ram = {.rights = PTE_R, .tag = P2M_RAM};

        note_large(p2m, &s->f, s->level, -1);
        note_large(p2m, &ram, s->level, 1);
    }
    slot_table(s)->use += USE_BUSY - use_of(&s->f);
    arch_pte_write(s->entry,
                   p2m->format->make_leaf(mfn, p2m_types[P2M_RAM].rights,
                                          P2M_RAM, slot_order(s)));
}

void slot_clear(struct p2m *p2m, struct slot *s)
{
    static const struct pte_fields hole = {.mfn = {~0ULL}};

    if (s->f.rights) {
        p2m->flush_needed = true;
    }
    p2m->fit_region = ~0ULL; /* perhaps it was what did not fit */
    write_entry(p2m, s, 0, &hole);
}

void slot_clear_page(struct p2m *p2m, const struct slot *s)
{
    static const struct pte_fields hole = {.mfn = {~0ULL}};

    ASSERT(s->level == 1 && use_of(&s->f) == USE_BUSY);
    trace_write(p2m, s, &hole);
    p2m->flush_needed = true;
    p2m->fit_region = ~0ULL;
    slot_table(s)->use -= USE_BUSY;
    arch_pte_write(s->entry, 0);
}

void slot_set(struct p2m *p2m, struct slot *s, enum p2m_type type, mfn_t mfn)
{
    struct slot old;

    if (!s->f.is_table) {
        write_leaf(p2m, s, type, mfn);
        return;
    }
    old = *s;
    write_leaf(p2m, s, type, mfn);
    if (old.level > 2) {
        make_children_stale(p2m, &old);
    }
    table_make_stale(p2m, page_from_mfn(old.f.mfn));
}

struct page *slot_detach_table(struct p2m *p2m, struct slot *s,
                               enum p2m_type type)
{
    struct page *table = page_from_mfn(s->f.mfn);

    write_leaf(p2m, s, type, INVALID_MFN);
    return table;
}

void slot_reattach(struct p2m *p2m, struct slot *s, struct page *table)
{
    point_to_table(p2m, s, table);
}

/* NOLINTNEXTLINE(misc-no-recursion): a level down each time */
bool slot_is_free(const struct p2m *p2m, const struct slot *s)
{
    if (!s->f.is_table) {
        return s->f.tag == P2M_HOLE || slot_is_promise(s);
    }
    if (s->level == 2) {
        return !table_use(page_from_mfn(s->f.mfn)).busy;
    }
    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        struct slot child = slot_child(p2m, s, i);

        if (!slot_is_free(p2m, &child)) {
            return false;
        }
    }
    return true;
}

/* NOLINTNEXTLINE(misc-no-recursion): a level down each time */
uint64_t slot_promised(const struct p2m *p2m, const struct slot *s,
                       unsigned order)
{
    uint64_t count = 0;

    if (!s->f.is_table) {
        return slot_is_promise(s) ? BIT(order) : 0;
    }
    if (s->level == 2) {
        return table_use(page_from_mfn(s->f.mfn)).promised;
    }
    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        struct slot child = slot_child(p2m, s, i);

        count += slot_promised(p2m, &child, order - 9);
    }
    return count;
}
