/* SPDX-License-Identifier: MIT */
#include "caller.h"
#include "domains.h"
#include "guest/hypercall.h"
#include "machine.h"
#include "types/bits.h"
#include "types/error.h"

#include <xen/grant_table.h>

#define HOLE    (64 << 12)
#define SCRATCH 0x7000000ULL
#define GRANTED 0x20

static struct domain *d, *granter;
static struct vcpu *v;

static struct grant_entry_v1 *entry(uint32_t ref)
{
    return (struct grant_entry_v1 *)page_map(granter->grants.frames[0]) + ref;
}

static void start(void)
{
    machine_start(0x4000);
    d = domain_new(0, 1);
    v = d->vcpus[0];
    domain_fill(d, 0, 64);
    domain_paging_on(v);
    granter = domain_new(1, 1);
    domain_fill(granter, GRANTED, 8);
    for (unsigned i = 0; i < 8; i++) {
        *entry(8 + i) =
            (struct grant_entry_v1){GTF_permit_access, 0, GRANTED + i};
    }
}

static int64_t call_at(unsigned command, uint64_t gva, uint64_t count)
{
    return caller_call(v, __HYPERVISOR_grant_table_op, command, gva, count);
}

static int64_t call(unsigned command, uint64_t count)
{
    return call_at(command, ARG, count);
}

TEST(maps_and_unmaps_in_one_call)
{
    struct gnttab_map_grant_ref *m;
    struct gnttab_unmap_grant_ref *u;
    uint32_t handles[9];
    uint64_t flushes;

    start();
    m = caller_at(v, ARG);
    for (unsigned i = 0; i < 9; i++) {
        m[i] = (struct gnttab_map_grant_ref){.host_addr = SCRATCH + i * 4096,
                                             .flags = GNTMAP_host_map,
                                             .ref = 8 + i,
                                             .dom = 1};
    }
    EXPECT_EQ(call(GNTTABOP_map_grant_ref, 9), 0);
    for (unsigned i = 0; i < 9; i++) {
        EXPECT_EQ(m[i].status, i < 8 ? GNTST_okay : GNTST_general_error);
        EXPECT_EQ(m[i].dev_bus_addr, i < 8 ? SCRATCH + i * 4096 : 0);
        handles[i] = m[i].handle;
    }
    EXPECT_EQ(entry(15)->flags, GTF_permit_access | GTF_reading | GTF_writing);
    domains_check();
    u = caller_at(v, ARG);
    for (unsigned i = 0; i < 9; i++) {
        u[i] = (struct gnttab_unmap_grant_ref){.host_addr = SCRATCH + i * 4096,
                                               .handle = handles[i]};
    }
    flushes = fake_flush_count();
    EXPECT_EQ(call(GNTTABOP_unmap_grant_ref, 9), 0);
    EXPECT_EQ(fake_flush_count() - flushes, 1);
    for (unsigned i = 0; i < 9; i++) {
        EXPECT_EQ(u[i].status, i < 8 ? GNTST_okay : GNTST_bad_handle);
    }
    EXPECT_EQ(entry(15)->flags, GTF_permit_access);
    domains_check();
}

TEST(long_arrays_go_on)
{
    struct gnttab_map_grant_ref *m;

    start();
    m = caller_at(v, ARG);
    for (unsigned i = 0; i < 80; i++) {
        m[i] = (struct gnttab_map_grant_ref){.host_addr = SCRATCH + i * 4096,
                                             .flags = GNTMAP_host_map,
                                             .ref = 8,
                                             .dom = 1};
    }
    v->work = VCPU_WORK_RESCHED;
    EXPECT_EQ(call(GNTTABOP_map_grant_ref, 80), 0);
    for (unsigned i = 0; i < 80; i++) {
        EXPECT_EQ(m[i].status, GNTST_okay);
        EXPECT_EQ(m[i].handle, i);
    }
    domains_check();
}

static struct gnttab_copy *copy(void)
{
    struct gnttab_copy *c = caller_at(v, ARG);

    *c = (struct gnttab_copy){
        .source = {.u.ref = 8, .domid = 1, .offset = 0x100},
        .dest = {.u.gmfn = 0x30, .domid = DOMID_SELF, .offset = 0x800},
        .len = 0x40,
        .flags = GNTCOPY_source_gref,
        .status = 77,
    };
    return c;
}

