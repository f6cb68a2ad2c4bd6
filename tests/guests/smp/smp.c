/* SPDX-License-Identifier: MIT */
//! cpus: 1 2
//! vcpus: 4
//! nrip: no nothing makes a guest leave there that spins with interrupts off
/*
 * Several vCPUs, more than there are processors.
 *
 * Each is started by INIT and STARTUP (AP-7), finds its own number in CPUID
 * leaf 4 and its APIC id, twice that, in three places (AP-9). Work on shared
 * memory must come out exact; one that spins may not keep another from running
 * for ever; interrupts between APICs arrive once per send to each addressed
 * vCPU; a vCPU that halts with interrupts off is down (HC-42) and comes up
 * again by INIT and STARTUP.
 */
#include "smp.h"

#include "console.h"
#include "event.h"
#include "hypercall.h"
#include "memory.h"
#include "test.h"
#include "time.h"
#include "trap.h"

#include <xen/vcpu.h>

/* Busy, so dear when time counts instructions. */
#define PATIENCE MILLISECONDS(500)

enum {
    ROUNDS = 20000,
    IPI_VECTOR = 0x50,
    IPI_ROUNDS = 20,
};

static unsigned vcpu_count;
static volatile unsigned arrived;
static volatile bool may_stop;
static uint64_t total;
static bool lock;
static uint64_t locked_total;
static uint64_t interrupts[MAX_CPUS];
static uint64_t nmis[MAX_CPUS];

static bool wait_until(const volatile unsigned *word, unsigned value)
{
    uint64_t end = time_now() + PATIENCE;

    while (*word < value) {
        if (time_now() > end) {
            return false;
        }
        give_way();
    }
    return true;
}

static void arrive(void)
{
    __atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
}

/* --- Who am I --- */

static void check_identity(void *p)
{
    unsigned id = (uintptr_t)p;
    uint32_t r[4];

    EXPECT_EQ(this_cpu()->id, id);
    cpuid(hypervisor_leaf_base() + 4, 0, r);
    EXPECT((r[0] & 8) && r[1] == id);
    EXPECT_EQ(rdmsr(X2APIC_ID), smp_apic_id(id));
    cpuid(1, 0, r);
    EXPECT_EQ(r[1] >> 24, smp_apic_id(id));
    EXPECT_EQ((rdmsr(MSR_APIC_BASE) >> 8) & 1, id == 0);
    arrive();
}

/* Start function on all but this one and wait until all have arrived. */
static void run_on_others(void (*function)(void *))
{
    arrived = 0;
    for (unsigned i = 1; i < vcpu_count; i++) {
        REQUIRE(smp_start(i, function, (void *)(uintptr_t)i));
    }
}

static void test_identity(void)
{
    test_section("identity");
    check_identity((void *)0);
    run_on_others(check_identity);
    REQUIRE(wait_until(&arrived, vcpu_count - 1));
}

/* --- Shared memory --- */

static void lock_add(void)
{
    while (__atomic_exchange_n(&lock, true, __ATOMIC_ACQUIRE)) {
        give_way();
    }
    locked_total++;
    __atomic_store_n(&lock, false, __ATOMIC_RELEASE);
}

static void add_up(void *p)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        __atomic_fetch_add(&total, 1, __ATOMIC_SEQ_CST);
        if (i % 20 == 0) {
            lock_add();
        }
    }
    arrive();
}

static void test_adding(void)
{
    test_section("sums");
    run_on_others(add_up);
    add_up(NULL);
    REQUIRE(wait_until(&arrived, vcpu_count));
    EXPECT_EQ(total, (uint64_t)ROUNDS * vcpu_count);
    EXPECT_EQ(locked_total, (uint64_t)ROUNDS / 20 * vcpu_count);
}

/* --- Spinning --- */

/* Neither yields nor halts: only a time slice's end lets others run. */
static void spin_until_told(void *p)
{
    arrive();
    while (!may_stop) {
        cpu_relax();
    }
    arrive();
}

static void test_spinning(void)
{
    test_section("time slices");
    may_stop = false;
    run_on_others(spin_until_told);
    EXPECT(wait_until(&arrived, vcpu_count - 1));
    arrived = 0;
    may_stop = true;
    EXPECT(wait_until(&arrived, vcpu_count - 1));
}

/* --- Interrupts between APICs --- */

static void on_interrupt(struct trap_frame *frame)
{
    __atomic_fetch_add(&interrupts[this_cpu()->id], 1, __ATOMIC_SEQ_CST);
    wrmsr(X2APIC_EOI, 0);
}

static void on_nmi(struct trap_frame *frame)
{
    __atomic_fetch_add(&nmis[this_cpu()->id], 1, __ATOMIC_SEQ_CST);
}

/* Asleep but for interrupts. */
static void sleep_until_told(void *p)
{
    arrive();
    while (!may_stop) {
        irq_wait();
    }
    arrive();
}

