/* SPDX-License-Identifier: MIT */
//! cpus: 1 2
//! vcpus: 2
/*
 * Transcendent memory by hypercall 38 (T-1 .. T-18).
 *
 * What was put is got back byte by byte: of a persistent pool as often as one
 * asks, of an ephemeral one once, and the last put counts. A miss is 0, a pool
 * with nothing in it -1001, a frozen client's put -1000, and wrong calls have
 * their errors. Two vCPUs work in the same pools at the same time, on objects
 * of their own, on one object, and on the same pages: then a page is one
 * writer's or the other's and never of both. Each page is full of words that
 * are computed from its name, so any mixture shows.
 *
 * A child puts pages that it was only promised, and gets them: neither costs it
 * one. In the end the child is gone with all that it had put, and the host has
 * its memory back.
 */
#include "child.h"

#include "console.h"
#include "hypercall.h"
#include "lib/string.h"
#include "main.h"
#include "memory.h"
#include "smp.h"
#include "test.h"
#include "time.h"

#include <xen/tmem.h>

#define VERSION     ((uint32_t)TMEM_SPEC_VERSION << TMEM_POOL_VERSION_SHIFT)
#define WORDS       (PAGE_SIZE / sizeof(uint64_t))
#define PAGES       48 /* of each vCPU, in each pool */
#define ROUNDS      3
#define SAME_ROUNDS 60
#define PATIENCE    SECONDS(5)
#define LIMIT_KIB   (1ULL << 30)

static int64_t call(struct tmem_op *op)
{
    return hypercall1(__HYPERVISOR_tmem_op, (uint64_t)op);
}

static int64_t new_pool(uint32_t flags)
{
    struct tmem_op op = {.cmd = TMEM_NEW_POOL,
                         .u.creat.flags = VERSION | flags};

    return call(&op);
}

static struct tmem_op page_op(uint32_t cmd, int64_t pool, uint64_t object,
                              uint32_t index, uint64_t gfn)
{
    return (struct tmem_op){
        .cmd = cmd,
        .pool_id = (int32_t)pool,
        .u.gen = {.oid = {{object, ~object, 7}}, .index = index, .cmfn = gfn},
    };
}

static int64_t do_page(uint32_t cmd, int64_t pool, uint64_t object,
                       uint32_t index, const void *page)
{
    struct tmem_op op = page_op(cmd, pool, object, index, gfn_of(page));

    return call(&op);
}

static uint64_t word_of(uint64_t tag, unsigned i)
{
    return (tag + 1) * 0x9e3779b97f4a7c15ULL ^ (uint64_t)i * i << 20;
}

static void fill(uint64_t *page, uint64_t tag)
{
    for (unsigned i = 0; i < WORDS; i++) {
        page[i] = word_of(tag, i);
    }
}

static bool is_full_of(const uint64_t *page, uint64_t tag)
{
    for (unsigned i = 0; i < WORDS; i++) {
        if (page[i] != word_of(tag, i)) {
            return false;
        }
    }
    return true;
}

/* --- One vCPU --- */

static void test_persistent(int64_t pool)
{
    uint64_t *from = page_alloc(), *to = page_alloc();

    test_section("persistent");
    fill(from, 1);
    EXPECT_EQ(do_page(TMEM_GET_PAGE, pool, 5, 1, to), -EEMPTY);
    EXPECT_EQ(do_page(TMEM_PUT_PAGE, pool, 5, 1, from), 1);
    fill(from, 2);
    for (unsigned i = 0; i < 2; i++) {
        fill(to, 0);
        EXPECT_EQ(do_page(TMEM_GET_PAGE, pool, 5, 1, to), 1);
        EXPECT(is_full_of(to, 1));
    }
    EXPECT_EQ(do_page(TMEM_PUT_PAGE, pool, 5, 1, from), 1); /* the last one */
    EXPECT_EQ(do_page(TMEM_GET_PAGE, pool, 5, 1, to), 1);
    EXPECT(is_full_of(to, 2));
    EXPECT_EQ(do_page(TMEM_GET_PAGE, pool, 5, 2, to), 0);
    EXPECT_EQ(do_page(TMEM_GET_PAGE, pool, 6, 1, to), 0);
    EXPECT(is_full_of(to, 2));
    EXPECT_EQ(do_page(TMEM_FLUSH_PAGE, pool, 5, 1, NULL), 1);
    EXPECT_EQ(do_page(TMEM_FLUSH_PAGE, pool, 5, 1, NULL), 1);
    EXPECT_EQ(do_page(TMEM_GET_PAGE, pool, 5, 1, to), -EEMPTY);
}

