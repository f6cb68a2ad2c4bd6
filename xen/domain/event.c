/* SPDX-License-Identifier: MIT */
/*
 * Event channels. A port belongs to one domain and has one state; what is
 * pending and masked is in the shared_info page, which the guest edits while
 * we do: every change there is an atomic on one word.
 *
 * Raising a port (HC-32) climbs three steps, and each is done only when the
 * one before it changed something, because a set bit means that someone has
 * gone up from here already and the guest has not come down yet:
 *
 *   pending[port] 0 -> 1, not masked   the guest did not know
 *   selector bit  0 -> 1               nothing else in this word of 64 ports
 *   upcall byte   0 -> 1               the vCPU did not know: interrupt it
 *
 * Always: an INTERDOMAIN port's peer is INTERDOMAIN and points back; a bound
 * VIRQ's port is in the table of VIRQs and the other way round. Whatever
 * changes both ends holds both tables' locks. The peer is found by id, with
 * no lock held, so state is looked at again once the locks are there.
 */
#include "domain/event.h"

#include "base/audit.h"
#include "domain/domain.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "types/error.h"

#include <xen/event_channel.h>
#include <xen/vcpu.h>
#include <xen/xen.h>

BUILD_ASSERT(EVENT_PORT_LIMIT == EVTCHN_2L_NR_CHANNELS, "2-level ABI");
BUILD_ASSERT(VIRQ_LIMIT == NR_VIRQS, "VIRQs of the ABI");
BUILD_ASSERT(sizeof(struct vcpu_info) == 64, "vcpu_info");
BUILD_ASSERT(sizeof(xen_ulong_t) == sizeof(uint64_t), "words of the ABI");

/* Where the control domain's global VIRQs go. Never dies before the machine. */
static struct domain *global_virq_domain;

static struct shared_info *shared_info(const struct domain *d)
{
    return page_map(d->shared_info);
}

/* NULL: no such port, or no port of its bucket was ever used. */
static struct event_port *port_find(const struct domain *d, uint32_t port)
{
    struct event_port *bucket;

    if (port >= EVENT_PORT_LIMIT) {
        return NULL;
    }
    bucket = d->events.buckets[port / EVENT_BUCKET];
    return bucket ? &bucket[port % EVENT_BUCKET] : NULL;
}

static struct vcpu *vcpu_find(const struct domain *d, unsigned id)
{
    return id < d->max_vcpus ? d->vcpus[id] : NULL;
}

/* Index into vcpu_virq, or -1: a global VIRQ (HC-34). */
static int virq_vcpu_slot(unsigned virq)
{
    switch (virq) {
    case VIRQ_TIMER:
        return 0;
    case VIRQ_DEBUG:
        return 1;
    case VIRQ_XENPMU:
        return 2;
    default:
        return -1;
    }
}

/* Where the port of this VIRQ is noted. */
static uint16_t *virq_slot(struct domain *d, unsigned virq, unsigned vcpu)
{
    int slot = virq_vcpu_slot(virq);

    return slot < 0 ? &d->events.global_virq[virq]
                    : &d->events.vcpu_virq[vcpu][slot];
}

/*
 * Raising.
 */

/* Last step: the vCPU learns of it, unless it was told and has not looked. */
static void notify_vcpu(struct vcpu *v)
{
    struct vcpu_info *info = v->info.info;

    if (__atomic_exchange_n(&info->evtchn_upcall_pending, 1,
                            __ATOMIC_SEQ_CST)) {
        return;
    }
    if (v->upcall_vector) {
        vlapic_raise(v, v->upcall_vector);
    } else {
        vcpu_wake_for_event(v);
    }
}

/* Selector and upcall. A vCPU without a vcpu_info yet finds the pending bit
 * when it registers one: all its selector bits are set then. */
static void select_port(struct vcpu *v, uint32_t port)
{
    struct vcpu_info *info = v->info.info;

    if (info && !bit_test_and_set(&info->evtchn_pending_sel, port / 64)) {
        notify_vcpu(v);
    }
}

/*
 * Pollers wait for the pending bit, masked or not; one that waits for another
 * port looks again and sleeps on. They set `polling` before they look at the
 * bit, we set the bit before we look at `polling`.
 */
static void wake_pollers(struct domain *d)
{
    for (unsigned i = 0; i < d->max_vcpus; i++) {
        struct vcpu *v = d->vcpus[i];

        if (v && READ_ONCE(v->polling)) {
            vcpu_wake_for_event(v);
        }
    }
}

