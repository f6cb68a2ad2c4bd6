/* SPDX-License-Identifier: MIT */
/*
 * What Podium adds to Xen's ABI. All of it is found by a probe, so a client
 * of plain Xen never notices: xen_version(XENVER_extraversion) of Podium is
 * ".podium", and sysctl PODIUM_SYSCTL_pod_counters answers. A guest's balloon
 * driver asks memory_op PODIUM_MEMORY_features, which is -ENOSYS elsewhere.
 */
#ifndef PUBLIC_PODIUM_H
#define PUBLIC_PODIUM_H

#include <stdint.h>

#define PODIUM_EXTRAVERSION ".podium"

/*
 * xen_domctl.cmd: a 64-bit pattern besides zero with which the guest scrubs its
 * memory; pages full of it may be taken back. 0: none, as at first. Set: -EBUSY
 * once the domain has run.
 */
#define PODIUM_DOMCTL_set_scrub_pattern 0x70640020u
#define PODIUM_DOMCTL_get_scrub_pattern 0x70640021u

struct podium_scrub_pattern {
    uint64_t pattern;
};

/* xen_sysctl.cmd; the rest of the union holds struct podium_pod_counters. */
#define PODIUM_SYSCTL_pod_counters 0x70640001u
/* What becomes of a domain that touches what it was promised when there is no
 * page: struct podium_pod_policy. And how it is with that: struct
 * podium_pod_state. */
#define PODIUM_SYSCTL_pod_policy 0x70640010u
#define PODIUM_SYSCTL_pod_state  0x70640011u
/* Recount everything of one domain (domid; 0x7ff0: all and the host): the
 * result is in struct podium_audit, and each difference in the log. What is
 * reported was found twice, so not in the middle of a change. It never stops
 * the host. Debugging; long. */
#define PODIUM_SYSCTL_audit 0x70640002u

/*
 * XENMEM_acquire_resource, type: a domain's memory, to read. id 0; frame is the
 * first guest frame; libxenforeignmemory's xenforeignmemory_map_resource() maps
 * it. Unlike a foreign mapping it populates nothing: what is only promised
 * shows zeros, and so does a frame where the domain has no memory of its own.
 * They are as of the time of the mapping: what the domain writes there later is
 * seen by a later mapping. Probe: ask for its size (plain Xen: EOPNOTSUPP).
 */
#define PODIUM_RESOURCE_memory 0x7064u

/* Copy a trace ring of a CPU out (struct podium_trace). */
#define PODIUM_SYSCTL_trace 0x70640003u

struct podium_pod_counters {
    uint16_t domid; /* in */
    uint16_t pad[3];
    uint64_t buffer; /* in: guest virtual address of `count` uint64_t */
    uint32_t count;  /* in: room; out: how many there are */
    uint32_t pad2;
};

/* Meaning of the buffer's words, in order (pages unless said otherwise). */
enum podium_pod_counter {
    PODIUM_POPULATE_4K, /* populates of 4 KiB */
    PODIUM_POPULATE_2M, /* populates of 2 MiB */
    PODIUM_SPLINTER_2M, /* 2 MiB placeholders or leaves split */
    PODIUM_SPLINTER_1G,
    PODIUM_EAGER_CHECKED,
    PODIUM_SWEEP_GFNS_VISITED,
    PODIUM_SWEEP_PAGES_READ,
    PODIUM_UNMAPS,          /* pages unmapped to be checked again */
    PODIUM_UNMAPS_RESTORED, /* of them put back */
    PODIUM_RECLAIMED_4K,
    PODIUM_RECLAIMED_2M,
    PODIUM_TLB_FLUSHES_RECLAIM,
    PODIUM_STEALS,      /* ballooned pages that went to the cache */
    PODIUM_CACHE_FREED, /* cached pages given back to the host */
    PODIUM_PAGES_CLEARED,
    PODIUM_OOM_EVENTS, /* touches that found no page at all */
    PODIUM_MAX_GFNS_PER_LOCK_HOLD,
    PODIUM_SUPERPAGES_REFORMED,  /* put together: in the cache, placeholders,
                                    and leaves of RAM */
    PODIUM_SWEEP_PAGES_KNOWN,    /* passed over, since nobody wrote to them */
    PODIUM_SEARCHES,             /* touches that had to search */
    PODIUM_BACKGROUND_SLICES,    /* regions of 2 MiB that idle CPUs looked at */
    PODIUM_BACKGROUND_RECLAIMED, /* pages that they found */
    PODIUM_ZERO_MAPS_4K,         /* reads of promises that were shown zeros */
    PODIUM_ZERO_MAPS_2M,
    PODIUM_ZERO_UPGRADES,     /* writes to what showed zeros: one flush each */
    PODIUM_SUPERPAGES_MAPPED, /* now: 2 MiB of RAM in one leaf, or a 512th of
                                 a larger one */
    PODIUM_SUPERPAGES_CACHED, /* now: whole 2 MiB in the cache */
    PODIUM_SUPERPAGES_BROKEN, /* of the cache, for smaller pieces */
    PODIUM_CACHE_ENTERED,     /* pages that were put into the cache */
    PODIUM_TABLES_PAID,       /* cached pages that became tables */
    PODIUM_TABLES_RESERVED,   /* now: tables set aside for touches */
    PODIUM_TABLES_OWED,       /* now: tables that touches may need in the end */
    PODIUM_WAITS,             /* vCPUs that had to wait for a page */
    PODIUM_BORROWED,          /* pages borrowed from the host, ever */
    PODIUM_SUPERPAGES_GATHERED, /* of 2 MiB, put together by copying */
    PODIUM_POD_COUNTER_COUNT,
};

