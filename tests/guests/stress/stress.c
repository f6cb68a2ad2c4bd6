/* SPDX-License-Identifier: MIT */
//! cpus: 2
//! vcpus: 4
//! timeout: 180
//! clock: wall
/*
 * Everything at once, from several vCPUs on two processors that really run in
 * parallel.
 *
 * Each vCPU makes children of its own, has them work, balloons them and
 * destroys them, while the others do the same. Then all of them map and write
 * pages of one child at random, so that the same promises are kept from several
 * sides at once (POD-9.57), while the child itself balloons and grows. Each
 * write must be there, promises and cache must have moved together, and after
 * the end the host has its pages again and the recount finds no difference.
 */
#include "child.h"

#include "console.h"
#include "cpu.h"
#include "event.h"
#include "hypercall.h"
#include "lib/string.h"
#include "main.h"
#include "memory.h"
#include "smp.h"
#include "test.h"
#include "time.h"

#define ADDRESS(gf) ((uint64_t)(gf) << PAGE_SHIFT)
#define ROUNDS      12
#define TOUCHES     600
#define PATIENCE    SECONDS(60)
#define SHARED      8192 /* pages promised to the child that all share */
#define IMAGE       512
#define BALLOONED   1024 /* of the last of them, which only the child touches */
#define VALUE       0x737472657373ULL

static volatile unsigned arrived;
static struct child shared;
static unsigned tickets[SHARED]; /* writes to each page, as counted here */

static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void arrive(void)
{
    __atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
}

static bool wait_for_all(unsigned count)
{
    uint64_t end = time_now() + PATIENCE;

    while (arrived < count) {
        if (time_now() > end) {
            return false;
        }
        give_way();
    }
    return true;
}

static void run_everywhere(void (*function)(void *), unsigned count)
{
    arrived = 0;
    for (unsigned i = 1; i < count; i++) {
        REQUIRE(smp_start(i, function, (void *)(uintptr_t)i));
    }
    function(NULL);
    REQUIRE(wait_for_all(count));
}

/* --- Children of one's own --- */

static void one_life(unsigned id, unsigned round)
{
    uint64_t given = 768 + 64 * id, promised = given + 512 * (round % 4);
    uint64_t deficit = promised - given;
    struct xen_pod_target t;
    struct child c;

    REQUIRE(child_make(&c, promised, given) == 0);
    child_write(&c, ADDRESS(IMAGE + 7), VALUE + id);
    child_do(&c, SERVANT_ZERO,
             CHILD_ARGS(ADDRESS(IMAGE + 8), ADDRESS(promised - IMAGE - 8)));
    EXPECT_EQ(child_read(&c, ADDRESS(IMAGE + 7)), VALUE + id);
    if (round % 2) {
        EXPECT_EQ(child_reservation(&c, XENMEM_decrease_reservation, IMAGE + 8,
                                    100, 1, 0),
                  100);
        deficit -= MIN(deficit, 100UL);
    }
    t = child_pod(&c);
    EXPECT_EQ(t.pod_entries - t.pod_cache_pages, deficit);
    EXPECT_EQ(child_destroy(&c), 0);
}

static void many_lives(void *p)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        one_life(this_cpu()->id, round);
    }
    arrive();
}

/* --- One for all --- */

static void touch_from_outside(unsigned gfn)
{
    uint64_t *page = child_map(&shared, gfn, NULL);

    if (!EXPECT(page != NULL)) {
        return;
    }
    __atomic_fetch_add(page, 1, __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&tickets[gfn], 1, __ATOMIC_SEQ_CST);
    child_unmap(page);
}

/* By its first vCPU only: there is one page of orders. */
static void balloon_meanwhile(unsigned i)
{
    uint64_t gfn = SHARED - BALLOONED + i * 8 % BALLOONED;

    EXPECT_EQ(
        child_reservation(&shared, XENMEM_decrease_reservation, gfn, 8, 1, 0),
        8);
    EXPECT_EQ(child_reservation(&shared, XENMEM_populate_physmap, gfn, 8, 1, 0),
              8);
    child_write(&shared, ADDRESS(gfn), VALUE);
}

static void touch_shared(void *p)
{
    unsigned id = this_cpu()->id;
    uint64_t state = 0x9e3779b97f4a7c15ULL * (id + 1);

    for (unsigned i = 0; i < TOUCHES; i++) {
        /* Close together, so that they meet. */
        uint64_t place = i * 8 + next(&state) % 16;

        touch_from_outside(IMAGE + place % (SHARED - BALLOONED - IMAGE));
        if (id == 0) {
            balloon_meanwhile(i);
        }
    }
    arrive();
}

static void check_shared(void)
{
    for (unsigned gfn = IMAGE; gfn < SHARED - BALLOONED; gfn++) {
        if (tickets[gfn] &&
            !EXPECT_EQ(child_read(&shared, ADDRESS(gfn)), tickets[gfn])) {
            break;
        }
    }
}

/* It may own all that it was promised, and what it takes again. */
static void raise_limit(const struct child *c)
{
    struct xen_domctl op;

    domctl_prepare(&op, XEN_DOMCTL_max_mem, c->id);
    op.u.max_mem.max_memkb = (SHARED + BALLOONED) * 4;
    REQUIRE(domctl(&op) == 0);
}

static void test_shared(unsigned count)
{
    struct xen_pod_target before, after;

    test_section("all on one");
    REQUIRE(child_make(&shared, SHARED, SHARED - 512) == 0);
    raise_limit(&shared);
    before = child_pod(&shared);
    run_everywhere(touch_shared, count);
    after = child_pod(&shared);
    /* What the child gave back and took again: D falls and does not rise. */
    EXPECT((int64_t)(after.pod_entries - after.pod_cache_pages) <=
           (int64_t)(before.pod_entries - before.pod_cache_pages));
    EXPECT((int64_t)(after.pod_entries - after.pod_cache_pages) >= 0);
    check_shared();
    EXPECT_EQ(child_destroy(&shared), 0);
}

void test_main(void)
{
    unsigned count = smp_vcpu_count();
    uint64_t before;

    need_privilege();
    events_init();
    children_init();
    before = host_free_pages();
    test_section("lives and deaths on %u vCPUs", count);
    run_everywhere(many_lives, count);
    expect_clean_audit();
    test_shared(count);
    expect_clean_audit();
    print("%lu pages free before, %lu after\n", before, host_free_pages());
    /* Tables of this domain's own holes may have come to stay. */
    EXPECT(host_free_pages() <= before && host_free_pages() + 4 >= before);
}
