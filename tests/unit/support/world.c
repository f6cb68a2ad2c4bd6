/* SPDX-License-Identifier: MIT */
#include "world.h"

#include "domain/memory.h"
#include "domain/sched.h"
#include "domain/time.h"
#include "types/error.h"

#define OP_AT 0x1000

struct domain *world_control;
struct vcpu *world_vcpu;

static struct domain *make(struct domain_config config, uint64_t max_pages)
{
    struct domain *d;

    config.max_evtchn_port = 1023;
    config.max_grant_frames = 4;
    config.max_maptrack_frames = 4;
    EXPECT_EQ(domain_create(&config, &d), 0);
    memory_set_max_pages(d, max_pages);
    return d;
}

void world_start(uint64_t pages)
{
    machine_start(pages);
    sched_init();
    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        time_init_cpu(cpu);
    }
    world_control = make(
        (struct domain_config){.id = 0, .privileged = true, .max_vcpus = 2},
        WORLD_RAM >> PAGE_SHIFT);
    world_vcpu = world_control->vcpus[0];
    for (uint64_t gfn = 0; gfn < WORLD_RAM >> PAGE_SHIFT; gfn += 512) {
        EXPECT_EQ(memory_populate(world_control, GFN(gfn), ORDER_2M), 0);
    }
}

struct domain *world_domain(unsigned vcpus)
{
    return make((struct domain_config){.id = DOMID_LIMIT, .max_vcpus = vcpus},
                4096);
}

void *world_ram(uint64_t at)
{
    struct p2m_entry e = p2m_get(&world_control->p2m, gfn_from_gpa(GPA(at)));

    EXPECT_EQ(e.type, P2M_RAM);
    return (uint8_t *)arch_map(e.mfn) + (at & ~PAGE_MASK);
}

int64_t world_call(world_call_fn *call, void *op, size_t size)
{
    const uint64_t args[6] = {OP_AT};
    int64_t result;

    memcpy(world_ram(OP_AT), op, size);
    do {
        result = call(world_vcpu, args);
    } while (result == -ERESTART);
    memcpy(op, world_ram(OP_AT), size);
    return result;
}