static void test_ephemeral(int64_t pool)
{
    uint64_t *from = page_alloc(), *to = page_alloc();

    test_section("ephemeral");
    for (uint32_t i = 0; i < 8; i++) {
        fill(from, i);
        EXPECT_EQ(do_page(TMEM_PUT_PAGE, pool, 9, i, from), 1);
    }
    for (uint32_t i = 0; i < 4; i++) {
        EXPECT_EQ(do_page(TMEM_GET_PAGE, pool, 9, i, to), 1);
        EXPECT(is_full_of(to, i));
        EXPECT_EQ(do_page(TMEM_GET_PAGE, pool, 9, i, to), 0); /* exclusive */
    }
    EXPECT_EQ(do_page(TMEM_FLUSH_OBJECT, pool, 9, 0, NULL), 1);
    EXPECT_EQ(do_page(TMEM_GET_PAGE, pool, 9, 6, to), -EEMPTY);
}

static void test_wrong(int64_t pool)
{
    uint64_t *page = page_alloc();
    uint64_t hole = hole_alloc(1);
    struct tmem_op op;

    test_section("wrong calls");
    EXPECT_EQ(new_pool(TMEM_POOL_PERSIST | TMEM_POOL_SHARED), -EPERM);
    EXPECT_EQ(new_pool(1 << TMEM_POOL_PAGESIZE_SHIFT), -EPERM);
    EXPECT_EQ(new_pool(0x100), -EPERM);
    EXPECT_EQ(do_page(0, pool, 1, 1, page), -EOPNOTSUPP);
    EXPECT_EQ(do_page(TMEM_AUTH, pool, 1, 1, page), -EOPNOTSUPP);
    EXPECT_EQ(do_page(9, pool, 1, 1, page), -ENOSYS);
    EXPECT_EQ(do_page(TMEM_PUT_PAGE, 15, 1, 1, page), -ENODEV);
    EXPECT_EQ(do_page(TMEM_PUT_PAGE, -1, 1, 1, page), -ENODEV);
    EXPECT_EQ(do_page(TMEM_DESTROY_POOL, -1, 1, 1, page), 0);
    op = page_op(TMEM_PUT_PAGE, pool, 1, 1, hole);
    EXPECT_EQ(call(&op), -EFAULT);
    op = page_op(TMEM_PUT_PAGE, pool, 1, 1, gfn_of(page));
    op.u.gen.len = 4;
    EXPECT_EQ(call(&op), -ENOSYS);
    EXPECT_EQ(call(gfn_address(hole)), -EFAULT);
    EXPECT_EQ(call((struct tmem_op *)NON_CANONICAL), -EFAULT);
    fill(page, 3);
    EXPECT_EQ(do_page(TMEM_PUT_PAGE, pool, 1, 1, page), 1);
    op = page_op(TMEM_GET_PAGE, pool, 1, 1, hole);
    EXPECT_EQ(call(&op), -EFAULT);
    fill(page, 4);
    EXPECT_EQ(do_page(TMEM_GET_PAGE, pool, 1, 1, page), 1); /* still there */
    EXPECT(is_full_of(page, 3));
    EXPECT_EQ(do_page(TMEM_FLUSH_OBJECT, pool, 1, 0, NULL), 1);
    hole_free(hole);
}

/* --- Two vCPUs --- */

static int64_t pools[2]; /* ephemeral; persistent, or -1 */
static volatile unsigned ready, done;

static void meet(volatile unsigned *count)
{
    uint64_t end = time_now() + PATIENCE;

    __atomic_fetch_add(count, 1, __ATOMIC_SEQ_CST);
    while (*count < 2 && time_now() < end) {
        give_way();
    }
}

static uint64_t tag_of(unsigned who, unsigned kind, uint32_t index,
                       unsigned round)
{
    return (uint64_t)who << 48 | (uint64_t)kind << 40 | (uint64_t)index << 8 |
           round;
}

