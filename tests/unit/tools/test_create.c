/* SPDX-License-Identifier: MIT */
/*
 * Creation against a host that counts: what is promised and given must come
 * out exactly, the number of calls must not depend on maxmem, and whichever
 * call fails, nothing may be left: no domain, no claim, no nodes, no buffers.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "fake_host.h"
#include "kernels.h"
#include "libxc/handle.h"
#include "libxc/layout.h"

#define MIB_PAGES 256ull
#define MIB_KIB   1024ull

static char kernel_path[] = "/tmp/test_create.XXXXXX";

static void write_kernel(void)
{
    struct kernel64 k;
    int fd = mkstemp(kernel_path);

    kernel64_make(&k);
    EXPECT(write(fd, &k, sizeof(k)) == sizeof(k));
    close(fd);
}

static enum xc_on_empty on_empty;
static uint64_t borrow_kib;
static bool on_demand;

static int create(struct xc *xc, uint64_t memory_mib, uint64_t max_mib)
{
    struct xc_guest_config cfg = {
        .on_empty = on_empty,
        .borrow_kib = borrow_kib,
        .on_demand = on_demand,
        .name = "guest",
        .kernel = kernel_path,
        .cmdline = "console=hvc0",
        .memory_kib = memory_mib * MIB_KIB,
        .max_kib = max_mib * MIB_KIB,
        .vcpus = 1,
        .max_vcpus = 2,
    };
    uint32_t domid = 0;
    int rc = xc_domain_create(xc, &cfg, &domid);

    EXPECT(rc || domid == FAKE_DOMID);
    EXPECT(rc == 0 || xc_error(xc)[0]);
    EXPECT(host.wrong == 0);
    EXPECT(host.buffers == 0);
    EXPECT(host.claim == 0);
    return rc;
}

static bool on_podium;

static void reset(void)
{
    fake_host_reset();
    host.podium = on_podium;
}

static int create_fresh(uint64_t memory_mib, uint64_t max_mib)
{
    struct xc *xc = xc_open();
    int rc;

    reset();
    rc = create(xc, memory_mib, max_mib);
    xc_close(xc);
    return rc;
}

/* Each frame of RAM once, none elsewhere, but for rings and tables. */
static void expect_frames(uint64_t ram_pages)
{
    uint64_t low = ram_pages < 0xfc000 ? ram_pages : 0xfc000;
    uint64_t bad = 0;

    for (uint64_t gfn = 0; gfn < FAKE_FRAMES; gfn++) {
        bool ram =
            gfn < low || (gfn >= 0x100000 && gfn < 0x100000 + ram_pages - low);
        bool extra = gfn == LAYOUT_ACPI_GFN ||
                     (gfn >= LAYOUT_SPECIAL_GFN && gfn < 0xff000);

        bad += host.frames[gfn] != (ram || extra);
    }
    EXPECT(bad == 0);
}

static void test_pod(void)
{
    EXPECT(create_fresh(128, 1024) == 0);
    EXPECT(host.claimed_ever);
    EXPECT(host.entries == 1024 * MIB_PAGES);
    EXPECT(host.cache == 128 * MIB_PAGES);
    EXPECT(host.total == 128 * MIB_PAGES + LAYOUT_EXTRA_PAGES);
    EXPECT(host.max_pages == 129 * MIB_PAGES);
    EXPECT(host.introduced);
    expect_frames(1024 * MIB_PAGES);
}

static void test_not_pod(void)
{
    EXPECT(create_fresh(333, 333) == 0);
    EXPECT(host.entries == 0 && host.cache == 0 && host.pod_target == 0);
    EXPECT(host.total == 333 * MIB_PAGES + LAYOUT_EXTRA_PAGES);
    expect_frames(333 * MIB_PAGES);
}

/* On a hypervisor of ours. */
static int create_here(uint64_t memory_mib, uint64_t max_mib)
{
    struct xc *xc = xc_open();
    int rc;

    fake_host_reset();
    host.podium = true;
    rc = create(xc, memory_mib, max_mib);
    xc_close(xc);
    return rc;
}

static void test_policy(void)
{
    EXPECT(create_here(128, 1024) == 0);
    EXPECT(host.policy.domid == FAKE_DOMID);
    EXPECT(host.policy.on_empty == PODIUM_ON_EMPTY_WAIT);
    EXPECT(host.policy.mode == PODIUM_POD_RESERVED);
    EXPECT(host.policy.borrow_limit == 0);
    on_empty = XC_ON_EMPTY_BORROW;
    EXPECT(create_here(128, 1024) == 0);
    EXPECT(host.policy.on_empty == PODIUM_ON_EMPTY_BORROW);
    EXPECT(host.policy.borrow_limit == 896 * MIB_PAGES);
    borrow_kib = 5 * MIB_KIB;
    EXPECT(create_here(128, 1024) == 0);
    EXPECT(host.policy.borrow_limit == 5 * MIB_PAGES);
    EXPECT(create_fresh(128, 1024) == -EOPNOTSUPP);
    EXPECT(!host.exists);
    on_empty = XC_ON_EMPTY_CRASH;
    EXPECT(create_here(128, 1024) == 0);
    EXPECT(host.policy.on_empty == PODIUM_ON_EMPTY_CRASH);
    EXPECT(create_fresh(128, 1024) == 0);
    on_empty = XC_ON_EMPTY_WAIT;
    borrow_kib = 0;
}

/* All is promised, and what is given is not claimed by us. */
static void test_on_demand(void)
{
    on_demand = true;
    EXPECT(create_here(128, 128) == 0);
    EXPECT(host.policy.mode == PODIUM_POD_ON_DEMAND);
    EXPECT(!host.claimed_ever);
    EXPECT(host.entries == 128 * MIB_PAGES);
    EXPECT(host.pod_target == 128 * MIB_PAGES);
    EXPECT(host.total == LAYOUT_EXTRA_PAGES);
    expect_frames(128 * MIB_PAGES);
    EXPECT(create_fresh(128, 128) == -EOPNOTSUPP);
    on_demand = false;
}

