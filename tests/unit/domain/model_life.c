/* SPDX-License-Identifier: MIT */
/*
 * The lives of a small domain, at random: S8 and S7 of the specification
 * (POD-10.25, 10.24). The guest touches, clears and balloons its memory; the
 * control domain promises, sets targets, maps and lets go, by itself and by
 * grants, and now and then ends the domain and builds another. After each step
 * all is recounted, and the guest must see what a flat model says:
 *
 *   HOLE    nothing
 *   MEMORY  RAM or a promise of it; the word at its start (0 for a promise)
 *
 * One operation in four has its first allocation fail, then its second, and so
 * on, and must have changed nothing each time.
 *
 * The long form, 10^6 operations: UNIT_LONG=100 make unit
 * UNIT=domain/model_life
 */
#include "domains.h"
#include "machine.h"
#include "mm/page_alloc.h"
#include "ops.h"
#include "types/bits.h"
#include "types/error.h"

#include <xen/grant_table.h>

#define RAM_PAGES  0xc00ULL /* of the machine */
#define GFNS       1536U    /* three regions of 2 MiB */
#define MAX_PAGES  1200U
#define MAPPINGS   6U
#define REFS       4U
#define FIRST_REF  8U
#define AT         0x1000ULL /* gfns of the control domain to map at */
#define COMPARED   96U       /* gfns that are compared after each step */
#define OPERATIONS 2000U
#define NO_PAGE    (~0U)

static struct domain *control, *d; /* d: NULL between two lives */
static bool is_memory[GFNS];
static uint64_t value[GFNS];
static uint64_t free_before; /* of the host, without a guest */
static unsigned cursor;

/* A page that is mapped by the control domain: that of a gfn, or one that the
 * guest has let go of since, which keeps its value. */
static struct mapping {
    bool live, by_grant, write;
    unsigned gfn; /* NO_PAGE: let go of */
    unsigned ref;
    uint32_t handle;
    unsigned lost; /* index into lost_value */
} mappings[MAPPINGS];
static uint64_t lost_value[MAPPINGS];
static unsigned granted[REFS]; /* gfn of each entry; NO_PAGE: none */

static gfn_t place(unsigned i)
{
    return GFN(AT + i);
}

static enum p2m_type type(unsigned gfn)
{
    return p2m_get(&d->p2m, GFN(gfn)).type;
}

static struct memory_pod_info pod(void)
{
    struct memory_pod_info info;

    memory_get_pod(d, &info);
    return info;
}

static struct grant_entry_v1 *entry(unsigned ref)
{
    struct grant_entry_v1 *frame = page_map(d->grants.frames[0]);

    return &frame[FIRST_REF + ref];
}

/* --- The model --- */

/* A slot of lost_value that no mapping refers to. */
static unsigned free_lost(void)
{
    unsigned used = 0, slot = 0;

    for (unsigned i = 0; i < MAPPINGS; i++) {
        if (mappings[i].live && mappings[i].gfn == NO_PAGE) {
            used |= 1U << mappings[i].lost;
        }
    }
    while (used >> slot & 1) {
        slot++;
    }
    return slot;
}

/* The guest has no page at gfn any more; who maps it still sees it. */
static void let_go(unsigned gfn)
{
    unsigned slot = free_lost();

    for (unsigned i = 0; i < MAPPINGS; i++) {
        struct mapping *m = &mappings[i];

        if (m->live && m->gfn == gfn) {
            m->gfn = NO_PAGE;
            m->lost = slot;
            lost_value[slot] = value[gfn];
        }
    }
    is_memory[gfn] = false;
    value[gfn] = 0;
}

static uint64_t *value_of(const struct mapping *m)
{
    return m->gfn == NO_PAGE ? &lost_value[m->lost] : &value[m->gfn];
}

static unsigned memory_from(unsigned gfn, uint64_t count)
{
    unsigned fits = 0;

    while (fits < count && is_memory[gfn + fits]) {
        fits++;
    }
    return fits;
}

static unsigned order_of(uint32_t arg)
{
    static const uint8_t orders[] = {0, 0, 0, 1, 3, 5, 9};

    return orders[arg % ARRAY_COUNT(orders)];
}

static unsigned gfn_of(uint32_t arg, unsigned order)
{
    unsigned gfn = arg % (GFNS - (1U << order) + 1);

    return arg >> 28 ? gfn & ~((1U << order) - 1) : gfn;
}

/* --- What the guest does --- */

