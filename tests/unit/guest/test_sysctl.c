/* SPDX-License-Identifier: MIT */
/* Sysctls as the tools issue them, through the hypercall's own entry. */
#include "base/console.h"
#include "base/trace.h"
#include "domain/memory.h"
#include "domains.h"
#include "guest/debug_keys.h"
#include "guest/hypercall.h"
#include "public/podium.h"
#include "types/error.h"
#include "world.h"

#include <xen/sysctl.h>

#define BUFFER_AT 0x10000

static int64_t sysctl(struct xen_sysctl *op)
{
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return world_call(hc_sysctl, op, sizeof(*op));
}

static void *buffer(void)
{
    return (void *)(uintptr_t)BUFFER_AT;
}

TEST(is_for_the_control_domain_only)
{
    uint64_t args[6] = {0x1000};

    world_start(0x4000);
    EXPECT_EQ(hc_sysctl(world_domain(1)->vcpus[0], args), -EPERM);
}

TEST(says_which_version_it_is)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_sched_id};

    world_start(0x4000);
    EXPECT_EQ(world_call(hc_sysctl, &op, sizeof(op)), -EACCES);
    op.cmd = 9999;
    EXPECT_EQ(sysctl(&op), -ENOSYS);
}

TEST(tells_what_the_host_has)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_physinfo};
    const struct xen_sysctl_physinfo *p = &op.u.physinfo;

    world_start(0x4000);
    EXPECT_EQ(sysctl(&op), 0);
    EXPECT_EQ(p->capabilities, 1u << 0 | 1u << 3 | 1u << 8);
    EXPECT_EQ(p->nr_cpus, 4);
    EXPECT_EQ(p->max_cpu_id, 3);
    EXPECT_EQ(p->nr_nodes, 1);
    EXPECT_EQ(p->max_node_id, 0);
    EXPECT_EQ(p->total_pages, page_alloc_info().total);
    EXPECT_EQ(p->free_pages, page_alloc_info().free);
    EXPECT(p->cpu_khz);
}

TEST(counts_nodes_and_cpus_without_a_buffer)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_numainfo};
    xen_sysctl_meminfo_t *node;
    xen_sysctl_cputopo_t *cpus;

    world_start(0x4000);
    EXPECT_EQ(sysctl(&op), 0);
    EXPECT_EQ(op.u.numainfo.num_nodes, 1);
    op.u.numainfo.meminfo.p = buffer();
    op.u.numainfo.num_nodes = 8;
    EXPECT_EQ(sysctl(&op), 0);
    EXPECT_EQ(op.u.numainfo.num_nodes, 1);
    node = world_ram(BUFFER_AT);
    EXPECT_EQ(node->memsize, page_alloc_info().total << PAGE_SHIFT);

    op = (struct xen_sysctl){.cmd = XEN_SYSCTL_cputopoinfo};
    EXPECT_EQ(sysctl(&op), 0);
    EXPECT_EQ(op.u.cputopoinfo.num_cpus, 4);
    op.u.cputopoinfo.cputopo.p = buffer();
    op.u.cputopoinfo.num_cpus = 2;
    cpus = world_ram(BUFFER_AT);
    cpus[2].core = 0xee;
    EXPECT_EQ(sysctl(&op), 0);
    EXPECT_EQ(op.u.cputopoinfo.num_cpus, 4);
    EXPECT_EQ(cpus[1].core, 1);
    EXPECT_EQ(cpus[2].core, 0xee);
}

TEST(has_one_cpu_pool)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_cpupool_op,
                            .u.cpupool_op = {.op = XEN_SYSCTL_CPUPOOL_OP_INFO,
                                             .cpumap = {.nr_bits = 8}}};
    uint8_t *map;

    world_start(0x4000);
    world_domain(1);
    map = world_ram(BUFFER_AT);
    op.u.cpupool_op.cpumap.bitmap.p = buffer();
    EXPECT_EQ(sysctl(&op), 0);
    EXPECT_EQ(op.u.cpupool_op.sched_id, XEN_SCHEDULER_CREDIT2);
    EXPECT_EQ(op.u.cpupool_op.n_dom, 2);
    EXPECT_EQ(map[0], 0xf);
    op.u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_FREEINFO;
    EXPECT_EQ(sysctl(&op), 0);
    EXPECT_EQ(map[0], 0);
    op.u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_INFO;
    op.u.cpupool_op.cpupool_id = 1;
    EXPECT_EQ(sysctl(&op), -ENOENT);
}

