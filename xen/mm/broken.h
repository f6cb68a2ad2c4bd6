/* SPDX-License-Identifier: MIT */
/*
 * Frames whose contents the hardware has lost: taken out of use as soon as
 * their owners let go of them.
 */
#ifndef MM_BROKEN_H
#define MM_BROKEN_H

#include "mm/frame_table.h"

enum broken_use {
    BROKEN_NOT_RAM, /* no frame of ours */
    BROKEN_FREE,    /* nobody's: it is out of use already, or soon */
    BROKEN_OWNED,   /* a domain's: *owner */
    BROKEN_HOST,    /* the hypervisor's own, or a table of a domain's */
};

/* Frame `m` is broken. Whose is it? */
enum broken_use page_broken(mfn_t m, domid_t *owner);

/* Now and then: take out what is free, keep from being free what is not.
 * Returns true if that made a dying owner's page_count 0. Cheap when none is
 * broken. */
bool page_broken_look(void);

/* How many frames are out of use, and how many are still to be. */
struct broken_count {
    unsigned out, waiting;
};
struct broken_count page_broken_count(void);

/* page_ref.c: is pg, which is free but for its place, to be left out? Then it
 * is counted as gone. The allocator's lock is held. */
bool page_broken_keep_locked(struct page *pg);

#endif