/* Every page of zeros that nobody else has would have been found. */
static void expect_no_zero_page(void)
{
    for (unsigned gfn = 0; gfn < GFNS; gfn++) {
        struct p2m_entry e = p2m_get(&d->p2m, GFN(gfn));

        if (is_memory[gfn] && e.type == P2M_RAM && !value[gfn] &&
            page_references(page_from_mfn(e.mfn)) == 1) {
            FAIL("gfn %x is zero, but nothing was found", gfn);
        }
    }
}

/* NULL: there is nothing, or no memory for it. */
static uint64_t *access_word(unsigned gfn, bool write,
                             enum p2m_verdict *verdict)
{
    for (unsigned i = 0; i < 10000; i++) {
        struct guest_exit exit;
        uint64_t *word =
            fake_guest_access(&d->p2m.tlb, d->p2m.root, gpa_from_gfn(GFN(gfn)),
                              write ? FAKE_WRITE : FAKE_READ, &exit);

        if (word) {
            return word;
        }
        *verdict = memory_fault(d, GFN(gfn), write, false);
        if (*verdict != P2M_OK && *verdict != P2M_RETRY) {
            return NULL;
        }
    }
    FAIL("gfn %x faults for ever", gfn);
}

static int op_touch(const uint32_t *arg)
{
    unsigned gfn = gfn_of(arg[0], 0);
    bool write = arg[1] % 4;
    enum p2m_verdict verdict = P2M_OK;
    uint64_t *word;

    if (!d) {
        return 0;
    }
    word = access_word(gfn, write, &verdict);
    if (verdict == P2M_NEED_PAGE) {
        /* For want of a table to split a superpage with? That fails once. */
        word = access_word(gfn, write, &verdict);
    }
    if (!is_memory[gfn]) {
        EXPECT(!word && verdict == P2M_HOLE_ACCESS);
        return 0;
    }
    if (!word) {
        EXPECT(verdict == P2M_NEED_PAGE || verdict == P2M_NO_MEMORY);
        if (verdict == P2M_NEED_PAGE && !pod().cache_pages) {
            expect_no_zero_page();
            return 0;
        }
        return -ENOMEM;
    }
    EXPECT_EQ(*word, value[gfn]);
    if (write) {
        *word = value[gfn] = arg[1] % 3 ? (uint64_t)gfn << 32 | arg[2] : 0;
    }
    return 0;
}

/* What it has in a row is cleared. */
static int op_zero(const uint32_t *arg)
{
    unsigned first = gfn_of(arg[0], 0), count = arg[1] % 2 ? 512 : 30;

    for (unsigned i = first; d && i < MIN(first + count, GFNS); i++) {
        enum p2m_verdict verdict;

        if (value[i]) {
            *access_word(i, true, &verdict) = value[i] = 0;
        }
    }
    return 0;
}

static int op_decrease(const uint32_t *arg)
{
    unsigned order = order_of(arg[1]), gfn = gfn_of(arg[0], order), fits, done;
    int rc;

    if (!d) {
        return 0;
    }
    fits = memory_from(gfn, BIT(order));
    rc = memory_decrease(d, GFN(gfn), order);
    EXPECT(rc == -ENOMEM || rc == (fits == BIT(order) ? 0 : -ENOENT));
    for (done = 0; done < fits && type(gfn + done) == P2M_HOLE; done++) {
        let_go(gfn + done);
    }
    EXPECT(rc == -ENOMEM || done == fits);
    return rc == -ENOMEM ? rc : 0;
}

/* Into holes, and over promises. */
static int op_populate(const uint32_t *arg)
{
    unsigned order = order_of(arg[1]), gfn = gfn_of(arg[0], order);
    uint64_t charged;
    bool ok = true;
    int rc;

    if (!d) {
        return 0;
    }
    for (unsigned i = gfn; i < gfn + BIT(order); i++) {
        ok = ok && (type(i) == P2M_HOLE || type(i) == P2M_POD);
    }
    charged = pod().tot_pages;
    rc = memory_populate(d, GFN(gfn), order);
    if (rc == -ENOMEM) {
        EXPECT_EQ(pod().tot_pages, charged);
        return charged + BIT(order) > MAX_PAGES ? 0 : rc;
    }
    EXPECT_EQ((uint64_t)(int64_t)rc, (uint64_t)(int64_t)(ok ? 0 : -EEXIST));
    for (unsigned i = gfn; !rc && i < gfn + BIT(order); i++) {
        is_memory[i] = true;
    }
    return 0;
}

