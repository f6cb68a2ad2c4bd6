/* SPDX-License-Identifier: MIT */
//! cpus: 8
//! vcpus: 8
//! timeout: 120
/*
 * Eight processors and sixteen vCPUs: eight of this domain, and one of each of
 * eight others that write to memory meanwhile. Sums come out exact, each vCPU
 * gets its turn, and memory that all of them write to at once is nobody else's.
 */
#include "child.h"
#include "console.h"
#include "cpu.h"
#include "event.h"
#include "hypercall.h"
#include "memory.h"
#include "smp.h"
#include "test.h"
#include "time.h"

#define ROUNDS   400
#define CHILDREN 8
#define TOUCHED  64   /* pages that a child writes to in one order */
#define RAM      1024 /* pages of a child */
#define PATIENCE SECONDS(3)

static unsigned vcpu_count;
static volatile unsigned arrived;
static uint64_t total;
static uint64_t turns[MAX_CPUS];

static void add_up(void *p)
{
    unsigned id = (unsigned)(uintptr_t)p;

    for (unsigned i = 0; i < ROUNDS; i++) {
        __atomic_fetch_add(&total, 1, __ATOMIC_SEQ_CST);
        turns[id]++;
        if (i % 40 == 0) {
            give_way();
        }
    }
    __atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
}

static bool all_arrived(void)
{
    uint64_t end = time_now() + PATIENCE;

    while (arrived < vcpu_count - 1 && time_now() < end) {
        give_way();
    }
    return arrived == vcpu_count - 1;
}

/* An order that is not waited for. */
static void tell(struct child *c, enum servant_op op, uint64_t a, uint64_t b,
                 uint64_t value)
{
    c->channel->op = op;
    c->channel->args[0] = a;
    c->channel->args[1] = b;
    c->channel->args[2] = value;
    mem_barrier();
    c->channel->request++;
}

static bool is_done(const struct child *c)
{
    uint64_t end = time_now() + PATIENCE;

    while (c->channel->done != c->channel->request && time_now() < end) {
        give_way();
    }
    return c->channel->done == c->channel->request;
}

static void test_all_at_once(void)
{
    const uint64_t at = 600ULL << PAGE_SHIFT, bytes = TOUCHED << PAGE_SHIFT;
    static struct child c[CHILDREN];

    test_section("%u vCPUs and %u domains at once", vcpu_count, CHILDREN);
    for (unsigned i = 0; i < CHILDREN; i++) {
        REQUIRE(child_make(&c[i], RAM, RAM) == 0);
    }
    for (unsigned i = 0; i < CHILDREN; i++) {
        tell(&c[i], SERVANT_FILL, at, bytes, 0x1111 * (i + 1));
    }
    for (unsigned i = 1; i < vcpu_count; i++) {
        REQUIRE(smp_start(i, add_up, (void *)(uintptr_t)i));
    }
    EXPECT(all_arrived());
    EXPECT_EQ(total, (uint64_t)ROUNDS * (vcpu_count - 1));
    for (unsigned i = 1; i < vcpu_count; i++) {
        EXPECT_EQ(turns[i], ROUNDS);
    }
    for (unsigned i = 0; i < CHILDREN; i++) {
        REQUIRE(is_done(&c[i]));
        EXPECT_EQ(child_do(&c[i], SERVANT_DIFFERENT,
                           CHILD_ARGS(at, bytes, 0x1111 * (i + 1))),
                  0);
    }
    for (unsigned i = 0; i < CHILDREN; i++) {
        EXPECT_EQ(child_destroy(&c[i]), 0);
    }
}

void test_main(void)
{
    struct xen_sysctl op;

    events_init();
    smp_init();
    children_init();
    vcpu_count = smp_vcpu_count();
    EXPECT_EQ(vcpu_count, 8);
    sysctl_prepare(&op, XEN_SYSCTL_physinfo);
    REQUIRE(sysctl(&op) == 0);
    EXPECT_EQ(op.u.physinfo.nr_cpus, 8);
    test_all_at_once();
    expect_clean_audit();
}
