/* SPDX-License-Identifier: MIT */
/*
 * What once went wrong in Xen, by the number of its advisory: each test does
 * what the advisory was about and shows that it does no harm here (POD-9.69 to
 * 9.112). docs/testing-badinput.md has the table, and those that do not apply.
 */
#include <pthread.h>

#include "caller.h"
#include "domains.h"
#include "guest/hypercall.h"
#include "guest/run.h"
#include "machine.h"
#include "mm/page_alloc.h"
#include "types/bits.h"
#include "types/error.h"

#include <xen/domctl.h>
#include <xen/grant_table.h>
#include <xen/hvm/hvm_op.h>
#include <xen/memory.h>

#define GUEST_RAM 64
#define PROMISED  0x200ULL /* 2 MiB of promises of the guest */
#define BLOCK     0x400ULL /* its superpage */
#define FREE      0x600ULL /* where it has nothing */
#define PER_2M    512ULL

/* The control domain, and a guest that makes calls as well. */
static struct domain *control, *d;

static void start_with(uint64_t cache)
{
    machine_start(0x4000);
    control = domain_new(0, 1);
    domain_fill(control, 0, GUEST_RAM);
    domain_paging_on(control->vcpus[0]);
    d = domain_new(2, 1);
    domain_fill(d, 0, GUEST_RAM);
    domain_paging_on(d->vcpus[0]);
    EXPECT_EQ(memory_mark_pod(d, GFN(PROMISED), ORDER_2M), 0);
    EXPECT_EQ(memory_set_pod_target(d, GUEST_RAM + cache), 0);
    EXPECT_EQ(memory_populate(d, GFN(BLOCK), ORDER_2M), 0);
    EXPECT_EQ(domain_unpause(d), 0);
}

static void start(void)
{
    start_with(8);
}

static int64_t call(struct domain *by, unsigned number, uint64_t a, uint64_t b,
                    uint64_t c)
{
    return caller_call(by->vcpus[0], number, a, b, c);
}

static int64_t memory_op(struct domain *by, uint64_t command)
{
    return call(by, __HYPERVISOR_memory_op, command, ARG, 0);
}

static void *at(struct domain *of, uint64_t gva)
{
    return caller_at(of->vcpus[0], gva);
}

/* About the guest, by the guest itself or the control domain. */
static int64_t reserve(struct domain *by, unsigned command, uint64_t count,
                       unsigned order, unsigned flags)
{
    *(struct xen_memory_reservation *)at(by, ARG) =
        (struct xen_memory_reservation){
            .extent_start = {(xen_pfn_t *)(uint64_t)LIST},
            .nr_extents = count,
            .extent_order = order,
            .mem_flags = flags,
            .domid = by == d ? DOMID_SELF : d->id,
        };
    return memory_op(by, command);
}

static int64_t reserve_at(struct domain *by, unsigned command, uint64_t gfn,
                          unsigned order, unsigned flags)
{
    caller_list(by->vcpus[0], gfn, 0, 1);
    return reserve(by, command, 1, order, flags);
}

static struct p2m_entry entry(uint64_t gfn)
{
    return p2m_get(&d->p2m, GFN(gfn));
}

static struct memory_pod_info pod(void)
{
    struct memory_pod_info info;

    memory_get_pod(d, &info);
    return info;
}

/* As the exit of a vCPU of the guest that touched gfn. */
static void fault(uint64_t gfn)
{
    struct guest_exit e = {
        .reason = EXIT_FAULT,
        .fault = {.gpa = gpa_from_gfn(GFN(gfn)), .write = true},
    };

    fault_handle(d->vcpus[0], &e);
}

/* The guest may have no more tables, and has used those that were set aside.
 * Returns where it has 2 MiB of promises that cannot be split. */
static uint64_t use_tables_up(void)
{
    uint64_t gfn = BIT(ORDER_1G);

    EXPECT_EQ(memory_mark_pod(d, GFN(gfn), 12), 0);
    d->account.table_limit = d->account.table_count;
    while (p2m_populate(&d->p2m, GFN(gfn)) == P2M_OK) {
        gfn += PER_2M;
    }
    EXPECT_EQ(pod().counters.tables_reserved, 0);
    EXPECT_EQ(p2m_populate(&d->p2m, GFN(gfn + 7)), P2M_NO_MEMORY);
    return gfn;
}

