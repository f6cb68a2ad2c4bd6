/* SPDX-License-Identifier: MIT */
/*
 * Hypercall 38: the answers of T-6 to every call that is wrong, and nothing
 * changed; pages come back as they were put, from and to every kind of frame
 * that a guest may have (T-18). Domain 2 calls unless said otherwise: it has
 * RAM at 0..63, 512 promises from 0x200 on and 8 pages in its cache, a page of
 * domain 3's at FOREIGN and one granted by it at GRANTED.
 */
#include "domain/tmem_client.h"
#include "domains.h"
#include "guest/hypercall.h"
#include "machine.h"
#include "p2m/internal.h"
#include "types/bits.h"
#include "types/error.h"

#include <xen/grant_table.h>
#include <xen/tmem.h>

#define ARG       0x20000 /* guest address of the record */
#define GUEST_RAM 64
#define HOLE      GUEST_RAM /* and behind it, up to */
#define FOREIGN   0x80
#define GRANTED   0x81
#define PROMISES  0x200
#define DATA      0x30 /* a frame to put from */
#define PLACE     0x31 /* and one to get to */

#define VERSION ((uint32_t)TMEM_SPEC_VERSION << TMEM_POOL_VERSION_SHIFT)

static struct domain *control, *d, *other;
static struct vcpu *v;
static unsigned continued;

struct state {
    struct memory_size_info size[3];
    struct tmem_info tmem;
    uint64_t free, claimed;
};
static struct state before;

static void look(struct state *s)
{
    memset(s, 0, sizeof(*s)); /* padding is compared, too */
    memory_get_size(control, &s->size[0]);
    memory_get_size(d, &s->size[1]);
    memory_get_size(other, &s->size[2]);
    tmem_look(&s->tmem);
    s->free = page_alloc_info().free + s->tmem.free_frames;
    s->claimed = page_alloc_info().claimed;
    /* What is counted is not what is kept. */
    s->tmem.n.ops = s->tmem.n.errors = s->tmem.free_frames = 0;
    s->tmem.frames_max = 0;
}

static void check(void)
{
    domains_check();
    EXPECT_EQ(tmem_audit(), 0);
}

static void remember(void)
{
    look(&before);
}

static void expect_unchanged(void)
{
    struct state now;

    look(&now);
    EXPECT(!memcmp(&now, &before, sizeof(now)));
    check();
}

static void grant_one(void)
{
    struct grant_entry_v1 *e = page_map(other->grants.frames[0]);
    struct gnttab_map_grant_ref *m = domain_page(d, ARG >> PAGE_SHIFT);

    e[20] = (struct grant_entry_v1){GTF_permit_access, 2, 5};
    *m = (struct gnttab_map_grant_ref){
        .host_addr = (uint64_t)GRANTED << PAGE_SHIFT,
        .flags = GNTMAP_host_map,
        .ref = 20,
        .dom = 3,
    };
    v->regs.rax = __HYPERVISOR_grant_table_op;
    v->regs.rdi = GNTTABOP_map_grant_ref;
    v->regs.rsi = ARG;
    v->regs.rdx = 1;
    EXPECT(hypercall(v));
    EXPECT_EQ(m->status, GNTST_okay);
}

static struct domain *make(domid_t id)
{
    struct domain *made = domain_new(id, 1);

    domain_fill(made, 0, GUEST_RAM);
    domain_paging_on(made->vcpus[0]);
    return made;
}

static void start_without_tmem(void)
{
    machine_start(0x4000);
    control = make(0);
    d = make(2);
    other = make(3);
    v = d->vcpus[0];
    EXPECT_EQ(memory_mark_pod(d, GFN(PROMISES), ORDER_2M), 0);
    EXPECT_EQ(memory_set_pod_target(d, GUEST_RAM + 8), 0);
    EXPECT_EQ(memory_map_foreign(d, GFN(FOREIGN), other, GFN(4)), 0);
    grant_one();
}

static void start(void)
{
    start_without_tmem();
    EXPECT(tmem_start(false));
    remember();
}

