/* SPDX-License-Identifier: MIT */
/*
 * A domain from nothing to ready to run, all of its RAM promised and 64 MiB of
 * it given: what the calls cost that a toolstack makes, with a small kernel to
 * load. And what memory of the host that takes besides what the domain is
 * charged for. Needs privilege.
 *
 *   create_N        instructions, for N GiB promised
 *   create_N_pages  pages of the host
 *   host_pages      what the host has left, with what this domain has
 */
#include "bench.h"
#include "child.h"
#include "console.h"
#include "hypercall.h"
#include "main.h"
#include "test.h"

#define PER_1G 262144UL
#define TARGET 16384UL

/* As xl does: what is promised may need that many tables one day. */
static int set_tables(const struct child *c, uint64_t gigabytes)
{
    struct xen_domctl op;

    domctl_prepare(&op, XEN_DOMCTL_set_paging_mempool_size, c->id);
    op.u.paging_mempool.size = (256 + gigabytes * 1024) * PAGE_SIZE;
    return (int)domctl(&op);
}

static int build(struct child *c, uint64_t gigabytes)
{
    int rc = child_new(c, 1, gigabytes * PER_1G);

    c->ram_pages = gigabytes * PER_1G;
    if (!rc) {
        rc = set_tables(c, gigabytes);
    }
    if (!rc) {
        rc = child_target(c, TARGET);
    }
    if (!rc &&
        child_populate(c, 0, gigabytes, 18, XENMEMF_populate_on_demand) !=
            (int64_t)gigabytes) {
        rc = -ENOMEM;
    }
    return rc ? rc : child_load(c);
}

static void measure(const char *time_name, const char *pages_name,
                    uint64_t gigabytes)
{
    uint64_t before = host_free_pages(), time = rdtsc();
    struct child c;

    REQUIRE(build(&c, gigabytes) == 0);
    bench_report(time_name, rdtsc() - time);
    bench_report(pages_name,
                 before - host_free_pages() - child_pod(&c).tot_pages);
    REQUIRE(child_destroy(&c) == 0);
}

void test_main(void)
{
    struct xen_memory_domain self = {.domid = DOMID_SELF};

    need_privilege();
    bench_report("host_pages",
                 host_free_pages() +
                     memory_op(XENMEM_current_reservation, &self));
    children_init();
    measure("create_1", "create_1_pages", 1);
    measure("create_16", "create_16_pages", 16);
    measure("create_256", "create_256_pages", 256);
}
