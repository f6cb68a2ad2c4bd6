/* SPDX-License-Identifier: MIT */
#include "domains.h"
#include "machine.h"
#include "mm/heap.h"
#include "types/bits.h"
#include "types/error.h"

#include <xen/xen.h>

static struct shared_info *shared(struct domain *d)
{
    return page_map(d->shared_info);
}

static struct vcpu_info *info(struct domain *d, unsigned vcpu)
{
    return d->vcpus[vcpu]->info.info;
}

/* What a guest's handler does. */
static void take_upcall(struct domain *d, unsigned vcpu)
{
    info(d, vcpu)->evtchn_upcall_pending = 0;
    info(d, vcpu)->evtchn_pending_sel = 0;
    d->vcpus[vcpu]->work = 0;
}

static bool pending(struct domain *d, uint32_t port)
{
    return event_port_pending(d, port);
}

TEST(ports_start_at_1_and_are_reused)
{
    uint32_t a, b, c;
    struct domain *d;

    machine_start(0x4000);
    d = domain_new(0, 1);
    EXPECT_EQ(event_alloc_unbound(d, 5, &a), 0);
    EXPECT_EQ(event_alloc_unbound(d, 5, &b), 0);
    EXPECT_EQ(a, 1);
    EXPECT_EQ(b, 2);
    EXPECT_EQ(event_close(d, a), 0);
    EXPECT_EQ(event_close(d, a), -EINVAL);
    EXPECT_EQ(event_alloc_unbound(d, 5, &c), 0);
    EXPECT_EQ(c, 1);
    EXPECT_EQ(event_close(d, 0), -EINVAL);
    EXPECT_EQ(event_close(d, 4096), -EINVAL);
    EXPECT_EQ(event_close(d, ~0U), -EINVAL);
    domains_check();
}

TEST(no_more_ports_than_configured)
{
    uint32_t port;
    struct domain *d;

    machine_start(0x4000);
    d = domain_new(0, 1);
    for (unsigned i = 1; i <= 1023; i++) {
        EXPECT_EQ(event_alloc_unbound(d, 1, &port), 0);
        EXPECT_EQ(port, i);
    }
    EXPECT_EQ(event_alloc_unbound(d, 1, &port), -ENOSPC);
    EXPECT_EQ(event_reset(d), 0);
    EXPECT_EQ(event_alloc_unbound(d, 1, &port), 0);
    EXPECT_EQ(port, 1);
    domains_check();
}

TEST(a_raise_climbs_only_as_far_as_it_must)
{
    uint32_t a, b;
    struct domain *d;

    machine_start(0x4000);
    d = domain_new(0, 2);
    EXPECT_EQ(event_bind_ipi(d, 1, &a), 0);
    EXPECT_EQ(event_bind_ipi(d, 1, &b), 0);
    EXPECT_EQ(event_send(d, a), 0);
    EXPECT(pending(d, a));
    EXPECT(event_pending(d->vcpus[1]));
    EXPECT(!event_pending(d->vcpus[0]));
    EXPECT_EQ(info(d, 1)->evtchn_pending_sel, 1);
    EXPECT(d->vcpus[1]->work);

    /* The selector bit is set: nobody needs to be told again. */
    d->vcpus[1]->work = 0;
    info(d, 1)->evtchn_upcall_pending = 0;
    EXPECT_EQ(event_send(d, b), 0);
    EXPECT(pending(d, b));
    EXPECT(!event_pending(d->vcpus[1]));
    EXPECT_EQ(d->vcpus[1]->work, 0);

    /* Already pending: nothing at all happens. */
    take_upcall(d, 1);
    EXPECT_EQ(event_send(d, a), 0);
    EXPECT(!event_pending(d->vcpus[1]));
}

TEST(a_masked_port_waits_for_unmask)
{
    uint32_t port;
    struct domain *d;

    machine_start(0x4000);
    d = domain_new(0, 1);
    EXPECT_EQ(event_bind_ipi(d, 0, &port), 0);
    shared(d)->evtchn_mask[0] = ~0UL;
    EXPECT_EQ(event_send(d, port), 0);
    EXPECT(pending(d, port));
    EXPECT(!event_pending(d->vcpus[0]));
    EXPECT_EQ(event_unmask(d, port), 0);
    EXPECT(event_pending(d->vcpus[0]));
    EXPECT_EQ(shared(d)->evtchn_mask[0], ~BIT(port));
    EXPECT_EQ(event_unmask(d, 4096), -EINVAL);
}

