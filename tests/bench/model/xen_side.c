/* SPDX-License-Identifier: MIT */
/* The guest as Xen's rules keep it. */
#include "side.h"
#include "unit.h"
#include "xen_rules.h"

static struct xen_rules xen;
static uint64_t faults, faults_that_read, longest_fault, limit;

/* The largest piece that fits at gfn, of those a builder uses. */
static unsigned build_order(uint64_t gfn, uint64_t left)
{
    static const unsigned orders[] = {ORDER_1G, ORDER_2M};

    for (unsigned i = 0; i < ARRAY_COUNT(orders); i++) {
        if (gfn % BIT(orders[i]) == 0 && left >= BIT(orders[i])) {
            return orders[i];
        }
    }
    return ORDER_4K;
}

static void start(const struct shape *shape)
{
    uint64_t gfn = 0;

    limit = shape->promised;
    xen_start(&xen, shape->promised + 8 * REGION_PAGES,
              shape->target + shape->spare);
    xen.max_pages = shape->target + MIB_PAGES;
    EXPECT_EQ(xen_set_target(&xen, shape->target), 0);
    while (gfn < shape->promised) {
        unsigned order = build_order(gfn, shape->promised - gfn);

        EXPECT_EQ(xen_mark(&xen, gfn, order), BIT(order));
        gfn += BIT(order);
    }
}

static uint64_t looked_at(void)
{
    return xen.counters.sweep_gfns_visited + xen.counters.eager_checked;
}

static bool touch(uint64_t gfn, uint32_t *mfn)
{
    uint64_t before = looked_at(), reads = xen.quick_looks;

    if (xen_lookup(&xen, gfn, mfn, NULL) == XEN_RAM) {
        return !xen.dead;
    }
    faults++;
    xen_touch(&xen, gfn, mfn);
    longest_fault = MAX(longest_fault, looked_at() - before);
    faults_that_read += xen.quick_looks > reads;
    return !xen.dead && xen_lookup(&xen, gfn, mfn, NULL) == XEN_RAM;
}

static bool read_page(uint64_t gfn)
{
    uint32_t mfn;

    return touch(gfn, &mfn);
}

static bool write_page(uint64_t gfn, enum contents contents)
{
    static const uint16_t first_byte[] = {
        [ZEROS] = 0, [DATA] = 1, [LATE] = 1025, [PATTERN] = 1};
    uint32_t mfn;

    if (!touch(gfn, &mfn)) {
        return false;
    }
    xen.contents[mfn] = first_byte[contents];
    return true;
}

static uint64_t decrease(uint64_t gfn, unsigned order)
{
    return xen_decrease(&xen, gfn, order);
}

static uint64_t decrease_list(const uint64_t *gfns, unsigned count)
{
    uint64_t done = 0;

    while (done < count && xen_decrease(&xen, gfns[done], ORDER_4K)) {
        done++;
    }
    return done;
}

static uint64_t populate(uint64_t gfn, unsigned order)
{
    return xen_populate(&xen, gfn, order);
}

/* The driver allocates pages from the top down, clears each so that it gives no
 * secrets away, and lists 512 in a call (POD-8.6). */
static uint64_t give_back(uint64_t pages)
{
    uint64_t gfn = limit, calls = 0;

    for (uint64_t done = 0; done < pages && !xen.dead; done++) {
        uint64_t top = --gfn;

        write_page(top, ZEROS);
        xen_decrease(&xen, top, ORDER_4K);
        calls += done % REGION_PAGES == 0;
    }
    return calls;
}

static void be_idle(void)
{
}

static uint64_t mark(uint64_t gfn, unsigned order)
{
    return xen_mark(&xen, gfn, order);
}

static int set_target(uint64_t pages)
{
    return xen_set_target(&xen, pages);
}

static int grow(uint64_t pages)
{
    xen.max_pages = pages + MIB_PAGES;
    return set_target(pages);
}

static bool remove_page(uint64_t gfn)
{
    return xen_remove(&xen, gfn);
}

static bool foreign_read(uint64_t gfn)
{
    uint32_t mfn;

    if (!xen_map(&xen, gfn, &mfn)) {
        return false;
    }
    xen_unmap(&xen, mfn);
    return true;
}

static bool add_foreign(uint64_t gfn)
{
    return xen_add_other(&xen, gfn);
}

static void fill(uint64_t gfn)
{
    for (uint64_t i = 0; i < REGION_PAGES; i++) {
        uint32_t mfn;

        xen_lookup(&xen, gfn + i, &mfn, NULL);
        xen.contents[mfn] = 1;
    }
}

static void clear(uint64_t gfn)
{
    uint32_t mfn;

    xen_lookup(&xen, gfn, &mfn, NULL);
    xen.contents[mfn] = 0;
}

static void set_cursor(uint64_t region)
{
    xen.sweep_start = region * REGION_PAGES + REGION_PAGES - 1;
}

static void set_interrupt(bool pending)
{
    xen.interrupt_pending = pending;
}

static void fail_nth(uint64_t n)
{
    xen.fail_nth = n;
}

static void revive(void)
{
    xen.dead = false;
}

static bool is_ram(uint64_t gfn)
{
    return xen_lookup(&xen, gfn, NULL, NULL) == XEN_RAM;
}

static bool is_promise(uint64_t gfn)
{
    return xen_lookup(&xen, gfn, NULL, NULL) == XEN_POD;
}

static void look(struct view *view)
{
    *view = (struct view){
        .c = xen.counters,
        .charged = xen.charged,
        .cached = (uint64_t)xen.cached,
        .promised = (uint64_t)xen.entries,
        .mapped_2m = xen_mapped_superpages(&xen),
        .cached_2m = xen.super.count,
        .orphans = xen.orphans,
        .pages_read = xen.quick_looks,
        .entered_cache = xen.entered_cache,
        .faults = faults,
        .faults_that_read = faults_that_read,
        .longest_fault = longest_fault,
        .emulated = xen.accesses_emulated,
        .ended = xen.dead,
    };
}

static bool is_stuck(void)
{
    return xen.dead;
}

static void audit(void)
{
    const char *wrong = xen_audit(&xen);

    if (wrong) {
        FAIL("the model of Xen's rules: %s", wrong);
    }
}

const struct side xen_side = {
    .name = "xen",
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