/*
 * memory_op, beside Xen's commands. Amounts are in pages of 4 KiB, addresses
 * are those of the caller's memory. `domid` may be DOMID_SELF, and another
 * domain's for the control domain: -ESRCH none, -EPERM not allowed. Padding
 * must be 0. All but the first return 0 or what the first failure was, and
 * have written their struct back; a call that takes long goes on by itself.
 */
#define PODIUM_MEMORY_features       48 /* no struct; returns PODIUM_FEATURE_* */
#define PODIUM_MEMORY_reservation    49
#define PODIUM_MEMORY_decrease_range 50
#define PODIUM_MEMORY_next_untouched 51
#define PODIUM_MEMORY_get_size       52
#define PODIUM_MEMORY_set_size       53 /* control domain */

#define PODIUM_FEATURE_reservation 1u /* 49 */
#define PODIUM_FEATURE_ranges      2u /* 50 and 51 */
#define PODIUM_FEATURE_sizes       4u /* 52 and 53 */

/*
 * XENMEM_increase_reservation, _decrease_ and _populate_physmap as they are,
 * and why they stop. An extent above 2 MiB must be aligned to its size; smaller
 * ones need not be.
 *
 *   -EINVAL  command, count, flags, or frame numbers that cannot be
 *   -EPERM   order too large for the caller; a promise to itself; decrease:
 *            another domain's page is there
 *   -EFAULT  the list ends here, or the struct is not to be written to
 *   -ENOENT  decrease: nothing is there
 *   -EEXIST  populate: something is there; -EBUSY with a promise
 *   -E2BIG   the domain would have more than its limit
 *   -ENOMEM  the host has not as much
 *   -ESRCH   the domain is dying, or there is none
 */
struct podium_reservation {
    uint32_t command; /* XENMEM_* */
    uint16_t domid;
    uint16_t pad;
    uint64_t list; /* of uint64_t frame numbers; increase: not looked at */
    uint64_t count;
    uint32_t order;
    uint32_t flags;      /* XENMEMF_* */
    uint64_t done;       /* out: extents from the front */
    uint64_t done_pages; /* out: decrease: of the next one, that went as well */
};

/*
 * Balloon out `count` frames from `gfn` on. With PODIUM_RANGE_untouched only
 * what was promised and never touched: it stops before the first page that
 * there is, so a guest can give up what it never used without losing anything,
 * and without the hypervisor having to find a page for it first.
 *
 *   -EINVAL  frame numbers or flags that cannot be, done above count
 *   -ENOENT  nothing is there
 *   -EEXIST  a page is there, and only untouched ones were to go
 *   -EPERM   another domain's page is there
 *   -ENOMEM  no table to split a larger piece with
 */
#define PODIUM_RANGE_untouched 1u
struct podium_range {
    uint16_t domid;
    uint16_t flags;
    uint32_t pad;
    uint64_t gfn;
    uint64_t count;
    uint64_t done; /* in: frames to pass over, 0; out: frames up to where it
                      stopped, at `count` or before the failure */
};

/*
 * Where are such frames? The first from `gfn` on, in units of 2^order that are
 * untouched whole: order 0, or 9 for 2 MiB. There may be more right behind.
 *
 *   -EINVAL  order
 *   -ENOENT  there are none
 */
