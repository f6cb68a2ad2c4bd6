/* SPDX-License-Identifier: MIT */
/* The table of pod.md 9.1, as far as it concerns decoding; and the calls of
 * kernels and tools as they make them. */
#include "caller.h"
#include "domains.h"
#include "guest/hypercall.h"
#include "machine.h"
#include "mm/zero_block.h"
#include "public/podium.h"
#include "types/bits.h"
#include "types/error.h"

#include <xen/grant_table.h>
#include <xen/memory.h>

#define HOLE      (64 << 12)
#define GUEST_RAM 64

static struct domain *d, *other;
static struct vcpu *v;

/* Domain `id` calls; 2 is another guest, 0 the control domain unless d is. */
static void start(domid_t id)
{
    machine_start(0x4000);
    d = domain_new(id, 1);
    v = d->vcpus[0];
    domain_fill(d, 0, GUEST_RAM);
    domain_paging_on(v);
    other = domain_new(2, 1);
}

#define CALL(op) caller_memory_op(v, (op), ARG)

static struct xen_memory_reservation *reservation(domid_t id, uint64_t count,
                                                  unsigned order)
{
    struct xen_memory_reservation *r = caller_at(v, ARG);

    *r = (struct xen_memory_reservation){
        .extent_start = {(xen_pfn_t *)(uint64_t)LIST},
        .nr_extents = count,
        .extent_order = order,
        .domid = id,
    };
    return r;
}

static enum p2m_type type(struct domain *of, uint64_t gfn)
{
    return p2m_get(&of->p2m, GFN(gfn)).type;
}

TEST(a_balloon_goes_down_and_up)
{
    start(1);
    domain_fill(d, 0x100, 512);
    caller_list(v, 0x100, 1, 512);
    reservation(DOMID_SELF, 512, 0);
    EXPECT_EQ(CALL(XENMEM_decrease_reservation), 512);
    EXPECT_EQ(type(d, 0x100), P2M_HOLE);
    EXPECT_EQ(type(d, 0x2ff), P2M_HOLE);
    EXPECT_EQ(d->account.page_count, GUEST_RAM);
    domains_check();
    EXPECT_EQ(CALL(XENMEM_populate_physmap), 512);
    EXPECT_EQ(type(d, 0x100), P2M_RAM);
    EXPECT_EQ(type(d, 0x2ff), P2M_RAM);
    EXPECT_EQ(d->account.page_count, GUEST_RAM + 512);
    domains_check();
}

/* BL-4: 512 pages, and one flush. */
TEST(a_balloon_flushes_once)
{
    uint64_t flushes;

    start(1);
    domain_fill(d, 0x100, 256);
    caller_list(v, 0x100, 1, 256);
    reservation(DOMID_SELF, 256, 0);
    flushes = fake_flush_count();
    EXPECT_EQ(CALL(XENMEM_decrease_reservation), 256);
    EXPECT_EQ(fake_flush_count() - flushes, 1);
    EXPECT_EQ(fake_stale_translations(&d->p2m.tlb, d->p2m.root), 0);
}

/* BL-5: whatever else is to do, the caller sees one whole call. */
TEST(preemption_is_invisible)
{
    unsigned rounds = 0;

    start(1);
    domain_fill(d, 0x100, 512);
    caller_list(v, 0x100, 1, 512);
    reservation(DOMID_SELF, 512, 0);
    v->work = VCPU_WORK_RESCHED;
    v->regs.rax = __HYPERVISOR_memory_op;
    v->regs.rdi = XENMEM_decrease_reservation;
    v->regs.rsi = ARG;
    while (!hypercall(v)) {
        rounds++;
        EXPECT_EQ(fake_stale_translations(&d->p2m.tlb, d->p2m.root), 0);
    }
    EXPECT_EQ(v->regs.rax, 512);
    EXPECT_EQ(v->regs.rdi, XENMEM_decrease_reservation);
    EXPECT_EQ(rounds, 7);
    domains_check();
}

TEST(a_list_that_ends_is_short)
{
    start(1);
    domain_fill(d, 0x100, 32);
    reservation(DOMID_SELF, 32, 0)->extent_start.p =
        (xen_pfn_t *)(uint64_t)(HOLE - 16 * 8);
    for (unsigned i = 0; i < 16; i++) {
        ((xen_pfn_t *)domain_page(d, 63))[512 - 16 + i] = 0x100 + i;
    }
    EXPECT_EQ(CALL(XENMEM_decrease_reservation), 16);
    EXPECT_EQ(type(d, 0x10f), P2M_HOLE);
    EXPECT_EQ(type(d, 0x110), P2M_RAM);
}