static void raise_locked(struct domain *d, uint32_t port, unsigned vcpu)
{
    struct shared_info *s = shared_info(d);

    ASSERT(lock_held(&d->events.lock));
    if (bit_test_and_set(s->evtchn_pending, port)) {
        return;
    }
    if (!bit_test(s->evtchn_mask, port)) {
        select_port(d->vcpus[vcpu], port);
    }
    wake_pollers(d);
}

/*
 * Ports come and go.
 */

static int bucket_get(struct domain *d, uint32_t port)
{
    struct event_port **bucket = &d->events.buckets[port / EVENT_BUCKET];

    if (!*bucket) {
        *bucket = heap_alloc_array(EVENT_BUCKET, sizeof(**bucket));
    }
    return *bucket ? 0 : -ENOMEM;
}

/* The lowest free port; it stays FREE until the caller gives it a state. */
static int port_alloc(struct domain *d, uint32_t *out, struct event_port **p)
{
    struct event_table *t = &d->events;

    for (uint32_t port = t->first_free; port <= t->max_port; port++) {
        int rc = bucket_get(d, port);

        if (rc) {
            return rc;
        }
        *p = port_find(d, port);
        if ((*p)->state == EVENT_FREE) {
            t->first_free = port;
            *out = port;
            return 0;
        }
    }
    return -ENOSPC;
}

/* Nothing of it stays behind for the next user of the port (HC-35). */
static void port_free(struct domain *d, uint32_t port, struct event_port *p)
{
    bit_test_and_clear(shared_info(d)->evtchn_pending, port);
    memset(p, 0, sizeof(*p));
    d->events.first_free = MIN(d->events.first_free, port);
}

int event_alloc_unbound(struct domain *d, domid_t remote, uint32_t *port)
{
    struct event_port *p;
    int rc;

    lock(&d->events.lock);
    rc = port_alloc(d, port, &p);
    if (!rc) {
        p->state = EVENT_UNBOUND;
        p->remote_domain = remote;
    }
    unlock(&d->events.lock);
    return rc;
}

static void connect_locked(struct event_port *p, domid_t peer,
                           uint32_t peer_port)
{
    p->state = EVENT_INTERDOMAIN;
    p->remote_domain = peer;
    p->remote_port = peer_port;
}

static int bind_interdomain_locked(struct domain *d, struct domain *remote,
                                   uint32_t remote_port, uint32_t *port)
{
    struct event_port *theirs = port_find(remote, remote_port), *ours;
    int rc;

    if (!theirs || theirs->state != EVENT_UNBOUND ||
        theirs->remote_domain != d->id) {
        return -EINVAL;
    }
    rc = port_alloc(d, port, &ours);
    if (rc) {
        return rc;
    }
    connect_locked(ours, remote->id, remote_port);
    connect_locked(theirs, d->id, *port);
    /* The peer may have sent before we were there (HC-36). */
    raise_locked(d, *port, ours->vcpu);
    return 0;
}

int event_bind_interdomain(struct domain *d, struct domain *remote,
                           uint32_t remote_port, uint32_t *port)
{
    int rc;

    lock_two(&d->events.lock, &remote->events.lock);
    rc = bind_interdomain_locked(d, remote, remote_port, port);
    unlock_two(&d->events.lock, &remote->events.lock);
    return rc;
}

static int bind_virq_locked(struct domain *d, unsigned virq, unsigned vcpu,
                            uint32_t *port)
{
    struct event_port *p;
    uint16_t *slot;
    int rc;

    if (!d->events.vcpu_virq) {
        return -ENOSPC; /* torn down */
    }
    slot = virq_slot(d, virq, vcpu);
    if (*slot) {
        return -EEXIST;
    }
    rc = port_alloc(d, port, &p);
    if (rc) {
        return rc;
    }
    p->state = EVENT_VIRQ;
    p->virq = (uint8_t)virq;
    p->vcpu = (uint16_t)vcpu;
    *slot = (uint16_t)*port;
    return 0;
}

int event_bind_virq(struct domain *d, unsigned virq, unsigned vcpu,
                    uint32_t *port)
{
    int rc;

    if (virq >= VIRQ_LIMIT || (virq_vcpu_slot(virq) < 0 && vcpu != 0)) {
        return -EINVAL;
    }
    if (!vcpu_find(d, vcpu)) {
        return -ENOENT;
    }
    lock(&d->events.lock);
    rc = bind_virq_locked(d, virq, vcpu, port);
    unlock(&d->events.lock);
    return rc;
}

