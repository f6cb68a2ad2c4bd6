/* SPDX-License-Identifier: MIT */
/* Commands about names: domid, domname, rename. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmdtable.h"
#include "domainarg.h"
#include "message.h"

int cmd_domid(struct xc *xc, const struct args *args)
{
    uint32_t domid;

    if (!domain_find(xc, args->words[0], &domid)) {
        return XL_FAILED;
    }
    printf("%u\n", domid);
    return XL_OK;
}

int cmd_domname(struct xc *xc, const struct args *args)
{
    char name[XC_NAME_MAX], *end;
    unsigned long id = strtoul(args->words[0], &end, 10);
    uint32_t domid;

    if (*end || end == args->words[0] || id > UINT32_MAX) {
        error("'%s' is not a domain id", args->words[0]);
        return XL_FAILED;
    }
    if (!domain_find(xc, args->words[0], &domid)) {
        return XL_FAILED;
    }
    domain_name_of(xc, domid, name);
    printf("%s\n", name);
    return XL_OK;
}

int cmd_rename(struct xc *xc, const struct args *args)
{
    uint32_t domid;

    if (!domain_find(xc, args->words[0], &domid)) {
        return XL_FAILED;
    }
    if (xc_domain_rename(xc, domid, args->words[1])) {
        return failed(xc, "cannot rename domain '%s' to '%s'", args->words[0],
                      args->words[1]);
    }
    return XL_OK;
}