/* POD-9.70: a populate that fails leaves no way back from frame to gfn. */
TEST(xsa_22_no_way_back_without_an_entry)
{
    uint64_t gfn;

    start();
    page_alloc_fail_nth(1);
    EXPECT_EQ(p2m_populate(&d->p2m, GFN(PROMISED + 7)), P2M_OK);
    page_alloc_fail_nth(0);
    EXPECT_EQ(entry(PROMISED + 7).type, P2M_RAM); /* P10 */
    domains_check();
    gfn = use_tables_up();
    EXPECT_EQ(entry(gfn + 7).type, P2M_POD);
    EXPECT_EQ(entry(gfn + 7).order, ORDER_2M);
    domains_check();
    d->account.table_limit = 0;
    caller_list(d->vcpus[0], FREE, 1, 4);
    page_alloc_fail_nth(2);
    EXPECT(reserve(d, XENMEM_populate_physmap, 4, 0, 0) < 4);
    page_alloc_fail_nth(0);
    domains_check();
}

/* POD-9.71: where the lists are, or how far one has come, is no way to write
 * elsewhere. */
TEST(xsa_29_212_exchange_writes_nowhere)
{
    static const uint64_t places[] = {LIST, 0xffff830000000000ULL, ~0ULL - 7};

    start();
    for (unsigned i = 0; i < ARRAY_COUNT(places); i++) {
        for (unsigned shift = 0; shift < 64; shift += 7) {
            struct xen_memory_exchange x = {
                .in = {.extent_start = {(xen_pfn_t *)places[i]},
                       .nr_extents = 1ULL << shift,
                       .domid = DOMID_SELF},
                .nr_exchanged = (1ULL << shift) - 1,
            };

            x.out = x.in;
            *(struct xen_memory_exchange *)at(d, ARG) = x;
            EXPECT(memory_op(d, XENMEM_exchange) < 0);
            EXPECT(!memcmp(at(d, ARG), &x, sizeof(x)));
        }
    }
    domains_check();
}

/* POD-9.72: a guest makes itself no promises, and after each refusal all locks
 * are free again. */
TEST(xsa_30_no_promises_to_oneself)
{
    start();
    for (unsigned i = 0; i < 2; i++) {
        EXPECT_EQ(reserve_at(d, XENMEM_populate_physmap, FREE, 0,
                             XENMEMF_populate_on_demand),
                  0);
        EXPECT_EQ(reserve_at(control, XENMEM_populate_physmap, BLOCK, 9,
                             XENMEMF_populate_on_demand),
                  0);
        /* Again is fine, and counts once. */
        EXPECT_EQ(reserve_at(control, XENMEM_populate_physmap, PROMISED, 9,
                             XENMEMF_populate_on_demand),
                  1);
        EXPECT_EQ(pod().entries, PER_2M);
    }
    EXPECT_EQ(reserve_at(d, XENMEM_populate_physmap, FREE, 0, 0), 1);
    domains_check();
}

static const unsigned reservations[] = {XENMEM_populate_physmap,
                                        XENMEM_decrease_reservation,
                                        XENMEM_increase_reservation};

/* POD-9.73 */
TEST(xsa_31_orders_have_a_limit)
{
    start();
    for (unsigned order = 19; order < 70; order++) {
        for (unsigned i = 0; i < ARRAY_COUNT(reservations); i++) {
            EXPECT_EQ(reserve_at(control, reservations[i], 0, order, 0), 0);
            EXPECT_EQ(reserve_at(control, reservations[i], 0, order,
                                 XENMEMF_populate_on_demand),
                      0);
        }
        EXPECT_EQ(memory_mark_pod(d, GFN(0), order), -EINVAL);
    }
    EXPECT_EQ(entry(5).type, P2M_RAM);
    domains_check();
}

/* POD-9.74: no page is found at a gfn that there cannot be. */
TEST(xsa_32_no_page_at_the_end_of_all_numbers)
{
    static const uint64_t gfns[] = {~0ULL, ~0ULL - 1, ~0ULL >> 12,
                                    P2M_GFN_LIMIT};

    start();
    for (unsigned i = 0; i < ARRAY_COUNT(gfns); i++) {
        struct p2m_entry e;
        struct page *pg = NULL;

        EXPECT(!p2m_get_page(&d->p2m, GFN(gfns[i]), &e));
        EXPECT_EQ(e.type, P2M_HOLE);
        EXPECT_EQ(memory_get_page(d, GFN(gfns[i]), true, &pg), -EINVAL);
        EXPECT(!pg);
        EXPECT_EQ(memory_remove(d, GFN(gfns[i])), -ENOENT);
        EXPECT_EQ(reserve_at(d, XENMEM_decrease_reservation, gfns[i], 0, 0), 0);
    }
    domains_check();
}

static void set_long_mode(struct vcpu *v, bool on)
{
    struct guest_state s;

    arch_guest_get_state(v->gc, &s);
    s.seg[SEG_CS].attributes = on ? 0x29b : 0xc9b;
    arch_guest_set_state(v->gc, &s);
}

