/* SPDX-License-Identifier: MIT */
/*
 * What PUT and GET of transcendent memory cost on this machine, in CPU time
 * for each page, against a copy of a page by memcpy() and LZ4 by itself, which
 * is about what zram does. Pages are streamed through, so caches do not help.
 * Times are printed, and nothing depends on them. make bench-tmem.
 */
#include <lz4.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tmem_host.h"

#define PAGES   8192U /* 32 MiB at a time */
#define ROUNDS  4
#define THREADS 4

static unsigned char *pages, *copies;
static struct tmem_client *c;
static int id;

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void *page_at(unsigned char *base, uint32_t i)
{
    return base + (size_t)i * PAGE_SIZE;
}

static void copy(uint32_t i)
{
    memcpy(page_at(copies, i), page_at(pages, i), PAGE_SIZE);
}

static void put_one(uint32_t i)
{
    struct tmem_handle h = handle(id, i / 1024, i % 1024);

    EXPECT_EQ(tmem_put(c, &h, page_at(pages, i)), 1);
}

static void get_one(uint32_t i)
{
    struct tmem_handle h = handle(id, i / 1024, i % 1024);

    EXPECT_EQ(tmem_get(c, &h, page_at(copies, i)), 1);
}

static void flush_one(uint32_t i)
{
    struct tmem_handle h = handle(id, i / 1024, i % 1024);

    EXPECT_EQ(tmem_flush_page(c, &h), 1);
}

static char packed[PAGES][2048];
static int packed_size[PAGES];

static void pack_alone(uint32_t i)
{
    static char state[1 << 15] __attribute__((aligned(16)));

    packed_size[i] = LZ4_compress_fast_extState(
        state, page_at((void *)pages, i), packed[i], PAGE_SIZE, 2048, 1);
    EXPECT(packed_size[i] > 0);
}

static void unpack_alone(uint32_t i)
{
    EXPECT_EQ(LZ4_decompress_safe(packed[i], page_at(copies, i), packed_size[i],
                                  PAGE_SIZE),
              PAGE_SIZE);
}

static double each(void (*fn)(uint32_t i))
{
    double start = now();

    for (uint32_t i = 0; i < PAGES; i++) {
        fn(i);
    }
    return (now() - start) / PAGES;
}

/* The best of some rounds of put and get. */
static void measure(const char *what, unsigned kind, bool pack, uint32_t flags)
{
    double put = 1e9, get = 1e9, flush = 1e9;

    c = host_client(1, 0);
    id = host_pool(c, flags);
    compress(c, pack);
    account_set_limit(host_account(1), 1U << 20);
    for (uint32_t i = 0; i < PAGES; i++) {
        make_page((i * 7 + 5) * 4 + kind, page_at(pages, i)); /* packs well */
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        double t = each(put_one);

        put = t < put ? t : put;
        t = each(get_one);
        get = t < get ? t : get;
        t = each(flush_one);
        flush = t < flush ? t : flush;
    }
    EXPECT(memcmp(pages, copies, (size_t)PAGES * PAGE_SIZE) == 0);
    printf("  %-28s %7.0f %7.0f %7.0f\n", what, put, get, flush);
    host_end(c);
}

static void best(const char *what, void (*fn)(uint32_t i),
                 void (*back)(uint32_t i))
{
    double there = 1e9, again = 1e9;

    for (unsigned round = 0; round < ROUNDS; round++) {
        double t = each(fn);

        there = t < there ? t : there;
        t = back ? each(back) : 0;
        again = t < again ? t : again;
    }
    printf("  %-28s %7.0f %7.0f\n", what, there, again);
}

/* --- Several CPUs --- */

static double spent[THREADS];
static bool same_object;

static void *put_and_get(void *cpu)
{
    unsigned me = (unsigned)(uintptr_t)cpu;
    double start;

    fake_set_cpu(me);
    start = now();
    for (uint32_t n = 0; n < PAGES; n++) {
        struct tmem_handle h = handle(id, same_object ? 1 : me,
                                      n + (same_object ? me * PAGES : 0));
        uint32_t i = (n + me * 1000) % PAGES;

        EXPECT_EQ(tmem_put(c, &h, page_at(pages, i)), 1);
        EXPECT_EQ(tmem_get(c, &h, page_at(copies, i / THREADS * THREADS + me)),
                  1);
    }
    spent[me] = (now() - start) / PAGES;
    return NULL;
}

static void scale(unsigned count)
{
    pthread_t threads[THREADS];
    double all = 0;

    c = host_client(1, 0);
    id = host_pool(c, 0);
    for (uintptr_t i = 0; i < count; i++) {
        EXPECT_EQ(pthread_create(&threads[i], NULL, put_and_get, (void *)i), 0);
    }
    for (unsigned i = 0; i < count; i++) {
        EXPECT_EQ(pthread_join(threads[i], NULL), 0);
        all += spent[i] / count;
    }
    fake_set_cpu(0);
    printf("  %u CPUs, %-18s %11.0f\n", count,
           same_object ? "one object" : "an object each", all);
    host_end(c);
}

TEST(bench)
{
    pages = aligned_alloc(PAGE_SIZE, (size_t)PAGES * PAGE_SIZE);
    copies = aligned_alloc(PAGE_SIZE, (size_t)PAGES * PAGE_SIZE);
    EXPECT(pages && copies);
    memset(pages, 1, (size_t)PAGES * PAGE_SIZE);
    memset(copies, 1, (size_t)PAGES * PAGE_SIZE);
    host_start(0x8000);
    printf("ns of CPU time for a page%25s %7s %7s\n", "put", "get", "flush");
    best("memcpy", copy, NULL);
    measure("raw, ephemeral", RAW_PAGE, false, 0);
    measure("raw, persistent", RAW_PAGE, false, TMEM_PERSISTENT);
    measure("one word", WORD_PAGE, false, TMEM_PERSISTENT);
    measure("zeros behind", TAIL_PAGE, false, TMEM_PERSISTENT);
    measure("LZ4", TEXT_PAGE, true, TMEM_PERSISTENT);
    best("LZ4 by itself", pack_alone, unpack_alone);
    measure("raw that LZ4 was tried on", RAW_PAGE, true, TMEM_PERSISTENT);
    printf("put and get together, of one client\n");
    for (unsigned same = 0; same < 2; same++) {
        same_object = same;
        scale(1);
        scale(2);
        scale(THREADS);
    }
}
