/* SPDX-License-Identifier: MIT */
/*
 * Commands about a guest's memory: mem-set, mem-max, pod.
 *
 * mem-set only records a wish. The hypervisor's limits change at once, but
 * memory moves when the guest's balloon driver acts; pod shows how far it is.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmdtable.h"
#include "domainarg.h"
#include "message.h"
#include "size.h"
#include "table.h"

/* A size that is whole pages, from a command's second word. */
static bool size_argument(const char *text, uint64_t *kib)
{
    if (size_parse_kib(text, kib) || !*kib) {
        error("invalid memory size '%s'; expected a number of MiB, or one "
              "with a suffix t, g, m, k or b",
              text);
        return false;
    }
    *kib &= ~UINT64_C(3);
    return true;
}

int cmd_mem_set(struct xc *xc, const struct args *args)
{
    uint32_t domid;
    uint64_t kib;

    if (!size_argument(args->words[1], &kib) ||
        !domain_find(xc, args->words[0], &domid)) {
        return XL_FAILED;
    }
    if (xc_memory_set_target(xc, domid, kib)) {
        return failed(xc, "cannot set the memory target of '%s' to %s",
                      args->words[0], args->words[1]);
    }
    return XL_OK;
}

int cmd_mem_max(struct xc *xc, const struct args *args)
{
    uint32_t domid;
    uint64_t kib;

    if (!size_argument(args->words[1], &kib) ||
        !domain_find(xc, args->words[0], &domid)) {
        return XL_FAILED;
    }
    if (xc_memory_set_max(xc, domid, kib)) {
        return failed(xc, "cannot set the memory limit of '%s' to %s",
                      args->words[0], args->words[1]);
    }
    return XL_OK;
}

static const struct table_column pod_columns[] = {
    {"Name", TABLE_LEFT},
    {"ID", TABLE_RIGHT},
    {"Max(KiB)", TABLE_RIGHT},
    {"Target(KiB)", TABLE_RIGHT},
    {"Populated(KiB)", TABLE_RIGHT},
    {"Promised(KiB)", TABLE_RIGHT},
    {"Cached(KiB)", TABLE_RIGHT},
    {"Deficit(KiB)", TABLE_RIGHT},
    {"Ballooned(KiB)", TABLE_RIGHT},
    {"Swept(KiB)", TABLE_RIGHT},
};

#define POD_COLUMN_COUNT (sizeof(pod_columns) / sizeof(pod_columns[0]))

static void add_kib(struct table *t, uint64_t kib)
{
    table_add(t, "%lu", (unsigned long)kib);
}

static void add_if_known(struct table *t, uint64_t kib)
{
    if (kib) {
        add_kib(t, kib);
    } else {
        table_add(t, "-");
    }
}

/* Zero pages that were taken back; only our own hypervisor counts them. */
static void add_swept(struct table *t, struct xc *xc, uint32_t domid)
{
    struct xc_pod_counters n;

    if (xc_pod_counters(xc, domid, &n)) {
        table_add(t, "-");
    } else {
        add_kib(t, n.reclaimed_4k * 4 + n.reclaimed_2m * 2048);
    }
}

static void add_pod(struct table *t, struct xc *xc, uint32_t domid,
                    const struct xc_pod *pod)
{
    char name[XC_NAME_MAX];

    domain_name_of(xc, domid, name);
    table_add(t, "%s", name);
    table_add(t, "%u", domid);
    add_if_known(t, pod->static_max_kib);
    add_if_known(t, pod->target_kib);
    add_kib(t, pod->populated_kib);
    add_kib(t, pod->promised_kib);
    add_kib(t, pod->cached_kib);
    add_kib(t, pod->deficit_kib);
    add_kib(t, pod->ballooned_kib);
    add_swept(t, xc, domid);
}

/*
 * Domain 0 is promised nothing, so it is shown only to those who ask for it.
 * A domain that went away since the list was made is left out.
 */
static int add_domains(struct table *t, struct xc *xc,
                       const struct xc_domain *list, size_t count, bool asked)
{
    for (size_t i = 0; i < count; i++) {
        struct xc_pod pod;
        int rc;

        if ((!list[i].domid || list[i].dying) && !asked) {
            continue;
        }
        rc = xc_pod_info(xc, list[i].domid, &pod);
        if (rc == -ESRCH && !asked) {
            continue;
        }
        if (rc) {
            return failed(xc, "cannot read the memory state of domain %u",
                          list[i].domid);
        }
        add_pod(t, xc, list[i].domid, &pod);
    }
    return XL_OK;
}

int cmd_pod(struct xc *xc, const struct args *args)
{
    struct xc_domain *list;
    struct table t;
    size_t count;
    int status;

    if (!domain_select(xc, args, &list, &count)) {
        return XL_FAILED;
    }
    table_init(&t, pod_columns, POD_COLUMN_COUNT);
    status = add_domains(&t, xc, list, count, args->word_count > 0);
    if (status == XL_OK) {
        table_print(&t, stdout);
    }
    table_free(&t);
    free(list);
    return status;
}
