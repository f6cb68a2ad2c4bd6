/* SPDX-License-Identifier: MIT */
/*
 * A p2m as a whole, and reading it.
 *
 * Reading takes no lock: every copy to or from a guest reads some entries, and
 * those who read must not queue behind one who changes, nor behind one another
 * (a CPU that waits for its ticket may not even be running, in an emulator).
 * Tables and pages that leave the p2m are handed on only after a flush, and a
 * flush waits for readers (arch/tlb.h). So what a reader finds stays what it
 * is until it is done, even if the entry changes under its eyes: then it has
 * read the moment before.
 */
#include "mm/heap.h"
#include "p2m/internal.h"

int p2m_init(struct p2m *p2m, struct account *account, struct pod *pod)
{
    const struct pte_format *format = arch_pte_format;
    struct page *root;

    *p2m = (struct p2m){.format = format, .account = account, .pod = pod};
    lock_init(&p2m->lock, RANK_P2M);
    arch_guest_tlb_init(&p2m->tlb);
    p2m->gfn_limit = MIN(P2M_GFN_LIMIT, BIT(format->gfn_bits));
    p2m->root = INVALID_MFN;
    walk_forget_hint(p2m);
    CHECK(format->levels <= LEVEL_LIMIT);

    p2m->parked = heap_alloc_array(P2M_PARKED_LIMIT, sizeof(*p2m->parked));
    if (!p2m->parked) {
        return -ENOMEM;
    }
    root = page_alloc_table(account);
    if (!root) {
        heap_free(p2m->parked);
        p2m->parked = NULL;
        return -ENOMEM;
    }
    root->use = 0;
    p2m->root = page_to_mfn(root);
    return 0;
}

void p2m_set_dying(struct p2m *p2m)
{
    lock(&p2m->lock);
    p2m_settle(p2m);
    /* Who populates or gives holds both locks, so nobody is at it now. */
    lock(&p2m->pod->lock);
    p2m->dying = true;
    unlock(&p2m->pod->lock);
    unlock(&p2m->lock);
}

bool p2m_enter(struct p2m *p2m)
{
    bool alive;

    lock(&p2m->lock);
    alive = !p2m->dying;
    p2m->visitors += alive;
    unlock(&p2m->lock);
    return alive;
}

void p2m_leave(struct p2m *p2m)
{
    lock(&p2m->lock);
    CHECK(p2m->visitors);
    p2m->visitors--;
    unlock(&p2m->lock);
}

void p2m_note_gfn(struct p2m *p2m, gfn_t last)
{
    if (last.v > p2m->max_gfn.v) {
        p2m->max_gfn = last;
        /* The lap became longer: start counting it again. */
        p2m->sweep_fruitless = 0;
    }
}

/* The leaf that covers gfn; false: there are no tables for it. The hint of
 * walk_find() is for those who hold the lock. */
static inline bool read_slot(const struct p2m *p2m, gfn_t gfn, struct slot *s)
{
    mfn_t root = MFN(READ_ONCE(p2m->root.v));

    if (!gfn_in_reach(p2m, gfn) || !mfn_valid(root)) {
        return false;
    }
    *s = walk_find_from(p2m, root, gfn, 1);
    return true;
}

static inline struct p2m_entry read_entry(const struct slot *s, gfn_t gfn)
{
    struct p2m_entry e = {
        .type = slot_type(s), .order = slot_order(s), .mfn = INVALID_MFN};

    if (p2m_types[e.type].has_frame) {
        e.mfn = slot_mfn(s, gfn);
    }
    return e;
}

static const struct p2m_entry no_entry = {.type = P2M_HOLE, .mfn = {~0ULL}};

struct p2m_entry p2m_get(struct p2m *p2m, gfn_t gfn)
{
    struct p2m_entry e = no_entry;
    struct slot s;

    arch_guest_tlb_read_begin(&p2m->tlb);
    if (read_slot(p2m, gfn, &s)) {
        e = read_entry(&s, gfn);
    }
    arch_guest_tlb_read_end(&p2m->tlb);
    return e;
}

/* A reference on the page at gfn, which the leaf s maps. The entry, or the
 * grant table for it, kept the page with its owner when it was read, and until
 * the reading ends. */
static struct page *get_page(const struct p2m *p2m, const struct slot *s,
                             mfn_t mfn)
{
    struct page *pg = page_from_mfn(mfn);

    if (!pg || !page_get_any(pg)) {
        return NULL;
    }
    /* Nobody hears of it when the caller writes to the page. */
    if (!s->f.dirty) {
        slot_make_dirty(p2m, s);
    }
    return pg;
}

struct page *p2m_get_page(struct p2m *p2m, gfn_t gfn, struct p2m_entry *entry)
{
    struct page *pg = NULL;
    struct slot s;

    *entry = no_entry;
    arch_guest_tlb_read_begin(&p2m->tlb);
    if (read_slot(p2m, gfn, &s)) {
        *entry = read_entry(&s, gfn);
        if (mfn_valid(entry->mfn)) {
            pg = get_page(p2m, &s, entry->mfn);
        }
    }
    arch_guest_tlb_read_end(&p2m->tlb);
    return pg;
}
