/* SPDX-License-Identifier: MIT */
#include "cpus.h"

#include "arch/timer.h"
#include "domain/run_queue.h"
#include "domains.h"
#include "machine.h"
#include "types/bits.h"

#define ALL_HOLDS (HOLD_OFFLINE | HOLD_PAUSED | HOLD_BLOCKED)

static struct vcpu *running[MAX_CPUS];
static bool is_idle[MAX_CPUS]; /* it waits until it is kicked */
static domid_t next_id;

void cpus_start(unsigned count)
{
    machine_start_cpus(0x4000, count);
    next_id = 1;
}

struct domain *cpus_domain(unsigned vcpus)
{
    struct domain *d;

    fake_set_cpu(0);
    d = domain_new(next_id++, vcpus);
    d->started = true;
    for (unsigned i = 0; i < vcpus; i++) {
        sched_release(d->vcpus[i], ALL_HOLDS);
    }
    return d;
}

struct vcpu *cpus_running(unsigned cpu)
{
    return running[cpu];
}

/* As guest_loop() does it. */
static void look_around(unsigned cpu)
{
    struct vcpu *v = running[cpu];
    uint32_t work = 0;

    fake_set_cpu(cpu);
    if (v) {
        work = __atomic_exchange_n(&v->work, 0, __ATOMIC_SEQ_CST);
        if (!v->hold && !(work & VCPU_WORK_RESCHED) &&
            !sched_slice_over(arch_time_ns())) {
            return;
        }
    } else if (!fake_kicked(cpu) && is_idle[cpu] &&
               arch_time_ns() < run_queues[cpu].unpark_at) {
        return;
    }
    do {
        running[cpu] = sched_pick(v);
        v = NULL;
        is_idle[cpu] = !running[cpu] && !sched_work_here();
    } while (!running[cpu] && !is_idle[cpu]);
}

void cpus_run(uint64_t ns, void (*each)(uint64_t now))
{
    for (uint64_t end = arch_time_ns() + ns; arch_time_ns() < end;) {
        fake_set_cpu(0);
        if (each) {
            each(arch_time_ns());
        }
        /* Twice, as one that is sent away may go to a CPU that looked. */
        for (unsigned i = 0; i < 2 * arch_cpu_count(); i++) {
            look_around(i % arch_cpu_count());
        }
        fake_advance(STEP_NS);
    }
    fake_set_cpu(0);
}

static bool is_on(const struct vcpu *v, const struct list *list)
{
    const struct vcpu *other;

    list_for_each (other, list, run_link) {
        if (other == v) {
            return true;
        }
    }
    return false;
}

static void check_vcpu(const struct vcpu *v)
{
    const struct run_queue *q = &run_queues[v->home];
    bool runs = v->running_on != NOT_RUNNING;
    bool waits = is_on(v, &q->waiting), parked = is_on(v, &q->parked);

    EXPECT_EQ(waits + parked, !v->hold && !runs);
    EXPECT_EQ(!list_empty(&v->run_link), waits + parked);
    if (runs) {
        EXPECT_EQ(v->running_on, v->home);
        EXPECT(running[v->home] == v && q->current == v);
    } else {
        EXPECT(may_run_on(v, v->home));
    }
    for (unsigned cpu = 0; waits && cpu < arch_cpu_count(); cpu++) {
        EXPECT(running[cpu] || !may_run_on(v, cpu));
    }
}

static uint64_t list_length(const struct list *list)
{
    const struct vcpu *v;
    uint64_t length = 0;

    list_for_each (v, list, run_link) {
        length++;
    }
    return length;
}

void cpus_check(void)
{
    struct domain *d = domain_get_next(0), *next;

    for (; d; d = next) {
        for (unsigned i = 0; i < d->max_vcpus; i++) {
            check_vcpu(d->vcpus[i]);
        }
        next = domain_get_next((domid_t)(d->id + 1));
        domain_put(d);
    }
    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        const struct run_queue *q = &run_queues[cpu];

        EXPECT_EQ(q->load, list_length(&q->waiting) + list_length(&q->parked) +
                               (q->current != NULL));
    }
}

uint64_t cpus_waited(const struct vcpu *v)
{
    return !v->hold && v->running_on == NOT_RUNNING
               ? arch_time_ns() - v->time.state_entry
               : 0;
}

double cpus_time_ms(const struct domain *d)
{
    return (double)sched_cpu_time(d->vcpus[0]) / MS;
}
