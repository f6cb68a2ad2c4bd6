/* SPDX-License-Identifier: MIT */
//! cpus: 1
//! timeout: 180
//! arguments: seed=1 calls=4000
/*
 * A child in a loop of hypercalls with random arguments leaves the host and
 * the other domains well.
 *
 * Numbers and commands are drawn mostly from those that exist, arguments from
 * small numbers, limits, ids of domains, and pointers to a structure full of
 * more of the same; what could end the child at once (shutdown) is left out.
 * It may crash itself: another takes its place. From time to time, and in the
 * end, the hypervisor recounts everything, a second child must still have what
 * it was told to keep, and once all are gone the host has as many free pages
 * as before.
 *
 *   seed=N    of the sequence; the same seed makes the same calls
 *   calls=N   how many
 */
#include "child.h"

#include "console.h"
#include "hypercall.h"
#include "lib/string.h"
#include "main.h"
#include "memory.h"
#include "public/podium.h"
#include "test.h"
#include "time.h"

#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/hvm/hvm_op.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#define ADDRESS(gf)  ((uint64_t)(gf) << PAGE_SHIFT)
#define PROMISED     4096
#define GIVEN        2048
#define BATCH        40 /* calls with one order; a divisor of 1000 */
#define CHECK_EVERY  1000
#define TELL_EVERY   50000
#define KEEPSAKE     900 /* frame of the second child with a value in it */
#define VALUE        0x6b656570ULL
#define BUFFER_WORDS 64
/* A child that has lost its mind may go from fault to fault for ever, which is
 * dear in an emulator; one that is given up too early is no loss. */
#define PATIENCE MILLISECONDS(500)

static uint64_t state;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * 0x2545f4914f6cdd1dULL;
}

static uint64_t below(uint64_t n)
{
    return (next() >> 11) % n;
}

static const uint8_t numbers[] = {
    __HYPERVISOR_memory_op,      __HYPERVISOR_memory_op,
    __HYPERVISOR_memory_op,      __HYPERVISOR_event_channel_op,
    __HYPERVISOR_grant_table_op, __HYPERVISOR_grant_table_op,
    __HYPERVISOR_hvm_op,         __HYPERVISOR_vcpu_op,
    __HYPERVISOR_xen_version,    __HYPERVISOR_multicall,
    __HYPERVISOR_domctl,         __HYPERVISOR_sysctl,
    __HYPERVISOR_set_timer_op,   __HYPERVISOR_vm_assist,
    __HYPERVISOR_physdev_op,     __HYPERVISOR_platform_op,
    __HYPERVISOR_xsm_op,         __HYPERVISOR_sched_op,
    __HYPERVISOR_tmem_op,        __HYPERVISOR_tmem_op,
};

static const uint64_t limits[] = {
    0,          1,         511,       512,         4095,
    0x7ff0,     0xffff,    0x10000,   0x7fffffff,  0x80000000,
    0xffffffff, 1UL << 32, 1UL << 40, 1UL << 47,   1UL << 51,
    1UL << 52,  ~0UL >> 1, 1UL << 63, ~0UL - 4095, ~0UL,
};

/* Any argument, also of structures. */
static uint64_t some_value(void)
{
    switch (below(8)) {
    case 0:
        return next();
    case 1:
        return limits[below(ARRAY_COUNT(limits))];
    case 2:
        return SERVANT_BUFFER + 8 * below(BUFFER_WORDS);
    case 3:
        return 512 + below(PROMISED - 512); /* a frame that it has */
    case 4:
        return below(4096);
    case 5:
        return DOMID_SELF | below(0x10) << 32;
    default:
        return below(24);
    }
}

/* The child's own image and the page of orders must stay, or it is over. */
static uint64_t spare_image(uint64_t value)
{
    return value < 512 && value >= 24 ? value + 512 : value;
}

static void fill_buffer(struct child *c)
{
    uint64_t *words = (uint64_t *)c->channel->buffer;

    for (unsigned i = 0; i < BUFFER_WORDS; i++) {
        words[i] = spare_image(some_value());
    }
}

/* Calls after which there is no next one. */
static bool ends_it(uint64_t number, uint64_t command)
{
    return number == __HYPERVISOR_sched_op &&
           (uint32_t)command != SCHEDOP_yield;
}

/* Number and arguments of one. */
static void draw_call(uint64_t a[6])
{
    do {
        a[0] = below(50) ? numbers[below(ARRAY_COUNT(numbers))] : below(64);
        a[1] = below(6) ? below(32) : PODIUM_MEMORY_features + below(7);
        a[2] = below(5) ? SERVANT_BUFFER : some_value();
        for (unsigned i = 3; i < 6; i++) {
            a[i] = some_value();
        }
        /* These have their structure first. */
        if (a[0] == __HYPERVISOR_domctl || a[0] == __HYPERVISOR_sysctl ||
            a[0] == __HYPERVISOR_multicall || a[0] == __HYPERVISOR_tmem_op) {
            a[2] = a[1];
            a[1] = SERVANT_BUFFER;
        }
    } while (ends_it(a[0], a[1]));
}

/* Calls that find the same structure. False: the child is dead. */
static bool some_calls(struct child *c)
{
    uint64_t calls[BATCH][6];

    fill_buffer(c);
    for (unsigned i = 0; i < BATCH; i++) {
        draw_call(calls[i]);
    }
    memcpy(c->channel->buffer + SERVANT_CALLS, calls, sizeof(calls));
    return child_try_within(c, SERVANT_HYPERCALLS, (const uint64_t[]){BATCH}, 1,
                            PATIENCE);
}

static void check(struct child *keeper)
{
    EXPECT_EQ(child_read(keeper, ADDRESS(KEEPSAKE)), VALUE);
    expect_clean_audit();
}

static uint64_t number_argument(const char *name, uint64_t otherwise)
{
    const char *text = argument(name);
    uint64_t value;

    return text && string_number(&text, &value) ? value : otherwise;
}

void test_main(void)
{
    uint64_t calls = number_argument("calls", 10000), before;
    unsigned deaths = 0;
    struct child c, keeper;

    state = number_argument("seed", 1) * 0x9e3779b97f4a7c15ULL | 1;
    children_init();
    before = host_free_pages();
    REQUIRE(child_make(&keeper, 1024, 1024) == 0);
    child_write(&keeper, ADDRESS(KEEPSAKE), VALUE);
    REQUIRE(child_make(&c, PROMISED, GIVEN) == 0);
    for (uint64_t i = BATCH; i <= calls; i += BATCH) {
        if (!some_calls(&c)) {
            deaths++;
            EXPECT_EQ(child_destroy(&c), 0);
            REQUIRE(child_make(&c, PROMISED, GIVEN) == 0);
        }
        if (i % CHECK_EVERY == 0) {
            check(&keeper);
        }
        if (i % TELL_EVERY == 0) {
            print("%lu calls\n", i);
        }
    }
    print("%lu calls, %u children died of them\n", calls, deaths);
    EXPECT_EQ(child_destroy(&c), 0);
    check(&keeper);
    EXPECT_EQ(child_destroy(&keeper), 0);
    EXPECT_EQ(host_free_pages(), before);
}
