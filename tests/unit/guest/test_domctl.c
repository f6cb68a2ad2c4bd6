/* SPDX-License-Identifier: MIT */
/*
 * Domctls as the tools issue them: spec TS-1..TS-57. Each is called through
 * the hypercall's own entry, with its structure in the caller's memory.
 */
#include <stdlib.h>

#include "domain/memory.h"
#include "guest/hypercall.h"
#include "mm/heap.h"
#include "public/podium.h"
#include "types/error.h"
#include "world.h"

#include <xen/domctl.h>
#include <xen/hvm/save.h>

#define BUFFER_AT 0x10000

static int64_t domctl(struct xen_domctl *op)
{
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    return world_call(hc_domctl, op, sizeof(*op));
}

static struct xen_domctl about(const struct domain *d, uint32_t cmd)
{
    return (struct xen_domctl){.cmd = cmd, .domain = d->id};
}

/* What libxl sends. */
static struct xen_domctl create_op(void)
{
    return (struct xen_domctl){
        .cmd = XEN_DOMCTL_createdomain,
        .domain = 0xffff,
        .u.createdomain = {.flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
                           .max_vcpus = 2,
                           .max_evtchn_port = 1023,
                           .max_grant_frames = -1,
                           .max_maptrack_frames = -1,
                           .grant_opts = 1,
                           .arch.emulation_flags = XEN_X86_EMU_LAPIC,
                           .handle = {1, 2, 3}},
    };
}

TEST(is_for_the_control_domain_only)
{
    struct domain *d;
    uint64_t args[6] = {0x1000};

    world_start(0x4000);
    d = world_domain(1);
    EXPECT_EQ(hc_domctl(d->vcpus[0], args), -EPERM);
}

TEST(says_which_version_it_is)
{
    struct xen_domctl op = create_op();

    world_start(0x4000);
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION - 1;
    EXPECT_EQ(world_call(hc_domctl, &op, sizeof(op)), -EACCES);
    op.cmd = 12345;
    EXPECT_EQ(domctl(&op), -ENOSYS);
    op.cmd = XEN_DOMCTL_pausedomain;
    op.domain = 1234;
    EXPECT_EQ(domctl(&op), -ESRCH);
}

TEST(fails_where_the_caller_has_no_memory)
{
    uint64_t args[6] = {WORLD_RAM - 8};

    world_start(0x4000);
    EXPECT_EQ(hc_domctl(world_vcpu, args), -EFAULT);
}

TEST(creates_and_destroys)
{
    struct xen_domctl op = create_op(), first = create_op();
    uint64_t free, heap;

    world_start(0x4000);
    EXPECT_EQ(domctl(&first), 0);
    EXPECT(first.domain > 0 && first.domain < DOMID_FIRST_RESERVED);
    free = page_alloc_info().free;
    heap = heap_used();
    EXPECT_EQ(domctl(&op), 0);
    EXPECT(op.domain != first.domain);
    op.cmd = XEN_DOMCTL_destroydomain;
    EXPECT_EQ(domctl(&op), 0);
    EXPECT_EQ(domctl(&op), -ESRCH);
    EXPECT_EQ(page_alloc_info().free, free);
    EXPECT_EQ(heap_used(), heap);
    machine_check();
}

