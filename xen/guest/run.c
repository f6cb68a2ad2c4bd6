/* SPDX-License-Identifier: MIT */
/*
 * Pick a vCPU, give it what is pending, enter it, handle the exit; again.
 *
 * v->work is the one thing that other CPUs set to make this one look around;
 * it is cleared before looking, and arch_guest_run() refuses to enter while
 * it is set, so nothing that arrives in between is missed.
 */
#include "guest/run.h"

#include "arch/timer.h"
#include "base/trace.h"
#include "domain/background.h"
#include "domain/domain.h"
#include "domain/room.h"
#include "domain/sched.h"
#include "domain/tidy.h"
#include "guest/console_input.h"
#include "guest/tmem_page.h"
#include "guest/trouble.h"
#include "mm/page_alloc.h"
#include "types/bits.h"

#include <xen/hvm/params.h>

#define CALLBACK_TYPE_SHIFT  56
#define CALLBACK_TYPE_VECTOR 2
/* Both an interrupt of the local APIC and an upcall wait, and only one can be
 * offered at a time: look again after this long. */
#define SECOND_OFFER_NS  50000
#define IDLE_SCRUB_PAGES 64
/* A guest that never exits is interrupted this often. */
#define TICK_NS 2000000

static uint64_t armed[MAX_CPUS]; /* deadline of the CPU's timer */
static uint64_t tick[MAX_CPUS];  /* when it looks around at the latest */

static void arm_timer(uint64_t deadline)
{
    uint64_t *now_armed = &armed[arch_cpu()];

    if (*now_armed != deadline) {
        *now_armed = deadline;
        arch_timer_set(deadline);
    }
}

/* What every CPU looks after now and then, whoever runs on it (v, or NULL). */
static void housekeeping(struct vcpu *v)
{
    unsigned cpu = arch_cpu();

    /* The timer may have fired: it has to be set anew. */
    armed[cpu] = 0;
    tick[cpu] = arch_time_ns() + TICK_NS;
    /* An emulator that runs the CPUs in turns and counts instructions (QEMU's
     * -icount) gives a busy one all the time up to the next deadline, and the
     * others what is left of it: end our turn here, early. */
    arch_cpu_relax();
    time_run_due();
    console_input_poll();
    domain_reap();
    room_keep();
    tmem_page_update();
    memory_wait_look();
    trouble_look(v);
}

/* One CPU at a time: they would meet in the allocator's lock, beside those that
 * have work to do. */
static void scrub(void)
{
    static bool at_it;

    if (!__atomic_exchange_n(&at_it, true, __ATOMIC_ACQUIRE)) {
        page_scrub_some(IDLE_SCRUB_PAGES);
        __atomic_store_n(&at_it, false, __ATOMIC_RELEASE);
    }
}

static uint64_t idle_work(bool woken)
{
    uint64_t again;

    housekeeping(NULL);
    if (woken) {
        return NO_DEADLINE;
    }
    page_stock_idle();
    scrub();
    again = background_work();
    return MIN(again, tidy_work());
}

/* The vector that an upcall of v's domain arrives at; -1: none is due. */
static int upcall_vector(const struct vcpu *v)
{
    uint64_t callback = v->domain->hvm_params[HVM_PARAM_CALLBACK_IRQ];

    if (v->upcall_vector ||
        callback >> CALLBACK_TYPE_SHIFT != CALLBACK_TYPE_VECTOR ||
        !event_pending(v)) {
        return -1; /* mode B goes through the local APIC (HC-39) */
    }
    return (int)(callback & 0xFF);
}

/* Returns the vector that was offered on behalf of the local APIC, or -1. */
static int offer_interrupts(struct vcpu *v, uint64_t *deadline)
{
    int lapic = vlapic_offer(v);
    int upcall = upcall_vector(v);

    if (v->vlapic.nmi_pending && arch_guest_inject_nmi(v->gc)) {
        v->vlapic.nmi_pending = false;
    }
    if (lapic >= 0 && upcall >= 0) {
        *deadline = MIN(*deadline, arch_time_ns() + SECOND_OFFER_NS);
    }
    arch_guest_offer_irq(v->gc, lapic >= 0 ? lapic : upcall);
    return lapic;
}

static uint64_t next_deadline(void)
{
    uint64_t timer = time_next_deadline();
    uint64_t slice = sched_slice_deadline();
    uint64_t first = MIN(timer, slice);

    return MIN(first, tick[arch_cpu()]);
}

static void run_once(struct vcpu *v)
{
    struct guest_exit e;
    uint64_t deadline = next_deadline();
    int lapic = offer_interrupts(v, &deadline);

    arm_timer(deadline);
    arch_guest_run(v->gc, &v->regs, &v->work, &e);
    if (lapic >= 0) {
        vlapic_offered(v, (unsigned)lapic, arch_guest_irq_taken(v->gc));
    }
    v->exits[e.reason]++;
    trace(TRACE_EXIT, (uint64_t)v->domain->id << 16 | v->id, e.code,
          v->regs.rip, e.value);
    if (e.reason == EXIT_NONE) {
        housekeeping(v);
    } else {
        exit_handle(v, &e);
    }
}

/* Should v leave this CPU? Clears v->work. */
static bool must_switch(struct vcpu *v)
{
    uint32_t work = 0;

    if (READ_ONCE(v->work)) {
        work = __atomic_exchange_n(&v->work, 0, __ATOMIC_SEQ_CST);
        vlapic_take_init(v);
    }
    return READ_ONCE(v->hold) || (work & VCPU_WORK_RESCHED) ||
           sched_slice_over(arch_time_ns());
}

void guest_loop(void)
{
    struct vcpu *v = NULL;

    housekeeping(NULL); /* so that the first entry sets the timer */
    for (;;) {
        v = sched_next(v, idle_work);
        do {
            run_once(v);
        } while (!must_switch(v));
    }
}
