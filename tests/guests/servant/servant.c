/* SPDX-License-Identifier: MIT */
#include "servant/servant.h"

#include "cpu.h"
#include "event.h"
#include "hypercall.h"
#include "lib/string.h"
#include "main.h"
#include "memory.h"
#include "test.h"
#include "trap.h"

static struct servant_channel *const channel =
    (void *)(SERVANT_CHANNEL_GFN << PAGE_SHIFT);

static void touch(uint64_t address, uint64_t count, uint64_t step,
                  uint64_t value)
{
    for (uint64_t i = 0; i < count; i++) {
        *(volatile uint64_t *)(address + i * step) = value;
    }
}

/* TSC ticks that it takes to read a word every `step` bytes. */
static uint64_t time_writes(uint64_t address, uint64_t count, uint64_t step)
{
    uint64_t start = rdtsc();

    for (uint64_t i = 0; i < count; i++) {
        *(volatile uint64_t *)(address + i * step) = 0;
    }
    return rdtsc() - start;
}

static void fill(uint64_t address, uint64_t bytes, uint64_t value)
{
    uint64_t words = bytes / 8;

    __asm__ volatile("rep stosq"
                     : "+D"(address), "+c"(words)
                     : "a"(value)
                     : "memory");
}

static uint64_t count_different(uint64_t address, uint64_t bytes,
                                uint64_t value)
{
    const volatile uint64_t *word = (void *)address;
    uint64_t count = 0;

    for (uint64_t i = 0; i < bytes / 8; i++) {
        count += word[i] != value;
    }
    return count;
}

/* Copied first, as a call may write to all of it. Each call finds the buffer
 * as the one before did. */
static int64_t make_calls(uint64_t count)
{
    static uint64_t calls[SERVANT_CALL_LIMIT][6];
    static uint8_t structures[SERVANT_CALLS];

    memcpy(structures, channel->buffer, sizeof(structures));
    memcpy(calls, channel->buffer + SERVANT_CALLS, count * sizeof(calls[0]));
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t *a = calls[i];

        memcpy(channel->buffer, structures, sizeof(structures));
        hypercall5(a[0], a[1], a[2], a[3], a[4], a[5]);
    }
    return 0;
}

static void spin(void)
{
    irq_off();
    for (unsigned i = 0;; i++) {
        /* Now and then: see give_way(). More often is dear under TCG. */
        if (i % 10000 == 0) {
            cpu_relax();
        }
        __asm__ volatile("");
    }
}

static void halt(void)
{
    irq_off();
    for (;;) {
        __asm__ volatile("hlt");
    }
}

static void triple_fault(void)
{
    static const struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) nothing = {0, 0};

    __asm__ volatile("lidt %0; ud2" ::"m"(nothing));
}

static int64_t do_memory(const uint64_t *a)
{
    switch (channel->op) {
    case SERVANT_READ:
        return *(volatile uint64_t *)a[0];
    case SERVANT_WRITE:
        touch(a[0], 1, 0, a[1]);
        return 0;
    case SERVANT_TOUCH:
        touch(a[0], a[1], a[2], a[3]);
        return 0;
    case SERVANT_TIME:
        return time_writes(a[0], a[1], a[2]);
    case SERVANT_FILL:
        fill(a[0], a[1], a[2]);
        return 0;
    case SERVANT_ZERO:
        fill(a[0], a[1], 0);
        return 0;
    case SERVANT_NONZERO:
        return count_different(a[0], a[1], 0);
    case SERVANT_DIFFERENT:
        return count_different(a[0], a[1], a[2]);
    default:
        return -ENOSYS;
    }
}

static int64_t do_other(const uint64_t *a)
{
    switch (channel->op) {
    case SERVANT_HYPERCALL:
        return hypercall5(a[0], a[1], a[2], a[3], a[4], a[5]);
    case SERVANT_HYPERCALLS:
        return make_calls(a[0]);
    case SERVANT_RDMSR:
        return rdmsr(a[0]);
    case SERVANT_EVENTS:
        events_init();
        return 0;
    case SERVANT_EVENT_COUNT:
        return event_count(a[0]);
    case SERVANT_SPIN:
        spin();
        return 0;
    case SERVANT_HALT:
        halt();
        return 0;
    case SERVANT_TRIPLE:
        triple_fault();
        return 0;
    default:
        return do_memory(a);
    }
}

static void obey(void *unused)
{
    uint64_t args[6];

    /* The structures may lie in the page of orders; args may not change. */
    for (unsigned i = 0; i < ARRAY_COUNT(args); i++) {
        args[i] = channel->args[i];
    }
    channel->result = do_other(args);
}

void test_main(void)
{
    if (gfn_of(start_info) != SERVANT_START_INFO_GFN) {
        test_skip("it serves tests that start it");
    }
    for (;;) {
        while (channel->request == channel->done) {
            irq_on();
            give_way();
            irq_off();
        }
        mem_barrier();
        channel->vector = trap_catch(obey, NULL);
        mem_barrier();
        channel->done = channel->request;
    }
}
