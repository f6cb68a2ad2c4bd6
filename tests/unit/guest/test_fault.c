/* SPDX-License-Identifier: MIT */
/* What becomes of a vCPU that touches what is not there. */
#include "arch/timer.h"
#include "domain/memory.h"
#include "domain/sched.h"
#include "guest/copy.h"
#include "guest/domain_info.h"
#include "guest/hypercall.h"
#include "guest/run.h"
#include "public/podium.h"
#include "types/error.h"
#include "world.h"

#include <xen/sched.h>
#include <xen/version.h>
#include <xen/xen.h>

#define SPARE 9 /* a gfn that is promised, and for which there is no page */

static struct domain *d;
static struct vcpu *v;
static uint32_t port;

/* A guest that runs, full of data; domain 0 hears of its troubles. */
static void start(enum memory_on_empty on_empty, uint64_t limit)
{
    const struct memory_policy policy = {on_empty, limit, false};

    world_start(0x4000);
    d = world_domain(2);
    v = d->vcpus[0];
    EXPECT_EQ(memory_set_policy(d, &policy), 0);
    EXPECT_EQ(memory_set_pod_target(d, 2), 0);
    EXPECT_EQ(memory_mark_pod(d, GFN(0), 4), 0);
    for (uint64_t gfn = 0; gfn < 2; gfn++) {
        EXPECT_EQ(memory_fault(d, GFN(gfn), true, false), P2M_OK);
        *(uint64_t *)arch_map(p2m_get(&d->p2m, GFN(gfn)).mfn) = 1;
    }
    EXPECT_EQ(event_bind_virq(world_control, PODIUM_VIRQ_MEMORY, 0, &port), 0);
    sched_release(v, HOLD_OFFLINE | HOLD_PAUSED);
}

/* As often as it is run again. */
static void touch(uint64_t gfn)
{
    struct guest_exit e = {
        .reason = EXIT_FAULT,
        .fault = {.gpa = GPA(gfn << PAGE_SHIFT), .write = true}};

    do {
        v->yielded = false;
        exit_handle(v, &e);
    } while (v->yielded);
}

static bool told(void)
{
    return event_port_pending(world_control, port);
}

TEST(a_starving_vcpu_waits_as_it_is)
{
    struct guest_regs before;

    start(MEMORY_WAIT, 0);
    memset(&v->regs, 0x5a, sizeof(v->regs));
    before = v->regs;
    EXPECT(!told());
    touch(SPARE);
    EXPECT_EQ(v->hold, HOLD_MEMORY);
    EXPECT_EQ(d->vcpus[1]->hold & HOLD_MEMORY, 0);
    EXPECT(told());
    EXPECT(!d->shutdown);
    EXPECT(!memcmp(&before, &v->regs, sizeof(before)));
    EXPECT(strstr(fake_console_output(),
                  "d1: vCPU 0 waits for memory at gpa 9000: 2 pages populated, "
                  "none cached, 14 promised"));
    EXPECT_EQ(memory_set_pod_target(d, 3), 0);
    EXPECT_EQ(v->hold, 0);
    touch(SPARE);
    EXPECT_EQ(v->hold, 0);
    EXPECT_EQ(p2m_get(&d->p2m, GFN(SPARE)).type, P2M_RAM);
    EXPECT(!memcmp(&before, &v->regs, sizeof(before)));
}

TEST(the_log_is_not_flooded)
{
    start(MEMORY_WAIT, 0);
    for (unsigned i = 0; i < 100; i++) {
        touch(SPARE);
        memory_wait_forget(v);
    }
    fake_console_clear();
    fake_advance(9000000000ULL);
    touch(SPARE);
    EXPECT(!strstr(fake_console_output(), "waits"));
    memory_wait_forget(v);
    fake_advance(1000000000ULL);
    touch(SPARE);
    EXPECT(strstr(fake_console_output(), "waits"));
    EXPECT_EQ(d->pod.counters.waits, 102);
}

