/* SPDX-License-Identifier: MIT */
/*
 * How populating grows with CPUs when they really run at once: threads of this
 * machine are the CPUs, each with a domain of its own that takes and gives back
 * 2 MiB in lists of 64 pages. Prints wall time per page, all domains together,
 * and how many locks were waited for. More threads than cores wait for cores.
 * Times are printed, and nothing depends on them. make bench-parallel.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/lock_stats.h"
#include "domains.h"
#include "machine.h"
#include "types/bits.h"

#define MOST   8U
#define PAGES  512U
#define ROUNDS 64U

static struct domain *domains[MOST];
static pthread_barrier_t together;

static double now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void take_and_give_back(struct domain *d)
{
    uint64_t gfns[PAGES];
    unsigned done;

    for (unsigned i = 0; i < PAGES; i++) {
        gfns[i] = i;
    }
    for (unsigned i = 0; i < PAGES; i += MEMORY_AT_ONCE) {
        EXPECT_EQ(memory_populate_list(d, gfns + i, MEMORY_AT_ONCE, &done), 0);
    }
    memory_batch_begin(d);
    EXPECT_EQ(memory_decrease_list(d, gfns, PAGES, &done), 0);
    memory_batch_end(d);
}

static void *work(void *cpu)
{
    unsigned me = (unsigned)(uintptr_t)cpu;

    fake_set_cpu(me);
    pthread_barrier_wait(&together);
    for (unsigned i = 0; i < ROUNDS; i++) {
        take_and_give_back(domains[me]);
    }
    return NULL;
}

static double run(unsigned count)
{
    pthread_t threads[MOST];
    double began;

    pthread_barrier_init(&together, NULL, count + 1);
    for (uintptr_t i = 0; i < count; i++) {
        EXPECT(!pthread_create(&threads[i], NULL, work, (void *)i));
    }
    lock_stats_reset();
    pthread_barrier_wait(&together);
    began = now_ns();
    for (unsigned i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
    }
    pthread_barrier_destroy(&together);
    return (now_ns() - began) / (count * ROUNDS * PAGES);
}

static unsigned long waited(enum lock_rank rank)
{
    return lock_stats_of(rank).waited;
}

TEST(bench)
{
    machine_start_cpus(MOST * 0x2000, MOST);
    for (unsigned i = 0; i < MOST; i++) {
        domains[i] = domain_new((domid_t)(i + 1), 1);
    }
    (void)run(MOST); /* memory is touched for the first time */
    for (unsigned count = 1; count <= MOST; count *= 2) {
        printf("bench: parallel_%u %.0f\n", count, run(count));
    }
    printf("bench: parallel_taken_alloc %lu\n",
           (unsigned long)lock_stats_of(RANK_PAGE_ALLOC).taken);
    printf("bench: parallel_waits_alloc %lu\n", waited(RANK_PAGE_ALLOC));
    printf("bench: parallel_waits_own %lu\n",
           waited(RANK_P2M) + waited(RANK_POD) + waited(RANK_ACCOUNT) +
               waited(RANK_STOCK));
    (void)fflush(stdout);
}
