/* SPDX-License-Identifier: MIT */
/*
 * Grants. The granter writes {flags, domid, frame} into an entry of its table;
 * whoever has that domid may then use the frame, by reference.
 *
 *   pin      one use of a reference: a mapping, or one side of a copy while it
 *            lasts. Each pin holds a reference on the page, so the page stays
 *            whatever becomes of the granter.
 *   handle   the mapper's name for one mapping.
 *
 * Always: GTF_reading is set in the entry while it has pins, GTF_writing while
 * it has write pins: the granter may end a grant only by changing an entry
 * that has neither (HC-28). All pins of a reference are by one domain, of one
 * page: the guest may rewrite the entry while it is pinned, and then gets
 * nothing new out of it until the last pin is gone.
 *
 * A mapping's pin goes only after the p2m entry is gone and flushed.
 */
#include "domain/grant.h"

#include "base/audit.h"
#include "base/console.h"
#include "domain/domain.h"
#include "domain/memory.h"
#include "domain/sched.h"
#include "mm/heap.h"
#include "types/error.h"

#include <xen/grant_table.h>

BUILD_ASSERT(sizeof(struct grant_entry_v1) * GRANT_REFS_PER_FRAME == PAGE_SIZE,
             "entries per frame");

#define NO_HANDLE       (~0U)
#define SWEEP_SLICES    16 /* of a search for a zero page before "try again" */
#define PIN_COUNT_LIMIT (1U << 30)

/*
 * The granter's side: entries and pins. Functions need the granter's lock.
 */

static struct grant_active *active_find(struct domain *d, uint32_t ref)
{
    unsigned frame = ref / GRANT_REFS_PER_FRAME;

    return frame < d->grants.frame_count
               ? &d->grants.active[frame][ref % GRANT_REFS_PER_FRAME]
               : NULL;
}

static struct grant_entry_v1 *entry_find(struct domain *d, uint32_t ref)
{
    struct grant_entry_v1 *frame =
        page_map(d->grants.frames[ref / GRANT_REFS_PER_FRAME]);

    return &frame[ref % GRANT_REFS_PER_FRAME];
}

static uint32_t pin_count(const struct grant_active *a)
{
    return a->read_pins + a->write_pins;
}

/* Clear the bits of uses that are no more. */
static void entry_update_bits(struct grant_entry_v1 *e,
                              const struct grant_active *a)
{
    uint16_t stale = 0;

    if (!a->write_pins) {
        stale |= GTF_writing;
    }
    if (!pin_count(a)) {
        stale |= GTF_reading;
    }
    if (stale) {
        __atomic_fetch_and(&e->flags, (uint16_t)~stale, __ATOMIC_SEQ_CST);
    }
}

/*
 * Check the grant and mark it used in one step: flags and domid are one word,
 * so the granter cannot take the grant back in between.
 */