TEST(tells_how_often_locks_were_taken)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_lockprof_op};
    struct xen_sysctl_lockprof_op *l = &op.u.lockprof_op;
    const xen_sysctl_lockprof_data_t *list;

    world_start(0x4000);
    list = world_ram(BUFFER_AT);
    EXPECT_EQ(sysctl(&op), -EINVAL);
    l->cmd = XEN_SYSCTL_LOCKPROF_query;
    EXPECT_EQ(sysctl(&op), 0);
    EXPECT_EQ(l->nr_elem, RANK_COUNT - 1);
    l->data.p = buffer();
    l->max_elem = RANK_P2M;
    EXPECT_EQ(sysctl(&op), 0);
    EXPECT_EQ(l->nr_elem, RANK_COUNT - 1);
    EXPECT_TEXT(list[RANK_P2M - 1].name, "p2m");
    EXPECT(list[RANK_P2M - 1].lock_cnt > 0);
    EXPECT_EQ(list[RANK_P2M].name[0], 0);
    EXPECT_EQ(list[RANK_AUDIT - 1].type, LOCKPROF_TYPE_GLOBAL);
    fake_advance(5);
    l->cmd = XEN_SYSCTL_LOCKPROF_reset;
    EXPECT_EQ(sysctl(&op), 0);
    l->cmd = XEN_SYSCTL_LOCKPROF_query;
    fake_advance(7);
    EXPECT_EQ(sysctl(&op), 0);
    EXPECT_EQ(l->time, 7);
    EXPECT_EQ(list[RANK_P2M - 1].lock_cnt, 0);
}

TEST(has_a_rate_limit)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_sched_id};
    struct xen_sysctl_scheduler_op *s = &op.u.scheduler_op;

    world_start(0x4000);
    EXPECT_EQ(sysctl(&op), 0);
    EXPECT_EQ(op.u.sched_id.sched_id, XEN_SCHEDULER_CREDIT2);
    op = (struct xen_sysctl){.cmd = XEN_SYSCTL_scheduler_op};
    s->cmd = XEN_SYSCTL_SCHEDOP_getinfo;
    EXPECT_EQ(sysctl(&op), -EINVAL);
    s->sched_id = XEN_SCHEDULER_CREDIT2;
    EXPECT_EQ(sysctl(&op), 0);
    EXPECT_EQ(s->u.sched_credit2.ratelimit_us, 0);
    s->cmd = XEN_SYSCTL_SCHEDOP_putinfo;
    s->u.sched_credit2.ratelimit_us = 99;
    EXPECT_EQ(sysctl(&op), -EINVAL);
    s->u.sched_credit2.ratelimit_us = 500001;
    EXPECT_EQ(sysctl(&op), -EINVAL);
    s->u.sched_credit2.ratelimit_us = 100;
    EXPECT_EQ(sysctl(&op), 0);
    s->cmd = XEN_SYSCTL_SCHEDOP_getinfo;
    s->u.sched_credit2.ratelimit_us = 0;
    EXPECT_EQ(sysctl(&op), 0);
    EXPECT_EQ(s->u.sched_credit2.ratelimit_us, 100);
    s->cmd = 2;
    EXPECT_EQ(sysctl(&op), -EINVAL);
    s->cpupool_id = 1;
    EXPECT_EQ(sysctl(&op), -ESRCH);
}