/* POD-9.75, 9.110: a 32-bit caller with rubbish in the upper halves is refused,
 * and only it. */
TEST(xsa_111_454_upper_halves_of_registers)
{
    struct vcpu *v;

    start();
    v = d->vcpus[0];
    set_long_mode(v, false);
    for (unsigned number = 0; number < 64; number++) {
        for (unsigned i = 0; i < ARRAY_COUNT(v->regs.gpr); i++) {
            v->regs.gpr[i] = 0xdeadbeef00000000ULL | i << 6;
        }
        v->regs.rax = 0xdeadbeef00000000ULL | number;
        v->work = VCPU_WORK_EVENT;
        for (unsigned i = 0; i < 100 && !hypercall(v); i++) {
            continue;
        }
        if (number == __HYPERVISOR_memory_op) {
            EXPECT_EQ((uint32_t)v->regs.rax, (uint32_t)-ENOSYS);
        }
    }
    set_long_mode(v, true);
    EXPECT(!control->shutdown);
    domains_check();
}

/* POD-9.76: nothing to be found, and yet nobody waits long. */
TEST(xsa_150_a_search_holds_locks_for_one_region)
{
    enum p2m_verdict verdict = P2M_OK;
    uint64_t touched = 0;

    start_with(4);
    for (uint64_t gfn = 0; gfn < BLOCK + PER_2M; gfn++) {
        uint64_t *word = domain_page(d, gfn);

        if (word && gfn >= BLOCK) {
            *word = 1;
        }
    }
    while (verdict != P2M_NEED_PAGE) {
        struct memory_pod_info before = pod(), after;

        verdict = memory_fault(d, GFN(PROMISED + touched), true, false);
        after = pod();
        EXPECT(after.counters.sweep_pages_read -
                   before.counters.sweep_pages_read <=
               2 * PER_2M);
        if (verdict == P2M_OK) {
            *(uint64_t *)domain_page(d, PROMISED + touched++) = 1;
        }
    }
    EXPECT(pod().counters.max_gfns_per_lock_hold <= PER_2M);
    domains_check();
}

/* POD-9.77: what xl mem-set gives is 256 pages more than it says, so a balloon
 * that stops as far from its target does not end its guest. */
TEST(xsa_153_a_balloon_that_stops_short)
{
    const uint64_t target = 200;

    start();
    memory_set_max_pages(d, GUEST_RAM + PER_2M + target + 256);
    EXPECT_EQ(memory_set_pod_target(d, GUEST_RAM + PER_2M + target + 256), 0);
    for (uint64_t i = target + 256; i < PER_2M; i++) {
        EXPECT_EQ(memory_decrease(d, GFN(PROMISED + i), ORDER_4K), 0);
    }
    for (uint64_t i = 0; i < target + 256; i++) {
        fault(PROMISED + i);
        EXPECT_EQ(entry(PROMISED + i).type, P2M_RAM);
        *(uint64_t *)domain_page(d, PROMISED + i) = 1;
    }
    EXPECT(!d->shutdown);
    domains_check();
}

/* POD-9.78 */
TEST(xsa_158_a_guests_orders)
{
    start();
    for (unsigned order = 10; order <= 18; order++) {
        for (unsigned i = 0; i < ARRAY_COUNT(reservations); i++) {
            EXPECT_EQ(reserve_at(d, reservations[i], 1ULL << 20, order, 0), 0);
        }
    }
    EXPECT_EQ(reserve_at(d, XENMEM_decrease_reservation, BLOCK, 9, 0), 1);
    domains_check();
}

/* POD-9.79: no page of such a guest is exchanged or given to somebody. */
TEST(xsa_217_no_page_changes_hands)
{
    struct xen_memory_exchange *x;
    struct gnttab_transfer *t;

    start();
    x = at(d, ARG);
    *x = (struct xen_memory_exchange){
        .in = {{(xen_pfn_t *)(uint64_t)LIST}, 1, 0, 0, DOMID_SELF},
        .out = {{(xen_pfn_t *)(uint64_t)LIST}, 1, 0, 0, DOMID_SELF}};
    caller_list(d->vcpus[0], PROMISED, 0, 1);
    EXPECT_EQ(memory_op(d, XENMEM_exchange), -EOPNOTSUPP);
    EXPECT_EQ(pod().counters.populate_4k + pod().counters.populate_2m, 0);
    t = at(d, ARG);
    *t = (struct gnttab_transfer){.mfn = BLOCK, .domid = 0, .ref = 8};
    EXPECT(call(d, __HYPERVISOR_grant_table_op, GNTTABOP_transfer, ARG, 1) < 0);
    EXPECT_EQ(entry(BLOCK).type, P2M_RAM);
    domains_check();
}

