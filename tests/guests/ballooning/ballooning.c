/* SPDX-License-Identifier: MIT */
//! cpus: 1 2
//! timeout: 120
/*
 * A balloon driver that knows Podium (public/podium.h; P14, P16, P17). It asks
 * where memory is that was promised and never touched, and gives that up in
 * one call for as many pages as there are: the host has to find no page for
 * it, clears none, and breaks no large one, as its counters show. What it
 * cannot give up has a reason. Its limit is set to the page: a child that comes
 * down to just its target may fill all that it has left; one that stops k pages
 * above lacks just k, and goes on when its target is raised by these.
 */
#include "child.h"

#include "console.h"
#include "hypercall.h"
#include "main.h"
#include "memory.h"
#include "public/podium.h"
#include "test.h"
#include "types/error.h"

#include <xen/memory.h>

#define POD         XENMEMF_populate_on_demand
#define VALUE       0x62616c6c6f6f6eULL
#define SUPER(n)    ((n) * (uint64_t)512)
#define ADDRESS(gf) ((uint64_t)(gf) << PAGE_SHIFT)

/* --- Of itself, privileged or not --- */

static int64_t owned(void)
{
    struct podium_size s = {.domid = DOMID_SELF};

    EXPECT_EQ(memory_op(PODIUM_MEMORY_get_size, &s), 0);
    return (int64_t)s.charged;
}

static int64_t decrease(uint64_t gfn, uint64_t count, unsigned flags,
                        uint64_t *done)
{
    struct podium_range r = {.domid = DOMID_SELF,
                             .flags = (uint16_t)flags,
                             .gfn = gfn,
                             .count = count};
    int64_t rc = memory_op(PODIUM_MEMORY_decrease_range, &r);

    *done = r.done;
    return rc;
}

static void test_range(void)
{
    uint8_t *p = pages_alloc(2048, 512);
    uint64_t gfn = gfn_of(p), done;
    int64_t before = owned();

    test_section("a range of its own memory");
    /* It is there, so it is not untouched. */
    EXPECT_EQ(decrease(gfn, 2048, PODIUM_RANGE_untouched, &done), -EEXIST);
    EXPECT_EQ(done, 0);
    EXPECT_EQ(decrease(gfn + 3, 2000, 0, &done), 0);
    EXPECT_EQ(done, 2000);
    EXPECT_EQ(owned(), before - 2000);
    EXPECT_EQ(*(volatile uint64_t *)(p + ADDRESS(3)), ~0UL);
    EXPECT_EQ(*(volatile uint64_t *)p, 0);
    EXPECT_EQ(decrease(gfn, 2048, 0, &done), -ENOENT);
    EXPECT_EQ(done, 3);
    EXPECT_EQ(decrease(~0UL, 2, 0, &done), -EINVAL);
    EXPECT_EQ(decrease(1UL << 40, 1, 0, &done), -EINVAL);
    EXPECT_EQ(owned(), before - 2003);
}

static void test_reasons(void)
{
    static uint64_t list[512];
    uint8_t *p = pages_alloc(512, 1);
    struct podium_reservation r = {.command = XENMEM_decrease_reservation,
                                   .domid = DOMID_SELF,
                                   .list = (uint64_t)list,
                                   .count = 512};

    test_section("counts with a reason");
    for (unsigned i = 0; i < 512; i++) {
        list[i] = gfn_of(p) + i;
    }
    EXPECT_EQ(memory_op(PODIUM_MEMORY_reservation, &r), 0);
    EXPECT_EQ(r.done, 512);
    EXPECT_EQ(memory_op(PODIUM_MEMORY_reservation, &r), -ENOENT);
    EXPECT_EQ(r.done, 0);
    r.command = XENMEM_populate_physmap;
    list[300] = gfn_of(&list);
    EXPECT_EQ(memory_op(PODIUM_MEMORY_reservation, &r), -EEXIST);
    EXPECT_EQ(r.done, 300);
    r.flags = POD;
    EXPECT_EQ(memory_op(PODIUM_MEMORY_reservation, &r), -EPERM);
    r.flags = 0;
    r.order = 10;
    if (!is_privileged()) {
        EXPECT_EQ(memory_op(PODIUM_MEMORY_reservation, &r), -EPERM);
    }
    r.order = 0;
    r.list = MAP_BASE;
    EXPECT_EQ(memory_op(PODIUM_MEMORY_reservation, &r), -EFAULT);
    r.domid = 0x7000;
    EXPECT_EQ(memory_op(PODIUM_MEMORY_reservation, &r), -ESRCH);
}