static void work_in(unsigned who, unsigned kind, uint64_t object,
                    uint64_t *page)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (uint32_t i = who; i < 2 * PAGES; i += 2) {
            fill(page, tag_of(who, kind, i, round));
            EXPECT_EQ(do_page(TMEM_PUT_PAGE, pools[kind], object, i, page), 1);
        }
        for (uint32_t i = who; i < 2 * PAGES; i += 2) {
            int64_t found =
                do_page(TMEM_GET_PAGE, pools[kind], object, i, page);

            EXPECT_EQ(found, 1);
            EXPECT(is_full_of(page, tag_of(who, kind, i, round)));
        }
    }
}

/* Both put under one name and get what is there. */
static void work_on_the_same(unsigned who, unsigned kind, uint64_t *page)
{
    for (unsigned n = 0; n < SAME_ROUNDS; n++) {
        int64_t found;

        fill(page, tag_of(who, kind, 0, 0));
        EXPECT_EQ(do_page(TMEM_PUT_PAGE, pools[kind], 99, 0, page), 1);
        found = do_page(TMEM_GET_PAGE, pools[kind], 99, 0, page);
        if (found == 1) {
            EXPECT(is_full_of(page, tag_of(0, kind, 0, 0)) ||
                   is_full_of(page, tag_of(1, kind, 0, 0)));
        } else {
            /* The other one took it. */
            EXPECT(kind == 0 && (found == 0 || found == -EEMPTY));
        }
    }
}

static uint64_t *buffers[2];

static void work(void *p)
{
    unsigned who = (uintptr_t)p;

    meet(&ready);
    for (unsigned kind = 0; kind < 2; kind++) {
        if (pools[kind] >= 0) {
            work_in(who, kind, 10 + who, buffers[who]);
            work_in(who, kind, 20, buffers[who]);
            work_on_the_same(who, kind, buffers[who]);
        }
    }
    meet(&done);
}

static void test_two(void)
{
    test_section("two vCPUs");
    buffers[0] = page_alloc();
    buffers[1] = page_alloc();
    ready = done = 0;
    REQUIRE(smp_start(1, work, (void *)1));
    work((void *)0);
    EXPECT_EQ(done, 2);
}

/* --- The toolstack's side --- */

static int64_t control(uint32_t command, uint32_t client, uint32_t arg,
                       void *buffer, uint32_t length)
{
    struct xen_sysctl op;
    struct podium_tmem_control *c = (void *)&op.u;

    sysctl_prepare(&op, PODIUM_SYSCTL_tmem);
    *c = (struct podium_tmem_control){
        .command = command,
        .client = client,
        .arg = arg,
        .buffer = (uint64_t)buffer,
        .length = length,
    };
    return sysctl(&op);
}

/* A call that takes long gives back a part, and wants to be made again. */
static void flush_all(void)
{
    int64_t given, total = 0;

    do {
        given = control(PODIUM_TMEM_FLUSH, PODIUM_TMEM_ALL, 1 << 20, NULL, 0);
        total += given;
    } while (given > 0);
    EXPECT_EQ(given, 0);
    EXPECT(total >= 4);
}

static void test_control(int64_t pool)
{
    uint64_t *page = page_alloc();
    struct podium_tmem_client info;
    char *text = page_alloc();

    test_section("control");
    EXPECT_EQ(control(PODIUM_TMEM_FREEZE, 0, 0, NULL, 0), 0);
    fill(page, 8);
    EXPECT_EQ(do_page(TMEM_PUT_PAGE, pool, 3, 3, page), -EFROZEN);
    EXPECT_EQ(control(PODIUM_TMEM_GET_CLIENT_INFO, 0, 0, &info, sizeof(info)),
              0);
    EXPECT_EQ(info.flags & PODIUM_TMEM_CLIENT_frozen, 1);
    EXPECT_EQ(control(PODIUM_TMEM_THAW, PODIUM_TMEM_ALL, 0, NULL, 0), 0);
    EXPECT_EQ(do_page(TMEM_PUT_PAGE, pool, 3, 3, page), 1);
    EXPECT_EQ(control(PODIUM_TMEM_LIST, PODIUM_TMEM_ALL, 1, text, PAGE_SIZE),
              0);
    EXPECT(text[0] == 'G' && text[1] == '=');
    EXPECT_EQ(control(PODIUM_TMEM_LIST, PODIUM_TMEM_ALL, 1, text, 100),
              -ENOBUFS);
    flush_all();
    EXPECT_EQ(do_page(TMEM_GET_PAGE, pool, 3, 3, page), -EEMPTY);
    EXPECT_EQ(
        control(PODIUM_TMEM_QUERY_FREEABLE_MB, PODIUM_TMEM_ALL, 0, NULL, 0), 0);
}