TEST(copies_both_ways)
{
    struct gnttab_copy *c;
    uint8_t *theirs, *ours;

    start();
    theirs = domain_page(granter, GRANTED);
    ours = domain_page(d, 0x30);
    memset(theirs + 0x100, 0x11, 0x40);
    c = copy();
    EXPECT_EQ(call(GNTTABOP_copy, 1), 0);
    EXPECT_EQ(c->status, GNTST_okay);
    EXPECT_EQ(ours[0x7ff], 0);
    EXPECT_EQ(ours[0x800], 0x11);
    EXPECT_EQ(ours[0x83f], 0x11);
    EXPECT_EQ(ours[0x840], 0);
    c->source = (struct gnttab_copy_ptr){{.gmfn = 0x30}, DOMID_SELF, 0x800};
    c->dest = (struct gnttab_copy_ptr){{.ref = 9}, 1, 0};
    c->flags = GNTCOPY_dest_gref;
    EXPECT_EQ(call(GNTTABOP_copy, 1), 0);
    EXPECT_EQ(c->status, GNTST_okay);
    EXPECT_EQ(((uint8_t *)domain_page(granter, GRANTED + 1))[0x3f], 0x11);
    EXPECT_EQ(entry(9)->flags, GTF_permit_access);
    domains_check();
}

/* What is only promised is read as zeros, and stays a promise; a granted one
 * becomes a page first. */
TEST(copies_of_promises)
{
    struct gnttab_copy *c;

    start();
    EXPECT_EQ(memory_mark_pod(d, GFN(0x50), 0), 0);
    EXPECT_EQ(memory_mark_pod(granter, GFN(0x50), 0), 0);
    EXPECT_EQ(memory_set_pod_target(granter, 8 + 1), 0);
    *entry(20) = (struct grant_entry_v1){GTF_permit_access, 0, 0x50};
    c = caller_at(v, ARG);
    c[0] = (struct gnttab_copy){
        .source = {.u.gmfn = 0x50, .domid = DOMID_SELF, .offset = 8},
        .dest = {.u.ref = 8, .domid = 1, .offset = 8},
        .len = 16,
        .flags = GNTCOPY_dest_gref};
    c[1] = (struct gnttab_copy){
        .source = {.u.ref = 20, .domid = 1, .offset = 8},
        .dest = {.u.gmfn = 0x30, .domid = DOMID_SELF, .offset = 8},
        .len = 16,
        .flags = GNTCOPY_source_gref};
    memset(domain_page(granter, GRANTED), 7, PAGE_SIZE);
    memset(domain_page(d, 0x30), 7, PAGE_SIZE);
    EXPECT_EQ(call(GNTTABOP_copy, 2), 0);
    EXPECT_EQ(c[0].status, GNTST_okay);
    EXPECT_EQ(c[1].status, GNTST_okay);
    for (unsigned i = 0; i < 32; i++) {
        char expected = i >= 8 && i < 24 ? 0 : 7;

        EXPECT_EQ(((char *)domain_page(granter, GRANTED))[i], expected);
        EXPECT_EQ(((char *)domain_page(d, 0x30))[i], expected);
    }
    EXPECT_EQ(d->pod.entry_count, 1);
    EXPECT_EQ(granter->pod.entry_count, 0);
    domains_check();
}

/* What cannot be told is not done. */
TEST(a_status_without_memory)
{
    const struct memory_policy crash = {.on_empty = MEMORY_CRASH};
    const unsigned in_first_page =
        offsetof(struct gnttab_map_grant_ref, status);
    struct gnttab_map_grant_ref m = {
        .host_addr = SCRATCH, .flags = GNTMAP_host_map, .ref = 8, .dom = 1};
    gfn_t at = GFN(SCRATCH >> PAGE_SHIFT);

    start();
    EXPECT_EQ(memory_set_policy(d, &crash), 0);
    EXPECT_EQ(memory_mark_pod(d, GFN(0x50), 0), 0);
    *domain_pte(d, 0x4f) = 0x3fULL << PAGE_SHIFT | 3;
    *domain_pte(d, 0x50) = 0x50ULL << PAGE_SHIFT | 3;
    for (unsigned i = 0; i < 64; i++) {
        ((char *)domain_page(d, i))[PAGE_SIZE / 2] =
            1; /* nothing to be found */
    }
    memcpy((char *)domain_page(d, 0x3f) + PAGE_SIZE - in_first_page, &m,
           in_first_page);
    EXPECT_EQ(call_at(GNTTABOP_map_grant_ref, 0x50000 - in_first_page, 1),
              -ENOMEM);
    EXPECT_EQ(p2m_get(&d->p2m, at).type, P2M_HOLE);
    EXPECT_EQ(memory_set_pod_target(d, 64 + 1), 0);
    EXPECT_EQ(call_at(GNTTABOP_map_grant_ref, 0x50000 - in_first_page, 1), 0);
    EXPECT_EQ(*(int16_t *)domain_page(d, 0x50), GNTST_okay);
    EXPECT_EQ(p2m_get(&d->p2m, at).type, P2M_GRANT);
    domains_check();
}

