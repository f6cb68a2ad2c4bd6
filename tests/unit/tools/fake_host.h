/* SPDX-License-Identifier: MIT */
/*
 * A hypervisor and a xenstored that fit in a test: they replace libxc's
 * transport, foreign mappings and store, and keep one domain beside domain 0.
 * The nth call fails if a test says so. What a test wants to know is in `host`.
 */
#ifndef TESTS_TOOLS_FAKE_HOST_H
#define TESTS_TOOLS_FAKE_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "public/podium.h"

#define FAKE_DOMID  7
#define FAKE_CPUS   4
#define FAKE_VCPUS  2
#define FAKE_NODES  128
#define FAKE_TOTAL  (1u << 20)   /* pages of the host */
#define FAKE_FRAMES (6ull << 18) /* 6 GiB: frames that a test can look at */

struct fake_host {
    /* Set by a test. */
    uint64_t free_pages;
    unsigned int fail_at; /* the call that fails, from 1; 0: none */
    int fail_with;
    bool no_large_pages;              /* 2 MiB and larger extents are refused */
    bool podium;                      /* our own hypervisor */
    uint64_t store_target, store_max; /* KiB; 0: no such node */
    uint64_t store_extra;             /* the same: on top of its memory */
    uint64_t dom0_pages;              /* given back by a lower target */
    uint64_t dom0_stays_above;        /* its balloon driver stops here */
    uint32_t vcpu_count;              /* of the domain */
    uint64_t claimed;                 /* as listed, in pages */
    const char *commandline;          /* the hypervisor's */
    uint32_t differences;             /* its audit finds */
    uint64_t max_gfn;                 /* of the domain */
    struct podium_pod_state state;    /* what it says then */
    bool no_tmem;                     /* it has no transcendent memory */
    uint32_t tmem_freeable;           /* MiB */
    const char *tmem_text;            /* its list */

    /* Found out by it. */
    unsigned int calls;
    unsigned int populate_calls;
    bool exists, claimed_ever, introduced, running;
    uint64_t claim, total, cache, entries, max_pages, pod_target;
    uint8_t frames[FAKE_FRAMES]; /* how often each was populated */
    unsigned int nodes;          /* written and not removed */
    unsigned int buffers;        /* hypercall buffers not freed */
    unsigned int wrong;          /* calls that made no sense */
    uint8_t hard[FAKE_VCPUS], soft[FAKE_VCPUS]; /* CPUs, a bit each */
    uint16_t weight, cap;                       /* of the domain */
    uint32_t ratelimit_us;
    bool forced;      /* pinned by force */
    uint32_t trigger; /* sent last, plus 1 */
    uint32_t trace_mask;
    uint64_t scrub_pattern;
    unsigned int views;              /* of frames, and not forgotten */
    uint32_t audited;                /* domain, plus 1 */
    struct podium_pod_policy policy; /* set last */
    struct podium_tmem_control tmem; /* asked last */
    struct podium_tmem_client tmem_client;
    struct podium_tmem_limits tmem_limits;
    struct {
        char path[128], value[256];
    } store[FAKE_NODES]; /* written by path */
    unsigned int store_count;
};

extern struct fake_host host;

void fake_host_reset(void);

/* What is in a frame of the domain's, as foreign_look() shows it: one in 1024
 * is full of that, the others are full of zeros. */
#define FAKE_WORD(gfn) ((gfn) % 1024 == 5 ? 0x1234560000000000ull + (gfn) : 0)

/* The domain as a running guest called "guest", and nodes in xenstore. */
void fake_host_guest(void);
void fake_store_write(const char *path, const char *value);
/* NULL: no such node. */
const char *fake_store_read(const char *path);

#endif