static const unsigned reservation_ops[] = {
    XENMEM_populate_physmap,
    XENMEM_decrease_reservation,
    XENMEM_increase_reservation,
};

/* POD-9.1..9.3: no errors, only short counts. */
TEST(wrong_reservations_are_short)
{
    start(1);
    caller_list(v, 0x100, 1, 8);
    for (unsigned i = 0; i < ARRAY_COUNT(reservation_ops); i++) {
        unsigned op = reservation_ops[i];

        EXPECT_EQ(caller_memory_op(v, op, HOLE), 0);
        reservation(77, 8, 0);
        EXPECT_EQ(CALL(op), 0);
        reservation(2, 8, 0);
        EXPECT_EQ(CALL(op), 0);
        reservation(DOMID_SELF, 0, 0);
        EXPECT_EQ(CALL(op), 0);
        reservation(DOMID_SELF, 1ULL << 26, 0);
        EXPECT_EQ(CALL(op), 0);
        reservation(DOMID_SELF, ~0ULL, 0);
        EXPECT_EQ(CALL(op), 0);
        reservation(DOMID_SELF, 8, 10);
        EXPECT_EQ(CALL(op), 0);
        reservation(DOMID_SELF, 8, ~0U);
        EXPECT_EQ(CALL(op), 0);
        reservation(DOMID_SELF, 8, 0)->mem_flags = 12;
        EXPECT_EQ(CALL(op), 0);
        reservation(DOMID_SELF, 8, 0)->mem_flags = XENMEMF_vnode;
        EXPECT_EQ(CALL(op), 0);
        reservation(DOMID_SELF, 8, 0)->mem_flags = XENMEMF_exact_node(1);
        EXPECT_EQ(CALL(op), 0);
        reservation(DOMID_SELF, 8, 0);
        EXPECT_EQ(caller_memory_op(v, op | 8 << 6, ARG), 8);
        EXPECT_EQ(caller_memory_op(v, op | 1000 << 6, ARG), 1000);
    }
    EXPECT_EQ(d->account.page_count, GUEST_RAM);
    domains_check();
}

TEST(flags_that_mean_nothing_here_are_fine)
{
    start(1);
    caller_list(v, 0x100, 1, 4);
    reservation(DOMID_SELF, 4, 0)->mem_flags = 32 | XENMEMF_exact_node(0);
    EXPECT_EQ(CALL(XENMEM_populate_physmap), 4);
    reservation(DOMID_SELF, 4, 0)->mem_flags = XENMEMF_populate_on_demand;
    EXPECT_EQ(CALL(XENMEM_decrease_reservation), 4);
}

TEST(extents_that_cannot_be_done_end_the_call)
{
    xen_pfn_t *gfns;

    start(1);
    domain_fill(d, 0x100, 4);
    caller_list(v, 0x100, 1, 4);
    gfns = caller_at(v, LIST);
    gfns[2] = gfns[1]; /* POD-9.20 */
    reservation(DOMID_SELF, 4, 0);
    EXPECT_EQ(CALL(XENMEM_decrease_reservation), 2);
    EXPECT_EQ(type(d, 0x103), P2M_RAM);
    gfns[0] = ~0ULL;
    EXPECT_EQ(CALL(XENMEM_decrease_reservation), 0);
    EXPECT_EQ(CALL(XENMEM_populate_physmap), 0);
    gfns[0] = 0x103; /* POD-9.17: not onto RAM */
    EXPECT_EQ(CALL(XENMEM_populate_physmap), 0);
    memory_set_max_pages(d, GUEST_RAM + 3);
    caller_list(v, 0x200, 1, 4);
    EXPECT_EQ(CALL(XENMEM_populate_physmap), 1); /* POD-9.14 */
    domains_check();
}

TEST(increase_charges_pages_that_are_nowhere)
{
    start(1);
    reservation(DOMID_SELF, 3, 1)->extent_start.p = NULL;
    EXPECT_EQ(CALL(XENMEM_increase_reservation), 3);
    EXPECT_EQ(d->account.page_count, GUEST_RAM + 6);
    domains_check();
}