TEST(creates_what_it_can_and_nothing_else)
{
    struct xen_domctl op;

    world_start(0x4000);
#define REFUSED(change, error)                                                 \
    op = create_op();                                                          \
    change;                                                                    \
    EXPECT_EQ(domctl(&op), (error))
    REFUSED(op.u.createdomain.flags = XEN_DOMCTL_CDF_hap, -EINVAL);
    REFUSED(op.u.createdomain.flags |= XEN_DOMCTL_CDF_iommu, -EINVAL);
    REFUSED(op.u.createdomain.flags |= XEN_DOMCTL_CDF_nested_virt, -EINVAL);
    REFUSED(op.u.createdomain.arch.emulation_flags = 0, -EINVAL);
    REFUSED(op.u.createdomain.arch.emulation_flags = XEN_X86_EMU_ALL, -EINVAL);
    REFUSED(op.u.createdomain.max_vcpus = 0, -EINVAL);
    REFUSED(op.u.createdomain.max_vcpus = 100000, -EINVAL);
    REFUSED(op.u.createdomain.max_grant_frames = 0x7fffffff, -EINVAL);
    REFUSED(op.u.createdomain.grant_opts = 2, -EINVAL);
    REFUSED(op.u.createdomain.vmtrace_size = 4096, -EINVAL);
    REFUSED(op.u.createdomain.cpupool_id = 7, -ENOENT);
    op = create_op();
    op.domain = 5;
    EXPECT_EQ(domctl(&op), 0);
    EXPECT_EQ(op.domain, 5);
    EXPECT_EQ(domctl(&op), -EEXIST);
}

TEST(lists_domains_by_asking_for_the_next)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_getdomaininfo, .domain = 0};
    struct domain *d;

    world_start(0x4000);
    d = world_domain(2);
    EXPECT_EQ(domctl(&op), 0);
    EXPECT_EQ(op.domain, 0);
    EXPECT_EQ(op.u.getdomaininfo.tot_pages, WORLD_RAM >> PAGE_SHIFT);
    op.domain = 1;
    EXPECT_EQ(domctl(&op), 0);
    EXPECT_EQ(op.domain, d->id);
    EXPECT_EQ(op.u.getdomaininfo.domain, d->id);
    EXPECT_EQ(op.u.getdomaininfo.max_vcpu_id, 1);
    EXPECT_EQ(op.u.getdomaininfo.nr_online_vcpus, 0);
    EXPECT_EQ(op.u.getdomaininfo.flags,
              XEN_DOMINF_hvm_guest | XEN_DOMINF_hap | XEN_DOMINF_paused);
    op.domain = d->id + 1;
    EXPECT_EQ(domctl(&op), -ESRCH);
}

TEST(shows_how_a_domain_ended)
{
    struct xen_domctl op;
    struct domain *d;

    world_start(0x4000);
    d = world_domain(1);
    domain_shutdown(d, 3);
    op = about(d, XEN_DOMCTL_getdomaininfo);
    EXPECT_EQ(domctl(&op), 0);
    EXPECT(op.u.getdomaininfo.flags & XEN_DOMINF_shutdown);
    EXPECT_EQ(op.u.getdomaininfo.flags >> XEN_DOMINF_shutdownshift & 0xff, 3);
    EXPECT(!(op.u.getdomaininfo.flags & XEN_DOMINF_dying));
    op = about(d, XEN_DOMCTL_destroydomain);
    EXPECT_EQ(domctl(&op), 0);
    /* Our reference keeps it listed. */
    op = about(d, XEN_DOMCTL_getdomaininfo);
    EXPECT_EQ(domctl(&op), 0);
    EXPECT(op.u.getdomaininfo.flags & XEN_DOMINF_dying);
    EXPECT_EQ(op.u.getdomaininfo.tot_pages, 0);
}

TEST(pauses_others_and_not_itself)
{
    struct xen_domctl op;
    struct domain *d;

    world_start(0x4000);
    d = world_domain(1);
    op = about(d, XEN_DOMCTL_unpausedomain);
    EXPECT_EQ(domctl(&op), 0);
    EXPECT_EQ(domctl(&op), -EINVAL);
    op = about(d, XEN_DOMCTL_pausedomain);
    EXPECT_EQ(domctl(&op), 0);
    EXPECT_EQ(d->pause_count, 1);
    op.domain = 0;
    EXPECT_EQ(domctl(&op), -EINVAL);
    op.cmd = XEN_DOMCTL_destroydomain;
    EXPECT_EQ(domctl(&op), -EINVAL);
}

