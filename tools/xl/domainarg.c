/* SPDX-License-Identifier: MIT */
/* Domains as a user names them: by name or by id, one, some or all. */
#include "domainarg.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmdtable.h"
#include "message.h"

bool domain_find(struct xc *xc, const char *what, uint32_t *domid)
{
    int rc = xc_domain_find(xc, what, domid);

    if (rc == -ESRCH) {
        error("domain '%s' does not exist", what);
    } else if (rc) {
        error("cannot look for domain '%s': %s", what, xc_error(xc));
    }
    return !rc;
}

static bool select_words(struct xc *xc, const struct args *args,
                         struct xc_domain *list)
{
    for (int i = 0; i < args->word_count; i++) {
        uint32_t domid;

        if (!domain_find(xc, args->words[i], &domid)) {
            return false;
        }
        if (xc_domain_info(xc, domid, &list[i])) {
            error("domain '%s': %s", args->words[i], xc_error(xc));
            return false;
        }
    }
    return true;
}

bool domain_select(struct xc *xc, const struct args *args,
                   struct xc_domain **list, size_t *count)
{
    if (!args->word_count) {
        if (xc_domain_list(xc, list, count)) {
            error("cannot list domains: %s", xc_error(xc));
            return false;
        }
        return true;
    }
    *count = (size_t)args->word_count;
    *list = must_realloc(NULL, *count * sizeof(**list));
    if (!select_words(xc, args, *list)) {
        free(*list);
        return false;
    }
    return true;
}

bool domain_name_of(struct xc *xc, uint32_t domid, char name[XC_NAME_MAX])
{
    static bool has_warned;
    int rc = xc_domain_name(xc, domid, name, XC_NAME_MAX);

    if (rc == -ENOTCONN && !has_warned) {
        warn("names are not known: %s", xc_error(xc));
        has_warned = true;
    }
    if (rc || !name[0]) {
        snprintf(name, XC_NAME_MAX, "(null)");
        return false;
    }
    return true;
}

int failed(struct xc *xc, const char *format, ...)
{
    va_list args;
    char *what;

    va_start(args, format);
    what = must_vformat(format, args);
    va_end(args);
    error("%s: %s", what, xc_error(xc));
    free(what);
    return XL_FAILED;
}
