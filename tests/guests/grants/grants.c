/* SPDX-License-Identifier: MIT */
//! cpus: 1 2
/*
 * Grant tables, version 1 (HC-18, HC-19, HC-28).
 *
 * A grant lets one domain map or copy to and from one page of another. Whoever
 * maps it is seen in the granter's entry: GTF_reading, and GTF_writing unless
 * read-only, from the first mapping to the end of the last. An unmapping must
 * name handle and address alike. Every item of a call has its own status; what
 * is refused changes nothing. Here a domain grants to itself; if it may make a
 * child, that grants too, also beyond its death.
 */
#include "child.h"

#include "console.h"
#include "hypercall.h"
#include "lib/string.h"
#include "main.h"
#include "memory.h"
#include "test.h"
#include "trap.h"

#include <xen/grant_table.h>

#define REF        8 /* the first that nothing else uses */
#define FLAGS_RW   (GTF_permit_access | GTF_reading | GTF_writing)
#define FLAGS_RO   (GTF_permit_access | GTF_reading)
#define HOST_MAP   GNTMAP_host_map
#define HOST_RO    (GNTMAP_host_map | GNTMAP_readonly)
#define VALUE      0x6772616e74ULL
#define BAD_HANDLE 0xfffffff0u

static volatile struct grant_entry_v1 *table;

static void setup_table(void)
{
    struct xen_add_to_physmap add = {.domid = DOMID_SELF,
                                     .space = XENMAPSPACE_grant_table,
                                     .gpfn = hole_alloc(1)};

    REQUIRE(memory_op(XENMEM_add_to_physmap, &add) == 0);
    table = gfn_address(add.gpfn);
}

static void grant(volatile struct grant_entry_v1 *t, unsigned ref, domid_t to,
                  uint64_t gfn, uint16_t flags)
{
    t[ref].flags = 0;
    t[ref].domid = to;
    t[ref].frame = gfn;
    mem_barrier();
    t[ref].flags = GTF_permit_access | flags;
}

/* Status; the handle through *handle. */
static int map(domid_t from, unsigned ref, uint64_t gfn, uint32_t flags,
               grant_handle_t *handle)
{
    struct gnttab_map_grant_ref op = {.host_addr = gfn << PAGE_SHIFT,
                                      .flags = flags,
                                      .ref = ref,
                                      .dom = from};

    EXPECT_EQ(grant_op(GNTTABOP_map_grant_ref, &op, 1), 0);
    *handle = op.handle;
    return op.status;
}

static int unmap(uint64_t gfn, grant_handle_t handle)
{
    struct gnttab_unmap_grant_ref op = {.host_addr = gfn << PAGE_SHIFT,
                                        .handle = handle};

    EXPECT_EQ(grant_op(GNTTABOP_unmap_grant_ref, &op, 1), 0);
    return op.status;
}

static volatile uint64_t *word(uint64_t gfn)
{
    return gfn_address(gfn);
}

static void test_table(void)
{
    struct gnttab_query_size size = {.dom = DOMID_SELF};
    struct gnttab_set_version set = {.version = 1};
    struct gnttab_get_version get = {.dom = DOMID_SELF};

    test_section("the table");
    EXPECT_EQ(grant_op(GNTTABOP_query_size, &size, 1), 0);
    EXPECT_EQ(size.status, GNTST_okay);
    EXPECT(size.nr_frames >= 1 && size.nr_frames <= size.max_nr_frames);
    EXPECT_EQ(grant_op(GNTTABOP_set_version, &set, 1), 0);
    EXPECT_EQ(set.version, 1);
    set.version = 3;
    EXPECT_EQ(grant_op(GNTTABOP_set_version, &set, 1), -EINVAL);
    EXPECT_EQ(grant_op(GNTTABOP_get_version, &get, 1), 0);
    EXPECT_EQ(get.version, 1);
    for (unsigned i = REF; i < PAGE_SIZE / sizeof(*table); i++) {
        if (table[i].flags) {
            EXPECT_EQ(table[i].flags, 0);
            break;
        }
    }
}

