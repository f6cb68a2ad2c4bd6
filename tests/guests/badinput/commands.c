/* SPDX-License-Identifier: MIT */
/* Arguments of single commands, each wrong once: ports, vCPUs, references,
 * counts; and the buffers of the control domain's calls. */
#include "badinput/badinput.h"

#include "child.h"
#include "console.h"
#include "event.h"
#include "hypercall.h"
#include "main.h"
#include "memory.h"
#include "test.h"

#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/hvm/hvm_op.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#define NOBODY  0x7000 /* no domain has this id */
#define NO_PORT 0xfff  /* nobody opened it */
#define NO_VCPU 4711

#define EVENT(command, type, ...)                                              \
    event_op(EVTCHNOP_##command, &(struct type){__VA_ARGS__})

static void test_ports(void)
{
    static const uint32_t ports[] = {0, NO_PORT, 4096, 1U << 31, ~0U};

    test_section("ports");
    for (unsigned i = 0; i < ARRAY_COUNT(ports); i++) {
        uint32_t port = ports[i];

        EXPECT_EQ(EVENT(send, evtchn_send, port), -EINVAL);
        EXPECT_EQ(EVENT(close, evtchn_close, port), -EINVAL);
        /* Port 0 is never open, and may be unmasked. */
        EXPECT_EQ(EVENT(unmask, evtchn_unmask, port), port ? -EINVAL : 0);
        EXPECT_EQ(EVENT(bind_vcpu, evtchn_bind_vcpu, port, 0), -EINVAL);
        EXPECT_EQ(EVENT(bind_interdomain, evtchn_bind_interdomain,
                        .remote_dom = DOMID_SELF, .remote_port = port),
                  -EINVAL);
    }
    EXPECT_EQ(EVENT(status, evtchn_status, .dom = DOMID_SELF, .port = ~0U),
              -EINVAL);
    EXPECT_EQ(EVENT(status, evtchn_status, .dom = NOBODY, .port = 1), -ESRCH);
    EXPECT_EQ(EVENT(reset, evtchn_reset, .dom = NOBODY), -ESRCH);
    EXPECT_EQ(EVENT(alloc_unbound, evtchn_alloc_unbound, .dom = NOBODY),
              -ESRCH);
    EXPECT_EQ(EVENT(bind_interdomain, evtchn_bind_interdomain,
                    .remote_dom = NOBODY, .remote_port = 1),
              -ESRCH);
    EXPECT_EQ(event_op(77, NULL), -ENOSYS);
}

static void test_event_vcpus(void)
{
    int port = event_alloc_unbound(DOMID_SELF, DOMID_SELF);

    test_section("vCPUs and interrupts of ports");
    EXPECT_EQ(EVENT(bind_vcpu, evtchn_bind_vcpu, (uint32_t)port, NO_VCPU),
              -ENOENT);
    EXPECT_EQ(EVENT(bind_ipi, evtchn_bind_ipi, .vcpu = NO_VCPU), -ENOENT);
    EXPECT_EQ(EVENT(bind_ipi, evtchn_bind_ipi, .vcpu = ~0U), -ENOENT);
    EXPECT_EQ(EVENT(bind_virq, evtchn_bind_virq, .virq = 0, .vcpu = ~0U),
              -ENOENT);
    EXPECT_EQ(EVENT(bind_virq, evtchn_bind_virq, .virq = 24), -EINVAL);
    EXPECT_EQ(EVENT(bind_virq, evtchn_bind_virq, .virq = ~0U), -EINVAL);
    event_close(port);
}

/* The status of one operation. */
#define GRANT(command, type, expected, ...)                                    \
    do {                                                                       \
        struct type op = {__VA_ARGS__};                                        \
                                                                               \
        EXPECT_EQ(grant_op(GNTTABOP_##command, &op, 1), 0);                    \
        EXPECT_EQ(op.status, expected);                                        \
    } while (0)

static void test_grant_arguments(void)
{
    uint64_t hole = hole_alloc(1);

    test_section("grants");
    GRANT(map_grant_ref, gnttab_map_grant_ref, GNTST_bad_domain,
          .host_addr = hole << PAGE_SHIFT, .flags = GNTMAP_host_map,
          .dom = NOBODY);
    GRANT(map_grant_ref, gnttab_map_grant_ref, GNTST_bad_gntref,
          .host_addr = hole << PAGE_SHIFT, .flags = GNTMAP_host_map, .ref = ~0U,
          .dom = DOMID_SELF);
    GRANT(unmap_grant_ref, gnttab_unmap_grant_ref, GNTST_bad_handle,
          .host_addr = hole << PAGE_SHIFT, .handle = ~0U);
    GRANT(unmap_grant_ref, gnttab_unmap_grant_ref, GNTST_bad_handle,
          .handle = 12345);
    GRANT(query_size, gnttab_query_size, GNTST_bad_domain, .dom = NOBODY);
    GRANT(setup_table, gnttab_setup_table, GNTST_bad_domain, .dom = NOBODY);
    GRANT(setup_table, gnttab_setup_table, GNTST_general_error,
          .dom = DOMID_SELF, .nr_frames = ~0U);
    GRANT(copy, gnttab_copy, GNTST_bad_copy_arg, .len = 4097);
    GRANT(copy, gnttab_copy, GNTST_bad_copy_arg, .source.offset = 4095,
          .len = 2);
    GRANT(copy, gnttab_copy, GNTST_bad_copy_arg, .dest.offset = 0xffff,
          .len = 0xffff);
    hole_free(hole);
}

static void test_grant_counts(void)
{
    struct gnttab_set_version version = {.version = 3};
    static struct gnttab_setup_table setup[2];

    test_section("counts of grant operations");
    EXPECT_EQ(grant_op(GNTTABOP_set_version, &version, 1), -EINVAL);
    version.version = 0;
    EXPECT_EQ(grant_op(GNTTABOP_set_version, &version, 1), -EINVAL);
    EXPECT_EQ(grant_op(GNTTABOP_setup_table, setup, 2), -EINVAL);
    EXPECT_EQ(grant_op(GNTTABOP_copy, (void *)MAP_BASE, ~0U), -EINVAL);
    EXPECT_EQ(grant_op(GNTTABOP_copy, (void *)MAP_BASE, 0x80000000U), -EINVAL);
    EXPECT_EQ(grant_op(GNTTABOP_copy, (void *)MAP_BASE, 0x7fffffff), -EFAULT);
    EXPECT_EQ(grant_op(GNTTABOP_copy, (void *)NON_CANONICAL, 0), 0);
    EXPECT_EQ(grant_op(99, NULL, 0), -ENOSYS);
}

static void test_vcpus(void)
{
    static const unsigned commands[] = {
        VCPUOP_up,
        VCPUOP_down,
        VCPUOP_is_up,
        VCPUOP_get_runstate_info,
        VCPUOP_register_runstate_memory_area,
        VCPUOP_register_vcpu_time_memory_area,
        VCPUOP_register_vcpu_info,
        VCPUOP_set_singleshot_timer,
        VCPUOP_stop_singleshot_timer,
        VCPUOP_stop_periodic_timer,
        VCPUOP_send_nmi,
    };
    struct xen_hvm_evtchn_upcall_vector vector = {.vcpu = NO_VCPU,
                                                  .vector = 0x40};

    test_section("vCPUs");
    for (unsigned i = 0; i < ARRAY_COUNT(commands); i++) {
        EXPECT_EQ(vcpu_op(commands[i], NO_VCPU, NULL), -ENOENT);
        EXPECT_EQ(vcpu_op(commands[i], ~0U, NULL), -ENOENT);
    }
    EXPECT_EQ(hvm_op(HVMOP_set_evtchn_upcall_vector, &vector), -ENOENT);
    vector.vcpu = 0;
    vector.vector = 15;
    EXPECT_EQ(hvm_op(HVMOP_set_evtchn_upcall_vector, &vector), -EINVAL);
    EXPECT_EQ(hypercall2(__HYPERVISOR_vm_assist, 0, 99), -EINVAL);
    EXPECT_EQ(
        hypercall2(__HYPERVISOR_vm_assist, 9, VMASST_TYPE_runstate_update_flag),
        -ENOSYS);
}

static void test_shutdown(void)
{
    struct sched_remote_shutdown other = {.domain_id = NOBODY, .reason = 0};
    struct sched_shutdown own = {.reason = 99};

    test_section("shutdown");
    EXPECT_EQ(sched_op(SCHEDOP_shutdown, &own), -EINVAL);
    own.reason = ~0U;
    EXPECT_EQ(sched_op(SCHEDOP_shutdown, &own), -EINVAL);
    EXPECT_EQ(sched_op(SCHEDOP_remote_shutdown, &other), -ESRCH);
    other.reason = 256; /* 0 if it were cut off */
    EXPECT_EQ(sched_op(SCHEDOP_remote_shutdown, &other), -EINVAL);
}

/* --- The control domain's buffers --- */

#define DOMCTL(child, cmd, field, value)                                       \
    ({                                                                         \
        struct xen_domctl op;                                                  \
                                                                               \
        domctl_prepare(&op, XEN_DOMCTL_##cmd, (child)->id);                    \
        op.u.field = (value);                                                  \
        domctl(&op);                                                           \
    })

static struct xenctl_bitmap bitmap_at(uint64_t address)
{
    return (struct xenctl_bitmap){.bitmap = {(uint8_t *)address},
                                  .nr_bits = 64};
}

static void test_domctl_buffers(const struct child *c, uint64_t bad)
{
    const struct xen_domctl_vcpuaffinity affinity = {
        .flags = XEN_VCPUAFFINITY_HARD, .cpumap_hard = bitmap_at(bad)};
    const struct xen_domctl_cpu_policy policy = {
        .nr_leaves = 1, .leaves = {(xen_cpuid_leaf_t *)bad}};
    const struct xen_domctl_cpu_policy room = {
        .nr_leaves = 1000, .leaves = {(xen_cpuid_leaf_t *)bad}};
    const struct xen_domctl_hvmcontext context = {.size = 8192,
                                                  .buffer = {(uint8_t *)bad}};

    EXPECT_EQ(DOMCTL(c, setvcpuaffinity, vcpuaffinity, affinity), -EFAULT);
    EXPECT_EQ(DOMCTL(c, getvcpuaffinity, vcpuaffinity, affinity), -EFAULT);
    EXPECT_EQ(DOMCTL(c, setnodeaffinity, nodeaffinity.nodemap, bitmap_at(bad)),
              -EFAULT);
    EXPECT_EQ(DOMCTL(c, getnodeaffinity, nodeaffinity.nodemap, bitmap_at(bad)),
              -EFAULT);
    EXPECT_EQ(DOMCTL(c, set_cpu_policy, cpu_policy, policy), -EFAULT);
    EXPECT_EQ(DOMCTL(c, get_cpu_policy, cpu_policy, room), -EFAULT);
    EXPECT_EQ(DOMCTL(c, gethvmcontext, hvmcontext, context), -EFAULT);
    EXPECT_EQ(DOMCTL(c, sethvmcontext, hvmcontext, context), -EFAULT);
}

static void test_domctl_values(const struct child *c)
{
    const struct xen_domctl_vcpuaffinity nowhere = {
        .vcpu = NO_VCPU, .flags = XEN_VCPUAFFINITY_HARD};
    const struct xen_domctl_cpu_policy large = {.nr_leaves = ~0U};
    const struct xen_domctl_sendtrigger nmi = {
        .trigger = XEN_DOMCTL_SENDTRIGGER_NMI, .vcpu = NO_VCPU};

    EXPECT_EQ(DOMCTL(c, max_vcpus, max_vcpus.max, 0), -EINVAL);
    EXPECT_EQ(DOMCTL(c, max_vcpus, max_vcpus.max, ~0U), -EINVAL);
    EXPECT_EQ(DOMCTL(c, getvcpuinfo, getvcpuinfo.vcpu, ~0U), -EINVAL);
    EXPECT_EQ(DOMCTL(c, setvcpuaffinity, vcpuaffinity, nowhere), -EINVAL);
    EXPECT_EQ(DOMCTL(c, getvcpuaffinity, vcpuaffinity, nowhere), -EINVAL);
    EXPECT_EQ(DOMCTL(c, set_cpu_policy, cpu_policy, large), -E2BIG);
    EXPECT_EQ(DOMCTL(c, sendtrigger, sendtrigger, nmi), -ESRCH);
    EXPECT_EQ(DOMCTL(c, sendtrigger, sendtrigger.trigger, 77), -ENOSYS);
    EXPECT_EQ(DOMCTL(c, scheduler_op, scheduler_op.sched_id, 77), -EINVAL);
    EXPECT_EQ(DOMCTL(c, setdebugging, setdebugging.enable, 1), -EOPNOTSUPP);
    EXPECT_EQ(DOMCTL(c, settscinfo, tsc_info.tsc_mode, 77), -EOPNOTSUPP);
}

static void test_domctls(void)
{
    struct child c;

    test_section("buffers and values of domctls");
    REQUIRE(child_new(&c, 1, 1024) == 0);
    for (enum bad_address kind = 0; kind < BAD_COUNT; kind++) {
        test_domctl_buffers(&c, bad_address(kind, 1));
    }
    test_domctl_values(&c);
    EXPECT_EQ(child_destroy(&c), 0);
}

static void test_sysctl_buffers(uint64_t bad)
{
    struct xen_sysctl s;

    sysctl_prepare(&s, XEN_SYSCTL_readconsole);
    s.u.readconsole.count = 100;
    s.u.readconsole.buffer.p = (char *)bad;
    EXPECT_EQ(sysctl(&s), -EFAULT);
    sysctl_prepare(&s, XEN_SYSCTL_debug_keys);
    s.u.debug_keys.nr_keys = 1;
    s.u.debug_keys.keys.p = (char *)bad;
    EXPECT_EQ(sysctl(&s), -EFAULT);
    sysctl_prepare(&s, XEN_SYSCTL_cputopoinfo);
    s.u.cputopoinfo.num_cpus = ~0U;
    s.u.cputopoinfo.cputopo.p = (void *)bad;
    EXPECT_EQ(sysctl(&s), -EFAULT);
    sysctl_prepare(&s, XEN_SYSCTL_numainfo);
    s.u.numainfo.num_nodes = ~0U;
    s.u.numainfo.meminfo.p = (void *)bad;
    EXPECT_EQ(sysctl(&s), -EFAULT);
    sysctl_prepare(&s, XEN_SYSCTL_get_cpu_policy);
    s.u.cpu_policy.nr_leaves = 1000;
    s.u.cpu_policy.leaves.p = (void *)bad;
    EXPECT_EQ(sysctl(&s), -EFAULT);
    sysctl_prepare(&s, XEN_SYSCTL_get_cpu_featureset);
    s.u.cpu_featureset.nr_features = 100;
    s.u.cpu_featureset.features.p = (void *)bad;
    EXPECT_EQ(sysctl(&s), -EFAULT);
    sysctl_prepare(&s, XEN_SYSCTL_cpupool_op);
    s.u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_INFO;
    s.u.cpupool_op.cpumap = bitmap_at(bad);
    EXPECT_EQ(sysctl(&s), -EFAULT);
}

static void test_sysctls(void)
{
    struct xen_sysctl s;

    test_section("buffers and values of sysctls");
    for (enum bad_address kind = 0; kind < BAD_COUNT; kind++) {
        test_sysctl_buffers(bad_address(kind, 1));
    }
    sysctl_prepare(&s, XEN_SYSCTL_availheap);
    s.u.availheap.node = 1;
    EXPECT_EQ(sysctl(&s), -EINVAL);
    sysctl_prepare(&s, XEN_SYSCTL_scheduler_op);
    s.u.scheduler_op.sched_id = 77;
    EXPECT_EQ(sysctl(&s), -EINVAL);
    sysctl_prepare(&s, XEN_SYSCTL_cpupool_op);
    s.u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_INFO;
    s.u.cpupool_op.cpupool_id = 77;
    EXPECT_EQ(sysctl(&s), -ENOENT);
    sysctl_prepare(&s, XEN_SYSCTL_get_cpu_policy);
    s.u.cpu_policy.index = 77;
    EXPECT_EQ(sysctl(&s), -EINVAL);
    s.u.cpu_policy.index = XEN_SYSCTL_cpu_policy_pv_max;
    EXPECT_EQ(sysctl(&s), -EOPNOTSUPP);
    sysctl_prepare(&s, XEN_SYSCTL_get_cpu_featureset);
    s.u.cpu_featureset.index = 77;
    EXPECT_EQ(sysctl(&s), -EINVAL);
}

void test_commands(void)
{
    static void (*const tests[])(void) = {
        test_ports, test_event_vcpus, test_grant_arguments, test_grant_counts,
        test_vcpus, test_shutdown,    test_domctls,         test_sysctls,
    };

    for (unsigned i = 0; i < ARRAY_COUNT(tests); i++) {
        remember_state();
        tests[i]();
        expect_same_state();
    }
}
