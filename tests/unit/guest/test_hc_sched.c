/* SPDX-License-Identifier: MIT */
/* sched_op: who sleeps, until when, and who is shut down. */
#include "arch/timer.h"
#include "domain/sched.h"
#include "guest/hypercall.h"
#include "guest/run.h"
#include "types/bits.h"
#include "types/error.h"
#include "world.h"

#include <xen/sched.h>
#include <xen/xen.h>

#define OP_AT   0x1000
#define PORTS   0x2000
#define NOWHERE (WORLD_RAM + 0x10000)

static struct vcpu *v;

static void start(void)
{
    world_start(0x4000);
    v = world_vcpu;
    fake_set_time(10000000);
    v->regs.rflags |= RFLAGS_IF;
}

static int64_t op_at(unsigned op, uint64_t at)
{
    const uint64_t args[6] = {op, at};

    return hc_sched_op(v, args);
}

static int64_t op(unsigned op, const void *arg, size_t size)
{
    memcpy(world_ram(OP_AT), arg, size);
    return op_at(op, OP_AT);
}

static bool sleeps(void)
{
    return v->hold & HOLD_BLOCKED;
}

static uint32_t new_ipi(void)
{
    uint32_t port;

    EXPECT_EQ(event_bind_ipi(world_control, 0, &port), 0);
    return port;
}

TEST(unknown_commands)
{
    start();
    EXPECT_EQ(op_at(99, 0), -ENOSYS);
    EXPECT_EQ(op_at(SCHEDOP_watchdog, OP_AT), -ENOSYS);
}

TEST(blocks_until_an_event)
{
    uint32_t port;

    start();
    port = new_ipi();
    EXPECT_EQ(op_at(SCHEDOP_block, 0), 0);
    EXPECT(sleeps());
    EXPECT_EQ(event_send(world_control, port), 0);
    EXPECT(!sleeps());
    /* It has not been taken yet: no sleep at all. */
    EXPECT_EQ(op_at(SCHEDOP_block, 0), 0);
    EXPECT(!sleeps());
}

TEST(yields_for_a_while_and_sleeps_then)
{
    start();
    for (unsigned i = 0; i < 4; i++) {
        v->yielded = false;
        EXPECT_EQ(op_at(SCHEDOP_yield, 0), 0);
        EXPECT(v->yielded);
        EXPECT(!sleeps());
    }
    EXPECT_EQ(op_at(SCHEDOP_yield, 0), 0);
    EXPECT(sleeps());
    EXPECT_EQ(time_next_deadline(), 10000000 + 16000);
    fake_advance(16000);
    time_run_due();
    EXPECT(!sleeps());
    /* Longer each time, but not for ever. */
    for (unsigned i = 0; i < 20; i++) {
        EXPECT_EQ(op_at(SCHEDOP_yield, 0), 0);
        fake_set_time(time_next_deadline());
        time_run_due();
    }
    EXPECT_EQ(op_at(SCHEDOP_yield, 0), 0);
    EXPECT_EQ(time_next_deadline() - arch_time_ns(), 1024000);
    fake_advance(1024000);
    time_run_due();
    /* A pause between ends the row. */
    fake_advance(2000000);
    v->yielded = false;
    EXPECT_EQ(op_at(SCHEDOP_yield, 0), 0);
    EXPECT(v->yielded && !sleeps());
}

TEST(does_not_sleep_over_an_interrupt)
{
    start();
    EXPECT_EQ(event_send(world_control, new_ipi()), 0);
    for (unsigned i = 0; i < 8; i++) {
        EXPECT_EQ(op_at(SCHEDOP_yield, 0), 0);
        EXPECT(!sleeps());
    }
}

static int64_t poll(const evtchn_port_t *ports, unsigned count,
                    uint64_t timeout)
{
    struct sched_poll p = {.nr_ports = count, .timeout = timeout};

    memcpy(world_ram(PORTS), ports, count * sizeof(*ports));
    p.ports.p = (evtchn_port_t *)PORTS;
    return op(SCHEDOP_poll, &p, sizeof(p));
}

TEST(polls_ports_that_are_masked)
{
    evtchn_port_t ports[2];
    struct shared_info *s;

    start();
    v->regs.rflags &= ~(uint64_t)RFLAGS_IF;
    ports[0] = new_ipi();
    ports[1] = new_ipi();
    s = page_map(world_control->shared_info);
    s->evtchn_mask[0] = ~0UL;
    EXPECT_EQ(poll(ports, 2, 0), HYPERCALL_CONTINUE);
    EXPECT(sleeps() && v->polling);
    EXPECT_EQ(event_send(world_control, ports[1]), 0);
    EXPECT(!sleeps());
    EXPECT_EQ(poll(ports, 2, 0), 0);
    EXPECT(!sleeps() && !v->polling);
    /* For the first alone it would wait. */
    EXPECT_EQ(poll(ports, 1, 0), HYPERCALL_CONTINUE);
    EXPECT(sleeps());
}

TEST(polls_until_its_time_is_over)
{
    evtchn_port_t port;
    uint64_t timeout = 10000500;

    start();
    port = new_ipi();
    EXPECT_EQ(poll(&port, 1, timeout), HYPERCALL_CONTINUE);
    EXPECT(sleeps());
    EXPECT_EQ(time_next_deadline(), timeout);
    fake_set_time(timeout);
    time_run_due();
    EXPECT(!sleeps());
    EXPECT_EQ(poll(&port, 1, timeout), 0);
    EXPECT(!v->polling);
}