static void test_map(void)
{
    uint64_t page = gfn_of(page_alloc()), a = hole_alloc(1), b = hole_alloc(1);
    grant_handle_t first, second;

    test_section("map and unmap");
    *word(page) = VALUE;
    grant(table, REF, own_domid(), page, 0);
    EXPECT_EQ(map(own_domid(), REF, a, HOST_MAP, &first), 0);
    EXPECT_EQ(table[REF].flags, FLAGS_RW);
    EXPECT_EQ(*word(a), VALUE);
    *word(a) = VALUE + 1;
    EXPECT_EQ(*word(page), VALUE + 1);
    /* Twice at once. */
    EXPECT_EQ(map(own_domid(), REF, b, HOST_MAP, &second), 0);
    EXPECT(first != second);
    EXPECT_EQ(*word(b), VALUE + 1);
    EXPECT_EQ(unmap(a, first), 0);
    EXPECT_EQ(table[REF].flags, FLAGS_RW);
    EXPECT_EQ(*word(a), ~0UL); /* a hole again */
    EXPECT_EQ(unmap(b, second), 0);
    EXPECT_EQ(table[REF].flags, GTF_permit_access);
    hole_free(a);
    hole_free(b);
}

static void test_unmap_exactly(void)
{
    uint64_t page = gfn_of(page_alloc()), a = hole_alloc(1), b = hole_alloc(1);
    grant_handle_t handle;

    test_section("unmap by handle and address");
    *word(page) = VALUE;
    grant(table, REF, own_domid(), page, 0);
    EXPECT_EQ(map(own_domid(), REF, a, HOST_MAP, &handle), 0);
    EXPECT(unmap(b, handle) < 0);
    EXPECT_EQ(unmap(a, BAD_HANDLE), GNTST_bad_handle);
    EXPECT_EQ(unmap(a, handle + 1), GNTST_bad_handle);
    EXPECT_EQ(*word(a), VALUE);
    EXPECT_EQ(table[REF].flags, FLAGS_RW);
    EXPECT_EQ(unmap(a, handle), 0);
    EXPECT_EQ(unmap(a, handle), GNTST_bad_handle);
    EXPECT_EQ(table[REF].flags, GTF_permit_access);
    hole_free(a);
    hole_free(b);
}

static void test_read_only(void)
{
    uint64_t page = gfn_of(page_alloc()), a = hole_alloc(1), b = hole_alloc(1);
    grant_handle_t first, second;

    test_section("read-only");
    *word(page) = VALUE;
    grant(table, REF, own_domid(), page, 0);
    EXPECT_EQ(map(own_domid(), REF, a, HOST_RO, &first), 0);
    EXPECT_EQ(table[REF].flags, FLAGS_RO);
    EXPECT_EQ(*word(a), VALUE);
    /* Dropped or a fault: it has no effect. */
    write_faults(word(a));
    EXPECT_EQ(*word(page), VALUE);
    /* The mark for writing goes with the last mapping that may write. */
    EXPECT_EQ(map(own_domid(), REF, b, HOST_MAP, &second), 0);
    EXPECT_EQ(table[REF].flags, FLAGS_RW);
    EXPECT_EQ(unmap(b, second), 0);
    EXPECT_EQ(table[REF].flags, FLAGS_RO);
    EXPECT_EQ(unmap(a, first), 0);
    EXPECT_EQ(table[REF].flags, GTF_permit_access);

    grant(table, REF, own_domid(), page, GTF_readonly);
    EXPECT(map(own_domid(), REF, a, HOST_MAP, &first) < 0);
    EXPECT_EQ(table[REF].flags, GTF_permit_access | GTF_readonly);
    EXPECT_EQ(map(own_domid(), REF, a, HOST_RO, &first), 0);
    EXPECT_EQ(unmap(a, first), 0);
    hole_free(a);
    hole_free(b);
}