TEST(lists_domains)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_getdomaininfolist,
                            .u.getdomaininfolist = {.max_domains = 2}};
    const xen_domctl_getdomaininfo_t *list;
    struct domain *a, *b;

    world_start(0x4000);
    a = world_domain(1);
    b = world_domain(1);
    list = world_ram(BUFFER_AT);
    op.u.getdomaininfolist.buffer.p = buffer();
    EXPECT_EQ(sysctl(&op), 0);
    EXPECT_EQ(op.u.getdomaininfolist.num_domains, 2);
    EXPECT_EQ(list[0].domain, 0);
    EXPECT_EQ(list[1].domain, a->id);
    op.u.getdomaininfolist.first_domain = a->id + 1;
    EXPECT_EQ(sysctl(&op), 0);
    EXPECT_EQ(op.u.getdomaininfolist.num_domains, 1);
    EXPECT_EQ(list[0].domain, b->id);
    EXPECT_EQ(b->references, 2);
}

/* libxenctrl asks for the size first, and a list must be free of doubles. */
TEST(offers_a_complete_policy)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_get_cpu_policy,
                            .u.cpu_policy.index =
                                XEN_SYSCTL_cpu_policy_hvm_default};
    const xen_cpuid_leaf_t *l;
    unsigned count;

    world_start(0x4000);
    fake_set_cpuid(0, 0, (struct cpuid_regs){.eax = 0x10});
    fake_set_cpuid(7, 0, (struct cpuid_regs){.eax = 1, .ebx = 9});
    fake_set_cpuid(0xd, 0, (struct cpuid_regs){.eax = 7});
    fake_set_cpuid(0x80000000, 0, (struct cpuid_regs){.eax = 0x80000008});
    EXPECT_EQ(sysctl(&op), 0);
    count = op.u.cpu_policy.nr_leaves;
    /* 0..d without 4, 7, b, d; 4.0; 7.0, 7.1; b.0, b.1; d.0, 1, 2; ours; ext */
    EXPECT_EQ(count, 10 + 1 + 2 + 2 + 3 + 2 + 9);
    op.u.cpu_policy.leaves.p = buffer();
    op.u.cpu_policy.nr_leaves = count - 1;
    EXPECT_EQ(sysctl(&op), -ENOBUFS);
    op.u.cpu_policy.nr_leaves = 200;
    EXPECT_EQ(sysctl(&op), 0);
    EXPECT_EQ(op.u.cpu_policy.nr_leaves, count);
    l = world_ram(BUFFER_AT);
    for (unsigned i = 1; i < count; i++) {
        EXPECT(l[i].leaf > l[i - 1].leaf ||
               (l[i].leaf == l[i - 1].leaf && l[i].subleaf > l[i - 1].subleaf));
    }
    op.u.cpu_policy.index = XEN_SYSCTL_cpu_policy_pv_max;
    EXPECT_EQ(sysctl(&op), -EOPNOTSUPP);
    op.u.cpu_policy.index = XEN_SYSCTL_cpu_policy_hvm_default + 1;
    EXPECT_EQ(sysctl(&op), -EINVAL);
}

TEST(offers_features_of_what_there_is)
{
    static const int expected[] = {
        [XEN_SYSCTL_cpu_featureset_raw] = 0,
        [XEN_SYSCTL_cpu_featureset_host] = 0,
        [XEN_SYSCTL_cpu_featureset_pv] = -EOPNOTSUPP,
        [XEN_SYSCTL_cpu_featureset_hvm] = 0,
        [XEN_SYSCTL_cpu_featureset_pv_max] = -EOPNOTSUPP,
        [XEN_SYSCTL_cpu_featureset_hvm_max] = 0,
        [XEN_SYSCTL_cpu_featureset_hvm_max + 1] = -EINVAL,
    };
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_get_cpu_featureset};

    world_start(0x4000);
    for (unsigned i = 0; i < ARRAY_COUNT(expected); i++) {
        op.u.cpu_featureset.index = i;
        EXPECT_EQ(sysctl(&op), expected[i]);
    }
    op.u.cpu_featureset.index = ~0U;
    EXPECT_EQ(sysctl(&op), -EINVAL);
}