/* TS-34..36, in small: claim, target, promises; then a touch. */
TEST(a_builder_promises)
{
    struct xen_pod_target *t;
    struct xen_memory_reservation *r;

    start(0);
    memory_set_max_pages(other, 600 + 256);
    r = reservation(2, 600, 0);
    r->extent_start.p = NULL;
    EXPECT_EQ(CALL(XENMEM_claim_pages), 0);
    t = caller_at(v, ARG);
    *t = (struct xen_pod_target){.domid = 2, .target_pages = 600};
    EXPECT_EQ(CALL(XENMEM_set_pod_target), 0);
    EXPECT_EQ(t->tot_pages, 600);
    EXPECT_EQ(t->pod_cache_pages, 600);
    EXPECT_EQ(t->pod_entries, 0);
    caller_list(v, 0, 512, 4);
    reservation(2, 4, 9)->mem_flags = XENMEMF_populate_on_demand;
    EXPECT_EQ(CALL(XENMEM_populate_physmap), 4);
    EXPECT_EQ(type(other, 2047), P2M_POD);
    reservation(2, 0, 0)->extent_start.p = NULL;
    EXPECT_EQ(CALL(XENMEM_claim_pages), 0);
    *t = (struct xen_pod_target){.domid = 2};
    EXPECT_EQ(CALL(XENMEM_get_pod_target), 0);
    EXPECT_EQ(t->pod_entries, 2048);
    EXPECT_EQ(memory_fault(other, GFN(77), true, false), P2M_OK);
    domains_check();
}

TEST(promises_of_other_orders)
{
    start(0);
    caller_list(v, 0, 0, 1);
    reservation(2, 1, 18)->mem_flags = XENMEMF_populate_on_demand;
    EXPECT_EQ(CALL(XENMEM_populate_physmap), 1);
    EXPECT_EQ(p2m_get(&other->p2m, GFN(5)).order, 18);
    caller_list(v, 1 << 18, 1, 3);
    reservation(2, 3, 0)->mem_flags = XENMEMF_populate_on_demand;
    EXPECT_EQ(CALL(XENMEM_populate_physmap), 3);
    reservation(2, 3, 19)->mem_flags = XENMEMF_populate_on_demand;
    EXPECT_EQ(CALL(XENMEM_populate_physmap), 0);
    /* POD-9.4 */
    caller_list(v, 0x1000, 1, 3);
    reservation(DOMID_SELF, 3, 0)->mem_flags = XENMEMF_populate_on_demand;
    EXPECT_EQ(CALL(XENMEM_populate_physmap), 0);
    reservation(0, 3, 0)->mem_flags = XENMEMF_populate_on_demand;
    EXPECT_EQ(CALL(XENMEM_populate_physmap), 0);
    domains_check();
}

/* POD-9.25..9.33 */
TEST(wrong_targets)
{
    struct xen_pod_target *t;

    start(0);
    t = caller_at(v, ARG);
    EXPECT_EQ(caller_memory_op(v, XENMEM_set_pod_target, HOLE), -EFAULT);
    *t = (struct xen_pod_target){.domid = 99};
    EXPECT_EQ(CALL(XENMEM_set_pod_target), -ESRCH);
    EXPECT_EQ(CALL(XENMEM_get_pod_target), -ESRCH);
    *t = (struct xen_pod_target){.domid = 2, .target_pages = 5000};
    EXPECT_EQ(CALL(XENMEM_set_pod_target), -EINVAL);
    EXPECT_EQ(caller_memory_op(v, XENMEM_set_pod_target | 64, ARG), -ENOSYS);
    EXPECT_EQ(caller_memory_op(v, XENMEM_get_pod_target | 64, ARG), -ENOSYS);
    domains_check();
}

TEST(a_target_that_takes_long)
{
    struct xen_pod_target *t;

    start(0);
    t = caller_at(v, ARG);
    *t = (struct xen_pod_target){.domid = 2, .target_pages = 4000};
    v->work = VCPU_WORK_RESCHED;
    EXPECT_EQ(CALL(XENMEM_set_pod_target), 0);
    EXPECT_EQ(t->pod_cache_pages, 4000);
    domains_check();
}