/* POD-9.80, 9.83: no table to take a page out of 2 MiB with. The page is still
 * the guest's, and nobody else's. */
TEST(xsa_222_247_a_page_that_cannot_be_unmapped_is_not_freed)
{
    struct p2m_entry before;
    unsigned failed = 0;

    start();
    use_tables_up();
    d->account.table_limit = 0;
    before = entry(BLOCK + 9);
    for (unsigned n = 1; entry(BLOCK + 9).type == P2M_RAM; n++) {
        uint64_t done;

        page_alloc_fail_nth(n);
        if (p2m_decrease(&d->p2m, GFN(BLOCK + 9), ORDER_4K, &done)) {
            struct p2m_entry now = entry(BLOCK + 9);

            EXPECT(mfn_eq(now.mfn, before.mfn));
            EXPECT_EQ(now.order, ORDER_2M);
            EXPECT_EQ(page_references(page_from_mfn(now.mfn)), 1);
            failed++;
        }
        page_alloc_fail_nth(0);
        domains_check();
    }
    EXPECT(failed);
    EXPECT_EQ(entry(BLOCK + 9).type, P2M_HOLE);
    page_alloc_fail_nth(1);
    EXPECT(p2m_mark_pod(&d->p2m, GFN(PROMISED + PER_2M * 8 + 3), 0) < 0);
    page_alloc_fail_nth(0);
    domains_check();
}

/* The same while the search looks at it. */
TEST(xsa_247_a_search_without_tables_unmaps_nothing)
{
    struct p2m_search search = {0};

    start_with(0);
    memset(domain_page(d, BLOCK + 3), 1, 8);
    for (unsigned i = 0; i < 8; i++) {
        page_alloc_fail_nth(1);
        p2m_sweep(&d->p2m, &search);
        page_alloc_fail_nth(0);
        domains_check();
    }
    EXPECT_EQ(pod().entries - pod().cache_pages, PER_2M);
}

/* POD-9.81 */
TEST(xsa_231_nodes_that_there_are_not)
{
    start();
    for (unsigned node = 64; node < 255; node++) {
        for (unsigned i = 0; i < ARRAY_COUNT(reservations); i++) {
            EXPECT_EQ(reserve_at(d, reservations[i], FREE, 0,
                                 XENMEMF_exact_node(node)),
                      0);
        }
        if (reserve_at(d, XENMEM_populate_physmap, FREE, 0,
                       XENMEMF_node(node)) == 1) {
            EXPECT_EQ(reserve_at(d, XENMEM_decrease_reservation, FREE, 0,
                                 XENMEMF_node(node)),
                      1);
        }
    }
    domains_check();
}

/* POD-9.82: a promise that cannot be split stops the vCPU that touched it, or
 * the guest if that is its policy, but not in an endless loop of the host. */
TEST(xsa_246_a_promise_that_cannot_be_split)
{
    const struct memory_policy policy = {.on_empty = MEMORY_CRASH};
    uint64_t gfn;

    start_with(0);
    EXPECT_EQ(memory_set_pod_target(d, GUEST_RAM + PER_2M + 8), 0);
    gfn = use_tables_up();
    EXPECT_EQ(p2m_populate(&d->p2m, GFN(PROMISED)), P2M_NO_MEMORY);
    for (unsigned i = 0; i < 10; i++) {
        fault(gfn + i);
        EXPECT(d->vcpus[0]->hold & HOLD_MEMORY);
    }
    EXPECT_EQ(pod().counters.waits, 10);
    EXPECT(!d->shutdown);
    EXPECT_EQ(memory_set_policy(d, &policy), 0);
    fault(gfn);
    EXPECT(d->shutdown);
    EXPECT(!control->shutdown);
    domains_check();
}

/* POD-9.85: a hole in the way, and the next operation still gets the lock. */
TEST(xsa_277_a_hole_leaves_no_lock_behind)
{
    start();
    EXPECT_EQ(reserve_at(d, XENMEM_decrease_reservation, FREE, 0, 0), 0);
    EXPECT_EQ(reserve_at(d, XENMEM_decrease_reservation, FREE, 9, 0), 0);
    EXPECT_EQ(reserve_at(d, XENMEM_populate_physmap, FREE, 9, 0), 1);
    EXPECT_EQ(p2m_populate(&d->p2m, GFN(PROMISED)), P2M_OK);
    domains_check();
}

