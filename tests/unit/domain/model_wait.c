/* SPDX-License-Identifier: MIT */
/*
 * Random lives of a guest that is short of memory. The model knows what is in
 * each frame, and that of each vCPU:
 *
 *   wants   the frame that it touched in vain; NOWHERE: it runs
 *
 * After each operation those who were let go touch again, until nobody is let
 * go any more. Then who waits must wait rightly: there is no page for it, and
 * its frame is still a promise. And who waits is on the list, and held.
 */
#include "arch/timer.h"
#include "domain/memory.h"
#include "domain/sched.h"
#include "domains.h"
#include "machine.h"
#include "ops.h"
#include "types/bits.h"
#include "types/error.h"

#define GFNS    512U
#define VCPUS   4U
#define CREDIT  40U
#define STEPS   1500U
#define NOWHERE (~0ULL)

static struct domain *d;
static struct page *hoard; /* pages of the host that others have, by gfn */
static uint64_t value[GFNS], wants[VCPUS];
static bool is_hole[GFNS];
static unsigned steps;

static bool is_held(unsigned n)
{
    return d->vcpus[n]->hold & HOLD_MEMORY;
}

static uint64_t *word_at(uint64_t gfn)
{
    return domain_page(d, gfn);
}

/* As its processor does it: the search sees that it was written to. */
static void write(uint64_t gfn, uint64_t word)
{
    struct guest_exit exit;
    uint64_t *at = fake_guest_access(&d->p2m.tlb, d->p2m.root,
                                     gpa_from_gfn(GFN(gfn)), FAKE_WRITE, &exit);

    EXPECT(at);
    *at = word;
}

/* vCPU n writes to gfn, or comes to wait for it. */
static void touch(unsigned n, uint64_t gfn)
{
    enum p2m_verdict verdict;

    do {
        verdict = memory_fault(d, GFN(gfn), true, false);
    } while (verdict == P2M_RETRY);
    wants[n] = NOWHERE;
    if (verdict == P2M_OK) {
        EXPECT(!is_hole[gfn]);
        EXPECT_EQ(*word_at(gfn), value[gfn]);
        /* Some of its pages are zero every other time. */
        value[gfn] = value[gfn] && gfn % 16 == 0 ? 0 : gfn + 1;
        write(gfn, value[gfn]);
    } else if (verdict == P2M_NEED_PAGE) {
        wants[n] = gfn;
        EXPECT(memory_wait(d->vcpus[n], GFN(gfn), P2M_NEED_PAGE));
    } else {
        EXPECT(is_hole[gfn]);
        EXPECT_EQ(verdict, P2M_HOLE_ACCESS);
    }
}

/* All that are let go run on. */
static void settle(void)
{
    bool again = true;

    while (again) {
        again = false;
        for (unsigned n = 0; n < VCPUS; n++) {
            if (wants[n] != NOWHERE && !is_held(n)) {
                touch(n, wants[n]);
                again = true;
            }
        }
    }
}

static int op_touch(const uint32_t *arg)
{
    unsigned n = arg[0] % VCPUS;

    if (wants[n] == NOWHERE) {
        touch(n, arg[1] % GFNS);
    }
    return 0;
}

static int op_decrease(const uint32_t *arg)
{
    uint64_t gfn = arg[0] % GFNS;
    int rc = memory_decrease(d, GFN(gfn), 0);

    EXPECT_EQ(rc, is_hole[gfn] ? -ENOENT : 0);
    is_hole[gfn] = true;
    return 0;
}

/* A promise again, as a toolstack may make it. */
static int op_mark(const uint32_t *arg)
{
    uint64_t gfn = arg[0] % GFNS;

    if (is_hole[gfn]) {
        EXPECT_EQ(memory_mark_pod(d, GFN(gfn), 0), 0);
        is_hole[gfn] = false;
        value[gfn] = 0;
    }
    return 0;
}

static int op_populate(const uint32_t *arg)
{
    uint64_t gfn = arg[0] % GFNS;
    bool was_ram = p2m_get(&d->p2m, GFN(gfn)).type == P2M_RAM;
    int rc = memory_populate(d, GFN(gfn), 0);

    EXPECT(rc == -ENOMEM || rc == (was_ram ? -EEXIST : 0));
    if (!rc) {
        is_hole[gfn] = false;
        value[gfn] = 0;
    }
    return 0;
}

static int op_target(const uint32_t *arg)
{
    uint64_t target = 16 + arg[0] % 120;
    int rc;

    memory_set_max_pages(d, target);
    do {
        rc = memory_set_pod_target(d, target);
    } while (rc == -ERESTART);
    EXPECT(rc == 0 || rc == -ENOMEM);
    return 0;
}

