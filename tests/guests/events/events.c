/* SPDX-License-Identifier: MIT */
//! cpus: 1 2
//! vcpus: 2
/*
 * Event channels (HC-31 .. HC-36).
 *
 * Raising a port sets its pending bit; unless that was set or the port is
 * masked it sets the selector bit of its word at the vCPU that it is bound to
 * and, unless that was set, the upcall byte, which makes an interrupt. Each of
 * these steps is looked at in shared_info with interrupts off, then the
 * interrupt is let in. Errors leave nothing bound.
 */
#include "event.h"

#include "console.h"
#include "cpu.h"
#include "hypercall.h"
#include "main.h"
#include "smp.h"
#include "test.h"
#include "time.h"

#include <xen/sched.h>

#define SHORT MILLISECONDS(5)
#define LONG  MILLISECONDS(500)

static volatile struct vcpu_info *info(unsigned vcpu)
{
    return &shared_info->vcpu_info[vcpu];
}

static void let_in(void)
{
    irq_on();
    __asm__ volatile("nop; nop");
    irq_off();
}

/* Both ends within this domain (HC-36). */
static void make_loop(int *a, int *b)
{
    *a = event_alloc_unbound(DOMID_SELF, DOMID_SELF);
    REQUIRE(*a > 0);
    *b = event_bind_interdomain(DOMID_SELF, *a);
    REQUIRE(*b > 0);
    EXPECT(*a != *b);
}

static void test_raise(void)
{
    int a, b;
    uint64_t upcalls;

    test_section("one port, step by step");
    make_loop(&a, &b);
    /* Binding has raised the new port, which is masked. */
    EXPECT(event_is_pending(b));
    EXPECT(event_is_masked(b));
    EXPECT(!event_is_pending(a));
    event_clear_pending(b);
    let_in();
    upcalls = event_upcalls();

    event_clear_mask(b);
    EXPECT_EQ(event_send(a), 0);
    EXPECT(event_is_pending(b));
    EXPECT(!event_is_pending(a));
    EXPECT_EQ(info(0)->evtchn_upcall_pending, 1);
    EXPECT_EQ(info(0)->evtchn_pending_sel >> (b / 64) & 1, 1);
    /* Once more changes nothing. */
    EXPECT_EQ(event_send(a), 0);
    EXPECT_EQ(event_count(b), 0);
    let_in();
    EXPECT_EQ(event_count(b), 1);
    EXPECT_EQ(event_upcalls(), upcalls + 1);
    EXPECT(!event_is_pending(b));
    EXPECT_EQ(info(0)->evtchn_upcall_pending, 0);
    EXPECT_EQ(info(0)->evtchn_pending_sel, 0);

    event_mask(b);
    event_close(b);
    event_close(a);
}

static void test_mask(void)
{
    int a, b;

    test_section("masks");
    make_loop(&a, &b);
    event_clear_pending(b);
    let_in();
    EXPECT_EQ(event_send(a), 0);
    EXPECT(event_is_pending(b));
    EXPECT_EQ(info(0)->evtchn_upcall_pending, 0);
    EXPECT_EQ(info(0)->evtchn_pending_sel, 0);
    let_in();
    EXPECT_EQ(event_count(b), 1); /* of the test before, same port */
    /* The hypercall sees that it is pending; clearing the bit would not. */
    EXPECT_EQ(event_unmask(b), 0);
    EXPECT(!event_is_masked(b));
    EXPECT_EQ(info(0)->evtchn_upcall_pending, 1);
    let_in();
    EXPECT_EQ(event_count(b), 2);
    /* Nothing pending: nothing happens. */
    EXPECT_EQ(event_unmask(b), 0);
    EXPECT_EQ(info(0)->evtchn_upcall_pending, 0);
    event_mask(b);
    event_close(b);
    event_close(a);
}

/* The selector word tells which words to look at; a set upcall byte without
 * it makes an interrupt that finds nothing. Level-like (HC-38). */
static void test_upcall_is_level(void)
{
    uint64_t upcalls = event_upcalls();

    test_section("the upcall byte");
    info(0)->evtchn_upcall_pending = 1;
    /* It is looked at when the vCPU is entered. */
    sched_op(SCHEDOP_yield, NULL);
    let_in();
    EXPECT_EQ(event_upcalls(), upcalls + 1);
    let_in();
    EXPECT_EQ(event_upcalls(), upcalls + 1);
}