/* POD-9.86: a guest may not acquire, and no reference stays behind. */
TEST(xsa_334_a_refused_resource_keeps_nobody_alive)
{
    start();
    for (unsigned type = 0; type < 4; type++) {
        *(struct xen_mem_acquire_resource *)at(d, ARG) =
            (struct xen_mem_acquire_resource){
                .domid = (domid_t)(type & 1 ? 0 : DOMID_SELF),
                .type = (uint16_t)type,
                .nr_frames = 1,
                .frame_list = {(xen_pfn_t *)(uint64_t)LIST}};
        EXPECT(memory_op(d, XENMEM_acquire_resource) < 0);
    }
    domain_end(d); /* fails if somebody still holds it */
    domains_check();
}

/* POD-9.87: so many pages at once over what is there; none is free before the
 * flush (the fake machine looks at each). */
TEST(xsa_346_355_replaced_pages_wait_for_the_flush)
{
    start();
    for (unsigned count = 15; count <= 33; count++) {
        uint64_t populated = pod().tot_pages - pod().cache_pages;

        domain_fill(d, FREE, count);
        domain_fill(d, FREE + PER_2M, count);
        *(struct xen_add_to_physmap *)at(d, ARG) =
            (struct xen_add_to_physmap){.domid = DOMID_SELF,
                                        .space = XENMAPSPACE_gmfn_range,
                                        .idx = FREE,
                                        .gpfn = FREE + PER_2M,
                                        .size = (uint16_t)count};
        EXPECT_EQ(memory_op(d, XENMEM_add_to_physmap), 0);
        EXPECT_EQ(pod().tot_pages - pod().cache_pages, populated + count);
        EXPECT_EQ(fake_stale_translations(&d->p2m.tlb, d->p2m.root), 0);
        for (unsigned i = 0; i < count; i++) {
            EXPECT_EQ(memory_decrease(d, GFN(FREE + PER_2M + i), ORDER_4K), 0);
        }
        domains_check();
    }
}

/* POD-9.88: sums of pages beside 2^32 and 2^64. */
TEST(xsa_385_sums_of_pages)
{
    static const uint64_t limits[] = {(1ULL << 32) - 1, 1ULL << 32,
                                      (1ULL << 32) + 1, ~0ULL};

    start();
    for (unsigned i = 0; i < ARRAY_COUNT(limits); i++) {
        uint64_t charged = d->account.page_count;

        memory_set_max_pages(d, limits[i]);
        EXPECT_EQ(
            reserve_at(control, XENMEM_populate_physmap, BIT(ORDER_1G), 18, 0),
            0);
        EXPECT_EQ(reserve_at(control, XENMEM_increase_reservation, 0, 18, 0),
                  0);
        EXPECT_EQ(d->account.page_count, charged);
    }
    memory_set_max_pages(d, d->account.page_count);
    EXPECT_EQ(reserve_at(d, XENMEM_populate_physmap, FREE, 0, 0), 0);
    domains_check();
}

/* POD-9.89: all orders at all kinds of places, over promises, pages and
 * superpages. */
TEST(xsa_388_misaligned_pieces_of_everything)
{
    static const uint64_t offsets[] = {0, 1, 2, 3, 7, 64, 255, 256, 511};

    start_with(100);
    for (unsigned i = 0; i < ARRAY_COUNT(offsets) * (ORDER_2M + 1); i++) {
        unsigned order = i % (ORDER_2M + 1);
        uint64_t gfn = PROMISED + offsets[i / (ORDER_2M + 1)];
        uint64_t before = pod().entries, done;
        int rc = p2m_decrease(&d->p2m, GFN(gfn), order, &done);

        EXPECT(rc == 0 || rc == -ENOENT);
        EXPECT(pod().entries <= before);
        domains_check();
        rc = memory_mark_pod(d, GFN(gfn), order);
        EXPECT(rc == 0 || rc == -EBUSY);
        domains_check();
        p2m_populate(&d->p2m, GFN(gfn));
        domains_check();
    }
}

/* POD-9.90: what is written in pieces fails at piece k, for every k: all or
 * nothing. */
TEST(xsa_389_half_a_write_is_none)
{
    start();
    for (unsigned n = 1; n < 6; n++) {
        uint64_t promised = pod().entries;
        int rc;

        page_alloc_fail_nth(n);
        rc = memory_mark_pod(d, GFN(BIT(ORDER_1G) - 256 + n), ORDER_2M);
        page_alloc_fail_nth(0);
        EXPECT(rc == 0 || rc == -ENOMEM);
        EXPECT_EQ(pod().entries, promised + (rc ? 0 : PER_2M));
        domains_check();
        if (!rc) {
            EXPECT_EQ(
                memory_decrease(d, GFN(BIT(ORDER_1G) - 256 + n), ORDER_2M), 0);
        }
    }
}

/* POD-9.91: a dying domain gets no tables, the end has steps, and all comes
 * back. */