TEST(reads_the_log)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_readconsole,
                            .u.readconsole = {.count = 4096}};
    char *text;

    world_start(0x4000);
    log_line(LOG_INFO, "a line to be found");
    text = world_ram(BUFFER_AT);
    memset(text, 0, PAGE_SIZE);
    op.u.readconsole.buffer.p = buffer();
    EXPECT_EQ(sysctl(&op), 0);
    EXPECT(op.u.readconsole.count > 18);
    EXPECT(strstr(text, "a line to be found"));

    /* From there on there is nothing new. */
    op.u.readconsole.incremental = 1;
    op.u.readconsole.count = 4096;
    EXPECT_EQ(sysctl(&op), 0);
    EXPECT_EQ(op.u.readconsole.count, 0);
}

TEST(reads_all_of_the_log_before_it_forgets_it)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_readconsole,
                            .u.readconsole = {.count = 4096, .clear = 1}};

    world_start(0x4000);
    for (unsigned i = 0; i < 50; i++) {
        log_line(LOG_INFO, "line %u of many lines", i);
    }
    op.u.readconsole.buffer.p = buffer();
    EXPECT_EQ(sysctl(&op), 0);
    EXPECT(op.u.readconsole.count > 50 * 20);
    EXPECT(strstr(world_ram(BUFFER_AT), "line 49 of"));
    op.u.readconsole.count = 4096;
    EXPECT_EQ(sysctl(&op), 0);
    EXPECT_EQ(op.u.readconsole.count, 0);
}

TEST(has_a_help_key)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_debug_keys,
                            .u.debug_keys = {.nr_keys = 7}};

    world_start(0x4000);
    world_domain(2);
    console_set_levels(LOG_DEBUG, LOG_DEBUG);
    memcpy(world_ram(BUFFER_AT), "qrtaehl", 7);
    op.u.debug_keys.keys.p = buffer();
    EXPECT_EQ(sysctl(&op), 0);
    EXPECT(strstr(fake_console_output(), "key 'h': this list"));
    EXPECT(strstr(fake_console_output(), "d1: pages 0 of 4096"));
    EXPECT(strstr(fake_console_output(), "locks of rank domain_list: taken "));
    op.u.debug_keys.nr_keys = 33;
    EXPECT_EQ(sysctl(&op), -E2BIG);
}

TEST(counts_pod)
{
    struct xen_sysctl op = {.cmd = PODIUM_SYSCTL_pod_counters};
    struct podium_pod_counters *p = (void *)&op.u;
    const uint64_t *counters;
    struct domain *d;

    world_start(0x4000);
    d = world_domain(1);
    EXPECT_EQ(memory_mark_pod(d, GFN(0), ORDER_2M), 0);
    EXPECT_EQ(memory_set_pod_target(d, 512), 0);
    EXPECT_EQ(memory_fault(d, GFN(3), true, false), P2M_OK);
    p->domid = d->id;
    p->buffer = BUFFER_AT;
    p->count = 100;
    EXPECT_EQ(sysctl(&op), 0);
    EXPECT_EQ(p->count, PODIUM_POD_COUNTER_COUNT);
    counters = world_ram(BUFFER_AT);
    EXPECT_EQ(counters[PODIUM_POPULATE_2M], 1);
    p->domid = 1234;
    EXPECT_EQ(sysctl(&op), -ESRCH);
}

static int set_policy(domid_t domid, unsigned on_empty, unsigned mode,
                      uint64_t limit)
{
    struct xen_sysctl op = {.cmd = PODIUM_SYSCTL_pod_policy};
    struct podium_pod_policy *p = (void *)&op.u;

    p->domid = domid;
    p->on_empty = (uint16_t)on_empty;
    p->mode = (uint16_t)mode;
    p->borrow_limit = limit;
    return (int)sysctl(&op);
}

