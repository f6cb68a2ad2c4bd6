/* SPDX-License-Identifier: MIT */
/*
 * What a toolstack does, for tests: as little as a PVH domain needs. Frames of
 * a child are mapped at holes of this domain (gmfn_foreign), where start.S's
 * identity tables reach them.
 */
#include "child.h"

#include "cpu.h"
#include "event.h"
#include "hypercall.h"
#include "lib/string.h"
#include "main.h"
#include "memory.h"
#include "test.h"
#include "time.h"

/* How long a child may be silent. */
#define PATIENCE SECONDS(3)

enum {
    PAGING_POOL = 4 << 20,   /* bytes for second-stage tables, */
    POOL_PER_MIB = 4096,     /* and more for what may be promised, as xl does */
    EVENT_PORT_LIMIT = 1023, /* what xl asks for */
    CHECK_EVERY = 64,        /* yields between looks at a silent child */
    DESTROY_TRIES = 100000,
};

void domctl_prepare(struct xen_domctl *op, uint32_t command, domid_t id)
{
    memset(op, 0, sizeof(*op));
    op->cmd = command;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op->domain = id;
}

int64_t domctl(struct xen_domctl *op)
{
    return hypercall1(__HYPERVISOR_domctl, (uint64_t)op);
}

int64_t domctl_simple(uint32_t command, domid_t id)
{
    struct xen_domctl op;

    domctl_prepare(&op, command, id);
    return domctl(&op);
}

void sysctl_prepare(struct xen_sysctl *op, uint32_t command)
{
    memset(op, 0, sizeof(*op));
    op->cmd = command;
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
}

int64_t sysctl(struct xen_sysctl *op)
{
    return hypercall1(__HYPERVISOR_sysctl, (uint64_t)op);
}

uint64_t host_free_pages(void)
{
    struct xen_sysctl op;
    int64_t rc;

    sysctl_prepare(&op, XEN_SYSCTL_physinfo);
    rc = sysctl(&op);
    if (rc) {
        test_error("physinfo: %lld", (long long)rc);
    }
    return op.u.physinfo.free_pages;
}

int64_t host_audit(void)
{
    struct xen_sysctl op;
    struct podium_audit *audit = (void *)&op.u;
    int64_t rc;

    sysctl_prepare(&op, PODIUM_SYSCTL_audit);
    audit->domid = DOMID_SELF;
    rc = sysctl(&op);
    return rc ? rc : audit->differences;
}

void expect_clean_audit(void)
{
    int64_t found = host_audit();

    if (found != -ENOSYS) {
        EXPECT_EQ(found, 0);
    }
}

void children_init(void)
{
    struct child c;

    need_privilege();
    events_init();
    REQUIRE(child_make(&c, 512, 512) == 0);
    child_do(&c, SERVANT_NOTHING, NULL, 0);
    REQUIRE(child_destroy(&c) == 0);
}

static int create(struct child *c)
{
    struct xen_domctl op;
    int rc;

    domctl_prepare(&op, XEN_DOMCTL_createdomain, 0xffff);
    op.u.createdomain = (struct xen_domctl_createdomain){
        .flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
        .max_vcpus = c->vcpus,
        .max_evtchn_port = EVENT_PORT_LIMIT,
        .max_grant_frames = -1,
        .max_maptrack_frames = -1,
        .grant_opts = XEN_DOMCTL_GRANT_version(1),
        .arch.emulation_flags = XEN_X86_EMU_LAPIC,
    };
    rc = domctl(&op);
    c->id = op.domain;
    return rc;
}

static int set_limits(const struct child *c, uint64_t max_pages)
{
    struct xen_domctl op;
    int rc;

    domctl_prepare(&op, XEN_DOMCTL_max_vcpus, c->id);
    op.u.max_vcpus.max = c->vcpus;
    rc = domctl(&op);
    if (rc) {
        return rc;
    }
    domctl_prepare(&op, XEN_DOMCTL_max_mem, c->id);
    op.u.max_mem.max_memkb = max_pages * 4;
    rc = domctl(&op);
    if (rc) {
        return rc;
    }
    domctl_prepare(&op, XEN_DOMCTL_set_paging_mempool_size, c->id);
    op.u.paging_mempool.size = PAGING_POOL + max_pages / 256 * POOL_PER_MIB;
    return domctl(&op);
}

int child_new(struct child *c, unsigned vcpus, uint64_t max_pages)
{
    int rc;

    *c = (struct child){.vcpus = vcpus};
    rc = create(c);
    if (rc) {
        return rc;
    }
    rc = set_limits(c, max_pages);
    if (rc) {
        child_destroy(c);
    }
    return rc;
}