static int64_t call_at(uint64_t gva)
{
    v->regs.rax = __HYPERVISOR_tmem_op;
    v->regs.rdi = gva;
    continued = 0;
    while (!hypercall(v)) {
        if (v->hold & HOLD_MEMORY) {
            return -ERESTART;
        }
        EXPECT_EQ(v->regs.rdi, gva);
        continued++;
    }
    return (int64_t)v->regs.rax;
}

static int64_t call(const struct tmem_op *op)
{
    memcpy(domain_page(v->domain, ARG >> PAGE_SHIFT), op, sizeof(*op));
    return call_at(ARG);
}

static int64_t new_pool(uint32_t flags)
{
    return call(&(struct tmem_op){.cmd = TMEM_NEW_POOL,
                                  .u.creat.flags = VERSION | flags});
}

static struct tmem_op page_op(uint32_t cmd, int64_t pool, uint32_t index,
                              uint64_t gfn)
{
    return (struct tmem_op){
        .cmd = cmd,
        .pool_id = (int32_t)pool,
        .u.gen = {.oid = {{1, 2, 3}}, .index = index, .cmfn = gfn},
    };
}

static int64_t put(int64_t pool, uint32_t index, uint64_t gfn)
{
    struct tmem_op op = page_op(TMEM_PUT_PAGE, pool, index, gfn);

    return call(&op);
}

static int64_t get(int64_t pool, uint32_t index, uint64_t gfn)
{
    struct tmem_op op = page_op(TMEM_GET_PAGE, pool, index, gfn);

    return call(&op);
}

static int64_t flush(int64_t pool, uint32_t index)
{
    struct tmem_op op = page_op(TMEM_FLUSH_PAGE, pool, index, 0);

    return call(&op);
}

static int64_t flush_object(int64_t pool)
{
    struct tmem_op op = page_op(TMEM_FLUSH_OBJECT, pool, 0, 0);

    return call(&op);
}

static int64_t destroy_pool(int64_t pool)
{
    struct tmem_op op = page_op(TMEM_DESTROY_POOL, pool, 0, 0);

    return call(&op);
}

/* A page that is like no other, and is not simple either. */
static void write_page(uint64_t gfn, uint64_t value)
{
    uint64_t *words = domain_page(v->domain, gfn);

    for (unsigned i = 0; i < 512; i++) {
        words[i] = value * (i * i + 1);
    }
}

static bool holds(uint64_t gfn, uint64_t value)
{
    const uint64_t *words = domain_page(v->domain, gfn);

    for (unsigned i = 0; i < 512; i++) {
        if (words[i] != value * (i * i + 1)) {
            return false;
        }
    }
    return true;
}

static enum p2m_type type(uint64_t gfn)
{
    return p2m_get(&d->p2m, GFN(gfn)).type;
}

static struct tmem_pool_info pool_info(int64_t pool)
{
    struct tmem_pool_info info;

    EXPECT_EQ(tmem_pool_look(tmem_client_of(v->domain), (uint32_t)pool, &info),
              0);
    return info;
}

/*
 * What it is for.
 */

TEST(persistent_pages_stay)
{
    int64_t pool;
    uint64_t charged;

    start();
    charged = d->account.page_count;
    pool = new_pool(TMEM_POOL_PERSIST);
    EXPECT_EQ(pool, 0);
    EXPECT_EQ(d->account.page_count, charged); /* T-7 */
    write_page(DATA, 77);
    EXPECT_EQ(put(pool, 5, DATA), 1);
    EXPECT(d->account.page_count > charged); /* T-19 */
    write_page(DATA, 78);
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ(get(pool, 5, PLACE), 1);
        EXPECT(holds(PLACE, 77));
        write_page(PLACE, 1);
    }
    EXPECT_EQ(get(pool, 6, PLACE), 0);
    EXPECT_EQ(flush(pool, 5), 1);
    EXPECT_EQ(flush(pool, 5), 1);
    EXPECT_EQ(get(pool, 5, PLACE), -EEMPTY);
    EXPECT(holds(PLACE, 1));
    check();
    EXPECT_EQ(destroy_pool(pool), 1);
    EXPECT_EQ(destroy_pool(pool), 0);
    EXPECT_EQ(d->account.page_count, charged);
    check();
}

