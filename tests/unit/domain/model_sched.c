/* SPDX-License-Identifier: MIT */
/* Whatever happens to vCPUs, each that may run does so before long, none is
 * lost, and no CPU is idle that one may run on. */
#include "arch/fake/fake.h"
#include "arch/timer.h"
#include "cpus.h"
#include "ops.h"
#include "types/bits.h"
#include "unit.h"

#define CPUS    3
#define DOMAINS 5
#define VCPUS   2
/* With a tenth of the weight of others, which may be 9 on a CPU: */
#define PATIENCE_NS (1500 * MS)

static struct domain *domains[DOMAINS];

static void start(void)
{
    cpus_start(CPUS);
    for (unsigned i = 0; i < DOMAINS; i++) {
        domains[i] = cpus_domain(VCPUS);
    }
}

static void nobody_starves(uint64_t now)
{
    (void)now;
    for (unsigned i = 0; i < DOMAINS * VCPUS; i++) {
        struct domain *d = domains[i / VCPUS];
        uint64_t waited = cpus_waited(d->vcpus[i % VCPUS]);

        if (waited > PATIENCE_NS && !d->cpu_share.cap) {
            FAIL("d%uv%u waits for %llu ms", d->id, i % VCPUS, waited / MS);
        }
    }
}

static struct vcpu *chosen(const uint32_t *arg)
{
    return domains[arg[0] % DOMAINS]->vcpus[arg[1] % VCPUS];
}

static int op_block(const uint32_t *arg)
{
    sched_hold(chosen(arg), HOLD_BLOCKED);
    return 0;
}

static int op_wake(const uint32_t *arg)
{
    sched_release(chosen(arg), HOLD_BLOCKED);
    return 0;
}

static int op_pause(const uint32_t *arg)
{
    struct domain *d = domains[arg[0] % DOMAINS];

    if (arg[1] % 2) {
        domain_pause(d);
    } else if (d->pause_count > 1) {
        EXPECT_EQ(domain_unpause(d), 0);
    }
    return 0;
}

static int op_pin(const uint32_t *arg)
{
    uint64_t cpus = arg[2] % BIT(CPUS);

    sched_set_affinity(chosen(arg), cpus ? cpus : BIT(CPUS) - 1);
    return 0;
}

static int op_share(const uint32_t *arg)
{
    uint16_t weight = (uint16_t)(100 + arg[1] % 900);
    uint16_t cap = arg[2] % 3 ? 0 : (uint16_t)(1 + arg[3] % 150);

    sched_set_share(domains[arg[0] % DOMAINS], weight, cap);
    return 0;
}

static int op_yield(const uint32_t *arg)
{
    struct vcpu *v = chosen(arg);

    if (v->running_on != NOT_RUNNING) {
        fake_set_cpu(v->running_on);
        sched_yield(v);
        fake_set_cpu(0);
    }
    return 0;
}

static int op_run(const uint32_t *arg)
{
    cpus_run(STEP_NS + arg[0] % (100 * MS), nobody_starves);
    return 0;
}

enum {
    OP_BLOCK,
    OP_WAKE,
    OP_PAUSE,
    OP_PIN,
    OP_SHARE,
    OP_YIELD,
    OP_RUN,
};

static const struct op_kind kinds[] = {
    [OP_BLOCK] = {"OP_BLOCK", 4, op_block},
    [OP_WAKE] = {"OP_WAKE", 6, op_wake},
    [OP_PAUSE] = {"OP_PAUSE", 2, op_pause},
    [OP_PIN] = {"OP_PIN", 2, op_pin},
    [OP_SHARE] = {"OP_SHARE", 1, op_share},
    [OP_YIELD] = {"OP_YIELD", 2, op_yield},
    [OP_RUN] = {"OP_RUN", 6, op_run},
};

/* A step brings everybody to where it should be. */
static void check(void)
{
    cpus_run(STEP_NS, NULL);
    cpus_check();
}

static const struct model scheduling = {
    .name = "scheduling",
    .kinds = kinds,
    .kind_count = ARRAY_COUNT(kinds),
    .start = start,
    .check = check,
};

TEST(nobody_is_lost_or_starves)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        ops_random(&scheduling, seed, 500);
    }
}