TEST(what_a_guest_may_not)
{
    struct xen_pod_target *t;
    struct xen_foreign_memory_map *map;

    start(1);
    t = caller_at(v, ARG);
    *t = (struct xen_pod_target){.domid = 2};
    EXPECT_EQ(CALL(XENMEM_set_pod_target), -EPERM);
    *t = (struct xen_pod_target){.domid = DOMID_SELF};
    EXPECT_EQ(CALL(XENMEM_get_pod_target), -EPERM);
    reservation(2, 8, 0)->extent_start.p = NULL;
    EXPECT_EQ(CALL(XENMEM_claim_pages), -EPERM);
    map = caller_at(v, ARG);
    *map = (struct xen_foreign_memory_map){.domid = DOMID_SELF};
    EXPECT_EQ(CALL(XENMEM_set_memory_map), -EPERM);
    *(struct xen_memory_domain *)caller_at(v, ARG) =
        (struct xen_memory_domain){2};
    EXPECT_EQ(CALL(XENMEM_current_reservation), -EPERM);
    *(struct xen_add_to_physmap *)caller_at(v, ARG) =
        (struct xen_add_to_physmap){.domid = 2, .gpfn = 0x100};
    EXPECT_EQ(CALL(XENMEM_add_to_physmap), -EPERM);
    *(struct xen_remove_from_physmap *)caller_at(v, ARG) =
        (struct xen_remove_from_physmap){.domid = 2, .gpfn = 0x100};
    EXPECT_EQ(CALL(XENMEM_remove_from_physmap), -EPERM);
    *(struct xen_mem_acquire_resource *)caller_at(v, ARG) =
        (struct xen_mem_acquire_resource){.domid = 2, .type = 1};
    EXPECT_EQ(CALL(XENMEM_acquire_resource), -EACCES);
    domains_check();
}

/* POD-9.40..9.45 */
TEST(wrong_claims)
{
    struct xen_memory_reservation *r;

    start(0);
    r = reservation(2, 100, 0);
    EXPECT_EQ(CALL(XENMEM_claim_pages), -EINVAL); /* a list */
    r->extent_start.p = NULL;
    r->extent_order = 1;
    EXPECT_EQ(CALL(XENMEM_claim_pages), -EINVAL);
    r->extent_order = 0;
    r->mem_flags = 1;
    EXPECT_EQ(CALL(XENMEM_claim_pages), -EINVAL);
    r->mem_flags = 0;
    r->domid = DOMID_SELF;
    EXPECT_EQ(CALL(XENMEM_claim_pages), -EINVAL);
    r->domid = 99;
    EXPECT_EQ(CALL(XENMEM_claim_pages), -EINVAL);
    r->domid = 2;
    EXPECT_EQ(caller_memory_op(v, XENMEM_claim_pages | 64, ARG), -EINVAL);
    EXPECT_EQ(CALL(XENMEM_claim_pages), 0);
    EXPECT_EQ(CALL(XENMEM_claim_pages), -EINVAL); /* a second one */
    r->nr_extents = 0;
    EXPECT_EQ(CALL(XENMEM_claim_pages), 0);
    EXPECT_EQ(CALL(XENMEM_claim_pages), 0);
    memory_set_max_pages(other, 1 << 20);
    r->nr_extents = 0x4000;
    EXPECT_EQ(CALL(XENMEM_claim_pages), -ENOMEM);
    EXPECT_EQ(caller_memory_op(v, XENMEM_claim_pages, HOLE), -EFAULT);
    domains_check();
}

TEST(sizes)
{
    struct xen_memory_domain *m;

    start(0);
    m = caller_at(v, ARG);
    m->domid = DOMID_SELF;
    EXPECT_EQ(CALL(XENMEM_current_reservation), GUEST_RAM);
    EXPECT_EQ(CALL(XENMEM_maximum_reservation), 4096);
    EXPECT_EQ(CALL(XENMEM_maximum_gpfn), GUEST_RAM - 1);
    m->domid = 2;
    EXPECT_EQ(CALL(XENMEM_current_reservation), 0);
    m->domid = 99;
    EXPECT_EQ(CALL(XENMEM_current_reservation), -ESRCH);
    EXPECT_EQ(caller_memory_op(v, XENMEM_maximum_gpfn, HOLE), -EFAULT);
    EXPECT_EQ(CALL(XENMEM_get_sharing_freed_pages), 0);
    EXPECT_EQ(CALL(XENMEM_get_sharing_shared_pages), 0);
    EXPECT_EQ(CALL(XENMEM_paging_op), -ENOSYS);
    EXPECT_EQ(CALL(63), -ENOSYS);
}