TEST(ephemeral_pages_are_got_once)
{
    int64_t pool;

    start();
    pool = new_pool(0);
    write_page(DATA, 9);
    EXPECT_EQ(put(pool, 1, DATA), 1);
    EXPECT_EQ(put(pool, 2, DATA), 1);
    EXPECT_EQ(get(pool, 1, PLACE), 1);
    EXPECT(holds(PLACE, 9));
    EXPECT_EQ(get(pool, 1, PLACE), 0);
    EXPECT_EQ(pool_info(pool).n.pages, 1);
    check();
}

/* Put, put, get: never the first one's page (T-12). */
TEST(the_later_put_counts)
{
    int64_t pool;

    start();
    pool = new_pool(TMEM_POOL_PERSIST);
    write_page(DATA, 1);
    EXPECT_EQ(put(pool, 1, DATA), 1);
    write_page(DATA, 2);
    EXPECT_EQ(put(pool, 1, DATA), 1);
    EXPECT_EQ(get(pool, 1, PLACE), 1);
    EXPECT(holds(PLACE, 2));
    EXPECT_EQ(pool_info(pool).n.pages, 1);
    check();
}

TEST(an_object_goes_in_steps)
{
    int64_t pool;

    start();
    memory_set_max_pages(d, 4096);
    pool = new_pool(0);
    write_page(DATA, 3);
    for (uint32_t i = 0; i < 1500; i++) {
        EXPECT_EQ(put(pool, i, DATA), 1);
    }
    v->work = 1; /* there is always something else to do */
    EXPECT_EQ(flush_object(pool), 1);
    EXPECT(continued > 0);
    EXPECT_EQ(pool_info(pool).n.pages, 0);
    for (uint32_t i = 0; i < 1500; i++) {
        EXPECT_EQ(put(pool, i, DATA), 1);
    }
    EXPECT_EQ(destroy_pool(pool), 1);
    EXPECT(continued > 0);
    EXPECT_EQ(get(pool, 1, PLACE), -ENODEV);
    v->work = 0;
    check();
}

/*
 * Kinds of frames (T-18).
 */

TEST(a_promise_is_put_and_stays_one)
{
    struct memory_pod_info was, is;
    int64_t pool;

    start();
    pool = new_pool(TMEM_POOL_PERSIST);
    memory_get_pod(d, &was);
    EXPECT_EQ(put(pool, 1, PROMISES), 1);
    memory_get_pod(d, &is);
    EXPECT_EQ(is.entries, was.entries);
    EXPECT_EQ(is.cache_pages, was.cache_pages);
    EXPECT_EQ(type(PROMISES), P2M_POD);
    /* Zeros are got there without a page, too; elsewhere they are written. */
    EXPECT_EQ(get(pool, 1, PROMISES + 1), 1);
    EXPECT_EQ(type(PROMISES + 1), P2M_POD);
    write_page(PLACE, 5);
    EXPECT_EQ(get(pool, 1, PLACE), 1);
    EXPECT(holds(PLACE, 0));
    check();
}

TEST(what_shows_zeros_is_a_promise_still)
{
    int64_t pool;

    start();
    pool = new_pool(TMEM_POOL_PERSIST);
    EXPECT_EQ(memory_fault(d, GFN(PROMISES), false, false), P2M_OK);
    if (type(PROMISES) == P2M_ZERO) {
        EXPECT_EQ(put(pool, 1, PROMISES), 1);
        EXPECT_EQ(get(pool, 1, PROMISES), 1);
        EXPECT_EQ(type(PROMISES), P2M_ZERO);
    }
    write_page(DATA, 6);
    EXPECT_EQ(put(pool, 1, DATA), 1);
    EXPECT_EQ(get(pool, 1, PROMISES), 1);
    EXPECT_EQ(type(PROMISES), P2M_RAM);
    EXPECT(holds(PROMISES, 6));
    check();
}

