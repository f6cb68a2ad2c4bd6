/* SPDX-License-Identifier: MIT */
#ifndef LIBXC_PODIUM_CALLS_H
#define LIBXC_PODIUM_CALLS_H
/*
 * What our own hypervisor offers beyond Xen's interface. Nothing of this is
 * tried on a hypervisor that does not say that it is ours.
 */
#include <stdbool.h>
#include <stdint.h>

#include "public/podium.h"

#define PODIUM_WORDS PODIUM_POD_COUNTER_COUNT

struct xc;

bool podium_is_here(struct xc *xc);
/* -ENOSYS elsewhere. Words that this hypervisor lacks are 0. */
int podium_pod_counters(struct xc *xc, uint32_t domid,
                        uint64_t words[PODIUM_WORDS]);
/* All of a domain's sizes at one moment. -ENOSYS elsewhere. */
int podium_get_size(struct xc *xc, uint32_t domid, struct podium_size *size);
/* Limit, PoD target (0: none) and claim, in pages, at once: -ENOMEM when the
 * host has not as much, with nothing changed. -ENOSYS elsewhere. */
int podium_set_size(struct xc *xc, uint32_t domid, uint64_t max_pages,
                    uint64_t target, uint64_t claim);
int podium_set_scrub_pattern(struct xc *xc, uint32_t domid, uint64_t pattern);
int podium_audit(struct xc *xc, uint32_t domid, struct podium_audit *audit);
/* t: as the call wants it, but for the buffer, and count records. */
int podium_trace(struct xc *xc, struct podium_trace *t,
                 struct podium_trace_record records[PODIUM_TRACE_RECORDS]);
int podium_pod_policy(struct xc *xc, const struct podium_pod_policy *policy);
/* Transcendent memory: a command, and its buffer of c->length bytes to and fro
 * (NULL: none). Returns what the command does, which is 0 or more, or -errno.
 */
int podium_tmem(struct xc *xc, const struct podium_tmem_control *c,
                void *buffer);
int podium_pod_state(struct xc *xc, uint32_t domid,
                     struct podium_pod_state *state);

#endif
