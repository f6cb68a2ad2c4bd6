/* SPDX-License-Identifier: MIT */
/*
 * event_channel_op (HC-31..36): one struct per command, read whole, answered
 * in place. FIFO event channels (init_control, expand_array, set_priority) and
 * physical interrupts are not offered: -ENOSYS makes Linux use 2 levels.
 */
#include "guest/copy.h"
#include "guest/hypercall.h"
#include "types/error.h"

#include <xen/event_channel.h>

/* Everything that any command's struct holds. */
union event_args {
    struct evtchn_alloc_unbound alloc_unbound;
    struct evtchn_bind_interdomain bind_interdomain;
    struct evtchn_bind_virq bind_virq;
    struct evtchn_bind_ipi bind_ipi;
    struct evtchn_bind_vcpu bind_vcpu;
    struct evtchn_close close;
    struct evtchn_send send;
    struct evtchn_unmask unmask;
    struct evtchn_status status;
    struct evtchn_reset reset;
};

static int op_alloc_unbound(struct vcpu *v, union event_args *a)
{
    struct evtchn_alloc_unbound *op = &a->alloc_unbound;
    struct domain *d;
    domid_t remote = op->remote_dom;
    int rc = hypercall_domain(v, op->dom, &d);

    if (rc) {
        return rc;
    }
    if (remote == DOMID_SELF) {
        remote = vcpu_domain(v)->id;
    }
    rc = event_alloc_unbound(d, remote, &op->port);
    domain_put(d);
    return rc;
}

static int op_bind_interdomain(struct vcpu *v, union event_args *a)
{
    struct evtchn_bind_interdomain *op = &a->bind_interdomain;
    struct domain *remote;
    int rc = hypercall_any_domain(v, op->remote_dom, &remote);

    if (rc) {
        return rc;
    }
    rc = event_bind_interdomain(vcpu_domain(v), remote, op->remote_port,
                                &op->local_port);
    domain_put(remote);
    return rc;
}

static int op_bind_virq(struct vcpu *v, union event_args *a)
{
    struct evtchn_bind_virq *op = &a->bind_virq;

    return event_bind_virq(vcpu_domain(v), op->virq, op->vcpu, &op->port);
}

static int op_bind_ipi(struct vcpu *v, union event_args *a)
{
    return event_bind_ipi(vcpu_domain(v), a->bind_ipi.vcpu, &a->bind_ipi.port);
}

static int op_bind_vcpu(struct vcpu *v, union event_args *a)
{
    return event_bind_vcpu(vcpu_domain(v), a->bind_vcpu.port,
                           a->bind_vcpu.vcpu);
}

static int op_close(struct vcpu *v, union event_args *a)
{
    return event_close(vcpu_domain(v), a->close.port);
}

static int op_send(struct vcpu *v, union event_args *a)
{
    return event_send(vcpu_domain(v), a->send.port);
}

static int op_unmask(struct vcpu *v, union event_args *a)
{
    return event_unmask(vcpu_domain(v), a->unmask.port);
}

static int op_reset(struct vcpu *v, union event_args *a)
{
    struct domain *d;
    int rc = hypercall_domain(v, a->reset.dom, &d);

    if (!rc) {
        rc = event_reset(d);
        domain_put(d);
    }
    return rc;
}

static void status_fill(struct evtchn_status *op, struct event_port p)
{
    op->vcpu = p.vcpu;
    switch (p.state) {
    case EVENT_UNBOUND:
        op->status = EVTCHNSTAT_unbound;
        op->u.unbound.dom = p.remote_domain;
        break;
    case EVENT_INTERDOMAIN:
        op->status = EVTCHNSTAT_interdomain;
        op->u.interdomain.dom = p.remote_domain;
        op->u.interdomain.port = p.remote_port;
        break;
    case EVENT_VIRQ:
        op->status = EVTCHNSTAT_virq;
        op->u.virq = p.virq;
        break;
    case EVENT_IPI:
        op->status = EVTCHNSTAT_ipi;
        break;
    default:
        op->status = EVTCHNSTAT_closed;
        break;
    }
}

static int op_status(struct vcpu *v, union event_args *a)
{
    struct event_port p;
    struct domain *d;
    int rc = hypercall_domain(v, a->status.dom, &d);

    if (rc) {
        return rc;
    }
    rc = event_status(d, a->status.port, &p);
    if (!rc) {
        status_fill(&a->status, p);
    }
    domain_put(d);
    return rc;
}

struct event_command {
    int (*op)(struct vcpu *v, union event_args *a);
    uint8_t size;
    bool answers; /* the struct goes back to the guest */
};

static const struct event_command commands[] = {
    [EVTCHNOP_bind_interdomain] = {op_bind_interdomain,
                                   sizeof(struct evtchn_bind_interdomain),
                                   true},
    [EVTCHNOP_bind_virq] = {op_bind_virq, sizeof(struct evtchn_bind_virq),
                            true},
    [EVTCHNOP_close] = {op_close, sizeof(struct evtchn_close), false},
    [EVTCHNOP_send] = {op_send, sizeof(struct evtchn_send), false},
    [EVTCHNOP_status] = {op_status, sizeof(struct evtchn_status), true},
    [EVTCHNOP_alloc_unbound] = {op_alloc_unbound,
                                sizeof(struct evtchn_alloc_unbound), true},
    [EVTCHNOP_bind_ipi] = {op_bind_ipi, sizeof(struct evtchn_bind_ipi), true},
    [EVTCHNOP_bind_vcpu] = {op_bind_vcpu, sizeof(struct evtchn_bind_vcpu),
                            false},
    [EVTCHNOP_unmask] = {op_unmask, sizeof(struct evtchn_unmask), false},
    [EVTCHNOP_reset] = {op_reset, sizeof(struct evtchn_reset), false},
};

int64_t hc_event_channel_op(struct vcpu *v, const uint64_t args[6])
{
    uint32_t command = (uint32_t)args[0];
    const struct event_command *c;
    union event_args a;
    int rc;

    if (command >= ARRAY_COUNT(commands) || !commands[command].op) {
        return -ENOSYS;
    }
    c = &commands[command];
    rc = copy_from_guest(v, &a, args[1], c->size);
    /* The answer goes where the question stands. That it cannot be written
     * must be known before a port is bound that nobody would hear of. */
    if (!rc && c->answers) {
        rc = copy_prepare(v, args[1], c->size);
    }
    if (!rc) {
        rc = c->op(v, &a);
    }
    if (!rc && c->answers) {
        rc = copy_to_guest(v, args[1], &a, c->size);
    }
    return rc;
}