/* A page of a guest's scrub pattern, which is no zero page. */
TEST(a_promised_pattern_is_put_as_that)
{
    const uint64_t pattern = 0xaaaaaaaaaaaaaaaaULL;
    const uint64_t *words;
    int64_t pool;
    struct slot s;

    start();
    d->pod.pattern = pattern;
    pool = new_pool(TMEM_POOL_PERSIST);
    EXPECT_EQ(memory_mark_pod(d, GFN(0x400), 0), 0);
    lock(&d->p2m.lock);
    s = walk_find(&d->p2m, GFN(0x400));
    slot_set(&d->p2m, &s, P2M_POD_PATTERN, INVALID_MFN);
    unlock(&d->p2m.lock);
    EXPECT_EQ(put(pool, 1, 0x400), 1);
    EXPECT_EQ(type(0x400), P2M_POD_PATTERN);
    EXPECT_EQ(get(pool, 1, PLACE), 1);
    words = domain_page(d, PLACE);
    for (unsigned i = 0; i < 512; i++) {
        EXPECT_EQ(words[i], pattern);
    }
    /* Zeros there are no pattern: it has to become a page. */
    EXPECT_EQ(put(pool, 2, PROMISES), 1);
    EXPECT_EQ(get(pool, 2, 0x400), 1);
    EXPECT_EQ(type(0x400), P2M_RAM);
    EXPECT(holds(0x400, 0));
    check();
}

/* The search for zeros must not take what was got for a page that nobody wrote
 * to. */
TEST(what_is_got_is_dirty)
{
    int64_t pool;
    struct slot s;

    start();
    pool = new_pool(TMEM_POOL_PERSIST);
    write_page(DATA, 4);
    EXPECT_EQ(put(pool, 1, DATA), 1);
    if (!d->p2m.format->dirty) {
        return;
    }
    lock(&d->p2m.lock);
    s = walk_find(&d->p2m, GFN(PLACE));
    slot_clean(&d->p2m, &s);
    unlock(&d->p2m.lock);
    EXPECT_EQ(get(pool, 1, PLACE), 1);
    lock(&d->p2m.lock);
    EXPECT(walk_find(&d->p2m, GFN(PLACE)).f.dirty);
    unlock(&d->p2m.lock);
}

static const uint64_t no_frames[] = {
    HOLE,         FOREIGN,     GRANTED,    0x500,        1ULL << 36,
    1ULL << 40,   1ULL << 52,  ~0ULL >> 1, 1ULL << 63,   ~0ULL,
    0x7fffffff00, ~0ULL << 12, 0xfee00,    P2M_GFN_LIMIT};

TEST(frames_that_are_no_memory)
{
    int64_t pool;

    start();
    pool = new_pool(TMEM_POOL_PERSIST);
    write_page(DATA, 11);
    EXPECT_EQ(put(pool, 1, DATA), 1);
    remember();
    for (unsigned i = 0; i < ARRAY_COUNT(no_frames); i++) {
        EXPECT_EQ(put(pool, 2, no_frames[i]), -EFAULT);
        EXPECT_EQ(get(pool, 1, no_frames[i]), -EFAULT);
        expect_unchanged();
    }
    EXPECT_EQ(get(pool, 1, PLACE), 1); /* it is still there */
    EXPECT(holds(PLACE, 11));
}

/* Neither does an exclusive page go when it cannot be given. */
TEST(an_ephemeral_page_stays_when_its_place_is_none)
{
    int64_t pool;

    start();
    pool = new_pool(0);
    write_page(DATA, 12);
    EXPECT_EQ(put(pool, 1, DATA), 1);
    remember();
    for (unsigned i = 0; i < ARRAY_COUNT(no_frames); i++) {
        EXPECT_EQ(get(pool, 1, no_frames[i]), -EFAULT);
    }
    expect_unchanged();
    EXPECT_EQ(get(pool, 1, PLACE), 1);
    EXPECT(holds(PLACE, 12));
}