TEST(confirms_the_number_of_vcpus)
{
    struct xen_domctl op;
    struct domain *d;

    world_start(0x4000);
    d = world_domain(2);
    op = about(d, XEN_DOMCTL_max_vcpus);
    op.u.max_vcpus.max = 2;
    EXPECT_EQ(domctl(&op), 0);
    op.u.max_vcpus.max = 3;
    EXPECT_EQ(domctl(&op), -EINVAL);
}

TEST(limits_memory)
{
    struct podium_scrub_pattern *pattern;
    struct xen_domctl op;
    struct domain *d;

    world_start(0x4000);
    d = world_domain(1);
    op = about(d, XEN_DOMCTL_max_mem);
    op.u.max_mem.max_memkb = 8191;
    EXPECT_EQ(domctl(&op), 0);
    EXPECT_EQ(d->account.max_pages, 2047);

    op = about(d, PODIUM_DOMCTL_set_scrub_pattern);
    pattern = (void *)&op.u;
    pattern->pattern = 0x5555;
    EXPECT_EQ(domctl(&op), 0);
    op = about(d, PODIUM_DOMCTL_get_scrub_pattern);
    EXPECT_EQ(domctl(&op), 0);
    EXPECT_EQ(pattern->pattern, 0x5555);
    d->started = true;
    op = about(d, PODIUM_DOMCTL_set_scrub_pattern);
    EXPECT_EQ(domctl(&op), -EBUSY);
    EXPECT_EQ(d->pod.pattern, 0x5555);
    d->started = false;

    op = about(d, XEN_DOMCTL_set_paging_mempool_size);
    op.u.paging_mempool.size = 2 << 20;
    EXPECT_EQ(domctl(&op), 0);
    EXPECT_EQ(d->account.table_limit, 512);
    op.u.paging_mempool.size = 4095;
    EXPECT_EQ(domctl(&op), -EINVAL);
    op.u.paging_mempool.size = 0;
    EXPECT_EQ(domctl(&op), 0);
    EXPECT(d->account.table_limit >= 1);
    op = about(d, XEN_DOMCTL_get_paging_mempool_size);
    op.u.paging_mempool.size = 1;
    EXPECT_EQ(domctl(&op), 0);
    EXPECT_EQ(op.u.paging_mempool.size, 0);
}

static void set_bitmap(struct xenctl_bitmap *map, uint64_t at, uint32_t bits)
{
    map->bitmap.p = (void *)(uintptr_t)at;
    map->nr_bits = bits;
}

TEST(pins_vcpus)
{
    struct xen_domctl op;
    struct domain *d;
    uint8_t *map;

    world_start(0x4000);
    d = world_domain(2);
    map = world_ram(BUFFER_AT);
    memset(map, 0, 64);
    op = about(d, XEN_DOMCTL_setvcpuaffinity);
    op.u.vcpuaffinity.vcpu = 1;
    op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
    set_bitmap(&op.u.vcpuaffinity.cpumap_hard, BUFFER_AT, 12);
    EXPECT_EQ(domctl(&op), -EINVAL); /* no CPU at all */
    map[0] = 0xf2;
    map[1] = 0xff;
    EXPECT_EQ(domctl(&op), 0);
    EXPECT_EQ(d->vcpus[1]->affinity, 2); /* of 4 CPUs */
    EXPECT_EQ(map[0], 2);
    EXPECT_EQ(map[1], 0);
    op.u.vcpuaffinity.vcpu = 2;
    EXPECT_EQ(domctl(&op), -EINVAL);

    op = about(d, XEN_DOMCTL_getvcpuaffinity);
    op.u.vcpuaffinity.vcpu = 1;
    op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT;
    set_bitmap(&op.u.vcpuaffinity.cpumap_hard, BUFFER_AT, 256);
    set_bitmap(&op.u.vcpuaffinity.cpumap_soft, BUFFER_AT + 32, 4);
    memset(map, 0xee, 64);
    EXPECT_EQ(domctl(&op), 0);
    EXPECT_EQ(map[0], 2);
    EXPECT_EQ(map[31], 0);
    EXPECT_EQ(map[32], 0xf);
    EXPECT_EQ(map[33], 0xee);
}