TEST(wrong_copies)
{
    struct gnttab_copy *c;

    start();
    c = copy();
    c->len = 0xf01;
    EXPECT_EQ(call(GNTTABOP_copy, 1), 0);
    EXPECT_EQ(c->status, GNTST_bad_copy_arg);
    c = copy();
    c->dest.offset = 0xffff;
    EXPECT_EQ(call(GNTTABOP_copy, 1), 0);
    EXPECT_EQ(c->status, GNTST_bad_copy_arg);
    c = copy();
    c->source.u.ref = 100;
    EXPECT_EQ(call(GNTTABOP_copy, 1), 0);
    EXPECT_EQ(c->status, GNTST_general_error);
    c = copy();
    c->source.domid = 99;
    EXPECT_EQ(call(GNTTABOP_copy, 1), 0);
    EXPECT_EQ(c->status, GNTST_bad_domain);
    c = copy();
    c->dest.domid = 1; /* a frame that is not one's own, without a grant */
    EXPECT_EQ(call(GNTTABOP_copy, 1), 0);
    EXPECT_EQ(c->status, GNTST_permission_denied);
    c = copy();
    c->dest.u.gmfn = 64;
    EXPECT_EQ(call(GNTTABOP_copy, 1), 0);
    EXPECT_EQ(c->status, GNTST_bad_page);
    EXPECT_EQ(entry(8)->flags, GTF_permit_access);
    entry(8)->flags |= GTF_readonly;
    c = copy();
    c->dest = c->source;
    c->flags = GNTCOPY_source_gref | GNTCOPY_dest_gref;
    EXPECT_EQ(call(GNTTABOP_copy, 1), 0);
    EXPECT_EQ(c->status, GNTST_general_error);
    EXPECT_EQ(entry(8)->flags, GTF_permit_access | GTF_readonly);
    domains_check();
}

TEST(sizes_and_versions)
{
    struct gnttab_query_size *q;
    struct gnttab_set_version *s;
    struct gnttab_get_version *g;

    start();
    q = caller_at(v, ARG);
    *q = (struct gnttab_query_size){.dom = DOMID_SELF};
    EXPECT_EQ(call(GNTTABOP_query_size, 1), 0);
    EXPECT_EQ(q->status, GNTST_okay);
    EXPECT_EQ(q->nr_frames, 1);
    EXPECT_EQ(q->max_nr_frames, 4);
    q->dom = 99;
    EXPECT_EQ(call(GNTTABOP_query_size, 1), 0);
    EXPECT_EQ(q->status, GNTST_bad_domain);
    EXPECT_EQ(call(GNTTABOP_query_size, 2), -EINVAL);
    s = caller_at(v, ARG);
    s->version = 1;
    EXPECT_EQ(call(GNTTABOP_set_version, 1), 0);
    s->version = 2;
    EXPECT_EQ(call(GNTTABOP_set_version, 1), -ENOSYS);
    s->version = 3;
    EXPECT_EQ(call(GNTTABOP_set_version, 1), -EINVAL);
    g = caller_at(v, ARG);
    *g = (struct gnttab_get_version){.dom = 1};
    EXPECT_EQ(call(GNTTABOP_get_version, 1), 0);
    EXPECT_EQ(g->version, 1);
}

TEST(setup_table_says_where_frames_are)
{
    struct gnttab_setup_table *s;

    start();
    s = caller_at(v, ARG);
    *s = (struct gnttab_setup_table){
        .dom = DOMID_SELF,
        .nr_frames = 2,
        .frame_list = {(xen_pfn_t *)(uint64_t)LIST},
    };
    EXPECT_EQ(call(GNTTABOP_setup_table, 1), 0);
    EXPECT_EQ(s->status, GNTST_okay);
    EXPECT_EQ(d->grants.frame_count, 2);
    EXPECT_EQ(*(xen_pfn_t *)domain_page(d, LIST >> 12), ~0UL);
    s->nr_frames = 5;
    EXPECT_EQ(call(GNTTABOP_setup_table, 1), 0);
    EXPECT_EQ(s->status, GNTST_general_error);
    s->nr_frames = 2;
    s->frame_list.p = (xen_pfn_t *)(uint64_t)HOLE;
    EXPECT_EQ(call(GNTTABOP_setup_table, 1), -EFAULT);
}

TEST(wrong_calls)
{
    start();
    EXPECT_EQ(call(99, 1), -ENOSYS);
    EXPECT_EQ(call(GNTTABOP_transfer, 1), -ENOSYS);
    EXPECT_EQ(call(GNTTABOP_copy, 0), 0);
    EXPECT_EQ(call(GNTTABOP_copy, 1U << 31), -EINVAL);
    EXPECT_EQ(call_at(GNTTABOP_copy, HOLE, 1), -EFAULT);
    EXPECT_EQ(call_at(GNTTABOP_map_grant_ref, HOLE - 16, 1), -EFAULT);
}
