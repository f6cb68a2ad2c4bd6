/* SPDX-License-Identifier: MIT */
//! cpus: 1 2
//! timeout: 120
//! nrip: no Bochs itself ends when a guest of SVM has a triple fault
/*
 * Domains come and go (TS-15 .. TS-33, HC-41 .. HC-43, POD-4.42).
 *
 * Whatever a domain has become when it is destroyed, half built, running,
 * spinning, dead, all its pages are free again. A domain that halts for good,
 * faults three times over or says so has shut down with the reason that fits,
 * and its parent hears of it by VIRQ_DOM_EXC. One that spins takes its time
 * slice and no more.
 */
#include "child.h"

#include "console.h"
#include "event.h"
#include "hypercall.h"
#include "main.h"
#include "memory.h"
#include "test.h"
#include "time.h"

#include <xen/sched.h>

#define ADDRESS(gf) ((uint64_t)(gf) << PAGE_SHIFT)
#define SMALL       1024 /* pages */
#define UNCLAIMED   64
#define VALUE       0x6c696665ULL

static int exceptions; /* port of VIRQ_DOM_EXC */

/* --- Destroyed at every stage --- */

enum stage {
    STAGE_NEW,
    STAGE_TARGET,
    STAGE_POPULATED,
    STAGE_LOADED,
    STAGE_RUNNING,
    STAGE_SPINNING,
    STAGE_PAUSED,
    STAGE_COUNT,
};

static void build_to(struct child *c, enum stage stage)
{
    REQUIRE(child_new(c, 1, 4 * SMALL) == 0);
    c->ram_pages = 2 * SMALL;
    if (stage >= STAGE_TARGET) {
        EXPECT_EQ(child_target(c, SMALL), 0);
    }
    if (stage >= STAGE_POPULATED) {
        EXPECT_EQ(child_populate(c, 0, 2 * SMALL / 512, 9,
                                 XENMEMF_populate_on_demand),
                  2 * SMALL / 512);
    }
    if (stage >= STAGE_LOADED) {
        EXPECT_EQ(child_load(c), 0);
    }
    if (stage >= STAGE_RUNNING) {
        EXPECT_EQ(child_start(c), 0);
        child_write(c, ADDRESS(600), VALUE);
    }
    if (stage >= STAGE_SPINNING) {
        c->channel->op = SERVANT_SPIN;
        mem_barrier();
        c->channel->request++;
        time_delay(MILLISECONDS(2));
    }
    if (stage >= STAGE_PAUSED) {
        EXPECT_EQ(domctl_simple(XEN_DOMCTL_pausedomain, c->id), 0);
    }
}

static void test_stages(void)
{
    test_section("destroyed at each stage");
    for (enum stage stage = 0; stage < STAGE_COUNT; stage++) {
        uint64_t before = host_free_pages();
        struct child c;

        build_to(&c, stage);
        EXPECT_EQ(child_destroy(&c), 0);
        if (!EXPECT_EQ(host_free_pages(), before)) {
            print("  stage %u\n", stage);
        }
    }
    expect_clean_audit();
}

/* --- Ends --- */

struct end {
    enum servant_op op;
    uint64_t args[3];
    unsigned reason;
    const char *name;
};

static const struct end ends[] = {
    {SERVANT_HALT, {0}, SHUTDOWN_poweroff, "the last halt"},
    {SERVANT_TRIPLE, {0}, SHUTDOWN_reboot, "a triple fault"},
};

static const unsigned reasons[] = {SHUTDOWN_poweroff, SHUTDOWN_reboot,
                                   SHUTDOWN_suspend, SHUTDOWN_crash};

static void expect_end(struct child *c, unsigned reason, uint64_t exceptions_at)
{
    unsigned seen = ~0u;

    EXPECT(child_is_shut_down(c, &seen));
    EXPECT_EQ(seen, reason);
    EXPECT(event_wait(exceptions, exceptions_at + 1, MILLISECONDS(200)));
    EXPECT_EQ(child_destroy(c), 0);
    EXPECT(event_wait(exceptions, exceptions_at + 2, MILLISECONDS(200)));
}

static void test_ends(void)
{
    struct child c;

    test_section("ends");
    for (unsigned i = 0; i < ARRAY_COUNT(ends); i++) {
        uint64_t count = event_count(exceptions);

        print("%s\n", ends[i].name);
        REQUIRE(child_make(&c, SMALL, SMALL) == 0);
        EXPECT(!child_try(&c, ends[i].op, NULL, 0));
        expect_end(&c, ends[i].reason, count);
    }
    for (unsigned i = 0; i < ARRAY_COUNT(reasons); i++) {
        uint64_t count = event_count(exceptions);

        print("shutdown(%u)\n", reasons[i]);
        REQUIRE(child_make(&c, SMALL, SMALL) == 0);
        *(uint32_t *)c.channel->buffer = reasons[i];
        EXPECT(!child_try(&c, SERVANT_HYPERCALL,
                          CHILD_ARGS(__HYPERVISOR_sched_op, SCHEDOP_shutdown,
                                     SERVANT_BUFFER)));
        expect_end(&c, reasons[i], count);
    }
}