/* --- A child --- */

static int64_t child_call(struct child *c, struct tmem_op *op)
{
    memcpy(c->channel->buffer, op, sizeof(*op));
    return child_do(c, SERVANT_HYPERCALL,
                    CHILD_ARGS(__HYPERVISOR_tmem_op, SERVANT_BUFFER));
}

#define PROMISED    2048
#define GIVEN       1024
#define FAR         1600 /* a frame that it never touched, and the next */
#define ADDRESS(gf) ((uint64_t)(gf) << PAGE_SHIFT)

static void use_child(void)
{
    uint64_t entries;
    struct tmem_op op = {.cmd = TMEM_NEW_POOL,
                         .u.creat.flags = VERSION | TMEM_POOL_PERSIST};
    struct child c;

    REQUIRE(child_make(&c, PROMISED, GIVEN) == 0);
    EXPECT_EQ(child_call(&c, &op), 0);
    entries = child_pod(&c).pod_entries;
    op = page_op(TMEM_PUT_PAGE, 0, 1, 1, FAR);
    EXPECT_EQ(child_call(&c, &op), 1);
    op = page_op(TMEM_GET_PAGE, 0, 1, 1, FAR + 1);
    EXPECT_EQ(child_call(&c, &op), 1);
    EXPECT_EQ(child_pod(&c).pod_entries, entries);
    child_write(&c, ADDRESS(900), 42);
    op = page_op(TMEM_PUT_PAGE, 0, 1, 2, 900);
    EXPECT_EQ(child_call(&c, &op), 1);
    op = page_op(TMEM_GET_PAGE, 0, 1, 2, FAR + 2);
    EXPECT_EQ(child_call(&c, &op), 1);
    EXPECT_EQ(child_read(&c, ADDRESS(FAR + 2)), 42);
    EXPECT_EQ(child_read(&c, ADDRESS(FAR + 1)), 0);
    expect_clean_audit();
    EXPECT_EQ(child_destroy(&c), 0);
    expect_clean_audit();
}

/* What the first one made necessary (small objects of the hypervisor's) may
 * stay for the next. */
static void test_child(void)
{
    uint64_t before;

    test_section("a child");
    use_child();
    before = host_free_pages();
    use_child();
    EXPECT_EQ(host_free_pages(), before);
}

/* Domain 0's limit is what it has: persistent pages need more. */
static void raise_limit(void)
{
    struct xen_domctl op;

    domctl_prepare(&op, XEN_DOMCTL_max_mem, 0);
    op.u.max_mem.max_memkb = LIMIT_KIB;
    EXPECT_EQ(domctl(&op), 0);
}

void test_main(void)
{
    int64_t pool = new_pool(0), persistent;
    uint64_t *page = page_alloc();

    if (pool == -ENOSYS || pool == -ENODEV) {
        test_skip("no transcendent memory here: %lld", (long long)pool);
    }
    REQUIRE(pool == 0);
    smp_init();
    if (is_privileged()) {
        children_init();
        raise_limit();
    }
    persistent = new_pool(TMEM_POOL_PERSIST);
    EXPECT_EQ(persistent, 1);
    test_ephemeral(pool);
    test_wrong(pool);
    pools[0] = pool;
    /* A domain that has all that it may have can keep nothing more. */
    fill(page, 0);
    pools[1] = -1;
    if (do_page(TMEM_PUT_PAGE, persistent, 1, 1, page) == 1) {
        EXPECT_EQ(do_page(TMEM_FLUSH_PAGE, persistent, 1, 1, NULL), 1);
        test_persistent(persistent);
        pools[1] = persistent;
    } else {
        print("no persistent page more may be had\n");
        EXPECT(!is_privileged());
    }
    test_two();
    EXPECT_EQ(do_page(TMEM_DESTROY_POOL, persistent, 0, 0, NULL), 1);
    EXPECT_EQ(do_page(TMEM_DESTROY_POOL, persistent, 0, 0, NULL), 0);
    if (is_privileged()) {
        test_control(pool);
        test_child();
    }
    EXPECT_EQ(do_page(TMEM_DESTROY_POOL, pool, 0, 0, NULL), 1);
}