TEST(has_weights_and_caps)
{
    struct xen_domctl op;
    struct xen_domctl_scheduler_op *s = &op.u.scheduler_op;
    struct domain *d;

    world_start(0x4000);
    d = world_domain(2);
    op = about(d, XEN_DOMCTL_scheduler_op);
    s->cmd = XEN_DOMCTL_SCHEDOP_getinfo;
    EXPECT_EQ(domctl(&op), -EINVAL);
    s->sched_id = XEN_SCHEDULER_CREDIT2;
    EXPECT_EQ(domctl(&op), 0);
    EXPECT_EQ(s->u.credit2.weight, 256);
    EXPECT_EQ(s->u.credit2.cap, 0);
    s->cmd = XEN_DOMCTL_SCHEDOP_putinfo;
    s->u.credit2.weight = 65535;
    s->u.credit2.cap = 150;
    EXPECT_EQ(domctl(&op), 0);
    s->u.credit2.weight = 0; /* as it is */
    s->u.credit2.cap = 10;
    EXPECT_EQ(domctl(&op), 0);
    s->cmd = XEN_DOMCTL_SCHEDOP_getinfo;
    EXPECT_EQ(domctl(&op), 0);
    EXPECT_EQ(s->u.credit2.weight, 65535);
    EXPECT_EQ(s->u.credit2.cap, 10);
    s->cmd = XEN_DOMCTL_SCHEDOP_getvcpuinfo;
    EXPECT_EQ(domctl(&op), -EINVAL);
    s->cmd = XEN_DOMCTL_SCHEDOP_putvcpuinfo;
    EXPECT_EQ(domctl(&op), -EINVAL);
    EXPECT_EQ(d->cpu_share.cap, 10);
}

TEST(shows_vcpus)
{
    struct xen_domctl op;
    struct domain *d;

    world_start(0x4000);
    d = world_domain(2);
    op = about(d, XEN_DOMCTL_getvcpuinfo);
    op.u.getvcpuinfo.vcpu = 1;
    EXPECT_EQ(domctl(&op), 0);
    EXPECT_EQ(op.u.getvcpuinfo.online, 0);
    EXPECT_EQ(op.u.getvcpuinfo.running, 0);
    op.u.getvcpuinfo.vcpu = 2;
    EXPECT_EQ(domctl(&op), -EINVAL);
}

TEST(sends_an_nmi)
{
    struct xen_domctl op;
    struct domain *d;

    world_start(0x4000);
    d = world_domain(1);
    op = about(d, XEN_DOMCTL_sendtrigger);
    EXPECT_EQ(domctl(&op), 0);
    EXPECT(d->vcpus[0]->vlapic.nmi_pending);
    EXPECT(d->vcpus[0]->work);
    op.u.sendtrigger.vcpu = 1;
    EXPECT_EQ(domctl(&op), -ESRCH);
    op.u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_POWER;
    EXPECT_EQ(domctl(&op), -ENOSYS);
}

/* --- machine state --- */

struct cpu_blob {
    struct hvm_save_descriptor header_desc;
    struct hvm_save_header header;
    struct hvm_save_descriptor cpu_desc;
    struct hvm_hw_cpu cpu;
    struct hvm_save_descriptor end_desc;
} __attribute__((packed));

static struct cpu_blob entry_blob(void)
{
    return (struct cpu_blob){
        .header_desc = {1, 0, sizeof(struct hvm_save_header)},
        .header = {.magic = HVM_FILE_MAGIC, .version = HVM_FILE_VERSION},
        .cpu_desc = {2, 0, sizeof(struct hvm_hw_cpu)},
        .cpu = {.rip = 0x1000850,
                .rbx = 0x3e00000,
                .cr0 = 0x11,
                .cs_limit = 0xffffffff,
                .cs_arbytes = 0xc9b,
                .ds_limit = 0xffffffff,
                .ds_arbytes = 0xc93,
                .tr_limit = 0x67,
                .tr_arbytes = 0x8b},
    };
}