TEST(close_forgets_what_was_pending)
{
    uint32_t port;
    struct domain *d;

    machine_start(0x4000);
    d = domain_new(0, 1);
    EXPECT_EQ(event_bind_ipi(d, 0, &port), 0);
    shared(d)->evtchn_mask[0] = ~0UL;
    EXPECT_EQ(event_send(d, port), 0);
    EXPECT_EQ(event_close(d, port), 0);
    EXPECT(!pending(d, port));
    EXPECT_EQ(event_send(d, port), -EINVAL);
}

TEST(interdomain_goes_both_ways)
{
    uint32_t a, b;
    struct domain *d0, *d1, *d2;

    machine_start(0x4000);
    d0 = domain_new(0, 1);
    d1 = domain_new(1, 1);
    d2 = domain_new(2, 1);
    EXPECT_EQ(event_alloc_unbound(d1, 0, &a), 0);
    EXPECT_EQ(event_send(d1, a), 0); /* nobody there: fine */
    EXPECT_EQ(event_bind_interdomain(d2, d1, a, &b), -EINVAL);
    EXPECT_EQ(event_bind_interdomain(d0, d1, a + 1, &b), -EINVAL);
    EXPECT_EQ(event_bind_interdomain(d0, d1, ~0U, &b), -EINVAL);
    EXPECT_EQ(event_bind_interdomain(d0, d1, a, &b), 0);
    EXPECT(pending(d0, b)); /* raised once, for what came before */
    EXPECT(!pending(d1, a));
    EXPECT_EQ(event_bind_interdomain(d0, d1, a, &b), -EINVAL);
    domains_check();

    EXPECT_EQ(event_send(d0, b), 0);
    EXPECT(pending(d1, a));
    shared(d0)->evtchn_pending[0] = 0;
    EXPECT_EQ(event_send(d1, a), 0);
    EXPECT(pending(d0, b));
}

TEST(the_other_end_of_a_closed_channel_waits)
{
    uint32_t a, b, c;
    struct domain *d0, *d1;
    struct event_port p;

    machine_start(0x4000);
    d0 = domain_new(0, 1);
    d1 = domain_new(1, 1);
    EXPECT_EQ(event_alloc_unbound(d1, 0, &a), 0);
    EXPECT_EQ(event_bind_interdomain(d0, d1, a, &b), 0);
    EXPECT_EQ(event_close(d0, b), 0);
    EXPECT_EQ(event_status(d1, a, &p), 0);
    EXPECT_EQ(p.state, EVENT_UNBOUND);
    EXPECT_EQ(p.remote_domain, 0);
    domains_check();
    EXPECT_EQ(event_bind_interdomain(d0, d1, a, &c), 0);
    EXPECT_EQ(event_close(d1, a), 0);
    EXPECT_EQ(event_status(d0, c, &p), 0);
    EXPECT_EQ(p.state, EVENT_UNBOUND);
    domains_check();
}

/* xenstored talks to its own kernel (HC-36). */
TEST(a_loop_within_one_domain)
{
    uint32_t a, b;
    struct domain *d;

    machine_start(0x4000);
    d = domain_new(0, 1);
    EXPECT_EQ(event_alloc_unbound(d, 0, &a), 0);
    EXPECT_EQ(event_bind_interdomain(d, d, a, &b), 0);
    domains_check();
    shared(d)->evtchn_pending[0] = 0;
    EXPECT_EQ(event_send(d, a), 0);
    EXPECT(pending(d, b));
    EXPECT(!pending(d, a));
    EXPECT_EQ(event_close(d, a), 0);
    EXPECT_EQ(event_close(d, b), 0);
    domains_check();
}