/* But a second put that fails drops the first one's page (T-12). */
TEST(a_failed_second_put_leaves_nothing)
{
    int64_t pool;

    start();
    pool = new_pool(TMEM_POOL_PERSIST);
    for (unsigned i = 0; i < ARRAY_COUNT(no_frames); i++) {
        EXPECT_EQ(put(pool, 1, DATA), 1);
        EXPECT_EQ(put(pool, 1, no_frames[i]), -EFAULT);
        EXPECT_EQ(get(pool, 1, PLACE), -EEMPTY);
    }
    check();
}

/* A place that has no page yet waits for one, as a touch does; what was to be
 * got there is still stored meanwhile. */
TEST(a_get_waits_for_memory)
{
    int64_t pool;

    start();
    memory_set_max_pages(d, 4096);
    pool = new_pool(0);
    write_page(DATA, 13);
    EXPECT_EQ(put(pool, 1, DATA), 1);
    for (unsigned i = 0; i < 8; i++) {
        enum p2m_verdict verdict;

        do {
            verdict = memory_fault(d, GFN(PROMISES + i), true, false);
        } while (verdict == P2M_RETRY);
        EXPECT_EQ(verdict, P2M_OK);
        write_page(PROMISES + i, i + 1);
    }
    for (unsigned i = 0; i < GUEST_RAM; i++) {
        uint64_t *word = domain_page(d, i);

        *word = *word ? *word : 1; /* no zeros to be found */
    }
    EXPECT_EQ(get(pool, 1, PROMISES + 20), -ERESTART);
    EXPECT(v->hold & HOLD_MEMORY);
    EXPECT_EQ(pool_info(pool).n.pages, 1);
    check();
    EXPECT_EQ(memory_set_pod_target(d, d->account.page_count + 4), 0);
    EXPECT(!(v->hold & HOLD_MEMORY));
    EXPECT_EQ(call_at(ARG), 1);
    EXPECT(holds(PROMISES + 20, 13));
    EXPECT_EQ(pool_info(pool).n.pages, 0);
    check();
}

/* What is got from a full host needs a page that others of them give way to,
 * while it is being got; it is not itself given up. */
TEST(a_get_makes_room_for_itself)
{
    const struct memory_policy borrow = {MEMORY_BORROW, 400, false};
    unsigned hits = 0;
    uint32_t count = 0;
    int64_t pool;

    start();
    EXPECT_EQ(memory_set_policy(d, &borrow), 0);
    pool = new_pool(0);
    while (page_unclaimed() > page_alloc_info().total / 128) {
        write_page(DATA, ++count);
        EXPECT_EQ(put(pool, count, DATA), 1);
    }
    while (page_unclaimed()) {
        EXPECT(page_alloc(PAGE_HEAP, 0));
    }
    for (uint32_t i = 0; i < 300; i++) {
        int64_t found = get(pool, count - i, PROMISES + i);

        EXPECT(found == 1 || found == 0);
        if (found) {
            hits++;
            EXPECT(holds(PROMISES + i, count - i));
        }
    }
    EXPECT(hits > 200); /* the oldest go first, and these are the youngest */
    EXPECT(d->account.borrowed > 200);
    EXPECT_EQ(d->room_held, 0);
    check();
}

/*
 * Wrong calls.
 */

TEST(pools_that_there_cannot_be)
{
    start();
    for (unsigned bit = 0; bit < 32; bit++) {
        uint32_t flags = VERSION ^ 1U << bit;
        bool fine = flags == (VERSION | TMEM_POOL_PERSIST) ||
                    flags == (VERSION | TMEM_POOL_SHARED);

        if (!fine) {
            EXPECT_EQ(call(&(struct tmem_op){.cmd = TMEM_NEW_POOL,
                                             .u.creat.flags = flags}),
                      -EPERM);
        }
    }
    EXPECT_EQ(new_pool(TMEM_POOL_PERSIST | TMEM_POOL_SHARED), -EPERM);
    EXPECT_EQ(new_pool(TMEM_POOL_PRECOMPRESSED), -EPERM);
    EXPECT_EQ(call(&(struct tmem_op){.cmd = TMEM_NEW_POOL}), -EPERM);
    EXPECT(!tmem_client_of(d)); /* nobody became a client by that */
    expect_unchanged();
}