static int64_t load(const struct domain *d, const void *blob, uint32_t size)
{
    struct xen_domctl op = about(d, XEN_DOMCTL_sethvmcontext);

    memcpy(world_ram(BUFFER_AT), blob, size);
    op.u.hvmcontext.buffer.p = (void *)(uintptr_t)BUFFER_AT;
    op.u.hvmcontext.size = size;
    return domctl(&op);
}

TEST(loads_the_entry_state)
{
    struct cpu_blob blob = entry_blob();
    struct guest_state s;
    struct domain *d;
    const struct vcpu *v;

    world_start(0x4000);
    d = world_domain(2);
    v = d->vcpus[0];
    EXPECT_EQ(load(d, &blob, sizeof(blob)), 0);
    arch_guest_get_state(v->gc, &s);
    EXPECT_EQ(v->regs.rip, 0x1000850);
    EXPECT_EQ(v->regs.rbx, 0x3e00000);
    EXPECT_EQ(v->regs.rflags, 2);
    EXPECT_EQ(s.cr0, 0x11);
    EXPECT_EQ(s.seg[SEG_CS].attributes, 0xc9b);
    EXPECT_EQ(s.seg[SEG_CS].limit, 0xffffffff);
    EXPECT_EQ(s.seg[SEG_TR].limit, 0x67);
    EXPECT(!(v->hold & HOLD_OFFLINE));
    EXPECT(d->vcpus[1]->hold & HOLD_OFFLINE);
    EXPECT_EQ(d->pause_count, 1);
}

TEST(loads_nothing_of_a_bad_blob)
{
    struct cpu_blob blob = entry_blob();
    struct domain *d;

    world_start(0x4000);
    d = world_domain(1);
    for (uint32_t size = 0; size < sizeof(blob); size++) {
        EXPECT_EQ(load(d, &blob, size), -EINVAL);
    }
    blob.header.magic = 1;
    EXPECT_EQ(load(d, &blob, sizeof(blob)), -EINVAL);
    blob = entry_blob();
    blob.cpu_desc.instance = 1;
    EXPECT_EQ(load(d, &blob, sizeof(blob)), -EINVAL);
    blob = entry_blob();
    blob.cpu_desc.length = ~0u;
    EXPECT_EQ(load(d, &blob, sizeof(blob)), -EINVAL);
    blob = entry_blob();
    blob.cpu_desc.typecode = 99;
    EXPECT(load(d, &blob, sizeof(blob)) < 0);
    EXPECT(d->vcpus[0]->hold & HOLD_OFFLINE);
}

TEST(reads_back_what_it_would_load)
{
    struct xen_domctl op;
    struct domain *d;
    uint8_t *blob;
    uint32_t size;

    world_start(0x4000);
    d = world_domain(2);
    op = about(d, XEN_DOMCTL_gethvmcontext);
    EXPECT_EQ(domctl(&op), 0);
    size = op.u.hvmcontext.size;
    EXPECT_EQ(size, 8 + 24 + 2 * (8 + 1032 + 8 + 240) + 8);
    op.u.hvmcontext.buffer.p = (void *)(uintptr_t)BUFFER_AT;
    op.u.hvmcontext.size = size - 1;
    EXPECT_EQ(domctl(&op), -ENOSPC);
    op.u.hvmcontext.size = size;
    EXPECT_EQ(domctl(&op), 0);
    blob = malloc(size);
    memcpy(blob, world_ram(BUFFER_AT), size);
    EXPECT_EQ(load(d, blob, size), 0);
    free(blob);
    EXPECT_EQ(d->pause_count, 1);
}

/* --- CPU policies --- */

