/* SPDX-License-Identifier: MIT */
/*
 * Hypercall 38 of three domains, and its control by the first of them, on
 * memory that is promised, granted and mapped from one another. The bytes are
 * the choices that are made. Memory and what is stored are recounted after each
 * call; in the end everything must be back. (fuzz_tmem.c is about the core
 * alone.)
 */
#include "fuzz.h"

#include "arch/fake/internal.h"
#include "calls.h"
#include "domain/tmem_client.h"
#include "machine.h"
#include "mm/heap.h"
#include "types/bits.h"

#define MACHINE_PAGES 0x4000
#define KEPT          128 /* pages that may stay: small objects, empty frames */

static void one_call(void)
{
    switch (fuzz_choose(16)) {
    case 0:
        calls_grant();
        break;
    case 1:
        calls_touch();
        break;
    case 2:
        calls_memory();
        break;
    case 3:
        page_alloc_fail_nth(1 + fuzz_choose(4));
        calls_tmem();
        break;
    case 4:
        /* The host is short of memory. */
        (void)tmem_evict(fuzz_choose(8));
        break;
    default:
        calls_tmem();
        break;
    }
    page_alloc_fail_nth(0);
    domains_check_memory();
    EXPECT_EQ(tmem_audit(), 0);
}

/* The machine is started once: starting it takes longer than an input. */
static void machine_once(void)
{
    static bool is_up;

    if (!is_up) {
        machine_start(MACHINE_PAGES);
        EXPECT(tmem_start(false));
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
    EXPECT(page_alloc_info().free + KEPT >= free);
    fake_tables_start(); /* its history would grow for ever */
    return 0;
}