static void test_refused(void)
{
    uint64_t page = gfn_of(page_alloc()), a = hole_alloc(1);
    grant_handle_t h;

    test_section("refused");
    EXPECT_EQ(map(0x7000, REF, a, HOST_MAP, &h), GNTST_bad_domain);
    EXPECT_EQ(map(own_domid(), 0x7fffffff, a, HOST_MAP, &h), GNTST_bad_gntref);
    EXPECT_EQ(map(own_domid(), ~0u, a, HOST_MAP, &h), GNTST_bad_gntref);
    table[REF].flags = 0;
    EXPECT(map(own_domid(), REF, a, HOST_MAP, &h) < 0);
    grant(table, REF, own_domid() + 1, page, 0); /* to somebody else */
    EXPECT(map(own_domid(), REF, a, HOST_MAP, &h) < 0);
    EXPECT_EQ(table[REF].flags, GTF_permit_access);
    grant(table, REF, own_domid(), 0xffffffff, 0); /* no such frame */
    EXPECT(map(own_domid(), REF, a, HOST_MAP, &h) < 0);
    EXPECT_EQ(table[REF].flags, GTF_permit_access);
    grant(table, REF, own_domid(), hole_alloc(1), 0); /* nothing there */
    EXPECT(map(own_domid(), REF, a, HOST_MAP, &h) < 0);
    EXPECT_EQ(table[REF].flags, GTF_permit_access);
    grant(table, REF, own_domid(), page, 0);
    EXPECT(map(own_domid(), REF, 1UL << 51, HOST_MAP, &h) < 0);
    EXPECT(map(own_domid(), REF, a, 0, &h) < 0);
    EXPECT_EQ(table[REF].flags, GTF_permit_access);
    hole_free(a);
}

static void test_batch(void)
{
    struct gnttab_map_grant_ref ops[3];
    struct gnttab_unmap_grant_ref un[3];
    uint64_t page = gfn_of(page_alloc()), to = hole_alloc(3);

    test_section("three at once, the second wrong");
    grant(table, REF, own_domid(), page, 0);
    for (unsigned i = 0; i < 3; i++) {
        ops[i] =
            (struct gnttab_map_grant_ref){.host_addr = (to + i) << PAGE_SHIFT,
                                          .flags = HOST_MAP,
                                          .ref = i == 1 ? ~0u : REF,
                                          .dom = DOMID_SELF};
    }
    EXPECT_EQ(grant_op(GNTTABOP_map_grant_ref, ops, 3), 0);
    EXPECT_EQ(ops[0].status, 0);
    EXPECT_EQ(ops[1].status, GNTST_bad_gntref);
    EXPECT_EQ(ops[2].status, 0);
    for (unsigned i = 0; i < 3; i++) {
        un[i] = (struct gnttab_unmap_grant_ref){
            .host_addr = ops[i].host_addr,
            .handle = i == 1 ? BAD_HANDLE : ops[i].handle};
    }
    EXPECT_EQ(grant_op(GNTTABOP_unmap_grant_ref, un, 3), 0);
    EXPECT_EQ(un[0].status, 0);
    EXPECT_EQ(un[1].status, GNTST_bad_handle);
    EXPECT_EQ(un[2].status, 0);
    EXPECT_EQ(table[REF].flags, GTF_permit_access);
}

/* --- Copies --- */

static struct gnttab_copy copy_between(uint64_t from, uint16_t at, uint64_t to,
                                       uint16_t to_at, uint16_t length)
{
    return (struct gnttab_copy){
        .source = {.u.gmfn = from, .domid = DOMID_SELF, .offset = at},
        .dest = {.u.gmfn = to, .domid = DOMID_SELF, .offset = to_at},
        .len = length,
    };
}

static int copy(struct gnttab_copy op)
{
    EXPECT_EQ(grant_op(GNTTABOP_copy, &op, 1), 0);
    return op.status;
}

static void test_copy(void)
{
    uint8_t *from = page_alloc(), *to = page_alloc();
    uint64_t f = gfn_of(from), t = gfn_of(to);
    struct gnttab_copy op;

    test_section("copy");
    for (unsigned i = 0; i < PAGE_SIZE; i++) {
        from[i] = i * 7;
    }
    EXPECT_EQ(copy(copy_between(f, 0, t, 0, PAGE_SIZE)), 0);
    EXPECT_EQ(memcmp(from, to, PAGE_SIZE), 0);
    memset(to, 0, PAGE_SIZE);
    EXPECT_EQ(copy(copy_between(f, 100, t, 4000, 96)), 0);
    EXPECT_EQ(memcmp(from + 100, to + 4000, 96), 0);
    EXPECT_EQ(to[3999], 0);
    EXPECT_EQ(copy(copy_between(f, 0, t, 0, 0)), 0);

    grant(table, REF, own_domid(), f, GTF_readonly);
    op = copy_between(0, 8, t, 8, 64);
    op.source.u.ref = REF;
    op.flags = GNTCOPY_source_gref;
    EXPECT_EQ(copy(op), 0);
    EXPECT_EQ(memcmp(from + 8, to + 8, 64), 0);
    EXPECT_EQ(table[REF].flags, GTF_permit_access | GTF_readonly);

    grant(table, REF + 1, own_domid(), t, 0);
    op.dest.u.ref = REF + 1;
    op.flags |= GNTCOPY_dest_gref;
    op.source.offset = op.dest.offset = 512;
    EXPECT_EQ(copy(op), 0);
    EXPECT_EQ(memcmp(from + 512, to + 512, 64), 0);
    EXPECT_EQ(table[REF + 1].flags, GTF_permit_access);
}

