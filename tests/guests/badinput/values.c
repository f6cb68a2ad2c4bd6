/* SPDX-License-Identifier: MIT */
/* Values out of their range: domain ids, commands, versions, counts, orders,
 * frame numbers, of calls whose pointers are right. */
#include "badinput/badinput.h"

#include "child.h"
#include "console.h"
#include "hypercall.h"
#include "lib/string.h"
#include "memory.h"
#include "test.h"

#include <xen/event_channel.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/memory.h>
#include <xen/platform.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#define NOBODY 0x7000 /* no domain has this id */

/* Ids that are not even one's that a domain could have. */
static const domid_t nobodies[] = {NOBODY, 0x7ff1, 0x7ff3,
                                   0x7ff4, 0x8000, 0xffff};

static void test_numbers(void)
{
    static const uint64_t unknown[] = {11, 45, 57, 63, 1000, ~0UL, 1UL << 32};

    test_section("hypercalls that there are not");
    for (unsigned i = 0; i < ARRAY_COUNT(unknown); i++) {
        EXPECT_EQ(hypercall5(unknown[i], 1, 2, 3, 4, 5), -ENOSYS);
    }
    EXPECT_EQ(memory_op(62, NULL), -ENOSYS);
    EXPECT_EQ(sched_op(77, NULL), -ENOSYS);
    EXPECT_EQ(hvm_op(999, NULL), -ENOSYS);
    EXPECT_EQ(version_op(99, NULL), -ENOSYS);
    EXPECT_EQ(vcpu_op(99, 0, NULL), -ENOSYS);
    EXPECT_EQ(vcpu_op(VCPUOP_is_up, ~0u, NULL), -ENOENT);
    EXPECT_EQ(hypercall3(__HYPERVISOR_console_io, 9, 0, 0), -ENOSYS);
}

static void test_versions(void)
{
    struct xen_platform_op p = {.interface_version = 1};
    struct xen_domctl d;
    struct xen_sysctl s;

    test_section("interface versions");
    domctl_prepare(&d, XEN_DOMCTL_getdomaininfo, 0);
    d.interface_version ^= 1;
    EXPECT_EQ(domctl(&d), -EACCES);
    domctl_prepare(&d, 4711, 0);
    EXPECT_EQ(domctl(&d), -ENOSYS);
    sysctl_prepare(&s, XEN_SYSCTL_physinfo);
    s.interface_version++;
    EXPECT_EQ(sysctl(&s), -EACCES);
    sysctl_prepare(&s, 4711);
    EXPECT_EQ(sysctl(&s), -ENOSYS);
    EXPECT_EQ(hypercall1(__HYPERVISOR_platform_op, (uint64_t)&p), -EACCES);
}

static void test_domctl_of(domid_t id)
{
    static const uint32_t commands[] = {
        XEN_DOMCTL_destroydomain,   XEN_DOMCTL_pausedomain,
        XEN_DOMCTL_unpausedomain,   XEN_DOMCTL_max_mem,
        XEN_DOMCTL_max_vcpus,       XEN_DOMCTL_getvcpuinfo,
        XEN_DOMCTL_gethvmcontext,   XEN_DOMCTL_sethvmcontext,
        XEN_DOMCTL_setdomainhandle, XEN_DOMCTL_settscinfo,
        XEN_DOMCTL_get_cpu_policy,  XEN_DOMCTL_set_paging_mempool_size,
    };

    for (unsigned i = 0; i < ARRAY_COUNT(commands); i++) {
        int64_t rc = domctl_simple(commands[i], id);

        if (!EXPECT_EQ(rc, -ESRCH)) {
            print("  domctl %u of 0x%x\n", commands[i], id);
        }
    }
}

