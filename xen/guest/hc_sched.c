/* SPDX-License-Identifier: MIT */
/* sched_op: yield, block, poll, shutdown (HC-24, HC-41). */
#include "arch/timer.h"
#include "domain/domain.h"
#include "domain/sched.h"
#include "guest/copy.h"
#include "guest/hypercall.h"
#include "types/bits.h"
#include "types/error.h"

#include <xen/event_channel.h>
#include <xen/sched.h>

#define POLL_PORT_LIMIT 128
/* Yields in a row: after YIELD_PATIENCE of them sleep 16 us and double it, up
 * to about a millisecond, which is half of what ends the row. */
#define YIELD_AGAIN_NS     2000000ULL
#define YIELD_PATIENCE     4U
#define YIELD_SLEEP_NS     1000ULL
#define YIELD_STREAK_LIMIT 10U

static int sched_block(struct vcpu *v)
{
    time_end_poll(v);
    sched_hold(v, HOLD_BLOCKED);
    if (vcpu_has_pending(v)) {
        sched_release(v, HOLD_BLOCKED);
    }
    return 0;
}

static int any_port_pending(struct vcpu *v, uint64_t list, uint32_t count,
                            bool *pending)
{
    *pending = false;
    for (uint32_t i = 0; i < count && !*pending; i++) {
        evtchn_port_t port;
        int rc =
            copy_from_guest(v, &port, list + i * sizeof(port), sizeof(port));

        if (rc) {
            return rc;
        }
        if (port >= EVENT_PORT_LIMIT) {
            return -EINVAL;
        }
        *pending = event_port_pending(v->domain, port);
    }
    return 0;
}

static bool interrupt_due(const struct vcpu *v)
{
    return ((v->regs.rflags & RFLAGS_IF) && vcpu_has_pending(v)) ||
           v->vlapic.nmi_pending;
}

/*
 * A guest that yields in a loop waits for somebody else to do something: Linux
 * does while its console's ring is full, tens of thousands of times if nothing
 * slows it down. After a few times in a row the vCPU sleeps, each time
 * longer, until the time is over or an event arrives, which is how the other
 * side says that it is done.
 */
static int sched_yield_op(struct vcpu *v)
{
    uint64_t now = arch_time_ns();
    bool again = now - v->last_yield < YIELD_AGAIN_NS;

    v->last_yield = now;
    v->yield_streak = again ? MIN(v->yield_streak + 1, YIELD_STREAK_LIMIT) : 0;
    if (v->yield_streak < YIELD_PATIENCE) {
        sched_yield(v);
        return 0;
    }
    time_set_poll_deadline(v, now + (YIELD_SLEEP_NS << v->yield_streak));
    sched_hold(v, HOLD_BLOCKED);
    if (interrupt_due(v)) {
        sched_release(v, HOLD_BLOCKED);
    }
    return 0;
}

/*
 * Sleep until one of the ports is pending, masked or not, or the timeout
 * passes. The call is simply executed again after each wake-up, with
 * interrupts taken in between if the guest allows them.
 */
static int64_t sched_poll(struct vcpu *v, uint64_t arg)
{
    struct sched_poll poll;
    bool pending;
    int rc = copy_from_guest(v, &poll, arg, sizeof(poll));

    if (rc) {
        return rc;
    }
    if (poll.nr_ports > POLL_PORT_LIMIT) {
        return -EINVAL;
    }
    v->polling = true;
    mem_barrier();
    rc = any_port_pending(v, (uint64_t)poll.ports.p, poll.nr_ports, &pending);
    if (rc || pending || (poll.timeout && arch_time_ns() >= poll.timeout)) {
        v->polling = false;
        time_end_poll(v);
        return rc;
    }
    time_end_poll(v);
    if (poll.timeout) {
        time_set_poll_deadline(v, poll.timeout);
    }
    sched_hold(v, HOLD_BLOCKED);
    rc = any_port_pending(v, (uint64_t)poll.ports.p, poll.nr_ports, &pending);
    if (rc || pending || interrupt_due(v)) {
        sched_release(v, HOLD_BLOCKED);
    }
    return HYPERCALL_CONTINUE;
}

static int shutdown(struct vcpu *v, uint64_t arg)
{
    struct sched_shutdown s;
    int rc = copy_from_guest(v, &s, arg, sizeof(s));

    if (rc) {
        return rc;
    }
    if (s.reason > SHUTDOWN_MAX) {
        return -EINVAL;
    }
    domain_shutdown(v->domain, s.reason);
    return 0;
}

/* The control domain ends another (libxl's fallback for suspend). */
static int remote_shutdown(struct vcpu *v, uint64_t arg)
{
    struct sched_remote_shutdown s;
    struct domain *d;
    int rc = copy_from_guest(v, &s, arg, sizeof(s));

    if (rc) {
        return rc;
    }
    if (!v->domain->privileged) {
        return -EPERM;
    }
    if (s.reason > SHUTDOWN_MAX) {
        return -EINVAL;
    }
    d = domain_get(s.domain_id);
    if (!d) {
        return -ESRCH;
    }
    domain_shutdown(d, s.reason);
    domain_put(d);
    return 0;
}

int64_t hc_sched_op(struct vcpu *v, const uint64_t args[6])
{
    switch ((uint32_t)args[0]) {
    case SCHEDOP_yield:
        return sched_yield_op(v);
    case SCHEDOP_block:
        return sched_block(v);
    case SCHEDOP_poll:
        return sched_poll(v, args[1]);
    case SCHEDOP_shutdown:
        return shutdown(v, args[1]);
    case SCHEDOP_remote_shutdown:
        return remote_shutdown(v, args[1]);
    default:
        return -ENOSYS;
    }
}