TEST(keeps_a_policy)
{
    xen_cpuid_leaf_t leaves[3] = {
        {.leaf = 0, .subleaf = ~0u, .a = 0xd},
        {.leaf = 1, .subleaf = ~0u, .b = 0x10800, .c = ~0u},
        {.leaf = 4, .subleaf = 1, .a = 77},
    };
    struct xen_domctl op;
    struct domain *d;
    bool found = false;

    world_start(0x4000);
    fake_set_cpuid(0, 0, (struct cpuid_regs){.eax = 1});
    fake_set_cpuid(1, 0, (struct cpuid_regs){.ecx = 1});
    d = world_domain(1);
    memcpy(world_ram(BUFFER_AT), leaves, sizeof(leaves));
    op = about(d, XEN_DOMCTL_set_cpu_policy);
    op.u.cpu_policy.leaves.p = (void *)(uintptr_t)BUFFER_AT;
    op.u.cpu_policy.nr_leaves = 3;
    EXPECT_EQ(domctl(&op), 0);
    EXPECT_EQ(op.u.cpu_policy.err_leaf, ~0u);
    for (unsigned i = 0; i < d->cpuid_count; i++) {
        const struct cpuid_leaf *l = &d->cpuid[i];

        if (l->leaf == 1) {
            EXPECT_EQ(l->b, 0x10800);
            /* What the machine has, x2APIC and "hypervisor". */
            EXPECT_EQ(l->c, 1u | 1u << 21 | 1u << 31);
        }
        found |= l->leaf == 4 && l->subleaf == 1 && l->a == 77;
    }
    EXPECT(found);

    op = about(d, XEN_DOMCTL_get_cpu_policy);
    EXPECT_EQ(domctl(&op), 0);
    EXPECT_EQ(op.u.cpu_policy.nr_leaves, d->cpuid_count);

    d->started = true;
    op = about(d, XEN_DOMCTL_set_cpu_policy);
    EXPECT_EQ(domctl(&op), -EEXIST);
}

TEST(refuses_more_leaves_than_fit)
{
    struct xen_domctl op;
    struct domain *d;
    xen_cpuid_leaf_t *leaves;

    world_start(0x4000);
    d = world_domain(1);
    op = about(d, XEN_DOMCTL_set_cpu_policy);
    op.u.cpu_policy.leaves.p = (void *)(uintptr_t)BUFFER_AT;
    op.u.cpu_policy.nr_leaves = CPUID_LEAF_LIMIT + 1;
    EXPECT_EQ(domctl(&op), -E2BIG);
    for (unsigned i = 0; i < CPUID_LEAF_LIMIT; i++) {
        leaves = world_ram(BUFFER_AT + i * sizeof(*leaves));
        leaves->leaf = 0x1000 + i;
        leaves->subleaf = 0;
    }
    op.u.cpu_policy.nr_leaves = CPUID_LEAF_LIMIT;
    EXPECT_EQ(domctl(&op), -E2BIG);
    EXPECT(op.u.cpu_policy.err_leaf != ~0u);
    EXPECT(!d->cpuid);
}

/* Commands of what no domain has: devices, paging, sharing (POD-9.51). */
TEST(what_there_is_not)
{
    static const uint32_t commands[] = {
        XEN_DOMCTL_assign_device,
        XEN_DOMCTL_iomem_permission,
        XEN_DOMCTL_ioport_permission,
        XEN_DOMCTL_memory_mapping,
        XEN_DOMCTL_shadow_op,
        XEN_DOMCTL_vm_event_op,
        XEN_DOMCTL_mem_sharing_op,
        XEN_DOMCTL_gdbsx_guestmemio,
        XEN_DOMCTL_set_access_required,
        0,
        ~0U,
    };
    struct domain *d;

    world_start(0x4000);
    d = world_domain(1);
    for (unsigned i = 0; i < ARRAY_COUNT(commands); i++) {
        struct xen_domctl op = about(d, commands[i]);

        EXPECT_EQ(domctl(&op), -ENOSYS);
    }
    machine_check();
}
