/* SPDX-License-Identifier: MIT */
/*
 * A hypervisor and a xenstored that fit in a test: they replace libxc's
 * transport, foreign mappings and store, and keep one domain. The nth call
 * fails if a test says so. What a test wants to know is in `host`.
 */
#ifndef TESTS_TOOLS_FAKE_HOST_H
#define TESTS_TOOLS_FAKE_HOST_H

#include <stdbool.h>
#include <stdint.h>

#define FAKE_DOMID  7
#define FAKE_FRAMES (6ull << 18) /* 6 GiB: frames that a test can look at */

struct fake_host {
    /* Set by a test. */
    uint64_t free_pages;
    unsigned int fail_at; /* the call that fails, from 1; 0: none */
    int fail_with;
    bool no_large_pages;              /* 2 MiB and larger extents are refused */
    uint64_t store_target, store_max; /* KiB; 0: no such node */

    /* Found out by it. */
    unsigned int calls;
    unsigned int populate_calls;
    bool exists, claimed_ever, introduced, running;
    uint64_t claim, total, cache, entries, max_pages, pod_target;
    uint8_t frames[FAKE_FRAMES]; /* how often each was populated */
    unsigned int nodes;          /* written and not removed */
    unsigned int buffers;        /* hypercall buffers not freed */
    unsigned int wrong;          /* calls that made no sense */
};

extern struct fake_host host;

void fake_host_reset(void);

#endif