TEST(sets_what_becomes_of_the_starving)
{
    struct xen_sysctl op = {.cmd = PODIUM_SYSCTL_pod_policy};
    struct domain *d;

    world_start(0x4000);
    d = world_domain(1);
    EXPECT_EQ(d->wait.policy, MEMORY_WAIT);
    EXPECT_EQ(set_policy(1234, 0, 0, 0), -ESRCH);
    EXPECT_EQ(set_policy(d->id, 3, 0, 0), -EINVAL);
    EXPECT_EQ(set_policy(d->id, 1, 2, 0), -EINVAL);
    ((struct podium_pod_policy *)&op.u)->domid = d->id;
    ((struct podium_pod_policy *)&op.u)->pad = 1;
    EXPECT_EQ(sysctl(&op), -EINVAL);
    EXPECT_EQ(d->wait.policy, MEMORY_WAIT);
    EXPECT_EQ(
        set_policy(d->id, PODIUM_ON_EMPTY_BORROW, PODIUM_POD_ON_DEMAND, 77), 0);
    EXPECT_EQ(d->wait.policy, MEMORY_BORROW);
    EXPECT_EQ(d->wait.borrow_limit, 77);
    EXPECT(d->pod.on_demand);
    EXPECT_EQ(memory_mark_pod(d, GFN(0), 0), 0);
    EXPECT_EQ(set_policy(d->id, PODIUM_ON_EMPTY_CRASH, PODIUM_POD_RESERVED, 0),
              -EBUSY);
    EXPECT_EQ(d->wait.policy, MEMORY_BORROW);
    EXPECT_EQ(set_policy(d->id, PODIUM_ON_EMPTY_CRASH, PODIUM_POD_ON_DEMAND, 0),
              0);
    EXPECT_EQ(d->wait.policy, MEMORY_CRASH);
}

static struct podium_pod_state state_of(struct domain *d)
{
    struct xen_sysctl op = {.cmd = PODIUM_SYSCTL_pod_state};
    struct podium_pod_state *s = (void *)&op.u;

    s->domid = d->id;
    EXPECT_EQ(sysctl(&op), 0);
    EXPECT_EQ(s->domid, d->id);
    return *s;
}

/* Eight promised, two given, both full. */
static struct domain *full_domain(void)
{
    struct domain *d = world_domain(2);

    EXPECT_EQ(memory_set_pod_target(d, 2), 0);
    EXPECT_EQ(memory_mark_pod(d, GFN(0), 3), 0);
    for (uint64_t gfn = 0; gfn < 2; gfn++) {
        EXPECT_EQ(memory_fault(d, GFN(gfn), true, false), P2M_OK);
        *(uint64_t *)arch_map(p2m_get(&d->p2m, GFN(gfn)).mfn) = 1;
    }
    return d;
}

TEST(tells_who_waits_and_what_would_help)
{
    struct podium_pod_state s;
    struct domain *d;

    world_start(0x4000);
    d = full_domain();
    s = state_of(d);
    EXPECT_EQ(s.waiting, 0);
    EXPECT_EQ(s.gfn, ~0ULL);
    EXPECT_EQ(s.target_next, 0);
    EXPECT_EQ(s.target_all, 8);
    EXPECT(memory_wait(d->vcpus[1], GFN(5), P2M_NEED_PAGE));
    EXPECT(memory_wait(d->vcpus[0], GFN(6), P2M_NEED_PAGE));
    s = state_of(d);
    EXPECT_EQ(s.on_empty, PODIUM_ON_EMPTY_WAIT);
    EXPECT_EQ(s.mode, PODIUM_POD_RESERVED);
    EXPECT_EQ(s.waiting, 2);
    EXPECT_EQ(s.waits, 2);
    EXPECT_EQ(s.gfn, 5);
    EXPECT_EQ(s.total, 2);
    EXPECT_EQ(s.entries, 6);
    EXPECT_EQ(s.cached, 0);
    EXPECT_EQ(s.deficit, 6);
    EXPECT_EQ(s.target_next, 4);
    EXPECT_EQ(s.target_all, 8);
    /* What it says is so. */
    EXPECT_EQ(memory_set_pod_target(d, s.target_next - 1), 0);
    EXPECT_EQ(state_of(d).waiting, 1);
    EXPECT_EQ(memory_set_pod_target(d, s.target_next), 0);
    EXPECT_EQ(state_of(d).waiting, 0);
    EXPECT_EQ(state_of(d).target_all, 8);
    EXPECT_EQ(memory_set_pod_target(d, s.target_all), 0);
    s = state_of(d);
    EXPECT_EQ(s.deficit, 0);
    EXPECT_EQ(s.target_all, 0);
}

