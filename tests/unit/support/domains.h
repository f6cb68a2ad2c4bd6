/* SPDX-License-Identifier: MIT */
/* Domains to play with, for tests of domain/ and guest/. */
#ifndef DOMAINS_H
#define DOMAINS_H

#include "domain/domain.h"
#include "domain/memory.h"

/* Domain `id` with so many vCPUs, 64 ports' worth of defaults and a limit of
 * 4096 pages; id 0 is the control domain. Running, as far as it is up to it. */
struct domain *domain_new(domid_t id, unsigned vcpus);

/* RAM at [gfn, +count), page by page. */
void domain_fill(struct domain *d, uint64_t gfn, uint64_t count);

/* Where the page at gfn is in our memory; NULL: there is none. */
void *domain_page(struct domain *d, uint64_t gfn);

/* Take it apart to the end: it must be gone then. */
void domain_end(struct domain *d);

/* All audits there are: frames, and each domain. */
void domains_check(void);
/* Those of memory alone, which are much quicker. */
void domains_check_memory(void);

/*
 * Make v a 64-bit kernel with paging on. Its tables are at gfns 0x10..0x13 of
 * d, which must be RAM: virtual [0, 2M) is mapped by 4 KiB entries to the same
 * gfns, [2M, 4M) by one 2 MiB entry to guest-physical 2M; -2G.. (the kernel's
 * half) is the first 2 MiB again.
 */
void domain_paging_on(struct vcpu *v);
/* The 4 KiB entry of virtual page `page`, 0..511. */
uint64_t *domain_pte(struct domain *d, unsigned page);
/* The entry of level 2 for virtual [index * 2M, +2M). */
uint64_t *domain_pde(struct domain *d, unsigned index);

#endif