/* --- Of children --- */

static void counters(const struct child *c, uint64_t *words)
{
    struct xen_sysctl op;
    struct podium_pod_counters *p = (void *)&op.u;

    sysctl_prepare(&op, PODIUM_SYSCTL_pod_counters);
    *p = (struct podium_pod_counters){.domid = c->id,
                                      .count = PODIUM_POD_COUNTER_COUNT,
                                      .buffer = (uint64_t)words};
    REQUIRE(sysctl(&op) == 0);
}

static struct podium_size size_of(const struct child *c)
{
    struct podium_size s = {.domid = c->id};

    REQUIRE(memory_op(PODIUM_MEMORY_get_size, &s) == 0);
    return s;
}

static int64_t set_size(const struct child *c, uint64_t pages)
{
    struct podium_new_size s = {
        .domid = c->id, .max_pages = pages, .target = pages};

    return memory_op(PODIUM_MEMORY_set_size, &s);
}

/* In the child. */
static int64_t next_untouched(struct child *c, uint64_t *gfn, uint64_t *count)
{
    struct podium_untouched u = {
        .domid = DOMID_SELF, .order = ORDER_2M, .gfn = *gfn};
    int64_t rc = child_hypercall(c, __HYPERVISOR_memory_op,
                                 PODIUM_MEMORY_next_untouched, &u, sizeof(u));

    *gfn = u.gfn;
    *count = u.count;
    return rc;
}

static int64_t give_up(struct child *c, uint64_t gfn, uint64_t count)
{
    struct podium_range r = {.domid = DOMID_SELF,
                             .flags = PODIUM_RANGE_untouched,
                             .gfn = gfn,
                             .count = count};
    int64_t rc = child_hypercall(c, __HYPERVISOR_memory_op,
                                 PODIUM_MEMORY_decrease_range, &r, sizeof(r));

    EXPECT_EQ(r.done, rc ? r.done : count);
    return rc;
}

/* The child of the following: all of its first 2 MiB are populated as it is
 * loaded, the rest is untouched; and its limit is exact. */
static void make(struct child *c, uint64_t supers, uint64_t given)
{
    REQUIRE(child_make(c, SUPER(supers), given) == 0);
    child_do(c, SERVANT_NOTHING, NULL, 0);
    EXPECT_EQ(set_size(c, given), 0);
    EXPECT_EQ(size_of(c).max_pages, given);
    EXPECT_EQ(size_of(c).charged, given);
    EXPECT_EQ(size_of(c).promised, SUPER(supers) - SUPER(1));
}

static void destroy(struct child *c, uint64_t free_before)
{
    EXPECT_EQ(child_destroy(c), 0);
    EXPECT_EQ(host_free_pages(), free_before);
    expect_clean_audit();
}

static void fill(struct child *c, uint64_t gfn, uint64_t count)
{
    child_do(c, SERVANT_FILL, CHILD_ARGS(ADDRESS(gfn), ADDRESS(count), VALUE));
    EXPECT_EQ(child_do(c, SERVANT_DIFFERENT,
                       CHILD_ARGS(ADDRESS(gfn), ADDRESS(count), VALUE)),
              0);
}

/* 64 MiB promised, 16 given: the first balloon-down is two calls. */
static void test_initial_balloon(void)
{
    uint64_t was[PODIUM_POD_COUNTER_COUNT], is[PODIUM_POD_COUNTER_COUNT];
    uint64_t free_before = host_free_pages(), gfn = 0, count, tables;
    struct child c;

    test_section("down from the promise to the target");
    make(&c, 32, SUPER(8));
    counters(&c, was);
    tables = size_of(&c).tables;
    EXPECT_EQ(next_untouched(&c, &gfn, &count), 0);
    EXPECT_EQ(gfn, SUPER(1));
    EXPECT_EQ(count, SUPER(31));
    EXPECT_EQ(give_up(&c, SUPER(8), SUPER(24)), 0);
    counters(&c, is);
    EXPECT_EQ(is[PODIUM_POPULATE_4K], was[PODIUM_POPULATE_4K]);
    EXPECT_EQ(is[PODIUM_POPULATE_2M], was[PODIUM_POPULATE_2M]);
    EXPECT_EQ(is[PODIUM_PAGES_CLEARED], was[PODIUM_PAGES_CLEARED]);
    EXPECT_EQ(is[PODIUM_SPLINTER_2M], was[PODIUM_SPLINTER_2M]);
    EXPECT_EQ(is[PODIUM_SPLINTER_1G], was[PODIUM_SPLINTER_1G]);
    EXPECT_EQ(is[PODIUM_STEALS], was[PODIUM_STEALS]);
    EXPECT(size_of(&c).tables <= tables);
    EXPECT_EQ(size_of(&c).charged, SUPER(8));
    EXPECT_EQ(size_of(&c).deficit, 0);
    /* The rest is backed to the last page, in large pages. */
    fill(&c, SUPER(1), SUPER(7));
    counters(&c, is);
    EXPECT_EQ(is[PODIUM_POPULATE_2M], was[PODIUM_POPULATE_2M] + 7);
    EXPECT_EQ(is[PODIUM_POPULATE_4K], was[PODIUM_POPULATE_4K]);
    gfn = 0;
    EXPECT_EQ(next_untouched(&c, &gfn, &count), -ENOENT);
    EXPECT_EQ(give_up(&c, SUPER(7), 1), -EEXIST);
    EXPECT_EQ(child_read(&c, ADDRESS(SUPER(7))), VALUE);
    destroy(&c, free_before);
}