TEST(xsa_410_the_end_gives_all_tables_back)
{
    uint64_t tables;
    unsigned steps = 0;

    start();
    for (uint64_t i = 0; i < 64; i++) {
        EXPECT_EQ(memory_populate(d, GFN(BIT(ORDER_1G) + i * PER_2M), 0), 0);
    }
    tables = d->account.table_count;
    EXPECT(tables > 64);
    p2m_set_dying(&d->p2m);
    EXPECT(memory_mark_pod(d, GFN(FREE), 0) < 0);
    EXPECT(memory_populate(d, GFN(BIT(ORDER_1G) * 2), 0) < 0);
    EXPECT_EQ(p2m_populate(&d->p2m, GFN(PROMISED)), P2M_DYING);
    EXPECT(memory_move(d, GFN(1), GFN(BIT(ORDER_1G) * 2), NULL) < 0);
    EXPECT(d->account.table_count <= tables);
    while (domain_kill(d) == -ERESTART) {
        steps++;
    }
    EXPECT(steps > 64);
    EXPECT_EQ(d->account.table_count, 0);
    EXPECT_EQ(d->account.page_count, 0);
    domain_end(d);
    domains_check();
}

static uint64_t tables_in_use(void)
{
    return d->account.table_count - pod().counters.tables_reserved;
}

/* POD-9.92: a table of 4K pages makes room for a leaf of 2M. The fake machine
 * fails if the table is free before the flush. */
TEST(xsa_480_a_table_waits_for_the_flush)
{
    uint64_t tables;

    start();
    domain_fill(d, FREE, PER_2M);
    tables = tables_in_use();
    for (uint64_t i = 0; i < PER_2M; i++) {
        struct guest_exit exit;

        /* A CPU has walked it. */
        EXPECT(fake_guest_access(&d->p2m.tlb, d->p2m.root,
                                 gpa_from_gfn(GFN(FREE + i)), FAKE_READ,
                                 &exit));
        EXPECT_EQ(memory_decrease(d, GFN(FREE + i), ORDER_4K), 0);
    }
    EXPECT_EQ(memory_populate(d, GFN(FREE), ORDER_2M), 0);
    EXPECT_EQ(entry(FREE).order, ORDER_2M);
    EXPECT_EQ(tables_in_use(), tables - 1);
    EXPECT_EQ(fake_stale_translations(&d->p2m.tlb, d->p2m.root), 0);
    domains_check();
}

/* POD-9.93: with D > 0 the balloon steals no page of the hypervisor. */
TEST(xsa_507_special_pages_are_not_stolen)
{
    uint64_t cached;

    start();
    *(struct xen_add_to_physmap *)at(d, ARG) =
        (struct xen_add_to_physmap){.domid = DOMID_SELF, .gpfn = FREE};
    EXPECT_EQ(memory_op(d, XENMEM_add_to_physmap), 0);
    *(struct xen_add_to_physmap *)at(d, ARG) =
        (struct xen_add_to_physmap){.domid = DOMID_SELF,
                                    .space = XENMAPSPACE_grant_table,
                                    .gpfn = FREE + 1};
    EXPECT_EQ(memory_op(d, XENMEM_add_to_physmap), 0);
    cached = pod().cache_pages;
    EXPECT(pod().entries > cached);
    caller_list(d->vcpus[0], FREE, 1, 2);
    reserve(d, XENMEM_decrease_reservation, 2, 0, 0);
    EXPECT_EQ(pod().cache_pages, cached);
    EXPECT_EQ(d->shared_info->state, PAGE_SPECIAL);
    EXPECT_EQ(d->grants.frames[0]->state, PAGE_SPECIAL);
    domains_check();
}

/* POD-9.94, 9.97, 9.98, 9.100: what changes types or rights of many gfns at
 * once, or shows a ring to a guest, is not offered, whatever the count. */
TEST(xsa_27_89_92_99_calls_that_there_are_not)
{
    /* track_dirty_vram, modified_memory, set_mem_type, set_mem_access, and what
     * is in use of their kind */
    static const unsigned ops[] = {6, 7, 8, 12, HVMOP_altp2m};

    start();
    for (unsigned i = 0; i < ARRAY_COUNT(ops); i++) {
        memset(at(d, ARG), 0xff, 64);
        EXPECT(call(d, __HYPERVISOR_hvm_op, ops[i], ARG, 0) < 0);
        memset(at(control, ARG), 0xff, 64);
        EXPECT(call(control, __HYPERVISOR_hvm_op, ops[i], ARG, 0) < 0);
    }
    EXPECT_EQ(memory_op(control, XENMEM_access_op), -ENOSYS);
    EXPECT_EQ(memory_op(control, XENMEM_access_op | 1000 << 6), -ENOSYS);
    EXPECT_EQ(entry(PROMISED).type, P2M_POD);
    EXPECT_EQ(entry(BLOCK).type, P2M_RAM);
    domains_check();
}

