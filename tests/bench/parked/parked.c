/* SPDX-License-Identifier: MIT */
/*
 * Pages put into transcendent memory, got and flushed, a call each, as Linux's
 * swap does it; the hypercall is in it.
 *
 *   tmem_no_pool   a call that finds no pool: the way there and back
 *   tmem_put_raw   a page that is stored as it is, in a persistent pool
 *   tmem_get_raw
 *   tmem_put_zero  a page of zeros
 *   tmem_get_zero
 *   tmem_flush     of raw ones
 *   tmem_put_lz4   a page that packs well
 *   tmem_get_lz4
 */
#include "child.h"

#include "bench.h"
#include "hypercall.h"
#include "lib/string.h"
#include "memory.h"
#include "test.h"

#include <xen/tmem.h>

#define COUNT        64
#define WORDS        (PAGE_SIZE / sizeof(uint64_t))
#define LIMIT_KIB    (1ULL << 30)
#define TMEM_NO_POOL 15

static int64_t pool;
static uint64_t *pages[COUNT];

static uint64_t each(uint32_t cmd, int64_t expected)
{
    uint64_t start = rdtsc();

    for (uint32_t i = 0; i < COUNT; i++) {
        struct tmem_op op = {
            .cmd = cmd,
            .pool_id = (int32_t)pool,
            .u.gen = {.oid = {{1, 0, 0}}, .index = i, .cmfn = gfn_of(pages[i])},
        };

        REQUIRE(hypercall1(__HYPERVISOR_tmem_op, (uint64_t)&op) == expected);
    }
    return (rdtsc() - start) / COUNT;
}

static void fill(uint64_t step, unsigned every)
{
    for (unsigned i = 0; i < COUNT; i++) {
        for (unsigned k = 0; k < WORDS; k++) {
            pages[i][k] = k % every ? 7 : (k + i) * step;
        }
    }
}

static void measure(const char *put_name, const char *get_name,
                    const char *flush_name)
{
    struct bench put = {.name = put_name}, get = {.name = get_name};
    struct bench flush = {.name = flush_name};

    for (unsigned round = 0; round < BENCH_ROUNDS; round++) {
        bench_note(&put, each(TMEM_PUT_PAGE, 1));
        bench_note(&get, each(TMEM_GET_PAGE, 1));
        bench_note(&flush, each(TMEM_FLUSH_PAGE, 1));
    }
    bench_end(&put);
    bench_end(&get);
    if (flush_name) {
        bench_end(&flush);
    }
}

static void measure_no_pool(void)
{
    struct bench b = {.name = "tmem_no_pool"};
    int64_t was = pool;

    pool = TMEM_NO_POOL;
    for (unsigned round = 0; round < BENCH_ROUNDS; round++) {
        bench_note(&b, each(TMEM_FLUSH_PAGE, -ENODEV));
    }
    bench_end(&b);
    pool = was;
}

static void raise_limit(void)
{
    struct xen_domctl op;

    domctl_prepare(&op, XEN_DOMCTL_max_mem, 0);
    op.u.max_mem.max_memkb = LIMIT_KIB;
    REQUIRE(domctl(&op) == 0);
}

static void compress(void)
{
    struct podium_tmem_client client = {
        .version = TMEM_SPEC_VERSION,
        .flags = PODIUM_TMEM_CLIENT_compress,
    };
    struct xen_sysctl op;
    struct podium_tmem_control *c = (void *)&op.u;

    sysctl_prepare(&op, PODIUM_SYSCTL_tmem);
    *c = (struct podium_tmem_control){
        .command = PODIUM_TMEM_SET_CLIENT_INFO,
        .buffer = (uint64_t)&client,
        .length = sizeof(client),
    };
    REQUIRE(sysctl(&op) == 0);
}

void test_main(void)
{
    struct tmem_op op = {
        .cmd = TMEM_NEW_POOL,
        .u.creat.flags = (uint32_t)TMEM_SPEC_VERSION
                             << TMEM_POOL_VERSION_SHIFT |
                         TMEM_POOL_PERSIST,
    };

    for (unsigned i = 0; i < COUNT; i++) {
        pages[i] = page_alloc();
    }
    raise_limit();
    pool = hypercall1(__HYPERVISOR_tmem_op, (uint64_t)&op);
    REQUIRE(pool >= 0);
    measure_no_pool();
    fill(0x9e3779b97f4a7c15ULL, 1);
    measure("tmem_put_raw", "tmem_get_raw", "tmem_flush");
    fill(0, 1);
    measure("tmem_put_zero", "tmem_get_zero", NULL);
    compress();
    fill(0x9e3779b97f4a7c15ULL, 4);
    measure("tmem_put_lz4", "tmem_get_lz4", NULL);
}