/* HC-2: the kernel gives a page of its RAM for it. */
TEST(shared_info_replaces_ram)
{
    struct xen_add_to_physmap *a;

    start(1);
    a = caller_at(v, ARG);
    *a = (struct xen_add_to_physmap){.domid = DOMID_SELF, .gpfn = 1};
    EXPECT_EQ(CALL(XENMEM_add_to_physmap), 0);
    EXPECT(domain_page(d, 1) == page_map(d->shared_info));
    EXPECT_EQ(d->account.page_count, GUEST_RAM - 1);
    EXPECT_EQ(CALL(XENMEM_add_to_physmap), 0); /* again */
    a->idx = 1;
    EXPECT_EQ(CALL(XENMEM_add_to_physmap), -EINVAL);
    domains_check();
    domain_end(d);
    domains_check();
}

/* HC-19: from the highest frame down, into holes. */
TEST(grant_frames_grow_as_they_are_mapped)
{
    struct xen_add_to_physmap *a;

    start(1);
    a = caller_at(v, ARG);
    *a = (struct xen_add_to_physmap){
        .domid = DOMID_SELF, .space = 1, .idx = 3, .gpfn = 0x3003};
    EXPECT_EQ(CALL(XENMEM_add_to_physmap), 0);
    EXPECT_EQ(d->grants.frame_count, 4);
    EXPECT(domain_page(d, 0x3003) == page_map(d->grants.frames[3]));
    a->idx = 4;
    EXPECT_EQ(CALL(XENMEM_add_to_physmap), -EINVAL);
    a->idx = XENMAPIDX_grant_table_status;
    EXPECT_EQ(CALL(XENMEM_add_to_physmap), -EINVAL);
    EXPECT_EQ(d->account.page_count, GUEST_RAM);
    domains_check();
}

/* POD-9.47 */
TEST(wrong_add_to_physmap)
{
    struct xen_add_to_physmap *a;

    start(1);
    a = caller_at(v, ARG);
    *a = (struct xen_add_to_physmap){.domid = DOMID_SELF, .gpfn = ~0UL};
    EXPECT_EQ(CALL(XENMEM_add_to_physmap), -EINVAL);
    a->gpfn = 1UL << 40;
    EXPECT_EQ(CALL(XENMEM_add_to_physmap), -EINVAL);
    a->gpfn = 0x100;
    a->space = XENMAPSPACE_gmfn_foreign;
    EXPECT_EQ(CALL(XENMEM_add_to_physmap), -ENOSYS);
    a->space = 77;
    EXPECT_EQ(CALL(XENMEM_add_to_physmap), -EINVAL);
    a->space = XENMAPSPACE_gmfn_range;
    a->size = 4;
    a->idx = ~1UL;
    EXPECT_EQ(CALL(XENMEM_add_to_physmap), -EOVERFLOW);
    a->idx = 0;
    a->gpfn = ~1UL;
    EXPECT_EQ(CALL(XENMEM_add_to_physmap), -EOVERFLOW);
    a->gpfn = 0x100;
    EXPECT_EQ(caller_memory_op(v, XENMEM_add_to_physmap | 5 << 6, ARG),
              -EILSEQ);
    EXPECT_EQ(caller_memory_op(v, XENMEM_add_to_physmap, HOLE), -EFAULT);
    a->domid = 99;
    EXPECT_EQ(CALL(XENMEM_add_to_physmap), -ESRCH);
    domains_check();
}

TEST(own_pages_move)
{
    struct xen_add_to_physmap *a;
    void *page;

    start(1);
    a = caller_at(v, ARG);
    page = domain_page(d, 0x30);
    *a = (struct xen_add_to_physmap){
        .domid = DOMID_SELF, .space = 2, .idx = 0x30, .gpfn = 0x100};
    EXPECT_EQ(CALL(XENMEM_add_to_physmap), 0);
    EXPECT(domain_page(d, 0x100) == page);
    EXPECT_EQ(type(d, 0x30), P2M_HOLE);
    *a = (struct xen_add_to_physmap){
        .domid = DOMID_SELF, .space = 3, .idx = 0x31, .gpfn = 0x101, .size = 5};
    v->work = VCPU_WORK_RESCHED;
    EXPECT_EQ(CALL(XENMEM_add_to_physmap), 0);
    EXPECT_EQ(type(d, 0x35), P2M_HOLE);
    EXPECT_EQ(type(d, 0x36), P2M_RAM);
    EXPECT_EQ(type(d, 0x105), P2M_RAM);
    domains_check();
}