/* POD-9.96, 9.99, 9.100, 9.102: neither are these of the toolstack. */
TEST(xsa_74_97_99_125_domctls_that_there_are_not)
{
    static const uint32_t commands[] = {
        6 /* getmemlist */, XEN_DOMCTL_shadow_op, XEN_DOMCTL_vm_event_op,
        XEN_DOMCTL_memory_mapping};

    start();
    for (unsigned i = 0; i < ARRAY_COUNT(commands); i++) {
        memset(at(control, ARG), 0xff, sizeof(struct xen_domctl));
        *(struct xen_domctl *)at(control, ARG) = (struct xen_domctl){
            .cmd = commands[i],
            .interface_version = XEN_DOMCTL_INTERFACE_VERSION,
            .domain = 2};
        EXPECT_EQ(call(control, __HYPERVISOR_domctl, ARG, 0, 0), -ENOSYS);
    }
    domains_check();
}

static void scribble(struct domain *of, uint64_t gfn, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        memset(domain_page(of, gfn + i), 0x5e, PAGE_SIZE);
    }
}

/* POD-9.101: what one domain wrote no other ever reads. */
TEST(xsa_100_364_new_memory_is_zero)
{
    start_with(600);
    domain_fill(d, 0x1000, 1000);
    scribble(d, 0x1000, 1000);
    scribble(d, BLOCK, PER_2M);
    domain_end(d);
    d = domain_new(3, 1);
    memory_set_max_pages(d, 8000);
    while (memory_set_pod_target(d, 2000) == -ERESTART) {
        continue;
    }
    EXPECT_EQ(memory_mark_pod(d, GFN(0), ORDER_1G), 0);
    for (uint64_t gfn = 0; gfn < 2000; gfn++) {
        EXPECT_EQ(p2m_populate(&d->p2m, GFN(gfn)), P2M_OK);
        EXPECT(arch_page_is_zero(domain_page(d, gfn)));
    }
    domain_fill(d, 1ULL << 20, 1000);
    for (uint64_t i = 0; i < 1000; i++) {
        EXPECT(arch_page_is_zero(domain_page(d, (1ULL << 20) + i)));
    }
    EXPECT_EQ(grant_grow(d, 4), 0);
    for (unsigned i = 0; i < 4; i++) {
        EXPECT(arch_page_is_zero(page_map(d->grants.frames[i])) || i == 0);
    }
    domains_check();
}

/* POD-9.103: an address that is too wide is nowhere, not somewhere low. */
TEST(xsa_173_no_address_wraps)
{
    start();
    for (unsigned bit = 36; bit < 52; bit++) {
        uint64_t gfn = PROMISED | 1ULL << bit;

        EXPECT_EQ(p2m_fault(&d->p2m, GFN(gfn), true, false), P2M_HOLE_ACCESS);
        EXPECT_EQ(p2m_populate(&d->p2m, GFN(gfn)), P2M_HOLE_ACCESS);
    }
    EXPECT_EQ(entry(PROMISED).type, P2M_POD);
    EXPECT_EQ(pod().entries, PER_2M);
    domains_check();
}

/* POD-9.105: a page that somebody else maps outlives what its owner does. */
TEST(xsa_287_401_408_a_page_in_use_is_not_reused)
{
    mfn_t mfn;

    start();
    EXPECT_EQ(memory_map_foreign(control, GFN(0x3000), d, GFN(BLOCK + 5)), 0);
    mfn = p2m_get(&control->p2m, GFN(0x3000)).mfn;
    EXPECT_EQ(memory_decrease(d, GFN(BLOCK + 5), ORDER_4K), 0);
    EXPECT_EQ(page_from_mfn(mfn)->state, PAGE_GUEST);
    for (uint64_t i = 0; i < 500; i++) {
        EXPECT_EQ(memory_populate(d, GFN(0x1000 + i), 0), 0);
        EXPECT(!mfn_eq(entry(0x1000 + i).mfn, mfn));
    }
    while (domain_kill(d) == -ERESTART) {
        continue;
    }
    EXPECT_EQ(page_from_mfn(mfn)->state, PAGE_GUEST);
    EXPECT(domain_get(2)); /* still listed */
    EXPECT_EQ(memory_remove(control, GFN(0x3000)), 0);
    EXPECT_EQ(page_from_mfn(mfn)->state, PAGE_FREE);
}

static uint64_t walked_mfn;

/* At each store, what a walker of the tables finds for a page nearby. */
static void look_at_neighbour(const struct fake_pte_write *write)
{
    EXPECT_EQ(entry(BLOCK + 100).mfn.v, walked_mfn);
}

