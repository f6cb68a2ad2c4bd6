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
#include "domainarg.h"
#include "size.h"
#include "uuid.h"

static void print_domain(struct xc *xc, const struct xc_domain *d)
{
    char name[XC_NAME_MAX];
    bool crashed = d->shutdown && d->shutdown_code == XC_SHUTDOWN_CRASH;

    domain_name_of(xc, d->domid, name);
    printf("%-40s %5u %5lu %5u     %c%c%c%c%c%c  %8.1f", name, d->domid,
           (unsigned long)((d->current_kib + d->outstanding_kib) / KIB_PER_MIB),
           d->online_vcpus, d->running ? 'r' : '-', d->blocked ? 'b' : '-',
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
    printf(" %16s", "-"); /* security labels, of which we have none */
}

int cmd_list(struct xc *xc, const struct args *args)
{
    bool show_more = arg_given(args, 'v'), pool = arg_given(args, 'c');
    struct xc_domain *list;
    size_t count;

    if (!domain_select(xc, args, &list, &count)) {
        return XL_FAILED;
    }
    printf("Name                                        ID   Mem VCPUs\t"
           "State\tTime(s)");
    printf("%s%s\n",
           show_more ? "   UUID                            Reason-Code"
                       "\tSecurity Label"
                     : "",
           pool ? "         Cpupool" : "");
    for (size_t i = 0; i < count; i++) {
        print_domain(xc, &list[i]);
        if (show_more) {
            print_verbose(&list[i]);
        }
        if (pool) {
            printf(" %16s", "Pool-0");
        }
        putchar('\n');
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
