/* SPDX-License-Identifier: MIT */
//! cpus: 1 2
//! dom0_mem: 32
/*
 * A guest without a balloon that fills all of its memory, and looks whether
 * each word is still there and each register was kept while it touched a new
 * page. As the first domain it has all its memory and this is about faults
 * only; promised more than it is given, it is what P9 is about: it may have to
 * wait in the midst of any page, for as long as its toolstack likes, and must
 * not notice.
 *
 * vCPU 1, if there is one, touches nothing new and says every now and then that
 * it lives.
 */
#include "console.h"
#include "cpu.h"
#include "event.h"
#include "hypercall.h"
#include "main.h"
#include "memory.h"
#include "smp.h"
#include "test.h"
#include "time.h"

#define WORDS  (PAGE_SIZE / 8)
#define STEP   0x9e3779b97f4a7c15ULL /* from word to word */
#define KEPT   64                    /* pages for the heap */
#define REPORT 1024                  /* pages between lines */

static volatile bool is_over;

static uint64_t seed_of(uint64_t gfn)
{
    return (gfn + 1) * 0xd1342543de82ef95ULL;
}

/*
 * Writes the words seed, seed + STEP ... into a page that was never touched:
 * the first store faults. All other registers hold numbers made of the seed.
 * Returns how they differ afterwards, bits of all of them together: 0.
 */
static uint64_t write_page(volatile uint64_t *page, uint64_t seed)
{
    uint64_t changed;

    __asm__ volatile("lea 1(%[seed]), %%r8\n"
                     "lea 2(%[seed]), %%r9\n"
                     "lea 3(%[seed]), %%r10\n"
                     "lea 4(%[seed]), %%r11\n"
                     "lea 5(%[seed]), %%r12\n"
                     "lea 6(%[seed]), %%r13\n"
                     "lea 7(%[seed]), %%r14\n"
                     "mov %[step], %%r15\n"
                     "mov %[seed], %%rax\n"
                     "mov %[words], %%ecx\n"
                     "mov %[page], %%rdi\n"
                     "1: mov %%rax, (%%rdi)\n"
                     "add %%r15, %%rax\n"
                     "add $8, %%rdi\n"
                     "dec %%ecx\n"
                     "jnz 1b\n"
                     "sub %[page], %%rdi\n"
                     "sub %[size], %%rdi\n"
                     "sub %[seed], %%r8\n"
                     "sub %[seed], %%r9\n"
                     "sub %[seed], %%r10\n"
                     "sub %[seed], %%r11\n"
                     "sub %[seed], %%r12\n"
                     "sub %[seed], %%r13\n"
                     "sub %[seed], %%r14\n"
                     "sub $1, %%r8\n"
                     "sub $2, %%r9\n"
                     "sub $3, %%r10\n"
                     "sub $4, %%r11\n"
                     "sub $5, %%r12\n"
                     "sub $6, %%r13\n"
                     "sub $7, %%r14\n"
                     "or %%r8, %%rdi\n"
                     "or %%r9, %%rdi\n"
                     "or %%r10, %%rdi\n"
                     "or %%r11, %%rdi\n"
                     "or %%r12, %%rdi\n"
                     "or %%r13, %%rdi\n"
                     "or %%r14, %%rdi\n"
                     : "=&D"(changed)
                     : [page] "b"(page), [seed] "S"(seed), [step] "i"(STEP),
                       [words] "i"(WORDS), [size] "i"(PAGE_SIZE)
                     : "rax", "rcx", "r8", "r9", "r10", "r11", "r12", "r13",
                       "r14", "r15", "cc", "memory");
    return changed;
}

static uint64_t wrong_words(const volatile uint64_t *page, uint64_t seed)
{
    uint64_t wrong = 0;

    for (unsigned i = 0; i < WORDS; i++) {
        wrong += page[i] != seed + i * STEP;
    }
    return wrong;
}

static void live(void *unused)
{
    uint64_t beats = 0;

    (void)unused;
    while (!is_over) {
        time_delay(MILLISECONDS(500));
        print("fill: vCPU 1 lives %lu\n", ++beats);
    }
    is_over = false;
}

static void start_other(void)
{
    if (smp_vcpu_count() > 1) {
        smp_init();
        REQUIRE(smp_start(1, live, NULL));
    }
}

static void stop_other(void)
{
    if (smp_vcpu_count() > 1) {
        is_over = true;
        while (is_over) {
            give_way();
        }
    }
}

static uint64_t fill(uint64_t first, uint64_t end)
{
    uint64_t changed = 0;

    for (uint64_t gfn = first; gfn < end; gfn++) {
        changed |= write_page(gfn_address(gfn), seed_of(gfn));
        if ((gfn - first + 1) % REPORT == 0) {
            print("fill: %lu pages\n", gfn - first + 1);
        }
    }
    return changed;
}

void test_main(void)
{
    uint64_t first, end, wrong = 0;

    events_init();
    start_other();
    first = gfn_of(page_alloc()) + KEPT;
    end = first - KEPT + pages_left();
    EXPECT_EQ(fill(first, end), 0);
    print("fill: all %lu pages\n", end - first);
    for (uint64_t gfn = first; gfn < end; gfn++) {
        wrong += wrong_words(gfn_address(gfn), seed_of(gfn));
    }
    EXPECT_EQ(wrong, 0);
    print("fill: %lu words are wrong\n", wrong);
    stop_other();
}