TEST(tells_of_loans_and_of_claims)
{
    struct podium_pod_state s;
    struct domain *d;

    world_start(0x4000);
    d = full_domain();
    EXPECT_EQ(set_policy(d->id, PODIUM_ON_EMPTY_BORROW, 0, 3), 0);
    while (memory_fault(d, GFN(4), true, false) == P2M_RETRY) {
        continue;
    }
    s = state_of(d);
    EXPECT_EQ(s.borrowed, 3);
    EXPECT_EQ(s.borrow_limit, 3);
    EXPECT_EQ(s.total, 5);
    EXPECT_EQ(s.cached, 2);
    EXPECT_EQ(s.deficit, 3);
    EXPECT_EQ(s.target_all, 8);
    EXPECT_EQ(memory_set_pod_target(d, 8), 0);
    EXPECT_EQ(state_of(d).borrowed, 0);

    d = world_domain(1);
    EXPECT_EQ(set_policy(d->id, 0, PODIUM_POD_ON_DEMAND, 0), 0);
    EXPECT_EQ(memory_set_pod_target(d, 5), 0);
    EXPECT_EQ(memory_mark_pod(d, GFN(0), 3), 0);
    s = state_of(d);
    EXPECT_EQ(s.mode, PODIUM_POD_ON_DEMAND);
    EXPECT_EQ(s.claimed, 5);
    EXPECT_EQ(s.total, 0);
    EXPECT_EQ(s.deficit, 3);
    EXPECT_EQ(s.target_all, 8);
    EXPECT_EQ(memory_set_pod_target(d, 8), 0);
    EXPECT_EQ(state_of(d).deficit, 0);
}

TEST(audits)
{
    struct xen_sysctl op = {.cmd = PODIUM_SYSCTL_audit};
    struct podium_audit *a = (void *)&op.u;

    world_start(0x4000);
    world_domain(1);
    a->domid = 0x7ff0;
    a->differences = 9;
    EXPECT_EQ(sysctl(&op), 0);
    EXPECT_EQ(a->differences, 0);
    EXPECT_EQ(a->invariant[0], 0);
}

TEST(audits_of_one_domain_say_what_is_wrong_where)
{
    struct xen_sysctl op = {.cmd = PODIUM_SYSCTL_audit};
    struct podium_audit *a = (void *)&op.u;
    struct domain *d;

    world_start(0x4000);
    d = world_domain(1);
    a->domid = d->id;
    EXPECT_EQ(sysctl(&op), 0);
    EXPECT_EQ(a->differences, 0);
    d->pod.entry_count = 3; /* a bug of ours */
    EXPECT_EQ(sysctl(&op), 0);
    EXPECT_EQ(a->differences, 1);
    EXPECT_EQ(a->at_domid, d->id);
    EXPECT(!strcmp(a->invariant, "I2"));
    EXPECT_EQ(a->found, 3);
    EXPECT_EQ(a->expected, 0);
    EXPECT_EQ(a->gfn, ~0ULL);
    EXPECT_EQ(a->mfn, ~0ULL);
    d->pod.entry_count = 0;
    domain_fill(d, 0x10, 2);
    page_from_mfn(p2m_get(&d->p2m, GFN(0x11)).mfn)->gfn = 0x77;
    EXPECT_EQ(sysctl(&op), 0);
    EXPECT_EQ(a->differences, 1);
    EXPECT(!strcmp(a->invariant, "I7"));
    EXPECT_EQ(a->gfn, 0x11);
    EXPECT_EQ(a->mfn, p2m_get(&d->p2m, GFN(0x11)).mfn.v);
    EXPECT_EQ(a->found, 0x77);
    EXPECT_EQ(a->expected, 0x11);
    a->domid = 1234;
    EXPECT_EQ(sysctl(&op), -ESRCH);
}