int child_target(struct child *c, uint64_t pages)
{
    struct xen_pod_target target = {.domid = c->id, .target_pages = pages};

    return memory_op(XENMEM_set_pod_target, &target);
}

struct xen_pod_target child_pod(const struct child *c)
{
    struct xen_pod_target target = {.domid = c->id};

    REQUIRE(memory_op(XENMEM_get_pod_target, &target) == 0);
    return target;
}

int64_t child_populate(struct child *c, uint64_t gfn, uint64_t count,
                       unsigned order, unsigned flags)
{
    static xen_pfn_t lists[MAX_CPUS][512];
    xen_pfn_t *frames = lists[this_cpu()->id];
    int64_t done = 0;

    while (count) {
        uint64_t now = MIN(count, ARRAY_COUNT(lists[0]));
        struct xen_memory_reservation r = {.nr_extents = now,
                                           .extent_order = order,
                                           .mem_flags = flags,
                                           .domid = c->id};
        int64_t rc;

        for (uint64_t i = 0; i < now; i++) {
            frames[i] = gfn + (i << order);
        }
        set_xen_guest_handle(r.extent_start, frames);
        rc = memory_op(XENMEM_populate_physmap, &r);
        if (rc < 0 || (uint64_t)rc < now) {
            return rc < 0 ? rc : done + rc;
        }
        done += rc;
        gfn += now << order;
        count -= now;
    }
    return done;
}

int child_start(struct child *c)
{
    return domctl_simple(XEN_DOMCTL_unpausedomain, c->id);
}

/* The largest order whose blocks fit at gfn and in what is left. */
static unsigned best_order(uint64_t gfn, uint64_t left)
{
    static const unsigned orders[] = {ORDER_1G, ORDER_2M};

    for (unsigned i = 0; i < ARRAY_COUNT(orders); i++) {
        uint64_t size = BIT(orders[i]);

        if (!(gfn & (size - 1)) && left >= size) {
            return orders[i];
        }
    }
    return ORDER_4K;
}

static int populate_all(struct child *c, uint64_t pages, unsigned flags)
{
    uint64_t gfn = 0;

    while (gfn < pages) {
        unsigned order = best_order(gfn, pages - gfn);
        uint64_t count = order ? 1 : pages - gfn;

        if (child_populate(c, gfn, count, order, flags) != (int64_t)count) {
            return -ENOMEM;
        }
        gfn += count << order;
    }
    return 0;
}

int child_make(struct child *c, uint64_t promised, uint64_t given)
{
    bool is_promise = given < promised;
    int rc = child_new(c, 1, given + 256);

    if (rc) {
        return rc;
    }
    c->ram_pages = promised;
    if (is_promise) {
        rc = child_target(c, given);
    }
    if (!rc) {
        rc = populate_all(c, promised,
                          is_promise ? XENMEMF_populate_on_demand : 0);
    }
    if (!rc) {
        rc = child_load(c);
    }
    if (!rc) {
        rc = child_start(c);
    }
    if (rc) {
        child_destroy(c);
    }
    return rc;
}

int child_destroy(struct child *c)
{
    int64_t rc;

    if (c->channel) {
        child_unmap(c->channel);
        c->channel = NULL;
    }
    rc = domctl_simple(XEN_DOMCTL_destroydomain, c->id);
    if (rc) {
        return rc;
    }
    /* It may take a moment until the last reference has gone. */
    for (unsigned i = 0; i < DESTROY_TRIES; i++) {
        struct xen_domctl_getdomaininfo info;

        if (child_info(c, &info) == -ESRCH) {
            return 0;
        }
        give_way();
    }
    return -EBUSY;
}

int child_info(const struct child *c, struct xen_domctl_getdomaininfo *info)
{
    struct xen_domctl op;
    int64_t rc;

    domctl_prepare(&op, XEN_DOMCTL_getdomaininfo, c->id);
    rc = domctl(&op);
    if (!rc && op.domain != c->id) {
        rc = -ESRCH; /* the next one was found */
    }
    *info = op.u.getdomaininfo;
    return rc;
}

bool child_is_shut_down(const struct child *c, unsigned *reason)
{
    struct xen_domctl_getdomaininfo info;

    if (child_info(c, &info)) {
        test_error("domain %u is not there", c->id);
    }
    *reason = info.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;
    return info.flags & XEN_DOMINF_shutdown;
}