TEST(a_policy_may_be_death)
{
    start(MEMORY_CRASH, 0);
    touch(SPARE);
    EXPECT(d->shutdown);
    EXPECT_EQ(d->shutdown_code, SHUTDOWN_crash);
    EXPECT(!told());
    EXPECT(strstr(fake_console_output(), "out of PoD memory at gpa 9000"));
}

TEST(a_policy_may_be_a_loan)
{
    start(MEMORY_BORROW, 1);
    touch(SPARE);
    EXPECT_EQ(v->hold, 0);
    EXPECT_EQ(d->account.borrowed, 1);
    *(uint64_t *)arch_map(p2m_get(&d->p2m, GFN(SPARE)).mfn) = 1;
    EXPECT(!told());
    touch(SPARE + 1);
    EXPECT_EQ(v->hold, HOLD_MEMORY);
    EXPECT(told());
}

/* The others run, so the domain does; and it is blocked when all are. */
TEST(it_can_be_seen_from_outside)
{
    struct xen_domctl_getdomaininfo info;

    start(MEMORY_WAIT, 0);
    sched_release(d->vcpus[1], HOLD_OFFLINE | HOLD_PAUSED);
    touch(SPARE);
    domain_info_fill(d, &info);
    EXPECT(!(info.flags & XEN_DOMINF_blocked));
    EXPECT_EQ(info.nr_online_vcpus, 2);
    sched_hold(d->vcpus[1], HOLD_BLOCKED);
    domain_info_fill(d, &info);
    EXPECT(info.flags & XEN_DOMINF_blocked);
}

/* Its own hypercall is executed again, and has the result then. */
TEST(a_hypercall_waits_for_its_buffer)
{
    const uint64_t args[6] = {XENVER_extraversion, SPARE << PAGE_SHIFT};

    start(MEMORY_WAIT, 0);
    EXPECT_EQ(hc_xen_version(v, args), -ERESTART);
    EXPECT_EQ(v->hold, HOLD_MEMORY);
    EXPECT_EQ(memory_set_pod_target(d, 3), 0);
    EXPECT_EQ(v->hold, 0);
    EXPECT_EQ(hc_xen_version(v, args), 0);
    EXPECT(!strcmp(arch_map(p2m_get(&d->p2m, GFN(SPARE)).mfn), ".podium"));
}

/* Nothing is mapped before there is room for the errors. */
TEST(a_batch_waits_before_it_begins)
{
    struct xen_add_to_physmap_batch batch = {
        .domid = DOMID_SELF,
        .space = XENMAPSPACE_gmfn,
        .size = 1,
    };
    const uint64_t args[6] = {XENMEM_add_to_physmap_batch, 0x100};
    uint64_t *ram;

    start(MEMORY_WAIT, 0);
    ram = arch_map(p2m_get(&d->p2m, GFN(0)).mfn);
    batch.idxs.p = (void *)0x200;
    batch.gpfns.p = (void *)0x208;
    batch.errs.p = (void *)(SPARE << PAGE_SHIFT);
    memcpy(&ram[0x100 / 8], &batch, sizeof(batch));
    ram[0x200 / 8] = 1;    /* from gfn 1 */
    ram[0x208 / 8] = 0x40; /* to gfn 0x40 */
    EXPECT_EQ(hc_memory_op(v, args), HYPERCALL_CONTINUE);
    EXPECT_EQ(v->hold, HOLD_MEMORY);
    EXPECT_EQ(p2m_get(&d->p2m, GFN(1)).type, P2M_RAM);
    EXPECT_EQ(memory_set_pod_target(d, 3), 0);
    EXPECT_EQ(hc_memory_op(v, args), 0);
    EXPECT_EQ(p2m_get(&d->p2m, GFN(0x40)).type, P2M_RAM);
    EXPECT_EQ(*(int *)arch_map(p2m_get(&d->p2m, GFN(SPARE)).mfn), 0);
}
