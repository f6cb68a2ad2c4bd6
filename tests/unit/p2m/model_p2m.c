/* SPDX-License-Identifier: MIT */
/*
 * Random operations on a guest's memory against a flat model, which knows for
 * each gfn only what the guest would see there:
 *
 *   HOLE     nothing
 *   MEMORY   RAM or a promise of it; the word at its start. 0: all of the page
 *            is zero; PATTERN: is full of that. A promise is either, and shows
 *            zeros once it was read
 *   FOREIGN  page `value` of the other domain
 *
 * After each operation everything is recounted, and every gfn is compared
 * now and then. Any operation may be told that the n-th page allocation from
 * now on fails; it may fail for that then, but must have changed nothing.
 */
#include "guest.h"
#include "mm/zero_block.h"
#include "ops.h"

#define GFNS   4096U /* eight regions of 2M */
#define OTHERS 64U   /* pages that the other domain has, at gfns 0.. */
#define MAPPED 32U   /* our pages that the other maps, at gfns 0x1000.. */
#define LIMIT  3500U /* max_pages of ours */
#define ROUNDS 1500U
/* What the guest scrubs with, besides zero. */
#define PATTERN 0xaaaaaaaaaaaaaaaaULL

enum state {
    HOLE,
    MEMORY,
    FOREIGN,
};

static struct guest g, other;
static enum state state[GFNS];
static uint64_t value[GFNS];
static uint64_t mapped_by_other[MAPPED]; /* our mfn + 1; 0: none */
static uint64_t seed;
static bool failing;      /* an allocation may fail */
static bool host_is_full; /* each one does */
static unsigned batches;
static bool racing;     /* another CPU writes just before flushes */
static bool late_zeros; /* it wrote zeros, which a search may have missed */
static uint64_t credit; /* pages that the host lends */
static uint64_t zeroed; /* about where the guest wrote zeros last */

static uint64_t below(uint64_t limit)
{
    return unit_random_below(&seed, limit);
}

static uint64_t any_gfn(unsigned order)
{
    uint64_t gfn = below(GFNS - BIT(order) + 1);

    /* Mostly aligned, as guests are. */
    return below(4) ? gfn & ~(BIT(order) - 1) : gfn;
}

static unsigned any_order(void)
{
    static const unsigned orders[] = {0, 0, 0, 0, 1, 3, 5, 8, 9, 9};

    return orders[below(ARRAY_COUNT(orders))];
}

static void expect_rc(int rc, int expected)
{
    if (rc == -ENOMEM && failing) {
        return;
    }
    EXPECT_EQ((uint64_t)(int64_t)rc, (uint64_t)(int64_t)expected);
}

static bool may_be_promise(uint64_t what)
{
    return what == 0 || what == PATTERN;
}

/* The guest writes: all of the page, if it is to be a promise again. */
static void put(uint64_t *word, uint64_t what)
{
    unsigned count = may_be_promise(what) ? PAGE_SIZE / sizeof(*word) : 1;

    for (unsigned i = 0; i < count; i++) {
        word[i] = what;
    }
}

/* Every page with nothing in it and no second user would have been found. */
static void expect_no_zero_page(void)
{
    for (uint64_t i = 0; i < GFNS; i++) {
        struct p2m_entry e = p2m_get(&g.p2m, GFN(i));

        if (state[i] == MEMORY && e.type == P2M_RAM &&
            may_be_promise(value[i]) &&
            page_references(page_from_mfn(e.mfn)) == 1) {
            FAIL("gfn %lx is zero, but the sweep saw nothing", i);
        }
    }
}

static enum p2m_verdict touch_once(uint64_t gfn, bool write, uint64_t **word,
                                   struct p2m_search *search)
{
    enum p2m_verdict verdict = guest_try(&g, gfn, write, word);

