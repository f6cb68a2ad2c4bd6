/* SPDX-License-Identifier: MIT */
/*
 * Event channels of three domains against a flat model: an array of what each
 * port is, the bits that the guest sees, and how far the news of each has got
 * (selector, upcall).
 */
#include "domains.h"
#include "machine.h"
#include "ops.h"
#include "types/bits.h"
#include "types/error.h"

#include <xen/xen.h>

#define DOMAINS   3U
#define VCPUS     2U
#define PORTS     150U /* more than one bucket */
#define NO_DOMAIN 77U  /* whom nobody is */

struct port {
    enum event_state state;
    unsigned vcpu, virq, remote, remote_port;
    bool pending, masked;
};

static struct domain *domains[DOMAINS];
static struct port ports[DOMAINS][EVENT_BUCKET * 2];
static uint64_t selector[DOMAINS][VCPUS];
static bool upcall[DOMAINS][VCPUS], has_bucket[DOMAINS][2];

static struct shared_info *shared(unsigned d)
{
    return page_map(domains[d]->shared_info);
}

static struct vcpu_info *info(unsigned d, unsigned vcpu)
{
    return domains[d]->vcpus[vcpu]->info.info;
}

/* One of the first ports mostly, as they are those that are in use. */
static uint32_t any_port(uint32_t arg)
{
    static const uint32_t edges[] = {0, PORTS, PORTS + 1, 4095, 4096, ~0U};

    switch (arg % 8) {
    case 0:
        return edges[arg / 8 % ARRAY_COUNT(edges)];
    case 1:
        return arg / 8 % PORTS;
    default:
        return arg / 8 % 12;
    }
}

static struct port *port_of(unsigned d, uint32_t port)
{
    static struct port none;

    none = (struct port){.state = EVENT_FREE};
    return port < EVENT_BUCKET * 2 ? &ports[d][port] : &none;
}

static void model_select(unsigned d, uint32_t port)
{
    unsigned vcpu = ports[d][port].vcpu;
    uint64_t bit = BIT(port / 64);

    if (!(selector[d][vcpu] & bit)) {
        selector[d][vcpu] |= bit;
        upcall[d][vcpu] = true;
    }
}

static void model_raise(unsigned d, uint32_t port)
{
    struct port *p = &ports[d][port];

    if (!p->pending) {
        p->pending = true;
        if (!p->masked) {
            model_select(d, port);
        }
    }
}

static uint32_t lowest_free(unsigned d)
{
    uint32_t port = 1;

    while (port <= PORTS && ports[d][port].state != EVENT_FREE) {
        port++;
    }
    return port;
}

/* The call wanted a new port: was the answer right? Fills in all but what the
 * new port is for. True: it is there. */
static bool expect_new(int rc, unsigned d, uint32_t port, uint32_t wanted,
                       enum event_state state, unsigned vcpu)
{
    struct port *p = &ports[d][wanted];

    if (rc == -ENOMEM) {
        EXPECT(!has_bucket[d][wanted / EVENT_BUCKET]);
        return false;
    }
    EXPECT_EQ((int64_t)rc, wanted <= PORTS ? 0 : (int64_t)-ENOSPC);
    if (rc) {
        return false;
    }
    EXPECT_EQ(port, wanted);
    has_bucket[d][wanted / EVENT_BUCKET] = true;
    p->state = state;
    p->vcpu = vcpu;
    return true;
}

static int op_alloc(const uint32_t *arg)
{
    unsigned d = arg[0] % DOMAINS;
    unsigned remote = arg[1] % 8 ? arg[1] % DOMAINS : NO_DOMAIN;
    uint32_t port = 0, wanted = lowest_free(d);
    int rc = event_alloc_unbound(domains[d], remote, &port);

    if (expect_new(rc, d, port, wanted, EVENT_UNBOUND, 0)) {
        ports[d][port].remote = remote;
    }
    return rc;
}

/* So many that another bucket is wanted. */
static int op_alloc_many(const uint32_t *arg)
{
    int rc = 0;

    for (unsigned i = 0; i < 60 && !rc; i++) {
        rc = op_alloc(arg);
    }
    return rc;
}