static void test_many(void)
{
    enum {
        LOOPS = 100
    };
    static int a[LOOPS], b[LOOPS];
    static uint64_t before[LOOPS];

    test_section("200 ports");
    for (unsigned i = 0; i < LOOPS; i++) {
        make_loop(&a[i], &b[i]);
        event_clear_pending(b[i]);
        event_clear_mask(b[i]);
        before[i] = event_count(b[i]);
    }
    for (unsigned i = 0; i < LOOPS; i += 3) {
        EXPECT_EQ(event_send(a[i]), 0);
    }
    let_in();
    for (unsigned i = 0; i < LOOPS; i++) {
        EXPECT_EQ(event_count(b[i]), before[i] + (i % 3 == 0));
    }
    for (unsigned i = 0; i < LOOPS; i++) {
        event_mask(b[i]);
        EXPECT_EQ(event_close(a[i]), 0);
        EXPECT_EQ(event_close(b[i]), 0);
    }
}

static void check_status(unsigned port, unsigned status)
{
    struct evtchn_status s = {.dom = DOMID_SELF, .port = port};

    EXPECT_EQ(event_status(&s), 0);
    EXPECT_EQ(s.status, status);
}

static void test_status(void)
{
    int a, b, ipi, virq;
    struct evtchn_status s = {.dom = DOMID_SELF};

    test_section("status");
    make_loop(&a, &b);
    check_status(a, EVTCHNSTAT_interdomain);
    s.port = b;
    EXPECT_EQ(event_status(&s), 0);
    EXPECT_EQ(s.u.interdomain.port, a);
    EXPECT_EQ(s.u.interdomain.dom, own_domid());
    event_close(b);
    /* The other end is free to be bound again. */
    s.port = a;
    EXPECT_EQ(event_status(&s), 0);
    EXPECT_EQ(s.status, EVTCHNSTAT_unbound);
    event_close(a);
    check_status(a, EVTCHNSTAT_closed);

    ipi = event_bind_ipi(0);
    virq = event_bind_virq(VIRQ_DEBUG, 0);
    check_status(ipi, EVTCHNSTAT_ipi);
    check_status(virq, EVTCHNSTAT_virq);
    event_close(ipi);
    event_close(virq);
    s.port = EVENT_PORTS + 5;
    EXPECT_EQ(event_status(&s), -EINVAL);
}

/* Closing drops what is pending (HC-35). */
static void test_close(void)
{
    int a, b, c;

    test_section("close");
    make_loop(&a, &b);
    EXPECT(event_is_pending(b));
    EXPECT_EQ(event_close(b), 0);
    EXPECT(!event_is_pending(b));
    c = event_alloc_unbound(DOMID_SELF, DOMID_SELF);
    EXPECT_EQ(c, b);
    EXPECT(!event_is_pending(c));
    event_close(a);
    event_close(c);
}

static void test_ipi(void)
{
    int port = event_bind_ipi(0);
    uint64_t count;

    test_section("interrupts between vCPUs");
    REQUIRE(port > 0);
    count = event_count(port);
    event_unmask(port);
    EXPECT_EQ(event_send(port), 0);
    let_in();
    EXPECT_EQ(event_count(port), count + 1);
    EXPECT_EQ(event_bind_vcpu(port, 0), -EINVAL);
    event_mask(port);
    event_close(port);
}

static void test_virq(void)
{
    int port = event_bind_virq(VIRQ_TIMER, 0);

    test_section("virtual interrupts");
    REQUIRE(port > 0);
    EXPECT_EQ(event_bind_virq(VIRQ_TIMER, 0), -EEXIST);
    EXPECT_EQ(event_bind_virq(NR_VIRQS, 0), -EINVAL);
    EXPECT_EQ(event_bind_virq(VIRQ_TIMER, 1000), -ENOENT);
    /* VIRQ_CONSOLE and others are the domain's, not a vCPU's. */
    EXPECT_EQ(event_bind_virq(VIRQ_DOM_EXC, 1), -EINVAL);
    event_close(port);
    port = event_bind_virq(VIRQ_TIMER, 0);
    EXPECT(port > 0);
    event_close(port);
}

