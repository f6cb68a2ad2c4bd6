/* SPDX-License-Identifier: MIT */
/*
 * A virtual CPU: its machine state, what it waits for, and its clocks.
 *
 * Run state (sched.c): a vCPU is RUNNABLE when nothing holds it
 * back: it is online, its domain and itself are not paused, and it is not
 * blocked. Exactly one CPU runs a vCPU at a time; `running_on` says which.
 *
 * Its registers may be looked at or changed by others only while it is not
 * running: by vcpu_pause_sync() or before it starts.
 */
#ifndef DOMAIN_VCPU_H
#define DOMAIN_VCPU_H

#include "arch/guest_run.h"
#include "domain/memory_wait.h"
#include "domain/time.h"
#include "domain/vlapic.h"
#include "lib/list.h"
#include "mm/page_ref.h"
#include "p2m/p2m.h"

struct domain;

#define MAX_VCPUS   128 /* per domain; x2APIC id = 2 * vcpu */
#define NOT_RUNNING (~0U)

/* Why a vCPU does not run, one bit each; 0: runnable. */
enum vcpu_hold {
    HOLD_OFFLINE = 1, /* not started, or halted for good (HC-42) */
    HOLD_PAUSED = 2,  /* its domain may not run: pause.c */
    HOLD_BLOCKED = 4, /* HLT or sched_op block/poll: until an event */
    HOLD_MEMORY = 8,  /* touched what has no page: memory_wait.c */
};

struct vcpu {
    /* hot: guest/run.c touches these on each entry */
    struct guest_regs regs;
    struct guest_cpu *gc;
    struct domain *domain;
    uint32_t id;
    uint32_t work;         /* non-zero: do not enter the guest, look around
                              (enum vcpu_work), atomic */
    struct vcpu_info_map { /* registered vcpu_info (HC-4), or within shared_info
                            */
        struct page *page; /* reference held; NULL: in shared_info or none */
        void *info;        /* struct vcpu_info of the ABI; never NULL for
                              vCPUs 0..31, NULL for others until registered */
    } info;
    uint8_t upcall_vector; /* mode B (HC-39): per-vCPU vector, or 0 */

    /* scheduling: the lock of the queue where it is at home (run_queue.h) */
    uint32_t home; /* CPU; read with or without that lock */
    struct list run_link;
    uint32_t hold;       /* enum vcpu_hold bits */
    uint32_t running_on; /* CPU, or NOT_RUNNING */
    uint32_t last_cpu;   /* where its FPU state may still be */
    uint64_t affinity;   /* hard: bit per CPU */
    uint64_t soft_affinity;
    uint64_t vtime;         /* what it was charged; relative to home's shift */
    uint64_t running_since; /* ns: charged up to here */
    bool yielded;
    uint64_t last_yield;   /* ns: when it asked last; hc_sched.c */
    unsigned yield_streak; /* and how often in a row */

    struct vcpu_time time;
    struct vlapic vlapic;

    /* sched_op poll (HC-24): any raise wakes it, and it looks at its ports */
    bool polling;

    struct memory_search { /* memory.c: for whom it searches, and where */
        const struct p2m *p2m;
        gfn_t gfn;
        struct p2m_search state;
        uint64_t begun, took; /* ns */
    } search;
    struct vcpu_wait wait;

    struct vcpu_walks { /* guest/pagetable.c: what its own tables said, since
                           it ran last */
        unsigned count;
        struct {
            uint64_t gva, gpa; /* of the page, which may be a large one */
            uint64_t offset;   /* mask of what is in the page */
            bool write;        /* good for writing, too */
        } walk[4];             /* the last ones, round and round */
    } walks;

    struct page *machine_pages[8]; /* what arch_guest_create() was given */

    uint64_t exits[EXIT_REASON_COUNT]; /* counters */
    uint64_t tmem_ticks;               /* of the TSC, in hypercall 38 */
};

enum vcpu_work {
    VCPU_WORK_RESCHED = 1, /* the scheduler wants the CPU back */
    VCPU_WORK_EVENT = 2,   /* an event, IPI or timer: look at what is pending */
    VCPU_WORK_STATE = 4,   /* pause, shutdown or teardown */
};

/* A vCPU in reset state, offline. NULL: no memory. */
struct vcpu *vcpu_create(struct domain *d, unsigned id);

/* Free a vCPU that never runs again. */
void vcpu_destroy(struct vcpu *v);

/* Set bits of v->work and kick the CPU on which v runs, if any. */
void vcpu_kick(struct vcpu *v, uint32_t work);

/* Does anything wait that ends HLT: an upcall, an interrupt, an NMI? On v's own
 * CPU. */
bool vcpu_has_pending(const struct vcpu *v);

/* An event for v arrived: unblock it, or make it look if it runs. */
void vcpu_wake_for_event(struct vcpu *v);

/* Start an offline vCPU (INIT/SIPI, hvm context load). */
void vcpu_online(struct vcpu *v);
/* HLT with interrupts off: v stops for good, unless an NMI came before. True if
 * no vCPU is online any more. */
bool vcpu_offline(struct vcpu *v);

#endif
