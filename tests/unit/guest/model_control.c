/* SPDX-License-Identifier: MIT */
/*
 * A toolstack that has lost its mind: domctls and sysctls of the control
 * domain, each with a structure of words at random, of which some make sense.
 * The commands are those of the hypervisor's own tables. No result is wrong by
 * itself; the sanitizers and the audits judge, and in the end all memory is
 * back.
 */
#include "domains.h"
#include "guest/domctl.h"
#include "guest/hypercall.h"
#include "guest/sysctl.h"
#include "mm/heap.h"
#include "types/bits.h"
#include "types/error.h"
#include "world.h"

#define BUFFER_AT   0x10000ULL
#define BUFFER_SIZE 0x8000U
#define DOMAINS_MAX 8U

static uint64_t seed;

static uint64_t below(uint64_t limit)
{
    return unit_random_below(&seed, limit);
}

static unsigned domain_count(void)
{
    unsigned count = 0;
    struct domain *d;

    for (domid_t id = 1; (d = domain_get_next(id)); id = (domid_t)(id + 1)) {
        id = d->id;
        domain_put(d);
        count++;
    }
    return count;
}

/* The id of one that there is, or 0. */
static domid_t some_domain(void)
{
    struct domain *d = domain_get_next((domid_t)below(2 * DOMAINS_MAX));
    domid_t id = 0;

    if (d) {
        id = d->id;
        domain_put(d);
    }
    return id;
}

static uint64_t number(void)
{
    static const uint64_t edges[] = {
        0x7ff0,      0xffff,     0x10000,    0x7fffffff, 0x80000000,
        0xffffffff,  1ULL << 32, 1ULL << 36, 1ULL << 47, WORLD_RAM - 4,
        ~0ULL << 12, 1ULL << 63, ~0ULL,
    };

    switch (below(8)) {
    case 0:
        return edges[below(ARRAY_COUNT(edges))];
    case 1:
        return unit_random(&seed);
    case 2:
    case 3:
        return BUFFER_AT + below(BUFFER_SIZE);
    case 4:
        return below(0x2000);
    default:
        return below(9);
    }
}

/* Fields are words or halves of words. */
static void fill(void *at, size_t size)
{
    uint32_t *words = at;
    bool wide = below(2);

    for (size_t i = 0; i < size / sizeof(*words); i++) {
        uint64_t n = number();

        words[i] = (uint32_t)n;
        if (wide && i + 1 < size / sizeof(*words)) {
            words[++i] = (uint32_t)(n >> 32);
        }
    }
}

static void fill_buffer(void)
{
    for (uint64_t at = 0; at < BUFFER_SIZE; at += PAGE_SIZE) {
        fill(world_ram(BUFFER_AT + at), 256);
    }
}

/* What the tools ask for, but for one word perhaps. */
static void fill_create(struct xen_domctl *op)
{
    op->u.createdomain = (struct xen_domctl_createdomain){
        .flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
        .max_vcpus = (uint32_t)(1 + below(4)),
        .max_evtchn_port = 1023,
        .max_grant_frames = 4,
        .max_maptrack_frames = 4,
        .grant_opts = 1,
        .arch.emulation_flags = XEN_X86_EMU_LAPIC,
    };
    if (below(4) == 0) {
        ((uint32_t *)&op->u)[below(sizeof(op->u.createdomain) / 4)] =
            (uint32_t)number();
    }
}

/* Registers as they were read, but for a byte perhaps. */
static void fill_context(struct xen_domctl *op)
{
    op->u.hvmcontext.size = (uint32_t)(below(8) ? 0x4000 : number());
    op->u.hvmcontext.buffer.p = (uint8_t *)BUFFER_AT;
    if (op->cmd == XEN_DOMCTL_sethvmcontext) {
        struct xen_domctl get = *op;

        get.cmd = XEN_DOMCTL_gethvmcontext;
        if (world_call(hc_domctl, &get, sizeof(get)) == 0 && below(8)) {
            op->u.hvmcontext.size = get.u.hvmcontext.size;
        }
        for (uint64_t n = below(4); n; n--) {
            uint64_t at = BUFFER_AT + below(op->u.hvmcontext.size % 0x4000 + 1);

            *(uint8_t *)world_ram(at) = (uint8_t)number();
        }
    }
}

static uint32_t any_command(uint32_t command)
{
    return below(32) ? command : (uint32_t)number();
}

static void one_domctl(const struct domctl_family *family)
{
    const struct domctl_row *row = &family->rows[below(family->count)];
    struct xen_domctl op = {
        .cmd = any_command(row->cmd),
        .interface_version = XEN_DOMCTL_INTERFACE_VERSION,
        .domain = below(16) ? some_domain() : (domid_t)number(),
    };

    fill(&op.u, sizeof(op.u));
    if (op.cmd == XEN_DOMCTL_createdomain) {
        if (domain_count() >= DOMAINS_MAX) {
            return;
        }
        fill_create(&op);
    } else if (op.cmd == XEN_DOMCTL_gethvmcontext ||
               op.cmd == XEN_DOMCTL_sethvmcontext) {
        fill_context(&op);
    }
    world_call(hc_domctl, &op, sizeof(op));
}

static void one_sysctl(const struct sysctl_family *family)
{
    struct xen_sysctl op = {
        .cmd = any_command(family->rows[below(family->count)].cmd),
        .interface_version = XEN_SYSCTL_INTERFACE_VERSION,
    };

    fill(&op.u, sizeof(op.u));
    world_call(hc_sysctl, &op, sizeof(op));
}

/* One of the guests gets some memory and promises, if it may have them; how
 * many of these three steps went well. */
static unsigned give_memory(void)
{
    struct domain *d = domain_get(some_domain());
    unsigned done = 0;

    if (d && d != world_control) {
        memory_set_max_pages(d, 1024);
        done += memory_populate(d, GFN(below(64)), 0) == 0;
        done += memory_mark_pod(d, GFN(512), ORDER_2M) == 0;
        done += memory_set_pod_target(d, below(64)) == 0;
    }
    if (d) {
        domain_put(d);
    }
    return done;
}

static void end_all(void)
{
    struct domain *d;

    while ((d = domain_get_next(1))) {
        while (domain_kill(d) == -ERESTART) {
            continue;
        }
        domain_put(d);
        domain_reap();
    }
}

TEST(control_calls_at_random)
{
    static const struct domctl_family *const domctls[] = {
        &domctl_life,    &domctl_vcpu,   &domctl_memory,
        &domctl_context, &domctl_policy, &domctl_life,
    };
    static const struct sysctl_family *const sysctls[] = {
        &sysctl_host,
        &sysctl_info,
        &sysctl_podium,
    };
    unsigned count = 20000 * unit_long(), made = 0, given = 0;
    uint64_t free, heap;

    seed = unit_seed(11);
    world_start(0x8000);
    free = page_alloc_info().free;
    heap = heap_used();
    for (unsigned n = 0; n < count; n++) {
        fill_buffer();
        if (below(4)) {
            one_domctl(domctls[below(ARRAY_COUNT(domctls))]);
        } else {
            one_sysctl(sysctls[below(ARRAY_COUNT(sysctls))]);
        }
        if (below(16) == 0) {
            given += give_memory();
        }
        if (n % 500 == 0) {
            domains_check();
            made += domain_count();
        }
    }
    EXPECT(made > 0);
    EXPECT(given > 0);
    domains_check();
    end_all();
    EXPECT_EQ(heap_used(), heap);
    EXPECT(page_alloc_info().free + 64 >= free); /* slabs stay */
    machine_check();
}
