/* SPDX-License-Identifier: MIT */
#include "domain/sched.h"
#include "domains.h"
#include "machine.h"
#include "mm/heap.h"
#include "types/bits.h"
#include "types/error.h"

#include <xen/grant_table.h>

#define GFN_GRANTED 0x20 /* of the granter: RAM with a 0x5a in it */
#define GPA_SCRATCH 0x7000000ULL

static struct domain *granter, *mapper;

static struct grant_entry_v1 *entry(struct domain *d, uint32_t ref)
{
    struct grant_entry_v1 *frame = page_map(d->grants.frames[ref / 512]);

    return &frame[ref % 512];
}

static void grant(uint32_t ref, unsigned flags, domid_t to, uint32_t frame)
{
    entry(granter, ref)->domid = to;
    entry(granter, ref)->frame = frame;
    entry(granter, ref)->flags = flags;
}

static void start(void)
{
    machine_start(0x4000);
    mapper = domain_new(0, 1);
    granter = domain_new(1, 1);
    domain_fill(granter, GFN_GRANTED, 4);
    memset(domain_page(granter, GFN_GRANTED), 0x5a, PAGE_SIZE);
}

static int map(uint32_t ref, unsigned flags, uint64_t gpa, uint32_t *handle)
{
    return grant_map(mapper, granter->id, ref, flags, gpa, handle);
}

/* A guest's access through the second stage. */
static void *touch(struct domain *d, uint64_t gpa, enum fake_access access)
{
    struct guest_exit fault;

    return fake_guest_access(&d->p2m.tlb, d->p2m.root, GPA(gpa), access,
                             &fault);
}

TEST(map_shows_the_page_and_marks_the_grant)
{
    uint32_t handle;
    struct p2m_entry e;

    start();
    grant(8, GTF_permit_access, 0, GFN_GRANTED);
    EXPECT_EQ(map(8, GNTMAP_host_map, GPA_SCRATCH, &handle), GNTST_okay);
    EXPECT_EQ(*(uint8_t *)touch(mapper, GPA_SCRATCH, FAKE_READ), 0x5a);
    EXPECT(touch(mapper, GPA_SCRATCH, FAKE_WRITE));
    e = p2m_get(&mapper->p2m, GFN(GPA_SCRATCH >> 12));
    EXPECT_EQ(e.type, P2M_GRANT);
    EXPECT_EQ(entry(granter, 8)->flags,
              GTF_permit_access | GTF_reading | GTF_writing);
    domains_check();

    EXPECT_EQ(grant_unmap(mapper, handle, GPA_SCRATCH), GNTST_okay);
    EXPECT_EQ(entry(granter, 8)->flags, GTF_permit_access);
    EXPECT(!touch(mapper, GPA_SCRATCH, FAKE_READ));
    EXPECT_EQ(fake_stale_translations(&mapper->p2m.tlb, mapper->p2m.root), 0);
    EXPECT_EQ(grant_unmap(mapper, handle, GPA_SCRATCH), GNTST_bad_handle);
    domains_check();
}

TEST(read_only_maps_stay_read_only)
{
    uint32_t handle;

    start();
    grant(8, GTF_permit_access | GTF_readonly, 0, GFN_GRANTED);
    EXPECT_EQ(map(8, GNTMAP_host_map, GPA_SCRATCH, &handle),
              GNTST_general_error);
    EXPECT_EQ(entry(granter, 8)->flags, GTF_permit_access | GTF_readonly);
    EXPECT_EQ(map(8, GNTMAP_host_map | GNTMAP_readonly, GPA_SCRATCH, &handle),
              GNTST_okay);
    EXPECT(touch(mapper, GPA_SCRATCH, FAKE_READ));
    EXPECT(!touch(mapper, GPA_SCRATCH, FAKE_WRITE));
    EXPECT_EQ(entry(granter, 8)->flags,
              GTF_permit_access | GTF_readonly | GTF_reading);
    domains_check();
}

