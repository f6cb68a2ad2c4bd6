/* SPDX-License-Identifier: MIT */
/* event_channel_op: what a port is, in the words of the ABI. */
#include "guest/hypercall.h"
#include "types/error.h"
#include "world.h"

#include <xen/event_channel.h>
#include <xen/xen.h>

#define OP_AT 0x1000

static int64_t event(unsigned command, void *arg, size_t size)
{
    const uint64_t args[6] = {command, OP_AT};
    int64_t rc;

    memcpy(world_ram(OP_AT), arg, size);
    rc = hc_event_channel_op(world_vcpu, args);
    memcpy(arg, world_ram(OP_AT), size);
    return rc;
}

static struct evtchn_status status(uint32_t port)
{
    struct evtchn_status s = {.dom = DOMID_SELF, .port = port};

    EXPECT_EQ(event(EVTCHNOP_status, &s, sizeof(s)), 0);
    return s;
}

TEST(tells_what_each_port_is)
{
    struct evtchn_alloc_unbound unbound = {.dom = DOMID_SELF, .remote_dom = 7};
    struct evtchn_bind_virq virq = {.virq = VIRQ_DEBUG, .vcpu = 1};
    struct evtchn_bind_ipi ipi = {.vcpu = 1};
    struct evtchn_bind_interdomain peer = {.remote_dom = DOMID_SELF};
    struct evtchn_alloc_unbound own = {.dom = DOMID_SELF,
                                       .remote_dom = DOMID_SELF};
    struct evtchn_status s;

    world_start(0x4000);
    EXPECT_EQ(event(EVTCHNOP_alloc_unbound, &unbound, sizeof(unbound)), 0);
    s = status(unbound.port);
    EXPECT_EQ(s.status, EVTCHNSTAT_unbound);
    EXPECT_EQ(s.u.unbound.dom, 7);

    EXPECT_EQ(event(EVTCHNOP_bind_virq, &virq, sizeof(virq)), 0);
    s = status(virq.port);
    EXPECT_EQ(s.status, EVTCHNSTAT_virq);
    EXPECT_EQ(s.u.virq, VIRQ_DEBUG);
    EXPECT_EQ(s.vcpu, 1);

    EXPECT_EQ(event(EVTCHNOP_bind_ipi, &ipi, sizeof(ipi)), 0);
    s = status(ipi.port);
    EXPECT_EQ(s.status, EVTCHNSTAT_ipi);
    EXPECT_EQ(s.vcpu, 1);

    EXPECT_EQ(event(EVTCHNOP_alloc_unbound, &own, sizeof(own)), 0);
    peer.remote_port = own.port;
    EXPECT_EQ(event(EVTCHNOP_bind_interdomain, &peer, sizeof(peer)), 0);
    s = status(own.port);
    EXPECT_EQ(s.status, EVTCHNSTAT_interdomain);
    EXPECT_EQ(s.u.interdomain.dom, 0);
    EXPECT_EQ(s.u.interdomain.port, peer.local_port);

    EXPECT_EQ(status(100).status, EVTCHNSTAT_closed);
    EXPECT_EQ(event_audit(world_control), 0);
}

TEST(tells_only_of_what_is_one_s_own)
{
    struct evtchn_status s = {.dom = 1234};
    struct domain *d;

    world_start(0x4000);
    d = world_domain(1);
    EXPECT_EQ(event(EVTCHNOP_status, &s, sizeof(s)), -ESRCH);
    s = (struct evtchn_status){.dom = d->id, .port = 4096};
    EXPECT_EQ(event(EVTCHNOP_status, &s, sizeof(s)), -EINVAL);
    world_control->privileged = false;
    s = (struct evtchn_status){.dom = d->id, .port = 1};
    EXPECT_EQ(event(EVTCHNOP_status, &s, sizeof(s)), -EPERM);
    EXPECT_EQ(d->references, 2);
}

TEST(resets_only_what_is_one_s_own)
{
    struct evtchn_reset r = {.dom = 1234};
    struct domain *d;
    uint32_t port;

    world_start(0x4000);
    d = world_domain(1);
    EXPECT_EQ(event_bind_ipi(d, 0, &port), 0);
    EXPECT_EQ(event(EVTCHNOP_reset, &r, sizeof(r)), -ESRCH);
    world_control->privileged = false;
    r.dom = d->id;
    EXPECT_EQ(event(EVTCHNOP_reset, &r, sizeof(r)), -EPERM);
    EXPECT_EQ(event_send(d, port), 0); /* still there */
    world_control->privileged = true;
    EXPECT_EQ(event(EVTCHNOP_reset, &r, sizeof(r)), 0);
    EXPECT_EQ(event_send(d, port), -EINVAL);
    EXPECT_EQ(d->references, 2);
}