static struct podium_trace *ask_trace(struct xen_sysctl *op, uint32_t cpu,
                                      uint32_t ring, uint32_t count)
{
    struct podium_trace *t = (void *)&op->u;

    *op = (struct xen_sysctl){.cmd = PODIUM_SYSCTL_trace};
    *t = (struct podium_trace){
        .cpu = cpu, .ring = ring, .buffer = BUFFER_AT, .count = count};
    return t;
}

TEST(trace_rings_are_copied_out)
{
    struct podium_trace_record *r;
    struct podium_trace *t;
    struct xen_sysctl op;
    struct domain *d;

    world_start(0x4000);
    d = world_domain(1);
    EXPECT_EQ(memory_mark_pod(d, GFN(0), 3), 0);
    EXPECT_EQ(memory_set_pod_target(d, 8), 0);
    EXPECT_EQ(memory_fault(d, GFN(5), true, false), P2M_OK);
    EXPECT_EQ(memory_fault(d, GFN(3), true, false), P2M_OK);
    EXPECT_EQ(memory_decrease(d, GFN(2), 0), 0);
    t = ask_trace(&op, arch_cpu(), PODIUM_TRACE_RING_MEMORY, 2);
    EXPECT_EQ(sysctl(&op), 0);
    EXPECT_EQ(t->count, 2);
    EXPECT(t->first > 0);
    EXPECT_EQ(t->cpus, arch_cpu_count());
    EXPECT(!(t->mask & 1U << PODIUM_TRACE_P2M_WRITE));
    r = world_ram(BUFFER_AT);
    EXPECT_EQ(r[0].event, PODIUM_TRACE_POPULATE);
    EXPECT_EQ(r[0].data[0], d->id);
    EXPECT_EQ(r[0].data[1], 3);
    EXPECT_EQ(r[0].data[2], p2m_get(&d->p2m, GFN(3)).mfn.v);
    EXPECT_EQ(r[1].event, PODIUM_TRACE_DECREASE);
    EXPECT_EQ(r[1].data[1], 2);
}

TEST(writes_to_the_p2m_are_traced_on_demand)
{
    struct podium_trace_record *r;
    struct podium_trace *t;
    struct xen_sysctl op;
    struct domain *d;

    world_start(0x4000);
    d = world_domain(1);
    t = ask_trace(&op, 0, PODIUM_TRACE_RING_MEMORY, 0);
    t->flags = PODIUM_TRACE_SET_MASK;
    t->mask = ~0U;
    EXPECT_EQ(sysctl(&op), 0);
    EXPECT_EQ(t->mask, (1U << PODIUM_TRACE_EVENT_COUNT) - 1);
    domain_fill(d, 0x234, 1);
    t = ask_trace(&op, arch_cpu(), PODIUM_TRACE_RING_MEMORY,
                  PODIUM_TRACE_RECORDS);
    EXPECT_EQ(sysctl(&op), 0);
    EXPECT(t->count > 0);
    r = (struct podium_trace_record *)world_ram(BUFFER_AT) + t->count - 1;
    EXPECT_EQ(r->event, PODIUM_TRACE_P2M_WRITE);
    EXPECT_EQ(r->data[0], d->id);
    EXPECT_EQ(r->data[1], 0x234);
    EXPECT_EQ(r->data[2], p2m_get(&d->p2m, GFN(0x234)).mfn.v);
    EXPECT_EQ(r->data[3], P2M_RAM << 8);
}

TEST(wrong_traces)
{
    struct xen_sysctl op;

    world_start(0x4000);
    ask_trace(&op, arch_cpu_count(), 0, 1);
    EXPECT_EQ(sysctl(&op), -EINVAL);
    ask_trace(&op, 0, PODIUM_TRACE_RING_COUNT, 1);
    EXPECT_EQ(sysctl(&op), -EINVAL);
    ask_trace(&op, 0, 0, 1)->flags = 2;
    EXPECT_EQ(sysctl(&op), -EINVAL);
    ask_trace(&op, 0, 0, PODIUM_TRACE_RECORDS)->buffer = ~0ULL;
    trace(TRACE_EXIT, 1, 2, 3, 4);
    EXPECT_EQ(sysctl(&op), -EFAULT);
}
