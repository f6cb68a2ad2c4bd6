/* SPDX-License-Identifier: MIT */
//! cpus: 1
//! vcpus: 2
/*
 * Time and timers (AP-11 .. AP-15, HC-15).
 *
 * System time never goes back and agrees with the TSC's rate; the wall clock
 * is later than the year 2020 or unset. A singleshot timer raises VIRQ_TIMER
 * of its vCPU not before its deadline and soon after, once; a deadline that
 * has passed fires at once; setting it again replaces it; stopping it leaves
 * nothing. The timer wakes a vCPU that halts. The area for run states adds up
 * to the time that has passed.
 */
#include "console.h"
#include "event.h"
#include "hypercall.h"
#include "lib/string.h"
#include "memory.h"
#include "smp.h"
#include "test.h"
#include "time.h"
#include "trap.h"

#include <xen/sched.h>
#include <xen/vcpu.h>

/* How late a timer may be. */
#define LATE MILLISECONDS(20)

/* How early: Xen rounds deadlines to save interrupts. */
static uint64_t early;
static int port;
static uint64_t fired_at;

static void on_timer(unsigned p)
{
    fired_at = time_now();
}

static void test_clock(void)
{
    volatile struct vcpu_time_info *t = &shared_info->vcpu_info[0].time;
    uint64_t last = time_now();
    unsigned backward = 0;

    test_section("clock");
    EXPECT(t->tsc_to_system_mul != 0);
    EXPECT_EQ(t->version & 1, 0);
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t now = time_now();

        backward += now < last;
        last = now;
    }
    EXPECT_EQ(backward, 0);
    print("up %lu ms, wall clock %u s\n", last / 1000000, shared_info->wc_sec);
    EXPECT_EQ(shared_info->wc_version & 1, 0);
    EXPECT(shared_info->wc_nsec < 1000000000);
    EXPECT(shared_info->wc_sec == 0 || shared_info->wc_sec > 1577836800);
}

/* Asleep until the timer came, or for LATE behind the deadline at least. */
static bool sleep_for_timer(uint64_t count, uint64_t deadline)
{
    while (event_count(port) < count) {
        if (time_now() > deadline + SECONDS(1)) {
            return false;
        }
        irq_wait();
    }
    return true;
}

static void check_one(uint64_t delay)
{
    uint64_t count = event_count(port), deadline = time_now() + delay;

    EXPECT_EQ(timer_set(deadline, 0), 0);
    if (EXPECT(sleep_for_timer(count + 1, deadline))) {
        EXPECT(fired_at + early >= deadline);
        EXPECT(fired_at < deadline + LATE);
        if (fired_at >= deadline + LATE) {
            print("late by %lu us\n", (fired_at - deadline) / 1000);
        }
    }
    EXPECT_EQ(event_count(port), count + 1);
}

static void test_singleshot(void)
{
    test_section("singleshot");
    check_one(MICROSECONDS(100));
    check_one(MILLISECONDS(1));
    check_one(MILLISECONDS(30));
    for (unsigned i = 0; i < 50; i++) {
        check_one(MICROSECONDS(300) + i * 7777);
    }
}

static void test_past(void)
{
    static const uint64_t deadlines[] = {0, 1, 1000};

    test_section("deadlines that have passed");
    for (unsigned i = 0; i < ARRAY_COUNT(deadlines); i++) {
        uint64_t count = event_count(port);

        EXPECT_EQ(timer_set(deadlines[i], 0), 0);
        irq_on();
        EXPECT(event_wait(port, count + 1, LATE));
        EXPECT_EQ(event_count(port), count + 1);
    }
    /* Allowed to be refused when it should lie ahead (vcpu.h). */
    {
        int rc = timer_set(1, VCPU_SSHOTTMR_future);

        EXPECT(rc == 0 || rc == -ETIME);
        event_wait(port, event_count(port) + 1, MILLISECONDS(2));
    }
}

static void test_replaced(void)
{
    uint64_t count = event_count(port), now = time_now();

    test_section("replaced and stopped");
    EXPECT_EQ(timer_set(now + MILLISECONDS(5), 0), 0);
    EXPECT_EQ(timer_set(now + MILLISECONDS(15), 0), 0);
    EXPECT(event_wait(port, count + 1, MILLISECONDS(50)));
    EXPECT(fired_at + early >= now + MILLISECONDS(15));
    EXPECT(!event_wait(port, count + 2, MILLISECONDS(10)));

    count = event_count(port);
    EXPECT_EQ(timer_set(time_now() + MILLISECONDS(5), 0), 0);
    EXPECT_EQ(timer_stop(), 0);
    EXPECT(!event_wait(port, count + 1, MILLISECONDS(15)));
    EXPECT_EQ(timer_stop(), 0);
}

