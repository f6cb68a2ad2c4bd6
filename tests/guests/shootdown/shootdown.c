/* SPDX-License-Identifier: MIT */
//! cpus: 2
//! vcpus: 2
/*
 * A translation that is taken away is gone on every processor when the call
 * that took it returns.
 *
 * vCPU 1 reads or writes one address without a pause on its own processor, so
 * the translation stays in that processor's TLB; it makes no exits of its own.
 * vCPU 0 takes the page away (gives it back to the host, unmaps a grant, puts
 * another page there). What vCPU 1 reads next must be the hole or the new
 * page, and what it writes must not reach the old one. A missing flush shows,
 * also under emulation: QEMU keeps translations of other processors until
 * they exit. Every round begins with the page in use again.
 */
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

#include <xen/grant_table.h>
#include <xen/memory.h>

#define ROUNDS   20
#define REF      8
#define VALUE    0x746c62ULL
#define HOLE     (~0ULL)
#define PATIENCE MILLISECONDS(300)

/* vCPU 1's work, one line of the cache each: it writes, vCPU 0 reads. */
static volatile uint64_t *volatile target;
static volatile bool writes, may_stop;
static volatile uint64_t beats __attribute__((aligned(64)));
static volatile uint64_t seen;

/* As few exits as can be: PAUSE does not leave the guest, and lets an emulator
 * go on with the other processor. */
static void use_target(void *p)
{
    while (!may_stop) {
        for (unsigned i = 0; i < 200 && target; i++) {
            volatile uint64_t *t = target;

            if (writes) {
                *t = beats;
            } else {
                seen = *t;
            }
            beats++;
        }
        beats++;
        cpu_relax();
    }
}

/* Until vCPU 1 has begun and ended a use since now. */
static bool wait_for_use(void)
{
    uint64_t start = beats, end = time_now() + PATIENCE;

    while (beats < start + 3) {
        if (time_now() > end) {
            return false;
        }
        cpu_relax();
    }
    return true;
}

static void use(volatile void *address, bool is_writing)
{
    writes = is_writing;
    target = address;
    REQUIRE(wait_for_use());
}

static void use_nothing(void)
{
    target = NULL;
    REQUIRE(wait_for_use());
}

static int64_t reservation(unsigned command, uint64_t gfn, unsigned order)
{
    xen_pfn_t list = gfn;
    struct xen_memory_reservation r = {
        .nr_extents = 1, .extent_order = order, .domid = DOMID_SELF};

    set_xen_guest_handle(r.extent_start, &list);
    return memory_op(command, &r);
}

/* Reads while the page is given back and comes again. */
static void test_decrease(unsigned order)
{
    volatile uint64_t *page = pages_alloc(1UL << order, 1UL << order);
    uint64_t gfn = gfn_of(page);

    test_section("given back, order %u", order);
    for (unsigned i = 0; i < ROUNDS; i++) {
        page[9] = VALUE;
        use(&page[9], false);
        EXPECT_EQ(seen, VALUE);
        EXPECT_EQ(reservation(XENMEM_decrease_reservation, gfn, order), 1);
        REQUIRE(wait_for_use());
        EXPECT_EQ(seen, HOLE);
        EXPECT_EQ(reservation(XENMEM_populate_physmap, gfn, order), 1);
        REQUIRE(wait_for_use());
        EXPECT_EQ(seen, 0);
        use_nothing();
    }
}

/* One page out of a large one. */
static void test_split(void)
{
    volatile uint64_t *page = pages_alloc(512, 512);
    volatile uint64_t *middle = page + 512 * 77;

    test_section("one page out of a large one");
    for (unsigned i = 0; i < ROUNDS; i++) {
        REQUIRE(reservation(XENMEM_decrease_reservation, gfn_of(page), 9) == 1);
        REQUIRE(reservation(XENMEM_populate_physmap, gfn_of(page), 9) == 1);
        *middle = VALUE;
        use(middle, false);
        EXPECT_EQ(seen, VALUE);
        EXPECT_EQ(reservation(XENMEM_decrease_reservation, gfn_of(middle), 0),
                  1);
        REQUIRE(wait_for_use());
        EXPECT_EQ(seen, HOLE);
        use_nothing();
        REQUIRE(reservation(XENMEM_populate_physmap, gfn_of(middle), 0) == 1);
    }
}

/* --- Grants --- */

static volatile struct grant_entry_v1 *setup_table(void)
{
    struct xen_add_to_physmap add = {.domid = DOMID_SELF,
                                     .space = XENMAPSPACE_grant_table,
                                     .gpfn = hole_alloc(1)};

    REQUIRE(memory_op(XENMEM_add_to_physmap, &add) == 0);
    return gfn_address(add.gpfn);
}

/* Writes to a granted page end with the mapping. */
static void test_grant(void)
{
    volatile struct grant_entry_v1 *table = setup_table();
    volatile uint64_t *page = page_alloc();
    uint64_t at = hole_alloc(1);
    struct gnttab_map_grant_ref map;
    struct gnttab_unmap_grant_ref unmap;

    test_section("a grant unmapped");
    table[REF].domid = own_domid();
    table[REF].frame = gfn_of(page);
    table[REF].flags = GTF_permit_access;
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t last;

        map = (struct gnttab_map_grant_ref){.host_addr = at << PAGE_SHIFT,
                                            .flags = GNTMAP_host_map,
                                            .ref = REF,
                                            .dom = own_domid()};
        REQUIRE(grant_op(GNTTABOP_map_grant_ref, &map, 1) == 0);
        REQUIRE(map.status == 0);
        use(gfn_address(at), true);
        unmap = (struct gnttab_unmap_grant_ref){.host_addr = map.host_addr,
                                                .handle = map.handle};
        EXPECT_EQ(grant_op(GNTTABOP_unmap_grant_ref, &unmap, 1), 0);
        EXPECT_EQ(unmap.status, 0);
        last = *page;
        REQUIRE(wait_for_use());
        EXPECT_EQ(*page, last);
        use_nothing();
    }
}

/* A page moves to another frame number (add_to_physmap, gmfn). */
static void test_move(void)
{
    test_section("another page in its place");
    for (unsigned i = 0; i < ROUNDS; i++) {
        volatile uint64_t *old = page_alloc(), *new = page_alloc();
        struct xen_add_to_physmap add = {.domid = DOMID_SELF,
                                         .space = XENMAPSPACE_gmfn,
                                         .idx = gfn_of(new),
                                         .gpfn = gfn_of(old)};

        *old = VALUE;
        *new = VALUE + 1;
        use(old, false);
        EXPECT_EQ(seen, VALUE);
        EXPECT_EQ(memory_op(XENMEM_add_to_physmap, &add), 0);
        REQUIRE(wait_for_use());
        EXPECT_EQ(seen, VALUE + 1);
        use_nothing();
    }
}

void test_main(void)
{
    events_init();
    if (smp_vcpu_count() < 2) {
        test_skip("one vCPU only");
    }
    REQUIRE(smp_start(1, use_target, NULL));
    test_decrease(0);
    test_decrease(9);
    test_split();
    test_grant();
    test_move();
    may_stop = true;
}