/* --- What the control domain does --- */

static int op_mark(const uint32_t *arg)
{
    unsigned order = order_of(arg[1]), gfn = gfn_of(arg[0], order);
    bool ok = true;
    int rc;

    if (!d) {
        return 0;
    }
    for (unsigned i = gfn; i < gfn + BIT(order); i++) {
        ok = ok && (type(i) == P2M_HOLE || type(i) == P2M_POD);
    }
    rc = memory_mark_pod(d, GFN(gfn), order);
    if (rc == -ENOMEM) {
        return rc;
    }
    EXPECT_EQ((uint64_t)(int64_t)rc, (uint64_t)(int64_t)(ok ? 0 : -EBUSY));
    for (unsigned i = gfn; !rc && i < gfn + BIT(order); i++) {
        is_memory[i] = true;
    }
    return 0;
}

static int op_target(const uint32_t *arg)
{
    uint64_t target = arg[0] % (MAX_PAGES + 50), charged;
    int rc;

    if (!d) {
        return 0;
    }
    charged = pod().tot_pages;
    do {
        rc = memory_set_pod_target(d, target);
    } while (rc == -ERESTART);
    EXPECT(rc == 0 || rc == -ENOMEM || (rc == -EINVAL && target > MAX_PAGES));
    EXPECT(pod().tot_pages <= MAX(charged, target));
    return rc == -ENOMEM ? rc : 0;
}

static int op_remove(const uint32_t *arg)
{
    unsigned gfn = gfn_of(arg[0], 0);
    int rc;

    if (!d) {
        return 0;
    }
    rc = memory_remove(d, GFN(gfn));
    if (rc == -ENOMEM) {
        return rc;
    }
    EXPECT_EQ((uint64_t)(int64_t)rc,
              (uint64_t)(int64_t)(is_memory[gfn] ? 0 : -ENOENT));
    if (!rc) {
        let_go(gfn);
    }
    return 0;
}

static void unmap(unsigned i)
{
    struct mapping *m = &mappings[i];

    if (m->by_grant) {
        EXPECT_EQ(grant_unmap(control, m->handle, gpa_from_gfn(place(i)).v),
                  GNTST_okay);
    } else {
        EXPECT_EQ(memory_remove(control, place(i)), 0);
    }
    m->live = false;
}

static int map_foreign(unsigned i, unsigned gfn)
{
    int rc;

    do {
        rc = memory_map_foreign(control, place(i), d, GFN(gfn));
    } while (rc == -ERESTART);
    if (rc == -ENOMEM) {
        return rc;
    }
    EXPECT_EQ((uint64_t)(int64_t)rc,
              (uint64_t)(int64_t)(is_memory[gfn] ? 0 : -EINVAL));
    if (!rc) {
        mappings[i] = (struct mapping){.live = true, .write = true, .gfn = gfn};
    }
    return 0;
}

/* Is a mapping of this reference in use? Its page is the entry's then, whatever
 * is at the gfn now. */
static struct mapping *use_of(unsigned ref)
{
    for (unsigned i = 0; i < MAPPINGS; i++) {
        if (mappings[i].live && mappings[i].by_grant &&
            mappings[i].ref == ref) {
            return &mappings[i];
        }
    }
    return NULL;
}

static int map_grant(unsigned i, unsigned ref)
{
    const struct mapping *used = use_of(ref);
    uint32_t handle;
    int status;

    do {
        status = grant_map(control, d->id, FIRST_REF + ref, GNTMAP_host_map,
                           gpa_from_gfn(place(i)).v, &handle);
    } while (status == GNTST_eagain);
    if (status != GNTST_okay) {
        /* of memory there was none, or of the page */
        EXPECT(status != GNTST_general_error || !used);
        return status == GNTST_no_space ? -ENOMEM : 0;
    }
    EXPECT(granted[ref] != NO_PAGE);
    mappings[i] = (struct mapping){.live = true,
                                   .by_grant = true,
                                   .write = true,
                                   .ref = ref,
                                   .handle = handle,
                                   .gfn = used ? used->gfn : granted[ref],
                                   .lost = used ? used->lost : 0};
    return 0;
}

/* Map at a free place, or let go of what is there. */
static int op_map(const uint32_t *arg)
{
    unsigned i = arg[0] % MAPPINGS;

    if (mappings[i].live) {
        unmap(i);
        return 0;
    }
    if (!d) {
        return 0;
    }
    return arg[1] % 2 ? map_foreign(i, gfn_of(arg[2], 0))
                      : map_grant(i, arg[2] % REFS);
}

