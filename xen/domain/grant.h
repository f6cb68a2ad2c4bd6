/* SPDX-License-Identifier: MIT */
/*
 * Grant tables, version 1: a domain lets another map or copy single pages.
 *
 * The table's frames are SPECIAL pages shown to the granter; entries are read
 * and their READING/WRITING bits changed with atomics, as the guest edits the
 * same words. `active` counts uses per reference (pins); maptrack holds the
 * mapper's side, by handle, in slabs. Lock: grants.lock, of one table at a
 * time: a mapping first reserves a handle here, then pins there.
 */
#ifndef DOMAIN_GRANT_H
#define DOMAIN_GRANT_H

#include "base/lock.h"
#include "mm/page_ref.h"
#include "types/check.h"

struct domain;

#define GRANT_REFS_PER_FRAME 512
#define GRANT_FRAME_LIMIT    1024 /* more is -EINVAL at grant_init() */
#define GRANT_SLAB           128  /* mappings per slab of maptrack */
/* A "maptrack frame" of the ABI's configuration counts for so many. */
#define GRANT_MAPPINGS_PER_FRAME 256

struct grant_active { /* one per reference of a frame in use */
    uint32_t read_pins, write_pins;
    domid_t mapper;
    struct page *page; /* valid while there are pins: each holds a reference */
    uint64_t gfn;
};

enum grant_mapping_state {
    GRANT_MAPPING_FREE,
    GRANT_MAPPING_BUSY, /* reserved, or on its way out: the guest cannot use it
                         */
    GRANT_MAPPING_LIVE,
};

struct grant_mapping { /* maptrack entry of the mapping domain */
    uint8_t state;     /* enum grant_mapping_state */
    bool write;
    domid_t granter;
    uint32_t ref;      /* granter's reference; FREE: next free handle */
    uint64_t gfn;      /* where it was mapped */
    struct page *page; /* holds the pin's reference */
};

struct grant_table {
    struct lock lock;
    unsigned frame_count, max_frames;
    struct page **frames;         /* max_frames pointers */
    struct grant_active **active; /* per frame, GRANT_REFS_PER_FRAME entries */
    struct grant_mapping **slabs; /* slab_limit pointers */
    unsigned slab_count, slab_limit;
    uint32_t free_handle;   /* list through grant_mapping.ref */
    unsigned mapping_count; /* not FREE */
};

/* max_maptrack: in frames. -EINVAL: more than the limit; -ENOMEM. */
int must_check grant_init(struct domain *d, unsigned max_frames,
                          unsigned max_maptrack);
/* Drop all mappings that this domain holds of others. */
void grant_release_mappings(struct domain *d);
/* Free the table. Others may still have pages of it mapped: they keep them. */
void grant_teardown(struct domain *d);

/* Grow to `frames` frames. -EINVAL above the limit, -ENOMEM. */
int must_check grant_grow(struct domain *d, unsigned frames);
/* Frame `index` (grown to it if need be): the SPECIAL page, with a reference.
 */
int must_check grant_get_frame(struct domain *d, unsigned index,
                               struct page **pg);

/*
 * Map ref of `granter` at guest-physical address gpa of d, which must be a
 * hole; GNTST_* status. flags: GNTMAP_* of the ABI. Unmapping wants the same
 * handle and gpa, and makes the gfn a hole again.
 */
int grant_map(struct domain *d, domid_t granter, uint32_t ref, unsigned flags,
              uint64_t gpa, uint32_t *handle);
int grant_unmap(struct domain *d, uint32_t handle, uint64_t gpa);

/*
 * Many at a time, with one TLB flush for all of them: begin with a zeroed
 * batch; grant_unmap_add() for each; grant_unmap_finish() before the hypercall
 * ends or is left. Until then the pages stay pinned.
 */
#define GRANT_UNMAP_BATCH 16
struct grant_unmap_batch {
    unsigned count;
    uint32_t handles[GRANT_UNMAP_BATCH];
    struct grant_mapping mappings[GRANT_UNMAP_BATCH];
};
int grant_unmap_add(struct domain *d, struct grant_unmap_batch *batch,
                    uint32_t handle, uint64_t gpa);
void grant_unmap_finish(struct domain *d, struct grant_unmap_batch *batch);

/* One side of a copy by reference: d takes the page for reading or writing;
 * grant_release_page() afterwards. GNTST_*. */
int grant_acquire_page(struct domain *d, domid_t granter, uint32_t ref,
                       bool write, struct page **pg);
void grant_release_page(domid_t granter, uint32_t ref, bool write,
                        struct page *pg);

/* Long: looks at every domain's mappings. */
unsigned grant_audit(struct domain *d);

#endif
