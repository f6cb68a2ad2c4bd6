/* SPDX-License-Identifier: MIT */
/* hvm_op and platform_op: who may set what (TS-67), and the clock. */
#include "guest/hypercall.h"
#include "types/error.h"
#include "world.h"

#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/platform.h>
#include <xen/xen.h>

#define OP_AT 0x1000

/* From the control domain. */
static int64_t hvm(unsigned op, void *arg, size_t size)
{
    const uint64_t args[6] = {op, OP_AT};
    int64_t rc;

    memcpy(world_ram(OP_AT), arg, size);
    rc = hc_hvm_op(world_vcpu, args);
    memcpy(arg, world_ram(OP_AT), size);
    return rc;
}

static int64_t set(domid_t id, uint32_t index, uint64_t value)
{
    struct xen_hvm_param p = {.domid = id, .index = index, .value = value};

    return hvm(HVMOP_set_param, &p, sizeof(p));
}

static int64_t get(domid_t id, uint32_t index, uint64_t *value)
{
    struct xen_hvm_param p = {.domid = id, .index = index};
    int64_t rc = hvm(HVMOP_get_param, &p, sizeof(p));

    *value = p.value;
    return rc;
}

TEST(keeps_parameters)
{
    struct domain *d;
    uint64_t value;

    world_start(0x4000);
    d = world_domain(1);
    EXPECT_EQ(set(d->id, HVM_PARAM_STORE_PFN, 0xfeffc), 0);
    EXPECT_EQ(get(d->id, HVM_PARAM_STORE_PFN, &value), 0);
    EXPECT_EQ(value, 0xfeffc);
    EXPECT_EQ(get(d->id, HVM_PARAM_TRIPLE_FAULT_REASON, &value), 0);
    EXPECT_EQ(value, 1);
    EXPECT_EQ(set(d->id, HVM_NR_PARAMS, 0), -EINVAL);
    EXPECT_EQ(set(d->id, ~0u, 0), -EINVAL);
    EXPECT_EQ(get(1234, 0, &value), -ESRCH);
    EXPECT_EQ(set(d->id, HVM_PARAM_ALTP2M, 0), 0);
    EXPECT_EQ(set(d->id, HVM_PARAM_ALTP2M, 1), -EINVAL);
    EXPECT_EQ(set(d->id, HVM_PARAM_CALLBACK_IRQ, 2ULL << 56 | 3), -EINVAL);
    EXPECT_EQ(d->references, 2);
}

/* What we cannot do is refused, and the value stays what it was. */
TEST(checks_values)
{
    static const struct {
        uint32_t index;
        uint64_t good, bad;
    } params[] = {
        {HVM_PARAM_TIMER_MODE, HVMPTM_one_missed_tick_pending,
         HVMPTM_one_missed_tick_pending + 1},
        {HVM_PARAM_X87_FIP_WIDTH, 8, 5},
        {HVM_PARAM_NESTEDHVM, 0, 1},
        {HVM_PARAM_CALLBACK_IRQ, 2ULL << 56 | 0xf3, 2ULL << 56 | 15},
    };
    struct domain *d;
    uint64_t value;

    world_start(0x4000);
    d = world_domain(1);
    for (unsigned i = 0; i < ARRAY_COUNT(params); i++) {
        EXPECT_EQ(set(d->id, params[i].index, params[i].good), 0);
        EXPECT_EQ(set(d->id, params[i].index, params[i].bad), -EINVAL);
        EXPECT_EQ(get(d->id, params[i].index, &value), 0);
        EXPECT_EQ(value, params[i].good);
    }
    EXPECT_EQ(d->references, 2);
}

TEST(tells_the_time)
{
    struct xen_hvm_get_time t = {0};

    world_start(0x4000);
    fake_set_time(12345);
    EXPECT_EQ(hvm(HVMOP_get_time, &t, sizeof(t)), 0);
    EXPECT_EQ(t.now, 12345);
}

/* D0-8: the control domain's kernel takes an error for "no xenstore at all". */
TEST(domain_0_has_no_store_yet)
{
    uint64_t value = 9;

    world_start(0x4000);
    EXPECT_EQ(get(DOMID_SELF, HVM_PARAM_STORE_EVTCHN, &value), 0);
    EXPECT_EQ(value, 0);
}

