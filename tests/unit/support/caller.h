/* SPDX-License-Identifier: MIT */
/*
 * A vCPU of a guest that makes hypercalls, with their structures in the guest's
 * own memory. The vCPU is a 64-bit kernel (domain_paging_on() in domains.h), so
 * that a virtual address below 2 MiB is the physical one.
 */
#ifndef CALLER_H
#define CALLER_H

#include "domains.h"

/* Guest addresses: a call's structure, and its lists; a page each. */
#define ARG   0x20000ULL
#define LIST  0x21000ULL
#define LIST2 0x22000ULL
#define LIST3 0x23000ULL

/*
 * Hypercall `nr` until it is done, as the guest would see it, and what it
 * returns. However often it goes on, number and command (`a`, of which
 * memory_op keeps the low 6 bits) stay what they are; caller_continued tells
 * how often that was.
 */
int64_t caller_call(struct vcpu *v, uint64_t nr, uint64_t a, uint64_t b,
                    uint64_t c);
extern unsigned caller_continued;

/* memory_op with its structure at `gva`. */
int64_t caller_memory_op(struct vcpu *v, uint64_t command, uint64_t gva);

/* Where the guest's byte at `gva` is in our memory. */
void *caller_at(struct vcpu *v, uint64_t gva);

/* LIST becomes first, first + step ...: gfns of a reservation. */
void caller_list(struct vcpu *v, uint64_t first, uint64_t step, unsigned count);

#endif
