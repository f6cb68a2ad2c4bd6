/* SPDX-License-Identifier: MIT */
/*
 * Targets: what the guest is told, what the hypervisor allows, and what is
 * set aside move together, or not at all.
 */
#include <errno.h>

#include "check.h"
#include "fake_host.h"
#include "libxc/handle.h"

#define MIB_KIB   1024ull
#define MIB_PAGES 256ull

/* A guest of 1 GiB that has 128 MiB, as it is after its creation. */
static struct xc *fresh(void)
{
    fake_host_reset();
    host.exists = true;
    host.store_target = 128 * MIB_KIB;
    host.store_max = 1024 * MIB_KIB;
    host.max_pages = 129 * MIB_PAGES;
    host.total = host.cache = 128 * MIB_PAGES;
    host.entries = 1024 * MIB_PAGES;
    return xc_open();
}

static void test_up(void)
{
    struct xc *xc = fresh();

    EXPECT(xc_memory_set_target(xc, FAKE_DOMID, 256 * MIB_KIB) == 0);
    EXPECT(host.store_target == 256 * MIB_KIB);
    EXPECT(host.store_max == 1024 * MIB_KIB);
    EXPECT(host.max_pages == 257 * MIB_PAGES);
    EXPECT(host.pod_target == 257 * MIB_PAGES);
    xc_close(xc);
}

/* Down is a request: the guest's pages stay until its balloon gives them. */
static void test_down(void)
{
    struct xc *xc = fresh();

    EXPECT(xc_memory_set_target(xc, FAKE_DOMID, 100 * MIB_KIB) == 0);
    EXPECT(host.store_target == 100 * MIB_KIB);
    EXPECT(host.max_pages == 101 * MIB_PAGES);
    EXPECT(host.total == 128 * MIB_PAGES);
    xc_close(xc);
}

static void test_limits(void)
{
    struct xc *xc = fresh();

    EXPECT(xc_memory_set_target(xc, FAKE_DOMID, 1024 * MIB_KIB) == 0);
    EXPECT(xc_memory_set_target(xc, FAKE_DOMID, 1024 * MIB_KIB + 4) == -EINVAL);
    EXPECT(xc_error(xc)[0]);
    EXPECT(xc_memory_set_target(xc, FAKE_DOMID, 0) == -EINVAL);
    EXPECT(host.store_target == 1024 * MIB_KIB);
    xc_close(xc);
}

static void test_dom0_keeps_its_least(void)
{
    struct xc *xc = fresh();

    EXPECT(xc_memory_set_target(xc, 0, 128 * MIB_KIB - 4) == -EINVAL);
    EXPECT(strstr(xc_error(xc), "128 MiB"));
    EXPECT(host.store_target == 128 * MIB_KIB);
    EXPECT(host.max_pages == 129 * MIB_PAGES);
    xc_close(xc);
}

/* The host cannot back it: the old limit is back, the guest hears nothing, and
 * the host keeps what it has. */
static void test_host_is_full(void)
{
    struct xc *xc = fresh();

    host.free_pages = 10 * MIB_PAGES;
    EXPECT(xc_memory_set_target(xc, FAKE_DOMID, 256 * MIB_KIB) == -ENOMEM);
    EXPECT(host.store_target == 128 * MIB_KIB);
    EXPECT(host.max_pages == 129 * MIB_PAGES);
    EXPECT(host.free_pages == 10 * MIB_PAGES);
    EXPECT(host.claim == 0);
    xc_close(xc);
}

static void test_max(void)
{
    struct xc *xc = fresh();

    EXPECT(xc_memory_set_max(xc, FAKE_DOMID, 127 * MIB_KIB) == -EINVAL);
    EXPECT(host.store_max == 1024 * MIB_KIB);
    EXPECT(xc_memory_set_max(xc, FAKE_DOMID, 512 * MIB_KIB) == 0);
    EXPECT(host.store_max == 512 * MIB_KIB);
    EXPECT(host.store_target == 128 * MIB_KIB);
    EXPECT(host.max_pages == 513 * MIB_PAGES);
    EXPECT(xc_memory_set_target(xc, FAKE_DOMID, 513 * MIB_KIB) == -EINVAL);
    xc_close(xc);
}

static void test_gone(void)
{
    struct xc *xc = fresh();

    host.exists = false;
    EXPECT(xc_memory_set_target(xc, FAKE_DOMID, 256 * MIB_KIB) == -ESRCH);
    EXPECT(xc_memory_set_max(xc, FAKE_DOMID, 256 * MIB_KIB) == -ESRCH);
    EXPECT(host.store_target == 128 * MIB_KIB);
    xc_close(xc);
}

static const struct check checks[] = {
    {"memory: target up", test_up},
    {"memory: target down", test_down},
    {"memory: limits of a target", test_limits},
    {"memory: least for dom0", test_dom0_keeps_its_least},
    {"memory: host without memory", test_host_is_full},
    {"memory: maximum", test_max},
    {"memory: no such domain", test_gone},
};

CHECK_MAIN(checks)