TEST(sixteen_pools_are_all)
{
    start();
    for (int64_t i = 0; i < TMEM_POOLS; i++) {
        EXPECT_EQ(new_pool(i & 1 ? TMEM_POOL_PERSIST : 0), i);
    }
    remember();
    EXPECT_EQ(new_pool(0), -EPERM);
    EXPECT_EQ(new_pool(TMEM_POOL_SHARED), -EPERM);
    expect_unchanged();
    EXPECT_EQ(destroy_pool(7), 1);
    EXPECT_EQ(new_pool(0), 7);
    check();
}

/* Ids are numbers without a sign, and only one's own. */
TEST(pools_that_there_are_not)
{
    static const int32_t ids[] = {1,  15,        16,        17,    255,  -1,
                                  -2, INT32_MIN, INT32_MAX, 65536, -1000};
    int64_t pool;

    start();
    v = other->vcpus[0];
    for (unsigned i = 0; i < 3; i++) {
        EXPECT_EQ(new_pool(0), i); /* another's */
    }
    write_page(DATA, 20);
    EXPECT_EQ(put(1, 1, DATA), 1);
    v = d->vcpus[0];
    EXPECT_EQ(put(0, 1, DATA), -ENODEV); /* no client yet */
    EXPECT_EQ(get(0, 1, DATA), -ENODEV);
    EXPECT_EQ(flush(0, 1), -ENODEV);
    EXPECT_EQ(flush_object(0), -ENODEV);
    EXPECT_EQ(destroy_pool(0), 0);
    pool = new_pool(0);
    EXPECT_EQ(pool, 0);
    remember();
    for (unsigned i = 0; i < ARRAY_COUNT(ids); i++) {
        EXPECT_EQ(put(ids[i], 1, DATA), -ENODEV);
        EXPECT_EQ(put(ids[i], 1, HOLE), -ENODEV);
        EXPECT_EQ(get(ids[i], 1, PLACE), -ENODEV);
        EXPECT_EQ(flush(ids[i], 1), -ENODEV);
        EXPECT_EQ(flush_object(ids[i]), -ENODEV);
        EXPECT_EQ(destroy_pool(ids[i]), 0);
    }
    expect_unchanged();
}

TEST(commands_that_there_are_not)
{
    static const uint32_t unknown[] = {3,   8,   9,   10,  11,         32, 64,
                                       100, 103, 255, 256, 0x80000001, ~0U};
    static const uint32_t moved[] = {0, 101, 102};
    struct tmem_op op;

    start();
    EXPECT_EQ(new_pool(0), 0);
    remember();
    for (unsigned i = 0; i < ARRAY_COUNT(unknown); i++) {
        op = page_op(unknown[i], 0, 1, DATA);
        EXPECT_EQ(call(&op), -ENOSYS);
    }
    for (unsigned i = 0; i < ARRAY_COUNT(moved); i++) {
        op = page_op(moved[i], 0, 1, DATA);
        EXPECT_EQ(call(&op), -EOPNOTSUPP);
    }
    expect_unchanged();
}

/* Only whole pages. */
TEST(parts_of_pages)
{
    static const uint32_t commands[] = {TMEM_PUT_PAGE, TMEM_GET_PAGE,
                                        TMEM_FLUSH_PAGE, TMEM_FLUSH_OBJECT};
    static const uint32_t words[] = {1, 8, 4095, 4096, 0x80000000, ~0U};

    start();
    EXPECT_EQ(new_pool(0), 0);
    EXPECT_EQ(put(0, 1, DATA), 1);
    remember();
    for (unsigned c = 0; c < ARRAY_COUNT(commands); c++) {
        for (unsigned i = 0; i < ARRAY_COUNT(words); i++) {
            struct tmem_op op = page_op(commands[c], 0, 1, DATA);

            op.u.gen.tmem_offset = words[i];
            EXPECT_EQ(call(&op), -ENOSYS);
            op.u.gen.tmem_offset = 0;
            op.u.gen.pfn_offset = words[i];
            EXPECT_EQ(call(&op), -ENOSYS);
            op.u.gen.pfn_offset = 0;
            op.u.gen.len = words[i];
            EXPECT_EQ(call(&op), -ENOSYS);
        }
    }
    expect_unchanged();
}

