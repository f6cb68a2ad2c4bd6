/* SPDX-License-Identifier: MIT */
/* What a child may not do: everything that reaches beyond itself. */
#include "badinput/badinput.h"

#include "child.h"
#include "console.h"
#include "event.h"
#include "hypercall.h"
#include "lib/string.h"
#include "main.h"
#include "memory.h"
#include "test.h"

#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/memory.h>
#include <xen/platform.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

static struct child c, victim;

#define CALL(family, command, structure)                                       \
    child_hypercall(&c, __HYPERVISOR_##family, command, &structure,            \
                    sizeof(structure))

static void test_control(void)
{
    static const uint32_t domctls[] = {
        XEN_DOMCTL_createdomain, XEN_DOMCTL_destroydomain,
        XEN_DOMCTL_pausedomain,  XEN_DOMCTL_unpausedomain,
        XEN_DOMCTL_max_mem,      XEN_DOMCTL_getdomaininfo,
        XEN_DOMCTL_max_vcpus,    XEN_DOMCTL_sethvmcontext,
    };
    struct xen_platform_op p = {.interface_version = XENPF_INTERFACE_VERSION};
    struct xen_domctl d;
    struct xen_sysctl s;

    test_section("domctl, sysctl, platform_op");
    for (unsigned i = 0; i < ARRAY_COUNT(domctls); i++) {
        domctl_prepare(&d, domctls[i], victim.id);
        memcpy(c.channel->buffer, &d, sizeof(d));
        EXPECT_EQ(child_do(&c, SERVANT_HYPERCALL,
                           CHILD_ARGS(__HYPERVISOR_domctl, SERVANT_BUFFER)),
                  -EPERM);
    }
    sysctl_prepare(&s, XEN_SYSCTL_physinfo);
    memcpy(c.channel->buffer, &s, sizeof(s));
    EXPECT_EQ(child_do(&c, SERVANT_HYPERCALL,
                       CHILD_ARGS(__HYPERVISOR_sysctl, SERVANT_BUFFER)),
              -EPERM);
    p.cmd = XENPF_settime64;
    memcpy(c.channel->buffer, &p, sizeof(p));
    EXPECT_EQ(child_do(&c, SERVANT_HYPERCALL,
                       CHILD_ARGS(__HYPERVISOR_platform_op, SERVANT_BUFFER)),
              -EPERM);
    EXPECT_EQ(child_do(&c, SERVANT_HYPERCALL,
                       CHILD_ARGS(__HYPERVISOR_console_io, CONSOLEIO_read, 16,
                                  SERVANT_BUFFER)),
              -EPERM);
}

static void test_memory_of(domid_t id)
{
    struct xen_pod_target target = {.domid = id, .target_pages = 1};
    struct xen_memory_reservation r = {.nr_extents = 100, .domid = id};
    struct xen_memory_domain d = {.domid = id};
    struct xen_add_to_physmap add = {.domid = id, .space = XENMAPSPACE_gmfn};
    struct xen_remove_from_physmap remove = {.domid = id, .gpfn = 0x100};
    struct xen_foreign_memory_map map = {.domid = id};

    EXPECT_EQ(CALL(memory_op, XENMEM_set_pod_target, target), -EPERM);
    EXPECT_EQ(CALL(memory_op, XENMEM_get_pod_target, target), -EPERM);
    EXPECT_EQ(CALL(memory_op, XENMEM_claim_pages, r), -EPERM);
    EXPECT_EQ(CALL(memory_op, XENMEM_current_reservation, d), -EPERM);
    EXPECT_EQ(CALL(memory_op, XENMEM_maximum_reservation, d), -EPERM);
    EXPECT_EQ(CALL(memory_op, XENMEM_add_to_physmap, add), -EPERM);
    EXPECT_EQ(CALL(memory_op, XENMEM_remove_from_physmap, remove), -EPERM);
    EXPECT_EQ(CALL(memory_op, XENMEM_set_memory_map, map), -EPERM);
    r.extent_start.p = (void *)(SERVANT_BUFFER + 256);
    EXPECT_EQ(CALL(memory_op, XENMEM_decrease_reservation, r), 0);
    EXPECT_EQ(CALL(memory_op, XENMEM_populate_physmap, r), 0);
}

static void test_own_memory(void)
{
    struct xen_pod_target target = {.domid = DOMID_SELF, .target_pages = 1};
    struct xen_memory_reservation r = {.nr_extents = 1,
                                       .mem_flags = XENMEMF_populate_on_demand,
                                       .domid = DOMID_SELF};

    test_section("promises to itself");
    EXPECT_EQ(CALL(memory_op, XENMEM_set_pod_target, target), -EPERM);
    EXPECT_EQ(CALL(memory_op, XENMEM_get_pod_target, target), -EPERM);
    *(uint64_t *)(c.channel->buffer + 256) = 0x50000;
    r.extent_start.p = (void *)(SERVANT_BUFFER + 256);
    EXPECT_EQ(CALL(memory_op, XENMEM_populate_physmap, r), 0);
}

