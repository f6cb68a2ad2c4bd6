/* SPDX-License-Identifier: MIT */
/*
 * A domain: a guest and all that is kept for it.
 *
 * Life: domain_create() makes it with one reference, the list's, and paused
 * once. domain_kill() takes it apart in restartable steps while it stays
 * listed with `dying`; when its last page and last reference are gone,
 * domain_reap() unlists and frees it. VIRQ_DOM_EXC is raised to domain 0 when
 * it shuts down, when domain_kill() is done, and when it is reaped (D0-19,
 * PC-11).
 */
#ifndef DOMAIN_DOMAIN_H
#define DOMAIN_DOMAIN_H

#include "base/lock.h"
#include "domain/background.h"
#include "domain/cpu_share.h"
#include "domain/event.h"
#include "domain/grant.h"
#include "domain/vcpu.h"
#include "lib/list.h"
#include "mm/account.h"
#include "overcommit/pod.h"
#include "p2m/p2m.h"

struct tmem_client;

#define DOMID_LIMIT     0x7ff0 /* DOMID_FIRST_RESERVED of the ABI */
#define HVM_PARAM_COUNT 39 /* HVM_NR_PARAMS of the ABI; asserted in guest/ */
#define E820_LIMIT      128
/* For a domain whose maker does not say. */
#define GRANT_FRAMES_DEFAULT    64
#define MAPTRACK_FRAMES_DEFAULT 1024

struct domain_e820 {
    uint64_t addr, size;
    uint32_t type;
};

struct cpuid_leaf {
    uint32_t leaf, subleaf, a, b, c, d;
};
#define CPUID_LEAF_LIMIT 256

enum domain_dying {
    DOMAIN_ALIVE,
    DOMAIN_DYING, /* domain_kill() is at work */
    DOMAIN_DEAD,  /* all torn down but for pages that others still map */
};

struct domain {
    domid_t id;
    bool privileged;               /* the control domain */
    uint32_t references;           /* atomic; the list holds one */
    struct list link;              /* all domains by ascending id, list lock */
    struct domain *next_in_bucket; /* list.c: of those with such an id */
    struct lock lock;              /* the fields below that say so */

    struct account account; /* pages charged */
    struct pod pod;
    struct p2m p2m;
    struct background background;
    struct domain_wait wait;  /* vCPUs that wait for memory, and the policy */
    struct tmem_client *tmem; /* NULL: it has not used it (tmem_client.h) */
    uint64_t room_held;       /* pages held back from PUTs for it; atomic */

    struct cpu_share cpu_share;
    unsigned max_vcpus;
    struct vcpu *vcpus[MAX_VCPUS]; /* NULL beyond max_vcpus */

    uint32_t pause_count;    /* by the toolstack; lock */
    enum domain_dying dying; /* lock */
    unsigned kill_step;      /* domain_kill()'s progress */
    bool shutdown;           /* lock */
    uint8_t shutdown_code;   /* SHUTDOWN_* of the ABI */
    bool started;            /* was unpaused at least once */

    struct page *shared_info; /* SPECIAL page; struct shared_info of the ABI */
    struct event_table events;
    struct grant_table grants;

    uint64_t hvm_params[HVM_PARAM_COUNT];
    uint8_t handle[16];
    uint32_t ssidref;
    uint64_t wallclock_offset_s;
    uint32_t tsc_mode;
    uint64_t tsc_offset; /* guest TSC = host TSC + this */
    uint64_t vm_assist;
    struct domain_e820 *e820; /* heap; NULL: none */
    unsigned e820_count;
    struct cpuid_leaf
        *cpuid; /* heap; policy set by the toolstack; NULL: host's */
    unsigned cpuid_count;
    uint64_t paging_pool;    /* bytes, as set by the toolstack */
    uint32_t creation_flags; /* XEN_DOMCTL_CDF_* */
    uint32_t max_evtchn_port, max_grant_frames, max_maptrack_frames;
    char debug_line[128]; /* port 0xE9, until a newline; lock */
    unsigned debug_length;
};

struct domain_config {
    domid_t id; /* DOMID_LIMIT or more: choose one */
    bool privileged;
    unsigned max_vcpus; /* 1 .. MAX_VCPUS */
    uint32_t max_evtchn_port, max_grant_frames, max_maptrack_frames;
    uint32_t creation_flags;
    uint8_t handle[16];
};

/* 0 and *out with a reference for the caller; -EEXIST, -EINVAL, -ENOMEM. */
int must_check domain_create(const struct domain_config *config,
                             struct domain **out);

/* With a reference; NULL: none of that id. domain_put() it. */
struct domain *domain_get(domid_t id);
/* The first domain with an id >= given; NULL: none. */
struct domain *domain_get_next(domid_t id);
void domain_put(struct domain *d);

/* The domain that embeds this account. */
struct domain *domain_of_account(struct account *a);
static inline struct domain *vcpu_domain(const struct vcpu *v)
{
    return v->domain;
}

/* Pause counts nest. The sync form returns when none of its vCPUs runs. */
void domain_pause(struct domain *d);
void domain_pause_sync(struct domain *d);
int must_check domain_unpause(struct domain *d); /* -EINVAL: not paused */

/* All vCPUs stop for good; code is SHUTDOWN_*; tells domain 0. Once. */
void domain_shutdown(struct domain *d, unsigned code);
/* The same with SHUTDOWN_crash, and a line in the log that says why. */
printf_like(2, 3) void domain_crash(struct domain *d, const char *fmt, ...);

/* Tear down in steps: -ERESTART more to do (call again), 0 done. */
int must_check domain_kill(struct domain *d);

/* Free domains that are dead and unused. Cheap when there is none. */
void domain_reap(void);
/* Note that a dead domain may have lost its last page or reference. */
void domain_reap_soon(void);

/* Ends the machine when domain 0 shuts down (called by domain_shutdown). */
extern void (*domain_zero_ended)(unsigned code);

/* Audit of everything this domain has: p2m, PoD, events, grants. Returns how
 * many differences; on a running machine to be confirmed (base/audit.h). */
unsigned domain_audit(struct domain *d);

#endif