    if (verdict != P2M_NEED_PAGE) {
        return verdict;
    }
    if (pod_fill(&g.pod, below(2) ? ORDER_2M : ORDER_4K) ||
        p2m_sweep(&g.p2m, search) != P2M_SWEEP_NOTHING ||
        pod_borrow(&g.pod, credit)) {
        return P2M_RETRY;
    }
    if (!failing) {
        if (!late_zeros) {
            expect_no_zero_page();
        }
        EXPECT_EQ(g.account.borrowed, credit);
        EXPECT(!g.pod.on_demand || !g.account.claimed);
    }
    late_zeros = false;
    return verdict;
}

/* A table is lacking only when none of the host's allocations succeeds and the
 * reserve is empty; and the cache pays, but when no page is lacking. */
static void expect_no_page(enum p2m_verdict verdict)
{
    if (verdict == P2M_NEED_PAGE) {
        return;
    }
    EXPECT_EQ(verdict, P2M_NO_MEMORY);
    EXPECT(host_is_full);
    EXPECT_EQ(g.pod.entry_count, g.pod.cache_count);
    EXPECT(g.pod.counters.tables_reserved < 2);
}

static void op_touch(void)
{
    uint64_t gfn = below(GFNS), *word = NULL;
    bool write = below(4);
    struct p2m_search search = {0};
    enum p2m_verdict verdict;

    for (unsigned i = 0; i < 3 && state[gfn] == HOLE; i++) {
        gfn = below(GFNS);
    }
    do {
        verdict = touch_once(gfn, write, &word, &search);
    } while (!word && (verdict == P2M_OK || verdict == P2M_RETRY));
    switch (state[gfn]) {
    case HOLE:
        /* A batch of the guest's own: it has not seen the end of the call. */
        EXPECT(batches ? true : verdict == P2M_HOLE_ACCESS);
        return;
    case MEMORY:
        if (!word) {
            expect_no_page(verdict);
            return;
        }
        EXPECT_EQ(*word, value[gfn]);
        if (write) {
            value[gfn] = below(5) ? gfn << 32 | below(BIT(32)) : 0;
            put(word, value[gfn]);
        }
        return;
    case FOREIGN:
        if (write) {
            EXPECT_EQ(verdict, P2M_BAD_ACCESS);
            return;
        }
        EXPECT(word);
        EXPECT_EQ(*word, value[gfn]);
        return;
    }
}

/* Another CPU of the guest writes, by a translation that is about to go. */
static void write_late(const struct guest_tlb *tlb)
{
    struct guest_exit exit;

    for (unsigned i = 0; racing && i < 30; i++) {
        uint64_t gfn = MIN(zeroed + below(200), GFNS - 1);
        uint64_t *word = fake_guest_access(
            &g.p2m.tlb, g.p2m.root, gpa_from_gfn(GFN(gfn)), FAKE_WRITE, &exit);

        if (word && tlb == &g.p2m.tlb && state[gfn] == MEMORY) {
            bool zero = !below(4);

            *word = value[gfn] = zero ? 0 : gfn << 32 | below(BIT(32));
            late_zeros = late_zeros || zero;
        }
    }
}

static void op_touch_race(void)
{
    racing = below(2);
    op_touch();
    racing = false;
}

/* The guest frees memory and scrubs it, by zeros or its pattern. */
static void op_zero(void)
{
    uint64_t with = below(3) ? 0 : PATTERN, first = below(GFNS),
             count = below(2) ? 512 : 60;

    first = below(2) ? first & ~511ULL : first;
    zeroed = first;
    for (uint64_t i = first; i < MIN(first + count, GFNS); i++) {
        if (state[i] == MEMORY && value[i]) {
            uint64_t *word;

            /* Of a page that has something in it the guest has a page. */
            if (value[i] == PATTERN) {
                continue;
            }

            EXPECT_EQ(guest_try(&g, i, true, &word), P2M_OK);
            EXPECT(word);
            value[i] = with;
            put(word, with);
        }
    }
}