static int entry_mark_used(struct grant_entry_v1 *e, domid_t user, bool write)
{
    uint32_t *word = (uint32_t *)(void *)e;
    uint32_t old = __atomic_load_n(word, __ATOMIC_SEQ_CST);
    uint32_t use = GTF_reading | (write ? GTF_writing : 0);

    do {
        if ((old & (GTF_type_mask | GTF_sub_page)) != GTF_permit_access ||
            old >> 16 != user || (write && (old & GTF_readonly))) {
            return GNTST_general_error;
        }
    } while (!__atomic_compare_exchange_n(word, &old, old | use, false,
                                          __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    return GNTST_okay;
}

/* The page at gfn, with a reference. GNTST_eagain: there was none, and a slice
 * of the search for one was done. */
static int page_find(struct domain *d, uint64_t gfn, bool write,
                     struct page **pg)
{
    int rc = memory_get_page(d, GFN(gfn), write, pg);

    if (rc) {
        return rc == -ERESTART ? GNTST_eagain : GNTST_bad_page;
    }
    /* What is not one's own RAM cannot be granted: pins rely on the charge to
     * keep the granter listed. */
    if (!page_is_of(*pg, &d->account) || (*pg)->state != PAGE_GUEST) {
        page_put(*pg);
        return GNTST_bad_page;
    }
    return GNTST_okay;
}

/* The page of a pin: the one that is pinned already, if any. */
static int pin_page(struct domain *d, const struct grant_active *a,
                    uint64_t gfn, bool write, struct page **pg)
{
    int status;

    if (pin_count(a) && (a->write_pins || !write)) {
        *pg = a->page;
        return page_get(a->page, &d->account) ? GNTST_okay : GNTST_bad_page;
    }
    status = page_find(d, pin_count(a) ? a->gfn : gfn, write, pg);
    if (!status && pin_count(a) && *pg != a->page) {
        page_put(*pg);
        status = GNTST_bad_page;
    }
    return status;
}

static void active_add(struct grant_active *a, domid_t user, bool write,
                       struct page *pg, uint64_t gfn)
{
    if (!pin_count(a)) {
        a->mapper = user;
        a->page = pg;
        a->gfn = gfn;
    }
    if (write) {
        a->write_pins++;
    } else {
        a->read_pins++;
    }
}

static int pin_locked(struct domain *d, domid_t user, uint32_t ref, bool write,
                      struct page **pg)
{
    struct grant_active *a = active_find(d, ref);
    struct grant_entry_v1 *e;
    uint64_t gfn;
    int status;

    if (!a) {
        return GNTST_bad_gntref;
    }
    if (pin_count(a) && (a->mapper != user || pin_count(a) > PIN_COUNT_LIMIT)) {
        return GNTST_general_error;
    }
    e = entry_find(d, ref);
    status = entry_mark_used(e, user, write);
    if (status) {
        return status;
    }
    gfn = READ_ONCE(e->frame);
    status = pin_page(d, a, gfn, write, pg);
    if (status) {
        entry_update_bits(e, a);
        return status;
    }
    active_add(a, user, write, *pg, gfn);
    return GNTST_okay;
}

static void unpin_locked(struct domain *d, uint32_t ref, bool write,
                         const struct page *pg)
{
    struct grant_active *a = active_find(d, ref);

    if (!a) {
        return; /* the granter's table is gone */
    }
    CHECK(a->page == pg && (write ? a->write_pins : a->read_pins) > 0);
    if (write) {
        a->write_pins--;
    } else {
        a->read_pins--;
    }
    if (!pin_count(a)) {
        a->page = NULL;
    }
    entry_update_bits(entry_find(d, ref), a);
}

/* Is there something else to do on this CPU? */
static bool must_hurry(void)
{
    const struct vcpu *v = sched_current();

    return v && READ_ONCE(v->work);
}

/* The lock is not held for longer than a slice. */
static int pin(struct domain *d, domid_t user, uint32_t ref, bool write,
               struct page **pg)
{
    int status = GNTST_eagain;

    for (unsigned i = 0; i < SWEEP_SLICES && status == GNTST_eagain; i++) {
        if (i && must_hurry()) {
            break;
        }
        lock(&d->grants.lock);
        status = pin_locked(d, user, ref, write, pg);
        unlock(&d->grants.lock);
    }
    return status;
}

int grant_acquire_page(struct domain *d, domid_t granter, uint32_t ref,
                       bool write, struct page **pg)
{
    struct domain *g = domain_get(granter);
    int status;

    if (!g) {
        return GNTST_bad_domain;
    }
    status = pin(g, d->id, ref, write, pg);
    domain_put(g);
    return status;
}

/* The page's reference keeps the granter listed: its id is still its own. */
void grant_release_page(domid_t granter, uint32_t ref, bool write,
                        struct page *pg)
{
    struct domain *g = domain_get(granter);

    if (g) {
        lock(&g->grants.lock);
        unpin_locked(g, ref, write, pg);
        unlock(&g->grants.lock);
    }
    if (page_put(pg)) {
        domain_reap_soon();
    }
    if (g) {
        domain_put(g);
    }
}

/*
 * The mapper's side: handles.
 */

static struct grant_mapping *mapping_find(struct grant_table *t,
                                          uint32_t handle)
{
    return handle / GRANT_SLAB < t->slab_count
               ? &t->slabs[handle / GRANT_SLAB][handle % GRANT_SLAB]
               : NULL;
}

static void handle_free_locked(struct grant_table *t, uint32_t handle)
{
    struct grant_mapping *m = mapping_find(t, handle);

    *m = (struct grant_mapping){.ref = t->free_handle};
    t->free_handle = handle;
    t->mapping_count--;
}

static bool slab_add_locked(struct grant_table *t)
{
    struct grant_mapping *slab;
    uint32_t first = t->slab_count * GRANT_SLAB;

    if (t->slab_count == t->slab_limit) {
        return false;
    }
    slab = heap_alloc_array(GRANT_SLAB, sizeof(*slab));
    if (!slab) {
        return false;
    }
    t->slabs[t->slab_count++] = slab;
    for (unsigned i = GRANT_SLAB; i-- > 0;) {
        slab[i].ref = t->free_handle;
        t->free_handle = first + i;
    }
    return true;
}

/* A BUSY handle, or NO_HANDLE. */
static uint32_t handle_reserve(struct grant_table *t)
{
    uint32_t handle;
    struct grant_mapping *m;

    lock(&t->lock);
    handle = NO_HANDLE;
    if (t->free_handle != NO_HANDLE || slab_add_locked(t)) {
        handle = t->free_handle;
        m = mapping_find(t, handle);
        t->free_handle = m->ref;
        m->state = GRANT_MAPPING_BUSY;
        t->mapping_count++;
    }
    unlock(&t->lock);
    return handle;
}

static void handle_free(struct grant_table *t, uint32_t handle)
{
    lock(&t->lock);
    handle_free_locked(t, handle);
    unlock(&t->lock);
}

static void handle_publish(struct grant_table *t, uint32_t handle,
                           struct grant_mapping mapping)
{
    lock(&t->lock);
    *mapping_find(t, handle) = mapping;
    unlock(&t->lock);
}

/* Make a LIVE handle BUSY and say what it was. exact: only if it is at gfn. */
static int handle_claim(struct grant_table *t, uint32_t handle, bool exact,
                        uint64_t gfn, struct grant_mapping *out)
{
    struct grant_mapping *m;
    int status = GNTST_okay;

    lock(&t->lock);
    m = mapping_find(t, handle);
    if (!m || m->state != GRANT_MAPPING_LIVE) {
        status = GNTST_bad_handle;
    } else if (exact && m->gfn != gfn) {
        status = GNTST_bad_virt_addr;
    } else {
        *out = *m;
        m->state = GRANT_MAPPING_BUSY;
    }
    unlock(&t->lock);
    return status;
}

static int map_reserved(struct domain *d, uint32_t handle,
                        struct grant_mapping m)
{
    int status = grant_acquire_page(d, m.granter, m.ref, m.write, &m.page);

    if (status) {
        return status;
    }
    if (p2m_add_foreign(&d->p2m, GFN(m.gfn), m.page,
                        m.write ? P2M_GRANT : P2M_GRANT_RO)) {
        grant_release_page(m.granter, m.ref, m.write, m.page);
        return GNTST_bad_virt_addr;
    }
    m.state = GRANT_MAPPING_LIVE;
    handle_publish(&d->grants, handle, m);
    return GNTST_okay;
}

int grant_map(struct domain *d, domid_t granter, uint32_t ref, unsigned flags,
              uint64_t gpa, uint32_t *handle)
{
    struct grant_mapping m = {
        .granter = granter,
        .ref = ref,
        .write = !(flags & GNTMAP_readonly),
        .gfn = gpa >> PAGE_SHIFT,
    };
    int status;

    /* For the CPU only; device access comes with it, as there is no IOMMU. */
    if (!(flags & GNTMAP_host_map) || (flags & GNTMAP_contains_pte)) {
        return GNTST_general_error;
    }
    *handle = handle_reserve(&d->grants);
    if (*handle == NO_HANDLE) {
        return GNTST_no_space;
    }
    status = map_reserved(d, *handle, m);
    if (status) {
        handle_free(&d->grants, *handle);
    }
    return status;
}

/*
 * Take a claimed mapping out of the p2m. The gfn may hold something else by
 * now, if the guest removed our entry itself: then it is left alone.
 */
static void batch_add(struct domain *d, struct grant_unmap_batch *b,
                      uint32_t handle, struct grant_mapping m)
{
    if (b->count == GRANT_UNMAP_BATCH) {
        grant_unmap_finish(d, b);
    }
    if (!b->count) {
        memory_batch_begin(d);
    }
    if (p2m_remove(&d->p2m, GFN(m.gfn), page_to_mfn(m.page))) {
        log_guest(d->id, LOG_DEBUG, "grant handle %u was not at gfn %llx",
                  handle, (unsigned long long)m.gfn);
    }
    b->handles[b->count] = handle;
    b->mappings[b->count++] = m;
}

/* The end of the memory batch is when no CPU can reach the pages by way of d
 * any more, whoever removed the entries: only then do the pins go. */
void grant_unmap_finish(struct domain *d, struct grant_unmap_batch *b)
{
    if (b->count) {
        memory_batch_end(d);
    }
    for (unsigned i = 0; i < b->count; i++) {
        const struct grant_mapping *m = &b->mappings[i];

        grant_release_page(m->granter, m->ref, m->write, m->page);
        handle_free(&d->grants, b->handles[i]);
    }
    b->count = 0;
}

int grant_unmap_add(struct domain *d, struct grant_unmap_batch *b,
                    uint32_t handle, uint64_t gpa)
{
    struct grant_mapping m;
    int status = handle_claim(&d->grants, handle, true, gpa >> PAGE_SHIFT, &m);

    if (!status) {
        batch_add(d, b, handle, m);
    }
    return status;
}

int grant_unmap(struct domain *d, uint32_t handle, uint64_t gpa)
{
    struct grant_unmap_batch b = {.count = 0};
    int status = grant_unmap_add(d, &b, handle, gpa);

    grant_unmap_finish(d, &b);
    return status;
}

void grant_release_mappings(struct domain *d)
{
    struct grant_unmap_batch b = {.count = 0};
    struct grant_mapping m;

    for (uint32_t h = 0; h < d->grants.slab_count * GRANT_SLAB; h++) {
        if (handle_claim(&d->grants, h, false, 0, &m) == GNTST_okay) {
            batch_add(d, &b, h, m);
        }
    }
    grant_unmap_finish(d, &b);
}

/*
 * The table itself.
 */

static bool frame_add_locked(struct domain *d)
{
    struct grant_table *t = &d->grants;
    struct page *pg = page_alloc_special(&d->account);
    struct grant_active *a = heap_alloc_array(GRANT_REFS_PER_FRAME, sizeof(*a));

    if (!pg || !a) {
        if (pg) {
            page_put(pg);
        }
        heap_free(a);
        return false;
    }
    t->frames[t->frame_count] = pg;
    t->active[t->frame_count] = a;
    t->frame_count++;
    return true;
}

static int grow_locked(struct domain *d, unsigned frames)
{
    if (frames > d->grants.max_frames) {
        return -EINVAL;
    }
    while (d->grants.frame_count < frames) {
        if (!frame_add_locked(d)) {
            return -ENOMEM;
        }
    }
    return 0;
}

int grant_grow(struct domain *d, unsigned frames)
{
    int rc;

    lock(&d->grants.lock);
    rc = grow_locked(d, frames);
    unlock(&d->grants.lock);
    return rc;
}

int grant_get_frame(struct domain *d, unsigned index, struct page **pg)
{
    int rc = -EINVAL;

    lock(&d->grants.lock);
    if (index < d->grants.max_frames) {
        rc = grow_locked(d, index + 1);
    }
    if (!rc) {
        *pg = d->grants.frames[index];
        rc = page_get(*pg, &d->account) ? 0 : -EINVAL;
    }
    unlock(&d->grants.lock);
    return rc;
}

int grant_init(struct domain *d, unsigned max_frames, unsigned max_maptrack)
{
    struct grant_table *t = &d->grants;

    if (max_frames < 1 || max_frames > GRANT_FRAME_LIMIT ||
        max_maptrack > GRANT_FRAME_LIMIT) {
        return -EINVAL;
    }
    lock_init(&t->lock, RANK_GRANT);
    t->max_frames = max_frames;
    t->slab_limit = max_maptrack * GRANT_MAPPINGS_PER_FRAME / GRANT_SLAB;
    t->free_handle = NO_HANDLE;
    t->frames = heap_alloc_array(max_frames, sizeof(struct page *));
    t->active = heap_alloc_array(max_frames, sizeof(struct grant_active *));
    t->slabs = heap_alloc_array(MAX(t->slab_limit, 1U),
                                sizeof(struct grant_mapping *));
    if (!t->frames || !t->active || !t->slabs || grant_grow(d, 1)) {
        grant_teardown(d);
        return -ENOMEM;
    }
    return 0;
}

static void free_frames(struct grant_table *t)
{
    for (unsigned i = 0; i < t->frame_count; i++) {
        page_put_special(t->frames[i]);
        heap_free(t->active[i]);
    }
    t->frame_count = 0;
    t->max_frames = 0;
}

void grant_teardown(struct domain *d)
{
    struct grant_table *t = &d->grants;

    CHECK(t->mapping_count == 0);
    lock(&t->lock);
    free_frames(t);
    for (unsigned i = 0; i < t->slab_count; i++) {
        heap_free(t->slabs[i]);
    }
    t->slab_count = 0;
    t->slab_limit = 0;
    heap_free(t->frames);
    heap_free(t->active);
    heap_free(t->slabs);
    t->frames = NULL;
    t->active = NULL;
    t->slabs = NULL;
    unlock(&t->lock);
}

/*
 * Audit: count every domain's mappings of d's references again.
 */

struct grant_recount {
    uint32_t reads, writes;
};

static void recount_mapper(struct domain *d, struct domain *mapper,
                           struct grant_recount *counts, uint32_t ref_count)
{
    struct grant_table *t = &mapper->grants;

    lock(&t->lock);
    for (uint32_t h = 0; h < t->slab_count * GRANT_SLAB; h++) {
        const struct grant_mapping *m = mapping_find(t, h);

        if (m->state != GRANT_MAPPING_LIVE || m->granter != d->id ||
            m->ref >= ref_count) {
            continue;
        }
        if (m->write) {
            counts[m->ref].writes++;
        } else {
            counts[m->ref].reads++;
        }
    }
    unlock(&t->lock);
}

static void recount_all(struct domain *d, struct grant_recount *counts,
                        uint32_t ref_count)
{
    struct domain *mapper = domain_get_next(0);

    while (mapper) {
        domid_t next = (domid_t)(mapper->id + 1U);

        recount_mapper(d, mapper, counts, ref_count);
        domain_put(mapper);
        mapper = next < DOMID_LIMIT ? domain_get_next(next) : NULL;
    }
}

/* The entry's own bits are not looked at: the guest can write what it likes
 * there, and fools only itself. */
static bool active_is_right(struct domain *d, uint32_t ref,
                            struct grant_recount n)
{
    const struct grant_active *a = active_find(d, ref);

    return a->read_pins == n.reads && a->write_pins == n.writes &&
           !a->page == !pin_count(a);
}

static unsigned compare(struct domain *d, const struct grant_recount *counts,
                        uint32_t ref_count)
{
    unsigned differences = 0;

    lock(&d->grants.lock);
    for (uint32_t ref = 0; ref < ref_count; ref++) {
        if (!active_is_right(d, ref, counts[ref])) {
            const struct grant_active *a = active_find(d, ref);

            audit_differs(&(struct audit_difference){
                "F11", "pins of a grant, reference in the frame's place", d->id,
                a->gfn, ref, pin_count(a),
                counts[ref].reads + counts[ref].writes});
            differences++;
        }
    }
    unlock(&d->grants.lock);
    return differences;
}

unsigned grant_audit(struct domain *d)
{
    uint32_t ref_count = d->grants.frame_count * GRANT_REFS_PER_FRAME;
    struct grant_recount *counts;
    unsigned differences = 0;

    if (!ref_count) {
        return 0;
    }
    counts = heap_alloc_array(ref_count, sizeof(*counts));
    if (!counts) {
        log_line(LOG_WARNING, "audit: d%u: no memory to count grants", d->id);
        return 0;
    }
    recount_all(d, counts, ref_count);
    differences = compare(d, counts, ref_count);
    heap_free(counts);
    return differences;
}
