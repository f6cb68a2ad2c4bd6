/* SPDX-License-Identifier: MIT */
/* Pointers to the structures of all calls, wrong in all ways. */
#include "badinput/badinput.h"

#include "child.h"
#include "console.h"
#include "hypercall.h"
#include "memory.h"
#include "public/podium.h"
#include "test.h"

#include <xen/event_channel.h>
#include <xen/features.h>
#include <xen/grant_table.h>
#include <xen/hvm/hvm_op.h>
#include <xen/memory.h>
#include <xen/platform.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

struct call {
    uint8_t number;
    uint8_t pointer;  /* which argument, from 1 */
    uint16_t size;    /* of the structure */
    uint64_t args[4]; /* the others */
    int64_t expected;
    const char *name;
};

#define EVENT(op, type)                                                        \
    {                                                                          \
        __HYPERVISOR_event_channel_op, 2, sizeof(struct type),                 \
            {EVTCHNOP_##op}, -EFAULT, "event " #op                             \
    }
#define MEMORY(op, type, result)                                               \
    {                                                                          \
        __HYPERVISOR_memory_op, 2, sizeof(struct type), {XENMEM_##op}, result, \
            "memory " #op                                                      \
    }
#define OURS(op, type)                                                         \
    {                                                                          \
        __HYPERVISOR_memory_op, 2, sizeof(struct type), {PODIUM_MEMORY_##op},  \
            -EFAULT, "memory " #op                                             \
    }
#define VERSION(op, size)                                                      \
    {                                                                          \
        __HYPERVISOR_xen_version, 2, size, {XENVER_##op}, -EFAULT,             \
            "version " #op                                                     \
    }
#define HVM(op, type)                                                          \
    {                                                                          \
        __HYPERVISOR_hvm_op, 2, sizeof(struct type), {HVMOP_##op}, -EFAULT,    \
            "hvm " #op                                                         \
    }
#define GRANT(op, type)                                                        \
    {                                                                          \
        __HYPERVISOR_grant_table_op, 2, sizeof(struct type),                   \
            {GNTTABOP_##op, 0, 1}, -EFAULT, "grant " #op                       \
    }
#define VCPU(op, type)                                                         \
    {                                                                          \
        __HYPERVISOR_vcpu_op, 3, sizeof(struct type), {VCPUOP_##op}, -EFAULT,  \
            "vcpu " #op                                                        \
    }
#define SCHED(op, type)                                                        \
    {                                                                          \
        __HYPERVISOR_sched_op, 2, sizeof(struct type), {SCHEDOP_##op},         \
            -EFAULT, "sched " #op                                              \
    }

static const struct call calls[] = {
    EVENT(bind_interdomain, evtchn_bind_interdomain),
    EVENT(bind_virq, evtchn_bind_virq),
    EVENT(close, evtchn_close),
    EVENT(send, evtchn_send),
    EVENT(status, evtchn_status),
    EVENT(alloc_unbound, evtchn_alloc_unbound),
    EVENT(bind_ipi, evtchn_bind_ipi),
    EVENT(bind_vcpu, evtchn_bind_vcpu),
    EVENT(unmask, evtchn_unmask),
    MEMORY(increase_reservation, xen_memory_reservation, 0),
    MEMORY(decrease_reservation, xen_memory_reservation, 0),
    MEMORY(populate_physmap, xen_memory_reservation, 0),
    MEMORY(current_reservation, xen_memory_domain, -EFAULT),
    MEMORY(maximum_reservation, xen_memory_domain, -EFAULT),
    MEMORY(maximum_gpfn, xen_memory_domain, -EFAULT),
    MEMORY(add_to_physmap, xen_add_to_physmap, -EFAULT),
    MEMORY(add_to_physmap_batch, xen_add_to_physmap_batch, -EFAULT),
    MEMORY(remove_from_physmap, xen_remove_from_physmap, -EFAULT),
    MEMORY(memory_map, xen_memory_map, -EFAULT),
    MEMORY(set_memory_map, xen_foreign_memory_map, -EFAULT),
    MEMORY(set_pod_target, xen_pod_target, -EFAULT),
    MEMORY(get_pod_target, xen_pod_target, -EFAULT),
    MEMORY(claim_pages, xen_memory_reservation, -EFAULT),
    MEMORY(acquire_resource, xen_mem_acquire_resource, -EFAULT),
    MEMORY(exchange, xen_memory_exchange, -EFAULT),
    OURS(reservation, podium_reservation),
    OURS(decrease_range, podium_range),
    OURS(next_untouched, podium_untouched),
    OURS(get_size, podium_size),
    OURS(set_size, podium_new_size),
    VERSION(extraversion, 16),
    VERSION(capabilities, 1024),
    VERSION(changeset, 64),
    VERSION(platform_parameters, 8),
    VERSION(get_features, sizeof(struct xen_feature_info)),
    VERSION(guest_handle, 16),
    VERSION(commandline, 1024),
    HVM(set_param, xen_hvm_param),
    HVM(get_param, xen_hvm_param),
    GRANT(map_grant_ref, gnttab_map_grant_ref),
    GRANT(unmap_grant_ref, gnttab_unmap_grant_ref),
    GRANT(copy, gnttab_copy),
    GRANT(query_size, gnttab_query_size),
    GRANT(set_version, gnttab_set_version),
    GRANT(get_version, gnttab_get_version),
    GRANT(setup_table, gnttab_setup_table),
    VCPU(set_singleshot_timer, vcpu_set_singleshot_timer),
    VCPU(register_runstate_memory_area, vcpu_register_runstate_memory_area),
    VCPU(get_runstate_info, vcpu_runstate_info),
    VCPU(register_vcpu_info, vcpu_register_vcpu_info),
    SCHED(poll, sched_poll),
    SCHED(shutdown, sched_shutdown),
    SCHED(remote_shutdown, sched_remote_shutdown),
    {__HYPERVISOR_domctl, 1, sizeof(struct xen_domctl), {0}, -EFAULT, "domctl"},
    {__HYPERVISOR_sysctl, 1, sizeof(struct xen_sysctl), {0}, -EFAULT, "sysctl"},
    {__HYPERVISOR_platform_op,
     1,
     sizeof(struct xen_platform_op),
     {0},
     -EFAULT,
     "platform_op"},
    {__HYPERVISOR_multicall,
     1,
     sizeof(struct multicall_entry),
     {0, 1},
     -EFAULT,
     "multicall"},
    {__HYPERVISOR_console_io,
     3,
     64,
     {CONSOLEIO_write, 64},
     -EFAULT,
     "console write"},
    {__HYPERVISOR_console_io,
     3,
     64,
     {CONSOLEIO_read, 64},
     -EFAULT,
     "console read"},
};

/* Of the arguments that are not the pointer, in their order. */
static int64_t make_call(const struct call *c, uint64_t pointer)
{
    uint64_t a[4];

    for (unsigned i = 0; i < ARRAY_COUNT(a); i++) {
        a[i] = i + 1 == c->pointer ? pointer : c->args[i];
    }
    return hypercall5(c->number, a[0], a[1], a[2], a[3], 0);
}

static bool is_optional(int64_t result)
{
    return result == -ENOSYS || result == -EOPNOTSUPP;
}

static void test_call(const struct call *c)
{
    for (enum bad_address kind = 0; kind < BAD_COUNT; kind++) {
        int64_t result = make_call(c, bad_address(kind, c->size));

        if (!is_optional(result) && !EXPECT_EQ(result, c->expected)) {
            print("  %s, %s\n", c->name, bad_names[kind]);
        }
    }
}

/* --- What cannot be written --- */

static const struct call outputs[] = {
    VERSION(extraversion, 16),
    VERSION(capabilities, 1024),
    VERSION(get_features, sizeof(struct xen_feature_info)),
    HVM(get_param, xen_hvm_param),
    EVENT(alloc_unbound, evtchn_alloc_unbound),
    EVENT(bind_ipi, evtchn_bind_ipi),
    MEMORY(get_pod_target, xen_pod_target, -EFAULT),
    GRANT(query_size, gnttab_query_size),
    VCPU(get_runstate_info, vcpu_runstate_info),
};

/* The structure can be read (it is all zero) and the answer not written. A
 * port that nobody hears of must not stay in use. */
static void test_outputs(void)
{
    test_section("answers that cannot be written");
    remember_state();
    for (unsigned i = 0; i < ARRAY_COUNT(outputs); i++) {
        int64_t result = make_call(&outputs[i], (uint64_t)read_only_page());

        if (!EXPECT_EQ(result, -EFAULT)) {
            print("  %s\n", outputs[i].name);
        }
    }
    expect_same_state();
}

/* --- Pointers inside structures --- */

static void test_inner_pointers(enum bad_address kind)
{
    uint64_t bad = bad_address(kind, 8);
    struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};
    struct sched_poll poll = {.nr_ports = 1, .timeout = 1};
    struct xen_memory_map map = {.nr_entries = 4};
    struct xen_sysctl s;
    struct xen_domctl d;

    set_xen_guest_handle(r.extent_start, (xen_pfn_t *)bad);
    EXPECT_EQ(memory_op(XENMEM_decrease_reservation, &r), 0);
    EXPECT_EQ(memory_op(XENMEM_populate_physmap, &r), 0);
    set_xen_guest_handle(poll.ports, (evtchn_port_t *)bad_address(kind, 4));
    EXPECT_EQ(sched_op(SCHEDOP_poll, &poll), -EFAULT);
    set_xen_guest_handle(map.buffer, (void *)bad);
    EXPECT_EQ(memory_op(XENMEM_memory_map, &map), -EFAULT);
    sysctl_prepare(&s, XEN_SYSCTL_getdomaininfolist);
    s.u.getdomaininfolist.max_domains = 4;
    set_xen_guest_handle(s.u.getdomaininfolist.buffer,
                         (xen_domctl_getdomaininfo_t *)bad);
    EXPECT_EQ(sysctl(&s), -EFAULT);
    domctl_prepare(&d, XEN_DOMCTL_gethvmcontext, DOMID_SELF);
    d.u.hvmcontext.size = 8192;
    set_xen_guest_handle(d.u.hvmcontext.buffer, (uint8_t *)bad);
    EXPECT(domctl(&d) < 0);
}

void test_pointers(void)
{
    test_section("pointers");
    remember_state();
    for (unsigned i = 0; i < ARRAY_COUNT(calls); i++) {
        test_call(&calls[i]);
    }
    expect_same_state();
    test_section("pointers within structures");
    for (enum bad_address kind = 0; kind < BAD_COUNT; kind++) {
        test_inner_pointers(kind);
    }
    expect_same_state();
    test_outputs();
}
