/* SPDX-License-Identifier: MIT */
/*
 * Room in the host's memory. Ephemeral pages of transcendent memory are the
 * first to give way when somebody needs a frame (T-24, T-26): nobody misses
 * what they contain, and it is done at once.
 */
#ifndef DOMAIN_ROOM_H
#define DOMAIN_ROOM_H

#include "domain/domain.h"

/*
 * `pages` free frames that nobody has claimed are wanted for d, and were not
 * found. -ERESTART: some have come (TMEM_EVICT_MAX at most), look again.
 * -ENOMEM: it is not for want of them, or there are not as many even so;
 * nothing was given up then. No PUT gets what came, until room_end(d): d's
 * caller says so when he is done, successful or not, and d's end does it, too.
 * At most locks of a rank below RANK_POD are held.
 */
int must_check room_make(struct domain *d, uint64_t pages);
void room_end(struct domain *d);

/* The same for 2^order of them in a row, as far as order 9: false, -ENOMEM as
 * above. To be tried again at once. */
bool must_check room_make_block(struct domain *d, unsigned order);

/* Without a domain: a few frames, for small things of the hypervisor's own. */
bool must_check room_make_some(void);

/* The same where there is none at all: what may be missing is a table. */
bool must_check room_for_table(void);

/* May so many more pages be charged to d? If not, what it lacks is no frames.
 */
bool room_is_due(const struct domain *d, uint64_t pages);

/* Frames that nobody has claimed, those that would give way among them. */
uint64_t room_available(void);

/* Housekeeping: let some give way before somebody needs them, while fewer than
 * half of those are free that a PUT leaves alone. */
void room_keep(void);

/* At boot: how many free frames every PUT leaves alone. */
void room_set_reserve(uint64_t pages);

#endif
