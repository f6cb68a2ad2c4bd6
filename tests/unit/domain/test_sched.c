/* SPDX-License-Identifier: MIT */
/* Which vCPU runs on which CPU, as far as hard affinity decides it. */
#include "arch/timer.h"
#include "domain/sched.h"
#include "domains.h"
#include "machine.h"
#include "types/bits.h"

#define ALL_HOLDS (HOLD_OFFLINE | HOLD_PAUSED | HOLD_BLOCKED)

static struct vcpu *a, *b;
static unsigned idle_count;

static void two_vcpus(void)
{
    struct domain *d;

    machine_start(0x4000);
    d = domain_new(0, 2);
    a = d->vcpus[0];
    b = d->vcpus[1];
    idle_count = 0;
}

static struct vcpu *next_on(unsigned cpu, struct vcpu *prev,
                            uint64_t (*idle_work)(bool woken))
{
    struct vcpu *v;

    fake_set_cpu(cpu);
    v = sched_next(prev, idle_work);
    EXPECT_EQ(arch_cpu(), cpu);
    return v;
}

static uint64_t never(bool woken)
{
    (void)woken;
    EXPECT(!"there was something to run");
    return NO_DEADLINE;
}

/* In the third round CPU 0 may have a after all. */
static uint64_t allow_later(bool woken)
{
    EXPECT_EQ(woken, idle_count % 2);
    if (++idle_count == 3) {
        sched_set_affinity(a, BIT(0));
    }
    return NO_DEADLINE;
}

TEST(a_cpu_leaves_alone_who_may_not_run_on_it)
{
    two_vcpus();
    sched_set_affinity(a, BIT(1));
    sched_release(a, ALL_HOLDS);
    EXPECT(next_on(0, NULL, allow_later) == a);
    EXPECT(idle_count >= 3);
    EXPECT_EQ(a->running_on, 0);
}

TEST(the_first_who_may_is_taken)
{
    two_vcpus();
    sched_set_affinity(a, BIT(1));
    sched_release(a, ALL_HOLDS);
    sched_release(b, ALL_HOLDS);
    EXPECT(next_on(0, NULL, never) == b);
    EXPECT(next_on(1, NULL, never) == a);
}

TEST(an_idle_cpu_is_kicked_if_it_may_run_it)
{
    two_vcpus();
    sched_release(b, ALL_HOLDS);
    EXPECT(next_on(0, NULL, never) == b);
    fake_kicked(0);
    sched_set_affinity(a, BIT(2));
    sched_release(a, ALL_HOLDS);
    /* Nobody waits there yet, and who runs on CPU 0 is no obstacle. */
    EXPECT(!(b->work & VCPU_WORK_RESCHED));
    EXPECT(next_on(2, NULL, never) == a);
}

/* CPU 1 takes what CPU 0 gave up, and then there is b for CPU 0. */
static uint64_t take_over(bool woken)
{
    (void)woken;
    if (++idle_count == 1) {
        EXPECT_EQ(a->running_on, NOT_RUNNING);
        EXPECT(next_on(1, NULL, never) == a);
        fake_set_cpu(0);
        sched_release(b, ALL_HOLDS);
    }
    return NO_DEADLINE;
}

TEST(who_runs_where_it_may_not_any_more_moves)
{
    two_vcpus();
    sched_release(a, ALL_HOLDS);
    EXPECT(next_on(0, NULL, never) == a);
    sched_set_affinity(b, BIT(0));
    sched_set_affinity(a, BIT(0) | BIT(3));
    EXPECT(!(a->work & VCPU_WORK_RESCHED));
    sched_set_affinity(a, BIT(1));
    EXPECT(a->work & VCPU_WORK_RESCHED);
    EXPECT(next_on(0, a, take_over) == b);
    EXPECT_EQ(a->running_on, 1);
    EXPECT_EQ(b->running_on, 0);
}

/* An idle CPU comes back when it said so, and when it is asked to. */
static uint64_t idle_until(bool woken)
{
    switch (idle_count++) {
    case 0:
        return 5000;
    case 1:
        EXPECT(woken);
        EXPECT_EQ(arch_time_ns(), 5000);
        EXPECT(!fake_kicked(0));
        return NO_DEADLINE;
    case 3:
        EXPECT(woken);
        sched_wake_idle();
        EXPECT(fake_kicked(0));
        sched_release(a, ALL_HOLDS);
        return NO_DEADLINE;
    default:
        return NO_DEADLINE;
    }
}

TEST(an_idle_cpu_comes_back_when_it_wants_to)
{
    two_vcpus();
    EXPECT(next_on(0, NULL, idle_until) == a);
    EXPECT_EQ(idle_count, 4);
    fake_kicked(0);
    sched_wake_idle(); /* none is */
    EXPECT(!fake_kicked(0));
}
