/* SPDX-License-Identifier: MIT */
/* The parts of badinput, and the numbers that none of them may change. */
#ifndef BADINPUT_BADINPUT_H
#define BADINPUT_BADINPUT_H

#include "types/check.h"

/* Addresses that a pointer may not have. */
enum bad_address {
    BAD_UNMAPPED,      /* no entry in the guest's tables */
    BAD_NON_CANONICAL, /* not an address at all */
    BAD_STRADDLING,    /* begins in a page, goes on in one that is not there */
    BAD_HOLE,          /* mapped to a frame number without memory */
    BAD_BEYOND,        /* mapped to a frame number that no domain can have */
    BAD_COUNT,
};

extern const char *const bad_names[BAD_COUNT];

/* For a structure of `size` bytes. */
uint64_t bad_address(enum bad_address kind, unsigned size);

/* A page that may be read and not written, all zero. */
void *read_only_page(void);

void badinput_init(void);

void test_pointers(void);
void test_values(void);
void test_commands(void);
void test_unprivileged(void);

/* The state that refused calls leave alone; remember it, and EXPECT that it is
 * as it was. */
void remember_state(void);
void expect_same_state(void);

#endif