TEST(bits_follow_the_last_of_several_mappings)
{
    uint32_t reader, writer;

    start();
    grant(8, GTF_permit_access, 0, GFN_GRANTED);
    EXPECT_EQ(map(8, GNTMAP_host_map | GNTMAP_readonly, GPA_SCRATCH, &reader),
              GNTST_okay);
    EXPECT_EQ(map(8, GNTMAP_host_map, GPA_SCRATCH + 4096, &writer), GNTST_okay);
    domains_check();
    EXPECT_EQ(grant_unmap(mapper, writer, GPA_SCRATCH + 4096), GNTST_okay);
    EXPECT_EQ(entry(granter, 8)->flags, GTF_permit_access | GTF_reading);
    EXPECT_EQ(grant_unmap(mapper, reader, GPA_SCRATCH), GNTST_okay);
    EXPECT_EQ(entry(granter, 8)->flags, GTF_permit_access);
    domains_check();
}

TEST(what_is_not_granted_is_refused)
{
    uint32_t handle;

    start();
    EXPECT_EQ(map(8, GNTMAP_host_map, GPA_SCRATCH, &handle),
              GNTST_general_error); /* invalid entry */
    grant(8, GTF_permit_access, 7, GFN_GRANTED);
    EXPECT_EQ(map(8, GNTMAP_host_map, GPA_SCRATCH, &handle),
              GNTST_general_error); /* to another */
    grant(8, GTF_accept_transfer, 0, GFN_GRANTED);
    EXPECT_EQ(map(8, GNTMAP_host_map, GPA_SCRATCH, &handle),
              GNTST_general_error);
    grant(8, GTF_permit_access, 0, 0x9999);
    EXPECT_EQ(map(8, GNTMAP_host_map, GPA_SCRATCH, &handle), GNTST_bad_page);
    EXPECT_EQ(entry(granter, 8)->flags, GTF_permit_access);
    EXPECT_EQ(map(512, GNTMAP_host_map, GPA_SCRATCH, &handle),
              GNTST_bad_gntref);
    EXPECT_EQ(map(~0U, GNTMAP_host_map, GPA_SCRATCH, &handle),
              GNTST_bad_gntref);
    EXPECT_EQ(grant_map(mapper, 99, 8, GNTMAP_host_map, GPA_SCRATCH, &handle),
              GNTST_bad_domain);
    EXPECT_EQ(map(8, 0, GPA_SCRATCH, &handle), GNTST_general_error);
    EXPECT_EQ(mapper->grants.mapping_count, 0);
    domains_check();
}

TEST(a_map_wants_a_hole)
{
    uint32_t handle;

    start();
    domain_fill(mapper, 5, 1);
    grant(8, GTF_permit_access, 0, GFN_GRANTED);
    EXPECT_EQ(map(8, GNTMAP_host_map, 5 << 12, &handle), GNTST_bad_virt_addr);
    EXPECT_EQ(map(8, GNTMAP_host_map, ~0ULL << 12, &handle),
              GNTST_bad_virt_addr);
    EXPECT_EQ(entry(granter, 8)->flags, GTF_permit_access);
    EXPECT_EQ(p2m_get(&mapper->p2m, GFN(5)).type, P2M_RAM);
    EXPECT_EQ(map(8, GNTMAP_host_map, GPA_SCRATCH, &handle), GNTST_okay);
    EXPECT_EQ(map(8, GNTMAP_host_map, GPA_SCRATCH, &handle),
              GNTST_bad_virt_addr);
    domains_check();
}

TEST(unmap_is_exact)
{
    uint32_t handle;

    start();
    grant(8, GTF_permit_access, 0, GFN_GRANTED);
    EXPECT_EQ(map(8, GNTMAP_host_map, GPA_SCRATCH, &handle), GNTST_okay);
    EXPECT_EQ(grant_unmap(mapper, handle, GPA_SCRATCH + 4096),
              GNTST_bad_virt_addr);
    EXPECT_EQ(grant_unmap(mapper, handle + 1, GPA_SCRATCH), GNTST_bad_handle);
    EXPECT_EQ(grant_unmap(mapper, ~0U, GPA_SCRATCH), GNTST_bad_handle);
    EXPECT_EQ(grant_unmap(granter, handle, GPA_SCRATCH), GNTST_bad_handle);
    EXPECT(touch(mapper, GPA_SCRATCH, FAKE_READ));
    EXPECT_EQ(grant_unmap(mapper, handle, GPA_SCRATCH), GNTST_okay);
}

