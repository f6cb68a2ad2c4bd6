/* SPDX-License-Identifier: MIT */
/* Whom a flush kicks: processors that are in this guest, or read its tables,
 * since before the flush; nobody else. This file is the processors, which do
 * what they do when they are kicked or looked at. */
#include "arch/tlb.h"
#include "types/bits.h"
#include "unit.h"

#define CPUS 8

static unsigned this_one, kicks[CPUS], relaxed;
static struct guest_tlb guest, other;
static void (*when_kicked)(unsigned cpu);
static void (*when_waiting)(void);

unsigned arch_cpu(void)
{
    return this_one;
}

unsigned arch_cpu_count(void)
{
    return CPUS;
}

void arch_cpu_kick(unsigned cpu)
{
    kicks[cpu]++;
    if (when_kicked) {
        when_kicked(cpu);
    }
}

void arch_cpu_relax(void)
{
    relaxed++;
    if (when_waiting) {
        when_waiting();
    }
}

/* As virt.c does it. */
static void enter(struct guest_tlb *tlb, unsigned cpu)
{
    tlb->running |= BIT(cpu);
    tlb->seen[cpu] = tlb->generation;
}

static void leave(unsigned cpu)
{
    guest.running &= ~BIT(cpu);
}

static unsigned kicked(void)
{
    unsigned mask = 0;

    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        mask |= kicks[cpu] ? 1U << cpu : 0;
        kicks[cpu] = 0;
    }
    return mask;
}

static void start(void)
{
    arch_guest_tlb_init(&guest);
    arch_guest_tlb_init(&other);
    when_kicked = leave;
    when_waiting = NULL;
    this_one = relaxed = 0;
}

TEST(nobody_is_kicked_if_nobody_runs_it)
{
    start();
    for (unsigned cpu = 1; cpu < CPUS; cpu++) {
        enter(&other, cpu);
    }
    arch_guest_tlb_flush(&guest);
    EXPECT_EQ(kicked(), 0);
    EXPECT_EQ(relaxed, 0);
    EXPECT_EQ(guest.generation, 1); /* who enters later flushes by itself */
}

TEST(those_that_run_it_are_kicked_once)
{
    start();
    enter(&guest, 2);
    enter(&guest, 5);
    enter(&other, 6);
    arch_guest_tlb_flush(&guest);
    EXPECT_EQ(kicks[2] + kicks[5], 2);
    EXPECT_EQ(kicked(), 1U << 2 | 1U << 5);
}

TEST(who_entered_after_the_flush_began_is_not_kicked)
{
    start();
    enter(&guest, 2);
    guest.generation++; /* another flush, for which 2 has left meanwhile */
    enter(&guest, 3);
    guest.seen[3] = guest.generation + 1;
    arch_guest_tlb_flush(&guest);
    EXPECT_EQ(kicked(), 1U << 2);
}

static void end_of_reading(void)
{
    this_one = 4;
    arch_guest_tlb_read_end(&guest);
    this_one = 0;
    when_waiting = NULL;
}

TEST(who_reads_the_tables_is_waited_for)
{
    start();
    this_one = 4;
    arch_guest_tlb_read_begin(&guest);
    this_one = 0;
    when_waiting = end_of_reading;
    arch_guest_tlb_flush(&guest);
    EXPECT_EQ(relaxed, 1);
    EXPECT_EQ(guest.readers, 0);
}

static unsigned lost;

static void leave_at_the_third(unsigned cpu)
{
    if (++lost == 3) {
        leave(cpu);
    }
}

TEST(a_kick_that_is_lost_is_sent_again)
{
    start();
    lost = 0;
    when_kicked = leave_at_the_third;
    enter(&guest, 7);
    arch_guest_tlb_flush(&guest);
    EXPECT_EQ(kicks[7], 3);
}