static int op_bind(const uint32_t *arg)
{
    unsigned d = arg[0] % DOMAINS, remote = arg[1] % DOMAINS;
    uint32_t theirs = any_port(arg[2]), port = 0, wanted = lowest_free(d);
    struct port *p = port_of(remote, theirs);
    int rc = event_bind_interdomain(domains[d], domains[remote], theirs, &port);

    if (p->state != EVENT_UNBOUND || p->remote != d) {
        EXPECT_EQ((int64_t)rc, (int64_t)-EINVAL);
    } else if (expect_new(rc, d, port, wanted, EVENT_INTERDOMAIN, 0)) {
        ports[d][port].remote = remote;
        ports[d][port].remote_port = theirs;
        p->state = EVENT_INTERDOMAIN;
        p->remote_port = port;
        model_raise(d, port);
    }
    return rc;
}

static bool is_per_vcpu(unsigned virq)
{
    return virq == VIRQ_TIMER || virq == VIRQ_DEBUG || virq == VIRQ_XENPMU;
}

/* Where the VIRQ is bound; 0: nowhere. */
static uint32_t port_of_virq(unsigned d, unsigned virq, unsigned vcpu)
{
    for (uint32_t port = 1; port <= PORTS; port++) {
        const struct port *p = &ports[d][port];

        if (p->state == EVENT_VIRQ && p->virq == virq &&
            (p->vcpu == vcpu || !is_per_vcpu(virq))) {
            return port;
        }
    }
    return 0;
}

static int op_bind_virq(const uint32_t *arg)
{
    unsigned d = arg[0] % DOMAINS, virq = arg[1] % (VIRQ_LIMIT + 1);
    unsigned vcpu = arg[2] % 2 ? 0 : arg[2] / 2 % (VCPUS + 1);
    uint32_t port = 0, wanted = lowest_free(d);
    int rc = event_bind_virq(domains[d], virq, vcpu, &port);

    if (virq == VIRQ_LIMIT || (!is_per_vcpu(virq) && vcpu)) {
        EXPECT_EQ((int64_t)rc, (int64_t)-EINVAL);
    } else if (vcpu == VCPUS) {
        EXPECT_EQ((int64_t)rc, (int64_t)-ENOENT);
    } else if (port_of_virq(d, virq, vcpu)) {
        EXPECT_EQ((int64_t)rc, (int64_t)-EEXIST);
    } else if (expect_new(rc, d, port, wanted, EVENT_VIRQ, vcpu)) {
        ports[d][port].virq = virq;
    }
    return rc;
}

static int op_bind_ipi(const uint32_t *arg)
{
    unsigned d = arg[0] % DOMAINS, vcpu = arg[1] % (VCPUS + 1);
    uint32_t port = 0, wanted = lowest_free(d);
    int rc = event_bind_ipi(domains[d], vcpu, &port);

    if (vcpu == VCPUS) {
        EXPECT_EQ((int64_t)rc, (int64_t)-ENOENT);
    } else {
        expect_new(rc, d, port, wanted, EVENT_IPI, vcpu);
    }
    return rc;
}

static int op_move(const uint32_t *arg)
{
    unsigned d = arg[0] % DOMAINS, vcpu = arg[2] % (VCPUS + 1);
    uint32_t port = any_port(arg[1]);
    struct port *p = port_of(d, port);
    bool ok = p->state == EVENT_UNBOUND || p->state == EVENT_INTERDOMAIN ||
              (p->state == EVENT_VIRQ && !is_per_vcpu(p->virq));
    int rc = event_bind_vcpu(domains[d], port, vcpu);

    if (vcpu == VCPUS) {
        EXPECT_EQ((int64_t)rc, (int64_t)-ENOENT);
    } else {
        EXPECT_EQ((int64_t)rc, ok ? 0 : (int64_t)-EINVAL);
        p->vcpu = ok ? vcpu : p->vcpu;
    }
    return rc;
}

