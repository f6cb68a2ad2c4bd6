/* SPDX-License-Identifier: MIT */
/*
 * Two at the same memory at the same time: POD-9.57..9.68. Each round of a race
 * begins from a state made for it, lets two CPUs go with a delay that is random
 * between them, and then looks at what must be true whoever was first; in the
 * end all is recounted. Which test is of which row: docs/testing-badinput.md.
 */
#include <pthread.h>
#include <stdlib.h>

#include "domains.h"
#include "guest/hypercall.h"
#include "guest/run.h"
#include "machine.h"
#include "mm/broken.h"
#include "mm/page_alloc.h"
#include "types/bits.h"
#include "types/error.h"

#include <xen/grant_table.h>
#include <xen/memory.h>

#define ROUNDS    300
#define ROUNDS_65 40UL /* few frames may break */
#define DELAY     3000 /* loops, at most */
#define PROMISED  0x800ULL
#define PER_2M    512ULL
#define FOREIGN   0x4000ULL /* gfns of the control domain for others' pages */
#define CONTROL   0ULL      /* its own page */
#define NOBODY    99

static struct domain *control, *d;
static uint64_t free_before;

/* --- The two CPUs --- */

typedef void (*racer)(unsigned round);

static pthread_barrier_t barrier;
static unsigned rounds_left;

struct lane {
    racer run;
    unsigned cpu;
    uint64_t seed;
};

static void wait_a_moment(uint64_t *seed)
{
    uint64_t loops = unit_random_below(seed, DELAY);

    for (volatile uint64_t i = 0; i < loops; i++) {
        continue;
    }
}

