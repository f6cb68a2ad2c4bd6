/* SPDX-License-Identifier: MIT */
/*
 * What audits find. Each difference says which invariant does not hold, where,
 * and both values. An audit that runs by itself (unit tests, where everything
 * stands still) logs them at once; on a running machine audit_confirm() runs
 * it again, since an audit may have met something in the middle of a change.
 */
#ifndef BASE_AUDIT_H
#define BASE_AUDIT_H

#include "types/words.h"

#define AUDIT_NO_DOMAIN 0xffffU
#define AUDIT_NO_FRAME  (~0ULL)

struct audit_difference {
    const char *invariant; /* as in docs/design: "I2" */
    const char *what;      /* of it, in words; one place's is one pointer */
    unsigned domid;        /* or AUDIT_NO_DOMAIN */
    uint64_t gfn, mfn;     /* or AUDIT_NO_FRAME */
    uint64_t found, expected;
};

/* From within an audit. */
void audit_differs(const struct audit_difference *difference);

/*
 * Run an audit until a run finds nothing, or the same in the same places as the
 * run before, AUDIT_RUNS times at most. What was found twice is logged. Returns
 * how many that are; *first is one of them. Locks: run() may take any.
 */
#define AUDIT_RUNS 4U
unsigned audit_confirm(unsigned (*run)(void *what), void *what,
                       struct audit_difference *first);

#endif