static void op_mark(void)
{
    unsigned order = any_order();
    uint64_t gfn = any_gfn(order);
    bool ok = true;
    int rc;

    for (uint64_t i = gfn; i < gfn + BIT(order); i++) {
        enum p2m_type type = guest_type(&g, i);

        ok = ok && (type == P2M_HOLE || p2m_types[type].is_promise);
    }
    rc = p2m_mark_pod(&g.p2m, GFN(gfn), order);
    expect_rc(rc, ok ? 0 : -EBUSY);
    for (uint64_t i = gfn; !rc && i < gfn + BIT(order); i++) {
        state[i] = MEMORY;
        value[i] = 0;
    }
}

static void op_add(void)
{
    unsigned order = any_order();
    uint64_t gfn = any_gfn(order);
    struct page *pg = page_alloc_guest(&g.account, order);
    bool ok = true;
    int rc;

    if (!pg) {
        return;
    }
    for (uint64_t i = gfn; i < gfn + BIT(order); i++) {
        enum p2m_type type = guest_type(&g, i);

        ok = ok && (type == P2M_HOLE || p2m_types[type].is_promise);
    }
    rc = p2m_add_ram(&g.p2m, GFN(gfn), pg, order);
    expect_rc(rc, ok ? 0 : -EEXIST);
    for (uint64_t i = 0; i < BIT(order); i++) {
        if (rc) {
            page_put_allocated(pg + i);
        } else {
            state[gfn + i] = MEMORY;
            value[gfn + i] = 0;
        }
    }
}

static void op_decrease(void)
{
    unsigned order = any_order();
    uint64_t gfn = any_gfn(order), done = 0, fits = 0;
    int rc;

    while (fits < BIT(order) && state[gfn + fits] == MEMORY) {
        fits++;
    }
    rc = p2m_decrease(&g.p2m, GFN(gfn), order, &done);
    if (fits == BIT(order)) {
        expect_rc(rc, 0);
    } else {
        expect_rc(rc, state[gfn + fits] == HOLE ? -ENOENT : -EPERM);
    }
    EXPECT(rc == -ENOMEM ? done <= fits : done == fits);
    for (uint64_t i = gfn; i < gfn + done; i++) {
        state[i] = HOLE;
    }
}

static uint64_t any_region(void)
{
    return below(GFNS / 512) * 512;
}

/* A balloon's list: gfns of a region, each once, in no order. */
static unsigned any_list(uint64_t *gfns, uint64_t base, enum state wanted)
{
    uint64_t step = 2 * below(256) + 1;
    unsigned count = 0;

    for (uint64_t i = 0; i < 512 && count < PAGES_AT_ONCE; i++) {
        uint64_t gfn = base + i * step % 512;

        if (state[gfn] == wanted) {
            gfns[count++] = gfn;
        }
    }
    return count;
}

static unsigned inflate(const uint64_t *gfns, unsigned count)
{
    unsigned done = 0;
    int rc = count ? p2m_decrease_list(&g.p2m, gfns, count, &done) : 0;

    expect_rc(rc, 0);
    EXPECT(rc || done == count);
    for (unsigned i = 0; i < done; i++) {
        state[gfns[i]] = HOLE;
    }
    return done;
}

static void op_inflate(void)
{
    uint64_t gfns[PAGES_AT_ONCE];

    inflate(gfns, any_list(gfns, any_region(), MEMORY));
}

/* Memory comes back, in frames that fit where there are some. Returns how many
 * did. */
static unsigned deflate(const uint64_t *gfns, unsigned count)
{
    struct page *pages[PAGES_AT_ONCE];
    mfn_t fits[PAGES_AT_ONCE];
    unsigned done = 0, got;

    p2m_fitting_frames(&g.p2m, gfns, count, fits);
    got = page_alloc_guest_some(&g.account, pages, fits, count);
    for (unsigned i = 0; i < got; i++) {
        mfn_t mfn = page_to_mfn(pages[i]);

        EXPECT(got < count || !mfn_valid(fits[i]) || mfn_eq(mfn, fits[i]));
    }
    if (got) {
        expect_rc(p2m_add_list(&g.p2m, gfns, pages, got, &done), 0);
    }
    for (unsigned i = 0; i < got; i++) {
        if (i < done) {
            state[gfns[i]] = MEMORY;
            value[gfns[i]] = 0;
        } else {
            page_release(pages[i], 1);
        }
    }
    return done;
}