static void test_copy_refused(void)
{
    uint8_t *from = page_alloc(), *to = page_alloc();
    uint64_t f = gfn_of(from), t = gfn_of(to);
    struct gnttab_copy op;

    test_section("copy refused");
    memset(from, 9, PAGE_SIZE);
    EXPECT_EQ(copy(copy_between(f, 1, t, 0, PAGE_SIZE)), GNTST_bad_copy_arg);
    EXPECT_EQ(copy(copy_between(f, 0, t, 4095, 2)), GNTST_bad_copy_arg);
    EXPECT_EQ(copy(copy_between(f, 0xffff, t, 0, 1)), GNTST_bad_copy_arg);
    EXPECT_EQ(copy(copy_between(f, 0, t, 0, 0xffff)), GNTST_bad_copy_arg);
    EXPECT(copy(copy_between(1UL << 50, 0, t, 0, 8)) < 0);
    EXPECT(copy(copy_between(hole_alloc(1), 0, t, 0, 8)) < 0);
    EXPECT(copy(copy_between(f, 0, hole_alloc(1), 0, 8)) < 0);

    /* A frame of another domain needs a grant. */
    op = copy_between(f, 0, t, 0, 8);
    op.dest.domid = 0x7000;
    EXPECT(copy(op) < 0);
    op.flags = GNTCOPY_dest_gref;
    op.dest.u.ref = REF;
    EXPECT_EQ(copy(op), GNTST_bad_domain);
    /* Writing needs more than a read-only one. */
    grant(table, REF, own_domid(), t, GTF_readonly);
    op.dest.domid = DOMID_SELF;
    EXPECT(copy(op) < 0);
    op.dest.u.ref = ~0u;
    EXPECT_EQ(copy(op), GNTST_bad_gntref);
    for (unsigned i = 0; i < PAGE_SIZE; i++) {
        if (to[i]) {
            EXPECT_EQ(to[i], 0);
            break;
        }
    }
}

static void test_bad_calls(void)
{
    struct gnttab_map_grant_ref op = {.host_addr = 0};

    test_section("bad calls");
    EXPECT_EQ(grant_op(GNTTABOP_map_grant_ref, (void *)MAP_BASE, 1), -EFAULT);
    EXPECT_EQ(grant_op(GNTTABOP_copy, (void *)NON_CANONICAL, 1), -EFAULT);
    EXPECT_EQ(grant_op(GNTTABOP_map_grant_ref, &op, ~0u), -EINVAL);
    EXPECT_EQ(grant_op(99, &op, 1), -ENOSYS);
    EXPECT_EQ(grant_op(GNTTABOP_map_grant_ref, &op, 0), 0);
}

/* --- A child that grants --- */

/* Its table, as the toolstack sees it (TS-30). */
static struct grant_entry_v1 *table_of(const struct child *c)
{
    xen_pfn_t gfn = hole_alloc(1);
    struct xen_mem_acquire_resource r = {
        .domid = c->id,
        .type = XENMEM_resource_grant_table,
        .id = XENMEM_resource_grant_table_id_shared,
        .nr_frames = 1,
    };

    set_xen_guest_handle(r.frame_list, &gfn);
    REQUIRE(memory_op(XENMEM_acquire_resource, &r) == 0);
    return gfn_address(gfn);
}