/* --- Pause --- */

/* Does it answer within some time? */
static bool answers(struct child *c)
{
    uint32_t request = ++c->channel->request;
    uint64_t end = time_now() + MILLISECONDS(50);

    while (c->channel->done != request) {
        if (time_now() > end) {
            return false;
        }
        give_way();
    }
    return true;
}

static void test_pause(void)
{
    struct child c;

    test_section("pause");
    REQUIRE(child_make(&c, SMALL, SMALL) == 0);
    c.channel->op = SERVANT_NOTHING;
    EXPECT(answers(&c));
    EXPECT_EQ(domctl_simple(XEN_DOMCTL_pausedomain, c.id), 0);
    EXPECT(!answers(&c));
    /* Pauses count. */
    EXPECT_EQ(domctl_simple(XEN_DOMCTL_pausedomain, c.id), 0);
    EXPECT_EQ(domctl_simple(XEN_DOMCTL_unpausedomain, c.id), 0);
    EXPECT(!answers(&c));
    EXPECT_EQ(domctl_simple(XEN_DOMCTL_unpausedomain, c.id), 0);
    EXPECT(answers(&c));
    EXPECT_EQ(domctl_simple(XEN_DOMCTL_unpausedomain, c.id), -EINVAL);
    EXPECT_EQ(child_destroy(&c), 0);
}

static void test_spinning(void)
{
    struct child spinner, c;

    test_section("one spins, another works");
    build_to(&spinner, STAGE_SPINNING);
    REQUIRE(child_make(&c, SMALL, SMALL) == 0);
    for (unsigned i = 0; i < 3; i++) {
        child_write(&c, ADDRESS(600 + i), VALUE + i);
        EXPECT_EQ(child_read(&c, ADDRESS(600 + i)), VALUE + i);
    }
    EXPECT_EQ(child_destroy(&c), 0);
    EXPECT_EQ(child_destroy(&spinner), 0);
}

/* --- What is known about one --- */

static void test_info(void)
{
    struct xen_domctl_getdomaininfo info;
    struct child c;

    test_section("information");
    REQUIRE(child_new(&c, 2, SMALL) == 0);
    EXPECT_EQ(child_info(&c, &info), 0);
    EXPECT_EQ(info.domain, c.id);
    EXPECT_EQ(info.tot_pages, 0);
    EXPECT_EQ(info.max_pages, SMALL);
    EXPECT_EQ(info.max_vcpu_id, 1);
    EXPECT_EQ(info.nr_online_vcpus, 0);
    EXPECT(info.flags & XEN_DOMINF_hvm_guest);
    EXPECT(info.flags & XEN_DOMINF_hap);
    EXPECT(info.flags & XEN_DOMINF_paused);
    EXPECT(!(info.flags & (XEN_DOMINF_dying | XEN_DOMINF_shutdown)));
    EXPECT_EQ(child_populate(&c, 0, SMALL, 0, 0), SMALL);
    EXPECT_EQ(child_populate(&c, SMALL, 1, 0, 0), 0); /* over max_pages */
    EXPECT_EQ(child_info(&c, &info), 0);
    EXPECT_EQ(info.tot_pages, SMALL);
    c.ram_pages = SMALL;
    EXPECT_EQ(child_load(&c), 0);
    EXPECT_EQ(child_start(&c), 0);
    child_do(&c, SERVANT_NOTHING, NULL, 0);
    EXPECT_EQ(child_info(&c, &info), 0);
    EXPECT_EQ(info.nr_online_vcpus, 1);
    EXPECT(!(info.flags & XEN_DOMINF_paused));
    EXPECT(info.cpu_time > 0);
    EXPECT_EQ(child_destroy(&c), 0);
    EXPECT_EQ(child_info(&c, &info), -ESRCH);
    EXPECT_EQ(domctl_simple(XEN_DOMCTL_destroydomain, c.id), -ESRCH);
}

/* --- Several --- */

