/* SPDX-License-Identifier: MIT */
/*
 * PV time of a guest (AP-11..15): the vcpu_time_info that the guest converts
 * TSC values with, the wall clock, runstates, and the singleshot timer that
 * becomes VIRQ_TIMER.
 */
#ifndef DOMAIN_TIME_H
#define DOMAIN_TIME_H

#include "base/lock.h"
#include "lib/list.h"
#include "types/words.h"

struct vcpu;
struct domain;
struct page;

/* A deadline of a vCPU, ns system time; NO_DEADLINE: not set. */
struct vcpu_timer {
    uint64_t deadline;
    struct list link; /* in the timer queue of CPU `cpu`, by deadline */
    struct vcpu *vcpu;
    uint32_t cpu;
    bool wakes_only; /* poll's timeout: no VIRQ_TIMER */
};

struct vcpu_time {
    struct vcpu_timer singleshot, poll;
    /* runstate: RUNSTATE_* of the ABI: 0 running 1 runnable 2 blocked 3 offline
     */
    uint32_t state;
    uint64_t state_entry;
    uint64_t spent[4];
    /* registered areas, translated once (HC-10, HC-11); a page reference each.
     * They are written when the vCPU changes its state, on any CPU, and may be
     * moved or given up at that moment. */
    struct lock area_lock;
    struct time_area {
        struct page *page[2]; /* second: when it straddles a page */
        uint16_t offset;
    } runstate_area, time_area;
};

/* Write v's vcpu_time_info (where registered) and the shared area. */
void time_update_vcpu(struct vcpu *v);
/* Write the domain's wall clock into shared_info. */
void time_update_wallclock(struct domain *d);
/* dom0 set the clock (XENPF_settime): seconds, ns at system time `at`. */
void time_set_wallclock(uint64_t seconds, uint32_t ns, uint64_t at);

void time_set_singleshot(struct vcpu *v, uint64_t deadline);
void time_stop_singleshot(struct vcpu *v);
/* Wake v at `deadline` if it is blocked; once. */
void time_set_poll_deadline(struct vcpu *v, uint64_t deadline);
/* Whatever v does next, it does not sleep until that deadline. v runs here. */
void time_end_poll(struct vcpu *v);
/* Raise what is due of the timers set on this CPU. */
void time_run_due(void);
/* The next deadline among them, or NO_DEADLINE. */
uint64_t time_next_deadline(void);
/* A CPU's queue is ready for use. */
void time_init_cpu(unsigned cpu);

/* Called with the lock of v's run queue held. */
void time_set_runstate(struct vcpu *v, uint32_t state);
/* Write the runstate area that was just registered. */
void time_publish_runstate(struct vcpu *v);

/* A vCPU that never had a state. */
void time_init_vcpu(struct vcpu *v);

/* Register (gva already translated to frames by the caller, references passed)
 * one of v's areas. */
void time_set_area(struct vcpu *v, struct time_area *area, struct page *first,
                   struct page *second, uint16_t offset);
void time_release(struct vcpu *v);

#endif
