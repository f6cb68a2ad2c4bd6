/* SPDX-License-Identifier: MIT */
/* The life of a domain: creation, pauses, shutdown, and an end that leaves
 * nothing behind. */
#include "domain/domain.h"
#include "domain/memory.h"
#include "domain/sched.h"
#include "domain/time.h"
#include "machine.h"
#include "mm/heap.h"
#include "types/error.h"

#include <xen/sched.h>
#include <xen/xen.h>

static const struct domain_config any = {
    .id = DOMID_LIMIT,
    .max_vcpus = 2,
    .max_evtchn_port = 1023,
    .max_grant_frames = 4,
    .max_maptrack_frames = 4,
};

/* What must be as before once a domain is gone. */
struct balance {
    uint64_t free, claimed, heap;
};

static struct balance balance(void)
{
    struct page_alloc_info info = page_alloc_info();

    return (struct balance){info.free, info.claimed, heap_used()};
}

static void expect_balance(struct balance before)
{
    struct balance now = balance();

    EXPECT_EQ(now.free, before.free);
    EXPECT_EQ(now.claimed, before.claimed);
    EXPECT_EQ(now.heap, before.heap);
    machine_check();
}

/* To the end; how many calls it took. */
static unsigned kill_off(struct domain *d)
{
    unsigned calls = 1;

    while (domain_kill(d) == -ERESTART) {
        calls++;
    }
    return calls;
}

/* A first domain comes and goes, so that what is kept for good is there. */
static void start(void)
{
    struct domain *d;

    machine_start(0x4000);
    sched_init();
    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        time_init_cpu(cpu);
    }
    EXPECT(!domain_create(&any, &d));
    kill_off(d);
    domain_put(d);
    domain_reap();
}

static struct domain *make(void)
{
    struct domain *d;

    EXPECT(!domain_create(&any, &d));
    memory_set_max_pages(d, 4096);
    return d;
}

static bool listed(domid_t id)
{
    struct domain *d = domain_get(id);

    if (d) {
        domain_put(d);
    }
    return d != NULL;
}

TEST(leaves_nothing_behind)
{
    struct balance before;
    struct domain *d;
    domid_t id;

    start();
    before = balance();
    d = make();
    id = d->id;
    EXPECT(!memory_mark_pod(d, GFN(0), ORDER_2M));
    EXPECT(!memory_set_pod_target(d, 300));
    EXPECT(!memory_populate(d, GFN(512), ORDER_2M));
    EXPECT(!memory_populate(d, GFN(5000), 0));
    EXPECT(!memory_claim(d, 2000));
    EXPECT_EQ(domain_audit(d), 0);
    EXPECT(kill_off(d) > 1);
    EXPECT(listed(id));
    domain_put(d);
    domain_reap();
    EXPECT(!listed(id));
    expect_balance(before);
}

TEST(takes_any_failed_allocation)
{
    struct balance before;
    struct domain *d;
    int rc = -ENOMEM;

    start();
    before = balance();
    for (uint64_t n = 1; rc; n++) {
        EXPECT(n < 1000);
        page_alloc_fail_nth(n);
        rc = domain_create(&any, &d);
        page_alloc_fail_nth(0);
        if (rc) {
            EXPECT_EQ(rc, -ENOMEM);
            expect_balance(before);
        }
    }
    kill_off(d);
    domain_put(d);
    domain_reap();
    expect_balance(before);
}

TEST(stays_listed_while_its_pages_are_mapped)
{
    struct balance before;
    struct p2m_entry e;
    struct domain *d;
    struct page *pg;
    domid_t id;

    start();
    before = balance();
    d = make();
    id = d->id;
    EXPECT(!memory_populate(d, GFN(3), 0));
    pg = p2m_get_page(&d->p2m, GFN(3), &e);
    EXPECT(pg);
    kill_off(d);
    EXPECT_EQ(d->dying, DOMAIN_DEAD);
    domain_put(d);
    domain_reap();
    EXPECT(listed(id));

    /* The last page goes: now it can go, too. */
    EXPECT(page_put(pg));
    domain_reap_soon();
    domain_reap();
    EXPECT(!listed(id));
    expect_balance(before);
}

TEST(stays_while_somebody_holds_it)
{
    struct balance before;
    struct domain *d, *again;

    start();
    before = balance();
    d = make();
    again = domain_get(d->id);
    EXPECT(again == d);
    kill_off(d);
    domain_put(d);
    domain_reap();
    EXPECT(listed(again->id));
    domain_put(again);
    domain_reap();
    expect_balance(before);
}