static void op_deflate(void)
{
    uint64_t gfns[PAGES_AT_ONCE];

    deflate(gfns, any_list(gfns, any_region(), HOLE));
}

/* Pages of a superpage go to the host and come back, as there is nobody else
 * who wants them: it is one again. */
static void op_saw(void)
{
    uint64_t base = any_region(), gfns[PAGES_AT_ONCE];
    bool whole = guest_order(&g, base) == ORDER_2M && !batches && !failing &&
                 guest_type(&g, base) == P2M_RAM &&
                 g.pod.entry_count == g.pod.cache_count;
    unsigned count = any_list(gfns, base, MEMORY);

    count = inflate(gfns, count);
    if (deflate(gfns, count) == count && whole) {
        EXPECT_EQ(guest_order(&g, base), ORDER_2M);
    }
}

/* A region that lacks some pages gets them: it may be a superpage then. */
static void op_complete(void)
{
    uint64_t base = any_region(), *word;

    for (uint64_t i = base; i < base + 512; i++) {
        if (state[i] == HOLE && !deflate(&i, 1)) {
            return;
        }
    }
    for (uint64_t i = base; i < base + 512; i++) {
        if (state[i] == MEMORY && guest_try(&g, i, true, &word) != P2M_OK) {
            return;
        }
    }
}

static void op_remove(void)
{
    uint64_t gfn = below(GFNS);
    int rc = p2m_remove(&g.p2m, GFN(gfn), INVALID_MFN);

    expect_rc(rc, state[gfn] == HOLE ? -ENOENT : 0);
    if (!rc) {
        state[gfn] = HOLE;
    }
}

static void op_move(void)
{
    uint64_t from = below(GFNS), to = below(GFNS);
    bool ok = guest_type(&g, from) == P2M_RAM && from != to;
    int rc = p2m_move(&g.p2m, GFN(from), GFN(to));

    expect_rc(rc, ok ? 0 : -EINVAL);
    if (!rc) {
        state[to] = MEMORY;
        value[to] = value[from];
        state[from] = HOLE;
    }
}

static void op_foreign(void)
{
    uint64_t gfn = below(GFNS), theirs = below(OTHERS);
    struct p2m_entry e;
    struct page *pg = p2m_get_page(&other.p2m, GFN(theirs), &e);
    int rc;

    EXPECT(pg);
    rc = p2m_add_foreign(&g.p2m, GFN(gfn), pg, P2M_FOREIGN_RO);
    expect_rc(rc, state[gfn] == HOLE ? 0 : -EEXIST);
    if (rc) {
        page_put(pg);
        return;
    }
    state[gfn] = FOREIGN;
    value[gfn] = theirs + 1;
}

/* The other domain maps one of our pages, or lets one go. */
static void op_be_mapped(void)
{
    uint64_t i = below(MAPPED), gfn = below(GFNS);
    gfn_t at = GFN(0x1000 + i);
    struct p2m_entry e;
    struct page *pg;
    int rc;

    if (mapped_by_other[i]) {
        EXPECT_EQ(p2m_remove(&other.p2m, at, MFN(mapped_by_other[i] - 1)), 0);
        mapped_by_other[i] = 0;
        return;
    }
    pg = p2m_get_page(&g.p2m, GFN(gfn), &e);
    if (!pg) {
        return;
    }
    if (e.type != P2M_RAM) {
        page_put(pg);
        return;
    }
    rc = p2m_add_foreign(&other.p2m, at, pg, P2M_FOREIGN);
    expect_rc(rc, 0);
    if (rc) {
        page_put(pg);
    } else {
        mapped_by_other[i] = e.mfn.v + 1;
    }
}