static void batch(uint16_t count, domid_t from)
{
    *(struct xen_add_to_physmap_batch *)caller_at(v, ARG) =
        (struct xen_add_to_physmap_batch){
            .domid = DOMID_SELF,
            .space = XENMAPSPACE_gmfn_foreign,
            .size = count,
            .u = {from},
            .idxs = {(xen_ulong_t *)(uint64_t)LIST},
            .gpfns = {(xen_pfn_t *)(uint64_t)LIST2},
            .errs = {(int *)(uint64_t)LIST3},
        };
    for (unsigned i = 0; i < count; i++) {
        ((xen_ulong_t *)caller_at(v, LIST))[i] = 0x100 + i;
        ((xen_pfn_t *)caller_at(v, LIST2))[i] = 0x3000 + i;
        ((int *)caller_at(v, LIST3))[i] = 77;
    }
}

/* PC-3, PC-4 */
TEST(foreign_pages_come_and_go)
{
    struct xen_remove_from_physmap *r;

    start(0);
    domain_fill(other, 0x100, 20);
    EXPECT_EQ(memory_mark_pod(other, GFN(0x114), 0), 0);
    EXPECT_EQ(memory_set_pod_target(other, 21), 0);
    batch(40, 2);
    v->work = VCPU_WORK_RESCHED;
    EXPECT_EQ(CALL(XENMEM_add_to_physmap_batch), 0);
    for (unsigned i = 0; i < 40; i++) {
        EXPECT_EQ(((int *)caller_at(v, LIST3))[i], i < 21 ? 0 : -EINVAL);
        EXPECT_EQ(type(d, 0x3000 + i), i < 21 ? P2M_FOREIGN : P2M_HOLE);
    }
    EXPECT_EQ(type(other, 0x114), P2M_RAM);
    EXPECT(domain_page(d, 0x3005) == domain_page(other, 0x105));
    domains_check();
    r = caller_at(v, ARG);
    for (unsigned i = 0; i < 21; i++) {
        *r = (struct xen_remove_from_physmap){DOMID_SELF, 0x3000 + i};
        EXPECT_EQ(CALL(XENMEM_remove_from_physmap), 0);
    }
    EXPECT_EQ(CALL(XENMEM_remove_from_physmap), -ENOENT);
    EXPECT_EQ(caller_memory_op(v, XENMEM_remove_from_physmap | 64, ARG),
              -EINVAL);
    domain_end(other);
    domains_check();
}

TEST(wrong_batches)
{
    struct xen_add_to_physmap_batch *b;

    start(0);
    batch(4, 99);
    EXPECT_EQ(CALL(XENMEM_add_to_physmap_batch), -ESRCH);
    batch(4, DOMID_SELF);
    EXPECT_EQ(CALL(XENMEM_add_to_physmap_batch), -EINVAL);
    batch(4, 2);
    EXPECT_EQ(caller_memory_op(v, XENMEM_add_to_physmap_batch | 5 << 6, ARG),
              -EILSEQ);
    b = caller_at(v, ARG);
    b->errs.p = (int *)(uint64_t)HOLE;
    EXPECT_EQ(CALL(XENMEM_add_to_physmap_batch), -EFAULT);
    b->idxs.p = (xen_ulong_t *)(uint64_t)HOLE;
    EXPECT_EQ(CALL(XENMEM_add_to_physmap_batch), -EFAULT);
    batch(4, 2);
    b->space = XENMAPSPACE_gmfn;
    EXPECT_EQ(CALL(XENMEM_add_to_physmap_batch), -EINVAL);
    batch(0, 2);
    EXPECT_EQ(CALL(XENMEM_add_to_physmap_batch), 0);
    domains_check();
}

TEST(a_guest_maps_nothing_of_others)
{
    start(1);
    domain_fill(other, 0x100, 4);
    batch(4, 2);
    EXPECT_EQ(CALL(XENMEM_add_to_physmap_batch), -EPERM);
    EXPECT_EQ(((int *)caller_at(v, LIST3))[0], 77);
    domains_check();
}