int64_t child_counter(const struct child *c, enum podium_pod_counter index)
{
    static uint64_t values[PODIUM_POD_COUNTER_COUNT];
    struct xen_sysctl op;
    struct podium_pod_counters *p = (void *)&op.u;
    int64_t rc;

    sysctl_prepare(&op, PODIUM_SYSCTL_pod_counters);
    p->domid = c->id;
    p->buffer = (uint64_t)values;
    p->count = ARRAY_COUNT(values);
    rc = sysctl(&op);
    return rc ? rc : (int64_t)values[index];
}

void *child_map(const struct child *c, uint64_t gfn, int *rc)
{
    xen_ulong_t from = gfn;
    xen_pfn_t to = hole_alloc(1);
    int error = 0;
    struct xen_add_to_physmap_batch batch = {
        .domid = DOMID_SELF,
        .space = XENMAPSPACE_gmfn_foreign,
        .size = 1,
        .u.foreign_domid = c->id,
    };
    int64_t result;

    set_xen_guest_handle(batch.idxs, &from);
    set_xen_guest_handle(batch.gpfns, &to);
    set_xen_guest_handle(batch.errs, &error);
    result = memory_op(XENMEM_add_to_physmap_batch, &batch);
    if (rc) {
        *rc = result ? result : error;
    }
    if (result || error) {
        hole_free(to);
        return NULL;
    }
    return gfn_address(to);
}

void child_unmap(void *page)
{
    struct xen_remove_from_physmap remove = {.domid = DOMID_SELF,
                                             .gpfn = gfn_of(page)};

    EXPECT_EQ(memory_op(XENMEM_remove_from_physmap, &remove), 0);
    hole_free(gfn_of(page));
}

bool child_try_within(struct child *c, enum servant_op op, const uint64_t *args,
                      unsigned count, uint64_t patience)
{
    struct servant_channel *ch = c->channel;
    uint64_t end = time_now() + patience;
    unsigned reason;

    ch->op = op;
    for (unsigned i = 0; i < ARRAY_COUNT(ch->args); i++) {
        ch->args[i] = i < count ? args[i] : 0;
    }
    mem_barrier();
    ch->request++;
    for (unsigned i = 1; ch->done != ch->request; i++) {
        if (i % CHECK_EVERY == 0 &&
            (child_is_shut_down(c, &reason) || time_now() > end)) {
            return false;
        }
        give_way();
    }
    return true;
}

bool child_try(struct child *c, enum servant_op op, const uint64_t *args,
               unsigned count)
{
    return child_try_within(c, op, args, count, PATIENCE);
}

int64_t child_do(struct child *c, enum servant_op op, const uint64_t *args,
                 unsigned count)
{
    unsigned reason;

    if (!child_try(c, op, args, count)) {
        bool is_down = child_is_shut_down(c, &reason);

        test_error("domain %u does not answer order %u (%s %u)", c->id, op,
                   is_down ? "shut down," : "running,", reason);
    }
    if (c->channel->vector != 256) {
        test_error("order %u made vector %u in domain %u", op,
                   c->channel->vector, c->id);
    }
    return c->channel->result;
}

int64_t child_hypercall(struct child *c, unsigned number, unsigned command,
                        void *structure, size_t size)
{
    int64_t rc;

    memcpy(c->channel->buffer, structure, size);
    rc = child_do(c, SERVANT_HYPERCALL,
                  CHILD_ARGS(number, command, SERVANT_BUFFER, 1));
    memcpy(structure, c->channel->buffer, size);
    return rc;
}

int64_t child_reservation(struct child *c, unsigned command, uint64_t gfn,
                          uint64_t count, uint64_t step, unsigned order)
{
    struct order {
        struct xen_memory_reservation r;
        xen_pfn_t gfns[CHILD_EXTENTS];
    } *o = (void *)c->channel->buffer;
    BUILD_ASSERT(sizeof(*o) <= sizeof(c->channel->buffer), "fits");

    o->r = (struct xen_memory_reservation){
        .nr_extents = count, .extent_order = order, .domid = DOMID_SELF};
    set_xen_guest_handle(
        o->r.extent_start,
        (xen_pfn_t *)(SERVANT_BUFFER + offsetof(struct order, gfns)));
    for (uint64_t i = 0; i < count; i++) {
        o->gfns[i] = gfn + i * step;
    }
    return child_do(
        c, SERVANT_HYPERCALL,
        CHILD_ARGS(__HYPERVISOR_memory_op, command, SERVANT_BUFFER));
}