static void test_above_the_hole(void)
{
    EXPECT(create_fresh(128, 5001) == 0);
    EXPECT(host.entries == 5001 * MIB_PAGES);
    expect_frames(5001 * MIB_PAGES);
}

static void test_cost(void)
{
    unsigned int small;

    EXPECT(create_fresh(128, 1024) == 0);
    small = host.calls;
    EXPECT(create_fresh(128, 3072) == 0);
    EXPECT(host.calls == small);
    /* Beyond 4 GiB: the pieces around the hole, then 1 GiB at a time. */
    EXPECT(create_fresh(128, 64 * 1024) == 0);
    EXPECT(host.calls <= small + 8);
}

static void test_small_pages_only(void)
{
    struct xc *xc = xc_open();

    fake_host_reset();
    host.no_large_pages = true;
    EXPECT(create(xc, 64, 64) == 0);
    EXPECT(host.total == 64 * MIB_PAGES + LAYOUT_EXTRA_PAGES);
    expect_frames(64 * MIB_PAGES);
    xc_close(xc);
}

static void test_host_is_full(void)
{
    struct xc *xc = xc_open();

    fake_host_reset();
    host.free_pages = 100 * MIB_PAGES;
    EXPECT(create(xc, 128, 1024) == -ENOMEM);
    EXPECT(!host.exists && host.free_pages == 100 * MIB_PAGES);
    xc_close(xc);
}

/* Every call in turn; the last run is the one in which none fails. */
static void fail_each(uint64_t memory_mib, uint64_t max_mib)
{
    unsigned int last = 0;
    int rc = -1;

    for (unsigned int n = 1; rc; n++) {
        struct xc *xc = xc_open();
        uint64_t before;

        reset();
        before = host.free_pages;
        host.fail_at = n;
        host.fail_with = -EPERM;
        rc = create(xc, memory_mib, max_mib);
        last = host.calls;
        if (host.calls < n) {
            EXPECT(rc == 0);
        }
        if (rc) {
            EXPECT(!host.exists && !host.introduced);
            EXPECT(host.nodes == 0);
            EXPECT(host.free_pages == before);
        }
        xc_close(xc);
    }
    EXPECT(last > 30);
}

static void test_failures_pod(void)
{
    fail_each(128, 1024);
}

static void test_failures_not_pod(void)
{
    fail_each(64, 64);
}

/* P16: one call for limit, cache and claim, and the limit is exact. */
static void test_podium(void)
{
    on_podium = true;
    EXPECT(create_fresh(128, 1024) == 0);
    EXPECT(host.claimed_ever);
    EXPECT(host.entries == 1024 * MIB_PAGES);
    EXPECT(host.cache == 128 * MIB_PAGES);
    EXPECT(host.total == 128 * MIB_PAGES + LAYOUT_EXTRA_PAGES);
    EXPECT(host.max_pages == host.total);
    expect_frames(1024 * MIB_PAGES);
    EXPECT(create_fresh(333, 333) == 0);
    EXPECT(host.claimed_ever && host.pod_target == 0);
    EXPECT(host.total == 333 * MIB_PAGES + LAYOUT_EXTRA_PAGES);
    EXPECT(host.max_pages == host.total);
    fail_each(128, 1024);
    fail_each(64, 64);
    on_podium = false;
}

/* Tables are claimed, too, so it fails before anything was given. */
static void test_podium_full(void)
{
    struct xc *xc = xc_open();

    fake_host_reset();
    host.podium = true;
    host.free_pages = 128 * MIB_PAGES + LAYOUT_EXTRA_PAGES;
    EXPECT(create(xc, 128, 1024) == -ENOMEM);
    EXPECT(strstr(xc_error(xc), "133176 KiB needed, 131108 KiB free"));
    EXPECT(host.populate_calls == 0);
    EXPECT(host.free_pages == 128 * MIB_PAGES + LAYOUT_EXTRA_PAGES);
    xc_close(xc);
}

static void test_bad_values(void)
{
    EXPECT(create_fresh(256, 128) == -EINVAL);
    EXPECT(create_fresh(0, 128) == -EINVAL);
    EXPECT(create_fresh(128, 8ull << 20) == -EINVAL);
    EXPECT(host.calls == 0);
    /* The kernel is at 16 MiB and needs 24 KiB. */
    EXPECT(create_fresh(16, 16) == -E2BIG);
    EXPECT(create_fresh(1, 17) == 0);
}

/* Removes the kernel: must be the last. */
static void test_no_kernel(void)
{
    unlink(kernel_path);
    EXPECT(create_fresh(128, 1024) == -ENOENT);
    EXPECT(!host.exists);
}

static void test_setup(void)
{
    write_kernel();
}

static const struct check checks[] = {
    {"create: a kernel to start with", test_setup},
    {"create: promised and given", test_pod},
    {"create: all given", test_not_pod},
    {"create: without memory", test_policy},
    {"create: on demand", test_on_demand},
    {"create: above the hole", test_above_the_hole},
    {"create: cost does not grow with maxmem", test_cost},
    {"create: small pages only", test_small_pages_only},
    {"create: host without memory", test_host_is_full},
    {"create: every call fails once, promised", test_failures_pod},
    {"create: every call fails once, given", test_failures_not_pod},
    {"create: on Podium", test_podium},
    {"create: on Podium, host without memory", test_podium_full},
    {"create: values that make no sense", test_bad_values},
    {"create: no kernel", test_no_kernel},
};

CHECK_MAIN(checks)
