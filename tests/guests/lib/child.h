/* SPDX-License-Identifier: MIT */
/*
 * Other domains, made and looked after by a privileged guest. A child runs the
 * servant (servant/servant.h), which does what it is told:
 *
 *   child_new()      an empty domain with its limits
 *   child_target()   how much it is given, if it is promised more
 *   child_populate() memory or promises at its frame numbers
 *   child_load()     the servant, start_info and vCPU 0's registers
 *   child_start()
 *   child_do()       an order
 *   child_destroy()
 *
 * child_make() does the first five for the usual layout: RAM from 0 on.
 * Results are 0 or -Exxx unless said otherwise.
 */
#ifndef GUEST_CHILD_H
#define GUEST_CHILD_H

#include "public/podium.h"
#include "servant/servant.h"
#include "types/check.h"

#include <xen/domctl.h>
#include <xen/memory.h>
#include <xen/sysctl.h>
#include <xen/xen.h>

struct child {
    domid_t id;
    unsigned vcpus;
    uint64_t ram_pages; /* RAM from frame 0 on, as start_info tells it */
    struct servant_channel *channel;
};

/* Before the first child. SKIPs where the guest is not privileged. Makes and
 * destroys one child: what this domain itself needs for that (tables for its
 * holes) is then there, and free pages can be compared. */
void children_init(void);

/* --- Hypercalls of the toolstack --- */

void domctl_prepare(struct xen_domctl *op, uint32_t command, domid_t id);
int64_t domctl(struct xen_domctl *op);
int64_t domctl_simple(uint32_t command, domid_t id);
void sysctl_prepare(struct xen_sysctl *op, uint32_t command);
int64_t sysctl(struct xen_sysctl *op);

/* Pages that the host has free; ends the test if it cannot be told. */
uint64_t host_free_pages(void);

/* Podium's own recount of everything (public/podium.h): differences found, 0
 * is well; -Exxx where the call is not there. */
int64_t host_audit(void);

/* EXPECTs that host_audit() finds nothing, where it is there. */
void expect_clean_audit(void);

/* --- Making one --- */

/* max_pages: what it may own (max_mem). */
int child_new(struct child *c, unsigned vcpus, uint64_t max_pages);
int child_target(struct child *c, uint64_t pages);

/* Blocks of `order`, `count` of them in a row from gfn on; flags XENMEMF_*.
 * Returns how many were done. */
int64_t child_populate(struct child *c, uint64_t gfn, uint64_t count,
                       unsigned order, unsigned flags);
int child_load(struct child *c);
int child_start(struct child *c);

/* RAM of `promised` pages in the largest blocks that fit; with `given` less
 * than that, all of it is promised. `given` includes what it is loaded to. */
int child_make(struct child *c, uint64_t promised, uint64_t given);

/* Destroys it and waits for the end of it. */
int child_destroy(struct child *c);

/* --- Looking at one --- */

int child_info(const struct child *c, struct xen_domctl_getdomaininfo *info);

/* True once it has stopped for good; *reason is SHUTDOWN_*. */
bool child_is_shut_down(const struct child *c, unsigned *reason);

/* Its promises: totals, cache, entries. */
struct xen_pod_target child_pod(const struct child *c);

/* One of its counters (public/podium.h); -Exxx where the call is not there. */
int64_t child_counter(const struct child *c, enum podium_pod_counter index);

/* A frame of it, mapped here; NULL, and *rc if not NULL says why. */
void *child_map(const struct child *c, uint64_t gfn, int *rc);
void child_unmap(void *page);

/* --- Orders --- */

/* Has it done; false when the child died of it or does not answer. */
bool child_try(struct child *c, enum servant_op op, const uint64_t *args,
               unsigned count);

/* The same, with another patience than 3 seconds (in ns). */
bool child_try_within(struct child *c, enum servant_op op, const uint64_t *args,
                      unsigned count, uint64_t patience);

/* As child_try(), and the result; the test ends when it does not answer. */
int64_t child_do(struct child *c, enum servant_op op, const uint64_t *args,
                 unsigned count);

#define CHILD_ARGS(...)                                                        \
    ((const uint64_t[]){__VA_ARGS__}),                                         \
        sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t)

static inline int64_t child_read(struct child *c, uint64_t address)
{
    return child_do(c, SERVANT_READ, CHILD_ARGS(address));
}

static inline void child_write(struct child *c, uint64_t address,
                               uint64_t value)
{
    child_do(c, SERVANT_WRITE, CHILD_ARGS(address, value));
}

/* A hypercall made by the child: its structure is copied to and fro through
 * the page of orders. */
int64_t child_hypercall(struct child *c, unsigned number, unsigned command,
                        void *structure, size_t size);

/* Populate or decrease by the child itself: `count` extents (at most
 * CHILD_EXTENTS) from gfn on, each a step behind the last. Returns how many
 * were done. */
#define CHILD_EXTENTS 320
int64_t child_reservation(struct child *c, unsigned command, uint64_t gfn,
                          uint64_t count, uint64_t step, unsigned order);

#endif
