/* SPDX-License-Identifier: MIT */
/*
 * Do domains that populate memory at the same time get in each other's way? One
 * domain, then two, four and eight on eight processors touch pages that they
 * were promised, every second one, so that each is a touch. Time counts the
 * instructions of all processors together, so a page costs the same in all
 * rounds unless somebody waits; and locks are counted while there are eight.
 */
#include "bench.h"
#include "child.h"
#include "event.h"
#include "hypercall.h"
#include "lib/string.h"
#include "test.h"
#include "time.h"

#include <xen/sched.h>

#define CHILDREN 8
#define RAM      1024ULL /* pages of each, and as many that are promised */
#define LOCKS    32

static struct child children[CHILDREN];
static xen_sysctl_lockprof_data_t locks[LOCKS];
static unsigned lock_count;
static evtchn_port_t never;

static void ask_locks(uint32_t cmd)
{
    struct xen_sysctl op;

    sysctl_prepare(&op, XEN_SYSCTL_lockprof_op);
    op.u.lockprof_op.cmd = cmd;
    op.u.lockprof_op.max_elem = LOCKS;
    set_xen_guest_handle(op.u.lockprof_op.data, locks);
    REQUIRE(sysctl(&op) == 0);
    if (cmd == XEN_SYSCTL_LOCKPROF_query) {
        lock_count = MIN(op.u.lockprof_op.nr_elem, LOCKS);
    }
}

/* How often somebody waited for a lock of that rank; NULL: of any. */
static uint64_t waits(const char *name)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < lock_count; i++) {
        if (!name || !strcmp(locks[i].name, name)) {
            sum += locks[i].block_cnt;
        }
    }
    return sum;
}

static uint64_t taken(const char *name)
{
    for (unsigned i = 0; i < lock_count; i++) {
        if (!strcmp(locks[i].name, name)) {
            return locks[i].lock_cnt;
        }
    }
    return 0;
}

static void sleep_a_little(void)
{
    struct sched_poll poll = {.nr_ports = 1,
                              .timeout = time_now() + MILLISECONDS(1)};

    set_xen_guest_handle(poll.ports, &never);
    REQUIRE(sched_op(SCHEDOP_poll, &poll) == 0);
}

static void promise(struct child *c)
{
    REQUIRE(child_new(c, 1, 2 * RAM + 64) == 0);
    c->ram_pages = RAM;
    REQUIRE(child_target(c, 2 * RAM) == 0);
    REQUIRE(child_populate(c, 0, RAM / 512, 9, XENMEMF_populate_on_demand) ==
            (int64_t)RAM / 512);
    for (uint64_t i = 0; i < RAM; i++) {
        REQUIRE(child_populate(c, RAM + 2 * i, 1, 0,
                               XENMEMF_populate_on_demand) == 1);
    }
    REQUIRE(child_load(c) == 0);
    REQUIRE(child_start(c) == 0);
    child_do(c, SERVANT_NOTHING, NULL, 0);
}

static void tell(struct child *c)
{
    c->channel->op = SERVANT_TIME;
    c->channel->args[0] = RAM << PAGE_SHIFT;
    c->channel->args[1] = RAM;
    c->channel->args[2] = 2 * PAGE_SIZE;
    mem_barrier();
    c->channel->request++;
}

static bool all_done(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (children[i].channel->done != children[i].channel->request) {
            return false;
        }
    }
    return true;
}

/* Instructions per page while that many touch theirs. */
static uint64_t touch_together(unsigned count)
{
    uint64_t longest = 0;

    for (unsigned i = 0; i < count; i++) {
        promise(&children[i]);
    }
    ask_locks(XEN_SYSCTL_LOCKPROF_reset);
    for (unsigned i = 0; i < count; i++) {
        tell(&children[i]);
    }
    while (!all_done(count)) {
        sleep_a_little();
    }
    ask_locks(XEN_SYSCTL_LOCKPROF_query);
    for (unsigned i = 0; i < count; i++) {
        uint64_t took = (uint64_t)children[i].channel->result;

        longest = MAX(longest, took);
        REQUIRE(child_destroy(&children[i]) == 0);
    }
    return longest / (count * RAM);
}

void test_main(void)
{
    static const char *const names[] = {"growth_1", "growth_2", "growth_4",
                                        "growth_8"};

    events_init();
    children_init();
    never = (evtchn_port_t)event_alloc_unbound(DOMID_SELF, DOMID_SELF);
    for (unsigned i = 0; i < 4; i++) {
        bench_report(names[i], touch_together(1U << i));
    }
    bench_report("growth_waits", waits(NULL));
    bench_report("growth_waits_p2m", waits("p2m") + waits("pod"));
    bench_report("growth_waits_alloc", waits("page_alloc"));
    bench_report("growth_p2m", taken("p2m") * 1000 / (CHILDREN * RAM));
    bench_report("growth_alloc", taken("page_alloc") * 1000 / (CHILDREN * RAM));
    bench_report("growth_sched", taken("sched") * 1000 / (CHILDREN * RAM));
}