struct podium_untouched {
    uint16_t domid;
    uint16_t order;
    uint32_t pad;
    uint64_t gfn;   /* in, out */
    uint64_t count; /* out */
};

/* All that a domain has of the host's memory, at one moment. */
struct podium_size {
    uint16_t domid;
    uint16_t pad[3];
    uint64_t charged;     /* that it has, the PoD cache among them */
    uint64_t cached;      /* in the PoD cache */
    uint64_t promised;    /* placeholders */
    int64_t deficit;      /* promised - cached - claimed for promises */
    uint64_t special;     /* the hypervisor's, shown to it; not charged */
    uint64_t tables;      /* of its second-stage tables; not charged */
    uint64_t table_limit; /* of them; 0: none */
    uint64_t max_pages;   /* limit of `charged` */
    uint64_t claimed;     /* free ones that nobody else gets */
};

/*
 * Limit, PoD target and claim at once. All is checked, and what the cache will
 * grow by is claimed, before anything changes.
 *
 *   -EINVAL  target above the limit
 *   -ENOMEM  the host has not as much: nothing changed. (If the guest gives
 *            memory back while the call is at it, the cache may have to grow by
 *            more than was claimed; then what was added stays.)
 *   -ESRCH   dying, or no such domain
 */
struct podium_new_size {
    uint16_t domid;
    uint16_t pad[3];
    uint64_t max_pages;
    uint64_t target; /* as XENMEM_set_pod_target; 0: as it is */
    uint64_t claim;  /* free pages that are to be this domain's alone after the
                        call, in place of what it had claimed: for memory, its
                        tables and special pages alike */
};

/*
 * Transcendent memory. A guest's call is Xen's of 4.4 to 4.11, hypercall 38 as
 * <xen/tmem.h> still has it. Its control is Xen's sysctl 24 of 4.9 to 4.12,
 * which 4.17's headers have no more: it is here by number, with the same
 * layout. Control domain only. -EINVAL: pad is not 0, or an argument that
 * cannot be; -ENOENT: no such client or pool; -ENODEV: it is switched off.
 */
#define PODIUM_SYSCTL_tmem 24u
#define PODIUM_TMEM_ALL    0xffffu /* client: all of them */

enum podium_tmem_command {
    PODIUM_TMEM_THAW = 0,   /* a client or all */
    PODIUM_TMEM_FREEZE = 1, /* the same: puts fail */
    /* All clients: give ephemeral pages back to the host, arg KiB of them.
     * Returns how many KiB were. */
    PODIUM_TMEM_FLUSH = 2,
    PODIUM_TMEM_DESTROY = 3, /* all pools of a client, or of all */
    /* A client or all: text as Xen's, whole lines, with a 0 at the end; arg:
     * not 0: all numbers. -ENOBUFS: there was more than `length` bytes of it.
     */
    PODIUM_TMEM_LIST = 4,
    PODIUM_TMEM_GET_CLIENT_INFO = 5, /* struct podium_tmem_client */
    /* The same, a client or all: weight and compress. -EOPNOTSUPP another
     * version, -ERANGE more pools than there may be. */
    PODIUM_TMEM_SET_CLIENT_INFO = 6,
    /* An array of struct podium_tmem_pool; returns how many. -EINVAL the length
     * is not of whole records, -E2BIG more than 16 of them. */
    PODIUM_TMEM_GET_POOLS = 7,
    PODIUM_TMEM_QUERY_FREEABLE_MB = 8, /* returns MiB */
    PODIUM_TMEM_SET_POOLS = 9,         /* while restoring: create them */
    PODIUM_TMEM_SAVE_BEGIN = 10, /* arg: not 0: live. -ENOENT nothing to save */
    /* A client or all: may it join the shared pool of uuid oid[0], oid[1]? arg:
     * 1 yes, 0 no. */
    PODIUM_TMEM_SET_AUTH = 11,
    /* Struct podium_tmem_handle and behind it the page; returns the bytes.
     * -ENOENT at the end. */
    PODIUM_TMEM_SAVE_GET_NEXT_PAGE = 19,
    /* Struct podium_tmem_handle; returns 1, 0 at the end. */
    PODIUM_TMEM_SAVE_GET_NEXT_INV = 20,
    PODIUM_TMEM_SAVE_END = 21,
    PODIUM_TMEM_RESTORE_BEGIN = 30, /* creates the client; -EEXIST */
    /* pool, oid, arg: index; the buffer is a page, length 4096. */
    PODIUM_TMEM_RESTORE_PUT_PAGE = 32,
    PODIUM_TMEM_RESTORE_FLUSH_PAGE = 33,
    /* Ours: struct podium_tmem_limits of a client; to set, also of all. */
    PODIUM_TMEM_GET_LIMITS = 64,
    PODIUM_TMEM_SET_LIMITS = 65,
};