static void model_close(unsigned d, uint32_t port)
{
    struct port *p = &ports[d][port];

    if (p->state == EVENT_INTERDOMAIN) {
        ports[p->remote][p->remote_port].state = EVENT_UNBOUND;
    }
    *p = (struct port){.state = EVENT_FREE, .masked = p->masked};
}

static int op_close(const uint32_t *arg)
{
    unsigned d = arg[0] % DOMAINS;
    uint32_t port = any_port(arg[1]);
    bool ok = port_of(d, port)->state != EVENT_FREE;
    int rc = event_close(domains[d], port);

    EXPECT_EQ((int64_t)rc, ok ? 0 : (int64_t)-EINVAL);
    if (ok) {
        model_close(d, port);
    }
    return rc;
}

static int op_reset(const uint32_t *arg)
{
    unsigned d = arg[0] % DOMAINS;

    EXPECT_EQ(event_reset(domains[d]), 0);
    for (uint32_t port = 1; port <= PORTS; port++) {
        model_close(d, port);
    }
    return 0;
}

static int op_send(const uint32_t *arg)
{
    unsigned d = arg[0] % DOMAINS;
    uint32_t port = any_port(arg[1]);
    const struct port *p = port_of(d, port);
    bool ok = p->state == EVENT_IPI || p->state == EVENT_UNBOUND ||
              p->state == EVENT_INTERDOMAIN;
    int rc = event_send(domains[d], port);

    EXPECT_EQ((int64_t)rc, ok ? 0 : (int64_t)-EINVAL);
    if (p->state == EVENT_IPI) {
        model_raise(d, port);
    } else if (p->state == EVENT_INTERDOMAIN) {
        model_raise(p->remote, p->remote_port);
    }
    return rc;
}

static int op_raise_virq(const uint32_t *arg)
{
    unsigned virq = arg[1] % VIRQ_LIMIT, vcpu = arg[2] % VCPUS;
    /* Global ones are domain 0's. */
    unsigned d = is_per_vcpu(virq) ? arg[0] % DOMAINS : 0;
    uint32_t port = port_of_virq(d, virq, vcpu);

    if (is_per_vcpu(virq)) {
        event_raise_vcpu_virq(domains[d]->vcpus[vcpu], virq);
    } else {
        event_raise_global_virq(virq);
    }
    if (port) {
        model_raise(d, port);
    }
    return 0;
}

static int op_mask(const uint32_t *arg)
{
    unsigned d = arg[0] % DOMAINS;
    uint32_t port = MIN(any_port(arg[1]), PORTS);

    shared(d)->evtchn_mask[port / 64] |= BIT(port % 64);
    ports[d][port].masked = true;
    return 0;
}

static int op_unmask(const uint32_t *arg)
{
    unsigned d = arg[0] % DOMAINS;
    uint32_t port = any_port(arg[1]);
    bool ok = port < EVENT_BUCKET * 2 && has_bucket[d][port / EVENT_BUCKET];
    int rc = event_unmask(domains[d], port);

    EXPECT_EQ((int64_t)rc, ok ? 0 : (int64_t)-EINVAL);
    if (ok) {
        ports[d][port].masked = false;
        if (ports[d][port].pending) {
            model_select(d, port);
        }
    }
    return rc;
}

/* The guest takes its upcall, and clears what is pending or not. */
static int op_take(const uint32_t *arg)
{
    unsigned d = arg[0] % DOMAINS, vcpu = arg[1] % VCPUS;

    info(d, vcpu)->evtchn_upcall_pending = 0;
    info(d, vcpu)->evtchn_pending_sel = 0;
    upcall[d][vcpu] = false;
    selector[d][vcpu] = 0;
    for (uint32_t port = 0; port <= PORTS && arg[2] % 4; port++) {
        shared(d)->evtchn_pending[port / 64] &= ~BIT(port % 64);
        ports[d][port].pending = false;
    }
    return 0;
}

