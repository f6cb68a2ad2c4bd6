/* SPDX-License-Identifier: MIT */
//! cpus: 1 2
//! timeout: 120
/*
 * Who only reads takes nothing (POD-10.11, POD-2.33; scenarios S6 and S1).
 *
 * A child that reads all that it was promised sees zeros and costs no page: E,
 * C and tot are what they were. So is it when its parent reads all of it, by
 * the resource for readers (public/podium.h), and when the child hands a
 * hypercall an address that it never touched. Then it clears all of its memory,
 * as kernels do, and must live. What it writes to a page that it has read
 * before is what it reads there from then on. Xen does not have this: SKIP.
 */
#include "child.h"

#include "console.h"
#include "hypercall.h"
#include "memory.h"
#include "public/podium.h"
#include "test.h"

#include <xen/memory.h>
#include <xen/version.h>

#define ADDRESS(gf) ((uint64_t)(gf) << PAGE_SHIFT)
#define VALUE       0x726561646572ULL
#define IMAGE       512 /* pages that the servant is in */
#define PROMISED    8192
#define GIVEN       1024
#define AT_ONCE     256 /* frames mapped by one call */

static uint64_t counters[PODIUM_POD_COUNTER_COUNT];

static bool read_counters(domid_t id)
{
    struct xen_sysctl op;
    struct podium_pod_counters *p = (void *)&op.u;

    sysctl_prepare(&op, PODIUM_SYSCTL_pod_counters);
    *p = (struct podium_pod_counters){.domid = id,
                                      .buffer = (uint64_t)counters,
                                      .count = PODIUM_POD_COUNTER_COUNT};
    return sysctl(&op) == 0 && p->count > PODIUM_ZERO_UPGRADES;
}

static int64_t acquire(const struct child *c, uint64_t frame, xen_pfn_t *gfns,
                       uint32_t *count)
{
    struct xen_mem_acquire_resource r = {.domid = c->id,
                                         .type = PODIUM_RESOURCE_memory,
                                         .nr_frames = *count,
                                         .frame = frame};
    int64_t rc;

    set_xen_guest_handle(r.frame_list, gfns);
    rc = memory_op(XENMEM_acquire_resource, &r);
    *count = r.nr_frames;
    return rc;
}

static void expect_same(const struct child *c, struct xen_pod_target before)
{
    struct xen_pod_target t = child_pod(c);

    EXPECT_EQ(t.tot_pages, before.tot_pages);
    EXPECT_EQ(t.pod_cache_pages, before.pod_cache_pages);
    EXPECT_EQ(t.pod_entries, before.pod_entries);
}

static void test_child_reads(struct child *c)
{
    struct xen_pod_target before = child_pod(c);

    test_section("a child reads all that it was promised");
    EXPECT_EQ(child_do(c, SERVANT_NONZERO,
                       CHILD_ARGS(ADDRESS(IMAGE), ADDRESS(PROMISED - IMAGE))),
              0);
    expect_same(c, before);
    REQUIRE(read_counters(c->id));
    EXPECT_EQ(counters[PODIUM_ZERO_MAPS_2M], (PROMISED - IMAGE) / 512);
    EXPECT_EQ(counters[PODIUM_ZERO_MAPS_4K], 0);
    EXPECT_EQ(counters[PODIUM_ZERO_UPGRADES], 0);
    expect_clean_audit();
}

/* Returns how many words of the frames are not zero. */
static uint64_t count_words(uint64_t first, uint64_t frames)
{
    const uint64_t *words = gfn_address(first);
    uint64_t found = 0;

    for (uint64_t i = 0; i < frames * (PAGE_SIZE / sizeof(*words)); i++) {
        found += words[i] != 0;
    }
    return found;
}

static uint64_t read_child(const struct child *c)
{
    uint64_t first = hole_alloc(AT_ONCE), found = 0;
    xen_pfn_t gfns[AT_ONCE];

    for (uint64_t frame = 0; frame < PROMISED; frame += AT_ONCE) {
        uint32_t count = AT_ONCE;

        for (unsigned i = 0; i < AT_ONCE; i++) {
            gfns[i] = first + i;
        }
        REQUIRE(acquire(c, frame, gfns, &count) == 0);
        found += count_words(first, AT_ONCE);
        for (unsigned i = 0; i < AT_ONCE; i++) {
            struct xen_remove_from_physmap r = {.domid = DOMID_SELF,
                                                .gpfn = first + i};

            REQUIRE(memory_op(XENMEM_remove_from_physmap, &r) == 0);
        }
    }
    return found;
}

static void test_parent_reads(const struct child *c)
{
    struct xen_pod_target before = child_pod(c);
    uint32_t count = 0;

    test_section("its parent reads all of it");
    EXPECT_EQ(acquire(c, 0, NULL, &count), 0);
    EXPECT_EQ(count, PROMISED);
    EXPECT(read_child(c)); /* the servant itself is not zero */
    expect_same(c, before);
    expect_clean_audit();
}

static void test_hypercall_reads(struct child *c)
{
    struct xen_pod_target before = child_pod(c);

    test_section("a hypercall reads where the child never was");
    EXPECT_EQ(
        child_do(c, SERVANT_HYPERCALL,
                 CHILD_ARGS(__HYPERVISOR_memory_op, XENMEM_remove_from_physmap,
                            ADDRESS(PROMISED - 1))),
        -EPERM); /* zeros: of domain 0, which is not its to change */
    expect_same(c, before);
}

static void test_written_after_read(struct child *c)
{
    test_section("written after it was read");
    for (uint64_t gfn = PROMISED - 40; gfn < PROMISED; gfn++) {
        EXPECT_EQ(child_read(c, ADDRESS(gfn)), 0);
        child_write(c, ADDRESS(gfn), VALUE + gfn);
    }
    for (uint64_t gfn = PROMISED - 40; gfn < PROMISED; gfn++) {
        EXPECT_EQ(child_read(c, ADDRESS(gfn)), VALUE + gfn);
        child_write(c, ADDRESS(gfn), 0);
    }
    REQUIRE(read_counters(c->id));
    EXPECT(counters[PODIUM_ZERO_UPGRADES] >= 1);
    expect_clean_audit();
}

static void test_scrub_then_read(struct child *c)
{
    struct xen_pod_target before = child_pod(c), after;

    test_section("and clears everything, and reads it");
    child_do(c, SERVANT_ZERO,
             CHILD_ARGS(ADDRESS(IMAGE), ADDRESS(PROMISED - IMAGE)));
    EXPECT_EQ(child_do(c, SERVANT_NONZERO,
                       CHILD_ARGS(ADDRESS(IMAGE), ADDRESS(PROMISED - IMAGE))),
              0);
    after = child_pod(c);
    EXPECT_EQ(after.tot_pages, before.tot_pages);
    EXPECT_EQ(after.pod_entries - after.pod_cache_pages,
              before.pod_entries - before.pod_cache_pages);
    REQUIRE(read_counters(c->id));
    EXPECT_EQ(counters[PODIUM_OOM_EVENTS], 0);
    expect_clean_audit();
}

void test_main(void)
{
    uint64_t before;
    struct child c;

    children_init();
    before = host_free_pages();
    REQUIRE(child_make(&c, PROMISED, GIVEN) == 0);
    if (!read_counters(c.id)) {
        test_skip("reads of promises populate here");
    }
    test_child_reads(&c);
    test_parent_reads(&c);
    test_hypercall_reads(&c);
    test_written_after_read(&c);
    test_scrub_then_read(&c);
    EXPECT_EQ(child_destroy(&c), 0);
    EXPECT_EQ(host_free_pages(), before);
}
