/* SPDX-License-Identifier: MIT */
/*
 * Hypercall 36, domctl: the control domain makes, changes and ends domains.
 *
 * Calls come one at a time (domctl_lock), so that a handler may look, decide
 * and act without a second tool in between; a long one gives the lock up
 * between its slices. Who is not the control domain is turned away before the
 * lock: a guest that spins for it could not be paused by who holds it.
 */
#include "guest/domctl.h"

#include "guest/copy.h"
#include "guest/hypercall.h"
#include "types/error.h"

/* HD-4: the layouts that the handlers rely on. */
BUILD_ASSERT(sizeof(struct xen_domctl) == 144, "domctl ABI");
BUILD_ASSERT(sizeof(struct xen_domctl_createdomain) == 64, "domctl ABI");
BUILD_ASSERT(sizeof(struct xen_domctl_getdomaininfo) == 112, "domctl ABI");
BUILD_ASSERT(sizeof(struct xen_domctl_vcpuaffinity) == 40, "domctl ABI");
BUILD_ASSERT(DOMID_LIMIT == DOMID_FIRST_RESERVED, "domain ids");

static struct lock domctl_lock = LOCK_INIT(RANK_DOMCTL);

static const struct domctl_family *const families[] = {
    &domctl_life, &domctl_vcpu, &domctl_memory, &domctl_context, &domctl_policy,
};

static const struct domctl_row *find_row(uint32_t cmd)
{
    for (unsigned f = 0; f < ARRAY_COUNT(families); f++) {
        for (unsigned i = 0; i < families[f]->count; i++) {
            if (families[f]->rows[i].cmd == cmd) {
                return &families[f]->rows[i];
            }
        }
    }
    return NULL;
}

static int find_domain(struct domctl *c, const struct domctl_row *row)
{
    domid_t id = c->op.domain;

    if (row->flags & DOMCTL_FINDS) {
        return 0;
    }
    c->d = domain_get(id == DOMID_SELF ? c->caller->domain->id : id);
    if (!c->d) {
        return -ESRCH;
    }
    if ((row->flags & DOMCTL_OTHERS) && c->d == c->caller->domain) {
        return -EINVAL;
    }
    return 0;
}

static int run(struct domctl *c, const struct domctl_row *row)
{
    int rc;

    lock(&domctl_lock);
    rc = find_domain(c, row);
    if (!rc) {
        rc = row->handler(c);
    }
    if (c->d) {
        domain_put(c->d);
    }
    unlock(&domctl_lock);
    domain_reap();
    return rc;
}

static int reply(struct domctl *c, const struct domctl_row *row, uint64_t gva,
                 int rc)
{
    bool wanted = (row->flags & DOMCTL_REPLIES_ALWAYS) ||
                  (!rc && (row->flags & DOMCTL_REPLIES));

    int copied = 0;

    if (wanted) {
        copied = copy_to_guest(c->caller, gva, &c->op, sizeof(c->op));
    }
    return copied ? copied : rc;
}

int64_t hc_domctl(struct vcpu *v, const uint64_t args[6])
{
    struct domctl c = {.caller = v};
    const struct domctl_row *row;
    int rc;

    rc = hypercall_control_op(v, &c.op, args[0], sizeof(c.op),
                              XEN_DOMCTL_INTERFACE_VERSION);
    if (rc) {
        return rc;
    }
    row = find_row(c.op.cmd);
    if (!row) {
        return -ENOSYS;
    }
    rc = run(&c, row);
    if (rc == -ERESTART) {
        return rc;
    }
    return reply(&c, row, args[0], rc);
}