static int op_policy(const uint32_t *arg)
{
    struct memory_policy policy = {
        .on_empty = arg[0] % 2 ? MEMORY_BORROW : MEMORY_WAIT,
        .borrow_limit = arg[1] % CREDIT,
        .on_demand = d->pod.on_demand,
    };

    EXPECT_EQ(memory_set_policy(d, &policy), 0);
    return 0;
}

/* Others take what the host has, or give it back. */
static int op_host(const uint32_t *arg)
{
    struct page *pg;

    if (arg[0] % 2) {
        for (unsigned i = arg[1] % 64; hoard && i; i--) {
            pg = hoard;
            hoard = (struct page *)pg->gfn;
            page_free(pg, 0);
        }
        return 0;
    }
    while (page_unclaimed() > arg[1] % 64 && (pg = page_alloc(PAGE_HEAP, 0))) {
        pg->gfn = (uint64_t)hoard;
        hoard = pg;
    }
    return 0;
}

static int op_time(const uint32_t *arg)
{
    fake_advance(arg[0] % 3000 * 1000000ULL);
    return 0;
}

static int op_reset(const uint32_t *arg)
{
    unsigned n = arg[0] % VCPUS;

    memory_wait_forget(d->vcpus[n]);
    wants[n] = NOWHERE;
    return 0;
}

static void check_waiting(unsigned n)
{
    struct vcpu *v = d->vcpus[n];

    EXPECT_EQ(is_held(n), wants[n] != NOWHERE);
    EXPECT_EQ(list_empty(&v->wait.link), !is_held(n));
    if (is_held(n)) {
        EXPECT_EQ(v->wait.gfn.v, wants[n]);
        EXPECT_EQ(memory_available(d), 0);
        EXPECT_EQ(p2m_get(&d->p2m, v->wait.gfn).type, P2M_POD);
        EXPECT(v->wait.retry_at > arch_time_ns());
    }
}

static void check(void)
{
    unsigned count = 0;

    settle();
    memory_wait_look();
    settle();
    for (unsigned n = 0; n < VCPUS; n++) {
        check_waiting(n);
        count += is_held(n);
    }
    EXPECT_EQ(memory_wait_info(d).count, count);
    EXPECT(d->account.borrowed <= CREDIT);
    if (steps++ % 16 == 0) {
        domains_check_memory();
    }
}

static void begin(bool on_demand)
{
    struct memory_policy policy = {.on_demand = on_demand};

    machine_start(0x800);
    domain_new(0, 1);
    d = domain_new(1, VCPUS);
    EXPECT_EQ(memory_set_policy(d, &policy), 0);
    memory_set_max_pages(d, 64);
    EXPECT_EQ(memory_set_pod_target(d, 64), 0);
    EXPECT_EQ(memory_mark_pod(d, GFN(0), ORDER_2M), 0);
    for (unsigned n = 0; n < VCPUS; n++) {
        wants[n] = NOWHERE;
    }
}

static void begin_reserved(void)
{
    begin(false);
}

static void begin_on_demand(void)
{
    begin(true);
}

static void finish(void)
{
    static const uint32_t give[] = {1, 63};

    EXPECT(steps < STEPS || d->pod.counters.waits > 20);
    EXPECT(steps < STEPS || d->pod.counters.borrowed > 20);
    while (hoard) {
        op_host(give);
    }
    domain_end(d);
    machine_check();
}

enum {
    OP_TOUCH,
    OP_DECREASE,
    OP_MARK,
    OP_POPULATE,
    OP_TARGET,
    OP_POLICY,
    OP_HOST,
    OP_TIME,
    OP_RESET,
};

static const struct op_kind kinds[] = {
    [OP_TOUCH] = {"OP_TOUCH", 60, op_touch},
    [OP_DECREASE] = {"OP_DECREASE", 12, op_decrease},
    [OP_MARK] = {"OP_MARK", 20, op_mark},
    [OP_POPULATE] = {"OP_POPULATE", 2, op_populate},
    [OP_TARGET] = {"OP_TARGET", 6, op_target},
    [OP_POLICY] = {"OP_POLICY", 6, op_policy},
    [OP_HOST] = {"OP_HOST", 4, op_host},
    [OP_TIME] = {"OP_TIME", 4, op_time},
    [OP_RESET] = {"OP_RESET", 8, op_reset},
};

static const struct model reserved = {
    .name = "reserved",
    .kinds = kinds,
    .kind_count = ARRAY_COUNT(kinds),
    .start = begin_reserved,
    .check = check,
    .finish = finish,
};

static const struct model on_demand = {
    .name = "on_demand",
    .kinds = kinds,
    .kind_count = ARRAY_COUNT(kinds),
    .start = begin_on_demand,
    .check = check,
    .finish = finish,
};

TEST(nobody_waits_without_a_reason)
{
    ops_random(&reserved, 3, STEPS);
}

TEST(nobody_waits_without_a_reason_on_demand)
{
    ops_random(&on_demand, 4, STEPS);
}