static void test_memory_of(domid_t id)
{
    struct xen_pod_target target = {.domid = id, .target_pages = 1};
    struct xen_memory_reservation r = {.nr_extents = 1, .domid = id};
    struct xen_add_to_physmap add = {.domid = id, .space = XENMAPSPACE_gmfn};
    struct xen_remove_from_physmap remove = {.domid = id};
    struct xen_memory_domain d = {.domid = id};
    xen_pfn_t gfn = 0x80000;

    set_xen_guest_handle(r.extent_start, &gfn);
    EXPECT_EQ(memory_op(XENMEM_set_pod_target, &target), -ESRCH);
    EXPECT_EQ(memory_op(XENMEM_get_pod_target, &target), -ESRCH);
    EXPECT_EQ(memory_op(XENMEM_populate_physmap, &r), 0);
    EXPECT_EQ(memory_op(XENMEM_decrease_reservation, &r), 0);
    EXPECT_EQ(memory_op(XENMEM_add_to_physmap, &add), -ESRCH);
    EXPECT_EQ(memory_op(XENMEM_remove_from_physmap, &remove), -ESRCH);
    EXPECT_EQ(memory_op(XENMEM_current_reservation, &d), -ESRCH);
    set_xen_guest_handle(r.extent_start, (xen_pfn_t *)NULL);
    EXPECT_EQ(memory_op(XENMEM_claim_pages, &r), -EINVAL); /* POD-9.40 */
}

static void test_domain_ids(void)
{
    test_section("domain ids");
    for (unsigned i = 0; i < ARRAY_COUNT(nobodies); i++) {
        struct xen_hvm_param param = {.domid = nobodies[i], .index = 1};

        test_domctl_of(nobodies[i]);
        test_memory_of(nobodies[i]);
        EXPECT_EQ(hvm_op(HVMOP_get_param, &param), -ESRCH);
        EXPECT_EQ(hvm_op(HVMOP_set_param, &param), -ESRCH);
    }
}

static void test_params(void)
{
    struct xen_hvm_param param = {.domid = DOMID_SELF};

    test_section("parameters");
    param.index = HVM_NR_PARAMS;
    EXPECT_EQ(hvm_op(HVMOP_get_param, &param), -EINVAL);
    EXPECT_EQ(hvm_op(HVMOP_set_param, &param), -EINVAL);
    param.index = ~0u;
    EXPECT_EQ(hvm_op(HVMOP_get_param, &param), -EINVAL);
    EXPECT_EQ(hvm_op(HVMOP_set_param, &param), -EINVAL);
}

/* --- Changes of the map --- */

static int64_t add(unsigned space, uint64_t idx, uint64_t gpfn)
{
    struct xen_add_to_physmap a = {
        .domid = DOMID_SELF, .space = space, .idx = idx, .gpfn = gpfn};

    return memory_op(XENMEM_add_to_physmap, &a);
}

static int64_t foreign(domid_t from, uint64_t idx, uint64_t gpfn, int *error)
{
    xen_ulong_t i = idx;
    xen_pfn_t g = gpfn;
    struct xen_add_to_physmap_batch b = {.domid = DOMID_SELF,
                                         .space = XENMAPSPACE_gmfn_foreign,
                                         .size = 1,
                                         .u.foreign_domid = from};

    *error = 12345;
    set_xen_guest_handle(b.idxs, &i);
    set_xen_guest_handle(b.gpfns, &g);
    set_xen_guest_handle(b.errs, error);
    return memory_op(XENMEM_add_to_physmap_batch, &b);
}

static void test_map(void)
{
    uint64_t hole = hole_alloc(1);
    struct xen_remove_from_physmap remove = {.domid = DOMID_SELF, .gpfn = hole};
    int error;

    test_section("frame numbers");
    EXPECT_EQ(memory_op(XENMEM_remove_from_physmap, &remove), -ENOENT);
    remove.gpfn = ~0UL;
    EXPECT(memory_op(XENMEM_remove_from_physmap, &remove) < 0);
    EXPECT(add(XENMAPSPACE_grant_table, 1 << 20, hole) < 0);
    EXPECT(add(XENMAPSPACE_grant_table, 0, ~0UL) < 0);
    EXPECT(add(XENMAPSPACE_grant_table, 0, 1UL << 40) < 0);
    EXPECT(add(XENMAPSPACE_shared_info, 0, ~0UL) < 0);
    EXPECT(add(XENMAPSPACE_shared_info, 0, 1UL << 51) < 0);
    EXPECT(add(XENMAPSPACE_gmfn, hole, hole) < 0);
    EXPECT(add(XENMAPSPACE_gmfn, ~0UL, hole) < 0);
    EXPECT_EQ(add(XENMAPSPACE_gmfn_foreign, 0, hole), -ENOSYS);
    EXPECT_EQ(add(77, 0, hole), -EINVAL);
    EXPECT(foreign(NOBODY, 0, hole, &error) == -ESRCH || error == -ESRCH);
    EXPECT(foreign(DOMID_SELF, 0, hole, &error) < 0 || error < 0);
    EXPECT_EQ(*(volatile uint64_t *)(hole << PAGE_SHIFT), ~0UL);
    hole_free(hole);
}

