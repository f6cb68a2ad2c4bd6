/* SPDX-License-Identifier: MIT */
/* Who gets how much CPU time, in simulated time. */
#include "arch/timer.h"
#include "cpus.h"
#include "types/bits.h"
#include "unit.h"

#define GUESTS 6

static struct domain *guest[GUESTS];

static void start(unsigned cpus, unsigned guests)
{
    cpus_start(cpus);
    for (unsigned i = 0; i < guests; i++) {
        guest[i] = cpus_domain(1);
    }
}

static void expect_share(unsigned i, double wanted_ms, double percent)
{
    double ms = cpus_time_ms(guest[i]);
    double off = wanted_ms * percent / 100;

    if (ms < wanted_ms - off || ms > wanted_ms + off) {
        FAIL("guest %u had %.1f ms, not %.1f", i, ms, wanted_ms);
    }
}

static void pin(unsigned i, uint64_t cpus)
{
    sched_set_affinity(guest[i]->vcpus[0], cpus);
}

/* Run, and look now and then whether all is in order. */
static void run_ms(unsigned ms, void (*each)(uint64_t now))
{
    for (unsigned done = 0; done < ms; done += 50) {
        cpus_run(50 * MS, each);
        cpus_check();
    }
}

static void four_equals(unsigned cpus)
{
    start(cpus, 4);
    run_ms(2000, NULL);
    for (unsigned i = 0; i < 4; i++) {
        expect_share(i, 500.0 * cpus, 4);
    }
}

TEST(four_equals_on_one_cpu)
{
    four_equals(1);
}

TEST(four_equals_on_two_cpus)
{
    four_equals(2);
}

TEST(four_equals_on_three_cpus)
{
    four_equals(3);
}

TEST(four_equals_on_four_cpus)
{
    four_equals(4);
}

TEST(six_on_four_cpus)
{
    start(4, 6);
    run_ms(3000, NULL);
    for (unsigned i = 0; i < 6; i++) {
        expect_share(i, 2000, 4);
    }
}

TEST(weights)
{
    start(1, 3);
    sched_set_share(guest[0], 512, 0);
    run_ms(4000, NULL);
    expect_share(0, 2000, 4);
    expect_share(1, 1000, 4);
    expect_share(2, 1000, 4);
}

TEST(weights_over_two_cpus)
{
    start(2, 4);
    sched_set_share(guest[0], 512, 0);
    sched_set_share(guest[3], 512, 0);
    run_ms(6000, NULL);
    expect_share(0, 4000, 4);
    expect_share(1, 2000, 4);
    expect_share(2, 2000, 4);
    expect_share(3, 4000, 4);
}

/* It cannot have more than a CPU, and that is no reason to keep it for ever. */
TEST(a_weight_that_no_cpu_can_serve)
{
    start(2, 4);
    sched_set_share(guest[0], 4096, 0);
    sched_hold(guest[3]->vcpus[0], HOLD_BLOCKED);
    run_ms(2000, NULL);
    expect_share(0, 2000, 4);
    expect_share(1, 1000, 5);
    sched_set_share(guest[0], 256, 0);
    sched_release(guest[3]->vcpus[0], HOLD_BLOCKED);
    run_ms(2000, NULL);
    expect_share(0, 3000, 5);
    expect_share(3, 1000, 8);
}

TEST(a_light_one_that_is_pinned_is_no_measure_for_others)
{
    start(4, 5);
    sched_set_share(guest[4], 1, 0);
    pin(4, BIT(3));
    for (unsigned i = 0; i < 4; i++) {
        pin(i, BIT(0) | BIT(1) | BIT(2));
    }
    run_ms(2000, NULL);
    expect_share(4, 2000, 1);
    for (unsigned i = 0; i < 4; i++) {
        expect_share(i, 1500, 4);
    }
}

TEST(caps)
{
    start(2, 3);
    sched_set_share(guest[0], 256, 25);
    sched_set_share(guest[1], 256, 50);
    run_ms(2000, NULL);
    expect_share(0, 500, 4);
    expect_share(1, 1000, 4);
    expect_share(2, 2000, 1);
    sched_set_share(guest[0], 256, 0);
    sched_set_share(guest[1], 256, 50);
    run_ms(2000, NULL);
    expect_share(0, 500 + 1500, 6);
    expect_share(1, 1000 + 1000, 4);
}

/* In the middle of a slice: what was used of it is not owed. */
TEST(a_cap_is_for_the_time_after_it_was_set)
{
    start(1, 1);
    run_ms(50, NULL);
    sched_set_share(guest[0], 256, 5);
    run_ms(400, NULL);
    expect_share(0, 50 + 20, 3);
}

/* Alone on the machine, and four vCPUs of one domain. */
TEST(a_cap_holds_for_all_vcpus_together)
{
    double sum = 0;

    cpus_start(4);
    guest[0] = cpus_domain(4);
    sched_set_share(guest[0], 256, 150);
    run_ms(2000, NULL);
    for (unsigned i = 0; i < 4; i++) {
        sum += (double)sched_cpu_time(guest[0]->vcpus[i]) / MS;
    }
    if (sum < 2900 || sum > 3100) {
        FAIL("150 percent of 2 s were %.1f ms", sum);
    }
}

