/* SPDX-License-Identifier: MIT */
/*
 * Commands that list domains, and guests by UUID.
 *
 * Scripts of many years read these columns, so the layouts are xl's own,
 * tabs included, and not table.c's.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cmdtable.h"
#include "domain_json.h"
#include "domainarg.h"
#include "size.h"
#include "uuid.h"

static void print_domain(struct xc *xc, const struct xc_domain *d)
{
    char name[XC_NAME_MAX];
    bool crashed = d->shutdown && d->shutdown_code == XC_SHUTDOWN_CRASH;
    char blocked = d->blocked ? 'b' : '-';

    domain_name_of(xc, d->domid, name);
    if (!d->shutdown && !d->dying && xc_pod_waiting(xc, d->domid)) {
        blocked = 'm'; /* for memory, and in want of help, perhaps */
    }
    printf("%-40s %5u %5lu %5u     %c%c%c%c%c%c  %8.1f", name, d->domid,
           (unsigned long)((d->current_kib + d->outstanding_kib) / KIB_PER_MIB),
           d->online_vcpus, d->running ? 'r' : '-', blocked,
           d->paused ? 'p' : '-', d->shutdown ? 's' : '-', crashed ? 'c' : '-',
           d->dying ? 'd' : '-', (double)d->cpu_time_ns / 1e9);
}

static void print_verbose(const struct xc_domain *d)
{
    char uuid[UUID_TEXT_SIZE];

    uuid_format(d->uuid, uuid);
    printf(" %s", uuid);
    if (d->shutdown) {
        printf(" %8x", d->shutdown_code);
    } else {
        printf(" %8s", "-");
    }
}

/* Security labels, of which we have none. */
static void print_label(void)
{
    printf(" %16s", "-");
}

static void print_heading(const char *more)
{
    printf("Name                                        ID   Mem VCPUs\t"
           "State\tTime(s)%s\n",
           more);
}

/* The memory node that a domain would rather be on: there is a choice only on
 * other hosts, and no way yet to make it. */
static void print_nodes(void)
{
    printf(" %16s", "any node");
}

static int list_table(struct xc *xc, const struct args *args,
                      const struct xc_domain *list, size_t count)
{
    bool show_more = arg_given(args, 'v'), pool = arg_given(args, 'c');
    bool nodes = arg_given(args, 'n'), label = arg_given(args, 'Z');
    char more[128];

    snprintf(more, sizeof(more), "%s%s%s%s",
             show_more ? "   UUID                            Reason-Code" : "",
             show_more ? "\tSecurity Label"
             : label   ? "   Security Label"
                       : "",
             pool ? "         Cpupool" : "", nodes ? " NODE Affinity" : "");
    print_heading(more);
    for (size_t i = 0; i < count; i++) {
        print_domain(xc, &list[i]);
        if (show_more) {
            print_verbose(&list[i]);
        }
        if (show_more || label) {
            print_label();
        }
        if (pool) {
            printf(" %16s", "Pool-0");
        }
        if (nodes) {
            print_nodes();
        }
        putchar('\n');
    }
    return XL_OK;
}

static int list_json(struct xc *xc, const struct xc_domain *list, size_t count)
{
    struct json j;

    json_start(&j, stdout);
    json_array_begin(&j, NULL);
    for (size_t i = 0; i < count; i++) {
        domain_json(&j, xc, &list[i]);
    }
    json_array_end(&j);
    json_finish(&j);
    return XL_OK;
}

int cmd_list(struct xc *xc, const struct args *args)
{
    struct xc_domain *list;
    size_t count;
    int status;

    if (!domain_select(xc, args, &list, &count)) {
        return XL_FAILED;
    }
    if (arg_given(args, 'l')) {
        status = list_json(xc, list, count);
    } else {
        status = list_table(xc, args, list, count);
    }
    free(list);
    return status;
}

/* What may still be claimed: a claim is given what is free, and what would give
 * way for it. */
static int print_claimable(struct xc *xc)
{
    struct xc_host host;

    if (xc_host_info(xc, &host)) {
        return failed(xc, "cannot ask for the host's free memory");
    }
    printf("Host (MiB): %lu free, %lu freeable, %lu claimed\n",
           (unsigned long)(host.free_kib / KIB_PER_MIB),
           (unsigned long)(host.freeable_kib / KIB_PER_MIB),
           (unsigned long)(host.outstanding_kib / KIB_PER_MIB));
    return XL_OK;
}

/* What is claimed but not yet had is part of Mem, so that sums are right. */
int cmd_claims(struct xc *xc, const struct args *args)
{
    struct xc_domain *list;
    size_t count;

    if (!domain_select(xc, args, &list, &count)) {
        return XL_FAILED;
    }
    print_heading("  Claimed");
    for (size_t i = 0; i < count; i++) {
        print_domain(xc, &list[i]);
        printf(" %5lu\n",
               (unsigned long)(list[i].outstanding_kib / KIB_PER_MIB));
    }
    free(list);
    return print_claimable(xc);
}

int cmd_sharing(struct xc *xc, const struct args *args)
{
    struct xc_domain *list;
    size_t count;

    if (!domain_select(xc, args, &list, &count)) {
        return XL_FAILED;
    }
    printf("Name                                        ID   Mem Shared\n");
    for (size_t i = 0; i < count; i++) {
        char name[XC_NAME_MAX];

        domain_name_of(xc, list[i].domid, name);
        printf("%-40s %5u %5lu  %5lu\n", name, list[i].domid,
               (unsigned long)((list[i].current_kib + list[i].outstanding_kib) /
                               KIB_PER_MIB),
               (unsigned long)(list[i].shared_kib / KIB_PER_MIB));
    }
    free(list);
    return XL_OK;
}

int cmd_vm_list(struct xc *xc, const struct args *args)
{
    struct xc_domain *list;
    size_t count;

    if (!domain_select(xc, args, &list, &count)) {
        return XL_FAILED;
    }
    printf("UUID                                  ID    name\n");
    for (size_t i = 0; i < count; i++) {
        char name[XC_NAME_MAX], uuid[UUID_TEXT_SIZE];

        if (!list[i].domid) {
            continue;
        }
        domain_name_of(xc, list[i].domid, name);
        uuid_format(list[i].uuid, uuid);
        printf("%s  %u    %-30s\n", uuid, list[i].domid, name);
    }
    free(list);
    return XL_OK;
}