TEST(records_that_cannot_be_read)
{
    start();
    remember();
    EXPECT_EQ(call_at((uint64_t)HOLE << PAGE_SHIFT), -EFAULT);
    EXPECT_EQ(call_at(((uint64_t)HOLE << PAGE_SHIFT) - 8), -EFAULT);
    EXPECT_EQ(call_at(1ULL << 46), -EFAULT);
    EXPECT_EQ(call_at(1ULL << 63), -EFAULT);
    EXPECT_EQ(call_at(~0ULL), -EFAULT);
    EXPECT_EQ(call_at(-8ULL), -EFAULT);
    EXPECT_EQ(call_at((uint64_t)FOREIGN << PAGE_SHIFT), -EFAULT);
    expect_unchanged();
}

/* Any name is as good as another. */
TEST(names_of_pages)
{
    static const uint64_t words[] = {0, 1, 1ULL << 63, ~0ULL};
    int64_t pool;

    start();
    memory_set_max_pages(d, 4096);
    pool = new_pool(TMEM_POOL_PERSIST);
    for (unsigned i = 0; i < 64; i++) {
        struct tmem_op op = page_op(TMEM_PUT_PAGE, pool, ~i, DATA);

        for (unsigned k = 0; k < 3; k++) {
            op.u.gen.oid.oid[k] = words[(i >> 2 * k) & 3];
        }
        write_page(DATA, i + 100);
        EXPECT_EQ(call(&op), 1);
    }
    EXPECT_EQ(pool_info(pool).n.pages, 64);
    for (unsigned i = 0; i < 64; i++) {
        struct tmem_op op = page_op(TMEM_GET_PAGE, pool, ~i, PLACE);

        for (unsigned k = 0; k < 3; k++) {
            op.u.gen.oid.oid[k] = words[(i >> 2 * k) & 3];
        }
        EXPECT_EQ(call(&op), 1);
        EXPECT(holds(PLACE, i + 100));
    }
    check();
}

/* Who may do more elsewhere may not do more here. */
TEST(the_control_domain_has_its_own_alone)
{
    start();
    EXPECT_EQ(new_pool(TMEM_POOL_PERSIST), 0);
    EXPECT_EQ(put(0, 1, DATA), 1);
    v = control->vcpus[0];
    remember();
    EXPECT_EQ(get(0, 1, PLACE), -ENODEV);
    EXPECT_EQ(flush(0, 1), -ENODEV);
    EXPECT_EQ(flush_object(0), -ENODEV);
    EXPECT_EQ(destroy_pool(0), 0);
    EXPECT_EQ(call(&(struct tmem_op){.cmd = TMEM_AUTH, .u.creat.arg1 = 2}),
              -EOPNOTSUPP);
    EXPECT_EQ(
        call(&(struct tmem_op){.cmd = TMEM_RESTORE_NEW, .u.creat.arg1 = 2}),
        -EOPNOTSUPP);
    expect_unchanged();
    EXPECT_EQ(new_pool(TMEM_POOL_PERSIST), 0);
    EXPECT_EQ(get(0, 1, PLACE), -EEMPTY);
    check();
}

TEST(switched_off)
{
    start_without_tmem();
    EXPECT_EQ(new_pool(0), -ENODEV);
    EXPECT_EQ(put(0, 1, DATA), -ENODEV);
    EXPECT_EQ(destroy_pool(0), -ENODEV);
    EXPECT_EQ(call_at(~0ULL), -ENODEV);
    domains_check();
}

/* The record has another layout there (T-2). */
TEST(callers_of_32_bit)
{
    struct guest_state s;

    start();
    arch_guest_get_state(v->gc, &s);
    s.seg[SEG_CS].attributes = 0xc9b;
    arch_guest_set_state(v->gc, &s);
    v->regs.rax = __HYPERVISOR_tmem_op;
    v->regs.gpr[3] = ARG;
    EXPECT(hypercall(v));
    EXPECT_EQ((int32_t)v->regs.rax, -ENOSYS);
    expect_unchanged();
}

