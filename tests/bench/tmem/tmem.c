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
#define ROUNDS  12 /* of which the best counts: others use the machine, too */
#define THREADS 2

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

/* Whoever takes a lock afterwards waits until all of it is written. */
static void copy_and_lock(uint32_t i)
{
    static uint32_t lock;

    copy(i);
    __atomic_fetch_add(&lock, 1, __ATOMIC_SEQ_CST);
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

static bool is_one_word(const uint64_t *w)
{
    unsigned i = 0;

    while (i < PAGE_SIZE / 8 && w[i] == w[0]) {
        i++;
    }
    return i == PAGE_SIZE / 8;
}

/* What zram has to do at least: it looks for one word, packs into a buffer of
 * the CPU, and copies that to where it stays. */
static void pack_alone(uint32_t i)
{
    static char state[1 << 15] __attribute__((aligned(16)));
    static char buffer[2 * PAGE_SIZE];
    const void *page = page_at(pages, i);

    EXPECT(!is_one_word(page));
    packed_size[i] = LZ4_compress_fast_extState(state, page, buffer, PAGE_SIZE,
                                                sizeof(buffer), 1);
    EXPECT(packed_size[i] > 0 && packed_size[i] <= 2048);
    memcpy(packed[i], buffer, (size_t)packed_size[i]);
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

/* Each of some functions in turn, in rounds; the best of each. */
static void best_of(void (*const fn[])(uint32_t i), double *best,
                    unsigned count)
{
    for (unsigned k = 0; k < count; k++) {
        best[k] = 1e9;
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned k = 0; k < count; k++) {
            double t = each(fn[k]);

            best[k] = t < best[k] ? t : best[k];
        }
    }
}

static void make_pages(unsigned kind)
{
    for (uint32_t i = 0; i < PAGES; i++) {
        make_page((i * 7 + 5) * 4 + kind, page_at(pages, i)); /* packs well */
    }
}

static void measure(const char *what, unsigned kind, bool pack, uint32_t flags)
{
    static void (*const fn[])(uint32_t i) = {copy, copy_and_lock, put_one,
                                             get_one, flush_one};
    double t[5];

    c = host_client(1, 0);
    id = host_pool(c, flags);
    compress(c, pack);
    account_set_limit(host_account(1), 1U << 20);
    make_pages(kind);
    best_of(fn, t, 5);
    /* The last copy was before the last get. */
    EXPECT(memcmp(pages, copies, (size_t)PAGES * PAGE_SIZE) == 0);
    printf("  %-26s %7.0f %7.0f %7.0f %7.0f %7.0f %6.2f %5.2f %5.2f %5.2f\n",
           what, t[0], t[1], t[2], t[3], t[4], t[2] / t[0], t[3] / t[0],
           t[2] / t[1], t[3] / t[1]);
    host_end(c);
}

static void measure_lz4(void)
{
    static void (*const fn[])(uint32_t i) = {pack_alone, put_one, unpack_alone,
                                             get_one, flush_one};
    double t[5];

    c = host_client(1, 0);
    id = host_pool(c, TMEM_PERSISTENT);
    compress(c, true);
    account_set_limit(host_account(1), 1U << 20);
    make_pages(TEXT_PAGE);
    best_of(fn, t, 5);
    EXPECT(memcmp(pages, copies, (size_t)PAGES * PAGE_SIZE) == 0);
    printf("  %-42s %7.0f %7.0f\n", "LZ4 alone, as zram", t[0], t[2]);
    printf("  %-42s %7.0f %7.0f %7.0f %6.2f %5.2f\n", "  put and get with it",
           t[1], t[3], t[4], t[1] / t[0], t[3] / t[2]);
    host_end(c);
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

static double scale_once(unsigned count)
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
    host_end(c);
    return all;
}

static void scale(unsigned count)
{
    double best = 1e9;

    for (unsigned round = 0; round < ROUNDS; round++) {
        double t = scale_once(count);

        best = t < best ? t : best;
    }
    printf("  %u CPUs, %-18s %11.0f\n", count,
           same_object ? "one object" : "an object each", best);
}

TEST(bench)
{
    pages = aligned_alloc(PAGE_SIZE, (size_t)PAGES * PAGE_SIZE);
    copies = aligned_alloc(PAGE_SIZE, (size_t)PAGES * PAGE_SIZE);
    EXPECT(pages && copies);
    memset(pages, 1, (size_t)PAGES * PAGE_SIZE);
    memset(copies, 1, (size_t)PAGES * PAGE_SIZE);
    host_start(0x8000);
    printf("%59s %29s\n", "ns of CPU time for a page",
           "put, get by copy, + lock");
    printf("%36s %7s %7s %7s %7s\n", "memcpy", "+ lock", "put", "get", "flush");
    measure("raw, ephemeral", RAW_PAGE, false, 0);
    measure("raw, persistent", RAW_PAGE, false, TMEM_PERSISTENT);
    measure("one word", WORD_PAGE, false, TMEM_PERSISTENT);
    measure("zeros behind", TAIL_PAGE, false, TMEM_PERSISTENT);
    measure("raw that LZ4 was tried on", RAW_PAGE, true, TMEM_PERSISTENT);
    measure_lz4();
    printf("put and get together, of one client, for each CPU\n");
    for (unsigned same = 0; same < 2; same++) {
        same_object = same;
        scale(1);
        scale(2);
    }
}