static void test_errors(void)
{
    int a = event_alloc_unbound(DOMID_SELF, DOMID_SELF);

    test_section("errors");
    EXPECT_EQ(event_send(0), -EINVAL);
    EXPECT_EQ(event_send(EVENT_PORTS), -EINVAL);
    EXPECT_EQ(event_send(~0u), -EINVAL);
    EXPECT_EQ(event_close(0), -EINVAL);
    EXPECT_EQ(event_close(~0u), -EINVAL);
    EXPECT_EQ(event_unmask(EVENT_PORTS), -EINVAL);
    EXPECT_EQ(event_alloc_unbound(0x7000, DOMID_SELF), -ESRCH);
    EXPECT_EQ(event_bind_interdomain(0x7000, a), -ESRCH);
    EXPECT_EQ(event_bind_interdomain(DOMID_SELF, ~0u), -EINVAL);
    EXPECT_EQ(event_bind_interdomain(DOMID_SELF, 1000), -EINVAL);
    EXPECT_EQ(event_bind_ipi(1000), -ENOENT);
    EXPECT_EQ(event_bind_vcpu(a, 1000), -ENOENT);
    EXPECT_EQ(event_op(99, NULL), -ENOSYS);
    event_close(a);
}

/* --- Poll --- */

static int poll_one(unsigned port, uint64_t timeout)
{
    evtchn_port_t ports[1] = {port};
    struct sched_poll poll = {.nr_ports = 1, .timeout = timeout};

    set_xen_guest_handle(poll.ports, ports);
    return sched_op(SCHEDOP_poll, &poll);
}

static void test_poll(void)
{
    int a, b;
    uint64_t before;

    test_section("poll");
    make_loop(&a, &b);
    /* Pending already, though masked: at once. */
    before = time_now();
    EXPECT_EQ(poll_one(b, before + LONG), 0);
    EXPECT(time_now() < before + LONG);
    EXPECT(event_is_pending(b));
    event_clear_pending(b);
    before = time_now();
    EXPECT_EQ(poll_one(b, before + SHORT), 0);
    EXPECT(time_now() >= before + SHORT);
    EXPECT_EQ(poll_one(EVENT_PORTS + 1, before), -EINVAL);
    event_close(b);
    event_close(a);
}

/* --- A second vCPU --- */

static int woken_port;
static volatile unsigned stage;

static void poll_then_sleep(void *p)
{
    stage = 1;
    poll_one(woken_port, 0);
    stage = 2;
    while (stage < 3) {
        irq_wait();
    }
    stage = 4;
}

static bool wait_for_stage(unsigned wanted)
{
    uint64_t end = time_now() + LONG;

    while (stage < wanted) {
        if (time_now() > end) {
            return false;
        }
        give_way();
    }
    return true;
}

static void test_second_vcpu(void)
{
    int a, b;
    uint64_t count;

    test_section("a second vCPU");
    make_loop(&a, &b);
    event_clear_pending(b);
    woken_port = b;
    EXPECT_EQ(event_bind_vcpu(b, 1), 0);
    EXPECT_EQ(event_bind_vcpu(a, 0), 0);
    REQUIRE(smp_start(1, poll_then_sleep, NULL));
    REQUIRE(wait_for_stage(1));
    time_delay(SHORT);
    EXPECT_EQ(stage, 1);
    EXPECT_EQ(event_send(a), 0);
    REQUIRE(wait_for_stage(2));
    /* Unmasked by the other: it goes to vCPU 1 and wakes it. */
    count = event_count(b);
    EXPECT_EQ(event_unmask(b), 0);
    EXPECT(event_wait(b, count + 1, LONG));
    EXPECT_EQ(info(0)->evtchn_pending_sel, 0);
    for (unsigned i = 2; i < 100; i++) {
        EXPECT_EQ(event_send(a), 0);
        REQUIRE(event_wait(b, count + i, LONG));
    }
    stage = 3;
    event_send(a);
    EXPECT(wait_for_stage(4));
    event_mask(b);
    event_close(b);
    event_close(a);
}

void test_main(void)
{
    events_init();
    test_raise();
    test_mask();
    test_upcall_is_level();
    test_many();
    test_status();
    test_close();
    test_ipi();
    test_virq();
    test_errors();
    test_poll();
    if (smp_vcpu_count() > 1) {
        test_second_vcpu();
    }
}