TEST(refuses_memory_once_it_dies)
{
    struct domain *d;

    start();
    d = make();
    EXPECT(!memory_populate(d, GFN(1), 0));
    kill_off(d);
    EXPECT(memory_populate(d, GFN(2), 0));
    EXPECT(memory_mark_pod(d, GFN(2), 0));
    EXPECT_EQ(memory_claim(d, 100), -EINVAL);
    domain_put(d);
    domain_reap();
}

TEST(chooses_ids_that_are_free)
{
    struct domain_config config = any;
    struct domain *a, *b, *c;

    start();
    a = make();
    b = make();
    EXPECT(a->id < DOMID_LIMIT && b->id < DOMID_LIMIT);
    EXPECT(a->id != b->id && a->id != 0 && b->id != 0);
    config.id = a->id;
    EXPECT_EQ(domain_create(&config, &c), -EEXIST);
    config.id = 77;
    EXPECT(!domain_create(&config, &c));
    EXPECT_EQ(c->id, 77);

    /* From any id on, the next one. */
    EXPECT(domain_get_next(3) && domain_get_next(3)->id <= 77);
    EXPECT(domain_get_next(70) == c);
    EXPECT(!domain_get_next(78));
}

TEST(refuses_impossible_sizes)
{
    struct domain_config config = any;
    struct domain *d;

    start();
    config.max_vcpus = 0;
    EXPECT_EQ(domain_create(&config, &d), -EINVAL);
    config.max_vcpus = MAX_VCPUS + 1;
    EXPECT_EQ(domain_create(&config, &d), -EINVAL);
}

static bool held(const struct domain *d)
{
    return d->vcpus[0]->hold & HOLD_PAUSED;
}

TEST(pauses_nest)
{
    struct domain *d;

    start();
    d = make();
    EXPECT(held(d));
    domain_pause(d);
    EXPECT(!domain_unpause(d));
    EXPECT(held(d) && !d->started);
    EXPECT(!domain_unpause(d));
    EXPECT(!held(d) && d->started);
    EXPECT_EQ(domain_unpause(d), -EINVAL);
    domain_pause_sync(d);
    EXPECT(held(d));
}

TEST(shut_down_it_does_not_run_again)
{
    struct domain *d;

    start();
    d = make();
    EXPECT(!domain_unpause(d));
    domain_shutdown(d, SHUTDOWN_poweroff);
    EXPECT(held(d) && d->shutdown);
    EXPECT_EQ(d->shutdown_code, SHUTDOWN_poweroff);
    domain_crash(d, "second %s", "reason");
    EXPECT_EQ(d->shutdown_code, SHUTDOWN_poweroff);
    domain_pause(d);
    EXPECT(!domain_unpause(d));
    EXPECT(held(d));
}

/* Domain 0 with VIRQ_DOM_EXC bound; its pending bit, cleared by looking. */
static struct domain *control;
static uint32_t port;

static void start_with_control(void)
{
    struct domain_config config = any;

    machine_start(0x4000);
    sched_init();
    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        time_init_cpu(cpu);
    }
    config.id = 0;
    config.privileged = true;
    EXPECT(!domain_create(&config, &control));
    EXPECT(!event_bind_virq(control, VIRQ_DOM_EXC, 0, &port));
}

static bool told(void)
{
    struct shared_info *s = page_map(control->shared_info);

    return bit_test_and_clear((uint64_t *)s->evtchn_pending, port);
}

TEST(tells_domain_0_of_each_end)
{
    struct p2m_entry e;
    struct domain *d;
    struct page *pg;

    start_with_control();
    d = make();
    EXPECT(!told());
    EXPECT(!memory_populate(d, GFN(3), 0));
    pg = p2m_get_page(&d->p2m, GFN(3), &e);

    domain_crash(d, "for a test");
    EXPECT_EQ(d->shutdown_code, SHUTDOWN_crash);
    EXPECT(told());
    kill_off(d);
    EXPECT(told());
    domain_put(d);
    page_put(pg);
    domain_reap_soon();
    EXPECT(!told());
    domain_reap();
    EXPECT(told());
}

static unsigned ended_with = ~0u;

static void note_end(unsigned code)
{
    ended_with = code;
}

TEST(domain_0_ends_the_machine)
{
    start_with_control();
    domain_zero_ended = note_end;
    domain_shutdown(control, SHUTDOWN_reboot);
    EXPECT_EQ(ended_with, SHUTDOWN_reboot);
}