/* Frames of others into its own map. */
static void test_foreign(domid_t id)
{
    struct {
        struct xen_add_to_physmap_batch b;
        uint64_t idx, gpfn;
        int error;
    } o = {.b = {.domid = DOMID_SELF,
                 .space = XENMAPSPACE_gmfn_foreign,
                 .size = 1,
                 .u.foreign_domid = id},
           .idx = 0x100,
           .gpfn = 0x60000};
    struct xen_mem_acquire_resource r = {
        .domid = id, .type = XENMEM_resource_grant_table, .nr_frames = 1};
    int64_t rc;

    o.b.idxs.p = (void *)(SERVANT_BUFFER + ((char *)&o.idx - (char *)&o));
    o.b.gpfns.p = (void *)(SERVANT_BUFFER + ((char *)&o.gpfn - (char *)&o));
    o.b.errs.p = (void *)(SERVANT_BUFFER + ((char *)&o.error - (char *)&o));
    rc = CALL(memory_op, XENMEM_add_to_physmap_batch, o);
    EXPECT(rc == -EPERM || (rc == 0 && o.error == -EPERM));
    EXPECT_EQ(child_read(&c, 0x60000ULL << PAGE_SHIFT), -1);
    r.frame_list.p = (void *)SERVANT_BUFFER;
    rc = CALL(memory_op, XENMEM_acquire_resource, r);
    EXPECT(rc == -EPERM || rc == -EACCES);
}

static void test_others(domid_t id)
{
    struct evtchn_alloc_unbound alloc = {.dom = id, .remote_dom = DOMID_SELF};
    struct evtchn_status status = {.dom = id, .port = 1};
    struct xen_hvm_param param = {.domid = id, .index = HVM_PARAM_STORE_PFN};
    struct gnttab_query_size size = {.dom = id};
    struct sched_remote_shutdown stop = {.domain_id = id,
                                         .reason = SHUTDOWN_crash};

    test_section("of domain %u", id);
    test_memory_of(id);
    test_foreign(id);
    EXPECT_EQ(CALL(event_channel_op, EVTCHNOP_alloc_unbound, alloc), -EPERM);
    EXPECT_EQ(CALL(event_channel_op, EVTCHNOP_status, status), -EPERM);
    EXPECT_EQ(CALL(hvm_op, HVMOP_get_param, param), -EPERM);
    EXPECT_EQ(CALL(hvm_op, HVMOP_set_param, param), -EPERM);
    EXPECT_EQ(CALL(grant_table_op, GNTTABOP_query_size, size), 0);
    EXPECT_EQ(size.status, GNTST_permission_denied);
    EXPECT_EQ(CALL(sched_op, SCHEDOP_remote_shutdown, stop), -EPERM);
}

/* A port of the parent's that is not meant for it. */
static void test_binding(void)
{
    int port = event_alloc_unbound(DOMID_SELF, victim.id);
    struct evtchn_bind_interdomain bind = {.remote_dom = own_domid(),
                                           .remote_port = port};

    test_section("ports");
    EXPECT_EQ(CALL(event_channel_op, EVTCHNOP_bind_interdomain, bind), -EINVAL);
    event_close(port);
}

/* MSRs and ports of the machine. */
static void test_machine(void)
{
    uint64_t args[] = {0xc0010114};

    test_section("the machine");
    EXPECT(child_try(&c, SERVANT_RDMSR, args, 1));
    EXPECT_EQ(c.channel->vector, 13);
}

void test_unprivileged(void)
{
    uint64_t before = host_free_pages(), tot;

    REQUIRE(child_make(&victim, 1024, 1024) == 0);
    REQUIRE(child_make(&c, 1024, 1024) == 0);
    tot = child_pod(&victim).tot_pages;
    test_control();
    test_own_memory();
    test_others(own_domid());
    test_others(victim.id);
    test_binding();
    test_machine();
    EXPECT_EQ(child_pod(&victim).tot_pages, tot);
    EXPECT_EQ(child_pod(&c).tot_pages, tot);
    EXPECT_EQ(child_pod(&c).pod_entries, 0);
    child_do(&victim, SERVANT_NOTHING, NULL, 0);
    EXPECT_EQ(child_destroy(&c), 0);
    EXPECT_EQ(child_destroy(&victim), 0);
    EXPECT_EQ(host_free_pages(), before);
    expect_clean_audit();
}