/* The hypervisor writes, which no dirty bit notes. */
static void op_write_by_reference(void)
{
    uint64_t gfn = below(GFNS);
    struct p2m_entry e;
    struct page *pg;

    for (unsigned i = 0; i < 30 && guest_type(&g, gfn) != P2M_RAM; i++) {
        gfn = below(GFNS);
    }
    pg = p2m_get_page(&g.p2m, GFN(gfn), &e);
    if (!pg) {
        return;
    }
    if (e.type == P2M_RAM) {
        EXPECT_EQ(state[gfn], MEMORY);
        zeroed = gfn;
        value[gfn] = below(2) ? gfn << 32 | below(BIT(32)) : 0;
        *(uint64_t *)page_map(pg) = value[gfn];
    }
    page_put(pg);
}

static void op_grow(void)
{
    uint64_t room = g.pod.entry_count;

    if (room > g.pod.cache_count) {
        uint64_t more = below(room - g.pod.cache_count + 1);
        uint64_t target = g.pod.cache_count + MIN(more, 600);
        int rc = g.pod.on_demand ? pod_set_claim(&g.pod, target)
                                 : pod_set_cache(&g.pod, target, 512);

        EXPECT(rc == 0 || rc == -ENOMEM || rc == -ERESTART ||
               (g.pod.on_demand && rc == -EINVAL));
    }
}

static void op_sweep(void)
{
    static struct p2m_search searches[] = {{0},
                                           {.enough = 600},
                                           {.gentle = true},
                                           {.gentle = true, .enough = 900}};
    struct p2m_search *search = &searches[below(ARRAY_COUNT(searches))];
    uint64_t cached = g.pod.cache_count;

    switch (p2m_sweep(&g.p2m, search)) {
    case P2M_SWEEP_FOUND:
        EXPECT(g.pod.cache_count && g.pod.cache_count >= search->enough);
        return;
    case P2M_SWEEP_MORE:
        EXPECT(g.pod.cache_count >= cached);
        EXPECT(g.pod.cache_count < MAX(search->enough, 1ULL));
        return;
    case P2M_SWEEP_NOTHING:
        EXPECT_EQ(g.pod.cache_count, cached);
        return;
    }
}

/* Scattered pages move to a block, if the host has one to lend. */
static void op_gather(void)
{
    gfn_t gfn = GFN(any_region());
    uint64_t charged = g.account.page_count;
    struct page *block;

    if (p2m_gather_find(&g.p2m, &gfn) != P2M_GATHER_FOUND) {
        return;
    }
    block = page_begin_move(&g.account, ORDER_2M);
    if (block) {
        EXPECT(p2m_gather(&g.p2m, gfn, block));
        EXPECT_EQ(guest_order(&g, gfn.v), ORDER_2M);
    }
    EXPECT_EQ(g.account.page_count, charged);
}

static void op_batch(void)
{
    if (batches) {
        p2m_batch_end(&g.p2m);
        batches--;
    } else {
        p2m_batch_begin(&g.p2m);
        batches++;
    }
}

static void compare(uint64_t gfn)
{
    struct p2m_entry e = p2m_get(&g.p2m, GFN(gfn));
    const uint64_t *word = mfn_valid(e.mfn) ? arch_map(e.mfn) : NULL;
    bool same;

    switch (state[gfn]) {
    case HOLE:
        same = e.type == P2M_HOLE;
        break;
    case MEMORY:
        if (p2m_types[e.type].is_promise) {
            same = value[gfn] == (p2m_types[e.type].is_zero ? 0 : PATTERN);
        } else {
            same = e.type == P2M_RAM && *word == value[gfn];
        }
        break;
    default:
        same = e.type == P2M_FOREIGN_RO && *word == value[gfn];
        break;
    }
    if (!same) {
        FAIL("gfn %lx is %s, but the model says %d with %lx", gfn,
             p2m_types[e.type].name, state[gfn], value[gfn]);
    }
}

static void check(void)
{
    fake_console_clear();
    if (pod_deficit_locked(&g.pod) < 0) {
        FAIL("C %lu above E %lu", g.pod.cache_count, g.pod.entry_count);
    }
    EXPECT(g.account.borrowed <= credit);
    EXPECT(g.account.page_count - g.account.borrowed <= g.account.max_pages);
    if (p2m_audit(&g.p2m) || p2m_audit(&other.p2m)) {
        FAIL("%s", fake_console_output());
    }
    EXPECT_EQ(fake_stale_translations(&g.p2m.tlb, g.p2m.root), 0);
    EXPECT(zero_block_audit());
    machine_check();
}

