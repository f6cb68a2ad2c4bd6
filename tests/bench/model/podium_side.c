/* SPDX-License-Identifier: MIT */
/* The guest as Podium keeps it: the sources of xen/ on the fake machine. What
 * the guest does goes in at the top, where a fault does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "domain/background.h"
#include "domain/tidy.h"
#include "domains.h"
#include "guest/run.h"
#include "machine.h"
#include "mm/zero_block.h"
#include "side.h"
#include "types/error.h"

#define CONTROL_PAGES 16ULL
#define FOREIGN_AT    GFN(0x1000) /* of the control domain */
#define IDLE_NS       1000000
#define TRIES         1000000 /* slices of one search */
#define SOURCE_BYTES  (REGION_PAGES * PAGE_SIZE)

static struct domain *control, *d;
static uint64_t limit; /* gfns below this are looked at */
static uint64_t faults, faults_that_read, longest_fault, grown;

static uint64_t cached(void)
{
    struct memory_pod_info info;

    memory_get_pod(d, &info);
    return info.cache_pages;
}

static int set_target(uint64_t pages)
{
    uint64_t before = cached();
    int rc;

    do {
        rc = memory_set_pod_target(d, pages);
    } while (rc == -ERESTART);
    grown += cached() - MIN(before, cached());
    return rc;
}

static int grow(uint64_t pages)
{
    memory_set_max_pages(d, pages + MIB_PAGES);
    return set_target(pages);
}

static uint64_t mark(uint64_t gfn, unsigned order)
{
    return memory_mark_pod(d, GFN(gfn), order) ? 0 : BIT(order);
}

static unsigned build_order(uint64_t gfn, uint64_t left)
{
    if (gfn % BIT(ORDER_1G) == 0 && left >= BIT(ORDER_1G)) {
        return ORDER_1G;
    }
    return gfn % BIT(ORDER_2M) == 0 && left >= BIT(ORDER_2M) ? ORDER_2M
                                                             : ORDER_4K;
}

static void build(const struct shape *shape)
{
    uint64_t gfn = 0;

    memory_set_max_pages(d, shape->target + MIB_PAGES);
    EXPECT_EQ(set_target(shape->target), 0);
    while (gfn < shape->promised) {
        unsigned order = build_order(gfn, shape->promised - gfn);

        EXPECT_EQ(mark(gfn, order), BIT(order));
        gfn += BIT(order);
    }
    EXPECT_EQ(domain_unpause(d), 0);
}

/* Besides what is to be given: the frame table and the tables, about 1 %, and
 * the block that promises are shown as. */
static void start(const struct shape *shape)
{
    uint64_t pages = shape->target + shape->spare;

    machine_start_clean(pages + pages / 64 + 5 * REGION_PAGES);
    fake_on_flush(NULL);
    zero_block_init();
    control = domain_new(0, 1);
    domain_fill(control, 0, CONTROL_PAGES);
    d = domain_new(1, 1);
    limit = shape->promised + 8 * REGION_PAGES;
    build(shape);
}

static bool is_stuck(void)
{
    return d->shutdown || (d->vcpus[0]->hold & HOLD_MEMORY);
}

static void revive(void)
{
    d->shutdown = false;
    memory_wait_forget(d->vcpus[0]);
}

static uint64_t looked_at(void)
{
    return d->pod.counters.sweep_gfns_visited + d->pod.counters.eager_checked;
}

static void *access_page(uint64_t gfn, enum fake_access access)
{
    struct vcpu *v = d->vcpus[0];
    struct guest_exit exit;

    for (unsigned i = 0; i < TRIES && !is_stuck(); i++) {
        void *page = fake_guest_access(&d->p2m.tlb, d->p2m.root,
                                       gpa_from_gfn(GFN(gfn)), access, &exit);

        if (page) {
            return page;
        }
        faults += i == 0;
        fault_handle(v, &exit);
    }
    EXPECT(is_stuck());
    return NULL;
}

