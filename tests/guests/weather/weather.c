/* SPDX-License-Identifier: MIT */
//! cpus: 1
//! append: extra-cpu=200
//! clock: wall
/*
 * Rough weather (docs/design/machine.md): the host goes on, and says so.
 *
 * It was told of a processor that is not there; it came up without it. An NMI
 * from outside and an interrupt without a meaning are logged, a few of many. A
 * machine check that was corrected is logged; one that lost a page of a guest
 * ends that guest with SHUTDOWN_crash and no other, and the frame is not used
 * again: one page less is free at the end. A page that is nobody's ends nobody.
 *
 * Seen in the hypervisor's log, as `xl dmesg` reads it.
 */
#include "child.h"
#include "console.h"
#include "event.h"
#include "hypercall.h"
#include "lib/string.h"
#include "main.h"
#include "memory.h"
#include "test.h"
#include "time.h"

#include <xen/arch-x86/xen-mca.h>
#include <xen/sched.h>

#define SMALL          1024 /* pages */
#define MC0_STATUS     0x401
#define MC0_ADDR       0x402
#define MCG_STATUS     0x17A
#define MCG_RIPV       1
#define CORRECTED_READ 0x8000000000000090ULL
/* Valid, uncorrected, enabled, address valid; memory controller, scrub. */
#define PAGE_LOST 0xB4000000000000C0ULL

static char log[16384];
static uint32_t log_index;

static void read_log(void)
{
    struct xen_sysctl op;

    memset(log, 0, sizeof(log));
    sysctl_prepare(&op, XEN_SYSCTL_readconsole);
    op.u.readconsole.incremental = 1;
    op.u.readconsole.index = log_index;
    op.u.readconsole.buffer.p = log;
    op.u.readconsole.count = sizeof(log) - 1;
    REQUIRE(sysctl(&op) == 0);
    log_index = op.u.readconsole.index;
}

static unsigned count_in_log(const char *text)
{
    size_t length = strlen(text);
    unsigned count = 0;

    for (const char *p = log; *p; p++) {
        count += strncmp(p, text, length) == 0;
    }
    return count;
}

static void press(const char *keys)
{
    struct xen_sysctl op;

    sysctl_prepare(&op, XEN_SYSCTL_debug_keys);
    op.u.debug_keys.keys.p = (char *)keys;
    op.u.debug_keys.nr_keys = (uint32_t)strlen(keys);
    EXPECT_EQ(sysctl(&op), 0);
}

static void test_absent_cpu(void)
{
    test_section("a processor that is not there");
    read_log();
    EXPECT_EQ(count_in_log("CPU with APIC id 200 did not start"), 1);
}

/* One after the other: two that come at once may be one. */
static void expect_some_of(const char *key, const char *text)
{
    for (unsigned i = 0; i < 5; i++) {
        press(key);
    }
    time_delay(MILLISECONDS(10));
    read_log();
    EXPECT_EQ(count_in_log(text), 3);
}

static void test_interrupts(void)
{
    test_section("NMIs and interrupts");
    expect_some_of("N", "an NMI from outside");
    expect_some_of("I", "interrupt f1 means nothing here");
    press("n");
    read_log();
    EXPECT_EQ(count_in_log("interrupts without a meaning: 5"), 1);
    EXPECT_EQ(count_in_log("NMIs from outside: 5"), 1);
}

/* --- Machine checks --- */

static int64_t mca(struct xen_mc *op, uint32_t command)
{
    op->cmd = command;
    op->interface_version = XEN_MCA_INTERFACE_VERSION;
    return hypercall1(__HYPERVISOR_arch_0, (uint64_t)op);
}

static int64_t set_bank(uint64_t status, uint64_t address, domid_t of)
{
    struct xen_mc op = {0};
    struct xen_mc_msrinject *in = &op.u.mc_msrinject;

    in->mcinj_flags = MC_MSRINJ_F_INTERPOSE | MC_MSRINJ_F_GPADDR;
    in->mcinj_domid = of;
    in->mcinj_count = 3;
    in->mcinj_msr[0] = (struct mcinfo_msr){MC0_STATUS, status};
    in->mcinj_msr[1] = (struct mcinfo_msr){MC0_ADDR, address};
    in->mcinj_msr[2] = (struct mcinfo_msr){MCG_STATUS, MCG_RIPV};
    return mca(&op, XEN_MC_msrinject);
}

static int64_t machine_check(void)
{
    struct xen_mc op = {0};

    return mca(&op, XEN_MC_mceinject);
}

static void test_calls(void)
{
    struct xen_mc op = {0};

    test_section("calls");
    EXPECT_EQ(mca(&op, XEN_MC_fetch), -ENOSYS);
    EXPECT_EQ(machine_check(), -ENODATA);
    op.u.mc_msrinject.mcinj_count = MC_MSRINJ_MAXMSRS + 1;
    EXPECT_EQ(mca(&op, XEN_MC_msrinject), -EINVAL);
    op.u.mc_msrinject.mcinj_count = 1;
    op.u.mc_msrinject.mcinj_msr[0].reg = 0x10;
    EXPECT_EQ(mca(&op, XEN_MC_msrinject), -EINVAL);
    EXPECT_EQ(set_bank(CORRECTED_READ, 0, 1234), -ESRCH);
    op.interface_version = 1;
    EXPECT_EQ(hypercall1(__HYPERVISOR_arch_0, (uint64_t)&op), -EACCES);
}

static void test_corrected(void)
{
    static const char text[] = "memory controller, read, channel 0 (corrected)";

    test_section("a corrected error");
    EXPECT_EQ(set_bank(CORRECTED_READ, 0, DOMID_SELF), 0);
    EXPECT_EQ(machine_check(), 0);
    time_delay(MILLISECONDS(10));
    read_log();
    EXPECT_EQ(count_in_log(text), 1);
}

static void test_page(void)
{
    struct child broken, other;
    unsigned reason = ~0u;
    uint64_t free;

    test_section("a page of a guest");
    children_init();
    free = host_free_pages();
    REQUIRE(child_make(&broken, SMALL, SMALL) == 0);
    REQUIRE(child_make(&other, SMALL, SMALL) == 0);
    child_write(&broken, 600UL << PAGE_SHIFT, 1);
    EXPECT_EQ(set_bank(PAGE_LOST, 600UL << PAGE_SHIFT, broken.id), 0);
    EXPECT_EQ(machine_check(), 0);
    time_delay(MILLISECONDS(10));
    EXPECT(child_is_shut_down(&broken, &reason));
    EXPECT_EQ(reason, SHUTDOWN_crash);
    EXPECT(!child_is_shut_down(&other, &reason));
    child_write(&other, 600UL << PAGE_SHIFT, 2);
    EXPECT_EQ(child_read(&other, 600UL << PAGE_SHIFT), 2);
    read_log();
    EXPECT_EQ(count_in_log("memory controller, scrub, channel 0 (uncorrected)"),
              1);
    EXPECT_EQ(child_destroy(&broken), 0);
    EXPECT_EQ(child_destroy(&other), 0);
    EXPECT_EQ(host_free_pages(), free - 1);
    press("n");
    read_log();
    EXPECT_EQ(count_in_log("broken frames: 1 out of use, 0 still in use"), 1);
    expect_clean_audit();
}

void test_main(void)
{
    if (!is_privileged()) {
        test_skip("only the first domain sees the host's weather");
    }
    events_init();
    test_absent_cpu();
    test_interrupts();
    test_calls();
    test_corrected();
    test_page();
}