/* As the guest's handler does. */
static void take_events(void)
{
    struct shared_info *s = page_map(world_control->shared_info);
    struct vcpu_info *info = v->info.info;

    memset(s->evtchn_pending, 0, sizeof(s->evtchn_pending));
    info->evtchn_pending_sel = 0;
    info->evtchn_upcall_pending = 0;
}

/* Who sleeps for something else next is not woken by a deadline of before. */
TEST(a_deadline_ends_with_what_it_was_for)
{
    evtchn_port_t port;

    start();
    port = new_ipi();
    EXPECT_EQ(poll(&port, 1, 10000500), HYPERCALL_CONTINUE);
    EXPECT_EQ(event_send(world_control, port), 0);
    EXPECT_EQ(poll(&port, 1, 10000500), 0);
    EXPECT_EQ(time_next_deadline(), NO_DEADLINE);
    /* Woken out of a yield by an event, which is taken then. */
    for (unsigned i = 0; i < 5; i++) {
        take_events();
        EXPECT_EQ(op_at(SCHEDOP_yield, 0), 0);
    }
    EXPECT(sleeps());
    EXPECT_EQ(event_send(world_control, port), 0);
    EXPECT(!sleeps());
    take_events();
    exit_handle(v, &(struct guest_exit){.reason = EXIT_HLT});
    EXPECT(sleeps());
    EXPECT_EQ(time_next_deadline(), NO_DEADLINE);
    fake_advance(2000000);
    time_run_due();
    EXPECT(sleeps());
}

/* Its other vCPU was never started, so the domain ends with this one. */
TEST(an_nmi_that_came_before_keeps_a_vcpu_alive)
{
    start();
    EXPECT_EQ(world_control->vcpus[1]->hold & HOLD_OFFLINE, HOLD_OFFLINE);
    sched_release(v, HOLD_OFFLINE);
    v->vlapic.nmi_pending = true;
    EXPECT(!vcpu_offline(v));
    EXPECT_EQ(v->hold & HOLD_OFFLINE, 0);
    v->vlapic.nmi_pending = false;
    EXPECT(vcpu_offline(v));
    EXPECT_EQ(v->hold & HOLD_OFFLINE, HOLD_OFFLINE);
}

/* Another port's event: its handler runs first, and then the poll again. */
TEST(polls_let_interrupts_in)
{
    evtchn_port_t port;

    start();
    port = new_ipi();
    EXPECT_EQ(event_send(world_control, new_ipi()), 0);
    EXPECT_EQ(poll(&port, 1, 0), HYPERCALL_CONTINUE);
    EXPECT(!sleeps());
}

TEST(bad_polls)
{
    struct sched_poll p = {.nr_ports = 1};
    evtchn_port_t port = 4096;

    start();
    EXPECT_EQ(op_at(SCHEDOP_poll, NOWHERE), -EFAULT);
    EXPECT_EQ(poll(&port, 1, 0), -EINVAL);
    p.ports.p = (evtchn_port_t *)NOWHERE;
    EXPECT_EQ(op(SCHEDOP_poll, &p, sizeof(p)), -EFAULT);
    p.nr_ports = 129;
    EXPECT_EQ(op(SCHEDOP_poll, &p, sizeof(p)), -EINVAL);
    EXPECT(!sleeps() && !v->polling);
}

TEST(shuts_itself_down_once)
{
    struct sched_shutdown s = {.reason = SHUTDOWN_MAX + 1};

    start();
    EXPECT_EQ(op_at(SCHEDOP_shutdown, NOWHERE), -EFAULT);
    EXPECT_EQ(op(SCHEDOP_shutdown, &s, sizeof(s)), -EINVAL);
    EXPECT(!world_control->shutdown);
    s.reason = SHUTDOWN_reboot;
    EXPECT_EQ(op(SCHEDOP_shutdown, &s, sizeof(s)), 0);
    EXPECT(world_control->shutdown);
    EXPECT_EQ(world_control->shutdown_code, SHUTDOWN_reboot);
    s.reason = SHUTDOWN_crash;
    EXPECT_EQ(op(SCHEDOP_shutdown, &s, sizeof(s)), 0);
    EXPECT_EQ(world_control->shutdown_code, SHUTDOWN_reboot);
}

TEST(shuts_another_down)
{
    struct sched_remote_shutdown s = {.reason = SHUTDOWN_suspend};
    struct domain *d;

    start();
    d = world_domain(1);
    s.domain_id = d->id;
    world_control->privileged = false;
    EXPECT_EQ(op(SCHEDOP_remote_shutdown, &s, sizeof(s)), -EPERM);
    world_control->privileged = true;
    EXPECT_EQ(op_at(SCHEDOP_remote_shutdown, NOWHERE), -EFAULT);
    s.reason = SHUTDOWN_MAX + 1;
    EXPECT_EQ(op(SCHEDOP_remote_shutdown, &s, sizeof(s)), -EINVAL);
    s = (struct sched_remote_shutdown){.domain_id = 1234};
    EXPECT_EQ(op(SCHEDOP_remote_shutdown, &s, sizeof(s)), -ESRCH);
    EXPECT(!d->shutdown);
    s = (struct sched_remote_shutdown){.domain_id = d->id,
                                       .reason = SHUTDOWN_suspend};
    EXPECT_EQ(op(SCHEDOP_remote_shutdown, &s, sizeof(s)), 0);
    EXPECT(d->shutdown && !world_control->shutdown);
    EXPECT_EQ(d->shutdown_code, SHUTDOWN_suspend);
    EXPECT_EQ(d->references, 2);
}