/* The rest of the sysctl's union. */
struct podium_tmem_control {
    uint32_t command; /* enum podium_tmem_command */
    uint32_t pool;
    uint32_t client; /* domain id */
    uint32_t length; /* of the buffer, in bytes */
    uint32_t arg;
    uint32_t pad; /* 0 */
    uint64_t oid[3];
    uint64_t buffer; /* guest virtual address */
};

#define PODIUM_TMEM_CLIENT_frozen    1u
#define PODIUM_TMEM_CLIENT_compress  2u
#define PODIUM_TMEM_CLIENT_migrating 4u
struct podium_tmem_client {
    uint32_t version; /* 1 */
    uint32_t max_pools;
    uint32_t pools; /* that it has */
    uint32_t flags; /* PODIUM_TMEM_CLIENT_* */
    uint32_t weight;
};

#define PODIUM_TMEM_POOL_persist       1u
#define PODIUM_TMEM_POOL_shared        2u
#define PODIUM_TMEM_POOL_auth          4u
#define PODIUM_TMEM_POOL_size_shift    4 /* 8 bits: of a page, less 12 */
#define PODIUM_TMEM_POOL_version_shift 24
struct podium_tmem_pool {
    uint32_t flags; /* PODIUM_TMEM_POOL_* */
    uint32_t id;
    uint64_t pages;
    uint64_t uuid[2];
};

struct podium_tmem_handle {
    uint32_t pool;
    uint32_t index;
    uint64_t oid[3];
};

/* What a client may have, in KiB; 0: no limit. */
struct podium_tmem_limits {
    uint64_t ephemeral_kib;
    uint64_t persistent_kib;
};

/*
 * The same as numbers, in a page that is mapped once and read without a call:
 * XENMEM_acquire_resource, type PODIUM_RESOURCE_tmem of any domain, id 0, frame
 * 0. Read-only, the host's, and written every 100 ms while somebody has it
 * mapped. `sequence` is odd while it is written: read it before and after, and
 * begin again if it has changed. New fields come at the ends; `client_size` is
 * the step from one client to the next.
 */
#define PODIUM_RESOURCE_tmem     0x7065u
#define PODIUM_TMEM_PAGE_VERSION 1u
#define PODIUM_TMEM_PAGE_CLIENTS 32 /* those with the lowest ids */

struct podium_tmem_page_client {
    uint32_t domid;
    uint32_t flags; /* PODIUM_TMEM_CLIENT_* */
    uint64_t weight;
    uint64_t ephemeral_pages, ephemeral_frames;
    uint64_t persistent_pages, persistent_frames;
    uint64_t ephemeral_gets, persistent_puts, persistent_gets; /* good ones */
    uint64_t no_memory, evicted;
};

struct podium_tmem_page {
    uint32_t sequence;
    uint32_t version;
    uint64_t time_ns; /* of this writing, since the host's boot */
    /* Pages of 4 KiB. */
    uint64_t free, claimed, freeable;
    uint64_t frames; /* of the host, that hold something */
    uint64_t ephemeral_pages, persistent_pages;
    uint64_t dedup_surplus; /* charged to domains, beyond frames */
    uint64_t ops, errors, evicted, relinquished;
    uint32_t clients; /* of the host */
    uint32_t client_count, client_size;
    uint32_t client_offset; /* of the first one, from the page's beginning */
    struct podium_tmem_page_client client[PODIUM_TMEM_PAGE_CLIENTS];
};

/* The global VIRQ that is raised whenever a vCPU begins to wait for memory. It
 * does not say whose: ask for the states. */
#define PODIUM_VIRQ_MEMORY 23 /* VIRQ_ARCH_7 */

enum podium_on_empty {
    PODIUM_ON_EMPTY_WAIT,   /* the vCPU waits until there is a page */
    PODIUM_ON_EMPTY_BORROW, /* pages are borrowed up to a limit; then it waits
                             */
    PODIUM_ON_EMPTY_CRASH,  /* the domain is ended, as Xen does */
};

enum podium_pod_mode {
    PODIUM_POD_RESERVED,  /* the PoD target is set aside in the cache */
    PODIUM_POD_ON_DEMAND, /* it is claimed, and allocated when touched */
};