static bool wait_for_counts(const uint64_t *counts, uint64_t value)
{
    uint64_t end = time_now() + PATIENCE;

    for (unsigned i = 1; i < vcpu_count; i++) {
        while (READ_ONCE(counts[i]) < value) {
            if (time_now() > end) {
                return false;
            }
            give_way();
        }
    }
    return true;
}

static void send_one_by_one(void)
{
    for (unsigned n = 1; n <= IPI_ROUNDS; n++) {
        for (unsigned i = 1; i < vcpu_count; i++) {
            smp_send_icr(i, ICR_FIXED | IPI_VECTOR);
        }
        REQUIRE(wait_for_counts(interrupts, n));
    }
}

static void send_to_all(void)
{
    for (unsigned n = 1; n <= IPI_ROUNDS; n++) {
        wrmsr(X2APIC_ICR, ICR_ALL_BUT_SELF | ICR_FIXED | IPI_VECTOR);
        REQUIRE(wait_for_counts(interrupts, IPI_ROUNDS + n));
    }
}

static void test_interrupts(void)
{
    test_section("interrupts");
    may_stop = false;
    interrupts[0] = 0;
    run_on_others(sleep_until_told);
    REQUIRE(wait_until(&arrived, vcpu_count - 1));
    send_one_by_one();
    send_to_all();
    for (unsigned i = 1; i < vcpu_count; i++) {
        smp_send_icr(i, ICR_NMI);
    }
    EXPECT(wait_for_counts(nmis, 1));
    arrived = 0;
    may_stop = true;
    wrmsr(X2APIC_ICR, ICR_ALL_BUT_SELF | ICR_FIXED | IPI_VECTOR);
    EXPECT(wait_until(&arrived, vcpu_count - 1));
    for (unsigned i = 1; i < vcpu_count; i++) {
        EXPECT_EQ(interrupts[i], 2 * IPI_ROUNDS + 1);
        EXPECT_EQ(nmis[i], 1);
    }
    EXPECT_EQ(interrupts[0], 0);
}

static void test_self_interrupt(void)
{
    test_section("interrupts to itself");
    interrupts[0] = 0;
    wrmsr(X2APIC_SELF_IPI, IPI_VECTOR);
    EXPECT_EQ(interrupts[0], 0);
    irq_on();
    __asm__ volatile("nop");
    irq_off();
    EXPECT_EQ(interrupts[0], 1);
    /* The task priority keeps it back. */
    wrmsr(X2APIC_TPR, IPI_VECTOR);
    wrmsr(X2APIC_SELF_IPI, IPI_VECTOR);
    irq_on();
    __asm__ volatile("nop");
    irq_off();
    EXPECT_EQ(interrupts[0], 1);
    wrmsr(X2APIC_TPR, 0);
    irq_on();
    __asm__ volatile("nop");
    irq_off();
    EXPECT_EQ(interrupts[0], 2);
}

/* --- Down and up again --- */

static bool wait_until_down(unsigned vcpu)
{
    uint64_t end = time_now() + PATIENCE;

    while (vcpu_op(VCPUOP_is_up, vcpu, NULL) != 0) {
        if (time_now() > end) {
            return false;
        }
        give_way();
    }
    return true;
}

static void note_arrival(void *p)
{
    arrive();
}

static void test_down_and_up(void)
{
    test_section("down and up");
    for (unsigned n = 0; n < 5; n++) {
        run_on_others(note_arrival);
        EXPECT(wait_until(&arrived, vcpu_count - 1));
        for (unsigned i = 1; i < vcpu_count; i++) {
            EXPECT(wait_until_down(i));
        }
    }
    EXPECT_EQ(vcpu_op(VCPUOP_is_up, 0, NULL), 1);
    EXPECT_EQ(vcpu_op(VCPUOP_is_up, vcpu_count, NULL), -ENOENT);
}

/* A vCPU that sees a time does so not before it was seen elsewhere. */
static volatile uint64_t latest;
static volatile unsigned backward_steps;

static void watch_time(void *p)
{
    for (unsigned i = 0; i < 5000; i++) {
        uint64_t before = latest, now = time_now();

        backward_steps += now < before;
        latest = MAX(now, before);
        if (i % 100 == 0) {
            give_way();
        }
    }
    arrive();
}

static void test_time(void)
{
    test_section("one time for all");
    run_on_others(watch_time);
    watch_time(NULL);
    EXPECT(wait_until(&arrived, vcpu_count));
    EXPECT_EQ(backward_steps, 0);
}

void test_main(void)
{
    events_init();
    trap_set_handler(IPI_VECTOR, on_interrupt);
    trap_set_handler(2, on_nmi);
    vcpu_count = smp_vcpu_count();
    if (vcpu_count < 2) {
        test_skip("one vCPU only");
    }
    print("%u vCPUs\n", vcpu_count);
    test_identity();
    test_adding();
    test_spinning();
    test_self_interrupt();
    test_interrupts();
    test_down_and_up();
    test_time();
}
