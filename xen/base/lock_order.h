/* SPDX-License-Identifier: MIT */
/*
 * Every lock has a rank; a CPU takes them in ascending rank only, which
 * base/lock.c checks at run time. Two of one rank: lower address first, by
 * lock_two(). The order is that of the layers: outer layers first.
 */
#ifndef BASE_LOCK_ORDER_H
#define BASE_LOCK_ORDER_H

enum lock_rank {
    RANK_NONE,
    RANK_AUDIT,       /* one confirmed audit at a time */
    RANK_DOMCTL,      /* one creation, destruction or control call at a time */
    RANK_DOMAIN_LIST, /* which domains exist */
    RANK_DOMAIN_ID,   /* the same, for those with one part of the ids */
    RANK_DOMAIN,      /* a domain's control state: pause, dying, parameters */
    RANK_GRANT,       /* a domain's grant table and maptrack */
    RANK_EVENT,       /* a domain's event channels */
    RANK_WAIT,        /* which vCPUs wait for memory */
    RANK_P2M,         /* a domain's p2m: its tables and what they say */
    RANK_SHARE,       /* shared pages */
    RANK_POD,         /* a domain's PoD cache and counts */
    RANK_TMEM,        /* who has transcendent memory: clients, pools, purses */
    RANK_TMEM_SHARD,  /* what is stored, by name */
    RANK_TMEM_STORE,  /* where its data is, and in which order it goes */
    RANK_TMEM_FRAMES, /* frames that are kept for it */
    RANK_HEAP,        /* small objects */
    RANK_PAGE_ALLOC,  /* free lists, claims, and page lists of all accounts */
    RANK_ACCOUNT,     /* what an account is charged and may be */
    RANK_STOCK,       /* free pages that are at hand for one CPU */
    RANK_SCHED,       /* a CPU's run queue, and the run states of its vCPUs */
    RANK_CAP,         /* CPU time that a domain used of its cap */
    RANK_TIMER,       /* a CPU's queue of vCPU timers */
    RANK_TRACE,       /* trace ring */
    RANK_CONSOLE,     /* innermost: anybody may print */
    RANK_COUNT,
};

#endif