/* The guest may remove our entry itself, and put something else there. */
TEST(unmap_leaves_alone_what_came_later)
{
    uint32_t handle;

    start();
    grant(8, GTF_permit_access, 0, GFN_GRANTED);
    EXPECT_EQ(map(8, GNTMAP_host_map, GPA_SCRATCH, &handle), GNTST_okay);
    EXPECT_EQ(memory_remove(mapper, GFN(GPA_SCRATCH >> 12)), 0);
    domain_fill(mapper, GPA_SCRATCH >> 12, 1);
    EXPECT_EQ(grant_unmap(mapper, handle, GPA_SCRATCH), GNTST_okay);
    EXPECT_EQ(p2m_get(&mapper->p2m, GFN(GPA_SCRATCH >> 12)).type, P2M_RAM);
    EXPECT_EQ(entry(granter, 8)->flags, GTF_permit_access);
    domains_check();
}

/* Once pinned, the entry may say what it likes. */
TEST(a_rewritten_entry_changes_nothing_for_those_who_have_it)
{
    uint32_t a, b;

    start();
    grant(8, GTF_permit_access, 0, GFN_GRANTED);
    EXPECT_EQ(map(8, GNTMAP_host_map, GPA_SCRATCH, &a), GNTST_okay);
    entry(granter, 8)->frame = GFN_GRANTED + 1;
    EXPECT_EQ(map(8, GNTMAP_host_map, GPA_SCRATCH + 4096, &b), GNTST_okay);
    EXPECT_EQ(touch(mapper, GPA_SCRATCH, FAKE_READ),
              touch(mapper, GPA_SCRATCH + 4096, FAKE_READ));
    entry(granter, 8)->domid = 1;
    EXPECT_EQ(grant_map(granter, 1, 8, GNTMAP_host_map, GPA_SCRATCH, &b),
              GNTST_general_error);
}

TEST(a_grant_survives_what_its_owner_does_to_the_page)
{
    uint32_t handle;
    struct page_alloc_info before, after;

    start();
    before = page_alloc_info();
    grant(8, GTF_permit_access, 0, GFN_GRANTED);
    EXPECT_EQ(map(8, GNTMAP_host_map, GPA_SCRATCH, &handle), GNTST_okay);
    EXPECT_EQ(memory_decrease(granter, GFN(GFN_GRANTED), 0), 0);
    EXPECT_EQ(*(uint8_t *)touch(mapper, GPA_SCRATCH, FAKE_READ), 0x5a);
    domains_check();
    EXPECT_EQ(grant_unmap(mapper, handle, GPA_SCRATCH), GNTST_okay);
    after = page_alloc_info();
    EXPECT(after.free + 8 > before.free); /* tables of the mapper may stay */
    domains_check();
}

/* PC-11: the granter stays listed and dead while its page is mapped. */
TEST(a_dead_granters_page_lives_until_unmapped)
{
    uint32_t handle;
    struct domain *d;

    start();
    grant(8, GTF_permit_access, 0, GFN_GRANTED);
    EXPECT_EQ(map(8, GNTMAP_host_map, GPA_SCRATCH, &handle), GNTST_okay);
    while (domain_kill(granter) == -ERESTART) {
        continue;
    }
    domain_put(granter);
    domain_reap();
    d = domain_get(1);
    EXPECT(d);
    EXPECT_EQ(d->dying, DOMAIN_DEAD);
    domain_put(d);
    EXPECT_EQ(*(uint8_t *)touch(mapper, GPA_SCRATCH, FAKE_READ), 0x5a);
    EXPECT_EQ(grant_unmap(mapper, handle, GPA_SCRATCH), GNTST_okay);
    domain_reap();
    EXPECT(!domain_get(1));
    domains_check();
}

TEST(a_dead_mapper_gives_all_back)
{
    uint32_t handle;
    struct domain *d2;

    start();
    d2 = domain_new(2, 1);
    for (unsigned i = 0; i < 200; i++) {
        grant(8 + i, GTF_permit_access, 2, GFN_GRANTED + i % 4);
        EXPECT_EQ(grant_map(d2, 1, 8 + i, GNTMAP_host_map,
                            GPA_SCRATCH + i * 4096, &handle),
                  GNTST_okay);
        EXPECT_EQ(handle, i);
    }
    domains_check();
    domain_end(d2);
    for (unsigned i = 0; i < 200; i++) {
        EXPECT_EQ(entry(granter, 8 + i)->flags, GTF_permit_access);
    }
    domains_check();
    domain_end(granter);
    machine_check();
}