/* How often, in thousandths: with plenty of memory, short of it, and when all
 * that happens is that memory comes and goes, mostly a region at a time. */
enum mix {
    PLENTY,
    SHORTAGE,
    COMING_AND_GOING,
};

static const struct {
    unsigned weight[3];
    void (*run)(void);
} ops[] = {
    {{490, 835, 480}, op_touch_race},
    {{20, 20, 10}, op_zero},
    {{60, 5, 0}, op_mark},
    {{20, 10, 20}, op_inflate},
    {{20, 10, 0}, op_deflate},
    {{20, 5, 20}, op_complete},
    {{20, 0, 300}, op_saw},
    {{20, 20, 0}, op_write_by_reference},
    {{30, 2, 60}, op_add},
    {{120, 8, 60}, op_decrease},
    {{20, 5, 0}, op_remove},
    {{20, 10, 0}, op_move},
    {{20, 10, 0}, op_foreign},
    {{20, 20, 20}, op_be_mapped},
    {{40, 2, 0}, op_grow},
    {{20, 18, 10}, op_sweep},
    {{30, 20, 10}, op_batch},
    {{10, 0, 10}, op_gather},
};

/* The arguments are the seed of all that it chooses. */
static void run_one(const uint32_t *arg, enum mix mix)
{
    uint64_t pick = arg[0] % 1000;
    unsigned i = 0;

    seed = (uint64_t)arg[1] << 32 | arg[2];
    for (;; i++) {
        unsigned weight = ops[i].weight[mix];

        if (pick < weight) {
            break;
        }
        pick -= weight;
    }
    failing = host_is_full || !below(8);
    if (failing) {
        page_alloc_fail_nth(1 + below(3));
    }
    ops[i].run();
    page_alloc_fail_nth(0);
}

static int op_plenty(const uint32_t *arg)
{
    run_one(arg, PLENTY);
    return 0;
}

static int op_short(const uint32_t *arg)
{
    run_one(arg, SHORTAGE);
    return 0;
}

static int op_coming_and_going(const uint32_t *arg)
{
    run_one(arg, COMING_AND_GOING);
    return 0;
}

static void start_rest(uint64_t max_pages)
{
    zero_block_init();
    EXPECT_EQ(p2m_set_pattern(&g.p2m, PATTERN), 0);
    g.account.max_pages = max_pages;
    guest_start(&other, 2);
    for (uint64_t i = 0; i < OTHERS; i++) {
        *(uint64_t *)page_map(guest_add(&other, i, 0)) = i + 1;
    }
    for (uint64_t i = 0; i < GFNS; i++) {
        state[i] = i < 2048 ? MEMORY : HOLE;
        value[i] = 0;
    }
    fake_on_flush(write_late);
}

static void start(uint64_t cache, uint64_t max_pages)
{
    guest_start_pod(&g, 11, cache);
    start_rest(max_pages);
}

static void compare_all(void)
{
    for (uint64_t gfn = 0; gfn < GFNS; gfn++) {
        compare(gfn);
    }
}

static unsigned steps;

static void finish(void)
{
    if (batches) {
        op_batch();
    }
    check();
    compare_all();
    guest_end(&g);
    guest_end(&other);
    EXPECT(steps < ROUNDS || g.pod.counters.zero_maps_4k);
    EXPECT(steps < ROUNDS || g.pod.counters.zero_upgrades);
    EXPECT_EQ(g.account.page_count, 0);
    EXPECT_EQ(other.account.page_count, 0);
}

static void check_now_and_then(void)
{
    if (steps % 8 == 0) {
        check();
    }
    if (steps++ % 100 == 0) {
        compare_all();
    }
}

static void start_plenty(void)
{
    start(700, 3500);
}

static void start_whole(void)
{
    start(2048, GFNS);
}

