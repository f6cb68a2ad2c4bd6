/* SPDX-License-Identifier: MIT */
/*
 * Grant tables, version 1: a domain lets another map or copy single pages.
 *
 * The table's frames are SPECIAL pages shown to the granter; entries are read
 * and their READING/WRITING bits changed with atomics, as the guest edits the
 * same words. `active` counts mappings per reference; maptrack holds the
 * mapper's side, by handle. Lock: grants.lock of the granter, then (nested by
 * lock_two when both are needed) of the mapper.
 */
#ifndef DOMAIN_GRANT_H
#define DOMAIN_GRANT_H

#include "base/lock.h"
#include "mm/page_ref.h"

struct domain;

struct grant_active {   /* one per reference of a frame in use */
    uint16_t read_pins, write_pins;
    domid_t mapper;
    struct page *page;
    uint64_t gfn;
};

struct grant_mapping {  /* maptrack entry of the mapping domain */
    uint32_t ref;       /* granter's reference */
    domid_t granter;
    uint8_t flags;      /* GNTMAP_* of the ABI; 0: free */
    uint64_t gfn;       /* where it was mapped */
};

struct grant_table {
    struct lock lock;
    unsigned frame_count, max_frames;
    struct page **frames;          /* max_frames pointers */
    struct grant_active **active;  /* per frame, 512 entries */
    struct grant_mapping *maptrack;
    unsigned maptrack_count, maptrack_limit;
};

int grant_init(struct domain *d, unsigned max_frames, unsigned max_maptrack);
/* Drop all mappings that this domain holds of others. */
void grant_release_mappings(struct domain *d);
void grant_teardown(struct domain *d);

/* Grow to `frames` frames. -EINVAL above the limit, -ENOMEM. */
int grant_grow(struct domain *d, unsigned frames);
/* Frame `index` (grown to it if need be): the SPECIAL page, with a reference. */
int grant_get_frame(struct domain *d, unsigned index, struct page **pg);

/* One map, unmap: GNTST_* status. Mapping puts the page at `gfn` of d. */
int grant_map(struct domain *d, domid_t granter, uint32_t ref, unsigned flags,
              uint64_t gpa, uint32_t *handle);
int grant_unmap(struct domain *d, uint32_t handle, uint64_t gpa);

/* One side of a copy by reference: takes the page for reading or writing;
 * grant_release_page() afterwards. GNTST_*. */
int grant_acquire_page(struct domain *d, domid_t granter, uint32_t ref,
                       bool write, struct page **pg);
void grant_release_page(domid_t granter, uint32_t ref, bool write,
                        struct page *pg);

unsigned grant_audit(struct domain *d);

#endif