int event_bind_ipi(struct domain *d, unsigned vcpu, uint32_t *port)
{
    struct event_port *p;
    int rc;

    if (!vcpu_find(d, vcpu)) {
        return -ENOENT;
    }
    lock(&d->events.lock);
    rc = port_alloc(d, port, &p);
    if (!rc) {
        p->state = EVENT_IPI;
        p->vcpu = (uint16_t)vcpu;
    }
    unlock(&d->events.lock);
    return rc;
}

/* Per-vCPU kinds stay where they were bound (HC-34). */
static bool port_can_move(const struct event_port *p)
{
    return p->state == EVENT_UNBOUND || p->state == EVENT_INTERDOMAIN ||
           (p->state == EVENT_VIRQ && virq_vcpu_slot(p->virq) < 0);
}

int event_bind_vcpu(struct domain *d, uint32_t port, unsigned vcpu)
{
    struct event_port *p;
    int rc = -EINVAL;

    if (!vcpu_find(d, vcpu)) {
        return -ENOENT;
    }
    lock(&d->events.lock);
    p = port_find(d, port);
    if (p && port_can_move(p)) {
        p->vcpu = (uint16_t)vcpu;
        rc = 0;
    }
    unlock(&d->events.lock);
    return rc;
}

/*
 * Closing. The other end of an interdomain channel waits for d to come back.
 */

/* The peer of d's port, if it still is its peer; its lock is held. */
static struct event_port *peer_of(struct domain *d, uint32_t port,
                                  const struct event_port *p,
                                  struct domain *peer)
{
    struct event_port *q = port_find(peer, p->remote_port);

    return q && q->state == EVENT_INTERDOMAIN && q->remote_domain == d->id &&
                   q->remote_port == port
               ? q
               : NULL;
}

static void close_locked(struct domain *d, uint32_t port, struct event_port *p,
                         struct domain *peer)
{
    struct event_port *q;

    if (p->state == EVENT_VIRQ) {
        *virq_slot(d, p->virq, p->vcpu) = 0;
    }
    if (p->state == EVENT_INTERDOMAIN && peer &&
        (q = peer_of(d, port, p, peer))) {
        q->state = EVENT_UNBOUND;
        q->remote_port = 0;
    }
    port_free(d, port, p);
}

/* The state of a port as it was a moment ago. */
static struct event_port port_look(struct domain *d, uint32_t port)
{
    struct event_port copy = {.state = EVENT_FREE}, *p;

    lock(&d->events.lock);
    p = port_find(d, port);
    if (p) {
        copy = *p;
    }
    unlock(&d->events.lock);
    return copy;
}

static void lock_ends(struct domain *d, struct domain *peer)
{
    lock_two(&d->events.lock, peer ? &peer->events.lock : &d->events.lock);
}

static void unlock_ends(struct domain *d, struct domain *peer)
{
    unlock_two(&d->events.lock, peer ? &peer->events.lock : &d->events.lock);
    if (peer) {
        domain_put(peer);
    }
}

/* Close what is at port if it still is what `seen` says; 0 closed, -EINVAL it
 * was free, -EAGAIN it changed meanwhile. */
static int close_seen(struct domain *d, uint32_t port, struct event_port seen)
{
    struct domain *peer = NULL;
    struct event_port *p;
    int rc = -EAGAIN;

    if (seen.state == EVENT_FREE || seen.state == EVENT_RESERVED) {
        return -EINVAL;
    }
    if (seen.state == EVENT_INTERDOMAIN) {
        peer = domain_get(seen.remote_domain);
    }
    lock_ends(d, peer);
    p = port_find(d, port);
    if (p && p->state == seen.state && p->remote_domain == seen.remote_domain) {
        close_locked(d, port, p, peer);
        rc = 0;
    }
    unlock_ends(d, peer);
    return rc;
}

int event_close(struct domain *d, uint32_t port)
{
    int rc;

    do {
        rc = close_seen(d, port, port_look(d, port));
    } while (rc == -EAGAIN);
    return rc;
}

static void close_bucket(struct domain *d, unsigned bucket)
{
    for (unsigned i = 0; i < EVENT_BUCKET; i++) {
        int rc = event_close(d, bucket * EVENT_BUCKET + i);

        (void)rc; /* -EINVAL: was free */
    }
}

int event_reset(struct domain *d)
{
    for (unsigned b = 0; b < ARRAY_COUNT(d->events.buckets); b++) {
        if (d->events.buckets[b]) {
            close_bucket(d, b);
        }
    }
    return 0;
}

/*
 * Using ports.
 */