/* As a guest that is not the control domain. */
TEST(limits_guests_to_their_own)
{
    struct domain *d;
    uint64_t value;

    world_start(0x4000);
    d = world_domain(1);
    world_control->privileged = false;
    EXPECT_EQ(get(d->id, HVM_PARAM_STORE_PFN, &value), -EPERM);
    EXPECT_EQ(set(DOMID_SELF, HVM_PARAM_STORE_PFN, 1), -EPERM);
    EXPECT_EQ(get(DOMID_SELF, HVM_PARAM_STORE_PFN, &value), 0);
    EXPECT_EQ(get(DOMID_SELF, HVM_PARAM_IDENT_PT, &value), -EPERM);
    EXPECT_EQ(set(DOMID_SELF, HVM_PARAM_CALLBACK_IRQ, 2ULL << 56 | 0xf3), 0);
    EXPECT_EQ(world_control->references, 2);
}

TEST(sets_an_upcall_vector)
{
    struct xen_hvm_evtchn_upcall_vector u = {.vcpu = 1, .vector = 0xf3};
    struct vcpu *v;

    world_start(0x4000);
    v = world_control->vcpus[1];
    ((struct vcpu_info *)v->info.info)->evtchn_upcall_pending = 1;
    EXPECT_EQ(hvm(HVMOP_set_evtchn_upcall_vector, &u, sizeof(u)), 0);
    EXPECT_EQ(v->upcall_vector, 0xf3);
    EXPECT(bit_test(v->vlapic.irr, 0xf3));
    u.vcpu = 2;
    EXPECT_EQ(hvm(HVMOP_set_evtchn_upcall_vector, &u, sizeof(u)), -ENOENT);
    u = (struct xen_hvm_evtchn_upcall_vector){.vcpu = 0, .vector = 15};
    EXPECT_EQ(hvm(HVMOP_set_evtchn_upcall_vector, &u, sizeof(u)), -EINVAL);
}

TEST(does_not_do_shadow_paging)
{
    struct xen_hvm_pagetable_dying p = {.domid = DOMID_SELF};

    world_start(0x4000);
    EXPECT_EQ(hvm(HVMOP_pagetable_dying, &p, sizeof(p)), -ENOSYS);
}

TEST(tells_memory_types)
{
    struct xen_hvm_get_mem_type t = {.domid = DOMID_SELF, .pfn = 1};

    world_start(0x4000);
    EXPECT_EQ(hvm(HVMOP_get_mem_type, &t, sizeof(t)), 0);
    EXPECT_EQ(t.mem_type, HVMMEM_ram_rw);
    t.pfn = 0x100000;
    EXPECT_EQ(hvm(HVMOP_get_mem_type, &t, sizeof(t)), 0);
    EXPECT_EQ(t.mem_type, HVMMEM_mmio_dm);
}

static int64_t platform(struct xen_platform_op *op)
{
    op->interface_version = XENPF_INTERFACE_VERSION;
    return world_call(hc_platform_op, op, sizeof(*op));
}

TEST(sets_the_clock)
{
    struct xen_platform_op op = {
        .cmd = XENPF_settime64,
        .u.settime64 = {.secs = 1700000000, .nsecs = 5, .system_time = 0}};
    const struct shared_info *s;

    world_start(0x4000);
    s = page_map(world_control->shared_info);
    EXPECT_EQ(platform(&op), 0);
    EXPECT_EQ(s->wc_sec, 1700000000);
    EXPECT_EQ(s->wc_version & 1, 0);
    op.u.settime64.mbz = 1;
    EXPECT_EQ(platform(&op), -EINVAL);
    op = (struct xen_platform_op){.cmd = XENPF_settime32,
                                  .u.settime32 = {.secs = 1800000000}};
    EXPECT_EQ(platform(&op), 0);
    EXPECT_EQ(s->wc_sec, 1800000000);
    op.u.settime32.nsecs = 1000000000;
    EXPECT_EQ(platform(&op), -EINVAL);
    op.cmd = XENPF_firmware_info;
    EXPECT_EQ(platform(&op), -ENOSYS);
}

TEST(tells_cpus)
{
    struct xen_platform_op op = {.cmd = XENPF_get_cpuinfo,
                                 .u.pcpu_info.xen_cpuid = 3};

    world_start(0x4000);
    EXPECT_EQ(platform(&op), 0);
    EXPECT_EQ(op.u.pcpu_info.flags, XEN_PCPU_FLAGS_ONLINE);
    EXPECT_EQ(op.u.pcpu_info.max_present, 3);
    op.u.pcpu_info.xen_cpuid = 4;
    EXPECT_EQ(platform(&op), 0);
    EXPECT_EQ(op.u.pcpu_info.flags, XEN_PCPU_FLAGS_INVALID);
}
