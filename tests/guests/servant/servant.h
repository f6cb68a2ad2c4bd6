/* SPDX-License-Identifier: MIT */
/*
 * The servant is the guest of guests: a test makes a domain, loads it there,
 * and gives it orders through one page that both can see. So a test can have
 * anything done inside another domain and look at the outcome.
 *
 * The parent writes op and args, then adds one to `request`; the servant does
 * it, writes result and vector, and sets `done` to `request`. Both yield while
 * they wait.
 */
#ifndef SERVANT_SERVANT_H
#define SERVANT_SERVANT_H

#include "types/check.h"

/* Frames that the parent fills: the page of orders, start_info behind it. */
#define SERVANT_CHANNEL_GFN    0x20
#define SERVANT_START_INFO_GFN 0x21

enum servant_op {
    SERVANT_NOTHING,
    SERVANT_READ,        /* (address) -> the 64-bit word */
    SERVANT_WRITE,       /* (address, value) */
    SERVANT_TOUCH,       /* (address, count, step, value): every step bytes */
    SERVANT_TIME,        /* (address, count, step) -> TSC ticks of writing 0 */
    SERVANT_FILL,        /* (address, bytes, value): words */
    SERVANT_ZERO,        /* (address, bytes): bytewise work, by REP STOSQ */
    SERVANT_NONZERO,     /* (address, bytes) -> words that are not zero */
    SERVANT_DIFFERENT,   /* (address, bytes, value) -> words other than value */
    SERVANT_HYPERCALL,   /* (number, 5 arguments) */
    SERVANT_HYPERCALLS,  /* (count): as many such, one after the other; they are
                            at SERVANT_CALLS, six words each */
    SERVANT_RDMSR,       /* (msr) */
    SERVANT_EVENTS,      /* (): take up event channels */
    SERVANT_EVENT_COUNT, /* (port) -> upcalls that found it */
    SERVANT_SPIN,        /* (): for ever, interrupts off */
    SERVANT_HALT,        /* (): interrupts off, the last halt */
    SERVANT_TRIPLE,      /* (): fault, with no descriptor table */
};

struct servant_channel {
    volatile uint32_t request, done;
    uint32_t op;
    uint32_t vector; /* TRAP_NONE: it went through */
    uint64_t args[6];
    int64_t result;
    uint64_t pad[120];
    uint8_t buffer[3056]; /* for structures of hypercalls */
};

BUILD_ASSERT(sizeof(struct servant_channel) <= PAGE_SIZE, "one page");

/* How many calls, and where in the buffer they are. */
#define SERVANT_CALL_LIMIT 40
#define SERVANT_CALLS      1024

/* Where the buffer is in the servant's eyes. */
#define SERVANT_BUFFER                                                         \
    ((uint64_t)(SERVANT_CHANNEL_GFN << PAGE_SHIFT) +                           \
     offsetof(struct servant_channel, buffer))

#endif