/* POD-9.106: a large leaf is split by one store; at no time is less mapped. */
TEST(xsa_321_328_a_split_is_one_store)
{
    start();
    walked_mfn = entry(BLOCK + 100).mfn.v;
    fake_on_pte_write(look_at_neighbour);
    EXPECT_EQ(memory_decrease(d, GFN(BLOCK + 3), ORDER_4K), 0);
    fake_on_pte_write(NULL);
    EXPECT_EQ(entry(BLOCK + 3).type, P2M_HOLE);
    domains_check();
}

#define PLACES 2

static pthread_barrier_t barrier;
static unsigned rounds;

/* The same frame of the grant table, at a place of one's own. */
static void *show_frame(void *context)
{
    unsigned which = *(unsigned *)context;

    fake_set_cpu(1 + which);
    for (unsigned i = 0; i < rounds; i++) {
        struct page *pg;
        int rc;

        pthread_barrier_wait(&barrier);
        EXPECT_EQ(grant_get_frame(d, 0, &pg), 0);
        rc = memory_map_special(d, GFN(FREE + 64 * which), pg);
        if (rc) {
            page_put(pg);
        }
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

/* POD-9.108: whoever of two is later, the frame is at one place. */
TEST(xsa_379_a_frame_is_shown_at_one_place)
{
    static unsigned which[PLACES] = {0, 1};
    pthread_t threads[PLACES];

    start();
    rounds = 300 * unit_long();
    EXPECT(!pthread_barrier_init(&barrier, NULL, PLACES + 1));
    for (unsigned i = 0; i < PLACES; i++) {
        EXPECT(!pthread_create(&threads[i], NULL, show_frame, &which[i]));
    }
    for (unsigned i = 0; i < rounds; i++) {
        bool first, second;

        pthread_barrier_wait(&barrier);
        pthread_barrier_wait(&barrier);
        first = entry(FREE).type == P2M_RAM;
        second = entry(FREE + 64).type == P2M_RAM;
        EXPECT(first != second);
        EXPECT_EQ(memory_remove(d, GFN(first ? FREE : FREE + 64)), 0);
        EXPECT_EQ(p2m_audit(&d->p2m), 0);
    }
    for (unsigned i = 0; i < PLACES; i++) {
        pthread_join(threads[i], NULL);
    }
    domains_check();
}

static bool stop_asking;

static void *ask_on(void *context)
{
    fake_set_cpu(1);
    while (!__atomic_load_n(&stop_asking, __ATOMIC_ACQUIRE)) {
        struct domain *of = domain_get(2);
        struct page *pg;

        if (!of) {
            continue;
        }
        /* what the memory calls ask, and a look at a page of it */
        pod();
        p2m_get(&of->p2m, GFN(PROMISED));
        EXPECT(memory_set_pod_target(of, 600) != -ENOMEM);
        if (!memory_get_page(of, GFN(PROMISED + 1), true, &pg)) {
            page_put(pg);
        }
        EXPECT(memory_decrease(of, GFN(PROMISED + 2), ORDER_4K) != -ENOMEM);
        domain_put(of);
    }
    return NULL;
}

/* POD-9.111, 9.112 (147, 473): questions, looks at pages and a balloon, from
 * elsewhere, while the domain ends. 393, 409: nothing of it is left then. */
TEST(xsa_147_393_409_473_502_asked_while_it_ends)
{
    uint64_t free;

    start_with(300);
    free =
        page_alloc_info().free + d->account.page_count + d->account.table_count;
    for (unsigned i = 0; i < 30; i++) {
        pthread_t thread;
        struct domain *dying = d;

        stop_asking = false;
        EXPECT(!pthread_create(&thread, NULL, ask_on, NULL));
        for (volatile unsigned j = 0; j < 3000 * i; j++) {
            continue;
        }
        while (domain_kill(dying) == -ERESTART) {
            continue;
        }
        __atomic_store_n(&stop_asking, true, __ATOMIC_RELEASE);
        pthread_join(thread, NULL);
        EXPECT_EQ(dying->account.page_count, 0);
        EXPECT_EQ(dying->account.table_count, 0);
        EXPECT_EQ(p2m_get(&dying->p2m, GFN(BLOCK)).type, P2M_HOLE);
        domain_end(dying);
        EXPECT(page_alloc_info().free >= free);
        d = domain_new(2, 1);
        EXPECT_EQ(memory_mark_pod(d, GFN(PROMISED), ORDER_2M), 0);
        EXPECT_EQ(memory_set_pod_target(d, 300), 0);
        EXPECT_EQ(memory_populate(d, GFN(BLOCK), ORDER_2M), 0);
        EXPECT_EQ(domain_unpause(d), 0);
    }
    domains_check();
}