static void test_foreign(void)
{
    uint64_t hole = hole_alloc(1);
    struct child c;
    int error;

    test_section("foreign frame numbers");
    REQUIRE(child_make(&c, 1024, 1024) == 0);
    EXPECT_EQ(foreign(c.id, 5000, hole, &error), 0);
    EXPECT(error < 0);
    EXPECT_EQ(foreign(c.id, ~0UL, hole, &error), 0);
    EXPECT(error < 0);
    EXPECT_EQ(foreign(c.id, 1UL << 51, hole, &error), 0);
    EXPECT(error < 0);
    EXPECT(foreign(c.id, 0, ~0UL, &error) < 0 || error < 0);
    EXPECT(foreign(c.id, 0, 1UL << 51, &error) < 0 || error < 0);
    EXPECT_EQ(*(volatile uint64_t *)(hole << PAGE_SHIFT), ~0UL);
    EXPECT_EQ(child_destroy(&c), 0);
    hole_free(hole);
}

/* --- Making domains --- */

static void expect_not_created(const struct xen_domctl_createdomain *in,
                               int64_t expected, const char *what)
{
    struct xen_domctl op;
    int64_t rc;

    domctl_prepare(&op, XEN_DOMCTL_createdomain, 0xffff);
    op.u.createdomain = *in;
    rc = domctl(&op);
    if (!EXPECT_EQ(rc, expected)) {
        print("  %s\n", what);
    }
    if (rc == 0) {
        domctl_simple(XEN_DOMCTL_destroydomain, op.domain);
    }
}

static void test_creation(void)
{
    const struct xen_domctl_createdomain good = {
        .flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
        .max_vcpus = 1,
        .max_evtchn_port = 1023,
        .max_grant_frames = -1,
        .max_maptrack_frames = -1,
        .grant_opts = XEN_DOMCTL_GRANT_version(1),
        .arch.emulation_flags = XEN_X86_EMU_LAPIC,
    };
    struct xen_domctl_createdomain bad;

    test_section("creation");
    bad = good;
    bad.arch.emulation_flags = XEN_X86_EMU_ALL;
    expect_not_created(&bad, -EINVAL, "emulation flags");
    bad = good;
    bad.max_vcpus = 0;
    expect_not_created(&bad, -EINVAL, "no vCPU");
    bad.max_vcpus = 1 << 20;
    expect_not_created(&bad, -EINVAL, "a million vCPUs");
    bad.max_vcpus = ~0u;
    expect_not_created(&bad, -EINVAL, "all vCPUs");
    bad = good;
    bad.flags = 0;
    expect_not_created(&bad, -EINVAL, "PV");
    bad.flags = ~0u;
    expect_not_created(&bad, -EINVAL, "all flags");
    bad = good;
    bad.arch.misc_flags = ~0u;
    expect_not_created(&bad, -EINVAL, "misc flags");
    bad = good;
    bad.max_grant_frames = 0x7fffffff;
    expect_not_created(&bad, -EINVAL, "grant frames");
    bad = good;
    bad.grant_opts = 7;
    expect_not_created(&bad, -EINVAL, "grant version");
}

static void test_id_in_use(void)
{
    struct xen_domctl op;
    struct child c;

    test_section("a domain id that is in use");
    REQUIRE(child_new(&c, 1, 1024) == 0);
    domctl_prepare(&op, XEN_DOMCTL_createdomain, c.id);
    op.u.createdomain = (struct xen_domctl_createdomain){
        .flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
        .max_vcpus = 1,
        .max_evtchn_port = 1023,
        .max_grant_frames = -1,
        .max_maptrack_frames = -1,
        .grant_opts = XEN_DOMCTL_GRANT_version(1),
        .arch.emulation_flags = XEN_X86_EMU_LAPIC,
    };
    EXPECT_EQ(domctl(&op), -EEXIST);
    EXPECT_EQ(child_destroy(&c), 0);
}

