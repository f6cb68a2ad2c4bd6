/* SPDX-License-Identifier: MIT */
/*
 * Event channels, 2-level ABI (HC-31..36): 4096 ports, bits in shared_info.
 *
 * A port is in one state; ports are kept in buckets of 128 that are allocated
 * when first used. Lock: table->lock; two tables (interdomain): lock_two().
 * Raising a port takes the lock of its own table only.
 */
#ifndef DOMAIN_EVENT_H
#define DOMAIN_EVENT_H

#include "base/lock.h"
#include "types/words.h"

struct domain;
struct vcpu;
struct page;

#define EVENT_PORT_LIMIT 4096
#define EVENT_BUCKET     128
#define VIRQ_LIMIT       24 /* NR_VIRQS of the ABI; asserted in guest/ */

enum event_state {
    EVENT_FREE,
    EVENT_RESERVED,
    EVENT_UNBOUND,
    EVENT_INTERDOMAIN,
    EVENT_VIRQ,
    EVENT_IPI,
};

struct event_port {
    uint8_t state;
    uint8_t virq;
    uint16_t vcpu;         /* notified vCPU */
    domid_t remote_domain; /* UNBOUND: who may bind; INTERDOMAIN: the peer */
    uint32_t remote_port;
};

struct event_table {
    struct lock lock;
    uint32_t max_port;   /* highest usable; 0 after teardown: none */
    uint32_t first_free; /* no port below it is free */
    struct event_port *buckets[EVENT_PORT_LIMIT / EVENT_BUCKET];
    uint16_t global_virq[VIRQ_LIMIT]; /* port, 0: not bound */
    uint16_t (
        *vcpu_virq)[3]; /* [vcpu][TIMER, DEBUG, XENPMU] -> port, 0: none */
};

/* d->max_vcpus and d->max_evtchn_port are set; -ENOMEM. The control domain
 * becomes the one that global VIRQs go to. */
int event_init(struct domain *d);
/* Close all ports; peers become unbound. No port can be had afterwards. */
void event_teardown(struct domain *d);

/*
 * All return 0 or -errno; ports out by pointer. d does the binding: it gets
 * the new port. -ENOSPC: no port left, -ENOMEM, -ENOENT: no such vCPU,
 * -EINVAL: no such port or not in the state for it, -EEXIST: VIRQ is bound.
 */
int event_alloc_unbound(struct domain *d, domid_t remote, uint32_t *port);
int event_bind_interdomain(struct domain *d, struct domain *remote,
                           uint32_t remote_port, uint32_t *port);
int event_bind_virq(struct domain *d, unsigned virq, unsigned vcpu,
                    uint32_t *port);
int event_bind_ipi(struct domain *d, unsigned vcpu, uint32_t *port);
int event_bind_vcpu(struct domain *d, uint32_t port, unsigned vcpu);
int event_close(struct domain *d, uint32_t port);
int event_send(struct domain *d, uint32_t port);
int event_unmask(struct domain *d, uint32_t port);
int event_reset(struct domain *d);
int event_status(struct domain *d, uint32_t port, struct event_port *out);

/* Raise a per-vCPU VIRQ (TIMER, DEBUG) or a global one at the control domain
 * (VIRQ_DOM_EXC, VIRQ_CONSOLE, ...); nothing happens where it is not bound.
 * Takes the event lock, and the sched lock inside: any lock of an earlier rank
 * may be held. */
void event_raise_vcpu_virq(struct vcpu *v, unsigned virq);
void event_raise_global_virq(unsigned virq);

/* Does v have upcall_pending set? (its vcpu_info) */
bool event_pending(const struct vcpu *v);
/* Is this port's pending bit set? (sched_op poll) */
bool event_port_pending(const struct domain *d, uint32_t port);

/*
 * vcpu_info moves to a new place (HC-4): copy what is there, then set pending
 * and all selector bits. The reference on `page` passes to v on success.
 * -EINVAL: was registered before, or offset misaligned or not within the page.
 */
int event_register_vcpu_info(struct vcpu *v, struct page *page,
                             unsigned offset);

unsigned event_audit(struct domain *d);

#endif
