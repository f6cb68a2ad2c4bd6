/* SPDX-License-Identifier: MIT */
/*
 * vCPUs that wait for memory: each touched a placeholder for which no page was
 * to be had. It is held (HOLD_MEMORY) with its registers as they are, and
 * touches again when a page may be there. Other vCPUs of the guest go on.
 */
#ifndef DOMAIN_MEMORY_WAIT_H
#define DOMAIN_MEMORY_WAIT_H

#include "lib/list.h"
#include "p2m/p2m.h"

struct domain;
struct vcpu;

/* What becomes of a touch for which there is no page. Values are the ABI's. */
enum memory_on_empty {
    MEMORY_WAIT,   /* the vCPU waits */
    MEMORY_BORROW, /* the host lends pages, up to a limit; then it waits */
    MEMORY_CRASH,  /* the guest is ended, as Xen does */
    MEMORY_ON_EMPTY_COUNT,
};

/* Embedded in struct vcpu; the wait lock protects it. */
struct vcpu_wait {
    struct list link;  /* domain_wait.vcpus; unlinked: does not wait */
    gfn_t gfn;         /* the placeholder */
    bool for_table;    /* there were pages, but no table to show one by */
    uint64_t retry_at; /* ns: when it searches again for pages of zeros */
};

/* Embedded in struct domain; likewise. */
struct domain_wait {
    struct list link;      /* domains with vCPUs that wait */
    struct list vcpus;     /* those, longest first */
    uint32_t count;        /* of them */
    uint64_t next_line;    /* ns: when the log may say so again */
    uint32_t policy;       /* enum memory_on_empty */
    uint64_t borrow_limit; /* pages that it may owe the host */
};

/* What can be told of them: how many, and what the first one touched. */
struct memory_waiters {
    uint32_t count;
    gfn_t gfn; /* INVALID_GFN: nobody waits */
};

void memory_wait_init(struct domain *d);

/*
 * v, which runs here, found no page at gfn (P2M_NEED_PAGE) or no table for it
 * (P2M_NO_MEMORY): unless one came meanwhile it runs no more until there is
 * one, and then does the same again. Tells the log and, by VIRQ, the control
 * domain. False: its policy is MEMORY_CRASH, and nothing was done.
 */
bool memory_wait(struct vcpu *v, gfn_t gfn, enum p2m_verdict verdict);

/* d may have got pages: as many of those who wait go on. Cheap when nobody
 * does. No lock of rank WAIT or later may be held. */
void memory_wait_wake(struct domain *d);

/* The same for all domains: each CPU looks now and then, and before it goes
 * idle. */
void memory_wait_look(void);

/* v does not wait any more, whatever is there (INIT). */
void memory_wait_forget(struct vcpu *v);

/* Nobody of d waits any more, and all who did look again at the new policy. */
void memory_wait_policy(struct domain *d, enum memory_on_empty policy,
                        uint64_t borrow_limit);

/* d is being taken apart; no vCPU of it runs. */
void memory_wait_end(struct domain *d);

struct memory_waiters memory_wait_info(struct domain *d);

#endif
