/* SPDX-License-Identifier: MIT */
/*
 * A guest as the scenarios see it, kept by either of two: Podium's sources on
 * the fake machine, and the rules of Xen 4.17 (xen_rules.h). What the guest
 * and its toolstack do is the same for both; what it costs is counted alike.
 */
#ifndef MODEL_SIDE_H
#define MODEL_SIDE_H

#include "overcommit/pod.h"
#include "types/bits.h"

#define MIB_PAGES    256ULL /* pages in a MiB */
#define REGION_PAGES 512ULL

/* What a page holds. */
enum contents {
    ZEROS,
    DATA,    /* from its first byte on */
    LATE,    /* the first KiB is zero, then data */
    PATTERN, /* 0xAA all over */
};

struct shape {
    uint64_t promised, target; /* pages */
    uint64_t spare;            /* pages of the host besides */
};

struct view {
    struct pod_counters c;
    uint64_t charged, cached, promised;
    uint64_t mapped_2m, cached_2m; /* superpages */
    uint64_t orphans;              /* charged, and neither mapped nor cached */
    uint64_t pages_read;           /* any part of them, to see if they are 0 */
    uint64_t entered_cache;        /* pages, ever */
    uint64_t faults, faults_that_read;
    uint64_t longest_fault; /* gfns looked at */
    uint64_t emulated;      /* accesses of RAM, as if there were a device */
    bool ended;
};

struct side {
    const char *name;

    /* A host and on it the guest, as a builder leaves it: promises from gfn 0
     * on in the largest pieces that fit. Once in a process. */
    void (*start)(const struct shape *shape);

    /* What the guest does. False: it is stuck. */
    bool (*read)(uint64_t gfn);
    bool (*write)(uint64_t gfn, enum contents contents);
    /* Calls return how many pages were done. */
    uint64_t (*decrease)(uint64_t gfn, unsigned order);
    uint64_t (*decrease_list)(const uint64_t *gfns, unsigned count);
    uint64_t (*populate)(uint64_t gfn, unsigned order);
    /* The balloon driver gives so many pages back, any, by the best means that
     * there are. Returns the calls that it made. */
    uint64_t (*give_back)(uint64_t pages);

    /* What the control domain does. */
    uint64_t (*mark)(uint64_t gfn, unsigned order);
    int (*set_target)(uint64_t pages);
    int (*grow)(uint64_t pages); /* the limit first, then the target */
    bool (*remove)(uint64_t gfn);
    bool (*foreign_read)(uint64_t gfn); /* map, read, unmap */
    bool (*add_foreign)(uint64_t gfn);  /* a page of another domain */

    /* A CPU has nothing to do for 1 ms. */
    void (*be_idle)(void);

    /* What only a model can do. */
    void (*fill)(uint64_t gfn);          /* the 2 MiB leaf there holds data */
    void (*clear)(uint64_t gfn);         /* the page there holds zeros */
    void (*set_cursor)(uint64_t gfn);    /* where the next search begins */
    void (*set_interrupt)(bool pending); /* always, from now on */
    void (*fail_nth)(uint64_t n);        /* allocation from now on; 0: none */
    void (*revive)(void); /* a guest that is stuck touches again */
    bool (*is_ram)(uint64_t gfn);
    bool (*is_promise)(uint64_t gfn);

    void (*look)(struct view *view); /* long: counts superpages */
    bool (*is_stuck)(void);          /* ended, or waiting for memory */
    /* FAILs if the books are wrong. */
    void (*audit)(void);
};

extern const struct side podium_side, xen_side;

/* "figure: NAME SIDE VALUE", for tests/bench/bench. */
void figure(const struct side *s, const char *name, double value);

#endif