TEST(who_has_no_cap_left_is_held_and_released_like_others)
{
    struct vcpu *v;

    start(1, 1);
    v = guest[0]->vcpus[0];
    sched_set_share(guest[0], 256, 10);
    cpus_run(10 * MS, NULL);
    cpus_check();
    EXPECT(v->running_on == NOT_RUNNING && !v->hold);
    sched_hold(v, HOLD_BLOCKED);
    cpus_check();
    cpus_run(40 * MS, NULL);
    expect_share(0, 2, 15);
    sched_release(v, HOLD_BLOCKED);
    cpus_run(MS, NULL);
    cpus_check();
    EXPECT(v->running_on == 0);
}

TEST(pinned_ones_share_their_cpu)
{
    start(2, 5);
    pin(0, BIT(0));
    pin(1, BIT(0));
    pin(2, BIT(0));
    run_ms(3000, NULL);
    for (unsigned i = 0; i < 3; i++) {
        expect_share(i, 1000, 4);
    }
    expect_share(3, 1500, 4);
    expect_share(4, 1500, 4);
}

/* One that is pinned beside those that are not: all get what all can have. */
TEST(others_make_room_for_one_that_is_pinned)
{
    start(2, 4);
    pin(0, BIT(1));
    run_ms(2000, NULL);
    for (unsigned i = 0; i < 4; i++) {
        expect_share(i, 1000, 5);
    }
}

TEST(who_may_not_run_where_it_runs_leaves)
{
    start(2, 2);
    cpus_run(5 * MS, NULL);
    pin(0, BIT(0));
    pin(1, BIT(0));
    run_ms(1000, NULL);
    EXPECT(!cpus_running(1));
    expect_share(0, 500, 4);
    expect_share(1, 500, 4);
    pin(1, BIT(1));
    cpus_run(2 * STEP_NS, NULL);
    EXPECT(cpus_running(1) == guest[1]->vcpus[0]);
}

/* --- Sleeping and waking: guest 0 --- */

static uint64_t awake_ns, period_ns, longest_wait;

static void sleep_and_wake(uint64_t now)
{
    struct vcpu *v = guest[0]->vcpus[0];
    uint64_t waited = cpus_waited(v);

    longest_wait = MAX(longest_wait, waited);
    if (now % period_ns == 0) {
        sched_release(v, HOLD_BLOCKED);
    } else if (now % period_ns == awake_ns) {
        sched_hold(v, HOLD_BLOCKED);
    }
}

TEST(one_that_mostly_sleeps_is_served_at_once)
{
    start(1, 5);
    awake_ns = MS;
    period_ns = 10 * MS;
    run_ms(200, sleep_and_wake);
    longest_wait = 0;
    run_ms(1800, sleep_and_wake);
    EXPECT(longest_wait <= STEP_NS);
    expect_share(0, 200, 5);
    for (unsigned i = 1; i < 5; i++) {
        expect_share(i, 450, 5);
    }
}

/* And it gets no more than others by sleeping for just a moment. */
TEST(one_that_hardly_sleeps_has_no_advantage)
{
    start(1, 4);
    awake_ns = 19 * MS;
    period_ns = 20 * MS;
    run_ms(4000, sleep_and_wake);
    EXPECT(cpus_time_ms(guest[0]) < 1100);
    for (unsigned i = 1; i < 4; i++) {
        EXPECT(cpus_time_ms(guest[i]) > 950);
    }
}

TEST(long_sleep_saves_no_more_than_a_slice)
{
    start(1, 2);
    sched_hold(guest[0]->vcpus[0], HOLD_BLOCKED);
    run_ms(5000, NULL);
    sched_release(guest[0]->vcpus[0], HOLD_BLOCKED);
    run_ms(1000, NULL);
    expect_share(0, 500, 5);
    expect_share(1, 5500, 1);
}

TEST(a_rate_limit_lets_who_runs_run)
{
    start(1, 2);
    awake_ns = 2 * MS;
    period_ns = 4 * MS;
    longest_wait = 0;
    sched_set_ratelimit_us(5000);
    run_ms(1000, sleep_and_wake);
    EXPECT(longest_wait > MS);
    EXPECT(longest_wait <= 5 * MS);
    EXPECT_EQ(sched_ratelimit_us(), 5000);
    sched_set_ratelimit_us(0);
}

static void yield_always(uint64_t now)
{
    (void)now;
    if (cpus_running(0) == guest[0]->vcpus[0]) {
        sched_yield(guest[0]->vcpus[0]);
    }
}

TEST(who_yields_lets_others_run)
{
    start(1, 3);
    run_ms(1000, yield_always);
    EXPECT(cpus_time_ms(guest[0]) < 60);
    EXPECT(cpus_time_ms(guest[1]) > 450);
    EXPECT(cpus_time_ms(guest[2]) > 450);
}
