/* SPDX-License-Identifier: MIT */
//! cpus: 2
//! vcpus: 1
//! timeout: 120
/*
 * Busy domains share the processors: equals get the same time within 5 percent,
 * one of double weight twice as much, and one with a cap no more than that.
 *
 * All that they do is spin. This domain sleeps meanwhile, and wakes when it
 * wanted to.
 */
#include "child.h"
#include "console.h"
#include "event.h"
#include "hypercall.h"
#include "test.h"
#include "time.h"

#include <xen/sched.h>

#define BUSY     4
#define RAM      512 /* pages of each */
#define EARLY    MICROSECONDS(100)
#define LATE     MILLISECONDS(1)
#define PER_BUSY MILLISECONDS(260) /* of CPU time: 26 slices */

static struct child busy[BUSY];
static uint64_t had[BUSY]; /* CPU time since the last look, ns */
static uint64_t before[BUSY];
static evtchn_port_t never; /* a port that nobody sends to */
static unsigned cpus;

static uint64_t cpu_time(const struct child *c)
{
    struct xen_domctl_getdomaininfo info;

    REQUIRE(child_info(c, &info) == 0);
    return info.cpu_time;
}

static void sleep_for(uint64_t ns)
{
    struct sched_poll poll = {.nr_ports = 1, .timeout = time_now() + ns};
    uint64_t now;

    set_xen_guest_handle(poll.ports, &never);
    EXPECT_EQ(sched_op(SCHEDOP_poll, &poll), 0);
    now = time_now();
    EXPECT(now + EARLY >= poll.timeout);
    EXPECT(now < poll.timeout + LATE);
}

/* What each gets while this domain sleeps. */
static void measure(uint64_t ns)
{
    for (unsigned i = 0; i < BUSY; i++) {
        before[i] = cpu_time(&busy[i]);
    }
    sleep_for(ns);
    for (unsigned i = 0; i < BUSY; i++) {
        had[i] = cpu_time(&busy[i]) - before[i];
        print("  domain %u: %lu us\n", i, had[i] / 1000);
    }
}

static bool is_within(uint64_t got, uint64_t wanted, unsigned percent)
{
    uint64_t off = wanted * percent / 100;

    return got >= wanted - off && got <= wanted + off;
}

static void start_spinning(struct child *c)
{
    REQUIRE(child_make(c, RAM, RAM) == 0);
    c->channel->op = SERVANT_SPIN;
    mem_barrier();
    c->channel->request++;
}

static int64_t set_share(const struct child *c, uint16_t weight, uint16_t cap)
{
    struct xen_domctl op;

    domctl_prepare(&op, XEN_DOMCTL_scheduler_op, c->id);
    op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
    op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_putinfo;
    op.u.scheduler_op.u.credit2.weight = weight;
    op.u.scheduler_op.u.credit2.cap = cap;
    return domctl(&op);
}

static void test_equals(void)
{
    uint64_t sum = 0;

    test_section("four equals");
    measure(PER_BUSY * BUSY / cpus);
    for (unsigned i = 0; i < BUSY; i++) {
        sum += had[i];
    }
    EXPECT(is_within(sum, PER_BUSY * BUSY, 2));
    for (unsigned i = 0; i < BUSY; i++) {
        EXPECT(is_within(had[i], sum / BUSY, 5));
    }
}

/* 512 + 256 + 256 + 512 = 6 * 256 */
static void test_weights(void)
{
    uint64_t sixth = PER_BUSY / 2;

    test_section("weights");
    EXPECT_EQ(set_share(&busy[0], 512, 0), 0);
    EXPECT_EQ(set_share(&busy[3], 512, 0), 0);
    measure(sixth * 6 / cpus);
    EXPECT(is_within(had[0], 2 * sixth, 10));
    EXPECT(is_within(had[1], sixth, 10));
    EXPECT(is_within(had[2], sixth, 10));
    EXPECT(is_within(had[3], 2 * sixth, 10));
}

static void test_caps(void)
{
    test_section("caps");
    EXPECT_EQ(set_share(&busy[0], 256, 10), 0);
    EXPECT_EQ(set_share(&busy[1], 256, 5), 0);
    measure(MILLISECONDS(400));
    EXPECT(is_within(had[0], MILLISECONDS(40), 6));
    EXPECT(is_within(had[1], MILLISECONDS(20), 6));
}

void test_main(void)
{
    struct xen_sysctl op;

    events_init();
    children_init();
    sysctl_prepare(&op, XEN_SYSCTL_physinfo);
    REQUIRE(sysctl(&op) == 0);
    cpus = op.u.physinfo.nr_cpus;
    never = (evtchn_port_t)event_alloc_unbound(DOMID_SELF, DOMID_SELF);
    for (unsigned i = 0; i < BUSY; i++) {
        start_spinning(&busy[i]);
    }
    sleep_for(MILLISECONDS(20));
    test_equals();
    test_weights();
    test_caps();
    for (unsigned i = 0; i < BUSY; i++) {
        EXPECT_EQ(child_destroy(&busy[i]), 0);
    }
    expect_clean_audit();
}
