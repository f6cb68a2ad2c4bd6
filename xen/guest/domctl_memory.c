/* SPDX-License-Identifier: MIT */
/* Domctls about how much memory a domain may have: TS-18, 22, 46, 47. */
#include "guest/domctl.h"

#include "domain/memory.h"
#include "public/podium.h"
#include "types/error.h"

enum {
    KIB_SHIFT = 10,
};

static int max_mem(struct domctl *c)
{
    memory_set_max_pages(c->d,
                         c->op.u.max_mem.max_memkb >> (PAGE_SHIFT - KIB_SHIFT));
    return 0;
}

/*
 * What other hypervisors set aside for second-stage tables is a limit here: a
 * guest that spreads its mappings over all of its address space runs into it
 * instead of into the host's memory. It cannot fall below what is in use or
 * kept for the memory that there is.
 */
static int set_pool(struct domctl *c)
{
    uint64_t bytes = c->op.u.paging_mempool.size;

    if (bytes & ~PAGE_MASK) {
        return -EINVAL;
    }
    c->d->paging_pool = bytes;
    memory_set_table_limit(c->d, MAX(bytes >> PAGE_SHIFT, 1ULL));
    return 0;
}

static int get_pool(struct domctl *c)
{
    c->op.u.paging_mempool.size = c->d->paging_pool;
    return 0;
}

BUILD_ASSERT(sizeof(struct podium_scrub_pattern) <=
                 sizeof(((struct xen_domctl *)0)->u),
             "domctl ABI");

static int set_scrub_pattern(struct domctl *c)
{
    struct podium_scrub_pattern *p = (void *)&c->op.u;

    return memory_set_pattern(c->d, p->pattern);
}

static int get_scrub_pattern(struct domctl *c)
{
    struct podium_scrub_pattern *p = (void *)&c->op.u;

    p->pattern = c->d->pod.pattern;
    return 0;
}

static const struct domctl_row rows[] = {
    {XEN_DOMCTL_max_mem, 0, max_mem},
    {XEN_DOMCTL_set_paging_mempool_size, 0, set_pool},
    {XEN_DOMCTL_get_paging_mempool_size, DOMCTL_REPLIES, get_pool},
    {PODIUM_DOMCTL_set_scrub_pattern, 0, set_scrub_pattern},
    {PODIUM_DOMCTL_get_scrub_pattern, DOMCTL_REPLIES, get_scrub_pattern},
};

const struct domctl_family domctl_memory = {rows, ARRAY_COUNT(rows)};