static void test_many(void)
{
    enum {
        COUNT = 12
    };
    static struct child c[COUNT];
    uint64_t before = host_free_pages();

    test_section("12 at once");
    for (unsigned i = 0; i < COUNT; i++) {
        REQUIRE(child_make(&c[i], 2 * SMALL, i % 2 ? 2 * SMALL : SMALL) == 0);
        child_write(&c[i], ADDRESS(700), VALUE + i);
        for (unsigned j = 0; j < i; j++) {
            EXPECT(c[j].id != c[i].id);
        }
    }
    for (unsigned i = 0; i < COUNT; i++) {
        unsigned victim = i * 5 % COUNT;

        EXPECT_EQ(child_read(&c[victim], ADDRESS(700)), VALUE + victim);
        EXPECT_EQ(child_destroy(&c[victim]), 0);
    }
    EXPECT_EQ(host_free_pages(), before);
    expect_clean_audit();
}

static void test_again_and_again(void)
{
    uint64_t before = host_free_pages();

    test_section("30 times, of other sizes");
    for (unsigned i = 0; i < 30; i++) {
        uint64_t given = 600 + i * 37, promised = given + i % 3 * 1111;
        struct child c;

        REQUIRE(child_make(&c, promised, given) == 0);
        child_write(&c, ADDRESS(promised - 1), VALUE);
        EXPECT_EQ(child_destroy(&c), 0);
        EXPECT_EQ(host_free_pages(), before);
    }
}

/* --- Foreign mappings outlive their domain's name, not its memory --- */

static void test_foreign(void)
{
    struct xen_domctl_getdomaininfo info;
    uint64_t before = host_free_pages(), *page;
    struct child c;

    test_section("mapped while destroyed");
    REQUIRE(child_make(&c, SMALL, SMALL) == 0);
    child_write(&c, ADDRESS(900), VALUE);
    page = child_map(&c, 900, NULL);
    REQUIRE(page);
    child_unmap(c.channel);
    c.channel = NULL;
    EXPECT_EQ(domctl_simple(XEN_DOMCTL_destroydomain, c.id), 0);
    EXPECT_EQ(*page, VALUE);
    *page = VALUE + 1;
    EXPECT_EQ(*page, VALUE + 1);
    child_unmap(page);
    for (unsigned i = 0; i < 1000 && child_info(&c, &info) == 0; i++) {
        give_way();
    }
    EXPECT_EQ(child_info(&c, &info), -ESRCH);
    EXPECT_EQ(host_free_pages(), before);
}

/* --- Claims (POD-4.46) --- */

static int64_t claim(const struct child *c, uint64_t pages)
{
    struct xen_memory_reservation r = {.nr_extents = pages, .domid = c->id};

    return memory_op(XENMEM_claim_pages, &r);
}

static void test_claims(void)
{
    uint64_t free = host_free_pages();
    struct child c, other;

    test_section("claims");
    REQUIRE(child_new(&c, 1, free + 1000) == 0);
    REQUIRE(child_new(&other, 1, SMALL) == 0);
    EXPECT_EQ(claim(&c, 0), 0);
    EXPECT_EQ(claim(&c, free + 500), -ENOMEM);
    EXPECT_EQ(claim(&c, free + 1001), -EINVAL);
    /* What is left is for tables, which no claim covers (POD-4.51). */
    EXPECT_EQ(claim(&c, host_free_pages() - UNCLAIMED), 0);
    EXPECT_EQ(claim(&c, 100), -EINVAL); /* has one */
    /* Nobody else gets what is claimed. */
    EXPECT(child_populate(&other, 0, UNCLAIMED + 1, 0, 0) <= UNCLAIMED);
    EXPECT_EQ(child_destroy(&other), 0);
    EXPECT_EQ(child_populate(&c, 0, 10, 0, 0), 10);
    EXPECT_EQ(claim(&c, 0), 0);
    REQUIRE(child_new(&other, 1, SMALL) == 0);
    EXPECT_EQ(child_populate(&other, 0, UNCLAIMED + 1, 0, 0), UNCLAIMED + 1);
    EXPECT_EQ(claim(&c, 5), -EINVAL); /* has more */
    EXPECT_EQ(claim(&c, 300), 0);
    /* A claim goes with its domain. */
    EXPECT_EQ(child_destroy(&c), 0);
    EXPECT_EQ(child_destroy(&other), 0);
    EXPECT_EQ(host_free_pages(), free);
    expect_clean_audit();
}

void test_main(void)
{
    need_privilege();
    events_init();
    children_init();
    exceptions = event_bind_virq(VIRQ_DOM_EXC, 0);
    REQUIRE(exceptions > 0);
    event_unmask(exceptions);
    test_stages();
    test_ends();
    test_pause();
    test_spinning();
    test_info();
    test_many();
    test_again_and_again();
    test_foreign();
    test_claims();
}