static void *touch(uint64_t gfn, enum fake_access access)
{
    uint64_t before = looked_at(), reads = d->pod.counters.sweep_pages_read;
    void *page = access_page(gfn, access);

    longest_fault = MAX(longest_fault, looked_at() - before);
    faults_that_read += d->pod.counters.sweep_pages_read > reads;
    fake_forget_pte_writes();
    return page;
}

static bool read_page(uint64_t gfn)
{
    return touch(gfn, FAKE_READ);
}

static bool write_page(uint64_t gfn, enum contents contents)
{
    uint8_t *page = touch(gfn, FAKE_WRITE);

    if (!page) {
        return false;
    }
    switch (contents) {
    case ZEROS:
        memset(page, 0, PAGE_SIZE);
        break;
    case DATA:
        page[0] = 1;
        break;
    case LATE:
        page[1024] = 1;
        break;
    case PATTERN:
        memset(page, 0xaa, PAGE_SIZE);
        break;
    }
    return true;
}

static uint64_t decrease(uint64_t gfn, unsigned order)
{
    int rc = memory_decrease(d, GFN(gfn), order);

    fake_forget_pte_writes();
    return rc ? 0 : BIT(order);
}

static uint64_t decrease_list(const uint64_t *gfns, unsigned count)
{
    unsigned done;
    int rc;

    memory_batch_begin(d);
    rc = memory_decrease_list(d, gfns, count, &done);
    memory_batch_end(d);
    EXPECT(rc == 0 || done < count);
    fake_forget_pte_writes();
    return done;
}

static uint64_t populate(uint64_t gfn, unsigned order)
{
    unsigned done = 0;
    int rc = order ? memory_populate(d, GFN(gfn), order)
                   : memory_populate_list(d, &gfn, 1, &done);

    fake_forget_pte_writes();
    return rc ? 0 : BIT(order);
}

/* What was never touched is asked for and given up unseen, 2 MiB or more in a
 * row; each range is a call, and so is each question. */
static uint64_t give_back(uint64_t pages)
{
    uint64_t calls = 0, given = 0;
    gfn_t gfn = GFN(0);

    while (given < pages) {
        uint64_t count, done = 0;
        int rc;

        do {
            rc = memory_next_untouched(d, &gfn, ORDER_2M, &count);
        } while (rc == -ERESTART);
        EXPECT_EQ(rc, 0);
        count = MIN(count, pages - given);
        calls += 2;
        while (done < count) {
            uint64_t some;

            rc = memory_decrease_range(d, gfn_add(gfn, done), count - done,
                                       true, &some);
            EXPECT(rc == 0 || rc == -ERESTART);
            done += some;
        }
        gfn = gfn_add(gfn, count);
        given += count;
        fake_forget_pte_writes();
    }
    return calls;
}

static void be_idle(void)
{
    fake_advance(IDLE_NS);
    fake_set_cpu(1);
    background_work();
    tidy_work();
    fake_set_cpu(0);
    fake_forget_pte_writes();
}

static bool remove_page(uint64_t gfn)
{
    return memory_remove(d, GFN(gfn)) == 0;
}

static int map_foreign(struct domain *by, gfn_t at, struct domain *target,
                       gfn_t gfn)
{
    int rc;

    do {
        rc = memory_map_foreign(by, at, target, gfn);
    } while (rc == -ERESTART);
    return rc;
}

/* By the call for who only reads, which takes no page. */
static bool foreign_read(uint64_t gfn)
{
    struct guest_exit exit;

    if (memory_map_to_read(control, FOREIGN_AT, d, GFN(gfn))) {
        return false;
    }
    EXPECT(fake_guest_access(&control->p2m.tlb, control->p2m.root,
                             gpa_from_gfn(FOREIGN_AT), FAKE_READ, &exit));
    EXPECT_EQ(memory_remove(control, FOREIGN_AT), 0);
    fake_forget_pte_writes();
    return true;
}

static bool add_foreign(uint64_t gfn)
{
    return map_foreign(d, GFN(gfn), control, GFN(0)) == 0;
}