/* Port 0 is never given out, but its bucket is there. */
static int send_local_locked(struct domain *d, uint32_t port,
                             struct event_port *out)
{
    struct event_port *p = port_find(d, port);

    if (!p) {
        return -EINVAL;
    }
    *out = *p;
    switch (p->state) {
    case EVENT_IPI:
        raise_locked(d, port, p->vcpu);
        return 0;
    case EVENT_UNBOUND: /* nobody there to hear it */
    case EVENT_INTERDOMAIN:
        return 0;
    default:
        return -EINVAL;
    }
}

/* `p` is what the sender's port said: raise the other end if it agrees. */
static void send_to_peer(struct domain *d, uint32_t port, struct event_port p)
{
    struct domain *peer = domain_get(p.remote_domain);
    struct event_port *q;

    if (!peer) {
        return;
    }
    lock(&peer->events.lock);
    q = peer_of(d, port, &p, peer);
    if (q) {
        raise_locked(peer, p.remote_port, q->vcpu);
    }
    unlock(&peer->events.lock);
    domain_put(peer);
}

int event_send(struct domain *d, uint32_t port)
{
    struct event_port p;
    int rc;

    lock(&d->events.lock);
    rc = send_local_locked(d, port, &p);
    unlock(&d->events.lock);
    if (!rc && p.state == EVENT_INTERDOMAIN) {
        send_to_peer(d, port, p);
    }
    return rc;
}

int event_unmask(struct domain *d, uint32_t port)
{
    struct shared_info *s = shared_info(d);
    struct event_port *p;
    int rc = -EINVAL;

    lock(&d->events.lock);
    p = port_find(d, port);
    if (p && p->state != EVENT_RESERVED) {
        bit_test_and_clear(s->evtchn_mask, port);
        if (bit_test(s->evtchn_pending, port)) {
            select_port(d->vcpus[p->vcpu], port);
        }
        rc = 0;
    }
    unlock(&d->events.lock);
    return rc;
}

int event_status(struct domain *d, uint32_t port, struct event_port *out)
{
    if (port >= EVENT_PORT_LIMIT) {
        return -EINVAL;
    }
    *out = port_look(d, port);
    return 0;
}

static void raise_virq(struct domain *d, unsigned virq, unsigned vcpu)
{
    struct event_port *p;
    uint32_t port;

    lock(&d->events.lock);
    if (d->events.vcpu_virq) {
        port = *virq_slot(d, virq, vcpu);
        p = port ? port_find(d, port) : NULL;
        if (p) {
            raise_locked(d, port, p->vcpu);
        }
    }
    unlock(&d->events.lock);
}

void event_raise_vcpu_virq(struct vcpu *v, unsigned virq)
{
    CHECK(virq_vcpu_slot(virq) >= 0);
    raise_virq(vcpu_domain(v), virq, v->id);
}

void event_raise_global_virq(unsigned virq)
{
    struct domain *d = __atomic_load_n(&global_virq_domain, __ATOMIC_ACQUIRE);

    CHECK(virq < VIRQ_LIMIT && virq_vcpu_slot(virq) < 0);
    if (d) {
        raise_virq(d, virq, 0);
    }
}

bool event_pending(const struct vcpu *v)
{
    const struct vcpu_info *info = v->info.info;

    return info && READ_ONCE(info->evtchn_upcall_pending);
}

bool event_port_pending(const struct domain *d, uint32_t port)
{
    return port < EVENT_PORT_LIMIT &&
           bit_test(shared_info(d)->evtchn_pending, port);
}