TEST(handles_have_a_limit)
{
    uint32_t handle;
    unsigned limit = 4 * GRANT_MAPPINGS_PER_FRAME;

    start();
    grant(8, GTF_permit_access, 0, GFN_GRANTED);
    for (unsigned i = 0; i < limit; i++) {
        EXPECT_EQ(map(8, GNTMAP_host_map, GPA_SCRATCH + i * 4096ULL, &handle),
                  GNTST_okay);
    }
    EXPECT_EQ(map(8, GNTMAP_host_map, GPA_SCRATCH - 4096, &handle),
              GNTST_no_space);
    EXPECT_EQ(grant_unmap(mapper, 7, GPA_SCRATCH + 7 * 4096), GNTST_okay);
    EXPECT_EQ(map(8, GNTMAP_host_map, GPA_SCRATCH - 4096, &handle), GNTST_okay);
    EXPECT_EQ(handle, 7);
    domains_check();
}

TEST(copies_pin_while_they_last)
{
    struct page *pg;

    start();
    grant(8, GTF_permit_access | GTF_readonly, 0, GFN_GRANTED);
    EXPECT_EQ(grant_acquire_page(mapper, 1, 8, true, &pg), GNTST_general_error);
    EXPECT_EQ(grant_acquire_page(mapper, 1, 8, false, &pg), GNTST_okay);
    EXPECT_EQ(*(uint8_t *)page_map(pg), 0x5a);
    EXPECT(entry(granter, 8)->flags & GTF_reading);
    grant_release_page(1, 8, false, pg);
    EXPECT(!(entry(granter, 8)->flags & GTF_reading));
    domains_check();
}

/* Out of the cache, or out of a page of zeros that the sweep finds. */
TEST(a_promise_can_be_granted)
{
    uint32_t handle;

    start();
    for (unsigned i = 0; i < 3; i++) {
        memset(domain_page(granter, GFN_GRANTED + i), 0x5a, PAGE_SIZE);
        EXPECT_EQ(memory_mark_pod(granter, GFN(0x40 + i), 0), 0);
        grant(8 + i, GTF_permit_access, 0, 0x40 + i);
    }
    EXPECT_EQ(memory_set_pod_target(granter, 4 + 1), 0);
    EXPECT_EQ(map(8, GNTMAP_host_map, GPA_SCRATCH, &handle), GNTST_okay);
    EXPECT_EQ(map(9, GNTMAP_host_map, GPA_SCRATCH + 4096, &handle), GNTST_okay);
    EXPECT_EQ(p2m_get(&granter->p2m, GFN(GFN_GRANTED + 3)).type, P2M_POD);
    EXPECT_EQ(map(10, GNTMAP_host_map, GPA_SCRATCH + 8192, &handle),
              GNTST_bad_page);
    domains_check();
}

/* The table itself, and what belongs to the hypervisor, is not the guest's to
 * grant: such pages keep no domain alive. */
TEST(special_pages_cannot_be_granted)
{
    uint32_t handle;

    start();
    EXPECT(page_get(granter->shared_info, &granter->account));
    EXPECT_EQ(memory_map_special(granter, GFN(0x50), granter->shared_info), 0);
    grant(8, GTF_permit_access, 0, 0x50);
    EXPECT_EQ(map(8, GNTMAP_host_map, GPA_SCRATCH, &handle), GNTST_bad_page);
    domains_check();
}

TEST(the_table_grows_to_its_limit)
{
    struct page *pg;

    start();
    EXPECT_EQ(granter->grants.frame_count, 1);
    EXPECT_EQ(grant_get_frame(granter, 3, &pg), 0);
    EXPECT_EQ(granter->grants.frame_count, 4);
    EXPECT(machine_is_zero(pg, 0));
    page_put(pg);
    EXPECT_EQ(grant_get_frame(granter, 4, &pg), -EINVAL);
    EXPECT_EQ(grant_get_frame(granter, ~0U, &pg), -EINVAL);
    EXPECT_EQ(grant_grow(granter, 5), -EINVAL);
    EXPECT_EQ(grant_grow(granter, 4), 0);
    domain_end(granter);
    machine_check();
}

TEST(nomem_map)
{
    uint32_t handle;

    start();
    grant(8, GTF_permit_access, 0, GFN_GRANTED);
    for (unsigned n = 1;; n++) {
        int status;

        page_alloc_fail_nth(n);
        status = map(8, GNTMAP_host_map, GPA_SCRATCH, &handle);
        page_alloc_fail_nth(0);
        domains_check();
        if (status == GNTST_okay) {
            break;
        }
        EXPECT_EQ(mapper->grants.mapping_count, 0);
        EXPECT_EQ(entry(granter, 8)->flags, GTF_permit_access);
    }
}