TEST(virqs_per_vcpu_and_global)
{
    uint32_t t0, t1, exc, port;
    struct domain *d0, *d1;

    machine_start(0x4000);
    d0 = domain_new(0, 2);
    d1 = domain_new(1, 2);
    EXPECT_EQ(event_bind_virq(d1, VIRQ_TIMER, 0, &t0), 0);
    EXPECT_EQ(event_bind_virq(d1, VIRQ_TIMER, 1, &t1), 0);
    EXPECT_EQ(event_bind_virq(d1, VIRQ_TIMER, 1, &port), -EEXIST);
    EXPECT_EQ(event_bind_virq(d1, VIRQ_TIMER, 2, &port), -ENOENT);
    EXPECT_EQ(event_bind_virq(d1, NR_VIRQS, 0, &port), -EINVAL);
    EXPECT_EQ(event_bind_virq(d1, VIRQ_DOM_EXC, 1, &port), -EINVAL);
    event_raise_vcpu_virq(d1->vcpus[1], VIRQ_TIMER);
    EXPECT(pending(d1, t1));
    EXPECT(!pending(d1, t0));
    EXPECT(event_pending(d1->vcpus[1]));

    event_raise_global_virq(VIRQ_DOM_EXC); /* not bound: lost */
    EXPECT_EQ(event_bind_virq(d1, VIRQ_DOM_EXC, 0, &port), 0);
    EXPECT_EQ(event_bind_virq(d0, VIRQ_DOM_EXC, 0, &exc), 0);
    event_raise_global_virq(VIRQ_DOM_EXC);
    EXPECT(pending(d0, exc));
    EXPECT(!pending(d1, port));
    domains_check();

    EXPECT_EQ(event_close(d0, exc), 0);
    EXPECT_EQ(event_bind_virq(d0, VIRQ_DOM_EXC, 0, &exc), 0);
    domains_check();
}

TEST(only_some_ports_move_to_another_vcpu)
{
    uint32_t timer, ipi, unbound, global;
    struct domain *d;

    machine_start(0x4000);
    d = domain_new(0, 2);
    EXPECT_EQ(event_bind_virq(d, VIRQ_TIMER, 0, &timer), 0);
    EXPECT_EQ(event_bind_ipi(d, 0, &ipi), 0);
    EXPECT_EQ(event_alloc_unbound(d, 0, &unbound), 0);
    EXPECT_EQ(event_bind_virq(d, VIRQ_DOM_EXC, 0, &global), 0);
    EXPECT_EQ(event_bind_vcpu(d, timer, 1), -EINVAL);
    EXPECT_EQ(event_bind_vcpu(d, ipi, 1), -EINVAL);
    EXPECT_EQ(event_bind_vcpu(d, unbound, 1), 0);
    EXPECT_EQ(event_bind_vcpu(d, global, 1), 0);
    EXPECT_EQ(event_bind_vcpu(d, unbound, 2), -ENOENT);
    event_raise_global_virq(VIRQ_DOM_EXC);
    EXPECT(event_pending(d->vcpus[1]));
    EXPECT(!event_pending(d->vcpus[0]));
    domains_check();
    EXPECT_EQ(event_close(d, global), 0);
    EXPECT_EQ(event_bind_virq(d, VIRQ_DOM_EXC, 0, &global), 0);
}

TEST(vcpu_info_moves_and_loses_nothing)
{
    uint32_t port;
    struct domain *d;
    struct page *pg;
    struct vcpu_info *there;
    struct vcpu *v;

    machine_start(0x4000);
    d = domain_new(0, 1);
    v = d->vcpus[0];
    domain_fill(d, 5, 1);
    info(d, 0)->time.tsc_to_system_mul = 77;
    EXPECT_EQ(memory_get_page(d, GFN(5), true, &pg), 0);
    EXPECT_EQ(event_register_vcpu_info(v, pg, 4), -EINVAL);
    EXPECT_EQ(event_register_vcpu_info(v, pg, 4096 - 56), -EINVAL);
    EXPECT_EQ(event_register_vcpu_info(v, pg, 128), 0);
    there = (void *)((char *)domain_page(d, 5) + 128);
    EXPECT(event_pending(v));
    EXPECT_EQ(there->evtchn_upcall_pending, 1);
    EXPECT_EQ(there->evtchn_pending_sel, ~0ULL);
    EXPECT_EQ(there->time.tsc_to_system_mul, 77);
    EXPECT_EQ(event_register_vcpu_info(v, pg, 256), -EINVAL);

    take_upcall(d, 0);
    EXPECT_EQ(event_bind_ipi(d, 0, &port), 0);
    EXPECT_EQ(event_send(d, port), 0);
    EXPECT_EQ(there->evtchn_pending_sel, 1);
    domain_end(d);
    machine_check();
}

