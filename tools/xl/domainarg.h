/* SPDX-License-Identifier: MIT */
/* Domains as a user names them, for commands. */
#ifndef XL_DOMAINARG_H
#define XL_DOMAINARG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libxc/xc.h"

#include "args.h"

/* The domain called `what`, a name or an id. False after a message. */
bool domain_find(struct xc *xc, const char *what, uint32_t *domid);

/*
 * The domains that a command's words name, or all of them without words.
 * False after a message. *list: free().
 */
bool domain_select(struct xc *xc, const struct args *args,
                   struct xc_domain **list, size_t *count);

/* False, and "(null)" as users of xl know it, if it has none or nobody knows:
 * that there is no xenstored is said once. */
bool domain_name_of(struct xc *xc, uint32_t domid, char name[XC_NAME_MAX]);

/* Report what xc says about a failure; for `return failed(xc, ...)`. */
int failed(struct xc *xc, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
