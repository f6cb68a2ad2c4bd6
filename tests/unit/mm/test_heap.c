/* SPDX-License-Identifier: MIT */
#include "lib/string.h"
#include "machine.h"
#include "mm/heap.h"

static bool all_zero(const char *p, size_t size)
{
    while (size--) {
        if (*p++) {
            return false;
        }
    }
    return true;
}

TEST(gives_zeroed_aligned_objects_of_all_sizes)
{
    void *p[8192];

    machine_start(0x1000);
    for (unsigned round = 0; round < 2; round++) {
        unsigned n = 0;

        for (size_t size = 1; size < 20000; size += 1 + size / 7) {
            p[n] = heap_alloc(size);
            EXPECT(p[n]);
            EXPECT_EQ((uintptr_t)p[n] % (size > 2048 ? PAGE_SIZE : 16), 0);
            EXPECT(all_zero(p[n], size));
            memset(p[n++], 0xee, size);
        }
        machine_check();
        while (n) {
            heap_free(p[--n]);
        }
        EXPECT_EQ(heap_used(), 0);
        machine_check();
    }
}

TEST(returns_every_page)
{
    static void *p[3000];
    uint64_t before;

    machine_start(0x1000);
    before = page_alloc_info().free;
    for (unsigned i = 0; i < 3000; i++) {
        p[i] = heap_alloc(64);
        EXPECT(p[i]);
        memset(p[i], (int)i, 64);
    }
    EXPECT_EQ(heap_used(), 3000 * 64);
    for (unsigned i = 0; i < 3000; i++) {
        EXPECT_EQ(((unsigned char *)p[i])[63], i % 256);
    }
    for (unsigned i = 0; i < 3000; i += 2) {
        heap_free(p[i]);
    }
    for (unsigned i = 1; i < 3000; i += 2) {
        heap_free(p[i]);
    }
    EXPECT_EQ(page_alloc_info().free, before);
}

TEST(says_no)
{
    machine_start(0x1000);
    EXPECT(!heap_alloc_array(~0ULL / 8, 16));
    EXPECT(!heap_alloc_array(1ULL << 40, 16));
    EXPECT(!heap_alloc(0x1000 * PAGE_SIZE));
    page_alloc_fail_nth(1);
    EXPECT(!heap_alloc(16));
    EXPECT(heap_alloc(16));
    heap_free(NULL);
    machine_check();
}

TEST(stops_at_a_pointer_that_is_not_its_own)
{
    enum fake_end how;
    char *p;

    machine_start(0x1000);
    p = heap_alloc(64);
    FAKE_RUN_TO_END(how, heap_free(p + 8));
    EXPECT(how != FAKE_RUNNING);
}