/* Beyond 32 there is no vcpu_info until one is registered. */
TEST(an_event_for_a_vcpu_without_vcpu_info_waits)
{
    uint32_t port;
    struct domain *d;
    struct page *pg;

    machine_start(0x4000);
    d = domain_new(0, 40);
    domain_fill(d, 5, 1);
    EXPECT_EQ(event_bind_ipi(d, 39, &port), 0);
    EXPECT_EQ(event_send(d, port), 0);
    EXPECT(pending(d, port));
    EXPECT(!event_pending(d->vcpus[39]));
    EXPECT_EQ(memory_get_page(d, GFN(5), true, &pg), 0);
    EXPECT_EQ(event_register_vcpu_info(d->vcpus[39], pg, 0), 0);
    EXPECT(event_pending(d->vcpus[39]));
}

TEST(mode_b_is_an_edge_of_its_vector)
{
    uint32_t port;
    struct domain *d;
    struct vcpu *v;

    machine_start(0x4000);
    d = domain_new(0, 1);
    v = d->vcpus[0];
    v->upcall_vector = 0xf3;
    v->vlapic.svr |= 0x100;
    EXPECT_EQ(event_bind_ipi(d, 0, &port), 0);
    EXPECT_EQ(event_send(d, port), 0);
    EXPECT(v->vlapic.irr[0xf3 / 64] & BIT(0xf3 % 64));
    v->vlapic.irr[0xf3 / 64] = 0;
    info(d, 0)->evtchn_pending_sel = 0;
    shared(d)->evtchn_pending[0] = 0;
    EXPECT_EQ(event_send(d, port), 0); /* the byte is still set: no edge */
    EXPECT_EQ(v->vlapic.irr[0xf3 / 64], 0);
}

TEST(a_poller_is_woken_by_a_masked_port)
{
    uint32_t port;
    struct domain *d;

    machine_start(0x4000);
    d = domain_new(0, 2);
    EXPECT_EQ(event_bind_ipi(d, 0, &port), 0);
    shared(d)->evtchn_mask[0] = ~0UL;
    d->vcpus[1]->polling = true;
    d->vcpus[1]->work = 0;
    EXPECT_EQ(event_send(d, port), 0);
    EXPECT(d->vcpus[1]->work);
}

TEST(a_dead_domain_lets_go_of_its_channels)
{
    uint32_t a, b, exc;
    uint64_t heap;
    struct domain *d0, *d1;
    struct event_port p;

    machine_start(0x4000);
    d0 = domain_new(0, 1);
    EXPECT_EQ(event_bind_virq(d0, VIRQ_DOM_EXC, 0, &exc), 0);
    heap = heap_used();
    d1 = domain_new(1, 1);
    EXPECT_EQ(event_alloc_unbound(d1, 0, &a), 0);
    EXPECT_EQ(event_bind_interdomain(d0, d1, a, &b), 0);
    domain_end(d1);
    EXPECT(pending(d0, exc));
    EXPECT_EQ(event_status(d0, b, &p), 0);
    EXPECT_EQ(p.state, EVENT_UNBOUND);
    EXPECT_EQ(p.remote_domain, 1);
    EXPECT_EQ(event_send(d0, b), 0);
    EXPECT_EQ(heap_used(), heap);
    domains_check();
}

/* Random calls on three domains; the audit sees any lie. */
TEST(model_random_calls)
{
    uint64_t s = unit_seed(11);
    struct domain *d[3];

    machine_start(0x4000);
    for (unsigned i = 0; i < 3; i++) {
        d[i] = domain_new(i, 2);
    }
    for (unsigned n = 0; n < 4000 * unit_long(); n++) {
        struct domain *a = d[unit_random_below(&s, 3)];
        struct domain *b = d[unit_random_below(&s, 3)];
        uint32_t port = unit_random_below(&s, 24), out;
        unsigned vcpu = unit_random_below(&s, 3);
        int rc = 0;

        switch (unit_random_below(&s, 8)) {
        case 0:
            rc = event_alloc_unbound(a, b->id, &out);
            break;
        case 1:
            rc = event_bind_interdomain(a, b, port, &out);
            break;
        case 2:
            rc = event_bind_virq(a, unit_random_below(&s, 26), vcpu, &out);
            break;
        case 3:
            rc = event_bind_ipi(a, vcpu, &out);
            break;
        case 4:
            rc = event_bind_vcpu(a, port, vcpu);
            break;
        case 5:
            rc = event_send(a, port);
            break;
        case 6:
            rc = event_unmask(a, port);
            break;
        default:
            rc = event_close(a, port);
            break;
        }
        EXPECT(rc <= 0);
        if (n % 64 == 0) {
            EXPECT_EQ(event_audit(a), 0);
        }
    }
    domains_check();
}