/* A balloon that stops k pages beside the target (POD-10.27). */
static void stop_beside(int64_t k)
{
    uint64_t free_before = host_free_pages(), left;
    struct child c;

    make(&c, 8, SUPER(3));
    left = (uint64_t)((int64_t)SUPER(2) + k);
    EXPECT_EQ(give_up(&c, SUPER(1) + left, SUPER(7) - left), 0);
    EXPECT_EQ(size_of(&c).promised, left);
    if (k > 0) {
        EXPECT_EQ(size_of(&c).deficit, k);
        EXPECT_EQ(set_size(&c, (uint64_t)((int64_t)SUPER(3) + k)), 0);
    }
    EXPECT_EQ(size_of(&c).deficit, 0);
    EXPECT_EQ(size_of(&c).charged, (int64_t)SUPER(3) + k);
    fill(&c, SUPER(1), left);
    EXPECT_EQ(size_of(&c).cached, 0);
    destroy(&c, free_before);
}

static void test_boundaries(void)
{
    static const int64_t beside[] = {-1, 0, 1, 255, 256, 257};

    test_section("just at the target, and beside it");
    for (unsigned i = 0; i < ARRAY_COUNT(beside); i++) {
        stop_beside(beside[i]);
    }
}

/* What a child may not, and what the host has not. */
static void test_limits(void)
{
    uint64_t free_before = host_free_pages(), free;
    struct podium_new_size s = {.domid = DOMID_SELF, .max_pages = ~0UL};
    struct podium_range r = {.domid = 0, .gfn = 0, .count = 1};
    struct podium_size was, q = {.domid = 0};
    struct child c;

    test_section("limits");
    make(&c, 8, SUPER(3));
    EXPECT_EQ(child_hypercall(&c, __HYPERVISOR_memory_op,
                              PODIUM_MEMORY_set_size, &s, sizeof(s)),
              -EPERM);
    EXPECT_EQ(child_hypercall(&c, __HYPERVISOR_memory_op,
                              PODIUM_MEMORY_decrease_range, &r, sizeof(r)),
              -EPERM);
    EXPECT_EQ(child_hypercall(&c, __HYPERVISOR_memory_op,
                              PODIUM_MEMORY_get_size, &q, sizeof(q)),
              -EPERM);
    /* More than there is, by one page: nothing changes. */
    was = size_of(&c);
    free = host_free_pages();
    s = (struct podium_new_size){.domid = c.id,
                                 .max_pages = SUPER(4),
                                 .target = SUPER(4),
                                 .claim = free - SUPER(1) + 1};
    EXPECT_EQ(memory_op(PODIUM_MEMORY_set_size, &s), -ENOMEM);
    EXPECT_EQ(size_of(&c).max_pages, was.max_pages);
    EXPECT_EQ(size_of(&c).charged, was.charged);
    EXPECT_EQ(size_of(&c).claimed, 0);
    EXPECT_EQ(host_free_pages(), free);
    s.claim = 100;
    EXPECT_EQ(memory_op(PODIUM_MEMORY_set_size, &s), 0);
    EXPECT_EQ(size_of(&c).charged, SUPER(4));
    EXPECT_EQ(size_of(&c).claimed, 100);
    destroy(&c, free_before); /* the claim, too */
}

void test_main(void)
{
    if (memory_op(PODIUM_MEMORY_features, NULL) == -ENOSYS) {
        test_skip("the hypervisor has no calls for this");
    }
    test_range();
    test_reasons();
    if (is_privileged()) {
        children_init();
        test_initial_balloon();
        test_boundaries();
        test_limits();
    }
}