static void finish_whole(void)
{
    EXPECT(steps < ROUNDS || g.pod.counters.superpages_reformed);
    EXPECT(steps < ROUNDS || g.pod.counters.superpages_gathered);
    finish();
}

static void start_short(void)
{
    start(100, 300);
}

/* What the guest gives away the others have at once. */
static void take_all(void)
{
    while (page_alloc(PAGE_HEAP, 0)) {
        continue;
    }
}

static void start_full(void)
{
    start(1500, 2000);
    take_all();
    host_is_full = true;
}

static void check_full(void)
{
    take_all();
    check_now_and_then();
}

static void finish_full(void)
{
    EXPECT(steps < ROUNDS || g.pod.counters.tables_paid);
    finish();
}

static void start_lent(void)
{
    credit = 150;
    start(100, 300);
}

static void start_on_demand(void)
{
    machine_start(0x4000);
    guest_start(&g, 1);
    g.pod.on_demand = true;
    EXPECT_EQ(pod_set_claim(&g.pod, 700), 0);
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(0), 11), 0);
    start_rest(1500);
}

static void start_few_superpages(void)
{
    start(1024, 1100);
}

static void finish_few_superpages(void)
{
    EXPECT(steps < ROUNDS || g.pod.counters.reclaimed_4k);
    finish();
}

enum {
    OP_STEP,
};

static const struct op_kind kinds_plenty[] = {
    [OP_STEP] = {"OP_STEP", 1, op_plenty}};
static const struct op_kind kinds_short[] = {
    [OP_STEP] = {"OP_STEP", 1, op_short}};
static const struct op_kind kinds_whole[] = {
    [OP_STEP] = {"OP_STEP", 1, op_coming_and_going}};

#define MODEL(what, kind_table, start_function, check_function,                \
              finish_function)                                                 \
    static const struct model what = {                                         \
        .name = #what,                                                         \
        .kinds = kind_table,                                                   \
        .kind_count = ARRAY_COUNT(kind_table),                                 \
        .start = start_function,                                               \
        .check = check_function,                                               \
        .finish = finish_function,                                             \
    }

MODEL(plenty, kinds_plenty, start_plenty, check_now_and_then, finish);
/* The sweep is at work all the time. */
MODEL(shortage, kinds_short, start_short, check_now_and_then, finish);
/* So it is, and superpages come and go. */
MODEL(few_superpages, kinds_short, start_few_superpages, check_now_and_then,
      finish_few_superpages);
/* Superpages are taken apart and put together. */
MODEL(whole, kinds_whole, start_whole, check_now_and_then, finish_whole);
/* Not a page is free in the host. */
MODEL(full_host, kinds_plenty, start_full, check_full, finish_full);
/* The sweep is at work, but the host lends some, which comes back before
 * anything else. */
MODEL(lent, kinds_short, start_lent, check_now_and_then, finish);
/* Promises are met out of what is claimed. */
MODEL(on_demand, kinds_plenty, start_on_demand, check_now_and_then, finish);

TEST(random_operations_agree_with_the_model)
{
    ops_random(&plenty, 1, ROUNDS);
}

TEST(random_operations_agree_with_the_model_again)
{
    ops_random(&plenty, 0x5eed, ROUNDS);
}

TEST(random_operations_agree_with_the_model_when_memory_is_short)
{
    ops_random(&shortage, 7, ROUNDS);
}

TEST(random_operations_agree_with_the_model_when_memory_is_lent)
{
    ops_random(&lent, 19, ROUNDS);
}

TEST(random_operations_agree_with_the_model_on_demand)
{
    ops_random(&on_demand, 23, ROUNDS);
}

TEST(random_operations_agree_with_the_model_when_superpages_are_short)
{
    ops_random(&few_superpages, 78, ROUNDS);
}

TEST(random_operations_agree_with_the_model_when_the_host_is_full)
{
    ops_random(&full_host, 17, ROUNDS);
}

TEST(random_operations_agree_with_the_model_when_regions_come_and_go)
{
    ops_random(&whole, 3, ROUNDS);
}