/* 0; -ESRCH, -EINVAL no such policy or mode, or pad is not 0; -EBUSY another
 * mode once the domain has memory or promises. Nothing changed on error. */
struct podium_pod_policy {
    uint16_t domid;
    uint16_t on_empty; /* enum podium_on_empty */
    uint16_t mode;     /* enum podium_pod_mode */
    uint16_t pad;
    uint64_t borrow_limit; /* pages that it may owe the host */
};

/* Pages, unless said otherwise. 0, -ESRCH. */
struct podium_pod_state {
    uint16_t domid;    /* in */
    uint16_t on_empty; /* enum podium_on_empty */
    uint16_t mode;     /* enum podium_pod_mode */
    uint16_t pad;      /* 0 */
    uint64_t waiting;  /* vCPUs that wait for memory now */
    uint64_t waits;    /* how often one began to */
    uint64_t gfn;      /* what the longest waits for; ~0: none waits */
    uint64_t total;    /* charged, cache and loan included (tot) */
    uint64_t entries;  /* promised and not populated (E) */
    uint64_t cached;   /* set aside in the cache (C) */
    uint64_t claimed;  /* on demand: claimed for promises (K) */
    uint64_t deficit;  /* E - C - K (D); 0 if that is negative */
    uint64_t borrowed; /* of total: owed to the host */
    uint64_t borrow_limit;
    uint64_t target_next; /* the least PoD target with a page for each vCPU
                             that waits; 0: none waits */
    uint64_t target_all;  /* the least with which every promise is kept; 0:
                             all are kept already */
    uint64_t reserved[2]; /* 0 */
};

struct podium_audit {
    uint16_t domid; /* in */
    uint16_t pad[3];
    uint32_t differences; /* out: 0 is well */
    uint32_t pad2;
    /* out, if there are: the first of them */
    uint16_t at_domid; /* 0xffff: none's */
    uint16_t pad3[3];
    uint64_t gfn, mfn; /* ~0: none's */
    uint64_t found, expected;
    char invariant[8]; /* as in docs/design: "I2" */
    char what[48];     /* of it, in words */
};

/* What a record says; data in order. vcpu: domid << 16 | vCPU. */
enum podium_trace_event {
    PODIUM_TRACE_EXIT,      /* vcpu, the machine's reason, rip, detail */
    PODIUM_TRACE_HYPERCALL, /* vcpu, number, first argument, result */
    PODIUM_TRACE_INJECT,    /* vcpu, vector */
    PODIUM_TRACE_SCHED,     /* vcpu in, vcpu out */
    PODIUM_TRACE_POPULATE,  /* domid, gfn, mfn, order */
    PODIUM_TRACE_RECLAIM,   /* a zero page taken back: domid, gfn, mfn, order */
    PODIUM_TRACE_SPLINTER,  /* a large entry split: domid, gfn, order, type */
    PODIUM_TRACE_DECREASE,  /* domid, gfn, order, gfns done */
    PODIUM_TRACE_FLUSH,     /* domid, blocks that waited for it */
    PODIUM_TRACE_P2M_WRITE, /* domid, gfn, mfn, order | type << 8 | is a table
                               << 16; off at first */
    PODIUM_TRACE_EVENT_COUNT,
};

enum podium_trace_ring {
    PODIUM_TRACE_RING_RUN,    /* exits, hypercalls */
    PODIUM_TRACE_RING_MEMORY, /* from PODIUM_TRACE_POPULATE on */
    PODIUM_TRACE_RING_COUNT,
};

struct podium_trace_record {
    uint64_t tsc;
    uint64_t event; /* enum podium_trace_event */
    uint64_t data[4];
};
#define PODIUM_TRACE_RECORDS 128u /* at most, in a ring */

#define PODIUM_TRACE_SET_MASK 1u

struct podium_trace {
    uint32_t cpu, ring; /* in; -EINVAL above the last one */
    uint32_t flags;     /* in: PODIUM_TRACE_SET_MASK: mask is in, too */
    uint32_t mask;      /* out: a bit for each event that is recorded */
    uint64_t buffer;    /* in: guest virtual address of `count` records */
    uint32_t count;     /* in: room; out: how many: the newest, oldest first */
    uint32_t cpus;      /* out: of the host */
    uint64_t first;     /* out: number of the first of them since boot */
    uint64_t tsc_khz;   /* out: ticks per millisecond */
    uint64_t tsc_boot;  /* out: TSC when the host's time began */
};

#endif