/* TS-30: size, then map, then write entries. */
TEST(a_grant_table_is_acquired)
{
    struct xen_mem_acquire_resource *a;
    struct grant_entry_v1 *table;

    start(0);
    a = caller_at(v, ARG);
    *a = (struct xen_mem_acquire_resource){.domid = 2, .type = 1};
    EXPECT_EQ(CALL(XENMEM_acquire_resource), 0);
    EXPECT_EQ(a->nr_frames, 4);
    caller_list(v, 0x3000, 1, 2);
    a->nr_frames = 2;
    a->frame_list.p = (xen_pfn_t *)(uint64_t)LIST;
    v->work = VCPU_WORK_RESCHED;
    EXPECT_EQ(CALL(XENMEM_acquire_resource), 0);
    v->work = 0;
    EXPECT_EQ(other->grants.frame_count, 2);
    table = domain_page(d, 0x3000);
    EXPECT(table == page_map(other->grants.frames[0]));
    EXPECT_EQ(CALL(XENMEM_acquire_resource), -EEXIST);
    domains_check();
    EXPECT_EQ(memory_remove(d, GFN(0x3000)), 0);
    domain_end(other); /* with one frame still mapped here */
    EXPECT_EQ(memory_remove(d, GFN(0x3001)), 0);
    domains_check();
}

/* POD-2.33: dumps and migration read everything, and take nothing. */
TEST(a_domains_memory_is_read)
{
    struct xen_mem_acquire_resource *a;
    struct p2m_entry e;

    start(0);
    zero_block_init();
    EXPECT_EQ(memory_mark_pod(other, GFN(0x200), ORDER_2M), 0);
    domain_fill(other, 0x100, 1);
    *(uint64_t *)domain_page(other, 0x100) = 0x77;
    a = caller_at(v, ARG);
    *a = (struct xen_mem_acquire_resource){.domid = 2,
                                           .type = PODIUM_RESOURCE_memory};
    EXPECT_EQ(CALL(XENMEM_acquire_resource), 0);
    EXPECT_EQ(a->nr_frames, 0x400);
    /* Memory, a hole, a promise. */
    caller_list(v, 0x3000, 1, 0x120);
    a->frame = 0x100;
    a->nr_frames = 0x120;
    a->frame_list.p = (xen_pfn_t *)(uint64_t)LIST;
    EXPECT_EQ(CALL(XENMEM_acquire_resource), 0);
    EXPECT(domain_page(d, 0x3000) == domain_page(other, 0x100));
    e = p2m_get(&d->p2m, GFN(0x3000));
    EXPECT_EQ(e.type, P2M_FOREIGN_RO);
    e = p2m_get(&d->p2m, GFN(0x3001));
    EXPECT_EQ(e.type, P2M_FOREIGN_ZERO);
    e = p2m_get(&d->p2m, GFN(0x311f));
    EXPECT_EQ(e.type, P2M_FOREIGN_ZERO);
    EXPECT_EQ(other->pod.entry_count, 512);
    EXPECT_EQ(other->account.page_count, 1);
    EXPECT_EQ(CALL(XENMEM_acquire_resource), -EEXIST);
    a->frame = 0x400;
    a->nr_frames = 1;
    EXPECT_EQ(CALL(XENMEM_acquire_resource), -EINVAL);
    a->frame = ~0ULL;
    EXPECT_EQ(CALL(XENMEM_acquire_resource), -EINVAL);
    domains_check();
    for (uint64_t i = 0x3000; i < 0x3120; i++) {
        EXPECT_EQ(memory_remove(d, GFN(i)), 0);
    }
    domain_end(other);
    domains_check();
}