/* All pages filled this way are the same 2 MiB of this process's memory. */
static int source(void)
{
    static int fd;

    if (!fd) {
        char data[PAGE_SIZE];

        memset(data, 1, sizeof(data));
        fd = fileno(tmpfile());
        EXPECT(fd > 0);
        for (unsigned i = 0; i < REGION_PAGES; i++) {
            EXPECT_EQ(write(fd, data, sizeof(data)), (ssize_t)sizeof(data));
        }
    }
    return fd;
}

static void replace(void *at, size_t size, int flags, int fd)
{
    EXPECT(mmap(at, size, PROT_READ | PROT_WRITE, MAP_FIXED | flags, fd, 0) ==
           at);
}

static void fill(uint64_t gfn)
{
    struct p2m_entry e = p2m_get(&d->p2m, GFN(gfn));

    EXPECT_EQ(e.type, P2M_RAM);
    EXPECT_EQ(e.order, ORDER_2M);
    replace(arch_map(e.mfn), SOURCE_BYTES, MAP_SHARED, source());
}

static void clear(uint64_t gfn)
{
    struct p2m_entry e = p2m_get(&d->p2m, GFN(gfn));

    EXPECT_EQ(e.type, P2M_RAM);
    replace(arch_map(e.mfn), PAGE_SIZE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static void set_cursor(uint64_t region)
{
    d->p2m.sweep_cursor = GFN(region * REGION_PAGES);
}

/* Nothing here asks for one before it is done. */
static void set_interrupt(bool pending)
{
    if (pending) {
        __atomic_fetch_or(&d->vcpus[0]->work, VCPU_WORK_EVENT,
                          __ATOMIC_RELAXED);
    }
}

static void fail_nth(uint64_t n)
{
    page_alloc_fail_nth(n);
}

static bool is_ram(uint64_t gfn)
{
    return p2m_get(&d->p2m, GFN(gfn)).type == P2M_RAM;
}

static bool is_promise(uint64_t gfn)
{
    return p2m_types[p2m_get(&d->p2m, GFN(gfn)).type].is_promise;
}

static void count_mapped(struct view *view)
{
    uint64_t mapped = 0;

    for (uint64_t gfn = 0; gfn < limit;) {
        struct p2m_entry e = p2m_get(&d->p2m, GFN(gfn));
        bool ram = e.type == P2M_RAM;

        view->mapped_2m += ram && e.order == ORDER_2M;
        mapped += ram ? BIT(e.order) : 0;
        gfn = (gfn | (BIT(e.order) - 1)) + 1;
    }
    view->orphans = view->charged - view->cached - mapped;
}

static void look(struct view *view)
{
    struct memory_pod_info info;

    memory_get_pod(d, &info);
    *view = (struct view){
        .c = info.counters,
        .charged = info.tot_pages,
        .cached = info.cache_pages,
        .promised = info.entries,
        .cached_2m = info.counters.superpages_cached,
        .pages_read =
            info.counters.sweep_pages_read + info.counters.eager_checked,
        .entered_cache = grown + info.counters.reclaimed_4k +
                         info.counters.reclaimed_2m * REGION_PAGES +
                         info.counters.steals,
        .faults = faults,
        .faults_that_read = faults_that_read,
        .longest_fault = longest_fault,
        .ended = d->shutdown,
    };
    count_mapped(view);
}

static void audit(void)
{
    domains_check_memory();
}

const struct side podium_side = {
    .name = "podium",
    .start = start,
    .read = read_page,
    .write = write_page,
    .decrease = decrease,
    .decrease_list = decrease_list,
    .populate = populate,
    .give_back = give_back,
    .be_idle = be_idle,
    .mark = mark,
    .set_target = set_target,
    .grow = grow,
    .remove = remove_page,
    .foreign_read = foreign_read,
    .add_foreign = add_foreign,
    .fill = fill,
    .clear = clear,
    .set_cursor = set_cursor,
    .set_interrupt = set_interrupt,
    .fail_nth = fail_nth,
    .revive = revive,
    .is_ram = is_ram,
    .is_promise = is_promise,
    .look = look,
    .is_stuck = is_stuck,
    .audit = audit,
};