/* The guest rewrites an entry that nobody uses. */
static int op_grant(const uint32_t *arg)
{
    unsigned ref = arg[0] % REFS, gfn = gfn_of(arg[1], 0);

    if (d && !use_of(ref)) {
        bool none = arg[2] % 4 == 0 || !is_memory[gfn];

        granted[ref] = none ? NO_PAGE : gfn;
        *entry(ref) = (struct grant_entry_v1){
            .flags = none ? 0 : GTF_permit_access, .domid = 0, .frame = gfn};
    }
    return 0;
}

static int op_write_mapped(const uint32_t *arg)
{
    unsigned i = arg[0] % MAPPINGS;
    struct mapping *m = &mappings[i];
    struct guest_exit exit;
    uint64_t *word;

    if (!m->live) {
        return 0;
    }
    word = fake_guest_access(&control->p2m.tlb, control->p2m.root,
                             gpa_from_gfn(place(i)),
                             arg[1] % 2 ? FAKE_WRITE : FAKE_READ, &exit);
    EXPECT(word);
    EXPECT_EQ(*word, *value_of(m));
    if (arg[1] % 2) {
        *word = *value_of(m) = arg[2];
    }
    return 0;
}

static void forget(void)
{
    for (unsigned gfn = 0; gfn < GFNS; gfn++) {
        let_go(gfn);
    }
    for (unsigned ref = 0; ref < REFS; ref++) {
        granted[ref] = NO_PAGE;
    }
}

static void end_life(bool unmap_first)
{
    struct domain *old = d;

    for (unsigned i = 0; i < MAPPINGS && unmap_first; i++) {
        if (mappings[i].live) {
            unmap(i);
        }
    }
    while (domain_kill(old) == -ERESTART) {
        continue;
    }
    forget();
    d = NULL;
    domains_check_memory();
    for (unsigned i = 0; i < MAPPINGS; i++) {
        if (mappings[i].live) {
            op_write_mapped((const uint32_t[OP_ARGS]){i, 1, 77});
            unmap(i);
        }
    }
    EXPECT_EQ(old->account.page_count, 0);
    domain_put(old);
    domain_reap();
    EXPECT(!domain_get(1));
}

static int try_to_build(struct domain *new, unsigned target)
{
    int rc;

    memory_set_max_pages(new, MAX_PAGES);
    do {
        rc = memory_set_pod_target(new, target);
    } while (rc == -ERESTART);
    for (unsigned gfn = 0; gfn < GFNS && !rc; gfn += 512) {
        rc = memory_mark_pod(new, GFN(gfn), ORDER_2M);
    }
    return rc ? rc : grant_grow(new, 1);
}

static int build(unsigned target)
{
    struct domain_config config = {
        .id = 1,
        .max_vcpus = 1,
        .max_evtchn_port = 1023,
        .max_grant_frames = 4,
        .max_maptrack_frames = 4,
    };
    struct domain *new;
    int rc = domain_create(&config, &new);

    if (rc) {
        return rc;
    }
    rc = try_to_build(new, target);
    if (rc) {
        domain_end(new);
        return rc;
    }
    d = new;
    EXPECT_EQ(domain_unpause(d), 0);
    for (unsigned gfn = 0; gfn < GFNS; gfn++) {
        is_memory[gfn] = true;
    }
    return 0;
}

static int op_live_again(const uint32_t *arg)
{
    if (d) {
        end_life(arg[0] % 2);
        /* Tables and slabs that the control domain maps with may stay. */
        EXPECT(page_alloc_info().free + 16 >= free_before);
    }
    return build(1 + arg[1] % (MAX_PAGES - 1));
}

/* --- */

static void compare(unsigned gfn)
{
    struct p2m_entry e = p2m_get(&d->p2m, GFN(gfn));
    const uint64_t *word = mfn_valid(e.mfn) ? arch_map(e.mfn) : NULL;
    bool same = e.type == P2M_HOLE;

    if (is_memory[gfn]) {
        same = e.type == P2M_POD ? !value[gfn]
                                 : e.type == P2M_RAM && *word == value[gfn];
    }
    if (!same) {
        FAIL("gfn %x is %s, but the model says %s %lx", gfn,
             p2m_types[e.type].name, is_memory[gfn] ? "memory" : "nothing",
             value[gfn]);
    }
}

