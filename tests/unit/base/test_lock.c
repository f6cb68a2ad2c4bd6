/* SPDX-License-Identifier: MIT */
#include <pthread.h>

#include "arch/fake/fake.h"
#include "arch/timer.h"
#include "base/lock.h"
#include "base/lock_stats.h"
#include "unit.h"

static struct lock outer = LOCK_INIT(RANK_P2M);
static struct lock inner = LOCK_INIT(RANK_POD);
static struct lock inner_too = LOCK_INIT(RANK_POD);

TEST(ascending_ranks_are_fine)
{
    fake_start(NULL);
    for (int i = 0; i < 3; i++) {
        lock(&outer);
        lock(&inner);
        EXPECT(lock_held(&outer) && lock_held(&inner));
        unlock(&inner);
        lock(&inner_too);
        unlock(&inner_too);
        unlock(&outer);
        EXPECT(!lock_held(&outer));
    }
    /* Released in another order than the reverse. */
    lock(&outer);
    lock(&inner);
    unlock(&outer);
    unlock(&inner);
    EXPECT_EQ(this_percpu()->held_ranks, 0);
}

static bool stops(struct lock *first, struct lock *second)
{
    enum fake_end how;

    fake_start(NULL);
    lock(first);
    FAKE_RUN_TO_END(how, lock(second));
    return how != FAKE_RUNNING && strstr(fake_console_output(), "lock order");
}

TEST(descending_ranks_stop_the_machine)
{
    EXPECT(stops(&inner, &outer));
}

TEST(a_second_lock_of_one_rank_stops_the_machine)
{
    EXPECT(stops(&inner, &inner_too));
}

TEST(taking_a_lock_twice_stops_the_machine)
{
    EXPECT(stops(&inner, &inner));
}

TEST(another_cpu_has_ranks_of_its_own)
{
    fake_start(NULL);
    lock(&inner);
    fake_set_cpu(1);
    EXPECT(!lock_held(&inner));
    lock(&outer);
    unlock(&outer);
    fake_set_cpu(0);
    unlock(&inner);
}

TEST(unlocking_what_another_cpu_holds_stops_the_machine)
{
    enum fake_end how;

    fake_start(NULL);
    lock(&inner);
    fake_set_cpu(1);
    FAKE_RUN_TO_END(how, unlock(&inner));
    EXPECT(how != FAKE_RUNNING);
}

TEST(pairs)
{
    fake_start(NULL);
    lock_two(&inner, &inner_too);
    EXPECT(lock_held(&inner) && lock_held(&inner_too));
    unlock_two(&inner, &inner_too);
    EXPECT(!lock_held(&inner) && !lock_held(&inner_too));
    lock_two(&inner_too, &inner);
    unlock_two(&inner_too, &inner);
    lock_two(&inner, &inner);
    EXPECT(lock_held(&inner));
    unlock_two(&inner, &inner);
    EXPECT(!lock_held(&inner));
    EXPECT_EQ(this_percpu()->held_ranks, 0);
}

TEST(try_lock_does_not_wait)
{
    fake_start(NULL);
    EXPECT(try_lock(&inner));
    fake_set_cpu(1);
    EXPECT(!try_lock(&inner));
    EXPECT_EQ(this_percpu()->held_ranks, 0);
    fake_set_cpu(0);
    unlock(&inner);
    EXPECT(try_lock(&inner));
    unlock(&inner);
}

TEST(each_take_is_counted_for_its_rank)
{
    fake_start(NULL);
    lock_stats_reset();
    lock(&outer);
    lock_two(&inner, &inner_too);
    unlock_two(&inner, &inner_too);
    unlock(&outer);
    fake_set_cpu(3);
    EXPECT(try_lock(&inner));
    fake_set_cpu(2);
    EXPECT(!try_lock(&inner));
    fake_set_cpu(3);
    unlock(&inner);
    EXPECT_EQ(lock_stats_of(RANK_P2M).taken, 1);
    EXPECT_EQ(lock_stats_of(RANK_POD).taken, 3);
    EXPECT_EQ(lock_stats_of(RANK_POD).waited, 0);
    fake_advance(1000);
    EXPECT_EQ(lock_stats_age(), 1000);
    lock_stats_reset();
    EXPECT_EQ(lock_stats_of(RANK_POD).taken, 0);
    EXPECT_EQ(lock_stats_age(), 0);
}

TEST(every_rank_has_a_name)
{
    for (unsigned rank = 0; rank < RANK_COUNT; rank++) {
        EXPECT(lock_rank_name((enum lock_rank)rank));
    }
}

static void *take_and_release(void *unused)
{
    (void)unused;
    fake_set_cpu(1);
    lock(&inner);
    unlock(&inner);
    return NULL;
}

TEST(a_wait_is_counted)
{
    pthread_t thread;

    fake_start(NULL);
    lock(&inner);
    EXPECT_EQ(pthread_create(&thread, NULL, take_and_release, NULL), 0);
    while (READ_ONCE(inner.next) != inner.serving + 2) {
        arch_cpu_relax(); /* until it has queued */
    }
    while (!lock_stats_of(RANK_POD).waited) {
        fake_advance(1000);
        if (lock_held(&inner) && arch_time_ns() > 1000000) {
            unlock(&inner);
        }
        arch_cpu_relax();
    }
    pthread_join(thread, NULL);
    EXPECT_EQ(lock_stats_of(RANK_POD).taken, 2);
    EXPECT_EQ(lock_stats_of(RANK_POD).waited, 1);
    EXPECT(lock_stats_of(RANK_POD).wait_ns >= 1000);
}

#define THREADS 4
#define ROUNDS  2000

static uint64_t counter;

static void *count_up(void *cpu)
{
    fake_set_cpu((unsigned)(uintptr_t)cpu);
    for (int i = 0; i < ROUNDS; i++) {
        lock(&inner);
        WRITE_ONCE(counter, READ_ONCE(counter) + 1);
        unlock(&inner);
    }
    return NULL;
}

TEST(excludes)
{
    pthread_t thread[THREADS];

    fake_start(NULL);
    for (uintptr_t i = 0; i < THREADS; i++) {
        EXPECT_EQ(pthread_create(&thread[i], NULL, count_up, (void *)i), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
    }
    EXPECT_EQ(counter, THREADS * ROUNDS);
}