/* --- Machine state --- */

static int64_t set_context(domid_t id, const void *blob, uint32_t size)
{
    struct xen_domctl op;

    domctl_prepare(&op, XEN_DOMCTL_sethvmcontext, id);
    op.u.hvmcontext.size = size;
    set_xen_guest_handle(op.u.hvmcontext.buffer, (uint8_t *)blob);
    return domctl(&op);
}

static void test_context(void)
{
    static uint8_t blob[8192];
    struct child c;

    test_section("machine state");
    REQUIRE(child_new(&c, 1, 1024) == 0);
    EXPECT(set_context(c.id, blob, 0) < 0);
    EXPECT(set_context(c.id, blob, 7) < 0);
    EXPECT(set_context(c.id, blob, ~0u) < 0);
    EXPECT(set_context(c.id, blob, sizeof(blob)) < 0); /* no header */
    memset(blob, 0xff, sizeof(blob));
    EXPECT(set_context(c.id, blob, sizeof(blob)) < 0);
    EXPECT(set_context(c.id, (void *)MAP_BASE, 64) < 0);
    EXPECT_EQ(child_destroy(&c), 0);
}

static void test_poll(void)
{
    evtchn_port_t port = 1;
    struct sched_poll poll = {.nr_ports = ~0u, .timeout = 1};

    test_section("poll");
    set_xen_guest_handle(poll.ports, &port);
    EXPECT_EQ(sched_op(SCHEDOP_poll, &poll), -EINVAL);
    poll.nr_ports = 129;
    EXPECT_EQ(sched_op(SCHEDOP_poll, &poll), -EINVAL);
    poll.nr_ports = 1;
    port = ~0u;
    EXPECT_EQ(sched_op(SCHEDOP_poll, &poll), -EINVAL);
}

static void test_multicall(void)
{
    static struct multicall_entry calls[3];

    test_section("multicall");
    calls[0].op = __HYPERVISOR_xen_version;
    calls[1].op = 1000;
    calls[2].op = __HYPERVISOR_multicall;
    EXPECT_EQ(hypercall2(__HYPERVISOR_multicall, (uint64_t)calls, 3), 0);
    EXPECT_EQ((int64_t)calls[0].result, 0x00040011);
    EXPECT_EQ((int64_t)calls[1].result, -ENOSYS);
    EXPECT((int64_t)calls[2].result <= 0);
    EXPECT_EQ(hypercall2(__HYPERVISOR_multicall, (uint64_t)calls, 0), 0);
    EXPECT_EQ(hypercall2(__HYPERVISOR_multicall, MAP_BASE, ~0u), -EFAULT);
}

static void test_vcpu_areas(void)
{
    struct vcpu_register_vcpu_info info = {.mfn = 5, .offset = 4095};

    test_section("areas of a vCPU");
    EXPECT_EQ(vcpu_op(VCPUOP_register_vcpu_info, 0, &info), -EINVAL);
    info.offset = ~0u;
    EXPECT_EQ(vcpu_op(VCPUOP_register_vcpu_info, 0, &info), -EINVAL);
    info.offset = 0;
    info.mfn = ~0ULL;
    EXPECT(vcpu_op(VCPUOP_register_vcpu_info, 0, &info) < 0);
    info.mfn = hole_alloc(1);
    EXPECT(vcpu_op(VCPUOP_register_vcpu_info, 0, &info) < 0);
}

void test_values(void)
{
    static void (*const tests[])(void) = {
        test_numbers, test_versions, test_domain_ids, test_params,
        test_map,     test_foreign,  test_creation,   test_id_in_use,
        test_context, test_poll,     test_multicall,  test_vcpu_areas,
    };

    for (unsigned i = 0; i < ARRAY_COUNT(tests); i++) {
        remember_state();
        tests[i]();
        expect_same_state();
    }
}
