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

/* As our own builder made it on our own hypervisor: 36 KiB are on top. */
static struct xc *fresh_podium(void)
{
    struct xc *xc = fresh();

    host.podium = true;
    host.store_extra = 36;
    host.max_pages = 128 * MIB_PAGES + 9;
    return xc;
}

/* P16: not a page more than the target and what is known to be on top. */
static void test_exact(void)
{
    struct xc *xc = fresh_podium();
    unsigned int calls;

    EXPECT(xc_memory_set_target(xc, FAKE_DOMID, 256 * MIB_KIB) == 0);
    EXPECT(host.store_target == 256 * MIB_KIB);
    EXPECT(host.max_pages == 256 * MIB_PAGES + 9);
    EXPECT(host.pod_target == 256 * MIB_PAGES + 9);
    EXPECT(host.claim == 0);
    EXPECT(xc_memory_set_target(xc, FAKE_DOMID, 100 * MIB_KIB) == 0);
    EXPECT(host.max_pages == 100 * MIB_PAGES + 9);
    EXPECT(host.total == 256 * MIB_PAGES + 9);
    EXPECT(xc_memory_set_max(xc, FAKE_DOMID, 512 * MIB_KIB) == 0);
    EXPECT(host.max_pages == 512 * MIB_PAGES + 9);
    /* One call, beside the transaction. */
    calls = host.calls;
    EXPECT(xc_memory_set_target(xc, FAKE_DOMID, 128 * MIB_KIB) == 0);
    EXPECT(host.calls == calls + 2);
    EXPECT(host.wrong == 0);
    xc_close(xc);
}

/* Who does not know what is on top, and for domain 0: as on Xen. */
static void test_built_by_others(void)
{
    struct xc *xc = fresh_podium();

    host.store_extra = 0;
    EXPECT(xc_memory_set_target(xc, FAKE_DOMID, 256 * MIB_KIB) == 0);
    EXPECT(host.max_pages == 257 * MIB_PAGES);
    EXPECT(host.pod_target == 257 * MIB_PAGES);
    host.store_extra = 36;
    EXPECT(xc_memory_set_target(xc, 0, 256 * MIB_KIB) == 0);
    EXPECT(host.max_pages == 257 * MIB_PAGES);
    EXPECT(host.pod_target == 0);
    xc_close(xc);
}

static void test_full_at_once(void)
{
    struct xc *xc = fresh_podium();

    host.free_pages = 10 * MIB_PAGES;
    EXPECT(xc_memory_set_target(xc, FAKE_DOMID, 256 * MIB_KIB) == -ENOMEM);
    EXPECT(strstr(xc_error(xc), "not enough free memory"));
    EXPECT(host.store_target == 128 * MIB_KIB);
    EXPECT(host.max_pages == 128 * MIB_PAGES + 9);
    EXPECT(host.free_pages == 10 * MIB_PAGES);
    xc_close(xc);
}

static void test_snapshot(void)
{
    struct xc *xc = fresh_podium();
    struct xc_pod pod;

    host.total = 200 * MIB_PAGES + 9;
    EXPECT(xc_pod_info(xc, FAKE_DOMID, &pod) == 0);
    EXPECT(pod.promised_kib == 1024 * MIB_KIB);
    EXPECT(pod.cached_kib == 128 * MIB_KIB);
    EXPECT(pod.populated_kib == 72 * MIB_KIB + 36);
    EXPECT(pod.deficit_kib == 896 * MIB_KIB);
    EXPECT(xc_pod_info(xc, 0, &pod) == 0);
    EXPECT(pod.populated_kib == 512 * MIB_KIB);
    EXPECT(pod.promised_kib == 0);
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
    {"memory: exact on Podium", test_exact},
    {"memory: what others built", test_built_by_others},
    {"memory: host without memory, at once", test_full_at_once},
    {"memory: one moment", test_snapshot},
};

CHECK_MAIN(checks)
