/* SPDX-License-Identifier: MIT */
/*
 * memory_op of the control domain and of guests, on memory that they share by
 * grants and foreign mappings. The bytes are the choices that are made: who
 * calls, what, with which arguments. After each call memory is recounted, at
 * the end all else, too; and then all memory must be back.
 */
#include "fuzz.h"

#include "arch/fake/internal.h"
#include "calls.h"
#include "machine.h"
#include "mm/heap.h"
#include "types/bits.h"

#define MACHINE_PAGES 0x4000
#define SLABS_KEPT    64 /* pages of small objects that may stay */

static void one_call(void)
{
    switch (fuzz_choose(8)) {
    case 0:
        calls_grant();
        break;
    case 1:
        calls_touch();
        break;
    case 2:
        page_alloc_fail_nth(1 + fuzz_choose(4));
        calls_touch();
        break;
    default:
        calls_memory();
        break;
    }
    page_alloc_fail_nth(0);
    domains_check_memory();
}

/* The machine is started once: starting it takes longer than an input. */
static void machine_once(void)
{
    static bool is_up;

    if (!is_up) {
        machine_start(MACHINE_PAGES);
        is_up = true;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t heap, free;

    machine_once();
    heap = heap_used();
    free = page_alloc_info().free;
    fuzz_choices(data, size);
    calls_start(fuzz_choose);
    while (fuzz_more()) {
        one_call();
    }
    domains_check();
    calls_end();
    EXPECT_EQ(heap_used(), heap);
    EXPECT(page_alloc_info().free + SLABS_KEPT >= free);
    fake_tables_start(); /* its history would grow for ever */
    return 0;
}