TEST(model_random_maps)
{
    enum {
        REFS = 6,
        PLACES = 12
    };
    uint64_t s = unit_seed(3);
    uint32_t handles[PLACES];
    bool used[PLACES] = {false};

    start();
    for (unsigned n = 0; n < 3000 * unit_long(); n++) {
        unsigned place = unit_random_below(&s, PLACES);
        uint32_t ref = unit_random_below(&s, REFS), handle;
        uint64_t gpa = GPA_SCRATCH + place * 4096ULL;

        switch (unit_random_below(&s, 4)) {
        case 0: /* the granter changes its mind */
            if (!(entry(granter, ref)->flags & (GTF_reading | GTF_writing))) {
                grant(ref, unit_random_below(&s, 8), unit_random_below(&s, 2),
                      GFN_GRANTED + unit_random_below(&s, 6));
            }
            break;
        case 1:
            if (used[place]) {
                EXPECT_EQ(grant_unmap(mapper, handles[place], gpa), GNTST_okay);
                used[place] = false;
            }
            break;
        default:
            if (map(ref, GNTMAP_host_map | (n & GNTMAP_readonly), gpa,
                    &handle) == GNTST_okay) {
                EXPECT(!used[place]);
                used[place] = true;
                handles[place] = handle;
            }
            break;
        }
        if (n % 128 == 0) {
            domains_check();
        }
    }
    domains_check();
}

/* A granter that was promised 64 MiB, has 40 MiB, and data in all of it. */
static void start_short(void)
{
    machine_start(0x4000);
    mapper = domain_new(0, 1);
    granter = domain_new(1, 1);
    memory_set_max_pages(granter, 20 * 512);
    while (memory_set_pod_target(granter, 20 * 512) == -ERESTART) {
        continue;
    }
    EXPECT_EQ(memory_mark_pod(granter, GFN(0), 14), 0);
    for (uint64_t gfn = 0; gfn < 20ULL * 512; gfn++) {
        if (gfn % 512 == 0) {
            EXPECT_EQ(memory_fault(granter, GFN(gfn), true, false), P2M_OK);
        }
        *(uint64_t *)domain_page(granter, gfn) = gfn + 1;
    }
}

/* The search for a page to grant holds the table's lock for a slice at a time,
 * leaves off after some, and in haste after one. */
TEST(a_promise_is_looked_for_slice_by_slice)
{
    const uint32_t *tickets;
    struct vcpu *v;
    struct page *pg;
    uint32_t before;

    start_short();
    tickets = &granter->grants.lock.next;
    grant(8, GTF_permit_access, 0, 12000);
    before = *tickets;
    EXPECT_EQ(grant_acquire_page(mapper, 1, 8, true, &pg), GNTST_eagain);
    EXPECT_EQ(*tickets - before, 16);
    EXPECT_EQ(entry(granter, 8)->flags, GTF_permit_access);
    EXPECT_EQ(grant_acquire_page(mapper, 1, 8, true, &pg), GNTST_bad_page);
    /* 20 regions of data, and the promises behind them. */
    EXPECT_EQ(*tickets - before, 21);

    for (uint64_t gfn = 0; gfn < 20ULL * 512; gfn += 512) {
        EXPECT(touch(granter, gfn << PAGE_SHIFT, FAKE_WRITE));
    }
    sched_release(mapper->vcpus[0], ~0U);
    v = sched_next(NULL, NULL);
    v->work = VCPU_WORK_EVENT;
    EXPECT_EQ(grant_acquire_page(mapper, 1, 8, true, &pg), GNTST_eagain);
    EXPECT_EQ(*tickets - before, 22);
    v->work = 0;

    *(uint64_t *)touch(granter, 700 << PAGE_SHIFT, FAKE_WRITE) = 0;
    while (grant_acquire_page(mapper, 1, 8, true, &pg) == GNTST_eagain) {
        EXPECT(*tickets - before < 100);
    }
    EXPECT_EQ(p2m_get(&granter->p2m, GFN(700)).type, P2M_POD);
    grant_release_page(1, 8, true, pg);
    EXPECT_EQ(entry(granter, 8)->flags, GTF_permit_access);
    domains_check();
}