static void move_vcpu_info(struct vcpu *v, struct page *page, unsigned offset)
{
    struct vcpu_info *info = (void *)((char *)page_map(page) + offset);

    if (v->info.info) {
        memcpy(info, v->info.info, sizeof(*info));
    } else {
        memset(info, 0, sizeof(*info));
    }
    v->info.page = page;
    v->info.info = info;
    /* Whatever arrived before or meanwhile is found by looking everywhere. */
    __atomic_store_n(&info->evtchn_pending_sel, ~0ULL, __ATOMIC_SEQ_CST);
    __atomic_store_n(&info->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
    notify_vcpu(v);
}

int event_register_vcpu_info(struct vcpu *v, struct page *page, unsigned offset)
{
    struct event_table *t = &vcpu_domain(v)->events;
    int rc = -EINVAL;

    if (offset % sizeof(uint64_t) ||
        offset > PAGE_SIZE - sizeof(struct vcpu_info)) {
        return -EINVAL;
    }
    lock(&t->lock);
    if (!v->info.page) {
        move_vcpu_info(v, page, offset);
        rc = 0;
    }
    unlock(&t->lock);
    return rc;
}

/*
 * Life and audit.
 */

int event_init(struct domain *d)
{
    struct event_table *t = &d->events;

    lock_init(&t->lock, RANK_EVENT);
    t->vcpu_virq = heap_alloc_array(d->max_vcpus, sizeof(*t->vcpu_virq));
    if (!t->vcpu_virq) {
        return -ENOMEM;
    }
    t->first_free = 1; /* HC-34 */
    t->max_port = MIN(d->max_evtchn_port, EVENT_PORT_LIMIT - 1U);
    if (d->privileged) {
        __atomic_store_n(&global_virq_domain, d, __ATOMIC_RELEASE);
    }
    return 0;
}

static void forget_virqs(struct domain *d)
{
    if (__atomic_load_n(&global_virq_domain, __ATOMIC_ACQUIRE) == d) {
        __atomic_store_n(&global_virq_domain, NULL, __ATOMIC_RELEASE);
    }
    lock(&d->events.lock);
    heap_free(d->events.vcpu_virq);
    d->events.vcpu_virq = NULL;
    unlock(&d->events.lock);
}

void event_teardown(struct domain *d)
{
    struct event_table *t = &d->events;

    lock(&t->lock);
    t->max_port = 0;
    unlock(&t->lock);
    event_reset(d);
    forget_virqs(d);
    for (unsigned b = 0; b < ARRAY_COUNT(t->buckets); b++) {
        lock(&t->lock);
        heap_free(t->buckets[b]);
        t->buckets[b] = NULL;
        unlock(&t->lock);
    }
}

static bool peer_agrees(struct domain *d, uint32_t port, struct event_port p)
{
    struct domain *peer = domain_get(p.remote_domain);
    bool agrees;

    if (!peer) {
        return false;
    }
    lock(&peer->events.lock);
    agrees = peer_of(d, port, &p, peer);
    unlock(&peer->events.lock);
    domain_put(peer);
    return agrees;
}

static bool port_is_right(struct domain *d, uint32_t port, struct event_port p)
{
    if (p.state == EVENT_FREE) {
        return port == 0 || port >= d->events.first_free;
    }
    if (port == 0 || p.vcpu >= d->max_vcpus) {
        return false;
    }
    switch (p.state) {
    case EVENT_INTERDOMAIN:
        return peer_agrees(d, port, p);
    case EVENT_VIRQ:
        return *virq_slot(d, p.virq, p.vcpu) == port;
    default:
        return true;
    }
}

/* A VIRQ's slot must name a port that says the same. */
static unsigned audit_virq(struct domain *d, unsigned virq, unsigned vcpu)
{
    uint32_t port = *virq_slot(d, virq, vcpu);
    struct event_port p;

    if (!port) {
        return 0;
    }
    p = port_look(d, port);
    if (p.state == EVENT_VIRQ && p.virq == virq) {
        return 0;
    }
    audit_differs(&(struct audit_difference){
        "E2", "a VIRQ's slot names a port of something else, state", d->id,
        AUDIT_NO_FRAME, AUDIT_NO_FRAME, p.state, EVENT_VIRQ});
    return 1;
}

static unsigned audit_virqs(struct domain *d)
{
    unsigned differences = 0;

    for (unsigned virq = 0; virq < VIRQ_LIMIT; virq++) {
        unsigned vcpus = virq_vcpu_slot(virq) < 0 ? 1 : d->max_vcpus;

        for (unsigned vcpu = 0; vcpu < vcpus; vcpu++) {
            differences += audit_virq(d, virq, vcpu);
        }
    }
    return differences;
}

static const char *invariant_of(unsigned state)
{
    switch (state) {
    case EVENT_INTERDOMAIN:
        return "E1";
    case EVENT_VIRQ:
        return "E2";
    default:
        return "E3";
    }
}

unsigned event_audit(struct domain *d)
{
    unsigned differences = 0;

    if (!d->events.vcpu_virq) {
        return 0;
    }
    for (uint32_t port = 0; port < EVENT_PORT_LIMIT; port++) {
        struct event_port p = port_look(d, port);

        /* A bucket that is not there is free ports. */
        if (!port_is_right(d, port, p)) {
            audit_differs(&(struct audit_difference){
                invariant_of(p.state),
                "state of an event channel, port in the frame's place", d->id,
                AUDIT_NO_FRAME, port, p.state, EVENT_FREE});
            differences++;
        }
    }
    return differences + audit_virqs(d);
}
