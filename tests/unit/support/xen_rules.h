/* SPDX-License-Identifier: MIT */
/*
 * What Xen 4.17 does with a guest's promised memory, as a program of its own:
 * sections 2 to 4 of the specification (POD-2.x .. POD-4.x) written down, so
 * that the same guest can be run by both and the counts be compared. It models
 * rules, not code: which entry becomes what, which page goes where, what is
 * looked at, cleared and flushed. One guest; its vCPUs come one after the
 * other, as Xen's p2m lock makes them.
 *
 * A page's contents are no more than where its first byte that is not zero is:
 * that is all the rules look at.
 */
#ifndef XEN_RULES_H
#define XEN_RULES_H

#include "overcommit/pod.h"

#define XEN_PAGES 512U /* of a region: 2 MiB */

enum xen_type {
    XEN_HOLE,
    XEN_POD,
    XEN_RAM,
    XEN_OTHER, /* foreign or granted: never RAM of its own */
};

/* 2 MiB of guest frames: one leaf, or part of one of 1 GiB, or a table. */
struct xen_region {
    uint8_t order; /* 18, 9, or 0: entries[] */
    uint8_t type;
    uint32_t mfn;      /* of the first page */
    uint32_t *entries; /* mfn * 4 + type */
};

/* Frames by number: a ring that grows, first in, first out. */
struct xen_queue {
    uint32_t *mfns;
    uint64_t first, count, room;
};

struct xen_rules {
    uint64_t gfn_count, frame_count, max_pages;
    struct xen_region *regions;
    uint16_t *contents;   /* by frame: 0 all zero, else 1 + offset of a byte */
    uint8_t *references;  /* by frame: besides the guest's own */
    uint64_t fresh_frame; /* frames from here on were never used */
    struct xen_queue free_super, free_single;

    uint64_t charged;                /* tot */
    int64_t entries, cached;         /* E, C */
    struct xen_queue super, single;  /* the cache */
    uint64_t orphans;                /* charged, and mapped nowhere */
    uint64_t max_guest, sweep_start; /* POD-1.12, 1.13 */
    struct {
        uint64_t gfn;
        uint8_t order;
        bool used;
    } ring[32]; /* POD-1.14 */
    unsigned ring_next;

    bool ept;               /* a flush for each batch, not for each page */
    bool interrupt_pending; /* whenever it matters (POD-3.19) */
    bool dead, dying;
    uint64_t fail_nth; /* the n-th allocation from now on fails; 0: none */

    struct pod_counters counters;
    uint64_t quick_looks;       /* pages of which 128 bytes were read */
    uint64_t split_in_vain;     /* superpages, for pages that came back */
    uint64_t entered_cache;     /* pages, ever */
    uint64_t accesses_emulated; /* of RAM, as if there were a device */
    uint64_t hold;              /* gfns looked at under this lock hold */
};

/* A host of `frames` frames, and a guest of gfns below `gfns`. */
void xen_start(struct xen_rules *x, uint64_t gfns, uint64_t frames);
void xen_end(struct xen_rules *x);

/* Where gfn leads; the order of its leaf (18, 9, 0) if order is not NULL. */
enum xen_type xen_lookup(const struct xen_rules *x, uint64_t gfn, uint32_t *mfn,
                         unsigned *order);

/* POD-2.2: false: the guest is dead, or its access was emulated. */
bool xen_touch(struct xen_rules *x, uint64_t gfn, uint32_t *mfn);

/* Section 4. Return the pages done, as the calls do: short if not all. */
uint64_t xen_decrease(struct xen_rules *x, uint64_t gfn, unsigned order);
uint64_t xen_populate(struct xen_rules *x, uint64_t gfn, unsigned order);
uint64_t xen_mark(struct xen_rules *x, uint64_t gfn, unsigned order);
int xen_set_target(struct xen_rules *x, uint64_t pages);
bool xen_remove(struct xen_rules *x, uint64_t gfn);
/* Another domain maps the page at gfn, and lets it go. */
bool xen_map(struct xen_rules *x, uint64_t gfn, uint32_t *mfn);
void xen_unmap(struct xen_rules *x, uint32_t mfn);
/* A page of another domain at gfn, over whatever was there. */
bool xen_add_other(struct xen_rules *x, uint64_t gfn);

/* I1, I2, I5 and the orders of leaves, counted again: NULL, or what differs. */
const char *xen_audit(const struct xen_rules *x);

uint64_t xen_mapped_superpages(const struct xen_rules *x);
static inline int64_t xen_deficit(const struct xen_rules *x)
{
    return x->entries - x->cached;
}

#endif