static void *run_lane(void *context)
{
    struct lane *lane = context;

    fake_set_cpu(lane->cpu);
    for (unsigned round = 0; round < rounds_left; round++) {
        pthread_barrier_wait(&barrier);
        wait_a_moment(&lane->seed);
        lane->run(round);
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

/* For each round: before() on this CPU, both racers on two others, after(). */
static void race(unsigned rounds, racer before, racer one, racer two,
                 racer after)
{
    struct lane lanes[] = {{one, 1, unit_seed(1)}, {two, 2, unit_seed(2)}};
    pthread_t threads[2];

    rounds_left = rounds * unit_long();
    EXPECT(!pthread_barrier_init(&barrier, NULL, 3));
    for (unsigned i = 0; i < 2; i++) {
        EXPECT(!pthread_create(&threads[i], NULL, run_lane, &lanes[i]));
    }
    for (unsigned round = 0; round < rounds_left; round++) {
        before(round);
        pthread_barrier_wait(&barrier);
        pthread_barrier_wait(&barrier);
        after(round);
    }
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    domains_check();
}

/* --- What they do --- */

static void start(void)
{
    machine_start(0x4000);
    control = domain_new(0, 1);
    domain_fill(control, CONTROL, 1);
    free_before = page_alloc_info().free;
}

/* A guest of `blocks` promises of 2 MiB at 0, and a cache. */
static void new_guest(uint64_t blocks, uint64_t cache)
{
    d = domain_new(1, 2);
    memory_set_max_pages(d, 0x2000);
    while (memory_set_pod_target(d, cache) == -ERESTART) {
        continue;
    }
    for (uint64_t i = 0; i < blocks; i++) {
        EXPECT_EQ(memory_mark_pod(d, GFN(i * PER_2M), ORDER_2M), 0);
    }
    EXPECT_EQ(domain_unpause(d), 0);
}

static struct memory_pod_info pod(void)
{
    struct memory_pod_info info;

    memory_get_pod(d, &info);
    return info;
}

static enum p2m_type type(uint64_t gfn)
{
    return p2m_get(&d->p2m, GFN(gfn)).type;
}

/*
 * A vCPU of the guest writes to gfn and goes on faulting until it can. What is
 * between begin and end happens as an instruction does: a flush waits for it.
 * False: there is nothing to write to.
 */
static bool guest_write(uint64_t gfn, uint64_t value)
{
    for (unsigned i = 0; i < 100000; i++) {
        struct guest_exit exit;
        uint64_t *word;

        arch_guest_tlb_read_begin(&d->p2m.tlb);
        word = fake_guest_access(&d->p2m.tlb, d->p2m.root,
                                 gpa_from_gfn(GFN(gfn)), FAKE_WRITE, &exit);
        if (word) {
            __atomic_store_n(word, value, __ATOMIC_RELAXED);
        }
        arch_guest_tlb_read_end(&d->p2m.tlb);
        if (word) {
            return true;
        }
        switch (memory_fault(d, GFN(gfn), true, false)) {
        case P2M_OK:
        case P2M_RETRY:
            break;
        default:
            return false;
        }
    }
    FAIL("gfn %lx faults for ever", gfn);
}

static uint64_t value_at(uint64_t gfn)
{
    const uint64_t *word = domain_page(d, gfn);

    return word ? *word : 0;
}

static void kill_guest(unsigned round)
{
    while (domain_kill(d) == -ERESTART) {
        continue;
    }
}

/* Not one page stayed behind. */
static void expect_gone(unsigned round)
{
    EXPECT_EQ(d->account.page_count, 0);
    EXPECT_EQ(d->account.table_count, 0);
    domain_put(d);
    domain_reap();
    EXPECT(!domain_get(1));
    EXPECT_EQ(page_alloc_info().free, free_before);
    if (round % 64 == 0) {
        domains_check();
    }
}

/* --- POD-9.57 --- */

static bool superpages;

static void before_57(unsigned round)
{
    superpages = round % 2;
    new_guest(2, superpages ? 1024 : 511);
}

static void touch_low(unsigned round)
{
    EXPECT(guest_write(7, 1));
}

/* The same page, or another one of the same promise. */
static void touch_near(unsigned round)
{
    EXPECT(guest_write(round % 3 ? 7 : 300, 2));
}

static void after_57(unsigned round)
{
    uint64_t pages = superpages ? 512 : (round % 3 ? 1 : 2);
    struct memory_pod_info info = pod();

    EXPECT_EQ(info.counters.populate_2m, superpages);
    EXPECT_EQ(info.counters.populate_4k, superpages ? 0 : pages);
    EXPECT_EQ(info.entries, 1024 - pages);
    EXPECT_EQ(info.cache_pages, (superpages ? 1024 : 511) - pages);
    kill_guest(round);
    expect_gone(round);
}

TEST(pod_9_57_two_touch_one_promise)
{
    start();
    race(ROUNDS, before_57, touch_low, touch_near, after_57);
}

/* --- POD-9.58 --- */

static void before_58(unsigned round)
{
    new_guest(2, round % 2 ? 600 : 300);
    if (round % 3 == 0) {
        EXPECT(guest_write(7, 1)); /* RAM already */
    }
}

/* Before it is ballooned out, or after. */
static void touch_or_not(unsigned round)
{
    guest_write(7, 1);
}

static void balloon_it(unsigned round)
{
    EXPECT_EQ(memory_decrease(d, GFN(7), ORDER_4K), 0);
}

static void after_58(unsigned round)
{
    struct memory_pod_info info = pod();

    EXPECT_EQ(type(7), P2M_HOLE);
    EXPECT(info.cache_pages <= info.entries);
    EXPECT_EQ(fake_stale_translations(&d->p2m.tlb, d->p2m.root), 0);
    EXPECT_EQ(p2m_audit(&d->p2m), 0);
    kill_guest(round);
    expect_gone(round);
}

TEST(pod_9_58_touched_and_ballooned_out)
{
    start();
    race(ROUNDS, before_58, touch_or_not, balloon_it, after_58);
}

/* --- POD-9.59 --- */

/* All is RAM, full of zeros; a promise more is there, but no page for it. */
static void before_59(unsigned round)
{
    new_guest(2, 512);
    for (uint64_t gfn = 0; gfn < PER_2M; gfn++) {
        EXPECT(guest_write(gfn, 0));
    }
}

static void write_somewhere(unsigned round)
{
    EXPECT(guest_write(round % PER_2M, round + 1));
}

static void sweep_all(unsigned round)
{
    struct p2m_search search = {0};

    while (p2m_sweep(&d->p2m, &search) == P2M_SWEEP_MORE) {
        continue;
    }
}

static void after_59(unsigned round)
{
    EXPECT_EQ(value_at(round % PER_2M), round + 1);
    EXPECT_EQ(fake_stale_translations(&d->p2m.tlb, d->p2m.root), 0);
    EXPECT_EQ(p2m_audit(&d->p2m), 0);
    kill_guest(round);
    expect_gone(round);
}

TEST(pod_9_59_written_while_it_is_searched)
{
    start();
    race(ROUNDS, before_59, write_somewhere, sweep_all, after_59);
}

/* --- POD-9.60 --- */

static uint32_t handle;

static struct grant_entry_v1 *grant_entry(void)
{
    return (struct grant_entry_v1 *)page_map(d->grants.frames[0]) + 8;
}

static void before_60(unsigned round)
{
    before_59(round);
    *grant_entry() = (struct grant_entry_v1){
        .flags = GTF_permit_access, .domid = 0, .frame = round % PER_2M};
}

static void write_through(gfn_t at, uint64_t value)
{
    struct guest_exit exit;
    uint64_t *word = fake_guest_access(&control->p2m.tlb, control->p2m.root,
                                       gpa_from_gfn(at), FAKE_WRITE, &exit);

    EXPECT(word);
    *word = value;
}

/* Another domain maps the page, writes, and still has it afterwards. */
static void map_foreign(unsigned round)
{
    int rc;

    do {
        rc = memory_map_foreign(control, GFN(FOREIGN), d, GFN(round % PER_2M));
    } while (rc == -ERESTART);
    EXPECT_EQ(rc, 0);
    write_through(GFN(FOREIGN), round + 1);
}

static void map_grant(unsigned round)
{
    int status;

    do {
        status = grant_map(control, 1, 8, GNTMAP_host_map,
                           gpa_from_gfn(GFN(FOREIGN)).v, &handle);
    } while (status == GNTST_eagain);
    EXPECT_EQ(status, GNTST_okay);
    write_through(GFN(FOREIGN), round + 1);
}

static void after_foreign(unsigned round)
{
    EXPECT_EQ(value_at(round % PER_2M), round + 1);
    EXPECT_EQ(memory_remove(control, GFN(FOREIGN)), 0);
    after_59(round);
}

static void after_grant(unsigned round)
{
    EXPECT_EQ(value_at(round % PER_2M), round + 1);
    EXPECT_EQ(grant_unmap(control, handle, gpa_from_gfn(GFN(FOREIGN)).v),
              GNTST_okay);
    after_59(round);
}

/* What the control domain keeps for its tables is there before we count. */
static void start_mapping(void)
{
    uint32_t first;

    start();
    new_guest(1, 512);
    EXPECT_EQ(memory_map_foreign(control, GFN(FOREIGN), d, GFN(0)), 0);
    EXPECT_EQ(memory_remove(control, GFN(FOREIGN)), 0);
    *grant_entry() = (struct grant_entry_v1){GTF_permit_access, 0, 0};
    EXPECT_EQ(grant_map(control, 1, 8, GNTMAP_host_map,
                        gpa_from_gfn(GFN(FOREIGN)).v, &first),
              GNTST_okay);
    EXPECT_EQ(grant_unmap(control, first, gpa_from_gfn(GFN(FOREIGN)).v),
              GNTST_okay);
    domain_end(d);
    free_before = page_alloc_info().free;
}

TEST(pod_9_60_mapped_while_it_is_searched)
{
    start_mapping();
    race(ROUNDS, before_60, map_foreign, sweep_all, after_foreign);
}

TEST(pod_9_60_granted_while_it_is_searched)
{
    start_mapping();
    race(ROUNDS, before_60, map_grant, sweep_all, after_grant);
}

/* --- POD-9.61 --- */

static void before_61(unsigned round)
{
    new_guest(4, 600);
    EXPECT(guest_write(0, 1));
}

static void raise_target(unsigned round)
{
    while (memory_set_pod_target(d, 1900) == -ERESTART) {
        continue;
    }
}

static void balloon_promises(unsigned round)
{
    for (uint64_t gfn = PER_2M; gfn < 4 * PER_2M - 100; gfn += 8) {
        EXPECT_EQ(memory_decrease(d, GFN(gfn), 3), 0);
    }
}

static void after_61(unsigned round)
{
    struct memory_pod_info info = pod();

    EXPECT(info.cache_pages <= info.entries);
    EXPECT(info.tot_pages <= 1900);
    EXPECT_EQ(p2m_audit(&d->p2m), 0);
    kill_guest(round);
    expect_gone(round);
}

TEST(pod_9_61_target_raised_while_the_guest_balloons)
{
    start();
    race(ROUNDS / 3, before_61, raise_target, balloon_promises, after_61);
}

/* --- POD-9.62: the end, in the middle of everything --- */

/* By another domain: vCPUs of its own do not run any more. */
static void populate_much(unsigned round)
{
    for (uint64_t gfn = 0; gfn < 2 * PER_2M; gfn += 3) {
        struct page *pg;
        int rc;

        do {
            rc = memory_get_page(d, GFN(gfn), true, &pg);
        } while (rc == -ERESTART);
        if (rc) {
            return;
        }
        page_put(pg);
    }
}

static void before_populate(unsigned round)
{
    new_guest(2, 700);
}

TEST(pod_9_62_killed_while_it_populates)
{
    start();
    race(ROUNDS, before_populate, populate_much, kill_guest, expect_gone);
}

static void sweep_on(unsigned round)
{
    for (unsigned i = 0; i < 20; i++) {
        sweep_all(round);
    }
}

TEST(pod_9_62_killed_while_it_is_searched)
{
    start();
    race(ROUNDS, before_59, sweep_on, kill_guest, expect_gone);
}

TEST(pod_9_62_killed_while_its_target_is_raised)
{
    start();
    race(ROUNDS, before_populate, raise_target, kill_guest, expect_gone);
}

static void before_decrease(unsigned round)
{
    new_guest(4, 1024);
    EXPECT(guest_write(0, 1));
    EXPECT(guest_write(PER_2M, 1));
}

static void balloon_blocks(unsigned round)
{
    for (uint64_t gfn = 0; gfn < 4 * PER_2M; gfn += PER_2M) {
        memory_batch_begin(d);
        if (memory_decrease(d, GFN(gfn), ORDER_2M)) {
            memory_batch_end(d);
            return;
        }
        memory_batch_end(d);
    }
}

TEST(pod_9_62_killed_while_it_balloons)
{
    start();
    race(ROUNDS, before_decrease, balloon_blocks, kill_guest, expect_gone);
}

static void grow_again(unsigned round)
{
    for (uint64_t gfn = PROMISED; gfn < PROMISED + 200; gfn++) {
        if (memory_populate(d, GFN(gfn), ORDER_4K)) {
            return;
        }
    }
}

TEST(pod_9_62_killed_while_it_grows)
{
    start();
    race(ROUNDS, before_populate, grow_again, kill_guest, expect_gone);
}

/* --- POD-9.65 --- */

/* The cached frame that gfn 7 will be given, as a block or a single page. */
static mfn_t breaking;

static void before_65(unsigned round)
{
    unsigned order = round % 2 ? ORDER_2M : 0;

    new_guest(2, round % 2 ? 600 : 1);
    breaking = page_to_mfn(page_list_first(&d->pod.blocks[order]));
    breaking = mfn_add(breaking, order ? 7 : 0);
}

static void touch_what_breaks(unsigned round)
{
    EXPECT(guest_write(7, 1));
}

static void break_it(unsigned round)
{
    domid_t owner = NOBODY;

    EXPECT_EQ(page_broken(breaking, &owner), BROKEN_OWNED);
    EXPECT_EQ(owner, 1);
    page_broken_look();
}

/* Whoever was first: it is the guest's now, and nobody's afterwards. */
static void after_65(unsigned round)
{
    EXPECT(mfn_eq(p2m_get(&d->p2m, GFN(7)).mfn, breaking));
    EXPECT_EQ(value_at(7), 1);
    page_broken_look();
    EXPECT_EQ(page_broken_count().waiting, 1);
    EXPECT_EQ(p2m_audit(&d->p2m), 0);
    kill_guest(round);
    while (page_broken_count().waiting) {
        page_broken_look();
        domain_reap();
    }
    EXPECT(!page_from_mfn(breaking));
    free_before--;
    expect_gone(round);
}

TEST(pod_9_65_a_frame_breaks_on_its_way_out_of_the_cache)
{
    start();
    race(MIN(ROUNDS_65, 60 / unit_long()), before_65, touch_what_breaks,
         break_it, after_65);
}

/* --- POD-9.66 --- */

static struct domain *built[2]; /* NULL: the claim was refused */
static uint64_t wanted;         /* pages for each; there are not as many */

/* What a builder does, and what it does when it cannot. */
static void build(unsigned which)
{
    struct domain_config config = {.id = (domid_t)(1 + which),
                                   .max_vcpus = 1,
                                   .max_evtchn_port = 1023,
                                   .max_grant_frames = 4,
                                   .max_maptrack_frames = 4};
    struct domain *new;
    int rc;

    EXPECT_EQ(domain_create(&config, &new), 0);
    memory_set_max_pages(new, wanted + 256);
    rc = memory_claim(new, wanted);
    if (rc) {
        EXPECT_EQ(rc, -ENOMEM);
        domain_end(new);
        return;
    }
    do {
        rc = memory_set_pod_target(new, wanted);
    } while (rc == -ERESTART);
    EXPECT_EQ(rc, 0);
    EXPECT_EQ(memory_mark_pod(new, GFN(0), ORDER_1G), 0);
    EXPECT_EQ(memory_claim(new, 0), 0);
    built[which] = new;
}

static void before_66(unsigned round)
{
    built[0] = built[1] = NULL;
    wanted = page_alloc_info().free * 2 / 3;
}

static void build_one(unsigned round)
{
    build(0);
}

static void build_other(unsigned round)
{
    build(1);
}

static void after_66(unsigned round)
{
    struct domain *winner = built[0] ? built[0] : built[1];

    EXPECT(winner && !(built[0] && built[1]));
    EXPECT_EQ(winner->account.page_count, wanted);
    EXPECT_EQ(winner->pod.cache_count, wanted);
    domain_end(winner);
    EXPECT_EQ(page_alloc_info().claimed, 0);
    EXPECT_EQ(page_alloc_info().free, free_before);
}

TEST(pod_9_66_two_builders_and_memory_for_one)
{
    start();
    race(40, before_66, build_one, build_other, after_66);
}

/* --- POD-9.67 --- */

#define ARG  0x20000
#define LIST 0x21000

/* A call is left in the middle, and the guest lies about how far it came. */
TEST(pod_9_67_a_guest_lies_about_its_progress)
{
    struct vcpu *v;

    start();
    d = domain_new(1, 1);
    v = d->vcpus[0];
    domain_fill(d, 0, 64);
    domain_paging_on(v);
    for (unsigned lie = 0; lie < 1000; lie += 13) {
        domain_fill(d, 0x100, 300);
        for (unsigned i = 0; i < 300; i++) {
            ((xen_pfn_t *)domain_page(d, LIST >> PAGE_SHIFT))[i] = 0x100 + i;
        }
        *(struct xen_memory_reservation *)domain_page(d, ARG >> PAGE_SHIFT) =
            (struct xen_memory_reservation){
                .extent_start = {(xen_pfn_t *)(uint64_t)LIST},
                .nr_extents = 300,
                .domid = DOMID_SELF};
        v->work = VCPU_WORK_RESCHED;
        v->regs.rax = __HYPERVISOR_memory_op;
        v->regs.rdi = XENMEM_decrease_reservation;
        v->regs.rsi = ARG;
        EXPECT(!hypercall(v));
        v->work = 0;
        v->regs.rdi = XENMEM_decrease_reservation | (uint64_t)lie << 6;
        EXPECT(hypercall(v));
        EXPECT(v->regs.rax <= MAX(lie, 300));
        for (unsigned i = 0; i < 300; i++) {
            if (type(0x100 + i) == P2M_RAM) {
                EXPECT_EQ(memory_decrease(d, GFN(0x100 + i), ORDER_4K), 0);
            }
        }
        EXPECT_EQ(d->account.page_count, 64);
    }
    domains_check();
}
