/* SPDX-License-Identifier: MIT */
#include <pthread.h>

#include "arch/fake/fake.h"
#include "base/trace.h"
#include "types/bits.h"
#include "unit.h"

static struct trace_record copied[TRACE_RING_RECORDS];

TEST(a_copy_has_the_newest_in_order)
{
    uint64_t first;

    fake_start(NULL);
    EXPECT_EQ(trace_copy(0, TRACE_RING_MEMORY, copied, &first), 0);
    for (uint64_t i = 0; i < 5; i++) {
        trace(TRACE_POPULATE, 1, i, 0x3000, 9);
    }
    EXPECT_EQ(trace_copy(0, TRACE_RING_MEMORY, copied, &first), 5);
    EXPECT_EQ(first, 0);
    EXPECT_EQ(copied[4].event, TRACE_POPULATE);
    EXPECT_EQ(copied[4].data[1], 4);
    EXPECT_EQ(copied[4].data[3], 9);
    for (uint64_t i = 5; i < 1000; i++) {
        trace(TRACE_DECREASE, 1, i, 0, 0);
    }
    EXPECT_EQ(trace_copy(0, TRACE_RING_MEMORY, copied, &first),
              TRACE_RING_RECORDS - 1);
    EXPECT_EQ(first, 1000 - (TRACE_RING_RECORDS - 1));
    EXPECT_EQ(copied[0].data[1], first);
    EXPECT_EQ(copied[TRACE_RING_RECORDS - 2].data[1], 999);
}

/* Many exits do not drive out what became of memory. */
TEST(rings_are_apart)
{
    uint64_t first;

    fake_start(NULL);
    trace(TRACE_RECLAIM, 1, 2, 3, 0);
    for (unsigned i = 0; i < 1000; i++) {
        trace(TRACE_EXIT, i, 0, 0, 0);
    }
    EXPECT_EQ(trace_copy(0, TRACE_RING_MEMORY, copied, &first), 1);
    EXPECT_EQ(trace_copy(1, TRACE_RING_MEMORY, copied, &first), 0);
}

TEST(what_is_not_wanted_is_not_recorded)
{
    uint64_t first;

    fake_start(NULL);
    trace(TRACE_P2M_WRITE, 1, 2, 3, 0);
    EXPECT_EQ(trace_copy(0, TRACE_RING_MEMORY, copied, &first), 0);
    trace_mask = BIT(TRACE_P2M_WRITE);
    trace(TRACE_P2M_WRITE, 1, 2, 3, 0);
    trace(TRACE_POPULATE, 1, 2, 3, 0);
    EXPECT_EQ(trace_copy(0, TRACE_RING_MEMORY, copied, &first), 1);
}

static bool stop;

static void *write_on(void *unused)
{
    (void)unused;
    fake_set_cpu(1);
    for (uint64_t i = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); i++) {
        trace(TRACE_POPULATE, i, i, i, i);
    }
    return NULL;
}

/* Each record is of one piece, and they follow one another. */
TEST(copies_are_whole_while_the_cpu_goes_on)
{
    unsigned long seen = 0;
    pthread_t writer;

    fake_start(NULL);
    EXPECT_EQ(pthread_create(&writer, NULL, write_on, NULL), 0);
    while (seen < 20000) {
        uint64_t first;
        unsigned count = trace_copy(1, TRACE_RING_MEMORY, copied, &first);

        for (unsigned i = 0; i < count; i++) {
            EXPECT_EQ(copied[i].data[0], first + i);
            EXPECT_EQ(copied[i].data[1], first + i);
            EXPECT_EQ(copied[i].data[3], first + i);
        }
        seen += count;
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    pthread_join(writer, NULL);
}