/* POD-9.49 */
TEST(wrong_resources)
{
    struct xen_mem_acquire_resource *a, good;

    start(0);
    a = caller_at(v, ARG);
    caller_list(v, 0x3000, 1, 2);
    good = (struct xen_mem_acquire_resource){
        .domid = 2,
        .type = 1,
        .nr_frames = 1,
        .frame_list = {(xen_pfn_t *)(uint64_t)LIST},
    };
    *a = good;
    a->pad = 1;
    EXPECT_EQ(CALL(XENMEM_acquire_resource), -EINVAL);
    *a = good;
    a->domid = DOMID_SELF;
    EXPECT_EQ(CALL(XENMEM_acquire_resource), -EPERM);
    *a = good;
    a->domid = 99;
    EXPECT_EQ(CALL(XENMEM_acquire_resource), -ESRCH);
    *a = good;
    a->type = 2;
    EXPECT_EQ(CALL(XENMEM_acquire_resource), -EOPNOTSUPP);
    *a = good;
    a->id = 1;
    EXPECT_EQ(CALL(XENMEM_acquire_resource), -EINVAL);
    *a = good;
    a->frame = 4;
    EXPECT_EQ(CALL(XENMEM_acquire_resource), -EINVAL);
    a->frame = ~0ULL;
    EXPECT_EQ(CALL(XENMEM_acquire_resource), -EINVAL);
    *a = good;
    a->nr_frames = ~0U;
    EXPECT_EQ(CALL(XENMEM_acquire_resource), -EINVAL);
    *a = good;
    a->frame_list.p = NULL;
    EXPECT_EQ(CALL(XENMEM_acquire_resource), -EINVAL);
    domains_check();
}

struct e820 {
    uint64_t addr, size;
    uint32_t type;
} __attribute__((packed));

TEST(a_memory_map_is_kept)
{
    struct xen_foreign_memory_map *f;
    struct xen_memory_map *m;
    struct e820 *list;

    start(0);
    m = caller_at(v, ARG);
    *m = (struct xen_memory_map){4, {(void *)(uint64_t)LIST}};
    EXPECT_EQ(CALL(XENMEM_memory_map), -ENOSYS);
    list = caller_at(v, LIST);
    for (unsigned i = 0; i < 3; i++) {
        list[i] = (struct e820){i << 20, 1 << 20, i + 1};
    }
    f = caller_at(v, ARG);
    *f = (struct xen_foreign_memory_map){0, {3, {(void *)(uint64_t)LIST}}};
    EXPECT_EQ(CALL(XENMEM_set_memory_map), 0);
    memset(list, 0, PAGE_SIZE);
    *m = (struct xen_memory_map){2, {(void *)(uint64_t)LIST}};
    EXPECT_EQ(CALL(XENMEM_memory_map), 0);
    EXPECT_EQ(m->nr_entries, 2);
    EXPECT_EQ(list[2].type, 0);
    m->nr_entries = 100;
    EXPECT_EQ(CALL(XENMEM_memory_map), 0);
    EXPECT_EQ(m->nr_entries, 3);
    EXPECT_EQ(list[2].addr, 2 << 20);
    EXPECT_EQ(list[2].type, 3);

    *f = (struct xen_foreign_memory_map){2, {129, {(void *)(uint64_t)LIST}}};
    EXPECT_EQ(CALL(XENMEM_set_memory_map), -E2BIG);
    f->map.nr_entries = 128;
    EXPECT_EQ(CALL(XENMEM_set_memory_map), 0);
    f->map.buffer.p = (void *)(uint64_t)HOLE;
    EXPECT_EQ(CALL(XENMEM_set_memory_map), -EFAULT);
    EXPECT_EQ(other->e820_count, 128);
    f->domid = 99;
    EXPECT_EQ(CALL(XENMEM_set_memory_map), -ESRCH);
}

/* POD-9.34..9.38 */
TEST(exchange_is_for_others)
{
    struct xen_memory_exchange *x, good;

    start(1);
    x = caller_at(v, ARG);
    good.in =
        (struct xen_memory_reservation){.nr_extents = 4, .domid = DOMID_SELF};
    good.out = good.in;
    good.nr_exchanged = 0;
    *x = good;
    EXPECT_EQ(CALL(XENMEM_exchange), -EOPNOTSUPP);
    x->out.extent_order = 10;
    EXPECT_EQ(CALL(XENMEM_exchange), -EPERM);
    x->out.extent_order = 1;
    EXPECT_EQ(CALL(XENMEM_exchange), -EINVAL);
    *x = good;
    x->out.domid = 2;
    EXPECT_EQ(CALL(XENMEM_exchange), -EINVAL);
    *x = good;
    x->nr_exchanged = 5;
    EXPECT_EQ(CALL(XENMEM_exchange), -EINVAL);
    *x = good;
    x->in.domid = x->out.domid = 99;
    EXPECT_EQ(CALL(XENMEM_exchange), -ESRCH);
    EXPECT_EQ(caller_memory_op(v, XENMEM_exchange, HOLE), -EFAULT);
}