/* T-14, T-16: nothing comes in; what is there can be got and flushed. */
TEST(frozen)
{
    start();
    EXPECT_EQ(new_pool(TMEM_POOL_PERSIST), 0);
    write_page(DATA, 30);
    for (uint32_t i = 0; i < 4; i++) {
        EXPECT_EQ(put(0, i, DATA), 1);
    }
    tmem_freeze(tmem_client_of(d), true);
    remember();
    EXPECT_EQ(put(0, 10, DATA), -EFROZEN);
    EXPECT_EQ(put(0, 10, PROMISES), -EFROZEN);
    EXPECT_EQ(put(0, 10, HOLE), -EFAULT);
    EXPECT_EQ(get(0, 1, PLACE), 1);
    EXPECT(holds(PLACE, 30));
    expect_unchanged();
    EXPECT_EQ(flush(0, 1), -EFROZEN);
    EXPECT_EQ(get(0, 1, PLACE), 0); /* it is done all the same */
    EXPECT_EQ(flush_object(0), -EFROZEN);
    EXPECT_EQ(get(0, 2, PLACE), -EEMPTY);
    tmem_freeze(tmem_client_of(d), false);
    EXPECT_EQ(put(0, 10, DATA), 1);
    check();
}

/* No put at the limit (T-19); then nothing is different. */
TEST(persistent_pages_are_charged)
{
    start();
    EXPECT_EQ(new_pool(TMEM_POOL_PERSIST), 0);
    EXPECT_EQ(new_pool(0), 1);
    write_page(DATA, 31);
    EXPECT_EQ(put(0, 1, DATA), 1);
    memory_set_max_pages(d, d->account.page_count);
    remember();
    EXPECT_EQ(put(0, 2, DATA), -ENOMEM);
    before.tmem = (struct tmem_info){0}; /* what failed is counted there */
    EXPECT_EQ(before.size[1].account.page_count, d->account.page_count);
    EXPECT_EQ(put(1, 2, DATA), 1); /* the host's, not the domain's */
    EXPECT_EQ(before.size[1].account.page_count, d->account.page_count);
    EXPECT_EQ(get(0, 1, PLACE), 1);
    check();
}

/*
 * The end.
 */

TEST(the_dying_have_none)
{
    int rc;

    start();
    memory_set_max_pages(other, 4096);
    v = other->vcpus[0];
    EXPECT_EQ(new_pool(TMEM_POOL_PERSIST), 0);
    EXPECT_EQ(new_pool(0), 1);
    for (uint32_t i = 0; i < 1000; i++) {
        write_page(DATA, i + 1);
        EXPECT_EQ(put(i & 1, i, DATA), 1);
    }
    rc = domain_kill(other);
    EXPECT_EQ(rc, -ERESTART);
    /* Its memory may be gone: the record is not even looked at. */
    EXPECT_EQ(call_at(ARG), -ENODEV);
    while (rc == -ERESTART) {
        struct tmem_client *c;

        EXPECT_EQ(tmem_client_enter(other, true, &c), -ENODEV);
        rc = domain_kill(other);
        EXPECT_EQ(tmem_audit(), 0);
    }
    EXPECT_EQ(rc, 0);
    EXPECT(!tmem_client_of(other));
    EXPECT_EQ(call_at(ARG), -ENODEV);
}

TEST(all_memory_comes_back)
{
    uint64_t free;

    start();
    free = page_alloc_info().free;
    for (domid_t id = 4; id < 7; id++) {
        struct domain *made = make(id);

        v = made->vcpus[0];
        EXPECT_EQ(new_pool(TMEM_POOL_PERSIST), 0);
        EXPECT_EQ(new_pool(0), 1);
        for (uint32_t i = 0; i < 300; i++) {
            write_page(DATA, i + 1);
            EXPECT_EQ(put(i & 1, i, DATA), 1);
        }
        domain_end(made);
        EXPECT_EQ(tmem_audit(), 0);
    }
    /* Small objects and empty frames may be kept. */
    EXPECT(page_alloc_info().free + tmem_freeable() + 64 >= free);
    check();
}