static void test_of_child(void)
{
    const uint64_t gfn = 600;
    uint64_t a = hole_alloc(1), free_before = host_free_pages();
    struct grant_entry_v1 *theirs;
    grant_handle_t handle;
    struct child c;

    test_section("a child's page");
    REQUIRE(child_make(&c, 1024, 1024) == 0);
    theirs = table_of(&c);
    child_write(&c, gfn << PAGE_SHIFT, VALUE);
    grant(theirs, REF, own_domid(), gfn, 0);
    EXPECT_EQ(map(c.id, REF, a, HOST_MAP, &handle), 0);
    EXPECT_EQ(theirs[REF].flags, FLAGS_RW);
    EXPECT_EQ(*word(a), VALUE);
    *word(a) = VALUE + 1;
    EXPECT_EQ(child_read(&c, gfn << PAGE_SHIFT), VALUE + 1);
    /* Given away by the child while we hold it: it stays ours to read. */
    EXPECT_EQ(child_reservation(&c, XENMEM_decrease_reservation, gfn, 1, 1, 0),
              1);
    EXPECT_EQ(*word(a), VALUE + 1);
    EXPECT_EQ(unmap(a, handle), 0);
    EXPECT_EQ(theirs[REF].flags, GTF_permit_access);
    child_unmap(theirs);
    EXPECT_EQ(child_destroy(&c), 0);
    EXPECT_EQ(host_free_pages(), free_before);
    hole_free(a);
}

/* A domain that is destroyed is not gone while its page is mapped. */
static void test_beyond_death(void)
{
    const uint64_t gfn = 600;
    uint64_t a = hole_alloc(1), free_before = host_free_pages();
    struct xen_domctl_getdomaininfo info;
    struct grant_entry_v1 *theirs;
    grant_handle_t handle;
    struct child c;

    test_section("mapped beyond the granter's death");
    REQUIRE(child_make(&c, 1024, 1024) == 0);
    theirs = table_of(&c);
    child_write(&c, gfn << PAGE_SHIFT, VALUE);
    grant(theirs, REF, own_domid(), gfn, 0);
    EXPECT_EQ(map(c.id, REF, a, HOST_MAP, &handle), 0);
    child_unmap(theirs);
    child_unmap(c.channel);
    c.channel = NULL;
    EXPECT_EQ(domctl_simple(XEN_DOMCTL_destroydomain, c.id), 0);
    EXPECT_EQ(*word(a), VALUE);
    EXPECT_EQ(child_info(&c, &info), 0);
    EXPECT(info.flags & XEN_DOMINF_dying);
    EXPECT(info.tot_pages <= 2);
    expect_clean_audit();
    EXPECT_EQ(unmap(a, handle), 0);
    for (unsigned i = 0; i < 1000 && child_info(&c, &info) == 0; i++) {
        give_way();
    }
    EXPECT_EQ(child_info(&c, &info), -ESRCH);
    EXPECT_EQ(host_free_pages(), free_before);
    hole_free(a);
}

/* A promised frame may be granted: mapping it is a touch (TS-40). */
static void test_promised(void)
{
    const uint64_t gfn = 1024 + 7;
    uint64_t a = hole_alloc(1);
    struct grant_entry_v1 *theirs;
    grant_handle_t handle;
    struct child c;

    test_section("a promised page");
    REQUIRE(child_make(&c, 4096, 2048) == 0);
    theirs = table_of(&c);
    grant(theirs, REF, own_domid(), gfn, 0);
    EXPECT_EQ(map(c.id, REF, a, HOST_MAP, &handle), 0);
    EXPECT_EQ(*word(a), 0);
    *word(a) = VALUE;
    EXPECT_EQ(child_read(&c, gfn << PAGE_SHIFT), VALUE);
    EXPECT_EQ(unmap(a, handle), 0);
    child_unmap(theirs);
    EXPECT_EQ(child_destroy(&c), 0);
    hole_free(a);
}

void test_main(void)
{
    setup_table();
    test_table();
    test_map();
    test_unmap_exactly();
    test_read_only();
    test_refused();
    test_batch();
    test_copy();
    test_copy_refused();
    test_bad_calls();
    if (is_privileged()) {
        children_init();
        test_of_child();
        test_beyond_death();
        test_promised();
        expect_clean_audit();
    }
}