static void check(void)
{
    domains_check_memory();
    EXPECT_EQ(fake_stale_translations(&control->p2m.tlb, control->p2m.root), 0);
    if (!d) {
        return;
    }
    EXPECT_EQ(fake_stale_translations(&d->p2m.tlb, d->p2m.root), 0);
    EXPECT(pod().cache_pages <= pod().entries);
    EXPECT(pod().tot_pages <= MAX_PAGES);
    for (unsigned i = 0; i < COMPARED; i++) {
        compare(cursor++ % GFNS);
    }
    fake_forget_pte_writes();
}

static void start(void)
{
    machine_start(RAM_PAGES);
    control = domain_new(0, 1);
    domain_fill(control, 0, 1);
    free_before = page_alloc_info().free;
    forget();
    EXPECT_EQ(build(500), 0);
}

static void finish(void)
{
    if (d) {
        end_life(false);
    }
    domains_check();
}

enum {
    OP_TOUCH,
    OP_ZERO,
    OP_DECREASE,
    OP_POPULATE,
    OP_MARK,
    OP_TARGET,
    OP_REMOVE,
    OP_MAP,
    OP_GRANT,
    OP_WRITE_MAPPED,
    OP_LIVE_AGAIN,
};

static const struct op_kind kinds[] = {
    [OP_TOUCH] = {"OP_TOUCH", 600, op_touch},
    [OP_ZERO] = {"OP_ZERO", 30, op_zero},
    [OP_DECREASE] = {"OP_DECREASE", 60, op_decrease},
    [OP_POPULATE] = {"OP_POPULATE", 40, op_populate},
    [OP_MARK] = {"OP_MARK", 40, op_mark},
    [OP_TARGET] = {"OP_TARGET", 30, op_target},
    [OP_REMOVE] = {"OP_REMOVE", 30, op_remove},
    [OP_MAP] = {"OP_MAP", 80, op_map},
    [OP_GRANT] = {"OP_GRANT", 30, op_grant},
    [OP_WRITE_MAPPED] = {"OP_WRITE_MAPPED", 60, op_write_mapped},
    [OP_LIVE_AGAIN] = {"OP_LIVE_AGAIN", 2, op_live_again},
};

static const struct model life = {
    .name = "life",
    .kinds = kinds,
    .kind_count = ARRAY_COUNT(kinds),
    .may_be_short = true,
    .start = start,
    .check = check,
    .finish = finish,
};

TEST(lives_at_random_agree_with_the_model)
{
    ops_random(&life, 8, OPERATIONS);
}

/* --- S7 --- */

#define S7_MANY 400 /* allocations that it does not make */

/* Do it; if the allocation that fails was one of its own, again. Returns
 * whether it was. */
static bool done_twice(op_fn *op, unsigned gfn, unsigned order)
{
    static const uint8_t arg_of_order[] = {[0] = 0, [3] = 4, [9] = 6};
    const uint32_t arg[OP_ARGS] = {1U << 28 | gfn, arg_of_order[order], 1};
    int rc = op(arg);

    if (rc == -ENOMEM) {
        check();
        EXPECT_EQ(op(arg), 0);
    }
    return rc;
}

/* Scrub all, balloon to the target in pages and pieces, use what is left. */
static unsigned scrub_and_balloon(void)
{
    unsigned failed = 0;

    for (unsigned gfn = 0; gfn < GFNS; gfn++) {
        failed += done_twice(op_touch, gfn, 0);
        if (gfn % 64 == 0) {
            check();
        }
    }
    for (unsigned i = 0; i < 512; i++) {
        failed += done_twice(op_decrease, i * 3, 0);
    }
    failed += done_twice(op_mark, 96 * 3, 0);
    check();
    for (unsigned gfn = 0; gfn < GFNS; gfn++) {
        failed += done_twice(op_touch, gfn, 0);
    }
    check();
    return failed;
}

TEST(s7_each_allocation_of_a_life_fails_once)
{
    unsigned failed = 0, failed_last = 1;

    start();
    for (unsigned n = 1; n <= S7_MANY && (n < 40 || failed_last); n++) {
        page_alloc_fail_nth(n);
        if (d) {
            end_life(true);
        }
        failed_last = 0;
        while (build(1100)) {
            failed_last++;
            check();
        }
        failed_last += scrub_and_balloon();
        failed += failed_last;
        page_alloc_fail_nth(0);
    }
    EXPECT(failed > 10);
    finish();
}
