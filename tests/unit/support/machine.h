/* SPDX-License-Identifier: MIT */
/* A fake machine with the page allocator up, for tests of mm and left of it. */
#ifndef MACHINE_H
#define MACHINE_H

#include "arch/fake/fake.h"
#include "mm/page_alloc.h"
#include "mm/page_ref.h"
#include "unit.h"

/* RAM of `pages` frames, full of dirt; the allocator has all of it but what
 * the frame table takes. From here on a frame that is freed while a CPU may
 * still reach it (a flush is missing) fails the test. */
void machine_start(uint64_t pages);

/* The same with so many CPUs, instead of 4. */
void machine_start_cpus(uint64_t pages, unsigned cpus);

/* The same without dirt: for gigabytes, which stay untouched host memory as
 * long as nobody writes to them. */
void machine_start_clean(uint64_t pages);

/* The frame table and the free lists are in order; and no frame is free that
 * some CPU may reach through an entry replaced since the last flush. */
void machine_check(void);

/* Account `a` with a limit of `max_pages`. */
void machine_account(struct account *a, domid_t id, uint64_t max_pages);

/* The owner gives up all pages that it has and are in no cache. */
void machine_give_up(struct account *a);

/* All 2^order pages are zero. */
bool machine_is_zero(const struct page *head, unsigned order);

/* As a guest that was given the pages would: overwrite them all. */
void machine_scribble(struct page *head, unsigned order);

#endif