/* A deadline in the far future must be neither refused nor taken for one in
 * the past. */
static void test_far(void)
{
    uint64_t count = event_count(port);

    test_section("far deadlines");
    EXPECT_EQ(timer_set(time_now() + SECONDS(3600ULL * 24 * 365), 0), 0);
    EXPECT(!event_wait(port, count + 1, MILLISECONDS(5)));
    EXPECT_EQ(timer_stop(), 0);
}

static void test_masked(void)
{
    uint64_t count = event_count(port);

    test_section("while masked");
    event_mask(port);
    EXPECT_EQ(timer_set(time_now() + MILLISECONDS(1), 0), 0);
    EXPECT(!event_wait(port, count + 1, MILLISECONDS(10)));
    EXPECT(event_is_pending(port));
    EXPECT_EQ(event_unmask(port), 0);
    EXPECT(event_wait(port, count + 1, LATE));
}

/* sched_op poll sleeps until its deadline. */
static void test_poll_timeout(void)
{
    evtchn_port_t never = event_alloc_unbound(DOMID_SELF, DOMID_SELF);
    struct sched_poll poll = {.nr_ports = 1};
    uint64_t before = time_now(), after;

    test_section("poll with a timeout");
    set_xen_guest_handle(poll.ports, &never);
    poll.timeout = before + MILLISECONDS(8);
    EXPECT_EQ(sched_op(SCHEDOP_poll, &poll), 0);
    after = time_now();
    EXPECT(after + early >= before + MILLISECONDS(8));
    EXPECT(after < before + MILLISECONDS(8) + LATE);
    EXPECT_EQ(event_close(never), 0);
}

static void test_run_state(void)
{
    static struct vcpu_runstate_info state;
    struct vcpu_register_runstate_memory_area area = {.addr.v = &state};
    volatile struct vcpu_runstate_info *s = &state;
    uint64_t before, sum = 0, slept, deadline;

    test_section("run states");
    EXPECT_EQ(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &area), 0);
    EXPECT_EQ(s->state, RUNSTATE_running);
    before = s->time[RUNSTATE_blocked];
    deadline = time_now() + MILLISECONDS(10);
    timer_set(deadline, 0);
    sleep_for_timer(event_count(port) + 1, deadline);
    slept = s->time[RUNSTATE_blocked] - before;
    EXPECT(slept >= MILLISECONDS(8) && slept < MILLISECONDS(10) + LATE);
    for (unsigned i = 0; i < 4; i++) {
        sum += s->time[i];
    }
    /* What is accounted, and what has passed since the vCPU got its time. */
    EXPECT(sum <= time_now());
    EXPECT(s->state_entry_time <= time_now());
    EXPECT_EQ(s->state, RUNSTATE_running);
}

/* --- Two vCPUs, one timer each --- */

static int other_port;
static volatile bool other_is_ready, may_stop;
static volatile uint64_t other_fired_at;

static void on_other_timer(unsigned p)
{
    other_fired_at = time_now();
}

static void sleep_until_told(void *p)
{
    timer_set(time_now() + MILLISECONDS(20), 0);
    other_is_ready = true;
    while (!may_stop) {
        irq_wait();
    }
}

static void test_two(void)
{
    uint64_t start = time_now(), count = event_count(port);

    test_section("two vCPUs");
    if (smp_vcpu_count() < 2) {
        return;
    }
    other_port = event_bind_virq(VIRQ_TIMER, 1);
    REQUIRE(other_port > 0);
    event_set_handler(other_port, on_other_timer);
    event_unmask(other_port);
    REQUIRE(smp_start(1, sleep_until_told, NULL));
    while (!other_is_ready) {
        give_way();
    }
    EXPECT_EQ(timer_set(time_now() + MILLISECONDS(5), 0), 0);
    EXPECT(event_wait(port, count + 1, MILLISECONDS(60)));
    EXPECT(event_wait(other_port, 1, MILLISECONDS(60)));
    EXPECT(fired_at < other_fired_at);
    EXPECT(other_fired_at >= start + MILLISECONDS(20));
    EXPECT_EQ(event_count(port), count + 1);
    may_stop = true;
}

void test_main(void)
{
    events_init();
    early = hypervisor_is_podium() ? 0 : MICROSECONDS(100);
    port = event_bind_virq(VIRQ_TIMER, 0);
    REQUIRE(port > 0);
    event_set_handler(port, on_timer);
    event_unmask(port);
    EXPECT_EQ(vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
    test_clock();
    test_singleshot();
    test_past();
    test_replaced();
    test_far();
    test_masked();
    test_poll_timeout();
    test_run_state();
    test_two();
}