static void check_port(unsigned d, uint32_t port)
{
    const struct port *p = &ports[d][port];
    struct event_port real;

    EXPECT_EQ(event_status(domains[d], port, &real), 0);
    EXPECT_EQ(real.state, p->state);
    EXPECT_EQ(event_port_pending(domains[d], port), p->pending);
    EXPECT_EQ(shared(d)->evtchn_mask[port / 64] >> port % 64 & 1, p->masked);
    if (p->state != EVENT_FREE) {
        EXPECT_EQ(real.vcpu, p->vcpu);
    }
    if (p->state == EVENT_UNBOUND || p->state == EVENT_INTERDOMAIN) {
        EXPECT_EQ(real.remote_domain, p->remote);
    }
    if (p->state == EVENT_INTERDOMAIN) {
        EXPECT_EQ(real.remote_port, p->remote_port);
    }
}

static void check(void)
{
    for (unsigned d = 0; d < DOMAINS; d++) {
        for (uint32_t port = 0; port < EVENT_BUCKET * 2; port++) {
            check_port(d, port);
        }
        for (unsigned vcpu = 0; vcpu < VCPUS; vcpu++) {
            EXPECT_EQ(info(d, vcpu)->evtchn_pending_sel, selector[d][vcpu]);
            EXPECT_EQ(event_pending(domains[d]->vcpus[vcpu]), upcall[d][vcpu]);
        }
        EXPECT_EQ(event_audit(domains[d]), 0);
    }
}

static void start(void)
{
    machine_start(0x1000);
    for (unsigned d = 0; d < DOMAINS; d++) {
        domains[d] = domain_new(d, VCPUS);
        domains[d]->events.max_port = PORTS;
    }
}

/* Those that are left are unbound then. */
static void finish(void)
{
    for (unsigned d = DOMAINS; d-- > 0;) {
        for (uint32_t port = 1; port <= PORTS; port++) {
            model_close(d, port);
        }
        domain_end(domains[d]);
        for (unsigned other = 0; other < d; other++) {
            for (uint32_t port = 0; port < EVENT_BUCKET * 2; port++) {
                check_port(other, port);
            }
        }
        domains_check();
    }
}

enum {
    OP_ALLOC,
    OP_ALLOC_MANY,
    OP_BIND,
    OP_BIND_VIRQ,
    OP_BIND_IPI,
    OP_MOVE,
    OP_CLOSE,
    OP_RESET,
    OP_SEND,
    OP_RAISE_VIRQ,
    OP_MASK,
    OP_UNMASK,
    OP_TAKE,
};

static const struct op_kind kinds[] = {
    [OP_ALLOC] = {"OP_ALLOC", 20, op_alloc},
    [OP_ALLOC_MANY] = {"OP_ALLOC_MANY", 1, op_alloc_many},
    [OP_BIND] = {"OP_BIND", 60, op_bind},
    [OP_BIND_VIRQ] = {"OP_BIND_VIRQ", 8, op_bind_virq},
    [OP_BIND_IPI] = {"OP_BIND_IPI", 8, op_bind_ipi},
    [OP_MOVE] = {"OP_MOVE", 30, op_move},
    [OP_CLOSE] = {"OP_CLOSE", 30, op_close},
    [OP_RESET] = {"OP_RESET", 1, op_reset},
    [OP_SEND] = {"OP_SEND", 40, op_send},
    [OP_RAISE_VIRQ] = {"OP_RAISE_VIRQ", 15, op_raise_virq},
    [OP_MASK] = {"OP_MASK", 20, op_mask},
    [OP_UNMASK] = {"OP_UNMASK", 20, op_unmask},
    [OP_TAKE] = {"OP_TAKE", 20, op_take},
};

static const struct model events = {
    .name = "events",
    .kinds = kinds,
    .kind_count = ARRAY_COUNT(kinds),
    .may_be_short = true,
    .start = start,
    .check = check,
    .finish = finish,
};

TEST(events_at_random_agree_with_the_model)
{
    ops_random(&events, 1, 2000);
}

TEST(events_at_random_agree_with_the_model_again)
{
    ops_random(&events, 2, 2000);
}
